//! What happens to sessions, in the audit log: who logged in, unlocked and left, from where, and by which request; who
//! had many keys changed by a job, and where alerts are sent to. The engine writes there what commands do; sessions and jobs it does not know.

use axum::response::Response;
use flashdb_config::logging::AUDIT;
use std::net::SocketAddr;

/// What became of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Begun,
    Unlocked,
    Locked,
    /// By itself or by request.
    Ended(Reason),
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Logout,
    /// Another login came with its cookie.
    NewLogin,
    Rest,
    Age,
    /// The user was removed, switched off or given other passwords.
    User,
    /// A newer session took its place.
    Displaced,
    /// Somebody ended it from another one.
    Revoked,
}

impl Turn {
    fn outcome(self) -> &'static str {
        match self {
            Turn::Begun => "begun",
            Turn::Unlocked => "unlocked",
            Turn::Locked => "locked",
            Turn::Ended(_) => "ended",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Turn::Ended(Reason::Logout) => "logout",
            Turn::Ended(Reason::NewLogin) => "new-login",
            Turn::Ended(Reason::Rest) => "rest",
            Turn::Ended(Reason::Age) => "age",
            Turn::Ended(Reason::User) => "user",
            Turn::Ended(Reason::Displaced) => "displaced",
            Turn::Ended(Reason::Revoked) => "revoked",
            _ => "",
        }
    }
}

/// An event of a session.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    turn: Turn,
    user: String,
    peer: SocketAddr,
    /// Who did it, where that need not be the user.
    by: String,
}

impl Noted {
    pub fn new(turn: Turn, user: &[u8], peer: SocketAddr) -> Self {
        Noted {
            turn,
            user: String::from_utf8_lossy(user).into_owned(),
            peer,
            by: String::new(),
        }
    }

    /// With who did it.
    pub fn by(self, name: &[u8]) -> Self {
        let by = String::from_utf8_lossy(name).into_owned();
        Noted { by, ..self }
    }

    /// Has it logged once the request's id is known.
    pub fn put_into(self, response: &mut Response) {
        response.extensions_mut().insert(self);
    }

    /// Logs it; `request_id` is empty where no request brought it about.
    pub fn log(&self, request_id: &str) {
        tracing::info!(
            target: AUDIT,
            event = "session",
            outcome = self.turn.outcome(),
            reason = self.turn.reason(),
            user = &*self.user,
            by = &*self.by,
            addr = %self.peer,
            request_id,
            "a session of the HTTP interface"
        );
    }
}

/// Whoever has many keys changed by a job, or takes them away as a file.
#[derive(Clone, Debug)]
pub(crate) struct BulkNote {
    /// `bulk`, `export` or `import`.
    pub event: &'static str,
    /// Id of the job; empty for an export.
    pub job: String,
    pub user: String,
    pub peer: SocketAddr,
    pub request_id: String,
    /// What was asked for, as JSON.
    pub request: String,
}

impl BulkNote {
    /// Logs that it has begun, or ended: with so many keys changed or written into the file, and so many refused.
    pub fn log(&self, outcome: &'static str, keys: u64, errors: u64) {
        tracing::info!(
            target: AUDIT,
            event = self.event,
            outcome,
            job = &*self.job,
            request = &*self.request,
            keys,
            errors,
            user = &*self.user,
            addr = %self.peer,
            request_id = &*self.request_id,
            "many keys at a time"
        );
    }
}

/// Logs that the addresses which alerts are sent to were changed or tried: the setting itself is a secret and not in the log.
pub(crate) fn webhook(outcome: &'static str, shown: &str, user: &[u8], peer: SocketAddr, request_id: &str) {
    tracing::info!(
        target: AUDIT,
        event = "webhook",
        outcome,
        url = shown,
        user = &*String::from_utf8_lossy(user),
        addr = %peer,
        request_id,
        "an address that alerts are sent to"
    );
}
