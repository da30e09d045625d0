//! Serialized value to neutral value, for every type byte.
//!
//! The rules of Redis's deep sanitization hold for all sources: no duplicates, whole pairs, no empty collections, no NaN.

mod hash;
pub(crate) mod stream;

use std::collections::HashSet;

use flashdb_base::number;
use foldhash::fast::RandomState;

use crate::error::{RdbError, Result};
use crate::input::Input;
use crate::length::read_length;
use crate::pack::listpack::Listpack;
use crate::pack::ziplist::Ziplist;
use crate::pack::{Element, intset};
use crate::string::{charge_elements, read_packed, read_string};
use crate::types::{ValueType, is_valkey};
use crate::value::RdbValue;

/// Containers of a quicklist node.
const NODE_PLAIN: u64 = 1;
const NODE_PACKED: u64 = 2;

/// What a value had that its neutral form has no place for, by name.
pub(crate) type Losses = Vec<&'static str>;

/// Reads the value of this type; `version` decides where a type byte has two meanings.
pub(crate) fn read_value(
    input: &mut impl Input,
    value_type: ValueType,
    version: u32,
    losses: &mut Losses,
) -> Result<RdbValue> {
    if is_valkey(version) && value_type.is_foreign_to_valkey() {
        return Err(RdbError::UnsupportedType(value_type.0));
    }
    match value_type {
        ValueType::STRING => Ok(RdbValue::String(read_string(input)?)),
        ValueType::LIST => list(read_strings(input)?),
        ValueType::SET => set(read_strings(input)?),
        ValueType::ZSET => zset(read_scored(input, read_text_score)?),
        ValueType::ZSET_2 => zset(read_scored(input, |input| {
            Ok(f64::from_le_bytes(input.array()?))
        })?),
        ValueType::LIST_ZIPLIST => list(texts(Ziplist::new(&read_packed(input)?)?)?),
        ValueType::LIST_QUICKLIST => read_quicklist(input, false),
        ValueType::LIST_QUICKLIST_2 => read_quicklist(input, true),
        ValueType::SET_INTSET => {
            let members = intset::read(&read_packed(input)?)?;
            set(members
                .into_iter()
                .map(|member| Element::Integer(member).to_vec())
                .collect())
        }
        ValueType::SET_LISTPACK => set(texts(Listpack::new(&read_packed(input)?)?)?),
        ValueType::ZSET_ZIPLIST => zset(scored(Ziplist::new(&read_packed(input)?)?)?),
        ValueType::ZSET_LISTPACK => zset(scored(Listpack::new(&read_packed(input)?)?)?),
        ValueType::STREAM_LISTPACKS
        | ValueType::STREAM_LISTPACKS_2
        | ValueType::STREAM_LISTPACKS_3
        | ValueType::STREAM_LISTPACKS_4
        | ValueType::STREAM_LISTPACKS_5 => Ok(RdbValue::Stream(stream::read(input, value_type, losses)?)),
        other => Ok(RdbValue::Hash(hash::read(input, other, version)?)),
    }
}

fn list(elements: Vec<Vec<u8>>) -> Result<RdbValue> {
    if elements.is_empty() {
        Err(RdbError::Empty)
    } else {
        Ok(RdbValue::List(elements))
    }
}

fn set(members: Vec<Vec<u8>>) -> Result<RdbValue> {
    check_unique(members.iter().map(Vec::as_slice))?;
    Ok(RdbValue::Set(members))
}

fn zset(members: Vec<(Vec<u8>, f64)>) -> Result<RdbValue> {
    check_unique(members.iter().map(|(member, _)| member.as_slice()))?;
    if members.iter().any(|(_, score)| score.is_nan()) {
        return Err(RdbError::Corrupt("score is not a number"));
    }
    Ok(RdbValue::ZSet(members))
}

/// Refuses an empty collection and one that has a name twice.
pub(crate) fn check_unique<'a>(names: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<()> {
    let mut seen: HashSet<&[u8], RandomState> =
        HashSet::with_capacity_and_hasher(names.len(), RandomState::default());
    if names.len() == 0 {
        return Err(RdbError::Empty);
    }
    for name in names {
        if !seen.insert(name) {
            return Err(RdbError::Corrupt("duplicate member"));
        }
    }
    Ok(())
}

fn read_strings(input: &mut impl Input) -> Result<Vec<Vec<u8>>> {
    let count = read_length(input)?;
    let mut strings = Vec::with_capacity(input.capacity_for(count));
    for _ in 0..count {
        strings.push(read_string(input)?);
    }
    Ok(strings)
}

fn texts<'a>(elements: impl Iterator<Item = Result<Element<'a>>>) -> Result<Vec<Vec<u8>>> {
    elements.map(|element| Ok(element?.to_vec())).collect()
}

/// Members and scores by turns.
fn scored<'a>(mut elements: impl Iterator<Item = Result<Element<'a>>>) -> Result<Vec<(Vec<u8>, f64)>> {
    let mut members = Vec::new();
    while let Some(member) = elements.next() {
        let score = elements
            .next()
            .ok_or(RdbError::Corrupt("member without a score"))??;
        let score = score.as_f64().ok_or(RdbError::Corrupt("score is not a number"))?;
        members.push((member?.to_vec(), score));
    }
    Ok(members)
}

fn read_scored<I: Input>(
    input: &mut I,
    score: impl Fn(&mut I) -> Result<f64>,
) -> Result<Vec<(Vec<u8>, f64)>> {
    let count = read_length(input)?;
    let mut members = Vec::with_capacity(input.capacity_for(count));
    for _ in 0..count {
        let member = read_string(input)?;
        members.push((member, score(input)?));
    }
    Ok(members)
}

/// The oldest form of a score: its text with a length byte, or one of three marks.
fn read_text_score(input: &mut impl Input) -> Result<f64> {
    match input.byte()? {
        253 => Ok(f64::NAN),
        254 => Ok(f64::INFINITY),
        255 => Ok(f64::NEG_INFINITY),
        length => number::parse_f64(&input.take(u64::from(length))?)
            .ok_or(RdbError::Corrupt("score is not a number")),
    }
}

/// A list in nodes: ziplists, or in the second form listpacks and single large elements.
fn read_quicklist(input: &mut impl Input, second_form: bool) -> Result<RdbValue> {
    let nodes = read_length(input)?;
    let mut elements = Vec::new();
    for _ in 0..nodes {
        let container = if second_form {
            read_length(input)?
        } else {
            NODE_PACKED
        };
        let node = read_packed(input)?;
        let before = elements.len();
        match container {
            NODE_PLAIN => elements.push(node),
            NODE_PACKED if second_form => extend_with_texts(&mut elements, Listpack::new(&node)?)?,
            NODE_PACKED => extend_with_texts(&mut elements, Ziplist::new(&node)?)?,
            _ => return Err(RdbError::Corrupt("unknown container in a list")),
        }
        charge_elements(input, elements.len() - before)?;
    }
    list(elements)
}

fn extend_with_texts<'a>(
    target: &mut Vec<Vec<u8>>,
    elements: impl Iterator<Item = Result<Element<'a>>>,
) -> Result<()> {
    for element in elements {
        target.push(element?.to_vec());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
