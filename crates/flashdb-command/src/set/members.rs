//! Members of one set: SADD, SREM, SMOVE, SISMEMBER, SMISMEMBER, SCARD, SMEMBERS.

use super::{PROBE, READ, key};
use crate::context::{CommandResult, Context};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::limits;
use crate::spec::{Arg, CommandSpec, Flags, Group, WANTED_AT_2};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::NumberBuffer;
use flashdb_types::set::Set;

const KEY_AND_MEMBERS: &[Arg] = &[Arg::key("key"), Arg::string("member").multiple()];

pub(super) static SADD: CommandSpec = CommandSpec {
    name: "sadd",
    summary: "Adds members, creating the set if needed.",
    group: Group::Set,
    complexity: "O(N) for N members given",
    arity: -3,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: &[key(KeyFlags::RW.and(KeyFlags::INSERT))],
    wanted: WANTED_AT_2,
    args: KEY_AND_MEMBERS,
    reply: "The number of members that were not there before.",
    history: &[("2.4.0", "Several `member` arguments are taken.")],
    handler: sadd,
    ..CommandSpec::EMPTY
};

fn sadd(context: &mut Context<'_, '_>) -> CommandResult {
    let (words, limits) = (context.args, limits::set(context.settings));
    let mut set = context.data.write_or_create(words.at(1), Set::new)?;
    let added = words
        .iter_from(2)
        .filter(|member| set.insert(member, &limits))
        .count();
    drop(set);
    changed(context, "sadd", added);
    context.reply.count(added);
    Ok(())
}

/// Publishes a change of the set at word 1 that counts as `count`; none if that is 0.
fn changed(context: &mut Context<'_, '_>, event: &'static str, count: usize) {
    if count == 0 {
        return context.data.unchanged();
    }
    let key = context.args.at(1);
    context.data.changed(key, NotifyFlags::SET, event);
    context.data.effects.dirty += count as u64 - 1;
}

pub(super) static SREM: CommandSpec = CommandSpec {
    name: "srem",
    summary: "Removes members, and the set once it is empty.",
    group: Group::Set,
    complexity: "O(N) for N members given",
    arity: -3,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[key(KeyFlags::RW.and(KeyFlags::DELETE))],
    wanted: WANTED_AT_2,
    args: KEY_AND_MEMBERS,
    reply: "The number of members that were there.",
    history: &[("2.4.0", "Several `member` arguments are taken.")],
    handler: srem,
    ..CommandSpec::EMPTY
};

fn srem(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    let Some(mut set) = context.data.write::<Set>(words.at(1))? else {
        context.reply.integer(0);
        return Ok(());
    };
    let removed = words.iter_from(2).filter(|member| set.remove(member)).count();
    drop(set);
    changed(context, "srem", removed);
    context.data.remove_if(words.at(1), Set::is_empty);
    context.reply.count(removed);
    Ok(())
}

pub(super) static SMOVE: CommandSpec = CommandSpec {
    name: "smove",
    summary: "Takes a member out of one set and puts it into another.",
    group: Group::Set,
    arity: 4,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[
        key(KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE)),
        KeySpec::one(2, KeyFlags::RW.and(KeyFlags::INSERT)),
    ],
    args: &[
        Arg::key("source"),
        Arg::key_of("destination", 1),
        Arg::string("member"),
    ],
    reply: "1 if the member was moved, 0 if the source does not have it.",
    handler: smove,
    ..CommandSpec::EMPTY
};

fn smove(context: &mut Context<'_, '_>) -> CommandResult {
    let [source, target, member] = [1, 2, 3].map(|at| context.args.at(at));
    // Both are looked up first, so that what has expired is gone before anything changes.
    let exists = context.data.find_quietly(source).is_some();
    context.data.find_quietly(target);
    if !exists {
        context.reply.integer(0);
        return Ok(());
    }
    let set = context.data.peek_as::<Set>(source)?;
    let present = set.is_some_and(|set| set.contains(member));
    context.data.peek_as::<Set>(target)?;
    if !present || source == target {
        context.reply.integer(i64::from(present));
        return Ok(());
    }
    if let Some(mut set) = context.data.write::<Set>(source)? {
        set.remove(member);
    }
    context.data.changed(source, NotifyFlags::SET, "srem");
    context.data.remove_if(source, Set::is_empty);
    let limits = limits::set(context.settings);
    let mut set = context.data.write_or_create(target, Set::new)?;
    let added = set.insert(member, &limits);
    drop(set);
    if added {
        context.data.changed(target, NotifyFlags::SET, "sadd");
    } else {
        context.data.unchanged();
    }
    context.reply.integer(1);
    Ok(())
}

pub(super) static SISMEMBER: CommandSpec = CommandSpec {
    name: "sismember",
    summary: "Tells whether a set has a member.",
    group: Group::Set,
    arity: 3,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: PROBE,
    wanted: WANTED_AT_2,
    args: &[Arg::key("key"), Arg::string("member")],
    reply: "1 if the set has it, else 0.",
    handler: sismember,
    ..CommandSpec::EMPTY
};

fn sismember(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    let set = context.data.read::<Set>(words.at(1))?;
    let present = set.is_some_and(|set| set.contains(words.at(2)));
    context.reply.integer(i64::from(present));
    Ok(())
}

pub(super) static SMISMEMBER: CommandSpec = CommandSpec {
    name: "smismember",
    summary: "Tells for several members whether a set has them.",
    since: "6.2.0",
    group: Group::Set,
    complexity: "O(N) for N members given",
    arity: -3,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: READ,
    args: KEY_AND_MEMBERS,
    reply: "An array with 1 or 0 for each member.",
    handler: smismember,
    ..CommandSpec::EMPTY
};

fn smismember(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    let set = context.data.read::<Set>(words.at(1))?;
    let members = words.iter_from(2);
    context.reply.array(members.len());
    for member in members {
        let present = set.is_some_and(|set| set.contains(member));
        context.reply.integer(i64::from(present));
    }
    Ok(())
}

pub(super) static SCARD: CommandSpec = CommandSpec {
    name: "scard",
    summary: "Returns the number of members.",
    group: Group::Set,
    arity: 2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: PROBE,
    args: &[Arg::key("key")],
    reply: "The number of members; 0 if the key does not exist.",
    handler: scard,
    ..CommandSpec::EMPTY
};

fn scard(context: &mut Context<'_, '_>) -> CommandResult {
    let set = context.data.read::<Set>(context.args.at(1))?;
    context.reply.count(set.map_or(0, Set::len));
    Ok(())
}

pub(super) static SMEMBERS: CommandSpec = CommandSpec {
    name: "smembers",
    summary: "Returns all members.",
    group: Group::Set,
    complexity: "O(N) where N is the number of members",
    arity: 2,
    flags: Flags::READONLY,
    keys: READ,
    args: &[Arg::key("key")],
    reply: "A set of members; empty if the key does not exist.",
    tips: &["nondeterministic_output_order"],
    handler: smembers,
    ..CommandSpec::EMPTY
};

fn smembers(context: &mut Context<'_, '_>) -> CommandResult {
    let set = context.data.read::<Set>(context.args.at(1))?;
    context.reply.set(set.map_or(0, Set::len));
    for member in set.into_iter().flatten() {
        context.reply.bulk(member.as_bytes(&mut NumberBuffer::new()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_resp::Protocol;

    #[test]
    fn adding_and_removing() {
        let mut run = Runner::default();
        assert_eq!(run.run("SADD s a b a"), ":2");
        assert_eq!(run.events, ["new s", "sadd s"]);
        assert_eq!(run.dirty, 2);
        assert_eq!(run.run("SADD s a"), ":0");
        assert!(run.events.is_empty());
        assert_eq!(run.run("SREM s x"), ":0");
        assert!(run.events.is_empty());
        assert_eq!(run.run("SREM s a x"), ":1");
        assert_eq!(run.events, ["srem s"]);
        assert_eq!(run.run("SREM s b c"), ":1");
        assert_eq!(run.events, ["srem s", "del s"]);
        assert_eq!(run.run("SREM s b"), ":0");
    }

    #[test]
    fn asking() {
        let mut run = Runner::default();
        run.run("SADD s 3 1 2");
        assert_eq!(run.run("SCARD s"), ":3");
        assert_eq!(run.run("SCARD nokey"), ":0");
        assert_eq!(run.run("SISMEMBER s 3"), ":1");
        assert_eq!(run.run("SISMEMBER s 4"), ":0");
        assert_eq!(run.run("SMISMEMBER s 1 x 2"), "*3 :1 :0 :1");
        assert_eq!(run.run("SMISMEMBER nokey 1 2"), "*2 :0 :0");
        assert_eq!(run.run("SMEMBERS s"), "*3 $1 1 $1 2 $1 3");
        assert_eq!(run.run("SMEMBERS nokey"), "*0");
        run.protocol = Protocol::Resp3;
        assert_eq!(run.run("SMEMBERS s"), "~3 $1 1 $1 2 $1 3");
        assert_eq!(run.run("SMEMBERS nokey"), "~0");
        run.run("HSET h a 1");
        for line in ["SADD h a", "SREM h a", "SCARD h", "SISMEMBER h a", "SMEMBERS h"] {
            assert!(run.run(line).starts_with("-WRONGTYPE"), "{line}");
        }
    }

    #[test]
    fn moving() {
        let mut run = Runner::default();
        run.run("SADD a 1 2");
        run.run("SADD b 2");
        assert_eq!(run.run("SMOVE a b 9"), ":0");
        assert!(run.events.is_empty());
        assert_eq!(run.run("SMOVE a a 1"), ":1");
        assert_eq!(run.run("SMOVE a a 9"), ":0");
        assert!(run.events.is_empty());
        assert_eq!(run.run("SMOVE a b 1"), ":1");
        assert_eq!(run.events, ["srem a", "sadd b"]);
        assert_eq!(run.run("SMOVE a b 2"), ":1");
        assert_eq!(run.events, ["srem a", "del a"]);
        assert_eq!(run.run("SMOVE a b 2"), ":0");
        assert_eq!(run.run("SMOVE b c 2"), ":1");
        assert_eq!(run.events, ["srem b", "new c", "sadd c"]);
        run.run("HSET h a 1");
        assert!(run.run("SMOVE b h 1").starts_with("-WRONGTYPE"));
        assert!(run.run("SMOVE h b 1").starts_with("-WRONGTYPE"));
        assert_eq!(run.run("SMOVE nokey h 1"), ":0");
    }
}
