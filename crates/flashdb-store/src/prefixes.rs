//! Keys and bytes of each branch of the key tree in one shard's part of a database. It belongs to that part, so that flushing,
//! exchanging and undoing move it along with what it counts. Nothing is kept until somebody looks at the tree; then the
//! counts grow by a walk in small steps, while changes are noted for what the walk has passed and left to it otherwise.
//!
//! Keys are exact. Bytes are those of entries when they came, were replaced as a whole or were passed by the walk: what
//! grows in place is not followed, since each write of an element would have to look its key up.

use crate::database::Database;
use crate::entry::Entry;
use crate::keyspace::Keyspace;
use crate::outline::{ById, Outline, PREFIX_BYTES_MAX, ROOT, Sampled, WATCHED_MAX};
use crate::snapshot::WalkBudget;
use flashdb_table::Remainder;
use parking_lot::MutexGuard;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keys that a step visits under the lock of their shard, about: some 20 us.
const STEP_KEYS: usize = 200;

/// What a branch holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Keys, expired ones not yet removed included.
    pub keys: u64,
    /// Bytes of their entries, about.
    pub bytes: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.keys += other.keys;
        self.bytes += other.bytes;
    }
}

/// What has become of a branch, in one shard or all: by comparing two of them one knows what came and went between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// What it holds.
    pub tally: Tally,
    /// Keys that came since the counts were begun, modulo 2^32.
    pub came: u32,
}

/// What a shard keeps of a branch. Packed, so that `came` takes the place of what would be padding: a table of these is no
/// larger than one of tallies.
#[derive(Clone, Copy, Default)]
#[repr(Rust, packed(4))]
struct Slot {
    keys: u64,
    bytes: u64,
    came: u32,
}

const _: () = assert!(size_of::<(u32, Slot)>() == size_of::<(u32, Tally)>());

impl Slot {
    fn tally(self) -> Tally {
        Tally {
            keys: self.keys,
            bytes: self.bytes,
        }
    }
}

/// The number of the next [`Counts`].
static NEXT_SERIAL: AtomicU64 = AtomicU64::new(1);

/// Tallies by branch of an outline.
struct Counts {
    outline: Arc<Outline>,
    tallies: ById<Slot>,
    /// No other counts have it: what came can only be told by comparing the same ones.
    serial: u64,
}

impl Counts {
    fn new(outline: &Arc<Outline>) -> Self {
        Counts {
            outline: outline.clone(),
            tallies: ById::default(),
            serial: NEXT_SERIAL.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn add(&mut self, key: &[u8], bytes: usize) {
        for id in self.outline.path(key) {
            let slot = self.tallies.entry(id).or_default();
            slot.keys += 1;
            slot.bytes += bytes as u64;
            slot.came = slot.came.wrapping_add(1);
        }
    }

    fn take(&mut self, key: &[u8], bytes: usize) {
        for id in self.outline.path(key) {
            let Some(tally) = self.tallies.get_mut(&id) else {
                debug_assert!(false, "a key that goes was counted when it came");
                continue;
            };
            tally.keys = tally.keys.saturating_sub(1);
            tally.bytes = tally.bytes.saturating_sub(bytes as u64);
            // Of those that are watched it has to be known how many came.
            if tally.keys == 0 && id as usize >= WATCHED_MAX {
                self.tallies.remove(&id);
            }
        }
    }

    fn resize(&mut self, key: &[u8], before: usize, after: usize) {
        for id in self.outline.path(key) {
            if let Some(tally) = self.tallies.get_mut(&id) {
                tally.bytes = (tally.bytes + after as u64).saturating_sub(before as u64);
            }
        }
    }

    /// Adds the tallies of `ids`, which ascend save for the first.
    fn add_to(&self, ids: &[u32], sums: &mut [Tally]) {
        let tally = |id: &u32| self.tallies.get(id).copied().unwrap_or_default().tally();
        if ids.len() <= self.tallies.len() {
            ids.iter().zip(sums).for_each(|(id, sum)| *sum += tally(id));
            return;
        }
        let (Some((own, below)), Some((own_sum, sums))) = (ids.split_first(), sums.split_first_mut()) else {
            return;
        };
        *own_sum += tally(own);
        for (id, tally) in &self.tallies {
            if let Ok(at) = below.binary_search(id) {
                sums[at] += tally.tally();
            }
        }
    }

    /// Adds the marks of the first branches, as many as there are sums; answers that of all keys.
    fn add_marks(&self, sums: &mut [Mark]) -> Mark {
        let mark = |id: u32| {
            let slot = self.tallies.get(&id).copied().unwrap_or_default();
            Mark {
                tally: slot.tally(),
                came: slot.came,
            }
        };
        for (id, sum) in (0..).zip(sums) {
            let own = mark(id);
            sum.tally += own.tally;
            sum.came = sum.came.wrapping_add(own.came);
        }
        mark(ROOT)
    }

    fn memory_bytes(&self) -> usize {
        self.tallies.capacity() * (size_of::<(u32, Slot)>() + 1)
    }
}

/// See the module's head.
#[derive(Default)]
pub(crate) struct Prefixes {
    /// Those that tell of all keys.
    whole: Option<Counts>,
    /// Those of the next outline, and what the walk has yet to pass.
    growing: Option<(Counts, Remainder)>,
}

impl Prefixes {
    /// Those of a database that was emptied.
    pub(crate) fn emptied(&self) -> Self {
        let newest = self
            .growing
            .as_ref()
            .map(|(counts, _)| counts)
            .or(self.whole.as_ref());
        Prefixes {
            whole: newest.map(|counts| Counts::new(&counts.outline)),
            growing: None,
        }
    }

    /// Calls `note` with the counts that have to know of a change at `hash`.
    fn each(&mut self, hash: u64, mut note: impl FnMut(&mut Counts)) {
        if let Some(counts) = &mut self.whole {
            note(counts);
        }
        if let Some((counts, rest)) = &mut self.growing
            && !rest.contains(hash)
        {
            note(counts);
        }
    }

    /// Notes a key that came.
    #[cold]
    pub(crate) fn add(&mut self, entry: &Entry, hash: u64) {
        self.each(hash, |counts| counts.add(entry.key(), entry.memory_bytes()));
    }

    /// Notes a key that went.
    #[cold]
    pub(crate) fn take(&mut self, entry: &Entry, hash: u64) {
        self.each(hash, |counts| counts.take(entry.key(), entry.memory_bytes()));
    }

    /// Notes a key whose entry was exchanged.
    #[cold]
    pub(crate) fn resize(&mut self, entry: &Entry, hash: u64, before: usize) {
        let after = entry.memory_bytes();
        if after != before {
            self.each(hash, |counts| counts.resize(entry.key(), before, after));
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let growing = self.growing.as_ref().map(|(counts, _)| counts);
        let all = self.whole.iter().chain(growing);
        size_of::<Self>() + all.map(Counts::memory_bytes).sum::<usize>()
    }

    /// The counts of this outline, if they are whole.
    fn of(&self, outline: &Arc<Outline>) -> Option<&Counts> {
        let whole = self.whole.as_ref();
        whole.filter(|counts| Arc::ptr_eq(&counts.outline, outline))
    }
}

impl Database {
    /// Bytes that the counts by prefix take.
    pub fn prefixes_bytes(&self) -> usize {
        self.prefixes
            .as_ref()
            .map_or(0, |prefixes| prefixes.memory_bytes())
    }

    /// Goes on counting for this outline; false when all keys are counted.
    fn count_prefixes(&mut self, outline: &Arc<Outline>, budget: &mut WalkBudget) -> bool {
        let prefixes = self.prefixes.get_or_insert_default();
        if prefixes.of(outline).is_some() {
            return false;
        }
        let begun = prefixes.growing.take();
        let (mut counts, mut rest) = begun
            .filter(|(counts, _)| Arc::ptr_eq(&counts.outline, outline))
            .unwrap_or_else(|| (Counts::new(outline), Remainder::everything()));
        while !budget.is_spent() {
            budget.spend(1, 0);
            let more = self.survey(&mut rest, |entry| {
                budget.spend(1, 0);
                counts.add(entry.key(), entry.memory_bytes());
            });
            if !more {
                self.prefixes = Some(Box::new(Prefixes {
                    whole: Some(counts),
                    growing: None,
                }));
                return false;
            }
        }
        if let Some(prefixes) = &mut self.prefixes {
            prefixes.growing = Some((counts, rest));
        }
        true
    }

    /// Whether it is known to hold no key of this branch.
    pub(crate) fn is_without(&self, outline: &Arc<Outline>, branch: u32) -> bool {
        let counts = self.prefixes.as_ref().and_then(|prefixes| prefixes.of(outline));
        counts.is_some_and(|counts| counts.tallies.get(&branch).is_none_or(|slot| slot.keys == 0))
    }

    /// Adds the tallies of `ids` to `sums`; false when the counts of this outline are not whole.
    fn add_tallies(&self, outline: &Arc<Outline>, ids: &[u32], sums: &mut [Tally]) -> bool {
        let counts = self.prefixes.as_ref().and_then(|prefixes| prefixes.of(outline));
        if let Some(counts) = counts {
            counts.add_to(ids, sums);
        }
        counts.is_some() || self.is_empty()
    }
}

/// A shard's counts at a look, and the mark of all its keys: nothing has changed there while both stay the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardMark {
    /// Which counts these are; 0 for none.
    pub serial: u64,
    /// Of all keys in the shard.
    pub all: Mark,
}

impl Database {
    /// Adds the marks of the first branches of this outline to `sums`; `None` when its counts are not whole.
    fn add_marks(&self, outline: &Arc<Outline>, sums: &mut [Mark]) -> Option<ShardMark> {
        let Some(counts) = self.prefixes.as_ref().and_then(|prefixes| prefixes.of(outline)) else {
            return self.is_empty().then(ShardMark::default);
        };
        Some(ShardMark {
            serial: counts.serial,
            all: counts.add_marks(sums),
        })
    }
}

impl Keyspace {
    /// Adds the marks of the first branches of a shard's part of `db` to `sums`, and answers the shard's own; `None` when it has yet to be
    /// counted by this outline. O(sums) under the lock. The caller is not inside the gate.
    pub fn mark_prefixes(
        &self,
        lane: usize,
        shard: u16,
        db: u16,
        outline: &Arc<Outline>,
        sums: &mut [Mark],
    ) -> Option<ShardMark> {
        self.visit_shard(lane, shard, |shard| shard.database(db).add_marks(outline, sums))
    }

    /// Locks a shard for a step of who is no core loop and not inside the gate.
    pub(crate) fn visit_shard<R>(
        &self,
        lane: usize,
        shard: u16,
        visit: impl FnOnce(&mut crate::shard::Shard) -> R,
    ) -> R {
        let pass = self.gate().enter(lane);
        let mut shard = self.lock_shard(shard);
        let result = visit(&mut shard);
        MutexGuard::unlock_fair(shard);
        pass.leave_fairly();
        result
    }

    /// Keys of `db`. The caller is not inside the gate.
    pub fn count_keys(&self, lane: usize, db: u16) -> u64 {
        let shards = 0..self.shards_count() as u16;
        let of_shard = |id| self.visit_shard(lane, id, |shard| shard.database(db).len() as u64);
        shards.map(of_shard).sum()
    }

    /// Adds some keys of a shard's part of `db` to a sample, in proportion: about `quota` of them. The caller is not inside
    /// the gate; the shard is locked for some 200 keys at a time.
    pub fn sample_prefixes(&self, lane: usize, shard: u16, db: u16, quota: usize, sampled: &mut Sampled) {
        let mut met: Vec<(Box<[u8]>, usize)> = Vec::new();
        let (mut rest, mut len, mut more) = (Remainder::everything(), 0, true);
        while more && met.len() < quota {
            let until = quota.min(met.len() + STEP_KEYS);
            self.visit_shard(lane, shard, |shard| {
                let database = shard.database(db);
                len = database.len();
                // Hashes know nothing of names, so that the first of them are like all others.
                while more && met.len() < until {
                    more = database.survey(&mut rest, |entry| {
                        // No prefix is longer; a name may have 512 MB.
                        let key = entry.key();
                        let head = &key[..key.len().min(PREFIX_BYTES_MAX + 1)];
                        met.push((head.into(), entry.memory_bytes()));
                    });
                }
            });
        }
        let share = len as f64 / met.len().max(1) as f64;
        for (key, bytes) in met {
            sampled.add(&key, share, bytes);
        }
    }

    /// Goes on counting the keys of a shard's part of `db` by this outline, a part of it; false when all are counted. The
    /// caller is not inside the gate.
    pub fn count_prefixes(
        &self,
        lane: usize,
        shard: u16,
        db: u16,
        outline: &Arc<Outline>,
        mut budget: WalkBudget,
    ) -> bool {
        // A database that is not there yet is empty; what comes there is counted the next time.
        self.visit_shard(lane, shard, |shard| {
            let database = shard.present_database_mut(db);
            database.is_some_and(|database| database.count_prefixes(outline, &mut budget))
        })
    }

    /// Tallies of the branches `ids`, shard by shard, together with those of all keys, whose bytes are exact; `None` when
    /// some shard has yet to count. `ids` ascend save for the first. O(shards times ids, or counters where
    /// those are fewer). The caller is not inside the gate.
    pub fn tally_prefixes(
        &self,
        lane: usize,
        db: u16,
        outline: &Arc<Outline>,
        ids: &[u32],
    ) -> Option<(Tally, Vec<Tally>)> {
        let (mut all, mut sums) = (Tally::default(), vec![Tally::default(); ids.len()]);
        for shard in 0..self.shards_count() as u16 {
            let is_whole = self.visit_shard(lane, shard, |shard| {
                let database = shard.database(db);
                all += Tally {
                    keys: database.len() as u64,
                    bytes: database.entry_bytes() as u64,
                };
                database.add_tallies(outline, ids, &mut sums)
            });
            if !is_whole {
                return None;
            }
        }
        Some((all, sums))
    }

    /// Forgets all counts. The caller is not inside the gate.
    pub fn forget_prefixes(&self, lane: usize) {
        for shard in 0..self.shards_count() as u16 {
            let forgotten: Vec<_> = self.visit_shard(lane, shard, |shard| {
                let databases = shard.databases_mut().iter_mut();
                databases
                    .filter_map(|database| database.prefixes.take())
                    .collect()
            });
            drop(forgotten);
        }
    }
}
