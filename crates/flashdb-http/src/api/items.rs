//! What is in a key, page by page: never the whole of a large value. A page is fetched in steps, small ones first, and is
//! complete once enough bytes were copied for it: MEMORY USAGE tells the average only, and a step through large elements
//! occupies a core loop. Of each element the connection keeps the beginning only.
//!
//! A search goes on for a bounded time instead, however little it finds, and says how far it has come. Sets, hashes and sorted
//! sets are searched by the engine; lists and streams, which it has no search for, are read and compared here.

use super::key::{counting, key_of};
use super::keys::{LIMIT_DEFAULT, LIMIT_MAX, database, kind_of, ttl_of};
use crate::App;
use crate::ask::{Conversation, about, double, integer, items, text, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::{Bytes, Query, Score, is_digits};
use crate::thin::{self, KEPT_BYTES};
use axum::Json;
use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::StatusCode;
use flashdb_base::glob;
use flashdb_resp::reply::Value;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of a string in one page.
const STRING_BYTES: u64 = 64 << 10;
/// Bytes that the engine copies for one page, about.
const PAGE_BYTES: u64 = 2 << 20;
/// Elements of the first step.
const FIRST_STEP: u64 = 4;
/// The largest id of an entry.
const LAST_ID: &str = "18446744073709551615-18446744073709551615";
/// How much larger than the step before one may be.
const GROWTH: u64 = 4;
/// Time that a search goes on in one page: one that finds little must not walk a large key for one answer.
const SEARCH_TIME: Duration = Duration::from_millis(50);
/// Elements of one step of a search, where they are small.
const SEARCH_STEP: u64 = 1000;
/// The same where they are compared here: so many are kept to their first 16 KiB, however long they are.
const COMPARED_STEP: u64 = 128;
/// Longest pattern that elements are compared with here: comparing takes up to the product of both lengths.
const PATTERN_BYTES_MAX: usize = 256;

/// A page of a value; `cursor` is for the next one, null at the end.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Page {
    String(StringPage),
    Items(ItemsPage),
}

/// A part of a string.
#[derive(Serialize, JsonSchema)]
pub(crate) struct StringPage {
    /// Always `string`.
    r#type: &'static str,
    value: Bytes,
    offset: u64,
    length: u64,
    cursor: Option<String>,
}

/// Elements.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ItemsPage {
    r#type: String,
    items: Vec<Item>,
    cursor: Option<String>,
    /// Elements that were looked at for this page, about; only with `match`.
    #[serde(skip_serializing_if = "Option::is_none")]
    scanned: Option<u64>,
    /// Why there are none, where the key could be described and its elements not be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<PageError>,
}

/// As the error of an answer.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PageError {
    code: &'static str,
    message: String,
}

/// An element, by the type of the key.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Item {
    List {
        index: u64,
        value: Bytes,
    },
    Scored {
        member: Bytes,
        score: Score,
    },
    Set {
        member: Bytes,
    },
    Hash {
        field: Bytes,
        value: Bytes,
        /// Time that the field has left; null where it does not expire, or without the right to ask.
        ttl_ms: Option<i64>,
    },
    Stream {
        id: String,
        fields: Vec<(Bytes, Bytes)>,
    },
}

impl Item {
    /// Whether only the beginning of some of it is here.
    pub fn is_cut(&self) -> bool {
        match self {
            Item::List { value, .. } => value.is_cut(),
            Item::Scored { member, .. } | Item::Set { member } => member.is_cut(),
            Item::Hash { field, value, .. } => field.is_cut() || value.is_cut(),
            Item::Stream { fields, .. } => fields
                .iter()
                .any(|(field, value)| field.is_cut() || value.is_cut()),
        }
    }
}

/// What is asked for.
pub(super) struct Wanted<'a> {
    pub app: &'a Arc<App>,
    pub caller: &'a Caller,
    pub db: u64,
    pub key: &'a [u8],
    pub kind: &'a str,
    pub query: &'a Query,
    pub limit: u64,
    /// Memory of the key and its number of elements, where they are known.
    pub bytes: Option<i64>,
    pub length: Option<i64>,
}

/// `GET /key/:key/items`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
    RawQuery(query): RawQuery,
) -> Result<Json<Page>, ApiError> {
    let query = Query::of(query.as_deref());
    let (key, db) = (key_of(&uri), database(&app, &query)?);
    let limit = query.number("limit", LIMIT_DEFAULT, 1..=LIMIT_MAX)?;
    let mut conversation = Conversation::look(&app, &caller, db).await?;
    let kind = conversation.ask(&about("TYPE", &key, [])).await?;
    let kind = kind_of(&kind)
        .filter(|kind| kind != "none")
        .ok_or_else(ApiError::key_not_found)?;
    let mut usage = words(["MEMORY", "USAGE"]);
    usage.push(key.clone());
    let mut requests = vec![usage];
    requests.extend(counting(&kind).map(|command| about(command, &key, [])));
    let replies = conversation.ask_all(&requests).await?;
    let wanted = Wanted {
        app: &app,
        caller: &caller,
        db,
        key: &key,
        kind: &kind,
        query: &query,
        limit,
        bytes: integer(&replies[0]),
        length: replies.get(1).and_then(integer),
    };
    wanted.page(conversation).await.map(Json)
}

/// A step's elements, where the next step begins, and how many elements were looked at, about.
pub(super) type Step = (Vec<Item>, Option<String>, u64);

impl Wanted<'_> {
    /// The page that the query asks for. Takes the connection, since a reply that is too large ends it.
    ///
    /// # Errors
    /// The engine's; `REPLY_TOO_LARGE` where not even one element can be had.
    pub async fn page(&self, mut conversation: Conversation) -> Result<Page, ApiError> {
        if self.kind == "string" {
            return string(&mut conversation, self.key, self.query).await;
        }
        let mut page = ItemsPage {
            r#type: self.kind.to_owned(),
            items: Vec::new(),
            cursor: self.first_cursor()?,
            scanned: None,
            error: None,
        };
        self.check_pattern()?;
        let (mut asked, mut scanned, mut step) = (0, 0, self.first_step());
        let (mut taken_bytes, began) = (0, Instant::now());
        conversation.cut_strings(KEPT_BYTES);
        if let (None, Some(found)) = (&page.cursor, self.look_up(&mut conversation).await?) {
            page.items = found;
            page.scanned = Some(1);
            return Ok(Page::Items(page));
        }
        loop {
            let before = conversation.received_bytes();
            match self.step(&mut conversation, page.cursor.as_deref(), step).await {
                Ok((found, cursor, looked)) => {
                    scanned += looked;
                    page.items.extend(found);
                    page.cursor = cursor;
                }
                Err(error) if error.code != "REPLY_TOO_LARGE" => return Err(error),
                // What was found is a page.
                Err(_) if !page.items.is_empty() => return Ok(Page::Items(page)),
                Err(error) if step == 1 => return Err(error),
                Err(_) => {
                    // Its place is given back first: whoever holds one must not wait for another.
                    drop(conversation);
                    conversation = Conversation::look(self.app, self.caller, self.db).await?;
                    conversation.cut_strings(KEPT_BYTES);
                    step = 1;
                    continue;
                }
            }
            let step_bytes = (conversation.received_bytes() - before) as u64;
            asked += step;
            taken_bytes += step_bytes;
            let found = page.items.len() as u64;
            let is_full = if self.scans() {
                page.scanned = Some(self.bounded(scanned));
                found >= self.limit || began.elapsed() >= SEARCH_TIME
            } else {
                asked >= self.limit
            };
            if page.cursor.is_none() || is_full || taken_bytes >= PAGE_BYTES {
                return Ok(Page::Items(page));
            }
            let average = (step_bytes / step).max(1);
            let room = ((PAGE_BYTES - taken_bytes) / average).max(1);
            step = room.min(step * GROWTH).min(self.wanting(asked, found));
        }
    }

    /// How many elements are still to be looked at for a page, as far as can be said.
    fn wanting(&self, asked: u64, found: u64) -> u64 {
        if !self.scans() {
            return self.limit - asked;
        }
        let average = self.average_bytes().unwrap_or(PAGE_BYTES / self.limit);
        let largest = match self.kind {
            "list" | "stream" => COMPARED_STEP,
            _ => SEARCH_STEP,
        };
        let affordable = (PAGE_BYTES / average).clamp(1, largest);
        match found {
            0 => affordable,
            // As dense as so far the rest would be found in so many.
            found => ((self.limit - found) * asked)
                .div_ceil(found)
                .clamp(1, affordable),
        }
    }

    /// Elements that were looked at are no more than there are, whatever was asked for.
    fn bounded(&self, looked: u64) -> u64 {
        match self.length {
            Some(length) => looked.min(length.max(0) as u64),
            None => looked,
        }
    }

    /// The element of the name that is looked for, where that is one name: no walk is needed for it. `None` where it is a pattern,
    /// the type has no names, or the user may walk and not look up.
    async fn look_up(&self, conversation: &mut Conversation) -> Result<Option<Vec<Item>>, ApiError> {
        let command = match self.kind {
            "hash" => "HGET",
            "set" => "SISMEMBER",
            "zset" => "ZSCORE",
            _ => return Ok(None),
        };
        let Some(name) = self.query.get("match").and_then(literal) else {
            return Ok(None);
        };
        let mut request = about(command, self.key, []);
        request.push(name.clone());
        let reply = conversation.ask_raw(&request).await?;
        if reply.is_error() {
            return Ok(None);
        }
        let member = Bytes::from(name.clone());
        let found = match self.kind {
            "set" => (integer(&reply) == Some(1)).then_some(Item::Set { member }),
            _ if reply == Value::Null => None,
            "zset" => Some(Item::Scored {
                member,
                score: score(&reply),
            }),
            _ => Some(Item::Hash {
                field: member,
                value: Bytes::cut(reply),
                ttl_ms: self.field_times(conversation, &[name]).await?.pop().flatten(),
            }),
        };
        Ok(Some(found.into_iter().collect()))
    }

    /// Refuses what is too long to be compared with every element.
    fn check_pattern(&self) -> Result<(), ApiError> {
        let length = self.query.get("match").map_or(0, <[u8]>::len);
        if matches!(self.kind, "list" | "stream") && length > PATTERN_BYTES_MAX {
            return Err(ApiError::bad_request(format!(
                "match has at most {PATTERN_BYTES_MAX} bytes in lists and streams"
            )));
        }
        Ok(())
    }

    /// Whether an element is looked for; of a long one its beginning is here.
    fn fits(&self, bytes: &[u8]) -> bool {
        self.query
            .get("match")
            .is_none_or(|pattern| glob::matches(pattern, bytes))
    }

    /// Time that fields have left, in their order; none where that may not be asked.
    async fn field_times(
        &self,
        conversation: &mut Conversation,
        names: &[Vec<u8>],
    ) -> Result<Vec<Option<i64>>, ApiError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut request = about("HPTTL", self.key, ["FIELDS", &names.len().to_string()]);
        request.extend_from_slice(names);
        let times = items(conversation.ask_raw(&request).await?);
        Ok(times.iter().map(ttl_of).collect())
    }

    /// A page that says why it has no elements.
    pub fn failed_page(&self, error: ApiError) -> Page {
        Page::Items(ItemsPage {
            r#type: self.kind.to_owned(),
            items: Vec::new(),
            cursor: None,
            scanned: None,
            error: Some(PageError {
                code: error.code,
                message: error.message,
            }),
        })
    }

    fn first_step(&self) -> u64 {
        if self.bytes.is_some_and(|bytes| bytes as u64 <= PAGE_BYTES) {
            return self.limit;
        }
        let average = self.average_bytes().unwrap_or(1);
        (PAGE_BYTES / average).clamp(1, FIRST_STEP).min(self.limit)
    }

    /// Memory of an element, where that is known.
    fn average_bytes(&self) -> Option<u64> {
        let length = self.length.filter(|length| *length > 0)?;
        Some((self.bytes? / length).max(1) as u64)
    }

    /// The query's cursor, which has to be one of the type's.
    fn first_cursor(&self) -> Result<Option<String>, ApiError> {
        let number = |largest| {
            let from = place(self.query, largest)?;
            Ok((from > 0).then(|| from.to_string()))
        };
        match self.kind {
            "list" => number(i64::MAX as u64 / 2),
            "zset" if !self.scans() => number(i64::MAX as u64 / 2),
            "stream" => self.query.get("cursor").map(entry_id).transpose(),
            _ => number(u64::MAX),
        }
    }

    fn scans(&self) -> bool {
        self.query.get("match").is_some()
    }

    /// Elements from the cursor on.
    ///
    /// # Errors
    /// The engine's.
    pub async fn step(
        &self,
        conversation: &mut Conversation,
        cursor: Option<&str>,
        count: u64,
    ) -> Result<Step, ApiError> {
        match self.kind {
            "list" => self.range(conversation, "LRANGE", cursor, count).await,
            "zset" if !self.scans() => self.range(conversation, "ZRANGE", cursor, count).await,
            "set" => self.scan(conversation, "SSCAN", cursor, count).await,
            "hash" => self.scan(conversation, "HSCAN", cursor, count).await,
            "zset" => self.scan(conversation, "ZSCAN", cursor, count).await,
            "stream" => self.entries(conversation, cursor, count).await,
            _ => Ok((Vec::new(), None, 0)),
        }
    }

    /// Elements by their places, from the cursor on.
    async fn range(
        &self,
        conversation: &mut Conversation,
        command: &str,
        cursor: Option<&str>,
        count: u64,
    ) -> Result<Step, ApiError> {
        let from: u64 = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let mut request = about(
            command,
            self.key,
            [&from.to_string(), &(from + count - 1).to_string()],
        );
        request.extend((command == "ZRANGE").then(|| b"WITHSCORES".to_vec()));
        let found = items(conversation.ask(&request).await?);
        let next = from + found.len() as u64;
        let more = match self.length {
            Some(length) => !found.is_empty() && next < length.max(0) as u64,
            None => found.len() as u64 == count,
        };
        let rows = found.into_iter().zip(from..).filter_map(|(value, index)| {
            if command == "LRANGE" {
                let (value, whole_bytes) = thin::string(value)?;
                return self.fits(&value).then(|| Item::List {
                    index,
                    value: Bytes::part(value, whole_bytes),
                });
            }
            let mut pair = items(value).into_iter();
            Some(Item::Scored {
                member: Bytes::cut(pair.next()?),
                score: score(&pair.next()?),
            })
        });
        Ok((rows.collect(), more.then(|| next.to_string()), next - from))
    }

    async fn scan(
        &self,
        conversation: &mut Conversation,
        command: &str,
        cursor: Option<&str>,
        count: u64,
    ) -> Result<Step, ApiError> {
        let mut request = about(
            command,
            self.key,
            [cursor.unwrap_or("0"), "COUNT", &count.to_string()],
        );
        if let Some(pattern) = self.query.get("match") {
            request.extend([b"MATCH".to_vec(), pattern.to_vec()]);
        }
        let mut reply = items(conversation.ask(&request).await?).into_iter();
        let next = reply.next().and_then(text).unwrap_or_default();
        let mut found = reply.next().map(items).unwrap_or_default().into_iter();
        let (mut rows, mut names) = (Vec::new(), Vec::new());
        while let Some(first) = found.next() {
            let (name, whole_bytes) = thin::string(first).unwrap_or_default();
            // Nobody can be asked about a name that is not here.
            names.extend((command == "HSCAN" && whole_bytes.is_none()).then(|| name.clone()));
            let member = Bytes::part(name, whole_bytes);
            rows.push(match command {
                "SSCAN" => Item::Set { member },
                "HSCAN" => Item::Hash {
                    field: member,
                    value: Bytes::cut(found.next().unwrap_or(Value::Null)),
                    ttl_ms: None,
                },
                _ => Item::Scored {
                    member,
                    score: score(&found.next().unwrap_or(Value::Null)),
                },
            });
        }
        let mut times = self.field_times(conversation, &names).await?.into_iter();
        for row in &mut rows {
            if let Item::Hash { field, ttl_ms, .. } = row
                && !field.is_cut()
            {
                *ttl_ms = times.next().flatten();
            }
        }
        let cursor = Some(String::from_utf8_lossy(&next).into_owned());
        Ok((rows, cursor.filter(|cursor| cursor != "0"), count))
    }

    /// Entries of a stream. One more is asked for, which tells whether there is a next page; not where one is large, which
    /// may lead to an empty page at the end.
    async fn entries(
        &self,
        conversation: &mut Conversation,
        cursor: Option<&str>,
        count: u64,
    ) -> Result<Step, ApiError> {
        if cursor == Some(LAST_ID) {
            return Ok((Vec::new(), None, 0));
        }
        let from = cursor.map_or("-".to_owned(), |id| format!("({id}"));
        let ahead = if count == 1 { 1 } else { count + 1 };
        let request = about("XRANGE", self.key, [&from, "+", "COUNT", &ahead.to_string()]);
        let mut found = items(conversation.ask(&request).await?);
        let more = found.len() as u64 == ahead;
        found.truncate(count as usize);
        let looked = found.len() as u64;
        let mut rows = Vec::new();
        let mut last = None;
        for entry in found {
            let mut entry = items(entry).into_iter();
            let id = entry.next().and_then(text).unwrap_or_default();
            let mut fits = self.fits(&id);
            let id = String::from_utf8_lossy(&id).into_owned();
            let words = entry.next().map(items).unwrap_or_default().into_iter();
            let mut words = words.map(|word| {
                let (word, whole_bytes) = thin::string(word).unwrap_or_default();
                fits |= self.fits(&word);
                Bytes::part(word, whole_bytes)
            });
            let mut fields = Vec::new();
            while let (Some(field), Some(value)) = (words.next(), words.next()) {
                fields.push((field, value));
            }
            last = Some(id.clone());
            rows.extend(fits.then_some(Item::Stream { id, fields }));
        }
        Ok((rows, last.filter(|_| more), looked))
    }
}

/// What a pattern matches, where that is one text only.
fn literal(pattern: &[u8]) -> Option<Vec<u8>> {
    let (mut text, mut rest) = (Vec::new(), pattern.iter());
    while let Some(&byte) = rest.next() {
        match byte {
            b'*' | b'?' | b'[' => return None,
            // At the end it stands for itself.
            b'\\' => text.push(*rest.next().unwrap_or(&byte)),
            byte => text.push(byte),
        }
    }
    Some(text)
}

/// A place in a string or collection.
///
/// # Errors
/// When the cursor is none; `CONFLICT` where it is one of a stream: the key was one when the page before was read.
fn place(query: &Query, largest: u64) -> Result<u64, ApiError> {
    match query.get("cursor") {
        Some(cursor) if !is_digits(cursor) => {
            entry_id(cursor)?;
            let message = "the cursor is one of a stream, which this key is not";
            Err(ApiError::new(StatusCode::CONFLICT, "CONFLICT", message))
        }
        _ => query.cursor(largest),
    }
}

/// The id of an entry, at most the last that there can be.
fn entry_id(cursor: &[u8]) -> Result<String, ApiError> {
    let text = std::str::from_utf8(cursor).unwrap_or_default();
    let parts: Vec<&str> = text.split('-').collect();
    if parts.len() > 2 || !parts.iter().all(|part| is_digits(part.as_bytes())) {
        return Err(ApiError::bad_request("cursor has to be that of the page before"));
    }
    if parts.iter().any(|part| part.parse::<u64>().is_err()) {
        return Ok(LAST_ID.to_owned());
    }
    Ok(text.to_owned())
}

fn score(value: &Value) -> Score {
    Score(value.bytes().map_or(f64::NAN, double))
}

async fn string(conversation: &mut Conversation, key: &[u8], query: &Query) -> Result<Page, ApiError> {
    let offset = place(query, i64::MAX as u64 - STRING_BYTES)?;
    let last = offset + STRING_BYTES - 1;
    let requests = [
        about("STRLEN", key, []),
        about("GETRANGE", key, [&offset.to_string(), &last.to_string()]),
    ];
    let mut replies = conversation.ask_all(&requests).await?;
    let part = conversation.checked(&requests[1], replies.pop().unwrap_or(Value::Null))?;
    let length = conversation.checked(&requests[0], replies.pop().unwrap_or(Value::Null))?;
    let length = integer(&length).unwrap_or(0).max(0) as u64;
    Ok(Page::String(StringPage {
        r#type: "string",
        value: text(part).unwrap_or_default().into(),
        offset,
        length,
        cursor: (length > offset.saturating_add(STRING_BYTES)).then(|| (offset + STRING_BYTES).to_string()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_wildcards_is_a_name() {
        assert_eq!(literal(b"f299999"), Some(b"f299999".to_vec()));
        assert_eq!(literal(b"a\\*b\\\\"), Some(b"a*b\\".to_vec()));
        assert_eq!(literal(b"end\\"), Some(b"end\\".to_vec()));
        for pattern in [&b"a*"[..], b"?", b"[ab]", b"\\\\*"] {
            assert_eq!(literal(pattern), None, "{}", String::from_utf8_lossy(pattern));
        }
        for pattern in [&b"f299999"[..], b"a\\*b\\\\", b"end\\"] {
            let name = literal(pattern).expect("a name");
            assert!(glob::matches(pattern, &name), "as the walk would have it");
        }
    }
}
