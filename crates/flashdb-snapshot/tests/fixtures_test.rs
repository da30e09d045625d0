//! Files of each version of the format that stay in the tree: they can be read for ever, and, uncompressed, what is written
//! today is the same to the byte. A chain of three: full with zstd, incremental with LZ4, incremental without compression.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use flashdb_disk::{Disk, RealDisk, SimDisk};
use flashdb_snapshot::{
    Base, BlockBuffer, BlockBuilder, Catalog, ChainReader, Compression, EntryRef, HistoryId, Lsn, Portion,
    Region, SnapshotError, SnapshotId, SnapshotInfo, SnapshotMeta, SnapshotReader, SnapshotWriter,
    load_order,
};

/// Its `snapshots` folder holds the files.
const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
const COMPRESSIONS: [Compression; 3] = [
    Compression::Zstd { level: 1 },
    Compression::Lz4,
    Compression::None,
];

/// First byte of the key in the place of the prefix, the last one in that of the position.
fn hash(seed: &[u8], key: &[u8]) -> u64 {
    assert_eq!(seed, b"a seed");
    u64::from(key[0]) << 56 | u64::from(key[key.len() - 1]) << 24
}

fn entry<'a>(number: u16, key: &'a str, payload: &'a [u8]) -> EntryRef<'a> {
    EntryRef {
        db: number % 3,
        key: key.as_bytes(),
        expire_at_ms: (number % 2 == 1).then_some(1_700_000_000_000 + i64::from(number)),
        access: 0x01_02_03 + u32::from(number),
        raw: number.is_multiple_of(5),
        portion: Portion::Whole,
        value_type: (number % 7) as u8,
        payload,
    }
}

fn put(writer: &mut SnapshotWriter, numbers: std::ops::Range<u16>, generation: usize) {
    for shard in 0..2 {
        let mut builder = BlockBuilder::entries(shard);
        for number in numbers.clone().filter(|number| number % 2 == shard) {
            let key = format!("{}:{number}", if number < 20 { "a" } else { "b" });
            let payload = format!("{generation} {}", "value ".repeat(number.into()));
            assert!(builder.push_entry(&entry(number, &key, payload.as_bytes())));
        }
        writer.append(&mut builder).unwrap();
    }
}

/// Writes the chain to a folder of a disk.
fn write(disk: &Arc<dyn Disk>, dir: &Path) -> Vec<SnapshotInfo> {
    let mut infos: Vec<SnapshotInfo> = Vec::new();
    for (generation, compression) in COMPRESSIONS.into_iter().enumerate() {
        let meta = SnapshotMeta {
            id: SnapshotId([generation as u8 + 1; 16]),
            lsn: 100 + generation as Lsn,
            base: infos.last().map(|info| Base {
                id: info.meta.id,
                lsn: info.meta.lsn,
            }),
            history: HistoryId([0xab; 16]),
            created_ms: 1_700_000_000_999 + generation as i64,
            label: format!("generation {generation}"),
            kept: generation == 1,
            databases: 3,
            shards: 2,
            hash_seed: b"a seed".to_vec(),
            compression,
        };
        let mut writer = SnapshotWriter::create(disk.clone(), dir, meta).unwrap();
        writer.append(&mut BlockBuilder::functions(b"library")).unwrap();
        match generation {
            0 => put(&mut writer, 0..40, 0),
            1 => {
                for shard in 0..2 {
                    let mut regions = BlockBuilder::regions(shard);
                    let prefixes = u32::from(b'a') << 16..u32::from(b'b') << 16;
                    let positions = u32::from(b'0') << 8..u32::from(b'5') << 8;
                    for db in 0..3 {
                        let region = Region {
                            prefixes: prefixes.clone(),
                            positions: positions.clone(),
                        };
                        assert!(regions.push_region(db, &region));
                    }
                    writer.append(&mut regions).unwrap();
                }
                put(&mut writer, 0..5, 1);
            }
            _ => {
                let mut databases = BlockBuilder::databases();
                assert!(databases.push_database(2));
                writer.append(&mut databases).unwrap();
            }
        }
        infos.push(writer.finish().unwrap());
    }
    infos
}

/// What the chain is.
fn expected() -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    for number in (0..40u16).filter(|number| number % 3 != 2) {
        let generation = match number {
            0..5 => 1,
            // The region of the second file, in which it has nothing.
            10..15 => continue,
            _ => 0,
        };
        let key = format!("{}:{number}", if number < 20 { "a" } else { "b" });
        state.insert(key, format!("{generation} {}", "value ".repeat(number.into())));
    }
    state
}

#[test]
fn files_of_version_1_are_read() {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let catalog = Catalog::open(disk.clone(), Path::new(DIR)).unwrap();
    assert_eq!((catalog.snapshots().len(), catalog.broken().len()), (3, 0));
    for info in catalog.snapshots() {
        SnapshotReader::open(&*disk, &info.path)
            .unwrap()
            .verify()
            .unwrap();
    }
    let info = catalog.find_label("generation 1").unwrap();
    assert!(info.meta.kept && info.meta.compression == Compression::Lz4);

    let chain = load_order(&catalog, Lsn::MAX, Some(HistoryId([0xab; 16])))
        .remove(0)
        .chain
        .unwrap();
    let reader = ChainReader::open(&*disk, &chain, hash).unwrap();
    let mut state = BTreeMap::new();
    let mut buffer = BlockBuffer::new();
    for item in reader.work_items() {
        reader
            .read(item, &mut buffer, |found| {
                let key = String::from_utf8(found.key.to_vec()).unwrap();
                let number: u16 = key[2..].parse().unwrap();
                assert_eq!(*found, entry(number, &key, found.payload));
                state.insert(key, String::from_utf8(found.payload.to_vec()).unwrap());
                Ok::<_, SnapshotError>(())
            })
            .unwrap();
    }
    assert_eq!(state, expected());
    assert_eq!(reader.functions().unwrap().unwrap(), b"library");
}

#[test]
fn what_is_written_today_is_the_same() {
    let sim = Arc::new(SimDisk::new(0));
    let disk: Arc<dyn Disk> = sim.clone();
    for info in write(&disk, Path::new("/d")) {
        let kept = Path::new(DIR).join(info.path.strip_prefix("/d").unwrap());
        let (today, kept) = (sim.read(&info.path).unwrap(), std::fs::read(kept).unwrap());
        // What compressors make may differ from version to version of theirs.
        if info.meta.compression == Compression::None {
            assert_eq!(today, kept);
        }
    }
}
