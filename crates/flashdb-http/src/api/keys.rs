//! Keys, page by page, by SCAN.

use crate::App;
use crate::ask::{Conversation, about, integer, items, text, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::{Bytes, Query};
use crate::thin;
use axum::Json;
use axum::extract::{RawQuery, State};
use flashdb_resp::reply::Value;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) const LIMIT_DEFAULT: u64 = 100;
pub(super) const LIMIT_MAX: u64 = 1000;
/// Time for scanning in one page: a pattern that matches little must not walk a large keyspace for one answer.
const SCAN_TIME: Duration = Duration::from_millis(20);
/// Keys that one SCAN looks at, at most: what a core loop does for it without a pause.
pub(super) const STEP_KEYS: u64 = 500;
/// Longest name that is shown whole, and that the key can be opened by: the head of a request has no room for a longer one.
pub(super) const NAME_BYTES_MAX: usize = 8 << 10;
/// Bytes of names after which a page is full.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Types that there are.
pub(super) const TYPES: [&str; 6] = ["string", "list", "set", "zset", "hash", "stream"];

/// A page of keys.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Keys {
    db: u64,
    keys: Vec<KeyRow>,
    /// For the next page; null at the end.
    cursor: Option<String>,
    /// Keys that were looked at for this page.
    scanned: u64,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct KeyRow {
    /// Cut where it is longer than 8 KiB; type and time are null then.
    pub(super) key: Bytes,
    /// Null without the right to ask.
    r#type: Option<String>,
    /// Null when the key does not expire, or without the right to ask.
    ttl_ms: Option<i64>,
    /// Memory that it takes, about; null without the right to ask.
    bytes: Option<i64>,
}

/// The database of a query.
pub(super) fn database(app: &App, query: &Query) -> Result<u64, ApiError> {
    query.number(
        "db",
        0,
        0..=(app.engine.databases_count() as u64).saturating_sub(1),
    )
}

/// Refuses what is no type.
pub(super) fn check_type(kind: &[u8]) -> Result<(), ApiError> {
    if TYPES.iter().any(|name| name.as_bytes() == kind) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "type is one of {}",
        TYPES.join(", ")
    )))
}

/// `GET /keys`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Keys>, ApiError> {
    let query = Query::of(query.as_deref());
    let (db, limit) = (
        database(&app, &query)?,
        query.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?,
    );
    if let Some(kind) = query.given("type") {
        check_type(kind)?;
    }
    let mut cursor = query.cursor(u64::MAX)?.to_string();
    let filters: Vec<(&str, &[u8])> = [("MATCH", "match"), ("TYPE", "type")]
        .into_iter()
        .filter_map(|(option, name)| Some((option, query.get(name)?)))
        .collect();
    let mut conversation = Conversation::look(&app, &caller, db).await?;
    let (mut keys, mut scanned) = (Vec::new(), 0);
    // Where all that is looked at comes, no more is looked at than is missing; where little does, more and more.
    let mut count = limit.min(STEP_KEYS);
    let began = Instant::now();
    loop {
        let missing = limit - keys.len() as u64;
        let mut step = scan(&mut conversation, &cursor, count, &filters).await?;
        if step.names.len() as u64 > missing && count > missing {
            step = scan(&mut conversation, &cursor, missing, &filters).await?;
        }
        cursor = step.next;
        scanned += step.seen;
        keys.extend(step.names);
        let is_full = keys.len() as u64 >= limit || conversation.received_bytes() >= PAGE_BYTES_MAX;
        if cursor == "0" || is_full || began.elapsed() >= SCAN_TIME {
            break;
        }
        count = match filters.is_empty() {
            true => limit - keys.len() as u64,
            false => 2 * count,
        };
        count = count.min(STEP_KEYS);
    }
    let rows = describe(&mut conversation, keys).await?;
    Ok(Json(Keys {
        db,
        keys: rows,
        cursor: Some(cursor).filter(|cursor| cursor != "0"),
        scanned,
    }))
}

/// A name, and its whole length where it was cut.
pub(super) type Name = (Vec<u8>, Option<u64>);

/// What one SCAN has found.
pub(super) struct Scanned {
    /// The next cursor; `0` at the end.
    pub next: String,
    pub names: Vec<Name>,
    /// Keys that were looked at.
    pub seen: u64,
}

/// Looks at `count` keys from a cursor on, and the rest of the bucket that the last of them is in; of names that are longer than
/// what can be shown only that much is kept, so that a name of megabytes does not keep everybody from those behind it.
pub(super) async fn scan(
    conversation: &mut Conversation,
    cursor: &str,
    count: u64,
    filters: &[(&str, &[u8])],
) -> Result<Scanned, ApiError> {
    let mut request = about("SCAN", cursor.as_bytes(), ["COUNT", &count.to_string(), "SEEN"]);
    for (option, value) in filters {
        request.extend([option.as_bytes().to_vec(), value.to_vec()]);
    }
    conversation.cut_strings(NAME_BYTES_MAX);
    let mut parts = items(conversation.ask(&request).await?).into_iter();
    let next = parts.next().and_then(text).unwrap_or_default();
    let names = parts.next().map(items).unwrap_or_default();
    let seen = parts.next().as_ref().and_then(integer);
    Ok(Scanned {
        next: String::from_utf8_lossy(&next).into_owned(),
        names: names.into_iter().filter_map(thin::string).collect(),
        seen: seen.and_then(|seen| u64::try_from(seen).ok()).unwrap_or(0),
    })
}

/// What can be told of keys: those that have gone since they were seen are left out.
pub(super) async fn describe(
    conversation: &mut Conversation,
    keys: Vec<Name>,
) -> Result<Vec<KeyRow>, ApiError> {
    let (cut, whole): (Vec<Name>, Vec<Name>) = keys.into_iter().partition(|(_, bytes)| bytes.is_some());
    let requests: Vec<_> = whole
        .iter()
        .flat_map(|(key, _)| [about("TYPE", key, []), about("PTTL", key, []), usage_of(key)])
        .collect();
    let replies = conversation.ask_all(&requests).await?;
    let whole = whole.into_iter().zip(replies.chunks_exact(3));
    let rows = whole.filter_map(|((key, _), replies)| {
        let kind = kind_of(&replies[0]);
        // It has gone since it was seen.
        if kind.as_deref() == Some("none") {
            return None;
        }
        Some(KeyRow {
            key: key.into(),
            r#type: kind,
            ttl_ms: ttl_of(&replies[1]),
            bytes: integer(&replies[2]),
        })
    });
    // Nobody can be asked about those: their names are not here.
    let nameless = cut.into_iter().map(|(key, bytes)| KeyRow {
        key: Bytes::beginning(&key, bytes.unwrap_or_default()),
        r#type: None,
        ttl_ms: None,
        bytes: None,
    });
    Ok(rows.chain(nameless).collect())
}

/// What asks for the memory of a key: of one with many elements it looks at a few.
pub(super) fn usage_of(key: &[u8]) -> Vec<Vec<u8>> {
    let mut request = words(["MEMORY", "USAGE"]);
    request.push(key.to_vec());
    request
}

/// The reply to TYPE; `None` for an error.
pub(super) fn kind_of(reply: &Value) -> Option<String> {
    text(reply.clone()).map(|kind| String::from_utf8_lossy(&kind).into_owned())
}

/// The reply to PTTL; `None` for no expiry.
pub(super) fn ttl_of(reply: &Value) -> Option<i64> {
    integer(reply).filter(|ttl_ms| *ttl_ms >= 0)
}
