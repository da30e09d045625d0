//! The table as it was at a cut, taken while it goes on changing: a walk from one side, changes from the other.
//!
//! Always under the lock of the table. At the cut an epoch begins ([`Table::set_epoch`]) and a [`Remainder`] is made: what
//! the snapshot has yet to get, all of the table or, for an incremental one, what is in the [`Regions`] that changed. From
//! then on [`Table::walk`] takes step after step out of the remainder, and every change is announced with
//! [`Table::before_change`], which hands out what is left of each bucket that is about to change for the first time in
//! this epoch. The two together give every entry of the cut once, as it was then.
//!
//! A walk goes from segment to segment and in each from bucket to bucket, so that every bucket is visited once and as a
//! whole. SCAN's order, which a cursor of 40 bits can remember, would do for it too; but its rows lie across the buckets of
//! all segments but the largest, so that each entry was met more than twice and hashed each time.
//!
//! Operations on the whole table (`clear`, `drain`, `retain`) are not announced: a snapshot takes the table before them.

use core::ops::Range;

use crate::epoch::bits;
use crate::hash::{POSITIONS, PREFIX_BITS, bucket_of_position, first_position, position, prefix};
use crate::regions::{PREFIXES, Regions, prefixes_of};
use crate::segment::{Segment, warm_bucket};
use crate::table::Table;

/// A number that no epoch has: nothing is marked with it.
const NO_EPOCH: u64 = u64::MAX;

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
///
/// Passed are all prefixes before `band`, and of those in it the positions before `position`. The band is the segment that
/// is being walked, or was when the walk came to it: it may have been split or merged since.
#[derive(Clone, Debug, Default)]
pub struct Remainder {
    band: Range<u32>,
    position: u32,
    regions: Option<Regions>,
}

impl Remainder {
    /// All of a table.
    pub const fn everything() -> Self {
        Self {
            band: 0..0,
            position: 0,
            regions: None,
        }
    }

    /// What is in these regions.
    pub fn of(regions: Regions) -> Self {
        Self {
            regions: Some(regions),
            ..Self::everything()
        }
    }

    /// Whether entries with this hash are still to come.
    pub fn contains(&self, hash: u64) -> bool {
        let at = prefix(hash);
        let passed = at < self.band.start || (at < self.band.end && position(hash) < self.position);
        !passed && self.regions.as_ref().is_none_or(|of| of.contains(hash))
    }

    /// Whether entries of the rectangle may still be to come.
    fn meets(&self, prefixes: &Range<u32>, positions: &Range<u32>) -> bool {
        let passed = prefixes.end <= self.band.start
            || (prefixes.end <= self.band.end && positions.end <= self.position);
        !passed
            && self
                .regions
                .as_ref()
                .is_none_or(|regions| regions.meet(prefixes, positions))
    }

    /// Whether all of the rectangle is still to come. May say no where it is.
    fn covers(&self, prefixes: &Range<u32>, positions: &Range<u32>) -> bool {
        self.regions.is_none()
            && prefixes.start >= self.band.start
            && (prefixes.start >= self.band.end || positions.start >= self.position)
    }

    /// Passes the rest of everything.
    fn pass_all(&mut self) {
        self.band = PREFIXES..PREFIXES;
        self.position = 0;
    }

    /// Passes what the band has before this position; at the end of it goes on to what follows.
    fn pass_to(&mut self, position: u32) {
        self.position = position;
        if position == POSITIONS {
            self.band = self.band.end..self.band.end;
            self.position = 0;
        }
    }

    fn meets_bucket<T>(&self, segment: Segment<T>, bucket: usize, prefixes: &Range<u32>) -> bool {
        self.meets(prefixes, &positions_of(segment, bucket))
    }
}

fn positions_of<T>(segment: Segment<T>, bucket: usize) -> Range<u32> {
    let buckets = segment.buckets();
    first_position(bucket, buckets)..first_position(bucket + 1, buckets)
}

impl<T> Table<T> {
    /// Takes one step out of `remainder`: visits what it holds of about one bucket, save what was handed out by
    /// [`Table::before_change`] already. False at the end. A step may visit nothing. `warm` gets most values of a bucket
    /// before the first is visited, to prefetch what they point to.
    pub fn walk<'t>(
        &'t self,
        remainder: &mut Remainder,
        hasher: impl Fn(&T) -> u64,
        warm: impl Fn(&T),
        visit: impl FnMut(&'t T),
    ) -> bool {
        let epoch = self.epoch;
        self.pass(remainder, epoch, hasher, warm, visit)
    }

    /// As [`Table::walk`] for one who wants no cut: a step visits what is there now, changes are not announced. Each entry
    /// that stays is visited once; one that comes or goes meanwhile if it was there when its hash was passed, which
    /// [`Remainder::contains`] tells.
    pub fn survey<'t>(
        &'t self,
        remainder: &mut Remainder,
        hasher: impl Fn(&T) -> u64,
        warm: impl Fn(&T),
        visit: impl FnMut(&'t T),
    ) -> bool {
        self.pass(remainder, NO_EPOCH, hasher, warm, visit)
    }

    /// A step that leaves out buckets that changed in `epoch`.
    fn pass<'t>(
        &'t self,
        remainder: &mut Remainder,
        epoch: u64,
        hasher: impl Fn(&T) -> u64,
        warm: impl Fn(&T),
        mut visit: impl FnMut(&'t T),
    ) -> bool {
        if self.is_empty() {
            remainder.pass_all();
        }
        if remainder.band.start == PREFIXES {
            return false;
        }
        let segment = self.segment_of_prefix(remainder.band.start);
        if remainder.position == 0 {
            remainder.band.end = prefixes_of(segment, remainder.band.start).end;
        }
        let bucket = bucket_of_position(remainder.position, segment.buckets());
        let end = first_position(bucket + 1, segment.buckets());
        let mut at = remainder.band.start;
        // One segment, unless it was split since the walk came to it.
        while at < remainder.band.end {
            let segment = self.segment_of_prefix(at);
            let prefixes = prefixes_of(segment, at);
            self.visit_rest(
                segment,
                &prefixes,
                (remainder, epoch),
                end,
                (&hasher, &warm),
                &mut visit,
            );
            at = prefixes.end;
        }
        if end < POSITIONS {
            // What the next step visits is under way until then.
            warm_bucket(segment, bucket + 1, &warm);
        }
        remainder.pass_to(end);
        remainder.band.start < PREFIXES
    }

    fn segment_of_prefix(&self, prefix: u32) -> Segment<T> {
        let depth = u32::from(self.directory.depth());
        self.directory.get((prefix >> (PREFIX_BITS - depth)) as usize)
    }

    /// Visits what the segment has of the band of `remainder`, up to position `end`.
    fn visit_rest<'t>(
        &'t self,
        segment: Segment<T>,
        prefixes: &Range<u32>,
        (remainder, epoch): (&Remainder, u64),
        end: u32,
        (hasher, warm): (&impl Fn(&T) -> u64, &impl Fn(&T)),
        visit: &mut impl FnMut(&'t T),
    ) {
        let (band, start, buckets) = (&remainder.band, remainder.position, segment.buckets());
        let changed = segment.header().changed_in(epoch);
        for bucket in bucket_of_position(start, buckets)..=bucket_of_position(end - 1, buckets) {
            if changed & 1 << bucket != 0 || !remainder.meets_bucket(segment, bucket, prefixes) {
                continue;
            }
            // As a rule: nothing has to be hashed to know that an entry is to be visited.
            let positions = positions_of(segment, bucket);
            let is_whole =
                remainder.covers(prefixes, &positions) && prefixes.end <= band.end && positions.end <= end;
            segment.for_each_of_home(bucket, hasher, warm, &mut |value| {
                let is_rest =
                    |hash| remainder.contains(hash) && prefix(hash) < band.end && position(hash) < end;
                if is_whole || is_rest(hasher(value)) {
                    visit(value);
                }
            });
        }
    }

    /// To be called right before the change of an entry with this hash: calls `capture` with what `remainder` holds of the
    /// buckets that the change marks for the first time in this epoch, and marks them. One bucket usually, one or two
    /// segments when the change leads to a resize. Does nothing in epoch 0. `warm` is as in [`Table::walk`].
    pub fn before_change<'t>(
        &'t mut self,
        hash: u64,
        change: Change,
        remainder: &Remainder,
        hasher: impl Fn(&T) -> u64,
        warm: impl Fn(&T),
        mut capture: impl FnMut(&'t T),
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
    fn capture<'t>(
        &mut self,
        segment: Segment<T>,
        at: u32,
        buckets: u64,
        remainder: &Remainder,
        (hasher, warm): (&impl Fn(&T) -> u64, &impl Fn(&T)),
        capture: &mut impl FnMut(&'t T),
    ) where
        T: 't,
    {
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
        // SAFETY: callers pass no vacant segment; exclusively borrowed, no other reference to the header. Those that were
        // captured are to values in slots, which no header overlaps.
        unsafe { segment.header_mut() }.mark(self.epoch, buckets);
    }
}
