//! Adding at the ends of a list: LPUSH, RPUSH, LPUSHX, RPUSHX.

use crate::context::{CommandResult, Context};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_types::list::{End, List};

/// What the rows of this file share.
const PUSH: CommandSpec = CommandSpec {
    group: Group::List,
    complexity: "O(N) for N elements added",
    arity: -3,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::INSERT))],
    args: &[Arg::key("key"), Arg::string("element").multiple()],
    reply: "The new length of the list.",
    history: &[("2.4.0", "Several elements in one request.")],
    ..CommandSpec::EMPTY
};

/// What LPUSHX and RPUSHX share.
const PUSH_EXISTING: CommandSpec = CommandSpec {
    since: "2.2.0",
    reply: "The new length of the list; 0 if the key does not exist.",
    history: &[("4.0.0", "Several elements in one request.")],
    ..PUSH
};

pub(super) static LPUSH: CommandSpec = CommandSpec {
    name: "lpush",
    summary: "Puts elements in front of a list, one after the other, creating it if needed.",
    handler: |context| push(context, End::Front),
    ..PUSH
};

pub(super) static RPUSH: CommandSpec = CommandSpec {
    name: "rpush",
    summary: "Puts elements at the end of a list, creating it if needed.",
    handler: |context| push(context, End::Back),
    ..PUSH
};

#[inline]
fn push(context: &mut Context<'_, '_>, end: End) -> CommandResult {
    let key = context.arg(1);
    let limits = super::limits(context.settings);
    let mut list = context.data.write_or_create(key, List::new)?;
    for element in context.args.iter_from(2) {
        list.push(end, element, &limits);
    }
    context.reply.count(list.len());
    drop(list);
    context
        .data
        .changed(key, NotifyFlags::LIST, super::push_event(end));
    Ok(())
}

pub(super) static LPUSHX: CommandSpec = CommandSpec {
    name: "lpushx",
    summary: "Puts elements in front of a list that exists already.",
    handler: |context| push_existing(context, End::Front),
    ..PUSH_EXISTING
};

pub(super) static RPUSHX: CommandSpec = CommandSpec {
    name: "rpushx",
    summary: "Puts elements at the end of a list that exists already.",
    handler: |context| push_existing(context, End::Back),
    ..PUSH_EXISTING
};

fn push_existing(context: &mut Context<'_, '_>, end: End) -> CommandResult {
    if context.data.find_for_write(context.arg(1)).is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    push(context, end)
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn both_ends() {
        let mut run = Runner::default();
        assert_eq!(run.run("LPUSH l b a"), ":2");
        assert_eq!(run.events, ["new l", "lpush l"]);
        assert_eq!(run.run("RPUSH l c d"), ":4");
        assert_eq!(run.events, ["rpush l"]);
        assert_eq!(run.run("LRANGE l 0 -1"), "*4 $1 a $1 b $1 c $1 d");
        assert_eq!(run.run("LPUSHX l z"), ":5");
        assert_eq!(run.run("RPUSHX l z"), ":6");
        assert_eq!(run.run("LPUSHX absent z"), ":0");
        assert_eq!(run.run("RPUSHX absent z"), ":0");
        assert_eq!((run.dirty, run.run("LLEN absent")), (0, ":0".into()));
        run.run("SET s v");
        assert!(run.run("LPUSH s a").starts_with("-WRONGTYPE"));
        assert!(run.run("RPUSHX s a").starts_with("-WRONGTYPE"));
        assert_eq!(
            run.run("LPUSH l"),
            "-ERR wrong number of arguments for 'lpush' command"
        );
    }
}
