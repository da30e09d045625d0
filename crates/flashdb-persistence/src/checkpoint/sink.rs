//! Where the entries of a snapshot go: encoded, into one block in the making per shard. Core loops that are about to change
//! an entry and the walker call it under the shard's lock; full blocks wait for the thread that writes them.
//!
//! The memory of all blocks is counted, filled or not: clients that overwrite everything have a block in the making in
//! every shard. So blocks are small enough that all of those take half of the bound. Above half of it the writing thread
//! takes unfinished blocks, too; above the bound clients that write are held back ([`SnapshotSink::is_congested`]), until
//! three quarters are left. So the memory that a snapshot takes is bounded, whatever the clients do, but for one entry
//! that is larger than the bound.

use flashdb_base::number::NumberBuffer;
use flashdb_command::rdb_convert;
use flashdb_rdb::{EncodeLimits, PlainString};
use flashdb_snapshot::{
    BLOCK_CONTENT_MAX, BlockBuilder, Collection, EntryRef, Member, Portion, Region, put_head,
};
use flashdb_store::{Coverage, Entry, Piece, SnapshotSink, StrRef, ValueRef};
use flashdb_types::pieces::{Kind, Part};
use parking_lot::{Mutex, MutexGuard};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Memory kept by a thread for encoding values.
const SCRATCH_KEPT_BYTES: usize = 64 << 10;
/// What most entries take at least, to have as much of a block at hand.
const ENTRY_BYTES_USUAL: usize = 64;
/// Smallest bound of a block, whatever the memory: a page.
const BLOCK_BYTES_MIN: usize = 4 << 10;
/// Hash fields whose time has come are in the state until their removal, so nothing is left out.
const NOTHING_IS_DUE_MS: i64 = 0;
thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// See the module's head.
pub struct CheckpointSink {
    builders: Box<[Mutex<BlockBuilder>]>,
    full: Mutex<Vec<BlockBuilder>>,
    /// Written blocks whose memory the next ones take over before any is allocated: with those in use it is no more than
    /// was in use at some time.
    spare: Mutex<Vec<BlockBuilder>>,
    /// Most content of a block with several entries.
    block_bytes: usize,
    /// Where to look next for an unfinished block.
    next_early: AtomicUsize,
    /// Memory of all blocks but the spare ones.
    pending_bytes: AtomicUsize,
    pending_bytes_peak: AtomicUsize,
    limit_bytes: usize,
    congested: AtomicBool,
    /// A congestion has ended, and those who wait were not told.
    relieved: AtomicBool,
    entries: AtomicU64,
    limits: EncodeLimits,
}

impl CheckpointSink {
    /// A sink for `shards` shards that holds clients back above `limit_bytes`.
    pub fn new(shards: usize, limit_bytes: usize, limits: EncodeLimits) -> Self {
        let share = limit_bytes / 2 / shards.max(1);
        let block_bytes = (share - share % BLOCK_BYTES_MIN).clamp(BLOCK_BYTES_MIN, BLOCK_CONTENT_MAX);
        CheckpointSink {
            builders: (0..shards as u16)
                .map(|shard| Mutex::new(BlockBuilder::entries(shard).with_content_max(block_bytes)))
                .collect(),
            full: Mutex::default(),
            spare: Mutex::default(),
            block_bytes,
            next_early: 0.into(),
            pending_bytes: 0.into(),
            pending_bytes_peak: 0.into(),
            limit_bytes,
            congested: false.into(),
            relieved: false.into(),
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

    /// Memory of the blocks that hold, or are to hold, what was captured and is not written yet.
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes.load(Ordering::Relaxed)
    }

    /// The most that it ever was.
    pub fn pending_bytes_peak(&self) -> usize {
        self.pending_bytes_peak.load(Ordering::Relaxed)
    }

    /// A block to be written: a full one, or an unfinished one while much waits.
    pub fn take(&self) -> Option<BlockBuilder> {
        let full = self.full.lock().pop();
        full.or_else(|| {
            (self.pending_bytes() > self.limit_bytes / 2)
                .then(|| self.take_early())
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
        self.entries.fetch_add(block.keys_count(), Ordering::Relaxed);
    }

    /// The next block that is half full: smaller ones are not worth a block of their own, unless clients wait.
    fn take_early(&self) -> Option<BlockBuilder> {
        let least = if self.is_congested() {
            1
        } else {
            self.block_bytes / 2
        };
        let count = self.builders.len();
        let start = self.next_early.load(Ordering::Relaxed);
        (0..count).find_map(|step| {
            let at = (start + step) % count;
            let mut builder = self.builders[at].lock();
            (builder.len() >= least).then(|| {
                self.next_early.store(at + 1, Ordering::Relaxed);
                self.renew(&mut builder)
            })
        })
    }

    fn count(&self, bytes: usize) {
        let pending = self.pending_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.pending_bytes_peak.fetch_max(pending, Ordering::Relaxed);
        if pending > self.limit_bytes {
            self.congested.store(true, Ordering::Relaxed);
        }
    }

    /// Takes a block back that was taken when it held so much memory, and was written or given up.
    pub fn give_back(&self, block: BlockBuilder, memory_bytes: usize) {
        let pending = self.pending_bytes.fetch_sub(memory_bytes, Ordering::Relaxed) - memory_bytes;
        // What one large entry took is not for keeps.
        if block.is_empty() && block.memory_bytes() == self.block_bytes {
            self.spare.lock().push(block);
        }
        if pending <= self.resume_bytes() && self.congested.load(Ordering::Relaxed) {
            self.congested.store(false, Ordering::Relaxed);
            self.relieved.store(true, Ordering::Relaxed);
        }
    }

    /// Whether clients that were held back can go on; said once.
    pub fn take_relief(&self) -> bool {
        self.relieved.load(Ordering::Relaxed) && self.relieved.swap(false, Ordering::Relaxed)
    }

    /// Clients that were held back go on below this: at the bound itself, each block written would let some go on and all
    /// be held back again at once.
    fn resume_bytes(&self) -> usize {
        self.limit_bytes / 4 * 3
    }

    /// Takes the content out of `builder`, which begins anew, without memory.
    fn renew(&self, builder: &mut BlockBuilder) -> BlockBuilder {
        let fresh = BlockBuilder::entries(builder.shard()).with_content_max(self.block_bytes);
        std::mem::replace(builder, fresh)
    }

    fn builder(&self, shard: u16) -> MutexGuard<'_, BlockBuilder> {
        self.builders[usize::from(shard)].lock()
    }

    fn push(&self, builder: &mut BlockBuilder, entry: &EntryRef<'_>) {
        let write = |out: &mut Vec<u8>| out.extend_from_slice(entry.payload);
        self.push_with(builder, entry, entry.payload.len(), write);
    }

    /// See [`BlockBuilder::push_entry_with`].
    #[inline]
    fn push_with(
        &self,
        builder: &mut BlockBuilder,
        entry: &EntryRef<'_>,
        payload_len: usize,
        write: impl Fn(&mut Vec<u8>),
    ) {
        let is_done = builder.memory_bytes() > 0 && builder.push_entry_with(entry, payload_len, &write);
        if !is_done {
            self.push_to_next(builder, entry, payload_len, write);
        }
    }

    /// Begins another block with the entry.
    #[cold]
    fn push_to_next(
        &self,
        builder: &mut BlockBuilder,
        entry: &EntryRef<'_>,
        payload_len: usize,
        write: impl Fn(&mut Vec<u8>),
    ) {
        if !builder.is_empty() {
            let full = self.renew(builder);
            self.full.lock().push(full);
        }
        if let Some(mut spare) = self.spare.lock().pop() {
            spare.begin_entries(builder.shard());
            *builder = spare;
        }
        let fits = builder.push_entry_with(entry, payload_len, write);
        assert!(fits, "an empty block has room for any entry");
        self.count(builder.memory_bytes());
    }
}

/// An entry without its payload.
#[inline]
fn head_of(db: u16, entry: &Entry, value_type: u8) -> EntryRef<'_> {
    EntryRef {
        db,
        key: entry.key(),
        expire_at_ms: entry.expire_at_ms(),
        access: entry.access(),
        raw: entry.is_raw(),
        portion: Portion::Whole,
        value_type,
        payload: &[],
    }
}

impl CheckpointSink {
    /// Writes a string right into the block. By way of a buffer it is not only copied twice: what was just written there
    /// in parts is read as a whole, for which the core waits until every store before it, into the block too, is done.
    #[inline]
    fn push_string(&self, builder: &mut BlockBuilder, db: u16, entry: &Entry, text: StrRef<'_>) {
        let mut digits;
        let plain = match text {
            StrRef::Bytes(bytes) => PlainString::of(bytes),
            StrRef::Int(number) => {
                digits = NumberBuffer::new();
                PlainString::of_number(number, &mut digits)
            }
        };
        let head = head_of(db, entry, PlainString::VALUE_TYPE.0);
        self.push_with(builder, &head, plain.encoded_len(), |out| plain.write(out));
    }

    #[inline(never)]
    fn push_value(&self, builder: &mut BlockBuilder, db: u16, entry: &Entry, value: ValueRef<'_>) {
        SCRATCH.with_borrow_mut(|payload| {
            payload.clear();
            let value_type = rdb_convert::write(payload, value, &self.limits, NOTHING_IS_DUE_MS);
            let head = head_of(db, entry, value_type.0);
            self.push(builder, &EntryRef { payload, ..head });
            if payload.capacity() > SCRATCH_KEPT_BYTES {
                *payload = Vec::new();
            }
        });
    }
}

impl SnapshotSink for CheckpointSink {
    /// Locks once for all of them: letting the lock go waits for what was written into the block, which is seldom in the
    /// cache, so that the lines of several entries should be on their way together.
    fn capture(&self, shard: u16, db: u16, entries: &[&Entry]) {
        let mut builder = self.builder(shard);
        builder.prefetch(entries.len() * ENTRY_BYTES_USUAL);
        for entry in entries {
            match entry.value() {
                ValueRef::String(text) => self.push_string(&mut builder, db, entry, text),
                value => self.push_value(&mut builder, db, entry, value),
            }
        }
    }

    fn capture_head(&self, shard: u16, db: u16, entry: &Entry, members: usize) {
        let collection = match entry.value() {
            ValueRef::List(_) => Collection::List,
            ValueRef::Set(_) => Collection::Set,
            ValueRef::Hash(_) => Collection::Hash,
            ValueRef::ZSet(_) => Collection::ZSet,
            other => unreachable!("a {} is captured as a whole", other.type_name()),
        };
        let mut payload = Vec::new();
        put_head(members as u64, &mut payload);
        self.push(
            &mut self.builder(shard),
            &EntryRef {
                db,
                key: entry.key(),
                expire_at_ms: entry.expire_at_ms(),
                access: entry.access(),
                raw: false,
                portion: Portion::Head,
                value_type: collection.code(),
                payload: &payload,
            },
        );
    }

    fn encode(&self, part: &Part<'_>, payload: &mut Vec<u8>) {
        let member = match *part {
            Part::Element(index, element) => Member::List(index, element),
            Part::Member(member) => Member::Set(member),
            Part::Scored(member, score) => Member::ZSet(member, score),
            Part::Field(field) => Member::Hash {
                name: field.name,
                value: field.value,
                expires_at_ms: field.expires_at_ms,
            },
        };
        member.put(payload);
    }

    fn capture_piece(&self, piece: &Piece<'_>) {
        let collection = match piece.kind {
            Kind::List => Collection::List,
            Kind::Set => Collection::Set,
            Kind::ZSet => Collection::ZSet,
            Kind::Hash => Collection::Hash,
        };
        self.push(
            &mut self.builder(piece.shard),
            &EntryRef {
                db: piece.db,
                key: piece.key,
                expire_at_ms: None,
                access: 0,
                raw: false,
                portion: Portion::Piece,
                value_type: collection.code(),
                payload: piece.payload,
            },
        );
    }

    fn cover(&self, shard: u16, db: u16, coverage: Coverage<'_>) {
        let fresh = || BlockBuilder::regions(shard).with_content_max(self.block_bytes);
        let mut block = fresh();
        let mut push = |region: Region| {
            if !block.push_region(db, &region) {
                let full = std::mem::replace(&mut block, fresh());
                self.count(full.memory_bytes());
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
            self.count(block.memory_bytes());
            self.full.lock().push(block);
        }
    }

    fn is_congested(&self) -> bool {
        self.congested.load(Ordering::Relaxed) && self.pending_bytes() > self.resume_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;
    use flashdb_disk::SimDisk;
    use flashdb_snapshot::{
        BlockBuffer, Compression, HistoryId, Sealer, SnapshotId, SnapshotInfo, SnapshotMeta, SnapshotReader,
        SnapshotWriter,
    };
    use flashdb_store::Value;
    use flashdb_types::set::{Set, SetLimits};
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    const LIMIT_BYTES: usize = 4 << 20;
    const SHARDS: u16 = 256;

    fn capture(sink: &CheckpointSink, number: u64, value_len: usize) {
        let key = format!("key:{number:012}");
        let entry = Entry::new_string(key.as_bytes(), &vec![b'v'; value_len], None);
        sink.capture((number % u64::from(SHARDS)) as u16, 0, &[&entry]);
    }

    fn write(sink: &CheckpointSink, sealer: &mut Sealer, mut block: BlockBuilder) {
        let memory_bytes = block.memory_bytes();
        block.seal(sealer).unwrap();
        sink.give_back(block, memory_bytes);
    }

    #[test]
    fn memory_is_bounded_and_clients_go_on_when_a_quarter_is_free() {
        let sink = CheckpointSink::new(usize::from(SHARDS), LIMIT_BYTES, EncodeLimits::default());
        let mut sealer = Sealer::new(Compression::Lz4).unwrap();
        let mut captured = 0;
        for _ in 0..5 {
            while !sink.is_congested() {
                capture(&sink, captured, 32);
                captured += 1;
            }
            assert!(sink.pending_bytes() <= LIMIT_BYTES + BLOCK_CONTENT_MAX);
            assert!(!sink.take_relief());
            while sink.is_congested() {
                let block = sink.take().expect("what is congested has something to write");
                write(&sink, &mut sealer, block);
            }
            assert!(sink.pending_bytes() <= LIMIT_BYTES / 4 * 3);
            assert!(sink.take_relief() && !sink.take_relief());
            let spare: usize = sink.spare.lock().iter().map(BlockBuilder::memory_bytes).sum();
            assert!(spare + sink.pending_bytes() <= LIMIT_BYTES + BLOCK_CONTENT_MAX);
        }
        while let Some(block) = sink.take_rest() {
            write(&sink, &mut sealer, block);
        }
        assert_eq!((sink.entries(), sink.pending_bytes()), (captured, 0));
    }

    /// Strings and numbers of all sizes, raw ones, and sets.
    fn random_entry(prng: &mut Prng, number: u64) -> Entry {
        let key = format!("key:{number:012}").into_bytes();
        let expire_at_ms = (prng.below(3) == 0).then_some(number.cast_signed() << 20);
        let len = prng.below(300) as usize * (1 + 30 * usize::from(prng.below(20) == 0));
        let integer = prng.next_u64().cast_signed() >> prng.below(64);
        match prng.below(4) {
            0 => Entry::new_int(&key, integer, expire_at_ms),
            1 => Entry::new_raw(&key, integer.to_string().into_bytes(), expire_at_ms),
            2 => Entry::new_string(&key, &vec![b'v'; len], expire_at_ms),
            _ => {
                let members = [b"1".as_slice(), &vec![b'm'; len / 10]];
                let set = Set::from_members(members, &SetLimits::default());
                Entry::new_object(&key, Value::Set(set), expire_at_ms)
            }
        }
    }

    fn write_rest(sink: &CheckpointSink, disk: &Arc<SimDisk>) -> SnapshotInfo {
        let meta = SnapshotMeta {
            id: SnapshotId([7; 16]),
            lsn: 1,
            base: None,
            history: HistoryId([9; 16]),
            created_ms: 1,
            label: String::new(),
            kept: false,
            databases: 16,
            shards: SHARDS.into(),
            hash_seed: Vec::new(),
            compression: Compression::None,
        };
        let mut writer = SnapshotWriter::create(disk.clone(), Path::new("/data"), meta).unwrap();
        while let Some(mut block) = sink.take_rest() {
            writer.append(&mut block).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn batches_go_over_the_ends_of_blocks_and_all_values_come_back() {
        let limits = EncodeLimits {
            compress: false,
            ..EncodeLimits::default()
        };
        let sink = CheckpointSink::new(usize::from(SHARDS), 0, limits.clone());
        let (mut prng, mut expected) = (Prng::from_seed(1), BTreeMap::new());
        for number in 0..300 {
            let (shard, db) = (prng.below(3) as u16, prng.below(3) as u16);
            let numbers = number * 16..number * 16 + 1 + prng.below(16);
            let entries: Vec<Entry> = numbers.map(|number| random_entry(&mut prng, number)).collect();
            sink.capture(shard, db, &entries.iter().collect::<Vec<_>>());
            for entry in &entries {
                let mut payload = Vec::new();
                let value_type = rdb_convert::write(&mut payload, entry.value(), &limits, 0);
                let about = (db, entry.expire_at_ms(), entry.is_raw(), value_type.0, payload);
                expected.insert((shard, entry.key().to_vec()), about);
            }
        }
        let disk = Arc::new(SimDisk::new(1));
        let info = write_rest(&sink, &disk);
        assert_eq!(sink.entries(), expected.len() as u64);
        let reader = SnapshotReader::open(&*disk, &info.path).unwrap();
        assert!(reader.blocks().len() > 50);
        let mut buffer = BlockBuffer::new();
        for index in 0..reader.blocks().len() {
            let block = reader.read_block(index, &mut buffer).unwrap();
            let shard = block.info().shard();
            for entry in block.entries().map(Result::unwrap) {
                let EntryRef { db, raw, .. } = entry;
                let about = (
                    db,
                    entry.expire_at_ms,
                    raw,
                    entry.value_type,
                    entry.payload.to_vec(),
                );
                assert_eq!(expected.remove(&(shard, entry.key.to_vec())), Some(about));
            }
        }
        assert!(expected.is_empty());
    }

    #[test]
    fn the_memory_of_a_large_entry_is_counted_and_not_kept() {
        let sink = CheckpointSink::new(usize::from(SHARDS), LIMIT_BYTES, EncodeLimits::default());
        let mut sealer = Sealer::new(Compression::None).unwrap();
        for number in 0..3 {
            capture(&sink, number, 2 * LIMIT_BYTES);
            capture(&sink, number, 10);
            assert!(sink.is_congested() && sink.pending_bytes() > 2 * LIMIT_BYTES);
            while let Some(block) = sink.take_rest() {
                write(&sink, &mut sealer, block);
            }
            assert!(!sink.is_congested() && sink.pending_bytes() == 0);
        }
        let spare = sink.spare.lock();
        assert!(spare.iter().all(|block| block.memory_bytes() == sink.block_bytes));
        assert_eq!(sink.entries(), 6);
    }
}
