//! How one thread hands work to a core loop: a queue and a wake-up of its poller. Waking costs a
//! system call, so it is done only by whoever finds the queue empty.

use mio::Waker;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// A core loop's mailbox for messages of type `M`.
pub struct Mailbox<M> {
    queue: Mutex<Vec<M>>,
    /// Whether there is something in the queue, so that a loop that looks several times a turn need not lock it.
    has_mail: AtomicBool,
    waker: Waker,
}

impl<M> Mailbox<M> {
    /// A mailbox that wakes the poller behind `waker`.
    pub fn new(waker: Waker) -> Self {
        Mailbox {
            queue: Mutex::new(Vec::new()),
            has_mail: false.into(),
            waker,
        }
    }

    /// Posts a message; the loop sees it in its next turn.
    pub fn post(&self, message: M) {
        let was_empty = {
            let mut queue = self.queue.lock();
            queue.push(message);
            self.has_mail.store(true, Ordering::Release);
            queue.len() == 1
        };
        if was_empty {
            // Failing means that the poller is gone, and with it whoever would read the message.
            let _ = self.waker.wake();
        }
    }

    /// Takes all messages, oldest first.
    #[inline]
    pub fn take(&self) -> Vec<M> {
        if !self.has_mail.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut queue = self.queue.lock();
        self.has_mail.store(false, Ordering::Release);
        std::mem::take(&mut *queue)
    }
}
