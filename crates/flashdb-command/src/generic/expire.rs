//! Setting and clearing the expiry of a key: EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, PERSIST.
//!
//! Whatever the client wrote, the decided effect is an absolute time in milliseconds, or the key's
//! removal where that time has passed.

use super::KEY_UPDATED;
use crate::args::{self, is};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::spec::{Arg, CommandSpec, Flags};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::NumberBuffer;

const HISTORY: &[(&str, &str)] = &[("7.0.0", "Takes the conditions NX, XX, GT and LT.")];

const CONDITION: Arg = Arg::one_of(
    "condition",
    &[
        Arg::word("nx", "NX"),
        Arg::word("xx", "XX"),
        Arg::word("gt", "GT"),
        Arg::word("lt", "LT"),
    ],
)
.optional()
.since("7.0.0");

const REPLY: &str = "1 if the expiry was set, 0 if the key does not exist or the condition failed.";

/// What all four commands that set an expiry have in common.
const SETS_EXPIRY: CommandSpec = CommandSpec {
    arity: -3,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: KEY_UPDATED,
    reply: REPLY,
    history: HISTORY,
    ..CommandSpec::EMPTY
};

pub(super) static EXPIRE: CommandSpec = CommandSpec {
    name: "expire",
    summary: "Lets a key expire in a number of seconds.",
    args: &[Arg::key("key"), Arg::integer("seconds"), CONDITION],
    handler: |context| {
        let now_ms = context.now_ms();
        expire(context, now_ms, 1000)
    },
    ..SETS_EXPIRY
};

pub(super) static PEXPIRE: CommandSpec = CommandSpec {
    name: "pexpire",
    summary: "Lets a key expire in a number of milliseconds.",
    since: "2.6.0",
    args: &[Arg::key("key"), Arg::integer("milliseconds"), CONDITION],
    handler: |context| {
        let now_ms = context.now_ms();
        expire(context, now_ms, 1)
    },
    ..SETS_EXPIRY
};

pub(super) static EXPIREAT: CommandSpec = CommandSpec {
    name: "expireat",
    summary: "Lets a key expire at a Unix time in seconds.",
    since: "1.2.0",
    args: &[Arg::key("key"), Arg::unix_time("unix-time-seconds"), CONDITION],
    handler: |context| expire(context, 0, 1000),
    ..SETS_EXPIRY
};

pub(super) static PEXPIREAT: CommandSpec = CommandSpec {
    name: "pexpireat",
    summary: "Lets a key expire at a Unix time in milliseconds.",
    since: "2.6.0",
    args: &[
        Arg::key("key"),
        Arg::unix_time("unix-time-milliseconds"),
        CONDITION,
    ],
    handler: |context| expire(context, 0, 1),
    ..SETS_EXPIRY
};

/// Which keys get the new expiry.
#[derive(Default)]
struct Condition {
    no_expiry: bool,
    has_expiry: bool,
    later: bool,
    sooner: bool,
}

impl Condition {
    fn parse(context: &Context<'_, '_>) -> Result<Self, ErrorReply> {
        let mut wanted = Condition::default();
        for word in context.args.iter_from(3) {
            let flag = if is(word, "nx") {
                &mut wanted.no_expiry
            } else if is(word, "xx") {
                &mut wanted.has_expiry
            } else if is(word, "gt") {
                &mut wanted.later
            } else if is(word, "lt") {
                &mut wanted.sooner
            } else {
                return Err(ErrorReply::from_bytes(
                    [b"ERR Unsupported option ".as_slice(), word].concat(),
                ));
            };
            *flag = true;
        }
        if wanted.no_expiry && (wanted.has_expiry || wanted.later || wanted.sooner) {
            return Err(ErrorReply::fixed(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if wanted.later && wanted.sooner {
            return Err(ErrorReply::fixed(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(wanted)
    }

    /// No expiry counts as one in the infinite future.
    fn allows(&self, old_ms: Option<i64>, new_ms: i64) -> bool {
        !(self.no_expiry && old_ms.is_some()
            || self.has_expiry && old_ms.is_none()
            || self.later && old_ms.is_none_or(|old_ms| new_ms <= old_ms)
            || self.sooner && old_ms.is_some_and(|old_ms| new_ms >= old_ms))
    }
}

fn expire(context: &mut Context<'_, '_>, base_ms: i64, unit_ms: i64) -> CommandResult {
    let condition = Condition::parse(context)?;
    let at_ms = args::integer(context.arg(2))?
        .checked_mul(unit_ms)
        .and_then(|ms| ms.checked_add(base_ms))
        .ok_or_else(|| error::invalid_expire(context.spec.name))?;
    let key = context.arg(1);
    let allowed = context
        .data
        .find_quietly(key)
        .is_some_and(|entry| condition.allows(entry.expire_at_ms(), at_ms));
    if allowed && at_ms <= context.data.due_ms() {
        context.data.remove(key);
        context.data.changed(key, NotifyFlags::GENERIC, "del");
        let removal = if context.settings.lazyfree_lazy_expire {
            "UNLINK"
        } else {
            "DEL"
        };
        context.data.decided([removal.as_bytes(), key]);
    } else if allowed {
        context.data.set_expiry(key, Some(at_ms));
        context.data.changed(key, NotifyFlags::GENERIC, "expire");
        let mut digits = NumberBuffer::new();
        context
            .data
            .decided([b"PEXPIREAT".as_slice(), key, digits.format_i64(at_ms)]);
    }
    context.reply.integer(i64::from(allowed));
    Ok(())
}

pub(super) static PERSIST: CommandSpec = CommandSpec {
    name: "persist",
    summary: "Takes the expiry of a key away.",
    since: "2.2.0",
    arity: 2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: KEY_UPDATED,
    args: &[Arg::key("key")],
    reply: "1 if the key had an expiry, else 0.",
    handler: persist,
    ..CommandSpec::EMPTY
};

fn persist(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.arg(1);
    let volatile = context
        .data
        .find_quietly(key)
        .is_some_and(|entry| entry.expire_at_ms().is_some());
    if volatile {
        context.data.set_expiry(key, None);
        context.data.changed(key, NotifyFlags::GENERIC, "persist");
    }
    context.reply.integer(i64::from(volatile));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn relative_times_are_decided_as_absolute_ones() {
        let mut run = Runner::with_strings("a");
        run.now_ms = 1000;
        assert_eq!(run.run("EXPIRE a 5"), ":1");
        assert_eq!(run.events, ["expire a"]);
        assert_eq!(run.decided, ["PEXPIREAT a 6000"]);
        run.run("PEXPIRE a 5");
        assert_eq!(run.decided, ["PEXPIREAT a 1005"]);
        run.run("EXPIREAT a 7");
        assert_eq!(run.decided, ["PEXPIREAT a 7000"]);
        run.run("PEXPIREAT a 7001");
        assert_eq!(run.decided, ["PEXPIREAT a 7001"]);
        assert_eq!(run.run("EXPIRE nokey 5"), ":0");
        assert_eq!(run.run("PERSIST a"), ":1");
        assert_eq!(run.events, ["persist a"]);
        assert_eq!(
            (run.run("PERSIST a"), run.run("TTL a")),
            (":0".into(), ":-1".into())
        );
    }

    #[test]
    fn a_time_in_the_past_removes_the_key() {
        let mut run = Runner::with_strings("a");
        assert_eq!(run.run("EXPIRE a -1"), ":1");
        assert_eq!(
            (run.events.join(","), run.decided.join(",")),
            ("del a".into(), "DEL a".into())
        );
        assert_eq!(run.run("EXISTS a"), ":0");
    }

    #[test]
    fn conditions() {
        let mut run = Runner::with_strings("a");
        for (line, reply) in [
            ("EXPIRE a 100 XX", ":0"),
            ("EXPIRE a 100 GT", ":0"),
            ("EXPIRE a 100 LT XX", ":0"),
            ("EXPIRE a 100 LT", ":1"),
            ("EXPIRE a 50 NX", ":0"),
            ("EXPIRE a 50 GT", ":0"),
            ("EXPIRE a 150 LT", ":0"),
            ("EXPIRE a 150 gt xx", ":1"),
            ("TTL a", ":150"),
        ] {
            assert_eq!(run.run(line), reply, "{line}");
        }
    }

    #[test]
    fn errors() {
        let mut run = Runner::with_strings("a");
        for (line, reply) in [
            ("EXPIRE a x", "-ERR value is not an integer or out of range"),
            ("EXPIRE a x zz", "-ERR Unsupported option zz"),
            (
                "EXPIRE a 1 nx lt",
                "-ERR NX and XX, GT or LT options at the same time are not compatible",
            ),
            (
                "EXPIRE a 1 gt lt",
                "-ERR GT and LT options at the same time are not compatible",
            ),
            (
                "EXPIRE a 9223372036854775807",
                "-ERR invalid expire time in 'expire' command",
            ),
            (
                "PEXPIRE a 9223372036854770000",
                "-ERR invalid expire time in 'pexpire' command",
            ),
            (
                "EXPIRE a -9999999999999999",
                "-ERR invalid expire time in 'expire' command",
            ),
            ("PEXPIREAT a 9223372036854770000", ":1"),
            ("PEXPIREAT a -9223372036854770000", ":1"),
        ] {
            assert_eq!(run.run(line), reply, "{line}");
        }
    }
}
