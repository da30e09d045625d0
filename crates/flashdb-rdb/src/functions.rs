//! The payload of FUNCTION DUMP and FUNCTION RESTORE: sources of function libraries with version and checksum.
//!
//! ```text
//! (0xf5 | source) ... | version u16 | CRC64 of all before u64        little endian
//! ```

use flashdb_base::crc::crc64;
use std::fmt;

use crate::file::opcode;
use crate::input::{Input, SliceInput};
use crate::string::{read_string, write_string};
use crate::types::{FileVersion, is_known_version};

const VERSION_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;

/// Why a payload was refused, as FUNCTION RESTORE words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FunctionsError {
    /// It is cut, changed, or of a version that is not known.
    VersionOrChecksum,
    /// Something in it is no library.
    NoFunction,
    /// A source cannot be read.
    Source,
}

impl fmt::Display for FunctionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FunctionsError::VersionOrChecksum => "DUMP payload version or checksum are wrong",
            FunctionsError::NoFunction => "given type is not a function",
            FunctionsError::Source => "Failed loading library code",
        })
    }
}

impl std::error::Error for FunctionsError {}

/// The payload of these sources, which Redis 7.0 and later take.
pub fn dump_functions<'s>(sources: impl IntoIterator<Item = &'s [u8]>, compress: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for source in sources {
        out.push(opcode::FUNCTION_2);
        write_string(&mut out, source, compress);
    }
    out.extend_from_slice(&FileVersion::V10.number().to_le_bytes());
    let checksum = crc64(0, &out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// The sources in a payload. Memory is bounded by what its compressed strings expand to (at most 88 times their size).
///
/// # Errors
/// When it is not one of [`dump_functions`] or of a Redis server of 7.0 or later.
pub fn decode_functions(payload: &[u8]) -> Result<Vec<Vec<u8>>, FunctionsError> {
    let body = payload
        .split_last_chunk::<CHECKSUM_BYTES>()
        .filter(|(checked, checksum)| crc64(0, checked) == u64::from_le_bytes(**checksum))
        .and_then(|(checked, _)| checked.split_last_chunk::<VERSION_BYTES>())
        .filter(|(_, version)| is_known_version(u16::from_le_bytes(**version).into()))
        .map(|(body, _)| body)
        .ok_or(FunctionsError::VersionOrChecksum)?;
    let mut input = SliceInput::new(body);
    let mut sources = Vec::new();
    while !input.is_at_end() {
        // Those of release candidates of Redis 7.0 (0xf6) are refused like anything else.
        if input.byte().ok() != Some(opcode::FUNCTION_2) {
            return Err(FunctionsError::NoFunction);
        }
        sources.push(read_string(&mut input).map_err(|_| FunctionsError::Source)?);
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    const SOURCE: &[u8] = b"#!lua name=q\nredis.register_function('a', function() return 1 end)";

    fn sealed(body: &[u8], version: u16) -> Vec<u8> {
        let mut payload = [body, &version.to_le_bytes()].concat();
        let checksum = crc64(0, &payload);
        payload.extend_from_slice(&checksum.to_le_bytes());
        payload
    }

    #[test]
    fn sources_come_back() {
        for compress in [false, true] {
            let payload = dump_functions([SOURCE, b"#!lua name=b\n"], compress);
            let sources = decode_functions(&payload).expect("a payload");
            assert_eq!(sources, [SOURCE, b"#!lua name=b\n"]);
        }
        assert_eq!(decode_functions(&dump_functions([], true)), Ok(Vec::new()));
    }

    /// What `redis-server` 7.0.15 gives for one library with and without compression.
    #[test]
    fn payloads_of_redis() {
        let compressed: &[u8] = b"\xf5@B#!lua name=q\x0aredis.register_function('a', function() return 1 end)\x0a\x00\x9b\x86\xa4\xc9\xaf\xd9w$";
        let plain: &[u8] = b"\xf5@B#!lua name=q\x0aredis.register_function('a', function() return 1 end)\x0a\x00\x9b\x86\xa4\xc9\xaf\xd9w$";
        for payload in [compressed, plain] {
            assert_eq!(decode_functions(payload).expect("a payload"), [SOURCE]);
        }
        assert_eq!(dump_functions([SOURCE], false), plain);
    }

    #[test]
    fn what_is_no_payload_is_told() {
        let refused = |payload: &[u8]| decode_functions(payload).expect_err("no payload");
        assert_eq!(refused(b""), FunctionsError::VersionOrChecksum);
        assert_eq!(refused(b"bad_payload"), FunctionsError::VersionOrChecksum);
        assert_eq!(refused(&sealed(b"", 99)), FunctionsError::VersionOrChecksum);
        assert_eq!(
            refused(&sealed(b"\xf6\x01a\x03LUA\0\x01x", 10)),
            FunctionsError::NoFunction
        );
        assert_eq!(
            refused(&sealed(b"\x00\x01a\x01b", 10)),
            FunctionsError::NoFunction
        );
        assert_eq!(refused(&sealed(b"\xf5\x05ab", 10)), FunctionsError::Source);
        assert_eq!(refused(&sealed(b"\xf5", 10)), FunctionsError::Source);
        assert_eq!(
            refused(&sealed(b"\xf5\x80\xff\xff\xff\xffab", 10)),
            FunctionsError::Source
        );
    }

    #[test]
    fn damaged_payloads_do_not_panic() {
        let payload = dump_functions([SOURCE, SOURCE], true);
        let body = &payload[..payload.len() - VERSION_BYTES - CHECKSUM_BYTES];
        let mut prng = Prng::from_seed(31);
        for _ in 0..20_000 {
            let mut damaged = body.to_vec();
            for _ in 0..=prng.below(4) {
                let at = prng.below(damaged.len() as u64) as usize;
                damaged[at] = prng.next_u64() as u8;
            }
            damaged.truncate(prng.below(damaged.len() as u64 + 1) as usize);
            let _ = decode_functions(&sealed(&damaged, 10));
        }
    }
}
