//! Lua values to JSON text. Tables inside of tables lie on Lua's stack, with a level each in the codec, so depth
//! costs no stack of the thread.

use super::super::stack::{Failure, Kind, Outcome, Stack};
use super::{Codec, InvalidNumbers, Settings, number};
use std::cell::Cell;

/// A table that is being written: it lies on the stack, an object's current key above it.
pub(super) enum Level {
    Array { next: i32, last: i32 },
    Object { has_pairs: bool },
}

/// `cjson.encode`.
pub(super) fn encode(stack: Stack, kept: &Cell<Settings>, codec: &mut Codec) -> Outcome {
    codec.settings = kept.get();
    if stack.len() != 1 {
        return Err(Failure::argument(1, format_args!("expected 1 argument")));
    }
    append_top(stack, codec)?;
    while !codec.encode_levels.is_empty() {
        advance(stack, codec)?;
    }
    stack.push_buffer(&codec.text.0)?;
    Ok(1)
}

/// Takes the written value off the top, then writes the next one of its table, or ends that.
fn advance(stack: Stack, codec: &mut Codec) -> Result<(), Failure> {
    match codec.encode_levels.last_mut() {
        Some(Level::Array { next, last }) if *next <= *last => {
            let number = *next;
            *next += 1;
            if number > 1 {
                codec.text.append(b",")?;
            }
            stack.push_item(-1, number);
            append_top(stack, codec)
        }
        Some(Level::Object { has_pairs }) => {
            // The last key is on top, or nil at the start.
            if !stack.next(-2) {
                codec.encode_levels.pop();
                codec.text.append(b"}")?;
                return leave_value(stack, codec);
            }
            let separator: &[u8] = if *has_pairs { b"," } else { b"" };
            *has_pairs = true;
            codec.text.append(separator)?;
            append_key(stack, codec)?;
            append_top(stack, codec)
        }
        _ => {
            codec.encode_levels.pop();
            codec.text.append(b"]")?;
            leave_value(stack, codec)
        }
    }
}

/// Takes a written value away from the top, unless it is the one that all was about.
fn leave_value(stack: Stack, codec: &Codec) -> Result<(), Failure> {
    if !codec.encode_levels.is_empty() {
        stack.pop(1);
    }
    Ok(())
}

/// Writes the value on top. A table stays there until its level ends; anything else is taken away.
fn append_top(stack: Stack, codec: &mut Codec) -> Result<(), Failure> {
    match stack.kind(-1) {
        Kind::Table => return enter_table(stack, codec),
        Kind::String => append_string(stack.bytes(-1), codec)?,
        Kind::Number => append_number(stack.number(-1), codec)?,
        Kind::Boolean if stack.boolean(-1) => codec.text.append(b"true")?,
        Kind::Boolean => codec.text.append(b"false")?,
        Kind::Nil => codec.text.append(b"null")?,
        Kind::Pointer if stack.is_null(-1) => codec.text.append(b"null")?,
        kind => return Err(refusal(kind, "type not supported")),
    }
    leave_value(stack, codec)
}

fn refusal(kind: Kind, reason: &str) -> Failure {
    Failure::new(format_args!("Cannot serialise {}: {reason}", kind.name()))
}

fn enter_table(stack: Stack, codec: &mut Codec) -> Result<(), Failure> {
    let depth = codec.encode_levels.len() as i32 + 1;
    if depth > codec.settings.encode_depth_max || !stack.reserve(3) {
        return Err(Failure::new(format_args!(
            "Cannot serialise, excessive nesting ({depth})"
        )));
    }
    match array_len(stack, codec)? {
        Some(last) => {
            codec.text.append(b"[")?;
            codec.encode_levels.push(Level::Array { next: 1, last });
        }
        None => {
            codec.text.append(b"{")?;
            stack.push_nil();
            codec.encode_levels.push(Level::Object { has_pairs: false });
        }
    }
    Ok(())
}

/// The largest number among the keys of the table on top, if all are whole numbers from 1 up and not too
/// far apart.
fn array_len(stack: Stack, codec: &Codec) -> Result<Option<i32>, Failure> {
    let (mut items, mut largest) = (0_i64, 0);
    stack.push_nil();
    while stack.next(-2) {
        stack.pop(1);
        let key = match stack.kind(-1) {
            Kind::Number => stack.number(-1),
            _ => 0.0,
        };
        if key < 1.0 || key.fract() != 0.0 || key > f64::from(i32::MAX) {
            stack.pop(1);
            return Ok(None);
        }
        largest = largest.max(key as i32);
        items += 1;
    }
    if codec.settings.sparse_ratio > 0
        && i64::from(largest) > items * i64::from(codec.settings.sparse_ratio)
        && largest > codec.settings.sparse_safe
    {
        if !codec.settings.sparse_convert {
            return Err(refusal(Kind::Table, "excessively sparse array"));
        }
        return Ok(None);
    }
    Ok((largest > 0).then_some(largest))
}

/// Writes the key below the top as a string.
fn append_key(stack: Stack, codec: &mut Codec) -> Result<(), Failure> {
    match stack.kind(-2) {
        Kind::Number => {
            codec.text.append(b"\"")?;
            append_number(stack.number(-2), codec)?;
            codec.text.append(b"\":")
        }
        Kind::String => {
            append_string(stack.bytes(-2), codec)?;
            codec.text.append(b":")
        }
        kind => Err(refusal(kind, "table key must be a number or string")),
    }
}

fn append_number(value: f64, codec: &mut Codec) -> Result<(), Failure> {
    if !value.is_finite() {
        match codec.settings.encode_invalid {
            InvalidNumbers::Refused => return Err(refusal(Kind::Number, "must not be NaN or Inf")),
            InvalidNumbers::Null => return codec.text.append(b"null"),
            InvalidNumbers::Written if value.is_nan() => return codec.text.append(b"nan"),
            InvalidNumbers::Written => {}
        }
    }
    let mut written = number::Written::default();
    number::write(value, codec.settings.number_digits, &mut written);
    codec.text.append(written.as_bytes())
}

/// The escape of a byte that must not stand for itself in a string.
fn escape(byte: u8) -> Option<&'static [u8]> {
    Some(match byte {
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        b'/' => b"\\/",
        8 => b"\\b",
        9 => b"\\t",
        10 => b"\\n",
        12 => b"\\f",
        13 => b"\\r",
        0..=31 | 127 => &[],
        _ => return None,
    })
}

fn append_string(bytes: &[u8], codec: &mut Codec) -> Result<(), Failure> {
    codec.text.append(b"\"")?;
    let mut rest = bytes;
    while let Some(plain) = rest.iter().position(|&byte| escape(byte).is_some()) {
        codec.text.append(&rest[..plain])?;
        let byte = rest[plain];
        match escape(byte) {
            Some(short) if !short.is_empty() => codec.text.append(short)?,
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let (high, low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
                codec.text.append(&[b'\\', b'u', b'0', b'0', high, low])?;
            }
        }
        rest = &rest[plain + 1..];
    }
    codec.text.append(rest)?;
    codec.text.append(b"\"")
}
