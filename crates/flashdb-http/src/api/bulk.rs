//! Many keys at a time, by name: what they are, and their removal or expiry. Each key has an outcome of its own: one that a
//! user may not touch does not keep the others from theirs. The caller goes on batch by batch, and may stop between two.

use super::keys::database;
use super::put::{TTL_MS_MAX, check_ttl};
use crate::App;
use crate::ask::{Conversation, about, integer, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::{GivenBytes, JsonBody, Query, tagged};
use axum::Json;
use axum::extract::{RawQuery, State};
use flashdb_resp::reply::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Map;
use std::sync::Arc;

const KEYS_MAX: usize = 200;

/// What is to be done with which keys.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Given {
    #[schemars(length(min = 1, max = KEYS_MAX))]
    keys: Vec<GivenBytes>,
    #[serde(flatten, deserialize_with = "action_of")]
    action: Action,
}

fn action_of<'de, D: Deserializer<'de>>(given: D) -> Result<Action, D::Error> {
    tagged("action", Map::deserialize(given)?)
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase")]
enum Action {
    /// Nothing: only what would be there.
    Look,
    Unlink,
    Pexpire {
        #[schemars(range(min = 1, max = TTL_MS_MAX))]
        ttl_ms: i64,
    },
    Persist,
}

/// What came of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Bulk {
    db: u64,
    /// One for each key, in the order of the request.
    results: Vec<Outcome>,
}

/// What came of one key.
#[derive(Serialize, JsonSchema)]
struct Outcome {
    /// There was such a key, and what was asked for was done; for `persist` also that it had an expiry.
    done: bool,
    /// Memory that it takes; of `look`, and with the right to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Refused>,
}

/// As the error of an answer.
#[derive(Serialize, JsonSchema)]
struct Refused {
    code: String,
    message: String,
}

impl Action {
    fn requests(&self, key: &[u8]) -> Vec<Vec<Vec<u8>>> {
        match self {
            Action::Look => {
                let mut usage = words(["MEMORY", "USAGE"]);
                usage.push(key.to_vec());
                vec![about("EXISTS", key, []), usage]
            }
            Action::Unlink => vec![about("UNLINK", key, [])],
            Action::Pexpire { ttl_ms } => vec![about("PEXPIRE", key, [&ttl_ms.to_string()])],
            Action::Persist => vec![about("PERSIST", key, [])],
        }
    }
}

fn outcome(replies: &[Value]) -> Outcome {
    let error = match &replies[0] {
        Value::Error(text) => {
            let error = ApiError::from_engine(text, None);
            Some(Refused {
                code: error.code.to_owned(),
                message: error.message,
            })
        }
        _ => None,
    };
    Outcome {
        done: integer(&replies[0]) == Some(1),
        bytes: replies.get(1).and_then(integer),
        error,
    }
}

/// `POST /bulk`.
pub(crate) async fn run(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
    JsonBody(given): JsonBody<Given>,
) -> Result<Json<Bulk>, ApiError> {
    if !matches!(given.action, Action::Look) {
        caller.may_write()?;
    }
    let db = database(&app, &Query::of(query.as_deref()))?;
    if given.keys.is_empty() || given.keys.len() > KEYS_MAX {
        return Err(ApiError::bad_request(format!(
            "there have to be 1 to {KEYS_MAX} keys"
        )));
    }
    if let Action::Pexpire { ttl_ms } = given.action {
        check_ttl(ttl_ms)?;
    }
    let mut requests = Vec::new();
    let count = given.keys.len();
    for key in given.keys {
        requests.extend(given.action.requests(&key.into_vec()?));
    }
    let mut conversation = match given.action {
        Action::Look => Conversation::look(&app, &caller, db).await?,
        _ => Conversation::of(&app, &caller, db).await?,
    };
    let replies = conversation.ask_all(&requests).await?;
    let results = replies.chunks_exact(requests.len() / count).map(outcome);
    Ok(Json(Bulk {
        db,
        results: results.collect(),
    }))
}
