//! The table as it was at a cut, taken while it goes on changing: a walk from one side, changes from the other.
//!
//! Always under the lock of the table. At the cut an epoch begins ([`Table::set_epoch`]) and a [`Remainder`] is made: what
//! the snapshot has yet to get, all of the table or, for an incremental one, what is in the [`Regions`] that changed. From
//! then on [`Table::walk`] takes step after step out of the remainder, and every change is announced with
//! [`Table::before_change`], which hands out what is left of each bucket that is about to change for the first time in
//! this epoch. The two together give every entry of the cut once, as it was then.
//!
//! Operations on the whole table (`clear`, `drain`, `retain`) are not announced: a snapshot takes the table before them.

use core::ops::Range;

use crate::epoch::bits;
use crate::hash::{POSITIONS, PREFIX_BITS, first_position, prefix};
use crate::regions::{Regions, prefixes_of};
use crate::scan::{row_end, scan_passed};
use crate::segment::Segment;
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

/// The part of the space of hashes that a walk has not passed.
#[derive(Clone, Debug, Default)]
pub struct Remainder {
    cursor: u64,
    regions: Option<Regions>,
}

impl Remainder {
    /// A walk's cursor once it has passed everything.
    const END: u64 = (POSITIONS as u64) << PREFIX_BITS;

    /// All of a table.
    pub const fn everything() -> Self {
        Self {
            cursor: 0,
            regions: None,
        }
    }

    /// What is in these regions.
    pub fn of(regions: Regions) -> Self {
        Self {
            cursor: 0,
            regions: Some(regions),
        }
    }

    /// Whether entries with this hash are still to come.
    pub fn contains(&self, hash: u64) -> bool {
        !scan_passed(self.cursor, hash) && self.regions.as_ref().is_none_or(|of| of.contains(hash))
    }

    /// Whether entries of the rectangle may still be to come.
    fn meets(&self, prefixes: &Range<u32>, positions: &Range<u32>) -> bool {
        let (start, prefix_start) = cursor_parts(self.cursor);
        let passed = positions.end <= start
            || (prefixes.end <= prefix_start && positions.end <= row_end(start.min(POSITIONS - 1)));
        !passed
            && self
                .regions
                .as_ref()
                .is_none_or(|regions| regions.meet(prefixes, positions))
    }

    /// Whether all of the rectangle is still to come. May say no where it is.
    fn covers(&self, prefixes: &Range<u32>, positions: &Range<u32>) -> bool {
        let (start, prefix_start) = cursor_parts(self.cursor);
        self.regions.is_none()
            && start <= positions.start
            && (prefix_start <= prefixes.start || row_end(start) <= positions.start)
    }

    fn meets_bucket<T>(&self, segment: Segment<T>, bucket: usize, prefixes: &Range<u32>) -> bool {
        self.meets(prefixes, &positions_of(segment, bucket))
    }
}

fn positions_of<T>(segment: Segment<T>, bucket: usize) -> Range<u32> {
    let buckets = segment.buckets();
    first_position(bucket, buckets)..first_position(bucket + 1, buckets)
}

fn cursor_parts(cursor: u64) -> (u32, u32) {
    (
        (cursor >> PREFIX_BITS) as u32,
        (cursor & ((1 << PREFIX_BITS) - 1)) as u32,
    )
}

impl<T> Table<T> {
    /// Takes one step out of `remainder`: visits what it holds of about one bucket, save what was handed out by
    /// [`Table::before_change`] already. False at the end. A step may visit nothing. `warm` gets most values of a bucket
    /// before the first is visited, to prefetch what they point to.
    pub fn walk(
        &self,
        remainder: &mut Remainder,
        hasher: impl Fn(&T) -> u64,
        warm: impl Fn(&T),
        mut visit: impl FnMut(&T),
    ) -> bool {
        let regions = remainder.regions.as_ref();
        let next = self.scan_buckets(
            remainder.cursor,
            &hasher,
            &warm,
            |segment, bucket, prefixes| {
                segment.header().changed_in(self.epoch) & 1 << bucket == 0
                    && (regions.is_none() || remainder.meets_bucket(segment, bucket, prefixes))
            },
            |value| {
                if regions.is_none_or(|of| of.contains(hasher(value))) {
                    visit(value);
                }
            },
        );
        remainder.cursor = if next == 0 { Remainder::END } else { next };
        next != 0
    }

    /// To be called right before the change of an entry with this hash: calls `capture` with what `remainder` holds of the
    /// buckets that the change marks for the first time in this epoch, and marks them. One bucket usually, one or two
    /// segments when the change leads to a resize. Does nothing in epoch 0. `warm` is as in [`Table::walk`].
    pub fn before_change(
        &mut self,
        hash: u64,
        change: Change,
        remainder: &Remainder,
        hasher: impl Fn(&T) -> u64,
        warm: impl Fn(&T),
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
        let at = prefix(hash);
        if !resizes {
            let bucket = 1 << segment.home_index(hash);
            return self.capture(segment, at, bucket, remainder, (&hasher, &warm), &mut capture);
        }
        self.capture(segment, at, u64::MAX, remainder, (&hasher, &warm), &mut capture);
        if change == Change::Remove
            && let Some(buddy) = self.buddy_to_merge(hash, 1)
        {
            let at = at ^ 1 << (PREFIX_BITS - u32::from(buddy.header().local_depth));
            self.capture(buddy, at, u64::MAX, remainder, (&hasher, &warm), &mut capture);
        }
    }

    /// Captures and marks those of `buckets` that are not marked yet; `at` is a prefix of the segment.
    fn capture(
        &mut self,
        segment: Segment<T>,
        at: u32,
        buckets: u64,
        remainder: &Remainder,
        (hasher, warm): (&impl Fn(&T) -> u64, &impl Fn(&T)),
        capture: &mut impl FnMut(&T),
    ) {
        let unmarked = buckets & !segment.header().changed_in(self.epoch);
        if unmarked == 0 {
            return;
        }
        let prefixes = prefixes_of(segment, at);
        for index in bits(unmarked).take_while(|&index| index < segment.buckets()) {
            if !remainder.meets_bucket(segment, index, &prefixes) {
                continue;
            }
            let is_whole = remainder.covers(&prefixes, &positions_of(segment, index));
            segment.for_each_of_home(index, hasher, warm, &mut |value| {
                if is_whole || remainder.contains(hasher(value)) {
                    capture(value);
                }
            });
        }
        // SAFETY: callers pass no vacant segment; exclusively borrowed, no other reference to the header.
        unsafe { segment.header_mut() }.mark(self.epoch, buckets);
    }
}
