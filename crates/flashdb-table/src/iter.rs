//! Walks over all entries, borrowed or owned, and removal of those that a test rejects.
//!
//! The order is that of the hash space roughly; it changes whenever the table does.

use core::iter::FusedIterator;
use core::marker::PhantomData;

use crate::bucket::BucketPtr;
use crate::segment::Segment;
use crate::table::Table;

/// The position of a walk over the occupied slots of all segments.
struct Walk<T> {
    /// Directory entry after the current segment.
    entry: usize,
    segment: Option<Segment<T>>,
    /// Bucket of the segment after the current one.
    bucket_index: usize,
    bucket: Option<BucketPtr<T>>,
    /// Slots of the current bucket still to visit.
    occupied: u32,
}

impl<T> Walk<T> {
    fn new() -> Self {
        Self {
            entry: 0,
            segment: None,
            bucket_index: 0,
            bucket: None,
            occupied: 0,
        }
    }

    /// The next occupied slot of `table`, which must be the same at each call and lose at most visited entries.
    #[inline]
    fn next(&mut self, table: &Table<T>) -> Option<(BucketPtr<T>, usize)> {
        loop {
            if let (Some(bucket), true) = (self.bucket, self.occupied != 0) {
                let slot = self.occupied.trailing_zeros() as usize;
                self.occupied &= self.occupied - 1;
                return Some((bucket, slot));
            }
            match self.segment {
                Some(segment) if self.bucket_index < segment.buckets_and_stash() => {
                    let bucket = segment.bucket_or_stash(self.bucket_index);
                    self.occupied = bucket.occupied();
                    self.bucket = Some(bucket);
                    self.bucket_index += 1;
                }
                _ => {
                    if self.entry >= table.directory.len() || table.directory.get(self.entry).is_vacant() {
                        return None;
                    }
                    self.segment = Some(table.directory.get(self.entry));
                    self.entry = table.directory.following(self.entry);
                    self.bucket_index = 0;
                }
            }
        }
    }
}

/// Borrowed entries of a [`Table`].
pub struct Iter<'a, T> {
    table: &'a Table<T>,
    walk: Walk<T>,
    left: usize,
}

// SAFETY: stands for `&Table<T>` and pointers into it.
unsafe impl<T: Sync> Send for Iter<'_, T> {}
// SAFETY: as above; nothing changes through `&Iter`.
unsafe impl<T: Sync> Sync for Iter<'_, T> {}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        let (bucket, slot) = self.walk.next(self.table)?;
        self.left -= 1;
        // SAFETY: an occupied slot, borrowed with the table.
        Some(unsafe { &*bucket.slot(slot) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Iter<'_, T> {}
impl<T> FusedIterator for Iter<'_, T> {}

/// Owned entries of a [`Table`], whose memory is freed when the iterator is dropped.
pub struct IntoIter<T> {
    table: Table<T>,
    walk: Walk<T>,
}

// SAFETY: owns the table and pointers into it.
unsafe impl<T: Send> Send for IntoIter<T> {}
// SAFETY: nothing changes through `&IntoIter`.
unsafe impl<T: Sync> Sync for IntoIter<T> {}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        let (bucket, slot) = self.walk.next(&self.table)?;
        self.table.len -= 1;
        // The slot is marked free, so the table's destructor drops only what has not been handed out.
        Some(bucket.take(slot))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.table.len, Some(self.table.len))
    }
}

impl<T> ExactSizeIterator for IntoIter<T> {}
impl<T> FusedIterator for IntoIter<T> {}

/// Entries taken out by [`Table::drain`].
pub struct Drain<'a, T> {
    entries: IntoIter<T>,
    table: PhantomData<&'a mut Table<T>>,
}

impl<T> Iterator for Drain<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.entries.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl<T> ExactSizeIterator for Drain<'_, T> {}
impl<T> FusedIterator for Drain<'_, T> {}

impl<T> IntoIterator for Table<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter {
            table: self,
            walk: Walk::new(),
        }
    }
}

impl<'a, T> IntoIterator for &'a Table<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> Table<T> {
    /// All entries, in no particular order.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter {
            table: self,
            walk: Walk::new(),
            left: self.len,
        }
    }

    /// Empties the table and returns what was in it; entries not consumed are dropped.
    pub fn drain(&mut self) -> Drain<'_, T> {
        Drain {
            entries: self.take_all().into_iter(),
            table: PhantomData,
        }
    }

    /// Removes the entries for which `keep` is false. O(entries); memory comes back as with [`Table::remove`]. Counts
    /// as a change of every bucket.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool, hasher: impl Fn(&T) -> u64) {
        let mut entry = 0;
        while entry < self.directory.len() {
            let segment = self.directory.get(entry);
            if segment.is_vacant() {
                return;
            }
            entry = self.directory.following(entry);
            self.retain_in(segment, &mut keep, &hasher);
        }
        self.shrink_everywhere(&hasher);
    }

    fn retain_in(
        &mut self,
        segment: Segment<T>,
        keep: &mut impl FnMut(&mut T) -> bool,
        hasher: &impl Fn(&T) -> u64,
    ) {
        let epoch = self.epoch;
        if epoch != 0 {
            // SAFETY: not vacant, exclusively borrowed, no other reference to the header.
            unsafe { segment.header_mut() }.mark(epoch, u64::MAX);
        }
        // Backwards, because a gap in the stash is closed with the stash's last entry, which has then been visited.
        for index in (0..segment.buckets_and_stash()).rev() {
            let mut occupied = segment.bucket_or_stash(index).occupied();
            while occupied != 0 {
                let slot = occupied.ilog2() as usize;
                occupied &= !(1 << slot);
                // Again, as the stash may have moved. It still has this bucket, because the slot is in use.
                let bucket = segment.bucket_or_stash(index);
                // SAFETY: an occupied slot; the table is exclusively borrowed.
                if keep(unsafe { &mut *bucket.slot(slot) }) {
                    continue;
                }
                self.len -= 1;
                // SAFETY: not vacant, exclusively borrowed, no other reference to the header.
                unsafe { segment.header_mut() }.count -= 1;
                if index < segment.buckets() {
                    drop(bucket.take(slot));
                } else {
                    // SAFETY: an occupied slot of the stash; the table is exclusively borrowed.
                    drop(unsafe { segment.stash_take(bucket, slot, &mut self.heap_bytes) });
                }
            }
        }
        segment.recompute_flags(hasher);
    }

    /// Gives every segment the chance to shrink.
    fn shrink_everywhere(&mut self, hasher: &impl Fn(&T) -> u64) {
        let mut prefix = 0u64;
        loop {
            while self.shrink(prefix, hasher) {}
            let local_depth = u32::from(self.directory.locate(prefix).header().local_depth);
            let step = 1u64.unbounded_shl(64 - local_depth);
            match (prefix & !step.wrapping_sub(1)).checked_add(step) {
                Some(following) if step != 0 => prefix = following,
                _ => return,
            }
        }
    }
}
