//! The rows of a file, made ready to be sent, on a thread of its own: reading and packing values takes time that other requests
//! need, and a file is read no further than the engine has taken. What is on its way is a few pieces of bounded size.

use super::Plan;
use super::upload::Upload;
use crate::caller::now_ms;
use flashdb_command::rdb_convert::encode_limits;
use flashdb_config::Settings;
use flashdb_import::{Access, Expiry, Fault, Item, LeftOut, Limits, Place, Row, Wanted, open, weight_bytes};
use flashdb_rdb::{EncodeLimits, RdbValue, dump};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Steps and bytes of a piece, after which it is sent.
const PIECE_STEPS: usize = 500;
const PIECE_BYTES: usize = 1 << 20;
/// Pieces that wait.
const PIECES_MAX: usize = 2;
/// Largest collection that one command makes: a core loop is busy with it for as long as that takes.
const COLLECTION_BYTES_MAX: usize = 64 << 20;

/// A key to be written.
pub(super) struct Put {
    pub place: Place,
    pub db: u64,
    pub key: Vec<u8>,
    pub kind: &'static str,
    /// As RESTORE takes it.
    pub payload: Vec<u8>,
    pub expiry: Expiry,
    pub access: Option<Access>,
}

/// A command to be run.
pub(super) struct Run {
    pub place: Place,
    pub db: u64,
    pub words: Vec<Vec<u8>>,
}

/// What is to be done with a row.
pub(super) enum Step {
    Put(Put),
    Run(Run),
    /// Its time has come.
    Expired,
    LeftOut(LeftOut),
    /// All of the file was read.
    End(Option<String>),
    /// It cannot be read on.
    Fault(Fault),
}

/// Begins to read.
pub(super) fn read(
    upload: &Arc<Upload>,
    plan: &Arc<Plan>,
    settings: &Settings,
    databases: u64,
) -> mpsc::Receiver<Vec<Step>> {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let mut maker = Maker {
        plan: plan.clone(),
        databases,
        limits: encode_limits(settings),
        word_bytes_max: usize::try_from(settings.proto_max_bulk_len)
            .unwrap_or(usize::MAX)
            .min(settings.client_query_buffer_limit / 2),
    };
    let limits = Limits {
        value_bytes: maker.word_bytes_max as u64,
        ..Limits::default()
    };
    let (reader, format) = (upload.reader(), plan.format);
    tokio::task::spawn_blocking(move || {
        let mut rows = match open(format, reader, limits) {
            Ok(rows) => rows,
            Err(fault) => {
                // Nobody waits for it any more when the job was aborted.
                let _ = sender.blocking_send(vec![Step::Fault(fault)]);
                return;
            }
        };
        while let Some(piece) = maker.piece(&mut rows) {
            if sender.blocking_send(piece).is_err() {
                return;
            }
        }
    });
    receiver
}

struct Maker {
    plan: Arc<Plan>,
    databases: u64,
    limits: EncodeLimits,
    /// Longest word of a command, and largest value.
    word_bytes_max: usize,
}

impl Maker {
    /// The next piece; `None` at the end.
    fn piece(&mut self, rows: &mut flashdb_import::Rows) -> Option<Vec<Step>> {
        let (mut steps, mut bytes) = (Vec::new(), 0);
        while steps.len() < PIECE_STEPS && bytes < PIECE_BYTES {
            let step = match rows.next() {
                None if steps.is_empty() => return None,
                None => break,
                Some(Err(fault)) => Some(Step::Fault(fault)),
                Some(Ok(Item::End(ending))) => Some(Step::End(ending.note)),
                Some(Ok(Item::LeftOut(left))) => self.is_wanted(left.db).then_some(Step::LeftOut(left)),
                Some(Ok(Item::Key(row))) => self.is_wanted(row.db).then(|| self.put(row)),
                Some(Ok(Item::Command(wanted))) => self.is_wanted(wanted.db).then(|| self.run(wanted)),
            };
            let Some(step) = step else {
                bytes += 64;
                continue;
            };
            bytes += 64 + weight(&step);
            steps.push(step);
        }
        Some(steps)
    }

    fn is_wanted(&self, db: Option<u64>) -> bool {
        self.plan.only_db.is_none_or(|only| db.unwrap_or(0) == only)
    }

    fn target(&self, db: Option<u64>) -> Result<u64, String> {
        let db = self.plan.db.unwrap_or(db.unwrap_or(0));
        if db < self.databases {
            return Ok(db);
        }
        Err(format!("there is no database {db} here; choose one for all keys"))
    }

    fn put(&self, row: Row) -> Step {
        if matches!(row.expiry, Expiry::At(at_ms) if at_ms <= now_ms().max(0) as u64) {
            return Step::Expired;
        }
        let kind = kind_of(&row.value);
        let refusal = self.target(row.db).and_then(|db| {
            let is_string = matches!(row.value, RdbValue::String(_));
            let weight = weight_bytes(&row.value);
            if (is_string && weight > self.word_bytes_max) || row.key.len() > self.word_bytes_max {
                return Err("it is larger than proto-max-bulk-len".to_owned());
            }
            if !is_string && weight > COLLECTION_BYTES_MAX {
                return Err(format!(
                    "its {} MiB are more than one command makes; flashdb import takes such values",
                    weight >> 20
                ));
            }
            let payload = dump(&row.value, &self.limits);
            if payload.len() > self.word_bytes_max {
                return Err("it is larger than proto-max-bulk-len".to_owned());
            }
            Ok((db, payload))
        });
        match refusal {
            Err(why) => Step::LeftOut(LeftOut {
                place: row.place,
                db: row.db,
                key: Some(row.key),
                why,
            }),
            Ok((db, payload)) => Step::Put(Put {
                place: row.place,
                db,
                key: row.key,
                kind,
                payload,
                expiry: row.expiry,
                access: row.access,
            }),
        }
    }

    fn run(&self, wanted: Wanted) -> Step {
        let target = self.target(wanted.db).and_then(|db| {
            if wanted.words.iter().any(|word| word.len() > self.word_bytes_max) {
                return Err("it is larger than proto-max-bulk-len".to_owned());
            }
            Ok(db)
        });
        match target {
            Err(why) => Step::LeftOut(LeftOut {
                place: wanted.place,
                db: wanted.db,
                key: None,
                why,
            }),
            Ok(db) => Step::Run(Run {
                place: wanted.place,
                db,
                words: wanted.words,
            }),
        }
    }
}

/// What a step takes in memory, about.
pub(super) fn weight(step: &Step) -> usize {
    match step {
        Step::Put(put) => put.key.len() + put.payload.len(),
        Step::Run(run) => run.words.iter().map(|word| word.len() + 24).sum(),
        Step::LeftOut(left) => left.why.len() + left.key.as_ref().map_or(0, Vec::len),
        Step::Expired | Step::End(_) | Step::Fault(_) => 0,
    }
}

fn kind_of(value: &RdbValue) -> &'static str {
    match value {
        RdbValue::String(_) => "string",
        RdbValue::List(_) => "list",
        RdbValue::Set(_) => "set",
        RdbValue::Hash(_) => "hash",
        RdbValue::ZSet(_) => "zset",
        RdbValue::Stream(_) => "stream",
    }
}
