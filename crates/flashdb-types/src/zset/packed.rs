//! `PackedZSet`: a small sorted set in one allocation, its pairs one after another in ascending order.
//!
//! ```text
//! pair:  score (1-9) │ member length (1+) │ member │ bytes of the three before (1+)
//! score: 00..DF             0..=223, the tag itself         1 byte
//!        E0..EF xx          224..=4319                      2
//!        F0 / F1 / F2       i16 / i32 / 48-bit integer      3 / 5 / 7
//!        F3 / F4            f32 / f64, when nothing else is exact (-0 and infinities are an f32)
//! ```
//!
//! Lengths are base-128, low bits first, the top bit saying that more follow; the trailing one is mirrored, so that
//! pairs can be walked from both ends. Everything is O(n); the caller bounds n.

use crate::thin_buffer::ThinBuffer;
use std::ops::Range;

/// Beyond this the sorted set has to become large, whatever its thresholds say.
const PACKED_BYTES_MAX: usize = 1 << 30;

const ONE_BYTE_MAX: i64 = 0xDF;
const TWO_BYTES_MAX: i64 = ONE_BYTE_MAX + (16 << 8);
const TAG_TWO_BYTES: u8 = 0xE0;
const TAG_I16: u8 = 0xF0;
const TAG_I32: u8 = 0xF1;
const TAG_I48: u8 = 0xF2;
const TAG_F32: u8 = 0xF3;
const TAG_F64: u8 = 0xF4;
const I48_LIMIT: i64 = 1 << 47;

#[derive(Clone)]
pub(super) struct PackedZSet {
    pairs: ThinBuffer,
}

/// Where a pair is, and its score; good until the set changes.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) score: f64,
    pub(super) rank: usize,
    start: usize,
    end: usize,
}

/// Up to nine bytes built in place.
struct Field {
    bytes: [u8; 10],
    len: usize,
}

impl Field {
    fn of(bytes: &[u8]) -> Field {
        let mut field = Field {
            bytes: [0; 10],
            len: bytes.len(),
        };
        field.bytes[..bytes.len()].copy_from_slice(bytes);
        field
    }

    fn tagged(tag: u8, rest: &[u8]) -> Field {
        let mut field = Field {
            bytes: [tag; 10],
            len: 1 + rest.len(),
        };
        field.bytes[1..field.len].copy_from_slice(rest);
        field
    }

    fn score(score: f64) -> Field {
        let integer = score as i64;
        // An integer that is exact but for the sign of zero.
        if integer as f64 == score && (integer != 0 || score.is_sign_positive()) {
            if (0..=ONE_BYTE_MAX).contains(&integer) {
                return Field::of(&[integer as u8]);
            }
            if (0..=TWO_BYTES_MAX).contains(&integer) {
                let over = (integer - ONE_BYTE_MAX - 1) as u16;
                return Field::of(&[TAG_TWO_BYTES | (over >> 8) as u8, over as u8]);
            }
            if let Ok(short) = i16::try_from(integer) {
                return Field::tagged(TAG_I16, &short.to_le_bytes());
            }
            if let Ok(word) = i32::try_from(integer) {
                return Field::tagged(TAG_I32, &word.to_le_bytes());
            }
        }
        if f64::from(score as f32).to_bits() == score.to_bits() {
            return Field::tagged(TAG_F32, &(score as f32).to_le_bytes());
        }
        if integer as f64 == score && (-I48_LIMIT..I48_LIMIT).contains(&integer) {
            return Field::tagged(TAG_I48, &integer.to_le_bytes()[..6]);
        }
        Field::tagged(TAG_F64, &score.to_le_bytes())
    }

    fn length(mut value: usize) -> Field {
        let mut field = Field {
            bytes: [0; 10],
            len: 0,
        };
        loop {
            let more = value > 0x7F;
            field.bytes[field.len] = value as u8 & 0x7F | u8::from(more) << 7;
            field.len += 1;
            value >>= 7;
            if !more {
                return field;
            }
        }
    }

    fn mirrored(mut self) -> Field {
        self.bytes[..self.len].reverse();
        self
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Reads `N` bytes at `at`.
fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// The score at `at` and where its field ends.
fn score_at(bytes: &[u8], at: usize) -> (f64, usize) {
    match bytes[at] {
        small if i64::from(small) <= ONE_BYTE_MAX => (f64::from(small), at + 1),
        tag if tag < TAG_I16 => {
            let over = u16::from_be_bytes([tag & 0x0F, bytes[at + 1]]);
            (f64::from(over) + (ONE_BYTE_MAX + 1) as f64, at + 2)
        }
        TAG_I16 => (f64::from(i16::from_le_bytes(bytes_at(bytes, at + 1))), at + 3),
        TAG_I32 => (f64::from(i32::from_le_bytes(bytes_at(bytes, at + 1))), at + 5),
        TAG_I48 => {
            let mut wide = [0; 8];
            wide[2..].copy_from_slice(&bytes[at + 1..at + 7]);
            ((i64::from_le_bytes(wide) >> 16) as f64, at + 7)
        }
        TAG_F32 => (f64::from(f32::from_le_bytes(bytes_at(bytes, at + 1))), at + 5),
        _ => (f64::from_le_bytes(bytes_at(bytes, at + 1)), at + 9),
    }
}

/// A length whose bytes come in this order, low bits first, and the number of its bytes.
fn read_length(bytes: impl Iterator<Item = u8>) -> (usize, usize) {
    let (mut value, mut used) = (0, 0);
    for byte in bytes {
        value |= usize::from(byte & 0x7F) << (7 * used);
        used += 1;
        if byte < 0x80 {
            break;
        }
    }
    (value, used)
}

/// One decoded pair: the member's range and where the pair ends.
struct Pair {
    score: f64,
    member: Range<usize>,
    end: usize,
}

/// Bytes of a length field.
fn length_bytes(value: usize) -> usize {
    if value < 0x80 { 1 } else { Field::length(value).len }
}

fn pair_at(bytes: &[u8], at: usize) -> Pair {
    let (score, length) = score_at(bytes, at);
    let (len, used) = read_length(bytes[length..].iter().copied());
    let start = length + used;
    let inner = start + len - at;
    Pair {
        score,
        member: start..start + len,
        end: start + len + length_bytes(inner),
    }
}

/// Where the pair starts that ends at `end`.
fn pair_before(bytes: &[u8], end: usize) -> usize {
    let (inner, used) = read_length(bytes[..end].iter().rev().copied());
    end - used - inner
}

impl PackedZSet {
    pub(super) const fn new() -> PackedZSet {
        PackedZSet {
            pairs: ThinBuffer::new(),
        }
    }

    pub(super) fn prefetch(&self) {
        self.pairs.prefetch();
    }

    pub(super) fn len(&self) -> usize {
        self.pairs.count()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.pairs.memory_bytes()
    }

    /// Whether a member of this length can be added without exceeding what a packed set can hold.
    pub(super) fn has_room_for(&self, member_len: usize) -> bool {
        // Score and both lengths take at most 29 bytes.
        member_len.saturating_add(self.pairs.len() + 32) <= PACKED_BYTES_MAX
    }

    /// Looks a member up.
    pub(super) fn find(&self, member: &[u8]) -> Option<Found> {
        let bytes = self.pairs.bytes();
        let (mut start, mut rank) = (0, 0);
        while start < bytes.len() {
            let pair = pair_at(bytes, start);
            if pair.member.len() == member.len() && &bytes[pair.member] == member {
                return Some(Found {
                    score: pair.score,
                    rank,
                    start,
                    end: pair.end,
                });
            }
            start = pair.end;
            rank += 1;
        }
        None
    }

    /// Number of pairs that satisfy `before`, which must hold for a prefix of the order, and where the next starts.
    fn partition(&self, mut before: impl FnMut(f64, &[u8]) -> bool) -> (usize, usize) {
        let bytes = self.pairs.bytes();
        let (mut start, mut rank) = (0, 0);
        while start < bytes.len() {
            let pair = pair_at(bytes, start);
            if !before(pair.score, &bytes[pair.member]) {
                break;
            }
            start = pair.end;
            rank += 1;
        }
        (rank, start)
    }

    pub(super) fn partition_point(&self, before: impl FnMut(f64, &[u8]) -> bool) -> usize {
        self.partition(before).0
    }

    /// Adds a member that is not there.
    pub(super) fn insert_new(&mut self, member: &[u8], score: f64) {
        let (_, at) = self.partition(|other_score, other| (other_score, other) < (score, member));
        self.put(at, 0, self.len() + 1, member, score);
    }

    /// Adds a member that belongs behind all others.
    pub(super) fn push(&mut self, member: &[u8], score: f64) {
        self.put(self.pairs.len(), 0, self.len() + 1, member, score);
    }

    /// Gives a member another score; in place when the order stays.
    pub(super) fn change(&mut self, found: Found, member: &[u8], score: f64) {
        let bytes = self.pairs.bytes();
        let follows = found.start == 0 || {
            let before = pair_at(bytes, pair_before(bytes, found.start));
            (before.score, &bytes[before.member]) < (score, member)
        };
        let precedes = found.end == bytes.len() || {
            let next = pair_at(bytes, found.end);
            (score, member) < (next.score, &bytes[next.member])
        };
        if follows && precedes {
            self.put(found.start, found.end - found.start, self.len(), member, score);
        } else {
            self.remove(found);
            self.insert_new(member, score);
        }
    }

    fn put(&mut self, at: usize, replaced: usize, count: usize, member: &[u8], score: f64) {
        let score = Field::score(score);
        let length = Field::length(member.len());
        let inner = score.len + length.len + member.len();
        let back = Field::length(inner).mirrored();
        self.pairs.splice(at, replaced, inner + back.len, count, |gap| {
            gap.put(score.as_slice());
            gap.put(length.as_slice());
            gap.put(member);
            gap.put(back.as_slice());
        });
    }

    pub(super) fn remove(&mut self, found: Found) {
        self.pairs
            .splice(found.start, found.end - found.start, 0, self.len() - 1, |_| {});
    }

    /// Removes the pairs of these ranks (clamped to the end).
    pub(super) fn remove_range(&mut self, ranks: Range<usize>) {
        let end = ranks.end.min(self.len());
        if ranks.start < end {
            let from = self.offset(ranks.start);
            let to = self.offset(end);
            self.pairs
                .splice(from, to - from, 0, self.len() - (end - ranks.start), |_| {});
        }
    }

    /// Where the pair of this rank starts, walking from the nearer end; the end of the buffer for `len()`.
    fn offset(&self, rank: usize) -> usize {
        let bytes = self.pairs.bytes();
        if rank <= self.len() / 2 {
            (0..rank).fold(0, |at, _| pair_at(bytes, at).end)
        } else {
            (rank..self.len()).fold(bytes.len(), |end, _| pair_before(bytes, end))
        }
    }

    /// The pairs of these ranks (clamped to the end), from either side.
    pub(super) fn range(&self, ranks: Range<usize>) -> PackedIter<'_> {
        let end = ranks.end.min(self.len());
        if ranks.start >= end {
            return PackedIter { bytes: &[], left: 0 };
        }
        let span = self.offset(ranks.start)..self.offset(end);
        PackedIter {
            bytes: &self.pairs.bytes()[span],
            left: end - ranks.start,
        }
    }

    /// Checks order, back lengths and count. O(n).
    pub(super) fn validate(&self) -> Result<(), String> {
        let bytes = self.pairs.bytes();
        let (mut at, mut count) = (0, 0);
        let mut previous: Option<(f64, &[u8])> = None;
        while at < bytes.len() {
            let pair = pair_at(bytes, at);
            let current = (pair.score, &bytes[pair.member]);
            if previous.is_some_and(|previous| previous >= current) || pair.score.is_nan() {
                return Err(format!("pair {count} is out of order"));
            }
            if pair_before(bytes, pair.end) != at {
                return Err(format!("pair {count} has a wrong back length"));
            }
            previous = Some(current);
            at = pair.end;
            count += 1;
        }
        if at != bytes.len() || count != self.len() {
            return Err(format!(
                "{count} pairs in {at} bytes; kept: {} in {}",
                self.len(),
                bytes.len()
            ));
        }
        Ok(())
    }
}

/// Pairs of a range of ranks, from either side.
#[derive(Clone)]
pub(super) struct PackedIter<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Iterator for PackedIter<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let pair = pair_at(self.bytes, 0);
        let member = &self.bytes[pair.member];
        self.bytes = &self.bytes[pair.end..];
        self.left -= 1;
        Some((member, pair.score))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for PackedIter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            return None;
        }
        let start = pair_before(self.bytes, self.bytes.len());
        let pair = pair_at(self.bytes, start);
        let member = &self.bytes[pair.member];
        self.bytes = &self.bytes[..start];
        self.left -= 1;
        Some((member, pair.score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_come_back_exactly_and_small_ones_are_short() {
        let cases = [
            (0.0, 1),
            (223.0, 1),
            (224.0, 2),
            (4319.0, 2),
            (4320.0, 3),
            (-1.0, 3),
            (-32768.0, 3),
            (32768.0, 5),
            (-2147483648.0, 5),
            (1_700_000_000_123.0, 7),
            (-140_737_488_355_327.0, 7),
            (140_737_488_355_329.0, 9),
            (0.5, 5),
            (-0.0, 5),
            (f64::INFINITY, 5),
            (f64::NEG_INFINITY, 5),
            (0.1, 9),
            (1791873972053020.0, 9),
            (f64::MAX, 9),
            (f64::MIN_POSITIVE, 9),
            (9.3e18, 9),
        ];
        for (score, len) in cases {
            let field = Field::score(score);
            assert_eq!(field.len, len, "{score}");
            let (back, end) = score_at(field.as_slice(), 0);
            assert_eq!((back.to_bits(), end), (score.to_bits(), len), "{score}");
        }
    }

    #[test]
    fn lengths_read_from_both_sides() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, 1 << 30] {
            let field = Field::length(value);
            assert_eq!(read_length(field.as_slice().iter().copied()), (value, field.len));
            let mirrored = Field::length(value).mirrored();
            assert_eq!(
                read_length(mirrored.as_slice().iter().rev().copied()),
                (value, field.len)
            );
        }
    }

    #[test]
    fn eight_short_pairs_take_little() {
        let mut set = PackedZSet::new();
        for i in 0..8 {
            set.insert_new(format!("member:{i}").as_bytes(), f64::from(i));
        }
        assert!(set.memory_bytes() <= 112, "{}", set.memory_bytes());
    }
}
