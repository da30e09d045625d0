//! Strings as numbers: INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT.
//!
//! The effect of INCRBYFLOAT is decided as the SET of its result, so that a replay does not depend
//! on how sums are rounded.

use crate::args;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::long_double::LongDouble;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::NumberBuffer;
use flashdb_store::Expiry;

/// What the rows of this file share.
const COUNTER: CommandSpec = CommandSpec {
    group: Group::String,
    arity: 3,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: &[KeySpec::one(
        1,
        KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
    )],
    reply: "The new value.",
    ..CommandSpec::EMPTY
};

pub(super) static INCR: CommandSpec = CommandSpec {
    name: "incr",
    summary: "Adds one to the integer at a key; a missing key counts as 0.",
    arity: 2,
    args: &[Arg::key("key")],
    handler: |context| add(context, 1),
    ..COUNTER
};

pub(super) static DECR: CommandSpec = CommandSpec {
    name: "decr",
    summary: "Subtracts one from the integer at a key; a missing key counts as 0.",
    arity: 2,
    args: &[Arg::key("key")],
    handler: |context| add(context, -1),
    ..COUNTER
};

pub(super) static INCRBY: CommandSpec = CommandSpec {
    name: "incrby",
    summary: "Adds a number to the integer at a key; a missing key counts as 0.",
    args: &[Arg::key("key"), Arg::integer("increment")],
    handler: |context| {
        let amount = args::integer(context.arg(2))?;
        add(context, amount)
    },
    ..COUNTER
};

pub(super) static DECRBY: CommandSpec = CommandSpec {
    name: "decrby",
    summary: "Subtracts a number from the integer at a key; a missing key counts as 0.",
    args: &[Arg::key("key"), Arg::integer("decrement")],
    handler: decrby,
    ..COUNTER
};

fn decrby(context: &mut Context<'_, '_>) -> CommandResult {
    let amount = args::integer(context.arg(2))?
        .checked_neg()
        .ok_or(ErrorReply::fixed("ERR decrement would overflow"))?;
    add(context, amount)
}

fn add(context: &mut Context<'_, '_>, amount: i64) -> CommandResult {
    let key = context.arg(1);
    let new = match context.data.add_in_place(key, amount) {
        Some(new) => new,
        None => add_anew(context, key, amount)?,
    };
    context.data.changed(key, NotifyFlags::STRING, "incrby");
    context.reply.integer(new);
    Ok(())
}

/// The sum where it cannot replace an integer in place.
fn add_anew(context: &mut Context<'_, '_>, key: &[u8], amount: i64) -> Result<i64, ErrorReply> {
    let old = match super::to_write(context.data, key)? {
        Some(value) => value.as_i64().ok_or(error::NOT_INTEGER)?,
        None => 0,
    };
    let new = old.checked_add(amount).ok_or(error::OVERFLOW)?;
    context.data.set_int(key, new, Expiry::Keep);
    Ok(new)
}

pub(super) static INCRBYFLOAT: CommandSpec = CommandSpec {
    name: "incrbyfloat",
    summary: "Adds a fraction to the number at a key; a missing key counts as 0.",
    since: "2.6.0",
    args: &[Arg::key("key"), Arg::double("increment")],
    handler: incrbyfloat,
    ..COUNTER
};

fn incrbyfloat(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.arg(1);
    let old = match super::to_write(context.data, key)? {
        Some(value) => LongDouble::parse(value.as_bytes(&mut NumberBuffer::new())).ok_or(error::NOT_FLOAT)?,
        None => LongDouble::ZERO,
    };
    let amount = LongDouble::parse(context.arg(2)).ok_or(error::NOT_FLOAT)?;
    let sum = old.plus(amount);
    if !sum.is_finite() {
        return Err(ErrorReply::fixed("ERR increment would produce NaN or Infinity"));
    }
    let mut text = Vec::new();
    sum.write(&mut text);
    context.data.set_string(key, &text, Expiry::Keep);
    context.data.changed(key, NotifyFlags::STRING, "incrbyfloat");
    context.data.decided([b"SET".as_slice(), key, &text, b"KEEPTTL"]);
    context.reply.bulk(&text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn integers() {
        let mut run = Runner::default();
        assert_eq!(run.run("INCR k"), ":1");
        assert_eq!(run.events, ["new k", "incrby k"]);
        assert_eq!(run.run("DECRBY k 3"), ":-2");
        assert_eq!(run.run("INCRBY k 17179869184"), ":17179869182");
        assert_eq!(run.run("DECR k"), ":17179869181");
        run.run("SET k 9223372036854775807");
        assert_eq!(run.run("INCR k"), "-ERR increment or decrement would overflow");
        assert_eq!(
            run.run("DECRBY k -9223372036854775808"),
            "-ERR decrement would overflow"
        );
        for text in ["abc", "\" 1\"", "\"1 \"", "1.5", "\"\""] {
            run.run(&format!("SET k {text}"));
            assert_eq!(run.run("INCR k"), "-ERR value is not an integer or out of range");
        }
        run.run("SET k 10 EX 100");
        run.run("INCR k");
        run.now_ms += 100_000;
        assert_eq!(run.run("GET k"), "$-1");
    }

    #[test]
    fn fractions() {
        let mut run = Runner::default();
        assert_eq!(run.run("INCRBYFLOAT k 1.23"), "$4 1.23");
        assert_eq!(run.run("INCRBYFLOAT k 0.77"), "$1 2");
        assert_eq!(run.decided, ["SET k 2 KEEPTTL"]);
        assert_eq!(run.events, ["incrbyfloat k"]);
        assert_eq!(run.run("INCRBYFLOAT k -3.5e0"), "$4 -1.5");
        assert_eq!(run.run("INCRBYFLOAT k x"), "-ERR value is not a valid float");
        assert_eq!(
            run.run("INCRBYFLOAT k +inf"),
            "-ERR increment would produce NaN or Infinity"
        );
        run.run("SET k \" 1\"");
        assert_eq!(run.run("INCRBYFLOAT k 1"), "-ERR value is not a valid float");
    }
}
