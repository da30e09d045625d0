//! The hash of keys and members inside tables: fast, seeded once per process, well mixed in its low and high bits alike.
//!
//! The seed is random, so that nobody outside can construct collisions, unless a simulation fixes it. Hashes are told to
//! nobody: not on the wire, nor in a file that others may read. Only incremental snapshots, files of mode 0600, speak of
//! ranges of hashes, and carry the seed with them ([`seed`], [`SeededHash`]). Each process draws a new one, so who gets
//! hold of an old file learns nothing about the hashes of the process that runs now.

use std::hash::Hasher;
use std::sync::OnceLock;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

use crate::prng::{Prng, entropy_u64};

static HASH: OnceLock<SeededHash> = OnceLock::new();

/// What the hashes of one process depend on: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    start: u64,
    shared: u64,
}

impl Seed {
    /// For a file.
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.start) << 64) | u128::from(self.shared)).to_le_bytes()
    }

    /// What [`Seed::to_bytes`] gave.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_le_bytes(bytes);
        Seed {
            start: (both >> 64) as u64,
            shared: both as u64,
        }
    }
}

/// The hash function of a process whose seed is known: gives what [`hash_bytes`] gave there.
pub struct SeededHash {
    seed: Seed,
    shared: SharedSeed,
}

impl SeededHash {
    /// The function of this seed.
    pub fn new(seed: Seed) -> Self {
        SeededHash {
            seed,
            shared: SharedSeed::from_u64(seed.shared),
        }
    }

    /// The hash of these bytes in that process.
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed.start, &self.shared);
        hasher.write(bytes);
        hasher.finish()
    }
}

/// The hash of these bytes in this process.
#[inline]
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    HASH.get_or_init(draw).hash(bytes)
}

/// The seed of this process. For files that only this user can read.
pub fn seed() -> Seed {
    HASH.get_or_init(draw).seed
}

/// Fixes the seed, to replay a run. Must come before the first [`hash_bytes`]; false, and no effect, when it came too
/// late or was called before.
pub fn fix_seed(seed: u64) -> bool {
    let mut random = Prng::from_seed(seed);
    let (start, shared) = (random.next_u64(), random.next_u64());
    HASH.set(SeededHash::new(Seed { start, shared })).is_ok()
}

#[cold]
fn draw() -> SeededHash {
    SeededHash::new(Seed {
        start: entropy_u64(),
        shared: entropy_u64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_within_the_process_and_seeded_once() {
        let first = hash_bytes(b"key");
        assert!(!fix_seed(1));
        assert_eq!(hash_bytes(b"key"), first);
        assert_ne!(hash_bytes(b"kez"), first);
        assert_ne!(hash_bytes(b""), hash_bytes(b"\0"));
    }

    #[test]
    fn the_seed_gives_the_same_hashes_elsewhere() {
        let elsewhere = SeededHash::new(Seed::from_bytes(seed().to_bytes()));
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..bytes.len() {
            assert_eq!(elsewhere.hash(&bytes[..len]), hash_bytes(&bytes[..len]));
        }
        assert_ne!(Seed::from_bytes([7; 16]).to_bytes(), seed().to_bytes());
    }

    /// Snapshot files of earlier versions rely on these.
    #[test]
    fn hashes_of_a_seed_are_the_same_for_ever() {
        let hash = SeededHash::new(Seed::from_bytes(*b"0123456789abcdef"));
        let values = [b"".as_slice(), b"key", b"a key of twenty-two by", &[7; 300]].map(|key| hash.hash(key));
        assert_eq!(
            values,
            [
                453387852793070729,
                18209721241851832372,
                12750961839758315116,
                2981839501919003395
            ]
        );
    }

    /// Sequential keys must spread over buckets chosen by the lowest or by the highest bits.
    #[test]
    fn spreads_in_both_halves() {
        const KEYS: usize = 64 * 1024;
        const BUCKETS: usize = 256;
        let (mut low, mut high) = ([0u32; BUCKETS], [0u32; BUCKETS]);
        for i in 0..KEYS {
            let hash = hash_bytes(format!("key:{i:012}").as_bytes());
            low[(hash as usize) % BUCKETS] += 1;
            high[(hash >> 56) as usize] += 1;
        }
        // Expected 256 a bucket, standard deviation 16: seven of them leave room for no false alarm.
        for count in low.iter().chain(&high) {
            assert!((144..368).contains(count), "{count}");
        }
    }
}
