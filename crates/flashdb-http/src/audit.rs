//! What happens to sessions, in the audit log: who logged in, unlocked and left, from where, and by which request; who
//! had many keys changed by a job, and where alerts are sent to. The engine writes there what commands do; sessions and jobs it does not know.
//! The same is kept in memory, with what the engine notes; each change of that is told to who watches.

use crate::App;
use crate::hub::{BATCH_TIME, Hub};
use crate::topic::Topic;
use axum::response::Response;
use flashdb_config::logging::AUDIT;
use flashdb_server::engine::{AuditEntry, AuditNews, AuditTrail};
use schemars::JsonSchema;
use serde::Serialize;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::sleep;

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
    pub fn log(&self, trail: &AuditTrail, request_id: &str) {
        trail.note(AuditEntry {
            event: "session",
            what: self.turn.reason().to_owned(),
            outcome: self.turn.outcome(),
            user: self.user.clone(),
            by: self.by.clone(),
            addr: self.peer.to_string(),
            request_id: request_id.to_owned(),
            ..AuditEntry::default()
        });
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
#[derive(Clone)]
pub(crate) struct BulkNote {
    pub trail: Arc<AuditTrail>,
    /// `bulk`, `export`, `import`, `bench`, `generate` or `backup`.
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
        let so_far = match outcome {
            "begun" => String::new(),
            _ => format!("{keys} done, {errors} failed: "),
        };
        self.trail.note(AuditEntry {
            event: self.event,
            what: self.job.clone(),
            outcome,
            user: self.user.clone(),
            addr: self.peer.to_string(),
            request_id: self.request_id.clone(),
            detail: so_far + &self.request,
            ..AuditEntry::default()
        });
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
pub(crate) fn webhook(
    trail: &AuditTrail,
    outcome: &'static str,
    shown: &str,
    user: &[u8],
    peer: SocketAddr,
    request_id: &str,
) {
    trail.note(AuditEntry {
        event: "webhook",
        what: shown.to_owned(),
        outcome,
        user: String::from_utf8_lossy(user).into_owned(),
        addr: peer.to_string(),
        request_id: request_id.to_owned(),
        ..AuditEntry::default()
    });
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

/// Notes that logins of a user from an address are not even tried for a while; once a minute. `tried` is empty where there is no
/// such user: the name may be a password, sent in the wrong place.
pub(crate) fn lockout(trail: &AuditTrail, tried: &str, peer: SocketAddr) {
    let is_new = trail.note(AuditEntry {
        event: "login",
        outcome: "locked-out",
        what: tried.to_owned(),
        addr: peer.to_string(),
        ..AuditEntry::default()
    });
    if is_new {
        tracing::info!(
            target: AUDIT,
            event = "login",
            outcome = "locked-out",
            tried,
            addr = %peer,
            "too many logins over HTTP have failed"
        );
    }
}

/// An event, as it is shown.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AuditView {
    /// Number since the start; an event that is counted again keeps it.
    id: u64,
    /// Unix time, ms; of several the last.
    t: i64,
    /// Of several the first.
    first_ms: i64,
    /// How often, within a minute.
    count: u64,
    /// What it is about; see the filter.
    kind: &'static str,
    /// As in the audit log: `command`, `login`, `session`, `bulk`, …
    event: &'static str,
    /// The command's full name, the user that was tried, why a session ended or something was refused, the id of a job, the
    /// address of a webhook.
    what: String,
    /// `done`, `failed`, `begun`, `ended`, `refused`, `locked-out`, …
    outcome: &'static str,
    user: String,
    /// Who did it, where that is somebody else.
    by: String,
    addr: String,
    request_id: String,
    /// What was asked for, as far as it may be shown: no passwords, no values.
    detail: String,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        AuditView {
            id: entry.id,
            t: entry.at_ms,
            first_ms: entry.first_ms,
            count: entry.count,
            kind: entry.kind().name(),
            event: entry.event,
            what: entry.what,
            outcome: entry.outcome,
            user: entry.user,
            by: entry.by,
            addr: entry.addr,
            request_id: entry.request_id,
            detail: entry.detail,
        }
    }
}

/// Changes that are told at a time; of more, the newest.
const TOLD_MAX: usize = 10;

/// Tells what has changed, and how much of it is not told, so that a page asks for it.
fn tell(hub: &Hub, news: AuditNews) {
    if news.left_out > 0 {
        hub.publish_lost(Topic::Audit, news.left_out);
    }
    for entry in news.entries {
        hub.publish(Topic::Audit, None, &AuditView::from(entry));
    }
}

/// Tells who watches what happens.
pub(crate) async fn run(app: Arc<App>) {
    let changed = Arc::new(Notify::new());
    let told = changed.clone();
    let trail = app.engine.audit();
    trail.on_change(move || told.notify_one());
    let mut last = trail.changed(u64::MAX, 0).last;
    loop {
        changed.notified().await;
        let news = trail.changed(last, TOLD_MAX);
        last = news.last;
        tell(&app.hub, news);
        // Whoever fails again and again is told of in steps.
        sleep(BATCH_TIME).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Topics;
    use axum::extract::ws::Utf8Bytes;

    fn texts(messages: &[Utf8Bytes]) -> String {
        messages.iter().map(Utf8Bytes::as_str).collect()
    }

    #[test]
    fn what_is_too_much_to_tell_is_counted() {
        let (trail, hub) = (AuditTrail::default(), Arc::<Hub>::default());
        let viewer = hub.join();
        let mut topics = Topics::default();
        topics.set(Topic::Audit, true);
        viewer.set_topics(topics);
        for _ in 0..TOLD_MAX + 7 {
            trail.note(AuditEntry {
                event: "command",
                ..AuditEntry::default()
            });
        }
        tell(&hub, trail.changed(0, TOLD_MAX));
        let told = texts(&viewer.take_events(0).0);
        assert!(told.contains(r#""lost":7"#), "{told}");
    }
}
