//! Logging in and out, and what a session may do.

use crate::App;
use crate::audit::{Noted, Reason, Turn};
use crate::caller::{self, Caller, now_ms};
use crate::error::ApiError;
use crate::json::JsonBody;
use crate::sampler::Stage;
use crate::sessions::{IDLE_MS, LIFE_MS, Refusal, Session};
use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flashdb_base::version::{FLASHDB_VERSION, REDIS_VERSION};
use flashdb_config::{Choice, Environment};
use flashdb_server::engine::Identity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Bytes of a login: anybody may send one.
const LOGIN_BYTES_MAX: usize = 16 << 10;
/// Characters of a name and of a password, as many as fit into such a body however they are written.
const WORD_CHARS_MAX: usize = 512;

/// Commands that endpoints and pages stand for.
const CAPABILITIES: &[&str] = &[
    "acl|deluser",
    "acl|dryrun",
    "acl|getuser",
    "acl|list",
    "acl|log",
    "acl|save",
    "acl|setuser",
    "client|kill",
    "client|list",
    "config|get",
    "config|rewrite",
    "config|set",
    "dbsize",
    "get",
    "hotkeys.list",
    "info",
    "latency|latest",
    "memory|stats",
    "memory|usage",
    "monitor",
    "object|encoding",
    "prefix.keys",
    "prefix.tree",
    "pttl",
    "publish",
    "scan",
    "set",
    "slowlog|get",
    "slowlog|reset",
    "snapshot.create",
    "snapshot.delete",
    "snapshot.info",
    "snapshot.list",
    "snapshot.read",
    "snapshot.restore",
    "snapshot.write",
    "type",
    "unlink",
];

/// The server, for whoever asks.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ServerView {
    /// Name of the machine.
    name: String,
    version: &'static str,
    redis_version: &'static str,
    /// Left out for who is not logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    /// What this server is for, by the setting of this name; null for nobody has said.
    environment: Option<&'static str>,
    tls: bool,
    /// Port of the clients; 0 for none. Left out for who is not logged in.
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<usize>,
    started_ms: i64,
    time_ms: i64,
    state: Stage,
}

fn environment(app: &App) -> Option<&'static str> {
    match app.engine.config().settings().environment {
        Environment::None => None,
        environment => Some(environment.name()),
    }
}

impl ServerView {
    pub fn of(app: &App) -> Self {
        ServerView {
            name: app.host_name.clone(),
            version: FLASHDB_VERSION,
            redis_version: REDIS_VERSION,
            run_id: Some(app.engine.run_id().to_owned()),
            environment: environment(app),
            tls: false,
            port: Some(app.engine.port()),
            started_ms: app.engine.started_ms(),
            time_ms: now_ms(),
            state: app.engine.state().into(),
        }
    }

    /// For anybody: where clients connect and which process this is concerns those who may.
    fn for_nobody(app: &App) -> Self {
        ServerView {
            run_id: None,
            port: None,
            ..ServerView::of(app)
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    ReadOnly,
    Unlocked,
}

/// A session, or that there is none.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum SessionView {
    Here(Box<Here>),
    None(Nobody),
}

/// Somebody is logged in.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Here {
    /// Always true.
    authenticated: bool,
    user: String,
    /// For the header `X-FlashDB-CSRF` of every request but GET.
    csrf: String,
    created_ms: i64,
    expires_ms: i64,
    /// Time without a request after which the session ends.
    idle_ms: i64,
    mode: Mode,
    unlocked_until_ms: Option<i64>,
    /// Whether unlocking asks for the password again.
    unlock_needs_password: bool,
    /// Whether the user may run anything that writes, and `dashboard-readonly` is off.
    can_write: bool,
    /// Whether the user may run a command, on some keys.
    capabilities: BTreeMap<&'static str, bool>,
    databases: usize,
    open: bool,
    server: ServerView,
}

/// Nobody is logged in.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Nobody {
    /// Always false.
    authenticated: bool,
    /// Whether `{}` is enough to log in.
    open: bool,
    server: ServerView,
}

/// Who wants in; `{}` on an open server.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// `default` unless given.
    #[schemars(length(max = WORD_CHARS_MAX))]
    user: Option<String>,
    #[schemars(length(max = WORD_CHARS_MAX))]
    password: Option<String>,
}

/// Who wants to write; `{}` where no password is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unlock {
    /// Needed where the session says `unlock_needs_password`, and ignored elsewhere.
    #[schemars(length(max = WORD_CHARS_MAX))]
    password: Option<String>,
}

/// On a production server a session that was left alone must not be enough to write; who has no password cannot be asked for it.
fn needs_password(app: &App, identity: &Identity) -> bool {
    let is_production = app.engine.config().settings().environment == Environment::Production;
    is_production && identity.has_password()
}

/// Refuses words that no login has.
fn check_words<'a>(words: impl IntoIterator<Item = &'a String>) -> Result<(), ApiError> {
    let is_long = |word: &String| word.chars().count() > WORD_CHARS_MAX;
    if words.into_iter().any(is_long) {
        return Err(ApiError::bad_request(
            "a name or password has at most 512 characters",
        ));
    }
    Ok(())
}

fn view(app: &App, session: &Session, identity: &Identity) -> SessionView {
    let is_locked = app.engine.config().settings().dashboard_readonly;
    let unlocked_until_ms = session.unlocked_until_ms(now_ms()).filter(|_| !is_locked);
    let allows = |name: &&'static str| (*name, app.engine.allows(identity, name));
    SessionView::Here(Box::new(Here {
        authenticated: true,
        user: String::from_utf8_lossy(identity.name()).into_owned(),
        csrf: session.csrf.lock().clone(),
        created_ms: session.created_ms,
        expires_ms: session.created_ms + LIFE_MS,
        idle_ms: IDLE_MS,
        mode: match unlocked_until_ms {
            Some(_) => Mode::Unlocked,
            None => Mode::ReadOnly,
        },
        unlocked_until_ms,
        unlock_needs_password: needs_password(app, identity),
        can_write: !is_locked && app.engine.allows_writing(identity),
        capabilities: CAPABILITIES.iter().map(allows).collect(),
        databases: app.engine.databases_count(),
        open: app.engine.is_open(),
        server: ServerView::of(app),
    }))
}

/// The cookie's text. Behind a proxy that speaks TLS the page's origin says so, and the cookie must not go over plain HTTP.
fn cookie(app: &App, headers: &HeaderMap, id: &str, seconds: i64) -> String {
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let is_secure = origin.is_some_and(|origin| origin.starts_with(b"https://"));
    format!(
        "{}={id}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{}",
        app.cookie,
        if is_secure { "; Secure" } else { "" }
    )
}

fn with_cookie(app: &App, headers: &HeaderMap, body: SessionView, id: &str) -> Result<Response, ApiError> {
    let cookie = cookie(app, headers, id, LIFE_MS / 1000);
    let cookie = HeaderValue::from_str(&cookie).map_err(|_| no_randomness())?;
    let mut response = Json(body).into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

fn no_randomness() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "BUSY",
        "the system gives no random numbers",
    )
}

/// `GET /session`: 200 also for nobody, so that a page can ask without an error in its console.
pub(crate) async fn show(State(app): State<Arc<App>>, headers: HeaderMap) -> Json<SessionView> {
    Json(match caller::session(&app, &headers, true) {
        Some((_, session, identity)) => view(&app, &session, &identity),
        None => SessionView::None(Nobody {
            authenticated: false,
            open: app.engine.is_open(),
            server: ServerView::for_nobody(&app),
        }),
    })
}

/// `POST /session`. Whatever session the request came with ends: an id that somebody else has planted is of no use.
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    JsonBody(login): JsonBody<Login, LOGIN_BYTES_MAX>,
) -> Result<Response, ApiError> {
    check_words(login.user.iter().chain(&login.password))?;
    let identity = match (&login.user, &login.password) {
        (None, None) => app.engine.anybody().ok_or_else(ApiError::no_session)?,
        (user, password) => {
            let user = user.as_deref().unwrap_or("default").as_bytes();
            let password = password.as_deref().unwrap_or_default().as_bytes();
            caller::log_in(&app, peer, user, password).await?
        }
    };
    for old in caller::session_ids(&app, &headers) {
        if let Some(old) = app.sessions.end(old) {
            Noted::new(Turn::Ended(Reason::NewLogin), old.identity.name(), peer).log(app.engine.audit(), "");
        }
    }
    let begun = app.sessions.begin(identity.clone(), peer, now_ms());
    let (id, session) = begun.map_err(|refusal| match refusal {
        Refusal::NoRandomness => no_randomness(),
        Refusal::Full => ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TOO_MANY_SESSIONS",
            "there are too many sessions of this user in use; log out of one, or wait a few minutes",
        ),
    })?;
    let mut response = with_cookie(&app, &headers, view(&app, &session, &identity), &id)?;
    Noted::new(Turn::Begun, identity.name(), peer).put_into(&mut response);
    Ok(response)
}

/// `DELETE /session`.
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (id, _) = caller.session.ok_or_else(ApiError::no_session)?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if app.sessions.end(&id).is_some() {
        let turn = Turn::Ended(Reason::Logout);
        Noted::new(turn, caller.identity.name(), caller.peer).put_into(&mut response);
    }
    if let Ok(gone) = HeaderValue::from_str(&cookie(&app, &headers, "", 0)) {
        response.headers_mut().insert(header::SET_COOKIE, gone);
    }
    Ok(response)
}

/// `POST /session/unlock`. A password is checked as at a login, with the same limit of attempts and the same traces of a wrong one.
pub(crate) async fn unlock(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(unlock): JsonBody<Unlock, LOGIN_BYTES_MAX>,
) -> Result<Response, ApiError> {
    check_words(&unlock.password)?;
    if caller.session.is_none() {
        return Err(ApiError::no_session());
    }
    if caller.is_locked {
        return Err(ApiError::locked());
    }
    if !app.engine.allows_writing(&caller.identity) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "NOPERM",
            "the user may not run any command that writes",
        )
        .with(serde_json::json!({"needs": "+@write"})));
    }
    if needs_password(&app, &caller.identity) {
        let password = unlock.password.ok_or_else(caller::wrong_credentials)?;
        caller::log_in(&app, caller.peer, caller.identity.name(), password.as_bytes()).await?;
    }
    renew(&app, caller, &headers, true)
}

/// `DELETE /session/unlock`.
pub(crate) async fn lock(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    renew(&app, caller, &headers, false)
}

fn renew(app: &App, caller: Caller, headers: &HeaderMap, unlock: bool) -> Result<Response, ApiError> {
    let (old, _) = caller.session.ok_or_else(ApiError::no_session)?;
    let renewed = app.sessions.renew(&old, unlock, now_ms());
    let (id, session) = renewed
        .map_err(|_| no_randomness())?
        .ok_or_else(ApiError::session_ended)?;
    let mut response = with_cookie(app, headers, view(app, &session, &caller.identity), &id)?;
    let turn = if unlock { Turn::Unlocked } else { Turn::Locked };
    Noted::new(turn, caller.identity.name(), caller.peer).put_into(&mut response);
    Ok(response)
}
