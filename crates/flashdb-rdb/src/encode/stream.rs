//! Streams, in the layout that `decode/stream.rs` draws: type 21, or 19 for files of version 10.

use super::{EncodeLimits, write_packed};
use crate::decode::stream::{ENTRIES_READ_UNKNOWN, FLAG_SAME_FIELDS, NEVER_ACTIVE};
use crate::length::{LengthSlot, write_length};
use crate::pack::listpack::ListpackBuilder;
use crate::string::write_string;
use crate::types::{FileVersion, ValueType};
use crate::value::{StreamConsumer, StreamGroup, StreamId, StreamMeta};

/// Appends a stream. `entries` gives `meta.length` entries, ids ascending, each with at least one field; each group's `pending`
/// has ids ascending and names consumers of that group.
pub fn write_stream<'a, F>(
    out: &mut Vec<u8>,
    meta: &StreamMeta,
    entries: impl Iterator<Item = (StreamId, F)>,
    groups: &[StreamGroup],
    limits: &EncodeLimits,
) -> ValueType
where
    F: Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
{
    let nodes_slot = LengthSlot::reserve(out);
    let mut nodes = 0;
    let mut node: Option<Node<F>> = None;
    for (id, fields) in entries {
        if let Some(full) = node.take_if(|node| node.is_full(limits)) {
            full.write(out, limits);
        }
        let current = node.get_or_insert_with(|| {
            nodes += 1;
            Node::new(id, fields.clone())
        });
        current.push(id, fields);
    }
    if let Some(last) = node {
        last.write(out, limits);
    }
    nodes_slot.set(out, nodes);
    write_length(out, meta.length);
    write_id(out, meta.last_id);
    write_id(out, meta.first_id);
    write_id(out, meta.max_deleted_id);
    write_length(out, meta.entries_added);
    write_length(out, groups.len() as u64);
    for group in groups {
        write_group(out, group, limits);
    }
    if limits.version >= FileVersion::V11 {
        ValueType::STREAM_LISTPACKS_3
    } else {
        ValueType::STREAM_LISTPACKS_2
    }
}

/// A listpack of entries under construction. Its first entry gives the id and the names that the others refer to.
struct Node<F> {
    id: StreamId,
    fields: F,
    count: usize,
    body: ListpackBuilder,
}

impl<'a, F> Node<F>
where
    F: Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
{
    fn new(id: StreamId, fields: F) -> Self {
        Self {
            id,
            fields,
            count: 0,
            body: ListpackBuilder::new(),
        }
    }

    fn is_full(&self, limits: &EncodeLimits) -> bool {
        self.count >= limits.stream_node_entries || self.body.len_bytes() >= limits.stream_node_bytes
    }

    fn names(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a, F> {
        self.fields.clone().map(|(name, _)| name)
    }

    fn push(&mut self, id: StreamId, fields: F) {
        let same = self.names().eq(fields.clone().map(|(name, _)| name));
        let body = &mut self.body;
        body.push_i64(if same { FLAG_SAME_FIELDS } else { 0 });
        body.push_i64(id.ms.wrapping_sub(self.id.ms) as i64);
        body.push_i64(id.seq.wrapping_sub(self.id.seq) as i64);
        let count = fields.clone().count() as i64;
        if !same {
            body.push_i64(count);
        }
        for (name, value) in fields {
            if !same {
                body.push(name);
            }
            body.push(value);
        }
        body.push_i64(if same { count + 3 } else { count * 2 + 4 });
        self.count += 1;
    }

    fn write(self, out: &mut Vec<u8>, limits: &EncodeLimits) {
        let mut pack = ListpackBuilder::new();
        pack.push_i64(self.count as i64);
        pack.push_i64(0);
        pack.push_i64(self.names().count() as i64);
        self.names().for_each(|name| pack.push(name));
        pack.push_i64(0);
        pack.append(&self.body);
        write_string(out, &raw_id(self.id), false);
        write_packed(out, pack.finish(), limits.compress);
    }
}

fn raw_id(id: StreamId) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

fn write_id(out: &mut Vec<u8>, id: StreamId) {
    write_length(out, id.ms);
    write_length(out, id.seq);
}

fn write_group(out: &mut Vec<u8>, group: &StreamGroup, limits: &EncodeLimits) {
    write_string(out, &group.name, limits.compress);
    write_id(out, group.last_id);
    write_length(out, group.entries_read.unwrap_or(ENTRIES_READ_UNKNOWN));
    write_length(out, group.pending.len() as u64);
    // Each consumer's entries, gathered in one pass over the group's.
    let mut held: Vec<Vec<StreamId>> = vec![Vec::new(); group.consumers.len()];
    for pending in &group.pending {
        out.extend_from_slice(&raw_id(pending.id));
        out.extend_from_slice(&pending.delivery_time_ms.to_le_bytes());
        write_length(out, pending.delivery_count);
        debug_assert!(
            pending.consumer < held.len(),
            "a pending entry names a consumer of its group"
        );
        if let Some(ids) = held.get_mut(pending.consumer) {
            ids.push(pending.id);
        }
    }
    write_length(out, group.consumers.len() as u64);
    for (consumer, ids) in group.consumers.iter().zip(&held) {
        write_consumer(out, consumer, ids, limits);
    }
}

fn write_consumer(out: &mut Vec<u8>, consumer: &StreamConsumer, ids: &[StreamId], limits: &EncodeLimits) {
    write_string(out, &consumer.name, limits.compress);
    out.extend_from_slice(&consumer.seen_time_ms.to_le_bytes());
    if limits.version >= FileVersion::V11 {
        out.extend_from_slice(&consumer.active_time_ms.unwrap_or(NEVER_ACTIVE).to_le_bytes());
    }
    write_length(out, ids.len() as u64);
    for id in ids {
        out.extend_from_slice(&raw_id(*id));
    }
}
