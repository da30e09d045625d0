//! Looks over a whole table: what must hold of it, and the figures of its shape. For tests, fuzzing and DEBUG.

use crate::bucket::{IN_NEXT, IN_STASH, SLOTS};
use crate::hash::fingerprint;
use crate::segment::{Segment, visit_slots};
use crate::table::Table;

/// How a table's entries are spread; see [`Table::shape`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Entries of the directory.
    pub directory_len: usize,
    pub segments: usize,
    /// Buckets without those of stashes.
    pub buckets: usize,
    /// Slots in these buckets.
    pub slots: usize,
    /// Buckets whose searches go on when the bucket itself has no match.
    pub overflowed_buckets: usize,
    /// Entries that live in the bucket after their home.
    pub displaced: usize,
    /// Entries that live in a stash.
    pub stashed: usize,
}

impl<T> Table<T> {
    /// Figures on how the entries are spread. O(buckets).
    pub fn shape(&self) -> Shape {
        let mut shape = Shape {
            directory_len: self.directory.len(),
            ..Shape::default()
        };
        for (_, segment) in self.directory.segments() {
            shape.segments += 1;
            shape.buckets += segment.buckets();
            shape.slots += usize::from(segment.header().slots);
            shape.stashed += segment.stash_len();
            for bucket in (0..segment.buckets()).map(|index| segment.bucket(index)) {
                shape.overflowed_buckets += usize::from(bucket.flags() & (IN_NEXT | IN_STASH) != 0);
                shape.displaced += bucket.displaced().count_ones() as usize;
            }
        }
        shape
    }

    /// States the whole invariant of the table. O(entries).
    ///
    /// # Panics
    /// When something does not hold: the table has a bug, or `hasher` differs from the hashes given earlier.
    pub fn validate(&self, hasher: impl Fn(&T) -> u64) {
        let depth = self.directory.depth();
        let mut len = 0;
        let mut heap_bytes = self.directory.heap_bytes();
        let mut deepest = 0;
        for (first, segment) in self.directory.segments() {
            let local_depth = segment.header().local_depth;
            assert!(local_depth <= depth, "no segment is deeper than the directory");
            let entries = 1 << (depth - local_depth);
            assert_eq!(
                first % entries,
                0,
                "a segment's entries are aligned to their number"
            );
            for entry in first..first + entries {
                assert!(
                    self.directory.get(entry) == segment,
                    "a segment fills its part of the directory"
                );
            }
            deepest = deepest.max(local_depth);
            validate_segment(segment, first >> (depth - local_depth), &hasher);
            len += segment.header().count as usize;
            heap_bytes += segment.heap_bytes();
        }
        assert_eq!(deepest, depth, "the directory is no deeper than needed");
        assert_eq!(len, self.len, "len counts all entries");
        assert_eq!(heap_bytes, self.heap_bytes, "heap_bytes counts all allocations");
        assert!(
            self.len > 0 || self.heap_bytes == 0,
            "an empty table owns no memory"
        );
    }
}

fn validate_segment<T>(segment: Segment<T>, prefix: usize, hasher: &impl Fn(&T) -> u64) {
    let header = segment.header();
    let buckets = segment.buckets();
    assert!(
        header.count <= header.grow_at,
        "a full segment grows before it takes more"
    );
    if usize::from(header.slots) != buckets * SLOTS {
        assert!(
            buckets == 1 && header.grow_at <= u32::from(header.slots),
            "only a lone bucket is shortened"
        );
    }
    let mut count = 0;
    let mut in_next = vec![false; buckets];
    let mut in_stash = vec![false; buckets];
    for index in 0..segment.buckets_and_stash() {
        let bucket = segment.bucket_or_stash(index);
        let occupied = bucket.occupied();
        assert_eq!(bucket.displaced() & !occupied, 0, "free slots are not displaced");
        let mut slots = occupied;
        visit_slots(bucket, occupied, &mut |value| {
            let slot = slots.trailing_zeros() as usize;
            slots &= slots - 1;
            count += 1;
            let hash = hasher(value);
            assert_eq!(
                bucket.fingerprint(slot),
                fingerprint(hash),
                "a slot has its entry's fingerprint"
            );
            let own_prefix = hash.unbounded_shr(64 - u32::from(header.local_depth)) as usize;
            assert_eq!(own_prefix, prefix, "an entry is in the segment of its prefix");
            let home = segment.home_index(hash);
            if index >= buckets {
                in_stash[home] = true;
                let at = (index - buckets) * SLOTS + slot;
                assert!(at < segment.stash_len(), "the stash is dense");
            } else if bucket.displaced() & 1 << slot != 0 {
                in_next[home] = true;
                assert_eq!(segment.next_index(home), index, "displaced by one bucket");
                assert_ne!(home, index, "a lone bucket displaces nothing");
            } else {
                assert_eq!(home, index, "at home");
            }
        });
    }
    assert_eq!(count, header.count, "count counts the segment's entries");
    for index in 0..buckets {
        let flags = segment.bucket(index).flags();
        assert_eq!(
            flags & IN_NEXT != 0,
            in_next[index],
            "the flag for displaced entries is exact"
        );
        assert_eq!(
            flags & IN_STASH != 0,
            in_stash[index],
            "the flag for stashed entries is exact"
        );
    }
    let used = segment.stash_len().div_ceil(SLOTS);
    assert!(segment.stash_buckets() <= 4 * used, "a stash does not stay large");
}
