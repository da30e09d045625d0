//! A running script as its interpreter sees the server: each command that it calls passes the checks for scripts, is
//! compared with the locks that are held, and runs as one of a transaction would. What others could notice of it (lines of
//! the log, statistics) is told at the end, since the script may have to run again.

use super::Script;
use crate::acl::{self, Lack, Surroundings};
use crate::client::Client;
use crate::commands::downcast;
use crate::dispatch;
use crate::server::Server;
use crate::tracking;
use flashdb_base::hash::hash_bytes;
use flashdb_command::error::ErrorReply;
use flashdb_command::registry::Command;
use flashdb_command::{Context, Flags, Mode, Session};
use flashdb_config::Settings;
use flashdb_resp::{Args, Reply};
use flashdb_script::{Abort, Host, LogLevel};
use flashdb_store::Access;
use smallvec::SmallVec;
use std::time::Instant;

/// Lines of the log that one script may have waiting.
const LOG_LINES_MAX: usize = 1000;

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
    db: u16,
    calls: SmallVec<[Call; 8]>,
    lines: Vec<(LogLevel, Vec<u8>)>,
}

/// A command that was called, for the statistics.
struct Call {
    command: Command,
    elapsed_ns: u64,
    failed: bool,
}

impl<'r, 'k> Running<'r, 'k> {
    /// A script about to run for `context`, and the reply that its answer goes to.
    pub fn begin<'a>(
        context: &'r mut Context<'a, 'k>,
        server: &'r Server,
        script: &'r Script,
        read_only: bool,
        allows_oom: bool,
    ) -> (Self, &'r mut Reply)
    where
        'a: 'r,
    {
        let client = downcast(context.session);
        let running = Running {
            server,
            script,
            db: client.db,
            out_of_memory: client.script.out_of_memory,
            exclusive: context.data.held().is_lazy(),
            data: &mut *context.data,
            session: &mut *context.session,
            settings: context.settings,
            in_exec: context.mode.in_exec,
            read_only,
            allows_oom,
            wrote: false,
            calls: SmallVec::new(),
            lines: Vec::new(),
        };
        (running, &mut *context.reply)
    }

    /// Tells what happened, unless the script runs again.
    pub fn end(self, again: bool) {
        let client = downcast(self.session);
        client.db = self.db;
        self.data.db = self.db;
        self.data.unfocus();
        if again {
            return;
        }
        let stats = &self.server.loops[client.info.loop_id].stats;
        for call in &self.calls {
            let of = stats.of(&call.command);
            of.record(call.elapsed_ns, self.settings.latency_tracking);
            if call.failed {
                of.failed.add(1);
            }
        }
        stats.commands.add(self.calls.len() as u64);
        for (level, text) in self.lines {
            write_line(level, &text);
        }
    }

    /// What keeps a script from calling a command.
    fn check(&mut self, command: &Command, args: &Args<'_>) -> Result<(), ErrorReply> {
        let (spec, flags) = (command.spec, command.spec.flags);
        if flags.has(Flags::NO_SCRIPT) && !self.allows_all_commands() {
            return Err(ErrorReply::fixed(
                "ERR This Redis command is not allowed from script",
            ));
        }
        if !spec.accepts(args.len()) {
            return Err(ErrorReply::fixed(
                "ERR Wrong number of args calling Redis command from script",
            ));
        }
        let client = downcast(self.session);
        if flags.has(Flags::NEEDS_DEBUG) {
            dispatch::debug_allowed(self.settings, client)?;
        }
        user_may_call(client, command, args)?;
        if self.read_only && (flags.has(Flags::WRITE) || flags.has(Flags::MAY_REPLICATE)) {
            return Err(ErrorReply::fixed(
                "ERR Write commands are not allowed from read-only scripts.",
            ));
        }
        // What has written once may go on, whatever has come between.
        if self.wrote {
            return Ok(());
        }
        if flags.has(Flags::DENY_OOM) && self.out_of_memory && !self.allows_oom {
            return Err(dispatch::OUT_OF_MEMORY);
        }
        if flags.has(Flags::WRITE) {
            dispatch::check_writable(self.server, self.settings)?;
        }
        Ok(())
    }

    fn allows_all_commands(&self) -> bool {
        self.server
            .scripts
            .allows_all_commands
            .load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Whether the locks that are held are enough for a command. Names its key to the data, so that it is hashed once.
    fn is_covered(&mut self, command: &Command, args: &Args<'_>) -> bool {
        let spec = command.spec;
        if let Some(at) = command.single_key {
            let key = args.at(at as usize);
            let shard = self.data.space().shard_of(key);
            self.data.focus(key, shard, hash_bytes(key));
            return self.exclusive || (self.data.held().covers(shard) && !spec.is_exclusive(args));
        }
        self.data.unfocus();
        if self.exclusive {
            return true;
        }
        if spec.is_exclusive(args) || spec.walks_shards() {
            return false;
        }
        if spec.keys.is_empty() && spec.keys_of.is_none() {
            return is_harmless(spec.flags);
        }
        let positions = spec.key_positions(args).unwrap_or_default();
        positions.iter().all(|&at| {
            let shard = self.data.space().shard_of(args.at(at as usize));
            self.data.held().covers(shard)
        })
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
        let began = Instant::now();
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
        let elapsed_ns = began.elapsed().as_nanos() as u64;
        let failed = result.is_err();
        if let Err(error) = result {
            reply.truncate(0);
            reply.error_bytes(error.text());
            self.server.stats.error(error.code());
        }
        self.data.effects.end_command(db, dirty, &args);
        self.wrote |= self.data.effects.dirty > dirty;
        let client = downcast(self.session);
        client.tracking.script_read |= client.tracking.is_on() && tracking::reads(command.spec);
        self.calls.push(Call {
            command,
            elapsed_ns,
            failed,
        });
        let info = &downcast(self.session).info;
        dispatch::note_slow(self.server, self.settings, info, &args, command, elapsed_ns);
    }

    fn refuse(&mut self, command: Option<&Command>, error: &ErrorReply, reply: &mut Reply) {
        self.server.stats.error(error.code());
        if let Some(command) = command {
            let loop_id = downcast(self.session).info.loop_id;
            self.server.loops[loop_id].stats.of(command).rejected.add(1);
        }
        reply.error_bytes(error.text());
    }
}

/// Commands without keys that do nothing outside of the script, so that nobody notices when they run twice.
fn is_harmless(flags: Flags) -> bool {
    flags.has(Flags::FAST) && !flags.has(Flags::PUBSUB) && !flags.has(Flags::MAY_REPLICATE)
}

/// Whether the user that a script runs for may call a command on its keys. A denial is entered in the log.
///
/// # Errors
/// Why not, in Redis's words for scripts.
fn user_may_call(client: &Client, command: &Command, args: &Args<'_>) -> Result<(), ErrorReply> {
    acl::permit(&client.server, &client.info, &client.user, (command, args), Surroundings::Lua).map_err(|denied| {
        ErrorReply::fixed(match denied.lack {
            Lack::Command => "ERR The user executing the script can't run this command or subcommand",
            Lack::Key => {
                "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments"
            }
            Lack::Channel => {
                "ERR The user executing the script can't publish to the channel mentioned in the command"
            }
        })
    })
}

impl Host for Running<'_, '_> {
    fn call(&mut self, args: Args<'_>, reply: &mut Reply) -> Result<(), Abort> {
        let Ok(command) = self.server.registry.resolve(&args) else {
            let unknown = ErrorReply::fixed("ERR Unknown Redis command called from script");
            self.refuse(None, &unknown, reply);
            return Ok(());
        };
        if let Err(error) = self.check(&command, &args) {
            self.refuse(Some(&command), &error, reply);
            return Ok(());
        }
        if !self.is_covered(&command, &args) || (!self.exclusive && command.spec.flags.has(Flags::WRITE)) {
            return Err(Abort::Restart);
        }
        self.execute(command, args, reply);
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
        let _ = self.script;
        Ok(())
    }
}

fn write_line(level: LogLevel, text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    match level {
        LogLevel::Debug => tracing::debug!(target: "script", "{text}"),
        LogLevel::Verbose | LogLevel::Notice => tracing::info!(target: "script", "{text}"),
        LogLevel::Warning => tracing::warn!(target: "script", "{text}"),
    }
}
