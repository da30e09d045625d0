//! Bytes as a snapshot's file, for the fuzz target `snapshot_file` and the tests with fixed seeds: taken apart by the description of
//! the format and put together again with checksums that match, so that what lies behind the checksums is reached; and judged.
//!
//! Verification and loading are each other's referee: what one calls damage, the other must not take for sound, but for what
//! the description says only one of them sees.

use flashdb_config::Settings;
use flashdb_disk::{Disk, OpenMode, SimDisk};
use flashdb_persistence::load::{LoadProgress, load_chain};
use flashdb_persistence::{PersistenceError, offline};
use flashdb_snapshot::{Catalog, Chain, SnapshotError, SnapshotReader};
use flashdb_store::Keyspace;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Databases of the server that loads.
pub const DATABASES: usize = 4;
const DIR: &str = "/data";
const HEAD_LEN_MAX: usize = 1395;
const INDEX_ENTRY_LEN: usize = 36;
const TRAILER_LEN: usize = 32;

/// A file taken apart. What is not said of a block follows from its content.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Without its checksum.
    pub head: Vec<u8>,
    pub blocks: Vec<Part>,
}

/// A block.
#[derive(Clone, Debug)]
pub struct Part {
    pub kind: u8,
    pub codec: u8,
    pub shard: u16,
    pub entries: u32,
    pub raw_len: u64,
    pub content: Vec<u8>,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn place_crc(id: &[u8], offset: usize) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(id), &(offset as u64).to_le_bytes())
}

impl Parts {
    /// `None` when the bytes have not even the outline of a file. No checksum is looked at.
    pub fn of(file: &[u8]) -> Option<Parts> {
        let head_len = u32::from_le_bytes(number(file, 12)?) as usize;
        let head = file.get(..head_len.checked_sub(4)?)?;
        if head.len() < 112 || head_len > HEAD_LEN_MAX {
            return None;
        }
        let trailer = file.len().checked_sub(TRAILER_LEN)?;
        let footer = usize::try_from(u64::from_le_bytes(number(file, trailer)?)).ok()?;
        let index = file.get(footer..trailer.checked_sub(24)?)?;
        let mut blocks = Vec::new();
        for entry in index.chunks_exact(INDEX_ENTRY_LEN) {
            let offset = usize::try_from(u64::from_le_bytes(number(entry, 0)?)).ok()?;
            let stored_len = usize::try_from(u64::from_le_bytes(number(entry, 16)?)).ok()?;
            let begin = offset.checked_add(32)?;
            blocks.push(Part {
                kind: entry[34],
                codec: entry[35],
                shard: u16::from_le_bytes(number(entry, 32)?),
                entries: u32::from_le_bytes(number(entry, 24)?),
                raw_len: u64::from_le_bytes(number(entry, 8)?),
                content: file.get(begin..begin.checked_add(stored_len)?)?.to_vec(),
            });
            // Blocks of the index may overlap; together they are no longer than this.
            if blocks.iter().map(|block| block.content.len()).sum::<usize>() > 2 * file.len() {
                return None;
            }
        }
        let head = head.to_vec();
        Some(Parts { head, blocks })
    }

    /// A full snapshot with these bytes for the content of its entries, but for the first two: the number of keys that the block
    /// announces, and where there is another block.
    pub fn around(bytes: &[u8]) -> Parts {
        let (settings, content) = bytes.split_at(bytes.len().min(2));
        let [keys, cut] = [0, 1].map(|at| settings.get(at).copied().unwrap_or_default());
        let (first, second) = content.split_at(usize::from(cut).min(content.len()));
        let block = |entries: u8, content: &[u8]| Part {
            kind: 1,
            codec: 0,
            shard: 0,
            entries: entries.into(),
            raw_len: content.len() as u64,
            content: content.to_vec(),
        };
        let mut head = [b"FLSHSNAP".as_slice(), &[1, 0, 0, 0, 116, 0, 0, 0]].concat();
        head.resize(112, 0);
        head[88] = DATABASES as u8;
        head[92] = 1;
        let blocks = vec![block(keys >> 4, first), block(keys & 15, second)];
        Parts { head, blocks }
    }

    /// The file, with checksums, offsets and sums that match.
    pub fn bytes(&self) -> Vec<u8> {
        let mut file = self.head.clone();
        file.extend_from_slice(&crc32c::crc32c(&self.head).to_le_bytes());
        let id = self.head[40..56].to_vec();
        let (mut index, mut keys, mut raw_bytes) = (Vec::new(), 0u64, 0u64);
        for block in &self.blocks {
            let offset = file.len();
            let crc = crc32c::crc32c(&block.content).to_le_bytes();
            let lengths = [block.raw_len, block.content.len() as u64]
                .map(u64::to_le_bytes)
                .concat();
            file.extend([block.kind, block.codec]);
            file.extend(block.shard.to_le_bytes());
            file.extend(block.entries.to_le_bytes());
            file.extend(&lengths);
            file.extend(crc);
            let header_crc = crc32c::crc32c_append(place_crc(&id, offset), &file[offset..]);
            file.extend(header_crc.to_le_bytes());
            file.extend(&block.content);
            index.extend((offset as u64).to_le_bytes());
            index.extend(&lengths);
            index.extend(block.entries.to_le_bytes());
            index.extend(crc);
            index.extend(block.shard.to_le_bytes());
            index.extend([block.kind, block.codec]);
            keys += if block.kind == 1 { block.entries.into() } else { 0 };
            raw_bytes = raw_bytes.saturating_add(block.raw_len);
        }
        for sum in [self.blocks.len() as u64, keys, raw_bytes] {
            index.extend(sum.to_le_bytes());
        }
        let footer = file.len();
        let footer_crc = crc32c::crc32c_append(place_crc(&id, footer), &index);
        file.extend(&index);
        let trailer = file.len();
        file.extend((footer as u64).to_le_bytes());
        file.extend((index.len() as u64).to_le_bytes());
        file.extend(footer_crc.to_le_bytes());
        let trailer_crc = crc32c::crc32c(&file[trailer..]);
        file.extend(trailer_crc.to_le_bytes());
        file.extend(b"FLSHSEND");
        file
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has not the outline of a snapshot.
    NoSnapshot,
    /// It is damaged.
    Damaged,
    /// Its checksums and pieces are right, but what it holds cannot be held.
    NotHeld,
    /// Nothing is wrong with it.
    Sound,
}

/// Verifies and loads a file, on the snapshot `base` if it is incremental. Panics when one of the two is wrong.
pub fn judge(file: &[u8], base: Option<&[u8]>) -> Verdict {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    let Some(path) = put(disk.as_ref(), file) else {
        return Verdict::NoSnapshot;
    };
    if base.and_then(|base| put(disk.as_ref(), base)) == Some(path.clone()) {
        return Verdict::NoSnapshot;
    }
    let reader = SnapshotReader::open(disk.as_ref(), &path).expect("it was opened before");
    let info = reader.info();
    let catalog = Catalog::open(disk.clone(), Path::new(DIR)).expect("a sound disk");
    let Ok(chain) = Chain::of(&catalog, &info) else {
        return Verdict::NoSnapshot;
    };
    let verified = reader.verify();
    let space = Keyspace::new(2, DATABASES, 1).0;
    // Two threads on any machine: memory is measured by the tests.
    let first = offline::lanes(&space).start;
    let loaded = load_chain(
        &space,
        &Settings::default(),
        disk.as_ref(),
        &chain,
        first..first + 2,
        &LoadProgress::default(),
    );
    match (verified, loaded) {
        (Ok(()), Ok(_)) => {
            if info.meta.is_full() {
                assert_eq!(keys_count(&space), info.totals.entries);
            }
            Verdict::Sound
        }
        (Err(damage), Ok(_)) => {
            let damage = damage.to_string();
            assert!(
                damage.contains("a key comes twice"),
                "only said by who verifies: {damage}"
            );
            Verdict::Damaged
        }
        (verified, Err(error)) => {
            let text = error.to_string();
            assert!(text.contains(DIR), "an error without a path: {text}");
            let is_damage = match error {
                PersistenceError::Unfit { .. } => true,
                PersistenceError::Snapshot(SnapshotError::Damaged { what, .. }) => {
                    !what.contains("outside of the regions")
                }
                PersistenceError::Entry { .. } => false,
                other => panic!("not what a file does: {other}"),
            };
            assert!(!is_damage || verified.is_err(), "only said by who loads: {text}");
            if verified.is_err() {
                Verdict::Damaged
            } else {
                Verdict::NotHeld
            }
        }
    }
}

/// Makes the file under the name that belongs to it; `None` if it is no snapshot.
fn put(disk: &dyn Disk, file: &[u8]) -> Option<PathBuf> {
    let folder = Path::new(DIR).join(flashdb_snapshot::FOLDER);
    disk.create_folder(&folder).expect("a sound disk");
    let unnamed = Path::new(DIR).join("unnamed");
    let mut made = disk.open(&unnamed, OpenMode::CreateNew).expect("a sound disk");
    made.write_at(file, 0).expect("a sound disk");
    let name = match SnapshotReader::open_renamed(disk, &unnamed) {
        Ok(reader) => reader.meta().file_name(),
        Err(error) => {
            let error = error.to_string();
            assert!(error.contains(DIR), "an error without a path: {error}");
            return None;
        }
    };
    let path = folder.join(name);
    disk.rename(&unnamed, &path).expect("a sound disk");
    Some(path)
}

fn keys_count(space: &Keyspace) -> u64 {
    let mut keys = 0;
    space.lock_as_touched().for_each_shard(|_, shard| {
        for db in 0..DATABASES as u16 {
            keys += shard.database(db).iter().count() as u64;
        }
    });
    keys
}
