//! One key: what it is, with the first page of what is in it, and its removal.

use super::items::{Page, Wanted};
use super::keys::{LIMIT_DEFAULT, LIMIT_MAX, database, kind_of, ttl_of, usage_of};
use super::put::check;
use crate::App;
use crate::ask::{Conversation, about, integer, text, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::{Bytes, Query};
use crate::thin;
use axum::Json;
use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// A key.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Key {
    key: Bytes,
    db: u64,
    r#type: String,
    /// Null without the right to ask, as `bytes`.
    encoding: Option<String>,
    /// Null when it does not expire.
    ttl_ms: Option<i64>,
    /// Memory that it takes.
    bytes: Option<i64>,
    /// Elements; of a string bytes.
    length: Option<i64>,
    page: Page,
}

/// A key that was removed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Removed {
    key: Bytes,
    db: u64,
    deleted: bool,
    /// With `keep`: what RESTORE makes it of again, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    dump: Option<String>,
    /// With `keep`: the time that it had left; absent when it did not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<i64>,
}

/// The most that is kept of a key that is removed, as DUMP writes it.
pub(super) const KEPT_BYTES_MAX: u64 = 1 << 20;
/// Memory of a key, as a multiple of what may be kept of it, beyond which nobody tries: DUMP compresses, but seldom more.
const USAGE_PER_KEPT_MAX: u64 = 16;
/// Small keys take more in memory than what is in them.
const KEPT_BYTES_LEAST: u64 = 4 << 10;

/// Failures of a page that leave the rest of the answer standing.
const SHOWN_BESIDE: [&str; 3] = ["ENGINE_TIMEOUT", "NOPERM", "REPLY_TOO_LARGE"];

/// The key of a path, byte by byte: a key need not be UTF-8, so the router's own decoding is of no use. Where the path names none
/// it is the query's: in a path browsers take `.`, `..` and also `%2e` for folders, and the empty key has no pages there.
pub(super) fn key_of(uri: &OriginalUri) -> Vec<u8> {
    let rest = uri.path().strip_prefix("/api/v1/key/").unwrap_or_default();
    match rest.split('/').next().unwrap_or_default() {
        "" => Query::of(uri.query()).get("key").unwrap_or_default().to_vec(),
        segment => percent_encoding::percent_decode_str(segment).collect(),
    }
}

/// The command that counts the elements of a type.
pub(super) fn counting(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "string" => "STRLEN",
        "list" => "LLEN",
        "set" => "SCARD",
        "hash" => "HLEN",
        "zset" => "ZCARD",
        "stream" => "XLEN",
        _ => return None,
    })
}

/// `GET /key/:key`.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
    RawQuery(query): RawQuery,
) -> Result<Json<Key>, ApiError> {
    let query = Query::of(query.as_deref());
    let (key, db) = (key_of(&uri), database(&app, &query)?);
    let limit = query.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?;
    let mut conversation = Conversation::look(&app, &caller, db).await?;
    let asks_type = about("TYPE", &key, []);
    let kind = conversation.ask(&asks_type).await?;
    let kind = kind_of(&kind)
        .filter(|kind| kind != "none")
        .ok_or_else(ApiError::key_not_found)?;
    let mut encoding = words(["OBJECT", "ENCODING"]);
    encoding.push(key.clone());
    let mut requests = vec![about("PTTL", &key, []), usage_of(&key), encoding];
    requests.extend(counting(&kind).map(|command| about(command, &key, [])));
    let replies = conversation.ask_all(&requests).await?;
    let (bytes, length) = (integer(&replies[1]), replies.get(3).and_then(integer));
    let wanted = Wanted {
        app: &app,
        caller: &caller,
        db,
        key: &key,
        kind: &kind,
        query: &query,
        limit,
        bytes,
        length,
    };
    let page = match wanted.page(conversation).await {
        // What is known of the key is worth showing without its elements.
        Err(error) if kind != "string" && SHOWN_BESIDE.contains(&error.code) => wanted.failed_page(error),
        page => page?,
    };
    Ok(Json(Key {
        ttl_ms: ttl_of(&replies[0]),
        bytes,
        encoding: text(replies[2].clone()).map(|name| String::from_utf8_lossy(&name).into_owned()),
        length,
        key: key.into(),
        db,
        r#type: kind,
        page,
    }))
}

/// `DELETE /key/:key`.
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
    RawQuery(query): RawQuery,
) -> Result<Json<Removed>, ApiError> {
    caller.may_write()?;
    let query = Query::of(query.as_deref());
    let (key, db) = (key_of(&uri), database(&app, &query)?);
    let keep_bytes = query.number("keep", 0, 0..=KEPT_BYTES_MAX)?;
    if keep_bytes > 0 && !app.engine.allows(&caller.identity, "restore") {
        // An undo that is refused later is none.
        return Err(ApiError::no_right("restore"));
    }
    let mut conversation = Conversation::of(&app, &caller, db).await?;
    let kept = match keep_bytes {
        0 => {
            let reply = conversation.ask(&about("UNLINK", &key, [])).await?;
            if integer(&reply) != Some(1) {
                return Err(ApiError::key_not_found());
            }
            None
        }
        _ => Some(take(&mut conversation, &key, keep_bytes).await?),
    };
    let (dump, ttl_ms) = kept.unzip();
    Ok(Json(Removed {
        key: key.into(),
        db,
        deleted: true,
        dump: dump.map(|dump| STANDARD.encode(dump)),
        ttl_ms: ttl_ms.flatten(),
    }))
}

fn too_large(bytes: u64) -> ApiError {
    let message = "the key is larger than what may be kept of it; it was not removed";
    ApiError::new(StatusCode::CONFLICT, "REPLY_TOO_LARGE", message).with(json!({"bytes": bytes}))
}

/// Removes a key and returns what it was, as DUMP has it, with its time to live.
///
/// # Errors
/// When there is no such key, it is too large, or it changes meanwhile: then it is still there.
async fn take(
    conversation: &mut Conversation,
    key: &[u8],
    keep_bytes: u64,
) -> Result<(Vec<u8>, Option<i64>), ApiError> {
    // DUMP writes all of a key, however large, before its length is known.
    let mut usage = words(["MEMORY", "USAGE"]);
    usage.push(key.to_vec());
    let bytes = integer(&conversation.ask(&usage).await?).ok_or_else(ApiError::key_not_found)?;
    if bytes as u64 > USAGE_PER_KEPT_MAX * keep_bytes.max(KEPT_BYTES_LEAST) {
        return Err(too_large(bytes as u64));
    }
    // What is longer than may be kept need not be kept here either.
    conversation.cut_strings(keep_bytes as usize);
    let looks = ["WATCH", "DUMP", "PTTL"].map(|command| about(command, key, []));
    let mut replies = Vec::new();
    for (request, reply) in looks.iter().zip(conversation.ask_all(&looks).await?) {
        replies.push(conversation.checked(request, reply)?);
    }
    let ttl_ms = replies.pop().as_ref().and_then(ttl_of);
    let dump = replies.pop().and_then(thin::string);
    let (dump, cut) = dump.ok_or_else(ApiError::key_not_found)?;
    if let Some(bytes) = cut {
        return Err(too_large(bytes));
    }
    let requests = [
        words(["MULTI", "ATOMIC"]),
        about("UNLINK", key, []),
        words(["EXEC"]),
    ];
    let replies = conversation.ask_all(&requests).await?;
    check(conversation, &requests, replies)?;
    Ok((dump, ttl_ms))
}
