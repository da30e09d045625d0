//! `ThinBytes`: an owned byte string of fixed length behind one pointer, with its length in the allocation in
//! front of the bytes (see [`crate::length`]). Tables of many strings hold these: a slot costs eight bytes, a
//! string its bytes and one more. Even an empty one has an allocation, so its address tells it from any other.

use crate::approach::prefetch_bytes;
use crate::length;
use crate::thin_buffer::size_class;
use std::alloc::{self, Layout};
use std::fmt;
use std::ptr::NonNull;

/// What is called for ahead: a short name and its length.
const PREFETCH_BYTES: usize = 24;

pub(crate) struct ThinBytes {
    start: NonNull<u8>,
}

// SAFETY: the string owns its allocation exclusively and hands out borrows only through `&self`/`&mut self`.
unsafe impl Send for ThinBytes {}
// SAFETY: as above, `&ThinBytes` gives read access only.
unsafe impl Sync for ThinBytes {}

impl ThinBytes {
    pub(crate) fn new(bytes: &[u8]) -> ThinBytes {
        Self::concat(&[bytes])
    }

    /// The parts, one behind the other.
    pub(crate) fn concat(parts: &[&[u8]]) -> ThinBytes {
        let len = parts.iter().map(|part| part.len()).sum();
        let (field, field_bytes) = length::encode(len);
        let layout = Self::layout(field_bytes + len);
        // SAFETY: the layout holds at least the length field, so its size is not zero.
        let raw = unsafe { alloc::alloc(layout) };
        let Some(start) = NonNull::new(raw) else {
            alloc::handle_alloc_error(layout)
        };
        let mut offset = 0;
        for part in [&field[..field_bytes]].iter().chain(parts) {
            // SAFETY: the parts' lengths add up to the layout's size, so each copy stays inside; a new
            // allocation overlaps no borrowed part.
            unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), raw.add(offset), part.len()) };
            offset += part.len();
        }
        ThinBytes { start }
    }

    fn layout(total: usize) -> Layout {
        Layout::array::<u8>(total).expect("a string that exists in memory has a valid size")
    }

    /// Size of the length field and length of the string.
    fn extent(&self) -> (usize, usize) {
        // SAFETY: the allocation starts with a whole length field, whose first byte tells its size.
        let field = unsafe {
            let size = length::field_bytes_of(*self.start.as_ptr());
            std::slice::from_raw_parts(self.start.as_ptr(), size)
        };
        length::decode(field)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        let (field, len) = self.extent();
        // SAFETY: `len` initialised bytes follow the length field.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr().add(field), len) }
    }

    pub(crate) fn as_bytes_mut(&mut self) -> &mut [u8] {
        let (field, len) = self.extent();
        // SAFETY: as in `as_bytes`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr().add(field), len) }
    }

    /// Where the string is: tells two strings of equal content apart.
    pub(crate) fn address(&self) -> usize {
        self.start.as_ptr().addr()
    }

    /// Calls for the first bytes; see [`crate::approach`].
    pub(crate) fn prefetch(&self) {
        // Many short strings lie across the end of a cache line.
        prefetch_bytes(self.start.as_ptr(), PREFETCH_BYTES);
    }

    /// Heap bytes as an allocator hands them out.
    pub(crate) fn memory_bytes(&self) -> usize {
        let (field, len) = self.extent();
        size_class(field + len)
    }
}

impl Drop for ThinBytes {
    fn drop(&mut self) {
        let (field, len) = self.extent();
        // SAFETY: the block came from this allocator with this size and nobody else refers to it.
        unsafe { alloc::dealloc(self.start.as_ptr(), Self::layout(field + len)) };
    }
}

impl Clone for ThinBytes {
    fn clone(&self) -> ThinBytes {
        ThinBytes::new(self.as_bytes())
    }
}

impl fmt::Debug for ThinBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_any_length() {
        for len in [0, 1, 250, 251, 252, 65_535, 65_536, 100_000] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let (front, back) = bytes.split_at(len / 3);
            let mut thin = ThinBytes::concat(&[front, back]);
            assert_eq!(thin.as_bytes(), &bytes[..]);
            assert_eq!(thin.clone().as_bytes(), &bytes[..]);
            assert!(thin.memory_bytes() > len);
            thin.as_bytes_mut().fill(7);
            assert!(thin.as_bytes().iter().all(|&byte| byte == 7));
        }
        assert_eq!(size_of::<Option<ThinBytes>>(), 8);
    }
}
