//! What is done to segments after a crash, and at an operator's word after damage. All of it is durable before it returns,
//! so that a second crash cannot bring back what was cut, nor put it behind frames that were written since.

use crate::Lsn;
use crate::error::{LogDamage, LogError};
use crate::reader::ScanEnd;
use crate::record::{FRAME_MIN, FRAME_PREFIX, Frame, Kind, frame_len, lsn_at};
use crate::segment::{self, CUT_SUFFIX, FRAMES_AT, SUFFIX};
use flashdb_disk::{Disk, DiskFile, OpenMode};
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A sound frame further ahead than this is not believed to follow.
const LSN_AHEAD_MAX: u64 = 1 << 32;
/// Bytes whose checksum is computed in search of a frame, before the search gives up: bytes that a client has stored could
/// look like the beginning of a frame at every offset.
const SEARCH_BYTES_MAX: u64 = 4 << 30;
const COPY_BYTES: usize = 1 << 20;

/// Makes the end of the log durable as the scan found it, before a writer goes on: removes segments that were never
/// entered, cuts what a crash left behind, writes anew what the segment does not prove to be durable, and syncs. What was
/// read may come from memory only, and a sync that failed before the process ended leaves it there as if it were on the
/// disk: only writing it again helps. Nobody may hold a mapping of the segment any more who reads beyond `tail.offset`.
/// O(bytes since the last but one sync).
///
/// # Errors
/// When the disk refuses.
pub fn cut_tail(disk: &dyn Disk, dir: &Path, end: &ScanEnd) -> Result<(), LogError> {
    let folder = segment::folder(dir);
    for path in &end.headless {
        disk.remove(path).map_err(LogError::io(path, "remove"))?;
    }
    if let Some(tail) = &end.tail {
        let path = &tail.path;
        let mut file = disk
            .open(path, OpenMode::Write)
            .map_err(LogError::io(path, "open"))?;
        if tail.proven < tail.offset {
            write_again(file.as_mut(), path, tail.proven..tail.offset)?;
            // The length may be as undurable as the bytes: it has to change to be written.
            file.set_len(tail.offset + 1)
                .map_err(LogError::io(path, "extend"))?;
        }
        cut_file(file.as_mut(), path, tail.offset)?;
    }
    match end.tail.is_none() && end.headless.is_empty() {
        true => Ok(()),
        false => sync_folder(disk, &folder),
    }
}

/// Cuts the log at a damage, because the operator has chosen to lose what follows: later segments are moved aside, to
/// names that end with `.cut`, and so is a copy of the damaged one, which is then cut. Scan again afterwards. Returns the
/// names of what was moved aside.
///
/// # Errors
/// When the disk refuses; then less may be cut than should be, which the next scan finds.
pub fn truncate(disk: &dyn Disk, dir: &Path, damage: &LogDamage) -> Result<Vec<PathBuf>, LogError> {
    let folder = segment::folder(dir);
    let name = damage.path.file_name().unwrap_or_default().to_string_lossy();
    let damaged = segment::id_of_name(&name, SUFFIX).ok_or_else(|| LogError::Damage(damage.clone()))?;
    let mut aside = Vec::new();
    // From the last one backwards, so that a crash in between leaves the damage where it is found again.
    for id in segment::ids(disk, &folder, SUFFIX)?.into_iter().rev() {
        if id > damaged {
            aside.push(move_aside(disk, &segment::path(dir, id))?);
        }
    }
    sync_folder(disk, &folder)?;
    if damage.offset < FRAMES_AT as u64 {
        aside.push(move_aside(disk, &damage.path)?);
    } else {
        aside.push(copy_aside(disk, &damage.path)?);
        sync_folder(disk, &folder)?;
        let mut file = disk
            .open(&damage.path, OpenMode::Write)
            .map_err(LogError::io(&damage.path, "open"))?;
        cut_file(file.as_mut(), &damage.path, damage.offset)?;
    }
    sync_folder(disk, &folder)?;
    Ok(aside)
}

/// Offset and LSN of the next sound ordinary frame behind the damaged one at `offset`: where its length says that it ends,
/// else at whatever byte the first one is found.
pub(crate) fn next_frame(bytes: &[u8], offset: usize, expected: Lsn) -> Option<(usize, Lsn)> {
    let believable = |at: usize| {
        let rest = bytes.get(at..)?;
        let header = rest.get(..FRAME_MIN)?;
        let kind = Kind::of_code(header[FRAME_PREFIX])?;
        let lsn = lsn_at(header);
        let follows = lsn >= expected && lsn - expected < LSN_AHEAD_MAX;
        (follows && !kind.is_internal()).then_some(rest)
    };
    let sound = |rest| Frame::read(rest).ok().map(|frame: Frame<'_>| frame.lsn);
    if let Ok(len) = frame_len(&bytes[offset.min(bytes.len())..])
        && let Some(lsn) = believable(offset + len).and_then(sound)
    {
        return Some((offset + len, lsn));
    }
    let mut left = SEARCH_BYTES_MAX;
    for at in offset + 1..bytes.len().saturating_sub(FRAME_MIN) + 1 {
        let Some(rest) = believable(at) else { continue };
        let Ok(len) = frame_len(rest) else { continue };
        if len > rest.len() {
            continue;
        }
        if let Some(lsn) = sound(rest) {
            return Some((at, lsn));
        }
        left = left.checked_sub(len as u64)?;
    }
    None
}

fn write_again(file: &mut dyn DiskFile, path: &Path, range: Range<u64>) -> Result<(), LogError> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut offset = range.start;
    while offset < range.end {
        let len = (range.end - offset).min(COPY_BYTES as u64) as usize;
        let read = file
            .read_at(&mut buffer[..len], offset)
            .map_err(LogError::io(path, "read"))?;
        file.write_at(&buffer[..read], offset)
            .map_err(LogError::io(path, "write to"))?;
        if read == 0 {
            // Shorter than it was a moment ago; the next scan says so.
            break;
        }
        offset += read as u64;
    }
    Ok(())
}

fn cut_file(file: &mut dyn DiskFile, path: &Path, len: u64) -> Result<(), LogError> {
    if file.len().map_err(LogError::io(path, "read"))? > len {
        file.set_len(len).map_err(LogError::io(path, "cut"))?;
    }
    file.sync_data().map_err(LogError::io(path, "sync"))
}

fn sync_folder(disk: &dyn Disk, folder: &Path) -> Result<(), LogError> {
    disk.sync_folder(folder)
        .map_err(LogError::io(folder, "sync the folder"))
}

fn aside_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(CUT_SUFFIX);
    name.into()
}

fn move_aside(disk: &dyn Disk, path: &Path) -> Result<PathBuf, LogError> {
    let to = aside_path(path);
    disk.rename(path, &to).map_err(LogError::io(path, "rename"))?;
    Ok(to)
}

fn copy_aside(disk: &dyn Disk, path: &Path) -> Result<PathBuf, LogError> {
    let to = aside_path(path);
    match disk.remove(&to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(LogError::io(&to, "remove")(error));
        }
        _ => {}
    }
    let source = disk
        .open(path, OpenMode::Read)
        .map_err(LogError::io(path, "open"))?;
    let mut copy = disk
        .open(&to, OpenMode::CreateNew)
        .map_err(LogError::io(&to, "make"))?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut offset = 0;
    loop {
        let len = source
            .read_at(&mut buffer, offset)
            .map_err(LogError::io(path, "read"))?;
        if len == 0 {
            break;
        }
        copy.write_at(&buffer[..len], offset)
            .map_err(LogError::io(&to, "write to"))?;
        offset += len as u64;
    }
    copy.sync_data().map_err(LogError::io(&to, "sync"))?;
    Ok(to)
}
