//! A snapshot: the exact state of the keyspace at one moment, the cut, taken while the core loops go on writing.
//!
//! [`Keyspace::begin_snapshot`], under the closed gate, only notes in every database that it takes part. From then on
//! each entry of the cut reaches the [`SnapshotSink`] once, as it was then: through a [`SnapshotWalk`] driven by one or
//! more background threads, or earlier through whoever is about to change it. FLUSHALL gives its databases to the
//! snapshot, which frees them. Access bits (LRU, LFU) are as they are when the entry is taken.
//!
//! Locks: a step enters the gate by a lane for background threads and locks one shard; the sink is called under that lock.
//! Both are handed on fairly: a step that locked again at once would keep a loop waiting for a long time.

use crate::database::Database;
use crate::entry::Entry;
use crate::keyspace::Keyspace;
use crate::pieces;
use flashdb_table::Regions;
use flashdb_types::pieces::{Kind, Part};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What becomes of the entries of a snapshot. Called under the lock of a shard, by walkers and core loops at the same time:
/// an implementor encodes and queues, waits for nothing and does not touch the keyspace.
pub trait SnapshotSink: Send + Sync {
    /// Some entries of database `db` (its number at the cut), at most those of a bucket: together, as a sink has to lock what
    /// it keeps them in. Each entry comes once; those of a database in no order.
    fn capture(&self, shard: u16, db: u16, entries: &[&Entry]);

    /// In place of [`SnapshotSink::capture`], all of an entry but the members of its value, of which there are so many. They
    /// come in pieces, also after entries of other databases.
    fn capture_head(&self, shard: u16, db: u16, entry: &Entry, members: usize);

    /// A member of a value in pieces, to be added to a payload.
    fn encode(&self, part: &Part<'_>, payload: &mut Vec<u8>);

    /// Members of a value whose head was captured. The shard that is locked may be another one by now, or none.
    fn capture_piece(&self, piece: &Piece<'_>);

    /// Only for [`Mode::Incremental`]: what the snapshot says of this shard's part of database `db`. Comes once, before
    /// its first entry. A part of which nothing comes is as it was at the earlier cut.
    fn cover(&self, shard: u16, db: u16, coverage: Coverage<'_>);

    /// Whether more was captured and not yet written than is good: clients that write are held back then.
    fn is_congested(&self) -> bool;
}

/// Some members of a value that is captured in pieces.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Shard and database at the cut.
    pub shard: u16,
    /// See `shard`.
    pub db: u16,
    /// The key at the cut.
    pub key: &'a [u8],
    /// What the value is.
    pub kind: Kind,
    /// Number of members; not 0.
    pub members: usize,
    /// The members, as [`SnapshotSink::encode`] encoded them.
    pub payload: &'a [u8],
}

/// What an incremental snapshot says of one shard's part of a database: whatever an earlier one has there is void.
pub enum Coverage<'a> {
    /// All of it.
    Whole,
    /// What is in these regions of the hash space (see `flashdb_base::hash::seed`).
    Regions(&'a Regions),
}

/// What a snapshot takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    Full,
    /// What may have changed since the cut that began this epoch. Where that is not known (another epoch, an abandoned
    /// snapshot in between) everything, so an unfit epoch costs time and space but is never wrong.
    Incremental {
        /// [`SnapshotJob::epoch`] of the earlier snapshot, or what [`Keyspace::begin_tracking`] returned.
        since: u64,
    },
}

/// Another snapshot is not done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotRunning;

/// How much a step may do: it ends when either is used up. At some 100 ns an entry, or a member of a value in pieces, 200 of
/// them keep a shard locked for 20 us.
#[derive(Clone, Copy, Debug)]
pub struct WalkBudget {
    /// Entries, steps of the walk without any counted as one.
    pub entries: usize,
    /// Bytes of memory that the entries take.
    pub bytes: usize,
}

impl WalkBudget {
    pub(crate) fn is_spent(&self) -> bool {
        self.entries == 0 || self.bytes == 0
    }

    pub(crate) fn spend(&mut self, entries: usize, bytes: usize) {
        self.entries = self.entries.saturating_sub(entries);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// A snapshot being taken.
pub struct SnapshotJob {
    sink: Arc<dyn SnapshotSink>,
    mode: Mode,
    epoch: u64,
    keeps_tracking: bool,
    abandoned: AtomicBool,
    todo: Mutex<Vec<Work>>,
    /// Works in `todo` and in the hands of walkers.
    left: AtomicUsize,
}

/// What a walker works on at a time.
enum Work {
    Shard {
        id: u16,
        /// Database to go on with.
        hint: u16,
    },
    /// A database that was flushed.
    Flushed(Box<Database>),
    /// An entry that was removed while its value was being taken.
    Removed(Entry),
}

impl SnapshotJob {
    /// Number of the epoch that began at the cut.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What is taken.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether changes are tracked after the snapshot, for an incremental one.
    pub fn keeps_tracking(&self) -> bool {
        self.keeps_tracking
    }

    /// Gives the snapshot up: nothing more is captured. The walk has to be driven to its end all the same, which is quick.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    /// Whether it was given up.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Whether all is done.
    pub fn is_done(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    pub(crate) fn sink(&self) -> &dyn SnapshotSink {
        &*self.sink
    }

    /// Takes a flushed database, of which some is still to be captured; called under the lock of its shard, which therefore
    /// is not done.
    pub(crate) fn take_flushed(&self, database: Database) {
        self.add(Work::Flushed(Box::new(database)));
    }

    /// Takes an entry that left the keyspace while its value was being taken; called as [`Self::take_flushed`].
    pub(crate) fn take_removed(&self, entry: Entry) {
        self.add(Work::Removed(entry));
    }

    /// Has a shard walked once more, into which a value moved that is being taken; called under its lock, and that of the
    /// shard where the value was.
    pub(crate) fn walk_again(&self, shard: u16) {
        self.add(Work::Shard { id: shard, hint: 0 });
    }

    fn add(&self, work: Work) {
        self.left.fetch_add(1, Ordering::Relaxed);
        self.todo.lock().push(work);
    }
}

impl Keyspace {
    /// The cut: begins a snapshot of the state that there is now. The caller has the gate closed. O(shards x databases),
    /// some 10 ns each. With `keep_tracking` changes are recorded from now on, also after the snapshot.
    ///
    /// Someone has to drive a [`SnapshotWalk`] to its end; until then no other can begin.
    pub fn begin_snapshot(
        &self,
        mode: Mode,
        keep_tracking: bool,
        sink: Arc<dyn SnapshotSink>,
    ) -> Result<Arc<SnapshotJob>, SnapshotRunning> {
        let mut running = self.snapshot.write();
        if running.is_some() {
            return Err(SnapshotRunning);
        }
        let work = |id| Work::Shard { id, hint: 0 };
        let job = Arc::new(SnapshotJob {
            sink,
            mode,
            epoch: self.next_epoch(),
            keeps_tracking: keep_tracking,
            abandoned: AtomicBool::new(false),
            todo: Mutex::new((0..self.shards_count() as u16).rev().map(work).collect()),
            left: AtomicUsize::new(self.shards_count()),
        });
        self.lock_as_touched().for_each_shard(|id, shard| {
            for (db, database) in shard.databases_mut().iter_mut().enumerate() {
                database.begin_capture(&job, id, db as u16);
            }
            shard.set_recorded(keep_tracking);
        });
        *running = Some(job.clone());
        self.snapshotting.store(true, Ordering::Relaxed);
        Ok(job)
    }

    /// Whether the sink of a running snapshot asks for writers to be held back. One load when none runs.
    #[inline]
    pub fn snapshot_is_congested(&self) -> bool {
        self.snapshotting.load(Ordering::Relaxed)
            && self
                .snapshot
                .read()
                .as_ref()
                .is_some_and(|job| job.sink().is_congested())
    }

    /// The snapshot being taken, if there is one.
    pub fn snapshot_job(&self) -> Option<Arc<SnapshotJob>> {
        self.snapshot.read().clone()
    }

    /// Disposes of a database that FLUSHDB emptied: where a snapshot still needs it, it goes there, else it is freed, `later`
    /// off the loop.
    pub(crate) fn dispose(&self, database: Database, later: bool) {
        if let Some(job) = database.capturing_job() {
            job.take_flushed(database);
        } else if later {
            self.discard_database(database);
        }
    }

    fn end_snapshot(&self, job: &Arc<SnapshotJob>) {
        let mut running = self.snapshot.write();
        if running.as_ref().is_some_and(|of| Arc::ptr_eq(of, job)) {
            self.snapshotting.store(false, Ordering::Relaxed);
            *running = None;
        }
    }
}

/// What a step led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    More,
    /// What is left is in the hands of other walkers; more may come from FLUSHALL.
    Waiting,
    /// All entries of the cut were captured, and the keyspace is ready for another snapshot.
    Done,
}

/// One thread's walk through the keyspace for a snapshot; several may share a job. What it had begun goes to the others when
/// it is dropped.
pub struct SnapshotWalk {
    job: Arc<SnapshotJob>,
    /// Lane of the gate.
    lane: usize,
    work: Option<Work>,
}

impl SnapshotWalk {
    /// A walk for `job` that enters the gate by `lane` (see [`crate::Gate::background_lane`]).
    pub fn new(job: Arc<SnapshotJob>, lane: usize) -> Self {
        SnapshotWalk {
            job,
            lane,
            work: None,
        }
    }

    /// Captures a few entries. The caller is not inside the gate. A caller whose sink is congested waits before the next step.
    pub fn step(&mut self, space: &Keyspace, mut budget: WalkBudget) -> Progress {
        if self.work.is_none() {
            self.work = self.job.todo.lock().pop();
        }
        let more = match &mut self.work {
            None => return self.progress(space),
            Some(Work::Flushed(database)) => database.walk_captured(&mut budget),
            Some(Work::Removed(entry)) => !self.job.is_abandoned() && pieces::take_some(entry, &mut budget),
            Some(Work::Shard { id, hint }) => space.walk_shard(self.lane, *id, hint, &mut budget),
        };
        if more {
            return Progress::More;
        }
        self.work = None;
        self.job.left.fetch_sub(1, Ordering::AcqRel);
        match self.progress(space) {
            Progress::Waiting => Progress::More,
            done => done,
        }
    }

    /// With nothing in hand.
    fn progress(&self, space: &Keyspace) -> Progress {
        if !self.job.is_done() {
            return Progress::Waiting;
        }
        space.end_snapshot(&self.job);
        Progress::Done
    }
}

impl Drop for SnapshotWalk {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.job.todo.lock().push(work);
        }
    }
}

impl Keyspace {
    /// One step through a shard; false when none of its databases has anything left. `hint` is only where to look first:
    /// SWAPDB may have exchanged any of them since.
    fn walk_shard(&self, lane: usize, id: u16, hint: &mut u16, budget: &mut WalkBudget) -> bool {
        let pass = self.gate().enter(lane);
        let mut shard = self.lock_shard(id);
        let count = shard.databases_len();
        let mut more = false;
        for step in 0..count {
            let at = (usize::from(*hint) + step) % count;
            let database = &mut shard.databases_mut()[at];
            if database.is_captured() && database.walk_captured(budget) {
                (*hint, more) = (at as u16, true);
                break;
            }
        }
        parking_lot::MutexGuard::unlock_fair(shard);
        pass.leave_fairly();
        more
    }

    /// Starts to record changes without a snapshot, for a later one that is incremental to the state that there is now
    /// (loaded from a file). The caller has the gate closed. Returns the epoch.
    pub fn begin_tracking(&self) -> Result<u64, SnapshotRunning> {
        if self.snapshot.read().is_some() {
            return Err(SnapshotRunning);
        }
        let epoch = self.next_epoch();
        self.lock_as_touched().for_each_shard(|_, shard| {
            for (db, database) in shard.databases_mut().iter_mut().enumerate() {
                database.track(epoch, db as u16);
            }
            shard.set_recorded(true);
        });
        Ok(epoch)
    }
}
