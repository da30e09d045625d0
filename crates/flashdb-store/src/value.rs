//! What a key can hold. Short strings and integers live in the entry itself (`entry.rs`); all else
//! is a `Value`. `ValueRef` is the borrowed view that unites both.

use crate::entry::Entry;
use flashdb_base::number::NumberBuffer;
use flashdb_types::approach::{Step, Wanted};
use flashdb_types::hash::Hash;
use flashdb_types::list::List;
use flashdb_types::pieces::Takeable;
use flashdb_types::set::Set;
use flashdb_types::stream::Stream;
use flashdb_types::zset::ZSet;

/// A value that has allocations of its own.
#[derive(Clone)]
pub enum Value {
    /// A string too long for the entry.
    String(Vec<u8>),
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A sorted set.
    ZSet(ZSet),
    /// A hash.
    Hash(Hash),
    /// A stream.
    Stream(Box<Stream>),
}

/// A borrowed string value.
#[derive(Clone, Copy, Debug)]
pub enum StrRef<'a> {
    /// Stored as an integer; its text is the decimal form.
    Int(i64),
    /// Stored as bytes.
    Bytes(&'a [u8]),
}

/// A borrowed value of any type.
#[derive(Clone, Copy)]
pub enum ValueRef<'a> {
    /// A string.
    String(StrRef<'a>),
    /// A list.
    List(&'a List),
    /// A set.
    Set(&'a Set),
    /// A sorted set.
    ZSet(&'a ZSet),
    /// A hash.
    Hash(&'a Hash),
    /// A stream.
    Stream(&'a Stream),
}

impl<'a> StrRef<'a> {
    /// The text; integers are written into `digits`.
    #[inline]
    pub fn as_bytes<'b>(&self, digits: &'b mut NumberBuffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match *self {
            StrRef::Bytes(bytes) => bytes,
            StrRef::Int(value) => digits.format_i64(value),
        }
    }

    /// The text as a copy.
    pub fn to_vec(&self) -> Vec<u8> {
        self.as_bytes(&mut NumberBuffer::new()).to_vec()
    }

    /// Length of the text in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes(&mut NumberBuffer::new()).len()
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        matches!(self, StrRef::Bytes(bytes) if bytes.is_empty())
    }

    /// The integer that the text spells, if it does.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            StrRef::Int(value) => Some(value),
            StrRef::Bytes(bytes) => flashdb_base::number::parse_i64(bytes),
        }
    }
}

impl ValueRef<'_> {
    /// Redis's name of the type (TYPE, SCAN TYPE).
    pub fn type_name(&self) -> &'static str {
        match self {
            ValueRef::String(_) => "string",
            ValueRef::List(_) => "list",
            ValueRef::Set(_) => "set",
            ValueRef::ZSet(_) => "zset",
            ValueRef::Hash(_) => "hash",
            ValueRef::Stream(_) => "stream",
        }
    }
}

impl Value {
    /// Borrowed view.
    #[inline]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::String(bytes) => ValueRef::String(StrRef::Bytes(bytes)),
            Value::List(list) => ValueRef::List(list),
            Value::Set(set) => ValueRef::Set(set),
            Value::ZSet(zset) => ValueRef::ZSet(zset),
            Value::Hash(hash) => ValueRef::Hash(hash),
            Value::Stream(stream) => ValueRef::Stream(stream),
        }
    }

    /// Heap bytes behind the value. O(1).
    pub fn memory_bytes(&self) -> usize {
        match self {
            Value::String(bytes) => bytes.capacity(),
            Value::List(list) => list.memory_bytes(),
            Value::Set(set) => set.memory_bytes(),
            Value::ZSet(zset) => zset.memory_bytes(),
            Value::Hash(hash) => hash.memory_bytes(),
            Value::Stream(stream) => size_of::<Stream>() + stream.memory_bytes(),
        }
    }

    /// Calls for what a command on a member will need next; see [`flashdb_types::approach`].
    #[inline]
    pub(crate) fn prefetch(&self, step: Step, wanted: Wanted) {
        match self {
            Value::Set(set) => set.prefetch(step, wanted),
            Value::ZSet(zset) => zset.prefetch(step, wanted),
            Value::Hash(hash) => hash.prefetch(step, wanted),
            Value::String(_) | Value::List(_) | Value::Stream(_) => {}
        }
    }

    /// The collection in it that snapshots may take in pieces.
    #[inline]
    pub(crate) fn takeable(&self) -> Option<&dyn Takeable> {
        match self {
            Value::List(list) => Some(list),
            Value::Set(set) => Some(set),
            Value::ZSet(zset) => Some(zset),
            Value::Hash(hash) => Some(hash),
            Value::String(_) | Value::Stream(_) => None,
        }
    }

    /// As [`Value::takeable`], to take it.
    pub(crate) fn takeable_mut(&mut self) -> Option<&mut dyn Takeable> {
        match self {
            Value::List(list) => Some(list),
            Value::Set(set) => Some(set),
            Value::ZSet(zset) => Some(zset),
            Value::Hash(hash) => Some(hash),
            Value::String(_) | Value::Stream(_) => None,
        }
    }

    /// Allocations that freeing the value takes, roughly; decides whether it is freed off the loop.
    pub fn free_effort(&self) -> usize {
        match self {
            Value::String(bytes) => 1 + bytes.capacity() / (1 << 20),
            Value::List(list) => list.free_effort(),
            Value::Set(set) => set.free_effort(),
            Value::ZSet(zset) => zset.free_effort(),
            Value::Hash(hash) => hash.free_effort(),
            Value::Stream(stream) => stream.free_effort(),
        }
    }
}

/// A type that an entry can hold, so that the keyspace's typed accessors are written once.
pub trait Typed: Sized {
    /// The entry's value, if it is of this type.
    fn of(entry: &Entry) -> Option<&Self>;
    /// As [`Typed::of`], mutably: to be changed, not to be exchanged as a whole.
    fn of_mut(entry: &mut Entry) -> Option<&mut Self>;
    /// Wraps a fresh value.
    fn into_value(self) -> Value;
}

impl Typed for Stream {
    #[inline]
    fn of(entry: &Entry) -> Option<&Self> {
        match entry.object() {
            Some(Value::Stream(stream)) => Some(stream),
            _ => None,
        }
    }
    #[inline]
    fn of_mut(entry: &mut Entry) -> Option<&mut Self> {
        match entry.object_mut() {
            Some(Value::Stream(stream)) => Some(stream),
            _ => None,
        }
    }
    fn into_value(self) -> Value {
        Value::Stream(self.into())
    }
}

/// Types that are the entry itself, save where its key is long.
macro_rules! held {
    ($type:ty, $variant:ident) => {
        impl From<$type> for Value {
            fn from(value: $type) -> Value {
                Value::$variant(value)
            }
        }

        impl Typed for $type {
            #[inline]
            fn of(entry: &Entry) -> Option<&Self> {
                match entry.held() {
                    Some(held) => Some(held),
                    None => match entry.object() {
                        Some(Value::$variant(inner)) => Some(inner),
                        _ => None,
                    },
                }
            }
            #[inline]
            fn of_mut(entry: &mut Entry) -> Option<&mut Self> {
                if entry.held::<Self>().is_some() {
                    return entry.held_mut();
                }
                match entry.object_mut() {
                    Some(Value::$variant(inner)) => Some(inner),
                    _ => None,
                }
            }
            fn into_value(self) -> Value {
                Value::$variant(self)
            }
        }
    };
}
held!(List, List);
held!(Set, Set);
held!(ZSet, ZSet);
held!(Hash, Hash);
