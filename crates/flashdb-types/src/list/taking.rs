//! What is left to take of a list in pieces (see `crate::pieces`): stretches of elements that have not changed since the
//! beginning, wherever they are by now. Pushes move them, a pop or change in one first hands over the rest of its node.

use super::iter::Iter;
use super::quick::Quick;
use crate::pieces::{Amount, PIECE, Part, Taker};
use std::collections::VecDeque;
use std::ops::Range;

/// Nothing as a rule.
#[derive(Default)]
pub(super) struct Taking(Option<Box<Open>>);

struct Open {
    /// Ascending and disjoint; none is empty.
    left: VecDeque<Stretch>,
    /// What is to be added to their indexes: pushes at the front move all of them.
    shift: i64,
    taker: Box<dyn Taker>,
}

struct Stretch {
    indexes: Range<i64>,
    /// Index of its first element at the beginning.
    origin: u64,
}

/// A copy of a list is not being taken.
impl Clone for Taking {
    fn clone(&self) -> Taking {
        Taking(None)
    }
}

impl Open {
    /// The first stretch that ends behind an index.
    fn position(&self, index: i64) -> usize {
        self.left.partition_point(|stretch| stretch.indexes.end <= index)
    }

    fn contains(&self, index: i64) -> bool {
        let stretch = self.left.get(self.position(index));
        stretch.is_some_and(|stretch| stretch.indexes.contains(&index))
    }

    /// Takes the first stretch within a range of indexes out, as far as it is in it.
    fn cut(&mut self, range: &Range<i64>) -> Option<Stretch> {
        let at = self.position(range.start);
        let of = self.left.get_mut(at)?;
        let (start, end) = (range.start.max(of.indexes.start), range.end.min(of.indexes.end));
        if start >= end {
            return None;
        }
        let origin_at = |index: i64| of.origin + (index - of.indexes.start) as u64;
        let (taken, behind) = (origin_at(start), origin_at(end));
        let after = Stretch {
            indexes: end..of.indexes.end,
            origin: behind,
        };
        of.indexes.end = start;
        if of.indexes.is_empty() {
            self.left.remove(at);
        }
        if !after.indexes.is_empty() {
            let at = self.position(after.indexes.start);
            self.left.insert(at, after);
        }
        Some(Stretch {
            indexes: start..end,
            origin: taken,
        })
    }

    /// Moves what is at or behind an index by so much; a stretch around it is split.
    fn move_from(&mut self, index: i64, by: i64) {
        let is_behind = |stretch: Option<&Stretch>| stretch.is_some_and(|of| of.indexes.start >= index);
        if is_behind(self.left.front()) {
            self.shift += by;
            return;
        }
        let mut at = self.position(index);
        if let Some(of) = self.left.get_mut(at)
            && of.indexes.start < index
        {
            let after = Stretch {
                indexes: index..of.indexes.end,
                origin: of.origin + (index - of.indexes.start) as u64,
            };
            of.indexes.end = index;
            at += 1;
            self.left.insert(at, after);
        }
        for stretch in self.left.range_mut(at..) {
            stretch.indexes = stretch.indexes.start + by..stretch.indexes.end + by;
        }
    }
}

impl Quick {
    pub(super) fn taker(&self) -> Option<&dyn Taker> {
        self.taking.0.as_ref().map(|open| &*open.taker)
    }

    pub(super) fn begin_taking(&mut self, taker: Box<dyn Taker>) {
        let all = Stretch {
            indexes: 0..self.len() as i64,
            origin: 0,
        };
        self.taking.0 = Some(Box::new(Open {
            left: VecDeque::from([all]),
            shift: 0,
            taker,
        }));
    }

    pub(super) fn end_taking(&mut self) {
        self.taking.0 = None;
    }

    /// Takes the rest of a few nodes.
    pub(super) fn take_some(&mut self, most: Amount) -> (Amount, bool) {
        let mut taken = Amount { members: 0, bytes: 0 };
        while let Some(open) = &self.taking.0
            && taken.members < most.members
            && taken.bytes < most.bytes
        {
            let Some(first) = open.left.front() else {
                self.taking.0 = None;
                break;
            };
            let node = self.node_around((first.indexes.start + open.shift) as usize);
            let of_node = self.take_left(node);
            taken.members += of_node.members;
            taken.bytes += of_node.bytes;
        }
        (taken, self.taking.0.is_some())
    }

    /// To be called before the element at `index` is changed or removed.
    #[inline]
    pub(super) fn before_change(&mut self, index: usize) {
        if self.taking.0.is_some() {
            self.take_node(index);
        }
    }

    #[cold]
    #[inline(never)]
    fn take_node(&mut self, index: usize) {
        if let Some(open) = &self.taking.0
            && open.contains(index as i64 - open.shift)
        {
            self.take_left(self.node_around(index));
        }
    }

    /// To be called before elements are removed that may be in many nodes. O(their number).
    #[inline]
    pub(super) fn before_removal(&mut self, range: Range<usize>) {
        if self.taking.0.is_some() {
            self.take_left(range);
        }
    }

    /// To be called after an element was inserted at `index`.
    #[inline]
    pub(super) fn inserted(&mut self, index: usize) {
        if let Some(open) = &mut self.taking.0 {
            open.move_from(index as i64 - open.shift, 1);
        }
    }

    /// To be called after elements were removed, about which [`Quick::before_change`] or [`Quick::before_removal`] was told.
    #[inline]
    pub(super) fn removed(&mut self, range: Range<usize>) {
        if let Some(open) = &mut self.taking.0 {
            open.move_from(range.end as i64 - open.shift, -(range.len() as i64));
        }
    }

    /// Takes what is left of a range of indexes.
    fn take_left(&mut self, range: Range<usize>) -> Amount {
        let mut amount = Amount { members: 0, bytes: 0 };
        let Some(mut open) = self.taking.0.take() else {
            return amount;
        };
        let wanted = range.start as i64 - open.shift..range.end as i64 - open.shift;
        while let Some(stretch) = open.cut(&wanted) {
            let [start, end] = [stretch.indexes.start, stretch.indexes.end];
            let indexes = (start + open.shift) as usize..(end + open.shift) as usize;
            let mut piece = Amount { members: 0, bytes: 0 };
            for (origin, element) in (stretch.origin..).zip(Iter::quick(self, indexes)) {
                if piece.members >= PIECE.members || piece.bytes >= PIECE.bytes {
                    open.taker.close();
                    piece = Amount { members: 0, bytes: 0 };
                }
                for sum in [&mut amount, &mut piece] {
                    sum.members += 1;
                    sum.bytes += element.len();
                }
                open.taker.take(Part::Element(origin, element));
            }
            open.taker.close();
        }
        if !open.left.is_empty() {
            self.taking.0 = Some(open);
        }
        amount
    }
}

/// A list that goes hands over what is left.
impl Drop for Quick {
    fn drop(&mut self) {
        self.before_removal(0..self.len());
    }
}
