//! Values to and from their serialized form (crate `flashdb-rdb`): for DUMP, RESTORE, MIGRATE, RDB
//! files and DEBUG RELOAD. Writing walks the value in place; reading goes through the neutral form.
//! Hash fields whose time has come are neither written nor read.

use crate::limits;
use flashdb_base::number::NumberBuffer;
use flashdb_config::Settings;
use flashdb_rdb::{
    EncodeLimits, HashField, PendingEntry, RdbError, RdbValue, StreamConsumer, StreamGroup, StreamMeta,
    StreamValue, ValueType, ZSetOrder,
};
use flashdb_store::{Value, ValueRef};
use flashdb_types::hash::{FieldTtl, Hash};
use flashdb_types::list::List;
use flashdb_types::set::{Member, Set};
use flashdb_types::stream::{ConsumerId, Group, Pending, Stream, StreamId};
use flashdb_types::zset::ZSet;
use std::collections::HashMap;

/// How values are written under these settings.
pub fn encode_limits(settings: &Settings) -> EncodeLimits {
    EncodeLimits {
        compress: settings.rdbcompression,
        hash_packed_entries: settings.hash_max_listpack_entries,
        hash_packed_value_bytes: settings.hash_max_listpack_value,
        set_integers: settings.set_max_intset_entries,
        set_packed_entries: settings.set_max_listpack_entries,
        set_packed_value_bytes: settings.set_max_listpack_value,
        zset_packed_entries: settings.zset_max_listpack_entries,
        zset_packed_value_bytes: settings.zset_max_listpack_value,
        ..EncodeLimits::default()
    }
}

/// The payload that DUMP answers. O(size of the value).
pub fn dump(value: ValueRef<'_>, limits: &EncodeLimits, now_ms: i64) -> Vec<u8> {
    flashdb_rdb::dump_with(|out| write(out, value, limits, now_ms))
}

/// Appends the serialized value; returns its type, which the format keeps elsewhere.
pub fn write(out: &mut Vec<u8>, value: ValueRef<'_>, limits: &EncodeLimits, now_ms: i64) -> ValueType {
    match value {
        ValueRef::String(text) => {
            flashdb_rdb::write_string_value(out, text.as_bytes(&mut NumberBuffer::new()), limits)
        }
        ValueRef::List(list) => flashdb_rdb::write_list(out, list.iter(), limits),
        ValueRef::Set(set) => write_set(out, set, limits),
        ValueRef::ZSet(zset) => flashdb_rdb::write_zset(out, zset.iter(), ZSetOrder::Ascending, limits),
        ValueRef::Hash(hash) => {
            let live = hash.iter().filter(|field| field.is_live(now_ms.max(0) as u64));
            let fields: Vec<_> = live
                .map(|field| (field.name, field.value, field.expires_at_ms))
                .collect();
            flashdb_rdb::write_hash(out, fields.iter().copied(), limits)
        }
        ValueRef::Stream(stream) => write_stream(out, stream, limits),
    }
}

fn write_set(out: &mut Vec<u8>, set: &Set, limits: &EncodeLimits) -> ValueType {
    // Integers have no text of their own to borrow.
    let mut digits = Vec::new();
    let mut spans = Vec::with_capacity(set.len());
    for member in set {
        if let Member::Int(value) = member {
            let start = digits.len();
            digits.extend_from_slice(NumberBuffer::new().format_i64(value));
            spans.push(start..digits.len());
        } else {
            spans.push(0..0);
        }
    }
    let members: Vec<&[u8]> = set
        .iter()
        .zip(&spans)
        .map(|(member, span)| match member {
            Member::Int(_) => &digits[span.clone()],
            Member::Bytes(bytes) => bytes,
        })
        .collect();
    flashdb_rdb::write_set(out, members.iter().copied(), limits)
}

fn write_stream(out: &mut Vec<u8>, stream: &Stream, limits: &EncodeLimits) -> ValueType {
    let meta = StreamMeta {
        length: stream.len(),
        last_id: neutral_id(stream.last_id()),
        first_id: neutral_id(stream.first_id()),
        max_deleted_id: neutral_id(stream.max_deleted_id()),
        entries_added: stream.entries_added(),
    };
    let groups: Vec<StreamGroup> = stream.groups().map(neutral_group).collect();
    let entries = stream
        .iter()
        .map(|entry| (neutral_id(entry.id()), entry.fields()));
    flashdb_rdb::write_stream(out, &meta, entries, &groups, limits)
}

fn neutral_group(group: &Group) -> StreamGroup {
    let mut numbers: HashMap<ConsumerId, usize> = HashMap::new();
    let mut consumers = Vec::with_capacity(group.consumer_count());
    for (id, consumer) in group.consumers() {
        numbers.insert(id, consumers.len());
        consumers.push(StreamConsumer {
            name: consumer.name().to_vec(),
            seen_time_ms: consumer.seen_time_ms().max(0) as u64,
            active_time_ms: consumer.active_time_ms().map(|ms| ms.max(0) as u64),
        });
    }
    let pending = group.pending_range(StreamId::MIN, StreamId::MAX);
    StreamGroup {
        name: group.name().to_vec(),
        last_id: neutral_id(group.last_delivered_id()),
        entries_read: group.entries_read(),
        pending: pending
            .map(|(id, pending)| PendingEntry {
                id: neutral_id(id),
                consumer: numbers[&pending.consumer],
                delivery_time_ms: pending.delivery_time_ms.max(0) as u64,
                delivery_count: pending.delivery_count,
            })
            .collect(),
        consumers,
    }
}

fn neutral_id(id: StreamId) -> flashdb_rdb::StreamId {
    flashdb_rdb::StreamId {
        ms: id.ms,
        seq: id.seq,
    }
}

/// The value that serialized data describes, kept as these settings say. `None` for a hash of which
/// every field has expired. O(size of the value).
///
/// # Errors
/// When a stream's numbers contradict its entries.
pub fn to_value(value: RdbValue, settings: &Settings, now_ms: i64) -> Result<Option<Value>, RdbError> {
    Ok(Some(match value {
        RdbValue::String(bytes) => Value::String(bytes),
        RdbValue::List(elements) => Value::List(List::from_elements(elements, &limits::list(settings))),
        RdbValue::Set(members) => {
            let members = members.iter().map(Vec::as_slice);
            Value::Set(Set::from_members(members, &limits::set(settings)))
        }
        RdbValue::ZSet(pairs) => Value::ZSet(ZSet::from_pairs(pairs, &limits::zset(settings))),
        RdbValue::Hash(fields) => return Ok(to_hash(fields, settings, now_ms).map(Value::Hash)),
        RdbValue::Stream(stream) => Value::Stream(Box::new(to_stream(&stream, settings)?)),
    }))
}

fn to_hash(mut fields: Vec<HashField>, settings: &Settings, now_ms: i64) -> Option<Hash> {
    fields.retain(|field| {
        field
            .expire_at_ms
            .is_none_or(|at_ms| at_ms > now_ms.max(0) as u64)
    });
    if fields.is_empty() {
        return None;
    }
    let limits = limits::hash(settings);
    let lengths = fields
        .iter()
        .flat_map(|field| [field.field.len(), field.value.len()]);
    let mut hash = Hash::new();
    hash.reserve(lengths, &limits);
    for field in &fields {
        let ttl = field.expire_at_ms.map_or(FieldTtl::Clear, FieldTtl::At);
        hash.set(&field.field, &field.value, ttl, &limits);
    }
    Some(hash)
}

const CONTRADICTION: RdbError = RdbError::Corrupt("a stream's numbers contradict its entries");

fn to_stream(value: &StreamValue, settings: &Settings) -> Result<Stream, RdbError> {
    let limits = limits::stream(settings);
    let mut stream = Stream::new();
    let entries = stream.entries_mut();
    for entry in &value.entries {
        entries
            .append(own_id(entry.id), entry.fields(), &limits)
            .map_err(|_| CONTRADICTION)?;
    }
    let added = value.entries_added.max(value.entries.len() as u64);
    entries
        .set_counters(
            own_id(value.last_id),
            Some(added),
            Some(own_id(value.max_deleted_id)),
        )
        .map_err(|_| CONTRADICTION)?;
    for group in &value.groups {
        add_group(&mut stream, group)?;
    }
    Ok(stream)
}

fn add_group(stream: &mut Stream, value: &StreamGroup) -> Result<(), RdbError> {
    let created = stream.create_group(&value.name, own_id(value.last_id), value.entries_read);
    let Some(mut group) = stream.group_mut(&value.name).filter(|_| created) else {
        return Err(RdbError::Corrupt("two groups of a stream have one name"));
    };
    let mut ids = Vec::with_capacity(value.consumers.len());
    for consumer in &value.consumers {
        let seen_ms = consumer.seen_time_ms as i64;
        let id = group
            .create_consumer(&consumer.name, seen_ms)
            .ok_or(RdbError::Corrupt("two consumers of a group have one name"))?;
        group.set_consumer_times(id, seen_ms, consumer.active_time_ms.map(|ms| ms as i64));
        ids.push(id);
    }
    for entry in &value.pending {
        let consumer = *ids.get(entry.consumer).ok_or(CONTRADICTION)?;
        let pending = Pending {
            consumer,
            delivery_time_ms: entry.delivery_time_ms as i64,
            delivery_count: entry.delivery_count,
        };
        group.set_pending(own_id(entry.id), pending);
    }
    Ok(())
}

fn own_id(id: flashdb_rdb::StreamId) -> StreamId {
    StreamId::new(id.ms, id.seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::default()
    }

    /// Dumps a value, reads it back, dumps it again: both payloads are equal.
    fn round_trip(value: Value) -> Value {
        let settings = settings();
        let payload = dump(value.as_ref(), &encode_limits(&settings), 1000);
        let neutral = flashdb_rdb::decode_dump(&payload).expect("own payload");
        let back = to_value(neutral, &settings, 1000)
            .expect("own payload")
            .expect("something is left");
        assert_eq!(dump(back.as_ref(), &encode_limits(&settings), 1000), payload);
        back
    }

    #[test]
    fn small_and_large_collections() {
        let settings = settings();
        for count in [1usize, 20, 2000] {
            let texts: Vec<Vec<u8>> = (0..count).map(|n| format!("element:{n}").into_bytes()).collect();
            round_trip(Value::List(List::from_elements(&texts, &limits::list(&settings))));
            let pairs = texts.iter().zip(0..).map(|(text, n)| (text, f64::from(n) / 2.0));
            round_trip(Value::ZSet(ZSet::from_pairs(pairs, &limits::zset(&settings))));
            let numbers: Vec<Vec<u8>> = (0..count).map(|n| n.to_string().into_bytes()).collect();
            for members in [&texts, &numbers] {
                let set = Set::from_members(members.iter().map(Vec::as_slice), &limits::set(&settings));
                let payload = dump(ValueRef::Set(&set), &encode_limits(&settings), 0);
                let neutral = flashdb_rdb::decode_dump(&payload).expect("own payload");
                let Ok(Some(Value::Set(back))) = to_value(neutral, &settings, 0) else {
                    panic!("a set was expected");
                };
                assert_eq!((back.len(), back.encoding()), (set.len(), set.encoding()));
                assert!(members.iter().all(|member| back.contains(member)));
            }
        }
        round_trip(Value::String(vec![b'x'; 10_000]));
    }

    #[test]
    fn hash_fields_keep_their_expiry_and_expired_ones_vanish() {
        let limits = limits::hash(&settings());
        let mut hash = Hash::new();
        hash.set(b"a", b"1", FieldTtl::Clear, &limits);
        hash.set(b"b", b"2", FieldTtl::At(5000), &limits);
        hash.set(b"c", b"3", FieldTtl::At(500), &limits);
        let payload = dump(ValueRef::Hash(&hash), &encode_limits(&settings()), 1000);
        let neutral = flashdb_rdb::decode_dump(&payload).expect("own payload");
        let Ok(Some(Value::Hash(back))) = to_value(neutral.clone(), &settings(), 1000) else {
            panic!("a hash was expected");
        };
        assert_eq!(back.len(), 2);
        assert_eq!(
            back.get_any(b"b").and_then(|field| field.expires_at_ms),
            Some(5000)
        );
        let only_b = RdbValue::Hash(vec![HashField {
            field: b"b".to_vec(),
            value: b"2".to_vec(),
            expire_at_ms: Some(5000),
        }]);
        assert!(matches!(to_value(only_b, &settings(), 5000), Ok(None)));
    }

    #[test]
    fn streams_with_groups() {
        let limits = limits::stream(&settings());
        let mut stream = Stream::new();
        for n in 1..=250u64 {
            let fields = [(b"name".as_slice(), b"value".as_slice())];
            stream
                .entries_mut()
                .append(StreamId::new(n, 0), fields.into_iter(), &limits)
                .expect("ids ascend");
        }
        stream.entries_mut().delete(StreamId::new(7, 0));
        stream.create_group(b"g", StreamId::new(9, 0), Some(8));
        stream.create_group(b"h", StreamId::MIN, None);
        let mut group = stream.group_mut(b"g").expect("created above");
        let consumer = group.create_consumer(b"c", 500).expect("a new name");
        let pending = Pending {
            consumer,
            delivery_time_ms: 600,
            delivery_count: 3,
        };
        group.set_pending(StreamId::new(8, 0), pending);
        drop(group);
        let Value::Stream(back) = round_trip(Value::Stream(Box::new(stream))) else {
            panic!("a stream was expected");
        };
        back.validate();
        assert_eq!((back.len(), back.entries_added()), (249, 250));
        let group = back.group(b"g").expect("it was dumped");
        assert_eq!(
            group.pending(StreamId::new(8, 0)).map(|p| p.delivery_count),
            Some(3)
        );
    }
}
