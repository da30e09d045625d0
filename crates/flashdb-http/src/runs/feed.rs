//! What comes out of a command that goes on: read off its connection by a task of its own, so that a viewer who takes nothing
//! holds up neither the engine nor what others publish. What the viewer has not taken waits here, within bounds; beyond them
//! the oldest goes, and is counted.

use crate::caller::now_ms;
use crate::json::Bytes;
use crate::thin::{KEPT_BYTES, Thinner};
use flashdb_resp::reply::{ReplyLimits, ReplyParser, Value};
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Rows that wait for the viewer.
pub(super) const ROWS_MAX: usize = 1000;
/// Bytes that they take.
pub(super) const ROWS_BYTES_MAX: usize = 256 << 10;
/// Bytes that a row takes beside its words.
const ROW_BYTES: usize = 96;
/// Bytes of the answer of a command that waits, as of any other over HTTP.
const REPLY_BYTES_MAX: usize = 8 << 20;
const REPLY_LIMITS: ReplyLimits = ReplyLimits {
    depth_max: 32,
    bulk_bytes_max: REPLY_BYTES_MAX,
    line_bytes_max: 64 << 10,
    elements_max: 100_000,
};
const READ_BYTES: usize = 16 << 10;
/// Bytes that are kept of a line of MONITOR, which has all words of a command in it.
const LINE_BYTES_MAX: usize = 4 << 10;

/// What a command does that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// It listens to channels.
    Subscribe,
    /// It is shown all commands.
    Monitor,
    /// It waits, and answers once.
    Blocking,
}

/// How it ended.
#[derive(Debug)]
pub(super) enum End {
    /// With an answer: that of a command that waited, or an error.
    Reply(Value),
    /// There is nothing left that it listens to.
    Unsubscribed,
    /// The engine closed the connection: it was killed, or may no longer listen.
    Closed,
    /// Its answer is larger than may be.
    TooLarge,
}

/// What has come, as it came: most of what is dropped is never looked at.
enum Came {
    Push(Vec<Value>),
    Error(Vec<u8>),
    /// A line of MONITOR, and how long it was.
    Line(Vec<u8>, u64),
}

/// A row as it is shown.
#[derive(Debug, Default, Serialize)]
pub(super) struct Row {
    /// When it came, Unix ms.
    t: i64,
    /// `message`, `pmessage`, `smessage`, a confirmation such as `subscribe`, `command` or `error`.
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<Bytes>,
    /// What was published, the line of MONITOR, or the error.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Bytes>,
    /// Subscriptions after a confirmation.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<i64>,
}

impl Came {
    fn bytes(&self) -> usize {
        let words = match self {
            Came::Push(words) => words.iter().map(weight).sum(),
            Came::Error(text) | Came::Line(text, _) => text.len(),
        };
        words + ROW_BYTES
    }

    fn into_row(self, t: i64) -> Row {
        match self {
            Came::Push(words) => row_of(t, words),
            Came::Error(text) => Row {
                t,
                kind: "error".to_owned(),
                message: Some(text.into()),
                ..Row::default()
            },
            Came::Line(line, whole_bytes) => Row {
                t,
                kind: "command".to_owned(),
                message: Some(Bytes::part(
                    line.clone(),
                    (whole_bytes > line.len() as u64).then_some(whole_bytes),
                )),
                ..Row::default()
            },
        }
    }
}

fn row_of(t: i64, words: Vec<Value>) -> Row {
    let mut words = words.into_iter();
    let kind = words.next().and_then(crate::ask::text).unwrap_or_default();
    let kind = String::from_utf8_lossy(&kind).into_owned();
    let mut next = || words.next().unwrap_or(Value::Null);
    let mut row = Row { t, ..Row::default() };
    match kind.as_str() {
        "message" | "smessage" => {
            row.channel = Some(Bytes::cut(next()));
            row.message = Some(Bytes::cut(next()));
        }
        "pmessage" => {
            row.pattern = Some(Bytes::cut(next()));
            row.channel = Some(Bytes::cut(next()));
            row.message = Some(Bytes::cut(next()));
        }
        kind => {
            // Without a name where nothing was listened to.
            let name = next();
            let name = (*name.plain() != Value::Null).then(|| Bytes::cut(name));
            if kind.starts_with('p') {
                row.pattern = name;
            } else {
                row.channel = name;
            }
            row.count = next().integer();
        }
    }
    row.kind = kind;
    row
}

fn weight(value: &Value) -> usize {
    value.plain().bytes().map_or(0, <[u8]>::len)
}

#[derive(Default)]
struct Waiting {
    rows: VecDeque<(i64, Came)>,
    bytes: usize,
    lost: u64,
    end: Option<End>,
    has_ended: bool,
}

/// What waits for the viewer.
#[derive(Default)]
pub(super) struct Feed {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

/// What the viewer is given.
pub(super) struct Taken {
    /// Rows that were dropped before these.
    pub lost: u64,
    pub rows: Vec<Row>,
    /// There is nothing more.
    pub end: Option<End>,
}

impl Feed {
    fn put(&self, came: Came) {
        let mut waiting = self.waiting.lock();
        waiting.bytes += came.bytes();
        waiting.rows.push_back((now_ms(), came));
        while waiting.rows.len() > ROWS_MAX || waiting.bytes > ROWS_BYTES_MAX {
            let Some((_, oldest)) = waiting.rows.pop_front() else {
                break;
            };
            waiting.bytes -= oldest.bytes();
            waiting.lost += 1;
        }
        drop(waiting);
        self.changed.notify_one();
    }

    fn end(&self, end: End) {
        let mut waiting = self.waiting.lock();
        waiting.end.get_or_insert(end);
        waiting.has_ended = true;
        drop(waiting);
        self.changed.notify_one();
    }

    /// Takes what waits; the end once.
    pub fn take(&self) -> Taken {
        let mut waiting = self.waiting.lock();
        waiting.bytes = 0;
        let rows = std::mem::take(&mut waiting.rows);
        let taken = Taken {
            lost: std::mem::take(&mut waiting.lost),
            rows: Vec::new(),
            end: waiting.end.take(),
        };
        drop(waiting);
        let rows = rows.into_iter().map(|(t, came)| came.into_row(t)).collect();
        Taken { rows, ..taken }
    }

    pub fn has_ended(&self) -> bool {
        self.waiting.lock().has_ended
    }

    fn is_empty(&self) -> bool {
        let waiting = self.waiting.lock();
        waiting.rows.is_empty() && waiting.end.is_none()
    }

    /// Waits until there is something to take, and at least until then.
    pub async fn ready(&self, not_before: Instant) {
        while self.is_empty() {
            self.changed.notified().await;
        }
        if !self.has_ended() {
            sleep_until(not_before).await;
        }
    }
}

/// Reads until the end. `skipped` answers come before that of the command.
pub(super) async fn read(mut from: OwnedReadHalf, kind: Kind, skipped: usize, feed: Arc<Feed>) {
    let end = match kind {
        Kind::Subscribe => read_pushes(&mut from, skipped, &feed).await,
        Kind::Monitor => read_lines(&mut from, &feed).await,
        Kind::Blocking => read_reply(&mut from, skipped).await,
    };
    feed.end(end);
}

/// What the connection brings; `None` at its end.
async fn piece<'p>(from: &mut OwnedReadHalf, room: &'p mut [u8]) -> Option<&'p [u8]> {
    match from.read(room).await {
        Ok(0) | Err(_) => None,
        Ok(length) => Some(&room[..length]),
    }
}

async fn read_reply(from: &mut OwnedReadHalf, mut skipped: usize) -> End {
    let (mut parser, mut inbox) = (ReplyParser::new(REPLY_LIMITS), Vec::new());
    let (mut room, mut received_bytes) = (vec![0; READ_BYTES], 0);
    loop {
        let Ok((taken, reply)) = parser.parse(&inbox) else {
            return End::TooLarge;
        };
        inbox.drain(..taken);
        match reply {
            Some(Value::Push(_)) => {}
            Some(reply) if skipped == 0 || reply.is_error() => return End::Reply(reply),
            Some(_) => skipped -= 1,
            None => {
                let Some(piece) = piece(from, &mut room).await else {
                    return End::Closed;
                };
                received_bytes += piece.len();
                if received_bytes > REPLY_BYTES_MAX {
                    return End::TooLarge;
                }
                inbox.extend_from_slice(piece);
            }
        }
    }
}

/// How much is listened to: of shard channels apart, as the engine counts.
#[derive(Default)]
struct Listening {
    has_begun: bool,
    channels: i64,
    shard_channels: i64,
}

impl Listening {
    /// Follows a confirmation; whether nothing is left.
    fn follow(&mut self, push: &[Value]) -> bool {
        let word = push.first().and_then(Value::bytes).unwrap_or_default();
        let Some(kind) = word.strip_suffix(b"subscribe") else {
            return false;
        };
        let count = push.get(2).and_then(Value::integer).unwrap_or(0);
        if kind.starts_with(b"s") {
            self.shard_channels = count;
        } else {
            self.channels = count;
        }
        self.has_begun = true;
        self.channels == 0 && self.shard_channels == 0
    }
}

async fn read_pushes(from: &mut OwnedReadHalf, mut skipped: usize, feed: &Feed) -> End {
    let (mut parser, mut thinner) = (ReplyParser::new(REPLY_LIMITS), Thinner::new(KEPT_BYTES));
    let (mut room, mut inbox) = (vec![0; READ_BYTES], Vec::new());
    let mut listening = Listening::default();
    loop {
        let Some(piece) = piece(from, &mut room).await else {
            return End::Closed;
        };
        thinner.feed(piece, &mut inbox);
        // Each message is one to be cut by itself.
        thinner.forget_kept();
        let mut at = 0;
        loop {
            let Ok((taken, reply)) = parser.parse(&inbox[at..]) else {
                return End::TooLarge;
            };
            at += taken;
            match reply {
                None => break,
                Some(Value::Push(push)) => {
                    let is_over = listening.follow(&push);
                    feed.put(Came::Push(push));
                    if is_over {
                        return End::Unsubscribed;
                    }
                }
                Some(Value::Error(text)) if listening.has_begun => feed.put(Came::Error(text)),
                Some(reply) if skipped == 0 || reply.is_error() => return End::Reply(reply),
                Some(_) => skipped -= 1,
            }
        }
        inbox.drain(..at);
    }
}

/// Lines, of each its beginning: one of MONITOR is as long as the command that it shows.
#[derive(Default)]
struct Lines {
    kept: Vec<u8>,
    bytes: u64,
}

impl Lines {
    /// Takes a piece, and tells of each line that it ends.
    fn feed(&mut self, piece: &[u8], mut tell: impl FnMut(Vec<u8>, u64)) {
        for part in piece.split_inclusive(|&byte| byte == b'\n') {
            let whole = part.strip_suffix(b"\n");
            let part = whole.unwrap_or(part);
            let room = LINE_BYTES_MAX.saturating_sub(self.kept.len());
            self.kept.extend_from_slice(&part[..part.len().min(room)]);
            self.bytes += part.len() as u64;
            if whole.is_none() {
                continue;
            }
            let mut line = std::mem::take(&mut self.kept);
            let mut bytes = std::mem::take(&mut self.bytes);
            // The carriage return, which is kept of lines that are not cut.
            bytes = bytes.saturating_sub(1);
            line.truncate(usize::try_from(bytes).unwrap_or(usize::MAX));
            tell(line, bytes);
        }
    }
}

async fn read_lines(from: &mut OwnedReadHalf, feed: &Feed) -> End {
    let (mut lines, mut room) = (Lines::default(), vec![0; READ_BYTES]);
    let (mut has_begun, mut refusal) = (false, None);
    while let Some(piece) = piece(from, &mut room).await {
        lines.feed(piece, |mut line, bytes| {
            if line.first() == Some(&b'-') && !has_begun {
                refusal = Some(line.split_off(1));
            } else if std::mem::replace(&mut has_begun, true) && !line.is_empty() {
                // Without the mark of a status.
                feed.put(Came::Line(line.split_off(1), bytes.saturating_sub(1)));
            }
        });
        if let Some(text) = refusal {
            return End::Reply(Value::Error(text));
        }
    }
    End::Closed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(words: &[&str]) -> Vec<Value> {
        let word = |word: &&str| Value::Bulk(word.as_bytes().to_vec());
        words.iter().map(word).collect()
    }

    #[test]
    fn what_is_not_taken_is_bounded_in_number_and_counted() {
        let feed = Feed::default();
        for n in 0..ROWS_MAX + 7 {
            feed.put(Came::Push(push(&["message", "c", &n.to_string()])));
        }
        let taken = feed.take();
        assert_eq!((taken.rows.len(), taken.lost), (ROWS_MAX, 7));
        assert_eq!(taken.rows[0].message, Some(Bytes::Text("7".to_owned())));
        let taken = feed.take();
        assert_eq!((taken.rows.len(), taken.lost), (0, 0));
    }

    #[test]
    fn what_is_not_taken_is_bounded_in_bytes() {
        let feed = Feed::default();
        let long = "x".repeat(KEPT_BYTES);
        for _ in 0..40 {
            feed.put(Came::Push(push(&["message", "c", &long])));
        }
        let bytes = feed.waiting.lock().bytes;
        assert!(bytes <= ROWS_BYTES_MAX, "{bytes}");
        let taken = feed.take();
        assert_eq!(taken.rows.len() as u64 + taken.lost, 40);
        assert!(taken.rows.len() >= 14, "{}", taken.rows.len());
        assert_eq!(feed.waiting.lock().bytes, 0);
    }

    #[test]
    fn lines_come_whole_however_they_are_cut_and_long_ones_are_cut() {
        let long = format!("+{}\r\n", "y".repeat(LINE_BYTES_MAX * 2));
        let bytes = [b"+OK\r\n+one\r\n".as_slice(), long.as_bytes(), b"+two\r\n"].concat();
        for step in [1, 2, 7, 4096, bytes.len()] {
            let (mut lines, mut told) = (Lines::default(), Vec::new());
            for piece in bytes.chunks(step) {
                lines.feed(piece, |line, bytes| told.push((line, bytes)));
            }
            assert_eq!(told.len(), 4, "{step}");
            assert_eq!(told[1], (b"+one".to_vec(), 4));
            assert_eq!(told[2].0.len(), LINE_BYTES_MAX);
            assert_eq!(told[2].1, LINE_BYTES_MAX as u64 * 2 + 1);
            assert_eq!(told[3], (b"+two".to_vec(), 4));
        }
    }

    #[test]
    fn listening_is_over_with_the_last_of_both_kinds() {
        let confirm = |word: &str, count| {
            let mut words = push(&[word, "c"]);
            words.push(Value::Integer(count));
            words
        };
        let mut listening = Listening::default();
        assert!(!listening.follow(&confirm("subscribe", 1)));
        assert!(!listening.follow(&confirm("ssubscribe", 1)));
        assert!(!listening.follow(&push(&["message", "c", "0"])));
        assert!(!listening.follow(&confirm("unsubscribe", 0)));
        assert!(listening.follow(&confirm("sunsubscribe", 0)));
    }

    #[test]
    fn a_row_has_the_parts_of_its_kind() {
        let view = |row: Row| serde_json::to_value(row).expect("JSON");
        let row = view(row_of(5, push(&["pmessage", "n*", "news", "hi"])));
        assert_eq!(
            row,
            serde_json::json!({"t": 5, "kind": "pmessage", "pattern": "n*", "channel": "news", "message": "hi"})
        );
        let mut none = push(&["unsubscribe"]);
        none.extend([Value::Null, Value::Integer(0)]);
        assert_eq!(
            view(row_of(5, none)),
            serde_json::json!({"t": 5, "kind": "unsubscribe", "count": 0})
        );
    }
}
