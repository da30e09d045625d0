//! EVAL and its kin: finds the script, runs it, answers.

use super::call::{FIRST_KEY, PLACES_MAX, Places, Running};
use super::{NO_SCRIPT, Prepared, Script, local, prepare};
use crate::commands::downcast;
use crate::server::Server;
use flashdb_base::hash::hash_bytes;
use flashdb_command::args;
use flashdb_command::error::ErrorReply;
use flashdb_command::{CommandResult, CommandSpec, Context, Flags};
use flashdb_config::Settings;
use flashdb_script::{Invocation, Limits, Outcome, ScriptFlags};
use flashdb_store::KeyPlace;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How a request names its script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// By its text.
    Text,
    /// By the SHA1 of it.
    Sha,
    /// It is a function, called by its name.
    Function,
}

impl Source {
    /// By the row: those that take a name say so in their grammar.
    pub fn of(spec: &CommandSpec) -> Self {
        match spec.args.first() {
            Some(first) if first.name == "sha1" => Source::Sha,
            Some(first) if first.name == "function" => Source::Function,
            _ => Source::Text,
        }
    }
}

/// Bounds on scripts, by the settings.
pub(super) fn limits(settings: &Settings) -> Limits {
    Limits {
        memory_bytes: settings.lua_memory_limit,
        message_bytes: settings.proto_max_bulk_len as usize,
    }
}

/// The number of keys that a request declares.
///
/// # Errors
/// When it is none, or there are fewer words.
pub fn keys_count(context: &Context<'_, '_>) -> Result<usize, ErrorReply> {
    let keys = args::integer(context.args.at(2)).map_err(|error| match Source::of(context.spec) {
        Source::Function => ErrorReply::fixed("ERR Bad number of keys provided"),
        Source::Text | Source::Sha => error,
    })?;
    let keys =
        usize::try_from(keys).map_err(|_| ErrorReply::fixed("ERR Number of keys can't be negative"))?;
    if keys > context.args.len() - 3 {
        return Err(ErrorReply::fixed(
            "ERR Number of keys can't be greater than number of args",
        ));
    }
    Ok(keys)
}

/// EVAL, EVALSHA, FCALL and their kin that only reads.
///
/// # Errors
/// Those of the script, and of requests that name none.
pub fn evaluate(context: &mut Context<'_, '_>) -> CommandResult {
    let calls_function = Source::of(context.spec) == Source::Function;
    if !calls_function {
        keys_count(context)?;
    }
    let client = downcast(context.session);
    let server = client.server.clone();
    let prepared = client.script.prepared.take();
    let prepared = prepared.or_else(|| prepare(&server, context.spec, &context.args));
    if server.monitors.any() {
        // What they are shown cannot be taken back, so the script must not have to run again.
        if !context.data.held().is_lazy() {
            downcast(context.session).script.needs_gate = true;
            return Ok(());
        }
        server
            .monitors
            .feed_script(&server, context.data.db, &client.info, &context.args);
    }
    if calls_function {
        context.data.saw_libraries();
    }
    let script = script_of(context, &server, prepared)?;
    let keys_count = keys_count(context)?;
    let read_only_command = context.spec.flags.has(Flags::READONLY);
    let flags = script.flags;
    let says_read_only = flags.is_some_and(|flags| flags.has(ScriptFlags::NO_WRITES));
    if read_only_command && flags.is_some() && !says_read_only {
        return Err(ErrorReply::fixed(
            "ERR Can not execute a script with write flag using *_ro command.",
        ));
    }
    let places = places_of_keys(context, keys_count);
    prefetch(context, &places);
    let limits = limits(context.settings);
    let deprecated_api = context.settings.lua_enable_deprecated_api;
    let outcome = local::with(|local| {
        let function = local.function(&server.scripts, &script, deprecated_api, limits)?;
        let invocation = Invocation {
            function,
            request: context.args,
            first_key: FIRST_KEY,
            keys_count,
            as_globals: !calls_function,
            name: script.name(),
            limits,
        };
        let (interpreter, known) = local.parts(deprecated_api)?;
        let (mut running, reply) = Running::begin(
            context,
            places,
            known,
            &server,
            &script,
            read_only_command || says_read_only,
            flags.is_some_and(|flags| flags.has(ScriptFlags::ALLOW_OOM)),
        );
        let outcome = interpreter.run(&invocation, &mut running, reply);
        running.end(outcome == Outcome::Restart);
        local.tell_memory(&server.scripts);
        Ok::<_, ErrorReply>(outcome)
    })?;
    conclude(context, &script, outcome)
}

/// Where the first declared keys are: looked up once, though the script names them again in each command.
fn places_of_keys(context: &Context<'_, '_>, keys_count: usize) -> Places {
    let keys = (FIRST_KEY..FIRST_KEY + keys_count.min(PLACES_MAX)).map(|at| context.args.at(at));
    let space = context.data.space();
    keys.map(|key| (space.shard_of(key), hash_bytes(key))).collect()
}

/// Brings the declared keys towards the core together; one by one, as the script touches them, each would be waited for.
fn prefetch(context: &mut Context<'_, '_>, places: &Places) {
    let data = &mut *context.data;
    if places.len() < 2 {
        return;
    }
    for &(shard, _) in places {
        // Under the gate the shard is locked by being touched.
        if data.held().covers(shard) {
            data.held().shard_mut(shard);
        }
    }
    let mut window = [KeyPlace::default(); PLACES_MAX];
    let keys = window.iter_mut().zip(places);
    keys.for_each(|(key, &(shard, hash))| *key = KeyPlace::at(shard, hash));
    data.prefetch_keys(&mut window[..places.len()]);
}

fn script_of(
    context: &mut Context<'_, '_>,
    server: &Server,
    prepared: Option<Prepared>,
) -> Result<Arc<Script>, ErrorReply> {
    match (prepared, Source::of(context.spec)) {
        (
            Some(Prepared {
                script: Some(script), ..
            }),
            _,
        ) => Ok(script),
        (Some(Prepared { sha, .. }), Source::Text) => {
            keep(server, context.settings, sha, context.args.at(1), false)
        }
        (_, Source::Function) => Err(ErrorReply::fixed("ERR Function not found")),
        _ => Err(NO_SCRIPT),
    }
}

/// Keeps a script that compiles.
fn keep(
    server: &Server,
    settings: &Settings,
    sha: super::Sha,
    text: &[u8],
    loaded: bool,
) -> Result<Arc<Script>, ErrorReply> {
    let script = match server.scripts.get(&sha) {
        Some(known) => known,
        None => Arc::new(Script::new(sha, text)?),
    };
    let deprecated_api = settings.lua_enable_deprecated_api;
    local::with(|local| local.function(&server.scripts, &script, deprecated_api, limits(settings)))?;
    Ok(server.scripts.keep(script, loaded))
}

/// SCRIPT LOAD.
///
/// # Errors
/// When the text is no script.
pub fn load(server: &Server, settings: &Settings, text: &[u8]) -> Result<Arc<Script>, ErrorReply> {
    keep(server, settings, super::sha_of(text), text, true)
}

fn conclude(context: &mut Context<'_, '_>, script: &Script, outcome: Outcome) -> CommandResult {
    // The effects are those of the commands that it called; the script itself has none.
    context.data.effects.explicit = true;
    let client = downcast(context.session);
    match outcome {
        Outcome::Answered => Ok(()),
        Outcome::Failed { text, counted } => {
            client.script.error_counted = counted;
            Err(ErrorReply::from_bytes(text))
        }
        Outcome::Restart => {
            client.script.needs_gate = true;
            script.exclusive.store(true, Ordering::Relaxed);
            Ok(())
        }
    }
}
