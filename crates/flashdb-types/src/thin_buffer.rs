//! `ThinBuffer`: a growable byte buffer whose owner is one pointer wide. Lengths live in the allocation:
//!
//! ```text
//! ┌─────────┬─────────┬───────────┬───────────────┬───────┐
//! │ len u32 │ cap u32 │ count u32 │ len bytes     │ spare │
//! └─────────┴─────────┴───────────┴───────────────┴───────┘
//! ```
//!
//! It carries the packed encodings: thousands of small collections must not pay for a `Vec`'s three words
//! beside their entry. `count` belongs to the user (elements, integers). An empty buffer owns no memory. All
//! unsafe code of the packed encodings is in this file; the first `len` bytes are always initialised.

use crate::approach::prefetch_bytes;
use std::alloc::{self, Layout};
use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};

#[repr(C)]
struct Header {
    len: u32,
    cap: u32,
    count: u32,
}

const HEADER_BYTES: usize = size_of::<Header>();

/// What an empty buffer points at. `cap == 0` marks it: it is neither written nor freed.
static EMPTY: Header = Header {
    len: 0,
    cap: 0,
    count: 0,
};

/// What is called for ahead: most packed collections are smaller.
const PREFETCH_BYTES: usize = 128;

/// Up to this size an allocation is rounded up to its allocator size class and nothing else is spare.
const CLASS_ONLY_BYTES: usize = 1024;

/// Rounds an allocation size up to the next size class of the usual allocators: steps of 16 up to 128, then
/// four classes for each doubling. Asking for less would leave the rest unused.
pub(crate) const fn size_class(bytes: usize) -> usize {
    if bytes <= 128 {
        return (bytes + 15) & !15;
    }
    let step = 1usize << (usize::BITS - (bytes - 1).leading_zeros() - 3);
    (bytes + step - 1) & !(step - 1)
}

pub(crate) struct ThinBuffer {
    header: NonNull<Header>,
}

// SAFETY: the buffer owns its allocation exclusively and hands out borrows only through `&self`/`&mut self`;
// the shared `EMPTY` header is never written.
unsafe impl Send for ThinBuffer {}
// SAFETY: as above, `&ThinBuffer` gives read access only.
unsafe impl Sync for ThinBuffer {}

impl ThinBuffer {
    /// The most bytes a buffer can hold.
    pub(crate) const BYTES_MAX: usize = u32::MAX as usize - HEADER_BYTES;

    pub(crate) const fn new() -> ThinBuffer {
        // `NonNull::from(&EMPTY)` in a form that const code may use; nothing writes through it.
        ThinBuffer {
            header: NonNull::new(&raw const EMPTY as *mut Header).expect("a static has an address"),
        }
    }

    /// An empty buffer with room for exactly `bytes`.
    pub(crate) fn with_capacity(bytes: usize) -> ThinBuffer {
        let mut buffer = ThinBuffer::new();
        if bytes > 0 {
            buffer.reallocate(bytes);
        }
        buffer
    }

    fn header(&self) -> &Header {
        // SAFETY: `header` points at `EMPTY` or at a live allocation that starts with a valid `Header`.
        unsafe { self.header.as_ref() }
    }

    /// Calls for the first bytes; see [`crate::approach`].
    pub(crate) fn prefetch(&self) {
        prefetch_bytes(self.header.as_ptr().cast(), PREFETCH_BYTES);
    }

    pub(crate) fn len(&self) -> usize {
        self.header().len as usize
    }

    pub(crate) fn count(&self) -> usize {
        self.header().count as usize
    }

    fn cap(&self) -> usize {
        self.header().cap as usize
    }

    /// Heap bytes of the buffer, header and spare room included.
    pub(crate) fn memory_bytes(&self) -> usize {
        match self.cap() {
            0 => 0,
            cap => HEADER_BYTES + cap,
        }
    }

    fn data(&self) -> *mut u8 {
        // SAFETY: one header past the start is inside the allocation or one past the end (`EMPTY`, cap 0).
        unsafe { self.header.as_ptr().add(1).cast::<u8>() }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `len <= cap` bytes from `data` belong to the allocation and are initialised; 0 for `EMPTY`.
        unsafe { std::slice::from_raw_parts(self.data(), self.len()) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.data(), self.len()) }
    }

    /// Replaces `remove` bytes at `at` by `insert` new ones, which `fill` has to write completely, and sets
    /// `count`. Cost: a move of the bytes behind `at`, and now and then of the whole buffer.
    ///
    /// # Panics
    /// When the range is outside the buffer, `fill` writes another number of bytes than `insert`, the buffer
    /// would exceed `BYTES_MAX`, or `count` is nonzero for an empty result.
    pub(crate) fn splice(
        &mut self,
        at: usize,
        remove: usize,
        insert: usize,
        count: usize,
        fill: impl FnOnce(&mut GapWriter<'_>),
    ) {
        let old_len = self.len();
        assert!(
            at <= old_len && remove <= old_len - at,
            "splice outside the buffer"
        );
        let new_len = old_len - remove + insert;
        if new_len == 0 {
            assert!(count == 0, "elements take at least one byte");
            *self = ThinBuffer::new();
            return;
        }
        if new_len > self.cap() {
            self.reallocate(self.grown_capacity(new_len));
        }
        let data = self.data();
        // SAFETY: source and destination end at `old_len` and `new_len`, both within `cap`; ranges may overlap.
        unsafe {
            ptr::copy(
                data.add(at + remove),
                data.add(at + insert),
                old_len - at - remove,
            )
        };
        // SAFETY: `at + insert <= new_len <= cap`; the gap belongs to this buffer, which is borrowed meanwhile.
        let mut gap = unsafe { GapWriter::new(data.add(at), insert) };
        fill(&mut gap);
        assert!(gap.left == 0, "gap not filled");
        self.set_len(new_len, count);
        if new_len < old_len {
            self.give_back_spare();
        }
    }

    fn set_len(&mut self, len: usize, count: usize) {
        debug_assert!(self.cap() > 0 && len <= self.cap());
        // SAFETY: `cap > 0` means that `header` is a live allocation of ours, never `EMPTY`.
        let header = unsafe { self.header.as_mut() };
        header.len = len as u32;
        header.count =
            u32::try_from(count).expect("each element takes a byte, so the count fits as the bytes do");
    }

    /// A new buffer is made to measure (rounded to its size class), a growing one gets up to 1/8 spare.
    fn grown_capacity(&self, len: usize) -> usize {
        let total = len + HEADER_BYTES;
        let wanted = if total <= CLASS_ONLY_BYTES {
            size_class(total)
        } else if self.cap() == 0 {
            total
        } else {
            total + total / 8
        };
        (wanted - HEADER_BYTES).min(Self::BYTES_MAX).max(len)
    }

    /// Shrinks when less than half is used, so that a long queue that ran dry does not keep its memory.
    fn give_back_spare(&mut self) {
        if self.cap() + HEADER_BYTES > 64 && self.len() < self.cap() / 2 {
            self.shrink_to_fit();
        }
    }

    /// Gives spare room back, as far as the allocator can make use of it.
    pub(crate) fn shrink_to_fit(&mut self) {
        let total = self.len() + HEADER_BYTES;
        let cap = if total <= CLASS_ONLY_BYTES {
            size_class(total)
        } else {
            total
        } - HEADER_BYTES;
        if cap < self.cap() {
            self.reallocate(cap);
        }
    }

    fn layout(cap: usize) -> Layout {
        assert!(cap <= Self::BYTES_MAX, "packed buffer larger than 4 GB");
        Layout::from_size_align(HEADER_BYTES + cap, align_of::<Header>()).expect("4 GB are a valid layout")
    }

    /// Moves the bytes to an allocation with room for exactly `cap >= len` bytes, `cap > 0`.
    fn reallocate(&mut self, cap: usize) {
        debug_assert!(cap > 0 && cap >= self.len());
        let layout = Self::layout(cap);
        let old_cap = self.cap();
        let raw = if old_cap == 0 {
            // SAFETY: the size is at least a header, so not zero.
            unsafe { alloc::alloc(layout) }
        } else {
            // SAFETY: the block came from this allocator with `layout(old_cap)`; the new size is not zero and
            // was checked by `layout`.
            unsafe { alloc::realloc(self.header.as_ptr().cast(), Self::layout(old_cap), layout.size()) }
        };
        let Some(header) = NonNull::new(raw.cast::<Header>()) else {
            alloc::handle_alloc_error(layout)
        };
        self.header = header;
        if old_cap == 0 {
            // SAFETY: the block is large and aligned enough for a header.
            unsafe {
                header.write(Header {
                    len: 0,
                    cap: cap as u32,
                    count: 0,
                })
            };
        } else {
            // SAFETY: realloc kept the header's bytes, which are initialised.
            unsafe { (*header.as_ptr()).cap = cap as u32 };
        }
    }
}

impl Drop for ThinBuffer {
    fn drop(&mut self) {
        let cap = self.cap();
        if cap > 0 {
            // SAFETY: the block came from this allocator with this layout and nobody else refers to it.
            unsafe { alloc::dealloc(self.header.as_ptr().cast(), Self::layout(cap)) };
        }
    }
}

impl Clone for ThinBuffer {
    fn clone(&self) -> ThinBuffer {
        let mut copy = ThinBuffer::new();
        copy.splice(0, 0, self.len(), self.count(), |gap| gap.put(self.bytes()));
        copy
    }
}

/// Writes the inserted bytes of a [`ThinBuffer::splice`], front to back.
pub(crate) struct GapWriter<'a> {
    next: *mut u8,
    left: usize,
    buffer: std::marker::PhantomData<&'a mut u8>,
}

impl GapWriter<'_> {
    /// # Safety
    /// `left` bytes from `next` must be writable, and by nobody else, for the writer's life.
    unsafe fn new(next: *mut u8, left: usize) -> Self {
        GapWriter {
            next,
            left,
            buffer: std::marker::PhantomData,
        }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.left, "gap overrun");
        // SAFETY: `left` bytes from `next` are ours to write (see `new`) and `bytes` is at most that long; it
        // cannot overlap, as the buffer is mutably borrowed.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.next, bytes.len());
            self.next = self.next.add(bytes.len());
        }
        self.left -= bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_are_the_allocators() {
        for (bytes, class) in [
            (1, 16),
            (16, 16),
            (17, 32),
            (128, 128),
            (129, 160),
            (161, 192),
            (256, 256),
            (257, 320),
        ] {
            assert_eq!(size_class(bytes), class, "{bytes}");
        }
    }

    #[test]
    fn owner_is_one_pointer_and_empty_owns_nothing() {
        assert_eq!(size_of::<ThinBuffer>(), 8);
        assert_eq!(size_of::<Option<ThinBuffer>>(), 8);
        let empty = ThinBuffer::new();
        assert_eq!((empty.memory_bytes(), empty.bytes().len()), (0, 0));
    }

    #[test]
    fn splices_like_a_vec() {
        let mut buffer = ThinBuffer::new();
        let mut model: Vec<u8> = Vec::new();
        let mut state = 7u64;
        for round in 0..3000usize {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let pick = (state >> 33) as usize;
            let at = pick % (model.len() + 1);
            let remove = if round % 700 > 350 {
                (pick / 7) % (model.len() - at + 1)
            } else {
                0
            };
            let new: Vec<u8> = (0..(pick / 11) % 40).map(|i| (i + round) as u8).collect();
            model.splice(at..at + remove, new.iter().copied());
            buffer.splice(at, remove, new.len(), usize::from(!model.is_empty()), |gap| {
                let (front, back) = new.split_at(new.len() / 2);
                gap.put(front);
                gap.put(back);
            });
            assert_eq!(buffer.bytes(), &model[..]);
            assert!(
                buffer.memory_bytes() <= size_class(12 + model.len()).max((model.len() + 12) * 9 / 4) + 64
            );
        }
        assert_eq!(buffer.clone().bytes(), buffer.bytes());
        buffer.splice(0, model.len(), 0, 0, |_| {});
        assert_eq!(buffer.memory_bytes(), 0);
    }
}
