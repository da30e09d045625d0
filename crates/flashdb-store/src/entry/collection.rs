//! Collections that are the entry itself: its block is theirs, with the expiry and the key in front of their content
//! (`flashdb_types::held`). So a small hash, set, sorted set or list is one allocation with its key; of a large one the
//! content is a pointer. Keys too long for that are with a boxed value, as streams are.
//!
//! ```text
//!  offset 0    1..4     4              5..8             8
//!  +---------+--------+--------------+----------------+-----------------+-----+----------------+-------+
//!  | flags   | access | bytes of     | content's size | expiry ms       | key | content        | spare |
//!  | u8      | u24    | expiry + key | u24            | i64, flag       |     |                |       |
//!  +---------+--------+--------------+----------------+-----------------+-----+----------------+-------+
//! ```
//!
//! Of the flags the entry has the low five bits; the rest and the size are the collection's.

use super::{Entry, HAS_EXPIRY, HEADER, KIND, KIND_HELD};
use crate::value::{Value, ValueRef};
use flashdb_types::approach::{Step, Wanted};
use flashdb_types::hash::Hash;
use flashdb_types::held::{self, OneWord, PREFIX_AT, PREFIX_MAX};
use flashdb_types::list::List;
use flashdb_types::pieces::Takeable;
use flashdb_types::set::Set;
use flashdb_types::zset::ZSet;
use std::ptr::NonNull;

/// Which collection an entry of `KIND_HELD` is.
const TYPE: u8 = 0b0001_1000;
const TYPE_HASH: u8 = 0b0000_0000;
const TYPE_SET: u8 = 0b0000_1000;
const TYPE_ZSET: u8 = 0b0001_0000;
const TYPE_LIST: u8 = 0b0001_1000;

const _: () = assert!(HEADER == PREFIX_AT);

/// A collection that an entry can be.
///
/// # Safety
/// No two types have the same `TYPE`, and [`typed`] has an arm for it.
pub(crate) unsafe trait Held: OneWord + Clone {
    const TYPE: u8;
}

// SAFETY: the constants differ and `typed!` knows them.
unsafe impl Held for Hash {
    const TYPE: u8 = TYPE_HASH;
}
// SAFETY: as above.
unsafe impl Held for Set {
    const TYPE: u8 = TYPE_SET;
}
// SAFETY: as above.
unsafe impl Held for ZSet {
    const TYPE: u8 = TYPE_ZSET;
}
// SAFETY: as above.
unsafe impl Held for List {
    const TYPE: u8 = TYPE_LIST;
}

/// Runs an expression with `T` as the type that the flags of an entry of `KIND_HELD` say.
macro_rules! typed {
    ($flags:expr, $type:ident => $run:expr) => {
        match $flags & TYPE {
            TYPE_HASH => {
                type $type = Hash;
                $run
            }
            TYPE_SET => {
                type $type = Set;
                $run
            }
            TYPE_ZSET => {
                type $type = ZSet;
                $run
            }
            _ => {
                type $type = List;
                $run
            }
        }
    };
}

/// The parts of a prefix, and the marks that go with them.
struct Prefix<'a> {
    marks: [u8; 4],
    expiry: [u8; 8],
    expiry_len: usize,
    key: &'a [u8],
}

impl<'a> Prefix<'a> {
    fn new(r#type: u8, key: &'a [u8], expire_at_ms: Option<i64>, access: u32) -> Prefix<'a> {
        let [first, second, third, _] = access.to_le_bytes();
        let expires = if expire_at_ms.is_some() { HAS_EXPIRY } else { 0 };
        Prefix {
            marks: [KIND_HELD | r#type | expires, first, second, third],
            expiry: expire_at_ms.unwrap_or(0).to_ne_bytes(),
            expiry_len: if expire_at_ms.is_some() { 8 } else { 0 },
            key,
        }
    }

    fn fits(&self) -> bool {
        self.expiry_len + self.key.len() <= PREFIX_MAX
    }

    fn parts(&self) -> [&[u8]; 2] {
        [&self.expiry[..self.expiry_len], self.key]
    }
}

impl Entry {
    /// An entry that is the collection; one with a boxed value if the key is too long for that.
    pub(super) fn new_held<T: Held>(
        key: &[u8],
        value: T,
        expire_at_ms: Option<i64>,
        boxed: fn(T) -> Value,
    ) -> Entry {
        let prefix = Prefix::new(T::TYPE, key, expire_at_ms, 0);
        if !prefix.fits() {
            return Entry::new_boxed(key, boxed(value), expire_at_ms);
        }
        let block = held::into_block(value);
        // SAFETY: the block is a collection's, which moves to the new one; the old one is freed without it.
        unsafe {
            let moved = held::move_block(block, prefix.marks, prefix.parts());
            held::free_block(block);
            Entry(moved)
        }
    }

    #[inline]
    pub(super) fn is_held(&self) -> bool {
        self.header()[0] & KIND == KIND_HELD
    }

    /// The `T` that the entry is.
    #[inline]
    pub(crate) fn held<T: Held>(&self) -> Option<&T> {
        let is_one = self.header()[0] & (KIND | TYPE) == KIND_HELD | T::TYPE;
        // SAFETY: the flags say that the block is that of a `T`.
        is_one.then(|| unsafe { held::value_of(&self.0) })
    }

    /// As [`Entry::held`], to be changed, but not to be exchanged for another as a whole.
    #[inline]
    pub(crate) fn held_mut<T: Held>(&mut self) -> Option<&mut T> {
        let is_one = self.header()[0] & (KIND | TYPE) == KIND_HELD | T::TYPE;
        // SAFETY: as in `held`, and the entry is borrowed mutably.
        is_one.then(|| unsafe { held::value_of_mut(&mut self.0) })
    }

    /// The collection that the entry is: it is of `KIND_HELD`.
    #[inline]
    pub(super) fn held_value(&self) -> ValueRef<'_> {
        // SAFETY: the flags say what the block is.
        unsafe {
            match self.header()[0] & TYPE {
                TYPE_HASH => ValueRef::Hash(held::value_of(&self.0)),
                TYPE_SET => ValueRef::Set(held::value_of(&self.0)),
                TYPE_ZSET => ValueRef::ZSet(held::value_of(&self.0)),
                _ => ValueRef::List(held::value_of(&self.0)),
            }
        }
    }

    /// Bytes of the block of an entry of `KIND_HELD`.
    pub(super) fn held_block_bytes(&self) -> usize {
        // SAFETY: the block holds a collection.
        unsafe { held::block_bytes(self.0) }
    }

    /// Bytes of the block and of what is behind it.
    #[inline]
    pub(super) fn held_memory_bytes(&self) -> usize {
        // SAFETY: the flags say what the block is.
        typed!(self.header()[0], T => unsafe { held::value_of::<T>(&self.0) }.memory_bytes())
    }

    pub(super) fn held_free_effort(&self) -> usize {
        // SAFETY: the flags say what the block is.
        typed!(self.header()[0], T => unsafe { held::value_of::<T>(&self.0) }.free_effort())
    }

    #[inline]
    pub(super) fn held_takeable(&self) -> &dyn Takeable {
        // SAFETY: the flags say what the block is.
        typed!(self.header()[0], T => unsafe { held::value_of::<T>(&self.0) })
    }

    pub(super) fn held_takeable_mut(&mut self) -> &mut dyn Takeable {
        // SAFETY: the flags say what the block is.
        typed!(self.header()[0], T => unsafe { held::value_of_mut::<T>(&mut self.0) })
    }

    #[inline]
    pub(super) fn prefetch_held(&self, step: Step, wanted: Wanted) {
        match self.held_value() {
            ValueRef::Hash(hash) => hash.prefetch(step, wanted),
            ValueRef::Set(set) => set.prefetch(step, wanted),
            ValueRef::ZSet(zset) => zset.prefetch(step, wanted),
            _ => {}
        }
    }

    /// The same collection under another key and with another expiry. The entry is of `KIND_HELD`.
    pub(super) fn rehold(self, key: &[u8], expire_at_ms: Option<i64>) -> Entry {
        let r#type = self.header()[0] & TYPE;
        let prefix = Prefix::new(r#type, key, expire_at_ms, self.access());
        let old = std::mem::ManuallyDrop::new(self);
        // SAFETY: what is in the block moves, to a new holder or to none, and the block is freed without it.
        unsafe {
            let (marks, parts) = if prefix.fits() {
                (prefix.marks, prefix.parts())
            } else {
                ([0; 4], [&[][..]; 2])
            };
            let moved = held::move_block(old.0, marks, parts);
            held::free_block(old.0);
            if prefix.fits() {
                return Entry(moved);
            }
            let mut entry = Entry::new_boxed(key, released(r#type, moved), expire_at_ms);
            entry.set_access(old_access(prefix.marks));
            entry
        }
    }

    /// A deep copy of the collection under another key, with fresh access bits. The entry is of `KIND_HELD`.
    pub(super) fn clone_held(&self, key: &[u8], expire_at_ms: Option<i64>) -> Entry {
        typed!(self.header()[0], T => {
            let prefix = Prefix::new(T::TYPE, key, expire_at_ms, 0);
            // SAFETY: the flags say what the block is.
            let value = unsafe { held::value_of::<T>(&self.0) };
            let plain = value.is_plain() && prefix.fits();
            if plain {
                // SAFETY: bytes without a pointer among them may be copied; the old block stays what it was.
                return Entry(unsafe { held::move_block(self.0, prefix.marks, prefix.parts()) });
            }
            Entry::new_object(key, Value::from(value.clone()), expire_at_ms)
        })
    }

    /// Drops the collection with its block.
    ///
    /// # Safety
    /// The entry is of `KIND_HELD` and is not used any more.
    pub(super) unsafe fn drop_held(&mut self) {
        // SAFETY: the flags say what the block is; it has no other owner.
        typed!(self.header()[0], T => drop(unsafe { held::from_block::<T>(self.0) }));
    }
}

fn old_access(marks: [u8; 4]) -> u32 {
    u32::from_le_bytes([marks[1], marks[2], marks[3], 0])
}

/// The collection in a block that nobody holds any more.
///
/// # Safety
/// The block is one of this type, and has no other owner.
unsafe fn released(r#type: u8, block: NonNull<u8>) -> Value {
    // SAFETY: as promised.
    typed!(r#type, T => Value::from(unsafe { held::from_block::<T>(block) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Typed;
    use flashdb_base::prng::Prng;
    use flashdb_types::hash::{FieldTtl, HashLimits};
    use flashdb_types::set::SetLimits;
    use flashdb_types::zset::Limits;
    use std::collections::BTreeMap;

    /// Changes one entry at random: its members, key, expiry and address. Small limits let it become large, too.
    fn change<T: Typed>(
        prng: &mut Prng,
        put: impl Fn(&mut T, &[u8], u32) -> u32,
        take: impl Fn(&mut T, &[u8]),
        list: impl Fn(&T) -> BTreeMap<Vec<u8>, u32>,
        made: T,
    ) {
        let mut entry = Entry::new_object(b"", made.into_value(), None);
        let (mut model, mut key, mut expiry, mut access) = (BTreeMap::new(), Vec::new(), None, 0);
        for step in 0..if cfg!(miri) { 60 } else { 400u32 } {
            let member = vec![b'a' + prng.below(4) as u8; prng.below(30) as usize];
            match prng.below(10) {
                0..4 => {
                    let kept = put(T::of_mut(&mut entry).expect("the type stays"), &member, step);
                    model.insert(member, kept);
                }
                4 | 5 => {
                    take(T::of_mut(&mut entry).expect("the type stays"), &member);
                    model.remove(&member);
                }
                6 => {
                    expiry = (prng.below(2) == 0).then_some(i64::from(step) - 200);
                    entry = entry.with_expiry(expiry);
                }
                7 => {
                    key = vec![b'k'; [0, 1, 19, 247, 248, 255, 256, 300][prng.below(8) as usize]];
                    entry = entry.with_key(&key);
                }
                8 => {
                    access = prng.below(1 << 24) as u32;
                    entry.set_access(access);
                    let copy = entry.duplicate();
                    let other = entry.clone_as(b"other", Some(7));
                    assert_eq!((other.key(), other.expire_at_ms()), (&b"other"[..], Some(7)));
                    assert_eq!(list(T::of(&other).expect("the type stays")), model);
                    entry = copy;
                }
                _ => {
                    let (before, block) = (entry.memory_bytes(), entry.address());
                    entry.relocate();
                    assert!(entry.memory_bytes() == before && entry.address() != block);
                    entry.set_raw();
                }
            }
            assert_eq!(
                (entry.key(), entry.expire_at_ms(), entry.access()),
                (&key[..], expiry, access)
            );
            assert_eq!(list(T::of(&entry).expect("the type stays")), model);
            assert!(!entry.is_held() || !entry.is_raw());
            assert_eq!(
                entry.is_held(),
                key.len() + if expiry.is_some() { 8 } else { 0 } <= PREFIX_MAX
            );
            assert!(entry.memory_bytes() >= entry.alloc_bytes() && !entry.is_inline());
        }
    }

    /// Most members of small encodings, by round: in even ones collections stay small.
    fn rounds() -> impl Iterator<Item = usize> {
        [1000, 9]
            .into_iter()
            .cycle()
            .take(if cfg!(miri) { 2 } else { 12 })
    }

    #[test]
    fn sets_keep_key_expiry_and_members() {
        let mut prng = Prng::from_seed(21);
        for max in rounds() {
            let limits = SetLimits {
                intset_entries_max: max,
                packed_entries_max: max,
                packed_value_bytes_max: 64,
            };
            let put = |set: &mut Set, member: &[u8], _| {
                set.insert(member, &limits);
                0
            };
            let take = |set: &mut Set, member: &[u8]| _ = set.remove(member);
            let list = |set: &Set| {
                set.validate();
                set.iter().map(|member| (member.to_vec(), 0)).collect()
            };
            change(&mut prng, put, take, list, Set::new());
        }
    }

    #[test]
    fn sorted_sets_keep_key_expiry_and_members() {
        let mut prng = Prng::from_seed(22);
        for max in rounds() {
            let limits = Limits {
                max_listpack_entries: max,
                max_listpack_value: 64,
            };
            let put = |zset: &mut ZSet, member: &[u8], step: u32| {
                zset.insert(member, f64::from(step), &limits);
                step
            };
            let take = |zset: &mut ZSet, member: &[u8]| _ = zset.remove(member);
            let list = |zset: &ZSet| {
                zset.validate().expect("a sound sorted set");
                zset.iter()
                    .map(|(member, score)| (member.to_vec(), score as u32))
                    .collect()
            };
            change(&mut prng, put, take, list, ZSet::new());
        }
    }

    #[test]
    fn hashes_keep_key_expiry_and_fields() {
        let mut prng = Prng::from_seed(23);
        for max in rounds() {
            let limits = HashLimits {
                packed_entries_max: max,
                packed_value_bytes_max: 64,
            };
            let put = |hash: &mut Hash, name: &[u8], step: u32| {
                // Some fields expire, long after.
                let ttl = if step % 50 == 49 {
                    FieldTtl::At(u64::MAX)
                } else {
                    FieldTtl::Clear
                };
                hash.set(name, step.to_string().as_bytes(), ttl, &limits);
                step
            };
            let take = |hash: &mut Hash, name: &[u8]| _ = hash.remove(name);
            let list = |hash: &Hash| {
                hash.validate();
                let text = |value| std::str::from_utf8(value).expect("digits");
                hash.iter()
                    .map(|field| (field.name.to_vec(), text(field.value).parse().expect("a number")))
                    .collect()
            };
            change(&mut prng, put, take, list, Hash::new());
        }
    }

    #[test]
    fn lists_keep_key_expiry_and_elements() {
        let mut prng = Prng::from_seed(24);
        for max in rounds() {
            // Long elements make it large soon.
            let (limits, padding) = (Default::default(), [0, 200][usize::from(max == 9)]);
            let text =
                |member: &[u8], step: u32| [member, format!(" {step:0>0$}", padding).as_bytes()].concat();
            let is_of = |element: &[u8], member: &[u8]| {
                element
                    .strip_prefix(member)
                    .is_some_and(|rest| rest.starts_with(b" "))
            };
            let put = |list: &mut List, member: &[u8], step: u32| {
                match list.iter().position(|element| is_of(element, member)) {
                    Some(index) => assert!(list.set(index, &text(member, step), &limits)),
                    None => list.push_back(&text(member, step), &limits),
                }
                step
            };
            let take = |list: &mut List, member: &[u8]| {
                if let Some(index) = list.iter().position(|element| is_of(element, member)) {
                    list.remove(index);
                }
            };
            let all = |list: &List| {
                list.validate();
                let split = |element: &[u8]| {
                    let at = element.iter().position(|&byte| byte == b' ').expect("a blank");
                    let step = std::str::from_utf8(&element[at + 1..]).expect("digits");
                    (element[..at].to_vec(), step.parse().expect("a number"))
                };
                list.iter().map(split).collect()
            };
            change(&mut prng, put, take, all, List::new());
        }
    }

    /// What `footprint.py` stores: keys of 11 bytes with eight members of nine, values of three.
    #[test]
    fn the_aims_for_small_collections_hold() {
        let names: Vec<String> = (0..8).map(|i| format!("member:{i:02}")).collect();
        let names = || names.iter().map(|name| name.as_bytes());
        let mut hash = Entry::new_object(b"h:000000001", Value::Hash(Hash::new()), None);
        let mut zset = Entry::new_object(b"z:000000001", Value::ZSet(ZSet::new()), None);
        let mut set = Entry::new_object(b"s:000000001", Value::Set(Set::new()), None);
        for (name, score) in names().zip(0..) {
            let hash = Hash::of_mut(&mut hash).expect("a hash");
            hash.set(name, b"val", FieldTtl::Clear, &HashLimits::default());
            let zset = ZSet::of_mut(&mut zset).expect("a sorted set");
            zset.insert(name, f64::from(score), &Limits::default());
            let set = Set::of_mut(&mut set).expect("a set");
            set.insert(name, &SetLimits::default());
        }
        let bytes = [&hash, &set, &zset].map(|entry| entry.memory_bytes());
        assert_eq!(bytes, [128, 96, 112]);
    }
}
