//! Writing a whole value, as one transaction: what was there before is replaced, or nothing changes.

use super::bulk_jobs::by_ttl;
use super::key::key_of;
use super::keys::database;
use crate::App;
use crate::ask::{Conversation, about, integer, items, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::{Bytes, EXACT_MAX, GivenBytes, JsonBody, Query, tagged};
use axum::Json;
use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::StatusCode;
use flashdb_resp::reply::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Map;
use std::collections::HashSet;
use std::sync::Arc;

/// The longest time to live, ms: beyond that browsers round, and the engine's clock ends not much later.
pub(super) const TTL_MS_MAX: i64 = EXACT_MAX as i64;
/// What the id of an entry may be: parts up to 2^64-1, or `*` for one by the clock.
const NEW_ID_PATTERN: &str = concat!(
    r"^(?:\*|",
    u64_pattern!(),
    r"(?:-(?:\*|",
    u64_pattern!(),
    r"))?)$"
);
/// What an id is that is there already.
const ID_PATTERN: &str = concat!(r"^", u64_pattern!(), r"(?:-", u64_pattern!(), r")?$");

/// A value to be.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Given {
    #[serde(flatten, deserialize_with = "value_of")]
    value: GivenValue,
    /// Time to live; none if null or absent.
    #[schemars(range(min = 1, max = TTL_MS_MAX))]
    ttl_ms: Option<i64>,
    /// Keeps the expiry that the key has.
    #[serde(default)]
    keep_ttl: bool,
    /// What the key has to be before.
    r#if: Option<Condition>,
}

fn value_of<'de, D: Deserializer<'de>>(given: D) -> Result<GivenValue, D::Error> {
    tagged("type", Map::deserialize(given)?)
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Condition {
    Absent,
    Exists,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
enum GivenValue {
    String {
        value: GivenBytes,
    },
    List {
        #[schemars(length(min = 1))]
        items: Vec<GivenBytes>,
    },
    Set {
        #[schemars(length(min = 1))]
        members: Vec<GivenBytes>,
    },
    Hash {
        #[schemars(length(min = 1))]
        fields: Vec<(GivenBytes, GivenBytes)>,
        /// Those of them that expire, with the ms that they have.
        #[serde(default)]
        field_ttl_ms: Vec<(GivenBytes, GivenTtl)>,
    },
    Zset {
        #[schemars(length(min = 1))]
        members: Vec<(GivenBytes, GivenScore)>,
    },
    Stream {
        /// Each with an id above that of the one before it.
        #[schemars(length(min = 1))]
        entries: Vec<GivenEntry>,
        #[serde(flatten)]
        numbers: GivenNumbers,
    },
}

/// How long a field is to live, in ms.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline)]
struct GivenTtl(#[schemars(range(min = 1, max = TTL_MS_MAX))] i64);

/// What the entries of a stream do not tell, as an export has it.
#[derive(Deserialize, JsonSchema)]
struct GivenNumbers {
    /// The highest id ever added; that of the last entry if null or absent.
    #[schemars(regex(pattern = ID_PATTERN))]
    last_id: Option<String>,
    /// How many entries were ever added. Needs `last_id`.
    entries_added: Option<u64>,
    /// The highest id ever deleted. Needs `last_id`.
    #[schemars(regex(pattern = ID_PATTERN))]
    max_deleted_id: Option<String>,
    /// Consumer groups, which are made by an import only.
    #[serde(default)]
    #[schemars(skip)]
    groups: Vec<serde_json::Value>,
}

impl GivenNumbers {
    /// The request that sets them, if any are given.
    fn into_request(self, key: &[u8]) -> Result<Option<Vec<Vec<u8>>>, ApiError> {
        if !self.groups.is_empty() {
            return Err(ApiError::conflict(
                "consumer groups are made by an import, not with a value",
            ));
        }
        let id = |id: &str| -> Result<String, ApiError> {
            let (ms, sequence) = id.split_once('-').unwrap_or((id, "0"));
            let parts = id_part(ms).zip(id_part(sequence));
            let (ms, sequence) =
                parts.ok_or_else(|| ApiError::bad_request("an id of a stream is <ms>-<sequence>"))?;
            Ok(format!("{ms}-{sequence}"))
        };
        let Some(last_id) = &self.last_id else {
            return match (self.entries_added, self.max_deleted_id) {
                (None, None) => Ok(None),
                _ => Err(ApiError::conflict(
                    "entries_added and max_deleted_id need last_id",
                )),
            };
        };
        let mut request = about("XSETID", key, [&id(last_id)?]);
        let mut add = |name: &str, value: String| request.extend([name.into(), value.into_bytes()]);
        if let Some(added) = self.entries_added {
            add("ENTRIESADDED", added.to_string());
        }
        if let Some(deleted) = &self.max_deleted_id {
            add("MAXDELETEDID", id(deleted)?);
        }
        Ok(Some(request))
    }
}

/// A number, or a word for what is none.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum GivenScore {
    Number(f64),
    Word(Infinite),
}

#[derive(Deserialize, JsonSchema)]
pub(super) enum Infinite {
    #[serde(rename = "inf", alias = "+inf")]
    Above,
    #[serde(rename = "-inf")]
    Below,
}

impl GivenScore {
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            GivenScore::Number(number) => number.to_string().into_bytes(),
            GivenScore::Word(Infinite::Above) => b"inf".to_vec(),
            GivenScore::Word(Infinite::Below) => b"-inf".to_vec(),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
pub(super) struct GivenEntry {
    /// `*` for one by the clock.
    #[schemars(regex(pattern = NEW_ID_PATTERN))]
    pub id: String,
    #[schemars(length(min = 1))]
    pub fields: Vec<(GivenBytes, GivenBytes)>,
}

impl GivenEntry {
    /// The request that adds it.
    ///
    /// # Errors
    /// When the id is none: another word there could be an option of XADD, such as MAXLEN.
    pub fn into_request(self, key: &[u8]) -> Result<Vec<Vec<u8>>, ApiError> {
        let star = |part: &str| (part == "*").then(|| part.to_owned());
        let id = match self.id.split_once('-') {
            None => star(&self.id).or_else(|| id_part(&self.id)),
            Some((ms, sequence)) => id_part(ms)
                .zip(star(sequence).or_else(|| id_part(sequence)))
                .map(|(ms, sequence)| format!("{ms}-{sequence}")),
        };
        let id = id.ok_or_else(|| {
            ApiError::bad_request("the id of an entry has to be *, <ms>, <ms>-<sequence> or <ms>-*")
        })?;
        if self.fields.is_empty() {
            return Err(ApiError::bad_request("an entry has at least one field"));
        }
        let mut request = pairs("XADD", key, self.fields)?;
        request.insert(2, id.into_bytes());
        Ok(request)
    }
}

/// A number of an id, as the engine writes it.
pub(super) fn id_part(digits: &str) -> Option<String> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| is_number)?;
    Some(number.to_string())
}

/// A value that was written.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Written {
    key: Bytes,
    db: u64,
    /// There was none before.
    created: bool,
}

pub(super) fn pairs(
    command: &str,
    key: &[u8],
    pairs: Vec<(GivenBytes, GivenBytes)>,
) -> Result<Vec<Vec<u8>>, ApiError> {
    let mut request = about(command, key, []);
    for (field, value) in pairs {
        request.extend([field.into_vec()?, value.into_vec()?]);
    }
    Ok(request)
}

fn all(command: &str, key: &[u8], values: Vec<GivenBytes>) -> Result<Vec<Vec<u8>>, ApiError> {
    let mut request = about(command, key, []);
    for value in values {
        request.push(value.into_vec()?);
    }
    Ok(request)
}

/// The commands that make the value, on a key that is not there.
fn making(key: &[u8], value: GivenValue) -> Result<Vec<Vec<Vec<u8>>>, ApiError> {
    let request = match value {
        GivenValue::String { value } => all("SET", key, vec![value])?,
        GivenValue::List { items } => all("RPUSH", key, items)?,
        GivenValue::Set { members } => all("SADD", key, members)?,
        GivenValue::Hash { fields, field_ttl_ms } => return hash(key, fields, field_ttl_ms),
        GivenValue::Zset { members } => {
            let mut request = about("ZADD", key, []);
            for (member, score) in members {
                request.extend([score.into_bytes(), member.into_vec()?]);
            }
            request
        }
        GivenValue::Stream { entries, numbers } => {
            let entries = entries.into_iter().map(|entry| entry.into_request(key));
            let mut requests = entries.collect::<Result<Vec<_>, ApiError>>()?;
            if requests.is_empty() {
                return Err(empty());
            }
            requests.extend(numbers.into_request(key)?);
            return Ok(requests);
        }
    };
    if request.len() < 3 {
        return Err(empty());
    }
    Ok(vec![request])
}

fn hash(
    key: &[u8],
    fields: Vec<(GivenBytes, GivenBytes)>,
    field_ttl_ms: Vec<(GivenBytes, GivenTtl)>,
) -> Result<Vec<Vec<Vec<u8>>>, ApiError> {
    if fields.is_empty() {
        return Err(empty());
    }
    let mut requests = vec![pairs("HSET", key, fields)?];
    let mut expiring = Vec::new();
    for (field, GivenTtl(ttl_ms)) in field_ttl_ms {
        check_ttl(ttl_ms)?;
        expiring.push((field.into_vec()?, ttl_ms));
    }
    let names: HashSet<&[u8]> = requests[0][2..].iter().step_by(2).map(Vec::as_slice).collect();
    if expiring
        .iter()
        .any(|(field, _)| !names.contains(field.as_slice()))
    {
        let message = "field_ttl_ms names a field that is not among the fields";
        return Err(ApiError::bad_request(message));
    }
    for (ttl_ms, fields) in by_ttl(expiring) {
        let mut request = about(
            "HPEXPIRE",
            key,
            [&ttl_ms.to_string(), "FIELDS", &fields.len().to_string()],
        );
        request.extend(fields);
        requests.push(request);
    }
    Ok(requests)
}

/// Refuses what is no time to live.
pub(super) fn check_ttl(ttl_ms: i64) -> Result<(), ApiError> {
    if (1..=TTL_MS_MAX).contains(&ttl_ms) {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "ttl_ms has to be a number from 1 to {TTL_MS_MAX}"
    )))
}

fn empty() -> ApiError {
    ApiError::bad_request("a value has at least one element; a key without any is no key")
}

/// `PUT /key/:key`.
pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
    RawQuery(query): RawQuery,
    JsonBody(given): JsonBody<Given>,
) -> Result<Json<Written>, ApiError> {
    caller.may_write()?;
    let (key, db) = (key_of(&uri), database(&app, &Query::of(query.as_deref()))?);
    given.ttl_ms.map(check_ttl).transpose()?;
    let making = making(&key, given.value)?;
    let mut conversation = Conversation::of(&app, &caller, db).await?;
    conversation.ask(&about("WATCH", &key, [])).await?;
    let before = conversation
        .ask_all(&[about("EXISTS", &key, []), about("PTTL", &key, [])])
        .await?;
    let existed = conversation.checked(&about("EXISTS", &key, []), before[0].clone())?;
    let existed = integer(&existed) == Some(1);
    match given.r#if {
        Some(Condition::Absent) if existed => {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "KEY_EXISTS",
                "there is such a key already",
            ));
        }
        Some(Condition::Exists) if !existed => return Err(ApiError::key_not_found()),
        _ => {}
    }
    let mut ttl_ms = given.ttl_ms;
    if given.keep_ttl {
        let kept = conversation.checked(&about("PTTL", &key, []), before[1].clone())?;
        ttl_ms = integer(&kept).filter(|ttl_ms| *ttl_ms > 0);
    }
    let mut requests = vec![words(["MULTI", "ATOMIC"])];
    if existed {
        requests.push(about("UNLINK", &key, []));
    }
    requests.extend(making);
    requests.extend(ttl_ms.map(|ttl_ms| about("PEXPIRE", &key, [&ttl_ms.to_string()])));
    requests.push(words(["EXEC"]));
    let replies = conversation.ask_all(&requests).await?;
    check(&conversation, &requests, replies)?;
    Ok(Json(Written {
        key: key.into(),
        db,
        created: !existed,
    }))
}

/// The replies within a transaction, or the first thing that went wrong in it.
pub(super) fn check(
    conversation: &Conversation,
    requests: &[Vec<Vec<u8>>],
    mut replies: Vec<Value>,
) -> Result<Vec<Value>, ApiError> {
    let outcome = replies.pop().unwrap_or(Value::Null);
    for (request, reply) in requests.iter().zip(replies) {
        conversation.checked(request, reply)?;
    }
    if outcome == Value::Null {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "CONFLICT",
            "the key changed meanwhile",
        ));
    }
    let outcome = conversation.checked(&words(["EXEC"]), outcome);
    let outcome = outcome.map_err(ApiError::into_conflict)?;
    let replies = requests[1..].iter().zip(items(outcome));
    // What is there does not allow it: such as an entry whose id is not above the last one.
    replies
        .map(|(request, reply)| {
            conversation
                .checked(request, reply)
                .map_err(ApiError::into_conflict)
        })
        .collect()
}
