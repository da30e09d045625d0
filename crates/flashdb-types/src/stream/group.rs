//! A consumer group: how far it has read, which entries are pending (delivered, not acknowledged),
//! and its consumers.
//!
//! Each pending entry is stored once, in the group's map by id; a consumer holds only the set of
//! its ids. Invariant: an id is in the set of exactly the consumer that its pending entry names.
//! Consumers live in numbered slots, so that a pending entry names one in four bytes.

use std::collections::{BTreeMap, BTreeSet, btree_map};

use super::block::Entry;
use super::entries::Entries;
use super::id::StreamId;

/// A consumer within its group; valid until that consumer is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId(u32);

/// An entry delivered to a consumer and not yet acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    pub consumer: ConsumerId,
    /// Unix time of the last delivery.
    pub delivery_time_ms: i64,
    pub delivery_count: u64,
}

impl Pending {
    /// Time since the last delivery; negative when the clock went back.
    pub fn idle_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.delivery_time_ms)
    }
}

/// A member of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    name: Box<[u8]>,
    seen_time_ms: i64,
    active_time_ms: Option<i64>,
    pending: BTreeSet<StreamId>,
}

impl Consumer {
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Unix time of the last command that named this consumer.
    pub fn seen_time_ms(&self) -> i64 {
        self.seen_time_ms
    }

    /// Unix time when it last got entries (by reading or claiming), if it ever did.
    pub fn active_time_ms(&self) -> Option<i64> {
        self.active_time_ms
    }

    /// Number of its pending entries.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }
}

/// What XCLAIM and XAUTOCLAIM do to an entry they claim.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Leave entries alone whose last delivery is less than this ago; 0 or less takes all.
    pub idle_ms_min: i64,
    /// The delivery time to record.
    pub delivery_time_ms: i64,
    /// The delivery count to record, instead of counting this delivery.
    pub delivery_count: Option<u64>,
    /// JUSTID: the entry's data is not delivered, so the count stays.
    pub keep_count: bool,
    /// Make an existing entry pending that is not.
    pub force: bool,
}

/// What became of one claimed id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It belongs to the consumer now.
    Taken,
    /// The entry does not exist in the stream any more; it is no longer pending either.
    Deleted,
    /// Not pending, or not idle long enough.
    Left,
}

/// What XAUTOCLAIM did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoClaim {
    /// Where to go on; `0-0` when the end was reached.
    pub cursor: StreamId,
    /// Ids that belong to the consumer now, rising.
    pub taken: Vec<StreamId>,
    /// Ids dropped because their entries do not exist any more, rising.
    pub deleted: Vec<StreamId>,
}

/// XAUTOCLAIM looks at most at this many pending entries for each one it may return.
const AUTOCLAIM_ATTEMPTS: usize = 10;

/// A consumer group.
#[derive(Debug, Clone)]
pub struct Group {
    name: Box<[u8]>,
    last_delivered_id: StreamId,
    entries_read: Option<u64>,
    pending: BTreeMap<StreamId, Pending>,
    slots: Vec<Option<Consumer>>,
    /// Consumers in order of their names.
    by_name: Vec<ConsumerId>,
    free: Vec<ConsumerId>,
    /// Heap bytes of consumers' names and pending sets.
    consumer_bytes: usize,
}

impl Group {
    pub(super) fn new(name: &[u8], last_delivered_id: StreamId, entries_read: Option<u64>) -> Self {
        Group {
            name: name.into(),
            last_delivered_id,
            entries_read,
            pending: BTreeMap::new(),
            slots: Vec::new(),
            by_name: Vec::new(),
            free: Vec::new(),
            consumer_bytes: 0,
        }
    }

    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The last id given to any consumer by reading new entries.
    pub fn last_delivered_id(&self) -> StreamId {
        self.last_delivered_id
    }

    /// How many entries the group has read, counted over the stream's life; `None` when unknown.
    pub fn entries_read(&self) -> Option<u64> {
        self.entries_read
    }

    /// Sets where the group stands (XGROUP SETID).
    pub fn set_position(&mut self, last_delivered_id: StreamId, entries_read: Option<u64>) {
        self.last_delivered_id = last_delivered_id;
        self.entries_read = entries_read;
    }

    /// Moves the last delivered id up, never down (XCLAIM LASTID); returns whether it moved. A step to
    /// the very next entry counts as read, so that replayed deliveries leave the same position.
    pub fn advance_position(&mut self, id: StreamId, entries: &Entries) -> bool {
        let ahead = id > self.last_delivered_id;
        if ahead {
            let next = self.last_delivered_id.next();
            let next = next.and_then(|start| entries.range(start, StreamId::MAX).next());
            if next.is_some_and(|entry| entry.id() == id) {
                self.step_to(entries, id);
            } else {
                self.last_delivered_id = id;
            }
        }
        ahead
    }

    /// Entries of the stream that the group has not read, where that can be told (Redis 7.0 rules).
    pub fn lag(&self, entries: &Entries) -> Option<i64> {
        let added = entries.entries_added();
        if added == 0 {
            return Some(0);
        }
        let read = match self.entries_read {
            Some(read) if !entries.may_have_gap_from(self.last_delivered_id) => Some(read),
            _ => entries.logical_position(self.last_delivered_id),
        };
        read.map(|read| added.wrapping_sub(read) as i64)
    }

    // Consumers.

    /// Number of consumers.
    pub fn consumer_count(&self) -> usize {
        self.by_name.len()
    }

    /// Consumers in order of their names.
    pub fn consumers(&self) -> impl Iterator<Item = (ConsumerId, &Consumer)> {
        self.by_name.iter().map(|&id| (id, self.consumer(id)))
    }

    /// The consumer behind an id of this group.
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.slots[id.0 as usize]
            .as_ref()
            .expect("consumer ids are those of live consumers")
    }

    /// The consumer with this name.
    pub fn find_consumer(&self, name: &[u8]) -> Option<ConsumerId> {
        self.search_name(name).ok().map(|at| self.by_name[at])
    }

    /// Adds a consumer, seen now; `None` when the name is taken. Cost: O(consumers) small moves.
    pub fn create_consumer(&mut self, name: &[u8], now_ms: i64) -> Option<ConsumerId> {
        let at = self.search_name(name).err()?;
        let consumer = Consumer {
            name: name.into(),
            seen_time_ms: now_ms,
            active_time_ms: None,
            pending: BTreeSet::new(),
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id.0 as usize] = Some(consumer);
                id
            }
            None => {
                let id = ConsumerId(u32::try_from(self.slots.len()).ok()?);
                self.slots.push(Some(consumer));
                id
            }
        };
        self.by_name.insert(at, id);
        self.consumer_bytes += name.len();
        Some(id)
    }

    /// Deletes a consumer with its pending entries; returns how many those were, `None` when there
    /// is no such consumer.
    pub fn delete_consumer(&mut self, name: &[u8]) -> Option<u64> {
        let at = self.search_name(name).ok()?;
        let id = self.by_name.remove(at);
        let consumer = self.slots[id.0 as usize].take()?;
        for pending in &consumer.pending {
            self.pending.remove(pending);
        }
        self.consumer_bytes -= consumer.name.len() + set_bytes(consumer.pending.len());
        self.free.push(id);
        Some(consumer.pending.len() as u64)
    }

    /// Records that a command named the consumer.
    pub fn touch_consumer(&mut self, id: ConsumerId, now_ms: i64) {
        self.consumer_mut(id).seen_time_ms = now_ms;
    }

    /// Sets a consumer's times as they were stored.
    pub fn set_consumer_times(&mut self, id: ConsumerId, seen_time_ms: i64, active_time_ms: Option<i64>) {
        let consumer = self.consumer_mut(id);
        consumer.seen_time_ms = seen_time_ms;
        consumer.active_time_ms = active_time_ms;
    }

    // Pending entries.

    /// Number of pending entries.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Lowest and highest pending id.
    pub fn pending_bounds(&self) -> Option<(StreamId, StreamId)> {
        Some((
            *self.pending.first_key_value()?.0,
            *self.pending.last_key_value()?.0,
        ))
    }

    /// The pending entry with this id.
    pub fn pending(&self, id: StreamId) -> Option<&Pending> {
        self.pending.get(&id)
    }

    /// Pending entries with `start <= id <= end`, rising.
    pub fn pending_range(
        &self,
        start: StreamId,
        end: StreamId,
    ) -> impl DoubleEndedIterator<Item = (StreamId, &Pending)> {
        // An inverted range would make the map panic.
        let bounds = if start <= end {
            (start, end)
        } else {
            (StreamId::MAX, StreamId::MAX)
        };
        self.pending
            .range(bounds.0..=bounds.1)
            .filter(move |_| start <= end)
            .map(|(&id, pending)| (id, pending))
    }

    /// The same for one consumer; a lookup each.
    pub fn pending_range_of(
        &self,
        consumer: ConsumerId,
        start: StreamId,
        end: StreamId,
    ) -> impl DoubleEndedIterator<Item = (StreamId, &Pending)> {
        let bounds = if start <= end {
            (start, end)
        } else {
            (StreamId::MAX, StreamId::MAX)
        };
        self.consumer(consumer)
            .pending
            .range(bounds.0..=bounds.1)
            .filter(move |_| start <= end)
            .map(|&id| (id, &self.pending[&id]))
    }

    /// Makes `id` pending as given, or gives it to another consumer. Does not look at the stream.
    pub fn set_pending(&mut self, id: StreamId, pending: Pending) {
        match self.pending.entry(id) {
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(pending);
            }
            btree_map::Entry::Occupied(mut occupied) => {
                let previous = std::mem::replace(occupied.get_mut(), pending).consumer;
                if previous == pending.consumer {
                    return;
                }
                disown(&mut self.slots, &mut self.consumer_bytes, previous, id);
            }
        }
        own(&mut self.slots, &mut self.consumer_bytes, pending.consumer, id);
    }

    /// Acknowledges `id`: it is no longer pending. `None` when it was not.
    pub fn ack(&mut self, id: StreamId) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        disown(&mut self.slots, &mut self.consumer_bytes, pending.consumer, id);
        Some(pending)
    }

    /// Delivers up to `count_max` entries behind the last delivered id to `consumer` (XREADGROUP with
    /// `>`), calling `visit` with each; returns how many. With `no_ack` they do not become pending.
    pub fn read_new<'a>(
        &mut self,
        entries: &'a Entries,
        consumer: ConsumerId,
        count_max: usize,
        no_ack: bool,
        now_ms: i64,
        mut visit: impl FnMut(Entry<'a>),
    ) -> usize {
        let Some(start) = self.last_delivered_id.next() else {
            return 0;
        };
        let mut delivered = 0;
        for entry in entries.range(start, StreamId::MAX).take(count_max) {
            self.step_to(entries, entry.id());
            if !no_ack {
                let pending = Pending {
                    consumer,
                    delivery_time_ms: now_ms,
                    delivery_count: 1,
                };
                self.set_pending(entry.id(), pending);
            }
            visit(entry);
            delivered += 1;
        }
        if delivered > 0 {
            self.consumer_mut(consumer).active_time_ms = Some(now_ms);
        }
        delivered
    }

    /// Delivers up to `count_max` of the consumer's own pending entries above `after` again (XREADGROUP
    /// with an id); `visit` gets `None` for those deleted from the stream. Returns how many.
    pub fn read_history<'a>(
        &mut self,
        entries: &'a Entries,
        consumer: ConsumerId,
        after: StreamId,
        count_max: usize,
        now_ms: i64,
        mut visit: impl FnMut(StreamId, Option<Entry<'a>>),
    ) -> usize {
        let (Some(start), Some(reader)) = (after.next(), self.slots[consumer.0 as usize].as_ref()) else {
            return 0;
        };
        let mut delivered = 0;
        for &id in reader.pending.range(start..).take(count_max) {
            let entry = entries.get(id);
            if let (Some(_), Some(pending)) = (&entry, self.pending.get_mut(&id)) {
                pending.delivery_time_ms = now_ms;
                pending.delivery_count = pending.delivery_count.saturating_add(1);
            }
            visit(id, entry);
            delivered += 1;
        }
        delivered
    }

    /// Gives one id to `consumer` (XCLAIM).
    pub fn claim(
        &mut self,
        entries: &Entries,
        id: StreamId,
        consumer: ConsumerId,
        claim: &Claim,
        now_ms: i64,
    ) -> Claimed {
        if !entries.contains(id) {
            return if self.ack(id).is_some() {
                Claimed::Deleted
            } else {
                Claimed::Left
            };
        }
        let count_before = match self.pending.get(&id) {
            Some(pending) if claim.idle_ms_min > 0 && pending.idle_ms(now_ms) < claim.idle_ms_min => {
                return Claimed::Left;
            }
            Some(pending) => pending.delivery_count,
            // A forced entry starts as one delivery, as Redis counts it.
            None if claim.force => 1,
            None => return Claimed::Left,
        };
        let counted = count_before.saturating_add(u64::from(!claim.keep_count));
        let delivery_count = claim.delivery_count.unwrap_or(counted);
        self.set_pending(
            id,
            Pending {
                consumer,
                delivery_time_ms: claim.delivery_time_ms,
                delivery_count,
            },
        );
        self.consumer_mut(consumer).active_time_ms = Some(now_ms);
        Claimed::Taken
    }

    /// Walks the pending entries from `start` and claims up to `count_max` (XAUTOCLAIM); deleted ones
    /// count too. Looks at ten times as many at most.
    pub fn auto_claim(
        &mut self,
        entries: &Entries,
        start: StreamId,
        consumer: ConsumerId,
        count_max: usize,
        claim: &Claim,
        now_ms: i64,
    ) -> AutoClaim {
        let mut done = AutoClaim::default();
        let mut attempts = count_max.saturating_mul(AUTOCLAIM_ATTEMPTS);
        let mut next = self.first_pending_from(Some(start));
        while let Some(id) = next {
            if attempts == 0 || done.taken.len() + done.deleted.len() == count_max {
                done.cursor = id;
                break;
            }
            attempts -= 1;
            match self.claim(entries, id, consumer, claim, now_ms) {
                Claimed::Taken => done.taken.push(id),
                Claimed::Deleted => done.deleted.push(id),
                Claimed::Left => {}
            }
            next = self.first_pending_from(id.next());
        }
        done
    }

    /// Heap bytes; what the trees take is computed from their lengths.
    pub fn heap_bytes(&self) -> usize {
        self.name.len()
            + self.slots.capacity() * size_of::<Option<Consumer>>()
            + (self.by_name.capacity() + self.free.capacity()) * size_of::<ConsumerId>()
            + self.consumer_bytes
            + btree_bytes(self.pending.len(), size_of::<(StreamId, Pending)>())
    }

    /// Heap allocations, to weigh the cost of freeing it.
    pub fn allocations(&self) -> usize {
        2 + 2 * self.by_name.len() + 2 * self.pending.len().div_ceil(BTREE_LEAF_TYPICAL)
    }

    /// Checks the whole group; panics with what is broken.
    pub fn validate(&self) {
        let names: Vec<&[u8]> = self.consumers().map(|(_, consumer)| consumer.name()).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "names rise");
        assert_eq!(self.slots.iter().flatten().count(), self.by_name.len());
        assert_eq!(self.free.len() + self.by_name.len(), self.slots.len());
        let owned: usize = self.consumers().map(|(_, consumer)| consumer.pending.len()).sum();
        assert_eq!(owned, self.pending.len(), "each pending entry has one owner");
        for (id, pending) in &self.pending {
            assert!(
                self.consumer(pending.consumer).pending.contains(id),
                "the owner knows it"
            );
        }
        let bytes: usize = self
            .consumers()
            .map(|(_, consumer)| consumer.name.len() + set_bytes(consumer.pending.len()))
            .sum();
        assert_eq!(bytes, self.consumer_bytes);
    }

    /// Moves the position to an entry being delivered, keeping the read count where it can be told.
    fn step_to(&mut self, entries: &Entries, id: StreamId) {
        self.entries_read = match self.entries_read {
            Some(read) if !entries.may_have_gap_from(id) => Some(read.saturating_add(1)),
            _ => entries.logical_position(id),
        };
        self.last_delivered_id = id;
    }

    fn first_pending_from(&self, start: Option<StreamId>) -> Option<StreamId> {
        self.pending.range(start?..).next().map(|(&id, _)| id)
    }

    fn search_name(&self, name: &[u8]) -> Result<usize, usize> {
        self.by_name
            .binary_search_by(|&id| self.consumer(id).name().cmp(name))
    }

    fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.slots[id.0 as usize]
            .as_mut()
            .expect("consumer ids are those of live consumers")
    }
}

// Free functions, so that the map of pending entries can stay borrowed.

fn own(slots: &mut [Option<Consumer>], bytes: &mut usize, owner: ConsumerId, id: StreamId) {
    let consumer = slots[owner.0 as usize]
        .as_mut()
        .expect("a pending entry names a live consumer");
    *bytes -= set_bytes(consumer.pending.len());
    consumer.pending.insert(id);
    *bytes += set_bytes(consumer.pending.len());
}

fn disown(slots: &mut [Option<Consumer>], bytes: &mut usize, owner: ConsumerId, id: StreamId) {
    let consumer = slots[owner.0 as usize]
        .as_mut()
        .expect("a pending entry names a live consumer");
    *bytes -= set_bytes(consumer.pending.len());
    consumer.pending.remove(&id);
    *bytes += set_bytes(consumer.pending.len());
}

/// Elements that a leaf of a standard B-tree holds after rising insertions, and at most.
const BTREE_LEAF_TYPICAL: usize = 7;
const BTREE_LEAF_MAX: usize = 11;

fn set_bytes(len: usize) -> usize {
    btree_bytes(len, size_of::<StreamId>())
}

/// Heap bytes of a standard B-tree filled in rising order, as ids mostly are.
fn btree_bytes(len: usize, element_bytes: usize) -> usize {
    let leaf_bytes = BTREE_LEAF_MAX * element_bytes + 16;
    match len {
        0 => 0,
        1..=BTREE_LEAF_MAX => leaf_bytes,
        _ => {
            let leaves = len.div_ceil(BTREE_LEAF_TYPICAL);
            let inner = leaves.div_ceil(BTREE_LEAF_TYPICAL - 1);
            leaves * leaf_bytes + inner * (leaf_bytes + (BTREE_LEAF_MAX + 1) * size_of::<usize>())
        }
    }
}
