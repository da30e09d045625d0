//! The exclusive gate: whole-keyspace work (SWAPDB, FLUSHALL, a transaction on unknown keys, the
//! snapshot's cut) runs while no core loop executes anything. Entering costs a core loop one
//! uncontended lock per batch; closing the gate costs one lock per core loop, not per shard.
//!
//! Rule: shard locks are taken only inside the gate, so whoever closed it may lock shards in any
//! order without deadlock.

use parking_lot::{Mutex, MutexGuard};

#[repr(align(128))]
struct Lane(Mutex<()>);

/// Lanes for background threads. They may share one, at the price of waiting for each other.
const BACKGROUND_LANES: usize = 4;

/// One lane per core loop, and a few for background threads.
pub struct Gate {
    lanes: Box<[Lane]>,
    loops: usize,
}

/// Proof of having entered by one lane, or of having closed all of them.
pub struct GatePass<'g> {
    lanes: smallvec::SmallVec<[MutexGuard<'g, ()>; 1]>,
    exclusive: bool,
}

impl Gate {
    /// A gate of `loops` lanes for core loops, numbered from 0, and some for background threads.
    pub fn new(loops: usize) -> Self {
        let lanes = loops + BACKGROUND_LANES;
        Gate {
            lanes: (0..lanes).map(|_| Lane(Mutex::new(()))).collect(),
            loops,
        }
    }

    /// The lane that background thread number `thread` enters by.
    pub fn background_lane(&self, thread: usize) -> usize {
        self.loops + thread % BACKGROUND_LANES
    }

    /// Enters by lane `lane`; waits only while somebody has the gate closed.
    #[inline]
    pub fn enter(&self, lane: usize) -> GatePass<'_> {
        let mut lanes = smallvec::SmallVec::new();
        lanes.push(self.lanes[lane].0.lock());
        GatePass {
            lanes,
            exclusive: false,
        }
    }

    /// Closes the gate: waits for every lane's batch to end. The caller is inside no lane.
    pub fn close(&self) -> GatePass<'_> {
        GatePass {
            lanes: self.lanes.iter().map(|lane| lane.0.lock()).collect(),
            exclusive: true,
        }
    }

    /// Number of lanes.
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }
}

impl GatePass<'_> {
    /// Leaves in favour of somebody who waits for the lane, if anybody does: for those who come back at once.
    pub fn leave_fairly(self) {
        self.lanes.into_iter().for_each(MutexGuard::unlock_fair);
    }

    /// Whether all lanes are closed.
    #[inline]
    pub fn is_exclusive(&self) -> bool {
        self.exclusive
    }
}
