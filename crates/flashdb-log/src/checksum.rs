//! CRC32C of records. Most are below a hundred bytes, for which the crate that is made for long inputs spends more on its
//! preparations than on the bytes: 280 instructions for a SET of 16 + 32 bytes, 40 with the processor's instruction in a plain
//! loop. Long inputs, and processors without the instruction, are left to the crate.

/// Inputs from this length on are faster in three interleaved streams, as the crate does it.
const LONG: usize = 512;

/// The checksum of `bytes`.
#[inline]
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_append(0, bytes)
}

/// The checksum of what has the checksum `crc`, followed by `bytes`.
#[inline]
pub(crate) fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    if bytes.len() < LONG && std::is_x86_feature_detected!("sse4.2") {
        // SAFETY: the processor has the instructions.
        return unsafe { short(crc, bytes) };
    }
    crc32c::crc32c_append(crc, bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn short(crc: u32, bytes: &[u8]) -> u32 {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u32, _mm_crc32_u64};
    let (words, rest) = bytes.as_chunks::<8>();
    let mut state = u64::from(!crc);
    for word in words {
        state = _mm_crc32_u64(state, u64::from_le_bytes(*word));
    }
    let mut state = state as u32;
    // Each step waits for the one before: four bytes take as long as one.
    let (half, rest) = rest.as_chunks::<4>();
    for word in half {
        state = _mm_crc32_u32(state, u32::from_le_bytes(*word));
    }
    for &byte in rest {
        state = _mm_crc32_u8(state, byte);
    }
    !state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_crate_at_every_length() {
        let bytes: Vec<u8> = (0..2 * LONG).map(|i| (i * 7 + i / 256) as u8).collect();
        for len in 0..bytes.len() {
            let (whole, half) = (&bytes[..len], len / 2);
            assert_eq!(crc32c(whole), ::crc32c::crc32c(whole), "{len}");
            assert_eq!(
                crc32c_append(crc32c(&whole[..half]), &whole[half..]),
                crc32c(whole),
                "{len}"
            );
        }
        // The check value of CRC-32C (iSCSI).
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }
}
