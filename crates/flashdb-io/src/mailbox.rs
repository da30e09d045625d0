//! How one thread hands work to a core loop: a queue and a wake-up of its poller. Waking costs a
//! system call, so it is done only by whoever finds the queue empty.

use mio::Waker;
use parking_lot::Mutex;

/// A core loop's mailbox for messages of type `M`.
pub struct Mailbox<M> {
    queue: Mutex<Vec<M>>,
    waker: Waker,
}

impl<M> Mailbox<M> {
    /// A mailbox that wakes the poller behind `waker`.
    pub fn new(waker: Waker) -> Self {
        Mailbox {
            queue: Mutex::new(Vec::new()),
            waker,
        }
    }

    /// Posts a message; the loop sees it in its next turn.
    pub fn post(&self, message: M) {
        let was_empty = {
            let mut queue = self.queue.lock();
            queue.push(message);
            queue.len() == 1
        };
        if was_empty {
            // Failing means that the poller is gone, and with it whoever would read the message.
            let _ = self.waker.wake();
        }
    }

    /// Takes all messages, oldest first, leaving `spare` (empty) in the queue's place.
    pub fn take(&self, spare: Vec<M>) -> Vec<M> {
        debug_assert!(spare.is_empty());
        std::mem::replace(&mut *self.queue.lock(), spare)
    }
}
