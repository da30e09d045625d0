//! Reading a snapshot. Opening checks head, trailer and index, in time linear in the number of blocks; contents are checked as
//! they are read, by any number of threads, in any order.
//!
//! No length is believed before the checksum that covers it matched, and memory grows only with content that is really
//! there. Every error names the file and, where something is wrong in it, the offset.

use std::fmt;
use std::path::{Path, PathBuf};

use flashdb_disk::{Disk, Mapped};

use crate::block::BlockKind;
use crate::bytes::Cursor;
use crate::codec::{BlockBuffer, DecodeError};
use crate::distinct::{self, Ask, Distinct};
use crate::entry::{Entries, EntryRef};
use crate::footer::{self, BlockInfo, Totals};
use crate::piece::Tally;
use crate::region::{Region, RegionSet, RegionSetBuilder};
use crate::{SnapshotError, SnapshotInfo, SnapshotMeta};

/// A snapshot's file, open for reading.
pub struct SnapshotReader {
    path: PathBuf,
    map: Mapped,
    meta: SnapshotMeta,
    blocks: Vec<BlockInfo>,
    totals: Totals,
}

impl SnapshotReader {
    /// Opens a complete snapshot. Its name must be the one that belongs to its content.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Self, SnapshotError> {
        let reader = Self::open_renamed(disk, path)?;
        let expected = reader.meta.file_name();
        if path.file_name().is_none_or(|name| name != expected.as_str()) {
            return Err(SnapshotError::Misnamed {
                path: path.to_path_buf(),
                expected,
            });
        }
        Ok(reader)
    }

    /// As [`SnapshotReader::open`], whatever the file's name is: an operator's copy.
    pub fn open_renamed(disk: &dyn Disk, path: &Path) -> Result<Self, SnapshotError> {
        let map = disk.map(path).map_err(SnapshotError::io(path, "read"))?;
        let (meta, head_len) = SnapshotMeta::decode(path, map.bytes())?;
        let (blocks, totals) = footer::decode(path, map.bytes(), &meta, head_len)?;
        Ok(Self {
            path: path.to_path_buf(),
            map,
            meta,
            blocks,
            totals,
        })
    }

    /// What the head says.
    pub fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The index.
    pub fn blocks(&self) -> &[BlockInfo] {
        &self.blocks
    }

    /// As the catalog lists it.
    pub fn info(&self) -> SnapshotInfo {
        SnapshotInfo {
            path: self.path.clone(),
            meta: self.meta.clone(),
            file_bytes: self.map.bytes().len() as u64,
            totals: self.totals,
        }
    }

    /// Reads, checks and uncompresses a block of the index. Panics when there is no such block.
    pub fn read_block<'a>(
        &'a self,
        index: usize,
        buffer: &'a mut BlockBuffer,
    ) -> Result<Block<'a>, SnapshotError> {
        let info = self.blocks[index];
        let damaged = |what| SnapshotError::damaged(&self.path, info.offset, what);
        // The index lies within the file: checked when it was read.
        let file = self.map.bytes();
        let content_at = info.content_offset() as usize;
        if file[info.offset as usize..content_at] != info.header.encode(&self.meta.id, info.offset) {
            return Err(damaged("the block's header is not the one in the index"));
        }
        let stored = &file[content_at..content_at + info.header.stored_len as usize];
        if crc32c::crc32c(stored) != info.header.content_crc {
            return Err(damaged("the block's checksum does not match"));
        }
        let content = buffer.decode(info.header.codec, stored, info.header.raw_len);
        match content {
            Ok(content) => Ok(Block {
                path: &self.path,
                info,
                databases: self.meta.databases,
                content,
            }),
            Err(DecodeError::Malformed) => Err(damaged("the block cannot be uncompressed")),
            Err(DecodeError::OutOfMemory) => Err(SnapshotError::OutOfMemory {
                path: self.path.clone(),
                offset: info.offset,
                bytes: info.header.raw_len,
            }),
        }
    }

    /// What an incremental snapshot speaks for. Reads all its blocks of regions; empty for a full one.
    pub fn regions(&self) -> Result<RegionSet, SnapshotError> {
        let mut set = RegionSetBuilder::default();
        let mut buffer = BlockBuffer::new();
        for (index, block) in self.blocks.iter().enumerate() {
            if matches!(block.kind(), BlockKind::Regions | BlockKind::Databases) {
                self.read_block(index, &mut buffer)?.add_regions(&mut set)?;
            }
        }
        Ok(set.build())
    }

    /// Reads everything and checks that all of it can be understood, that no key comes twice, and that values in pieces are
    /// complete: neither a member nor an element of a list is missing or there twice.
    ///
    /// It takes one block's content; for hashes 64 MiB at most, or a thirty-second part of the uncompressed content if that is
    /// more; some 100 bytes and the key for each value in pieces; and to compare what has equal hashes 1 MiB, or all that has one
    /// hash if that is more. The file is read about once for each 7 million keys and members that it has, and again where there
    /// are equal hashes: once for each 64 of them, more often only if keys or members are large.
    pub fn verify(&self) -> Result<(), SnapshotError> {
        self.verify_within(distinct::hashes_max(self.totals.raw_bytes))
    }

    /// The same, with so many hashes of keys and members in memory at once.
    pub(crate) fn verify_within(&self, hashes_max: usize) -> Result<(), SnapshotError> {
        let mut buffer = BlockBuffer::new();
        for (index, info) in self.blocks.iter().enumerate() {
            if info.kind() != BlockKind::Entries {
                let block = self.read_block(index, &mut buffer)?;
                if info.kind() != BlockKind::Functions {
                    block.add_regions(&mut RegionSetBuilder::default())?;
                }
            }
        }
        let mut tally = Tally::default();
        let mut distinct = Distinct::new(hashes_max);
        self.for_each_entry(&mut buffer, |entry, offset| {
            distinct.add(entry);
            tally.add(entry, offset)
        })?;
        let damaged = |(offset, what)| SnapshotError::damaged(&self.path, offset, what);
        tally.finish().map_err(damaged)?;
        while let Some(ask) = distinct.ask() {
            self.for_each_entry(&mut buffer, |entry, _| match ask {
                Ask::Window => {
                    distinct.add(entry);
                    Ok(())
                }
                Ask::Suspects => distinct.compare(entry),
            })?;
        }
        Ok(())
    }

    /// Hands over all entries with the offsets of their blocks, until `each` says what is wrong with one.
    fn for_each_entry(
        &self,
        buffer: &mut BlockBuffer,
        mut each: impl FnMut(&EntryRef<'_>, u64) -> Result<(), &'static str>,
    ) -> Result<(), SnapshotError> {
        for (index, info) in self.blocks.iter().enumerate() {
            if info.kind() == BlockKind::Entries {
                let block = self.read_block(index, buffer)?;
                for entry in block.entries() {
                    each(&entry?, info.offset()).map_err(|what| block.damaged(what))?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SnapshotReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotReader")
            .field("path", &self.path)
            .field("meta", &self.meta)
            .field("totals", &self.totals)
            .finish_non_exhaustive()
    }
}

/// A block that was read.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    path: &'a Path,
    info: BlockInfo,
    databases: u32,
    content: &'a [u8],
}

impl<'a> Block<'a> {
    /// As the index describes it.
    pub fn info(&self) -> BlockInfo {
        self.info
    }

    /// The uncompressed content: of function libraries, for one.
    pub fn content(&self) -> &'a [u8] {
        self.content
    }

    /// The entries, none for blocks of other kinds. The first error is the last item.
    pub fn entries(self) -> impl Iterator<Item = Result<EntryRef<'a>, SnapshotError>> {
        let is_entries = self.info.kind() == BlockKind::Entries;
        let entries = if is_entries {
            Entries::new(self.content, self.info.entries())
        } else {
            Entries::new(&[], 0)
        };
        entries.map(move |entry| match entry {
            Ok(entry) if u32::from(entry.db) < self.databases => Ok(entry),
            _ => Err(self.damaged("the block has an impossible entry")),
        })
    }

    fn add_regions(&self, set: &mut RegionSetBuilder) -> Result<(), SnapshotError> {
        let has_database = |db| u32::from(db) < self.databases;
        let mut cursor = Cursor::new(self.content);
        let mut read = || match self.info.kind() {
            BlockKind::Regions => {
                let (db, region) = Region::read(&mut cursor).filter(|(db, _)| has_database(*db))?;
                set.add(db, self.info.shard(), &region);
                Some(())
            }
            _ => {
                set.add_database(cursor.u16().filter(|&db| has_database(db))?);
                Some(())
            }
        };
        for _ in 0..self.info.entries() {
            read().ok_or_else(|| self.damaged("the block has an impossible region"))?;
        }
        if !cursor.is_empty() {
            return Err(self.damaged("the block has more than its regions"));
        }
        Ok(())
    }

    fn damaged(&self, what: &'static str) -> SnapshotError {
        SnapshotError::damaged(self.path, self.info.offset, what)
    }
}
