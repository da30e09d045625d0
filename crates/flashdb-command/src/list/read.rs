//! Reading lists: LLEN, LINDEX, LRANGE, LPOS.

use super::{position, positions};
use crate::args::{self, Cursor};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_types::list::List;

pub(super) static LLEN: CommandSpec = CommandSpec {
    name: "llen",
    summary: "Counts the elements of a list.",
    group: Group::List,
    arity: 2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RO)],
    args: &[Arg::key("key")],
    reply: "The length; 0 if the key does not exist.",
    handler: llen,
    ..CommandSpec::EMPTY
};

fn llen(context: &mut Context<'_, '_>) -> CommandResult {
    let list = context.data.read::<List>(context.args.at(1))?;
    context.reply.count(list.map_or(0, List::len));
    Ok(())
}

pub(super) static LINDEX: CommandSpec = CommandSpec {
    name: "lindex",
    summary: "Returns the element at an index of a list.",
    group: Group::List,
    complexity: "O(log N) for a list of N nodes, and a walk within one node",
    arity: 3,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key"), Arg::integer("index")],
    reply: "The element, or null if there is none.",
    handler: lindex,
    ..CommandSpec::EMPTY
};

fn lindex(context: &mut Context<'_, '_>) -> CommandResult {
    let Some(list) = context.data.read::<List>(context.args.at(1))? else {
        context.reply.null();
        return Ok(());
    };
    let index = args::integer(context.args.at(2))?;
    let element = position(index, list.len()).and_then(|index| list.get(index));
    context.reply.bulk_or_null(element);
    Ok(())
}

pub(super) static LRANGE: CommandSpec = CommandSpec {
    name: "lrange",
    summary: "Returns the elements of a list between two indexes, both included.",
    group: Group::List,
    complexity: "O(N) for N elements returned",
    arity: 4,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key"), Arg::integer("start"), Arg::integer("stop")],
    reply: "An array of the elements.",
    handler: lrange,
    ..CommandSpec::EMPTY
};

fn lrange(context: &mut Context<'_, '_>) -> CommandResult {
    let start = args::integer(context.arg(2))?;
    let stop = args::integer(context.arg(3))?;
    let Some(list) = context.data.read::<List>(context.args.at(1))? else {
        context.reply.array(0);
        return Ok(());
    };
    let range = positions(start, stop, list.len());
    context.reply.array(range.len());
    for element in list.range(range) {
        context.reply.bulk(element);
    }
    Ok(())
}

pub(super) static LPOS: CommandSpec = CommandSpec {
    name: "lpos",
    summary: "Finds the indexes of an element in a list.",
    since: "6.0.6",
    group: Group::List,
    complexity: "O(N) for N elements compared",
    arity: -3,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[
        Arg::key("key"),
        Arg::string("element"),
        Arg::integer("rank").with_token("RANK").optional(),
        Arg::integer("num-matches").with_token("COUNT").optional(),
        Arg::integer("len").with_token("MAXLEN").optional(),
    ],
    reply: "The index or null; with COUNT an array of indexes.",
    handler: lpos,
    ..CommandSpec::EMPTY
};

struct Search {
    backwards: bool,
    /// Matches that are passed over first.
    skip: u64,
    /// Matches wanted, 0 for all; `None` asks for one, not in an array.
    count: Option<u64>,
    /// Elements compared at most.
    compared_max: usize,
}

impl Search {
    fn parse(mut cursor: Cursor<'_>) -> Result<Search, ErrorReply> {
        let mut search = Search {
            backwards: false,
            skip: 0,
            count: None,
            compared_max: usize::MAX,
        };
        while cursor.remaining() > 0 {
            if cursor.take_with("RANK", 1) {
                let rank = parse_rank(cursor.integer()?)?;
                search.backwards = rank < 0;
                search.skip = rank.unsigned_abs() - 1;
            } else if cursor.take_with("COUNT", 1) {
                let negative = ErrorReply::fixed("ERR COUNT can't be negative");
                search.count = Some(not_negative(cursor.word()?, negative)?);
            } else if cursor.take_with("MAXLEN", 1) {
                let negative = ErrorReply::fixed("ERR MAXLEN can't be negative");
                search.compared_max = match not_negative(cursor.word()?, negative)? {
                    0 => usize::MAX,
                    len => usize::try_from(len).unwrap_or(usize::MAX),
                };
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(search)
    }

    /// Indexes of the elements asked for.
    fn run<'l>(&self, list: &'l List, element: &'l [u8]) -> impl Iterator<Item = usize> + use<'l> {
        let len = list.len();
        let most = match self.count {
            None => 1,
            Some(0) => usize::MAX,
            Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let backwards = self.backwards;
        let mut elements = list.iter();
        std::iter::from_fn(move || {
            if backwards {
                elements.next_back()
            } else {
                elements.next()
            }
        })
        .take(self.compared_max)
        .enumerate()
        .filter(move |(_, found)| *found == element)
        .map(move |(walked, _)| if backwards { len - 1 - walked } else { walked })
        .skip(usize::try_from(self.skip).unwrap_or(usize::MAX))
        .take(most)
    }
}

fn parse_rank(rank: i64) -> Result<i64, ErrorReply> {
    match rank {
        0 => Err(ErrorReply::fixed(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
             or use negative to start from the end of the list",
        )),
        i64::MIN => Err(ErrorReply::fixed(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        )),
        rank => Ok(rank),
    }
}

fn not_negative(word: &[u8], otherwise: ErrorReply) -> Result<u64, ErrorReply> {
    let value = args::integer_or(word, otherwise.clone())?;
    u64::try_from(value).map_err(|_| otherwise)
}

fn lpos(context: &mut Context<'_, '_>) -> CommandResult {
    let element = context.arg(2);
    let search = Search::parse(Cursor::new(context.args, 3))?;
    let list = context.data.read::<List>(context.args.at(1))?;
    let mut found = list.map(|list| search.run(list, element));
    if search.count.is_none() {
        match found.as_mut().and_then(Iterator::next) {
            Some(index) => context.reply.count(index),
            None => context.reply.null(),
        }
        return Ok(());
    }
    let array = context.reply.deferred();
    let mut matches = 0;
    for index in found.into_iter().flatten() {
        context.reply.count(index);
        matches += 1;
    }
    context.reply.finish_array(array, matches);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn lengths_indexes_and_ranges() {
        let mut run = Runner::default();
        run.run("RPUSH l a b c");
        assert_eq!(run.run("LLEN l"), ":3");
        assert_eq!(run.run("LLEN n"), ":0");
        assert_eq!(run.run("LINDEX l 0"), "$1 a");
        assert_eq!(run.run("LINDEX l -1"), "$1 c");
        assert_eq!(run.run("LINDEX l 3"), "$-1");
        assert_eq!(run.run("LINDEX n x"), "$-1");
        assert_eq!(
            run.run("LINDEX l x"),
            "-ERR value is not an integer or out of range"
        );
        assert_eq!(run.run("LRANGE l 1 9"), "*2 $1 b $1 c");
        assert_eq!(run.run("LRANGE l 2 1"), "*0");
        assert_eq!(run.run("LRANGE n 0 -1"), "*0");
        run.run("SET s v");
        for command in ["LLEN s", "LINDEX s 0", "LRANGE s 0 1", "LPOS s a"] {
            assert!(run.run(command).starts_with("-WRONGTYPE"), "{command}");
        }
    }

    #[test]
    fn lpos() {
        let mut run = Runner::default();
        run.run("RPUSH l a b c 1 2 3 c c");
        for (options, reply) in [
            ("", ":2"),
            ("RANK 2", ":6"),
            ("RANK 4", "$-1"),
            ("RANK -1", ":7"),
            ("COUNT 0", "*3 :2 :6 :7"),
            ("COUNT 2", "*2 :2 :6"),
            ("COUNT 2 RANK 2", "*2 :6 :7"),
            ("COUNT 5 RANK -2", "*2 :6 :2"),
            ("COUNT 5 MAXLEN 7", "*2 :2 :6"),
            ("MAXLEN 2", "$-1"),
            ("COUNT 1 MAXLEN 2", "*0"),
            (
                "RANK 0 COUNT 1",
                "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
            ),
            ("RANK", "-ERR syntax error"),
            ("COUNT -1", "-ERR COUNT can't be negative"),
            ("MAXLEN x", "-ERR MAXLEN can't be negative"),
        ] {
            assert_eq!(run.run(&format!("LPOS l c {options}")), reply, "{options}");
        }
        assert_eq!(run.run("LPOS n c"), "$-1");
        assert_eq!(run.run("LPOS n c COUNT 0"), "*0");
    }
}
