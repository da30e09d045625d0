//! Counting distinct elements: PFADD, PFCOUNT, PFMERGE. An estimate once computed is kept in the
//! value, so PFCOUNT of one key may write; this counts as a change but publishes no event.

use super::string_to_change;
use crate::context::{CommandResult, Context};
use crate::key_spec::{Begin, Find, KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::NumberBuffer;
use flashdb_types::hyperloglog::{self, HllError, HllUnion};

pub(super) static PFADD: CommandSpec = CommandSpec {
    name: "pfadd",
    summary: "Counts elements into a HyperLogLog, creating it if needed.",
    since: "2.8.9",
    group: Group::HyperLogLog,
    complexity: "O(1) for each element",
    arity: -2,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::INSERT))],
    args: &[Arg::key("key"), Arg::string("element").optional().multiple()],
    reply: "1 if a register changed or the key was created, else 0.",
    handler: pfadd,
    ..CommandSpec::EMPTY
};

fn pfadd(context: &mut Context<'_, '_>) -> CommandResult {
    let key = context.arg(1);
    let sparse_bytes_max = context.settings.hll_sparse_max_bytes;
    // Checked before the edit, which would turn an integer into plain bytes.
    if let Some(value) = string_to_change(context.data, key)? {
        hyperloglog::check(value.as_bytes(&mut NumberBuffer::new()))?;
    }
    let args = context.args;
    let done = context.data.edit_string(key, true, |value| {
        let mut changes = 0;
        if value.is_empty() {
            *value = hyperloglog::create();
            changes += 1;
        }
        let result = (2..args.len()).try_for_each(|at| {
            changes += u64::from(hyperloglog::add(value, args.at(at), sparse_bytes_max)?);
            Ok::<(), HllError>(())
        });
        let result = match changes {
            0 => result,
            _ => result.and_then(|()| hyperloglog::invalidate_count(value)),
        };
        (changes, result)
    })?;
    let (changes, result) = done.expect("created where absent");
    match (changes, &result) {
        (0, _) => context.data.unchanged(),
        (_, Err(_)) => context.data.changed_silently(key),
        (changes, Ok(())) => {
            context.data.changed(key, NotifyFlags::STRING, "pfadd");
            context.data.effects.dirty += changes - 1;
        }
    }
    result?;
    context.reply.integer(i64::from(changes > 0));
    Ok(())
}

pub(super) static PFCOUNT: CommandSpec = CommandSpec {
    name: "pfcount",
    summary: "Estimates how many distinct elements were counted into one HyperLogLog or into several together.",
    since: "2.8.9",
    group: Group::HyperLogLog,
    complexity: "O(1) for one key, O(N) with a large constant for N keys",
    arity: -2,
    flags: Flags::READONLY.and(Flags::MAY_REPLICATE),
    keys: &[KeySpec {
        begin: Begin::Index(1),
        find: Find::Range {
            last: -1,
            step: 1,
            limit: 0,
        },
        flags: KeyFlags::RW.and(KeyFlags::ACCESS),
        notes: "The estimate may be stored in the key",
    }],
    args: &[Arg::key("key").multiple()],
    reply: "The estimate.",
    handler: pfcount,
    ..CommandSpec::EMPTY
};

fn pfcount(context: &mut Context<'_, '_>) -> CommandResult {
    if context.args.len() > 2 {
        let union = union_of(context, 1)?;
        context.reply.integer(union.count() as i64);
        return Ok(());
    }
    let key = context.arg(1);
    let Some(value) = context.data.string(key)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let mut digits = NumberBuffer::new();
    let value = value.as_bytes(&mut digits);
    if let Some(cardinality) = hyperloglog::cached_count(value)? {
        context.reply.integer(cardinality as i64);
        return Ok(());
    }
    let cardinality = hyperloglog::count(value)?;
    let stored = context
        .data
        .edit_string(key, false, |value| hyperloglog::store_count(value, cardinality))?;
    context.data.changed_silently(key);
    stored.transpose()?;
    context.reply.integer(cardinality as i64);
    Ok(())
}

/// The union of the keys from word `first` on; absent ones count as empty.
fn union_of(context: &mut Context<'_, '_>, first: usize) -> Result<HllUnion, crate::ErrorReply> {
    let mut union = HllUnion::new();
    for at in first..context.args.len() {
        if let Some(value) = context.data.string(context.args.at(at))? {
            union.merge(value.as_bytes(&mut NumberBuffer::new()))?;
        }
    }
    Ok(union)
}

pub(super) static PFMERGE: CommandSpec = CommandSpec {
    name: "pfmerge",
    summary: "Merges HyperLogLogs into one key, itself included if it exists.",
    since: "2.8.9",
    group: Group::HyperLogLog,
    complexity: "O(N) with a large constant for N keys",
    arity: -2,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    keys: &[
        KeySpec::one(1, KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::INSERT)),
        KeySpec::range(2, -1, 1, KeyFlags::RO.and(KeyFlags::ACCESS)),
    ],
    args: &[
        Arg::key("destkey"),
        Arg::key_of("sourcekey", 1).optional().multiple(),
    ],
    reply: "OK.",
    handler: pfmerge,
    ..CommandSpec::EMPTY
};

fn pfmerge(context: &mut Context<'_, '_>) -> CommandResult {
    let target = context.arg(1);
    let sparse_bytes_max = context.settings.hll_sparse_max_bytes;
    let union = union_of(context, 1)?;
    let stored = context.data.edit_string(target, true, |value| {
        if value.is_empty() {
            *value = hyperloglog::create();
        }
        union.store(value, sparse_bytes_max)
    })?;
    // A PFMERGE is told as a PFADD, as Redis does.
    context.data.changed(target, NotifyFlags::STRING, "pfadd");
    stored.transpose()?;
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn add_and_count() {
        let mut run = Runner::default();
        assert_eq!(run.run("PFCOUNT h"), ":0");
        assert_eq!(run.run("PFADD h"), ":1");
        assert_eq!(run.events, ["new h", "pfadd h"]);
        assert_eq!(run.run("PFADD h"), ":0");
        assert_eq!(run.run("PFADD h a b c"), ":1");
        assert_eq!(run.dirty, 3);
        assert_eq!(run.run("PFCOUNT h"), ":3");
        assert_eq!((run.events.len(), run.dirty), (0, 1), "the estimate was stored");
        assert_eq!(run.run("PFCOUNT h"), ":3");
        assert_eq!(run.dirty, 0);
        assert_eq!(run.run("PFADD h a"), ":0");
        run.run("PFADD g c d");
        assert_eq!(run.run("PFCOUNT h g missing"), ":4");
    }

    #[test]
    fn merge() {
        let mut run = Runner::default();
        run.run("PFADD a 1 2 3");
        run.run("PFADD b 3 4");
        assert_eq!(run.run("PFMERGE t a b"), "+OK");
        assert_eq!(run.events.last().map(String::as_str), Some("pfadd t"));
        assert_eq!(run.run("PFCOUNT t"), ":4");
        assert_eq!(run.run("PFMERGE empty"), "+OK");
        assert_eq!(run.run("PFCOUNT empty"), ":0");
    }

    #[test]
    fn other_values_are_refused() {
        let mut run = Runner::default();
        run.run("SETBIT s 0 1");
        let not_one = "-WRONGTYPE Key is not a valid HyperLogLog string value.";
        for command in [
            "PFADD s a",
            "PFCOUNT s",
            "PFCOUNT s t",
            "PFMERGE t s",
            "PFMERGE s t",
        ] {
            assert_eq!(run.run(command), not_one);
        }
        run.run("XGROUP CREATE stream g $ MKSTREAM");
        let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(run.run("PFADD stream a"), wrong_type);
        assert_eq!(run.run("PFCOUNT stream"), wrong_type);
    }
}
