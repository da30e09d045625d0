//! What the tests of this crate do to a simulated disk besides writing snapshots: look at files, replace them.

use std::path::Path;

use flashdb_disk::{Disk, OpenMode, SimDisk};

/// The content of a file.
pub(crate) fn content(disk: &SimDisk, path: &Path) -> Vec<u8> {
    disk.read(path).unwrap()
}

/// Makes a file, in place of one that has the name: durable content, a name that is not.
pub(crate) fn put(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    if disk.files().iter().any(|(of, _)| of == path) {
        disk.remove(path).unwrap();
    }
    let mut file = disk.open(path, OpenMode::CreateNew).unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
}
