//! `Element`: a member and its score in one thin allocation. The table of a large sorted set owns the elements; its
//! tree refers to the same allocations by [`ElementRef`], so that the bytes of a member exist once.
//!
//! ```text
//! ┌───────────┬────────────────────────────┬──────────────┐
//! │ score f64 │ length u8, or 255 then u64 │ member bytes │
//! └───────────┴────────────────────────────┴──────────────┘
//! ```
//!
//! All raw memory of the large encoding is handled here. Member bytes never change; the score does, and is only
//! copied in and out, so that no reference to it can outlive a change.

use crate::approach::prefetch_bytes;
use crate::thin_buffer::size_class;
use std::alloc::{self, Layout};
use std::ptr::NonNull;

const SCORE_BYTES: usize = size_of::<f64>();
/// What is called for ahead: the score and a short member.
const PREFETCH_BYTES: usize = 32;
const LONG_MARK: u8 = u8::MAX;

/// Owner of an element's allocation.
pub(super) struct Element(ElementRef);

/// The address of an element that somebody else owns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ElementRef(NonNull<u8>);

// SAFETY: an element owns plain bytes; they are written only through `&mut` of the sorted set that owns it.
unsafe impl Send for Element {}
// SAFETY: as above, shared access only reads.
unsafe impl Sync for Element {}
// SAFETY: a reference is an address; whoever follows it promises that the element lives and is not being written.
unsafe impl Send for ElementRef {}
// SAFETY: as above.
unsafe impl Sync for ElementRef {}

/// Bytes before the member.
const fn head_bytes(member_len: usize) -> usize {
    SCORE_BYTES
        + if member_len < LONG_MARK as usize {
            1
        } else {
            1 + size_of::<u64>()
        }
}

fn layout(member_len: usize) -> Layout {
    Layout::from_size_align(head_bytes(member_len) + member_len, align_of::<f64>())
        .expect("a member in memory is shorter than the address space")
}

impl Element {
    pub(super) fn new(member: &[u8], score: f64) -> Element {
        let layout = layout(member.len());
        // SAFETY: the layout is at least a score and a length long.
        let Some(start) = NonNull::new(unsafe { alloc::alloc(layout) }) else {
            alloc::handle_alloc_error(layout)
        };
        // SAFETY: the allocation has room for the score, the length (one byte, or nine for a long member) and the
        // member, in that order; it is aligned for the score.
        unsafe {
            start.cast::<f64>().write(score);
            let length = start.add(SCORE_BYTES);
            if member.len() < LONG_MARK as usize {
                length.write(member.len() as u8);
            } else {
                length.write(LONG_MARK);
                length.add(1).cast::<u64>().write_unaligned(member.len() as u64);
            }
            let bytes = start.add(head_bytes(member.len())).as_ptr();
            std::ptr::copy_nonoverlapping(member.as_ptr(), bytes, member.len());
        }
        Element(ElementRef(start))
    }

    pub(super) fn member(&self) -> &[u8] {
        // SAFETY: the element lives as long as `self`, which bounds the result.
        unsafe { self.0.member() }
    }

    pub(super) fn score(&self) -> f64 {
        // SAFETY: the element lives, and `&self` keeps writers away.
        unsafe { self.0.0.cast::<f64>().read() }
    }

    /// Calls for the first bytes; see [`crate::approach`].
    pub(super) fn prefetch(&self) {
        prefetch_bytes(self.0.0.as_ptr(), PREFETCH_BYTES);
    }

    pub(super) fn set_score(&mut self, score: f64) {
        // SAFETY: the element lives, `&mut self` makes the access exclusive, and nobody borrows the score.
        unsafe { self.0.0.cast::<f64>().write(score) }
    }

    pub(super) fn as_ref(&self) -> ElementRef {
        self.0
    }

    /// Heap bytes of the element, rounded as the allocator rounds.
    pub(super) fn memory_bytes(&self) -> usize {
        let member_len = self.member().len();
        size_class(head_bytes(member_len) + member_len)
    }
}

impl Drop for Element {
    fn drop(&mut self) {
        let layout = layout(self.member().len());
        // SAFETY: allocated in `new` with the layout of this length, and owned by `self` alone.
        unsafe { alloc::dealloc(self.0.0.as_ptr(), layout) }
    }
}

impl ElementRef {
    /// The member's bytes.
    ///
    /// # Safety
    /// The element must live for all of `'a`.
    pub(super) unsafe fn member<'a>(self) -> &'a [u8] {
        // SAFETY: the caller promises a live element, which `Element::new` wrote in this layout.
        unsafe {
            let length = self.0.add(SCORE_BYTES);
            let len = match length.read() {
                LONG_MARK => length.add(1).cast::<u64>().read_unaligned() as usize,
                short => usize::from(short),
            };
            std::slice::from_raw_parts(self.0.add(head_bytes(len)).as_ptr(), len)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_members_of_any_length() {
        for len in [0, 1, 16, 254, 255, 256, 70_000] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let mut element = Element::new(&bytes, 1.5);
            element.set_score(f64::NEG_INFINITY);
            assert_eq!(
                (element.member(), element.score()),
                (&bytes[..], f64::NEG_INFINITY)
            );
            assert!(element.memory_bytes() >= len + 9);
        }
        assert_eq!(size_of::<Option<Element>>(), 8);
    }
}
