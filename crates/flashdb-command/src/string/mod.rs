//! Strings: rows and handlers.

mod basic;
mod common;
mod counter;
mod lifetime;
mod part;
mod set;
mod several;
mod take;

use crate::spec::CommandSpec;
use flashdb_store::{Access, Entry, StrRef, ValueRef, WrongType};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &part::APPEND,
    &counter::DECR,
    &counter::DECRBY,
    &basic::GET,
    &take::GETDEL,
    &take::GETEX,
    &part::GETRANGE,
    &set::GETSET,
    &counter::INCR,
    &counter::INCRBY,
    &counter::INCRBYFLOAT,
    &common::LCS,
    &several::MGET,
    &several::MSET,
    &several::MSETNX,
    &set::PSETEX,
    &set::SET,
    &set::SETEX,
    &set::SETNX,
    &part::SETRANGE,
    &basic::STRLEN,
    &part::SUBSTR,
];

/// The string at `key`, looked at in order to change it: no hit or miss is counted.
#[inline]
fn to_write<'a>(data: &'a mut Access<'_>, key: &[u8]) -> Result<Option<StrRef<'a>>, WrongType> {
    match data.find_for_write(key).map(Entry::value) {
        None => Ok(None),
        Some(ValueRef::String(value)) => Ok(Some(value)),
        Some(_) => Err(WrongType),
    }
}
