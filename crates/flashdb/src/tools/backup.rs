//! `flashdb backup` and `flashdb restore`: a snapshot's file carried from a running server and to one, in parts, verified by its
//! checksums on both sides; or put into a folder that no server uses.

use super::arguments::Arguments;
use super::client::{Client, Reply};
use super::error::ToolError;
use super::say;
use super::temporary::{NewFile, refuse_folder};
use flashdb_disk::RealDisk;
use flashdb_persistence::{DataFolder, offline};
use flashdb_snapshot::{SnapshotInfo, SnapshotReader};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PART_BYTES: usize = 1 << 20;

/// `flashdb backup [-h host] [-p port] [-a password] [--user name] TARGET`.
///
/// # Errors
/// When the server or the file fails; there is no file then.
pub fn run_backup(arguments: Arguments) -> Result<(), ToolError> {
    let target = arguments.path("target file or folder")?;
    let mut client = Client::connect(&arguments.address)?;
    let (info, path) = fetch(&mut client, &target)?;
    say(format_args!(
        "{}: {} keys, {} bytes, LSN {}",
        path.display(),
        info.totals.entries,
        info.file_bytes,
        info.meta.lsn
    ));
    Ok(())
}

/// Takes a full snapshot of a server and copies it to `target`, or into it if it is a folder.
///
/// # Errors
/// When the server or the file fails; there is no file then.
pub fn fetch(client: &mut Client, target: &Path) -> Result<(SnapshotInfo, PathBuf), ToolError> {
    if !target.is_dir() {
        // Before the server takes a snapshot for nothing.
        refuse_folder(target)?;
    }
    let id = client.ask(&[b"SNAPSHOT.CREATE", b"FULL", b"TEMPORARY"])?;
    let Reply::Text(id) = id else {
        return Err(ToolError::Server(format!("{id:?} to SNAPSHOT.CREATE")));
    };
    let described = client.ask(&[b"SNAPSHOT.INFO", &id])?;
    let name = described.field("file").and_then(Reply::text);
    // The name becomes one here: it must not lead elsewhere.
    let name = name
        .filter(|name| flashdb_persistence::uploads::is_name(name))
        .ok_or_else(|| ToolError::Server("no file's name to SNAPSHOT.INFO".into()))?;
    let target = if target.is_dir() {
        target.join(&name)
    } else {
        target.to_owned()
    };
    let mut file = NewFile::create(&target)?;
    let mut offset: u64 = 0;
    loop {
        let (at, count) = (offset.to_string(), PART_BYTES.to_string());
        let part = client.ask(&[b"SNAPSHOT.READ", name.as_bytes(), at.as_bytes(), count.as_bytes()])?;
        let Reply::Text(bytes) = part else {
            return Err(ToolError::Server("no bytes to SNAPSHOT.READ".into()));
        };
        file.write_all(&bytes).map_err(ToolError::file(&target))?;
        offset += bytes.len() as u64;
        if bytes.len() < PART_BYTES {
            break;
        }
    }
    file.sync()?;
    let reader = SnapshotReader::open_renamed(&RealDisk, file.path())?;
    reader.verify()?;
    let info = reader.info();
    drop(reader);
    file.finish()?;
    Ok((info, target))
}

/// `flashdb restore [-h host] [-p port] [-a password] [--user name] FILE`, or `flashdb restore FILE --dir DIR`.
///
/// # Errors
/// When the file is damaged, or server or folder fail; the data is as before then.
pub fn run_restore(arguments: Arguments) -> Result<(), ToolError> {
    let file = arguments.path("file of a snapshot")?;
    if arguments.names_folder {
        if arguments.names_server {
            return Err(ToolError::Usage("either a server or a folder".into()));
        }
        let settings = arguments.settings()?;
        let folder = DataFolder::open(Arc::new(RealDisk), &settings.dir)?;
        let info = offline::place(&folder, &file)?;
        say(format_args!(
            "{}: {} keys; a server started on {} has them",
            info.path.display(),
            info.totals.entries,
            settings.dir.display()
        ));
        return Ok(());
    }
    let reader = SnapshotReader::open_renamed(&RealDisk, &file)?;
    reader.verify()?;
    let name = reader.meta().file_name();
    let id = reader.meta().id.to_string();
    let keys = reader.info().totals.entries;
    drop(reader);
    let mut client = Client::connect(&arguments.address)?;
    if !is_there(&mut client, &name, &id)? {
        send(&mut client, &file, &name)?;
    }
    // By its file, whatever label another may have.
    client.ask(&[b"SNAPSHOT.RESTORE", name.as_bytes(), b"EXACT"])?;
    say(format_args!("{}: {keys} keys restored", file.display()));
    Ok(())
}

/// Whether the server has this very snapshot, which it would not take again. Where it does not say, it is sent.
fn is_there(client: &mut Client, name: &str, id: &str) -> Result<bool, ToolError> {
    match client.ask(&[b"SNAPSHOT.INFO", name.as_bytes(), b"EXACT"]) {
        Ok(there) => {
            let begin = there.field("id").and_then(Reply::text);
            Ok(begin.is_some_and(|begin| !begin.is_empty() && id.starts_with(&begin)))
        }
        Err(ToolError::Server(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Sends the file. What the server has refused in the middle does not stay there.
fn send(client: &mut Client, path: &Path, name: &str) -> Result<(), ToolError> {
    let sent = send_parts(client, path, name);
    if !matches!(sent, Ok(()) | Err(ToolError::Connection(..))) {
        let _best_effort = client.ask(&[b"SNAPSHOT.WRITE", name.as_bytes(), b"ABORT"]);
    }
    sent
}

fn send_parts(client: &mut Client, path: &Path, name: &str) -> Result<(), ToolError> {
    let mut file = File::open(path).map_err(ToolError::file(path))?;
    let mut offset: u64 = 0;
    let mut part = Vec::with_capacity(PART_BYTES);
    loop {
        part.clear();
        (&mut file)
            .take(PART_BYTES as u64)
            .read_to_end(&mut part)
            .map_err(ToolError::file(path))?;
        if part.is_empty() {
            break;
        }
        let at = offset.to_string();
        client.ask(&[b"SNAPSHOT.WRITE", name.as_bytes(), at.as_bytes(), &part])?;
        offset += part.len() as u64;
    }
    client.ask(&[b"SNAPSHOT.WRITE", name.as_bytes(), b"COMMIT"])?;
    Ok(())
}
