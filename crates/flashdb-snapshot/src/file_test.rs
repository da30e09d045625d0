//! Whole files: what was written comes back, every flipped byte and every cut is noticed, one enormous entry works.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use flashdb_base::prng::Prng;
use flashdb_disk::{Disk, SimDisk};

use crate::meta::test_meta;
use crate::test_disk::{content, put};
use crate::{
    Base, BlockBuffer, BlockBuilder, BlockKind, Catalog, Compression, EntryRef, Portion, Region, Retention,
    SealedBlock, Sealer, SnapshotError, SnapshotId, SnapshotInfo, SnapshotMeta, SnapshotReader,
    SnapshotWriter,
};

const ALL: [Compression; 3] = [
    Compression::None,
    Compression::Lz4,
    Compression::Zstd { level: 1 },
];

/// Shard, database, key.
type Place = (u16, u16, Vec<u8>);
/// Expiry, access, raw, type, payload.
type Value = (Option<i64>, u32, bool, u8, Vec<u8>);
type Model = BTreeMap<Place, Value>;

fn random_model(prng: &mut Prng, entries: u64) -> Model {
    (0..entries)
        .map(|i| {
            let payload_len = if prng.below(200) == 0 {
                prng.below(700_000)
            } else {
                prng.below(200)
            };
            let mut payload = vec![b'x'; payload_len as usize];
            let noise = prng.below(payload_len + 1) as usize;
            prng.fill(&mut payload[..noise]);
            let expire_at_ms = (prng.below(3) == 0).then(|| prng.next_u64().cast_signed() >> 20);
            let place = (
                prng.below(4) as u16,
                prng.below(16) as u16,
                format!("key:{i}").into_bytes(),
            );
            (
                place,
                (
                    expire_at_ms,
                    prng.below(1 << 24) as u32,
                    prng.below(2) == 0,
                    prng.below(30) as u8,
                    payload,
                ),
            )
        })
        .collect()
}

fn write(disk: &Arc<SimDisk>, meta: SnapshotMeta, model: &Model) -> SnapshotInfo {
    let mut writer = SnapshotWriter::create(disk.clone(), Path::new("/d"), meta).unwrap();
    let mut builders: Vec<_> = (0..4).map(BlockBuilder::entries).collect();
    for ((shard, db, key), (expire_at_ms, access, raw, value_type, payload)) in model {
        let entry = EntryRef {
            db: *db,
            key,
            expire_at_ms: *expire_at_ms,
            access: *access,
            raw: *raw,
            portion: Portion::Whole,
            value_type: *value_type,
            payload,
        };
        let builder = &mut builders[usize::from(*shard)];
        if !builder.push_entry(&entry) {
            writer.append(builder).unwrap();
            assert!(builder.push_entry(&entry));
        }
    }
    for builder in &mut builders {
        writer.append(builder).unwrap();
    }
    writer.append(&mut BlockBuilder::functions(b"library")).unwrap();
    writer.finish().unwrap()
}

fn read(reader: &SnapshotReader) -> Result<Model, SnapshotError> {
    let mut model = Model::new();
    let mut buffer = BlockBuffer::new();
    for index in 0..reader.blocks().len() {
        let block = reader.read_block(index, &mut buffer)?;
        for entry in block.entries() {
            let entry = entry?;
            let place = (block.info().shard(), entry.db, entry.key.to_vec());
            let value = (
                entry.expire_at_ms,
                entry.access,
                entry.raw,
                entry.value_type,
                entry.payload.to_vec(),
            );
            assert_eq!(model.insert(place, value), None);
        }
    }
    Ok(model)
}

#[test]
fn what_was_written_comes_back() {
    let mut prng = Prng::from_seed(1);
    for compression in ALL {
        for entries in [0, 1, 100, 3000] {
            let disk = Arc::new(SimDisk::new(0));
            let model = random_model(&mut prng, entries);
            let meta = SnapshotMeta {
                compression,
                ..test_meta()
            };
            let info = write(&disk, meta.clone(), &model);
            assert_eq!((info.totals.entries, &info.meta), (model.len() as u64, &meta));
            assert_eq!(info.path, Path::new("/d/snapshots/snapshot-1700000000-42.fsnap"));
            assert_eq!(disk.files().len(), 1, "no temporary file is left");

            let reader = SnapshotReader::open(&*disk, &info.path).unwrap();
            reader.verify().unwrap();
            assert_eq!(
                (reader.info().file_bytes, reader.info().totals),
                (info.file_bytes, info.totals)
            );
            assert_eq!(read(&reader).unwrap(), model);
            let functions = reader
                .blocks()
                .iter()
                .position(|block| block.kind() == BlockKind::Functions);
            let mut buffer = BlockBuffer::new();
            assert_eq!(
                reader
                    .read_block(functions.unwrap(), &mut buffer)
                    .unwrap()
                    .content(),
                b"library"
            );
        }
    }
}

/// A small file with a block of each kind.
fn small_file(compression: Compression) -> (Arc<SimDisk>, SnapshotInfo) {
    let disk = Arc::new(SimDisk::new(0));
    let meta = SnapshotMeta {
        compression,
        base: Some(Base {
            id: SnapshotId([3; 16]),
            lsn: 41,
        }),
        label: "label".to_owned(),
        ..test_meta()
    };
    let mut writer = SnapshotWriter::create(disk.clone(), Path::new("/d"), meta).unwrap();
    let mut regions = BlockBuilder::regions(1);
    for i in 0..20 {
        let prefixes = i << 10..(i + 1) << 10;
        let positions = 0..32_768;
        assert!(regions.push_region(0, &Region { prefixes, positions }));
    }
    let mut databases = BlockBuilder::databases();
    assert!(databases.push_database(5));
    let mut entries = BlockBuilder::entries(1);
    for i in 0..20 {
        let key = format!("key:{i}");
        let payload = [b'v'; 20];
        assert!(entries.push_entry(&EntryRef {
            db: 5,
            key: key.as_bytes(),
            expire_at_ms: Some(1_700_000_000_000),
            access: 1,
            raw: false,
            portion: Portion::Whole,
            value_type: 0,
            payload: &payload,
        }));
    }
    for builder in [&mut regions, &mut databases, &mut entries] {
        writer.append(builder).unwrap();
    }
    let info = writer.finish().unwrap();
    (disk, info)
}

fn verify(disk: &SimDisk, path: &Path) -> Result<(), SnapshotError> {
    SnapshotReader::open(disk, path)?.verify()
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    for compression in ALL {
        let (disk, info) = small_file(compression);
        verify(&disk, &info.path).unwrap();
        let good = content(&disk, &info.path);
        let named = |bad: Vec<u8>, what: String| {
            put(&disk, &info.path, &bad);
            let error = verify(&disk, &info.path).expect_err(&what).to_string();
            assert!(error.contains("snapshot-1700000000-42.fsnap"), "{error}");
        };
        for at in 0..good.len() {
            for flip in [0x01, 0x80] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                named(bad, format!("{compression:?}: byte {at} ^ {flip}"));
            }
            named(good[..at].to_vec(), format!("{compression:?}: cut at {at}"));
        }
        let mut longer = good.clone();
        longer.push(0);
        named(longer, "a byte more".to_owned());
        put(&disk, &info.path, &good);
        verify(&disk, &info.path).unwrap();
    }
}

/// Whole ranges lost, as a sector that was never written, or that belongs to another place or file.
#[test]
fn lost_and_swapped_ranges_are_noticed() {
    let mut prng = Prng::from_seed(2);
    for compression in ALL {
        let (disk, info) = small_file(compression);
        let good = content(&disk, &info.path);
        for _ in 0..1000 {
            let mut bad = good.clone();
            let len = 1 + prng.below(200.min(bad.len() as u64 - 1)) as usize;
            let to = prng.below((bad.len() - len) as u64) as usize;
            match prng.below(3) {
                0 => bad[to..to + len].fill(0),
                1 => prng.fill(&mut bad[to..to + len]),
                _ => {
                    let from = prng.below((bad.len() - len) as u64) as usize;
                    bad.copy_within(from..from + len, to);
                }
            }
            if bad != good {
                put(&disk, &info.path, &bad);
                assert!(verify(&disk, &info.path).is_err());
            }
        }
    }
}

#[test]
fn one_enormous_entry_is_a_block_of_its_own() {
    for compression in ALL {
        let disk = Arc::new(SimDisk::new(0));
        let mut payload = vec![b'z'; 9 << 20];
        Prng::from_seed(3).fill(&mut payload[..1 << 20]);
        let place = |name: &str| (0, 0, name.as_bytes().to_vec());
        let value = |payload: &[u8]| (None, 0, false, 1, payload.to_vec());
        let model = Model::from([
            (place("a"), value(b"small")),
            (place("b"), value(&payload)),
            (place("c"), value(b"small")),
        ]);
        let meta = SnapshotMeta {
            compression,
            ..test_meta()
        };
        let info = write(&disk, meta, &model);
        assert_eq!(info.totals.blocks, 4);
        let reader = SnapshotReader::open(&*disk, &info.path).unwrap();
        assert_eq!(read(&reader).unwrap(), model);
    }
}

#[test]
fn blocks_are_read_by_several_threads_at_once() {
    let disk = Arc::new(SimDisk::new(0));
    let model = random_model(&mut Prng::from_seed(4), 3000);
    let compression = Compression::Lz4;
    let info = write(
        &disk,
        SnapshotMeta {
            compression,
            ..test_meta()
        },
        &model,
    );
    let reader = SnapshotReader::open(&*disk, &info.path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(read(&reader).unwrap(), model));
        }
    });
}

#[test]
fn names_are_unique_and_belong_to_the_content() {
    let disk = Arc::new(SimDisk::new(0));
    let first = write(&disk, test_meta(), &Model::new());
    let unfinished = SnapshotWriter::create(disk.clone(), Path::new("/d"), test_meta()).unwrap();
    let third = write(&disk, test_meta(), &Model::new());
    assert_eq!(unfinished.meta().created_ms, first.meta.created_ms + 1000);
    assert_eq!(third.meta.created_ms, first.meta.created_ms + 2000);
    unfinished.abort().unwrap();
    drop(SnapshotWriter::create(disk.clone(), Path::new("/d"), test_meta()).unwrap());
    assert_eq!(disk.files().len(), 2, "neither leaves a file behind");

    let copy = Path::new("/d/snapshots/snapshot-1-1.fsnap");
    put(&disk, copy, &content(&disk, &first.path));
    assert!(matches!(
        SnapshotReader::open(&*disk, copy),
        Err(SnapshotError::Misnamed { .. })
    ));
}

/// PER-45: the clock went back, or several snapshots of one state took more seconds than there were.
#[test]
fn of_one_lsn_the_later_one_is_dated_later() {
    let disk = Arc::new(SimDisk::new(0));
    let ahead = SnapshotMeta {
        created_ms: test_meta().created_ms + 3_600_000,
        ..test_meta()
    };
    let mut before = write(&disk, ahead, &Model::new());
    for n in 0..4 {
        let id = SnapshotId([n; 16]);
        let later = write(&disk, SnapshotMeta { id, ..test_meta() }, &Model::new());
        assert!(later.meta.created_ms > before.meta.created_ms, "{n}");
        let mut catalog = Catalog::open(disk.clone(), Path::new("/d")).unwrap();
        assert_eq!(catalog.snapshots()[0].path, later.path);
        catalog
            .retain(Retention {
                chains: 2,
                reach_back_to: None,
            })
            .unwrap();
        let left: Vec<_> = catalog.snapshots().iter().map(|info| info.path.clone()).collect();
        assert_eq!(left, [later.path.clone(), before.path.clone()], "{n}");
        before = later;
    }
    // Of other LSNs nobody minds the date.
    let other = write(
        &disk,
        SnapshotMeta {
            lsn: 43,
            ..test_meta()
        },
        &Model::new(),
    );
    assert_eq!(other.meta.created_ms, test_meta().created_ms);
}

#[test]
fn a_date_behind_which_there_is_none_is_an_error() {
    let disk = Arc::new(SimDisk::new(0));
    let folder = Path::new("/d/snapshots");
    disk.create_folder(folder).unwrap();
    put(
        &disk,
        &folder.join(format!("snapshot-{}-42.fsnap", i64::MAX)),
        b"x",
    );
    let begun = SnapshotWriter::create(disk, Path::new("/d"), test_meta());
    assert!(matches!(begun, Err(SnapshotError::Unfit(_))));
}

#[test]
fn what_would_not_be_read_back_is_not_written() {
    let disk = Arc::new(SimDisk::new(0));
    let mut writer = SnapshotWriter::create(disk, Path::new("/d"), test_meta()).unwrap();
    let entry = EntryRef {
        db: 16,
        key: b"k",
        expire_at_ms: None,
        access: 0,
        raw: false,
        portion: Portion::Whole,
        value_type: 0,
        payload: b"",
    };
    let mut builder = BlockBuilder::entries(0);
    assert!(builder.push_entry(&entry));
    assert!(matches!(
        writer.append(&mut builder),
        Err(SnapshotError::Unfit(_))
    ));
    let mut builder = BlockBuilder::entries(4);
    assert!(builder.push_entry(&EntryRef { db: 0, ..entry }));
    assert!(matches!(
        writer.append(&mut builder),
        Err(SnapshotError::Unfit(_))
    ));
    let mut builder = BlockBuilder::databases();
    assert!(builder.push_database(0));
    assert!(matches!(
        writer.append(&mut builder),
        Err(SnapshotError::Unfit(_))
    ));
}

/// Files that no accident makes, with right checksums and wrong content: an error, or content that was meant; no panic, no
/// memory for lengths that nothing backs.
#[test]
fn crafted_content_with_right_checksums_does_no_harm() {
    let mut prng = Prng::from_seed(5);
    let meta = SnapshotMeta {
        base: Some(Base {
            id: SnapshotId([3; 16]),
            lsn: 41,
        }),
        ..test_meta()
    };
    let (mut refused, mut broken, mut fine) = (0, 0, 0);
    for _ in 0..3_000 {
        let disk = Arc::new(SimDisk::new(0));
        let mut writer = SnapshotWriter::create(disk.clone(), Path::new("/d"), meta.clone()).unwrap();
        writer.write(crafted_block(&mut prng)).unwrap();
        let info = writer.finish().unwrap();
        match SnapshotReader::open(&*disk, &info.path) {
            Err(_) => refused += 1,
            Ok(reader) => match reader.verify() {
                Err(SnapshotError::Damaged { .. }) => broken += 1,
                Err(error) => panic!("{error}"),
                Ok(()) => fine += 1,
            },
        }
    }
    assert!(
        refused > 100 && broken > 100 && fine > 100,
        "{refused} {broken} {fine}"
    );
}

/// A key that comes twice in a file, whatever the blocks and however small the memory.
#[test]
fn a_key_that_comes_twice_is_noticed() {
    for compression in ALL {
        for at in (7..400u32).step_by(43) {
            let disk = Arc::new(SimDisk::new(0));
            let meta = SnapshotMeta {
                compression,
                ..test_meta()
            };
            let mut writer = SnapshotWriter::create(disk.clone(), Path::new("/d"), meta).unwrap();
            let mut builder = BlockBuilder::entries(1);
            for i in 0..400u32 {
                let key = if i == at { 7 } else { i };
                let entry = EntryRef {
                    db: 0,
                    key: &key.to_le_bytes(),
                    expire_at_ms: None,
                    access: 0,
                    raw: false,
                    portion: Portion::Whole,
                    value_type: 0,
                    payload: b"value",
                };
                assert!(builder.push_entry(&entry));
                if i % 150 == 149 {
                    writer.append(&mut builder).unwrap();
                }
            }
            writer.append(&mut builder).unwrap();
            let info = writer.finish().unwrap();
            let reader = SnapshotReader::open(&*disk, &info.path).unwrap();
            for hashes_max in [20, 1000] {
                let verified = reader.verify_within(hashes_max);
                let what = verified.err().map(|error| error.to_string());
                assert_eq!(what.is_some(), at != 7, "{at}");
                assert!(what.is_none_or(|what| what.contains("a key comes twice")));
            }
        }
    }
}

/// A good block, in which content, lengths or counts were changed here and there.
fn crafted_block(prng: &mut Prng) -> SealedBlock {
    let kind = prng.below(3);
    let mut builder = match kind {
        0 => BlockBuilder::regions(1),
        1 => BlockBuilder::databases(),
        _ => BlockBuilder::entries(1),
    };
    for i in 0..1 + prng.below(5) as u16 {
        let entry = EntryRef {
            db: i,
            key: b"key",
            expire_at_ms: (i % 2 == 0).then_some(1_700_000_000_000),
            access: 0,
            raw: false,
            portion: Portion::Whole,
            value_type: 0,
            payload: &[b'v'; 70],
        };
        assert!(match kind {
            0 => builder.push_region(i, &Region::WHOLE),
            1 => builder.push_database(i),
            _ => builder.push_entry(&entry),
        });
    }
    let compression = ALL[prng.below(3) as usize];
    let mut block = builder.seal(&mut Sealer::new(compression).unwrap()).unwrap();
    let edge = |prng: &mut Prng| {
        let edges = [
            0,
            1,
            2,
            127,
            1 << 20,
            (1 << 20) + 1,
            1 << 33,
            u64::MAX / 2,
            u64::MAX,
        ];
        edges[prng.below(edges.len() as u64) as usize]
    };
    for _ in 0..prng.below(3) {
        match prng.below(3) {
            0 => block.header.entries = edge(prng) as u32,
            1 => block.header.raw_len = edge(prng),
            _ => {
                let at = 32 + prng.below(block.bytes.len() as u64 - 32) as usize;
                block.bytes[at] = prng.below(256) as u8;
            }
        }
    }
    block.header.content_crc = crc32c::crc32c(&block.bytes[32..]);
    block
}
