//! Which buckets changed in the current epoch: what snapshots need from the table.
//!
//! A bucket here means the entries of one home, wherever they are stored. Each segment keeps one bit for each of its
//! buckets, in the header line that a change touches anyway, and forgets bits of earlier epochs when it is next changed.
//! A resize marks all buckets of the segments it makes.
//!
//! How a snapshot writer uses it, always under the lock of the table. At the cut it starts an epoch. From then on every
//! change is announced with [`Table::before_change`], which hands out the entries of each bucket that has not changed in
//! this epoch yet and is about to. Meanwhile the writer walks the table with [`Table::scan`] and takes the entries whose
//! [`Table::bucket_changed`] is false; [`crate::scan_passed`] lets the receiver of `before_change` skip what the walk
//! already has. The two together are the table as it was at the cut. An incremental snapshot instead ends an epoch by
//! reading [`Table::for_each_changed`]: the regions of the hash space that changed, each with all that is in it now.
//! Operations on the whole table (`clear`, `drain`, `retain`) are not announced: a writer captures the table before them.

use core::ops::Range;

use crate::hash::{POSITIONS, PREFIX_BITS, first_position, position, prefix};
use crate::segment::{Header, Segment};
use crate::table::Table;

/// What is about to happen to an entry, for [`Table::before_change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The value is changed in place: [`Table::find_mut`].
    Update,
    /// [`Table::insert_unique`].
    Insert,
    /// [`Table::remove`].
    Remove,
}

/// A part of the space of hashes: those with one prefix whose position lies in a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    prefixes: Range<u32>,
    positions: Range<u32>,
}

impl Region {
    const WHOLE: Self = Self {
        prefixes: 0..1 << PREFIX_BITS,
        positions: 0..POSITIONS,
    };

    /// Whether entries with this hash belong to the region.
    pub fn contains(&self, hash: u64) -> bool {
        self.prefixes.contains(&prefix(hash)) && self.positions.contains(&position(hash))
    }
}

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

    /// To be called right before the change of an entry with this hash: calls `capture` with every entry of the buckets
    /// that the change marks for the first time in this epoch, and marks them. One bucket usually, one or two segments
    /// when the change leads to a resize. Does nothing in epoch 0.
    pub fn before_change(
        &mut self,
        hash: u64,
        change: Change,
        hasher: impl Fn(&T) -> u64,
        mut capture: impl FnMut(&T),
    ) {
        let segment = self.directory.locate(hash);
        if self.epoch == 0 || segment.is_vacant() {
            return;
        }
        let header = segment.header();
        let resizes = match change {
            Change::Update => false,
            Change::Insert => header.count >= header.grow_at,
            Change::Remove => header.count <= header.shrink_at,
        };
        if !resizes {
            self.capture(segment, 1 << segment.home_index(hash), &hasher, &mut capture);
            return;
        }
        self.capture(segment, u64::MAX, &hasher, &mut capture);
        if change == Change::Remove
            && let Some(buddy) = self.buddy_to_merge(hash, 1)
        {
            self.capture(buddy, u64::MAX, &hasher, &mut capture);
        }
    }

    /// Captures and marks those of `buckets` that are not marked yet.
    fn capture(
        &mut self,
        segment: Segment<T>,
        buckets: u64,
        hasher: &impl Fn(&T) -> u64,
        capture: &mut impl FnMut(&T),
    ) {
        let unmarked = buckets & !segment.header().changed_in(self.epoch);
        for index in bits(unmarked).take_while(|&index| index < segment.buckets()) {
            segment.for_each_of_home(index, hasher, &mut |value| capture(value));
        }
        // SAFETY: callers pass no vacant segment; exclusively borrowed, no other reference to the header.
        unsafe { segment.header_mut() }.mark(self.epoch, buckets);
    }

    /// Calls `visit` for each region that may have changed in the current epoch, with all entries that are in it now.
    /// The regions do not overlap. A table without memory counts as one changed region. O(segments + changed entries).
    pub fn for_each_changed(&self, hasher: impl Fn(&T) -> u64, mut visit: impl FnMut(&Region, &[&T])) {
        if self.epoch == 0 {
            return;
        }
        if self.directory.get(0).is_vacant() {
            visit(&Region::WHOLE, &[]);
            return;
        }
        let mut entries = Vec::new();
        for (first, segment) in self.directory.segments() {
            let header = segment.header();
            let prefix_start = (first as u32) << (PREFIX_BITS - u32::from(self.directory.depth()));
            let prefix_end = prefix_start + (1 << (PREFIX_BITS - u32::from(header.local_depth)));
            let buckets = segment.buckets();
            for index in bits(header.changed_in(self.epoch)).take_while(|&index| index < buckets) {
                entries.clear();
                segment.for_each_of_home(index, &hasher, &mut |value| entries.push(value));
                let positions = first_position(index, buckets)..first_position(index + 1, buckets);
                visit(
                    &Region {
                        prefixes: prefix_start..prefix_end,
                        positions,
                    },
                    &entries,
                );
            }
        }
    }
}

/// The numbers of the bits that are set, ascending.
fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        if mask == 0 {
            return None;
        }
        let index = mask.trailing_zeros() as usize;
        mask &= mask - 1;
        Some(index)
    })
}
