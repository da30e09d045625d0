//! The keys that are used most, with what could be done about each: asked for once, and every two seconds to who watches.

use crate::App;
use crate::caller::{Caller, now_ms};
use crate::error::ApiError;
use crate::json::{Bytes, Query};
use crate::topic::Topic;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use flashdb_server::engine::{HOT_KEY_PART_S, HotKey};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// Keys that are shown when it is not said how many, and to who watches.
const COUNT_DEFAULT: u64 = 20;
/// Seconds between two messages.
const EVERY_S: i64 = 2;
/// Uses per second below which a key is not worth a thought.
const WORTH_ADVICE: f64 = 100.0;

/// The hot keys of a moment.
#[derive(Serialize, JsonSchema)]
pub(crate) struct HotKeys {
    /// Unix time, ms.
    t: i64,
    /// Uses of all keys per second.
    uses: f64,
    /// Length of a part of the histories, seconds.
    part_s: i64,
    /// Hottest first.
    keys: Vec<HotKeyView>,
}

/// A hot key.
#[derive(Serialize, JsonSchema)]
pub(crate) struct HotKeyView {
    key: Bytes,
    db: u16,
    /// Commands on it per second, over some seconds; estimated where not every command is looked at.
    rate: f64,
    /// Of these such as only read.
    reads: f64,
    /// And others.
    writes: f64,
    /// Share of the uses of all keys.
    share: f64,
    /// Commands per second in each part of the last ten minutes, the present part last.
    history: Vec<f64>,
    /// What could be done about it (HOT-03).
    advice: Option<Advice>,
}

/// What could be done about a hot key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Advice {
    /// Almost only read: clients can keep it, and are told when it changes (CLIENT TRACKING).
    ClientCache,
    /// Mostly read: a copy that may be a second old would take most of it.
    ShortCache,
    /// Mostly written: spread over several keys, and added up when it is read.
    Split,
}

impl Advice {
    fn of(key: &HotKey) -> Option<Advice> {
        let rate = key.reads + key.writes;
        if rate < WORTH_ADVICE {
            return None;
        }
        Some(match key.reads / rate {
            share if share >= 0.95 => Advice::ClientCache,
            share if share >= 0.5 => Advice::ShortCache,
            _ => Advice::Split,
        })
    }
}

fn rounded(rate: f64) -> f64 {
    if rate >= 100.0 {
        rate.round()
    } else {
        (rate * 10.0).round() / 10.0
    }
}

impl From<HotKey> for HotKeyView {
    fn from(key: HotKey) -> Self {
        HotKeyView {
            advice: Advice::of(&key),
            key: if key.key_bytes > key.key.len() {
                Bytes::beginning(&key.key, key.key_bytes as u64)
            } else {
                key.key.into()
            },
            db: key.db,
            rate: rounded(key.reads + key.writes),
            reads: rounded(key.reads),
            writes: rounded(key.writes),
            share: (key.share * 10_000.0).round() / 10_000.0,
            history: key.history.into_iter().map(rounded).collect(),
        }
    }
}

fn now(app: &App, count: usize) -> HotKeys {
    HotKeys {
        t: now_ms(),
        uses: rounded(app.engine.key_uses_per_second()),
        part_s: HOT_KEY_PART_S,
        keys: app.engine.hot_keys(count).into_iter().map(Into::into).collect(),
    }
}

/// `GET /hotkeys`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<HotKeys>, ApiError> {
    let right = Topic::HotKeys.row().right;
    if !app.engine.allows(&caller.identity, right) {
        let message = "hot keys need the right to run HOTKEYS.LIST";
        let error = ApiError::new(StatusCode::FORBIDDEN, "NOPERM", message);
        return Err(error.with(json!({"needs": format!("+{right}")})));
    }
    let query = Query::of(query.as_deref());
    let count = query.number("limit", COUNT_DEFAULT, 1..=256)?;
    Ok(Json(now(&app, count as usize)))
}

/// Tells who watches, every other second.
pub(crate) fn publish(app: &App) {
    if app.hub.is_watched(Topic::HotKeys) && now_ms() / 1000 % EVERY_S == 0 {
        app.hub
            .publish(Topic::HotKeys, None, &now(app, COUNT_DEFAULT as usize));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(reads: f64, writes: f64) -> HotKey {
        HotKey {
            db: 0,
            key: vec![b'k'; 256],
            key_bytes: 300,
            reads,
            writes,
            share: 0.123_456,
            history: vec![0.04, 12.34, 1234.5],
        }
    }

    #[test]
    fn advice_follows_the_kind_of_use() {
        let of = |reads, writes| Advice::of(&key(reads, writes));
        assert_eq!(of(99.0, 0.0), None);
        assert_eq!(of(990.0, 10.0), Some(Advice::ClientCache));
        assert_eq!(of(800.0, 200.0), Some(Advice::ShortCache));
        assert_eq!(of(10.0, 200.0), Some(Advice::Split));
    }

    #[test]
    fn a_key_is_shown_with_its_length_and_rounded() {
        let view = serde_json::to_value(HotKeyView::from(key(990.0, 10.2))).expect("JSON");
        assert_eq!(view["key"]["bytes"], 300);
        assert_eq!(view["rate"], 1000.0);
        assert_eq!(view["writes"], 10.2);
        assert_eq!(view["share"], 0.1235);
        assert_eq!(view["history"], json!([0.0, 12.3, 1235.0]));
        assert_eq!(view["advice"], "client-cache");
    }
}
