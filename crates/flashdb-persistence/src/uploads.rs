//! Snapshots that clients have sent, so that they can be restored: full ones, of this server or of another. They lie apart from the
//! server's own, since a start must never take one of them for the newest state.
//!
//! ```text
//! <dir>/uploads/NAME.fsnap.upload.tmp     being sent
//! <dir>/uploads/NAME.fsnap.N.upload.tmp   being checked: no part can come to it any more
//! <dir>/uploads/NAME.fsnap                whole, checked, durable
//! ```

use crate::PersistenceError;
use flashdb_disk::{Disk, OpenMode};
use flashdb_snapshot::{SnapshotError, SnapshotInfo, SnapshotReader};
use parking_lot::Mutex;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The folder inside the data folder.
pub const FOLDER: &str = "uploads";
const ENDING: &str = ".fsnap";
const UNFINISHED: &str = ".upload.tmp";
const NAME_BYTES_MAX: usize = 100;

/// Held while a part is written or a file gets or loses a name: a part that takes long cannot bring back what was discarded, and
/// of two uploads of one name the second finds the first.
static CHANGES: Mutex<()> = Mutex::new(());
/// Of files that were checked since the start.
static CHECKS: AtomicU64 = AtomicU64::new(0);

/// Whether `name` can be a snapshot's: a plain file name.
pub fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.ends_with(ENDING)
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Whether what was `sent` is the snapshot that is there under its name.
fn same(sent: &SnapshotInfo, there: &SnapshotInfo) -> Result<(), PersistenceError> {
    if sent.meta.id == there.meta.id {
        return Ok(());
    }
    let name = sent.meta.file_name();
    Err(PersistenceError::Refused(format!(
        "this server has another snapshot named {name}; what was sent is not identical with it"
    )))
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
        let _changes = CHANGES.lock();
        if offset == 0 {
            let folder = self.folder();
            self.disk.create_folder(&folder).map_err(Self::failed(&folder))?;
            self.remove_if_there(&path)?;
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

    /// Removes an upload that nobody goes on with, if it is there.
    ///
    /// # Errors
    /// When the name is none, or the disk fails.
    pub fn discard(&self, name: &str) -> Result<(), PersistenceError> {
        let path = self.unfinished(name)?;
        let _changes = CHANGES.lock();
        self.remove_if_there(&path)
    }

    fn remove_if_there(&self, path: &Path) -> Result<(), PersistenceError> {
        match self.disk.remove(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Self::failed(path)(error)),
            _ => Ok(()),
        }
    }

    /// Ends an upload of what the server has as its own: it is checked whole and removed, since `own` is there.
    ///
    /// # Errors
    /// When it is damaged, another snapshot than `own`, or the disk fails. It is removed then, too.
    pub fn compare(&self, name: &str, own: &SnapshotInfo) -> Result<(), PersistenceError> {
        let aside = self.set_aside(name)?;
        let checked = self.check(&aside, name);
        self.remove_if_there(&aside)?;
        same(&checked?, own)?;
        // Whoever sends it again may have reason to doubt the one that is here.
        Ok(SnapshotReader::open(self.disk, &own.path)?.verify()?)
    }

    /// Ends an upload: it is checked whole, made durable and gets its name, which no other upload may have.
    ///
    /// # Errors
    /// When it is damaged, not a full snapshot, another than the upload of its name, or the disk fails, also where it cannot be told whether
    /// that upload is whole. It is removed then; what was there stays, as it does when the same comes once more.
    pub fn commit(&self, name: &str) -> Result<SnapshotInfo, PersistenceError> {
        let aside = self.set_aside(name)?;
        let checked = self
            .check(&aside, name)
            .and_then(|info| self.publish(&aside, info));
        if checked.is_err() {
            // Nothing relies on it; what cannot be removed now is at the next start.
            let _ = self.disk.remove(&aside);
        }
        checked
    }

    /// Gives what was sent a name under which no part comes to it.
    fn set_aside(&self, name: &str) -> Result<PathBuf, PersistenceError> {
        let from = self.unfinished(name)?;
        let number = CHECKS.fetch_add(1, Ordering::Relaxed);
        let aside = self.folder().join(format!("{name}.{number}{UNFINISHED}"));
        let _changes = CHANGES.lock();
        self.disk.rename(&from, &aside).map_err(Self::failed(&from))?;
        Ok(aside)
    }

    fn check(&self, aside: &Path, name: &str) -> Result<SnapshotInfo, PersistenceError> {
        let mut file = self
            .disk
            .open(aside, OpenMode::Write)
            .map_err(Self::failed(aside))?;
        file.sync_data().map_err(Self::failed(aside))?;
        drop(file);
        let path = self.folder().join(name);
        let reader = SnapshotReader::open_renamed(self.disk, aside)?;
        let expected = reader.meta().file_name();
        if expected != name {
            return Err(SnapshotError::Misnamed { path, expected }.into());
        }
        if !reader.meta().is_full() {
            return Err(PersistenceError::Refused(
                "an incremental snapshot cannot be restored by itself; send a full one".into(),
            ));
        }
        reader.verify()?;
        Ok(SnapshotInfo {
            path,
            ..reader.info()
        })
    }

    fn publish(&self, aside: &Path, info: SnapshotInfo) -> Result<SnapshotInfo, PersistenceError> {
        let _changes = CHANGES.lock();
        let name = info.meta.file_name();
        if let Some(there) = self.sound(&name, &info)? {
            self.remove_if_there(aside)?;
            return Ok(there);
        }
        self.disk.rename(aside, &info.path).map_err(Self::failed(aside))?;
        let folder = self.folder();
        self.disk.sync_folder(&folder).map_err(Self::failed(&folder))?;
        self.disk.sync_folder(self.dir).map_err(Self::failed(self.dir))?;
        Ok(info)
    }

    /// The upload of this name, which is what was `sent`; `None` if there is none or it is proven to be damaged. Such a one gives way:
    /// it is of no use, is not listed, and could not be removed by its name.
    fn sound(&self, name: &str, sent: &SnapshotInfo) -> Result<Option<SnapshotInfo>, PersistenceError> {
        let gives_way = |error: &SnapshotError| {
            let is_damage = error.is_damage();
            if is_damage {
                tracing::warn!(%error, "an upload is damaged, and the one that was sent now takes its place");
            }
            is_damage
        };
        let there = match self.find(name) {
            Err(PersistenceError::Snapshot(error)) if gives_way(&error) => return Ok(None),
            there => there?,
        };
        let Some(there) = there else { return Ok(None) };
        same(sent, &there)?;
        match SnapshotReader::open(self.disk, &there.path).and_then(|reader| reader.verify()) {
            Err(error) if gives_way(&error) => Ok(None),
            checked => Ok(checked.map(|()| Some(there))?),
        }
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
    use flashdb_disk::sim::{Fault, FaultOn, Operation};
    use flashdb_snapshot::{Compression, HistoryId, SnapshotId, SnapshotMeta, SnapshotWriter};
    use std::sync::Arc;

    /// The file of an empty snapshot, and what the server that took it knows of it.
    fn snapshot(id: u8) -> (SnapshotInfo, Vec<u8>) {
        let disk = Arc::new(SimDisk::new(1));
        let dir = Path::new("/elsewhere");
        disk.create_folder(dir).unwrap();
        let meta = SnapshotMeta {
            id: SnapshotId([id; 16]),
            lsn: 1,
            base: None,
            history: HistoryId([9; 16]),
            created_ms: 1,
            label: String::new(),
            kept: false,
            databases: 16,
            shards: 1,
            hash_seed: Vec::new(),
            compression: Compression::None,
        };
        let info = SnapshotWriter::create(disk.clone(), dir, meta)
            .unwrap()
            .finish()
            .unwrap();
        let bytes = disk.map(&info.path).unwrap().bytes().to_vec();
        (info, bytes)
    }

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

    #[test]
    fn a_good_upload_stays_whatever_comes_under_its_name() {
        let disk = SimDisk::new(1);
        let dir = Path::new("/data");
        disk.create_folder(dir).unwrap();
        let uploads = Uploads::new(&disk, dir);
        let (info, good) = snapshot(7);
        let name = info.meta.file_name();
        uploads.write(&name, 0, &good).unwrap();
        let path = uploads.commit(&name).unwrap().path;
        assert_eq!(path, dir.join(FOLDER).join(&name));
        let mut damaged = good.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        for (sent, is_same) in [(&damaged, false), (&snapshot(8).1, false), (&good, true)] {
            uploads.write(&name, 0, sent).unwrap();
            assert_eq!(uploads.commit(&name).is_ok(), is_same);
            assert_eq!(uploads.names().unwrap(), [&*name], "nothing else is left");
            assert_eq!(disk.map(&path).unwrap().bytes(), good);
        }
        // Nor does one stand in the way that was damaged since: anywhere, or where it cannot even be read.
        disk.open(&path, OpenMode::Write)
            .unwrap()
            .write_at(&[damaged[middle]], middle as u64)
            .unwrap();
        uploads.write(&name, 0, &good).unwrap();
        uploads.commit(&name).unwrap();
        assert_eq!(disk.map(&path).unwrap().bytes(), good);
        disk.open(&path, OpenMode::Write)
            .unwrap()
            .write_at(&[0; 64], 0)
            .unwrap();
        uploads.write(&name, 0, &good).unwrap();
        uploads.commit(&name).unwrap();
        assert_eq!(disk.map(&path).unwrap().bytes(), good);
    }

    /// A disk that cannot be read for a moment, a process without files left: neither is a reason to give up what may be whole.
    #[test]
    fn only_what_is_proven_to_be_damaged_gives_way() {
        let disk = SimDisk::new(1);
        let dir = Path::new("/data");
        disk.create_folder(dir).unwrap();
        let uploads = Uploads::new(&disk, dir);
        let (info, good) = snapshot(7);
        let (other, other_file) = snapshot(8);
        let name = info.meta.file_name();
        assert_eq!(name, other.meta.file_name());
        uploads.write(&name, 0, &good).unwrap();
        let path = uploads.commit(&name).unwrap().path;
        // What was sent is read first; then it is looked for the one that is there, and that one is checked.
        for (sent, nth) in [(&other_file, 2), (&good, 2), (&good, 3)] {
            for kind in [
                ErrorKind::Other,
                ErrorKind::PermissionDenied,
                ErrorKind::OutOfMemory,
            ] {
                uploads.write(&name, 0, sent).unwrap();
                disk.inject(Fault {
                    on: FaultOn::Only(Operation::Map),
                    nth,
                    kind,
                    lasting: false,
                });
                let refused = uploads.commit(&name).unwrap_err();
                disk.clear_faults();
                assert!(refused.is_of_system(), "{nth}: {refused}");
                assert!(refused.to_string().contains(&name), "{refused}");
                assert_eq!(disk.map(&path).unwrap().bytes(), good, "{nth} {kind}");
                assert_eq!(uploads.names().unwrap(), [&*name], "nothing else is left");
            }
        }
        // One of a later version may be whole, too: nobody here can tell.
        let mut later = good.clone();
        later[8] = 0xEE;
        later[12..16].fill(0xEE);
        disk.open(&path, OpenMode::Write)
            .unwrap()
            .write_at(&later, 0)
            .unwrap();
        uploads.write(&name, 0, &good).unwrap();
        let refused = uploads.commit(&name).unwrap_err();
        assert!(refused.to_string().contains("version"), "{refused}");
        assert_eq!(disk.map(&path).unwrap().bytes(), later);
    }

    #[test]
    fn another_name_than_its_own_is_refused() {
        let disk = SimDisk::new(1);
        let dir = Path::new("/data");
        disk.create_folder(dir).unwrap();
        let uploads = Uploads::new(&disk, dir);
        uploads.write("a.fsnap", 0, &snapshot(7).1).unwrap();
        assert!(uploads.commit("a.fsnap").is_err());
        assert!(uploads.names().unwrap().is_empty());
    }

    #[test]
    fn what_is_discarded_or_there_already_leaves_nothing() {
        let disk = SimDisk::new(1);
        let dir = Path::new("/data");
        disk.create_folder(dir).unwrap();
        let uploads = Uploads::new(&disk, dir);
        let (own, file) = snapshot(7);
        let name = own.meta.file_name();
        uploads.discard(&name).unwrap();
        uploads.write(&name, 0, &file).unwrap();
        uploads.discard(&name).unwrap();
        assert!(uploads.names().unwrap().is_empty());
        assert!(uploads.discard("../a.fsnap").is_err());
        let mut damaged = file.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        disk.create_folder(own.path.parent().unwrap()).unwrap();
        let mut there = disk.open(&own.path, OpenMode::CreateNew).unwrap();
        there.write_at(&file, 0).unwrap();
        for (sent, is_same) in [(&file, true), (&snapshot(8).1, false), (&damaged, false)] {
            uploads.write(&name, 0, sent).unwrap();
            assert_eq!(uploads.compare(&name, &own).is_ok(), is_same);
            assert!(uploads.names().unwrap().is_empty());
        }
        // What the server has may be what is damaged.
        there.write_at(&damaged, 0).unwrap();
        uploads.write(&name, 0, &file).unwrap();
        assert!(uploads.compare(&name, &own).is_err());
    }
}
