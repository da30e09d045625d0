//! The length field that every packed byte string starts with: one byte below 252, else a marker byte and two,
//! four or eight bytes, little endian. Always the shortest form, so equal content has equal bytes.

/// Longest length that fits in the one byte.
pub(crate) const SHORT_MAX: usize = 251;
pub(crate) const MARK_U16: u8 = 252;
pub(crate) const MARK_U32: u8 = 253;
const MARK_U64: u8 = 254;
/// A first byte that no length field has: free for the meaning of the structure around it.
pub(crate) const NOT_A_LENGTH: u8 = 255;
/// Longest length field.
pub(crate) const FIELD_BYTES_MAX: usize = 9;

/// Bytes of the length field of `len`.
pub(crate) const fn field_bytes(len: usize) -> usize {
    match len {
        0..=SHORT_MAX => 1,
        252..=0xFFFF => 3,
        0x1_0000..=0xFFFF_FFFF => 5,
        _ => 9,
    }
}

/// Bytes of a length field that starts with `first`.
pub(crate) const fn field_bytes_of(first: u8) -> usize {
    match first {
        MARK_U16 => 3,
        MARK_U32 => 5,
        MARK_U64 => 9,
        _ => 1,
    }
}

/// The length field of `len` and its size.
pub(crate) fn encode(len: usize) -> ([u8; FIELD_BYTES_MAX], usize) {
    let mut field = [0; FIELD_BYTES_MAX];
    let size = field_bytes(len);
    match size {
        1 => field[0] = len as u8,
        3 => field[0] = MARK_U16,
        5 => field[0] = MARK_U32,
        _ => field[0] = MARK_U64,
    }
    field[1..size].copy_from_slice(&(len as u64).to_le_bytes()[..size - 1]);
    (field, size)
}

/// Decodes the length field at the start of `bytes`: its own size and the length.
pub(crate) fn decode(bytes: &[u8]) -> (usize, usize) {
    let size = field_bytes_of(bytes[0]);
    if size == 1 {
        return (1, bytes[0] as usize);
    }
    let mut wide = [0; 8];
    wide[..size - 1].copy_from_slice(&bytes[1..size]);
    (size, u64::from_le_bytes(wide) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_round_trips() {
        for len in [
            0,
            1,
            251,
            252,
            253,
            0xFFFF,
            0x1_0000,
            0xFFFF_FFFF,
            0x1_0000_0000,
            1 << 60,
        ] {
            let (field, size) = encode(len);
            assert_eq!(decode(&field[..size]), (size, len));
            assert_eq!(size, field_bytes(len));
            assert_ne!(field[0], NOT_A_LENGTH);
        }
    }
}
