//! The table itself: what a caller can do with single entries. Everything here is O(1), save one segment's split.

use crate::directory::Directory;
use crate::hash::fingerprint;
use crate::hash_of::HashOf;
use crate::segment::{BUCKETS_MAX, Segment};

/// Buckets of a full segment of a table on its own: with its header and values of 8 bytes it just fits 8 KiB.
const SEGMENT_BUCKETS_DEFAULT: usize = 63;

/// A set of values found by a 64-bit hash and a test for equality, both supplied by the caller.
///
/// All hashes given must come from the same function of the value as the `hasher` arguments compute; bits 16 to 63 are
/// used and should be well mixed. A wrong hash makes entries unfindable, never memory unsafe. If a `hasher` or `eq`
/// panics the table stays valid. Values aligned to more than 64 bytes do not compile.
///
/// ```
/// use flashdb_table::Table;
/// let hash = |v: &u64| v.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ v.rotate_left(32);
/// let mut table = Table::new();
/// table.insert_unique(hash(&7), 7, hash);
/// assert_eq!(table.find(hash(&7), |&v| v == 7), Some(&7));
/// assert_eq!(table.remove(hash(&7), |&v| v == 7, hash), Some(7));
/// ```
pub struct Table<T> {
    pub(crate) directory: Directory<T>,
    pub(crate) len: usize,
    pub(crate) heap_bytes: usize,
    /// 0: changes are not recorded.
    pub(crate) epoch: u64,
    pub(crate) segment_buckets_max: u8,
    /// Segments of more buckets than this have all of `segment_buckets_max`.
    pub(crate) segment_steps_max: u8,
}

// SAFETY: the table owns its values, and hands out references under the usual borrow rules only.
unsafe impl<T: Send> Send for Table<T> {}
// SAFETY: no method that takes `&self` changes anything.
unsafe impl<T: Sync> Sync for Table<T> {}

impl<T> Table<T> {
    /// An empty table; allocates nothing until the first insertion.
    pub const fn new() -> Self {
        Self::sized(SEGMENT_BUCKETS_DEFAULT, SEGMENT_BUCKETS_DEFAULT)
    }

    /// An empty table, one of many of equal load (shards), whose segments split once they have `buckets` buckets (clamped
    /// to 32..=64).
    ///
    /// Beyond half of that a segment has all its buckets at once, so that large segments are of one size: what a split
    /// frees is what the next one takes. With steps in between, a quarter of the memory would lie idle in an allocator
    /// that keeps sizes apart. In return the bytes per entry swing by the factor 2 as the table doubles: give the tables
    /// different numbers, so that the swings cancel out, and such as fill size classes of the allocator.
    pub const fn with_segment_buckets(buckets: usize) -> Self {
        let buckets = if buckets < 32 {
            32
        } else if buckets > BUCKETS_MAX {
            BUCKETS_MAX
        } else {
            buckets
        };
        Self::sized(buckets, buckets / 2)
    }

    const fn sized(segment_buckets_max: usize, segment_steps_max: usize) -> Self {
        Self {
            directory: Directory::new(),
            len: 0,
            heap_bytes: 0,
            epoch: 0,
            segment_buckets_max: segment_buckets_max as u8,
            segment_steps_max: segment_steps_max as u8,
        }
    }

    /// Number of entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes the table has requested from the allocator, without what the values themselves own. Exact, O(1).
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        self.heap_bytes
    }

    /// Number of allocations the table holds, to decide whether freeing it should happen elsewhere. O(segments).
    pub fn allocations(&self) -> usize {
        let of_segments: usize = self
            .directory
            .segments()
            .map(|(_, segment)| 1 + usize::from(segment.stash_buckets() > 0))
            .sum();
        of_segments + usize::from(self.directory.depth() > 0)
    }

    /// The entry with this hash for which `eq` holds.
    #[inline]
    pub fn find(&self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&T> {
        let (bucket, slot) = self.directory.locate(hash).find(hash, eq)?;
        // SAFETY: a found slot is occupied; the table is borrowed for as long as the result.
        Some(unsafe { &*bucket.slot(slot) })
    }

    /// As [`Table::find`], for changing the value (not its hash). Counts as a change in the current epoch.
    #[inline]
    pub fn find_mut(&mut self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let segment = self.directory.locate(hash);
        let (bucket, slot) = segment.find(hash, eq)?;
        self.mark_changed(segment, hash);
        // SAFETY: a found slot is occupied; the table is exclusively borrowed for as long as the result.
        Some(unsafe { &mut *bucket.slot(slot) })
    }

    /// As [`Table::find_mut`], for what is no part of the data (when it was last used): no change in the current epoch.
    #[inline]
    pub fn find_mut_unmarked(&mut self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let (bucket, slot) = self.directory.locate(hash).find(hash, eq)?;
        // SAFETY: a found slot is occupied; the table is exclusively borrowed for as long as the result.
        Some(unsafe { &mut *bucket.slot(slot) })
    }

    /// Adds an entry that the caller knows to be absent. Amortised O(1); at worst one segment is split, for which
    /// `hasher` is called on its few hundred entries.
    #[inline]
    pub fn insert_unique(&mut self, hash: u64, value: T, hasher: impl HashOf<T>) -> &mut T {
        let mut segment = self.directory.locate(hash);
        let header = segment.header();
        if header.count >= header.grow_at {
            segment = self.grow(hash, &hasher);
        }
        self.len += 1;
        self.mark_changed(segment, hash);
        // SAFETY: the vacant segment always asks to grow, so this one is real; the table is exclusively borrowed; and
        // `grow` leaves room in a shortened bucket. The new value is borrowed as long as the table.
        unsafe { &mut *segment.place(hash, value, &mut self.heap_bytes) }
    }

    /// As [`Table::find_mut`], or, where there is no such entry, as [`Table::insert_unique`] of what `make` gives: one search
    /// for both.
    #[inline]
    pub fn find_mut_or_insert(
        &mut self,
        hash: u64,
        eq: impl FnMut(&T) -> bool,
        make: impl FnOnce() -> T,
        hasher: impl HashOf<T>,
    ) -> &mut T {
        let segment = self.directory.locate(hash);
        let Some((bucket, slot)) = segment.find(hash, eq) else {
            return self.insert_unique(hash, make(), hasher);
        };
        self.mark_changed(segment, hash);
        // SAFETY: a found slot is occupied; the table is exclusively borrowed for as long as the result.
        unsafe { &mut *bucket.slot(slot) }
    }

    /// Takes the entry with this hash for which `eq` holds out of the table. Memory comes back when a segment has become
    /// sparse. `hasher` is called for entries that move.
    #[inline]
    pub fn remove(&mut self, hash: u64, eq: impl FnMut(&T) -> bool, hasher: impl HashOf<T>) -> Option<T> {
        let segment = self.directory.locate(hash);
        let found = segment.find(hash, eq)?;
        self.mark_changed(segment, hash);
        self.len -= 1;
        // SAFETY: just found with this hash; the table is exclusively borrowed.
        let value =
            unsafe { segment.take(hash, found, &|value| hasher.hash_of(value), &mut self.heap_bytes) };
        let header = segment.header();
        if header.count < header.shrink_at || self.len == 0 {
            self.shrink(hash, &hasher);
        }
        Some(value)
    }

    /// Removes everything and gives all memory back. O(entries) when values need dropping, else O(segments).
    pub fn clear(&mut self) {
        drop(self.take_all());
    }

    /// Moves everything into a new table; this one keeps its settings and epoch.
    pub(crate) fn take_all(&mut self) -> Self {
        let mut empty = Self::sized(
            usize::from(self.segment_buckets_max),
            usize::from(self.segment_steps_max),
        );
        empty.epoch = self.epoch;
        core::mem::replace(self, empty)
    }

    /// Asks the processor for the cache lines that a search for `hash` looks at first.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        self.directory.locate(hash).prefetch(hash);
    }

    /// The first entry in the home bucket whose fingerprint fits: most likely what a search for `hash` will find, but
    /// not compared. For prefetching what the value points to, some time after [`Table::prefetch`].
    #[inline]
    pub fn prefetch_candidate(&self, hash: u64) -> Option<&T> {
        let segment = self.directory.locate(hash);
        let bucket = segment.bucket(segment.home_index(hash));
        let candidates = bucket.matches(fingerprint(hash));
        if candidates == 0 {
            return None;
        }
        // SAFETY: a slot with a fingerprint is occupied; the table is borrowed for as long as the result.
        Some(unsafe { &*bucket.slot(candidates.trailing_zeros() as usize) })
    }

    #[inline(always)]
    pub(crate) fn mark_changed(&mut self, segment: Segment<T>, hash: u64) {
        if self.epoch != 0 && !segment.is_vacant() {
            // SAFETY: not vacant, exclusively borrowed, no other reference to the header.
            unsafe { segment.header_mut() }.mark(self.epoch, 1 << segment.home_index(hash));
        }
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for Table<T> {
    fn drop(&mut self) {
        for (_, segment) in self.directory.segments() {
            if core::mem::needs_drop::<T>() {
                for index in 0..segment.buckets_and_stash() {
                    segment.bucket_or_stash(index).drop_values();
                }
            }
        }
        let mut index = 0;
        while index < self.directory.len() {
            let segment = self.directory.get(index);
            index = self.directory.following(index);
            if !segment.is_vacant() {
                // SAFETY: each segment is reached once, and the directory is not read at its entries any more.
                unsafe { segment.free() };
            }
        }
    }
}

impl<T: core::fmt::Debug> core::fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
