//! Which readers are to be told once a key changes (client-side caching). A shard keeps its own table, under its
//! lock: a key is remembered under the lock under which it was read, so no change can come in between, and writers of
//! different shards do not meet.
//!
//! A reader is a number that means something to the server only. Keys are known by name alone, whatever their database,
//! as in Redis: a change of the same name in another database tells the reader once too often, never too seldom.

use flashdb_base::hash::hash_bytes;
use flashdb_table::Table;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Readers of one key, ascending.
pub type Readers = SmallVec<[u64; 2]>;

/// Readers of a key from which on those that are gone are looked for, each time their number has doubled.
const PRUNE_FROM: usize = 32;

struct TrackedKey {
    key: Box<[u8]>,
    readers: Readers,
}

/// The keys of one shard that somebody remembers to have read.
#[derive(Default)]
pub struct TrackedKeys {
    table: Table<TrackedKey>,
    /// Bytes behind the entries.
    bytes: usize,
}

/// Sums over all shards, and whether every change is of interest.
#[derive(Default)]
pub struct TrackedTotals {
    pub(crate) keys: AtomicUsize,
    pub(crate) items: AtomicUsize,
    broadcasts: AtomicBool,
}

impl TrackedTotals {
    /// Keys with readers.
    #[inline]
    pub fn keys(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    /// Readers of all keys together.
    pub fn items(&self) -> usize {
        self.items.load(Ordering::Relaxed)
    }

    /// Whether changes are told whoever has read the key.
    #[inline]
    pub fn broadcasts(&self) -> bool {
        self.broadcasts.load(Ordering::Relaxed)
    }

    /// Says whether changes are to be told whoever has read the key. To be called before whoever wants to be told gets
    /// the answer that it will be: a change made after that is then noted.
    pub fn set_broadcasts(&self, broadcasts: bool) {
        self.broadcasts.store(broadcasts, Ordering::Release);
    }

    fn add(&self, keys: usize, items: usize) {
        if keys > 0 {
            self.keys.fetch_add(keys, Ordering::Relaxed);
        }
        self.items.fetch_add(items, Ordering::Relaxed);
    }

    fn subtract(&self, keys: usize, items: usize) {
        self.keys.fetch_sub(keys, Ordering::Relaxed);
        self.items.fetch_sub(items, Ordering::Relaxed);
    }
}

fn hasher(tracked: &TrackedKey) -> u64 {
    hash_bytes(&tracked.key)
}

impl TrackedKeys {
    /// Whether nobody remembers any key.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Memory of the table and what is behind it, about.
    pub fn memory_bytes(&self) -> usize {
        self.table.memory_bytes() + self.bytes
    }

    /// Whether anybody remembers `key`.
    #[inline]
    pub(crate) fn contains(&self, key: &[u8], hash: u64) -> bool {
        !self.table.is_empty() && self.table.find(hash, |one| *one.key == *key).is_some()
    }

    /// Remembers that `reader` has read `key`. `is_alive` tells of a reader whether it is still there: the list of a key
    /// that very many have read and nobody changes is cleaned of the others as it grows.
    pub(crate) fn remember(
        &mut self,
        totals: &TrackedTotals,
        key: &[u8],
        hash: u64,
        reader: u64,
        is_alive: impl Fn(u64) -> bool,
    ) {
        let Some(known) = self.table.find_mut(hash, |one| *one.key == *key) else {
            let fresh = TrackedKey {
                key: key.into(),
                readers: Readers::from_slice(&[reader]),
            };
            self.bytes += key.len();
            self.table.insert_unique(hash, fresh, hasher);
            totals.add(1, 1);
            return;
        };
        let readers = &mut known.readers;
        let Err(mut at) = readers.binary_search(&reader) else {
            return;
        };
        if readers.len() == readers.capacity() && readers.len() >= PRUNE_FROM {
            let before = readers.len();
            readers.retain(|reader| is_alive(*reader));
            totals.subtract(0, before - readers.len());
            at = readers.partition_point(|known| *known < reader);
        }
        let before = heap_bytes(readers);
        readers.insert(at, reader);
        let after = heap_bytes(readers);
        self.bytes = (self.bytes + after).wrapping_sub(before);
        totals.add(0, 1);
    }

    /// Forgets `key`; returns who has read it.
    pub(crate) fn take(&mut self, totals: &TrackedTotals, key: &[u8], hash: u64) -> Readers {
        if self.table.is_empty() {
            return Readers::new();
        }
        let taken = self.table.remove(hash, |one| *one.key == *key, hasher);
        taken.map_or_else(Readers::new, |taken| self.left(totals, taken).1)
    }

    /// Forgets a key chosen by `random`; returns it and who has read it.
    pub(crate) fn take_any(&mut self, totals: &TrackedTotals, random: u64) -> Option<(Box<[u8]>, Readers)> {
        let key = self.table.sample(random)?.key.clone();
        let taken = self
            .table
            .remove(hash_bytes(&key), |one| one.key == key, hasher)?;
        Some(self.left(totals, taken))
    }

    fn left(&mut self, totals: &TrackedTotals, taken: TrackedKey) -> (Box<[u8]>, Readers) {
        self.bytes -= taken.key.len() + heap_bytes(&taken.readers);
        totals.subtract(1, taken.readers.len());
        (taken.key, taken.readers)
    }

    /// Forgets all keys; what was known is returned, to be freed elsewhere.
    pub(crate) fn take_all(&mut self, totals: &TrackedTotals) -> Self {
        let items = self.table.iter().map(|one| one.readers.len()).sum();
        totals.subtract(self.table.len(), items);
        std::mem::take(self)
    }
}

fn heap_bytes(readers: &Readers) -> usize {
    if readers.spilled() {
        readers.capacity() * size_of::<u64>()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;
    use std::collections::{BTreeMap, BTreeSet};

    type Model = BTreeMap<Vec<u8>, BTreeSet<u64>>;

    fn check(keys: &TrackedKeys, totals: &TrackedTotals, model: &Model) {
        assert_eq!(keys.len(), model.len());
        assert_eq!(totals.keys(), model.len());
        assert_eq!(totals.items(), model.values().map(BTreeSet::len).sum::<usize>());
        let bytes: usize = keys
            .table
            .iter()
            .map(|one| one.key.len() + heap_bytes(&one.readers))
            .sum();
        assert_eq!(keys.bytes, bytes);
    }

    #[test]
    fn like_a_map_of_sets() {
        let (mut keys, totals, mut model) = (TrackedKeys::default(), TrackedTotals::default(), Model::new());
        let mut random = Prng::from_seed(11);
        for _ in 0..20_000 {
            let key = format!("key:{}", random.below(40)).into_bytes();
            let hash = hash_bytes(&key);
            match random.below(200) {
                0 => {
                    assert_eq!(keys.take_all(&totals).len(), model.len());
                    model.clear();
                }
                1..10 => {
                    let taken = keys.take(&totals, &key, hash);
                    let known: Vec<u64> = model.remove(&key).unwrap_or_default().into_iter().collect();
                    assert_eq!(taken.to_vec(), known);
                }
                10..13 => match keys.take_any(&totals, random.next_u64()) {
                    Some((key, taken)) => {
                        let known = model.remove(&*key).expect("a key that was remembered");
                        assert_eq!(taken.to_vec(), known.into_iter().collect::<Vec<_>>());
                    }
                    None => assert!(model.is_empty()),
                },
                _ => {
                    let reader = random.below(100);
                    keys.remember(&totals, &key, hash, reader, |_| true);
                    model.entry(key.clone()).or_default().insert(reader);
                }
            }
            assert_eq!(keys.contains(&key, hash), model.contains_key(&key));
            check(&keys, &totals, &model);
        }
    }

    #[test]
    fn readers_that_are_gone_do_not_pile_up() {
        let (mut keys, totals) = (TrackedKeys::default(), TrackedTotals::default());
        for reader in 0..100_000 {
            // Only the last ten are still there at any time.
            keys.remember(&totals, b"k", hash_bytes(b"k"), reader, |one| one + 10 > reader);
        }
        assert!(totals.items() <= 2 * PRUNE_FROM, "{} items", totals.items());
        let taken = keys.take(&totals, b"k", hash_bytes(b"k"));
        assert!((99_990..100_000).all(|reader| taken.contains(&reader)));
        assert_eq!((totals.keys(), totals.items()), (0, 0));
    }
}
