//! What clients and tools probe for of replication and modules: a lone master without modules
//! answers as Redis would; what would change that is refused.

use super::client;
use flashdb_command::args::{Cursor, is};
use flashdb_command::error::ErrorReply;
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Deprecated, Flags, Group, help};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&FAILOVER, &MODULE, &PSYNC, &REPLCONF, &REPLICAOF, &ROLE, &SLAVEOF];

// ---- replication ---------------------------------------------------------------------------------

static ROLE: CommandSpec = CommandSpec {
    name: "role",
    summary: "Returns the server's part in replication.",
    since: "2.8.12",
    group: Group::Server,
    arity: 1,
    flags: Flags::NO_SCRIPT
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::FAST),
    categories: &["admin", "dangerous"],
    reply: "master, the offset, the replicas.",
    handler: |context| {
        let offset = client(context).server.feed.offset();
        context.reply.array(3);
        context.reply.bulk_str("master");
        context.reply.integer(offset as i64);
        context.reply.array(0);
        Ok(())
    },
    ..CommandSpec::EMPTY
};

const REPLICATING: Flags = Flags::ADMIN
    .and(Flags::NO_SCRIPT)
    .and(Flags::STALE)
    .and(Flags::NO_ASYNC_LOADING);

const MASTER: &[Arg] = &[Arg::one_of(
    "args",
    &[
        Arg::block("host-port", &[Arg::string("host"), Arg::integer("port")]),
        Arg::block("no-one", &[Arg::word("no", "NO"), Arg::word("one", "ONE")]),
    ],
)];

static REPLICAOF: CommandSpec = CommandSpec {
    name: "replicaof",
    summary: "Chooses whom the server follows, or that it follows nobody.",
    since: "5.0.0",
    group: Group::Server,
    arity: 3,
    flags: REPLICATING,
    args: MASTER,
    reply: "OK, or an error.",
    audit: Audit::Words,
    handler: replica_of,
    ..CommandSpec::EMPTY
};

static SLAVEOF: CommandSpec = CommandSpec {
    name: "slaveof",
    deprecated: Deprecated::since("5.0.0", "`REPLICAOF`"),
    summary: "As REPLICAOF, by its old name.",
    args: MASTER,
    since: "1.0.0",
    group: Group::Server,
    arity: 3,
    flags: REPLICATING,
    reply: "OK, or an error.",
    audit: Audit::Words,
    handler: replica_of,
    ..CommandSpec::EMPTY
};

fn replica_of(context: &mut Context<'_, '_>) -> CommandResult {
    if is(context.arg(1), "NO") && is(context.arg(2), "ONE") {
        context.reply.ok();
        return Ok(());
    }
    Err(ErrorReply::fixed(
        "ERR following another server is not available in this version",
    ))
}

static FAILOVER: CommandSpec = CommandSpec {
    name: "failover",
    summary: "Hands the part of the master to a replica.",
    since: "6.2.0",
    group: Group::Server,
    arity: -1,
    flags: Flags::ADMIN.and(Flags::NO_SCRIPT).and(Flags::STALE),
    args: &[
        Arg::block(
            "target",
            &[
                Arg::string("host"),
                Arg::integer("port"),
                Arg::word("force", "FORCE").optional(),
            ],
        )
        .with_token("TO")
        .optional(),
        Arg::word("abort", "ABORT").optional(),
        Arg::integer("milliseconds").with_token("TIMEOUT").optional(),
    ],
    reply: "An error: there are no replicas to hand over to.",
    handler: |context| {
        let abort = context.args.len() == 2 && is(context.arg(1), "ABORT");
        Err(ErrorReply::fixed(if abort {
            "ERR No failover in progress."
        } else {
            "ERR FAILOVER requires connected replicas."
        }))
    },
    ..CommandSpec::EMPTY
};

static PSYNC: CommandSpec = CommandSpec {
    name: "psync",
    summary: "Starts the stream of changes for a replica.",
    since: "2.8.0",
    group: Group::Server,
    arity: -3,
    flags: Flags::ADMIN
        .and(Flags::NO_SCRIPT)
        .and(Flags::NO_ASYNC_LOADING)
        .and(Flags::NO_MULTI),
    args: &[Arg::string("replicationid"), Arg::integer("offset")],
    reply: "An error: SYNC serves those who follow.",
    audit: Audit::Words,
    handler: |_| {
        Err(ErrorReply::fixed(
            "ERR PSYNC is not available in this version, use SYNC",
        ))
    },
    ..CommandSpec::EMPTY
};

static REPLCONF: CommandSpec = CommandSpec {
    name: "replconf",
    summary: "Tells the master about a replica.",
    since: "3.0.0",
    group: Group::Server,
    arity: -1,
    flags: Flags::ADMIN
        .and(Flags::NO_SCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::ALLOW_BUSY)
        .and(Flags::IGNORES_PAUSE),
    reply: "OK; nothing to ACK.",
    handler: replconf,
    ..CommandSpec::EMPTY
};

fn replconf(context: &mut Context<'_, '_>) -> CommandResult {
    const KNOWN: [&str; 7] = [
        "listening-port",
        "ip-address",
        "capa",
        "version",
        "rdb-only",
        "rdb-filter-only",
        "getack",
    ];
    if context.args.len().is_multiple_of(2) {
        return Err(flashdb_command::error::SYNTAX);
    }
    let mut cursor = Cursor::new(context.args, 1);
    while cursor.remaining() > 0 {
        let option = cursor.word()?;
        cursor.word()?;
        if is(option, "ACK") {
            return Ok(());
        }
        if !KNOWN.iter().any(|known| is(option, known)) {
            let mut text = b"ERR Unrecognized REPLCONF option: ".to_vec();
            text.extend_from_slice(option);
            return Err(ErrorReply::from_bytes(text));
        }
    }
    context.reply.ok();
    Ok(())
}

// ---- modules -------------------------------------------------------------------------------------

/// What the subcommands of MODULE have in common.
const MODULE_SUB: CommandSpec = CommandSpec {
    container: "module",
    since: "4.0.0",
    group: Group::Server,
    flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
    reply: "An error.",
    handler: |_| Err(ErrorReply::fixed("ERR modules cannot be loaded into this server")),
    ..CommandSpec::EMPTY
};

static MODULE: CommandSpec = CommandSpec {
    name: "module",
    summary: "Holds the commands about modules; there are none.",
    since: "4.0.0",
    group: Group::Server,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &MODULE_HELP,
        &CommandSpec {
            name: "list",
            summary: "Lists the modules.",
            arity: 2,
            tips: &["nondeterministic_output_order"],
            reply: "An empty array.",
            handler: |context| {
                context.reply.array(0);
                Ok(())
            },
            ..MODULE_SUB
        },
        &CommandSpec {
            name: "load",
            summary: "Refused: there are no modules.",
            arity: -3,
            args: &[Arg::string("path"), Arg::string("arg").optional().multiple()],
            flags: Flags::ADMIN.and(Flags::NO_SCRIPT).and(Flags::NO_ASYNC_LOADING),
            ..MODULE_SUB
        },
        &CommandSpec {
            name: "loadex",
            summary: "Loads a module with settings.",
            since: "7.0.0",
            arity: -3,
            args: &[Arg::string("path"), Arg::string("arg").optional().multiple()],
            flags: Flags::ADMIN.and(Flags::NO_SCRIPT).and(Flags::NO_ASYNC_LOADING),
            ..MODULE_SUB
        },
        &CommandSpec {
            name: "unload",
            summary: "Refused: no module can be loaded.",
            arity: 3,
            args: &[Arg::string("name")],
            flags: Flags::ADMIN.and(Flags::NO_SCRIPT).and(Flags::NO_ASYNC_LOADING),
            handler: |_| {
                Err(ErrorReply::fixed(
                    "ERR Error unloading module: no such module with that name",
                ))
            },
            ..MODULE_SUB
        },
    ],
    ..CommandSpec::EMPTY
};

static MODULE_HELP: CommandSpec = help::row("module", "5.0.0", Group::Server, |context| {
    help::reply(context, &MODULE)
});
