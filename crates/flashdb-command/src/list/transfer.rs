//! Moving an element from one list to another, or round within one: LMOVE, RPOPLPUSH.

use super::{end_named, limits, pop_event, push_event, taken};
use crate::context::{CommandResult, Context};
use crate::error::ErrorReply;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Deprecated, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_types::list::{End, List};

/// Key specifications of a source and a destination.
pub(super) const SOURCE_AND_DESTINATION: &[KeySpec] = &[
    KeySpec::one(1, KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE)),
    KeySpec::one(2, KeyFlags::RW.and(KeyFlags::INSERT)),
];

pub(super) static LMOVE: CommandSpec = CommandSpec {
    name: "lmove",
    summary: "Takes an element from one end of a list and puts it at one end of another.",
    since: "6.2.0",
    group: Group::List,
    arity: 5,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
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
    ],
    reply: "The element, or null if the source does not exist.",
    handler: lmove,
    ..CommandSpec::EMPTY
};

/// From which end to which.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) from: End,
    pub(super) to: End,
}

impl Ends {
    /// What RPOPLPUSH does.
    pub(super) const BACK_TO_FRONT: Ends = Ends {
        from: End::Back,
        to: End::Front,
    };

    /// Reads `LEFT|RIGHT LEFT|RIGHT` at words 3 and 4.
    pub(super) fn parse(context: &Context<'_, '_>) -> Result<Ends, ErrorReply> {
        Ok(Ends {
            from: end_named(context.arg(3))?,
            to: end_named(context.arg(4))?,
        })
    }
}

fn lmove(context: &mut Context<'_, '_>) -> CommandResult {
    let ends = Ends::parse(context)?;
    if !transfer(context, ends)? {
        context.reply.null();
    }
    Ok(())
}

pub(super) static RPOPLPUSH: CommandSpec = CommandSpec {
    name: "rpoplpush",
    deprecated: Deprecated::since("6.2.0", "`LMOVE` with `RIGHT` and `LEFT`"),
    summary: "Takes the last element of a list and puts it in front of another.",
    since: "1.2.0",
    group: Group::List,
    arity: 3,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: SOURCE_AND_DESTINATION,
    args: &[Arg::key("source"), Arg::key_of("destination", 1)],
    reply: "The element, or null if the source does not exist.",
    handler: rpoplpush,
    ..CommandSpec::EMPTY
};

fn rpoplpush(context: &mut Context<'_, '_>) -> CommandResult {
    if !transfer(context, Ends::BACK_TO_FRONT)? {
        context.reply.null();
    }
    Ok(())
}

/// Moves an element from the list at word 1 to the one at word 2, with reply and events. False, and
/// nothing done, if the source does not exist.
pub(super) fn transfer(context: &mut Context<'_, '_>, ends: Ends) -> Result<bool, ErrorReply> {
    let (source, destination) = (context.arg(1), context.arg(2));
    let limits = limits(context.settings);
    // The types of both are checked before either is changed.
    if context.data.find_for_write(source).is_none() {
        return Ok(false);
    }
    context.data.probe::<List>(source)?;
    context.data.probe::<List>(destination)?;
    let popped = context
        .data
        .write::<List>(source)?
        .and_then(|mut list| Some((list.pop(ends.from)?, list.is_empty())));
    let Some((element, source_is_empty)) = popped else {
        return Ok(false);
    };
    context
        .data
        .write_or_create(destination, List::new)?
        .push(ends.to, &element, &limits);
    context
        .data
        .changed(destination, NotifyFlags::LIST, push_event(ends.to));
    context.reply.bulk(&element);
    taken(context.data, source, pop_event(ends.from), source_is_empty);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn between_lists() {
        let mut run = Runner::default();
        run.run("RPUSH a 1 2 3");
        assert_eq!(run.run("LMOVE a b LEFT right"), "$1 1");
        assert_eq!(run.events, ["new b", "rpush b", "lpop a"]);
        assert!(run.decided.is_empty());
        assert_eq!(run.run("RPOPLPUSH a b"), "$1 3");
        assert_eq!(run.run("LRANGE b 0 -1"), "*2 $1 3 $1 1");
        assert_eq!(run.run("LMOVE a b RIGHT RIGHT"), "$1 2");
        assert_eq!(run.events, ["rpush b", "rpop a", "del a"]);
        assert_eq!(run.run("LMOVE a b RIGHT RIGHT"), "$-1");
        assert_eq!(run.run("LMOVE a b UP RIGHT"), "-ERR syntax error");
        run.run("SET s v");
        assert!(run.run("LMOVE s b LEFT LEFT").starts_with("-WRONGTYPE"));
        assert!(run.run("LMOVE b s LEFT LEFT").starts_with("-WRONGTYPE"));
        assert_eq!(run.run("LMOVE absent s LEFT LEFT"), "$-1");
        assert_eq!(run.run("LLEN b"), ":3");
    }

    /// In a transaction that closes the gate no shard is locked before it is touched.
    #[test]
    fn types_are_checked_before_anything_moves_under_the_closed_gate() {
        let mut run = Runner::default();
        run.locks_as_touched = true;
        run.run("RPUSH list a b");
        run.run("SET string v");
        assert!(run.run("LMOVE list string LEFT LEFT").starts_with("-WRONGTYPE"));
        assert_eq!(run.run("LRANGE list 0 -1"), "*2 $1 a $1 b");
        run.mode.in_exec = true;
        assert_eq!(run.run("BLMOVE list other LEFT LEFT 0"), "$1 a");
    }

    #[test]
    fn round_within_a_list() {
        let mut run = Runner::default();
        run.run("RPUSH a 1 2 3");
        assert_eq!(run.run("RPOPLPUSH a a"), "$1 3");
        assert_eq!(run.events, ["lpush a", "rpop a"]);
        assert_eq!(run.run("LRANGE a 0 -1"), "*3 $1 3 $1 1 $1 2");
        run.run("LTRIM a 0 0");
        assert_eq!(run.run("LMOVE a a LEFT LEFT"), "$1 3");
        assert_eq!(run.events, ["lpush a", "lpop a"]);
        assert_eq!(run.run("LLEN a"), ":1");
    }
}
