//! The keyspace as an RDB file, and an RDB file's keys in the keyspace. What the one side cannot hold is left out and reported.

use flashdb_base::version::REDIS_VERSION;
use flashdb_command::rdb_convert;
use flashdb_config::Settings;
use flashdb_rdb::{EncodeLimits, FileItem, FileReader, FileVersion, FileWriter};
use flashdb_store::libraries::LibraryHead;
use flashdb_store::{Access, Entry, Expiry, Value, ValueRef};
use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// Left-out things that a report names; more are counted.
const REPORTED_MAX: usize = 1000;
/// No field of a hash is due at this time.
const NOTHING_IS_DUE_MS: i64 = 0;

/// What was left out.
#[derive(Clone, Debug, Default)]
pub struct LeftOut {
    /// How many things.
    pub count: u64,
    /// What and why, one line each, of the first thousand.
    pub lines: Vec<String>,
}

impl LeftOut {
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        self.count += 1;
        if self.lines.len() < REPORTED_MAX {
            self.lines.push(line());
        }
    }
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Keys in the file.
    pub keys: u64,
    /// What a file of this version cannot hold.
    pub left_out: LeftOut,
}

/// Writes all databases and function libraries as an RDB file that servers of this version load. `data` holds all shards. Hash
/// fields whose time has come are left out.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(
    data: &mut Access<'_>,
    settings: &Settings,
    version: FileVersion,
    writer: W,
) -> io::Result<(W, Written)> {
    let file = FileWriter::with_version(writer, version, settings.rdbcompression);
    write_to(data, settings, version, file)
}

/// As [`write`], with all that there is: a file that says version 11, and has hashes with expiring fields nevertheless. So Redis 7.4
/// takes it and FlashDB, and older servers as long as there is no such hash.
///
/// # Errors
/// Those of the writer.
pub fn write_whole<W: Write>(
    data: &mut Access<'_>,
    settings: &Settings,
    writer: W,
) -> io::Result<(W, Written)> {
    let file = FileWriter::new(writer, settings.rdbcompression);
    write_to(data, settings, FileVersion::V11, file)
}

fn write_to<W: Write>(
    data: &mut Access<'_>,
    settings: &Settings,
    version: FileVersion,
    mut file: FileWriter<W>,
) -> io::Result<(W, Written)> {
    let limits = EncodeLimits {
        version,
        ..rdb_convert::encode_limits(settings)
    };
    file.aux(b"redis-ver", REDIS_VERSION.as_bytes())?;
    file.aux(b"redis-bits", b"64")?;
    for source in data.space().libraries().sources().1.values() {
        file.function(source)?;
    }
    let now_ms = data.now_ms;
    let mut written = Written::default();
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
                    outcome = write_entry(&mut file, db, entry, &limits, now_ms, &mut written);
                }
            }
        });
        outcome?;
    }
    Ok((file.finish()?, written))
}

fn write_entry<W: Write>(
    file: &mut FileWriter<W>,
    db: u16,
    entry: &Entry,
    limits: &EncodeLimits,
    now_ms: i64,
    written: &mut Written,
) -> io::Result<()> {
    if let ValueRef::Hash(hash) = entry.value()
        && !hash.iter().any(|field| field.is_live(now_ms.max(0) as u64))
    {
        // Its last field is due; no loader takes a hash without fields.
        return Ok(());
    }
    let expire_at_ms = entry.expire_at_ms().map(|at_ms| at_ms.max(0) as u64);
    let fits = file.entry_if_fits(entry.key(), expire_at_ms, None, |out| {
        rdb_convert::write(out, entry.value(), limits, now_ms)
    })?;
    match fits {
        Ok(()) => written.keys += 1,
        Err(needs) => written.left_out.note(|| {
            format!(
                "db {db}, key \"{}\" left out: {needs}",
                entry.key().escape_ascii()
            )
        }),
    }
    Ok(())
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Keys now in memory.
    pub keys: usize,
    /// Keys whose time had come.
    pub expired: usize,
    /// What FlashDB cannot hold.
    pub left_out: LeftOut,
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
    /// A key or a function library was there already.
    Duplicate,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Io(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            LoadError::Damaged(what) => write!(f, "the RDB file is damaged: {what}"),
            LoadError::NoSuchDatabase(db) => {
                write!(f, "the data has a database {db}, beyond `databases`")
            }
            LoadError::Duplicate => f.write_str("a key or a library of the RDB file exists already"),
        }
    }
}

impl std::error::Error for LoadError {}

/// Adds what an RDB file holds to the data. `data` holds all shards. Keys that exist are replaced if `replace`. Watchers,
/// notifications and counters hear nothing of it. While `data` is replaying, what is due is loaded, too.
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
        let item = item.map_err(|error| LoadError::Damaged(error.to_string()))?;
        load_item(data, settings, item, replace, loaded)?;
    }
    Ok(())
}

/// One item: a key, whose shard `data` holds, or what belongs to the keys that follow.
pub(crate) fn load_item(
    data: &mut Access<'_>,
    settings: &Settings,
    item: FileItem,
    replace: bool,
    loaded: &mut Loaded,
) -> Result<(), LoadError> {
    match item {
        FileItem::SelectDb(db) => data.db = database(data, db)?,
        FileItem::Entry(entry) => load_entry(data, settings, entry, replace, loaded)?,
        FileItem::Skipped(skipped) => loaded.left_out.note(|| skipped.to_string()),
        FileItem::Function(source) => load_library(data, source, replace)?,
        FileItem::Aux { .. } | FileItem::ResizeDb { .. } | FileItem::End { .. } => {}
    }
    Ok(())
}

/// Keeps the source; those who run it find out what it defines.
fn load_library(data: &Access<'_>, source: Vec<u8>, replace: bool) -> Result<(), LoadError> {
    let head = LibraryHead::parse(&source)
        .map_err(|error| LoadError::Damaged(format!("a function library: {error}")))?;
    let libraries = data.space().libraries();
    if !replace && libraries.sources().1.contains_key(&*head.name) {
        return Err(LoadError::Duplicate);
    }
    libraries.change(|sources| sources.insert(head.name.into(), source.into()));
    Ok(())
}

/// A database's number, if there is one.
pub(crate) fn database(data: &Access<'_>, db: u64) -> Result<u16, LoadError> {
    u16::try_from(db)
        .ok()
        .filter(|db| usize::from(*db) < data.space().databases_count())
        .ok_or(LoadError::NoSuchDatabase(db))
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
    let due_ms = if data.replaying {
        NOTHING_IS_DUE_MS
    } else {
        data.now_ms
    };
    let value = rdb_convert::to_value(entry.value, settings, due_ms)
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
