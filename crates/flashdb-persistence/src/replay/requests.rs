//! Replay of requests as clients send them, which append-only files of Redis consist of. Each is made an effect and executed as the
//! record of it would be.

use super::executor::Executor;
use super::serial::run;
use super::{Place, ReplayError, Setup};
use flashdb_base::args::Args;
use flashdb_log::{EffectBuffer, FrameError};

/// Bytes of a word's length in a record.
const LENGTH_BYTES: usize = 4;

/// Executes requests one after the other.
pub struct RequestReplayer<'k> {
    executor: Executor<'k>,
    effects: EffectBuffer,
    lane: usize,
}

impl<'k> RequestReplayer<'k> {
    /// A replayer that enters the gate by `lane`.
    pub fn new(setup: Setup<'k>, lane: usize) -> Self {
        RequestReplayer {
            executor: Executor::new(setup),
            effects: EffectBuffer::default(),
            lane,
        }
    }

    /// Executes a request on a database. `at` is named in errors.
    ///
    /// # Errors
    /// When this version does not know the command, or the command refused; the next request can be executed then.
    pub fn run(&mut self, db: u16, request: Args<'_>, at: u64) -> Result<(), ReplayError> {
        if request.bytes_len() + request.len() * LENGTH_BYTES > u32::MAX as usize {
            return Err(ReplayError {
                place: Place { lsn: 0, at },
                command: String::new(),
                reason: FrameError::Malformed("its request has more than 4 GiB").into(),
            });
        }
        self.effects
            .push(db, false, request.len(), |index| request.at(index));
        let mut outcome = Ok(());
        for record in self.effects.open() {
            let place = Place { lsn: 0, at };
            outcome = outcome.and_then(|()| run(&mut self.executor, self.lane, &record, place));
        }
        self.effects.clear();
        outcome
    }
}
