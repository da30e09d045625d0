//! What an RDB file holds, in order, as [`FileReader`](super::FileReader) gives it.
//!
//! What cannot be held here (modules, types of newer servers) is not an error: it is stepped over, and an item says what was
//! left out of which key and why, so that an operator can decide whether to go on.

use std::fmt;

use super::Access;
use crate::value::RdbValue;

/// What a file holds, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum FileItem {
    /// A note about the file or its writer, such as `redis-ver` or `ctime`. Unknown ones mean nothing.
    Aux {
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// The keys that follow belong to this database.
    SelectDb(u64),
    /// How many keys the database has: a hint.
    ResizeDb {
        /// All keys.
        keys: u64,
        /// Those that expire.
        expiring: u64,
    },
    /// A key with its value.
    Entry(Entry),
    /// The source of a function library.
    Function(Vec<u8>),
    /// Something that was stepped over.
    Skipped(Skipped),
    /// The end mark. Nothing follows.
    End {
        /// Whether there was a checksum, which then was right.
        verified: bool,
    },
}

/// A key with its value and what was recorded about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Vec<u8>,
    /// Its value.
    pub value: RdbValue,
    /// When it expires, in Unix milliseconds.
    pub expire_at_ms: Option<u64>,
    /// Its use, if the writer evicted by it.
    pub access: Option<Access>,
}

/// Something in a file that was stepped over, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The database selected at that place.
    pub db: u64,
    /// The key that it was, or belongs to.
    pub key: Option<Vec<u8>>,
    /// Whether the key itself is missing; otherwise an [`FileItem::Entry`] holds the rest of it.
    pub whole_key: bool,
    /// What it is, such as `value of module type ReJSON-RL`.
    pub what: String,
    /// Why it was not taken.
    pub why: &'static str,
}

/// Longest part of a key that is printed.
const KEY_BYTES_SHOWN: usize = 128;

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            let shown = &key[..key.len().min(KEY_BYTES_SHOWN)];
            let more = if shown.len() < key.len() { "..." } else { "" };
            write!(f, "db {}, key \"{}{more}\": ", self.db, shown.escape_ascii())?;
        }
        write!(f, "{} left out: {}", self.what, self.why)
    }
}
