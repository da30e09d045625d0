//! Values as the text formats give them: text or base64, scores; of streams see `stream.rs`. What a type needs is checked here, so that a
//! row that cannot become a key is named with its line, and not by the server.

use crate::item::{Expiry, Place, Refusal};
use crate::stream::{self, Besides};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flashdb_rdb::{HashField, RdbValue};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Ms that a browser keeps exactly, and the longest time to live.
const TTL_MS_MAX: u64 = (1 << 53) - 1;
/// When a field expires at the latest, as in Redis 7.4.
const FIELD_AT_MS_MAX: u64 = (1 << 46) - 1;
/// Names and values in a collection: short ones take many times in memory what they take in a line, and Redis takes no more words
/// in a request.
const TEXTS_MAX: usize = 1 << 20;
/// What a string takes besides its bytes, about.
pub(crate) const OVERHEAD_BYTES: usize = 32;

/// Bytes of a value in memory while it is on its way, about.
pub fn weight_bytes(value: &RdbValue) -> usize {
    let of = |text: &Vec<u8>| text.len() + OVERHEAD_BYTES;
    match value {
        RdbValue::String(text) => of(text),
        RdbValue::List(items) | RdbValue::Set(items) => items.iter().map(of).sum(),
        RdbValue::Hash(fields) => fields.iter().map(|each| of(&each.field) + of(&each.value)).sum(),
        RdbValue::ZSet(members) => members.iter().map(|(member, _)| of(member)).sum(),
        RdbValue::Stream(stream) => stream::weight_bytes(stream),
    }
}

/// Bytes: text, or `{"b64":"…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Text(pub Vec<u8>);

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or {\"b64\":\"…\"}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.as_bytes().to_vec()))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Text, M::Error> {
        let Some((name, digits)) = map.next_entry::<String, String>()? else {
            return Err(M::Error::custom("there is no b64"));
        };
        if name != "b64" || map.next_key::<String>()?.is_some() {
            return Err(M::Error::custom("only b64 may be there"));
        }
        let bytes = STANDARD
            .decode(digits)
            .map_err(|_| M::Error::custom("b64 is not base64"))?;
        Ok(Text(bytes))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(given: D) -> Result<Self, D::Error> {
        given.deserialize_any(TextVisitor)
    }
}

/// A number, or a word for what is none.
struct Score(f64);

struct ScoreVisitor;

impl Visitor<'_> for ScoreVisitor {
    type Value = Score;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, \"inf\" or \"-inf\"")
    }

    fn visit_f64<E: Error>(self, score: f64) -> Result<Score, E> {
        Ok(Score(score))
    }

    fn visit_u64<E: Error>(self, score: u64) -> Result<Score, E> {
        Ok(Score(score as f64))
    }

    fn visit_i64<E: Error>(self, score: i64) -> Result<Score, E> {
        Ok(Score(score as f64))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Score, E> {
        match word {
            "inf" | "+inf" => Ok(Score(f64::INFINITY)),
            "-inf" => Ok(Score(f64::NEG_INFINITY)),
            _ => Err(E::custom("a score is a number, \"inf\" or \"-inf\"")),
        }
    }
}

impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: Deserializer<'de>>(given: D) -> Result<Self, D::Error> {
        given.deserialize_any(ScoreVisitor)
    }
}

/// Where a piece of JSON stands. The parser counts lines and columns from the beginning of the piece; who reads what is wrong
/// looks for it in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spot {
    /// In a line of the file, behind so many bytes of it.
    Line { place: Place, before: usize },
    /// In a field of a row, which may have lines of its own.
    Value,
}

impl Spot {
    /// What is wrong, without what was there instead: errors are shown to others than those who may see values.
    pub fn reason(self, error: &serde_json::Error) -> String {
        let text = error.to_string();
        let (line, column) = (error.line(), error.column());
        let what = text.strip_suffix(&format!(" at line {line} column {column}"));
        let what = what.unwrap_or(&text);
        let at = match self {
            Spot::Line { place, before } => format!(" at {place} column {}", before + column),
            Spot::Value if line <= 1 => format!(" at column {column} of the value"),
            Spot::Value => format!(" at line {line} column {column} of the value"),
        };
        match (what.split_once(": "), what.rfind(", expected ")) {
            (Some((kind, _)), Some(expected)) if kind.starts_with("invalid ") => {
                format!("{kind}{}{at}", &what[expected..])
            }
            _ if what.starts_with("unknown ") => format!("there is a name that is not known{at}"),
            _ => format!("{what}{at}"),
        }
    }
}

/// How many strings there are in JSON, besides the names of an object. Without it the memory of a value would not be known before
/// it was taken: no other thing but a string may be in any number where elements are read.
fn texts_in(json: &[u8]) -> usize {
    let (mut count, mut rest) = (0, json);
    while let Some(begin) = rest.iter().position(|&byte| byte == b'"') {
        rest = &rest[begin + 1..];
        while let Some(at) = rest.iter().position(|&byte| matches!(byte, b'"' | b'\\')) {
            let is_end = rest[at] == b'"';
            rest = rest.get(at + 1 + usize::from(!is_end)..).unwrap_or_default();
            if is_end {
                break;
            }
        }
        count += usize::from(rest.trim_ascii_start().first() != Some(&b':'));
    }
    count
}

pub(crate) fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue, spot: Spot) -> Result<T, Refusal> {
    if texts_in(raw.get().as_bytes()) > TEXTS_MAX {
        return Err("it has more than 1,048,576 names and values".to_owned());
    }
    serde_json::from_str(raw.get()).map_err(|error| spot.reason(&error))
}

/// The name under which a line has the value of a type; `None` for a type that there is not.
pub(crate) fn part_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "string" => "value",
        "list" => "items",
        "set" | "zset" => "members",
        "hash" => "fields",
        "stream" => "entries",
        _ => return None,
    })
}

/// The value of a type, from the JSON that stands for it.
pub(crate) fn value_of(kind: &str, raw: &RawValue, spot: Spot) -> Result<RdbValue, Refusal> {
    let value = match kind {
        "string" => RdbValue::String(read::<Text>(raw, spot)?.0),
        "list" => RdbValue::List(texts(read(raw, spot)?)),
        "set" => RdbValue::Set(unique(read(raw, spot)?)),
        "hash" => RdbValue::Hash(fields(read(raw, spot)?)),
        "zset" => RdbValue::ZSet(scored(read(raw, spot)?)),
        "stream" => RdbValue::Stream(stream::stream(raw, spot, &Besides::default())?),
        _ => return Err(format!("there is no type {kind:?}")),
    };
    let is_empty = match &value {
        RdbValue::List(items) | RdbValue::Set(items) => items.is_empty(),
        RdbValue::Hash(fields) => fields.is_empty(),
        RdbValue::ZSet(members) => members.is_empty(),
        RdbValue::String(_) | RdbValue::Stream(_) => false,
    };
    if is_empty {
        return Err("a value has at least one element; a key without any is no key".to_owned());
    }
    Ok(value)
}

fn texts(given: Vec<Text>) -> Vec<Vec<u8>> {
    given.into_iter().map(|Text(bytes)| bytes).collect()
}

/// Elements named twice are the last of them, at the place of the first, as commands would leave them. Found by sorting places:
/// names may be many, and a table of copies of them would take more than they do.
fn last_of<T>(mut given: Vec<(Vec<u8>, T)>) -> Vec<(Vec<u8>, T)> {
    let mut order: Vec<usize> = (0..given.len()).collect();
    order.sort_unstable_by(|&one, &other| given[one].0.cmp(&given[other].0).then(one.cmp(&other)));
    let runs = order.chunk_by(|&one, &other| given[one].0 == given[other].0);
    let again: Vec<&[usize]> = runs.filter(|run| run.len() > 1).collect();
    if again.is_empty() {
        return given;
    }
    let mut is_left = vec![false; given.len()];
    for run in again {
        let (first, last) = (run[0], run[run.len() - 1]);
        let (before, behind) = given.split_at_mut(last);
        std::mem::swap(&mut before[first].1, &mut behind[0].1);
        run[1..].iter().for_each(|&at| is_left[at] = true);
    }
    let mut left = is_left.into_iter();
    given.retain(|_| left.next() != Some(true));
    given
}

fn unique(given: Vec<Text>) -> Vec<Vec<u8>> {
    let kept = last_of(given.into_iter().map(|Text(member)| (member, ())).collect());
    kept.into_iter().map(|(member, ())| member).collect()
}

fn fields(given: Vec<(Text, Text)>) -> Vec<HashField> {
    let pairs = given.into_iter().map(|(Text(field), Text(value))| (field, value));
    let fields = last_of(pairs.collect()).into_iter();
    let fields = fields.map(|(field, value)| HashField {
        field,
        value,
        expire_at_ms: None,
    });
    fields.collect()
}

/// The fields of a hash with the expiries that are given of some: ms from now, as of keys.
pub(crate) fn expiring(
    mut fields: Vec<HashField>,
    raw: &RawValue,
    spot: Spot,
) -> Result<Vec<HashField>, Refusal> {
    let given: Vec<(Text, u64)> = read(raw, spot)?;
    let at: HashMap<&[u8], usize> = fields
        .iter()
        .enumerate()
        .map(|(at, each)| (each.field.as_slice(), at))
        .collect();
    let mut expiries = Vec::with_capacity(given.len());
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64);
    for (Text(field), ttl_ms) in &given {
        let Some(&at) = at.get(field.as_slice()) else {
            return Err("\"field_ttl_ms\" names a field that is not there".to_owned());
        };
        expiry_of(Some(i128::from(*ttl_ms)))?;
        let expire_at_ms = now_ms.saturating_add(*ttl_ms);
        if expire_at_ms > FIELD_AT_MS_MAX {
            return Err("a field expires before the year 4200, or never".to_owned());
        }
        expiries.push((at, expire_at_ms));
    }
    for (at, expire_at_ms) in expiries {
        fields[at].expire_at_ms = Some(expire_at_ms);
    }
    Ok(fields)
}

fn scored(given: Vec<(Text, Score)>) -> Vec<(Vec<u8>, f64)> {
    last_of(
        given
            .into_iter()
            .map(|(Text(member), Score(score))| (member, score))
            .collect(),
    )
}

/// An expiry in ms from now.
pub(crate) fn expiry_of(ttl_ms: Option<i128>) -> Result<Expiry, Refusal> {
    match ttl_ms {
        None => Ok(Expiry::Never),
        Some(ttl_ms) => match u64::try_from(ttl_ms) {
            Ok(ttl_ms) if (1..=TTL_MS_MAX).contains(&ttl_ms) => Ok(Expiry::In(ttl_ms)),
            _ => Err(format!("a time to live is a number from 1 to {TTL_MS_MAX} ms")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_rdb::StreamId;

    fn value(kind: &str, json: &str) -> Result<RdbValue, Refusal> {
        let raw: &RawValue = serde_json::from_str(json).expect("JSON");
        value_of(kind, raw, Spot::Value)
    }

    #[test]
    fn strings_are_counted_before_they_are_taken() {
        for (json, count) in [
            ("[]", 0),
            (r#"["a","","\"",  "\\"]"#, 4),
            (r#"[{"id" : "1","fields":[["a","b"]]}]"#, 3),
            (r#"[["m",1.5],[{"b64":"AA=="},"-inf"]]"#, 3),
            (r#"["\"#, 1),
        ] {
            assert_eq!(texts_in(json.as_bytes()), count, "{json}");
        }
        let list = |count: usize| format!("[{}\"\"]", "\"\",".repeat(count - 1));
        assert!(value("list", &list(TEXTS_MAX)).is_ok());
        let why = value("set", &list(TEXTS_MAX + 1)).expect_err("too many");
        assert!(why.contains("1,048,576"), "{why}");
    }

    #[test]
    fn what_is_named_twice_is_the_last_of_it_in_the_place_of_the_first() {
        let json = r#"[["a","1"],["b","2"],["a","3"],["c","4"],["b","5"],["a","6"]]"#;
        let Ok(RdbValue::Hash(fields)) = value("hash", json) else {
            panic!("a hash")
        };
        let pairs: Vec<_> = fields.iter().map(|each| (each.field[0], each.value[0])).collect();
        assert_eq!(pairs, [(b'a', b'6'), (b'b', b'5'), (b'c', b'4')]);
    }

    #[test]
    fn values_of_each_type_are_read_and_checked() {
        assert_eq!(
            value("string", r#"{"b64":"/wA="}"#),
            Ok(RdbValue::String(vec![255, 0]))
        );
        assert_eq!(
            value("set", r#"["a","b","a"]"#),
            Ok(RdbValue::Set(vec![b"a".to_vec(), b"b".to_vec()]))
        );
        assert_eq!(
            value("zset", r#"[["a",1],["b","-inf"],["a",-2.5]]"#),
            Ok(RdbValue::ZSet(vec![
                (b"a".to_vec(), -2.5),
                (b"b".to_vec(), f64::NEG_INFINITY)
            ]))
        );
        let Ok(RdbValue::Stream(stream)) = value("stream", r#"[{"id":"5-1","fields":[["f","v"]]}]"#) else {
            panic!("a stream")
        };
        assert_eq!(
            (stream.last_id, stream.entries_added),
            (StreamId { ms: 5, seq: 1 }, 1)
        );
        for (kind, json) in [
            ("string", "5"),
            ("string", r#"{"b64":"x"}"#),
            ("string", r#"{"b64":"","more":1}"#),
            ("list", "[]"),
            ("hash", r#"[["f"]]"#),
            ("zset", r#"[["a","nan"]]"#),
            ("stream", r#"[{"id":"*","fields":[["f","v"]]}]"#),
            ("stream", r#"[{"id":"0-0","fields":[["f","v"]]}]"#),
            ("stream", r#"[{"id":"5","fields":[]}]"#),
            (
                "stream",
                r#"[{"id":"5","fields":[["a","b"]]},{"id":"4","fields":[["a","b"]]}]"#,
            ),
            ("graph", "1"),
        ] {
            assert!(value(kind, json).is_err(), "{kind} {json}");
        }
    }
}
