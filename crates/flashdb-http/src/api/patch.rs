//! Editing what is in a key, as one transaction: each edit may say what it saw, and nothing is changed where something else
//! is there by now. What was seen is compared under WATCH, so that nobody gets between the look and the change.
//!
//! The order of the commands is not that of the edits: what adds comes before what removes, so that a key never is empty in
//! between and keeps its expiry; and places in a list are those before the first edit.

use super::key::key_of;
use super::keys::database;
use super::put::{GivenEntry, GivenScore, TTL_MS_MAX, check, check_ttl, id_part};
use crate::App;
use crate::ask::{Conversation, about, double, integer, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::{Bytes, GivenBytes, JsonBody, Query, Score, tagged};
use crate::thin::{self, KEPT_BYTES};
use axum::Json;
use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::StatusCode;
use flashdb_resp::reply::Value;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, json};
use std::collections::HashSet;
use std::sync::Arc;

const EDITS_MAX: usize = 256;
/// Bytes of all edits in a request: a value of 1 MiB in place of another one, both as base64, and room for small ones.
const EDITS_BYTES_MAX: usize = 4 << 20;
/// Bytes that are kept of the looks of a batch; fewer than what replies may keep before their strings are cut shorter.
const BATCH_BYTES_MAX: usize = 3 << 20;
/// Bytes of all that is shown instead of what was seen.
const SHOWN_BYTES_MAX: usize = 1 << 20;
/// Random bytes that mark what is to leave a list, until it does.
const MARK_BYTES: usize = 32;

/// What the id of an entry that is there may be.
const ID_PATTERN: &str = concat!("^", u64_pattern!(), "(?:-", u64_pattern!(), ")?$");

type Request = Vec<Vec<u8>>;

/// Edits of one key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    /// Each element at most once.
    #[schemars(length(min = 1, max = EDITS_MAX))]
    #[serde(deserialize_with = "edits_of")]
    edits: Vec<Edit>,
}

fn edits_of<'de, D: Deserializer<'de>>(given: D) -> Result<Vec<Edit>, D::Error> {
    let edits = Vec::<Map<String, serde_json::Value>>::deserialize(given)?;
    edits.into_iter().map(|edit| tagged("op", edit)).collect()
}

/// One change. `was` is what the caller saw: null for nothing; absent where it does not matter.
#[derive(Deserialize, JsonSchema)]
// A misspelt `was` must not be an edit without one.
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum Edit {
    /// The whole of a string; its expiry stays.
    Set {
        value: GivenBytes,
        was: Option<GivenBytes>,
    },
    /// A field keeps its expiry, unless `ttl_ms` gives it another one, or none (null).
    Hset {
        field: GivenBytes,
        value: GivenBytes,
        #[serde(default, deserialize_with = "said")]
        #[schemars(range(min = 1, max = TTL_MS_MAX), transform = without_default)]
        ttl_ms: Option<Option<i64>>,
        #[serde(default, deserialize_with = "said")]
        was: Option<Option<GivenBytes>>,
    },
    /// The expiry of a field, which has to be there.
    Hpexpire {
        field: GivenBytes,
        #[schemars(range(min = 1, max = TTL_MS_MAX))]
        ttl_ms: i64,
    },
    /// Takes the expiry of a field away, which has to be there.
    Hpersist {
        field: GivenBytes,
    },
    Hdel {
        field: GivenBytes,
        #[serde(default, deserialize_with = "said")]
        was: Option<Option<GivenBytes>>,
    },
    Lset {
        #[schemars(range(min = 0))]
        index: u32,
        value: GivenBytes,
        was: GivenBytes,
    },
    /// Removes the element at a place.
    Lrem {
        #[schemars(range(min = 0))]
        index: u32,
        was: GivenBytes,
    },
    Lpush {
        value: GivenBytes,
    },
    Rpush {
        value: GivenBytes,
    },
    Sadd {
        member: GivenBytes,
        was: Option<bool>,
    },
    Srem {
        member: GivenBytes,
        was: Option<bool>,
    },
    Zadd {
        member: GivenBytes,
        score: GivenScore,
        #[serde(default, deserialize_with = "said")]
        was: Option<Option<GivenScore>>,
    },
    Zrem {
        member: GivenBytes,
        #[serde(default, deserialize_with = "said")]
        was: Option<Option<GivenScore>>,
    },
    Xadd(GivenEntry),
    Xdel {
        #[schemars(regex(pattern = ID_PATTERN))]
        id: String,
    },
    Pexpire {
        #[schemars(range(min = 1, max = TTL_MS_MAX))]
        ttl_ms: i64,
    },
    Persist,
    /// Gives the key another name, which nobody may have.
    Rename {
        to: GivenBytes,
    },
}

/// Tells null, which says something, from what is absent.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(given: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(given).map(Some)
}

/// Absent is not null here, which a default would say.
fn without_default(schema: &mut Schema) {
    schema.remove("default");
}

/// What came of the edits.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Edited {
    /// Its name by now.
    key: Bytes,
    db: u64,
    edits: u64,
    /// False where the last element was removed, and the key with it.
    exists: bool,
}

/// What has to be there for an edit to go on.
enum Seen {
    /// Nobody has said.
    Anything,
    /// A string, of which the length and the beginning are asked for.
    Text(Option<Vec<u8>>),
    Bytes(Option<Vec<u8>>),
    /// A field, whatever is in it.
    Field,
    Member(bool),
    Score(Option<f64>),
}

/// When a command has its turn; of one phase in the order of the edits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Add,
    Push,
    Remove,
    Expire,
    Rename,
}

/// What the edits come to.
#[derive(Default)]
struct Plan {
    looks: Vec<(Seen, Vec<Request>)>,
    changes: Vec<(Phase, Request)>,
    /// What the edits are about, so that none is named twice.
    named: HashSet<(&'static str, Vec<u8>)>,
    new_name: Option<Vec<u8>>,
}

/// Bytes that an edit has seen, where it says so.
type Was = Option<Option<GivenBytes>>;

impl Plan {
    fn of(key: &[u8], edits: Vec<Edit>) -> Result<Self, ApiError> {
        if edits.is_empty() || edits.len() > EDITS_MAX {
            return Err(ApiError::bad_request(format!(
                "there have to be 1 to {EDITS_MAX} edits"
            )));
        }
        let mark = crate::sessions::random_hex(MARK_BYTES)
            .map_err(|error| ApiError::bad_request(format!("no random bytes: {error}")))?
            .into_bytes();
        let mut plan = Plan::default();
        let mut marked = false;
        for edit in edits {
            marked |= matches!(edit, Edit::Lrem { .. });
            plan.add(key, edit, &mark)?;
        }
        if marked {
            let mut request = about("LREM", key, ["0"]);
            request.push(mark);
            plan.changes.push((Phase::Remove, request));
        }
        plan.changes.sort_by_key(|(phase, _)| *phase);
        Ok(plan)
    }

    fn add(&mut self, key: &[u8], edit: Edit, mark: &[u8]) -> Result<(), ApiError> {
        match edit {
            Edit::Set { value, was } => self.text(key, value, was),
            Edit::Hset {
                field,
                value,
                ttl_ms,
                was,
            } => {
                ttl_ms.flatten().map(check_ttl).transpose()?;
                self.field(key, field, Some((value, ttl_ms)), was)
            }
            Edit::Hdel { field, was } => self.field(key, field, None, was),
            Edit::Hpexpire { field, ttl_ms } => {
                check_ttl(ttl_ms)?;
                self.field_expiry(key, field, Some(ttl_ms))
            }
            Edit::Hpersist { field } => self.field_expiry(key, field, None),
            Edit::Lset { index, value, was } => self.place(key, index, value.into_vec()?, was),
            Edit::Lrem { index, was } => self.place(key, index, mark.to_vec(), was),
            Edit::Lpush { value } => self.push(key, "LPUSH", value),
            Edit::Rpush { value } => self.push(key, "RPUSH", value),
            Edit::Sadd { member, was } => self.member(key, member, true, was),
            Edit::Srem { member, was } => self.member(key, member, false, was),
            Edit::Zadd { member, score, was } => self.score(key, member, Some(score), was),
            Edit::Zrem { member, was } => self.score(key, member, None, was),
            Edit::Xadd(entry) => {
                self.change(Phase::Add, entry.into_request(key)?);
                Ok(())
            }
            Edit::Xdel { id } => {
                let id = entry_id(&id)?;
                self.name("entry", id.as_bytes())?;
                self.change(Phase::Remove, about("XDEL", key, [&id]));
                Ok(())
            }
            Edit::Pexpire { ttl_ms } => {
                check_ttl(ttl_ms)?;
                self.name("expiry", b"")?;
                self.change(Phase::Expire, about("PEXPIRE", key, [&ttl_ms.to_string()]));
                Ok(())
            }
            Edit::Persist => {
                self.name("expiry", b"")?;
                self.change(Phase::Expire, about("PERSIST", key, []));
                Ok(())
            }
            Edit::Rename { to } => self.rename(key, to.into_vec()?),
        }
    }

    fn name(&mut self, what: &'static str, name: &[u8]) -> Result<(), ApiError> {
        if self.named.insert((what, name.to_vec())) {
            return Ok(());
        }
        Err(ApiError::conflict(format!("the same {what} is edited twice")))
    }

    fn change(&mut self, phase: Phase, request: Request) {
        // Edits that look at nothing have their row too: conflicts name an edit by its number.
        if self.looks.len() == self.changes.len() {
            self.looks.push((Seen::Anything, Vec::new()));
        }
        self.changes.push((phase, request));
    }

    fn look(&mut self, seen: Seen, requests: Vec<Request>) {
        self.looks.push((seen, requests));
    }

    fn text(&mut self, key: &[u8], value: GivenBytes, was: Option<GivenBytes>) -> Result<(), ApiError> {
        self.name("value", b"")?;
        let was = was.map(GivenBytes::into_vec).transpose()?;
        let asked = was.as_ref().map_or(0, Vec::len).max(KEPT_BYTES);
        // Asked in any case: SET would replace a value of another type.
        let part = about("GETRANGE", key, ["0", &(asked - 1).to_string()]);
        self.look(Seen::Text(was), vec![about("STRLEN", key, []), part]);
        let mut request = about("SET", key, []);
        request.extend([value.into_vec()?, b"KEEPTTL".to_vec()]);
        self.change(Phase::Add, request);
        Ok(())
    }

    fn field(
        &mut self,
        key: &[u8],
        field: GivenBytes,
        value: Option<(GivenBytes, Option<Option<i64>>)>,
        was: Was,
    ) -> Result<(), ApiError> {
        let field = field.into_vec()?;
        self.name("field", &field)?;
        if let Some(was) = was {
            let was = was.map(GivenBytes::into_vec).transpose()?;
            self.look(Seen::Bytes(was), vec![with(key, "HGET", [field.clone()])]);
        }
        match value {
            Some((value, ttl_ms)) => {
                // HSET takes the expiry of a field away.
                let mut request = match ttl_ms {
                    None => about("HSETEX", key, ["KEEPTTL", "FIELDS", "1"]),
                    Some(None) => about("HSETEX", key, ["FIELDS", "1"]),
                    Some(Some(ttl_ms)) => about("HSETEX", key, ["PX", &ttl_ms.to_string(), "FIELDS", "1"]),
                };
                request.extend([field, value.into_vec()?]);
                self.change(Phase::Add, request);
            }
            None => self.change(Phase::Remove, with(key, "HDEL", [field])),
        }
        Ok(())
    }

    fn field_expiry(&mut self, key: &[u8], field: GivenBytes, ttl_ms: Option<i64>) -> Result<(), ApiError> {
        let field = field.into_vec()?;
        self.name("field", &field)?;
        self.look(Seen::Field, vec![with(key, "HEXISTS", [field.clone()])]);
        let mut request = match ttl_ms {
            Some(ttl_ms) => about("HPEXPIRE", key, [&ttl_ms.to_string(), "FIELDS", "1"]),
            None => about("HPERSIST", key, ["FIELDS", "1"]),
        };
        request.push(field);
        self.change(Phase::Expire, request);
        Ok(())
    }

    fn place(&mut self, key: &[u8], index: u32, value: Vec<u8>, was: GivenBytes) -> Result<(), ApiError> {
        let index = index.to_string();
        self.name("place", index.as_bytes())?;
        self.look(
            Seen::Bytes(Some(was.into_vec()?)),
            vec![about("LINDEX", key, [&index])],
        );
        self.change(Phase::Add, with(key, "LSET", [index.into_bytes(), value]));
        Ok(())
    }

    fn push(&mut self, key: &[u8], command: &str, value: GivenBytes) -> Result<(), ApiError> {
        self.change(Phase::Push, with(key, command, [value.into_vec()?]));
        Ok(())
    }

    fn member(
        &mut self,
        key: &[u8],
        member: GivenBytes,
        adds: bool,
        was: Option<bool>,
    ) -> Result<(), ApiError> {
        let member = member.into_vec()?;
        self.name("member", &member)?;
        if let Some(was) = was {
            self.look(Seen::Member(was), vec![with(key, "SISMEMBER", [member.clone()])]);
        }
        let (phase, command) = if adds {
            (Phase::Add, "SADD")
        } else {
            (Phase::Remove, "SREM")
        };
        self.change(phase, with(key, command, [member]));
        Ok(())
    }

    fn score(
        &mut self,
        key: &[u8],
        member: GivenBytes,
        score: Option<GivenScore>,
        was: Option<Option<GivenScore>>,
    ) -> Result<(), ApiError> {
        let member = member.into_vec()?;
        self.name("member", &member)?;
        if let Some(was) = was {
            let was = was.map(|score| double(&score.into_bytes()));
            self.look(Seen::Score(was), vec![with(key, "ZSCORE", [member.clone()])]);
        }
        match score {
            Some(score) => self.change(Phase::Add, with(key, "ZADD", [score.into_bytes(), member])),
            None => self.change(Phase::Remove, with(key, "ZREM", [member])),
        }
        Ok(())
    }

    fn rename(&mut self, key: &[u8], to: Vec<u8>) -> Result<(), ApiError> {
        self.name("name", b"")?;
        if to == key {
            let taken = "that is its name already";
            return Err(ApiError::new(StatusCode::CONFLICT, "KEY_EXISTS", taken));
        }
        self.change(Phase::Rename, with(key, "RENAMENX", [to.clone()]));
        self.new_name = Some(to);
        Ok(())
    }
}

fn entry_id(id: &str) -> Result<String, ApiError> {
    let (ms, sequence) = id.split_once('-').unwrap_or((id, "0"));
    let parts = id_part(ms).zip(id_part(sequence));
    parts
        .map(|(ms, sequence)| format!("{ms}-{sequence}"))
        .ok_or_else(|| ApiError::bad_request("the id of an entry has to be <ms> or <ms>-<sequence>"))
}

fn with<const N: usize>(key: &[u8], command: &str, rest: [Vec<u8>; N]) -> Request {
    let mut request = about(command, key, []);
    request.extend(rest);
    request
}

/// What is there instead of what was seen, for the details of a conflict; `None` where it is what was seen.
fn difference(seen: Seen, mut replies: impl Iterator<Item = Value>) -> Option<serde_json::Value> {
    let mut next = || replies.next().unwrap_or(Value::Null);
    match seen {
        Seen::Anything => None,
        Seen::Text(was) => {
            let length = integer(&next()).unwrap_or_default().max(0) as u64;
            let (mut part, _) = thin::string(next()).unwrap_or_default();
            let was = was?;
            if was.len() as u64 == length && was == part {
                return None;
            }
            part.truncate(KEPT_BYTES);
            let is_whole = part.len() as u64 == length;
            let now = if is_whole {
                part.into()
            } else {
                Bytes::beginning(&part, length)
            };
            Some(json!(now))
        }
        Seen::Bytes(was) => {
            let now = thin::string(next());
            if matches!(&now, Some((_, Some(_)))) || now.as_ref().map(|(bytes, _)| bytes) != was.as_ref() {
                return Some(json!(now.map(|(bytes, length)| shown(bytes, length))));
            }
            None
        }
        Seen::Field => (integer(&next()) != Some(1)).then_some(serde_json::Value::Null),
        Seen::Member(was) => {
            let now = integer(&next()) == Some(1);
            (now != was).then(|| json!(now))
        }
        Seen::Score(was) => {
            let now = match next() {
                Value::Double(text) => Some(double(&text)),
                _ => None,
            };
            (now != was).then(|| json!(now.map(Score)))
        }
    }
}

/// Bytes as a page shows them.
fn shown(mut bytes: Vec<u8>, length: Option<u64>) -> Bytes {
    let length = length.unwrap_or(bytes.len() as u64);
    if bytes.len() as u64 == length && bytes.len() <= KEPT_BYTES {
        return bytes.into();
    }
    bytes.truncate(KEPT_BYTES);
    Bytes::beginning(&bytes, length)
}

/// Looks that are made together: the number of each edit, what it saw, and the requests.
struct Batch {
    /// Bytes that are kept of each string.
    limit_bytes: usize,
    looks: Vec<(usize, Seen, Vec<Request>)>,
}

/// The looks in batches, none of which keeps so much that strings would be cut below what was seen of them: then something that
/// is as it was seen would not look so. Short ones are together, so that they do not cost what long ones do.
fn batches(looks: Vec<(Seen, Vec<Request>)>, floor_bytes: usize) -> Vec<Batch> {
    let needed = |seen: &Seen| match seen {
        Seen::Bytes(Some(bytes)) | Seen::Text(Some(bytes)) => bytes.len().max(floor_bytes),
        _ => floor_bytes,
    };
    let mut looks: Vec<_> = looks
        .into_iter()
        .enumerate()
        .map(|(edit, (seen, requests))| (edit, seen, requests))
        .collect();
    looks.sort_by_key(|(_, seen, _)| needed(seen));
    let mut all: Vec<Batch> = Vec::new();
    for look in looks {
        let limit_bytes = needed(&look.1);
        match all.last_mut() {
            Some(batch) if (batch.looks.len() + 1) * limit_bytes <= BATCH_BYTES_MAX => {
                batch.limit_bytes = limit_bytes;
                batch.looks.push(look);
            }
            _ => all.push(Batch {
                limit_bytes,
                looks: vec![look],
            }),
        }
    }
    all
}

/// Looks at what is edited, under WATCH.
///
/// # Errors
/// When the key is not there, the new name is taken, or something is not as it was seen.
async fn compare(conversation: &mut Conversation, key: &[u8], plan: &mut Plan) -> Result<(), ApiError> {
    let mut watch = about("WATCH", key, []);
    watch.extend(plan.new_name.clone());
    let mut requests = vec![watch, about("EXISTS", key, [])];
    requests.extend(plan.new_name.as_ref().map(|name| about("EXISTS", name, [])));
    let replies = conversation.ask_all(&requests).await?;
    for (request, reply) in requests.iter().zip(&replies) {
        conversation.checked(request, reply.clone())?;
    }
    if integer(&replies[1]) != Some(1) {
        return Err(ApiError::key_not_found());
    }
    if replies.get(2).and_then(integer) == Some(1) {
        let taken = "there is a key of the new name already";
        return Err(ApiError::new(StatusCode::CONFLICT, "KEY_EXISTS", taken));
    }
    let looks = std::mem::take(&mut plan.looks);
    let floor = KEPT_BYTES.min(SHOWN_BYTES_MAX / looks.len().max(1));
    let mut conflicts = Vec::new();
    for batch in batches(looks, floor) {
        // Of what is longer than all that was seen, it is enough to know that it is.
        conversation.cut_strings(batch.limit_bytes);
        let requests: Vec<Request> = batch
            .looks
            .iter()
            .flat_map(|(_, _, requests)| requests.clone())
            .collect();
        let looked = conversation.ask_all(&requests).await?;
        for (request, reply) in requests.iter().zip(&looked) {
            conversation.checked(request, reply.clone())?;
        }
        let mut looked = looked.into_iter();
        for (edit, seen, requests) in batch.looks {
            let replies: Vec<Value> = looked.by_ref().take(requests.len()).collect();
            conflicts.extend(difference(seen, replies.into_iter()).map(|now| (edit, now)));
        }
    }
    conflicts.sort_by_key(|(edit, _)| *edit);
    let conflicts: Vec<_> = conflicts
        .into_iter()
        .map(|(edit, now)| json!({"edit": edit, "now": now}))
        .collect();
    if conflicts.is_empty() {
        return Ok(());
    }
    let message = "something is not as it was seen";
    Err(ApiError::new(StatusCode::CONFLICT, "CONFLICT", message).with(json!({"conflicts": conflicts})))
}

/// `PATCH /key/:key`.
pub(crate) async fn edit(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
    RawQuery(query): RawQuery,
    JsonBody(given): JsonBody<Given, EDITS_BYTES_MAX>,
) -> Result<Json<Edited>, ApiError> {
    caller.may_write()?;
    let (key, db) = (key_of(&uri), database(&app, &Query::of(query.as_deref()))?);
    let edits = given.edits.len() as u64;
    let mut plan = Plan::of(&key, given.edits)?;
    let mut conversation = Conversation::of(&app, &caller, db).await?;
    compare(&mut conversation, &key, &mut plan).await?;
    let name = plan.new_name.unwrap_or(key);
    let mut requests = vec![words(["MULTI", "ATOMIC"])];
    requests.extend(plan.changes.into_iter().map(|(_, request)| request));
    requests.extend([about("EXISTS", &name, []), words(["EXEC"])]);
    let replies = conversation.ask_all(&requests).await?;
    let outcome = check(&conversation, &requests, replies)?;
    Ok(Json(Edited {
        key: name.into(),
        db,
        edits,
        exists: outcome.last().and_then(integer) == Some(1),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(edits: serde_json::Value) -> Result<Vec<String>, String> {
        let given: Given =
            serde_json::from_value(json!({"edits": edits})).map_err(|error| error.to_string())?;
        let plan = Plan::of(b"k", given.edits).map_err(|error| error.message)?;
        let changes = plan.changes.into_iter().map(|(_, request)| {
            let words = request
                .iter()
                .map(|word| String::from_utf8_lossy(word).into_owned());
            words.collect::<Vec<_>>().join(" ")
        });
        Ok(changes.collect())
    }

    #[test]
    fn what_adds_comes_before_what_removes() {
        let changes = plan(json!([
            {"op": "persist"}, {"op": "rename", "to": "n"}, {"op": "hdel", "field": "a"}, {"op": "hset", "field": "b", "value": "1"},
        ]));
        let expected = [
            "HSETEX k KEEPTTL FIELDS 1 b 1",
            "HDEL k a",
            "PERSIST k",
            "RENAMENX k n",
        ];
        assert_eq!(changes, Ok(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_field_keeps_its_expiry_unless_another_is_said() {
        let changes = plan(json!([
            {"op": "hset", "field": "a", "value": "1"}, {"op": "hset", "field": "b", "value": "1", "ttl_ms": null},
            {"op": "hset", "field": "c", "value": "1", "ttl_ms": 9}, {"op": "hpexpire", "field": "d", "ttl_ms": 7},
            {"op": "hpersist", "field": "e"},
        ]));
        let expected = [
            "HSETEX k KEEPTTL FIELDS 1 a 1",
            "HSETEX k FIELDS 1 b 1",
            "HSETEX k PX 9 FIELDS 1 c 1",
            "HPEXPIRE k 7 FIELDS 1 d",
            "HPERSIST k FIELDS 1 e",
        ];
        assert_eq!(changes, Ok(expected.map(str::to_owned).to_vec()));
        for bad in [
            json!([{"op": "hset", "field": "a", "value": "1", "ttl_ms": 0}]),
            json!([{"op": "hpexpire", "field": "a", "ttl_ms": -1}]),
            json!([{"op": "hpersist", "field": "a"}, {"op": "hdel", "field": "a"}]),
        ] {
            assert!(plan(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn places_of_a_list_are_those_before() {
        let changes = plan(json!([
            {"op": "lpush", "value": "first"}, {"op": "lrem", "index": 0, "was": "a"}, {"op": "lset", "index": 1, "value": "B", "was": "b"},
        ]));
        let changes = changes.expect("a plan");
        let mark = changes[0].strip_prefix("LSET k 0 ").expect("a mark").to_owned();
        assert_eq!(mark.len(), 2 * MARK_BYTES);
        let rest = [
            "LSET k 1 B".to_owned(),
            "LPUSH k first".to_owned(),
            format!("LREM k 0 {mark}"),
        ];
        assert_eq!(changes[1..], rest);
    }

    #[test]
    fn an_element_is_edited_once_and_edits_are_bounded() {
        let twice =
            json!([{"op": "hset", "field": "a", "value": "1"}, {"op": "hdel", "field": {"b64": "YQ=="}}]);
        assert_eq!(plan(twice), Err("the same field is edited twice".to_owned()));
        let many = (0..=EDITS_MAX).map(|n| json!({"op": "sadd", "member": n.to_string()}));
        assert!(plan(many.collect()).is_err());
        assert!(plan(json!([])).is_err());
        assert!(plan(json!([{"op": "flushall"}])).is_err());
        assert!(plan(json!([{"op": "lset", "index": -1, "value": "", "was": ""}])).is_err());
    }

    #[test]
    fn nothing_seen_is_told_from_nothing_said() {
        let given = json!({"edits": [
            {"op": "hset", "field": "a", "value": "1"}, {"op": "hset", "field": "b", "value": "1", "was": null},
            {"op": "zadd", "member": "m", "score": 1, "was": "inf"},
        ]});
        let given: Given = serde_json::from_value(given).expect("edits");
        let plan = Plan::of(b"k", given.edits).expect("a plan");
        let looks: Vec<_> = plan.looks.iter().map(|(_, requests)| requests.len()).collect();
        assert_eq!(looks, [0, 1, 1]);
        assert!(matches!(plan.looks[2].0, Seen::Score(Some(score)) if score == f64::INFINITY));
        let now = difference(Seen::Bytes(None), [Value::Bulk(b"x".to_vec())].into_iter());
        assert_eq!(now, Some(json!("x")));
        assert_eq!(difference(Seen::Bytes(None), [Value::Null].into_iter()), None);
    }
}
