//! Where serialized bytes come from: a slice in memory or a reader with a running checksum.
//!
//! Taking bytes never allocates more than arrives, whatever length was announced.

use std::io::Read;

use flashdb_base::crc::crc64;

use crate::error::{RdbError, Result};

/// A forward-only source of bytes.
pub(crate) trait Input {
    /// Fills `target` completely.
    fn fill(&mut self, target: &mut [u8]) -> Result<()>;

    /// Takes exactly `length` bytes.
    fn take(&mut self, length: u64) -> Result<Vec<u8>>;

    /// A sensible capacity for `count` announced elements of at least one byte each: never more than may really come.
    fn capacity_for(&self, count: u64) -> usize;

    /// Says that so many bytes are to be kept of what is read.
    ///
    /// # Errors
    /// `TooLarge` where that is more than one item may take.
    fn charge(&mut self, _bytes: u64) -> Result<()> {
        Ok(())
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn u64_le(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }
}

/// Bytes in memory.
pub(crate) struct SliceInput<'a> {
    rest: &'a [u8],
}

impl<'a> SliceInput<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

impl Input for SliceInput<'_> {
    fn fill(&mut self, target: &mut [u8]) -> Result<()> {
        let (head, rest) = self
            .rest
            .split_at_checked(target.len())
            .ok_or(RdbError::Truncated)?;
        target.copy_from_slice(head);
        self.rest = rest;
        Ok(())
    }

    fn take(&mut self, length: u64) -> Result<Vec<u8>> {
        let length = usize::try_from(length).map_err(|_| RdbError::Truncated)?;
        let (head, rest) = self.rest.split_at_checked(length).ok_or(RdbError::Truncated)?;
        self.rest = rest;
        Ok(head.to_vec())
    }

    fn capacity_for(&self, count: u64) -> usize {
        usize::try_from(count).unwrap_or(usize::MAX).min(self.rest.len())
    }
}

/// Buffer of [`ReadInput`]: large enough that a file costs few system calls.
const BUFFER_BYTES: usize = 64 * 1024;
/// No string of a file is longer: neither a value nor a packed container can be.
const STRING_BYTES_MAX: u64 = u32::MAX as u64;
/// Elements reserved at most on the word of a file.
const RESERVE_MAX: u64 = 1024;

/// A reader, buffered, with the CRC64 of everything taken so far.
pub(crate) struct ReadInput<R> {
    reader: R,
    buffer: Box<[u8]>,
    /// The unread part of the buffer.
    start: usize,
    end: usize,
    /// Checksum of all bytes before `summed`; the buffer from there to `start` is not in it yet.
    crc: u64,
    summed: usize,
    /// File offset of the buffer's first byte.
    base: u64,
    /// What one item may take in memory, and what is left of it.
    item_bytes_max: u64,
    left_bytes: u64,
}

impl<R: Read> ReadInput<R> {
    pub(crate) fn new(reader: R) -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self {
            reader,
            buffer,
            start: 0,
            end: 0,
            crc: 0,
            summed: 0,
            base: 0,
            item_bytes_max: u64::MAX,
            left_bytes: u64::MAX,
        }
    }

    /// Refuses items that would take more memory than that.
    pub(crate) fn limit_items(&mut self, bytes: u64) {
        self.item_bytes_max = bytes;
        self.begin_item();
    }

    /// What was charged since the item began is kept for all items that follow.
    pub(crate) fn keep_charged(&mut self) {
        self.item_bytes_max = self.left_bytes;
    }

    /// Another item begins.
    pub(crate) fn begin_item(&mut self) {
        self.left_bytes = self.item_bytes_max;
    }

    /// Bytes taken so far.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// CRC64 of the bytes taken so far.
    pub(crate) fn checksum(&mut self) -> u64 {
        self.crc = crc64(self.crc, &self.buffer[self.summed..self.start]);
        self.summed = self.start;
        self.crc
    }

    /// The bytes read ahead but not taken, and the reader behind them.
    pub(crate) fn into_rest(self) -> (Vec<u8>, R) {
        (self.buffer[self.start..self.end].to_vec(), self.reader)
    }

    /// The bytes at hand, at least one.
    #[inline]
    fn available(&mut self) -> Result<&[u8]> {
        if self.start == self.end {
            self.refill()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    #[cold]
    fn refill(&mut self) -> Result<()> {
        self.checksum();
        self.base += self.end as u64;
        (self.start, self.end, self.summed) = (0, 0, 0);
        self.end = loop {
            match self.reader.read(&mut self.buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                outcome => break outcome?,
            }
        };
        match self.end {
            0 => Err(RdbError::Truncated),
            _ => Ok(()),
        }
    }
}

impl<R: Read> Input for ReadInput<R> {
    #[inline]
    fn charge(&mut self, bytes: u64) -> Result<()> {
        self.left_bytes = self.left_bytes.checked_sub(bytes).ok_or(RdbError::TooLarge)?;
        Ok(())
    }

    #[inline]
    fn byte(&mut self) -> Result<u8> {
        let byte = self.available()?[0];
        self.start += 1;
        Ok(byte)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        if let Some(bytes) = self.buffer[self.start..self.end].first_chunk::<N>() {
            self.start += N;
            return Ok(*bytes);
        }
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, mut target: &mut [u8]) -> Result<()> {
        while !target.is_empty() {
            let available = self.available()?;
            let count = available.len().min(target.len());
            let (now, later) = target.split_at_mut(count);
            now.copy_from_slice(&available[..count]);
            target = later;
            self.start += count;
        }
        Ok(())
    }

    #[inline]
    fn take(&mut self, length: u64) -> Result<Vec<u8>> {
        let at_hand = &self.buffer[self.start..self.end];
        match at_hand.get(..length.try_into().unwrap_or(usize::MAX)) {
            Some(bytes) => {
                self.start += bytes.len();
                Ok(bytes.to_vec())
            }
            None => self.take_in_pieces(length),
        }
    }

    fn capacity_for(&self, count: u64) -> usize {
        count.min(RESERVE_MAX) as usize
    }
}

impl<R: Read> ReadInput<R> {
    #[cold]
    fn take_in_pieces(&mut self, length: u64) -> Result<Vec<u8>> {
        if length > STRING_BYTES_MAX {
            return Err(RdbError::Corrupt("string of more than 4 GiB"));
        }
        let mut taken = Vec::with_capacity(length.min(BUFFER_BYTES as u64) as usize);
        let mut missing = length;
        while missing > 0 {
            let available = self.available()?;
            let count = (available.len() as u64).min(missing) as usize;
            taken.extend_from_slice(&available[..count]);
            self.start += count;
            missing -= count as u64;
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, with interruptions.
    struct Drip<'a>(&'a [u8], bool);

    impl Read for Drip<'_> {
        fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            target[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn slices_and_readers_agree() {
        let bytes: Vec<u8> = (0..200u8).collect();
        let mut slice = SliceInput::new(&bytes);
        let mut reader = ReadInput::new(Drip(&bytes, false));
        assert_eq!(slice.array::<3>().unwrap(), reader.array::<3>().unwrap());
        assert_eq!(slice.take(100).unwrap(), reader.take(100).unwrap());
        assert_eq!(reader.offset(), 103);
        assert_eq!(reader.checksum(), crc64(0, &bytes[..103]));
        assert_eq!(slice.take(97).unwrap(), reader.take(97).unwrap());
        assert!(slice.is_at_end());
        assert_eq!(reader.checksum(), crc64(0, &bytes));
        assert!(matches!(slice.byte(), Err(RdbError::Truncated)));
        assert!(matches!(reader.byte(), Err(RdbError::Truncated)));
    }

    #[test]
    fn announced_lengths_do_not_allocate() {
        let bytes = [0u8; 10];
        assert!(matches!(
            SliceInput::new(&bytes).take(u64::MAX),
            Err(RdbError::Truncated)
        ));
        assert!(matches!(
            ReadInput::new(&bytes[..]).take(u64::from(u32::MAX)),
            Err(RdbError::Truncated)
        ));
        assert!(matches!(
            ReadInput::new(&bytes[..]).take(u64::MAX),
            Err(RdbError::Corrupt(_))
        ));
        assert_eq!(SliceInput::new(&bytes).capacity_for(u64::MAX), 10);
        assert_eq!(ReadInput::new(&bytes[..]).capacity_for(u64::MAX), 1024);
    }

    #[test]
    fn rest_is_kept_for_what_follows() {
        let mut reader = ReadInput::new(&b"RDBtail"[..]);
        reader.array::<3>().unwrap();
        assert_eq!(reader.into_rest().0, b"tail");
    }
}
