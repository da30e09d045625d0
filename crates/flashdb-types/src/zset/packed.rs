//! `PackedZSet`: a small sorted set in one allocation, its pairs one after another in ascending order.
//!
//! ```text
//! pair:  score (1-9) │ member length (1+) │ member
//! score: 00..DF             0..=223, the tag itself         1 byte
//!        E0..EF xx          224..=4319                      2
//!        F0 / F1 / F2       i16 / i32 / 48-bit integer      3 / 5 / 7
//!        F3 / F4            f32 / f64, when nothing else is exact (-0 and infinities are an f32)
//! ```
//!
//! Lengths are base-128, low bits first, the top bit saying that more follow. Everything is O(n); the caller bounds n.
//! Pairs can be read from the front only: a walk from the back notes where some of the last pairs begin. A length behind
//! each pair as well would cost a byte of some twelve.

use crate::thin_buffer::ThinBuffer;
use crate::word::Encoding;
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

/// See the head of the file.
#[repr(transparent)]
pub(super) struct PackedZSet {
    pairs: ThinBuffer,
}

// SAFETY: the type is `repr(transparent)` over the buffer.
unsafe impl Encoding for PackedZSet {}

/// Where a pair is, and its score; good until the set changes.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) score: f64,
    pub(super) rank: usize,
    /// Where the pair before it starts; its own start if it is the first.
    before: usize,
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

/// One decoded pair: the member's range ends where the pair ends.
struct Pair {
    score: f64,
    member: Range<usize>,
}

#[inline]
fn pair_at(bytes: &[u8], at: usize) -> Pair {
    let (score, length) = score_at(bytes, at);
    let (len, used) = read_length(bytes[length..].iter().copied());
    let start = length + used;
    Pair {
        score,
        member: start..start + len,
    }
}

impl PackedZSet {
    pub(super) const fn new() -> PackedZSet {
        PackedZSet {
            pairs: ThinBuffer::new(),
        }
    }

    pub(super) fn into_buffer(self) -> ThinBuffer {
        self.pairs
    }

    pub(super) fn prefetch(&self) {
        self.pairs.prefetch();
    }

    pub(super) fn len(&self) -> usize {
        self.pairs.count()
    }

    /// Whether a member of this length can be added without exceeding what a packed set can hold.
    pub(super) fn has_room_for(&self, member_len: usize) -> bool {
        // Score and both lengths take at most 29 bytes.
        member_len.saturating_add(self.pairs.len() + 32) <= PACKED_BYTES_MAX
    }

    /// Looks a member up.
    pub(super) fn find(&self, member: &[u8]) -> Option<Found> {
        let bytes = self.pairs.bytes();
        let (mut before, mut start, mut rank) = (0, 0, 0);
        while start < bytes.len() {
            let pair = pair_at(bytes, start);
            let end = pair.member.end;
            if pair.member.len() == member.len() && &bytes[pair.member] == member {
                return Some(Found {
                    score: pair.score,
                    rank,
                    before,
                    start,
                    end,
                });
            }
            (before, start) = (start, end);
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
            let end = pair.member.end;
            if !before(pair.score, &bytes[pair.member]) {
                break;
            }
            start = end;
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
            let before = pair_at(bytes, found.before);
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
        self.pairs.splice(at, replaced, inner, count, |gap| {
            gap.put(score.as_slice());
            gap.put(length.as_slice());
            gap.put(member);
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

    /// Where the pair of this rank starts; the end of the buffer for `len()`.
    fn offset(&self, rank: usize) -> usize {
        let bytes = self.pairs.bytes();
        if rank == self.len() {
            return bytes.len();
        }
        (0..rank).fold(0, |at, _| pair_at(bytes, at).member.end)
    }

    /// The pairs of these ranks (clamped to the end), from either side.
    pub(super) fn range(&self, ranks: Range<usize>) -> PackedIter<'_> {
        let end = ranks.end.min(self.len());
        let (bytes, at, left) = if ranks.start < end {
            (self.pairs.bytes(), self.offset(ranks.start), end - ranks.start)
        } else {
            (&[][..], 0, 0)
        };
        PackedIter {
            bytes,
            at,
            left,
            last: [0; LAST_MAX],
            noted: 0,
        }
    }

    /// Checks order and count. O(n).
    pub(super) fn validate(&self) -> Result<(), String> {
        let bytes = self.pairs.bytes();
        let (mut at, mut count) = (0, 0);
        let mut previous: Option<(f64, &[u8])> = None;
        while at < bytes.len() {
            let pair = pair_at(bytes, at);
            let end = pair.member.end;
            let current = (pair.score, &bytes[pair.member]);
            if previous.is_some_and(|previous| previous >= current) || pair.score.is_nan() {
                return Err(format!("pair {count} is out of order"));
            }
            previous = Some(current);
            at = end;
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

/// Pairs that a walk from the back notes at a time.
const LAST_MAX: usize = 32;

/// Pairs of a range of ranks, from either side.
#[derive(Clone)]
pub(super) struct PackedIter<'a> {
    bytes: &'a [u8],
    /// Where the next pair starts.
    at: usize,
    left: usize,
    /// Where the last `noted` of the pairs that are left start, in ascending order.
    last: [u32; LAST_MAX],
    noted: usize,
}

impl PackedIter<'_> {
    #[cold]
    fn note_last(&mut self) {
        let noted = self.left.min(LAST_MAX);
        let skipped = (noted..self.left).fold(self.at, |at, _| pair_at(self.bytes, at).member.end);
        let mut at = skipped;
        for start in &mut self.last[..noted] {
            *start = at as u32;
            at = pair_at(self.bytes, at).member.end;
        }
        self.noted = noted;
    }
}

impl<'a> Iterator for PackedIter<'a> {
    type Item = (&'a [u8], f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let pair = pair_at(self.bytes, self.at);
        self.at = pair.member.end;
        self.left -= 1;
        if self.noted > self.left {
            // The first of the noted ones is this one.
            self.noted = 0;
        }
        Some((&self.bytes[pair.member], pair.score))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a> DoubleEndedIterator for PackedIter<'a> {
    fn next_back(&mut self) -> Option<(&'a [u8], f64)> {
        if self.left == 0 {
            return None;
        }
        if self.noted == 0 {
            self.note_last();
        }
        self.noted -= 1;
        self.left -= 1;
        let pair = pair_at(self.bytes, self.last[self.noted] as usize);
        Some((&self.bytes[pair.member], pair.score))
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
    fn lengths_come_back() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, 1 << 30] {
            let field = Field::length(value);
            assert_eq!(read_length(field.as_slice().iter().copied()), (value, field.len));
        }
    }

    #[test]
    fn eight_short_pairs_take_little() {
        let mut set = PackedZSet::new();
        for i in 0..8 {
            set.insert_new(format!("member:{i}").as_bytes(), f64::from(i));
        }
        assert_eq!(set.pairs.memory_bytes(), 96);
    }

    /// Every order of taking from the two ends, from sets that are smaller and larger than what is noted.
    #[test]
    fn walks_from_both_ends_meet() {
        let mut random = flashdb_base::prng::Prng::from_seed(3);
        for count in (0..100).chain([500]) {
            let mut set = PackedZSet::new();
            let mut model: Vec<(Vec<u8>, f64)> = Vec::new();
            for i in 0..count {
                let pair = (vec![b'm'; i % 7], f64::from(i as u32) * 1.25);
                set.push(&pair.0, pair.1);
                model.push(pair);
            }
            for bias in [1, 2, 3, 50] {
                let (low, high) = (random.below(count as u64 + 1) as usize, count);
                let (mut pairs, mut expected) = (set.range(low..high), model[low..high].iter());
                loop {
                    let (got, wanted) = if random.below(bias) == 0 {
                        (pairs.next(), expected.next())
                    } else {
                        (pairs.next_back(), expected.next_back())
                    };
                    assert_eq!(got, wanted.map(|(member, score)| (member.as_slice(), *score)));
                    assert_eq!(pairs.size_hint().0, expected.len());
                    if got.is_none() {
                        break;
                    }
                }
            }
        }
    }
}
