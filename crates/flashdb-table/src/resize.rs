//! Growing and shrinking, one segment (or pair of buddies) at a time.
//!
//! A full segment first gets more buckets, up to the table's maximum, then splits by one more bit of the hash. A sparse
//! one merges with its buddy, or gives buckets back. New sizes aim at a fill between the two thresholds, so that no
//! short sequence of insertions and removals can resize again and again.
//!
//! Every resize first asks the hasher for all hashes and then moves the entries without calling foreign code.

use crate::bucket::SLOTS;
use crate::hash::PREFIX_BITS;
use crate::hash_of::HashOf;
use crate::segment::{SLOTS_MIN, Segment, visit_slots};
use crate::table::Table;

/// Share of slots in use right after a resize, in percent.
const FILL_PERCENT: usize = 65;

/// Buckets whose entries are warmed before the first of them is hashed.
const WARM_AHEAD: usize = 1;

/// Numbers of buckets that fill common allocator size classes when values have 8 bytes.
const BUCKET_STEPS: [usize; 15] = [1, 2, 3, 5, 7, 11, 15, 19, 23, 27, 31, 39, 47, 55, 63];

/// Buckets and slots for a segment of `count` entries with room for more; beyond `steps_max` buckets it has `buckets_max`.
fn size_for(count: usize, steps_max: usize, buckets_max: usize) -> (usize, usize) {
    if count < SLOTS_MIN {
        return (1, SLOTS_MIN);
    }
    if count < SLOTS {
        return (1, SLOTS);
    }
    let wanted = (count * 100).div_ceil(SLOTS * FILL_PERCENT).max(2);
    let step = BUCKET_STEPS
        .into_iter()
        .find(|&step| step >= wanted)
        .filter(|&step| step <= steps_max)
        .unwrap_or(buckets_max);
    let buckets = step.min(buckets_max);
    (buckets, buckets * SLOTS)
}

impl<T> Table<T> {
    /// Makes room in the segment of `hash` and returns the segment that now holds it.
    #[cold]
    #[inline(never)]
    pub(crate) fn grow(&mut self, hash: u64, hasher: &impl HashOf<T>) -> Segment<T> {
        loop {
            let segment = self.directory.locate(hash);
            if segment.is_vacant() {
                let first = self.allocate(0, 0);
                self.directory.set(0..1, first);
                return first;
            }
            let header = segment.header();
            if header.count < header.grow_at {
                return segment;
            }
            if !self.at_full_size(segment) {
                self.rebuild(hash, segment, hasher);
            } else if self.may_split(segment) {
                self.split(hash, segment, hasher);
            } else {
                // Only for hashes that agree in far more bits than chance would have it: the stash takes them.
                // SAFETY: not vacant, exclusively borrowed, no other reference to the header.
                let header = unsafe { segment.header_mut() };
                header.grow_at = header.count + u32::from(header.slots) / 4;
                return segment;
            }
        }
    }

    /// Whether one more step in size would gain too little over splitting.
    fn at_full_size(&self, segment: Segment<T>) -> bool {
        segment.buckets() * 5 >= usize::from(self.segment_buckets_max) * 4
    }

    /// Whether the segment may use one more bit of the hash: the directory stays in proportion to the entries even
    /// when all hashes are equal.
    fn may_split(&self, segment: Segment<T>) -> bool {
        let depth = u32::from(segment.header().local_depth) + 1;
        depth <= PREFIX_BITS && 1 << depth <= 8 * (self.len / (usize::from(segment.header().slots) / 2) + 1)
    }

    /// Gives memory back at the segment of `hash` if it is sparse. At most one resize, so that only this segment and
    /// its buddy are touched; true if there was one.
    #[cold]
    #[inline(never)]
    pub(crate) fn shrink(&mut self, hash: u64, hasher: &impl HashOf<T>) -> bool {
        if self.len == 0 {
            self.clear();
            return false;
        }
        let segment = self.directory.locate(hash);
        let header = segment.header();
        let count = header.count;
        if count >= header.shrink_at {
            return false;
        }
        if let Some(buddy) = self.buddy_to_merge(hash, 0) {
            self.merge(hash, segment, buddy, hasher);
            return true;
        }
        let (_, slots) = self.size_for(count as usize);
        if slots < usize::from(header.slots) {
            self.rebuild(hash, segment, hasher);
            return true;
        }
        // Nothing to gain now: its buddy is too full or split further. Do not try at each removal.
        // SAFETY: not vacant, exclusively borrowed, no other reference to the header.
        unsafe { segment.header_mut() }.shrink_at = count / 2;
        false
    }

    /// The other half of what was one segment before a split, if both, less `leaving` entries, would fit into one
    /// again with room to spare.
    pub(crate) fn buddy_to_merge(&self, hash: u64, leaving: usize) -> Option<Segment<T>> {
        let segment = self.directory.locate(hash);
        let local_depth = segment.header().local_depth;
        if local_depth == 0 {
            return None;
        }
        let buddy = self.directory.locate(hash ^ 1 << (64 - local_depth));
        let together = (segment.header().count + buddy.header().count) as usize;
        let room = usize::from(self.segment_buckets_max) * SLOTS * FILL_PERCENT / 100;
        (buddy.header().local_depth == local_depth && together <= room + leaving).then_some(buddy)
    }

    fn size_for(&self, count: usize) -> (usize, usize) {
        size_for(
            count,
            usize::from(self.segment_steps_max),
            usize::from(self.segment_buckets_max),
        )
    }

    /// Moves all entries of `segment` into a new one of the right size.
    fn rebuild(&mut self, hash: u64, segment: Segment<T>, hasher: &impl HashOf<T>) {
        let header = segment.header();
        let (count, local_depth) = (header.count as usize, header.local_depth);
        let hashes = hashes_of(segment, hasher);
        let target = self.allocate(count, local_depth);
        self.move_entries(segment, &hashes, |_| target);
        self.directory
            .set(self.directory.range(hash, local_depth), target);
    }

    fn split(&mut self, hash: u64, segment: Segment<T>, hasher: &impl HashOf<T>) {
        let hashes = hashes_of(segment, hasher);
        let local_depth = segment.header().local_depth + 1;
        let upper_half = |hash: u64| hash & 1 << (64 - local_depth) != 0;
        let upper_count = hashes.iter().filter(|&&hash| upper_half(hash)).count();
        let lower = self.allocate(hashes.len() - upper_count, local_depth);
        let upper = self.allocate(upper_count, local_depth);
        if self.directory.depth() < local_depth {
            self.directory.double(&mut self.heap_bytes);
        }
        self.move_entries(
            segment,
            &hashes,
            |hash| if upper_half(hash) { upper } else { lower },
        );
        let bit = 1 << (64 - local_depth);
        self.directory
            .set(self.directory.range(hash & !bit, local_depth), lower);
        self.directory
            .set(self.directory.range(hash | bit, local_depth), upper);
    }

    fn merge(&mut self, hash: u64, segment: Segment<T>, buddy: Segment<T>, hasher: &impl HashOf<T>) {
        let hashes = hashes_of(segment, hasher);
        let buddy_hashes = hashes_of(buddy, hasher);
        let local_depth = segment.header().local_depth - 1;
        let target = self.allocate(hashes.len() + buddy_hashes.len(), local_depth);
        self.move_entries(segment, &hashes, |_| target);
        self.move_entries(buddy, &buddy_hashes, |_| target);
        self.directory
            .set(self.directory.range(hash, local_depth), target);
        if self.directory.depth() == local_depth + 1 {
            self.directory.halve_while_possible(&mut self.heap_bytes);
        }
    }

    /// A new segment with room for `count` entries and at least one more, all of whose buckets count as changed.
    fn allocate(&mut self, count: usize, local_depth: u8) -> Segment<T> {
        let (buckets, slots) = self.size_for(count);
        let segment = Segment::allocate(buckets, slots, local_depth);
        self.heap_bytes += segment.heap_bytes();
        if self.epoch != 0 {
            // SAFETY: just allocated, known to nobody else.
            unsafe { segment.header_mut() }.mark(self.epoch, u64::MAX);
        }
        segment
    }

    /// Moves all entries of `from`, whose hashes in order are given, to the segments that `target` chooses (which
    /// have enough slots), and frees `from`.
    fn move_entries(&mut self, from: Segment<T>, hashes: &[u64], target: impl Fn(u64) -> Segment<T>) {
        let mut hashes = hashes.iter();
        for bucket in (0..from.buckets_and_stash()).map(|index| from.bucket_or_stash(index)) {
            let mut occupied = bucket.occupied();
            while occupied != 0 {
                let &hash = hashes.next().expect("one hash for each entry");
                let value = bucket.take(occupied.trailing_zeros() as usize);
                // SAFETY: a new segment, sized for its entries; the table is exclusively borrowed.
                unsafe { target(hash).place(hash, value, &mut self.heap_bytes) };
                occupied &= occupied - 1;
            }
        }
        self.heap_bytes -= from.heap_bytes();
        // SAFETY: all entries are gone, and callers replace its entries in the directory right after this.
        unsafe { from.free() };
    }
}

/// The hashes of all entries, in the order in which `move_entries` meets them.
fn hashes_of<T>(segment: Segment<T>, hasher: &impl HashOf<T>) -> Vec<u64> {
    let mut hashes = Vec::with_capacity(segment.header().count as usize);
    let buckets = segment.buckets_and_stash();
    for index in 0..buckets + WARM_AHEAD {
        if index < buckets {
            let bucket = segment.bucket_or_stash(index);
            visit_slots(bucket, bucket.occupied(), &mut |value| hasher.warm(value));
        }
        if let Some(bucket) = index
            .checked_sub(WARM_AHEAD)
            .map(|index| segment.bucket_or_stash(index))
        {
            visit_slots(bucket, bucket.occupied(), &mut |value| {
                hashes.push(hasher.hash_of(value))
            });
        }
    }
    hashes
}
