//! Hashes: fields with values, and an expiry time for those that have one. Small ones are packed in one
//! allocation, searched from the front; beyond the limits they become a hash table and stay one (a cursor of
//! [`Hash::scan`] would lose its meaning).
//!
//! **Expired fields.** A field is live while `now_ms <= expires_at_ms`. Reads that matter to clients take `now_ms`
//! and pass over dead fields. Writes do not look at the time: the caller takes due fields out first
//! ([`Hash::take_expired`], or [`Hash::is_expired`] and [`Hash::remove`] for one), so that each removal is an
//! effect of its own.

mod entry;
mod field_table;
mod pairs;
#[cfg(test)]
#[path = "hash_test.rs"]
mod tests;
mod timed_fields;

use crate::approach::{Step, Wanted, prefetch_all};
use crate::held::OneWord;
use crate::pieces::{Members, takeable};
use crate::sample;
use crate::word::{Encoding, View, ViewMut, Word};
use entry::FieldEntry;
use field_table::{FieldIter, FieldTable};
use flashdb_base::prng::Prng;
use pairs::{PairIter, Pairs, pair_bytes};
use timed_fields::{TimedFields, TripleIter};

/// Packed hashes stay below this size whatever the limits say.
const PACKED_BYTES_CAP: usize = 1 << 30;

/// Draws before [`Hash::random`] stops hoping to hit a live field and walks them.
const RANDOM_DRAWS_MAX: usize = 16;

/// When a hash leaves the packed encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashLimits {
    /// Most fields of a packed hash (`hash-max-listpack-entries`).
    pub packed_entries_max: usize,
    /// Longest name or value in a packed hash, in bytes (`hash-max-listpack-value`).
    pub packed_value_bytes_max: usize,
}

impl Default for HashLimits {
    fn default() -> Self {
        HashLimits {
            packed_entries_max: 128,
            packed_value_bytes_max: 64,
        }
    }
}

/// A field of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    /// Unix time in ms; None when it never expires.
    pub expires_at_ms: Option<u64>,
}

impl Field<'_> {
    /// False once the field's time is past.
    pub fn is_live(&self, now_ms: u64) -> bool {
        self.expires_at_ms.is_none_or(|at_ms| now_ms <= at_ms)
    }
}

/// What a write does to the expiry time of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldTtl {
    /// The field never expires any more (HSET).
    Clear,
    /// A present field keeps its time, a new one has none (HINCRBY, KEEPTTL).
    Keep,
    /// The field expires at this unix time in ms.
    At(u64),
}

impl FieldTtl {
    fn applied_to(self, old_ms: Option<u64>) -> Option<u64> {
        match self {
            FieldTtl::Clear => None,
            FieldTtl::Keep => old_ms,
            FieldTtl::At(at_ms) => Some(at_ms),
        }
    }
}

/// What [`Hash::set`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOutcome {
    Created,
    Updated,
}

/// Fields with values.
#[derive(Clone)]
#[repr(transparent)]
pub struct Hash(Word<FieldTable, TimedFields>);

// SAFETY: the type is `repr(transparent)` over a `Word`, which is so over its buffer; nothing points into it.
unsafe impl OneWord for Hash {}

enum Repr<'a> {
    Packed(&'a Pairs),
    Timed(&'a TimedFields),
    Table(&'a FieldTable),
}

enum ReprMut<'a> {
    Packed(&'a mut Pairs),
    Timed(&'a mut TimedFields),
    Table(&'a mut FieldTable),
}

const _: () = assert!(size_of::<Hash>() == 8);

impl Hash {
    /// An empty hash; owns no memory.
    pub const fn new() -> Hash {
        Hash(Word::new())
    }

    #[inline]
    fn repr(&self) -> Repr<'_> {
        match self.0.view() {
            View::Bytes(_, buffer) => Repr::Packed(Pairs::of(buffer)),
            View::Medium(timed) => Repr::Timed(timed),
            View::Large(table) => Repr::Table(table),
        }
    }

    #[inline]
    fn repr_mut(&mut self) -> ReprMut<'_> {
        match self.0.view_mut() {
            ViewMut::Bytes(_, buffer) => ReprMut::Packed(Pairs::of_mut(buffer)),
            ViewMut::Medium(timed) => ReprMut::Timed(timed),
            ViewMut::Large(table) => ReprMut::Table(table),
        }
    }

    /// Makes room in an empty hash for exactly these names and values, or makes it a table if they may not be packed:
    /// saves growing step by step. `lengths` gives the bytes of each name and of each value, by turns.
    pub fn reserve(&mut self, mut lengths: impl Iterator<Item = usize>, limits: &HashLimits) {
        if !self.is_empty() {
            return;
        }
        let (mut count, mut bytes) = (0, 0usize);
        while let (Some(name_len), Some(value_len)) = (lengths.next(), lengths.next()) {
            count += 1;
            bytes = bytes.saturating_add(pair_bytes(name_len, value_len));
            let longest = name_len.max(value_len);
            if longest > limits.packed_value_bytes_max
                || count > limits.packed_entries_max
                || bytes > PACKED_BYTES_CAP
            {
                return self.make_table();
            }
        }
        if let ReprMut::Packed(pairs) = self.repr_mut() {
            pairs.reserve_first(bytes);
        }
    }

    /// Fields, expired ones that nobody took out yet included.
    pub fn len(&self) -> usize {
        match self.repr() {
            Repr::Packed(pairs) => pairs.len(),
            Repr::Timed(timed) => timed.fields.len(),
            Repr::Table(table) => table.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls for what a command on this field will need next; see [`crate::approach`].
    #[inline]
    pub fn prefetch(&self, step: Step, wanted: Wanted) {
        match self.repr() {
            Repr::Table(table) => table.prefetch(step, wanted),
            Repr::Packed(pairs) if step == Step::Head => pairs.prefetch(),
            Repr::Timed(timed) if step == Step::Head => prefetch_all(timed),
            Repr::Timed(timed) if step == Step::Bucket => timed.fields.0.prefetch(),
            _ => {}
        }
    }

    /// Live fields. O(1) where nothing is due, else O(n) packed and O(due fields) in a table.
    pub fn live_len(&self, now_ms: u64) -> usize {
        if !self.has_due(now_ms) {
            return self.len();
        }
        match self.repr() {
            Repr::Packed(pairs) => pairs.len(),
            Repr::Timed(timed) => timed.fields.iter().filter(|field| field.is_live(now_ms)).count(),
            Repr::Table(table) => table.len() - table.due_len(now_ms),
        }
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self.repr() {
            Repr::Packed(_) | Repr::Timed(_) => "listpack",
            Repr::Table(_) => "hashtable",
        }
    }

    /// Whether everything is in the one block, so that a copy of its bytes is a copy of the collection.
    pub fn is_plain(&self) -> bool {
        matches!(self.repr(), Repr::Packed(_))
    }

    /// Heap bytes, with what a holder keeps in the same block. O(1).
    pub fn memory_bytes(&self) -> usize {
        match self.repr() {
            Repr::Packed(_) => self.0.block_bytes(),
            Repr::Timed(timed) => self.0.block_bytes() + timed.memory_bytes(),
            Repr::Table(table) => self.0.block_bytes() + table.memory_bytes(),
        }
    }

    /// Number of allocations to free.
    pub fn free_effort(&self) -> usize {
        match self.repr() {
            Repr::Packed(_) => 1,
            Repr::Timed(_) => 2,
            Repr::Table(table) => table.len(),
        }
    }

    /// The field, live or not. O(n) packed (few by definition), O(1) in a table.
    pub fn get_any(&self, name: &[u8]) -> Option<Field<'_>> {
        match self.repr() {
            Repr::Packed(pairs) => pairs.get(name),
            Repr::Timed(timed) => timed.fields.get(name),
            Repr::Table(table) => table.get(name),
        }
    }

    /// The field, if live.
    pub fn get(&self, name: &[u8], now_ms: u64) -> Option<Field<'_>> {
        self.get_any(name).filter(|field| field.is_live(now_ms))
    }

    /// Whether the field is there but its time is past.
    pub fn is_expired(&self, name: &[u8], now_ms: u64) -> bool {
        self.has_due(now_ms) && self.get_any(name).is_some_and(|field| !field.is_live(now_ms))
    }

    /// Writes a field. A table overwrites in place where the value's length stays.
    pub fn set(&mut self, name: &[u8], value: &[u8], ttl: FieldTtl, limits: &HashLimits) -> SetOutcome {
        self.leave_packed_unless_fits(name.len().max(value.len()), name.len() + value.len(), limits);
        if let FieldTtl::At(_) = ttl {
            self.make_timed();
        }
        let created = match self.repr_mut() {
            ReprMut::Packed(pairs) => pairs.set(name, value),
            ReprMut::Timed(timed) => timed.set(name, value, ttl),
            ReprMut::Table(table) => table.set(name, value, ttl),
        };
        if created && self.len() > limits.packed_entries_max {
            self.make_table();
        }
        if created {
            SetOutcome::Created
        } else {
            SetOutcome::Updated
        }
    }

    /// Takes a field out; false when it was not there.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        match self.repr_mut() {
            ReprMut::Packed(pairs) => pairs.remove(name),
            ReprMut::Timed(timed) => timed.remove(name),
            ReprMut::Table(table) => table.remove(name),
        }
    }

    /// Gives a field an expiry time (unix ms); false when there is no such field.
    pub fn set_expiry(&mut self, name: &[u8], at_ms: u64) -> bool {
        if self.get_any(name).is_none() {
            return false;
        }
        self.make_timed();
        match self.repr_mut() {
            ReprMut::Packed(_) => false,
            ReprMut::Timed(timed) => timed.set_expiry(name, Some(at_ms)),
            ReprMut::Table(table) => table.set_expiry(name, Some(at_ms)),
        }
    }

    /// Takes a field's expiry time away; false when there is no such field or it had none.
    pub fn persist(&mut self, name: &[u8]) -> bool {
        if self
            .get_any(name)
            .is_none_or(|field| field.expires_at_ms.is_none())
        {
            return false;
        }
        match self.repr_mut() {
            ReprMut::Packed(_) => false,
            ReprMut::Timed(timed) => timed.set_expiry(name, None),
            ReprMut::Table(table) => table.set_expiry(name, None),
        }
    }

    /// The earliest expiry time (unix ms) of all fields. O(1) packed, O(log n) in a table.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        match self.repr() {
            Repr::Packed(_) => None,
            Repr::Timed(timed) => timed.next_expiry_ms(),
            Repr::Table(table) => table.next_expiry_ms(),
        }
    }

    /// Whether any field's time is past.
    pub fn has_due(&self, now_ms: u64) -> bool {
        self.next_expiry_ms().is_some_and(|at_ms| at_ms < now_ms)
    }

    /// Takes out up to `max` fields whose time is past, shows each to `taken` and returns their number. A table
    /// gives the earliest first, O(log n) each; a packed hash gives them in one pass as they stand.
    pub fn take_expired(&mut self, now_ms: u64, max: usize, mut taken: impl FnMut(Field<'_>)) -> usize {
        if !self.has_due(now_ms) {
            return 0;
        }
        match self.repr_mut() {
            ReprMut::Packed(_) => 0,
            ReprMut::Timed(timed) => timed.take_due(now_ms, max, taken),
            ReprMut::Table(table) => {
                let due = std::iter::from_fn(|| table.take_due(now_ms)).take(max);
                due.inspect(|entry| taken(entry.field())).count()
            }
        }
    }

    /// A random live field, each equally likely; None when there is none.
    pub fn random(&self, now_ms: u64, prng: &mut Prng) -> Option<Field<'_>> {
        for _ in 0..RANDOM_DRAWS_MAX {
            let field = self.random_any(prng)?;
            if field.is_live(now_ms) {
                return Some(field);
            }
        }
        let mut chosen = None;
        let live = self.iter().filter(|field| field.is_live(now_ms));
        sample::choose(live, self.live_len(now_ms), 1, prng, |field| chosen = Some(field));
        chosen
    }

    fn random_any(&self, prng: &mut Prng) -> Option<Field<'_>> {
        if self.is_empty() {
            return None;
        }
        let index = prng.below(self.len() as u64) as usize;
        match self.repr() {
            Repr::Packed(pairs) => pairs.nth(index),
            Repr::Timed(timed) => timed.fields.nth(index),
            Repr::Table(table) => table.random(prng),
        }
    }

    /// Visits `count` different live fields (all when there are fewer), each subset equally likely, in no
    /// promised order. O(count) of a much larger table, else O(n).
    pub fn random_distinct<'a>(
        &'a self,
        count: usize,
        now_ms: u64,
        prng: &mut Prng,
        visit: impl FnMut(Field<'a>),
    ) {
        let live = self.live_len(now_ms);
        match self.repr() {
            Repr::Table(table) => table.random_distinct(count, live, now_ms, prng, visit),
            _ => sample::choose(
                self.iter().filter(|field| field.is_live(now_ms)),
                live,
                count,
                prng,
                visit,
            ),
        }
    }

    /// Visits the fields of the cursor's bucket, live or not, and returns the next cursor; 0 starts and ends. A
    /// field that is there from start to end is visited at least once. A packed hash is visited whole in one call.
    pub fn scan(&self, cursor: u64, visit: impl FnMut(Field<'_>)) -> u64 {
        match self.repr() {
            Repr::Table(table) => table.scan(cursor, visit),
            _ => {
                self.iter().for_each(visit);
                0
            }
        }
    }

    /// All fields, live or not, in no promised order.
    pub fn iter(&self) -> Iter<'_> {
        Iter(match self.repr() {
            Repr::Packed(pairs) => ReprIter::Packed(pairs.iter()),
            Repr::Timed(timed) => ReprIter::Timed(timed.fields.iter()),
            Repr::Table(table) => ReprIter::Table(table.iter()),
        })
    }

    fn member_table(&self) -> Option<&Members<FieldEntry>> {
        match self.repr() {
            Repr::Table(table) => Some(table.members()),
            _ => None,
        }
    }

    fn member_table_mut(&mut self) -> Option<&mut Members<FieldEntry>> {
        match self.repr_mut() {
            ReprMut::Table(table) => Some(table.members_mut()),
            _ => None,
        }
    }

    fn leave_packed_unless_fits(&mut self, longest_bytes: usize, added_bytes: usize, limits: &HashLimits) {
        let packed_bytes = match self.repr() {
            Repr::Packed(pairs) => pairs.bytes_len(),
            Repr::Timed(timed) => timed.fields.0.bytes_len(),
            Repr::Table(_) => return,
        };
        if longest_bytes > limits.packed_value_bytes_max || packed_bytes + added_bytes >= PACKED_BYTES_CAP {
            self.make_table();
        }
    }

    /// Makes room for expiry times.
    fn make_timed(&mut self) {
        if let Repr::Packed(pairs) = self.repr() {
            let timed = Box::new(TimedFields::from_pairs(pairs));
            self.0.put_medium(timed);
        }
    }

    fn make_table(&mut self) {
        if let Repr::Table(_) = self.repr() {
            return;
        }
        let mut table = Box::<FieldTable>::default();
        for field in self.iter() {
            table.insert_absent(FieldEntry::new(field.name, field.value, field.expires_at_ms));
        }
        self.0.put_large(table);
    }

    /// Checks the encoding in use.
    ///
    /// # Panics
    /// When an invariant does not hold.
    pub fn validate(&self) {
        match self.repr() {
            Repr::Packed(pairs) => pairs.validate(),
            Repr::Timed(timed) => timed.validate(),
            Repr::Table(table) => table.validate(),
        }
    }
}

takeable!(Hash);

impl Default for Hash {
    fn default() -> Self {
        Hash::new()
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Equal fields, values and times, whatever the encoding.
impl PartialEq for Hash {
    fn eq(&self, other: &Hash) -> bool {
        self.len() == other.len() && self.iter().all(|field| other.get_any(field.name) == Some(field))
    }
}

impl Eq for Hash {}

impl<'a> IntoIterator for &'a Hash {
    type Item = Field<'a>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Fields of a hash.
pub struct Iter<'a>(ReprIter<'a>);

enum ReprIter<'a> {
    Packed(PairIter<'a>),
    Timed(TripleIter<'a>),
    Table(FieldIter<'a>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        match &mut self.0 {
            ReprIter::Packed(fields) => fields.next(),
            ReprIter::Timed(fields) => fields.next(),
            ReprIter::Table(fields) => fields.next(),
        }
    }
}
