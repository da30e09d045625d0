//! A small, fast, seeded pseudo random generator: xoshiro256** by Blackman and Vigna, seeded through splitmix64.
//!
//! For sampling, shuffling and random replies. A seed replays the same sequence on every machine. Not for secrets.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// The generator's state: 32 bytes, never all zero.
#[derive(Clone, Debug)]
pub struct Prng {
    state: [u64; 4],
}

/// One step of splitmix64: advances `state` and gives a well mixed number.
#[inline]
pub fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

thread_local! {
    static FIXED_ENTROPY: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Makes what [`entropy_u64`] gives on this thread follow from a seed, as a simulation needs it that is to be replayed.
pub fn fix_entropy(seed: u64) {
    FIXED_ENTROPY.set(Some(seed));
}

/// 64 bits that differ between processes and calls, from the operating system's randomness.
pub fn entropy_u64() -> u64 {
    if let Some(mut state) = FIXED_ENTROPY.get() {
        let drawn = splitmix64(&mut state);
        FIXED_ENTROPY.set(Some(state));
        return drawn;
    }
    // A fresh `RandomState` is keyed by the system's generator (SipHash, own key per instance).
    RandomState::new().hash_one(crate::clock::monotonic_ns())
}

impl Prng {
    /// The generator of this seed; equal seeds give equal sequences.
    pub fn from_seed(seed: u64) -> Self {
        let mut mix = seed;
        // splitmix64 is a bijection of a counter: four steps cannot all be zero.
        Self {
            state: std::array::from_fn(|_| splitmix64(&mut mix)),
        }
    }

    /// A generator seeded from the operating system.
    pub fn from_entropy() -> Self {
        Self {
            state: std::array::from_fn(|i| entropy_u64() | (i == 0) as u64),
        }
    }

    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in `0..bound`, each equally likely (Lemire's multiplication with rejection); 0 when `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        if (product as u64) < bound {
            let reject_below = bound.wrapping_neg() % bound;
            while (product as u64) < reject_below {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// A number in `0.0..1.0` with 53 random bits.
    #[inline]
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Fills `target` with random bytes.
    pub fn fill(&mut self, target: &mut [u8]) {
        for chunk in target.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First outputs of the reference splitmix64 for seed 1234567.
    #[test]
    fn splitmix_matches_reference() {
        let mut state = 1_234_567;
        assert_eq!(splitmix64(&mut state), 6_457_827_717_110_365_317);
        assert_eq!(splitmix64(&mut state), 3_203_168_211_198_807_973);
    }

    /// First outputs of the reference xoshiro256** for the state 1, 2, 3, 4.
    #[test]
    fn xoshiro_matches_reference() {
        let mut prng = Prng { state: [1, 2, 3, 4] };
        let expected = [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240];
        assert_eq!(expected, std::array::from_fn(|_| prng.next_u64()));
    }

    #[test]
    fn seeds_replay_and_differ() {
        let take = |mut prng: Prng| -> [u64; 8] { std::array::from_fn(|_| prng.next_u64()) };
        assert_eq!(take(Prng::from_seed(7)), take(Prng::from_seed(7)));
        assert_ne!(take(Prng::from_seed(7)), take(Prng::from_seed(8)));
        assert_ne!(take(Prng::from_entropy()), take(Prng::from_entropy()));
    }

    #[test]
    fn fixed_entropy_replays() {
        let take = || {
            fix_entropy(3);
            [entropy_u64(), entropy_u64()]
        };
        let drawn = std::thread::spawn(move || [take(), take()]).join();
        let [first, again] = drawn.expect("nothing panics in it");
        assert_eq!(first, again);
        assert_ne!(first[0], first[1]);
    }

    #[test]
    fn below_is_even_and_bounded() {
        let mut prng = Prng::from_seed(1);
        let mut counts = [0u32; 10];
        for _ in 0..100_000 {
            counts[prng.below(10) as usize] += 1;
        }
        assert!(
            counts.iter().all(|&count| (9_500..10_500).contains(&count)),
            "{counts:?}"
        );
        assert_eq!(prng.below(1), 0);
        assert_eq!(prng.below(0), 0);
        // A bound just over half of the range rejects almost every second draw.
        let bound = (1 << 63) + 1;
        assert!((0..1000).all(|_| prng.below(bound) < bound));
    }

    #[test]
    fn floats_and_bytes() {
        let mut prng = Prng::from_seed(2);
        assert!(
            (0..1000)
                .map(|_| prng.next_f64())
                .all(|x| (0.0..1.0).contains(&x))
        );
        let mut bytes = [0u8; 4099];
        prng.fill(&mut bytes);
        let distinct = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
        assert_eq!(distinct, 256);
    }
}
