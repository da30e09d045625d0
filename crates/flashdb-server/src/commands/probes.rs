//! What clients and tools probe for of replication, cluster, modules and users: a lone master
//! without cluster, modules or users besides the default one answers as Redis would; what changes
//! any of it is refused.

use super::client;
use super::command_info::{CATEGORIES, categories};
use flashdb_command::args::{Cursor, is};
use flashdb_command::error::ErrorReply;
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Deprecated, Flags, Group, help};
use std::io::Read;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &ACL, &ASKING, &CLUSTER, &FAILOVER, &MODULE, &PSYNC, &READONLY, &READWRITE, &REPLCONF, &REPLICAOF, &ROLE,
    &SLAVEOF,
];

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

// ---- cluster -------------------------------------------------------------------------------------

const NO_CLUSTER: ErrorReply = ErrorReply::fixed("ERR This instance has cluster support disabled");

fn no_cluster(_: &mut Context<'_, '_>) -> CommandResult {
    Err(NO_CLUSTER)
}

const NODE_ADMIN: Flags = Flags::ADMIN.and(Flags::STALE).and(Flags::NO_ASYNC_LOADING);

const NODE: &[Arg] = &[Arg::string("node-id")];
const SLOT_RANGES: &[Arg] =
    &[Arg::block("range", &[Arg::integer("start-slot"), Arg::integer("end-slot")]).multiple()];

/// A subcommand of CLUSTER; all of them answer that there is none.
const fn cluster_sub(
    name: &'static str,
    arity: i32,
    since: &'static str,
    summary: &'static str,
    flags: Flags,
    args: &'static [Arg],
) -> CommandSpec {
    CommandSpec {
        name,
        container: "cluster",
        summary,
        since,
        group: Group::Cluster,
        arity,
        flags,
        args,
        reply: "An error.",
        handler: no_cluster,
        ..CommandSpec::EMPTY
    }
}

static CLUSTER: CommandSpec = CommandSpec {
    name: "cluster",
    summary: "Holds the commands about a cluster; this server is in none.",
    since: "3.0.0",
    group: Group::Cluster,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &cluster_sub(
            "addslots",
            -3,
            "3.0.0",
            "Gives slots to the node.",
            NODE_ADMIN,
            &[Arg::integer("slot").multiple()],
        ),
        &cluster_sub(
            "addslotsrange",
            -4,
            "7.0.0",
            "Gives ranges of slots to the node.",
            NODE_ADMIN,
            SLOT_RANGES,
        ),
        &cluster_sub(
            "bumpepoch",
            2,
            "3.0.0",
            "Raises the epoch of the node.",
            NODE_ADMIN,
            &[],
        ),
        &cluster_sub(
            "count-failure-reports",
            3,
            "3.0.0",
            "Counts the reports that a node fails.",
            NODE_ADMIN,
            NODE,
        ),
        &cluster_sub(
            "countkeysinslot",
            3,
            "3.0.0",
            "Counts the keys of a slot.",
            Flags::STALE,
            &[Arg::integer("slot")],
        ),
        &cluster_sub(
            "delslots",
            -3,
            "3.0.0",
            "Takes slots from the node.",
            NODE_ADMIN,
            &[Arg::integer("slot").multiple()],
        ),
        &cluster_sub(
            "delslotsrange",
            -4,
            "7.0.0",
            "Takes ranges of slots from the node.",
            NODE_ADMIN,
            SLOT_RANGES,
        ),
        &cluster_sub(
            "failover",
            -2,
            "3.0.0",
            "Makes a replica take over.",
            NODE_ADMIN,
            &[Arg::one_of(
                "options",
                &[Arg::word("force", "FORCE"), Arg::word("takeover", "TAKEOVER")],
            )
            .optional()],
        ),
        &cluster_sub(
            "flushslots",
            2,
            "3.0.0",
            "Takes all slots from the node.",
            NODE_ADMIN,
            &[],
        ),
        &cluster_sub(
            "forget",
            3,
            "3.0.0",
            "Removes a node from the table.",
            NODE_ADMIN,
            NODE,
        ),
        &cluster_sub(
            "getkeysinslot",
            4,
            "3.0.0",
            "Lists keys of a slot.",
            Flags::STALE,
            &[Arg::integer("slot"), Arg::integer("count")],
        ),
        &CLUSTER_HELP,
        &cluster_sub("info", 2, "3.0.0", "Describes the cluster.", Flags::STALE, &[]),
        &cluster_sub(
            "keyslot",
            3,
            "3.0.0",
            "Returns the slot of a key.",
            Flags::STALE,
            &[Arg::string("key")],
        ),
        &cluster_sub(
            "links",
            2,
            "7.0.0",
            "Lists the connections between nodes.",
            Flags::STALE,
            &[],
        ),
        &cluster_sub(
            "meet",
            -4,
            "3.0.0",
            "Makes a node known.",
            NODE_ADMIN,
            &[
                Arg::string("ip"),
                Arg::integer("port"),
                Arg::integer("cluster-bus-port").optional().since("4.0.0"),
            ],
        ),
        &cluster_sub(
            "myid",
            2,
            "3.0.0",
            "Returns the id of the node.",
            Flags::STALE,
            &[],
        ),
        &cluster_sub(
            "myshardid",
            2,
            "7.2.0",
            "Returns the id of the node's shard.",
            Flags::STALE,
            &[],
        ),
        &cluster_sub(
            "nodes",
            2,
            "3.0.0",
            "Lists the nodes, a line for each.",
            Flags::STALE,
            &[],
        ),
        &cluster_sub(
            "replicas",
            3,
            "5.0.0",
            "Lists the replicas of a node.",
            Flags::ADMIN.and(Flags::STALE),
            NODE,
        ),
        &cluster_sub(
            "replicate",
            3,
            "3.0.0",
            "Makes the node a replica.",
            NODE_ADMIN,
            NODE,
        ),
        &cluster_sub(
            "reset",
            -2,
            "3.0.0",
            "Brings the node back to a fresh state.",
            Flags::ADMIN.and(Flags::STALE).and(Flags::NO_SCRIPT),
            &[Arg::one_of(
                "reset-type",
                &[Arg::word("hard", "HARD"), Arg::word("soft", "SOFT")],
            )
            .optional()],
        ),
        &cluster_sub(
            "saveconfig",
            2,
            "3.0.0",
            "Writes the table of nodes.",
            NODE_ADMIN,
            &[],
        ),
        &cluster_sub(
            "set-config-epoch",
            3,
            "3.0.0",
            "Sets the epoch of a fresh node.",
            NODE_ADMIN,
            &[Arg::integer("config-epoch")],
        ),
        &cluster_sub(
            "setslot",
            -4,
            "3.0.0",
            "Gives a slot to a node.",
            NODE_ADMIN,
            &[
                Arg::integer("slot"),
                Arg::one_of(
                    "subcommand",
                    &[
                        Arg::string("importing").with_token("IMPORTING"),
                        Arg::string("migrating").with_token("MIGRATING"),
                        Arg::string("node").with_token("NODE"),
                        Arg::word("stable", "STABLE"),
                    ],
                ),
            ],
        ),
        &cluster_sub(
            "shards",
            2,
            "7.0.0",
            "Lists slots and nodes by shard.",
            Flags::LOADING.and(Flags::STALE),
            &[],
        ),
        &cluster_sub(
            "slaves",
            3,
            "3.0.0",
            "As CLUSTER REPLICAS, by its old name.",
            Flags::ADMIN.and(Flags::STALE),
            NODE,
        ),
        &cluster_sub(
            "slots",
            2,
            "3.0.0",
            "Lists slots and nodes.",
            Flags::LOADING.and(Flags::STALE),
            &[],
        ),
    ],
    ..CommandSpec::EMPTY
};

static CLUSTER_HELP: CommandSpec = help::row("cluster", "5.0.0", Group::Cluster, |context| {
    help::reply(context, &CLUSTER)
});

/// What the commands that set the mode of a connection have in common.
const MODE: CommandSpec = CommandSpec {
    since: "3.0.0",
    group: Group::Cluster,
    arity: 1,
    flags: Flags::FAST.and(Flags::LOADING).and(Flags::STALE),
    categories: &["connection"],
    reply: "An error.",
    handler: no_cluster,
    ..CommandSpec::EMPTY
};

static ASKING: CommandSpec = CommandSpec {
    name: "asking",
    summary: "Lets the next command touch a slot that is being moved here.",
    flags: Flags::FAST,
    ..MODE
};

static READONLY: CommandSpec = CommandSpec {
    name: "readonly",
    summary: "Lets the connection read from a replica of a cluster.",
    ..MODE
};

static READWRITE: CommandSpec = CommandSpec {
    name: "readwrite",
    summary: "Ends READONLY.",
    ..MODE
};

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

// ---- users ---------------------------------------------------------------------------------------

const NO_USERS: ErrorReply =
    ErrorReply::fixed("ERR users other than the default one are not available in this version");

/// What the subcommands of ACL have in common.
const ACL_SUB: CommandSpec = CommandSpec {
    container: "acl",
    since: "6.0.0",
    group: Group::Server,
    arity: 2,
    flags: ACL_ADMIN,
    reply: "An error.",
    handler: |_| Err(NO_USERS),
    ..CommandSpec::EMPTY
};

const ACL_ANYONE: Flags = Flags::NO_SCRIPT.and(Flags::LOADING).and(Flags::STALE);
const ACL_ADMIN: Flags = ACL_ANYONE.and(Flags::ADMIN).and(Flags::SENSITIVE);

static ACL: CommandSpec = CommandSpec {
    name: "acl",
    summary: "Holds the commands about users and what they may do.",
    since: "6.0.0",
    group: Group::Server,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &CommandSpec {
            name: "cat",
            summary: "Lists the categories, or the commands of one.",
            arity: -2,
            flags: ACL_ANYONE,
            args: &[Arg::string("category").optional()],
            reply: "Names.",
            handler: acl_cat,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "deluser",
            summary: "Removes users.",
            arity: -3,
            args: &[Arg::string("username").multiple()],
            ..ACL_SUB
        },
        &CommandSpec {
            name: "dryrun",
            summary: "Tells whether a user may run a command.",
            since: "7.0.0",
            arity: -4,
            args: &[
                Arg::string("username"),
                Arg::string("command"),
                Arg::string("arg").optional().multiple(),
            ],
            ..ACL_SUB
        },
        &CommandSpec {
            name: "genpass",
            summary: "Makes a password.",
            arity: -2,
            flags: ACL_ANYONE,
            args: &[Arg::integer("bits").optional()],
            reply: "Hexadecimal digits.",
            handler: generate_password,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "getuser",
            summary: "Returns what a user may do.",
            arity: 3,
            args: &[Arg::string("username")],
            reply: "A map, or null if there is no such user.",
            handler: get_user,
            ..ACL_SUB
        },
        &ACL_HELP,
        &CommandSpec {
            name: "list",
            summary: "Lists users as rules.",
            reply: "Lines.",
            handler: |context| {
                let open = context.settings.requirepass.is_empty();
                context.reply.array(1);
                context.reply.bulk_str(if open {
                    "user default on nopass sanitize-payload ~* &* +@all"
                } else {
                    "user default on (password set) sanitize-payload ~* &* +@all"
                });
                Ok(())
            },
            ..ACL_SUB
        },
        &CommandSpec {
            name: "load",
            summary: "Reads users from the file.",
            ..ACL_SUB
        },
        &CommandSpec {
            name: "log",
            summary: "Lists what was refused.",
            arity: -2,
            args: &[Arg::string("count-or-reset").optional()],
            ..ACL_SUB
        },
        &CommandSpec {
            name: "save",
            summary: "Writes users into the file.",
            ..ACL_SUB
        },
        &CommandSpec {
            name: "setuser",
            summary: "Makes or changes a user.",
            arity: -3,
            args: &[Arg::string("username"), Arg::string("rule").optional().multiple()],
            ..ACL_SUB
        },
        &CommandSpec {
            name: "users",
            summary: "Lists the names of users.",
            reply: "Names.",
            handler: |context| {
                context.reply.array(1);
                context.reply.bulk_str("default");
                Ok(())
            },
            ..ACL_SUB
        },
        &CommandSpec {
            name: "whoami",
            summary: "Returns the user of the connection.",
            flags: ACL_ANYONE,
            reply: "The name.",
            handler: |context| {
                context.reply.bulk_str("default");
                Ok(())
            },
            ..ACL_SUB
        },
    ],
    ..CommandSpec::EMPTY
};

static ACL_HELP: CommandSpec = help::row("acl", "6.0.0", Group::Server, |context| {
    help::reply(context, &ACL)
});

fn acl_cat(context: &mut Context<'_, '_>) -> CommandResult {
    let Some(wanted) = context.args.get(2) else {
        context.reply.array(CATEGORIES.len());
        CATEGORIES.iter().for_each(|name| context.reply.bulk_str(name));
        return Ok(());
    };
    if !CATEGORIES.iter().any(|name| is(wanted, name)) {
        let mut text = b"ERR Unknown category '".to_vec();
        text.extend_from_slice(wanted);
        text.push(b'\'');
        return Err(ErrorReply::from_bytes(text));
    }
    let server = client(context).server.clone();
    let at = context.reply.deferred();
    let mut count = 0;
    for command in server.registry.all() {
        if categories(command.spec).any(|category| is(wanted, category)) {
            context.reply.bulk_str(&command.spec.full_name());
            count += 1;
        }
    }
    context.reply.finish_array(at, count);
    Ok(())
}

fn get_user(context: &mut Context<'_, '_>) -> CommandResult {
    if context.arg(2) != b"default" {
        context.reply.null();
        return Ok(());
    }
    let open = context.settings.requirepass.is_empty();
    let reply = &mut *context.reply;
    reply.map(6);
    reply.bulk_str("flags");
    let flags: &[&str] = if open { &["on", "nopass"] } else { &["on"] };
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk_str(flag));
    reply.bulk_str("passwords");
    reply.array(0);
    for (name, value) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
        reply.bulk_str(name);
        reply.bulk_str(value);
    }
    reply.bulk_str("selectors");
    reply.array(0);
    Ok(())
}

fn generate_password(context: &mut Context<'_, '_>) -> CommandResult {
    const BITS_MAX: i64 = 4096;
    let bits = match context.args.get(2) {
        None => 256,
        Some(word) => flashdb_command::args::integer(word)?,
    };
    if !(1..=BITS_MAX).contains(&bits) {
        return Err(ErrorReply::fixed(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ));
    }
    let digits = (bits as usize).div_ceil(4);
    let mut bytes = vec![0; digits.div_ceil(2)];
    let source = std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    source.map_err(|error| ErrorReply::new(format!("ERR no randomness: {error}")))?;
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(digits);
    context.reply.bulk_str(&text);
    Ok(())
}
