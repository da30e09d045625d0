//! Several strings at once: MGET, MSET, MSETNX.
//!
//! The time goes into waiting for memory, so the keys are approached some at a time: first all their
//! buckets are called for, then the entries behind them, and only then is the first one used.

use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::NumberBuffer;
use flashdb_store::{Expiry, KeyPlace, WINDOW};

/// Calls `each` with the position of every key, beginning at word 1 in steps of `step`.
fn for_each_key(
    context: &mut Context<'_, '_>,
    step: usize,
    mut each: impl FnMut(&mut Context<'_, '_>, usize),
) {
    let args = context.args;
    let mut window = [KeyPlace::default(); WINDOW];
    for first in (1..args.len()).step_by(step * WINDOW) {
        let words = (first..args.len()).step_by(step).take(WINDOW);
        let keys = &mut window[..words.len()];
        match context.data.places_of_request(args.at(1)) {
            Some(places) if places.len() == keys.len() => keys.copy_from_slice(places),
            _ => {
                for (key, at) in keys.iter_mut().zip(words.clone()) {
                    *key = KeyPlace::of(context.data.space(), args.at(at));
                }
            }
        }
        context.data.prefetch_keys(keys);
        for (key, at) in keys.iter().zip(words) {
            context.data.focus_in_window(args.at(at), key);
            each(context, at);
        }
    }
    // Under the locks of a transaction other commands follow, whose words may lie where these do.
    context.data.unfocus();
}

pub(super) static MGET: CommandSpec = CommandSpec {
    name: "mget",
    summary: "Returns the strings at several keys.",
    group: Group::String,
    complexity: "O(N) for N keys",
    arity: -2,
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[KeySpec::range(1, -1, 1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key").multiple()],
    reply: "For each key its string, or null if it does not exist or holds another type.",
    tips: &["request_policy:multi_shard"],
    handler: mget,
    ..CommandSpec::EMPTY
};

fn mget(context: &mut Context<'_, '_>) -> CommandResult {
    context.reply.array(context.args.len() - 1);
    for_each_key(context, 1, |context, at| {
        match context.data.string(context.args.at(at)) {
            Ok(Some(value)) => context.reply.bulk(value.as_bytes(&mut NumberBuffer::new())),
            Ok(None) | Err(_) => context.reply.null(),
        }
    });
    Ok(())
}

pub(super) static MSET: CommandSpec = CommandSpec {
    name: "mset",
    summary: "Stores strings at several keys, all at once.",
    since: "1.0.1",
    group: Group::String,
    complexity: "O(N) for N keys",
    arity: -3,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KeySpec::range(1, -1, 2, KeyFlags::OW.and(KeyFlags::UPDATE))],
    args: &[Arg::block("data", &[Arg::key("key"), Arg::string("value")]).multiple()],
    reply: "OK.",
    tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
    handler: mset,
    ..CommandSpec::EMPTY
};

fn mset(context: &mut Context<'_, '_>) -> CommandResult {
    check_pairs(context)?;
    set_pairs(context);
    context.reply.ok();
    Ok(())
}

pub(super) static MSETNX: CommandSpec = CommandSpec {
    name: "msetnx",
    summary: "Stores strings at several keys if none of them exists yet.",
    since: "1.0.1",
    group: Group::String,
    complexity: "O(N) for N keys",
    arity: -3,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[KeySpec::range(1, -1, 2, KeyFlags::OW.and(KeyFlags::INSERT))],
    args: &[Arg::block("data", &[Arg::key("key"), Arg::string("value")]).multiple()],
    reply: "1 if all were stored, 0 if none was because a key existed.",
    tips: &["request_policy:multi_shard", "response_policy:agg_min"],
    handler: msetnx,
    ..CommandSpec::EMPTY
};

fn msetnx(context: &mut Context<'_, '_>) -> CommandResult {
    check_pairs(context)?;
    let mut keys = context.args.iter_from(1).step_by(2);
    if keys.any(|key| context.data.find_for_write(key).is_some()) {
        context.reply.integer(0);
        return Ok(());
    }
    set_pairs(context);
    context.reply.integer(1);
    Ok(())
}

fn check_pairs(context: &Context<'_, '_>) -> Result<(), ErrorReply> {
    match context.args.len() % 2 {
        0 => Err(error::wrong_arity(context.spec.name)),
        _ => Ok(()),
    }
}

fn set_pairs(context: &mut Context<'_, '_>) {
    for_each_key(context, 2, |context, at| {
        let key = context.arg(at);
        context.data.set_string(key, context.arg(at + 1), Expiry::Clear);
        context.data.changed(key, NotifyFlags::STRING, "set");
    });
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn several_keys() {
        let mut run = Runner::default();
        assert_eq!(run.run("MSET a 1 b two a 3"), "+OK");
        assert_eq!(run.events, ["new a", "set a", "new b", "set b", "set a"]);
        assert_eq!((run.dirty, run.decided.len()), (3, 0));
        assert_eq!(run.run("MGET a b c"), "*3 $1 3 $3 two $-1");
        let pairs: Vec<String> = (0..40).map(|n| format!("k{n} v{n}")).collect();
        assert_eq!(run.run(&format!("MSET {}", pairs.join(" "))), "+OK");
        let keys: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
        let values: Vec<String> = (0..40)
            .map(|n| format!("${} v{n}", if n < 10 { 2 } else { 3 }))
            .collect();
        assert_eq!(
            run.run(&format!("MGET {}", keys.join(" "))),
            format!("*40 {}", values.join(" "))
        );
        assert_eq!(run.run("MSETNX c 1 a 2"), ":0");
        assert_eq!(run.run("MSETNX c 1 d 2 c 3"), ":1");
        assert_eq!(run.run("MGET c d"), "*2 $1 3 $1 2");
        assert_eq!(
            run.run("MSETNX a 1 b"),
            "-ERR wrong number of arguments for 'msetnx' command"
        );
    }
}
