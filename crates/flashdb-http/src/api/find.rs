//! `GET /find`: what somebody types, sought in all databases (UI-34, UI-36). First the key of just that name; then prefixes that begin so,
//! by the index that the Explorer's tree is from, with the keys of those that have few; then whatever keys begin with it or
//! contain it, by SCAN. Bounded in time, so that it may come to a part of the keys only: then it says how many it has looked at,
//! and where it can go on.

mod prefixes;

use super::keys::{KeyRow, Name, STEP_KEYS, describe, kind_of, scan};
use super::tree::number;
use crate::App;
use crate::ask::{Conversation, about, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::Query;
use axum::Json;
use axum::extract::{RawQuery, State};
use flashdb_resp::reply::Value;
use flashdb_server::engine::{Aim, Identity};
use prefixes::{FoundPrefix, Prefixes};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIMIT_DEFAULT: u64 = 8;
pub(super) const LIMIT_MAX: u64 = 100;
/// Longest text that is sought, in characters: a pattern costs time for each of its bytes.
pub(super) const TEXT_CHARS_MAX: usize = 512;
/// Time for looking at keys. On the release build some 300,000 of them.
const SCAN_TIME: Duration = Duration::from_millis(100);
/// SCANs in a database before the next one has its turn.
const BURST: usize = 4;
/// Bytes of replies after which no more keys are looked at.
const REPLY_BYTES_MAX: usize = 1 << 20;
/// Databases that are looked into.
const DATABASES_MAX: usize = 64;

/// What was found.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Found {
    /// The key of that name first, then those that begin with the text, then those that contain it.
    keys: Vec<FoundKey>,
    /// Prefixes that begin with the text, those with most keys first; null where they are not counted or may not be seen, and in
    /// later pages.
    prefixes: Option<Vec<FoundPrefix>>,
    /// Whether these are of all databases: the first time that prefixes are counted takes longer than anybody wants to wait.
    prefixes_whole: bool,
    /// Keys that were looked at for this page; null without the right to.
    looked_at: Option<u64>,
    /// Keys of all databases; null without the right to ask.
    keys_total: Option<u64>,
    /// Where to look further; null where all keys were looked at, or may not be.
    cursor: Option<String>,
}

/// A key that matches.
#[derive(Serialize, JsonSchema)]
struct FoundKey {
    db: u64,
    #[serde(flatten)]
    row: KeyRow,
    /// How its name matches.
    found: Rank,
}

/// How a name matches, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Rank {
    Exact,
    Begins,
    Contains,
}

impl Rank {
    fn of(name: &Name, text: &[u8]) -> Self {
        match name {
            (name, None) if name == text => Rank::Exact,
            (name, _) if name.starts_with(text) => Rank::Begins,
            _ => Rank::Contains,
        }
    }
}

/// Who seeks what.
struct Asker<'a> {
    app: &'a Arc<App>,
    identity: &'a Identity,
    text: &'a [u8],
    limit: usize,
}

/// A database that is looked into.
struct Place {
    db: u64,
    /// Keys in it; `None` without the right to ask.
    keys: Option<u64>,
    /// Where its SCAN goes on; `None` at the end.
    cursor: Option<String>,
}

/// Keys that match, best first.
#[derive(Default)]
struct Hits(BTreeSet<(Rank, u64, Name)>);

impl Hits {
    fn count(&self, is: fn(Rank) -> bool) -> usize {
        self.0.iter().filter(|(rank, ..)| is(*rank)).count()
    }

    /// Notes a key, if it may be read and is one of the first of its rank.
    fn note(&mut self, asker: &Asker<'_>, db: u64, name: Name) {
        let rank = Rank::of(&name, asker.text);
        let of_rank = self.0.iter().filter(|(known, ..)| *known == rank).count();
        if of_rank < asker.limit && asker.app.engine.shows_key(asker.identity, &name.0) {
            self.0.insert((rank, db, name));
        }
    }

    /// Whether no key that is found later comes before these.
    fn are_enough(&self, limit: usize) -> bool {
        self.count(|rank| rank < Rank::Contains) >= limit
    }
}

/// `GET /find`.
pub(crate) async fn find(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Found>, ApiError> {
    let query = Query::of(query.as_deref());
    let fits = |text: &&[u8]| String::from_utf8_lossy(text).chars().count() <= TEXT_CHARS_MAX;
    let text = query.get("q").filter(fits).ok_or_else(|| {
        ApiError::bad_request(format!("q is what is sought: 1 to {TEXT_CHARS_MAX} characters"))
    })?;
    let asker = Asker {
        app: &app,
        identity: &caller.identity,
        text,
        limit: query.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)? as usize,
    };
    let from = query.get("cursor").map(read_cursor).transpose()?;
    let may = |name: &&str| app.engine.allows(&caller.identity, name);
    if !["scan", "exists", "type", "prefix.tree"].iter().any(may) {
        return Err(ApiError::no_right("scan"));
    }
    let mut conversation =
        Conversation::begin_to(Aim::Look, &app, caller.peer, Some(&caller.identity)).await?;
    let mut hits = Hits::default();
    let mut places = survey(&asker, &mut conversation, &mut hits).await?;
    let (prefixes, looked_at) = match &from {
        Some(from) => {
            // What has the name itself was told before.
            hits = Hits::default();
            for place in &mut places {
                let at = from.iter().find(|(db, _)| *db == place.db);
                place.cursor = at.map(|(_, cursor)| cursor.clone());
            }
            (
                None,
                walk(&asker, &mut conversation, &mut places, &mut hits).await?,
            )
        }
        None => {
            let databases = places.iter().filter(|place| place.keys != Some(0));
            let databases: Vec<u64> = databases.map(|place| place.db).collect();
            let (prefixes, looked_at) = tokio::join!(
                prefixes::find(&asker, caller.peer, &databases),
                walk(&asker, &mut conversation, &mut places, &mut hits)
            );
            (prefixes?, looked_at?)
        }
    };
    let Prefixes { rows, few, whole } = prefixes.unwrap_or_else(Prefixes::unknown);
    for (db, name) in few {
        hits.note(&asker, db, name);
    }
    let keys_total = total(&app, &places);
    Ok(Json(Found {
        keys: tell(&mut conversation, hits, asker.limit, places.len() > 1).await?,
        prefixes: rows,
        prefixes_whole: whole,
        looked_at,
        keys_total,
        cursor: looked_at.and_then(|_| write_cursor(&places)),
    }))
}

/// The reply; `None` where the user has no right to it.
fn permitted(
    conversation: &Conversation,
    request: &[Vec<u8>],
    reply: Value,
) -> Result<Option<Value>, ApiError> {
    match conversation.checked(request, reply) {
        Ok(reply) => Ok(Some(reply)),
        Err(error) if error.code == "NOPERM" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks into the databases for a key of just this name, and asks how many keys there are.
async fn survey(
    asker: &Asker<'_>,
    conversation: &mut Conversation,
    hits: &mut Hits,
) -> Result<Vec<Place>, ApiError> {
    let databases = databases(asker.app);
    let asks: Vec<_> = databases
        .iter()
        .flat_map(|db| {
            [
                words(["SELECT", &db.to_string()]),
                about("EXISTS", asker.text, []),
                about("TYPE", asker.text, []),
                words(["DBSIZE"]),
            ]
        })
        .collect();
    let mut replies = conversation.ask_all(&asks).await?.into_iter().zip(&asks);
    let mut places = Vec::new();
    for db in databases {
        let mut next = || match replies.next() {
            Some((reply, ask)) => permitted(conversation, ask, reply),
            None => Ok(None),
        };
        let (selected, exists, kind, keys) = (next()?, next()?, next()?, next()?);
        // Without the right to SELECT the first one is where the connection is anyhow.
        if selected.is_none() && db != 0 {
            continue;
        }
        let exists = exists.as_ref().and_then(number) == Some(1);
        let kind = kind.as_ref().and_then(kind_of);
        if exists || kind.is_some_and(|kind| kind != "none") {
            hits.note(asker, db, (asker.text.to_vec(), None));
        }
        let keys = keys.as_ref().and_then(number);
        places.push(Place {
            db,
            keys,
            cursor: (keys != Some(0)).then(|| "0".to_owned()),
        });
    }
    Ok(places)
}

/// All databases, or where there are very many some of those that had keys a moment ago.
fn databases(app: &App) -> Vec<u64> {
    let count = app.engine.databases_count();
    let newest = app.sampler.watch().borrow().clone();
    match newest {
        Some(moment) if count > DATABASES_MAX => {
            let with_keys = moment.databases.iter().map(|database| database.db as u64);
            with_keys.take(DATABASES_MAX).collect()
        }
        _ => (0..count.min(DATABASES_MAX) as u64).collect(),
    }
}

/// Keys of all databases, also of those that are too many to be looked into.
fn total(app: &App, places: &[Place]) -> Option<u64> {
    let looked_into: u64 = places.iter().map(|place| place.keys).sum::<Option<u64>>()?;
    let newest = app.sampler.watch().borrow().clone();
    let moment = newest.filter(|_| app.engine.databases_count() > DATABASES_MAX);
    let others = moment.iter().flat_map(|moment| &moment.databases);
    let others = others.filter(|other| places.iter().all(|place| place.db != other.db as u64));
    Some(looked_into + others.map(|other| other.keys).sum::<u64>())
}

/// A pattern of SCAN for what contains the text, or begins with it.
fn pattern(text: &[u8], contains: bool) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(text.len() + 2);
    pattern.extend(contains.then_some(b'*'));
    for byte in text {
        pattern.extend(b"*?[]\\^".contains(byte).then_some(b'\\'));
        pattern.push(*byte);
    }
    pattern.push(b'*');
    pattern
}

/// Looks at keys, in all databases by turns, until there are enough, the time is over or all were looked at; gives how many.
/// `None` without the right to.
async fn walk(
    asker: &Asker<'_>,
    conversation: &mut Conversation,
    places: &mut [Place],
    hits: &mut Hits,
) -> Result<Option<u64>, ApiError> {
    let (began, mut looked_at) = (Instant::now(), 0);
    // Where there are several the connection is in the last of them; where there is one it may not be allowed to SELECT.
    let several = places.len() > 1;
    let mut selected = None;
    while places.iter().any(|place| place.cursor.is_some()) {
        for place in places.iter_mut() {
            for _ in 0..BURST {
                let Some(cursor) = place.cursor.clone() else { break };
                let is_spent =
                    began.elapsed() >= SCAN_TIME || conversation.received_bytes() >= REPLY_BYTES_MAX;
                if is_spent || hits.are_enough(asker.limit) {
                    return Ok(Some(looked_at));
                }
                if several && selected != Some(place.db) {
                    conversation
                        .ask(&words(["SELECT", &place.db.to_string()]))
                        .await?;
                }
                selected = Some(place.db);
                // Of those that only contain it there may be enough already.
                let contains = hits.count(|rank| rank == Rank::Contains) < asker.limit;
                let filters = [("MATCH", &*pattern(asker.text, contains))];
                let step = match scan(conversation, &cursor, STEP_KEYS, &filters).await {
                    Err(error) if error.code == "NOPERM" => return Ok(None),
                    step => step?,
                };
                looked_at += step.seen;
                place.cursor = Some(step.next).filter(|next| next != "0");
                step.names
                    .into_iter()
                    .for_each(|name| hits.note(asker, place.db, name));
            }
        }
    }
    Ok(Some(looked_at))
}

/// The first keys, with what can be told of them. Where there are `several` databases the connection is in any of them.
async fn tell(
    conversation: &mut Conversation,
    hits: Hits,
    limit: usize,
    several: bool,
) -> Result<Vec<FoundKey>, ApiError> {
    let hits: Vec<_> = hits.0.into_iter().take(limit).collect();
    let mut keys = Vec::with_capacity(hits.len());
    for alike in hits.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
        let (found, db, _) = alike[0];
        if several {
            conversation.ask(&words(["SELECT", &db.to_string()])).await?;
        }
        let names = alike.iter().map(|(_, _, name)| name.clone()).collect();
        let rows = describe(conversation, names).await?;
        keys.extend(rows.into_iter().map(|row| FoundKey { db, row, found }));
    }
    Ok(keys)
}

/// Databases with the cursor of each: `0-173.3-42`.
fn write_cursor(places: &[Place]) -> Option<String> {
    let open = places
        .iter()
        .filter_map(|place| Some(format!("{}-{}", place.db, place.cursor.as_ref()?)));
    let all: Vec<String> = open.collect();
    (!all.is_empty()).then(|| all.join("."))
}

/// Reads what [`write_cursor`] has written. One that was made up skips keys and does no harm.
fn read_cursor(cursor: &[u8]) -> Result<Vec<(u64, String)>, ApiError> {
    let wrong = || ApiError::bad_request("cursor has to be that of the page before");
    let cursor = std::str::from_utf8(cursor).map_err(|_| wrong())?;
    let parts = cursor.split('.').take(DATABASES_MAX);
    let is_number = |text: &str, digits_max| {
        (1..=digits_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    parts
        .map(|part| {
            let (db, at) = part.split_once('-').ok_or_else(wrong)?;
            if !is_number(db, 5) || !is_number(at, 20) {
                return Err(wrong());
            }
            // What is larger than any cursor is behind all keys, as the last cursor there is.
            let at = at.parse().unwrap_or(u64::MAX);
            Ok((db.parse().unwrap_or(u64::MAX), at.to_string()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_no_pattern() {
        assert_eq!(pattern(b"a*b[c", true), b"*a\\*b\\[c*");
        assert_eq!(pattern(b"\\?", false), b"\\\\\\?*");
        for text in ["a*b", "[x]^", "\\", "ü?"] {
            let name = format!("x{text}y");
            let matches =
                |contains| flashdb_base::glob::matches(&pattern(text.as_bytes(), contains), name.as_bytes());
            assert_eq!((matches(true), matches(false)), (true, false), "{text}");
        }
    }

    #[test]
    fn cursors_lead_back() {
        let place = |db, cursor: Option<&str>| Place {
            db,
            keys: None,
            cursor: cursor.map(str::to_owned),
        };
        let places = [
            place(0, Some("173")),
            place(1, None),
            place(13, Some("18446744073709551615")),
        ];
        let cursor = write_cursor(&places).expect("a cursor");
        assert_eq!(cursor, "0-173.13-18446744073709551615");
        assert_eq!(
            read_cursor(cursor.as_bytes()).ok(),
            Some(vec![(0, "173".to_owned()), (13, u64::MAX.to_string())])
        );
        assert_eq!(write_cursor(&places[1..2]), None);
        for wrong in [
            "",
            "1",
            "0-",
            "-1",
            "0-1.",
            "x-1",
            "0-x",
            "0-+1",
            "0-123456789012345678901",
        ] {
            assert!(read_cursor(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_in_order_of_how_they_match() {
        let rank = |name: &str| Rank::of(&(name.into(), None), b"cart");
        assert_eq!(
            ["cart", "cart:1", "a:cart", "Cart"].map(rank),
            [Rank::Exact, Rank::Begins, Rank::Contains, Rank::Contains]
        );
        assert_eq!(Rank::of(&(b"cart".to_vec(), Some(9000)), b"cart"), Rank::Begins);
        assert!(Rank::Exact < Rank::Begins && Rank::Begins < Rank::Contains);
    }
}
