//! The start: the newest snapshot that is sound, then the log behind it. What a crash left behind the last whole frame is cut;
//! any other damage stops the start, naming file and offset, unless the operator has said to go on without what is damaged.
//!
//! Going back to a point in time uses the newest snapshot before it and ends the replay there. Nothing is removed on that
//! account: the caller takes a checkpoint of the state with an LSN behind everything that the log holds, so that later starts
//! go on from it.

use crate::load::{LoadProgress, load_chain};
use crate::replay::{Commands, ParallelReplayer, ReplayError, Setup, replay_in_parallel};
use crate::{DataFolder, PersistenceError};
use flashdb_config::{Recover, Settings};
use flashdb_log::{
    ActiveSegment, Frame, LogError, Lsn, OnDamage, ScanEnd, ScanOptions, Tail, TailKind, Visited, end_mark,
    repair, scan,
};
use flashdb_snapshot::{Candidate, Catalog, Chain, Rejection, SnapshotInfo, SnapshotReader, load_order};
use flashdb_store::libraries::Sources;
use flashdb_store::{Keyspace, Usage};
use std::cell::RefCell;
use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use typed_arena::Arena;

/// A point in time to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The state after this frame.
    Lsn(Lsn),
    /// The state at this Unix time in ms, as exact as the log's marks: a second.
    TimeMs(u64),
}

/// How the label of the snapshot begins that says that going back to a point in time is done. No client can choose such a label.
pub const RECOVERED_TO: &str = "recovered-to:";

/// What is wanted of a recovery.
#[derive(Clone, Copy)]
pub struct RecoverOptions<'a> {
    /// What to do about damage.
    pub on_damage: Recover,
    /// The state to go back to; `None` for the newest.
    pub to: Option<Point>,
    /// The settings.
    pub settings: &'a Settings,
    /// How use of keys is recorded.
    pub usage: Usage,
    /// Unix time in ms.
    pub now_ms: i64,
    /// Change nothing in the folder: what a crash left behind stays, and damage is not cut.
    pub read_only: bool,
}

/// What was recovered.
#[derive(Debug, Default)]
pub struct Recovered {
    /// LSN of the last frame in the log, or of the snapshot if that is larger; the next frame follows it.
    pub last: Lsn,
    /// LSN of the state; smaller than `last` only after going back.
    pub state: Lsn,
    /// The snapshot that was loaded.
    pub snapshot: Option<SnapshotInfo>,
    /// Frames of the log that were replayed.
    pub frames: u64,
    /// What was cut off the end of the log, where and why.
    pub cut: Option<Tail>,
    /// Frames that damage has cost, with the operator's consent.
    pub frames_lost: u64,
    /// What was passed over, in words for the operator.
    pub warnings: Vec<String>,
}

/// Fills the empty keyspace with what the folder holds. `lanes` of the gate are for the threads that do it.
///
/// # Errors
/// When something is damaged or missing and the options do not allow to go on; the keyspace is filled in part then.
pub fn recover(
    space: &Keyspace,
    folder: &DataFolder,
    options: RecoverOptions<'_>,
    lanes: Range<usize>,
    progress: &LoadProgress,
) -> Result<Recovered, PersistenceError> {
    let disk = folder.disk().as_ref();
    if !options.read_only {
        for path in Catalog::remove_stale(disk, folder.dir())? {
            tracing::info!(file = %path.display(), "removed an unfinished snapshot");
        }
    }
    let catalog = folder.catalog()?;
    let mut recovered = Recovered::default();
    count_bytes(folder, &catalog, progress)?;
    let needed = load_newest(
        space,
        folder,
        &catalog,
        options,
        lanes.clone(),
        progress,
        &mut recovered,
    )?;
    replay_log(space, folder, options, lanes, progress, &mut recovered)?;
    if let Some((lsn, why)) = needed
        && recovered.state < lsn
        && options.to.is_none()
        && options.on_damage == Recover::Stop
    {
        return Err(PersistenceError::Gap(format!(
            "{why}; without it the data ends at LSN {}, and `--recover skip` would go on with that",
            recovered.state
        )));
    }
    Ok(recovered)
}

fn count_bytes(
    folder: &DataFolder,
    catalog: &Catalog,
    progress: &LoadProgress,
) -> Result<(), PersistenceError> {
    let segments = flashdb_log::segment::list(folder.disk().as_ref(), folder.dir())?;
    let log: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let snapshot = catalog
        .snapshots()
        .iter()
        .max_by_key(|info| info.meta.lsn)
        .map_or(0, |info| info.totals.raw_bytes);
    progress.bytes_total.store(log + snapshot, Ordering::Relaxed);
    Ok(())
}

/// Loads the newest chain that is sound. Returns how far the log has to reach for nothing to be lost if a newer snapshot is not,
/// and why.
fn load_newest(
    space: &Keyspace,
    folder: &DataFolder,
    catalog: &Catalog,
    options: RecoverOptions<'_>,
    lanes: Range<usize>,
    progress: &LoadProgress,
    recovered: &mut Recovered,
) -> Result<Option<(Lsn, String)>, PersistenceError> {
    let target = match options.to {
        Some(Point::Lsn(lsn)) => lsn,
        _ => Lsn::MAX,
    };
    let mut needed: Option<(Lsn, String)> = None;
    for Candidate { path, lsn, chain } in load_order(catalog, target, Some(folder.history())) {
        let reason = match chain {
            Ok(chain) if is_too_new(&chain, options.to) => continue,
            Ok(chain) => match load_chain(
                space,
                options.settings,
                folder.disk().as_ref(),
                &chain,
                lanes.clone(),
                progress,
            ) {
                Ok(lsn) => {
                    (recovered.state, recovered.last) = (lsn, lsn);
                    recovered.snapshot = Some(chain.newest().clone());
                    return Ok(needed);
                }
                Err(error @ (PersistenceError::Snapshot(_) | PersistenceError::Unfit { .. })) => {
                    empty(space);
                    error.to_string()
                }
                Err(error) => return Err(error),
            },
            // It names the file itself.
            Err(Rejection::Broken(error)) => error,
            Err(rejection) => format!("{}: {rejection}", path.display()),
        };
        tracing::warn!(reason, "a snapshot cannot be used");
        recovered.warnings.push(reason.clone());
        needed.get_or_insert((lsn.unwrap_or(Lsn::MAX), reason));
    }
    Ok(needed)
}

/// LSN of the state that going back to `point` leads to. Loads nothing, but reads and checks all that would be: the newest sound
/// snapshot before it, and the log from there on, up to what of its `active` segment has been written. Without one, more was changed since
/// the log ended, or may have been.
///
/// # Errors
/// When something is damaged or missing, or nothing reaches to the point.
pub fn state_at(
    folder: &DataFolder,
    point: Point,
    active: Option<ActiveSegment>,
) -> Result<Lsn, PersistenceError> {
    let disk = folder.disk().as_ref();
    let catalog = folder.catalog()?;
    let target = match point {
        Point::Lsn(lsn) => lsn,
        Point::TimeMs(_) => Lsn::MAX,
    };
    let begin = load_order(&catalog, target, Some(folder.history()))
        .into_iter()
        .filter_map(|candidate| candidate.chain.ok())
        .find(|chain| !is_too_new(chain, Some(point)) && is_sound(disk, chain))
        .map_or(Begin::default(), |chain| Begin::of(chain.newest()));
    let mut state = begin.lsn;
    let options = ScanOptions {
        active,
        ..scan_options(folder, Recover::Stop, Some(point), begin)
    };
    let scanned = scan(disk, folder.dir(), &options, |visited| {
        if is_behind(visited, Some(point)) {
            return ControlFlow::Break(());
        }
        state = state.max(visited.frame.lsn);
        ControlFlow::Continue(())
    });
    if state == 0 {
        let why = scanned.err().map_or(String::new(), |error| format!(": {error}"));
        return Err(PersistenceError::NoSuchPoint(format!(
            "neither the log nor a snapshot reaches back to that point{why}"
        )));
    }
    let end = scanned?;
    let later = match active {
        Some(_) => later_than(folder, &catalog, end.last),
        // What is in memory.
        None => Some(end.last + 1),
    };
    check_known(&end, &options, later)?;
    check_reached(state, point)?;
    Ok(state)
}

/// LSN of the snapshot that follows upon this one.
fn later_than(folder: &DataFolder, catalog: &Catalog, last: Lsn) -> Option<Lsn> {
    let own = catalog
        .snapshots()
        .iter()
        .filter(|info| info.meta.history == folder.history());
    own.map(|info| info.meta.lsn).filter(|lsn| *lsn > last).min()
}

/// Refuses a time by which the log has ended where something comes `later`, a snapshot or what is in memory: what was changed by then is
/// nowhere. The log was off, or what it said is gone.
fn check_known(end: &ScanEnd, options: &ScanOptions, later: Option<Lsn>) -> Result<(), PersistenceError> {
    let (Some(time_ms), Some(later)) = (options.until_ms, later) else {
        return Ok(());
    };
    if end.stopped || time_ms <= end.known_ms || options.is_reached_by_from() {
        return Ok(());
    }
    let last = end.last;
    Err(PersistenceError::NoSuchPoint(format!(
        "what was changed by that time is not known: LSN {} to {later} are missing in the log; the state of LSN {last} can be gone back to \
         (lsn:{last}), and that of each snapshot",
        last + 1
    )))
}

fn is_sound(disk: &dyn flashdb_disk::Disk, chain: &Chain) -> bool {
    let verify = |info: &SnapshotInfo| SnapshotReader::open(disk, &info.path)?.verify();
    chain.files().iter().all(|info| verify(info).is_ok())
}

/// An LSN has to be there; a time is as good as what was there then.
fn check_reached(state: Lsn, point: Point) -> Result<(), PersistenceError> {
    match point {
        Point::Lsn(lsn) if state < lsn => Err(PersistenceError::NoSuchPoint(format!(
            "the log ends at LSN {state}, before LSN {lsn} that was asked for"
        ))),
        _ => Ok(()),
    }
}

/// Whether a frame is from after the point to go back to.
fn is_behind(visited: &Visited<'_>, to: Option<Point>) -> bool {
    match to {
        None => false,
        Some(Point::Lsn(lsn)) => visited.frame.lsn > lsn,
        Some(Point::TimeMs(time_ms)) => visited.written_ms > time_ms,
    }
}

/// The state that the log is read from on.
#[derive(Clone, Copy, Default)]
struct Begin {
    lsn: Lsn,
    /// Unix ms; 0 where there is no snapshot.
    created_ms: u64,
}

impl Begin {
    fn of(info: &SnapshotInfo) -> Self {
        Begin {
            lsn: info.meta.lsn,
            created_ms: info.meta.created_ms.max(0).cast_unsigned(),
        }
    }
}

fn scan_options(folder: &DataFolder, on_damage: Recover, to: Option<Point>, begin: Begin) -> ScanOptions {
    ScanOptions {
        from: begin.lsn,
        from_ms: begin.created_ms,
        active: None,
        history: Some(folder.history().0),
        on_damage: match on_damage {
            Recover::Skip => OnDamage::Skip,
            Recover::Stop | Recover::Truncate => OnDamage::Stop,
        },
        archived: to.is_some(),
        until_lsn: match to {
            Some(Point::Lsn(lsn)) => Some(lsn),
            _ => None,
        },
        until_ms: match to {
            Some(Point::TimeMs(time_ms)) => Some(time_ms),
            _ => None,
        },
    }
}

fn is_too_new(chain: &Chain, to: Option<Point>) -> bool {
    match to {
        Some(Point::TimeMs(time_ms)) => chain.newest().meta.created_ms > time_ms as i64,
        _ => false,
    }
}

/// Empties all databases and removes all function libraries, telling watchers and nobody else. The caller is not inside the gate.
pub fn empty(space: &Keyspace) {
    let _closed = space.gate().close();
    let policy = flashdb_store::Policy {
        touch: false,
        usage: Usage::Lru,
        expire: false,
    };
    let mut data = flashdb_store::Access::new(space, policy, flashdb_base::prng::Prng::from_seed(1));
    data.hold(Keyspace::lock_as_touched);
    for db in 0..space.databases_count() as u16 {
        data.flush_database(db, false);
    }
    space.libraries().change(Sources::clear);
    data.effects.discard();
}

fn replay_log(
    space: &Keyspace,
    folder: &DataFolder,
    options: RecoverOptions<'_>,
    lanes: Range<usize>,
    progress: &LoadProgress,
    recovered: &mut Recovered,
) -> Result<(), PersistenceError> {
    let mut begin = recovered.snapshot.as_ref().map_or(Begin::default(), Begin::of);
    loop {
        let paths = RefCell::default();
        match replay_from(space, folder, options, lanes.clone(), progress, begin, &paths) {
            Ok(replayed) => {
                if options.to.is_some() && options.on_damage == Recover::Stop {
                    let read = scan_options(folder, options.on_damage, options.to, begin);
                    let later = later_than(folder, &folder.catalog()?, replayed.end.last);
                    check_known(&replayed.end, &read, later)?;
                }
                return finish(folder, options, replayed, recovered);
            }
            Err(Stopped::At(LogStop { damage, frames, last }))
                if options.on_damage == Recover::Truncate && !options.read_only =>
            {
                recovered.frames += frames;
                let aside = repair::truncate(folder.disk().as_ref(), folder.dir(), &damage)?;
                let names: Vec<String> = aside.iter().map(|path| path.display().to_string()).collect();
                let warning = format!(
                    "{} is damaged at offset {} ({}); the log was cut there, and set aside: {}",
                    damage.path.display(),
                    damage.offset,
                    damage.reason,
                    names.join(", ")
                );
                tracing::warn!(warning);
                recovered.warnings.push(warning);
                begin.lsn = last;
            }
            Err(Stopped::At(stop)) if is_left_behind(folder, &stop.damage, recovered)? => {
                tracing::warn!(damage = %stop.damage, "the log is damaged, but the data was taken back to before that");
                recovered.warnings.push(stop.damage.to_string());
                return Ok(());
            }
            Err(Stopped::At(stop)) => return Err(LogError::Damage(stop.damage).into()),
            Err(Stopped::Failed(error)) => return Err(error),
            Err(Stopped::Refused(error)) => {
                let segment = (error.place.at >> SEGMENT_SHIFT) as usize;
                return Err(PersistenceError::Replay {
                    path: paths.into_inner().get(segment).cloned().unwrap_or_default(),
                    offset: error.place.at & OFFSETS,
                    reason: error.to_string(),
                });
            }
        }
    }
}

/// Whether nothing that counts can be behind the damage: the snapshot that was loaded is that of going back to a point in time, and
/// the server ended before it began a segment of the log behind it.
fn is_left_behind(
    folder: &DataFolder,
    damage: &flashdb_log::LogDamage,
    recovered: &Recovered,
) -> Result<bool, PersistenceError> {
    let stands_alone = |info: &SnapshotInfo| info.meta.label.starts_with(RECOVERED_TO);
    if damage.lsn > recovered.state || !recovered.snapshot.as_ref().is_some_and(stands_alone) {
        return Ok(false);
    }
    let segments = flashdb_log::segment::list(folder.disk().as_ref(), folder.dir())?;
    let is_before = |first: Option<Lsn>| first.is_some_and(|first| first <= recovered.state);
    Ok(segments.iter().all(|segment| is_before(segment.first)))
}

/// What one scan of the log led to.
struct Replayed {
    end: ScanEnd,
    state: Lsn,
}

/// The log is damaged behind what was replayed.
struct LogStop {
    damage: flashdb_log::LogDamage,
    frames: u64,
    last: Lsn,
}

enum Stopped {
    At(LogStop),
    Failed(PersistenceError),
    /// A record cannot be executed; which file it is in has to be looked up.
    Refused(ReplayError),
}

impl From<ReplayError> for Stopped {
    fn from(error: ReplayError) -> Self {
        Stopped::Refused(error)
    }
}

/// A place for the replay is the number of the segment among those that were read, and behind it the offset.
const SEGMENT_SHIFT: u32 = 40;
const OFFSETS: u64 = (1 << SEGMENT_SHIFT) - 1;

fn replay_from(
    space: &Keyspace,
    folder: &DataFolder,
    options: RecoverOptions<'_>,
    lanes: Range<usize>,
    progress: &LoadProgress,
    begin: Begin,
    paths: &RefCell<Vec<PathBuf>>,
) -> Result<Replayed, Stopped> {
    let commands = Commands::new();
    let setup = Setup {
        space,
        commands: &commands,
        settings: options.settings,
        usage: options.usage,
        now_ms: options.now_ms,
    };
    // Frames are executed by other threads while the scan goes on, so all segments stay mapped.
    let mappings = Arena::new();
    let scan_options = scan_options(folder, options.on_damage, options.to, begin);
    let from = begin.lsn;
    replay_in_parallel(setup, lanes, |replayer| {
        let mut feed = Feed {
            replayer,
            mappings: &mappings,
            paths,
            mapped: None,
            to: options.to,
            from,
            frames: 0,
            failure: None,
            progress,
        };
        let scanned = scan(folder.disk().as_ref(), folder.dir(), &scan_options, |visited| {
            feed.visit(visited)
        });
        let state = feed.replayer.last_lsn().max(from);
        let frames = feed.frames;
        if let Some(error) = feed.failure.take() {
            return Err(error);
        }
        match scanned {
            Ok(end) => Ok(Replayed { end, state }),
            Err(LogError::Damage(damage)) => Err(Stopped::At(LogStop {
                damage,
                frames,
                last: state,
            })),
            Err(error) => Err(Stopped::Failed(error.into())),
        }
    })
}

/// From the scan to the replay.
struct Feed<'f, 'k, 's, 'log> {
    replayer: &'f mut ParallelReplayer<'k, 's, 'log>,
    mappings: &'log Arena<flashdb_disk::Mapped>,
    /// The files that they are of.
    paths: &'f RefCell<Vec<PathBuf>>,
    /// What the last frame was borrowed from.
    mapped: Option<&'log flashdb_disk::Mapped>,
    to: Option<Point>,
    from: Lsn,
    frames: u64,
    failure: Option<Stopped>,
    progress: &'f LoadProgress,
}

impl Feed<'_, '_, '_, '_> {
    fn visit(&mut self, visited: &Visited<'_>) -> ControlFlow<()> {
        if visited.frame.lsn <= self.from {
            return ControlFlow::Continue(());
        }
        if is_behind(visited, self.to) {
            return ControlFlow::Break(());
        }
        match self.apply(visited) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failure = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn apply(&mut self, visited: &Visited<'_>) -> Result<(), Stopped> {
        let mapped = match self.mapped {
            Some(mapped) if std::ptr::addr_eq(&**mapped, &**visited.mapped()) => mapped,
            _ => {
                let mapped: &flashdb_disk::Mapped = self.mappings.alloc(visited.mapped().clone());
                self.mapped = Some(mapped);
                self.paths.borrow_mut().push(visited.path().to_owned());
                mapped
            }
        };
        let bytes = mapped.bytes().get(visited.offset()..).unwrap_or_default();
        let frame = Frame::read_again(bytes).map_err(|error| {
            Stopped::Failed(PersistenceError::Replay {
                path: visited.path().to_owned(),
                offset: visited.offset() as u64,
                reason: error.to_string(),
            })
        })?;
        let segment = self.paths.borrow().len() as u64 - 1;
        let place = segment << SEGMENT_SHIFT | visited.offset() as u64;
        self.replayer.apply(&frame, place)?;
        self.frames += 1;
        if self.frames.is_multiple_of(1024) {
            self.progress.records.fetch_add(1024, Ordering::Relaxed);
            if self.progress.stop.load(Ordering::Relaxed) {
                return Err(Stopped::Failed(PersistenceError::Stopped));
            }
        }
        self.progress
            .bytes_done
            .fetch_add(frame.bytes_len as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// Where the log ended in good order, it has to reach as far now.
fn check_end(
    folder: &DataFolder,
    options: RecoverOptions<'_>,
    end: &ScanEnd,
    recovered: &mut Recovered,
) -> Result<(), PersistenceError> {
    let (disk, dir) = (folder.disk().as_ref(), folder.dir());
    let Some(damage) = end_mark::damage(disk, dir, &folder.history().0, end, recovered.last)? else {
        return Ok(());
    };
    if options.on_damage == Recover::Stop {
        return Err(LogError::Damage(damage).into());
    }
    if !options.read_only {
        end_mark::remove(disk, dir)?;
    }
    tracing::warn!(%damage, "the end of the log is missing");
    recovered.warnings.push(damage.to_string());
    Ok(())
}

/// Settles the end of the log, so that nothing of what was cut can come back.
fn finish(
    folder: &DataFolder,
    options: RecoverOptions<'_>,
    replayed: Replayed,
    recovered: &mut Recovered,
) -> Result<(), PersistenceError> {
    let Replayed { mut end, state } = replayed;
    recovered.frames += end.frames;
    recovered.state = recovered.state.max(state);
    if end.stopped {
        // What follows is not replayed, but the next frame has to come behind it.
        let rest = ScanOptions {
            from: state,
            history: Some(folder.history().0),
            on_damage: OnDamage::Skip,
            archived: true,
            ..ScanOptions::default()
        };
        // Nor does it matter for the state what is damaged there, or was left out when somebody went back before.
        let skipped = std::mem::take(&mut end.skipped);
        end = scan(folder.disk().as_ref(), folder.dir(), &rest, |_| {
            ControlFlow::Continue(())
        })?;
        end.skipped = skipped;
    }
    recovered.last = recovered.last.max(end.last).max(recovered.state);
    if options.to.is_some()
        && let Some(ended) = end_mark::read(folder.disk().as_ref(), folder.dir())?
        && ended.history == folder.history().0
    {
        // What follows has to come behind all that ever was, also where the end of that is missing by now: else the next
        // start would miss it.
        recovered.last = recovered.last.max(ended.last);
    }
    recovered.frames_lost = end.skipped.frames;
    for damage in &end.skipped.damages {
        let warning = format!(
            "{} is damaged at offset {}: {}; the damaged part was left out",
            damage.path.display(),
            damage.offset,
            damage.reason
        );
        tracing::warn!(warning);
        recovered.warnings.push(warning);
    }
    if let Some(point) = options.to {
        check_reached(recovered.state, point)?;
    }
    if options.to.is_none() {
        check_end(folder, options, &end, recovered)?;
    }
    for path in &end.headless {
        tracing::warn!(file = %path.display(), "a segment of the log that was being made when the server ended holds nothing");
    }
    if let Some(tail) = &end.tail
        && let TailKind::Torn(reason) = &tail.kind
        && !options.settings.aof_load_truncated
        && options.on_damage == Recover::Stop
    {
        return Err(PersistenceError::Torn {
            path: tail.path.clone(),
            offset: tail.offset,
            reason: reason.clone(),
        });
    }
    if !options.read_only {
        repair::cut_tail(folder.disk().as_ref(), folder.dir(), &end)?;
    }
    if let Some(tail) = end.tail
        && matches!(tail.kind, TailKind::Torn(_))
    {
        tracing::warn!(
            file = %tail.path.display(),
            offset = tail.offset,
            bytes = tail.file_len.saturating_sub(tail.offset),
            "the log ended in what a crash left behind; it was cut there"
        );
        recovered.cut = Some(tail);
    }
    Ok(())
}
