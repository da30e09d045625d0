//! The file of the console's history: read once at the start, replaced as a whole. Only regular files are opened and
//! replaced, since a pipe or a device in its place would hang the start or lose what it is there for; one that does not
//! read is moved aside, as it may be of a later version or somebody else's.

use super::{LINE_BYTES_MAX, Line, OfUser, TOTAL_BYTES_MAX};
use crate::json::{Bytes, GivenBytes};
use flashdb_disk::{Disk, OpenMode, RealDisk};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Its name in the data folder.
pub(super) const NAME: &str = "console-history.json";
/// Bytes of a file that is read: more than is ever written.
const BYTES_MAX: u64 = 2 * TOTAL_BYTES_MAX as u64;

/// The file's content. A field that a later version adds is lost by an earlier one, nothing else.
#[derive(Serialize, Deserialize)]
struct Stored<Name> {
    users: Vec<StoredUser<Name>>,
}

/// A user in the file.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredUser<Name> {
    pub name: Name,
    pub lines: VecDeque<Line>,
}

/// Why there is nothing to be had from the file.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// Something else has its name.
    NoFile,
    Damaged(io::Error),
}

pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Where a damaged one goes.
pub(super) fn damaged_path(folder: &Path) -> PathBuf {
    folder.join(format!("{NAME}.damaged"))
}

fn temporary_path(folder: &Path) -> PathBuf {
    folder.join(format!("{NAME}.tmp"))
}

/// What the file holds; nothing if there is none.
pub(super) fn read(folder: &Path) -> Result<Vec<StoredUser<GivenBytes>>, Unreadable> {
    // What a server that was killed has left may have what was deleted since.
    let _best_effort = remove(&temporary_path(folder));
    let path = path(folder);
    if !is_free_or_regular(&path) {
        return Err(Unreadable::NoFile);
    }
    // Opening does not wait for the other end, should it be a pipe by now.
    let options = OFlags::NONBLOCK.bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(options).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file.map_err(Unreadable::Damaged)?,
    };
    let about = file.metadata().map_err(Unreadable::Damaged)?;
    if !about.is_file() {
        return Err(Unreadable::NoFile);
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(Unreadable::Damaged)?;
    if bytes.len() as u64 > BYTES_MAX {
        let length = about.len();
        return Err(Unreadable::Damaged(io::Error::other(format!(
            "it has {length} bytes"
        ))));
    }
    let stored: Result<Stored<GivenBytes>, _> = serde_json::from_slice(&bytes);
    stored
        .map(|stored| stored.users)
        .map_err(|error| Unreadable::Damaged(error.into()))
}

/// Whether a file may be put there.
fn is_free_or_regular(path: &Path) -> bool {
    match std::fs::metadata(path) {
        Ok(about) => about.is_file(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Moves a damaged file aside, so that the next line does not overwrite it. An earlier one stays where it is.
pub(super) fn set_aside(folder: &Path) -> io::Result<()> {
    let aside = damaged_path(folder);
    if std::fs::symlink_metadata(&aside).is_ok() {
        return Err(io::Error::other("there is an earlier one already"));
    }
    RealDisk.rename(&path(folder), &aside)?;
    RealDisk.sync_folder(folder)
}

/// Puts the file in the place of the one that is there, once it is whole; without users there is none. Answers its bytes.
pub(super) fn write(folder: &Path, users: &[OfUser]) -> io::Result<usize> {
    let (path, temporary) = (path(folder), temporary_path(folder));
    if !is_free_or_regular(&path) {
        return Err(io::Error::other("something that is no regular file has its name"));
    }
    // Of a write that failed.
    remove(&temporary)?;
    if users.is_empty() {
        remove(&path)?;
        return absent_is_fine(RealDisk.sync_folder(folder)).map(|()| 0);
    }
    let encoded = encoded(users)?;
    RealDisk.create_folder(folder)?;
    let mut file = RealDisk.open(&temporary, OpenMode::CreateNew)?;
    file.write_at(&encoded, 0)?;
    file.sync_data()?;
    drop(file);
    RealDisk.rename(&temporary, &path)?;
    RealDisk.sync_folder(folder)?;
    Ok(encoded.len())
}

/// Removes the one that was moved aside: it has lines, too.
pub(super) fn remove_damaged(folder: &Path) -> io::Result<()> {
    remove(&damaged_path(folder))
}

fn remove(path: &Path) -> io::Result<()> {
    absent_is_fine(RealDisk.remove(path))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn encoded(users: &[OfUser]) -> io::Result<Vec<u8>> {
    let stored = users.iter().map(|user| StoredUser {
        name: Bytes::from(user.name.as_slice()),
        lines: user.lines.clone(),
    });
    let stored = Stored {
        users: stored.collect(),
    };
    Ok(serde_json::to_vec(&stored)?)
}

/// Bytes that a user without lines takes in the file.
pub(super) fn user_bytes(name: &[u8]) -> usize {
    let name = serde_json::to_vec(&Bytes::from(name)).map_or(0, |name| name.len());
    name + r#"{"name":,"lines":[]},"#.len()
}

/// Bytes that a line takes in the file, escapes and all.
pub(super) fn line_bytes(line: &Line) -> usize {
    serde_json::to_vec(line).map_or(LINE_BYTES_MAX, |line| line.len() + 1)
}
