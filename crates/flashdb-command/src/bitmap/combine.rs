//! BITOP: combines whole strings bit by bit into another key.

use crate::args::is;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_store::{Entry, StrRef, ValueRef};
use flashdb_types::bitops::{self, BitOp};
use std::borrow::Cow;

pub(super) static BITOP: CommandSpec = CommandSpec {
    name: "bitop",
    summary: "Stores the AND, OR, XOR or NOT of strings, bit by bit.",
    since: "2.6.0",
    group: Group::Bitmap,
    complexity: "O(N) for the length N of the longest string",
    arity: -4,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[
        KeySpec::one(2, KeyFlags::OW.and(KeyFlags::UPDATE)),
        KeySpec::range(3, -1, 1, KeyFlags::RO.and(KeyFlags::ACCESS)),
    ],
    args: &[
        Arg::one_of(
            "operation",
            &[
                Arg::word("and", "AND"),
                Arg::word("or", "OR"),
                Arg::word("xor", "XOR"),
                Arg::word("not", "NOT"),
            ],
        ),
        Arg::key("destkey"),
        Arg::key_of("key", 1).multiple(),
    ],
    reply: "Length of the string stored, which is that of the longest source.",
    handler: bitop,
    ..CommandSpec::EMPTY
};

fn bitop(context: &mut Context<'_, '_>) -> CommandResult {
    let args = context.args;
    let operation = operation(args.at(1))?;
    if operation == BitOp::Not && args.len() != 4 {
        return Err(ErrorReply::fixed(
            "ERR BITOP NOT must be called with a single source key.",
        ));
    }
    let target = args.at(2);
    for at in 3..args.len() {
        context.data.string(args.at(at))?;
    }
    let sources: Vec<Cow<'_, [u8]>> = (3..args.len())
        .map(
            |at| match context.data.peek(args.at(at)).map(|entry| entry.value()) {
                Some(ValueRef::String(StrRef::Bytes(bytes))) => Cow::Borrowed(bytes),
                Some(ValueRef::String(number)) => Cow::Owned(number.to_vec()),
                _ => Cow::Borrowed(&[][..]),
            },
        )
        .collect();
    let slices: Vec<&[u8]> = sources.iter().map(|source| &**source).collect();
    let result = bitops::combine(operation, &slices);
    let len = result.len();
    if len > 0 {
        // As raw bytes, even if they spell a number: what OBJECT ENCODING says of it in Redis.
        let mut entry = Entry::new_raw(target, result, None);
        entry.set_access(context.data.policy.usage.fresh(context.data.now_ms));
        context.data.set_entry(entry);
        context.data.changed(target, NotifyFlags::STRING, "set");
    } else if context.data.remove(target) {
        context.data.changed(target, NotifyFlags::GENERIC, "del");
    }
    context.reply.count(len);
    Ok(())
}

fn operation(word: &[u8]) -> Result<BitOp, ErrorReply> {
    const OPERATIONS: [(&str, BitOp); 4] = [
        ("and", BitOp::And),
        ("or", BitOp::Or),
        ("xor", BitOp::Xor),
        ("not", BitOp::Not),
    ];
    OPERATIONS
        .into_iter()
        .find_map(|(name, operation)| is(word, name).then_some(operation))
        .ok_or(error::SYNTAX)
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn combines_and_stores() {
        let mut run = Runner::default();
        run.run("BITFIELD a SET u24 0 6382179"); // "abc"
        run.run("BITFIELD b SET u16 0 25185"); // "ba"
        assert_eq!(run.run("BITOP and t a b"), ":3");
        assert_eq!(run.events, ["new t", "set t"]);
        assert_eq!(run.run("BITCOUNT t"), ":4");
        assert_eq!(run.run("BITOP XOR t a a"), ":3");
        assert_eq!(run.run("BITCOUNT t"), ":0");
        assert_eq!(run.run("BITOP not t a"), ":3");
        assert_eq!(run.run("BITOP or t missing other"), ":0");
        assert_eq!(run.events, ["del t"]);
        assert_eq!(run.run("BITOP or t missing"), ":0");
        assert_eq!(run.dirty, 0);
    }

    #[test]
    fn refusals() {
        let mut run = Runner::default();
        assert_eq!(run.run("BITOP nand t a"), "-ERR syntax error");
        assert_eq!(
            run.run("BITOP NOT t a b"),
            "-ERR BITOP NOT must be called with a single source key."
        );
        run.run("XGROUP CREATE s g $ MKSTREAM");
        run.run("SETBIT a 0 1");
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(run.run("BITOP AND t a s"), wrong_type);
    }
}
