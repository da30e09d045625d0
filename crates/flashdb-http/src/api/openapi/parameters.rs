//! What a query or a path may carry, as tight as the handlers read it: a client that is made from the document finds out
//! before it asks.

use super::super::{audit, find, key, keys, pubsub, snapshots, tree};
use crate::alerts::RULES;
use flashdb_server::engine::AuditKind;
use serde_json::{Value, json};

/// A parameter: its name, what it is, and its schema.
#[derive(Clone, Copy)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub what: &'static str,
    pub schema: fn() -> Value,
    pub required: bool,
}

const fn parameter(name: &'static str, what: &'static str, schema: fn() -> Value) -> Parameter {
    Parameter {
        name,
        what,
        schema,
        required: false,
    }
}

fn any() -> Value {
    json!({"type": "string"})
}

fn some() -> Value {
    json!({"type": "string", "minLength": 1})
}

fn number(from: u64, to: u64) -> Value {
    json!({"type": "integer", "minimum": from, "maximum": to})
}

fn text(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

pub(super) const KEY: Parameter = parameter(
    "key",
    "The key, percent-encoded byte by byte; so also `.`, `..` and the empty key, which a path cannot hold.",
    any,
);
pub(super) const COMMAND: Parameter = parameter(
    "name",
    "A command (`get`) or subcommand (`config|get`), in small letters.",
    some,
);
pub(super) const DB: Parameter = parameter(
    "db",
    "Database; 0 unless given.",
    || json!({"$ref": "#/components/schemas/Database"}),
);
pub(super) const LIMIT: Parameter = parameter("limit", "Elements of a page; 100 unless given.", || {
    number(1, keys::LIMIT_MAX)
});
pub(super) const CURSOR: Parameter = parameter(
    "cursor",
    "Where the page before ended: its `cursor`. From the beginning unless given.",
    || text("^[0-9]{0,20}$"),
);
pub(super) const NAMES_CURSOR: Parameter = parameter(
    "cursor",
    "Where the page before ended: its `cursor`. From the beginning unless given.",
    || text("^[0-9]{0,39}$"),
);
pub(super) const TEXT: Parameter = Parameter {
    required: true,
    ..parameter(
        "q",
        "What names are to begin with or to contain, percent-encoded byte by byte. No pattern.",
        || json!({"type": "string", "minLength": 1, "maxLength": find::TEXT_CHARS_MAX}),
    )
};
pub(super) const FIND_LIMIT: Parameter = parameter("limit", "Keys, and prefixes; 8 unless given.", || {
    number(1, find::LIMIT_MAX)
});
pub(super) const FIND_CURSOR: Parameter = parameter(
    "cursor",
    "Where the page before ended: its `cursor`. From the beginning unless given.",
    || text("^(?:[0-9]{1,5}-[0-9]{1,20}(?:[.][0-9]{1,5}-[0-9]{1,20})*)?$"),
);
pub(super) const ITEMS_CURSOR: Parameter = parameter(
    "cursor",
    "Where the page before ended: its `cursor`. That of a stream is the id of an entry, and a conflict elsewhere.",
    || text("^(?:[0-9]{1,20}(?:-[0-9]{1,20})?)?$"),
);
pub(super) const PREFIX: Parameter = parameter(
    "p",
    "What the keys begin with, up to a separator; percent-encoded byte by byte. All keys unless given.",
    any,
);
pub(super) const KEEP: Parameter = parameter(
    "keep",
    "Answers with what RESTORE needs, of at most so many bytes; a larger key is not removed, which is a conflict.",
    || number(0, key::KEPT_BYTES_MAX),
);
pub(super) const MATCH: Parameter = parameter("match", "A glob.", any);
pub(super) const TYPE: Parameter = parameter(
    "type",
    "Only keys of this type.",
    || json!({"enum": keys::TYPES, "type": "string"}),
);
pub(super) const SORT: Parameter = parameter(
    "sort",
    "`bytes` unless given.",
    || json!({"enum": ["bytes", "count", "name"], "type": "string"}),
);
pub(super) const WAIT: Parameter = parameter("wait", "Time to wait for exact counts, ms.", || {
    number(0, tree::WAIT_MAX_MS)
});
pub(super) const SINCE: Parameter = parameter("since", "Unix time in ms; points after it.", || {
    number(0, i64::MAX as u64)
});
pub(super) const POINTS: Parameter = parameter("limit", "The newest so many points.", || number(1, 3600));
pub(super) const NAMES: Parameter = parameter("limit", "Names; 100 unless given.", || {
    number(1, pubsub::LIMIT_MAX)
});
pub(super) const HOT_KEYS: Parameter = parameter("limit", "Keys; 20 unless given.", || number(1, 256));
pub(super) const SLOW_ENTRIES: Parameter =
    parameter("limit", "Entries; 128 unless given.", || number(1, 1000));
pub(super) const JOB_KIND: Parameter = parameter(
    "kind",
    "Only jobs of this kind.",
    || json!({"enum": ["bench", "generate", "bulk", "import"], "type": "string"}),
);
pub(super) const FORMAT: Parameter = parameter(
    "format",
    "What the lines are: JSON that `PUT /key` takes, unless given, or commands.",
    || json!({"enum": ["jsonl", "commands"], "type": "string"}),
);

pub(super) const FILE_FORMAT: Parameter = Parameter {
    // With `from` the server knows it, which a document cannot say.
    required: true,
    ..parameter(
        "format",
        "What the file is; with `from` it may be left out, and is that of the dry run.",
        || {
            let names = flashdb_import::Format::ALL.map(|(name, _)| name);
            json!({"enum": names, "type": "string"})
        },
    )
};
pub(super) const ON_CONFLICT: Parameter = parameter(
    "on_conflict",
    "What becomes of keys that are there already: left (`skip`, unless given), replaced, or the end of the import at the first.",
    || json!({"enum": ["skip", "overwrite", "fail"], "type": "string"}),
);
pub(super) const DRY_RUN: Parameter = parameter(
    "dry_run",
    "Reads all of the file, writes nothing, and keeps the file for ten minutes, to be imported by `from`.",
    || json!({"type": "boolean"}),
);
pub(super) const TARGET_DB: Parameter = parameter(
    "db",
    "Database that all keys go to. Unless given, those that the file names, or 0.",
    || json!({"$ref": "#/components/schemas/Database"}),
);
pub(super) const ONLY_DB: Parameter =
    parameter("only_db", "Only what the file has in this database.", || {
        number(0, u64::from(u32::MAX))
    });
pub(super) const RATE: Parameter = parameter(
    "rate",
    "Keys per second, at most; 20000 unless given. Less while the server is busy.",
    || number(1, 1_000_000),
);
pub(super) const FILE_NAME: Parameter = parameter(
    "name",
    "What the file is called, to be shown.",
    || json!({"type": "string", "maxLength": 200}),
);
pub(super) const FROM: Parameter = parameter(
    "from",
    "A dry run of the same user whose file is imported now; the body is empty then.",
    || text("^[0-9a-f]{8}$"),
);

// ---- in a path; the name there comes from the path itself ----------------------------------------

pub(super) const PATH_TEXT: Parameter = parameter("", "As a list tells it.", some);
pub(super) const BYTES: Parameter = parameter("", "The key, percent-encoded byte by byte.", some);
pub(super) const USER: Parameter = parameter("", "The name of a user.", || text(r"^[^ \t\n\v\f\r\x00]+$"));
pub(super) const CLIENT: Parameter = parameter("", "The id of a client.", || text("^[0-9]{1,20}$"));
pub(super) const SNAPSHOT: Parameter = parameter("", "The id or the file of a snapshot.", || {
    text(snapshots::NAME_PATTERN)
});
pub(super) const AUDIT_USER: Parameter = parameter(
    "user",
    "Whose doing it was, or whose session; by the whole name.",
    any,
);
pub(super) const AUDIT_KIND: Parameter = parameter("kind", "What it was about.", || {
    let names = AuditKind::ALL.map(AuditKind::name);
    json!({"type": "string", "enum": names})
});
pub(super) const AUDIT_OUTCOME: Parameter = parameter("outcome", "What became of it, as `outcome`.", any);
pub(super) const AUDIT_TEXT: Parameter = parameter(
    "q",
    "What the command, the address or what was asked for contains, in any case.",
    any,
);
pub(super) const AUDIT_FROM: Parameter = parameter("from", "Unix time in ms, not before.", || {
    number(0, audit::NUMBER_MAX)
});
pub(super) const AUDIT_TO: Parameter = parameter("to", "Unix time in ms, not after.", || {
    number(0, audit::NUMBER_MAX)
});
pub(super) const AUDIT_LIMIT: Parameter = parameter("limit", "Entries of a page; 100 unless given.", || {
    number(1, audit::LIMIT_MAX)
});
pub(super) const AUDIT_BEFORE: Parameter =
    parameter("before", "Where the page before ended: its `next`.", || {
        number(0, audit::NUMBER_MAX)
    });
pub(super) const ALERT: Parameter = parameter("", "The name of a rule.", || {
    let names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    json!({"type": "string", "enum": names})
});
