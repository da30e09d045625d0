//! CLIENT: what a client says of itself, looking at clients (`list`), acting on them
//! (`act`), client-side caching (`tracking`).

mod act;
mod list;
mod own;
mod tracking;

pub use list::describe;

use flashdb_command::{Arg, Audit, CommandSpec, Flags, Group, help};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&CLIENT];

const ANYTIME: Flags = Flags::NO_SCRIPT
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::IGNORES_PAUSE)
    .and(Flags::KEEPS_CACHING);
const ADMIN: Flags = ANYTIME.and(Flags::ADMIN);
/// Changes what the server knows of the connection.
const OWN: Flags = ANYTIME.and(Flags::NO_ROLLBACK);

const ON_OR_OFF: &[Arg] = &[Arg::one_of(
    "enabled",
    &[Arg::word("on", "ON"), Arg::word("off", "OFF")],
)];

/// What all subcommands have in common.
const SUB: CommandSpec = CommandSpec {
    container: "client",
    group: Group::Connection,
    arity: 2,
    flags: ANYTIME,
    ..CommandSpec::EMPTY
};

static CLIENT: CommandSpec = CommandSpec {
    name: "client",
    summary: "Holds the commands about client connections.",
    since: "2.4.0",
    group: Group::Connection,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &CACHING,
        &GETNAME,
        &GETREDIR,
        &HELP,
        &ID,
        &INFO,
        &KILL,
        &LIST,
        &NO_EVICT,
        &NO_TOUCH,
        &PAUSE,
        &REPLY,
        &SETINFO,
        &SETNAME,
        &TRACKING,
        &TRACKINGINFO,
        &UNBLOCK,
        &UNPAUSE,
    ],
    ..CommandSpec::EMPTY
};

static HELP: CommandSpec = CommandSpec {
    flags: Flags::LOADING
        .and(Flags::STALE)
        .and(Flags::IGNORES_PAUSE)
        .and(Flags::KEEPS_CACHING),
    ..help::row("client", "5.0.0", Group::Connection, |context| {
        help::reply(context, &CLIENT)
    })
};

static CACHING: CommandSpec = CommandSpec {
    name: "caching",
    summary: "Tells whether the keys of the next command are tracked.",
    since: "6.0.0",
    arity: 3,
    flags: OWN,
    args: &[Arg::one_of(
        "mode",
        &[Arg::word("yes", "YES"), Arg::word("no", "NO")],
    )],
    reply: "OK, or an error.",
    handler: tracking::caching,
    ..SUB
};

static GETNAME: CommandSpec = CommandSpec {
    name: "getname",
    summary: "Returns the name of the connection.",
    since: "2.6.9",
    reply: "The name, or null if it has none.",
    handler: own::get_name,
    ..SUB
};

static GETREDIR: CommandSpec = CommandSpec {
    name: "getredir",
    summary: "Returns the client that gets this one's invalidation messages.",
    since: "6.0.0",
    reply: "An id, 0 without redirection, -1 without tracking.",
    handler: tracking::get_redirection,
    ..SUB
};

static ID: CommandSpec = CommandSpec {
    name: "id",
    summary: "Returns the id of the connection.",
    since: "5.0.0",
    reply: "The id.",
    handler: own::id,
    ..SUB
};

static INFO: CommandSpec = CommandSpec {
    name: "info",
    summary: "Describes the connection in one line.",
    since: "6.2.0",
    tips: &["nondeterministic_output"],
    reply: "A line of fields.",
    handler: list::info,
    ..SUB
};

const CLIENT_TYPES: &[Arg] = &[
    Arg::word("normal", "NORMAL"),
    Arg::word("master", "MASTER"),
    Arg::word("slave", "SLAVE"),
    Arg::word("replica", "REPLICA"),
    Arg::word("pubsub", "PUBSUB"),
];

static KILL: CommandSpec = CommandSpec {
    name: "kill",
    summary: "Closes connections.",
    since: "2.4.0",
    complexity: "O(N) for N clients",
    arity: -3,
    flags: ADMIN.and(Flags::EXCLUSIVE),
    args: &[Arg::one_of(
        "filter",
        &[
            Arg::string("old-format"),
            Arg::one_of(
                "new-format",
                &[
                    Arg::integer("client-id").with_token("ID").since("2.8.12"),
                    Arg::one_of("client-type", CLIENT_TYPES)
                        .with_token("TYPE")
                        .since("2.8.12"),
                    Arg::string("username").with_token("USER"),
                    Arg::string("addr").with_token("ADDR"),
                    Arg::string("laddr").with_token("LADDR").since("6.2.0"),
                    Arg::one_of("skipme", &[Arg::word("yes", "YES"), Arg::word("no", "NO")])
                        .with_token("SKIPME"),
                    Arg::integer("maxage").with_token("MAXAGE").since("7.4.0"),
                ],
            )
            .multiple(),
        ],
    )],
    history: &[
        ("2.8.12", "Takes filters."),
        ("2.8.12", "Filters by type and id."),
        ("5.0.0", "Replicas may be called so."),
        ("6.2.0", "Filters by own address."),
        ("7.4.0", "Filters by age."),
    ],
    reply: "OK in the old form; else how many were closed.",
    audit: Audit::Words,
    handler: act::kill,
    ..SUB
};

static LIST: CommandSpec = CommandSpec {
    name: "list",
    summary: "Describes connections, a line for each.",
    since: "2.4.0",
    complexity: "O(N) for N clients",
    arity: -2,
    flags: ADMIN,
    args: &[
        Arg::one_of("client-type", CLIENT_TYPES)
            .with_token("TYPE")
            .optional()
            .since("5.0.0"),
        Arg::integer("client-id")
            .with_token("ID")
            .multiple()
            .optional()
            .since("6.2.0"),
    ],
    history: &[("5.0.0", "Filters by type."), ("6.2.0", "Filters by id.")],
    tips: &["nondeterministic_output"],
    reply: "Lines of fields.",
    handler: list::list,
    ..SUB
};

static NO_EVICT: CommandSpec = CommandSpec {
    name: "no-evict",
    summary: "Keeps the connection from being closed for its use of memory.",
    since: "7.0.0",
    arity: 3,
    flags: ADMIN,
    args: ON_OR_OFF,
    reply: "OK.",
    handler: own::no_evict,
    ..SUB
};

static NO_TOUCH: CommandSpec = CommandSpec {
    name: "no-touch",
    summary: "Makes the connection's commands not count as use of keys: neither for OBJECT nor for hot keys.",
    since: "7.2.0",
    arity: 3,
    flags: OWN,
    args: ON_OR_OFF,
    reply: "OK.",
    handler: own::no_touch,
    ..SUB
};

static PAUSE: CommandSpec = CommandSpec {
    name: "pause",
    summary: "Holds back the commands of all clients for a time.",
    since: "3.0.0",
    arity: -3,
    flags: ADMIN,
    args: &[
        Arg::integer("timeout"),
        Arg::one_of("mode", &[Arg::word("write", "WRITE"), Arg::word("all", "ALL")])
            .optional()
            .since("6.2.0"),
    ],
    history: &[("6.2.0", "Can hold back writes only.")],
    reply: "OK.",
    audit: Audit::Words,
    handler: act::pause,
    ..SUB
};

static REPLY: CommandSpec = CommandSpec {
    name: "reply",
    summary: "Tells whether replies are sent.",
    since: "3.2.0",
    arity: 3,
    flags: OWN,
    args: &[Arg::one_of(
        "action",
        &[
            Arg::word("on", "ON"),
            Arg::word("off", "OFF"),
            Arg::word("skip", "SKIP"),
        ],
    )],
    reply: "OK to ON, nothing to OFF and SKIP.",
    handler: own::reply_mode,
    ..SUB
};

static SETINFO: CommandSpec = CommandSpec {
    name: "setinfo",
    summary: "Tells the server about the client's library.",
    since: "7.2.0",
    arity: 4,
    flags: OWN,
    args: &[Arg::one_of(
        "attr",
        &[
            Arg::string("libname").with_token("LIB-NAME"),
            Arg::string("libver").with_token("LIB-VER"),
        ],
    )],
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    reply: "OK.",
    handler: own::set_info,
    ..SUB
};

static SETNAME: CommandSpec = CommandSpec {
    name: "setname",
    summary: "Names the connection.",
    since: "2.6.9",
    arity: 3,
    flags: OWN,
    args: &[Arg::string("connection-name")],
    tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
    reply: "OK.",
    handler: own::set_name,
    ..SUB
};

static TRACKING: CommandSpec = CommandSpec {
    name: "tracking",
    summary: "Switches client-side caching.",
    since: "6.0.0",
    arity: -3,
    flags: OWN,
    args: &[
        Arg::one_of("status", &[Arg::word("on", "ON"), Arg::word("off", "OFF")]),
        Arg::integer("client-id").with_token("REDIRECT").optional(),
        Arg::string("prefix")
            .with_token("PREFIX")
            .optional()
            .multiple_with_token(),
        Arg::word("bcast", "BCAST").optional(),
        Arg::word("optin", "OPTIN").optional(),
        Arg::word("optout", "OPTOUT").optional(),
        Arg::word("noloop", "NOLOOP").optional(),
    ],
    reply: "OK, or an error.",
    handler: tracking::tracking,
    ..SUB
};

static TRACKINGINFO: CommandSpec = CommandSpec {
    name: "trackinginfo",
    summary: "Describes the state of client-side caching.",
    since: "6.2.0",
    reply: "A map: flags, redirect, prefixes.",
    handler: tracking::info,
    ..SUB
};

static UNBLOCK: CommandSpec = CommandSpec {
    name: "unblock",
    summary: "Ends the wait of a client in a blocking command.",
    since: "5.0.0",
    complexity: "O(log N) for N clients",
    arity: -3,
    flags: ADMIN.and(Flags::EXCLUSIVE),
    args: &[
        Arg::integer("client-id"),
        Arg::one_of(
            "unblock-type",
            &[Arg::word("timeout", "TIMEOUT"), Arg::word("error", "ERROR")],
        )
        .optional(),
    ],
    reply: "1 if the client was waiting, else 0.",
    handler: act::unblock,
    ..SUB
};

static UNPAUSE: CommandSpec = CommandSpec {
    name: "unpause",
    summary: "Ends CLIENT PAUSE.",
    since: "6.2.0",
    complexity: "O(N) for N held back clients",
    flags: ADMIN,
    reply: "OK.",
    audit: Audit::Words,
    handler: act::unpause,
    ..SUB
};
