//! ZRANDMEMBER: members by chance. Ranks are drawn, so each member is as likely whatever the encoding.

use super::{KEY_READ, Pairs, WITH_SCORES};
use crate::args;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::random_count::{self, RandomCount, ReplyBound};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::prng::Prng;
use flashdb_types::zset::ZSet;
use std::collections::HashSet;

pub(super) static ZRANDMEMBER: CommandSpec = CommandSpec {
    name: "zrandmember",
    summary: "Returns random members of a sorted set.",
    since: "6.2.0",
    group: Group::SortedSet,
    complexity: "O(N), N being the number of members returned",
    arity: -2,
    flags: Flags::READONLY,
    keys: KEY_READ,
    args: &[
        Arg::key("key"),
        Arg::block("options", &[Arg::integer("count"), WITH_SCORES]).optional(),
    ],
    reply: "A member or null; with a count an array: of different members, or, if it is negative, of members that \
            may repeat.",
    tips: &["nondeterministic_output"],
    handler: zrandmember,
    ..CommandSpec::EMPTY
};

/// From this part of the set on, members are chosen in one pass instead of drawn one by one.
const PASS_PART: usize = 3;

fn zrandmember(context: &mut Context<'_, '_>) -> CommandResult {
    let Some((count, with_scores)) = options(context)? else {
        return one(context);
    };
    let bound = ReplyBound::of(context);
    let mut prng = random_count::prng(context.data);
    let zset = context.data.read::<ZSet>(context.args.at(1))?;
    let reply = &mut *context.reply;
    let pairs = Pairs::of(with_scores, reply);
    let Some(zset) = zset else {
        reply.array(0);
        return Ok(());
    };
    match count {
        RandomCount::Distinct(count) => {
            let count = count.min(zset.len());
            pairs.begin(reply, count);
            distinct(zset, count, &mut prng, |(member, score)| {
                pairs.write(reply, member, score)
            });
            Ok(())
        }
        RandomCount::Repeated(count) => {
            pairs.begin(reply, count);
            random_count::repeat(count, reply, bound, |reply| {
                if let Some((member, score)) = zset.get(prng.below(zset.len() as u64) as usize) {
                    pairs.write(reply, member, score);
                }
            })
        }
    }
}

/// The count and WITHSCORES, if given.
fn options(context: &Context<'_, '_>) -> Result<Option<(RandomCount, bool)>, ErrorReply> {
    if context.args.len() == 2 {
        return Ok(None);
    }
    let count = RandomCount::parse(context.arg(2))?;
    match context.args.len() {
        3 => Ok(Some((count, false))),
        4 if args::is(context.arg(3), "withscores") => Ok(Some((count.paired()?, true))),
        _ => Err(error::SYNTAX),
    }
}

fn one(context: &mut Context<'_, '_>) -> CommandResult {
    let mut prng = random_count::prng(context.data);
    let zset = context.data.read::<ZSet>(context.args.at(1))?;
    let member = zset.and_then(|zset| zset.get(prng.below(zset.len() as u64) as usize));
    context.reply.bulk_or_null(member.map(|(member, _)| member));
    Ok(())
}

/// Shows `count` different members, each set of them as likely.
fn distinct(zset: &ZSet, count: usize, prng: &mut Prng, mut visit: impl FnMut((&[u8], f64))) {
    let len = zset.len();
    if count >= len / PASS_PART {
        let mut wanted = count;
        for (rank, pair) in zset.iter().enumerate() {
            if prng.below((len - rank) as u64) < wanted as u64 {
                visit(pair);
                wanted -= 1;
            }
        }
        return;
    }
    // Floyd's way: one draw per member.
    let mut drawn = HashSet::with_capacity(count);
    for last in len - count..len {
        let rank = prng.below(last as u64 + 1) as usize;
        let rank = if drawn.insert(rank) {
            rank
        } else {
            drawn.insert(last);
            last
        };
        if let Some(pair) = zset.get(rank) {
            visit(pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Runner;
    use flashdb_resp::Protocol;
    use flashdb_types::zset::Limits;

    #[test]
    fn every_member_is_as_likely() {
        let names: Vec<String> = (0..20).map(|n| format!("{n:02}")).collect();
        let pairs = names.iter().map(|name| (name, 1.0));
        let zset = ZSet::from_pairs(pairs, &Limits::default());
        let mut prng = Prng::from_seed(1);
        for count in [1, 4, 5, 9, 19, 20] {
            let mut hits = vec![0usize; names.len()];
            for _ in 0..2000 {
                let mut seen = HashSet::new();
                distinct(&zset, count, &mut prng, |(member, _)| {
                    let at: usize = str::from_utf8(member).unwrap().parse().unwrap();
                    hits[at] += 1;
                    assert!(seen.insert(at));
                });
                assert_eq!(seen.len(), count);
            }
            let mean = 100 * count;
            assert!(
                hits.iter().all(|hits| hits.abs_diff(mean) < 60),
                "{count}: {hits:?}"
            );
        }
    }

    #[test]
    fn forms() {
        let mut run = Runner::default();
        assert_eq!(run.run("ZRANDMEMBER none"), "$-1");
        assert_eq!(run.run("ZRANDMEMBER none 3"), "*0");
        run.run("ZADD z 1 a");
        assert_eq!(run.run("ZRANDMEMBER z"), "$1 a");
        assert_eq!(run.run("ZRANDMEMBER z 5 WITHSCORES"), "*2 $1 a $1 1");
        assert_eq!(run.run("ZRANDMEMBER z -2"), "*2 $1 a $1 a");
        assert_eq!(run.run("ZRANDMEMBER z 0"), "*0");
        run.protocol = Protocol::Resp3;
        assert_eq!(run.run("ZRANDMEMBER z -2 WITHSCORES"), "*2 *2 $1 a ,1 *2 $1 a ,1");
        assert_eq!(run.run("ZRANDMEMBER z 1 foo"), "-ERR syntax error");
        let out_of_range = "-ERR value is out of range";
        assert_eq!(
            run.run("ZRANDMEMBER z -9223372036854770000 WITHSCORES"),
            out_of_range
        );
        run.settings.proto_max_bulk_len = 1 << 20;
        assert_eq!(run.run("ZRANDMEMBER z -1000000000"), out_of_range);
    }
}
