//! How far the log reached when it last ended in good order: `<dir>/wal/ended`, beside the segments.
//!
//! The marks within a segment tell damage from a torn tail, but go with the segment: one that was emptied, or overwritten from
//! its first byte on, looks like one that was being made when the power went. This file says otherwise. It is a lower
//! bound only, so that it may stay when the log goes on, be torn, or be missing; and it is believed only under its checksum.

use crate::Lsn;
use crate::checksum;
use crate::error::{LogDamage, LogError};
use crate::reader::ScanEnd;
use crate::record::u64_at;
use crate::segment::{self, HistoryId};
use flashdb_disk::{Disk, OpenMode};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const MAGIC: [u8; 4] = *b"FLWE";
const VERSION: u16 = 1;
const HISTORY_AT: usize = 14;
const CHECKSUM_AT: usize = 30;
const LEN: usize = 34;

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The last frame.
    pub last: Lsn,
    /// Of which history.
    pub history: HistoryId,
}

/// Where the file is.
pub fn path(dir: &Path) -> PathBuf {
    segment::folder(dir).join("ended")
}

fn encode(last: Lsn, history: &HistoryId) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
    bytes[6..HISTORY_AT].copy_from_slice(&last.to_le_bytes());
    bytes[HISTORY_AT..CHECKSUM_AT].copy_from_slice(history);
    let sum = checksum::crc32c(&bytes[..CHECKSUM_AT]);
    bytes[CHECKSUM_AT..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Ended> {
    let bytes: &[u8; LEN] = bytes.try_into().ok()?;
    let mut history = [0; CHECKSUM_AT - HISTORY_AT];
    history.copy_from_slice(&bytes[HISTORY_AT..CHECKSUM_AT]);
    let last = u64_at(bytes, 6);
    (*bytes == encode(last, &history)).then_some(Ended { last, history })
}

/// Notes that the log of this history has ended in good order, with the frame `last` durable.
///
/// # Errors
/// When the disk refuses.
pub fn write(disk: &dyn Disk, dir: &Path, last: Lsn, history: &HistoryId) -> Result<(), LogError> {
    let path = path(dir);
    remove(disk, dir)?;
    let mut file = disk
        .open(&path, OpenMode::CreateNew)
        .map_err(LogError::io(&path, "make"))?;
    file.write_at(&encode(last, history), 0)
        .map_err(LogError::io(&path, "write to"))?;
    file.sync_data().map_err(LogError::io(&path, "sync"))?;
    let folder = segment::folder(dir);
    disk.sync_folder(&folder)
        .map_err(LogError::io(&folder, "sync the folder"))
}

/// How far the log has to reach; `None` if nothing says so.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<Ended>, LogError> {
    let path = path(dir);
    let file = match disk.open(&path, OpenMode::Read) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(LogError::io(&path, "open"))?,
    };
    let mut bytes = [0; LEN + 1];
    let len = file.read_at(&mut bytes, 0).map_err(LogError::io(&path, "read"))?;
    Ok(decode(&bytes[..len]))
}

/// What is wrong if the log had ended in good order behind `last`, the last frame that log and snapshots hold now: named with the
/// place where the log ends. `None` if nothing is.
///
/// # Errors
/// As [`read`].
pub fn damage(
    disk: &dyn Disk,
    dir: &Path,
    history: &HistoryId,
    end: &ScanEnd,
    last: Lsn,
) -> Result<Option<LogDamage>, LogError> {
    let ended = read(disk, dir)?.filter(|ended| ended.history == *history && ended.last > last);
    let Some(Ended { last: ended, .. }) = ended else {
        return Ok(None);
    };
    let (path, offset) = match (end.headless.last(), &end.tail) {
        (Some(emptied), _) => (emptied.clone(), 0),
        (None, Some(tail)) => (tail.path.clone(), tail.offset),
        (None, None) => (segment::folder(dir), 0),
    };
    Ok(Some(LogDamage {
        path,
        offset,
        lsn: last + 1,
        left_gap_until: None,
        reason: format!(
            "the log ended in good order with LSN {ended}, as {} says, and what is behind LSN {last} is not here",
            self::path(dir).display()
        ),
    }))
}

/// Takes it back: by the operator's word the log ends earlier.
///
/// # Errors
/// When the disk refuses.
pub fn remove(disk: &dyn Disk, dir: &Path) -> Result<(), LogError> {
    let path = path(dir);
    match disk.remove(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(LogError::io(&path, "remove")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_believed() {
        let history = [7; 16];
        let bytes = encode(1234, &history);
        assert_eq!(decode(&bytes), Some(Ended { last: 1234, history }));
        assert_eq!(decode(&bytes[..LEN - 1]), None);
        assert_eq!(decode(&[&bytes[..], &[0]].concat()), None);
        assert_eq!(decode(&[0; LEN]), None);
        for bit in 0..LEN * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&flipped), None, "bit {bit}");
        }
    }
}
