//! Replay by one thread: every record is executed as soon as it is given. What the parallel replay does with records that
//! concern several of its threads, too.

use super::commands::{Action, Shards};
use super::executor::{Executor, name_of};
use super::groups::Groups;
use super::{Place, ReplayError, Setup};
use flashdb_log::{Frame, Record};
use flashdb_store::Keyspace;

/// Executes frames one after the other. The frames live as long as the replayer, since groups can consist of several.
pub struct Replayer<'k, 'log> {
    executor: Executor<'k>,
    groups: Groups<'log>,
    lane: usize,
}

impl<'k, 'log> Replayer<'k, 'log> {
    /// A replayer that enters the gate by `lane`.
    pub fn new(setup: Setup<'k>, lane: usize) -> Self {
        Replayer {
            executor: Executor::new(setup),
            groups: Groups::default(),
            lane,
        }
    }

    /// Executes a frame, or keeps it until the last frame of its group is there. `at` is named in errors.
    ///
    /// # Errors
    /// When the frame does not fit the state or this version. Records before it have been executed then.
    pub fn apply(&mut self, frame: &Frame<'log>, at: u64) -> Result<(), ReplayError> {
        let place = Place { lsn: frame.lsn, at };
        let Replayer {
            executor,
            groups,
            lane,
        } = self;
        let broken = |reason| ReplayError {
            place,
            command: String::new(),
            reason,
        };
        groups.take(frame, broken, |record| run(executor, *lane, &record, place))
    }

    /// Whether the log has ended within a group, none of which was executed.
    pub fn is_within_group(&self) -> bool {
        self.groups.is_within()
    }
}

/// Finds out what a record does, locks what it touches, and does it.
pub(super) fn run(
    executor: &mut Executor<'_>,
    lane: usize,
    record: &Record<'_>,
    place: Place,
) -> Result<(), ReplayError> {
    let setup = executor.setup;
    let failed = |action| {
        move |reason| ReplayError {
            place,
            command: name_of(record, action),
            reason,
        }
    };
    let action = setup
        .commands
        .action(record, &mut executor.words)
        .map_err(failed(Action::Nothing))?;
    if matches!(action, Action::Nothing) {
        return Ok(());
    }
    let shards = setup
        .commands
        .shards(setup.space, record, action, &mut executor.words)
        .map_err(failed(action))?;
    run_locked(executor, lane, record, action, shards, place)
}

/// Locks and executes.
pub(super) fn run_locked(
    executor: &mut Executor<'_>,
    lane: usize,
    record: &Record<'_>,
    action: Action,
    shards: Shards,
    place: Place,
) -> Result<(), ReplayError> {
    let gate = executor.setup.space.gate();
    let pass = match shards {
        Shards::One(shard) => {
            let pass = gate.enter(lane);
            executor.data.hold(|space| space.lock_one(shard));
            pass
        }
        Shards::Several(shards) => {
            let pass = gate.enter(lane);
            executor.data.hold(|space| space.lock(shards));
            pass
        }
        Shards::All => {
            let pass = gate.close();
            executor.data.hold(Keyspace::lock_as_touched);
            pass
        }
    };
    let done = executor.execute(record, action, None, place);
    executor.data.release();
    drop(pass);
    done
}
