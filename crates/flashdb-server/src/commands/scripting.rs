//! What clients and tools probe for of scripts and functions before those run here: the rows (so
//! that COMMAND and GETKEYS answer), the script cache by its SHA1 names, and a library list that is
//! empty. Running a script answers with an error that says so.

use super::client;
use flashdb_command::args;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::help;
use flashdb_command::key_spec::{KeyFlags, KeySpec};
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group};
use parking_lot::Mutex;
use sha1::{Digest, Sha1};
use std::collections::HashMap;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &EVAL,
    &EVALSHA,
    &EVALSHA_RO,
    &EVAL_RO,
    &FCALL,
    &FCALL_RO,
    &FUNCTION,
    &SCRIPT,
];

/// Scripts by the SHA1 of their text.
#[derive(Default)]
pub struct ScriptCache(Mutex<HashMap<String, Box<[u8]>>>);

impl ScriptCache {
    /// Keeps a script; its name in hexadecimal digits.
    pub fn load(&self, script: &[u8]) -> String {
        let name: String = Sha1::digest(script)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.0.lock().insert(name.clone(), script.into());
        name
    }

    /// Whether a script of this name (in any case) is kept.
    pub fn contains(&self, name: &[u8]) -> bool {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        self.0.lock().contains_key(&name)
    }

    /// Forgets all scripts.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// Number of scripts kept, and their bytes.
    pub fn size(&self) -> (usize, usize) {
        let scripts = self.0.lock();
        (
            scripts.len(),
            scripts.values().map(|script| script.len() + 40).sum(),
        )
    }
}

const RUNS: Flags = Flags::NO_SCRIPT
    .and(Flags::SKIP_MONITOR)
    .and(Flags::MAY_REPLICATE)
    .and(Flags::STALE)
    .and(Flags::NO_MANDATORY_KEYS)
    .and(Flags::MOVABLE_KEYS);
const RUNS_RO: Flags = Flags::NO_SCRIPT
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
        reply: "An error: scripts do not run in this version.",
        handler: refuse,
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

fn refuse(context: &mut Context<'_, '_>) -> CommandResult {
    let keys = args::integer(context.args.at(2))?;
    if keys < 0 {
        return Err(ErrorReply::fixed("ERR Number of keys can't be negative"));
    }
    if keys as usize > context.args.len() - 3 {
        return Err(ErrorReply::fixed(
            "ERR Number of keys can't be greater than number of args",
        ));
    }
    Err(ErrorReply::fixed(
        "ERR scripts and functions do not run in this version of FlashDB",
    ))
}

static SCRIPT: CommandSpec = CommandSpec {
    name: "script",
    summary: "Keeps scripts for EVALSHA.",
    since: "2.6.0",
    group: Group::Scripting,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
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
            reply: "An error: nothing runs.",
            handler: |_| Err(ErrorReply::fixed("NOTBUSY No scripts in execution right now.")),
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
            handler: |context| {
                let script = context.args.at(2);
                let name = client(context).server.scripts.load(script);
                context.reply.bulk_str(&name);
                Ok(())
            },
            ..CommandSpec::EMPTY
        },
    ],
    ..CommandSpec::EMPTY
};

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

static FUNCTION: CommandSpec = CommandSpec {
    name: "function",
    summary: "Keeps libraries of functions.",
    since: "7.0.0",
    group: Group::Scripting,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &CommandSpec {
            name: "flush",
            container: "function",
            summary: "Removes all libraries.",
            since: "7.0.0",
            group: Group::Scripting,
            complexity: "O(N) for N functions",
            arity: -2,
            flags: Flags::NO_SCRIPT.and(Flags::WRITE),
            args: &[
                Arg::one_of("mode", &[Arg::word("async", "ASYNC"), Arg::word("sync", "SYNC")]).optional(),
            ],
            reply: "OK: there are none in this version.",
            handler: function_flush,
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "help",
            container: "function",
            summary: "Lists the subcommands.",
            since: "7.0.0",
            group: Group::Scripting,
            arity: 2,
            flags: Flags::LOADING.and(Flags::STALE),
            reply: "Lines of text.",
            handler: |context| help::reply(context, &FUNCTION),
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "kill",
            container: "function",
            summary: "Stops what is running.",
            since: "7.0.0",
            group: Group::Scripting,
            arity: 2,
            flags: Flags::NO_SCRIPT.and(Flags::ALLOW_BUSY),
            tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
            reply: "An error: nothing runs.",
            handler: |_| Err(ErrorReply::fixed("NOTBUSY No scripts in execution right now.")),
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "list",
            container: "function",
            summary: "Lists the libraries.",
            since: "7.0.0",
            group: Group::Scripting,
            complexity: "O(N) for N functions",
            arity: -2,
            flags: Flags::NO_SCRIPT,
            args: &[
                Arg::string("library-name-pattern")
                    .with_token("LIBRARYNAME")
                    .optional(),
                Arg::word("withcode", "WITHCODE").optional(),
            ],
            reply: "An empty list: there are no libraries in this version.",
            handler: |context| {
                context.reply.array(0);
                Ok(())
            },
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "load",
            container: "function",
            summary: "Adds a library.",
            since: "7.0.0",
            group: Group::Scripting,
            complexity: "O(1)",
            arity: -3,
            flags: Flags::NO_SCRIPT.and(Flags::WRITE).and(Flags::DENY_OOM),
            args: &[
                Arg::word("replace", "REPLACE").optional(),
                Arg::string("function-code"),
            ],
            reply: "An error: functions do not run in this version.",
            handler: |_| {
                Err(ErrorReply::fixed(
                    "ERR scripts and functions do not run in this version of FlashDB",
                ))
            },
            ..CommandSpec::EMPTY
        },
    ],
    ..CommandSpec::EMPTY
};

fn function_flush(context: &mut Context<'_, '_>) -> CommandResult {
    let mode_known = context
        .args
        .get(2)
        .is_none_or(|mode| args::is(mode, "async") || args::is(mode, "sync"));
    if context.args.len() > 3 {
        return Err(error::wrong_arity("function|flush"));
    }
    if !mode_known {
        return Err(ErrorReply::fixed(
            "ERR FUNCTION FLUSH only supports SYNC|ASYNC option",
        ));
    }
    context.reply.ok();
    Ok(())
}
