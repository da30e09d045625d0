//! Removing whole ranges: ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX.

use super::{KEY_DELETE, bounds};
use crate::args;
use crate::context::{CommandResult, Context};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_types::zset::ZSet;
use std::ops::Range;

const COMPLEXITY: &str =
    "O(log(N)+M), N being the size of the sorted set and M the number of members removed";
const REPLY: &str = "How many members were removed.";

pub(super) static ZREMRANGEBYRANK: CommandSpec = CommandSpec {
    name: "zremrangebyrank",
    summary: "Removes the members of a range of ranks, and the key with the last member.",
    since: "2.0.0",
    group: Group::SortedSet,
    complexity: COMPLEXITY,
    arity: 4,
    flags: Flags::WRITE,
    keys: KEY_DELETE,
    args: &[Arg::key("key"), Arg::integer("start"), Arg::integer("stop")],
    reply: REPLY,
    handler: by_rank,
    ..CommandSpec::EMPTY
};

pub(super) static ZREMRANGEBYSCORE: CommandSpec = CommandSpec {
    name: "zremrangebyscore",
    summary: "Removes the members of a range of scores, and the key with the last member.",
    since: "1.2.0",
    group: Group::SortedSet,
    complexity: COMPLEXITY,
    arity: 4,
    flags: Flags::WRITE,
    keys: KEY_DELETE,
    args: &[Arg::key("key"), Arg::double("min"), Arg::double("max")],
    reply: REPLY,
    handler: by_score,
    ..CommandSpec::EMPTY
};

pub(super) static ZREMRANGEBYLEX: CommandSpec = CommandSpec {
    name: "zremrangebylex",
    summary: "Removes the members between two members in byte order, and the key with the last member.",
    since: "2.8.9",
    group: Group::SortedSet,
    complexity: COMPLEXITY,
    arity: 4,
    flags: Flags::WRITE,
    keys: KEY_DELETE,
    args: &[Arg::key("key"), Arg::string("min"), Arg::string("max")],
    reply: REPLY,
    handler: by_lex,
    ..CommandSpec::EMPTY
};

fn by_rank(context: &mut Context<'_, '_>) -> CommandResult {
    let start = args::integer(context.arg(2))?;
    let stop = args::integer(context.arg(3))?;
    remove(context, "zremrangebyrank", |zset| {
        bounds::ranks(start, stop, zset.len())
    })
}

fn by_score(context: &mut Context<'_, '_>) -> CommandResult {
    let range = bounds::scores(context.arg(2), context.arg(3))?;
    remove(context, "zremrangebyscore", |zset| zset.ranks_by_score(&range))
}

fn by_lex(context: &mut Context<'_, '_>) -> CommandResult {
    let range = bounds::members(context.arg(2), context.arg(3))?;
    remove(context, "zremrangebylex", |zset| zset.ranks_by_lex(&range))
}

fn remove(
    context: &mut Context<'_, '_>,
    event: &'static str,
    ranks: impl FnOnce(&ZSet) -> Range<usize>,
) -> CommandResult {
    let key = context.arg(1);
    let mut removed = 0;
    if let Some(mut zset) = context.data.write::<ZSet>(key)? {
        let ranks = ranks(&zset);
        removed = ranks.len();
        if removed > 0 {
            zset.remove_ranks(ranks);
        }
    }
    if removed > 0 {
        context.data.changed(key, NotifyFlags::ZSET, event);
        context.data.remove_if(key, ZSet::is_empty);
    } else {
        context.data.unchanged();
    }
    context.reply.count(removed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn each_kind_of_range() {
        let mut run = Runner::default();
        run.run("ZADD z 1 a 2 b 3 c 4 d 5 e");
        assert_eq!(run.run("ZREMRANGEBYRANK z -1 -1"), ":1");
        assert_eq!(run.events, ["zremrangebyrank z"]);
        assert_eq!(run.run("ZREMRANGEBYSCORE z (1 2"), ":1");
        assert_eq!(run.events, ["zremrangebyscore z"]);
        assert_eq!(run.run("ZREMRANGEBYSCORE z 7 9"), ":0");
        assert_eq!(run.dirty, 0);
        assert_eq!(run.run("ZREMRANGEBYLEX z - +"), ":3");
        assert_eq!(run.events, ["zremrangebylex z", "del z"]);
        assert_eq!(run.run("ZREMRANGEBYRANK z 0 -1"), ":0");
        assert_eq!(
            run.run("ZREMRANGEBYRANK z x 1"),
            "-ERR value is not an integer or out of range"
        );
    }
}
