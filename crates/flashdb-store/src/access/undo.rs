//! Before-images: what it takes to undo what was done since [`Access::begin_undo`], for rollback transactions and for
//! scripts that have to run again. Without it a change pays one branch.
//!
//! The first change of a key keeps what was there. A value that is removed or replaced as a whole is moved here; for one
//! that is changed in place the table gets a copy and the original is kept, so that a rollback brings back the very
//! allocations, the account to the byte. A flushed database is kept as it is, a swap is swapped back.
//!
//! Images are put back last first, by the same changes of the table as any others: a running snapshot, whose cut cannot fall
//! in between because the shards stay locked, sees nothing new in them. Watchers are told in the end.

use super::{Access, Place};
use crate::database::Database;
use crate::effects::Mark;
use crate::entry::Entry;
use crate::shard::Telling;
use smallvec::SmallVec;
use std::collections::HashMap;

/// The levels begun and not ended, outermost first; never empty.
#[derive(Default)]
pub(super) struct Undo {
    levels: Vec<Level>,
    /// An emptied level, whose memory the next one takes over: a script is over in a microsecond.
    spare: Option<Level>,
}

/// Steps of a level up to which a search is quicker than an index.
const SEARCHED_MAX: usize = 16;
/// Steps of a level whose memory is kept.
const SPARE_STEPS_MAX: usize = 64;

struct Level {
    db: u16,
    unsettled: bool,
    effects: Mark,
    /// In the order of the changes.
    steps: Vec<Step>,
    /// Steps of keys, by database and hash, once they are too many to be searched; emptied when databases are flushed or
    /// swapped.
    known: HashMap<(u16, u64), SmallVec<[u32; 1]>, foldhash::fast::FixedState>,
    /// Steps before this one say nothing of keys as they are now.
    known_from: usize,
    told: Vec<Told>,
}

/// What has to be done to undo a change.
enum Step {
    /// The key was absent.
    Remove { db: u16, place: Place, key: Box<[u8]> },
    /// This entry was there.
    Restore { db: u16, place: Place, entry: Entry },
    /// The key had another expiry. A later step may still hold the value.
    Expire {
        db: u16,
        place: Place,
        key: Box<[u8]>,
        at_ms: Option<i64>,
    },
    /// One shard's part of a database was flushed, to be freed off the loop if `later`.
    Unflush {
        db: u16,
        shard: u16,
        database: Box<Database>,
        later: bool,
    },
    /// Two databases were exchanged.
    Swap { first: u16, second: u16 },
}

struct Told {
    shard: u16,
    db: u16,
    key: Box<[u8]>,
    telling: Telling,
}

impl Step {
    /// Database, hash and key of what is about one key.
    fn key(&self) -> Option<(u16, u64, &[u8])> {
        match self {
            Step::Remove { db, place, key } | Step::Expire { db, place, key, .. } => {
                Some((*db, place.hash, key))
            }
            Step::Restore { db, place, entry } => Some((*db, place.hash, entry.key())),
            Step::Unflush { .. } | Step::Swap { .. } => None,
        }
    }

    fn is_expiry(&self) -> bool {
        matches!(self, Step::Expire { .. })
    }
}

impl Level {
    /// Whether the key's whole state is known, or at least its expiry.
    fn knows(&self, db: u16, hash: u64, key: &[u8], only_expiry: bool) -> bool {
        let is_of_key =
            |step: &Step| step.key() == Some((db, hash, key)) && (only_expiry || !step.is_expiry());
        if self.known.is_empty() {
            return self.steps[self.known_from..].iter().any(is_of_key);
        }
        let steps = self.known.get(&(db, hash)).into_iter().flatten();
        steps.map(|&at| &self.steps[at as usize]).any(is_of_key)
    }

    fn push(&mut self, step: Step) {
        let is_of_key = step.key().is_some();
        self.steps.push(step);
        let count = self.steps.len();
        if !is_of_key {
            self.known.clear();
            self.known_from = count;
        } else if !self.known.is_empty() {
            self.index(count - 1);
        } else if count - self.known_from > SEARCHED_MAX {
            (self.known_from..count).for_each(|at| self.index(at));
        }
    }

    fn index(&mut self, at: usize) {
        if let Some((db, hash, _)) = self.steps[at].key() {
            self.known.entry((db, hash)).or_default().push(at as u32);
        }
    }
}

impl Undo {
    fn level(&mut self) -> &mut Level {
        self.levels.last_mut().expect("there is a level or no `Undo`")
    }

    /// Keeps for the end what the watchers of a key are to be told.
    pub(super) fn tell_later(&mut self, shard: u16, db: u16, key: &[u8], telling: Telling) {
        let key = key.into();
        self.level().told.push(Told {
            shard,
            db,
            key,
            telling,
        });
    }
}

impl Access<'_> {
    /// Begins to keep what it takes to undo changes, until [`Access::roll_back`] or [`Access::end_undo`]. They nest: a script
    /// inside a rollback transaction begins a level of its own. No lock may be released before the outermost has ended.
    ///
    /// The first change of a key costs a copy of its value if it is made in place or moves the value to another key,
    /// O(bytes); see [`Access::undo_cost_bytes`].
    pub fn begin_undo(&mut self) {
        let mut undo = (self.undo.take())
            .or_else(|| self.spare_undo.take())
            .unwrap_or_default();
        let spare = undo.spare.take();
        let (steps, told) = spare.map_or_else(Default::default, |level| (level.steps, level.told));
        undo.levels.push(Level {
            db: self.db,
            unsettled: self.unsettled,
            effects: self.effects.mark(),
            steps,
            known: HashMap::default(),
            known_from: 0,
            told,
        });
        self.undo = Some(undo);
    }

    /// Whether changes can be undone now.
    pub fn is_undoable(&self) -> bool {
        self.undo.is_some()
    }

    /// Ends the innermost level as if nothing had been done since it began: data, expiries, accounts, effects, and the
    /// selected database are as they were, and no watcher is told. That keys were looked up stays known (their last use, hits
    /// and misses). O(keys changed).
    pub fn roll_back(&mut self) {
        let mut level = self.end_level();
        while let Some(step) = level.steps.pop() {
            self.take_back(step);
        }
        level.told.clear();
        self.effects.return_to(&level.effects);
        self.unsettled = level.unsettled;
        self.db = level.db;
        self.last = None;
        self.spare_level(level);
    }

    /// Ends the innermost level and keeps what was done; an outer level can still undo it. O(keys changed); what was kept of
    /// large values is freed off the loop.
    pub fn end_undo(&mut self) {
        let mut level = self.end_level();
        let Some(undo) = &mut self.undo else {
            level.told.drain(..).for_each(|told| self.tell_now(&told));
            level.steps.drain(..).for_each(|step| self.drop_image(step));
            return self.spare_level(level);
        };
        let outer = undo.level();
        outer.told.extend(level.told);
        let mut spare = Vec::new();
        for step in level.steps {
            // What the outer level knows is older.
            let known = step
                .key()
                .is_some_and(|(db, hash, key)| outer.knows(db, hash, key, step.is_expiry()));
            if known {
                spare.push(step);
            } else {
                outer.push(step);
            }
        }
        spare.into_iter().for_each(|step| self.drop_image(step));
    }

    /// Bytes that the first change of `key` may copy: those of its value, 0 if nothing is kept or all of it was already.
    pub fn undo_cost_bytes(&self, key: &[u8]) -> usize {
        let place = self.place(key);
        let knows = |undo: &Undo| {
            let level = undo.levels.last();
            level.is_some_and(|level| level.knows(self.db, place.hash, key, false))
        };
        if self.undo.as_deref().is_none_or(knows) {
            return 0;
        }
        let shard = self.held.shard(place.shard);
        let entry = shard.and_then(|shard| shard.database(self.db).find(key, place.hash));
        entry.map_or(0, Entry::memory_bytes)
    }

    fn end_level(&mut self) -> Level {
        let mut undo = self.undo.take().expect("a level was begun");
        let level = undo.levels.pop().expect("there is a level or no `Undo`");
        if undo.levels.is_empty() {
            self.spare_undo = Some(undo);
        } else {
            self.undo = Some(undo);
        }
        level
    }

    /// Keeps the memory of an emptied level for the next.
    fn spare_level(&mut self, level: Level) {
        if level.steps.capacity() <= SPARE_STEPS_MAX
            && level.told.capacity() <= SPARE_STEPS_MAX
            && let Some(undo) = self.undo.as_mut().or(self.spare_undo.as_mut())
        {
            undo.spare = Some(level);
        }
    }

    // ---- before a change -----------------------------------------------------------------------

    /// To be called before `key` is changed in place, created, or taken out to be used elsewhere.
    #[inline]
    pub(super) fn keep(&mut self, key: &[u8], place: Place) {
        if self.undo.is_some() {
            self.keep_original(key, place);
        }
    }

    #[cold]
    #[inline(never)]
    fn keep_original(&mut self, key: &[u8], place: Place) {
        let db = self.db;
        let Some(undo) = &mut self.undo else { return };
        let level = undo.level();
        if level.knows(db, place.hash, key, false) {
            return;
        }
        let database = self.held.shard_mut(place.shard).database_mut(db);
        level.push(match database.exchange_for_copy(key, place.hash) {
            Some(entry) => Step::Restore { db, place, entry },
            None => Step::Remove {
                db,
                place,
                key: key.into(),
            },
        });
    }

    /// As [`Access::keep`] if the entry is there and such that it is going to be changed in place; any other is kept when it
    /// is replaced.
    #[inline]
    pub(super) fn keep_if(&mut self, key: &[u8], place: Place, is_changed: impl FnOnce(&Entry) -> bool) {
        if self.undo.is_some() {
            let database = self.held.shard_mut(place.shard).database(self.db);
            if database.find(key, place.hash).is_some_and(is_changed) {
                self.keep_original(key, place);
            }
        }
    }

    /// To be called before the expiry of `key` changes and nothing else of it.
    #[inline]
    pub(super) fn keep_expiry(&mut self, key: &[u8], place: Place) {
        let db = self.db;
        let Some(undo) = &mut self.undo else { return };
        let database = self.held.shard_mut(place.shard).database(db);
        let Some(entry) = database.find(key, place.hash) else {
            return;
        };
        if !undo.level().knows(db, place.hash, key, true) {
            let at_ms = entry.expire_at_ms();
            let key = key.into();
            undo.level().push(Step::Expire {
                db,
                place,
                key,
                at_ms,
            });
        }
    }

    // ---- after a change ------------------------------------------------------------------------

    /// Keeps that `key` was absent, which it is no more.
    #[inline]
    pub(super) fn keep_absence(&mut self, key: &[u8], place: Place) {
        let db = self.db;
        if let Some(undo) = &mut self.undo
            && !undo.level().knows(db, place.hash, key, false)
        {
            let key = key.into();
            undo.level().push(Step::Remove { db, place, key });
        }
    }

    /// Keeps an entry that was removed or replaced; drops it if what was there before is known.
    pub(super) fn keep_entry(&mut self, place: Place, entry: Entry) {
        let db = self.db;
        if let Some(undo) = &mut self.undo
            && !undo.level().knows(db, place.hash, entry.key(), false)
        {
            undo.level().push(Step::Restore { db, place, entry });
        } else {
            self.space.discard_entry(entry);
        }
    }

    /// Keeps one shard's part of a database that was flushed. It is not with its snapshot, if there is one, until the end,
    /// which is why the shard stays locked.
    pub(super) fn keep_database(&mut self, shard: u16, db: u16, database: Database, later: bool) {
        assert!(
            self.held.is_lazy(),
            "flushing what may be undone needs the closed gate"
        );
        if let Some(undo) = &mut self.undo {
            let database = Box::new(database);
            undo.level().push(Step::Unflush {
                db,
                shard,
                database,
                later,
            });
        }
    }

    /// Keeps that two databases were exchanged.
    pub(super) fn keep_swap(&mut self, first: u16, second: u16) {
        if let Some(undo) = &mut self.undo {
            assert!(
                self.held.is_lazy(),
                "swapping what may be undone needs the closed gate"
            );
            undo.level().push(Step::Swap { first, second });
        }
    }

    // ---- the end -------------------------------------------------------------------------------

    fn take_back(&mut self, step: Step) {
        match step {
            Step::Remove { db, place, key } => {
                let database = self.held.shard_mut(place.shard).database_mut(db);
                if let Some(entry) = database.remove(&key, place.hash) {
                    self.space.discard_entry(entry);
                }
            }
            Step::Restore { db, place, entry } => {
                let database = self.held.shard_mut(place.shard).database_mut(db);
                if let Some(entry) = database.restore(entry, place.hash) {
                    self.space.discard_entry(entry);
                }
            }
            Step::Expire {
                db,
                place,
                key,
                at_ms,
            } => {
                let database = self.held.shard_mut(place.shard).database_mut(db);
                database.replace(&key, place.hash, |entry| entry.with_expiry(at_ms));
            }
            Step::Unflush {
                db,
                shard,
                database,
                later,
            } => {
                let slot = self.held.shard_mut(shard).database_mut(db);
                let since = std::mem::replace(slot, *database);
                self.space.dispose(since, later);
            }
            Step::Swap { first, second } => self.held.for_each_shard(|_, shard| {
                shard.swap_databases(first, second);
            }),
        }
    }

    fn drop_image(&self, step: Step) {
        match step {
            Step::Restore { entry, .. } => self.space.discard_entry(entry),
            Step::Unflush { database, later, .. } => self.space.dispose(*database, later),
            Step::Remove { .. } | Step::Expire { .. } | Step::Swap { .. } => {}
        }
    }

    fn tell_now(&mut self, told: &Told) {
        let shard = self.held.shard_mut(told.shard);
        shard.tell_watchers(told.db, &told.key, told.telling);
    }

    /// Tells the watchers of `key` what happened to it, at the end if it may be undone until then.
    pub(super) fn tell(&mut self, shard: u16, key: &[u8], telling: Telling) {
        match &mut self.undo {
            Some(undo) => undo.tell_later(shard, self.db, key, telling),
            None => self.held.shard_mut(shard).tell_watchers(self.db, key, telling),
        }
    }
}
