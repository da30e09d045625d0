//! When and how often a key is used, in the entry's 24 bits: seconds of last use for LRU, or
//! minutes of last decrement and a logarithmic counter for LFU, laid out as in Redis so that
//! OBJECT IDLETIME / FREQ and RESTORE IDLETIME / FREQ mean the same.

/// How uses are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Time of the last use.
    Lru,
    /// Logarithmic frequency (policies `*-lfu`).
    Lfu {
        /// `lfu-log-factor`.
        log_factor: u32,
        /// `lfu-decay-time` in minutes.
        decay_minutes: u32,
    },
}

const CLOCK_MASK: u32 = (1 << 24) - 1;

/// The LRU clock at a Unix time: seconds, 24 bits, wrapping after 194 days.
pub fn lru_seconds(now_ms: i64) -> u32 {
    (now_ms / 1000) as u32 & CLOCK_MASK
}

impl Usage {
    /// Access bits of a key just made.
    pub fn fresh(self, now_ms: i64) -> u32 {
        match self {
            Usage::Lru => lru_seconds(now_ms),
            Usage::Lfu { .. } => lfu::pack(now_ms, lfu::INITIAL),
        }
    }

    /// Access bits after one more use.
    #[inline]
    pub fn used(self, access: u32, now_ms: i64, random: impl FnOnce() -> u64) -> u32 {
        match self {
            Usage::Lru => lru_seconds(now_ms),
            Usage::Lfu {
                log_factor,
                decay_minutes,
            } => {
                let counter = lfu::decayed(access, now_ms, decay_minutes);
                lfu::pack(now_ms, lfu::incremented(counter, log_factor, random()))
            }
        }
    }
}

/// Seconds since the last use, from LRU access bits.
pub fn idle_seconds(access: u32, now_ms: i64) -> u32 {
    lru_seconds(now_ms).wrapping_sub(access) & CLOCK_MASK
}

/// The frequency counter: 16 bits of minutes, 8 bits of logarithmic count.
pub mod lfu {
    /// Counter of a new key, so that it is not evicted at once.
    pub const INITIAL: u8 = 5;

    /// Puts minutes and counter together.
    pub fn pack(now_ms: i64, counter: u8) -> u32 {
        (minutes(now_ms) << 8) | u32::from(counter)
    }

    fn minutes(now_ms: i64) -> u32 {
        (now_ms / 60_000) as u32 & 0xffff
    }

    /// The counter after the decay since its last decrement.
    pub fn decayed(access: u32, now_ms: i64, decay_minutes: u32) -> u8 {
        let counter = access as u8;
        let elapsed = minutes(now_ms).wrapping_sub(access >> 8) & 0xffff;
        match elapsed.checked_div(decay_minutes) {
            Some(periods) => counter.saturating_sub(periods.min(255) as u8),
            None => counter,
        }
    }

    /// One more use: the higher the counter, the less likely it grows.
    pub fn incremented(counter: u8, log_factor: u32, random: u64) -> u8 {
        if counter == u8::MAX {
            return counter;
        }
        let base = f64::from(counter.saturating_sub(INITIAL));
        let chance = 1.0 / (base * f64::from(log_factor) + 1.0);
        let drawn = (random >> 11) as f64 / (1u64 << 53) as f64;
        if drawn < chance { counter + 1 } else { counter }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_survives_the_wrap() {
        let just_before = i64::from(CLOCK_MASK) * 1000;
        assert_eq!(idle_seconds(lru_seconds(just_before), just_before + 5000), 5);
    }

    #[test]
    fn lfu_grows_slowly_and_decays() {
        let mut counter = lfu::INITIAL;
        let mut random = 1u64;
        for _ in 0..100_000 {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            counter = lfu::incremented(counter, 10, random);
        }
        assert!((100..=160).contains(&counter), "{counter}");
        let access = lfu::pack(0, counter);
        assert_eq!(lfu::decayed(access, 60_000 * 10, 1), counter - 10);
        assert_eq!(lfu::decayed(access, 60_000 * 10, 0), counter);
    }
}
