//! Append-only files of Redis and Valkey: the log of commands, in one file or, since Redis 7.0, in a folder of several.
//!
//! ```text
//! appendonly.aof                          one file: [an RDB file] command ...
//! appendonlydir/appendonly.aof.manifest   which files there are, in order:
//!     file appendonly.aof.2.base.rdb seq 2 type b          the data at some time: an RDB file, or commands
//!     file appendonly.aof.3.incr.aof seq 3 type i          the commands since then
//!     file appendonly.aof.1.incr.aof seq 1 type h          history: of no use any more
//! ```
//!
//! [`AofReader`] walks all of it in order with bounded memory: what one command or one key needs. A file that was being
//! written when its server died may end within a command or within a group (MULTI to EXEC); such an end is dropped, as Redis
//! does when it loads the file, and reported. Anything else that is not as it should be is an error with file and offset.

mod command;
mod error;
mod file;
mod input;
mod manifest;
mod reader;

pub use error::{AofError, AofFault};
pub use file::AofFileReader;
pub use manifest::{AofFile, AofFileKind, AofManifest};
pub use reader::AofReader;

use std::fmt;
use std::path::PathBuf;

use flashdb_base::args::OwnedArgs;

use crate::file::FileItem;

/// What append-only files hold, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum AofItem {
    /// The file of this path begins. Given by [`AofReader`] only.
    File {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        length: u64,
    },
    /// An item of an RDB file. Its own `SelectDb` says which database the keys belong to.
    Rdb(FileItem),
    /// The commands that follow run in this database.
    SelectDb(u64),
    /// A command that changed data, its name first. Never SELECT, MULTI or EXEC.
    Command(OwnedArgs),
    /// The commands up to [`AofItem::GroupEnd`] took effect together. The group is whole.
    GroupBegin,
    /// The end of the group.
    GroupEnd,
    /// The file's end was not taken. Nothing of this file follows.
    Dropped(Dropped),
}

/// The end of a file, which was being written when its server died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Where the part begins that was not taken, in bytes from the file's start.
    pub offset: u64,
    /// How many bytes that is.
    pub bytes: u64,
    /// What it was.
    pub what: DroppedEnd,
}

/// What stood at the torn end of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DroppedEnd {
    /// A part of a command.
    Command,
    /// A group without its EXEC, so many whole commands in it.
    Group {
        /// The commands, without MULTI.
        commands: u64,
    },
    /// Only zero bytes, as a file system leaves them after a power cut.
    Zeros,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Dropped { offset, bytes, what } = self;
        match what {
            DroppedEnd::Command => write!(f, "incomplete command")?,
            DroppedEnd::Group { commands } => write!(f, "group of {commands} commands without its EXEC")?,
            DroppedEnd::Zeros => write!(f, "zero bytes")?,
        }
        write!(f, " at the end, dropped: {bytes} bytes from byte {offset} on")
    }
}
