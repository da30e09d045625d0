//! `GET /audit`: who did what to the server lately (OBS-08), from memory. The right is that of ACL LOG, which is for
//! administrators: the rest of the audit log tells at least as much.

use crate::App;
use crate::audit::AuditView;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::Query;
use crate::topic::AUDIT_RIGHT;
use axum::Json;
use axum::extract::{RawQuery, State};
use flashdb_server::engine::{AuditEntry, AuditKind};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// Entries of a page.
pub(super) const LIMIT_MAX: u64 = 500;
/// Times and numbers that a filter takes.
pub(super) const NUMBER_MAX: u64 = i64::MAX as u64;

/// Events, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AuditList {
    entries: Vec<AuditView>,
    /// `before` of the next page; null where this is the last.
    next: Option<u64>,
    /// Entries that had to go since the start, of any kind: what is kept is bounded.
    dropped: u64,
    /// Since when there can be any: the start of the server.
    since_ms: i64,
    /// What `kind` takes.
    kinds: [&'static str; AuditKind::ALL.len()],
    /// The file that holds all of it, beyond this run; null for none. Null without `+config|get`.
    file: Option<String>,
}

/// Which entries are wanted.
struct Filter {
    user: Option<String>,
    kind: Option<&'static str>,
    outcome: Option<String>,
    text: Option<String>,
    from_ms: i64,
    to_ms: i64,
}

impl Filter {
    fn of(query: &Query) -> Result<Self, ApiError> {
        let text = |name: &str| {
            query
                .get(name)
                .map(|text| String::from_utf8_lossy(text).into_owned())
        };
        let kind = text("kind").map(|given| {
            let mut kinds = AuditKind::ALL.iter().map(|kind| kind.name());
            let kind = kinds.find(|kind| *kind == given);
            kind.ok_or_else(|| ApiError::bad_request("there is no such kind"))
        });
        let time = |name, default| {
            let ms = query.number(name, default, 0..=NUMBER_MAX);
            ms.map(|ms| ms as i64)
        };
        Ok(Filter {
            user: text("user"),
            kind: kind.transpose()?,
            outcome: text("outcome"),
            text: text("q").map(|text| text.to_lowercase()),
            from_ms: time("from", 0)?,
            to_ms: time("to", NUMBER_MAX)?,
        })
    }

    fn takes(&self, entry: &AuditEntry) -> bool {
        let is_user = |user: &String| [&entry.user, &entry.by].contains(&user);
        let is_in = |text: &String| {
            let words = [&entry.what, &entry.detail, &entry.addr, &entry.request_id];
            words.iter().any(|word| word.to_lowercase().contains(text))
        };
        // An entry that is counted lasts from its first to its last time.
        entry.at_ms >= self.from_ms
            && entry.first_ms <= self.to_ms
            && self.kind.is_none_or(|kind| entry.kind().name() == kind)
            && self
                .outcome
                .as_ref()
                .is_none_or(|outcome| outcome == entry.outcome)
            && self.user.as_ref().is_none_or(is_user)
            && self.text.as_ref().is_none_or(is_in)
    }
}

/// `GET /audit`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<AuditList>, ApiError> {
    if !app.engine.allows(&caller.identity, AUDIT_RIGHT) {
        return Err(ApiError::no_right(AUDIT_RIGHT));
    }
    let query = Query::of(query.as_deref());
    let filter = Filter::of(&query)?;
    let limit = query.number("limit", 100, 1..=LIMIT_MAX)? as usize;
    let before = query.number("before", NUMBER_MAX, 0..=NUMBER_MAX)?;
    let page = app
        .engine
        .audit()
        .page(before, limit, |entry| filter.takes(entry));
    let last = page.entries.last().map(|entry| entry.id);
    let settings = app.engine.config().settings();
    let may_see = app.engine.allows(&caller.identity, "config|get");
    let file = Some(&settings.audit_logfile).filter(|file| may_see && !file.is_empty());
    Ok(Json(AuditList {
        next: last.filter(|_| page.more),
        entries: page.entries.into_iter().map(AuditView::from).collect(),
        dropped: page.dropped,
        since_ms: app.engine.started_ms(),
        kinds: AuditKind::ALL.map(AuditKind::name),
        file: file.map(|file| file.to_string()),
    }))
}
