//! What can go wrong with a snapshot's file; every error names the path, damage also the offset.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::SnapshotId;

/// Why a snapshot could not be written, read or removed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The disk refused.
    Io {
        /// File or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the disk said.
        source: io::Error,
    },
    /// The file does not end as a snapshot does: its writing was cut short, or it is something else.
    Incomplete {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        len: u64,
    },
    /// The content differs from what was written.
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// Written by a newer version.
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Its format version.
        version: u16,
    },
    /// The file was renamed, or put in place of another.
    Misnamed {
        /// The file.
        path: PathBuf,
        /// The name that belongs to its content.
        expected: String,
    },
    /// There is not enough memory for a block.
    OutOfMemory {
        /// The file.
        path: PathBuf,
        /// Where the block begins.
        offset: u64,
        /// Bytes asked for.
        bytes: u64,
    },
    /// A block could not be compressed.
    Compression(io::Error),
    /// What the caller asked to be written breaks the format's limits.
    Unfit(&'static str),
    /// The writing was stopped on request.
    Stopped,
    /// No snapshot has this id.
    Unknown(SnapshotId),
    /// The snapshot cannot be removed alone.
    InUse {
        /// The file.
        path: PathBuf,
        /// How many others build on it, directly or not.
        dependents: usize,
    },
    /// The file is not the one any more that the catalog found.
    Changed {
        /// The file.
        path: PathBuf,
    },
}

impl SnapshotError {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, action, source }
    }

    /// Whether the disk had no room.
    pub fn is_no_room(&self) -> bool {
        matches!(self, Self::Io { source, .. } if flashdb_disk::is_no_room(source))
    }

    /// Whether the content of the file is proven to be other than what was written. A disk that cannot be read, too many open files or
    /// too little memory prove nothing, nor does a version or a name that is not ours: the snapshot may be whole.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Incomplete { .. } | Self::Damaged { .. })
    }

    pub(crate) fn damaged(path: &Path, offset: u64, what: &'static str) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            offset,
            what,
        }
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, action, source } => write!(f, "cannot {action} {}: {source}", path.display()),
            Self::Incomplete { path, len } => write!(
                f,
                "{} is no complete snapshot: its {len} bytes do not end with a snapshot's trailer",
                path.display()
            ),
            Self::Damaged { path, offset, what } => {
                write!(f, "{} is damaged at offset {offset}: {what}", path.display())
            }
            Self::Unsupported { path, version } => write!(
                f,
                "{} has format version {version}, which this version cannot read",
                path.display()
            ),
            Self::Misnamed { path, expected } => write!(
                f,
                "{} holds the snapshot that belongs to the name {expected}",
                path.display()
            ),
            Self::OutOfMemory { path, offset, bytes } => write!(
                f,
                "not enough memory for the block of {bytes} bytes at offset {offset} of {}",
                path.display()
            ),
            Self::Compression(error) => write!(f, "cannot compress a block: {error}"),
            Self::Unfit(what) => write!(f, "cannot write the snapshot: {what}"),
            Self::Stopped => write!(f, "the snapshot was stopped"),
            Self::Unknown(id) => write!(f, "there is no snapshot {id}"),
            Self::InUse { path, dependents } => {
                write!(f, "{dependents} other snapshots build on {}", path.display())
            }
            Self::Changed { path } => write!(f, "{} was replaced in the meantime", path.display()),
        }
    }
}

impl std::error::Error for SnapshotError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Compression(source) => Some(source),
            _ => None,
        }
    }
}
