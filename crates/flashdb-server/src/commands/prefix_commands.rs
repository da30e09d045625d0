//! PREFIX.TREE and PREFIX.KEYS: the keyspace as a tree of prefixes, without a walk over all keys for each look.

use super::client;
use crate::key_tree::{KeysQuestion, Question, Rights, Sort};
use crate::later::Later;
use crate::server::Server;
use flashdb_command::args::Cursor;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&TREE, &KEYS];

const ROW: CommandSpec = CommandSpec {
    group: Group::Generic,
    flags: Flags::READONLY.and(Flags::NO_SCRIPT).and(Flags::NO_MULTI),
    ..CommandSpec::EMPTY
};

/// Branches, or keys, of one answer.
const LIMIT_DEFAULT: i64 = 200;
const LIMIT_MAX: i64 = 1000;
/// Longest time that an answer may be waited for, ms.
const WAIT_MAX_MS: i64 = 5000;

static TREE: CommandSpec = CommandSpec {
    name: "prefix.tree",
    summary: "Tells how many keys begin with a prefix, and which longer prefixes they have.",
    complexity: "O(B) for B branches below the prefix, on a thread of its own; O(N) for N keys where they are not counted yet",
    arity: -2,
    args: &[
        Arg::string("prefix"),
        Arg::string("order").with_token("SORT").optional(),
        Arg::integer("branches").with_token("LIMIT").optional(),
        Arg::integer("skip").with_token("OFFSET").optional(),
        Arg::integer("milliseconds").with_token("WAIT").optional(),
        Arg::string("beginning").with_token("BEGINS").optional(),
    ],
    tips: &["nondeterministic_output", "request_policy:all_shards"],
    reply: "A map: keys, bytes and branches; with BEGINS only branches whose whole name begins so.",
    handler: tree,
    ..ROW
};

static KEYS: CommandSpec = CommandSpec {
    name: "prefix.keys",
    summary: "Returns keys of a branch that belong to none of the branches below it.",
    complexity: "O(N) for the keys of the shards that hold some, 50 ms at a time",
    arity: -3,
    args: &[
        Arg::string("prefix"),
        Arg::integer("cursor"),
        Arg::integer("keys").with_token("COUNT").optional(),
    ],
    tips: &["nondeterministic_output", "request_policy:all_shards"],
    reply: "The next cursor, 0 at the end, and at most COUNT keys; a page may be empty.",
    handler: keys,
    ..ROW
};

/// The server, if it keeps the index.
fn server(context: &mut Context<'_, '_>) -> Result<Arc<Server>, ErrorReply> {
    let server = client(context).server.clone();
    if server.settings().prefix_index {
        return Ok(server);
    }
    Err(ErrorReply::fixed(
        "ERR the prefix index is switched off: prefix-index no",
    ))
}

fn rights(context: &mut Context<'_, '_>, server: &Server) -> Result<Rights, ErrorReply> {
    let command = server.registry.find(context.spec.name.as_bytes());
    Ok(Rights {
        user: client(context).user.clone(),
        command: command.ok_or(ErrorReply::fixed("ERR unknown command"))?,
    })
}

fn in_range(value: i64, max: i64) -> Result<usize, ErrorReply> {
    match value {
        value if (0..=max).contains(&value) => Ok(value as usize),
        _ => Err(ErrorReply::fixed("ERR value is out of range")),
    }
}

fn no_thread(context: &mut Context<'_, '_>, error: &std::io::Error) -> ErrorReply {
    context.block = None;
    ErrorReply::new(format!("ERR cannot start a thread: {error}"))
}

fn tree(context: &mut Context<'_, '_>) -> CommandResult {
    let server = server(context)?;
    let mut cursor = Cursor::new(context.args, 2);
    let (mut sort, mut limit, mut offset, mut wait_ms) = (Sort::Bytes, LIMIT_DEFAULT as usize, 0, 0);
    let mut beginning: &[u8] = b"";
    while cursor.remaining() > 0 {
        if cursor.take_with("SORT", 1) {
            sort = match cursor.word()?.to_ascii_lowercase().as_slice() {
                b"bytes" => Sort::Bytes,
                b"count" => Sort::Keys,
                b"name" => Sort::Name,
                _ => return Err(error::SYNTAX),
            };
        } else if cursor.take_with("LIMIT", 1) {
            limit = in_range(cursor.integer()?, LIMIT_MAX)?;
        } else if cursor.take_with("OFFSET", 1) {
            offset = in_range(cursor.integer()?, i64::MAX)?;
        } else if cursor.take_with("WAIT", 1) {
            wait_ms = in_range(cursor.integer()?, WAIT_MAX_MS)?;
        } else if cursor.take_with("BEGINS", 1) {
            beginning = cursor.word()?;
        } else {
            return Err(error::SYNTAX);
        }
    }
    let question = Question {
        db: context.data.db,
        prefix: context.arg(1).into(),
        beginning: beginning.into(),
        sort,
        offset,
        limit,
        patience: Duration::from_millis(wait_ms as u64),
        rights: rights(context, &server)?,
        since: Instant::now(),
    };
    let later = Later::begin(context);
    let asked = server.key_tree.ask(&server, question, later);
    asked.map_err(|error| no_thread(context, &error))
}

fn keys(context: &mut Context<'_, '_>) -> CommandResult {
    let server = server(context)?;
    let mut words = Cursor::new(context.args, 3);
    let mut limit = LIMIT_DEFAULT as usize;
    while words.remaining() > 0 {
        if !words.take_with("COUNT", 1) {
            return Err(error::SYNTAX);
        }
        limit = in_range(words.integer()?, LIMIT_MAX)?;
    }
    let at = std::str::from_utf8(context.arg(2)).ok();
    let at = at.and_then(|at| at.parse().ok());
    let question = KeysQuestion {
        db: context.data.db,
        prefix: context.arg(1).into(),
        cursor: at.ok_or(ErrorReply::fixed("ERR invalid cursor"))?,
        limit,
    };
    if !rights(context, &server)?.cover(&question.prefix) {
        return Err(ErrorReply::fixed(
            "NOPERM the user may not read all keys that begin with this prefix",
        ));
    }
    let later = Later::begin(context);
    let asked = server.key_tree.ask_keys(&server, question, later);
    asked.map_err(|error| no_thread(context, &error))
}
