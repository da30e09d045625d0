//! Scripts that run for long. Past `busy-reply-threshold` everybody else is answered BUSY, but for the few commands that
//! end the script or the server. How the clients of a loop are served whose thread runs the script, or waits for a lock that
//! it holds: [`crate::core_loop::attend`].

use flashdb_command::error::ErrorReply;
use flashdb_store::Patience;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What was called: its KILL is the one that ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A script.
    Script,
    /// A function.
    Function,
}

/// The answer while a script runs for too long.
pub const BUSY_SCRIPT: ErrorReply = ErrorReply::fixed(
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
);
const BUSY_FUNCTION: ErrorReply = ErrorReply::fixed(
    "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.",
);
const NOT_BUSY: ErrorReply = ErrorReply::fixed("NOTBUSY No scripts in execution right now.");
const UNKILLABLE: ErrorReply = ErrorReply::fixed(
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script \
     termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
);

/// A script that has run for a while, as others see it.
pub struct LongRun {
    /// What runs.
    pub kind: Kind,
    /// Name of the script or function.
    pub name: String,
    /// The request.
    pub request: flashdb_resp::OwnedArgs,
    /// Since when.
    pub began: Instant,
    wrote: AtomicBool,
    killed: AtomicBool,
    busy: AtomicBool,
}

/// All scripts that have run for a while.
#[derive(Default)]
pub struct LongRuns(Mutex<Vec<Arc<LongRun>>>);

impl LongRuns {
    /// Adds one.
    pub fn add(
        &self,
        kind: Kind,
        name: &str,
        request: flashdb_resp::OwnedArgs,
        began: Instant,
    ) -> Arc<LongRun> {
        let run = Arc::new(LongRun {
            kind,
            name: name.into(),
            request,
            began,
            wrote: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            busy: AtomicBool::new(false),
        });
        self.0.lock().push(run.clone());
        run
    }

    /// Takes one out that has ended.
    pub fn remove(&self, run: &Arc<LongRun>, patience: &Patience) {
        self.0.lock().retain(|known| !Arc::ptr_eq(known, run));
        if run.busy.load(Ordering::Acquire) {
            patience.end_long_hold();
        }
    }

    /// The longest of them.
    pub fn oldest(&self) -> Option<Arc<LongRun>> {
        self.0.lock().first().cloned()
    }

    /// Ends all of a kind that have not written.
    ///
    /// # Errors
    /// When there is none.
    pub fn kill(&self, kind: Kind) -> Result<(), ErrorReply> {
        let runs = self.0.lock();
        let (mut others, mut wrote, mut killed) = (false, false, false);
        for run in runs.iter() {
            if run.kind != kind {
                others = true;
            } else if run.wrote.load(Ordering::Acquire) {
                wrote = true;
            } else {
                run.killed.store(true, Ordering::Release);
                killed = true;
            }
        }
        match (killed, wrote, others, kind) {
            (true, ..) => Ok(()),
            (false, true, ..) => Err(UNKILLABLE),
            (false, false, true, Kind::Script) => Err(BUSY_FUNCTION),
            (false, false, true, Kind::Function) => Err(BUSY_SCRIPT),
            (false, false, false, _) => Err(NOT_BUSY),
        }
    }

    /// What a client is told.
    pub fn busy_reply(&self) -> ErrorReply {
        let runs = self.0.lock();
        let busy = runs.iter().find(|run| run.busy.load(Ordering::Acquire));
        match busy.map(|run| run.kind) {
            Some(Kind::Function) => BUSY_FUNCTION,
            _ => BUSY_SCRIPT,
        }
    }
}

impl LongRun {
    /// Whether somebody asked for its end.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    /// Notes that it has changed data.
    pub fn note_write(&self) {
        self.wrote.store(true, Ordering::Release);
    }

    /// Whether it has run for longer than it may without others being told. Tells them the first time.
    pub fn is_busy(&self, threshold_ms: u64, patience: &Patience) -> bool {
        let over = threshold_ms > 0 && self.began.elapsed() >= Duration::from_millis(threshold_ms);
        if over && !self.busy.swap(true, Ordering::AcqRel) {
            patience.begin_long_hold();
            tracing::warn!(
                script = self.name,
                ms = self.began.elapsed().as_millis() as u64,
                "a script runs for too long: other clients are answered BUSY"
            );
        }
        over
    }
}
