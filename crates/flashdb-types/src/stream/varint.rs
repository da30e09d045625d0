//! Little-endian base-128 numbers, readable from the left and, when written reversed, from the
//! right. The buffers they are read from are always written by this crate.

/// Bytes that `value` takes, 1 to 10.
pub(super) fn encoded_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends `value`.
pub(super) fn push(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Appends `value` so that [`read_backward`] finds it from its end.
pub(super) fn push_reversed(bytes: &mut Vec<u8>, value: u64) {
    let start = bytes.len();
    push(bytes, value);
    bytes[start..].reverse();
}

/// The number at `*at`; moves `*at` behind it.
#[inline]
pub(super) fn read(bytes: &[u8], at: &mut usize) -> u64 {
    let first = bytes[*at];
    *at += 1;
    if first < 0x80 {
        return u64::from(first);
    }
    let mut value = u64::from(first & 0x7f);
    let mut shift = 7;
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

/// The reversed number that ends before `*end`; moves `*end` to its first byte.
#[inline]
pub(super) fn read_backward(bytes: &[u8], end: &mut usize) -> u64 {
    let mut value = 0;
    let mut shift = 0;
    loop {
        *end -= 1;
        let byte = bytes[*end];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_in_both_directions() {
        let values = (0..64)
            .flat_map(|bit| [1u64 << bit, (1u64 << bit) - 1])
            .chain([u64::MAX]);
        for value in values {
            let mut bytes = Vec::new();
            push(&mut bytes, value);
            assert_eq!(bytes.len(), encoded_len(value));
            let mut at = 0;
            assert_eq!(read(&bytes, &mut at), value);
            assert_eq!(at, bytes.len());

            push_reversed(&mut bytes, value);
            let mut end = bytes.len();
            assert_eq!(read_backward(&bytes, &mut end), value);
            assert_eq!(end, at);
        }
    }
}
