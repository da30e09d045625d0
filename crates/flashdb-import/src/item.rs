//! What comes out of a file: keys with their values, commands, and what has to be left out, each with its place.

use flashdb_rdb::RdbValue;
use std::fmt;

/// What may be taken into memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// One value, or one command, of a binary file.
    pub value_bytes: u64,
    /// One line of a text file, or one row of a CSV file.
    pub line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            value_bytes: 512 << 20,
            line_bytes: 16 << 20,
        }
    }
}

/// Where something is in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1; of a binary file none.
    pub line: Option<u64>,
    /// Bytes from the file's start: where it begins, or of an RDB file where it ends.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}"),
            None => write!(f, "byte {}", self.offset),
        }
    }
}

/// When a key expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    Never,
    /// Unix time, ms.
    At(u64),
    /// Ms from when it is written.
    In(u64),
}

/// What is known of how a key was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    IdleSeconds(u64),
    Frequency(u8),
}

/// A key.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub place: Place,
    /// The database that the file names; none where it names none.
    pub db: Option<u64>,
    pub key: Vec<u8>,
    pub value: RdbValue,
    pub expiry: Expiry,
    pub access: Option<Access>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub place: Place,
    /// As in [`Row`].
    pub db: Option<u64>,
    /// Its name first; at least that.
    pub words: Vec<Vec<u8>>,
}

/// Something that cannot be taken; reading goes on behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub place: Place,
    pub db: Option<u64>,
    pub key: Option<Vec<u8>>,
    pub why: String,
}

/// How a file ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// What there is to say of it: that it may be cut off, or a torn end that was dropped.
    pub note: Option<String>,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Key(Row),
    Command(Wanted),
    LeftOut(LeftOut),
    End(Ending),
}

/// A file that cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub place: Place,
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file cannot be read on at {}: {}", self.place, self.why)
    }
}

impl std::error::Error for Fault {}

/// Why a row of a text file is left out.
pub(crate) type Refusal = String;

/// Characters of a reason: some quote what they are about, which may be long.
const WHY_CHARS_MAX: usize = 300;

/// A row of a text file, which names no database: the key, or why it is left out.
pub(crate) fn key_row(place: Place, key: Vec<u8>, made: Result<(RdbValue, Expiry), Refusal>) -> Item {
    match made {
        Err(why) => left_out(place, Some(key), why),
        Ok((value, expiry)) => Item::Key(Row {
            place,
            db: None,
            key,
            value,
            expiry,
            access: None,
        }),
    }
}

/// A reason of bounded length.
pub(crate) fn bounded(mut why: String) -> String {
    if let Some((end, _)) = why.char_indices().nth(WHY_CHARS_MAX) {
        why.truncate(end);
        why.push('…');
    }
    why
}

pub(crate) fn left_out(place: Place, key: Option<Vec<u8>>, why: impl Into<String>) -> Item {
    let why = bounded(why.into());
    Item::LeftOut(LeftOut {
        place,
        db: None,
        key,
        why,
    })
}
