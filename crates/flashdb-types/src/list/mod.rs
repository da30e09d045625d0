//! Lists: sequences of byte strings with fast ends.
//!
//! A short list is one packed sequence. Above 1 KiB it becomes a deque of nodes whose size the setting
//! `list-max-listpack-size` bounds (see [`Limits`]); a push or pop at an end then touches one node and moves
//! nothing, an index is found in O(log nodes) and a walk within one node, and an element of more than half a
//! node gets a node of its own. A list that has shrunk to a small block is packed again.
//!
//! Indexes count from 0 at the front; negative ones, and keys that vanish with their last element, are the
//! caller's. `OBJECT ENCODING` calls both encodings `quicklist`, as Redis 7.0 does.

mod block;
mod element;
mod iter;
mod limits;
mod quick;
mod taking;

pub use iter::Iter;
pub use limits::Limits;

use crate::held::OneWord;
use crate::packed::Packed;
use crate::pieces::{Amount, Kind, Takeable, Taker};
use crate::word::{Encoding, View, ViewMut, Word};
use quick::{Body, Quick};
use std::fmt;
use std::ops::Range;

/// A list. Takes 8 bytes beside its heap memory; an empty one owns none.
#[derive(Clone)]
#[repr(transparent)]
pub struct List(Word<Quick>);

// SAFETY: the type is `repr(transparent)` over a `Word`, which is so over its buffer; nothing points into it.
unsafe impl OneWord for List {}

/// The form of the bytes.
const PACKED: u8 = 0;

enum Repr<'a> {
    Packed(&'a Packed),
    Quick(&'a Quick),
}

enum ReprMut<'a> {
    Packed(&'a mut Packed),
    Quick(&'a mut Quick),
}

const _: () = assert!(size_of::<List>() == 8);

/// An end of a list: where elements come or go, or where a walk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The head, index 0; "left" in command names.
    Front,
    /// The tail; "right" in command names.
    Back,
}

impl End {
    /// The other end.
    pub const fn opposite(self) -> End {
        match self {
            End::Front => End::Back,
            End::Back => End::Front,
        }
    }

    /// Index of the element at this end of so many.
    const fn index(self, len: usize) -> usize {
        match self {
            End::Front => 0,
            End::Back => len.saturating_sub(1),
        }
    }
}

/// A packed list is converted when its encoded bytes exceed this.
const PACKED_BYTES_MAX: usize = 1024;
/// A list of one block is packed again when its encoded bytes are fewer: far below the bound above, so that a
/// list whose length swings a little is not converted back and forth.
const REPACK_BYTES: usize = 256;

impl List {
    /// An empty list.
    pub const fn new() -> List {
        List(Word::new())
    }

    #[inline]
    fn repr(&self) -> Repr<'_> {
        match self.0.view() {
            View::Bytes(_, buffer) => Repr::Packed(Packed::of(buffer)),
            View::Medium(never) => match *never {},
            View::Large(quick) => Repr::Quick(quick),
        }
    }

    #[inline]
    fn repr_mut(&mut self) -> ReprMut<'_> {
        match self.0.view_mut() {
            ViewMut::Bytes(_, buffer) => ReprMut::Packed(Packed::of_mut(buffer)),
            ViewMut::Medium(never) => match *never {},
            ViewMut::Large(quick) => ReprMut::Quick(quick),
        }
    }

    /// A list of the given elements, front to back.
    pub fn from_elements(elements: impl IntoIterator<Item: AsRef<[u8]>>, limits: &Limits) -> List {
        let mut list = List::new();
        for element in elements {
            list.push(End::Back, element.as_ref(), limits);
        }
        list
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        match self.repr() {
            Repr::Packed(packed) => packed.len(),
            Repr::Quick(quick) => quick.len(),
        }
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that `OBJECT ENCODING` answers.
    pub const fn encoding_name(&self) -> &'static str {
        "quicklist"
    }

    /// Whether everything is in the one block, so that a copy of its bytes is a copy of the list.
    pub fn is_plain(&self) -> bool {
        matches!(self.repr(), Repr::Packed(_))
    }

    /// Heap bytes of the list, slack included, with what a holder keeps in the same block. O(1).
    pub fn memory_bytes(&self) -> usize {
        match self.repr() {
            Repr::Packed(_) => self.0.block_bytes(),
            Repr::Quick(quick) => self.0.block_bytes() + quick.memory_bytes(),
        }
    }

    /// Number of allocations that dropping the list frees.
    pub fn free_effort(&self) -> usize {
        match self.repr() {
            Repr::Packed(packed) => usize::from(packed.memory_bytes() > 0),
            Repr::Quick(quick) => quick.nodes().len() + 2,
        }
    }

    /// Adds an element at one end. Amortised O(1).
    #[inline]
    pub fn push(&mut self, end: End, value: &[u8], limits: &Limits) {
        if let ReprMut::Quick(quick) = self.repr_mut() {
            quick.push(end, value, limits);
            if end == End::Front {
                quick.inserted(0);
            }
        } else {
            self.push_packed(end, value, limits);
        }
    }

    fn push_packed(&mut self, end: End, value: &[u8], limits: &Limits) {
        match self.room_for(value.len(), 0, limits) {
            ReprMut::Packed(packed) if end == End::Front => packed.push_front(value),
            ReprMut::Packed(packed) => packed.push_back(value),
            ReprMut::Quick(quick) => quick.push(end, value, limits),
        }
    }

    /// [`List::push`] at the front.
    #[inline]
    pub fn push_front(&mut self, value: &[u8], limits: &Limits) {
        self.push(End::Front, value, limits);
    }

    /// [`List::push`] at the back.
    #[inline]
    pub fn push_back(&mut self, value: &[u8], limits: &Limits) {
        self.push(End::Back, value, limits);
    }

    /// Takes the element at one end out. Amortised O(1).
    pub fn pop(&mut self, end: End) -> Option<Vec<u8>> {
        match self.repr_mut() {
            ReprMut::Packed(_) => self.pop_with(end, <[u8]>::to_vec),
            ReprMut::Quick(quick) => {
                let index = end.index(quick.len());
                quick.before_change(index);
                let value = quick.pop(end);
                quick.removed(index..index + 1);
                self.repack();
                value
            }
        }
    }

    /// Takes the element at one end out and shows it to `take` instead of copying it. Amortised O(1).
    #[inline]
    pub fn pop_with<R>(&mut self, end: End, take: impl FnOnce(&[u8]) -> R) -> Option<R> {
        match self.repr_mut() {
            ReprMut::Packed(packed) => {
                let index = if end == End::Front {
                    0
                } else {
                    packed.len().checked_sub(1)?
                };
                let at = packed.position(index)?;
                let taken = take(packed.at(at));
                packed.remove_at(at, 1);
                Some(taken)
            }
            ReprMut::Quick(quick) => {
                let index = end.index(quick.len());
                quick.before_change(index);
                let taken = quick.pop_with(end, take);
                quick.removed(index..index + 1);
                self.repack();
                taken
            }
        }
    }

    /// [`List::pop`] at the front.
    pub fn pop_front(&mut self) -> Option<Vec<u8>> {
        self.pop(End::Front)
    }

    /// [`List::pop`] at the back.
    pub fn pop_back(&mut self) -> Option<Vec<u8>> {
        self.pop(End::Back)
    }

    /// The element at one end. O(1).
    pub fn peek(&self, end: End) -> Option<&[u8]> {
        match self.repr() {
            Repr::Packed(packed) if end == End::Front => packed.first(),
            Repr::Packed(packed) => packed.last(),
            Repr::Quick(quick) => quick.peek(end),
        }
    }

    /// Drops `count` elements at one end, at most all. O(nodes dropped) and a walk within one node.
    pub fn drop_many(&mut self, end: End, count: usize) {
        match self.repr_mut() {
            ReprMut::Packed(packed) => {
                let count = count.min(packed.len());
                let start = if end == End::Front {
                    0
                } else {
                    packed.len() - count
                };
                packed.remove_range(start, count);
            }
            ReprMut::Quick(quick) => {
                let len = quick.len();
                let dropped = match end {
                    End::Front => 0..count.min(len),
                    End::Back => len - count.min(len)..len,
                };
                quick.before_removal(dropped.clone());
                quick.drop_many(end, count);
                quick.removed(dropped);
                self.repack();
            }
        }
    }

    /// Keeps only the elements of an index range, clamped to the list. O(nodes dropped).
    pub fn trim(&mut self, keep: Range<usize>) {
        let end = keep.end.min(self.len());
        self.drop_many(End::Back, self.len() - end.max(keep.start.min(end)));
        self.drop_many(End::Front, keep.start);
    }

    /// The element at `index`.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match self.repr() {
            Repr::Packed(packed) => packed.get(index),
            Repr::Quick(quick) => quick.get(index),
        }
    }

    /// Replaces the element at `index`; false if there is none. Cost: a move within one node.
    pub fn set(&mut self, index: usize, value: &[u8], limits: &Limits) -> bool {
        let Some(old) = self.get(index) else { return false };
        let old_len = old.len();
        match self.room_for(value.len(), Packed::encoded_len(old_len), limits) {
            ReprMut::Packed(packed) => packed.replace(index, value),
            ReprMut::Quick(quick) => {
                quick.before_change(index);
                quick.set(index, value, limits);
            }
        }
        true
    }

    /// Inserts before the element at `index`; at the back if there is none. Cost: a move within one node and
    /// a renumbering of the nodes between it and the nearer end.
    pub fn insert(&mut self, index: usize, value: &[u8], limits: &Limits) {
        match self.room_for(value.len(), 0, limits) {
            ReprMut::Packed(packed) => packed.insert(index.min(packed.len()), value),
            ReprMut::Quick(quick) => {
                let index = index.min(quick.len());
                quick.insert(index, value, limits);
                quick.inserted(index);
            }
        }
    }

    /// Inserts in front of (`End::Front`) or behind the first element equal to `pivot`; false if there is none.
    /// O(n).
    pub fn insert_beside(&mut self, pivot: &[u8], side: End, value: &[u8], limits: &Limits) -> bool {
        let Some(index) = self.find(pivot) else {
            return false;
        };
        self.insert(index + usize::from(side == End::Back), value, limits);
        true
    }

    /// Removes the element at `index`; false if there is none. Cost as [`List::insert`].
    pub fn remove(&mut self, index: usize) -> bool {
        if index >= self.len() {
            return false;
        }
        match self.repr_mut() {
            ReprMut::Packed(packed) => packed.remove_range(index, 1),
            ReprMut::Quick(quick) => {
                quick.before_change(index);
                quick.remove_at(index);
                quick.removed(index..index + 1);
                self.repack();
            }
        }
        true
    }

    /// Removes up to `max` elements equal to `value`, beginning at `from`; returns how many. O(n).
    pub fn remove_equal(&mut self, value: &[u8], from: End, max: usize) -> usize {
        match self.repr_mut() {
            ReprMut::Packed(packed) => remove_equal_packed(packed, value, from, max),
            ReprMut::Quick(quick) => {
                // Looks at all elements anyway.
                quick.before_removal(0..quick.len());
                let removed = quick.remove_equal(value, from, max);
                self.repack();
                removed
            }
        }
    }

    /// Index of the first element equal to `value`. O(n).
    pub fn find(&self, value: &[u8]) -> Option<usize> {
        match self.repr() {
            Repr::Packed(packed) => packed.find(value, 1),
            Repr::Quick(_) => self.iter().position(|element| element == value),
        }
    }

    /// All elements, front to back; `rev()` walks from the back.
    pub fn iter(&self) -> Iter<'_> {
        self.range(0..self.len())
    }

    /// The elements of an index range, clamped to the list. Either end of it is sought when first asked for.
    pub fn range(&self, range: Range<usize>) -> Iter<'_> {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        match self.repr() {
            Repr::Packed(packed) => Iter::packed(packed, range),
            Repr::Quick(quick) => Iter::quick(quick, range),
        }
    }

    /// The encoding to change, converted first if a value would make the packed one too large. `freed_bytes`
    /// are those of an element that the value replaces.
    fn room_for(&mut self, value_len: usize, freed_bytes: usize, limits: &Limits) -> ReprMut<'_> {
        if let Repr::Packed(packed) = self.repr()
            && value_len.saturating_add(packed.bytes_len() - freed_bytes) > PACKED_BYTES_MAX
        {
            let mut quick = Quick::new(limits);
            for element in packed {
                quick.push(End::Back, element, limits);
            }
            self.0.put_large(Box::new(quick));
        }
        self.repr_mut()
    }

    /// After elements were taken out: packs a list of nodes again if it has become small enough, and does not
    /// let one block keep the slack of a long list.
    #[inline]
    fn repack(&mut self) {
        let ReprMut::Quick(quick) = self.repr_mut() else {
            return;
        };
        match quick.single_block() {
            Some(block) if block.used() < REPACK_BYTES => self.pack(),
            Some(block) if block.used() < block.capacity() / 4 => quick.shrink_front(),
            None if quick.len() == 0 => self.pack(),
            _ => {}
        }
    }

    #[cold]
    fn pack(&mut self) {
        let packed = Packed::from_elements(self.iter());
        self.0.put_bytes(PACKED, packed.into_buffer());
    }

    /// Number of nodes and how many of them hold one big element; `None` while the list is packed.
    pub fn node_counts(&self) -> Option<(usize, usize)> {
        match self.repr() {
            Repr::Packed(_) => None,
            Repr::Quick(quick) => {
                let big = quick
                    .nodes()
                    .iter()
                    .filter(|node| matches!(node.body, Body::Big(_)))
                    .count();
                Some((quick.nodes().len(), big))
            }
        }
    }

    /// Checks all invariants of the encoding.
    ///
    /// # Panics
    /// When one does not hold.
    pub fn validate(&self) {
        match self.repr() {
            Repr::Packed(packed) => packed.validate(),
            Repr::Quick(quick) => {
                assert!(quick.len() > 0, "an empty list is packed");
                if let Err(error) = quick.validate() {
                    panic!("{error}");
                }
            }
        }
    }
}

/// Removes from a packed sequence, see [`List::remove_equal`].
fn remove_equal_packed(packed: &mut Packed, value: &[u8], from: End, max: usize) -> usize {
    let matching = packed.iter().filter(|element| *element == value).count();
    let removed = matching.min(max);
    if removed == 0 {
        return 0;
    }
    let skip = if from == End::Front { 0 } else { matching - removed };
    let (mut seen, mut kept) = (0, Packed::with_capacity(packed.bytes_len()));
    for element in packed.iter() {
        let matches = element == value;
        if !(matches && seen >= skip && seen < skip + removed) {
            kept.push_back(element);
        }
        seen += usize::from(matches);
    }
    kept.shrink_to_fit();
    packed.replace_content(kept);
    removed
}

/// Takeable while it has nodes.
impl Takeable for List {
    fn kind(&self) -> Kind {
        Kind::List
    }

    fn members(&self) -> usize {
        self.len()
    }

    fn is_takeable(&self) -> bool {
        matches!(self.repr(), Repr::Quick(_))
    }

    fn taker(&self) -> Option<&dyn Taker> {
        match self.repr() {
            Repr::Packed(_) => None,
            Repr::Quick(quick) => quick.taker(),
        }
    }

    fn begin_taking(&mut self, _: u64, taker: Box<dyn Taker>) {
        if let ReprMut::Quick(quick) = self.repr_mut() {
            quick.begin_taking(taker);
        }
    }

    fn take_some(&mut self, most: Amount) -> (Amount, bool) {
        match self.repr_mut() {
            ReprMut::Packed(_) => (Amount { members: 0, bytes: 0 }, false),
            ReprMut::Quick(quick) => quick.take_some(most),
        }
    }

    fn end_taking(&mut self) {
        if let ReprMut::Quick(quick) = self.repr_mut() {
            quick.end_taking();
        }
    }
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|element| element.escape_ascii().to_string()))
            .finish()
    }
}

/// Equal if the elements are; the encoding and the layout of nodes do not count.
impl PartialEq for List {
    fn eq(&self, other: &List) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for List {}

impl<'a> IntoIterator for &'a List {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

#[cfg(test)]
mod model_test;
