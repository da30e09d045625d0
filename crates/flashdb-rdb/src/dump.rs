//! The payload of DUMP and RESTORE: one value with version and checksum.
//!
//! ```text
//! type u8 | value | version u16 | CRC64 of all before u64        little endian
//! ```

use flashdb_base::crc::crc64;

use crate::decode::read_value;
use crate::encode::{EncodeLimits, write_value};
use crate::error::{RdbError, Result};
use crate::input::{Input, SliceInput};
use crate::types::{FileVersion, ValueType, is_known_version};
use crate::value::RdbValue;

const VERSION_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;

/// How a payload is checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct DumpOptions {
    /// Take the payload whatever its checksum says (`DEBUG SET-SKIP-CHECKSUM-VALIDATION`).
    pub skip_checksum: bool,
}

/// The payload of a value.
pub fn dump(value: &RdbValue, limits: &EncodeLimits) -> Vec<u8> {
    dump_with(|out| write_value(out, value, limits))
}

/// The payload of the value whose body `write` appends: one or another of this crate's `write_` functions.
pub fn dump_with(write: impl FnOnce(&mut Vec<u8>) -> ValueType) -> Vec<u8> {
    let mut out = vec![0];
    let value_type = write(&mut out);
    out[0] = value_type.0;
    let version = value_type.oldest_version().max(FileVersion::default());
    out.extend_from_slice(&version.number().to_le_bytes());
    let checksum = crc64(0, &out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// Reads a value that one of this crate's `write_` functions wrote, from a container that has checked it and keeps its type
/// apart. Bounded like [`decode_dump`].
pub fn decode_value(value_type: ValueType, body: &[u8]) -> Result<RdbValue> {
    let mut input = SliceInput::new(body);
    let version = value_type.oldest_version().max(FileVersion::default());
    let value = read_value(
        &mut input,
        value_type,
        u32::from(version.number()),
        &mut Vec::new(),
    )?;
    if input.is_at_end() {
        Ok(value)
    } else {
        Err(RdbError::Corrupt("bytes after the value"))
    }
}

/// Checks a payload and reads its value. Time and memory are bounded by a small multiple of the payload, or of what its compressed
/// strings expand to (at most 88 times their size).
pub fn decode_dump(payload: &[u8]) -> std::result::Result<RdbValue, RdbError> {
    decode_dump_with(payload, DumpOptions::default())
}

/// [`decode_dump`] with a choice of checks.
pub fn decode_dump_with(payload: &[u8], options: DumpOptions) -> Result<RdbValue> {
    let (checked, checksum) = payload
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or(RdbError::Checksum)?;
    let (body, version) = checked
        .split_last_chunk::<VERSION_BYTES>()
        .ok_or(RdbError::Checksum)?;
    let version = u32::from(u16::from_le_bytes(*version));
    if !is_known_version(version) {
        return Err(RdbError::Version(version));
    }
    if !options.skip_checksum && crc64(0, checked) != u64::from_le_bytes(*checksum) {
        return Err(RdbError::Checksum);
    }
    let mut input = SliceInput::new(body);
    let value_type = ValueType(input.byte()?);
    let value = read_value(&mut input, value_type, version, &mut Vec::new())?;
    if input.is_at_end() {
        Ok(value)
    } else {
        Err(RdbError::Corrupt("bytes after the value"))
    }
}
