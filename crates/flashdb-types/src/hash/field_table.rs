//! The encoding of large hashes: a hash table of fields, and for those that expire an index by time.
//!
//! The index holds (time, hash of the name), not names: a due field is found in the table by the two. Names whose
//! hashes collide and that share a time share the index entry, which stays until the last of them is gone.

use crate::approach::{Step, Wanted, prefetch_member};
use crate::hash::entry::FieldEntry;
use crate::hash::{Field, FieldTtl};
use crate::pieces::{Members, Part, Piecewise};
use crate::sample;
use flashdb_base::hash::hash_bytes;
use flashdb_base::prng::Prng;
use std::collections::{BTreeSet, HashSet};

/// Up to this many fields a random one is found by counting, which is exactly even whatever the table's shape.
const COUNT_OFF_MAX: usize = 64;

/// Heap bytes of an index entry: 16 in nodes that are two thirds full on average.
const DUE_ENTRY_BYTES: usize = 24;

#[derive(Default)]
pub(crate) struct FieldTable {
    table: Members<FieldEntry>,
    entries_bytes: usize,
    due: BTreeSet<(u64, u64)>,
}

impl Piecewise for FieldEntry {
    fn hash(&self) -> u64 {
        FieldEntry::hash(self)
    }

    fn part(&self) -> Part<'_> {
        Part::Field(self.field())
    }

    fn warm(&self) {
        self.prefetch();
    }
}

impl FieldTable {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.table.memory_bytes() + self.entries_bytes + self.due.len() * DUE_ENTRY_BYTES
    }

    fn find(&self, name: &[u8]) -> Option<&FieldEntry> {
        self.table.find(hash_bytes(name), |entry| entry.name() == name)
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<Field<'_>> {
        self.find(name).map(FieldEntry::field)
    }

    pub(crate) fn prefetch(&self, step: Step, wanted: Wanted) {
        prefetch_member(self, &self.table, step, wanted, FieldEntry::prefetch);
    }

    /// Writes a field; true when it is new.
    pub(crate) fn set(&mut self, name: &[u8], value: &[u8], ttl: FieldTtl) -> bool {
        let hash = hash_bytes(name);
        let Some(entry) = self.table.find_mut(hash, |entry| entry.name() == name) else {
            self.insert_absent(FieldEntry::new(name, value, ttl.applied_to(None)));
            return true;
        };
        let old_ms = entry.expires_at_ms();
        let new_ms = ttl.applied_to(old_ms);
        if old_ms == new_ms && entry.overwrite(value) {
            return false;
        }
        self.entries_bytes -= entry.memory_bytes();
        *entry = FieldEntry::new(name, value, new_ms);
        self.entries_bytes += entry.memory_bytes();
        self.reschedule(hash, old_ms, new_ms);
        false
    }

    /// Adds a field that is not there.
    pub(crate) fn insert_absent(&mut self, entry: FieldEntry) {
        let hash = entry.hash();
        self.entries_bytes += entry.memory_bytes();
        self.reschedule(hash, None, entry.expires_at_ms());
        self.table.insert_unique(hash, entry);
    }

    /// Gives a field another expiry time, or none; false when there is no such field.
    pub(crate) fn set_expiry(&mut self, name: &[u8], expires_at_ms: Option<u64>) -> bool {
        let hash = hash_bytes(name);
        let Some(entry) = self.table.find_mut(hash, |entry| entry.name() == name) else {
            return false;
        };
        let old_ms = entry.expires_at_ms();
        if old_ms != expires_at_ms {
            self.entries_bytes -= entry.memory_bytes();
            *entry = FieldEntry::new(name, entry.value(), expires_at_ms);
            self.entries_bytes += entry.memory_bytes();
            self.reschedule(hash, old_ms, expires_at_ms);
        }
        true
    }

    /// Keeps the index up to date, after the table is.
    fn reschedule(&mut self, hash: u64, old_ms: Option<u64>, new_ms: Option<u64>) {
        if let Some(at_ms) = old_ms
            && old_ms != new_ms
            && self
                .table
                .find(hash, |entry| {
                    entry.hash() == hash && entry.expires_at_ms() == old_ms
                })
                .is_none()
        {
            self.due.remove(&(at_ms, hash));
        }
        if let Some(at_ms) = new_ms {
            self.due.insert((at_ms, hash));
        }
    }

    fn remove_where(&mut self, hash: u64, eq: impl FnMut(&FieldEntry) -> bool) -> Option<FieldEntry> {
        let entry = self.table.remove(hash, eq)?;
        self.entries_bytes -= entry.memory_bytes();
        self.reschedule(hash, entry.expires_at_ms(), None);
        Some(entry)
    }

    pub(crate) fn remove(&mut self, name: &[u8]) -> bool {
        self.remove_where(hash_bytes(name), |entry| entry.name() == name)
            .is_some()
    }

    pub(crate) fn next_expiry_ms(&self) -> Option<u64> {
        self.due.first().map(|&(at_ms, _)| at_ms)
    }

    /// Number of fields whose time is before `now_ms`. O(their number).
    pub(crate) fn due_len(&self, now_ms: u64) -> usize {
        self.due.range(..(now_ms, 0)).count()
    }

    /// Takes out the field that expires first, when its time is before `now_ms`. O(log n).
    pub(crate) fn take_due(&mut self, now_ms: u64) -> Option<FieldEntry> {
        let &(at_ms, hash) = self.due.first().filter(|(at_ms, _)| *at_ms < now_ms)?;
        // The table shows entries with other hashes, too, and many expire at the same time.
        self.remove_where(hash, |entry| {
            entry.hash() == hash && entry.expires_at_ms() == Some(at_ms)
        })
    }

    pub(crate) fn random(&self, prng: &mut Prng) -> Option<Field<'_>> {
        self.random_slot(prng).map(FieldEntry::field)
    }

    fn random_slot(&self, prng: &mut Prng) -> Option<&FieldEntry> {
        let len = self.len();
        if len <= COUNT_OFF_MAX {
            return self.table.iter().nth(prng.below(len as u64) as usize);
        }
        self.table.sample(prng.next_u64())
    }

    /// Visits `count` different fields that have not expired, of `live` such. O(count) of a much larger table.
    pub(crate) fn random_distinct<'a>(
        &'a self,
        count: usize,
        live: usize,
        now_ms: u64,
        prng: &mut Prng,
        mut visit: impl FnMut(Field<'a>),
    ) {
        if self.len() <= COUNT_OFF_MAX || count > live / 4 || live < self.len() / 2 {
            let fields = self.iter().filter(|field| field.is_live(now_ms));
            return sample::choose(fields, live, count, prng, visit);
        }
        let mut seen = HashSet::with_capacity(count);
        while seen.len() < count {
            let Some(entry) = self.random_slot(prng) else {
                return;
            };
            let field = entry.field();
            if field.is_live(now_ms) && seen.insert(entry.address()) {
                visit(field);
            }
        }
    }

    pub(crate) fn scan(&self, cursor: u64, mut visit: impl FnMut(Field<'_>)) -> u64 {
        self.table
            .scan(cursor, FieldEntry::hash, |entry| visit(entry.field()))
    }

    pub(crate) fn iter(&self) -> FieldIter<'_> {
        FieldIter(self.table.iter())
    }

    pub(crate) fn members(&self) -> &Members<FieldEntry> {
        &self.table
    }

    pub(crate) fn members_mut(&mut self) -> &mut Members<FieldEntry> {
        &mut self.table
    }

    pub(crate) fn validate(&self) {
        assert_eq!(self.table.iter().count(), self.len());
        assert_eq!(
            self.entries_bytes,
            self.table.iter().map(FieldEntry::memory_bytes).sum::<usize>()
        );
        assert!(self.table.iter().all(|entry| self.find(entry.name()).is_some()));
        let due = self
            .table
            .iter()
            .filter_map(|entry| Some((entry.expires_at_ms()?, entry.hash())));
        assert_eq!(due.collect::<BTreeSet<_>>(), self.due, "index by time");
    }
}

impl Clone for FieldTable {
    fn clone(&self) -> FieldTable {
        let mut copy = FieldTable::default();
        self.table
            .iter()
            .for_each(|entry| copy.insert_absent(entry.clone()));
        copy
    }
}

pub(crate) struct FieldIter<'a>(flashdb_table::Iter<'a, FieldEntry>);

impl<'a> Iterator for FieldIter<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        self.0.next().map(FieldEntry::field)
    }
}
