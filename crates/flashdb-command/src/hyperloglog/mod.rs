//! HyperLogLog: rows and handlers over `flashdb_types::hyperloglog`, which works on the bytes of an
//! ordinary string value.

mod count;
mod debug;

use crate::error::{self, ErrorReply};
use crate::spec::CommandSpec;
use flashdb_store::{Access, Entry, StrRef, ValueRef};
use flashdb_types::hyperloglog::HllError;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &count::PFADD,
    &count::PFCOUNT,
    &count::PFMERGE,
    &debug::PFDEBUG,
    &debug::PFSELFTEST,
];

impl From<HllError> for ErrorReply {
    fn from(error: HllError) -> Self {
        ErrorReply::fixed(error.message())
    }
}

/// The string at a key that is about to be changed: no hit, miss or use is counted.
fn string_to_change<'a>(data: &'a mut Access<'_>, key: &[u8]) -> Result<Option<StrRef<'a>>, ErrorReply> {
    match data.find_quietly(key).map(Entry::value) {
        None => Ok(None),
        Some(ValueRef::String(value)) => Ok(Some(value)),
        Some(_) => Err(error::WRONG_TYPE),
    }
}
