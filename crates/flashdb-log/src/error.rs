//! What can go wrong with the log's files, always with the place: the world fails (`Io`), or the files are not what was
//! written (`Damage`), not all there (`Gap`), those of another data folder (`ForeignHistory`), or in a format that another
//! version of this software reads (`Version`).

use crate::{Lsn, segment};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of a segment that cannot be what the writer wrote and synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDamage {
    /// The segment's file.
    pub path: PathBuf,
    /// Where in it, in bytes (of the unpacked content, for an archived segment).
    pub offset: u64,
    /// LSN of the first frame that cannot be read.
    pub lsn: Lsn,
    /// The last LSN missing, if nothing but LSNs is, between two segments of which no other was ever between them: the log went
    /// back, or was off for a while. It is damage unless a snapshot covers it.
    pub left_gap_until: Option<Lsn>,
    /// What is wrong.
    pub reason: String,
}

/// See the module's head.
#[derive(Debug)]
#[non_exhaustive]
pub enum LogError {
    /// The disk refused something.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, in the infinitive.
        attempt: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A segment is damaged.
    Damage(LogDamage),
    /// Frames are missing between those that were asked for and those that are there.
    Gap {
        /// LSN of the first frame missing.
        wanted: Lsn,
        /// LSN of the first frame behind the gap.
        found: Lsn,
        /// The segment behind the gap.
        path: PathBuf,
    },
    /// A segment was written in another data folder.
    ForeignHistory {
        /// The segment's file.
        path: PathBuf,
    },
    /// A segment is of another version of the format. It may well be sound, so nothing is done to it whatever the operator
    /// says about damage.
    Version {
        /// The segment's file.
        path: PathBuf,
        /// Its version.
        version: u16,
    },
    /// The log failed earlier, and needs [`LogWriter::reopen_after`](crate::LogWriter::reopen_after).
    Failed,
}

impl LogError {
    /// Whether the disk had no room: whatever was on it is as it was.
    pub fn is_no_room(&self) -> bool {
        matches!(self, LogError::Io { source, .. } if flashdb_disk::is_no_room(source))
    }

    /// For `map_err`: the attempt that failed, and at which path.
    pub(crate) fn io(path: &Path, attempt: &'static str) -> impl FnOnce(io::Error) -> LogError {
        let path = path.to_path_buf();
        move |source| LogError::Io {
            path,
            attempt,
            source,
        }
    }
}

impl fmt::Display for LogDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is damaged at offset {} (LSN {}): {}",
            self.path.display(),
            self.offset,
            self.lsn,
            self.reason
        )
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogError::Io {
                path,
                attempt,
                source,
            } => write!(f, "cannot {attempt} {}: {source}", path.display()),
            LogError::Damage(damage) => damage.fmt(f),
            LogError::Gap { wanted, found, path } => {
                let missing = found - 1;
                write!(
                    f,
                    "the log has a gap: LSN {wanted} to {missing} are missing before {}",
                    path.display()
                )?;
                match segment::name_before(path) {
                    Some(name) => write!(f, "; the segment before it would be {name}"),
                    None => Ok(()),
                }
            }
            LogError::ForeignHistory { path } => {
                write!(f, "{} belongs to another data folder's log", path.display())
            }
            LogError::Version { path, version } => write!(
                f,
                "{} is a segment of format version {version}, and this FlashDB reads version {}: export the data with the \
                 FlashDB that wrote it, and import it into a new folder",
                path.display(),
                segment::FORMAT_VERSION
            ),
            LogError::Failed => f.write_str("the log failed earlier and was not reopened since"),
        }
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LogError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<LogDamage> for LogError {
    fn from(damage: LogDamage) -> Self {
        LogError::Damage(damage)
    }
}
