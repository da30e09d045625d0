//! Writing a snapshot: into a temporary file, synced, renamed, the folder synced. A snapshot has its final name only when
//! all of it is durable; what a crash leaves behind is a temporary file, which [`crate::Catalog::remove_stale`] removes.
//!
//! The writer puts sealed blocks one behind the other, several small ones with one write. It syncs every 32 MiB, so that
//! the last sync does not have to wait for the whole file, and other syncs on the same disk not for it. After an error
//! nothing is tried again.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flashdb_disk::{Disk, DiskFile, OpenMode};

use crate::block::{BLOCK_HEADER_LEN, BlockBuilder, BlockKind, SealedBlock};
use crate::codec::Sealer;
use crate::footer::{self, BlockInfo, Totals};
use crate::{FOLDER, SnapshotError, SnapshotInfo, SnapshotMeta};

/// Ending of the name of a file that is being written.
pub(crate) const TEMPORARY: &str = ".tmp";
const SYNC_EVERY_BYTES: u64 = 32 << 20;
/// So much is written at a time, or one larger block.
const WRITE_BYTES: usize = 256 << 10;

/// A snapshot that is being written. Dropped unfinished, it removes its temporary file.
pub struct SnapshotWriter {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    meta: SnapshotMeta,
    /// `None` once it was closed.
    file: Option<Box<dyn DiskFile>>,
    /// Bytes written to the file.
    written: u64,
    /// What comes behind them, and is not written yet.
    unwritten: Vec<u8>,
    /// Memory for the next block that is sealed.
    spare: Vec<u8>,
    synced: u64,
    blocks: Vec<BlockInfo>,
    totals: Totals,
    sealer: Sealer,
    failed: bool,
}

impl SnapshotWriter {
    /// Begins a snapshot in the data folder `dir`. Of several with one LSN the later one has the later second, whatever the
    /// clock says: if need be it is dated a second behind the newest of them.
    pub fn create(disk: Arc<dyn Disk>, dir: &Path, mut meta: SnapshotMeta) -> Result<Self, SnapshotError> {
        meta.check().map_err(SnapshotError::Unfit)?;
        let sealer = Sealer::new(meta.compression).map_err(SnapshotError::Compression)?;
        let folder = dir.join(FOLDER);
        disk.create_folder(&folder)
            .map_err(SnapshotError::io(&folder, "create the folder"))?;
        disk.sync_folder(dir)
            .map_err(SnapshotError::io(dir, "sync the folder"))?;
        let file = open_unused(&*disk, &folder, &mut meta)?;
        let mut writer = Self {
            disk,
            folder,
            meta,
            file: Some(file),
            written: 0,
            unwritten: Vec::new(),
            spare: Vec::new(),
            synced: 0,
            blocks: Vec::new(),
            totals: Totals::default(),
            sealer,
            failed: false,
        };
        let head = writer.meta.encode();
        writer.put(&head)?;
        Ok(writer)
    }

    /// What its head says. The time of creation may be later than was asked for.
    pub fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// Bytes of the file so far.
    pub fn len(&self) -> u64 {
        self.written + self.unwritten.len() as u64
    }

    /// Never: it has a head.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Seals and writes what the builder holds, if anything.
    pub fn append(&mut self, builder: &mut BlockBuilder) -> Result<(), SnapshotError> {
        if builder.is_empty() {
            return Ok(());
        }
        let mut block = builder.seal_into(std::mem::take(&mut self.spare), &mut self.sealer)?;
        self.write_block(&mut block)?;
        if block.bytes.capacity() <= 2 * WRITE_BYTES {
            self.spare = block.bytes;
        }
        Ok(())
    }

    /// Writes a block behind the others.
    pub fn write(&mut self, mut block: SealedBlock) -> Result<(), SnapshotError> {
        self.write_block(&mut block)
    }

    fn write_block(&mut self, block: &mut SealedBlock) -> Result<(), SnapshotError> {
        self.check_fit(block)?;
        let header = block.header.encode(&self.meta.id, self.len());
        block.bytes[..BLOCK_HEADER_LEN].copy_from_slice(&header);
        let info = BlockInfo {
            offset: self.len(),
            header: block.header,
        };
        self.put(&block.bytes)?;
        self.blocks.push(info);
        self.totals.add(&info.header);
        if self.written - self.synced >= SYNC_EVERY_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn check_fit(&self, block: &SealedBlock) -> Result<(), SnapshotError> {
        let header = &block.header;
        if header.kind.has_shard() && u32::from(header.shard) >= self.meta.shards {
            return Err(SnapshotError::Unfit(
                "a block of a shard that the head does not count",
            ));
        }
        if matches!(header.kind, BlockKind::Regions | BlockKind::Databases) && self.meta.is_full() {
            return Err(SnapshotError::Unfit("a full snapshot has no regions"));
        }
        if u32::from(block.db_max) >= self.meta.databases && header.kind != BlockKind::Functions {
            return Err(SnapshotError::Unfit(
                "a block with a database that the head does not count",
            ));
        }
        Ok(())
    }

    /// Completes the file, makes it durable and gives it its name. After an error nobody may rely on it; it has no name then,
    /// unless a power cut brings back the one that could not be made durable.
    pub fn finish(mut self) -> Result<SnapshotInfo, SnapshotError> {
        let end = footer::encode(&self.meta.id, self.len(), &self.blocks, &self.totals);
        self.put(&end)?;
        self.sync()?;
        let from = self.temporary();
        let path = self.folder.join(self.meta.file_name());
        let renamed = self.disk.rename(&from, &path);
        renamed.map_err(SnapshotError::io(&from, "give its final name to"))?;
        // Closed: from here on there is no temporary file to remove.
        self.file = None;
        if let Err(error) = self.disk.sync_folder(&self.folder) {
            // A later sync would not make the name durable. As long as it is there, older snapshots would be given up for it.
            let _ = self.disk.remove(&path);
            return Err(SnapshotError::io(&self.folder, "sync the folder")(error));
        }
        Ok(SnapshotInfo {
            path,
            meta: self.meta.clone(),
            file_bytes: self.len(),
            totals: self.totals,
        })
    }

    /// Gives up, and removes the temporary file.
    pub fn abort(mut self) -> Result<(), SnapshotError> {
        self.file = None;
        let path = self.temporary();
        self.disk
            .remove(&path)
            .map_err(SnapshotError::io(&path, "remove"))
    }

    fn temporary(&self) -> PathBuf {
        temporary(&self.folder, &self.meta)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        if self.unwritten.len() + bytes.len() > WRITE_BYTES {
            self.write_out()?;
        }
        if bytes.len() >= WRITE_BYTES {
            return self.write_through(bytes);
        }
        self.usable(&self.temporary())?;
        self.unwritten.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes what waits.
    fn write_out(&mut self) -> Result<(), SnapshotError> {
        let mut waiting = std::mem::take(&mut self.unwritten);
        self.write_through(&waiting)?;
        waiting.clear();
        self.unwritten = waiting;
        Ok(())
    }

    /// Writes behind what is written; nothing waits.
    fn write_through(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        let path = self.temporary();
        let file = self.usable(&path)?;
        file.1
            .write_at(bytes, file.0)
            .map_err(SnapshotError::io(&path, "write"))
            .inspect_err(|_| self.failed = true)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SnapshotError> {
        self.write_out()?;
        let path = self.temporary();
        let file = self.usable(&path)?;
        file.1
            .sync_data()
            .map_err(SnapshotError::io(&path, "sync"))
            .inspect_err(|_| self.failed = true)?;
        self.synced = self.written;
        Ok(())
    }

    /// Where to go on, unless an earlier step failed: what a failed sync left behind is unknown.
    fn usable(&mut self, path: &Path) -> Result<(u64, &mut Box<dyn DiskFile>), SnapshotError> {
        match &mut self.file {
            Some(file) if !self.failed => Ok((self.written, file)),
            _ => Err(SnapshotError::Io {
                path: path.to_path_buf(),
                action: "go on writing",
                source: std::io::Error::other("an earlier write or sync failed"),
            }),
        }
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // It may stay behind if this fails; the next start removes it.
            let _ = self.disk.remove(&self.temporary());
        }
    }
}

impl fmt::Debug for SnapshotWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotWriter")
            .field("meta", &self.meta)
            .field("len", &self.len())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

fn temporary(folder: &Path, meta: &SnapshotMeta) -> PathBuf {
    folder.join(meta.file_name() + TEMPORARY)
}

/// Makes the temporary file, and dates the snapshot behind all others of its LSN, so that it counts as newer than they, whatever
/// the clock said when they were made. Who holds the temporary file holds the name, so looking for finished files comes second.
fn open_unused(
    disk: &dyn Disk,
    folder: &Path,
    meta: &mut SnapshotMeta,
) -> Result<Box<dyn DiskFile>, SnapshotError> {
    loop {
        date_behind(disk, folder, meta, |_| true)?;
        let path = temporary(folder, meta);
        match disk.open(&path, OpenMode::CreateNew) {
            Ok(file) => {
                if !date_behind(disk, folder, &mut meta.clone(), |name| !name.ends_with(TEMPORARY))? {
                    return Ok(file);
                }
                drop(file);
                disk.remove(&path).map_err(SnapshotError::io(&path, "remove"))?;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(source) => {
                return Err(SnapshotError::Io {
                    path,
                    action: "create",
                    source,
                });
            }
        }
    }
}

/// Dates the snapshot a second behind the newest of its LSN among the files that count, unless it is dated so already;
/// whether it was not.
fn date_behind(
    disk: &dyn Disk,
    folder: &Path,
    meta: &mut SnapshotMeta,
    counts: impl Fn(&str) -> bool,
) -> Result<bool, SnapshotError> {
    let names = disk.list(folder).map_err(SnapshotError::io(folder, "list"))?;
    let dates = names.iter().filter(|name| counts(name)).filter_map(|name| {
        let (seconds, lsn) = SnapshotMeta::parse_name(name.strip_suffix(TEMPORARY).unwrap_or(name))?;
        (lsn == meta.lsn).then_some(seconds)
    });
    let seconds = meta.created_ms.div_euclid(1000);
    let Some(newest) = dates.max().filter(|newest| *newest >= seconds) else {
        return Ok(false);
    };
    // Whole seconds: what is below them stays as it was.
    let later = (newest - seconds)
        .checked_add(1)
        .and_then(|seconds| seconds.checked_mul(1000))
        .and_then(|later_ms| meta.created_ms.checked_add(later_ms));
    meta.created_ms = later.ok_or(SnapshotError::Unfit(
        "there is one of its LSN with a date behind which there is none",
    ))?;
    Ok(true)
}
