//! The write-ahead log: every change of the data as a record, in one total order.
//!
//! Reading order: `record` (what is logged, to the byte), `effects` (what a core loop collects before it gives up its locks),
//! `log` (the shared end: LSNs, the buffer, what is durable), `segment` (the files), `writer` and the thread that drives it
//! (`run`), `reader`, `repair` (after a crash, or damage), `end_mark`, `archive` (old segments), `reserve` (a full disk), `pmem` (persistent
//! memory). The format is drawn in `docs/formats/wal.md`.

pub mod archive;
mod checksum;
pub mod effects;
pub mod end_mark;
pub mod error;
pub mod log;
pub mod pmem;
mod reader;
pub mod record;
pub mod repair;
pub mod reserve;
pub mod run;
pub mod segment;
pub mod writer;

pub use effects::{EffectBuffer, EffectMark};
pub use error::{LogDamage, LogError};
pub use log::{FrameTap, Log, LogListener, SyncPolicy};
pub use pmem::Medium;
pub use reader::{ActiveSegment, KeptFrame, OnDamage, ScanEnd, ScanOptions, Tail, TailKind, Visited, scan};
pub use record::{Frame, FrameError, Kind, Record, Words};
pub use run::RunningWriter;
pub use segment::{HistoryId, SegmentInfo};
pub use writer::{LogWriter, StepOutcome, WriterParts, WriterSettings, WriterStatus};

/// Position of a frame in the log; the first frame has 1, 0 stands for "before everything".
pub type Lsn = u64;
