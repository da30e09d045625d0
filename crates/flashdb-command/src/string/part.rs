//! Parts of a string: APPEND, SETRANGE, GETRANGE, SUBSTR.

use crate::args;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Deprecated, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::NumberBuffer;
use flashdb_store::Expiry;
use std::ops::Range;

pub(super) static APPEND: CommandSpec = CommandSpec {
    name: "append",
    summary: "Adds bytes at the end of a string, creating it if needed.",
    since: "2.0.0",
    group: Group::String,
    complexity: "O(1) amortised, beside copying the bytes added",
    arity: 3,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::INSERT))],
    args: &[Arg::key("key"), Arg::string("value")],
    reply: "The new length in bytes.",
    handler: append,
    ..CommandSpec::EMPTY
};

fn append(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, tail) = (context.arg(1), context.arg(2));
    let len = match super::to_write(context.data, key)?.map(|value| value.len()) {
        None => {
            context.data.set_string(key, tail, Expiry::Clear);
            tail.len()
        }
        Some(len) => {
            check_len(context, len, tail.len())?;
            context
                .data
                .edit_string(key, false, |bytes| bytes.extend_from_slice(tail))?;
            len + tail.len()
        }
    };
    context.data.changed(key, NotifyFlags::STRING, "append");
    context.reply.count(len);
    Ok(())
}

/// Refuses strings beyond `proto-max-bulk-len`.
fn check_len(context: &Context<'_, '_>, before: usize, more: usize) -> Result<(), ErrorReply> {
    match before.checked_add(more) {
        Some(total) if total as u64 <= context.settings.proto_max_bulk_len => Ok(()),
        _ => Err(error::STRING_TOO_LONG),
    }
}

pub(super) static SETRANGE: CommandSpec = CommandSpec {
    name: "setrange",
    summary: "Overwrites bytes of a string from an offset on, filling up with zero bytes.",
    since: "2.2.0",
    group: Group::String,
    complexity: "O(N) for N bytes written or filled up",
    arity: 4,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::UPDATE))],
    args: &[Arg::key("key"), Arg::integer("offset"), Arg::string("value")],
    reply: "The new length in bytes.",
    handler: setrange,
    ..CommandSpec::EMPTY
};

fn setrange(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, patch) = (context.arg(1), context.arg(3));
    let offset = usize::try_from(args::integer(context.arg(2))?)
        .map_err(|_| ErrorReply::fixed("ERR offset is out of range"))?;
    let old_len = super::to_write(context.data, key)?.map_or(0, |value| value.len());
    if patch.is_empty() {
        context.reply.count(old_len);
        return Ok(());
    }
    check_len(context, offset, patch.len())?;
    let end = offset + patch.len();
    context.data.edit_string(key, true, |bytes| {
        if bytes.len() < end {
            bytes.reserve_exact(end - bytes.len());
            bytes.resize(end, 0);
        }
        bytes[offset..end].copy_from_slice(patch);
    })?;
    context.data.changed(key, NotifyFlags::STRING, "setrange");
    context.reply.count(old_len.max(end));
    Ok(())
}

pub(super) static GETRANGE: CommandSpec = CommandSpec {
    name: "getrange",
    summary: "Returns the bytes of a string between two offsets, both included.",
    since: "2.4.0",
    ..RANGE
};

pub(super) static SUBSTR: CommandSpec = CommandSpec {
    name: "substr",
    deprecated: Deprecated::since("2.0.0", "`GETRANGE`"),
    summary: "The old name of GETRANGE.",
    ..RANGE
};

/// What GETRANGE and SUBSTR share.
const RANGE: CommandSpec = CommandSpec {
    group: Group::String,
    complexity: "O(N) for N bytes returned",
    arity: 4,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key"), Arg::integer("start"), Arg::integer("end")],
    reply: "The bytes; an empty string if there are none.",
    handler: getrange,
    ..CommandSpec::EMPTY
};

fn getrange(context: &mut Context<'_, '_>) -> CommandResult {
    let start = args::integer(context.arg(2))?;
    let end = args::integer(context.arg(3))?;
    let mut digits = NumberBuffer::new();
    let bytes = match context.data.string(context.arg(1))? {
        Some(value) => value.as_bytes(&mut digits),
        None => b"",
    };
    context.reply.bulk(&bytes[inclusive(start, end, bytes.len())]);
    Ok(())
}

/// The bytes from `start` to `end`, both included; negative offsets count from the end. Offsets
/// before the first byte mean the first one.
fn inclusive(start: i64, end: i64, len: usize) -> Range<usize> {
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let from_front = |offset: i64| match usize::try_from(offset) {
        Ok(offset) => offset,
        Err(_) => len.saturating_sub(usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    let (start, end) = (from_front(start), from_front(end).min(len.saturating_sub(1)));
    if len == 0 || start > end {
        0..0
    } else {
        start..end + 1
    }
}

#[cfg(test)]
mod tests {
    use super::inclusive;
    use crate::testing::Runner;

    #[test]
    fn append_and_setrange() {
        let mut run = Runner::default();
        assert_eq!(run.run("APPEND k 12"), ":2");
        assert_eq!(run.events, ["new k", "append k"]);
        assert_eq!(run.run("INCR k"), ":13");
        assert_eq!(run.run("APPEND k cd"), ":4");
        assert_eq!(run.run("SETRANGE k 1 xyz9"), ":5");
        assert_eq!(run.events, ["setrange k"]);
        assert_eq!(run.run("GET k"), "$5 1xyz9");
        assert_eq!(run.run("SETRANGE n 3 \"\""), ":0");
        assert_eq!(run.run("SETRANGE k 30 \"\""), ":5");
        assert_eq!(run.dirty, 0);
        assert_eq!(run.run("SETRANGE n 2 a"), ":3");
        assert_eq!(run.run("GET n"), "$3 \0\0a");
        assert_eq!(run.run("SETRANGE n -1 a"), "-ERR offset is out of range");
        let too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
        assert_eq!(run.run("SETRANGE n 536870911 ab"), too_long);
        run.settings.proto_max_bulk_len = 5;
        assert_eq!(run.run("APPEND n abc"), too_long);
        assert_eq!(run.run("APPEND n ab"), ":5");
    }

    #[test]
    fn long_strings_grow_in_place() {
        let mut run = Runner::default();
        let part = "x".repeat(3000);
        for times in 1..=3 {
            assert_eq!(run.run(&format!("APPEND k {part}")), format!(":{}", times * 3000));
        }
        assert_eq!(run.run("SETRANGE k 8999 yz"), ":9001");
        assert_eq!(run.run("GETRANGE k 8997 -1"), "$4 xxyz");
    }

    #[test]
    fn ranges_match_a_plain_model() {
        let text = b"hello";
        let model = |start: i64, end: i64| -> Vec<u8> {
            let len = text.len() as i64;
            if start < 0 && end < 0 && start > end {
                return Vec::new();
            }
            let at = |offset: i64| (if offset < 0 { offset + len } else { offset }).max(0);
            let taken = (0..len).filter(|&index| index >= at(start) && index <= at(end));
            taken.map(|index| text[index as usize]).collect()
        };
        for start in -8..8 {
            for end in -8..8 {
                assert_eq!(text[inclusive(start, end, 5)], model(start, end), "{start} {end}");
            }
        }
        assert_eq!(inclusive(i64::MIN, i64::MAX, 5), 0..5);
        assert_eq!(inclusive(0, -1, 0), 0..0);
        let mut run = Runner::default();
        run.run("SET k 1234");
        assert_eq!(run.run("SUBSTR k -3 2"), "$2 23");
        assert_eq!(run.run("GETRANGE nokey 0 -1"), "$0");
        assert_eq!(
            run.run("GETRANGE nokey a -1"),
            "-ERR value is not an integer or out of range"
        );
    }
}
