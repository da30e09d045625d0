//! Sets of byte strings in three encodings, chosen as members arrive and never changed back (a cursor of
//! [`Set::scan`] would lose its meaning):
//!
//! - integers only: sorted and packed;
//! - few short members: packed in one allocation, searched from the front;
//! - all others: a hash table.
//!
//! [`Set::encoding`] answers as Redis 7.0 does, which knows no packed strings: those are a "hashtable" too.

mod int_set;
mod member_table;
mod members;
#[cfg(test)]
#[path = "set_test.rs"]
mod tests;

use crate::approach::{Step, Wanted};
use crate::held::OneWord;
use crate::pieces::{self, takeable};
use crate::sample;
use crate::thin_buffer::ThinBuffer;
use crate::thin_bytes::ThinBytes;
use crate::word::{Encoding, View, ViewMut, Word};
use flashdb_base::number::{NumberBuffer, parse_i64};
use flashdb_base::prng::Prng;
use int_set::{IntIter, IntSet};
use member_table::{MemberIter, MemberTable};
use members::{Members, MembersIter};

/// Integer sets stay below this many members whatever the limits say, as their buffer is bounded.
const INTSET_ENTRIES_CAP: usize = 1 << 28;
/// Packed sets stay below this size whatever the limits say.
const PACKED_BYTES_CAP: usize = 1 << 30;

/// When a set leaves a small encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetLimits {
    /// Most members of an integer set (`set-max-intset-entries`).
    pub intset_entries_max: usize,
    /// Most members of a packed set.
    pub packed_entries_max: usize,
    /// Longest member of a packed set, in bytes.
    pub packed_value_bytes_max: usize,
}

impl Default for SetLimits {
    fn default() -> Self {
        SetLimits {
            intset_entries_max: 512,
            packed_entries_max: 128,
            packed_value_bytes_max: 64,
        }
    }
}

/// A member as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> Member<'a> {
    /// The member's bytes; `buffer` takes the digits of an integer.
    pub fn as_bytes<'b>(&self, buffer: &'b mut NumberBuffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            Member::Int(value) => buffer.format_i64(value),
            Member::Bytes(bytes) => bytes,
        }
    }

    pub fn to_vec(&self) -> Vec<u8> {
        self.as_bytes(&mut NumberBuffer::new()).to_vec()
    }
}

/// A set of byte strings.
#[derive(Clone)]
#[repr(transparent)]
pub struct Set(Word<MemberTable>);

// SAFETY: the type is `repr(transparent)` over a `Word`, which is so over its buffer; nothing points into it.
unsafe impl OneWord for Set {}

/// Forms of a set's bytes.
const INTS: u8 = 0;
const PACKED: u8 = 1;

enum Repr<'a> {
    Ints(&'a IntSet),
    Packed(&'a Members),
    Table(&'a MemberTable),
}

enum ReprMut<'a> {
    Ints(&'a mut IntSet),
    Packed(&'a mut Members),
    Table(&'a mut MemberTable),
}

const _: () = assert!(size_of::<Set>() == 8);

impl Set {
    /// An empty set; owns no memory.
    pub const fn new() -> Set {
        Set(Word::new())
    }

    #[inline]
    fn repr(&self) -> Repr<'_> {
        match self.0.view() {
            View::Bytes(INTS, buffer) => Repr::Ints(IntSet::of(buffer)),
            View::Bytes(_, buffer) => Repr::Packed(Members::of(buffer)),
            View::Medium(never) => match *never {},
            View::Large(table) => Repr::Table(table),
        }
    }

    #[inline]
    fn repr_mut(&mut self) -> ReprMut<'_> {
        match self.0.view_mut() {
            ViewMut::Bytes(INTS, buffer) => ReprMut::Ints(IntSet::of_mut(buffer)),
            ViewMut::Bytes(_, buffer) => ReprMut::Packed(Members::of_mut(buffer)),
            ViewMut::Medium(never) => match *never {},
            ViewMut::Large(table) => ReprMut::Table(table),
        }
    }

    /// A set of these members.
    pub fn from_members<'a>(members: impl IntoIterator<Item = &'a [u8]>, limits: &SetLimits) -> Set {
        let mut set = Set::new();
        for member in members {
            set.insert(member, limits);
        }
        set
    }

    pub fn len(&self) -> usize {
        match self.repr() {
            Repr::Ints(ints) => ints.len(),
            Repr::Packed(packed) => packed.len(),
            Repr::Table(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self.repr() {
            Repr::Ints(_) => "intset",
            Repr::Packed(_) | Repr::Table(_) => "hashtable",
        }
    }

    /// Whether everything is in the one block, so that a copy of its bytes is a copy of the collection.
    pub fn is_plain(&self) -> bool {
        !matches!(self.repr(), Repr::Table(_))
    }

    /// Heap bytes, with what a holder keeps in the same block. O(1).
    pub fn memory_bytes(&self) -> usize {
        match self.repr() {
            Repr::Ints(_) | Repr::Packed(_) => self.0.block_bytes(),
            Repr::Table(table) => self.0.block_bytes() + table.memory_bytes(),
        }
    }

    /// Number of allocations to free.
    pub fn free_effort(&self) -> usize {
        match self.repr() {
            Repr::Ints(_) | Repr::Packed(_) => 1,
            Repr::Table(table) => table.len(),
        }
    }

    /// Calls for what a command on this member will need next; see [`crate::approach`].
    #[inline]
    pub fn prefetch(&self, step: Step, wanted: Wanted) {
        match self.repr() {
            Repr::Table(table) => table.prefetch(step, wanted),
            Repr::Ints(ints) if step == Step::Head => ints.prefetch(),
            Repr::Packed(packed) if step == Step::Head => packed.prefetch(),
            _ => {}
        }
    }

    /// O(log n) for integers, O(n) packed (few by definition), O(1) in a table.
    pub fn contains(&self, member: &[u8]) -> bool {
        match self.repr() {
            Repr::Ints(ints) => parse_i64(member).is_some_and(|value| ints.contains(value)),
            Repr::Packed(packed) => packed.find(member).is_some(),
            Repr::Table(table) => table.contains(member),
        }
    }

    /// As [`Self::contains`], without a detour over text between two integer sets.
    pub fn contains_member(&self, member: Member<'_>) -> bool {
        match (self.repr(), member) {
            (Repr::Ints(ints), Member::Int(value)) => ints.contains(value),
            (_, member) => self.contains(member.as_bytes(&mut NumberBuffer::new())),
        }
    }

    /// Adds a member; false when it was there. Cost as [`Self::contains`], plus now and then a conversion.
    pub fn insert(&mut self, member: &[u8], limits: &SetLimits) -> bool {
        if let Repr::Ints(_) = self.repr() {
            match parse_i64(member) {
                Some(value) => return self.insert_int(value, limits),
                None => self.leave_ints(member.len(), limits),
            }
        }
        self.insert_bytes(member, limits)
    }

    /// As [`Self::insert`].
    pub fn insert_member(&mut self, member: Member<'_>, limits: &SetLimits) -> bool {
        match (self.repr(), member) {
            (Repr::Ints(_), Member::Int(value)) => self.insert_int(value, limits),
            (_, member) => self.insert(member.as_bytes(&mut NumberBuffer::new()), limits),
        }
    }

    fn insert_int(&mut self, value: i64, limits: &SetLimits) -> bool {
        let ReprMut::Ints(ints) = self.repr_mut() else {
            return false;
        };
        let inserted = ints.insert(value);
        if inserted && ints.len() > limits.intset_entries_max.min(INTSET_ENTRIES_CAP) {
            self.leave_ints(0, limits);
        }
        inserted
    }

    fn insert_bytes(&mut self, member: &[u8], limits: &SetLimits) -> bool {
        if let ReprMut::Packed(packed) = self.repr_mut() {
            if packed.find(member).is_some() {
                return false;
            }
            if fits_packed(packed.len() + 1, packed.bytes_len(), member.len(), limits) {
                packed.push(member);
                return true;
            }
            self.convert_to_table();
        }
        let ReprMut::Table(table) = self.repr_mut() else {
            return false;
        };
        table.insert(member)
    }

    /// Converts integers to strings: packed where they and one more member of `next_bytes` fit.
    fn leave_ints(&mut self, next_bytes: usize, limits: &SetLimits) {
        let Repr::Ints(ints) = self.repr() else { return };
        let longest = if ints.len() > 0 {
            flashdb_base::number::I64_TEXT_MAX
        } else {
            0
        };
        if fits_packed(ints.len() + 1, 0, next_bytes.max(longest), limits) {
            let mut packed = Members::new();
            let mut buffer = NumberBuffer::new();
            ints.iter()
                .for_each(|value| packed.push(buffer.format_i64(value)));
            self.0.put_bytes(PACKED, packed.into_buffer());
        } else {
            self.convert_to_table();
        }
    }

    fn member_table(&self) -> Option<&pieces::Members<ThinBytes>> {
        match self.repr() {
            Repr::Table(table) => Some(table.members()),
            _ => None,
        }
    }

    fn member_table_mut(&mut self) -> Option<&mut pieces::Members<ThinBytes>> {
        match self.repr_mut() {
            ReprMut::Table(table) => Some(table.members_mut()),
            _ => None,
        }
    }

    fn convert_to_table(&mut self) {
        let mut table = Box::<MemberTable>::default();
        let mut buffer = NumberBuffer::new();
        for member in self.iter() {
            table.insert(member.as_bytes(&mut buffer));
        }
        self.0.put_large(table);
    }

    /// Takes a member out; false when it was not there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self.repr_mut() {
            ReprMut::Ints(ints) => parse_i64(member).is_some_and(|value| ints.remove(value)),
            ReprMut::Packed(packed) => match packed.find(member) {
                Some(found) => {
                    packed.remove(&found);
                    true
                }
                None => false,
            },
            ReprMut::Table(table) => table.remove(member),
        }
    }

    /// A random member, each equally likely; None of an empty set.
    pub fn random(&self, prng: &mut Prng) -> Option<Member<'_>> {
        if self.is_empty() {
            return None;
        }
        let index = |len: usize, prng: &mut Prng| prng.below(len as u64) as usize;
        match self.repr() {
            Repr::Ints(ints) => Some(Member::Int(ints.get(index(ints.len(), prng)))),
            Repr::Packed(packed) => packed
                .nth(index(packed.len(), prng))
                .map(|found| Member::Bytes(packed.at(&found))),
            Repr::Table(table) => table.random(prng).map(Member::Bytes),
        }
    }

    /// Visits `count` different random members (all when there are fewer), each subset equally likely, in no
    /// promised order. O(count) of a much larger table, else O(n).
    pub fn random_distinct<'a>(&'a self, count: usize, prng: &mut Prng, mut visit: impl FnMut(Member<'a>)) {
        match self.repr() {
            Repr::Table(table) => table.random_distinct(count, prng, |member| visit(Member::Bytes(member))),
            _ => sample::choose(self.iter(), self.len(), count, prng, visit),
        }
    }

    /// Takes out a random member and shows it to `taken`; false when the set is empty.
    pub fn pop_random(&mut self, prng: &mut Prng, taken: impl FnOnce(Member<'_>)) -> bool {
        if self.is_empty() {
            return false;
        }
        match self.repr_mut() {
            ReprMut::Ints(ints) => {
                let rank = prng.below(ints.len() as u64) as usize;
                taken(Member::Int(ints.get(rank)));
                ints.remove_rank(rank);
            }
            ReprMut::Packed(packed) => {
                let index = prng.below(packed.len() as u64) as usize;
                if let Some(found) = packed.nth(index) {
                    taken(Member::Bytes(packed.at(&found)));
                    packed.remove(&found);
                }
            }
            ReprMut::Table(table) => match table.pop_random(prng) {
                Some(member) => taken(Member::Bytes(member.as_bytes())),
                None => return false,
            },
        }
        true
    }

    /// Takes out `count` random members (all when there are fewer) and shows each to `taken`. Where that is most
    /// of a table, the rest moves to a new set: O(n), instead of drawing from an ever emptier table.
    pub fn pop_random_many(
        &mut self,
        count: usize,
        limits: &SetLimits,
        prng: &mut Prng,
        mut taken: impl FnMut(Member<'_>),
    ) {
        let len = self.len();
        if count >= len {
            self.iter().for_each(taken);
            self.0.put_bytes(INTS, ThinBuffer::new());
        } else if count > len / 2 {
            let mut rest = Set::new();
            let mut left = count;
            for (index, member) in self.iter().enumerate() {
                if prng.below((len - index) as u64) < left as u64 {
                    taken(member);
                    left -= 1;
                } else {
                    rest.insert_member(member, limits);
                }
            }
            self.0.take(rest.0);
        } else {
            for _ in 0..count {
                self.pop_random(prng, &mut taken);
            }
        }
    }

    /// Visits the members of the cursor's bucket and returns the next cursor; 0 starts and ends. A member that
    /// is there from start to end is visited at least once. Small encodings are visited whole in one call.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(Member<'_>)) -> u64 {
        match self.repr() {
            Repr::Table(table) => table.scan(cursor, |member| visit(Member::Bytes(member))),
            _ => {
                self.iter().for_each(visit);
                0
            }
        }
    }

    /// All members: integers ascending, others in no promised order.
    pub fn iter(&self) -> Iter<'_> {
        Iter(match self.repr() {
            Repr::Ints(ints) => ReprIter::Ints(ints.iter()),
            Repr::Packed(packed) => ReprIter::Packed(packed.iter()),
            Repr::Table(table) => ReprIter::Table(table.iter()),
        })
    }

    /// Checks the encoding in use.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub fn validate(&self) {
        match self.repr() {
            Repr::Ints(ints) => ints.validate(),
            Repr::Packed(packed) => packed.validate(),
            Repr::Table(table) => table.validate(),
        }
    }
}

fn fits_packed(len: usize, packed_bytes: usize, member_bytes: usize, limits: &SetLimits) -> bool {
    len <= limits.packed_entries_max
        && member_bytes <= limits.packed_value_bytes_max
        && packed_bytes + member_bytes < PACKED_BYTES_CAP
}

takeable!(Set);

impl Default for Set {
    fn default() -> Self {
        Set::new()
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.iter().map(|m| m.to_vec().escape_ascii().to_string()))
            .finish()
    }
}

/// Equal members, whatever the encoding.
impl PartialEq for Set {
    fn eq(&self, other: &Set) -> bool {
        self.len() == other.len() && self.iter().all(|member| other.contains_member(member))
    }
}

impl Eq for Set {}

impl<'a> IntoIterator for &'a Set {
    type Item = Member<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Members of a set.
pub struct Iter<'a>(ReprIter<'a>);

enum ReprIter<'a> {
    Ints(IntIter<'a>),
    Packed(MembersIter<'a>),
    Table(MemberIter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        match &mut self.0 {
            ReprIter::Ints(ints) => ints.next().map(Member::Int),
            ReprIter::Packed(packed) => packed.next().map(Member::Bytes),
            ReprIter::Table(table) => table.next().map(Member::Bytes),
        }
    }
}
