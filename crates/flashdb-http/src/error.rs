//! What can go wrong, as status, code and JSON. Codes are part of the contract; texts are for people.

use crate::audit::Noted;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flashdb_server::engine::AuditTrail;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// A refusal or failure.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub details: Value,
}

/// The body of a failure.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Failure {
    /// Always false.
    success: bool,
    error: FailureError,
    /// Also in the header `X-Request-Id`.
    request_id: String,
}

#[derive(Serialize, JsonSchema)]
struct FailureError {
    /// One of the codes of the contract.
    code: String,
    message: String,
    details: serde_json::Map<String, Value>,
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        ApiError {
            status,
            code,
            message: message.into(),
            details: json!({}),
        }
    }

    pub fn with(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    pub fn key_not_found() -> Self {
        ApiError::new(StatusCode::NOT_FOUND, "KEY_NOT_FOUND", "there is no such key")
    }

    pub fn stopping() -> Self {
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "STOPPING",
            "the server is ending",
        )
    }

    pub fn reply_too_large() -> Self {
        ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "REPLY_TOO_LARGE",
            "the reply is larger than 8 MiB or 100,000 values; ask for a part of it",
        )
    }

    pub fn no_session() -> Self {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "NO_SESSION",
            "log in first: POST /api/v1/session, or Basic auth with a user of the server",
        )
    }

    pub fn session_ended() -> Self {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "SESSION_ENDED",
            "the session has ended; log in again",
        )
    }

    /// The setting `dashboard-readonly` keeps sessions from writing.
    pub fn locked() -> Self {
        ApiError::new(
            StatusCode::FORBIDDEN,
            "READ_ONLY",
            "the dashboard of this server is read-only, by the setting dashboard-readonly",
        )
        .with(json!({"settings": ["dashboard-readonly"]}))
    }

    /// Too many logins have failed.
    pub fn too_many_attempts(wait_ms: i64) -> Self {
        ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TOO_MANY_ATTEMPTS",
            "too many logins have failed; wait before the next",
        )
        .with(json!({"retry_after_ms": wait_ms}))
    }

    /// An error reply to a request of the command `full_name`.
    pub fn from_engine(text: &[u8], full_name: Option<&str>) -> Self {
        let text = String::from_utf8_lossy(text).into_owned();
        let word = text.split(' ').next().unwrap_or_default().to_owned();
        let (status, code) = match word.as_str() {
            "NOPERM" => (StatusCode::FORBIDDEN, "NOPERM"),
            "LOADING" => (StatusCode::SERVICE_UNAVAILABLE, "LOADING"),
            "BUSY" => (StatusCode::SERVICE_UNAVAILABLE, "BUSY"),
            // Too many open files, a disk that cannot be read: not what was asked for is wrong.
            "DISKERR" => (StatusCode::SERVICE_UNAVAILABLE, "DISK_FAILED"),
            "NOAUTH" => (StatusCode::UNAUTHORIZED, "NO_SESSION"),
            // The key is of another type: not the request is wrong, but what it meets.
            "WRONGTYPE" => (StatusCode::CONFLICT, "COMMAND_FAILED"),
            _ => (StatusCode::BAD_REQUEST, "COMMAND_FAILED"),
        };
        let mut details = json!({"code": word});
        if code == "NOPERM" {
            match lacking(&text) {
                // Which one is not said: the user may not even know that it is there.
                Some(what) => details["lacks"] = what.into(),
                None => details["needs"] = full_name.map(|name| format!("+{name}")).into(),
            }
        }
        ApiError::new(status, code, text).with(details)
    }

    /// A request that is well formed, and that what is there does not allow.
    pub fn conflict(message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::CONFLICT, "CONFLICT", message)
    }

    /// The engine's refusal of a request whose form was checked: what is there does not allow it.
    pub fn into_conflict(mut self) -> Self {
        let is_refusal = ["ERR", "EXECABORT"]
            .iter()
            .any(|word| self.details["code"] == *word);
        if self.code == "COMMAND_FAILED" && is_refusal {
            self.status = StatusCode::CONFLICT;
        }
        self
    }

    /// The user lacks the right to a command.
    pub fn no_right(full_name: &str) -> Self {
        let text = format!("NOPERM User has no permissions to run the '{full_name}' command");
        ApiError::from_engine(text.as_bytes(), Some(full_name))
    }
}

/// What a user who may run the command has no pattern for; `None` where it is the command that is lacking.
fn lacking(text: &str) -> Option<&'static str> {
    if text.contains("one of the keys") || text.contains("all keys that begin") {
        return Some("key");
    }
    text.contains("one of the channels").then_some("channel")
}

/// Put into the response for the gate, which knows the request's id and writes the body.
#[derive(Clone)]
pub(crate) struct Failed {
    code: &'static str,
    message: String,
    details: Value,
}

impl Failed {
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(after_ms) = self.details.get("retry_after_ms").and_then(Value::as_u64) {
            let seconds = HeaderValue::from(after_ms.div_ceil(1000));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response.extensions_mut().insert(Failed {
            code: self.code,
            message: self.message,
            details: self.details,
        });
        response
    }
}

/// Writes the body of a failure, if the response is one; logs what belongs into the audit log, under the request's id.
pub(crate) fn with_body(mut response: Response, request_id: &str, trail: &AuditTrail) -> Response {
    if let Some(noted) = response.extensions_mut().remove::<Noted>() {
        noted.log(trail, request_id);
    }
    let Some(failed) = response.extensions_mut().remove::<Failed>() else {
        return response;
    };
    let details = match failed.details {
        Value::Object(details) => details,
        _ => serde_json::Map::new(),
    };
    let body = Json(Failure {
        success: false,
        error: FailureError {
            code: failed.code.to_owned(),
            message: failed.message,
            details,
        },
        request_id: request_id.to_owned(),
    })
    .into_response();
    let (mut parts, _) = response.into_parts();
    let (body_parts, body) = body.into_parts();
    parts.headers.extend(body_parts.headers);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_fails_is_no_conflict() {
        let failed = ApiError::from_engine(b"DISKERR cannot read a.fsnap: Too many open files", None);
        let failed = failed.into_conflict();
        assert_eq!(
            (failed.status, failed.code),
            (StatusCode::SERVICE_UNAVAILABLE, "DISK_FAILED")
        );
        assert!(failed.message.contains("Too many open files"));
        let refused = ApiError::from_engine(b"ERR a.fsnap is damaged at offset 0", None).into_conflict();
        assert_eq!(refused.status, StatusCode::CONFLICT);
    }

    #[test]
    fn what_is_lacking_is_what_would_help() {
        let details = |text: &str| ApiError::from_engine(text.as_bytes(), Some("get")).details;
        assert_eq!(
            details("NOPERM User ada has no permissions to run the 'get' command"),
            json!({"code": "NOPERM", "needs": "+get"})
        );
        assert_eq!(
            details("NOPERM this user has no permissions to access one of the keys used as arguments"),
            json!({"code": "NOPERM", "lacks": "key"})
        );
        assert_eq!(
            details("NOPERM this user has no permissions to access one of the channels used as arguments"),
            json!({"code": "NOPERM", "lacks": "channel"})
        );
        assert_eq!(
            details("NOPERM the user may not read all keys that begin with this prefix"),
            json!({"code": "NOPERM", "lacks": "key"})
        );
    }
}
