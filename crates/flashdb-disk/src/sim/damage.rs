//! Looking at a simulated disk and damaging it on purpose, behind the back of the program under test.
//!
//! Nothing here is counted, fails by an injected fault, or is undone by a crash. Damage makes the sector it strikes durable.

use super::{SECTOR_BYTES, SimDisk, State};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

impl SimDisk {
    /// All files that have a name, with their lengths, in the order of their paths.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        self.state().tree.list_files()
    }

    /// The content of a file as a reader sees it.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        state.tree.content(state.tree.file(path)?)?.to_vec()
    }

    /// Turns one bit over; `bit` counts from the least significant one, modulo 8. `InvalidInput` behind the end.
    pub fn flip_bit(&self, path: &Path, byte: u64, bit: u32) -> io::Result<()> {
        let mut state = self.state();
        let file = state.tree.file(path)?;
        let mut old = [0];
        state.tree.content(file)?.read(&mut old, byte);
        state.damage(path, &[old[0] ^ (1 << (bit % 8))], byte)
    }

    /// Sets bytes to zero, as a sector that was lost. `InvalidInput` if the file ends before the range does.
    pub fn zero(&self, path: &Path, range: Range<u64>) -> io::Result<()> {
        let mut state = self.state();
        let mut at = range.start;
        while at < range.end {
            let count = (range.end - at).min(SECTOR_BYTES) as usize;
            state.damage(path, &[0; SECTOR_BYTES as usize][..count], at)?;
            at += count as u64;
        }
        Ok(())
    }

    /// Puts other bytes in a place. `InvalidInput` if the file ends before they do.
    pub fn overwrite(&self, path: &Path, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.state().damage(path, bytes, offset)
    }

    /// Sets the length of a file; all that is left of it, or added in zeros, is durable.
    pub fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let mut state = self.state();
        let file = state.tree.file(path)?;
        state.tree.content_mut(file)?.damage_len(len);
        Ok(())
    }
}

impl State {
    fn damage(&mut self, path: &Path, bytes: &[u8], offset: u64) -> io::Result<()> {
        let file = self.tree.file(path)?;
        let content = self.tree.content_mut(file)?;
        let end = offset.checked_add(bytes.len() as u64);
        if end.is_none_or(|end| end > content.len()) {
            return Err(ErrorKind::InvalidInput.into());
        }
        content.damage(bytes, offset);
        Ok(())
    }
}
