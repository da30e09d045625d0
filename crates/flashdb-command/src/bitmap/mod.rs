//! Bitmaps: strings seen as bits. Rows and handlers; the bit work itself is
//! `flashdb_types::bitops`.

mod combine;
mod count;
mod field;
mod single;

use crate::error::ErrorReply;
use crate::spec::CommandSpec;
use flashdb_config::Settings;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &single::SETBIT,
    &single::GETBIT,
    &count::BITCOUNT,
    &count::BITPOS,
    &combine::BITOP,
    &field::BITFIELD,
    &field::BITFIELD_RO,
];

const OFFSET_OUT_OF_RANGE: ErrorReply = ErrorReply::fixed("ERR bit offset is not an integer or out of range");

/// Checks an offset in bits against the largest string allowed.
fn checked_offset(offset: Option<i64>, settings: &Settings) -> Result<u64, ErrorReply> {
    offset
        .and_then(|offset| u64::try_from(offset).ok())
        .filter(|offset| offset / 8 < settings.proto_max_bulk_len)
        .ok_or(OFFSET_OUT_OF_RANGE)
}

/// Extends a string with zeros so that it holds `bit`; returns whether it grew.
fn grow_to_hold(bytes: &mut Vec<u8>, bit: u64) -> bool {
    let needed = bit as usize / 8 + 1;
    let grows = bytes.len() < needed;
    if grows {
        bytes.resize(needed, 0);
    }
    grows
}
