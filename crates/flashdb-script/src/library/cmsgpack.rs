//! `cmsgpack`: values in MessagePack, as Redis's lua-cmsgpack 0.4.0 has it: the format before it had binary
//! and extension types, tables with the keys 1 to N as arrays, nothing deeper than 16 tables.

use super::stack::{self, Buffer, Failure, Kind, Outcome, Stack, Work, native};
use std::cell::Cell;

/// Tables inside of so many others are packed as nil.
const NESTING_MAX: usize = 16;

/// Makes the table of functions.
pub fn open(lua: &mlua::Lua) -> mlua::Result<mlua::Table> {
    stack::table(lua, |stack| {
        stack.push_table();
        let table = stack.len();
        stack.push_kept::<(), Buffer>(());
        stack.push_kept::<(), Levels>(());
        stack.set_function(table, table + 1, "pack", native!(pack));
        stack.set_function(table, table + 2, "unpack", native!(unpack));
        stack.set_function(table, table + 2, "unpack_one", native!(unpack_one));
        stack.set_function(table, table + 2, "unpack_limit", native!(unpack_limit));
        stack.set_len(table);
        stack.set_text_field("_NAME", "cmsgpack");
        stack.set_text_field("_VERSION", "lua-cmsgpack 0.4.0");
        stack.set_text_field("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo");
        stack.set_text_field("_DESCRIPTION", "MessagePack C implementation for Lua");
    })
}

fn pack(stack: Stack, _: &Cell<()>, packed: &mut Buffer) -> Outcome {
    let arguments = stack.len();
    if arguments == 0 {
        return Err(Failure::argument(
            0,
            format_args!("MessagePack pack needs input."),
        ));
    }
    if !stack.reserve(arguments) || !stack.reserve(3 * NESTING_MAX as i32 + 8) {
        return Err(Failure::argument(
            0,
            format_args!("Too many arguments for MessagePack pack."),
        ));
    }
    for index in 1..=arguments {
        stack.push_copy(index);
        pack_top(stack, packed, 0)?;
        stack.pop(1);
    }
    stack.push_buffer(&packed.0)?;
    Ok(1)
}

/// Appends the value on top of the stack, which stays there.
fn pack_top(stack: Stack, packed: &mut Buffer, nesting: usize) -> Result<(), Failure> {
    match stack.kind(-1) {
        Kind::Boolean => packed.append(&[if stack.boolean(-1) { 0xc3 } else { 0xc2 }]),
        Kind::Number => pack_number(stack.number(-1), packed),
        Kind::String => {
            let bytes = stack.bytes(-1);
            pack_head(packed, bytes.len(), [(31, 0xa0), (0xff, 0xd9)], [0xda, 0xdb])?;
            packed.append(bytes)
        }
        Kind::Table if nesting < NESTING_MAX => pack_table(stack, packed, nesting),
        _ => packed.append(&[0xc0]),
    }
}

/// A length with its type: in the type's byte where it fits, else in one byte (if that exists), two or four.
fn pack_head(
    packed: &mut Buffer,
    len: usize,
    small: [(usize, u8); 2],
    large: [u8; 2],
) -> Result<(), Failure> {
    let [(inside_max, inside), (byte_max, byte)] = small;
    if len <= inside_max {
        packed.append(&[inside | len as u8])
    } else if len <= byte_max {
        packed.append(&[byte, len as u8])
    } else if let Ok(len) = u16::try_from(len) {
        packed.append(&[large[0]])?;
        packed.append(&len.to_be_bytes())
    } else {
        packed.append(&[large[1]])?;
        packed.append(&(len as u32).to_be_bytes())
    }
}

fn pack_number(number: f64, packed: &mut Buffer) -> Result<(), Failure> {
    // The upper limit itself is not an i64.
    if number.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number)
    {
        return pack_integer(number as i64, packed);
    }
    let single = number as f32;
    if f64::from(single) == number {
        packed.append(&[0xca])?;
        packed.append(&single.to_be_bytes())
    } else {
        packed.append(&[0xcb])?;
        packed.append(&number.to_be_bytes())
    }
}

fn pack_integer(value: i64, packed: &mut Buffer) -> Result<(), Failure> {
    let bytes = value.to_be_bytes();
    let (head, used) = match value {
        -32..=127 => return packed.append(&bytes[7..]),
        128..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80..=-33 => (0xd0, 1),
        -0x8000..=-0x81 => (0xd1, 2),
        -0x8000_0000..=-0x8001 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    packed.append(&[head])?;
    packed.append(&bytes[8 - used..])
}

fn pack_table(stack: Stack, packed: &mut Buffer, nesting: usize) -> Result<(), Failure> {
    let table = stack.len();
    let (pairs, is_array) = survey(stack, table);
    if is_array {
        // As in Redis, the length is asked for again: of a table with the keys 1 to N it is N.
        let len = stack.table_len(table);
        pack_head(packed, len, [(15, 0x90), (0, 0)], [0xdc, 0xdd])?;
        for number in 1..=len {
            stack.push_item(table, number as i32);
            pack_top(stack, packed, nesting + 1)?;
            stack.pop(1);
        }
        return Ok(());
    }
    pack_head(packed, pairs, [(15, 0x80), (0, 0)], [0xde, 0xdf])?;
    stack.push_nil();
    while stack.next(table) {
        stack.push_copy(-2);
        pack_top(stack, packed, nesting + 1)?;
        stack.pop(1);
        pack_top(stack, packed, nesting + 1)?;
        stack.pop(1);
    }
    Ok(())
}

/// Number of pairs, and whether their keys are the numbers from 1 up without a gap.
fn survey(stack: Stack, table: i32) -> (usize, bool) {
    let (mut pairs, mut largest, mut numbered) = (0, 0.0_f64, true);
    stack.push_nil();
    while stack.next(table) {
        stack.pop(1);
        pairs += 1;
        if numbered {
            let key = match stack.kind(-1) {
                Kind::Number => stack.number(-1),
                _ => 0.0,
            };
            numbered = key >= 1.0 && key <= f64::from(i32::MAX) && key.fract() == 0.0;
            largest = largest.max(key);
        }
    }
    (pairs, numbered && largest == pairs as f64)
}

/// The tables that unpacking is inside of.
#[derive(Default)]
struct Levels(Vec<Level>);

/// A table that is being filled. It lies on the stack; a key that waits for its value lies above it.
struct Level {
    /// Keys and values of a map both count.
    missing: u64,
    /// Of an array, the number of the last item; none for a map.
    items: Option<i32>,
    has_key: bool,
}

impl Work for Levels {
    fn reset(&mut self) {
        self.0.clear();
    }
}

fn unpack(stack: Stack, _: &Cell<()>, levels: &mut Levels) -> Outcome {
    let input = stack.string_argument(1)?;
    unpack_from(stack, levels, input, 0, 0)
}

fn unpack_one(stack: Stack, _: &Cell<()>, levels: &mut Levels) -> Outcome {
    let offset = stack.integer_argument_or(2, 0)?;
    let input = stack.string_argument(1)?;
    unpack_from(stack, levels, input, 1, offset)
}

fn unpack_limit(stack: Stack, _: &Cell<()>, levels: &mut Levels) -> Outcome {
    let limit = stack.integer_argument(2)?;
    let offset = stack.integer_argument_or(3, 0)?;
    let input = stack.string_argument(1)?;
    unpack_from(stack, levels, input, limit, offset)
}

/// Up to `limit` values from `offset`; first among the results is where the next begins, or -1 at the end.
/// With neither limit nor offset all values, and no such first result.
fn unpack_from(stack: Stack, levels: &mut Levels, input: &[u8], limit: i64, offset: i64) -> Outcome {
    let all = limit == 0 && offset == 0;
    let (Ok(limit), Ok(start)) = (usize::try_from(limit), usize::try_from(offset)) else {
        return Err(Failure::new(format_args!(
            "Invalid request to unpack with offset of {offset} and limit of {}.",
            input.len()
        )));
    };
    let Some(rest) = input.get(start..) else {
        return Err(Failure::new(format_args!(
            "Start offset {offset} greater than input length {}.",
            input.len()
        )));
    };
    stack.set_len(1);
    let mut source = Source(rest);
    let mut values = 0;
    while !source.0.is_empty() && (all || values < limit) {
        unpack_value(stack, levels, &mut source)?;
        values += 1;
    }
    if all {
        return Ok(values as i32);
    }
    stack.reserve_or(1, "in function mp_unpack_full")?;
    let next = match source.0.len() {
        0 => -1.0,
        left => (input.len() - left) as f64,
    };
    stack.push_number(next);
    stack.insert(2);
    Ok(values as i32 + 1)
}

/// Pushes one whole value.
fn unpack_value(stack: Stack, levels: &mut Levels, source: &mut Source<'_>) -> Result<(), Failure> {
    loop {
        stack.reserve_or(
            1,
            "too many return values at once; use unpack_one or unpack_limit instead.",
        )?;
        match source.token()? {
            Token::Nil => stack.push_nil(),
            Token::Boolean(value) => stack.push_boolean(value),
            Token::Number(value) => stack.push_number(value),
            Token::Bytes(bytes) => stack.push_bytes(bytes),
            Token::Array(len) => {
                stack.reserve_or(2, "in function mp_decode_to_lua_array")?;
                stack.push_table();
                if len > 0 {
                    levels.0.push(Level::array(len));
                    continue;
                }
            }
            Token::Map(pairs) => {
                stack.push_table();
                if pairs > 0 {
                    levels.0.push(Level::map(pairs));
                    continue;
                }
            }
        }
        // The value on top is whole: it goes into its table, which may thereby be whole as well.
        loop {
            let Some(level) = levels.0.last_mut() else {
                return Ok(());
            };
            level.take_top(stack)?;
            if level.missing > 0 {
                break;
            }
            levels.0.pop();
        }
    }
}

impl Level {
    fn array(len: u32) -> Level {
        Level {
            missing: len.into(),
            items: Some(0),
            has_key: false,
        }
    }

    fn map(pairs: u32) -> Level {
        Level {
            missing: 2 * u64::from(pairs),
            items: None,
            has_key: false,
        }
    }

    /// Takes the value on top as the next of this table; a key stays on the stack.
    fn take_top(&mut self, stack: Stack) -> Result<(), Failure> {
        self.missing -= 1;
        if let Some(items) = &mut self.items {
            *items += 1;
            stack.set_item(-2, *items);
        } else if self.has_key {
            stack.set_pair(-3);
            self.has_key = false;
        } else {
            match stack.kind(-1) {
                Kind::Nil => return Err(Failure::bare("table index is nil")),
                Kind::Number if stack.number(-1).is_nan() => {
                    return Err(Failure::bare("table index is NaN"));
                }
                _ => self.has_key = true,
            }
        }
        Ok(())
    }
}

/// What the input holds next.
enum Token<'a> {
    Nil,
    Boolean(bool),
    Number(f64),
    Bytes(&'a [u8]),
    /// That many items follow.
    Array(u32),
    /// That many pairs follow.
    Map(u32),
}

/// The input that is left.
struct Source<'a>(&'a [u8]);

impl<'a> Source<'a> {
    fn token(&mut self) -> Result<Token<'a>, Failure> {
        let [head] = self.array()?;
        Ok(match head {
            0x00..=0x7f | 0xe0..=0xff => Token::Number(f64::from(head as i8)),
            0x80..=0x8f => Token::Map(u32::from(head & 15)),
            0x90..=0x9f => Token::Array(u32::from(head & 15)),
            0xa0..=0xbf => Token::Bytes(self.bytes(usize::from(head & 31))?),
            0xc0 => Token::Nil,
            0xc2 => Token::Boolean(false),
            0xc3 => Token::Boolean(true),
            0xca => Token::Number(f32::from_be_bytes(self.array()?).into()),
            0xcb => Token::Number(f64::from_be_bytes(self.array()?)),
            0xcc => Token::Number(u8::from_be_bytes(self.array()?).into()),
            0xcd => Token::Number(u16::from_be_bytes(self.array()?).into()),
            0xce => Token::Number(u32::from_be_bytes(self.array()?).into()),
            // Redis pushes both as signed integers.
            0xcf | 0xd3 => Token::Number(i64::from_be_bytes(self.array()?) as f64),
            0xd0 => Token::Number(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Token::Number(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Token::Number(i32::from_be_bytes(self.array()?).into()),
            0xd9 => {
                let [len] = self.array()?;
                Token::Bytes(self.bytes(len.into())?)
            }
            0xda => {
                let len = u16::from_be_bytes(self.array()?);
                Token::Bytes(self.bytes(len.into())?)
            }
            0xdb => {
                let len = u32::from_be_bytes(self.array()?);
                Token::Bytes(self.bytes(len as usize)?)
            }
            0xdc => Token::Array(u16::from_be_bytes(self.array()?).into()),
            0xdd => Token::Array(u32::from_be_bytes(self.array()?)),
            0xde => Token::Map(u16::from_be_bytes(self.array()?).into()),
            0xdf => Token::Map(u32::from_be_bytes(self.array()?)),
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => {
                return Err(Failure::new(format_args!("Bad data format in input.")));
            }
        })
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], Failure> {
        let Some((taken, rest)) = self.0.split_at_checked(len) else {
            return Err(missing_bytes());
        };
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let Some((taken, rest)) = self.0.split_first_chunk() else {
            return Err(missing_bytes());
        };
        self.0 = rest;
        Ok(*taken)
    }
}

fn missing_bytes() -> Failure {
    Failure::new(format_args!("Missing bytes in input."))
}
