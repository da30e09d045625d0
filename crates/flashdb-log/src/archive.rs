//! What becomes of segments that a snapshot covers: they are removed, or compressed (zstd) into `wal/archive/` and kept
//! there for some time, from where recovery to an earlier point reads them.
//!
//! An archived segment is one zstd frame, readable with the tool of that name, with the length and a checksum of its content.
//! It is durable under its final name before the plain one is removed.

use crate::Lsn;
use crate::error::{LogDamage, LogError};
use crate::segment::{self, ARCHIVED_SUFFIX, FRAMES_AT, SUFFIX, SegmentStart};
use flashdb_disk::{Disk, DiskFile, Mapped, MappedBytes, OpenMode};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TMP_SUFFIX: &str = ".tmp";
/// The compressor's own default; nobody waits for it.
const LEVEL: i32 = 3;
/// Longest content that is unpacked: two whole frames of the largest key and value, far above any real segment. Memory is
/// taken as content comes, never by the length that the file claims.
const UNPACKED_BYTES_MAX: u64 = 16 << 30;

/// What a [`retire`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// Segments removed without a copy.
    pub removed: u64,
    /// Segments moved to the archive.
    pub archived: u64,
    /// Archived segments removed because their time was over.
    pub pruned: u64,
}

/// Retires all segments whose frames are all up to `covered`, which a durable snapshot holds, except the last one: it is
/// the writer's. With `keep_s` seconds above 0 they are archived, and archived ones removed once the last frame in them
/// is older than that; with 0 nothing is kept. May run beside the writer, but not twice at once. O(bytes retired).
///
/// # Errors
/// When the disk refuses; what was done so far is in order.
pub fn retire(
    disk: &dyn Disk,
    dir: &Path,
    covered: Lsn,
    keep_s: u64,
    now_ms: u64,
) -> Result<Retired, LogError> {
    retire_with(disk, dir, covered, keep_s > 0, keep_s, now_ms)
}

/// The same on a disk that is full: nothing is added to the archive, for which there is no room, and what is in it stays for its time.
///
/// # Errors
/// When the disk refuses; what was done so far is in order.
pub fn retire_unpacked(
    disk: &dyn Disk,
    dir: &Path,
    covered: Lsn,
    keep_s: u64,
    now_ms: u64,
) -> Result<Retired, LogError> {
    retire_with(disk, dir, covered, false, keep_s, now_ms)
}

fn retire_with(
    disk: &dyn Disk,
    dir: &Path,
    covered: Lsn,
    packs: bool,
    keep_s: u64,
    now_ms: u64,
) -> Result<Retired, LogError> {
    let mut retired = Retired::default();
    let segments = segment::list(disk, dir)?;
    for (index, info) in segments.iter().enumerate() {
        // All before the next one's first frame; a segment without a beginning in between has none.
        let next = segments[index + 1..].iter().find_map(|next| next.first);
        if next.is_none_or(|next| next - 1 > covered) {
            break;
        }
        let path = segment::path(dir, info.id);
        if packs && info.first.is_some() {
            pack(disk, dir, info.id)?;
            retired.archived += 1;
        } else {
            retired.removed += 1;
        }
        disk.remove(&path).map_err(LogError::io(&path, "remove"))?;
    }
    if retired != Retired::default() {
        sync_folder(disk, &segment::folder(dir))?;
    }
    retired.pruned = prune(disk, dir, keep_s, now_ms)?;
    Ok(retired)
}

/// Removes the oldest archived segment, whatever its age, for the sake of its room; `None` if there is none.
///
/// # Errors
/// When the disk refuses.
pub fn remove_oldest(disk: &dyn Disk, dir: &Path) -> Result<Option<PathBuf>, LogError> {
    let Some(oldest) = sources(disk, dir, true)?
        .into_iter()
        .find(|source| source.archived)
    else {
        return Ok(None);
    };
    let path = oldest.path;
    disk.remove(&path).map_err(LogError::io(&path, "remove"))?;
    sync_folder(disk, &segment::archive_folder(dir))?;
    Ok(Some(path))
}

/// Bytes that archived segments take.
///
/// # Errors
/// When the folder or a file cannot be read.
pub fn bytes(disk: &dyn Disk, dir: &Path) -> Result<u64, LogError> {
    let mut bytes = 0;
    for source in sources(disk, dir, true)?.iter().filter(|source| source.archived) {
        let file = disk.open(&source.path, OpenMode::Read);
        let len = file.and_then(|file| file.len());
        bytes += len.map_err(LogError::io(&source.path, "read"))?;
    }
    Ok(bytes)
}

/// Removes archived segments that ended more than `keep_s` seconds ago.
fn prune(disk: &dyn Disk, dir: &Path, keep_s: u64, now_ms: u64) -> Result<u64, LogError> {
    let folder = segment::archive_folder(dir);
    let keep_ms = keep_s.saturating_mul(1000);
    let all = sources(disk, dir, true)?;
    let mut pruned = 0;
    for (index, source) in all.iter().enumerate() {
        if !source.archived {
            break;
        }
        // It ended when the next one began.
        let ended_ms = match all.get(index + 1) {
            Some(next) => next.start(disk)?.map_or(now_ms, |start| start.created_ms),
            None => now_ms,
        };
        if keep_ms > 0 && ended_ms.saturating_add(keep_ms) > now_ms {
            break;
        }
        disk.remove(&source.path)
            .map_err(LogError::io(&source.path, "remove"))?;
        pruned += 1;
    }
    if pruned > 0 {
        sync_folder(disk, &folder)?;
    }
    Ok(pruned)
}

/// Compresses a segment into the archive; durable on return.
fn pack(disk: &dyn Disk, dir: &Path, id: u64) -> Result<(), LogError> {
    let folder = segment::archive_folder(dir);
    disk.create_folder(&folder)
        .map_err(LogError::io(&folder, "make the folder"))?;
    sync_folder(disk, &segment::folder(dir))?;
    let plain = segment::path(dir, id);
    let path = segment::archived_path(dir, id);
    let mut tmp = path.clone().into_os_string();
    tmp.push(TMP_SUFFIX);
    let tmp = PathBuf::from(tmp);
    // What an earlier try has left behind.
    match disk.remove(&tmp) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(LogError::io(&tmp, "remove")(error));
        }
        _ => {}
    }
    let content = disk.map(&plain).map_err(LogError::io(&plain, "map"))?;
    let file = disk
        .open(&tmp, OpenMode::CreateNew)
        .map_err(LogError::io(&tmp, "make"))?;
    let packed = compress(content.bytes(), FileWriter { file, offset: 0 });
    packed
        .and_then(|mut packed| packed.file.sync_data())
        .map_err(LogError::io(&tmp, "write to"))?;
    disk.rename(&tmp, &path).map_err(LogError::io(&tmp, "rename"))?;
    sync_folder(disk, &folder)
}

fn compress(content: &[u8], to: FileWriter) -> io::Result<FileWriter> {
    let mut encoder = zstd::stream::write::Encoder::new(to, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.include_contentsize(true)?;
    encoder.set_pledged_src_size(Some(content.len() as u64))?;
    encoder.write_all(content)?;
    encoder.finish()
}

/// Writes a file from its beginning to its end.
struct FileWriter {
    file: Box<dyn DiskFile>,
    offset: u64,
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn sync_folder(disk: &dyn Disk, folder: &Path) -> Result<(), LogError> {
    disk.sync_folder(folder)
        .map_err(LogError::io(folder, "sync the folder"))
}

// ---- reading ---------------------------------------------------------------------------------------

/// A segment, plain or archived.
pub(crate) struct Source {
    pub id: u64,
    pub path: PathBuf,
    pub archived: bool,
}

/// LSN of the first frame in the archive; `None` if it is empty.
///
/// # Errors
/// When the folder or a file cannot be read.
pub fn first_archived(disk: &dyn Disk, dir: &Path) -> Result<Option<Lsn>, LogError> {
    for source in sources(disk, dir, true)?.iter().filter(|source| source.archived) {
        if let Some(start) = source.start(disk)? {
            return Ok(Some(start.first));
        }
    }
    Ok(None)
}

/// Refuses an archive with a segment that another version of this software wrote.
///
/// # Errors
/// `Version` for the first one, or `Io`.
pub fn refuse_other_versions(disk: &dyn Disk, dir: &Path) -> Result<(), LogError> {
    let all = sources(disk, dir, true)?;
    let mut archived = all.iter().filter(|source| source.archived);
    archived.try_for_each(|source| source.refuse_other_version(disk))
}

/// All segments in order, with those in the archive if asked for. One that is in both places (a crash came before it was
/// removed) is taken plain.
pub(crate) fn sources(disk: &dyn Disk, dir: &Path, archived: bool) -> Result<Vec<Source>, LogError> {
    let mut all: Vec<Source> = segment::ids(disk, &segment::folder(dir), SUFFIX)?
        .into_iter()
        .map(|id| Source {
            id,
            path: segment::path(dir, id),
            archived: false,
        })
        .collect();
    if archived {
        let ids = segment::ids(disk, &segment::archive_folder(dir), ARCHIVED_SUFFIX)?;
        all.extend(ids.into_iter().map(|id| Source {
            id,
            path: segment::archived_path(dir, id),
            archived: true,
        }));
        // The sort is stable: the plain one stays before the archived one.
        all.sort_by_key(|source| source.id);
        all.dedup_by_key(|source| source.id);
    }
    Ok(all)
}

impl Source {
    /// What the segment's first frame says; `None` if it cannot be read.
    pub fn start(&self, disk: &dyn Disk) -> Result<Option<SegmentStart>, LogError> {
        let (bytes, len) = self.beginning(disk)?;
        Ok(SegmentStart::decode(&bytes[..len], self.id).ok())
    }

    /// Refuses a segment that another version of this software wrote.
    pub fn refuse_other_version(&self, disk: &dyn Disk) -> Result<(), LogError> {
        let (bytes, len) = self.beginning(disk)?;
        match segment::other_version(&bytes[..len]) {
            Some(version) => Err(LogError::Version {
                path: self.path.clone(),
                version,
            }),
            None => Ok(()),
        }
    }

    /// The first bytes, and how many of them there are; none of an archived segment that is cut short.
    fn beginning(&self, disk: &dyn Disk) -> Result<([u8; FRAMES_AT], usize), LogError> {
        let mut bytes = [0; FRAMES_AT];
        let len = if self.archived {
            let packed = disk.map(&self.path).map_err(LogError::io(&self.path, "map"))?;
            let unpacked = decoder(packed.bytes()).and_then(|mut decoder| decoder.read_exact(&mut bytes));
            if unpacked.is_ok() { bytes.len() } else { 0 }
        } else {
            disk.open(&self.path, OpenMode::Read)
                .and_then(|file| file.read_at(&mut bytes, 0))
                .map_err(LogError::io(&self.path, "read"))?
        };
        Ok((bytes, len))
    }

    /// The first bytes of a plain segment, read into memory.
    pub fn read(&self, disk: &dyn Disk, bytes_max: u64) -> Result<Mapped, LogError> {
        let read = || {
            let file = disk.open(&self.path, OpenMode::Read)?;
            let mut bytes = vec![0; file.len()?.min(bytes_max) as usize];
            let len = file.read_at(&mut bytes, 0)?;
            bytes.truncate(len);
            Ok(bytes)
        };
        let bytes = read().map_err(LogError::io(&self.path, "read"))?;
        Ok(Arc::new(InMemory(bytes)))
    }

    /// The segment's bytes: mapped, or unpacked into memory.
    pub fn content(&self, disk: &dyn Disk) -> Result<Mapped, LogError> {
        let mapped = disk.map(&self.path).map_err(LogError::io(&self.path, "map"))?;
        if !self.archived {
            return Ok(mapped);
        }
        match unpack(mapped.bytes(), UNPACKED_BYTES_MAX) {
            Ok(content) => Ok(Arc::new(InMemory(content))),
            Err(reason) => Err(LogDamage {
                path: self.path.clone(),
                offset: 0,
                lsn: 0,
                left_gap_until: None,
                reason: format!("it cannot be unpacked: {reason}"),
            }
            .into()),
        }
    }
}

struct InMemory(Vec<u8>);

impl MappedBytes for InMemory {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn decoder(packed: &[u8]) -> io::Result<zstd::stream::read::Decoder<'_, &[u8]>> {
    Ok(zstd::stream::read::Decoder::with_buffer(packed)?.single_frame())
}

/// The content, which must be exactly as long as the frame's header says, and nothing may follow.
fn unpack(packed: &[u8], bytes_max: u64) -> Result<Vec<u8>, String> {
    let claimed = match zstd::zstd_safe::get_frame_content_size(packed) {
        Ok(Some(len)) if len <= bytes_max => len,
        Ok(Some(len)) => return Err(format!("it claims {len} bytes of content")),
        _ => return Err("it does not say how long its content is".into()),
    };
    let mut content = Vec::new();
    let mut limited = decoder(packed)
        .map_err(|error| error.to_string())?
        .take(claimed.saturating_add(1));
    limited
        .read_to_end(&mut content)
        .map_err(|error| error.to_string())?;
    if content.len() as u64 != claimed {
        return Err(format!("{} bytes of content, not {claimed}", content.len()));
    }
    if !limited.into_inner().finish().is_empty() {
        return Err("something follows it".into());
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(content: &[u8], with_size: bool) -> Vec<u8> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL).expect("an encoder");
        encoder.include_checksum(true).expect("a known flag");
        if with_size {
            encoder
                .set_pledged_src_size(Some(content.len() as u64))
                .expect("a known flag");
        }
        encoder.write_all(content).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn only_exactly_what_was_packed_is_unpacked() {
        let content: Vec<u8> = (0..5000u32).flat_map(|i| (i % 77).to_le_bytes()).collect();
        let sound = packed(&content, true);
        assert_eq!(unpack(&sound, 1 << 20).as_deref(), Ok(&content[..]));
        assert!(unpack(&sound, 19_999).is_err());
        assert!(unpack(&packed(&content, false), 1 << 20).is_err());
        for len in 0..sound.len() {
            assert!(unpack(&sound[..len], 1 << 20).is_err(), "cut at {len}");
        }
        let mut longer = sound.clone();
        longer.push(0);
        assert!(unpack(&longer, 1 << 20).is_err());
        for at in 0..sound.len() {
            for bit in 0..8 {
                let mut damaged = sound.clone();
                damaged[at] ^= 1 << bit;
                if let Ok(got) = unpack(&damaged, 1 << 20) {
                    assert_eq!(got, content, "byte {at} bit {bit}");
                }
            }
        }
    }
}
