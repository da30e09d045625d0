//! Strings as RDB stores them: plain, as a small integer, or compressed.

use flashdb_base::number;

use crate::error::{RdbError, Result};
use crate::input::Input;
use crate::length::{Length, read_length, read_length_or_encoding, write_encoding_mark, write_length};
use crate::lzf;

const ENCODING_INT8: u8 = 0;
const ENCODING_INT16: u8 = 1;
const ENCODING_INT32: u8 = 2;
const ENCODING_LZF: u8 = 3;

/// No text of an `i32` is longer.
const INTEGER_TEXT_MAX: usize = 11;
/// Compression is tried on longer strings only.
const COMPRESS_ABOVE_BYTES: usize = 20;

pub(crate) fn read_string(input: &mut impl Input) -> Result<Vec<u8>> {
    let integer = match read_length_or_encoding(input)? {
        Length::Plain(length) => return input.take(length),
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
    let compressed = input.take(compressed_length)?;
    lzf::decompress(&compressed, length).ok_or(RdbError::Corrupt("bad compressed string"))
}

/// Appends a string in its shortest form.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &[u8], compress: bool) {
    if text.len() <= INTEGER_TEXT_MAX
        && let Some(integer) = number::parse_i64(text).and_then(|integer| i32::try_from(integer).ok())
    {
        return write_integer(out, integer);
    }
    if compress
        && text.len() > COMPRESS_ABOVE_BYTES
        && let Some(compressed) = lzf::compress(text)
    {
        write_encoding_mark(out, ENCODING_LZF);
        write_length(out, compressed.len() as u64);
        write_length(out, text.len() as u64);
        return out.extend_from_slice(&compressed);
    }
    write_plain(out, text);
}

/// Appends a string byte by byte, which packed containers without a gain from compression also use.
pub(crate) fn write_plain(out: &mut Vec<u8>, text: &[u8]) {
    write_length(out, text.len() as u64);
    out.extend_from_slice(text);
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
