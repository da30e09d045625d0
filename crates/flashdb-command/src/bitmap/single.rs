//! One bit of a string: SETBIT, GETBIT.

use super::{checked_offset, grow_to_hold};
use crate::context::{CommandResult, Context};
use crate::error::ErrorReply;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::{self, NumberBuffer};
use flashdb_types::bitops;

pub(super) static SETBIT: CommandSpec = CommandSpec {
    name: "setbit",
    summary: "Writes one bit of a string and tells what it was; the string grows with zeros to reach it.",
    since: "2.2.0",
    group: Group::Bitmap,
    arity: 4,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KeySpec::one(
        1,
        KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
    )],
    args: &[Arg::key("key"), Arg::integer("offset"), Arg::integer("value")],
    reply: "The bit before.",
    handler: setbit,
    ..CommandSpec::EMPTY
};

fn setbit(context: &mut Context<'_, '_>) -> CommandResult {
    const NOT_A_BIT: ErrorReply = ErrorReply::fixed("ERR bit is not an integer or out of range");
    let key = context.arg(1);
    let offset = checked_offset(number::parse_i64(context.arg(2)), context.settings)?;
    let bit = match number::parse_i64(context.arg(3)) {
        Some(value @ (0 | 1)) => value == 1,
        _ => return Err(NOT_A_BIT),
    };
    let written = context.data.edit_string(key, true, |bytes| {
        let grew = grow_to_hold(bytes, offset);
        (grew, bitops::set_bit(bytes, offset, bit))
    })?;
    let (grew, before) = written.expect("created where absent");
    if grew || before != bit {
        context.data.changed(key, NotifyFlags::STRING, "setbit");
    } else {
        context.data.unchanged();
    }
    context.reply.integer(i64::from(before));
    Ok(())
}

pub(super) static GETBIT: CommandSpec = CommandSpec {
    name: "getbit",
    summary: "Reads one bit of a string.",
    since: "2.2.0",
    group: Group::Bitmap,
    arity: 3,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key"), Arg::integer("offset")],
    reply: "The bit; 0 behind the end of the string.",
    handler: getbit,
    ..CommandSpec::EMPTY
};

fn getbit(context: &mut Context<'_, '_>) -> CommandResult {
    let offset = checked_offset(number::parse_i64(context.arg(2)), context.settings)?;
    let bit = context
        .data
        .string(context.args.at(1))?
        .is_some_and(|value| bitops::get_bit(value.as_bytes(&mut NumberBuffer::new()), offset));
    context.reply.integer(i64::from(bit));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn bits_are_set_and_read() {
        let mut run = Runner::default();
        assert_eq!(run.run("SETBIT k 1 1"), ":0");
        assert_eq!(
            (run.events.as_slice(), run.dirty),
            (&["new k".into(), "setbit k".into()][..], 1)
        );
        assert_eq!(run.run("GET k"), "$1 @");
        assert_eq!(run.run("SETBIT k 1 1"), ":1");
        assert_eq!((run.events.len(), run.dirty), (0, 0));
        assert_eq!(run.run("SETBIT k 20 0"), ":0");
        assert_eq!(run.dirty, 1, "growing is a change");
        assert_eq!(run.run("STRLEN k"), ":3");
        assert_eq!(run.run("GETBIT k 1"), ":1");
        assert_eq!(run.run("GETBIT k 100"), ":0");
        assert_eq!(run.run("GETBIT missing 0"), ":0");
    }

    #[test]
    fn offsets_and_bits_out_of_range() {
        let mut run = Runner::default();
        let offset = "-ERR bit offset is not an integer or out of range";
        for bad in ["4294967296", "-1", "x", "92233720368547758070"] {
            assert_eq!(run.run(&format!("SETBIT k {bad} 1")), offset);
            assert_eq!(run.run(&format!("GETBIT k {bad}")), offset);
        }
        let bit = "-ERR bit is not an integer or out of range";
        assert_eq!(run.run("SETBIT k 0 2"), bit);
        assert_eq!(run.run("SETBIT k 0 x"), bit);
        assert_eq!(run.run("STRLEN k"), ":0");
    }
}
