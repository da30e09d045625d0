//! Why an append-only file could not be read, and where.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::error::RdbError;

/// What was wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum AofFault {
    /// The file could not be opened or read.
    Io(io::Error),
    /// The RDB part of the file is damaged.
    Rdb(RdbError),
    /// The bytes break a rule of the format; the text names it.
    Format(&'static str),
}

impl From<io::Error> for AofFault {
    fn from(error: io::Error) -> Self {
        AofFault::Io(error)
    }
}

impl fmt::Display for AofFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AofFault::Io(error) => write!(f, "{error}"),
            AofFault::Rdb(error) => write!(f, "RDB part: {error}"),
            AofFault::Format(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for AofFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AofFault::Io(error) => Some(error),
            AofFault::Rdb(error) => Some(error),
            AofFault::Format(_) => None,
        }
    }
}

/// An [`AofFault`] with its place.
#[derive(Debug)]
pub struct AofError {
    /// The file, if it has a name.
    pub path: PathBuf,
    /// Where the command begins that cannot be read, or reading stopped, in bytes from the file's start. In a manifest, where
    /// the line begins.
    pub offset: u64,
    /// What was wrong there.
    pub fault: AofFault,
}

impl fmt::Display for AofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, offset, fault) = (self.path.display(), self.offset, &self.fault);
        match fault {
            AofFault::Io(error) => write!(f, "cannot read {path}: {error}"),
            _ => write!(f, "{path} is damaged at offset {offset}: {fault}"),
        }
    }
}

impl std::error::Error for AofError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.fault)
    }
}
