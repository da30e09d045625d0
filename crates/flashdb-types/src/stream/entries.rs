//! The entries of a stream with its counters: append, delete, trim, lookup and ranges in both
//! directions. Knows nothing of consumer groups. Ids only rise: an append below the last id is
//! refused, so blocks never need to be opened in the middle.

use super::block::{Block, Entry};
use super::id::StreamId;
use super::index::{BlockIndex, BlockPos};

/// Largest sum of field and value bytes of one entry, and largest block (as in Redis).
pub const ENTRY_BYTES_MAX: usize = 1 << 30;

/// When a block counts as full; 0 means no limit of that kind.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// `stream-node-max-bytes`
    pub node_bytes_max: usize,
    /// `stream-node-max-entries`
    pub node_entries_max: u64,
}

/// Why an entry was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// The id is not above the last id.
    NotGreater,
    /// The entry's fields exceed [`ENTRY_BYTES_MAX`].
    TooLarge,
}

/// What a trim leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrimTo {
    /// At most this many entries.
    MaxLen(u64),
    /// No entries below this id.
    MinId(StreamId),
}

/// A trim as XADD and XTRIM describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    pub to: TrimTo,
    /// `~`: only whole blocks go.
    pub approximate: bool,
    /// Most entries to delete; 0 means no limit.
    pub limit: u64,
}

/// Why the counters of a stream cannot be set as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetIdError {
    /// The id is below the last entry's.
    BelowTopEntry,
    /// The count of entries ever added is below the number of entries.
    AddedBelowLength,
}

/// The entries of a stream and the counters that survive them.
#[derive(Debug, Default)]
pub struct Entries {
    index: BlockIndex,
    len: u64,
    first_id: StreamId,
    last_id: StreamId,
    max_deleted_id: StreamId,
    entries_added: u64,
    /// Capacity of all blocks' buffers.
    block_bytes: usize,
}

impl Clone for Entries {
    fn clone(&self) -> Self {
        let mut index = self.index.clone();
        index.recount();
        let block_bytes = index.blocks().map(Block::heap_bytes).sum();
        Entries {
            index,
            block_bytes,
            ..*self
        }
    }
}

impl Entries {
    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Id of the first entry, `0-0` when there is none.
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The largest id ever used (or set by XSETID).
    pub fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The largest id that XDEL deleted, `0-0` for none.
    pub fn max_deleted_id(&self) -> StreamId {
        self.max_deleted_id
    }

    /// Entries added over the stream's life.
    pub fn entries_added(&self) -> u64 {
        self.entries_added
    }

    /// Number of blocks.
    pub fn block_count(&self) -> usize {
        self.index.len()
    }

    /// Heap bytes of blocks and index.
    pub fn heap_bytes(&self) -> usize {
        self.index.heap_bytes() + self.block_bytes
    }

    /// Heap allocations of blocks and index.
    pub fn allocations(&self) -> usize {
        self.index.len() + self.index.allocations()
    }

    /// Adds an entry with an id above the last one. Cost: the entry's size.
    pub fn append<'f, I>(&mut self, id: StreamId, fields: I, limits: &StreamLimits) -> Result<(), AppendError>
    where
        I: Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
    {
        if id <= self.last_id {
            return Err(AppendError::NotGreater);
        }
        let size: usize = fields.clone().map(|(name, value)| name.len() + value.len()).sum();
        if size > ENTRY_BYTES_MAX {
            return Err(AppendError::TooLarge);
        }
        let pos = self.block_for_append(id, fields.clone(), size, limits);
        self.change_block(pos, |block| block.append(id, fields));
        self.len += 1;
        self.entries_added += 1;
        self.last_id = id;
        if self.len == 1 {
            self.first_id = id;
        }
        Ok(())
    }

    /// Deletes the entry with this id; `false` when there is none. Cost: a walk over its block.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let Some(pos) = self.index.floor(id) else {
            return false;
        };
        if !self.change_block(pos, |block| block.delete(id)) {
            return false;
        }
        self.len -= 1;
        self.max_deleted_id = self.max_deleted_id.max(id);
        self.remove_block_if_empty(pos);
        if id == self.first_id {
            self.refresh_first_id();
        }
        true
    }

    /// Deletes entries from the front as `trim` says; returns how many. Follows XTRIM of Redis 7.0:
    /// does not touch the largest deleted id.
    pub fn trim(&mut self, trim: &Trim) -> u64 {
        let mut deleted = 0;
        while let Some(pos) = self.index.first() {
            if matches!(trim.to, TrimTo::MaxLen(max) if self.len <= max) {
                break;
            }
            let block = self.index.get(pos);
            let live = u64::from(block.live());
            if trim.limit > 0 && deleted + live > trim.limit {
                break;
            }
            let whole = match trim.to {
                TrimTo::MaxLen(max) => self.len - live >= max,
                TrimTo::MinId(id) => block.last_id() < id,
            };
            if whole {
                self.len -= live;
                deleted += live;
                self.remove_block(pos);
                continue;
            }
            if !trim.approximate {
                deleted += self.trim_within(pos, trim.to);
            }
            break;
        }
        if deleted > 0 {
            self.refresh_first_id();
        }
        deleted
    }

    /// The entry with this id. Cost: a walk over its block.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        if id < self.first_id || id > self.last_id {
            return None;
        }
        self.index.get(self.index.floor(id)?).get(id)
    }

    /// Whether an entry with this id exists.
    pub fn contains(&self, id: StreamId) -> bool {
        self.get(id).is_some()
    }

    /// Entries with `start <= id <= end`, rising.
    pub fn range(&self, start: StreamId, end: StreamId) -> Range<'_> {
        let pos = if start > end {
            None
        } else {
            self.index.floor(start).or_else(|| self.index.first())
        };
        let at = pos.map_or(0, |pos| self.index.get(pos).first_offset());
        Range {
            entries: self,
            pos,
            at,
            start,
            end,
        }
    }

    /// Entries with `start <= id <= end`, falling.
    pub fn range_rev(&self, start: StreamId, end: StreamId) -> RangeRev<'_> {
        let pos = if start > end { None } else { self.index.floor(end) };
        let at = pos.map_or(0, |pos| self.index.get(pos).end_offset());
        RangeRev {
            entries: self,
            pos,
            at,
            start,
            end,
        }
    }

    /// All entries, rising.
    pub fn iter(&self) -> Range<'_> {
        self.range(StreamId::MIN, StreamId::MAX)
    }

    /// The last entry.
    pub fn last(&self) -> Option<Entry<'_>> {
        self.range_rev(StreamId::MIN, StreamId::MAX).next()
    }

    /// The blocks in order, for encoders that keep the grouping.
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = BlockView<'_>> {
        self.index.blocks().map(|block| BlockView { block })
    }

    /// Sets the last id, and, where given, the count of entries ever added and the largest deleted
    /// id (`0-0` is ignored), as XSETID does.
    pub fn set_counters(
        &mut self,
        last_id: StreamId,
        entries_added: Option<u64>,
        max_deleted_id: Option<StreamId>,
    ) -> Result<(), SetIdError> {
        if self.last().is_some_and(|top| last_id < top.id()) {
            return Err(SetIdError::BelowTopEntry);
        }
        if entries_added.is_some_and(|added| added < self.len) {
            return Err(SetIdError::AddedBelowLength);
        }
        // Where the last id goes down, new entries may come below deleted ones, which must not be in their way then.
        if let Some(tail) = self.index.last().filter(|_| last_id < self.last_id) {
            self.change_block(tail, Block::drop_dead_end);
        }
        self.last_id = last_id;
        self.entries_added = entries_added.unwrap_or(self.entries_added);
        self.max_deleted_id = max_deleted_id
            .filter(|id| *id != StreamId::MIN)
            .unwrap_or(self.max_deleted_id);
        Ok(())
    }

    /// Whether a deleted id may lie at or behind `start`: then counting from there is unsafe.
    pub(super) fn may_have_gap_from(&self, start: StreamId) -> bool {
        self.len > 0
            && self.max_deleted_id != StreamId::MIN
            && self.first_id <= self.max_deleted_id
            && start <= self.max_deleted_id
    }

    /// How many entries were ever added up to and including `id`, where that can be told: at and
    /// before the first entry if nothing behind was deleted, and at the last id. Redis 7.0 rules.
    pub fn logical_position(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if id == self.last_id || (self.len == 0 && id < self.last_id) {
            return Some(self.entries_added);
        }
        let gap = self.max_deleted_id != StreamId::MIN && self.max_deleted_id >= self.first_id;
        if id > self.last_id || id > self.first_id || gap {
            return None;
        }
        let before_first = self.entries_added.saturating_sub(self.len);
        Some(before_first + u64::from(id == self.first_id))
    }

    /// Checks every block and counter; panics with what is broken.
    pub fn validate(&self) {
        self.index.validate();
        let mut blocks = self.index.blocks().peekable();
        while let Some(block) = blocks.next() {
            block.validate();
            if let Some(next) = blocks.peek() {
                assert!(block.last_id() < next.base(), "blocks do not overlap");
            }
        }
        assert_eq!(
            self.index
                .blocks()
                .map(|block| u64::from(block.live()))
                .sum::<u64>(),
            self.len
        );
        assert_eq!(
            self.index.blocks().map(Block::heap_bytes).sum::<usize>(),
            self.block_bytes
        );
        assert_eq!(
            self.iter().next().map_or(StreamId::MIN, |entry| entry.id()),
            self.first_id
        );
        assert!(
            self.last().is_none_or(|entry| entry.id() <= self.last_id),
            "last id is the top"
        );
    }

    /// The tail block, or a fresh one when an entry of `size` bytes does not fit there any more.
    fn block_for_append<'f>(
        &mut self,
        id: StreamId,
        fields: impl Iterator<Item = (&'f [u8], &'f [u8])> + Clone,
        size: usize,
        limits: &StreamLimits,
    ) -> BlockPos {
        if let Some(tail) = self.index.last() {
            if has_room(self.index.get(tail), size, limits) {
                return tail;
            }
            self.change_block(tail, Block::seal);
        }
        let block = Block::new(id, fields);
        self.block_bytes += block.heap_bytes();
        self.index.push_back(block);
        self.index.last().expect("a block was just added")
    }

    fn change_block<R>(&mut self, pos: BlockPos, change: impl FnOnce(&mut Block) -> R) -> R {
        let block = self.index.get_mut(pos);
        self.block_bytes -= block.heap_bytes();
        let result = change(block);
        self.block_bytes += block.heap_bytes();
        result
    }

    fn trim_within(&mut self, pos: BlockPos, to: TrimTo) -> u64 {
        let live = self.index.get(pos).live();
        let others = self.len - u64::from(live);
        let trimmed = self.change_block(pos, |block| {
            block.trim_front(|id, live| match to {
                TrimTo::MaxLen(max) => others + u64::from(live) > max,
                TrimTo::MinId(min) => id < min,
            })
        });
        self.len -= u64::from(trimmed);
        self.remove_block_if_empty(pos);
        u64::from(trimmed)
    }

    fn remove_block_if_empty(&mut self, pos: BlockPos) {
        if self.index.get(pos).live() == 0 {
            self.remove_block(pos);
        }
    }

    fn remove_block(&mut self, pos: BlockPos) {
        self.block_bytes -= self.index.get(pos).heap_bytes();
        self.index.remove(pos);
    }

    fn refresh_first_id(&mut self) {
        self.first_id = self.iter().next().map_or(StreamId::MIN, |entry| entry.id());
    }
}

fn has_room(block: &Block, size: usize, limits: &StreamLimits) -> bool {
    let bytes_max = match limits.node_bytes_max {
        0 => ENTRY_BYTES_MAX,
        bytes => bytes.min(ENTRY_BYTES_MAX),
    };
    let entries = u64::from(block.live()) + u64::from(block.dead());
    block.bytes_len() + size < bytes_max
        && (limits.node_entries_max == 0 || entries < limits.node_entries_max)
}

/// A view of one block.
#[derive(Clone, Copy, Debug)]
pub struct BlockView<'a> {
    block: &'a Block,
}

impl<'a> BlockView<'a> {
    /// The id that the block was opened with: at or below each of its entries.
    pub fn base(&self) -> StreamId {
        self.block.base()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.block.live() as usize
    }

    /// Always `false`: a block without entries is removed.
    pub fn is_empty(&self) -> bool {
        self.block.live() == 0
    }

    /// The entries of the block, rising.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let block = self.block;
        let mut at = block.first_offset();
        std::iter::from_fn(move || block.next_entry(&mut at))
    }
}

/// Rising iterator over entries; does not allocate.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    entries: &'a Entries,
    pos: Option<BlockPos>,
    at: usize,
    start: StreamId,
    end: StreamId,
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let index = &self.entries.index;
        while let Some(pos) = self.pos {
            match index.get(pos).next_entry(&mut self.at) {
                Some(entry) if entry.id() > self.end => self.pos = None,
                Some(entry) if entry.id() >= self.start => return Some(entry),
                Some(_) => {}
                None => {
                    self.pos = index.next(pos);
                    self.at = self.pos.map_or(0, |pos| index.get(pos).first_offset());
                }
            }
        }
        None
    }
}

/// Falling iterator over entries; does not allocate.
#[derive(Clone, Debug)]
pub struct RangeRev<'a> {
    entries: &'a Entries,
    pos: Option<BlockPos>,
    at: usize,
    start: StreamId,
    end: StreamId,
}

impl<'a> Iterator for RangeRev<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let index = &self.entries.index;
        while let Some(pos) = self.pos {
            match index.get(pos).prev_entry(&mut self.at) {
                Some(entry) if entry.id() < self.start => self.pos = None,
                Some(entry) if entry.id() <= self.end => return Some(entry),
                Some(_) => {}
                None => {
                    self.pos = index.prev(pos);
                    self.at = self.pos.map_or(0, |pos| index.get(pos).end_offset());
                }
            }
        }
        None
    }
}
