//! One shard's part of a database during a snapshot: what is still to be taken of it, and the taking, from both sides.
//! The walker takes it in steps; whoever is about to change an entry first hands over the entry's bucket.
//!
//! All of this state is in the `Database`, not with the walker: SWAPDB may put it under another number and FLUSHALL take
//! it out of its shard, and it still knows what it was at the cut. Without a snapshot a change pays one branch.

use crate::database::{Database, entry_hash, prefetch_entry};
use crate::entry::Entry;
use crate::pieces::{self, PieceTaker};
use crate::snapshot::{Coverage, Mode, SnapshotJob, WalkBudget};
use flashdb_table::{Change, Remainder};
use smallvec::SmallVec;
use std::sync::Arc;

/// Entries that go to the sink at once: more than most buckets are home to.
const BATCH: usize = 16;

/// What a database was at the last cut, to know what an incremental snapshot has to say of it.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// The epoch that the cut began.
    epoch: u64,
    /// Its number.
    db: u16,
    /// It held nothing.
    vacant: bool,
}

/// What a snapshot has yet to take of a database.
pub(crate) struct Capture {
    job: Arc<SnapshotJob>,
    shard: u16,
    /// The number at the cut.
    db: u16,
    scope: Scope,
    rest: Remainder,
}

/// What the snapshot takes. For an incremental one it is found out when the database is first met, by the walker or by
/// a writer, so that the cut itself is a few stores. Until then nothing is marked in the new epoch, and all marks of
/// the old one are there.
enum Scope {
    /// Settled, and said to the sink.
    Known,
    /// All, because it is another database than the last cut found under this number.
    Whole,
    /// What changed in this epoch.
    ChangedIn(u64),
}

/// Entries on their way to the sink.
struct Batch<'c, 't> {
    job: &'c Arc<SnapshotJob>,
    shard: u16,
    db: u16,
    entries: SmallVec<[&'t Entry; BATCH]>,
    /// What is to be opened, of large entries.
    large: Vec<PieceTaker>,
}

impl<'c, 't> Batch<'c, 't> {
    fn new(job: &'c Arc<SnapshotJob>, shard: u16, db: u16) -> Self {
        Batch {
            job,
            shard,
            db,
            entries: SmallVec::new(),
            large: Vec::new(),
        }
    }

    /// Whether the entry is captured as a whole, not in pieces.
    #[inline]
    fn add(&mut self, entry: &'t Entry) -> bool {
        let large = pieces::capture_large(self.job, self.shard, self.db, entry);
        let is_whole = large.is_none();
        self.large.extend(large);
        if is_whole {
            if self.entries.len() == BATCH {
                self.hand_on();
            }
            self.entries.push(entry);
        }
        is_whole
    }

    fn hand_on(&mut self) {
        if !self.entries.is_empty() {
            self.job.sink().capture(self.shard, self.db, &self.entries);
            self.entries.clear();
        }
    }

    /// Hands the rest on; what is returned is to be opened.
    fn end(mut self) -> Vec<PieceTaker> {
        self.hand_on();
        self.large
    }
}

impl Database {
    /// Makes this database part of the snapshot `job`, as number `db` of `shard`, and begins its epoch.
    pub(crate) fn begin_capture(&mut self, job: &Arc<SnapshotJob>, shard: u16, db: u16) {
        let vacant = self.table.memory_bytes() == 0;
        let scope = match (job.mode(), self.origin) {
            (Mode::Full, _) => (!vacant).then_some(Scope::Known),
            (Mode::Incremental { since }, Some(origin)) if (origin.epoch, origin.db) == (since, db) => {
                match (origin.vacant, vacant) {
                    (true, true) => None,
                    (true, false) => Some(Scope::Whole),
                    (false, _) => Some(Scope::ChangedIn(since)),
                }
            }
            (Mode::Incremental { .. }, _) => Some(Scope::Whole),
        };
        let epoch = job.epoch();
        let is_recorded = scope.is_some() || job.keeps_tracking();
        self.table.set_epoch(if is_recorded { epoch } else { 0 });
        self.origin = job.keeps_tracking().then_some(Origin { epoch, db, vacant });
        self.capture = scope.map(|scope| Capture {
            job: job.clone(),
            shard,
            db,
            scope,
            rest: Remainder::everything(),
        });
    }

    /// Begins an epoch without a snapshot, as number `db`.
    pub(crate) fn track(&mut self, epoch: u64, db: u16) {
        let vacant = self.table.memory_bytes() == 0;
        self.table.set_epoch(epoch);
        self.origin = Some(Origin { epoch, db, vacant });
    }

    /// Whether a snapshot has yet to take some of this database.
    #[inline]
    pub(crate) fn is_captured(&self) -> bool {
        self.capture.is_some() || self.opened.is_some()
    }

    /// The snapshot that has yet to take some of this database.
    pub(crate) fn capturing_job(&self) -> Option<Arc<SnapshotJob>> {
        let of_capture = self.capture.as_ref().map(|capture| &capture.job);
        let of_opened = self.opened.as_ref().map(|opened| &opened.job);
        of_capture.or(of_opened).cloned()
    }

    /// To be called right before a change of the entry with this hash.
    #[inline]
    pub(crate) fn announce(&mut self, hash: u64, change: Change) {
        if self.capture.is_some() {
            self.hand_over(hash, change);
        }
    }

    #[cold]
    #[inline(never)]
    fn hand_over(&mut self, hash: u64, change: Change) {
        if !self.settle() {
            return;
        }
        let Some(capture) = &self.capture else { return };
        let Capture {
            job, shard, db, rest, ..
        } = capture;
        let mut batch = Batch::new(job, *shard, *db);
        self.table
            .before_change(hash, change, rest, entry_hash, prefetch_entry, |entry| {
                batch.add(entry);
            });
        let large = batch.end();
        self.open(large);
    }

    /// Takes a part of what is left; false when nothing is left afterwards. Cost bounded by `budget`, save that the entries
    /// of a bucket are taken at once, those of large collections in pieces.
    pub(crate) fn walk_captured(&mut self, budget: &mut WalkBudget) -> bool {
        if self.walk_opened(budget) {
            return true;
        }
        if !self.settle() {
            return false;
        }
        while let Some(capture) = &mut self.capture {
            if budget.is_spent() {
                return true;
            }
            let Capture {
                job, shard, db, rest, ..
            } = capture;
            budget.spend(1, 0);
            let mut batch = Batch::new(job, *shard, *db);
            let more = self.table.walk(rest, entry_hash, prefetch_entry, |entry| {
                let is_whole = batch.add(entry);
                budget.spend(1, if is_whole { entry.memory_bytes() } else { 0 });
            });
            let large = batch.end();
            self.open(large);
            if !more {
                self.end_capture();
            }
            if self.walk_opened(budget) {
                return true;
            }
        }
        false
    }

    /// Finds out what is to be taken, if that was not done yet, and tells the sink. False when nothing is.
    fn settle(&mut self) -> bool {
        let Some(capture) = &mut self.capture else {
            return false;
        };
        if capture.job.is_abandoned() {
            self.end_capture();
            return false;
        }
        let (shard, db) = (capture.shard, capture.db);
        match std::mem::replace(&mut capture.scope, Scope::Known) {
            Scope::Known => {}
            Scope::Whole => capture.job.sink().cover(shard, db, Coverage::Whole),
            Scope::ChangedIn(epoch) => {
                let regions = self.table.changed_regions(epoch);
                if regions.is_empty() {
                    self.end_capture();
                    return false;
                }
                capture.job.sink().cover(shard, db, Coverage::Regions(&regions));
                capture.rest = Remainder::of(regions);
            }
        }
        true
    }

    fn end_capture(&mut self) {
        if let Some(capture) = self.capture.take()
            && !capture.job.keeps_tracking()
        {
            self.table.set_epoch(0);
        }
    }
}
