//! The rows of scripts, and of calls to functions. They run in `script/`.

use super::client;
use crate::script::{self, busy::Kind};
use flashdb_command::args;
use flashdb_command::error::ErrorReply;
use flashdb_command::help;
use flashdb_command::key_spec::{KeyFlags, KeySpec};
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Flags, Group};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &EVAL,
    &EVALSHA,
    &EVALSHA_RO,
    &EVAL_RO,
    &FCALL,
    &FCALL_RO,
    &super::function_commands::FUNCTION,
    &SCRIPT,
];

const RUNS: Flags = Flags::NO_SCRIPT
    .and(Flags::RUNS_SCRIPT)
    .and(Flags::SKIP_MONITOR)
    .and(Flags::MAY_REPLICATE)
    .and(Flags::STALE)
    .and(Flags::NO_MANDATORY_KEYS)
    .and(Flags::MOVABLE_KEYS);
const RUNS_RO: Flags = Flags::NO_SCRIPT
    .and(Flags::RUNS_SCRIPT)
    .and(Flags::SKIP_MONITOR)
    .and(Flags::READONLY)
    .and(Flags::STALE)
    .and(Flags::NO_MANDATORY_KEYS)
    .and(Flags::MOVABLE_KEYS);
const KEYS_RW: &[KeySpec] = &[KeySpec::counted(
    2,
    KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
)];
const KEYS_RO: &[KeySpec] = &[KeySpec::counted(2, KeyFlags::RO.and(KeyFlags::ACCESS))];

const SCRIPT_ARGS: &[Arg] = &[
    Arg::string("script"),
    Arg::integer("numkeys"),
    Arg::key("key").optional().multiple(),
    Arg::string("arg").optional().multiple(),
];
const SHA_ARGS: &[Arg] = &[
    Arg::string("sha1"),
    Arg::integer("numkeys"),
    Arg::key("key").optional().multiple(),
    Arg::string("arg").optional().multiple(),
];
const FUNCTION_ARGS: &[Arg] = &[
    Arg::string("function"),
    Arg::integer("numkeys"),
    Arg::key("key").optional().multiple(),
    Arg::string("arg").optional().multiple(),
];

const fn runner(
    name: &'static str,
    summary: &'static str,
    since: &'static str,
    read_only: bool,
    args: &'static [Arg],
) -> CommandSpec {
    CommandSpec {
        name,
        summary,
        since,
        group: Group::Scripting,
        complexity: "that of the script",
        arity: -3,
        flags: if read_only { RUNS_RO } else { RUNS },
        keys: if read_only { KEYS_RO } else { KEYS_RW },
        args,
        reply: "What the script returns.",
        handler: script::evaluate,
        ..CommandSpec::EMPTY
    }
}

static EVAL: CommandSpec = runner("eval", "Runs a Lua script.", "2.6.0", false, SCRIPT_ARGS);
static EVAL_RO: CommandSpec = runner(
    "eval_ro",
    "Runs a Lua script that only reads.",
    "7.0.0",
    true,
    SCRIPT_ARGS,
);
static EVALSHA: CommandSpec = runner("evalsha", "Runs a script by its SHA1.", "2.6.0", false, SHA_ARGS);
static EVALSHA_RO: CommandSpec = runner(
    "evalsha_ro",
    "Runs a script that only reads by its SHA1.",
    "7.0.0",
    true,
    SHA_ARGS,
);
static FCALL: CommandSpec = runner("fcall", "Calls a function.", "7.0.0", false, FUNCTION_ARGS);
static FCALL_RO: CommandSpec = runner(
    "fcall_ro",
    "Calls a function that only reads.",
    "7.0.0",
    true,
    FUNCTION_ARGS,
);

static SCRIPT: CommandSpec = CommandSpec {
    name: "script",
    summary: "Keeps scripts for EVALSHA.",
    since: "2.6.0",
    group: Group::Scripting,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &CommandSpec {
            name: "debug",
            container: "script",
            summary: "Refuses: there is no debugger.",
            since: "3.2.0",
            group: Group::Scripting,
            arity: 3,
            flags: Flags::NO_SCRIPT,
            args: &[Arg::one_of(
                "mode",
                &[
                    Arg::word("yes", "YES"),
                    Arg::word("sync", "SYNC"),
                    Arg::word("no", "NO"),
                ],
            )],
            reply: "OK for NO; an error for the others.",
            handler: debug,
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "exists",
            container: "script",
            summary: "Tells which scripts are kept.",
            since: "2.6.0",
            group: Group::Scripting,
            complexity: "O(N) for N names",
            arity: -3,
            flags: Flags::NO_SCRIPT,
            args: &[Arg::string("sha1").multiple()],
            reply: "1 or 0 for each name.",
            tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
            handler: exists,
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "flush",
            container: "script",
            summary: "Forgets all scripts.",
            since: "2.6.0",
            group: Group::Scripting,
            complexity: "O(N) for N scripts",
            arity: -2,
            flags: Flags::NO_SCRIPT,
            args: &[
                Arg::one_of("mode", &[Arg::word("async", "ASYNC"), Arg::word("sync", "SYNC")])
                    .optional()
                    .since("6.2.0"),
            ],
            reply: "OK.",
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            audit: Audit::Words,
            handler: flush,
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "help",
            container: "script",
            summary: "Lists the subcommands.",
            since: "5.0.0",
            group: Group::Scripting,
            arity: 2,
            flags: Flags::LOADING.and(Flags::STALE),
            reply: "Lines of text.",
            handler: |context| help::reply(context, &SCRIPT),
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "kill",
            container: "script",
            summary: "Stops what is running.",
            since: "2.6.0",
            group: Group::Scripting,
            arity: 2,
            flags: Flags::NO_SCRIPT.and(Flags::ALLOW_BUSY),
            tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
            reply: "OK; an error when nothing runs, or what runs has written.",
            handler: |context| {
                client(context).server.scripts.long_runs.kill(Kind::Script)?;
                context.reply.ok();
                Ok(())
            },
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "load",
            container: "script",
            summary: "Keeps a script.",
            since: "2.6.0",
            group: Group::Scripting,
            complexity: "O(N) for the length of the script",
            arity: 3,
            flags: Flags::NO_SCRIPT.and(Flags::STALE),
            args: &[Arg::string("script")],
            reply: "Its SHA1 in hexadecimal digits.",
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            handler: |context| {
                let (text, settings) = (context.args.at(2), context.settings);
                let script = script::load(&client(context).server, settings, text)?;
                context.reply.bulk_str(script.name());
                Ok(())
            },
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "show",
            container: "script",
            summary: "Returns the text of a script.",
            since: "8.0.0",
            group: Group::Scripting,
            arity: 3,
            flags: Flags::NO_SCRIPT,
            args: &[Arg::string("sha1")],
            reply: "The text; an error when the script is not kept.",
            handler: show,
            ..CommandSpec::EMPTY
        },
    ],
    ..CommandSpec::EMPTY
};

fn debug(context: &mut Context<'_, '_>) -> CommandResult {
    let mode = context.args.at(2);
    if args::is(mode, "no") {
        context.reply.ok();
        return Ok(());
    }
    Err(ErrorReply::fixed(
        if args::is(mode, "yes") || args::is(mode, "sync") {
            "ERR there is no debugger for scripts in FlashDB; use redis.log() instead"
        } else {
            "ERR Use SCRIPT DEBUG YES/SYNC/NO"
        },
    ))
}

fn show(context: &mut Context<'_, '_>) -> CommandResult {
    let sha = context.args.at(2);
    let server = client(context).server.clone();
    let script = script::sha_from_hex(sha).and_then(|sha| server.scripts.get(&sha));
    let script = script.ok_or(script::NO_SCRIPT)?;
    context.reply.bulk(&script.text);
    Ok(())
}

fn exists(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    context.reply.array(context.args.len() - 2);
    for name in context.args.iter_from(2) {
        context.reply.integer(server.scripts.contains(name).into());
    }
    Ok(())
}

fn flush(context: &mut Context<'_, '_>) -> CommandResult {
    let mode_known = context
        .args
        .get(2)
        .is_none_or(|mode| args::is(mode, "async") || args::is(mode, "sync"));
    if context.args.len() > 3 || !mode_known {
        return Err(ErrorReply::fixed(
            "ERR SCRIPT FLUSH only support SYNC|ASYNC option",
        ));
    }
    client(context).server.scripts.clear();
    context.reply.ok();
    Ok(())
}
