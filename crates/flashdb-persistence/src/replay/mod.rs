//! Replay: the records of the log, executed against a keyspace by the handlers that clients use.
//!
//! Nothing expires meanwhile, no effect is recorded, nobody is notified. What a record needs is its own words and the state
//! before it; whatever depends on time or chance was decided when the effect was logged.
//!
//! Reading order: `commands` (what a record runs, and which keys it touches), `executor` (one record, its shards locked),
//! `libraries` (sources of functions), `groups` (frames become records), `serial` (frame by frame), `parallel` (by several threads), `requests` (append-only files).

mod commands;
mod error;
mod executor;
mod groups;
mod libraries;
mod parallel;
mod requests;
mod serial;

#[cfg(test)]
mod equivalence_test;
#[cfg(test)]
mod parallel_test;
#[cfg(test)]
mod serial_test;
#[cfg(test)]
mod test_live;
#[cfg(test)]
mod test_requests;
#[cfg(test)]
mod test_state;

pub use commands::Commands;
pub use error::{Reason, ReplayError};
pub use parallel::{ParallelReplayer, replay_in_parallel};
pub use requests::RequestReplayer;
pub use serial::Replayer;

use flashdb_config::Settings;
use flashdb_log::Lsn;
use flashdb_store::{Access, Keyspace, Policy, Usage};

/// What a replay works on and with.
#[derive(Clone, Copy)]
pub struct Setup<'k> {
    /// The keyspace that gets the changes.
    pub space: &'k Keyspace,
    /// The commands that records can name.
    pub commands: &'k Commands,
    /// The settings; limits for what clients may send are not applied.
    pub settings: &'k Settings,
    /// How use of keys is recorded: those of the log look as if they were made now.
    pub usage: Usage,
    /// Unix time in ms.
    pub now_ms: i64,
}

/// Where a frame stands: its LSN, and a number that means something to the caller (file and offset), for errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The LSN of the frame.
    pub lsn: Lsn,
    /// The caller's number.
    pub at: u64,
}

impl<'k> Setup<'k> {
    /// Access for replaying: nothing expires, lookups are no use of keys, no effects.
    pub(crate) fn access(&self) -> Access<'k> {
        let policy = Policy {
            touch: false,
            usage: self.usage,
            expire: false,
        };
        // The seed does not matter: what was random is decided.
        let mut data = Access::new(self.space, policy, flashdb_base::prng::Prng::from_seed(1));
        data.replaying = true;
        data.now_ms = self.now_ms;
        data
    }
}
