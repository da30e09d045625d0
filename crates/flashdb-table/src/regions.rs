//! Parts of the space of hashes: where a table changed in an epoch, in a form that outlives the table's later resizes.
//!
//! A [`Region`] is a rectangle: a range of prefixes by a range of positions. [`Regions`] are those of one table, kept as
//! the bitmaps of its segments at the time, so that collecting them costs a few words for each segment whatever changed,
//! and asking whether a hash is in them a short binary search. They mean the same in another process only together with
//! the hash function's seed.

use core::ops::Range;

use crate::hash::{POSITIONS, PREFIX_BITS, bucket_of_position, first_position, position, prefix};
use crate::segment::Segment;
use crate::table::Table;

/// Number of prefixes; the end of the range of all.
pub(crate) const PREFIXES: u32 = 1 << PREFIX_BITS;

/// A part of the space of hashes: those whose prefix and position (24 and 16 bits of the hash) lie in two ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    prefixes: Range<u32>,
    positions: Range<u32>,
}

impl Region {
    /// The region of these bounds, as [`Region::prefixes`] and [`Region::positions`] gave them; `None` when they are empty
    /// or lie outside of the space.
    pub fn new(prefixes: Range<u32>, positions: Range<u32>) -> Option<Self> {
        let fits = |range: &Range<u32>, end| !range.is_empty() && range.end <= end;
        (fits(&prefixes, PREFIXES) && fits(&positions, POSITIONS)).then_some(Self { prefixes, positions })
    }

    /// Range of the hash's highest 24 bits.
    pub fn prefixes(&self) -> Range<u32> {
        self.prefixes.clone()
    }

    /// Range of bits 16 to 31 of the hash.
    pub fn positions(&self) -> Range<u32> {
        self.positions.clone()
    }

    /// Whether entries with this hash belong to the region.
    pub fn contains(&self, hash: u64) -> bool {
        self.prefixes.contains(&prefix(hash)) && self.positions.contains(&position(hash))
    }
}

/// Some buckets of what was one segment: its prefixes, and a bit for each of its buckets.
#[derive(Clone, Debug)]
struct Part {
    prefixes: Range<u32>,
    buckets: u8,
    changed: u64,
}

impl Part {
    fn meets(&self, positions: &Range<u32>) -> bool {
        let buckets = usize::from(self.buckets);
        let first = bucket_of_position(positions.start, buckets);
        let last = bucket_of_position(positions.end - 1, buckets);
        self.changed & (u64::MAX << first) & (u64::MAX >> (63 - last)) != 0
    }
}

/// Regions that do not overlap; see [`Table::changed_regions`].
#[derive(Clone, Debug, Default)]
pub struct Regions {
    /// Ascending and disjoint, each with a bit set.
    parts: Vec<Part>,
}

impl Regions {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether entries with this hash belong to one of the regions. O(log segments).
    pub fn contains(&self, hash: u64) -> bool {
        let at = prefix(hash);
        let before = self.parts.partition_point(|part| part.prefixes.end <= at);
        self.parts.get(before).is_some_and(|part| {
            let bucket = bucket_of_position(position(hash), usize::from(part.buckets));
            part.prefixes.start <= at && part.changed & 1 << bucket != 0
        })
    }

    /// Whether any hash of the rectangle may be in one of the regions. O(log segments) when the rectangle is narrow.
    pub(crate) fn meet(&self, prefixes: &Range<u32>, positions: &Range<u32>) -> bool {
        let before = self
            .parts
            .partition_point(|part| part.prefixes.end <= prefixes.start);
        self.parts[before..]
            .iter()
            .take_while(|part| part.prefixes.start < prefixes.end)
            .any(|part| part.meets(positions))
    }

    /// The regions one by one; neighbouring buckets are given as one.
    pub fn iter(&self) -> impl Iterator<Item = Region> + '_ {
        self.parts.iter().flat_map(|part| {
            let buckets = usize::from(part.buckets);
            runs(part.changed).map(move |run| Region {
                prefixes: part.prefixes.clone(),
                positions: first_position(run.start, buckets)..first_position(run.end, buckets),
            })
        })
    }
}

/// The runs of set bits, ascending.
fn runs(mut mask: u64) -> impl Iterator<Item = Range<usize>> {
    core::iter::from_fn(move || {
        if mask == 0 {
            return None;
        }
        let start = mask.trailing_zeros();
        let end = start + (mask >> start).trailing_ones();
        mask &= u64::MAX.unbounded_shl(end);
        Some(start as usize..end as usize)
    })
}

/// The prefixes that a segment stands for, when `at` is one of them.
pub(crate) fn prefixes_of<T>(segment: Segment<T>, at: u32) -> Range<u32> {
    let width = PREFIXES >> segment.header().local_depth;
    let start = at & !(width - 1);
    start..start + width
}

impl<T> Table<T> {
    /// Where the table may have changed in `epoch`: the current one, or the one before when nothing has changed since it
    /// ended. A table without memory has changed everywhere. O(segments), without a look at any entry.
    pub fn changed_regions(&self, epoch: u64) -> Regions {
        if self.directory.get(0).is_vacant() {
            let everything = Part {
                prefixes: 0..PREFIXES,
                buckets: 1,
                changed: 1,
            };
            return Regions {
                parts: vec![everything],
            };
        }
        let mut parts = Vec::new();
        for (first, segment) in self.directory.segments() {
            let buckets = segment.buckets();
            let changed = segment.header().changed_in(epoch) & (u64::MAX >> (64 - buckets));
            if changed != 0 {
                let at = (first as u32) << (PREFIX_BITS - u32::from(self.directory.depth()));
                parts.push(Part {
                    prefixes: prefixes_of(segment, at),
                    buckets: buckets as u8,
                    changed,
                });
            }
        }
        Regions { parts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_exactly_the_set_bits() {
        assert_eq!(runs(0).count(), 0);
        let mut full = runs(u64::MAX);
        assert_eq!((full.next(), full.next()), (Some(0..64), None));
        assert_eq!(runs(0b1011 | 1 << 63).collect::<Vec<_>>(), [0..2, 3..4, 63..64]);
    }

    #[test]
    fn bounds_outside_of_the_space_are_refused() {
        assert!(Region::new(0..PREFIXES, 0..POSITIONS).is_some());
        assert!(Region::new(0..PREFIXES + 1, 0..POSITIONS).is_none());
        assert!(Region::new(0..1, 0..POSITIONS + 1).is_none());
        assert!(Region::new(5..5, 0..1).is_none());
    }
}
