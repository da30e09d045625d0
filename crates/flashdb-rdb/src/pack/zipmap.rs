//! Zipmap, the packed hash of Redis before 2.6; read only.
//!
//! ```text
//! count u8 (254 and up: unknown) | length | field | length | free u8 | value | free bytes | ... | 0xff
//!
//! length = u8 below 254, or 0xfe and u32 little endian
//! ```

use crate::error::{RdbError, Result};

const END: u8 = 0xff;
const LONG: u8 = 0xfe;
const COUNT_UNKNOWN: u8 = 0xfe;

/// The fields and values of a zipmap in order.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<(&[u8], &[u8])>> {
    read_pairs(bytes).ok_or(RdbError::Corrupt("zipmap"))
}

fn read_pairs(bytes: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (&count, mut rest) = bytes.split_first()?;
    let mut pairs = Vec::new();
    while rest != [END] {
        let (length, after) = split_length(rest)?;
        let (field, after) = after.split_at_checked(length)?;
        let (length, after) = split_length(after)?;
        let (&free, after) = after.split_first()?;
        let (value, after) = after.split_at_checked(length)?;
        rest = after.get(usize::from(free)..)?;
        pairs.push((field, value));
    }
    (count >= COUNT_UNKNOWN || usize::from(count) == pairs.len()).then_some(pairs)
}

fn split_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        END => None,
        LONG => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            Some((u32::from_le_bytes(*length) as usize, rest))
        }
        _ => Some((usize::from(first), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lengths_and_free_bytes() {
        let bytes = b"\x02\x03foo\x03\x00bar\x05hello\x05\x02world..\xff";
        assert_eq!(
            read(bytes).unwrap(),
            [(&b"foo"[..], &b"bar"[..]), (b"hello", b"world")]
        );
        let mut long = b"\x01\x01f\xfe\x2c\x01\0\0\x00".to_vec();
        long.extend_from_slice(&[b'v'; 300]);
        long.push(END);
        assert_eq!(read(&long).unwrap(), [(&b"f"[..], &[b'v'; 300][..])]);
        assert_eq!(read(b"\x00\xff").unwrap(), []);
        assert_eq!(read(b"\xfe\x01a\x01\x00b\xff").unwrap().len(), 1);
    }

    #[test]
    fn damage_is_noticed() {
        let good = b"\x02\x03foo\x03\x00bar\x05hello\x05\x02world..\xff";
        for end in 0..good.len() {
            assert!(read(&good[..end]).is_err());
        }
        assert!(read(b"\x03\x03foo\x03\x00bar\xff").is_err());
        assert!(read(b"\x01\x03foo\x03\x00bar\xff\xff").is_err());
        assert!(read(b"\x01\x03foo\x03\x09bar\xff").is_err());
    }
}
