//! The end of a file: the index of blocks with the totals, and a trailer of fixed size that says where the index begins.
//! A file without a valid trailer is no snapshot. Layout: `docs/formats/snapshot.md`.

use std::path::Path;

use crate::block::{BLOCK_HEADER_LEN, BlockHeader, BlockKind, NO_SHARD, RAW_LEN_MAX, place_crc};
use crate::bytes::Cursor;
use crate::codec::Codec;
use crate::{SnapshotError, SnapshotId, SnapshotMeta};

const INDEX_ENTRY_LEN: usize = 36;
const TOTALS_LEN: usize = 24;
pub(crate) const TRAILER_LEN: usize = 32;
const END_MAGIC: &[u8; 8] = b"FLSHSEND";

/// One block, as the index describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    pub(crate) offset: u64,
    pub(crate) header: BlockHeader,
}

impl BlockInfo {
    /// What it holds.
    pub fn kind(&self) -> BlockKind {
        self.header.kind
    }

    /// Whose entries or regions; [`NO_SHARD`] for other kinds.
    pub fn shard(&self) -> u16 {
        self.header.shard
    }

    /// Number of entries, regions or databases.
    pub fn entries(&self) -> u32 {
        self.header.entries
    }

    /// Where it begins in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of content, uncompressed.
    pub fn raw_bytes(&self) -> u64 {
        self.header.raw_len
    }

    /// Bytes of content in the file.
    pub fn stored_bytes(&self) -> u64 {
        self.header.stored_len
    }

    /// Where the content begins in the file.
    pub(crate) fn content_offset(&self) -> u64 {
        self.offset + BLOCK_HEADER_LEN as u64
    }
}

/// Sums over all blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Blocks of all kinds.
    pub blocks: u64,
    /// Entries (keys).
    pub entries: u64,
    /// Bytes of all content, uncompressed.
    pub raw_bytes: u64,
}

impl Totals {
    /// Adds a block; saturates, so that a damaged index cannot overflow it.
    pub(crate) fn add(&mut self, header: &BlockHeader) {
        self.blocks += 1;
        self.raw_bytes = self.raw_bytes.saturating_add(header.raw_len);
        if header.kind == BlockKind::Entries {
            self.entries += u64::from(header.entries);
        }
    }
}

/// Index, totals and trailer of a file whose footer begins at `offset`.
pub(crate) fn encode(id: &SnapshotId, offset: u64, blocks: &[BlockInfo], totals: &Totals) -> Vec<u8> {
    let mut out = Vec::with_capacity(blocks.len() * INDEX_ENTRY_LEN + TOTALS_LEN + TRAILER_LEN);
    for block in blocks {
        let header = &block.header;
        out.extend_from_slice(&block.offset.to_le_bytes());
        out.extend_from_slice(&header.raw_len.to_le_bytes());
        out.extend_from_slice(&header.stored_len.to_le_bytes());
        out.extend_from_slice(&header.entries.to_le_bytes());
        out.extend_from_slice(&header.content_crc.to_le_bytes());
        out.extend_from_slice(&header.shard.to_le_bytes());
        out.extend_from_slice(&[header.kind.code(), header.codec.code()]);
    }
    out.extend_from_slice(&totals.blocks.to_le_bytes());
    out.extend_from_slice(&totals.entries.to_le_bytes());
    out.extend_from_slice(&totals.raw_bytes.to_le_bytes());
    let footer_len = out.len() as u64;
    let footer_crc = crc32c::crc32c_append(place_crc(id, offset), &out);
    let trailer = out.len();
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&footer_len.to_le_bytes());
    out.extend_from_slice(&footer_crc.to_le_bytes());
    let trailer_crc = crc32c::crc32c(&out[trailer..]);
    out.extend_from_slice(&trailer_crc.to_le_bytes());
    out.extend_from_slice(END_MAGIC);
    out
}

/// Where the footer begins and what its checksum is; the trailer is the last bytes of the file.
fn trailer(path: &Path, file: &[u8]) -> Result<(usize, u32), SnapshotError> {
    let incomplete = || SnapshotError::Incomplete {
        path: path.to_path_buf(),
        len: file.len() as u64,
    };
    let (before, trailer) = file.split_last_chunk::<TRAILER_LEN>().ok_or_else(incomplete)?;
    let read = || {
        let mut cursor = Cursor::new(trailer);
        let (offset, len) = (cursor.u64()?, cursor.u64()?);
        let (footer_crc, trailer_crc) = (cursor.u32()?, cursor.u32()?);
        let sound = cursor.array()? == *END_MAGIC
            && trailer_crc == crc32c::crc32c(&trailer[..20])
            && offset.checked_add(len)? == before.len() as u64;
        sound.then_some((usize::try_from(offset).ok()?, footer_crc))
    };
    read().ok_or_else(incomplete)
}

/// The blocks of a file: contiguous from the end of the head to the footer, each possible in itself. Contents are not read.
pub(crate) fn decode(
    path: &Path,
    file: &[u8],
    meta: &SnapshotMeta,
    head_len: usize,
) -> Result<(Vec<BlockInfo>, Totals), SnapshotError> {
    let (start, crc) = trailer(path, file)?;
    let damaged = |what| SnapshotError::damaged(path, start as u64, what);
    let footer = &file[start..file.len() - TRAILER_LEN];
    if crc != crc32c::crc32c_append(place_crc(&meta.id, start as u64), footer) {
        return Err(damaged("the footer's checksum does not match"));
    }
    let index_len = footer
        .len()
        .checked_sub(TOTALS_LEN)
        .filter(|len| len % INDEX_ENTRY_LEN == 0);
    let (index, totals) =
        footer.split_at(index_len.ok_or_else(|| damaged("the footer's length is impossible"))?);
    let mut blocks = Vec::with_capacity(index.len() / INDEX_ENTRY_LEN);
    let mut sums = Totals::default();
    let mut has_functions = false;
    let mut end = head_len as u64;
    for bytes in index.chunks_exact(INDEX_ENTRY_LEN) {
        let block = index_entry(bytes)
            .filter(|block| block.offset == end && is_possible(&block.header, meta))
            .ok_or_else(|| damaged("the index has an impossible block"))?;
        end = block
            .content_offset()
            .checked_add(block.header.stored_len)
            .filter(|&end| end <= start as u64)
            .ok_or_else(|| damaged("a block of the index reaches into the footer"))?;
        sums.add(&block.header);
        // A start reads the first one, and would not see what is wrong with another.
        let is_functions = block.kind() == BlockKind::Functions;
        if is_functions && std::mem::replace(&mut has_functions, true) {
            return Err(damaged("the index has two blocks of functions"));
        }
        blocks.push(block);
    }
    if end != start as u64 {
        return Err(damaged("there are bytes between the last block and the footer"));
    }
    if read_totals(totals) != Some(sums) {
        return Err(damaged("the totals do not match the index"));
    }
    Ok((blocks, sums))
}

fn index_entry(bytes: &[u8]) -> Option<BlockInfo> {
    let mut cursor = Cursor::new(bytes);
    let offset = cursor.u64()?;
    let (raw_len, stored_len) = (cursor.u64()?, cursor.u64()?);
    let (entries, content_crc) = (cursor.u32()?, cursor.u32()?);
    let shard = cursor.u16()?;
    let (kind, codec) = (BlockKind::of_code(cursor.u8()?)?, Codec::of_code(cursor.u8()?)?);
    // No overflow in `content_offset`.
    (offset < u64::MAX / 2).then_some(())?;
    Some(BlockInfo {
        offset,
        header: BlockHeader {
            kind,
            codec,
            shard,
            entries,
            raw_len,
            stored_len,
            content_crc,
        },
    })
}

fn is_possible(header: &BlockHeader, meta: &SnapshotMeta) -> bool {
    let shard_fits = match header.kind.has_shard() {
        true => u32::from(header.shard) < meta.shards,
        false => header.shard == NO_SHARD,
    };
    let speaks_for_part = matches!(header.kind, BlockKind::Regions | BlockKind::Databases);
    shard_fits
        && (header.raw_len <= RAW_LEN_MAX || header.entries <= 1)
        && !(speaks_for_part && meta.is_full())
}

fn read_totals(bytes: &[u8]) -> Option<Totals> {
    let mut cursor = Cursor::new(bytes);
    Some(Totals {
        blocks: cursor.u64()?,
        entries: cursor.u64()?,
        raw_bytes: cursor.u64()?,
    })
}
