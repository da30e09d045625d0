//! Values in pieces: a head, which is an entry with the number of members for its payload, and pieces with the members, which
//! may be in any block of the shard. What members look like inside a payload, and whether heads and pieces fit together.
//!
//! ```text
//! head       members varint
//! piece      member, member, ... to the end, at least one; of a list with the index of the first in front, a varint
//! of a list           n varint | element
//! of a set            n varint | member
//! of a hash           n varint | name | n varint | value | 0 u8, or 1 u8 | expires_at_ms varint
//! of a sorted set     n varint | member | score f64
//! ```

use std::collections::HashMap;

use flashdb_base::hash::hash_bytes;

use crate::EntryRef;
use crate::bytes::{Cursor, put_varint};

/// What an entry has of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portion {
    /// All of it.
    Whole,
    /// All but the members of a collection: the payload is their number.
    Head,
    /// Some members of a collection, and nothing else.
    Piece,
}

/// What may come in pieces. Their codes as a type of value are those of their plainest encodings in RDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// A set.
    Set,
    /// A hash.
    Hash,
    /// A sorted set.
    ZSet,
    /// A list.
    List,
}

/// A member of a collection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Member<'a> {
    /// Of a set.
    Set(&'a [u8]),
    /// Of a hash.
    Hash {
        /// Name of the field.
        name: &'a [u8],
        /// Its value.
        value: &'a [u8],
        /// When it expires, Unix time.
        expires_at_ms: Option<u64>,
    },
    /// Of a sorted set, with a score that is a number.
    ZSet(&'a [u8], f64),
    /// Of a list, with its index. Those of a piece follow each other.
    List(u64, &'a [u8]),
}

impl Collection {
    /// The type of value of heads and pieces.
    pub fn code(self) -> u8 {
        match self {
            Self::List => 1,
            Self::Set => 2,
            Self::Hash => 4,
            Self::ZSet => 5,
        }
    }

    /// The inverse of [`Collection::code`].
    pub fn of_code(code: u8) -> Option<Self> {
        [Self::List, Self::Set, Self::Hash, Self::ZSet]
            .into_iter()
            .find(|collection| collection.code() == code)
    }
}

/// Appends the payload of a head.
pub fn put_head(members: u64, payload: &mut Vec<u8>) {
    put_varint(payload, members);
}

impl Member<'_> {
    /// Appends it to the payload of a piece.
    #[inline]
    pub fn put(&self, payload: &mut Vec<u8>) {
        if let Self::List(index, _) = self
            && payload.is_empty()
        {
            put_varint(payload, *index);
        }
        let mut put_bytes = |bytes: &[u8]| {
            put_varint(payload, bytes.len() as u64);
            payload.extend_from_slice(bytes);
        };
        match *self {
            Self::Set(member) | Self::List(_, member) => put_bytes(member),
            Self::ZSet(member, score) => {
                put_bytes(member);
                payload.extend_from_slice(&score.to_le_bytes());
            }
            Self::Hash {
                name,
                value,
                expires_at_ms,
            } => {
                put_bytes(name);
                put_bytes(value);
                payload.push(u8::from(expires_at_ms.is_some()));
                if let Some(at_ms) = expires_at_ms {
                    put_varint(payload, at_ms);
                }
            }
        }
    }
}

impl<'a> EntryRef<'a> {
    /// The number of members that a head announces; `None` when the payload is no such number.
    pub fn members_total(&self) -> Option<u64> {
        let mut cursor = Cursor::new(self.payload);
        cursor.varint().filter(|&total| total > 0 && cursor.is_empty())
    }

    /// The members of a piece; none when the type is not a collection.
    pub fn members(&self) -> Members<'a> {
        Members {
            collection: Collection::of_code(self.value_type),
            cursor: Cursor::new(self.payload),
            index: None,
        }
    }
}

/// See [`EntryRef::members`]. `None` as an item is damage, and the end.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    collection: Option<Collection>,
    cursor: Cursor<'a>,
    /// Of the next element of a list, once it is known.
    index: Option<u64>,
}

impl<'a> Members<'a> {
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.cursor.varint()?.try_into().ok()?;
        self.cursor.take(len)
    }

    #[inline]
    fn read(&mut self, collection: Collection) -> Option<Member<'a>> {
        if collection == Collection::List {
            let index = match self.index {
                None => self.cursor.varint()?,
                Some(index) => index,
            };
            self.index = Some(index.checked_add(1)?);
            return Some(Member::List(index, self.bytes()?));
        }
        let first = self.bytes()?;
        match collection {
            Collection::List => None,
            Collection::Set => Some(Member::Set(first)),
            Collection::ZSet => {
                let score = f64::from_le_bytes(self.cursor.array()?);
                (!score.is_nan()).then_some(Member::ZSet(first, score))
            }
            Collection::Hash => {
                let value = self.bytes()?;
                let expires_at_ms = match self.cursor.u8()? {
                    0 => None,
                    1 => Some(self.cursor.varint()?),
                    _ => return None,
                };
                Some(Member::Hash {
                    name: first,
                    value,
                    expires_at_ms,
                })
            }
        }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Option<Member<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let collection = self.collection.filter(|_| !self.cursor.is_empty())?;
        let member = self.read(collection);
        if member.is_none() {
            self.collection = None;
        }
        Some(member)
    }
}

/// Whether the heads and pieces of a file fit together. Members are counted, not compared: that is for [`crate::distinct`].
///
/// Of a list the indices must be those from 0 to the number of its elements. Each piece is a step from its first index to the one
/// behind its last. The hashes of all ends less those of all beginnings are summed up; where that is what the one step from 0
/// to the number would give, each index in between is the end of as many pieces as it is the beginning of. So the pieces make up a
/// way from 0 to the number, and besides it only rings, which steps that all lead upwards cannot form. It does not depend on
/// the order, costs a piece two hashes and a list eight bytes, and is wrong once in 2^64 cases.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    values: HashMap<(u16, Box<[u8]>), Counted>,
}

#[derive(Debug)]
struct Counted {
    value_type: u8,
    total: Option<u64>,
    seen: u64,
    /// Of a list: hashes of the ends of its pieces less those of their beginnings.
    steps: u64,
    /// Of the last block with some of it.
    offset: u64,
}

impl Counted {
    fn is_list(&self) -> bool {
        Collection::of_code(self.value_type) == Some(Collection::List)
    }
}

/// See [`Tally`].
fn step(from: u64, to: u64) -> u64 {
    let hash = |index: u64| hash_bytes(&index.to_le_bytes());
    hash(to).wrapping_sub(hash(from))
}

impl Tally {
    /// Counts an entry of the block at `offset`; what is wrong with it.
    pub(crate) fn add(&mut self, entry: &EntryRef<'_>, offset: u64) -> Result<(), &'static str> {
        if entry.portion == Portion::Whole {
            return Ok(());
        }
        let fresh = Counted {
            value_type: entry.value_type,
            total: None,
            seen: 0,
            steps: 0,
            offset,
        };
        let counted = self.values.entry((entry.db, entry.key.into())).or_insert(fresh);
        counted.offset = offset;
        if counted.value_type != entry.value_type {
            return Err("the pieces of a value are of different types");
        }
        if entry.portion == Portion::Head {
            let total = entry.members_total().ok_or("a value has an impossible head")?;
            if counted.total.replace(total).is_some() {
                return Err("a value has two heads");
            }
        } else {
            let (mut first, mut members) = (0, 0);
            for member in entry.members() {
                match member.ok_or("a piece has an impossible member")? {
                    Member::List(index, _) if members == 0 => first = index,
                    _ => {}
                }
                members += 1;
            }
            counted.seen += members;
            // It does not overflow: the index behind the last was looked at when that was read.
            counted.steps = counted.steps.wrapping_add(step(first, first + members));
            if members == 0 {
                return Err("a piece has no members");
            }
        }
        match counted.total {
            Some(total) if counted.seen > total => Err("a value has more members than its head says"),
            _ => Ok(()),
        }
    }

    /// What is wrong, and with which block, once all entries were counted.
    pub(crate) fn finish(&self) -> Result<(), (u64, &'static str)> {
        for counted in self.values.values() {
            match counted.total {
                None => return Err((counted.offset, "pieces of a value have no head")),
                Some(total) if total != counted.seen => {
                    return Err((counted.offset, "members of a value are missing"));
                }
                Some(total) if counted.is_list() && counted.steps != step(0, total) => {
                    return Err((counted.offset, "a list has an element twice, or a gap"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    fn random_member<'a>(collection: Collection, prng: &mut Prng, bytes: &'a [u8]) -> Member<'a> {
        let name = &bytes[..prng.below(200) as usize];
        match collection {
            Collection::Set => Member::Set(name),
            Collection::List => Member::List(0, name),
            Collection::ZSet => Member::ZSet(name, prng.below(1000) as f64 / 7.0),
            Collection::Hash => Member::Hash {
                name,
                value: &bytes[..prng.below(30) as usize],
                expires_at_ms: (prng.below(2) == 0).then(|| prng.next_u64() >> prng.below(64)),
            },
        }
    }

    fn entry<'a>(key: &'a [u8], portion: Portion, code: u8, payload: &'a [u8]) -> EntryRef<'a> {
        EntryRef {
            db: 0,
            key,
            expire_at_ms: None,
            access: 0,
            raw: false,
            portion,
            value_type: code,
            payload,
        }
    }

    #[test]
    fn members_come_back_and_damage_does_not_panic() {
        let mut prng = Prng::from_seed(9);
        let mut bytes = [0; 300];
        prng.fill(&mut bytes);
        for round in 0..600 {
            let collection = [
                Collection::List,
                Collection::Set,
                Collection::Hash,
                Collection::ZSet,
            ][round % 4];
            let mut members: Vec<_> = (0..1 + prng.below(20))
                .map(|_| random_member(collection, &mut prng, &bytes))
                .collect();
            for (index, member) in (1000 * round as u64..).zip(&mut members) {
                if let Member::List(of, _) = member {
                    *of = index;
                }
            }
            let mut payload = Vec::new();
            members.iter().for_each(|member| member.put(&mut payload));
            let read = |payload: &[u8]| {
                let piece = entry(b"k", Portion::Piece, collection.code(), payload);
                let members = piece.members().collect::<Option<Vec<_>>>();
                members.map(|members| format!("{members:?}"))
            };
            assert_eq!(read(&payload), Some(format!("{members:?}")));
            assert_ne!(read(&payload[..payload.len() - 1]), Some(format!("{members:?}")));
            for _ in 0..20 {
                let at = prng.below(payload.len() as u64) as usize;
                payload[at] = prng.next_u64() as u8;
                let _ = read(&payload);
            }
        }
        let not_a_number = [1, b'm', 0, 0, 0, 0, 0, 0, 0xf8, 0x7f];
        let piece = entry(b"k", Portion::Piece, Collection::ZSet.code(), &not_a_number);
        assert_eq!(piece.members().next(), Some(None));
    }

    /// The format's bytes, which files in the world have.
    #[test]
    fn heads_and_pieces_are_these_bytes() {
        let (mut total, mut fields, mut out) = (Vec::new(), Vec::new(), Vec::new());
        put_head(300, &mut total);
        for expires_at_ms in [None, Some(128)] {
            let (name, value) = (b"f", b"vv");
            Member::Hash {
                name,
                value,
                expires_at_ms,
            }
            .put(&mut fields);
        }
        let head = entry(b"k", Portion::Head, Collection::Hash.code(), &total);
        EntryRef {
            expire_at_ms: Some(-1),
            access: 7,
            ..head
        }
        .put(0, &mut out);
        entry(b"k", Portion::Piece, Collection::Hash.code(), &fields).put(1, &mut out);
        let mut scored = Vec::new();
        Member::ZSet(b"m", 1.0).put(&mut scored);
        entry(b"k", Portion::Piece, Collection::ZSet.code(), &scored).put(0, &mut out);
        let mut elements = Vec::new();
        Member::List(300, b"a").put(&mut elements);
        Member::List(301, b"").put(&mut elements);
        entry(b"k", Portion::Piece, Collection::List.code(), &elements).put(0, &mut out);
        assert_eq!(
            out,
            b"\x09\x04\x07\0\0\x01\x01k\x02\xac\x02\
            \x14\x04\0\0\0\0\x01k\x0e\x01f\x02vv\0\x01f\x02vv\x01\x80\x01\
            \x10\x05\0\0\0\x01k\x0a\x01m\0\0\0\0\0\0\xf0\x3f\
            \x10\x01\0\0\0\x01k\x05\xac\x02\x01a\0"
        );
    }

    #[test]
    fn what_does_not_fit_together_is_noticed() {
        let (set, hash) = (Collection::Set.code(), Collection::Hash.code());
        let list = Collection::List.code();
        let of_list = |payload| entry(b"k", Portion::Head, list, payload);
        let elements = |payload| entry(b"k", Portion::Piece, list, payload);
        let head = |payload| entry(b"k", Portion::Head, set, payload);
        let piece = |payload| entry(b"k", Portion::Piece, set, payload);
        let tally = |entries: &[EntryRef<'_>]| {
            let mut tally = Tally::default();
            let added = entries.iter().try_for_each(|entry| tally.add(entry, 7));
            added.and_then(|()| {
                tally.finish().map_err(|(at, what)| {
                    assert_eq!(at, 7);
                    what
                })
            })
        };
        assert_eq!(tally(&[head(&[2]), piece(b"\x01a\x01b")]), Ok(()));
        assert_eq!(tally(&[piece(b"\x01a"), head(&[2]), piece(b"\x01b")]), Ok(()));
        let (low, high) = (elements(b"\0\x01a\x01b"), elements(b"\x02\x01c"));
        assert_eq!(tally(&[high, of_list(&[3]), low]), Ok(()));
        assert_eq!(tally(&[low, high, of_list(&[3])]), Ok(()));
        for wrong in [
            &[head(&[0])][..],
            &[of_list(&[3]), low, elements(b"\x03\x01c")],
            &[of_list(&[3]), low, elements(b"\x01\x01c")],
            &[of_list(&[3]), high, elements(b"\x01\x01a\x01b")],
            &[of_list(&[4]), low, low],
            &[of_list(&[2]), high, high],
            &[of_list(&[1]), high],
            &[head(&[1, 1])],
            &[head(&[2]), piece(b"\x01a")],
            &[piece(b"\x01a")],
            &[head(&[1]), head(&[1]), piece(b"\x01a")],
            &[head(&[1]), piece(b"\x01a\x01b")],
            &[head(&[1]), piece(b"\x02a")],
            &[head(&[1]), piece(b"\x01a"), piece(b"")],
            &[head(&[1]), entry(b"k", Portion::Piece, hash, b"\x01a\x01b\0")],
        ] {
            assert!(tally(wrong).is_err(), "{wrong:?}");
        }
    }
}
