//! How the server's data lasts: the data folder, the thread that writes the log, the thread that takes checkpoints, and the
//! start that brings it all back. Core loops only append to the log and park replies; nothing here runs on them.
//!
//! Reading order: this file (what there is, the log's life), `listener` (what the writer tells the loops), `startup`
//! (recovery), `load_figures` (how far it is), `checkpoints` (when a snapshot is taken, and what follows from it), `pins`
//! (which stay for their readers), `file_threads` (who reads them for clients), `space` (how long the log may get), `full` (a disk
//! without room).

pub mod checkpoints;
pub mod file_threads;
mod full;
mod listener;
mod load_figures;
pub mod pins;
pub mod restore;
mod space;
mod startup;

pub use checkpoints::{Checkpoints, Wish};
pub use load_figures::LoadFigures;
pub use startup::{StartupError, parse_point, recover};

use crate::server::Server;
use file_threads::FileThreads;
use flashdb_base::clock::{self, SystemClock};
use flashdb_config::{AppendFsync, Settings, WalMedium};
use flashdb_disk::{Disk, RealDisk};
use flashdb_log::{LogError, LogWriter, Lsn, Medium, RunningWriter, SegmentInfo, SyncPolicy};
use flashdb_log::{WriterParts, WriterSettings, WriterStatus};
use flashdb_persistence::load::LoadProgress;
use flashdb_persistence::uploads::Uploads;
use flashdb_persistence::{DataFolder, PersistenceError};
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// See the module's head.
pub struct Durability {
    folder: DataFolder,
    /// Shared, so that whoever waits for the disk does not hold the lock: core loops look at it, too.
    writer: Mutex<Option<Arc<RunningWriter>>>,
    /// The thread that ends the writer of a log that was switched off.
    ending: Mutex<Option<JoinHandle<()>>>,
    /// Snapshots: those asked for, the one being taken, the last ones.
    pub checkpoints: Checkpoints,
    /// Snapshots that somebody reads.
    pub pins: pins::Pins,
    /// Who looks into the files of snapshots for clients.
    pub file_threads: Arc<FileThreads>,
    /// How far the start has come.
    pub progress: LoadProgress,
    /// When the load began, Unix ms; 0 before.
    pub load_began_ms: AtomicI64,
    /// How long the last load took that ended well; -1 before the first.
    pub load_took_ms: AtomicI64,
    /// Set while the log is being switched on: frames are kept, and written once a checkpoint is durable.
    enabling: AtomicBool,
    /// LSN of the last frame before those that are kept.
    enabled_after: AtomicU64,
    /// The segments as they were when last looked at.
    segments: Mutex<Vec<SegmentInfo>>,
}

impl Durability {
    /// Takes the data folder.
    ///
    /// # Errors
    /// When it cannot be used, or another server uses it.
    pub fn open(dir: &Path) -> Result<Durability, PersistenceError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        Ok(Durability {
            folder: DataFolder::open(disk, dir)?,
            writer: Mutex::new(None),
            ending: Mutex::new(None),
            checkpoints: Checkpoints::default(),
            pins: pins::Pins::default(),
            file_threads: Arc::default(),
            progress: LoadProgress::default(),
            load_began_ms: 0.into(),
            load_took_ms: (-1).into(),
            enabling: false.into(),
            enabled_after: 0.into(),
            segments: Mutex::default(),
        })
    }

    /// Snapshots that clients have sent, or are sending.
    pub fn uploads(&self) -> Uploads<'_> {
        Uploads::new(self.folder.disk().as_ref(), self.folder.dir())
    }

    /// The data folder.
    pub fn folder(&self) -> &DataFolder {
        &self.folder
    }

    /// Starts the writer in a fresh segment behind `after`. Frames appended since are written by it.
    ///
    /// # Errors
    /// When the segment or the thread cannot be made.
    pub fn start_writer(
        &self,
        server: &Arc<Server>,
        settings: &Settings,
        after: Lsn,
    ) -> Result<(), LogError> {
        let parts = WriterParts {
            disk: self.folder.disk().clone(),
            dir: self.folder.dir().to_owned(),
            history: self.folder.history().0,
            log: server.space.log().clone(),
            listener: Arc::new(listener::Listener::new(server)),
        };
        let writer = LogWriter::create(parts, writer_settings(settings), after, clock::unix_ms())?;
        let running = RunningWriter::start(writer, Arc::new(SystemClock)).map_err(|source| LogError::Io {
            path: self.folder.dir().to_owned(),
            attempt: "start the log's thread for",
            source,
        })?;
        if settings.wal_medium == WalMedium::Pmem
            && let Some(reason) = running.status().not_pmem
        {
            tracing::warn!(reason, "wal-medium is pmem, but the log is written through files");
        }
        *self.writer.lock() = Some(Arc::new(running));
        self.enabling.store(false, Ordering::Release);
        Ok(())
    }

    /// Ends the writer in good order; everything appended is durable then.
    ///
    /// # Errors
    /// When the log has failed.
    pub fn stop_writer(&self) -> Result<(), LogError> {
        match self.writer.lock().take() {
            Some(writer) => end(writer),
            None => Ok(()),
        }
    }

    /// Hands changed settings on.
    pub fn apply_settings(&self, server: &Server, settings: &Settings) {
        let log = server.space.log();
        log.set_waits(log.is_enabled() && settings.appendfsync == AppendFsync::Always);
        log.set_backlog_max(settings.wal_buffer_limit);
        if let Some(writer) = &*self.writer.lock() {
            writer.set_settings(writer_settings(settings));
        }
        // Replies that waited need not wait any more, or can be told.
        listener::wake_all(server);
    }

    /// Whether the log is to be switched on, or is and has no snapshot to begin behind yet.
    pub fn is_being_enabled(&self) -> bool {
        let checkpoints = &self.checkpoints;
        self.is_enabling()
            || checkpoints.is_scheduled(checkpoints::Reason::Enabling)
            || checkpoints.is_taking(checkpoints::Reason::Enabling)
    }

    /// Whether the log is being switched on and not there yet.
    pub fn is_enabling(&self) -> bool {
        self.enabling.load(Ordering::Acquire)
    }

    /// LSN of the last frame before those that are kept, while the log is being switched on.
    fn enabled_after(&self) -> Option<Lsn> {
        self.is_enabling()
            .then(|| self.enabled_after.load(Ordering::Relaxed))
    }

    /// Switches the log on: effects are kept from now on, and written once the snapshot that is being begun is durable. The
    /// gate is closed.
    fn enable(&self, server: &Server, settings: &Settings) {
        if server.space.log().is_enabled() {
            return;
        }
        // What changed since the last snapshot was not counted.
        server.space.log().leave_gap();
        let last = server.space.log().enable(true);
        self.enabled_after.store(last, Ordering::Relaxed);
        self.enabling.store(true, Ordering::Release);
        self.apply_settings(server, settings);
    }

    /// Ends the log before the data becomes another, which the log does not lead to: everything appended is durable, and what
    /// follows leaves a gap. The gate is open, and no client writes.
    fn end_log(&self, server: &Server) -> Result<(), LogError> {
        let log = server.space.log();
        let closed = server.space.gate().close();
        log.enable(false);
        drop(closed);
        let ended = self.stop_writer();
        log.leave_gap();
        ended
    }

    /// Switches the log off. What was logged stays; what follows is not in it, so the next frame leaves a gap, and no start
    /// takes the log for complete. The gate is closed.
    fn disable(&self, server: &Server, settings: &Settings) {
        let log = server.space.log();
        if !log.is_enabled() {
            return;
        }
        log.enable(false);
        if let Some(writer) = self.writer.lock().take() {
            // The thread writes what there is and ends by itself; nobody waits for it here.
            let ended = std::thread::Builder::new().name("log-end".into()).spawn(move || {
                if let Err(error) = end(writer) {
                    tracing::error!(%error, "the log could not be ended in good order");
                }
            });
            match ended {
                Ok(thread) => *self.ending.lock() = Some(thread),
                Err(error) => tracing::error!(%error, "cannot start the thread that ends the log"),
            }
        }
        log.leave_gap();
        self.apply_settings(server, settings);
    }

    /// Waits until the writer of a log that was switched off has ended: it would take the frames of the next one.
    fn await_end_of_log(&self) {
        if let Some(thread) = self.ending.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that ended the log panicked");
        }
    }

    /// What the writer is at; `None` while there is none.
    pub fn writer_status(&self) -> Option<WriterStatus> {
        self.with_writer(RunningWriter::status)
    }

    /// The segments on the disk, as the snapshots' thread saw them within the last second, and the one being written as it
    /// is. Touches no disk: core loops ask.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let mut segments = self.segments.lock().clone();
        if let Some(active) = self.writer_status().and_then(|status| status.active) {
            segments.retain(|segment| segment.id != active.id);
            segments.push(active);
        }
        segments
    }

    /// Looks at the folder for [`Self::segments`]; opens every segment.
    fn look_at_segments(&self) {
        let seen = flashdb_log::segment::list(self.folder.disk().as_ref(), self.folder.dir());
        // A folder that cannot be read is noticed by those who need it; here it shows old figures.
        if let Ok(seen) = seen {
            *self.segments.lock() = seen;
        }
    }

    fn with_writer<T>(&self, ask: impl FnOnce(&RunningWriter) -> T) -> Option<T> {
        let writer = self.writer.lock().clone();
        writer.as_deref().map(ask)
    }
}

/// Ends a writer that nobody gets any more. Somebody who is still waiting for it ends it instead, by letting go of it.
fn end(writer: Arc<RunningWriter>) -> Result<(), LogError> {
    Arc::into_inner(writer).map_or(Ok(()), RunningWriter::stop)
}

/// The writer's settings from those of the server.
fn writer_settings(settings: &Settings) -> WriterSettings {
    WriterSettings {
        policy: match settings.appendfsync {
            AppendFsync::Always => SyncPolicy::Always,
            AppendFsync::EverySecond => SyncPolicy::EveryMs(settings.appendfsync_interval),
            AppendFsync::No => SyncPolicy::Never,
        },
        segment_bytes: settings.wal_segment_size,
        segment_age_s: settings.wal_segment_max_age,
        // It makes the sync cheaper for which replies wait; where none waits it would only cost writing everything twice.
        preallocate_bytes: match settings.appendfsync {
            AppendFsync::Always => settings.wal_preallocate,
            AppendFsync::EverySecond | AppendFsync::No => 0,
        },
        medium: match settings.wal_medium {
            WalMedium::Auto => Medium::Auto,
            WalMedium::File => Medium::File,
            WalMedium::Pmem => Medium::Pmem,
        },
        reserve_bytes: settings.wal_reserve,
    }
}
