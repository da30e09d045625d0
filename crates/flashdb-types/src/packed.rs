//! Packed sequences: byte strings one after another in a single allocation, owned by one pointer.
//!
//! An element is `length, bytes` ([`PackedForward`]) or `length, bytes, length` ([`Packed`], which can be walked
//! from both ends). A length below 252 takes one byte; longer ones a marker byte and two or four bytes, little
//! endian; the trailing length is the mirror image, its marker last:
//!
//! ```text
//! PackedForward:  03 'f' 'o' 'o' │ 00 │ FC 2C 01 <300 bytes>
//! Packed:         03 'f' 'o' 'o' 03 │ 00 00 │ FC 2C 01 <300 bytes> 2C 01 FC
//! ```
//!
//! Access by index walks from the nearer end that can be walked: O(n). Spare room stays below about 1/8.
//! Byte ranges of elements are kept in [`Position`]s, so that a found element need not be walked to again.

use crate::length::{self, MARK_U16, MARK_U32};
use crate::thin_buffer::{GapWriter, ThinBuffer};
use crate::word::Encoding;
use std::fmt;

/// A packed sequence that can be walked from both ends.
pub type Packed = PackedSeq<true>;

/// A packed sequence that saves the trailing length of each element and is walked from the front only.
pub type PackedForward = PackedSeq<false>;

/// See [`Packed`] and [`PackedForward`].
#[derive(Clone)]
#[repr(transparent)]
pub struct PackedSeq<const BACK: bool> {
    buffer: ThinBuffer,
}

// SAFETY: the type is `repr(transparent)` over the buffer.
unsafe impl<const BACK: bool> Encoding for PackedSeq<BACK> {}

/// Where an element starts; good until the sequence changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Index of the element.
    pub index: usize,
    offset: usize,
}

/// Decodes the mirrored length field at the end of `bytes`.
fn trailing_length(bytes: &[u8]) -> (usize, usize) {
    let end = bytes.len();
    match bytes[end - 1] {
        MARK_U16 => (3, u16::from_le_bytes([bytes[end - 3], bytes[end - 2]]) as usize),
        MARK_U32 => (
            5,
            u32::from_le_bytes([bytes[end - 5], bytes[end - 4], bytes[end - 3], bytes[end - 2]]) as usize,
        ),
        short => (1, short as usize),
    }
}

impl<const BACK: bool> PackedSeq<BACK> {
    /// The most encoded bytes a sequence can hold. Growing beyond panics: callers bound their elements.
    pub const BYTES_MAX: usize = ThinBuffer::BYTES_MAX;

    /// An empty sequence; owns no memory.
    pub const fn new() -> Self {
        PackedSeq {
            buffer: ThinBuffer::new(),
        }
    }

    /// An empty sequence with room for exactly `bytes` of encoded elements, see [`Self::encoded_len`].
    pub fn with_capacity(bytes: usize) -> Self {
        PackedSeq {
            buffer: ThinBuffer::with_capacity(bytes),
        }
    }

    /// Bytes that an element of `len` bytes takes in the sequence.
    pub const fn encoded_len(len: usize) -> usize {
        len + length::field_bytes(len) * if BACK { 2 } else { 1 }
    }

    /// Builds a sequence of exactly the needed size.
    pub fn from_elements<'a>(elements: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let mut packed = Self::with_capacity(elements.clone().map(|e| Self::encoded_len(e.len())).sum());
        elements.for_each(|element| packed.push_back(element));
        packed
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.buffer.count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Encoded bytes of all elements, without header and spare room.
    pub fn bytes_len(&self) -> usize {
        self.buffer.len()
    }

    /// Calls for the first elements; see [`crate::approach`].
    pub(crate) fn prefetch(&self) {
        self.buffer.prefetch();
    }

    /// Heap bytes, header and spare room included.
    pub fn memory_bytes(&self) -> usize {
        self.buffer.memory_bytes()
    }

    /// Elements front to back; a [`Packed`] can be walked from the back too.
    pub fn iter(&self) -> Iter<'_, BACK> {
        Iter {
            bytes: self.buffer.bytes(),
            front: 0,
            back: self.buffer.len(),
            index: 0,
            left: self.len(),
        }
    }

    /// Elements from index `start` (clamped to the end) to the back. O(n) to get there.
    pub fn iter_from(&self, start: usize) -> Iter<'_, BACK> {
        match self.position(start) {
            Some(at) => self.iter_at(at),
            None => {
                let (end, index) = (self.buffer.len(), self.len());
                Iter {
                    bytes: self.buffer.bytes(),
                    front: end,
                    back: end,
                    index,
                    left: 0,
                }
            }
        }
    }

    /// Elements from `at` to the back.
    pub fn iter_at(&self, at: Position) -> Iter<'_, BACK> {
        let left = self.len() - at.index;
        Iter {
            bytes: self.buffer.bytes(),
            front: at.offset,
            back: self.buffer.len(),
            index: at.index,
            left,
        }
    }

    /// The element at `index`. O(n).
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.position(index).map(|at| self.at(at))
    }

    /// The first element.
    pub fn first(&self) -> Option<&[u8]> {
        self.iter().next()
    }

    /// Where element `index` starts. O(n), from the nearer end where the back can be walked.
    pub fn position(&self, index: usize) -> Option<Position> {
        let len = self.len();
        if index >= len {
            return None;
        }
        let bytes = self.buffer.bytes();
        if BACK && index > len / 2 {
            let mut offset = bytes.len();
            for _ in index..len {
                let (field, element) = trailing_length(&bytes[..offset]);
                offset -= element + 2 * field;
            }
            return Some(Position { index, offset });
        }
        let mut offset = 0;
        for _ in 0..index {
            offset += Self::span(&bytes[offset..]);
        }
        Some(Position { index, offset })
    }

    /// Encoded bytes of the element at the start of `bytes`.
    fn span(bytes: &[u8]) -> usize {
        let (field, element) = length::decode(bytes);
        element + field * if BACK { 2 } else { 1 }
    }

    /// The element at a position.
    pub fn at(&self, at: Position) -> &[u8] {
        let bytes = &self.buffer.bytes()[at.offset..];
        let (field, element) = length::decode(bytes);
        &bytes[field..field + element]
    }

    /// The element at a position, for changes that keep its length.
    pub fn at_mut(&mut self, at: Position) -> &mut [u8] {
        let bytes = &mut self.buffer.bytes_mut()[at.offset..];
        let (field, element) = length::decode(bytes);
        &mut bytes[field..field + element]
    }

    /// The position behind `at`; None behind the last element.
    pub fn after(&self, at: Position) -> Option<Position> {
        let offset = at.offset + Self::span(&self.buffer.bytes()[at.offset..]);
        (at.index + 1 < self.len()).then_some(Position {
            index: at.index + 1,
            offset,
        })
    }

    /// Index of the first element equal to `needle` among those at 0, `step`, 2 * `step`, ... O(n).
    pub fn find(&self, needle: &[u8], step: usize) -> Option<usize> {
        self.find_position(needle, step).map(|at| at.index)
    }

    /// As [`Self::find`], giving the position.
    pub fn find_position(&self, needle: &[u8], step: usize) -> Option<Position> {
        let bytes = self.buffer.bytes();
        let (mut index, mut offset) = (0, 0);
        while offset < bytes.len() {
            let (field, len) = length::decode(&bytes[offset..]);
            let start = offset + field;
            if len == needle.len() && bytes[start..start + len] == *needle {
                return Some(Position { index, offset });
            }
            offset = start + len + if BACK { field } else { 0 };
            for _ in 1..step {
                if offset < bytes.len() {
                    offset += Self::span(&bytes[offset..]);
                }
            }
            index += step;
        }
        None
    }

    /// Appends an element. O(1) but for reallocation.
    pub fn push_back(&mut self, element: &[u8]) {
        self.push_back_all(&[element]);
    }

    /// Appends several elements with one reallocation at most.
    pub fn push_back_all(&mut self, elements: &[&[u8]]) {
        self.splice(self.buffer.len(), 0, 0, elements);
    }

    /// Prepends an element. Moves all others.
    pub fn push_front(&mut self, element: &[u8]) {
        self.splice(0, 0, 0, &[element]);
    }

    /// Inserts before `index`; `index == len()` appends.
    ///
    /// # Panics
    /// When `index > len()`.
    pub fn insert(&mut self, index: usize, element: &[u8]) {
        match self.position(index) {
            Some(at) => self.insert_at(at, &[element]),
            None if index == self.len() => self.push_back(element),
            None => panic!("insert at {index} of {}", self.len()),
        }
    }

    /// Inserts elements before a position, which then is that of the first of them.
    pub fn insert_at(&mut self, at: Position, elements: &[&[u8]]) {
        self.splice(at.offset, 0, 0, elements);
    }

    /// Replaces the element at `index`.
    ///
    /// # Panics
    /// When `index >= len()`.
    pub fn replace(&mut self, index: usize, element: &[u8]) {
        let at = self.position(index).expect("replace inside the sequence");
        self.replace_at(at, element);
    }

    /// Replaces the element at a position, in place when the length stays.
    pub fn replace_at(&mut self, at: Position, element: &[u8]) {
        if self.at(at).len() == element.len() {
            self.at_mut(at).copy_from_slice(element);
        } else {
            let span = Self::span(&self.buffer.bytes()[at.offset..]);
            self.splice(at.offset, span, 1, &[element]);
        }
    }

    /// Removes `count` elements from index `start`; less when the sequence ends before.
    pub fn remove_range(&mut self, start: usize, count: usize) {
        if start == 0 && count >= self.len() {
            self.clear();
        } else if let Some(at) = self.position(start) {
            self.remove_at(at, count);
        }
    }

    /// Removes `count` elements from a position; less when the sequence ends before.
    pub fn remove_at(&mut self, at: Position, count: usize) {
        let count = count.min(self.len() - at.index);
        let bytes = self.buffer.bytes();
        let end = if at.index + count == self.len() {
            bytes.len()
        } else {
            (0..count).fold(at.offset, |offset, _| offset + Self::span(&bytes[offset..]))
        };
        self.splice(at.offset, end - at.offset, count, &[]);
    }

    /// Removes everything and frees the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
    }

    /// Takes the elements of another sequence in place of its own.
    pub(crate) fn replace_content(&mut self, elements: Self) {
        self.buffer.replace_content(elements.buffer);
    }

    pub(crate) fn into_buffer(self) -> ThinBuffer {
        self.buffer
    }

    /// Gives spare room back.
    pub fn shrink_to_fit(&mut self) {
        self.buffer.shrink_to_fit();
    }

    /// Replaces `removed_len` elements that span `removed_bytes` at `offset` by `elements`.
    fn splice(&mut self, offset: usize, removed_bytes: usize, removed_len: usize, elements: &[&[u8]]) {
        let inserted = elements.iter().map(|e| Self::encoded_len(e.len())).sum();
        let count = self.len() - removed_len + elements.len();
        self.buffer.splice(offset, removed_bytes, inserted, count, |gap| {
            elements.iter().for_each(|element| Self::write(gap, element));
        });
    }

    fn write(gap: &mut GapWriter<'_>, element: &[u8]) {
        let (field, size) = length::encode(element.len());
        gap.put(&field[..size]);
        gap.put(element);
        if BACK {
            gap.put(&field[1..size]);
            gap.put(&field[..1]);
        }
    }

    /// Checks the whole encoding.
    ///
    /// # Panics
    /// When an element's lengths differ or the elements do not add up to the header's figures.
    pub fn validate(&self) {
        let bytes = self.buffer.bytes();
        let (mut offset, mut count) = (0, 0);
        while offset < bytes.len() {
            let (field, len) = length::decode(&bytes[offset..]);
            assert_eq!(field, length::field_bytes(len), "length not in its shortest form");
            let end = offset + Self::span(&bytes[offset..]);
            if BACK {
                assert_eq!(trailing_length(&bytes[..end]), (field, len), "lengths differ");
            }
            (offset, count) = (end, count + 1);
        }
        assert_eq!((offset, count), (bytes.len(), self.len()), "bytes and count");
    }
}

impl Packed {
    /// The last element. O(1).
    pub fn last(&self) -> Option<&[u8]> {
        self.iter().next_back()
    }

    /// The position before `at`; None before the first element. O(1).
    pub fn before(&self, at: Position) -> Option<Position> {
        if at.index == 0 {
            return None;
        }
        let (field, element) = trailing_length(&self.buffer.bytes()[..at.offset]);
        Some(Position {
            index: at.index - 1,
            offset: at.offset - element - 2 * field,
        })
    }
}

impl<const BACK: bool> Default for PackedSeq<BACK> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BACK: bool> fmt::Debug for PackedSeq<BACK> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|element| element.escape_ascii().to_string()))
            .finish()
    }
}

impl<const BACK: bool> PartialEq for PackedSeq<BACK> {
    fn eq(&self, other: &Self) -> bool {
        // Lengths are always in their shortest form, so equal sequences have equal bytes.
        self.buffer.bytes() == other.buffer.bytes()
    }
}

impl<const BACK: bool> Eq for PackedSeq<BACK> {}

impl<'a, const BACK: bool> IntoIterator for &'a PackedSeq<BACK> {
    type Item = &'a [u8];
    type IntoIter = Iter<'a, BACK>;

    fn into_iter(self) -> Iter<'a, BACK> {
        self.iter()
    }
}

/// Elements of a packed sequence.
#[derive(Clone)]
pub struct Iter<'a, const BACK: bool> {
    bytes: &'a [u8],
    front: usize,
    back: usize,
    index: usize,
    left: usize,
}

impl<const BACK: bool> Iter<'_, BACK> {
    /// Position of the element that `next` will give; None at the end.
    pub fn position(&self) -> Option<Position> {
        (self.left > 0).then_some(Position {
            index: self.index,
            offset: self.front,
        })
    }
}

impl<'a, const BACK: bool> Iterator for Iter<'a, BACK> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 {
            return None;
        }
        let (field, len) = length::decode(&self.bytes[self.front..]);
        let start = self.front + field;
        self.front = start + len + if BACK { field } else { 0 };
        self.index += 1;
        self.left -= 1;
        Some(&self.bytes[start..start + len])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<const BACK: bool> ExactSizeIterator for Iter<'_, BACK> {}

impl<'a> DoubleEndedIterator for Iter<'a, true> {
    fn next_back(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 {
            return None;
        }
        let (field, len) = trailing_length(&self.bytes[..self.back]);
        let start = self.back - field - len;
        self.back = start - field;
        self.left -= 1;
        Some(&self.bytes[start..start + len])
    }
}

#[cfg(test)]
#[path = "packed_test.rs"]
mod tests;
