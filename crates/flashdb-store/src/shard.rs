//! What one lock guards: this shard's part of every database, and who watches or waits for keys in
//! it. Keeping the watchers here makes WATCH exact: they are added and told under the same lock.

use crate::database::Database;
use crate::tracked::TrackedKeys;
use flashdb_log::Lsn;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set once a key that a client watches has changed. Shared by the client and the shards.
#[derive(Default, Debug)]
pub struct WatchFlag(AtomicBool);

impl WatchFlag {
    /// Whether a watched key changed.
    pub fn is_dirty(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Notes a change.
    pub fn set_dirty(&self) {
        self.0.store(true, Ordering::Release);
    }
}

pub(crate) struct Watcher {
    pub(crate) flag: Arc<WatchFlag>,
    /// The key had expired already when the watch began, so its removal is no change.
    pub(crate) stale: bool,
}

/// What watchers of a key are told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Telling {
    /// It changed.
    Changed {
        /// Whether it is there after the change.
        exists: bool,
    },
    /// Its database was exchanged for another. That a key which has expired gives way to nothing or to another expired
    /// one is no change, nor that an expired one comes where none was.
    Swapped {
        /// Whether the key was in this database.
        here: bool,
        /// Whether it was in the other one, and if so whether its time has come.
        there: Option<bool>,
    },
}

type KeyIn = (u16, Box<[u8]>);

/// Databases that every shard has from the start: as many as there are by default. The models in tests have four, of which
/// some are to be made late.
const EARLY_DATABASES: usize = if cfg!(test) { 2 } else { 16 };

/// The data behind one shard lock.
pub struct Shard {
    /// Those up to the highest that was ever changed here, and the first few: with `databases 10000` all of them would take
    /// 600 MB in 256 shards, and every look at each a cache miss.
    databases: Vec<Database>,
    /// Stands for those that are not there.
    vacant: Database,
    /// As many were there when changes began to be recorded for an incremental snapshot, which has to say of each that it
    /// is empty now.
    databases_recorded: usize,
    pub(crate) watched: HashMap<KeyIn, Vec<Watcher>>,
    /// Tickets of blocked clients per key, first come first.
    waiters: HashMap<KeyIn, VecDeque<u64>>,
    /// Bytes of the segment sizes that spread growth, kept for databases made by FLUSHALL.
    segment_buckets: usize,
    /// Who is to be told when a key changes.
    pub(crate) tracked: TrackedKeys,
    /// LSN of the last frame appended while this shard was locked; kept only while replies wait for it.
    pub(crate) last_written: Lsn,
}

impl Shard {
    /// An empty shard of `databases` databases.
    pub fn new(databases: usize, segment_buckets: usize) -> Self {
        let database = || Database::new(segment_buckets);
        Shard {
            databases: (0..databases.min(EARLY_DATABASES)).map(|_| database()).collect(),
            vacant: database(),
            databases_recorded: 0,
            watched: HashMap::new(),
            waiters: HashMap::new(),
            segment_buckets,
            tracked: TrackedKeys::default(),
            last_written: 0,
        }
    }

    /// This shard's part of database `db`.
    #[inline]
    pub fn database(&self, db: u16) -> &Database {
        self.databases.get(db as usize).unwrap_or(&self.vacant)
    }

    /// As many databases, from the first on, may hold something; the others are empty.
    #[inline]
    pub fn databases_len(&self) -> usize {
        self.databases.len()
    }

    #[inline]
    pub(crate) fn database_mut(&mut self, db: u16) -> &mut Database {
        if db as usize >= self.databases.len() {
            self.make_databases(db);
        }
        &mut self.databases[db as usize]
    }

    /// As [`Shard::database_mut`], for those who only look for what is there: `None` where nothing ever was.
    #[inline]
    pub(crate) fn present_database_mut(&mut self, db: u16) -> Option<&mut Database> {
        self.databases.get_mut(db as usize)
    }

    #[cold]
    #[inline(never)]
    fn make_databases(&mut self, last: u16) {
        let segment_buckets = self.segment_buckets;
        self.databases
            .resize_with(last as usize + 1, || Database::new(segment_buckets));
    }

    /// From now on changes are recorded, or no longer.
    pub(crate) fn set_recorded(&mut self, recorded: bool) {
        self.databases_recorded = if recorded { self.databases.len() } else { 0 };
    }

    /// All databases that may hold something, by number.
    pub(crate) fn databases_mut(&mut self) -> &mut [Database] {
        &mut self.databases
    }

    /// Exchanges two databases.
    pub(crate) fn swap_databases(&mut self, first: u16, second: u16) {
        let (low, high) = (first.min(second), first.max(second));
        // Where one is not there, and the other is empty, both stay as they are.
        if high as usize >= self.databases.len() && self.database(low).is_empty() {
            return;
        }
        self.database_mut(high);
        self.databases.swap(first as usize, second as usize);
    }

    /// Empties database `db`; gives the old content back so that it can be freed elsewhere, if it was there.
    pub(crate) fn take_database(&mut self, db: u16) -> Option<Database> {
        let slot = self.databases.get_mut(db as usize)?;
        let mut fresh = Database::new(self.segment_buckets);
        fresh.prefixes = slot
            .prefixes
            .as_ref()
            .map(|prefixes| Box::new(prefixes.emptied()));
        let taken = std::mem::replace(slot, fresh);
        let least = EARLY_DATABASES.max(self.databases_recorded);
        while self.databases.len() > least && self.databases.last().is_some_and(Database::is_as_new) {
            self.databases.pop();
        }
        Some(taken)
    }

    /// Whether anybody watches or waits for any key of this shard.
    #[inline]
    pub fn has_listeners(&self) -> bool {
        !self.watched.is_empty() || !self.waiters.is_empty()
    }

    /// Tells the watchers of a key what happened to it.
    pub(crate) fn tell_watchers(&mut self, db: u16, key: &[u8], telling: Telling) {
        if self.watched.is_empty() {
            return;
        }
        for watcher in self.watched.get_mut(&(db, Box::from(key))).into_iter().flatten() {
            match telling {
                Telling::Changed { exists: false } if watcher.stale => watcher.stale = false,
                Telling::Swapped { there: None, .. } if watcher.stale => watcher.stale = false,
                Telling::Swapped {
                    here,
                    there: Some(true),
                } if watcher.stale || !here => watcher.stale = true,
                _ => watcher.flag.set_dirty(),
            }
        }
    }

    /// Queues a blocked client's ticket behind `key`.
    pub fn add_waiter(&mut self, db: u16, key: &[u8], ticket: u64) {
        let queue = self.waiters.entry((db, Box::from(key))).or_default();
        if !queue.contains(&ticket) {
            queue.push_back(ticket);
        }
    }

    /// Takes a ticket out of the queue behind `key`.
    pub fn remove_waiter(&mut self, db: u16, key: &[u8], ticket: u64) {
        let at = (db, Box::from(key));
        if let Some(queue) = self.waiters.get_mut(&at) {
            queue.retain(|waiting| *waiting != ticket);
            if queue.is_empty() {
                self.waiters.remove(&at);
            }
        }
    }

    /// Tickets waiting for `key`, first come first.
    pub fn waiters(&self, db: u16, key: &[u8]) -> Vec<u64> {
        if self.waiters.is_empty() {
            return Vec::new();
        }
        self.waiters
            .get(&(db, Box::from(key)))
            .map_or_else(Vec::new, |queue| queue.iter().copied().collect())
    }

    /// Keys of database `db` that somebody watches or waits for, each once.
    pub(crate) fn listened_keys(&self, db: u16) -> Vec<Box<[u8]>> {
        let keys = self.watched.keys().chain(self.waiters.keys());
        let mut keys: Vec<_> = keys
            .filter(|(of, _)| *of == db)
            .map(|(_, key)| key.clone())
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Keys that clients remember to have read.
    pub fn tracked(&self) -> &TrackedKeys {
        &self.tracked
    }

    /// Keys that somebody waits for, with their databases.
    pub fn waited_keys(&self) -> Vec<(u16, Box<[u8]>)> {
        self.waiters.keys().cloned().collect()
    }

    /// Number of keys that somebody waits for.
    pub fn waited_keys_count(&self) -> usize {
        self.waiters.len()
    }

    /// Number of keys that somebody watches.
    pub fn watched_keys_count(&self) -> usize {
        self.watched.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Entry;
    use flashdb_base::hash::hash_bytes;

    fn put(shard: &mut Shard, db: u16, key: &[u8]) {
        shard
            .database_mut(db)
            .insert(Entry::new_string(key, b"v", None), hash_bytes(key));
    }

    fn has(shard: &Shard, db: u16, key: &[u8]) -> bool {
        shard.database(db).find(key, hash_bytes(key)).is_some()
    }

    #[test]
    fn databases_take_memory_once_they_are_used() {
        let mut shard = Shard::new(10_000, 16);
        assert_eq!(shard.databases_len(), EARLY_DATABASES);
        assert!(shard.database(9_999).is_empty());
        assert!(shard.take_database(9_999).is_none());
        assert!(shard.present_database_mut(9_999).is_none());
        shard.swap_databases(500, 9_999);
        shard.swap_databases(1, 9_999);
        assert_eq!(shard.databases_len(), EARLY_DATABASES, "looked at only");
        put(&mut shard, 300, b"k");
        assert_eq!(shard.databases_len(), 301);
        put(&mut shard, 200, b"k");
        assert_eq!(shard.take_database(300).map(|database| database.len()), Some(1));
        assert_eq!(shard.databases_len(), 201, "given back");
        assert_eq!(Shard::new(1, 16).databases_len(), 1);
    }

    #[test]
    fn what_is_exchanged_with_a_database_that_is_not_there_changes_sides() {
        let mut shard = Shard::new(10_000, 16);
        put(&mut shard, 3, b"k");
        shard.swap_databases(3, 9_000);
        assert!(!has(&shard, 3, b"k") && has(&shard, 9_000, b"k"));
        shard.swap_databases(3, 9_000);
        assert!(has(&shard, 3, b"k") && !has(&shard, 9_000, b"k"));
        assert_eq!(shard.take_database(3).map(|database| database.len()), Some(1));
        assert!(!has(&shard, 3, b"k"));
    }
}
