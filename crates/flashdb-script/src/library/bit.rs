//! `bit`: operations on 32-bit words, as the BitOp library defines them. Numbers are taken modulo 2^32,
//! results are signed.

use super::stack::{self, Failure, Outcome, Stack, plain};

/// Makes the table of functions.
pub fn open(lua: &mlua::Lua) -> mlua::Result<mlua::Table> {
    stack::table(lua, |stack| {
        stack.push_table();
        let table = stack.len();
        for (name, entry) in [
            ("tobit", plain!(to_bit)),
            ("bnot", plain!(not)),
            ("band", plain!(|stack| fold(stack, |left, right| left & right))),
            ("bor", plain!(|stack| fold(stack, |left, right| left | right))),
            ("bxor", plain!(|stack| fold(stack, |left, right| left ^ right))),
            ("lshift", plain!(|stack| shift(stack, |word, by| word << by))),
            ("rshift", plain!(|stack| shift(stack, |word, by| word >> by))),
            (
                "arshift",
                plain!(|stack| shift(stack, |word, by| ((word as i32) >> by) as u32)),
            ),
            ("rol", plain!(|stack| shift(stack, u32::rotate_left))),
            ("ror", plain!(|stack| shift(stack, u32::rotate_right))),
            ("bswap", plain!(swap)),
            ("tohex", plain!(to_hex)),
        ] {
            stack.set_plain_function(table, name, entry);
        }
    })
}

/// The argument as a word. Adding 1.5 * 2^52 leaves the integer part in the low bits of the sum, rounded to
/// even: BitOp defines its conversion by this.
fn word(stack: Stack, index: i32) -> Result<u32, Failure> {
    let number = stack.number_argument(index)?;
    Ok((number + 6_755_399_441_055_744.0).to_bits() as u32)
}

fn answer(stack: Stack, word: u32) -> Outcome {
    stack.push_number(f64::from(word as i32));
    Ok(1)
}

fn to_bit(stack: Stack) -> Outcome {
    answer(stack, word(stack, 1)?)
}

fn not(stack: Stack) -> Outcome {
    answer(stack, !word(stack, 1)?)
}

fn swap(stack: Stack) -> Outcome {
    answer(stack, word(stack, 1)?.swap_bytes())
}

fn fold(stack: Stack, join: fn(u32, u32) -> u32) -> Outcome {
    let mut joined = word(stack, 1)?;
    for index in 2..=stack.len() {
        joined = join(joined, word(stack, index)?);
    }
    answer(stack, joined)
}

/// Only the low five bits of the distance count.
fn shift(stack: Stack, moved: fn(u32, u32) -> u32) -> Outcome {
    let by = word(stack, 2);
    let value = word(stack, 1)?;
    answer(stack, moved(value, by? & 31))
}

/// Digits in hexadecimal, eight unless a count is given; a negative count asks for capitals.
fn to_hex(stack: Stack) -> Outcome {
    let value = word(stack, 1)?;
    let count = if stack.len() < 2 {
        8
    } else {
        word(stack, 2)? as i32
    };
    let digits = if count < 0 {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    let count = count.unsigned_abs().min(8) as usize;
    let mut text = [0; 8];
    for (place, digit) in text.iter_mut().rev().zip(0..) {
        *place = digits[(value >> (4 * digit)) as usize & 15];
    }
    stack.push_bytes(&text[8 - count..]);
    Ok(1)
}
