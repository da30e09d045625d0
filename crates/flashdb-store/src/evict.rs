//! Eviction: when the data has outgrown `maxmemory`, the worst of a few sampled keys of a shard is
//! removed, by the operator's policy. Sampling as in Redis: exact order would need a list through
//! all keys, and a handful of samples comes close to it.

use crate::access::Access;
use crate::database::Database;
use crate::entry::Entry;
use crate::usage::{idle_seconds, lfu};

/// Which key of the sampled ones goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The one not used for longest.
    LeastRecent,
    /// The one used least often; the decay time in minutes.
    LeastFrequent(u32),
    /// Any.
    Random,
    /// The one that expires soonest.
    SoonestExpiry,
}

/// How keys are evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eviction {
    /// Which of the sampled keys goes.
    pub victim: Victim,
    /// Only keys that carry an expiry.
    pub volatile_only: bool,
    /// Keys sampled (`maxmemory-samples`).
    pub samples: usize,
}

impl Access<'_> {
    /// Evicts one key of the locked shard `shard`; the bytes it took, or `None` when no key of it
    /// may go. O(samples).
    pub fn evict_one(&mut self, shard: u16, eviction: &Eviction) -> Option<usize> {
        let databases = self.held().shard_mut(shard).databases_len() as u64;
        let first = self.prng.below(databases);
        let selected = self.db;
        let mut freed = None;
        for step in 0..databases {
            let db = ((first + step) % databases) as u16;
            let (now_ms, seed) = (self.now_ms, self.prng.next_u64());
            let database = self.held().shard_mut(shard).database(db);
            let Some(worst) = worst_of(database, eviction, now_ms, seed) else {
                continue;
            };
            let (key, bytes) = (Box::<[u8]>::from(worst.key()), worst.memory_bytes());
            self.db = db;
            self.remove_evicted(&key);
            freed = Some(bytes);
            break;
        }
        self.db = selected;
        freed
    }
}

fn worst_of<'d>(database: &'d Database, eviction: &Eviction, now_ms: i64, seed: u64) -> Option<&'d Entry> {
    let mut random = flashdb_base::prng::Prng::from_seed(seed);
    let samples = if eviction.victim == Victim::Random {
        1
    } else {
        eviction.samples.max(1)
    };
    let draw = |random: u64| {
        if eviction.volatile_only {
            database.sample_volatile(random)
        } else {
            database.sample(random)
        }
    };
    (0..samples)
        .filter_map(|_| draw(random.next_u64()))
        .max_by_key(|entry| badness(entry, eviction.victim, now_ms))
}

/// The higher, the sooner the key goes.
fn badness(entry: &Entry, victim: Victim, now_ms: i64) -> i64 {
    match victim {
        Victim::LeastRecent => i64::from(idle_seconds(entry.access(), now_ms)),
        Victim::LeastFrequent(decay_minutes) => {
            255 - i64::from(lfu::decayed(entry.access(), now_ms, decay_minutes))
        }
        Victim::Random => 0,
        Victim::SoonestExpiry => -entry.expire_at_ms().unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expiry, Keyspace, Policy, Usage};
    use flashdb_base::notify_flags::NotifyFlags;
    use flashdb_base::prng::Prng;

    fn filled(space: &Keyspace) -> Access<'_> {
        let policy = Policy {
            touch: true,
            usage: Usage::Lru,
            expire: true,
        };
        let mut data = Access::new(space, policy, Prng::from_seed(1));
        data.hold(|space| space.lock_one(0));
        for n in 0..100i64 {
            data.now_ms = n * 1000;
            let key = format!("k{n}");
            let expiry = if n % 2 == 0 {
                Expiry::At(1_000_000 + n)
            } else {
                Expiry::Clear
            };
            data.set_string(key.as_bytes(), b"value", expiry);
            data.changed(key.as_bytes(), NotifyFlags::STRING, "set");
        }
        data.now_ms = 100_000;
        data
    }

    #[test]
    fn the_worst_of_all_keys_goes_first() {
        let (space, _collector) = Keyspace::new(1, 2, 1);
        let mut data = filled(&space);
        let lru = Eviction {
            victim: Victim::LeastRecent,
            volatile_only: false,
            samples: 2000,
        };
        assert!(data.evict_one(0, &lru).is_some_and(|bytes| bytes > 0));
        assert!(!data.exists(b"k0") && data.exists(b"k1"));
        let ttl = Eviction {
            victim: Victim::SoonestExpiry,
            volatile_only: true,
            samples: 2000,
        };
        data.evict_one(0, &ttl);
        assert!(!data.exists(b"k2") && data.exists(b"k3"));
        assert_eq!(data.effects.evicted, 2);
    }

    #[test]
    fn keys_without_expiry_stay_under_volatile_policies() {
        let (space, _collector) = Keyspace::new(1, 2, 1);
        let mut data = filled(&space);
        let any = Eviction {
            victim: Victim::Random,
            volatile_only: true,
            samples: 5,
        };
        let evicted = std::iter::from_fn(|| data.evict_one(0, &any)).count();
        assert_eq!(evicted, 50);
        assert!((0..100).all(|n| data.exists(format!("k{n}").as_bytes()) == (n % 2 == 1)));
    }
}
