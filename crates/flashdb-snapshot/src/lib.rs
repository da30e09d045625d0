//! Snapshots as files: the format, writing and reading, the catalog of a data folder, chains of a full snapshot and its
//! incrementals, retention, consolidation.
//!
//! Nothing here knows a keyspace: an entry is a database's number, a key, a few words of metadata and a value that others
//! encoded. All files go through [`flashdb_disk::Disk`]. Reading order: `meta` (the head), `entry`, `piece` and `block` (the
//! content), `footer` (the index), `writer`, `reader` and `distinct` (what a file has twice); then `region`, `catalog`, `chain`. The format is drawn in
//! `docs/formats/snapshot.md`.

mod block;
mod bytes;
mod catalog;
mod chain;
mod codec;
mod consolidate;
mod distinct;
mod entry;
mod error;
mod footer;
mod meta;
mod piece;
mod reader;
mod region;
mod retention;
mod writer;

#[cfg(test)]
mod chain_test;
#[cfg(test)]
mod crash_test;
#[cfg(test)]
mod file_test;
#[cfg(test)]
mod test_disk;
#[cfg(test)]
mod test_world;

pub use block::{BLOCK_CONTENT_MAX, BlockBuilder, BlockKind, NO_SHARD, SealedBlock};
pub use catalog::{BrokenFile, Catalog, Dependents};
pub use chain::{Candidate, Chain, ChainReader, Rejection, WorkItem, can_build_on, load_order};
pub use codec::{BlockBuffer, Compression, Sealer};
pub use consolidate::consolidate;
pub use entry::EntryRef;
pub use error::SnapshotError;
pub use footer::{BlockInfo, Totals};
pub use meta::{Base, HEAD_BYTES_MAX, HistoryId, SnapshotId, SnapshotInfo, SnapshotMeta, meta_of};
pub use piece::{Collection, Member, Members, Portion, put_head};
pub use reader::{Block, SnapshotReader};
pub use region::{Region, RegionSet};
pub use retention::{Held, Retention};
pub use writer::SnapshotWriter;

/// Position in the log, as in `flashdb-log`: a snapshot of LSN n holds the effects of all frames up to n.
pub type Lsn = u64;

/// The folder of the snapshots inside the data folder.
pub const FOLDER: &str = "snapshots";
