//! Why data could not be kept or read back. Every error names the file, and where it can the offset.

use flashdb_log::LogError;
use flashdb_snapshot::SnapshotError;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// See the module's head.
#[derive(Debug)]
#[non_exhaustive]
pub enum PersistenceError {
    /// The data folder cannot be used.
    Folder(PathBuf, io::Error),
    /// Another process uses the data folder.
    InUse(PathBuf),
    /// Log and snapshots do not belong together, or the folder holds something else.
    Foreign(String),
    /// The log.
    Log(LogError),
    /// A snapshot.
    Snapshot(SnapshotError),
    /// Snapshots and log do not reach from one to the other.
    Gap(String),
    /// An entry of a snapshot cannot be held.
    Entry {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A value in pieces whose pieces do not fit together: damage of a snapshot's file that its checksums do not show.
    Unfit {
        /// The file.
        path: PathBuf,
        /// Where the block with the piece begins at which it was noticed.
        offset: u64,
        /// What is wrong, and with which key.
        reason: String,
    },
    /// A record of the log cannot be executed.
    Replay {
        /// The segment.
        path: PathBuf,
        /// Offset of its frame.
        offset: u64,
        /// Why.
        reason: String,
    },
    /// The log ends in what a crash left behind, and the settings do not allow to cut it.
    Torn {
        /// The segment.
        path: PathBuf,
        /// Where the last whole frame ends.
        offset: u64,
        /// What is behind it.
        reason: String,
    },
    /// The point in time that was asked for cannot be reached.
    NoSuchPoint(String),
    /// What was asked for cannot be done with this snapshot; why.
    Refused(String),
    /// A snapshot finds no room on the disk.
    NoRoom {
        /// What could not be written.
        source: SnapshotError,
        /// Bytes that it takes at most, about.
        needed_bytes: u64,
    },
    /// A snapshot is being taken already.
    Busy,
    /// The server is ending.
    Stopped,
    /// Whoever asked for it, and was the only one to read it, is gone.
    Unwanted,
}

impl fmt::Display for PersistenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PersistenceError::Folder(path, error) => write!(f, "cannot use {}: {error}", path.display()),
            PersistenceError::InUse(path) => write!(
                f,
                "another server uses this data folder: {} is locked",
                path.display()
            ),
            PersistenceError::Foreign(what)
            | PersistenceError::Gap(what)
            | PersistenceError::NoSuchPoint(what)
            | PersistenceError::Refused(what) => f.write_str(what),
            PersistenceError::Log(error) => error.fmt(f),
            PersistenceError::Snapshot(error) => error.fmt(f),
            PersistenceError::Entry { path, reason } => {
                write!(f, "{}: an entry cannot be loaded: {reason}", path.display())
            }
            PersistenceError::Unfit { path, offset, reason } => {
                write!(f, "{} is damaged at offset {offset}: {reason}", path.display())
            }
            PersistenceError::Replay { path, offset, reason } => {
                write!(f, "{} at offset {offset}: {reason}", path.display())
            }
            PersistenceError::Torn { path, offset, reason } => write!(
                f,
                "{} is torn at offset {offset} ({reason}), and `aof-load-truncated` is no; with yes, or with `--recover truncate`, the log would be cut there",
                path.display()
            ),
            PersistenceError::NoRoom { source, needed_bytes } => {
                write!(
                    f,
                    "{source}; a snapshot of the data takes up to {needed_bytes} bytes"
                )
            }
            PersistenceError::Busy => f.write_str("Background save already in progress"),
            PersistenceError::Stopped => f.write_str("the server is ending"),
            PersistenceError::Unwanted => f.write_str("nobody waits for it any more"),
        }
    }
}

impl std::error::Error for PersistenceError {}

impl PersistenceError {
    /// Whether it is the system that failed, such as a disk that cannot be read or a process without files left: neither is the request
    /// wrong nor what it is about.
    pub fn is_of_system(&self) -> bool {
        match self {
            PersistenceError::Folder(_, error)
            | PersistenceError::Snapshot(SnapshotError::Io { source: error, .. })
            | PersistenceError::Log(LogError::Io { source: error, .. }) => {
                error.kind() != ErrorKind::NotFound
            }
            PersistenceError::Snapshot(SnapshotError::OutOfMemory { .. }) => true,
            _ => false,
        }
    }
}

impl From<LogError> for PersistenceError {
    fn from(error: LogError) -> Self {
        PersistenceError::Log(error)
    }
}

impl From<SnapshotError> for PersistenceError {
    fn from(error: SnapshotError) -> Self {
        PersistenceError::Snapshot(error)
    }
}
