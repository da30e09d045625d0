//! Replay by several threads. The caller's thread hands out records by the shard of their key; each shard belongs to one
//! worker, so its records keep their order. That the effects of a group come apart does no harm: nobody looks while data is
//! loaded.
//!
//! A record that touches several shards, or all, waits until every worker is idle and is run by the caller's thread. Since
//! such records come in runs, and waiting costs as much as some hundred records, the thread then goes on alone for a while.
//! The commonest of them, MSET and DEL of several keys, are taken apart instead.

use super::commands::{Action, Shards};
use super::error::Reason;
use super::executor::{Executor, name_of};
use super::groups::Groups;
use super::serial::run_locked;
use super::{Place, ReplayError, Setup};
use flashdb_base::hash::hash_bytes;
use flashdb_io::placement::Placement;
use flashdb_log::{Frame, Kind, Lsn, Record};
use parking_lot::{Condvar, Mutex};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Records of one shard that are handed over together.
const BATCH: usize = 64;
/// Records that one worker may lag behind, in batches.
const QUEUED_BATCHES_MAX: usize = 256;
/// Records that the caller's thread runs itself after one that touches several shards.
const ALONE: usize = 512;
/// Records whose place in memory is called for before they are executed.
const AHEAD: usize = 8;

/// One record for a worker.
struct Item<'log> {
    record: Record<'log>,
    action: Action,
    place: Place,
}

/// Records of one shard, in order.
struct Batch<'log> {
    shard: u16,
    items: Vec<Item<'log>>,
}

/// What one worker is to do.
struct Mailbox<'log> {
    queue: Mutex<Queue<'log>>,
    /// Something came, or there will be nothing any more.
    filled: Condvar,
    /// The worker has taken the batches, or has done them.
    emptied: Condvar,
}

#[derive(Default)]
struct Queue<'log> {
    batches: Vec<Batch<'log>>,
    /// The worker is at work on batches that it took.
    busy: bool,
    /// The worker waits for batches.
    sleeps: bool,
    /// The worker has ended.
    gone: bool,
    closed: bool,
}

/// What all threads of a replay share.
struct Shared<'log> {
    mailboxes: Vec<Mailbox<'log>>,
    failed: AtomicBool,
    /// The error with the lowest LSN.
    error: Mutex<Option<ReplayError>>,
}

impl Shared<'_> {
    fn fail(&self, error: ReplayError) {
        let mut first = self.error.lock();
        if first.as_ref().is_none_or(|known| error.place < known.place) {
            *first = Some(error);
        }
        self.failed.store(true, Ordering::Release);
    }

    /// Whether a record before `place` failed; what is before the failed record is executed all the same, so that the
    /// first of several errors is told.
    fn has_failed_before(&self, place: Place) -> bool {
        self.failed.load(Ordering::Acquire)
            && self
                .error
                .lock()
                .as_ref()
                .is_some_and(|error| error.place < place)
    }
}

/// Takes frames and has them executed; see the module's head.
pub struct ParallelReplayer<'k, 's, 'log> {
    executor: Executor<'k>,
    placement: &'k Placement,
    groups: Groups<'log>,
    lane: usize,
    shared: &'s Shared<'log>,
    /// Records not handed over yet, by shard.
    waiting: Vec<Vec<Item<'log>>>,
    /// Records to be executed here, the workers being idle.
    alone: usize,
    records: u64,
    last_lsn: Lsn,
}

/// Runs `feed`, which gives frames to [`ParallelReplayer::apply`], with one worker for each lane but the first, which is that
/// of the calling thread. Returns when all frames are executed. The calling thread is inside no lane of the gate; lanes may be
/// those of core loops, which then wait for a batch of some ten microseconds now and then.
///
/// # Errors
/// What `feed` returns; else the error of the first record that cannot be replayed. Records behind it may have been executed
/// too.
pub fn replay_in_parallel<'log, R, E: From<ReplayError>>(
    setup: Setup<'_>,
    lanes: Range<usize>,
    feed: impl FnOnce(&mut ParallelReplayer<'_, '_, 'log>) -> Result<R, E>,
) -> Result<R, E> {
    let (own_lane, worker_lanes) = (lanes.start, lanes.start + 1..lanes.end);
    let mailbox = |_| Mailbox {
        queue: Mutex::default(),
        filled: Condvar::new(),
        emptied: Condvar::new(),
    };
    let shared = Shared {
        mailboxes: worker_lanes.clone().map(mailbox).collect(),
        failed: AtomicBool::new(false),
        error: Mutex::new(None),
    };
    let shared = &shared;
    std::thread::scope(|scope| {
        let _closing = Closing(shared);
        for (index, lane) in worker_lanes.enumerate() {
            let named = std::thread::Builder::new().name(format!("replay-{index}"));
            named
                .spawn_scoped(scope, move || work(setup, lane, shared, index))
                .map_err(|error| ReplayError {
                    place: Place::default(),
                    command: String::new(),
                    reason: Reason::NoThread(error.to_string()),
                })?;
        }
        let mut replayer = ParallelReplayer {
            executor: Executor::new(setup),
            placement: setup.space.placement(),
            groups: Groups::default(),
            lane: own_lane,
            shared,
            waiting: (0..setup.space.shards_count()).map(|_| Vec::new()).collect(),
            alone: 0,
            records: 0,
            last_lsn: 0,
        };
        let fed = feed(&mut replayer);
        replayer.settle();
        match shared.error.lock().take() {
            Some(error) if fed.is_ok() => Err(error.into()),
            _ => fed,
        }
    })
}

/// Ends the workers, also when the feeding thread panics.
struct Closing<'s, 'log>(&'s Shared<'log>);

impl Drop for Closing<'_, '_> {
    fn drop(&mut self) {
        for mailbox in &self.0.mailboxes {
            mailbox.queue.lock().closed = true;
            mailbox.filled.notify_all();
        }
    }
}

impl<'log> ParallelReplayer<'_, '_, 'log> {
    /// Has a frame executed, or keeps it until the last frame of its group is there. `at` is named in errors.
    ///
    /// # Errors
    /// When this frame or one before it does not fit the state or this version.
    #[inline]
    pub fn apply(&mut self, frame: &Frame<'log>, at: u64) -> Result<(), ReplayError> {
        let place = Place { lsn: frame.lsn, at };
        let mut groups = std::mem::take(&mut self.groups);
        let broken = |reason| ReplayError {
            place,
            command: String::new(),
            reason,
        };
        let taken = groups.take(frame, broken, |record| self.hand_out(record, place));
        self.groups = groups;
        if !self.groups.is_within() {
            self.last_lsn = frame.lsn;
        }
        taken
    }

    /// Whether the log has ended within a group, none of which is executed.
    pub fn is_within_group(&self) -> bool {
        self.groups.is_within()
    }

    /// Records taken so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// LSN of the last frame that counts, 0 before the first.
    pub fn last_lsn(&self) -> Lsn {
        self.last_lsn
    }

    #[inline]
    fn hand_out(&mut self, record: Record<'log>, place: Place) -> Result<(), ReplayError> {
        self.records += 1;
        let setup = self.executor.setup;
        let words = &mut self.executor.words;
        let failed = |action| {
            move |reason| ReplayError {
                place,
                command: name_of(&record, action),
                reason,
            }
        };
        let action = setup
            .commands
            .action(&record, words)
            .map_err(failed(Action::Nothing))?;
        if matches!(action, Action::Nothing) {
            return Ok(());
        }
        let shards = setup
            .commands
            .shards(setup.space, &record, action, words)
            .map_err(failed(action))?;
        match shards {
            shards if self.alone > 0 => {
                let needs_all = !matches!(shards, Shards::One(_)) && part_kind(action).is_none();
                self.alone = if needs_all { ALONE } else { self.alone - 1 };
                run_locked(&mut self.executor, self.lane, &record, action, shards, place)
            }
            Shards::One(shard) => {
                self.give(
                    shard,
                    Item {
                        record,
                        action,
                        place,
                    },
                );
                self.check()
            }
            Shards::Several(_) if self.take_apart(&record, action, place) => self.check(),
            shards => {
                self.settle();
                self.check()?;
                self.alone = ALONE;
                run_locked(&mut self.executor, self.lane, &record, action, shards, place)
            }
        }
    }

    /// The error of a worker, if there was one.
    #[inline]
    fn check(&mut self) -> Result<(), ReplayError> {
        if !self.shared.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.settle();
        match self.shared.error.lock().clone() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Hands out MSET and DEL key by key; false for other commands. A logged MSETNX did store its strings.
    fn take_apart(&mut self, record: &Record<'log>, action: Action, place: Place) -> bool {
        let Some(kind) = part_kind(action) else {
            return false;
        };
        // Keys without a value are for the handler to refuse.
        if kind == Kind::Set && record.value_words().count().is_multiple_of(2) {
            return false;
        }
        let mut words = record.value_words().skip(1).flatten();
        while let Some(key) = words.next() {
            let value = match kind {
                Kind::Set => words.next().unwrap_or_default(),
                _ => &[],
            };
            let part = Record {
                kind,
                key,
                value,
                ..*record
            };
            let shard = self.executor.setup.space.shard_of(key);
            self.give(
                shard,
                Item {
                    record: part,
                    action: Action::Direct,
                    place,
                },
            );
        }
        true
    }

    #[inline]
    fn give(&mut self, shard: u16, item: Item<'log>) {
        let waiting = &mut self.waiting[usize::from(shard)];
        if waiting.capacity() == 0 {
            waiting.reserve_exact(BATCH);
        }
        waiting.push(item);
        if waiting.len() == BATCH {
            self.send(shard);
        }
    }

    fn send(&mut self, shard: u16) {
        let items = std::mem::take(&mut self.waiting[usize::from(shard)]);
        let batch = Batch { shard, items };
        let workers = self.shared.mailboxes.len();
        if workers == 0 {
            return execute_batch(&mut self.executor, self.lane, &batch, self.shared);
        }
        let worker = self.placement.worker_of_shard(shard, workers);
        let mailbox = &self.shared.mailboxes[worker];
        let mut queue = mailbox.queue.lock();
        while queue.batches.len() >= QUEUED_BATCHES_MAX && !queue.gone {
            mailbox.emptied.wait(&mut queue);
        }
        queue.batches.push(batch);
        if std::mem::take(&mut queue.sleeps) {
            drop(queue);
            mailbox.filled.notify_one();
        }
    }

    /// Hands over what waits and waits until it is executed.
    fn settle(&mut self) {
        for shard in 0..self.waiting.len() {
            if !self.waiting[shard].is_empty() {
                self.send(shard as u16);
            }
        }
        for mailbox in &self.shared.mailboxes {
            let mut queue = mailbox.queue.lock();
            while (queue.busy || !queue.batches.is_empty()) && !queue.gone {
                mailbox.emptied.wait(&mut queue);
            }
        }
    }
}

/// The kind of record that a command of several keys is the sum of.
fn part_kind(action: Action) -> Option<Kind> {
    let Action::Handler(spec) = action else {
        return None;
    };
    match spec.name {
        "mset" | "msetnx" => Some(Kind::Set),
        "del" | "unlink" => Some(Kind::Delete),
        _ => None,
    }
}

/// A worker's life.
fn work(setup: Setup<'_>, lane: usize, shared: &Shared<'_>, index: usize) {
    let mailbox = &shared.mailboxes[index];
    let _leaving = Leaving(mailbox);
    setup.space.placement().settle_worker(index);
    let mut executor = Executor::new(setup);
    let mut batches = Vec::new();
    loop {
        let mut queue = mailbox.queue.lock();
        if queue.busy {
            queue.busy = false;
            mailbox.emptied.notify_one();
        }
        while queue.batches.is_empty() {
            if queue.closed {
                return;
            }
            queue.sleeps = true;
            mailbox.filled.wait(&mut queue);
        }
        std::mem::swap(&mut queue.batches, &mut batches);
        queue.busy = true;
        if batches.len() >= QUEUED_BATCHES_MAX {
            mailbox.emptied.notify_one();
        }
        drop(queue);
        for batch in batches.drain(..) {
            let first = batch.items.first();
            if first.is_some_and(|item| !shared.has_failed_before(item.place)) {
                execute_batch(&mut executor, lane, &batch, shared);
            }
        }
    }
}

/// Tells the feeding thread that nothing will be taken any more.
struct Leaving<'s, 'log>(&'s Mailbox<'log>);

impl Drop for Leaving<'_, '_> {
    fn drop(&mut self) {
        self.0.queue.lock().gone = true;
        self.0.emptied.notify_all();
    }
}

/// Executes records of one shard under its lock.
fn execute_batch(executor: &mut Executor<'_>, lane: usize, batch: &Batch<'_>, shared: &Shared<'_>) {
    let pass = executor.setup.space.gate().enter(lane);
    executor.data.hold(|space| space.lock_one(batch.shard));
    for window in batch.items.chunks(AHEAD) {
        if let Err(error) = execute_window(executor, batch.shard, window) {
            shared.fail(error);
            break;
        }
    }
    executor.data.release();
    drop(pass);
}

/// Executes a few records, all of whose places in memory are called for first.
fn execute_window(executor: &mut Executor<'_>, shard: u16, window: &[Item<'_>]) -> Result<(), ReplayError> {
    let databases = executor.setup.space.databases_count();
    let mut hashes = [None; AHEAD];
    for (item, hash) in window.iter().zip(&mut hashes) {
        // Requests kept as they were have their key among their words.
        if item.record.kind != Kind::Command && usize::from(item.record.db) < databases {
            let of_key = hash_bytes(item.record.key);
            *hash = Some((shard, of_key));
            executor.data.db = item.record.db;
            executor.data.prefetch_bucket(shard, of_key);
        }
    }
    for (item, hash) in window.iter().zip(hashes) {
        if let Some((shard, hash)) = hash {
            executor.data.db = item.record.db;
            executor.data.prefetch_entry(shard, hash);
        }
    }
    for (item, at) in window.iter().zip(hashes) {
        executor.execute(&item.record, item.action, at, item.place)?;
    }
    Ok(())
}
