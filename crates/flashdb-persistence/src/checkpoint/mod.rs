//! A checkpoint: the state of the keyspace at one LSN becomes a snapshot's file while the core loops go on. The cut is taken
//! under the closed gate; then `step` captures a few entries, and compresses and writes the blocks that are full. A thread
//! drives the steps in the server, a seeded loop in the simulation.

mod sink;

pub use sink::CheckpointSink;

use crate::{DataFolder, PersistenceError};
use flashdb_base::{hash, prng};
use flashdb_command::rdb_convert;
use flashdb_config::Settings;
use flashdb_log::Lsn;
use flashdb_snapshot::{
    Base, BlockBuilder, Compression, SnapshotId, SnapshotInfo, SnapshotMeta, SnapshotWriter,
};
use flashdb_store::libraries::{Sources, encode};
use flashdb_store::{Keyspace, Mode, Progress, SnapshotJob, SnapshotSink, SnapshotWalk, WalkBudget};
use std::sync::Arc;

/// How much one step captures: some 20 us under a shard's lock.
const BUDGET: WalkBudget = WalkBudget {
    entries: 200,
    bytes: 64 << 10,
};

/// The old state of what changes takes at most one part in so many of the data's memory: with buffers of the log and of the
/// allocator beside it, that keeps a snapshot's memory below a twentieth.
const MEMORY_SHARE: usize = 32;
/// But what little data there is may take so much.
const MEMORY_MIN_BYTES: usize = 4 << 20;

/// What a checkpoint is to be.
#[derive(Clone, Debug)]
pub struct CheckpointOptions {
    /// The operator's name for it.
    pub label: String,
    /// Made by hand: retention leaves it alone.
    pub kept: bool,
    /// Only what changed since this snapshot, whose cut began this epoch.
    pub since: Option<(Base, u64)>,
    /// Record changes from now on, for an incremental one.
    pub track: bool,
    /// Clients that write are held back while more than so much waits to be written, or a lesser share of the data.
    pub memory_limit_bytes: usize,
    /// How blocks are compressed.
    pub compression: Compression,
}

/// A checkpoint being taken.
pub struct Checkpoint {
    sink: Arc<CheckpointSink>,
    job: Arc<SnapshotJob>,
    walk: SnapshotWalk,
    meta: SnapshotMeta,
    writer: Option<SnapshotWriter>,
    failure: Option<PersistenceError>,
    walked: bool,
    keys_total: u64,
    data_bytes: usize,
    /// Function libraries, as of the cut; `None` once they are written.
    libraries: Option<Arc<Sources>>,
}

/// What a step led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to do.
    More,
    /// The sink is full of what clients changed, or others have work in hand: the next step may come at once.
    Waiting,
    /// Everything is captured and written; [`Checkpoint::finish`] is next.
    Done,
}

impl Checkpoint {
    /// Takes the cut. The caller is not inside the gate; clients wait for as long as it takes, well below a millisecond.
    /// Every frame that is in the state is appended before.
    ///
    /// # Errors
    /// When another snapshot is being taken.
    pub fn begin(
        space: &Keyspace,
        folder: &DataFolder,
        settings: &Settings,
        options: CheckpointOptions,
        now_ms: i64,
    ) -> Result<Checkpoint, PersistenceError> {
        let pass = space.gate().close();
        let begun = Checkpoint::begin_closed(space, folder, settings, options, now_ms);
        drop(pass);
        begun
    }

    /// As [`Checkpoint::begin`] for a caller who has closed the gate.
    pub fn begin_closed(
        space: &Keyspace,
        folder: &DataFolder,
        settings: &Settings,
        options: CheckpointOptions,
        now_ms: i64,
    ) -> Result<Checkpoint, PersistenceError> {
        let limits = rdb_convert::encode_limits(settings);
        let (keys_total, data_bytes) = size(space);
        let limit_bytes = (data_bytes / MEMORY_SHARE).max(MEMORY_MIN_BYTES);
        let sink = Arc::new(CheckpointSink::new(
            space.shards_count(),
            limit_bytes.min(options.memory_limit_bytes),
            limits,
        ));
        let mode = options
            .since
            .map_or(Mode::Full, |(_, since)| Mode::Incremental { since });
        if !space.log().is_enabled() {
            // Nothing has counted what changed since the cut before, and no two states may have one LSN.
            space.log().leave_gap();
        }
        let lsn = space.log().appended();
        let job = space
            .begin_snapshot(mode, options.track, sink.clone())
            .map_err(|_| PersistenceError::Busy)?;
        let meta = SnapshotMeta {
            id: SnapshotId(random_id()),
            lsn,
            base: options.since.map(|(base, _)| base),
            history: folder.history(),
            created_ms: now_ms,
            label: options.label,
            kept: options.kept,
            databases: space.databases_count() as u32,
            shards: space.shards_count() as u32,
            hash_seed: hash::seed().to_bytes().to_vec(),
            compression: options.compression,
        };
        let lane = space.gate().background_lane(0);
        Ok(Checkpoint {
            walk: SnapshotWalk::new(job.clone(), lane),
            sink,
            job,
            meta,
            writer: None,
            failure: None,
            walked: false,
            keys_total,
            data_bytes,
            libraries: Some(space.libraries().sources().1),
        })
    }

    /// Captures some entries and writes blocks that are full. The caller is not inside the gate. A failure to write gives
    /// the snapshot up, and is told by [`Checkpoint::finish`].
    pub fn step(&mut self, space: &Keyspace, folder: &DataFolder) -> Step {
        if self.writer.is_none() && self.failure.is_none() {
            let created = SnapshotWriter::create(folder.disk().clone(), folder.dir(), self.meta.clone());
            match created {
                Ok(writer) => self.writer = Some(writer),
                Err(error) => self.give_up(error.into()),
            }
        }
        if let Some(libraries) = self.libraries.take().filter(|sources| !sources.is_empty()) {
            self.write(&mut BlockBuilder::functions(&encode(&libraries)));
        }
        // Writing comes before walking: clients may be waiting for it.
        let next = if self.walked {
            self.sink.take_rest()
        } else {
            self.sink.take()
        };
        if let Some(mut block) = next {
            let memory_bytes = block.memory_bytes();
            self.write(&mut block);
            self.sink.give_back(block, memory_bytes);
            return Step::More;
        }
        if self.walked {
            return Step::Done;
        }
        match self.walk.step(space, BUDGET) {
            Progress::More => Step::More,
            Progress::Waiting => Step::Waiting,
            Progress::Done => {
                self.walked = true;
                Step::More
            }
        }
    }

    fn write(&mut self, block: &mut BlockBuilder) {
        let Some(writer) = &mut self.writer else { return };
        if let Err(error) = writer.append(block) {
            self.give_up(error.into());
        }
    }

    /// Gives the snapshot up. Steps have to go on until all is done, so that the keyspace is free for the next one.
    pub fn give_up(&mut self, reason: PersistenceError) {
        self.job.abandon();
        if let Some(writer) = self.writer.take() {
            // The unfinished file has no valid name; whatever is left of it is removed at the next start.
            let _ = writer.abort();
        }
        self.failure.get_or_insert(reason);
    }

    /// Makes the file durable and visible. All steps are done.
    ///
    /// # Errors
    /// What went wrong on the way; no snapshot is visible then.
    pub fn finish(self) -> Result<SnapshotInfo, PersistenceError> {
        assert!(self.walked, "a checkpoint is finished once all is captured");
        let explain = |error| match error {
            PersistenceError::Snapshot(source) if source.is_no_room() => PersistenceError::NoRoom {
                source,
                needed_bytes: self.data_bytes as u64,
            },
            error => error,
        };
        match (self.failure, self.writer) {
            (Some(error), _) => Err(explain(error)),
            (None, Some(writer)) => writer.finish().map_err(|error| explain(error.into())),
            (None, None) => Err(PersistenceError::Stopped),
        }
    }

    /// LSN of the cut.
    pub fn lsn(&self) -> Lsn {
        self.meta.lsn
    }

    /// Epoch that began at the cut, for an incremental snapshot after this one.
    pub fn epoch(&self) -> u64 {
        self.job.epoch()
    }

    /// What was captured so far, for those who look on.
    pub fn sink(&self) -> &Arc<CheckpointSink> {
        &self.sink
    }

    /// Keys in the state.
    pub fn keys_total(&self) -> u64 {
        self.keys_total
    }
}

/// Keys, and bytes of memory that all data takes. The caller has the gate closed.
fn size(space: &Keyspace) -> (u64, usize) {
    let (mut keys, mut bytes) = (0, 0);
    space.lock_as_touched().for_each_shard(|_, shard| {
        for db in 0..shard.databases_len() as u16 {
            let database = shard.database(db);
            keys += database.len() as u64;
            bytes += database.memory_bytes();
        }
    });
    (keys, bytes)
}

fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&prng::entropy_u64().to_le_bytes());
    id[8..].copy_from_slice(&prng::entropy_u64().to_le_bytes());
    id
}

impl Checkpoint {
    /// Whether clients that write are being held back.
    pub fn is_congested(&self) -> bool {
        self.sink.is_congested()
    }
}
