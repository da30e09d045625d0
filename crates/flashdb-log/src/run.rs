//! The thread that drives the writer in the server.
//!
//! Under `always` it waits for work and steps at once; what comes in during a sync goes into the next one (group commit), for
//! which it waits a little while clients are on their way back (`InFlight`).
//! Otherwise it rests a few milliseconds after each step while there is work, so that under load no core loop has to wake it.
//! Orders to the writer (rotate, reopen, settings) are closures, executed between two steps.

use crate::error::LogError;
use crate::log::SyncPolicy;
use crate::segment::SegmentInfo;
use crate::writer::{LogWriter, StepOutcome, WriterParts, WriterSettings, WriterStatus};
use crate::{Log, Lsn, segment};
use flashdb_base::clock::Clock;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Rest after a step while there is work, unless replies wait for it.
const REST: Duration = Duration::from_millis(5);
/// Longest wait for others to join the next sync; a sync that takes longer is not made up for by larger groups.
const PATIENCE_MAX: Duration = Duration::from_millis(1);
/// Rest while the log is failed; orders end it.
const FAILED_REST: Duration = Duration::from_millis(100);

type Order = Box<dyn FnOnce(&mut LogWriter, u64) + Send>;

struct Shared {
    /// `None` once the writer has ended: what is ordered then is dropped, and nobody waits for it for ever.
    orders: Mutex<Option<Vec<Order>>>,
    stopping: AtomicBool,
}

/// A writer on its own thread. Dropped without [`RunningWriter::stop`], the thread ends as with it.
pub struct RunningWriter {
    shared: Arc<Shared>,
    parts: WriterParts,
    status: Arc<Mutex<WriterStatus>>,
    thread: Option<JoinHandle<Result<(), LogError>>>,
}

impl RunningWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(writer: LogWriter, clock: Arc<dyn Clock>) -> io::Result<RunningWriter> {
        let shared = Arc::new(Shared {
            orders: Mutex::new(Some(Vec::new())),
            stopping: false.into(),
        });
        let parts = writer.parts().clone();
        let status = writer.status();
        let thread = thread::Builder::new().name("flashdb-log".into()).spawn({
            let shared = shared.clone();
            move || run(writer, &shared, clock.as_ref())
        })?;
        Ok(RunningWriter {
            shared,
            parts,
            status,
            thread: Some(thread),
        })
    }

    /// Has `order` executed between two steps, with the writer and the Unix time in ms. If the writer has ended, it is
    /// dropped.
    pub fn order(&self, order: impl FnOnce(&mut LogWriter, u64) + Send + 'static) {
        if let Some(orders) = self.shared.orders.lock().as_mut() {
            orders.push(Box::new(order));
        }
        self.wake();
    }

    /// The same, and waits for what it returns; `None` when the writer has ended. Blocks for a sync or two.
    pub fn ask<T: Send + 'static>(
        &self,
        order: impl FnOnce(&mut LogWriter, u64) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.order(move |writer, now_ms| {
            // Who asked may be gone; then nobody cares.
            let _ = sender.send(order(writer, now_ms));
        });
        receiver.recv().ok()
    }

    /// Writes what there is and goes on in a new segment. Blocks until that is durable.
    ///
    /// # Errors
    /// When the log failed, now or before.
    pub fn rotate(&self) -> Result<(), LogError> {
        self.ask(|writer, now_ms| writer.rotate(now_ms))
            .unwrap_or(Err(LogError::Failed))
    }

    /// Changes the settings, some time soon.
    pub fn set_settings(&self, settings: WriterSettings) {
        self.order(move |writer, _| writer.set_settings(settings));
    }

    /// See [`LogWriter::reopen_after`]. Blocks until the new segment is durable.
    ///
    /// # Errors
    /// When that fails; the log is failed again.
    pub fn reopen_after(&self, lsn: Lsn) -> Result<(), LogError> {
        self.ask(move |writer, now_ms| writer.reopen_after(lsn, now_ms))
            .unwrap_or(Err(LogError::Failed))
    }

    /// See [`LogWriter::regain`]. Blocks until it is known.
    pub fn regain(&self) -> bool {
        self.ask(LogWriter::regain).unwrap_or(true)
    }

    /// What the writer is at.
    pub fn status(&self) -> WriterStatus {
        self.status.lock().clone()
    }

    /// See [`LogWriter::segments`]; does not disturb the writer.
    ///
    /// # Errors
    /// When the folder or a file cannot be read.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>, LogError> {
        segment::list(self.parts.disk.as_ref(), &self.parts.dir)
    }

    /// Ends in good order: everything appended is written and synced.
    ///
    /// # Errors
    /// When that fails, or the log had failed before.
    pub fn stop(mut self) -> Result<(), LogError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), LogError> {
        self.shared.stopping.store(true, Ordering::Release);
        self.wake();
        match self.thread.take() {
            Some(thread) => thread.join().unwrap_or(Err(LogError::Failed)),
            None => Ok(()),
        }
    }

    fn wake(&self) {
        self.parts.log.kick();
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for RunningWriter {
    fn drop(&mut self) {
        // Whoever wants to know whether it went well calls `stop`.
        let _ = self.end();
    }
}

fn run(mut writer: LogWriter, shared: &Shared, clock: &dyn Clock) -> Result<(), LogError> {
    let log = writer.parts().log.clone();
    let mut in_flight = InFlight::default();
    let ended = loop {
        let orders = shared.orders.lock().as_mut().map(std::mem::take);
        for order in orders.into_iter().flatten() {
            order(&mut writer, clock.unix_ms());
        }
        let goes_on = !shared.stopping.load(Ordering::Acquire);
        match writer.step(clock.unix_ms()) {
            StepOutcome::Failed | StepOutcome::NoRoom if goes_on => thread::park_timeout(FAILED_REST),
            StepOutcome::Failed | StepOutcome::Closed => break Err(LogError::Failed),
            // Also one that waits for room.
            _ if !goes_on => break writer.close(clock.unix_ms()),
            outcome => {
                if !wait(&writer, &log, clock, outcome, &mut in_flight) {
                    break writer.close(clock.unix_ms());
                }
            }
        }
    };
    // Whoever still waits for an answer gets none.
    *shared.orders.lock() = None;
    ended
}

/// Waits until the next step is due; false when the log ends.
fn wait(
    writer: &LogWriter,
    log: &Log,
    clock: &dyn Clock,
    outcome: StepOutcome,
    in_flight: &mut InFlight,
) -> bool {
    let rests = writer.settings().policy != SyncPolicy::Always;
    let wrote = matches!(
        outcome,
        StepOutcome::Progress {
            written_bytes: 1..,
            ..
        }
    );
    if rests && wrote {
        if !log.is_congested() {
            thread::park_timeout(REST);
        }
        return true;
    }
    let deadline = writer.idle_ms_max(clock.unix_ms()).map(Duration::from_millis);
    if wrote {
        in_flight.note(log.durable(), log.appended());
    }
    let goes_on = log.wait_for_work(deadline);
    if goes_on && !rests {
        let patience = Duration::from_micros(writer.last_sync_us()).min(PATIENCE_MAX);
        log.gather(in_flight.wanted(), patience);
    }
    goes_on
}

/// How many writes are under way at a time under `always`, by what the last syncs have shown.
///
/// Clients that wait for their replies come back some time after a sync, not all at once. A writer that syncs what little is
/// there makes three or four small groups of them, which wait for each other's syncs; so it waits for a good part of those
/// under way, but no longer than a sync takes. Two groups are ideal: one is synced while the other's requests are executed.
#[derive(Debug, Default)]
struct InFlight {
    /// LSN that was durable after the last sync.
    durable: Lsn,
    /// Frames under way: those of the last sync and those that came meanwhile, or what earlier syncs have shown, fading.
    frames: u64,
}

impl InFlight {
    /// A sync has ended.
    fn note(&mut self, durable: Lsn, appended: Lsn) {
        let now = appended.saturating_sub(self.durable);
        if self.durable > 0 {
            self.frames = now.max(self.frames - self.frames.div_ceil(8));
        }
        self.durable = durable;
    }

    /// Frames worth waiting for: two fifths, so that neither of two groups starves.
    fn wanted(&self) -> u64 {
        (self.frames * 2).div_ceil(5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_client_waits_for_nobody() {
        let mut in_flight = InFlight::default();
        in_flight.note(1000, 1000);
        for lsn in 1001..1010 {
            in_flight.note(lsn, lsn);
            assert_eq!(in_flight.wanted(), 1);
        }
    }

    #[test]
    fn part_of_fifty_clients_is_waited_for_and_forgotten_when_they_go() {
        let mut in_flight = InFlight::default();
        in_flight.note(1000, 1000);
        in_flight.note(1020, 1050);
        assert_eq!(in_flight.wanted(), 20);
        let mut syncs = 0;
        let mut lsn = 1050;
        in_flight.note(lsn, lsn);
        while in_flight.wanted() > 1 {
            lsn += 1;
            syncs += 1;
            in_flight.note(lsn, lsn);
        }
        assert!(syncs < 25, "{syncs}");
    }
}
