//! What is done to segments after a crash, and at an operator's word after damage. All of it is durable before it returns,
//! so that a second crash cannot bring back what was cut, nor put it behind frames that were written since.

use crate::Lsn;
use crate::error::{LogDamage, LogError};
use crate::reader::{Tail, TailKind};
use crate::record::{FRAME_HEADER, FRAME_PREFIX, Frame, Kind, frame_len, lsn_at};
use crate::segment::{self, CUT_SUFFIX, FRAMES_AT, SUFFIX};
use flashdb_disk::{Disk, DiskFile, OpenMode};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A sound frame further ahead than this is not believed to follow.
const LSN_AHEAD_MAX: u64 = 1 << 32;
/// Bytes whose checksum is computed in search of a frame, before the search gives up: bytes that a client has stored could
/// look like the beginning of a frame at every offset.
const SEARCH_BYTES_MAX: u64 = 4 << 30;
const COPY_BYTES: usize = 1 << 20;

/// Makes the end of the log durable as the scan found it, before a writer goes on: cuts what a crash left behind (removes
/// the file if not even its beginning is there), and syncs it, also if there is nothing to cut: what was read may never
/// have been synced, and the beginning of the next segment says that it was. Nobody may hold a mapping of the segment any
/// more who reads beyond `tail.offset`.
///
/// # Errors
/// When the disk refuses.
pub fn cut_tail(disk: &dyn Disk, dir: &Path, tail: &Tail) -> Result<(), LogError> {
    let path = &tail.path;
    if matches!(tail.kind, TailKind::Headless(_)) {
        disk.remove(path).map_err(LogError::io(path, "remove"))?;
    } else {
        let mut file = disk
            .open(path, OpenMode::Write)
            .map_err(LogError::io(path, "open"))?;
        cut_file(file.as_mut(), path, tail.offset)?;
    }
    sync_folder(disk, &segment::folder(dir))
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
        let header = rest.get(..FRAME_HEADER)?;
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
    for at in offset + 1..bytes.len().saturating_sub(FRAME_HEADER) + 1 {
        let Some(rest) = believable(at) else { continue };
        let Ok(len) = frame_len(rest) else { break };
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
