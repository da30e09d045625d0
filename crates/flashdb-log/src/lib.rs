//! The write-ahead log: every change of the data as a record, in one total order.
//!
//! Reading order: `record` (what is logged, to the byte), `effects` (what a core loop collects before it gives up its locks),
//! `log` (the shared end: LSNs, the buffer, what is durable). The format is drawn in `docs/formats/wal.md`.

pub mod effects;
pub mod log;
pub mod record;

pub use effects::EffectBuffer;
pub use log::{FrameTap, Log, LogListener, SyncPolicy};
pub use record::{Frame, FrameError, Kind, Record, Words};

/// Position of a frame in the log; the first frame has 1, 0 stands for "before everything".
pub type Lsn = u64;
