//! The encoding of large sets: a hash table of members, each one allocation.

use crate::approach::{Step, Wanted, prefetch_member};
use crate::pieces::{Members, Part, Piecewise};
use crate::sample;
use crate::thin_bytes::ThinBytes;
use flashdb_base::hash::hash_bytes;
use flashdb_base::prng::Prng;
use std::collections::HashSet;

/// Up to this many members a random one is found by counting, which is exactly even whatever the table's shape.
const COUNT_OFF_MAX: usize = 64;

#[derive(Default)]
pub(crate) struct MemberTable {
    table: Members<ThinBytes>,
    members_bytes: usize,
}

impl Piecewise for ThinBytes {
    fn hash(&self) -> u64 {
        hash_of(self)
    }

    fn part(&self) -> Part<'_> {
        Part::Member(self.as_bytes())
    }

    fn warm(&self) {
        self.prefetch();
    }
}

fn hash_of(member: &ThinBytes) -> u64 {
    hash_bytes(member.as_bytes())
}

impl MemberTable {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.table.memory_bytes() + self.members_bytes
    }

    pub(crate) fn contains(&self, member: &[u8]) -> bool {
        self.table
            .find(hash_bytes(member), |other| other.as_bytes() == member)
            .is_some()
    }

    pub(crate) fn prefetch(&self, step: Step, wanted: Wanted) {
        prefetch_member(self, &self.table, step, wanted, ThinBytes::prefetch);
    }

    /// Adds a member; false when it was there.
    pub(crate) fn insert(&mut self, member: &[u8]) -> bool {
        let mut added_bytes = None;
        let make = || {
            let member = ThinBytes::new(member);
            added_bytes = Some(member.memory_bytes());
            member
        };
        let hash = hash_bytes(member);
        self.table
            .find_mut_or_insert(hash, |other| other.as_bytes() == member, make);
        self.members_bytes += added_bytes.unwrap_or(0);
        added_bytes.is_some()
    }

    fn insert_absent(&mut self, hash: u64, member: ThinBytes) {
        self.members_bytes += member.memory_bytes();
        self.table.insert_unique(hash, member);
    }

    /// Takes a member out; false when it was not there.
    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        let hash = hash_bytes(member);
        let removed = self.table.remove(hash, |other| other.as_bytes() == member);
        self.forget(removed.as_ref())
    }

    fn forget(&mut self, removed: Option<&ThinBytes>) -> bool {
        self.members_bytes -= removed.map_or(0, ThinBytes::memory_bytes);
        removed.is_some()
    }

    fn random_slot(&self, prng: &mut Prng) -> Option<&ThinBytes> {
        let len = self.len();
        if len <= COUNT_OFF_MAX {
            return self.table.iter().nth(prng.below(len as u64) as usize);
        }
        self.table.sample(prng.next_u64())
    }

    pub(crate) fn random(&self, prng: &mut Prng) -> Option<&[u8]> {
        self.random_slot(prng).map(ThinBytes::as_bytes)
    }

    /// Takes out a random member.
    pub(crate) fn pop_random(&mut self, prng: &mut Prng) -> Option<ThinBytes> {
        let (hash, address) = self
            .random_slot(prng)
            .map(|member| (hash_of(member), member.address()))?;
        let removed = self.table.remove(hash, |other| other.address() == address);
        self.forget(removed.as_ref());
        removed
    }

    /// Visits `count` different members. O(count), or O(n) where `count` is a large part of the set.
    pub(crate) fn random_distinct<'a>(
        &'a self,
        count: usize,
        prng: &mut Prng,
        mut visit: impl FnMut(&'a [u8]),
    ) {
        if self.len() <= COUNT_OFF_MAX || count > self.len() / 4 {
            let members = self.table.iter().map(ThinBytes::as_bytes);
            return sample::choose(members, self.len(), count, prng, visit);
        }
        let mut seen = HashSet::with_capacity(count);
        while seen.len() < count {
            let Some(member) = self.random_slot(prng) else {
                return;
            };
            if seen.insert(member.address()) {
                visit(member.as_bytes());
            }
        }
    }

    pub(crate) fn scan(&self, cursor: u64, mut visit: impl FnMut(&[u8])) -> u64 {
        self.table
            .scan(cursor, hash_of, |member| visit(member.as_bytes()))
    }

    pub(crate) fn iter(&self) -> MemberIter<'_> {
        MemberIter(self.table.iter())
    }

    pub(crate) fn members(&self) -> &Members<ThinBytes> {
        &self.table
    }

    pub(crate) fn members_mut(&mut self) -> &mut Members<ThinBytes> {
        &mut self.table
    }

    pub(crate) fn validate(&self) {
        assert_eq!(
            self.members_bytes,
            self.table.iter().map(ThinBytes::memory_bytes).sum::<usize>()
        );
        assert_eq!(self.table.iter().count(), self.len());
        assert!(self.table.iter().all(|member| self.contains(member.as_bytes())));
    }
}

impl Clone for MemberTable {
    fn clone(&self) -> MemberTable {
        let mut copy = MemberTable::default();
        for member in self.table.iter() {
            copy.insert_absent(hash_of(member), member.clone());
        }
        copy
    }
}

pub(crate) struct MemberIter<'a>(flashdb_table::Iter<'a, ThinBytes>);

impl<'a> Iterator for MemberIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.0.next().map(ThinBytes::as_bytes)
    }
}
