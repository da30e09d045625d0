//! Streams as JSON lines give them: entries, the numbers that entries do not tell (what was deleted, the last id), and groups with
//! their consumers and what is pending. All of it is checked here: a payload that contradicts itself would be refused without its line.

use crate::item::Refusal;
use crate::value::{OVERHEAD_BYTES, Spot, Text, read};
use flashdb_rdb::{PendingEntry, StreamConsumer, StreamEntry, StreamGroup, StreamId, StreamValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Numbers of the engine have 63 bits.
const NUMBER_MAX: u64 = i64::MAX as u64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenEntry {
    id: String,
    fields: Vec<(Text, Text)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenGroup {
    name: Text,
    last_id: String,
    entries_read: Option<u64>,
    #[serde(default)]
    consumers: Vec<GivenConsumer>,
    #[serde(default)]
    pending: Vec<GivenPending>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenConsumer {
    name: Text,
    seen_ms: u64,
    active_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenPending {
    id: String,
    consumer: Text,
    delivered_ms: u64,
    deliveries: u64,
}

/// What a line says of a stream besides its entries.
#[derive(Default)]
pub(crate) struct Besides<'a> {
    pub last_id: Option<String>,
    pub entries_added: Option<u64>,
    pub max_deleted_id: Option<String>,
    pub groups: Option<(&'a RawValue, Spot)>,
}

impl Besides<'_> {
    /// The name of something that is there; other types have none of it.
    pub fn given(&self) -> Option<&'static str> {
        let names = [
            (self.last_id.is_some(), "last_id"),
            (self.entries_added.is_some(), "entries_added"),
            (self.max_deleted_id.is_some(), "max_deleted_id"),
            (self.groups.is_some(), "groups"),
        ];
        names
            .iter()
            .find(|(is_given, _)| *is_given)
            .map(|(_, name)| *name)
    }
}

/// The stream that a line describes.
pub(crate) fn stream(entries: &RawValue, spot: Spot, besides: &Besides<'_>) -> Result<StreamValue, Refusal> {
    let mut stream = of_entries(read(entries, spot)?)?;
    if stream.entries.is_empty() && besides.last_id.is_none() {
        return Err("a stream without entries needs its last_id".to_owned());
    }
    if let Some(id) = &besides.last_id {
        let id = entry_id(id)?;
        if id < stream.last_id {
            return Err("last_id is below the id of an entry".to_owned());
        }
        stream.last_id = id;
    }
    if let Some(added) = besides.entries_added {
        if !(stream.entries_added..=NUMBER_MAX).contains(&added) {
            return Err("entries_added is at least the number of entries".to_owned());
        }
        stream.entries_added = added;
    }
    if let Some(id) = &besides.max_deleted_id {
        stream.max_deleted_id = entry_id(id)?;
    }
    if let Some((groups, spot)) = besides.groups {
        let given: Vec<GivenGroup> = read(groups, spot)?;
        stream.groups = given.into_iter().map(group).collect::<Result<_, _>>()?;
        stream
            .groups
            .sort_unstable_by(|one, other| one.name.cmp(&other.name));
        if stream.groups.windows(2).any(|pair| pair[0].name == pair[1].name) {
            return Err("two groups have one name".to_owned());
        }
    }
    Ok(stream)
}

fn of_entries(given: Vec<GivenEntry>) -> Result<StreamValue, Refusal> {
    let mut stream = StreamValue::default();
    // Most entries have the names of the one before; those are in memory once.
    let mut last_names: Arc<[Vec<u8>]> = Arc::default();
    for GivenEntry { id, fields } in given {
        let id = entry_id(&id)?;
        if id <= stream.last_id {
            return Err("ids of entries have to grow, and to be above 0-0".to_owned());
        }
        if fields.is_empty() {
            return Err("an entry has at least one field".to_owned());
        }
        let (names, values): (Vec<_>, Vec<_>) = fields
            .into_iter()
            .map(|(Text(name), Text(value))| (name, value))
            .unzip();
        if *last_names != *names {
            last_names = names.into();
        }
        stream.last_id = id;
        stream.entries.push(StreamEntry {
            id,
            names: last_names.clone(),
            values,
        });
    }
    stream.first_id = stream.entries.first().map_or(StreamId::ZERO, |entry| entry.id);
    stream.entries_added = stream.entries.len() as u64;
    Ok(stream)
}

fn group(given: GivenGroup) -> Result<StreamGroup, Refusal> {
    let mut places: HashMap<Vec<u8>, usize> = HashMap::with_capacity(given.consumers.len());
    let mut consumers = Vec::with_capacity(given.consumers.len());
    for consumer in given.consumers {
        let Text(name) = consumer.name;
        let Entry::Vacant(place) = places.entry(name.clone()) else {
            return Err("two consumers of a group have one name".to_owned());
        };
        place.insert(consumers.len());
        consumers.push(StreamConsumer {
            name,
            seen_time_ms: number(consumer.seen_ms)?,
            active_time_ms: consumer.active_ms.map(number).transpose()?,
        });
    }
    let mut pending: Vec<PendingEntry> = Vec::with_capacity(given.pending.len());
    for one in given.pending {
        let Some(&consumer) = places.get(&one.consumer.0) else {
            return Err("what is pending has to name a consumer of its group".to_owned());
        };
        let id = entry_id(&one.id)?;
        if pending.last().is_some_and(|last| id <= last.id) {
            return Err("ids of what is pending have to grow".to_owned());
        }
        pending.push(PendingEntry {
            id,
            consumer,
            delivery_time_ms: number(one.delivered_ms)?,
            delivery_count: number(one.deliveries)?,
        });
    }
    Ok(StreamGroup {
        name: given.name.0,
        last_id: entry_id(&given.last_id)?,
        entries_read: given.entries_read.map(number).transpose()?,
        pending,
        consumers,
    })
}

fn number(given: u64) -> Result<u64, Refusal> {
    if given > NUMBER_MAX {
        return Err(format!("a time or a count is at most {NUMBER_MAX}"));
    }
    Ok(given)
}

fn entry_id(text: &str) -> Result<StreamId, Refusal> {
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| is_number)
    };
    let (ms, seq) = text.split_once('-').unwrap_or((text, "0"));
    let (Some(ms), Some(seq)) = (number(ms), number(seq)) else {
        return Err("an id of a stream is <ms>-<sequence>".to_owned());
    };
    Ok(StreamId { ms, seq })
}

/// Bytes of a stream in memory while it is on its way, about.
pub(crate) fn weight_bytes(stream: &StreamValue) -> usize {
    let of = |text: &Vec<u8>| text.len() + OVERHEAD_BYTES;
    let mut bytes = 0;
    let mut last_names: Option<&Arc<[Vec<u8>]>> = None;
    for entry in &stream.entries {
        bytes += 4 * OVERHEAD_BYTES + entry.values.iter().map(of).sum::<usize>();
        if last_names.is_none_or(|names| !Arc::ptr_eq(names, &entry.names)) {
            bytes += entry.names.iter().map(of).sum::<usize>();
        }
        last_names = Some(&entry.names);
    }
    for group in &stream.groups {
        let consumers = group.consumers.iter().map(|each| of(&each.name) + OVERHEAD_BYTES);
        bytes += of(&group.name) + 2 * OVERHEAD_BYTES;
        bytes += group.pending.len() * 2 * OVERHEAD_BYTES + consumers.sum::<usize>();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_line(
        entries: &str,
        groups: Option<&str>,
        numbers: [Option<&str>; 2],
    ) -> Result<StreamValue, Refusal> {
        let raw = |json| serde_json::from_str::<&RawValue>(json).expect("JSON");
        let besides = Besides {
            last_id: numbers[0].map(str::to_owned),
            entries_added: Some(7),
            max_deleted_id: numbers[1].map(str::to_owned),
            groups: groups.map(|groups| (raw(groups), Spot::Value)),
        };
        stream(raw(entries), Spot::Value, &besides)
    }

    #[test]
    fn a_stream_is_read_with_what_was_deleted_and_its_groups() {
        let entries = r#"[{"id":"5-1","fields":[["f","v"]]},{"id":"5-2","fields":[["f","w"]]}]"#;
        let groups = r#"[{"name":"g","last_id":"5-2","entries_read":2,
            "consumers":[{"name":"a","seen_ms":1,"active_ms":null},{"name":"b","seen_ms":2,"active_ms":3}],
            "pending":[{"id":"5-1","consumer":"b","delivered_ms":9,"deliveries":4}]}]"#;
        let stream = read_line(entries, Some(groups), [Some("6-0"), Some("5-9")]).expect("a stream");
        let id = |ms, seq| StreamId { ms, seq };
        assert_eq!(
            (stream.last_id, stream.max_deleted_id, stream.entries_added),
            (id(6, 0), id(5, 9), 7)
        );
        assert!(Arc::ptr_eq(&stream.entries[0].names, &stream.entries[1].names));
        let group = &stream.groups[0];
        assert_eq!((group.last_id, group.entries_read), (id(5, 2), Some(2)));
        let pending = group.pending[0];
        assert_eq!(
            (pending.consumer, pending.delivery_time_ms, pending.delivery_count),
            (1, 9, 4)
        );
        assert_eq!(group.consumers[1].active_time_ms, Some(3));
        let empty = read_line("[]", None, [Some("0-0"), None]).expect("a stream");
        assert_eq!((empty.entries.len(), empty.last_id), (0, StreamId::ZERO));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let entries = r#"[{"id":"5-1","fields":[["f","v"]]}]"#;
        let group = |rest: &str| format!(r#"[{{"name":"g","last_id":"0",{rest}}}]"#);
        let pending = |id: &str, name: &str| {
            format!(r#"{{"id":"{id}","consumer":"{name}","delivered_ms":1,"deliveries":1}}"#)
        };
        let consumer = r#"{"name":"a","seen_ms":1,"active_ms":null}"#;
        for groups in [
            group(&format!(r#""pending":[{}]"#, pending("5-1", "a"))),
            group(&format!(r#""consumers":[{consumer},{consumer}]"#)),
            group(&format!(
                r#""consumers":[{consumer}],"pending":[{},{}]"#,
                pending("5-2", "a"),
                pending("5-1", "a")
            )),
            group(r#""entries_read":9223372036854775808"#),
            group(r#""entries_read":-1"#),
            group(r#""more":1"#),
            r#"[{"name":"g","last_id":"0"},{"name":"g","last_id":"0"}]"#.to_owned(),
            r#"[{"name":"g","last_id":"$"}]"#.to_owned(),
        ] {
            assert!(read_line(entries, Some(&groups), [None; 2]).is_err(), "{groups}");
        }
        for numbers in [[Some("5-0"), None], [Some("x"), None], [None, Some("5-")]] {
            assert!(read_line(entries, None, numbers).is_err(), "{numbers:?}");
        }
        assert!(read_line("[]", None, [None; 2]).is_err());
    }
}
