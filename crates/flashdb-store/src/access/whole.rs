//! What concerns whole databases: counting, emptying, exchanging. Keys that somebody watches or waits for are told one by
//! one; all others are not looked at.

use super::Access;
use crate::effects::Touched;
use crate::entry::Entry;
use flashdb_base::hash::hash_bytes;

impl Access<'_> {
    /// Keys of database `db`, expired ones not yet removed included.
    pub fn database_len(&mut self, db: u16) -> usize {
        let mut len = 0;
        self.held
            .for_each_shard(|_, shard| len += shard.database(db).len());
        len
    }

    /// Empties database `db`, telling watchers of keys that were there and, for every key that was,
    /// those who wait. Returns how many keys it had. `later` frees them off the loop.
    pub fn flush_database(&mut self, db: u16, later: bool) -> usize {
        let space = self.space;
        let mut removed = 0;
        let mut touched = Vec::new();
        self.held.for_each_shard(|id, shard| {
            for key in shard.listened_keys(db) {
                let hash = hash_bytes(&key);
                if shard.database(db).find(&key, hash).is_some() {
                    shard.tell_watchers(db, &key, false);
                    touched.push(Touched {
                        db,
                        shard: id,
                        key,
                        event: None,
                        changed: true,
                    });
                }
            }
            let database = shard.take_database(db);
            removed += database.len();
            space.dispose(database, later);
        });
        self.effects.touched.append(&mut touched);
        removed
    }

    /// Exchanges two databases; watchers of keys that exist in either are told, waiters of either
    /// are tried again.
    pub fn swap_databases(&mut self, first: u16, second: u16) {
        let now_ms = self.now_ms;
        let due = |entry: &Entry| entry.expire_at_ms().is_some_and(|at_ms| at_ms <= now_ms);
        let mut touched = Vec::new();
        self.held.for_each_shard(|id, shard| {
            for (db, other) in [(first, second), (second, first)] {
                for key in shard.listened_keys(db) {
                    let hash = hash_bytes(&key);
                    let here = shard.database(db).find(&key, hash).is_some();
                    let there = shard.database(other).find(&key, hash).map(due);
                    if here || there.is_some() {
                        shard.tell_watchers_of_swap(db, &key, here, there);
                        touched.push(Touched {
                            db,
                            shard: id,
                            key,
                            event: None,
                            changed: true,
                        });
                    }
                }
            }
            shard.databases.swap(first as usize, second as usize);
        });
        self.effects.touched.append(&mut touched);
        self.effects.dirty += 1;
    }
}
