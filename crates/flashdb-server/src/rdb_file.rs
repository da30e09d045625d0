//! The RDB file of SYNC and DEBUG RELOAD, all data encoded in memory under the closed gate; and that of a data folder, which is
//! read at the start.

use crate::memory;
use crate::server::Server;
use flashdb_config::Settings;
use flashdb_persistence::rdb;
pub use flashdb_persistence::rdb::{LoadError, load};
use flashdb_store::Access;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;

/// Largest data set that is encoded: what one loop turn may do.
const DATA_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why the data was not encoded.
#[derive(Debug)]
#[non_exhaustive]
pub enum SaveError {
    /// There is more data than one turn may encode.
    TooLarge,
    /// Encoding failed.
    Io(io::Error),
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SaveError::TooLarge => write!(
                f,
                "snapshots of more than {} MB are not available in this version",
                DATA_BYTES_MAX >> 20
            ),
            SaveError::Io(error) => write!(f, "cannot encode the data: {error}"),
        }
    }
}

impl std::error::Error for SaveError {}

/// All databases as an RDB file. The gate is closed.
///
/// # Errors
/// When there is more data than one turn may encode.
pub fn encode(server: &Server, data: &mut Access<'_>, settings: &Settings) -> Result<Vec<u8>, SaveError> {
    if memory::measure(server, data).data_bytes > DATA_BYTES_MAX {
        return Err(SaveError::TooLarge);
    }
    encode_all(data, settings).map_err(SaveError::Io)
}

/// As [`encode`], whatever the size (DEBUG RELOAD).
pub fn encode_all(data: &mut Access<'_>, settings: &Settings) -> io::Result<Vec<u8>> {
    rdb::write_whole(data, settings, Vec::new()).map(|(bytes, _)| bytes)
}

/// Writes the RDB file, in place of the one that is there once it is whole. It is not made durable: the log and snapshots
/// are what a start loads.
///
/// # Errors
/// Those of the disk.
pub fn save(settings: &Settings, encoded: &[u8]) -> io::Result<()> {
    let path = settings.dir.join(&settings.dbfilename);
    let temporary = path.with_extension("rdb.tmp");
    std::fs::write(&temporary, encoded)?;
    std::fs::rename(&temporary, &path)
}

/// The RDB file as it is on disk; `None` when there is none.
///
/// # Errors
/// When it cannot be opened.
pub fn open(settings: &Settings) -> Result<Option<File>, LoadError> {
    let path: PathBuf = settings.dir.join(&settings.dbfilename);
    match File::open(&path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LoadError::Io(path, error)),
    }
}
