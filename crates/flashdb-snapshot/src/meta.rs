//! The head of a snapshot's file: which state it holds, what it builds on, and how to read it. Its layout is drawn in
//! `docs/formats/snapshot.md`; it ends with a checksum of its own, so that a catalog can be read without the content.
//!
//! The id names the *state*, not the file: a full snapshot that consolidation made of a chain has the id of the chain's
//! newest file. So whatever builds on that state still does.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::bytes::Cursor;
use crate::footer::Totals;
use crate::{Compression, Lsn, SnapshotError};

pub(crate) const MAGIC: &[u8; 8] = b"FLSHSNAP";
/// Ending of the name of a file.
pub(crate) const ENDING: &str = ".fsnap";
/// The newest version of the format that is read, and the one that is written.
pub(crate) const VERSION: u16 = 1;
/// Length of the head without label, seed and checksum.
const FIXED_LEN: usize = 112;
const CRC_LEN: usize = 4;
/// Bytes at the start of a file that suffice to read its head.
pub(crate) const HEAD_LEN_MAX: usize = FIXED_LEN + LABEL_LEN_MAX + SEED_LEN_MAX + CRC_LEN;
const LABEL_LEN_MAX: usize = 255;
const SEED_LEN_MAX: usize = 1024;
const SHARDS_MAX: u32 = u16::MAX as u32;
const DATABASES_MAX: u32 = 1 << 16;

const INCREMENTAL: u16 = 1;
const KEPT: u16 = 2;

/// Random name of a state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SnapshotId(pub [u8; 16]);

/// Name of the log's history that an LSN belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HistoryId(pub [u8; 16]);

/// The state that an incremental snapshot builds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// Its id.
    pub id: SnapshotId,
    /// Its LSN.
    pub lsn: Lsn,
}

/// What the head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotMeta {
    /// Names the state.
    pub id: SnapshotId,
    /// The cut: effects up to this LSN are in the state, later ones are not.
    pub lsn: Lsn,
    /// `None`: full. Otherwise the snapshot that this one changes.
    pub base: Option<Base>,
    /// The history that the LSN belongs to.
    pub history: HistoryId,
    /// Unix time of the cut.
    pub created_ms: i64,
    /// A name given by the operator; at most 255 bytes, may be empty.
    pub label: String,
    /// Made by hand: retention leaves it alone.
    pub kept: bool,
    /// Number of databases; at most 65,536.
    pub databases: u32,
    /// Number of shards; at most 65,535.
    pub shards: u32,
    /// Seed of the hash that regions are about; at most 1,024 bytes, only the caller knows what they mean.
    pub hash_seed: Vec<u8>,
    /// What blocks are compressed with when it pays.
    pub compression: Compression,
}

/// A snapshot that lies on the disk.
#[derive(Clone, Debug)]
pub struct SnapshotInfo {
    /// The file.
    pub path: PathBuf,
    /// Its head.
    pub meta: SnapshotMeta,
    /// Length of the file.
    pub file_bytes: u64,
    /// What it holds.
    pub totals: Totals,
}

impl SnapshotMeta {
    /// The file's name, from the Unix time in seconds and the LSN.
    pub fn file_name(&self) -> String {
        let seconds = self.created_ms.div_euclid(1000);
        format!("snapshot-{seconds}-{}{ENDING}", self.lsn)
    }

    /// Unix time in seconds and LSN, from what [`Self::file_name`] gives.
    pub(crate) fn parse_name(name: &str) -> Option<(i64, Lsn)> {
        let numbers = name.strip_prefix("snapshot-")?.strip_suffix(ENDING)?;
        let (seconds, lsn) = numbers.rsplit_once('-')?;
        Some((seconds.parse().ok()?, lsn.parse().ok()?))
    }

    /// Whether it holds the whole state.
    pub fn is_full(&self) -> bool {
        self.base.is_none()
    }

    /// Refuses what cannot be encoded or would not be read back.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.label.len() > LABEL_LEN_MAX {
            return Err("a label has at most 255 bytes");
        }
        if self.hash_seed.len() > SEED_LEN_MAX {
            return Err("a hash seed has at most 1,024 bytes");
        }
        if self.shards == 0 || self.shards > SHARDS_MAX || self.databases > DATABASES_MAX {
            return Err("the number of shards or databases is out of range");
        }
        if self.base.is_some_and(|base| base.lsn > self.lsn) {
            return Err("the base is newer than the snapshot");
        }
        if self.created_ms < 0 {
            return Err("the time of creation is negative");
        }
        Ok(())
    }

    /// The head's bytes; the caller has called [`Self::check`].
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_LEN_MAX);
        let flag = |set: bool, bit: u16| if set { bit } else { 0 };
        let flags = flag(self.base.is_some(), INCREMENTAL) | flag(self.kept, KEPT);
        let base = self.base.unwrap_or(Base {
            id: SnapshotId([0; 16]),
            lsn: 0,
        });
        let len = FIXED_LEN + self.label.len() + self.hash_seed.len() + CRC_LEN;
        let (codec, level) = self.compression.codes();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&(len as u32).to_le_bytes());
        out.extend_from_slice(&self.lsn.to_le_bytes());
        out.extend_from_slice(&base.lsn.to_le_bytes());
        out.extend_from_slice(&self.created_ms.to_le_bytes());
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&base.id.0);
        out.extend_from_slice(&self.history.0);
        out.extend_from_slice(&self.databases.to_le_bytes());
        out.extend_from_slice(&self.shards.to_le_bytes());
        out.extend_from_slice(&(self.label.len() as u16).to_le_bytes());
        out.extend_from_slice(&(self.hash_seed.len() as u16).to_le_bytes());
        out.extend_from_slice(&[codec, level.cast_unsigned(), 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&[0; 4]);
        debug_assert_eq!(out.len(), FIXED_LEN);
        out.extend_from_slice(self.label.as_bytes());
        out.extend_from_slice(&self.hash_seed);
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// Reads a head from the start of a file; gives its length in bytes too.
    pub(crate) fn decode(path: &Path, file: &[u8]) -> Result<(Self, usize), SnapshotError> {
        let damaged = |offset, what| SnapshotError::damaged(path, offset, what);
        if file.len() < FIXED_LEN + CRC_LEN || !file.starts_with(MAGIC) {
            return Err(damaged(0, "this is not the head of a snapshot"));
        }
        let version = u16::from_le_bytes([file[8], file[9]]);
        let len = u32::from_le_bytes([file[12], file[13], file[14], file[15]]) as usize;
        let body_len = match len.checked_sub(CRC_LEN) {
            Some(body_len) if body_len >= FIXED_LEN && len <= HEAD_LEN_MAX && len <= file.len() => body_len,
            _ if version > VERSION => return Err(unsupported(path, version)),
            _ => return Err(damaged(12, "the head's length is impossible")),
        };
        let (body, rest) = file.split_at(body_len);
        if rest[..CRC_LEN] != crc32c::crc32c(body).to_le_bytes() {
            return Err(damaged(0, "the head's checksum does not match"));
        }
        if version != VERSION {
            return Err(unsupported(path, version));
        }
        let meta = parse(
            &mut Cursor::new(&body[16..]),
            u16::from_le_bytes([file[10], file[11]]),
        )
        .ok_or_else(|| damaged(16, "the head has impossible content"))?;
        meta.check().map_err(|what| damaged(16, what))?;
        Ok((meta, len))
    }
}

/// Bytes at the beginning of a file in which its head is, at most.
pub const HEAD_BYTES_MAX: usize = HEAD_LEN_MAX;

/// What the head of a snapshot's file says, from its first [`HEAD_BYTES_MAX`] bytes (all of a shorter one); `None` where they are
/// no head.
pub fn meta_of(head: &[u8]) -> Option<SnapshotMeta> {
    let (meta, _) = SnapshotMeta::decode(Path::new(""), head).ok()?;
    Some(meta)
}

fn unsupported(path: &Path, version: u16) -> SnapshotError {
    SnapshotError::Unsupported {
        path: path.to_path_buf(),
        version,
    }
}

fn parse(cursor: &mut Cursor<'_>, flags: u16) -> Option<SnapshotMeta> {
    if flags & !(INCREMENTAL | KEPT) != 0 {
        return None;
    }
    let lsn = cursor.u64()?;
    let base_lsn = cursor.u64()?;
    let created_ms = cursor.i64()?;
    let id = SnapshotId(cursor.array()?);
    let base_id = SnapshotId(cursor.array()?);
    let history = HistoryId(cursor.array()?);
    let databases = cursor.u32()?;
    let shards = cursor.u32()?;
    let label_len = cursor.u16()?;
    let seed_len = cursor.u16()?;
    let (codec, level) = (cursor.u8()?, cursor.u8()?);
    if cursor.array::<10>()? != [0; 10] {
        return None;
    }
    let label = std::str::from_utf8(cursor.take(label_len.into())?).ok()?;
    let hash_seed = cursor.take(seed_len.into())?;
    let base = Base {
        id: base_id,
        lsn: base_lsn,
    };
    cursor.is_empty().then_some(())?;
    Some(SnapshotMeta {
        id,
        lsn,
        base: (flags & INCREMENTAL != 0).then_some(base),
        history,
        created_ms,
        label: label.to_owned(),
        kept: flags & KEPT != 0,
        databases,
        shards,
        hash_seed: hash_seed.to_vec(),
        compression: Compression::of_codes(codec, level.cast_signed())?,
    })
}

fn hex(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Display for HistoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for HistoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

/// 32 hexadecimal digits, as [`SnapshotId`] prints them.
impl FromStr for SnapshotId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(());
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| ())?;
        Ok(Self(number.to_be_bytes()))
    }
}

#[cfg(test)]
pub(crate) fn test_meta() -> SnapshotMeta {
    SnapshotMeta {
        id: SnapshotId([7; 16]),
        lsn: 42,
        base: None,
        history: HistoryId([9; 16]),
        created_ms: 1_700_000_000_123,
        label: String::new(),
        kept: false,
        databases: 16,
        shards: 4,
        hash_seed: b"seed".to_vec(),
        compression: Compression::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<SnapshotMeta> {
        let plain = test_meta();
        let mut incremental = SnapshotMeta {
            base: Some(Base {
                id: SnapshotId([1; 16]),
                lsn: 40,
            }),
            label: "before the upgrade, käse".to_owned(),
            kept: true,
            compression: Compression::Zstd { level: -3 },
            ..plain.clone()
        };
        let long = SnapshotMeta {
            label: "x".repeat(255),
            hash_seed: vec![3; 1024],
            compression: Compression::Lz4,
            ..plain.clone()
        };
        incremental.hash_seed.clear();
        vec![plain, incremental, long]
    }

    #[test]
    fn heads_come_back() {
        for meta in samples() {
            meta.check().unwrap();
            let mut bytes = meta.encode();
            let len = bytes.len();
            bytes.extend_from_slice(b"blocks");
            assert_eq!(SnapshotMeta::decode(Path::new("x"), &bytes).unwrap(), (meta, len));
        }
    }

    #[test]
    fn damage_is_noticed() {
        for meta in samples() {
            let bytes = meta.encode();
            for at in 0..bytes.len() {
                for flip in [1, 0x80, 0xff] {
                    let mut bytes = bytes.clone();
                    bytes[at] ^= flip;
                    assert!(SnapshotMeta::decode(Path::new("x"), &bytes).is_err(), "{at}");
                }
                assert!(SnapshotMeta::decode(Path::new("x"), &bytes[..at]).is_err());
            }
        }
    }

    #[test]
    fn limits_are_kept() {
        let good = test_meta();
        let label = "x".repeat(256);
        assert!(
            SnapshotMeta {
                label,
                ..good.clone()
            }
            .check()
            .is_err()
        );
        assert!(
            SnapshotMeta {
                shards: 0,
                ..good.clone()
            }
            .check()
            .is_err()
        );
        assert!(
            SnapshotMeta {
                shards: 1 << 16,
                ..good.clone()
            }
            .check()
            .is_err()
        );
        let base = Some(Base { id: good.id, lsn: 43 });
        assert!(SnapshotMeta { base, ..good }.check().is_err());
    }

    #[test]
    fn ids_print_and_parse() {
        let id = SnapshotId(std::array::from_fn(|i| i as u8 * 17));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("+0000000000000000000000000000000".parse::<SnapshotId>(), Err(()));
        assert_eq!("12".parse::<SnapshotId>(), Err(()));
    }
}
