//! Ground floor of the workspace: numbers and their texts, glob patterns, checksums, hashing, randomness, time, and the
//! few small types that every other crate may use.
//!
//! Nothing here does I/O except reading the clock, and nothing here knows keys, values, clients or RESP. Every function
//! that takes outside bytes is total: any input gives a value or `None`, in time linear in the input unless stated.

pub mod address;
pub mod args;
pub mod ascii;
pub mod clock;
pub mod crc;
pub mod glob;
pub mod hash;
pub mod long_double;
pub mod notify_flags;
pub mod number;
pub mod prefetch;
pub mod prng;
pub mod rate_limit;
pub mod split_args;
pub mod version;

pub use notify_flags::NotifyFlags;
