//! Why the server cannot start: which line of which source, what it says, what is wrong with it.
//!
//! The text follows Redis's `FATAL CONFIG FILE ERROR`, which operators and scripts know. Lines that
//! hold secrets are not repeated.

use std::fmt;
use std::io;
use std::path::PathBuf;

use flashdb_base::split_args::split_args;
use flashdb_base::version::FLASHDB_VERSION;

use crate::acl_lines::AclSubject;
use crate::row::is_sensitive;

/// Where a configuration line was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a file; lines count from 1.
    File(PathBuf, usize),
    /// In what came over the standard input; lines count from 1.
    StandardInput(usize),
    /// In the options of the command line.
    CommandLine,
    /// In this environment variable.
    Environment(String),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => {
                write!(
                    f,
                    "Reading the configuration file, at line {line} of {}",
                    path.display()
                )
            }
            Self::StandardInput(line) => write!(f, "Reading the standard input, at line {line}"),
            Self::CommandLine => f.write_str("Reading the options of the command line"),
            Self::Environment(name) => write!(f, "Reading the environment variable {name}"),
        }
    }
}

/// The configuration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchError {
    /// A line is not accepted.
    Line {
        /// Where it is.
        location: Location,
        /// What it says, secrets left out.
        line: String,
        /// What is wrong.
        reason: String,
    },
    /// A file cannot be read.
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl LaunchError {
    /// A complaint about a line, for reasons that only the server can know.
    pub fn at(location: &Location, line: &[u8], reason: impl Into<String>) -> Self {
        Self::Line {
            location: location.clone(),
            line: shown_line(line),
            reason: reason.into(),
        }
    }

    pub(crate) fn unreadable(path: PathBuf, error: &io::Error) -> Self {
        Self::Unreadable {
            path,
            reason: os_reason(error),
        }
    }
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n*** FATAL CONFIG FILE ERROR (FlashDB {FLASHDB_VERSION}) ***")?;
        match self {
            Self::Line {
                location,
                line,
                reason,
            } => write!(f, "{location}\n>>> '{line}'\n{reason}"),
            Self::Unreadable { path, reason } => {
                write!(
                    f,
                    "Fatal error, can't open config file '{}': {reason}",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for LaunchError {}

/// The system's words for an error, without the number that the standard library adds.
pub(crate) fn os_reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// A line fit for showing: without the value of a secret, and printable.
fn shown_line(line: &[u8]) -> String {
    let name_end = line
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(line.len());
    let name: Vec<u8> = line[..name_end]
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'"' | b'\''))
        .collect();
    if is_sensitive(&name) {
        return format!("{} (redacted)", String::from_utf8_lossy(&name));
    }
    let line = if AclSubject::of(&name).is_some() {
        without_passwords(line, &name)
    } else {
        line.to_vec()
    };
    let text = String::from_utf8_lossy(&line);
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

/// A line about a user or role without passwords and their hashes.
fn without_passwords(line: &[u8], name: &[u8]) -> Vec<u8> {
    let Ok(words) = split_args(line) else {
        return [name, b" (redacted)"].concat();
    };
    let shown = words.iter().map(|word| match word.first() {
        Some(b'>' | b'<' | b'#' | b'!') => b"(redacted)".as_slice(),
        _ => word,
    });
    shown.collect::<Vec<_>>().join(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_file_and_line_and_keeps_secrets() {
        let location = Location::File("/etc/flashdb.conf".into(), 3);
        let text = LaunchError::at(&location, b"port abc", "no number").to_string();
        assert!(
            text.contains("at line 3 of /etc/flashdb.conf\n>>> 'port abc'\nno number"),
            "{text}"
        );
        for line in [&b"requirepass \"s3cret"[..], b"\"RequirePass\" s3cret x"] {
            let text = LaunchError::at(&Location::CommandLine, line, "wrong number of arguments").to_string();
            assert!(text.contains("(redacted)") && !text.contains("s3cret"), "{text}");
        }
        let line = b"user bob on \"> s3cret\" #s3cret +get";
        let text = LaunchError::at(&Location::CommandLine, line, "no").to_string();
        assert!(text.contains("user bob on (redacted) (redacted) +get"), "{text}");
    }
}
