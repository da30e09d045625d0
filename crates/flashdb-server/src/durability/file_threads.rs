//! Threads for what waits for files of snapshots: looking at them, reading and writing their parts. A few, whoever asks and however
//! slow the disk is: a client that goes away does not wait for its answer, and another one may ask meanwhile.
//!
//! A thread begins with work and ends when there is no more of it.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// Threads at a time.
const THREADS_MAX: usize = 4;
/// Work that waits for one of them.
const WAITING_MAX: usize = 16;

/// Something to be done.
pub type FileWork = Box<dyn FnOnce() + Send>;

/// Why something is not done.
#[derive(Debug)]
pub enum NotDone {
    /// As much waits as may.
    Busy,
    /// The system gives no thread.
    NoThread(io::Error),
}

/// See the module's head.
#[derive(Default)]
pub struct FileThreads(Mutex<State>);

#[derive(Default)]
struct State {
    threads: usize,
    waiting: VecDeque<FileWork>,
}

impl FileThreads {
    /// Has `work` done on one of the threads, soon.
    ///
    /// # Errors
    /// When as much waits as may, or there is no thread.
    pub fn run(self: &Arc<Self>, work: FileWork) -> Result<(), NotDone> {
        let mut state = self.0.lock();
        if state.threads < THREADS_MAX {
            let place = Place::taken(self, &mut state);
            drop(state);
            let thread = std::thread::Builder::new().name("snapshot-files".into());
            let spawned = thread.spawn(move || place.work_from(work));
            return spawned.map(drop).map_err(NotDone::NoThread);
        }
        if state.waiting.len() >= WAITING_MAX {
            return Err(NotDone::Busy);
        }
        state.waiting.push_back(work);
        Ok(())
    }

    /// The next that waits; without one the place is free, and whoever comes from then on begins a thread.
    fn next(&self) -> Option<FileWork> {
        let mut state = self.0.lock();
        let next = state.waiting.pop_front();
        state.threads -= usize::from(next.is_none());
        next
    }
}

/// The place of a thread, which is free again however the thread ends.
struct Place {
    of: Arc<FileThreads>,
    is_free: bool,
}

impl Place {
    fn taken(of: &Arc<FileThreads>, state: &mut State) -> Place {
        state.threads += 1;
        Place {
            of: of.clone(),
            is_free: false,
        }
    }

    fn work_from(mut self, first: FileWork) {
        let mut next = Some(first);
        while let Some(work) = next {
            work();
            next = self.of.next();
        }
        self.is_free = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_free {
            self.of.0.lock().threads -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn threads_and_what_waits_are_bounded() {
        let threads = Arc::new(FileThreads::default());
        let (begun, beginning) = mpsc::channel();
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock();
        let work = || {
            let (begun, gate) = (begun.clone(), gate.clone());
            let work: FileWork = Box::new(move || {
                begun.send(()).expect("somebody counts");
                drop(gate.lock());
            });
            work
        };
        for _ in 0..THREADS_MAX + WAITING_MAX {
            threads.run(work()).expect("a place");
        }
        for _ in 0..THREADS_MAX {
            beginning.recv().expect("a thread");
        }
        assert!(beginning.try_recv().is_err(), "no more threads than that");
        assert!(matches!(threads.run(work()), Err(NotDone::Busy)));
        drop(closed);
        for _ in 0..WAITING_MAX {
            beginning.recv().expect("what waited is done");
        }
        threads.run(work()).expect("a place again");
        beginning.recv().expect("it is done");
    }
}
