//! BITFIELD and BITFIELD_RO: integers of any width at any bit offset. All operations of a request
//! are parsed before the first is carried out, so a mistake leaves the string as it was.

use super::{checked_offset, grow_to_hold};
use crate::args::{Cursor, integer, is};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{Begin, Find, KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::{self, NumberBuffer};
use flashdb_config::Settings;
use flashdb_resp::Reply;
use flashdb_types::bitops::{self, FieldType, Overflow};

const GET: Arg =
    Arg::block("get-block", &[Arg::string("encoding"), Arg::integer("offset")]).with_token("GET");

pub(super) static BITFIELD: CommandSpec = CommandSpec {
    name: "bitfield",
    summary: "Reads, writes and adds to integers of any width within a string.",
    since: "3.2.0",
    group: Group::Bitmap,
    complexity: "O(1) for each operation",
    arity: -2,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KeySpec {
        begin: Begin::Index(1),
        find: Find::Range {
            last: 0,
            step: 1,
            limit: 0,
        },
        flags: KeyFlags::RW
            .and(KeyFlags::UPDATE)
            .and(KeyFlags::ACCESS)
            .and(KeyFlags::VARIABLE),
        notes: "The key is read and written",
    }],
    key_flags_of: Some(|args| {
        let writes = |word: &[u8]| word.eq_ignore_ascii_case(b"set") || word.eq_ignore_ascii_case(b"incrby");
        if args.iter_from(2).any(writes) {
            KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE)
        } else {
            KeyFlags::RO.and(KeyFlags::ACCESS)
        }
    }),
    args: &[
        Arg::key("key"),
        Arg::one_of(
            "operation",
            &[
                GET,
                Arg::block(
                    "write",
                    &[
                        Arg::one_of(
                            "overflow-block",
                            &[
                                Arg::word("wrap", "WRAP"),
                                Arg::word("sat", "SAT"),
                                Arg::word("fail", "FAIL"),
                            ],
                        )
                        .with_token("OVERFLOW")
                        .optional(),
                        Arg::one_of(
                            "write-operation",
                            &[
                                Arg::block(
                                    "set-block",
                                    &[
                                        Arg::string("encoding"),
                                        Arg::integer("offset"),
                                        Arg::integer("value"),
                                    ],
                                )
                                .with_token("SET"),
                                Arg::block(
                                    "incrby-block",
                                    &[
                                        Arg::string("encoding"),
                                        Arg::integer("offset"),
                                        Arg::integer("increment"),
                                    ],
                                )
                                .with_token("INCRBY"),
                            ],
                        ),
                    ],
                ),
            ],
        )
        .optional()
        .multiple(),
    ],
    reply: "For each operation the value read (GET), the value before (SET) or after (INCRBY), or null where \
            OVERFLOW FAIL forbade it.",
    handler: bitfield,
    ..CommandSpec::EMPTY
};

pub(super) static BITFIELD_RO: CommandSpec = CommandSpec {
    name: "bitfield_ro",
    summary: "Reads integers of any width within a string.",
    since: "6.0.0",
    group: Group::Bitmap,
    complexity: "O(1) for each operation",
    arity: -2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[
        Arg::key("key"),
        Arg::block("get-block", &[Arg::string("encoding"), Arg::integer("offset")])
            .with_token("GET")
            .optional()
            .multiple_with_token(),
    ],
    reply: "The values read.",
    handler: bitfield_ro,
    ..CommandSpec::EMPTY
};

enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

struct Operation {
    kind: FieldType,
    offset: u64,
    action: Action,
}

impl Operation {
    /// The last bit that this operation writes.
    fn last_written(&self) -> Option<u64> {
        let last = self.offset + u64::from(self.kind.bits()) - 1;
        (!matches!(self.action, Action::Get)).then_some(last)
    }
}

fn parse(mut words: Cursor<'_>, settings: &Settings) -> Result<Vec<Operation>, ErrorReply> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    while words.remaining() > 0 {
        if words.take_with("overflow", 1) {
            overflow = parse_overflow(words.word()?)?;
            continue;
        }
        let make: fn(i64, Overflow) -> Action = if words.take_with("get", 2) {
            |_, _| Action::Get
        } else if words.take_with("set", 3) {
            Action::Set
        } else if words.take_with("incrby", 3) {
            Action::Increment
        } else {
            return Err(error::SYNTAX);
        };
        let kind = FieldType::parse(words.word()?).ok_or(ErrorReply::fixed(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ))?;
        let offset = checked_offset(parse_offset(words.word()?, kind), settings)?;
        let mut action = make(0, overflow);
        if !matches!(action, Action::Get) {
            action = make(integer(words.word()?)?, overflow);
        }
        operations.push(Operation { kind, offset, action });
    }
    Ok(operations)
}

fn parse_overflow(word: &[u8]) -> Result<Overflow, ErrorReply> {
    const KINDS: [(&str, Overflow); 3] = [
        ("wrap", Overflow::Wrap),
        ("sat", Overflow::Saturate),
        ("fail", Overflow::Fail),
    ];
    KINDS
        .into_iter()
        .find_map(|(name, overflow)| is(word, name).then_some(overflow))
        .ok_or(ErrorReply::fixed("ERR Invalid OVERFLOW type specified"))
}

/// `#n` is the n-th field of this width.
fn parse_offset(word: &[u8], kind: FieldType) -> Option<i64> {
    match word.strip_prefix(b"#") {
        Some(index) => number::parse_i64(index)?.checked_mul(i64::from(kind.bits())),
        None => number::parse_i64(word),
    }
}

fn bitfield(context: &mut Context<'_, '_>) -> CommandResult {
    let operations = parse(Cursor::new(context.args, 2), context.settings)?;
    match operations.iter().filter_map(Operation::last_written).max() {
        None => read_all(context, &operations),
        Some(last) => write_all(context, &operations, last),
    }
}

fn bitfield_ro(context: &mut Context<'_, '_>) -> CommandResult {
    let operations = parse(Cursor::new(context.args, 2), context.settings)?;
    if operations
        .iter()
        .any(|operation| operation.last_written().is_some())
    {
        return Err(ErrorReply::fixed(
            "ERR BITFIELD_RO only supports the GET subcommand",
        ));
    }
    read_all(context, &operations)
}

fn read_all(context: &mut Context<'_, '_>, operations: &[Operation]) -> CommandResult {
    let value = context.data.string(context.args.at(1))?;
    let mut digits = NumberBuffer::new();
    let bytes = value
        .as_ref()
        .map_or(&[][..], |value| value.as_bytes(&mut digits));
    context.reply.array(operations.len());
    for Operation { kind, offset, .. } in operations {
        context.reply.integer(bitops::get_field(bytes, *offset, *kind));
    }
    Ok(())
}

fn write_all(context: &mut Context<'_, '_>, operations: &[Operation], last_bit: u64) -> CommandResult {
    let key = context.arg(1);
    let reply = &mut *context.reply;
    reply.array(operations.len());
    let done = context.data.edit_string(key, true, |bytes| {
        let grew = grow_to_hold(bytes, last_bit);
        let changes = operations
            .iter()
            .map(|operation| u64::from(carry_out(operation, bytes, grew, reply)))
            .sum::<u64>();
        (grew, changes)
    })?;
    match done.expect("created where absent") {
        (_, changes @ 1..) => {
            context.data.changed(key, NotifyFlags::STRING, "setbit");
            context.data.effects.dirty += changes - 1;
        }
        // Every write was forbidden, but the string is longer now.
        (true, 0) => context.data.changed_silently(key),
        (false, 0) => context.data.unchanged(),
    }
    Ok(())
}

/// Returns whether a field was written that differs from before, or anew in a string that `grew`.
fn carry_out(operation: &Operation, bytes: &mut [u8], grew: bool, reply: &mut Reply) -> bool {
    let Operation { kind, offset, action } = operation;
    let before = bitops::get_field(bytes, *offset, *kind);
    let (after, answer) = match *action {
        Action::Get => {
            reply.integer(before);
            return false;
        }
        Action::Set(value, overflow) => (kind.fit(value, overflow), Some(before)),
        Action::Increment(by, overflow) => (kind.add(before, by, overflow), None),
    };
    let Some(after) = after else {
        reply.null();
        return false;
    };
    bitops::set_field(bytes, *offset, *kind, after);
    reply.integer(answer.unwrap_or(after));
    grew || before != after
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn reads_and_writes_in_order() {
        let mut run = Runner::default();
        assert_eq!(
            run.run("BITFIELD k SET i8 0 -100 SET i8 8 101 GET u8 #0 GET i8 #1"),
            "*4 :0 :0 :156 :101"
        );
        assert_eq!(
            (run.events.as_slice(), run.dirty),
            (&["new k".into(), "setbit k".into()][..], 2)
        );
        assert_eq!(run.run("BITFIELD k INCRBY u8 0 100"), "*1 :0");
        assert_eq!(run.run("BITFIELD k OVERFLOW SAT INCRBY u8 0 300"), "*1 :255");
        assert_eq!(run.run("BITFIELD k OVERFLOW FAIL INCRBY u8 0 1"), "*1 $-1");
        assert_eq!(run.dirty, 0);
        assert_eq!(run.run("BITFIELD k"), "*0");
        assert_eq!(run.run("BITFIELD_RO k GET u8 0 GET u8 100"), "*2 :255 :0");
        assert_eq!(run.run("STRLEN k"), ":2");
        assert_eq!(run.run("BITFIELD k OVERFLOW FAIL INCRBY u8 80 300"), "*1 $-1");
        assert_eq!(
            (run.events.len(), run.dirty, run.run("STRLEN k")),
            (0, 1, ":11".into())
        );
    }

    #[test]
    fn refusals_leave_the_string_alone() {
        let mut run = Runner::default();
        let kind = "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
        assert_eq!(run.run("BITFIELD k SET u8 0 1 GET u64 0"), kind);
        let offset = "-ERR bit offset is not an integer or out of range";
        assert_eq!(run.run("BITFIELD k GET u8 -1"), offset);
        assert_eq!(run.run("BITFIELD k SET i64 #9223372036854775807 1"), offset);
        assert_eq!(run.run("BITFIELD k SET i8 4294967296 1"), offset);
        assert_eq!(
            run.run("BITFIELD k OVERFLOW x"),
            "-ERR Invalid OVERFLOW type specified"
        );
        assert_eq!(run.run("BITFIELD k SET u8 0"), "-ERR syntax error");
        assert_eq!(
            run.run("BITFIELD_RO k SET u8 0 1"),
            "-ERR BITFIELD_RO only supports the GET subcommand"
        );
        assert_eq!(run.run("STRLEN k"), ":0");
    }
}
