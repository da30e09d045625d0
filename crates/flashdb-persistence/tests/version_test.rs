//! A start finds segments of another version of the format: it refuses them by name whatever it was told about damage, and leaves
//! all files as they were; the check of the folder says the same. A segment of ours with a damaged header is damage to both.

use flashdb_config::{Recover, Settings};
use flashdb_disk::{Disk, OpenMode, SimDisk};
use flashdb_log::segment::{self, SegmentStart};
use flashdb_log::{LogError, Lsn};
use flashdb_persistence::check::{Report, check};
use flashdb_persistence::load::LoadProgress;
use flashdb_persistence::recover::{Point, RecoverOptions, Recovered, recover};
use flashdb_persistence::{DataFolder, PersistenceError, offline};
use flashdb_store::Usage;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const DIR: &str = "/data";
const HISTORY: [u8; 16] = *b"history of tests";
const MODES: [Recover; 3] = [Recover::Stop, Recover::Truncate, Recover::Skip];

fn sealed(lsn: Lsn, body: &[u8]) -> Vec<u8> {
    let lsn = lsn.to_le_bytes();
    let crc = crc32c::crc32c_append(crc32c::crc32c(body), &lsn);
    [&crc.to_le_bytes(), &lsn[..], body].concat()
}

/// A frame of format version 1.
fn old_frame(lsn: Lsn, kind: u8, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut body = vec![kind, 0, 0, 0];
    body.extend_from_slice(&(key.len() as u32).to_le_bytes());
    body.extend_from_slice(&(value.len() as u32).to_le_bytes());
    body.extend_from_slice(&0i64.to_le_bytes());
    body.extend_from_slice(key);
    body.extend_from_slice(value);
    sealed(lsn, &body)
}

/// A segment of format version 1 with one SET.
fn old_segment(id: u64, first: Lsn) -> Vec<u8> {
    let mut start = id.to_le_bytes().to_vec();
    start.extend_from_slice(&first.to_le_bytes());
    start.extend_from_slice(&HISTORY);
    start.extend_from_slice(&1_700_000_000_000u64.to_le_bytes());
    let mut bytes = b"FLWL\x01\x00".to_vec();
    bytes.extend_from_slice(&id.to_le_bytes());
    bytes.extend(old_frame(first - 1, 0x7E, b"", &start));
    bytes.extend(old_frame(first, 0x01, b"k", b"v"));
    bytes
}

/// A segment of ours with two SETs.
fn segment(id: u64, first: Lsn) -> Vec<u8> {
    let start = SegmentStart {
        id,
        first,
        history: HISTORY,
        created_ms: 1_700_000_000_000,
    };
    let mut bytes = start.encode();
    for lsn in first..first + 2 {
        bytes.extend(sealed(lsn, b"\x01\x00\x01\x01kv"));
    }
    bytes
}

fn plain(id: u64) -> PathBuf {
    segment::path(Path::new(DIR), id)
}

fn archived(id: u64) -> PathBuf {
    segment::archived_path(Path::new(DIR), id)
}

fn disk_of(files: &[(PathBuf, Vec<u8>)]) -> SimDisk {
    let disk = SimDisk::new(1);
    disk.create_folder(&segment::archive_folder(Path::new(DIR)))
        .expect("a folder");
    for (path, bytes) in files {
        let mut file = disk.open(path, OpenMode::CreateNew).expect("a new file");
        file.write_at(bytes, 0).expect("a sound disk");
    }
    disk
}

/// All segments, whatever their names end with.
fn files(disk: &SimDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = Path::new(DIR);
    let mut files = Vec::new();
    for folder in [segment::folder(dir), segment::archive_folder(dir)] {
        for name in disk.list(&folder).expect("a folder") {
            let path = folder.join(name);
            if let Ok(bytes) = disk.read(&path) {
                files.push((path, bytes));
            }
        }
    }
    files.sort();
    files
}

fn start(disk: &SimDisk, on_damage: Recover, to: Option<Point>) -> Result<Recovered, PersistenceError> {
    let folder = DataFolder::open(Arc::new(disk.clone()), Path::new(DIR))?;
    let settings = Settings::default();
    let space = offline::keyspace(&settings);
    let options = RecoverOptions {
        on_damage,
        to,
        settings: &settings,
        usage: Usage::Lru,
        now_ms: 1_700_000_000_000,
        read_only: false,
    };
    let lanes = offline::lanes(&space);
    recover(&space, &folder, options, lanes, &LoadProgress::default())
}

fn checked(disk: &SimDisk) -> Report {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    check(&disk, Path::new(DIR)).expect("readable")
}

fn assert_refused(disk: &SimDisk, old: &Path, to: Option<Point>) {
    let before = files(disk);
    for mode in MODES {
        let error = start(disk, mode, to).expect_err("a version that is not ours");
        let text = error.to_string();
        let PersistenceError::Log(LogError::Version { path, version: 1 }) = error else {
            panic!("{mode:?}: {text}");
        };
        assert_eq!(path, old, "{mode:?}");
        assert!(
            text.contains(&*old.to_string_lossy()) && text.contains("version 1"),
            "{text}"
        );
        assert!(checked(disk).damage.contains(&text), "{:?}", checked(disk).damage);
        assert!(files(disk) == before, "{mode:?} changed a file");
    }
}

#[test]
fn another_version_is_refused_in_every_mode_and_left_alone() {
    assert_refused(&disk_of(&[(plain(1), old_segment(1, 1))]), &plain(1), None);
    // As it is after a start that passed over it.
    let followed = [(plain(1), old_segment(1, 1)), (plain(2), segment(2, 2))];
    assert_refused(&disk_of(&followed), &plain(1), None);
    // Behind damage at which the log could be cut.
    let mut damaged = segment(1, 1);
    damaged[segment::FRAMES_AT] ^= 1;
    let behind = [(plain(1), damaged), (plain(2), old_segment(2, 3))];
    assert_refused(&disk_of(&behind), &plain(2), None);
    // Being made when the power went, with the one before it sound.
    let short = old_segment(2, 3)[..14].to_vec();
    let begun = [(plain(1), segment(1, 1)), (plain(2), short)];
    assert_refused(&disk_of(&begun), &plain(2), None);
}

#[test]
fn an_archived_segment_of_another_version_is_refused_by_those_who_go_back_to_it() {
    let packed = zstd_of(&old_segment(1, 1));
    let disk = disk_of(&[(archived(1), packed), (plain(2), segment(2, 2))]);
    assert_refused(&disk, &archived(1), Some(Point::Lsn(2)));
}

/// One raw block, with the content's length in the header and no checksum.
fn zstd_of(content: &[u8]) -> Vec<u8> {
    let len = content.len() as u8;
    assert_eq!(usize::from(len), content.len());
    let block = u32::from(len) << 3 | 1;
    let mut packed = vec![0x28, 0xB5, 0x2F, 0xFD, 0x20, len];
    packed.extend_from_slice(&block.to_le_bytes()[..3]);
    packed.extend_from_slice(content);
    packed
}

#[test]
fn a_damaged_header_of_ours_is_damage_to_start_and_check() {
    for (byte, value) in [(0, b'X'), (4, 0), (4, 1), (4, 3), (4, 200), (5, 1)] {
        let mut bytes = segment(1, 1);
        bytes[byte] = value;
        let offset = byte as u64 & !1;
        let disk = disk_of(&[(plain(1), bytes.clone())]);

        let error = start(&disk, Recover::Stop, None).expect_err("it is damaged");
        let text = error.to_string();
        let PersistenceError::Log(LogError::Damage(damage)) = error else {
            panic!("{text}");
        };
        assert_eq!(
            (damage.path, damage.offset),
            (plain(1), offset),
            "byte {byte}: {value}"
        );
        assert_eq!(checked(&disk).damage, [text], "byte {byte}: {value}");

        let skipped = start(&disk, Recover::Skip, None).expect("consent");
        assert_eq!((skipped.frames, skipped.frames_lost), (2, 0));
        let cut = disk_of(&[(plain(1), bytes.clone())]);
        start(&cut, Recover::Truncate, None).expect("consent");
        let aside = PathBuf::from(format!("{}{}", plain(1).display(), segment::CUT_SUFFIX));
        assert_eq!(files(&cut), [(aside, bytes)]);
    }
}

#[test]
fn a_segment_that_was_being_made_is_sound() {
    for bytes in [Vec::new(), vec![0; 4096], segment(2, 3)[..40].to_vec()] {
        let alone = disk_of(&[(plain(1), bytes.clone())]);
        assert_eq!(checked(&alone).damage, [""; 0]);
        start(&alone, Recover::Stop, None).expect("nothing was in it");
        let behind = disk_of(&[(plain(1), segment(1, 1)), (plain(2), bytes)]);
        assert_eq!(checked(&behind).damage, [""; 0]);
        assert_eq!(start(&behind, Recover::Stop, None).expect("sound").frames, 2);
    }
}
