//! The configuration of a running server: published [`Settings`], and changes to them.
//!
//! Readers on hot paths hold a [`ConfigView`]: an `Arc` of their own and a generation number, so that
//! reading costs nothing and noticing a change is one atomic load. Changes are all-or-nothing and
//! one at a time: parse everything, let the server apply what reaches beyond the values, then publish.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use flashdb_base::{clock, glob};

use crate::acl_lines::AclLine;
use crate::codec::{Invalid, Occurrence};
use crate::error::Location;
use crate::row::{Flags, Row, position};
use crate::settings::{ROWS, Settings};

/// Where the present value of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A `FLASHDB_*` variable.
    Environment,
    /// A configuration file or the standard input.
    File,
    /// An option of the command line.
    CommandLine,
    /// CONFIG SET.
    Runtime,
}

/// Changes that are remembered; the oldest leave first.
const CHANGES_MAX: usize = 256;

/// A CONFIG SET that changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When, Unix ms.
    pub at_ms: u64,
    /// The settings, by name.
    pub names: Vec<&'static str>,
}

/// A `rename-command` line, for the server to carry out when it knows its commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenameCommand {
    /// The command's name.
    pub from: Vec<u8>,
    /// Its new name; empty to remove it.
    pub to: Vec<u8>,
    /// Where the line is, for [`LaunchError::at`](crate::LaunchError::at).
    pub location: Location,
    /// The line itself.
    pub line: Vec<u8>,
}

/// The settings of this process and how to change them. Shared by all threads.
#[derive(Debug)]
pub struct ConfigStore {
    published: RwLock<Arc<Settings>>,
    generation: AtomicU64,
    /// By row; held while a change is made, so that changes do not overlap.
    origins: Mutex<Vec<Origin>>,
    /// Of this run, oldest first.
    changes: Mutex<VecDeque<Change>>,
    file: Option<PathBuf>,
    renames: Vec<RenameCommand>,
    acl_lines: Vec<AclLine>,
}

/// What a CONFIG SET may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetContext {
    /// Data is being loaded: settings that interfere are refused.
    pub loading: bool,
    /// The client may change protected settings.
    pub protected_allowed: bool,
}

/// Why CONFIG SET changed nothing. The text is the error reply, code included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetError {
    /// There is no such setting.
    Unknown(Vec<u8>),
    /// A setting does not take this value, or not now.
    Refused {
        /// The setting, as the error names it.
        argument: Vec<u8>,
        /// Why.
        reason: Invalid,
    },
    /// Not while data is being loaded.
    Loading,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(
                f,
                "ERR Unknown option or number of arguments for CONFIG SET - '{}'",
                String::from_utf8_lossy(name)
            ),
            Self::Refused { argument, reason } => write!(
                f,
                "ERR CONFIG SET failed (possibly related to argument '{}') - {reason}",
                String::from_utf8_lossy(argument)
            ),
            Self::Loading => f.write_str("LOADING Redis is loading the dataset in memory"),
        }
    }
}

impl std::error::Error for SetError {}

impl ConfigStore {
    /// A store that starts with `settings`, without a file.
    pub fn new(settings: Settings) -> Self {
        Self::with_origins(
            settings,
            vec![Origin::Default; ROWS.len()],
            None,
            Vec::new(),
            Vec::new(),
        )
    }

    pub(crate) fn with_origins(
        settings: Settings,
        origins: Vec<Origin>,
        file: Option<PathBuf>,
        renames: Vec<RenameCommand>,
        acl_lines: Vec<AclLine>,
    ) -> Self {
        Self {
            published: RwLock::new(Arc::new(settings)),
            generation: AtomicU64::new(0),
            origins: Mutex::new(origins),
            changes: Mutex::default(),
            file,
            renames,
            acl_lines,
        }
    }

    /// The present settings. Takes a shared lock: hot paths use a [`ConfigView`].
    pub fn settings(&self) -> Arc<Settings> {
        self.published
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A number that grows with every change.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The file that CONFIG REWRITE writes and INFO names; absolute.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The `rename-command` lines in the order they were read.
    pub fn renames(&self) -> &[RenameCommand] {
        &self.renames
    }

    /// The `user` and `role` lines in the order they were read.
    pub fn acl_lines(&self) -> &[AclLine] {
        &self.acl_lines
    }

    /// Where the value of the setting called `name` comes from; `None` when there is no such setting.
    pub fn origin(&self, name: &str) -> Option<Origin> {
        let index = position(name.as_bytes())?;
        Some(self.origins.lock().unwrap_or_else(PoisonError::into_inner)[index])
    }

    pub(crate) fn origins(&self) -> Vec<Origin> {
        self.origins
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The last changes of this run, oldest first.
    pub fn changes(&self) -> Vec<Change> {
        self.remembered().iter().cloned().collect()
    }

    /// When something was changed last in this run, Unix ms.
    pub fn changed_ms(&self) -> Option<u64> {
        self.remembered().back().map(|change| change.at_ms)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, VecDeque<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, changed: &[&'static Row]) {
        if changed.is_empty() {
            return;
        }
        let names = changed.iter().map(|row| row.name).collect();
        let mut changes = self.remembered();
        if changes.len() == CHANGES_MAX {
            changes.pop_front();
        }
        changes.push_back(Change {
            at_ms: clock::unix_ms(),
            names,
        });
    }

    /// CONFIG GET: names and values that match any of `patterns`, each name once. An exact name is
    /// answered as it was typed, and is the only way to see a hidden setting. Aliases are names of
    /// their own. O(settings) for each pattern.
    pub fn get<'a>(&self, patterns: &[&'a [u8]]) -> Vec<(Cow<'a, [u8]>, Vec<u8>)> {
        let settings = self.settings();
        let mut found: Vec<(Cow<'a, [u8]>, Vec<u8>)> = Vec::new();
        for &pattern in patterns {
            if !pattern.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) {
                if let Some(index) = position(pattern) {
                    push_new(&mut found, Cow::Borrowed(pattern), &ROWS[index], &settings);
                }
                continue;
            }
            for row in ROWS.iter().filter(|row| !row.is(Flags::HIDDEN)) {
                for name in row
                    .names()
                    .filter(|name| glob::matches_ignore_case(pattern, name.as_bytes()))
                {
                    push_new(&mut found, Cow::Borrowed(name.as_bytes()), row, &settings);
                }
            }
        }
        found
    }

    /// CONFIG SET of several pairs of name and value, all or none.
    ///
    /// When every value is accepted, `apply` is called for each setting that changed, in the order
    /// given, with the new settings: to listen on another port, to resize a table. When it refuses,
    /// those already applied are applied again with the old settings, last first, and nothing has
    /// changed. Readers see the new values after all were applied. Returns the rows that changed.
    pub fn set(
        &self,
        pairs: &[(&[u8], &[u8])],
        context: SetContext,
        mut apply: impl FnMut(&'static Row, &Settings) -> Result<(), Invalid>,
    ) -> Result<Vec<&'static Row>, SetError> {
        let rows = resolve(pairs, context)?;
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.settings();
        let new = changed_settings(&old, pairs, &rows)?;
        let differs = |row: &Row| !(row.equal)(&old, &new) || row.is(Flags::VOLATILE);
        let changed: Vec<&'static Row> = rows
            .iter()
            .map(|&index| &ROWS[index])
            .filter(|row| differs(row))
            .collect();
        for (done, row) in changed.iter().enumerate() {
            let Err(reason) = apply(row, &new) else { continue };
            for applied in changed[..done].iter().rev() {
                if let Err(reason) = apply(applied, &old) {
                    tracing::warn!(setting = applied.name, %reason, "could not restore a setting");
                }
            }
            return Err(SetError::Refused {
                argument: row.name.into(),
                reason,
            });
        }
        for index in rows {
            origins[index] = Origin::Runtime;
        }
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        self.generation.fetch_add(1, Ordering::Release);
        self.remember(&changed);
        Ok(changed)
    }
}

/// The settings as one thread last saw them.
#[derive(Debug, Clone)]
pub struct ConfigView {
    store: Arc<ConfigStore>,
    generation: u64,
    settings: Arc<Settings>,
}

impl ConfigView {
    /// The present settings of `store`.
    pub fn new(store: Arc<ConfigStore>) -> Self {
        let generation = store.generation();
        let settings = store.settings();
        Self {
            store,
            generation,
            settings,
        }
    }

    /// The settings as of the last refresh.
    #[inline]
    pub fn get(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Which settings these are: [`ConfigStore::generation`] as of the last refresh.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes over changes; true when there were any. One atomic load when there were none.
    #[inline]
    pub fn refresh(&mut self) -> bool {
        // The generation is read first: settings published in between are at worst taken twice.
        let generation = self.store.generation();
        if generation == self.generation {
            return false;
        }
        self.settings = self.store.settings();
        self.generation = generation;
        true
    }

    /// What this is a view of.
    pub fn store(&self) -> &Arc<ConfigStore> {
        &self.store
    }
}

impl std::ops::Deref for ConfigView {
    type Target = Settings;

    #[inline]
    fn deref(&self) -> &Settings {
        &self.settings
    }
}

fn push_new<'a>(
    found: &mut Vec<(Cow<'a, [u8]>, Vec<u8>)>,
    name: Cow<'a, [u8]>,
    row: &Row,
    settings: &Settings,
) {
    if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
        found.push((name, row.value(settings)));
    }
}

/// The row of each pair. The first pair that may not be set decides the error.
fn resolve(pairs: &[(&[u8], &[u8])], context: SetContext) -> Result<Vec<usize>, SetError> {
    let mut rows = Vec::with_capacity(pairs.len());
    for &(name, _) in pairs {
        let index = position(name).ok_or_else(|| SetError::Unknown(name.to_vec()))?;
        let row = &ROWS[index];
        let refuse = |reason: &'static str| SetError::Refused {
            argument: name.to_vec(),
            reason: reason.into(),
        };
        if row.is(Flags::IMMUTABLE) {
            return Err(refuse("can't set immutable config"));
        }
        if row.is(Flags::PROTECTED) && !context.protected_allowed {
            return Err(refuse("can't set protected config"));
        }
        if row.is(Flags::DENY_LOADING) && context.loading {
            return Err(SetError::Loading);
        }
        if rows.contains(&index) {
            return Err(refuse("duplicate parameter"));
        }
        rows.push(index);
    }
    Ok(rows)
}

/// `old` with every pair taken over.
fn changed_settings(old: &Settings, pairs: &[(&[u8], &[u8])], rows: &[usize]) -> Result<Settings, SetError> {
    let mut new = old.clone();
    for (&(name, value), &index) in pairs.iter().zip(rows) {
        let row = &ROWS[index];
        let words: Vec<&[u8]> = match value {
            b"" if row.is(Flags::MULTI) => Vec::new(),
            _ if row.is(Flags::MULTI) => value.split(|&byte| byte == b' ').collect(),
            _ => vec![value],
        };
        (row.parse)(&words, &mut new, Occurrence::First)
            .and_then(|()| check_at_run_time(row, old, &mut new))
            .map_err(|reason| SetError::Refused {
                argument: name.to_ascii_lowercase(),
                reason,
            })?;
    }
    Ok(new)
}

/// What holds for changes of a running server only.
fn check_at_run_time(row: &Row, old: &Settings, new: &mut Settings) -> Result<(), Invalid> {
    if row.is(Flags::AT_START) && !(row.equal)(old, new) {
        return Err("can't set immutable config".into());
    }
    if new.activedefrag && !old.activedefrag {
        return Err("Active defragmentation cannot be enabled: this server is built without it".into());
    }
    if new.dir != old.dir {
        new.dir = absolute(&old.dir, &new.dir);
        let folder = std::fs::metadata(&new.dir).map_err(|error| crate::error::os_reason(&error))?;
        if !folder.is_dir() {
            return Err("Not a directory".into());
        }
    }
    Ok(())
}

/// `path` seen from `base`, without `.` parts.
pub(crate) fn absolute(base: &Path, path: &Path) -> PathBuf {
    base.join(path).components().collect()
}

#[cfg(test)]
#[path = "store_test.rs"]
mod tests;
