//! Walks over a stretch of a list, from both ends, without allocating.
//!
//! An end of the stretch is sought only when the first element is taken from there, so a walk in one direction
//! pays for one seek: O(log nodes) plus a walk within one node.

use super::block::Block;
use super::element::{split_first, split_last};
use super::quick::{Body, Quick};
use crate::packed;
use std::ops::Range;

/// Elements of a list, see [`List::iter`](super::List::iter) and [`List::range`](super::List::range).
#[derive(Clone)]
pub struct Iter<'a> {
    source: Source<'a>,
    /// Indexes that are still to be given.
    left: Range<usize>,
}

#[derive(Clone)]
enum Source<'a> {
    Packed {
        elements: packed::Iter<'a, true>,
        skip_front: usize,
        skip_back: usize,
    },
    Quick {
        quick: &'a Quick,
        front: Option<Cursor<'a>>,
        back: Option<Cursor<'a>>,
    },
}

/// What is left of one block, and the node to go on with when that is used up: for a walk to the back the one
/// behind it, for a walk to the front the one whose successor this index names.
#[derive(Clone)]
struct Cursor<'a> {
    rest: &'a [u8],
    node: usize,
}

impl<'a> Iter<'a> {
    pub(super) fn packed(packed: &'a packed::Packed, range: Range<usize>) -> Iter<'a> {
        let skip_back = packed.len() - range.end;
        Iter {
            source: Source::Packed {
                elements: packed.iter(),
                skip_front: range.start,
                skip_back,
            },
            left: range,
        }
    }

    pub(super) fn quick(quick: &'a Quick, range: Range<usize>) -> Iter<'a> {
        Iter {
            source: Source::Quick {
                quick,
                front: None,
                back: None,
            },
            left: range,
        }
    }
}

/// A cursor whose next element towards the back is the one at `index`.
fn seek_front(quick: &Quick, index: usize) -> Cursor<'_> {
    let (node, within) = quick.locate(index);
    match &quick.nodes()[node].body {
        Body::Block(block) => Cursor {
            rest: &block.encoded()[block.offset_of(within)..],
            node: node + 1,
        },
        Body::Big(_) => Cursor { rest: &[], node },
    }
}

/// A cursor whose next element towards the front is the one at `index`.
fn seek_back(quick: &Quick, index: usize) -> Cursor<'_> {
    let (node, within) = quick.locate(index);
    match &quick.nodes()[node].body {
        Body::Block(block) => Cursor {
            rest: &block.encoded()[..block.offset_of(within + 1)],
            node,
        },
        Body::Big(_) => Cursor {
            rest: &[],
            node: node + 1,
        },
    }
}

impl<'a> Cursor<'a> {
    #[inline]
    fn next(&mut self, quick: &'a Quick) -> Option<&'a [u8]> {
        if let Some((value, rest)) = split_first(self.rest) {
            self.rest = rest;
            return Some(value);
        }
        let body = &quick.nodes().get(self.node)?.body;
        self.node += 1;
        self.enter(body, split_first)
    }

    #[inline]
    fn next_back(&mut self, quick: &'a Quick) -> Option<&'a [u8]> {
        if let Some((value, rest)) = split_last(self.rest) {
            self.rest = rest;
            return Some(value);
        }
        self.node = self.node.checked_sub(1)?;
        self.enter(&quick.nodes().get(self.node)?.body, split_last)
    }

    /// The first element of a node just reached.
    fn enter(
        &mut self,
        body: &'a Body,
        split: impl FnOnce(&'a [u8]) -> Option<(&'a [u8], &'a [u8])>,
    ) -> Option<&'a [u8]> {
        match body {
            Body::Block(block) => {
                let (value, rest) = split(Block::encoded(block))?;
                self.rest = rest;
                Some(value)
            }
            Body::Big(value) => Some(value),
        }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let index = self.left.next()?;
        match &mut self.source {
            Source::Packed {
                elements, skip_front, ..
            } => elements.nth(std::mem::take(skip_front)),
            Source::Quick { quick, front, .. } => {
                front.get_or_insert_with(|| seek_front(quick, index)).next(quick)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let index = self.left.next_back()?;
        match &mut self.source {
            Source::Packed {
                elements, skip_back, ..
            } => elements.nth_back(std::mem::take(skip_back)),
            Source::Quick { quick, back, .. } => back
                .get_or_insert_with(|| seek_back(quick, index))
                .next_back(quick),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}
