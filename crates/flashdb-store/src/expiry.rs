//! Active expiry by sampling (Redis's rule): 20 keys that carry an expiry are drawn, the due ones
//! removed, and the same shard is tried again while more than a quarter of them had been due. A pass is
//! cut short by its time budget, so that a million keys expiring together do not hold up a loop.

use crate::access::Access;
use flashdb_base::clock;
use smallvec::SmallVec;

/// Keys drawn at a time.
const SAMPLE: usize = 20;
/// Fields of one hash removed at a time.
const FIELDS_MAX: usize = 64;

/// What one pass found, to adapt the next.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryPass {
    /// Keys and hashes looked at.
    pub drawn: usize,
    /// How many of them were due.
    pub due: usize,
    /// Whether the time ran out before the shard was clean enough.
    pub unfinished: bool,
}

/// Keys, or hashes with expiring fields, of one shard.
struct Sample {
    drawn: usize,
    due: usize,
}

impl Access<'_> {
    /// One pass over the locked shard `shard`, database by database, until `deadline_us`
    /// (monotonic). Effects are noted as for any removal.
    pub fn expire_due(&mut self, shard: u16, deadline_us: u64) -> ExpiryPass {
        let mut pass = ExpiryPass::default();
        for db in 0..self.held().shard_mut(shard).databases_len() as u16 {
            self.db = db;
            let database = self.held().shard_mut(shard).database(db);
            if database.volatile_len() + database.volatile_fields_len() == 0 {
                continue;
            }
            loop {
                let (keys, fields) = (self.expire_sample(shard), self.expire_field_sample(shard));
                pass.drawn += keys.drawn + fields.drawn;
                pass.due += keys.due + fields.due;
                if (keys.due + fields.due) * 4 <= SAMPLE {
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

    /// Draws some keys and removes those that are due. All are drawn first and their entries fetched side by side: one
    /// after the other each would be a cache miss or two.
    fn expire_sample(&mut self, shard: u16) -> Sample {
        let (db, now_ms) = (self.db, self.now_ms);
        let draws = SAMPLE.min(self.held().shard_mut(shard).database(db).volatile_len());
        let mut drawn = SmallVec::<[u64; SAMPLE]>::new();
        for _ in 0..draws {
            let random = self.prng.next_u64();
            let database = self.held().shard_mut(shard).database(db);
            drawn.extend(database.sample_volatile_hash(random));
        }
        let database = self.held().shard_mut(shard).database(db);
        drawn.iter().for_each(|hash| database.prefetch(*hash));
        drawn.iter().for_each(|hash| database.prefetch_entry(*hash));
        let mut due = 0;
        for hash in drawn {
            let database = self.held().shard_mut(shard).database(db);
            let Some(key) = database
                .volatile_entry(hash)
                .filter(|entry| entry.expire_at_ms().is_some_and(|at_ms| at_ms <= now_ms))
                .map(|entry| Box::<[u8]>::from(entry.key()))
            else {
                continue;
            };
            self.find_quietly(&key);
            due += 1;
        }
        Sample { drawn: draws, due }
    }

    fn expire_field_sample(&mut self, shard: u16) -> Sample {
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
        Sample { drawn: draws, due }
    }
}
