//! What the program does instead of sending a command: one file for each mode, named like its flag.
//!
//! Each is given a connection that is logged in. What it prints on a terminal or in a pipe is redis-cli's; with `--json`
//! it prints JSON, which redis-cli does for replies only.

use crate::connection::{Connection, ConnectionError};
use crate::format::Format;
use crate::options::Options;
use flashdb_resp::reply::Value;
use std::fmt;
use std::io;

pub mod big_keys;
pub mod eval;
pub mod hot_keys;
pub mod intrinsic;
pub mod latency;
pub mod lru_test;
pub mod pipe;
pub mod rdb;
pub mod replica;
pub mod scan;
pub mod spectrum;
pub mod stat;

/// Why a mode ended early.
#[derive(Debug)]
pub enum ModeError {
    /// The connection broke.
    Connection(ConnectionError),
    /// The server refused something, in its own words.
    Server(String),
    /// A file or standard input; the first says which.
    File(String, io::Error),
    /// Something else, in one line.
    Other(String),
}

impl fmt::Display for ModeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModeError::Connection(error) => error.fmt(f),
            ModeError::Server(text) | ModeError::Other(text) => f.write_str(text),
            ModeError::File(name, error) => write!(f, "{name}: {error}"),
        }
    }
}

impl std::error::Error for ModeError {}

impl From<ConnectionError> for ModeError {
    fn from(error: ConnectionError) -> Self {
        ModeError::Connection(error)
    }
}

/// How a mode ends.
pub type Outcome = Result<(), ModeError>;

/// The reply, unless it is an error.
fn checked(reply: Value) -> Result<Value, ModeError> {
    match reply.plain() {
        Value::Error(text) => Err(ModeError::Server(String::from_utf8_lossy(text).into_owned())),
        _ => Ok(reply),
    }
}

fn ask<W: AsRef<[u8]>>(connection: &mut Connection, words: &[W]) -> Result<Value, ModeError> {
    checked(connection.ask(words)?)
}

fn unexpected(command: &str) -> ModeError {
    ModeError::Other(format!(
        "{command}: the server's reply has another form than Redis's"
    ))
}

fn is_json(options: &Options) -> bool {
    matches!(options.style.format, Format::Json { .. })
}

/// A key as it is named in lines for people.
fn quoted(key: &[u8]) -> String {
    let mut text = Vec::new();
    flashdb_base::split_args::push_quoted(&mut text, key);
    String::from_utf8_lossy(&text).into_owned()
}

/// SCAN from its beginning to its end, a page at a time.
struct Pages {
    cursor: Option<Vec<u8>>,
    pattern: Option<Vec<u8>>,
}

impl Pages {
    fn new(options: &Options) -> Self {
        Pages {
            cursor: Some(b"0".to_vec()),
            pattern: options.pattern.clone(),
        }
    }

    /// The next page's keys, which may be none; nothing at the end.
    fn next(&mut self, connection: &mut Connection) -> Result<Option<Vec<Vec<u8>>>, ModeError> {
        let Some(cursor) = self.cursor.take() else {
            return Ok(None);
        };
        let mut words = vec![b"SCAN".to_vec(), cursor];
        if let Some(pattern) = &self.pattern {
            words.extend([b"MATCH".to_vec(), pattern.clone()]);
        }
        let reply = ask(connection, &words)?;
        let Some([cursor, keys]) = reply.items() else {
            return Err(unexpected("SCAN"));
        };
        let (Some(cursor), Some(keys)) = (cursor.bytes(), keys.items()) else {
            return Err(unexpected("SCAN"));
        };
        self.cursor = (cursor != b"0").then(|| cursor.to_vec());
        let keys = keys.iter().filter_map(|key| Some(key.bytes()?.to_vec()));
        Ok(Some(keys.collect()))
    }
}

/// `part` of `whole` in percent; a whole of nothing is complete.
fn percent(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 100.0,
        _ => 100.0 * part as f64 / whole as f64,
    }
}

fn average(sum: u64, count: u64) -> f64 {
    match count {
        0 => 0.0,
        _ => sum as f64 / count as f64,
    }
}
