//! Hashes: plain, packed in four ways, and with expiring fields in five.
//!
//! ```text
//! 24   earliest expiry i64 | count | (expiry - earliest + 1, or 0 for none | field | value) ...       Redis 7.4
//! 25   earliest expiry i64 | listpack of field, value, expiry or 0                                     Redis 7.4
//! 22   count | (expiry or 0 | field | value) ...                                             its release candidates
//! 23   listpack of field, value, expiry or 0                                                 its release candidates
//! 22   count | (field | value | expiry i64 or -1) ...                                                  Valkey 9
//! ```

use super::check_unique;
use crate::error::{RdbError, Result};
use crate::input::Input;
use crate::length::read_length;
use crate::pack::Element;
use crate::pack::listpack::Listpack;
use crate::pack::ziplist::Ziplist;
use crate::pack::zipmap;
use crate::string::{read_packed, read_string};
use crate::types::{ValueType, is_valkey};
use crate::value::HashField;

pub(super) fn read(input: &mut impl Input, value_type: ValueType, version: u32) -> Result<Vec<HashField>> {
    let fields = match value_type {
        ValueType::HASH => read_plain(input)?,
        ValueType::HASH_ZIPMAP => from_zipmap(&read_packed(input)?)?,
        ValueType::HASH_ZIPLIST => from_pairs(Ziplist::new(&read_packed(input)?)?)?,
        ValueType::HASH_LISTPACK => from_pairs(Listpack::new(&read_packed(input)?)?)?,
        ValueType::HASH_EXPIRY_22 if is_valkey(version) => read_valkey(input)?,
        ValueType::HASH_EXPIRY_22 => read_metadata(input, None)?,
        ValueType::HASH_METADATA => {
            let earliest_ms = input.u64_le()?;
            read_metadata(input, Some(earliest_ms))?
        }
        ValueType::HASH_LISTPACK_EX_PRE_GA => from_triples(&read_packed(input)?)?,
        ValueType::HASH_LISTPACK_EX => {
            input.u64_le()?;
            from_triples(&read_packed(input)?)?
        }
        ValueType(other) => return Err(RdbError::UnsupportedType(other)),
    };
    check_unique(fields.iter().map(|field| field.field.as_slice()))?;
    Ok(fields)
}

fn read_plain(input: &mut impl Input) -> Result<Vec<HashField>> {
    read_each(input, |input| {
        let field = read_string(input)?;
        Ok(HashField {
            field,
            value: read_string(input)?,
            expire_at_ms: None,
        })
    })
}

fn read_valkey(input: &mut impl Input) -> Result<Vec<HashField>> {
    read_each(input, |input| {
        let field = read_string(input)?;
        let value = read_string(input)?;
        let expire_at_ms = match i64::from_le_bytes(input.array()?) {
            -1 => None,
            at => Some(u64::try_from(at).map_err(|_| BAD_EXPIRY)?),
        };
        Ok(HashField {
            field,
            value,
            expire_at_ms,
        })
    })
}

/// Expiry times are relative to the earliest, if there is one, so that they are short.
fn read_metadata(input: &mut impl Input, earliest_ms: Option<u64>) -> Result<Vec<HashField>> {
    read_each(input, |input| {
        let expire_at_ms = match (read_length(input)?, earliest_ms) {
            (0, _) => None,
            (at, None) => Some(at),
            (distance, Some(earliest)) => Some(earliest.checked_add(distance - 1).ok_or(BAD_EXPIRY)?),
        };
        let field = read_string(input)?;
        Ok(HashField {
            field,
            value: read_string(input)?,
            expire_at_ms: check_expiry(expire_at_ms)?,
        })
    })
}

const BAD_EXPIRY: RdbError = RdbError::Corrupt("field expiry out of range");

/// Times are signed on the other side.
fn check_expiry(expire_at_ms: Option<u64>) -> Result<Option<u64>> {
    if expire_at_ms.is_some_and(|at| i64::try_from(at).is_err()) {
        Err(BAD_EXPIRY)
    } else {
        Ok(expire_at_ms)
    }
}

fn read_each<I: Input>(input: &mut I, read: impl Fn(&mut I) -> Result<HashField>) -> Result<Vec<HashField>> {
    let count = read_length(input)?;
    let mut fields = Vec::with_capacity(input.capacity_for(count));
    for _ in 0..count {
        fields.push(read(input)?);
    }
    Ok(fields)
}

fn from_zipmap(bytes: &[u8]) -> Result<Vec<HashField>> {
    let pairs = zipmap::read(bytes)?.into_iter();
    Ok(pairs
        .map(|(field, value)| HashField {
            field: field.into(),
            value: value.into(),
            expire_at_ms: None,
        })
        .collect())
}

const ODD: RdbError = RdbError::Corrupt("hash field without a value");

fn from_pairs<'a>(mut elements: impl Iterator<Item = Result<Element<'a>>>) -> Result<Vec<HashField>> {
    let mut fields = Vec::new();
    while let Some(field) = elements.next() {
        let value = elements.next().ok_or(ODD)??;
        fields.push(HashField {
            field: field?.to_vec(),
            value: value.to_vec(),
            expire_at_ms: None,
        });
    }
    Ok(fields)
}

fn from_triples(bytes: &[u8]) -> Result<Vec<HashField>> {
    let mut elements = Listpack::new(bytes)?;
    let mut fields = Vec::new();
    while let Some(field) = elements.next() {
        let field = field?.to_vec();
        let value = elements.next().ok_or(ODD)??.to_vec();
        let expire_at_ms = match elements.next().ok_or(ODD)??.as_i64() {
            Some(0) => None,
            Some(at) => Some(u64::try_from(at).map_err(|_| BAD_EXPIRY)?),
            None => return Err(BAD_EXPIRY),
        };
        fields.push(HashField {
            field,
            value,
            expire_at_ms,
        });
    }
    Ok(fields)
}
