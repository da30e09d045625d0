//! Extendible hashing: a hash table that grows by one small segment at a time and never rehashes as a whole.
//!
//! The caller supplies 64-bit hashes and equality; the table stores bare values of `T` and knows no keys. It guarantees
//! SCAN cursors that stay valid over every resize, fair random samples, exact heap accounting in O(1), and marks of
//! what changed in an epoch, for snapshots. Which hash function, what a value means and locking are left to the caller.
//!
//! ```text
//!  hash: 63 ........ 40 | 39 ... 32 | 31 ...... 16 | 15 .. 0
//!        prefix           finger-     position       unused
//!        (directory)      print       (bucket)
//!
//!  directory[prefix's top bits] ──▶ segment: header | bucket 0 | bucket 1 | ... | bucket n-1     (n <= 64)
//!                                            └──▶ stash buckets, only while a bucket and its neighbour are full
//! ```
//!
//! Reading order: `table` (operations), `segment` (placing entries), `resize` (growing and shrinking), `scan`.

mod bucket;
mod directory;
mod epoch;
mod group;
mod hash;
mod hash_of;
mod iter;
mod prefetch;
mod regions;
mod resize;
mod sample;
mod scan;
mod segment;
mod table;
mod validate;
mod visit;
mod walk;

pub use hash_of::HashOf;
pub use iter::{Drain, IntoIter, Iter};
pub use prefetch::prefetch_line;
pub use regions::{Region, Regions};
pub use scan::scan_passed;
pub use table::Table;
pub use validate::Shape;
pub use walk::{Change, Remainder};
