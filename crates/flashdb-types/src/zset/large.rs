//! `LargeZSet`: a table that owns the elements and finds them by member, and a tree that keeps them in order.
//!
//! Invariant, which the tree's safety rests on: an element is in the tree exactly while it is in the table, under the
//! score that the element carries. So every change first takes an entry out of the tree, then frees the element.

use super::element::{Element, ElementRef};
use super::tree::{Entry, Moved, Tree, TreeIter};
use crate::approach::{Step, Wanted, prefetch_member};
use crate::pieces::{Members, Part, Piecewise};
use flashdb_base::hash::hash_bytes;
use flashdb_table::Table;
use std::ops::Range;

pub(super) struct LargeZSet {
    table: Members<Element>,
    tree: Tree,
    elements_bytes: usize,
}

impl Piecewise for Element {
    fn hash(&self) -> u64 {
        hash_of(self)
    }

    fn part(&self) -> Part<'_> {
        Part::Scored(self.member(), self.score())
    }

    fn warm(&self) {
        self.prefetch();
    }
}

fn hash_of(element: &Element) -> u64 {
    hash_bytes(element.member())
}

impl LargeZSet {
    pub(super) fn new() -> LargeZSet {
        LargeZSet {
            table: Members::default(),
            tree: Tree::new(),
            elements_bytes: 0,
        }
    }

    /// Takes over elements with different members. O(n log n).
    pub(super) fn from_table(table: Table<Element>) -> LargeZSet {
        let entries = sorted_entries(&table);
        let elements_bytes = table.iter().map(Element::memory_bytes).sum();
        // SAFETY: the entries refer to the elements of the table, which is kept beside the tree.
        let tree = unsafe { Tree::from_sorted(&entries) };
        LargeZSet {
            table: table.into(),
            tree,
            elements_bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.tree.len()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<LargeZSet>() + self.table.memory_bytes() + self.tree.memory_bytes() + self.elements_bytes
    }

    /// Number of allocations, about.
    pub(super) fn free_effort(&self) -> usize {
        self.len() + self.tree.node_count()
    }

    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.find(member).map(Element::score)
    }

    fn find(&self, member: &[u8]) -> Option<&Element> {
        self.table
            .find(hash_bytes(member), |element| element.member() == member)
    }

    /// Adds a member or changes its score; the score before.
    pub(super) fn insert(&mut self, member: &[u8], score: f64) -> Option<f64> {
        let hash = hash_bytes(member);
        if let Some(element) = self.table.find_mut(hash, |element| element.member() == member) {
            let old = element.score();
            if old != score {
                change_score(&mut self.tree, element, score);
            }
            return Some(old);
        }
        let element = Element::new(member, score);
        self.elements_bytes += element.memory_bytes();
        // SAFETY: the table takes the element below and gives it up only after the tree.
        unsafe {
            self.tree.insert(Entry {
                score,
                element: element.as_ref(),
            })
        };
        self.table.insert_unique(hash, element);
        None
    }

    /// Removes a member; its score.
    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let hash = hash_bytes(member);
        let score = self
            .table
            .find(hash, |element| element.member() == member)?
            .score();
        let was_there = self.tree.remove(score, member);
        debug_assert!(was_there, "a member of the table is in the tree");
        let element = self.table.remove(hash, |element| element.member() == member)?;
        self.elements_bytes -= element.memory_bytes();
        Some(score)
    }

    pub(super) fn remove_range(&mut self, ranks: Range<usize>) {
        let (table, bytes) = (&mut self.table, &mut self.elements_bytes);
        self.tree.remove_range(ranks, |taken| {
            *bytes -= free_taken(table, taken);
        });
    }

    pub(super) fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        Some((self.tree.rank(score, member), score))
    }

    /// Number of entries that satisfy `before`, which must hold for a prefix of the order.
    pub(super) fn partition_point(&self, before: impl Fn(f64, &[u8]) -> bool) -> usize {
        self.tree
            .partition_point(|entry| before(entry.score, entry.member()))
    }

    pub(super) fn range(&self, ranks: Range<usize>) -> TreeIter<'_> {
        self.tree.range(ranks)
    }

    pub(super) fn scan(&self, cursor: u64, mut visit: impl FnMut(&[u8], f64)) -> u64 {
        self.table.scan(cursor, hash_of, |element| {
            visit(element.member(), element.score())
        })
    }

    pub(super) fn members(&self) -> &Members<Element> {
        &self.table
    }

    pub(super) fn members_mut(&mut self) -> &mut Members<Element> {
        &mut self.table
    }

    pub(super) fn prefetch(&self, step: Step, wanted: Wanted) {
        if step != Step::Place {
            return prefetch_member(self, &self.table, step, wanted, |element| element.prefetch());
        }
        if let Some(element) = self.table.prefetch_candidate(wanted.hash) {
            self.tree.prefetch(element.score());
        }
        if let Some(score) = wanted.score {
            self.tree.prefetch(score);
        }
    }

    /// Checks the tree, and that table and tree hold the same. O(n log n).
    pub(super) fn validate(&self) -> Result<(), String> {
        self.tree.validate()?;
        if self.table.len() != self.tree.len() {
            return Err(format!(
                "{} in the table, {} in the tree",
                self.table.len(),
                self.tree.len()
            ));
        }
        let mut bytes = 0;
        for (rank, (member, score)) in self.tree.range(0..self.len()).enumerate() {
            let element = self
                .find(member)
                .ok_or_else(|| format!("rank {rank} is not in the table"))?;
            if element.score().to_bits() != score.to_bits() || element.member().as_ptr() != member.as_ptr() {
                return Err(format!("rank {rank} has another element or score in the table"));
            }
            bytes += element.memory_bytes();
        }
        if bytes != self.elements_bytes {
            return Err(format!(
                "elements take {bytes} bytes; kept: {}",
                self.elements_bytes
            ));
        }
        Ok(())
    }
}

impl Clone for LargeZSet {
    fn clone(&self) -> LargeZSet {
        let mut table = Table::new();
        let mut entries = Vec::with_capacity(self.len());
        for (member, score) in self.range(0..self.len()) {
            let element = Element::new(member, score);
            entries.push(Entry {
                score,
                element: element.as_ref(),
            });
            table.insert_unique(hash_bytes(member), element, hash_of);
        }
        // SAFETY: the entries refer to the elements of the new table, which is kept beside the tree.
        let tree = unsafe { Tree::from_sorted(&entries) };
        LargeZSet {
            table: table.into(),
            tree,
            elements_bytes: self.elements_bytes,
        }
    }
}

/// The elements of a table in the order of a sorted set.
pub(super) fn sorted_entries(table: &Table<Element>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(table.len());
    entries.extend(table.iter().map(|element| Entry {
        score: element.score(),
        element: element.as_ref(),
    }));
    entries.sort_unstable_by(|a, b| a.compare(b.score, b.member()));
    entries
}

/// Brings the entry of an element to where its new score belongs, then gives the element that score.
fn change_score(tree: &mut Tree, element: &mut Element, score: f64) {
    let (old, member) = (element.score(), element.member());
    let moved = tree.change_or_remove(old, member, score);
    debug_assert_ne!(moved, Moved::Absent, "a member of the table is in the tree");
    if moved != Moved::Stayed {
        // SAFETY: the element stays in the table beside the tree.
        unsafe {
            tree.insert(Entry {
                score,
                element: element.as_ref(),
            })
        };
    }
    element.set_score(score);
}

/// Frees an element that the tree just gave up; its heap bytes.
fn free_taken(table: &mut Members<Element>, taken: ElementRef) -> usize {
    // SAFETY: the element is still in the table, and the hash is all that the borrow is used for.
    let hash = hash_bytes(unsafe { taken.member() });
    let element = table.remove(hash, |element| element.as_ref() == taken);
    debug_assert!(element.is_some(), "an entry of the tree is in the table");
    element.map_or(0, |element| element.memory_bytes())
}
