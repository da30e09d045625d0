//! HyperLogLog on the bytes of a string value, in the exact representation of Redis 7.0, because
//! clients see it (GET, SETRANGE, DUMP) and may hand in anything that looks like it.
//!
//! ```text
//! 0    4          5       8                          16
//! HYLL │ encoding │ 3 × 0 │ cached cardinality, LE   │ registers
//!        0 dense, 1 sparse  top bit set: stale
//! dense:   16384 registers of 6 bits, low bits first
//! sparse:  00llllll             l+1 zero registers
//!          01llllll llllllll    l+1 zero registers
//!          1vvvvvll             l+1 registers of value v+1
//! ```
//!
//! The estimator is Otmar Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches",
//! arXiv:1702.01284); the hash is Austin Appleby's MurmurHash64A. Every function checks what it is
//! given: damaged values yield errors, never panics.

mod self_test;
mod sparse;

use sparse::Run;

pub use self_test::self_test;

/// Number of registers.
pub const HLL_REGISTERS: usize = 1 << INDEX_BITS;

const INDEX_BITS: u32 = 14;
/// Bits of the hash that are not the index; a register counts at most one more.
const PATTERN_BITS: u32 = 64 - INDEX_BITS;
const REGISTER_MAX: u8 = 63;
const MAGIC: &[u8; 4] = b"HYLL";
const HEADER_BYTES: usize = 16;
const ENCODING_AT: usize = 4;
const CARDINALITY_AT: usize = 8;
/// The byte whose top bit says that the cached cardinality is stale.
const STALE_AT: usize = 15;
const STALE_BIT: u8 = 0x80;
const DENSE_BYTES: usize = HEADER_BYTES + HLL_REGISTERS * 6 / 8;
const HASH_SEED: u64 = 0xadc8_3b19;

/// How the registers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HllEncoding {
    Dense,
    Sparse,
}

impl HllEncoding {
    /// As PFDEBUG ENCODING says it.
    pub fn name(self) -> &'static str {
        match self {
            HllEncoding::Dense => "dense",
            HllEncoding::Sparse => "sparse",
        }
    }
}

/// Why a value cannot be used as a HyperLogLog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HllError {
    /// The header or the length is not that of a HyperLogLog.
    NotHyperLogLog,
    /// The sparse registers do not add up.
    Corrupted,
}

impl HllError {
    /// The error as Redis words it, code first.
    pub fn message(self) -> &'static str {
        match self {
            HllError::NotHyperLogLog => "WRONGTYPE Key is not a valid HyperLogLog string value.",
            HllError::Corrupted => "INVALIDOBJ Corrupted HLL object detected",
        }
    }
}

/// The value of an empty HyperLogLog: sparse, with a valid cached cardinality of 0.
pub fn create() -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER_BYTES + 2);
    value.extend_from_slice(MAGIC);
    value.resize(HEADER_BYTES, 0);
    value[ENCODING_AT] = 1;
    sparse::push(&mut value, Run::zeros(HLL_REGISTERS));
    value
}

/// Checks header and length and tells the encoding. Sparse registers are not looked at.
pub fn check(value: &[u8]) -> Result<HllEncoding, HllError> {
    if value.len() < HEADER_BYTES || &value[..4] != MAGIC {
        return Err(HllError::NotHyperLogLog);
    }
    match value[ENCODING_AT] {
        0 if value.len() == DENSE_BYTES => Ok(HllEncoding::Dense),
        1 => Ok(HllEncoding::Sparse),
        _ => Err(HllError::NotHyperLogLog),
    }
}

/// Counts an element in; returns whether a register changed (the cached cardinality is then stale).
/// The value turns dense when a register or its size (`hll-sparse-max-bytes`) asks for it.
pub fn add(value: &mut Vec<u8>, element: &[u8], sparse_bytes_max: usize) -> Result<bool, HllError> {
    let (index, count) = register_of(element);
    raise(value, index, count, sparse_bytes_max)
}

/// The cached cardinality; `None` when it is stale.
pub fn cached_count(value: &[u8]) -> Result<Option<u64>, HllError> {
    check(value)?;
    if value[STALE_AT] & STALE_BIT != 0 {
        return Ok(None);
    }
    let (bytes, _) = value[CARDINALITY_AT..]
        .split_first_chunk::<8>()
        .ok_or(HllError::NotHyperLogLog)?;
    Ok(Some(u64::from_le_bytes(*bytes)))
}

/// Estimates the cardinality from the registers. Cost: all registers.
pub fn count(value: &[u8]) -> Result<u64, HllError> {
    let mut histogram = [0u32; REGISTER_MAX as usize + 1];
    match check(value)? {
        HllEncoding::Dense => dense_registers(value).for_each(|register| histogram[register as usize] += 1),
        HllEncoding::Sparse => {
            for_each_run(value, |_, run| histogram[run.value as usize] += run.len as u32)?;
        }
    }
    Ok(estimate(&histogram))
}

/// Puts a cardinality into the cache.
pub fn store_count(value: &mut [u8], cardinality: u64) -> Result<(), HllError> {
    check(value)?;
    value[CARDINALITY_AT..HEADER_BYTES].copy_from_slice(&cardinality.to_le_bytes());
    Ok(())
}

/// Marks the cached cardinality as stale.
pub fn invalidate_count(value: &mut [u8]) -> Result<(), HllError> {
    check(value)?;
    value[STALE_AT] |= STALE_BIT;
    Ok(())
}

/// Turns a sparse value dense, keeping the cache; returns whether it was sparse.
pub fn to_dense(value: &mut Vec<u8>) -> Result<bool, HllError> {
    if check(value)? == HllEncoding::Dense {
        return Ok(false);
    }
    let mut dense = Vec::with_capacity(DENSE_BYTES);
    dense.extend_from_slice(&value[..HEADER_BYTES]);
    dense[ENCODING_AT] = 0;
    dense.resize(DENSE_BYTES, 0);
    for_each_run(value, |first, run| {
        if run.value > 0 {
            (first..first + run.len).for_each(|index| set_dense(&mut dense, index, run.value));
        }
    })?;
    *value = dense;
    Ok(true)
}

/// The sparse registers as text, as PFDEBUG DECODE shows them; `None` for a dense value.
pub fn decode(value: &[u8]) -> Result<Option<String>, HllError> {
    if check(value)? == HllEncoding::Dense {
        return Ok(None);
    }
    let mut words = Vec::new();
    for_each_run(value, |_, run| {
        words.push(match (run.value, run.encoded_len()) {
            (0, 1) => format!("z:{}", run.len),
            (0, _) => format!("Z:{}", run.len),
            (value, _) => format!("v:{value},{}", run.len),
        });
    })?;
    Ok(Some(words.join(" ")))
}

/// The registers of the union of any number of values.
#[derive(Clone, Debug)]
pub struct HllUnion {
    registers: Box<[u8]>,
    any_dense: bool,
}

impl Default for HllUnion {
    fn default() -> Self {
        HllUnion {
            registers: vec![0; HLL_REGISTERS].into_boxed_slice(),
            any_dense: false,
        }
    }
}

impl HllUnion {
    pub fn new() -> Self {
        Self::default()
    }

    /// Joins a value. After an error the union is of no use.
    pub fn merge(&mut self, value: &[u8]) -> Result<(), HllError> {
        match check(value)? {
            HllEncoding::Dense => {
                self.any_dense = true;
                for (register, other) in self.registers.iter_mut().zip(dense_registers(value)) {
                    *register = (*register).max(other);
                }
                Ok(())
            }
            HllEncoding::Sparse => for_each_run(value, |first, run| {
                if run.value > 0 {
                    let covered = &mut self.registers[first..first + run.len];
                    covered
                        .iter_mut()
                        .for_each(|register| *register = (*register).max(run.value));
                }
            }),
        }
    }

    /// The registers in order.
    pub fn registers(&self) -> &[u8] {
        &self.registers
    }

    /// Estimates the cardinality of the union.
    pub fn count(&self) -> u64 {
        let mut histogram = [0u32; REGISTER_MAX as usize + 1];
        self.registers
            .iter()
            .for_each(|register| histogram[*register as usize] += 1);
        estimate(&histogram)
    }

    /// Raises the registers of `value` to those of the union (PFMERGE) and marks its cache as stale.
    /// It turns dense if any joined value was.
    pub fn store(&self, value: &mut Vec<u8>, sparse_bytes_max: usize) -> Result<(), HllError> {
        check(value)?;
        if self.any_dense {
            to_dense(value)?;
        }
        for (index, &register) in self
            .registers
            .iter()
            .enumerate()
            .filter(|(_, register)| **register > 0)
        {
            raise(value, index, register, sparse_bytes_max)?;
        }
        invalidate_count(value)
    }
}

/// Raises a register to `count` unless it is there already; returns whether it changed.
fn raise(value: &mut Vec<u8>, index: usize, count: u8, sparse_bytes_max: usize) -> Result<bool, HllError> {
    let changed = match check(value)? {
        HllEncoding::Dense => raise_dense(value, index, count),
        HllEncoding::Sparse => match sparse::raise(value, HEADER_BYTES, index, count, sparse_bytes_max)? {
            sparse::Raised::Unchanged => false,
            sparse::Raised::Changed => true,
            sparse::Raised::NeedsDense => {
                to_dense(value)?;
                raise_dense(value, index, count)
            }
        },
    };
    if changed {
        value[STALE_AT] |= STALE_BIT;
    }
    Ok(changed)
}

fn raise_dense(value: &mut [u8], index: usize, count: u8) -> bool {
    let higher = count > get_dense(value, index);
    if higher {
        set_dense(value, index, count);
    }
    higher
}

/// Byte and bit where a dense register begins.
fn dense_place(index: usize) -> (usize, usize) {
    let bit = index * 6;
    (HEADER_BYTES + bit / 8, bit % 8)
}

fn get_dense(value: &[u8], index: usize) -> u8 {
    let (at, bit) = dense_place(index);
    let high = value.get(at + 1).copied().unwrap_or(0);
    (u16::from_le_bytes([value[at], high]) >> bit) as u8 & REGISTER_MAX
}

fn set_dense(value: &mut [u8], index: usize, register: u8) {
    let (at, bit) = dense_place(index);
    let high = value.get(at + 1).copied().unwrap_or(0);
    let cleared = u16::from_le_bytes([value[at], high]) & !(u16::from(REGISTER_MAX) << bit);
    let [low, high] = (cleared | u16::from(register & REGISTER_MAX) << bit).to_le_bytes();
    value[at] = low;
    if let Some(byte) = value.get_mut(at + 1) {
        *byte = high;
    }
}

/// All registers of a dense value; three bytes hold four.
fn dense_registers(value: &[u8]) -> impl Iterator<Item = u8> {
    value[HEADER_BYTES..]
        .as_chunks::<3>()
        .0
        .iter()
        .flat_map(|&[a, b, c]| {
            let four = u32::from_le_bytes([a, b, c, 0]);
            [0, 6, 12, 18].map(|shift| (four >> shift) as u8 & REGISTER_MAX)
        })
}

/// Visits the runs of a sparse value with the index of their first register; fails unless they cover
/// the registers exactly.
fn for_each_run(value: &[u8], mut visit: impl FnMut(usize, Run)) -> Result<(), HllError> {
    let mut first = 0;
    let mut at = HEADER_BYTES;
    while at < value.len() {
        let run = sparse::read(value, at).ok_or(HllError::Corrupted)?;
        if first + run.len > HLL_REGISTERS {
            return Err(HllError::Corrupted);
        }
        visit(first, run);
        first += run.len;
        at += run.encoded_len();
    }
    if first == HLL_REGISTERS {
        Ok(())
    } else {
        Err(HllError::Corrupted)
    }
}

/// The register that an element falls into and its count: one more than the zeros before the first
/// set bit of the rest of its hash.
fn register_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur_hash_64a(element, HASH_SEED);
    let index = hash as usize & (HLL_REGISTERS - 1);
    // The bit above the pattern bounds the count.
    let pattern = hash >> INDEX_BITS | 1 << PATTERN_BITS;
    (index, pattern.trailing_zeros() as u8 + 1)
}

fn murmur_hash_64a(bytes: &[u8], seed: u64) -> u64 {
    const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;
    const SHIFT: u32 = 47;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let mut mixed = u64::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> SHIFT;
        hash = (hash ^ mixed.wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
    }
    if !tail.is_empty() {
        let rest = tail
            .iter()
            .rev()
            .fold(0, |rest, byte| rest << 8 | u64::from(*byte));
        hash = (hash ^ rest).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(MULTIPLIER);
    hash ^ hash >> SHIFT
}

/// Ertl's improved raw estimator over how often each register value occurs. Values above the
/// possible ones (only in damaged values) are left out.
fn estimate(histogram: &[u32; REGISTER_MAX as usize + 1]) -> u64 {
    const ALPHA_INFINITE: f64 = 0.5 / std::f64::consts::LN_2;
    let registers = HLL_REGISTERS as f64;
    let highest = PATTERN_BITS as usize + 1;
    let mut sum = registers * tau((registers - f64::from(histogram[highest])) / registers);
    for &occurs in histogram[1..highest].iter().rev() {
        sum = (sum + f64::from(occurs)) * 0.5;
    }
    sum += registers * sigma(f64::from(histogram[0]) / registers);
    // Through i64, so that an endless estimate of a damaged value stays a positive reply.
    (ALPHA_INFINITE * registers * registers / sum).round() as i64 as u64
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests;
