//! Listpack, read and written.
//!
//! ```text
//! total bytes u32 | count u16 (65535: unknown) | element ... | 0xff         little endian
//!
//! element = encoding and data | their length, 7 bits a byte, high part first, all but the first byte with the top bit set
//!
//! 0NNNNNNN                  integer 0..127          1110LLLL LLLLLLLL + L bytes   string up to 4095
//! 10LLLLLL + L bytes        string up to 63         11110000 + u32 + bytes        string
//! 110NNNNN NNNNNNNN         integer of 13 bits      11110001 .. 11110100          integer of 16, 24, 32, 64 bits
//! ```

use flashdb_base::number;

use super::{Element, split_integer};
use crate::error::{RdbError, Result};

const HEADER_BYTES: usize = 6;
const COUNT_UNKNOWN: u16 = u16::MAX;
const END: u8 = 0xff;

/// A walk over the elements of a listpack.
///
/// Header and end mark are checked at the start, each element when it is reached, the count at the end.
pub(crate) struct Listpack<'a> {
    /// Elements not yet reached, without the end mark.
    rest: &'a [u8],
    /// Elements that must follow, if the header says.
    missing: Option<u16>,
}

impl<'a> Listpack<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self> {
        const BAD: RdbError = RdbError::Corrupt("listpack header");
        let (total, rest) = bytes.split_first_chunk::<4>().ok_or(BAD)?;
        let (count, rest) = rest.split_first_chunk::<2>().ok_or(BAD)?;
        let (end, rest) = rest.split_last().ok_or(BAD)?;
        if u32::from_le_bytes(*total) as usize != bytes.len() || *end != END {
            return Err(BAD);
        }
        let count = u16::from_le_bytes(*count);
        Ok(Self {
            rest,
            missing: (count != COUNT_UNKNOWN).then_some(count),
        })
    }

    /// The next element, or an error when there is none.
    pub(crate) fn expect(&mut self) -> Result<Element<'a>> {
        self.next()
            .unwrap_or(Err(RdbError::Corrupt("listpack has too few elements")))
    }

    /// The next element, which must be an integer.
    pub(crate) fn expect_i64(&mut self) -> Result<i64> {
        self.expect()?
            .as_i64()
            .ok_or(RdbError::Corrupt("listpack element is not an integer"))
    }

    fn step(&mut self) -> Option<Element<'a>> {
        let (element, rest) = split_element(self.rest)?;
        let mut length_text = [0; BACK_LENGTH_MAX];
        let back = back_length(self.rest.len() - rest.len(), &mut length_text);
        let rest = rest.strip_prefix(back)?;
        if let Some(missing) = &mut self.missing {
            *missing = missing.checked_sub(1)?;
        }
        self.rest = rest;
        Some(element)
    }
}

impl<'a> Iterator for Listpack<'a> {
    type Item = Result<Element<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            // Reported once: the walk is over after an error.
            let missing = self.missing.take().unwrap_or(0);
            return (missing != 0).then_some(Err(RdbError::Corrupt("listpack count")));
        }
        let element = self.step();
        if element.is_none() {
            (self.rest, self.missing) = (&[], None);
        }
        Some(element.ok_or(RdbError::Corrupt("listpack element")))
    }
}

fn split_element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let integer = match first {
        0x00..=0x7f => (i64::from(first), rest),
        0x80..=0xbf => return split_bytes(rest, usize::from(first & 0x3f)),
        0xc0..=0xdf => {
            let (&low, rest) = rest.split_first()?;
            let raw = i64::from(first & 0x1f) << 8 | i64::from(low);
            (if raw >= 1 << 12 { raw - (1 << 13) } else { raw }, rest)
        }
        0xe0..=0xef => {
            let (&low, rest) = rest.split_first()?;
            return split_bytes(rest, usize::from(first & 0x0f) << 8 | usize::from(low));
        }
        0xf0 => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            return split_bytes(rest, u32::from_le_bytes(*length) as usize);
        }
        0xf1 => split_integer::<2>(rest)?,
        0xf2 => split_integer::<3>(rest)?,
        0xf3 => split_integer::<4>(rest)?,
        0xf4 => split_integer::<8>(rest)?,
        0xf5..=0xff => return None,
    };
    Some((Element::Integer(integer.0), integer.1))
}

fn split_bytes(bytes: &[u8], length: usize) -> Option<(Element<'_>, &[u8])> {
    let (text, rest) = bytes.split_at_checked(length)?;
    Some((Element::Bytes(text), rest))
}

const BACK_LENGTH_MAX: usize = 5;

/// The backward length behind an element of `length` bytes.
///
/// The limits are Redis's own: 16383, for example, would fit into two bytes but takes three.
fn back_length(length: usize, text: &mut [u8; BACK_LENGTH_MAX]) -> &[u8] {
    let size = match length {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    for (i, byte) in text[..size].iter_mut().rev().enumerate() {
        *byte = (length >> (7 * i)) as u8 | 0x80;
    }
    text[0] &= 0x7f;
    &text[..size]
}

/// A listpack under construction.
pub(crate) struct ListpackBuilder {
    bytes: Vec<u8>,
    count: usize,
}

impl ListpackBuilder {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; HEADER_BYTES],
            count: 0,
        }
    }

    /// Bytes of the finished listpack as it stands.
    pub(crate) fn len_bytes(&self) -> usize {
        self.bytes.len() + 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends a text, as an integer if it spells one.
    pub(crate) fn push(&mut self, text: &[u8]) {
        match number::parse_i64(text) {
            Some(integer) => self.push_i64(integer),
            None => self.push_bytes(text),
        }
    }

    fn push_bytes(&mut self, text: &[u8]) {
        let start = self.bytes.len();
        match text.len() {
            length @ 0..=63 => self.bytes.push(0x80 | length as u8),
            length @ 64..=4095 => self
                .bytes
                .extend_from_slice(&[0xe0 | (length >> 8) as u8, length as u8]),
            length => {
                self.bytes.push(0xf0);
                self.bytes.extend_from_slice(&(length as u32).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(text);
        self.close_element(start);
    }

    pub(crate) fn push_i64(&mut self, integer: i64) {
        let start = self.bytes.len();
        let bytes = integer.to_le_bytes();
        match integer {
            0..=127 => self.bytes.push(bytes[0]),
            -4096..=4095 => self
                .bytes
                .extend_from_slice(&[0xc0 | (bytes[1] & 0x1f), bytes[0]]),
            -0x8000..=0x7fff => self.push_marked(0xf1, &bytes[..2]),
            -0x80_0000..=0x7f_ffff => self.push_marked(0xf2, &bytes[..3]),
            -0x8000_0000..=0x7fff_ffff => self.push_marked(0xf3, &bytes[..4]),
            _ => self.push_marked(0xf4, &bytes),
        }
        self.close_element(start);
    }

    fn push_marked(&mut self, mark: u8, bytes: &[u8]) {
        self.bytes.push(mark);
        self.bytes.extend_from_slice(bytes);
    }

    fn close_element(&mut self, start: usize) {
        let mut text = [0; BACK_LENGTH_MAX];
        self.bytes
            .extend_from_slice(back_length(self.bytes.len() - start, &mut text));
        self.count += 1;
    }

    /// Appends all elements of another one.
    pub(crate) fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes[HEADER_BYTES..]);
        self.count += other.count;
    }

    /// Back to no elements, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(HEADER_BYTES);
        self.count = 0;
    }

    /// Fills in header and end mark; [`clear`](Self::clear) before going on. The caller keeps the size below 4 GiB.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.bytes.push(END);
        let total = self.bytes.len();
        debug_assert!(u32::try_from(total).is_ok(), "a listpack's size has 32 bits");
        self.bytes[..4].copy_from_slice(&(total as u32).to_le_bytes());
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN);
        self.bytes[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    fn walk(bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        Listpack::new(bytes)?
            .map(|element| element.map(Element::to_vec))
            .collect()
    }

    fn build(elements: &[Vec<u8>]) -> Vec<u8> {
        let mut builder = ListpackBuilder::new();
        elements.iter().for_each(|element| builder.push(element));
        builder.finish().to_vec()
    }

    #[test]
    fn round_trips_every_size() {
        let mut elements: Vec<Vec<u8>> = [0, 1, 63, 64, 4095, 4096, 16_370, 16_380, 16_383, 70_000]
            .iter()
            .map(|&n| vec![b'x'; n])
            .collect();
        for bits in 0..64 {
            for integer in [
                1i64 << bits,
                -(1i64 << bits.min(62)),
                (1i64 << bits).wrapping_sub(1),
                i64::MIN,
            ] {
                elements.push(integer.to_string().into_bytes());
            }
        }
        assert_eq!(walk(&build(&elements)).unwrap(), elements);
        assert_eq!(walk(&build(&[])).unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn known_bytes() {
        let bytes = build(&[b"a".to_vec(), b"5".to_vec(), b"-1".to_vec(), b"1000".to_vec()]);
        let expected = b"\x13\0\0\0\x04\0\x81a\x02\x05\x01\xdf\xff\x02\xc3\xe8\x02\xff";
        assert_eq!(&bytes[4..], &expected[4..]);
        assert_eq!(bytes.len(), bytes[0] as usize);
    }

    #[test]
    fn many_elements_have_no_count() {
        let elements = vec![b"1".to_vec(); 70_000];
        assert_eq!(walk(&build(&elements)).unwrap().len(), 70_000);
    }

    #[test]
    fn damage_is_noticed() {
        let good = build(&[b"hello".to_vec(), b"12345".to_vec()]);
        for end in 0..good.len() {
            assert!(walk(&good[..end]).is_err());
        }
        let mut wrong_count = good.clone();
        wrong_count[4] = 3;
        assert!(walk(&wrong_count).is_err());
        wrong_count[4] = 1;
        assert!(walk(&wrong_count).is_err());
        let mut wrong_back_length = good.clone();
        wrong_back_length[12] ^= 1;
        assert!(walk(&wrong_back_length).is_err());
        let mut prng = Prng::from_seed(41);
        for _ in 0..5_000 {
            let mut bytes = good.clone();
            let at = prng.below(bytes.len() as u64) as usize;
            bytes[at] = prng.next_u64() as u8;
            if let Ok(elements) = walk(&bytes) {
                assert_eq!(elements.len(), 2);
            }
        }
    }
}
