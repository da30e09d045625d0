//! HyperLogLog as the model sees it: the registers that differ from zero.
//!
//! A count would hide lost elements behind its error, so that the model computes registers itself and compares them with
//! those in the stored string. The hash (MurmurHash64A with Redis's seed) and the two layouts of the string, dense and
//! sparse, are part of what clients can see: GET returns them, SET and PFMERGE take them.

use std::collections::BTreeMap;

/// Registers by number.
pub type Registers = BTreeMap<u16, u8>;

const INDEX_BITS: u32 = 14;
const RANK_BITS: u32 = 64 - INDEX_BITS;
const SEED: u64 = 0xadc8_3b19;
const HEADER_BYTES: usize = 16;

/// Adds an element; true when a register changed.
pub fn add(registers: &mut Registers, element: &[u8]) -> bool {
    let hash = murmur(element);
    let index = (hash & ((1 << INDEX_BITS) - 1)) as u16;
    let rank = ((hash >> INDEX_BITS) | (1 << RANK_BITS)).trailing_zeros() as u8 + 1;
    raise(registers, index, rank)
}

/// Raises a register; true when it was lower.
pub fn raise(registers: &mut Registers, index: u16, rank: u8) -> bool {
    let register = registers.entry(index).or_insert(0);
    let is_higher = rank > *register;
    *register = rank.max(*register);
    is_higher
}

/// The registers in a stored string; `None` when it is not a HyperLogLog.
pub fn parse(bytes: &[u8]) -> Option<Registers> {
    let body = bytes.strip_prefix(b"HYLL")?;
    let is_sparse = *body.first()? == 1;
    let body = bytes.get(HEADER_BYTES..)?;
    if is_sparse {
        parse_sparse(body)
    } else {
        parse_dense(body)
    }
}

/// Registers of 6 bits, the first in the lowest bits.
fn parse_dense(body: &[u8]) -> Option<Registers> {
    let mut registers = Registers::new();
    for index in 0..1_usize << INDEX_BITS {
        let bit = index * 6;
        let low = u16::from(*body.get(bit / 8)?);
        let high = u16::from(body.get(bit / 8 + 1).copied().unwrap_or(0));
        let rank = (((high << 8 | low) >> (bit % 8)) & 63) as u8;
        if rank > 0 {
            registers.insert(index as u16, rank);
        }
    }
    Some(registers)
}

/// Runs: 00nnnnnn zeros, 01nnnnnn nnnnnnnn many zeros, 1vvvvvnn equal values.
fn parse_sparse(body: &[u8]) -> Option<Registers> {
    let mut registers = Registers::new();
    let (mut at, mut index) = (0, 0_usize);
    while let Some(&code) = body.get(at) {
        let (bytes, length, rank) = match code >> 6 {
            0 => (1, usize::from(code & 63) + 1, 0),
            1 => (
                2,
                (usize::from(code & 63) << 8 | usize::from(*body.get(at + 1)?)) + 1,
                0,
            ),
            _ => (1, usize::from(code & 3) + 1, (code >> 2 & 31) + 1),
        };
        if rank > 0 {
            registers.extend((index..index + length).map(|index| (index as u16, rank)));
        }
        (at, index) = (at + bytes, index + length);
    }
    (index == 1 << INDEX_BITS).then_some(registers)
}

fn murmur(bytes: &[u8]) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(M);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
        let mut mixed = word.wrapping_mul(M);
        mixed = (mixed ^ (mixed >> 47)).wrapping_mul(M);
        hash = (hash ^ mixed).wrapping_mul(M);
    }
    let tail = chunks.remainder();
    if !tail.is_empty() {
        let word = tail
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ word).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 47)).wrapping_mul(M);
    hash ^ (hash >> 47)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_and_dense_hold_the_same() {
        let header = |encoding: u8| [&b"HYLL"[..], &[encoding], &[0; 11]].concat();
        // 2 zeros, registers 2 and 3 of rank 5, zeros up to the end.
        let rest = (1_u16 << INDEX_BITS) - 4 - 1;
        let runs = [0x01, 0x80 | 4 << 2 | 1, 0x40 | (rest >> 8) as u8, rest as u8];
        let sparse = parse(&[header(1), runs.to_vec()].concat()).expect("valid");
        let mut dense = header(0);
        dense.extend([0x00, 0x50, 0x14]);
        dense.resize(HEADER_BYTES + (6 << INDEX_BITS) / 8, 0);
        assert_eq!(sparse, Registers::from([(2, 5), (3, 5)]));
        assert_eq!(parse(&dense).expect("valid"), sparse);
        assert!(parse(b"HYLL").is_none());
        assert!(parse(&header(1)).is_none());
    }

    #[test]
    fn a_register_only_rises() {
        let mut registers = Registers::new();
        assert!(add(&mut registers, b"element"));
        assert!(!add(&mut registers, b"element"));
        let (&index, &rank) = registers.iter().next().expect("one register");
        assert!(!raise(&mut registers, index, rank));
        assert!(raise(&mut registers, index, rank + 1));
    }
}
