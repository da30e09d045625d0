//! Regions: the parts of hash space that an incremental snapshot speaks for. A key whose hash lies in a region of its
//! database and shard has the value that the file gives; if the file has none, the key is gone.
//!
//! [`RegionSet`] answers "is this hash covered" for many thousands of regions. Regions are rectangles of a range of
//! prefixes (a table's segment) and a range of positions (a bucket of it), so a range of prefixes is nearly always one
//! aligned block of a power of two. The set keeps, for each size of block, the blocks in order, each with its ranges of
//! positions; other ranges are cut into such blocks, 46 at most. A look-up is a binary search in each size that occurs.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::bytes::{Cursor, put_varint};

const PREFIX_BITS: u32 = 24;
const PREFIXES: u32 = 1 << PREFIX_BITS;
const POSITION_BITS: u32 = 16;
const POSITIONS: u32 = 1 << POSITION_BITS;

/// The hashes whose highest 24 bits lie in `prefixes` and whose bits 16 to 31 lie in `positions`: the parts of a hash that
/// decide about segment and bucket in the table. Neither range is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Within 0..2^24.
    pub prefixes: Range<u32>,
    /// Within 0..2^16.
    pub positions: Range<u32>,
}

fn prefix(hash: u64) -> u32 {
    (hash >> (64 - PREFIX_BITS)) as u32
}

fn position(hash: u64) -> u32 {
    (hash >> 16) as u32 & (POSITIONS - 1)
}

impl Region {
    /// All hashes.
    pub const WHOLE: Self = Self {
        prefixes: 0..PREFIXES,
        positions: 0..POSITIONS,
    };

    /// Whether the hash lies in it.
    pub fn contains(&self, hash: u64) -> bool {
        self.prefixes.contains(&prefix(hash)) && self.positions.contains(&position(hash))
    }

    /// Whether its ranges are possible.
    pub(crate) fn is_sound(&self) -> bool {
        !self.prefixes.is_empty()
            && self.prefixes.end <= PREFIXES
            && !self.positions.is_empty()
            && self.positions.end <= POSITIONS
    }

    /// Appends database and ranges to a block: five variable-length numbers.
    pub(crate) fn put(&self, db: u16, out: &mut Vec<u8>) {
        put_varint(out, db.into());
        for range in [&self.prefixes, &self.positions] {
            put_varint(out, range.start.into());
            put_varint(out, (range.end - range.start).into());
        }
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<(u16, Self)> {
        let db = cursor.varint_u16()?;
        let mut range = || {
            let start = cursor.varint_u32()?;
            Some(start..start.checked_add(cursor.varint_u32()?)?)
        };
        let region = Self {
            prefixes: range()?,
            positions: range()?,
        };
        region.is_sound().then_some((db, region))
    }
}

/// Which hashes a file speaks for, by database and shard.
#[derive(Clone, Debug, Default)]
pub struct RegionSet {
    databases: Vec<bool>,
    /// By shard; for each the databases with regions.
    shards: Vec<Vec<(u16, TableRegions)>>,
}

/// Ranges of positions by block of prefixes.
type Blocks = BTreeMap<PrefixBlock, Vec<Range<u32>>>;

/// Collects regions in any order; they may overlap.
#[derive(Debug, Default)]
pub(crate) struct RegionSetBuilder {
    databases: Vec<bool>,
    /// By shard and database.
    tables: BTreeMap<(u16, u16), Blocks>,
}

/// `2^(24 - depth)` prefixes, those that begin with the `depth` bits of `bits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PrefixBlock {
    depth: u32,
    bits: u32,
}

#[derive(Clone, Debug, Default)]
struct TableRegions {
    /// Ascending by depth.
    depths: Vec<DepthRegions>,
}

#[derive(Clone, Debug)]
struct DepthRegions {
    depth: u32,
    /// First bits, ascending, and where the block's ranges begin in `ranges`; they end where the next one's begin.
    blocks: Vec<(u32, u32)>,
    /// Ranges of positions, apart and ascending within a block.
    ranges: Vec<Range<u32>>,
}

impl RegionSetBuilder {
    /// Everything in this database.
    pub(crate) fn add_database(&mut self, db: u16) {
        let index = usize::from(db);
        if self.databases.len() <= index {
            self.databases.resize(index + 1, false);
        }
        self.databases[index] = true;
    }

    pub(crate) fn add(&mut self, db: u16, shard: u16, region: &Region) {
        let table = self.tables.entry((shard, db)).or_default();
        for block in aligned_blocks(region.prefixes.clone()) {
            table.entry(block).or_default().push(region.positions.clone());
        }
    }

    pub(crate) fn build(self) -> RegionSet {
        let mut shards: Vec<Vec<(u16, TableRegions)>> = Vec::new();
        for ((shard, db), blocks) in self.tables {
            shards.resize_with(shards.len().max(usize::from(shard) + 1), Vec::new);
            shards[usize::from(shard)].push((db, TableRegions::new(blocks)));
        }
        RegionSet {
            databases: self.databases,
            shards,
        }
    }
}

/// Cuts a range of prefixes into aligned blocks.
fn aligned_blocks(prefixes: Range<u32>) -> impl Iterator<Item = PrefixBlock> {
    let mut rest = prefixes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let aligned = if rest.start == 0 {
            PREFIX_BITS
        } else {
            rest.start.trailing_zeros()
        };
        let size_log = aligned.min((rest.end - rest.start).ilog2());
        let block = PrefixBlock {
            depth: PREFIX_BITS - size_log,
            bits: rest.start >> size_log,
        };
        rest.start += 1 << size_log;
        Some(block)
    })
}

impl RegionSet {
    /// Whether the file speaks for a key of this hash. A look at each database that the shard has regions of, and a
    /// binary search for each size of segment that the table had.
    #[inline]
    pub fn covers(&self, db: u16, shard: u16, hash: u64) -> bool {
        self.covers_database(db)
            || self
                .shards
                .get(usize::from(shard))
                .is_some_and(|tables| tables.iter().any(|(of, table)| *of == db && table.covers(hash)))
    }

    /// Whether it speaks for the whole database.
    #[inline]
    pub fn covers_database(&self, db: u16) -> bool {
        self.databases.get(usize::from(db)).copied().unwrap_or(false)
    }
}

impl TableRegions {
    fn new(blocks: Blocks) -> Self {
        let mut depths: Vec<DepthRegions> = Vec::new();
        for (block, mut positions) in blocks {
            let new_depth = depths.last().is_none_or(|last| last.depth != block.depth);
            if new_depth {
                depths.push(DepthRegions {
                    depth: block.depth,
                    blocks: Vec::new(),
                    ranges: Vec::new(),
                });
            }
            let Some(depth) = depths.last_mut() else { continue };
            let first = depth.ranges.len();
            depth.blocks.push((block.bits, first as u32));
            positions.sort_unstable_by_key(|range| range.start);
            for range in positions {
                match depth.ranges[first..].last_mut() {
                    Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
                    _ => depth.ranges.push(range),
                }
            }
        }
        Self { depths }
    }

    fn covers(&self, hash: u64) -> bool {
        let (prefix, position) = (prefix(hash), position(hash));
        self.depths
            .iter()
            .any(|depth| depth.covers(prefix >> (PREFIX_BITS - depth.depth), position))
    }
}

impl DepthRegions {
    fn covers(&self, bits: u32, position: u32) -> bool {
        let Ok(index) = self.blocks.binary_search_by_key(&bits, |block| block.0) else {
            return false;
        };
        let end = self
            .blocks
            .get(index + 1)
            .map_or(self.ranges.len(), |next| next.1 as usize);
        let ranges = &self.ranges[self.blocks[index].1 as usize..end];
        let behind = ranges.partition_point(|range| range.start <= position);
        behind > 0 && position < ranges[behind - 1].end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    fn random_range(prng: &mut Prng, end: u32) -> Range<u32> {
        let (a, b) = (prng.below(end.into()) as u32, prng.below(end.into()) as u32);
        a.min(b)..a.max(b) + 1
    }

    /// As tables make them, or any at all.
    fn random_region(prng: &mut Prng) -> Region {
        let prefixes = if prng.below(4) > 0 {
            let size = 1 << prng.below(25);
            let start = prng.below((PREFIXES / size).into()) as u32 * size;
            start..start + size
        } else {
            random_range(prng, PREFIXES)
        };
        let positions = random_range(prng, POSITIONS);
        Region { prefixes, positions }
    }

    #[test]
    fn covers_what_any_region_contains() {
        let mut prng = Prng::from_seed(5);
        for round in 0..200 {
            let mut regions = Vec::new();
            let mut builder = RegionSetBuilder::default();
            for _ in 0..prng.below(1 + round) {
                let region = random_region(&mut prng);
                let table = (prng.below(3) as u16, prng.below(2) as u16);
                let mut bytes = Vec::new();
                region.put(table.0, &mut bytes);
                assert_eq!(
                    Region::read(&mut Cursor::new(&bytes)),
                    Some((table.0, region.clone()))
                );
                builder.add(table.0, table.1, &region);
                regions.push((table, region));
            }
            builder.add_database(7);
            let set = builder.build();
            for i in 0..500 {
                let mut hash = prng.next_u64();
                if let Some((_, region)) = regions.get(i % regions.len().max(1)) {
                    // Near the edges too.
                    let edges = [
                        region.prefixes.start,
                        region.prefixes.end - 1,
                        region.prefixes.end % PREFIXES,
                    ];
                    let prefix = u64::from(edges[prng.below(3) as usize]) << 40;
                    hash = if prng.below(2) == 0 {
                        hash
                    } else {
                        hash >> 24 | prefix
                    };
                }
                let table = (prng.below(3) as u16, prng.below(2) as u16);
                let expected = regions
                    .iter()
                    .any(|(of, region)| *of == table && region.contains(hash));
                assert_eq!(set.covers(table.0, table.1, hash), expected);
                assert!(set.covers(7, 3, hash) && !set.covers(6, 0, hash));
            }
        }
    }

    #[test]
    fn impossible_regions_are_refused() {
        for (prefixes, positions) in [
            (5..5, 0..1),
            (0..PREFIXES + 1, 0..1),
            (0..1, 3..3),
            (0..1, 0..POSITIONS + 1),
        ] {
            let mut bytes = Vec::new();
            let region = Region { prefixes, positions };
            region.put(0, &mut bytes);
            assert_eq!(Region::read(&mut Cursor::new(&bytes)), None);
        }
        let mut whole = RegionSetBuilder::default();
        whole.add(0, 0, &Region::WHOLE);
        assert_eq!(aligned_blocks(0..PREFIXES).count(), 1);
        let whole = whole.build();
        assert!(whole.covers(0, 0, 0) && whole.covers(0, 0, u64::MAX));
        assert!(aligned_blocks(1..PREFIXES - 1).count() <= 46);
    }
}
