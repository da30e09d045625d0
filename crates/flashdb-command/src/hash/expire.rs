//! Giving fields an expiry time and taking it away: HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT, HPERSIST.

use super::fields::{COUNT, COUNT_OF_EXPIRE, FieldList};
use super::times::{Changes, TimeForm, is_past};
use super::{UPDATE, key, take_due};
use crate::args;
use crate::context::{CommandResult, Context};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_types::hash::{Field, Hash};

/// The field or the key does not exist.
const ABSENT: i64 = -2;
/// The field has no expiry time.
const NO_EXPIRY: i64 = -1;
/// The condition does not hold.
const REFUSED: i64 = 0;
/// Done.
const DONE: i64 = 1;
/// The time is past: the field is removed.
const REMOVED: i64 = 2;

const CONDITION: Arg = Arg::one_of(
    "condition",
    &[
        Arg::word("nx", "NX"),
        Arg::word("xx", "XX"),
        Arg::word("gt", "GT"),
        Arg::word("lt", "LT"),
    ],
)
.optional();
const FIELDS: Arg = Arg::block(
    "fields",
    &[Arg::integer("numfields"), Arg::string("field").multiple()],
)
.with_token("FIELDS");
const COMPLEXITY: &str = "O(N) where N is the number of fields named";
const REPLY: &str = "An array with a number for each field: 1 set, 0 condition not met, 2 removed as the time \
                     is past, -2 no such field or key.";

pub(super) static HEXPIRE: CommandSpec = CommandSpec {
    name: "hexpire",
    summary: "Lets fields expire after some seconds.",
    args: &[Arg::key("key"), Arg::integer("seconds"), CONDITION, FIELDS],
    handler: |context| expire(context, TimeForm::EX),
    ..BASE
};

pub(super) static HPEXPIRE: CommandSpec = CommandSpec {
    name: "hpexpire",
    summary: "Lets fields expire after some milliseconds.",
    args: &[Arg::key("key"), Arg::integer("milliseconds"), CONDITION, FIELDS],
    handler: |context| expire(context, TimeForm::PX),
    ..BASE
};

pub(super) static HEXPIREAT: CommandSpec = CommandSpec {
    name: "hexpireat",
    summary: "Lets fields expire at a Unix time in seconds.",
    args: &[
        Arg::key("key"),
        Arg::unix_time("unix-time-seconds"),
        CONDITION,
        FIELDS,
    ],
    handler: |context| expire(context, TimeForm::EXAT),
    ..BASE
};

pub(super) static HPEXPIREAT: CommandSpec = CommandSpec {
    name: "hpexpireat",
    summary: "Lets fields expire at a Unix time in milliseconds.",
    args: &[
        Arg::key("key"),
        Arg::unix_time("unix-time-milliseconds"),
        CONDITION,
        FIELDS,
    ],
    handler: |context| expire(context, TimeForm::PXAT),
    ..BASE
};

/// What the four commands that set times have in common.
const BASE: CommandSpec = CommandSpec {
    since: "7.4.0",
    group: Group::Hash,
    complexity: COMPLEXITY,
    arity: -6,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: UPDATE,
    reply: REPLY,
    ..CommandSpec::EMPTY
};

/// When a time is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    NoExpiry,
    HasExpiry,
    Later,
    Earlier,
}

impl Condition {
    fn parse(word: &[u8]) -> Option<Self> {
        [
            ("nx", Condition::NoExpiry),
            ("xx", Condition::HasExpiry),
            ("gt", Condition::Later),
            ("lt", Condition::Earlier),
        ]
        .into_iter()
        .find(|(name, _)| args::is(word, name))
        .map(|(_, condition)| condition)
    }

    /// A field without a time counts as one that lives for ever.
    fn holds(self, field: Field<'_>, at_ms: u64) -> bool {
        match self {
            Condition::Always => true,
            Condition::NoExpiry => field.expires_at_ms.is_none(),
            Condition::HasExpiry => field.expires_at_ms.is_some(),
            Condition::Later => field.expires_at_ms.is_some_and(|old_ms| at_ms > old_ms),
            Condition::Earlier => field.expires_at_ms.is_none_or(|old_ms| at_ms < old_ms),
        }
    }
}

fn expire(context: &mut Context<'_, '_>, form: TimeForm) -> CommandResult {
    let words = context.args;
    context.data.probe::<Hash>(words.at(1))?;
    let at_ms = form.at_ms(words.at(2), context)?;
    let condition = Condition::parse(words.at(3));
    let fields_at = if condition.is_some() { 4 } else { 3 };
    let fields = FieldList::rest(words, fields_at, COUNT_OF_EXPIRE)?;
    let condition = condition.unwrap_or(Condition::Always);
    let past = is_past(at_ms, context);
    take_due(context);
    context.reply.array(fields.len());
    let Some(mut hash) = context.data.write::<Hash>(words.at(1))? else {
        fields.names().for_each(|_| context.reply.integer(ABSENT));
        return Ok(());
    };
    let mut changes = Changes::default();
    for name in fields.names() {
        let result = match hash.get_any(name) {
            None => ABSENT,
            Some(field) if !condition.holds(field, at_ms) => REFUSED,
            Some(_) => {
                changes.expire(&mut hash, name, at_ms, past);
                if past { REMOVED } else { DONE }
            }
        };
        context.reply.integer(result);
    }
    drop(hash);
    changes.finish(context, at_ms);
    Ok(())
}

pub(super) static HPERSIST: CommandSpec = CommandSpec {
    name: "hpersist",
    summary: "Takes the expiry time of fields away.",
    since: "7.4.0",
    group: Group::Hash,
    complexity: COMPLEXITY,
    arity: -5,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: PERSIST_KEYS,
    args: &[Arg::key("key"), FIELDS],
    reply: "An array with a number for each field: 1 taken away, -1 there was none, -2 no such field or key.",
    handler: hpersist,
    ..CommandSpec::EMPTY
};

const PERSIST_KEYS: &[KeySpec] = &[key(KeyFlags::RW.and(KeyFlags::UPDATE))];

fn hpersist(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    context.data.probe::<Hash>(words.at(1))?;
    let fields = FieldList::rest(words, 2, COUNT)?;
    take_due(context);
    context.reply.array(fields.len());
    let Some(mut hash) = context.data.write::<Hash>(words.at(1))? else {
        fields.names().for_each(|_| context.reply.integer(ABSENT));
        return Ok(());
    };
    let mut changes = Changes::default();
    for name in fields.names() {
        let result = match hash.get_any(name).is_some() {
            false => ABSENT,
            true if changes.persist(&mut hash, name) => DONE,
            true => NO_EXPIRY,
        };
        context.reply.integer(result);
    }
    drop(hash);
    changes.finish(context, 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    fn runner() -> Runner {
        let mut run = Runner::default();
        run.run("HSET h a 1 b 2 c 3");
        run
    }

    #[test]
    fn times_are_set() {
        let mut run = runner();
        assert_eq!(run.run("HEXPIRE h 10 FIELDS 3 a x b"), "*3 :1 :-2 :1");
        assert_eq!(run.events, ["hexpire h"]);
        assert_eq!(run.decided, ["HPEXPIREAT h 1700000010000 FIELDS 2 a b"]);
        assert_eq!(run.run("HPTTL h FIELDS 3 a b c"), "*3 :10000 :10000 :-1");
        assert_eq!(run.run("HPEXPIRE h 50 FIELDS 1 a"), "*1 :1");
        assert_eq!(run.run("HEXPIREAT h 1700000020 FIELDS 1 b"), "*1 :1");
        assert_eq!(run.run("HPEXPIREAT h 1700000000030 FIELDS 1 c"), "*1 :1");
        assert_eq!(run.run("HPTTL h FIELDS 3 a b c"), "*3 :50 :20000 :30");
        assert_eq!(run.run("HEXPIRE nokey 10 FIELDS 2 a b"), "*2 :-2 :-2");
    }

    #[test]
    fn conditions() {
        let mut run = runner();
        run.run("HPEXPIRE h 100 FIELDS 1 a");
        assert_eq!(run.run("HPEXPIRE h 200 NX FIELDS 2 a b"), "*2 :0 :1");
        assert_eq!(run.run("HPEXPIRE h 150 xx FIELDS 2 a c"), "*2 :1 :0");
        assert_eq!(run.run("HPEXPIRE h 160 GT FIELDS 3 a b c"), "*3 :1 :0 :0");
        assert_eq!(run.run("HPEXPIRE h 170 LT FIELDS 3 a b c"), "*3 :0 :1 :1");
        assert_eq!(run.run("HPTTL h FIELDS 3 a b c"), "*3 :160 :170 :170");
        assert_eq!(run.run("HPEXPIRE h 170 GT FIELDS 1 b"), "*1 :0");
        assert!(run.events.is_empty() && run.decided.is_empty());
    }

    #[test]
    fn past_times_remove() {
        let mut run = runner();
        assert_eq!(run.run("HEXPIRE h 0 FIELDS 2 a x"), "*2 :2 :-2");
        assert_eq!(run.events, ["hdel h"]);
        assert_eq!(run.decided, ["HDEL h a"]);
        assert_eq!(run.run("HPEXPIREAT h 1 FIELDS 2 b c"), "*2 :2 :2");
        assert_eq!(run.events, ["hdel h", "del h"]);
        assert_eq!(run.run("HLEN h"), ":0");
    }

    #[test]
    fn persisting() {
        let mut run = runner();
        run.run("HPEXPIRE h 100 FIELDS 1 a");
        assert_eq!(run.run("HPERSIST h FIELDS 3 a b x"), "*3 :1 :-1 :-2");
        assert_eq!(run.events, ["hpersist h"]);
        assert_eq!(run.decided, ["HPERSIST h FIELDS 1 a"]);
        assert_eq!(run.run("HPERSIST h FIELDS 1 a"), "*1 :-1");
        assert!(run.events.is_empty());
        assert_eq!(run.run("HPERSIST nokey FIELDS 1 a"), "*1 :-2");
    }

    #[test]
    fn errors() {
        let mut run = runner();
        run.run("SADD s a");
        for (line, error) in [
            (
                "HEXPIRE h 10 1 FIELDS a",
                "-ERR Mandatory argument FIELDS is missing or not at the right position",
            ),
            (
                "HEXPIRE h 10 FIELDS 2 a",
                "-ERR The `numfields` parameter must match the number of arguments",
            ),
            (
                "HEXPIRE h 10 FIELDS 1 a b",
                "-ERR The `numfields` parameter must match the number of arguments",
            ),
            (
                "HEXPIRE h 10 FIELDS 0 a",
                "-ERR Parameter `numFields` should be greater than 0",
            ),
            (
                "HPERSIST h FIELDS 0 a",
                "-ERR Number of fields must be a positive integer",
            ),
            (
                "HEXPIRE h x FIELDS 1 a",
                "-ERR value is not an integer or out of range",
            ),
            (
                "HEXPIRE h -1 FIELDS 1 a",
                "-ERR invalid expire time, must be >= 0",
            ),
            (
                "HEXPIRE h 9223372036854775 FIELDS 1 a",
                "-ERR invalid expire time in 'hexpire' command",
            ),
            (
                "HEXPIRE h 9223372036854775807 FIELDS 1 a",
                "-ERR invalid expire time in 'hexpire' command",
            ),
            (
                "HEXPIRE s 10 FIELDS 1 a",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ] {
            assert_eq!(run.run(line), error, "{line}");
        }
    }
}
