//! A block: a run of consecutive stream entries in one byte buffer.
//!
//! ```text
//! buffer:  master fields │ entry │ entry │ ... │ entry
//! master:  count, then count × (length, name)
//! entry:   head │ ms delta │ seq │ fields │ back
//!   head   length of "ms delta .. fields" << 2 | same fields as the master << 1 | dead
//!   ms     distance from the block's base id; seq is the distance too when that is 0, else absolute
//!   fields count, then count × (length, name, length, value); only (length, value)s when same
//!   back   bytes from the entry's start to here, written reversed, to walk from the right
//! ```
//!
//! All numbers are varints. Entries only ever join at the end. A deleted entry is marked dead in
//! place; dead entries at the front are cut off by moving `start`; the buffer is rewritten without
//! its dead entries when they take more than half of it.

use super::id::StreamId;
use super::varint;

const DEAD: u8 = 1;
const SAME_FIELDS: u64 = 2;

/// A run of entries. Offsets are `u32`: the caller bounds a block to about 1 GiB.
#[derive(Debug)]
pub(super) struct Block {
    base: StreamId,
    live: u32,
    dead: u32,
    /// Entries before this offset are dead, the one at it is live (unless none is).
    start: u32,
    dead_bytes: u32,
    master_end: u32,
    bytes: Vec<u8>,
}

impl Clone for Block {
    fn clone(&self) -> Self {
        let mut bytes = Vec::new();
        bytes.reserve_exact(self.bytes.len());
        bytes.extend_from_slice(&self.bytes);
        Block { bytes, ..*self }
    }
}

impl Block {
    /// A block without entries whose base id and master fields are those of its first entry.
    pub fn new<'f>(base: StreamId, fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone) -> Self {
        let (count, size) = fields.clone().fold((0u64, 0), |(count, size), (name, _)| {
            (count + 1, size + sized_len(name))
        });
        let mut bytes = Vec::new();
        bytes.reserve_exact(varint::encoded_len(count) + size);
        varint::push(&mut bytes, count);
        for (name, _) in fields {
            push_sized(&mut bytes, name);
        }
        let master_end = offset(bytes.len());
        Block {
            base,
            live: 0,
            dead: 0,
            start: master_end,
            dead_bytes: 0,
            master_end,
            bytes,
        }
    }

    /// The id that deltas count from: not above any entry's.
    pub fn base(&self) -> StreamId {
        self.base
    }

    /// Entries that are not deleted.
    pub fn live(&self) -> u32 {
        self.live
    }

    /// Deleted entries whose bytes are still here.
    pub fn dead(&self) -> u32 {
        self.dead
    }

    /// Length of the buffer.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// Heap bytes of the buffer.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Adds an entry above all others.
    pub fn append<'f>(&mut self, id: StreamId, fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone) {
        let same = self.has_master_fields(fields.clone());
        let (ms_delta, seq) = self.delta(id);
        let (count, names, values) =
            fields
                .clone()
                .fold((0u64, 0, 0), |(count, names, values), (name, value)| {
                    (count + 1, names + sized_len(name), values + sized_len(value))
                });
        let fields_len = if same {
            values
        } else {
            varint::encoded_len(count) + names + values
        };
        let length = varint::encoded_len(ms_delta) + varint::encoded_len(seq) + fields_len;
        let head = (length as u64) << 2 | if same { SAME_FIELDS } else { 0 };
        let back = varint::encoded_len(head) + length;
        self.reserve(back + varint::encoded_len(back as u64));

        varint::push(&mut self.bytes, head);
        varint::push(&mut self.bytes, ms_delta);
        varint::push(&mut self.bytes, seq);
        if !same {
            varint::push(&mut self.bytes, count);
        }
        for (name, value) in fields {
            if !same {
                push_sized(&mut self.bytes, name);
            }
            push_sized(&mut self.bytes, value);
        }
        varint::push_reversed(&mut self.bytes, back as u64);
        self.live += 1;
    }

    /// Gives unused capacity back; for a block that will not grow any more.
    pub fn seal(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Where a walk to the right begins.
    pub fn first_offset(&self) -> usize {
        self.start as usize
    }

    /// Where a walk to the left begins.
    pub fn end_offset(&self) -> usize {
        self.bytes.len()
    }

    /// The first live entry at or behind `*at`; moves `*at` behind it. `None` at the end.
    pub fn next_entry(&self, at: &mut usize) -> Option<Entry<'_>> {
        while *at < self.bytes.len() {
            let raw = self.raw(*at);
            *at = raw.end;
            if !raw.dead {
                return Some(self.entry(&raw));
            }
        }
        None
    }

    /// The last live entry that ends at or before `*end`; moves `*end` to its start.
    pub fn prev_entry(&self, end: &mut usize) -> Option<Entry<'_>> {
        while *end > self.start as usize {
            *end = self.entry_start(*end);
            let raw = self.raw(*end);
            if !raw.dead {
                return Some(self.entry(&raw));
            }
        }
        None
    }

    /// The live entry with this id. Walks the block.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.find(id).map(|at| self.entry(&self.raw(at)))
    }

    /// The id of the last entry, dead or not.
    pub fn last_id(&self) -> StreamId {
        if self.bytes.len() == self.master_end as usize {
            return self.base;
        }
        self.raw(self.entry_start(self.bytes.len())).id
    }

    /// Deletes the entry with this id; `false` when it is not here. Walks the block.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some(at) = self.find(id) else { return false };
        let end = self.raw(at).end;
        self.bytes[at] |= DEAD;
        self.count_dead(end - at);
        self.skip_dead_front();
        self.compact_when_sparse();
        true
    }

    /// Takes out the deleted entries behind the last live one.
    pub fn drop_dead_end(&mut self) {
        while self.bytes.len() > self.start as usize {
            let at = self.entry_start(self.bytes.len());
            if !self.raw(at).dead {
                break;
            }
            self.dead -= 1;
            self.dead_bytes -= offset(self.bytes.len() - at);
            self.bytes.truncate(at);
        }
    }

    /// Deletes entries from the front while `doomed` says so (it sees the id and how many are live);
    /// returns how many.
    pub fn trim_front(&mut self, mut doomed: impl FnMut(StreamId, u32) -> bool) -> u32 {
        let live_before = self.live;
        while self.live > 0 {
            let at = self.start as usize;
            let raw = self.raw(at);
            if !doomed(raw.id, self.live) {
                break;
            }
            self.start = offset(raw.end);
            self.count_dead(raw.end - at);
            self.skip_dead_front();
        }
        let trimmed = live_before - self.live;
        if trimmed > 0 {
            self.compact_when_sparse();
        }
        trimmed
    }

    /// Checks the whole block; panics with what is broken.
    pub fn validate(&self) {
        let (mut live, mut dead_bytes) = (0, (self.start - self.master_end) as usize);
        let mut at = self.start as usize;
        let mut last = None;
        while at < self.bytes.len() {
            let raw = self.raw(at);
            assert!(
                raw.id >= self.base && last.is_none_or(|last| raw.id > last),
                "entry ids rise"
            );
            assert!(last.is_some() || !raw.dead, "start is at a live entry");
            assert_eq!(
                self.entry_start(raw.end),
                at,
                "back length leads to the entry's start"
            );
            last = Some(raw.id);
            if raw.dead {
                dead_bytes += raw.end - at;
            } else {
                live += 1;
                let mut fields = self.entry(&raw).fields();
                assert_eq!(fields.by_ref().count(), self.entry(&raw).field_count());
                assert!(fields.rest.is_empty(), "an entry ends with its last value");
            }
            at = raw.end;
        }
        assert_eq!(at, self.bytes.len(), "entries fill the buffer");
        assert_eq!(live, self.live);
        assert_eq!(dead_bytes, self.dead_bytes as usize);
        assert!(self.live > 0, "empty blocks are removed");
    }

    fn find(&self, id: StreamId) -> Option<usize> {
        let mut at = self.start as usize;
        while at < self.bytes.len() {
            let raw = self.raw(at);
            if raw.id >= id {
                return (raw.id == id && !raw.dead).then_some(at);
            }
            at = raw.end;
        }
        None
    }

    fn entry_start(&self, end: usize) -> usize {
        let mut at = end;
        let back = varint::read_backward(&self.bytes, &mut at) as usize;
        at - back
    }

    #[inline]
    fn raw(&self, at: usize) -> RawEntry {
        let mut cursor = at;
        let head = varint::read(&self.bytes, &mut cursor);
        let fields_end = cursor + (head >> 2) as usize;
        let back = fields_end - at;
        let ms_delta = varint::read(&self.bytes, &mut cursor);
        let seq = varint::read(&self.bytes, &mut cursor);
        let id = match ms_delta {
            0 => StreamId::new(self.base.ms, self.base.seq + seq),
            _ => StreamId::new(self.base.ms + ms_delta, seq),
        };
        RawEntry {
            id,
            dead: head & u64::from(DEAD) != 0,
            same: head & SAME_FIELDS != 0,
            fields: cursor,
            fields_end,
            end: fields_end + varint::encoded_len(back as u64),
        }
    }

    fn entry(&self, raw: &RawEntry) -> Entry<'_> {
        let fields = &self.bytes[raw.fields..raw.fields_end];
        let counted = if raw.same {
            &self.bytes[..self.master_end as usize]
        } else {
            fields
        };
        let mut at = 0;
        let count = varint::read(counted, &mut at) as usize;
        let (names, rest) = if raw.same {
            (Some(&counted[at..]), fields)
        } else {
            (None, &fields[at..])
        };
        Entry {
            id: raw.id,
            fields: Fields { names, rest, count },
        }
    }

    fn has_master_fields<'f>(&self, fields: impl Iterator<Item = (&'f [u8], &'f [u8])>) -> bool {
        let mut at = 0;
        let mut left = varint::read(&self.bytes, &mut at);
        let mut names = &self.bytes[at..self.master_end as usize];
        for (name, _) in fields {
            if left == 0 || take_sized(&mut names) != name {
                return false;
            }
            left -= 1;
        }
        left == 0
    }

    fn delta(&self, id: StreamId) -> (u64, u64) {
        match id.ms - self.base.ms {
            0 => (0, id.seq - self.base.seq),
            ms_delta => (ms_delta, id.seq),
        }
    }

    /// Makes room for `extra` bytes with at most a quarter of slack.
    fn reserve(&mut self, extra: usize) {
        let needed = self.bytes.len() + extra;
        let capacity = self.bytes.capacity();
        if needed > capacity {
            let target = needed.max(capacity + capacity / 4);
            self.bytes.reserve_exact(target - self.bytes.len());
        }
    }

    fn count_dead(&mut self, bytes: usize) {
        self.live -= 1;
        self.dead += 1;
        self.dead_bytes += offset(bytes);
    }

    fn skip_dead_front(&mut self) {
        let mut at = self.start as usize;
        while at < self.bytes.len() {
            let raw = self.raw(at);
            if !raw.dead {
                break;
            }
            at = raw.end;
        }
        self.start = offset(at);
    }

    fn compact_when_sparse(&mut self) {
        let entry_bytes = self.bytes.len() - self.master_end as usize;
        if self.live == 0 || self.dead_bytes as usize * 2 <= entry_bytes {
            return;
        }
        let mut compact = Vec::new();
        compact.reserve_exact(self.bytes.len() - self.dead_bytes as usize);
        compact.extend_from_slice(&self.bytes[..self.master_end as usize]);
        let mut at = self.start as usize;
        while at < self.bytes.len() {
            let raw = self.raw(at);
            if !raw.dead {
                compact.extend_from_slice(&self.bytes[at..raw.end]);
            }
            at = raw.end;
        }
        self.bytes = compact;
        self.start = self.master_end;
        self.dead = 0;
        self.dead_bytes = 0;
    }
}

/// An entry's place in the buffer.
struct RawEntry {
    id: StreamId,
    dead: bool,
    same: bool,
    fields: usize,
    fields_end: usize,
    end: usize,
}

/// A view of one entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    id: StreamId,
    fields: Fields<'a>,
}

impl<'a> Entry<'a> {
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Number of field-value pairs.
    pub fn field_count(&self) -> usize {
        self.fields.count
    }

    /// The field-value pairs in the order they were given.
    pub fn fields(&self) -> Fields<'a> {
        self.fields
    }
}

/// Iterator over the (field, value) pairs of an entry; does not allocate.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    /// Names in the master fields, when the entry shares them.
    names: Option<&'a [u8]>,
    rest: &'a [u8],
    count: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.count == 0 {
            return None;
        }
        self.count -= 1;
        let name = take_sized(self.names.as_mut().unwrap_or(&mut self.rest));
        Some((name, take_sized(&mut self.rest)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Fields<'_> {}

fn sized_len(bytes: &[u8]) -> usize {
    varint::encoded_len(bytes.len() as u64) + bytes.len()
}

fn push_sized(buffer: &mut Vec<u8>, bytes: &[u8]) {
    varint::push(buffer, bytes.len() as u64);
    buffer.extend_from_slice(bytes);
}

fn take_sized<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let mut at = 0;
    let length = varint::read(bytes, &mut at) as usize;
    let (taken, rest) = bytes[at..].split_at(length);
    *bytes = rest;
    taken
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a block is bounded to less than 4 GiB")
}
