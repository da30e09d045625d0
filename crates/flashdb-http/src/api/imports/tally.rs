//! What came of an import up to now, or what a dry run has found; as the job shows it.

use super::rows::{Put, Run};
use crate::api::bulk_jobs::work::{ERRORS_MAX, NAME_BYTES_MAX, PAUSE_MAX};
use crate::caller::now_ms;
use crate::error::ApiError;
use crate::jobs::Job;
use crate::json::Bytes;
use flashdb_import::{Expiry, Place};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering;
use tokio::time::Instant;

const SAMPLES: usize = 20;
/// Different keys of a file of commands: what is known of each is kept.
const KNOWN_MAX: usize = 4 << 20;

/// What a key of a file of commands was when it was first met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// New, or replaced: commands may go on with it.
    Ours,
    /// It was there, and is left alone.
    Theirs,
}

/// See the module's head.
#[derive(Default)]
pub(super) struct Tally {
    /// Rows that were come to.
    pub handled: u64,
    /// Where the last of them is in the file.
    offset: u64,
    total: u64,
    /// Keys written, or, of a dry run, that would be.
    pub written: u64,
    /// Keys, and commands about them, that are left, since the keys are there already.
    pub skipped: u64,
    /// Keys that are there already.
    pub existing: u64,
    pub expired: u64,
    /// Commands that were run, or would be.
    pub commands: u64,
    pub errors: u64,
    pub unknown: u64,
    pub refused_in_a_row: u64,
    silent_since: Option<Instant>,
    /// Keys by type, and commands by name.
    kinds: BTreeMap<String, u64>,
    known: HashMap<u64, Fate>,
    hasher: RandomState,
    samples: Vec<Value>,
    told: Vec<Value>,
    pub note: Option<String>,
    pub kept_until_ms: Option<i64>,
}

fn name_of(key: &[u8]) -> Bytes {
    if key.len() > NAME_BYTES_MAX {
        Bytes::beginning(&key[..NAME_BYTES_MAX], key.len() as u64)
    } else {
        key.into()
    }
}

impl Tally {
    /// Whether it goes on after this: the server may be slow, or CLIENT PAUSE holds it up, but not for longer than a pause.
    pub fn may_wait(&mut self, error: &ApiError) -> bool {
        let since = *self.silent_since.get_or_insert_with(Instant::now);
        error.code == "ENGINE_TIMEOUT" && since.elapsed() < PAUSE_MAX
    }

    /// Whether the engine has answered what it was asked last.
    pub fn is_answered(&self) -> bool {
        self.silent_since.is_none()
    }

    pub fn was_answered(&mut self) {
        self.silent_since = None;
    }

    /// Another row was come to.
    pub fn come_to(&mut self, place: Place) {
        self.handled += 1;
        self.offset = place.offset;
    }

    /// How many rows there will be: what was not read yet is taken to be like what was.
    pub fn expect(&mut self, bytes: u64) {
        let part = bytes as f64 / self.offset.clamp(1, bytes.max(1)) as f64;
        self.total = ((self.handled as f64 * part) as u64).max(self.handled);
    }

    /// All of the file was read.
    pub fn close(&mut self) {
        self.total = self.handled;
    }

    /// What is known of a key, if it was met before.
    pub fn fate(&self, db: u64, key: &[u8]) -> Option<Fate> {
        self.known.get(&self.hasher.hash_one((db, key))).copied()
    }

    /// A key was met.
    ///
    /// # Errors
    /// When there are more than can be remembered.
    pub fn meet(&mut self, db: u64, key: &[u8], fate: Fate) -> Result<(), ApiError> {
        if self.known.len() >= KNOWN_MAX {
            let message = "a file of commands may be about 4 Mi keys at most; save it as an RDB file";
            return Err(ApiError::conflict(message));
        }
        self.known.insert(self.hasher.hash_one((db, key)), fate);
        Ok(())
    }

    /// A key of this type, or a command of this name.
    pub fn count(&mut self, kind: &str) {
        match self.kinds.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                self.kinds.insert(kind.to_owned(), 1);
            }
        }
    }

    pub fn sample(&mut self, put: &Put, exists: bool) {
        if self.samples.len() >= SAMPLES {
            return;
        }
        let ttl_ms = match put.expiry {
            Expiry::Never => None,
            Expiry::In(ttl_ms) => Some(ttl_ms),
            Expiry::At(at_ms) => Some(at_ms.saturating_sub(now_ms().max(0) as u64)),
        };
        self.samples.push(json!({
            "key": name_of(&put.key), "db": put.db, "type": put.kind, "ttl_ms": ttl_ms, "bytes": put.payload.len(),
            "exists": exists, "line": put.place.line, "offset": put.place.offset,
        }));
    }

    pub fn sample_command(&mut self, run: &Run, key: &[u8], name: &str, exists: bool) {
        if self.samples.len() < SAMPLES {
            self.samples.push(json!({
                "key": name_of(key), "db": run.db, "type": name, "ttl_ms": null, "bytes": null,
                "exists": exists, "line": run.place.line, "offset": run.place.offset,
            }));
        }
    }

    /// One row was refused, or is left out.
    pub fn refuse(&mut self, place: Place, key: Option<&[u8]>, code: &str, message: &str) {
        self.errors += 1;
        if self.told.len() < ERRORS_MAX {
            let message: String = message.chars().take(500).collect();
            self.told.push(json!({
                "key": key.map(name_of), "line": place.line, "offset": place.offset, "code": code, "message": message,
            }));
        }
    }

    /// What is said of the last error.
    pub fn last_message(&self) -> &str {
        let last = self.told.last().and_then(|error| error["message"].as_str());
        last.unwrap_or_default()
    }

    pub fn tell(&self, job: &Job, rate: f64) {
        job.report(self.result(job));
        let point = json!({
            "changed": self.written + self.commands, "keys": self.written, "commands": self.commands, "skipped": self.skipped,
            "existing": self.existing, "idle": self.expired, "rate": rate,
        });
        job.progress("working", self.handled, self.total, self.errors, point);
    }

    pub fn result(&self, job: &Job) -> Map<String, Value> {
        let result = json!({
            "changed": self.written + self.commands,
            "keys": self.written,
            "commands": self.commands,
            "idle": self.expired,
            "skipped": self.skipped,
            "existing": self.existing,
            "unknown": self.unknown,
            "kinds": self.kinds,
            "samples": self.samples,
            "errors": self.told,
            "errors_left_out": self.errors - self.told.len() as u64,
            "note": self.note,
            "kept_until_ms": self.kept_until_ms,
            "rate": job.rate.load(Ordering::Relaxed),
            "seconds": (now_ms() - job.began_ms()) as f64 / 1000.0,
        });
        match result {
            Value::Object(result) => result,
            _ => Map::new(),
        }
    }
}
