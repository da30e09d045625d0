//! Why a replay stopped: log and state disagree, or the log holds what this version cannot execute. Errors name the record's
//! place and its command, never the values in it.

use super::Place;
use flashdb_log::FrameError;
use std::fmt;

/// A record that could not be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayError {
    /// Where the record's frame stands.
    pub place: Place,
    /// The record's command, such as `HSET` or `xgroup|create`; empty if it has none.
    pub command: String,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its inside is malformed.
    Frame(FrameError),
    /// Its group lacks the part that this frame should be.
    BrokenGroup,
    /// No command of this version has its name, or none with so many words.
    UnknownCommand,
    /// It works on a database that does not exist (`databases` was larger when it was logged).
    NoDatabase(u16),
    /// The system gave no thread for the replay.
    NoThread(String),
    /// The command refused to do it on the state that the records before have left; the code of its error.
    Refused(String),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the record with LSN {}", self.place.lsn)?;
        if !self.command.is_empty() {
            write!(f, " ({})", self.command)?;
        }
        f.write_str(" cannot be replayed: ")?;
        match &self.reason {
            Reason::Frame(error) => write!(f, "{error}"),
            Reason::BrokenGroup => f.write_str("the group of effects before it is not complete"),
            Reason::UnknownCommand => f.write_str("this version does not know the command"),
            Reason::NoDatabase(db) => write!(f, "there is no database {db}; `databases` was larger"),
            Reason::NoThread(error) => write!(f, "no thread could be started: {error}"),
            Reason::Refused(code) => write!(f, "the state before it does not allow it ({code})"),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<FrameError> for Reason {
    fn from(error: FrameError) -> Self {
        Reason::Frame(error)
    }
}
