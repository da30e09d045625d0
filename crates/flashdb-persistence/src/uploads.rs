//! Snapshots that clients have sent, so that they can be restored: full ones, of this server or of another. They lie apart from the
//! server's own, since a start must never take one of them for the newest state.
//!
//! ```text
//! <dir>/uploads/NAME.fsnap.upload.tmp     being sent
//! <dir>/uploads/NAME.fsnap                whole, checked, durable
//! ```

use crate::PersistenceError;
use flashdb_disk::{Disk, OpenMode};
use flashdb_snapshot::{SnapshotError, SnapshotInfo, SnapshotReader};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The folder inside the data folder.
pub const FOLDER: &str = "uploads";
const ENDING: &str = ".fsnap";
const UNFINISHED: &str = ".upload.tmp";
const NAME_BYTES_MAX: usize = 100;

/// Whether `name` can be a snapshot's: a plain file name.
pub fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.ends_with(ENDING)
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The uploads of a data folder.
#[derive(Clone, Copy, Debug)]
pub struct Uploads<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
}

impl<'a> Uploads<'a> {
    /// Those of the data folder `dir`.
    pub fn new(disk: &'a dyn Disk, dir: &'a Path) -> Self {
        Uploads { disk, dir }
    }

    fn folder(&self) -> PathBuf {
        self.dir.join(FOLDER)
    }

    fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> PersistenceError {
        let path = path.to_owned();
        move |error| PersistenceError::Folder(path, error)
    }

    /// Adds bytes to an upload; `offset` is its length so far. At 0 it begins anew.
    ///
    /// # Errors
    /// When the name is none, the offset is another, or the disk fails.
    pub fn write(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), PersistenceError> {
        let path = self.unfinished(name)?;
        if offset == 0 {
            let folder = self.folder();
            self.disk.create_folder(&folder).map_err(Self::failed(&folder))?;
            match self.disk.remove(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Self::failed(&path)(error));
                }
                _ => {}
            }
        }
        let mode = if offset == 0 {
            OpenMode::CreateNew
        } else {
            OpenMode::Write
        };
        let mut file = self.disk.open(&path, mode).map_err(Self::failed(&path))?;
        let length = file.len().map_err(Self::failed(&path))?;
        if length != offset {
            return Err(PersistenceError::Refused(format!(
                "{name} has {length} bytes so far; the next part belongs there, not at {offset}"
            )));
        }
        file.write_at(bytes, offset).map_err(Self::failed(&path))
    }

    /// Ends an upload: it is checked whole, made durable and gets its name.
    ///
    /// # Errors
    /// When it is damaged, not a full snapshot, or the disk fails. Damaged uploads are removed.
    pub fn commit(&self, name: &str) -> Result<SnapshotInfo, PersistenceError> {
        let from = self.unfinished(name)?;
        let path = self.folder().join(name);
        let mut file = self
            .disk
            .open(&from, OpenMode::Write)
            .map_err(Self::failed(&from))?;
        file.sync_data().map_err(Self::failed(&from))?;
        drop(file);
        // Its name is part of what is checked.
        self.disk.rename(&from, &path).map_err(Self::failed(&from))?;
        let checked = self.check(&path);
        if checked.is_err() {
            // Nothing relies on it; what cannot be removed is refused again when it is to be restored.
            let _ = self.disk.remove(&path);
        }
        let folder = self.folder();
        self.disk.sync_folder(&folder).map_err(Self::failed(&folder))?;
        self.disk.sync_folder(self.dir).map_err(Self::failed(self.dir))?;
        checked
    }

    fn check(&self, path: &Path) -> Result<SnapshotInfo, PersistenceError> {
        let reader = SnapshotReader::open(self.disk, path)?;
        if !reader.meta().is_full() {
            return Err(PersistenceError::Refused(
                "an incremental snapshot cannot be restored by itself; send a full one".into(),
            ));
        }
        reader.verify()?;
        Ok(reader.info())
    }

    /// The finished upload of this name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<SnapshotInfo>, PersistenceError> {
        if !is_name(name) {
            return Ok(None);
        }
        match SnapshotReader::open(self.disk, &self.folder().join(name)) {
            Ok(reader) => Ok(Some(reader.info())),
            Err(SnapshotError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// All finished uploads that can be read.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<SnapshotInfo>, PersistenceError> {
        let mut found = Vec::new();
        for name in self.names()? {
            found.extend(self.find(&name).ok().flatten());
        }
        Ok(found)
    }

    /// Removes a finished upload.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remove(&self, name: &str) -> Result<(), PersistenceError> {
        let path = self.folder().join(name);
        self.disk.remove(&path).map_err(Self::failed(&path))
    }

    /// Removes what was not sent to its end. For the start, when nobody sends.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn remove_stale(&self) -> Result<(), PersistenceError> {
        for name in self.names()?.iter().filter(|name| name.ends_with(UNFINISHED)) {
            self.remove(name)?;
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, PersistenceError> {
        let folder = self.folder();
        match self.disk.list(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            names => names.map_err(Self::failed(&folder)),
        }
    }

    fn unfinished(&self, name: &str) -> Result<PathBuf, PersistenceError> {
        if !is_name(name) {
            return Err(PersistenceError::Refused(format!(
                "'{}' is not the name of a snapshot's file",
                name.escape_debug()
            )));
        }
        Ok(self.folder().join(format!("{name}{UNFINISHED}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_disk::SimDisk;

    #[test]
    fn names_do_not_lead_elsewhere() {
        for name in ["snapshot-1-2.fsnap", "a.fsnap"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            ".fsnap",
            "../a.fsnap",
            "a/b.fsnap",
            "a.fsnap.tmp",
            "a b.fsnap",
            "a\0.fsnap",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn parts_come_in_order_and_damage_is_refused() {
        let disk = SimDisk::new(1);
        let dir = Path::new("/data");
        disk.create_folder(dir).unwrap();
        let uploads = Uploads::new(&disk, dir);
        let name = "snapshot-1-2.fsnap";
        uploads.write(name, 0, b"FLSH").unwrap();
        assert!(matches!(
            uploads.write(name, 3, b"SNAP"),
            Err(PersistenceError::Refused(_))
        ));
        uploads.write(name, 4, b"SNAP").unwrap();
        assert!(uploads.commit(name).is_err());
        assert!(uploads.find(name).unwrap().is_none());
        uploads.write(name, 0, b"x").unwrap();
        uploads.remove_stale().unwrap();
        assert!(uploads.write(name, 1, b"x").is_err());
    }
}
