//! Asking when a key expires: TTL, PTTL, EXPIRETIME, PEXPIRETIME.

use crate::context::{CommandResult, Context};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags};
use flashdb_store::Entry;

const ASKS_EXPIRY: CommandSpec = CommandSpec {
    arity: 2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key")],
    reply: "The time; -1 if the key has no expiry, -2 if there is no such key.",
    ..CommandSpec::EMPTY
};

const HISTORY: &[(&str, &str)] = &[("2.8.0", "Answers -2 for a key that does not exist.")];
const TIPS: &[&str] = &["nondeterministic_output"];

pub(super) static TTL: CommandSpec = CommandSpec {
    name: "ttl",
    summary: "Returns the seconds until a key expires.",
    history: HISTORY,
    tips: TIPS,
    handler: |context| answer(context, |at_ms, now_ms| seconds(at_ms - now_ms)),
    ..ASKS_EXPIRY
};

pub(super) static PTTL: CommandSpec = CommandSpec {
    name: "pttl",
    summary: "Returns the milliseconds until a key expires.",
    since: "2.6.0",
    history: HISTORY,
    tips: TIPS,
    handler: |context| answer(context, |at_ms, now_ms| at_ms - now_ms),
    ..ASKS_EXPIRY
};

pub(super) static EXPIRETIME: CommandSpec = CommandSpec {
    name: "expiretime",
    summary: "Returns the Unix time in seconds at which a key expires.",
    since: "7.0.0",
    handler: |context| answer(context, |at_ms, _| seconds(at_ms)),
    ..ASKS_EXPIRY
};

pub(super) static PEXPIRETIME: CommandSpec = CommandSpec {
    name: "pexpiretime",
    summary: "Returns the Unix time in milliseconds at which a key expires.",
    since: "7.0.0",
    handler: |context| answer(context, |at_ms, _| at_ms),
    ..ASKS_EXPIRY
};

/// Rounded to the nearest second; times near the end of the range are no reason to overflow.
fn seconds(ms: i64) -> i64 {
    ms.saturating_add(500) / 1000
}

/// `figure` gets expiry and current time; the expiry of a key that is found lies ahead.
fn answer(context: &mut Context<'_, '_>, figure: fn(i64, i64) -> i64) -> CommandResult {
    let now_ms = context.now_ms();
    let found = context.data.observe(context.args.at(1)).map(Entry::expire_at_ms);
    context.reply.integer(match found {
        None => -2,
        Some(None) => -1,
        Some(Some(at_ms)) => figure(at_ms, now_ms),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn all_forms() {
        let mut run = Runner::with_strings("a b");
        run.now_ms = 10_000;
        run.run("PEXPIRE a 2600");
        for (line, reply) in [
            ("TTL a", ":3"),
            ("PTTL a", ":2600"),
            ("EXPIRETIME a", ":13"),
            ("PEXPIRETIME a", ":12600"),
            ("TTL b", ":-1"),
            ("PEXPIRETIME b", ":-1"),
            ("PTTL nokey", ":-2"),
            ("EXPIRETIME nokey", ":-2"),
        ] {
            assert_eq!(run.run(line), reply, "{line}");
        }
        run.now_ms += 2600;
        assert_eq!(run.run("TTL a"), ":-2");
        assert_eq!(run.events, ["expired a"]);
    }
}
