//! Reading a string and changing how long it stays: GETDEL, GETEX.

use super::lifetime::Lifetime;
use crate::args::Cursor;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::NumberBuffer;
use flashdb_store::Access;

pub(super) static GETDEL: CommandSpec = CommandSpec {
    name: "getdel",
    summary: "Returns the string at a key and removes the key.",
    since: "6.2.0",
    group: Group::String,
    arity: 2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(
        1,
        KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE),
    )],
    args: &[Arg::key("key")],
    reply: "The string, or null if the key does not exist.",
    handler: getdel,
    ..CommandSpec::EMPTY
};

fn getdel(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.arg(1);
    match context.data.string(key)? {
        Some(value) => context.reply.bulk(value.as_bytes(&mut NumberBuffer::new())),
        None => {
            context.reply.null();
            return Ok(());
        }
    }
    remove(context.data, key);
    Ok(())
}

fn remove(data: &mut Access<'_>, key: &[u8]) {
    data.remove(key);
    data.changed(key, NotifyFlags::GENERIC, "del");
    data.decided([b"DEL".as_slice(), key]);
}

pub(super) static GETEX: CommandSpec = CommandSpec {
    name: "getex",
    summary: "Returns the string at a key and optionally changes when it ends.",
    since: "6.2.0",
    group: Group::String,
    arity: -2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec {
        notes: "The expiry may be changed",
        ..KeySpec::one(1, KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE))
    }],
    args: &[
        Arg::key("key"),
        Arg::one_of(
            "expiration",
            &[
                Arg::integer("seconds").with_token("EX"),
                Arg::integer("milliseconds").with_token("PX"),
                Arg::unix_time("unix-time-seconds").with_token("EXAT"),
                Arg::unix_time("unix-time-milliseconds").with_token("PXAT"),
                Arg::word("persist", "PERSIST"),
            ],
        )
        .optional(),
    ],
    reply: "The string, or null if the key does not exist.",
    handler: getex,
    ..CommandSpec::EMPTY
};

fn getex(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.arg(1);
    let lifetime = parse_lifetime(Cursor::new(context.args, 2))?;
    match context.data.string(key)? {
        Some(value) => context.reply.bulk(value.as_bytes(&mut NumberBuffer::new())),
        None => {
            context.reply.null();
            return Ok(());
        }
    }
    match lifetime {
        Lifetime::Unsaid | Lifetime::Keep => {}
        Lifetime::Persist => persist(context.data, key),
        Lifetime::Expire(form, word) => {
            let at_ms = form.expire_at_ms(word, context.now_ms(), "getex")?;
            expire(context.data, key, at_ms);
        }
    }
    Ok(())
}

fn parse_lifetime(mut cursor: Cursor<'_>) -> Result<Lifetime<'_>, ErrorReply> {
    let mut lifetime = Lifetime::Unsaid;
    while cursor.remaining() > 0 {
        if !lifetime.take(&mut cursor, ("PERSIST", Lifetime::Persist))? {
            return Err(error::SYNTAX);
        }
    }
    Ok(lifetime)
}

fn persist(data: &mut Access<'_>, key: &[u8]) {
    let has_expiry = data.peek(key).is_some_and(|entry| entry.expire_at_ms().is_some());
    if has_expiry {
        data.set_expiry(key, None);
        data.changed(key, NotifyFlags::GENERIC, "persist");
        data.decided([b"PERSIST".as_slice(), key]);
    }
}

/// Sets the expiry; a time that has passed removes the key at once.
fn expire(data: &mut Access<'_>, key: &[u8], at_ms: i64) {
    if at_ms <= data.due_ms() {
        return remove(data, key);
    }
    data.set_expiry(key, Some(at_ms));
    data.changed(key, NotifyFlags::GENERIC, "expire");
    let mut digits = NumberBuffer::new();
    data.decided([b"PEXPIREAT".as_slice(), key, digits.format_i64(at_ms)]);
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn getdel() {
        let mut run = Runner::default();
        run.run("SET k v");
        assert_eq!(run.run("GETDEL k"), "$1 v");
        assert_eq!(run.events, ["del k"]);
        assert_eq!(run.decided, ["DEL k"]);
        assert_eq!(run.run("GETDEL k"), "$-1");
        assert_eq!(run.dirty, 0);
    }

    #[test]
    fn getex() {
        let mut run = Runner::default();
        run.now_ms = 5_000;
        run.run("SET k v");
        assert_eq!((run.run("GETEX k"), run.dirty), ("$1 v".into(), 0));
        assert_eq!(run.run("GETEX k PERSIST"), "$1 v");
        assert_eq!(run.dirty, 0);
        assert_eq!(run.run("GETEX k EX 10"), "$1 v");
        assert_eq!(run.decided, ["PEXPIREAT k 15000"]);
        assert_eq!(run.events, ["expire k"]);
        assert_eq!(run.run("GETEX k PERSIST"), "$1 v");
        assert_eq!(
            (&run.events[0][..], &run.decided[0][..]),
            ("persist k", "PERSIST k")
        );
        assert_eq!(
            run.run("GETEX k EX 0"),
            "-ERR invalid expire time in 'getex' command"
        );
        assert_eq!(run.run("GETEX k KEEPTTL"), "-ERR syntax error");
        assert_eq!(run.run("GETEX k PERSIST EX 1"), "-ERR syntax error");
        assert_eq!(run.run("GETEX k PXAT 5000"), "$1 v");
        assert_eq!((&run.events[0][..], &run.decided[0][..]), ("del k", "DEL k"));
        assert_eq!(run.run("GETEX k"), "$-1");
    }
}
