//! Streams: listpacks of entries, the stream's numbers, consumer groups.
//!
//! ```text
//! count | (16-byte id, high first | listpack) ...      entries, in listpacks whose ids count from that id
//! length | last id
//! first id | highest deleted id | entries added        not in type 15
//! count | group ...
//! duration | most ids | count | (producer | count | (message's own id | id) ...) ... | added | repeated     types 26, 27
//!
//! listpack: live | deleted | names N | name ... | 0 |
//!           (flags | ms - id's ms | seq - id's seq | [N | name] value ... | elements of this entry before this one) ...
//! group:    name | last id | [entries read] |
//!           count | (16-byte id | delivery time | delivery count) ... |
//!           count | (consumer name | seen time | [active time] | count | 16-byte id ...) ...
//!           count | 16-byte id ...       pending entries that nobody holds, type 27
//! ```
//!
//! Ids in plain places are two lengths; times are 8 bytes, little endian.

use std::sync::Arc;

use super::{Losses, check_unique};
use crate::error::{RdbError, Result};
use crate::input::Input;
use crate::length::read_length;
use crate::pack::listpack::Listpack;
use crate::string::{charge_elements, read_packed, read_string};
use crate::types::ValueType;
use crate::value::{PendingEntry, StreamConsumer, StreamEntry, StreamGroup, StreamId, StreamValue};

pub(crate) const FLAG_DELETED: i64 = 1;
pub(crate) const FLAG_SAME_FIELDS: i64 = 2;
/// Stands for an unknown number of entries read.
pub(crate) const ENTRIES_READ_UNKNOWN: u64 = u64::MAX;
/// Stands for a consumer that was never active.
pub(crate) const NEVER_ACTIVE: u64 = u64::MAX;
/// Stands for a holder that is not yet known, while reading.
const NO_CONSUMER: usize = usize::MAX;

/// Only needed where messages are sent again after the import.
const LOST_PRODUCERS: &str = "the producers' message ids (IDMP) of a stream";
/// Pending entries always have a holder here: those without one are given to a consumer without a name.
const LOST_RELEASES: &str =
    "the released state (XNACK) of a stream's pending entries, now held by consumer \"\"";

pub(super) fn read(
    input: &mut impl Input,
    value_type: ValueType,
    losses: &mut Losses,
) -> Result<StreamValue> {
    let mut stream = StreamValue::default();
    for _ in 0..read_length(input)? {
        let master_id = read_raw_id(&read_string(input)?)?;
        let before = stream.entries.len();
        read_node(&read_packed(input)?, master_id, &mut stream.entries)?;
        charge_elements(input, 4 * (stream.entries.len() - before))?;
    }
    let length = read_length(input)?;
    stream.last_id = read_id(input)?;
    stream.first_id = stream.entries.first().map_or(StreamId::ZERO, |entry| entry.id);
    if value_type == ValueType::STREAM_LISTPACKS {
        stream.entries_added = length;
    } else {
        // Recomputed rather than believed: Redis keeps the id of a deleted first entry in some states.
        read_id(input)?;
        stream.max_deleted_id = read_id(input)?;
        // XSETID of some servers lets the count fall below the length.
        stream.entries_added = read_length(input)?.max(length);
    }
    check_numbers(&stream, length)?;
    for _ in 0..read_length(input)? {
        let group = read_group(input, value_type, &stream, losses)?;
        stream.groups.push(group);
    }
    if has_producers(value_type) {
        skip_producers(input, losses)?;
    }
    if !stream.groups.is_empty() {
        check_unique(stream.groups.iter().map(|group| group.name.as_slice()))?;
    }
    Ok(stream)
}

fn check_numbers(stream: &StreamValue, length: u64) -> Result<()> {
    let last_entry = stream.entries.last().map_or(StreamId::ZERO, |entry| entry.id);
    if length != stream.entries.len() as u64 {
        return Err(RdbError::Corrupt("stream length"));
    }
    // `max_deleted_id` may be beyond: XSETID sets the last id of an empty stream back.
    if last_entry > stream.last_id {
        return Err(RdbError::Corrupt("stream has ids beyond its last"));
    }
    Ok(())
}

fn has_producers(value_type: ValueType) -> bool {
    value_type == ValueType::STREAM_LISTPACKS_4 || value_type == ValueType::STREAM_LISTPACKS_5
}

fn has_active_times(value_type: ValueType) -> bool {
    value_type == ValueType::STREAM_LISTPACKS_3 || has_producers(value_type)
}

fn skip_producers(input: &mut impl Input, losses: &mut Losses) -> Result<()> {
    let _duration = read_length(input)?;
    let _ids_max = read_length(input)?;
    let producers = read_length(input)?;
    for _ in 0..producers {
        read_string(input)?;
        for _ in 0..read_length(input)? {
            read_string(input)?;
            read_id(input)?;
        }
    }
    let _added = read_length(input)?;
    let _repeated = read_length(input)?;
    if producers > 0 {
        losses.push(LOST_PRODUCERS);
    }
    Ok(())
}

fn read_id(input: &mut impl Input) -> Result<StreamId> {
    Ok(StreamId {
        ms: read_length(input)?,
        seq: read_length(input)?,
    })
}

fn read_raw_id(bytes: &[u8]) -> Result<StreamId> {
    let bytes: [u8; 16] = bytes
        .try_into()
        .map_err(|_| RdbError::Corrupt("stream node key"))?;
    let both = u128::from_be_bytes(bytes);
    Ok(StreamId {
        ms: (both >> 64) as u64,
        seq: both as u64,
    })
}

/// Reads one listpack of entries, skipping deleted ones.
fn read_node(bytes: &[u8], master_id: StreamId, entries: &mut Vec<StreamEntry>) -> Result<()> {
    const BAD: RdbError = RdbError::Corrupt("stream node");
    let mut pack = Listpack::new(bytes)?;
    let live = expect_count(&mut pack)?;
    let deleted = expect_count(&mut pack)?;
    let names_count = expect_count(&mut pack)?;
    let names = read_texts(&mut pack, names_count)?;
    if pack.expect_i64()? != 0 {
        return Err(BAD);
    }
    let names: Arc<[Vec<u8>]> = names.into();
    let (mut live_seen, mut deleted_seen) = (0, 0);
    while let Some(flags) = pack.next() {
        let flags = flags?.as_i64().ok_or(BAD)?;
        let entry = read_entry(&mut pack, flags, master_id, &names)?;
        if flags & FLAG_DELETED != 0 {
            deleted_seen += 1;
            continue;
        }
        live_seen += 1;
        // Also rules out 0-0 as a first id.
        if entry.id <= entries.last().map_or(StreamId::ZERO, |before| before.id) {
            return Err(RdbError::Corrupt("stream entries out of order"));
        }
        entries.push(entry);
    }
    if live_seen != live || deleted_seen != deleted {
        Err(BAD)
    } else {
        Ok(())
    }
}

fn read_entry(
    pack: &mut Listpack<'_>,
    flags: i64,
    master_id: StreamId,
    names: &Arc<[Vec<u8>]>,
) -> Result<StreamEntry> {
    // Distances may be negative in form; Redis adds them without looking.
    let id = StreamId {
        ms: master_id.ms.wrapping_add_signed(pack.expect_i64()?),
        seq: master_id.seq.wrapping_add_signed(pack.expect_i64()?),
    };
    let same = flags & FLAG_SAME_FIELDS != 0;
    let (names, values) = if same {
        (Arc::clone(names), read_texts(pack, names.len() as u64)?)
    } else {
        let count = expect_count(pack)?;
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for _ in 0..count {
            names.push(pack.expect()?.to_vec());
            values.push(pack.expect()?.to_vec());
        }
        (names.into(), values)
    };
    if values.is_empty() {
        return Err(RdbError::Corrupt("stream entry without fields"));
    }
    let elements = if same {
        values.len() + 3
    } else {
        values.len() * 2 + 4
    };
    if pack.expect_i64()? != elements as i64 {
        return Err(RdbError::Corrupt("stream entry"));
    }
    Ok(StreamEntry { id, names, values })
}

fn expect_count(pack: &mut Listpack<'_>) -> Result<u64> {
    u64::try_from(pack.expect_i64()?).map_err(|_| RdbError::Corrupt("stream node"))
}

fn read_texts(pack: &mut Listpack<'_>, count: u64) -> Result<Vec<Vec<u8>>> {
    // Not reserved: the count is only a claim until that many elements came.
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(pack.expect()?.to_vec());
    }
    Ok(texts)
}

fn read_group(
    input: &mut impl Input,
    value_type: ValueType,
    stream: &StreamValue,
    losses: &mut Losses,
) -> Result<StreamGroup> {
    let name = read_string(input)?;
    let last_id = read_id(input)?;
    let entries_read = if value_type == ValueType::STREAM_LISTPACKS {
        estimate_entries_read(stream, last_id)
    } else {
        Some(read_length(input)?).filter(|&count| count != ENTRIES_READ_UNKNOWN)
    };
    let mut group = StreamGroup {
        name,
        last_id,
        entries_read,
        pending: read_pending(input)?,
        consumers: Vec::new(),
    };
    for _ in 0..read_length(input)? {
        read_consumer(input, value_type, &mut group)?;
    }
    if value_type == ValueType::STREAM_LISTPACKS_5 {
        read_released(input, &mut group, losses)?;
    }
    if !group.consumers.is_empty() {
        check_unique(group.consumers.iter().map(|consumer| consumer.name.as_slice()))?;
    }
    if group
        .pending
        .iter()
        .any(|pending| pending.consumer == NO_CONSUMER)
    {
        return Err(RdbError::Corrupt("pending entry without a consumer"));
    }
    Ok(group)
}

/// What the older form does not say, where it follows: streams of that time had no record of deletions.
fn estimate_entries_read(stream: &StreamValue, last_id: StreamId) -> Option<u64> {
    if stream.entries.is_empty() || last_id < stream.first_id {
        return Some(0);
    }
    if last_id == stream.last_id {
        return Some(stream.entries_added);
    }
    (last_id == stream.first_id).then_some(1)
}

fn read_pending(input: &mut impl Input) -> Result<Vec<PendingEntry>> {
    let count = read_length(input)?;
    let mut pending: Vec<PendingEntry> = Vec::with_capacity(input.capacity_for(count) / 16);
    for _ in 0..count {
        let id = read_raw_id(&input.array::<16>()?)?;
        if pending.last().is_some_and(|before| before.id >= id) {
            return Err(RdbError::Corrupt("pending entries out of order"));
        }
        let delivery_time_ms = input.u64_le()?;
        pending.push(PendingEntry {
            id,
            consumer: NO_CONSUMER,
            delivery_time_ms,
            delivery_count: read_length(input)?,
        });
    }
    Ok(pending)
}

fn read_consumer(input: &mut impl Input, value_type: ValueType, group: &mut StreamGroup) -> Result<()> {
    let name = read_string(input)?;
    let seen_time_ms = input.u64_le()?;
    let active_time_ms = match value_type {
        newer if has_active_times(newer) => Some(input.u64_le()?).filter(|&time| time != NEVER_ACTIVE),
        _ => Some(seen_time_ms),
    };
    let index = group.consumers.len();
    for _ in 0..read_length(input)? {
        let id = read_raw_id(&input.array::<16>()?)?;
        let at = group.pending.binary_search_by_key(&id, |pending| pending.id);
        let holder = at
            .ok()
            .map(|at| &mut group.pending[at].consumer)
            .filter(|holder| **holder == NO_CONSUMER);
        *holder.ok_or(RdbError::Corrupt("consumer holds an entry that is not pending"))? = index;
    }
    group.consumers.push(StreamConsumer {
        name,
        seen_time_ms,
        active_time_ms,
    });
    Ok(())
}

/// Gives the pending entries that nobody holds to the consumer without a name, from whom others may claim them.
fn read_released(input: &mut impl Input, group: &mut StreamGroup, losses: &mut Losses) -> Result<()> {
    let count = read_length(input)?;
    if count == 0 {
        return Ok(());
    }
    let nameless = group
        .consumers
        .iter()
        .position(|consumer| consumer.name.is_empty());
    let index = nameless.unwrap_or(group.consumers.len());
    let mut latest_ms = 0;
    for _ in 0..count {
        let id = read_raw_id(&input.array::<16>()?)?;
        let at = group.pending.binary_search_by_key(&id, |pending| pending.id);
        let pending = at.ok().map(|at| &mut group.pending[at]);
        let pending = pending
            .filter(|pending| pending.consumer == NO_CONSUMER)
            .ok_or(RdbError::Corrupt("released entry is not pending, or held"))?;
        pending.consumer = index;
        latest_ms = latest_ms.max(pending.delivery_time_ms);
    }
    if nameless.is_none() {
        group.consumers.push(StreamConsumer {
            name: Vec::new(),
            seen_time_ms: latest_ms,
            active_time_ms: None,
        });
    }
    losses.push(LOST_RELEASES);
    Ok(())
}
