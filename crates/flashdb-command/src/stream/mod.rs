//! Streams: rows and handlers. What an entry, a group and a pending entry are is the business of
//! `flashdb_types::stream`; here are the words of the requests, the replies, and the effects that
//! replay to the same stream: chosen ids, exact trims, claims with their time and count.

mod add;
mod claim;
mod group;
mod info;
mod pending;
mod range;
mod read;
mod read_group;
mod trim;

use crate::error::ErrorReply;
use crate::spec::CommandSpec;
use flashdb_base::number::NumberBuffer;
use flashdb_resp::Reply;
use flashdb_store::Access;
use flashdb_types::stream::{Entry, Group, STREAM_ID_TEXT_MAX, StreamId};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &add::XADD,
    &add::XDEL,
    &add::XLEN,
    &add::XSETID,
    &claim::XAUTOCLAIM,
    &claim::XCLAIM,
    &group::XGROUP,
    &info::XINFO,
    &pending::XACK,
    &pending::XPENDING,
    &range::XRANGE,
    &range::XREVRANGE,
    &read::XREAD,
    &read_group::XREADGROUP,
    &trim::XTRIM,
];

const INVALID_ID: ErrorReply =
    ErrorReply::fixed("ERR Invalid stream ID specified as stream command argument");

/// An id without a sequence means sequence 0; `-` and `+` are refused.
fn parse_id(word: &[u8]) -> Result<StreamId, ErrorReply> {
    StreamId::parse(word, 0).ok_or(INVALID_ID)
}

/// As [`parse_id`], with `-` and `+` for the smallest and the largest id.
fn parse_id_or_edge(word: &[u8], missing_seq: u64) -> Result<StreamId, ErrorReply> {
    match word {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        word => StreamId::parse(word, missing_seq).ok_or(INVALID_ID),
    }
}

/// The ids from word `first` to the end of the request.
fn parse_ids(args: &flashdb_resp::Args<'_>, first: usize) -> Result<Vec<StreamId>, ErrorReply> {
    (first..args.len()).map(|at| parse_id(args.at(at))).collect()
}

fn reply_id(reply: &mut Reply, id: StreamId) {
    reply.bulk(id.format(&mut [0; STREAM_ID_TEXT_MAX]));
}

fn reply_entry(reply: &mut Reply, entry: Entry<'_>) {
    reply.array(2);
    reply_id(reply, entry.id());
    reply.array(2 * entry.field_count());
    for (field, value) in entry.fields() {
        reply.bulk(field);
        reply.bulk(value);
    }
}

/// `-NOGROUP No such key … or consumer group …`.
fn no_key_or_group(key: &[u8], group: &[u8]) -> ErrorReply {
    quote(&[
        b"NOGROUP No such key '",
        key,
        b"' or consumer group '",
        group,
        b"'",
    ])
}

/// `-NOGROUP No such consumer group … for key name …`.
fn no_group(key: &[u8], group: &[u8]) -> ErrorReply {
    quote(&[
        b"NOGROUP No such consumer group '",
        group,
        b"' for key name '",
        key,
        b"'",
    ])
}

fn quote(parts: &[&[u8]]) -> ErrorReply {
    ErrorReply::from_bytes(parts.concat())
}

/// The options of a subcommand cannot be understood.
fn subcommand_syntax(container: &str, word: &[u8]) -> ErrorReply {
    quote(&[
        b"ERR unknown subcommand or wrong number of arguments for '",
        word,
        b"'. Try ",
        container.as_bytes(),
        b" HELP.",
    ])
}

// Effects.

/// Records that a consumer came to be.
fn decide_consumer(data: &mut Access<'_>, key: &[u8], group: &[u8], consumer: &[u8]) {
    data.decided([b"XGROUP".as_slice(), b"CREATECONSUMER", key, group, consumer]);
}

/// Records where a group stands.
fn decide_position(data: &mut Access<'_>, key: &[u8], name: &[u8], position: Position) {
    let id = position.last_delivered_id.to_string();
    let mut digits = NumberBuffer::new();
    let entries_read = match position.entries_read {
        Some(read) => digits.format_u64(read),
        None => b"-1",
    };
    data.decided([
        b"XGROUP".as_slice(),
        b"SETID",
        key,
        name,
        id.as_bytes(),
        b"ENTRIESREAD",
        entries_read,
    ]);
}

/// Where a group stands, kept beyond the borrow of the group.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Position {
    last_delivered_id: StreamId,
    entries_read: Option<u64>,
}

impl Position {
    fn of(group: &Group) -> Self {
        Position {
            last_delivered_id: group.last_delivered_id(),
            entries_read: group.entries_read(),
        }
    }
}

/// Pending entries that a command gave to one consumer.
struct Given<'a> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
    delivery_time_ms: i64,
    /// Id and delivery count of each.
    entries: Vec<(StreamId, u64)>,
}

impl Given<'_> {
    /// Records deliveries of new entries: a claim for each, which also moves the group to it.
    fn decide_new(&self, data: &mut Access<'_>) {
        let mut time = NumberBuffer::new();
        let time = time.format_i64(self.delivery_time_ms);
        for (id, count) in &self.entries {
            let (id, mut digits) = (id.to_string(), NumberBuffer::new());
            let id = id.as_bytes();
            let head = [
                b"XCLAIM".as_slice(),
                self.key,
                self.group,
                self.consumer,
                b"0",
                id,
                b"TIME",
                time,
            ];
            let tail = [
                b"RETRYCOUNT".as_slice(),
                digits.format_u64(*count),
                b"FORCE",
                b"JUSTID",
                b"LASTID",
                id,
            ];
            data.decided(head.into_iter().chain(tail));
        }
    }

    /// Records them, a command for each run of equal delivery counts.
    fn decide(&self, data: &mut Access<'_>) {
        let mut time = NumberBuffer::new();
        let time = time.format_i64(self.delivery_time_ms);
        for run in self.entries.chunk_by(|a, b| a.1 == b.1) {
            let mut count = NumberBuffer::new();
            let count = count.format_u64(run[0].1);
            let ids: Vec<String> = run.iter().map(|(id, _)| id.to_string()).collect();
            let head = [b"XCLAIM".as_slice(), self.key, self.group, self.consumer, b"0"];
            let tail = [
                b"TIME".as_slice(),
                time,
                b"RETRYCOUNT",
                count,
                b"FORCE",
                b"JUSTID",
            ];
            let words = head
                .into_iter()
                .chain(ids.iter().map(String::as_bytes))
                .chain(tail);
            data.decided(words);
        }
    }
}
