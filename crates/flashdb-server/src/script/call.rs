//! A running script as its interpreter sees the server: each command that it calls passes the checks for scripts, is
//! compared with the locks that are held, and runs as one of a transaction would. What others could notice of it (lines of
//! the log, statistics) is told at the end, since the script may have to run again.

use super::Script;
use super::busy::LongRun;
use crate::acl::{self, Lack, Surroundings};
use crate::audit::{self, Outcome};
use crate::client::Client;
use crate::commands::downcast;
use crate::dispatch;
use crate::hot;
use crate::server::Server;
use crate::tracking;
use flashdb_base::hash::hash_bytes;
use flashdb_command::error::ErrorReply;
use flashdb_command::registry::Command;
use flashdb_command::{Context, Flags, Mode, Session};
use flashdb_config::Settings;
use flashdb_resp::{Args, Reply};
use flashdb_script::{Abort, Host, LogLevel};
use flashdb_store::{Access, Patience};
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A script that has run for this long is shown to others, who may end it.
const LOOK_AFTER: Duration = Duration::from_millis(2);
/// Time between two looks at whether it is to end; also how long a client waits for the answer BUSY.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// Bytes that are copied before a change, at most, so that it can be undone. A script that changes larger values runs under the
/// exclusive gate, where nothing is ever undone.
const UNDO_BYTES_MAX: usize = 4096;

/// Calls that wait to be counted; a script that has made so many is counted twice if it runs again.
const CALLS_MAX: usize = 1000;
/// Lines of the log that one script may have waiting.
const LOG_LINES_MAX: usize = 1000;

/// Word of the request that is the first declared key.
pub const FIRST_KEY: usize = 3;
/// Declared keys that are looked up beforehand.
pub const PLACES_MAX: usize = 8;

/// Shard and hash of the first declared keys.
pub type Places = SmallVec<[(u16, u64); PLACES_MAX]>;

/// Places for commands by the words that they are called by.
const KNOWN_MAX: usize = 32;

/// Commands that scripts on this thread have called, by the words they used; a word's place follows from it.
pub type Known = [Option<(SmallVec<[u8; 16]>, Command)>; KNOWN_MAX];

/// See the module's head.
pub struct Running<'r, 'k> {
    server: &'r Server,
    script: &'r Script,
    data: &'r mut Access<'k>,
    session: &'r mut dyn Session,
    settings: &'r Settings,
    in_exec: bool,
    /// Nothing may be written.
    read_only: bool,
    /// It may write although memory is short.
    allows_oom: bool,
    out_of_memory: bool,
    /// Under the exclusive gate: nothing has to be declared.
    exclusive: bool,
    /// A command has written.
    wrote: bool,
    /// What the script does is kept to be undone.
    undoes: bool,
    /// The script is part of a transaction that may be undone.
    rolls_back: bool,
    db: u16,
    began: Instant,
    /// When the time is looked at next.
    look_at: Instant,
    /// When the last command ended.
    last_call: Instant,
    long_run: Option<Arc<LongRun>>,
    request: Args<'r>,
    /// Where its first keys are.
    places: Places,
    /// Commands by the words that they were called by.
    known: &'r mut Known,
    calls: SmallVec<[Call; 8]>,
    /// Each call is measured alone, as somebody asks for short times.
    measures_each: bool,
    /// Time of the calls that were measured alone.
    measured_ns: u64,
    refusals: Vec<Refusal>,
    lines: Vec<(LogLevel, Vec<u8>)>,
}

/// A call that was refused or failed, for the statistics and the log of what users may not do.
struct Refusal {
    command: Option<Command>,
    error: ErrorReply,
    /// What the user lacks, and what it lacks it for.
    denied: Option<(Lack, Vec<u8>)>,
}

impl From<ErrorReply> for Refusal {
    fn from(error: ErrorReply) -> Self {
        Refusal {
            command: None,
            error,
            denied: None,
        }
    }
}

/// A command that was called, for the statistics.
struct Call {
    command: Command,
    /// `None` if it has a share in the time of the script: reading the clock takes as long as a fast command.
    elapsed_ns: Option<u64>,
    failed: bool,
}

impl<'r, 'k> Running<'r, 'k> {
    /// A script about to run for `context`, and the reply that its answer goes to.
    pub fn begin<'a>(
        context: &'r mut Context<'a, 'k>,
        places: Places,
        known: &'r mut Known,
        server: &'r Server,
        script: &'r Script,
        read_only: bool,
        allows_oom: bool,
    ) -> (Self, &'r mut Reply)
    where
        'a: 'r,
    {
        let client = downcast(context.session);
        let began = Instant::now();
        let running = Running {
            server,
            script,
            db: client.db,
            out_of_memory: client.script.out_of_memory,
            exclusive: context.data.held().is_lazy(),
            rolls_back: context.data.is_undoable(),
            data: &mut *context.data,
            session: &mut *context.session,
            settings: context.settings,
            in_exec: context.mode.in_exec,
            read_only,
            allows_oom,
            wrote: false,
            undoes: false,
            began,
            look_at: began + LOOK_AFTER,
            last_call: began,
            long_run: None,
            request: context.args,
            places,
            known,
            calls: SmallVec::new(),
            measures_each: dispatch::measures_each(context.settings),
            measured_ns: 0,
            refusals: Vec::new(),
            lines: Vec::new(),
        };
        (running, &mut *context.reply)
    }

    /// Tells what happened, unless the script runs again: then nothing has.
    pub fn end(mut self, again: bool) {
        if let Some(run) = &self.long_run {
            self.server.scripts.long_runs.remove(run, self.patience());
        }
        match (self.undoes, again) {
            (true, true) => self.data.roll_back(),
            (true, false) => self.data.end_undo(),
            (false, _) => {}
        }
        let client = downcast(self.session);
        client.db = self.db;
        self.data.db = self.db;
        self.data.unfocus();
        if again {
            return;
        }
        self.count_calls();
        self.tell_refusals();
        for (level, text) in self.lines {
            write_line(level, &text);
        }
    }

    /// Enters the calls so far into the statistics.
    fn count_calls(&mut self) {
        let loop_id = downcast(self.session).info.loop_id;
        let stats = &self.server.loops[loop_id].stats;
        stats.commands.add(self.calls.len() as u64);
        let shared = self.calls.iter().filter(|call| call.elapsed_ns.is_none()).count() as u64;
        let elapsed_ns = self.began.elapsed().as_nanos() as u64;
        let unmeasured_ns = elapsed_ns.saturating_sub(self.measured_ns);
        let share_ns = unmeasured_ns.checked_div(shared).unwrap_or(0);
        self.measured_ns += share_ns * shared;
        for call in self.calls.drain(..) {
            let of = stats.of(&call.command);
            of.record(
                1,
                call.elapsed_ns.unwrap_or(share_ns),
                self.settings.latency_tracking,
            );
            if call.failed {
                of.failed.add(1);
            }
        }
    }

    /// Enters the refusals so far into the statistics and the log of users.
    fn tell_refusals(&mut self) {
        let client = downcast(self.session);
        let stats = &self.server.loops[client.info.loop_id].stats;
        for refusal in self.refusals.drain(..) {
            self.server.stats.error(refusal.error.code());
            if let Some(command) = &refusal.command {
                stats.of(command).rejected.add(1);
            }
            if let Some((lack, object)) = refusal.denied {
                let (reason, username) = (lack.into(), client.user.name.to_vec());
                self.server.acl.note(
                    self.server,
                    &client.info,
                    reason,
                    Surroundings::Lua,
                    object,
                    username,
                );
            }
        }
    }

    /// The command that is called, known from before if it was called by the same word.
    fn resolve(&mut self, args: &Args<'_>) -> Option<Command> {
        let name = args.at(0);
        let place = &mut self.known[(name.len() ^ usize::from(*name.first()?)) % KNOWN_MAX];
        if let Some((word, command)) = place
            && word.as_slice() == name
        {
            return Some(*command);
        }
        let command = self.server.registry.resolve(args).ok()?;
        if command.spec.container.is_empty() && command.spec.subcommands.is_empty() {
            *place = Some((SmallVec::from_slice(name), command));
        }
        Some(command)
    }

    /// What keeps a script from calling a command.
    fn check(&mut self, command: &Command, args: &Args<'_>) -> Result<(), Refusal> {
        let (spec, flags) = (command.spec, command.spec.flags);
        if flags.has(Flags::NO_SCRIPT) && !self.allows_all_commands() {
            return Err(ErrorReply::fixed("ERR This Redis command is not allowed from script").into());
        }
        if !spec.accepts(args.len()) {
            return Err(
                ErrorReply::fixed("ERR Wrong number of args calling Redis command from script").into(),
            );
        }
        if self.rolls_back && dispatch::outlives_rollback(flags) {
            return Err(ErrorReply::fixed(
                "ERR Command not allowed inside a rollback transaction: not all of its effects could be undone",
            ).into());
        }
        let client = downcast(self.session);
        if flags.has(Flags::NEEDS_DEBUG) {
            dispatch::debug_allowed(self.settings, client)?;
        }
        user_may_call(client, command, args)?;
        if self.read_only && (flags.has(Flags::WRITE) || flags.has(Flags::MAY_REPLICATE)) {
            return Err(
                ErrorReply::fixed("ERR Write commands are not allowed from read-only scripts.").into(),
            );
        }
        // What has written once may go on, whatever has come between.
        if self.wrote {
            return Ok(());
        }
        if flags.has(Flags::DENY_OOM) && self.out_of_memory && !self.allows_oom {
            return Err(dispatch::OUT_OF_MEMORY.into());
        }
        if flags.has(Flags::WRITE) {
            dispatch::check_writable(self.server, self.settings)?;
            if !self.data.policy.expire {
                // There is room again, or a pause was ended, since the script began.
                self.data.policy.expire = dispatch::removes_expired(self.server, self.data.now_ms);
            }
        }
        Ok(())
    }

    fn allows_all_commands(&self) -> bool {
        self.server.scripts.allows_all_commands.load(Ordering::Relaxed)
    }

    /// Whether the locks that are held are enough for a command, and what it does can be taken back. Names its key to the
    /// data, so that it is hashed once.
    fn is_covered(&mut self, command: &Command, args: &Args<'_>) -> bool {
        let (spec, flags) = (command.spec, command.spec.flags);
        if let Some(at) = command.single_key {
            let key = args.at(at as usize);
            let (shard, hash) = self.place_of(key);
            self.data.focus(key, shard, hash);
            return self.exclusive
                || (self.data.held().covers(shard)
                    && !spec.is_exclusive(args)
                    && (!flags.has(Flags::WRITE) || self.keeps_undo(self.data.undo_cost_bytes(key))));
        }
        self.data.unfocus();
        if self.exclusive {
            return true;
        }
        if spec.is_exclusive(args) || spec.walks_shards() || dispatch::outlives_rollback(flags) {
            return false;
        }
        if spec.keys.is_empty() && spec.keys_of.is_none() {
            // Published messages wait for the end while what was done can be undone.
            return flags.has(Flags::FAST) && (!flags.has(Flags::PUBSUB) || self.keeps_undo(0));
        }
        let mut cost_bytes = 0;
        for at in spec.key_positions(args).unwrap_or_default() {
            let key = args.at(at as usize);
            let shard = self.data.space().shard_of(key);
            if !self.data.held().covers(shard) {
                return false;
            }
            cost_bytes += self.data.undo_cost_bytes(key);
        }
        !flags.has(Flags::WRITE) || self.keeps_undo(cost_bytes)
    }

    /// Shard and hash of a key.
    fn place_of(&self, key: &[u8]) -> (u16, u64) {
        let declared = self.places.iter().enumerate();
        let known = declared.filter(|(at, _)| self.request.at(FIRST_KEY + at) == key);
        known
            .map(|(_, &place)| place)
            .next()
            .unwrap_or_else(|| (self.data.space().shard_of(key), hash_bytes(key)))
    }

    /// Begins to keep what it takes to undo, unless a command would make that too dear.
    fn keeps_undo(&mut self, cost_bytes: usize) -> bool {
        if cost_bytes > UNDO_BYTES_MAX {
            return false;
        }
        if !self.undoes {
            self.data.begin_undo();
            self.undoes = true;
        }
        true
    }

    fn execute(&mut self, command: Command, args: Args<'_>, reply: &mut Reply) {
        let client = downcast(self.session);
        self.data.db = client.db;
        let (db, dirty) = (client.db, self.data.effects.dirty);
        if self.server.monitors.any() {
            self.server
                .monitors
                .feed_called(self.server, command.spec, db, &args);
        }
        let measured = self.measures_each || !command.spec.flags.shares_time();
        let began = measured.then(Instant::now);
        let mut context = Context {
            spec: command.spec,
            args,
            data: self.data,
            reply,
            settings: self.settings,
            session: self.session,
            mode: Mode {
                in_exec: self.in_exec,
                in_script: true,
                ..Mode::default()
            },
            block: None,
        };
        let result = (command.spec.handler)(&mut context);
        let elapsed_ns = began.map(|began| self.elapsed_ns(began));
        let failed = result.is_err();
        if let Err(error) = result {
            reply.truncate(0);
            reply.error_bytes(error.text());
            self.note_refusal(error.into());
        }
        self.data.effects.end_command(db, dirty, &args);
        if self.data.effects.dirty > dirty {
            self.wrote = true;
            if let Some(run) = &self.long_run {
                run.note_write();
            }
        }
        let client = downcast(self.session);
        let samples = &self.server.loops[client.info.loop_id].samples;
        if samples.passes(1) {
            samples.look_at(&hot::Ran {
                command: &command,
                args,
                db,
                client: &client.info,
                elapsed_ns,
                failed,
                touches: !client.no_touch,
            });
        }
        client.tracking.script_read |= client.tracking.is_on() && tracking::reads(command.spec);
        self.calls.push(Call {
            command,
            elapsed_ns,
            failed,
        });
        if self.calls.len() >= CALLS_MAX {
            self.count_calls();
        }
        if let Some(elapsed_ns) = elapsed_ns {
            let info = &downcast(self.session).info;
            let outcome = Outcome::of(failed);
            dispatch::note_end(
                self.server,
                self.settings,
                info,
                &args,
                command,
                elapsed_ns,
                outcome,
            );
        } else if command.is_noted {
            // Too short to be worth a look at the clock (SWAPDB).
            let info = &downcast(self.session).info;
            audit::note_request(self.server, info, &args, &command, Outcome::of(failed));
        }
    }

    fn elapsed_ns(&mut self, began: Instant) -> u64 {
        self.last_call = Instant::now();
        let elapsed_ns = (self.last_call - began).as_nanos() as u64;
        self.measured_ns += elapsed_ns;
        elapsed_ns
    }

    /// Whether the script may be ended half way because the server ends. One that is part of something greater, or has
    /// written, is waited for, as half of it must not last; by SHUTDOWN NOSAVE it is ended, and nothing of it lasts.
    fn may_end(&self) -> bool {
        if !self.wrote && !self.in_exec {
            return true;
        }
        let at_once = self.server.ends_scripts.load(Ordering::Acquire);
        if at_once {
            self.server.space.log().seal();
        }
        at_once
    }

    fn patience(&self) -> &'r Patience {
        self.server.space.gate().patience()
    }

    /// The script as others see it, shown to them from now on.
    fn long_run(&mut self) -> Arc<LongRun> {
        let run = self.long_run.get_or_insert_with(|| {
            let (runs, request) = (&self.server.scripts.long_runs, self.request.to_owned());
            runs.add(self.script.kind(), self.script.name(), request, self.began)
        });
        if self.wrote {
            run.note_write();
        }
        run.clone()
    }

    fn refuse(&mut self, command: Option<Command>, refusal: Refusal, reply: &mut Reply) {
        reply.error_bytes(refusal.error.text());
        self.note_refusal(Refusal { command, ..refusal });
    }

    fn note_refusal(&mut self, refusal: Refusal) {
        self.refusals.push(refusal);
        if self.exclusive || self.refusals.len() >= CALLS_MAX {
            self.tell_refusals();
        }
    }
}

/// Whether the user that a script runs for may call a command on its keys.
///
/// # Errors
/// Why not, in Redis's words for scripts, and what is to be entered in the log.
fn user_may_call(client: &Client, command: &Command, args: &Args<'_>) -> Result<(), Refusal> {
    acl::check(&client.user, command, args).map_err(|denied| Refusal {
        command: None,
        error: ErrorReply::fixed(match denied.lack {
            Lack::Command => "ERR The user executing the script can't run this command or subcommand",
            Lack::Key => {
                "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments"
            }
            Lack::Channel => {
                "ERR The user executing the script can't publish to the channel mentioned in the command"
            }
        }),
        denied: Some((denied.lack, denied.object(command, args))),
    })
}

impl Host for Running<'_, '_> {
    fn call(&mut self, args: Args<'_>, reply: &mut Reply) -> Result<(), Abort> {
        let Some(command) = self.resolve(&args) else {
            let unknown = ErrorReply::fixed("ERR Unknown Redis command called from script");
            self.refuse(None, unknown.into(), reply);
            return Ok(());
        };
        if let Err(refusal) = self.check(&command, &args) {
            self.refuse(Some(command), refusal, reply);
            return Ok(());
        }
        if !self.is_covered(&command, &args) {
            return Err(Abort::Restart);
        }
        self.execute(command, args, reply);
        if self.look_at <= self.last_call {
            return self.tick();
        }
        Ok(())
    }

    fn may_call(&mut self, args: Args<'_>) -> Option<bool> {
        let command = self.server.registry.resolve(&args).ok()?;
        let client = downcast(self.session);
        Some(acl::check(&client.user, &command, &args).is_ok())
    }

    fn log(&mut self, level: LogLevel, text: &[u8]) {
        if self.exclusive {
            write_line(level, text);
        } else if self.lines.len() < LOG_LINES_MAX {
            self.lines.push((level, text.to_vec()));
        }
    }

    fn tick(&mut self) -> Result<(), Abort> {
        let now = Instant::now();
        if now < self.look_at {
            return Ok(());
        }
        self.look_at = now + LOOK_AGAIN;
        if self.server.stopping.load(Ordering::Acquire) && self.may_end() {
            return Err(Abort::Killed("ERR the server is shutting down".into()));
        }
        let run = self.long_run();
        if run.is_killed() {
            return Err(Abort::Killed(
                "ERR Script killed by user with SCRIPT KILL.".into(),
            ));
        }
        if run.is_busy(self.server.settings().busy_reply_threshold, self.patience()) {
            crate::core_loop::attend();
        }
        Ok(())
    }
}

/// Writes a line of `redis.log`.
pub(super) fn write_line(level: LogLevel, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    match level {
        LogLevel::Debug => tracing::debug!(target: "script", "{text}"),
        LogLevel::Verbose | LogLevel::Notice => tracing::info!(target: "script", "{text}"),
        LogLevel::Warning => tracing::warn!(target: "script", "{text}"),
    }
}
