//! What each user has run in the console, so that it can be run again after a reload, in another browser and after a restart.
//! Only lines are kept, never replies, and of a line nothing that its command's row calls a secret; what is no command is not
//! kept at all, since it may be a password in the wrong place. The file is written by threads for blocking work, a second
//! after a change at the latest, and at the end. It is of use and not of worth: what cannot be read is begun anew.

use crate::caller::now_ms;
use crate::json::{Bytes, GivenBytes};
use flashdb_base::args::OwnedArgs;
use flashdb_base::split_args::push_quoted;
use flashdb_command::CommandSpec;
use flashdb_disk::{Disk, OpenMode, RealDisk};
use flashdb_server::engine::{Engine, Identity};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Its name in the data folder.
const FILE_NAME: &str = "console-history.json";
/// Lines of a user; the oldest leave first.
const LINES_MAX: usize = 1000;
/// Bytes of a user's lines.
const USER_BYTES_MAX: usize = 256 << 10;
/// Bytes of a line; longer ones are not kept, since a part of a command is another command.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Users; who has been away longest leaves first.
const USERS_MAX: usize = 32;
/// Bytes of a file that is read: the above, each byte escaped.
const FILE_BYTES_MAX: u64 = (USERS_MAX * USER_BYTES_MAX * 6) as u64;
/// What a secret becomes, as in the slow log.
pub(crate) const REDACTED: &[u8] = b"(redacted)";

/// A command that was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Line {
    /// Quoted as in redis-cli; secrets are `(redacted)`.
    pub line: String,
    pub db: u64,
    /// When it was run last, Unix ms.
    pub t: i64,
}

/// What a user has run, oldest first.
#[derive(Clone, Debug)]
struct OfUser {
    name: Vec<u8>,
    /// Of the user who ran it; another one of the same name must not see it.
    id: u64,
    used_ms: i64,
    lines: VecDeque<Line>,
    bytes: usize,
}

impl OfUser {
    fn new(name: &[u8], id: u64) -> Self {
        OfUser {
            name: name.to_vec(),
            id,
            used_ms: 0,
            lines: VecDeque::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, line: Line) {
        self.used_ms = line.t;
        if let Some(last) = self.lines.back_mut()
            && (last.db, &last.line) == (line.db, &line.line)
        {
            last.t = line.t;
            return;
        }
        self.bytes += line.line.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES_MAX || self.bytes > USER_BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= oldest.line.len();
        }
    }
}

#[derive(Default)]
struct Kept {
    users: Vec<OfUser>,
    /// Grows with each change.
    version: u64,
}

/// See the module's head.
pub(crate) struct Console {
    kept: Mutex<Kept>,
    folder: PathBuf,
    /// What is in the file; held while it is written.
    written: Mutex<u64>,
    is_failing: AtomicBool,
}

/// The file's content. A field that a later version adds is lost by an earlier one, nothing else.
#[derive(Serialize, Deserialize)]
struct Stored<Name> {
    users: Vec<StoredUser<Name>>,
}

#[derive(Serialize, Deserialize)]
struct StoredUser<Name> {
    name: Name,
    lines: VecDeque<Line>,
}

impl Console {
    /// With what the file holds of users that there are.
    pub fn open(engine: &Engine) -> Self {
        let settings = engine.config().settings();
        let folder = settings.dir.clone();
        let users = match read(&folder) {
            Ok(users) => users,
            Err(error) => {
                let file = folder.join(FILE_NAME);
                tracing::warn!(file = %file.display(), %error, "the console's history cannot be read and begins anew");
                Vec::new()
            }
        };
        let console = Console {
            kept: Mutex::new(known(users, |name| engine.user_id(name))),
            folder,
            written: Mutex::new(0),
            is_failing: AtomicBool::new(false),
        };
        if !settings.console_history {
            console.clear_all();
            // Also one that could not be read.
            console.kept.lock().version += 1;
        }
        console
    }

    /// Keeps a line of a user.
    pub fn add(&self, identity: &Identity, db: u64, line: String) {
        if line.len() > LINE_BYTES_MAX {
            return;
        }
        let mut kept = self.kept.lock();
        let t = now_ms();
        kept.version += 1;
        let user = of(&mut kept.users, identity.name(), identity.user_id());
        user.add(Line { line, db, t });
    }

    /// What a user has run, oldest first.
    pub fn lines(&self, identity: &Identity) -> Vec<Line> {
        let kept = self.kept.lock();
        let own = |user: &&OfUser| user.id == identity.user_id() && user.name == identity.name();
        let user = kept.users.iter().find(own);
        user.map_or_else(Vec::new, |user| user.lines.iter().cloned().collect())
    }

    /// Forgets what a user has run.
    pub fn clear(&self, identity: &Identity) {
        self.retain(|user| user.name != identity.name());
    }

    fn clear_all(&self) {
        self.retain(|_| false);
    }

    fn retain(&self, keeps: impl Fn(&OfUser) -> bool) {
        let mut kept = self.kept.lock();
        let before = kept.users.len();
        kept.users.retain(keeps);
        kept.version += u64::from(kept.users.len() < before);
    }

    /// Forgets users that are gone, and everybody where the setting says so. O(users).
    pub fn look(&self, engine: &Engine) {
        if engine.config().settings().console_history {
            self.retain(|user| engine.user_id(&user.name) == Some(user.id));
        } else {
            self.clear_all();
        }
    }

    /// Bytes that this takes, about.
    pub fn memory_bytes(&self) -> usize {
        let kept = self.kept.lock();
        let of_user = |user: &OfUser| user.bytes + user.lines.len() * size_of::<Line>();
        kept.users.iter().map(of_user).sum()
    }

    /// Whether the file is behind.
    pub fn is_changed(&self) -> bool {
        // Who writes it has it locked, and looks again.
        self.written
            .try_lock()
            .is_some_and(|written| *written != self.kept.lock().version)
    }

    /// Writes the file if it is behind; whether it is not any more. Blocks.
    pub fn write(&self) -> bool {
        let mut written = self.written.lock();
        let (users, version) = {
            let kept = self.kept.lock();
            (kept.users.clone(), kept.version)
        };
        if *written == version {
            return true;
        }
        let outcome = write(&self.folder, &users);
        match &outcome {
            Ok(()) => {
                *written = version;
                self.is_failing.store(false, Ordering::Relaxed);
            }
            // Tried again each second, and told once.
            Err(error) if !self.is_failing.swap(true, Ordering::Relaxed) => {
                let file = self.folder.join(FILE_NAME);
                tracing::warn!(file = %file.display(), %error, "the console's history cannot be written");
            }
            Err(_) => {}
        }
        outcome.is_ok()
    }
}

/// The line to keep; `None` where the words are no command. A secret that is `(redacted)` comes from the history and
/// must not become a password: that is the error.
pub(crate) fn line_to_keep(
    spec: Option<&CommandSpec>,
    words: &[Vec<u8>],
    typed: Option<&str>,
) -> Result<Option<String>, SecretIsMissing> {
    let Some(spec) = spec else { return Ok(None) };
    let owned = OwnedArgs::from_words(words.iter().map(Vec::as_slice));
    let args = owned.as_args();
    let is_secret = |at: usize| spec.is_secret(&args, at);
    let secrets: Vec<bool> = (0..words.len()).map(is_secret).collect();
    if words
        .iter()
        .zip(&secrets)
        .any(|(word, secret)| *secret && word == REDACTED)
    {
        return Err(SecretIsMissing);
    }
    if let (Some(typed), false) = (typed, secrets.contains(&true)) {
        return Ok(Some(typed.trim().to_owned()));
    }
    let mut line = Vec::new();
    for (word, secret) in words.iter().zip(secrets) {
        if !line.is_empty() {
            line.push(b' ');
        }
        match if secret { REDACTED } else { word } {
            plain if is_plain(plain) => line.extend_from_slice(plain),
            word => push_quoted(&mut line, word),
        }
    }
    // What is plain or quoted is ASCII.
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// Whether a word means the same without quotes.
fn is_plain(word: &[u8]) -> bool {
    let is_safe = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    !word.is_empty() && word.iter().all(is_safe)
}

/// A line of the history was sent as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SecretIsMissing;

/// What is kept of this user, made if need be; one of an earlier user of this name goes.
fn of<'u>(users: &'u mut Vec<OfUser>, name: &[u8], id: u64) -> &'u mut OfUser {
    users.retain(|user| user.name != name || user.id == id);
    let at = users.iter().position(|user| user.name == name);
    let at = at.unwrap_or_else(|| {
        if users.len() >= USERS_MAX
            && let Some((oldest, _)) = users.iter().enumerate().min_by_key(|(_, user)| user.used_ms)
        {
            users.remove(oldest);
        }
        users.push(OfUser::new(name, id));
        users.len() - 1
    });
    &mut users[at]
}

// ---- the file ------------------------------------------------------------------------------------

fn read(folder: &Path) -> io::Result<Vec<StoredUser<GivenBytes>>> {
    let file = match RealDisk.open(&folder.join(FILE_NAME), OpenMode::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let length = file.len()?;
    if length > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it has {length} bytes")));
    }
    let mut bytes = vec![0; length as usize];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    let stored: Stored<GivenBytes> = serde_json::from_slice(&bytes)?;
    Ok(stored.users)
}

/// What was read, as far as the bounds let it in, of users that there are.
fn known(stored: Vec<StoredUser<GivenBytes>>, id_of: impl Fn(&[u8]) -> Option<u64>) -> Kept {
    let mut users = Vec::new();
    let mut left_out = 0;
    for user in stored {
        let Ok(name) = user.name.into_vec() else { continue };
        let Some(id) = id_of(&name) else {
            left_out += 1;
            continue;
        };
        let own = of(&mut users, &name, id);
        for line in user.lines {
            if line.line.len() <= LINE_BYTES_MAX {
                own.add(line);
            }
        }
    }
    // Of those who are gone nothing stays in the file either.
    Kept {
        users,
        version: left_out,
    }
}

/// Puts the file in the place of the one that is there, once it is whole; without users there is none.
fn write(folder: &Path, users: &[OfUser]) -> io::Result<()> {
    let path = folder.join(FILE_NAME);
    let disk = RealDisk;
    let absent_is_fine = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    };
    if users.is_empty() {
        absent_is_fine(disk.remove(&path))?;
        return absent_is_fine(disk.sync_folder(folder));
    }
    let stored = users.iter().map(|user| StoredUser {
        name: Bytes::from(user.name.as_slice()),
        lines: user.lines.clone(),
    });
    let stored = Stored {
        users: stored.collect(),
    };
    let encoded = serde_json::to_vec(&stored)?;
    disk.create_folder(folder)?;
    let temporary = folder.join(format!("{FILE_NAME}.tmp"));
    absent_is_fine(disk.remove(&temporary))?;
    let mut file = disk.open(&temporary, OpenMode::CreateNew)?;
    file.write_at(&encoded, 0)?;
    file.sync_data()?;
    drop(file);
    disk.rename(&temporary, &path)?;
    disk.sync_folder(folder)
}

#[cfg(test)]
mod tests;
