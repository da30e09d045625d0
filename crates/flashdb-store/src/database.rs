//! One shard's part of one database: the table of entries, the sets of keys that carry an expiry
//! (or a hash with expiring fields), and the bytes they all take, exact to the byte.
//!
//! The expiry sets hold hashes, not keys or pointers: eight bytes per volatile key, no aliasing,
//! and sampling one costs one further table lookup.

use crate::capture::{Capture, Origin};
use crate::entry::Entry;
use crate::pieces::Opened;
use crate::prefixes::Prefixes;
use crate::value::ValueRef;
use flashdb_base::hash::hash_bytes;
use flashdb_table::{Change, HashOf, Remainder, Table};

/// One shard's part of one database.
pub struct Database {
    pub(crate) table: Table<Entry>,
    volatile: Table<u64>,
    volatile_fields: Table<u64>,
    bytes: usize,
    /// What a running snapshot has yet to take of it.
    pub(crate) capture: Option<Capture>,
    pub(crate) origin: Option<Origin>,
    /// Values that a snapshot is taking in pieces.
    pub(crate) opened: Option<Box<Opened>>,
    /// Counts by prefix, while somebody looks at them.
    pub(crate) prefixes: Option<Box<Prefixes>>,
}

/// Bytes of an entry that are worth fetching ahead: a key of 16 bytes with a string of 32.
const SMALL_ENTRY_BYTES: usize = 56;

pub(crate) fn entry_hash(entry: &Entry) -> u64 {
    hash_bytes(entry.key())
}

/// The hash of an element of the expiry sets.
fn itself(hash: &u64) -> u64 {
    *hash
}

/// [`entry_hash`] for entries that move in the table, each of which is a cache miss or two.
struct MovedEntryHash;

impl HashOf<Entry> for MovedEntryHash {
    #[inline]
    fn hash_of(&self, entry: &Entry) -> u64 {
        entry_hash(entry)
    }

    #[inline]
    fn warm(&self, entry: &Entry) {
        prefetch_entry(entry);
    }
}

impl Database {
    /// An empty part; `segment_buckets` spreads the moments at which tables grow.
    pub fn new(segment_buckets: usize) -> Self {
        Database {
            table: Table::with_segment_buckets(segment_buckets),
            volatile: Table::with_segment_buckets(segment_buckets),
            volatile_fields: Table::with_segment_buckets(segment_buckets),
            bytes: 0,
            capture: None,
            origin: None,
            opened: None,
            prefixes: None,
        }
    }

    /// Number of keys, expired ones not yet removed included.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether it is as it was made: a new one can stand for it.
    pub(crate) fn is_as_new(&self) -> bool {
        self.is_empty() && self.capture.is_none() && self.origin.is_none() && self.opened.is_none()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Keys that carry an expiry.
    pub fn volatile_len(&self) -> usize {
        self.volatile.len()
    }

    /// Hashes that have expiring fields.
    pub fn volatile_fields_len(&self) -> usize {
        self.volatile_fields.len()
    }

    /// Bytes of entries, values and tables.
    pub fn memory_bytes(&self) -> usize {
        self.bytes + self.table_bytes()
    }

    /// Bytes of entries and values.
    pub fn entry_bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of the tables alone.
    pub fn table_bytes(&self) -> usize {
        self.table.memory_bytes() + self.expiry_bytes()
    }

    /// Bytes of the tables of what expires.
    pub fn expiry_bytes(&self) -> usize {
        self.volatile.memory_bytes() + self.volatile_fields.memory_bytes()
    }

    /// Brings the bucket of `hash` towards the core.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        self.table.prefetch(hash);
    }

    /// Brings the entry that `hash` most likely leads to towards the core.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        if let Some(entry) = self.table.prefetch_candidate(hash) {
            prefetch_entry(entry);
        }
    }

    /// The entry of `key`, expired or not.
    #[inline]
    pub fn find(&self, key: &[u8], hash: u64) -> Option<&Entry> {
        self.table.find(hash, |entry| entry.key() == key)
    }

    /// The entry of `key`, to set its access bits and nothing else: no change for a snapshot.
    #[inline]
    pub(crate) fn find_to_touch(&mut self, key: &[u8], hash: u64) -> Option<&mut Entry> {
        self.table.find_mut_unmarked(hash, |entry| entry.key() == key)
    }

    /// The entry of `key`, to be changed, together with the byte account, which the caller settles.
    #[inline]
    pub(crate) fn find_charged(&mut self, key: &[u8], hash: u64) -> Option<(&mut Entry, &mut usize)> {
        self.announce(hash, Change::Update);
        let entry = self.table.find_mut(hash, |entry| entry.key() == key)?;
        Some((entry, &mut self.bytes))
    }

    /// Adds an entry whose key is absent.
    pub(crate) fn insert(&mut self, entry: Entry, hash: u64) -> (&mut Entry, &mut usize) {
        self.announce(hash, Change::Insert);
        self.bytes += entry.memory_bytes();
        if entry.expire_at_ms().is_some() {
            self.volatile.insert_unique(hash, hash, itself);
        }
        if let Some(prefixes) = &mut self.prefixes {
            prefixes.add(&entry, hash);
        }
        let entry = self.table.insert_unique(hash, entry, MovedEntryHash);
        (entry, &mut self.bytes)
    }

    /// As [`Database::find_charged`]; where there is no entry, `make` gives one without expiry.
    #[inline]
    pub(crate) fn find_or_insert(
        &mut self,
        key: &[u8],
        hash: u64,
        make: impl FnOnce() -> Entry,
    ) -> (&mut Entry, &mut usize) {
        if self.capture.is_some() {
            // A snapshot has to hear before which of the two it will be.
            let is_present = self.find(key, hash).is_some();
            self.announce(
                hash,
                if is_present {
                    Change::Update
                } else {
                    Change::Insert
                },
            );
        }
        let (account, prefixes) = (&mut self.bytes, &mut self.prefixes);
        let make = || {
            let entry = make();
            debug_assert!(entry.expire_at_ms().is_none());
            *account += entry.memory_bytes();
            if let Some(prefixes) = prefixes {
                prefixes.add(&entry, hash);
            }
            entry
        };
        let entry = self
            .table
            .find_mut_or_insert(hash, |entry| entry.key() == key, make, MovedEntryHash);
        (entry, account)
    }

    /// Changes the entry of `key` by value, keeping the account and the expiry set right.
    /// False when the key is absent.
    #[inline]
    pub(crate) fn replace(&mut self, key: &[u8], hash: u64, change: impl FnOnce(Entry) -> Entry) -> bool {
        self.announce(hash, Change::Update);
        let Some(slot) = self.table.find_mut(hash, |entry| entry.key() == key) else {
            return false;
        };
        let was_volatile = slot.expire_at_ms().is_some();
        let before = slot.memory_bytes();
        self.bytes -= before;
        // The slot needs a valid entry while the old one is being turned into the new one.
        let old = std::mem::replace(slot, Entry::new_int(b"", 0, None));
        *slot = change(old);
        self.bytes += slot.memory_bytes();
        if let Some(prefixes) = &mut self.prefixes {
            prefixes.resize(slot, hash, before);
        }
        let is_volatile = slot.expire_at_ms().is_some();
        self.note_volatile(hash, was_volatile, is_volatile);
        true
    }

    /// Removes the entry of `key`.
    pub(crate) fn remove(&mut self, key: &[u8], hash: u64) -> Option<Entry> {
        self.announce(hash, Change::Remove);
        let entry = self
            .table
            .remove(hash, |entry| entry.key() == key, MovedEntryHash)?;
        self.bytes -= entry.memory_bytes();
        if let Some(prefixes) = &mut self.prefixes {
            prefixes.take(&entry, hash);
        }
        self.note_volatile(hash, entry.expire_at_ms().is_some(), false);
        self.volatile_fields.remove(hash, |h| *h == hash, itself);
        Some(entry)
    }

    /// Puts a copy in the place of the entry of `key` and gives the entry itself out, `None` when the key is absent.
    /// O(bytes of the value).
    pub(crate) fn exchange_for_copy(&mut self, key: &[u8], hash: u64) -> Option<Entry> {
        self.find(key, hash)?;
        self.announce(hash, Change::Update);
        let slot = self.table.find_mut(hash, |entry| entry.key() == key)?;
        let copy = slot.duplicate();
        let account = self.bytes + copy.memory_bytes();
        let original = std::mem::replace(slot, copy);
        self.bytes = account - original.memory_bytes();
        Some(original)
    }

    /// Puts `entry` in its key's place, whatever is there; gives out what was.
    pub(crate) fn restore(&mut self, entry: Entry, hash: u64) -> Option<Entry> {
        let key: Box<[u8]> = entry.key().into();
        let has_fields = matches!(entry.value(), ValueRef::Hash(hash) if hash.next_expiry_ms().is_some());
        let mut replaced = None;
        if self.find(&key, hash).is_some() {
            self.replace(&key, hash, |old| {
                replaced = Some(old);
                entry
            });
        } else {
            self.insert(entry, hash);
        }
        self.note_volatile_fields(hash, has_fields);
        replaced
    }

    fn note_volatile(&mut self, hash: u64, was: bool, is: bool) {
        match (was, is) {
            (false, true) => {
                self.volatile.insert_unique(hash, hash, itself);
            }
            (true, false) => {
                self.volatile.remove(hash, |h| *h == hash, itself);
            }
            _ => {}
        }
    }

    /// Notes whether the hash at `hash` has expiring fields, so that they are found when due.
    pub(crate) fn note_volatile_fields(&mut self, hash: u64, has_them: bool) {
        let known = self.volatile_fields.find(hash, |h| *h == hash).is_some();
        if has_them && !known {
            self.volatile_fields.insert_unique(hash, hash, itself);
        } else if known && !has_them {
            self.volatile_fields.remove(hash, |h| *h == hash, itself);
        }
    }

    /// A random key that carries an expiry.
    pub(crate) fn sample_volatile(&self, random: u64) -> Option<&Entry> {
        self.volatile_entry(self.sample_volatile_hash(random)?)
    }

    /// The hash of a random key that carries an expiry.
    pub(crate) fn sample_volatile_hash(&self, random: u64) -> Option<u64> {
        self.volatile.sample(random).copied()
    }

    /// The entry with this hash that carries an expiry.
    pub(crate) fn volatile_entry(&self, hash: u64) -> Option<&Entry> {
        self.table.find(hash, |entry| {
            entry.expire_at_ms().is_some() && entry_hash(entry) == hash
        })
    }

    /// The expiry of a random key that carries one, in Unix milliseconds.
    pub fn sample_expiry_ms(&self, random: u64) -> Option<i64> {
        self.sample_volatile(random)?.expire_at_ms()
    }

    /// A random hash that has expiring fields.
    pub(crate) fn sample_volatile_fields(&self, random: u64) -> Option<&Entry> {
        let hash = *self.volatile_fields.sample(random)?;
        self.table.find(hash, |entry| {
            matches!(entry.value(), ValueRef::Hash(_)) && entry_hash(entry) == hash
        })
    }

    /// A random entry.
    pub fn sample(&self, random: u64) -> Option<&Entry> {
        self.table.sample(random)
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter()
    }

    /// A step of a walk that needs no cut; see [`Table::survey`].
    pub(crate) fn survey(&self, rest: &mut Remainder, visit: impl FnMut(&Entry)) -> bool {
        self.table.survey(rest, entry_hash, prefetch_entry, visit)
    }

    /// Visits one bucket of entries; see [`Table::scan`].
    pub fn scan(&self, cursor: u64, visit: impl FnMut(&Entry)) -> u64 {
        self.table.scan(cursor, entry_hash, visit)
    }
}

/// Brings an entry towards the core.
#[inline]
pub(crate) fn prefetch_entry(entry: &Entry) {
    // Most small entries lie across the end of a cache line.
    prefetch(entry.address());
    prefetch(entry.address().wrapping_add(SMALL_ENTRY_BYTES - 1));
}

/// Hints that the cache lines at `address` are needed soon.
#[inline]
fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch does not access memory, any address is allowed.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch(address.cast(), _MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
