//! Chains: a full snapshot and the incremental ones that build on it, and loading them.
//!
//! A chain is loaded from its newest file to the full one; an entry is skipped when a newer file speaks for its hash. The
//! blocks of all files are independent work, for any thread in any order: the regions are read first.

use std::fmt;
use std::path::{Path, PathBuf};

use flashdb_disk::Disk;

use crate::block::{BlockKind, RAW_LEN_MAX};
use crate::codec::BlockBuffer;
use crate::region::RegionSet;
use crate::{
    Base, Catalog, EntryRef, HistoryId, Lsn, SnapshotError, SnapshotId, SnapshotInfo, SnapshotReader,
};

/// A state that can be loaded: its newest file first, the full one last.
#[derive(Clone, Debug)]
pub struct Chain {
    files: Vec<SnapshotInfo>,
}

impl Chain {
    /// The state of this snapshot, with what it builds on.
    ///
    /// # Errors
    /// When a file that it builds on is missing or does not fit.
    pub fn of(catalog: &Catalog, info: &SnapshotInfo) -> Result<Chain, Rejection> {
        chain_of(catalog, info, None)
    }

    /// A full snapshot by itself, wherever it lies; `None` if it is not full.
    pub fn of_full(info: SnapshotInfo) -> Option<Chain> {
        info.meta.is_full().then(|| Chain { files: vec![info] })
    }

    /// The files, newest first; never empty.
    pub fn files(&self) -> &[SnapshotInfo] {
        &self.files
    }

    /// The snapshot whose state it is.
    pub fn newest(&self) -> &SnapshotInfo {
        &self.files[0]
    }

    /// The state's LSN: replay of the log goes on behind it.
    pub fn lsn(&self) -> Lsn {
        self.newest().meta.lsn
    }
}

/// A file that could be the newest of the chain to load.
#[derive(Debug)]
pub struct Candidate {
    /// The file.
    pub path: PathBuf,
    /// Its LSN; by its name only if it cannot be read.
    pub lsn: Option<Lsn>,
    /// The chain, or why there is none.
    pub chain: Result<Chain, Rejection>,
}

/// Why a file cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// It is no snapshot or damaged; the text of the error.
    Broken(String),
    /// It belongs to another history of the log.
    OtherHistory(HistoryId),
    /// This snapshot, which it builds on directly or not, is missing or cannot be read.
    BaseMissing(SnapshotId),
    /// This file, which it builds on directly or not, does not fit: another history or number of shards.
    BaseUnlike(PathBuf),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => f.write_str(error),
            Self::OtherHistory(history) => write!(f, "it belongs to another history of the log, {history}"),
            Self::BaseMissing(id) => {
                write!(
                    f,
                    "it builds on snapshot {id}, which is missing or cannot be read"
                )
            }
            Self::BaseUnlike(path) => write!(f, "it builds on {}, which does not fit to it", path.display()),
        }
    }
}

/// All states at or before `target`, newest first, each with its chain or why it has none. The first is the one to load; whether
/// a later one will do instead is for the caller to say, who knows how far back the log reaches. `history`: the one that the
/// log has, if there is a log.
pub fn load_order(catalog: &Catalog, target: Lsn, history: Option<HistoryId>) -> Vec<Candidate> {
    let sound = catalog.snapshots().iter().map(|info| Candidate {
        path: info.path.clone(),
        lsn: Some(info.meta.lsn),
        chain: chain_of(catalog, info, history),
    });
    let broken = catalog.broken().iter().map(|file| Candidate {
        path: file.path.clone(),
        lsn: file.lsn,
        chain: Err(Rejection::Broken(file.error.to_string())),
    });
    let reached = |candidate: &Candidate| candidate.lsn.is_none_or(|lsn| lsn <= target);
    let mut candidates: Vec<Candidate> = broken.chain(sound).filter(reached).collect();
    // Stable: of the same LSN, broken ones come first, then the newer. Unknown ones come last.
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.lsn));
    candidates
}

/// Whether a snapshot that builds on `base` could be loaded: the base is there, and all that it builds on itself.
pub fn can_build_on(catalog: &Catalog, base: Base, history: HistoryId) -> bool {
    catalog
        .find(base.id)
        .is_some_and(|info| info.meta.lsn == base.lsn && chain_of(catalog, info, Some(history)).is_ok())
}

fn chain_of(
    catalog: &Catalog,
    newest: &SnapshotInfo,
    history: Option<HistoryId>,
) -> Result<Chain, Rejection> {
    if history.is_some_and(|history| history != newest.meta.history) {
        return Err(Rejection::OtherHistory(newest.meta.history));
    }
    let files: Vec<SnapshotInfo> = catalog.lineage(newest).cloned().collect();
    for file in &files {
        if file.meta.history != newest.meta.history || file.meta.shards != newest.meta.shards {
            return Err(Rejection::BaseUnlike(file.path.clone()));
        }
    }
    match files.last().and_then(|last| last.meta.base) {
        Some(base) => Err(Rejection::BaseMissing(base.id)),
        None => Ok(Chain { files }),
    }
}

/// One block of one file of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkItem {
    file: usize,
    block: usize,
}

/// A chain, open for loading. `H` is the hash that regions are about: of the seed in the head of the file, and the key.
pub struct ChainReader<H> {
    /// Newest first.
    files: Vec<ChainFile>,
    hash: H,
}

struct ChainFile {
    reader: SnapshotReader,
    regions: RegionSet,
    /// The newest file with the same seed.
    seed_of: usize,
}

impl<H: Fn(&[u8], &[u8]) -> u64> ChainReader<H> {
    /// Opens the files and reads their regions.
    pub fn open(disk: &dyn Disk, chain: &Chain, hash: H) -> Result<Self, SnapshotError> {
        let mut files: Vec<ChainFile> = Vec::new();
        for info in chain.files() {
            let reader = SnapshotReader::open(disk, &info.path)?;
            if reader.meta().id != info.meta.id {
                return Err(changed(&info.path));
            }
            let same_seed = |file: &ChainFile| file.reader.meta().hash_seed == reader.meta().hash_seed;
            let is_full = reader.meta().is_full();
            files.push(ChainFile {
                regions: reader.regions()?,
                seed_of: files.iter().position(same_seed).unwrap_or(files.len()),
                reader,
            });
            // Consolidation may have made a full snapshot of the same state in the meantime.
            if is_full {
                return Ok(Self { files, hash });
            }
        }
        Err(changed(&chain.newest().path))
    }

    /// The files, newest first.
    pub fn files(&self) -> impl Iterator<Item = &SnapshotReader> {
        self.files.iter().map(|file| &file.reader)
    }

    /// The newest file: whose state it is.
    pub fn newest(&self) -> &SnapshotReader {
        &self.files[0].reader
    }

    /// All blocks of entries, in the order of the files; enormous ones first, so that they do not come last on one thread.
    pub fn work_items(&self) -> Vec<WorkItem> {
        let blocks = |(file, of): (usize, &ChainFile)| {
            let blocks = of.reader.blocks().iter().enumerate();
            let entries = blocks.filter(|(_, info)| info.kind() == BlockKind::Entries);
            entries
                .map(move |(block, _)| WorkItem { file, block })
                .collect::<Vec<_>>()
        };
        let mut items: Vec<WorkItem> = self.files.iter().enumerate().flat_map(blocks).collect();
        items.sort_by_key(|item| self.raw_bytes(*item) <= RAW_LEN_MAX);
        items
    }

    /// Bytes of content that the item has.
    pub fn raw_bytes(&self, item: WorkItem) -> u64 {
        self.files[item.file].reader.blocks()[item.block].raw_bytes()
    }

    /// The file that the item is in.
    pub fn path(&self, item: WorkItem) -> &Path {
        self.files[item.file].reader.path()
    }

    /// Where the item's block begins in the file.
    pub fn offset(&self, item: WorkItem) -> u64 {
        self.files[item.file].reader.blocks()[item.block].offset()
    }

    /// The shard whose entries the item has.
    pub fn shard(&self, item: WorkItem) -> u16 {
        self.files[item.file].reader.blocks()[item.block].shard()
    }

    /// Reads a block and hands over the entries that no newer file speaks for, until `each` refuses one.
    pub fn read<E: From<SnapshotError>>(
        &self,
        item: WorkItem,
        buffer: &mut BlockBuffer,
        mut each: impl FnMut(&EntryRef<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let file = &self.files[item.file];
        let block = file.reader.read_block(item.block, buffer)?;
        let shard = block.info().shard();
        for entry in block.entries() {
            let entry = entry?;
            match self.standing(item.file, shard, &entry) {
                Standing::Current => each(&entry)?,
                Standing::Superseded => {}
                Standing::Stray => {
                    let what = "an entry lies outside of the regions that the snapshot is about";
                    return Err(
                        SnapshotError::damaged(file.reader.path(), block.info().offset(), what).into(),
                    );
                }
            }
        }
        Ok(())
    }

    /// Where an entry of a file stands in the chain. The hash is computed once for each seed, and not at all for a file
    /// without anything newer, or a full one.
    fn standing(&self, file: usize, shard: u16, entry: &EntryRef<'_>) -> Standing {
        let mut hash_of_seed = None;
        let mut covers = |index: usize| {
            let of = &self.files[index];
            let hash = match hash_of_seed {
                Some((seed_of, hash)) if seed_of == of.seed_of => hash,
                _ => (self.hash)(&of.reader.meta().hash_seed, entry.key),
            };
            hash_of_seed = Some((of.seed_of, hash));
            of.regions.covers(entry.db, shard, hash)
        };
        if (0..file).any(&mut covers) {
            Standing::Superseded
        } else if self.files[file].reader.meta().is_full() || covers(file) {
            Standing::Current
        } else {
            Standing::Stray
        }
    }

    /// The function libraries of the state: every file holds all of them.
    pub fn functions(&self) -> Result<Option<Vec<u8>>, SnapshotError> {
        let newest = self.newest();
        let block = newest
            .blocks()
            .iter()
            .position(|info| info.kind() == BlockKind::Functions);
        let mut buffer = BlockBuffer::new();
        block
            .map(|block| Ok(newest.read_block(block, &mut buffer)?.content().to_vec()))
            .transpose()
    }
}

enum Standing {
    /// It belongs to the state.
    Current,
    /// A newer file says what became of its key.
    Superseded,
    /// Its own file does not speak for it: damage, or another hash than when it was written.
    Stray,
}

impl<H> fmt::Debug for ChainReader<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.files.iter().map(|file| &file.reader))
            .finish()
    }
}

fn changed(path: &Path) -> SnapshotError {
    SnapshotError::Changed {
        path: path.to_path_buf(),
    }
}
