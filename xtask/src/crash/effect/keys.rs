//! Requests about keys whatever they hold: removal, renaming, copies, expiry.

use super::super::model::{Expiry, Model};
use super::{Expected, Outcome, Timing, integer, misused, number, ok};
use crate::resp::Reply;

/// How far the server's idea of now may be from ours: it reads the clock once a turn, not once a request.
pub const CLOCK_SLACK_MS: u64 = 20;

pub fn apply(model: &mut Model, name: &str, words: &[&[u8]], outcome: &Outcome, timing: Timing) -> Expected {
    match (name, words) {
        ("DEL" | "UNLINK", keys) => Ok(remove(model, keys, timing)),
        ("RENAME", [from, to]) => Ok(Some(match model.remove(*from) {
            Some(entry) => {
                model.insert(to.to_vec(), entry);
                ok()
            }
            None => Reply::Error("ERR no such key".to_owned()),
        })),
        ("COPY", [from, to, _replace]) => Ok(Some(match model.get(*from).cloned() {
            Some(entry) => {
                model.insert(to.to_vec(), entry);
                Reply::Int(1)
            }
            None => Reply::Int(0),
        })),
        ("PEXPIREAT", [key, time]) => Ok(expire(model, key, Expiry::at(number(time)?.unsigned_abs()))),
        ("PEXPIRE", [key, span]) => Ok(expire(model, key, relative(number(span)?, timing))),
        ("PERSIST", [key]) => persist(model, key, outcome, timing),
        _ => Err(misused(name)),
    }
}

/// The range in which a time `span_ms` after execution lies.
pub fn relative(span_ms: i64, timing: Timing) -> Expiry {
    Expiry {
        low_ms: timing.sent_ms + span_ms.unsigned_abs() - CLOCK_SLACK_MS,
        high_ms: timing.done_ms + span_ms.unsigned_abs() + CLOCK_SLACK_MS,
    }
}

/// Whether the key may have expired by the time the reply was there.
pub fn may_be_gone(model: &Model, key: &[u8], timing: Timing) -> bool {
    let expiry = model.get(key).and_then(|entry| entry.expiry);
    expiry.is_some_and(|expiry| expiry.low_ms <= timing.done_ms + CLOCK_SLACK_MS)
}

fn remove(model: &mut Model, keys: &[&[u8]], timing: Timing) -> Option<Reply> {
    let unsure = keys.iter().any(|key| may_be_gone(model, key, timing));
    let count = keys.iter().filter(|key| model.remove(**key).is_some()).count();
    (!unsure).then(|| integer(count))
}

fn expire(model: &mut Model, key: &[u8], expiry: Expiry) -> Option<Reply> {
    let Some(entry) = model.get_mut(key) else {
        return Some(Reply::Int(0));
    };
    entry.expiry = Some(expiry);
    Some(Reply::Int(1))
}

fn persist(model: &mut Model, key: &[u8], outcome: &Outcome, timing: Timing) -> Expected {
    let may_be_gone = may_be_gone(model, key, timing);
    let Some(entry) = model.get_mut(key) else {
        return Ok(Some(Reply::Int(0)));
    };
    if entry.expiry.is_none() {
        return Ok(Some(Reply::Int(0)));
    }
    match outcome {
        Outcome::Told(Reply::Int(1)) => entry.expiry = None,
        Outcome::Told(Reply::Int(0)) if may_be_gone => {
            model.remove(key);
        }
        Outcome::Told(reply) => {
            return Err(format!(
                "PERSIST answered {reply:?} for a key with a time to come"
            ));
        }
        Outcome::Seen(seen) => {
            if seen.get(key).is_some_and(|seen| seen.expiry.is_none()) {
                entry.expiry = None;
            }
        }
    }
    Ok(None)
}
