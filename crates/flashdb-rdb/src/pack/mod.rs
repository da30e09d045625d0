//! The packed containers inside serialized values: a whole small collection in one string of bytes.
//!
//! Listpack is the living one, read and written; ziplist and zipmap are of older versions and only read; intset is a sorted array of
//! integers. Each walker checks every length as it goes and gives its elements without copying.

pub(crate) mod intset;
pub(crate) mod listpack;
pub(crate) mod ziplist;
pub(crate) mod zipmap;

use flashdb_base::number;

/// An element of a packed container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element<'a> {
    Bytes(&'a [u8]),
    Integer(i64),
}

impl Element<'_> {
    pub(crate) fn to_vec(self) -> Vec<u8> {
        match self {
            Element::Bytes(bytes) => bytes.to_vec(),
            Element::Integer(integer) => {
                let mut text = Vec::new();
                number::write_i64(&mut text, integer);
                text
            }
        }
    }

    /// The integer that this element is or spells.
    pub(crate) fn as_i64(self) -> Option<i64> {
        match self {
            Element::Bytes(bytes) => number::parse_i64(bytes),
            Element::Integer(integer) => Some(integer),
        }
    }

    /// The number that this element is or spells, as scores are written.
    pub(crate) fn as_f64(self) -> Option<f64> {
        match self {
            Element::Bytes(bytes) => number::parse_f64(bytes),
            Element::Integer(integer) => Some(integer as f64),
        }
    }
}

/// Reads `N` little-endian bytes at the front as a signed integer.
pub(crate) fn split_integer<const N: usize>(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    let mut wide = [if head[N - 1] & 0x80 != 0 { 0xff } else { 0 }; 8];
    wide[..N].copy_from_slice(head);
    Some((i64::from_le_bytes(wide), rest))
}
