//! A bucket: fourteen slots behind sixteen bytes that say what is in them. With values of 8 bytes it is 128 bytes.
//!
//! ```text
//!  0             14      16                                16 + 14 * size_of::<T>()
//!  | fingerprints | flags | slot 0 | slot 1 | ... | slot 13 |
//! ```
//!
//! A fingerprint of 0 marks a free slot. Flags: bit i (0..14) = slot i is *displaced*, its entry's home is the bucket
//! before this one; bit 14 = some entry whose home is this bucket sits displaced in the next one; bit 15 = some entry
//! whose home is this bucket sits in the segment's stash.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::group;

/// Entries a bucket can hold.
pub(crate) const SLOTS: usize = 14;

const SLOT_MASK: u32 = (1 << SLOTS) - 1;

/// Entries of this home are displaced into the next bucket.
pub(crate) const IN_NEXT: u16 = 1 << 14;

/// Entries of this home are in the stash.
pub(crate) const IN_STASH: u16 = 1 << 15;

/// Memory layout of a bucket; only ever used through [`BucketPtr`], as a tiny segment allocates fewer slots.
#[repr(C, align(16))]
pub(crate) struct Bucket<T> {
    fingerprints: [u8; SLOTS],
    flags: u16,
    slots: [MaybeUninit<T>; SLOTS],
}

const _: () = assert!(size_of::<Bucket<u64>>() == 128);

/// Pointer to a live bucket whose first 16 bytes are initialised. The slots with a fingerprint other than 0 hold values.
pub(crate) struct BucketPtr<T> {
    pointer: *mut Bucket<T>,
    marker: PhantomData<T>,
}

impl<T> Clone for BucketPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for BucketPtr<T> {}

impl<T> PartialEq for BucketPtr<T> {
    fn eq(&self, other: &Self) -> bool {
        self.pointer == other.pointer
    }
}

impl<T> BucketPtr<T> {
    /// # Safety
    /// `pointer` must be aligned and its head initialised (or be initialised by the next call), writable unless only
    /// read, and stay allocated for as long as the result is used; slots that are used must be within the allocation.
    #[inline(always)]
    pub(crate) unsafe fn new(pointer: *mut Bucket<T>) -> Self {
        Self {
            pointer,
            marker: PhantomData,
        }
    }

    /// Marks all slots free.
    pub(crate) fn init(self) {
        // SAFETY: the head of a live bucket is writable.
        unsafe { self.pointer.cast::<[u8; 16]>().write([0; 16]) }
    }

    /// The slots whose fingerprint is `fingerprint` (not 0): candidates for equality.
    #[inline(always)]
    pub(crate) fn matches(self, fingerprint: u8) -> u32 {
        // SAFETY: the head of a live bucket is 16 initialised bytes, aligned like the bucket.
        unsafe { group::matches(self.pointer.cast::<u8>(), fingerprint) & SLOT_MASK }
    }

    #[inline(always)]
    pub(crate) fn free(self) -> u32 {
        self.matches(0)
    }

    #[inline(always)]
    pub(crate) fn occupied(self) -> u32 {
        !self.free() & SLOT_MASK
    }

    #[inline(always)]
    pub(crate) fn flags(self) -> u16 {
        // SAFETY: the head of a live bucket is initialised.
        unsafe { (*self.pointer).flags }
    }

    #[inline(always)]
    fn set_flags(self, flags: u16) {
        // SAFETY: the head of a live bucket is writable.
        unsafe { (*self.pointer).flags = flags }
    }

    #[inline(always)]
    pub(crate) fn set_flag(self, flag: u16, on: bool) {
        let flags = self.flags() & !flag;
        self.set_flags(if on { flags | flag } else { flags });
    }

    /// The slots whose entries have the previous bucket as home.
    #[inline(always)]
    pub(crate) fn displaced(self) -> u32 {
        u32::from(self.flags()) & SLOT_MASK
    }

    #[inline(always)]
    pub(crate) fn mark_displaced(self, slot: usize) {
        self.set_flags(self.flags() | 1 << slot);
    }

    pub(crate) fn fingerprint(self, slot: usize) -> u8 {
        debug_assert!(slot < SLOTS);
        // SAFETY: the head of a live bucket is initialised.
        unsafe { (*self.pointer).fingerprints[slot] }
    }

    #[inline(always)]
    fn set_fingerprint(self, slot: usize, fingerprint: u8) {
        debug_assert!(slot < SLOTS);
        // SAFETY: the fingerprints are the first bytes of a live bucket's writable head, and `slot` is one of them.
        unsafe { self.pointer.cast::<u8>().add(slot).write(fingerprint) }
    }

    /// Where the value of `slot` is; initialised only when the slot is occupied.
    #[inline(always)]
    pub(crate) fn slot(self, slot: usize) -> *mut T {
        debug_assert!(slot < SLOTS);
        // SAFETY: stays within the bucket; no reference to the possibly uninitialised slots is made.
        unsafe { (&raw mut (*self.pointer).slots).cast::<T>().add(slot) }
    }

    /// The first of `candidates`, all of them occupied, for which `eq` holds.
    #[inline(always)]
    pub(crate) fn find(self, mut candidates: u32, eq: &mut impl FnMut(&T) -> bool) -> Option<usize> {
        while candidates != 0 {
            let slot = candidates.trailing_zeros() as usize;
            // SAFETY: candidates are occupied slots, which hold initialised values.
            if eq(unsafe { &*self.slot(slot) }) {
                return Some(slot);
            }
            candidates &= candidates - 1;
        }
        None
    }

    /// Puts a value into a free slot.
    #[inline(always)]
    pub(crate) fn put(self, slot: usize, fingerprint: u8, value: T) -> *mut T {
        debug_assert!(self.free() & 1 << slot != 0);
        self.set_fingerprint(slot, fingerprint);
        let place = self.slot(slot);
        // SAFETY: a free slot of a live bucket, so nothing is overwritten that would need a drop.
        unsafe { place.write(value) };
        place
    }

    /// Moves the value out of an occupied slot, which is free afterwards.
    #[inline(always)]
    pub(crate) fn take(self, slot: usize) -> T {
        debug_assert!(self.occupied() & 1 << slot != 0);
        self.set_fingerprint(slot, 0);
        self.set_flags(self.flags() & !(1 << slot));
        // SAFETY: the slot was occupied, thus initialised, and has just been marked free: read at most once.
        unsafe { self.slot(slot).read() }
    }

    /// Drops the values of all occupied slots.
    pub(crate) fn drop_values(self) {
        let mut occupied = self.occupied();
        while occupied != 0 {
            drop(self.take(occupied.trailing_zeros() as usize));
            occupied &= occupied - 1;
        }
    }
}
