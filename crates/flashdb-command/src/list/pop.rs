//! Taking from the ends of a list: LPOP, RPOP, LMPOP. What BLPOP and its kin do once there is
//! something to take is here too.
//!
//! The effect of LMPOP is decided as the LPOP or RPOP of the list that it chose.

use super::{end_named, pop_command, pop_event, taken};
use crate::args::{self, Cursor};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::number::NumberBuffer;
use flashdb_resp::Reply;
use flashdb_store::WriteGuard;
use flashdb_types::list::{End, List};

/// What LPOP and RPOP share.
const POP: CommandSpec = CommandSpec {
    group: Group::List,
    complexity: "O(N) for N elements taken",
    arity: -2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(
        1,
        KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE),
    )],
    args: &[Arg::key("key"), Arg::integer("count").optional().since("6.2.0")],
    reply: "The element, or an array of them if a count is given; null if the key does not exist.",
    history: &[("6.2.0", "The argument count.")],
    ..CommandSpec::EMPTY
};

pub(super) static LPOP: CommandSpec = CommandSpec {
    name: "lpop",
    summary: "Takes elements from the front of a list.",
    handler: |context| pop(context, End::Front),
    ..POP
};

pub(super) static RPOP: CommandSpec = CommandSpec {
    name: "rpop",
    summary: "Takes elements from the end of a list.",
    handler: |context| pop(context, End::Back),
    ..POP
};

#[inline]
fn pop(context: &mut Context<'_, '_>, end: End) -> CommandResult {
    if context.args.len() > 2 {
        return pop_counted(context, end);
    }
    let key = context.arg(1);
    let Some(mut list) = context.data.write::<List>(key)? else {
        context.reply.null();
        return Ok(());
    };
    let is_empty = pop_one(&mut list, end, context.reply);
    drop(list);
    taken(context.data, key, pop_event(end), is_empty);
    Ok(())
}

fn pop_counted(context: &mut Context<'_, '_>, end: End) -> CommandResult {
    if context.args.len() > 3 {
        return Err(error::wrong_arity(context.spec.name));
    }
    let key = context.arg(1);
    let count = args::integer_or(context.arg(2), error::NOT_POSITIVE)?;
    let count = usize::try_from(count).map_err(|_| error::NOT_POSITIVE)?;
    let Some(mut list) = context.data.write::<List>(key)? else {
        context.reply.null_array();
        return Ok(());
    };
    if count == 0 {
        drop(list);
        context.data.unchanged();
        context.reply.array(0);
        return Ok(());
    }
    let is_empty = pop_many(&mut list, end, count, context.reply).is_empty;
    drop(list);
    taken(context.data, key, pop_event(end), is_empty);
    Ok(())
}

/// Takes one element into the reply; whether the list is empty now. Lists in the keyspace have at
/// least one.
#[inline]
pub(super) fn pop_one(list: &mut List, end: End, reply: &mut Reply) -> bool {
    list.pop_with(end, |element| reply.bulk(element));
    list.is_empty()
}

/// Outcome of [`pop_many`].
pub(super) struct Popped {
    pub(super) count: usize,
    pub(super) is_empty: bool,
}

/// Takes up to `count` elements into the reply as an array, the one at the end first.
pub(super) fn pop_many(list: &mut WriteGuard<'_, List>, end: End, count: usize, reply: &mut Reply) -> Popped {
    let len = list.len();
    let count = count.min(len);
    reply.array(count);
    match end {
        End::Front => list.range(0..count).for_each(|element| reply.bulk(element)),
        End::Back => {
            let last = list.range(len - count..len);
            last.rev().for_each(|element| reply.bulk(element));
        }
    }
    list.drop_many(end, count);
    Popped {
        count,
        is_empty: count == len,
    }
}

pub(super) static LMPOP: CommandSpec = CommandSpec {
    name: "lmpop",
    summary: "Takes elements from the first of several lists that is not empty.",
    since: "7.0.0",
    group: Group::List,
    complexity: "O(N+M) for N keys and M elements taken",
    arity: -4,
    flags: Flags::WRITE.and(Flags::MOVABLE_KEYS),
    keys: &[KeySpec::counted(
        1,
        KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE),
    )],
    args: &[
        Arg::integer("numkeys"),
        Arg::key("key").multiple(),
        Arg::one_of("where", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
        Arg::integer("count").with_token("COUNT").optional(),
    ],
    reply: "The key and an array of its elements; null if there is nothing to take.",
    handler: lmpop,
    ..CommandSpec::EMPTY
};

/// What LMPOP and BLMPOP are asked for.
pub(super) struct PopRequest {
    /// Position of the first key.
    pub(super) first_key: usize,
    /// Position behind the last key.
    pub(super) end_of_keys: usize,
    pub(super) end: End,
    pub(super) count: usize,
}

impl PopRequest {
    /// Reads `numkeys key... LEFT|RIGHT [COUNT count]` from word `at` on.
    pub(super) fn parse(context: &Context<'_, '_>, at: usize) -> Result<PopRequest, ErrorReply> {
        let few_keys = ErrorReply::fixed("ERR numkeys should be greater than 0");
        let keys = positive(context.arg(at), few_keys)?;
        let first_key = at + 1;
        let end_of_keys = first_key.checked_add(keys).ok_or(error::SYNTAX)?;
        let mut cursor = Cursor::new(context.args, end_of_keys);
        let end = end_named(cursor.word()?)?;
        let mut count = None;
        while cursor.remaining() > 0 {
            if count.is_some() || !cursor.take_with("COUNT", 1) {
                return Err(error::SYNTAX);
            }
            let too_few = ErrorReply::fixed("ERR count should be greater than 0");
            count = Some(positive(cursor.word()?, too_few)?);
        }
        Ok(PopRequest {
            first_key,
            end_of_keys,
            end,
            count: count.unwrap_or(1),
        })
    }
}

fn positive(word: &[u8], otherwise: ErrorReply) -> Result<usize, ErrorReply> {
    let value = args::integer_or(word, otherwise.clone())?;
    usize::try_from(value)
        .ok()
        .filter(|value| *value > 0)
        .ok_or(otherwise)
}

fn lmpop(context: &mut Context<'_, '_>) -> CommandResult {
    let request = PopRequest::parse(context, 1)?;
    for at in request.first_key..request.end_of_keys {
        let key = context.arg(at);
        if pop_from(context, key, &request)? {
            return Ok(());
        }
    }
    context.reply.null_array();
    Ok(())
}

/// Takes from the list at `key` if there is one, with reply, event and effect; false if not.
pub(super) fn pop_from(
    context: &mut Context<'_, '_>,
    key: &[u8],
    request: &PopRequest,
) -> Result<bool, ErrorReply> {
    let Some(mut list) = context.data.write::<List>(key)? else {
        return Ok(false);
    };
    context.reply.array(2);
    context.reply.bulk(key);
    let popped = pop_many(&mut list, request.end, request.count, context.reply);
    drop(list);
    taken(context.data, key, pop_event(request.end), popped.is_empty);
    let mut digits = NumberBuffer::new();
    let count = digits.format_u64(popped.count as u64);
    context.data.decided([pop_command(request.end), key, count]);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_resp::Protocol;

    #[test]
    fn one_and_many() {
        let mut run = Runner::default();
        run.run("RPUSH l a b c d e");
        assert_eq!(run.run("LPOP l"), "$1 a");
        assert_eq!(run.events, ["lpop l"]);
        assert_eq!(run.run("RPOP l 2"), "*2 $1 e $1 d");
        assert_eq!(run.events, ["rpop l"]);
        assert_eq!(run.run("LPOP l 0"), "*0");
        assert_eq!(run.dirty, 0);
        assert_eq!(run.run("LPOP l 9"), "*2 $1 b $1 c");
        assert_eq!(run.events, ["lpop l", "del l"]);
        assert_eq!(run.run("LPOP l"), "$-1");
        assert_eq!(run.run("LPOP l 1"), "*-1");
        run.run("RPUSH l a");
        assert_eq!(run.run("RPOP l"), "$1 a");
        assert_eq!(run.events, ["rpop l", "del l"]);
        run.protocol = Protocol::Resp3;
        assert_eq!(run.run("RPOP l 1"), "_");
        let not_positive = "-ERR value is out of range, must be positive";
        assert_eq!(run.run("LPOP l -1"), not_positive);
        assert_eq!(run.run("LPOP l x"), not_positive);
        assert_eq!(
            run.run("RPOP l 1 2"),
            "-ERR wrong number of arguments for 'rpop' command"
        );
        run.run("SET s v");
        assert!(run.run("LPOP s").starts_with("-WRONGTYPE"));
        assert!(run.run("LPOP s 0").starts_with("-WRONGTYPE"));
    }

    #[test]
    fn lmpop() {
        let mut run = Runner::default();
        run.run("RPUSH l a b c");
        assert_eq!(run.run("LMPOP 2 n l RIGHT"), "*2 $1 l *1 $1 c");
        assert_eq!(run.decided, ["RPOP l 1"]);
        assert_eq!(run.run("LMPOP 2 n l left count 9"), "*2 $1 l *2 $1 a $1 b");
        assert_eq!(run.decided, ["LPOP l 2"]);
        assert_eq!(run.events, ["lpop l", "del l"]);
        assert_eq!(run.run("LMPOP 2 n l LEFT"), "*-1");
        for (request, error) in [
            ("0 n LEFT", "numkeys should be greater than 0"),
            ("a n LEFT", "numkeys should be greater than 0"),
            ("4 n LEFT", "syntax error"),
            ("9223372036854775807 n LEFT", "syntax error"),
            ("1 n bad", "syntax error"),
            ("1 n LEFT COUNT", "syntax error"),
            ("1 n LEFT COUNT 1 COUNT 2", "syntax error"),
            ("1 n LEFT COUNT 0", "count should be greater than 0"),
            ("1 n LEFT COUNT a", "count should be greater than 0"),
        ] {
            assert_eq!(run.run(&format!("LMPOP {request}")), format!("-ERR {error}"));
        }
        run.run("SET n v");
        assert!(run.run("LMPOP 2 n l LEFT").starts_with("-WRONGTYPE"));
    }
}
