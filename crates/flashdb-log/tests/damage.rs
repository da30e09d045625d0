//! Every flipped bit, every cut and every lost sector of a small log: what is read is right, or an error names the place;
//! never a wrong frame, never a panic. And what an operator can do then.

mod support;

use flashdb_base::prng::Prng;
use flashdb_disk::{Disk, SimDisk};
use flashdb_log::{
    LogDamage, LogError, Lsn, OnDamage, ScanEnd, ScanOptions, SyncPolicy, TailKind, WriterSettings, repair,
    segment,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{HISTORY, Rig, read, recover};

const DIR: &str = "/data";

/// Three segments of four frames each, ended in good order.
fn small_log(closed: bool) -> (SimDisk, usize) {
    let sim = SimDisk::new(1);
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    disk.create_folder(Path::new(DIR)).expect("a folder");
    disk.sync_folder(Path::new("/")).expect("a folder");
    let settings = WriterSettings {
        policy: SyncPolicy::Always,
        ..WriterSettings::default()
    };
    let mut rig = Rig::new(&disk, Path::new(DIR), settings, 0);
    for segment in 0..3 {
        for len in 0..4 {
            rig.append(len * 10);
            rig.writer.step(1000 + len as u64);
        }
        if segment < 2 {
            rig.writer.rotate(2000).expect("a sound disk");
        }
    }
    if closed {
        rig.writer.close(3000).expect("a sound disk");
    }
    (sim, 12)
}

fn scan_all(disk: &SimDisk) -> Result<(Vec<(Lsn, usize)>, ScanEnd), LogError> {
    read(disk, Path::new(DIR), &ScanOptions::default())
}

fn path(id: u64) -> PathBuf {
    segment::path(Path::new(DIR), id)
}

fn lsns(found: &[(Lsn, usize)]) -> Vec<Lsn> {
    found.iter().map(|(lsn, _)| *lsn).collect()
}

/// PER-82, PER-83: after an orderly end every flipped bit that concerns data is found.
#[test]
fn every_flipped_bit_of_a_closed_log_is_found() {
    let (sound, count) = small_log(true);
    for id in 1..=3 {
        let len = sound.read(&path(id)).expect("a segment").len() as u64;
        for byte in 0..len {
            for bit in 0..8 {
                let disk = sound.snapshot(0);
                disk.flip_bit(&path(id), byte, bit).expect("within the file");
                match scan_all(&disk) {
                    Err(LogError::Damage(damage)) => assert_eq!(damage.path, path(id)),
                    Err(LogError::ForeignHistory { path: of }) => assert_eq!(of, path(id)),
                    Err(error) => panic!("segment {id} byte {byte}: {error}"),
                    // The last mark proves the rest and is proven by nothing.
                    Ok((found, end)) => {
                        assert_eq!((found.len(), end.last), (count, count as u64), "{id} byte {byte}");
                        assert!(id == 3 && byte >= len - segment::MARK_LEN as u64);
                    }
                }
            }
        }
    }
}

/// Without an orderly end a flipped bit in the last part may pass for what a crash left; frames are still never wrong.
#[test]
fn flipped_bits_of_an_open_log_give_a_prefix_or_an_error() {
    let (sound, _) = small_log(false);
    let len = sound.read(&path(3)).expect("a segment").len() as u64;
    for byte in 0..len {
        let disk = sound.snapshot(0);
        disk.flip_bit(&path(3), byte, byte as u32 % 8)
            .expect("within the file");
        if let Ok((found, end)) = scan_all(&disk) {
            assert_eq!(lsns(&found), (1..=end.last).collect::<Vec<_>>(), "byte {byte}");
            assert!(end.last >= 8);
            recover(&disk, Path::new(DIR), 0).expect("it was readable before");
            let (again, _) = scan_all(&disk).expect("the tail is cut");
            assert_eq!(again, found);
        }
    }
}

#[test]
fn every_cut_gives_a_prefix_or_names_the_place() {
    let (sound, _) = small_log(true);
    for id in 1..=3 {
        let len = sound.read(&path(id)).expect("a segment").len() as u64;
        for cut in 0..len {
            let disk = sound.snapshot(0);
            disk.truncate(&path(id), cut).expect("a segment");
            match scan_all(&disk) {
                Ok((found, end)) => {
                    assert_eq!(id, 3);
                    assert_eq!(lsns(&found), (1..=end.last).collect::<Vec<_>>());
                    recover(&disk, Path::new(DIR), 0).expect("it was readable before");
                    let mut rig = Rig::new(
                        &(Arc::new(disk.clone()) as Arc<dyn Disk>),
                        Path::new(DIR),
                        WriterSettings::default(),
                        end.last,
                    );
                    rig.append(5);
                    rig.writer.close(9000).expect("a sound disk");
                    let (again, _) = scan_all(&disk).expect("sound again");
                    assert_eq!(again.len(), found.len() + 1, "cut at {cut}");
                }
                Err(LogError::Damage(damage)) => {
                    assert!(id < 3, "cut of {id} at {cut}: {damage}");
                    assert_eq!(damage.path, path(id));
                    assert!(damage.offset <= cut);
                }
                Err(error) => panic!("cut of {id} at {cut}: {error}"),
            }
        }
    }
}

#[test]
fn random_damage_never_gives_wrong_frames() {
    let (sound, _) = small_log(true);
    for seed in 0..3000 {
        let mut prng = Prng::from_seed(seed);
        let disk = sound.snapshot(0);
        for _ in 0..=prng.below(3) {
            let target = path(1 + prng.below(3));
            let len = sound.read(&target).expect("a segment").len() as u64;
            let at = prng.below(len);
            let count = prng.below((len - at).min(120) + 1);
            if prng.below(2) == 0 {
                disk.zero(&target, at..at + count).expect("within the file");
            } else {
                let mut bytes = vec![0; count as usize];
                prng.fill(&mut bytes);
                disk.overwrite(&target, &bytes, at).expect("within the file");
            }
        }
        // Asserts inside that each frame is what was appended.
        if let Ok((found, end)) = scan_all(&disk) {
            assert_eq!(lsns(&found), (1..=end.last).collect::<Vec<_>>(), "seed {seed}");
        }
        let skipping = ScanOptions {
            on_damage: OnDamage::Skip,
            ..ScanOptions::default()
        };
        match read(&disk, Path::new(DIR), &skipping) {
            Ok((found, end)) => {
                assert!(lsns(&found).is_sorted_by(|a, b| a < b), "seed {seed}");
                assert!(found.len() as u64 + end.skipped.frames >= end.last, "seed {seed}");
            }
            Err(LogError::ForeignHistory { .. }) => {}
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
}

fn damaged_in_the_middle() -> (SimDisk, LogDamage) {
    let (disk, _) = small_log(true);
    let bytes = disk.read(&path(2)).expect("a segment");
    // LSN 6 is the second frame with a key of two bytes in segment 2: found by its key.
    let at = bytes
        .windows(2)
        .position(|window| window == b"k6")
        .expect("its key");
    disk.flip_bit(&path(2), at as u64, 0).expect("within the file");
    let Err(LogError::Damage(damage)) = scan_all(&disk) else {
        panic!("the damage was not found");
    };
    assert_eq!(damage.lsn, 6);
    (disk, damage)
}

#[test]
fn skipping_leaves_out_the_damaged_frame_and_says_so() {
    let (disk, damage) = damaged_in_the_middle();
    let skipping = ScanOptions {
        on_damage: OnDamage::Skip,
        ..ScanOptions::default()
    };
    let (found, end) = read(&disk, Path::new(DIR), &skipping).expect("skipped");
    assert_eq!(lsns(&found), [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]);
    assert_eq!((end.skipped.frames, end.skipped.places), (1, 1));
    assert_eq!(end.skipped.damages, [damage]);
}

#[test]
fn truncating_moves_aside_what_follows() {
    let (disk, damage) = damaged_in_the_middle();
    let aside = repair::truncate(&disk, Path::new(DIR), &damage).expect("a sound disk");
    assert_eq!(aside.len(), 2);
    disk.crash(5);
    let (found, _) = recover(&disk, Path::new(DIR), 0).expect("cut");
    assert_eq!(lsns(&found), [1, 2, 3, 4, 5]);
    for path in aside {
        assert!(disk.read(&path).is_ok_and(|bytes| !bytes.is_empty()));
    }
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut rig = Rig::new(&shared, Path::new(DIR), WriterSettings::default(), 5);
    assert_eq!(rig.append(3), 6);
    rig.writer.close(9000).expect("a sound disk");
    assert_eq!(lsns(&scan_all(&disk).expect("sound").0), [1, 2, 3, 4, 5, 6]);
}

/// A segment of a later or an earlier version is refused, not cut away, and is no damage that could be skipped.
#[test]
fn another_version_is_not_taken_for_torn() {
    for version in [segment::FORMAT_VERSION + 1, segment::FORMAT_VERSION - 1] {
        let (disk, _) = small_log(true);
        let mut bytes = b"FLWL".to_vec();
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.resize(200, 7);
        let mut file = disk
            .open(&path(4), flashdb_disk::OpenMode::CreateNew)
            .expect("a new file");
        file.write_at(&bytes, 0).expect("a sound disk");
        for on_damage in [OnDamage::Stop, OnDamage::Skip] {
            let options = ScanOptions {
                on_damage,
                ..ScanOptions::default()
            };
            let Err(LogError::Version {
                path: of,
                version: found,
            }) = read(&disk, Path::new(DIR), &options)
            else {
                panic!("version {version} was accepted or taken for damage");
            };
            assert_eq!((of, found), (path(4), version));
        }
    }
}

/// A segment whose beginning did not survive is removed; one with frames is damaged.
#[test]
fn a_segment_without_a_beginning() {
    let (disk, count) = small_log(false);
    disk.zero(&path(3), 0..segment::FRAMES_AT as u64)
        .expect("a segment");
    assert!(matches!(scan_all(&disk), Err(LogError::Damage(_))));
    disk.truncate(&path(3), 40).expect("a segment");
    let (found, end) = recover(&disk, Path::new(DIR), 0).expect("as after a crash");
    assert_eq!(found.len(), count - 4);
    assert_eq!(end.headless, [path(3)]);
    assert_eq!(end.tail.map(|tail| tail.kind), Some(TailKind::Whole));
    assert!(disk.read(&path(3)).is_err());
}

/// Found by the simulation (seed 43): a mark alone proves that its segment was entered, when the beginning and the only frame are lost.
#[test]
fn a_segment_of_which_only_a_mark_is_left_was_entered() {
    let sim = SimDisk::new(1);
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    disk.create_folder(Path::new(DIR)).expect("a folder");
    let mut rig = Rig::new(&disk, Path::new(DIR), WriterSettings::default(), 0);
    rig.append(600);
    rig.writer.close(3000).expect("a sound disk");
    sim.zero(&path(1), 0..512).expect("within the file");
    let options = ScanOptions {
        history: Some(HISTORY),
        ..ScanOptions::default()
    };
    match read(disk.as_ref(), Path::new(DIR), &options) {
        Err(LogError::Damage(damage)) => assert_eq!(damage.path, path(1)),
        other => panic!("{other:?}"),
    }
}

/// A frame made by hand: `flags` 8 is `CONTINUES`.
fn group_frame(lsn: Lsn, flags: u8) -> Vec<u8> {
    // A record of kind Command without words: its content does not matter here.
    let inner = [0x70, 0, 0, 0];
    let mut body = vec![0x71, flags, 0, inner.len() as u8];
    body.extend_from_slice(&inner);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&body), &lsn.to_le_bytes());
    let mut frame = crc.to_le_bytes().to_vec();
    frame.extend_from_slice(&lsn.to_le_bytes());
    frame.extend_from_slice(&body);
    frame
}

fn segment_of(id: u64, first: Lsn, flags: &[u8]) -> Vec<u8> {
    let mut bytes = segment::SegmentStart {
        id,
        first,
        history: support::HISTORY,
        created_ms: 5,
    }
    .encode();
    for (lsn, flags) in (first..).zip(flags) {
        bytes.extend_from_slice(&group_frame(lsn, *flags));
    }
    bytes
}

fn disk_of(segments: &[Vec<u8>]) -> SimDisk {
    let disk = SimDisk::new(0);
    disk.create_folder(&segment::folder(Path::new(DIR)))
        .expect("a folder");
    for (id, bytes) in (1..).zip(segments) {
        let mut file = disk
            .open(&path(id), flashdb_disk::OpenMode::CreateNew)
            .expect("a new file");
        file.write_at(bytes, 0).expect("a sound disk");
    }
    disk
}

fn scan_lsns(disk: &SimDisk) -> Result<(Vec<Lsn>, ScanEnd), LogError> {
    let mut found = Vec::new();
    let end = flashdb_log::scan(disk, Path::new(DIR), &ScanOptions::default(), |visited| {
        found.push(visited.frame.lsn);
        std::ops::ControlFlow::Continue(())
    })?;
    Ok((found, end))
}

/// A group that takes several frames is visited whole or not at all.
#[test]
fn a_group_without_its_end_is_cut_off() {
    let whole = disk_of(&[segment_of(1, 1, &[0, 8, 8, 0, 0])]);
    assert_eq!(scan_lsns(&whole).expect("sound").0, [1, 2, 3, 4, 5]);

    let torn = disk_of(&[segment_of(1, 1, &[0, 8, 8])]);
    let (found, end) = scan_lsns(&torn).expect("torn");
    assert_eq!((found, end.last), (vec![1], 1));
    repair::cut_tail(&torn, Path::new(DIR), &end).expect("a sound disk");
    assert_eq!(torn.read(&path(1)).expect("a segment"), segment_of(1, 1, &[0]));

    let torn_within = disk_of(&[segment_of(1, 1, &[0, 8, 8, 0])]);
    torn_within
        .flip_bit(&path(1), segment_of(1, 1, &[0, 8, 8]).len() as u64 + 14, 0)
        .expect("a segment");
    let (found, end) = scan_lsns(&torn_within).expect("torn");
    assert_eq!((found, end.last), (vec![1], 1));

    let damaged = disk_of(&[segment_of(1, 1, &[0, 8]), segment_of(2, 3, &[0])]);
    let Err(LogError::Damage(damage)) = scan_lsns(&damaged) else {
        panic!("half of a group was accepted");
    };
    assert_eq!((damage.path, damage.lsn), (path(1), 2));
}

/// LSNs have to join over segments, too.
#[test]
fn segments_that_do_not_join_are_damage() {
    for (first, lsn) in [(4, 3), (2, 3)] {
        let disk = disk_of(&[segment_of(1, 1, &[0, 0]), segment_of(2, first, &[0, 0])]);
        let Err(LogError::Damage(damage)) = scan_lsns(&disk) else {
            panic!("segments that do not join were accepted");
        };
        assert_eq!(damage.lsn, lsn);
    }
}
