//! Which buckets changed in the current epoch: what snapshots need from the table.
//!
//! A bucket here means the entries of one home, wherever they are stored. Each segment keeps one bit for each of its
//! buckets, in its header, and forgets bits of earlier epochs when it is next changed. A resize marks all buckets of the
//! segments it makes. Epoch 0 records nothing, and then a change pays one well predicted branch.
//!
//! `walk` builds on this the taking of a snapshot, `regions` what an incremental one is restricted to.

use crate::segment::Header;
use crate::table::Table;

impl Header {
    /// Marks the buckets of the bitmap as changed in `epoch`.
    #[inline(always)]
    pub(crate) fn mark(&mut self, epoch: u64, buckets: u64) {
        if self.changed_epoch != epoch {
            self.changed_epoch = epoch;
            self.changed = 0;
        }
        self.changed |= buckets;
    }

    /// The bitmap of buckets changed in `epoch`.
    pub(crate) fn changed_in(&self, epoch: u64) -> u64 {
        if self.changed_epoch == epoch {
            self.changed
        } else {
            0
        }
    }
}

impl<T> Table<T> {
    /// Begins an epoch in which no bucket has changed yet. O(1). Each call needs a number not used before; 0, the
    /// initial state, stops the recording.
    pub fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// The current epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether the bucket of `hash` has changed, or been announced by [`Table::before_change`], in the current epoch.
    /// True for a table without memory, where nothing is left to capture; false in epoch 0 otherwise.
    pub fn bucket_changed(&self, hash: u64) -> bool {
        let segment = self.directory.locate(hash);
        segment.is_vacant()
            || (self.epoch != 0
                && segment.header().changed_in(self.epoch) & 1 << segment.home_index(hash) != 0)
    }
}

/// The numbers of the bits that are set, ascending.
pub(crate) fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        if mask == 0 {
            return None;
        }
        let index = mask.trailing_zeros() as usize;
        mask &= mask - 1;
        Some(index)
    })
}
