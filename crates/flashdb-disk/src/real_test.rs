//! What is particular to the real disk: modes of new files, locks between open files, maps. Everything else is compared with
//! the simulated disk under random operations.

use super::*;
use crate::test_folder::TestFolder;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn new_files_and_folders_are_for_their_owner_only() {
    let folder = TestFolder::new("modes");
    let inner = folder.path().join("a/b");
    RealDisk.create_folder(&inner).unwrap();
    RealDisk.create_folder(&inner).unwrap();
    assert_eq!(mode_of(&inner), 0o700);
    let file = inner.join("file");
    RealDisk.open(&file, OpenMode::CreateNew).unwrap();
    assert_eq!(mode_of(&file), 0o600);
    let _lock = RealDisk.lock(&inner.join("lock")).unwrap();
    assert_eq!(mode_of(&inner.join("lock")), 0o600);
}

#[test]
fn one_lock_excludes_another_until_it_is_dropped() {
    let folder = TestFolder::new("lock");
    let path = folder.path().join("lock");
    let first = RealDisk.lock(&path).unwrap();
    let refused = RealDisk.lock(&path).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    drop(first);
    RealDisk.lock(&path).unwrap();
}

#[test]
fn maps_of_empty_and_full_files() {
    let folder = TestFolder::new("map");
    let path = folder.path().join("file");
    let mut file = RealDisk.open(&path, OpenMode::CreateNew).unwrap();
    assert!(RealDisk.map(&path).unwrap().bytes().is_empty());
    file.write_at(b"some content", 5000).unwrap();
    let map = RealDisk.map(&path).unwrap();
    assert_eq!(map.bytes().len(), 5012);
    assert_eq!(&map.bytes()[5000..], b"some content");
    // The content outlives its name.
    RealDisk.remove(&path).unwrap();
    assert_eq!(&map.bytes()[5000..], b"some content");
    let missing = RealDisk.map(&path).map(|_| ()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    // A folder can neither be mapped nor read.
    assert!(RealDisk.map(folder.path()).is_err());
}

#[test]
fn syncs_and_free_room() {
    let folder = TestFolder::new("sync");
    let mut file = RealDisk
        .open(&folder.path().join("file"), OpenMode::CreateNew)
        .unwrap();
    file.set_len(100).unwrap();
    file.sync_data().unwrap();
    RealDisk.sync_folder(folder.path()).unwrap();
    RealDisk.sync_folder(Path::new("")).unwrap();
    let missing = RealDisk.sync_folder(&folder.path().join("no")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(RealDisk.free_bytes(folder.path()).unwrap() > 0);
}
