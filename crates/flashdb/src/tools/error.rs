//! Why a tool gave up, in words for the operator.

use flashdb_persistence::PersistenceError;
use flashdb_persistence::import::ImportError;
use flashdb_rdb::DetectError;
use flashdb_snapshot::SnapshotError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// See the module's head.
#[derive(Debug)]
#[non_exhaustive]
pub enum ToolError {
    /// The text of help is wanted.
    Help,
    /// The arguments are not understood.
    Usage(String),
    /// A file.
    File(PathBuf, io::Error),
    /// The server cannot be reached, or broke off.
    Connection(String, io::Error),
    /// The server answered with an error, or with what no server answers.
    Server(String),
    /// The data folder.
    Data(PersistenceError),
    /// What was to be imported.
    Import(ImportError),
    /// What was to be imported is nothing that can be.
    Source(DetectError),
    /// What the check found, said already.
    Damage(usize),
}

impl ToolError {
    /// For `map_err`.
    pub fn file(path: &Path) -> impl FnOnce(io::Error) -> ToolError {
        let path = path.to_owned();
        move |error| ToolError::File(path, error)
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ToolError::Help => Ok(()),
            ToolError::Usage(what) => write!(f, "{what}; flashdb --help says how it is used"),
            ToolError::File(path, error) => write!(f, "{}: {error}", path.display()),
            ToolError::Connection(address, error) => write!(f, "{address}: {error}"),
            ToolError::Server(text) => write!(f, "the server answered: {text}"),
            ToolError::Data(PersistenceError::InUse(path)) => write!(
                f,
                "a server uses this data folder ({} is locked); stop it, or name the server with -h and -p",
                path.display()
            ),
            ToolError::Data(error) => error.fmt(f),
            ToolError::Import(error) => error.fmt(f),
            ToolError::Source(error) => error.fmt(f),
            ToolError::Damage(places) => write!(f, "{places} damaged or missing"),
        }
    }
}

impl std::error::Error for ToolError {}

impl From<PersistenceError> for ToolError {
    fn from(error: PersistenceError) -> Self {
        ToolError::Data(error)
    }
}

impl From<SnapshotError> for ToolError {
    fn from(error: SnapshotError) -> Self {
        ToolError::Data(error.into())
    }
}
