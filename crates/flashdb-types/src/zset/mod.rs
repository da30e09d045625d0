//! Sorted sets: members in the order of (score, member bytes). A small one is packed in one allocation; a large one is
//! a table by member and an order-statistic B+tree. Ranges by score, by member and by rank are all runs of ranks, so
//! one iterator and one removal serve them all, and the size of any range is known without walking it.
//!
//! Scores are never not-a-number; 0 and -0 are equal, but the sign is kept. A set that became large stays large.

mod builder;
mod element;
mod large;
mod packed;
mod range;
mod tree;

pub use builder::ZSetBuilder;
pub use range::{LexBound, LexRange, ScoreRange};

use crate::approach::{Step, Wanted};
use crate::held::OneWord;
use crate::pieces::{Members, takeable};
use crate::word::{Encoding, View, ViewMut, Word};
use element::Element;
use large::LargeZSet;
use packed::{PackedIter, PackedZSet};
use std::ops::Range;
use tree::TreeIter;

/// Up to where a sorted set stays packed: `zset-max-listpack-entries` and `-value` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Members.
    pub max_listpack_entries: usize,
    /// Bytes of the longest member.
    pub max_listpack_value: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_listpack_entries: 128,
            max_listpack_value: 64,
        }
    }
}

/// What [`ZSet::insert`] did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Inserted {
    /// The member is new.
    Added,
    /// The member had another score.
    Updated { old_score: f64 },
    /// The member had this score.
    Unchanged,
}

/// A sorted set. 8 bytes and the heap.
#[derive(Clone)]
#[repr(transparent)]
pub struct ZSet {
    word: Word<LargeZSet>,
}

// SAFETY: the type is `repr(transparent)` over a `Word`, which is so over its buffer; nothing points into it.
unsafe impl OneWord for ZSet {}

/// The form of the bytes.
const PACKED: u8 = 0;

enum Repr<'a> {
    Packed(&'a PackedZSet),
    Large(&'a LargeZSet),
}

enum ReprMut<'a> {
    Packed(&'a mut PackedZSet),
    Large(&'a mut LargeZSet),
}

impl Default for ZSet {
    fn default() -> ZSet {
        ZSet::new()
    }
}

impl ZSet {
    /// An empty set; owns no memory.
    pub const fn new() -> ZSet {
        ZSet { word: Word::new() }
    }

    fn from_packed(packed: PackedZSet) -> ZSet {
        let mut zset = ZSet::new();
        zset.word.put_bytes(PACKED, packed.into_buffer());
        zset
    }

    fn from_large(large: LargeZSet) -> ZSet {
        let mut zset = ZSet::new();
        zset.word.put_large(Box::new(large));
        zset
    }

    #[inline]
    fn repr(&self) -> Repr<'_> {
        match self.word.view() {
            View::Bytes(_, buffer) => Repr::Packed(PackedZSet::of(buffer)),
            View::Medium(never) => match *never {},
            View::Large(large) => Repr::Large(large),
        }
    }

    #[inline]
    fn repr_mut(&mut self) -> ReprMut<'_> {
        match self.word.view_mut() {
            ViewMut::Bytes(_, buffer) => ReprMut::Packed(PackedZSet::of_mut(buffer)),
            ViewMut::Medium(never) => match *never {},
            ViewMut::Large(large) => ReprMut::Large(large),
        }
    }

    /// A set of pairs in any order; of a member that comes twice the last score counts. O(n log n).
    ///
    /// # Panics
    /// When a score is not a number.
    pub fn from_pairs<M: AsRef<[u8]>>(pairs: impl IntoIterator<Item = (M, f64)>, limits: &Limits) -> ZSet {
        let mut builder = ZSetBuilder::new();
        for (member, score) in pairs {
            builder.add(member.as_ref(), score, |_, last| last);
        }
        builder.finish(limits)
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        match self.repr() {
            Repr::Packed(packed) => packed.len(),
            Repr::Large(large) => large.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self.repr() {
            Repr::Packed(_) => "listpack",
            Repr::Large(_) => "skiplist",
        }
    }

    /// Whether everything is in the one block, so that a copy of its bytes is a copy of the collection.
    pub fn is_plain(&self) -> bool {
        matches!(self.repr(), Repr::Packed(_))
    }

    /// Heap bytes, with what a holder keeps in the same block. O(1).
    pub fn memory_bytes(&self) -> usize {
        match self.repr() {
            Repr::Packed(_) => self.word.block_bytes(),
            Repr::Large(large) => self.word.block_bytes() + large.memory_bytes(),
        }
    }

    /// Number of allocations that dropping the set frees, about. O(1).
    pub fn free_effort(&self) -> usize {
        match self.repr() {
            Repr::Packed(_) => 1,
            Repr::Large(large) => large.free_effort(),
        }
    }

    /// The score of a member.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.repr() {
            Repr::Packed(packed) => packed.find(member).map(|found| found.score),
            Repr::Large(large) => large.score(member),
        }
    }

    /// Calls for what a command on this member will need next; see [`crate::approach`].
    #[inline]
    pub fn prefetch(&self, step: Step, wanted: Wanted) {
        match self.repr() {
            Repr::Large(large) => large.prefetch(step, wanted),
            Repr::Packed(packed) if step == Step::Head => packed.prefetch(),
            Repr::Packed(_) => {}
        }
    }

    /// Adds a member or gives it another score. O(log n). A score that is equal but for the sign of zero changes
    /// nothing, as in Redis.
    ///
    /// # Panics
    /// When the score is not a number.
    pub fn insert(&mut self, member: &[u8], score: f64, limits: &Limits) -> Inserted {
        assert!(!score.is_nan(), "a score is a number");
        let old_score = match self.repr_mut() {
            ReprMut::Packed(packed) => match packed.find(member) {
                Some(found) => {
                    if found.score != score {
                        packed.change(found, member, score);
                    }
                    Some(found.score)
                }
                None if fits_packed(packed, member, limits) => {
                    packed.insert_new(member, score);
                    None
                }
                None => self.enlarge().insert(member, score),
            },
            ReprMut::Large(large) => large.insert(member, score),
        };
        match old_score {
            None => Inserted::Added,
            Some(old) if old == score => Inserted::Unchanged,
            Some(old_score) => Inserted::Updated { old_score },
        }
    }

    fn member_table(&self) -> Option<&Members<Element>> {
        match self.repr() {
            Repr::Large(table) => Some(table.members()),
            _ => None,
        }
    }

    fn member_table_mut(&mut self) -> Option<&mut Members<Element>> {
        match self.repr_mut() {
            ReprMut::Large(table) => Some(table.members_mut()),
            _ => None,
        }
    }

    /// Changes to the large encoding.
    fn enlarge(&mut self) -> &mut LargeZSet {
        if let Repr::Packed(packed) = self.repr() {
            let mut large = Box::new(LargeZSet::new());
            for (member, score) in packed.range(0..packed.len()) {
                large.insert(member, score);
            }
            self.word.put_large(large);
        }
        match self.repr_mut() {
            ReprMut::Large(large) => large,
            ReprMut::Packed(_) => unreachable!("just made large"),
        }
    }

    /// Removes a member; the score it had.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self.repr_mut() {
            ReprMut::Packed(packed) => {
                let found = packed.find(member)?;
                packed.remove(found);
                Some(found.score)
            }
            ReprMut::Large(large) => large.remove(member),
        }
    }

    /// Rank of a member from the lowest, 0 first, and its score. O(log n).
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        match self.repr() {
            Repr::Packed(packed) => packed.find(member).map(|found| (found.rank, found.score)),
            Repr::Large(large) => large.rank(member),
        }
    }

    /// Rank of a member from the highest, 0 first, and its score. O(log n).
    pub fn reverse_rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        self.rank(member)
            .map(|(rank, score)| (self.len() - 1 - rank, score))
    }

    /// The member at a rank. O(log n). With a random rank it is the random member: each is as likely.
    pub fn get(&self, rank: usize) -> Option<(&[u8], f64)> {
        self.range(rank..rank.saturating_add(1)).next()
    }

    /// Number of members that satisfy `before`, which must hold for a prefix of the order.
    fn partition_point(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        match self.repr() {
            Repr::Packed(packed) => packed.partition_point(before),
            Repr::Large(large) => large.partition_point(before),
        }
    }

    /// The ranks of the members within a range of scores; its `len()` is their number. O(log n).
    pub fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        let start = self.partition_point(|score, _| range.is_above(score));
        let end = self.partition_point(|score, _| !range.is_past(score));
        start..end.max(start)
    }

    /// The ranks of the members within a range of members; its `len()` is their number. O(log n).
    pub fn ranks_by_lex(&self, range: &LexRange<'_>) -> Range<usize> {
        let start = self.partition_point(|_, member| range.is_above(member));
        let end = self.partition_point(|_, member| !range.is_past(member));
        start..end.max(start)
    }

    /// All members, ascending; `rev()` for descending.
    pub fn iter(&self) -> Iter<'_> {
        self.range(0..self.len())
    }

    /// The members of these ranks (clamped to the end), ascending, or descending by `rev()`. O(log n) to get there,
    /// no allocation.
    pub fn range(&self, ranks: Range<usize>) -> Iter<'_> {
        match self.repr() {
            Repr::Packed(packed) => Iter(IterRepr::Packed(packed.range(ranks))),
            Repr::Large(large) => Iter(IterRepr::Large(large.range(ranks))),
        }
    }

    /// Removes the members of these ranks (clamped to the end). O(k + log n). To know them, walk [`ZSet::range`]
    /// first.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        match self.repr_mut() {
            ReprMut::Packed(packed) => packed.remove_range(ranks),
            ReprMut::Large(large) => large.remove_range(ranks),
        }
    }

    /// Removes the `count` lowest members, showing each, the lowest first. O(k + log n).
    pub fn pop_min(&mut self, count: usize, visit: impl FnMut((&[u8], f64))) {
        let ranks = 0..count.min(self.len());
        self.range(ranks.clone()).for_each(visit);
        self.remove_ranks(ranks);
    }

    /// Removes the `count` highest members, showing each, the highest first. O(k + log n).
    pub fn pop_max(&mut self, count: usize, visit: impl FnMut((&[u8], f64))) {
        let ranks = self.len().saturating_sub(count)..self.len();
        self.range(ranks.clone()).rev().for_each(visit);
        self.remove_ranks(ranks);
    }

    /// Shows some members and gives the cursor to go on with; 0 starts and ends. Members that are there all the time
    /// are shown at least once. A packed set is shown at once, a large one a bucket a call.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        match self.repr() {
            Repr::Packed(packed) => {
                packed
                    .range(0..packed.len())
                    .for_each(|(member, score)| visit(member, score));
                0
            }
            Repr::Large(large) => large.scan(cursor, visit),
        }
    }

    /// Checks every invariant of the structures inside; what is wrong, if anything. O(n log n).
    pub fn validate(&self) -> Result<(), String> {
        match self.repr() {
            Repr::Packed(packed) => packed.validate(),
            Repr::Large(large) => large.validate(),
        }
    }
}

takeable!(ZSet);

/// Whether a new member leaves the set packed.
fn fits_packed(packed: &PackedZSet, member: &[u8], limits: &Limits) -> bool {
    packed.len() < limits.max_listpack_entries
        && member.len() <= limits.max_listpack_value
        && packed.has_room_for(member.len())
}

/// Members with their scores, see [`ZSet::range`].
#[derive(Clone)]
pub struct Iter<'a>(IterRepr<'a>);

#[derive(Clone)]
enum IterRepr<'a> {
    Packed(PackedIter<'a>),
    Large(TreeIter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            IterRepr::Packed(iter) => iter.next(),
            IterRepr::Large(iter) => iter.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            IterRepr::Packed(iter) => iter.size_hint(),
            IterRepr::Large(iter) => iter.size_hint(),
        }
    }

    fn nth(&mut self, n: usize) -> Option<Self::Item> {
        match &mut self.0 {
            IterRepr::Packed(iter) => iter.nth(n),
            IterRepr::Large(iter) => iter.nth(n),
        }
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            IterRepr::Packed(iter) => iter.next_back(),
            IterRepr::Large(iter) => iter.next_back(),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
#[path = "zset_test.rs"]
mod tests;
