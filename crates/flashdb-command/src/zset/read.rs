//! Answers about members and counts: ZCARD, ZSCORE, ZMSCORE, ZRANK, ZREVRANK, ZCOUNT, ZLEXCOUNT.

use super::{KEY_READ, bounds};
use crate::args;
use crate::context::{CommandResult, Context};
use crate::error;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group, WANTED_AT_2};
use flashdb_types::approach::Wanted;
use flashdb_types::zset::ZSet;

const FAST_READ: Flags = Flags::READONLY.and(Flags::FAST);

pub(super) static ZCARD: CommandSpec = CommandSpec {
    name: "zcard",
    summary: "Counts the members of a sorted set.",
    since: "1.2.0",
    group: Group::SortedSet,
    arity: 2,
    flags: FAST_READ,
    keys: &[KeySpec::one(1, KeyFlags::RO)],
    args: &[Arg::key("key")],
    reply: "The number of members; 0 if the key does not exist.",
    handler: zcard,
    ..CommandSpec::EMPTY
};

pub(super) static ZSCORE: CommandSpec = CommandSpec {
    name: "zscore",
    summary: "Returns the score of a member.",
    since: "1.2.0",
    group: Group::SortedSet,
    arity: 3,
    flags: FAST_READ,
    keys: KEY_READ,
    wanted: WANTED_AT_2,
    args: &[Arg::key("key"), Arg::string("member")],
    reply: "The score, or null if there is no such member.",
    handler: zscore,
    ..CommandSpec::EMPTY
};

pub(super) static ZMSCORE: CommandSpec = CommandSpec {
    name: "zmscore",
    summary: "Returns the scores of several members.",
    since: "6.2.0",
    group: Group::SortedSet,
    complexity: "O(N), N being the number of members asked for",
    arity: -3,
    flags: FAST_READ,
    keys: KEY_READ,
    args: &[Arg::key("key"), Arg::string("member").multiple()],
    reply: "A score or null per member, in the order of the request.",
    handler: zmscore,
    ..CommandSpec::EMPTY
};

const RANK_HISTORY: &[(&str, &str)] = &[("7.2.0", "`WITHSCORE`.")];
const RANK_ARGS: &[Arg] = &[
    Arg::key("key"),
    Arg::string("member"),
    Arg::word("withscore", "WITHSCORE").optional().since("7.2.0"),
];
const RANK_REPLY: &str =
    "The rank, with WITHSCORE an array of rank and score; null if there is no such member.";

pub(super) static ZRANK: CommandSpec = CommandSpec {
    name: "zrank",
    summary: "Returns how many members stand before a member, counted from the lowest score.",
    since: "2.0.0",
    group: Group::SortedSet,
    complexity: "O(log(N))",
    arity: -3,
    flags: FAST_READ,
    keys: KEY_READ,
    wanted: Some(|words| Wanted::place(words.at(2), None)),
    args: RANK_ARGS,
    reply: RANK_REPLY,
    history: RANK_HISTORY,
    handler: |context| rank(context, ZSet::rank),
    ..CommandSpec::EMPTY
};

pub(super) static ZREVRANK: CommandSpec = CommandSpec {
    name: "zrevrank",
    summary: "Returns how many members stand before a member, counted from the highest score.",
    since: "2.0.0",
    group: Group::SortedSet,
    complexity: "O(log(N))",
    arity: -3,
    flags: FAST_READ,
    keys: KEY_READ,
    wanted: Some(|words| Wanted::place(words.at(2), None)),
    args: RANK_ARGS,
    reply: RANK_REPLY,
    history: RANK_HISTORY,
    handler: |context| rank(context, ZSet::reverse_rank),
    ..CommandSpec::EMPTY
};

pub(super) static ZCOUNT: CommandSpec = CommandSpec {
    name: "zcount",
    summary: "Counts the members whose scores lie within a range.",
    since: "2.0.0",
    group: Group::SortedSet,
    complexity: "O(log(N)), N being the size of the sorted set",
    arity: 4,
    flags: FAST_READ,
    keys: KEY_READ,
    args: &[Arg::key("key"), Arg::double("min"), Arg::double("max")],
    reply: "The number of members in the range.",
    handler: zcount,
    ..CommandSpec::EMPTY
};

pub(super) static ZLEXCOUNT: CommandSpec = CommandSpec {
    name: "zlexcount",
    summary: "Counts the members between two members in byte order, where all scores are the same.",
    since: "2.8.9",
    group: Group::SortedSet,
    complexity: "O(log(N)), N being the size of the sorted set",
    arity: 4,
    flags: FAST_READ,
    keys: KEY_READ,
    args: &[Arg::key("key"), Arg::string("min"), Arg::string("max")],
    reply: "The number of members in the range.",
    handler: zlexcount,
    ..CommandSpec::EMPTY
};

fn zcard(context: &mut Context<'_, '_>) -> CommandResult {
    let zset = context.data.read::<ZSet>(context.args.at(1))?;
    context.reply.count(zset.map_or(0, ZSet::len));
    Ok(())
}

fn zscore(context: &mut Context<'_, '_>) -> CommandResult {
    let zset = context.data.read::<ZSet>(context.args.at(1))?;
    match zset.and_then(|zset| zset.score(context.args.at(2))) {
        Some(score) => context.reply.double(score),
        None => context.reply.null(),
    }
    Ok(())
}

fn zmscore(context: &mut Context<'_, '_>) -> CommandResult {
    let zset = context.data.read::<ZSet>(context.args.at(1))?;
    context.reply.array(context.args.len() - 2);
    for member in context.args.iter_from(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => context.reply.double(score),
            None => context.reply.null(),
        }
    }
    Ok(())
}

/// Finds rank and score of a member, from either end.
type RankOf = fn(&ZSet, &[u8]) -> Option<(usize, f64)>;

fn rank(context: &mut Context<'_, '_>, rank_of: RankOf) -> CommandResult {
    let with_score = match context.args.len() {
        3 => false,
        4 if args::is(context.arg(3), "withscore") => true,
        4 => return Err(error::SYNTAX),
        _ => return Err(error::wrong_arity(context.spec.name)),
    };
    let zset = context.data.read::<ZSet>(context.args.at(1))?;
    match zset.and_then(|zset| rank_of(zset, context.args.at(2))) {
        Some((rank, score)) if with_score => {
            context.reply.array(2);
            context.reply.count(rank);
            context.reply.double(score);
        }
        Some((rank, _)) => context.reply.count(rank),
        None if with_score => context.reply.null_array(),
        None => context.reply.null(),
    }
    Ok(())
}

fn zcount(context: &mut Context<'_, '_>) -> CommandResult {
    let range = bounds::scores(context.arg(2), context.arg(3))?;
    let zset = context.data.read::<ZSet>(context.args.at(1))?;
    let count = zset.map_or(0, |zset| zset.ranks_by_score(&range).len());
    context.reply.count(count);
    Ok(())
}

fn zlexcount(context: &mut Context<'_, '_>) -> CommandResult {
    let range = bounds::members(context.arg(2), context.arg(3))?;
    let zset = context.data.read::<ZSet>(context.args.at(1))?;
    let count = zset.map_or(0, |zset| zset.ranks_by_lex(&range).len());
    context.reply.count(count);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_resp::Protocol;

    fn runner() -> Runner {
        let mut run = Runner::default();
        run.run("ZADD z 1 a 2 b 2.5 c");
        run
    }

    #[test]
    fn scores() {
        let mut run = runner();
        assert_eq!(run.run("ZCARD z"), ":3");
        assert_eq!(run.run("ZSCORE z c"), "$3 2.5");
        assert_eq!(run.run("ZSCORE z x"), "$-1");
        assert_eq!(run.run("ZMSCORE z a x"), "*2 $1 1 $-1");
        assert_eq!(run.run("ZMSCORE none a"), "*1 $-1");
        run.protocol = Protocol::Resp3;
        assert_eq!(run.run("ZMSCORE z c x"), "*2 ,2.5 _");
    }

    #[test]
    fn ranks() {
        let mut run = runner();
        assert_eq!(run.run("ZRANK z a"), ":0");
        assert_eq!(run.run("ZREVRANK z a"), ":2");
        assert_eq!(run.run("ZRANK z x"), "$-1");
        assert_eq!(run.run("ZRANK z c WITHSCORE"), "*2 :2 $3 2.5");
        assert_eq!(run.run("ZRANK none c WITHSCORE"), "*-1");
        assert_eq!(run.run("ZRANK z c foo"), "-ERR syntax error");
        assert_eq!(
            run.run("ZRANK z c WITHSCORE x"),
            "-ERR wrong number of arguments for 'zrank' command"
        );
    }

    #[test]
    fn counts() {
        let mut run = runner();
        assert_eq!(run.run("ZCOUNT z (1 2.5"), ":2");
        assert_eq!(run.run("ZCOUNT z -inf +inf"), ":3");
        assert_eq!(run.run("ZCOUNT z 3 1"), ":0");
        assert_eq!(run.run("ZCOUNT z x 1"), "-ERR min or max is not a float");
        run.run("ZADD lex 0 a 0 b 0 c");
        assert_eq!(run.run("ZLEXCOUNT lex - +"), ":3");
        assert_eq!(run.run("ZLEXCOUNT lex (a [c"), ":2");
        assert_eq!(
            run.run("ZLEXCOUNT lex a c"),
            "-ERR min or max not valid string range item"
        );
    }
}
