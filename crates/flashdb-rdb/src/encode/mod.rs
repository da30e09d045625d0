//! Value to serialized value, in types that Redis 7.2 and Valkey 7.2 load.
//!
//! Each function appends the value's body and gives its type byte, which stands elsewhere: in front of the value in a DUMP
//! payload, in front of the key in a file. They take iterators, so that a value need not be copied into the neutral form first.

mod stream;

use flashdb_base::number;

use crate::length::{LengthSlot, write_length};
use crate::pack::intset;
use crate::pack::listpack::ListpackBuilder;
use crate::string::{write_plain, write_string};
use crate::types::{FileVersion, ValueType};
use crate::value::{HashField, RdbValue};

pub use stream::write_stream;

/// When a collection is written packed, and whether strings are compressed. The defaults are Redis's.
///
/// A loading server repacks by its own settings, so these decide size and speed, not meaning.
#[derive(Clone, Debug)]
pub struct EncodeLimits {
    /// Where a value has forms of several versions, the newest form of this version or an older one is written.
    pub version: FileVersion,
    /// Compress strings of more than 20 bytes where it saves something.
    pub compress: bool,
    /// Hashes of up to this many fields are packed,
    pub hash_packed_entries: usize,
    /// if no field or value is longer than this.
    pub hash_packed_value_bytes: usize,
    /// Sets of up to this many integers are written as an array.
    pub set_integers: usize,
    /// Other sets of up to this many members are packed,
    pub set_packed_entries: usize,
    /// if no member is longer than this.
    pub set_packed_value_bytes: usize,
    /// Sorted sets of up to this many members are packed,
    pub zset_packed_entries: usize,
    /// if no member is longer than this.
    pub zset_packed_value_bytes: usize,
    /// Bytes of elements in one node of a list; larger elements get a node of their own.
    pub list_node_bytes: usize,
    /// Bytes of one node of a stream, before the entry that goes beyond them.
    pub stream_node_bytes: usize,
    /// Entries in one node of a stream.
    pub stream_node_entries: usize,
}

impl Default for EncodeLimits {
    fn default() -> Self {
        Self {
            version: FileVersion::default(),
            compress: true,
            hash_packed_entries: 128,
            hash_packed_value_bytes: 64,
            set_integers: 512,
            set_packed_entries: 128,
            set_packed_value_bytes: 64,
            zset_packed_entries: 128,
            zset_packed_value_bytes: 64,
            list_node_bytes: 8 * 1024,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
        }
    }
}

/// Whether the members of a sorted set come in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZSetOrder {
    /// By score, then by member.
    Ascending,
    /// In no particular order: then they are never written packed, since that form is in order.
    Any,
}

/// More bytes than a packed container may take, whatever the limits say: its size has 32 bits.
const PACKED_BYTES_MAX: usize = 1 << 30;

/// Appends a value from its neutral form.
pub fn write_value(out: &mut Vec<u8>, value: &RdbValue, limits: &EncodeLimits) -> ValueType {
    match value {
        RdbValue::String(text) => write_string_value(out, text, limits),
        RdbValue::List(elements) => write_list(out, elements.iter().map(Vec::as_slice), limits),
        RdbValue::Set(members) => write_set(out, members.iter().map(Vec::as_slice), limits),
        RdbValue::Hash(fields) => write_hash(out, fields.iter().map(as_triple), limits),
        RdbValue::ZSet(members) => {
            let mut sorted: Vec<_> = members
                .iter()
                .map(|(member, score)| (member.as_slice(), *score))
                .collect();
            sorted.sort_unstable_by(|(a, x), (b, y)| x.total_cmp(y).then_with(|| a.cmp(b)));
            write_zset(out, sorted.iter().copied(), ZSetOrder::Ascending, limits)
        }
        RdbValue::Stream(stream) => {
            let entries = stream.entries.iter().map(|entry| (entry.id, entry.fields()));
            write_stream(out, &stream.meta(), entries, &stream.groups, limits)
        }
    }
}

fn as_triple(field: &HashField) -> (&[u8], &[u8], Option<u64>) {
    (&field.field, &field.value, field.expire_at_ms)
}

/// Appends a string value.
pub fn write_string_value(out: &mut Vec<u8>, text: &[u8], limits: &EncodeLimits) -> ValueType {
    write_string(out, text, limits.compress);
    ValueType::STRING
}

/// Appends a list, head first.
pub fn write_list<'a>(
    out: &mut Vec<u8>,
    elements: impl Iterator<Item = &'a [u8]>,
    limits: &EncodeLimits,
) -> ValueType {
    const NODE_PLAIN: u64 = 1;
    const NODE_PACKED: u64 = 2;
    fn flush(out: &mut Vec<u8>, node: &mut ListpackBuilder, compress: bool) -> u64 {
        if node.is_empty() {
            return 0;
        }
        write_length(out, NODE_PACKED);
        write_packed(out, node.finish(), compress);
        node.clear();
        1
    }
    let count = LengthSlot::reserve(out);
    let mut nodes = 0;
    let mut node = ListpackBuilder::new();
    for element in elements {
        if element.len() > limits.list_node_bytes {
            nodes += flush(out, &mut node, limits.compress) + 1;
            write_length(out, NODE_PLAIN);
            write_string(out, element, limits.compress);
            continue;
        }
        if node.len_bytes() + element.len() > limits.list_node_bytes {
            nodes += flush(out, &mut node, limits.compress);
        }
        node.push(element);
    }
    nodes += flush(out, &mut node, limits.compress);
    count.set(out, nodes);
    ValueType::LIST_QUICKLIST_2
}

/// Appends a set. The members are walked up to three times.
pub fn write_set<'a>(
    out: &mut Vec<u8>,
    members: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    limits: &EncodeLimits,
) -> ValueType {
    let count = members.len();
    if count <= limits.set_integers
        && let Some(mut integers) = members
            .clone()
            .map(number::parse_i64)
            .collect::<Option<Vec<i64>>>()
    {
        integers.sort_unstable();
        write_packed(out, &intset::write(&integers), limits.compress);
        return ValueType::SET_INTSET;
    }
    if limits.version >= FileVersion::V11
        && fits_packed(
            count,
            members.clone(),
            limits.set_packed_entries,
            limits.set_packed_value_bytes,
        )
    {
        let mut pack = ListpackBuilder::new();
        members.for_each(|member| pack.push(member));
        write_packed(out, pack.finish(), limits.compress);
        return ValueType::SET_LISTPACK;
    }
    write_length(out, count as u64);
    members.for_each(|member| write_string(out, member, limits.compress));
    ValueType::SET
}

/// Appends a hash: field, value, expiry in Unix milliseconds. The fields are walked up to three times.
///
/// A hash with an expiring field gets a type of [`FileVersion::V12`], which Redis before 7.4 does not know, whatever the limits
/// say: there is no older form.
pub fn write_hash<'a>(
    out: &mut Vec<u8>,
    fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8], Option<u64>)> + Clone,
    limits: &EncodeLimits,
) -> ValueType {
    let count = fields.len();
    if let Some(earliest) = fields
        .clone()
        .filter_map(|(_, _, expire_at_ms)| expire_at_ms)
        .min()
    {
        out.extend_from_slice(&earliest.to_le_bytes());
        write_length(out, count as u64);
        for (field, value, expire_at_ms) in fields {
            write_length(out, expire_at_ms.map_or(0, |at| at - earliest + 1));
            write_string(out, field, limits.compress);
            write_string(out, value, limits.compress);
        }
        return ValueType::HASH_METADATA;
    }
    let texts = fields.clone().flat_map(|(field, value, _)| [field, value]);
    if fits_packed(
        count,
        texts.clone(),
        limits.hash_packed_entries,
        limits.hash_packed_value_bytes,
    ) {
        let mut pack = ListpackBuilder::new();
        texts.for_each(|text| pack.push(text));
        write_packed(out, pack.finish(), limits.compress);
        return ValueType::HASH_LISTPACK;
    }
    write_length(out, count as u64);
    texts.for_each(|text| write_string(out, text, limits.compress));
    ValueType::HASH
}

/// Appends a sorted set. The members are walked up to twice.
pub fn write_zset<'a>(
    out: &mut Vec<u8>,
    members: impl ExactSizeIterator<Item = (&'a [u8], f64)> + Clone,
    order: ZSetOrder,
    limits: &EncodeLimits,
) -> ValueType {
    let count = members.len();
    let names = members.clone().map(|(member, _)| member);
    if order == ZSetOrder::Ascending
        && fits_packed(
            count,
            names,
            limits.zset_packed_entries,
            limits.zset_packed_value_bytes,
        )
    {
        let mut pack = ListpackBuilder::new();
        let mut score_text = number::NumberBuffer::new();
        for (member, score) in members {
            pack.push(member);
            pack.push(score_text.format_f64(score));
        }
        write_packed(out, pack.finish(), limits.compress);
        return ValueType::ZSET_LISTPACK;
    }
    write_length(out, count as u64);
    for (member, score) in members {
        write_string(out, member, limits.compress);
        out.extend_from_slice(&score.to_le_bytes());
    }
    ValueType::ZSET_2
}

/// Whether a collection is within its packing limits, and within what the packed form can hold at all.
fn fits_packed<'a>(
    count: usize,
    mut texts: impl Iterator<Item = &'a [u8]>,
    entries_max: usize,
    value_bytes_max: usize,
) -> bool {
    let mut total = 0;
    count <= entries_max
        && texts.all(|text| {
            total += text.len();
            text.len() <= value_bytes_max && total <= PACKED_BYTES_MAX
        })
}

/// Appends a packed container as the string it is in.
fn write_packed(out: &mut Vec<u8>, container: &[u8], compress: bool) {
    if compress {
        write_string(out, container, true)
    } else {
        write_plain(out, container)
    }
}
