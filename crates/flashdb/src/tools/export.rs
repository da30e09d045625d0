//! `flashdb export`: all data as an RDB file that Redis and Valkey load, from a folder that no server uses or from a running server.

use super::arguments::Arguments;
use super::client::Client;
use super::error::ToolError;
use super::temporary::{NewFile, OwnFolder, refuse_folder};
use super::{backup, now_ms, say};
use flashdb_base::prng::Prng;
use flashdb_config::Settings;
use flashdb_disk::RealDisk;
use flashdb_persistence::{DataFolder, offline, rdb};
use flashdb_rdb::FileVersion;
use flashdb_store::{Access, Keyspace, Policy, Usage};
use std::path::Path;
use std::sync::Arc;

/// `flashdb export [--dir DIR | -h host -p port ...] OUT.rdb [--rdb-version 10|11|12]`.
///
/// # Errors
/// When the data cannot be read or the file not written; there is no file then.
pub fn run(arguments: Arguments) -> Result<(), ToolError> {
    let target = arguments.path("file to write")?;
    refuse_folder(&target)?;
    let version = FileVersion::from_number(arguments.rdb_version)
        .ok_or_else(|| ToolError::Usage("--rdb-version is 10, 11 or 12".into()))?;
    if arguments.names_server && arguments.names_folder {
        return Err(ToolError::Usage("either a server or a folder".into()));
    }
    let settings = arguments.settings()?;
    let space = offline::keyspace(&settings);
    if arguments.names_server {
        let folder = OwnFolder::beside(&target)?;
        let mut client = Client::connect(&arguments.address)?;
        let (_, file) = backup::fetch(&mut client, folder.path())?;
        offline::read_snapshot(&space, &RealDisk, &file, &settings)?;
    } else {
        if !settings.dir.is_dir() {
            return Err(ToolError::Usage(format!(
                "there is no folder {}; --dir names the data folder",
                settings.dir.display()
            )));
        }
        let folder = DataFolder::open(Arc::new(RealDisk), &settings.dir)?;
        offline::read(&space, &folder, &settings, now_ms())?;
    }
    write(&space, &settings, version, &target)
}

fn write(
    space: &Keyspace,
    settings: &Settings,
    version: FileVersion,
    target: &Path,
) -> Result<(), ToolError> {
    let policy = Policy {
        touch: false,
        usage: Usage::Lru,
        expire: false,
    };
    let _closed = space.gate().close();
    let mut data = Access::new(space, policy, Prng::from_seed(1));
    data.now_ms = now_ms();
    data.hold(Keyspace::lock_as_touched);
    let file = NewFile::create(target)?;
    let (file, written) = rdb::write(&mut data, settings, version, file).map_err(ToolError::file(target))?;
    file.finish()?;
    for line in &written.left_out.lines {
        eprintln!("{line}");
    }
    say(format_args!(
        "{}: {} keys, {} left out",
        target.display(),
        written.keys,
        written.left_out.count
    ));
    Ok(())
}
