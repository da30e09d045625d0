//! WATCH: registering for changes of keys, under the locks of their shards. The telling is done where changes are noted.

use super::Access;
use crate::entry::Entry;
use crate::shard::{WatchFlag, Watcher};
use std::sync::Arc;

impl Access<'_> {
    /// Registers `flag` to be set once `key` changes.
    pub fn watch(&mut self, key: &[u8], flag: &Arc<WatchFlag>) {
        let place = self.place(key);
        let (db, now_ms) = (self.db, self.now_ms);
        let shard = self.held.shard_mut(place.shard);
        let stale = shard
            .database(db)
            .find(key, place.hash)
            .is_some_and(|entry| entry.expire_at_ms().is_some_and(|at_ms| at_ms <= now_ms));
        let watchers = shard.watched.entry((db, key.into())).or_default();
        if !watchers.iter().any(|watcher| Arc::ptr_eq(&watcher.flag, flag)) {
            watchers.push(Watcher {
                flag: flag.clone(),
                stale,
            });
        }
    }

    /// Takes the registration back. True when the key has expired since without having been
    /// removed, which counts as a change for EXEC.
    pub fn unwatch(&mut self, key: &[u8], flag: &Arc<WatchFlag>) -> bool {
        let place = self.place(key);
        let (db, now_ms) = (self.db, self.now_ms);
        let shard = self.held.shard_mut(place.shard);
        let at = (db, Box::from(key));
        let Some(watchers) = shard.watched.get_mut(&at) else {
            return false;
        };
        let Some(index) = watchers
            .iter()
            .position(|watcher| Arc::ptr_eq(&watcher.flag, flag))
        else {
            return false;
        };
        let watcher = watchers.swap_remove(index);
        if watchers.is_empty() {
            shard.watched.remove(&at);
        }
        let due = |entry: &Entry| entry.expire_at_ms().is_some_and(|at_ms| at_ms <= now_ms);
        !watcher.stale && shard.database(db).find(key, place.hash).is_some_and(due)
    }
}
