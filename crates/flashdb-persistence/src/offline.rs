//! Data folders without a server: the newest state read into memory, a state written as the first snapshot of an empty folder, and
//! a snapshot's file put into one.

use crate::checkpoint::{Checkpoint, CheckpointOptions, Step};
use crate::load::{LoadProgress, load_chain};
use crate::recover::{RecoverOptions, Recovered, recover};
use crate::{DataFolder, PersistenceError};
use flashdb_config::Settings;
use flashdb_disk::{Disk, OpenMode};
use flashdb_snapshot::{Chain, Compression, FOLDER, SnapshotInfo, SnapshotReader};
use flashdb_store::{Keyspace, Usage};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// Memory that may wait to be written; nobody else uses the keyspace, so it hardly matters.
const PENDING_BYTES_MAX: usize = 256 << 20;
/// Bytes copied at once.
const COPY_BYTES: usize = 1 << 20;
const WAITING: Duration = Duration::from_micros(200);

/// An empty keyspace for tools, as the settings shape it.
pub fn keyspace(settings: &Settings) -> Keyspace {
    let databases = (settings.databases as usize).min(u16::MAX as usize - 1);
    Keyspace::new(settings.shards as usize, databases, 1).0
}

/// Lanes of the gate for the threads that load.
pub fn lanes(space: &Keyspace) -> Range<usize> {
    let first = space.gate().background_lane(0);
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    first..(first + threads.max(2)).min(space.gate().lanes())
}

/// Fills the empty keyspace with the newest state of the folder, in which nothing is changed.
///
/// # Errors
/// When it is damaged.
pub fn read(
    space: &Keyspace,
    folder: &DataFolder,
    settings: &Settings,
    now_ms: i64,
) -> Result<Recovered, PersistenceError> {
    let options = RecoverOptions {
        on_damage: settings.recover,
        to: None,
        settings,
        usage: Usage::Lru,
        now_ms,
        read_only: true,
    };
    recover(space, folder, options, lanes(space), &LoadProgress::default())
}

/// Fills the empty keyspace with a full snapshot, whatever history it belongs to. Its file has its own name.
///
/// # Errors
/// When it is damaged or not full.
pub fn read_snapshot(
    space: &Keyspace,
    disk: &dyn Disk,
    path: &Path,
    settings: &Settings,
) -> Result<SnapshotInfo, PersistenceError> {
    let info = SnapshotReader::open(disk, path)?.info();
    let chain = Chain::of_full(info.clone()).ok_or_else(|| not_full(path))?;
    load_chain(
        space,
        settings,
        disk,
        &chain,
        lanes(space),
        &LoadProgress::default(),
    )?;
    Ok(info)
}

fn not_full(path: &Path) -> PersistenceError {
    PersistenceError::Refused(format!(
        "{} is an incremental snapshot, which is of no use without those it builds on",
        path.display()
    ))
}

fn refuse_data(folder: &DataFolder) -> Result<(), PersistenceError> {
    if folder.is_empty()? {
        return Ok(());
    }
    Err(PersistenceError::Refused(format!(
        "{} holds data already; name an empty or new folder",
        folder.dir().display()
    )))
}

/// Writes the keyspace, which nobody else uses, as the first snapshot of a folder.
///
/// # Errors
/// When the folder holds data, or the disk fails.
pub fn write(
    space: &Keyspace,
    folder: &DataFolder,
    settings: &Settings,
    now_ms: i64,
) -> Result<SnapshotInfo, PersistenceError> {
    refuse_data(folder)?;
    let options = CheckpointOptions {
        label: String::new(),
        kept: false,
        since: None,
        track: false,
        memory_limit_bytes: PENDING_BYTES_MAX,
        compression: Compression::Lz4,
    };
    let mut checkpoint = Checkpoint::begin(space, folder, settings, options, now_ms)?;
    loop {
        match checkpoint.step(space, folder) {
            Step::More => {}
            Step::Waiting => std::thread::sleep(WAITING),
            Step::Done => return checkpoint.finish(),
        }
    }
}

/// Puts a full snapshot into a folder without data, where the next start finds it.
///
/// # Errors
/// When the folder holds data, the snapshot is damaged or not full, or the disk fails.
pub fn place(folder: &DataFolder, file: &Path) -> Result<SnapshotInfo, PersistenceError> {
    refuse_data(folder)?;
    let disk = folder.disk().as_ref();
    let reader = SnapshotReader::open_renamed(disk, file)?;
    if !reader.meta().is_full() {
        return Err(not_full(file));
    }
    reader.verify()?;
    let target = folder.dir().join(FOLDER);
    let path = target.join(reader.meta().file_name());
    // What is left of it after a crash is removed by the next start.
    let temporary = path.with_extension("fsnap.tmp");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| PersistenceError::Folder(path, error)
    };
    disk.create_folder(&target).map_err(failed(&target))?;
    copy(disk, file, &temporary)?;
    disk.rename(&temporary, &path).map_err(failed(&temporary))?;
    disk.sync_folder(&target).map_err(failed(&target))?;
    disk.sync_folder(folder.dir()).map_err(failed(folder.dir()))?;
    let placed = SnapshotReader::open(disk, &path)?;
    placed.verify()?;
    Ok(placed.info())
}

fn copy(disk: &dyn Disk, from: &Path, to: &Path) -> Result<(), PersistenceError> {
    let read_failed = |error| PersistenceError::Folder(from.to_owned(), error);
    let write_failed = |error| PersistenceError::Folder(to.to_owned(), error);
    // An earlier try may have left one.
    match disk.remove(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(write_failed(error)),
        _ => {}
    }
    let source = disk.open(from, OpenMode::Read).map_err(read_failed)?;
    let mut target = disk.open(to, OpenMode::CreateNew).map_err(write_failed)?;
    let mut buffer = vec![0; COPY_BYTES];
    let mut offset = 0;
    loop {
        let length = source.read_at(&mut buffer, offset).map_err(read_failed)?;
        if length == 0 {
            return target.sync_data().map_err(write_failed);
        }
        target.write_at(&buffer[..length], offset).map_err(write_failed)?;
        offset += length as u64;
    }
}
