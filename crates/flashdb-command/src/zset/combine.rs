//! Uniting, intersecting and subtracting sorted sets; plain sets count as sorted sets with all scores
//! 1. `combine_rows.rs` holds the rows.
//!
//! Inputs are taken from the smallest to the largest, as Redis does, which also fixes the order in
//! which scores are added. Infinity minus infinity is 0 here.

use super::{Pairs, limits, store_result};
use crate::args::{self, Cursor};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use flashdb_base::number::{self, NumberBuffer};
use flashdb_resp::Args;
use flashdb_store::{Access, ValueRef};
use flashdb_types::set::Set;
use flashdb_types::zset::{Limits, ZSet, ZSetBuilder};
use std::ops::ControlFlow;

/// What is done with the inputs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Union,
    Inter,
    Diff,
}

/// How the scores of a member become one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn combine(self, so_far: f64, next: f64) -> f64 {
        match self {
            Aggregate::Sum => number_or_zero(so_far + next),
            Aggregate::Min if next < so_far => next,
            Aggregate::Max if next > so_far => next,
            Aggregate::Min | Aggregate::Max => so_far,
        }
    }
}

fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// Which options a command has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Answers members: WITHSCORES.
    Answer,
    /// Stores them.
    Store,
    /// Counts them: LIMIT.
    Count,
}

struct Request<'a> {
    keys: Vec<&'a [u8]>,
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
    /// 0: no limit.
    limit: usize,
}

/// One input.
#[derive(Clone, Copy)]
enum Source<'d> {
    Absent,
    Sorted(&'d ZSet),
    Plain(&'d Set),
}

struct Weighted<'d> {
    source: Source<'d>,
    weight: f64,
}

pub(super) fn answer(context: &mut Context<'_, '_>, operation: Operation) -> CommandResult {
    let request = Request::read(context, 1, operation, Form::Answer)?;
    let sources = request.sources(context.data);
    let result = compute(operation, sources, request.aggregate, &limits(context.settings));
    let pairs = Pairs::of(request.with_scores, context.reply);
    pairs.write_all(context.reply, result.iter());
    Ok(())
}

pub(super) fn store(
    context: &mut Context<'_, '_>,
    operation: Operation,
    event: &'static str,
) -> CommandResult {
    let request = Request::read(context, 2, operation, Form::Store)?;
    let sources = request.sources(context.data);
    let result = compute(operation, sources, request.aggregate, &limits(context.settings));
    store_result(context, context.args.at(1), Some(result), event);
    Ok(())
}

pub(super) fn zintercard(context: &mut Context<'_, '_>) -> CommandResult {
    let request = Request::read(context, 1, Operation::Inter, Form::Count)?;
    let sources = by_size(request.sources(context.data));
    let mut count = 0;
    each_common(&sources, request.aggregate, |_, _| {
        count += 1;
        if count == request.limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    context.reply.count(count);
    Ok(())
}

fn keys<'a>(context: &Context<'a, '_>, number_at: usize) -> Result<Vec<&'a [u8]>, ErrorReply> {
    let words = context.args;
    let number = args::integer(words.at(number_at))?;
    if number < 1 {
        return Err(ErrorReply::new(format!(
            "ERR at least 1 input key is needed for '{}' command",
            context.spec.name
        )));
    }
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    if number > words.len() - (number_at + 1) {
        return Err(error::SYNTAX);
    }
    Ok(words.iter_from(number_at + 1).take(number).collect())
}

impl<'a> Request<'a> {
    /// Reads the request, whose number of keys stands at word `number_at`. Types of values are
    /// checked before options, as in Redis.
    fn read(
        context: &mut Context<'a, '_>,
        number_at: usize,
        operation: Operation,
        form: Form,
    ) -> Result<Self, ErrorReply> {
        let keys = keys(context, number_at)?;
        for key in &keys {
            match context.data.find(key).map(|entry| entry.value()) {
                None | Some(ValueRef::ZSet(_) | ValueRef::Set(_)) => {}
                Some(_) => return Err(error::WRONG_TYPE),
            }
        }
        let options_at = number_at + 1 + keys.len();
        Self::parse(context.args, keys, options_at, operation, form)
    }

    /// The inputs; their keys were looked up before.
    fn sources<'d>(&self, data: &'d Access<'_>) -> Vec<Weighted<'d>> {
        let weighted = |(key, weight): (&&[u8], &f64)| Weighted {
            source: Source::of(data, key),
            weight: *weight,
        };
        self.keys.iter().zip(&self.weights).map(weighted).collect()
    }

    fn parse(
        words: Args<'a>,
        keys: Vec<&'a [u8]>,
        options_at: usize,
        operation: Operation,
        form: Form,
    ) -> Result<Self, ErrorReply> {
        let mut request = Request {
            weights: vec![1.0; keys.len()],
            keys,
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: 0,
        };
        let aggregates = operation != Operation::Diff && form != Form::Count;
        let mut options = Cursor::new(words, options_at);
        while options.remaining() > 0 {
            if aggregates && options.take_with("weights", request.keys.len()) {
                for weight in &mut request.weights {
                    *weight = number::parse_f64(options.word()?)
                        .filter(|weight| !weight.is_nan())
                        .ok_or(ErrorReply::fixed("ERR weight value is not a float"))?;
                }
            } else if aggregates && options.take_with("aggregate", 1) {
                request.aggregate = match options.word()? {
                    word if args::is(word, "sum") => Aggregate::Sum,
                    word if args::is(word, "min") => Aggregate::Min,
                    word if args::is(word, "max") => Aggregate::Max,
                    _ => return Err(error::SYNTAX),
                };
            } else if form == Form::Answer && options.take("withscores") {
                request.with_scores = true;
            } else if form == Form::Count && options.take_with("limit", 1) {
                request.limit = number::parse_i64(options.word()?)
                    .and_then(|limit| usize::try_from(limit).ok())
                    .ok_or(ErrorReply::fixed("ERR LIMIT can't be negative"))?;
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(request)
    }
}

impl<'d> Source<'d> {
    fn of(data: &'d Access<'_>, key: &[u8]) -> Self {
        match data.peek(key).map(|entry| entry.value()) {
            Some(ValueRef::ZSet(zset)) => Source::Sorted(zset),
            Some(ValueRef::Set(set)) => Source::Plain(set),
            _ => Source::Absent,
        }
    }

    fn len(self) -> usize {
        match self {
            Source::Absent => 0,
            Source::Sorted(zset) => zset.len(),
            Source::Plain(set) => set.len(),
        }
    }

    fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Source::Absent => None,
            Source::Sorted(zset) => zset.score(member),
            Source::Plain(set) => set.contains(member).then_some(1.0),
        }
    }

    /// Shows members until `visit` breaks off.
    fn each(self, mut visit: impl FnMut(&[u8], f64) -> ControlFlow<()>) {
        let mut digits = NumberBuffer::new();
        // Both arms end early on a break; whether they did is of no interest here.
        let _ = match self {
            Source::Absent => ControlFlow::Continue(()),
            Source::Sorted(zset) => zset.iter().try_for_each(|(member, score)| visit(member, score)),
            Source::Plain(set) => set
                .iter()
                .try_for_each(|member| visit(member.as_bytes(&mut digits), 1.0)),
        };
    }

    fn each_of_all(self, mut visit: impl FnMut(&[u8], f64)) {
        self.each(|member, score| {
            visit(member, score);
            ControlFlow::Continue(())
        });
    }
}

fn by_size(mut sources: Vec<Weighted<'_>>) -> Vec<Weighted<'_>> {
    sources.sort_by_key(|input| input.source.len());
    sources
}

fn compute(operation: Operation, sources: Vec<Weighted<'_>>, aggregate: Aggregate, limits: &Limits) -> ZSet {
    let mut result = ZSetBuilder::new();
    match operation {
        Operation::Union => {
            for input in by_size(sources) {
                input.source.each_of_all(|member, score| {
                    let score = number_or_zero(input.weight * score);
                    result.add(member, score, |so_far, next| aggregate.combine(so_far, next));
                });
            }
        }
        Operation::Inter => each_common(&by_size(sources), aggregate, |member, score| {
            result.add(member, score, |_, last| last);
            ControlFlow::Continue(())
        }),
        Operation::Diff => subtract(&sources, &mut result),
    }
    result.finish(limits)
}

/// Shows the members that are in all inputs, of which the first is the smallest.
fn each_common(
    sources: &[Weighted<'_>],
    aggregate: Aggregate,
    mut visit: impl FnMut(&[u8], f64) -> ControlFlow<()>,
) {
    let Some((first, others)) = sources.split_first() else {
        return;
    };
    first.source.each(|member, score| {
        let mut total = number_or_zero(first.weight * score);
        for other in others {
            match other.source.score(member) {
                Some(score) => total = aggregate.combine(total, other.weight * score),
                None => return ControlFlow::Continue(()),
            }
        }
        visit(member, total)
    });
}

/// Collects the members of the first input that are in no other: by looking each up in the others,
/// or, where that takes more steps, by taking out what the others hold.
fn subtract(sources: &[Weighted<'_>], result: &mut ZSetBuilder) {
    let Some((first, others)) = sources.split_first() else {
        return;
    };
    let first = first.source;
    let lookups = first.len().saturating_mul(others.len());
    let removals = first.len() + others.iter().map(|other| other.source.len()).sum::<usize>();
    if lookups / 2 <= removals {
        first.each_of_all(|member, score| {
            if others.iter().all(|other| other.source.score(member).is_none()) {
                result.add(member, score, |_, last| last);
            }
        });
        return;
    }
    first.each_of_all(|member, score| {
        result.add(member, score, |_, last| last);
    });
    for other in others {
        other.source.each(|member, _| {
            result.remove(member);
            if result.is_empty() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_resp::Protocol;

    fn runner() -> Runner {
        let mut run = Runner::default();
        run.run("ZADD a 1 x 2 y 3 z");
        run.run("ZADD b 10 y 20 z 30 w");
        run
    }

    #[test]
    fn unions() {
        let mut run = runner();
        assert_eq!(
            run.run("ZUNION 2 a b WITHSCORES"),
            "*8 $1 x $1 1 $1 y $2 12 $1 z $2 23 $1 w $2 30"
        );
        assert_eq!(run.run("ZUNION 2 a none"), "*3 $1 x $1 y $1 z");
        assert_eq!(run.run("ZUNIONSTORE d 2 a b WEIGHTS 2 1 AGGREGATE MAX"), ":4");
        assert_eq!(run.events, ["new d", "zunionstore d"]);
        assert_eq!(
            run.run("ZRANGE d 0 -1 WITHSCORES"),
            "*8 $1 x $1 2 $1 y $2 10 $1 z $2 20 $1 w $2 30"
        );
        assert_eq!(run.run("ZUNIONSTORE d 1 none"), ":0");
        assert_eq!(run.events, ["del d"]);
        run.protocol = Protocol::Resp3;
        assert_eq!(
            run.run("ZUNION 1 a WITHSCORES AGGREGATE MIN"),
            "*3 *2 $1 x ,1 *2 $1 y ,2 *2 $1 z ,3"
        );
    }

    #[test]
    fn intersections() {
        let mut run = runner();
        assert_eq!(run.run("ZINTER 2 a b WITHSCORES"), "*4 $1 y $2 12 $1 z $2 23");
        assert_eq!(run.run("ZINTER 2 a none"), "*0");
        assert_eq!(run.run("ZINTERSTORE a 2 a b AGGREGATE MIN"), ":2");
        assert_eq!(run.run("ZRANGE a 0 -1 WITHSCORES"), "*4 $1 y $1 2 $1 z $1 3");
        assert_eq!(run.run("ZINTERCARD 2 a b"), ":2");
        assert_eq!(run.run("ZINTERCARD 2 a b LIMIT 1"), ":1");
        assert_eq!(run.run("ZINTERCARD 2 a b LIMIT 0"), ":2");
        assert_eq!(
            run.run("ZINTERCARD 2 a b LIMIT -1"),
            "-ERR LIMIT can't be negative"
        );
    }

    #[test]
    fn differences() {
        let mut run = runner();
        assert_eq!(run.run("ZDIFF 2 a b WITHSCORES"), "*2 $1 x $1 1");
        assert_eq!(run.run("ZDIFF 2 b a"), "*1 $1 w");
        assert_eq!(run.run("ZDIFF 2 a a"), "*0");
        assert_eq!(run.run("ZDIFF 5 b b a none none"), "*0");
        assert_eq!(run.run("ZDIFF 7 b a none none none none none"), "*1 $1 w");
        assert_eq!(run.run("ZDIFFSTORE d 2 a b"), ":1");
        assert_eq!(run.events, ["new d", "zdiffstore d"]);
        assert_eq!(run.run("ZDIFF 2 a b WEIGHTS 1 1"), "-ERR syntax error");
    }

    #[test]
    fn opposite_infinities_make_zero() {
        let mut run = Runner::default();
        run.run("ZADD a inf x");
        run.run("ZADD b -inf x");
        assert_eq!(run.run("ZUNION 2 a b WITHSCORES"), "*2 $1 x $1 0");
        assert_eq!(run.run("ZINTER 2 a b WITHSCORES"), "*2 $1 x $1 0");
        assert_eq!(run.run("ZUNION 1 a WEIGHTS 0 WITHSCORES"), "*2 $1 x $1 0");
    }

    #[test]
    fn refusals() {
        let mut run = runner();
        for (line, error) in [
            (
                "ZUNION 0 a",
                "at least 1 input key is needed for 'zunion' command",
            ),
            ("ZUNION x a", "value is not an integer or out of range"),
            ("ZUNION 3 a b", "syntax error"),
            ("ZUNION 2 a b WEIGHTS 1", "syntax error"),
            ("ZUNION 2 a b WEIGHTS 1 nan", "weight value is not a float"),
            ("ZUNION 2 a b AGGREGATE foo", "syntax error"),
            ("ZUNIONSTORE d 2 a b WITHSCORES", "syntax error"),
            ("ZINTERCARD 2 a b WITHSCORES", "syntax error"),
        ] {
            assert_eq!(run.run(line), format!("-ERR {error}"), "{line}");
        }
    }
}
