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

/// The data behind one shard lock.
pub struct Shard {
    pub(crate) databases: Vec<Database>,
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
        Shard {
            databases: (0..databases).map(|_| Database::new(segment_buckets)).collect(),
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
        &self.databases[db as usize]
    }

    #[inline]
    pub(crate) fn database_mut(&mut self, db: u16) -> &mut Database {
        &mut self.databases[db as usize]
    }

    /// Empties database `db`; gives the old content back so that it can be freed elsewhere.
    pub(crate) fn take_database(&mut self, db: u16) -> Database {
        std::mem::replace(
            &mut self.databases[db as usize],
            Database::new(self.segment_buckets),
        )
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

    /// Number of keys that somebody waits for.
    pub fn waited_keys_count(&self) -> usize {
        self.waiters.len()
    }

    /// Number of keys that somebody watches.
    pub fn watched_keys_count(&self) -> usize {
        self.watched.len()
    }
}
