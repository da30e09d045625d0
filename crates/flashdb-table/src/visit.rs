//! A walk that may change entries and can be left off and taken up again: a segment at a time, in the order of prefixes, so
//! that resizes in between neither skip nor repeat more than one segment.

use crate::hash::PREFIX_BITS;
use crate::regions::{PREFIXES, prefixes_of};
use crate::table::Table;

impl<T> Table<T> {
    /// Visits the entries of one segment, for changes of what is no part of the data (where it lies in memory, not its
    /// hash): no change in the current epoch. Returns where to go on, `None` at the end; 0 begins. At most some hundred
    /// entries, unless hashes are bad.
    pub fn visit_segment_unmarked(&mut self, from: u32, mut visit: impl FnMut(&mut T)) -> Option<u32> {
        let at = from % PREFIXES;
        let segment = self.directory.locate(u64::from(at) << (64 - PREFIX_BITS));
        if segment.is_vacant() {
            return None;
        }
        for bucket in (0..segment.buckets_and_stash()).map(|index| segment.bucket_or_stash(index)) {
            let mut occupied = bucket.occupied();
            while occupied != 0 {
                // SAFETY: an occupied slot, visited once; the table is exclusively borrowed.
                visit(unsafe { &mut *bucket.slot(occupied.trailing_zeros() as usize) });
                occupied &= occupied - 1;
            }
        }
        let end = prefixes_of(segment, at).end;
        (end < PREFIXES).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use crate::table::Table;

    fn hash(value: &u64) -> u64 {
        let mixed = (value ^ (value >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    }

    #[test]
    fn every_entry_is_visited_once() {
        for count in [0, 1, 10, 500, 5000, if cfg!(miri) { 5001 } else { 50_000 }] {
            let mut table: Table<u64> = Table::new();
            for value in 0..count {
                table.insert_unique(hash(&value), value, hash);
            }
            let (mut seen, mut from) = (Vec::new(), Some(0));
            while let Some(at) = from {
                from = table.visit_segment_unmarked(at, |value| seen.push(*value));
            }
            seen.sort_unstable();
            assert!(seen.iter().copied().eq(0..count), "{count} entries");
        }
    }

    #[test]
    fn resizes_in_between_lose_no_entry() {
        let unit = if cfg!(miri) { 100 } else { 1000 };
        for (first, then) in [(20 * unit, 90 * unit), (90 * unit, 20 * unit)] {
            let mut table: Table<u64> = Table::with_segment_buckets(39);
            for value in 0..first {
                table.insert_unique(hash(&value), value, hash);
            }
            let (mut seen, mut from, mut size) = (Vec::new(), Some(0), first);
            while let Some(at) = from {
                from = table.visit_segment_unmarked(at, |value| seen.push(*value));
                for _ in 0..unit {
                    if size < then {
                        table.insert_unique(hash(&size), size, hash);
                        size += 1;
                    } else if size > then {
                        size -= 1;
                        table.remove(hash(&size), |value| *value == size, hash);
                    }
                }
            }
            seen.sort_unstable();
            seen.dedup();
            assert!((0..first.min(then)).all(|value| seen.binary_search(&value).is_ok()));
        }
    }
}
