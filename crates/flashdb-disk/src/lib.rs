//! Files as persistence sees them: a narrow trait, so that log, snapshots and recovery run on the real disk and, from a
//! seed, on a simulated one that loses, tears and damages what was not synced.
//!
//! The trait promises what POSIX promises and no more: bytes are durable after `sync_data` of their file, a name (created,
//! renamed, removed) only after `sync_folder` of its folder; what was not synced may survive in part, sector by sector.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Makes a folder and its parents. Existing ones are fine.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>>;
    /// Names of what lies in a folder, files and folders, in no particular order.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Renames a file, replacing what has the name. Atomic, not durable.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Not durable.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of a file, which is made if absent, until the guard is dropped or the process ends.
    /// `ErrorKind::WouldBlock` when another process has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;
    /// The whole file for reading, mapped where that is possible.
    fn map(&self, path: &Path) -> io::Result<Mapped>;
    /// Bytes left for use by this process on the file system of `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// One open file.
pub trait DiskFile: Send + Debug {
    /// Writes all of `bytes` at `offset`.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Reads until `bytes` is full or the file ends; how many bytes came.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Makes content and length durable.
    fn sync_data(&mut self) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether there is no content.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts or extends (with zeros).
    fn set_len(&mut self, len: u64) -> io::Result<()>;
}

/// The lock is held as long as this lives.
pub trait DiskLock: Send + Sync + Debug {}

/// The content of a file. It must not be cut while it is mapped.
pub trait MappedBytes: Send + Sync {
    /// The content.
    fn bytes(&self) -> &[u8];
}

/// Shared content of a file.
pub type Mapped = Arc<dyn MappedBytes>;

/// A path for messages and errors.
pub type DiskPath = PathBuf;
