//! Keeping the result of set algebra under a key: SINTERSTORE, SUNIONSTORE, SDIFFSTORE.

use super::algebra::{Operation, Sets};
use super::key;
use crate::context::{CommandResult, Context};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::limits;
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_store::{Expiry, Value};

const SOURCES: KeySpec = KeySpec::range(2, -1, 1, KeyFlags::RO.and(KeyFlags::ACCESS));

/// What the three commands have in common.
const BASE: CommandSpec = CommandSpec {
    group: Group::Set,
    arity: -3,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[key(KeyFlags::OW.and(KeyFlags::UPDATE)), SOURCES],
    args: &[Arg::key("destination"), Arg::key_of("key", 1).multiple()],
    reply: "The number of members of the result.",
    ..CommandSpec::EMPTY
};

pub(super) static SINTERSTORE: CommandSpec = CommandSpec {
    name: "sinterstore",
    summary: "Keeps the members that all sets have under a key, whatever was there.",
    complexity: "O(N*M) at worst, where N is the size of the smallest of M sets",
    keys: &[key(KeyFlags::RW.and(KeyFlags::UPDATE)), SOURCES],
    handler: |context| store(context, Operation::Intersection, "sinterstore"),
    ..BASE
};

pub(super) static SUNIONSTORE: CommandSpec = CommandSpec {
    name: "sunionstore",
    summary: "Keeps the members that any of the sets has under a key, whatever was there.",
    complexity: "O(N) where N is the number of members of all sets",
    handler: |context| store(context, Operation::Union, "sunionstore"),
    ..BASE
};

pub(super) static SDIFFSTORE: CommandSpec = CommandSpec {
    name: "sdiffstore",
    summary: "Keeps the members of the first set that no other set has under a key, whatever was there.",
    complexity: "O(N*M) at worst, where N is the size of the first of M sets",
    handler: |context| store(context, Operation::Difference, "sdiffstore"),
    ..BASE
};

fn store(context: &mut Context<'_, '_>, operation: Operation, event: &'static str) -> CommandResult {
    let target = context.args.at(1);
    let limits = limits::set(context.settings);
    let sets = Sets::look_up(context.data, context.args.iter_from(2))?;
    let result = sets.to_set(operation, &limits);
    context.reply.count(result.len());
    if !result.is_empty() {
        let value = Value::Set(result);
        context.data.set_value(target, value, Expiry::Clear);
        context.data.changed(target, NotifyFlags::SET, event);
    } else if context.data.remove(target) {
        context.data.changed(target, NotifyFlags::GENERIC, "del");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn storing() {
        let mut run = Runner::default();
        run.run("SADD a 1 2 3");
        run.run("SADD b 2 3 4");
        assert_eq!(run.run("SINTERSTORE r a b"), ":2");
        assert_eq!(run.events, ["new r", "sinterstore r"]);
        assert_eq!(run.run("SMEMBERS r"), "*2 $1 2 $1 3");
        assert_eq!(run.run("SUNIONSTORE r a b"), ":4");
        assert_eq!(run.events, ["sunionstore r"]);
        assert_eq!(run.run("SDIFFSTORE r a b nokey"), ":1");
        assert_eq!(run.events, ["sdiffstore r"]);
        assert_eq!(run.run("SMEMBERS r"), "*1 $1 1");
        assert_eq!(run.run("SDIFFSTORE a a b"), ":1", "a source may be the target");
        assert_eq!(run.run("SINTERSTORE r nokey"), ":0");
        assert_eq!(run.events, ["del r"]);
        assert_eq!(run.run("SINTERSTORE r nokey"), ":0");
        assert!(run.events.is_empty());
    }

    #[test]
    fn any_type_is_overwritten_but_not_read() {
        let mut run = Runner::default();
        run.run("HSET h a 1");
        run.run("SADD a 1");
        assert!(run.run("SUNIONSTORE a h").starts_with("-WRONGTYPE"));
        assert!(run.run("SINTERSTORE r nokey h").starts_with("-WRONGTYPE"));
        assert_eq!(run.run("SUNIONSTORE h a"), ":1");
        assert_eq!(run.run("SMEMBERS h"), "*1 $1 1");
    }
}
