//! A segment: one allocation with a header and up to 64 buckets, and a stash for what does not fit.
//!
//! An entry lives in its home bucket, or *displaced* in the next bucket (cyclic), or in the stash, in this order of
//! preference; flags in the home bucket say where else to look, so that most misses cost one bucket. The stash is dense.
//!
//! [`Segment`] is a pointer with the number of buckets minus one in its low six bits: a search reads the directory and
//! then a bucket, not the header in between.

use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::align_of;
use std::alloc;

use crate::bucket::{Bucket, BucketPtr, IN_NEXT, IN_STASH, SLOTS};
use crate::hash::{bucket_of_position, fingerprint, position};
use crate::prefetch::prefetch_line;

/// Most buckets a segment may have: the tag has six bits, the bitmap of changed buckets 64.
pub(crate) const BUCKETS_MAX: usize = 64;

/// Slots of the smallest segment, which has one shortened bucket.
pub(crate) const SLOTS_MIN: usize = 4;

/// A segment of several buckets grows when it holds this share of its slots, in percent.
const GROW_AT_PERCENT: usize = 95;

/// A segment shrinks, or merges with its buddy, when it holds less than this share of its slots, in percent.
const SHRINK_AT_PERCENT: usize = 30;

const TAG_MASK: usize = BUCKETS_MAX - 1;

/// What a segment knows of itself; in front of its buckets, on a cache line of its own.
#[repr(C, align(64))]
pub(crate) struct Header {
    /// Entries in buckets and stash.
    pub(crate) count: u32,
    /// An insertion that finds `count` at this or above must first try to grow the segment.
    pub(crate) grow_at: u32,
    /// A removal that leaves `count` below this should try to shrink the segment.
    pub(crate) shrink_at: u32,
    /// Slots in the buckets: 14 for each, or 4 when there is one shortened bucket.
    pub(crate) slots: u16,
    /// Bits of the hash that all entries of this segment share.
    pub(crate) local_depth: u8,
    stash: *mut u8,
    stash_len: u32,
    stash_buckets: u32,
    /// The epoch that `changed` speaks of.
    pub(crate) changed_epoch: u64,
    /// Bit i: bucket i changed in that epoch.
    pub(crate) changed: u64,
}

/// Buckets begin one cache line into the allocation.
const BUCKETS_OFFSET: usize = 64;
const _: () = assert!(size_of::<Header>() == BUCKETS_OFFSET);

/// What a table without memory points to: no entries, no room, never written.
#[repr(C)]
struct Vacant {
    header: Header,
    bucket_head: [u8; 64],
}

// SAFETY: immutable, and its null pointer is never followed.
unsafe impl Sync for Vacant {}

static VACANT: Vacant = Vacant {
    header: Header {
        count: 0,
        grow_at: 0,
        shrink_at: 0,
        slots: 0,
        local_depth: 0,
        stash: core::ptr::null_mut(),
        stash_len: 0,
        stash_buckets: 0,
        changed_epoch: 0,
        changed: 0,
    },
    bucket_head: [0; 64],
};

/// Handle of a live segment: copies of it are valid until [`Segment::free`].
pub(crate) struct Segment<T> {
    tagged: *mut u8,
    marker: PhantomData<T>,
}

impl<T> Clone for Segment<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Segment<T> {}

impl<T> PartialEq for Segment<T> {
    fn eq(&self, other: &Self) -> bool {
        self.tagged == other.tagged
    }
}

/// Where an entry was found: a bucket (home, next, or of the stash) and a slot in it.
pub(crate) type Found<T> = (BucketPtr<T>, usize);

impl<T> Segment<T> {
    /// The segment of a table that owns no memory.
    pub(crate) const fn vacant() -> Self {
        Self {
            tagged: (&raw const VACANT).cast_mut().cast::<u8>(),
            marker: PhantomData,
        }
    }

    pub(crate) fn is_vacant(self) -> bool {
        core::ptr::eq(self.tagged, (&raw const VACANT).cast::<u8>())
    }

    /// Allocates an empty segment. `slots` is `14 * buckets`, or [`SLOTS_MIN`] with one bucket.
    pub(crate) fn allocate(buckets: usize, slots: usize, local_depth: u8) -> Self {
        assert!(
            (1..=BUCKETS_MAX).contains(&buckets),
            "a segment has 1 to 64 buckets"
        );
        let layout = Self::layout(buckets, slots);
        // SAFETY: the layout contains at least the header.
        let base = unsafe { alloc::alloc(layout) };
        if base.is_null() {
            alloc::handle_alloc_error(layout);
        }
        let header = Header {
            count: 0,
            grow_at: (if buckets == 1 {
                slots
            } else {
                slots * GROW_AT_PERCENT / 100
            }) as u32,
            shrink_at: (slots * SHRINK_AT_PERCENT / 100) as u32,
            slots: slots as u16,
            local_depth,
            stash: core::ptr::null_mut(),
            stash_len: 0,
            stash_buckets: 0,
            changed_epoch: 0,
            changed: 0,
        };
        // SAFETY: freshly allocated, aligned to 64, and large enough for the header.
        unsafe { base.cast::<Header>().write(header) };
        let segment = Self {
            tagged: base.map_addr(|address| address | (buckets - 1)),
            marker: PhantomData,
        };
        for index in 0..buckets {
            segment.bucket(index).init();
        }
        segment
    }

    fn layout(buckets: usize, slots: usize) -> Layout {
        const {
            assert!(
                align_of::<Bucket<T>>() <= 64,
                "values aligned to more than a cache line are not supported"
            )
        };
        let missing = (buckets * SLOTS - slots) * size_of::<T>();
        let bytes = BUCKETS_OFFSET + buckets * size_of::<Bucket<T>>() - missing;
        Layout::from_size_align(bytes, 64).expect("a segment is at most a few thousand values long")
    }

    /// Gives the memory back, without dropping entries that are left.
    ///
    /// # Safety
    /// The segment must not be vacant, and neither this handle nor a copy of it may be used again.
    pub(crate) unsafe fn free(self) {
        // SAFETY: passed on from the caller.
        unsafe { self.free_stash() };
        let layout = Self::layout(self.buckets(), usize::from(self.header().slots));
        // SAFETY: allocated with this very layout in `allocate`.
        unsafe { alloc::dealloc(self.base(), layout) };
    }

    #[inline(always)]
    fn base(self) -> *mut u8 {
        self.tagged.map_addr(|address| address & !TAG_MASK)
    }

    /// Number of buckets, without those of the stash.
    #[inline(always)]
    pub(crate) fn buckets(self) -> usize {
        (self.tagged.addr() & TAG_MASK) + 1
    }

    #[inline(always)]
    pub(crate) fn header<'a>(self) -> &'a Header {
        // SAFETY: a live segment begins with an initialised header; callers keep the reference for one expression.
        unsafe { &*self.base().cast::<Header>() }
    }

    /// # Safety
    /// The segment must not be vacant, the table exclusively borrowed, and no other reference to the header alive.
    #[inline(always)]
    pub(crate) unsafe fn header_mut<'a>(self) -> &'a mut Header {
        // SAFETY: passed on from the caller.
        unsafe { &mut *self.base().cast::<Header>() }
    }

    #[inline(always)]
    pub(crate) fn bucket(self, index: usize) -> BucketPtr<T> {
        debug_assert!(index < self.buckets());
        // SAFETY: within the allocation, and initialised since `allocate`. For the vacant segment only bucket 0 and
        // its head are reached, which exist.
        unsafe { BucketPtr::new(self.base().add(BUCKETS_OFFSET).cast::<Bucket<T>>().add(index)) }
    }

    #[inline(always)]
    pub(crate) fn home_index(self, hash: u64) -> usize {
        bucket_of_position(position(hash), self.buckets())
    }

    /// The bucket that takes what does not fit into bucket `index`; the same one when there is only one.
    #[inline(always)]
    pub(crate) fn next_index(self, index: usize) -> usize {
        if index + 1 == self.buckets() { 0 } else { index + 1 }
    }

    #[inline(always)]
    pub(crate) fn prefetch(self, hash: u64) {
        let bucket = self.bucket(self.home_index(hash));
        prefetch_line(bucket.slot(0));
        prefetch_line(bucket.slot(0).wrapping_byte_add(64));
    }

    /// Finds the entry with this hash for which `eq` holds.
    #[inline(always)]
    pub(crate) fn find(self, hash: u64, mut eq: impl FnMut(&T) -> bool) -> Option<Found<T>> {
        let index = self.home_index(hash);
        let home = self.bucket(index);
        if let Some(slot) = home.find(home.matches(fingerprint(hash)), &mut eq) {
            return Some((home, slot));
        }
        let flags = home.flags();
        if flags & (IN_NEXT | IN_STASH) == 0 {
            return None;
        }
        self.find_overflow(index, flags, fingerprint(hash), eq)
    }

    #[inline(never)]
    fn find_overflow(
        self,
        index: usize,
        flags: u16,
        fingerprint: u8,
        mut eq: impl FnMut(&T) -> bool,
    ) -> Option<Found<T>> {
        if flags & IN_NEXT != 0 {
            let next = self.bucket(self.next_index(index));
            if let Some(slot) = next.find(next.matches(fingerprint) & next.displaced(), &mut eq) {
                return Some((next, slot));
            }
        }
        if flags & IN_STASH != 0 {
            for bucket in (0..self.stash_buckets_used()).map(|index| self.stash_bucket(index)) {
                if let Some(slot) = bucket.find(bucket.matches(fingerprint), &mut eq) {
                    return Some((bucket, slot));
                }
            }
        }
        None
    }

    /// Puts an entry into the best free slot; `heap_bytes` follows the stash.
    ///
    /// # Safety
    /// The segment must not be vacant, the table exclusively borrowed, and `count` below `grow_at` unless the segment
    /// has all slots of its buckets.
    #[inline(always)]
    pub(crate) unsafe fn place(self, hash: u64, value: T, heap_bytes: &mut usize) -> *mut T {
        let index = self.home_index(hash);
        let home = self.bucket(index);
        // SAFETY: passed on from the caller.
        unsafe { self.header_mut() }.count += 1;
        // A shortened bucket has no more than `grow_at` entries, and the lowest free slot is below that.
        let free = home.free();
        if free != 0 {
            return home.put(free.trailing_zeros() as usize, fingerprint(hash), value);
        }
        // SAFETY: passed on from the caller.
        unsafe { self.place_overflow(index, fingerprint(hash), value, heap_bytes) }
    }

    /// # Safety
    /// As [`Segment::place`].
    #[inline(never)]
    unsafe fn place_overflow(
        self,
        index: usize,
        fingerprint: u8,
        value: T,
        heap_bytes: &mut usize,
    ) -> *mut T {
        let home = self.bucket(index);
        let next = self.bucket(self.next_index(index));
        let free = next.free();
        if free != 0 {
            let slot = free.trailing_zeros() as usize;
            next.mark_displaced(slot);
            home.set_flag(IN_NEXT, true);
            return next.put(slot, fingerprint, value);
        }
        home.set_flag(IN_STASH, true);
        // SAFETY: passed on from the caller.
        unsafe { self.stash_push(fingerprint, value, heap_bytes) }
    }

    /// Moves a found entry out and, when it leaves a gap in its home, brings back an entry that had to live elsewhere.
    ///
    /// # Safety
    /// `found` must come from `find` with `hash` on this segment, the table be exclusively borrowed.
    pub(crate) unsafe fn take(
        self,
        hash: u64,
        found: Found<T>,
        hasher: &impl Fn(&T) -> u64,
        heap_bytes: &mut usize,
    ) -> T {
        let index = self.home_index(hash);
        let home = self.bucket(index);
        let next = self.bucket(self.next_index(index));
        let (bucket, slot) = found;
        // SAFETY: passed on from the caller.
        unsafe { self.header_mut() }.count -= 1;
        if bucket == home {
            let value = home.take(slot);
            let flags = home.flags();
            // A flag may be out of date after a panic in foreign code, hence the look at the slots.
            if flags & IN_NEXT != 0 && next.displaced() != 0 {
                let donor = next.displaced().trailing_zeros() as usize;
                let donor_fingerprint = next.fingerprint(donor);
                home.put(slot, donor_fingerprint, next.take(donor));
                home.set_flag(IN_NEXT, next.displaced() != 0);
            } else if flags & IN_STASH != 0 {
                // SAFETY: passed on from the caller.
                unsafe { self.refill_from_stash(index, slot, hasher, heap_bytes) };
            }
            value
        } else if bucket == next {
            let value = next.take(slot);
            home.set_flag(IN_NEXT, next.displaced() != 0);
            value
        } else {
            // SAFETY: passed on from the caller; `bucket` is of the stash, as it is neither of the two others.
            let value = unsafe { self.stash_take(bucket, slot, heap_bytes) };
            home.set_flag(IN_STASH, self.last_in_stash(index, hasher).is_some());
            value
        }
    }

    /// # Safety
    /// The table must be exclusively borrowed, slot `slot` of bucket `index` free, and the bucket's stash flag set.
    unsafe fn refill_from_stash(
        self,
        index: usize,
        slot: usize,
        hasher: &impl Fn(&T) -> u64,
        heap_bytes: &mut usize,
    ) {
        let home = self.bucket(index);
        if let Some((bucket, donor)) = self.last_in_stash(index, hasher) {
            let donor_fingerprint = bucket.fingerprint(donor);
            // SAFETY: passed on from the caller; an occupied slot of the stash.
            home.put(slot, donor_fingerprint, unsafe {
                self.stash_take(bucket, donor, heap_bytes)
            });
        }
        home.set_flag(IN_STASH, self.last_in_stash(index, hasher).is_some());
    }

    /// Calls `visit` with every entry whose home is bucket `index`, and `warm` with most of them before.
    pub(crate) fn for_each_of_home<'a>(
        self,
        index: usize,
        hasher: &impl Fn(&T) -> u64,
        warm: &impl Fn(&T),
        visit: &mut impl FnMut(&'a T),
    ) where
        T: 'a,
    {
        let home = self.bucket(index);
        let own = home.occupied() & !home.displaced();
        visit_slots(home, own, &mut |value| warm(value));
        visit_slots(home, own, visit);
        if home.flags() & IN_NEXT != 0 {
            let next = self.bucket(self.next_index(index));
            visit_slots(next, next.displaced(), visit);
        }
        if home.flags() & IN_STASH != 0 {
            for bucket in (0..self.stash_buckets_used()).map(|index| self.stash_bucket(index)) {
                visit_slots(bucket, bucket.occupied(), &mut |value| {
                    if self.home_index(hasher(value)) == index {
                        visit(value);
                    }
                });
            }
        }
    }

    /// Number of buckets including those of the stash that are in use, for [`Segment::bucket_or_stash`].
    pub(crate) fn buckets_and_stash(self) -> usize {
        self.buckets() + self.stash_buckets_used()
    }

    /// Bucket `index`, where the stash's buckets follow the segment's own.
    pub(crate) fn bucket_or_stash(self, index: usize) -> BucketPtr<T> {
        if index < self.buckets() {
            self.bucket(index)
        } else {
            self.stash_bucket(index - self.buckets())
        }
    }

    /// Bytes of all allocations of the segment.
    pub(crate) fn heap_bytes(self) -> usize {
        if self.is_vacant() {
            return 0;
        }
        let header = self.header();
        Self::layout(self.buckets(), usize::from(header.slots)).size()
            + header.stash_buckets as usize * size_of::<Bucket<T>>()
    }
}

/// The stash.
impl<T> Segment<T> {
    /// Entries in the stash.
    pub(crate) fn stash_len(self) -> usize {
        self.header().stash_len as usize
    }

    /// Buckets allocated for the stash.
    pub(crate) fn stash_buckets(self) -> usize {
        self.header().stash_buckets as usize
    }

    fn stash_buckets_used(self) -> usize {
        self.stash_len().div_ceil(SLOTS)
    }

    fn stash_bucket(self, index: usize) -> BucketPtr<T> {
        debug_assert!(index < self.stash_buckets());
        // SAFETY: within the stash's allocation, whose buckets' heads are initialised.
        unsafe { BucketPtr::new(self.header().stash.cast::<Bucket<T>>().add(index)) }
    }

    /// # Safety
    /// The segment must not be vacant and the table exclusively borrowed.
    unsafe fn stash_push(self, fingerprint: u8, value: T, heap_bytes: &mut usize) -> *mut T {
        let len = self.stash_len();
        if len == self.stash_buckets() * SLOTS {
            // SAFETY: passed on from the caller.
            unsafe { self.resize_stash((2 * self.stash_buckets()).max(1), heap_bytes) };
        }
        // SAFETY: passed on from the caller.
        unsafe { self.header_mut() }.stash_len += 1;
        self.stash_bucket(len / SLOTS)
            .put(len % SLOTS, fingerprint, value)
    }

    /// Takes an entry out of the stash and closes the gap with the last one.
    ///
    /// # Safety
    /// `slot` of `bucket` must be an occupied slot of this segment's stash, the table exclusively borrowed.
    pub(crate) unsafe fn stash_take(self, bucket: BucketPtr<T>, slot: usize, heap_bytes: &mut usize) -> T {
        let last = self.stash_len() - 1;
        let value = bucket.take(slot);
        let (last_bucket, last_slot) = (self.stash_bucket(last / SLOTS), last % SLOTS);
        if last_bucket != bucket || last_slot != slot {
            let moved_fingerprint = last_bucket.fingerprint(last_slot);
            bucket.put(slot, moved_fingerprint, last_bucket.take(last_slot));
        }
        // SAFETY: passed on from the caller.
        unsafe { self.header_mut() }.stash_len = last as u32;
        let used = self.stash_buckets_used();
        if used == 0 || used * 4 <= self.stash_buckets() {
            // SAFETY: passed on from the caller.
            unsafe { self.resize_stash(used, heap_bytes) };
        }
        value
    }

    /// The last entry of the stash whose home is bucket `index`: the last, because a long stash of one home is then
    /// taken apart from its end.
    fn last_in_stash(self, index: usize, hasher: &impl Fn(&T) -> u64) -> Option<Found<T>> {
        (0..self.stash_len())
            .rev()
            .map(|at| (self.stash_bucket(at / SLOTS), at % SLOTS))
            .find(|&(bucket, slot)| {
                // SAFETY: the stash is dense, so all slots below its length are occupied.
                self.home_index(hasher(unsafe { &*bucket.slot(slot) })) == index
            })
    }

    /// Sets the stash's allocation to `buckets`, enough for its entries.
    ///
    /// # Safety
    /// The segment must not be vacant and the table exclusively borrowed.
    unsafe fn resize_stash(self, buckets: usize, heap_bytes: &mut usize) {
        let old_buckets = self.stash_buckets();
        let old = self.header().stash;
        debug_assert!(buckets >= self.stash_buckets_used() && buckets != old_buckets);
        let layout = stash_layout::<T>(buckets);
        let stash = match (old_buckets, buckets) {
            // SAFETY: the layout is not empty.
            (0, _) => unsafe { alloc::alloc(layout) },
            (_, 0) => {
                // SAFETY: allocated with this layout.
                unsafe { alloc::dealloc(old, stash_layout::<T>(old_buckets)) };
                core::ptr::null_mut()
            }
            // SAFETY: allocated with this layout; the new size is not 0.
            _ => unsafe { alloc::realloc(old, stash_layout::<T>(old_buckets), layout.size()) },
        };
        if stash.is_null() && buckets > 0 {
            alloc::handle_alloc_error(layout);
        }
        // SAFETY: passed on from the caller.
        let header = unsafe { self.header_mut() };
        header.stash = stash;
        header.stash_buckets = buckets as u32;
        for index in old_buckets..buckets {
            self.stash_bucket(index).init();
        }
        *heap_bytes = *heap_bytes + layout.size() - stash_layout::<T>(old_buckets).size();
    }

    /// # Safety
    /// As [`Segment::free`].
    unsafe fn free_stash(self) {
        if self.stash_buckets() > 0 {
            // SAFETY: allocated with this layout.
            unsafe { alloc::dealloc(self.header().stash, stash_layout::<T>(self.stash_buckets())) };
        }
    }

    /// Sets every bucket's overflow flags from what is there, after entries were taken out directly.
    pub(crate) fn recompute_flags(self, hasher: &impl Fn(&T) -> u64) {
        for index in 0..self.buckets() {
            let next = self.next_index(index);
            let bucket = self.bucket(index);
            bucket.set_flag(IN_NEXT, next != index && self.bucket(next).displaced() != 0);
            bucket.set_flag(IN_STASH, false);
        }
        for bucket in (0..self.stash_buckets_used()).map(|index| self.stash_bucket(index)) {
            visit_slots(bucket, bucket.occupied(), &mut |value| {
                self.bucket(self.home_index(hasher(value)))
                    .set_flag(IN_STASH, true);
            });
        }
    }
}

fn stash_layout<T>(buckets: usize) -> Layout {
    Layout::array::<Bucket<T>>(buckets).expect("a stash is smaller than the address space")
}

/// Calls `warm` with most entries whose home is bucket `index`, which is to be visited soon.
pub(crate) fn warm_bucket<T>(segment: Segment<T>, index: usize, warm: &impl Fn(&T)) {
    let bucket = segment.bucket(index);
    visit_slots(bucket, bucket.occupied() & !bucket.displaced(), &mut |value| {
        warm(value)
    });
}

/// Calls `visit` with the values of `occupied` slots.
pub(crate) fn visit_slots<'a, T: 'a>(bucket: BucketPtr<T>, mut occupied: u32, visit: &mut impl FnMut(&'a T)) {
    while occupied != 0 {
        // SAFETY: occupied slots hold initialised values, which outlive the borrow of the table that 'a stands for.
        visit(unsafe { &*bucket.slot(occupied.trailing_zeros() as usize) });
        occupied &= occupied - 1;
    }
}
