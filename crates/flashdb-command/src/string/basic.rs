//! Reading a whole string: GET, STRLEN.

use crate::context::{CommandResult, Context};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::number::NumberBuffer;

pub(super) static GET: CommandSpec = CommandSpec {
    name: "get",
    summary: "Returns the string at a key.",
    group: Group::String,
    arity: 2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key")],
    reply: "The string, or null if the key does not exist.",
    handler: get,
    ..CommandSpec::EMPTY
};

fn get(context: &mut Context<'_, '_>) -> CommandResult {
    match context.data.string(context.args.at(1))? {
        Some(value) => context.reply.bulk(value.as_bytes(&mut NumberBuffer::new())),
        None => context.reply.null(),
    }
    Ok(())
}

pub(super) static STRLEN: CommandSpec = CommandSpec {
    name: "strlen",
    summary: "Returns the length of a string in bytes.",
    since: "2.2.0",
    group: Group::String,
    arity: 2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RO)],
    args: &[Arg::key("key")],
    reply: "The length; 0 if the key does not exist.",
    handler: strlen,
    ..CommandSpec::EMPTY
};

fn strlen(context: &mut Context<'_, '_>) -> CommandResult {
    let len = context
        .data
        .string(context.args.at(1))?
        .map_or(0, |value| value.len());
    context.reply.count(len);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn missing_keys() {
        let mut run = Runner::default();
        assert_eq!(run.run("GET nokey"), "$-1");
        assert_eq!(run.run("STRLEN nokey"), ":0");
        assert_eq!(run.run("GET"), "-ERR wrong number of arguments for 'get' command");
    }
}
