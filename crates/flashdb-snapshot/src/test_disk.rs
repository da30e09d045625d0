//! A disk in memory for the tests of this crate: files as bytes, no faults.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flashdb_disk::{Disk, DiskFile, DiskLock, Mapped, MappedBytes, OpenMode};

type Content = Arc<Mutex<Vec<u8>>>;

#[derive(Debug, Default)]
pub(crate) struct MemoryDisk {
    pub files: Mutex<BTreeMap<PathBuf, Content>>,
}

#[derive(Debug)]
struct MemoryFile(Content);

struct Bytes(Vec<u8>);

impl MappedBytes for Bytes {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl MemoryDisk {
    pub fn content(&self, path: &Path) -> Vec<u8> {
        self.find(path).unwrap().lock().unwrap().clone()
    }

    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        self.files
            .lock()
            .unwrap()
            .insert(path.to_path_buf(), Arc::new(Mutex::new(bytes)));
    }

    fn find(&self, path: &Path) -> Result<Content> {
        self.files
            .lock()
            .unwrap()
            .get(path)
            .cloned()
            .ok_or(ErrorKind::NotFound.into())
    }
}

impl Disk for MemoryDisk {
    fn create_folder(&self, _path: &Path) -> Result<()> {
        Ok(())
    }

    fn open(&self, path: &Path, mode: OpenMode) -> Result<Box<dyn DiskFile>> {
        if mode == OpenMode::CreateNew {
            if self.find(path).is_ok() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            self.put(path, Vec::new());
        }
        Ok(Box::new(MemoryFile(self.find(path)?)))
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>> {
        let files = self.files.lock().unwrap();
        let inside = files.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let mut files = self.files.lock().unwrap();
        let content = files.remove(from).ok_or(Error::from(ErrorKind::NotFound))?;
        files.insert(to.to_path_buf(), content);
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.files
            .lock()
            .unwrap()
            .remove(path)
            .map(drop)
            .ok_or(ErrorKind::NotFound.into())
    }

    fn sync_folder(&self, _folder: &Path) -> Result<()> {
        Ok(())
    }

    fn lock(&self, _path: &Path) -> Result<Box<dyn DiskLock>> {
        Err(ErrorKind::Unsupported.into())
    }

    fn map(&self, path: &Path) -> Result<Mapped> {
        Ok(Arc::new(Bytes(self.find(path)?.lock().unwrap().clone())))
    }

    fn free_bytes(&self, _path: &Path) -> Result<u64> {
        Ok(u64::MAX)
    }
}

impl DiskFile for MemoryFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        let mut content = self.0.lock().unwrap();
        let end = offset as usize + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[offset as usize..end].copy_from_slice(bytes);
        Ok(())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<usize> {
        let content = self.0.lock().unwrap();
        let rest = content.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn sync_data(&mut self) -> Result<()> {
        Ok(())
    }

    fn len(&self) -> Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn set_len(&mut self, len: u64) -> Result<()> {
        self.0.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }
}
