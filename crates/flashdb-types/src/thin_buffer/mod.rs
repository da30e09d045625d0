//! `ThinBuffer`: a growable byte buffer whose owner is one pointer wide. Lengths live in the allocation:
//!
//! ```text
//! ┌───────────────┬────────┬─────────────────────────────────────┬───────────────┬───────┐
//! │ head, 8 bytes │ prefix │ wide only: len, cap, count, each u32 │ len bytes     │ spare │
//! └───────────────┴────────┴─────────────────────────────────────┴───────────────┴───────┘
//! ```
//!
//! It carries the packed encodings: thousands of small collections must not pay for a `Vec`'s three words, nor for an
//! allocation beside that of their key. Who *holds* a buffer may therefore keep bytes of its own in front of the content,
//! the prefix, and some bits of the [`Head`]; they stay whatever becomes of the content. `count` and the form, two bits,
//! belong to the user of the content. An empty buffer that nobody holds owns no memory. The first `len` bytes are always
//! initialised.

mod head;

use crate::approach::prefetch_bytes;
use head::{HEAD_BYTES, Head, SMALL_BLOCK_MAX, SMALL_COUNT_MAX, SMALL_LEN_MAX, WIDE_BYTES};
use std::alloc::{self, Layout};
use std::ptr::{self, NonNull};

pub(crate) use head::size_class;

/// What a buffer without memory points at: it is neither written nor freed.
static NOTHING: Head = Head::NONE;

/// What is called for ahead: most packed collections are smaller.
const PREFETCH_BYTES: usize = 128;

/// Up to this size an allocation is rounded up to its allocator size class and nothing else is spare.
const CLASS_ONLY_BYTES: usize = 4096;

/// See the head of the file.
#[repr(transparent)]
pub struct ThinBuffer {
    block: NonNull<u8>,
}

/// Where the content of a block is and how much of it there is.
struct Figures {
    at: usize,
    len: usize,
    cap: usize,
    count: usize,
}

// SAFETY: the buffer owns its allocation exclusively and hands out borrows only through `&self`/`&mut self`;
// the shared `NOTHING` is never written.
unsafe impl Send for ThinBuffer {}
// SAFETY: as above, `&ThinBuffer` gives read access only.
unsafe impl Sync for ThinBuffer {}

impl ThinBuffer {
    /// The most bytes a buffer can hold.
    pub(crate) const BYTES_MAX: usize = u32::MAX as usize - 1024;
    /// The longest prefix.
    pub const PREFIX_MAX: usize = u8::MAX as usize;

    pub(crate) const fn new() -> ThinBuffer {
        ThinBuffer {
            block: NonNull::new((&raw const NOTHING).cast_mut().cast()).expect("a static has an address"),
        }
    }

    /// An empty buffer with room for exactly `bytes`.
    pub(crate) fn with_capacity(bytes: usize) -> ThinBuffer {
        let mut buffer = ThinBuffer::new();
        if bytes > 0 {
            buffer.reallocate(bytes, 0);
        }
        buffer
    }

    #[inline]
    fn head(&self) -> Head {
        // SAFETY: `block` points at `NOTHING` or at a live allocation; both begin with an initialised head.
        Head::from_bytes(unsafe { self.block.cast::<[u8; HEAD_BYTES]>().read() })
    }

    fn set_head(&mut self, head: Head) {
        assert!(self.head().is_allocated(), "what all share is not written");
        // SAFETY: the block is a live allocation of ours and longer than a head.
        unsafe { self.block.cast::<[u8; HEAD_BYTES]>().write(head.to_bytes()) };
    }

    #[inline]
    fn figures(&self) -> Figures {
        let head = self.head();
        let at = HEAD_BYTES + head.prefix_len();
        if !head.is_wide() {
            return Figures {
                at,
                len: head.small_len(),
                cap: head.small_block_bytes().saturating_sub(at),
                count: head.small_count(),
            };
        }
        // SAFETY: in a wide block three initialised numbers follow the prefix, at any alignment.
        let [len, cap, count] = unsafe { self.block.add(at).cast::<[u32; 3]>().read_unaligned() };
        Figures {
            at: at + WIDE_BYTES,
            len: len as usize,
            cap: cap as usize,
            count: count as usize,
        }
    }

    /// Calls for the first bytes; see [`crate::approach`].
    pub(crate) fn prefetch(&self) {
        prefetch_bytes(self.block.as_ptr(), PREFETCH_BYTES);
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.figures().len
    }

    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.figures().count
    }

    /// What the user of the content made of it; 0 at first.
    #[inline]
    pub(crate) fn form(&self) -> u8 {
        self.head().form()
    }

    /// Sets the form, of the content that is to come.
    pub(crate) fn set_form(&mut self, form: u8) {
        if form != self.form() {
            if !self.head().is_allocated() {
                self.reallocate(1, 0);
            }
            self.set_head(self.head().with_form(form));
        }
    }

    /// Heap bytes of the buffer: head, prefix, content and spare room.
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        let head = self.head();
        if !head.is_wide() {
            return head.small_block_bytes();
        }
        let figures = self.figures();
        figures.at + figures.cap
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        let Figures { at, len, .. } = self.figures();
        // SAFETY: `len <= cap` bytes from `at` belong to the allocation and are initialised; 0 right behind `NOTHING`.
        unsafe { std::slice::from_raw_parts(self.block.as_ptr().add(at), len) }
    }

    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let Figures { at, len, .. } = self.figures();
        // SAFETY: as in `bytes`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.block.as_ptr().add(at), len) }
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
        let figures = self.figures();
        let old_len = figures.len;
        assert!(
            at <= old_len && remove <= old_len - at,
            "splice outside the buffer"
        );
        let new_len = old_len - remove + insert;
        if new_len == 0 {
            assert!(count == 0, "elements take at least one byte");
            return self.clear();
        }
        let narrow = !self.head().is_wide() && (new_len > SMALL_LEN_MAX || count > SMALL_COUNT_MAX);
        if new_len > figures.cap || narrow {
            self.reallocate(self.grown_capacity(new_len.max(old_len), narrow), count);
        }
        // SAFETY: the content begins inside the allocation, which is not `NOTHING`, as `new_len` is not 0.
        let data = unsafe { self.block.as_ptr().add(self.figures().at) };
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
        self.set_figures(new_len, count);
        if new_len < old_len {
            self.give_back_spare();
        }
    }

    /// Drops the content; the memory, too, unless somebody holds the buffer or it has a form to remember.
    pub(crate) fn clear(&mut self) {
        let head = self.head();
        if !head.is_held() && head.form() == 0 {
            *self = ThinBuffer::new();
            return;
        }
        self.set_figures(0, 0);
        self.shrink_to_fit();
    }

    /// Takes the content of another buffer in place of its own, with its form. What belongs to the holder stays.
    pub(crate) fn replace_content(&mut self, content: ThinBuffer) {
        let head = self.head();
        if head.is_held() {
            let (marks, prefix_len) = (head.to_bytes(), head.prefix_len());
            let marks = [marks[0], marks[1], marks[2], marks[3]];
            let taken = content.copy_for(marks, [self.prefix_bytes(prefix_len), &[]]);
            *self = taken;
        } else {
            *self = content;
        }
    }

    fn prefix_bytes(&self, len: usize) -> &[u8] {
        // SAFETY: the prefix follows the head and is initialised since the block was made.
        unsafe { std::slice::from_raw_parts(self.block.as_ptr().add(HEAD_BYTES), len) }
    }

    /// A copy of the content, bytes and form, behind another prefix and with the holder's bytes 0 to 3 of the head (of
    /// byte 0 the low five bits, of which one has to be set in what is held).
    ///
    /// # Panics
    /// When the prefix is longer than [`Self::PREFIX_MAX`].
    pub(crate) fn copy_for(&self, marks: [u8; 4], prefix: [&[u8]; 2]) -> ThinBuffer {
        let prefix_len = prefix[0].len() + prefix[1].len();
        let short = u8::try_from(prefix_len).expect("a prefix is short");
        let figures = self.figures();
        let head = Head::NONE.with_form(self.form()).held_by(marks, short);
        let mut copy = ThinBuffer::new();
        if !head.is_held() && figures.len == 0 && head.form() == 0 {
            return copy;
        }
        copy.allocate(head, figures.len, figures.count);
        // SAFETY: the new block has room for prefix and content, which begin where its head says; the old one is another.
        unsafe {
            let mut at = copy.block.as_ptr().add(HEAD_BYTES);
            for part in prefix {
                at.copy_from_nonoverlapping(part.as_ptr(), part.len());
                at = at.add(part.len());
            }
            let to = copy.block.as_ptr().add(copy.figures().at);
            to.copy_from_nonoverlapping(self.block.as_ptr().add(figures.at), figures.len);
        }
        copy.set_figures(figures.len, figures.count);
        copy
    }

    #[inline]
    fn set_figures(&mut self, len: usize, count: usize) {
        debug_assert!(len <= self.figures().cap);
        let head = self.head();
        if !head.is_wide() {
            debug_assert!(len <= SMALL_LEN_MAX && count <= SMALL_COUNT_MAX);
            return self.set_head(head.with_figures(len, count));
        }
        let cap = self.figures().cap as u32;
        let count =
            u32::try_from(count).expect("each element takes a byte, so the count fits as the bytes do");
        // SAFETY: in a wide block there is room for three numbers behind the prefix.
        unsafe { self.write_wide([len as u32, cap, count]) };
    }

    /// # Safety
    /// The block is wide.
    unsafe fn write_wide(&mut self, figures: [u32; 3]) {
        let at = HEAD_BYTES + self.head().prefix_len();
        // SAFETY: in a wide block there is room for three numbers behind the prefix.
        unsafe { self.block.add(at).cast::<[u32; 3]>().write_unaligned(figures) };
    }

    /// A new buffer is made to measure (rounded to its size class), a growing one gets up to 1/8 spare.
    fn grown_capacity(&self, len: usize, becomes_wide: bool) -> usize {
        let head = self.head();
        let wide = head.is_wide() || becomes_wide;
        let around = HEAD_BYTES + head.prefix_len() + if wide { WIDE_BYTES } else { 0 };
        let total = len + around;
        let wanted = if total <= CLASS_ONLY_BYTES {
            size_class(total)
        } else if !head.is_allocated() {
            total
        } else {
            total + total / 8
        };
        (wanted - around).min(Self::BYTES_MAX).max(len)
    }

    /// Shrinks when less than half is used, so that a long queue that ran dry does not keep its memory.
    fn give_back_spare(&mut self) {
        let figures = self.figures();
        if figures.cap + HEAD_BYTES > 64 && figures.len < figures.cap / 2 {
            self.shrink_to_fit();
        }
    }

    /// Gives spare room back, as far as the allocator can make use of it.
    pub(crate) fn shrink_to_fit(&mut self) {
        let figures = self.figures();
        let total = figures.at + figures.len;
        let fitting = if total <= CLASS_ONLY_BYTES {
            size_class(total)
        } else {
            total
        };
        if fitting < self.memory_bytes() {
            self.reallocate(fitting - figures.at, figures.count);
        }
    }

    /// Makes room for `additional` bytes at once, where there is no content yet: saves growing step by step.
    pub(crate) fn reserve_first(&mut self, additional: usize) {
        let figures = self.figures();
        if figures.len == 0 && additional > figures.cap {
            self.reallocate(additional, 0);
        }
    }

    fn layout(block_bytes: usize) -> Layout {
        assert!(block_bytes <= u32::MAX as usize, "packed buffer larger than 4 GB");
        Layout::from_size_align(block_bytes, align_of::<Head>()).expect("4 GB are a valid layout")
    }

    /// Makes `self`, which has no block, an empty block with this head and room for `cap` bytes and `count` elements.
    fn allocate(&mut self, head: Head, cap: usize, count: usize) {
        debug_assert!(!self.head().is_allocated());
        let (head, bytes) = Self::shape(head, cap, count);
        let layout = Self::layout(bytes);
        // SAFETY: the size is at least that of a head, so not zero.
        let Some(block) = NonNull::new(unsafe { alloc::alloc(layout) }) else {
            alloc::handle_alloc_error(layout)
        };
        self.block = block;
        // SAFETY: the block is larger than a head and aligned for it; a wide one has room for its numbers.
        unsafe {
            block.cast::<[u8; HEAD_BYTES]>().write(head.to_bytes());
            if head.is_wide() {
                self.write_wide([0, cap as u32, 0]);
            }
        }
    }

    /// The head, without elements, and the bytes of a block with room for `cap` bytes and `count` elements.
    fn shape(head: Head, cap: usize, count: usize) -> (Head, usize) {
        let bytes = HEAD_BYTES + head.prefix_len() + cap;
        if cap <= SMALL_LEN_MAX && count <= SMALL_COUNT_MAX && bytes <= SMALL_BLOCK_MAX {
            return (head.small(bytes, 0, 0), size_class(bytes));
        }
        (head.wide(), bytes + WIDE_BYTES)
    }

    /// Moves everything to a block with room for `cap >= len` bytes and for `count` elements.
    fn reallocate(&mut self, cap: usize, count: usize) {
        let (head, figures, old_bytes) = (self.head(), self.figures(), self.memory_bytes());
        debug_assert!(cap >= figures.len);
        if !head.is_allocated() {
            return self.allocate(head, cap, count);
        }
        let (new_head, new_bytes) = Self::shape(head, cap, count.max(figures.count));
        if new_head.is_wide() != head.is_wide() {
            return self.exchange(cap, count);
        }
        let layout = Self::layout(new_bytes);
        // SAFETY: the block came from this allocator with `layout(old_bytes)`; the new size is not zero, was checked by
        // `layout`, and both are at least what is in use.
        let moved = unsafe { alloc::realloc(self.block.as_ptr(), Self::layout(old_bytes), new_bytes) };
        let Some(block) = NonNull::new(moved) else {
            alloc::handle_alloc_error(layout)
        };
        self.block = block;
        if head.is_wide() {
            // SAFETY: the block is wide.
            unsafe { self.write_wide([figures.len as u32, cap as u32, figures.count as u32]) };
        } else {
            self.set_head(new_head.with_figures(figures.len, figures.count));
        }
    }

    /// As `reallocate`, between a small and a wide block.
    fn exchange(&mut self, cap: usize, count: usize) {
        let (head, figures) = (self.head(), self.figures());
        let mut other = ThinBuffer::new();
        other.allocate(head, cap, count.max(figures.count));
        // SAFETY: both blocks have the same prefix behind the head and room for the content where their heads say.
        unsafe {
            let (from, to) = (self.block.as_ptr(), other.block.as_ptr());
            to.add(HEAD_BYTES)
                .copy_from_nonoverlapping(from.add(HEAD_BYTES), head.prefix_len());
            to.add(other.figures().at)
                .copy_from_nonoverlapping(from.add(figures.at), figures.len);
        }
        other.set_figures(figures.len, figures.count);
        *self = other;
    }

    /// Gives the block out; [`Self::from_block`] takes it back.
    pub(crate) fn into_block(self) -> NonNull<u8> {
        std::mem::ManuallyDrop::new(self).block
    }

    /// # Safety
    /// `block` came from [`Self::into_block`] and this is its only owner from now on.
    pub(crate) unsafe fn from_block(block: NonNull<u8>) -> ThinBuffer {
        ThinBuffer { block }
    }

    /// Stores a pointer as the whole content.
    pub(crate) fn put_pointer(&mut self, form: u8, pointer: NonNull<u8>) {
        self.set_form(form);
        let len = self.len();
        self.splice(0, len, size_of::<NonNull<u8>>(), 1, |gap| {
            gap.put_pointer(pointer)
        });
    }

    /// The pointer that is the whole content.
    ///
    /// # Panics
    /// When the content is too short for one.
    #[inline]
    pub(crate) fn pointer(&self) -> *mut u8 {
        let Figures { at, len, .. } = self.figures();
        assert!(len == size_of::<*mut u8>(), "the content is a pointer");
        // SAFETY: eight initialised bytes of the content are read, at any alignment; every pattern is a pointer.
        unsafe { self.block.add(at).cast::<*mut u8>().read_unaligned() }
    }
}

impl Drop for ThinBuffer {
    fn drop(&mut self) {
        if self.head().is_allocated() {
            let layout = Self::layout(self.memory_bytes());
            // SAFETY: the block came from this allocator with this layout and nobody else refers to it.
            unsafe { alloc::dealloc(self.block.as_ptr(), layout) };
        }
    }
}

/// The content alone: a holder's part is not copied.
impl Clone for ThinBuffer {
    fn clone(&self) -> ThinBuffer {
        self.copy_for([0; 4], [&[], &[]])
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

    /// Puts the bytes of a pointer, which stays one when it is read back.
    fn put_pointer(&mut self, pointer: NonNull<u8>) {
        let size = size_of::<NonNull<u8>>();
        assert!(size <= self.left, "gap overrun");
        // SAFETY: as in `put`.
        unsafe {
            self.next.cast::<NonNull<u8>>().write_unaligned(pointer);
            self.next = self.next.add(size);
        }
        self.left -= size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for round in 0..if cfg!(miri) { 150 } else { 3000usize } {
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
                buffer.memory_bytes() <= size_class(20 + model.len()).max((model.len() + 20) * 9 / 4) + 64
            );
        }
        assert_eq!(buffer.clone().bytes(), buffer.bytes());
        buffer.splice(0, model.len(), 0, 0, |_| {});
        assert_eq!(buffer.memory_bytes(), 0);
    }

    /// A buffer that changes hands all the time, small, wide and back, against its content, prefix, form and marks.
    #[test]
    fn what_the_holder_keeps_stays() {
        let mut prng = flashdb_base::prng::Prng::from_seed(11);
        for round in 0..if cfg!(miri) { 3 } else { 60 } {
            let mut buffer = ThinBuffer::new();
            let (mut model, mut prefix, mut marks) = (Vec::new(), Vec::new(), [0u8; 4]);
            let (mut form, mut count) = (0, 0);
            for step in 0..120 {
                match prng.below(12) {
                    0 => {
                        let len = [0, 1, 8, 19, 255][prng.below(5) as usize];
                        prefix = (0..len).map(|i| (i + step) as u8).collect();
                        marks = [1 + prng.below(31) as u8, 1, step as u8, 3];
                        let (front, back) = prefix.split_at(len / 3);
                        buffer = buffer.copy_for(marks, [front, back]);
                    }
                    1 => {
                        form = prng.below(4) as u8;
                        buffer.set_form(form);
                    }
                    2 => {
                        let mut content = ThinBuffer::new();
                        content.splice(0, 0, 3, 2, |gap| gap.put(b"new"));
                        if form != 0 {
                            content.set_form(form);
                        }
                        buffer.replace_content(content);
                        (model, count) = (b"new".to_vec(), 2);
                    }
                    3 => buffer.shrink_to_fit(),
                    _ => {
                        let most = [30, 300, 9000][round % 3];
                        let at = prng.below(model.len() as u64 + 1) as usize;
                        let rest = (model.len() - at) as u64;
                        let removed = if prng.below(3) == 0 {
                            prng.below(rest + 1) as usize
                        } else {
                            0
                        };
                        let new = vec![step as u8; prng.below(most) as usize];
                        let tail = model.split_off(at + removed);
                        model.truncate(at);
                        model.extend_from_slice(&new);
                        model.extend_from_slice(&tail);
                        count = prng.below(model.len().min(400) as u64 + 1) as usize;
                        buffer.splice(at, removed, new.len(), count, |gap| gap.put(&new));
                    }
                }
                if model.is_empty() && marks[0] == 0 && form == 0 {
                    assert_eq!(buffer.memory_bytes(), 0);
                }
                let head = buffer.head();
                assert_eq!(
                    (buffer.bytes(), buffer.count()),
                    (&model[..], count),
                    "{round} {step}"
                );
                assert_eq!(
                    (buffer.form(), buffer.prefix_bytes(head.prefix_len())),
                    (form, &prefix[..])
                );
                if head.is_allocated() {
                    let bytes = head.to_bytes();
                    assert_eq!([bytes[0] & 31, bytes[1], bytes[2], bytes[3]], marks);
                }
                assert_eq!(buffer.clone().bytes(), &model[..]);
            }
        }
    }

    #[test]
    fn a_pointer_is_content() {
        let mut buffer = ThinBuffer::new().copy_for([1; 4], [b"pre", b"fix"]);
        let number = Box::into_raw(Box::new(7u64));
        buffer.put_pointer(3, NonNull::new(number.cast()).expect("a box"));
        let moved = buffer.copy_for([2; 4], [b"another", b""]);
        drop(buffer);
        // SAFETY: the pointer came from a box, and is taken back once.
        let number = unsafe { Box::from_raw(moved.pointer().cast::<u64>()) };
        assert_eq!((*number, moved.form(), moved.memory_bytes()), (7, 3, 32));
    }
}
