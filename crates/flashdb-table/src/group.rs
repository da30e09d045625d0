//! Compares the 16 bytes at the head of a bucket with one byte, all at once.
//!
//! SSE2 where it is part of the target's baseline, otherwise eight bytes at a time in an ordinary register. Both are
//! exact: a lane is reported if and only if it is equal, because a falsely reported free slot would be read.

/// Bit i of the result is set when byte i of the 16 bytes at `head` equals `byte`.
///
/// # Safety
/// `head` must be aligned to 16 and point to 16 initialised, readable bytes.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline(always)]
pub(crate) unsafe fn matches(head: *const u8, byte: u8) -> u32 {
    use core::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_load_si128, _mm_movemask_epi8, _mm_set1_epi8};
    // SAFETY: SSE2 is a baseline feature of this target; the caller vouches for 16 aligned readable bytes.
    unsafe {
        let lanes = _mm_load_si128(head.cast::<__m128i>());
        _mm_movemask_epi8(_mm_cmpeq_epi8(lanes, _mm_set1_epi8(byte as i8))) as u32
    }
}

/// Bit i of the result is set when byte i of the 16 bytes at `head` equals `byte`.
///
/// # Safety
/// `head` must be aligned to 16 and point to 16 initialised, readable bytes.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline(always)]
pub(crate) unsafe fn matches(head: *const u8, byte: u8) -> u32 {
    // SAFETY: the caller vouches for 16 readable bytes.
    let bytes = unsafe { head.cast::<[u8; 16]>().read() };
    matches_portable(bytes, byte)
}

#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
fn matches_portable(bytes: [u8; 16], byte: u8) -> u32 {
    let both = u128::from_le_bytes(bytes);
    equal_lanes(both as u64, byte) | equal_lanes((both >> 64) as u64, byte) << 8
}

#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
fn equal_lanes(word: u64, byte: u8) -> u32 {
    const LOW_SEVEN: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    let difference = word ^ (u64::from(byte) * 0x0101_0101_0101_0101);
    // The high bit of a lane ends up set exactly when the lane is zero; no carry crosses a lane.
    let zero = !(((difference & LOW_SEVEN) + LOW_SEVEN) | difference | LOW_SEVEN);
    // Gathers the eight high bits into the top byte, lane 0 lowest.
    ((zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(align(16))]
    struct Aligned([u8; 16]);

    #[test]
    fn both_ways_agree_with_a_plain_loop() {
        let mut state = 7;
        for _ in 0..2000 {
            let mut bytes = Aligned([0; 16]);
            for lane in &mut bytes.0 {
                // Few distinct values, so that equal and neighbouring ones are common.
                *lane = [0, 1, 2, 0x7F, 0x80, 0x81, 0xFE, 0xFF]
                    [(crate::hash::next_random(&mut state) % 8) as usize];
            }
            for byte in [0, 1, 2, 0x7F, 0x80, 0x81, 0xFE, 0xFF] {
                let expected = (0..16)
                    .filter(|&i| bytes.0[i] == byte)
                    .fold(0, |mask, i| mask | 1 << i);
                // SAFETY: `Aligned` is 16 initialised bytes at a multiple of 16.
                assert_eq!(unsafe { matches(bytes.0.as_ptr(), byte) }, expected);
                assert_eq!(matches_portable(bytes.0, byte), expected);
            }
        }
    }
}
