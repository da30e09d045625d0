//! All shards, and the locking of some of them for one command. A command's shards are locked in
//! ascending order, once; under the closed gate they are locked one by one as they are touched.

use crate::entry::Entry;
use crate::gate::Gate;
use crate::libraries::Libraries;
use crate::pieces;
use crate::shard::Shard;
use crate::snapshot::SnapshotJob;
use crate::tracked::{TrackedKeys, TrackedTotals};
use flashdb_base::crc::key_slot;
use flashdb_base::hash::hash_bytes;
use flashdb_io::placement::Placement;
use flashdb_log::{Log, Lsn};
use parking_lot::{Mutex, MutexGuard, RwLock};
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// Shards that a command, or a window of them, needs.
pub type ShardSet = SmallVec<[u16; 16]>;

/// Requests that core loops put into one window at most.
pub const WINDOW: usize = 16;

/// The key of one request in a window: where it lives, known before any of them runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyPlace {
    pub(crate) shard: u16,
    /// Of its shard's guard, once the window is locked.
    position: u16,
    pub(crate) hash: u64,
}

impl KeyPlace {
    /// A key of which it is known where it lives.
    #[inline]
    pub fn at(shard: u16, hash: u64) -> Self {
        KeyPlace {
            shard,
            position: 0,
            hash,
        }
    }

    /// Finds out where `key` lives.
    #[inline]
    pub fn of(space: &Keyspace, key: &[u8]) -> Self {
        KeyPlace::at(space.shard_of(key), hash_bytes(key))
    }
}

/// Cluster slots, fixed by the protocol.
const SLOTS: usize = 16384;

/// Buckets of a full segment, one shard after the other, so that the shards' tables do not all grow at the same number
/// of keys: those that with a segment's header just fill 5, 6, 7 and 8 KiB.
const SEGMENT_BUCKETS: [usize; 4] = [39, 47, 55, 63];

#[repr(align(128))]
struct ShardCell(Mutex<Shard>);

/// Things too big to be freed on a core loop.
pub(crate) enum Garbage {
    Entry(#[expect(dead_code, reason = "only dropped")] Entry),
    Database(Box<crate::database::Database>),
    Tracked(Box<TrackedKeys>),
}

/// The whole keyspace.
pub struct Keyspace {
    shards: Box<[ShardCell]>,
    slot_shift: u32,
    databases: usize,
    placement: Placement,
    gate: Gate,
    log: Arc<Log>,
    libraries: Libraries,
    garbage: Mutex<Sender<Garbage>>,
    garbage_pending: AtomicUsize,
    garbage_freed: AtomicUsize,
    tracked: TrackedTotals,
    /// The snapshot being taken.
    pub(crate) snapshot: RwLock<Option<Arc<SnapshotJob>>>,
    pub(crate) snapshotting: AtomicBool,
    epochs: AtomicU64,
}

/// Frees what the core loops hand over; run on a thread of its own until the keyspace is gone.
pub struct Collector(Receiver<Garbage>);

impl Keyspace {
    /// A keyspace of `shards` shards (a power of two, at most 16384) with `databases` databases,
    /// entered by `loops` core loops (and by background threads).
    pub fn new(shards: usize, databases: usize, loops: usize) -> (Self, Collector) {
        assert!(shards.is_power_of_two() && shards <= SLOTS && databases <= u16::MAX as usize);
        let (sender, receiver) = channel();
        let cell = |id: usize| {
            let segment_buckets = SEGMENT_BUCKETS[id % SEGMENT_BUCKETS.len()];
            ShardCell(Mutex::new(Shard::new(databases, segment_buckets)))
        };
        let keyspace = Keyspace {
            shards: (0..shards).map(cell).collect(),
            slot_shift: (SLOTS / shards).trailing_zeros(),
            databases,
            placement: Placement::default(),
            gate: Gate::new(loops),
            log: Arc::default(),
            libraries: Libraries::default(),
            garbage: Mutex::new(sender),
            garbage_pending: AtomicUsize::new(0),
            garbage_freed: AtomicUsize::new(0),
            tracked: TrackedTotals::default(),
            snapshot: RwLock::new(None),
            snapshotting: AtomicBool::new(false),
            epochs: AtomicU64::new(1),
        };
        (keyspace, Collector(receiver))
    }

    /// Gives the shards homes on memory nodes, which threads that fill them at a load go by.
    #[must_use]
    pub fn placed(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Where core loops run and shards are at home.
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// The shard that holds `key`, by its cluster slot.
    #[inline]
    pub fn shard_of(&self, key: &[u8]) -> u16 {
        key_slot(key) >> self.slot_shift
    }

    /// Number of shards.
    pub fn shards_count(&self) -> usize {
        self.shards.len()
    }

    /// Number of databases.
    pub fn databases_count(&self) -> usize {
        self.databases
    }

    /// The gate that guards whole-keyspace work.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What clients remember to have read, over all shards.
    #[inline]
    pub fn tracked(&self) -> &TrackedTotals {
        &self.tracked
    }

    /// The log, which effects are appended to whenever locks are released.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The function libraries, which belong to no database.
    pub fn libraries(&self) -> &Libraries {
        &self.libraries
    }

    pub(crate) fn lock_shard(&self, shard: u16) -> MutexGuard<'_, Shard> {
        self.gate.patience().lock(&self.shards[shard as usize].0)
    }

    /// A number for an epoch, never used before.
    pub(crate) fn next_epoch(&self) -> u64 {
        self.epochs.fetch_add(1, Ordering::Relaxed)
    }

    /// Locks one shard.
    #[inline]
    pub fn lock_one(&self, shard: u16) -> Held<'_> {
        let mut guards = SmallVec::new();
        guards.push((shard, self.lock_shard(shard)));
        Held {
            space: self,
            guards,
            lazy: false,
            passed: 0,
            latest: 0,
        }
    }

    /// As [`Keyspace::lock_one`]; gives up when somebody holds locks for long and it would have to wait.
    #[inline]
    pub fn try_lock_one(&self, shard: u16) -> Option<Held<'_>> {
        let mut guards = SmallVec::new();
        let cell = &self.shards[shard as usize].0;
        guards.push((shard, self.gate.patience().try_lock(cell)?));
        Some(Held {
            space: self,
            guards,
            lazy: false,
            passed: 0,
            latest: 0,
        })
    }

    /// Brings the bucket of a key of a database towards the core, some time before its shard is locked for it. A hint:
    /// nobody is waited for, and a shard that somebody holds is left alone.
    #[inline]
    pub fn approach_bucket(&self, db: u16, key: &KeyPlace) {
        if let Some(shard) = self.shards[key.shard as usize].0.try_lock() {
            shard.database(db).prefetch(key.hash);
        }
    }

    /// Brings the entries of keys, at most [`WINDOW`] of them, towards the core, whose buckets are on their way since
    /// [`Keyspace::approach_bucket`]. As that, a hint.
    pub fn approach_entries<'w>(&self, keys: impl Iterator<Item = &'w (u16, KeyPlace)>) {
        // Each locked instruction waits for the reads before it: all locks first, so that the reads overlap.
        let mut found = SmallVec::<[(MutexGuard<'_, Shard>, u16, u64); WINDOW]>::new();
        for (db, key) in keys {
            if let Some(shard) = self.shards[key.shard as usize].0.try_lock() {
                found.push((shard, *db, key.hash));
            }
        }
        for (shard, db, hash) in &found {
            shard.database(*db).prefetch_entry(*hash);
        }
    }

    /// As [`Keyspace::lock`]; gives up when somebody holds locks for long and it would have to wait.
    pub fn try_lock(&self, mut shards: ShardSet) -> Option<Held<'_>> {
        shards.sort_unstable();
        shards.dedup();
        let patience = self.gate.patience();
        let mut guards = SmallVec::with_capacity(shards.len());
        for &id in &shards {
            guards.push((id, patience.try_lock(&self.shards[id as usize].0)?));
        }
        Some(Held {
            guards,
            space: self,
            lazy: false,
            passed: 0,
            latest: 0,
        })
    }

    /// As [`Keyspace::try_lock`], for the keys of a window; each learns where its shard is among the locks.
    pub(crate) fn try_lock_window(&self, keys: &mut [KeyPlace]) -> Option<Held<'_>> {
        if let Some((first, rest)) = keys.split_first()
            && rest.iter().all(|key| key.shard == first.shard)
        {
            let guard = self
                .gate
                .patience()
                .try_lock(&self.shards[first.shard as usize].0)?;
            let guards = SmallVec::from_iter([(first.shard, guard)]);
            keys.iter_mut().for_each(|key| key.position = 0);
            return Some(self.holding(guards));
        }
        let mut order: SmallVec<[u32; WINDOW]> = (0u32..)
            .zip(keys.iter())
            .map(|(index, key)| u32::from(key.shard) << 16 | index)
            .collect();
        order.sort_unstable();
        let patience = self.gate.patience();
        let mut guards: SmallVec<[(u16, MutexGuard<'_, Shard>); 1]> = SmallVec::new();
        if order.first().map(|at| at >> 16) != order.last().map(|at| at >> 16) {
            guards.reserve_exact(keys.len());
        }
        for at in order {
            let shard = (at >> 16) as u16;
            if guards.last().is_none_or(|(last, _)| *last != shard) {
                guards.push((shard, patience.try_lock(&self.shards[shard as usize].0)?));
            }
            keys[(at & 0xffff) as usize].position = (guards.len() - 1) as u16;
        }
        Some(self.holding(guards))
    }

    fn holding<'k>(&'k self, guards: SmallVec<[(u16, MutexGuard<'k, Shard>); 1]>) -> Held<'k> {
        Held {
            guards,
            space: self,
            lazy: false,
            passed: 0,
            latest: 0,
        }
    }

    /// Locks several shards, ascending and each once.
    pub fn lock(&self, mut shards: ShardSet) -> Held<'_> {
        shards.sort_unstable();
        shards.dedup();
        let guards = shards.iter().map(|&id| (id, self.lock_shard(id))).collect();
        Held {
            space: self,
            guards,
            lazy: false,
            passed: 0,
            latest: 0,
        }
    }

    /// Locks nothing.
    #[inline]
    pub fn lock_none(&self) -> Held<'_> {
        Held {
            space: self,
            guards: SmallVec::new(),
            lazy: false,
            passed: 0,
            latest: 0,
        }
    }

    /// Locks shards when they are first touched. Only under the closed gate, whose holder is alone.
    pub fn lock_as_touched(&self) -> Held<'_> {
        Held {
            space: self,
            // Usually a script, of a few keys.
            guards: SmallVec::with_capacity(4),
            lazy: true,
            passed: 0,
            latest: 0,
        }
    }

    /// Hands an entry that is in no table any more to the freeing thread if freeing it takes long.
    pub(crate) fn discard_entry(&self, entry: Entry) {
        /// Below this many allocations freeing at once is cheaper than handing over (as in Redis).
        const EFFORT_MAX: usize = 64;
        if entry.is_inline() {
            return;
        }
        if let Some(job) = pieces::taker_of(&entry).map(|taker| taker.job().clone()) {
            // The walker takes what is left of it, and frees it.
            job.take_removed(entry);
        } else if entry.free_effort() > EFFORT_MAX {
            self.hand_over(Garbage::Entry(entry), 1);
        }
    }

    pub(crate) fn discard_database(&self, database: crate::database::Database) {
        let keys = database.len();
        if keys > 0 {
            self.hand_over(Garbage::Database(Box::new(database)), keys);
        }
    }

    pub(crate) fn discard_tracked(&self, tracked: TrackedKeys) {
        let keys = tracked.len();
        self.hand_over(Garbage::Tracked(Box::new(tracked)), keys);
    }

    fn hand_over(&self, garbage: Garbage, objects: usize) {
        self.garbage_pending.fetch_add(objects, Ordering::Relaxed);
        if let Err(back) = self.garbage.lock().send(garbage) {
            // The collector is gone (shutdown): free it here.
            drop(back);
            self.garbage_pending.fetch_sub(objects, Ordering::Relaxed);
        }
    }

    /// Objects handed over and not yet freed.
    pub fn lazyfree_pending(&self) -> usize {
        self.garbage_pending.load(Ordering::Relaxed)
    }

    /// Objects freed off the loops since the start or the last reset.
    pub fn lazyfreed(&self) -> usize {
        self.garbage_freed.load(Ordering::Relaxed)
    }

    /// Sets the count of freed objects to zero (CONFIG RESETSTAT).
    pub fn reset_lazyfreed(&self) {
        self.garbage_freed.store(0, Ordering::Relaxed);
    }
}

impl Collector {
    /// Frees what comes in until the keyspace is dropped.
    pub fn run(self, space: &Keyspace) {
        while let Ok(garbage) = self.0.recv() {
            let objects = match &garbage {
                Garbage::Entry(_) => 1,
                Garbage::Database(database) => database.len(),
                Garbage::Tracked(tracked) => tracked.len(),
            };
            drop(garbage);
            space.garbage_pending.fetch_sub(objects, Ordering::Relaxed);
            space.garbage_freed.fetch_add(objects, Ordering::Relaxed);
        }
    }

    /// As [`Collector::run`], but only what is there now; for tests.
    pub fn run_pending(&self, space: &Keyspace) {
        while let Ok(garbage) = self.0.try_recv() {
            drop(garbage);
            space.garbage_pending.store(0, Ordering::Relaxed);
        }
    }
}

/// Locked shards of one command.
pub struct Held<'k> {
    space: &'k Keyspace,
    guards: SmallVec<[(u16, MutexGuard<'k, Shard>); 1]>,
    lazy: bool,
    /// The newest frame of shards that were locked only while they were visited.
    passed: Lsn,
    /// Where the shard is that was touched last, which most often is the next one, too. Never trusted without a look.
    latest: usize,
}

impl<'k> Held<'k> {
    /// Notes in all locked shards that the frame `last` tells of them.
    pub(crate) fn note_written(&mut self, last: Lsn) {
        for (_, shard) in &mut self.guards {
            shard.last_written = last;
        }
    }

    /// LSN of the newest frame that tells of a locked or visited shard.
    #[inline]
    pub(crate) fn last_written(&self) -> Lsn {
        let locked = self.guards.iter().map(|(_, shard)| shard.last_written);
        locked.max().unwrap_or(0).max(self.passed)
    }

    /// The locked shard `id`.
    ///
    /// # Panics
    /// When the command did not declare a key of this shard: our own bug, found by the tests that
    /// run each row's grammar.
    #[inline]
    pub fn shard_mut(&mut self, id: u16) -> &mut Shard {
        if !self.is_latest(id) {
            self.latest = self.position_or_lock(id);
        }
        &mut self.guards[self.latest].1
    }

    /// As [`Held::shard_mut`] without the power to lock: the shard was touched before.
    #[inline]
    pub fn shard(&self, id: u16) -> Option<&Shard> {
        let at = match self.is_latest(id) {
            true => self.latest,
            false => self.position(id).ok()?,
        };
        Some(&*self.guards[at].1)
    }

    /// The locked shard of a key of the window that was locked.
    #[inline]
    pub(crate) fn window_shard(&self, key: &KeyPlace) -> Option<&Shard> {
        let (shard, guard) = self.guards.get(usize::from(key.position))?;
        (*shard == key.shard).then_some(&**guard)
    }

    /// As [`Held::window_shard`], also where the shards were not locked as a window: notes where it is.
    #[inline]
    pub(crate) fn find_window_shard(&self, key: &mut KeyPlace) -> Option<&Shard> {
        if self.window_shard(key).is_none() {
            key.position = self.position(key.shard).ok()? as u16;
        }
        self.window_shard(key)
    }

    /// Says which shard is touched next.
    #[inline]
    pub(crate) fn aim(&mut self, key: &KeyPlace) {
        self.latest = usize::from(key.position);
    }

    #[inline]
    fn is_latest(&self, id: u16) -> bool {
        self.guards
            .get(self.latest)
            .is_some_and(|(latest, _)| *latest == id)
    }

    fn position(&self, id: u16) -> Result<usize, usize> {
        self.guards.binary_search_by_key(&id, |(shard, _)| *shard)
    }

    fn position_or_lock(&mut self, id: u16) -> usize {
        match self.position(id) {
            Ok(at) => at,
            Err(at) => {
                assert!(self.lazy, "shard {id} is touched but its key was not declared");
                self.guards.insert(at, (id, self.space.lock_shard(id)));
                at
            }
        }
    }

    /// Bytes of database `db` in the locked shards.
    #[inline]
    pub fn memory_bytes(&self, db: u16) -> usize {
        let bytes = self
            .guards
            .iter()
            .map(|(_, shard)| shard.database(db).memory_bytes());
        bytes.sum()
    }

    /// Whether shards are locked as they are touched (the gate is closed).
    pub fn is_lazy(&self) -> bool {
        self.lazy
    }

    /// Whether shard `id` may be touched.
    pub fn covers(&self, id: u16) -> bool {
        self.lazy || self.position(id).is_ok()
    }

    /// Counts something in every shard in turn, like [`Held::for_each_shard`]. What is counted is no data: no reply waits
    /// for the disk on that account, so that the server can tell how it is while its disk fails.
    pub fn count_in_each_shard(&mut self, mut count: impl FnMut(u16, &Shard)) {
        let passed = self.passed;
        self.for_each_shard(|id, shard| count(id, shard));
        self.passed = passed;
    }

    /// Visits every shard in turn. Without the gate each one is locked only while it is visited,
    /// and the caller must hold none.
    pub fn for_each_shard(&mut self, mut visit: impl FnMut(u16, &mut Shard)) {
        assert!(
            self.lazy || self.guards.is_empty(),
            "a command that visits all shards declares no keys"
        );
        for id in 0..self.space.shards.len() as u16 {
            if self.lazy {
                visit(id, self.shard_mut(id));
            } else {
                let mut shard = self.space.lock_shard(id);
                self.passed = self.passed.max(shard.last_written);
                visit(id, &mut shard);
            }
        }
    }
}
