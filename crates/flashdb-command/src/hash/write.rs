//! Writing fields: HSET, HMSET, HSETNX, HINCRBY, HINCRBYFLOAT, HDEL.

use super::{UPDATE, changed, changed_by, key, settle, take_due};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::KeyFlags;
use crate::limits;
use crate::spec::{Arg, CommandSpec, Deprecated, Flags, Group, WANTED_AT_2};
use crate::{args, error::wrong_arity};
use flashdb_base::long_double::LongDouble;
use flashdb_base::number::{NumberBuffer, parse_i64};
use flashdb_types::hash::{FieldTtl, Hash, SetOutcome};

const WRITE_FAST: Flags = Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST);
const PAIRS: &[Arg] = &[
    Arg::key("key"),
    Arg::block("data", &[Arg::string("field"), Arg::string("value")]).multiple(),
];

pub(super) static HSET: CommandSpec = CommandSpec {
    name: "hset",
    summary: "Writes fields, creating the hash if needed.",
    since: "2.0.0",
    group: Group::Hash,
    complexity: "O(N) for N fields given",
    arity: -4,
    flags: WRITE_FAST,
    keys: UPDATE,
    wanted: WANTED_AT_2,
    args: PAIRS,
    reply: "The number of fields that did not exist before.",
    history: &[("4.0.0", "Several pairs of `field` and `value` are taken.")],
    handler: hset,
    ..CommandSpec::EMPTY
};

fn hset(context: &mut Context<'_, '_>) -> CommandResult {
    let created = write_pairs(context)?;
    context.reply.count(created);
    Ok(())
}

pub(super) static HMSET: CommandSpec = CommandSpec {
    name: "hmset",
    deprecated: Deprecated::since("4.0.0", "`HSET` with several pairs"),
    summary: "Writes fields, creating the hash if needed; HSET does the same.",
    since: "2.0.0",
    group: Group::Hash,
    complexity: "O(N) for N fields given",
    arity: -4,
    flags: WRITE_FAST,
    keys: UPDATE,
    wanted: WANTED_AT_2,
    args: PAIRS,
    reply: "OK.",
    handler: hmset,
    ..CommandSpec::EMPTY
};

fn hmset(context: &mut Context<'_, '_>) -> CommandResult {
    write_pairs(context)?;
    context.reply.ok();
    Ok(())
}

/// Writes the pairs from word 2 on and returns how many fields are new.
fn write_pairs(context: &mut Context<'_, '_>) -> Result<usize, ErrorReply> {
    let words = context.args;
    if words.len() % 2 == 1 {
        return Err(wrong_arity(context.spec.name));
    }
    take_due(context);
    let limits = limits::hash(context.settings);
    let mut hash = context.data.write_or_create(words.at(1), Hash::new)?;
    hash.reserve(words.iter_from(2).map(<[u8]>::len), &limits);
    let volatile = hash.next_expiry_ms().is_some();
    let mut created = 0;
    for at in (2..words.len()).step_by(2) {
        let outcome = hash.set(words.at(at), words.at(at + 1), FieldTtl::Clear, &limits);
        created += usize::from(outcome == SetOutcome::Created);
    }
    drop(hash);
    changed_by(context, "hset", (words.len() - 2) / 2);
    if volatile {
        context.data.note_field_expiries(words.at(1));
    }
    Ok(created)
}

pub(super) static HSETNX: CommandSpec = CommandSpec {
    name: "hsetnx",
    summary: "Writes a field unless it exists.",
    since: "2.0.0",
    group: Group::Hash,
    arity: 4,
    flags: WRITE_FAST,
    keys: &[key(KeyFlags::RW.and(KeyFlags::INSERT))],
    wanted: WANTED_AT_2,
    args: &[Arg::key("key"), Arg::string("field"), Arg::string("value")],
    reply: "1 if the field was written, 0 if it existed.",
    handler: hsetnx,
    ..CommandSpec::EMPTY
};

fn hsetnx(context: &mut Context<'_, '_>) -> CommandResult {
    take_due(context);
    let (words, limits) = (context.args, limits::hash(context.settings));
    let mut hash = context.data.write_or_create(words.at(1), Hash::new)?;
    if hash.get_any(words.at(2)).is_some() {
        drop(hash);
        context.data.unchanged();
        context.reply.integer(0);
        return Ok(());
    }
    hash.set(words.at(2), words.at(3), FieldTtl::Keep, &limits);
    drop(hash);
    changed(context, "hset");
    context.reply.integer(1);
    Ok(())
}

pub(super) static HINCRBY: CommandSpec = CommandSpec {
    name: "hincrby",
    summary: "Adds an integer to the number in a field, 0 where there is none.",
    since: "2.0.0",
    group: Group::Hash,
    arity: 4,
    flags: WRITE_FAST,
    keys: &[key(KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE))],
    wanted: WANTED_AT_2,
    args: &[Arg::key("key"), Arg::string("field"), Arg::integer("increment")],
    reply: "The number after the addition.",
    handler: hincrby,
    ..CommandSpec::EMPTY
};

fn hincrby(context: &mut Context<'_, '_>) -> CommandResult {
    let increment = args::integer(context.arg(3))?;
    let mut sum = 0;
    rewrite(context, "hincrby", |old, text| {
        let old = match old {
            Some(old) => parse_i64(old).ok_or(ErrorReply::fixed("ERR hash value is not an integer"))?,
            None => 0,
        };
        sum = old.checked_add(increment).ok_or(error::OVERFLOW)?;
        text.extend_from_slice(NumberBuffer::new().format_i64(sum));
        Ok(())
    })?;
    context.reply.integer(sum);
    Ok(())
}

pub(super) static HINCRBYFLOAT: CommandSpec = CommandSpec {
    name: "hincrbyfloat",
    summary: "Adds a floating point number to the number in a field, 0 where there is none.",
    since: "2.6.0",
    group: Group::Hash,
    arity: 4,
    flags: WRITE_FAST,
    keys: &[key(KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE))],
    wanted: WANTED_AT_2,
    args: &[Arg::key("key"), Arg::string("field"), Arg::double("increment")],
    reply: "The number after the addition, as a bulk string.",
    handler: hincrbyfloat,
    ..CommandSpec::EMPTY
};

fn hincrbyfloat(context: &mut Context<'_, '_>) -> CommandResult {
    let increment = LongDouble::parse(context.arg(3)).ok_or(error::NOT_FLOAT)?;
    if !increment.is_finite() {
        return Err(ErrorReply::fixed("ERR value is NaN or Infinity"));
    }
    let rewritten = rewrite(context, "hincrbyfloat", |old, text| {
        let old = match old {
            Some(old) => LongDouble::parse(old).ok_or(ErrorReply::fixed("ERR hash value is not a float"))?,
            None => LongDouble::ZERO,
        };
        let sum = old.plus(increment);
        if !sum.is_finite() {
            return Err(ErrorReply::fixed("ERR increment would produce NaN or Infinity"));
        }
        sum.write(text);
        Ok(())
    })?;
    // The sum is logged, not the addition, so that no replay depends on how it is rounded.
    let (key, name) = (context.arg(1), context.arg(2));
    if rewritten.volatile {
        context
            .data
            .decided([b"HSETEX", key, b"KEEPTTL", b"FIELDS", b"1", name, &rewritten.text]);
    } else {
        context.data.decided([b"HSET", key, name, &rewritten.text]);
    }
    context.reply.bulk(&rewritten.text);
    Ok(())
}

/// What [`rewrite`] wrote.
struct Rewritten {
    text: Vec<u8>,
    /// Whether the field expires.
    volatile: bool,
}

/// Replaces the value of the field at word 2 by what `compute` appends, given the old one; the field's
/// time stays. Nothing changes when it fails.
fn rewrite(
    context: &mut Context<'_, '_>,
    event: &'static str,
    compute: impl FnOnce(Option<&[u8]>, &mut Vec<u8>) -> Result<(), ErrorReply>,
) -> Result<Rewritten, ErrorReply> {
    take_due(context);
    let (key, name, limits) = (context.arg(1), context.arg(2), limits::hash(context.settings));
    let mut hash = context.data.write_or_create(key, Hash::new)?;
    let old = hash.get_any(name);
    let volatile = old.is_some_and(|field| field.expires_at_ms.is_some());
    let mut text = Vec::new();
    if let Err(error) = compute(old.map(|field| field.value), &mut text) {
        // A hash that was created just now does not get here: adding to 0 cannot fail.
        drop(hash);
        context.data.unchanged();
        return Err(error);
    }
    hash.set(name, &text, FieldTtl::Keep, &limits);
    drop(hash);
    changed(context, event);
    Ok(Rewritten { text, volatile })
}

pub(super) static HDEL: CommandSpec = CommandSpec {
    name: "hdel",
    summary: "Removes fields, and the hash once it is empty.",
    since: "2.0.0",
    group: Group::Hash,
    complexity: "O(N) for N fields given",
    arity: -3,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[key(KeyFlags::RW.and(KeyFlags::DELETE))],
    wanted: WANTED_AT_2,
    args: &[Arg::key("key"), Arg::string("field").multiple()],
    reply: "The number of fields that existed.",
    history: &[("2.4.0", "Several `field` arguments are taken.")],
    handler: hdel,
    ..CommandSpec::EMPTY
};

fn hdel(context: &mut Context<'_, '_>) -> CommandResult {
    take_due(context);
    let words = context.args;
    let Some(mut hash) = context.data.write::<Hash>(words.at(1))? else {
        context.reply.integer(0);
        return Ok(());
    };
    let volatile = hash.next_expiry_ms().is_some();
    let removed = words.iter_from(2).filter(|name| hash.remove(name)).count();
    drop(hash);
    if removed > 0 {
        changed_by(context, "hdel", removed);
        settle(context, volatile);
    } else {
        context.data.unchanged();
    }
    context.reply.count(removed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn hset_counts_new_fields() {
        let mut run = Runner::default();
        assert_eq!(run.run("HSET h a 1 b 2 a 3"), ":2");
        assert_eq!(run.events, ["new h", "hset h"]);
        assert_eq!(run.dirty, 3);
        assert_eq!(run.run("HSET h a 9 c 1"), ":1");
        assert_eq!(run.events, ["hset h"]);
        assert_eq!(run.run("HMSET h d 1"), "+OK");
        assert_eq!(
            run.run("HSET h a 1 b"),
            "-ERR wrong number of arguments for 'hset' command"
        );
        assert_eq!(
            run.run("HMSET h a 1 b"),
            "-ERR wrong number of arguments for 'hmset' command"
        );
        assert_eq!(run.run("HMGET h a b c d"), "*4 $1 9 $1 2 $1 1 $1 1");
    }

    #[test]
    fn hsetnx_leaves_what_is_there() {
        let mut run = Runner::default();
        assert_eq!(run.run("HSETNX h a 1"), ":1");
        assert_eq!(run.events, ["new h", "hset h"]);
        assert_eq!(run.run("HSETNX h a 2"), ":0");
        assert!(run.events.is_empty());
        assert_eq!(run.dirty, 0);
        assert_eq!(run.run("HGET h a"), "$1 1");
    }

    #[test]
    fn hincrby() {
        let mut run = Runner::default();
        assert_eq!(run.run("HINCRBY h n 5"), ":5");
        assert_eq!(run.events, ["new h", "hincrby h"]);
        assert_eq!(run.run("HINCRBY h n -7"), ":-2");
        run.run("HSET h text abc max 9223372036854775807");
        assert_eq!(run.run("HINCRBY h text 1"), "-ERR hash value is not an integer");
        assert_eq!(
            run.run("HINCRBY h max 1"),
            "-ERR increment or decrement would overflow"
        );
        assert_eq!(
            run.run("HINCRBY h n 1.5"),
            "-ERR value is not an integer or out of range"
        );
        assert_eq!(run.run("HGET h n"), "$2 -2");
    }

    #[test]
    fn hincrbyfloat_logs_the_sum() {
        let mut run = Runner::default();
        assert_eq!(run.run("HINCRBYFLOAT h n 1.23"), "$4 1.23");
        assert_eq!(run.run("HINCRBYFLOAT h n 0.77"), "$1 2");
        assert_eq!(run.events, ["hincrbyfloat h"]);
        assert_eq!(run.decided, ["HSET h n 2"]);
        run.run("HPEXPIRE h 100 FIELDS 1 n");
        run.run("HINCRBYFLOAT h n 1");
        assert_eq!(run.decided, ["HSETEX h KEEPTTL FIELDS 1 n 3"]);
        assert_eq!(run.run("HPTTL h FIELDS 1 n"), "*1 :100");
        run.run("HSET h text abc");
        assert_eq!(run.run("HINCRBYFLOAT h text 1"), "-ERR hash value is not a float");
        assert_eq!(run.run("HINCRBYFLOAT h n inf"), "-ERR value is NaN or Infinity");
        assert_eq!(run.run("HINCRBYFLOAT h n x"), "-ERR value is not a valid float");
    }

    #[test]
    fn hdel_removes_the_empty_hash() {
        let mut run = Runner::default();
        run.run("HSET h a 1 b 2 c 3");
        assert_eq!(run.run("HDEL h x"), ":0");
        assert!(run.events.is_empty());
        assert_eq!(run.run("HDEL h a a x"), ":1");
        assert_eq!(run.events, ["hdel h"]);
        assert_eq!(run.run("HDEL h b c d"), ":2");
        assert_eq!(run.events, ["hdel h", "del h"]);
        assert_eq!(run.dirty, 2);
        assert_eq!(run.run("HDEL h b"), ":0");
    }

    #[test]
    fn writers_take_expired_fields_out() {
        let mut run = Runner::default();
        run.run("HSET h a 1 b 2");
        run.run("HPEXPIRE h 100 FIELDS 2 a b");
        run.now_ms += 200;
        assert_eq!(run.run("HINCRBY h a 5"), ":5");
        assert_eq!(run.events, ["hexpired h", "del h", "new h", "hincrby h"]);
        assert_eq!(run.decided, ["HDEL h a b"]);
        assert_eq!(run.run("HGETALL h"), "*2 $1 a $1 5");
        run.run("HPEXPIRE h 100 FIELDS 1 a");
        assert_eq!(run.run("HSET h a 6"), ":0");
        assert_eq!(
            run.run("HPTTL h FIELDS 1 a"),
            "*1 :-1",
            "HSET takes the time away"
        );
    }
}
