//! All of a value as a file, sent while it is read: a string as it is, piece by piece, everything else as lines of JSON, one an
//! element. No more than a few pieces are in memory, however large the value is and however slowly it is taken.
//!
//! A file of pieces could be of several moments. The key is watched meanwhile, and what is watched tells at the end whether it
//! has changed: of a string the last piece is kept back until then, so that a mixture never is a whole file; of elements the last
//! line says it, since a collection in use might never be had otherwise.

use super::bulk_jobs::{Piece, streamed};
use super::items::{Item, Wanted};
use super::key::{counting, key_of};
use super::keys::{database, kind_of};
use crate::App;
use crate::ask::{Conversation, about, integer, text, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::Query;
use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use flashdb_resp::reply::Value;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::mpsc::{Sender, channel};

/// Bytes of a string that are read at a time.
const PIECE_BYTES: u64 = 1 << 20;
/// Bytes of elements that are read at a time, about.
const STEP_BYTES: u64 = 1 << 20;
/// Elements of the first step, how much larger than the step before one may be, and elements of the largest.
const FIRST_STEP: u64 = 4;
const GROWTH: u64 = 4;
const STEP_MAX: u64 = 1000;
/// The most that is written of one element, or of a field or value of one.
const ELEMENT_BYTES_MAX: usize = 1 << 20;
/// Letters of a key that the name of its file has.
const NAME_LETTERS_MAX: usize = 80;

/// A value on its way.
struct Download {
    app: Arc<App>,
    caller: Caller,
    conversation: Conversation,
    db: u64,
    key: Vec<u8>,
    kind: String,
    /// Bytes or elements when it began.
    length: u64,
    /// False where the user may not watch: then only another length is noticed.
    watched: bool,
}

/// `GET /key/:key/raw`.
pub(crate) async fn download(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let (key, db) = (key_of(&uri), database(&app, &Query::of(query.as_deref()))?);
    let Ok(place) = app.exports.clone().try_acquire_owned() else {
        let message = "as many downloads and exports as may are under way";
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", message));
    };
    let mut download = Download::begin(app, caller, db, key).await?;
    let is_string = download.kind == "string";
    // What is refused is refused before the file begins.
    let first = if is_string {
        First::Bytes(download.piece(0).await?)
    } else {
        First::Items(download.step(None, FIRST_STEP).await?)
    };
    let name = file_name(&download.key, if is_string { "bin" } else { "jsonl" });
    let length = download.length;
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        if let Err(error) = download.run(first, &sender).await {
            tracing::warn!(error = error.message, "a download was broken off");
            // Whoever read may have gone.
            let _ = sender.send(Err(std::io::Error::other(error.message))).await;
        }
        drop(place);
    });
    let kind = if is_string {
        "application/octet-stream"
    } else {
        "application/x-ndjson"
    };
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let mut response = streamed(receiver);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.extend(disposition.ok().map(|value| (header::CONTENT_DISPOSITION, value)));
    if is_string {
        // By it whoever reads knows that a file which ends early is not whole.
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Ok(response)
}

/// What was read before the file began.
enum First {
    Bytes(Vec<u8>),
    Items(Read),
}

/// Elements of one step, where the next begins, and how many it had best be about.
struct Read {
    found: Vec<Item>,
    cursor: Option<String>,
    next_step: u64,
}

fn changed() -> ApiError {
    ApiError::conflict("the value changed while it was read")
}

impl Download {
    async fn begin(app: Arc<App>, caller: Caller, db: u64, key: Vec<u8>) -> Result<Self, ApiError> {
        let mut conversation = Conversation::look(&app, &caller, db).await?;
        let may_watch = ["watch", "multi", "exec"]
            .iter()
            .all(|command| app.engine.allows(&caller.identity, command));
        let watched = may_watch && !conversation.ask_raw(&about("WATCH", &key, [])).await?.is_error();
        let kind = conversation.ask(&about("TYPE", &key, [])).await?;
        let kind = kind_of(&kind)
            .filter(|kind| kind != "none")
            .ok_or_else(ApiError::key_not_found)?;
        let mut download = Download {
            app,
            caller,
            conversation,
            db,
            key,
            kind,
            length: 0,
            watched,
        };
        download.length = download.count().await?;
        Ok(download)
    }

    /// Bytes or elements that there are now.
    async fn count(&mut self) -> Result<u64, ApiError> {
        let Some(command) = counting(&self.kind) else {
            let message = "a value of this type cannot be downloaded";
            return Err(ApiError::conflict(message));
        };
        let count = self.conversation.ask(&about(command, &self.key, [])).await?;
        Ok(integer(&count).unwrap_or(0).max(0) as u64)
    }

    async fn run(mut self, first: First, sender: &Sender<Piece>) -> Result<(), ApiError> {
        match first {
            First::Bytes(piece) => self.bytes(piece, sender).await,
            First::Items(read) => self.lines(read, sender).await,
        }
    }

    /// A part of a string, which has to be there as far as the string went.
    async fn piece(&mut self, offset: u64) -> Result<Vec<u8>, ApiError> {
        let last = (offset + PIECE_BYTES).min(self.length);
        if offset == last {
            return Ok(Vec::new());
        }
        self.conversation.renew();
        let request = about(
            "GETRANGE",
            &self.key,
            [&offset.to_string(), &(last - 1).to_string()],
        );
        let piece = text(self.conversation.ask(&request).await?).unwrap_or_default();
        if piece.len() as u64 != last - offset {
            return Err(changed());
        }
        Ok(piece)
    }

    async fn bytes(&mut self, first: Vec<u8>, sender: &Sender<Piece>) -> Result<(), ApiError> {
        let mut offset = first.len() as u64;
        let mut held = first;
        while offset < self.length {
            let piece = self.piece(offset).await?;
            offset += piece.len() as u64;
            let ready = std::mem::replace(&mut held, piece);
            if sender.send(Ok(ready.into())).await.is_err() {
                return Ok(());
            }
        }
        if !self.is_unchanged().await? {
            return Err(changed());
        }
        // Nobody may be there to take it.
        let _ = sender.send(Ok(held.into())).await;
        Ok(())
    }

    /// Elements from the cursor on, those that a file has room for whole.
    async fn step(&mut self, cursor: Option<&str>, mut count: u64) -> Result<Read, ApiError> {
        let query = Query::of(None);
        let wanted = Wanted {
            app: &self.app,
            caller: &self.caller,
            db: self.db,
            key: &self.key,
            kind: &self.kind,
            query: &query,
            limit: STEP_MAX,
            bytes: None,
            length: Some(i64::try_from(self.length).unwrap_or(i64::MAX)),
        };
        loop {
            self.conversation.renew();
            self.conversation.cut_strings(ELEMENT_BYTES_MAX);
            let before = self.conversation.received_bytes();
            let (found, cursor, _) = wanted.step(&mut self.conversation, cursor, count).await?;
            // Together they may have been too much, and each alone not.
            if count > 1 && found.iter().any(Item::is_cut) {
                count = 1;
                continue;
            }
            let average = ((self.conversation.received_bytes() - before) as u64 / count).max(1);
            let next_step = (STEP_BYTES / average).clamp(1, STEP_MAX).min(count * GROWTH);
            return Ok(Read {
                found,
                cursor,
                next_step,
            });
        }
    }

    async fn lines(&mut self, first: Read, sender: &Sender<Piece>) -> Result<(), ApiError> {
        let (mut items, mut cut, mut read) = (0, 0, first);
        // What is appended faster than it is read must not go on for ever; a scan ends by itself.
        let ends = !matches!(self.kind.as_str(), "hash" | "set");
        loop {
            let mut out = Vec::new();
            for item in &read.found {
                items += 1;
                cut += u64::from(item.is_cut());
                serde_json::to_writer(&mut out, item)
                    .map_err(|error| ApiError::bad_request(error.to_string()))?;
                out.push(b'\n');
            }
            if !out.is_empty() && sender.send(Ok(out.into())).await.is_err() {
                return Ok(());
            }
            match read.cursor {
                Some(cursor) if !(ends && items >= self.length) => {
                    read = self.step(Some(&cursor), read.next_step).await?;
                }
                _ => break,
            }
        }
        let changed = !self.is_unchanged().await?;
        let end = json!({"end": true, "items": items, "cut": cut, "changed": changed});
        let _ = sender.send(Ok(format!("{end}\n").into())).await;
        Ok(())
    }

    /// Whether all that was read is of one moment, as far as the user may know.
    async fn is_unchanged(&mut self) -> Result<bool, ApiError> {
        self.conversation.renew();
        if !self.watched {
            return Ok(self.count().await? == self.length);
        }
        let requests = [words(["MULTI"]), words(["EXEC"])];
        let mut replies = self.conversation.ask_all(&requests).await?;
        let outcome = replies.pop().unwrap_or(Value::Null);
        let outcome = self.conversation.checked(&requests[1], outcome)?;
        Ok(outcome != Value::Null)
    }
}

/// A name that file systems take everywhere.
fn file_name(key: &[u8], ending: &str) -> String {
    let plain = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(*byte),
        _ => '_',
    };
    let name: String = key.iter().take(NAME_LETTERS_MAX).map(plain).collect();
    // Nor one that is hidden, or the name of a folder.
    let name = name.trim_start_matches('.');
    let name = if name.is_empty() { "value" } else { name };
    format!("{name}.{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_name_that_can_be_written_anywhere() {
        assert_eq!(file_name(b"session:user:81f2", "bin"), "session_user_81f2.bin");
        assert_eq!(file_name(b"../../etc/\"x\r\n", "bin"), "_.._etc__x__.bin");
        assert_eq!(file_name(b"..", "jsonl"), "value.jsonl");
        assert_eq!(file_name("é".repeat(300).as_bytes(), "bin").len(), 84);
    }
}
