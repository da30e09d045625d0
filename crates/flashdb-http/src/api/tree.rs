//! The keyspace as a tree of prefixes, by PREFIX.TREE and PREFIX.KEYS: no SCAN, however many keys there are.

use super::keys::{KeyRow, LIMIT_DEFAULT, LIMIT_MAX, NAME_BYTES_MAX, database, describe};
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
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) const WAIT_MAX_MS: u64 = 5000;
/// Time for one page of keys: where keys of a prefix are rare, the page ends before it is full.
const KEYS_TIME: Duration = Duration::from_millis(100);

/// A branch of the tree with those below it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Tree {
    db: u64,
    /// What its keys begin with; empty for all keys.
    pub(super) prefix: Bytes,
    /// What ends a prefix.
    separator: String,
    /// Keys of the database; null without the right to read all of them.
    db_keys: Option<u64>,
    /// Bytes of their entries.
    db_bytes: Option<u64>,
    /// Keys of the branch; null without the right to read all of them.
    pub(super) keys: Option<u64>,
    /// Bytes of their entries, about: what grew in place since they were counted is not in it.
    pub(super) bytes: Option<u64>,
    /// Keys that are in no branch below.
    loose: Option<u64>,
    /// Whether keys are exact; otherwise they are estimated from a sample, while they are counted.
    pub(super) exact: bool,
    /// Share of the keys that is counted.
    progress: f64,
    pub(super) branches: Vec<BranchRow>,
    /// Branches below it, of this page and all others.
    branches_total: u64,
    /// For the next page; null at the end.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct BranchRow {
    pub(super) prefix: Bytes,
    /// Null where it only leads to what may be read.
    pub(super) keys: Option<u64>,
    /// As `keys`; about.
    pub(super) bytes: Option<u64>,
    /// Branches below it.
    branches: u64,
}

/// A page of keys.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LooseKeys {
    db: u64,
    /// In order within the page.
    keys: Vec<KeyRow>,
    /// For the next page; null at the end.
    cursor: Option<String>,
}

pub(super) fn number(value: &Value) -> Option<u64> {
    integer(value).and_then(|number| u64::try_from(number).ok())
}

fn branch_of(row: Value) -> Option<BranchRow> {
    let mut parts = items(row).into_iter();
    Some(BranchRow {
        prefix: parts.next().and_then(text)?.into(),
        keys: number(&parts.next()?),
        bytes: number(&parts.next()?),
        branches: number(&parts.next()?).unwrap_or(0),
    })
}

pub(super) fn tree_of(db: u64, reply: Value) -> Tree {
    let mut fields = BTreeMap::new();
    let mut words = items(reply).into_iter();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        let name = text(name).unwrap_or_default();
        fields.insert(String::from_utf8_lossy(&name).into_owned(), value);
    }
    let read = |name: &str| fields.get(name).and_then(number);
    let bytes = |name: &str| fields.get(name).cloned().and_then(text).unwrap_or_default();
    let progress = match fields.get("progress") {
        Some(Value::Double(text)) => crate::ask::double(text),
        _ => 0.0,
    };
    Tree {
        db,
        prefix: bytes("prefix").into(),
        separator: String::from_utf8_lossy(&bytes("separator")).into_owned(),
        db_keys: read("db-keys"),
        db_bytes: read("db-bytes"),
        keys: read("keys"),
        bytes: read("bytes"),
        loose: read("loose"),
        exact: read("exact") == Some(1),
        progress,
        branches_total: read("branches-total").unwrap_or(0),
        cursor: read("next").map(|next| next.to_string()),
        branches: fields
            .remove("branches")
            .map(items)
            .unwrap_or_default()
            .into_iter()
            .filter_map(branch_of)
            .collect(),
    }
}

/// `GET /tree`.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Tree>, ApiError> {
    let query = Query::of(query.as_deref());
    let db = database(&app, &query)?;
    let limit = query.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?;
    let offset = query.cursor(i64::MAX as u64)?;
    let wait_ms = query.number("wait", 0, 0..=WAIT_MAX_MS)?;
    // Whoever finds too many waiting learns at once what is known: the places are for all that enter the engine.
    let place = (wait_ms > 0).then(|| app.tree_waits.try_acquire().ok()).flatten();
    let wait_ms = if place.is_some() { wait_ms } else { 0 };
    let sort = match query.given("sort") {
        None | Some(b"bytes") => "bytes",
        Some(b"count") => "count",
        Some(b"name") => "name",
        Some(_) => return Err(ApiError::bad_request("sort is bytes, count or name")),
    };
    let (limit, offset, wait) = (limit.to_string(), offset.to_string(), wait_ms.to_string());
    let options = ["SORT", sort, "LIMIT", &limit, "OFFSET", &offset, "WAIT", &wait];
    let request = about("PREFIX.TREE", query.get("p").unwrap_or_default(), options);
    let mut conversation = Conversation::look(&app, &caller, db).await?;
    // Counting may be switched off.
    let reply = conversation
        .ask(&request)
        .await
        .map_err(ApiError::into_conflict)?;
    Ok(Json(tree_of(db, reply)))
}

/// `GET /tree/keys`.
pub(crate) async fn keys(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<LooseKeys>, ApiError> {
    let query = Query::of(query.as_deref());
    let db = database(&app, &query)?;
    let limit = query.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?;
    let mut cursor = query.names_cursor()?.to_string();
    let prefix = query.get("p").unwrap_or_default();
    let mut conversation = Conversation::look(&app, &caller, db).await?;
    let (mut names, began) = (Vec::new(), Instant::now());
    conversation.cut_strings(NAME_BYTES_MAX);
    loop {
        let missing = limit - names.len() as u64;
        let request = about("PREFIX.KEYS", prefix, [&cursor, "COUNT", &missing.to_string()]);
        let reply = conversation
            .ask(&request)
            .await
            .map_err(ApiError::into_conflict)?;
        let mut parts = items(reply).into_iter();
        let next = parts.next().and_then(text).unwrap_or_default();
        cursor = String::from_utf8_lossy(&next).into_owned();
        let page = parts.next().map(items).unwrap_or_default();
        names.extend(page.into_iter().filter_map(thin::string));
        if cursor == "0" || names.len() as u64 >= limit || began.elapsed() >= KEYS_TIME {
            break;
        }
    }
    names.sort_unstable();
    Ok(Json(LooseKeys {
        db,
        keys: describe(&mut conversation, names).await?,
        cursor: Some(cursor).filter(|cursor| cursor != "0"),
    }))
}
