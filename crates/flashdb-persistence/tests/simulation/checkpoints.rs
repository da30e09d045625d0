//! What the server's thread for checkpoints does, cut into steps: a checkpoint from time to time, or when the log has failed
//! one that heals it, or one behind which a log that was switched on begins; and after each what it has made superfluous goes.

use crate::life::Life;
use flashdb_log::{LogError, LogWriter, Lsn, WriterParts, archive};
use flashdb_persistence::checkpoint::{Checkpoint, CheckpointOptions, Step};
use flashdb_persistence::load::SeededHashes;
use flashdb_persistence::{DataFolder, PersistenceError};
use flashdb_snapshot::{Base, ChainReader, Retention, SnapshotInfo, SnapshotReader, consolidate, load_order};
use flashdb_store::{Collector, Keyspace};

/// What there is while a step is taken.
pub struct Moment<'m> {
    pub life: &'m mut Life,
    pub space: &'m Keyspace,
    pub collector: &'m Collector,
    pub folder: &'m DataFolder,
    pub parts: &'m WriterParts,
    /// `None` while the log is off.
    pub writer: &'m mut Option<LogWriter>,
    pub now_ms: i64,
}

/// See the module's head.
#[derive(Default)]
pub struct Checkpoints {
    running: Option<Running>,
    /// What an incremental one can build on: the newest snapshot, the epoch of its cut, how many build on its full one.
    base: Option<(Base, u64, u32)>,
    /// LSN of the last frame before those that are kept, while the log is being switched on.
    enabled_after: Option<Lsn>,
}

/// Why a checkpoint is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Save,
    Heal,
    Enable,
}

struct Running {
    checkpoint: Checkpoint,
    chained: u32,
    /// For one that heals, what the log said at the cut.
    healed: Option<Lsn>,
}

impl Checkpoints {
    pub fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    pub fn step(&mut self, mut moment: Moment<'_>) {
        let Some(running) = &mut self.running else {
            let log = moment.space.log();
            if let Some(writer) = moment.writer
                && log.is_full()
                && writer.regain(moment.now_ms as u64)
            {
                moment.life.figures.regained += 1;
                moment.life.tell("there is room again");
            }
            if log.is_enabled() && log.has_failed() {
                self.begin(&mut moment, Reason::Heal);
            } else if self.enabled_after.is_some() {
                self.begin(&mut moment, Reason::Enable);
            } else if moment.life.chance(150) {
                self.begin(&mut moment, Reason::Save);
            }
            return;
        };
        if moment.life.chance(20) {
            moment.life.tell("the checkpoint is given up");
            running.checkpoint.give_up(PersistenceError::Stopped);
        }
        match running.checkpoint.step(moment.space, moment.folder) {
            Step::More => {}
            Step::Waiting => moment.collector.run_pending(moment.space),
            Step::Done => self.finish(&mut moment),
        }
    }

    /// Switches the log on or off, between two checkpoints.
    pub fn toggle(&mut self, moment: &mut Moment<'_>) {
        let log = moment.space.log();
        if !log.is_enabled() {
            return self.begin(moment, Reason::Enable);
        }
        let _closed = moment.space.gate().close();
        log.enable(false);
        self.enabled_after = None;
        let closed = moment
            .writer
            .take()
            .map(|mut writer| writer.close(moment.now_ms as u64));
        moment.life.tell(format!("the log is off: {closed:?}"));
        if let Some(Ok(())) = closed {
            moment.life.oracle.note_acked(log.durable());
        }
        log.leave_gap();
        assert!(log.takes_writes(), "a log that is off refuses writes");
    }

    fn begin(&mut self, moment: &mut Moment<'_>, reason: Reason) {
        if let Some(writer) = moment.writer
            && reason != Reason::Heal
        {
            // A log that fails says so elsewhere.
            let _ = writer.rotate(moment.now_ms as u64);
        }
        let profile = &moment.life.profile;
        let settings = &profile.settings;
        let since = self.base.filter(|(base, _, chained)| {
            reason == Reason::Save
                && *chained < settings.snapshot_chain_max
                && moment.folder.can_build_on(*base)
        });
        let options = CheckpointOptions {
            label: String::new(),
            kept: false,
            since: since.map(|(base, epoch, _)| (base, epoch)),
            track: settings.snapshot_incremental,
            memory_limit_bytes: 1 << 20,
            compression: profile.compression,
        };
        let closed = moment.space.gate().close();
        if reason == Reason::Enable && self.enabled_after.is_none() {
            moment.space.log().leave_gap();
            self.enabled_after = Some(moment.space.log().enable(true));
        }
        let healed = (reason == Reason::Heal).then(|| moment.space.log().begin_heal());
        let begun = Checkpoint::begin_closed(moment.space, moment.folder, settings, options, moment.now_ms);
        drop(closed);
        match begun {
            Ok(checkpoint) => {
                moment
                    .life
                    .tell(format!("checkpoint of LSN {}: {reason:?}", checkpoint.lsn()));
                self.running = Some(Running {
                    checkpoint,
                    chained: since.map_or(0, |(_, _, chained)| chained + 1),
                    healed,
                });
            }
            Err(error) => moment.life.fail(&format!("a checkpoint does not begin: {error}")),
        }
    }

    fn finish(&mut self, moment: &mut Moment<'_>) {
        let Some(Running {
            checkpoint,
            chained,
            healed,
        }) = self.running.take()
        else {
            return;
        };
        let epoch = checkpoint.epoch();
        let info = match checkpoint.finish() {
            Ok(info) => info,
            Err(error) => return moment.life.tell(format!("the checkpoint failed: {error}")),
        };
        moment.life.tell(format!("checkpoint {}", info.path.display()));
        verify(moment.life, &info);
        moment.life.oracle.note_acked(info.meta.lsn);
        moment.life.figures.snapshots += 1;
        moment.life.figures.incremental += u64::from(chained > 0);
        let base = Base {
            id: info.meta.id,
            lsn: info.meta.lsn,
        };
        let tracks = moment.life.profile.settings.snapshot_incremental;
        self.base = tracks.then_some((base, epoch, chained));
        if let Err(error) = self.begin_log_behind(moment, healed) {
            return moment.life.tell(format!("the log does not begin: {error}"));
        }
        self.tidy_up(moment, &info);
    }

    /// Begins the log behind a snapshot that is durable: after it failed, or was switched on.
    fn begin_log_behind(&mut self, moment: &mut Moment<'_>, healed: Option<Lsn>) -> Result<(), LogError> {
        if let (Some(lsn), Some(writer)) = (healed, &mut moment.writer) {
            writer.reopen_after(lsn, moment.now_ms as u64)?;
            assert!(
                !moment.space.log().has_failed(),
                "a log that was healed is failed"
            );
            moment.life.figures.heals += 1;
            moment.life.tell(format!("the log is healed after LSN {lsn}"));
        }
        if let Some(after) = self.enabled_after {
            let settings = moment.life.profile.writer;
            let writer = LogWriter::create(moment.parts.clone(), settings, after, moment.now_ms as u64)?;
            *moment.writer = Some(writer);
            self.enabled_after = None;
            moment.life.figures.enabled += 1;
            moment.life.tell(format!("the log is on after LSN {after}"));
        }
        Ok(())
    }

    /// Removes what the snapshot has made superfluous. A failure costs space, not data.
    fn tidy_up(&mut self, moment: &mut Moment<'_>, newest: &SnapshotInfo) {
        let (disk, dir) = (moment.folder.disk().clone(), moment.folder.dir());
        let settings = moment.life.profile.settings.clone();
        let window_s = settings.wal_archive_window;
        let retired = archive::retire(
            disk.as_ref(),
            dir,
            newest.meta.lsn,
            window_s,
            moment.now_ms as u64,
        );
        let consolidated = self.consolidate_long_chain(moment);
        let reach_back_to = match window_s {
            0 => None,
            _ => archive::first_archived(disk.as_ref(), dir).ok().flatten(),
        };
        let retention = Retention {
            chains: settings.snapshot_retention as usize,
            reach_back_to,
        };
        let retained = moment
            .folder
            .catalog()
            .and_then(|mut catalog| Ok(catalog.retain(retention)?));
        moment.life.tell(format!(
            "{retired:?}, consolidated: {consolidated:?}, removed: {retained:?}"
        ));
    }

    fn consolidate_long_chain(&mut self, moment: &mut Moment<'_>) -> Result<bool, PersistenceError> {
        let chain_max = moment.life.profile.settings.snapshot_chain_max;
        if self.base.is_none_or(|(_, _, chained)| chained < chain_max) {
            return Ok(false);
        }
        let folder = moment.folder;
        let catalog = folder.catalog()?;
        let newest = load_order(&catalog, Lsn::MAX, Some(folder.history()))
            .into_iter()
            .find_map(|candidate| candidate.chain.ok());
        let Some(chain) = newest else { return Ok(false) };
        let hashes = SeededHashes::of(&chain);
        let reader = ChainReader::open(folder.disk().as_ref(), &chain, |seed: &[u8], key: &[u8]| {
            hashes.hash(seed, key)
        })?;
        let compression = chain.newest().meta.compression;
        let info = consolidate(folder.disk().clone(), folder.dir(), &reader, compression, || {
            false
        })?;
        moment.life.figures.consolidated += 1;
        if let Some((base, _, chained)) = &mut self.base
            && base.id == info.meta.id
        {
            *chained = 0;
        }
        Ok(true)
    }
}

/// Whatever was going on meanwhile, nothing is in a snapshot twice or in part. Looks at a copy of the disk: the faults of this one
/// are for the process.
fn verify(life: &Life, info: &SnapshotInfo) {
    let disk = life.disk.snapshot(0);
    let verified = SnapshotReader::open(&disk, &info.path).and_then(|reader| reader.verify());
    if let Err(error) = verified {
        life.fail(&format!("a snapshot that was just written: {error}"));
    }
}
