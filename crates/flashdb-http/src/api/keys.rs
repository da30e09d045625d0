//! Keys, page by page, by SCAN.

use crate::App;
use crate::ask::{Conversation, about, integer, items, text};
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
/// Keys that one SCAN looks at.
const STEP: &str = "500";
const STEP_KEYS: u64 = 500;
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
    /// Keys that were looked at, about.
    scanned: u64,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct KeyRow {
    /// Cut where it is longer than 8 KiB; type and time are null then.
    key: Bytes,
    /// Null without the right to ask.
    r#type: Option<String>,
    /// Null when the key does not expire, or without the right to ask.
    ttl_ms: Option<i64>,
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
    let mut conversation = Conversation::of(&app, &caller, db).await?;
    let (mut keys, mut scanned) = (Vec::new(), 0);
    let began = Instant::now();
    loop {
        let mut request = about("SCAN", cursor.as_bytes(), ["COUNT", STEP]);
        for (option, name) in [("MATCH", "match"), ("TYPE", "type")] {
            if let Some(value) = query.get(name) {
                request.extend([option.as_bytes().to_vec(), value.to_vec()]);
            }
        }
        // A name of megabytes must not keep everybody from the names behind it.
        conversation.cut_strings(NAME_BYTES_MAX);
        let reply = conversation.ask(&request).await?;
        let mut parts = items(reply).into_iter();
        let next = parts.next().and_then(text).unwrap_or_default();
        cursor = String::from_utf8_lossy(&next).into_owned();
        keys.extend(
            parts
                .next()
                .map(items)
                .unwrap_or_default()
                .into_iter()
                .filter_map(thin::string),
        );
        scanned += STEP_KEYS;
        let is_full = keys.len() as u64 >= limit || conversation.received_bytes() >= PAGE_BYTES_MAX;
        if cursor == "0" || is_full || began.elapsed() >= SCAN_TIME {
            break;
        }
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

pub(super) async fn describe(
    conversation: &mut Conversation,
    keys: Vec<Name>,
) -> Result<Vec<KeyRow>, ApiError> {
    let (cut, whole): (Vec<Name>, Vec<Name>) = keys.into_iter().partition(|(_, bytes)| bytes.is_some());
    let requests: Vec<_> = whole
        .iter()
        .flat_map(|(key, _)| [about("TYPE", key, []), about("PTTL", key, [])])
        .collect();
    let replies = conversation.ask_all(&requests).await?;
    let whole = whole.into_iter().zip(replies.chunks_exact(2));
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
        })
    });
    // Nobody can be asked about those: their names are not here.
    let nameless = cut.into_iter().map(|(key, bytes)| KeyRow {
        key: Bytes::beginning(&key, bytes.unwrap_or_default()),
        r#type: None,
        ttl_ms: None,
    });
    Ok(rows.chain(nameless).collect())
}

/// The reply to TYPE; `None` for an error.
pub(super) fn kind_of(reply: &Value) -> Option<String> {
    text(reply.clone()).map(|kind| String::from_utf8_lossy(&kind).into_owned())
}

/// The reply to PTTL; `None` for no expiry.
pub(super) fn ttl_of(reply: &Value) -> Option<i64> {
    integer(reply).filter(|ttl_ms| *ttl_ms >= 0)
}
