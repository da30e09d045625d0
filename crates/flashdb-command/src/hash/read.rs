//! Reading fields: HGET, HMGET, HGETALL, HKEYS, HVALS, HLEN, HSTRLEN, HEXISTS.

use super::{PROBE, READ, now_ms};
use crate::context::{CommandResult, Context};
use crate::spec::{Arg, CommandSpec, Flags, Group, WANTED_AT_2};
use flashdb_resp::Args;
use flashdb_store::{Access, WrongType};
use flashdb_types::hash::{Field, Hash};

const LOOKUP: &[Arg] = &[Arg::key("key"), Arg::string("field")];

pub(super) static HGET: CommandSpec = CommandSpec {
    name: "hget",
    summary: "Reads one field of a hash.",
    since: "2.0.0",
    group: Group::Hash,
    arity: 3,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: READ,
    wanted: WANTED_AT_2,
    args: LOOKUP,
    reply: "The value, or null if there is no such field.",
    handler: hget,
    ..CommandSpec::EMPTY
};

fn hget(context: &mut Context<'_, '_>) -> CommandResult {
    let field = field(context.data, context.args)?;
    context.reply.bulk_or_null(field.map(|field| field.value));
    Ok(())
}

/// The field at word 2 of the hash at word 1.
fn field<'d>(data: &'d mut Access<'_>, args: Args<'_>) -> Result<Option<Field<'d>>, WrongType> {
    let now_ms = data.now_ms.max(0) as u64;
    let hash = data.read::<Hash>(args.at(1))?;
    Ok(hash.and_then(|hash| hash.get(args.at(2), now_ms)))
}

pub(super) static HMGET: CommandSpec = CommandSpec {
    name: "hmget",
    summary: "Returns the values of several fields.",
    since: "2.0.0",
    group: Group::Hash,
    complexity: "O(N) where N is the number of fields asked for",
    arity: -3,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: READ,
    wanted: WANTED_AT_2,
    args: &[Arg::key("key"), Arg::string("field").multiple()],
    reply: "An array with a value or null for each field.",
    handler: hmget,
    ..CommandSpec::EMPTY
};

fn hmget(context: &mut Context<'_, '_>) -> CommandResult {
    let now_ms = now_ms(context);
    let hash = context.data.read::<Hash>(context.args.at(1))?;
    let names = context.args.iter_from(2);
    context.reply.array(names.len());
    for name in names {
        let field = hash.and_then(|hash| hash.get(name, now_ms));
        context.reply.bulk_or_null(field.map(|field| field.value));
    }
    Ok(())
}

pub(super) static HGETALL: CommandSpec = CommandSpec {
    name: "hgetall",
    summary: "Returns all fields with their values.",
    since: "2.0.0",
    group: Group::Hash,
    complexity: "O(N) where N is the number of fields",
    arity: 2,
    flags: Flags::READONLY,
    keys: READ,
    args: &[Arg::key("key")],
    reply: "A map of fields and values; empty if the key does not exist.",
    tips: &["nondeterministic_output_order"],
    handler: hgetall,
    ..CommandSpec::EMPTY
};

fn hgetall(context: &mut Context<'_, '_>) -> CommandResult {
    let now_ms = now_ms(context);
    let Some(hash) = context.data.read::<Hash>(context.args.at(1))? else {
        context.reply.map(0);
        return Ok(());
    };
    context.reply.map(hash.live_len(now_ms));
    for field in hash.iter().filter(|field| field.is_live(now_ms)) {
        context.reply.bulk(field.name);
        context.reply.bulk(field.value);
    }
    Ok(())
}

pub(super) static HKEYS: CommandSpec = CommandSpec {
    name: "hkeys",
    summary: "Returns the names of all fields.",
    since: "2.0.0",
    group: Group::Hash,
    complexity: "O(N) where N is the number of fields",
    arity: 2,
    flags: Flags::READONLY,
    keys: READ,
    args: &[Arg::key("key")],
    reply: "An array of field names; empty if the key does not exist.",
    tips: &["nondeterministic_output_order"],
    handler: |context| one_of_each(context, |field| field.name),
    ..CommandSpec::EMPTY
};

pub(super) static HVALS: CommandSpec = CommandSpec {
    name: "hvals",
    summary: "Returns the values of all fields.",
    since: "2.0.0",
    group: Group::Hash,
    complexity: "O(N) where N is the number of fields",
    arity: 2,
    flags: Flags::READONLY,
    keys: READ,
    args: &[Arg::key("key")],
    reply: "An array of values; empty if the key does not exist.",
    tips: &["nondeterministic_output_order"],
    handler: |context| one_of_each(context, |field| field.value),
    ..CommandSpec::EMPTY
};

fn one_of_each(context: &mut Context<'_, '_>, part: for<'f> fn(Field<'f>) -> &'f [u8]) -> CommandResult {
    let now_ms = now_ms(context);
    let Some(hash) = context.data.read::<Hash>(context.args.at(1))? else {
        context.reply.array(0);
        return Ok(());
    };
    context.reply.array(hash.live_len(now_ms));
    for field in hash.iter().filter(|field| field.is_live(now_ms)) {
        context.reply.bulk(part(field));
    }
    Ok(())
}

pub(super) static HLEN: CommandSpec = CommandSpec {
    name: "hlen",
    summary: "Returns the number of fields.",
    since: "2.0.0",
    group: Group::Hash,
    arity: 2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: PROBE,
    args: &[Arg::key("key")],
    reply: "The number of fields; 0 if the key does not exist.",
    handler: hlen,
    ..CommandSpec::EMPTY
};

fn hlen(context: &mut Context<'_, '_>) -> CommandResult {
    let now_ms = now_ms(context);
    let hash = context.data.read::<Hash>(context.args.at(1))?;
    context.reply.count(hash.map_or(0, |hash| hash.live_len(now_ms)));
    Ok(())
}

pub(super) static HSTRLEN: CommandSpec = CommandSpec {
    name: "hstrlen",
    summary: "Returns the length of a field's value in bytes.",
    since: "3.2.0",
    group: Group::Hash,
    arity: 3,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: PROBE,
    wanted: WANTED_AT_2,
    args: LOOKUP,
    reply: "The length; 0 if there is no such field.",
    handler: hstrlen,
    ..CommandSpec::EMPTY
};

fn hstrlen(context: &mut Context<'_, '_>) -> CommandResult {
    let len = field(context.data, context.args)?.map_or(0, |field| field.value.len());
    context.reply.count(len);
    Ok(())
}

pub(super) static HEXISTS: CommandSpec = CommandSpec {
    name: "hexists",
    summary: "Tells whether a field exists.",
    since: "2.0.0",
    group: Group::Hash,
    arity: 3,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: PROBE,
    wanted: WANTED_AT_2,
    args: LOOKUP,
    reply: "1 if the field exists, else 0.",
    handler: hexists,
    ..CommandSpec::EMPTY
};

fn hexists(context: &mut Context<'_, '_>) -> CommandResult {
    let exists = field(context.data, context.args)?.is_some();
    context.reply.integer(i64::from(exists));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_resp::Protocol;

    #[test]
    fn lookups() {
        let mut run = Runner::default();
        run.run("HSET h a 1 bb 22");
        assert_eq!(run.run("HGET h a"), "$1 1");
        assert_eq!(run.run("HGET h x"), "$-1");
        assert_eq!(run.run("HGET nokey x"), "$-1");
        assert_eq!(run.run("HMGET h a x bb"), "*3 $1 1 $-1 $2 22");
        assert_eq!(run.run("HMGET nokey a b"), "*2 $-1 $-1");
        assert_eq!(run.run("HSTRLEN h bb"), ":2");
        assert_eq!(run.run("HSTRLEN h x"), ":0");
        assert_eq!(run.run("HEXISTS h a"), ":1");
        assert_eq!(run.run("HEXISTS nokey a"), ":0");
        assert_eq!(run.run("HLEN h"), ":2");
        assert_eq!(run.run("HLEN nokey"), ":0");
    }

    #[test]
    fn whole_hashes() {
        let mut run = Runner::default();
        run.run("HSET h a 1 b 2");
        assert_eq!(run.run("HGETALL h"), "*4 $1 a $1 1 $1 b $1 2");
        assert_eq!(run.run("HKEYS h"), "*2 $1 a $1 b");
        assert_eq!(run.run("HVALS h"), "*2 $1 1 $1 2");
        assert_eq!(run.run("HVALS nokey"), "*0");
        run.protocol = Protocol::Resp3;
        assert_eq!(run.run("HGETALL h"), "%2 $1 a $1 1 $1 b $1 2");
        assert_eq!(run.run("HGETALL nokey"), "%0");
    }

    #[test]
    fn wrong_types() {
        let mut run = Runner::default();
        run.run("SADD s a");
        for line in [
            "HGET s a",
            "HMGET s a",
            "HGETALL s",
            "HKEYS s",
            "HLEN s",
            "HEXISTS s a",
        ] {
            assert!(run.run(line).starts_with("-WRONGTYPE "), "{line}");
        }
    }

    #[test]
    fn expired_fields_are_not_seen() {
        let mut run = Runner::default();
        run.run("HSET h a 1 b 2");
        run.run("HPEXPIRE h 100 FIELDS 1 a");
        run.now_ms += 101;
        assert_eq!(run.run("HGET h a"), "$-1");
        assert_eq!(run.run("HLEN h"), ":1");
        assert_eq!(run.run("HGETALL h"), "*2 $1 b $1 2");
        assert_eq!(run.run("HKEYS h"), "*1 $1 b");
        assert_eq!(run.run("HEXISTS h a"), ":0");
    }
}
