//! Entries inside a block, one behind the other:
//!
//! ```text
//! flags u8 | value type u8 | access u24 | [db varint] | [expire_at_ms zigzag varint] | key len varint | key
//!          | payload len varint | payload
//! ```
//!
//! An entry without a database's number belongs to that of the entry before; the first one to 0. Two flags tell entries apart
//! that are the head of a value in pieces, or a piece of one (see `piece`).

use crate::bytes::{Cursor, put_varint, unzigzag, zigzag};
use crate::piece::{Collection, Portion};

const HAS_EXPIRY: u8 = 1;
const RAW: u8 = 2;
const HAS_DB: u8 = 4;
const HEAD: u8 = 8;
const PIECE: u8 = 16;
/// Largest value of `access`.
const ACCESS_MAX: u32 = (1 << 24) - 1;
/// An entry is longer than its key and payload by at most this.
const OVERHEAD_MAX: usize = 5 + 3 + 10 + 10 + 10;

/// One key with its value. Only the caller knows what type, access and payload mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// The database.
    pub db: u16,
    /// The key.
    pub key: &'a [u8],
    /// When it expires, Unix time.
    pub expire_at_ms: Option<i64>,
    /// When or how often it was used: 24 bits; higher ones are dropped.
    pub access: u32,
    /// A string that was changed in place.
    pub raw: bool,
    /// How much it has of the key.
    pub portion: Portion,
    /// Tells how to read the payload.
    pub value_type: u8,
    /// The encoded value.
    pub payload: &'a [u8],
}

impl EntryRef<'_> {
    /// More than it takes in a block with a payload of this length, by a few bytes.
    #[inline]
    pub(crate) fn len_max(&self, payload_len: usize) -> usize {
        OVERHEAD_MAX + self.key.len() + payload_len
    }

    /// Appends everything but the payload, behind which this many bytes of it are to come, to a block whose last entry
    /// belongs to `last_db`.
    #[inline]
    pub(crate) fn put_head(&self, last_db: u16, payload_len: usize, out: &mut Vec<u8>) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(self.expire_at_ms.is_some(), HAS_EXPIRY)
            | flag(self.raw, RAW)
            | flag(self.portion == Portion::Head, HEAD)
            | flag(self.portion == Portion::Piece, PIECE)
            | flag(self.db != last_db, HAS_DB);
        let [low, middle, high, _] = (self.access & ACCESS_MAX).to_le_bytes();
        out.extend_from_slice(&[flags, self.value_type, low, middle, high]);
        if self.db != last_db {
            put_varint(out, self.db.into());
        }
        if let Some(expire_at_ms) = self.expire_at_ms {
            put_varint(out, zigzag(expire_at_ms));
        }
        put_varint(out, self.key.len() as u64);
        out.extend_from_slice(self.key);
        put_varint(out, payload_len as u64);
    }

    #[cfg(test)]
    pub(crate) fn put(&self, last_db: u16, out: &mut Vec<u8>) {
        self.put_head(last_db, self.payload.len(), out);
        out.extend_from_slice(self.payload);
    }
}

/// The entries of a block's content, of which so many are not pieces. After damage it gives `Err` with the offset in the content, then nothing more.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    cursor: Cursor<'a>,
    len: usize,
    left: u32,
    db: u16,
    failed: bool,
}

impl<'a> Entries<'a> {
    pub(crate) fn new(content: &'a [u8], count: u32) -> Self {
        Self {
            cursor: Cursor::new(content),
            len: content.len(),
            left: count,
            db: 0,
            failed: false,
        }
    }

    #[inline]
    fn read(&mut self) -> Option<EntryRef<'a>> {
        let [flags, value_type, low, middle, high] = self.cursor.array()?;
        if flags & !(HAS_EXPIRY | RAW | HAS_DB | HEAD | PIECE) != 0 {
            return None;
        }
        let portion = portion_of(flags, value_type)?;
        if flags & HAS_DB != 0 {
            self.db = self.cursor.varint_u16()?;
        }
        let expire_at_ms = match flags & HAS_EXPIRY {
            0 => None,
            _ => Some(unzigzag(self.cursor.varint()?)),
        };
        let key_len = self.cursor.varint()?.try_into().ok()?;
        let key = self.cursor.take(key_len)?;
        let payload_len = self.cursor.varint()?.try_into().ok()?;
        Some(EntryRef {
            db: self.db,
            key,
            expire_at_ms,
            access: u32::from_le_bytes([low, middle, high, 0]),
            raw: flags & RAW != 0,
            portion,
            value_type,
            payload: self.cursor.take(payload_len)?,
        })
    }
}

/// What the flags say of an entry, if they go together.
#[inline]
fn portion_of(flags: u8, value_type: u8) -> Option<Portion> {
    let portion = match flags & (HEAD | PIECE) {
        0 => return Some(Portion::Whole),
        HEAD if flags & RAW == 0 => Portion::Head,
        PIECE if flags & (RAW | HAS_EXPIRY) == 0 => Portion::Piece,
        _ => return None,
    };
    Collection::of_code(value_type).map(|_| portion)
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<EntryRef<'a>, usize>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || (self.left == 0 && self.cursor.is_empty()) {
            return None;
        }
        let offset = self.len - self.cursor.len();
        if let Some(entry) = self.read() {
            let keys = u32::from(entry.portion != Portion::Piece);
            if let Some(left) = self.left.checked_sub(keys) {
                self.left = left;
                return Some(Ok(entry));
            }
        }
        self.failed = true;
        Some(Err(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    fn random_entry<'a>(prng: &mut Prng, bytes: &'a [u8]) -> EntryRef<'a> {
        let slice = |prng: &mut Prng| &bytes[..prng.below(300) as usize * prng.below(2) as usize];
        let portion = [Portion::Whole, Portion::Head, Portion::Piece][prng.below(3) as usize];
        let is_whole = portion == Portion::Whole;
        EntryRef {
            db: (prng.below(3) * prng.below(40_000)) as u16,
            key: slice(prng),
            expire_at_ms: (prng.below(2) == 0 && portion != Portion::Piece)
                .then(|| prng.next_u64().cast_signed() >> prng.below(64)),
            access: prng.below(1 << 24) as u32,
            raw: is_whole && prng.below(2) == 0,
            portion,
            value_type: if is_whole {
                prng.below(256) as u8
            } else {
                Collection::Hash.code()
            },
            payload: slice(prng),
        }
    }

    #[test]
    fn entries_come_back_and_damage_does_not_panic() {
        let mut prng = Prng::from_seed(4);
        let mut bytes = [0; 300];
        prng.fill(&mut bytes);
        for _ in 0..300 {
            let entries: Vec<_> = (0..prng.below(20))
                .map(|_| random_entry(&mut prng, &bytes))
                .collect();
            let mut out = Vec::new();
            let mut last_db = 0;
            for entry in &entries {
                let before = out.len();
                entry.put(last_db, &mut out);
                assert!(out.len() - before <= entry.len_max(entry.payload.len()));
                last_db = entry.db;
            }
            let keys = entries.iter().filter(|entry| entry.portion != Portion::Piece);
            let count = keys.count() as u32;
            let back: Result<Vec<_>, usize> = Entries::new(&out, count).collect();
            assert_eq!(back.unwrap(), entries);
            assert!(Entries::new(&out, count + 1).any(|entry| entry.is_err()));
            if count > 0 {
                assert!(Entries::new(&out, count - 1).any(|entry| entry.is_err()));
                assert!(Entries::new(&out[..out.len() - 1], count).any(|entry| entry.is_err()));
                let at = prng.below(out.len() as u64) as usize;
                out[at] ^= 1 << prng.below(8);
                assert!(Entries::new(&out, count).count() <= out.len());
            }
        }
    }
}
