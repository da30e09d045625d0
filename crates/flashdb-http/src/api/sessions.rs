//! The sessions of the dashboard: who is signed in from where, and ending one. Everybody sees and ends the own ones; those of
//! others are for who may see and end the connections of others (`client|list`, `client|kill`).

use crate::App;
use crate::audit::{Noted, Reason, Turn};
use crate::caller::{Caller, now_ms};
use crate::error::ApiError;
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// Sessions, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionList {
    sessions: Vec<SessionLine>,
    /// Whether those of others are among them.
    all: bool,
}

/// A session.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SessionLine {
    /// For DELETE; opens nothing.
    handle: String,
    user: String,
    addr: String,
    created_ms: i64,
    /// Its last request.
    last_ms: i64,
    unlocked_until_ms: Option<i64>,
    /// The one that asks.
    current: bool,
}

/// `GET /sessions`.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Json<SessionList> {
    let all = app.engine.allows(&caller.identity, "client|list");
    let own = caller.session.as_ref().map(|(_, session)| session.handle.clone());
    let mut sessions: Vec<SessionLine> = app
        .sessions
        .all(now_ms())
        .into_iter()
        .filter(|session| all || session.identity.name() == caller.identity.name())
        .map(|session| SessionLine {
            handle: session.handle.clone(),
            user: String::from_utf8_lossy(session.identity.name()).into_owned(),
            addr: session.peer.to_string(),
            created_ms: session.created_ms,
            last_ms: session.last_ms(),
            unlocked_until_ms: session.unlocked_until_ms(now_ms()).filter(|_| !caller.is_locked),
            current: own.as_ref() == Some(&session.handle),
        })
        .collect();
    sessions.sort_by(|a, b| {
        b.created_ms
            .cmp(&a.created_ms)
            .then_with(|| a.handle.cmp(&b.handle))
    });
    Json(SessionList { sessions, all })
}

/// `DELETE /sessions/:handle`. Ending an own one is allowed read-only: whoever finds a stranger in it must not need to
/// unlock first.
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
) -> Result<Response, ApiError> {
    let handle = uri.path().rsplit('/').next().unwrap_or_default();
    let not_found = || ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such session");
    let is_own = |name: &[u8]| name == caller.identity.name();
    let sees_all = app.engine.allows(&caller.identity, "client|list");
    let found = app.sessions.all(now_ms()).into_iter();
    let mut found = found.filter(|session| sees_all || is_own(session.identity.name()));
    let session = found
        .find(|session| session.handle == handle)
        .ok_or_else(not_found)?;
    if !is_own(session.identity.name()) {
        caller.may_write()?;
        if !app.engine.allows(&caller.identity, "client|kill") {
            let text = b"NOPERM User has no permissions to run the 'client|kill' command";
            return Err(ApiError::from_engine(text, Some("client|kill")));
        }
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if app.sessions.revoke(&session) {
        let turn = Turn::Ended(Reason::Revoked);
        let noted = Noted::new(turn, session.identity.name(), caller.peer);
        noted.by(caller.identity.name()).put_into(&mut response);
    }
    Ok(response)
}
