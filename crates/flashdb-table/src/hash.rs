//! Which bits of a hash decide what: disjoint parts, so that entries that share a segment and a bucket still differ
//! in their fingerprints.

/// Bits of the hash that the directory may look at. Caps the directory at 2^24 segments of a few hundred entries.
pub(crate) const PREFIX_BITS: u32 = 24;

/// Number of bucket positions; a segment with n buckets gives each of them an equal range of positions.
pub(crate) const POSITIONS: u32 = 1 << 16;

/// One byte to tell entries of a bucket apart without touching them; never 0, which marks a free slot.
#[inline(always)]
pub(crate) fn fingerprint(hash: u64) -> u8 {
    ((hash >> 32) as u8).max(1)
}

/// Where in a segment the entry lives, independent of how many buckets the segment has at the moment.
#[inline(always)]
pub(crate) fn position(hash: u64) -> u32 {
    (hash as u32) >> 16
}

/// The longest prefix that a directory can use, as a number.
#[inline(always)]
pub(crate) fn prefix(hash: u64) -> u32 {
    (hash >> (64 - PREFIX_BITS)) as u32
}

/// The bucket, of `buckets` in the segment, that covers `position`.
#[inline(always)]
pub(crate) fn bucket_of_position(position: u32, buckets: usize) -> usize {
    (position as usize * buckets) >> 16
}

/// The first position that belongs to bucket `index` or a later one.
pub(crate) fn first_position(index: usize, buckets: usize) -> u32 {
    (index * POSITIONS as usize).div_ceil(buckets) as u32
}

/// One step of SplitMix64: turns a caller's random number into as many as needed.
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_boundaries_agree_with_bucket_of_position() {
        for buckets in 1..=64 {
            for index in 0..buckets {
                let first = first_position(index, buckets);
                assert_eq!(bucket_of_position(first, buckets), index);
                if first > 0 {
                    assert_eq!(bucket_of_position(first - 1, buckets), index - 1);
                }
            }
            assert_eq!(first_position(buckets, buckets), POSITIONS);
        }
    }
}
