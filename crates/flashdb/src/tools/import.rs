//! `flashdb import`: the data of a Redis or Valkey server as the first snapshot of a data folder.

use super::arguments::Arguments;
use super::error::ToolError;
use super::{now_ms, say};
use flashdb_disk::RealDisk;
use flashdb_persistence::import::import;
use flashdb_persistence::replay::{Commands, Setup};
use flashdb_persistence::{DataFolder, PersistenceError, offline};
use flashdb_store::Usage;
use std::sync::Arc;

/// `flashdb import FILE|FOLDER [--dir DIR]`.
///
/// # Errors
/// When the source is damaged, or the folder holds data; nothing is written then.
pub fn run(arguments: Arguments) -> Result<(), ToolError> {
    let path = arguments.path("file or folder")?;
    if arguments.names_server {
        return Err(ToolError::Usage(
            "data is imported into a folder that no server uses".into(),
        ));
    }
    let settings = arguments.settings()?;
    let source = flashdb_rdb::detect(&path).map_err(ToolError::Source)?;
    let folder = DataFolder::open(Arc::new(RealDisk), &settings.dir)?;
    if !folder.is_empty()? {
        return Err(ToolError::Data(PersistenceError::Refused(format!(
            "{} holds data already; name an empty or new folder with --dir",
            settings.dir.display()
        ))));
    }
    let space = offline::keyspace(&settings);
    let commands = Commands::new();
    let setup = Setup {
        space: &space,
        commands: &commands,
        settings: &settings,
        usage: Usage::Lru,
        now_ms: now_ms(),
    };
    say(format_args!("{}: {}", source.path.display(), source.kind));
    let imported = import(setup, offline::lanes(&space).start, &source).map_err(ToolError::Import)?;
    let info = offline::write(&space, &folder, &settings, now_ms())?;
    for line in &imported.left_out.lines {
        eprintln!("{line}");
    }
    if let Some(torn) = &imported.torn {
        eprintln!("{torn}");
    }
    say(format_args!(
        "{}: {} keys ({} keys and {} commands read, {} expired, {} left out)",
        info.path.display(),
        info.totals.entries,
        imported.keys,
        imported.commands,
        imported.expired,
        imported.left_out.count
    ));
    Ok(())
}
