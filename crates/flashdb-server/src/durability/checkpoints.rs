//! When a snapshot is taken, and what follows from it. One thread takes them all, one after the other: those that clients
//! ask for, those due by `save` points, by time or by the size of the log, the one that gets a failed log working again, and
//! the one behind which a log that was switched on begins.
//!
//! After each, older snapshots go by `snapshot-retention`, and segments that it covers are removed or archived.

use super::space::Sizes;
use super::{Durability, full};
use crate::client::ClientInfo;
use crate::core_loop::Message;
use crate::dispatch;
use crate::server::Server;
use flashdb_base::clock;
use flashdb_config::{Settings, SnapshotCompression};
use flashdb_log::{Lsn, RunningWriter, archive};
use flashdb_persistence::PersistenceError;
use flashdb_persistence::checkpoint::{Checkpoint, CheckpointOptions, CheckpointSink, Step};
use flashdb_persistence::load::SeededHashes;
use flashdb_snapshot::{
    Base, Catalog, ChainReader, Compression, Held, Retention, SnapshotId, SnapshotInfo, consolidate,
    load_order,
};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time between two looks at what is due.
const TICK: Duration = Duration::from_millis(100);
/// Time between two looks at the segments, for INFO.
const LOOK_AT_SEGMENTS: Duration = Duration::from_secs(1);
/// Rest while clients have filled the sink, or flushed databases are being handed over.
const WAITING: Duration = Duration::from_micros(200);
/// Time after which a scheduled snapshot, or the healing of the log, is tried again after it failed.
const RETRY_MS: i64 = 5000;
const HEAL_RETRY_MS: i64 = 1000;
/// Longest time between two attempts to heal it: each writes a snapshot, on a disk that may have no room for more than that.
const HEAL_RETRY_MAX_MS: i64 = 10_000;
/// Snapshots that clients ask for by SNAPSHOT.CREATE, and that wait: each is a whole capture, and asking is cheap.
const ASKED_FOR_MAX: usize = 4;
/// Level of zstd: within reach of the speed of the disk.
const ZSTD_LEVEL: i8 = 1;

/// Something else that is done between two checkpoints, because nobody may write a snapshot meanwhile.
pub type Task = Box<dyn FnOnce(&Arc<Server>, &Durability) + Send>;

/// Told how a checkpoint ended.
pub type Told = Box<dyn FnOnce(Result<&SnapshotInfo, &PersistenceError>) + Send>;

/// Why a checkpoint is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// SAVE, BGSAVE, SNAPSHOT.CREATE, a save point, the interval, or the log's size.
    Save,
    /// BGREWRITEAOF.
    Rewrite,
    /// The log was switched on.
    Enabling,
    /// The log was switched off: there is no snapshot then.
    Disabling,
    /// The log failed.
    Healing,
}

/// A checkpoint that somebody wants.
pub struct Wish {
    reason: Reason,
    label: String,
    kept: bool,
    /// Not on top of another one.
    full: bool,
    /// Nothing that it makes superfluous goes: something before it is to be read.
    keeps_all: bool,
    /// Who is to read it, and nobody else.
    reader: Option<Arc<ClientInfo>>,
    /// By SNAPSHOT.CREATE.
    is_asked_for: bool,
    told: Option<Told>,
}

/// As many snapshots that were asked for wait as may: so many.
#[derive(Debug, PartialEq, Eq)]
pub struct TooMany(pub usize);

impl Wish {
    /// For `reason`, telling `told`.
    pub fn new(reason: Reason, told: Option<Told>) -> Wish {
        Wish {
            reason,
            label: String::new(),
            kept: false,
            full: false,
            keeps_all: false,
            reader: None,
            is_asked_for: false,
            told,
        }
    }

    /// With a name, and left alone by retention if `kept`.
    pub fn labelled(label: String, kept: bool) -> Wish {
        Wish {
            label,
            kept,
            ..Wish::new(Reason::Save, None)
        }
    }

    /// The same, which can be loaded without others.
    pub fn full(self) -> Wish {
        Wish { full: true, ..self }
    }

    /// The same, on whose account neither log nor snapshots are removed.
    pub fn keeping_all(self) -> Wish {
        Wish {
            keeps_all: true,
            ..self
        }
    }

    /// The same, which takes no other's place, and stays until `reader` has read it.
    pub fn temporary_for(self, reader: Arc<ClientInfo>) -> Wish {
        Wish {
            reader: Some(reader),
            ..self
        }
    }

    /// The same, telling `told`.
    pub fn telling(self, told: Told) -> Wish {
        Wish {
            told: Some(told),
            ..self
        }
    }

    /// Whether only somebody who is gone would read it.
    fn is_withdrawn(&self) -> bool {
        let reader = self.reader.as_ref();
        reader.is_some_and(|reader| reader.killed.load(Ordering::Acquire))
    }

    /// Behind which a log that was switched on begins.
    pub fn enabling() -> Wish {
        Wish::new(Reason::Enabling, None)
    }

    /// That the log ends.
    pub fn disabling() -> Wish {
        Wish::new(Reason::Disabling, None)
    }
}

/// What is being taken.
#[derive(Clone)]
pub struct Running {
    /// Why.
    pub reason: Reason,
    /// Since when, Unix ms.
    pub began_ms: i64,
    /// Keys in the state.
    pub keys_total: u64,
    /// What was captured so far.
    pub sink: Arc<CheckpointSink>,
}

/// How the last one went.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Snapshots taken since the start.
    pub taken: u64,
    /// Those of BGREWRITEAOF.
    pub rewrites: u64,
    /// Seconds that the last one took; `None` before the first.
    pub last_s: Option<i64>,
    /// Seconds that the last one of BGREWRITEAOF took.
    pub last_rewrite_s: Option<i64>,
    /// Whether the last one of BGREWRITEAOF failed.
    pub rewrite_failed: bool,
    /// The most memory that waited to be written during the last one, in bytes.
    pub pending_bytes_peak: usize,
    /// Keys in the last one.
    pub keys: u64,
    /// How long clients waited for the last cut, in microseconds.
    pub cut_us: u64,
    /// The newest snapshot.
    pub newest: Option<SnapshotInfo>,
}

#[derive(Default)]
struct State {
    wishes: VecDeque<Wish>,
    /// Why one is being taken, from the moment on at which its wish leaves the queue.
    taking: Option<Reason>,
    tasks: VecDeque<Task>,
    running: Option<Running>,
    figures: Figures,
    stopping: bool,
    /// What an incremental snapshot can build on: the newest one, the epoch of its cut, and how many build on its full one.
    base: Option<(Base, u64, u32)>,
    tried_ms: i64,
    healed_ms: i64,
    relieved_ms: i64,
    /// Time after which healing is tried again.
    heal_wait_ms: i64,
    /// The settings by which superfluous files were removed last; they go at once when the settings change.
    tidied_for: Option<(u64, usize)>,
    /// Taken because the server was to end.
    saved_for_end: Option<SnapshotId>,
}

/// See the module's head.
#[derive(Default)]
pub struct Checkpoints {
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes appended to the log when the newest snapshot was cut.
    logged_at_cut: AtomicU64,
    /// Bytes appended to the log while the newest snapshot was written.
    logged_meanwhile: AtomicU64,
    /// Bytes of log that the start replayed and no snapshot covers.
    logged_before: AtomicU64,
}

impl Checkpoints {
    /// Has one taken as soon as the one before is done.
    pub fn wish(&self, wish: Wish) {
        self.state.lock().wishes.push_back(wish);
        self.changed.notify_all();
    }

    /// The same for a client that may ask for any number of them.
    ///
    /// # Errors
    /// While as many wait as may.
    pub fn ask_for(&self, wish: Wish) -> Result<(), TooMany> {
        let mut state = self.state.lock();
        let waiting = state.wishes.iter().filter(|wish| wish.is_asked_for).count();
        if waiting >= ASKED_FOR_MAX {
            return Err(TooMany(waiting));
        }
        state.wishes.push_back(Wish {
            is_asked_for: true,
            ..wish
        });
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// The same for who is not told when it is done: one that waits does for all who ask meanwhile.
    pub fn wish_untold(&self) {
        let mut state = self.state.lock();
        let is_there = |wish: &Wish| wish.reason == Reason::Save && wish.told.is_none();
        if !state.wishes.iter().any(is_there) {
            state.wishes.push_back(Wish::new(Reason::Save, None));
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Has `task` done as soon as the one before is.
    pub fn order(&self, task: Task) {
        self.state.lock().tasks.push_back(task);
        self.changed.notify_all();
    }

    /// The next one builds on none before it.
    pub(super) fn forget_base(&self) {
        self.state.lock().base = None;
    }

    /// What is being taken.
    pub fn running(&self) -> Option<Running> {
        self.state.lock().running.clone()
    }

    /// Whether one is being taken or asked for.
    pub fn is_busy(&self) -> bool {
        let state = self.state.lock();
        state.taking.is_some() || !state.wishes.is_empty()
    }

    /// Whether one for `reason` is being taken, or is the next to be.
    pub fn is_taking(&self, reason: Reason) -> bool {
        let state = self.state.lock();
        let next = state.wishes.front().map(|wish| wish.reason);
        state.taking.or(next) == Some(reason)
    }

    /// Whether one for `reason` waits until another is done.
    pub fn is_scheduled(&self, reason: Reason) -> bool {
        let state = self.state.lock();
        let mut waiting = state.wishes.iter().skip(usize::from(state.taking.is_none()));
        waiting.any(|wish| wish.reason == reason)
    }

    /// How the last ones went.
    pub fn figures(&self) -> Figures {
        self.state.lock().figures.clone()
    }

    /// This one was taken because the server is to end.
    pub fn note_saved_for_end(&self, id: SnapshotId) {
        self.state.lock().saved_for_end = Some(id);
    }

    /// The one that was taken because the server is to end.
    pub fn saved_for_end(&self) -> Option<SnapshotId> {
        self.state.lock().saved_for_end
    }

    /// The start has loaded this one.
    pub fn note_loaded(&self, info: &SnapshotInfo) {
        self.state.lock().figures.newest = Some(info.clone());
    }

    /// The start has replayed so many bytes of log.
    pub fn note_replayed(&self, bytes: u64) {
        self.logged_before.store(bytes, Ordering::Relaxed);
    }

    /// Ends the thread after the one that is being taken.
    pub fn stop(&self) {
        self.state.lock().stopping = true;
        self.changed.notify_all();
    }

    /// Bytes of log behind the newest snapshot.
    pub fn logged_since(&self, server: &Server) -> u64 {
        let appended = server.space.log().appended_bytes();
        appended.saturating_sub(self.logged_at_cut.load(Ordering::Relaxed))
            + self.logged_before.load(Ordering::Relaxed)
    }

    fn next(&self) -> Next {
        let mut state = self.state.lock();
        if state.wishes.is_empty() && state.tasks.is_empty() && !state.stopping {
            self.changed.wait_for(&mut state, TICK);
        }
        if !state.stopping
            && let Some(task) = state.tasks.pop_front()
        {
            return Next::Do(task);
        }
        match state.wishes.pop_front() {
            Some(wish) if wish.is_withdrawn() => Next::Drop(wish),
            Some(wish) => {
                state.taking = Some(wish.reason);
                Next::Take(wish)
            }
            None if state.stopping => Next::End,
            None => Next::LookAround,
        }
    }

    /// `wish` is the next again, since one for `reason` is taken before it.
    fn put_back(&self, wish: Wish, reason: Reason) {
        let mut state = self.state.lock();
        state.wishes.push_front(wish);
        state.taking = Some(reason);
    }
}

enum Next {
    Do(Task),
    Take(Wish),
    Drop(Wish),
    LookAround,
    End,
}

/// The thread's work, until [`Checkpoints::stop`].
pub fn run(server: &Arc<Server>, durability: &Durability) {
    let mut looked: Option<Instant> = None;
    loop {
        if looked.is_none_or(|looked| looked.elapsed() >= LOOK_AT_SEGMENTS) {
            durability.look_at_segments();
            looked = Some(Instant::now());
        }
        let wish = match durability.checkpoints.next() {
            Next::End => return,
            Next::Do(task) => {
                task(server, durability);
                None
            }
            Next::Take(wish) => Some(more_urgent(server, durability, wish)),
            Next::Drop(wish) => {
                if let Some(told) = wish.told {
                    told(Err(&PersistenceError::Unwanted));
                }
                None
            }
            Next::LookAround => {
                tidy_up_if_changed(server, durability);
                due(server, durability)
            }
        };
        let Some(wish) = wish else { continue };
        let settings = server.settings();
        if wish.reason == Reason::Disabling {
            let _closed = server.space.gate().close();
            durability.disable(server, &settings);
            durability.checkpoints.state.lock().taking = None;
            continue;
        }
        let outcome = take_now(server, durability, &settings, wish);
        if let Err(error) = &outcome {
            tracing::error!(%error, "a snapshot could not be taken");
        }
        // It may have made segments superfluous.
        looked = None;
    }
}

/// `wish`, or what goes before it and all that clients wish for: while the log has failed or the disk is full writes are refused,
/// and the queue of wishes may never be empty.
fn more_urgent(server: &Server, durability: &Durability, wish: Wish) -> Wish {
    let log = server.space.log();
    let is_in_need = log.is_enabled() && (log.has_failed() || log.is_full());
    // The settings have switched the log on or off, and have their turn.
    let may_wait = matches!(wish.reason, Reason::Save | Reason::Rewrite);
    if !is_in_need || !may_wait || durability.checkpoints.state.lock().stopping {
        return wish;
    }
    match due(server, durability) {
        Some(urgent) => {
            durability.checkpoints.put_back(wish, urgent.reason);
            urgent
        }
        None => wish,
    }
}

/// What is due by itself.
fn due(server: &Server, durability: &Durability) -> Option<Wish> {
    let now_ms = clock::unix_ms() as i64;
    let log = server.space.log();
    if server.is_loading() {
        return None;
    }
    if log.is_enabled() && log.is_full() && !log.has_failed() {
        return relief(server, durability, now_ms);
    }
    let mut state = durability.checkpoints.state.lock();
    if log.is_enabled() && log.has_failed() {
        if now_ms - state.healed_ms < state.heal_wait_ms.max(HEAL_RETRY_MS) {
            return None;
        }
        state.healed_ms = now_ms;
        drop(state);
        full::prepare_healing(server, durability);
        return Some(Wish::new(Reason::Healing, None));
    }
    if durability.is_enabling() && now_ms - state.tried_ms >= HEAL_RETRY_MS {
        state.tried_ms = now_ms;
        return Some(Wish::enabling());
    }
    let failed = server.save_failed.load(Ordering::Relaxed);
    if failed && now_ms - state.tried_ms < RETRY_MS {
        return None;
    }
    let meanwhile = durability.checkpoints.logged_meanwhile.load(Ordering::Relaxed);
    let sizes = Sizes::of(state.figures.newest.as_ref(), meanwhile);
    drop(state);
    // Whatever has failed, clients that are refused on its account wait for the next that succeeds.
    let refused = dispatch::cannot_save(server, &server.settings())
        .then_some("the last one failed, and writes are refused");
    let why = refused.or_else(|| reason_to_save(server, durability, now_ms, sizes))?;
    tracing::info!(why, "a snapshot is due");
    durability.checkpoints.state.lock().tried_ms = now_ms;
    Some(Wish::new(Reason::Save, None))
}

/// What is due while the disk is full.
fn relief(server: &Server, durability: &Durability, now_ms: i64) -> Option<Wish> {
    {
        let mut state = durability.checkpoints.state.lock();
        if now_ms - state.relieved_ms < HEAL_RETRY_MS {
            return None;
        }
        state.relieved_ms = now_ms;
    }
    let wish = full::relieve(server, durability)?;
    let mut state = durability.checkpoints.state.lock();
    if now_ms - state.tried_ms < RETRY_MS {
        return None;
    }
    state.tried_ms = now_ms;
    tracing::info!("a snapshot is taken to make room on the disk");
    Some(wish)
}

fn reason_to_save(
    server: &Server,
    durability: &Durability,
    now_ms: i64,
    sizes: Sizes,
) -> Option<&'static str> {
    let settings = server.settings();
    let changes = server.dirty.load(Ordering::Relaxed);
    let since_s = now_ms / 1000 - server.last_save.load(Ordering::Relaxed);
    let by_changes = settings
        .save
        .iter()
        .any(|point| changes >= point.changes && since_s > point.seconds as i64);
    if by_changes {
        return Some("a save point was reached");
    }
    let interval_s = settings.snapshot_interval as i64;
    if interval_s > 0 && since_s >= interval_s {
        return Some("snapshot-interval has passed");
    }
    let is_bounded = server.space.log().is_enabled() && settings.auto_aof_rewrite_percentage > 0;
    let logged = durability.checkpoints.logged_since(server);
    let by_size = is_bounded && logged > sizes.log_bound(&settings);
    if by_size {
        return Some("the log has grown");
    }
    let newest = || durability.checkpoints.figures().newest;
    let fills_up = is_bounded && full::is_filling_up(durability, newest().as_ref(), logged);
    fills_up.then_some("the disk is filling up")
}

/// Takes one on the calling thread, which is not inside the gate.
///
/// # Errors
/// When it cannot be written. Whoever wished for it is told.
pub fn take_now(
    server: &Arc<Server>,
    durability: &Durability,
    settings: &Settings,
    mut wish: Wish,
) -> Result<SnapshotInfo, PersistenceError> {
    let told = wish.told.take();
    durability.checkpoints.state.lock().taking = Some(wish.reason);
    let outcome = take(server, durability, settings, &wish);
    note(server, durability, &wish, &outcome);
    if let Some(told) = told {
        told(outcome.as_ref());
    }
    outcome
}

/// A checkpoint that was written, and what has to be known of its cut.
fn take(
    server: &Arc<Server>,
    durability: &Durability,
    settings: &Settings,
    wish: &Wish,
) -> Result<SnapshotInfo, PersistenceError> {
    if wish.reason != Reason::Healing {
        // So that the segments before the cut are covered whole. A log that failed says so elsewhere.
        let _ = durability.with_writer(|writer| writer.rotate());
    }
    if wish.reason == Reason::Enabling {
        durability.await_end_of_log();
    }
    if wish.reason == Reason::Save && !wish.keeps_all {
        make_room(server, durability, settings);
    }
    let began_ms = clock::unix_ms() as i64;
    let options = options(durability, settings, wish);
    let chained = match options.since {
        Some(_) => {
            durability
                .checkpoints
                .state
                .lock()
                .base
                .map_or(0, |(_, _, chained)| chained)
                + 1
        }
        None => 0,
    };
    let began_us = clock::monotonic_us();
    let closed = server.space.gate().close();
    if wish.reason == Reason::Enabling {
        durability.enable(server, settings);
    }
    let logged = server.space.log().appended_bytes();
    let dirty = server.dirty.load(Ordering::Relaxed);
    let healed = (wish.reason == Reason::Healing).then(|| server.space.log().begin_heal());
    let begun = Checkpoint::begin_closed(&server.space, durability.folder(), settings, options, began_ms);
    drop(closed);
    let cut_us = clock::monotonic_us() - began_us;
    let mut checkpoint = begun?;
    durability.checkpoints.state.lock().running = Some(Running {
        reason: wish.reason,
        began_ms,
        keys_total: checkpoint.keys_total(),
        sink: checkpoint.sink().clone(),
    });
    loop {
        match checkpoint.step(&server.space, durability.folder()) {
            Step::More => {}
            Step::Waiting => std::thread::sleep(WAITING),
            Step::Done => break,
        }
        if checkpoint.sink().take_relief() {
            server.post_all(|| Message::Unpause);
        }
        if server.is_aborting_saves() {
            checkpoint.give_up(PersistenceError::Stopped);
        }
    }
    let (epoch, peak, keys) = (
        checkpoint.epoch(),
        checkpoint.sink().pending_bytes_peak(),
        checkpoint.keys_total(),
    );
    let info = checkpoint.finish()?;
    {
        let mut state = durability.checkpoints.state.lock();
        let base = Base {
            id: info.meta.id,
            lsn: info.meta.lsn,
        };
        state.base = settings.snapshot_incremental.then_some((base, epoch, chained));
        state.figures.pending_bytes_peak = peak;
        state.figures.keys = keys;
        state.figures.cut_us = cut_us;
        state.figures.newest = Some(info.clone());
    }
    durability
        .checkpoints
        .logged_at_cut
        .store(logged, Ordering::Relaxed);
    durability.checkpoints.logged_before.store(0, Ordering::Relaxed);
    let meanwhile = server.space.log().appended_bytes().saturating_sub(logged);
    durability
        .checkpoints
        .logged_meanwhile
        .store(meanwhile, Ordering::Relaxed);
    // Changes since the cut stay counted.
    server.dirty.fetch_sub(dirty, Ordering::Relaxed);
    if let Some(reader) = &wish.reader {
        durability.pins.note_made(reader, &info);
    }
    let begun = begin_log_behind(server, durability, settings, healed);
    // Also where there is no room for a segment: the snapshot covers what is removed, and what is removed makes room.
    if !wish.keeps_all {
        tidy_up(server, durability, settings, &info);
    }
    begun?;
    Ok(info)
}

fn options(durability: &Durability, settings: &Settings, wish: &Wish) -> CheckpointOptions {
    let base = durability.checkpoints.state.lock().base;
    let since = base.filter(|(base, _, chained)| {
        settings.snapshot_incremental
            && *chained < settings.snapshot_chain_max
            && wish.reason == Reason::Save
            && !wish.full
            && durability.folder().can_build_on(*base)
    });
    CheckpointOptions {
        label: wish.label.clone(),
        kept: wish.kept,
        since: since.map(|(base, epoch, _)| (base, epoch)),
        track: settings.snapshot_incremental,
        memory_limit_bytes: settings.snapshot_memory_limit as usize,
        compression: compression(settings),
    }
}

/// How snapshots are compressed by these settings.
pub(super) fn compression(settings: &Settings) -> Compression {
    match settings.snapshot_compression {
        SnapshotCompression::Lz4 => Compression::Lz4,
        SnapshotCompression::Zstd => Compression::Zstd { level: ZSTD_LEVEL },
        SnapshotCompression::None => Compression::None,
    }
}

/// Begins the log behind a snapshot that is durable: after it failed, or was switched on.
fn begin_log_behind(
    server: &Arc<Server>,
    durability: &Durability,
    settings: &Settings,
    healed: Option<Lsn>,
) -> Result<(), PersistenceError> {
    if let Some(lsn) = healed
        && let Some(reopened) = durability.with_writer(|writer| writer.reopen_after(lsn))
    {
        reopened?;
    }
    if let Some(after) = durability.enabled_after() {
        durability.start_writer(server, settings, after)?;
    }
    Ok(())
}

/// Removes what this snapshot has made superfluous. A failure costs space, not data, and is tried again after the next one.
fn tidy_up(server: &Server, durability: &Durability, settings: &Settings, newest: &SnapshotInfo) {
    let folder = durability.folder();
    let now_ms = clock::unix_ms();
    // There may be room again since it was looked for.
    let has_room = durability.with_writer(RunningWriter::regain).unwrap_or(true);
    // What can be missed goes where that is asked for (`full`), and no more of it than it takes.
    let retire = match has_room {
        true => archive::retire,
        false => archive::retire_unpacked,
    };
    let retired = retire(
        folder.disk().as_ref(),
        folder.dir(),
        newest.meta.lsn,
        settings.wal_archive_window,
        now_ms,
    );
    if let Err(error) = retired {
        tracing::warn!(%error, "segments of the log that are not needed any more could not be removed");
    }
    let consolidated = consolidate_long_chain(server, durability, settings);
    if let Err(error) = consolidated {
        tracing::warn!(%error, "incremental snapshots could not be consolidated");
    }
    let chains = settings.snapshot_retention as usize;
    durability.checkpoints.state.lock().tidied_for = Some(tidied_for(settings));
    retain(durability, settings, chains, newest);
}

/// What decides which files are superfluous.
fn tidied_for(settings: &Settings) -> (u64, usize) {
    (settings.wal_archive_window, settings.snapshot_retention as usize)
}

/// Tidies up if the settings that decide about it have changed: who makes room by them does not want to wait for the next
/// snapshot, for which there may be no room.
fn tidy_up_if_changed(server: &Server, durability: &Durability) {
    let settings = server.settings();
    let wanted = tidied_for(&settings);
    let newest = {
        let mut state = durability.checkpoints.state.lock();
        // Nothing goes at the start alone.
        let was = *state.tidied_for.get_or_insert(wanted);
        state.figures.newest.clone().filter(|_| was != wanted)
    };
    if let Some(newest) = newest {
        tidy_up(server, durability, &settings, &newest);
    }
}

/// Removes the oldest snapshot of those that are kept, if the next one would bring log and snapshots above what they may take. One
/// stays in any case, and with the log it is all of the data.
fn make_room(server: &Server, durability: &Durability, settings: &Settings) {
    let checkpoints = &durability.checkpoints;
    let Some(newest) = checkpoints.figures().newest.filter(|info| info.meta.is_full()) else {
        return;
    };
    let Ok(catalog) = durability.folder().catalog() else {
        // Whoever needs it says so.
        return;
    };
    let kept = catalog.snapshots().iter().map(|info| info.file_bytes).sum();
    let logged = checkpoints.logged_since(server);
    let chains = settings.snapshot_retention as usize;
    if chains > 1 && Sizes::of(Some(&newest), 0).is_tight(kept, logged) {
        retain(durability, settings, chains - 1, &newest);
    }
}

/// Removes the snapshots that are older than so many, apart from those that somebody needs.
pub(super) fn retain(durability: &Durability, settings: &Settings, chains: usize, newest: &SnapshotInfo) {
    let retention = Retention {
        chains,
        reach_back_to: (settings.wal_archive_window > 0)
            .then(|| first_archived(durability))
            .flatten(),
    };
    let retained = durability.folder().catalog().and_then(|mut catalog| {
        let id = newest.meta.id;
        let retain = |catalog: &mut Catalog, held: &Held| catalog.retain_with(retention, held);
        Ok(durability.pins.while_held(&mut catalog, id, retain)?)
    });
    match retained {
        Ok(removed) => {
            for path in removed {
                tracing::info!(file = %path.display(), "removed an old snapshot");
            }
        }
        Err(error) => tracing::warn!(%error, "old snapshots could not be removed"),
    }
}

fn first_archived(durability: &Durability) -> Option<Lsn> {
    let folder = durability.folder();
    archive::first_archived(folder.disk().as_ref(), folder.dir()).ok()?
}

/// Makes one full snapshot of a chain that has reached its longest.
fn consolidate_long_chain(
    server: &Server,
    durability: &Durability,
    settings: &Settings,
) -> Result<(), PersistenceError> {
    let long = {
        let state = durability.checkpoints.state.lock();
        state
            .base
            .is_some_and(|(_, _, chained)| chained >= settings.snapshot_chain_max)
    };
    if !long {
        return Ok(());
    }
    let folder = durability.folder();
    let catalog = folder.catalog()?;
    let newest = load_order(&catalog, Lsn::MAX, Some(folder.history()))
        .into_iter()
        .find_map(|candidate| candidate.chain.ok());
    let Some(chain) = newest else { return Ok(()) };
    let hashes = SeededHashes::of(&chain);
    let reader = ChainReader::open(folder.disk().as_ref(), &chain, |seed: &[u8], key: &[u8]| {
        hashes.hash(seed, key)
    })?;
    let compression = chain.newest().meta.compression;
    let info = consolidate(folder.disk().clone(), folder.dir(), &reader, compression, || {
        server.is_aborting_saves()
    })?;
    let mut state = durability.checkpoints.state.lock();
    if let Some((base, _, chained)) = &mut state.base
        && base.id == info.meta.id
    {
        *chained = 0;
    }
    Ok(())
}

fn note(
    server: &Server,
    durability: &Durability,
    wish: &Wish,
    outcome: &Result<SnapshotInfo, PersistenceError>,
) {
    let now_ms = clock::unix_ms() as i64;
    let mut state = durability.checkpoints.state.lock();
    state.taking = None;
    let took_s = state
        .running
        .take()
        .map(|running| (now_ms - running.began_ms) / 1000);
    let figures = &mut state.figures;
    let failed = outcome.is_err();
    figures.last_s = took_s.or(figures.last_s);
    if wish.reason == Reason::Rewrite {
        figures.last_rewrite_s = took_s;
        figures.rewrite_failed = failed;
        figures.rewrites += u64::from(!failed);
    }
    figures.taken += u64::from(!failed);
    if failed {
        // The next waits from now on, however long this one took to fail.
        state.tried_ms = now_ms;
    }
    if wish.reason == Reason::Healing {
        state.heal_wait_ms = match failed {
            true => (2 * state.heal_wait_ms).clamp(HEAL_RETRY_MS, HEAL_RETRY_MAX_MS),
            false => 0,
        };
    }
    let figures = &mut state.figures;
    // Nobody relies on one that is taken before something else is done, which is then left undone.
    if !(failed && wish.keeps_all) {
        server.save_failed.store(failed, Ordering::Relaxed);
    }
    if let Ok(info) = outcome {
        server.last_save.store(now_ms / 1000, Ordering::Relaxed);
        tracing::info!(
            file = %info.path.display(),
            lsn = info.meta.lsn,
            keys = figures.keys,
            bytes = info.file_bytes,
            cut_us = figures.cut_us,
            "a snapshot was taken"
        );
    }
}
