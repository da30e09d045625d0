//! Faults on demand: failed syncs, full disks, the machine that goes at a chosen change, and damage on purpose.

use super::*;

const SECTOR: usize = SECTOR_BYTES as usize;

fn new_file(disk: &SimDisk, name: &str) -> Box<dyn DiskFile> {
    let file = disk.open(Path::new(name), OpenMode::CreateNew).unwrap();
    disk.sync_folder(Path::new("/")).unwrap();
    file
}

fn once(on: FaultOn, nth: u64) -> Fault {
    Fault {
        on,
        nth,
        kind: ErrorKind::Other,
        lasting: false,
    }
}

/// Whether some crash of a copy leaves a disk with this property.
fn may_leave(disk: &SimDisk, property: impl Fn(&SimDisk) -> bool) -> bool {
    (0..60).any(|seed| {
        let copy = disk.snapshot(0);
        copy.crash(seed);
        property(&copy)
    })
}

#[test]
fn what_a_failed_sync_lost_no_later_sync_makes_durable() {
    let disk = SimDisk::new(0);
    let name = Path::new("/f");
    let mut file = new_file(&disk, "/f");
    file.set_len(2 * SECTOR_BYTES).unwrap();
    file.sync_data().unwrap();
    file.write_at(&[1; SECTOR], 0).unwrap();
    disk.inject(once(FaultOn::Syncs, 1));
    assert!(file.sync_data().is_err());
    file.write_at(&[2; SECTOR], SECTOR_BYTES).unwrap();
    file.sync_data().unwrap();
    assert_eq!(disk.read(name).unwrap()[0], 1, "readers see it all the same");

    let first = |disk: &SimDisk| disk.read(name).unwrap()[0];
    assert!(may_leave(&disk, |left| first(left) == 0));
    assert!(may_leave(&disk, |left| first(left) == 1));
    assert!(!may_leave(&disk, |left| left.read(name).unwrap()[SECTOR] != 2));

    // Written anew, though with the same bytes, it is durable.
    file.write_at(&[1; SECTOR], 0).unwrap();
    file.sync_data().unwrap();
    assert!(!may_leave(&disk, |left| first(left) != 1));
}

#[test]
fn a_failed_sync_loses_length_and_names_too() {
    let disk = SimDisk::new(0);
    let name = Path::new("/f");
    let mut file = new_file(&disk, "/f");
    file.write_at(b"content", 0).unwrap();
    disk.inject(once(FaultOn::Only(Operation::SyncData), 1));
    assert!(file.sync_data().is_err());
    file.sync_data().unwrap();
    assert!(may_leave(&disk, |left| left.read(name).unwrap().is_empty()));

    disk.rename(name, Path::new("/g")).unwrap();
    disk.inject(once(FaultOn::Only(Operation::SyncFolder), 1));
    assert!(disk.sync_folder(Path::new("/")).is_err());
    disk.sync_folder(Path::new("/")).unwrap();
    assert!(may_leave(&disk, |left| left.read(name).is_ok()));
    assert!(may_leave(&disk, |left| left.read(name).is_err()));

    // A later change that is durable is not undone by what is left of the lost one.
    disk.remove(Path::new("/g")).unwrap();
    disk.sync_folder(Path::new("/")).unwrap();
    assert!(!may_leave(&disk, |left| left.read(Path::new("/g")).is_ok()));
}

#[test]
fn faults_strike_the_operation_they_name() {
    let disk = SimDisk::new(0);
    let mut file = new_file(&disk, "/f");
    disk.inject(once(FaultOn::Writes, 2));
    file.write_at(b"x", 0).unwrap();
    file.sync_data().unwrap();
    assert!(file.write_at(b"y", 0).is_err());
    file.write_at(b"z", 0).unwrap();

    disk.inject(Fault {
        lasting: true,
        kind: ErrorKind::StorageFull,
        ..once(FaultOn::Any, 1)
    });
    assert_eq!(file.len().unwrap_err().kind(), ErrorKind::StorageFull);
    assert!(disk.list(Path::new("/")).is_err());
    assert!(disk.open(Path::new("/g"), OpenMode::CreateNew).is_err());
    disk.clear_faults();
    assert_eq!(disk.list(Path::new("/")).unwrap(), ["f"]);
    assert_eq!(disk.counts().of(Operation::Write), 3);
    assert_eq!(disk.counts().of(Operation::List), 2);
}

#[test]
fn a_failed_write_leaves_any_part() {
    let mut lens = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        let mut file = new_file(&disk, "/f");
        disk.inject(once(FaultOn::Writes, 1));
        assert!(file.write_at(&[1; 100], 0).is_err());
        let left = disk.read(Path::new("/f")).unwrap();
        assert!(left.iter().all(|byte| *byte == 1));
        lens.insert(left.len());
    }
    assert!(lens.len() > 10);
}

#[test]
fn a_full_disk_takes_what_fits() {
    let disk = SimDisk::new(0);
    let name = Path::new("/f");
    disk.set_capacity(Some(3 * SECTOR_BYTES));
    let mut file = new_file(&disk, "/f");
    file.write_at(&[1; 100], 0).unwrap();
    assert_eq!(disk.free_bytes(name).unwrap(), 2 * SECTOR_BYTES);
    let full = file.write_at(&[2; 4 * SECTOR], 100).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 3 * SECTOR_BYTES);
    assert_eq!(disk.free_bytes(name).unwrap(), 0);
    // What has its room may be written over; a length alone takes none.
    file.write_at(&[3; 3 * SECTOR], 0).unwrap();
    file.set_len(100 * SECTOR_BYTES).unwrap();
    assert!(file.write_at(&[4; 1], 50 * SECTOR_BYTES).is_err());
    // Room comes back by cutting and by removing.
    file.set_len(SECTOR_BYTES).unwrap();
    assert_eq!(disk.free_bytes(name).unwrap(), 2 * SECTOR_BYTES);
    disk.remove(name).unwrap();
    assert_eq!(disk.free_bytes(Path::new("/")).unwrap(), 2 * SECTOR_BYTES);
    drop(file);
    assert_eq!(disk.free_bytes(Path::new("/")).unwrap(), 3 * SECTOR_BYTES);
    disk.set_capacity(None);
    new_file(&disk, "/g").write_at(&[1; 10 * SECTOR], 0).unwrap();
}

/// Puts a new content in the place of an old one.
fn replace(disk: &SimDisk, content: &[u8], sync: bool) -> io::Result<()> {
    let (new, name) = (Path::new("/new"), Path::new("/f"));
    let mut file = disk.open(new, OpenMode::CreateNew)?;
    file.write_at(content, 0)?;
    if sync {
        file.sync_data()?;
    }
    disk.rename(new, name)?;
    disk.sync_folder(Path::new("/"))
}

/// Replaces with a crash at every change; whether each crash left the old or the new content.
fn replaces_atomically(sync: bool) -> bool {
    let (old, new) = (vec![1; 3 * SECTOR], vec![2; 3 * SECTOR]);
    let mut atomic = true;
    for seed in 0..30 {
        for changes in 0..6 {
            let disk = SimDisk::new(seed);
            let mut file = new_file(&disk, "/f");
            file.write_at(&old, 0).unwrap();
            file.sync_data().unwrap();
            disk.crash_after(changes);
            let done = replace(&disk, &new, sync).is_ok();
            assert_eq!(done, !disk.is_gone());
            disk.crash(seed);
            assert!(!disk.is_gone());
            let left = disk.read(Path::new("/f")).unwrap();
            atomic &= left == new || (left == old && !done);
        }
    }
    atomic
}

#[test]
fn crashes_at_every_change_tell_a_right_protocol_from_a_wrong_one() {
    assert!(replaces_atomically(true));
    assert!(!replaces_atomically(false));
}

#[test]
fn a_machine_that_is_gone_answers_nothing() {
    let disk = SimDisk::new(0);
    let mut file = new_file(&disk, "/f");
    let before = disk.counts();
    disk.crash_after(1);
    // Looking changes nothing and does not count.
    file.len().unwrap();
    assert!(file.write_at(b"x", 0).is_err());
    assert_eq!(disk.counts().changes(), before.changes() + 1);
    assert!(file.len().is_err() && file.sync_data().is_err());
    assert!(disk.list(Path::new("/")).is_err() && disk.lock(Path::new("/l")).is_err());
    disk.end_process();
    assert!(disk.map(Path::new("/f")).is_err());
    assert_eq!(disk.counts().total(), before.total() + 2);
    disk.crash(0);
    disk.map(Path::new("/f")).unwrap();
}

#[test]
fn damage_is_where_it_was_asked_for_and_durable() {
    let disk = SimDisk::new(0);
    let name = Path::new("/f");
    let mut file = new_file(&disk, "/f");
    let mut expected = vec![0xff; 3 * SECTOR];
    file.write_at(&expected, 0).unwrap();
    file.sync_data().unwrap();
    disk.flip_bit(name, 700, 3).unwrap();
    disk.zero(name, 500..1100).unwrap();
    disk.flip_bit(name, 1200, 0).unwrap();
    disk.overwrite(name, b"other", 10).unwrap();
    disk.truncate(name, 1400).unwrap();
    expected[500..1100].fill(0);
    expected[1200] = 0xfe;
    expected[10..15].copy_from_slice(b"other");
    expected.truncate(1400);
    assert!(disk.read(name).unwrap() == expected);
    disk.crash(5);
    assert!(disk.read(name).unwrap() == expected);
    let behind = disk.flip_bit(name, 1400, 0).unwrap_err();
    assert_eq!(behind.kind(), ErrorKind::InvalidInput);
    assert!(disk.zero(Path::new("/no"), 0..1).is_err());
}
