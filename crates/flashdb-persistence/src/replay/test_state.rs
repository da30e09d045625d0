//! The whole state of a keyspace as text, key by key, to be compared. Members of sets, hashes and groups are sorted; when
//! consumers were last seen is left out, since it is not logged (nor does Redis log it).

use flashdb_store::{Entry, Keyspace, ValueRef};
use flashdb_types::stream::Stream;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Database and key to a description of value and expiry.
pub type State = BTreeMap<(u16, String), String>;

/// What `space` holds, expired keys not yet removed included.
pub fn state(space: &Keyspace) -> State {
    let _pass = space.gate().close();
    let mut state = State::new();
    let mut held = space.lock_as_touched();
    held.for_each_shard(|_, shard| {
        for db in 0..space.databases_count() as u16 {
            for entry in shard.database(db).iter() {
                state.insert((db, text(entry.key())), describe(entry));
            }
        }
    });
    state
}

/// Bytes as readable text.
pub fn text(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "''".into();
    }
    bytes.escape_ascii().to_string()
}

fn describe(entry: &Entry) -> String {
    let expiry = match entry.expire_at_ms() {
        Some(at_ms) => format!(" until {at_ms}"),
        None => String::new(),
    };
    let value = match entry.value() {
        ValueRef::String(value) => text(&value.to_vec()),
        ValueRef::List(list) => list.iter().map(text).collect::<Vec<_>>().join(" "),
        ValueRef::Set(set) => sorted(set.iter().map(|member| text(&member.to_vec()))),
        ValueRef::ZSet(zset) => zset
            .iter()
            .map(|(member, score)| format!("{}={score:?}", text(member)))
            .collect::<Vec<_>>()
            .join(" "),
        ValueRef::Hash(hash) => sorted(hash.iter().map(|field| {
            let until = field
                .expires_at_ms
                .map_or_else(String::new, |at| format!("@{at}"));
            format!("{}={}{until}", text(field.name), text(field.value))
        })),
        ValueRef::Stream(stream) => describe_stream(stream),
    };
    format!("{}{expiry}: {value}", entry.value().type_name())
}

fn sorted(parts: impl Iterator<Item = String>) -> String {
    let mut parts: Vec<String> = parts.collect();
    parts.sort_unstable();
    parts.join(" ")
}

fn describe_stream(stream: &Stream) -> String {
    let mut out = format!(
        "last {} deleted {} added {};",
        stream.last_id(),
        stream.max_deleted_id(),
        stream.entries_added()
    );
    for entry in stream.iter() {
        write!(out, " {}", entry.id()).expect("a string takes everything");
        for (field, value) in entry.fields() {
            write!(out, " {}={}", text(field), text(value)).expect("a string takes everything");
        }
    }
    let groups = stream.groups().map(|group| {
        let consumers = group.consumers().map(|(_, consumer)| text(consumer.name()));
        let pending = group
            .pending_range(
                flashdb_types::stream::StreamId::MIN,
                flashdb_types::stream::StreamId::MAX,
            )
            .map(|(id, pending)| {
                format!(
                    "{id}:{}:{}:{}",
                    text(group.consumer(pending.consumer).name()),
                    pending.delivery_time_ms,
                    pending.delivery_count
                )
            });
        format!(
            "; group {} at {} read {:?} consumers [{}] pending [{}]",
            text(group.name()),
            group.last_delivered_id(),
            group.entries_read(),
            sorted(consumers),
            pending.collect::<Vec<_>>().join(" ")
        )
    });
    out + &sorted(groups)
}
