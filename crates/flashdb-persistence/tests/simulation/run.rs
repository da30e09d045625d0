//! One process on the folder: it recovers, begins the log as the server does, and then clients, the log's writer, the thread
//! for checkpoints and the disk's faults take turns, until something ends it.

use crate::checkpoints::{Checkpoints, Moment};
use crate::life::{self, DATABASES, End, Life};
use crate::rollback;
use crate::test_live::Live;
use crate::test_requests::Requests;
use crate::test_state::state;
use flashdb_base::args::OwnedArgs;
use flashdb_base::prng::Prng;
use flashdb_config::Recover;
use flashdb_disk::sim::{Fault, FaultOn, Operation};
use flashdb_io::placement::Placement;
use flashdb_io::topology::{Node, Topology};
use flashdb_log::{LogError, LogListener, LogWriter, Lsn, StepOutcome, WriterParts};
use flashdb_persistence::load::LoadProgress;
use flashdb_persistence::recover::{Point, RecoverOptions, Recovered, recover};
use flashdb_persistence::{DataFolder, PersistenceError};
use flashdb_store::{Collector, Keyspace, Usage};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// The data folder.
pub const DIR: &str = "/data/db";
/// Most operations until the power goes, for a cut in the course of a start, and of a run.
const CHANGES_OF_START: u64 = 25;
const CHANGES_OF_RUN: [u64; 2] = [100, 1000];

/// Opens the folder and fills `space`, as a start does.
pub fn start(
    life_disk: &flashdb_disk::SimDisk,
    space: &Keyspace,
    settings: &flashdb_config::Settings,
    on_damage: Recover,
    to: Option<Point>,
    now_ms: i64,
) -> Result<(DataFolder, Recovered), PersistenceError> {
    let folder = DataFolder::open(Arc::new(life_disk.clone()), Path::new(DIR))?;
    let options = RecoverOptions {
        read_only: false,
        on_damage,
        to,
        settings,
        usage: Usage::Lru,
        now_ms,
    };
    let lane = space.gate().background_lane(0);
    let recovered = recover(space, &folder, options, lane..lane + 2, &LoadProgress::default())?;
    Ok((folder, recovered))
}

/// Two core loops on a machine with two memory nodes.
fn two_nodes() -> Placement {
    let node = |number| Node {
        number,
        cores: vec![vec![number]],
    };
    let nodes = vec![node(0), node(1)];
    Placement::new(Some(&Topology { nodes }), 2, &[])
}

/// Lives one process through; how it ends.
pub fn run(life: &mut Life) -> End {
    life.figures.runs += 1;
    let faulty = prepare_disk(life);
    let shards = 1 << life.prng.below(4);
    let (space, collector) = Keyspace::new(shards, DATABASES, 1);
    // Loading deals shards out by memory node; what it makes must not depend on that.
    let space = space.placed(if shards > 2 {
        two_nodes()
    } else {
        Placement::default()
    });
    life.tell(format!("start with {shards} shards"));
    let settings = life.profile.settings.clone();
    let begun = start(&life.disk, &space, &settings, Recover::Stop, None, life.now_ms);
    let (folder, recovered) = match begun {
        Ok(begun) => begun,
        Err(error) => return failed_start(life, &error),
    };
    check_recovered(life, &space, &recovered);
    let log = space.log().clone();
    let parts = WriterParts {
        disk: folder.disk().clone(),
        dir: folder.dir().to_owned(),
        history: folder.history().0,
        log,
        listener: Arc::new(Nobody),
    };
    let writer = match begin_log(life, &parts, recovered.last) {
        Ok(writer) => writer,
        Err(error) => return failed_start(life, &error.into()),
    };
    let seed = life.prng.next_u64();
    let mut live = Live::new(&space, seed);
    live.data.now_ms = life.now_ms;
    let requests = requests(life);
    let mut run = Run {
        life,
        space: &space,
        collector,
        folder: &folder,
        live,
        requests,
        parts,
        writer,
        checkpoints: Checkpoints::default(),
        faulty,
        ever_failed: false,
        was_full: false,
    };
    run.live_on()
}

/// Begins the log, unless this process is one without.
fn begin_log(life: &mut Life, parts: &WriterParts, last: Lsn) -> Result<Option<LogWriter>, LogError> {
    if life.profile.toggles && life.chance(200) {
        life.tell("without a log");
        // What follows does not build on the frames before alone.
        parts.log.continue_after(last + 1);
        return Ok(None);
    }
    parts.log.continue_after(last);
    parts.log.enable(true);
    let writer = LogWriter::create(parts.clone(), life.profile.writer, last, life.now_ms as u64)?;
    Ok(Some(writer))
}

/// A crash or a fault to come, maybe in the course of the start; whether it lasts.
fn prepare_disk(life: &mut Life) -> bool {
    match life.prng.below(10) {
        0..=2 => {
            let changes = 1 + life.prng.below(CHANGES_OF_START);
            life.disk.crash_after(changes);
            life.tell(format!("the power goes after {changes} changes"));
        }
        3..=5 => {
            let most = CHANGES_OF_RUN[life.prng.below(2) as usize];
            let changes = 1 + life.prng.below(most);
            life.disk.crash_after(changes);
            life.tell(format!("the power goes after {changes} changes"));
        }
        6 if life.profile.faults_per_mille > 0 => {
            inject(life);
            life.tell("... before the start");
        }
        7 if life.profile.faults_per_mille > 0 => {
            fill_up(life, 4096);
            return true;
        }
        _ => {}
    }
    false
}

/// Leaves room for a few bytes, or none.
fn fill_up(life: &mut Life, most: u64) {
    let sectors = |len: &u64| len.div_ceil(512) * 512;
    let used: u64 = life.disk.files().iter().map(|(_, len)| sectors(len)).sum();
    let room = life.prng.below(most) * life.prng.below(2);
    life.disk.set_capacity(Some(used + room));
    life.tell(format!("room for {room} more bytes"));
}

/// Lets an operation to come fail.
fn inject(life: &mut Life) {
    let operations = [
        FaultOn::Writes,
        FaultOn::Syncs,
        FaultOn::Only(Operation::SyncData),
        FaultOn::Only(Operation::SyncFolder),
        FaultOn::Only(Operation::Create),
        FaultOn::Only(Operation::Rename),
        FaultOn::Only(Operation::Remove),
        FaultOn::Any,
    ];
    let fault = Fault {
        on: operations[life.prng.below(operations.len() as u64) as usize],
        nth: 1 + life.prng.below(6),
        kind: [ErrorKind::Other, ErrorKind::StorageFull][life.prng.below(2) as usize],
        lasting: life.prng.below(3) == 0,
    };
    life.disk.inject(fault);
    life.tell(format!("{fault:?}"));
}

/// A start that fails is in order if the disk is to blame.
fn failed_start(life: &mut Life, error: &PersistenceError) -> End {
    life.figures.failed_starts += 1;
    life.tell(format!("the start failed: {error}"));
    if life.disk.is_gone() {
        return End::PowerCut;
    }
    if !error.to_string().contains("injected fault") {
        life.fail(&format!("a start was refused: {error}"));
    }
    match life.chance(500) {
        true => End::Kill,
        false => End::PowerCut,
    }
}

fn check_recovered(life: &mut Life, space: &Keyspace, recovered: &Recovered) {
    let found = state(space);
    life.tell(format!(
        "recovered LSN {} from {:?} and {} frames, cut: {:?}, {:?}",
        recovered.state,
        recovered.snapshot.as_ref().map(|info| &info.path),
        recovered.frames,
        recovered.cut,
        recovered.warnings,
    ));
    life.figures.from_snapshot += u64::from(recovered.snapshot.is_some());
    life.figures.cut_tails += u64::from(recovered.cut.is_some());
    if recovered.last != recovered.state || recovered.frames_lost != 0 {
        life.fail(&format!("{recovered:?}"));
    }
    if let Err(wrong) = life.oracle.check(recovered.state, &found) {
        life.fail(&wrong);
    }
    life.oracle.recovered(recovered.state, found);
}

fn requests(life: &mut Life) -> Requests {
    let focus = [None, None, None, Some("$x"), Some("$h"), Some("$z")][life.prng.below(6) as usize];
    Requests {
        prng: Prng::from_seed(life.prng.next_u64()),
        payloads: Vec::new(),
        ids: Default::default(),
        now_ms: life.now_ms,
        keys: life.profile.keys,
        focus,
    }
}

/// Nobody needs to be told: the oracle asks.
struct Nobody;

impl LogListener for Nobody {
    fn durable(&self, _: Lsn) {}
    fn health_changed(&self, _: bool) {}
    fn drained(&self) {}
}

/// A process after its start.
pub struct Run<'r> {
    pub life: &'r mut Life,
    pub space: &'r Keyspace,
    pub collector: Collector,
    pub folder: &'r DataFolder,
    pub live: Live<'r>,
    requests: Requests,
    parts: WriterParts,
    /// `None` while the log is off.
    writer: Option<LogWriter>,
    checkpoints: Checkpoints,
    /// Whether a fault is set.
    faulty: bool,
    /// Whether the log has failed, so that what was written need not be there.
    ever_failed: bool,
    /// Whether the disk was full when last looked at.
    was_full: bool,
}

impl Run<'_> {
    fn live_on(&mut self) -> End {
        let steps = 1 + self.life.prng.below(self.life.profile.steps);
        let mut end = None;
        for _ in 0..steps {
            self.step();
            self.note();
            if self.life.disk.is_gone() {
                end = Some(End::PowerCut);
                break;
            }
        }
        let end = match end {
            Some(end) => end,
            None => self.choose_end(),
        };
        // Whatever is dropped now must not touch the disk: the process is gone.
        self.life.disk.inject(Fault {
            on: FaultOn::Only(Operation::Remove),
            nth: 1,
            kind: ErrorKind::Other,
            lasting: true,
        });
        end
    }

    fn choose_end(&mut self) -> End {
        match self.life.prng.below(3) {
            0 => End::Kill,
            1 => End::PowerCut,
            _ => self.close(),
        }
    }

    fn close(&mut self) -> End {
        while self.checkpoints.is_busy() {
            self.checkpoints_step();
        }
        let now_ms = self.now_ms();
        let closed = self.writer.as_mut().map(|writer| writer.close(now_ms));
        self.note();
        let last = self.space.log().appended();
        match closed {
            Some(Ok(())) if self.life.oracle.acked() != last => {
                let acked = self.life.oracle.acked();
                self.life
                    .fail(&format!("closed at LSN {last}, but only {acked} is durable"));
            }
            Some(Ok(())) if self.life.chance(700) => End::Close,
            _ if self.life.disk.is_gone() || self.life.chance(500) => End::PowerCut,
            _ => End::Kill,
        }
    }

    fn now_ms(&self) -> u64 {
        self.live.data.now_ms as u64
    }

    /// Has the oracle note what has changed.
    fn note(&mut self) {
        let log = self.space.log();
        let (appended, durable) = (log.appended(), log.durable());
        self.life.now_ms = self.live.data.now_ms;
        if appended > self.life.oracle.last() {
            self.life.figures.frames += appended - self.life.oracle.last();
            self.life.oracle.note(appended, state(self.space));
        }
        let Some(writer) = &self.writer else { return };
        self.life.oracle.note_acked(durable);
        let status = writer.status().lock().clone();
        if log.is_full() && !std::mem::replace(&mut self.was_full, log.is_full()) {
            self.life.figures.full += 1;
            self.life.tell(format!("the disk is full: {:?}", status.failure));
        }
        self.was_full = log.is_full();
        if log.has_failed() {
            if !self.ever_failed {
                self.life.figures.log_failures += 1;
                self.life.tell(format!("the log failed: {:?}", status.failure));
            }
            self.ever_failed = true;
            self.life.oracle.forget_written();
        } else if !self.ever_failed {
            self.life.oracle.note_written(status.written);
        }
    }

    fn step(&mut self) {
        match self.life.prng.below(100) {
            0..=54 => self.client_step(),
            55..=74 => self.writer_step(),
            75..=94 => self.checkpoints_step(),
            95 => {
                let now_ms = self.now_ms();
                let rotated = self.writer.as_mut().map(|writer| writer.rotate(now_ms));
                self.life.tell(format!("rotated: {rotated:?}"));
            }
            96 => {
                let policy = life::policy(&mut self.life.prng);
                self.life.profile.writer.policy = policy;
                self.life.tell(format!("{policy:?}"));
                if let Some(writer) = &mut self.writer {
                    writer.set_settings(self.life.profile.writer);
                }
            }
            98 if self.life.profile.toggles && !self.checkpoints.is_busy() => {
                let (checkpoints, mut moment) = self.moment();
                checkpoints.toggle(&mut moment);
            }
            97 => self.live.data.now_ms += 1000 + self.life.prng.below(1500) as i64,
            _ => {}
        }
        self.fault_step();
    }

    fn writer_step(&mut self) {
        let now_ms = self.now_ms();
        let Some(writer) = &mut self.writer else { return };
        let outcome = writer.step(now_ms);
        if !matches!(outcome, StepOutcome::Idle | StepOutcome::NoRoom) {
            self.life.tell(format!(
                "writer: {outcome:?}, durable {}",
                self.space.log().durable()
            ));
        }
    }

    fn checkpoints_step(&mut self) {
        let (checkpoints, moment) = self.moment();
        checkpoints.step(moment);
    }

    fn moment(&mut self) -> (&mut Checkpoints, Moment<'_>) {
        let moment = Moment {
            life: self.life,
            space: self.space,
            collector: &self.collector,
            folder: self.folder,
            parts: &self.parts,
            writer: &mut self.writer,
            now_ms: self.live.data.now_ms,
        };
        (&mut self.checkpoints, moment)
    }

    fn fault_step(&mut self) {
        let faults = self.life.profile.faults_per_mille;
        if self.faulty {
            // Trouble lasts for some ten steps.
            if self.life.chance(100) {
                self.life.disk.clear_faults();
                self.life.disk.set_capacity(None);
                self.faulty = false;
                self.life.tell("no more faults");
            }
        } else if self.life.chance(faults) {
            self.faulty = true;
            if self.life.chance(250) {
                fill_up(self.life, 8192);
            } else {
                inject(self.life);
            }
        }
    }

    /// One step of a client, or of the background.
    fn client_step(&mut self) {
        let (live, requests) = (&mut self.live, &mut self.requests);
        let prng = &mut requests.prng;
        live.data.now_ms += prng.below(12) as i64;
        requests.now_ms = live.data.now_ms;
        live.mode.in_exec = prng.below(2) == 0;
        live.mode.retry = prng.below(10) == 0;
        let shard = prng.below(self.space.shards_count() as u64) as u16;
        let logged = self.space.log().appended();
        let told = live.history.len();
        match prng.below(50) {
            0 => live.data.db = prng.below(DATABASES as u64) as u16,
            1 | 2 => live.expire_some(shard),
            3 => live.evict_one(shard),
            // A failed log takes no writes, but for those that were let in right before.
            choice if self.space.log().refuses_writes() && choice > 8 => {}
            4..=6 => {
                let kind = ["s", "h", "l", "x", "z"][prng.below(5) as usize];
                let key = format!("{kind}{}", prng.below(3));
                let dump = live.run(&OwnedArgs::from_words([b"DUMP".as_slice(), key.as_bytes()]));
                requests.keep_payload(&dump);
            }
            7..=9 => {
                let count = 1 + prng.below(4);
                live.begin_group();
                live.mode.in_exec = true;
                live.mode.retry = false;
                for _ in 0..count {
                    run_next(live, requests);
                }
                live.end_group();
            }
            10..=13 => {
                let count = 1 + prng.below(6);
                if rollback::run(live, requests, count) {
                    self.life.figures.rolled_back += 1;
                }
            }
            _ => {
                run_next(live, requests);
            }
        }
        let now = self.space.log().appended();
        if now > logged {
            let lines = self.live.history[told..].join("\n    ");
            self.life.tell(format!("LSN {now}: {lines}"));
        }
    }
}

/// Runs a request; its reply.
pub fn run_next(live: &mut Live<'_>, requests: &mut Requests) -> Vec<u8> {
    let request = requests.next();
    let reply = live.run(&request);
    requests.keep_id(&request, &reply);
    reply
}
