//! Who asks: a session by its cookie, a script by Basic auth, or on an open server anybody who is no web page. Taken as an
//! argument by every handler that needs somebody.

use crate::App;
use crate::ask::Conversation;
use crate::attempts::Refused;
use crate::audit;
use crate::error::ApiError;
use crate::gate::is_from_page;
use crate::sessions::{Session, same_secret};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flashdb_base::clock;
use flashdb_resp::reply::Value;
use flashdb_server::engine::Identity;
use std::net::SocketAddr;
use std::sync::Arc;

/// How the engine begins to refuse logins of an address that has failed too often, and for how long it may.
const ENGINE_BRAKE: &[u8] = b"ERR too many logins";
const ENGINE_BRAKE_MS: i64 = 5000;

/// Somebody who may ask.
pub(crate) struct Caller {
    pub identity: Identity,
    pub peer: SocketAddr,
    /// The session and the id it came with.
    pub session: Option<(String, Arc<Session>)>,
    /// Sessions of this server stay read-only.
    pub is_locked: bool,
}

impl Caller {
    /// Whether only reading is allowed.
    pub fn is_read_only(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|(_, session)| self.is_locked || session.unlocked_until_ms(now_ms()).is_none())
    }

    /// Refuses who may only read.
    ///
    /// # Errors
    /// `READ_ONLY`.
    pub fn may_write(&self) -> Result<(), ApiError> {
        if self.is_read_only() && self.is_locked {
            return Err(ApiError::locked());
        }
        if self.is_read_only() {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "READ_ONLY",
                "the session is read-only; POST /api/v1/session/unlock lifts that for a while",
            ));
        }
        Ok(())
    }
}

/// Unix time, ms.
pub(crate) fn now_ms() -> i64 {
    clock::unix_ms() as i64
}

/// Time since some moment, ms: waits must not end or last because a clock is set.
fn monotonic_ms() -> i64 {
    (clock::monotonic_us() / 1000) as i64
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let ConnectInfo(peer) = ConnectInfo::<SocketAddr>::from_request_parts(parts, app)
            .await
            .map_err(|error| ApiError::bad_request(error.to_string()))?;
        let only_looks = matches!(parts.method, Method::GET | Method::HEAD);
        let caller = find(app, peer, &parts.headers, only_looks).await?;
        if let (Some((_, session)), false) = (&caller.session, only_looks) {
            let given = parts
                .headers
                .get("x-flashdb-csrf")
                .and_then(|value| value.to_str().ok());
            if !given.is_some_and(|given| same_secret(given, &session.csrf.lock())) {
                return Err(ApiError::new(
                    StatusCode::FORBIDDEN,
                    "BAD_CSRF",
                    "X-FlashDB-CSRF has to carry the csrf value of GET /api/v1/session",
                ));
            }
        }
        Ok(caller)
    }
}

/// Who asks, by the headers. A session comes first: a proxy in front of the server may add Basic auth of its own.
///
/// # Errors
/// When nobody who may.
pub(crate) async fn find(
    app: &Arc<App>,
    peer: SocketAddr,
    headers: &HeaderMap,
    only_looks: bool,
) -> Result<Caller, ApiError> {
    let is_locked = app.engine.config().settings().dashboard_readonly;
    if let Some((id, session, identity)) = session(app, headers, only_looks) {
        return Ok(Caller {
            identity,
            peer,
            session: Some((id, session)),
            is_locked,
        });
    }
    if let Some((user, password)) = basic(headers)? {
        let identity = log_in(app, peer, &user, &password).await?;
        return Ok(Caller {
            identity,
            peer,
            session: None,
            is_locked,
        });
    }
    if session_ids(app, headers).next().is_some() {
        return Err(ApiError::session_ended());
    }
    match app.engine.anybody() {
        Some(identity) if !is_from_page(headers) => Ok(Caller {
            identity,
            peer,
            session: None,
            is_locked,
        }),
        _ => Err(ApiError::no_session()),
    }
}

/// The session of the request's cookies, with its id and the user's rights of now. A cookie of the same name may have been
/// planted by another server of this host, or left behind for another path: the one that is good counts.
pub(crate) fn session(
    app: &App,
    headers: &HeaderMap,
    only_looks: bool,
) -> Option<(String, Arc<Session>, Identity)> {
    let stands = |identity: &Identity| app.engine.standing(identity).is_some();
    session_ids(app, headers).find_map(|id| {
        let session = app.sessions.find(id, only_looks, now_ms(), stands)?;
        let identity = app.engine.standing(&session.identity)?;
        Some((id.to_owned(), session, identity))
    })
}

/// The ids in the session's cookies.
pub(crate) fn session_ids<'a>(app: &'a App, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == app.cookie)
        .map(|(_, id)| id)
}

/// A name and a password.
type Credentials = (Vec<u8>, Vec<u8>);

fn basic(headers: &HeaderMap) -> Result<Option<Credentials>, ApiError> {
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let unknown = || {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "WRONG_CREDENTIALS",
            "Authorization has to be Basic, with user and password",
        )
    };
    let words = given.to_str().ok().and_then(|given| given.split_once(' '));
    let (_, encoded) = words
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .ok_or_else(unknown)?;
    let pair = STANDARD.decode(encoded.trim()).map_err(|_| unknown())?;
    let colon = pair.iter().position(|&byte| byte == b':').ok_or_else(unknown)?;
    Ok(Some((pair[..colon].to_vec(), pair[colon + 1..].to_vec())))
}

pub(crate) fn wrong_credentials() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "WRONG_CREDENTIALS",
        "user or password is wrong, or the user is switched off",
    )
}

/// Logs in by AUTH over a connection of its own, with all that the engine does about wrong passwords.
///
/// # Errors
/// Wrong credentials, too many attempts, or no engine.
pub(crate) async fn log_in(
    app: &Arc<App>,
    peer: SocketAddr,
    user: &[u8],
    password: &[u8],
) -> Result<Identity, ApiError> {
    let check = || {
        let checked = app.attempts.check(user, password, peer.ip(), monotonic_ms());
        checked.map_err(|refused| match refused {
            Refused::Wait(wait_ms) => {
                let known = app.engine.user_id(user).is_some();
                let tried = if known { user } else { b"" };
                audit::lockout(app.engine.audit(), &String::from_utf8_lossy(tried), peer);
                ApiError::too_many_attempts(wait_ms)
            }
            Refused::Wrong => wrong_credentials(),
        })
    };
    check()?;
    let mut conversation = Conversation::begin(app, peer, None).await?;
    // Others may have failed while this one waited for its place.
    check()?;
    let reply = conversation
        .ask_raw(&[b"AUTH".to_vec(), user.to_vec(), password.to_vec()])
        .await?;
    match (reply, conversation.identity()) {
        (Value::Simple(_), Some(identity)) => {
            app.attempts.succeeded(user, peer.ip());
            Ok(identity)
        }
        (Value::Error(text), _) if text.starts_with(ENGINE_BRAKE) => {
            Err(ApiError::too_many_attempts(ENGINE_BRAKE_MS))
        }
        (Value::Error(text), _) if !text.starts_with(b"WRONGPASS") => {
            Err(ApiError::from_engine(&text, Some("auth")))
        }
        _ => {
            app.attempts.failed(user, password, peer.ip(), monotonic_ms());
            Err(wrong_credentials())
        }
    }
}
