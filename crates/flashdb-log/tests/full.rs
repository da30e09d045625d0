//! A disk that is full to the last block: what was let in before is written into the room that was held for it, nothing is lost, and
//! it goes on by itself once there is room.

mod support;

use flashdb_disk::sim::Operation;
use flashdb_disk::{Disk, SimDisk};
use flashdb_log::{
    ActiveSegment, LogError, LogWriter, ScanOptions, StepOutcome, SyncPolicy, WriterSettings, archive,
    reserve, segment,
};
use std::path::Path;
use std::sync::Arc;
use support::{HISTORY, Rig, parts, read, recover};

const DIR: &str = "/data";
const RESERVE_BYTES: u64 = 8192;

fn settings(policy: SyncPolicy) -> WriterSettings {
    WriterSettings {
        policy,
        segment_bytes: 1 << 20,
        reserve_bytes: RESERVE_BYTES,
        ..WriterSettings::default()
    }
}

fn new_disk() -> (SimDisk, Arc<dyn Disk>) {
    let sim = SimDisk::new(1);
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    disk.create_folder(Path::new(DIR)).expect("a folder");
    disk.sync_folder(Path::new("/")).expect("a folder");
    (sim, disk)
}

fn rig(disk: &Arc<dyn Disk>, policy: SyncPolicy) -> Rig {
    Rig::new(disk, Path::new(DIR), settings(policy), 0)
}

fn used(sim: &SimDisk) -> u64 {
    let sectors = |len: &u64| len.div_ceil(512) * 512;
    sim.files().iter().map(|(_, len)| sectors(len)).sum()
}

/// What is appended before clients can be told is durable; then they are told, and only as long as there is no room.
#[test]
fn a_full_disk_loses_nothing() {
    let (sim, disk) = new_disk();
    let mut rig = rig(&disk, SyncPolicy::Always);
    rig.append(100);
    rig.writer.step(2000);
    assert!(rig.log.takes_writes());
    sim.set_capacity(Some(used(&sim)));
    for _ in 0..5 {
        rig.append(900);
    }
    assert!(matches!(rig.writer.step(2001), StepOutcome::Progress { .. }));
    assert_eq!(rig.log.durable(), 6, "in the room that was held");
    assert!(rig.log.is_full() && rig.log.refuses_writes() && !rig.log.has_failed());
    assert!(!rig.writer.regain(2002));
    // Keys that expire are logged all the same.
    rig.append(50);
    rig.writer.step(2003);
    assert_eq!(rig.log.durable(), 7);

    sim.set_capacity(None);
    assert!(rig.writer.regain(2004));
    assert!(rig.log.takes_writes());
    assert_eq!(rig.writer.status().lock().reserve_bytes, RESERVE_BYTES);
    rig.append(100);
    rig.writer.step(2005);
    assert_eq!(*rig.heard.health.lock(), [], "it has not failed");
    assert_eq!(*rig.heard.full.lock(), [true, false]);
    sim.crash(7);
    let (found, _) = recover(&sim, Path::new(DIR), 0).expect("a sound log");
    assert_eq!(found.len(), 8);
}

/// The writer looks for room by itself, once a second, and does not sleep longer than that.
#[test]
fn room_is_found_by_the_writer_itself() {
    let (sim, disk) = new_disk();
    let mut rig = rig(&disk, SyncPolicy::Always);
    sim.set_capacity(Some(used(&sim)));
    for _ in 0..5 {
        rig.append(900);
    }
    rig.writer.step(2000);
    assert!(rig.log.is_full());
    assert!(!rig.writer.regain(2001));
    assert_eq!(rig.writer.idle_ms_max(2101), Some(900));
    sim.set_capacity(None);
    rig.writer.step(3000);
    assert!(rig.log.is_full(), "not at every step");
    rig.writer.step(3001);
    assert!(rig.log.takes_writes());
    assert_eq!(rig.writer.idle_ms_max(3001), None);
}

/// A segment that had to go leaves a hole, in which no point in time can be told from another; nor is the one before taken for it.
#[test]
fn a_hole_is_no_point_in_time() {
    let (_sim, disk) = new_disk();
    let mut rig = rig(&disk, SyncPolicy::Always);
    for now_ms in [2000, 3000, 4000] {
        for _ in 0..5 {
            rig.append(100);
        }
        rig.writer.step(now_ms);
        rig.writer.rotate(now_ms).expect("another segment");
    }
    let reached = |until_ms| {
        let options = ScanOptions {
            until_ms: Some(until_ms),
            ..ScanOptions::default()
        };
        read(disk.as_ref(), Path::new(DIR), &options).map(|(_, end)| end)
    };
    // The second segment was made at 2000, and so on.
    assert_eq!(reached(2500).expect("all of it is there").last, 10);
    disk.remove(&segment::path(Path::new(DIR), 2)).expect("removed");
    // The last mark in the first segment tells of the time up to 2000.
    assert_eq!(reached(1500).expect("it is there").last, 5);
    for until_ms in [2001, 2500] {
        assert!(
            matches!(
                reached(until_ms),
                Err(LogError::Gap {
                    wanted: 6,
                    found: 11,
                    ..
                })
            ),
            "{until_ms}"
        );
    }
}

/// Between a snapshot and a log that begins later there is no point in time, but for the second of the snapshot itself.
#[test]
fn before_the_log_there_is_only_what_a_snapshot_holds() {
    let (_sim, disk) = new_disk();
    let dir = Path::new(DIR);
    let mut rig = rig(&disk, SyncPolicy::Always);
    for now_ms in [2000, 5000] {
        for _ in 0..5 {
            rig.append(100);
        }
        rig.writer.step(now_ms);
        rig.writer.rotate(now_ms).expect("another segment");
    }
    // Frames 1 to 10 go with a snapshot of them, taken at 5000; one of frames 1 to 3 stays.
    archive::retire(disk.as_ref(), dir, 10, 0, 6000).expect("a sound disk");
    let reached = |from, from_ms, until_ms| {
        let options = ScanOptions {
            from,
            from_ms,
            until_ms: Some(until_ms),
            archived: true,
            ..ScanOptions::default()
        };
        read(disk.as_ref(), dir, &options).map(|(found, end)| (found.len(), end.last))
    };
    for (until_ms, is_known) in [(2500, true), (3499, true), (3500, false), (4999, false)] {
        match reached(3, 2500, until_ms) {
            Ok(reached) => assert!(is_known && reached == (0, 3), "{until_ms}: {reached:?}"),
            Err(LogError::Gap { wanted, found, .. }) => {
                assert!(!is_known && (wanted, found) == (4, 11), "{until_ms}");
            }
            Err(error) => panic!("{until_ms}: {error}"),
        }
    }
    // The log goes on where this one ends.
    assert_eq!(reached(10, 4000, 4900).expect("nothing is missing"), (0, 10));
}

/// While the log was off nobody wrote down what changed; up to its end it is known, however long nothing happened before that.
#[test]
fn while_the_log_was_off_there_is_no_point_in_time() {
    let (_sim, disk) = new_disk();
    let mut first = rig(&disk, SyncPolicy::Always);
    for _ in 0..5 {
        first.append(100);
    }
    first.writer.step(2000);
    first.writer.close(6000).expect("a sound disk");
    let settings = settings(SyncPolicy::Always);
    let mut second = Rig::try_new(&disk, Path::new(DIR), settings, 7, 9000).expect("a segment");
    second.append(100);
    second.writer.step(9500);
    let reached = |until_ms| {
        let options = ScanOptions {
            until_ms: Some(until_ms),
            ..ScanOptions::default()
        };
        read(disk.as_ref(), Path::new(DIR), &options).map(|(_, end)| end.last)
    };
    for until_ms in [2000, 5000, 6000] {
        assert_eq!(reached(until_ms).expect("it is known"), 5, "{until_ms}");
    }
    for until_ms in [6001, 8999] {
        assert!(
            matches!(
                reached(until_ms),
                Err(LogError::Gap {
                    wanted: 6,
                    found: 8,
                    ..
                })
            ),
            "{until_ms}"
        );
    }
    // A snapshot of the log's end, taken later in that time, tells of its own second.
    for (until_ms, is_known) in [(7200, true), (7999, true), (8300, false)] {
        let options = ScanOptions {
            from: 5,
            from_ms: 7200,
            until_ms: Some(until_ms),
            ..ScanOptions::default()
        };
        let reached = read(disk.as_ref(), Path::new(DIR), &options);
        assert_eq!(reached.is_ok(), is_known, "{until_ms}");
    }
}

/// A segment that is being written is read as far as it is whole, and never mapped: it may be cut meanwhile.
#[test]
fn a_segment_that_is_written_is_not_mapped() {
    let (sim, disk) = new_disk();
    let mut rig = Rig::new(
        &disk,
        Path::new(DIR),
        WriterSettings {
            preallocate_bytes: 4096,
            ..settings(SyncPolicy::Always)
        },
        0,
    );
    rig.append(100);
    rig.writer.rotate(2000).expect("another segment");
    rig.append(100);
    rig.writer.step(3000);
    let active = rig.writer.status().lock().active.expect("a segment");
    let options = ScanOptions {
        active: Some(ActiveSegment {
            id: active.id,
            bytes: active.bytes,
        }),
        ..ScanOptions::default()
    };
    let looked = || {
        let before = sim.counts().of(Operation::Map);
        let (found, end) = read(disk.as_ref(), Path::new(DIR), &options).expect("a sound log");
        (found.len(), end.last, sim.counts().of(Operation::Map) - before)
    };
    assert_eq!(looked(), (2, 2, 1));
    // What comes later is not looked at: neither in the same segment, which is cut then, nor in the next.
    rig.append(100);
    rig.writer.rotate(4000).expect("another segment");
    rig.append(100);
    rig.writer.step(5000);
    assert_eq!(looked(), (2, 2, 1));
}

/// The room that was held is not enough for all: then it fails, as without.
#[test]
fn more_than_was_held_fails_the_log() {
    let (sim, disk) = new_disk();
    let mut rig = rig(&disk, SyncPolicy::Always);
    sim.set_capacity(Some(used(&sim)));
    rig.append(2 * RESERVE_BYTES as usize);
    assert_eq!(rig.writer.step(2000), StepOutcome::Failed);
    assert!(rig.log.has_failed() && rig.writer.status().lock().failed_for_room);
    let lsn = rig.log.begin_heal();
    // The room that was held is there for what heals it.
    rig.writer.reopen_after(lsn, 2001).expect("room for a segment");
    assert!(!rig.log.has_failed() && rig.log.is_full());
    sim.set_capacity(None);
    assert!(rig.writer.regain(2002));
    rig.append(10);
    rig.writer.step(2003);
    let (found, _) = recover(&sim, Path::new(DIR), lsn).expect("a sound log");
    assert_eq!(found, [(2, 10)]);
}

/// A snapshot asks for a new segment; without room for one it goes on in the one it has.
#[test]
fn a_rotation_without_room_harms_nothing() {
    let (sim, disk) = new_disk();
    let mut rig = rig(&disk, SyncPolicy::Always);
    rig.append(100);
    rig.writer.step(2000);
    disk.remove(&reserve::path(Path::new(DIR))).expect("it is held");
    sim.set_capacity(Some(used(&sim)));
    assert!(rig.writer.rotate(2001).is_err());
    assert!(!rig.log.has_failed());
    sim.set_capacity(None);
    rig.append(100);
    rig.writer.rotate(2002).expect("room");
    rig.append(100);
    rig.writer.step(2003);
    sim.crash(3);
    let (found, _) = recover(&sim, Path::new(DIR), 0).expect("a sound log");
    assert_eq!(found.len(), 3);
}

/// A start that finds not a single block waits for some, and keeps meanwhile what expires.
#[test]
fn a_start_on_a_full_disk_waits_for_room() {
    for closes in [false, true] {
        let (sim, disk) = new_disk();
        let mut first = rig(&disk, SyncPolicy::EveryMs(1000));
        first.append(100);
        first.writer.close(2000).expect("a sound disk");
        disk.remove(&reserve::path(Path::new(DIR))).expect("it is held");
        sim.set_capacity(Some(used(&sim)));

        let (parts, heard) = parts(&disk, Path::new(DIR), 1);
        let log = parts.log.clone();
        let settings = settings(SyncPolicy::EveryMs(1000));
        let mut writer = LogWriter::create(parts, settings, 1, 3000).expect("it waits");
        assert!(log.is_full() && !log.has_failed());
        assert!(writer.status().lock().failure.is_some());
        if closes {
            writer.close(3001).expect("there is nothing to write");
            let (found, _) = recover(&sim, Path::new(DIR), 0).expect("a sound log");
            assert_eq!(found.len(), 1);
            continue;
        }
        support::append(&log, 10);
        assert_eq!(writer.step(3001), StepOutcome::NoRoom);
        assert_eq!(writer.step(4001), StepOutcome::NoRoom);
        sim.set_capacity(None);
        assert_eq!(writer.step(4002), StepOutcome::NoRoom, "not at every step");
        assert!(matches!(writer.step(5001), StepOutcome::Progress { .. }));
        assert!(log.takes_writes());
        assert_eq!(*heard.full.lock(), [true, false]);
        writer.close(5002).expect("a sound disk");
        assert_eq!(writer.status().lock().failure, None);
        let (found, _) = recover(&sim, Path::new(DIR), 0).expect("a sound log");
        assert_eq!(found.len(), 2);
    }
}

/// Where replies wait for the disk, nobody is kept waiting for room: the log fails, and they are told.
#[test]
fn replies_do_not_wait_for_room() {
    let (sim, disk) = new_disk();
    disk.create_folder(&segment::folder(Path::new(DIR)))
        .expect("a folder");
    sim.set_capacity(Some(0));
    let (parts, _) = parts(&disk, Path::new(DIR), 0);
    assert_eq!(parts.history, HISTORY);
    let log = parts.log.clone();
    let mut writer = LogWriter::create(parts, settings(SyncPolicy::Always), 0, 1000).expect("it waits");
    assert_eq!(writer.step(2001), StepOutcome::NoRoom);
    support::append(&log, 10);
    assert_eq!(writer.step(3002), StepOutcome::Failed);
    assert!(log.has_failed());
}

/// Without a reserve it is as it was: the log fails, and a checkpoint heals it.
#[test]
fn without_a_reserve_it_fails() {
    let (sim, disk) = new_disk();
    let settings = WriterSettings {
        reserve_bytes: 0,
        ..settings(SyncPolicy::Always)
    };
    let mut rig = Rig::new(&disk, Path::new(DIR), settings, 0);
    sim.set_capacity(Some(used(&sim)));
    rig.append(5000);
    assert_eq!(rig.writer.step(2000), StepOutcome::Failed);
    assert!(!rig.log.is_full());
}
