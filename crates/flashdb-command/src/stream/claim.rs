//! Taking over pending entries of other consumers: XCLAIM, XAUTOCLAIM. What was taken is recorded
//! as an XCLAIM with the delivery time and count that it now has, what turned out to be deleted as
//! an XACK. As since Redis 7.2, the consumer is created even if nothing is taken.

use super::range::parse_start;
use super::{
    Given, Position, decide_consumer, decide_position, no_key_or_group, parse_id, quote, reply_entry,
    reply_id,
};
use crate::args::{Cursor, integer_or};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_resp::Reply;
use flashdb_store::Access;
use flashdb_types::stream::{Claim, Claimed, Entries, Group as ConsumerGroup, Stream, StreamId};

pub(super) static XCLAIM: CommandSpec = CommandSpec {
    name: "xclaim",
    summary: "Gives pending entries to another consumer.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(log N) for each id with N entries pending in the group",
    arity: -6,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::UPDATE))],
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        Arg::string("consumer"),
        Arg::string("min-idle-time"),
        Arg::string("id").multiple(),
        Arg::integer("ms").with_token("IDLE").optional(),
        Arg::unix_time("unix-time-milliseconds")
            .with_token("TIME")
            .optional(),
        Arg::integer("count").with_token("RETRYCOUNT").optional(),
        Arg::word("force", "FORCE").optional(),
        Arg::word("justid", "JUSTID").optional(),
        Arg::string("lastid").with_token("LASTID").optional(),
    ],
    reply: "The entries taken, or only their ids (JUSTID).",
    tips: &["nondeterministic_output"],
    handler: xclaim,
    ..CommandSpec::EMPTY
};

/// The options of XCLAIM.
struct ClaimRequest {
    claim: Claim,
    ids: Vec<StreamId>,
    just_id: bool,
    last_id: StreamId,
}

impl ClaimRequest {
    fn parse(context: &Context<'_, '_>) -> Result<Self, ErrorReply> {
        let now_ms = context.now_ms();
        let invalid = |what: &str| ErrorReply::new(format!("ERR Invalid {what} for XCLAIM"));
        let idle_ms_min = integer_or(context.arg(4), invalid("min-idle-time argument"))?;
        let ids: Vec<StreamId> = context
            .args
            .iter_from(5)
            .map_while(|word| StreamId::parse(word, 0))
            .collect();
        let mut words = Cursor::new(context.args, 5 + ids.len());
        let (mut force, mut just_id, mut last_id) = (false, false, StreamId::MIN);
        let (mut delivery_time_ms, mut delivery_count) = (None, None);
        while words.remaining() > 0 {
            if words.take("force") {
                force = true;
            } else if words.take("justid") {
                just_id = true;
            } else if words.take_with("idle", 1) {
                let idle_ms = integer_or(words.word()?, invalid("IDLE option argument"))?;
                delivery_time_ms = Some(now_ms.saturating_sub(idle_ms));
            } else if words.take_with("time", 1) {
                delivery_time_ms = Some(integer_or(words.word()?, invalid("TIME option argument"))?);
            } else if words.take_with("retrycount", 1) {
                let count = integer_or(words.word()?, invalid("RETRYCOUNT option argument"))?;
                delivery_count = u64::try_from(count).ok();
            } else if words.take_with("lastid", 1) {
                last_id = parse_id(words.word()?)?;
            } else {
                return Err(quote(&[b"ERR Unrecognized XCLAIM option '", words.word()?, b"'"]));
            }
        }
        // What is in a log was checked before, by a clock that may have been put back since.
        let latest_ms = if context.data.replaying { i64::MAX } else { now_ms };
        let claim = Claim {
            idle_ms_min,
            // Times that cannot be are no reason to fail: clients' clocks differ.
            delivery_time_ms: delivery_time_ms
                .filter(|at_ms| (0..=latest_ms).contains(at_ms))
                .unwrap_or(now_ms),
            delivery_count,
            keep_count: just_id,
            force,
        };
        Ok(ClaimRequest {
            claim,
            ids,
            just_id,
            last_id,
        })
    }
}

fn xclaim(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, name, consumer, now_ms) = (context.arg(1), context.arg(2), context.arg(3), context.now_ms());
    require_group(context, key, name)?;
    let request = ClaimRequest::parse(context)?;
    let mut stream = context
        .data
        .write::<Stream>(key)?
        .ok_or_else(|| no_key_or_group(key, name))?;
    let mut group = stream.group_mut(name).ok_or_else(|| no_key_or_group(key, name))?;
    let entries = group.entries();
    let moved = group
        .advance_position(request.last_id, entries)
        .then(|| Position::of(&group));
    let (created, id) = consumer_of(&mut group, consumer, now_ms);
    let mut done = Done::default();
    let mut taken = Vec::new();
    for &entry_id in &request.ids {
        match group.claim(entries, entry_id, id, &request.claim, now_ms) {
            Claimed::Taken => {
                taken.push(entry_id);
                done.taken.push((entry_id, delivery_count(&group, entry_id)));
            }
            Claimed::Deleted => done.deleted.push(entry_id),
            Claimed::Left => {}
        }
    }
    reply_claimed(context.reply, entries, &taken, request.just_id);
    drop(group);
    drop(stream);
    (done.created, done.moved) = (created, moved);
    let time_ms = request.claim.delivery_time_ms;
    done.settle(context.data, key, name, consumer, time_ms);
    Ok(())
}

/// Fails unless the key is a stream with this group.
fn require_group(context: &mut Context<'_, '_>, key: &[u8], name: &[u8]) -> CommandResult {
    context
        .data
        .read::<Stream>(key)?
        .and_then(|stream| stream.group(name))
        .map(|_| ())
        .ok_or_else(|| no_key_or_group(key, name))
}

/// The consumer, created if needed, seen now; and whether it was created.
pub(super) fn consumer_of(
    group: &mut ConsumerGroup,
    name: &[u8],
    now_ms: i64,
) -> (bool, flashdb_types::stream::ConsumerId) {
    match group.find_consumer(name) {
        Some(id) => {
            group.touch_consumer(id, now_ms);
            (false, id)
        }
        None => {
            let id = group
                .create_consumer(name, now_ms)
                .expect("absent, and a group has far fewer than 2^32 consumers");
            (true, id)
        }
    }
}

fn delivery_count(group: &ConsumerGroup, id: StreamId) -> u64 {
    group.pending(id).map_or(0, |pending| pending.delivery_count)
}

fn reply_claimed(reply: &mut Reply, entries: &Entries, taken: &[StreamId], just_id: bool) {
    reply.array(taken.len());
    for &id in taken {
        match entries.get(id).filter(|_| !just_id) {
            Some(entry) => reply_entry(reply, entry),
            None => reply_id(reply, id),
        }
    }
}

/// What a claim changed.
#[derive(Default)]
struct Done {
    created: bool,
    moved: Option<Position>,
    /// Id and delivery count.
    taken: Vec<(StreamId, u64)>,
    deleted: Vec<StreamId>,
}

impl Done {
    fn settle(self, data: &mut Access<'_>, key: &[u8], group: &[u8], consumer: &[u8], delivery_time_ms: i64) {
        let changes = self.taken.len() + self.deleted.len() + usize::from(self.moved.is_some());
        data.changed_aside(changes as u64);
        if self.created {
            data.changed(key, NotifyFlags::STREAM, "xgroup-createconsumer");
            decide_consumer(data, key, group, consumer);
        }
        if !data.effects.recording {
            return;
        }
        if let Some(position) = self.moved {
            decide_position(data, key, group, position);
        }
        if !self.deleted.is_empty() {
            let ids: Vec<String> = self.deleted.iter().map(StreamId::to_string).collect();
            let head = [b"XACK".as_slice(), key, group];
            data.decided(head.into_iter().chain(ids.iter().map(String::as_bytes)));
        }
        let given = Given {
            key,
            group,
            consumer,
            delivery_time_ms,
            entries: self.taken,
        };
        given.decide(data);
    }
}

pub(super) static XAUTOCLAIM: CommandSpec = CommandSpec {
    name: "xautoclaim",
    summary: "Walks the pending entries of a group and gives those idle for long enough to a consumer.",
    since: "6.2.0",
    group: Group::Stream,
    complexity: "O(COUNT)",
    arity: -6,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::DELETE))],
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        Arg::string("consumer"),
        Arg::string("min-idle-time"),
        Arg::string("start"),
        Arg::integer("count").with_token("COUNT").optional(),
        Arg::word("justid", "JUSTID").optional(),
    ],
    reply: "Where to go on, the entries taken (or their ids), and the ids of entries that are deleted.",
    history: &[(
        "7.0.0",
        "Ids of deleted entries are told, and dropped from the pending ones.",
    )],
    tips: &["nondeterministic_output"],
    handler: xautoclaim,
    ..CommandSpec::EMPTY
};

/// Largest COUNT that Redis takes.
const COUNT_MAX: i64 = i64::MAX / 16;

fn xautoclaim(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, name, consumer, now_ms) = (context.arg(1), context.arg(2), context.arg(3), context.now_ms());
    let invalid_idle = ErrorReply::fixed("ERR Invalid min-idle-time argument for XAUTOCLAIM");
    let idle_ms_min = integer_or(context.arg(4), invalid_idle)?;
    let start = parse_start(context.arg(5))?;
    let (mut count, mut just_id) = (100, false);
    let mut words = Cursor::new(context.args, 6);
    while words.remaining() > 0 {
        if words.take_with("count", 1) {
            count = flashdb_base::number::parse_i64(words.word()?)
                .filter(|count| (1..=COUNT_MAX).contains(count))
                .ok_or(ErrorReply::fixed("ERR COUNT must be > 0"))? as usize;
        } else if words.take("justid") {
            just_id = true;
        } else {
            return Err(error::SYNTAX);
        }
    }
    require_group(context, key, name)?;
    let mut stream = context
        .data
        .write::<Stream>(key)?
        .ok_or_else(|| no_key_or_group(key, name))?;
    let mut group = stream.group_mut(name).ok_or_else(|| no_key_or_group(key, name))?;
    let entries = group.entries();
    let (created, id) = consumer_of(&mut group, consumer, now_ms);
    let claim = Claim {
        idle_ms_min,
        delivery_time_ms: now_ms,
        delivery_count: None,
        keep_count: just_id,
        force: false,
    };
    let result = group.auto_claim(entries, start, id, count, &claim, now_ms);
    context.reply.array(3);
    reply_id(context.reply, result.cursor);
    reply_claimed(context.reply, entries, &result.taken, just_id);
    context.reply.array(result.deleted.len());
    for &id in &result.deleted {
        reply_id(context.reply, id);
    }
    let counted = |&id: &StreamId| (id, delivery_count(&group, id));
    let done = Done {
        created,
        moved: None,
        taken: result.taken.iter().map(counted).collect(),
        deleted: result.deleted,
    };
    drop(group);
    drop(stream);
    done.settle(context.data, key, name, consumer, now_ms);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    /// Entries 1 to 4 pending at `a` since 1000; the clock says 2000.
    fn with_pending() -> Runner {
        let mut run = Runner::default();
        run.now_ms = 1000;
        run.run("XGROUP CREATE s g 0 MKSTREAM");
        for n in 1..=4 {
            run.run(&format!("XADD s {n} f v"));
        }
        run.run("XREADGROUP GROUP g a STREAMS s >");
        run.now_ms = 2000;
        run
    }

    #[test]
    fn claiming() {
        let mut run = with_pending();
        assert_eq!(
            run.run("XCLAIM s g b 500 1 2"),
            "*2 *2 $3 1-0 *2 $1 f $1 v *2 $3 2-0 *2 $1 f $1 v"
        );
        assert_eq!(run.events, ["xgroup-createconsumer s"]);
        assert_eq!(
            run.decided,
            [
                "XGROUP CREATECONSUMER s g b",
                "XCLAIM s g b 0 1-0 2-0 TIME 2000 RETRYCOUNT 2 FORCE JUSTID"
            ]
        );
        assert_eq!(run.run("XCLAIM s g a 500 1 3 JUSTID"), "*1 $3 3-0");
        assert_eq!(
            run.decided,
            ["XCLAIM s g a 0 3-0 TIME 2000 RETRYCOUNT 1 FORCE JUSTID"]
        );
        assert_eq!(run.run("XCLAIM s g a 500 9"), "*0");
        assert_eq!((run.dirty, run.decided.len()), (0, 0));
        run.run("XDEL s 4");
        assert_eq!(run.run("XCLAIM s g a 0 4"), "*0");
        assert_eq!(run.decided, ["XACK s g 4-0"]);
        run.run("XACK s g 1");
        assert_eq!(
            run.run("XCLAIM s g a 0 1 IDLE 300 RETRYCOUNT 7 FORCE LASTID 9"),
            "*1 *2 $3 1-0 *2 $1 f $1 v"
        );
        assert_eq!(
            run.decided,
            [
                "XGROUP SETID s g 9-0 ENTRIESREAD 4",
                "XCLAIM s g a 0 1-0 TIME 1700 RETRYCOUNT 7 FORCE JUSTID"
            ]
        );
        assert_eq!(run.run("XPENDING s g - + 1"), "*1 *4 $3 1-0 $1 a :300 :7");
    }

    #[test]
    fn refusals() {
        let mut run = with_pending();
        for (words, text) in [
            ("s h b x 1", "NOGROUP No such key 's' or consumer group 'h'"),
            ("t g b x 1", "NOGROUP No such key 't' or consumer group 'g'"),
            ("s g b x 1", "ERR Invalid min-idle-time argument for XCLAIM"),
            ("s g b 0 1 IDLE x", "ERR Invalid IDLE option argument for XCLAIM"),
            ("s g b 0 1 wrong", "ERR Unrecognized XCLAIM option 'wrong'"),
        ] {
            assert_eq!(run.run(&format!("XCLAIM {words}")), format!("-{text}"));
        }
        for (words, text) in [
            ("s h b 0 -", "NOGROUP No such key 's' or consumer group 'h'"),
            ("s g b 0 - COUNT 0", "ERR COUNT must be > 0"),
            ("s g b 0 - COUNT 8070450532247928833", "ERR COUNT must be > 0"),
            ("s g b x -", "ERR Invalid min-idle-time argument for XAUTOCLAIM"),
            ("s g b 0 - x", "ERR syntax error"),
        ] {
            assert_eq!(run.run(&format!("XAUTOCLAIM {words}")), format!("-{text}"));
        }
    }

    #[test]
    fn walking() {
        let mut run = with_pending();
        run.run("XDEL s 2");
        assert_eq!(
            run.run("XAUTOCLAIM s g b 500 - COUNT 3"),
            "*3 $3 4-0 *2 *2 $3 1-0 *2 $1 f $1 v *2 $3 3-0 *2 $1 f $1 v *1 $3 2-0"
        );
        assert_eq!(
            run.decided,
            [
                "XGROUP CREATECONSUMER s g b",
                "XACK s g 2-0",
                "XCLAIM s g b 0 1-0 3-0 TIME 2000 RETRYCOUNT 2 FORCE JUSTID"
            ]
        );
        assert_eq!(
            run.run("XAUTOCLAIM s g b 500 (3 JUSTID"),
            "*3 $3 0-0 *1 $3 4-0 *0"
        );
    }
}
