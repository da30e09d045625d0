//! The data types of the keyspace: each with a packed encoding for small values and one for large
//! ones, converted at configurable thresholds. Nothing here knows keys, shards, clients or RESP.

pub mod approach;
pub mod bitops;
pub mod geo;
pub mod hash;
pub mod held;
pub mod hyperloglog;
pub mod lcs;
mod length;
pub mod list;
pub mod packed;
pub mod pieces;
mod sample;
pub mod set;
pub mod stream;
mod thin_buffer;
mod thin_bytes;
mod word;
pub mod zset;
