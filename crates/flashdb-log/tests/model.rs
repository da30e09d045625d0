//! Writer and reader against a plain list of frames: random appends, rotations, ends, policies, on the real disk.

mod support;

use flashdb_base::clock::{Clock, SystemClock};
use flashdb_base::prng::Prng;
use flashdb_disk::sim::{Fault, FaultOn};
use flashdb_disk::{Disk, RealDisk, SimDisk};
use flashdb_log::{
    LogError, Medium, RunningWriter, ScanOptions, StepOutcome, SyncPolicy, TailKind, WriterSettings, archive,
    scan,
};
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use support::{Rig, TestFolder, append, read, recover};

fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

fn random_settings(prng: &mut Prng) -> WriterSettings {
    WriterSettings {
        policy: match prng.below(3) {
            0 => SyncPolicy::Always,
            1 => SyncPolicy::EveryMs(50),
            _ => SyncPolicy::Never,
        },
        segment_bytes: 4096 + prng.below(20_000),
        segment_age_s: prng.below(3),
        preallocate_bytes: prng.below(2) * prng.below(10_000),
        ..WriterSettings::default()
    }
}

/// PER-01, PER-13, PER-16: what was appended is read, whatever happened in between.
#[test]
fn random_runs_read_back_as_appended() {
    let disk = disk();
    for seed in 0..15 {
        let folder = TestFolder::new("model");
        let mut prng = Prng::from_seed(seed);
        let mut model = Vec::new();
        let mut now_ms = 1000;
        for _ in 0..4 {
            let settings = random_settings(&mut prng);
            let (found, end) = recover(disk.as_ref(), &folder.0, 0).expect("a sound log");
            assert_eq!(found, model, "seed {seed}");
            assert_eq!(end.last, model.len() as u64);
            let mut rig = Rig::try_new(&disk, &folder.0, settings, end.last, now_ms).expect("a segment");
            for _ in 0..prng.below(60) {
                now_ms += prng.below(400);
                match prng.below(10) {
                    0 => rig.writer.rotate(now_ms).expect("a sound disk"),
                    1 => rig.writer.set_settings(random_settings(&mut prng)),
                    2..6 => {
                        let outcome = rig.writer.step(now_ms);
                        assert!(!matches!(outcome, StepOutcome::Failed | StepOutcome::Closed));
                    }
                    _ => {
                        for _ in 0..=prng.below(20) {
                            let len = match prng.below(40) {
                                0 => prng.below(30_000),
                                _ => prng.below(200),
                            };
                            model.push((rig.append(len as usize), len as usize));
                        }
                    }
                }
            }
            // Either in good order, or like a process that was killed after a step.
            if prng.below(2) == 0 {
                rig.writer.close(now_ms).expect("a sound disk");
                assert_eq!(rig.log.durable(), model.len() as u64);
                assert_eq!(rig.writer.step(now_ms), StepOutcome::Closed);
            } else {
                rig.writer.step(now_ms);
            }
            assert_eq!(rig.log.backlog_bytes(), 0);
        }
        let (found, _) = recover(disk.as_ref(), &folder.0, 0).expect("a sound log");
        assert_eq!(found, model, "seed {seed}");
        let from = prng.below(model.len() as u64 + 1);
        let (found, _) = recover(disk.as_ref(), &folder.0, from).expect("a sound log");
        assert_eq!(found, model[from as usize..], "seed {seed}");
    }
}

#[test]
fn always_is_durable_after_each_step_and_the_others_when_due() {
    let disk = disk();
    let folder = TestFolder::new("policies");
    let settings = |policy| WriterSettings {
        policy,
        ..WriterSettings::default()
    };
    let mut rig = Rig::new(&disk, &folder.0, settings(SyncPolicy::Always), 0);
    rig.append(10);
    rig.append(10);
    rig.writer.step(1000);
    assert_eq!(rig.log.durable(), 2);
    assert_eq!(rig.heard.durable.load(Ordering::SeqCst), 2);
    assert_eq!(rig.writer.step(1001), StepOutcome::Idle);

    rig.writer.set_settings(settings(SyncPolicy::EveryMs(100)));
    rig.append(10);
    rig.writer.step(1050);
    assert_eq!(rig.log.durable(), 2);
    assert_eq!(rig.writer.idle_ms_max(1060), Some(40));
    rig.writer.step(1100);
    assert_eq!(rig.log.durable(), 3);
    assert_eq!(rig.writer.idle_ms_max(1100), None);
    // A clock that was set back does not put the sync off.
    rig.append(10);
    rig.writer.step(500);
    assert_eq!(rig.log.durable(), 4);

    rig.writer.set_settings(settings(SyncPolicy::Never));
    rig.append(10);
    rig.writer.step(90_000);
    assert_eq!(rig.log.durable(), 4);
    rig.writer.rotate(90_000).expect("a sound disk");
    assert_eq!(rig.log.durable(), 5);
    let segments = rig.writer.segments().expect("a folder");
    assert_eq!(
        segments.iter().map(|info| info.first).collect::<Vec<_>>(),
        [Some(1), Some(6)]
    );
}

/// A frame larger than a segment has one of its own; others are never split.
#[test]
fn segments_keep_their_size() {
    let disk = disk();
    let folder = TestFolder::new("sizes");
    let settings = WriterSettings {
        policy: SyncPolicy::Never,
        segment_bytes: 8192,
        preallocate_bytes: 5000,
        ..WriterSettings::default()
    };
    let mut rig = Rig::new(&disk, &folder.0, settings, 0);
    for _ in 0..100 {
        rig.append(500);
    }
    rig.append(20_000);
    rig.append(1);
    rig.writer.step(1000);
    rig.writer.close(1000).expect("a sound disk");
    let segments = rig.writer.segments().expect("a folder");
    let large = segments.iter().filter(|info| info.bytes > 8192).count();
    assert_eq!(large, 1);
    assert!(segments.len() >= 8, "{segments:?}");
    let (found, end) = recover(disk.as_ref(), &folder.0, 0).expect("a sound log");
    assert_eq!(found.len(), 102);
    assert_eq!(end.tail.map(|tail| tail.kind), Some(TailKind::Whole));
}

#[test]
fn a_gap_at_the_front_is_an_error_and_covered_segments_are_not_read() {
    let disk = disk();
    let folder = TestFolder::new("front");
    let mut rig = Rig::new(&disk, &folder.0, WriterSettings::default(), 0);
    for _ in 0..3 {
        rig.append(10);
        rig.append(10);
        rig.writer.rotate(1000).expect("a sound disk");
    }
    rig.writer.close(1000).expect("a sound disk");
    let path = folder.0.join("wal/flashdb-00000001.wal");
    std::fs::write(&path, b"rubbish").expect("a file");
    assert_eq!(
        recover(disk.as_ref(), &folder.0, 2).expect("not needed").0.len(),
        4
    );
    assert!(matches!(
        recover(disk.as_ref(), &folder.0, 1),
        Err(LogError::Damage(_))
    ));
    std::fs::remove_file(&path).expect("a file");
    assert!(matches!(
        recover(disk.as_ref(), &folder.0, 1),
        Err(LogError::Gap {
            wanted: 2,
            found: 3,
            ..
        })
    ));
    assert_eq!(
        recover(disk.as_ref(), &folder.0, 2).expect("all there").0.len(),
        4
    );
    let foreign = ScanOptions {
        from: 2,
        history: Some([1; 16]),
        ..ScanOptions::default()
    };
    assert!(matches!(
        read(disk.as_ref(), &folder.0, &foreign),
        Err(LogError::ForeignHistory { .. })
    ));
}

/// Frames kept from the scan are readable by another thread after it.
#[test]
fn frames_can_be_kept() {
    let disk = disk();
    let folder = TestFolder::new("kept");
    let mut rig = Rig::new(&disk, &folder.0, WriterSettings::default(), 0);
    for len in 0..10 {
        rig.append(len);
    }
    rig.writer.close(1000).expect("a sound disk");
    let mut kept = Vec::new();
    let end = scan(disk.as_ref(), &folder.0, &ScanOptions::default(), |visited| {
        assert!(visited.written_ms <= 1000);
        kept.push(visited.keep());
        match kept.len() {
            5 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    })
    .expect("a sound log");
    assert!(end.stopped && end.tail.is_none());
    let lens = std::thread::spawn(move || {
        kept.iter()
            .map(|kept| kept.frame().record.value.len())
            .collect::<Vec<_>>()
    });
    assert_eq!(lens.join().expect("a sound thread"), [0, 1, 2, 3, 4]);
}

/// A full disk adds nothing to the archive, and takes nothing from it before its time.
#[test]
fn a_full_disk_leaves_the_archive_alone() {
    let disk = disk();
    let folder = TestFolder::new("unpacked");
    let mut rig = Rig::new(&disk, &folder.0, WriterSettings::default(), 0);
    for round in 0..4 {
        rig.append(100);
        rig.writer.rotate(10_000 * (round + 1)).expect("a sound disk");
    }
    archive::retire(disk.as_ref(), &folder.0, 2, 100, 50_000).expect("a sound disk");
    let retire = |now_ms| archive::retire_unpacked(disk.as_ref(), &folder.0, 3, 100, now_ms);
    let retired = retire(50_000).expect("a sound disk");
    assert_eq!((retired.archived, retired.removed, retired.pruned), (0, 1, 0));
    let first = archive::first_archived(disk.as_ref(), &folder.0).expect("a sound disk");
    assert_eq!(first, Some(1));
    // The first ended at 10 s.
    assert_eq!(retire(115_000).expect("a sound disk").pruned, 1);
}

/// PER-17, PER-19: covered segments go, or go to the archive, from where they are read when asked for.
#[test]
fn covered_segments_are_retired() {
    let disk = disk();
    let folder = TestFolder::new("retired");
    let mut rig = Rig::new(&disk, &folder.0, WriterSettings::default(), 0);
    for round in 0..5 {
        for _ in 0..10 {
            rig.append(100);
        }
        rig.writer.rotate(10_000 * (round + 1)).expect("a sound disk");
    }
    rig.writer.close(60_000).expect("a sound disk");
    // 1..10, 11..20, ...: 25 covers two whole segments.
    let first = archive::retire(disk.as_ref(), &folder.0, 25, 100, 50_000).expect("a sound disk");
    assert_eq!((first.archived, first.removed, first.pruned), (2, 0, 0));
    let again = archive::retire(disk.as_ref(), &folder.0, 25, 100, 50_000).expect("a sound disk");
    assert_eq!(again, archive::Retired::default());
    assert!(matches!(
        recover(disk.as_ref(), &folder.0, 0),
        Err(LogError::Gap { .. })
    ));
    let mut options = ScanOptions {
        archived: true,
        ..ScanOptions::default()
    };
    let (found, _) = read(disk.as_ref(), &folder.0, &options).expect("an archive");
    assert_eq!(found.len(), 50);
    // The first ended at 10 s, the second at 20 s.
    let pruned = archive::retire(disk.as_ref(), &folder.0, 25, 100, 115_000).expect("a sound disk");
    assert_eq!(pruned.pruned, 1);
    options.from = 10;
    let (found, _) = read(disk.as_ref(), &folder.0, &options).expect("an archive");
    assert_eq!(found.len(), 40);
    let rest = archive::retire(disk.as_ref(), &folder.0, 50, 0, 115_000).expect("a sound disk");
    assert_eq!((rest.archived, rest.removed, rest.pruned), (0, 3, 1));
    assert_eq!(
        recover(disk.as_ref(), &folder.0, 50).expect("the last").1.last,
        50
    );
    // Ids are not used again, though only the last file is left.
    let rig = Rig::new(&disk, &folder.0, WriterSettings::default(), 50);
    assert_eq!(
        rig.writer
            .segments()
            .expect("a folder")
            .last()
            .map(|info| info.id),
        Some(7)
    );
}

#[test]
fn the_thread_writes_and_ends_in_order() {
    let disk = disk();
    for policy in [SyncPolicy::Always, SyncPolicy::EveryMs(20), SyncPolicy::Never] {
        let folder = TestFolder::new("thread");
        let settings = WriterSettings {
            policy,
            ..WriterSettings::default()
        };
        let now_ms = SystemClock.unix_ms();
        let rig = Rig::try_new(&disk, &folder.0, settings, 0, now_ms).expect("a segment");
        let running = RunningWriter::start(rig.writer, Arc::new(SystemClock)).expect("a thread");
        let appending = std::thread::scope(|scope| {
            let log = rig.log.clone();
            let thread = scope.spawn(move || (0..500).fold(0, |_, i| append(&log, i)));
            running.rotate().expect("a sound disk");
            running.set_settings(WriterSettings {
                segment_bytes: 20_000,
                ..settings
            });
            running.rotate().expect("a sound disk");
            thread.join().expect("a sound thread")
        });
        assert_eq!(appending, 500);
        running.rotate().expect("a sound disk");
        assert_eq!(rig.log.durable(), 500);
        append(&rig.log, 7);
        running.stop().expect("a sound disk");
        assert_eq!(rig.log.durable(), 501);
        let (found, _) = recover(disk.as_ref(), &folder.0, 0).expect("a sound log");
        assert_eq!(found.len(), 501);
    }
}

/// Under `always` nobody but the thread has to act for an append to become durable.
#[test]
fn a_sleeping_thread_is_woken_by_an_append() {
    let disk = disk();
    let folder = TestFolder::new("woken");
    let settings = WriterSettings {
        policy: SyncPolicy::Always,
        ..WriterSettings::default()
    };
    let rig = Rig::new(&disk, &folder.0, settings, 0);
    let running = RunningWriter::start(rig.writer, Arc::new(SystemClock)).expect("a thread");
    for _ in 0..50 {
        let lsn = append(&rig.log, 10);
        while rig.log.durable() < lsn {
            std::thread::yield_now();
        }
    }
    running.stop().expect("a sound disk");
}

/// After an error the thread goes on when a checkpoint has covered what was lost; before, nothing is written.
#[test]
fn the_thread_survives_a_failing_disk() {
    let sim = SimDisk::new(1);
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    let dir = Path::new("/data");
    disk.create_folder(dir).expect("a folder");
    let settings = WriterSettings {
        policy: SyncPolicy::Always,
        ..WriterSettings::default()
    };
    let rig = Rig::new(&disk, dir, settings, 0);
    let running = RunningWriter::start(rig.writer, Arc::new(SystemClock)).expect("a thread");
    append(&rig.log, 10);
    running.rotate().expect("a sound disk");
    sim.inject(Fault {
        on: FaultOn::Syncs,
        nth: 1,
        kind: ErrorKind::Other,
        lasting: true,
    });
    append(&rig.log, 10);
    while !rig.log.has_failed() {
        std::thread::yield_now();
    }
    assert!(matches!(running.rotate(), Err(LogError::Failed)));
    let lsn = rig.log.begin_heal();
    assert!(running.reopen_after(lsn).is_err());
    assert!(rig.log.has_failed());
    assert!(running.status().failure.is_some());
    sim.clear_faults();
    append(&rig.log, 10);
    let lsn = rig.log.begin_heal();
    assert_eq!(lsn, 3);
    append(&rig.log, 10);
    running.reopen_after(lsn).expect("a sound disk");
    assert_eq!(running.status().failure, None);
    append(&rig.log, 10);
    running.stop().expect("a sound disk");
    assert_eq!(*rig.heard.health.lock(), [true, true, false]);
    assert_eq!(rig.log.durable(), 5);
    let (found, _) = recover(disk.as_ref(), dir, lsn).expect("a sound log");
    assert_eq!(found.len(), 2);
}

/// PER-80, PER-90: asked for persistent memory, the log is the same wherever it lies.
#[test]
fn persistent_memory_or_what_is_there() {
    let disk = disk();
    for medium in [Medium::Pmem, Medium::Auto] {
        let folder = TestFolder::new("medium");
        let settings = WriterSettings {
            policy: SyncPolicy::Always,
            segment_bytes: 5000,
            medium,
            ..WriterSettings::default()
        };
        let mut rig = Rig::new(&disk, &folder.0, settings, 0);
        for len in 0..100 {
            rig.append(len);
            rig.writer.step(1000);
        }
        rig.append(9000);
        rig.writer.close(1000).expect("a sound disk");
        assert_eq!(
            recover(disk.as_ref(), &folder.0, 0).expect("a sound log").0.len(),
            101
        );
    }
}
