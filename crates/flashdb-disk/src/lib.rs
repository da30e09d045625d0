//! Files as persistence sees them: a narrow trait, so that log, snapshots and recovery run on the real disk and, from a
//! seed, on a simulated one that loses, tears and damages what was not synced.
//!
//! The trait promises what POSIX promises and no more: bytes are durable after `sync_data` of their file, a name (created,
//! renamed, removed) only after `sync_folder` of its folder; what was not synced may survive in part, sector by sector.
//!
//! Errors are those of the system, with its kind (`NotFound`, `AlreadyExists`, `StorageFull`, ...) and without a path: the
//! caller knows path and offset and names them in its own error. After a failed write or sync nothing is known about the
//! bytes concerned, and a later sync that succeeds says nothing about them either.

mod real;
pub mod sim;
#[cfg(test)]
mod test_folder;

pub use real::RealDisk;
pub use sim::SimDisk;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Written at once where room is taken by writing.
const ZEROS: &[u8] = &[0; 1 << 18];

/// Whether the system had no room: on the disk, or within the quota of the user.
pub fn is_no_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Extends a file to `len` by writing, which takes room everywhere.
fn write_zeros(file: &mut (impl DiskFile + ?Sized), len: u64) -> io::Result<()> {
    let mut end = file.len()?;
    while end < len {
        let piece = (len - end).min(ZEROS.len() as u64);
        file.write_at(&ZEROS[..piece as usize], end)?;
        end += piece;
    }
    Ok(())
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// For reading; it exists.
    Read,
    /// For reading and writing; it exists.
    Write,
    /// For reading and writing; it must not exist yet.
    CreateNew,
}

/// A folder tree that files are kept in. All paths are absolute or relative to the process, as with `std::fs`.
pub trait Disk: Send + Sync + Debug {
    /// Makes a folder and its parents. Existing ones are fine. Not durable: each folder that was made is a name in its
    /// parent, and durable with the parent's `sync_folder`.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Opens a file. `NotFound`, or with `CreateNew` `AlreadyExists`. A new file is empty and its name not durable.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>>;
    /// Names of what lies in a folder, files and folders, in no particular order. What is not UTF-8 in a name is replaced
    /// by U+FFFD: no file of ours has such a name.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Renames a file, replacing what file has the name. Atomic if both names lie in one folder; not durable.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Not durable. Who has it open or mapped keeps its content.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable, those of folders below it not.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of a file, which is made if absent, until the guard is dropped or the process ends.
    /// `WouldBlock` when another process, or another guard of this process, has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;
    /// The whole file for reading, mapped where that is possible. The file must not be cut while this lives (see
    /// [`MappedBytes`]); whether later writes show is not said. Removing and renaming are fine.
    fn map(&self, path: &Path) -> io::Result<Mapped>;
    /// Bytes left for use by this process on the file system of `path`, which exists.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// One open file.
pub trait DiskFile: Send + Debug {
    /// Writes all of `bytes` at `offset`; beyond the end, the gap reads as zeros. On an error any part may be written.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Reads until `bytes` is full or the file ends; how many bytes came.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Makes content and length durable. After an error, what was not durable before may be lost although a later call
    /// succeeds: the system forgets what it could not write. So never call again and go on; write elsewhere.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether there is no content.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts or extends (with zeros, which need not take room on the disk yet).
    fn set_len(&mut self, len: u64) -> io::Result<()>;
    /// Extends to `len` bytes at least, of which all take room on the disk; content that is there stays. `StorageFull` where there
    /// is not so much, with any part taken.
    fn allocate(&mut self, len: u64) -> io::Result<()> {
        write_zeros(self, len)
    }
}

/// The lock is held as long as this lives.
pub trait DiskLock: Send + Sync + Debug {}

/// The content of a file, as long as it was when it was mapped.
///
/// The file must not be cut while this lives, by any process: touching a page that is no longer there ends the process
/// (SIGBUS). Our own code cuts only the tail of the last log segment, before anything maps it or after it let go, and the
/// folder's lock keeps other servers away. A disk that cannot read a page ends the process in the same way.
pub trait MappedBytes: Send + Sync {
    /// The content.
    fn bytes(&self) -> &[u8];
}

/// Shared content of a file.
pub type Mapped = Arc<dyn MappedBytes>;

/// A path for messages and errors.
pub type DiskPath = PathBuf;

/// Content that was read instead of mapped.
struct ReadBytes(Vec<u8>);

impl MappedBytes for ReadBytes {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}
