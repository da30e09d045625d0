//! Who listens to what: channels, patterns and shard channels with their subscribers, asked for by a glob; and how much is
//! published, each second to who watches. A viewer is told that something has changed and asks for what it shows of it.

mod by_name;

use crate::App;
use crate::caller::{Caller, now_ms};
use crate::error::ApiError;
use crate::json::{Bytes, Int, Query};
use crate::topic::Topic;
use axum::Json;
use axum::extract::{RawQuery, State};
use by_name::ByName;
use flashdb_base::glob;
use flashdb_server::engine::{Heard, ListenedTo, ListeningKind};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// Names that are shown when it is not said how many.
const LIMIT_DEFAULT: u64 = 100;
/// Most that are shown.
pub(super) const LIMIT_MAX: u64 = 1000;
/// Bytes of a name that are shown, and held against a glob.
const NAME_BYTES: usize = 1 << 10;
/// Bytes of a glob: each name is held against it.
const MATCH_BYTES_MAX: usize = 1 << 10;

/// What is listened to, and how much is published.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Listening {
    #[serde(flatten)]
    totals: Totals,
    /// How many match.
    matching: usize,
    /// Most subscribers first.
    names: Vec<Name>,
}

/// The numbers of all of it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Totals {
    /// Unix time, ms.
    t: i64,
    /// Channels with subscribers.
    channels: usize,
    /// Patterns with subscribers.
    patterns: usize,
    /// Shard channels with subscribers.
    shard_channels: usize,
    /// Subscriptions to all of them.
    subscriptions: usize,
    /// Messages published per second, heard or not, events of keys among them; null for the first second.
    published: Option<f64>,
    /// Messages sent to clients per second.
    delivered: Option<f64>,
    /// Messages published since the start.
    published_total: Int,
    /// Grows with each subscription that begins or ends.
    changes: Int,
}

/// A name that is listened to.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Name {
    kind: NameKind,
    name: Bytes,
    /// Clients that listen.
    subscribers: usize,
    /// Messages since somebody listens.
    messages: Int,
    /// Messages per second since it was asked for before, a second ago at least and a minute at most; null where that is not known.
    messages_s: Option<f64>,
}

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NameKind {
    Channel,
    Pattern,
    Shard,
}

impl Name {
    fn of(listened: ListenedTo, messages_s: Option<f64>) -> Self {
        let bytes = listened.name.len();
        Name {
            kind: match listened.kind {
                ListeningKind::Channel => NameKind::Channel,
                ListeningKind::Pattern => NameKind::Pattern,
                ListeningKind::Shard => NameKind::Shard,
            },
            name: match bytes > NAME_BYTES {
                true => Bytes::beginning(&listened.name[..NAME_BYTES], bytes as u64),
                false => (&*listened.name).into(),
            },
            subscribers: listened.subscribers,
            messages: int(listened.messages),
            messages_s,
        }
    }
}

fn int(count: u64) -> Int {
    Int(i64::try_from(count).unwrap_or(i64::MAX))
}

/// How much was published: in the last second that was looked at, and by each name since somebody asked for it.
#[derive(Default)]
pub(crate) struct Rates {
    all: Mutex<Looked>,
    by_name: Mutex<ByName>,
}

#[derive(Clone, Copy, Default)]
struct Looked {
    before: Option<(i64, Heard)>,
    rates: Option<(f64, f64)>,
}

impl Looked {
    /// Takes what was counted until `t`.
    fn take(&mut self, t: i64, heard: Heard) {
        let rates = self
            .before
            .filter(|(before, _)| t > *before)
            .map(|(before, was)| {
                let seconds = (t - before) as f64 / 1000.0;
                let rate =
                    |now: u64, was: u64| ((now.saturating_sub(was)) as f64 / seconds * 10.0).round() / 10.0;
                (
                    rate(heard.published, was.published),
                    rate(heard.delivered, was.delivered),
                )
            });
        *self = Looked {
            before: Some((t, heard)),
            rates,
        };
    }
}

fn totals(app: &App) -> Totals {
    let (all, heard) = (app.engine.listening_totals(), app.engine.heard());
    let rates = app.pubsub.all.lock().rates;
    Totals {
        t: now_ms(),
        channels: all.channels,
        patterns: all.patterns,
        shard_channels: all.shard_channels,
        subscriptions: all.subscriptions,
        published: rates.map(|(published, _)| published),
        delivered: rates.map(|(_, delivered)| delivered),
        published_total: int(heard.published),
        changes: int(heard.changes),
    }
}

/// Whether a name is looked for; of a long one its beginning decides, as nothing else of it is shown.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    glob::matches(pattern, &name[..name.len().min(NAME_BYTES)])
}

/// `GET /pubsub`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Listening>, ApiError> {
    let right = Topic::PubSub.row().right;
    if !app.engine.allows(&caller.identity, right) {
        return Err(ApiError::no_right(right));
    }
    let query = Query::of(query.as_deref());
    let pattern = query.given("match");
    if pattern.is_some_and(|pattern| pattern.len() > MATCH_BYTES_MAX) {
        return Err(ApiError::bad_request("match: at most 1 KiB"));
    }
    let limit = query.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?;
    let fits = |name: &[u8]| pattern.is_none_or(|pattern| fits(pattern, name));
    let (names, matching) = app.engine.listened_to(fits, limit as usize);
    let t = now_ms();
    let mut by_name = app.pubsub.by_name.lock();
    let names = names.into_iter().map(|listened| {
        let rate = by_name.rate(&listened, t);
        Name::of(listened, rate)
    });
    let names = names.collect();
    drop(by_name);
    Ok(Json(Listening {
        totals: totals(&app),
        matching,
        names,
    }))
}

/// Counts the second, and tells who watches.
pub(crate) fn publish(app: &App) {
    app.pubsub.all.lock().take(now_ms(), app.engine.heard());
    if app.hub.is_watched(Topic::PubSub) {
        app.hub.publish(Topic::PubSub, None, &totals(app));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(published: u64, delivered: u64) -> Heard {
        Heard {
            published,
            delivered,
            changes: 0,
        }
    }

    #[test]
    fn rates_are_those_of_the_second_before() {
        let mut looked = Looked::default();
        looked.take(1000, heard(10, 20));
        assert_eq!(looked.rates, None);
        looked.take(2000, heard(15, 40));
        assert_eq!(looked.rates, Some((5.0, 20.0)));
        // A clock that is set back tells nothing.
        looked.take(2000, heard(16, 41));
        assert_eq!(looked.rates, None);
        looked.take(4000, heard(16, 41));
        assert_eq!(looked.rates, Some((0.0, 0.0)));
    }

    #[test]
    fn long_names_are_cut() {
        let listened = ListenedTo {
            kind: ListeningKind::Pattern,
            name: vec![b'n'; 5000].into(),
            subscribers: 2,
            messages: 3,
        };
        let view = serde_json::to_value(Name::of(listened, Some(0.5))).expect("JSON");
        assert_eq!(view["name"]["bytes"], 5000);
        assert_eq!(view["kind"], "pattern");
        assert_eq!((&view["messages"], &view["messages_s"]), (&3.into(), &0.5.into()));
    }

    #[test]
    fn of_a_long_name_the_beginning_is_looked_for() {
        let long = [vec![b'n'; NAME_BYTES], b"end".to_vec()].concat();
        assert!(fits(b"n*", &long) && fits(b"*d", b"end"));
        assert!(!fits(b"*end", &long), "what is not shown is not compared");
    }
}
