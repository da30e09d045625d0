//! XREADGROUP: new entries for a consumer, or again what it has pending. Recorded as what became of
//! the group: the consumer, its pending entries with time and count, the group's position.

use super::claim::consumer_of;
use super::read::{Answer, ReadRequest, STREAMS_ARG, keys, keys_of, reply_entry_or_null};
use super::{Given, Position, decide_consumer, decide_position, parse_id, quote, reply_entry};
use crate::context::{CommandResult, Context, OnTimeout};
use crate::error::ErrorReply;
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_types::stream::{Stream, StreamId};

pub(super) static XREADGROUP: CommandSpec = CommandSpec {
    name: "xreadgroup",
    summary: "Returns new or pending entries of streams to a consumer of a group, and may wait for new ones.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(N) for N entries returned; who adds an entry pays O(M) to serve M clients waiting for it",
    arity: -7,
    flags: Flags::BLOCKING.and(Flags::WRITE).and(Flags::MOVABLE_KEYS),
    keys: &[keys(4)],
    keys_of: Some(keys_of),
    args: &[
        Arg::block("group-block", &[Arg::string("group"), Arg::string("consumer")]).with_token("GROUP"),
        Arg::integer("count").with_token("COUNT").optional(),
        Arg::integer("milliseconds").with_token("BLOCK").optional(),
        Arg::word("noack", "NOACK").optional(),
        STREAMS_ARG,
    ],
    reply: "For each stream with such entries its key and them; null if there are none.",
    handler: xreadgroup,
    ..CommandSpec::EMPTY
};

/// What a consumer asks of one stream.
#[derive(Clone, Copy)]
enum From {
    /// `>`: entries that the group has not read yet.
    New,
    /// Its own pending entries behind an id.
    Pending(StreamId),
}

fn xreadgroup(context: &mut Context<'_, '_>) -> CommandResult {
    let request = ReadRequest::parse(context)?;
    let (group, consumer) = request
        .reader
        .ok_or(ErrorReply::fixed("ERR Missing GROUP option for XREADGROUP"))?;
    let wanted = (0..request.streams)
        .map(|stream| wanted(context, &request, stream, group))
        .collect::<Result<Vec<_>, _>>()?;
    let mut answer = Answer::default();
    for (stream, from) in wanted.into_iter().enumerate() {
        let key = request.key(stream);
        let count_max = request.count_max(context.mode.retry);
        let read = Read {
            key,
            group,
            consumer,
            from,
            count_max,
            no_ack: request.no_ack,
        };
        read.carry_out(context, &mut answer)?;
    }
    if answer.finish(context.reply) {
        return Ok(());
    }
    match request.deadline_ms {
        None => context.reply.null_array(),
        Some(deadline_ms) => {
            context.block(request.keys(), deadline_ms, OnTimeout::NullArray);
            if let Some(block) = &mut context.block {
                block.also_when_gone = true;
            }
        }
    }
    Ok(())
}

/// Checks a stream and its group and reads the id. A client that waited gets the reasons for which
/// it cannot wait any longer.
fn wanted(
    context: &mut Context<'_, '_>,
    request: &ReadRequest<'_>,
    stream: usize,
    group: &[u8],
) -> Result<From, ErrorReply> {
    const GONE: ErrorReply = ErrorReply::fixed("UNBLOCKED the stream key no longer exists");
    let key = request.key(stream);
    let retry = context.mode.retry;
    match context.data.read::<Stream>(key) {
        Err(_) | Ok(None) if retry => return Err(GONE),
        Err(wrong_type) => return Err(wrong_type.into()),
        Ok(Some(found)) if found.group(group).is_some() => {}
        Ok(_) if retry => {
            return Err(ErrorReply::fixed(
                "NOGROUP the consumer group this client was blocked on no longer exists",
            ));
        }
        Ok(_) => {
            return Err(quote(&[
                b"NOGROUP No such key '",
                key,
                b"' or consumer group '",
                group,
                b"' in XREADGROUP with GROUP option",
            ]));
        }
    }
    match request.id_word(stream) {
        b">" => Ok(From::New),
        b"$" => Err(ErrorReply::fixed(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
             consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just \
             return an empty result set.",
        )),
        word => Ok(match parse_id(word)? {
            // Redis keeps `>` as this id, so it means the same.
            StreamId::MAX => From::New,
            id => From::Pending(id),
        }),
    }
}

/// One stream of the request.
struct Read<'a> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
    from: From,
    count_max: usize,
    no_ack: bool,
}

impl Read<'_> {
    fn carry_out(&self, context: &mut Context<'_, '_>, answer: &mut Answer) -> CommandResult {
        let now_ms = context.now_ms();
        let Some(mut stream) = context.data.write::<Stream>(self.key)? else {
            return Ok(());
        };
        let Some(mut group) = stream.group_mut(self.group) else {
            return Ok(());
        };
        let entries = group.entries();
        let before = Position::of(&group);
        let (created, consumer) = consumer_of(&mut group, self.consumer, now_ms);
        let reply = &mut *context.reply;
        // Ids whose pending entry is new or changed.
        let mut given: Vec<StreamId> = Vec::new();
        match self.from {
            From::Pending(after) => {
                let part = answer.begin(reply, self.key);
                let count =
                    group.read_history(entries, consumer, after, self.count_max, now_ms, |id, entry| {
                        if entry.is_some() {
                            given.push(id);
                        }
                        reply_entry_or_null(reply, id, entry);
                    });
                answer.end(reply, part, count);
            }
            From::New => {
                let start = group.last_delivered_id().next();
                if start.is_some_and(|start| entries.range(start, StreamId::MAX).next().is_some()) {
                    let part = answer.begin(reply, self.key);
                    let count =
                        group.read_new(entries, consumer, self.count_max, self.no_ack, now_ms, |entry| {
                            if !self.no_ack {
                                given.push(entry.id());
                            }
                            reply_entry(reply, entry);
                        });
                    answer.end(reply, part, count);
                }
            }
        }
        let given = Given {
            key: self.key,
            group: self.group,
            consumer: self.consumer,
            delivery_time_ms: now_ms,
            entries: given
                .into_iter()
                .map(|id| (id, group.pending(id).map_or(1, |pending| pending.delivery_count)))
                .collect(),
        };
        let after = Position::of(&group);
        drop(group);
        drop(stream);
        let moved = (after != before).then_some(after);
        self.settle(context, created, &given, moved);
        Ok(())
    }

    fn settle(
        &self,
        context: &mut Context<'_, '_>,
        created: bool,
        given: &Given<'_>,
        moved: Option<Position>,
    ) {
        let data = &mut *context.data;
        let changed = !given.entries.is_empty() || moved.is_some();
        data.changed_aside(u64::from(changed));
        // Claims make the consumer when they are replayed, and LASTID moves the group.
        let claims = !given.entries.is_empty();
        if created {
            data.changed(self.key, NotifyFlags::STREAM, "xgroup-createconsumer");
            if !claims {
                decide_consumer(data, self.key, self.group, self.consumer);
            }
        }
        if !(data.effects.recording && changed) {
            return;
        }
        match self.from {
            From::New if claims => given.decide_new(data),
            _ => given.decide(data),
        }
        if let (Some(position), false) = (moved, claims) {
            decide_position(data, self.key, self.group, position);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    fn with_entries(count: usize) -> Runner {
        let mut run = Runner::default();
        run.now_ms = 1000;
        run.run("XGROUP CREATE s g 0 MKSTREAM");
        for n in 1..=count {
            run.run(&format!("XADD s {n} f v"));
        }
        run
    }

    #[test]
    fn new_entries() {
        let mut run = with_entries(3);
        assert_eq!(
            run.run("XREADGROUP GROUP g c COUNT 2 STREAMS s >"),
            "*1 *2 $1 s *2 *2 $3 1-0 *2 $1 f $1 v *2 $3 2-0 *2 $1 f $1 v"
        );
        assert_eq!(run.events, ["xgroup-createconsumer s"]);
        assert_eq!(
            run.decided,
            [
                "XCLAIM s g c 0 1-0 TIME 1000 RETRYCOUNT 1 FORCE JUSTID LASTID 1-0",
                "XCLAIM s g c 0 2-0 TIME 1000 RETRYCOUNT 1 FORCE JUSTID LASTID 2-0"
            ]
        );
        assert_eq!(
            run.run("XREADGROUP NOACK GROUP g c STREAMS s >"),
            "*1 *2 $1 s *1 *2 $3 3-0 *2 $1 f $1 v"
        );
        assert_eq!(run.decided, ["XGROUP SETID s g 3-0 ENTRIESREAD 3"]);
        assert_eq!(run.run("XREADGROUP GROUP g c STREAMS s >"), "*-1");
        assert_eq!((run.dirty, run.decided.len()), (0, 0));
        assert_eq!(run.run("XREADGROUP GROUP g c BLOCK 0 STREAMS s >"), "+(blocked)");
        assert_eq!(run.run("XPENDING s g"), "*4 :2 $3 1-0 $3 2-0 *1 *2 $1 c $1 2");
    }

    #[test]
    fn pending_entries_again() {
        let mut run = with_entries(2);
        run.run("XREADGROUP GROUP g c STREAMS s >");
        run.run("XDEL s 1");
        run.now_ms = 3000;
        assert_eq!(
            run.run("XREADGROUP GROUP g c BLOCK 0 STREAMS s 0"),
            "*1 *2 $1 s *2 *2 $3 1-0 *-1 *2 $3 2-0 *2 $1 f $1 v"
        );
        assert_eq!(
            run.decided,
            ["XCLAIM s g c 0 2-0 TIME 3000 RETRYCOUNT 2 FORCE JUSTID"]
        );
        assert_eq!(run.run("XREADGROUP GROUP g c STREAMS s 2"), "*1 *2 $1 s *0");
    }

    #[test]
    fn who_waits_is_told_why_it_cannot() {
        let mut run = with_entries(0);
        let wait = "XREADGROUP GROUP g c BLOCK 0 STREAMS s >";
        assert_eq!(run.run(wait), "+(blocked)");
        assert_eq!(run.decided, ["XGROUP CREATECONSUMER s g c"]);
        assert!(run.blocked.take().is_some_and(|wait| wait.also_when_gone));
        run.mode.retry = true;
        assert_eq!(run.run(wait), "+(blocked)");
        assert_eq!(run.dirty, 0);
        run.run("XGROUP DESTROY s g");
        assert_eq!(
            run.run(wait),
            "-NOGROUP the consumer group this client was blocked on no longer exists"
        );
        let gone = "-UNBLOCKED the stream key no longer exists";
        run.put("s", flashdb_store::Value::String(b"v".to_vec()));
        assert_eq!(run.run(wait), gone);
        run.run("DEL s");
        assert_eq!(run.run(wait), gone);
    }

    #[test]
    fn recorded_effects_replay_to_the_same_group() {
        let mut run = with_entries(5);
        let mut copy = with_entries(5);
        for (at, line) in [
            "XREADGROUP GROUP g c COUNT 3 STREAMS s >",
            "XDEL s 2",
            "XREADGROUP GROUP g c STREAMS s 0",
            "XREADGROUP NOACK GROUP g d COUNT 1 STREAMS s >",
            "XAUTOCLAIM s g d 0 - COUNT 2",
            "XCLAIM s g e 0 3 5 FORCE",
            "XREADGROUP GROUP g f STREAMS s >",
        ]
        .into_iter()
        .enumerate()
        {
            run.now_ms += 10 * at as i64;
            copy.now_ms = run.now_ms;
            run.run(line);
            let effects = std::mem::take(&mut run.decided);
            if effects.is_empty() {
                copy.run(line);
            }
            for effect in effects {
                copy.run(&effect);
            }
            for look in ["XPENDING s g - + 10", "XINFO GROUPS s"] {
                assert_eq!(run.run(look), copy.run(look), "after {line}");
            }
        }
    }

    #[test]
    fn mistakes() {
        let mut run = with_entries(1);
        for (words, start) in [
            (
                "GROUP g c STREAMS s $",
                "ERR The $ ID is meaningless in the context of XREADGROUP",
            ),
            (
                "GROUP h c STREAMS s >",
                "NOGROUP No such key 's' or consumer group 'h' in XREADGROUP with GROUP option",
            ),
            (
                "NOACK COUNT 1 STREAMS s >",
                "ERR Missing GROUP option for XREADGROUP",
            ),
            (
                "GROUP g c COUNT x STREAMS s >",
                "ERR value is not an integer or out of range",
            ),
        ] {
            let reply = run.run(&format!("XREADGROUP {words}"));
            assert!(reply.starts_with(&format!("-{start}")), "{reply}");
        }
    }
}
