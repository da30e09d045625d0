//! The exclusive gate: whole-keyspace work (SWAPDB, FLUSHALL, a transaction on unknown keys, the
//! snapshot's cut) runs while no core loop executes anything. Entering costs a core loop one
//! uncontended lock per batch; closing the gate costs one lock per core loop, not per shard.
//!
//! Rule: shard locks are taken only inside the gate, so whoever closed it may lock shards in any
//! order without deadlock.
//!
//! A script may hold locks for as long as it likes. While one runs for too long, those who wait for a lock look after their
//! other duties from time to time ([`Patience`]), and those who need not wait give up (the `try_` functions).

use parking_lot::{Mutex, MutexGuard};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Time between two looks at whether somebody holds locks for long.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What waiting for a lock is like while somebody holds some for long.
#[derive(Default)]
pub struct Patience {
    holders: AtomicUsize,
    meanwhile: OnceLock<fn()>,
}

impl Patience {
    /// Has `meanwhile` called again and again on threads that wait while somebody holds locks for long.
    pub fn set_meanwhile(&self, meanwhile: fn()) {
        // The first one stays: there is one server in a process.
        let _ = self.meanwhile.set(meanwhile);
    }

    /// Says that one more holds locks for long.
    pub fn begin_long_hold(&self) {
        self.holders.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes [`Patience::begin_long_hold`] back.
    pub fn end_long_hold(&self) {
        self.holders.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether somebody holds locks for long.
    #[inline]
    pub fn is_tried(&self) -> bool {
        self.holders.load(Ordering::Relaxed) > 0
    }

    /// Locks, however long it takes.
    #[inline]
    pub(crate) fn lock<'m, T>(&self, mutex: &'m Mutex<T>) -> MutexGuard<'m, T> {
        match mutex.try_lock() {
            Some(guard) => guard,
            None => self.wait(mutex),
        }
    }

    #[cold]
    fn wait<'m, T>(&self, mutex: &'m Mutex<T>) -> MutexGuard<'m, T> {
        loop {
            if let Some(guard) = mutex.try_lock_for(LOOK_AGAIN) {
                return guard;
            }
            if self.is_tried()
                && let Some(meanwhile) = self.meanwhile.get()
            {
                meanwhile();
            }
        }
    }

    /// Locks, unless somebody else does and anybody holds locks for long.
    #[inline]
    pub(crate) fn try_lock<'m, T>(&self, mutex: &'m Mutex<T>) -> Option<MutexGuard<'m, T>> {
        match mutex.try_lock() {
            Some(guard) => Some(guard),
            None => self.wait_a_while(mutex),
        }
    }

    #[cold]
    fn wait_a_while<'m, T>(&self, mutex: &'m Mutex<T>) -> Option<MutexGuard<'m, T>> {
        loop {
            if self.is_tried() {
                return None;
            }
            if let Some(guard) = mutex.try_lock_for(LOOK_AGAIN) {
                return Some(guard);
            }
        }
    }
}

#[repr(align(128))]
struct Lane(Mutex<()>);

/// Lanes for background threads. They may share one, at the price of waiting for each other.
const BACKGROUND_LANES: usize = 4;

/// One lane per core loop, and a few for background threads.
pub struct Gate {
    lanes: Box<[Lane]>,
    loops: usize,
    patience: Patience,
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
            patience: Patience::default(),
        }
    }

    /// What waiting is like.
    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    /// The lane that background thread number `thread` enters by.
    pub fn background_lane(&self, thread: usize) -> usize {
        self.loops + thread % BACKGROUND_LANES
    }

    /// Enters by lane `lane`; waits only while somebody has the gate closed.
    #[inline]
    pub fn enter(&self, lane: usize) -> GatePass<'_> {
        let mut lanes = smallvec::SmallVec::new();
        lanes.push(self.patience.lock(&self.lanes[lane].0));
        GatePass {
            lanes,
            exclusive: false,
        }
    }

    /// As [`Gate::enter`]; gives up when somebody holds locks for long and it would have to wait.
    #[inline]
    pub fn try_enter(&self, lane: usize) -> Option<GatePass<'_>> {
        let mut lanes = smallvec::SmallVec::new();
        lanes.push(self.patience.try_lock(&self.lanes[lane].0)?);
        Some(GatePass {
            lanes,
            exclusive: false,
        })
    }

    /// As [`Gate::close`]; gives up when somebody holds locks for long and it would have to wait.
    pub fn try_close(&self) -> Option<GatePass<'_>> {
        let mut lanes = smallvec::SmallVec::with_capacity(self.lanes.len());
        for lane in &self.lanes {
            lanes.push(self.patience.try_lock(&lane.0)?);
        }
        Some(GatePass {
            lanes,
            exclusive: true,
        })
    }

    /// Closes the gate: waits for every lane's batch to end. The caller is inside no lane.
    pub fn close(&self) -> GatePass<'_> {
        GatePass {
            lanes: self
                .lanes
                .iter()
                .map(|lane| self.patience.lock(&lane.0))
                .collect(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn whoever_need_not_wait_gives_up_only_while_somebody_holds_for_long() {
        let gate = Gate::new(2);
        let closed = gate.close();
        gate.patience().begin_long_hold();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(gate.try_enter(0).is_none());
                assert!(gate.try_close().is_none());
            });
        });
        gate.patience().end_long_hold();
        let began = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                began.store(true, Ordering::Release);
                gate.try_enter(0).is_some()
            });
            while !began.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            drop(closed);
            assert!(waits.join().expect("it enters"));
        });
        assert!(gate.try_close().is_some_and(|pass| pass.is_exclusive()));
    }

    #[test]
    fn a_wait_is_used() {
        static MEANWHILE: AtomicUsize = AtomicUsize::new(0);
        let gate = Gate::new(1);
        gate.patience().set_meanwhile(|| {
            MEANWHILE.fetch_add(1, Ordering::Release);
        });
        let closed = gate.close();
        gate.patience().begin_long_hold();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| gate.enter(0).is_exclusive());
            while MEANWHILE.load(Ordering::Acquire) < 2 {
                std::thread::yield_now();
            }
            drop(closed);
            assert!(!waits.join().expect("it enters"));
        });
    }
}
