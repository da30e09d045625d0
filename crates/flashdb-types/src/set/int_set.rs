//! Sets of integers: sorted, packed, all of the width that the widest needs (2, 4 or 8 bytes, little endian).
//!
//! The width follows from `bytes / count`. It only grows, as in Redis: it is reset with the set.

use crate::thin_buffer::ThinBuffer;
use crate::word::Encoding;

/// See the head of the file.
#[repr(transparent)]
pub(crate) struct IntSet {
    buffer: ThinBuffer,
}

// SAFETY: the type is `repr(transparent)` over the buffer.
unsafe impl Encoding for IntSet {}

/// Bytes that `value` needs.
const fn width_of(value: i64) -> usize {
    if value as i16 as i64 == value {
        2
    } else if value as i32 as i64 == value {
        4
    } else {
        8
    }
}

/// The integer at `index` of packed integers.
fn read(bytes: &[u8], width: usize, index: usize) -> i64 {
    let bytes = &bytes[index * width..];
    match width {
        2 => i64::from(i16::from_le_bytes([bytes[0], bytes[1]])),
        4 => i64::from(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
        _ => i64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")),
    }
}

impl IntSet {
    pub(crate) fn prefetch(&self) {
        self.buffer.prefetch();
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.count()
    }

    fn width(&self) -> usize {
        self.buffer.len().checked_div(self.len()).unwrap_or(2)
    }

    /// The integer with this rank. O(1).
    ///
    /// # Panics
    /// When `index >= len()`.
    pub(crate) fn get(&self, index: usize) -> i64 {
        read(self.buffer.bytes(), self.width(), index)
    }

    /// Rank of `value`, or of the place where it belongs. O(log n).
    fn search(&self, value: i64) -> Result<usize, usize> {
        let (bytes, width) = (self.buffer.bytes(), self.width());
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match read(bytes, width, middle).cmp(&value) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    pub(crate) fn contains(&self, value: i64) -> bool {
        self.search(value).is_ok()
    }

    /// Adds `value`; false when it was there. Moves the integers above it.
    pub(crate) fn insert(&mut self, value: i64) -> bool {
        let Err(rank) = self.search(value) else {
            return false;
        };
        if width_of(value) > self.width() {
            self.widen(width_of(value));
        }
        let width = self.width();
        let count = self.len() + 1;
        let width = if count == 1 { width_of(value) } else { width };
        self.buffer.splice(rank * width, 0, width, count, |gap| {
            gap.put(&value.to_le_bytes()[..width])
        });
        true
    }

    /// Removes `value`; false when it was not there.
    pub(crate) fn remove(&mut self, value: i64) -> bool {
        let found = self.search(value);
        if let Ok(rank) = found {
            self.remove_rank(rank);
        }
        found.is_ok()
    }

    /// Removes the integer with this rank.
    pub(crate) fn remove_rank(&mut self, rank: usize) {
        let width = self.width();
        self.buffer.splice(rank * width, width, 0, self.len() - 1, |_| {});
    }

    fn widen(&mut self, width: usize) {
        let mut wide = ThinBuffer::new();
        wide.splice(0, 0, self.len() * width, self.len(), |gap| {
            self.iter()
                .for_each(|value| gap.put(&value.to_le_bytes()[..width]));
        });
        self.buffer.replace_content(wide);
    }

    /// The integers in ascending order.
    pub(crate) fn iter(&self) -> IntIter<'_> {
        IntIter {
            bytes: self.buffer.bytes(),
            width: self.width(),
        }
    }

    /// # Panics
    /// When the integers are not strictly ascending or the width is none of 2, 4, 8.
    pub(crate) fn validate(&self) {
        assert!(matches!(self.width(), 2 | 4 | 8) && self.buffer.len() == self.width() * self.len());
        assert!(
            self.iter().zip(self.iter().skip(1)).all(|(low, high)| low < high),
            "not ascending"
        );
        assert!(self.iter().all(|value| width_of(value) <= self.width()));
    }
}

#[derive(Clone)]
pub(crate) struct IntIter<'a> {
    bytes: &'a [u8],
    width: usize,
}

impl Iterator for IntIter<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        if self.bytes.is_empty() {
            return None;
        }
        let value = read(self.bytes, self.width, 0);
        self.bytes = &self.bytes[self.width..];
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.bytes.len() / self.width;
        (left, Some(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widens_with_the_widest_member() {
        let mut ints = IntSet {
            buffer: ThinBuffer::new(),
        };
        for (value, bytes) in [
            (5, 2),
            (-32768, 4),
            (32768, 12),
            (i64::from(i32::MIN) - 1, 32),
            (-1, 40),
        ] {
            assert!(ints.insert(value) && !ints.insert(value));
            assert_eq!(ints.buffer.len(), bytes);
            ints.validate();
        }
        assert!(ints.iter().eq([i64::from(i32::MIN) - 1, -32768, -1, 5, 32768]));
        assert_eq!(
            (ints.get(1), ints.contains(5), ints.contains(6)),
            (-32768, true, false)
        );
        for value in [5, -1, 32768, -32768, i64::from(i32::MIN) - 1] {
            assert!(ints.remove(value) && !ints.remove(value));
            ints.validate();
        }
        assert_eq!((ints.len(), ints.buffer.memory_bytes()), (0, 0));
        assert!(ints.insert(i64::MAX) && ints.contains(i64::MAX));
    }
}
