//! `ZSetBuilder`: collects members and scores in any order, with scores that still change, and makes a sorted set of
//! them at the end. For the set operations, stores and loads: members are copied once, and sorting once beats
//! inserting each.

use super::element::Element;
use super::large::{LargeZSet, sorted_entries};
use super::packed::PackedZSet;
use super::{Limits, ZSet};
use flashdb_base::hash::hash_bytes;
use flashdb_table::Table;

/// See the head of the file.
#[derive(Default)]
pub struct ZSetBuilder {
    table: Table<Element>,
}

fn hash_of(element: &Element) -> u64 {
    hash_bytes(element.member())
}

impl ZSetBuilder {
    pub fn new() -> ZSetBuilder {
        ZSetBuilder { table: Table::new() }
    }

    /// Number of members so far.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The score a member has so far.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        let found = self
            .table
            .find(hash_bytes(member), |element| element.member() == member);
        found.map(Element::score)
    }

    /// Adds a member, or gives one that is there the score `combine(old, score)`. True when it was added.
    ///
    /// # Panics
    /// When the resulting score is not a number.
    pub fn add(&mut self, member: &[u8], score: f64, combine: impl FnOnce(f64, f64) -> f64) -> bool {
        let hash = hash_bytes(member);
        match self.table.find_mut(hash, |element| element.member() == member) {
            Some(element) => {
                let score = combine(element.score(), score);
                assert!(!score.is_nan(), "a score is a number");
                element.set_score(score);
                false
            }
            None => {
                assert!(!score.is_nan(), "a score is a number");
                self.table
                    .insert_unique(hash, Element::new(member, score), hash_of);
                true
            }
        }
    }

    /// Takes a member out; its score so far.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let taken = self
            .table
            .remove(hash_bytes(member), |element| element.member() == member, hash_of)?;
        Some(taken.score())
    }

    /// The sorted set, in the encoding that the limits ask for. O(n log n).
    pub fn finish(self, limits: &Limits) -> ZSet {
        let allowed = self.len() <= limits.max_listpack_entries
            && self
                .table
                .iter()
                .all(|element| element.member().len() <= limits.max_listpack_value);
        if !allowed {
            return ZSet::from_large(LargeZSet::from_table(self.table));
        }
        let mut packed = PackedZSet::new();
        for entry in sorted_entries(&self.table) {
            if !packed.has_room_for(entry.member().len()) {
                return ZSet::from_large(LargeZSet::from_table(self.table));
            }
            packed.push(entry.member(), entry.score);
        }
        ZSet::from_packed(packed)
    }
}
