//! What came in with one look at the poller. Short requests of several connections are read one after the other, before the
//! first of them runs: what they will look up is then brought towards the core for all of them together, as a window
//! does for the requests of one pipeline. Without a pipeline the waits for memory are most of what a request costs
//! above its way through the kernel.
//!
//! While one of them runs a script, or waits for a lock, the loop may be lent to [`super::attend`], which serves the others:
//! their requests, which are read already, are given back to their connections first.

use super::CoreLoop;
use crate::connection::{Connection, READ_BYTES};
use crate::dispatch::Turn;
use flashdb_resp::{Batch, second_word};
use flashdb_store::{KeyPlace, WINDOW};
use std::ops::Range;
use std::sync::Arc;

/// Above this a connection's requests are run at once, while they are in the innermost cache: they are a pipeline, which
/// has windows of its own, or long.
const SHORT_BYTES: usize = 512;
/// Room below which what was read is run before more is.
const ROOM_MIN: usize = 16 * 1024;

/// What was read of a connection and has not run.
#[derive(Clone)]
struct Part {
    slot: usize,
    client: u64,
    bytes: Range<usize>,
    /// The database and the place of the key that it most likely asks for first.
    key: Option<(u16, KeyPlace)>,
}

/// See the module's head.
pub(super) struct Incoming {
    /// Shared with the loop's own stack while parts of it run; written only before.
    buffer: Arc<Vec<u8>>,
    used: usize,
    parts: Vec<Part>,
    /// Parts before it have run, or are running.
    next: usize,
    /// The poller told of more than one socket. What one alone looks up would only be waited for earlier.
    pub(super) has_company: bool,
}

impl Default for Incoming {
    fn default() -> Self {
        Incoming {
            buffer: Arc::new(vec![0; READ_BYTES]),
            used: 0,
            parts: Vec::new(),
            next: 0,
            has_company: false,
        }
    }
}

impl Incoming {
    fn is_full(&self) -> bool {
        self.buffer.len() - self.used < ROOM_MIN
    }

    fn take_next(&mut self) -> Option<Part> {
        let part = self.parts.get(self.next).cloned();
        self.next += usize::from(part.is_some());
        part
    }

    fn clear(&mut self) {
        self.used = 0;
        self.next = 0;
        self.parts.clear();
    }
}

impl CoreLoop {
    /// Reads what a connection sent, to be run together with what others did. False where it has to be looked at by itself.
    pub(super) fn gather(&mut self, turn: &mut Turn<'_, '_>, slot: usize) -> bool {
        if self.incoming.is_full() {
            self.run_incoming(turn);
        }
        let Some(Some(connection)) = self.connections.get_mut(slot) else {
            return false;
        };
        let used = self.incoming.used;
        let Some(buffer) = Arc::get_mut(&mut self.incoming.buffer) else {
            return false;
        };
        if !connection.is_clear() {
            return false;
        }
        match connection.receive(turn, &mut buffer[used..]) {
            Err(next) => self.after(turn, slot, next),
            Ok(count) => {
                let bytes = used..used + count;
                let is_short = count <= SHORT_BYTES;
                let approaches = is_short && self.incoming.has_company;
                let part = Part {
                    slot,
                    client: connection.client.info.id,
                    key: approaches
                        .then(|| approach(turn, connection.client.db, &buffer[bytes.clone()]))
                        .flatten(),
                    bytes,
                };
                self.incoming.used = part.bytes.end;
                self.incoming.parts.push(part);
                if !is_short {
                    self.run_incoming(turn);
                }
            }
        }
        true
    }

    /// Runs what was read.
    pub(super) fn run_incoming(&mut self, turn: &mut Turn<'_, '_>) {
        if self.incoming.parts.is_empty() {
            return;
        }
        let buffer = self.incoming.buffer.clone();
        let mut approached = 0;
        loop {
            if self.incoming.next == approached {
                let parts = self.incoming.parts.iter().skip(approached).take(WINDOW);
                turn.server
                    .space
                    .approach_entries(parts.filter_map(|part| part.key.as_ref()));
                approached += WINDOW;
            }
            let Some(part) = self.incoming.take_next() else {
                break;
            };
            self.run_part(turn, part, &buffer);
        }
        self.incoming.clear();
    }

    fn run_part(&mut self, turn: &mut Turn<'_, '_>, part: Part, buffer: &[u8]) {
        let Some(Some(connection)) = self.connections.get(part.slot) else {
            return;
        };
        // Its session may have ended, and another have taken its place.
        if connection.client.info.id != part.client || connection.client.closing {
            return;
        }
        let run = |connection: &mut Connection, _: &mut [u8], batch: &mut Batch| {
            connection.run_received(turn, &buffer[part.bytes], batch)
        };
        if let Some(next) = self.with_connection(part.slot, run) {
            self.after(turn, part.slot, next);
        }
    }

    /// Gives what has not run yet back to the connections, to be gone on with as what was left over from a turn.
    pub(super) fn give_back_incoming(&mut self) {
        let buffer = self.incoming.buffer.clone();
        while let Some(part) = self.incoming.take_next() {
            if let Some(Some(connection)) = self.connections.get_mut(part.slot)
                && connection.client.info.id == part.client
            {
                connection.keep(&buffer[part.bytes]);
                super::go_on(&mut self.again, connection, part.slot);
            }
        }
    }
}

/// Brings the bucket of the key that `request` most likely asks for first towards the core: while the kernel is in what the
/// next connection sent, it arrives.
#[inline]
fn approach(turn: &Turn<'_, '_>, db: u16, request: &[u8]) -> Option<(u16, KeyPlace)> {
    let space = &turn.server.space;
    let key = KeyPlace::of(space, second_word(request)?);
    space.approach_bucket(db, &key);
    Some((db, key))
}
