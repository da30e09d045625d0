//! From a request to its reply: look up the row, pass the gates, lock, run, commit. Gates are in
//! Redis's order, so that a request wrong in two ways gets the same error. No command is known by
//! name here; what differs is a flag in its row.

use crate::acl::{self, Denied, Lack, Surroundings, User};
use crate::audit::{self, Outcome};
use crate::blocking::{self, ReadyKeys, Ticket};
use crate::client::{Client, ClientInfo, Multi, ReplyMode};
use crate::commit;
use crate::eviction::{self, Evicted};
use crate::hot;
use crate::script::{self, ScriptState};
use crate::server::Server;
use crate::slowlog::{self, SlowEntry};
use crate::tracking;
use flashdb_base::clock;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::registry::{self, Command};
use flashdb_command::{Context, Flags, Mode};
use flashdb_config::{ProtectedAction, Settings};
use flashdb_resp::{Args, Reply};
use flashdb_store::{Access, GatePass, KeyPlace, ShardSet, WINDOW};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// What a core loop lends to the dispatcher for a turn.
pub struct Turn<'t, 'k> {
    /// The server.
    pub server: &'k Server,
    /// Settings of the turn.
    pub settings: &'t Settings,
    /// Which these are, of all that there were.
    pub settings_generation: u64,
    /// Data access.
    pub data: &'t mut Access<'k>,
    /// Lane of the gate that the loop enters by.
    pub lane: usize,
    /// Held while commands run; `None` between batches.
    pub pass: Option<GatePass<'k>>,
    /// The thread is in the middle of a script, or waits for a lock: nothing may be locked.
    pub attending: bool,
}

/// How the connection goes on after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// With the next request.
    Continue,
    /// Later: the client waits in a blocking command.
    Blocked,
    /// In another turn: the settings have changed meanwhile; the request was not executed.
    Later,
    /// Not at all until the pause ends; the request was not executed.
    Paused,
    /// Not before the peer has taken output; the request was not executed.
    Held,
    /// The connection is to be closed after what has been written.
    Close,
}

impl<'k> Turn<'_, 'k> {
    /// Enters the gate unless inside already.
    #[inline]
    pub fn enter(&mut self) {
        if self.pass.is_none() {
            self.pass = Some(self.server.space.gate().enter(self.lane));
            self.note_log();
        }
    }

    /// As [`Turn::enter`], for clients: when a script holds the gate for too long, they stay outside and are told so.
    #[inline]
    pub fn try_enter(&mut self) -> bool {
        if self.pass.is_none() && !self.attending {
            self.pass = self.server.space.gate().try_enter(self.lane);
            if self.pass.is_some() {
                self.note_log();
            }
        }
        self.pass.is_some()
    }

    /// Whether clients are to be told that a script runs for too long.
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.server.space.gate().patience().is_tried()
    }

    /// Whether effects are recorded and waited for is the same for the whole batch.
    #[inline]
    fn note_log(&mut self) {
        let log = self.server.space.log();
        self.data.effects.recording = log.is_recording();
        self.data.set_waits(log.waits());
    }

    /// Leaves the gate and whatever is locked, and counts what was changed.
    #[inline]
    pub fn leave(&mut self) {
        self.data.release();
        commit::count_changes(self.server, self.data);
        self.pass = None;
    }

    /// False when a script holds locks for too long.
    fn try_close_gate(&mut self) -> bool {
        self.leave();
        self.pass = self.server.space.gate().try_close();
        if self.pass.is_some() {
            self.note_log();
            self.data.hold(|space| space.lock_as_touched());
        }
        self.pass.is_some()
    }
}

/// Runs one request of `client` and writes its reply.
pub fn execute(
    turn: &mut Turn<'_, '_>,
    client: &mut Client,
    reply: &mut Reply,
    args: Args<'_>,
    resolved: Option<Command>,
) -> Flow {
    if !client.follow_acl() {
        return Flow::Close;
    }
    // The command may ask for the count.
    commit::count_changes(turn.server, turn.data);
    if tracking::is_over_bound(turn) {
        tracking::keep_bound(turn, false);
    }
    let command = match resolved.map_or_else(|| turn.server.registry.resolve(&args), Ok) {
        Ok(command) => command,
        Err(error) => return refuse(turn, client, reply, None, error),
    };
    if command.spec.flags.has(Flags::RUNS_SCRIPT) {
        client.script.prepared = script::prepare(turn.server, command.spec, &args);
    }
    let gate = gates(turn, client, &command, &args);
    tell_own(turn, client, reply);
    let start = reply.len();
    match gate {
        Ok(Gate::Run) => {}
        Ok(Gate::Queue) => {
            queue(client, command, &args, reply);
            return settle_reply_mode(client, reply, start, Flow::Continue);
        }
        Ok(Gate::Pause) => return Flow::Paused,
        Err(error) => return refuse(turn, client, reply, Some(command), error),
    }
    let flow = match lock(turn, client, &command, &args) {
        Ok(()) => run(turn, client, reply, args, command),
        Err(error) => return refuse(turn, client, reply, Some(command), error),
    };
    // Confirmations of (un)subscribing are pushes, no replies.
    const PUSHING: Flags = Flags::PUBSUB.and(Flags::WHILE_SUBSCRIBED);
    if command.spec.flags.has(PUSHING) {
        return flow;
    }
    settle_reply_mode(client, reply, start, flow)
}

/// Tells a client that caches what it is to know before its next command, such as that a key had to be evicted for it.
#[inline]
pub fn tell_own(turn: &mut Turn<'_, '_>, client: &Client, reply: &mut Reply) {
    if client.tracking.is_on() && !turn.data.effects.invalidations.is_empty() {
        tracking::tell_own(turn, client, reply);
    }
}

/// Locks what the command needs.
fn lock(
    turn: &mut Turn<'_, '_>,
    client: &Client,
    command: &Command,
    args: &Args<'_>,
) -> Result<(), ErrorReply> {
    let spec = command.spec;
    let exclusive = spec.is_exclusive(args)
        || (spec.flags.has(Flags::RUNS_QUEUE) && client.multi.as_ref().is_some_and(|multi| multi.exclusive))
        || begins_exclusively(turn, client, spec.flags);
    turn.data.db = client.db;
    let needs_nothing = spec.keys.is_empty() && spec.keys_of.is_none();
    if needs_nothing && spec.flags.has(Flags::ALLOW_BUSY) && turn.is_busy() {
        // What is allowed now touches no data.
        turn.data.release();
        return Ok(());
    }
    let had = if exclusive {
        turn.try_close_gate()
    } else {
        turn.try_enter() && hold_keys(turn, command, args)
    };
    if had {
        return Ok(());
    }
    Err(turn.server.scripts.long_runs.busy_reply())
}

/// Locks the shards of a request's keys; false when a script holds one for too long.
fn hold_keys(turn: &mut Turn<'_, '_>, command: &Command, args: &Args<'_>) -> bool {
    let spec = command.spec;
    if let Some(at) = command.single_key {
        let key = args.at(at as usize);
        turn.data
            .try_hold_key(key, &KeyPlace::of(&turn.server.space, key))
    } else if !spec.keys.is_empty() || spec.keys_of.is_some() {
        // A request whose keys cannot be found is wrong; its handler says in which way.
        let positions = spec.key_positions(args).unwrap_or_default();
        if positions.len() <= WINDOW {
            let keys = positions.iter().map(|&at| args.at(at as usize));
            return turn.data.try_hold_request(keys);
        }
        let shards: ShardSet = positions
            .iter()
            .map(|&at| turn.server.space.shard_of(args.at(at as usize)))
            .collect();
        turn.data.try_hold(|space| space.try_lock(shards))
    } else {
        turn.data.release();
        true
    }
}

/// Whether the request runs a script that is known to touch what it does not declare. Where there is one loop, closing the gate
/// keeps nobody waiting and costs less than what it takes to undo.
#[inline]
fn begins_exclusively(turn: &Turn<'_, '_>, client: &Client, flags: Flags) -> bool {
    if !flags.has(Flags::RUNS_SCRIPT) {
        return false;
    }
    if turn.server.loops.len() == 1 {
        return true;
    }
    let prepared = client.script.prepared.as_ref();
    let script = prepared.and_then(|prepared| prepared.script.as_ref());
    script.is_some_and(|script| script.exclusive.load(Ordering::Relaxed))
}

/// Runs a command whose locks are held, commits, and serves the clients that it woke.
fn run(
    turn: &mut Turn<'_, '_>,
    client: &mut Client,
    reply: &mut Reply,
    args: Args<'_>,
    command: Command,
) -> Flow {
    let Ran {
        mut flow,
        ready,
        mut elapsed_ns,
    } = run_held(turn, client, reply, args, command, true);
    serve(turn, ready);
    if std::mem::take(&mut client.script.needs_gate) {
        if !turn.try_close_gate() {
            let error = turn.server.scripts.long_runs.busy_reply();
            turn.server.stats.error(error.code());
            reply.error_bytes(error.text());
            return Flow::Continue;
        }
        turn.data.db = client.db;
        let again = run_held(turn, client, reply, args, command, true);
        debug_assert!(
            !client.script.needs_gate,
            "nothing is missing under the closed gate"
        );
        (flow, elapsed_ns) = (again.flow, again.elapsed_ns);
        serve(turn, again.ready);
    }
    if turn.server.loops[turn.lane].samples.passes(1) {
        // Of one that waits it is not known yet.
        let elapsed_ns = if flow == Flow::Blocked { 0 } else { elapsed_ns };
        hot::look_at_last(turn, client, &command, args, elapsed_ns);
    }
    if turn.pass.as_ref().is_some_and(GatePass::is_exclusive) {
        turn.leave();
    }
    flow
}

/// Serves blocked clients; the locks of the command that woke them are given up first.
pub fn serve(turn: &mut Turn<'_, '_>, ready: ReadyKeys) {
    if ready.is_empty() {
        return;
    }
    if !turn.data.held().is_lazy() {
        turn.data.release();
    }
    blocking::serve(turn.server, turn.settings, turn.data, ready);
}

/// What came of running a command.
pub struct Ran {
    /// How the connection goes on.
    pub flow: Flow,
    /// Keys that blocked clients wait for.
    pub ready: ReadyKeys,
    /// Time it took, 0 if it was not measured.
    pub elapsed_ns: u64,
}

/// Runs a command under the locks that `turn.data` holds and commits its effects. Unless `measured`,
/// the caller accounts for its time. Returns the keys to be served.
pub fn run_held(
    turn: &mut Turn<'_, '_>,
    client: &mut Client,
    reply: &mut Reply,
    args: Args<'_>,
    command: Command,
    measured: bool,
) -> Ran {
    let server = turn.server;
    turn.data.policy.touch = !client.no_touch;
    let start = reply.len();
    let began = measured.then(Instant::now);
    let mode = Mode {
        deny_blocking: false,
        ..Mode::default()
    };
    let db = client.db;
    turn.data.effects.author = client.info.id;
    let counts_memory = turn.settings.maxmemory > 0 && command.spec.flags.has(Flags::WRITE);
    let bytes_before = counts_memory.then(|| turn.data.held().memory_bytes(db));
    let (failed, block) = call(turn, client, reply, args, command, mode);
    if let Some(before) = bytes_before
        && !turn.data.held().is_lazy()
    {
        server.memory.changed(before, turn.data.held().memory_bytes(db));
    }
    turn.data.effects.end_command(db, 0, &args);
    if client.script.needs_gate {
        reply.truncate(start);
        return Ran {
            flow: Flow::Continue,
            ready: commit::commit(server, turn.data, &args),
            elapsed_ns: 0,
        };
    }
    // Shown when it has run, so that a transaction's commands stand between MULTI and EXEC.
    if server.monitors.any() {
        hot::note_reply(reply.len() - start);
        server
            .monitors
            .feed(server, command.spec, client.db, &client.info, &args);
    }
    let stats = &server.loops[turn.lane].stats;
    stats.commands.add(1);
    if failed {
        note_failure(server, turn.lane, &command);
    }
    let mut elapsed_ns = 0;
    if let Some(began) = began {
        elapsed_ns = began.elapsed().as_nanos() as u64;
        stats
            .of(&command)
            .record(1, elapsed_ns, turn.settings.latency_tracking);
        stats.command_time_ns.add(elapsed_ns);
        if block.is_none() {
            let outcome = Outcome::of(failed);
            note_end(
                server,
                turn.settings,
                &client.info,
                &args,
                command,
                elapsed_ns,
                outcome,
            );
        } else if command.is_noted {
            // How long it took is noted when it is served.
            audit::note_request(server, &client.info, &args, &command, Outcome::Begun);
        }
    }
    if turn.data.effects.expired > 0 {
        stats.expired_keys.add(turn.data.effects.expired);
    }
    if turn.data.effects.expired_fields > 0 {
        stats.expired_fields.add(turn.data.effects.expired_fields);
    }
    client.last_command = Some(command);
    let ready = commit::commit(server, turn.data, &args);
    if client.tracking.is_on() {
        end_tracked(turn, client, &args, &command, block.is_some());
    }
    let Some(wait) = block else {
        let flow = if client.closing {
            Flow::Close
        } else {
            Flow::Continue
        };
        return Ran {
            flow,
            ready,
            elapsed_ns,
        };
    };
    reply.truncate(start);
    let request = wait.request.clone().unwrap_or_else(|| args.to_owned());
    let ticket = server
        .tickets
        .open(&client.info, command, request, reply.protocol(), *wait, turn.data);
    client.ticket = Some(ticket);
    Ran {
        flow: Flow::Blocked,
        ready,
        elapsed_ns,
    }
}

/// Counts a command that has failed, the last one that was counted as run.
#[cold]
fn note_failure(server: &Server, lane: usize, command: &Command) {
    let handle = &server.loops[lane];
    handle.stats.of(command).failed.add(1);
    handle.samples.note_failure(handle.stats.commands.get());
}

/// Runs the command of a client that has waited to run it again. It locks nothing.
pub fn run_again(turn: &mut Turn<'_, '_>, client: &mut Client, reply: &mut Reply, ticket: &Ticket) {
    let (args, db) = (ticket.request.as_args(), client.db);
    let mode = Mode {
        retry: true,
        ..Mode::default()
    };
    turn.data.db = db;
    turn.data.effects.author = client.info.id;
    let (failed, block) = call(turn, client, reply, args, ticket.command, mode);
    debug_assert!(
        block.is_none(),
        "a command that waited for its time does not wait again"
    );
    if failed {
        turn.server.loops[turn.lane]
            .stats
            .of(&ticket.command)
            .failed
            .add(1);
    }
    turn.data.effects.end_command(db, 0, &args);
    let ready = commit::commit(turn.server, turn.data, &args);
    serve(turn, ready);
}

/// Remembers what a command of a client that caches has read; its locks are still held.
fn end_tracked(
    turn: &mut Turn<'_, '_>,
    client: &mut Client,
    args: &Args<'_>,
    command: &Command,
    waits: bool,
) {
    client
        .info
        .remembers
        .store(waits && client.tracking.remembers(), Ordering::Relaxed);
    let tracking = &mut client.tracking;
    tracking.end_command(&turn.server.tracking, turn.data, command, args, waits);
    tracking.end_caching(command.spec, client.multi.is_some());
}

/// Calls a handler; an error becomes the reply. Returns whether it failed, and its wish to wait.
pub fn call(
    turn: &mut Turn<'_, '_>,
    client: &mut Client,
    reply: &mut Reply,
    args: Args<'_>,
    command: Command,
    mode: Mode,
) -> (bool, Option<Box<flashdb_command::BlockRequest>>) {
    let start = reply.len();
    let mut context = Context {
        spec: command.spec,
        args,
        data: turn.data,
        reply,
        settings: turn.settings,
        session: &mut *client,
        mode,
        block: None,
    };
    let result = (command.spec.handler)(&mut context);
    let block = context.block.take();
    if let Err(error) = result {
        reply.truncate(start);
        reply.error_bytes(error.text());
        if !std::mem::take(&mut client.script.error_counted) {
            turn.server.stats.error(error.code());
        }
        return (true, None);
    }
    (false, block)
}

/// Below this duration of a window no command in it can be slow enough to be worth measuring alone.
const MEASURE_EACH_BELOW_US: i64 = 1000;

/// Whether fast commands are measured one by one, too.
#[inline]
pub fn measures_each(settings: &Settings) -> bool {
    (0..MEASURE_EACH_BELOW_US).contains(&settings.slowlog_log_slower_than)
        || settings.latency_monitor_threshold > 0
}

/// Enters a command that has run into the slow log and the latency monitor if it took long enough, and into the audit
/// log if its row asks for that.
#[inline]
pub fn note_end(
    server: &Server,
    settings: &Settings,
    client: &ClientInfo,
    args: &Args<'_>,
    command: Command,
    elapsed_ns: u64,
    outcome: Outcome,
) {
    let elapsed_us = elapsed_ns / 1000;
    let threshold_us = settings.slowlog_log_slower_than;
    let spike = settings.latency_monitor_threshold;
    let is_slow = threshold_us >= 0 && elapsed_us as i64 >= threshold_us;
    let is_spike = spike > 0 && elapsed_us / 1000 >= spike;
    if is_slow || is_spike || command.is_noted {
        enter(server, client, args, command, elapsed_us, outcome);
    }
}

/// Decides by the settings of this moment, which the command itself may have changed.
#[cold]
fn enter(
    server: &Server,
    client: &ClientInfo,
    args: &Args<'_>,
    command: Command,
    elapsed_us: u64,
    outcome: Outcome,
) {
    audit::note_request(server, client, args, &command, outcome);
    let settings = server.settings();
    let (flags, now_seconds) = (command.spec.flags, clock::unix_ms() as i64 / 1000);
    let threshold_us = settings.slowlog_log_slower_than;
    if threshold_us >= 0 && elapsed_us as i64 >= threshold_us && !flags.has(Flags::SKIP_SLOWLOG) {
        let entry = SlowEntry::of(command.spec, args, elapsed_us, clock::unix_ms() as i64, client);
        server
            .slowlog
            .lock()
            .add(entry, settings.slowlog_max_len as usize);
        slowlog::warn(server, client, command.spec, args.len(), elapsed_us);
    }
    let threshold_ms = settings.latency_monitor_threshold;
    // EXEC is as slow as what it runs, which is noted by itself.
    if threshold_ms > 0 && elapsed_us / 1000 >= threshold_ms && !flags.has(Flags::RUNS_QUEUE) {
        let event = if flags.has(Flags::FAST) {
            "fast-command"
        } else {
            "command"
        };
        server.latency.add(event, now_seconds, elapsed_us / 1000);
    }
}

enum Gate {
    Run,
    Queue,
    Pause,
}

/// Everything that may keep a command from running, in Redis's order.
fn gates(
    turn: &mut Turn<'_, '_>,
    client: &mut Client,
    command: &Command,
    args: &Args<'_>,
) -> Result<Gate, ErrorReply> {
    let spec = command.spec;
    let flags = flags_of(client, command, args);
    if !spec.accepts(args.len()) {
        return Err(error::wrong_arity(&spec.full_name()));
    }
    if flags.has(Flags::NEEDS_DEBUG) {
        debug_allowed(turn.settings, client)?;
    }
    if !client.authenticated && !flags.has(Flags::NO_AUTH) {
        return Err(ErrorReply::fixed("NOAUTH Authentication required."));
    }
    if turn.is_busy() && !flags.has(Flags::ALLOW_BUSY) {
        return Err(turn.server.scripts.long_runs.busy_reply());
    }
    if client.multi.is_some() && flags.has(Flags::NO_MULTI) {
        return Err(ErrorReply::fixed("ERR Command not allowed inside a transaction"));
    }
    permitted(turn.server, client, command, args)?;
    if client.multi.as_ref().is_some_and(|multi| multi.atomic) && outlives_rollback(flags) {
        return Err(ErrorReply::fixed(
            "ERR Command not allowed inside a rollback transaction: not all of its effects could be undone",
        ));
    }
    if turn.server.is_loading() && !flags.has(Flags::LOADING) {
        return Err(LOADING);
    }
    if flags.has(Flags::DENY_OOM) && is_out_of_memory(turn) {
        return Err(OUT_OF_MEMORY);
    }
    if flags.has(Flags::RUNS_SCRIPT) || flags.has(Flags::RUNS_QUEUE) {
        client.script.out_of_memory = is_out_of_memory(turn);
    }
    // Whatever the command, as in Redis.
    if eviction::is_over_limit(turn) {
        eviction::evict_by_the_way(turn);
    }
    if flags.has(Flags::RUNS_QUEUE)
        && client.multi.as_ref().is_some_and(|m| m.needs_memory)
        && is_out_of_memory(turn)
    {
        return Err(OUT_OF_MEMORY);
    }
    if lacks_replicas(turn.server, turn.settings) && writes(client, flags) {
        return Err(TOO_FEW_REPLICAS);
    }
    let restricted = client.subscriptions() > 0 && !client.is_resp3;
    if restricted && !flags.has(Flags::WHILE_SUBSCRIBED) {
        return Err(ErrorReply::new(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
            spec.full_name()
        )));
    }
    let writes = writes(client, flags);
    let log = turn.server.space.log();
    if writes && log.refuses_writes() {
        return Err(no_log(log));
    }
    if writes && cannot_save(turn.server, turn.settings) {
        return Err(SAVE_FAILED);
    }
    if turn.server.pause.until_ms(turn.data.now_ms).is_some() && is_held_back(turn, client, flags) {
        return Ok(Gate::Pause);
    }
    // The disk cannot keep up: the client waits instead of the server's memory growing. A script that does not say that it
    // only reads may write, too.
    let may_write = writes || flags.has(Flags::RUNS_SCRIPT) && flags.has(Flags::MAY_REPLICATE);
    if may_write && (log.is_congested() || turn.server.space.snapshot_is_congested()) {
        return Ok(Gate::Pause);
    }
    if may_write && !turn.data.policy.expire {
        // There is room again, or the pause was ended, in the course of this turn.
        turn.data.policy.expire = removes_expired(turn.server, turn.data.now_ms);
    }
    if client.multi.is_some() && !flags.has(Flags::IMMEDIATE) {
        return Ok(Gate::Queue);
    }
    Ok(Gate::Run)
}

/// Whether keys are removed as their time comes: not while writes are paused, nor when that could not be logged. They are
/// absent to whoever asks all the same.
pub fn removes_expired(server: &Server, now_ms: i64) -> bool {
    server.pause.until_ms(now_ms).is_none() && !server.space.log().refuses_writes()
}

/// Whether a command that would be queued does what a rollback does not take back.
pub fn outlives_rollback(flags: Flags) -> bool {
    (flags.has(Flags::ADMIN) || flags.has(Flags::NO_ROLLBACK)) && !flags.has(Flags::IMMEDIATE)
}

/// Flags of a request: those of its row, changed by what its script says of itself.
#[inline]
fn flags_of(client: &Client, command: &Command, args: &Args<'_>) -> Flags {
    let flags = command.spec.flags;
    if !flags.has(Flags::RUNS_SCRIPT) {
        return flags;
    }
    let prepared = client.script.prepared.as_ref();
    let known = prepared.and_then(|prepared| prepared.script.as_deref());
    script::effective_flags(flags, known, args.get(1))
}

/// What keeps any command from writing, asked by scripts for each one that does.
///
/// # Errors
/// As a client is answered that writes.
pub fn check_writable(server: &Server, settings: &Settings) -> Result<(), ErrorReply> {
    if server.space.log().refuses_writes() {
        return Err(no_log(server.space.log()));
    }
    if cannot_save(server, settings) {
        return Err(SAVE_FAILED);
    }
    if lacks_replicas(server, settings) {
        return Err(TOO_FEW_REPLICAS);
    }
    Ok(())
}

const TOO_FEW_REPLICAS: ErrorReply = ErrorReply::fixed("NOREPLICAS Not enough good replicas to write.");

/// Whether the client's user may run the request; if not, that is logged.
#[inline]
fn permitted(server: &Server, client: &Client, command: &Command, args: &Args<'_>) -> Result<(), ErrorReply> {
    let surroundings = if client.multi.is_some() {
        Surroundings::Multi
    } else {
        Surroundings::Toplevel
    };
    acl::permit(server, &client.info, &client.user, (command, args), surroundings)
        .map_err(|denied| not_permitted(&client.user, command, denied))
}

/// Redis's words for a request that the user may not run.
pub fn not_permitted(user: &User, command: &Command, denied: Denied) -> ErrorReply {
    match denied.lack {
        Lack::Command => {
            let name = command.spec.full_name();
            let behind = format!(" has no permissions to run the '{name}' command");
            ErrorReply::from_bytes([b"NOPERM User ", &*user.name, behind.as_bytes()].concat())
        }
        Lack::Key => ErrorReply::fixed(
            "NOPERM this user has no permissions to access one of the keys used as arguments",
        ),
        Lack::Channel => ErrorReply::fixed(
            "NOPERM this user has no permissions to access one of the channels used as arguments",
        ),
    }
}

/// The answer when memory is short.
pub const OUT_OF_MEMORY: ErrorReply =
    ErrorReply::fixed("OOM command not allowed when used memory > 'maxmemory'.");

const LOADING: ErrorReply = ErrorReply::fixed("LOADING Redis is loading the dataset in memory");

/// What keeps the log from taking writes.
#[cold]
fn no_log(log: &flashdb_log::Log) -> ErrorReply {
    match log.has_failed() {
        true => LOG_FAILED,
        false => DISK_FULL,
    }
}

const DISK_FULL: ErrorReply = ErrorReply::fixed(
    "MISCONF Errors writing to the log: No space left on device. Writes are refused until there is room again.",
);

const LOG_FAILED: ErrorReply = ErrorReply::fixed(
    "MISCONF Errors writing to the log: writes are refused until it works again. See the server's log.",
);

/// Redis's own words, which clients look for.
const SAVE_FAILED: ErrorReply = ErrorReply::fixed(
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.",
);

/// Whether the last snapshot failed where the operator relies on them.
#[inline]
pub fn cannot_save(server: &Server, settings: &Settings) -> bool {
    server.save_failed.load(Ordering::Relaxed)
        && settings.stop_writes_on_bgsave_error
        && !settings.save.is_empty()
}

/// Whether the data has outgrown `maxmemory` and no key can be evicted.
#[inline]
fn is_out_of_memory(turn: &mut Turn<'_, '_>) -> bool {
    eviction::is_over_limit(turn) && eviction::evict(turn) == Evicted::Nothing
}

/// Whether `min-replicas-to-write` forbids writes.
fn lacks_replicas(server: &Server, settings: &Settings) -> bool {
    let wanted = settings.min_replicas_to_write as usize;
    wanted > 0 && server.feed.followers_count() < wanted
}

/// Whether a command writes, or runs queued commands of which one does.
fn writes(client: &Client, flags: Flags) -> bool {
    let queued = flags.has(Flags::RUNS_QUEUE) && client.multi.as_ref().is_some_and(|multi| multi.writes);
    flags.has(Flags::WRITE) || queued
}

fn is_held_back(turn: &Turn<'_, '_>, client: &Client, flags: Flags) -> bool {
    if flags.has(Flags::IGNORES_PAUSE) {
        return false;
    }
    if !turn.server.pause.writes_only() {
        return true;
    }
    writes(client, flags) || flags.has(Flags::MAY_REPLICATE)
}

/// Whether a client may use commands for debugging.
///
/// # Errors
/// Why not.
pub fn debug_allowed(settings: &Settings, client: &Client) -> Result<(), ErrorReply> {
    let allowed = match settings.enable_debug_command {
        ProtectedAction::Yes => true,
        ProtectedAction::Local => client.info.unix || is_loopback(&client.info.addr),
        ProtectedAction::No => false,
    };
    if allowed {
        return Ok(());
    }
    Err(ErrorReply::fixed(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it \
         from a local connection, otherwise you need to set this option in the configuration file, and then \
         restart the server.",
    ))
}

fn is_loopback(addr: &str) -> bool {
    addr.parse::<std::net::SocketAddr>()
        .is_ok_and(|addr| addr.ip().to_canonical().is_loopback())
}

/// Answers a refused request; inside MULTI the transaction is lost with it.
fn refuse(
    turn: &mut Turn<'_, '_>,
    client: &mut Client,
    reply: &mut Reply,
    command: Option<Command>,
    error: ErrorReply,
) -> Flow {
    let start = reply.len();
    if let Some(multi) = &mut client.multi {
        multi.failed = true;
    }
    if let Some(command) = command {
        turn.server.loops[turn.lane].stats.of(&command).rejected.add(1);
    }
    turn.server.stats.error(error.code());
    // A refused EXEC ends its transaction, and says why nothing of it happened.
    if command.is_some_and(|command| command.spec.flags.has(Flags::RUNS_QUEUE))
        && client.multi.take().is_some()
    {
        let mut text = b"EXECABORT Transaction discarded because of: ".to_vec();
        let words = error.text();
        let rest = words.strip_prefix(b"-").unwrap_or(words);
        text.extend_from_slice(rest.strip_prefix(b"ERR ").unwrap_or(rest));
        crate::commands::transaction::unwatch_all(client, turn.data);
        reply.error_bytes(&text);
    } else {
        reply.error_bytes(error.text());
    }
    settle_reply_mode(client, reply, start, Flow::Continue)
}

fn queue(client: &mut Client, command: Command, args: &Args<'_>, reply: &mut Reply) {
    let multi = client.multi.get_or_insert_with(Multi::default);
    let request = args.to_owned();
    let flags = flags_of_queued(&mut client.script, command, args);
    multi.bytes += request.memory_bytes() + size_of::<(Command, flashdb_resp::OwnedArgs)>();
    multi.exclusive |=
        command.spec.is_exclusive(args) || command.spec.walks_shards() || flags.has(Flags::RUNS_SCRIPT);
    multi.writes |= flags.has(Flags::WRITE) || flags.has(Flags::MAY_REPLICATE);
    multi.needs_memory |= flags.has(Flags::DENY_OOM);
    multi.queue.push((command, request));
    client.info.queued_bytes.store(multi.bytes, Ordering::Relaxed);
    reply.simple("QUEUED");
}

/// As [`flags_of`]; the script is looked up again when the queue runs.
fn flags_of_queued(state: &mut ScriptState, command: Command, args: &Args<'_>) -> Flags {
    let known = state.prepared.take().and_then(|prepared| prepared.script);
    if command.spec.flags.has(Flags::RUNS_SCRIPT) {
        script::effective_flags(command.spec.flags, known.as_deref(), args.get(1))
    } else {
        command.spec.flags
    }
}

/// CLIENT REPLY OFF and SKIP: takes back what was written.
#[inline]
fn settle_reply_mode(client: &mut Client, reply: &mut Reply, start: usize, flow: Flow) -> Flow {
    match client.reply_mode {
        ReplyMode::On => {}
        ReplyMode::Off => reply.truncate(start),
        ReplyMode::SkipNext => client.reply_mode = ReplyMode::SkipThis,
        ReplyMode::SkipThis => {
            reply.truncate(start);
            client.reply_mode = ReplyMode::On;
        }
    }
    flow
}

/// Whether a request has the name and the number of words of another, so that what was found out about that one's command
/// holds for it, too.
#[inline]
pub fn is_same_form(one: &Args<'_>, other: &Args<'_>) -> bool {
    one.len() == other.len() && is_same_name(one.at(0), other.at(0))
}

/// Whether two names are the same to the byte. Most are so short that comparing both ends is quicker than a call.
#[inline]
fn is_same_name(one: &[u8], other: &[u8]) -> bool {
    #[inline]
    fn ends<const N: usize>(name: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
        Some((name.first_chunk()?, name.last_chunk()?))
    }
    one.len() == other.len()
        && match one.len() {
            2..=4 => ends::<2>(one) == ends::<2>(other),
            5..=8 => ends::<4>(one) == ends::<4>(other),
            _ => one == other,
        }
}

/// Whether a request may run in a window with others: one key, no gate to look at, nothing that
/// ends the batch. See [`crate::connection`].
#[inline]
pub fn fits_window(command: &Command, args: &Args<'_>) -> bool {
    const ALONE: [Flags; 5] = [
        Flags::BLOCKING,
        Flags::IMMEDIATE,
        Flags::NEEDS_DEBUG,
        Flags::ADMIN,
        Flags::NO_AUTH,
    ];
    command.single_key.is_some()
        && command.spec.accepts(args.len())
        && !command.spec.is_exclusive(args)
        && !ALONE.iter().any(|flag| command.spec.flags.has(*flag))
}

/// Whether a client is in a state in which its requests may run in windows.
#[inline]
pub fn client_fits_window(turn: &Turn<'_, '_>, client: &Client) -> bool {
    turn.pass.is_some()
        && !turn.is_busy()
        && client.authenticated
        && client.follows_acl(turn.server)
        && client.multi.is_none()
        && client.reply_mode == ReplyMode::On
        && (client.is_resp3 || client.subscriptions() == 0)
        && turn.server.pause.until_ms(turn.data.now_ms).is_none()
        && !eviction::is_over_limit(turn)
        && !tracking::is_over_bound(turn)
        && turn.data.policy.expire
        && turn.server.space.log().takes_writes()
        && !cannot_save(turn.server, turn.settings)
        && !turn.server.space.snapshot_is_congested()
        && !turn.server.is_loading()
        && turn.settings.min_replicas_to_write == 0
}

/// Resolves a request's command if it is a plain one (no container).
#[inline]
pub fn resolve_plain(server: &Server, client: &Client, args: &Args<'_>) -> Option<Command> {
    let name = args.at(0);
    let registry: &registry::Registry = &server.registry;
    if let Some(last) = client.last_command
        && !registry.is_renamed()
        && last.spec.container.is_empty()
        && last.spec.subcommands.is_empty()
        && last.spec.name.len() == name.len()
        && name.eq_ignore_ascii_case(last.spec.name.as_bytes())
    {
        return Some(last);
    }
    registry
        .find(name)
        .filter(|command| command.spec.subcommands.is_empty())
}
