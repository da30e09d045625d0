//! Strings as RDB stores them: plain, as a small integer, or compressed.

use flashdb_base::number::{self, NumberBuffer};

use crate::error::{RdbError, Result};
use crate::input::Input;
use crate::length::{
    Length, length_len, read_length, read_length_or_encoding, write_encoding_mark, write_length,
};
use crate::lzf;
use crate::types::ValueType;

const ENCODING_INT8: u8 = 0;
const ENCODING_INT16: u8 = 1;
const ENCODING_INT32: u8 = 2;
const ENCODING_LZF: u8 = 3;

/// No text of an `i32` is longer.
const INTEGER_TEXT_MAX: usize = 11;
/// What a string takes in memory besides its bytes, about.
const OVERHEAD_BYTES: u64 = 32;
/// No server writes longer packed containers unless it was told to; longer ones are charged for their elements before they are
/// unpacked.
const USUAL_PACKED_BYTES: usize = 1 << 20;
/// What an element of a packed container takes when it is unpacked, for each byte of it.
const UNPACKED: u64 = 16;
/// Compression is tried on longer strings only.
const COMPRESS_ABOVE_BYTES: usize = 20;

pub(crate) fn read_string(input: &mut impl Input) -> Result<Vec<u8>> {
    let integer = match read_length_or_encoding(input)? {
        Length::Plain(length) => {
            input.charge(length.saturating_add(OVERHEAD_BYTES))?;
            return input.take(length);
        }
        Length::Encoded(ENCODING_INT8) => i32::from(i8::from_le_bytes(input.array()?)),
        Length::Encoded(ENCODING_INT16) => i32::from(i16::from_le_bytes(input.array()?)),
        Length::Encoded(ENCODING_INT32) => i32::from_le_bytes(input.array()?),
        Length::Encoded(ENCODING_LZF) => return read_compressed(input),
        Length::Encoded(_) => return Err(RdbError::Corrupt("unknown string encoding")),
    };
    let mut text = Vec::new();
    number::write_i64(&mut text, i64::from(integer));
    Ok(text)
}

fn read_compressed(input: &mut impl Input) -> Result<Vec<u8>> {
    let compressed_length = read_length(input)?;
    let length = read_length(input)?;
    input.charge(
        length
            .saturating_add(compressed_length)
            .saturating_add(OVERHEAD_BYTES),
    )?;
    let compressed = input.take(compressed_length)?;
    lzf::decompress(&compressed, length).ok_or(RdbError::Corrupt("bad compressed string"))
}

/// A string that is a packed container, before it is unpacked.
pub(crate) fn read_packed(input: &mut impl Input) -> Result<Vec<u8>> {
    let packed = read_string(input)?;
    if packed.len() > USUAL_PACKED_BYTES {
        input.charge(packed.len() as u64 * UNPACKED)?;
    }
    Ok(packed)
}

/// Charges for so many elements that were unpacked.
pub(crate) fn charge_elements(input: &mut impl Input, count: usize) -> Result<()> {
    input.charge(count as u64 * OVERHEAD_BYTES)
}

/// A string as it is stored without compression. Its length is known before it is written, so that it can be written
/// behind its length and needs no buffer of its own.
#[derive(Clone, Copy, Debug)]
pub enum PlainString<'a> {
    /// As a small integer.
    Integer(i32),
    /// As it is.
    Text(&'a [u8]),
}

impl<'a> PlainString<'a> {
    /// Type of a value that is one string.
    pub const VALUE_TYPE: ValueType = ValueType::STRING;

    /// The form of this text.
    #[inline]
    pub fn of(text: &'a [u8]) -> Self {
        if text.len() <= INTEGER_TEXT_MAX
            && let Some(integer) = number::parse_i64(text).and_then(|integer| i32::try_from(integer).ok())
        {
            return PlainString::Integer(integer);
        }
        PlainString::Text(text)
    }

    /// The form of the number's text, which is written into `digits` where it is needed.
    #[inline]
    pub fn of_number(number: i64, digits: &'a mut NumberBuffer) -> Self {
        i32::try_from(number).map_or_else(
            |_| PlainString::Text(digits.format_i64(number)),
            PlainString::Integer,
        )
    }

    /// Bytes that [`PlainString::write`] appends.
    #[inline]
    pub fn encoded_len(self) -> usize {
        match self {
            PlainString::Integer(integer) => 1 + integer_len(integer),
            PlainString::Text(text) => length_len(text.len() as u64) + text.len(),
        }
    }

    /// Appends it.
    #[inline]
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            PlainString::Integer(integer) => write_integer(out, integer),
            PlainString::Text(text) => write_plain(out, text),
        }
    }
}

/// Appends a string in its shortest form.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &[u8], compress: bool) {
    let plain = PlainString::of(text);
    if compress
        && matches!(plain, PlainString::Text(_))
        && text.len() > COMPRESS_ABOVE_BYTES
        && let Some(compressed) = lzf::compress(text)
    {
        write_encoding_mark(out, ENCODING_LZF);
        write_length(out, compressed.len() as u64);
        write_length(out, text.len() as u64);
        return out.extend_from_slice(&compressed);
    }
    plain.write(out);
}

/// Appends a string byte by byte, which packed containers without a gain from compression also use.
#[inline]
pub(crate) fn write_plain(out: &mut Vec<u8>, text: &[u8]) {
    write_length(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Bytes of the integer itself.
#[inline]
fn integer_len(integer: i32) -> usize {
    if i8::try_from(integer).is_ok() {
        1
    } else if i16::try_from(integer).is_ok() {
        2
    } else {
        4
    }
}

fn write_integer(out: &mut Vec<u8>, integer: i32) {
    if let Ok(small) = i8::try_from(integer) {
        write_encoding_mark(out, ENCODING_INT8);
        out.extend_from_slice(&small.to_le_bytes());
    } else if let Ok(medium) = i16::try_from(integer) {
        write_encoding_mark(out, ENCODING_INT16);
        out.extend_from_slice(&medium.to_le_bytes());
    } else {
        write_encoding_mark(out, ENCODING_INT32);
        out.extend_from_slice(&integer.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::SliceInput;

    fn round_trip(text: &[u8]) -> usize {
        let mut out = Vec::new();
        write_string(&mut out, text, true);
        let mut input = SliceInput::new(&out);
        assert_eq!(read_string(&mut input).unwrap(), text);
        assert!(input.is_at_end());
        out.len()
    }

    #[test]
    fn shortest_forms() {
        for (text, bytes) in [
            ("", 1),
            ("0", 2),
            ("-128", 2),
            ("128", 3),
            ("-32768", 3),
            ("32768", 5),
            ("-2147483648", 5),
            ("2147483648", 11),
            ("007", 4),
            ("+1", 3),
            ("-0", 3),
            ("hello", 6),
        ] {
            assert_eq!(round_trip(text.as_bytes()), bytes, "{text}");
        }
        assert!(round_trip(&[b'a'; 1000]) < 40);
        assert_eq!(round_trip(&(0..=255).collect::<Vec<u8>>()), 258);
        let mut plain = Vec::new();
        write_string(&mut plain, &[b'a'; 1000], false);
        assert_eq!(plain.len(), 1002);
    }

    #[test]
    fn the_length_is_known_before_a_string_is_written() {
        let long: Vec<u8> = (0..=255).cycle().take(20_000).collect();
        let around = |edge: usize| [edge - 1, edge, edge + 1];
        let texts = [1, 64, 128, 1 << 14].map(around).concat();
        for text in texts.iter().map(|&len| &long[..len]) {
            check_plain(PlainString::of(text), text);
        }
        let powers = (0..63).flat_map(|bit| [1i64 << bit, -1 << bit, (1 << bit) - 1, !(1 << bit)]);
        for number in powers.chain([i64::MIN]) {
            let text = number.to_string();
            check_plain(PlainString::of(text.as_bytes()), text.as_bytes());
            check_plain(
                PlainString::of_number(number, &mut NumberBuffer::new()),
                text.as_bytes(),
            );
        }
    }

    fn check_plain(plain: PlainString<'_>, text: &[u8]) {
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        plain.write(&mut out);
        write_string(&mut expected, text, false);
        assert_eq!(out, expected);
        assert_eq!(plain.encoded_len(), out.len());
        assert_eq!(read_string(&mut SliceInput::new(&out)).unwrap(), text);
    }

    #[test]
    fn refuses_nonsense() {
        for bytes in [
            &[0xc4u8][..],
            &[0xc3, 1, 5, 0],
            &[0xc3, 0xc0],
            &[5, 1],
            &[0xc2, 1],
        ] {
            assert!(read_string(&mut SliceInput::new(bytes)).is_err(), "{bytes:?}");
        }
    }
}
