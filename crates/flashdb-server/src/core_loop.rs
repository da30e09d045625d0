//! A core loop: one thread with its own poller, listeners, connections and timers. A turn waits for
//! readiness, runs what came in, and sends what there is to send. Nothing in it blocks.

mod attend;
mod expiry;
mod gathering;
mod guests;
mod incoming;

pub use attend::attend;

use crate::blocking;
use crate::census;
use crate::client::{Client, ClientInfo};
use crate::compaction::Compaction;
use crate::connection::{Connection, Next, READ_BYTES};
use crate::dispatch::{self, Turn};
use crate::engine::{Aim, Guest};
use crate::process;
use crate::pubsub::{Kind, Subscription};
use crate::server::Server;
use crate::tracking::{self, Notice};
use flashdb_base::clock;
use flashdb_base::prng::Prng;
use flashdb_command::{ErrorReply, OnTimeout};
use flashdb_config::ConfigView;
use flashdb_io::net::{Accepted, Listener};
use flashdb_io::timer::Timers;
use flashdb_log::Lsn;
use flashdb_resp::{Batch, Reply};
use flashdb_store::{Access, Policy, Usage};
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The waker's token; listeners follow, connections come after them.
pub const WAKER: Token = Token(0);
const LISTENERS: usize = 1;
const LISTENERS_MAX: usize = 64;
const CONNECTIONS: usize = LISTENERS + LISTENERS_MAX;

/// Period of the background work of a loop.
const CRON_MS: i64 = 100;
/// Time after which a client that was held back because the disk could not keep up tries again, should
/// the writer not have told.
const CONGESTION_MS: i64 = 50;
/// Period of the walk over all connections.
const SWEEP_MS: i64 = 1000;
/// Pause before accepting is tried again after it failed.
const ACCEPT_AGAIN_MS: i64 = 100;
/// Time for moving entries together, of each millisecond, once much was freed. One step may take as long.
const COMPACT_SLICE_US: u64 = 25;
/// Turns longer than this are logged: something stalls the loop.
const LONG_TURN: Duration = Duration::from_millis(100);

/// What other threads ask of a loop.
pub enum Message {
    /// A connection that another loop accepted.
    Accept(Accepted),
    /// A connection from within the process.
    Guest(Guest),
    /// Bytes for a client: a published message, a line of MONITOR.
    Deliver {
        /// The client.
        client: u64,
        /// Encoded bytes.
        bytes: Arc<[u8]>,
        /// By which subscription, if by one.
        subscription: Option<Subscription>,
    },
    /// Tell clients that their caches are stale.
    Tell(Vec<Notice>),
    /// A blocked client was served (or unblocked) elsewhere.
    Unblocked {
        /// The client.
        client: u64,
        /// Its ticket.
        ticket: u64,
        /// The reply.
        reply: Vec<u8>,
        /// What has to be durable before it is sent.
        seen: Lsn,
    },
    /// More of the log is durable, or it failed: replies wait for that.
    Durable,
    /// Drop a client.
    Kill {
        /// The client.
        client: u64,
    },
    /// Users were removed, or may no longer listen to something: look which connections have to end.
    AclChanged,
    /// Do this on the loop: the end of work that another thread did for one of its clients.
    Run(Box<dyn FnOnce(&mut Turn<'_, '_>) + Send>),
    /// Return free memory to the system once nobody is being served.
    GiveBack,
    /// CLIENT PAUSE is over.
    Unpause,
    /// Listen on these instead (CONFIG SET port, bind); the old listeners are closed.
    Listen(Vec<Listener>),
    /// End.
    Stop,
}

/// Times at rest at which free memory is given back after much was freed: what other threads free reaches a loop's heap
/// a little later.
const GIVE_BACK_ROUNDS: u8 = 4;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Cron,
    Compact,
    Sweep,
    Unpause,
    Accept(usize),
    Blocked(u64),
}

/// One core loop; lives on its thread's stack.
pub struct CoreLoop {
    id: usize,
    server: Arc<Server>,
    poll: Poll,
    listeners: Vec<Option<Listener>>,
    connections: Vec<Option<Box<Connection>>>,
    free: Vec<usize>,
    by_id: HashMap<u64, usize, foldhash::fast::FixedState>,
    timers: Timers<Timer>,
    /// Connections with requests left over from the last turn.
    again: Vec<usize>,
    /// Connections that may have output.
    output: Vec<usize>,
    /// Connections whose output waits until the log is durable.
    parked: Vec<usize>,
    config: ConfigView,
    scratch: Vec<u8>,
    incoming: incoming::Incoming,
    gathering: gathering::Gathering,
    batch: Batch,
    expiry: expiry::Round,
    /// How often free memory is still to be returned to the system when the loop rests.
    give_back_rounds: u8,
    /// Commands executed at the last look.
    commands_before: u64,
    compaction: Compaction,
    next_loop: usize,
    /// Clients are being served from within a script or a wait, see [`attend`].
    attending: bool,
    /// They were since the last turn.
    attended: bool,
    /// Connections that were out when the poller told of them, and whether their peers have ended.
    missed: Vec<(usize, bool)>,
    /// Messages that could not be handled then.
    postponed: Vec<Message>,
    /// Clients that left then, and hold what takes locks to give back.
    leaving: Vec<Client>,
    stop: bool,
}

impl CoreLoop {
    /// A loop with its poller and listeners; messages come by its mailbox in `server`.
    pub fn new(id: usize, server: Arc<Server>, poll: Poll, config: ConfigView) -> Self {
        CoreLoop {
            id,
            server,
            poll,
            listeners: Vec::new(),
            connections: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::default(),
            timers: Timers::default(),
            again: Vec::new(),
            output: Vec::new(),
            parked: Vec::new(),
            config,
            scratch: vec![0; READ_BYTES],
            incoming: incoming::Incoming::default(),
            gathering: gathering::Gathering::new(Instant::now()),
            batch: Batch::default(),
            expiry: expiry::Round::new(id as u16),
            give_back_rounds: 0,
            commands_before: 0,
            compaction: Compaction::new(id as u16),
            next_loop: 0,
            attending: false,
            attended: false,
            missed: Vec::new(),
            postponed: Vec::new(),
            leaving: Vec::new(),
            stop: false,
        }
    }

    /// Adds a listener.
    pub fn listen(&mut self, mut listener: Listener) {
        let token = Token(LISTENERS + self.listeners.len());
        if self.listeners.len() >= LISTENERS_MAX {
            tracing::error!("too many addresses to listen on");
            return;
        }
        match self
            .poll
            .registry()
            .register(&mut listener, token, Interest::READABLE)
        {
            Ok(()) => self.listeners.push(Some(listener)),
            Err(error) => tracing::error!(%error, "cannot watch a listening socket"),
        }
    }

    /// Runs until the server stops.
    pub fn run(mut self) {
        let server = self.server.clone();
        let policy = Policy {
            touch: true,
            usage: Usage::Lru,
            expire: true,
        };
        let mut data = Access::new(&server.space, policy, Prng::from_entropy());
        let mut events = Events::with_capacity(1024);
        let now_ms = clock::unix_ms() as i64;
        // At once, so that the first command finds a sample of the memory in use.
        self.timers.add(now_ms, Timer::Cron);
        self.timers.add(now_ms + SWEEP_MS, Timer::Sweep);
        process::sleep_precisely();
        while !self.stop {
            let timeout = self.timeout();
            match self.wait(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "waiting for sockets failed");
                    break;
                }
                Ok(()) => {}
            }
            self.turn(&server, &mut data, &events);
        }
    }

    /// Waits until there is something to do, see [`gathering`].
    fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> std::io::Result<()> {
        // Replies that wait for the disk are sent once it is ready, not once the rest is over.
        if self.gathering.pays() && timeout != Some(Duration::ZERO) && self.parked.is_empty() {
            self.poll.poll(events, Some(Duration::ZERO))?;
            if !events.is_empty() {
                return Ok(());
            }
            self.server.loops[self.id].stats.rests.add(1);
            self.gathering.rest();
        }
        self.poll.poll(events, timeout)
    }

    fn timeout(&self) -> Option<Duration> {
        let has_more = !self.again.is_empty() || !self.output.is_empty() || self.attended;
        if has_more || self.expiry.is_under_way() {
            return Some(Duration::ZERO);
        }
        let now_ms = clock::unix_ms() as i64;
        self.timers
            .next_ms()
            .map(|at_ms| Duration::from_millis((at_ms - now_ms).max(0) as u64))
    }

    fn turn<'k>(&mut self, server: &'k Server, data: &mut Access<'k>, events: &Events) {
        let began = Instant::now();
        self.config.refresh();
        let settings = self.config.get().clone();
        self.gathering.note_turn(began, settings.gather_us);
        data.now_ms = clock::unix_ms() as i64;
        data.policy.usage = usage(&settings);
        data.policy.expire = dispatch::removes_expired(server, data.now_ms);
        data.effects.published = settings.notify_keyspace_events;
        let mut turn = Turn {
            server,
            settings: &settings,
            settings_generation: self.config.generation(),
            data,
            lane: self.id,
            pass: None,
            attending: false,
        };
        self.attended = false;
        // First of all: what others had told before they answered stands before what was asked after that.
        self.run_messages(&mut turn);
        self.incoming.has_company = events.iter().nth(1).is_some();
        for event in events {
            match event.token() {
                WAKER => {}
                Token(token) if token < CONNECTIONS => self.accept(&turn, token - LISTENERS),
                Token(token) => self.on_event(&mut turn, token - CONNECTIONS, event),
            }
        }
        self.run_incoming(&mut turn);
        for slot in std::mem::take(&mut self.again) {
            self.resume(&mut turn, slot);
        }
        tracking::post_notices(&mut turn);
        self.run_messages(&mut turn);
        self.run_timers(&mut turn);
        tracking::post_notices(&mut turn);
        self.send(&mut turn);
        self.expire(&mut turn);
        // Commands of this turn may have posted to this loop itself (publish to own clients).
        self.run_messages(&mut turn);
        tracking::post_notices(&mut turn);
        self.send(&mut turn);
        turn.leave();
        self.hurry_log(server);
        self.count(turn.data, server, began);
    }

    fn count(&self, data: &mut Access<'_>, server: &Server, began: Instant) {
        let stats = &server.loops[self.id].stats;
        stats.hits.add(std::mem::take(&mut data.hits));
        stats.misses.add(std::mem::take(&mut data.misses));
        stats.turns.add(1);
        let elapsed = began.elapsed();
        stats.turn_time_ns.add(elapsed.as_nanos() as u64);
        if elapsed >= LONG_TURN {
            tracing::debug!(
                core_loop = self.id,
                ms = elapsed.as_millis() as u64,
                "a long turn of a core loop"
            );
        }
    }

    // ---- connections ---------------------------------------------------------------------------

    fn accept(&mut self, turn: &Turn<'_, '_>, index: usize) {
        loop {
            let Some(Some(listener)) = self.listeners.get(index) else {
                return;
            };
            let is_unix = matches!(listener, Listener::Unix(_));
            match listener.accept() {
                Ok(accepted) if is_unix && self.server.loops.len() > 1 => {
                    // The unix socket has one listener; its connections are dealt out in turn.
                    self.next_loop = (self.next_loop + 1) % self.server.loops.len();
                    let target = self.next_loop;
                    if target == self.id {
                        self.admit(turn, accepted);
                    } else {
                        self.server.post(target, Message::Accept(accepted));
                    }
                }
                Ok(accepted) => self.admit(turn, accepted),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => {
                    // Most likely there are too many open files. The poller tells of waiting
                    // connections only once: come back to them.
                    tracing::warn!(%error, "accepting a connection failed");
                    self.timers
                        .add(turn.data.now_ms + ACCEPT_AGAIN_MS, Timer::Accept(index));
                    return;
                }
            }
        }
    }

    fn admit(&mut self, turn: &Turn<'_, '_>, mut accepted: Accepted) {
        let server = &self.server;
        let refuse = |accepted: &mut Accepted, text: &str| {
            server.stats.rejected_connections.fetch_add(1, Ordering::Relaxed);
            // The socket is fresh: its buffer takes a line, and if it does not, the client is gone.
            let _ = accepted.stream.write(text.as_bytes());
        };
        let count = server.clients_count.fetch_add(1, Ordering::AcqRel) + 1;
        if count > turn.settings.maxclients as usize {
            server.clients_count.fetch_sub(1, Ordering::AcqRel);
            return refuse(&mut accepted, "-ERR max number of clients reached\r\n");
        }
        if is_protected(server, turn.settings) && !accepted.is_local {
            server.clients_count.fetch_sub(1, Ordering::AcqRel);
            return refuse(&mut accepted, PROTECTED);
        }
        self.seat(turn, accepted, None);
    }

    /// Gives a connection, which has been counted, its place. Only a guest has an aim.
    fn seat(
        &mut self,
        turn: &Turn<'_, '_>,
        mut accepted: Accepted,
        aim: Option<Aim>,
    ) -> Option<&mut Connection> {
        let server = &self.server;
        server.stats.connections.fetch_add(1, Ordering::Relaxed);
        let _ = accepted.stream.set_nodelay();
        let _ = accepted.stream.set_keepalive(turn.settings.tcp_keepalive);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let token = Token(CONNECTIONS + slot);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self
            .poll
            .registry()
            .register(&mut accepted.stream, token, interest)
        {
            tracing::warn!(%error, "cannot watch a connection");
            server.clients_count.fetch_sub(1, Ordering::AcqRel);
            self.free.push(slot);
            return None;
        }
        let client = self.new_client(turn, &accepted, aim);
        self.by_id.insert(client.info.id, slot);
        server.clients.lock().insert(client.info.id, client.info.clone());
        let connection = self.connections[slot].insert(Box::new(Connection::new(accepted.stream, client)));
        // It takes memory from now on, not from the end of its first turn on.
        connection.publish_buffers();
        Some(connection)
    }

    fn new_client(&self, turn: &Turn<'_, '_>, accepted: &Accepted, aim: Option<Aim>) -> Client {
        use std::os::fd::AsRawFd;
        let now_ms = turn.data.now_ms;
        let info = Arc::new(ClientInfo {
            id: self.server.client_ids.fetch_add(1, Ordering::Relaxed),
            loop_id: self.id,
            addr: accepted.peer.clone(),
            laddr: accepted.local.clone(),
            fd: accepted.stream.as_raw_fd(),
            unix: accepted.is_unix,
            is_guest: aim.is_some(),
            notes_files: aim == Some(Aim::SendFile),
            created_ms: now_ms,
            last_ms: now_ms.into(),
            ..ClientInfo::default()
        });
        Client::new(self.server.clone(), info)
    }

    fn on_event(&mut self, turn: &mut Turn<'_, '_>, slot: usize, event: &Event) {
        let Some(Some(connection)) = self.connections.get_mut(slot) else {
            if self.attending {
                self.missed.push((slot, event.is_read_closed()));
            }
            return;
        };
        if event.is_writable() && connection.wants_write {
            connection.wants_write = false;
            self.queue_output(slot);
        }
        let Some(Some(connection)) = self.connections.get_mut(slot) else {
            return;
        };
        if event.is_error() {
            return self.drop_connection(turn, slot);
        }
        if event.is_read_closed() {
            connection.note_read_closed();
        }
        self.gathering.count(&mut connection.counted);
        // What a client sends after the end of its session is not looked at.
        if !connection.client.closing && (event.is_readable() || event.is_read_closed()) {
            self.read(turn, slot);
        }
    }

    /// Reads what a connection sent. What is short runs once all others were read, see [`incoming`].
    fn read(&mut self, turn: &mut Turn<'_, '_>, slot: usize) {
        if !self.attending && self.gather(turn, slot) {
            return;
        }
        let read = |connection: &mut Connection, scratch: &mut [u8], batch: &mut Batch| {
            connection.on_readable(turn, scratch, batch)
        };
        if let Some(next) = self.with_connection(slot, read) {
            self.after(turn, slot, next);
        }
    }

    fn resume(&mut self, turn: &mut Turn<'_, '_>, slot: usize) {
        let Some(Some(connection)) = self.connections.get_mut(slot) else {
            return;
        };
        connection.queued_again = false;
        if connection.client.closing {
            return;
        }
        // Either requests were left over, or the socket had more than one read took.
        let go_on = |connection: &mut Connection, scratch: &mut [u8], batch: &mut Batch| match connection
            .resume(turn, batch)
        {
            Next::Wait => connection.on_readable(turn, scratch, batch),
            next => next,
        };
        if let Some(next) = self.with_connection(slot, go_on) {
            self.after(turn, slot, next);
        }
    }

    /// What a connection wants after its requests ran; its output is sent at the end of the turn.
    fn after(&mut self, turn: &mut Turn<'_, '_>, slot: usize, next: Next) {
        let Some(Some(connection)) = self.connections.get_mut(slot) else {
            return;
        };
        connection.wait_for(turn.data.take_seen());
        // At once, so that nobody whose request runs after this sees the client any more.
        if connection.over_hard_limit(turn) {
            return self.drop_connection(turn, slot);
        }
        match next {
            Next::Wait if !connection.has_more_to_read() => {}
            Next::Wait | Next::Again => go_on(&mut self.again, connection, slot),
            Next::Close => connection.client.closing = true,
        }
        if let Some(ticket) = &connection.client.ticket
            && let Some(deadline_ms) = ticket.wait.deadline_ms
        {
            self.timers.add(deadline_ms, Timer::Blocked(ticket.id));
        }
        // What others see of the memory of a client that sends a large request follows it, part by part.
        connection.publish_input();
        if connection.paused {
            let now_ms = turn.data.now_ms;
            // Without CLIENT PAUSE the client is held back because the disk cannot keep up.
            let until_ms = turn.server.pause.until_ms(now_ms);
            self.timers
                .add(until_ms.unwrap_or(now_ms + CONGESTION_MS), Timer::Unpause);
        }
        self.queue_output(slot);
    }

    fn queue_output(&mut self, slot: usize) {
        if let Some(Some(connection)) = self.connections.get_mut(slot)
            && !connection.queued_for_output
        {
            connection.queued_for_output = true;
            self.output.push(slot);
        }
    }

    /// Sends the output of all connections that ran something in this turn.
    fn send(&mut self, turn: &mut Turn<'_, '_>) {
        let log = turn.server.space.log();
        let durable = log.durable();
        let mut slots = std::mem::take(&mut self.output);
        for slot in slots.drain(..) {
            let Some(Some(connection)) = self.connections.get_mut(slot) else {
                if self.attending {
                    // It may be out while it runs a request.
                    self.output.push(slot);
                }
                continue;
            };
            if connection.awaits > durable {
                if !log.has_failed() {
                    self.parked.push(slot);
                    continue;
                }
                connection.fail_unsent();
            }
            connection.queued_for_output = false;
            // Before anything of it is sent: a client over the hard limit gets none of the replies that brought it there.
            if connection.over_hard_limit(turn) {
                self.drop_connection(turn, slot);
                continue;
            }
            connection.publish_info(turn.data.now_ms);
            let alive = connection.wants_write || connection.flush(turn);
            if connection.wants_write != connection.watches_write {
                connection.watches_write = connection.wants_write;
                let interest = if connection.wants_write {
                    Interest::READABLE | Interest::WRITABLE
                } else {
                    Interest::READABLE
                };
                let token = Token(CONNECTIONS + slot);
                // Failing means that the socket is gone; the next read or write says so.
                let _ = self
                    .poll
                    .registry()
                    .reregister(&mut connection.stream, token, interest);
            }
            connection.publish_buffers();
            if alive && connection.can_go_on() {
                go_on(&mut self.again, connection, slot);
            }
            let done = connection.client.closing && connection.output_bytes() == 0;
            if !alive || done || connection.over_output_limit(turn) {
                self.drop_connection(turn, slot);
            }
        }
        if self.output.is_empty() {
            self.output = slots;
        }
        crate::client::evict_over_limit(turn.server, turn.settings);
    }

    /// Has the writer woken if replies wait for it, or if others may soon. Once a turn, so that one sync serves
    /// the whole turn. A reply may have become durable between its parking and the request to be told.
    fn hurry_log(&mut self, server: &Server) {
        let log = server.space.log();
        if !log.waits() && self.parked.is_empty() {
            return;
        }
        let handle = &server.loops[self.id];
        if !self.parked.is_empty() {
            handle.awaits_durable.store(true, Ordering::SeqCst);
        }
        if log.appended() > log.durable() && !log.has_failed() {
            log.hurry();
        } else {
            self.output.append(&mut self.parked);
        }
    }

    fn drop_connection(&mut self, turn: &mut Turn<'_, '_>, slot: usize) {
        let Some(mut connection) = self.connections.get_mut(slot).and_then(Option::take) else {
            return;
        };
        let _ = self.poll.registry().deregister(&mut connection.stream);
        self.by_id.remove(&connection.client.info.id);
        self.free.push(slot);
        if let Some(ticket) = &connection.client.ticket {
            forget_deadline(&mut self.timers, ticket);
        }
        connection.set_paused(turn, false);
        self.server.clients_count.fetch_sub(1, Ordering::AcqRel);
        if self.attending {
            return self.leaving.push(connection.client);
        }
        self.lend(|| connection.client.leave(turn));
    }

    // ---- messages ------------------------------------------------------------------------------

    fn run_messages(&mut self, turn: &mut Turn<'_, '_>) {
        for mut client in std::mem::take(&mut self.leaving) {
            self.lend(|| client.leave(turn));
        }
        let postponed = std::mem::take(&mut self.postponed);
        let posted = turn.server.loops[self.id].mailbox.take();
        for message in postponed.into_iter().chain(posted) {
            match message {
                Message::Accept(accepted) => self.admit(turn, accepted),
                Message::Guest(guest) => self.admit_guest(turn, guest),
                Message::Deliver {
                    client,
                    bytes,
                    subscription,
                } => self.deliver(client, &bytes, subscription.as_deref()),
                Message::Tell(notices) => notices
                    .into_iter()
                    .for_each(|notice| self.tell(turn.server, notice)),
                Message::Unblocked {
                    client,
                    ticket,
                    reply,
                    seen,
                } => self.unblocked(turn, client, ticket, &reply, seen),
                Message::Durable => self.output.append(&mut self.parked),
                Message::Kill { client } => {
                    if let Some(&slot) = self.by_id.get(&client) {
                        self.drop_connection(turn, slot);
                    }
                }
                Message::AclChanged => self.follow_acl(),
                Message::Run(work) => self.lend(|| work(turn)),
                Message::GiveBack => {
                    self.give_back_rounds = GIVE_BACK_ROUNDS;
                    if self.compaction.ask() {
                        self.timers.add(turn.data.now_ms, Timer::Compact);
                    }
                }
                Message::Unpause => self.unpause(turn),
                Message::Listen(listeners) => self.replace_listeners(listeners),
                Message::Stop => self.stop = true,
            }
        }
    }

    /// Lets every connection take over changes of its user; those that may not go on end once they have read
    /// their replies.
    fn follow_acl(&mut self) {
        for slot in 0..self.connections.len() {
            if let Some(Some(connection)) = self.connections.get_mut(slot)
                && !connection.client.follow_acl()
            {
                self.queue_output(slot);
            }
        }
    }

    fn deliver(&mut self, client: u64, bytes: &[u8], subscription: Option<&(Kind, Vec<u8>)>) {
        let Some(&slot) = self.by_id.get(&client) else {
            return;
        };
        if let Some(Some(connection)) = self.connections.get_mut(slot) {
            if subscription.is_some_and(|(kind, name)| !connection.client.is_subscribed(*kind, name)) {
                return;
            }
            connection.reply().raw(bytes);
        }
        self.queue_output(slot);
    }

    /// Writes a notice to the client that gets it. If that has gone, the one whose cache it is about is told so.
    fn tell(&mut self, server: &Server, notice: Notice) {
        let connection = self.by_id.get(&notice.target().0).copied();
        let found = connection.and_then(|slot| Some((slot, self.connections[slot].as_mut()?)));
        let Some((slot, connection)) = found else {
            if notice.is_redirected() {
                let notice = Notice::broken(notice.tracker);
                server.post(notice.target().1, Message::Tell(vec![notice]));
            }
            return;
        };
        let is_subscribed = connection.client.subscriptions() > 0;
        notice.write(connection.reply(), is_subscribed);
        self.queue_output(slot);
    }

    fn unblocked(&mut self, turn: &mut Turn<'_, '_>, client: u64, ticket: u64, reply: &[u8], seen: Lsn) {
        let Some(&slot) = self.by_id.get(&client) else {
            return;
        };
        let Some(Some(connection)) = self.connections.get_mut(slot) else {
            return;
        };
        if connection
            .client
            .ticket
            .as_ref()
            .is_none_or(|open| open.id != ticket)
        {
            return;
        }
        if let Some(ticket) = connection.client.ticket.take() {
            forget_deadline(&mut self.timers, &ticket);
            if reply.starts_with(b"-") {
                let stats = &turn.server.loops[self.id].stats;
                stats.of(&ticket.command).failed.add(1);
            }
        }
        turn.server
            .stats
            .blocked_clients
            .store(turn.server.tickets.len(), Ordering::Relaxed);
        connection.reply().raw(reply);
        connection.wait_for(seen);
        let go_on =
            |connection: &mut Connection, _: &mut [u8], batch: &mut Batch| connection.resume(turn, batch);
        if let Some(next) = self.with_connection(slot, go_on) {
            self.after(turn, slot, next);
        }
    }

    fn unpause(&mut self, turn: &mut Turn<'_, '_>) {
        turn.data.policy.expire = dispatch::removes_expired(turn.server, turn.data.now_ms);
        let slots = 0..self.connections.len();
        for slot in slots {
            if let Some(Some(connection)) = self.connections.get_mut(slot)
                && connection.set_paused(turn, false)
            {
                let go_on = |connection: &mut Connection, _: &mut [u8], batch: &mut Batch| {
                    connection.resume(turn, batch)
                };
                if let Some(next) = self.with_connection(slot, go_on) {
                    self.after(turn, slot, next);
                }
            }
        }
    }

    fn replace_listeners(&mut self, listeners: Vec<Listener>) {
        for slot in &mut self.listeners {
            let keep = matches!(slot, Some(Listener::Unix(_)));
            if let (false, Some(mut old)) = (keep, if keep { None } else { slot.take() }) {
                let _ = self.poll.registry().deregister(&mut old);
            }
        }
        for listener in listeners {
            self.listen(listener);
        }
    }

    // ---- timers --------------------------------------------------------------------------------

    fn run_timers(&mut self, turn: &mut Turn<'_, '_>) {
        let now_ms = turn.data.now_ms;
        while let Some(timer) = self.timers.due(now_ms) {
            self.on_timer(turn, timer);
        }
    }

    /// A function of its own, so that counts of instructions can leave it out.
    #[inline(never)]
    fn on_timer(&mut self, turn: &mut Turn<'_, '_>, timer: Timer) {
        let now_ms = turn.data.now_ms;
        match timer {
            Timer::Cron => self.cron(turn),
            Timer::Compact => self.compact(turn),
            Timer::Sweep => {
                self.timers.add(now_ms + SWEEP_MS, Timer::Sweep);
                self.sweep(turn);
            }
            Timer::Unpause => {
                if turn.server.pause.until_ms(now_ms).is_none() {
                    self.unpause(turn);
                }
            }
            Timer::Accept(index) => self.accept(turn, index),
            Timer::Blocked(ticket) => self.time_out(turn, ticket),
        }
    }

    fn cron(&mut self, turn: &mut Turn<'_, '_>) {
        let now_ms = turn.data.now_ms;
        self.timers.add(now_ms + CRON_MS, Timer::Cron);
        if self.id == 0 && !turn.server.cron_paused.load(Ordering::Relaxed) {
            crate::ending::on_signal(&self.server, turn.settings);
        }
        if self.id == 0 {
            crate::stats::sample_rates(turn.server, now_ms);
            let census = self.lend(|| {
                turn.enter();
                turn.data.release();
                census::take(turn.server, turn.data, census::Lives::Recent)
            });
            let used_bytes = census.memory.total_bytes();
            turn.server.census.set(census);
            turn.server.memory.note(used_bytes, now_ms);
            if turn.server.memory.has_sunk(used_bytes) {
                turn.server.post_all(|| Message::GiveBack);
            }
            turn.leave();
        }
        // While a round is under way much is being freed: memory is given back between two of them.
        self.give_back_at_rest(turn);
        self.begin_expiry(turn);
        if tracking::is_over_bound(turn) && !turn.server.cron_paused.load(Ordering::Relaxed) {
            self.lend(|| tracking::keep_bound(turn, true));
            turn.leave();
        }
        if crate::eviction::is_over_limit(turn) && !turn.server.is_loading() {
            self.lend(|| crate::eviction::evict_on_time(turn));
            turn.leave();
        }
    }

    /// Returns free memory to the system, if that was asked for and no command ran since the last look:
    /// it takes the loop tens of milliseconds.
    fn give_back_at_rest(&mut self, turn: &Turn<'_, '_>) {
        let commands = turn.server.loops[self.id].stats.commands.get();
        let at_rest = commands == std::mem::replace(&mut self.commands_before, commands);
        // What another thread has yet to free would stay.
        let freed = turn.server.space.lazyfree_pending() == 0;
        if self.give_back_rounds > 0 && at_rest && freed && !self.expiry.is_under_way() {
            self.give_back_rounds -= 1;
            crate::memory::give_back_here();
        }
    }

    /// A slice of moving entries together; the next follows in a millisecond.
    fn compact(&mut self, turn: &mut Turn<'_, '_>) {
        let server = turn.server;
        let deadline_us = clock::monotonic_us() + COMPACT_SLICE_US;
        while self.compaction.is_under_way() && !server.is_loading() {
            let shard = self.compaction.shard();
            self.lend(|| {
                turn.enter();
                turn.data.hold(|space| space.lock_one(shard));
            });
            let (shards, loops) = (server.space.shards_count(), server.loops.len());
            let ended = self.compaction.step(turn.data, shards, loops);
            turn.leave();
            if ended.is_some_and(|moved| moved > 0) {
                self.give_back_rounds = GIVE_BACK_ROUNDS;
            }
            if clock::monotonic_us() >= deadline_us {
                break;
            }
        }
        if self.compaction.is_under_way() {
            self.timers.add(turn.data.now_ms + 1, Timer::Compact);
        }
    }

    fn time_out(&mut self, turn: &mut Turn<'_, '_>, ticket: u64) {
        let Some(ticket) = turn.server.tickets.get(ticket) else {
            return;
        };
        if !turn.server.tickets.close(&ticket) {
            return;
        }
        if ticket.wait.on_timeout == OnTimeout::RunAgain {
            return self.run_again(turn, &ticket);
        }
        self.lend(|| {
            turn.enter();
            blocking::leave_queues(&ticket, turn.data);
        });
        let mut reply = Reply::new(ticket.protocol);
        ticket.wait.on_timeout.write(&mut reply);
        self.unblocked(turn, ticket.client.id, ticket.id, reply.bytes(), 0);
    }

    /// Runs the command of a closed ticket, which waited for its time and nothing else.
    fn run_again(&mut self, turn: &mut Turn<'_, '_>, ticket: &blocking::Ticket) {
        let Some(&slot) = self.by_id.get(&ticket.client.id) else {
            return;
        };
        let run = |connection: &mut Connection, _: &mut [u8], batch: &mut Batch| {
            connection.run_again(turn, ticket);
            let count = turn.server.tickets.len();
            turn.server.stats.blocked_clients.store(count, Ordering::Relaxed);
            connection.resume(turn, batch)
        };
        if let Some(next) = self.with_connection(slot, run) {
            self.after(turn, slot, next);
        }
    }

    /// Looks at every connection once a second: idle ones, those over a soft limit, and the memory
    /// of all clients together.
    fn sweep(&mut self, turn: &mut Turn<'_, '_>) {
        let now_ms = turn.data.now_ms;
        for slot in 0..self.connections.len() {
            let Some(Some(connection)) = self.connections.get_mut(slot) else {
                continue;
            };
            let activity = connection.activity();
            if activity.is_overdue(now_ms, turn.settings.timeout) || connection.over_output_limit(turn) {
                self.drop_connection(turn, slot);
            } else if activity.idle_ms(now_ms) > 2 * SWEEP_MS {
                connection.shrink();
            }
        }
    }
}

/// Puts a connection on the list of those to go on with in the next turn.
fn go_on(again: &mut Vec<usize>, connection: &mut Connection, slot: usize) {
    if !std::mem::replace(&mut connection.queued_again, true) {
        again.push(slot);
    }
}

/// Takes the deadline of a ticket back: one that is far away would otherwise stay for as long.
fn forget_deadline(timers: &mut Timers<Timer>, ticket: &blocking::Ticket) {
    if let Some(deadline_ms) = ticket.wait.deadline_ms {
        timers.cancel(deadline_ms, Timer::Blocked(ticket.id));
    }
}

fn usage(settings: &flashdb_config::Settings) -> Usage {
    use flashdb_config::MaxmemoryPolicy::{AllkeysLfu, VolatileLfu};
    if matches!(settings.maxmemory_policy, AllkeysLfu | VolatileLfu) {
        Usage::Lfu {
            log_factor: settings.lfu_log_factor,
            decay_minutes: settings.lfu_decay_time,
        }
    } else {
        Usage::Lru
    }
}

/// Whether clients of other machines are refused: anybody there could read and write everything.
fn is_protected(server: &Server, settings: &flashdb_config::Settings) -> bool {
    settings.protected_mode && server.acl.users().default_user().nopass
}

/// Answer to a remote client while there is no password.
const PROTECTED: &str = "-DENIED FlashDB is running in protected mode because protected mode is enabled and no \
    password is set for the default user. In this mode connections are only accepted from the loopback interface. \
    To connect from other machines, set a password with 'CONFIG SET requirepass' from the machine itself, or turn \
    the mode off with 'CONFIG SET protected-mode no' there (or in the configuration file), if nobody else can \
    reach the server.\r\n";

/// The error of a client that an administrator unblocked.
pub const UNBLOCKED: ErrorReply = ErrorReply::fixed("UNBLOCKED client unblocked via CLIENT UNBLOCK");
