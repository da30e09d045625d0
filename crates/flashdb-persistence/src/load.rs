//! A snapshot becomes the state: the blocks of a chain are read by several threads, in any order. The keyspace is empty before,
//! and nobody else changes it.
//!
//! Nothing expires on the way: a key whose time has come since may have been persisted by a later record of the log.

mod pieces;
mod shard_queue;

use crate::PersistenceError;
use flashdb_base::hash::{Seed, SeededHash};
use flashdb_command::rdb_convert;
use flashdb_config::Settings;
use flashdb_log::Lsn;
use flashdb_rdb::{RdbValue, ValueType, decode_value};
use flashdb_snapshot::{BlockBuffer, Chain, ChainReader, EntryRef, Portion, SnapshotError, WorkItem};
use flashdb_store::{Access, Expiry, Keyspace, Policy, Usage, libraries};
use parking_lot::Mutex;
use pieces::Pieces;
use shard_queue::ShardQueue;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How far a load has come, for those who look on.
#[derive(Debug, Default)]
pub struct LoadProgress {
    /// Bytes of snapshots and log to be read.
    pub bytes_total: AtomicU64,
    /// Bytes read.
    pub bytes_done: AtomicU64,
    /// Keys loaded from snapshots.
    pub keys: AtomicU64,
    /// Records of the log executed.
    pub records: AtomicU64,
    /// Set by whoever wants the load to end early.
    pub stop: AtomicBool,
}

/// Why a key is refused of which there is a value in pieces and another one.
const KEY_TWICE: &str = "a key comes twice";

/// No field of a hash is due at this time.
const NOTHING_IS_DUE_MS: i64 = 0;

/// Loads a chain with one thread for each of `lanes` of the gate. The keyspace is empty.
///
/// # Errors
/// When a file is damaged or holds what cannot be held; the keyspace is filled in part then.
pub fn load_chain(
    space: &Keyspace,
    settings: &Settings,
    disk: &dyn flashdb_disk::Disk,
    chain: &Chain,
    lanes: Range<usize>,
    progress: &LoadProgress,
) -> Result<Lsn, PersistenceError> {
    let hashes = SeededHashes::of(chain);
    let reader = ChainReader::open(disk, chain, |seed: &[u8], key: &[u8]| hashes.hash(seed, key))?;
    let placement = space.placement();
    let mut shards_at_home: Vec<BTreeMap<u16, Vec<WorkItem>>> = vec![BTreeMap::new(); placement.nodes()];
    for item in reader.work_items() {
        let shard = reader.shard(item);
        shards_at_home[placement.node_of_shard(shard)]
            .entry(shard)
            .or_default()
            .push(item);
    }
    let by_home: Vec<ShardQueue<WorkItem>> = shards_at_home
        .into_iter()
        .map(|shards| ShardQueue::of(shards.into_values()))
        .collect();
    let failure: Mutex<Option<PersistenceError>> = Mutex::default();
    let pieces = Pieces::default();
    std::thread::scope(|scope| {
        for (worker, lane) in lanes.enumerate() {
            let (reader, by_home, failure, pieces) = (&reader, &by_home, &failure, &pieces);
            scope.spawn(move || {
                placement.settle_worker(worker);
                let mut loader = Loader::new(space, settings, lane);
                // What is at home here first; then the others are helped.
                let (others, own) = by_home.split_at(placement.node_of_worker(worker));
                let shards = own.iter().chain(others).flat_map(ShardQueue::taken);
                for &item in shards.flatten() {
                    if failure.lock().is_some() || progress.stop.load(Ordering::Relaxed) {
                        break;
                    }
                    if let Err(error) = loader.load(reader, item, pieces, progress) {
                        failure.lock().get_or_insert(error);
                        break;
                    }
                }
            });
        }
    });
    if let Some(error) = failure.into_inner() {
        return Err(error);
    }
    if progress.stop.load(Ordering::Relaxed) {
        return Err(PersistenceError::Stopped);
    }
    pieces
        .finish()
        .map_err(|(item, reason)| unfit(&reader, item, reason))?;
    if let Some(block) = reader.functions()? {
        let mut added = libraries::decode(&block).map_err(|error| PersistenceError::Entry {
            path: chain.newest().path.clone(),
            reason: error.to_string(),
        })?;
        space.libraries().change(|sources| sources.append(&mut added));
    }
    Ok(chain.lsn())
}

fn refused<H: Fn(&[u8], &[u8]) -> u64>(
    reader: &ChainReader<H>,
    item: WorkItem,
    reason: &str,
) -> PersistenceError {
    PersistenceError::Entry {
        path: reader.path(item).to_owned(),
        reason: format!("{reason} (block at offset {})", reader.offset(item)),
    }
}

fn unfit<H: Fn(&[u8], &[u8]) -> u64>(
    reader: &ChainReader<H>,
    item: WorkItem,
    reason: String,
) -> PersistenceError {
    PersistenceError::Unfit {
        path: reader.path(item).to_owned(),
        offset: reader.offset(item),
        reason,
    }
}

/// One thread's part.
struct Loader<'k> {
    data: Access<'k>,
    space: &'k Keyspace,
    settings: &'k Settings,
    lane: usize,
    buffer: BlockBuffer,
}

/// Why an entry was not loaded.
enum EntryError {
    Snapshot(SnapshotError),
    /// It cannot be held here.
    Held(String),
    /// It does not fit to other entries of its key.
    Unfit(String),
}

impl EntryError {
    fn unfit(key: &[u8], reason: &str) -> Self {
        EntryError::Unfit(format!("{reason} (key {})", pieces::quoted(key)))
    }
}

impl From<SnapshotError> for EntryError {
    fn from(error: SnapshotError) -> Self {
        EntryError::Snapshot(error)
    }
}

impl<'k> Loader<'k> {
    fn new(space: &'k Keyspace, settings: &'k Settings, lane: usize) -> Self {
        let policy = Policy {
            touch: false,
            usage: Usage::Lru,
            expire: false,
        };
        let mut data = Access::new(space, policy, flashdb_base::prng::Prng::from_entropy());
        data.replaying = true;
        Loader {
            data,
            space,
            settings,
            lane,
            buffer: BlockBuffer::new(),
        }
    }

    fn load<H: Fn(&[u8], &[u8]) -> u64>(
        &mut self,
        reader: &ChainReader<H>,
        item: WorkItem,
        pieces: &Pieces,
        progress: &LoadProgress,
    ) -> Result<(), PersistenceError> {
        let mut keys = 0;
        let (data, space, settings) = (&mut self.data, self.space, self.settings);
        let pass = space.gate().enter(self.lane);
        let mut held = None;
        let outcome = reader.read(item, &mut self.buffer, |entry| {
            // One shard a block, unless the number of shards was another when it was written.
            let shard = space.shard_of(entry.key);
            if held != Some(shard) {
                data.hold(|space| space.lock_one(shard));
                held = Some(shard);
            }
            keys += u64::from(entry.portion != Portion::Piece);
            put(data, settings, entry, item, pieces)
        });
        data.release();
        drop(pass);
        if let Ok(delay_us @ 1..) = u64::try_from(settings.key_load_delay) {
            std::thread::sleep(Duration::from_micros(delay_us * keys));
        }
        progress.keys.fetch_add(keys, Ordering::Relaxed);
        progress
            .bytes_done
            .fetch_add(reader.raw_bytes(item), Ordering::Relaxed);
        outcome.map_err(|error| match error {
            EntryError::Snapshot(error) => error.into(),
            EntryError::Held(reason) => refused(reader, item, &reason),
            EntryError::Unfit(reason) => unfit(reader, item, reason),
        })
    }
}

/// Adds an entry under the lock of its shard.
fn put(
    data: &mut Access<'_>,
    settings: &Settings,
    entry: &EntryRef<'_>,
    item: WorkItem,
    pieces: &Pieces,
) -> Result<(), EntryError> {
    if usize::from(entry.db) >= data.space().databases_count() {
        return Err(EntryError::Held(format!(
            "it belongs to database {}, and `databases` is {}",
            entry.db,
            data.space().databases_count()
        )));
    }
    data.db = entry.db;
    if entry.portion == Portion::Whole {
        if pieces.contains(entry.db, entry.key) {
            return Err(EntryError::unfit(entry.key, KEY_TWICE));
        }
        put_whole(data, settings, entry).map_err(EntryError::Held)
    } else {
        put_portion(data, settings, entry, item, pieces)
            .map_err(|reason| EntryError::unfit(entry.key, &reason))
    }
}

fn put_whole(data: &mut Access<'_>, settings: &Settings, entry: &EntryRef<'_>) -> Result<(), String> {
    let value =
        decode_value(ValueType(entry.value_type), entry.payload).map_err(|error| error.to_string())?;
    let expiry = entry.expire_at_ms.map_or(Expiry::Clear, Expiry::At);
    match value {
        RdbValue::String(bytes) => data.set_string(entry.key, &bytes, expiry),
        value => {
            let value = rdb_convert::to_value(value, settings, NOTHING_IS_DUE_MS);
            match value.map_err(|error| error.to_string())? {
                Some(value) => data.set_value(entry.key, value, expiry),
                None => return Err("a hash without fields".to_owned()),
            }
        }
    }
    settle(data, entry.key, entry.access, entry.raw);
    Ok(())
}

/// A head or a piece: the value is put under its key when it is complete.
fn put_portion(
    data: &mut Access<'_>,
    settings: &Settings,
    entry: &EntryRef<'_>,
    item: WorkItem,
    pieces: &Pieces,
) -> Result<(), String> {
    if let Some(complete) = pieces.add(entry, settings, item)? {
        if data.peek(entry.key).is_some() {
            return Err(KEY_TWICE.to_owned());
        }
        let expiry = complete.expire_at_ms.map_or(Expiry::Clear, Expiry::At);
        data.set_value(entry.key, complete.value, expiry);
        settle(data, entry.key, complete.access, false);
    }
    Ok(())
}

fn settle(data: &mut Access<'_>, key: &[u8], access: u32, raw: bool) {
    data.restore_marks(key, access, raw);
    data.unchanged();
    data.effects.discard();
}

/// The hash functions of the processes that wrote a chain.
pub struct SeededHashes(HashMap<Vec<u8>, SeededHash>);

impl SeededHashes {
    /// Those that the files of `chain` name.
    pub fn of(chain: &Chain) -> Self {
        let seeds = chain.files().iter().map(|info| info.meta.hash_seed.clone());
        SeededHashes(
            seeds
                .map(|seed| {
                    let function = SeededHash::new(Seed::from_bytes(fixed(&seed)));
                    (seed, function)
                })
                .collect(),
        )
    }

    /// The hash of `key` by the function with this seed.
    pub fn hash(&self, seed: &[u8], key: &[u8]) -> u64 {
        match self.0.get(seed) {
            Some(function) => function.hash(key),
            None => SeededHash::new(Seed::from_bytes(fixed(seed))).hash(key),
        }
    }
}

fn fixed(seed: &[u8]) -> [u8; 16] {
    let mut bytes = [0; 16];
    let len = seed.len().min(bytes.len());
    bytes[..len].copy_from_slice(&seed[..len]);
    bytes
}
