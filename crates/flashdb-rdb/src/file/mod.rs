//! RDB files: every key of a server in one stream.
//!
//! ```text
//! "REDIS" 4 digits | item ... | 0xff | CRC64 of all before u64 (0: not computed)        the checksum since version 5
//! "VALKEY" 3 digits in Valkey 9
//!
//! item = [0xfc expiry in ms | 0xfd in s] [0xf9 access frequency | 0xf8 idle seconds] type | key | value
//!      | 0xfa name value | 0xfe database | 0xfb keys, expiring keys | 0xf5 function library | 0xf7 module data
//!      | 0xf4 slot, keys, expiring keys | 0xf3 slot import (Valkey) | 0xf2 hash template (Redis)
//!      | 0xf6 function library of a release candidate
//!
//! In Redis 0xf3 is metadata that modules keep for a key; it stands before the key, like the expiry.
//! ```

mod item;
mod module;
mod reader;
mod skip;
mod template;
mod writer;

pub use item::{Entry, FileItem, Skipped};
pub use reader::FileReader;
pub use writer::{FileWriter, NeedsVersion};

pub(crate) mod opcode {
    pub(super) const HASH_TEMPLATE: u8 = 242;
    pub(super) const SLOT_IMPORT_OR_KEY_METADATA: u8 = 243;
    pub(super) const SLOT_INFO: u8 = 244;
    pub(crate) const FUNCTION_2: u8 = 245;
    pub(super) const FUNCTION_PRE_GA: u8 = 246;
    pub(super) const MODULE_AUX: u8 = 247;
    pub(super) const IDLE: u8 = 248;
    pub(super) const FREQUENCY: u8 = 249;
    pub(super) const AUX: u8 = 250;
    pub(super) const RESIZE_DB: u8 = 251;
    pub(super) const EXPIRE_MS: u8 = 252;
    pub(super) const EXPIRE_S: u8 = 253;
    pub(super) const SELECT_DB: u8 = 254;
    pub(super) const END: u8 = 255;
}

/// Which family of servers wrote a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// Redis, or Valkey before 9.
    Redis,
    /// Valkey 9 and later.
    Valkey,
}

/// How recently or how often a key was used, as eviction counted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Seconds since the last use.
    IdleSeconds(u64),
    /// Logarithmic use counter.
    Frequency(u8),
}

/// Since this version a checksum closes the file.
const VERSION_WITH_CHECKSUM: u32 = 5;
