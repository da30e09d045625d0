//! Whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB.

use super::existing_database;
use crate::args::is;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::spec::{Arg, Audit, CommandSpec, Flags, Group};

pub(super) static DBSIZE: CommandSpec = CommandSpec {
    name: "dbsize",
    summary: "Counts the keys of the database.",
    group: Group::Server,
    arity: 1,
    flags: Flags::READONLY.and(Flags::FAST),
    categories: &["keyspace"],
    reply: "The number of keys, expired ones not yet removed included.",
    tips: &["request_policy:all_shards", "response_policy:agg_sum"],
    handler: dbsize,
    ..CommandSpec::EMPTY
};

fn dbsize(context: &mut Context<'_, '_>) -> CommandResult {
    let len = context.data.database_len(context.data.db);
    context.reply.count(len);
    Ok(())
}

/// What both flushing commands have in common.
const FLUSHES: CommandSpec = CommandSpec {
    group: Group::Server,
    arity: -1,
    flags: Flags::WRITE.and(Flags::EXCLUSIVE),
    categories: &["keyspace", "dangerous"],
    args: &[Arg::one_of(
        "flush-type",
        &[
            Arg::word("async", "ASYNC").since("4.0.0"),
            Arg::word("sync", "SYNC").since("6.2.0"),
        ],
    )
    .optional()],
    reply: "OK.",
    history: &[
        ("4.0.0", "Takes the option ASYNC."),
        ("6.2.0", "Takes the option SYNC."),
    ],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    ..CommandSpec::EMPTY
};

pub(super) static FLUSHDB: CommandSpec = CommandSpec {
    name: "flushdb",
    summary: "Empties the selected database.",
    complexity: "O(N) for N keys in the database.",
    audit: Audit::Words,
    handler: |context| {
        let db = context.data.db;
        flush(context, db..=db)
    },
    ..FLUSHES
};

pub(super) static FLUSHALL: CommandSpec = CommandSpec {
    name: "flushall",
    summary: "Empties every database.",
    complexity: "O(N) for N keys in all databases.",
    audit: Audit::Words,
    handler: |context| {
        let last = context.data.space().databases_count() as u16 - 1;
        flush(context, 0..=last)
    },
    ..FLUSHES
};

fn flush(context: &mut Context<'_, '_>, databases: std::ops::RangeInclusive<u16>) -> CommandResult {
    let later = match (context.args.get(1), context.args.len()) {
        (None, _) => context.settings.lazyfree_lazy_user_flush,
        (Some(word), 2) if is(word, "async") => true,
        (Some(word), 2) if is(word, "sync") => false,
        _ => return Err(error::SYNTAX),
    };
    for db in databases {
        let removed = context.data.flush_database(db, later);
        context.data.effects.dirty += removed as u64;
    }
    // Followers are told even when there was nothing to remove here, as by Redis.
    context.data.decided(context.args.iter());
    context.reply.ok();
    Ok(())
}

pub(super) static SWAPDB: CommandSpec = CommandSpec {
    name: "swapdb",
    summary: "Exchanges two databases.",
    since: "4.0.0",
    group: Group::Server,
    complexity: "O(N) for N clients that watch or wait for keys of either.",
    arity: 3,
    flags: Flags::WRITE.and(Flags::FAST).and(Flags::EXCLUSIVE),
    categories: &["keyspace", "dangerous"],
    args: &[Arg::integer("index1"), Arg::integer("index2")],
    reply: "OK.",
    audit: Audit::Words,
    handler: swapdb,
    ..CommandSpec::EMPTY
};

fn swapdb(context: &mut Context<'_, '_>) -> CommandResult {
    if context.settings.cluster_enabled {
        return Err(ErrorReply::fixed("ERR SWAPDB is not allowed in cluster mode"));
    }
    let number = |word, otherwise| super::integer_32(word).map_err(|_| ErrorReply::fixed(otherwise));
    let first = number(context.arg(1), "ERR invalid first DB index")?;
    let second = number(context.arg(2), "ERR invalid second DB index")?;
    let first = existing_database(context, first)?;
    let second = existing_database(context, second)?;
    if first != second {
        context.data.swap_databases(first, second);
    }
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn flushing() {
        let mut run = Runner::with_strings("a b c");
        run.run("COPY a a DB 1");
        assert_eq!(run.run("FLUSHDB x"), "-ERR syntax error");
        assert_eq!(run.run("FLUSHDB SYNC ASYNC"), "-ERR syntax error");
        assert_eq!(run.run("FLUSHDB async"), "+OK");
        assert_eq!((run.dirty, run.run("DBSIZE")), (3, ":0".into()));
        run.db = 1;
        assert_eq!(run.run("DBSIZE"), ":1");
        assert_eq!(
            (run.run("FLUSHALL"), run.run("DBSIZE")),
            ("+OK".into(), ":0".into())
        );
    }

    #[test]
    fn swapping() {
        let mut run = Runner::with_strings("a b c");
        assert_eq!(run.run("SWAPDB x 1"), "-ERR invalid first DB index");
        assert_eq!(run.run("SWAPDB 0 99999999999"), "-ERR invalid second DB index");
        assert_eq!(run.run("SWAPDB 0 99"), "-ERR DB index is out of range");
        assert_eq!(run.run("SWAPDB 0 5"), "+OK");
        assert_eq!(run.run("DBSIZE"), ":0");
        run.db = 5;
        assert_eq!(run.run("DBSIZE"), ":3");
    }
}
