//! Taking members from either end: ZPOPMIN, ZPOPMAX, ZMPOP, and those that wait for members:
//! BZPOPMIN, BZPOPMAX, BZMPOP. All that is logged of the latter four is the plain pop they came to.

use crate::args::{self, Cursor};
use crate::context::{CommandResult, Context, OnTimeout};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use crate::zset::Pairs;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::{self, NumberBuffer};
use flashdb_types::zset::ZSet;

const POPPED: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE);
const MANY_COMPLEXITY: &str = "O(K) + O(M*log(N)), K being the number of keys, N the size of the sorted set and M the number of members taken";
const WHERE: Arg = Arg::one_of("where", &[Arg::word("min", "MIN"), Arg::word("max", "MAX")]);
const COUNT: Arg = Arg::integer("count").with_token("COUNT").optional();
const ONE_REPLY: &str = "Key, member and score; null when the time is up.";
const MANY_REPLY: &str = "The key and an array of members with their scores; null if all keys are empty.";
const TIMEOUT_HISTORY: &[(&str, &str)] = &[("6.0.0", "`timeout` may have a fraction.")];

pub(super) static ZPOPMIN: CommandSpec = CommandSpec {
    name: "zpopmin",
    summary: "Takes the members with the lowest scores out of a sorted set.",
    handler: |context| zpop(context, End::Min),
    ..ZPOP_LIKE
};

pub(super) static ZPOPMAX: CommandSpec = CommandSpec {
    name: "zpopmax",
    summary: "Takes the members with the highest scores out of a sorted set.",
    handler: |context| zpop(context, End::Max),
    ..ZPOP_LIKE
};

const ZPOP_LIKE: CommandSpec = CommandSpec {
    since: "5.0.0",
    group: Group::SortedSet,
    complexity: "O(log(N)*M), N being the size of the sorted set and M the number of members taken",
    arity: -2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(1, POPPED)],
    args: &[Arg::key("key"), Arg::integer("count").optional()],
    reply: "The members taken and their scores.",
    ..CommandSpec::EMPTY
};

pub(super) static BZPOPMIN: CommandSpec = CommandSpec {
    name: "bzpopmin",
    summary: "Takes the member with the lowest score out of the first sorted set that has one, or waits for one.",
    handler: |context| bzpop(context, End::Min),
    ..BZPOP_LIKE
};

pub(super) static BZPOPMAX: CommandSpec = CommandSpec {
    name: "bzpopmax",
    summary: "Takes the member with the highest score out of the first sorted set that has one, or waits for one.",
    handler: |context| bzpop(context, End::Max),
    ..BZPOP_LIKE
};

const BZPOP_LIKE: CommandSpec = CommandSpec {
    since: "5.0.0",
    group: Group::SortedSet,
    complexity: "O(log(N)), N being the size of the sorted set",
    arity: -3,
    flags: Flags::WRITE
        .and(Flags::NO_SCRIPT)
        .and(Flags::FAST)
        .and(Flags::BLOCKING),
    keys: &[KeySpec::range(1, -2, 1, POPPED)],
    args: &[Arg::key("key").multiple(), Arg::double("timeout")],
    reply: ONE_REPLY,
    history: TIMEOUT_HISTORY,
    ..CommandSpec::EMPTY
};

pub(super) static ZMPOP: CommandSpec = CommandSpec {
    name: "zmpop",
    summary: "Takes members from one end of the first sorted set that has some.",
    since: "7.0.0",
    group: Group::SortedSet,
    complexity: MANY_COMPLEXITY,
    arity: -4,
    flags: Flags::WRITE.and(Flags::MOVABLE_KEYS),
    keys: &[KeySpec::counted(1, POPPED)],
    args: &[Arg::integer("numkeys"), Arg::key("key").multiple(), WHERE, COUNT],
    reply: MANY_REPLY,
    handler: zmpop,
    ..CommandSpec::EMPTY
};

pub(super) static BZMPOP: CommandSpec = CommandSpec {
    name: "bzmpop",
    summary: "Takes members from one end of the first sorted set that has some, or waits for some.",
    since: "7.0.0",
    group: Group::SortedSet,
    complexity: MANY_COMPLEXITY,
    arity: -5,
    flags: Flags::WRITE.and(Flags::BLOCKING).and(Flags::MOVABLE_KEYS),
    keys: &[KeySpec::counted(2, POPPED)],
    args: &[
        Arg::double("timeout"),
        Arg::integer("numkeys"),
        Arg::key("key").multiple(),
        WHERE,
        COUNT,
    ],
    reply: MANY_REPLY,
    handler: bzmpop,
    ..CommandSpec::EMPTY
};

/// Where members are taken from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> &'static str {
        match self {
            End::Min => "zpopmin",
            End::Max => "zpopmax",
        }
    }

    /// The command that is logged.
    fn command(self) -> &'static [u8] {
        match self {
            End::Min => b"ZPOPMIN",
            End::Max => b"ZPOPMAX",
        }
    }
}

/// The layout of the reply.
#[derive(Clone, Copy)]
enum Shape {
    /// Members and scores.
    Plain(Pairs),
    /// Key, member and score in one array.
    WithKey,
    /// The key, then an array of pairs.
    KeyAndPairs,
}

/// Takes up to `count` (not 0) members and writes the reply; how many, `None` if there is no key.
#[inline]
fn pop(
    context: &mut Context<'_, '_>,
    key: &[u8],
    end: End,
    count: usize,
    shape: Shape,
) -> Result<Option<usize>, ErrorReply> {
    let Some(mut zset) = context.data.write::<ZSet>(key)? else {
        return Ok(None);
    };
    let reply = &mut *context.reply;
    let count = count.min(zset.len());
    let pairs = match shape {
        Shape::Plain(pairs) => {
            pairs.begin(reply, count);
            pairs
        }
        Shape::WithKey => {
            reply.array(1 + 2 * count);
            reply.bulk(key);
            Pairs::Flat
        }
        Shape::KeyAndPairs => {
            reply.array(2);
            reply.bulk(key);
            reply.array(count);
            Pairs::Nested
        }
    };
    let write = |(member, score): (&[u8], f64)| pairs.write(reply, member, score);
    match end {
        End::Min => zset.pop_min(count, write),
        End::Max => zset.pop_max(count, write),
    }
    let emptied = zset.is_empty();
    drop(zset);
    context.data.changed(key, NotifyFlags::ZSET, end.event());
    if emptied {
        context.data.remove_if(key, ZSet::is_empty);
    }
    Ok(Some(count))
}

fn zpop(context: &mut Context<'_, '_>, end: End) -> CommandResult {
    let (count, pairs) = match context.args.len() {
        2 => (1, Pairs::Flat),
        3 => {
            let count = args::integer(context.arg(2))?;
            let count = usize::try_from(count).map_err(|_| error::NOT_POSITIVE)?;
            (count, Pairs::of(true, context.reply))
        }
        _ => return Err(error::SYNTAX),
    };
    let key = context.arg(1);
    let taken = if count == 0 {
        context.data.read::<ZSet>(key)?;
        None
    } else {
        pop(context, key, end, count, Shape::Plain(pairs))?
    };
    if taken.is_none() {
        context.reply.array(0);
    }
    Ok(())
}

/// Words of the keys, the end and the count of ZMPOP and BZMPOP.
struct Many<'a> {
    keys: Vec<&'a [u8]>,
    end: End,
    count: usize,
}

impl<'a> Many<'a> {
    fn parse(context: &Context<'a, '_>, number_at: usize) -> Result<Self, ErrorReply> {
        let positive = |word: &[u8], text: &'static str| {
            let number = number::parse_i64(word).filter(|number| *number > 0);
            number
                .map(|number| number as usize)
                .ok_or(ErrorReply::fixed(text))
        };
        let words = context.args;
        let number = positive(words.at(number_at), "ERR numkeys should be greater than 0")?;
        let first = number_at + 1;
        let mut options = Cursor::new(words, first.saturating_add(number));
        let end = match options.word()? {
            word if args::is(word, "min") => End::Min,
            word if args::is(word, "max") => End::Max,
            _ => return Err(error::SYNTAX),
        };
        let mut count = None;
        while options.remaining() > 0 {
            if count.is_some() || !options.take_with("count", 1) {
                return Err(error::SYNTAX);
            }
            count = Some(positive(options.word()?, "ERR count should be greater than 0")?);
        }
        Ok(Many {
            keys: words.iter_from(first).take(number).collect(),
            end,
            count: count.unwrap_or(1),
        })
    }
}

fn zmpop(context: &mut Context<'_, '_>) -> CommandResult {
    let many = Many::parse(context, 1)?;
    for key in many.keys {
        if let Some(taken) = pop(context, key, many.end, many.count, Shape::KeyAndPairs)? {
            decide_count(context, key, many.end, taken);
            return Ok(());
        }
    }
    context.reply.null_array();
    Ok(())
}

fn decide_count(context: &mut Context<'_, '_>, key: &[u8], end: End, taken: usize) {
    let mut digits = NumberBuffer::new();
    let count = digits.format_u64(taken as u64);
    context.data.decided([end.command(), key, count]);
}

fn bzpop(context: &mut Context<'_, '_>, end: End) -> CommandResult {
    let last = context.args.len() - 1;
    let deadline_ms = args::deadline_ms(context.arg(last), context.now_ms())?;
    let keys: Vec<&[u8]> = context.args.iter_from(1).take(last - 1).collect();
    match pop_first(context, &keys, end, 1, Shape::WithKey)? {
        Some((key, _)) => context.data.decided([end.command(), key]),
        None => context.block(keys, deadline_ms, OnTimeout::NullArray),
    }
    Ok(())
}

fn bzmpop(context: &mut Context<'_, '_>) -> CommandResult {
    let many = Many::parse(context, 2)?;
    let deadline_ms = args::deadline_ms(context.arg(1), context.now_ms())?;
    match pop_first(context, &many.keys, many.end, many.count, Shape::KeyAndPairs)? {
        Some((key, taken)) => decide_count(context, key, many.end, taken),
        None => context.block(many.keys, deadline_ms, OnTimeout::NullArray),
    }
    Ok(())
}

/// Pops from the first key that has members. A client that waits already goes on waiting when a key
/// has another type.
fn pop_first<'a>(
    context: &mut Context<'_, '_>,
    keys: &[&'a [u8]],
    end: End,
    count: usize,
    shape: Shape,
) -> Result<Option<(&'a [u8], usize)>, ErrorReply> {
    for key in keys {
        match pop(context, key, end, count, shape) {
            Ok(Some(taken)) => return Ok(Some((key, taken))),
            Ok(None) => {}
            Err(_) if context.mode.retry => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
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
    fn plain_pops() {
        let mut run = runner();
        assert_eq!(run.run("ZPOPMIN z"), "*2 $1 a $1 1");
        assert_eq!(run.events, ["zpopmin z"]);
        assert!(run.decided.is_empty());
        assert_eq!(run.run("ZPOPMAX z 2"), "*4 $1 d $1 4 $1 c $1 3");
        assert_eq!(run.run("ZPOPMAX z 0"), "*0");
        assert_eq!(run.run("ZPOPMIN z 100"), "*2 $1 b $1 2");
        assert_eq!(run.events, ["zpopmin z", "del z"]);
        assert_eq!(run.run("ZPOPMIN z"), "*0");
        assert_eq!(
            run.run("ZPOPMIN z -1"),
            "-ERR value is out of range, must be positive"
        );
        assert_eq!(
            run.run("ZPOPMIN z x"),
            "-ERR value is not an integer or out of range"
        );
        assert_eq!(run.run("ZPOPMIN z 1 2"), "-ERR syntax error");
    }

    #[test]
    fn resp3_nests_with_a_count_only() {
        let mut run = runner();
        run.protocol = Protocol::Resp3;
        assert_eq!(run.run("ZPOPMIN z"), "*2 $1 a ,1");
        assert_eq!(run.run("ZPOPMIN z 1"), "*1 *2 $1 b ,2");
        assert_eq!(run.run("BZPOPMIN z 0"), "*3 $1 z $1 c ,3");
        assert_eq!(run.run("ZMPOP 1 z MAX"), "*2 $1 z *1 *2 $1 d ,4");
        assert_eq!(run.run("ZMPOP 1 z MAX"), "_");
    }

    #[test]
    fn pops_over_keys() {
        let mut run = runner();
        assert_eq!(
            run.run("ZMPOP 2 none z MIN COUNT 2"),
            "*2 $1 z *2 *2 $1 a $1 1 *2 $1 b $1 2"
        );
        assert_eq!(run.decided, ["ZPOPMIN z 2"]);
        assert_eq!(
            run.run("BZMPOP 1 1 z MAX COUNT 9"),
            "*2 $1 z *2 *2 $1 d $1 4 *2 $1 c $1 3"
        );
        assert_eq!(run.decided, ["ZPOPMAX z 2"]);
        assert_eq!(run.run("ZMPOP 1 z MIN"), "*-1");
        assert_eq!(run.run("BZMPOP 1 1 z MIN"), "+(blocked)");
        assert_eq!(run.run("BZPOPMAX none z 0.5"), "+(blocked)");
        run.run("ZADD z 1 a");
        assert_eq!(run.run("BZPOPMAX none z 0.5"), "*3 $1 z $1 a $1 1");
        assert_eq!(run.decided, ["ZPOPMAX z"]);
    }

    #[test]
    fn refusals() {
        let mut run = runner();
        for (line, error) in [
            ("ZMPOP 0 z MIN", "numkeys should be greater than 0"),
            ("ZMPOP x z MIN", "numkeys should be greater than 0"),
            ("ZMPOP 2 z MIN", "syntax error"),
            ("ZMPOP 1 z MID", "syntax error"),
            ("ZMPOP 1 z MIN COUNT 0", "count should be greater than 0"),
            ("ZMPOP 1 z MIN COUNT", "syntax error"),
            ("ZMPOP 1 z MIN COUNT 1 COUNT 1", "syntax error"),
            ("ZMPOP 9223372036854775807 z MIN", "syntax error"),
            ("BZMPOP x 1 z MIN", "timeout is not a float or out of range"),
            ("BZPOPMIN z -1", "timeout is negative"),
        ] {
            assert_eq!(run.run(line), format!("-ERR {error}"), "{line}");
        }
    }
}
