//! The shared end of the log: deals out LSNs, keeps what is not written yet, and knows what is durable. Core loops append
//! under their shard locks; one writer takes the bytes away. See `docs/design/0003-durability.md`.

use crate::Lsn;
use crate::effects::EffectBuffer;
use flashdb_base::prefetch::prefetch_for_writing;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// When written frames are synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before the reply.
    Always,
    /// At least every so many milliseconds.
    EveryMs(u64),
    /// When the kernel likes.
    Never,
}

/// Sees all frames in the order of the log, under its lock; must be short and must not touch the log.
pub trait FrameTap: Send + Sync {
    /// Whole frames, one behind the other, and the LSN of the last.
    fn frames(&self, frames: &[u8], last: Lsn);
}

/// Is told by the writer what became of the log.
pub trait LogListener: Send + Sync {
    /// Everything up to `lsn` is durable (or as durable as the policy asks for).
    fn durable(&self, lsn: Lsn);
    /// The log failed, or works again.
    fn health_changed(&self, failed: bool);
    /// The buffer was congested and is not any more.
    fn drained(&self);
    /// There is no more room on the disk for what clients write, or there is again.
    fn room_changed(&self, _full: bool) {}
}

/// Room of a buffer of frames from the start, which holds what comes in between two steps of the writer under full load. What
/// was never written to is not resident; a buffer that doubles its way up to what it needs leaves each smaller one behind.
pub(crate) const BUFFER_ROOM_BYTES: usize = 128 << 10;

/// What the writer takes.
#[derive(Debug, Default)]
pub struct Taken {
    /// Whole frames.
    pub bytes: Vec<u8>,
    /// LSN of the first frame; 0 if there is none.
    pub first: Lsn,
    /// LSN of the last frame; 0 if there is none.
    pub last: Lsn,
}

struct State {
    /// Frames not taken by the writer yet.
    bytes: Vec<u8>,
    /// LSN of the first frame in `bytes`.
    first: Lsn,
    /// LSN of the last frame that came into `bytes`. Not always that before `next`: behind it the log may be off, or leave a gap.
    last: Lsn,
    /// LSN of the next frame.
    next: Lsn,
    tap: Option<Arc<dyn FrameTap>>,
    /// The writer waits for work without a deadline.
    writer_sleeps: bool,
    /// Frames that have to be there before [`Log::hurry`] wakes it.
    gathers: u64,
    /// The writer is not to sleep: something else than frames waits for it.
    kicked: bool,
    stopping: bool,
    sealed: bool,
}

impl State {
    /// Frames not taken by the writer yet.
    fn pending(&self) -> u64 {
        match self.bytes.is_empty() {
            true => 0,
            false => self.next - self.first,
        }
    }
}

/// See the module's head.
pub struct Log {
    state: Mutex<State>,
    work: Condvar,
    /// Whether frames are kept for the writer.
    enabled: AtomicBool,
    /// Whether anybody wants effects: the writer or a tap.
    recording: AtomicBool,
    /// Whether replies wait until what they show is durable.
    waits: AtomicBool,
    /// LSN of the last frame appended.
    appended: AtomicU64,
    durable: AtomicU64,
    failed: AtomicBool,
    /// The disk has no room, or only what was held for this case.
    full: AtomicBool,
    /// A checkpoint is being taken from whose cut on frames are kept, though the log is still failed.
    healing: AtomicBool,
    /// Bytes appended and not written yet, those the writer holds included.
    backlog_bytes: AtomicU64,
    backlog_bytes_max: AtomicU64,
    /// Bytes appended since the start.
    appended_bytes: AtomicU64,
}

impl Default for Log {
    fn default() -> Self {
        Log::new(0)
    }
}

impl Log {
    /// A log whose last frame so far is `last`; frames are neither kept nor wanted until [`Log::enable`].
    pub fn new(last: Lsn) -> Self {
        Log {
            state: Mutex::new(State {
                bytes: Vec::with_capacity(BUFFER_ROOM_BYTES),
                first: 0,
                last: 0,
                next: last + 1,
                tap: None,
                writer_sleeps: false,
                gathers: 0,
                kicked: false,
                stopping: false,
                sealed: false,
            }),
            work: Condvar::new(),
            enabled: false.into(),
            recording: false.into(),
            waits: false.into(),
            appended: last.into(),
            durable: last.into(),
            failed: false.into(),
            full: false.into(),
            healing: false.into(),
            backlog_bytes: 0.into(),
            backlog_bytes_max: (256 << 20).into(),
            appended_bytes: 0.into(),
        }
    }

    // ---- core loops ----------------------------------------------------------------------------

    /// Whether effects have to be recorded. Read once a batch, inside the gate.
    #[inline]
    pub fn is_recording(&self) -> bool {
        self.recording.load(Ordering::Relaxed)
    }

    /// Whether replies wait until what they show is durable (`appendfsync always`).
    #[inline]
    pub fn waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed)
    }

    /// Appends the closed frames of `effects`, which is empty afterwards. The caller holds the shard locks under which they
    /// came about. Returns the LSN of the last.
    #[inline]
    pub fn append(&self, effects: &mut EffectBuffer) -> Lsn {
        effects.seal();
        let mut state = self.state.lock();
        let first = state.next;
        if state.sealed {
            effects.clear();
            return first;
        }
        state.next = effects.number(first);
        let last = state.next - 1;
        let bytes = effects.bytes();
        if let Some(tap) = &state.tap {
            tap.frames(bytes, last);
        }
        // Both are only changed under the lock.
        let keeps = !self.failed.load(Ordering::Relaxed) || self.healing.load(Ordering::Relaxed);
        if keeps && self.enabled.load(Ordering::Relaxed) {
            if state.bytes.is_empty() {
                state.first = first;
            }
            state.last = last;
            state.bytes.extend_from_slice(bytes);
            // The next batch is most likely about as long.
            prefetch_for_writing(state.bytes.spare_capacity_mut(), bytes.len());
            let len = bytes.len() as u64;
            self.backlog_bytes.fetch_add(len, Ordering::Relaxed);
            self.appended_bytes.fetch_add(len, Ordering::Relaxed);
        }
        self.appended.store(last, Ordering::Release);
        // Where replies wait, the writer is woken once a turn (`hurry`), so that one sync serves all of it, or as soon as it
        // has what it waits for (`gather`), so that the sync is under way while the turn goes on.
        let enough = match self.waits() {
            true => state.gathers > 0 && state.pending() >= state.gathers,
            false => !state.bytes.is_empty(),
        };
        let wake = state.writer_sleeps && enough;
        if wake {
            state.writer_sleeps = false;
        }
        drop(state);
        if wake {
            self.work.notify_one();
        }
        effects.clear();
        last
    }

    /// LSN of the last frame appended.
    #[inline]
    pub fn appended(&self) -> Lsn {
        self.appended.load(Ordering::Acquire)
    }

    /// LSN up to which everything is durable.
    #[inline]
    pub fn durable(&self) -> Lsn {
        self.durable.load(Ordering::Acquire)
    }

    /// Whether a write or a sync has failed and nothing can be made durable.
    #[inline]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Whether so much waits to be written that writing clients are to be held back.
    #[inline]
    pub fn is_congested(&self) -> bool {
        self.backlog_bytes.load(Ordering::Relaxed) > self.backlog_bytes_max.load(Ordering::Relaxed)
    }

    /// Whether the disk has no room for more than what is appended anyway: by expiry, or by requests that were let in before.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Whether clients that write are to be told that it cannot be.
    #[inline]
    pub fn refuses_writes(&self) -> bool {
        self.has_failed() || self.is_full()
    }

    /// Whether writes can be taken: the log works, has room, and its buffer is not congested.
    #[inline]
    pub fn takes_writes(&self) -> bool {
        !self.refuses_writes() && !self.is_congested()
    }

    /// Tells the writer that replies wait for it. Called once a turn.
    pub fn hurry(&self) {
        let mut state = self.state.lock();
        if state.pending() >= state.gathers && std::mem::take(&mut state.writer_sleeps) {
            drop(state);
            self.work.notify_one();
        }
    }

    // ---- control -------------------------------------------------------------------------------

    /// Keeps frames for the writer from now on, or no longer. The gate is closed. Returns the LSN of the last frame before. A
    /// log that had failed is not failed any more: nothing is to be made durable, or all of it behind a fresh checkpoint.
    pub fn enable(&self, enabled: bool) -> Lsn {
        let mut state = self.state.lock();
        self.enabled.store(enabled, Ordering::Relaxed);
        if self.failed.swap(false, Ordering::AcqRel) {
            // Kept for a checkpoint that was to heal it.
            state.bytes.clear();
            self.backlog_bytes.store(0, Ordering::Relaxed);
        }
        self.healing.store(false, Ordering::Relaxed);
        // Whoever begins to write it finds out anew.
        self.full.store(false, Ordering::Release);
        self.recording
            .store(enabled || state.tap.is_some(), Ordering::Relaxed);
        state.next - 1
    }

    /// Whether frames are kept for the writer.
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Makes the next frame follow `last`; for the end of recovery, before anything is appended.
    pub fn continue_after(&self, last: Lsn) {
        let mut state = self.state.lock();
        debug_assert!(state.bytes.is_empty());
        state.next = last + 1;
        self.appended.store(last, Ordering::Release);
        self.durable.store(last, Ordering::Release);
    }

    /// Leaves one LSN out: what follows does not build on the frames before alone, and no reader shall think so; or for a state
    /// that no frame leads to. The log is not enabled, or not yet.
    pub fn leave_gap(&self) {
        let mut state = self.state.lock();
        let last = state.next;
        state.next = last + 1;
        self.appended.store(last, Ordering::Release);
        self.durable.store(last, Ordering::Release);
    }

    /// Has all frames seen by `tap` from now on. The gate is closed.
    pub fn set_tap(&self, tap: Option<Arc<dyn FrameTap>>) {
        let mut state = self.state.lock();
        self.recording
            .store(self.is_enabled() || tap.is_some(), Ordering::Relaxed);
        state.tap = tap;
    }

    /// Whether replies wait until what they show is durable.
    pub fn set_waits(&self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
    }

    /// Bytes of backlog above which writing clients are held back.
    pub fn set_backlog_max(&self, bytes: u64) {
        self.backlog_bytes_max.store(bytes, Ordering::Relaxed);
    }

    /// Bytes appended and not written yet.
    pub fn backlog_bytes(&self) -> u64 {
        self.backlog_bytes.load(Ordering::Relaxed)
    }

    /// Bytes appended since the start.
    pub fn appended_bytes(&self) -> u64 {
        self.appended_bytes.load(Ordering::Relaxed)
    }

    // ---- the writer ----------------------------------------------------------------------------

    /// Exchanges the buffer for `empty` (whose memory is used again). O(1).
    pub fn take(&self, empty: Vec<u8>) -> Taken {
        debug_assert!(empty.is_empty());
        let mut state = self.state.lock();
        if state.bytes.is_empty() {
            return Taken {
                bytes: empty,
                first: 0,
                last: 0,
            };
        }
        Taken {
            bytes: std::mem::replace(&mut state.bytes, empty),
            first: state.first,
            last: state.last,
        }
    }

    /// Waits until there is work, `deadline` has passed, the log ends, or [`Log::kick`]. False when it ends and nothing is
    /// left.
    pub fn wait_for_work(&self, deadline: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        if state.bytes.is_empty() && !state.stopping && !state.kicked {
            state.writer_sleeps = true;
            match deadline {
                Some(deadline) => {
                    self.work.wait_for(&mut state, deadline);
                }
                None => self.work.wait(&mut state),
            }
            state.writer_sleeps = false;
        }
        state.kicked = false;
        !(state.stopping && state.bytes.is_empty())
    }

    /// Waits until `frames` are there to be written, but at most for `patience`; ends with [`Log::kick`] and the log, too.
    pub fn gather(&self, frames: u64, patience: Duration) {
        let mut state = self.state.lock();
        if state.pending() < frames && !state.stopping && !state.kicked {
            state.writer_sleeps = true;
            state.gathers = frames;
            self.work.wait_for(&mut state, patience);
            state.writer_sleeps = false;
            state.gathers = 0;
        }
    }

    /// Has [`Log::wait_for_work`] return once, at once, though there may be no frames: something else waits for the writer.
    pub fn kick(&self) {
        self.state.lock().kicked = true;
        self.work.notify_one();
    }

    /// `bytes` of what was taken were written. Whether that ended a congestion; nobody else can end it, so none is missed.
    pub fn written(&self, bytes: u64) -> bool {
        let max = self.backlog_bytes_max.load(Ordering::Relaxed);
        let before = self.backlog_bytes.fetch_sub(bytes, Ordering::Relaxed);
        before > max && before - bytes <= max
    }

    /// Everything up to `lsn` is durable.
    pub fn set_durable(&self, lsn: Lsn) {
        self.durable.fetch_max(lsn, Ordering::AcqRel);
    }

    /// From now on nothing is kept: the log failed, and a checkpoint has to cover what happens. What was not written is
    /// dropped. One that is switched off and about to end does not count as failed.
    pub fn fail(&self) {
        let mut state = self.state.lock();
        self.failed
            .store(self.enabled.load(Ordering::Relaxed), Ordering::Release);
        self.healing.store(false, Ordering::Relaxed);
        state.bytes = Vec::with_capacity(BUFFER_ROOM_BYTES);
        self.backlog_bytes.store(0, Ordering::Relaxed);
    }

    /// There is no room on the disk, or there is again. Not of a log that is switched off, which needs none.
    pub(crate) fn set_full(&self, full: bool) {
        let _state = self.state.lock();
        self.full.store(full && self.is_enabled(), Ordering::Release);
    }

    /// Whether frames wait to be written.
    pub(crate) fn has_pending(&self) -> bool {
        !self.state.lock().bytes.is_empty()
    }

    /// The cut of a checkpoint that is to heal a failed log: frames are kept from now on, though nobody is told that
    /// writes are taken again. The gate is closed. Returns the LSN of the last frame before.
    pub fn begin_heal(&self) -> Lsn {
        let mut state = self.state.lock();
        state.bytes.clear();
        self.backlog_bytes.store(0, Ordering::Relaxed);
        self.healing.store(true, Ordering::Relaxed);
        state.next - 1
    }

    /// The checkpoint is durable and a fresh segment begun: writes are taken again.
    pub fn heal(&self) {
        let _state = self.state.lock();
        self.failed.store(false, Ordering::Release);
        self.healing.store(false, Ordering::Relaxed);
    }

    /// From now on nothing is appended, and no reply to what would have been gets durable: the server is about to end, and
    /// what happens until then must not last. What was appended before does.
    pub fn seal(&self) {
        self.state.lock().sealed = true;
    }

    /// Ends the writer once everything is written.
    pub fn stop(&self) {
        self.state.lock().stopping = true;
        self.work.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(buffer: &mut EffectBuffer, key: &str) {
        let words = ["SET", key, "v"];
        buffer.push(0, false, 3, |at| words[at].as_bytes());
        buffer.end_frame();
    }

    #[test]
    fn lsns_are_dealt_out_without_gaps_and_frames_kept_only_when_enabled() {
        let log = Log::new(41);
        let mut buffer = EffectBuffer::default();
        effect(&mut buffer, "a");
        assert_eq!(log.append(&mut buffer), 42);
        assert!(log.take(Vec::new()).bytes.is_empty());
        assert_eq!(log.enable(true), 42);
        effect(&mut buffer, "b");
        effect(&mut buffer, "c");
        assert_eq!(log.append(&mut buffer), 44);
        let taken = log.take(Vec::new());
        assert_eq!((taken.first, taken.last), (43, 44));
        let lsns: Vec<_> = crate::effects::frames(&taken.bytes)
            .map(|frame| frame.expect("sound").lsn)
            .collect();
        assert_eq!(lsns, [43, 44]);
        assert_eq!(log.backlog_bytes(), taken.bytes.len() as u64);
        log.written(taken.bytes.len() as u64);
        assert_eq!(log.backlog_bytes(), 0);
    }

    #[test]
    fn what_comes_behind_the_end_does_not_count_for_the_writer() {
        let log = Log::new(0);
        log.enable(true);
        let mut buffer = EffectBuffer::default();
        effect(&mut buffer, "a");
        log.append(&mut buffer);
        log.enable(false);
        log.leave_gap();
        effect(&mut buffer, "b");
        assert_eq!(log.append(&mut buffer), 3);
        let taken = log.take(Vec::new());
        assert_eq!((taken.first, taken.last), (1, 1));
        log.enable(true);
        effect(&mut buffer, "c");
        log.append(&mut buffer);
        let taken = log.take(Vec::new());
        assert_eq!((taken.first, taken.last), (4, 4));
    }

    #[test]
    fn the_writer_is_woken_when_enough_has_gathered() {
        let log = Arc::new(Log::new(0));
        log.enable(true);
        log.set_waits(true);
        let mut buffer = EffectBuffer::default();
        effect(&mut buffer, "a");
        log.append(&mut buffer);
        // It is there already.
        log.gather(1, Duration::from_secs(3600));
        let writer = std::thread::spawn({
            let log = log.clone();
            move || log.gather(3, Duration::from_secs(3600))
        });
        while !log.state.lock().writer_sleeps {
            std::thread::yield_now();
        }
        effect(&mut buffer, "b");
        log.append(&mut buffer);
        log.hurry();
        assert!(log.state.lock().writer_sleeps, "two are not enough");
        effect(&mut buffer, "c");
        log.append(&mut buffer);
        assert!(!log.state.lock().writer_sleeps);
        writer.join().expect("the writer");
        log.gather(4, Duration::ZERO);
        log.kick();
        log.gather(4, Duration::from_secs(3600));
    }

    /// Found by simulated crashes: writes were refused for ever once a failed log was switched off.
    #[test]
    fn switching_off_ends_a_failure() {
        let log = Log::new(0);
        log.enable(true);
        log.fail();
        log.begin_heal();
        let mut buffer = EffectBuffer::default();
        effect(&mut buffer, "a");
        log.append(&mut buffer);
        log.enable(false);
        assert!(log.takes_writes());
        assert_eq!(log.backlog_bytes(), 0);
        // The writer's last words.
        log.fail();
        assert!(log.takes_writes());
        assert_eq!(log.enable(true), 1);
        effect(&mut buffer, "b");
        log.append(&mut buffer);
        assert_eq!(log.take(Vec::new()).first, 2);
    }

    #[test]
    fn a_failed_log_keeps_nothing_until_it_is_healed() {
        let log = Log::new(0);
        log.enable(true);
        let mut buffer = EffectBuffer::default();
        effect(&mut buffer, "a");
        log.append(&mut buffer);
        log.fail();
        effect(&mut buffer, "b");
        assert_eq!(log.append(&mut buffer), 2);
        assert!(log.take(Vec::new()).bytes.is_empty());
        assert_eq!(log.begin_heal(), 2);
        assert!(log.has_failed());
        effect(&mut buffer, "c");
        log.append(&mut buffer);
        log.heal();
        assert_eq!(log.take(Vec::new()).first, 3);
    }
}
