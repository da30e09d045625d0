//! How an element lies in a block: `length | bytes | length, mirrored`.
//!
//! A length takes 1 byte below 128, 2 below 16384 and 3 up to 4 MiB; the two top bits of its first byte tell which.
//! The copy behind the bytes is mirrored, so it ends with that byte, and elements can be read from both ends.

use super::limits::NODE_BYTES_MAX;

const _: () = assert!(NODE_BYTES_MAX < 1 << 22, "a length of three bytes has 22 bits");

/// Bytes that one copy of a length takes.
#[inline]
const fn length_bytes(len: usize) -> usize {
    if len < 0x80 {
        1
    } else if len < 0x4000 {
        2
    } else {
        3
    }
}

/// Bytes that an element of `len` bytes takes in a block.
#[inline]
pub(super) const fn encoded_bytes(len: usize) -> usize {
    len + 2 * length_bytes(len)
}

/// Writes an element over the whole of `place`, which has exactly its encoded size.
#[inline]
pub(super) fn encode(place: &mut [u8], value: &[u8]) {
    let len = value.len();
    let width = length_bytes(len);
    let (head, rest) = place.split_at_mut(width);
    let (body, tail) = rest.split_at_mut(len);
    body.copy_from_slice(value);
    match width {
        1 => {
            head[0] = len as u8;
            tail[0] = len as u8;
        }
        2 => {
            let bytes = [0x80 | (len >> 8) as u8, len as u8];
            head.copy_from_slice(&bytes);
            tail.copy_from_slice(&[bytes[1], bytes[0]]);
        }
        _ => {
            let bytes = [0xc0 | (len >> 16) as u8, (len >> 8) as u8, len as u8];
            head.copy_from_slice(&bytes);
            tail.copy_from_slice(&[bytes[2], bytes[1], bytes[0]]);
        }
    }
}

/// Splits the first element off encoded elements; `None` at the end. Left to itself the compiler makes it a call in one build
/// and none in the next: 12 instructions for each element of LRANGE.
#[inline(always)]
pub(super) fn split_first(encoded: &[u8]) -> Option<(&[u8], &[u8])> {
    let tag = *encoded.first()? as usize;
    let (len, width) = if tag < 0x80 {
        (tag, 1)
    } else if tag < 0xc0 {
        ((tag & 0x3f) << 8 | encoded[1] as usize, 2)
    } else {
        (
            (tag & 0x3f) << 16 | (encoded[1] as usize) << 8 | encoded[2] as usize,
            3,
        )
    };
    Some((&encoded[width..width + len], &encoded[len + 2 * width..]))
}

/// Splits the last element off encoded elements, giving it and what stands before it; `None` at the end.
#[inline]
pub(super) fn split_last(encoded: &[u8]) -> Option<(&[u8], &[u8])> {
    let size = encoded.len();
    let tag = *encoded.last()? as usize;
    let (len, width) = if tag < 0x80 {
        (tag, 1)
    } else if tag < 0xc0 {
        ((tag & 0x3f) << 8 | encoded[size - 2] as usize, 2)
    } else {
        (
            (tag & 0x3f) << 16 | (encoded[size - 2] as usize) << 8 | encoded[size - 3] as usize,
            3,
        )
    };
    let body_end = size - width;
    Some((
        &encoded[body_end - len..body_end],
        &encoded[..body_end - len - width],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_width_read_from_both_ends() {
        let lengths = [0, 1, 127, 128, 16383, 16384, 65535, (1 << 22) - 1];
        let mut encoded = Vec::new();
        for (i, &len) in lengths.iter().enumerate() {
            let at = encoded.len();
            encoded.resize(at + encoded_bytes(len), 0);
            encode(&mut encoded[at..], &vec![i as u8; len]);
        }
        let mut rest = &encoded[..];
        for (i, &len) in lengths.iter().enumerate() {
            let (value, after) = split_first(rest).expect("an element");
            assert_eq!(value, vec![i as u8; len]);
            rest = after;
        }
        assert!(split_first(rest).is_none());
        let mut rest = &encoded[..];
        for (i, &len) in lengths.iter().enumerate().rev() {
            let (value, before) = split_last(rest).expect("an element");
            assert_eq!(value, vec![i as u8; len]);
            rest = before;
        }
        assert!(split_last(rest).is_none());
    }
}
