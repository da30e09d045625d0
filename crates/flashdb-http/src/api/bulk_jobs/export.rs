//! All keys of a prefix, a pattern or a list as a file, sent while it is made: the walk goes as fast as the reader takes, and no
//! more than a few pieces are in memory. What a user may not read, and values too large to be read at once, are named in the file and
//! left out; the last line says how many keys there are, so that a file that was cut off is known for one.

use super::lines::{Entry, Format, quote, reading, write_line};
use super::pace::Pace;
use super::walk::Walk;
use super::wish::{Deed, KEYS_MAX, Matched, Plan, RATE_DEFAULT};
use crate::App;
use crate::api::key::counting;
use crate::api::keys::{Name, check_type, database, kind_of, ttl_of};
use crate::ask::{Conversation, about, integer, items, text, words};
use crate::audit::BulkNote;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::gate::RequestId;
use crate::json::{Bytes, Database, GivenBytes, JsonBody, Query};
use axum::Extension;
use axum::body::{Body, Bytes as Chunk, HttpBody};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flashdb_resp::reply::Value as Reply;
use flashdb_server::engine::{Aim, Identity};
use hyper::body::Frame;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, json};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant as Clock;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Exports at a time.
pub(crate) const EXPORTS_MAX: usize = 4;
/// Keys that are described together.
const TOGETHER: usize = 50;
/// Memory and elements of a value that is read at once, and of values that are read together.
const VALUE_BYTES_MAX: i64 = 1 << 20;
const ELEMENTS_MAX: i64 = 10_000;
/// Keys that are read each second for one of the default rate that is changed: reading leaves no trace.
const READS_PER_CHANGE: u64 = 4;

/// Keys to be exported by name.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportWish {
    #[serde(default)]
    db: Database,
    #[schemars(length(min = 1, max = KEYS_MAX))]
    keys: Vec<GivenBytes>,
    #[serde(default)]
    format: ExportFormat,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ExportFormat {
    #[default]
    Jsonl,
    Commands,
}

/// `GET /export`.
pub(crate) async fn by_match(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = Query::of(query.as_deref());
    let format = match query.given("format") {
        None | Some(b"jsonl") => Format::Json,
        Some(b"commands") => Format::Commands,
        Some(_) => return Err(ApiError::bad_request("format is jsonl or commands")),
    };
    let matched = match (query.get("p"), query.get("match")) {
        (Some(_), Some(_)) => return Err(ApiError::conflict("there can be one of p and match")),
        (_, Some(pattern)) => Matched::Pattern(pattern.to_vec()),
        (prefix, None) => Matched::Prefix(prefix.unwrap_or_default().to_vec()),
    };
    if let Some(kind) = query.given("type") {
        check_type(kind)?;
    }
    let kind = query.given("type");
    let kind = kind.map(|kind| String::from_utf8_lossy(kind).into_owned());
    let plan = plan(database(&app, &query)?, matched, kind);
    begin(app, &caller, plan, format, request_id).await
}

/// `POST /export`.
pub(crate) async fn by_name(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(request_id): Extension<RequestId>,
    JsonBody(wish): JsonBody<ExportWish>,
) -> Result<Response, ApiError> {
    if wish.db.0 >= app.engine.databases_count() as u64 {
        return Err(ApiError::bad_request("there is no such database"));
    }
    if !(1..=KEYS_MAX).contains(&wish.keys.len()) {
        return Err(ApiError::bad_request("keys has to name 1 to 1000 keys"));
    }
    let keys = wish.keys.into_iter().map(GivenBytes::into_vec);
    let matched = Matched::Keys(keys.collect::<Result<_, _>>()?);
    let format = match wish.format {
        ExportFormat::Jsonl => Format::Json,
        ExportFormat::Commands => Format::Commands,
    };
    begin(app, &caller, plan(wish.db.0, matched, None), format, request_id).await
}

fn plan(db: u64, matched: Matched, kind: Option<String>) -> Arc<Plan> {
    Arc::new(Plan {
        db,
        deed: Deed::Persist,
        matched,
        kind,
        rate: RATE_DEFAULT * READS_PER_CHANGE,
        snapshot_first: false,
        confirm: None,
    })
}

async fn begin(
    app: Arc<App>,
    caller: &Caller,
    plan: Arc<Plan>,
    format: Format,
    RequestId(request_id): RequestId,
) -> Result<Response, ApiError> {
    let walks = !matches!(plan.matched, Matched::Keys(_));
    for command in ["type", "pttl", "memory|usage"]
        .into_iter()
        .chain(walks.then_some("scan"))
    {
        if !app.engine.allows(&caller.identity, command) {
            return Err(ApiError::no_right(command));
        }
    }
    let Ok(place) = app.exports.clone().try_acquire_owned() else {
        let message = "as many exports as may are under way";
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", message));
    };
    let mut walk = Walk::new(Aim::Look, &app, &caller.identity, caller.peer, &plan);
    walk.conversation().await?;
    let note = BulkNote {
        trail: app.engine.audit().clone(),
        event: "export",
        job: String::new(),
        user: String::from_utf8_lossy(caller.identity.name()).into_owned(),
        peer: caller.peer,
        request_id,
        request: serde_json::to_string(&plan.which()).unwrap_or_default(),
    };
    let (sender, receiver) = mpsc::channel(1);
    let export = Export {
        identity: caller.identity.clone(),
        peer: caller.peer,
        app,
        plan,
        format,
        sender,
        keys: 0,
        left_out: 0,
    };
    tokio::spawn(async move {
        export.run(walk, &note).await;
        drop(place);
    });
    let (kind, name) = match format {
        Format::Json => (
            "application/x-ndjson",
            "attachment; filename=\"flashdb-keys.jsonl\"",
        ),
        Format::Commands => (
            "text/plain; charset=utf-8",
            "attachment; filename=\"flashdb-keys.txt\"",
        ),
    };
    let mut response = streamed(receiver);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}

/// A piece of the file, or why there are no more: then the connection is cut, and whoever reads knows that it is not whole.
pub(crate) type Piece = Result<Chunk, std::io::Error>;

/// An answer whose body is what comes.
pub(crate) fn streamed(pieces: mpsc::Receiver<Piece>) -> Response {
    Body::new(Pieces(pieces)).into_response()
}

/// The body: pieces as they come.
struct Pieces(mpsc::Receiver<Piece>);

impl HttpBody for Pieces {
    type Data = Chunk;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, std::io::Error>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// An export under way.
struct Export {
    app: Arc<App>,
    identity: Identity,
    peer: SocketAddr,
    plan: Arc<Plan>,
    format: Format,
    sender: mpsc::Sender<Piece>,
    keys: u64,
    left_out: u64,
}

/// A key whose value is to be read.
struct Wanted {
    key: Vec<u8>,
    kind: String,
    ttl_ms: Option<i64>,
    bytes: i64,
    elements: i64,
    request: Vec<Vec<u8>>,
}

impl Export {
    async fn run(mut self, walk: Walk, note: &BulkNote) {
        note.log("begun", 0, 0);
        let outcome = match self.work(walk).await {
            Ok(true) => "done",
            Ok(false) => "aborted",
            Err(error) => {
                // Whoever read may have gone.
                let _ = self.sender.send(Err(std::io::Error::other(error.message))).await;
                "failed"
            }
        };
        note.log(outcome, self.keys, self.left_out);
    }

    /// Writes all of it; false if nobody reads any more.
    async fn work(&mut self, mut walk: Walk) -> Result<bool, ApiError> {
        let mut pace = Pace::new(self.plan.rate);
        while !walk.has_ended() {
            let began = Clock::now();
            let names = walk.step().await?;
            let mut due = pace.looked(began.elapsed(), Instant::now());
            for names in names.chunks(TOGETHER) {
                sleep_until(due).await;
                let began = Clock::now();
                let mut out = Vec::new();
                let wanted = self.describe(&mut walk, names, &mut out).await?;
                let mut wanted = wanted.as_slice();
                while !wanted.is_empty() {
                    let (now, later) = wanted.split_at(readable_together(wanted));
                    wanted = later;
                    self.read(now, &mut out).await?;
                    if !self.send(&mut out).await {
                        return Ok(false);
                    }
                }
                due = pace.changed(names.len(), began.elapsed(), Instant::now());
                if !self.send(&mut out).await {
                    return Ok(false);
                }
            }
            sleep_until(due).await;
        }
        let mut out = Vec::new();
        self.end(&mut out);
        Ok(self.send(&mut out).await)
    }

    /// Sends what there is; false if nobody reads any more. What is read waits here for whoever reads slowly.
    async fn send(&self, out: &mut Vec<u8>) -> bool {
        out.is_empty() || self.sender.send(Ok(std::mem::take(out).into())).await.is_ok()
    }

    /// What the keys are; those whose values can be read.
    async fn describe(
        &mut self,
        walk: &mut Walk,
        names: &[Name],
        out: &mut Vec<u8>,
    ) -> Result<Vec<Wanted>, ApiError> {
        let mut known = Vec::new();
        for (name, whole_bytes) in names {
            match whole_bytes {
                Some(bytes) => self.leave_out(
                    &Bytes::beginning(&name[..name.len().min(256)], *bytes),
                    "its name is longer than 8 KiB",
                    out,
                ),
                None => known.push(name),
            }
        }
        let asks = known.iter().flat_map(|key| {
            let mut usage = words(["MEMORY", "USAGE"]);
            usage.push((*key).clone());
            [about("TYPE", key, []), about("PTTL", key, []), usage]
        });
        let asks: Vec<_> = asks.collect();
        let replies = walk.conversation().await?.ask_all(&asks).await?;
        let (mut wanted, mut counts) = (Vec::new(), Vec::new());
        for (key, replies) in known.into_iter().zip(replies.chunks_exact(3)) {
            let refusal = replies.iter().find_map(|reply| match reply {
                Reply::Error(text) => Some(String::from_utf8_lossy(text).into_owned()),
                _ => None,
            });
            let kind = kind_of(&replies[0]).unwrap_or_default();
            match (refusal, reading(&kind, key)) {
                (Some(refusal), _) => self.leave_out(&key.as_slice().into(), &refusal, out),
                (None, None) if kind == "none" => {}
                (None, None) => self.leave_out(&key.as_slice().into(), "its type has no words here", out),
                (None, Some(request)) => {
                    counts.extend(counting(&kind).map(|command| about(command, key, [])));
                    wanted.push(Wanted {
                        key: key.clone(),
                        kind,
                        ttl_ms: ttl_of(&replies[1]),
                        bytes: integer(&replies[2]).unwrap_or(0),
                        elements: 0,
                        request,
                    });
                }
            }
        }
        let counts = walk.conversation().await?.ask_all(&counts).await?;
        for (one, count) in wanted.iter_mut().zip(&counts) {
            // Of a string that is its bytes, which the memory bounds already.
            one.elements = if one.kind == "string" {
                1
            } else {
                integer(count).unwrap_or(0)
            };
        }
        let (fitting, large): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .partition(|one| one.bytes <= VALUE_BYTES_MAX && one.elements <= ELEMENTS_MAX);
        for one in large {
            let message = format!(
                "it is too large to be read at once: {} bytes, {} elements",
                one.bytes, one.elements
            );
            self.leave_out(&one.key.as_slice().into(), &message, out);
        }
        Ok(fitting)
    }

    /// Reads some values and writes their lines. Where they are more together than may be answered, each is read alone.
    async fn read(&mut self, wanted: &[Wanted], out: &mut Vec<u8>) -> Result<(), ApiError> {
        match self.values(wanted).await {
            Err(error) if is_too_large(&error) => {}
            values => {
                self.write(wanted, values?, out);
                return Ok(());
            }
        }
        for one in wanted.chunks(1) {
            match self.values(one).await {
                Err(error) if is_too_large(&error) => {
                    let message = "it is too large to be read at once: so is the reply that has all of it";
                    self.leave_out(&one[0].key.as_slice().into(), message, out);
                }
                values => self.write(one, values?, out),
            }
        }
        Ok(())
    }

    /// The values, each with what was asked besides.
    async fn values(&self, wanted: &[Wanted]) -> Result<Vec<(Reply, Option<Reply>)>, ApiError> {
        let Some(identity) = self.app.engine.standing(&self.identity) else {
            return Err(ApiError::session_ended());
        };
        // One for each: what a connection is answered in all is bounded, and values are not cut here.
        let mut conversation =
            Conversation::begin_to(Aim::Look, &self.app, self.peer, Some(&identity)).await?;
        if self.plan.db != 0 {
            let select = about("SELECT", self.plan.db.to_string().as_bytes(), []);
            conversation.ask(&select).await?;
        }
        let requests: Vec<_> = wanted.iter().map(|one| one.request.clone()).collect();
        let values = conversation.ask_all(&requests).await?;
        // Asked after the values: what has been added to a key between the two is seen.
        let asks: Vec<_> = wanted
            .iter()
            .zip(&values)
            .map(|(one, value)| unsaid(one, value))
            .collect();
        let requests: Vec<_> = asks.iter().flatten().collect();
        let mut more = conversation.ask_all(&requests).await?.into_iter();
        let more = asks.iter().map(|ask| ask.as_ref().and_then(|_| more.next()));
        Ok(values.into_iter().zip(more).collect())
    }

    fn write(&mut self, wanted: &[Wanted], values: Vec<(Reply, Option<Reply>)>, out: &mut Vec<u8>) {
        for (one, (value, more)) in wanted.iter().zip(values) {
            let message = match fate(&one.kind, &value, more) {
                Fate::Gone => continue,
                Fate::LeftOut(message) => message,
                Fate::Written(field_ttl_ms) => {
                    let entry = Entry {
                        key: &one.key,
                        kind: &one.kind,
                        ttl_ms: one.ttl_ms,
                        value,
                        field_ttl_ms,
                    };
                    match entry.write(self.format, out) {
                        Ok(()) => {
                            self.keys += 1;
                            continue;
                        }
                        Err(message) => message.to_owned(),
                    }
                }
            };
            self.leave_out(&one.key.as_slice().into(), &message, out);
        }
    }

    fn leave_out(&mut self, key: &Bytes, message: &str, out: &mut Vec<u8>) {
        self.left_out += 1;
        match self.format {
            Format::Json => {
                let line = Map::from_iter([("key".into(), json!(key)), ("error".into(), json!(message))]);
                write_line(line, out);
            }
            Format::Commands => {
                out.extend_from_slice(b"# left out: ");
                quote(&key.whole().unwrap_or_default(), out);
                out.extend_from_slice(format!(": {}\n", message.replace('\n', " ")).as_bytes());
            }
        }
    }

    fn end(&self, out: &mut Vec<u8>) {
        match self.format {
            Format::Json => {
                let line = json!({"keys": self.keys, "left_out": self.left_out, "end": true});
                out.extend_from_slice(format!("{line}\n").as_bytes());
            }
            Format::Commands => {
                let line = format!("# end: {} keys, {} left out\n", self.keys, self.left_out);
                out.extend_from_slice(line.as_bytes());
            }
        }
    }
}

/// What becomes of a key.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// With the fields that expire and the ms that they have left.
    Written(Vec<(Vec<u8>, i64)>),
    /// It has gone since it was seen.
    Gone,
    LeftOut(String),
}

/// What is asked about a key besides its value: how long its fields live.
fn unsaid(one: &Wanted, value: &Reply) -> Option<Vec<Vec<u8>>> {
    match (one.kind.as_str(), value) {
        ("hash", Reply::Map(fields)) if !fields.is_empty() => {
            let names: Vec<_> = fields.iter().filter_map(|(name, _)| text(name.clone())).collect();
            let mut request = about("HPTTL", &one.key, ["FIELDS", &names.len().to_string()]);
            request.extend(names);
            Some(request)
        }
        _ => None,
    }
}

/// Whether replies were more than may come: then the connection has ended, too, or the engine has ended it.
fn is_too_large(error: &ApiError) -> bool {
    ["REPLY_TOO_LARGE", "CONNECTION_LOST"].contains(&error.code)
}

fn is_empty(value: &Reply) -> bool {
    match value {
        Reply::Array(items) | Reply::Set(items) => items.is_empty(),
        Reply::Map(pairs) => pairs.is_empty(),
        _ => false,
    }
}

/// What becomes of a key of this value and what was asked besides.
fn fate(kind: &str, value: &Reply, more: Option<Reply>) -> Fate {
    let refused = |text: &[u8]| Fate::LeftOut(String::from_utf8_lossy(text).into_owned());
    match (kind, value, more) {
        ("stream", Reply::Error(text), _) if text.starts_with(b"ERR no such key") => Fate::Gone,
        (_, Reply::Error(text), _) => refused(text),
        (_, Reply::Null, _) => Fate::Gone,
        (_, _, Some(Reply::Error(text))) => refused(&text),
        (_, value, _) if is_empty(value) => Fate::Gone,
        ("hash", Reply::Map(fields), Some(ttls)) => hash_fate(fields, ttls),
        _ => Fate::Written(Vec::new()),
    }
}

/// By the ms that its fields have left: -1 for those that do not expire, -2 for one that is no longer there, be it that it has expired.
fn hash_fate(fields: &[(Reply, Reply)], ttls: Reply) -> Fate {
    let ttls: Vec<_> = items(ttls).iter().filter_map(integer).collect();
    if ttls.contains(&-2) {
        return Fate::LeftOut("it was changed while it was read".to_owned());
    }
    let expiring = fields.iter().zip(ttls).filter(|(_, ttl_ms)| *ttl_ms >= 0);
    // None at all would be refused where the file is read; it expires at once either way.
    let expiring = expiring.filter_map(|((name, _), ttl_ms)| Some((text(name.clone())?, ttl_ms.max(1))));
    Fate::Written(expiring.collect())
}

/// How many of them are read together; at least one.
fn readable_together(wanted: &[Wanted]) -> usize {
    let (mut bytes, mut elements) = (0, 0);
    let fits = wanted.iter().take_while(|one| {
        bytes += one.bytes;
        elements += one.elements;
        bytes <= VALUE_BYTES_MAX && elements <= ELEMENTS_MAX
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(word: &str) -> Reply {
        Reply::Bulk(word.as_bytes().to_vec())
    }

    #[test]
    fn what_has_gone_is_no_empty_value() {
        for (kind, value) in [
            ("list", Reply::Array(Vec::new())),
            ("zset", Reply::Array(Vec::new())),
            ("set", Reply::Set(Vec::new())),
            ("hash", Reply::Map(Vec::new())),
            ("string", Reply::Null),
        ] {
            assert_eq!(fate(kind, &value, None), Fate::Gone, "{kind}");
        }
        let gone = Reply::Error(b"ERR no such key".to_vec());
        assert_eq!(fate("stream", &gone, None), Fate::Gone);
        let written = Fate::Written(Vec::new());
        assert_eq!(fate("string", &bulk(""), None), written);
        assert_eq!(fate("list", &Reply::Array(vec![bulk("")]), None), written);
    }

    #[test]
    fn what_a_hash_says_of_its_fields_is_of_all_of_them() {
        let hash = Reply::Map(vec![(bulk("f"), bulk("v")), (bulk("g"), bulk("w"))]);
        let of_ttls = |ttls: &[i64]| {
            let ttls = ttls.iter().map(|&ttl_ms| Reply::Integer(ttl_ms)).collect();
            fate("hash", &hash, Some(Reply::Array(ttls)))
        };
        let left_out = |message: &str| Fate::LeftOut(message.to_owned());
        assert_eq!(of_ttls(&[-1, -1]), Fate::Written(Vec::new()));
        assert_eq!(of_ttls(&[-1, 90]), Fate::Written(vec![(b"g".to_vec(), 90)]));
        assert_eq!(of_ttls(&[0, -1]), Fate::Written(vec![(b"f".to_vec(), 1)]));
        assert_eq!(of_ttls(&[90, -2]), left_out("it was changed while it was read"));
        let refusal = Reply::Error(b"NOPERM no".to_vec());
        assert_eq!(fate("hash", &hash, Some(refusal)), left_out("NOPERM no"));
    }
}
