//! The exclusive gate: whole-keyspace work (SWAPDB, FLUSHALL, a transaction on unknown keys, the
//! snapshot's cut) runs while no core loop executes anything. Entering costs a core loop one
//! uncontended lock per batch; closing the gate costs one lock per core loop, not per shard.
//!
//! Rule: shard locks are taken only inside the gate, so whoever closed it may lock shards in any
//! order without deadlock.

use parking_lot::{Mutex, MutexGuard};

#[repr(align(128))]
struct Lane(Mutex<()>);

/// One lane per core loop (and one for background threads).
pub struct Gate {
    lanes: Box<[Lane]>,
}

/// Proof of having entered by one lane, or of having closed all of them.
pub struct GatePass<'g> {
    _lanes: smallvec::SmallVec<[MutexGuard<'g, ()>; 1]>,
    exclusive: bool,
}

impl Gate {
    /// A gate of `lanes` lanes.
    pub fn new(lanes: usize) -> Self {
        Gate {
            lanes: (0..lanes.max(1)).map(|_| Lane(Mutex::new(()))).collect(),
        }
    }

    /// Enters by lane `lane`; waits only while somebody has the gate closed.
    #[inline]
    pub fn enter(&self, lane: usize) -> GatePass<'_> {
        let mut lanes = smallvec::SmallVec::new();
        lanes.push(self.lanes[lane].0.lock());
        GatePass {
            _lanes: lanes,
            exclusive: false,
        }
    }

    /// Closes the gate: waits for every lane's batch to end. The caller is inside no lane.
    pub fn close(&self) -> GatePass<'_> {
        GatePass {
            _lanes: self.lanes.iter().map(|lane| lane.0.lock()).collect(),
            exclusive: true,
        }
    }

    /// Number of lanes.
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }
}

impl GatePass<'_> {
    /// Whether all lanes are closed.
    #[inline]
    pub fn is_exclusive(&self) -> bool {
        self.exclusive
    }
}
