//! What concerns whole databases: counting, emptying, exchanging. Keys that somebody watches or waits for are told one by
//! one; all others are not looked at.

use super::Access;
use crate::effects::Touched;
use crate::entry::Entry;
use crate::shard::Telling;
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
        let (space, keeps) = (self.space, self.undo.is_some());
        let mut removed = 0;
        let (mut met, mut kept) = (Vec::new(), Vec::new());
        self.held.for_each_shard(|id, shard| {
            for key in shard.listened_keys(db) {
                let hash = hash_bytes(&key);
                if shard.database(db).find(&key, hash).is_some() {
                    let telling = Telling::Changed { exists: false };
                    if !keeps {
                        shard.tell_watchers(db, &key, telling);
                    }
                    met.push((id, db, key, telling));
                }
            }
            let Some(database) = shard.take_database(db) else {
                return;
            };
            removed += database.len();
            if keeps {
                kept.push((id, database));
            } else {
                space.dispose(database, later);
            }
        });
        self.note_whole(met);
        for (shard, database) in kept {
            self.keep_database(shard, db, database, later);
        }
        self.effects.replaced = true;
        removed
    }

    /// Exchanges two databases; watchers of keys that exist in either are told, waiters of either
    /// are tried again.
    pub fn swap_databases(&mut self, first: u16, second: u16) {
        let (now_ms, keeps) = (self.now_ms, self.undo.is_some());
        let due = |entry: &Entry| entry.expire_at_ms().is_some_and(|at_ms| at_ms <= now_ms);
        let mut met = Vec::new();
        self.held.for_each_shard(|id, shard| {
            for (db, other) in [(first, second), (second, first)] {
                for key in shard.listened_keys(db) {
                    let hash = hash_bytes(&key);
                    let here = shard.database(db).find(&key, hash).is_some();
                    let there = shard.database(other).find(&key, hash).map(due);
                    if here || there.is_some() {
                        let telling = Telling::Swapped { here, there };
                        if !keeps {
                            shard.tell_watchers(db, &key, telling);
                        }
                        met.push((id, db, key, telling));
                    }
                }
            }
            shard.swap_databases(first, second);
        });
        self.note_whole(met);
        self.keep_swap(first, second);
        self.effects.replaced = true;
        self.effects.dirty += 1;
    }

    /// Notes keys that were met, and tells their watchers later if that was not done yet: without the closed gate only under
    /// the lock of the visited shard.
    fn note_whole(&mut self, met: Vec<(u16, u16, Box<[u8]>, Telling)>) {
        for (shard, db, key, telling) in met {
            if let Some(undo) = &mut self.undo {
                undo.tell_later(shard, db, &key, telling);
            }
            self.effects.touched.push(Touched {
                db,
                shard,
                key,
                event: None,
                changed: true,
                author: self.effects.author,
            });
        }
    }
}
