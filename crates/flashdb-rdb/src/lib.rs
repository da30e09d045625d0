//! The serialized values of Redis: what DUMP gives and RESTORE takes, and what RDB files are made of; and its append-only
//! files, read only ([`aof`]). [`detect`] tells which of them a path is.
//!
//! Values pass through a neutral form ([`RdbValue`]) that knows nothing of how FlashDB keeps them. Decoding reads every value
//! type of Redis (to 8) and Valkey (to 9) that has a plain meaning; modules are skipped in files. Encoding writes RDB 11, which
//! Redis 7.2 and Valkey 7.2 and later load, or on demand 10 for Redis 7.0; only hashes with expiring fields need Redis 7.4 (RDB 12).
//!
//! Decoding trusts nothing: each length is checked against what is there, nesting is fixed by the format, memory stays a small
//! multiple of the input, and what Redis's deep sanitization refuses (duplicates, disorder, odd counts) is an error.

pub mod aof;
mod decode;
mod detect;
mod dump;
mod encode;
mod error;
mod file;
mod functions;
mod input;
mod length;
mod lzf;
mod pack;
mod string;
mod types;
mod value;

pub use detect::{DetectError, NoSource, Source, SourceKind, detect};
pub use dump::{DumpOptions, decode_dump, decode_dump_with, decode_value, dump, dump_with};
pub use encode::{
    EncodeLimits, ZSetOrder, write_hash, write_list, write_set, write_stream, write_string_value,
    write_value, write_zset,
};
pub use error::{FileError, RdbError};
pub use file::{Access, Entry, FileItem, FileReader, FileWriter, Flavor, NeedsVersion, Skipped};
pub use functions::{FunctionsError, decode_functions, dump_functions};
pub use string::PlainString;
pub use types::{FileVersion, ValueType};
pub use value::{
    HashField, PendingEntry, RdbValue, StreamConsumer, StreamEntry, StreamGroup, StreamId, StreamMeta,
    StreamValue,
};
