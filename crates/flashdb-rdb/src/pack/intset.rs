//! Intset: the members of a set of integers as a sorted array.
//!
//! ```text
//! width u32 (2, 4 or 8) | count u32 | count integers of that width, ascending        little endian
//! ```

use super::split_integer;
use crate::error::{RdbError, Result};

/// The integers of an intset, strictly ascending.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<i64>> {
    let members = match split_u32(bytes) {
        Some((2, rest)) => read_members::<2>(rest),
        Some((4, rest)) => read_members::<4>(rest),
        Some((8, rest)) => read_members::<8>(rest),
        _ => None,
    };
    members.ok_or(RdbError::Corrupt("intset"))
}

fn read_members<const WIDTH: usize>(bytes: &[u8]) -> Option<Vec<i64>> {
    let (count, mut rest) = split_u32(bytes)?;
    if rest.len() as u64 != u64::from(count) * WIDTH as u64 {
        return None;
    }
    let mut members = Vec::with_capacity(count as usize);
    while let Some((member, after)) = split_integer::<WIDTH>(rest) {
        if members.last().is_some_and(|&last| last >= member) {
            return None;
        }
        members.push(member);
        rest = after;
    }
    Some(members)
}

fn split_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*head), rest))
}

/// The intset of these integers, which must be strictly ascending and fewer than 2^32.
pub(crate) fn write(members: &[i64]) -> Vec<u8> {
    let fits = |width_bits: u32| {
        let limit = 1i64 << (width_bits - 1);
        members.first().is_none_or(|&low| low >= -limit) && members.last().is_none_or(|&high| high < limit)
    };
    let width = if fits(16) {
        2
    } else if fits(32) {
        4
    } else {
        8
    };
    let mut out = Vec::with_capacity(8 + members.len() * width);
    out.extend_from_slice(&(width as u32).to_le_bytes());
    out.extend_from_slice(&(members.len() as u32).to_le_bytes());
    for member in members {
        out.extend_from_slice(&member.to_le_bytes()[..width]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_each_width() {
        for (members, width) in [
            (&[-5, 0, 3][..], 2),
            (&[-32_768, 32_767], 2),
            (&[-32_769], 4),
            (&[32_768], 4),
            (&[1, i64::from(i32::MAX)], 4),
            (&[1, i64::from(i32::MAX) + 1], 8),
            (&[i64::MIN, 0, i64::MAX], 8),
        ] {
            let bytes = write(members);
            assert_eq!(bytes.len(), 8 + members.len() * width);
            assert_eq!(read(&bytes).unwrap(), members);
        }
    }

    #[test]
    fn damage_is_noticed() {
        let good = write(&[1, 2, 3]);
        assert!(read(&write(&[2, 1])).is_err());
        assert!(read(&write(&[1, 1])).is_err());
        for end in 0..good.len() {
            assert!(read(&good[..end]).is_err());
        }
        for at in [0, 1, 4, 7] {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            assert!(read(&bytes).is_err(), "byte {at}");
        }
    }
}
