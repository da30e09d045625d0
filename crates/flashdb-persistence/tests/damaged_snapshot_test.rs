//! What the fuzz target `snapshot_file` does, with fixed seeds: a small snapshot with values of all types, whole and in pieces,
//! and an incremental one on it, damaged in all layers under checksums that match. Nothing panics or takes memory for what
//! a file only announces, and who verifies and who loads agree.

mod snapshot_bytes;

use flashdb_base::prng::Prng;
use flashdb_config::Settings;
use flashdb_disk::{Disk, SimDisk};
use flashdb_log::effects::frames;
use flashdb_log::{EffectBuffer, Log};
use flashdb_persistence::replay::{Commands, Replayer, Setup};
use flashdb_persistence::{DataFolder, offline};
use flashdb_snapshot::{
    Base, BlockBuffer, BlockBuilder, Collection, Compression, EntryRef, Member, Portion, Region, SnapshotId,
    SnapshotMeta, SnapshotReader, SnapshotWriter, put_head,
};
use flashdb_store::{Keyspace, Usage};
use snapshot_bytes::{DATABASES, Part, Parts, Verdict, judge};
use std::path::Path;
use std::sync::Arc;

const NOW_MS: i64 = 1_700_000_000_000;
const LIBRARY: &[u8] = b"#!lua name=lib\nredis.register_function('f', function() return 1 end)";
/// What each file is damaged like, so often.
const ROUNDS: u64 = 1000;

const ADDRESS_SPACE_MAX_MIB: u64 = 4096;

/// An entry that can be changed.
#[derive(Clone, Debug)]
struct Entry {
    db: u16,
    key: Vec<u8>,
    expire_at_ms: Option<i64>,
    raw: bool,
    portion: Portion,
    value_type: u8,
    payload: Vec<u8>,
}

impl Entry {
    fn of(entry: &EntryRef<'_>) -> Entry {
        Entry {
            db: entry.db,
            key: entry.key.to_vec(),
            expire_at_ms: entry.expire_at_ms,
            raw: entry.raw,
            portion: entry.portion,
            value_type: entry.value_type,
            payload: entry.payload.to_vec(),
        }
    }

    fn as_ref(&self) -> EntryRef<'_> {
        EntryRef {
            db: self.db,
            key: &self.key,
            expire_at_ms: self.expire_at_ms,
            access: 7,
            raw: self.raw,
            portion: self.portion,
            value_type: self.value_type,
            payload: &self.payload,
        }
    }
}

/// Values of all types, as the server writes them.
fn whole_entries() -> Vec<Entry> {
    let settings = Settings::default();
    let (space, commands) = (Keyspace::new(1, DATABASES, 1).0, Commands::new());
    let setup = Setup {
        space: &space,
        commands: &commands,
        settings: &settings,
        usage: Usage::Lru,
        now_ms: NOW_MS,
    };
    let (log, mut buffer) = (Log::default(), EffectBuffer::default());
    log.enable(true);
    for request in [
        "SET string value PXAT 1800000000000",
        "SET number 12345",
        "RPUSH list a 17 ccc",
        "SADD integers 1 2 300000",
        "SADD set a b ccc",
        "HSET hash f 1 g 2",
        "HSET expiring f 1 g 2",
        "HPEXPIREAT expiring 1800000000000 FIELDS 1 f",
        "ZADD zset 1 a 2.5 b",
        "XADD stream 5-1 f v",
        "XADD stream 6-1 g v",
        "XGROUP CREATE stream group 0",
    ] {
        let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        buffer.push(1, false, words.len(), |at| words[at]);
        buffer.end_frame();
    }
    log.append(&mut buffer);
    let bytes = log.take(Vec::new()).bytes;
    let mut replayer = Replayer::new(setup, 0);
    for (at, frame) in frames(&bytes).enumerate() {
        replayer.apply(&frame.expect("sound"), at as u64).expect("sound");
    }
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    let folder = DataFolder::open(disk.clone(), Path::new("/data")).expect("an empty disk");
    let info = offline::write(&space, &folder, &settings, NOW_MS).expect("a sound disk");
    let reader = SnapshotReader::open(disk.as_ref(), &info.path).expect("just written");
    let (mut entries, mut buffer) = (Vec::new(), BlockBuffer::new());
    for index in 0..reader.blocks().len() {
        let block = reader.read_block(index, &mut buffer).expect("just written");
        entries.extend(
            block
                .entries()
                .map(|entry| Entry::of(&entry.expect("just written"))),
        );
    }
    assert_eq!(entries.len(), 9);
    entries
}

/// A value of six members in pieces of three.
fn in_pieces(collection: Collection) -> Vec<Entry> {
    let entry = |portion, payload| Entry {
        db: 2,
        key: format!("{collection:?} in pieces").into_bytes(),
        expire_at_ms: (portion == Portion::Head).then_some(NOW_MS * 2),
        raw: false,
        portion,
        value_type: collection.code(),
        payload,
    };
    let mut total = Vec::new();
    put_head(6, &mut total);
    let mut entries = vec![entry(Portion::Head, total)];
    for first in [0, 3] {
        let mut payload = Vec::new();
        for number in first..first + 3 {
            let name = format!("member {number}");
            let name = name.as_bytes();
            let member = match collection {
                Collection::Set => Member::Set(name),
                Collection::List => Member::List(number, name),
                Collection::ZSet => Member::ZSet(name, number as f64),
                Collection::Hash => Member::Hash {
                    name,
                    value: b"value",
                    expires_at_ms: (number % 2 == 0).then_some(NOW_MS as u64 * 2),
                },
            };
            member.put(&mut payload);
        }
        entries.insert(0, entry(Portion::Piece, payload));
    }
    entries
}

fn all_entries() -> Vec<Entry> {
    let mut entries = whole_entries();
    for collection in [
        Collection::List,
        Collection::Set,
        Collection::Hash,
        Collection::ZSet,
    ] {
        entries.extend(in_pieces(collection));
    }
    entries
}

/// The file of these entries, four a block, as the writer writes it.
fn file_of(entries: &[Entry], base: Option<Base>, compression: Compression) -> Vec<u8> {
    let disk = Arc::new(SimDisk::new(1));
    let lsn = base.map_or(5, |base| base.lsn + 1);
    let meta = SnapshotMeta {
        id: SnapshotId([lsn as u8; 16]),
        lsn,
        base,
        history: flashdb_snapshot::HistoryId([9; 16]),
        created_ms: NOW_MS,
        label: "label".to_owned(),
        kept: false,
        databases: DATABASES as u32,
        shards: 2,
        hash_seed: vec![3; 16],
        compression,
    };
    let mut writer = SnapshotWriter::create(disk.clone(), Path::new("/data"), meta).expect("a sound disk");
    if base.is_some() {
        let mut regions = BlockBuilder::regions(0);
        assert!(regions.push_region(1, &Region::WHOLE) && regions.push_region(2, &Region::WHOLE));
        writer.append(&mut regions).expect("a sound disk");
        let mut databases = BlockBuilder::databases();
        assert!(databases.push_database(0) && databases.push_database(3));
        writer.append(&mut databases).expect("a sound disk");
    }
    for chunk in entries.chunks(4) {
        let mut builder = BlockBuilder::entries(0);
        assert!(chunk.iter().all(|entry| builder.push_entry(&entry.as_ref())));
        writer.append(&mut builder).expect("a sound disk");
    }
    let library = [&(LIBRARY.len() as u64).to_le_bytes(), LIBRARY].concat();
    writer
        .append(&mut BlockBuilder::functions(&library))
        .expect("a sound disk");
    let info = writer.finish().expect("a sound disk");
    disk.read(&info.path).expect("just written")
}

const BASE: Base = Base {
    id: SnapshotId([5; 16]),
    lsn: 5,
};

#[test]
fn files_taken_apart_and_put_together_are_the_same() {
    let entries = all_entries();
    let base = file_of(&entries, None, Compression::None);
    for compression in [
        Compression::None,
        Compression::Lz4,
        Compression::Zstd { level: 1 },
    ] {
        for on in [None, Some(BASE)] {
            let file = file_of(&entries, on, compression);
            assert_eq!(Parts::of(&file).expect("a file").bytes(), file);
            assert_eq!(judge(&file, on.map(|_| &base[..])), Verdict::Sound);
        }
    }
}

/// Changes entries as such: what is written is understood, but need not fit together.
fn change_entries(entries: &mut Vec<Entry>, prng: &mut Prng) {
    for _ in 0..1 + prng.below(3) {
        if entries.is_empty() {
            return;
        }
        let at = prng.below(entries.len() as u64) as usize;
        let other = entries[prng.below(entries.len() as u64) as usize].clone();
        let entry = &mut entries[at];
        match prng.below(9) {
            0 => drop(entries.remove(at)),
            1 => entries.insert(at, other),
            2 => entry.payload = other.payload,
            3 => entry.key = other.key,
            4 => entry.db = other.db,
            5 => entry.value_type = [other.value_type, prng.below(32) as u8][prng.below(2) as usize],
            6 => {
                entry.portion = other.portion;
                entry.raw &= entry.portion == Portion::Whole;
            }
            _ => change_bytes(&mut entry.payload, prng),
        }
        // What the writer takes.
        for entry in entries.iter_mut().filter(|entry| entry.portion == Portion::Piece) {
            entry.expire_at_ms = None;
        }
    }
}

/// Changes a few bytes, or how many there are.
fn change_bytes(bytes: &mut Vec<u8>, prng: &mut Prng) {
    let at = prng.below(bytes.len() as u64 + 1) as usize;
    let end = (at + 1 + prng.below(12) as usize).min(bytes.len());
    match prng.below(6) {
        0 => drop(bytes.drain(at..end)),
        1 => {
            let copy = bytes[at..end].to_vec();
            let to = prng.below(bytes.len() as u64 + 1) as usize;
            bytes.splice(to..to, copy);
        }
        2 => {
            // A length beyond all measure.
            let varint = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
            let skipped = prng.below(9) as usize;
            bytes.splice(at..end, varint[skipped..].iter().copied());
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = [*byte ^ 1 << prng.below(8), prng.below(256) as u8][prng.below(2) as usize];
            }
        }
    }
}

/// Changes blocks and what is said of them.
fn change_parts(parts: &mut Parts, prng: &mut Prng) {
    for _ in 0..1 + prng.below(2) {
        if parts.blocks.is_empty() {
            return;
        }
        let at = prng.below(parts.blocks.len() as u64) as usize;
        let other = parts.blocks[prng.below(parts.blocks.len() as u64) as usize].clone();
        let edges = [0, 1, 2, 4, 5, 300, 1 << 20, (1 << 20) + 1, 1 << 40, u64::MAX];
        let edge = edges[prng.below(edges.len() as u64) as usize];
        let block: &mut Part = &mut parts.blocks[at];
        match prng.below(16) {
            0 => drop(parts.blocks.remove(at)),
            1 => parts.blocks.insert(at, other),
            2 => block.kind = prng.below(6) as u8,
            3 => block.codec = prng.below(4) as u8,
            4 => block.shard = [0, 1, 2, u16::MAX][prng.below(4) as usize],
            5 => block.entries = edge as u32,
            6 => block.raw_len = edge,
            7 => {
                let head = 16 + prng.below(parts.head.len() as u64 - 16) as usize;
                parts.head[head] ^= 1 << prng.below(8);
            }
            _ => {
                let is_plain = block.codec == 0;
                change_bytes(&mut block.content, prng);
                if is_plain && prng.below(20) > 0 {
                    block.raw_len = block.content.len() as u64;
                }
            }
        }
    }
}

/// Lengths of gigabytes stand in the files, and nothing behind them. Address space counts that was ever reserved, used or not;
/// threads take the most of it.
fn assert_that_memory_was_modest() {
    let status = std::fs::read_to_string("/proc/self/status").expect("this runs on Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let mib = kib.expect("VmPeak in kB") / 1024;
    assert!(mib < ADDRESS_SPACE_MAX_MIB, "{mib} MiB");
}

/// How often there was which verdict: none of them may be a rarity.
#[derive(Debug, Default)]
struct Figures {
    no_snapshot: u32,
    damaged: u32,
    not_held: u32,
    sound: u32,
}

impl Figures {
    fn note(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::NoSnapshot => &mut self.no_snapshot,
            Verdict::Damaged => &mut self.damaged,
            Verdict::NotHeld => &mut self.not_held,
            Verdict::Sound => &mut self.sound,
        } += 1;
    }
}

#[test]
fn entries_that_do_not_fit_together_do_no_harm() {
    let mut prng = Prng::from_seed(21);
    let (entries, mut figures) = (all_entries(), Figures::default());
    for _ in 0..ROUNDS {
        let mut entries = entries.clone();
        change_entries(&mut entries, &mut prng);
        figures.note(judge(&file_of(&entries, None, Compression::None), None));
    }
    assert_that_memory_was_modest();
    assert!(
        figures.damaged > 100 && figures.not_held > 20 && figures.sound > 20,
        "{figures:?}"
    );
}

#[test]
fn damage_under_checksums_that_match_does_no_harm() {
    let mut prng = Prng::from_seed(22);
    let (entries, mut figures) = (all_entries(), Figures::default());
    let base = file_of(&entries, None, Compression::None);
    let mut files = Vec::new();
    for compression in [
        Compression::None,
        Compression::Lz4,
        Compression::Zstd { level: 1 },
    ] {
        files.push(file_of(&entries, None, compression));
        files.push(file_of(&entries, Some(BASE), compression));
    }
    // Compressed content is seldom content any more, so most rounds are for what is not.
    for round in 0..2 * ROUNDS as usize {
        let file = &files[if round % 4 < 3 {
            round % 2
        } else {
            round / 4 % files.len()
        }];
        let mut parts = Parts::of(file).expect("a file");
        change_parts(&mut parts, &mut prng);
        figures.note(judge(&parts.bytes(), Some(&base)));
    }
    assert_that_memory_was_modest();
    assert!(
        figures.no_snapshot > 100 && figures.damaged > 100 && figures.not_held > 20 && figures.sound > 20,
        "{figures:?}"
    );
}

/// As a fuzzer begins: bytes that are hardly a file at all.
#[test]
fn any_bytes_do_no_harm() {
    let mut prng = Prng::from_seed(23);
    let file = file_of(&all_entries(), None, Compression::Lz4);
    for _ in 0..ROUNDS {
        let mut bytes = file.clone();
        for _ in 0..1 + prng.below(8) {
            change_bytes(&mut bytes, &mut prng);
        }
        judge(&bytes, None);
        let parts = Parts::of(&bytes).unwrap_or_else(|| Parts::around(&bytes));
        judge(&parts.bytes(), None);
    }
    assert_that_memory_was_modest();
}

/// Found with other seeds: who loads read the first one only, who verifies both.
#[test]
fn two_blocks_of_functions_are_refused() {
    let mut parts = Parts::of(&file_of(&all_entries(), None, Compression::None)).expect("a file");
    parts.blocks.extend(parts.blocks.last().cloned());
    assert_eq!(judge(&parts.bytes(), None), Verdict::NoSnapshot);
}

#[test]
fn a_file_around_entries_is_one() {
    assert_eq!(judge(&Parts::around(b"").bytes(), None), Verdict::Sound);
    assert_eq!(judge(&Parts::around(b"\x10\xff").bytes(), None), Verdict::Damaged);
    let string = b"\x10\xff\0\0\0\0\0\x01k\x02\x01v";
    assert_eq!(judge(&Parts::around(string).bytes(), None), Verdict::Sound);
}
