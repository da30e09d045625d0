//! The disk of the machine, over `std::fs`: positional reads and writes, fdatasync, fsync of folders, flock, mmap.
//!
//! New files are for their owner only (mode 0600, folders 0700): they hold the users' data. Calls that a signal
//! interrupted are repeated; nothing else is. flock rather than a file that exists: it ends with the process, however
//! that ends. It is taken by `rustix`, as `File::try_lock` needs a newer Rust than the workspace asks for.

use crate::{Disk, DiskFile, DiskLock, Mapped, MappedBytes, OpenMode, ReadBytes, write_zeros};
use rustix::fs::FlockOperation;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// The machine's file systems.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(mode != OpenMode::Read)
            .create_new(mode == OpenMode::CreateNew)
            .mode(FILE_MODE)
            .open(path)?;
        Ok(Box::new(RealFile { file }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        std::fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let synced = File::open(folder_path(folder))?.sync_all();
        match synced {
            // File systems that know no sync of folders say so by EINVAL or EBADF; there is nothing more to be had.
            Err(error) if no_such_call(&error) => Ok(()),
            synced => synced,
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(RealLock { _file: file }))
    }

    fn map(&self, path: &Path) -> io::Result<Mapped> {
        let mut file = File::open(path)?;
        // An empty file cannot be mapped.
        if file.metadata()?.len() > 0 {
            // SAFETY: the bytes could change or vanish under the map only if the file is overwritten or cut while
            // mapped, which `Disk::map` forbids its callers; the folder's lock keeps other servers from it.
            if let Ok(map) = unsafe { memmap2::Mmap::map(&file) } {
                return Ok(Arc::new(MappedFile(map)));
            }
        }
        // Some file systems cannot map; if more is wrong, reading says what. Memory that is not there is an error too.
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Arc::new(ReadBytes(bytes)))
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let status = rustix::fs::statvfs(path)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }
}

/// The parent of a bare file name is the empty path, by which the system knows no folder.
fn folder_path(folder: &Path) -> &Path {
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

fn no_such_call(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let number = error.raw_os_error();
    [Errno::INVAL, Errno::BADF]
        .iter()
        .any(|errno| number == Some(errno.raw_os_error()))
}

#[derive(Debug)]
struct RealFile {
    file: File,
}

impl DiskFile for RealFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&mut self, len: u64) -> io::Result<()> {
        use rustix::fs::FallocateFlags;
        use rustix::io::Errno;
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len) {
            // File systems that cannot say so take room by what is written.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => write_zeros(self, len),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(()),
        }
    }
}

/// Closing the file ends the lock. Files are opened close-on-exec, so no child process keeps it.
#[derive(Debug)]
struct RealLock {
    _file: File,
}

impl DiskLock for RealLock {}

struct MappedFile(memmap2::Mmap);

impl MappedBytes for MappedFile {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
#[path = "real_test.rs"]
mod tests;
