//! Setting a string: SET with its options, SETNX, SETEX, PSETEX, GETSET.
//!
//! The effect of a SET with an expiry is decided as `SET key value PXAT ms`, so that a replay later
//! gives the key the same end.

use super::lifetime::{Lifetime, TimeForm};
use crate::args::Cursor;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Deprecated, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::NumberBuffer;
use flashdb_store::{Access, Expiry};

pub(super) static SET: CommandSpec = CommandSpec {
    name: "set",
    summary: "Stores a string at a key, whatever was there, and optionally when it ends.",
    group: Group::String,
    arity: -3,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::BRIEF),
    keys: &[KeySpec {
        notes: "With GET the old value is read",
        ..KeySpec::one(
            1,
            KeyFlags::RW
                .and(KeyFlags::ACCESS)
                .and(KeyFlags::UPDATE)
                .and(KeyFlags::VARIABLE),
        )
    }],
    key_flags_of: Some(|args| {
        let reads = args.iter_from(3).any(|word| word.eq_ignore_ascii_case(b"get"));
        if reads {
            KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE)
        } else {
            KeyFlags::OW.and(KeyFlags::UPDATE)
        }
    }),
    args: &[
        Arg::key("key"),
        Arg::string("value"),
        Arg::one_of("condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")])
            .optional()
            .since("2.6.12"),
        Arg::word("get", "GET").optional().since("6.2.0"),
        Arg::one_of(
            "expiration",
            &[
                Arg::integer("seconds").with_token("EX").since("2.6.12"),
                Arg::integer("milliseconds").with_token("PX").since("2.6.12"),
                Arg::unix_time("unix-time-seconds")
                    .with_token("EXAT")
                    .since("6.2.0"),
                Arg::unix_time("unix-time-milliseconds")
                    .with_token("PXAT")
                    .since("6.2.0"),
                Arg::word("keepttl", "KEEPTTL").since("6.0.0"),
            ],
        )
        .optional(),
    ],
    reply: "OK, or null if the condition did not hold; with GET the old string or null.",
    history: &[
        ("2.6.12", "The options EX, PX, NX and XX."),
        ("6.0.0", "The option KEEPTTL."),
        ("6.2.0", "The options GET, EXAT and PXAT."),
        ("7.0.0", "NX and GET may be used together."),
    ],
    handler: set,
    ..CommandSpec::EMPTY
};

/// When a value may be set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    IfAbsent,
    IfPresent,
}

struct SetOptions<'a> {
    condition: Condition,
    get: bool,
    lifetime: Lifetime<'a>,
}

impl<'a> SetOptions<'a> {
    fn parse(mut cursor: Cursor<'a>) -> Result<Self, ErrorReply> {
        let mut options = SetOptions {
            condition: Condition::Always,
            get: false,
            lifetime: Lifetime::Unsaid,
        };
        while cursor.remaining() > 0 {
            if options.lifetime.take(&mut cursor, ("KEEPTTL", Lifetime::Keep))? {
                continue;
            }
            if cursor.take("GET") {
                options.get = true;
            } else if options.condition != Condition::IfPresent && cursor.take("NX") {
                options.condition = Condition::IfAbsent;
            } else if options.condition != Condition::IfAbsent && cursor.take("XX") {
                options.condition = Condition::IfPresent;
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(options)
    }
}

fn set(context: &mut Context<'_, '_>) -> CommandResult {
    if context.args.len() > 3 {
        return set_with_options(context);
    }
    let key = context.arg(1);
    context.data.set_string(key, context.arg(2), Expiry::Clear);
    context.data.changed(key, NotifyFlags::STRING, "set");
    context.reply.ok();
    Ok(())
}

fn set_with_options(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, value) = (context.arg(1), context.arg(2));
    let options = SetOptions::parse(Cursor::new(context.args, 3))?;
    let expiry = match options.lifetime {
        Lifetime::Keep => Expiry::Keep,
        Lifetime::Expire(form, word) => Expiry::At(form.expire_at_ms(word, context.now_ms(), "set")?),
        Lifetime::Unsaid | Lifetime::Persist => Expiry::Clear,
    };
    let present = if options.get {
        answer_old(context, key)?
    } else {
        context.data.find_for_write(key).is_some()
    };
    let allowed = match options.condition {
        Condition::Always => true,
        Condition::IfAbsent => !present,
        Condition::IfPresent => present,
    };
    if allowed {
        store(context.data, key, value, expiry);
    }
    match (options.get, allowed) {
        (true, _) => {}
        (false, true) => context.reply.ok(),
        (false, false) => context.reply.null(),
    }
    Ok(())
}

/// Answers the string at `key` or null; whether there is one.
fn answer_old(context: &mut Context<'_, '_>, key: &[u8]) -> Result<bool, ErrorReply> {
    let old = context.data.string(key)?;
    match old {
        Some(value) => context.reply.bulk(value.as_bytes(&mut NumberBuffer::new())),
        None => context.reply.null(),
    }
    Ok(old.is_some())
}

/// Sets the value with events and effect.
fn store(data: &mut Access<'_>, key: &[u8], value: &[u8], expiry: Expiry) {
    data.set_string(key, value, expiry);
    data.changed(key, NotifyFlags::STRING, "set");
    if let Expiry::At(at_ms) = expiry {
        data.event(key, NotifyFlags::GENERIC, "expire");
        let mut digits = NumberBuffer::new();
        data.decided([b"SET".as_slice(), key, value, b"PXAT", digits.format_i64(at_ms)]);
    }
}

pub(super) static SETNX: CommandSpec = CommandSpec {
    name: "setnx",
    summary: "Stores a string at a key that does not exist yet.",
    group: Group::String,
    arity: 3,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::OW.and(KeyFlags::INSERT))],
    args: &[Arg::key("key"), Arg::string("value")],
    reply: "1 if the string was stored, 0 if the key existed.",
    handler: setnx,
    ..CommandSpec::EMPTY
};

fn setnx(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, value) = (context.arg(1), context.arg(2));
    let absent = context.data.find_for_write(key).is_none();
    if absent {
        store(context.data, key, value, Expiry::Clear);
    }
    context.reply.integer(absent.into());
    Ok(())
}

/// What SETEX and PSETEX share.
const SET_EXPIRING: CommandSpec = CommandSpec {
    group: Group::String,
    arity: 4,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::BRIEF),
    keys: &[KeySpec::one(1, KeyFlags::OW.and(KeyFlags::UPDATE))],
    reply: "OK.",
    ..CommandSpec::EMPTY
};

pub(super) static SETEX: CommandSpec = CommandSpec {
    name: "setex",
    summary: "Stores a string at a key that ends after a number of seconds.",
    since: "2.0.0",
    args: &[Arg::key("key"), Arg::integer("seconds"), Arg::string("value")],
    handler: |context| set_expiring(context, TimeForm::Seconds),
    ..SET_EXPIRING
};

pub(super) static PSETEX: CommandSpec = CommandSpec {
    name: "psetex",
    summary: "Stores a string at a key that ends after a number of milliseconds.",
    since: "2.6.0",
    args: &[
        Arg::key("key"),
        Arg::integer("milliseconds"),
        Arg::string("value"),
    ],
    handler: |context| set_expiring(context, TimeForm::Milliseconds),
    ..SET_EXPIRING
};

fn set_expiring(context: &mut Context<'_, '_>, form: TimeForm) -> CommandResult {
    let (key, value) = (context.arg(1), context.arg(3));
    let at_ms = form.expire_at_ms(context.arg(2), context.now_ms(), context.spec.name)?;
    store(context.data, key, value, Expiry::At(at_ms));
    context.reply.ok();
    Ok(())
}

pub(super) static GETSET: CommandSpec = CommandSpec {
    name: "getset",
    deprecated: Deprecated::since("6.2.0", "`SET` with `GET`"),
    summary: "Stores a string at a key and returns the one that was there.",
    group: Group::String,
    arity: 3,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: &[KeySpec::one(
        1,
        KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE),
    )],
    args: &[Arg::key("key"), Arg::string("value")],
    reply: "The old string, or null if the key did not exist.",
    handler: getset,
    ..CommandSpec::EMPTY
};

fn getset(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, value) = (context.arg(1), context.arg(2));
    answer_old(context, key)?;
    store(context.data, key, value, Expiry::Clear);
    context.data.decided([b"SET".as_slice(), key, value]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn plain_set_and_events() {
        let mut run = Runner::default();
        assert_eq!(run.run("SET k v"), "+OK");
        assert_eq!(run.events, ["new k", "set k"]);
        assert_eq!(run.run("GET k"), "$1 v");
        assert_eq!((run.run("SET k w"), run.dirty), ("+OK".into(), 1));
        assert_eq!(run.events, ["set k"]);
        assert!(run.decided.is_empty());
        assert_eq!(
            run.run("SET k"),
            "-ERR wrong number of arguments for 'set' command"
        );
    }

    #[test]
    fn conditions_and_get() {
        let mut run = Runner::default();
        assert_eq!(run.run("SET k 1 XX"), "$-1");
        assert_eq!(run.run("SET k 1 nx"), "+OK");
        assert_eq!(run.run("SET k 2 NX"), "$-1");
        assert_eq!(run.run("SET k 2 NX GET"), "$1 1");
        assert_eq!(run.run("SET k 2 GET XX"), "$1 1");
        assert_eq!(run.run("SET n 2 GET XX"), "$-1");
        assert_eq!((run.run("SET n 2 GET NX"), run.dirty), ("$-1".into(), 1));
        assert_eq!(run.run("GET n"), "$1 2");
        assert_eq!(run.run("SETNX n 3"), ":0");
        assert_eq!(run.run("SETNX m 3"), ":1");
        assert_eq!(run.run("GETSET m 4"), "$1 3");
        assert_eq!(run.run("GETSET absent 4"), "$-1");
        for bad in [
            "NX XX",
            "XX NX",
            "KEEPTTL EX 1",
            "EX 1 PX 1",
            "EX",
            "non-existing",
            "PERSIST",
        ] {
            assert_eq!(run.run(&format!("SET k v {bad}")), "-ERR syntax error", "{bad}");
        }
    }

    #[test]
    fn expiries_become_absolute() {
        let mut run = Runner::default();
        run.now_ms = 5_000;
        for (options, at_ms) in [
            ("EX 10", 15_000),
            ("px 10", 5_010),
            ("EXAT 20 EXAT 30", 30_000),
            ("PXAT 40000", 40_000),
        ] {
            assert_eq!(run.run(&format!("SET k v {options}")), "+OK");
            assert_eq!(run.decided, [format!("SET k v PXAT {at_ms}")]);
            assert!(run.events.ends_with(&["set k".into(), "expire k".into()]));
            assert_eq!(run.dirty, 1);
        }
        assert_eq!(run.run("SETEX k 1 w"), "+OK");
        assert_eq!(run.decided, ["SET k w PXAT 6000"]);
        assert_eq!(run.run("PSETEX k 7 w"), "+OK");
        assert_eq!(run.decided, ["SET k w PXAT 5007"]);
        run.run("SET k x KEEPTTL");
        run.now_ms = 5_007;
        assert_eq!(run.run("GET k"), "$-1");
        for (command, name) in [
            ("SET k v EX 0", "set"),
            ("SET k v EX -1", "set"),
            ("SET k v PX 9223372036854775807", "set"),
            ("SET k v EX 9223372036854776", "set"),
            ("SETEX k 0 v", "setex"),
            ("PSETEX k -5 v", "psetex"),
        ] {
            assert_eq!(
                run.run(command),
                format!("-ERR invalid expire time in '{name}' command")
            );
        }
        assert_eq!(
            run.run("SET k v EX 1.5"),
            "-ERR value is not an integer or out of range"
        );
    }

    #[test]
    fn an_expired_value_is_removed_before_it_is_replaced() {
        let mut run = Runner::default();
        run.run("SET k vvvv PX 10");
        run.now_ms += 10;
        assert_eq!(run.run("SET k wwww KEEPTTL"), "+OK");
        assert_eq!(run.events, ["expired k", "new k", "set k"]);
        run.now_ms += 10;
        assert_eq!(run.run("GET k"), "$4 wwww");
        run.run("SET k vvvv PX 10");
        run.now_ms += 10;
        assert_eq!(run.run("SET k wwww"), "+OK");
        assert_eq!(run.events, ["expired k", "new k", "set k"]);
        run.run("SET k 5 PX 10");
        run.now_ms += 10;
        assert_eq!(run.run("INCR k"), ":1");
    }
}
