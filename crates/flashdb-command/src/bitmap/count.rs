//! Counting and finding bits: BITCOUNT, BITPOS. As since Redis 7.2, the options are checked before
//! the key is looked at.

use crate::args::{integer, is};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::number::NumberBuffer;
use flashdb_types::bitops::{self, BitRange, RangeUnit};

const UNIT: Arg = Arg::one_of("unit", &[Arg::word("byte", "BYTE"), Arg::word("bit", "BIT")])
    .optional()
    .since("7.0.0");

pub(super) static BITCOUNT: CommandSpec = CommandSpec {
    name: "bitcount",
    summary: "Counts the bits of a string, or of a part of it, that are set.",
    since: "2.6.0",
    group: Group::Bitmap,
    complexity: "O(N) for N bytes looked at",
    arity: -2,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[
        Arg::key("key"),
        Arg::block("range", &[Arg::integer("start"), Arg::integer("end"), UNIT]).optional(),
    ],
    reply: "How many bits are set; 0 if the key does not exist.",
    history: &[("7.0.0", "Offsets can count bits (`BIT`) instead of bytes.")],
    handler: bitcount,
    ..CommandSpec::EMPTY
};

fn bitcount(context: &mut Context<'_, '_>) -> CommandResult {
    let args = context.args;
    let range = match args.len() {
        2 => None,
        4 | 5 => Some((integer(args.at(2))?, integer(args.at(3))?, unit(args.get(4))?)),
        _ => return Err(error::SYNTAX),
    };
    let count = match context.data.string(args.at(1))? {
        None => 0,
        Some(value) => {
            let mut digits = NumberBuffer::new();
            let bytes = value.as_bytes(&mut digits);
            match range {
                None => bitops::popcount(bytes),
                Some((start, end, unit)) => bitops::count_range(bytes, start, end, unit),
            }
        }
    };
    context.reply.integer(count as i64);
    Ok(())
}

fn unit(word: Option<&[u8]>) -> Result<RangeUnit, ErrorReply> {
    match word {
        None => Ok(RangeUnit::Byte),
        Some(word) if is(word, "byte") => Ok(RangeUnit::Byte),
        Some(word) if is(word, "bit") => Ok(RangeUnit::Bit),
        Some(_) => Err(error::SYNTAX),
    }
}

pub(super) static BITPOS: CommandSpec = CommandSpec {
    name: "bitpos",
    summary: "Finds the first set or the first clear bit of a string, or of a part of it.",
    since: "2.8.7",
    group: Group::Bitmap,
    complexity: "O(N) for N bytes looked at",
    arity: -3,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[
        Arg::key("key"),
        Arg::integer("bit"),
        Arg::block(
            "range",
            &[
                Arg::integer("start"),
                Arg::block("end-unit-block", &[Arg::integer("end"), UNIT]).optional(),
            ],
        )
        .optional(),
    ],
    reply: "Offset of the bit from the start of the string, or -1.",
    history: &[("7.0.0", "Offsets can count bits (`BIT`) instead of bytes.")],
    handler: bitpos,
    ..CommandSpec::EMPTY
};

fn bitpos(context: &mut Context<'_, '_>) -> CommandResult {
    let args = context.args;
    let bit = match integer(args.at(2))? {
        value @ (0 | 1) => value == 1,
        _ => return Err(ErrorReply::fixed("ERR The bit argument must be 1 or 0.")),
    };
    let range = match args.len() {
        3 => None,
        4..=6 => {
            let start = integer(args.at(3))?;
            let unit = unit(args.get(5))?;
            let end = args.get(4).map(integer).transpose()?;
            Some(BitRange { start, end, unit })
        }
        _ => return Err(error::SYNTAX),
    };
    let position = match context.data.string(args.at(1))? {
        // A missing string is endless zeros here.
        None if bit => -1,
        None => 0,
        Some(value) => bitops::bit_position(value.as_bytes(&mut NumberBuffer::new()), bit, range),
    };
    context.reply.integer(position);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn bitcount() {
        let mut run = Runner::default();
        run.run_words([b"BITOP".as_slice(), b"OR", b"k", b"k"]);
        assert_eq!(run.run("BITCOUNT k"), ":0");
        run.run("BITFIELD k SET u16 0 65281");
        assert_eq!(run.run("BITCOUNT k"), ":9");
        assert_eq!(run.run("BITCOUNT k 1 -1"), ":1");
        assert_eq!(run.run("BITCOUNT k 4 8 bit"), ":4");
        assert_eq!(run.run("BITCOUNT k 0 0 BYTE"), ":8");
        assert_eq!(run.run("BITCOUNT k -1 -2"), ":0");
        assert_eq!(run.run("BITCOUNT k 0"), "-ERR syntax error");
        assert_eq!(run.run("BITCOUNT missing 0 1 hello"), "-ERR syntax error");
        assert_eq!(
            run.run("BITCOUNT k a b"),
            "-ERR value is not an integer or out of range"
        );
    }

    #[test]
    fn bitpos() {
        let mut run = Runner::default();
        assert_eq!(run.run("BITPOS missing 0"), ":0");
        assert_eq!(run.run("BITPOS missing 1"), ":-1");
        run.run("BITFIELD k SET u24 0 65535");
        assert_eq!(run.run("BITPOS k 1"), ":8");
        assert_eq!(run.run("BITPOS k 0 1"), ":24");
        assert_eq!(run.run("BITPOS k 0 1 -1"), ":-1");
        assert_eq!(run.run("BITPOS k 1 9 11 BIT"), ":9");
        assert_eq!(run.run("BITPOS k 0 0 -1 word"), "-ERR syntax error");
        assert_eq!(run.run("BITPOS k 2"), "-ERR The bit argument must be 1 or 0.");
    }
}
