//! What each user has run in the console, so that it can be run again after a reload, in another browser and after a restart.
//! Only lines are kept, never replies, and of a line nothing that may be a secret (`keep.rs`); what is no command is not
//! kept at all, since it may be a password in the wrong place. The file (`file.rs`) is written by threads for blocking work,
//! seconds after a change, and at the end. What is removed is out of it at once: a user's history is gone from the disk
//! before ACL DELUSER answers (its answer waits, no core loop does), so that no later user of that name is given it. It is
//! of use and not of worth: what cannot be read is moved aside and begun anew.

mod file;
mod keep;

pub(crate) use keep::{SecretIsMissing, is_about_form, line_to_keep, without_arguments};

use crate::caller::now_ms;
use crate::json::GivenBytes;
use file::{StoredUser, Unreadable, line_bytes, user_bytes};
use flashdb_server::engine::{Engine, Identity};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Lines of a user; the oldest leave first.
const LINES_MAX: usize = 1000;
/// Bytes of a user's lines in the file.
const USER_BYTES_MAX: usize = 128 << 10;
/// Bytes of a line; longer ones are not kept, since a part of a command is another command. Escaped, one still fits.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Bytes of a user's name; of longer ones nothing is kept.
const NAME_BYTES_MAX: usize = 2 << 10;
/// Users; who has been away longest leaves first.
const USERS_MAX: usize = 32;
/// Bytes of the file, but for its brackets.
const TOTAL_BYTES_MAX: usize = USERS_MAX * USER_BYTES_MAX;
/// From here on a file is written every [`LARGE_TIME`] at most.
const LARGE_BYTES: usize = 256 << 10;
const LARGE_TIME: Duration = Duration::from_secs(5);

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
    /// In the file.
    bytes: usize,
}

impl OfUser {
    fn new(name: &[u8], id: u64) -> Self {
        OfUser {
            name: name.to_vec(),
            id,
            used_ms: 0,
            lines: VecDeque::new(),
            bytes: user_bytes(name),
        }
    }

    fn add(&mut self, line: Line) {
        self.used_ms = line.t;
        let is_same = |last: &Line| (last.db, &last.line) == (line.db, &line.line);
        if self.lines.back().is_some_and(is_same)
            && let Some(last) = self.lines.pop_back()
        {
            self.bytes -= line_bytes(&last);
        }
        self.bytes += line_bytes(&line);
        self.lines.push_back(line);
        while self.lines.len() > LINES_MAX || self.bytes > USER_BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= line_bytes(&oldest);
        }
    }
}

#[derive(Default)]
struct Kept {
    users: Vec<OfUser>,
    /// Grows with each change.
    version: u64,
    /// The last change that removed something.
    removal: u64,
    /// The change up to which the file has all.
    in_file: u64,
}

impl Kept {
    fn retain(&mut self, keeps: impl Fn(&OfUser) -> bool) {
        let before = self.users.len();
        self.users.retain(keeps);
        if self.users.len() < before {
            self.note_removal();
        }
    }

    fn note_removal(&mut self) {
        self.version += 1;
        self.removal = self.version;
    }

    /// Whether the file has what was removed.
    fn is_behind_removals(&self) -> bool {
        self.in_file < self.removal
    }
}

/// How the file was written.
struct Written {
    bytes: usize,
    /// When it was last tried.
    tried: Option<Instant>,
    /// That it fails, and that it cannot be removed, is told once each.
    told: [bool; 2],
}

impl Written {
    /// Whether it is time to write: what was removed goes at once, what is large waits.
    fn is_due(&self, kept: &Kept, now: Instant) -> bool {
        let waits = self.bytes > LARGE_BYTES
            && self
                .tried
                .is_some_and(|tried| now.duration_since(tried) < LARGE_TIME);
        kept.is_behind_removals() || (kept.in_file < kept.version && !waits)
    }
}

/// See the module's head.
pub(crate) struct Console {
    engine: Engine,
    kept: Mutex<Kept>,
    folder: PathBuf,
    /// Held while the file is written.
    written: Mutex<Written>,
    is_failing: AtomicBool,
}

impl Console {
    /// With what the file holds of users that there are.
    pub fn open(engine: &Engine) -> Self {
        let settings = engine.config().settings();
        let folder = settings.dir.clone();
        let users = read(&folder, settings.console_history);
        let console = Console {
            engine: engine.clone(),
            kept: Mutex::new(known(users, |name| engine.user_id(name))),
            folder,
            written: Mutex::new(Written {
                bytes: 0,
                tried: None,
                told: [false; 2],
            }),
            is_failing: AtomicBool::new(false),
        };
        if !settings.console_history {
            let mut kept = console.kept.lock();
            kept.users.clear();
            // Also one that could not be read.
            kept.note_removal();
        }
        // Those who are gone are out of the file before somebody can have their name.
        console.write_removals();
        console
    }

    /// Keeps a line of a user, if there still is that user.
    pub fn add(&self, identity: &Identity, db: u64, line: String) {
        let (name, id) = (identity.name(), identity.user_id());
        if line.len() > LINE_BYTES_MAX || name.len() > NAME_BYTES_MAX || self.engine.user_id(name) != Some(id)
        {
            return;
        }
        let mut kept = self.kept.lock();
        let t = now_ms();
        kept.version += 1;
        of(&mut kept.users, name, id).add(Line { line, db, t });
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
        self.kept.lock().retain(|user| user.name != identity.name());
    }

    /// Forgets users that are gone, and everybody where the setting says so. O(users).
    pub fn look(&self) {
        let is_on = self.engine.config().settings().console_history;
        let stays = |user: &OfUser| is_on && self.engine.user_id(&user.name) == Some(user.id);
        self.kept.lock().retain(stays);
    }

    /// Users are gone: what they have run is forgotten when this returns, but for the file. Whether that still has something
    /// removed, so that [`Console::write_removals`] is to be called. Waits for no disk.
    pub fn forget_the_gone(&self) -> bool {
        self.look();
        self.kept.lock().is_behind_removals()
    }

    /// Bytes that this takes, about.
    pub fn memory_bytes(&self) -> usize {
        let kept = self.kept.lock();
        let of_user = |user: &OfUser| user.bytes + user.lines.len() * size_of::<Line>();
        kept.users.iter().map(of_user).sum()
    }

    /// Whether the file cannot be written or removed: it may have what was deleted.
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// Whether the file is behind, and may be written again.
    pub fn is_due(&self) -> bool {
        // Who writes it has it locked, and looks again.
        self.written
            .try_lock()
            .is_some_and(|written| written.is_due(&self.kept.lock(), Instant::now()))
    }

    /// Writes the file if it is behind; whether it is not any more. Blocks.
    pub fn write(&self) -> bool {
        self.write_if(|kept| kept.in_file < kept.version)
    }

    /// What was removed is out of the file when this returns, if it can be written. Blocks.
    pub fn write_removals(&self) {
        self.write_if(Kept::is_behind_removals);
    }

    fn write_if(&self, is_wanted: impl Fn(&Kept) -> bool) -> bool {
        let mut written = self.written.lock();
        // Not of users who have gone a moment ago: whoever removed them waits for the lock, or does not wait.
        self.look();
        let (users, version) = {
            let kept = self.kept.lock();
            if !is_wanted(&kept) {
                return true;
            }
            (kept.users.clone(), kept.version)
        };
        written.tried = Some(Instant::now());
        let is_on = self.engine.config().settings().console_history;
        let outcome = file::write(&self.folder, &users).and_then(|bytes| {
            if !is_on {
                file::remove_damaged(&self.folder)?;
            }
            Ok(bytes)
        });
        self.is_failing.store(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Ok(bytes) => {
                self.kept.lock().in_file = version;
                (written.bytes, written.told) = (*bytes, [false; 2]);
            }
            Err(error) => self.tell(&mut written.told, is_on, error),
        }
        outcome.is_ok()
    }

    /// Tells of a failure, which is met each second, once.
    fn tell(&self, told: &mut [bool; 2], is_on: bool, error: &io::Error) {
        let file = file::path(&self.folder);
        let file = file.display();
        if std::mem::replace(&mut told[usize::from(is_on)], true) {
            return;
        }
        if is_on {
            tracing::warn!(%file, %error, "the console's history cannot be written");
        } else {
            tracing::warn!(%file, %error, "the console's history is off, but its file cannot be removed");
        }
    }
}

/// What the file holds. One that is damaged is moved aside, or is removed soon where nothing is to be kept.
fn read(folder: &Path, is_on: bool) -> Vec<StoredUser<GivenBytes>> {
    let error = match file::read(folder) {
        Ok(users) => return users,
        Err(error) => error,
    };
    let path = file::path(folder);
    let file = path.display();
    match error {
        Unreadable::NoFile => {
            tracing::warn!(%file, "something that is no regular file has the name of the console's history, which is not written");
        }
        Unreadable::Damaged(error) if is_on => {
            let aside = file::damaged_path(folder);
            let aside = aside.display();
            match file::set_aside(folder) {
                Ok(()) => {
                    tracing::warn!(%file, %error, %aside, "the console's history cannot be read; it was moved aside and begins anew");
                }
                Err(why) => {
                    tracing::warn!(%file, %error, %why, "the console's history cannot be read nor moved aside; it begins anew");
                }
            }
        }
        Unreadable::Damaged(_) => {}
    }
    Vec::new()
}

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

/// What was read, as far as the bounds let it in, of users that there are.
fn known(stored: Vec<StoredUser<GivenBytes>>, id_of: impl Fn(&[u8]) -> Option<u64>) -> Kept {
    let mut kept = Kept::default();
    for user in stored {
        let name = user.name.into_vec().ok();
        let name = name.filter(|name| name.len() <= NAME_BYTES_MAX);
        let Some((name, id)) = name.and_then(|name| id_of(&name).map(|id| (name, id))) else {
            // Of those who are gone nothing stays in the file either.
            kept.note_removal();
            continue;
        };
        let own = of(&mut kept.users, &name, id);
        for line in user.lines {
            if line.line.len() <= LINE_BYTES_MAX {
                own.add(line);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests;
