//! Consolidation: one full snapshot made of a chain, without the data in memory.
//!
//! The new file holds the same state as the newest of the chain and has its id, LSN and label, so what builds on that state
//! goes on doing so; it is dated a second later, to have a name of its own. Nothing is removed here: until the new file is
//! durable the chain is all there is, and afterwards [`crate::Catalog::retain`] removes what has become superfluous.

use std::path::Path;
use std::sync::Arc;

use flashdb_disk::Disk;

use crate::block::BlockBuilder;
use crate::codec::{BlockBuffer, Compression};
use crate::{ChainReader, SnapshotError, SnapshotInfo, SnapshotMeta, SnapshotWriter, WorkItem};

/// Writes the chain as a full snapshot; a chain of one file is left as it is. Holds a few blocks in memory. `should_stop` is asked before each block, and may sleep to go easy on the disk; after true nothing has changed, and the
/// result is [`SnapshotError::Stopped`].
pub fn consolidate<H: Fn(&[u8], &[u8]) -> u64>(
    disk: Arc<dyn Disk>,
    dir: &Path,
    chain: &ChainReader<H>,
    compression: Compression,
    mut should_stop: impl FnMut() -> bool,
) -> Result<SnapshotInfo, SnapshotError> {
    let newest = chain.newest();
    if newest.meta().is_full() {
        return Ok(newest.info());
    }
    let meta = SnapshotMeta {
        base: None,
        compression,
        ..newest.meta().clone()
    };
    let mut writer = SnapshotWriter::create(disk, dir, meta)?;
    let mut items = chain.work_items();
    // One shard after the other: one block in the making is enough.
    items.sort_by_key(|item| chain.shard(*item));
    let mut buffer = BlockBuffer::new();
    for shard in items.chunk_by(|left, right| chain.shard(*left) == chain.shard(*right)) {
        write_shard(&mut writer, chain, shard, &mut buffer, &mut should_stop)?;
    }
    if let Some(libraries) = chain.functions()? {
        writer.append(&mut BlockBuilder::functions(&libraries))?;
    }
    if should_stop() {
        return Err(SnapshotError::Stopped);
    }
    writer.finish()
}

fn write_shard<H: Fn(&[u8], &[u8]) -> u64>(
    writer: &mut SnapshotWriter,
    chain: &ChainReader<H>,
    items: &[WorkItem],
    buffer: &mut BlockBuffer,
    should_stop: &mut impl FnMut() -> bool,
) -> Result<(), SnapshotError> {
    let Some(first) = items.first() else { return Ok(()) };
    let mut builder = BlockBuilder::entries(chain.shard(*first));
    for &item in items {
        if should_stop() {
            return Err(SnapshotError::Stopped);
        }
        chain.read::<SnapshotError>(item, buffer, |entry| {
            if builder.push_entry(entry) {
                return Ok(());
            }
            writer.append(&mut builder)?;
            let taken = builder.push_entry(entry);
            assert!(taken, "an empty block takes any entry");
            Ok(())
        })?;
    }
    writer.append(&mut builder)
}
