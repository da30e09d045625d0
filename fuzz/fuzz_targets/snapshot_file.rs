//! Snapshot files, read, verified and loaded: no input panics, each comes to an end, nothing takes memory for what is only
//! announced, and who verifies and who loads agree. Checksums are made to match, because no fuzzer guesses them. Bytes that have
//! not the outline of a file become the content of a block of one, which the first of them says more of.

#![no_main]

#[path = "../../crates/flashdb-persistence/tests/snapshot_bytes/mod.rs"]
mod snapshot_bytes;

use libfuzzer_sys::fuzz_target;
use snapshot_bytes::{Parts, judge};

fuzz_target!(|bytes: &[u8]| {
    judge(bytes, None);
    let parts = Parts::of(bytes).unwrap_or_else(|| Parts::around(bytes));
    judge(&parts.bytes(), None);
});
