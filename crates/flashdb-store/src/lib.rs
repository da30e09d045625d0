//! The keyspace: 256 shards with one lock each, databases in them, entries, expiry, and the write
//! guard through which alone data changes. Knows no RESP, no clients and no commands; what has to
//! happen because of a change (log, WATCH, notifications, waiters) is noted in `Effects` and done
//! by the server's `commit`.

mod access;
mod capture;
mod compact;
mod database;
mod effects;
mod entry;
mod evict;
mod expiry;
mod gate;
mod key_page;
mod keyspace;
pub mod libraries;
mod outline;
mod pieces;
#[cfg(test)]
mod pieces_test;
mod prefixes;
#[cfg(test)]
mod prefixes_test;
mod scan;
mod shard;
mod snapshot;
#[cfg(test)]
mod snapshot_test;
#[cfg(test)]
mod test_traffic;
mod tracked;
#[cfg(test)]
mod undo_test;
mod usage;
mod value;
mod write_guard;

pub use access::{Access, Expiry, MemberAt, Policy, WrongType};
pub use compact::Compacted;
pub use database::Database;
pub use effects::{Effects, Invalidation, Message, Touched};
pub use entry::{Entry, INLINE_BYTES_MAX};
pub use evict::{Eviction, Victim};
pub use expiry::ExpiryPass;
pub use gate::{Gate, GatePass, Patience};
pub use key_page::{KeyPage, PageCursor};
pub use keyspace::{Collector, Held, KeyPlace, Keyspace, ShardSet, WINDOW};
pub use libraries::Libraries;
pub use outline::{BRANCHES_MAX, Branch, DEPTH_MAX, Outline, PREFIX_BYTES_MAX, ROOT, Sampled, WATCHED_MAX};
pub use prefixes::{Mark, ShardMark, Tally};
pub use shard::{Shard, WatchFlag};
pub use snapshot::{
    Coverage, Mode, Piece, Progress, SnapshotJob, SnapshotRunning, SnapshotSink, SnapshotWalk, WalkBudget,
};
pub use tracked::{Readers, TrackedKeys, TrackedTotals};
pub use usage::{Usage, idle_seconds, lfu, lru_seconds};
pub use value::{StrRef, Typed, Value, ValueRef};
pub use write_guard::WriteGuard;
