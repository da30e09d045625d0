//! One seed: a data folder on a simulated disk, and the processes that use it one after the other, until their disk is damaged.

use crate::oracle::Oracle;
use crate::{damage, run};
use flashdb_base::prng::{Prng, fix_entropy};
use flashdb_config::Settings;
use flashdb_disk::SimDisk;
use flashdb_log::{Medium, SyncPolicy, WriterSettings};
use flashdb_snapshot::Compression;

/// Databases in the keyspace.
pub const DATABASES: usize = 3;
/// When the first process begins, Unix ms.
const BEGIN_MS: i64 = 1_700_000_000_000;

/// How often what was simulated; so that nobody tests nothing.
#[derive(Debug, Default)]
pub struct Figures {
    pub runs: u64,
    pub frames: u64,
    pub rolled_back: u64,
    pub power_cuts: u64,
    pub kills: u64,
    pub closes: u64,
    pub failed_starts: u64,
    pub log_failures: u64,
    pub heals: u64,
    pub full: u64,
    pub regained: u64,
    pub enabled: u64,
    pub snapshots: u64,
    pub incremental: u64,
    pub consolidated: u64,
    pub from_snapshot: u64,
    pub cut_tails: u64,
    pub points: u64,
    pub damaged: u64,
    pub damage_told: u64,
}

impl Figures {
    pub fn add(&mut self, other: &Figures) {
        self.runs += other.runs;
        self.frames += other.frames;
        self.rolled_back += other.rolled_back;
        self.power_cuts += other.power_cuts;
        self.kills += other.kills;
        self.closes += other.closes;
        self.failed_starts += other.failed_starts;
        self.log_failures += other.log_failures;
        self.heals += other.heals;
        self.full += other.full;
        self.regained += other.regained;
        self.enabled += other.enabled;
        self.snapshots += other.snapshots;
        self.incremental += other.incremental;
        self.consolidated += other.consolidated;
        self.from_snapshot += other.from_snapshot;
        self.cut_tails += other.cut_tails;
        self.points += other.points;
        self.damaged += other.damaged;
        self.damage_told += other.damage_told;
    }
}

/// What lasts from one process to the next.
pub struct Life {
    pub prng: Prng,
    pub disk: SimDisk,
    pub oracle: Oracle,
    pub now_ms: i64,
    pub profile: Profile,
    pub figures: Figures,
    /// What happened, for whoever looks for the cause of a failure.
    pub story: Vec<String>,
}

/// What the operator of this life has chosen.
#[derive(Clone, Debug)]
pub struct Profile {
    pub settings: Settings,
    pub writer: WriterSettings,
    pub compression: Compression,
    /// Few keys bring types and expiries into each other's way, more of them let values grow.
    pub keys: u64,
    /// In how many of a thousand steps the disk gets a fault.
    pub faults_per_mille: u64,
    /// Whether the log is switched on and off.
    pub toggles: bool,
    /// Most steps of a process.
    pub steps: u64,
}

impl Profile {
    fn draw(prng: &mut Prng) -> Profile {
        let settings = Settings {
            snapshot_incremental: prng.below(2) == 0,
            snapshot_chain_max: 1 + prng.below(3) as u32,
            snapshot_retention: 1 + prng.below(3) as u32,
            wal_archive_window: [0, 0, 2, 3600][prng.below(4) as usize],
            ..Settings::default()
        };
        let writer = WriterSettings {
            policy: policy(prng),
            segment_bytes: 4096 << prng.below(3),
            segment_age_s: [0, 0, 3][prng.below(3) as usize],
            preallocate_bytes: [0, 0, 1500, 8192][prng.below(4) as usize],
            medium: Medium::File,
            reserve_bytes: [0, 0, 1024, 4096][prng.below(4) as usize],
        };
        Profile {
            settings,
            writer,
            compression: [
                Compression::Lz4,
                Compression::Zstd { level: 1 },
                Compression::None,
            ][prng.below(3) as usize],
            keys: 1 + prng.below(3),
            faults_per_mille: [0, 0, 5, 30][prng.below(4) as usize],
            toggles: prng.below(5) == 0,
            steps: [40, 150, 500][prng.below(3) as usize],
        }
    }
}

/// When the log is synced.
pub fn policy(prng: &mut Prng) -> SyncPolicy {
    [
        SyncPolicy::Always,
        SyncPolicy::EveryMs(1000),
        SyncPolicy::EveryMs(100),
        SyncPolicy::Never,
    ][prng.below(4) as usize]
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In good order.
    Close,
    /// `kill -9`.
    Kill,
    /// The power is cut.
    PowerCut,
}

/// Lives through one seed.
pub fn live(seed: u64) -> Figures {
    let mut prng = Prng::from_seed(seed);
    // The ids of history and snapshots: compressed, they decide how long files are.
    fix_entropy(prng.next_u64());
    let profile = Profile::draw(&mut prng);
    let mut life = Life {
        disk: SimDisk::new(prng.next_u64()),
        oracle: Oracle::new(),
        now_ms: BEGIN_MS,
        figures: Figures::default(),
        story: vec![format!("{:?}, keys {}", profile.writer, profile.keys)],
        profile,
        prng,
    };
    let runs = 3 + life.prng.below(5);
    let mut closed = false;
    for _ in 0..runs {
        let end = run::run(&mut life);
        closed = end == End::Close;
        life.end(end);
    }
    damage::check(&mut life, closed);
    life.figures
}

impl Life {
    /// True in `mille` of a thousand cases.
    pub fn chance(&mut self, mille: u64) -> bool {
        self.prng.below(1000) < mille
    }

    pub fn tell(&mut self, what: impl Into<String>) {
        let line = format!("{} {}", self.now_ms, what.into());
        if std::env::var_os("FLASHDB_SIMULATION_STORY").is_some() {
            eprintln!("{line}");
        }
        self.story.push(line);
    }

    /// Ends the test with what happened.
    pub fn fail(&self, what: &str) -> ! {
        let recent = self.story[self.story.len().saturating_sub(60)..].join("\n");
        panic!("{what}\n{recent}");
    }

    /// The process is gone; its objects are too.
    fn end(&mut self, end: End) {
        self.disk.clear_faults();
        self.disk.set_capacity(None);
        self.now_ms += self.prng.below(5000) as i64;
        self.tell(format!("end: {end:?}, acknowledged {}", self.oracle.acked()));
        match end {
            End::PowerCut => {
                self.figures.power_cuts += 1;
                self.oracle.forget_written();
                let seed = self.prng.next_u64();
                self.disk.crash(seed);
            }
            End::Kill => {
                self.figures.kills += 1;
                self.disk.end_process();
            }
            End::Close => {
                self.figures.closes += 1;
                self.disk.end_process();
            }
        }
    }
}
