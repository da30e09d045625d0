//! The variable-size lengths of RDB.
//!
//! ```text
//! 00LLLLLL                      6 bits
//! 01LLLLLL LLLLLLLL             14 bits, high byte first
//! 10000000 + 4 bytes            32 bits, high byte first
//! 10000001 + 8 bytes            64 bits, high byte first
//! 11EEEEEE                      not a length: a string in a special encoding E follows
//! ```

use crate::error::{RdbError, Result};
use crate::input::Input;

const MARK_32_BITS: u8 = 0x80;
const MARK_64_BITS: u8 = 0x81;
const MARK_ENCODED: u8 = 0xc0;

/// What stands where a length may stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Plain(u64),
    /// A special string encoding's number.
    Encoded(u8),
}

pub(crate) fn read_length_or_encoding(input: &mut impl Input) -> Result<Length> {
    let first = input.byte()?;
    Ok(Length::Plain(match first >> 6 {
        0 => u64::from(first & 0x3f),
        1 => u64::from(first & 0x3f) << 8 | u64::from(input.byte()?),
        2 if first == MARK_32_BITS => u64::from(u32::from_be_bytes(input.array()?)),
        2 if first == MARK_64_BITS => u64::from_be_bytes(input.array()?),
        2 => return Err(RdbError::Corrupt("unknown length mark")),
        _ => return Ok(Length::Encoded(first & 0x3f)),
    }))
}

pub(crate) fn read_length(input: &mut impl Input) -> Result<u64> {
    match read_length_or_encoding(input)? {
        Length::Plain(length) => Ok(length),
        Length::Encoded(_) => Err(RdbError::Corrupt("string where a length belongs")),
    }
}

/// Bytes that [`write_length`] appends.
#[inline]
pub(crate) fn length_len(length: u64) -> usize {
    if length < 1 << 6 {
        1
    } else if length < 1 << 14 {
        2
    } else if u32::try_from(length).is_ok() {
        5
    } else {
        9
    }
}

#[inline]
pub(crate) fn write_length(out: &mut Vec<u8>, length: u64) {
    if length < 1 << 6 {
        out.push(length as u8);
    } else if length < 1 << 14 {
        out.extend_from_slice(&(length as u16 | 0x4000).to_be_bytes());
    } else if let Ok(length) = u32::try_from(length) {
        out.push(MARK_32_BITS);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(MARK_64_BITS);
        out.extend_from_slice(&length.to_be_bytes());
    }
}

/// A length that is not known until what it counts has been written: room for 64 bits.
pub(crate) struct LengthSlot {
    at: usize,
}

impl LengthSlot {
    pub(crate) fn reserve(out: &mut Vec<u8>) -> Self {
        let at = out.len();
        out.push(MARK_64_BITS);
        out.extend_from_slice(&[0; 8]);
        Self { at }
    }

    pub(crate) fn set(self, out: &mut [u8], length: u64) {
        out[self.at + 1..self.at + 9].copy_from_slice(&length.to_be_bytes());
    }
}

pub(crate) fn write_encoding_mark(out: &mut Vec<u8>, encoding: u8) {
    out.push(MARK_ENCODED | encoding);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::SliceInput;

    #[test]
    fn round_trips_at_every_boundary() {
        for (length, bytes) in [
            (0, 1),
            (63, 1),
            (64, 2),
            (16_383, 2),
            (16_384, 5),
            (u64::from(u32::MAX), 5),
            (1 << 32, 9),
            (u64::MAX, 9),
        ] {
            let mut out = Vec::new();
            write_length(&mut out, length);
            assert_eq!(out.len(), bytes);
            let mut input = SliceInput::new(&out);
            assert_eq!(read_length(&mut input).unwrap(), length);
            assert!(input.is_at_end());
        }
    }

    #[test]
    fn slots_are_filled_later() {
        let mut out = vec![7];
        let slot = LengthSlot::reserve(&mut out);
        out.push(9);
        slot.set(&mut out, 1234);
        assert_eq!(read_length(&mut SliceInput::new(&out[1..])).unwrap(), 1234);
        assert_eq!((out[0], out[10]), (7, 9));
    }

    #[test]
    fn bad_marks() {
        assert!(read_length(&mut SliceInput::new(&[0x82, 0, 0, 0, 0])).is_err());
        assert!(read_length(&mut SliceInput::new(&[0xc1])).is_err());
        assert!(matches!(
            read_length(&mut SliceInput::new(&[0x40])),
            Err(RdbError::Truncated)
        ));
        assert_eq!(
            read_length_or_encoding(&mut SliceInput::new(&[0xc3])).unwrap(),
            Length::Encoded(3)
        );
    }
}
