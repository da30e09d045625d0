//! `struct`: values in binary by a format string, as Roberto Ierusalimschy's struct 0.2 defines it, with the
//! limits that Redis put on sizes. `struct` is a word of Rust, hence the file's name.

use super::stack::{self, Buffer, Failure, Outcome, Stack, native};
use std::cell::Cell;

/// Bytes of the largest integer.
const INTEGER_BYTES_MAX: usize = 32;

/// Alignment that `!` without a number asks for.
const ALIGNMENT_NATIVE: usize = 8;

/// Makes the table of functions.
pub fn open(lua: &mlua::Lua) -> mlua::Result<mlua::Table> {
    stack::table(lua, |stack| {
        stack.push_table();
        let table = stack.len();
        stack.push_kept::<(), Buffer>(());
        stack.set_function(table, table + 1, "pack", native!(pack));
        stack.set_function(table, table + 1, "unpack", native!(unpack));
        stack.set_function(table, table + 1, "size", native!(size));
        stack.set_len(table);
    })
}

/// A format string while it is read.
struct Format<'a> {
    rest: &'a [u8],
    big_endian: bool,
    alignment: usize,
}

/// One item of a format.
struct Item {
    option: u8,
    size: usize,
}

impl Format<'_> {
    fn new(text: &[u8]) -> Format<'_> {
        // The text ends at a zero byte, as it does for a function in C.
        let len = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
        Format {
            rest: &text[..len],
            big_endian: false,
            alignment: 1,
        }
    }

    fn next(&mut self) -> Result<Option<Item>, Failure> {
        let Some((&option, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        self.rest = rest;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.digits(1)?,
            b'i' | b'I' => {
                let size = self.digits(4)?;
                if size > INTEGER_BYTES_MAX {
                    return Err(Failure::new(format_args!(
                        "integral size {size} is larger than limit of {INTEGER_BYTES_MAX}"
                    )));
                }
                size
            }
            _ => 0,
        };
        Ok(Some(Item { option, size }))
    }

    /// The number that follows, or `default`.
    fn digits(&mut self, default: usize) -> Result<usize, Failure> {
        if !self.rest.first().is_some_and(u8::is_ascii_digit) {
            return Ok(default);
        }
        let mut value: i32 = 0;
        while let Some((&digit, rest)) = self.rest.split_first()
            && digit.is_ascii_digit()
        {
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(i32::from(digit - b'0')))
                .ok_or_else(|| Failure::new(format_args!("integral size overflow")))?;
            self.rest = rest;
        }
        Ok(value as usize)
    }

    /// Bytes to skip before an item that would begin at `position`.
    fn padding(&self, position: usize, item: &Item) -> usize {
        if item.size == 0 || item.option == b'c' {
            return 0;
        }
        let mask = item.size.min(self.alignment).wrapping_sub(1);
        item.size.min(self.alignment).wrapping_sub(position & mask) & mask
    }

    /// Obeys an option that stands for no value.
    fn control(&mut self, option: u8) -> Result<(), Failure> {
        match option {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                let alignment = self.digits(ALIGNMENT_NATIVE)?;
                if !alignment.is_power_of_two() {
                    return Err(Failure::new(format_args!(
                        "alignment {alignment} is not a power of 2"
                    )));
                }
                self.alignment = alignment;
            }
            _ => {
                return Err(Failure::argument(
                    1,
                    format_args!("invalid format option '{}'", char::from(option)),
                ));
            }
        }
        Ok(())
    }
}

fn pack(stack: Stack, _: &Cell<()>, made: &mut Buffer) -> Outcome {
    let mut format = Format::new(stack.string_argument(1)?);
    // Behind the arguments stands a nil, so that a missing one is told as nil.
    stack.reserve_or(2, "too many arguments")?;
    stack.push_nil();
    let mut argument = 2;
    while let Some(item) = format.next()? {
        let padding = format.padding(made.0.len(), &item);
        made.0.resize(made.0.len() + padding, 0);
        match item.option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                append_integer(
                    made,
                    stack.number_argument(argument)?,
                    item.size,
                    format.big_endian,
                );
                argument += 1;
            }
            b'x' => made.0.push(0),
            b'f' => {
                let value = stack.number_argument(argument)? as f32;
                append_ordered(made, value.to_le_bytes(), format.big_endian);
                argument += 1;
            }
            b'd' => {
                let value = stack.number_argument(argument)?;
                append_ordered(made, value.to_le_bytes(), format.big_endian);
                argument += 1;
            }
            b'c' | b's' => {
                let text = stack.string_argument(argument)?;
                argument += 1;
                let size = if item.size == 0 { text.len() } else { item.size };
                let Some(text) = text.get(..size) else {
                    return Err(Failure::argument(argument, format_args!("string too short")));
                };
                made.append(text)?;
                if item.option == b's' {
                    made.0.push(0);
                }
            }
            option => format.control(option)?,
        }
    }
    stack.push_buffer(&made.0)?;
    Ok(1)
}

/// Numbers are cut to 64 bits; what an integer has beyond these is zero, also for negative ones.
fn append_integer(made: &mut Buffer, value: f64, size: usize, big_endian: bool) {
    let word = word_of(value);
    let start = made.0.len();
    made.0
        .extend((0..size).map(|place| if place < 8 { (word >> (8 * place)) as u8 } else { 0 }));
    if big_endian {
        made.0[start..].reverse();
    }
}

/// The conversion from C that struct relies on, with what x86-64 makes of numbers out of range.
fn word_of(value: f64) -> u64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let signed = |value: f64| {
        if (-LIMIT..LIMIT).contains(&value) {
            value as i64 as u64
        } else {
            1 << 63
        }
    };
    if value >= LIMIT {
        signed(value - LIMIT) ^ (1 << 63)
    } else {
        signed(value)
    }
}

fn append_ordered<const N: usize>(made: &mut Buffer, mut little_endian: [u8; N], big_endian: bool) {
    if big_endian {
        little_endian.reverse();
    }
    made.0.extend_from_slice(&little_endian);
}

fn unpack(stack: Stack, _: &Cell<()>, _: &mut Buffer) -> Outcome {
    let mut format = Format::new(stack.string_argument(1)?);
    let data = stack.string_argument(2)?;
    let start = stack.integer_argument_or(3, 1)?;
    if start == 0 {
        return Err(Failure::argument(3, format_args!("offset must be 1 or greater")));
    }
    // A negative start becomes a position behind all data.
    let mut position = start.wrapping_sub(1) as usize;
    let mut results = 0;
    stack.set_len(2);
    while let Some(item) = format.next()? {
        position = position.wrapping_add(format.padding(position, &item));
        let found = piece(data, position, item.size)?;
        stack.reserve_or(2, "too many results")?;
        let mut size = item.size;
        match item.option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                stack.push_number(integer(
                    found,
                    format.big_endian,
                    item.option.is_ascii_lowercase(),
                ));
                results += 1;
            }
            b'f' => {
                stack.push_number(f32::from_le_bytes(ordered(found, format.big_endian)).into());
                results += 1;
            }
            b'd' => {
                stack.push_number(f64::from_le_bytes(ordered(found, format.big_endian)));
                results += 1;
            }
            b'x' => {}
            b'c' => {
                let text = if size == 0 {
                    if results == 0 || !stack.is_number(-1) {
                        return Err(Failure::new(format_args!("format 'c0' needs a previous size")));
                    }
                    size = word_of(stack.number(-1)) as usize;
                    stack.pop(1);
                    results -= 1;
                    piece(data, position, size)?
                } else {
                    found
                };
                stack.push_bytes(text);
                results += 1;
            }
            b's' => {
                let rest = data.get(position..).unwrap_or_default();
                let Some(len) = rest.iter().position(|&byte| byte == 0) else {
                    return Err(Failure::new(format_args!("unfinished string in data")));
                };
                stack.push_bytes(&rest[..len]);
                size = len + 1;
                results += 1;
            }
            option => format.control(option)?,
        }
        position = position.wrapping_add(size);
    }
    stack.reserve_or(1, "too many results")?;
    stack.push_number(position.wrapping_add(1) as i64 as f64);
    Ok(results + 1)
}

/// `size` bytes of the data from `position`, of which even an empty piece must lie inside.
fn piece(data: &[u8], position: usize, size: usize) -> Result<&[u8], Failure> {
    position
        .checked_add(size)
        .and_then(|end| data.get(position..end))
        .ok_or_else(|| Failure::argument(2, format_args!("data string too short")))
}

fn integer(bytes: &[u8], big_endian: bool, signed: bool) -> f64 {
    let mut word = 0_u64;
    for place in 0..bytes.len().min(8) {
        let at = if big_endian {
            bytes.len() - 1 - place
        } else {
            place
        };
        word |= u64::from(bytes[at]) << (8 * place);
    }
    if !signed {
        return word as f64;
    }
    let unused_bits = 64 - 8 * bytes.len().min(8) as u32;
    // An integer of no bytes is 0.
    (word.checked_shl(unused_bits).unwrap_or(0) as i64)
        .checked_shr(unused_bits)
        .unwrap_or(0) as f64
}

/// Exactly `N` bytes, in little-endian order.
fn ordered<const N: usize>(bytes: &[u8], big_endian: bool) -> [u8; N] {
    let mut ordered = [0; N];
    ordered.copy_from_slice(bytes);
    if big_endian {
        ordered.reverse();
    }
    ordered
}

fn size(stack: Stack, _: &Cell<()>, _: &mut Buffer) -> Outcome {
    let mut format = Format::new(stack.string_argument(1)?);
    let mut position = 0_usize;
    while let Some(item) = format.next()? {
        position = position.wrapping_add(format.padding(position, &item));
        match item.option {
            b's' => {
                return Err(Failure::argument(1, format_args!("option 's' has no fixed size")));
            }
            b'c' if item.size == 0 => {
                return Err(Failure::argument(
                    1,
                    format_args!("option 'c0' has no fixed size"),
                ));
            }
            option if !option.is_ascii_alphanumeric() => format.control(option)?,
            _ => {}
        }
        position = position.wrapping_add(item.size);
    }
    stack.push_number(position as i64 as f64);
    Ok(1)
}
