//! What this build calls itself: towards clients (HELLO, INFO), operators (`--version`) and logs.

/// FlashDB's own version.
pub const FLASHDB_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The Redis version whose behaviour clients may expect; HELLO and INFO answer it as `version`.
pub const REDIS_VERSION: &str = "7.4.2";

/// The source revision, when the build was told one in `FLASHDB_GIT_SHA`.
pub const GIT_SHA: &str = match option_env!("FLASHDB_GIT_SHA") {
    Some(sha) => sha,
    None => "00000000",
};

/// The memory allocator of the server binary.
pub const ALLOCATOR: &str = "mimalloc";

/// The `--version` line.
pub fn version_line() -> String {
    format!(
        "FlashDB server v={FLASHDB_VERSION} redis={REDIS_VERSION} sha={GIT_SHA} malloc={ALLOCATOR} bits={}",
        usize::BITS
    )
}
