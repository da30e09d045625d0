//! A stream as an export writes it: its entries, the numbers that they do not tell (the last id, what was deleted), and its groups
//! with their consumers and what is pending. Read by one XINFO STREAM FULL, so that all of it is of one moment.

use super::lines::{bytes_of, command, pairs, strings};
use crate::ask::{integer, items, text};
use crate::json::Bytes;
use flashdb_resp::reply::Value as Reply;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

const FIRST_ID: &str = "0-0";

/// See the module's head.
#[derive(Default)]
pub(super) struct Stream {
    entries: Vec<(String, Vec<Vec<u8>>)>,
    last_id: String,
    max_deleted_id: String,
    entries_added: i64,
    groups: Vec<Group>,
}

#[derive(Default)]
struct Group {
    name: Vec<u8>,
    last_id: String,
    entries_read: Option<i64>,
    consumers: Vec<Consumer>,
    pending: Vec<Pending>,
}

#[derive(Default)]
struct Consumer {
    name: Vec<u8>,
    seen_ms: i64,
    active_ms: Option<i64>,
}

struct Pending {
    id: String,
    consumer: Vec<u8>,
    delivered_ms: i64,
    deliveries: i64,
}

fn word(value: Reply) -> String {
    String::from_utf8_lossy(&text(value).unwrap_or_default()).into_owned()
}

/// Names and values of a map, by turns.
fn told(value: Reply) -> impl Iterator<Item = (Vec<u8>, Reply)> {
    let mut words = items(value).into_iter();
    std::iter::from_fn(move || Some((text(words.next()?).unwrap_or_default(), words.next()?)))
}

fn entries(value: Reply) -> Vec<(String, Vec<Vec<u8>>)> {
    let rows = items(value).into_iter().filter_map(|row| {
        let mut parts = items(row).into_iter();
        Some((word(parts.next()?), strings(parts.next()?)))
    });
    rows.collect()
}

fn group(value: Reply) -> Group {
    let mut group = Group::default();
    for (name, value) in told(value) {
        match name.as_slice() {
            b"name" => group.name = text(value).unwrap_or_default(),
            b"last-delivered-id" => group.last_id = word(value),
            b"entries-read" => group.entries_read = integer(&value),
            b"consumers" => group.consumers = items(value).into_iter().map(consumer).collect(),
            b"pending" => group.pending = items(value).into_iter().filter_map(pending).collect(),
            _ => {}
        }
    }
    group
}

fn consumer(value: Reply) -> Consumer {
    let mut consumer = Consumer::default();
    for (name, value) in told(value) {
        match name.as_slice() {
            b"name" => consumer.name = text(value).unwrap_or_default(),
            b"seen-time" => consumer.seen_ms = integer(&value).unwrap_or(0).max(0),
            b"active-time" => consumer.active_ms = integer(&value).filter(|at_ms| *at_ms >= 0),
            _ => {}
        }
    }
    consumer
}

fn pending(row: Reply) -> Option<Pending> {
    let mut parts = items(row).into_iter();
    Some(Pending {
        id: word(parts.next()?),
        consumer: text(parts.next()?)?,
        delivered_ms: integer(&parts.next()?)?.max(0),
        deliveries: integer(&parts.next()?)?.max(0),
    })
}

impl Stream {
    /// By the reply to XINFO STREAM FULL.
    pub fn of(reply: Reply) -> Stream {
        let mut stream = Stream::default();
        for (name, value) in told(reply) {
            match name.as_slice() {
                b"entries" => stream.entries = entries(value),
                b"last-generated-id" => stream.last_id = word(value),
                b"max-deleted-entry-id" => stream.max_deleted_id = word(value),
                b"entries-added" => stream.entries_added = integer(&value).unwrap_or(0),
                b"groups" => stream.groups = items(value).into_iter().map(group).collect(),
                _ => {}
            }
        }
        stream
    }

    /// Whether adding the entries would leave the stream with other numbers, or none at all.
    fn has_numbers(&self) -> bool {
        let last_id = self.entries.last().map(|(id, _)| id);
        last_id != Some(&self.last_id)
            || self.entries_added != self.entries.len() as i64
            || self.max_deleted_id != FIRST_ID
    }

    /// What commands cannot make: XCLAIM takes only entries that are there.
    fn unsaid_by_commands(&self) -> Option<&'static str> {
        let there: HashSet<&str> = self.entries.iter().map(|(id, _)| id.as_str()).collect();
        let mut pending = self.groups.iter().flat_map(|group| &group.pending);
        let is_lost = pending.any(|one| !there.contains(one.id.as_str()));
        is_lost
            .then_some("entries are pending that were deleted, which no command makes again; jsonl has them")
    }

    /// Adds what a line of JSON says of it.
    pub fn write_json(self, line: &mut Map<String, Value>) {
        if self.has_numbers() || !self.groups.is_empty() {
            line.insert("last_id".into(), json!(self.last_id));
            line.insert("entries_added".into(), json!(self.entries_added));
            line.insert("max_deleted_id".into(), json!(self.max_deleted_id));
        }
        let rows = self.entries.into_iter();
        let rows = rows.map(|(id, fields)| json!({"id": id, "fields": pairs(fields)}));
        line.insert("entries".into(), rows.collect());
        if self.groups.is_empty() {
            return;
        }
        let groups = self.groups.into_iter().map(|group| {
            let consumers = group.consumers.into_iter().map(|one| {
                json!({"name": Bytes::from(one.name), "seen_ms": one.seen_ms, "active_ms": one.active_ms})
            });
            let pending = group.pending.into_iter().map(|one| {
                json!({
                    "id": one.id, "consumer": Bytes::from(one.consumer), "delivered_ms": one.delivered_ms,
                    "deliveries": one.deliveries,
                })
            });
            json!({
                "name": Bytes::from(group.name), "last_id": group.last_id, "entries_read": group.entries_read,
                "consumers": consumers.collect::<Value>(), "pending": pending.collect::<Value>(),
            })
        });
        line.insert("groups".into(), groups.collect());
    }

    /// Appends the commands that make it again. Times of consumers are then those of the import.
    ///
    /// # Errors
    /// Why there are none; then nothing is appended.
    pub fn write_commands(self, key: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
        if let Some(why) = self.unsaid_by_commands() {
            return Err(why);
        }
        let has_numbers = self.has_numbers();
        if self.entries.is_empty() {
            // As Redis itself writes a stream without entries: one that is added and trimmed at once.
            let id = if self.last_id == FIRST_ID {
                "0-1"
            } else {
                &self.last_id
            };
            command("XADD", bytes_of(key, ["MAXLEN", "0", id, "x", "y"]), out);
        }
        for (id, fields) in self.entries {
            command("XADD", bytes_of(key, [&id]).into_iter().chain(fields), out);
        }
        if has_numbers {
            let mut set = |last_id: &str| {
                let added = self.entries_added.to_string();
                let words = [
                    last_id,
                    "ENTRIESADDED",
                    &added,
                    "MAXDELETEDID",
                    &self.max_deleted_id,
                ];
                command("XSETID", bytes_of(key, words), out);
            };
            // An id that was deleted may be beyond the last one, which was set back.
            if parts(&self.max_deleted_id) > parts(&self.last_id) {
                set(&self.max_deleted_id);
                command("XSETID", bytes_of(key, [&self.last_id]), out);
            } else {
                set(&self.last_id);
            }
        }
        for group in self.groups {
            group.write_commands(key, out);
        }
        Ok(())
    }
}

/// An id as two numbers.
fn parts(id: &str) -> Option<(u64, u64)> {
    let (ms, sequence) = id.split_once('-')?;
    Some((ms.parse().ok()?, sequence.parse().ok()?))
}

impl Group {
    fn write_commands(self, key: &[u8], out: &mut Vec<u8>) {
        let of_group = |name: &str| vec![name.as_bytes().to_vec(), key.to_vec(), self.name.clone()];
        let mut create = of_group("CREATE");
        create.push(self.last_id.into_bytes());
        if let Some(read) = self.entries_read {
            create.extend([b"ENTRIESREAD".to_vec(), read.to_string().into_bytes()]);
        }
        command("XGROUP", create, out);
        for consumer in self.consumers {
            let mut words = of_group("CREATECONSUMER");
            words.push(consumer.name);
            command("XGROUP", words, out);
        }
        for one in self.pending {
            let (at, count) = (one.delivered_ms.to_string(), one.deliveries.to_string());
            let head = [key.to_vec(), self.name.clone(), one.consumer];
            let rest = ["0", &one.id, "TIME", &at, "RETRYCOUNT", &count, "FORCE", "JUSTID"];
            let rest = rest.map(|word| word.as_bytes().to_vec());
            command("XCLAIM", head.into_iter().chain(rest), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(word: &str) -> Reply {
        Reply::Bulk(word.as_bytes().to_vec())
    }

    fn map(pairs: Vec<(&str, Reply)>) -> Reply {
        Reply::Map(
            pairs
                .into_iter()
                .map(|(name, value)| (bulk(name), value))
                .collect(),
        )
    }

    fn told_of(entries: &[&str], last_id: &str, max_deleted_id: &str, groups: Vec<Reply>) -> Reply {
        let entry = |id: &&str| Reply::Array(vec![bulk(id), Reply::Array(vec![bulk("f"), bulk("v")])]);
        map(vec![
            ("length", Reply::Integer(entries.len() as i64)),
            ("last-generated-id", bulk(last_id)),
            ("max-deleted-entry-id", bulk(max_deleted_id)),
            ("entries-added", Reply::Integer(3)),
            ("entries", Reply::Array(entries.iter().map(entry).collect())),
            ("groups", Reply::Array(groups)),
        ])
    }

    fn commands(reply: &Reply) -> Result<String, &'static str> {
        let mut out = Vec::new();
        Stream::of(reply.clone()).write_commands(b"x", &mut out)?;
        Ok(String::from_utf8(out).expect("text"))
    }

    #[test]
    fn what_entries_do_not_tell_is_told() {
        let deleted = told_of(&["5-1"], "6-0", "6-0", Vec::new());
        assert_eq!(
            commands(&deleted).expect("commands"),
            "XADD x 5-1 f v\nXSETID x 6-0 ENTRIESADDED 3 MAXDELETEDID 6-0\n"
        );
        let mut line = Map::new();
        Stream::of(deleted).write_json(&mut line);
        assert_eq!(
            Value::Object(line),
            json!({
                "entries": [{"id": "5-1", "fields": [["f", "v"]]}], "last_id": "6-0", "entries_added": 3,
                "max_deleted_id": "6-0",
            })
        );
        // Without entries, and set back below what was deleted.
        assert_eq!(
            commands(&told_of(&[], "0-0", "5-1", Vec::new())).expect("commands"),
            "XADD x MAXLEN 0 0-1 x y\nXSETID x 5-1 ENTRIESADDED 3 MAXDELETEDID 5-1\nXSETID x 0-0\n"
        );
    }

    #[test]
    fn groups_are_told_unless_what_is_pending_has_gone() {
        let pending = |id: &str| {
            let row = vec![bulk(id), bulk("c"), Reply::Integer(99), Reply::Integer(2)];
            Reply::Array(vec![Reply::Array(row)])
        };
        let group = |id: &str| {
            let consumer = map(vec![
                ("name", bulk("c")),
                ("seen-time", Reply::Integer(7)),
                ("active-time", Reply::Integer(-1)),
                ("pending", pending(id)),
            ]);
            map(vec![
                ("name", bulk("g")),
                ("last-delivered-id", bulk("5-1")),
                ("entries-read", Reply::Null),
                ("pel-count", Reply::Integer(1)),
                ("pending", pending(id)),
                ("consumers", Reply::Array(vec![consumer])),
            ])
        };
        let text = commands(&told_of(&["5-1"], "5-1", "0-0", vec![group("5-1")])).expect("commands");
        let (_, groups) = text.split_once("MAXDELETEDID 0-0\n").expect("numbers");
        assert_eq!(
            groups,
            "XGROUP CREATE x g 5-1\nXGROUP CREATECONSUMER x g c\n\
             XCLAIM x g c 0 5-1 TIME 99 RETRYCOUNT 2 FORCE JUSTID\n"
        );
        let lost = told_of(&["5-1"], "5-1", "4-1", vec![group("4-1")]);
        assert!(commands(&lost).is_err());
        let mut line = Map::new();
        Stream::of(lost).write_json(&mut line);
        assert_eq!(
            line["groups"],
            json!([{
                "name": "g", "last_id": "5-1", "entries_read": null,
                "consumers": [{"name": "c", "seen_ms": 7, "active_ms": null}],
                "pending": [{"id": "4-1", "consumer": "c", "delivered_ms": 99, "deliveries": 2}],
            }])
        );
    }
}
