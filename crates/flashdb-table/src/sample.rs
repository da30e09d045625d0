//! Random entries, for RANDOMKEY, active expiry and eviction.
//!
//! A segment is chosen through the hash space, then a random slot of it, and again when the slot is free. As segments
//! cover parts of the hash space in proportion to their expected number of entries, and the deviation from that is
//! evened out by rejection, every entry is about equally likely.

use crate::bucket::SLOTS;
use crate::hash::next_random;
use crate::segment::Segment;
use crate::table::Table;

/// Rejected segments after which the next is taken as it is.
const SEGMENT_TRIES: usize = 8;

/// Free slots hit after which entries are counted out instead.
const SLOT_TRIES: usize = 16;

impl<T> Table<T> {
    /// A random entry; `random` should be a fresh 64-bit random number. `None` when the table is empty.
    pub fn sample(&self, random: u64) -> Option<&T> {
        if self.is_empty() {
            return None;
        }
        let mut state = random;
        let segment = self.sample_segment(&mut state);
        let stash_start = usize::from(segment.header().slots);
        for _ in 0..SLOT_TRIES {
            let at = below(&mut state, stash_start + segment.stash_len());
            let at = if at < stash_start {
                at
            } else {
                at - stash_start + segment.buckets() * SLOTS
            };
            let bucket = segment.bucket_or_stash(at / SLOTS);
            if bucket.occupied() & 1 << (at % SLOTS) != 0 {
                // SAFETY: an occupied slot, borrowed with the table.
                return Some(unsafe { &*bucket.slot(at % SLOTS) });
            }
        }
        nth(segment, below(&mut state, segment.header().count as usize))
    }

    /// A segment that has entries, with a probability close to its share of them.
    fn sample_segment(&self, state: &mut u64) -> Segment<T> {
        for _ in 0..SEGMENT_TRIES {
            let segment = self.directory.locate(next_random(state));
            let header = segment.header();
            // What the table would hold if all of the hash space were as crowded as here.
            let projected = usize::try_from(header.count).unwrap_or(usize::MAX) << header.local_depth;
            if below(state, self.len + self.len / 4) < projected {
                return segment;
            }
        }
        let start = below(state, self.directory.len());
        (0..self.directory.len())
            .map(|offset| self.directory.get((start + offset) % self.directory.len()))
            .find(|segment| segment.header().count > 0)
            .expect("a table that is not empty has a segment with entries")
    }
}

/// A random number below `limit`.
fn below(state: &mut u64, limit: usize) -> usize {
    ((u128::from(next_random(state)) * limit as u128) >> 64) as usize
}

/// The entry number `index` of the segment, in storage order.
fn nth<'a, T>(segment: Segment<T>, mut index: usize) -> Option<&'a T> {
    for bucket in (0..segment.buckets_and_stash()).map(|index| segment.bucket_or_stash(index)) {
        let mut occupied = bucket.occupied();
        let here = occupied.count_ones() as usize;
        if index >= here {
            index -= here;
            continue;
        }
        for _ in 0..index {
            occupied &= occupied - 1;
        }
        // SAFETY: an occupied slot; the caller bounds the lifetime by the table's borrow.
        return Some(unsafe { &*bucket.slot(occupied.trailing_zeros() as usize) });
    }
    None
}
