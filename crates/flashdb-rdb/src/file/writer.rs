//! Writes an RDB file item by item, version 11, with its checksum.

use std::io::{self, Write};

use flashdb_base::crc::crc64;

use super::{Access, opcode};
use crate::length::write_length;
use crate::string::write_string;
use crate::types::{VERSION_WRITTEN, ValueType};

/// Items gather in memory up to this size before they are written.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file under construction. It is whole only after [`FileWriter::finish`].
pub struct FileWriter<W> {
    writer: W,
    buffer: Vec<u8>,
    crc: u64,
    compress: bool,
}

impl<W: Write> FileWriter<W> {
    /// Starts a file. The writer need not be buffered.
    pub fn new(writer: W, compress: bool) -> Self {
        let buffer = format!("REDIS{VERSION_WRITTEN:04}").into_bytes();
        Self {
            writer,
            buffer,
            crc: 0,
            compress,
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
    pub fn entry(
        &mut self,
        key: &[u8],
        expire_at_ms: Option<u64>,
        access: Option<Access>,
        write: impl FnOnce(&mut Vec<u8>) -> ValueType,
    ) -> io::Result<()> {
        let buffer = &mut self.buffer;
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
        let type_at = buffer.len();
        buffer.push(0);
        write_string(buffer, key, self.compress);
        buffer[type_at] = write(buffer).0;
        self.flush_if_full()
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
