//! The slow log: its newest entries when asked, and to who watches each entry as it comes.
//!
//! Both read the log itself, without a command, by the right of SLOWLOG GET. Once a second, and only while somebody watches, it is
//! looked at whether there is more than before; what there is is copied, 100 entries at most, and so long a command that is slow
//! waits. Of more than that it is said how many were left out.

use crate::App;
use crate::ask::{Conversation, words};
use crate::caller::{Caller, now_ms};
use crate::error::ApiError;
use crate::json::{Bytes, Query};
use crate::topic::Topic;
use axum::Json;
use axum::extract::{RawQuery, State};
use flashdb_server::engine;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Time between two looks.
const LOOK_TIME: Duration = Duration::from_secs(1);
/// Entries that are told of a look.
const TOLD_MAX: usize = 100;
/// Entries of so long before the first look are told by it: whoever subscribed asks for the log, and it may have answered before.
const OVERLAP_MS: i64 = 2000;

/// The slow log.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SlowLog {
    /// Time from which a command is in it; -1 for never; null without the right to ask.
    threshold_us: Option<i64>,
    max_len: Option<i64>,
    entries: Vec<SlowEntry>,
}

/// A slow command.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SlowEntry {
    id: String,
    time_ms: i64,
    duration_us: i64,
    /// Its words, the first 32 of them, each cut behind 128 bytes; without secrets.
    args: Vec<Bytes>,
    /// Places of keys among them, such as are whole.
    keys: Vec<usize>,
    db: u32,
    /// The client's id: it is gone when no client has it.
    client_id: String,
    addr: String,
    name: Bytes,
}

impl From<engine::SlowEntry> for SlowEntry {
    fn from(entry: engine::SlowEntry) -> Self {
        SlowEntry {
            id: entry.id.to_string(),
            time_ms: entry.time_ms,
            duration_us: i64::try_from(entry.duration_us).unwrap_or(i64::MAX),
            args: entry.words.into_iter().map(Bytes::from).collect(),
            keys: entry.keys,
            db: entry.db,
            client_id: entry.client_id.to_string(),
            addr: entry.addr,
            name: entry.name.into(),
        }
    }
}

/// `GET /slowlog`.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<SlowLog>, ApiError> {
    let limit = Query::of(query.as_deref()).number("limit", 128, 1..=1000)?;
    let right = Topic::SlowLog.row().right;
    if !app.engine.allows(&caller.identity, right) {
        let text = format!("NOPERM User has no permissions to run the '{right}' command");
        return Err(ApiError::from_engine(text.as_bytes(), Some(right)));
    }
    let settings = app.engine.config().settings();
    let shown = app.engine.allows(&caller.identity, "config|get");
    let newest = app.engine.slow_commands(0, limit as usize);
    Ok(Json(SlowLog {
        threshold_us: shown.then_some(settings.slowlog_log_slower_than),
        max_len: shown.then(|| i64::try_from(settings.slowlog_max_len).unwrap_or(i64::MAX)),
        entries: newest.entries.into_iter().rev().map(Into::into).collect(),
    }))
}

/// The slow log was emptied.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Reset {
    reset: bool,
}

/// `DELETE /slowlog`.
pub(crate) async fn reset(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Reset>, ApiError> {
    caller.may_write()?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    conversation.ask(&words(["SLOWLOG", "RESET"])).await?;
    Ok(Json(Reset { reset: true }))
}

/// What counts as told: all but the latest. Of these some may be told again.
fn first_look(newest: engine::SlowNews, now_ms: i64) -> engine::SlowNews {
    let is_late = |entry: &&engine::SlowEntry| entry.time_ms >= now_ms - OVERLAP_MS;
    let late = newest.entries.iter().filter(is_late).count();
    engine::SlowNews {
        added: newest.added - late as u64,
        entries: Vec::new(),
        ..newest
    }
}

/// Tells who watches of each entry, and when the log was emptied.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        app.hub.watched(Topic::SlowLog).await;
        let mut seen = first_look(app.engine.slow_commands(0, TOLD_MAX), now_ms());
        let mut tick = interval(LOOK_TIME);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while app.hub.is_watched(Topic::SlowLog) {
            tick.tick().await;
            let news = app.engine.slow_commands(seen.added, TOLD_MAX);
            let was_emptied = news.clears != seen.clears;
            (seen.added, seen.clears) = (news.added, news.clears);
            if was_emptied {
                app.hub.publish(Topic::SlowLog, None, &json!({"cleared": true}));
            }
            // What was removed meanwhile is missed by nobody.
            if news.left_out > 0 && !was_emptied {
                app.hub.publish_lost(Topic::SlowLog, news.left_out);
            }
            for entry in news.entries {
                app.hub.publish(Topic::SlowLog, None, &SlowEntry::from(entry));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_just_before_the_first_look_is_told() {
        let entry = |time_ms| engine::SlowEntry {
            id: 0,
            time_ms,
            duration_us: 1,
            words: Vec::new(),
            keys: Vec::new(),
            db: 0,
            client_id: 1,
            addr: String::new(),
            name: Vec::new(),
        };
        let newest = engine::SlowNews {
            entries: vec![entry(1), entry(8_001), entry(9_999)],
            added: 70,
            clears: 2,
            left_out: 67,
        };
        let seen = first_look(newest, 10_000);
        assert_eq!((seen.added, seen.clears), (68, 2));
    }
}
