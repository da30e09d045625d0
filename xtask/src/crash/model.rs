//! The keys of one client as they must be, and the comparison with what a server holds.
//!
//! Expiry is a range: the server decides the absolute time of a relative one, somewhere between sending and reply. A key whose time may
//! have come may be missing; one that is there must have the right value and a time within the range.

use super::sketch::Registers;
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds since 1970.
pub type UnixMs = u64;

/// An entry of a stream: id and fields.
pub type StreamEntry = ((u64, u64), Vec<Vec<u8>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Strings, counters and bitmaps.
    Text(Vec<u8>),
    Sketch(Registers),
    List(Vec<Vec<u8>>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    /// Scores are whole numbers here.
    Sorted(BTreeMap<Vec<u8>, i64>),
    Stream {
        entries: Vec<StreamEntry>,
        last: (u64, u64),
    },
}

/// When a key expires: at the earliest and at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    pub low_ms: UnixMs,
    pub high_ms: UnixMs,
}

impl Expiry {
    pub fn at(time_ms: UnixMs) -> Self {
        Self {
            low_ms: time_ms,
            high_ms: time_ms,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub value: Value,
    pub expiry: Option<Expiry>,
}

/// Keys with their values.
pub type Model = BTreeMap<Vec<u8>, Entry>;

/// Whether a key that should be `wanted` may be seen as `seen` at `now_ms`.
pub fn agrees(wanted: Option<&Entry>, seen: Option<&Entry>, now_ms: UnixMs) -> bool {
    match (wanted, seen) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(wanted), None) => wanted.expiry.is_some_and(|expiry| expiry.low_ms <= now_ms),
        (Some(wanted), Some(seen)) => {
            let expiry_fits = match (wanted.expiry, seen.expiry) {
                (None, None) => true,
                (Some(range), Some(seen)) => range.low_ms <= seen.low_ms && seen.high_ms <= range.high_ms,
                _ => false,
            };
            expiry_fits && wanted.value == seen.value
        }
    }
}

/// A short text for a difference.
pub fn describe(entry: Option<&Entry>) -> String {
    const SHOWN: usize = 300;
    let Some(entry) = entry else {
        return "nothing".to_owned();
    };
    let mut text = match &entry.value {
        Value::Text(bytes) => format!("text of {} bytes '{}'", bytes.len(), bytes.escape_ascii()),
        Value::Sketch(registers) => format!("sketch with {} registers", registers.len()),
        Value::List(items) => format!("list of {}: {}", items.len(), joined(items.iter())),
        Value::Hash(fields) => {
            let pairs = fields
                .iter()
                .map(|(field, value)| [field.as_slice(), value].join(&b'='));
            format!("hash of {}: {}", fields.len(), joined(pairs))
        }
        Value::Set(members) => format!("set of {}: {}", members.len(), joined(members.iter())),
        Value::Sorted(members) => {
            let pairs = members
                .iter()
                .map(|(member, score)| [member.as_slice(), score.to_string().as_bytes()].join(&b'='));
            format!("sorted set of {}: {}", members.len(), joined(pairs))
        }
        Value::Stream { entries, last } => {
            let ids = entries.iter().map(|((ms, number), _)| format!("{ms}-{number}"));
            format!("stream of {}, last {last:?}: {}", entries.len(), joined(ids))
        }
    };
    if text.len() > SHOWN {
        text.truncate(SHOWN);
        text.push_str("...");
    }
    if let Some(expiry) = entry.expiry {
        text.push_str(&format!(" (expires {} to {})", expiry.low_ms, expiry.high_ms));
    }
    text
}

fn joined(items: impl Iterator<Item = impl AsRef<[u8]>>) -> String {
    let texts: Vec<String> = items
        .take(40)
        .map(|item| item.as_ref().escape_ascii().to_string())
        .collect();
    texts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str, expiry: Option<Expiry>) -> Entry {
        Entry {
            value: Value::Text(value.into()),
            expiry,
        }
    }

    #[test]
    fn a_key_may_be_missing_only_when_its_time_may_have_come() {
        let range = Expiry {
            low_ms: 100,
            high_ms: 110,
        };
        let wanted = text("v", Some(range));
        assert!(!agrees(Some(&wanted), None, 99));
        assert!(agrees(Some(&wanted), None, 100));
        assert!(agrees(Some(&wanted), Some(&text("v", Some(Expiry::at(105)))), 50));
        assert!(!agrees(
            Some(&wanted),
            Some(&text("v", Some(Expiry::at(111)))),
            50
        ));
        assert!(!agrees(Some(&wanted), Some(&text("v", None)), 50));
        assert!(!agrees(
            Some(&wanted),
            Some(&text("w", Some(Expiry::at(105)))),
            50
        ));
        assert!(!agrees(None, Some(&wanted), 50));
    }
}
