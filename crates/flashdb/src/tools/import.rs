//! `flashdb import`: the data of a Redis or Valkey server, or a data folder of FlashDB, as the first snapshot of a new data folder, or
//! into a server that runs (PER-67).

use super::arguments::Arguments;
use super::client::Client;
use super::error::ToolError;
use super::{into_server, now_ms, say};
use flashdb_config::Settings;
use flashdb_disk::RealDisk;
use flashdb_persistence::import::import;
use flashdb_persistence::replay::{Commands, Setup};
use flashdb_persistence::{DataFolder, PersistenceError, offline};
use flashdb_rdb::SourceKind;
use flashdb_store::{Keyspace, Usage};
use std::path::Path;
use std::sync::Arc;

/// `flashdb import FILE|FOLDER [--dir DIR | -h host -p port ... [--rate N]]`.
///
/// # Errors
/// When the source is damaged, or the folder holds data: nothing is written then. When the server refuses a key, or the connection
/// breaks: what was sent stays.
pub fn run(arguments: Arguments) -> Result<(), ToolError> {
    let path = arguments.path("file or folder")?;
    if arguments.names_server && arguments.names_folder {
        return Err(ToolError::Usage("either a server or a folder".into()));
    }
    let settings = arguments.settings()?;
    let space = offline::keyspace(&settings);
    if arguments.names_server {
        // Before what may take long.
        let mut client = Client::connect(&arguments.address)?;
        read(&space, &settings, &path)?;
        let sent = into_server::send_all(&space, &settings, &mut client, arguments.rate, now_ms())?;
        say(format_args!("{sent} keys are in the server"));
        return Ok(());
    }
    let folder = DataFolder::open(Arc::new(RealDisk), &settings.dir)?;
    if !folder.is_empty()? {
        return Err(ToolError::Data(PersistenceError::Refused(format!(
            "{} holds data already; name an empty or new folder with --dir",
            settings.dir.display()
        ))));
    }
    let told = read(&space, &settings, &path)?;
    let info = offline::write(&space, &folder, &settings, now_ms())?;
    say(format_args!(
        "{}: {} keys ({told})",
        info.path.display(),
        info.totals.entries
    ));
    Ok(())
}

/// Fills the keyspace; what there was, in words.
fn read(space: &Keyspace, settings: &Settings, path: &Path) -> Result<String, ToolError> {
    let source = flashdb_rdb::detect(path).map_err(ToolError::Source)?;
    if matches!(source.kind, SourceKind::FlashDbFolder) && is_data_folder(path) {
        // Log and snapshots, in which nothing is changed; no server may use them.
        let folder = DataFolder::open(Arc::new(RealDisk), path)?;
        let recovered = offline::read(space, &folder, settings, now_ms())?;
        recovered.warnings.iter().for_each(|line| eprintln!("{line}"));
        return Ok(format!("the state of LSN {}", recovered.state));
    }
    let commands = Commands::new();
    let setup = Setup {
        space,
        commands: &commands,
        settings,
        usage: Usage::Lru,
        now_ms: now_ms(),
    };
    say(format_args!("{}: {}", source.path.display(), source.kind));
    let imported = import(setup, offline::lanes(space).start, &source).map_err(ToolError::Import)?;
    for line in &imported.left_out.lines {
        eprintln!("{line}");
    }
    if let Some(torn) = &imported.torn {
        eprintln!("{torn}");
    }
    Ok(format!(
        "{} keys and {} commands read, {} expired, {} left out",
        imported.keys, imported.commands, imported.expired, imported.left_out.count
    ))
}

/// Whether a folder with files of FlashDB is not just one of those within a data folder.
fn is_data_folder(path: &Path) -> bool {
    [flashdb_snapshot::FOLDER, "wal"]
        .iter()
        .any(|name| path.join(name).is_dir())
}
