//! A buffered file that can go back: groups of commands are looked through before they are given out.
//!
//! Going back within the buffer costs nothing.

use std::io::{self, Read, Seek, SeekFrom};

const BUFFER_BYTES: usize = 256 * 1024;

pub(super) struct SeekInput<R> {
    reader: R,
    buffer: Box<[u8]>,
    /// The unread part of the buffer.
    start: usize,
    end: usize,
    /// File offset of the buffer's first byte.
    base: u64,
}

impl<R: Read + Seek> SeekInput<R> {
    /// Reads on from `offset`.
    pub(super) fn new(mut reader: R, offset: u64) -> io::Result<Self> {
        reader.seek(SeekFrom::Start(offset))?;
        Ok(Self {
            reader,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            base: offset,
        })
    }

    /// File offset of the next byte.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Bytes at hand; empty at the end of the file only.
    #[inline]
    pub(super) fn available(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.base += self.end as u64;
            (self.start, self.end) = (0, 0);
            self.end = loop {
                match self.reader.read(&mut self.buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    outcome => break outcome?,
                }
            };
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Steps over bytes that were seen with [`Self::available`].
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        debug_assert!(
            count <= self.end - self.start,
            "only what was seen can be consumed"
        );
        self.start += count;
    }

    /// Goes back, or forward, to a file offset.
    pub(super) fn seek_to(&mut self, offset: u64) -> io::Result<()> {
        if (self.base..=self.base + self.end as u64).contains(&offset) {
            self.start = (offset - self.base) as usize;
            return Ok(());
        }
        self.reader.seek(SeekFrom::Start(offset))?;
        (self.start, self.end, self.base) = (0, 0, offset);
        Ok(())
    }

    /// The file's length. Afterwards reading goes on anywhere.
    pub(super) fn length(&mut self) -> io::Result<u64> {
        let length = self.reader.seek(SeekFrom::End(0))?;
        (self.start, self.end, self.base) = (0, 0, length);
        Ok(length)
    }
}
