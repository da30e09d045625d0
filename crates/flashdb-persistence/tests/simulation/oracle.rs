//! What may be found after a crash: the state at every LSN of the history so far, and what was promised about it.

use crate::test_state::State;
use flashdb_log::Lsn;
use std::collections::{BTreeMap, BTreeSet};

/// See the module's head.
#[derive(Clone)]
pub struct Oracle {
    /// The state after each step. A step may append several frames; the states in between are not noted.
    states: BTreeMap<Lsn, State>,
    /// Up to here clients were told that it is durable.
    acked: Lsn,
    /// Up to here it was written: the end of the process does no harm to it, that of the machine may.
    written: Lsn,
}

impl Oracle {
    pub fn new() -> Oracle {
        Oracle {
            states: BTreeMap::from([(0, State::new())]),
            acked: 0,
            written: 0,
        }
    }

    /// LSN of the newest state.
    pub fn last(&self) -> Lsn {
        self.states.last_key_value().map_or(0, |(lsn, _)| *lsn)
    }

    pub fn acked(&self) -> Lsn {
        self.acked
    }

    pub fn note(&mut self, lsn: Lsn, state: State) {
        // A list of one empty element looks the same, and so do such members of sets.
        let empty =
            |text: &str| text.ends_with(": ") && (text.starts_with("hash") || text.starts_with("zset"));
        let found = state.iter().find(|(_, text)| empty(text));
        assert!(found.is_none(), "an empty collection at LSN {lsn}: {found:?}");
        self.states.insert(lsn, state);
    }

    pub fn note_acked(&mut self, lsn: Lsn) {
        assert!(
            lsn <= self.last(),
            "LSN {lsn} is durable, but {} is the last",
            self.last()
        );
        self.acked = self.acked.max(lsn);
    }

    pub fn note_written(&mut self, lsn: Lsn) {
        self.written = self.written.max(lsn);
    }

    /// The power was cut, or the log failed: what was written only may be gone.
    pub fn forget_written(&mut self) {
        self.written = 0;
    }

    /// What is wrong with having recovered `found` at `lsn`, if anything.
    pub fn check(&self, lsn: Lsn, found: &State) -> Result<(), String> {
        if lsn < self.acked {
            return Err(format!(
                "recovered LSN {lsn}, but {} was acknowledged",
                self.acked
            ));
        }
        if lsn < self.written {
            return Err(format!(
                "recovered LSN {lsn}, but {} was written and the machine went on",
                self.written
            ));
        }
        self.check_state(lsn, found)
    }

    /// The same without what was promised.
    pub fn check_state(&self, lsn: Lsn, found: &State) -> Result<(), String> {
        if lsn > self.last() {
            return Err(format!("recovered LSN {lsn}, but {} was the last", self.last()));
        }
        let before = self.states.range(..=lsn).next_back();
        let after = self.states.range(lsn..).next();
        let (Some((_, before)), Some((_, after))) = (before, after) else {
            return Err(format!("no state was noted around LSN {lsn}"));
        };
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).chain(found.keys()).collect();
        for at in keys {
            let value = found.get(at);
            if value != before.get(at) && value != after.get(at) {
                return Err(format!(
                    "at LSN {lsn}, {at:?}\n noted:     {:?}\n recovered: {value:?}",
                    after.get(at)
                ));
            }
        }
        Ok(())
    }

    /// A start has shown this state to clients: what was behind it is no more, and it is to stay.
    pub fn recovered(&mut self, lsn: Lsn, found: State) {
        self.states.split_off(&lsn);
        self.states.insert(lsn, found);
        self.acked = lsn;
        self.written = lsn;
    }
}
