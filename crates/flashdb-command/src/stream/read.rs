//! XREAD, and the grammar that it shares with XREADGROUP. A client that waits is served by a second
//! run of the same handler, so ids that say "from now on" are resolved before it goes to sleep.

use super::{parse_id, reply_entry, reply_id};
use crate::args::{Cursor, deadline_of_ms};
use crate::context::{CommandResult, Context, OnTimeout};
use crate::error::{self, ErrorReply};
use crate::key_spec::{Begin, Find, InvalidKeys, KeyFlags, KeyPositions, KeySpec};
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_resp::{Args, Deferred, OwnedArgs, Reply};
use flashdb_types::stream::{Entry, Stream, StreamId};

/// Entries that a client which had to wait gets at most from a stream if it gave no COUNT.
const COUNT_AFTER_WAIT: usize = 1000;

pub(super) static XREAD: CommandSpec = CommandSpec {
    name: "xread",
    summary: "Returns the entries of streams behind given ids, and may wait for some to come.",
    since: "5.0.0",
    group: Group::Stream,
    complexity: "O(N) for N entries returned; who adds an entry pays O(M) to serve M clients waiting for it",
    arity: -4,
    flags: Flags::BLOCKING.and(Flags::READONLY).and(Flags::MOVABLE_KEYS),
    keys: &[keys(1)],
    keys_of: Some(keys_of),
    args: &[
        Arg::integer("count").with_token("COUNT").optional(),
        Arg::integer("milliseconds").with_token("BLOCK").optional(),
        STREAMS_ARG,
    ],
    reply: "For each stream with such entries its key and them; null if there are none.",
    handler: xread,
    ..CommandSpec::EMPTY
};

pub(super) const STREAMS_ARG: Arg = Arg::block(
    "streams",
    &[Arg::key("key").multiple(), Arg::string("id").multiple()],
)
.with_token("STREAMS");

pub(super) const fn keys(search_from: i32) -> KeySpec {
    KeySpec {
        begin: Begin::Keyword("STREAMS", search_from),
        find: Find::Range {
            last: -1,
            step: 1,
            limit: 2,
        },
        flags: KeyFlags::RO.and(KeyFlags::ACCESS),
        notes: "",
    }
}

/// Finds the keys as the handlers do: a group may be called STREAMS.
pub(super) fn keys_of(args: &Args<'_>) -> Result<KeyPositions, InvalidKeys> {
    let mut words = Cursor::new(*args, 1);
    while words.remaining() > 0 {
        let taken = words.take("noack")
            || skip(&mut words, "count", 1)
            || skip(&mut words, "block", 1)
            || skip(&mut words, "group", 2);
        if taken {
            continue;
        }
        let is_streams = words.take_with("streams", 1);
        let (first, rest) = (words.position(), words.remaining());
        if !is_streams || !rest.is_multiple_of(2) {
            break;
        }
        return Ok((first..first + rest / 2).map(|at| at as u32).collect());
    }
    Err(InvalidKeys)
}

fn skip(words: &mut Cursor<'_>, keyword: &str, values: usize) -> bool {
    let taken = words.take_with(keyword, values);
    for _ in 0..if taken { values } else { 0 } {
        // There are as many: `take_with` has looked.
        let _ = words.word();
    }
    taken
}

/// A parsed XREAD or XREADGROUP.
pub(super) struct ReadRequest<'a> {
    args: Args<'a>,
    /// BLOCK's deadline; the outer `None` without BLOCK.
    pub deadline_ms: Option<Option<i64>>,
    /// COUNT; 0 or none means all.
    count: usize,
    /// Group and consumer.
    pub reader: Option<(&'a [u8], &'a [u8])>,
    pub no_ack: bool,
    keys_at: usize,
    pub streams: usize,
}

impl<'a> ReadRequest<'a> {
    pub(super) fn parse(context: &Context<'a, '_>) -> Result<Self, ErrorReply> {
        let args = context.args;
        let in_group = context.spec.name == "xreadgroup";
        let mut request = ReadRequest {
            args,
            deadline_ms: None,
            count: 0,
            reader: None,
            no_ack: false,
            keys_at: 0,
            streams: 0,
        };
        let mut words = Cursor::new(args, 1);
        while words.remaining() > 0 {
            if words.take_with("block", 1) {
                if context.mode.in_script {
                    let name = String::from_utf8_lossy(args.at(0));
                    return Err(ErrorReply::new(format!(
                        "ERR {name} command is not allowed with BLOCK option from scripts"
                    )));
                }
                request.deadline_ms = Some(deadline_of_ms(words.word()?, context.now_ms())?);
            } else if words.take_with("count", 1) {
                request.count = usize::try_from(words.integer()?).unwrap_or(0);
            } else if words.take_with("streams", 1) {
                request.keys_at = words.position();
                request.streams = words.remaining() / 2;
                if !words.remaining().is_multiple_of(2) {
                    return Err(ErrorReply::fixed(
                        "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
                    ));
                }
                break;
            } else if words.take_with("group", 2) {
                only_in_group(in_group, "GROUP")?;
                request.reader = Some((words.word()?, words.word()?));
            } else if words.take("noack") {
                only_in_group(in_group, "NOACK")?;
                request.no_ack = true;
            } else {
                return Err(error::SYNTAX);
            }
        }
        if request.streams == 0 {
            return Err(error::SYNTAX);
        }
        Ok(request)
    }

    pub(super) fn key(&self, stream: usize) -> &'a [u8] {
        self.args.at(self.keys_at + stream)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'a [u8]> {
        (self.keys_at..self.keys_at + self.streams).map(|at| self.args.at(at))
    }

    /// The word that says from where to read a stream.
    pub(super) fn id_word(&self, stream: usize) -> &'a [u8] {
        self.args.at(self.keys_at + self.streams + stream)
    }

    /// Most entries to return from one stream.
    pub(super) fn count_max(&self, has_waited: bool) -> usize {
        match self.count {
            0 if has_waited => COUNT_AFTER_WAIT,
            0 => usize::MAX,
            count => count,
        }
    }

    /// The same request with the ids given.
    fn with_ids(&self, ids: &[StreamId]) -> OwnedArgs {
        let ids: Vec<String> = ids.iter().map(StreamId::to_string).collect();
        let head = (0..self.keys_at + self.streams).map(|at| self.args.at(at));
        OwnedArgs::from_words(head.chain(ids.iter().map(String::as_bytes)))
    }
}

fn only_in_group(in_group: bool, option: &str) -> CommandResult {
    if in_group {
        return Ok(());
    }
    Err(ErrorReply::new(format!(
        "ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
    )))
}

fn xread(context: &mut Context<'_, '_>) -> CommandResult {
    let request = ReadRequest::parse(context)?;
    let retry = context.mode.retry;
    let ids = (0..request.streams)
        .map(|stream| {
            let last_id = match context.data.read::<Stream>(request.key(stream)) {
                Ok(found) => found.map_or(StreamId::MIN, |stream| stream.last_id()),
                // Who waits for a stream keeps waiting while the key is something else.
                Err(_) if retry => StreamId::MIN,
                Err(wrong_type) => return Err(wrong_type.into()),
            };
            match request.id_word(stream) {
                b"$" => Ok(last_id),
                b">" => Err(ErrorReply::fixed(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
                )),
                word => parse_id(word),
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut answer = Answer::default();
    let count_max = request.count_max(retry);
    for (stream, after) in ids.iter().enumerate() {
        let key = request.key(stream);
        let Ok(Some(found)) = context.data.peek_as::<Stream>(key) else {
            continue;
        };
        let Some(start) = after.next().filter(|start| *start <= found.last_id()) else {
            continue;
        };
        let mut entries = found.range(start, StreamId::MAX).take(count_max).peekable();
        if entries.peek().is_some() {
            let part = answer.begin(context.reply, key);
            let mut count = 0;
            for entry in entries {
                reply_entry(context.reply, entry);
                count += 1;
            }
            answer.end(context.reply, part, count);
        }
    }
    if answer.finish(context.reply) {
        return Ok(());
    }
    match request.deadline_ms {
        None => context.reply.null_array(),
        Some(deadline_ms) => {
            context.block(request.keys(), deadline_ms, OnTimeout::NullArray);
            if let Some(block) = &mut context.block {
                block.request = Some(request.with_ids(&ids));
            }
        }
    }
    Ok(())
}

/// The reply under way: a map from key to entries, or in RESP2 an array of such pairs.
#[derive(Default)]
pub(super) struct Answer {
    at: Option<Deferred>,
    streams: usize,
}

impl Answer {
    /// Writes the key of a stream; its entries follow.
    pub(super) fn begin(&mut self, reply: &mut Reply, key: &[u8]) -> Deferred {
        self.at.get_or_insert_with(|| reply.deferred());
        self.streams += 1;
        if !reply.is_resp3() {
            reply.array(2);
        }
        reply.bulk(key);
        reply.deferred()
    }

    /// Ends the entries of a stream.
    pub(super) fn end(&mut self, reply: &mut Reply, part: Deferred, count: usize) {
        reply.finish_array(part, count);
    }

    /// Completes the reply; false when there was no stream to tell of.
    pub(super) fn finish(self, reply: &mut Reply) -> bool {
        match self.at {
            None => return false,
            Some(at) if reply.is_resp3() => reply.finish_map(at, self.streams),
            Some(at) => reply.finish_array(at, self.streams),
        }
        true
    }
}

/// Writes an entry, or for a deleted one its id and null.
pub(super) fn reply_entry_or_null(reply: &mut Reply, id: StreamId, entry: Option<Entry<'_>>) {
    match entry {
        Some(entry) => reply_entry(reply, entry),
        None => {
            reply.array(2);
            reply_id(reply, id);
            reply.null_array();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;
    use flashdb_resp::{OwnedArgs, Protocol};

    #[test]
    fn reading() {
        let mut run = Runner::default();
        run.run("XADD s 1 f v");
        run.run("XADD s 2 f v");
        run.run("XADD t 5 g w");
        let both = "*2 $1 s *1 *2 $3 2-0 *2 $1 f $1 v *2 $1 t *1 *2 $3 5-0 *2 $1 g $1 w";
        assert_eq!(run.run("XREAD STREAMS s t 1 0-0"), format!("*2 {both}"));
        assert_eq!(
            run.run("XREAD COUNT 1 STREAMS s missing t 0 0 9"),
            "*1 *2 $1 s *1 *2 $3 1-0 *2 $1 f $1 v"
        );
        assert_eq!(run.run("XREAD STREAMS s $"), "*-1");
        run.protocol = Protocol::Resp3;
        assert_eq!(run.run("XREAD STREAMS t 0"), "%1 $1 t *1 *2 $3 5-0 *2 $1 g $1 w");
        assert_eq!(run.run("XREAD STREAMS t 5"), "_");
    }

    #[test]
    fn waiting_resolves_the_ids() {
        let mut run = Runner::default();
        run.run("XADD s 2-1 f v");
        run.now_ms = 1000;
        assert_eq!(run.run("XREAD BLOCK 100 STREAMS s t $ $"), "+(blocked)");
        let wait = run.blocked.take().expect("waits");
        let request = wait.request.expect("ids were resolved");
        let words: Vec<_> = request.as_args().iter().collect();
        assert_eq!(words.join(&b' '), b"XREAD BLOCK 100 STREAMS s t 2-1 0-0");
        assert_eq!(
            (wait.deadline_ms, wait.keys.len(), wait.also_when_gone),
            (Some(1100), 2, false)
        );
        run.run("XADD s 3 f v");
        run.run("XDEL s 3");
        assert_eq!(run.run("XREAD BLOCK 0 STREAMS s 2-1"), "+(blocked)");
        assert_eq!(
            run.run("XREAD BLOCK -1 STREAMS s 2-1"),
            "-ERR timeout is negative"
        );
        assert_eq!(
            run.run("XREAD BLOCK x STREAMS s 2-1"),
            "-ERR timeout is not an integer or out of range"
        );
    }

    #[test]
    fn who_waits_stays_patient() {
        let mut run = Runner::with_strings("s");
        run.mode.retry = true;
        assert_eq!(run.run("XREAD BLOCK 0 STREAMS s 2-1"), "+(blocked)");
        run.mode.retry = false;
        run.mode.in_exec = true;
        assert_eq!(run.run("XREAD BLOCK 0 STREAMS t 2-1"), "*-1");
        run.mode.in_script = true;
        assert_eq!(
            run.run("XREAD BLOCK 0 STREAMS t 2-1"),
            "-ERR XREAD command is not allowed with BLOCK option from scripts"
        );
    }

    #[test]
    fn mistakes() {
        let mut run = Runner::default();
        run.run("SETBIT string 0 1");
        for (words, text) in [
            (
                "STREAMS a b 1",
                "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
            ),
            ("COUNT 1 x y", "ERR syntax error"),
            (
                "GROUP g c STREAMS a 1",
                "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
            ),
            (
                "STREAMS a >",
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
            ),
            (
                "STREAMS a x",
                "ERR Invalid stream ID specified as stream command argument",
            ),
            (
                "STREAMS string 0",
                "WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ] {
            assert_eq!(run.run(&format!("XREAD {words}")), format!("-{text}"));
        }
    }

    #[test]
    fn keys_are_found_behind_any_options() {
        let keys = |line: &str| {
            let words = flashdb_base::split_args::split_args(line.as_bytes()).expect("no quotes");
            let args = OwnedArgs::from_words(words.iter().map(Vec::as_slice));
            super::keys_of(&args.as_args()).map(|at| at.to_vec())
        };
        assert_eq!(keys("XREAD STREAMS a b 1 2"), Ok(vec![2, 3]));
        let odd = "XREADGROUP COUNT 1 GROUP STREAMS c NOACK BLOCK 0 STREAMS a >";
        assert_eq!(keys(odd), Ok(vec![10]));
        assert!(keys("XREAD STREAMS a b 1").is_err());
        assert!(keys("XREAD x STREAMS a 1").is_err());
    }
}
