//! Bringing what commands will read towards the core before the first of them runs: the waits for memory, which take
//! most of the time of a small command on a large keyspace, then overlap. All of it is a hint, without effect on what is
//! found; keys whose shards are not locked are left out.

use super::Access;
use crate::database::Database;
use crate::value::Value;
use flashdb_types::approach::{Step, Wanted};
use smallvec::SmallVec;

/// Keys that are looked up together, as many as core loops put in a window.
const WINDOW: usize = 16;

impl Access<'_> {
    /// Brings the bucket of a key towards the core; its shard is locked.
    #[inline]
    pub fn prefetch_bucket(&self, shard: u16, hash: u64) {
        if let Some(shard) = self.held.shard(shard) {
            shard.database(self.db).prefetch(hash);
        }
    }

    /// Brings the entry of a key towards the core; its bucket was prefetched before.
    #[inline]
    pub fn prefetch_entry(&self, shard: u16, hash: u64) {
        if let Some(shard) = self.held.shard(shard) {
            shard.database(self.db).prefetch_entry(hash);
        }
    }

    /// Brings members of collections towards the core, step by step for all of them together. Their keys' entries were
    /// prefetched before.
    pub fn prefetch_members(&self, members: &[(u16, u64, Wanted)]) {
        let mut found = SmallVec::<[(&Value, Wanted); WINDOW]>::new();
        for &(shard, hash, wanted) in members {
            if let Some(shard) = self.held.shard(shard)
                && let Some(value) = shard.database(self.db).prefetch_object(hash)
            {
                found.push((value, wanted));
            }
        }
        for step in Step::ALL {
            for (value, wanted) in &found {
                if step <= wanted.until {
                    value.prefetch(step, *wanted);
                }
            }
        }
    }

    /// Brings the buckets of some keys, then their entries, towards the core; keys whose shards are not locked are left out.
    pub fn prefetch_keys(&self, places: impl Iterator<Item = (u16, u64)>) {
        let mut found = SmallVec::<[(&Database, u64); WINDOW]>::new();
        for (shard, hash) in places {
            if let Some(shard) = self.held.shard(shard) {
                let database = shard.database(self.db);
                database.prefetch(hash);
                found.push((database, hash));
            }
        }
        for (database, hash) in found {
            database.prefetch_entry(hash);
        }
    }
}
