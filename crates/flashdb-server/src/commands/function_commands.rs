//! FUNCTION: libraries of functions, kept like data: in the log, in snapshots and in RDB files. What changes them runs under the
//! closed gate, so that everybody agrees on their order.

use super::client;
use crate::script::busy::{BUSY_SCRIPT, Kind};
use crate::script::functions::{self, Policy};
use flashdb_base::glob;
use flashdb_command::args::is;
use flashdb_command::error::ErrorReply;
use flashdb_command::help;
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Flags, Group};
use flashdb_rdb::{decode_functions, dump_functions};
use flashdb_script::ScriptFlags;

const CHANGES: Flags = Flags::NO_SCRIPT
    .and(Flags::WRITE)
    .and(Flags::EXCLUSIVE)
    .and(Flags::NO_ROLLBACK);
const ALL_SHARDS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

/// The row, with those of its subcommands.
pub static FUNCTION: CommandSpec = CommandSpec {
    name: "function",
    summary: "Keeps libraries of functions.",
    since: "7.0.0",
    group: Group::Scripting,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &CommandSpec {
            name: "delete",
            summary: "Removes a library.",
            complexity: "O(1)",
            arity: 3,
            flags: CHANGES,
            args: &[Arg::string("library-name")],
            tips: ALL_SHARDS,
            reply: "OK; an error when there is no such library.",
            audit: Audit::Words,
            handler: delete,
            ..SUBCOMMAND
        },
        &CommandSpec {
            name: "dump",
            summary: "Returns all libraries as one payload.",
            complexity: "O(N) for the size of the libraries",
            arity: 2,
            flags: Flags::NO_SCRIPT,
            reply: "The payload, which FUNCTION RESTORE takes, here or on a Redis server.",
            handler: dump,
            ..SUBCOMMAND
        },
        &CommandSpec {
            name: "flush",
            summary: "Removes all libraries.",
            complexity: "O(N) for N functions",
            arity: -2,
            flags: CHANGES,
            args: &[
                Arg::one_of("mode", &[Arg::word("async", "ASYNC"), Arg::word("sync", "SYNC")]).optional(),
            ],
            tips: ALL_SHARDS,
            reply: "OK.",
            audit: Audit::Words,
            handler: flush,
            ..SUBCOMMAND
        },
        &CommandSpec {
            name: "help",
            summary: "Lists the subcommands.",
            arity: 2,
            flags: Flags::LOADING.and(Flags::STALE),
            reply: "Lines of text.",
            handler: |context| help::reply(context, &FUNCTION),
            ..SUBCOMMAND
        },
        &CommandSpec {
            name: "kill",
            summary: "Stops what is running.",
            arity: 2,
            flags: Flags::NO_SCRIPT.and(Flags::ALLOW_BUSY),
            tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
            reply: "OK; an error when nothing runs, or what runs has written.",
            handler: |context| {
                client(context).server.scripts.long_runs.kill(Kind::Function)?;
                context.reply.ok();
                Ok(())
            },
            ..SUBCOMMAND
        },
        &CommandSpec {
            name: "list",
            summary: "Lists the libraries.",
            complexity: "O(N) for N functions",
            arity: -2,
            flags: Flags::NO_SCRIPT,
            args: &[
                Arg::string("library-name-pattern")
                    .with_token("LIBRARYNAME")
                    .optional(),
                Arg::word("withcode", "WITHCODE").optional(),
            ],
            tips: &["nondeterministic_output_order"],
            reply: "For each library its name, its language, its functions, and its code if asked for.",
            handler: list,
            ..SUBCOMMAND
        },
        &CommandSpec {
            name: "load",
            summary: "Adds a library.",
            complexity: "O(1)",
            arity: -3,
            flags: CHANGES.and(Flags::DENY_OOM),
            args: &[
                Arg::word("replace", "REPLACE").optional(),
                Arg::string("function-code"),
            ],
            tips: ALL_SHARDS,
            reply: "The library's name.",
            audit: Audit::Head(2),
            handler: load,
            ..SUBCOMMAND
        },
        &CommandSpec {
            name: "restore",
            summary: "Adds the libraries of a payload, all or none.",
            complexity: "O(N) for N functions",
            arity: -3,
            flags: CHANGES.and(Flags::DENY_OOM),
            args: &[
                Arg::string("serialized-value"),
                Arg::one_of(
                    "policy",
                    &[
                        Arg::word("flush", "FLUSH"),
                        Arg::word("append", "APPEND"),
                        Arg::word("replace", "REPLACE"),
                    ],
                )
                .optional(),
            ],
            tips: ALL_SHARDS,
            reply: "OK; an error when the payload is damaged, or a library clashes with one that stays.",
            audit: Audit::Head(2),
            handler: restore,
            ..SUBCOMMAND
        },
        &CommandSpec {
            name: "stats",
            summary: "Tells what runs, and how many libraries and functions there are.",
            arity: 2,
            flags: Flags::NO_SCRIPT.and(Flags::ALLOW_BUSY),
            tips: &[
                "nondeterministic_output",
                "request_policy:all_shards",
                "response_policy:special",
            ],
            reply: "The running function with its request and time, or null; counts for each language.",
            handler: stats,
            ..SUBCOMMAND
        },
    ],
    ..CommandSpec::EMPTY
};

const SUBCOMMAND: CommandSpec = CommandSpec {
    container: "function",
    since: "7.0.0",
    group: Group::Scripting,
    complexity: "O(1)",
    ..CommandSpec::EMPTY
};

/// Counts the change, whose effect is the request as it is. Replay knows these by their words.
fn changed(context: &mut Context<'_, '_>) {
    context.data.changed_libraries();
}

fn load(context: &mut Context<'_, '_>) -> CommandResult {
    let args = context.args;
    let code_at = args.len() - 1;
    let mut replace = false;
    for at in 2..code_at {
        if !is(args.at(at), "replace") {
            return Err(quoting("ERR Unknown option given: ", args.at(at), ""));
        }
        replace = true;
    }
    let server = client(context).server.clone();
    let library = functions::add(&server, context.settings, args.at(code_at), replace)?;
    changed(context);
    context.reply.bulk(&library.name);
    Ok(())
}

fn delete(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    functions::remove(&server, context.args.at(2))?;
    changed(context);
    context.reply.ok();
    Ok(())
}

fn flush(context: &mut Context<'_, '_>) -> CommandResult {
    if context.args.len() > 3 {
        return Err(unknown_form(context));
    }
    let mode_known = |mode| is(mode, "async") || is(mode, "sync");
    if !context.args.get(2).is_none_or(mode_known) {
        return Err(ErrorReply::fixed(
            "ERR FUNCTION FLUSH only supports SYNC|ASYNC option",
        ));
    }
    functions::clear(&client(context).server.clone());
    changed(context);
    context.reply.ok();
    Ok(())
}

fn dump(context: &mut Context<'_, '_>) -> CommandResult {
    context.data.saw_libraries();
    let (_, sources) = context.data.space().libraries().sources();
    let sources = sources.values().map(|source| &**source);
    let payload = dump_functions(sources, context.settings.rdbcompression);
    context.reply.bulk(&payload);
    Ok(())
}

fn restore(context: &mut Context<'_, '_>) -> CommandResult {
    let args = context.args;
    if args.len() > 4 {
        return Err(unknown_form(context));
    }
    let policy = match args.get(3) {
        None => Policy::Append,
        Some(word) if is(word, "append") => Policy::Append,
        Some(word) if is(word, "replace") => Policy::Replace,
        Some(word) if is(word, "flush") => Policy::Flush,
        Some(_) => {
            return Err(ErrorReply::fixed(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
    };
    let sources = decode_functions(args.at(2)).map_err(|error| ErrorReply::new(format!("ERR {error}")))?;
    let server = client(context).server.clone();
    functions::restore(&server, context.settings, sources, policy)?;
    changed(context);
    context.reply.ok();
    Ok(())
}

fn list(context: &mut Context<'_, '_>) -> CommandResult {
    let args = context.args;
    let (mut pattern, mut with_code) = (None, false);
    let mut at = 2;
    while let Some(word) = args.get(at) {
        at += 1;
        if !with_code && is(word, "withcode") {
            with_code = true;
        } else if pattern.is_none() && is(word, "libraryname") {
            let missing = ErrorReply::fixed("ERR library name argument was not given");
            pattern = Some(args.get(at).ok_or(missing)?);
            at += 1;
        } else {
            return Err(quoting("ERR Unknown argument ", word, ""));
        }
    }
    context.data.saw_libraries();
    let directory = functions::current(&client(context).server.clone());
    let matches = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches_ignore_case(pattern, name));
    let reply = &mut context.reply;
    let at = reply.deferred();
    let mut count = 0;
    for library in directory
        .libraries()
        .filter(|library| matches(&library.code.name))
    {
        count += 1;
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk_str("library_name");
        reply.bulk(&library.code.name);
        reply.bulk_str("engine");
        reply.bulk_str("LUA");
        reply.bulk_str("functions");
        reply.array(library.functions.len());
        for function in &library.functions {
            reply.map(3);
            reply.bulk_str("name");
            reply.bulk_str(function.name());
            reply.bulk_str("description");
            reply.bulk_or_null(function.description.as_deref());
            reply.bulk_str("flags");
            let said = function.script.flags.unwrap_or_default();
            let flags = || ScriptFlags::NAMES.iter().filter(|(flag, _)| said.has(*flag));
            reply.set(flags().count());
            flags().for_each(|(_, name)| reply.simple(name));
        }
        if with_code {
            reply.bulk_str("library_code");
            reply.bulk(&library.code.source);
        }
    }
    reply.finish_array(at, count);
    Ok(())
}

fn stats(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let run = server.scripts.long_runs.oldest();
    if run.as_ref().is_some_and(|run| run.kind == Kind::Script) {
        return Err(BUSY_SCRIPT);
    }
    let (libraries, functions) = functions::current(&server).counts();
    let reply = &mut context.reply;
    reply.map(2);
    reply.bulk_str("running_script");
    match run {
        None => reply.null(),
        Some(run) => {
            reply.map(3);
            reply.bulk_str("name");
            reply.bulk_str(&run.name);
            reply.bulk_str("command");
            let request = run.request.as_args();
            reply.array(request.len());
            request.iter().for_each(|word| reply.bulk(word));
            reply.bulk_str("duration_ms");
            reply.count(run.began.elapsed().as_millis() as usize);
        }
    }
    reply.bulk_str("engines");
    reply.map(1);
    reply.bulk_str("LUA");
    reply.map(2);
    reply.bulk_str("libraries_count");
    reply.count(libraries);
    reply.bulk_str("functions_count");
    reply.count(functions);
    Ok(())
}

/// Redis's error for a subcommand with too many words.
fn unknown_form(context: &Context<'_, '_>) -> ErrorReply {
    quoting(
        "ERR unknown subcommand or wrong number of arguments for '",
        context.args.at(1),
        "'. Try FUNCTION HELP.",
    )
}

fn quoting(before: &str, word: &[u8], after: &str) -> ErrorReply {
    const SHOWN: usize = 128;
    let word = &word[..word.len().min(SHOWN)];
    ErrorReply::from_bytes([before.as_bytes(), word, after.as_bytes()].concat())
}
