//! One connection: its socket, what was read and not yet executed, and what is to be sent. Requests
//! of one read are run in windows: the shards of up to 16 single-key requests are locked together
//! (ascending, as always), their buckets and then their entries prefetched, then the members that their
//! rows say they want (`CommandSpec::wanted`), and the requests run in order. By the time a handler asks
//! for an entry it has arrived in the cache.

use crate::blocking::Ticket;
use crate::client::{Client, flags};
use crate::dispatch::{self, Flow, Turn};
use crate::hot;
use crate::idle::Activity;
use crate::output_limit::{self, SoftLimit};
use flashdb_command::registry::Command;
use flashdb_io::net::Stream;
use flashdb_log::Lsn;
use flashdb_resp::{Args, Batch, Reply, RequestLimits, RequestParser};
use flashdb_store::{KeyPlace, MemberAt, WINDOW};
use smallvec::SmallVec;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The error in place of replies that spoke of what the disk did not take.
const NOT_DURABLE: &str = "MISCONF Errors writing to the log: what this request wrote or read is not durable";
/// Requests of one connection executed in one turn, so that none holds up the loop.
const REQUESTS_PER_TURN: usize = 1024;
/// Bytes read at a time.
pub const READ_BYTES: usize = 64 * 1024;
/// A connection runs no further request in a turn once this much output has come together, and in
/// later turns only when the peer has taken enough of it. A pipeline of small requests for large
/// values thus costs a bounded amount of memory.
const OUTPUT_HELD_BYTES: usize = 1024 * 1024;
/// Requests that wait for the peer to take output. Above this they run all the same: the peer may be
/// one that sends all its requests before it reads the first reply.
const INBOX_HELD_BYTES: usize = 128 * 1024 * 1024;
/// Largest query buffer: positions in it are 32-bit numbers.
const INBOX_BYTES_MAX: usize = u32::MAX as usize - 2 * READ_BYTES_PER_TURN;
/// Bytes read from one connection in one turn while they wait.
const READ_BYTES_PER_TURN: usize = 1024 * 1024;
/// Capacity of an output buffer that is kept for the next reply.
const OUTPUT_KEPT_BYTES: usize = 64 * 1024;
/// Bytes of the requests of a window above which each is measured: long values take long, and belong in the slow log.
const LONG_WINDOW_BYTES: usize = 256 * 1024;

/// What a connection wants after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing until its socket or a message wakes it.
    Wait,
    /// Another turn at once: there are requests left.
    Again,
    /// To be closed.
    Close,
}

/// A client's connection.
pub struct Connection {
    /// The socket.
    pub stream: Stream,
    /// Session state.
    pub client: Client,
    /// Bytes received; the first `executed` are done with. Empty for idle connections.
    inbox: Vec<u8>,
    executed: usize,
    parser: RequestParser,
    /// Reply bytes; the first `sent` are gone already.
    reply: Reply,
    sent: usize,
    /// The socket did not take all: wait until it is writable.
    pub wants_write: bool,
    /// Whether the poller was asked to tell when the socket is writable. Not asked for always: each
    /// acknowledgement by the peer would then wake the loop for nothing.
    pub watches_write: bool,
    /// Output above which no further request runs in this turn.
    output_bound: usize,
    /// Requests wait for output to be taken.
    held_by_output: bool,
    /// Held back by CLIENT PAUSE.
    pub paused: bool,
    /// The socket may hold more than was read. The poller tells of it only once, so the loop has to
    /// come back by itself.
    undrained: bool,
    /// The poller has told of the end of the stream.
    read_closed: bool,
    /// The end of the stream was read.
    hung_up: bool,
    soft_limit: SoftLimit,
    /// What has to be durable before output is sent (`appendfsync always`).
    pub awaits: Lsn,
    /// Whether any command was completed.
    pub has_spoken: bool,
    /// Whether the loop has it on its list of connections with output.
    pub queued_for_output: bool,
    /// Whether the loop has it on its list of connections to go on with.
    pub queued_again: bool,
    /// The period of its loop in which it was counted last, see `core_loop::gathering`.
    pub counted: u32,
}

impl Connection {
    /// A fresh connection.
    pub fn new(stream: Stream, client: Client) -> Self {
        Connection {
            stream,
            client,
            inbox: Vec::new(),
            executed: 0,
            parser: RequestParser::default(),
            reply: Reply::default(),
            sent: 0,
            wants_write: false,
            watches_write: false,
            output_bound: 0,
            held_by_output: false,
            paused: false,
            undrained: false,
            read_closed: false,
            hung_up: false,
            soft_limit: SoftLimit::default(),
            awaits: 0,
            has_spoken: false,
            queued_for_output: false,
            queued_again: false,
            counted: 0,
        }
    }

    /// The reply buffer, for messages from elsewhere.
    pub fn reply(&mut self) -> &mut Reply {
        &mut self.reply
    }

    /// Bytes not yet sent.
    pub fn output_bytes(&self) -> usize {
        self.reply.len() - self.sent
    }

    /// Bytes received and not executed.
    fn input_bytes(&self) -> usize {
        self.inbox.len() - self.executed
    }

    /// Whether requests wait until the peer has taken output.
    fn is_held_by_output(&self) -> bool {
        self.output_bytes() > OUTPUT_HELD_BYTES && self.input_bytes() < INBOX_HELD_BYTES
    }

    /// Whether the peer sends on and on, and has taken none of so many replies that it will not: its memory is bounded
    /// although `client-output-buffer-limit` has no limit for normal clients unless one is set.
    fn is_stalled(&self, turn: &Turn<'_, '_>) -> bool {
        self.input_bytes() >= INBOX_HELD_BYTES
            && output_limit::is_stalled(
                output_limit::limit_of(&turn.settings.client_output_buffer_limit, &self.client),
                self.output_bytes() as u64,
            )
    }

    /// Whether requests that waited for the peer to take output can go on.
    pub fn can_go_on(&mut self) -> bool {
        self.held_by_output && !self.is_held_by_output()
    }

    /// All memory of the connection.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + size_of::<crate::client::ClientInfo>()
            + self.inbox.capacity()
            + self.reply.capacity()
            + self.client.multi.as_ref().map_or(0, |multi| multi.bytes)
            + self
                .client
                .watched
                .iter()
                .map(|(_, key)| key.len() + 64)
                .sum::<usize>()
            + (self.client.subscriptions()) * 64
            + self.client.tracking.memory_bytes()
    }

    /// Reads what has come and runs it. `scratch` is the loop's read buffer of [`READ_BYTES`].
    pub fn on_readable(&mut self, turn: &mut Turn<'_, '_>, scratch: &mut [u8], batch: &mut Batch) -> Next {
        if self.client.ticket.is_some() || self.paused {
            return self.read_ahead(turn, scratch);
        }
        if self.input_bytes() > 0 || self.is_held_by_output() {
            return match self.fill_inbox(turn, scratch) {
                Ok(()) => self.resume(turn, batch),
                Err(_) => Next::Close,
            };
        }
        let count = match self.receive(turn, scratch) {
            Ok(count) => count,
            Err(next) => return next,
        };
        self.run_received(turn, &scratch[..count], batch)
    }

    /// Whether what it sends next can be read before what others have sent is run, by [`Connection::receive`].
    pub fn is_clear(&self) -> bool {
        self.client.ticket.is_none()
            && !self.paused
            && !self.client.closing
            && self.input_bytes() == 0
            && !self.is_held_by_output()
    }

    /// Reads what has come into `room`, and returns how much it is.
    ///
    /// # Errors
    /// What the connection wants where nothing has come.
    pub fn receive(&mut self, turn: &Turn<'_, '_>, room: &mut [u8]) -> Result<usize, Next> {
        let count = match self.stream.read(room) {
            Ok(0) => return Err(Next::Close),
            Ok(count) => count,
            Err(error) if is_transient(&error) => {
                // Nothing is left that the poller would not tell of.
                self.undrained = error.kind() == ErrorKind::Interrupted;
                return Err(Next::Wait);
            }
            Err(_) => return Err(Next::Close),
        };
        self.count_input(turn, count);
        self.undrained = count == room.len() || self.read_closed;
        Ok(count)
    }

    /// Runs what was received.
    pub fn run_received(&mut self, turn: &mut Turn<'_, '_>, received: &[u8], batch: &mut Batch) -> Next {
        if !self.is_clear() {
            // Something has happened to it since.
            self.keep(received);
            return self.resume(turn, batch);
        }
        let (used, next) = self.run_buffer(turn, received, batch);
        self.keep(&received[used..]);
        self.reserve_for_large_value();
        next
    }

    /// Keeps what was received until it can be run.
    pub fn keep(&mut self, received: &[u8]) {
        self.inbox.extend_from_slice(received);
    }

    /// Notes that the peer has ended its sending half. The poller says so once, perhaps together with
    /// the last bytes: from now on the socket is read up to its end.
    pub fn note_read_closed(&mut self) {
        self.read_closed = true;
    }

    /// Notes that the poller told something while the connection was busy: the socket is read again.
    pub fn note_missed(&mut self, read_closed: bool) {
        self.undrained = true;
        self.read_closed |= read_closed;
    }

    /// Whether the loop has to read again without being told: the socket was not drained and the
    /// client may run commands, or the end of the stream is still to be seen.
    pub fn has_more_to_read(&self) -> bool {
        self.undrained && (self.read_closed || (self.client.ticket.is_none() && !self.paused))
    }

    /// Holds the client back, or lets it go; true when that changed something.
    pub fn set_paused(&mut self, turn: &Turn<'_, '_>, paused: bool) -> bool {
        let changed = std::mem::replace(&mut self.paused, paused) != paused;
        let count = &turn.server.stats.paused_clients;
        match (changed, paused) {
            (true, true) => count.fetch_add(1, Ordering::Relaxed),
            (true, false) => count.fetch_sub(1, Ordering::Relaxed),
            (false, _) => return false,
        };
        true
    }

    /// Reads while the client may not run commands, up to the query buffer limit; notices hang-ups.
    fn read_ahead(&mut self, turn: &mut Turn<'_, '_>, scratch: &mut [u8]) -> Next {
        match self.fill_inbox(turn, scratch) {
            Ok(()) if self.hung_up => Next::Close,
            Ok(()) => Next::Wait,
            Err(_) => Next::Close,
        }
    }

    fn fill_inbox(&mut self, turn: &mut Turn<'_, '_>, scratch: &mut [u8]) -> io::Result<()> {
        let limit = turn.settings.client_query_buffer_limit.min(INBOX_BYTES_MAX);
        self.undrained = false;
        let mut read = 0;
        loop {
            let wanted = self.parser.bytes_wanted(self.input_bytes());
            let count = if wanted > scratch.len() {
                self.read_in_place(wanted)
            } else {
                let result = self.stream.read(scratch);
                if let Ok(count) = result {
                    self.inbox.extend_from_slice(&scratch[..count]);
                }
                result
            };
            match count {
                Ok(0) => {
                    self.hung_up = true;
                    return Ok(());
                }
                Ok(count) => {
                    self.count_input(turn, count);
                    if self.input_bytes() > limit {
                        turn.server
                            .stats
                            .query_limit_disconnections
                            .fetch_add(1, Ordering::Relaxed);
                        tracing::warn!(
                            client = self.client.info.id,
                            bytes = self.input_bytes(),
                            "closing client that exceeded client-query-buffer-limit"
                        );
                        return Err(io::Error::from(ErrorKind::OutOfMemory));
                    }
                    if count < scratch.len() && !self.read_closed {
                        return Ok(());
                    }
                    read += count;
                    if read >= READ_BYTES_PER_TURN {
                        self.undrained = true;
                        return Ok(());
                    }
                }
                Err(error) if is_transient(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads a part of a large value to where it stays. The space was reserved as a whole; no byte of
    /// it is cleared more than once.
    fn read_in_place(&mut self, wanted: usize) -> io::Result<usize> {
        let before = self.inbox.len();
        self.inbox.reserve_exact(wanted);
        let most = wanted.min(READ_BYTES_PER_TURN) as u64;
        let result = (&mut self.stream).take(most).read_to_end(&mut self.inbox);
        match self.inbox.len() - before {
            0 => result,
            count => Ok(count),
        }
    }

    fn count_input(&self, turn: &Turn<'_, '_>, count: usize) {
        let stats = &turn.server.loops[turn.lane].stats;
        stats.reads.add(1);
        stats.input_bytes.add(count as u64);
        crate::client::count(&self.client.info.input_total_bytes, count as u64);
    }

    /// Runs what is in the inbox; called when more came, or when the client may go on.
    pub fn resume(&mut self, turn: &mut Turn<'_, '_>, batch: &mut Batch) -> Next {
        if self.client.ticket.is_some() || self.paused {
            return Next::Wait;
        }
        // One that is stalled is dropped as soon as its output is looked at.
        if self.is_held_by_output() || self.is_stalled(turn) {
            self.held_by_output = true;
            return Next::Wait;
        }
        let mut inbox = std::mem::take(&mut self.inbox);
        let (used, next) = self.run_buffer(turn, &inbox[self.executed..], batch);
        self.executed += used;
        if self.executed == inbox.len() {
            // An idle connection keeps no buffer.
            inbox = Vec::new();
            self.executed = 0;
        } else if self.executed > inbox.len() / 2 {
            // Not at each turn: moving what is left for every few requests would be quadratic.
            inbox.drain(..self.executed);
            self.executed = 0;
        }
        self.inbox = inbox;
        self.reserve_for_large_value();
        match next {
            Next::Wait if self.hung_up && !self.held_by_output => Next::Close,
            next => next,
        }
    }

    fn reserve_for_large_value(&mut self) {
        let wanted = self.parser.bytes_wanted(self.input_bytes());
        if wanted > READ_BYTES {
            self.inbox.reserve_exact(wanted);
        }
    }

    /// Parses and runs requests of `buffer`. Returns how many bytes are done with.
    fn run_buffer(&mut self, turn: &mut Turn<'_, '_>, buffer: &[u8], batch: &mut Batch) -> (usize, Next) {
        let mut used = 0;
        self.held_by_output = false;
        self.output_bound = self.output_bytes() + OUTPUT_HELD_BYTES;
        let mut budget = REQUESTS_PER_TURN;
        loop {
            batch.clear();
            let limits = self.limits(turn);
            let parsed = self.parser.parse(&buffer[used..], &limits, budget, batch);
            let (parsed, fault) = match parsed {
                Ok(parsed) if batch.is_empty() => return (used + parsed, Next::Wait),
                Ok(parsed) => (parsed, None),
                Err(fault) => (0, Some(fault)),
            };
            let Progress { requests, flow } = self.run_batch(turn, &buffer[used..], batch);
            let whole = requests == batch.len();
            budget -= requests.min(budget);
            let end = if requests == 0 { 0 } else { batch.end(requests - 1) };
            if let (Some(fault), true) = (&fault, batch.is_empty()) {
                turn.server.stats.error(b"ERR");
                self.reply.error(&format!("ERR {}", fault.0));
                return (buffer.len(), Next::Close);
            }
            if !whole || fault.is_some() {
                // What was parsed beyond the last executed request is parsed again later.
                self.parser = RequestParser::default();
                used += end;
            } else {
                used += parsed;
            }
            match flow {
                Flow::Close => return (buffer.len(), Next::Close),
                Flow::Held => {
                    self.held_by_output = true;
                    return (used, Next::Wait);
                }
                Flow::Blocked => return (used, Next::Wait),
                Flow::Later => return (used, Next::Again),
                Flow::Paused => {
                    self.set_paused(turn, true);
                    return (used, Next::Wait);
                }
                Flow::Continue if fault.is_none() && (whole && budget > 0) && used < buffer.len() => {
                    if self.parser.is_mid_request() {
                        return (used, Next::Wait);
                    }
                }
                Flow::Continue if fault.is_some() && whole => {}
                Flow::Continue if used < buffer.len() && budget == 0 => return (used, Next::Again),
                Flow::Continue => return (used, Next::Wait),
            }
        }
    }

    fn limits(&self, turn: &Turn<'_, '_>) -> RequestLimits {
        if self.client.authenticated {
            RequestLimits::authenticated(turn.settings.proto_max_bulk_len as usize)
        } else {
            RequestLimits::unauthenticated()
        }
    }

    fn run_batch(&mut self, turn: &mut Turn<'_, '_>, buffer: &[u8], batch: &Batch) -> Progress {
        let mut at = 0;
        while at < batch.len() {
            if self.output_bytes() > self.output_bound {
                turn.leave();
                return Progress {
                    requests: at,
                    flow: Flow::Held,
                };
            }
            // A request before this one may have changed the settings.
            if turn.server.config.generation() != turn.settings_generation {
                turn.leave();
                return Progress {
                    requests: at,
                    flow: Flow::Later,
                };
            }
            turn.try_enter();
            let in_window = self.run_window(turn, buffer, batch, at);
            if in_window > 0 {
                at += in_window;
                self.has_spoken = true;
                continue;
            }
            let args = batch.args(at, buffer);
            let resolved = dispatch::resolve_plain(turn.server, &self.client, &args);
            let flow = dispatch::execute(turn, &mut self.client, &mut self.reply, args, resolved);
            if self.client.is_resp3 != self.reply.is_resp3() {
                self.adopt_protocol();
            }
            // Also when it blocks: a worker whose first command waits for long is no idle stranger.
            self.has_spoken |= flow != Flow::Paused;
            match flow {
                Flow::Continue => at += 1,
                Flow::Paused | Flow::Held | Flow::Later => {
                    turn.leave();
                    return Progress { requests: at, flow };
                }
                Flow::Blocked | Flow::Close => {
                    turn.leave();
                    return Progress {
                        requests: at + 1,
                        flow,
                    };
                }
            }
        }
        turn.leave();
        Progress {
            requests: at,
            flow: Flow::Continue,
        }
    }

    /// Runs the command that the client has waited to run again; the ticket is closed.
    pub fn run_again(&mut self, turn: &mut Turn<'_, '_>, ticket: &Ticket) {
        self.client.ticket = None;
        turn.enter();
        turn.data.release();
        dispatch::run_again(turn, &mut self.client, &mut self.reply, ticket);
        turn.leave();
        if self.client.is_resp3 != self.reply.is_resp3() {
            self.adopt_protocol();
        }
    }

    /// HELLO and RESET change the protocol of what comes behind their reply.
    fn adopt_protocol(&mut self) {
        let protocol = if self.client.is_resp3 {
            flashdb_resp::Protocol::Resp3
        } else {
            flashdb_resp::Protocol::Resp2
        };
        self.reply.set_protocol(protocol);
    }

    /// Runs as many requests from `first` on as fit a window; 0 when the first one does not.
    fn run_window(&mut self, turn: &mut Turn<'_, '_>, buffer: &[u8], batch: &Batch, first: usize) -> usize {
        if !dispatch::client_fits_window(turn, &self.client) {
            return 0;
        }
        let mut keys = [KeyPlace::default(); WINDOW];
        let commands = self.plan_window(turn, buffer, batch, first, &mut keys);
        let Some(&command) = commands.first() else {
            return 0;
        };
        let keys = &mut keys[..commands.len()];
        turn.data.db = self.client.db;
        dispatch::tell_own(turn, &self.client, &mut self.reply);
        if let [only] = keys {
            return self.run_single(turn, batch.args(first, buffer), command, only);
        }
        if !turn.data.try_hold_window(keys) {
            return 0;
        }
        turn.data.prefetch_keys(keys);
        prefetch_members(turn, buffer, batch, first, &commands, keys);
        self.run_planned(turn, buffer, batch, first, &commands, keys)
    }

    /// Commands of the requests from `first` on that fit a window; `keys` learns where their keys live.
    fn plan_window(
        &mut self,
        turn: &Turn<'_, '_>,
        buffer: &[u8],
        batch: &Batch,
        first: usize,
        keys: &mut [KeyPlace; WINDOW],
    ) -> SmallVec<[Command; WINDOW]> {
        let mut commands = SmallVec::new();
        let mut before: Option<(Args<'_>, Command)> = None;
        // The key of the request before, and where it lives: clients often send many requests about one large value.
        let mut neighbour: (&[u8], KeyPlace) = (&[], KeyPlace::default());
        for (index, place) in (first..batch.len()).zip(keys) {
            let args = batch.args(index, buffer);
            let known = before.filter(|(before, _)| dispatch::is_same_form(before, &args));
            let fitting = match known {
                Some((_, command)) => Some(command).filter(|command| !command.spec.is_exclusive(&args)),
                None => dispatch::resolve_plain(turn.server, &self.client, &args)
                    .filter(|command| dispatch::fits_window(command, &args)),
            };
            let Some(command) = fitting else { break };
            let key = args.at(command.single_key.expect("fits_window checked it") as usize);
            let permissions = &self.client.user.permissions;
            if !permissions.allow_single_key(&command, &args, key) {
                break;
            }
            self.client.last_command = Some(command);
            before = Some((args, command));
            commands.push(command);
            if !is_same_key(neighbour.0, key) {
                neighbour = (key, KeyPlace::of(&turn.server.space, key));
            }
            *place = neighbour.1;
        }
        commands
    }

    /// A window of one request, the usual case without pipelining.
    fn run_single(
        &mut self,
        turn: &mut Turn<'_, '_>,
        args: Args<'_>,
        command: Command,
        at: &KeyPlace,
    ) -> usize {
        let key = args.at(command.single_key.expect("planned commands have one") as usize);
        if !turn.data.try_hold_key(key, at) {
            return 0;
        }
        let ran = dispatch::run_held(turn, &mut self.client, &mut self.reply, args, command, true);
        debug_assert!(
            matches!(ran.flow, Flow::Continue),
            "windows hold no command that changes the flow"
        );
        if turn.server.loops[turn.lane].samples.passes(1) {
            hot::look_at_last(turn, &self.client, &command, args, ran.elapsed_ns);
        }
        dispatch::serve(turn, ran.ready);
        turn.data.release();
        1
    }

    fn run_planned(
        &mut self,
        turn: &mut Turn<'_, '_>,
        buffer: &[u8],
        batch: &Batch,
        first: usize,
        commands: &[Command],
        keys: &[KeyPlace],
    ) -> usize {
        let start = first.checked_sub(1).map_or(0, |before| batch.end(before));
        let window_bytes = batch.end(first + commands.len() - 1) - start;
        let each = dispatch::measures_each(turn.settings) || window_bytes > LONG_WINDOW_BYTES;
        let began = Instant::now();
        let mut measured_ns = 0;
        let mut done = 0;
        for (&command, at) in commands.iter().zip(keys) {
            let args = batch.args(first + done, buffer);
            let key = args.at(command.single_key.expect("planned commands have one") as usize);
            turn.data.focus_in_window(key, at);
            dispatch::tell_own(turn, &self.client, &mut self.reply);
            let alone = each || !command.spec.flags.shares_time();
            let ran = dispatch::run_held(turn, &mut self.client, &mut self.reply, args, command, alone);
            debug_assert!(
                matches!(ran.flow, Flow::Continue),
                "windows hold no command that changes the flow"
            );
            measured_ns += ran.elapsed_ns;
            done += 1;
            if !ran.ready.is_empty() {
                dispatch::serve(turn, ran.ready);
                break;
            }
            if self.output_bytes() > self.output_bound {
                break;
            }
        }
        let shared_ns = (began.elapsed().as_nanos() as u64).saturating_sub(measured_ns);
        if turn.server.loops[turn.lane].samples.passes(done as u32) {
            let times = WindowTimes {
                each,
                measured_ns,
                shared_ns,
            };
            let args_of = |at| batch.args(first + at, buffer);
            times.look(turn, &self.client, &commands[..done], args_of);
        }
        if !each {
            share_time(turn, &commands[..done], shared_ns);
        }
        turn.data.release();
        done
    }

    // ---- output --------------------------------------------------------------------------------

    /// Holds output back until the log is durable up to `seen`.
    #[inline]
    pub fn wait_for(&mut self, seen: Lsn) {
        self.awaits = self.awaits.max(seen);
    }

    /// What the unsent replies speak of will never be durable: they are taken back, and the connection ends
    /// with an error in their place. Nobody can tell how many replies there were, so it cannot go on.
    pub fn fail_unsent(&mut self) {
        self.awaits = 0;
        self.reply.truncate(self.sent);
        if self.sent == 0 {
            self.reply.error(NOT_DURABLE);
        }
        self.client.closing = true;
    }

    /// Sends what there is to send. False when the connection is broken.
    pub fn flush(&mut self, turn: &Turn<'_, '_>) -> bool {
        while self.sent < self.reply.len() {
            match self.stream.write(&self.reply.bytes()[self.sent..]) {
                Ok(0) => return false,
                Ok(count) => {
                    self.sent += count;
                    let stats = &turn.server.loops[turn.lane].stats;
                    stats.writes.add(1);
                    stats.output_bytes.add(count as u64);
                    crate::client::count(&self.client.info.output_total_bytes, count as u64);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wants_write = true;
                    self.compact_output();
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        self.sent = 0;
        self.wants_write = false;
        let buffer = self.reply.buffer_mut();
        if buffer.capacity() > OUTPUT_KEPT_BYTES {
            turn.server.memory.let_go(buffer.capacity());
            *buffer = Vec::new();
        } else {
            buffer.clear();
        }
        true
    }

    /// Whether the output is above the limit of the client's class: at once above the hard limit,
    /// above the soft one for its time. Or whether the client is stalled.
    pub fn over_output_limit(&mut self, turn: &Turn<'_, '_>) -> bool {
        let limit = output_limit::limit_of(&turn.settings.client_output_buffer_limit, &self.client);
        let bytes = self.output_bytes() as u64;
        let over = self.soft_limit.is_over(limit, bytes, turn.data.now_ms)
            || output_limit::is_over_hard(limit, bytes)
            || self.is_stalled(turn);
        if over {
            output_limit::note_disconnection(turn.server, &self.client, bytes);
        }
        over
    }

    /// Whether the output is above the hard limit of the client's class.
    pub fn over_hard_limit(&self, turn: &Turn<'_, '_>) -> bool {
        let limit = output_limit::limit_of(&turn.settings.client_output_buffer_limit, &self.client);
        let bytes = self.output_bytes() as u64;
        let over = output_limit::is_over_hard(limit, bytes);
        if over {
            output_limit::note_disconnection(turn.server, &self.client, bytes);
        }
        over
    }

    /// What it has done, for the decision to drop it.
    pub fn activity(&self) -> Activity {
        let (client, info) = (&self.client, &self.client.info);
        Activity {
            created_ms: info.created_ms,
            last_ms: info.last_ms.load(Ordering::Relaxed),
            has_spoken: self.has_spoken,
            waits: client.ticket.is_some() || client.monitor || client.subscriptions() > 0,
        }
    }

    /// Drops sent bytes from the front once they are the larger half.
    fn compact_output(&mut self) {
        if self.sent > self.reply.len() / 2 {
            let sent = std::mem::take(&mut self.sent);
            self.reply.buffer_mut().drain(..sent);
        }
    }

    /// Gives back buffers that an idle connection does not need.
    pub fn shrink(&mut self) {
        if self.reply.is_empty() {
            *self.reply.buffer_mut() = Vec::new();
        }
        if self.inbox.is_empty() {
            self.inbox = Vec::new();
        }
    }

    /// Writes what others may see of the client, before its replies are sent: whoever has a reply
    /// sees a state that is at least as new.
    pub fn publish_info(&self, now_ms: i64) {
        let (client, info) = (&self.client, &self.client.info);
        let set = |bit: u32, on: bool| if on { bit } else { 0 };
        let bits = set(flags::RESP3, client.is_resp3)
            | set(flags::MULTI, client.multi.is_some())
            | set(flags::BLOCKED, client.ticket.is_some())
            | set(flags::SUBSCRIBED, client.subscriptions() > 0)
            | set(flags::MONITOR, client.monitor)
            | set(
                flags::DIRTY,
                client.watch_flag.is_dirty() && !client.watched.is_empty(),
            )
            | set(flags::CLOSING, client.closing)
            | set(flags::NO_EVICT, client.no_evict)
            | set(flags::NO_TOUCH, client.no_touch);
        info.flags.store(bits, Ordering::Relaxed);
        info.last_ms.store(now_ms, Ordering::Relaxed);
        info.db.store(client.db.into(), Ordering::Relaxed);
        info.last_command.store(
            client.last_command.map_or(0, |command| command.id + 1),
            Ordering::Relaxed,
        );
        info.channels.store(client.channels.len(), Ordering::Relaxed);
        info.patterns.store(client.patterns.len(), Ordering::Relaxed);
        info.shard_channels
            .store(client.shard_channels.len(), Ordering::Relaxed);
        info.watched.store(client.watched.len(), Ordering::Relaxed);
        info.queued.store(
            client.multi.as_ref().map_or(0, |multi| multi.queue.len() + 1),
            Ordering::Relaxed,
        );
        info.queued_bytes.store(
            client.multi.as_ref().map_or(0, |multi| multi.bytes),
            Ordering::Relaxed,
        );
    }

    /// Writes what others may see of requests that are not complete or wait.
    pub fn publish_input(&self) {
        if !self.inbox.is_empty() {
            self.publish_buffers();
        }
    }

    /// Writes what others may see of the buffers, after sending.
    pub fn publish_buffers(&self) {
        let info = &self.client.info;
        // As Redis shows it: of a large value being received only the value.
        let received = self.input_bytes().saturating_sub(self.parser.large_value_start());
        info.query_bytes.store(received, Ordering::Relaxed);
        info.query_free_bytes
            .store(self.inbox.capacity() - self.inbox.len(), Ordering::Relaxed);
        info.output_bytes.store(self.output_bytes(), Ordering::Relaxed);
        info.output_capacity_bytes
            .store(self.reply.capacity(), Ordering::Relaxed);
        self.client.count_memory(self.memory_bytes());
        if self.wants_write {
            info.flags.fetch_or(flags::WRITING, Ordering::Relaxed);
        }
    }
}

struct Progress {
    requests: usize,
    flow: Flow,
}

/// Whether two keys are the same; empty ones need not be told to be. Keys of one kind mostly differ in their last byte.
#[inline]
fn is_same_key(one: &[u8], other: &[u8]) -> bool {
    one.last() == other.last() && !one.is_empty() && one == other
}

/// Brings what the requests of a window will read inside of collections towards the core.
fn prefetch_members(
    turn: &Turn<'_, '_>,
    buffer: &[u8],
    batch: &Batch,
    first: usize,
    commands: &[Command],
    keys: &[KeyPlace],
) {
    let mut members = SmallVec::<[MemberAt<'_>; WINDOW]>::new();
    for ((command, &place), index) in commands.iter().zip(keys).zip(first..) {
        if let Some(wanted_of) = command.spec.wanted {
            let args = batch.args(index, buffer);
            members.push(MemberAt {
                key: args.at(command.single_key.expect("planned commands have one") as usize),
                place,
                wanted: wanted_of(&args),
            });
        }
    }
    if !members.is_empty() {
        turn.data.prefetch_members(&members);
    }
}

/// The time that the commands of a window took.
struct WindowTimes {
    /// Each was measured alone.
    each: bool,
    /// Of those that were measured alone.
    measured_ns: u64,
    /// Of the others.
    shared_ns: u64,
}

impl WindowTimes {
    /// Looks at those commands whose turn has come. What one of several took is their mean.
    #[cold]
    fn look<'a>(
        &self,
        turn: &Turn<'_, '_>,
        client: &'a Client,
        commands: &'a [Command],
        args_of: impl Fn(usize) -> Args<'a>,
    ) {
        let is_shared = |command: &Command| !self.each && command.spec.flags.shares_time();
        let shared = commands.iter().filter(|command| is_shared(command)).count() as u64;
        let alone = commands.len() as u64 - shared;
        hot::look_at_window(turn, client, commands, args_of, |command| {
            if is_shared(command) {
                self.shared_ns.checked_div(shared)
            } else {
                self.measured_ns.checked_div(alone)
            }
        });
    }
}

/// Spreads the time of a window over the commands in it that were not measured alone: each of them
/// is FAST or BRIEF, and one clock call per window instead of two per command is what makes it worth it.
fn share_time(turn: &Turn<'_, '_>, commands: &[Command], total_ns: u64) {
    let is_shared = |command: &&Command| command.spec.flags.shares_time();
    let count = commands.iter().filter(is_shared).count() as u64;
    if count == 0 {
        return;
    }
    let stats = &turn.server.loops[turn.lane].stats;
    stats.command_time_ns.add(total_ns);
    let each_ns = total_ns / count;
    for same in commands.chunk_by(|one, next| one.id == next.id) {
        if is_shared(&&same[0]) {
            let calls = same.len() as u64;
            stats
                .of(&same[0])
                .record(calls, each_ns, turn.settings.latency_tracking);
        }
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
