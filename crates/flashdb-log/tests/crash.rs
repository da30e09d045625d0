//! Crashes at every step of a seeded run, on the simulated disk: what survives is a prefix of what was appended and holds
//! everything that was said to be durable, after one crash, a second, and any number.

mod support;

use flashdb_base::prng::Prng;
use flashdb_disk::sim::{Fault, FaultOn, Operation};
use flashdb_disk::{Disk, SimDisk};
use flashdb_log::{LogError, Lsn, ScanOptions, StepOutcome, SyncPolicy, WriterSettings, archive, segment};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use support::{Rig, read, recover};

const DIR: &str = "/data";

fn random_settings(prng: &mut Prng) -> WriterSettings {
    WriterSettings {
        policy: match prng.below(4) {
            0 | 1 => SyncPolicy::Always,
            2 => SyncPolicy::EveryMs(50),
            _ => SyncPolicy::Never,
        },
        segment_bytes: 4096 + prng.below(8000),
        segment_age_s: prng.below(2),
        preallocate_bytes: prng.below(2) * prng.below(8000),
        ..WriterSettings::default()
    }
}

/// What the oracle knows of one folder.
#[derive(Default)]
struct Oracle {
    /// Lengths of the values appended, by LSN - 1. What did not survive a crash is forgotten.
    appended: Vec<usize>,
    /// Said to be durable.
    durable: Lsn,
    /// A snapshot covers this much.
    covered: Lsn,
    now_ms: u64,
}

impl Oracle {
    /// Recovers as the server does and checks what came back.
    fn recover(&mut self, sim: &SimDisk, what: &str) -> Result<(), LogError> {
        let (found, end) = recover(sim, Path::new(DIR), self.covered)?;
        let lsns: Vec<Lsn> = found.iter().map(|(lsn, _)| *lsn).collect();
        assert_eq!(lsns, (self.covered + 1..=end.last).collect::<Vec<_>>(), "{what}");
        assert!(
            end.last >= self.durable,
            "{what}: {} of {}",
            end.last,
            self.durable
        );
        for (lsn, len) in found {
            assert_eq!(
                self.appended.get(lsn as usize - 1),
                Some(&len),
                "{what}: LSN {lsn}"
            );
        }
        // Clients see it from now on, so it has to stay.
        self.durable = end.last;
        self.appended.truncate(end.last as usize);
        Ok(())
    }

    /// Writes for a while, until `steps` are done or the disk gives out.
    fn write(&mut self, disk: &Arc<dyn Disk>, prng: &mut Prng, steps: u64) {
        let settings = random_settings(prng);
        let after = self.appended.len() as Lsn;
        let Ok(mut rig) = Rig::try_new(disk, Path::new(DIR), settings, after, self.now_ms) else {
            return;
        };
        for _ in 0..steps {
            self.now_ms += prng.below(300);
            match prng.below(14) {
                0 => drop(rig.writer.rotate(self.now_ms)),
                1 => rig.writer.set_settings(random_settings(prng)),
                2 => self.retire(disk, &rig, prng),
                3..9 => drop(rig.writer.step(self.now_ms)),
                _ => {
                    for _ in 0..=prng.below(8) {
                        let len = match prng.below(30) {
                            0 => prng.below(9000),
                            _ => prng.below(300),
                        } as usize;
                        let lsn = rig.append(len);
                        assert_eq!(lsn, self.appended.len() as Lsn + 1);
                        self.appended.push(len);
                    }
                }
            }
            self.note_durable(&rig);
            if rig.log.has_failed() && !self.heal(&mut rig, prng) {
                return;
            }
        }
        if prng.below(4) == 0 && rig.writer.close(self.now_ms).is_ok() {
            self.durable = self.appended.len() as Lsn;
        }
    }

    fn note_durable(&mut self, rig: &Rig) {
        let durable = rig.heard.durable.load(Ordering::SeqCst);
        assert!(durable <= rig.log.durable());
        self.durable = self.durable.max(durable);
    }

    /// A snapshot that covers part of what is durable, and what it allows to go.
    fn retire(&mut self, disk: &Arc<dyn Disk>, rig: &Rig, prng: &mut Prng) {
        let durable = rig.heard.durable.load(Ordering::SeqCst);
        self.covered = self.covered.max(prng.below(durable + 1));
        // An error leaves work for the next time.
        let _ = archive::retire(
            disk.as_ref(),
            Path::new(DIR),
            self.covered,
            prng.below(2),
            self.now_ms,
        );
    }

    /// What a checkpoint does after a failure: its snapshot covers everything, then the log goes on. False if not.
    fn heal(&mut self, rig: &mut Rig, prng: &mut Prng) -> bool {
        assert_eq!(rig.heard.health.lock().last(), Some(&true));
        assert_eq!(rig.writer.step(self.now_ms), StepOutcome::Failed);
        if prng.below(3) == 0 {
            return false;
        }
        let lsn = rig.log.begin_heal();
        self.covered = lsn;
        // The snapshot is durable, so all of this is; even if the log cannot go on.
        self.durable = self.durable.max(lsn);
        rig.writer.reopen_after(lsn, self.now_ms).is_ok()
    }
}

fn folder(seed: u64) -> (SimDisk, Arc<dyn Disk>) {
    let sim = SimDisk::new(seed);
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    // As of an earlier start: were the sync of a new folder's name to fail, it could not be made durable by any later one.
    disk.create_folder(&segment::folder(Path::new(DIR)))
        .expect("a folder");
    disk.create_folder(&segment::archive_folder(Path::new(DIR)))
        .expect("a folder");
    for folder in ["/", DIR, "/data/wal"] {
        disk.sync_folder(Path::new(folder)).expect("a folder");
    }
    (sim, disk)
}

/// PER-68, PER-89: power cuts in the course of anything, recoveries included.
#[test]
fn nothing_durable_is_lost_by_power_cuts() {
    for seed in 0..250 {
        let mut prng = Prng::from_seed(seed);
        let (sim, disk) = folder(seed);
        let mut oracle = Oracle {
            now_ms: 1000,
            ..Oracle::default()
        };
        for round in 0..5 {
            let what = format!("seed {seed} round {round}");
            sim.crash_after(prng.below(120));
            oracle.write(&disk, &mut prng, 60);
            if prng.below(8) == 0 && !sim.is_gone() {
                sim.end_process();
            } else {
                sim.crash(prng.next_u64());
            }
            // A recovery that a crash interrupts, or two.
            for _ in 0..prng.below(3) {
                sim.crash_after(prng.below(6));
                let _ = recover(&sim, Path::new(DIR), oracle.covered);
                sim.crash(prng.next_u64());
            }
            sim.crash_after(1 << 40);
            oracle
                .recover(&sim, &what)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
        }
    }
}

/// The same with calls that fail: the writer fails, and goes on after a checkpoint, or the process ends.
#[test]
fn nothing_durable_is_lost_by_failing_calls() {
    for seed in 0..250 {
        let mut prng = Prng::from_seed(seed);
        let (sim, disk) = folder(seed);
        let mut oracle = Oracle {
            now_ms: 1000,
            ..Oracle::default()
        };
        for round in 0..5 {
            let what = format!("seed {seed} round {round}");
            for _ in 0..prng.below(4) {
                let on = match prng.below(6) {
                    0 => FaultOn::Any,
                    1 | 2 => FaultOn::Only(Operation::SyncData),
                    3 => FaultOn::Only(Operation::Create),
                    _ => FaultOn::Writes,
                };
                sim.inject(Fault {
                    on,
                    nth: 1 + prng.below(40),
                    kind: ErrorKind::StorageFull,
                    lasting: false,
                });
            }
            oracle.write(&disk, &mut prng, 60);
            sim.clear_faults();
            match prng.below(2) {
                0 => sim.end_process(),
                _ => sim.crash(prng.next_u64()),
            }
            oracle
                .recover(&sim, &what)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
        }
    }
}

/// After an orderly end and a crash, all of the log is there, and archived segments complete it to the beginning.
#[test]
fn the_archive_survives_crashes() {
    for seed in 0..200 {
        let mut prng = Prng::from_seed(seed);
        let (sim, disk) = folder(seed);
        let settings = WriterSettings {
            policy: SyncPolicy::Always,
            segment_bytes: 4096,
            ..WriterSettings::default()
        };
        let mut rig = Rig::new(&disk, Path::new(DIR), settings, 0);
        for _ in 0..60 {
            rig.append(300);
            rig.writer.step(1000);
        }
        rig.writer.close(1000).expect("a sound disk");
        sim.crash_after(1 + prng.below(40));
        let _ = archive::retire(disk.as_ref(), Path::new(DIR), 30 + prng.below(30), 3600, 2000);
        sim.crash(seed);
        sim.crash_after(1 << 40);
        let options = ScanOptions {
            archived: true,
            ..ScanOptions::default()
        };
        let (found, _) = read(&sim, Path::new(DIR), &options).expect("a whole log");
        assert_eq!(found.len(), 60, "seed {seed}");
        archive::retire(disk.as_ref(), Path::new(DIR), 60, 3600, 2000).expect("a sound disk");
        let (found, _) = read(&sim, Path::new(DIR), &options).expect("a whole log");
        assert_eq!(found.len(), 60, "seed {seed}");
    }
}
