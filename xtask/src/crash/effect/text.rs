//! Requests about strings: plain ones, counters, bitmaps, and HyperLogLogs.

use super::super::model::{Entry, Expiry, Model, Value};
use super::super::sketch::{self, Registers};
use super::keys::{may_be_gone, relative};
use super::{Expected, Timing, bulk, count, integer, misused, number, ok, put, value_or};
use crate::resp::Reply;

pub fn apply(model: &mut Model, name: &str, words: &[&[u8]], timing: Timing) -> Expected {
    match (name, words) {
        ("SET", [key, value, options @ ..]) => set(model, key, value, options, timing),
        ("GET", [key]) if may_be_gone(model, key, timing) => Ok(None),
        ("GET", [key]) => match model.get(*key).map(|entry| &entry.value) {
            None => Ok(Some(Reply::Null)),
            Some(Value::Text(bytes)) => Ok(Some(bulk(bytes))),
            Some(_) => Err(misused(name)),
        },
        ("APPEND", [key, more]) => {
            let bytes = text_of(model, key)?;
            bytes.extend_from_slice(more);
            Ok(Some(integer(bytes.len())))
        }
        ("SETRANGE", [key, offset, part]) => {
            let (offset, bytes) = (count(offset)?, text_of(model, key)?);
            let end = offset + part.len();
            bytes.resize(bytes.len().max(end), 0);
            bytes[offset..end].copy_from_slice(part);
            Ok(Some(integer(bytes.len())))
        }
        ("INCRBY", [key, step]) => increment(model, key, number(step)?),
        ("DECRBY", [key, step]) => increment(model, key, -number(step)?),
        ("MSET", pairs) => {
            for pair in pairs.chunks_exact(2) {
                put(model, pair[0], Value::Text(pair[1].to_vec()));
            }
            Ok(Some(ok()))
        }
        ("SETBIT", [key, offset, bit]) => set_bit(model, key, count(offset)?, *bit == b"1"),
        ("BITOP", [_or, target, sources @ ..]) => combine_bits(model, target, sources),
        ("PFADD", [key, elements @ ..]) => {
            let is_new = !model.contains_key(*key);
            let registers = registers_of(model, key)?;
            let mut is_changed = is_new;
            for element in elements {
                is_changed |= sketch::add(registers, element);
            }
            Ok(Some(Reply::Int(i64::from(is_changed))))
        }
        ("PFMERGE", [target, source]) => {
            let merged = match model.get(*source).map(|entry| &entry.value) {
                Some(Value::Sketch(registers)) => registers.clone(),
                _ => Registers::new(),
            };
            let registers = registers_of(model, target)?;
            for (index, rank) in merged {
                sketch::raise(registers, index, rank);
            }
            Ok(Some(ok()))
        }
        _ => Err(misused(name)),
    }
}

fn set(model: &mut Model, key: &[u8], value: &[u8], options: &[&[u8]], timing: Timing) -> Expected {
    let expiry = match options {
        [] => None,
        [b"KEEPTTL"] => model.get(key).and_then(|entry| entry.expiry),
        [b"PX", span] => Some(relative(number(span)?, timing)),
        [b"PXAT", time] => Some(Expiry::at(number(time)?.unsigned_abs())),
        _ => return Err(misused("SET")),
    };
    let value = Value::Text(value.to_vec());
    model.insert(key.to_vec(), Entry { value, expiry });
    Ok(Some(ok()))
}

fn text_of<'m>(model: &'m mut Model, key: &[u8]) -> Result<&'m mut Vec<u8>, String> {
    match value_or(model, key, || Value::Text(Vec::new())) {
        Value::Text(bytes) => Ok(bytes),
        _ => Err(misused("a string command")),
    }
}

fn registers_of<'m>(model: &'m mut Model, key: &[u8]) -> Result<&'m mut Registers, String> {
    match value_or(model, key, || Value::Sketch(Registers::new())) {
        Value::Sketch(registers) => Ok(registers),
        _ => Err(misused("a HyperLogLog command")),
    }
}

fn increment(model: &mut Model, key: &[u8], step: i64) -> Expected {
    let bytes = text_of(model, key)?;
    let before = if bytes.is_empty() { 0 } else { number(bytes)? };
    let after = before + step;
    *bytes = after.to_string().into_bytes();
    Ok(Some(Reply::Int(after)))
}

fn set_bit(model: &mut Model, key: &[u8], offset: usize, bit: bool) -> Expected {
    let bytes = text_of(model, key)?;
    bytes.resize(bytes.len().max(offset / 8 + 1), 0);
    let mask = 0x80 >> (offset % 8);
    let byte = &mut bytes[offset / 8];
    let before = *byte & mask != 0;
    *byte = if bit { *byte | mask } else { *byte & !mask };
    Ok(Some(Reply::Int(i64::from(before))))
}

/// BITOP OR.
fn combine_bits(model: &mut Model, target: &[u8], sources: &[&[u8]]) -> Expected {
    let mut result: Vec<u8> = Vec::new();
    for source in sources {
        if let Some(Value::Text(bytes)) = model.get(*source).map(|entry| &entry.value) {
            result.resize(result.len().max(bytes.len()), 0);
            for (into, byte) in result.iter_mut().zip(bytes) {
                *into |= byte;
            }
        }
    }
    let reply = integer(result.len());
    if result.is_empty() {
        model.remove(target);
    } else {
        put(model, target, Value::Text(result));
    }
    Ok(Some(reply))
}
