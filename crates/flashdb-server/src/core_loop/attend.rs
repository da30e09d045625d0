//! Clients of a loop whose thread is in the middle of a script, or waits for a lock that a script holds for too long, are
//! served from in there: new connections are taken, requests are read, and answered with BUSY unless they are among the few
//! that are allowed then. The connection whose request is being run has been taken out of the loop's table meanwhile, and
//! nothing that is served here locks anything.
//!
//! The loop is lent out for that while one of its connections runs requests: [`CoreLoop::lend`] leaves the way to it
//! where [`attend`] finds it.

use super::{CONNECTIONS, CoreLoop, LISTENERS, Message, WAKER};
use crate::connection::{Connection, READ_BYTES};
use crate::dispatch::Turn;
use flashdb_base::clock;
use flashdb_base::prng::Prng;
use flashdb_resp::Batch;
use flashdb_store::{Access, Policy, Usage};
use mio::{Events, Token};
use std::cell::Cell;
use std::ptr::NonNull;
use std::time::Duration;

thread_local! {
    /// The loop of this thread while it is lent.
    static LENT: Cell<Option<NonNull<CoreLoop>>> = const { Cell::new(None) };
}

/// Events taken at once.
const EVENTS_MAX: usize = 256;

/// Serves the clients of this thread's loop, if it is one and is not being served already.
pub fn attend() {
    let Some(mut lent) = LENT.take() else {
        return;
    };
    // SAFETY: `lend` put the pointer there and has not returned; it was made from an exclusive borrow that lasts as long,
    // and whoever runs in between can use it only here, where the cell is empty meanwhile.
    let core_loop = unsafe { lent.as_mut() };
    core_loop.serve_meanwhile();
    LENT.set(Some(lent));
}

/// Puts back what was lent before, also when the work panics.
struct Return(Option<NonNull<CoreLoop>>);

impl Drop for Return {
    fn drop(&mut self) {
        LENT.set(self.0);
    }
}

impl CoreLoop {
    /// Does work that knows nothing of this loop, while [`attend`] may use the loop.
    pub(super) fn lend<R>(&mut self, work: impl FnOnce() -> R) -> R {
        if self.attending {
            return work();
        }
        let _before = Return(LENT.replace(Some(NonNull::from(self))));
        work()
    }

    /// Lets a connection run requests; it is out of the table meanwhile.
    pub(super) fn with_connection<R>(
        &mut self,
        slot: usize,
        work: impl FnOnce(&mut Connection, &mut [u8], &mut Batch) -> R,
    ) -> Option<R> {
        let mut connection = self.connections.get_mut(slot)?.take()?;
        let mut scratch = std::mem::take(&mut self.scratch);
        if scratch.is_empty() {
            scratch = vec![0; READ_BYTES];
        }
        let mut batch = std::mem::take(&mut self.batch);
        let result = self.lend(|| work(&mut connection, &mut scratch, &mut batch));
        self.scratch = scratch;
        self.batch = batch;
        self.connections[slot] = Some(connection);
        if !self.missed.is_empty() && !self.attending {
            self.catch_up();
        }
        Some(result)
    }

    /// Gives the connections that were out what was told of them meanwhile.
    fn catch_up(&mut self) {
        for (slot, read_closed) in std::mem::take(&mut self.missed) {
            let Some(Some(connection)) = self.connections.get_mut(slot) else {
                continue;
            };
            connection.note_missed(read_closed);
            if std::mem::take(&mut connection.wants_write) {
                self.queue_output(slot);
            }
        }
    }

    fn serve_meanwhile(&mut self) {
        self.config.refresh();
        let (server, settings) = (self.server.clone(), self.config.get().clone());
        let policy = Policy {
            touch: false,
            usage: Usage::Lru,
            expire: false,
        };
        let mut data = Access::new(&server.space, policy, Prng::from_seed(0));
        data.now_ms = clock::unix_ms() as i64;
        let mut turn = Turn {
            server: &server,
            settings: &settings,
            settings_generation: self.config.generation(),
            data: &mut data,
            lane: self.id,
            pass: None,
            attending: true,
        };
        self.attending = true;
        self.give_back_incoming();
        let mut events = Events::with_capacity(EVENTS_MAX);
        if self.poll.poll(&mut events, Some(Duration::ZERO)).is_ok() {
            for event in &events {
                match event.token() {
                    WAKER => {}
                    Token(token) if token < CONNECTIONS => self.accept(&turn, token - LISTENERS),
                    Token(token) => self.on_event(&mut turn, token - CONNECTIONS, event),
                }
            }
        }
        let waiting = std::mem::take(&mut self.again);
        if self.attended {
            for slot in waiting {
                self.resume(&mut turn, slot);
            }
        } else {
            self.look_at_all(&mut turn);
        }
        self.run_messages_meanwhile(&turn);
        self.send(&mut turn);
        self.attending = false;
        // What was taken from the poller, and is left to do, is looked for once the script is over.
        self.attended = true;
    }

    /// Looks at every socket. The turn that came to the script may have been told of more of them, and the poller tells once.
    fn look_at_all(&mut self, turn: &mut Turn<'_, '_>) {
        for index in 0..self.listeners.len() {
            self.accept(turn, index);
        }
        for slot in 0..self.connections.len() {
            self.resume(turn, slot);
        }
    }

    /// Whether the client's connection is out of the table because its request is being run.
    fn is_out(&self, client: u64) -> bool {
        let slot = self.by_id.get(&client);
        slot.is_some_and(|&slot| matches!(self.connections.get(slot), Some(None)))
    }

    /// Messages that need no data; the others wait.
    fn run_messages_meanwhile(&mut self, turn: &Turn<'_, '_>) {
        for message in turn.server.loops[self.id].mailbox.take() {
            match message {
                Message::Accept(accepted) => self.admit(turn, accepted),
                Message::Guest(guest) => self.admit_guest(turn, guest),
                // The one whose request is being run gets its messages behind the reply.
                Message::Deliver {
                    client,
                    bytes,
                    subscription,
                } if !self.is_out(client) => self.deliver(client, &bytes, subscription.as_deref()),
                Message::Stop => self.stop = true,
                later => self.postponed.push(later),
            }
        }
    }
}
