//! One key with its value in one allocation, behind an 8-byte pointer that fits a table slot.
//!
//! ```text
//!  offset 0      1..4      4        5..8         8           then
//!  +-----------+---------+--------+-----------+-----------+---------------------+---------+-----+--------------+
//!  | kind|flags| access  | key    | inline    | expiry ms | i64 or Value        | key len | key | inline bytes |
//!  | u8        | u24     | len u8 | len u24   | i64, flag | by kind, 8-aligned  | u32,flag|     | by kind      |
//!  +-----------+---------+--------+-----------+-----------+---------------------+---------+-----+--------------+
//! ```
//!
//! A 16-byte key with a 32-byte string costs 56 bytes this way; a struct with two boxed slices costs
//! 112 (`docs/design/0001-table.md` has the whole sum). That is why this module uses `unsafe`: a
//! Rust enum cannot hold two unsized parts. All of it is in this file and `entry/collection.rs`, where entries are that are
//! hashes, sets, sorted sets and lists.

mod collection;

use crate::value::{StrRef, Value, ValueRef};
use flashdb_types::approach::{Step, Wanted};
use flashdb_types::pieces::Takeable;
use smallvec::SmallVec;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

const HEADER: usize = 8;
const KIND: u8 = 0b0000_0011;
const KIND_INLINE: u8 = 0;
const KIND_INT: u8 = 1;
const KIND_OBJECT: u8 = 2;
/// The block is that of a collection. Of its flags the entry has the low five; `LONG_KEY` and `RAW` do not apply.
const KIND_HELD: u8 = 3;
const HAS_EXPIRY: u8 = 0b0000_0100;
const LONG_KEY: u8 = 0b0000_1000;
const RAW: u8 = 0b0001_0000;

/// Longest string kept in the entry itself; longer ones get a buffer of their own, which may grow
/// in place (APPEND, SETRANGE) and be freed off the loop.
pub const INLINE_BYTES_MAX: usize = 4096;

/// A key and its value. Owns its allocation.
pub struct Entry(NonNull<u8>);

// SAFETY: an Entry owns its bytes and a `Value`, both of which may move between threads.
unsafe impl Send for Entry {}
// SAFETY: shared access only reads.
unsafe impl Sync for Entry {}

const _: () = assert!(align_of::<Value>() == 8 && size_of::<Option<Entry>>() == 8);

/// What an entry is to be made of.
enum Payload<'a> {
    Inline(&'a [u8]),
    Int(i64),
    Object(Value),
}

impl Entry {
    /// A string entry; integers and short strings are kept in the entry.
    /// `expire_at_ms` is absolute Unix time.
    pub fn new_string(key: &[u8], value: &[u8], expire_at_ms: Option<i64>) -> Entry {
        if value.len() <= 20
            && let Some(number) = flashdb_base::number::parse_i64(value)
        {
            return Entry::new_int(key, number, expire_at_ms);
        }
        if value.len() <= INLINE_BYTES_MAX {
            return Entry::build(key, Payload::Inline(value), expire_at_ms);
        }
        Entry::build(key, Payload::Object(Value::String(value.to_vec())), expire_at_ms)
    }

    /// A string that was changed in place: kept as bytes even if it spells an integer, as Redis
    /// does after APPEND or SETRANGE.
    pub fn new_raw(key: &[u8], value: Vec<u8>, expire_at_ms: Option<i64>) -> Entry {
        if value.len() > INLINE_BYTES_MAX {
            return Entry::build(key, Payload::Object(Value::String(value)), expire_at_ms);
        }
        let mut entry = Entry::build(key, Payload::Inline(&value), expire_at_ms);
        entry.set_raw();
        entry
    }

    /// A string entry that holds an integer.
    pub fn new_int(key: &[u8], value: i64, expire_at_ms: Option<i64>) -> Entry {
        Entry::build(key, Payload::Int(value), expire_at_ms)
    }

    /// An entry of a value (any type but short strings).
    pub fn new_object(key: &[u8], value: Value, expire_at_ms: Option<i64>) -> Entry {
        match value {
            Value::Hash(hash) => Entry::new_held(key, hash, expire_at_ms, Value::Hash),
            Value::Set(set) => Entry::new_held(key, set, expire_at_ms, Value::Set),
            Value::ZSet(zset) => Entry::new_held(key, zset, expire_at_ms, Value::ZSet),
            Value::List(list) => Entry::new_held(key, list, expire_at_ms, Value::List),
            boxed => Entry::new_boxed(key, boxed, expire_at_ms),
        }
    }

    fn new_boxed(key: &[u8], value: Value, expire_at_ms: Option<i64>) -> Entry {
        Entry::build(key, Payload::Object(value), expire_at_ms)
    }

    fn build(key: &[u8], payload: Payload<'_>, expire_at_ms: Option<i64>) -> Entry {
        let (kind, inline, slot) = match &payload {
            Payload::Inline(bytes) => (KIND_INLINE, bytes.len(), 0),
            Payload::Int(_) => (KIND_INT, 0, size_of::<i64>()),
            Payload::Object(_) => (KIND_OBJECT, 0, size_of::<Value>()),
        };
        let long_key = key.len() > u8::MAX as usize;
        let mut flags = kind;
        if expire_at_ms.is_some() {
            flags |= HAS_EXPIRY;
        }
        if long_key {
            flags |= LONG_KEY;
        }
        let expiry = if expire_at_ms.is_some() { 8 } else { 0 };
        let key_at = HEADER + expiry + slot + if long_key { 4 } else { 0 };
        let size = key_at + key.len() + inline;
        let layout = layout_of(size);
        // SAFETY: `size` is at least HEADER, so not zero; every write below stays under `size`.
        unsafe {
            let at = alloc(layout);
            let Some(base) = NonNull::new(at) else {
                handle_alloc_error(layout)
            };
            let vlen = (inline as u32).to_le_bytes();
            at.cast::<[u8; 8]>()
                .write([flags, 0, 0, 0, key.len() as u8, vlen[0], vlen[1], vlen[2]]);
            if let Some(ms) = expire_at_ms {
                at.add(HEADER).cast::<i64>().write(ms);
            }
            let slot_at = at.add(HEADER + expiry);
            if long_key {
                at.add(key_at - 4).cast::<u32>().write_unaligned(key.len() as u32);
            }
            at.add(key_at).copy_from_nonoverlapping(key.as_ptr(), key.len());
            match payload {
                Payload::Inline(bytes) => {
                    at.add(key_at + key.len())
                        .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                }
                Payload::Int(value) => slot_at.cast::<i64>().write(value),
                Payload::Object(value) => slot_at.cast::<Value>().write(value),
            }
            Entry(base)
        }
    }

    #[inline]
    fn header(&self) -> [u8; 8] {
        // SAFETY: every entry begins with an initialised 8-byte header.
        unsafe { self.0.cast::<[u8; 8]>().read() }
    }

    #[inline]
    fn slot_at(flags: u8) -> usize {
        HEADER + if flags & HAS_EXPIRY != 0 { 8 } else { 0 }
    }

    #[inline]
    fn slot_len(flags: u8) -> usize {
        match flags & KIND {
            KIND_INT => size_of::<i64>(),
            KIND_OBJECT => size_of::<Value>(),
            _ => 0,
        }
    }

    /// Offset and length of the key.
    #[inline]
    fn key_span(&self, header: [u8; 8]) -> (usize, usize) {
        let at = Self::slot_at(header[0]) + Self::slot_len(header[0]);
        if header[0] & KIND == KIND_HELD {
            return (at, header[4] as usize - (at - HEADER));
        }
        if header[0] & LONG_KEY == 0 {
            return (at, header[4] as usize);
        }
        // SAFETY: LONG_KEY says that a u32 length stands here.
        let len = unsafe { self.0.add(at).cast::<u32>().read_unaligned() };
        (at + 4, len as usize)
    }

    #[inline]
    fn inline_len(header: [u8; 8]) -> usize {
        u32::from_le_bytes([header[5], header[6], header[7], 0]) as usize
    }

    /// Address of the entry's first byte, for prefetching.
    #[inline]
    pub fn address(&self) -> *const u8 {
        self.0.as_ptr()
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        let (at, len) = self.key_span(self.header());
        // SAFETY: key_span lies inside the allocation and was initialised by `build`.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(at), len) }
    }

    /// The value, borrowed.
    #[inline]
    pub fn value(&self) -> ValueRef<'_> {
        let header = self.header();
        match header[0] & KIND {
            KIND_INLINE => {
                let (at, len) = self.key_span(header);
                // SAFETY: the inline bytes follow the key and were initialised by `build`.
                let bytes = unsafe {
                    std::slice::from_raw_parts(self.0.as_ptr().add(at + len), Self::inline_len(header))
                };
                ValueRef::String(StrRef::Bytes(bytes))
            }
            KIND_INT => {
                // SAFETY: KIND_INT says that an i64 stands in the slot, 8-aligned.
                ValueRef::String(StrRef::Int(unsafe {
                    self.0.add(Self::slot_at(header[0])).cast::<i64>().read()
                }))
            }
            KIND_HELD => self.held_value(),
            _ => self.object().expect("what is left is an object").as_ref(),
        }
    }

    /// The boxed value, if the entry has one.
    #[inline]
    pub fn object(&self) -> Option<&Value> {
        let flags = self.header()[0];
        // SAFETY: KIND_OBJECT says that an initialised Value stands in the slot, 8-aligned.
        (flags & KIND == KIND_OBJECT)
            .then(|| unsafe { self.0.add(Self::slot_at(flags)).cast::<Value>().as_ref() })
    }

    /// The boxed value, mutably.
    #[inline]
    pub fn object_mut(&mut self) -> Option<&mut Value> {
        let flags = self.header()[0];
        // SAFETY: as in `object`; the entry is borrowed mutably.
        (flags & KIND == KIND_OBJECT)
            .then(|| unsafe { self.0.add(Self::slot_at(flags)).cast::<Value>().as_mut() })
    }

    /// Overwrites the integer of an integer entry; false when the entry is not one.
    #[inline]
    pub fn set_int(&mut self, value: i64) -> bool {
        let flags = self.header()[0];
        if flags & KIND != KIND_INT {
            return false;
        }
        // SAFETY: KIND_INT says that an i64 stands in the slot.
        unsafe { self.0.add(Self::slot_at(flags)).cast::<i64>().write(value) };
        true
    }

    /// Overwrites the bytes of an inline string in place when the new value has the same length and
    /// expiry form, which spares the allocator; false when it does not fit.
    #[inline]
    pub fn overwrite(&mut self, value: &[u8], expire_at_ms: Option<i64>) -> bool {
        let header = self.header();
        let fits = header[0] & KIND == KIND_INLINE
            && Self::inline_len(header) == value.len()
            && (header[0] & HAS_EXPIRY != 0) == expire_at_ms.is_some()
            && (value.len() > 20 || flashdb_base::number::parse_i64(value).is_none());
        if !fits {
            return false;
        }
        let (at, len) = self.key_span(header);
        // SAFETY: the inline bytes follow the key and have exactly this length; the expiry field
        // exists when `expire_at_ms` is some (checked above).
        unsafe {
            self.0.as_ptr().write(header[0] & !RAW);
            self.0
                .as_ptr()
                .add(at + len)
                .copy_from_nonoverlapping(value.as_ptr(), value.len());
            if let Some(ms) = expire_at_ms {
                self.0.add(HEADER).cast::<i64>().write(ms);
            }
        }
        true
    }

    /// Absolute expiry in Unix milliseconds.
    #[inline]
    pub fn expire_at_ms(&self) -> Option<i64> {
        let flags = self.header()[0];
        // SAFETY: HAS_EXPIRY says that an i64 stands behind the header.
        (flags & HAS_EXPIRY != 0).then(|| unsafe { self.0.add(HEADER).cast::<i64>().read() })
    }

    /// The same entry with another expiry; moves it when the field has to appear or to vanish.
    pub fn with_expiry(mut self, expire_at_ms: Option<i64>) -> Entry {
        if let (Some(_), Some(ms)) = (self.expire_at_ms(), expire_at_ms) {
            // SAFETY: the field exists.
            unsafe { self.0.add(HEADER).cast::<i64>().write(ms) };
            return self;
        }
        if self.expire_at_ms().is_none() && expire_at_ms.is_none() {
            return self;
        }
        if self.is_held() {
            let key = SmallVec::<[u8; 64]>::from_slice(self.key());
            return self.rehold(&key, expire_at_ms);
        }
        let (access, raw) = (self.access(), self.is_raw());
        let mut moved = match self.take_object() {
            Some(value) => Entry::new_object(self.key(), value, expire_at_ms),
            None => match self.value() {
                ValueRef::String(StrRef::Int(n)) => Entry::build(self.key(), Payload::Int(n), expire_at_ms),
                ValueRef::String(StrRef::Bytes(b)) => {
                    Entry::build(self.key(), Payload::Inline(b), expire_at_ms)
                }
                _ => unreachable!("objects were taken above"),
            },
        };
        moved.set_access(access);
        if raw {
            moved.set_raw();
        }
        moved
    }

    /// The same value under another key.
    pub fn with_key(mut self, key: &[u8]) -> Entry {
        let expiry = self.expire_at_ms();
        if self.is_held() {
            return self.rehold(key, expiry);
        }
        let (access, raw) = (self.access(), self.is_raw());
        let mut moved = match self.take_object() {
            Some(value) => Entry::new_object(key, value, expiry),
            None => match self.value() {
                ValueRef::String(StrRef::Int(n)) => Entry::build(key, Payload::Int(n), expiry),
                ValueRef::String(StrRef::Bytes(b)) => Entry::build(key, Payload::Inline(b), expiry),
                _ => unreachable!("objects were taken above"),
            },
        };
        moved.set_access(access);
        if raw {
            moved.set_raw();
        }
        moved
    }

    /// A deep copy under another key.
    pub fn clone_as(&self, key: &[u8], expire_at_ms: Option<i64>) -> Entry {
        if self.is_held() {
            return self.clone_held(key, expire_at_ms);
        }
        let mut copy = match self.object() {
            Some(value) => Entry::new_object(key, value.clone(), expire_at_ms),
            None => match self.value() {
                ValueRef::String(StrRef::Int(n)) => Entry::build(key, Payload::Int(n), expire_at_ms),
                ValueRef::String(StrRef::Bytes(b)) => Entry::build(key, Payload::Inline(b), expire_at_ms),
                _ => unreachable!("objects were copied above"),
            },
        };
        if self.is_raw() {
            copy.set_raw();
        }
        copy
    }

    /// A deep copy, access bits and all. O(bytes of the value).
    pub(crate) fn duplicate(&self) -> Entry {
        let mut copy = self.clone_as(self.key(), self.expire_at_ms());
        copy.set_access(self.access());
        copy
    }

    /// Moves the entry to another block of memory.
    pub(crate) fn relocate(&mut self) {
        let size = self.alloc_bytes();
        let layout = layout_of(size);
        // SAFETY: both blocks have `size` initialised or copied bytes, which is not zero; the value in them is moved, not
        // copied, as the old block is freed without dropping it, and nobody else knows the address.
        unsafe {
            let Some(moved) = NonNull::new(alloc(layout)) else {
                handle_alloc_error(layout)
            };
            moved.copy_from_nonoverlapping(self.0, size);
            dealloc(self.0.as_ptr(), layout);
            self.0 = moved;
        }
    }

    /// Takes the boxed value out, leaving an empty string behind; for moving a value to another entry.
    fn take_object(&mut self) -> Option<Value> {
        self.object_mut()
            .map(|value| std::mem::replace(value, Value::String(Vec::new())))
    }

    /// Whether OBJECT ENCODING has to say `raw` although the string is short (it was changed in
    /// place by APPEND, SETRANGE, SETBIT, as in Redis).
    pub fn is_raw(&self) -> bool {
        !self.is_held() && self.header()[0] & RAW != 0
    }

    /// Marks a string as changed in place; a collection has no such mark.
    pub fn set_raw(&mut self) {
        if !self.is_held() {
            // SAFETY: the first byte is the flags.
            unsafe { self.0.as_ptr().write(self.header()[0] | RAW) };
        }
    }

    /// Whether the value is a string or a number in the entry itself: nothing hangs on it.
    #[inline]
    pub(crate) fn is_inline(&self) -> bool {
        matches!(self.header()[0] & KIND, KIND_INLINE | KIND_INT)
    }

    /// Allocations that freeing the value takes, roughly; decides whether it is freed off the loop.
    pub(crate) fn free_effort(&self) -> usize {
        if self.is_held() {
            return self.held_free_effort();
        }
        self.object().map_or(0, Value::free_effort)
    }

    /// The collection that snapshots may take in pieces.
    #[inline]
    pub(crate) fn takeable(&self) -> Option<&dyn Takeable> {
        if self.is_held() {
            return Some(self.held_takeable());
        }
        self.object()?.takeable()
    }

    /// As [`Entry::takeable`], to take it.
    pub(crate) fn takeable_mut(&mut self) -> Option<&mut dyn Takeable> {
        if self.is_held() {
            return Some(self.held_takeable_mut());
        }
        self.object_mut()?.takeable_mut()
    }

    /// Calls for what a command on a member will need next; see [`flashdb_types::approach`].
    #[inline]
    pub(crate) fn prefetch(&self, step: Step, wanted: Wanted) {
        if self.is_held() {
            self.prefetch_held(step, wanted);
        } else if let Some(value) = self.object() {
            value.prefetch(step, wanted);
        }
    }

    /// The 24 bits of access information (LRU seconds or LFU counter), see `access.rs`.
    #[inline]
    pub fn access(&self) -> u32 {
        let header = self.header();
        u32::from_le_bytes([header[1], header[2], header[3], 0])
    }

    /// Sets the access information; a write only when it differs.
    #[inline]
    pub fn set_access(&mut self, access: u32) {
        if self.access() != access {
            let bytes = access.to_le_bytes();
            // SAFETY: bytes 1..4 of the header.
            unsafe {
                self.0
                    .as_ptr()
                    .add(1)
                    .cast::<[u8; 3]>()
                    .write([bytes[0], bytes[1], bytes[2]])
            };
        }
    }

    fn alloc_bytes(&self) -> usize {
        if self.is_held() {
            return self.held_block_bytes();
        }
        let header = self.header();
        let (at, len) = self.key_span(header);
        at + len + Self::inline_len(header)
    }

    /// All heap bytes of the entry: its own allocation and what the value holds.
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        if self.is_held() {
            return self.held_memory_bytes();
        }
        self.alloc_bytes() + self.object().map_or(0, Value::memory_bytes)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.is_held() {
            // SAFETY: the entry is of this kind and on its way out.
            return unsafe { self.drop_held() };
        }
        let layout = layout_of(self.alloc_bytes());
        let flags = self.header()[0];
        // SAFETY: the layout is the one of `build`, whose parts never change; the slot holds an
        // initialised Value exactly for KIND_OBJECT.
        unsafe {
            if flags & KIND == KIND_OBJECT {
                self.0.add(Self::slot_at(flags)).cast::<Value>().drop_in_place();
            }
            dealloc(self.0.as_ptr(), layout);
        }
    }
}

#[inline]
fn layout_of(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("an entry is far smaller than isize::MAX")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(entry: &Entry) -> Vec<u8> {
        match entry.value() {
            ValueRef::String(value) => value.to_vec(),
            other => panic!("not a string: {}", other.type_name()),
        }
    }

    #[test]
    fn strings_of_all_forms_survive_moves() {
        let long_key = vec![b'k'; 300];
        for key in [b"k".as_slice(), b"", &long_key] {
            for value in [
                b"".as_slice(),
                b"12",
                b"-9223372036854775808",
                b"hello",
                &[7u8; 5000],
            ] {
                for expiry in [None, Some(77)] {
                    let entry = Entry::new_string(key, value, expiry);
                    assert_eq!(
                        (entry.key(), text(&entry), entry.expire_at_ms()),
                        (key, value.to_vec(), expiry)
                    );
                    let mut entry = entry.with_expiry(Some(5)).with_key(b"other");
                    entry.set_access(0xABCDEF);
                    assert_eq!(
                        (entry.key(), entry.expire_at_ms()),
                        (b"other".as_slice(), Some(5))
                    );
                    let entry = entry.with_expiry(None);
                    assert_eq!(
                        (text(&entry), entry.expire_at_ms(), entry.access()),
                        (value.to_vec(), None, 0xABCDEF)
                    );
                    assert_eq!(text(&entry.clone_as(key, None)), value);
                }
            }
        }
    }

    #[test]
    fn overwriting_in_place_needs_the_same_form() {
        let mut entry = Entry::new_string(b"k", b"hello", None);
        assert!(entry.overwrite(b"world", None));
        assert_eq!(text(&entry), b"world");
        assert!(!entry.overwrite(b"12345", None), "an integer has its own form");
        assert!(!entry.overwrite(b"longer", None));
        assert!(!entry.overwrite(b"hello", Some(1)));
        assert!(!entry.set_int(1));
    }

    #[test]
    fn the_aim_for_short_strings_holds() {
        assert_eq!(
            Entry::new_string(&[b'k'; 16], &[b'v'; 32], None).memory_bytes(),
            56
        );
    }
}
