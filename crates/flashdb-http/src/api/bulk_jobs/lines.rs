//! A key as a line of an export: JSON that `PUT /key` takes as a value, or the commands that make it again.

use super::streams::Stream;
use crate::ask::{double, items, text, words};
use crate::json::{Bytes, Score};
use flashdb_resp::reply::Value as Reply;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// One object a line.
    Json,
    /// Commands, quoted as redis-cli reads them.
    Commands,
}

/// A key with all that is in it.
pub(super) struct Entry<'a> {
    pub key: &'a [u8],
    pub kind: &'a str,
    pub ttl_ms: Option<i64>,
    pub value: Reply,
    /// Fields of a hash that expire, with the ms that are left.
    pub field_ttl_ms: Vec<(Vec<u8>, i64)>,
}

/// What is asked for all that is in a key; `None` for a type that has no words for it.
pub(super) fn reading(kind: &str, key: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (command, rest): (&str, &[&str]) = match kind {
        "string" => ("GET", &[]),
        "list" => ("LRANGE", &["0", "-1"]),
        "set" => ("SMEMBERS", &[]),
        "hash" => ("HGETALL", &[]),
        "zset" => ("ZRANGE", &["0", "-1", "WITHSCORES"]),
        // Its entries with all besides them, as of one moment.
        "stream" => {
            let mut request = words(["XINFO", "STREAM"]);
            request.extend(bytes_of(key, ["FULL", "COUNT", "0"]));
            return Some(request);
        }
        _ => return None,
    };
    let mut request = vec![command.as_bytes().to_vec(), key.to_vec()];
    request.extend(rest.iter().map(|word| word.as_bytes().to_vec()));
    Some(request)
}

pub(super) fn strings(value: Reply) -> Vec<Vec<u8>> {
    items(value).into_iter().filter_map(text).collect()
}

/// Members with the digits of their scores.
fn scored(value: Reply) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pairs = items(value).into_iter().filter_map(|pair| {
        let mut parts = items(pair).into_iter();
        let member = text(parts.next()?)?;
        match parts.next()? {
            Reply::Double(score) => Some((member, score)),
            other => Some((member, text(other)?)),
        }
    });
    pairs.collect()
}

pub(super) fn pairs(words: Vec<Vec<u8>>) -> Vec<(Bytes, Bytes)> {
    let mut words = words.into_iter().map(Bytes::from);
    let mut pairs = Vec::new();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        pairs.push((name, value));
    }
    pairs
}

fn bytes(words: Vec<Vec<u8>>) -> Vec<Bytes> {
    words.into_iter().map(Bytes::from).collect()
}

impl Entry<'_> {
    /// Appends its line or lines.
    ///
    /// # Errors
    /// Why it has none of this form; then nothing is appended.
    pub fn write(self, format: Format, out: &mut Vec<u8>) -> Result<(), &'static str> {
        match format {
            Format::Json => self.write_json(out),
            Format::Commands => return self.write_commands(out),
        }
        Ok(())
    }

    fn write_json(self, out: &mut Vec<u8>) {
        let mut line = Map::new();
        line.insert("key".into(), json!(Bytes::from(self.key)));
        line.insert("type".into(), json!(self.kind));
        line.insert("ttl_ms".into(), json!(self.ttl_ms));
        if !self.field_ttl_ms.is_empty() {
            let ttls = self.field_ttl_ms.into_iter();
            let ttls: Vec<_> = ttls.map(|(field, ttl_ms)| (Bytes::from(field), ttl_ms)).collect();
            line.insert("field_ttl_ms".into(), json!(ttls));
        }
        let (name, value) = match self.kind {
            "string" => ("value", json!(Bytes::from(text(self.value).unwrap_or_default()))),
            "list" => ("items", json!(bytes(strings(self.value)))),
            "set" => ("members", json!(bytes(strings(self.value)))),
            "hash" => ("fields", json!(pairs(strings(self.value)))),
            "zset" => {
                let members = scored(self.value).into_iter();
                let members = members.map(|(member, score)| (Bytes::from(member), Score(double(&score))));
                ("members", json!(members.collect::<Vec<_>>()))
            }
            _ => {
                Stream::of(self.value).write_json(&mut line);
                return write_line(line, out);
            }
        };
        line.insert(name.into(), value);
        write_line(line, out);
    }

    fn write_commands(self, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let key = self.key.to_vec();
        match self.kind {
            "string" => command("SET", [key, text(self.value).unwrap_or_default()], out),
            "list" => command("RPUSH", once(key).chain(strings(self.value)), out),
            "set" => command("SADD", once(key).chain(strings(self.value)), out),
            "hash" => command("HSET", once(key).chain(strings(self.value)), out),
            "zset" => {
                let members = scored(self.value).into_iter();
                command(
                    "ZADD",
                    once(key).chain(members.flat_map(|(member, score)| [score, member])),
                    out,
                );
            }
            _ => Stream::of(self.value).write_commands(&key, out)?,
        }
        for (ttl_ms, fields) in by_ttl(self.field_ttl_ms) {
            let count = fields.len().to_string();
            let words = bytes_of(self.key, [&ttl_ms.to_string(), "FIELDS", &count]);
            command("HPEXPIRE", words.into_iter().chain(fields), out);
        }
        if let Some(ttl_ms) = self.ttl_ms {
            command(
                "PEXPIRE",
                [self.key.to_vec(), ttl_ms.to_string().into_bytes()],
                out,
            );
        }
        Ok(())
    }
}

/// Fields by the ms that they have left.
pub(in crate::api) fn by_ttl(fields: Vec<(Vec<u8>, i64)>) -> BTreeMap<i64, Vec<Vec<u8>>> {
    let mut by_ttl: BTreeMap<i64, Vec<Vec<u8>>> = BTreeMap::new();
    for (field, ttl_ms) in fields {
        by_ttl.entry(ttl_ms).or_default().push(field);
    }
    by_ttl
}

/// A key and plain words.
pub(super) fn bytes_of<const N: usize>(key: &[u8], words: [&str; N]) -> Vec<Vec<u8>> {
    let words = words.into_iter().map(|word| word.as_bytes().to_vec());
    once(key.to_vec()).chain(words).collect()
}

fn once(key: Vec<u8>) -> std::iter::Once<Vec<u8>> {
    std::iter::once(key)
}

/// Appends an object of its own line.
pub(super) fn write_line(line: Map<String, Value>, out: &mut Vec<u8>) {
    out.extend_from_slice(Value::Object(line).to_string().as_bytes());
    out.push(b'\n');
}

pub(super) fn command(name: &str, words: impl IntoIterator<Item = Vec<u8>>, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    for word in words {
        out.push(b' ');
        quote(&word, out);
    }
    out.push(b'\n');
}

/// A word as redis-cli reads it.
pub(super) fn quote(word: &[u8], out: &mut Vec<u8>) {
    let is_plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'_' | b'-' | b'/');
    if !word.is_empty() && word.iter().all(is_plain) {
        out.extend_from_slice(word);
        return;
    }
    flashdb_server::quote(out, word);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(word: &str) -> Reply {
        Reply::Bulk(word.as_bytes().to_vec())
    }

    fn lines(kind: &str, value: &Reply, ttl_ms: Option<i64>) -> [String; 2] {
        [Format::Json, Format::Commands].map(|format| {
            let mut out = Vec::new();
            let entry = Entry {
                key: b"a b",
                kind,
                ttl_ms,
                value: value.clone(),
                field_ttl_ms: Vec::new(),
            };
            entry.write(format, &mut out).expect("words for it");
            String::from_utf8(out).expect("text")
        })
    }

    #[test]
    fn each_type_can_be_made_again() {
        let list = Reply::Array(vec![bulk("x"), bulk("")]);
        for (kind, value, json, commands) in [
            (
                "string",
                Reply::Bulk(vec![255, b'"']),
                r#""value":{"b64":"/yI="}"#,
                r#"SET "a b" "\xff\"""#,
            ),
            ("list", list.clone(), r#""items":["x",""]"#, r#"RPUSH "a b" x """#),
            (
                "set",
                Reply::Set(vec![bulk("x")]),
                r#""members":["x"]"#,
                r#"SADD "a b" x"#,
            ),
            (
                "hash",
                Reply::Map(vec![(bulk("f"), bulk("v"))]),
                r#""fields":[["f","v"]]"#,
                r#"HSET "a b" f v"#,
            ),
            (
                "zset",
                Reply::Array(vec![Reply::Array(vec![
                    bulk("m"),
                    Reply::Double(b"inf".to_vec()),
                ])]),
                r#""members":[["m","inf"]]"#,
                r#"ZADD "a b" inf m"#,
            ),
            (
                "stream",
                Reply::Map(vec![
                    (
                        bulk("entries"),
                        Reply::Array(vec![Reply::Array(vec![bulk("5-1"), list])]),
                    ),
                    (bulk("last-generated-id"), bulk("5-1")),
                    (bulk("max-deleted-entry-id"), bulk("0-0")),
                    (bulk("entries-added"), Reply::Integer(1)),
                ]),
                r#""entries":[{"fields":[["x",""]],"id":"5-1"}]"#,
                r#"XADD "a b" 5-1 x """#,
            ),
        ] {
            let [line, command] = lines(kind, &value, None);
            assert!(line.contains(json) && line.contains(r#""key":"a b""#), "{line}");
            assert_eq!(command, format!("{commands}\n"));
        }
        let [line, command] = lines("string", &bulk("1"), Some(90));
        assert!(line.contains(r#""ttl_ms":90"#) && line.ends_with("}\n"));
        assert_eq!(command, "SET \"a b\" 1\nPEXPIRE \"a b\" 90\n");
    }

    #[test]
    fn fields_keep_the_time_that_they_have() {
        let entry = || Entry {
            key: b"h",
            kind: "hash",
            ttl_ms: None,
            value: Reply::Map(vec![
                (bulk("a"), bulk("1")),
                (bulk("b"), bulk("2")),
                (bulk("c"), bulk("3")),
            ]),
            field_ttl_ms: [("c", 90), ("a", 90), ("b", 7)]
                .map(|(field, ttl_ms)| (field.into(), ttl_ms))
                .into(),
        };
        let (mut json, mut commands) = (Vec::new(), Vec::new());
        entry().write(Format::Json, &mut json).expect("words for it");
        entry()
            .write(Format::Commands, &mut commands)
            .expect("words for it");
        let json = String::from_utf8(json).expect("text");
        assert!(
            json.contains(r#""field_ttl_ms":[["c",90],["a",90],["b",7]]"#),
            "{json}"
        );
        assert_eq!(
            String::from_utf8(commands).expect("text"),
            "HSET h a 1 b 2 c 3\nHPEXPIRE h 7 FIELDS 1 b\nHPEXPIRE h 90 FIELDS 2 c a\n"
        );
    }
}
