//! The data folder: who may use it, and which history its log and snapshots belong to.
//!
//! ```text
//! <dir>/flashdb.lock        held by the server that uses the folder
//! <dir>/wal/                segments of the log, and wal/archive/
//! <dir>/snapshots/          snapshots
//! ```
//!
//! Every segment and every snapshot carries the random id of its history, so that files of another server that were copied
//! in are refused instead of being mixed.

use crate::PersistenceError;
use flashdb_disk::{Disk, DiskLock};
use flashdb_snapshot::{Base, Catalog, HistoryId};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the file whose lock says that the folder is in use.
pub const LOCK_NAME: &str = "flashdb.lock";

/// A data folder that this process uses alone.
#[derive(Debug)]
pub struct DataFolder {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    history: HistoryId,
    _lock: Box<dyn DiskLock>,
}

impl DataFolder {
    /// Makes the folder if need be, and takes its lock.
    ///
    /// # Errors
    /// When it cannot be made or locked, another server uses it, or its files belong to different histories.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<DataFolder, PersistenceError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| PersistenceError::Folder(path, error)
        };
        disk.create_folder(dir).map_err(failed(dir))?;
        let lock_path = dir.join(LOCK_NAME);
        let lock = disk.lock(&lock_path).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => PersistenceError::InUse(lock_path.clone()),
            _ => PersistenceError::Folder(lock_path.clone(), error),
        })?;
        // The name of the lock, and those of the folder and all above it: this start may have made them, or one before it
        // that did not get so far.
        for folder in dir.ancestors() {
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            match disk.sync_folder(folder) {
                // Where we may not look, or nobody may write, we have made nothing.
                Err(error) if folder != dir && holds_nothing_new(error.kind()) => {}
                synced => synced.map_err(failed(folder))?,
            }
        }
        let history =
            history_of(&disk, dir)?.unwrap_or_else(|| HistoryId(flashdb_log::segment::new_history()));
        Ok(DataFolder {
            disk,
            dir: dir.to_owned(),
            history,
            _lock: lock,
        })
    }

    /// The disk.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The history that new files belong to.
    pub fn history(&self) -> HistoryId {
        self.history
    }

    /// The snapshots that there are.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn catalog(&self) -> Result<Catalog, PersistenceError> {
        Ok(Catalog::open(self.disk.clone(), &self.dir)?)
    }

    /// Whether an incremental snapshot may build on `base`: not when it was removed meanwhile, by retention or by hand. What
    /// builds on nothing cannot be loaded, and the log before it would be gone. Reads the heads of all snapshots; where
    /// that fails the answer is no.
    pub fn can_build_on(&self, base: Base) -> bool {
        let catalog = self.catalog();
        catalog.is_ok_and(|catalog| flashdb_snapshot::can_build_on(&catalog, base, self.history()))
    }
}

/// Whether a folder whose sync ends with such an error cannot hold names that were just made.
fn holds_nothing_new(kind: ErrorKind) -> bool {
    use ErrorKind::*;
    matches!(
        kind,
        PermissionDenied | ReadOnlyFilesystem | InvalidInput | Unsupported
    )
}

impl DataFolder {
    /// Whether there is neither a snapshot nor a segment of the log.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn is_empty(&self) -> Result<bool, PersistenceError> {
        let catalog = self.catalog()?;
        let segments = flashdb_log::segment::list(self.disk.as_ref(), &self.dir)?;
        Ok(catalog.snapshots().is_empty() && catalog.broken().is_empty() && segments.is_empty())
    }
}

/// The history that the folder's files belong to; `None` if there are none.
pub(crate) fn history_of(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Option<HistoryId>, PersistenceError> {
    let catalog = Catalog::open(disk.clone(), dir)?;
    let mut known: Option<(HistoryId, PathBuf)> = None;
    let snapshots = catalog
        .snapshots()
        .iter()
        .map(|info| (info.meta.history, info.path.clone()));
    let segments = flashdb_log::segment::list(disk.as_ref(), dir)?
        .into_iter()
        .filter_map(|segment| {
            let path = flashdb_log::segment::path(dir, segment.id);
            Some((HistoryId(segment.history?), path))
        });
    for (history, path) in snapshots.chain(segments) {
        match &known {
            Some((first, first_path)) if *first != history => {
                return Err(PersistenceError::Foreign(format!(
                    "{} and {} come from different servers: their histories differ; move one of them away",
                    first_path.display(),
                    path.display()
                )));
            }
            Some(_) => {}
            None => known = Some((history, path)),
        }
    }
    if known.is_none() {
        // All that tells of a log whose segments were emptied.
        let ended = flashdb_log::end_mark::read(disk.as_ref(), dir)?;
        return Ok(ended.map(|ended| HistoryId(ended.history)));
    }
    Ok(known.map(|(history, _)| history))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_disk::SimDisk;

    /// Found by the simulation (seed 0): only the last of several new folders had a durable name.
    #[test]
    fn all_folders_that_were_made_are_durable() {
        let disk = SimDisk::new(1);
        let dir = Path::new("/a/b/c");
        drop(DataFolder::open(Arc::new(disk.clone()), dir).expect("a sound disk"));
        for seed in 0..20 {
            let after = disk.snapshot(0);
            after.crash(seed);
            assert_eq!(
                after.list(dir).expect("it is durable"),
                [LOCK_NAME],
                "seed {seed}"
            );
        }
    }
}
