//! XINFO: a look at streams, groups and consumers.

use super::range::reply_entries;
use super::{no_group, reply_entry, reply_id, subcommand_syntax};
use crate::args::{integer, is};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::help;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_resp::Reply;
use flashdb_types::stream::{Consumer, ConsumerId, Entries, Entry, Group as ConsumerGroup, Stream, StreamId};

pub(super) static XINFO: CommandSpec = CommandSpec {
    name: "xinfo",
    summary: "Commands that look into streams.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "Depends on the subcommand",
    arity: -2,
    reply: "Depends on the subcommand.",
    subcommands: &[&CONSUMERS, &GROUPS, &HELP, &STREAM],
    ..CommandSpec::EMPTY
};

static HELP: CommandSpec = help::row("xinfo", "5.0.0", Group::Stream, |context| {
    help::reply(context, &XINFO)
});

static CONSUMERS: CommandSpec = CommandSpec {
    name: "consumers",
    container: "xinfo",
    summary: "Shows the consumers of a group.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(N) for N consumers",
    arity: 4,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(2, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key"), Arg::string("group")],
    reply: "For each consumer its name, number of pending entries, and idle times.",
    history: &[("7.2.0", "`inactive` was added.")],
    tips: &["nondeterministic_output"],
    handler: consumers,
    ..CommandSpec::EMPTY
};

fn consumers(context: &mut Context<'_, '_>) -> CommandResult {
    let (key, name, now_ms) = (context.arg(2), context.arg(3), context.now_ms());
    let stream = context.data.read::<Stream>(key)?.ok_or(error::NO_SUCH_KEY)?;
    let group = stream.group(name).ok_or_else(|| no_group(key, name))?;
    let reply = &mut *context.reply;
    reply.array(group.consumer_count());
    for (_, consumer) in group.consumers() {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(consumer.name());
        reply.bulk(b"pending");
        reply.count(consumer.pending_len());
        reply.bulk(b"idle");
        reply.integer(now_ms.saturating_sub(consumer.seen_time_ms()).max(0));
        reply.bulk(b"inactive");
        reply.integer(match consumer.active_time_ms() {
            Some(at_ms) => now_ms.saturating_sub(at_ms).max(0),
            None => -1,
        });
    }
    Ok(())
}

static GROUPS: CommandSpec = CommandSpec {
    name: "groups",
    container: "xinfo",
    summary: "Describes each consumer group of a stream.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(N) for N groups",
    arity: 3,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(2, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key")],
    reply: "For each group its name, numbers of consumers and pending entries, position and lag.",
    history: &[("7.0.0", "`entries-read` and `lag` were added.")],
    handler: groups,
    ..CommandSpec::EMPTY
};

fn groups(context: &mut Context<'_, '_>) -> CommandResult {
    let stream = context
        .data
        .read::<Stream>(context.args.at(2))?
        .ok_or(error::NO_SUCH_KEY)?;
    let reply = &mut *context.reply;
    reply.array(stream.groups().len());
    for group in stream.groups() {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(group.name());
        reply.bulk(b"consumers");
        reply.count(group.consumer_count());
        reply.bulk(b"pending");
        reply.count(group.pending_len());
        write_position(reply, group, stream);
    }
    Ok(())
}

/// Three pairs: the last delivered id, the entries read, the lag.
fn write_position(reply: &mut Reply, group: &ConsumerGroup, entries: &Entries) {
    reply.bulk(b"last-delivered-id");
    reply_id(reply, group.last_delivered_id());
    reply.bulk(b"entries-read");
    match group.entries_read() {
        Some(read) => reply.integer(read as i64),
        None => reply.null(),
    }
    reply.bulk(b"lag");
    match group.lag(entries) {
        Some(lag) => reply.integer(lag),
        None => reply.null(),
    }
}

static STREAM: CommandSpec = CommandSpec {
    name: "stream",
    container: "xinfo",
    summary: "Shows a stream: its counters and edges, or with FULL its entries and groups.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(1), with FULL O(N) for N entries, groups and consumers shown",
    arity: -3,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(2, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[
        Arg::key("key"),
        Arg::block(
            "full-block",
            &[
                Arg::word("full", "FULL"),
                Arg::integer("count").with_token("COUNT").optional(),
            ],
        )
        .optional(),
    ],
    reply: "Names and values.",
    history: &[
        ("6.0.0", "`FULL` was added."),
        (
            "7.0.0",
            "Tells `max-deleted-entry-id`, `recorded-first-entry-id`, `entries-added`; of groups also `entries-read` and `lag`.",
        ),
        (
            "7.2.0",
            "`active-time` was added, and `seen-time` tells of attempts too.",
        ),
    ],
    handler: stream,
    ..CommandSpec::EMPTY
};

/// Entries shown in each list of FULL without COUNT.
const FULL_COUNT: usize = 10;

/// How many of each list FULL shows; `None` without FULL.
fn full_count(context: &Context<'_, '_>) -> Result<Option<usize>, ErrorReply> {
    let args = context.args;
    let syntax = || subcommand_syntax("XINFO", args.at(1));
    match args.len() {
        3 => return Ok(None),
        4 | 6 if is(args.at(3), "full") => {}
        _ => return Err(syntax()),
    }
    match args.get(4) {
        None => Ok(Some(FULL_COUNT)),
        Some(word) if is(word, "count") => Ok(Some(match integer(args.at(5))? {
            0 => usize::MAX,
            count => usize::try_from(count).unwrap_or(FULL_COUNT),
        })),
        Some(_) => Err(syntax()),
    }
}

fn stream(context: &mut Context<'_, '_>) -> CommandResult {
    let stream = context
        .data
        .read::<Stream>(context.args.at(2))?
        .map(|_| ())
        .ok_or(error::NO_SUCH_KEY);
    stream?;
    let full = full_count(context)?;
    let Some(stream) = context.data.peek_as::<Stream>(context.args.at(2))? else {
        return Err(error::NO_SUCH_KEY);
    };
    let reply = &mut *context.reply;
    reply.map(if full.is_some() { 9 } else { 10 });
    write_counters(reply, stream);
    match full {
        Some(count_max) => write_full(reply, stream, count_max),
        None => {
            reply.bulk(b"groups");
            reply.count(stream.groups().len());
            reply.bulk(b"first-entry");
            write_edge(reply, stream.iter().next());
            reply.bulk(b"last-entry");
            write_edge(reply, stream.last());
        }
    }
    Ok(())
}

/// Seven pairs. The blocks of entries stand for Redis's radix tree.
fn write_counters(reply: &mut Reply, stream: &Stream) {
    reply.bulk(b"length");
    reply.integer(stream.len() as i64);
    reply.bulk(b"radix-tree-keys");
    reply.count(stream.block_count());
    reply.bulk(b"radix-tree-nodes");
    reply.count(stream.block_count() + 1);
    let ids: [(&[u8], StreamId); 2] = [
        (b"last-generated-id", stream.last_id()),
        (b"max-deleted-entry-id", stream.max_deleted_id()),
    ];
    for (name, id) in ids {
        reply.bulk(name);
        reply_id(reply, id);
    }
    reply.bulk(b"entries-added");
    reply.integer(stream.entries_added() as i64);
    reply.bulk(b"recorded-first-entry-id");
    reply_id(reply, stream.first_id());
}

fn write_edge(reply: &mut Reply, entry: Option<Entry<'_>>) {
    match entry {
        Some(entry) => reply_entry(reply, entry),
        None => reply.null(),
    }
}

fn write_full(reply: &mut Reply, stream: &Stream, count_max: usize) {
    reply.bulk(b"entries");
    reply_entries(reply, stream.iter().take(count_max));
    reply.bulk(b"groups");
    reply.array(stream.groups().len());
    for group in stream.groups() {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(group.name());
        write_position(reply, group, stream);
        reply.bulk(b"pel-count");
        reply.count(group.pending_len());
        reply.bulk(b"pending");
        reply.array(group.pending_len().min(count_max));
        for (id, pending) in group.pending_range(StreamId::MIN, StreamId::MAX).take(count_max) {
            reply.array(4);
            reply_id(reply, id);
            reply.bulk(group.consumer(pending.consumer).name());
            reply.integer(pending.delivery_time_ms);
            reply.integer(pending.delivery_count as i64);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumer_count());
        for (id, consumer) in group.consumers() {
            write_consumer(reply, group, id, consumer, count_max);
        }
    }
}

fn write_consumer(
    reply: &mut Reply,
    group: &ConsumerGroup,
    id: ConsumerId,
    consumer: &Consumer,
    count_max: usize,
) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    reply.bulk(b"seen-time");
    reply.integer(consumer.seen_time_ms());
    reply.bulk(b"active-time");
    reply.integer(consumer.active_time_ms().unwrap_or(-1));
    reply.bulk(b"pel-count");
    reply.count(consumer.pending_len());
    reply.bulk(b"pending");
    reply.array(consumer.pending_len().min(count_max));
    for (id, pending) in group
        .pending_range_of(id, StreamId::MIN, StreamId::MAX)
        .take(count_max)
    {
        reply.array(3);
        reply_id(reply, id);
        reply.integer(pending.delivery_time_ms);
        reply.integer(pending.delivery_count as i64);
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn looks() {
        let mut run = Runner::default();
        run.now_ms = 1000;
        run.run("XADD s 1 f v");
        run.run("XADD s 2 f v");
        run.run("XDEL s 1");
        run.run("XGROUP CREATE s g 0");
        run.run("XGROUP CREATECONSUMER s g idle");
        run.now_ms = 1500;
        run.run("XREADGROUP GROUP g c STREAMS s >");
        run.now_ms = 2000;
        assert_eq!(
            run.run("XINFO STREAM s"),
            "*20 $6 length :1 $15 radix-tree-keys :1 $16 radix-tree-nodes :2 $17 last-generated-id $3 2-0 \
             $20 max-deleted-entry-id $3 1-0 $13 entries-added :2 $23 recorded-first-entry-id $3 2-0 \
             $6 groups :1 $11 first-entry *2 $3 2-0 *2 $1 f $1 v $10 last-entry *2 $3 2-0 *2 $1 f $1 v"
        );
        assert_eq!(
            run.run("XINFO GROUPS s"),
            "*1 *12 $4 name $1 g $9 consumers :2 $7 pending :1 $17 last-delivered-id $3 2-0 \
             $12 entries-read :2 $3 lag :0"
        );
        assert_eq!(
            run.run("XINFO CONSUMERS s g"),
            "*2 *8 $4 name $1 c $7 pending :1 $4 idle :500 $8 inactive :500 \
             *8 $4 name $4 idle $7 pending :0 $4 idle :1000 $8 inactive :-1"
        );
        let full = run.run("XINFO STREAM s FULL COUNT 0");
        assert!(full.ends_with(
            "$9 pel-count :1 $7 pending *1 *4 $3 2-0 $1 c :1500 :1 $9 consumers *2 \
             *10 $4 name $1 c $9 seen-time :1500 $11 active-time :1500 $9 pel-count :1 $7 pending *1 *3 $3 2-0 :1500 :1 \
             *10 $4 name $4 idle $9 seen-time :1000 $11 active-time :-1 $9 pel-count :0 $7 pending *0"
        ));
    }

    #[test]
    fn mistakes() {
        let mut run = Runner::default();
        assert_eq!(run.run("XINFO STREAM s"), "-ERR no such key");
        run.run("XADD s 1 f v");
        let syntax = "-ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.";
        for words in ["x", "FULL COUNT", "FULL x 1", "FULL COUNT 1 2"] {
            assert_eq!(run.run(&format!("XINFO STREAM s {words}")), syntax);
        }
        assert_eq!(
            run.run("XINFO CONSUMERS s g"),
            "-NOGROUP No such consumer group 'g' for key name 's'"
        );
        assert!(run.run("XINFO HELP").contains("CONSUMERS"));
    }
}
