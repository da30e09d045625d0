//! The snapshots of a data folder: which there are, which build on which, and removing them.
//!
//! The catalog is what the heads and indexes of the files say at the time of opening; there is no list on the disk that could
//! disagree with them. Files that cannot be read are listed apart. After consolidation a state has two files, an incremental
//! and a full one; then the full one counts and the other waits for [`Catalog::retain`].
//!
//! Before anything is removed, the folder is synced: what is relied upon instead must not owe its name to a killed process
//! that did not get so far. Dependents go before their bases, with the folder synced between generations, so that no crash
//! leaves an incremental snapshot without its base. Whoever removes sees to it that nobody writes a snapshot meanwhile.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashdb_disk::Disk;

use crate::meta::ENDING;
use crate::writer::TEMPORARY;
use crate::{FOLDER, Lsn, SnapshotError, SnapshotId, SnapshotInfo, SnapshotReader};

/// What lay in the folder when it was opened.
#[derive(Debug)]
pub struct Catalog {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Newest first.
    snapshots: Vec<SnapshotInfo>,
    by_id: HashMap<SnapshotId, usize>,
    broken: Vec<BrokenFile>,
}

/// A file with a snapshot's name that is none, or is damaged.
#[derive(Debug)]
pub struct BrokenFile {
    /// The file.
    pub path: PathBuf,
    /// The LSN by its name, which proves nothing.
    pub lsn: Option<Lsn>,
    /// What is wrong with it.
    pub error: SnapshotError,
}

/// What to do when others build on a snapshot that is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependents {
    /// Remove nothing.
    Refuse,
    /// Remove them too.
    Remove,
}

impl Catalog {
    /// Reads heads and indexes of all snapshots in the data folder `dir`; contents are not checked. None is fine.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, SnapshotError> {
        let folder = dir.join(FOLDER);
        let mut snapshots = Vec::new();
        let mut broken = Vec::new();
        for name in names(&*disk, &folder)?
            .iter()
            .filter(|name| name.ends_with(ENDING))
        {
            let path = folder.join(name);
            match SnapshotReader::open(&*disk, &path) {
                Ok(reader) => snapshots.push(reader.info()),
                // Removed since it was listed.
                Err(SnapshotError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                Err(error) => broken.push(BrokenFile {
                    path,
                    lsn: lsn_of_name(name),
                    error,
                }),
            }
        }
        snapshots.sort_by_key(|info| std::cmp::Reverse((info.meta.lsn, info.meta.created_ms)));
        broken.sort_by_key(|file| std::cmp::Reverse(file.lsn));
        Ok(Self {
            disk,
            folder,
            by_id: index(&snapshots),
            snapshots,
            broken,
        })
    }

    /// To be called at the start: removes what unfinished writers left behind, and makes the names of the others durable, in
    /// case an earlier process did not get so far. Gives the files removed.
    pub fn remove_stale(disk: &dyn Disk, dir: &Path) -> Result<Vec<PathBuf>, SnapshotError> {
        let folder = dir.join(FOLDER);
        let stale: Vec<PathBuf> = names(disk, &folder)?
            .iter()
            .filter(|name| name.ends_with(TEMPORARY))
            .map(|name| folder.join(name))
            .collect();
        for path in &stale {
            disk.remove(path).map_err(SnapshotError::io(path, "remove"))?;
        }
        match disk.sync_folder(&folder) {
            // There are no snapshots yet.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            synced => synced.map_err(SnapshotError::io(&folder, "sync the folder"))?,
        }
        Ok(stale)
    }

    /// All that can be read, by LSN and time, newest first.
    pub fn snapshots(&self) -> &[SnapshotInfo] {
        &self.snapshots
    }

    /// What has a snapshot's name and cannot be read, newest first by name.
    pub fn broken(&self) -> &[BrokenFile] {
        &self.broken
    }

    /// The snapshot with this id; of two files the full one.
    pub fn find(&self, id: SnapshotId) -> Option<&SnapshotInfo> {
        self.by_id.get(&id).map(|&index| &self.snapshots[index])
    }

    /// The newest snapshot with this label; none for the empty label.
    pub fn find_label(&self, label: &str) -> Option<&SnapshotInfo> {
        self.snapshots
            .iter()
            .find(|info| !label.is_empty() && info.meta.label == label)
    }

    /// The snapshot that an incremental one builds on, if it is there.
    pub fn base_of(&self, info: &SnapshotInfo) -> Option<&SnapshotInfo> {
        let base = info.meta.base?;
        self.find(base.id).filter(|found| found.meta.lsn == base.lsn)
    }

    /// All that build on this one, directly or not. O(snapshots²) at worst.
    pub fn dependents(&self, id: SnapshotId) -> Vec<&SnapshotInfo> {
        let builds_on =
            |info: &&SnapshotInfo| info.meta.id != id && self.lineage(info).any(|of| of.meta.id == id);
        self.snapshots.iter().filter(builds_on).collect()
    }

    /// The snapshot, its base, the base of that, and so on. It ends, even if damaged files build on each other.
    pub(crate) fn lineage<'a>(&'a self, info: &'a SnapshotInfo) -> impl Iterator<Item = &'a SnapshotInfo> {
        std::iter::successors(Some(info), |info| self.base_of(info)).take(self.snapshots.len())
    }

    /// Removes a snapshot; gives the files, in the order of removal.
    pub fn delete(&mut self, id: SnapshotId, dependents: Dependents) -> Result<Vec<PathBuf>, SnapshotError> {
        let info = self.find(id).ok_or(SnapshotError::Unknown(id))?;
        let others = self.dependents(id);
        if !others.is_empty() && dependents == Dependents::Refuse {
            return Err(SnapshotError::InUse {
                path: info.path.clone(),
                dependents: others.len(),
            });
        }
        let of_id = self.snapshots.iter().filter(|info| info.meta.id == id);
        let paths = others
            .into_iter()
            .chain(of_id)
            .map(|info| info.path.clone())
            .collect();
        self.remove(&paths)
    }

    /// Whether consolidation made a full snapshot of the same state.
    pub(crate) fn is_superseded(&self, info: &SnapshotInfo) -> bool {
        !info.meta.is_full() && self.find(info.meta.id).is_some_and(|found| found.meta.is_full())
    }

    /// Removes these files, dependents before what they build on. The caller has put in all dependents.
    pub(crate) fn remove(&mut self, paths: &HashSet<PathBuf>) -> Result<Vec<PathBuf>, SnapshotError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        self.sync()?;
        let mut generations: BTreeMap<usize, Vec<PathBuf>> = BTreeMap::new();
        for info in self.snapshots.iter().filter(|info| paths.contains(&info.path)) {
            let depth = self.lineage(info).count();
            generations.entry(depth).or_default().push(info.path.clone());
        }
        let mut removed = Vec::new();
        for (_, paths) in generations.into_iter().rev() {
            for path in paths {
                self.disk
                    .remove(&path)
                    .map_err(SnapshotError::io(&path, "remove"))?;
                self.snapshots.retain(|info| info.path != path);
                self.by_id = index(&self.snapshots);
                removed.push(path);
            }
            self.sync()?;
        }
        Ok(removed)
    }

    fn sync(&self) -> Result<(), SnapshotError> {
        let synced = self.disk.sync_folder(&self.folder);
        synced.map_err(SnapshotError::io(&self.folder, "sync the folder"))
    }
}

/// The file that counts for each id.
fn index(snapshots: &[SnapshotInfo]) -> HashMap<SnapshotId, usize> {
    let mut by_id = HashMap::new();
    // The full ones last: the last of equals is the one that stays in the map.
    let order = |is_full| {
        snapshots
            .iter()
            .enumerate()
            .filter(move |(_, info)| info.meta.is_full() == is_full)
    };
    for (index, info) in order(false).chain(order(true)) {
        by_id.insert(info.meta.id, index);
    }
    by_id
}

/// Names in the folder; none if there is no folder yet.
fn names(disk: &dyn Disk, folder: &Path) -> Result<Vec<String>, SnapshotError> {
    match disk.list(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        names => names.map_err(SnapshotError::io(folder, "list")),
    }
}

fn lsn_of_name(name: &str) -> Option<Lsn> {
    name.strip_suffix(ENDING)?.rsplit('-').next()?.parse().ok()
}
