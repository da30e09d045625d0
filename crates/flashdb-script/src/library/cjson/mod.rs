//! `cjson`: values as JSON text and back, as lua-cjson 2.1.0 with the changes that Redis made. Each table that
//! `new` makes has settings of its own; those of the library's table are shared by all scripts of an
//! interpreter.

mod decode;
mod encode;
mod number;

use super::stack::{self, Buffer, Failure, Kind, Outcome, Stack, Work, native};
use std::cell::Cell;

/// Makes the table of functions.
pub fn open(lua: &mlua::Lua) -> mlua::Result<mlua::Table> {
    stack::table(lua, push_library)
}

/// Pushes a table of functions with the settings that a new one has.
fn push_library(stack: Stack) {
    stack.push_table();
    let table = stack.len();
    stack.push_kept::<Settings, Codec>(Settings::default());
    for (name, entry) in [
        ("encode", native!(encode::encode)),
        ("decode", native!(decode::decode)),
        ("encode_sparse_array", native!(encode_sparse_array)),
        ("encode_max_depth", native!(encode_max_depth)),
        ("decode_max_depth", native!(decode_max_depth)),
        ("encode_number_precision", native!(encode_number_precision)),
        ("encode_keep_buffer", native!(encode_keep_buffer)),
        ("encode_invalid_numbers", native!(encode_invalid_numbers)),
        ("decode_invalid_numbers", native!(decode_invalid_numbers)),
        ("new", native!(new)),
    ] {
        stack.set_function(table, table + 1, name, entry);
    }
    stack.set_len(table);
    stack.push_bytes(b"null");
    stack.push_null();
    stack.set_pair(table);
    stack.set_text_field("_NAME", "cjson");
    stack.set_text_field("_VERSION", "2.1.0");
}

/// Settings of one library table.
#[derive(Clone, Copy)]
struct Settings {
    sparse_convert: bool,
    sparse_ratio: i32,
    sparse_safe: i32,
    encode_depth_max: i32,
    decode_depth_max: i32,
    number_digits: usize,
    keep_buffer: bool,
    encode_invalid: InvalidNumbers,
    decode_invalid: bool,
}

/// What becomes of numbers that JSON does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InvalidNumbers {
    Refused,
    Written,
    Null,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth_max: 1000,
            decode_depth_max: 1000,
            number_digits: 14,
            keep_buffer: true,
            encode_invalid: InvalidNumbers::Refused,
            decode_invalid: true,
        }
    }
}

/// One conversion: the settings that hold for it, and its memory.
#[derive(Default)]
struct Codec {
    settings: Settings,
    text: Buffer,
    encode_levels: Vec<encode::Level>,
    decode_levels: Vec<decode::Level>,
}

impl Work for Codec {
    fn reset(&mut self) {
        self.text.reset();
        self.encode_levels.clear();
        self.decode_levels.clear();
    }
}

fn new(stack: Stack, _: &Cell<Settings>, _: &mut Codec) -> Outcome {
    stack.reserve_or(20, "no room for another cjson")?;
    push_library(stack);
    Ok(1)
}

/// Arguments that were left out become nil.
fn settle_arguments(stack: Stack, arguments: i32) -> Result<(), Failure> {
    if stack.len() > arguments {
        return Err(Failure::argument(
            arguments + 1,
            format_args!("found too many arguments"),
        ));
    }
    stack.set_len(arguments);
    Ok(())
}

/// Changes a number to the argument, if there is one, and answers with what holds then.
fn number_setting(stack: Stack, index: i32, setting: &mut i32, range: (i32, i32)) -> Outcome {
    if stack.kind(index) != Kind::Nil {
        let (min, max) = range;
        *setting = i32::try_from(stack.integer_argument(index)?)
            .ok()
            .filter(|value| (min..=max).contains(value))
            .ok_or_else(|| {
                // The first argument is blamed whichever it is: so does lua-cjson.
                Failure::argument(1, format_args!("expected integer between {min} and {max}"))
            })?;
    }
    stack.push_number((*setting).into());
    Ok(1)
}

/// The name among `names` that the argument says, true standing for the one at 1 and false for that at 0.
fn choice(stack: Stack, index: i32, names: &[&str]) -> Result<Option<usize>, Failure> {
    match stack.kind(index) {
        Kind::Nil => Ok(None),
        Kind::Boolean => Ok(Some(stack.boolean(index).into())),
        _ => {
            let name = stack.string_argument(index)?;
            match names.iter().position(|known| known.as_bytes() == name) {
                Some(place) => Ok(Some(place)),
                None => Err(Failure::argument(
                    index,
                    format_args!("invalid option '{}'", name.escape_ascii()),
                )),
            }
        }
    }
}

fn switch_setting(stack: Stack, index: i32, setting: &mut bool) -> Outcome {
    if let Some(place) = choice(stack, index, &["off", "on"])? {
        *setting = place == 1;
    }
    stack.push_boolean(*setting);
    Ok(1)
}

/// Has `change` change the settings, which hold even if it fails halfway, as in lua-cjson.
fn with_settings(kept: &Cell<Settings>, change: impl FnOnce(&mut Settings) -> Outcome) -> Outcome {
    let mut settings = kept.get();
    let outcome = change(&mut settings);
    kept.set(settings);
    outcome
}

fn encode_sparse_array(stack: Stack, kept: &Cell<Settings>, _: &mut Codec) -> Outcome {
    settle_arguments(stack, 3)?;
    with_settings(kept, |settings| {
        switch_setting(stack, 1, &mut settings.sparse_convert)?;
        number_setting(stack, 2, &mut settings.sparse_ratio, (0, i32::MAX))?;
        number_setting(stack, 3, &mut settings.sparse_safe, (0, i32::MAX))?;
        Ok(3)
    })
}

fn encode_max_depth(stack: Stack, kept: &Cell<Settings>, _: &mut Codec) -> Outcome {
    settle_arguments(stack, 1)?;
    with_settings(kept, |settings| {
        number_setting(stack, 1, &mut settings.encode_depth_max, (1, i32::MAX))
    })
}

fn decode_max_depth(stack: Stack, kept: &Cell<Settings>, _: &mut Codec) -> Outcome {
    settle_arguments(stack, 1)?;
    with_settings(kept, |settings| {
        number_setting(stack, 1, &mut settings.decode_depth_max, (1, i32::MAX))
    })
}

fn encode_number_precision(stack: Stack, kept: &Cell<Settings>, _: &mut Codec) -> Outcome {
    settle_arguments(stack, 1)?;
    with_settings(kept, |settings| {
        let mut digits = settings.number_digits as i32;
        let outcome = number_setting(stack, 1, &mut digits, (1, 14));
        settings.number_digits = digits as usize;
        outcome
    })
}

/// Remembered and without effect: buffers are kept as long as they are small.
fn encode_keep_buffer(stack: Stack, kept: &Cell<Settings>, _: &mut Codec) -> Outcome {
    settle_arguments(stack, 1)?;
    with_settings(kept, |settings| {
        switch_setting(stack, 1, &mut settings.keep_buffer)
    })
}

fn encode_invalid_numbers(stack: Stack, kept: &Cell<Settings>, _: &mut Codec) -> Outcome {
    settle_arguments(stack, 1)?;
    with_settings(kept, |settings| {
        if let Some(place) = choice(stack, 1, &["off", "on", "null"])? {
            settings.encode_invalid = [
                InvalidNumbers::Refused,
                InvalidNumbers::Written,
                InvalidNumbers::Null,
            ][place];
        }
        match settings.encode_invalid {
            InvalidNumbers::Refused => stack.push_boolean(false),
            InvalidNumbers::Written => stack.push_boolean(true),
            InvalidNumbers::Null => stack.push_bytes(b"null"),
        }
        Ok(1)
    })
}

fn decode_invalid_numbers(stack: Stack, kept: &Cell<Settings>, _: &mut Codec) -> Outcome {
    settle_arguments(stack, 1)?;
    with_settings(kept, |settings| {
        switch_setting(stack, 1, &mut settings.decode_invalid)
    })
}
