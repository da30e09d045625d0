//! Where the entries of a snapshot go: encoded, into one block in the making per shard. Core loops that are about to change
//! an entry and the walker call it under the shard's lock; full blocks wait for the thread that writes them.
//!
//! What waits is counted. Above half of the bound the writing thread takes unfinished blocks, too, largest first; above
//! the bound clients that write are held back ([`SnapshotSink::is_congested`]). So the memory that a snapshot takes is
//! bounded, whatever the clients do, but for one entry that is larger than the bound.

use flashdb_command::rdb_convert;
use flashdb_rdb::EncodeLimits;
use flashdb_snapshot::{BlockBuilder, EntryRef, Region};
use flashdb_store::{Coverage, Entry, SnapshotSink};
use parking_lot::Mutex;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Memory kept by a thread for encoding values.
const SCRATCH_KEPT_BYTES: usize = 64 << 10;
/// Unfinished blocks smaller than this are not worth a block of their own before the end.
const EARLY_BLOCK_BYTES: usize = COUNTED_BYTES;
/// What is captured is counted by so much: a counter that every entry moves would travel between the cores all the time.
const COUNTED_BYTES: usize = 4 << 10;
/// Hash fields whose time has come are in the state until their removal, so nothing is left out.
const NOTHING_IS_DUE_MS: i64 = 0;
/// Blocks kept for reuse: growing each anew to its 256 KiB copied all that it held twice.
const SPARE_BLOCKS_MAX: usize = 16;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// See the module's head.
pub struct CheckpointSink {
    builders: Box<[Mutex<BlockBuilder>]>,
    full: Mutex<Vec<BlockBuilder>>,
    /// Written blocks whose memory the next ones take over.
    spare: Mutex<Vec<BlockBuilder>>,
    pending_bytes: AtomicUsize,
    pending_bytes_peak: AtomicUsize,
    limit_bytes: usize,
    entries: AtomicU64,
    limits: EncodeLimits,
}

impl CheckpointSink {
    /// A sink for `shards` shards that holds clients back above `limit_bytes`.
    pub fn new(shards: usize, limit_bytes: usize, limits: EncodeLimits) -> Self {
        CheckpointSink {
            builders: (0..shards)
                .map(|shard| Mutex::new(BlockBuilder::entries(shard as u16)))
                .collect(),
            full: Mutex::default(),
            spare: Mutex::default(),
            pending_bytes: 0.into(),
            pending_bytes_peak: 0.into(),
            limit_bytes,
            entries: 0.into(),
            // Blocks are compressed as a whole.
            limits: EncodeLimits {
                compress: false,
                ..limits
            },
        }
    }

    /// Entries in the blocks that were taken so far; all of them once [`Self::take_rest`] had nothing more.
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Bytes captured and not written yet, less up to 4 KiB for each shard.
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes.load(Ordering::Relaxed)
    }

    /// The most bytes that ever waited.
    pub fn pending_bytes_peak(&self) -> usize {
        self.pending_bytes_peak.load(Ordering::Relaxed)
    }

    /// A block to be written: a full one, or the largest unfinished one while much waits.
    pub fn take(&self) -> Option<BlockBuilder> {
        let full = self.full.lock().pop();
        full.or_else(|| {
            (self.pending_bytes() > self.limit_bytes / 2)
                .then(|| self.take_largest())
                .flatten()
        })
        .inspect(|block| self.note_taken(block))
    }

    /// Any block that holds something, once nothing is captured any more.
    pub fn take_rest(&self) -> Option<BlockBuilder> {
        let unfinished = || {
            self.builders.iter().find_map(|builder| {
                let mut builder = builder.lock();
                (!builder.is_empty()).then(|| self.renew(&mut builder))
            })
        };
        let block = self.full.lock().pop().or_else(unfinished)?;
        self.note_taken(&block);
        Some(block)
    }

    fn note_taken(&self, block: &BlockBuilder) {
        self.pending_bytes
            .fetch_sub(counted(block.len()), Ordering::Relaxed);
        self.entries.fetch_add(block.entries_count(), Ordering::Relaxed);
    }

    fn take_largest(&self) -> Option<BlockBuilder> {
        let sizes = self.builders.iter().map(|builder| builder.lock().len());
        let (shard, len) = sizes.enumerate().max_by_key(|(_, len)| *len)?;
        if len < EARLY_BLOCK_BYTES {
            return None;
        }
        let mut builder = self.builders[shard].lock();
        (!builder.is_empty()).then(|| self.renew(&mut builder))
    }

    fn count(&self, bytes: usize) {
        let pending = self.pending_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if pending > self.pending_bytes_peak.load(Ordering::Relaxed) {
            self.pending_bytes_peak.fetch_max(pending, Ordering::Relaxed);
        }
    }

    /// Takes a block back whose content was written.
    pub fn give_back(&self, block: BlockBuilder) {
        let mut spare = self.spare.lock();
        if spare.len() < SPARE_BLOCKS_MAX && block.is_empty() {
            spare.push(block);
        }
    }

    /// Takes the content out of `builder`, which begins anew.
    fn renew(&self, builder: &mut BlockBuilder) -> BlockBuilder {
        let shard = builder.shard();
        let mut fresh = match self.spare.lock().pop() {
            Some(mut spare) => {
                spare.begin_entries(shard);
                spare
            }
            None => BlockBuilder::entries(shard),
        };
        std::mem::swap(builder, &mut fresh);
        fresh
    }

    fn push(&self, shard: u16, entry: &EntryRef<'_>) {
        let mut builder = self.builders[usize::from(shard)].lock();
        let mut before = counted(builder.len());
        if !builder.push_entry(entry) {
            let full = self.renew(&mut builder);
            self.full.lock().push(full);
            before = 0;
            let fits = builder.push_entry(entry);
            assert!(fits, "an empty block has room for any entry");
        }
        let after = counted(builder.len());
        drop(builder);
        if after > before {
            self.count(after - before);
        }
    }
}

/// What counts of a block of this length.
fn counted(len: usize) -> usize {
    len - len % COUNTED_BYTES
}

impl SnapshotSink for CheckpointSink {
    fn capture(&self, shard: u16, db: u16, entry: &Entry) {
        SCRATCH.with_borrow_mut(|payload| {
            payload.clear();
            let value_type = rdb_convert::write(payload, entry.value(), &self.limits, NOTHING_IS_DUE_MS);
            self.push(
                shard,
                &EntryRef {
                    db,
                    key: entry.key(),
                    expire_at_ms: entry.expire_at_ms(),
                    access: entry.access(),
                    raw: entry.is_raw(),
                    value_type: value_type.0,
                    payload,
                },
            );
            if payload.capacity() > SCRATCH_KEPT_BYTES {
                *payload = Vec::new();
            }
        });
    }

    fn cover(&self, shard: u16, db: u16, coverage: Coverage<'_>) {
        let mut block = BlockBuilder::regions(shard);
        let mut push = |region: Region| {
            if !block.push_region(db, &region) {
                let full = std::mem::replace(&mut block, BlockBuilder::regions(shard));
                self.count(counted(full.len()));
                self.full.lock().push(full);
                let fits = block.push_region(db, &region);
                assert!(fits, "an empty block has room for a region");
            }
        };
        match coverage {
            Coverage::Whole => push(Region::WHOLE),
            Coverage::Regions(regions) => regions.iter().for_each(|region| {
                push(Region {
                    prefixes: region.prefixes(),
                    positions: region.positions(),
                });
            }),
        }
        if !block.is_empty() {
            self.count(counted(block.len()));
            self.full.lock().push(block);
        }
    }

    fn is_congested(&self) -> bool {
        self.pending_bytes() > self.limit_bytes
    }
}
