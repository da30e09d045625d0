//! Writes an RDB file item by item, of a chosen version, with its checksum.

use std::fmt;
use std::io::{self, Write};

use flashdb_base::crc::crc64;

use super::{Access, opcode};
use crate::length::write_length;
use crate::string::write_string;
use crate::types::{FileVersion, ValueType};

/// Items gather in memory up to this size before they are written.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file under construction. It is whole only after [`FileWriter::finish`].
pub struct FileWriter<W> {
    writer: W,
    buffer: Vec<u8>,
    crc: u64,
    compress: bool,
    /// Newest version whose types may be written.
    newest: FileVersion,
}

/// A value cannot be written in a file of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeedsVersion {
    /// The oldest version that has the value's type.
    pub needed: FileVersion,
    /// The file's version.
    pub version: FileVersion,
}

impl fmt::Display for NeedsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (needed, version) = (self.needed.number(), self.version.number());
        write!(
            f,
            "the value needs RDB version {needed}, the file is of version {version}"
        )
    }
}

impl std::error::Error for NeedsVersion {}

impl<W: Write> FileWriter<W> {
    /// Starts a file of version 11. The writer need not be buffered.
    ///
    /// Hashes with expiring fields are written all the same: Redis 7.4, the first to know them, takes them whatever the version
    /// in the head says, and older servers load the file if there is no such hash.
    pub fn new(writer: W, compress: bool) -> Self {
        let mut file = Self::with_version(writer, FileVersion::V11, compress);
        file.newest = FileVersion::V12;
        file
    }

    /// Starts a file of this version, in which every value is one that servers of that version load.
    pub fn with_version(writer: W, version: FileVersion, compress: bool) -> Self {
        let buffer = format!("REDIS{:04}", version.number()).into_bytes();
        Self {
            writer,
            buffer,
            crc: 0,
            compress,
            newest: version,
        }
    }

    /// A note about the file, such as `redis-ver`.
    pub fn aux(&mut self, name: &[u8], value: &[u8]) -> io::Result<()> {
        self.buffer.push(opcode::AUX);
        write_string(&mut self.buffer, name, self.compress);
        write_string(&mut self.buffer, value, self.compress);
        self.flush_if_full()
    }

    /// The source of a function library.
    pub fn function(&mut self, source: &[u8]) -> io::Result<()> {
        self.buffer.push(opcode::FUNCTION_2);
        write_string(&mut self.buffer, source, self.compress);
        self.flush_if_full()
    }

    /// The keys that follow belong to this database, which has about so many keys, so many of them expiring.
    pub fn select_db(&mut self, db: u64, keys: u64, expiring: u64) -> io::Result<()> {
        self.buffer.push(opcode::SELECT_DB);
        write_length(&mut self.buffer, db);
        self.buffer.push(opcode::RESIZE_DB);
        write_length(&mut self.buffer, keys);
        write_length(&mut self.buffer, expiring);
        self.flush_if_full()
    }

    /// A key. `write` appends the value's body: one or another of this crate's `write_` functions.
    ///
    /// # Errors
    /// Besides those of the writer [`io::ErrorKind::Unsupported`] with [`NeedsVersion`] inside; then nothing was written.
    pub fn entry(
        &mut self,
        key: &[u8],
        expire_at_ms: Option<u64>,
        access: Option<Access>,
        write: impl FnOnce(&mut Vec<u8>) -> ValueType,
    ) -> io::Result<()> {
        self.entry_if_fits(key, expire_at_ms, access, write)?
            .map_err(|needs| io::Error::new(io::ErrorKind::Unsupported, needs))
    }

    /// As [`FileWriter::entry`], but a value that needs a newer file is an inner error: nothing of it was written, and the file
    /// can go on without it or with another form of it.
    pub fn entry_if_fits(
        &mut self,
        key: &[u8],
        expire_at_ms: Option<u64>,
        access: Option<Access>,
        write: impl FnOnce(&mut Vec<u8>) -> ValueType,
    ) -> io::Result<Result<(), NeedsVersion>> {
        let buffer = &mut self.buffer;
        let start = buffer.len();
        write_prefix(buffer, expire_at_ms, access);
        let type_at = buffer.len();
        buffer.push(0);
        write_string(buffer, key, self.compress);
        let value_type = write(buffer);
        let needed = value_type.oldest_version();
        if needed > self.newest {
            buffer.truncate(start);
            return Ok(Err(NeedsVersion {
                needed,
                version: self.newest,
            }));
        }
        buffer[type_at] = value_type.0;
        self.flush_if_full().map(Ok)
    }

    /// Ends the file with its checksum and gives the writer back, flushed but not synced.
    pub fn finish(mut self) -> io::Result<W> {
        self.buffer.push(opcode::END);
        self.flush()?;
        self.writer.write_all(&self.crc.to_le_bytes())?;
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.crc = crc64(self.crc, &self.buffer);
        self.writer.write_all(&self.buffer)?;
        self.buffer.clear();
        // One huge value must not keep its memory until the end of the file.
        self.buffer.shrink_to(2 * BUFFER_BYTES);
        Ok(())
    }
}

fn write_prefix(buffer: &mut Vec<u8>, expire_at_ms: Option<u64>, access: Option<Access>) {
    if let Some(at) = expire_at_ms {
        buffer.push(opcode::EXPIRE_MS);
        buffer.extend_from_slice(&at.to_le_bytes());
    }
    match access {
        Some(Access::IdleSeconds(seconds)) => {
            buffer.push(opcode::IDLE);
            write_length(buffer, seconds);
        }
        Some(Access::Frequency(frequency)) => buffer.extend_from_slice(&[opcode::FREQUENCY, frequency]),
        None => {}
    }
}
