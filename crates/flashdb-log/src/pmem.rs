//! What segments are written through: files, or persistent memory (PER-80, PER-90). There a segment is a mapping straight onto
//! the medium (a file system with DAX); a write is a copy, and a sync writes the processor's cache lines back, without a
//! system call.
//!
//! Whether it is persistent memory the kernel decides: it maps with `MAP_SYNC` only where that holds, and refuses elsewhere.
//! Then files are used, and the reason can be asked for. Blocks are allocated before they are mapped, so that a full
//! medium is an error and not a signal; the file's length and blocks are synced as those of any file. The bytes are those of
//! `docs/formats/wal.md` either way, and so is reading.

use flashdb_disk::{Disk, DiskFile, OpenMode};
use rustix::mm::{MapFlags, MsyncFlags, ProtFlags};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::ptr::NonNull;

/// What segments are written through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Medium {
    /// Files, by the disk.
    #[default]
    File,
    /// Persistent memory; files where there is none, which is worth a warning.
    Pmem,
    /// Persistent memory where there is some, files elsewhere.
    Auto,
}

/// A segment's file, and why it is not on persistent memory although that was asked for.
pub(crate) type Created = (Box<dyn DiskFile>, Option<String>);

impl Medium {
    /// Makes a segment's file, its name not durable yet.
    pub(crate) fn create(self, disk: &dyn Disk, path: &Path, segment_bytes: u64) -> io::Result<Created> {
        let file = disk.open(path, OpenMode::CreateNew)?;
        if self == Medium::File {
            return Ok((file, None));
        }
        match PmemFile::over(path, segment_bytes, Persist::detect()) {
            Ok(mapped) => Ok((Box::new(mapped), None)),
            // Also where there is no room for a whole segment: a file takes no more than is written into it.
            Err(error) => Ok((
                Self::emptied(file)?,
                Some(format!("{} is no persistent memory: {error}", path.display())),
            )),
        }
    }

    /// The file without the blocks that an attempt to map it may have left.
    fn emptied(mut file: Box<dyn DiskFile>) -> io::Result<Box<dyn DiskFile>> {
        if !file.is_empty()? {
            file.set_len(0)?;
        }
        Ok(file)
    }
}

const CACHE_LINE: usize = 64;

/// How what was copied is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Persist {
    /// Cache lines are written back and kept (CLWB).
    #[cfg(target_arch = "x86_64")]
    WriteBack,
    /// Cache lines are written back and dropped (CLFLUSHOPT).
    #[cfg(target_arch = "x86_64")]
    Flush,
    /// The kernel does it: an ordinary shared mapping, for tests on any file system.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "tests run the same code on any file system")
    )]
    Msync,
    /// The processor has no fitting instruction that we know.
    Unknown,
}

impl Persist {
    #[cfg(target_arch = "x86_64")]
    fn detect() -> Self {
        const CLFLUSHOPT: u32 = 1 << 23;
        const CLWB: u32 = 1 << 24;
        let (highest, _) = std::arch::x86_64::__get_cpuid_max(0);
        let features = match highest {
            7.. => std::arch::x86_64::__cpuid_count(7, 0).ebx,
            _ => 0,
        };
        match features {
            with if with & CLWB != 0 => Persist::WriteBack,
            with if with & CLFLUSHOPT != 0 => Persist::Flush,
            _ => Persist::Unknown,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detect() -> Self {
        Persist::Unknown
    }
}

/// A shared mapping of a whole file.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping is memory that belongs to this value alone; nothing about it is bound to a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(file: &File, len: usize, persist: Persist) -> io::Result<Mapping> {
        let flags = match persist {
            Persist::Msync => MapFlags::SHARED,
            _ => MapFlags::SHARED_VALIDATE | MapFlags::SYNC,
        };
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        let start = unsafe { rustix::mm::mmap(std::ptr::null_mut(), len, access, flags, file, 0) }?;
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::other("mapped at no address"))?;
        Ok(Mapping { start, len })
    }

    /// Copies `bytes` to `offset`. They have to fit.
    fn copy(&mut self, bytes: &[u8], offset: usize) {
        let fits = offset.checked_add(bytes.len()).is_some_and(|end| end <= self.len);
        assert!(fits, "a write behind the end of the mapping");
        // SAFETY: the target lies within the mapping, which is writable, backed by allocated blocks of a file that is cut
        // only after this mapping is gone, and referred to by nobody else; `bytes` cannot overlap with it.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().add(offset), bytes.len());
        }
    }

    /// Makes a range durable; it lies within the mapping.
    fn persist(&self, range: Range<usize>, persist: Persist) -> io::Result<()> {
        debug_assert!(range.end <= self.len);
        let start = range.start - range.start % CACHE_LINE;
        match persist {
            Persist::Msync => {
                let start = range.start - range.start % rustix::param::page_size();
                // SAFETY: the range lies within the mapping, and its start is that of a page.
                unsafe {
                    let at = self.start.as_ptr().add(start).cast();
                    rustix::mm::msync(at, range.end - start, MsyncFlags::SYNC)?;
                }
            }
            #[cfg(target_arch = "x86_64")]
            Persist::WriteBack | Persist::Flush => {
                for at in (start..range.end).step_by(CACHE_LINE) {
                    // SAFETY: the address lies within the mapping, and `detect` has found the instruction, which changes
                    // no memory as the program sees it.
                    unsafe {
                        let line = self.start.as_ptr().add(at);
                        match persist {
                            Persist::WriteBack => {
                                std::arch::asm!("clwb [{0}]", in(reg) line, options(nostack))
                            }
                            _ => std::arch::asm!("clflushopt [{0}]", in(reg) line, options(nostack)),
                        }
                    }
                }
                // SAFETY: every x86_64 has this instruction. It waits for the lines above.
                unsafe { std::arch::x86_64::_mm_sfence() };
            }
            Persist::Unknown => return Err(io::ErrorKind::Unsupported.into()),
        }
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this value made the mapping, and nothing refers to it any more.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok());
    }
}

/// A file on persistent memory. Behind what was written it has zeros, as a preallocated file has.
#[derive(Debug)]
struct PmemFile {
    file: File,
    /// The whole file; `None` after it was cut.
    mapping: Option<Mapping>,
    persist: Persist,
    /// What was copied and not made durable.
    dirty: Option<Range<usize>>,
    /// The file's length and blocks changed.
    stretched: bool,
}

impl PmemFile {
    /// Maps the empty file at `path`, with room for `len` bytes.
    fn over(path: &Path, len: u64, persist: Persist) -> io::Result<PmemFile> {
        if persist == Persist::Unknown {
            return Err(io::Error::other("the processor cannot write cache lines back"));
        }
        let file = File::options().read(true).write(true).open(path)?;
        // Asked with a page that the file need not have, before anything is allocated: on other file systems a segment's
        // blocks would be taken at each rotation, to be given back at once, and might not be there.
        drop(Mapping::new(&file, rustix::param::page_size(), persist)?);
        let mut made = PmemFile {
            file,
            mapping: None,
            persist,
            dirty: None,
            stretched: false,
        };
        made.stretch(len)?;
        Ok(made)
    }

    /// Allocates and maps `len` bytes.
    fn stretch(&mut self, len: u64) -> io::Result<()> {
        let map_len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.persist_dirty()?;
        self.mapping = None;
        rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::empty(), 0, len)?;
        self.stretched = true;
        self.mapping = Some(Mapping::new(&self.file, map_len, self.persist)?);
        Ok(())
    }

    fn mapped_len(&self) -> usize {
        self.mapping.as_ref().map_or(0, |mapping| mapping.len)
    }

    fn persist_dirty(&mut self) -> io::Result<()> {
        if let (Some(mapping), Some(dirty)) = (&self.mapping, self.dirty.take()) {
            mapping.persist(dirty, self.persist)?;
        }
        Ok(())
    }
}

impl DiskFile for PmemFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let end = offset
            .checked_add(bytes.len() as u64)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        if end > self.mapped_len() as u64 {
            self.stretch(end)?;
        }
        if let Some(mapping) = &mut self.mapping {
            let at = offset as usize;
            mapping.copy(bytes, at);
            let end = at + bytes.len();
            self.dirty = Some(match self.dirty.take() {
                Some(dirty) => dirty.start.min(at)..dirty.end.max(end),
                None => at..end,
            });
        }
        Ok(())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        // Reads see what is in the mapping.
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
        self.persist_dirty()?;
        if std::mem::take(&mut self.stretched) {
            self.file.sync_all()?;
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.persist_dirty()?;
        self.mapping = None;
        self.file.set_len(len)?;
        self.stretched = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_disk::RealDisk;
    use std::path::PathBuf;

    struct TestFile(PathBuf);

    impl TestFile {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("flashdb-log-pmem-{name}-{}", std::process::id()));
            let _ = std::fs::remove_file(&path);
            TestFile(path)
        }
    }

    impl Drop for TestFile {
        fn drop(&mut self) {
            // A file left behind does no harm.
            let _ = std::fs::remove_file(&self.0);
        }
    }

    /// The code of persistent memory over an ordinary shared mapping.
    #[test]
    fn it_behaves_like_a_file() {
        let path = TestFile::new("like");
        std::fs::write(&path.0, b"").expect("a file");
        let mut file = PmemFile::over(&path.0, 10_000, Persist::Msync).expect("mapped");
        let mut model = vec![0u8; 10_000];
        let mut prng = flashdb_base::prng::Prng::from_seed(1);
        for round in 0..300 {
            let len = prng.below(3000) as usize;
            let at = prng.below(30_000) as usize;
            let bytes = vec![round as u8; len];
            if len > 0 {
                file.write_at(&bytes, at as u64).expect("room");
                model.resize(model.len().max(at + len), 0);
                model[at..at + len].copy_from_slice(&bytes);
            }
            match prng.below(10) {
                0 => {
                    let len = prng.below(20_000) as usize;
                    file.set_len(len as u64).expect("a file");
                    model.resize(len, 0);
                }
                1..5 => file.sync_data().expect("a file"),
                _ => {}
            }
            assert_eq!(file.len().expect("a file"), model.len() as u64);
        }
        let mut read = vec![1; model.len() + 1];
        assert_eq!(file.read_at(&mut read, 0).expect("a file"), model.len());
        assert!(read[..model.len()] == model);
        drop(file);
        assert!(std::fs::read(&path.0).expect("a file") == model);
    }

    /// The instructions themselves, on memory where they make nothing durable.
    #[test]
    fn cache_lines_are_written_back_without_harm() {
        let path = TestFile::new("lines");
        std::fs::write(&path.0, b"").expect("a file");
        let mut file = PmemFile::over(&path.0, 4096, Persist::Msync).expect("mapped");
        let detected = Persist::detect();
        if detected == Persist::Unknown {
            return;
        }
        file.persist = detected;
        file.write_at(&[7; 1000], 33).expect("room");
        file.sync_data().expect("a file");
        let mut read = [0; 1000];
        file.read_at(&mut read, 33).expect("a file");
        assert_eq!(read, [7; 1000]);
    }

    /// Where the kernel refuses, files are used, and it is said why.
    #[test]
    fn elsewhere_it_is_a_file() {
        let path = TestFile::new("elsewhere");
        let (mut file, reason) = Medium::Auto.create(&RealDisk, &path.0, 1 << 20).expect("a file");
        if reason.is_some() {
            assert_eq!(file.len().expect("a file"), 0);
            assert_nothing_is_allocated_to_find_out();
        }
        file.write_at(b"abc", 0).expect("room");
        file.sync_data().expect("a file");
        assert_eq!(&std::fs::read(&path.0).expect("a file")[..3], b"abc");
    }

    fn assert_nothing_is_allocated_to_find_out() {
        let path = TestFile::new("large");
        let (file, reason) = Medium::Auto.create(&RealDisk, &path.0, 1 << 60).expect("a file");
        assert_eq!(file.len().expect("a file"), 0);
        // With the blocks asked for first the reason would be that there are not as many.
        let kind = |errno: rustix::io::Errno| io::Error::from(errno).to_string();
        let refused = [rustix::io::Errno::OPNOTSUPP, rustix::io::Errno::INVAL].map(kind);
        let reason = reason.expect("a reason");
        let is_known =
            refused.iter().any(|refused| reason.contains(refused)) || reason.contains("cache lines");
        assert!(is_known, "{reason}");
    }
}
