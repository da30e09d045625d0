//! Segments: the files of the log, their names, their first bytes, and the two records that are about the log itself
//! (`docs/formats/wal.md`).
//!
//! ```text
//! segment:  "FLWL" | version u16 | segment id u64 | frame of kind SegmentStart | frames ... | zeros (preallocated)
//! ```
//!
//! Header and first frame have a fixed length, so that both are read at once; the frame repeats what the header says,
//! under a checksum.

use crate::checksum;
use crate::error::LogError;
use crate::record::{FRAME_MIN, FRAME_PREFIX, Frame, FrameError, Header, Kind, u64_at};
use crate::{Lsn, Record};
use flashdb_disk::{Disk, OpenMode};
use std::path::{Path, PathBuf};

/// First bytes of every segment.
pub const MAGIC: [u8; 4] = *b"FLWL";
/// Version of the format.
pub const FORMAT_VERSION: u16 = 2;
/// A number above it is not believed to be a version.
const VERSION_MAX: u16 = 64;
/// Magic, version, id.
pub const HEADER_LEN: usize = 14;
const START_VALUE_LEN: usize = 8 + 8 + 16 + 8;
/// Where the first ordinary frame of a segment begins.
pub const FRAMES_AT: usize = HEADER_LEN + FRAME_MIN + START_VALUE_LEN;
const MARK_VALUE_LEN: usize = 8 + 8 + 16;
/// Bytes of the frame of a [`Mark`].
pub const MARK_LEN: usize = FRAME_MIN + MARK_VALUE_LEN;

/// Names the history of one data folder: random bytes dealt out when its first segment was written.
pub type HistoryId = [u8; 16];

/// A new history's name.
pub fn new_history() -> HistoryId {
    let mut id = [0; 16];
    flashdb_base::prng::Prng::from_entropy().fill(&mut id);
    id
}

/// What the first frame of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentStart {
    /// Its number, as in its name.
    pub id: u64,
    /// LSN that the first ordinary frame in it has.
    pub first: Lsn,
    /// The data folder's history.
    pub history: HistoryId,
    /// When it was made, Unix ms.
    pub created_ms: u64,
}

impl SegmentStart {
    /// The first bytes of the segment.
    pub fn encode(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(START_VALUE_LEN);
        value.extend_from_slice(&self.id.to_le_bytes());
        value.extend_from_slice(&self.first.to_le_bytes());
        value.extend_from_slice(&self.history);
        value.extend_from_slice(&self.created_ms.to_le_bytes());
        let mut bytes = Vec::with_capacity(FRAMES_AT);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.id.to_le_bytes());
        push_frame(&mut bytes, Kind::SegmentStart, self.first - 1, &value);
        debug_assert_eq!(bytes.len(), FRAMES_AT);
        bytes
    }

    /// Reads the first bytes of the segment that by its name is number `id`.
    ///
    /// # Errors
    /// Where in the segment something is wrong, and what.
    pub fn decode(bytes: &[u8], id: u64) -> Result<SegmentStart, (usize, String)> {
        if bytes.len() < FRAMES_AT {
            return Err((bytes.len(), "the segment ends within its header".into()));
        }
        if bytes[..4] != MAGIC {
            return Err((0, "it does not begin like a segment of the log".into()));
        }
        let version = u16::from_le_bytes([bytes[4], bytes[5]]);
        if version != FORMAT_VERSION {
            return Err((4, format!("format version {version} is not known")));
        }
        let header_id = u64_at(bytes, 6);
        if header_id != id {
            return Err((6, format!("it is segment {header_id}, but {id} by its name")));
        }
        let wrong = |reason: String| (HEADER_LEN, reason);
        let frame = Frame::read(&bytes[HEADER_LEN..FRAMES_AT]).map_err(|error| wrong(error.to_string()))?;
        if frame.record.kind != Kind::SegmentStart || frame.record.value.len() != START_VALUE_LEN {
            return Err(wrong("its first record is not that of a segment".into()));
        }
        let value = frame.record.value;
        let mut history = [0; 16];
        history.copy_from_slice(&value[16..32]);
        let start = SegmentStart {
            id: u64_at(value, 0),
            first: u64_at(value, 8),
            history,
            created_ms: u64_at(value, 32),
        };
        if start.id != id || start.first == 0 || frame.lsn != start.first - 1 {
            return Err(wrong("its first record contradicts itself".into()));
        }
        Ok(start)
    }
}

/// The version that the first bytes of a segment claim, if it is another than ours.
pub(crate) fn claimed_version(bytes: &[u8]) -> Option<u16> {
    let header = bytes.get(..6)?;
    let version = u16::from_le_bytes([header[4], header[5]]);
    let is_other = version != FORMAT_VERSION && (1..=VERSION_MAX).contains(&version);
    (header[..4] == MAGIC && is_other).then_some(version)
}

/// The version of a segment that another version of this software wrote. One whose first frame is sound as ours only has a
/// damaged header: the frame is under a checksum, and its layout is part of the version.
pub(crate) fn other_version(bytes: &[u8]) -> Option<u16> {
    let version = claimed_version(bytes)?;
    let first = bytes
        .get(HEADER_LEN..FRAMES_AT)
        .and_then(|frame| Frame::read(frame).ok());
    let is_ours = first.is_some_and(|frame| frame.record.kind == Kind::SegmentStart);
    (!is_ours).then_some(version)
}

/// What a record of kind `Durable` says. It carries the LSN of the frame before it, and the history, so that no bytes that a
/// client stores can pass for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Everything up to this LSN was synced when the mark was written.
    pub durable: Lsn,
    /// When it was written, Unix ms.
    pub at_ms: u64,
    /// The data folder's history.
    pub history: HistoryId,
}

impl Mark {
    /// Appends the mark's frame, behind the frame `lsn`.
    pub fn encode(&self, lsn: Lsn, bytes: &mut Vec<u8>) {
        let mut value = [0; MARK_VALUE_LEN];
        value[..8].copy_from_slice(&self.durable.to_le_bytes());
        value[8..16].copy_from_slice(&self.at_ms.to_le_bytes());
        value[16..].copy_from_slice(&self.history);
        push_frame(bytes, Kind::Durable, lsn, &value);
    }

    /// Reads the mark in a record.
    ///
    /// # Errors
    /// When it has another length.
    pub fn decode(record: &Record<'_>) -> Result<Mark, FrameError> {
        if record.kind != Kind::Durable || record.value.len() != MARK_VALUE_LEN {
            return Err(FrameError::Malformed("a mark of another length"));
        }
        let mut history = [0; 16];
        history.copy_from_slice(&record.value[16..]);
        Ok(Mark {
            durable: u64_at(record.value, 0),
            at_ms: u64_at(record.value, 8),
            history,
        })
    }

    /// The first mark of `history` at any byte of `bytes` that says that `lsn` was durable. O(bytes), with next to no
    /// checksums computed: the history has to be there first.
    pub fn find(bytes: &[u8], history: &HistoryId, lsn: Lsn) -> Option<usize> {
        const KIND_AT: usize = FRAME_PREFIX;
        const HISTORY_AT: usize = FRAME_MIN + 16;
        bytes.windows(MARK_LEN).position(|frame| {
            frame[KIND_AT] == Kind::Durable as u8
                && frame[HISTORY_AT..] == *history
                && Frame::read(frame)
                    .ok()
                    .and_then(|frame| Mark::decode(&frame.record).ok())
                    .is_some_and(|mark| mark.durable >= lsn)
        })
    }
}

/// Appends a frame with a plain value and its LSN.
fn push_frame(bytes: &mut Vec<u8>, kind: Kind, lsn: Lsn, value: &[u8]) {
    let header = Header {
        kind,
        flags: 0,
        db: 0,
        key_len: 0,
        value_len: value.len(),
        expire_at_ms: 0,
    };
    let start = bytes.len();
    header.push(bytes);
    bytes.extend_from_slice(value);
    let frame = &mut bytes[start..];
    let lsn = lsn.to_le_bytes();
    let crc = checksum::crc32c_append(checksum::crc32c(&frame[FRAME_PREFIX..]), &lsn);
    frame[..4].copy_from_slice(&crc.to_le_bytes());
    frame[4..FRAME_PREFIX].copy_from_slice(&lsn);
}

// ---- names -----------------------------------------------------------------------------------------

const PREFIX: &str = "flashdb-";
/// How the name of a segment ends.
pub const SUFFIX: &str = ".wal";
/// How the name of an archived segment ends.
pub const ARCHIVED_SUFFIX: &str = ".wal.zst";
/// What is added to the name of a segment that was moved aside.
pub const CUT_SUFFIX: &str = ".cut";

/// The folder of the segments within the data folder `dir`.
pub fn folder(dir: &Path) -> PathBuf {
    dir.join("wal")
}

/// The folder of archived segments.
pub fn archive_folder(dir: &Path) -> PathBuf {
    folder(dir).join("archive")
}

/// The file of segment `id`.
pub fn path(dir: &Path, id: u64) -> PathBuf {
    folder(dir).join(format!("{PREFIX}{id:08}{SUFFIX}"))
}

/// The file of the archived segment `id`.
pub fn archived_path(dir: &Path, id: u64) -> PathBuf {
    archive_folder(dir).join(format!("{PREFIX}{id:08}{ARCHIVED_SUFFIX}"))
}

/// The id in a file's name that ends with `suffix`; `None` if it is none of ours.
pub fn id_of_name(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(suffix)?;
    let id: u64 = digits.parse().ok()?;
    // Exactly one name per id, so that no two files claim to be the same segment.
    (format!("{id:08}") == digits).then_some(id)
}

/// Name of the segment before the one at `path`, archived or not; `None` for the first one of all.
pub fn name_before(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let id = id_of_name(name, SUFFIX).or_else(|| id_of_name(name, ARCHIVED_SUFFIX))?;
    (id > 1).then(|| format!("{PREFIX}{:08}{SUFFIX}", id - 1))
}

/// Ids of the segments in a folder, in order. A folder that does not exist has none.
///
/// # Errors
/// When the folder cannot be read.
pub fn ids(disk: &dyn Disk, folder: &Path, suffix: &str) -> Result<Vec<u64>, LogError> {
    let names = match disk.list(folder) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(LogError::io(folder, "list")(error)),
    };
    let mut ids: Vec<u64> = names.iter().filter_map(|name| id_of_name(name, suffix)).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// An id that no segment had, archived and cut ones included.
///
/// # Errors
/// When a folder cannot be read.
pub fn next_id(disk: &dyn Disk, dir: &Path) -> Result<u64, LogError> {
    let folder = folder(dir);
    let cut = format!("{SUFFIX}{CUT_SUFFIX}");
    let mut last = 0;
    for (folder, suffix) in [
        (&folder, SUFFIX),
        (&folder, cut.as_str()),
        (&archive_folder(dir), ARCHIVED_SUFFIX),
    ] {
        last = last.max(ids(disk, folder, suffix)?.last().copied().unwrap_or(0));
    }
    Ok(last + 1)
}

/// A segment on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number.
    pub id: u64,
    /// LSN of its first frame; `None` if its header cannot be read.
    pub first: Option<Lsn>,
    /// When it was made, Unix ms; 0 if its header cannot be read.
    pub created_ms: u64,
    /// Length of its file, preallocated zeros included.
    pub bytes: u64,
    /// The history it belongs to; `None` if its header cannot be read.
    pub history: Option<HistoryId>,
}

/// All segments that are not archived, in order. Opens each file.
///
/// # Errors
/// When the folder or a file cannot be read.
pub fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<SegmentInfo>, LogError> {
    ids(disk, &folder(dir), SUFFIX)?
        .into_iter()
        .filter_map(|id| {
            let path = path(dir, id);
            let read = || {
                let file = disk.open(&path, OpenMode::Read)?;
                let mut bytes = [0; FRAMES_AT];
                let len = file.read_at(&mut bytes, 0)?;
                let start = SegmentStart::decode(&bytes[..len], id).ok();
                file.len().map(|file_len| (start, file_len))
            };
            match read() {
                Ok((start, bytes)) => Some(Ok(SegmentInfo {
                    id,
                    first: start.map(|start| start.first),
                    created_ms: start.map_or(0, |start| start.created_ms),
                    bytes,
                    history: start.map(|start| start.history),
                })),
                // Retired since the folder was read.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => Some(Err(LogError::io(&path, "read")(error))),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> SegmentStart {
        SegmentStart {
            id: 7,
            first: 1,
            history: [9; 16],
            created_ms: 1_700_000_000_000,
        }
    }

    /// PER-14, PER-15: 14 bytes of header, eight digits; every flipped bit and every cut is noticed.
    #[test]
    fn the_first_bytes_come_back_or_are_refused() {
        let bytes = start().encode();
        assert_eq!(bytes.len(), FRAMES_AT);
        assert_eq!(SegmentStart::decode(&bytes, 7), Ok(start()));
        assert!(SegmentStart::decode(&bytes, 8).is_err());
        for at in 0..bytes.len() {
            assert!(SegmentStart::decode(&bytes[..at], 7).is_err());
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                assert!(SegmentStart::decode(&damaged, 7).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    /// A flipped bit in the version is damage of a segment of ours; without a first frame of ours it is another version.
    #[test]
    fn another_version_is_told_from_a_damaged_header() {
        let bytes = start().encode();
        assert_eq!(other_version(&bytes), None);
        for version in (0..=u16::MAX).filter(|&version| version != FORMAT_VERSION) {
            let mut other = bytes.clone();
            other[4..6].copy_from_slice(&version.to_le_bytes());
            assert_eq!(other_version(&other), None, "{version}");
            other[FRAMES_AT - 1] ^= 1;
            let expected = (1..=64).contains(&version).then_some(version);
            assert_eq!(other_version(&other), expected, "{version}");
            other[0] ^= 1;
            assert_eq!(other_version(&other), None, "{version}");
        }
    }

    #[test]
    fn names() {
        let dir = Path::new("/d");
        assert_eq!(path(dir, 12), Path::new("/d/wal/flashdb-00000012.wal"));
        assert_eq!(
            archived_path(dir, 123_456_789),
            Path::new("/d/wal/archive/flashdb-123456789.wal.zst")
        );
        assert_eq!(id_of_name("flashdb-00000012.wal", SUFFIX), Some(12));
        let before = Some("flashdb-00000011.wal".to_owned());
        assert_eq!(name_before(&path(dir, 12)), before);
        assert_eq!(name_before(&archived_path(dir, 12)), before);
        assert_eq!(name_before(&path(dir, 1)), None);
        assert_eq!(id_of_name("flashdb-123456789.wal", SUFFIX), Some(123_456_789));
        for name in [
            "flashdb-12.wal",
            "flashdb-012345678.wal",
            "flashdb-0000001x.wal",
            "flashdb-+0000012.wal",
            "flashdb-00000012.wal.cut",
            "other-00000012.wal",
            "flashdb-.wal",
        ] {
            assert_eq!(id_of_name(name, SUFFIX), None, "{name}");
        }
    }

    #[test]
    fn a_mark_is_found_at_any_byte_and_only_with_its_history() {
        let history = new_history();
        let mark = Mark {
            durable: 50,
            at_ms: 3,
            history,
        };
        let mut bytes = vec![0xAA; 13];
        mark.encode(70, &mut bytes);
        assert_eq!(bytes.len(), 13 + MARK_LEN);
        bytes.extend_from_slice(&[1; 5]);
        assert_eq!(Mark::find(&bytes, &history, 50), Some(13));
        assert_eq!(Mark::find(&bytes, &history, 51), None);
        assert_eq!(Mark::find(&bytes, &[0; 16], 50), None);
        let frame = Frame::read(&bytes[13..]).expect("sound");
        assert_eq!((frame.lsn, Mark::decode(&frame.record)), (70, Ok(mark)));
        bytes[20] ^= 1;
        assert_eq!(Mark::find(&bytes, &history, 50), None);
    }
}
