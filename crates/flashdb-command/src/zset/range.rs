//! Answering and storing ranges. ZRANGE with its options and the older commands, which fix some of
//! them, are one [`Query`]; `range_rows.rs` holds the rows.

use super::{Pairs, bounds, limits, store_result};
use crate::args::{self, Cursor};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use flashdb_resp::Args;
use flashdb_types::zset::{LexRange, ScoreRange, ZSet};
use std::ops::Range;

/// What the bounds are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// What a command's name has fixed; `None` is left to options.
#[derive(Clone, Copy)]
struct Fixed {
    by: Option<By>,
    reverse: Option<bool>,
    /// Word of the key that is read; the bounds follow it.
    source_at: usize,
    /// Whether the members are stored instead of answered.
    store: bool,
}

enum Bounds<'a> {
    Ranks(i64, i64),
    Scores(ScoreRange),
    Members(LexRange<'a>),
}

/// A range asked for.
struct Query<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    offset: i64,
    /// Negative: no limit.
    limit: i64,
    with_scores: bool,
}

pub(super) fn zrange(context: &mut Context<'_, '_>) -> CommandResult {
    answer(context, None, None)
}

pub(super) fn zrevrange(context: &mut Context<'_, '_>) -> CommandResult {
    answer(context, Some(By::Rank), Some(true))
}

pub(super) fn zrangebyscore(context: &mut Context<'_, '_>) -> CommandResult {
    answer(context, Some(By::Score), Some(false))
}

pub(super) fn zrevrangebyscore(context: &mut Context<'_, '_>) -> CommandResult {
    answer(context, Some(By::Score), Some(true))
}

pub(super) fn zrangebylex(context: &mut Context<'_, '_>) -> CommandResult {
    answer(context, Some(By::Lex), Some(false))
}

pub(super) fn zrevrangebylex(context: &mut Context<'_, '_>) -> CommandResult {
    answer(context, Some(By::Lex), Some(true))
}

fn answer(context: &mut Context<'_, '_>, by: Option<By>, reverse: Option<bool>) -> CommandResult {
    let fixed = Fixed {
        by,
        reverse,
        source_at: 1,
        store: false,
    };
    let query = Query::parse(context.args, fixed)?;
    let Some(zset) = context.data.read::<ZSet>(context.args.at(1))? else {
        context.reply.array(0);
        return Ok(());
    };
    let pairs = Pairs::of(query.with_scores, context.reply);
    let members = zset.range(query.ranks(zset));
    if query.reverse {
        pairs.write_all(context.reply, members.rev());
    } else {
        pairs.write_all(context.reply, members);
    }
    Ok(())
}

pub(super) fn zrangestore(context: &mut Context<'_, '_>) -> CommandResult {
    let fixed = Fixed {
        by: None,
        reverse: None,
        source_at: 2,
        store: true,
    };
    let query = Query::parse(context.args, fixed)?;
    let limits = limits(context.settings);
    let zset = context.data.read::<ZSet>(context.args.at(2))?;
    let result = zset.map(|zset| ZSet::from_pairs(zset.range(query.ranks(zset)), &limits));
    store_result(context, context.args.at(1), result, "zrangestore");
    Ok(())
}

impl<'a> Query<'a> {
    /// Reads the options, then the bounds: that is the order of Redis's errors.
    fn parse(words: Args<'a>, fixed: Fixed) -> Result<Self, ErrorReply> {
        let (mut by, mut reverse) = (fixed.by, fixed.reverse);
        let (mut offset, mut limit, mut with_scores) = (0, -1, false);
        let mut options = Cursor::new(words, fixed.source_at + 3);
        while options.remaining() > 0 {
            if !fixed.store && options.take("withscores") {
                with_scores = true;
            } else if options.take_with("limit", 2) {
                offset = options.integer()?;
                limit = options.integer()?;
            } else if fixed.reverse.is_none() && reverse.is_none() && options.take("rev") {
                reverse = Some(true);
            } else if by.is_none() && options.take("bylex") {
                by = Some(By::Lex);
            } else if by.is_none() && options.take("byscore") {
                by = Some(By::Score);
            } else {
                return Err(error::SYNTAX);
            }
        }
        let by = by.unwrap_or(By::Rank);
        let reverse = reverse.unwrap_or(false);
        if limit != -1 && by == By::Rank {
            return Err(ErrorReply::fixed(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if with_scores && by == By::Lex {
            return Err(ErrorReply::fixed(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (first, second) = (words.at(fixed.source_at + 1), words.at(fixed.source_at + 2));
        // A reversed range of scores or members is written from its maximum to its minimum.
        let (min, max) = if reverse { (second, first) } else { (first, second) };
        let bounds = match by {
            By::Rank => Bounds::Ranks(args::integer(first)?, args::integer(second)?),
            By::Score => Bounds::Scores(bounds::scores(min, max)?),
            By::Lex => Bounds::Members(bounds::members(min, max)?),
        };
        Ok(Query {
            bounds,
            reverse,
            offset,
            limit,
            with_scores,
        })
    }

    /// The ranks asked for, from the lowest whatever the direction.
    fn ranks(&self, zset: &ZSet) -> Range<usize> {
        let ranks = match &self.bounds {
            Bounds::Ranks(start, stop) => {
                let len = zset.len();
                let ranks = bounds::ranks(*start, *stop, len);
                return if self.reverse {
                    len - ranks.end..len - ranks.start
                } else {
                    ranks
                };
            }
            Bounds::Scores(range) => zset.ranks_by_score(range),
            Bounds::Members(range) => zset.ranks_by_lex(range),
        };
        let Ok(offset) = usize::try_from(self.offset) else {
            return 0..0;
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let skipped = offset.min(ranks.len());
        let taken = limit.min(ranks.len() - skipped);
        if self.reverse {
            let end = ranks.end - skipped;
            end - taken..end
        } else {
            let start = ranks.start + skipped;
            start..start + taken
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_resp::Protocol;

    fn runner() -> Runner {
        let mut run = Runner::default();
        run.run("ZADD z 1 a 2 b 3 c 4 d");
        run
    }

    #[test]
    fn by_rank() {
        let mut run = runner();
        assert_eq!(run.run("ZRANGE z 0 1"), "*2 $1 a $1 b");
        assert_eq!(run.run("ZRANGE z 0 1 REV"), "*2 $1 d $1 c");
        assert_eq!(run.run("ZREVRANGE z 1 2 WITHSCORES"), "*4 $1 c $1 3 $1 b $1 2");
        assert_eq!(run.run("ZRANGE z -1 0"), "*0");
        assert_eq!(run.run("ZREVRANGE z 9 10"), "*0");
        assert_eq!(run.run("ZRANGE none 0 -1"), "*0");
        assert_eq!(run.run("ZRANGE z 0 -1 LIMIT 0 -1"), "*4 $1 a $1 b $1 c $1 d");
        run.protocol = Protocol::Resp3;
        assert_eq!(run.run("ZRANGE z 0 1 WITHSCORES"), "*2 *2 $1 a ,1 *2 $1 b ,2");
    }

    #[test]
    fn by_score() {
        let mut run = runner();
        assert_eq!(run.run("ZRANGE z (1 3 BYSCORE"), "*2 $1 b $1 c");
        assert_eq!(run.run("ZRANGE z 3 (1 BYSCORE REV"), "*2 $1 c $1 b");
        assert_eq!(run.run("ZRANGEBYSCORE z -inf inf LIMIT 1 2"), "*2 $1 b $1 c");
        assert_eq!(
            run.run("ZRANGEBYSCORE z -inf inf LIMIT 1 -1"),
            "*3 $1 b $1 c $1 d"
        );
        assert_eq!(run.run("ZRANGEBYSCORE z -inf inf LIMIT -1 2"), "*0");
        assert_eq!(run.run("ZREVRANGEBYSCORE z inf -inf LIMIT 1 2"), "*2 $1 c $1 b");
        assert_eq!(run.run("ZREVRANGEBYSCORE z inf -inf LIMIT 9 2"), "*0");
        assert_eq!(run.run("ZRANGEBYSCORE z 2 2 WITHSCORES"), "*2 $1 b $1 2");
        assert_eq!(run.run("ZRANGEBYSCORE z 3 2"), "*0");
        assert_eq!(run.run("ZRANGEBYSCORE z a 2"), "-ERR min or max is not a float");
    }

    #[test]
    fn by_member() {
        let mut run = Runner::default();
        run.run("ZADD z 0 a 0 b 0 c");
        assert_eq!(run.run("ZRANGE z [b + BYLEX"), "*2 $1 b $1 c");
        assert_eq!(run.run("ZRANGEBYLEX z - (b"), "*1 $1 a");
        assert_eq!(run.run("ZREVRANGEBYLEX z + - LIMIT 0 2"), "*2 $1 c $1 b");
        assert_eq!(run.run("ZRANGE z + - BYLEX"), "*0");
    }

    #[test]
    fn refusals() {
        let mut run = runner();
        for (line, error) in [
            ("ZRANGE z 0 1 FOO", "syntax error"),
            ("ZREVRANGE z 0 1 REV", "syntax error"),
            ("ZRANGEBYSCORE z 0 1 BYLEX", "syntax error"),
            ("ZRANGE z 0 1 LIMIT 1", "syntax error"),
            ("ZRANGESTORE d z 0 1 WITHSCORES", "syntax error"),
            (
                "ZRANGE z 0 1 LIMIT 0 1",
                "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ),
            (
                "ZRANGE z 0 1 BYLEX WITHSCORES",
                "syntax error, WITHSCORES not supported in combination with BYLEX",
            ),
            ("ZRANGE z a 1", "value is not an integer or out of range"),
        ] {
            assert_eq!(run.run(line), format!("-ERR {error}"), "{line}");
        }
    }

    #[test]
    fn storing() {
        let mut run = runner();
        assert_eq!(run.run("ZRANGESTORE d z 2 4 BYSCORE LIMIT 1 5"), ":2");
        assert_eq!(run.events, ["new d", "zrangestore d"]);
        assert_eq!(run.run("ZRANGE d 0 -1 WITHSCORES"), "*4 $1 c $1 3 $1 d $1 4");
        assert_eq!(run.run("ZRANGESTORE d z 0 0 REV"), ":1");
        assert_eq!(run.run("ZRANGE d 0 -1"), "*1 $1 d");
        assert_eq!(run.run("ZRANGESTORE z z 0 1"), ":2");
        assert_eq!(run.run("ZRANGESTORE d none 0 1"), ":0");
        assert_eq!(run.events, ["del d"]);
        assert_eq!(run.run("ZRANGESTORE d none 0 1"), ":0");
        assert_eq!(run.dirty, 0);
    }
}
