//! Reads the sources of the configuration in rising precedence: defaults, `FLASHDB_*` variables,
//! files, options of the command line.
//!
//! Files have the syntax of `redis.conf`. Each line is one setting or directive; the first line that
//! is not accepted ends the start. Within files and options together, further `save` lines add up, as
//! in Redis; everywhere else the last line counts.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use flashdb_base::split_args::{UnbalancedQuotes, push_quoted, split_args};

use crate::acl_lines::{AclLine, AclSubject};
use crate::codec::Occurrence;
use crate::error::{LaunchError, Location};
use crate::row::{Flags, Row, position};
use crate::settings::{ROWS, Settings};
use crate::store::{ConfigStore, Origin, RenameCommand, absolute};

/// Variables with this prefix are settings.
const ENVIRONMENT_PREFIX: &str = "FLASHDB_";

/// Files within files within files: enough for any layout, and an end for a file that includes itself.
const INCLUDE_DEPTH_MAX: usize = 16;

/// Settings that older files carry and that no version after has; without effect in Redis 7 too.
const RETIRED: [&[u8]; 3] = [
    b"list-max-ziplist-entries",
    b"list-max-ziplist-value",
    b"lua-replicate-commands",
];

/// The configuration while it is being read.
pub(crate) struct Loader {
    settings: Settings,
    origins: Vec<Origin>,
    /// By row: the present source has set it already.
    seen: Vec<bool>,
    renames: Vec<RenameCommand>,
    acl_lines: Vec<AclLine>,
    warnings: Vec<String>,
}

impl Loader {
    pub(crate) fn new() -> Self {
        Self {
            settings: Settings::default(),
            origins: vec![Origin::Default; ROWS.len()],
            seen: vec![false; ROWS.len()],
            renames: Vec::new(),
            acl_lines: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Takes over the variables that name a setting: `FLASHDB_MAXMEMORY_POLICY` is `maxmemory-policy`.
    /// Others with the prefix are reported, not refused: platforms that link services inject some,
    /// even a `FLASHDB_PORT` that is an address, for a service called flashdb.
    pub(crate) fn environment(
        &mut self,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), LaunchError> {
        let mut unknown = Vec::new();
        for (variable, value) in variables {
            let Some(name) = variable
                .to_str()
                .and_then(|name| name.strip_prefix(ENVIRONMENT_PREFIX))
            else {
                continue;
            };
            let value = value.as_encoded_bytes();
            let setting = name.to_ascii_lowercase().replace('_', "-");
            match position(setting.as_bytes()) {
                Some(index) if !is_service_link(&setting, value) => {
                    let location = Location::Environment(format!("{ENVIRONMENT_PREFIX}{name}"));
                    self.assign(index, &[value.to_vec()], Origin::Environment)
                        .map_err(|reason| {
                            let line = [setting.as_bytes(), b" ", value].concat();
                            LaunchError::at(&location, &line, reason)
                        })?;
                }
                _ => unknown.push(format!("{ENVIRONMENT_PREFIX}{name}")),
            }
        }
        if !unknown.is_empty() {
            unknown.sort();
            self.warnings.push(format!(
                "Environment variables that name no setting: {}",
                unknown.join(", ")
            ));
        }
        self.seen.fill(false);
        Ok(())
    }

    /// Reads a file, or with wildcards in its name all that match, in their order.
    pub(crate) fn file(&mut self, path: &Path) -> Result<(), LaunchError> {
        self.file_at_depth(path, 0)
    }

    fn file_at_depth(&mut self, path: &Path, depth: usize) -> Result<(), LaunchError> {
        for path in matching_files(path) {
            let text = fs::read(&path).map_err(|error| LaunchError::unreadable(path.clone(), &error))?;
            for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
                self.line(
                    line,
                    &Location::File(path.clone(), index + 1),
                    Origin::File,
                    depth,
                )?;
            }
        }
        Ok(())
    }

    /// Reads what came over the standard input.
    pub(crate) fn standard_input(&mut self, text: &[u8]) -> Result<(), LaunchError> {
        for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
            self.line(line, &Location::StandardInput(index + 1), Origin::File, 0)?;
        }
        Ok(())
    }

    /// Reads the lines that the options of the command line stand for.
    pub(crate) fn options(&mut self, lines: &[Vec<u8>]) -> Result<(), LaunchError> {
        lines
            .iter()
            .try_for_each(|line| self.line(line, &Location::CommandLine, Origin::CommandLine, 0))
    }

    /// Ends the reading. Relative paths are seen from `working_folder`.
    pub(crate) fn finish(
        mut self,
        file: Option<PathBuf>,
        working_folder: &Path,
    ) -> (ConfigStore, Vec<String>) {
        self.settings.dir = absolute(working_folder, &self.settings.dir);
        if self.settings.activedefrag {
            self.settings.activedefrag = false;
            self.warnings
                .push("activedefrag is not available and stays off".into());
        }
        let set_in_vain: Vec<&str> = (ROWS.iter().zip(&self.origins))
            .filter(|(row, origin)| row.is(Flags::NO_EFFECT_YET) && **origin != Origin::Default)
            .map(|(row, _)| row.name)
            .collect();
        if !set_in_vain.is_empty() {
            self.warnings.push(format!(
                "Settings that have no effect in this version: {}",
                set_in_vain.join(", ")
            ));
        }
        (
            ConfigStore::with_origins(self.settings, self.origins, file, self.renames, self.acl_lines),
            self.warnings,
        )
    }

    fn line(
        &mut self,
        line: &[u8],
        location: &Location,
        origin: Origin,
        depth: usize,
    ) -> Result<(), LaunchError> {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        let refuse = |reason: String| LaunchError::at(location, line, reason);
        let words = split_args(line)
            .map_err(|UnbalancedQuotes| refuse("Unbalanced quotes in configuration line".into()))?;
        let Some((name, values)) = words.split_first() else {
            return Ok(());
        };
        if let Some(index) = position(name) {
            return self.assign(index, values, origin).map_err(refuse);
        }
        match (name.to_ascii_lowercase().as_slice(), values) {
            (b"include", [_]) if depth >= INCLUDE_DEPTH_MAX => Err(refuse(format!(
                "files include each other more than {INCLUDE_DEPTH_MAX} levels deep"
            ))),
            (b"include", [path]) => self.file_at_depth(&path_of(path), depth + 1),
            (b"rename-command", [from, to]) => {
                let (from, to, line) = (from.clone(), to.clone(), line.to_vec());
                self.renames.push(RenameCommand {
                    from,
                    to,
                    location: location.clone(),
                    line,
                });
                Ok(())
            }
            (name, [_]) if RETIRED.contains(&name) => Ok(()),
            (b"user" | b"role", [subject, rules @ ..]) => {
                self.acl_lines.push(AclLine {
                    subject: AclSubject::of(name).unwrap_or(AclSubject::User),
                    name: subject.clone(),
                    rules: rules.to_vec(),
                    location: location.clone(),
                    line: line.to_vec(),
                });
                Ok(())
            }
            // Started without what this asks for, the server would lack commands that its clients need.
            (b"loadmodule", [_, ..]) => Err(refuse("modules of Redis cannot be loaded".into())),
            (b"sentinel", _) => Err(refuse("sentinel directive while not in sentinel mode".into())),
            (name, _) => Err(refuse(unknown(name))),
        }
    }

    fn assign(&mut self, index: usize, values: &[Vec<u8>], origin: Origin) -> Result<(), String> {
        let row = &ROWS[index];
        let words = words_of_setting(row, values)?;
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let occurrence = if self.seen[index] {
            Occurrence::Further
        } else {
            Occurrence::First
        };
        (row.parse)(&words, &mut self.settings, occurrence)?;
        self.seen[index] = true;
        self.origins[index] = origin;
        Ok(())
    }
}

/// The words of a setting's value on a line. A setting of several words may have them in one
/// quoted argument; an empty argument stays, as it means "none".
pub(crate) fn words_of_setting(row: &Row, values: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, &'static str> {
    match values {
        [value] if row.is(Flags::MULTI) && !value.is_empty() => {
            split_args(value).map_err(|UnbalancedQuotes| "Unbalanced quotes in configuration line")
        }
        _ if row.is(Flags::MULTI) => Ok(values.to_vec()),
        [value] => Ok(vec![value.clone()]),
        _ => Err("wrong number of arguments"),
    }
}

/// A value like `tcp://10.0.0.1:6379` for `port`: left by a container platform, not by an operator.
fn is_service_link(setting: &str, value: &[u8]) -> bool {
    setting == "port" && value.windows(3).any(|window| window == b"://")
}

/// The file itself, or those that match when the name holds wildcards; none may match.
fn matching_files(path: &Path) -> Vec<PathBuf> {
    match path.to_str() {
        Some(pattern) if pattern.contains(['*', '?', '[']) => glob::glob(pattern)
            .map(|paths| paths.flatten().collect())
            .unwrap_or_default(),
        _ => vec![path.to_path_buf()],
    }
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// The configuration lines that `arguments` of the command line stand for, as redis-server takes them:
/// `--name` begins a line and what follows, quoted, are its values; `"--name value"` may be one argument.
/// The argument right after a bare name is a value even when it begins with `--`, except after `--save`,
/// which then means `--save ""`.
pub(crate) fn option_lines(arguments: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut name_awaits_value = false;
    for (index, argument) in arguments.iter().enumerate() {
        let option = argument.strip_prefix(b"--").filter(|_| !name_awaits_value);
        let Some(option) = option else {
            let line = match lines.last_mut() {
                Some(line) => line,
                None => {
                    lines.push(Vec::new());
                    &mut lines[0]
                }
            };
            push_quoted(line, argument);
            line.push(b' ');
            name_awaits_value = false;
            continue;
        };
        let mut line = [option, b" "].concat();
        name_awaits_value = split_args(argument).is_ok_and(|words| words.len() == 1);
        if name_awaits_value && option.eq_ignore_ascii_case(b"save") {
            let next = arguments.get(index + 1);
            if next.is_none_or(|next| next.starts_with(b"--")) {
                line.extend(b"\"\"");
                name_awaits_value = false;
            }
        }
        lines.push(line);
    }
    lines
}

/// What to say of a name that no setting has, in Redis's words; with the setting that was probably meant.
fn unknown(name: &[u8]) -> String {
    const BAD: &str = "Bad directive or wrong number of arguments";
    let near = ROWS
        .iter()
        .flat_map(Row::names)
        .map(|known| (edits(name, known.as_bytes()), known));
    match near.min() {
        Some((edits @ 1..=2, known)) if 2 * edits <= name.len() => format!("{BAD}; did you mean '{known}'?"),
        _ => BAD.into(),
    }
}

/// How many bytes have to be put in, taken out or changed to make `b` of `a`.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, from) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (at, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
#[path = "load_test.rs"]
mod tests;
