//! A look inside for tests and the curious: PFDEBUG, PFSELFTEST.

use super::string_to_change;
use crate::args::is;
use crate::context::{CommandResult, Context};
use crate::error::ErrorReply;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::number::NumberBuffer;
use flashdb_types::hyperloglog::{self, HllUnion};

pub(super) static PFDEBUG: CommandSpec = CommandSpec {
    name: "pfdebug",
    summary: "Shows registers and encoding of a HyperLogLog, or turns it dense.",
    since: "2.8.9",
    group: Group::HyperLogLog,
    complexity: "O(1): a HyperLogLog is of bounded size",
    arity: 3,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::ADMIN),
    keys: &[KeySpec::one(2, KeyFlags::RW.and(KeyFlags::ACCESS))],
    args: &[Arg::string("subcommand"), Arg::key("key")],
    reply: "Registers, text or number, as the subcommand has it.",
    handler: pfdebug,
    ..CommandSpec::EMPTY
};

fn pfdebug(context: &mut Context<'_, '_>) -> CommandResult {
    let (word, key) = (context.arg(1), context.arg(2));
    let Some(value) = string_to_change(context.data, key)? else {
        return Err(ErrorReply::fixed("ERR The specified key does not exist"));
    };
    let mut digits = NumberBuffer::new();
    let value = value.as_bytes(&mut digits);
    let encoding = hyperloglog::check(value)?;
    if is(word, "encoding") {
        context.reply.simple(encoding.name());
    } else if is(word, "decode") {
        let Some(text) = hyperloglog::decode(value)? else {
            return Err(ErrorReply::fixed("ERR HLL encoding is not sparse"));
        };
        context.reply.bulk_str(&text);
    } else if is(word, "getreg") {
        let mut registers = HllUnion::new();
        registers.merge(value)?;
        turn_dense(context, key)?;
        let registers = registers.registers();
        context.reply.array(registers.len());
        for &register in registers {
            context.reply.integer(i64::from(register));
        }
    } else if is(word, "todense") {
        let converted = turn_dense(context, key)?;
        context.reply.integer(i64::from(converted));
    } else {
        let mut text = b"ERR Unknown PFDEBUG subcommand '".to_vec();
        text.extend_from_slice(word);
        text.push(b'\'');
        return Err(ErrorReply::from_bytes(text));
    }
    Ok(())
}

fn turn_dense(context: &mut Context<'_, '_>, key: &[u8]) -> Result<bool, ErrorReply> {
    let converted = context
        .data
        .edit_string(key, false, hyperloglog::to_dense)?
        .unwrap_or(Ok(false));
    match converted {
        Ok(true) => context.data.changed_silently(key),
        _ => context.data.unchanged(),
    }
    Ok(converted?)
}

pub(super) static PFSELFTEST: CommandSpec = CommandSpec {
    name: "pfselftest",
    summary: "Checks that the HyperLogLog estimates are as good as they should be.",
    since: "2.8.9",
    group: Group::HyperLogLog,
    complexity: "O(1), tens of milliseconds",
    arity: 1,
    flags: Flags::ADMIN,
    reply: "OK, or an error that tells what failed.",
    handler: pfselftest,
    ..CommandSpec::EMPTY
};

fn pfselftest(context: &mut Context<'_, '_>) -> CommandResult {
    let seed = context.data.prng.next_u64();
    match hyperloglog::self_test(seed, context.settings.hll_sparse_max_bytes) {
        Ok(()) => context.reply.ok(),
        Err(text) => return Err(ErrorReply::new(format!("ERR {text}"))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn debug() {
        let mut run = Runner::default();
        assert_eq!(
            run.run("PFDEBUG ENCODING h"),
            "-ERR The specified key does not exist"
        );
        run.run("PFADD h a b c");
        assert_eq!(run.run("PFDEBUG ENCODING h"), "+sparse");
        let sparse = "$44 Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603";
        assert_eq!(run.run("PFDEBUG DECODE h"), sparse);
        assert_eq!(run.run("PFDEBUG TODENSE h"), ":1");
        assert_eq!(run.dirty, 1);
        assert_eq!(run.run("PFDEBUG TODENSE h"), ":0");
        assert_eq!(run.run("PFDEBUG encoding h"), "+dense");
        assert_eq!(run.run("PFDEBUG DECODE h"), "-ERR HLL encoding is not sparse");
        assert!(run.run("PFDEBUG GETREG h").starts_with("*16384 :0 :0"));
        assert_eq!(run.run("PFDEBUG x h"), "-ERR Unknown PFDEBUG subcommand 'x'");
    }
}
