//! The RDB file: all data encoded under the closed gate, written beside and renamed, and read at
//! the start. Encoding happens in memory, so the size of the data is bounded.

use crate::memory;
use crate::server::Server;
use flashdb_base::version::REDIS_VERSION;
use flashdb_command::rdb_convert;
use flashdb_config::Settings;
use flashdb_rdb::{EncodeLimits, FileItem, FileReader, FileWriter};
use flashdb_store::{Access, Entry, Expiry, Value};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

/// Largest data set that is encoded: what one loop turn may do.
const DATA_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why the data was not saved.
#[derive(Debug)]
#[non_exhaustive]
pub enum SaveError {
    /// There is more data than one turn may encode.
    TooLarge,
    /// The file could not be written.
    Io(PathBuf, io::Error),
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SaveError::TooLarge => write!(
                f,
                "snapshots of more than {} MB are not available in this version",
                DATA_BYTES_MAX >> 20
            ),
            SaveError::Io(path, error) => write!(f, "cannot write {}: {error}", path.display()),
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
    encode_all(data, settings).map_err(|error| SaveError::Io(PathBuf::new(), error))
}

/// As [`encode`], whatever the size (DEBUG RELOAD).
pub fn encode_all(data: &mut Access<'_>, settings: &Settings) -> io::Result<Vec<u8>> {
    let limits = rdb_convert::encode_limits(settings);
    let mut file = FileWriter::new(Vec::new(), settings.rdbcompression);
    file.aux(b"redis-ver", REDIS_VERSION.as_bytes())?;
    file.aux(b"redis-bits", b"64")?;
    let now_ms = data.now_ms;
    for db in 0..data.space().databases_count() as u16 {
        let (mut keys, mut expiring) = (0, 0);
        data.held().for_each_shard(|_, shard| {
            keys += shard.database(db).len() as u64;
            expiring += shard.database(db).volatile_len() as u64;
        });
        if keys == 0 {
            continue;
        }
        file.select_db(db.into(), keys, expiring)?;
        let mut outcome = Ok(());
        data.held().for_each_shard(|_, shard| {
            for entry in shard.database(db).iter() {
                if outcome.is_ok() {
                    outcome = write_entry(&mut file, entry, &limits, now_ms);
                }
            }
        });
        outcome?;
    }
    file.finish()
}

fn write_entry(
    file: &mut FileWriter<Vec<u8>>,
    entry: &Entry,
    limits: &EncodeLimits,
    now_ms: i64,
) -> io::Result<()> {
    let expire_at_ms = entry.expire_at_ms().map(|at_ms| at_ms.max(0) as u64);
    file.entry(entry.key(), expire_at_ms, None, |out| {
        rdb_convert::write(out, entry.value(), limits, now_ms)
    })
}

fn path(settings: &Settings) -> PathBuf {
    settings.dir.join(&settings.dbfilename)
}

/// What was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loaded {
    /// Keys now in memory.
    pub keys: usize,
    /// Keys whose time had come.
    pub expired: usize,
    /// Things that FlashDB cannot hold.
    pub skipped: usize,
}

/// Why data was not loaded, or not all of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    Io(PathBuf, io::Error),
    /// The file is damaged; with the offset.
    Damaged(String),
    /// It names a database that there is not.
    NoSuchDatabase(u64),
    /// A key was there already.
    Duplicate,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Io(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            LoadError::Damaged(what) => write!(f, "the RDB file is damaged: {what}"),
            LoadError::NoSuchDatabase(db) => {
                write!(f, "the RDB file has a database {db}, beyond `databases`")
            }
            LoadError::Duplicate => f.write_str("a key of the RDB file exists already"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Adds what an RDB file holds to the data. The gate is closed. Keys that exist are replaced if
/// `replace`. Watchers, notifications and counters hear nothing of it.
///
/// # Errors
/// When the file is damaged; what came before the damage is loaded then.
pub fn load(
    data: &mut Access<'_>,
    settings: &Settings,
    file: impl Read,
    replace: bool,
) -> Result<Loaded, LoadError> {
    let mut loaded = Loaded::default();
    let db = data.db;
    let outcome = load_items(data, settings, file, replace, &mut loaded);
    data.db = db;
    data.effects.discard();
    outcome.map(|()| loaded)
}

fn load_items(
    data: &mut Access<'_>,
    settings: &Settings,
    file: impl Read,
    replace: bool,
    loaded: &mut Loaded,
) -> Result<(), LoadError> {
    let reader = FileReader::new(file).map_err(|error| LoadError::Damaged(error.to_string()))?;
    for item in reader {
        match item.map_err(|error| LoadError::Damaged(error.to_string()))? {
            FileItem::SelectDb(db) => {
                let known = u16::try_from(db).ok();
                let known = known.filter(|db| usize::from(*db) < data.space().databases_count());
                data.db = known.ok_or(LoadError::NoSuchDatabase(db))?;
            }
            FileItem::Entry(entry) => load_entry(data, settings, entry, replace, loaded)?,
            FileItem::Skipped { .. } | FileItem::Function(_) => loaded.skipped += 1,
            FileItem::Aux { .. } | FileItem::ResizeDb { .. } | FileItem::End { .. } => {}
        }
    }
    Ok(())
}

fn load_entry(
    data: &mut Access<'_>,
    settings: &Settings,
    entry: flashdb_rdb::Entry,
    replace: bool,
    loaded: &mut Loaded,
) -> Result<(), LoadError> {
    let expire_at_ms = entry
        .expire_at_ms
        .map(|at_ms| i64::try_from(at_ms).unwrap_or(i64::MAX));
    let value = rdb_convert::to_value(entry.value, settings, data.now_ms)
        .map_err(|error| LoadError::Damaged(error.to_string()))?;
    let live = data.replaying || expire_at_ms.is_none_or(|at_ms| at_ms > data.now_ms);
    let Some(value) = value.filter(|_| live) else {
        loaded.expired += 1;
        return Ok(());
    };
    if !replace && data.find_quietly(&entry.key).is_some() {
        return Err(LoadError::Duplicate);
    }
    let expiry = expire_at_ms.map_or(Expiry::Clear, Expiry::At);
    match value {
        Value::String(bytes) => data.set_string(&entry.key, &bytes, expiry),
        value => data.set_value(&entry.key, value, expiry),
    }
    data.unchanged();
    // One key's effects are forgotten before the next, so that they do not add up.
    data.effects.discard();
    loaded.keys += 1;
    Ok(())
}

/// The RDB file as it is on disk; `None` when there is none.
///
/// # Errors
/// When it cannot be opened.
pub fn open(settings: &Settings) -> Result<Option<File>, LoadError> {
    let path = path(settings);
    match File::open(&path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LoadError::Io(path, error)),
    }
}
