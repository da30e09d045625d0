//! Ziplist, the packed container of Redis before 7.0; read only.
//!
//! ```text
//! total bytes u32 | offset of last element u32 | count u16 (65535: unknown) | element ... | 0xff     little endian
//!
//! element = bytes of the one before (u8, or 0xfe and u32) | encoding | data
//!
//! 00LLLLLL                  string up to 63         0xc0 0xd0 0xe0    integer of 16, 32, 64 bits
//! 01LLLLLL LLLLLLLL         string up to 16383      0xf0 0xfe         integer of 24, 8 bits
//! 10?????? + u32, high first      string            0xf1 .. 0xfd      integer 0 .. 12
//! ```

use super::{Element, split_integer};
use crate::error::{RdbError, Result};

const HEADER_BYTES: usize = 10;
const COUNT_UNKNOWN: u16 = u16::MAX;
const END: u8 = 0xff;
const LONG_PREVIOUS: u8 = 0xfe;

/// A walk over the elements of a ziplist. Checks as it goes, like [`super::listpack::Listpack`].
pub(crate) struct Ziplist<'a> {
    rest: &'a [u8],
    missing: Option<u16>,
    /// Bytes of the element before this point.
    previous_bytes: usize,
    /// Where the last element must turn out to be, as an offset from the start.
    last_at: usize,
    total: usize,
}

impl<'a> Ziplist<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self> {
        const BAD: RdbError = RdbError::Corrupt("ziplist header");
        let (total, rest) = bytes.split_first_chunk::<4>().ok_or(BAD)?;
        let (last_at, rest) = rest.split_first_chunk::<4>().ok_or(BAD)?;
        let (count, rest) = rest.split_first_chunk::<2>().ok_or(BAD)?;
        let (end, rest) = rest.split_last().ok_or(BAD)?;
        if u32::from_le_bytes(*total) as usize != bytes.len() || *end != END {
            return Err(BAD);
        }
        let count = u16::from_le_bytes(*count);
        let last_at = u32::from_le_bytes(*last_at) as usize;
        let missing = (count != COUNT_UNKNOWN).then_some(count);
        Ok(Self {
            rest,
            missing,
            previous_bytes: 0,
            last_at,
            total: bytes.len(),
        })
    }

    fn position(&self) -> usize {
        self.total - 1 - self.rest.len()
    }

    fn step(&mut self) -> Option<Element<'a>> {
        let (&first, mut rest) = self.rest.split_first()?;
        let mut previous_bytes = usize::from(first);
        if first == LONG_PREVIOUS {
            let (long, after) = rest.split_first_chunk::<4>()?;
            previous_bytes = u32::from_le_bytes(*long) as usize;
            rest = after;
        }
        if first == END || previous_bytes != self.previous_bytes {
            return None;
        }
        let (element, rest) = split_element(rest)?;
        if let Some(missing) = &mut self.missing {
            *missing = missing.checked_sub(1)?;
        }
        self.previous_bytes = self.rest.len() - rest.len();
        self.rest = rest;
        Some(element)
    }

    /// Whether header and elements agree, at the end of the walk.
    fn ends_well(&self) -> bool {
        let last_at = (self.position() - self.previous_bytes).max(HEADER_BYTES);
        last_at == self.last_at && self.missing.unwrap_or(0) == 0
    }

    fn stop(&mut self) {
        (self.rest, self.missing, self.previous_bytes, self.last_at) = (&[], None, 0, self.total - 1);
    }
}

impl<'a> Iterator for Ziplist<'a> {
    type Item = Result<Element<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            let well = self.ends_well();
            self.stop();
            return (!well).then_some(Err(RdbError::Corrupt("ziplist header and elements differ")));
        }
        let element = self.step();
        if element.is_none() {
            self.stop();
        }
        Some(element.ok_or(RdbError::Corrupt("ziplist element")))
    }
}

fn split_element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (integer, rest) = match first {
        0x00..=0x3f => return split_bytes(rest, usize::from(first)),
        0x40..=0x7f => {
            let (&low, rest) = rest.split_first()?;
            return split_bytes(rest, usize::from(first & 0x3f) << 8 | usize::from(low));
        }
        0x80..=0xbf => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            return split_bytes(rest, u32::from_be_bytes(*length) as usize);
        }
        0xc0 => split_integer::<2>(rest)?,
        0xd0 => split_integer::<4>(rest)?,
        0xe0 => split_integer::<8>(rest)?,
        0xf0 => split_integer::<3>(rest)?,
        0xfe => split_integer::<1>(rest)?,
        0xf1..=0xfd => (i64::from(first) - 0xf1, rest),
        _ => return None,
    };
    Some((Element::Integer(integer), rest))
}

fn split_bytes(bytes: &[u8], length: usize) -> Option<(Element<'_>, &[u8])> {
    let (text, rest) = bytes.split_at_checked(length)?;
    Some((Element::Bytes(text), rest))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Builds a ziplist of strings and of integers marked by their encoding byte.
    pub(crate) fn build(elements: &[Element<'_>]) -> Vec<u8> {
        let (mut body, mut previous, mut last_at) = (Vec::new(), 0usize, HEADER_BYTES);
        for element in elements {
            last_at = HEADER_BYTES + body.len();
            match u8::try_from(previous) {
                Ok(short) if short < LONG_PREVIOUS => body.push(short),
                _ => {
                    body.push(LONG_PREVIOUS);
                    body.extend_from_slice(&(previous as u32).to_le_bytes());
                }
            }
            match element {
                Element::Bytes(text) if text.len() < 64 => body.push(text.len() as u8),
                Element::Bytes(text) if text.len() < 1 << 14 => {
                    body.extend_from_slice(&(0x4000 | text.len() as u16).to_be_bytes())
                }
                Element::Bytes(text) => {
                    body.push(0x80);
                    body.extend_from_slice(&(text.len() as u32).to_be_bytes());
                }
                Element::Integer(integer) => {
                    let bytes = integer.to_le_bytes();
                    let (mark, width) = match integer {
                        0..=12 => (0xf1 + *integer as u8, 0),
                        -0x80..=0x7f => (0xfe, 1),
                        -0x8000..=0x7fff => (0xc0, 2),
                        -0x80_0000..=0x7f_ffff => (0xf0, 3),
                        -0x8000_0000..=0x7fff_ffff => (0xd0, 4),
                        _ => (0xe0, 8),
                    };
                    body.push(mark);
                    body.extend_from_slice(&bytes[..width]);
                }
            }
            if let Element::Bytes(text) = element {
                body.extend_from_slice(text);
            }
            previous = HEADER_BYTES + body.len() - last_at;
        }
        let mut out = ((HEADER_BYTES + body.len() + 1) as u32).to_le_bytes().to_vec();
        out.extend_from_slice(&(last_at as u32).to_le_bytes());
        out.extend_from_slice(&(elements.len() as u16).to_le_bytes());
        out.extend_from_slice(&body);
        out.push(END);
        out
    }

    #[test]
    fn reads_every_encoding() {
        let long = vec![b'x'; 20_000];
        let mut elements = vec![
            Element::Bytes(b"hello"),
            Element::Bytes(&long[..300]),
            Element::Bytes(&long),
        ];
        for integer in [
            0,
            12,
            13,
            -1,
            127,
            128,
            -32_768,
            32_768,
            -8_388_608,
            8_388_608,
            i64::MIN,
            i64::MAX,
        ] {
            elements.push(Element::Integer(integer));
        }
        elements.push(Element::Bytes(b""));
        let bytes = build(&elements);
        let walked: Result<Vec<_>> = Ziplist::new(&bytes).unwrap().collect();
        assert_eq!(walked.unwrap(), elements);
        let bytes = build(&[]);
        assert_eq!(Ziplist::new(&bytes).unwrap().count(), 0);
    }

    #[test]
    fn damage_is_noticed() {
        let good = build(&[
            Element::Bytes(b"hello"),
            Element::Integer(1_000),
            Element::Bytes(b"x"),
        ]);
        let check = |bytes: &[u8]| {
            Ziplist::new(bytes).and_then(|list| list.collect::<Result<Vec<_>>>().map(|list| list.len()))
        };
        assert_eq!(check(&good).unwrap(), 3);
        for end in 0..good.len() {
            assert!(check(&good[..end]).is_err());
        }
        // Every header byte, each length of a previous element, every encoding byte.
        for at in [0, 4, 8, 10, 11, 17, 18, 21, 22] {
            let mut bytes = good.clone();
            bytes[at] ^= 0x05;
            assert!(check(&bytes).is_err(), "byte {at}");
        }
    }
}
