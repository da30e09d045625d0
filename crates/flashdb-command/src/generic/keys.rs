//! Removing keys and looking whether they are there: DEL, UNLINK, EXISTS, TOUCH, TYPE.
//!
//! DEL and UNLINK do the same: a value that takes long to free is always freed off the core loop.

use crate::context::{CommandResult, Context};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_store::Entry;

const KEYS_REMOVED: &[KeySpec] = &[KeySpec::range(1, -1, 1, KeyFlags::RM.and(KeyFlags::DELETE))];
const KEYS_LOOKED_AT: &[KeySpec] = &[KeySpec::range(1, -1, 1, KeyFlags::RO)];
const KEY_ARGS: &[Arg] = &[Arg::key("key").multiple()];
const SUM_TIPS: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];

pub(super) static DEL: CommandSpec = CommandSpec {
    name: "del",
    summary: "Removes keys.",
    complexity: "O(N) for N keys; large values are freed in the background.",
    arity: -2,
    flags: Flags::WRITE,
    keys: KEYS_REMOVED,
    args: KEY_ARGS,
    reply: "The number of keys removed.",
    tips: SUM_TIPS,
    handler: remove,
    ..CommandSpec::EMPTY
};

pub(super) static UNLINK: CommandSpec = CommandSpec {
    name: "unlink",
    summary: "Removes keys and frees their values in the background.",
    since: "4.0.0",
    complexity: "O(N) for N keys.",
    arity: -2,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: KEYS_REMOVED,
    args: KEY_ARGS,
    reply: "The number of keys removed.",
    tips: SUM_TIPS,
    handler: remove,
    ..CommandSpec::EMPTY
};

fn remove(context: &mut Context<'_, '_>) -> CommandResult {
    let mut removed = 0;
    for key in context.args.iter_from(1) {
        if context.data.remove(key) {
            context.data.changed(key, NotifyFlags::GENERIC, "del");
            removed += 1;
        }
    }
    context.reply.integer(removed);
    Ok(())
}

pub(super) static EXISTS: CommandSpec = CommandSpec {
    name: "exists",
    summary: "Counts those of the given keys that exist.",
    complexity: "O(N) for N keys.",
    arity: -2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: KEYS_LOOKED_AT,
    args: KEY_ARGS,
    reply: "How many exist; a key given twice counts twice.",
    history: &[("3.0.3", "Takes several keys.")],
    tips: SUM_TIPS,
    handler: exists,
    ..CommandSpec::EMPTY
};

fn exists(context: &mut Context<'_, '_>) -> CommandResult {
    let mut found = 0;
    for key in context.args.iter_from(1) {
        found += i64::from(context.data.observe(key).is_some());
    }
    context.reply.integer(found);
    Ok(())
}

pub(super) static TOUCH: CommandSpec = CommandSpec {
    name: "touch",
    summary: "Marks keys as used just now.",
    since: "3.2.1",
    complexity: "O(N) for N keys.",
    arity: -2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: KEYS_LOOKED_AT,
    args: KEY_ARGS,
    reply: "The number of keys that exist.",
    tips: SUM_TIPS,
    handler: touch,
    ..CommandSpec::EMPTY
};

fn touch(context: &mut Context<'_, '_>) -> CommandResult {
    // The command's whole purpose, so it works for a client that otherwise leaves no trace.
    let touch = std::mem::replace(&mut context.data.policy.touch, true);
    let mut found = 0;
    for key in context.args.iter_from(1) {
        found += i64::from(context.data.exists(key));
    }
    context.data.policy.touch = touch;
    context.reply.integer(found);
    Ok(())
}

pub(super) static TYPE: CommandSpec = CommandSpec {
    name: "type",
    summary: "Names the type of the value at a key.",
    arity: 2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RO)],
    args: &[Arg::key("key")],
    reply: "The type, or none.",
    handler: type_of,
    ..CommandSpec::EMPTY
};

fn type_of(context: &mut Context<'_, '_>) -> CommandResult {
    let entry = context.data.observe(context.args.at(1));
    context
        .reply
        .simple(entry.map(Entry::value).map_or("none", |value| value.type_name()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn removal_counts_and_publishes() {
        let mut run = Runner::with_strings("a b c");
        assert_eq!(run.run("DEL a nokey b"), ":2");
        assert_eq!(run.events, ["del a", "del b"]);
        assert_eq!((run.dirty, run.decided.len()), (2, 0));
        assert_eq!(run.run("UNLINK c c"), ":1");
        assert_eq!(run.run("DEL c"), ":0");
        assert!(run.events.is_empty());
    }

    #[test]
    fn looking() {
        let mut run = Runner::with_strings("a b");
        assert_eq!(run.run("EXISTS a b a nokey"), ":3");
        assert_eq!(run.run("TOUCH a nokey"), ":1");
        assert_eq!(run.run("TYPE a"), "+string");
        assert_eq!(run.run("TYPE nokey"), "+none");
        assert_eq!(run.run("OBJECT IDLETIME a"), ":0");
        run.now_ms += 5000;
        run.run("EXISTS a");
        assert_eq!(run.run("OBJECT IDLETIME a"), ":5");
        run.run("TOUCH a");
        assert_eq!(run.run("OBJECT IDLETIME a"), ":0");
    }

    #[test]
    fn an_expired_key_is_gone_and_its_removal_is_an_effect_of_its_own() {
        let mut run = Runner::with_strings("a b");
        run.run("PEXPIRE a 10");
        run.now_ms += 10;
        assert_eq!(run.run("DEL a b"), ":1");
        assert_eq!(run.events, ["expired a", "del b"]);
        assert_eq!(run.decided, ["DEL a"]);
    }
}
