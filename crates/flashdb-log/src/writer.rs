//! The one writer of the log, as a state machine: each `step` takes what was appended, writes it behind the active segment,
//! syncs by policy and says what is durable. A thread drives it in the server (`run`), a seeded loop in the simulation.
//!
//! Frames, and groups of frames that count as one, are never split over segments. A segment is entered only after the one
//! before it was synced whole and its own name and header are durable. After an error the segment is left alone for ever: what
//! of it reached the disk is unknown, and a sync that fails once may claim success the next time.
//!
//! One error is none yet: a write for which there is no room. What was written before is as it was, and a later sync vouches
//! for it; so the room that was held back (`reserve`) is given up and the same bytes are written to the same place. From then on
//! the log is *full*: writes of clients are refused until there is room again, and nothing else changes. A start that finds no
//! room for a segment waits for it in the same way.

use crate::end_mark;
use crate::error::LogError;
use crate::log::{BUFFER_ROOM_BYTES, Log, LogListener, SyncPolicy};
use crate::pmem::Medium;
use crate::record::{CONTINUES, FRAME_PREFIX, frame_len};
use crate::reserve::{Reserve, lacks_room};
use crate::segment::{self, FRAMES_AT, HistoryId, MARK_LEN, Mark, SegmentStart};
use crate::{Lsn, SegmentInfo};
use flashdb_disk::{Disk, DiskFile, is_no_room};
use parking_lot::Mutex;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Zeros written at once when room is made ahead of the frames.
const ZEROS: &[u8] = &[0; 1 << 20];
/// Bytes between two marks while there is much to write ...
const MARK_EVERY_BYTES: u64 = 64 << 10;
/// ... and time between them while there is little.
const MARK_EVERY_MS: u64 = 1000;
/// Capacity of the exchanged buffer that is kept in any case.
const KEPT_BYTES: usize = 2 * BUFFER_ROOM_BYTES;
const SEGMENT_BYTES_MIN: u64 = 4096;
/// Time between two looks at whether there is room: for a segment, or on a disk that was full.
const WAIT_FOR_ROOM_MS: u64 = 1000;

/// What can be changed while the writer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterSettings {
    /// When written frames are synced.
    pub policy: SyncPolicy,
    /// Size at which a new segment is begun; only a frame larger than that makes a larger one.
    pub segment_bytes: u64,
    /// Age at which a new segment is begun, in seconds; 0 for none.
    pub segment_age_s: u64,
    /// Bytes kept written with zeros ahead of the frames, so that a sync need not change the file's extents; 0 for none.
    pub preallocate_bytes: u64,
    /// What segments are written through; for those begun from now on.
    pub medium: Medium,
    /// Bytes of the disk held back for the moment at which it is full; 0 for none.
    pub reserve_bytes: u64,
}

impl Default for WriterSettings {
    fn default() -> Self {
        WriterSettings {
            policy: SyncPolicy::EveryMs(1000),
            segment_bytes: 64 << 20,
            segment_age_s: 0,
            preallocate_bytes: 0,
            medium: Medium::File,
            reserve_bytes: 0,
        }
    }
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// There was nothing to write and no sync due.
    Idle,
    /// Frames were written, or synced.
    Progress {
        /// Bytes of frames written.
        written_bytes: u64,
        /// Whether everything written so far was synced.
        synced: bool,
    },
    /// There is no room for a segment, and all that is written waits for it.
    NoRoom,
    /// The log failed, now or before.
    Failed,
    /// It was closed.
    Closed,
}

/// What the writer is at, for those who look on from other threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriterStatus {
    /// The segment being written.
    pub active: Option<SegmentInfo>,
    /// LSN of the last frame written.
    pub written: Lsn,
    /// Syncs so far.
    pub syncs: u64,
    /// How long the last sync took, in microseconds.
    pub sync_us_last: u64,
    /// How long all syncs together took, in microseconds.
    pub sync_us_total: u64,
    /// Segments begun.
    pub segments_begun: u64,
    /// Why the log failed; `None` while it works.
    pub failure: Option<String>,
    /// Why the active segment is not on persistent memory although the settings ask for it.
    pub not_pmem: Option<String>,
    /// The active segment is on persistent memory.
    pub on_pmem: bool,
    /// Bytes held back for a full disk.
    pub reserve_bytes: u64,
    /// It failed because there was no room.
    pub failed_for_room: bool,
}

/// What a writer works on.
#[derive(Clone)]
pub struct WriterParts {
    /// Where the files are.
    pub disk: Arc<dyn Disk>,
    /// The data folder; segments are in its folder `wal`.
    pub dir: PathBuf,
    /// The data folder's history.
    pub history: HistoryId,
    /// What is written.
    pub log: Arc<Log>,
    /// Who is told.
    pub listener: Arc<dyn LogListener>,
}

struct Active {
    id: u64,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    first: Lsn,
    /// LSN of the last frame in it; `first - 1` while there is none.
    last: Lsn,
    created_ms: u64,
    /// Where the next frame goes.
    position: u64,
    /// Up to where the file has blocks.
    allocated: u64,
    unsynced: bool,
}

impl Active {
    fn has_frames(&self) -> bool {
        self.last >= self.first
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        self.file
            .write_at(bytes, self.position)
            .map_err(LogError::io(&self.path, "write to"))?;
        self.position += bytes.len() as u64;
        self.allocated = self.allocated.max(self.position);
        self.unsynced = true;
        Ok(())
    }

    /// Writes zeros until `target` has blocks.
    /// On a full disk the frames themselves are told.
    fn allocate(&mut self, target: u64) -> Result<(), LogError> {
        while self.allocated < target {
            let len = (target - self.allocated).min(ZEROS.len() as u64);
            match self.file.write_at(&ZEROS[..len as usize], self.allocated) {
                Err(error) if is_no_room(&error) => return Ok(()),
                written => written.map_err(LogError::io(&self.path, "make room in"))?,
            }
            self.allocated += len;
        }
        Ok(())
    }

    /// Gives back the zeros behind the last frame.
    fn cut(&mut self) -> Result<(), LogError> {
        let len = self.file.len().map_err(LogError::io(&self.path, "read"))?;
        if len > self.position {
            self.file
                .set_len(self.position)
                .map_err(LogError::io(&self.path, "cut"))?;
            self.allocated = self.position;
            self.unsynced = true;
        }
        Ok(())
    }
}

enum State {
    Active(Active),
    /// There is no room for the segment whose first frame follows this one.
    Waiting {
        after: Lsn,
        tried_ms: u64,
    },
    Failed,
    Closed,
}

/// See the module's head.
pub struct LogWriter {
    parts: WriterParts,
    settings: WriterSettings,
    state: State,
    next_id: u64,
    /// A segment that could not be begun may be there after a crash: no other may be begun but behind a snapshot.
    left_behind: bool,
    reserve: Reserve,
    /// Exchanged for the log's buffer.
    spare: Vec<u8>,
    last_sync_ms: u64,
    /// When it was last looked whether there is room again on a disk that was full.
    regained_ms: u64,
    marked: Marked,
    status: Arc<Mutex<WriterStatus>>,
}

/// When the last mark was written, and what it said.
#[derive(Default)]
struct Marked {
    durable: Lsn,
    at_ms: u64,
    /// Bytes written since.
    bytes: u64,
}

impl LogWriter {
    /// A writer that goes on after `after`, in a fresh segment: a segment that was there before is never appended to, so
    /// nothing that a crash left behind its end can come back. Recovery has cut and synced the last one
    /// ([`cut_tail`](crate::repair::cut_tail)).
    ///
    /// Without room for the segment it waits for some, and the log is full.
    ///
    /// # Errors
    /// When the segment cannot be made for another reason.
    pub fn create(
        parts: WriterParts,
        settings: WriterSettings,
        after: Lsn,
        now_ms: u64,
    ) -> Result<LogWriter, LogError> {
        let folder = segment::folder(&parts.dir);
        let disk = &parts.disk;
        disk.create_folder(&folder)
            .map_err(LogError::io(&folder, "make the folder"))?;
        disk.sync_folder(&parts.dir)
            .map_err(LogError::io(&parts.dir, "sync the folder"))?;
        let next_id = segment::next_id(disk.as_ref(), &parts.dir)?;
        let mut writer = LogWriter {
            parts,
            settings,
            state: State::Failed,
            next_id,
            left_behind: false,
            reserve: Reserve::default(),
            spare: Vec::with_capacity(BUFFER_ROOM_BYTES),
            last_sync_ms: now_ms,
            regained_ms: now_ms,
            marked: Marked::default(),
            status: Arc::default(),
        };
        match writer.begin_segment(after + 1, now_ms) {
            Err(error) if writer.is_only_room(&error) => writer.await_room(after, now_ms, &error),
            begun => begun?,
        }
        Ok(writer)
    }

    /// Takes, writes and syncs what there is to be. After an error the log is failed, and so says every step until
    /// [`LogWriter::reopen_after`]; the error is in the status.
    pub fn step(&mut self, now_ms: u64) -> StepOutcome {
        match self.state {
            State::Active(_) if self.looks_for_room(now_ms) => drop(self.regain(now_ms)),
            State::Active(_) => {}
            State::Waiting { after, tried_ms } => {
                if !has_passed(tried_ms, WAIT_FOR_ROOM_MS, now_ms) {
                    return StepOutcome::NoRoom;
                }
                let begun = self.begin_waiting(after, now_ms);
                return match self.or_fail(begun) {
                    Ok(outcome) => outcome,
                    Err(_) => StepOutcome::Failed,
                };
            }
            State::Failed => return StepOutcome::Failed,
            State::Closed => return StepOutcome::Closed,
        }
        let outcome = self.try_step(now_ms);
        match self.or_fail(outcome) {
            Ok(outcome) => outcome,
            Err(_) => StepOutcome::Failed,
        }
    }

    /// Writes what there is and goes on in a new segment; nothing happens if the active one is still empty.
    ///
    /// # Errors
    /// When the log failed, now or before; or there is no room for a segment, and it goes on in the one that it has.
    pub fn rotate(&mut self, now_ms: u64) -> Result<(), LogError> {
        let written = self.write_pending(now_ms).map(drop);
        self.or_fail(written)?;
        match self.begin_next_segment(now_ms) {
            Err(error) if self.is_only_room(&error) && !self.has_unsynced() => Err(error),
            begun => self.or_fail(begun),
        }
    }

    /// Whether there is room again for what clients write, on a disk that was full: then it is held back anew, and writes
    /// are taken from now on. True if the disk was not full.
    pub fn regain(&mut self, now_ms: u64) -> bool {
        self.regained_ms = now_ms;
        if let State::Waiting { after, .. } = self.state {
            let begun = self.begin_waiting(after, now_ms);
            // A failure is told by the status, and healed like any other.
            let _ = self.or_fail(begun);
        }
        if matches!(self.state, State::Active(_)) && self.parts.log.is_full() {
            self.hold_reserve();
        }
        !self.parts.log.is_full()
    }

    /// Ends in good order: everything is written and synced, and the segment says so, such that any later damage to it is
    /// told apart from a crash.
    ///
    /// # Errors
    /// When the log failed, now or before.
    pub fn close(&mut self, now_ms: u64) -> Result<(), LogError> {
        let closed = self.try_close(now_ms);
        self.or_fail(closed)?;
        self.state = State::Closed;
        Ok(())
    }

    /// Goes on in a fresh segment after the log failed, or does nothing if it did not. A snapshot covers everything up to
    /// `lsn` and is durable, and [`Log::begin_heal`] has returned `lsn` at its cut.
    ///
    /// # Errors
    /// When that fails too; the log is failed again.
    pub fn reopen_after(&mut self, lsn: Lsn, now_ms: u64) -> Result<(), LogError> {
        match self.state {
            State::Active(_) => return Ok(()),
            State::Waiting { .. } | State::Closed => return Err(LogError::Failed),
            State::Failed => {}
        }
        // What is left of others is before the snapshot.
        self.left_behind = false;
        let begun = self.begin_segment(lsn + 1, now_ms);
        self.or_fail(begun)?;
        {
            let mut status = self.status.lock();
            status.failure = None;
            status.failed_for_room = false;
        }
        self.parts.log.heal();
        self.parts.log.set_durable(lsn);
        self.parts.listener.durable(lsn);
        self.parts.listener.health_changed(false);
        self.regain(now_ms);
        Ok(())
    }

    /// The settings in force.
    pub fn settings(&self) -> &WriterSettings {
        &self.settings
    }

    /// Changes the settings; they count from the next step on.
    pub fn set_settings(&mut self, settings: WriterSettings) {
        let reserves = settings.reserve_bytes != self.settings.reserve_bytes;
        self.settings = settings;
        if reserves && matches!(self.state, State::Active(_)) {
            self.hold_reserve();
        }
    }

    /// The segments on the disk, in order, the active one last. Opens each file.
    ///
    /// # Errors
    /// When the folder or a file cannot be read.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>, LogError> {
        segment::list(self.parts.disk.as_ref(), &self.parts.dir)
    }

    /// The status, kept current by every step.
    pub fn status(&self) -> Arc<Mutex<WriterStatus>> {
        self.status.clone()
    }

    /// How long the last sync took, in microseconds.
    pub fn last_sync_us(&self) -> u64 {
        self.status.lock().sync_us_last
    }

    /// What the writer works on.
    pub fn parts(&self) -> &WriterParts {
        &self.parts
    }

    /// Milliseconds until a step is due although nothing is appended; `None` if none is.
    pub fn idle_ms_max(&self, now_ms: u64) -> Option<u64> {
        let State::Active(active) = &self.state else {
            return None;
        };
        let sync = match self.settings.policy {
            SyncPolicy::EveryMs(every) if active.unsynced => {
                Some(every.saturating_sub(now_ms.saturating_sub(self.last_sync_ms)))
            }
            _ => None,
        };
        let age = (self.settings.segment_age_s > 0 && active.has_frames()).then(|| {
            let age_ms = now_ms.saturating_sub(active.created_ms);
            self.settings
                .segment_age_s
                .saturating_mul(1000)
                .saturating_sub(age_ms)
        });
        let look = self
            .parts
            .log
            .is_full()
            .then(|| WAIT_FOR_ROOM_MS.saturating_sub(now_ms.saturating_sub(self.regained_ms)));
        [sync, age, look].into_iter().flatten().min()
    }

    // ---- steps ---------------------------------------------------------------------------------

    fn try_step(&mut self, now_ms: u64) -> Result<StepOutcome, LogError> {
        if self.is_old(now_ms) && !self.parts.log.is_full() {
            self.begin_next_segment(now_ms)?;
        }
        let written_bytes = self.write_pending(now_ms)?;
        let synced = self.sync_is_due(now_ms);
        if synced {
            self.sync(now_ms)?;
        }
        self.allocate_ahead()?;
        if written_bytes == 0 && !synced {
            return Ok(StepOutcome::Idle);
        }
        self.note_status();
        Ok(StepOutcome::Progress {
            written_bytes,
            synced,
        })
    }

    fn try_close(&mut self, now_ms: u64) -> Result<(), LogError> {
        if let State::Waiting { after, .. } = self.state {
            if !self.parts.log.has_pending() {
                // All of it is on the disk as the start has found it.
                return Ok(());
            }
            self.begin_segment(after + 1, now_ms)?;
        }
        self.write_pending(now_ms)?;
        self.sync(now_ms)?;
        // Only now may the mark claim that all of it is durable.
        self.write_mark(now_ms)?;
        self.active()?.cut()?;
        self.sync(now_ms)?;
        let last = self.active()?.last;
        // All is durable without it; it only helps to notice what others do to the files.
        let _best_effort = end_mark::write(
            self.parts.disk.as_ref(),
            &self.parts.dir,
            last,
            &self.parts.history,
        );
        self.note_status();
        Ok(())
    }

    /// Passes on what came of a step; an error fails the log.
    fn or_fail<T>(&mut self, result: Result<T, LogError>) -> Result<T, LogError> {
        if let Err(error) = &result
            && !matches!(self.state, State::Closed)
            && !matches!(error, LogError::Failed)
        {
            self.state = State::Failed;
            if error.is_no_room() {
                // What heals the log needs some.
                self.release_reserve();
            }
            {
                let mut status = self.status.lock();
                status.failure = Some(error.to_string());
                status.failed_for_room = error.is_no_room();
                status.active = None;
            }
            self.parts.log.fail();
            self.parts.listener.health_changed(true);
            // The backlog is gone with the log.
            self.parts.listener.drained();
        }
        result
    }

    fn active(&mut self) -> Result<&mut Active, LogError> {
        match &mut self.state {
            State::Active(active) => Ok(active),
            _ => Err(LogError::Failed),
        }
    }

    /// Takes and writes what was appended; how many bytes.
    fn write_pending(&mut self, now_ms: u64) -> Result<u64, LogError> {
        let next = self.active()?.last + 1;
        let taken = self.parts.log.take(std::mem::take(&mut self.spare));
        if taken.last > 0 {
            if taken.first != next {
                return Err(LogError::Gap {
                    wanted: next,
                    found: taken.first,
                    path: self.active()?.path.clone(),
                });
            }
            self.write_batch(&taken.bytes, taken.last, now_ms)?;
        }
        let bytes_len = taken.bytes.len() as u64;
        self.spare = taken.bytes;
        // What came during a sync or a stall is not the measure of what comes between two steps.
        if self.spare.capacity() > KEPT_BYTES.max(2 * self.spare.len()) {
            self.spare = Vec::with_capacity(BUFFER_ROOM_BYTES);
        }
        self.spare.clear();
        Ok(bytes_len)
    }

    fn write_batch(&mut self, mut rest: &[u8], last: Lsn, now_ms: u64) -> Result<(), LogError> {
        let segment_bytes = self.settings.segment_bytes.max(SEGMENT_BYTES_MIN);
        while !rest.is_empty() {
            let active = self.active()?;
            let room = segment_bytes.saturating_sub(active.position);
            let (part, part_last) = if rest.len() as u64 <= room {
                (rest.len(), last)
            } else {
                let (part, frames) = units_within(rest, room);
                (part, active.last + frames)
            };
            let (part, part_last) = match part {
                0 if active.has_frames() => {
                    self.begin_next_segment(now_ms)?;
                    continue;
                }
                // Larger than any segment: one of its own.
                0 => {
                    let (part, frames) = first_unit(rest);
                    (part, active.last + frames)
                }
                part => (part, part_last),
            };
            if part as u64 + MARK_LEN as u64 <= room && self.mark_is_due(now_ms) {
                self.write_mark(now_ms)?;
            }
            self.write_or_make_room(&rest[..part])?;
            self.active()?.last = part_last;
            self.marked.bytes += part as u64;
            if self.parts.log.written(part as u64) {
                self.parts.listener.drained();
            }
            rest = &rest[part..];
        }
        Ok(())
    }

    fn sync_is_due(&self, now_ms: u64) -> bool {
        let State::Active(active) = &self.state else {
            return false;
        };
        active.unsynced
            && match self.settings.policy {
                SyncPolicy::Always => true,
                SyncPolicy::EveryMs(every) => has_passed(self.last_sync_ms, every, now_ms),
                SyncPolicy::Never => false,
            }
    }

    fn sync(&mut self, now_ms: u64) -> Result<(), LogError> {
        let begun_us = flashdb_base::clock::monotonic_us();
        let active = self.active()?;
        active.unsynced = true;
        active
            .file
            .sync_data()
            .map_err(LogError::io(&active.path, "sync"))?;
        active.unsynced = false;
        let last = active.last;
        self.last_sync_ms = now_ms;
        self.parts.log.set_durable(last);
        self.parts.listener.durable(last);
        let mut status = self.status.lock();
        status.syncs += 1;
        status.sync_us_last = flashdb_base::clock::monotonic_us().saturating_sub(begun_us);
        status.sync_us_total += status.sync_us_last;
        Ok(())
    }

    // ---- marks ---------------------------------------------------------------------------------

    fn mark_is_due(&self, now_ms: u64) -> bool {
        let late = has_passed(self.marked.at_ms, MARK_EVERY_MS, now_ms);
        late || (self.marked.bytes >= MARK_EVERY_BYTES && self.parts.log.durable() > self.marked.durable)
    }

    fn write_mark(&mut self, now_ms: u64) -> Result<(), LogError> {
        let mark = Mark {
            durable: self.parts.log.durable(),
            at_ms: now_ms,
            history: self.parts.history,
        };
        let active = self.active()?;
        let mut bytes = Vec::with_capacity(MARK_LEN);
        mark.encode(active.last, &mut bytes);
        self.write_or_make_room(&bytes)?;
        self.marked = Marked {
            durable: mark.durable,
            at_ms: now_ms,
            bytes: 0,
        };
        Ok(())
    }

    // ---- a full disk ---------------------------------------------------------------------------

    /// Writes behind the last frame; if there is no room, once more in that which was held back for this.
    fn write_or_make_room(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        let written = match self.active()?.write(bytes) {
            Err(error) if error.is_no_room() && self.release_reserve() => self.active()?.write(bytes),
            written => written,
        };
        if written.as_ref().is_err_and(LogError::is_no_room) {
            // What was written of it is of no use, and its room is needed by what heals the log.
            let active = self.active()?;
            let _best_effort = active.file.set_len(active.position);
        }
        written
    }

    /// Gives up the room that was held back; whether there was any. The log is full from then on.
    fn release_reserve(&mut self) -> bool {
        let released = self.reserve.release(self.parts.disk.as_ref(), &self.parts.dir);
        self.status.lock().reserve_bytes = 0;
        if released {
            self.note_full(true);
        }
        released
    }

    /// Holds room back, and notes whether there is any.
    fn hold_reserve(&mut self) {
        let (disk, dir) = (self.parts.disk.as_ref(), &self.parts.dir);
        let held = self.reserve.hold(disk, dir, self.settings.reserve_bytes);
        self.status.lock().reserve_bytes = self.reserve.held_bytes();
        self.note_full(lacks_room(&held));
    }

    /// Whether room is all that was lacking for a segment: nothing is left of it.
    fn is_only_room(&self, error: &LogError) -> bool {
        error.is_no_room() && !self.left_behind
    }

    /// Whether it is time to look for room again. Whoever else does so may be busy for long.
    fn looks_for_room(&self, now_ms: u64) -> bool {
        self.parts.log.is_full() && has_passed(self.regained_ms, WAIT_FOR_ROOM_MS, now_ms)
    }

    fn note_full(&self, full: bool) {
        if self.parts.log.is_full() != full {
            self.parts.log.set_full(full);
            self.parts.listener.room_changed(full);
        }
    }

    /// There is no room for the segment behind `after`.
    fn await_room(&mut self, after: Lsn, now_ms: u64, error: &LogError) {
        self.state = State::Waiting {
            after,
            tried_ms: now_ms,
        };
        self.status.lock().failure = Some(error.to_string());
        self.note_full(true);
    }

    /// Begins the segment that there was no room for. Frames wait meanwhile, unless replies wait for them.
    fn begin_waiting(&mut self, after: Lsn, now_ms: u64) -> Result<StepOutcome, LogError> {
        let keeps_nobody_waiting =
            self.settings.policy != SyncPolicy::Always || !self.parts.log.has_pending();
        match self.begin_segment(after + 1, now_ms) {
            Err(error)
                if self.is_only_room(&error) && keeps_nobody_waiting && !self.parts.log.is_congested() =>
            {
                self.await_room(after, now_ms, &error);
                Ok(StepOutcome::NoRoom)
            }
            begun => {
                begun?;
                self.status.lock().failure = None;
                self.hold_reserve();
                Ok(StepOutcome::Progress {
                    written_bytes: 0,
                    synced: true,
                })
            }
        }
    }

    // ---- segments ------------------------------------------------------------------------------

    fn has_unsynced(&self) -> bool {
        matches!(&self.state, State::Active(active) if active.unsynced)
    }

    fn is_old(&self, now_ms: u64) -> bool {
        let State::Active(active) = &self.state else {
            return false;
        };
        let age_ms = self.settings.segment_age_s.saturating_mul(1000);
        age_ms > 0 && active.has_frames() && has_passed(active.created_ms, age_ms, now_ms)
    }

    /// Ends the active segment, all of it durable, and begins the next.
    fn begin_next_segment(&mut self, now_ms: u64) -> Result<(), LogError> {
        let active = self.active()?;
        if !active.has_frames() {
            return Ok(());
        }
        active.cut()?;
        let next = active.last + 1;
        self.sync(now_ms)?;
        self.begin_segment(next, now_ms)
    }

    /// Makes a segment, durable with its name, and makes it the active one; in the room that was held back, if there is no other.
    fn begin_segment(&mut self, first: Lsn, now_ms: u64) -> Result<(), LogError> {
        let begun = match self.try_begin_segment(first, now_ms) {
            Err(error) if self.is_only_room(&error) && self.release_reserve() => {
                self.try_begin_segment(first, now_ms)
            }
            begun => begun,
        };
        self.state = State::Active(begun?);
        self.status.lock().segments_begun += 1;
        // One that is full is asked by itself whether there is room (`regain`): not beside work that needs some.
        if self.reserve.held_bytes() > 0 || !self.parts.log.is_full() {
            self.hold_reserve();
        }
        self.note_status();
        Ok(())
    }

    fn try_begin_segment(&mut self, first: Lsn, now_ms: u64) -> Result<Active, LogError> {
        let id = self.next_id;
        // Never the same file twice, whatever becomes of it.
        self.next_id += 1;
        let path = segment::path(&self.parts.dir, id);
        let start = SegmentStart {
            id,
            first,
            history: self.parts.history,
            created_ms: now_ms,
        };
        let begun = self.make_segment(&path, start);
        if begun.is_err() {
            // Best effort: a reader knows that a segment without a valid beginning holds nothing, if it is the last.
            let disk = self.parts.disk.as_ref();
            let removed = disk.remove(&path);
            let is_gone =
                removed.is_ok() || removed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
            let folder = segment::folder(&self.parts.dir);
            self.left_behind |= !is_gone || disk.sync_folder(&folder).is_err();
        }
        begun
    }

    fn make_segment(&self, path: &std::path::Path, start: SegmentStart) -> Result<Active, LogError> {
        let disk = self.parts.disk.as_ref();
        let segment_bytes = self.settings.segment_bytes.max(SEGMENT_BYTES_MIN);
        let created = self.settings.medium.create(disk, path, segment_bytes);
        let (file, not_pmem) = created.map_err(LogError::io(path, "make"))?;
        let mut status = self.status.lock();
        status.on_pmem = self.settings.medium != Medium::File && not_pmem.is_none();
        status.not_pmem = not_pmem;
        drop(status);
        let mut active = Active {
            id: start.id,
            path: path.to_path_buf(),
            file,
            first: start.first,
            last: start.first - 1,
            created_ms: start.created_ms,
            position: 0,
            allocated: 0,
            unsynced: false,
        };
        active.write(&start.encode())?;
        debug_assert_eq!(active.position, FRAMES_AT as u64);
        if !self.parts.log.is_full() {
            active.allocate(self.settings.preallocate_bytes.min(segment_bytes))?;
        }
        let synced: io::Result<()> = active.file.sync_data();
        synced.map_err(LogError::io(path, "sync"))?;
        active.unsynced = false;
        let folder = segment::folder(&self.parts.dir);
        disk.sync_folder(&folder)
            .map_err(LogError::io(&folder, "sync the folder"))?;
        Ok(active)
    }

    /// Makes some more room ahead. It is called when the replies are on their way, and made durable by the next sync.
    fn allocate_ahead(&mut self) -> Result<(), LogError> {
        let ahead = self.settings.preallocate_bytes;
        let segment_bytes = self.settings.segment_bytes.max(SEGMENT_BYTES_MIN);
        if ahead == 0 || self.parts.log.is_full() {
            return Ok(());
        }
        let active = self.active()?;
        let piece = ahead.min(ZEROS.len() as u64);
        if active.allocated + piece <= active.position + ahead {
            active.allocate((active.allocated + piece).min(segment_bytes))?;
        }
        Ok(())
    }

    fn note_status(&self) {
        let State::Active(active) = &self.state else {
            return;
        };
        let mut status = self.status.lock();
        status.written = active.last;
        status.active = Some(SegmentInfo {
            id: active.id,
            first: Some(active.first),
            created_ms: active.created_ms,
            bytes: active.position,
            history: Some(self.parts.history),
        });
    }
}

/// Whether `span_ms` have passed since `since_ms`; also when the clock was set back, so that nothing waits for it to
/// come round again.
fn has_passed(since_ms: u64, span_ms: u64, now_ms: u64) -> bool {
    now_ms < since_ms || now_ms - since_ms >= span_ms
}

/// Bytes and frames of the first unit: a frame, or several of which all but the last say that the group goes on.
fn first_unit(bytes: &[u8]) -> (usize, u64) {
    let mut at = 0;
    let mut frames = 0;
    loop {
        let len = frame_len(&bytes[at..]).expect("the log holds whole frames");
        let goes_on = bytes[at + FRAME_PREFIX + 1] & CONTINUES != 0;
        at += len;
        frames += 1;
        if !goes_on || at == bytes.len() {
            return (at, frames);
        }
    }
}

/// Bytes and frames of as many units as `room` has place for.
fn units_within(bytes: &[u8], room: u64) -> (usize, u64) {
    let mut at = 0;
    let mut frames = 0;
    while at < bytes.len() {
        let (len, count) = first_unit(&bytes[at..]);
        if (at + len) as u64 > room {
            break;
        }
        at += len;
        frames += count;
    }
    (at, frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{FRAME_MIN, Kind};

    fn frames(flags: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for flags in flags {
            let at = bytes.len();
            bytes.resize(at + FRAME_MIN, 0);
            bytes[at + FRAME_PREFIX] = Kind::Group as u8;
            bytes[at + FRAME_PREFIX + 1] = *flags;
        }
        bytes
    }

    /// Several frames that count as one are never parted, or a crash could leave half of them in a segment that is sound.
    #[test]
    fn groups_are_not_split() {
        let bytes = frames(&[0, CONTINUES, CONTINUES, 0, 0]);
        let len = |count| count * FRAME_MIN;
        for (room, expected) in [(0, 0), (1, 1), (2, 1), (3, 1), (4, 4), (5, 5), (9, 5)] {
            let (at, count) = units_within(&bytes, len(room) as u64);
            assert_eq!((at, count), (len(expected), expected as u64), "room for {room}");
        }
        assert_eq!(first_unit(&bytes[len(1)..]), (len(3), 3));
    }

    #[test]
    fn a_clock_that_was_set_back_puts_nothing_off() {
        assert!(has_passed(100, 10, 110));
        assert!(!has_passed(100, 10, 109));
        assert!(has_passed(100, 10, 99));
    }
}
