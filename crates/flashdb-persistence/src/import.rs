//! What a Redis or Valkey server left behind, put into an empty keyspace: an RDB file, an append-only file, or several of them. What
//! cannot be held is left out and reported, command by command and key by key; damage ends the import.

use crate::rdb::{self, LeftOut, LoadError, Loaded};
use crate::replay::{Reason, RequestReplayer, Setup};
use flashdb_rdb::aof::{AofItem, AofReader};
use flashdb_rdb::{FileItem, FileReader, Source, SourceKind};
use flashdb_store::Access;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;

/// What was imported.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Keys read from RDB files, or parts of that format.
    pub keys: u64,
    /// Keys whose time had come.
    pub expired: u64,
    /// Commands executed from append-only files.
    pub commands: u64,
    /// What FlashDB cannot hold or execute.
    pub left_out: LeftOut,
    /// The end of an append-only file that a crash had torn, in words.
    pub torn: Option<String>,
}

/// Why an import ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImportError {
    /// An RDB file.
    Rdb(PathBuf, LoadError),
    /// An append-only file; with path and offset.
    Aof(flashdb_rdb::aof::AofError),
    /// The source is of FlashDB itself.
    Own(PathBuf, &'static str),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportError::Rdb(path, error) => write!(f, "{}: {error}", path.display()),
            ImportError::Aof(error) => error.fmt(f),
            ImportError::Own(path, what) => write!(f, "{} is {what}", path.display()),
        }
    }
}

impl std::error::Error for ImportError {}

/// Fills the empty keyspace of `setup` from `source`. `lane` of the gate is used.
///
/// # Errors
/// When the source is damaged; the keyspace is filled in part then.
pub fn import(setup: Setup<'_>, lane: usize, source: &Source) -> Result<Imported, ImportError> {
    match source.kind {
        SourceKind::Rdb { .. } => import_rdb(setup, lane, &source.path),
        SourceKind::Aof { .. } => import_aof(setup, lane, AofReader::of_file(&source.path)),
        SourceKind::AofManifest => {
            let reader = AofReader::of_manifest(&source.path).map_err(ImportError::Aof)?;
            import_aof(setup, lane, reader)
        }
        _ => Err(ImportError::Own(
            source.path.clone(),
            "FlashDB's own; restore it, or start a server on it",
        )),
    }
}

fn import_rdb(setup: Setup<'_>, lane: usize, path: &PathBuf) -> Result<Imported, ImportError> {
    let failed = |error| ImportError::Rdb(path.clone(), error);
    let file = File::open(path).map_err(|error| failed(LoadError::Io(path.clone(), error)))?;
    let reader = FileReader::new(file).map_err(|error| failed(LoadError::Damaged(error.to_string())))?;
    let mut import = Import::new(setup, lane);
    // An RDB file is the whole story: what was due when it is read is gone. In append-only files later commands count.
    import.data.replaying = false;
    for item in reader {
        let item = item.map_err(|error| failed(LoadError::Damaged(error.to_string())))?;
        import.item(item).map_err(failed)?;
    }
    Ok(import.done())
}

fn import_aof(setup: Setup<'_>, lane: usize, reader: AofReader) -> Result<Imported, ImportError> {
    let mut import = Import::new(setup, lane);
    let mut replayer = RequestReplayer::new(setup, lane);
    let (mut db, mut path, mut number) = (0, PathBuf::new(), 0);
    for item in reader {
        match item.map_err(ImportError::Aof)? {
            AofItem::File { path: next, .. } => (db, path, number) = (0, next, 0),
            AofItem::Rdb(item) => import
                .item(item)
                .map_err(|error| ImportError::Rdb(path.clone(), error))?,
            AofItem::SelectDb(next) => {
                db = rdb::database(&import.data, next)
                    .map_err(|error| ImportError::Rdb(path.clone(), error))?;
            }
            AofItem::Command(request) => {
                number += 1;
                match replayer.run(db, request.as_args(), number) {
                    Ok(()) => import.commands += 1,
                    Err(error) => import.leave_out(&path, request.as_args(), &error.reason, number),
                }
            }
            AofItem::Dropped(end) => import.torn = Some(format!("{}: {end}", path.display())),
            AofItem::GroupBegin | AofItem::GroupEnd => {}
        }
    }
    Ok(import.done())
}

/// An import that goes on.
struct Import<'k> {
    setup: Setup<'k>,
    lane: usize,
    data: Access<'k>,
    loaded: Loaded,
    commands: u64,
    torn: Option<String>,
}

impl<'k> Import<'k> {
    fn new(setup: Setup<'k>, lane: usize) -> Self {
        Import {
            setup,
            lane,
            data: setup.access(),
            loaded: Loaded::default(),
            commands: 0,
            torn: None,
        }
    }

    fn item(&mut self, item: FileItem) -> Result<(), LoadError> {
        let Import { setup, data, .. } = self;
        let pass = setup.space.gate().enter(self.lane);
        if let FileItem::Entry(entry) = &item {
            let shard = setup.space.shard_of(&entry.key);
            data.hold(|space| space.lock_one(shard));
        }
        let outcome = rdb::load_item(data, setup.settings, item, true, &mut self.loaded);
        data.release();
        drop(pass);
        outcome
    }

    fn leave_out(
        &mut self,
        path: &std::path::Path,
        request: flashdb_base::args::Args<'_>,
        reason: &Reason,
        number: u64,
    ) {
        let name = request.get(0).unwrap_or_default();
        self.loaded.left_out.note(|| {
            let key = request.get(1).map_or(String::new(), |key| {
                format!(" of \"{}\"", key[..key.len().min(128)].escape_ascii())
            });
            let why = match reason {
                Reason::UnknownCommand => "FlashDB does not have it, or not as data".to_owned(),
                Reason::Refused(code) => format!("it fails on the state before it ({code})"),
                other => format!("{other:?}"),
            };
            format!(
                "{}, command {number}: {}{key} left out: {why}",
                path.display(),
                name[..name.len().min(64)].escape_ascii()
            )
        });
    }

    fn done(self) -> Imported {
        Imported {
            keys: self.loaded.keys as u64,
            expired: self.loaded.expired as u64,
            commands: self.commands,
            left_out: self.loaded.left_out,
            torn: self.torn,
        }
    }
}
