//! Taking from lists, waiting for an element if there is none: BLPOP, BRPOP, BLMPOP, BLMOVE,
//! BRPOPLPUSH.
//!
//! Decided effects are those of the commands that do not wait. While a client waits, a key that
//! comes to hold another type is as good as absent to it; when it first asks, that is an error.

use super::pop::{PopRequest, pop_from, pop_one};
use super::transfer::{Ends, SOURCE_AND_DESTINATION, transfer};
use super::{end_name, pop_command, pop_event, taken};
use crate::args::deadline_ms;
use crate::context::{CommandResult, Context, OnTimeout};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Deprecated, Flags, Group};
use flashdb_types::list::{End, List};

/// What BLPOP and BRPOP share.
const BLOCKING_POP: CommandSpec = CommandSpec {
    since: "2.0.0",
    group: Group::List,
    complexity: "O(N) for N keys",
    arity: -3,
    flags: Flags::WRITE.and(Flags::NO_SCRIPT).and(Flags::BLOCKING),
    keys: &[KeySpec::range(
        1,
        -2,
        1,
        KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE),
    )],
    args: &[Arg::key("key").multiple(), Arg::double("timeout")],
    reply: "The key and the element; null when the time is up.",
    history: &[("6.0.0", "The timeout may be a fraction of seconds.")],
    ..CommandSpec::EMPTY
};

pub(super) static BLPOP: CommandSpec = CommandSpec {
    name: "blpop",
    summary: "Takes the first element of the first list that has one, or waits for one.",
    handler: |context| pop_or_wait(context, End::Front),
    ..BLOCKING_POP
};

pub(super) static BRPOP: CommandSpec = CommandSpec {
    name: "brpop",
    summary: "Takes the last element of the first list that has one, or waits for one.",
    handler: |context| pop_or_wait(context, End::Back),
    ..BLOCKING_POP
};

fn pop_or_wait(context: &mut Context<'_, '_>, end: End) -> CommandResult {
    let args = context.args;
    let timeout_at = args.len() - 1;
    let deadline_ms = deadline_ms(args.at(timeout_at), context.now_ms())?;
    for at in 1..timeout_at {
        if serves(context, |context| pop_for_waiter(context, args.at(at), end))? {
            return Ok(());
        }
    }
    let keys = args.iter_from(1).take(timeout_at - 1);
    context.block(keys, deadline_ms, OnTimeout::NullArray);
    Ok(())
}

/// Calls `attempt`; a wrong type found by a client that already waits counts as nothing found.
fn serves<'a, 'k>(
    context: &mut Context<'a, 'k>,
    attempt: impl FnOnce(&mut Context<'a, 'k>) -> Result<bool, ErrorReply>,
) -> Result<bool, ErrorReply> {
    match attempt(context) {
        Err(wrong) if context.mode.retry && wrong == error::WRONG_TYPE => Ok(false),
        outcome => outcome,
    }
}

fn pop_for_waiter(context: &mut Context<'_, '_>, key: &[u8], end: End) -> Result<bool, ErrorReply> {
    let Some(mut list) = context.data.write::<List>(key)? else {
        return Ok(false);
    };
    context.reply.array(2);
    context.reply.bulk(key);
    let is_empty = pop_one(&mut list, end, context.reply);
    drop(list);
    taken(context.data, key, pop_event(end), is_empty);
    context.data.decided([pop_command(end), key]);
    Ok(true)
}

pub(super) static BLMPOP: CommandSpec = CommandSpec {
    name: "blmpop",
    summary: "Takes elements of the first of several lists that has some, or waits for one.",
    since: "7.0.0",
    group: Group::List,
    complexity: "O(N+M) for N keys and M elements taken",
    arity: -5,
    flags: Flags::WRITE.and(Flags::BLOCKING).and(Flags::MOVABLE_KEYS),
    keys: &[KeySpec::counted(
        2,
        KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE),
    )],
    args: &[
        Arg::double("timeout"),
        Arg::integer("numkeys"),
        Arg::key("key").multiple(),
        Arg::one_of("where", &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")]),
        Arg::integer("count").with_token("COUNT").optional(),
    ],
    reply: "The key and an array of its elements; null when the time is up.",
    handler: blmpop,
    ..CommandSpec::EMPTY
};

fn blmpop(context: &mut Context<'_, '_>) -> CommandResult {
    let args = context.args;
    let request = PopRequest::parse(context, 2)?;
    let deadline_ms = deadline_ms(args.at(1), context.now_ms())?;
    for at in request.first_key..request.end_of_keys {
        if serves(context, |context| pop_from(context, args.at(at), &request))? {
            return Ok(());
        }
    }
    let keys = (request.first_key..request.end_of_keys).map(|at| args.at(at));
    context.block(keys, deadline_ms, OnTimeout::NullArray);
    Ok(())
}

pub(super) static BLMOVE: CommandSpec = CommandSpec {
    name: "blmove",
    summary: "Moves an element from one list to another, or waits for one.",
    since: "6.2.0",
    group: Group::List,
    arity: 6,
    flags: Flags::WRITE
        .and(Flags::DENY_OOM)
        .and(Flags::NO_SCRIPT)
        .and(Flags::BLOCKING),
    keys: SOURCE_AND_DESTINATION,
    args: &[
        Arg::key("source"),
        Arg::key_of("destination", 1),
        Arg::one_of(
            "wherefrom",
            &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")],
        ),
        Arg::one_of(
            "whereto",
            &[Arg::word("left", "LEFT"), Arg::word("right", "RIGHT")],
        ),
        Arg::double("timeout"),
    ],
    reply: "The element; null when the time is up.",
    handler: blmove,
    ..CommandSpec::EMPTY
};

fn blmove(context: &mut Context<'_, '_>) -> CommandResult {
    let (source, destination) = (context.arg(1), context.arg(2));
    let ends = Ends::parse(context)?;
    let moved = transfer_or_wait(context, ends, context.arg(5))?;
    if moved {
        let (from, to) = (end_name(ends.from), end_name(ends.to));
        context
            .data
            .decided([b"LMOVE".as_slice(), source, destination, from, to]);
    }
    Ok(())
}

pub(super) static BRPOPLPUSH: CommandSpec = CommandSpec {
    name: "brpoplpush",
    deprecated: Deprecated::since("6.2.0", "`BLMOVE` with `RIGHT` and `LEFT`"),
    summary: "Moves the last element of a list to the front of another, or waits for one.",
    since: "2.2.0",
    group: Group::List,
    arity: 4,
    flags: Flags::WRITE
        .and(Flags::DENY_OOM)
        .and(Flags::NO_SCRIPT)
        .and(Flags::BLOCKING),
    keys: SOURCE_AND_DESTINATION,
    args: &[
        Arg::key("source"),
        Arg::key_of("destination", 1),
        Arg::double("timeout"),
    ],
    reply: "The element; null when the time is up.",
    history: &[("6.0.0", "The timeout may be a fraction of seconds.")],
    handler: brpoplpush,
    ..CommandSpec::EMPTY
};

fn brpoplpush(context: &mut Context<'_, '_>) -> CommandResult {
    let (source, destination) = (context.arg(1), context.arg(2));
    if transfer_or_wait(context, Ends::BACK_TO_FRONT, context.arg(3))? {
        context
            .data
            .decided([b"RPOPLPUSH".as_slice(), source, destination]);
    }
    Ok(())
}

/// Moves an element (true) or waits. A destination of another type fails even while waiting: there
/// is an element then, and it stays where it is.
fn transfer_or_wait(context: &mut Context<'_, '_>, ends: Ends, timeout: &[u8]) -> Result<bool, ErrorReply> {
    let source = context.arg(1);
    let deadline_ms = deadline_ms(timeout, context.now_ms())?;
    let source_is_list = serves(context, |context| {
        Ok(context.data.probe::<List>(source)?.is_some())
    })?;
    if source_is_list && transfer(context, ends)? {
        return Ok(true);
    }
    if context.may_block() {
        context.block([source], deadline_ms, OnTimeout::NullArray);
    } else {
        context.reply.null();
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn pops_at_once_or_waits() {
        let mut run = Runner::default();
        run.run("RPUSH l a b");
        assert_eq!(run.run("BLPOP n l 0"), "*2 $1 l $1 a");
        assert_eq!(
            (&run.events, &run.decided),
            (&vec!["lpop l".into()], &vec!["LPOP l".into()])
        );
        assert_eq!(run.run("BRPOP l 0.5"), "*2 $1 l $1 b");
        assert_eq!((&run.events[1][..], &run.decided[0][..]), ("del l", "RPOP l"));
        assert_eq!(run.run("BRPOP n l 1"), "+(blocked)");
        assert_eq!(run.run("BLPOP n n 0"), "+(blocked)");
        assert_eq!(
            run.run("BLPOP n x"),
            "-ERR timeout is not a float or out of range"
        );
        assert_eq!(run.run("BLPOP n -1"), "-ERR timeout is negative");
        run.run("SET s v");
        assert!(run.run("BLPOP n s 1").starts_with("-WRONGTYPE"));
        run.run("RPUSH l a b c");
        assert_eq!(run.run("BLMPOP 1 2 n l RIGHT COUNT 2"), "*2 $1 l *2 $1 c $1 b");
        assert_eq!(run.decided, ["RPOP l 2"]);
        assert_eq!(run.run("BLMPOP 1 1 n LEFT"), "+(blocked)");
        assert_eq!(
            run.run("BLMPOP 1 0 n LEFT"),
            "-ERR numkeys should be greater than 0"
        );
    }

    #[test]
    fn moves_at_once_or_waits() {
        let mut run = Runner::default();
        run.run("RPUSH l a b");
        assert_eq!(run.run("BLMOVE l m left RIGHT 0"), "$1 a");
        assert_eq!(run.decided, ["LMOVE l m LEFT RIGHT"]);
        assert_eq!(run.run("BRPOPLPUSH l m 1"), "$1 b");
        assert_eq!(run.decided, ["RPOPLPUSH l m"]);
        assert_eq!(run.events, ["lpush m", "rpop l", "del l"]);
        assert_eq!(run.run("BRPOPLPUSH l m 1"), "+(blocked)");
        assert_eq!(
            run.run("BLMOVE l m LEFT LEFT x"),
            "-ERR timeout is not a float or out of range"
        );
        run.run("SET s v");
        assert!(run.run("BRPOPLPUSH s m 1").starts_with("-WRONGTYPE"));
        assert!(run.run("BRPOPLPUSH m s 1").starts_with("-WRONGTYPE"));
        run.mode.in_exec = true;
        assert_eq!(run.run("BRPOPLPUSH l m 1"), "$-1");
        assert_eq!(run.run("BLPOP l 1"), "*-1");
    }

    #[test]
    fn a_wrong_type_is_ignored_while_waiting() {
        let mut run = Runner::default();
        run.run("SET s v");
        run.run("RPUSH l a b");
        run.mode.retry = true;
        assert_eq!(run.run("BLPOP s l 0"), "*2 $1 l $1 a");
        for waiting in ["BLPOP s 0", "BLMPOP 0 1 s LEFT", "BLMOVE s l LEFT LEFT 0"] {
            assert_eq!(run.run(waiting), "+(blocked)", "{waiting}");
        }
        assert!(run.run("BRPOPLPUSH l s 0").starts_with("-WRONGTYPE"));
        assert_eq!(run.run("LLEN l"), ":1");
    }
}
