//! CONFIG: settings of the running server, read, changed, written back to the file; counters reset.
//! What a setting means is known to `flashdb-config`; here is what reaches beyond its value: the
//! listeners, the log's level, the limit of open files.

use super::client;
use crate::bootstrap;
use crate::durability::Wish;
use crate::memory;
use crate::server::Server;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Flags, Group, help};
use flashdb_config::{ProtectedAction, Row, SetContext, SetError, Settings};
use flashdb_resp::Args;
use std::sync::Arc;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&CONFIG];

const ADMIN: Flags = Flags::ADMIN
    .and(Flags::NO_SCRIPT)
    .and(Flags::LOADING)
    .and(Flags::STALE);

static CONFIG: CommandSpec = CommandSpec {
    name: "config",
    summary: "Reads and changes the settings of the server.",
    since: "2.0.0",
    group: Group::Server,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &CommandSpec {
            name: "get",
            container: "config",
            summary: "Returns settings by name or pattern.",
            since: "2.0.0",
            group: Group::Server,
            complexity: "O(N) for N settings, for each pattern",
            arity: -3,
            flags: ADMIN,
            args: &[Arg::string("parameter").multiple()],
            history: &[("7.0.0", "Takes several parameters.")],
            reply: "A map of names and values.",
            handler: get,
            ..CommandSpec::EMPTY
        },
        &HELP,
        &CommandSpec {
            name: "resetstat",
            container: "config",
            summary: "Sets the counters that INFO shows to zero.",
            since: "2.0.0",
            group: Group::Server,
            arity: 2,
            flags: ADMIN,
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            reply: "OK.",
            audit: Audit::Words,
            handler: reset_stat,
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "rewrite",
            container: "config",
            summary: "Writes the present settings into the configuration file.",
            since: "2.8.0",
            group: Group::Server,
            arity: 2,
            flags: ADMIN,
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            reply: "OK.",
            audit: Audit::Words,
            handler: rewrite,
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "set",
            container: "config",
            summary: "Changes settings, all of those given or none.",
            since: "2.0.0",
            group: Group::Server,
            complexity: "O(N) for N settings given",
            arity: -4,
            flags: ADMIN,
            args: &[Arg::block("data", &[Arg::string("parameter"), Arg::string("value")]).multiple()],
            history: &[("7.0.0", "Takes several pairs.")],
            secrets: Some(is_secret_of_set),
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            reply: "OK.",
            audit: Audit::Words,
            handler: set,
            ..CommandSpec::EMPTY
        },
    ],
    ..CommandSpec::EMPTY
};

static HELP: CommandSpec = help::row("config", "5.0.0", Group::Server, |context| {
    help::reply(context, &CONFIG)
});

/// More than all settings and their values take.
const SET_WORDS_MAX: usize = 1024;

/// Whether word `index` of a CONFIG SET may not be shown: the value of a sensitive setting, and all words of a request that is
/// not pairs of known settings. There a password may stand anywhere, cut by a blank or behind a name misspelt.
fn is_secret_of_set(args: &Args<'_>, index: usize) -> bool {
    let mut names = (2..args.len()).step_by(2);
    // Of so many words some repeat a name, which is refused; they are not all looked up for each of them.
    if args.len() > SET_WORDS_MAX
        || args.len() % 2 == 1
        || names.any(|at| flashdb_config::find(args.at(at)).is_none())
    {
        return index >= 2;
    }
    index % 2 == 1 && flashdb_config::is_sensitive(args.at(index - 1))
}

fn get(context: &mut Context<'_, '_>) -> CommandResult {
    let patterns: Vec<&[u8]> = context.args.iter_from(2).collect();
    let server = client(context).server.clone();
    let mut found = server.config.get(&patterns);
    // With the password of another user whoever only looks would be that user.
    if !may_set(context) {
        found.retain(|(name, _)| !flashdb_config::is_sensitive(name));
    }
    context.reply.map(found.len());
    for (name, value) in found {
        context.reply.bulk(&name);
        context.reply.bulk(&value);
    }
    Ok(())
}

/// Whether the user may change settings, too.
fn may_set(context: &mut Context<'_, '_>) -> bool {
    let client = client(context);
    let permissions = &client.user.permissions;
    let mut all = client.server.registry.all().iter();
    permissions.are_unrestricted()
        || all
            .find(|command| command.spec.full_name() == "config|set")
            .is_some_and(|set| permissions.allow_command(set))
}

fn set(context: &mut Context<'_, '_>) -> CommandResult {
    if context.args.len() % 2 == 1 {
        return Err(error::SYNTAX);
    }
    let words: Vec<&[u8]> = context.args.iter_from(2).collect();
    let pairs: Vec<(&[u8], &[u8])> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let server = client(context).server.clone();
    let rights = SetContext {
        loading: server.is_loading(),
        protected_allowed: is_allowed(context.settings.enable_protected_configs, context),
    };
    let mut applied = Applied::new(server.clone());
    let changed = server
        .config
        .set(&pairs, rights, |row, settings| {
            applied.apply(row, settings).map_err(Into::into)
        })
        .map_err(|error| refused(&error, &pairs))?;
    // The limit is compared with a sample of the memory in use; the first command after this one
    // already needs it. Inside EXEC with shards held, the next periodic sample has to do.
    if changed.iter().any(|row| row.name == "maxmemory") && may_walk_shards(context) {
        let used = memory::measure(&server, context.data);
        server.memory.note(used.total_bytes(), context.now_ms());
    }
    if changed.iter().any(|row| row.name == "maxmemory-clients") {
        crate::client::evict_over_limit(&server, &server.settings());
    }
    // What the rest of this turn publishes follows the new classes already.
    context.data.effects.published = server.settings().notify_keyspace_events;
    context.reply.ok();
    Ok(())
}

fn may_walk_shards(context: &mut Context<'_, '_>) -> bool {
    !context.mode.in_exec || context.data.held().is_lazy()
}

/// The error reply; an unknown name comes back byte for byte.
fn refused(error: &SetError, pairs: &[(&[u8], &[u8])]) -> ErrorReply {
    let text = error.to_string();
    match error {
        SetError::Unknown(name) if std::str::from_utf8(name).is_err() && !pairs.is_empty() => {
            let mut bytes = b"ERR Unknown option or number of arguments for CONFIG SET - '".to_vec();
            bytes.extend_from_slice(name);
            bytes.push(b'\'');
            ErrorReply::from_bytes(bytes)
        }
        _ => ErrorReply::new(text),
    }
}

/// Whether the client may do what `action` guards.
pub fn is_allowed(action: ProtectedAction, context: &mut Context<'_, '_>) -> bool {
    match action {
        ProtectedAction::Yes => true,
        ProtectedAction::No => false,
        ProtectedAction::Local => {
            let info = client(context).info.clone();
            let address = info.addr.parse::<std::net::SocketAddr>();
            info.unix || address.is_ok_and(|address| address.ip().to_canonical().is_loopback())
        }
    }
}

/// Carries out what a changed setting means beyond its value, once each, also when taken back.
struct Applied {
    server: Arc<Server>,
    /// Port and addresses listened on now.
    listening: (u16, Vec<u8>),
}

impl Applied {
    fn new(server: Arc<Server>) -> Self {
        let listening = listened(&server.settings());
        Applied { server, listening }
    }

    fn apply(&mut self, row: &Row, settings: &Settings) -> Result<(), String> {
        if let Some(check) = self.server.setting_check.get() {
            check(row.name, settings)?;
        }
        match row.name {
            "port" | "bind" => self.listen(row.name, settings),
            "requirepass" => {
                self.server.acl.set_default_password(&settings.requirepass);
                Ok(())
            }
            "loglevel" => {
                self.server.log.set_level(settings.loglevel);
                Ok(())
            }
            "maxclients" => open_files(settings),
            "appendonly" => self.switch_log(settings),
            "prefix-index" | "prefix-separator" => {
                self.server.key_tree.forget();
                Ok(())
            }
            "appendfsync"
            | "appendfsync-interval"
            | "wal-segment-size"
            | "wal-segment-max-age"
            | "wal-preallocate"
            | "wal-buffer-limit"
            | "wal-reserve" => {
                if let Some(durability) = self.server.durability.get() {
                    durability.apply_settings(&self.server, settings);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn switch_log(&self, settings: &Settings) -> Result<(), String> {
        let Some(durability) = self.server.durability.get() else {
            return Err("the data folder (dir) cannot be used".to_owned());
        };
        durability.checkpoints.wish(if settings.appendonly {
            Wish::enabling()
        } else {
            Wish::disabling()
        });
        Ok(())
    }

    fn listen(&mut self, setting: &str, settings: &Settings) -> Result<(), String> {
        let wanted = listened(settings);
        if wanted == self.listening {
            return Ok(());
        }
        bootstrap::listen_anew(&self.server, settings).map_err(|error| {
            tracing::warn!(%error, "cannot listen as CONFIG SET asks");
            let text = if setting == "port" {
                "Unable to listen on this port. Check server logs."
            } else {
                "Failed to bind to specified addresses."
            };
            text.to_owned()
        })?;
        self.listening = wanted;
        Ok(())
    }
}

fn listened(settings: &Settings) -> (u16, Vec<u8>) {
    let bind = flashdb_config::find(b"bind").map(|row| row.value(settings));
    (settings.port, bind.unwrap_or_default())
}

fn open_files(settings: &Settings) -> Result<(), String> {
    let possible = bootstrap::raise_file_limit(settings);
    if possible >= u64::from(settings.maxclients) {
        return Ok(());
    }
    Err(format!(
        "The operating system is not able to handle the specified number of clients, try with {possible}"
    ))
}

fn reset_stat(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    server.loops.iter().for_each(|handle| handle.stats.reset());
    server.stats.reset();
    server.space.reset_lazyfreed();
    server.memory.reset_peak();
    context.reply.ok();
    Ok(())
}

fn rewrite(context: &mut Context<'_, '_>) -> CommandResult {
    rewrite_file(context, false)
}

/// CONFIG REWRITE; with `all` every setting is written (DEBUG CONFIG-REWRITE-FORCE-ALL).
pub fn rewrite_file(context: &mut Context<'_, '_>, all: bool) -> CommandResult {
    let server = client(context).server.clone();
    let acl = server.acl.config_lines(&server.settings());
    server
        .config
        .rewrite(all, &acl)
        .map_err(|error| ErrorReply::new(error.to_string()))?;
    tracing::info!("the configuration file was rewritten");
    context.reply.ok();
    Ok(())
}
