//! OBJECT: how a value is kept and how much it is used.

use crate::context::{CommandResult, Context};
use crate::error::ErrorReply;
use crate::help;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_store::{Entry, StrRef, Usage, ValueRef, idle_seconds, lfu};

/// Longest string that Redis keeps in one piece with its object.
const EMBEDDED_BYTES_MAX: usize = 44;

pub(super) static OBJECT: CommandSpec = CommandSpec {
    name: "object",
    summary: "Holds the commands that show how values are kept.",
    since: "2.2.3",
    complexity: "Depends on the subcommand.",
    arity: -2,
    subcommands: &[&ENCODING, &FREQ, &IDLETIME, &REFCOUNT, &HELP],
    ..CommandSpec::EMPTY
};

/// What the subcommands about one key have in common.
const OF_KEY: CommandSpec = CommandSpec {
    container: "object",
    since: "2.2.3",
    arity: 3,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(2, KeyFlags::RO)],
    args: &[Arg::key("key")],
    tips: &["nondeterministic_output"],
    ..CommandSpec::EMPTY
};

static ENCODING: CommandSpec = CommandSpec {
    name: "encoding",
    summary: "Names the internal form of the value at a key.",
    reply: "The form, or null if there is no such key.",
    handler: encoding,
    ..OF_KEY
};

static FREQ: CommandSpec = CommandSpec {
    name: "freq",
    summary: "Returns the logarithmic counter of uses of a key (LFU policies only).",
    since: "4.0.0",
    reply: "The counter, or null if there is no such key.",
    handler: freq,
    ..OF_KEY
};

static IDLETIME: CommandSpec = CommandSpec {
    name: "idletime",
    summary: "Returns the seconds since a key was last used (not with LFU policies).",
    reply: "The seconds, or null if there is no such key.",
    handler: idletime,
    ..OF_KEY
};

static REFCOUNT: CommandSpec = CommandSpec {
    name: "refcount",
    summary: "Tells how many users share the value at a key.",
    reply: "The number, or null if there is no such key.",
    handler: refcount,
    ..OF_KEY
};

static HELP: CommandSpec = help::row("object", "6.2.0", Group::Generic, |context| {
    help::reply(context, &OBJECT)
});

/// Redis's name of the form in which an entry keeps its value.
pub fn encoding_name(entry: &Entry) -> &'static str {
    match entry.value() {
        ValueRef::String(StrRef::Int(_)) => "int",
        ValueRef::String(StrRef::Bytes(bytes)) => {
            let embedded = !entry.is_raw() && entry.object().is_none() && bytes.len() <= EMBEDDED_BYTES_MAX;
            if embedded { "embstr" } else { "raw" }
        }
        ValueRef::List(list) => list.encoding_name(),
        ValueRef::Set(set) => set.encoding(),
        ValueRef::ZSet(zset) => zset.encoding(),
        ValueRef::Hash(hash) => hash.encoding(),
        ValueRef::Stream(_) => "stream",
    }
}

fn encoding(context: &mut Context<'_, '_>) -> CommandResult {
    let name = context.data.observe(context.args.at(2)).map(encoding_name);
    context.reply.bulk_or_null(name.map(str::as_bytes));
    Ok(())
}

fn refcount(context: &mut Context<'_, '_>) -> CommandResult {
    /// Redis shares the objects of the integers below 10000 and shows this number for them.
    const SHARED: i64 = i32::MAX as i64;
    match context.data.observe(context.args.at(2)).map(Entry::value) {
        None => context.reply.null(),
        Some(ValueRef::String(StrRef::Int(0..10_000))) => context.reply.integer(SHARED),
        Some(_) => context.reply.integer(1),
    }
    Ok(())
}

fn idletime(context: &mut Context<'_, '_>) -> CommandResult {
    let now_ms = context.now_ms();
    let Some(access) = context.data.observe(context.args.at(2)).map(Entry::access) else {
        context.reply.null();
        return Ok(());
    };
    if matches!(context.data.policy.usage, Usage::Lfu { .. }) {
        return Err(ErrorReply::fixed(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    context.reply.integer(i64::from(idle_seconds(access, now_ms)));
    Ok(())
}

fn freq(context: &mut Context<'_, '_>) -> CommandResult {
    let now_ms = context.now_ms();
    let Some(access) = context.data.observe(context.args.at(2)).map(Entry::access) else {
        context.reply.null();
        return Ok(());
    };
    let Usage::Lfu { decay_minutes, .. } = context.data.policy.usage else {
        return Err(ErrorReply::fixed(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    };
    context
        .reply
        .integer(i64::from(lfu::decayed(access, now_ms, decay_minutes)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_store::Value;

    #[test]
    fn encodings_of_strings() {
        let mut run = Runner::default();
        for (value, name) in [
            ("12".to_owned(), "int"),
            ("x".repeat(44), "embstr"),
            ("x".repeat(45), "raw"),
        ] {
            run.put("k", Value::String(value.into_bytes()));
            assert_eq!(run.run("OBJECT ENCODING k"), format!("${} {name}", name.len()));
        }
        assert_eq!(run.run("OBJECT REFCOUNT k"), ":1");
        for line in ["ENCODING", "REFCOUNT", "IDLETIME", "FREQ"] {
            assert_eq!(run.run(&format!("OBJECT {line} nokey")), "$-1");
        }
        assert!(
            run.run("OBJECT FREQ k")
                .starts_with("-ERR An LFU maxmemory policy is not selected")
        );
        assert_eq!(
            run.run("OBJECT HELP x"),
            "-ERR wrong number of arguments for 'object|help' command"
        );
        let help = run.run("OBJECT HELP");
        assert!(help.starts_with("*11 +OBJECT <subcommand> [<arg>"), "{help}");
        assert!(help.contains("+ENCODING <key> +    Names"), "{help}");
    }
}
