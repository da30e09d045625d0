//! Entries delivered and not acknowledged: XACK, XPENDING.

use super::range::{parse_end, parse_start};
use super::{no_key_or_group, parse_ids, reply_id};
use crate::args::{Cursor, integer, is};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_resp::Reply;
use flashdb_types::stream::{Group as ConsumerGroup, Pending, Stream, StreamId};

pub(super) static XACK: CommandSpec = CommandSpec {
    name: "xack",
    summary: "Acknowledges entries: they are no longer pending in the group.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(1) for each id",
    arity: -4,
    flags: Flags::WRITE.and(Flags::FAST),
    keys: &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::UPDATE))],
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        Arg::string("id").multiple(),
    ],
    reply: "How many of the entries were pending.",
    handler: xack,
    ..CommandSpec::EMPTY
};

fn xack(context: &mut Context<'_, '_>) -> CommandResult {
    let args = context.args;
    let mut ids = Ok(Vec::new());
    let mut acknowledged = 0;
    if let Some(mut stream) = context.data.write::<Stream>(args.at(1))?
        && let Some(mut group) = stream.group_mut(args.at(2))
    {
        // A malformed id fails the request before anything is acknowledged.
        ids = parse_ids(&args, 3);
        acknowledged = ids
            .iter()
            .flatten()
            .filter(|id| group.ack(**id).is_some())
            .count();
    }
    context.data.changed_aside(acknowledged as u64);
    ids?;
    context.reply.count(acknowledged);
    Ok(())
}

pub(super) static XPENDING: CommandSpec = CommandSpec {
    name: "xpending",
    summary: "Shows what is pending in a group: a summary, or entry by entry.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(N) for N entries looked at; the summary O(N) for N consumers",
    arity: -3,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[
        Arg::key("key"),
        Arg::string("group"),
        Arg::block(
            "filters",
            &[
                Arg::integer("min-idle-time")
                    .with_token("IDLE")
                    .optional()
                    .since("6.2.0"),
                Arg::string("start"),
                Arg::string("end"),
                Arg::integer("count"),
                Arg::string("consumer").optional(),
            ],
        )
        .optional(),
    ],
    reply: "Number, bounds and consumers; or for each entry its id, consumer, idle time and delivery count.",
    history: &[("6.2.0", "`IDLE` was added, and `(` before an id to exclude it.")],
    tips: &["nondeterministic_output"],
    handler: xpending,
    ..CommandSpec::EMPTY
};

/// The part of the pending entries asked for.
struct Filter<'a> {
    idle_ms_min: i64,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Filter<'a> {
    /// `None`: only a summary is asked for.
    fn parse(context: &Context<'a, '_>) -> Result<Option<Self>, ErrorReply> {
        let args = context.args;
        match args.len() {
            3 => return Ok(None),
            6..=9 => {}
            _ => return Err(error::SYNTAX),
        }
        let mut words = Cursor::new(args, 3);
        let mut idle_ms_min = 0;
        if is(args.at(3), "idle") {
            idle_ms_min = integer(args.at(4))?;
            if args.len() < 8 {
                return Err(error::SYNTAX);
            }
            words = Cursor::new(args, 5);
        }
        let at = words.position();
        Ok(Some(Filter {
            idle_ms_min,
            count: usize::try_from(integer(args.at(at + 2))?).unwrap_or(0),
            start: parse_start(args.at(at))?,
            end: parse_end(args.at(at + 1))?,
            consumer: args.get(at + 3),
        }))
    }

    fn write(&self, reply: &mut Reply, group: &ConsumerGroup, now_ms: i64) {
        let fits = |(_, pending): &(StreamId, &Pending)| {
            self.idle_ms_min == 0 || pending.idle_ms(now_ms) >= self.idle_ms_min
        };
        let at = reply.deferred();
        let mut count = 0;
        let mut write = |(id, pending): (StreamId, &Pending)| {
            reply.array(4);
            reply_id(reply, id);
            reply.bulk(group.consumer(pending.consumer).name());
            reply.integer(pending.idle_ms(now_ms).max(0));
            reply.integer(pending.delivery_count as i64);
            count += 1;
        };
        match self.consumer.map(|name| group.find_consumer(name)) {
            None => group
                .pending_range(self.start, self.end)
                .filter(fits)
                .take(self.count)
                .for_each(&mut write),
            Some(Some(consumer)) => group
                .pending_range_of(consumer, self.start, self.end)
                .filter(fits)
                .take(self.count)
                .for_each(&mut write),
            Some(None) => {}
        }
        reply.finish_array(at, count);
    }
}

fn xpending(context: &mut Context<'_, '_>) -> CommandResult {
    let filter = Filter::parse(context)?;
    let (key, name, now_ms) = (context.arg(1), context.arg(2), context.now_ms());
    let group = context
        .data
        .read::<Stream>(key)?
        .and_then(|stream| stream.group(name))
        .ok_or_else(|| no_key_or_group(key, name))?;
    match filter {
        None => write_summary(context.reply, group),
        Some(filter) => filter.write(context.reply, group, now_ms),
    }
    Ok(())
}

fn write_summary(reply: &mut Reply, group: &ConsumerGroup) {
    reply.array(4);
    reply.count(group.pending_len());
    let Some((first, last)) = group.pending_bounds() else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    reply_id(reply, first);
    reply_id(reply, last);
    let at = reply.deferred();
    let mut count = 0;
    for (_, consumer) in group.consumers().filter(|(_, c)| c.pending_len() > 0) {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_integer(consumer.pending_len() as i64);
        count += 1;
    }
    reply.finish_array(at, count);
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    fn with_pending() -> Runner {
        let mut run = Runner::default();
        run.now_ms = 1000;
        run.run("XGROUP CREATE s g 0 MKSTREAM");
        for n in 1..=3 {
            run.run(&format!("XADD s {n} f v"));
        }
        run.run("XREADGROUP GROUP g a COUNT 2 STREAMS s >");
        run.now_ms = 1500;
        run.run("XREADGROUP GROUP g b STREAMS s >");
        run.now_ms = 2000;
        run
    }

    #[test]
    fn acknowledging() {
        let mut run = with_pending();
        let invalid = "-ERR Invalid stream ID specified as stream command argument";
        assert_eq!(run.run("XACK s g 1 x"), invalid);
        assert_eq!(run.run("XACK s g 1 1 9 3-0"), ":2");
        assert_eq!((run.dirty, run.events.len()), (2, 0));
        assert_eq!(run.run("XACK s h 1 x"), ":0");
        assert_eq!(run.run("XACK missing g 1"), ":0");
        assert_eq!(run.run("XPENDING s g"), "*4 :1 $3 2-0 $3 2-0 *1 *2 $1 a $1 1");
        run.run("XACK s g 2");
        assert_eq!(run.run("XPENDING s g"), "*4 :0 $-1 $-1 *-1");
    }

    #[test]
    fn entry_by_entry() {
        let mut run = with_pending();
        assert_eq!(
            run.run("XPENDING s g - + 10"),
            "*3 *4 $3 1-0 $1 a :1000 :1 *4 $3 2-0 $1 a :1000 :1 *4 $3 3-0 $1 b :500 :1"
        );
        assert_eq!(run.run("XPENDING s g - + 10 b"), "*1 *4 $3 3-0 $1 b :500 :1");
        assert_eq!(run.run("XPENDING s g - + 10 nobody"), "*0");
        assert_eq!(run.run("XPENDING s g (1 + 1"), "*1 *4 $3 2-0 $1 a :1000 :1");
        assert_eq!(
            run.run("XPENDING s g IDLE 600 (1 + 10 a"),
            "*1 *4 $3 2-0 $1 a :1000 :1"
        );
        assert_eq!(run.run("XPENDING s g IDLE 600 - +"), "-ERR syntax error");
        assert_eq!(run.run("XPENDING s g - +"), "-ERR syntax error");
        assert_eq!(run.run("XPENDING s g - + -1"), "*0");
        assert_eq!(
            run.run("XPENDING s h"),
            "-NOGROUP No such key 's' or consumer group 'h'"
        );
    }
}
