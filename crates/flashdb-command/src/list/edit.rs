//! Changing lists anywhere: LSET, LINSERT, LREM, LTRIM.

use super::{limits, position, positions, taken};
use crate::args::{self, is};
use crate::context::{CommandResult, Context};
use crate::error;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_types::list::{End, List};

pub(super) static LSET: CommandSpec = CommandSpec {
    name: "lset",
    summary: "Replaces the element at an index of a list.",
    group: Group::List,
    complexity: "O(log N) for a list of N nodes, and a move within one node",
    arity: 4,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::UPDATE))],
    args: &[Arg::key("key"), Arg::integer("index"), Arg::string("element")],
    reply: "OK.",
    handler: lset,
    ..CommandSpec::EMPTY
};

fn lset(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, element) = (context.arg(1), context.arg(3));
    let limits = limits(context.settings);
    let Some(mut list) = context.data.write::<List>(key)? else {
        return Err(error::NO_SUCH_KEY);
    };
    let set = args::integer(context.args.at(2)).and_then(|index| {
        position(index, list.len())
            .filter(|index| list.set(*index, element, &limits))
            .ok_or(error::INDEX_OUT_OF_RANGE)
    });
    drop(list);
    match set {
        Ok(_) => context.data.changed(key, NotifyFlags::LIST, "lset"),
        Err(_) => context.data.unchanged(),
    }
    context.reply.ok();
    set.map(drop)
}

pub(super) static LINSERT: CommandSpec = CommandSpec {
    name: "linsert",
    summary: "Puts an element before or after the first one that equals a pivot.",
    since: "2.2.0",
    group: Group::List,
    complexity: "O(N) for N elements up to the pivot",
    arity: 5,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::INSERT))],
    args: &[
        Arg::key("key"),
        Arg::one_of(
            "where",
            &[Arg::word("before", "BEFORE"), Arg::word("after", "AFTER")],
        ),
        Arg::string("pivot"),
        Arg::string("element"),
    ],
    reply: "The new length; 0 if the key does not exist, -1 if the pivot is not found.",
    handler: linsert,
    ..CommandSpec::EMPTY
};

fn linsert(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.arg(1);
    let side = match context.arg(2) {
        word if is(word, "BEFORE") => End::Front,
        word if is(word, "AFTER") => End::Back,
        _ => return Err(error::SYNTAX),
    };
    let limits = limits(context.settings);
    let Some(mut list) = context.data.write::<List>(key)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let inserted = list.insert_beside(context.args.at(3), side, context.args.at(4), &limits);
    let len = list.len();
    drop(list);
    if inserted {
        context.data.changed(key, NotifyFlags::LIST, "linsert");
        context.reply.count(len);
    } else {
        context.data.unchanged();
        context.reply.integer(-1);
    }
    Ok(())
}

pub(super) static LREM: CommandSpec = CommandSpec {
    name: "lrem",
    summary: "Removes elements that equal a value, from the front, the end, or all.",
    group: Group::List,
    complexity: "O(N) for a list of N elements",
    arity: 4,
    flags: Flags::WRITE,
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::DELETE))],
    args: &[Arg::key("key"), Arg::integer("count"), Arg::string("element")],
    reply: "The number of elements removed.",
    handler: lrem,
    ..CommandSpec::EMPTY
};

fn lrem(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.arg(1);
    let count = args::integer(context.arg(2))?;
    let from = if count < 0 { End::Back } else { End::Front };
    let most = match count {
        0 => usize::MAX,
        _ => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
    };
    let Some(mut list) = context.data.write::<List>(key)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let removed = list.remove_equal(context.args.at(3), from, most);
    let is_empty = list.is_empty();
    drop(list);
    if removed > 0 {
        taken(context.data, key, "lrem", is_empty);
    } else {
        context.data.unchanged();
    }
    context.reply.count(removed);
    Ok(())
}

pub(super) static LTRIM: CommandSpec = CommandSpec {
    name: "ltrim",
    summary: "Removes all elements of a list but those between two indexes, both included.",
    group: Group::List,
    complexity: "O(N) for N nodes removed",
    arity: 4,
    flags: Flags::WRITE,
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::DELETE))],
    args: &[Arg::key("key"), Arg::integer("start"), Arg::integer("stop")],
    reply: "OK.",
    handler: ltrim,
    ..CommandSpec::EMPTY
};

fn ltrim(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.arg(1);
    let start = args::integer(context.arg(2))?;
    let stop = args::integer(context.arg(3))?;
    context.reply.ok();
    let Some(mut list) = context.data.write::<List>(key)? else {
        return Ok(());
    };
    let keep = positions(start, stop, list.len());
    list.trim(keep);
    let is_empty = list.is_empty();
    drop(list);
    taken(context.data, key, "ltrim", is_empty);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn lset_and_linsert() {
        let mut run = Runner::default();
        run.run("RPUSH l a b c");
        assert_eq!(run.run("LSET l -1 C"), "+OK");
        assert_eq!(run.events, ["lset l"]);
        assert_eq!(run.run("LSET l 3 x"), "-ERR index out of range");
        assert_eq!(run.run("LSET l -4 x"), "-ERR index out of range");
        assert_eq!(
            run.run("LSET l x x"),
            "-ERR value is not an integer or out of range"
        );
        assert_eq!(run.run("LSET n 0 x"), "-ERR no such key");
        assert_eq!(run.run("LINSERT l before a 0"), ":4");
        assert_eq!(run.events, ["linsert l"]);
        assert_eq!(run.run("LINSERT l AFTER C d"), ":5");
        assert_eq!(run.run("LINSERT l AFTER zz d"), ":-1");
        assert_eq!(run.dirty, 0);
        assert_eq!(run.run("LINSERT n AFTER zz d"), ":0");
        assert_eq!(run.run("LINSERT n beside zz d"), "-ERR syntax error");
        assert_eq!(run.run("LRANGE l 0 -1"), "*5 $1 0 $1 a $1 b $1 C $1 d");
    }

    #[test]
    fn lrem_and_ltrim() {
        let mut run = Runner::default();
        run.run("RPUSH l a x b x c x");
        assert_eq!(run.run("LREM l -1 x"), ":1");
        assert_eq!(run.events, ["lrem l"]);
        assert_eq!(run.run("LREM l 1 x"), ":1");
        assert_eq!(run.run("LRANGE l 0 -1"), "*4 $1 a $1 b $1 x $1 c");
        assert_eq!((run.run("LREM l 0 y"), run.dirty), (":0".into(), 0));
        assert_eq!(run.run("LREM n 0 y"), ":0");
        assert_eq!(run.run("LTRIM l 1 -2"), "+OK");
        assert_eq!(run.events, ["ltrim l"]);
        assert_eq!(run.run("LRANGE l 0 -1"), "*2 $1 b $1 x");
        assert_eq!(run.run("LREM l -9223372036854775808 b"), ":1");
        assert_eq!(run.run("LREM l 5 x"), ":1");
        assert_eq!(run.events, ["lrem l", "del l"]);
        run.run("RPUSH l a");
        assert_eq!(run.run("LTRIM l 5 9"), "+OK");
        assert_eq!(run.events, ["ltrim l", "del l"]);
        assert_eq!(run.run("LTRIM l 5 9"), "+OK");
        run.run("SET s v");
        for command in ["LSET s 0 a", "LINSERT s AFTER a b", "LREM s 0 a", "LTRIM s 0 1"] {
            assert!(run.run(command).starts_with("-WRONGTYPE"), "{command}");
        }
    }
}
