//! Asking for the expiry times of fields: HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME.

use super::fields::{COUNT, FieldList};
use super::{PROBE, now_ms};
use crate::context::{CommandResult, Context};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_types::hash::Hash;

const ARGS: &[Arg] = &[
    Arg::key("key"),
    Arg::block(
        "fields",
        &[Arg::integer("numfields"), Arg::string("field").multiple()],
    )
    .with_token("FIELDS"),
];

/// What the four commands have in common.
const BASE: CommandSpec = CommandSpec {
    since: "7.4.0",
    group: Group::Hash,
    complexity: "O(N) where N is the number of fields named",
    arity: -5,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: PROBE,
    args: ARGS,
    reply: "An array with a number for each field; -1 if it never expires, -2 if there is no such field or key.",
    ..CommandSpec::EMPTY
};

pub(super) static HTTL: CommandSpec = CommandSpec {
    name: "httl",
    summary: "Returns how many seconds fields have left.",
    tips: &["nondeterministic_output"],
    handler: |context| times(context, |at_ms, now_ms| (at_ms - now_ms).div_ceil(1000)),
    ..BASE
};

pub(super) static HPTTL: CommandSpec = CommandSpec {
    name: "hpttl",
    summary: "Returns how many milliseconds fields have left.",
    tips: &["nondeterministic_output"],
    handler: |context| times(context, |at_ms, now_ms| at_ms - now_ms),
    ..BASE
};

pub(super) static HEXPIRETIME: CommandSpec = CommandSpec {
    name: "hexpiretime",
    summary: "Returns the Unix time in seconds at which fields expire.",
    handler: |context| times(context, |at_ms, _| at_ms.div_ceil(1000)),
    ..BASE
};

pub(super) static HPEXPIRETIME: CommandSpec = CommandSpec {
    name: "hpexpiretime",
    summary: "Returns the Unix time in milliseconds at which fields expire.",
    handler: |context| times(context, |at_ms, _| at_ms),
    ..BASE
};

/// Answers `show(time of the field, now)` for each field; live fields have a time that is not before now.
fn times(context: &mut Context<'_, '_>, show: fn(u64, u64) -> u64) -> CommandResult {
    let words = context.args;
    let now_ms = now_ms(context);
    let hash = context.data.read::<Hash>(words.at(1))?;
    let fields = FieldList::rest(words, 2, COUNT)?;
    context.reply.array(fields.len());
    for name in fields.names() {
        let field = hash.and_then(|hash| hash.get(name, now_ms));
        context
            .reply
            .integer(match field.map(|field| field.expires_at_ms) {
                None => -2,
                Some(None) => -1,
                Some(Some(at_ms)) => show(at_ms, now_ms) as i64,
            });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn times() {
        let mut run = Runner::default();
        run.run("HSET h a 1 b 2");
        run.run("HPEXPIRE h 1500 FIELDS 1 a");
        assert_eq!(run.run("HTTL h FIELDS 3 a b x"), "*3 :2 :-1 :-2");
        assert_eq!(run.run("HPTTL h FIELDS 1 a"), "*1 :1500");
        assert_eq!(run.run("HEXPIRETIME h FIELDS 1 a"), "*1 :1700000002");
        assert_eq!(run.run("HPEXPIRETIME h FIELDS 1 a"), "*1 :1700000001500");
        assert_eq!(run.run("HTTL nokey FIELDS 2 a b"), "*2 :-2 :-2");
        run.now_ms += 1501;
        assert_eq!(run.run("HTTL h FIELDS 1 a"), "*1 :-2");
        assert!(
            run.run("HTTL h 1 FIELDS a")
                .starts_with("-ERR Mandatory argument FIELDS")
        );
    }
}
