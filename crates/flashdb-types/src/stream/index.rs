//! The blocks of a stream in order of their base ids, in two levels: a queue of runs, each a queue
//! of at most [`RUN_BLOCKS`] blocks. Growing never copies more than one run, both ends are O(1), a
//! lookup is two binary searches, and heap bytes are exact (a `BTreeMap` would cost a stream of one
//! entry half a kilobyte, and its figures are out of reach).

use std::collections::VecDeque;

use super::block::Block;
use super::id::StreamId;

const RUN_BLOCKS: usize = 128;

/// Place of a block; valid until blocks are added or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockPos {
    run: usize,
    slot: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct BlockIndex {
    runs: VecDeque<VecDeque<Block>>,
    len: usize,
    /// Slots allocated over all runs.
    slots: usize,
}

impl BlockIndex {
    pub fn len(&self) -> usize {
        self.len
    }

    /// Heap bytes of the index itself, without the blocks' buffers.
    pub fn heap_bytes(&self) -> usize {
        self.runs.capacity() * size_of::<VecDeque<Block>>() + self.slots * size_of::<Block>()
    }

    /// Heap allocations of the index itself.
    pub fn allocations(&self) -> usize {
        self.runs.len() + 1
    }

    /// Adds a block above all others.
    pub fn push_back(&mut self, block: Block) {
        if self.runs.back().is_none_or(|run| run.len() == RUN_BLOCKS) {
            grow(&mut self.runs, usize::MAX);
            self.runs.push_back(VecDeque::new());
        }
        let run = self.runs.back_mut().expect("a run with room was ensured");
        self.slots -= run.capacity();
        grow(run, RUN_BLOCKS);
        self.slots += run.capacity();
        run.push_back(block);
        self.len += 1;
    }

    pub fn get(&self, pos: BlockPos) -> &Block {
        &self.runs[pos.run][pos.slot]
    }

    pub fn get_mut(&mut self, pos: BlockPos) -> &mut Block {
        &mut self.runs[pos.run][pos.slot]
    }

    pub fn first(&self) -> Option<BlockPos> {
        (self.len > 0).then_some(BlockPos { run: 0, slot: 0 })
    }

    pub fn last(&self) -> Option<BlockPos> {
        let run = self.runs.len().checked_sub(1)?;
        Some(BlockPos {
            run,
            slot: self.runs[run].len() - 1,
        })
    }

    pub fn next(&self, pos: BlockPos) -> Option<BlockPos> {
        if pos.slot + 1 < self.runs[pos.run].len() {
            Some(BlockPos {
                run: pos.run,
                slot: pos.slot + 1,
            })
        } else {
            (pos.run + 1 < self.runs.len()).then_some(BlockPos {
                run: pos.run + 1,
                slot: 0,
            })
        }
    }

    pub fn prev(&self, pos: BlockPos) -> Option<BlockPos> {
        if pos.slot > 0 {
            return Some(BlockPos {
                run: pos.run,
                slot: pos.slot - 1,
            });
        }
        let run = pos.run.checked_sub(1)?;
        Some(BlockPos {
            run,
            slot: self.runs[run].len() - 1,
        })
    }

    /// The last block whose base is at or below `id`: the only one that can hold it.
    pub fn floor(&self, id: StreamId) -> Option<BlockPos> {
        let run = self
            .runs
            .partition_point(|run| run[0].base() <= id)
            .checked_sub(1)?;
        let slot = self.runs[run].partition_point(|block| block.base() <= id) - 1;
        Some(BlockPos { run, slot })
    }

    /// Takes a block out.
    pub fn remove(&mut self, pos: BlockPos) {
        let run = &mut self.runs[pos.run];
        self.slots -= run.capacity();
        run.remove(pos.slot);
        self.len -= 1;
        if run.is_empty() {
            self.runs.remove(pos.run);
            self.runs.shrink_to(self.runs.len() * 2);
        } else {
            if run.len() * 4 < run.capacity() {
                run.shrink_to(run.len() * 2);
            }
            self.slots += run.capacity();
        }
    }

    /// Checks order and counters; panics with what is broken.
    pub fn validate(&self) {
        assert_eq!(self.runs.iter().map(VecDeque::len).sum::<usize>(), self.len);
        assert_eq!(
            self.runs.iter().map(VecDeque::capacity).sum::<usize>(),
            self.slots
        );
        assert!(
            self.runs
                .iter()
                .all(|run| !run.is_empty() && run.len() <= RUN_BLOCKS),
            "runs are filled"
        );
        let bases: Vec<StreamId> = self.runs.iter().flatten().map(Block::base).collect();
        assert!(bases.is_sorted_by(|a, b| a < b), "bases rise");
    }

    /// Recounts what a clone allocated.
    pub fn recount(&mut self) {
        self.slots = self.runs.iter().map(VecDeque::capacity).sum();
    }

    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = &Block> {
        self.runs.iter().flatten()
    }
}

/// Room for one more, doubling from a single element up to `max` elements.
fn grow<T>(queue: &mut VecDeque<T>, max: usize) {
    if queue.len() == queue.capacity() {
        queue.reserve_exact(queue.len().clamp(1, max - queue.len()));
    }
}
