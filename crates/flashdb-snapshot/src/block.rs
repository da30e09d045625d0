//! Blocks: independent, checksummed parts of a file, each with entries of one shard, or regions of one shard, or what
//! concerns no shard. Filling and compressing them is work for any number of threads; only writing them is in order.
//!
//! ```text
//! kind u8 | codec u8 | shard u16 | entries u32 | raw_len u64 | stored_len u64 | content crc u32 | header crc u32 | content
//! ```
//!
//! The checksum of the header is taken over the snapshot's id and the block's offset too, so a block that was left by
//! another file, or moved, is noticed. Lengths count only when it matches.

use crate::codec::{Codec, Sealer};
use crate::entry::EntryRef;
use crate::piece::Portion;
use crate::region::Region;
use crate::{SnapshotError, SnapshotId};
use flashdb_base::prefetch::prefetch_for_writing;

pub(crate) const BLOCK_HEADER_LEN: usize = 32;
const CRC_AT: usize = BLOCK_HEADER_LEN - 4;
/// A block with more than one item has at most so many bytes of content.
pub const BLOCK_CONTENT_MAX: usize = 256 << 10;
/// What a reader accepts of it; leaves room for another target.
pub(crate) const RAW_LEN_MAX: u64 = 1 << 20;

/// The shard of blocks that concern none.
pub const NO_SHARD: u16 = u16::MAX;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Entries of one shard.
    Entries,
    /// Regions of one shard, by database, that an incremental snapshot speaks for.
    Regions,
    /// Databases that an incremental snapshot speaks for as a whole.
    Databases,
    /// Function libraries: reserved; bytes that only the caller understands.
    Functions,
}

impl BlockKind {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Entries => 1,
            Self::Regions => 2,
            Self::Databases => 3,
            Self::Functions => 4,
        }
    }

    pub(crate) fn of_code(code: u8) -> Option<Self> {
        [Self::Entries, Self::Regions, Self::Databases, Self::Functions]
            .into_iter()
            .find(|kind| kind.code() == code)
    }

    /// Whether its blocks belong to a shard.
    pub(crate) fn has_shard(self) -> bool {
        matches!(self, Self::Entries | Self::Regions)
    }
}

/// A block's header without its checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub kind: BlockKind,
    pub codec: Codec,
    pub shard: u16,
    pub entries: u32,
    pub raw_len: u64,
    pub stored_len: u64,
    pub content_crc: u32,
}

impl BlockHeader {
    pub(crate) fn encode(&self, id: &SnapshotId, offset: u64) -> [u8; BLOCK_HEADER_LEN] {
        let mut out = [0; BLOCK_HEADER_LEN];
        out[0] = self.kind.code();
        out[1] = self.codec.code();
        out[2..4].copy_from_slice(&self.shard.to_le_bytes());
        out[4..8].copy_from_slice(&self.entries.to_le_bytes());
        out[8..16].copy_from_slice(&self.raw_len.to_le_bytes());
        out[16..24].copy_from_slice(&self.stored_len.to_le_bytes());
        out[24..CRC_AT].copy_from_slice(&self.content_crc.to_le_bytes());
        let crc = crc32c::crc32c_append(place_crc(id, offset), &out[..CRC_AT]);
        out[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        out
    }
}

/// Checksums that begin with this hold only at this place of this snapshot.
pub(crate) fn place_crc(id: &SnapshotId, offset: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&id.0), &offset.to_le_bytes())
}

/// Content of one block in the making. Used again and again: sealing empties it.
#[derive(Debug)]
pub struct BlockBuilder {
    kind: BlockKind,
    shard: u16,
    raw: Vec<u8>,
    content_max: usize,
    items: u32,
    /// Of the items, those that are entries and not pieces of one.
    keys: u32,
    last_db: u16,
    db_max: u16,
}

impl BlockBuilder {
    fn new(kind: BlockKind, shard: u16) -> Self {
        Self {
            kind,
            shard,
            raw: Vec::new(),
            content_max: BLOCK_CONTENT_MAX,
            items: 0,
            keys: 0,
            last_db: 0,
            db_max: 0,
        }
    }

    /// For entries of this shard.
    pub fn entries(shard: u16) -> Self {
        Self::new(BlockKind::Entries, shard)
    }

    /// The same for a block of at most `bytes` of content, unless it is a single entry; no more than
    /// [`BLOCK_CONTENT_MAX`]. Takes just that much memory, with the first entry.
    pub fn with_content_max(self, bytes: usize) -> Self {
        let content_max = bytes.min(BLOCK_CONTENT_MAX);
        Self { content_max, ..self }
    }

    /// Becomes a block for entries of this shard; it was sealed, or never filled. Its memory stays.
    pub fn begin_entries(&mut self, shard: u16) {
        assert!(self.is_empty(), "a block whose content was taken");
        (self.kind, self.shard) = (BlockKind::Entries, shard);
    }

    /// For regions of this shard.
    pub fn regions(shard: u16) -> Self {
        Self::new(BlockKind::Regions, shard)
    }

    /// For databases that are replaced as a whole.
    pub fn databases() -> Self {
        Self::new(BlockKind::Databases, NO_SHARD)
    }

    /// One block of function libraries; a file has at most one.
    pub fn functions(libraries: &[u8]) -> Self {
        let mut builder = Self::new(BlockKind::Functions, NO_SHARD);
        builder.raw.extend_from_slice(libraries);
        builder.items = 1;
        builder
    }

    /// Adds an entry. False, and nothing done, when the block has no room for it: seal it, then push again. An empty block
    /// has room for any entry.
    #[must_use]
    #[inline]
    pub fn push_entry(&mut self, entry: &EntryRef<'_>) -> bool {
        self.push_entry_with(entry, entry.payload.len(), |out| {
            out.extend_from_slice(entry.payload);
        })
    }

    /// The same for an entry whose payload is written right into the block: `write` appends just `payload_len` bytes. That of
    /// `entry` does not count.
    #[must_use]
    #[inline]
    pub fn push_entry_with(
        &mut self,
        entry: &EntryRef<'_>,
        payload_len: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        assert!(self.kind == BlockKind::Entries, "a block of entries");
        let len_max = entry.len_max(payload_len);
        if self.items == 0 {
            // Exactly: buffers that double would take up to twice what their blocks hold, and be copied on the way.
            self.raw.reserve_exact(len_max.max(self.content_max));
        } else if self.raw.len() + len_max > self.content_max {
            return false;
        }
        entry.put_head(self.last_db, payload_len, &mut self.raw);
        let payload_at = self.raw.len();
        write(&mut self.raw);
        assert!(
            self.raw.len() - payload_at == payload_len,
            "the length that was said"
        );
        self.last_db = entry.db;
        self.db_max = self.db_max.max(entry.db);
        self.items += 1;
        self.keys += u32::from(entry.portion != Portion::Piece);
        true
    }

    /// Adds a region; answers like [`Self::push_entry`]. Panics when a range is empty or out of bounds.
    #[must_use]
    pub fn push_region(&mut self, db: u16, region: &Region) -> bool {
        assert!(self.kind == BlockKind::Regions, "a block of regions");
        assert!(region.is_sound(), "a region of hash space: {region:?}");
        self.room_for_small() && {
            region.put(db, &mut self.raw);
            self.db_max = self.db_max.max(db);
            self.items += 1;
            true
        }
    }

    /// Adds a database; answers like [`Self::push_entry`].
    #[must_use]
    pub fn push_database(&mut self, db: u16) -> bool {
        assert!(self.kind == BlockKind::Databases, "a block of databases");
        self.room_for_small() && {
            self.raw.extend_from_slice(&db.to_le_bytes());
            self.db_max = self.db_max.max(db);
            self.items += 1;
            true
        }
    }

    fn room_for_small(&self) -> bool {
        const REGION_LEN_MAX: usize = 5 * 5;
        self.raw.len() + REGION_LEN_MAX <= self.content_max
    }

    /// Brings the memory for the next `bytes` of content towards the core, if there is that much already.
    #[inline]
    pub fn prefetch(&mut self, bytes: usize) {
        prefetch_for_writing(self.raw.spare_capacity_mut(), bytes);
    }

    /// Bytes of content.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Memory that it holds for content, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.raw.capacity()
    }

    /// Whether nothing was pushed since the last sealing.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Entries pushed since the last sealing, pieces of values not counted.
    pub fn keys_count(&self) -> u64 {
        self.keys.into()
    }

    /// The shard whose entries or regions it takes.
    pub fn shard(&self) -> u16 {
        self.shard
    }

    /// Compresses and checksums what was pushed, and empties the builder. No I/O.
    pub fn seal(&mut self, sealer: &mut Sealer) -> Result<SealedBlock, SnapshotError> {
        self.seal_into(Vec::new(), sealer)
    }

    /// The same in memory that is there already, whose content is lost.
    pub(crate) fn seal_into(
        &mut self,
        mut bytes: Vec<u8>,
        sealer: &mut Sealer,
    ) -> Result<SealedBlock, SnapshotError> {
        bytes.clear();
        bytes.resize(BLOCK_HEADER_LEN, 0);
        let codec = sealer
            .compress(&self.raw, &mut bytes)
            .map_err(SnapshotError::Compression)?;
        let content = &bytes[BLOCK_HEADER_LEN..];
        let header = BlockHeader {
            kind: self.kind,
            codec,
            shard: self.shard,
            entries: match self.kind {
                BlockKind::Entries => self.keys,
                _ => self.items,
            },
            raw_len: self.raw.len() as u64,
            stored_len: content.len() as u64,
            content_crc: crc32c::crc32c(content),
        };
        let db_max = self.db_max;
        self.clear();
        Ok(SealedBlock {
            header,
            bytes,
            db_max,
        })
    }

    fn clear(&mut self) {
        // The buffer that one enormous entry needed is not for keeps.
        if self.raw.capacity() > self.content_max {
            self.raw = Vec::new();
        }
        self.raw.clear();
        self.items = 0;
        self.keys = 0;
        self.last_db = 0;
        self.db_max = 0;
    }
}

/// A block that is ready for [`crate::SnapshotWriter::write`].
#[derive(Debug)]
pub struct SealedBlock {
    pub(crate) header: BlockHeader,
    /// Room for the header, then the content.
    pub(crate) bytes: Vec<u8>,
    /// The largest database in it.
    pub(crate) db_max: u16,
}

impl SealedBlock {
    /// Bytes that it takes in the file and, until it is written, in memory.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// A block is never empty: it has a header.
    pub fn is_empty(&self) -> bool {
        false
    }
}
