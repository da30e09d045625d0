//! A client: the part that belongs to its core loop (`Client`), and the part that every thread may
//! look at (`ClientInfo`: what CLIENT LIST shows and what others need to reach it).

use crate::acl::User;
use crate::blocking::{self, Ticket};
use crate::commands::transaction;
use crate::core_loop::Message;
use crate::dispatch::Turn;
use crate::pubsub::Kind;
use crate::script::ScriptState;
use crate::server::Server;
use crate::tracking::OwnTracking;
use flashdb_command::Session;
use flashdb_command::registry::Command;
use flashdb_config::Settings;
use flashdb_resp::{Args, OwnedArgs};
use flashdb_store::WatchFlag;
use parking_lot::Mutex;
use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// What of a client others may see. Numbers are written by its loop with relaxed stores, at the end
/// of a turn; readers get values that are at most a turn old.
#[derive(Default)]
pub struct ClientInfo {
    /// Unique id.
    pub id: u64,
    /// Core loop that serves it.
    pub loop_id: usize,
    /// Address and port.
    pub addr: String,
    /// Address it connected to.
    pub laddr: String,
    /// File descriptor.
    pub fd: i32,
    /// Whether it came over the unix socket.
    pub unix: bool,
    /// Whether it comes from within the process.
    pub is_guest: bool,
    /// A guest that notes in the audit log itself what became of the files that it sends.
    pub notes_files: bool,
    /// Unix time of connecting, ms.
    pub created_ms: i64,
    /// Name, library name and version, as set by the client.
    pub names: Mutex<Names>,
    /// The user it runs as; `None` only while it is being made.
    pub user: Mutex<Option<Arc<User>>>,
    /// Unix time of the last command, ms.
    pub last_ms: AtomicI64,
    /// Selected database.
    pub db: AtomicU32,
    /// Bits of [`flags`].
    pub flags: AtomicU32,
    /// Id of the last command plus one; 0 before the first.
    pub last_command: AtomicU32,
    /// Subscribed channels.
    pub channels: AtomicUsize,
    /// Subscribed patterns.
    pub patterns: AtomicUsize,
    /// Subscribed shard channels.
    pub shard_channels: AtomicUsize,
    /// Commands queued in MULTI plus one; 0 outside.
    pub queued: AtomicUsize,
    /// Watched keys.
    pub watched: AtomicUsize,
    /// Bytes in the query buffer.
    pub query_bytes: AtomicUsize,
    /// Unused bytes of the query buffer.
    pub query_free_bytes: AtomicUsize,
    /// Bytes of the request being received or queued.
    pub argument_bytes: AtomicUsize,
    /// Bytes of queued commands.
    pub queued_bytes: AtomicUsize,
    /// Unsent bytes of output.
    pub output_bytes: AtomicUsize,
    /// Capacity of the output buffer.
    pub output_capacity_bytes: AtomicUsize,
    /// All memory of the client.
    pub total_bytes: AtomicUsize,
    /// Ticket of the blocking command it waits in; 0 if none.
    pub ticket: AtomicU64,
    /// Bytes received.
    pub input_total_bytes: AtomicU64,
    /// Bytes sent.
    pub output_total_bytes: AtomicU64,
    /// Whether what its waiting command reads is remembered for its cache.
    pub remembers: AtomicBool,
    /// Whether the client is being dropped.
    pub killed: AtomicBool,
}

/// Names that a client gives itself.
#[derive(Default, Clone)]
pub struct Names {
    /// CLIENT SETNAME.
    pub name: Vec<u8>,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: Vec<u8>,
    /// CLIENT SETINFO LIB-VER.
    pub lib_version: Vec<u8>,
}

/// Bits of [`ClientInfo::flags`].
pub mod flags {
    /// Speaks RESP3.
    pub const RESP3: u32 = 1;
    /// In MULTI.
    pub const MULTI: u32 = 2;
    /// Waits in a blocking command.
    pub const BLOCKED: u32 = 4;
    /// Subscribed to anything.
    pub const SUBSCRIBED: u32 = 8;
    /// Receives every command.
    pub const MONITOR: u32 = 16;
    /// A watched key has changed.
    pub const DIRTY: u32 = 32;
    /// Is closed once its output is sent.
    pub const CLOSING: u32 = 64;
    /// CLIENT NO-EVICT on.
    pub const NO_EVICT: u32 = 128;
    /// CLIENT NO-TOUCH on.
    pub const NO_TOUCH: u32 = 256;
    /// Its output buffer is not empty and the socket does not take more.
    pub const WRITING: u32 = 512;
}

/// A transaction being queued.
#[derive(Default)]
pub struct Multi {
    /// Commands with their requests.
    pub queue: Vec<(Command, OwnedArgs)>,
    /// A command was refused while queueing: EXEC will answer EXECABORT.
    pub failed: bool,
    /// One of the commands needs the closed gate.
    pub exclusive: bool,
    /// Either all commands succeed or nothing of them is kept (MULTI ATOMIC).
    pub atomic: bool,
    /// One of the commands writes.
    pub writes: bool,
    /// One of the commands may need memory.
    pub needs_memory: bool,
    /// Bytes of the queue.
    pub bytes: usize,
}

/// CLIENT REPLY.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// Replies are sent.
    #[default]
    On,
    /// None is sent.
    Off,
    /// The next command's is not sent.
    SkipNext,
    /// The running command's is not sent.
    SkipThis,
}

/// A client as its core loop and the handlers of its commands see it.
pub struct Client {
    /// The server.
    pub server: Arc<Server>,
    /// Shared part.
    pub info: Arc<ClientInfo>,
    /// Selected database.
    pub db: u16,
    /// The user it runs as, as of [`Client::follow_acl`].
    pub user: Arc<User>,
    /// Has logged in, or began when that was not asked for.
    pub logged_in: bool,
    /// May run commands: has logged in, or need not.
    pub authenticated: bool,
    /// Generation of the users that it goes by.
    acl_generation: u64,
    /// Transaction being queued.
    pub multi: Option<Multi>,
    /// Watched keys by database.
    pub watched: Vec<(u16, Box<[u8]>)>,
    /// Told by the shards when a watched key changes.
    pub watch_flag: Arc<WatchFlag>,
    /// Channels subscribed to.
    pub channels: HashSet<Vec<u8>>,
    /// Patterns subscribed to.
    pub patterns: HashSet<Vec<u8>>,
    /// Shard channels subscribed to.
    pub shard_channels: HashSet<Vec<u8>>,
    /// Whether replies are sent.
    pub reply_mode: ReplyMode,
    /// Commands do not count as use of keys.
    pub no_touch: bool,
    /// Gets the feed of decided effects.
    pub follower: bool,
    /// Not dropped for `maxmemory-clients`.
    pub no_evict: bool,
    /// Receives every command.
    pub monitor: bool,
    /// Client-side caching.
    pub tracking: OwnTracking,
    /// To be closed once the reply is sent.
    pub closing: bool,
    /// The blocking command it waits in.
    pub ticket: Option<Arc<Ticket>>,
    /// Protocol to switch to for what follows the running command's reply (set by HELLO, RESET).
    pub is_resp3: bool,
    /// Replies that have to follow the running command's own (messages to itself).
    pub last_command: Option<Command>,
    /// What concerns the script that it runs.
    pub script: ScriptState,
}

impl Client {
    /// Whether it has this subscription.
    pub fn is_subscribed(&self, kind: Kind, name: &[u8]) -> bool {
        let names = match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shard_channels,
        };
        names.contains(name)
    }

    /// Whether the client is subscribed to anything.
    pub fn subscriptions(&self) -> usize {
        self.channels.len() + self.patterns.len() + self.shard_channels.len()
    }
}

impl Session for Client {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn client_id(&self) -> u64 {
        self.info.id
    }

    fn output_bytes_max(&self, settings: &Settings) -> u64 {
        crate::output_limit::limit_of(&settings.client_output_buffer_limit, self).hard_bytes
    }

    fn may_read_any_key(&self, args: &Args<'_>) -> bool {
        let permissions = &self.user.permissions;
        permissions.are_unrestricted()
            || self
                .server
                .registry
                .resolve(args)
                .is_ok_and(|command| permissions.allow_reading_any_key(&command, args))
    }
}

impl Client {
    /// A client just connected.
    pub fn new(server: Arc<Server>, info: Arc<ClientInfo>) -> Self {
        let acl_generation = server.acl.generation();
        let users = server.acl.users();
        let user = users.default_user().clone();
        *info.user.lock() = Some(user.clone());
        Client {
            server,
            info,
            db: 0,
            user,
            logged_in: users.is_open(),
            authenticated: users.is_open(),
            acl_generation,
            multi: None,
            watched: Vec::new(),
            watch_flag: Arc::default(),
            channels: HashSet::new(),
            patterns: HashSet::new(),
            shard_channels: HashSet::new(),
            reply_mode: ReplyMode::On,
            no_touch: false,
            follower: false,
            no_evict: false,
            monitor: false,
            tracking: OwnTracking::default(),
            closing: false,
            ticket: None,
            is_resp3: false,
            last_command: None,
            script: ScriptState::default(),
        }
    }

    /// Whether the client goes by the present users.
    #[inline]
    pub fn follows_acl(&self, server: &Server) -> bool {
        self.acl_generation == server.acl.generation()
    }

    /// Takes over what has changed about users; false if the client may not go on: its user was removed, or may
    /// no longer listen to what it listens to. One atomic load when nothing has changed.
    #[inline]
    pub fn follow_acl(&mut self) -> bool {
        self.acl_generation == self.server.acl.generation() || self.take_over_users()
    }

    #[cold]
    fn take_over_users(&mut self) -> bool {
        // The generation is read first: users published in between are at worst taken over twice.
        self.acl_generation = self.server.acl.generation();
        let users = self.server.acl.users();
        let Some(user) = users.same(&self.user).cloned() else {
            self.closing = true;
            return false;
        };
        if !Arc::ptr_eq(&user, &self.user) {
            self.run_as(user);
        }
        self.authenticated = self.logged_in || users.is_open();
        self.closing |= !self.may_go_on_listening();
        !self.closing
    }

    fn run_as(&mut self, user: Arc<User>) {
        *self.info.user.lock() = Some(user.clone());
        self.user = user;
    }

    fn may_go_on_listening(&self) -> bool {
        let allowed = &self.user.permissions;
        let mut channels = self.channels.iter().chain(&self.shard_channels);
        channels.all(|name| allowed.allow_listening(name, false))
            && self
                .patterns
                .iter()
                .all(|pattern| allowed.allow_listening(pattern, true))
    }

    /// The client has logged in as `user`.
    pub fn log_in(&mut self, user: Arc<User>) {
        self.run_as(user);
        (self.logged_in, self.authenticated) = (true, true);
    }

    /// Back to the user that connections begin with.
    pub fn log_out(&mut self) {
        let users = self.server.acl.users();
        self.run_as(users.default_user().clone());
        (self.logged_in, self.authenticated) = (users.is_open(), users.is_open());
    }

    /// Notes how much memory the client takes.
    #[inline]
    pub fn count_memory(&self, bytes: usize) {
        let before = self.info.total_bytes.load(Ordering::Relaxed);
        if bytes != before {
            self.info.total_bytes.store(bytes, Ordering::Relaxed);
            // The sum may wrap around on the way, but not in the end.
            let sum = &self.server.clients_bytes;
            sum.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// Takes the client out of everything that knows it.
    pub fn leave(&mut self, turn: &mut Turn<'_, '_>) {
        let server = self.server.clone();
        self.count_memory(0);
        self.info.killed.store(true, Ordering::Release);
        server.clients.lock().remove(&self.info.id);
        server.tell_left(&self.info);
        if let Some(ticket) = self.ticket.take()
            && server.tickets.close(&ticket)
        {
            turn.enter();
            blocking::leave_queues(&ticket, turn.data);
            server
                .stats
                .blocked_clients
                .store(server.tickets.len(), Ordering::Relaxed);
        }
        self.unsubscribe_all();
        if self.monitor {
            server.monitors.remove(self.info.id);
        }
        self.stop_tracking();
        if self.follower {
            server.feed.unfollow(&server, self.info.id);
        }
        if !self.watched.is_empty() {
            turn.enter();
            turn.data.release();
            transaction::unwatch_all(self, turn.data);
        }
    }

    /// Ends client-side caching.
    pub fn stop_tracking(&mut self) {
        let tracking = std::mem::take(&mut self.tracking);
        if tracking.is_on() {
            self.server
                .tracking
                .remove(&self.server, self.info.id, &tracking.prefixes);
        }
    }

    /// Ends all subscriptions without a word to the client.
    pub fn unsubscribe_all(&mut self) {
        for (kind, names) in [
            (Kind::Channel, &mut self.channels),
            (Kind::Pattern, &mut self.patterns),
            (Kind::Shard, &mut self.shard_channels),
        ] {
            for name in names.drain() {
                self.server.pubsub.unsubscribe(kind, &name, &self.info);
            }
        }
    }
}

/// Drops the clients that take the most memory while all together take more than `maxmemory-clients`. They are gone for
/// everybody at once; their loops close the connections.
#[inline]
pub fn evict_over_limit(server: &Server, settings: &Settings) {
    let limit = settings.maxmemory_clients.bytes(settings.maxmemory);
    if limit > 0 && server.clients_bytes.load(Ordering::Relaxed) as u64 > limit {
        evict_largest(server, limit);
    }
}

#[cold]
fn evict_largest(server: &Server, limit: u64) {
    let mut clients = server.clients.lock();
    let mut total: u64 = clients
        .values()
        .map(|client| client.total_bytes.load(Ordering::Relaxed) as u64)
        .sum();
    let may_go = |client: &&Arc<ClientInfo>| client.flags.load(Ordering::Relaxed) & flags::NO_EVICT == 0;
    let mut largest: Vec<Arc<ClientInfo>> = clients.values().filter(may_go).cloned().collect();
    largest.sort_by_key(|client| std::cmp::Reverse(client.total_bytes.load(Ordering::Relaxed)));
    for client in largest {
        if total <= limit {
            break;
        }
        let bytes = client.total_bytes.load(Ordering::Relaxed);
        total = total.saturating_sub(bytes as u64);
        tracing::warn!(
            client = client.id,
            bytes,
            "evicting a client: all together are over maxmemory-clients"
        );
        server.stats.evicted_clients.fetch_add(1, Ordering::Relaxed);
        clients.remove(&client.id);
        client.killed.store(true, Ordering::Release);
        server.post(client.loop_id, Message::Kill { client: client.id });
    }
}

/// Adds to a counter that only the client's own loop writes: no locked instruction is needed.
#[inline]
pub fn count(counter: &AtomicU64, value: u64) {
    counter.store(counter.load(Ordering::Relaxed) + value, Ordering::Relaxed);
}
