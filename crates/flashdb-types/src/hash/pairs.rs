//! The encoding of small hashes without expiring fields: pairs of name and value one after another.
//!
//! ```text
//! pair:  lengths │ name │ value
//! lengths: nv          name of n <= 14 bytes, value of v <= 15        1 byte
//!          Fn  V+      name of n <= 14 bytes, value as its field says  2 and more
//!          FF  N+ V+   both as their fields say                        3 and more
//! ```
//!
//! `n` and `v` are four bits. Length fields are those of `length.rs`. Always the shortest form.

use crate::hash::Field;
use crate::length::{self, FIELD_BYTES_MAX};
use crate::thin_buffer::ThinBuffer;
use crate::word::Encoding;
use std::ops::Range;

const NAME_MAX: usize = 14;
const VALUE_MAX: usize = 15;
const VALUE_FOLLOWS: u8 = 0xF0;
const BOTH_FOLLOW: u8 = 0xFF;

/// A small hash without expiring fields.
#[repr(transparent)]
pub(crate) struct Pairs(ThinBuffer);

// SAFETY: the type is `repr(transparent)` over the buffer.
unsafe impl Encoding for Pairs {}

/// A decoded pair.
struct Pair {
    name: Range<usize>,
    value: Range<usize>,
}

/// The lengths in front of a pair.
struct Lengths {
    bytes: [u8; 1 + 2 * FIELD_BYTES_MAX],
    len: usize,
}

impl Lengths {
    fn of(name_len: usize, value_len: usize) -> Lengths {
        let mut lengths = Lengths {
            bytes: [0; 1 + 2 * FIELD_BYTES_MAX],
            len: 1,
        };
        if name_len > NAME_MAX {
            lengths.bytes[0] = BOTH_FOLLOW;
            lengths.append(name_len);
            lengths.append(value_len);
        } else if value_len > VALUE_MAX {
            lengths.bytes[0] = VALUE_FOLLOWS | name_len as u8;
            lengths.append(value_len);
        } else {
            lengths.bytes[0] = (name_len as u8) << 4 | value_len as u8;
        }
        lengths
    }

    fn append(&mut self, len: usize) {
        let (field, size) = length::encode(len);
        self.bytes[self.len..self.len + size].copy_from_slice(&field[..size]);
        self.len += size;
    }
}

/// Bytes that a pair takes.
pub(crate) fn pair_bytes(name_len: usize, value_len: usize) -> usize {
    Lengths::of(name_len, value_len).len + name_len + value_len
}

#[inline]
fn pair_at(bytes: &[u8], at: usize) -> Pair {
    let first = bytes[at];
    if first < VALUE_FOLLOWS {
        let value_at = at + 1 + usize::from(first >> 4);
        return Pair {
            name: at + 1..value_at,
            value: value_at..value_at + usize::from(first & 0x0F),
        };
    }
    let mut start = at + 1;
    let mut name_len = usize::from(first & 0x0F);
    if first == BOTH_FOLLOW {
        let (size, len) = length::decode(&bytes[start..]);
        (start, name_len) = (start + size, len);
    }
    let (size, value_len) = length::decode(&bytes[start..]);
    let value_at = start + size + name_len;
    Pair {
        name: start + size..value_at,
        value: value_at..value_at + value_len,
    }
}

impl Pairs {
    pub(crate) fn len(&self) -> usize {
        self.0.count()
    }

    pub(crate) fn bytes_len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn prefetch(&self) {
        self.0.prefetch();
    }

    /// Makes room at once for what is to come, if nothing is there yet.
    pub(crate) fn reserve_first(&mut self, bytes: usize) {
        self.0.reserve_first(bytes);
    }

    /// Where the pair of this name begins, and its parts.
    fn find(&self, name: &[u8]) -> Option<(usize, Pair)> {
        let bytes = self.0.bytes();
        let mut at = 0;
        while at < bytes.len() {
            let pair = pair_at(bytes, at);
            if pair.name.len() == name.len() && bytes[pair.name.clone()] == *name {
                return Some((at, pair));
            }
            at = pair.value.end;
        }
        None
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        self.find(name).map(|(_, pair)| field(self.0.bytes(), &pair))
    }

    pub(crate) fn nth(&self, index: usize) -> Option<Field<'_>> {
        self.iter().nth(index)
    }

    /// Writes a field; true when it is new.
    pub(crate) fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        let found = self.find(name);
        let (at, replaced) = match &found {
            Some((_, pair)) if pair.value.len() == value.len() => {
                self.0.bytes_mut()[pair.value.clone()].copy_from_slice(value);
                return false;
            }
            Some((at, pair)) => (*at, pair.value.end - at),
            None => (self.0.len(), 0),
        };
        let lengths = Lengths::of(name.len(), value.len());
        let inserted = lengths.len + name.len() + value.len();
        let count = self.len() + usize::from(found.is_none());
        self.0.splice(at, replaced, inserted, count, |gap| {
            gap.put(&lengths.bytes[..lengths.len]);
            gap.put(name);
            gap.put(value);
        });
        found.is_none()
    }

    /// Takes a field out; false when it was not there.
    pub(crate) fn remove(&mut self, name: &[u8]) -> bool {
        let Some((at, pair)) = self.find(name) else {
            return false;
        };
        self.0.splice(at, pair.value.end - at, 0, self.len() - 1, |_| {});
        true
    }

    pub(crate) fn iter(&self) -> PairIter<'_> {
        PairIter {
            bytes: self.0.bytes(),
            at: 0,
        }
    }

    /// # Panics
    /// When a name comes twice, a length is not in its shortest form or the pairs are not as many as counted.
    pub(crate) fn validate(&self) {
        let (mut at, mut count) = (0, 0);
        while at < self.0.len() {
            let pair = pair_at(self.0.bytes(), at);
            let lengths = Lengths::of(pair.name.len(), pair.value.len());
            assert_eq!(
                pair.name.start - at,
                lengths.len,
                "lengths not in their shortest form"
            );
            let name = &self.0.bytes()[pair.name];
            assert_eq!(self.find(name).map(|found| found.0), Some(at), "a field twice");
            (at, count) = (pair.value.end, count + 1);
        }
        assert_eq!((at, count), (self.0.len(), self.len()), "bytes and count");
    }
}

fn field<'a>(bytes: &'a [u8], pair: &Pair) -> Field<'a> {
    Field {
        name: &bytes[pair.name.clone()],
        value: &bytes[pair.value.clone()],
        expires_at_ms: None,
    }
}

/// Fields of a small hash.
#[derive(Clone)]
pub(crate) struct PairIter<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for PairIter<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let pair = pair_at(self.bytes, self.at);
        self.at = pair.value.end;
        Some(field(self.bytes, &pair))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All combinations of lengths about the borders, found, overwritten by one another and removed.
    #[test]
    fn lengths_of_all_forms() {
        let lens = [0, 1, 14, 15, 16, 251, 252, 300, 70_000];
        for name_len in lens {
            let mut pairs = Pairs(ThinBuffer::new());
            let name = vec![b'n'; name_len];
            assert!(pairs.set(b"first", b"1"));
            for (round, value_len) in lens.into_iter().chain(lens.into_iter().rev()).enumerate() {
                let value = vec![round as u8; value_len];
                assert_eq!(pairs.set(&name, &value), round == 0);
                if round == 0 {
                    assert!(pairs.set(b"last", b"2"));
                }
                let get = |name: &[u8]| pairs.get(name).map(|field| field.value.to_vec());
                assert_eq!(get(&name), Some(value));
                assert_eq!(
                    (get(b"first"), get(b"last")),
                    (Some(vec![b'1']), Some(vec![b'2']))
                );
                assert_eq!(pairs.bytes_len(), 13 + pair_bytes(name_len, value_len));
                pairs.validate();
            }
            assert!(pairs.remove(&name) && !pairs.remove(&name) && pairs.len() == 2);
            pairs.validate();
        }
    }
}
