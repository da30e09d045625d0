//! The encoding of small sets of strings: members one after another, in no promised order.
//!
//! ```text
//! all of one length L, 1 to 250:  L  │ member │ member │ ...
//! any lengths:                    FF │ length, member │ length, member │ ...
//! ```
//!
//! Names made by one pattern are mostly of one length, and then are searched without reading lengths. The first member
//! of another length turns the one into the other, for good. Length fields are those of `length.rs`.

use crate::length::{self, NOT_A_LENGTH};
use crate::thin_buffer::ThinBuffer;
use crate::word::Encoding;
use std::ops::Range;

/// First byte of members of any lengths.
const ANY: u8 = NOT_A_LENGTH;
/// Longest member of those of one length.
const ONE_LENGTH_MAX: usize = 250;

/// A small set of strings.
#[repr(transparent)]
pub(crate) struct Members(ThinBuffer);

// SAFETY: the type is `repr(transparent)` over the buffer.
unsafe impl Encoding for Members {}

/// Where a member is, good until the set changes.
pub(crate) struct Found {
    /// With its length field, if it has one.
    span: Range<usize>,
    member: Range<usize>,
}

/// The member at `at`, whose length is `one_length` or stands in front of it.
#[inline]
fn member_at(bytes: &[u8], at: usize, one_length: Option<usize>) -> Found {
    let (field, len) = match one_length {
        Some(len) => (0, len),
        None => length::decode(&bytes[at..]),
    };
    let start = at + field;
    Found {
        span: at..start + len,
        member: start..start + len,
    }
}

/// The length that all members have, if they have one.
#[inline]
fn one_length(bytes: &[u8]) -> Option<usize> {
    bytes
        .first()
        .filter(|&&first| first != ANY)
        .map(|&first| usize::from(first))
}

impl Members {
    pub(crate) const fn new() -> Members {
        Members(ThinBuffer::new())
    }

    pub(crate) fn into_buffer(self) -> ThinBuffer {
        self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.count()
    }

    pub(crate) fn bytes_len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn prefetch(&self) {
        self.0.prefetch();
    }

    pub(crate) fn find(&self, member: &[u8]) -> Option<Found> {
        let bytes = self.0.bytes();
        let one_length = one_length(bytes);
        if one_length.is_some_and(|len| len != member.len()) {
            return None;
        }
        let mut at = 1;
        while at < bytes.len() {
            let found = member_at(bytes, at, one_length);
            if found.member.len() == member.len() && bytes[found.member.clone()] == *member {
                return Some(found);
            }
            at = found.span.end;
        }
        None
    }

    /// The member at `index`. O(n).
    pub(crate) fn nth(&self, index: usize) -> Option<Found> {
        let bytes = self.0.bytes();
        let one_length = one_length(bytes);
        if index >= self.len() {
            return None;
        }
        let at = match one_length {
            Some(len) => 1 + index * len,
            None => (0..index).fold(1, |at, _| member_at(bytes, at, None).span.end),
        };
        Some(member_at(bytes, at, one_length))
    }

    pub(crate) fn at(&self, found: &Found) -> &[u8] {
        &self.0.bytes()[found.member.clone()]
    }

    /// Adds a member that is not there.
    pub(crate) fn push(&mut self, member: &[u8]) {
        let bytes = self.0.bytes();
        let (end, count) = (bytes.len(), self.len() + 1);
        let fits_one = (1..=ONE_LENGTH_MAX).contains(&member.len());
        if end == 0 && fits_one {
            return self.0.splice(0, 0, 1 + member.len(), count, |gap| {
                gap.put(&[member.len() as u8]);
                gap.put(member);
            });
        }
        match one_length(bytes) {
            Some(len) if len == member.len() => {
                return self.0.splice(end, 0, member.len(), count, |gap| gap.put(member));
            }
            Some(len) => self.write_lengths(len),
            None if end == 0 => {
                let (field, size) = length::encode(member.len());
                return self.0.splice(0, 0, 1 + size + member.len(), count, |gap| {
                    gap.put(&[ANY]);
                    gap.put(&field[..size]);
                    gap.put(member);
                });
            }
            None => {}
        }
        let (field, size) = length::encode(member.len());
        let end = self.0.len();
        self.0.splice(end, 0, size + member.len(), count, |gap| {
            gap.put(&field[..size]);
            gap.put(member);
        });
    }

    /// Writes the length, which all members have, in front of each.
    fn write_lengths(&mut self, len: usize) {
        let old = self.0.bytes()[1..].to_vec();
        let (field, size) = length::encode(len);
        let count = self.len();
        let total = 1 + old.len() + count * size;
        self.0.splice(0, 1 + old.len(), total, count, |gap| {
            gap.put(&[ANY]);
            for member in old.chunks_exact(len) {
                gap.put(&field[..size]);
                gap.put(member);
            }
        });
    }

    pub(crate) fn remove(&mut self, found: &Found) {
        let left = self.len() - 1;
        let span = if left == 0 {
            0..self.0.len()
        } else {
            found.span.clone()
        };
        self.0.splice(span.start, span.len(), 0, left, |_| {});
    }

    pub(crate) fn iter(&self) -> MembersIter<'_> {
        MembersIter {
            bytes: self.0.bytes(),
            at: 1,
        }
    }

    /// # Panics
    /// When a member comes twice or the members are not as many as counted.
    pub(crate) fn validate(&self) {
        let mut end = self.0.len().min(1);
        let one_length = one_length(self.0.bytes());
        for member in self.iter() {
            let found = self.find(member).expect("a member that is there");
            assert_eq!(found.span.start, end, "a member twice");
            end = found.span.end;
            assert!(one_length.is_none_or(|len| len == member.len() && len > 0));
        }
        assert_eq!(
            (end, self.iter().count()),
            (self.0.len(), self.len()),
            "bytes and count"
        );
    }
}

/// Members of a small set.
#[derive(Clone)]
pub(crate) struct MembersIter<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let found = member_at(self.bytes, self.at, one_length(self.bytes));
        self.at = found.span.end;
        Some(&self.bytes[found.member])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    /// Random members, of few lengths at first and of any later, against a plain list.
    #[test]
    fn members_of_one_length_and_of_any() {
        let mut prng = Prng::from_seed(5);
        for round in 0..if cfg!(miri) { 8 } else { 300 } {
            let lens: &[u64] = [&[4][..], &[0], &[3, 9], &[0, 1, 250, 251, 252, 300]][round % 4];
            let (mut members, mut model) = (Members::new(), Vec::<Vec<u8>>::new());
            for _ in 0..60 {
                let len = lens[prng.below(lens.len() as u64) as usize];
                let member = vec![b'a' + prng.below(9) as u8; len as usize];
                let known = model.iter().position(|other| *other == member);
                assert_eq!(members.find(&member).is_some(), known.is_some());
                match known {
                    Some(at) if prng.below(2) == 0 => {
                        members.remove(&members.find(&member).unwrap());
                        model.remove(at);
                    }
                    Some(_) => {}
                    None => {
                        members.push(&member);
                        model.push(member);
                    }
                }
                members.validate();
                assert!(members.iter().eq(model.iter().map(Vec::as_slice)));
                for (index, member) in model.iter().enumerate() {
                    assert_eq!(members.at(&members.nth(index).unwrap()), member);
                }
                assert!(members.nth(model.len()).is_none() && members.len() == model.len());
            }
        }
    }

    #[test]
    fn members_of_one_length_take_one_byte_more() {
        let mut members = Members::new();
        for i in 10..90 {
            members.push(format!("member:{i}").as_bytes());
        }
        assert_eq!(members.bytes_len(), 1 + 80 * 9);
        members.push(b"other");
        assert_eq!(members.bytes_len(), 1 + 80 * 10 + 6);
    }
}
