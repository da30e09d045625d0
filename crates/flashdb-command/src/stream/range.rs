//! Reading entries between two ids: XRANGE, XREVRANGE.

use super::{parse_id, parse_id_or_edge, reply_entry};
use crate::args::Cursor;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_resp::Reply;
use flashdb_types::stream::{Entry, Stream, StreamId};

/// The start of an interval: `-`, an id, or `(` and an id for what lies behind it.
pub(super) fn parse_start(word: &[u8]) -> Result<StreamId, ErrorReply> {
    match exclusive(word) {
        Some(id) => parse_id(id)?
            .next()
            .ok_or(ErrorReply::fixed("ERR invalid start ID for the interval")),
        None => parse_id_or_edge(word, 0),
    }
}

/// The end of an interval: `+`, an id (without a sequence: all of that millisecond), or `(` and an
/// id for what lies before it.
pub(super) fn parse_end(word: &[u8]) -> Result<StreamId, ErrorReply> {
    match exclusive(word) {
        Some(id) => StreamId::parse(id, u64::MAX)
            .ok_or(super::INVALID_ID)?
            .prev()
            .ok_or(ErrorReply::fixed("ERR invalid end ID for the interval")),
        None => parse_id_or_edge(word, u64::MAX),
    }
}

fn exclusive(word: &[u8]) -> Option<&[u8]> {
    word.strip_prefix(b"(").filter(|id| !id.is_empty())
}

const COUNT: Arg = Arg::integer("count").with_token("COUNT").optional();
const HISTORY: &[(&str, &str)] = &[("6.2.0", "`(` before an id excludes it.")];

pub(super) static XRANGE: CommandSpec = CommandSpec {
    name: "xrange",
    summary: "Returns the entries of a stream between two ids.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(N) for N entries returned",
    arity: -4,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key"), Arg::string("start"), Arg::string("end"), COUNT],
    reply: "The entries, each an id and its fields and values.",
    history: HISTORY,
    handler: xrange,
    ..CommandSpec::EMPTY
};

fn xrange(context: &mut Context<'_, '_>) -> CommandResult {
    let (start, end) = (parse_start(context.arg(2))?, parse_end(context.arg(3))?);
    reply_range(context, |stream, count, reply| {
        reply_entries(reply, stream.range(start, end).take(count))
    })
}

pub(super) static XREVRANGE: CommandSpec = CommandSpec {
    name: "xrevrange",
    summary: "Returns the entries of a stream between two ids, the latest first.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(N) for N entries returned",
    arity: -4,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key"), Arg::string("end"), Arg::string("start"), COUNT],
    reply: "The entries, each an id and its fields and values.",
    history: HISTORY,
    handler: xrevrange,
    ..CommandSpec::EMPTY
};

fn xrevrange(context: &mut Context<'_, '_>) -> CommandResult {
    let (start, end) = (parse_start(context.arg(3))?, parse_end(context.arg(2))?);
    reply_range(context, |stream, count, reply| {
        reply_entries(reply, stream.range_rev(start, end).take(count))
    })
}

fn reply_range(
    context: &mut Context<'_, '_>,
    write: impl FnOnce(&Stream, usize, &mut Reply),
) -> CommandResult {
    let mut words = Cursor::new(context.args, 4);
    let mut count = usize::MAX;
    while words.remaining() > 0 {
        if !words.take_with("count", 1) {
            return Err(error::SYNTAX);
        }
        count = usize::try_from(words.integer()?).unwrap_or(0);
    }
    match context.data.read::<Stream>(context.args.at(1))? {
        None => context.reply.array(0),
        Some(_) if count == 0 => context.reply.null_array(),
        Some(stream) => write(stream, count, context.reply),
    }
    Ok(())
}

/// Writes entries as an array.
pub(super) fn reply_entries<'e>(reply: &mut Reply, entries: impl Iterator<Item = Entry<'e>>) {
    let at = reply.deferred();
    let mut count = 0;
    for entry in entries {
        reply_entry(reply, entry);
        count += 1;
    }
    reply.finish_array(at, count);
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn ranges() {
        let mut run = Runner::default();
        for n in 1..=4 {
            run.run(&format!("XADD s {n}-{n} f {n}"));
        }
        assert_eq!(
            run.run("XRANGE s 2 3"),
            "*2 *2 $3 2-2 *2 $1 f $1 2 *2 $3 3-3 *2 $1 f $1 3"
        );
        assert_eq!(run.run("XRANGE s - + COUNT 1"), "*1 *2 $3 1-1 *2 $1 f $1 1");
        assert_eq!(run.run("XRANGE s (1-1 (3-3"), "*1 *2 $3 2-2 *2 $1 f $1 2");
        assert_eq!(run.run("XREVRANGE s + - COUNT 1"), "*1 *2 $3 4-4 *2 $1 f $1 4");
        assert_eq!(run.run("XREVRANGE s (2-2 -"), "*1 *2 $3 1-1 *2 $1 f $1 1");
        assert_eq!(run.run("XRANGE s - + COUNT 0"), "*-1");
        assert_eq!(run.run("XRANGE s - + COUNT -5"), "*-1");
        assert_eq!(run.run("XRANGE s 3 2"), "*0");
        assert_eq!(run.run("XRANGE missing - + COUNT 0"), "*0");
    }

    #[test]
    fn bounds_are_checked() {
        let mut run = Runner::default();
        let max = "18446744073709551615-18446744073709551615";
        assert_eq!(
            run.run(&format!("XRANGE s ({max} +")),
            "-ERR invalid start ID for the interval"
        );
        assert_eq!(run.run("XRANGE s - (0-0"), "-ERR invalid end ID for the interval");
        let invalid = "-ERR Invalid stream ID specified as stream command argument";
        for bounds in ["(- +", "( +", "x +", "- (+", "- 1-2-3"] {
            assert_eq!(run.run(&format!("XRANGE s {bounds}")), invalid);
        }
        assert_eq!(run.run("XRANGE s - + COUNT"), "-ERR syntax error");
    }
}
