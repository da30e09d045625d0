//! CLUSTER, READONLY, READWRITE, ASKING: this server is in no cluster, and says so as Redis does.

use flashdb_command::error::ErrorReply;
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group, help};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&ASKING, &CLUSTER, &READONLY, &READWRITE];

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
            "Drops a node from what is known of the cluster.",
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
