//! Active expiry by sampling (Redis's rule): 20 keys that carry an expiry are drawn, the due ones
//! removed, and the same shard is tried again while more than a quarter of them had been due. A pass is
//! cut short by its time budget, so that a million keys expiring together do not hold up a loop.

use crate::access::Access;
use flashdb_base::clock;

/// Keys drawn at a time.
const SAMPLE: usize = 20;
/// Fields of one hash removed at a time.
const FIELDS_MAX: usize = 64;

/// What one pass found, to adapt the next.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryPass {
    /// Keys and fields removed.
    pub removed: usize,
    /// Whether the time ran out before the shard was clean enough.
    pub unfinished: bool,
}

impl Access<'_> {
    /// One pass over the locked shard `shard`, database by database, until `deadline_us`
    /// (monotonic). Effects are noted as for any removal.
    pub fn expire_due(&mut self, shard: u16, deadline_us: u64) -> ExpiryPass {
        let mut pass = ExpiryPass::default();
        for db in 0..self.space().databases_count() as u16 {
            self.db = db;
            loop {
                let due = self.expire_sample(shard) + self.expire_field_sample(shard);
                pass.removed += due;
                if due * 4 <= SAMPLE {
                    break;
                }
                if clock::monotonic_us() >= deadline_us {
                    pass.unfinished = true;
                    return pass;
                }
            }
        }
        pass
    }

    fn expire_sample(&mut self, shard: u16) -> usize {
        let mut due = 0;
        let db = self.db;
        let draws = SAMPLE.min(self.held().shard_mut(shard).database(db).volatile_len());
        for _ in 0..draws {
            let random = self.prng.next_u64();
            let now_ms = self.now_ms;
            let drawn = self.held().shard_mut(shard).database(db).sample_volatile(random);
            let Some(key) = drawn
                .filter(|entry| entry.expire_at_ms().is_some_and(|at_ms| at_ms <= now_ms))
                .map(|entry| Box::<[u8]>::from(entry.key()))
            else {
                continue;
            };
            self.find_quietly(&key);
            due += 1;
        }
        due
    }

    fn expire_field_sample(&mut self, shard: u16) -> usize {
        let mut due = 0;
        let db = self.db;
        let draws = SAMPLE.min(self.held().shard_mut(shard).database(db).volatile_fields_len());
        for _ in 0..draws {
            let random = self.prng.next_u64();
            let drawn = self
                .held()
                .shard_mut(shard)
                .database(db)
                .sample_volatile_fields(random);
            let Some(key) = drawn.map(|entry| Box::<[u8]>::from(entry.key())) else {
                continue;
            };
            if self.expire_fields(&key, FIELDS_MAX) > 0 {
                due += 1;
            }
        }
        due
    }
}
