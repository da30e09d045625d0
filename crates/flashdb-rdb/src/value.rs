//! The neutral form of a value between its serialized bytes and whatever keeps it.
//!
//! Plain vectors in the order of the serialized form. Decoded values keep these promises: collections are not empty (streams may
//! be), set members, hash fields and sorted set members are unique, scores are not NaN, stream entries ascend strictly and stay at
//! or below `last_id`, and every pending entry names one of its group's consumers.

use std::sync::Arc;

/// A value as serialized data describes it.
#[derive(Clone, Debug, PartialEq)]
pub enum RdbValue {
    /// A string; integers are in their decimal text.
    String(Vec<u8>),
    /// List elements, head first.
    List(Vec<Vec<u8>>),
    /// Set members, in no particular order.
    Set(Vec<Vec<u8>>),
    /// Hash fields, in no particular order.
    Hash(Vec<HashField>),
    /// Members and scores, in no particular order.
    ZSet(Vec<(Vec<u8>, f64)>),
    /// A stream with its consumer groups.
    Stream(StreamValue),
}

/// One field of a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashField {
    /// The field's name.
    pub field: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
    /// When it expires, in Unix milliseconds, if it does.
    pub expire_at_ms: Option<u64>,
}

/// The id of a stream entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Milliseconds part.
    pub ms: u64,
    /// Sequence part.
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, which no entry has.
    pub const ZERO: Self = Self { ms: 0, seq: 0 };
}

/// A stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamValue {
    /// Live entries, ids ascending.
    pub entries: Vec<StreamEntry>,
    /// The highest id ever added.
    pub last_id: StreamId,
    /// The first live entry's id, `0-0` when there is none.
    pub first_id: StreamId,
    /// The highest id ever deleted, `0-0` when none was.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
    /// Consumer groups.
    pub groups: Vec<StreamGroup>,
}

/// A stream's numbers, without its contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamMeta {
    /// Number of live entries.
    pub length: u64,
    /// As in [`StreamValue`].
    pub last_id: StreamId,
    /// As in [`StreamValue`].
    pub first_id: StreamId,
    /// As in [`StreamValue`].
    pub max_deleted_id: StreamId,
    /// As in [`StreamValue`].
    pub entries_added: u64,
}

impl StreamValue {
    /// The numbers of this stream.
    pub fn meta(&self) -> StreamMeta {
        StreamMeta {
            length: self.entries.len() as u64,
            last_id: self.last_id,
            first_id: self.first_id,
            max_deleted_id: self.max_deleted_id,
            entries_added: self.entries_added,
        }
    }
}

/// One entry of a stream. Entries with the same field names share them, so that a long name that thousands of entries refer to is
/// in memory once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEntry {
    /// The entry's id.
    pub id: StreamId,
    /// Field names.
    pub names: Arc<[Vec<u8>]>,
    /// The value of each name, as many.
    pub values: Vec<Vec<u8>>,
}

impl StreamEntry {
    /// Names and values in pairs, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.names
            .iter()
            .map(Vec::as_slice)
            .zip(self.values.iter().map(Vec::as_slice))
    }
}

/// A consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamGroup {
    /// The group's name.
    pub name: Vec<u8>,
    /// The last id delivered to the group.
    pub last_id: StreamId,
    /// How many entries the group has read, if that is known.
    pub entries_read: Option<u64>,
    /// Delivered and not acknowledged, ids ascending.
    pub pending: Vec<PendingEntry>,
    /// The group's consumers.
    pub consumers: Vec<StreamConsumer>,
}

/// An entry that was delivered and not acknowledged. Its stream entry may be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingEntry {
    /// The entry's id.
    pub id: StreamId,
    /// Who holds it: an index into the group's `consumers`.
    pub consumer: usize,
    /// When it was last delivered, in Unix milliseconds.
    pub delivery_time_ms: u64,
    /// How often it was delivered.
    pub delivery_count: u64,
}

/// A consumer of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamConsumer {
    /// The consumer's name.
    pub name: Vec<u8>,
    /// When it last tried to do something, in Unix milliseconds.
    pub seen_time_ms: u64,
    /// When it last got or claimed something, in Unix milliseconds, if ever.
    pub active_time_ms: Option<u64>,
}
