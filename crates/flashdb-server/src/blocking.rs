//! Blocked clients. A handler that finds nothing leaves a `BlockRequest`; the client then holds a
//! ticket, queued behind each key it waits for. A change of such a key makes the thread that
//! changed it run the waiting command again, first come first served, before its own client gets
//! its reply, as if the waiting client had just sent it. Whoever finishes a ticket (a change, the
//! deadline, CLIENT UNBLOCK, a disconnect) does so under the ticket's lock, so exactly one does.
//!
//! Lock order: shards, then ticket.

use crate::acl::{self, Surroundings};
use crate::audit::Outcome;
use crate::client::ClientInfo;
use crate::commit;
use crate::core_loop::{Message, UNBLOCKED};
use crate::dispatch::{not_permitted, note_end};
use crate::server::Server;
use crate::tracking;
use flashdb_command::registry::Command;
use flashdb_command::{BlockRequest, CommandResult, Context, Mode, Session};
use flashdb_config::Settings;
use flashdb_resp::{OwnedArgs, Protocol, Reply};
use flashdb_store::{Access, ShardSet};
use parking_lot::Mutex;
use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A client waiting in a blocking command.
pub struct Ticket {
    /// Unique id, never 0.
    pub id: u64,
    /// The client.
    pub client: Arc<ClientInfo>,
    /// The command to run again.
    pub command: Command,
    /// Its request.
    pub request: OwnedArgs,
    /// Its database.
    pub db: u16,
    /// Protocol of the client.
    pub protocol: Protocol,
    /// What it waits for, until when, and what it is answered then.
    pub wait: BlockRequest,
    open: Mutex<bool>,
}

/// All tickets.
#[derive(Default)]
pub struct Tickets {
    next_id: AtomicU64,
    open: Mutex<HashMap<u64, Arc<Ticket>>>,
}

/// Stands for the blocked client while its command runs on another thread.
struct Absent(u64);

impl Session for Absent {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn client_id(&self) -> u64 {
        self.0
    }
}

impl Tickets {
    /// Opens a ticket and queues it behind its keys, whose shards are locked by `data`.
    pub fn open(
        &self,
        client: &Arc<ClientInfo>,
        command: Command,
        request: OwnedArgs,
        protocol: Protocol,
        wait: BlockRequest,
        data: &mut Access<'_>,
    ) -> Arc<Ticket> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let db = data.db;
        for key in &wait.keys {
            let shard = data.space().shard_of(key);
            data.held().shard_mut(shard).add_waiter(db, key, id);
        }
        let ticket = Arc::new(Ticket {
            id,
            client: client.clone(),
            command,
            request,
            db,
            protocol,
            wait,
            open: Mutex::new(true),
        });
        self.open.lock().insert(id, ticket.clone());
        client.ticket.store(id, Ordering::Release);
        ticket
    }

    /// The open ticket `id`.
    pub fn get(&self, id: u64) -> Option<Arc<Ticket>> {
        self.open.lock().get(&id).cloned()
    }

    /// Number of blocked clients.
    pub fn len(&self) -> usize {
        self.open.lock().len()
    }

    /// Number of blocked clients that wait until some moment.
    pub fn with_deadline_count(&self) -> usize {
        let open = self.open.lock();
        let timed = open.values().filter(|ticket| ticket.wait.deadline_ms.is_some());
        timed.count()
    }

    /// Number of keys that clients wait for.
    pub fn keys_count(&self) -> usize {
        let open = self.open.lock();
        let keys: std::collections::HashSet<_> = open
            .values()
            .flat_map(|ticket| ticket.wait.keys.iter().map(|key| (ticket.db, key)))
            .collect();
        keys.len()
    }

    /// Closes a ticket from outside (deadline, CLIENT UNBLOCK, disconnect). False if it was served
    /// already. The queues are left by [`leave_queues`].
    pub fn close(&self, ticket: &Ticket) -> bool {
        let mut open = ticket.open.lock();
        if *open {
            self.forget(ticket);
        }
        std::mem::replace(&mut *open, false)
    }

    fn forget(&self, ticket: &Ticket) {
        ticket.client.ticket.store(0, Ordering::Release);
        self.open.lock().remove(&ticket.id);
    }
}

/// Ends a client's wait: with an error, or as if its time were over. False where it does not wait, be it that it was served a
/// moment before. `data` is as [`leave_queues`] wants it.
pub fn unblock(server: &Server, client: &ClientInfo, with_error: bool, data: &mut Access<'_>) -> bool {
    let ticket = server.tickets.get(client.ticket.load(Ordering::Acquire));
    let Some(ticket) = ticket.filter(|ticket| server.tickets.close(ticket)) else {
        return false;
    };
    leave_queues(&ticket, data);
    let mut reply = Reply::new(ticket.protocol);
    if with_error {
        server.stats.error(UNBLOCKED.code());
        reply.error_bytes(UNBLOCKED.text());
    } else {
        ticket.wait.on_timeout.write(&mut reply);
    }
    let message = Message::Unblocked {
        client: client.id,
        ticket: ticket.id,
        reply: reply.into_bytes(),
        seen: 0,
    };
    server.post(ticket.client.loop_id, message);
    true
}

/// Takes a closed ticket out of the queues of its keys; `data` holds nothing, or the gate is closed.
pub fn leave_queues(ticket: &Ticket, data: &mut Access<'_>) {
    if data.held().is_lazy() {
        return remove_waiter(ticket, data);
    }
    data.hold(|space| space.lock(shards_of(ticket, space)));
    remove_waiter(ticket, data);
    data.release();
}

fn remove_waiter(ticket: &Ticket, data: &mut Access<'_>) {
    for key in &ticket.wait.keys {
        let shard = data.space().shard_of(key);
        data.held()
            .shard_mut(shard)
            .remove_waiter(ticket.db, key, ticket.id);
    }
}

fn shards_of(ticket: &Ticket, space: &flashdb_store::Keyspace) -> ShardSet {
    let args = ticket.request.as_args();
    let mut shards: ShardSet = ticket.wait.keys.iter().map(|key| space.shard_of(key)).collect();
    if let Ok(positions) = ticket.command.spec.key_positions(&args) {
        shards.extend(positions.iter().map(|&at| space.shard_of(args.at(at as usize))));
    }
    shards
}

/// A changed key that somebody waits for.
pub struct ReadyKey {
    /// Database of the key.
    pub db: u16,
    /// The key.
    pub key: Box<[u8]>,
}

/// Changed keys that somebody waits for. One word, nearly always null: every command returns some, see
/// [`Command`](flashdb_command::registry::Command).
#[derive(Default)]
#[expect(clippy::box_collection, reason = "one word, and null while there are none")]
pub struct ReadyKeys(Option<Box<VecDeque<ReadyKey>>>);

impl ReadyKeys {
    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds one.
    pub fn push(&mut self, key: ReadyKey) {
        self.0.get_or_insert_default().push_back(key);
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &ReadyKey> {
        self.0.iter().flat_map(|keys| keys.iter())
    }
}

impl IntoIterator for ReadyKeys {
    type Item = ReadyKey;
    type IntoIter = std::collections::vec_deque::IntoIter<ReadyKey>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map_or_else(VecDeque::new, |keys| *keys).into_iter()
    }
}

/// Serves the clients that wait for `ready`, oldest first, and those that their commands make ready
/// in turn. Locks shards itself unless the gate is closed; `data` is left holding nothing then.
pub fn serve(server: &Server, settings: &Settings, data: &mut Access<'_>, ready: ReadyKeys) {
    let (db, now_ms) = (data.db, data.now_ms);
    let mut queue: VecDeque<_> = ready.into_iter().collect();
    while let Some(ready) = queue.pop_front() {
        serve_key(server, settings, data, &ready, &mut queue);
    }
    data.db = db;
    data.now_ms = now_ms;
}

fn serve_key(
    server: &Server,
    settings: &Settings,
    data: &mut Access<'_>,
    ready: &ReadyKey,
    queue: &mut VecDeque<ReadyKey>,
) {
    let shard = data.space().shard_of(&ready.key);
    let exclusive = data.held().is_lazy();
    if !exclusive {
        data.hold(|space| space.lock_one(shard));
    }
    for id in data.held().shard_mut(shard).waiters(ready.db, &ready.key) {
        let Some(ticket) = server.tickets.get(id) else {
            continue;
        };
        if !exclusive {
            data.hold(|space| space.lock(shards_of(&ticket, space)));
        }
        data.db = ticket.db;
        if data.find_quietly(&ready.key).is_none() && !ticket.wait.also_when_gone {
            // Looking may have removed the key, if its time has come meanwhile.
            queue.extend(commit::commit(server, data, &ticket.request.as_args()));
            continue;
        }
        queue.extend(retry(server, settings, data, &ticket));
    }
    if !exclusive {
        data.release();
    }
}

/// Whether the client's user may still run the command that it waits in.
fn still_permitted(server: &Server, ticket: &Ticket) -> CommandResult {
    let user = ticket.client.user.lock().clone();
    let now = user.and_then(|user| server.acl.users().same(&user).cloned());
    let (args, command) = (ticket.request.as_args(), &ticket.command);
    let Some(user) = now else {
        // The user was removed: the connection is about to end.
        return Err(UNBLOCKED);
    };
    let request = (command, &args);
    acl::permit(server, &ticket.client, &user, request, Surroundings::Toplevel)
        .map_err(|denied| not_permitted(&user, command, denied))
}

/// Runs a waiting command again; returns the keys that it made ready.
fn retry(server: &Server, settings: &Settings, data: &mut Access<'_>, ticket: &Ticket) -> ReadyKeys {
    let mut open = ticket.open.lock();
    if !*open {
        return ReadyKeys::default();
    }
    let mut reply = Reply::new(ticket.protocol);
    let mut session = Absent(ticket.client.id);
    let mut context = Context {
        spec: ticket.command.spec,
        args: ticket.request.as_args(),
        data,
        reply: &mut reply,
        settings,
        session: &mut session,
        mode: Mode {
            retry: true,
            ..Mode::default()
        },
        block: None,
    };
    let began = Instant::now();
    context.data.effects.author = ticket.client.id;
    let result = match still_permitted(server, ticket) {
        Ok(()) => (ticket.command.spec.handler)(&mut context),
        Err(error) => Err(error),
    };
    if context.block.is_some() {
        context.data.unchanged();
        let outcome = commit::commit(server, context.data, &context.args);
        return outcome;
    }
    let outcome = Outcome::of(result.is_err());
    if let Err(error) = result {
        reply.truncate(0);
        reply.error_bytes(error.text());
        server.stats.error(error.code());
    }
    data.effects.end_command(ticket.db, 0, &ticket.request.as_args());
    note_end(
        server,
        settings,
        &ticket.client,
        &ticket.request.as_args(),
        ticket.command,
        began.elapsed().as_nanos() as u64,
        outcome,
    );
    *open = false;
    server.tickets.forget(ticket);
    remove_waiter(ticket, data);
    let more = commit::commit(server, data, &ticket.request.as_args());
    if ticket.client.remembers.load(Ordering::Relaxed) && tracking::reads(ticket.command.spec) {
        let args = ticket.request.as_args();
        tracking::remember(data, &ticket.command, &args, ticket.client.id, &server.tracking);
    }
    // The reply leaves by another connection than the one that this thread is working for.
    data.append_effects();
    let message = Message::Unblocked {
        client: ticket.client.id,
        ticket: ticket.id,
        reply: reply.into_bytes(),
        seen: data.seen(),
    };
    server.post(ticket.client.loop_id, message);
    more
}
