//! The hash of keys and members inside tables: fast, seeded once per process, well mixed in its low and high bits alike.
//!
//! The seed is random, so that nobody outside can construct collisions, unless a simulation fixes it. Hashes must never
//! leave the process: not into files, not onto the wire.

use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;

static STATE: OnceLock<SeedableRandomState> = OnceLock::new();

/// The hash of these bytes in this process.
#[inline]
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hasher = STATE.get_or_init(random_state).build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

/// Fixes the seed, to replay a run. Must come before the first [`hash_bytes`]; false, and no effect, when it came too
/// late or was called before.
pub fn fix_seed(seed: u64) -> bool {
    STATE
        .set(SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()))
        .is_ok()
}

#[cold]
fn random_state() -> SeedableRandomState {
    SeedableRandomState::with_seed(crate::prng::entropy_u64(), SharedSeed::global_random())
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
