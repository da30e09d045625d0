//! What segments are written through.

use flashdb_disk::{Disk, DiskFile, OpenMode};
use std::io;
use std::path::Path;

/// What segments are written through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Medium {
    /// Files, by the disk.
    #[default]
    File,
}

impl Medium {
    /// Makes a segment's file.
    pub(crate) fn create(
        self,
        disk: &dyn Disk,
        path: &Path,
        _segment_bytes: u64,
    ) -> io::Result<Box<dyn DiskFile>> {
        disk.open(path, OpenMode::CreateNew)
    }
}
