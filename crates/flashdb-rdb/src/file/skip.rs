//! Parts of RDB files that cannot be held here, stepped over piece by piece.

use super::module;
use crate::error::{RdbError, Result};
use crate::input::Input;
use crate::length::read_length;
use crate::string::read_string;

pub(super) const NO_MODULES: &str = "modules are not supported";

/// Data that a module keeps beside the keys; gives the name of its type.
pub(super) fn module_aux(input: &mut impl Input) -> Result<String> {
    let name = module::type_name(read_length(input)?);
    // When it is to be loaded, marked up like a part of the value.
    read_length(input)?;
    read_length(input)?;
    module::skip_parts(input)?;
    Ok(name)
}

/// What modules keep for the key that follows: count | (class u32 | parts of a module value) ...
pub(super) fn key_metadata(input: &mut impl Input) -> Result<()> {
    for _ in 0..read_length(input)? {
        input.array::<4>()?;
        module::skip_parts(input)?;
    }
    Ok(())
}

/// Hints of sizes: slot, keys, expiring keys.
pub(super) fn slot_info(input: &mut impl Input) -> Result<()> {
    for _ in 0..3 {
        read_length(input)?;
    }
    Ok(())
}

/// Slots that a node of Valkey was taking over: name of the job | count | (first | last) ...
pub(super) fn slot_import(input: &mut impl Input) -> Result<()> {
    read_string(input)?;
    for _ in 0..read_length(input)? {
        read_length(input)?;
        read_length(input)?;
    }
    Ok(())
}

/// A function as the first release candidates of Redis 7.0 wrote it: name | engine | whether described | [description] |
/// source. Gives the name. Redis itself refuses these.
pub(super) fn early_function(input: &mut impl Input) -> Result<Vec<u8>> {
    let name = read_string(input)?;
    read_string(input)?;
    if read_length(input)? != 0 {
        read_string(input)?;
    }
    read_string(input)?;
    Ok(name)
}

/// An array of Redis 8.8: count | whether there is a cursor | [cursor] | (index | kind | element) ...
pub(super) fn array(input: &mut impl Input) -> Result<()> {
    const TEXT: u64 = 0;
    const INTEGER: u64 = 1;
    const FLOAT: u64 = 2;
    const SHORT_TEXT: u64 = 3;
    let count = read_length(input)?;
    if read_length(input)? != 0 {
        read_length(input)?;
    }
    for _ in 0..count {
        read_length(input)?;
        match read_length(input)? {
            INTEGER | FLOAT => {
                input.array::<8>()?;
            }
            TEXT | SHORT_TEXT => {
                read_string(input)?;
            }
            _ => return Err(RdbError::Corrupt("unknown kind of array element")),
        }
    }
    Ok(())
}
