//! Power cuts, killed processes and failing disks at every operation, on the simulated disk: afterwards each snapshot that has
//! a final name is whole, what was finished is there, and the newest state can still be loaded.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use flashdb_disk::sim::{Fault, FaultOn};
use flashdb_disk::{Disk, OpenMode, SimDisk};

use crate::test_disk::put;
use crate::test_world::{DIR, World, first_chain, hash, world_of_four};
use crate::writer::TEMPORARY;
use crate::{
    Catalog, ChainReader, Compression, Dependents, Lsn, Retention, SnapshotError, SnapshotId, SnapshotReader,
    consolidate,
};

const ONE_CHAIN: Retention = Retention {
    chains: 1,
    reach_back_to: None,
};

/// Something that is done to the disk.
type Work<'a> = &'a dyn Fn(&mut World) -> Result<(), SnapshotError>;

/// The same world on a disk of its own.
fn copy(world: &World, seed: u64) -> World {
    World {
        disk: Arc::new(world.disk.snapshot(seed)),
        ..world.clone()
    }
}

/// Runs `work` once for each change of the disk it makes, and two seeds, with the power cut in the course of that change;
/// last without a cut in its course, but right afterwards. `check` sees the machine started again.
fn with_power_cuts(
    world: &World,
    work: impl Fn(&mut World) -> Result<(), SnapshotError>,
    check: impl Fn(&World, Result<(), SnapshotError>),
) {
    let mut whole = copy(world, 0);
    work(&mut whole).unwrap();
    let changes = whole.disk.counts().changes();
    assert!(changes > 3);
    for cut in 0..=changes + 1 {
        for seed in 0..2 {
            let mut world = copy(world, seed);
            world.disk.crash_after(cut);
            let result = work(&mut world);
            assert!(result.is_err() || cut >= changes, "{cut} of {changes}");
            world.disk.crash(seed * 1000 + cut);
            check(&world, result);
        }
    }
}

/// What a start does first; then all that is there can be loaded and is what was cut.
fn start(world: &World) -> Catalog {
    Catalog::remove_stale(&*world.disk, Path::new(DIR)).unwrap();
    assert!(
        world
            .disk
            .files()
            .iter()
            .all(|(path, _)| !path.display().to_string().ends_with(TEMPORARY))
    );
    for (path, _) in world.disk.files() {
        SnapshotReader::open(&*world.disk, &path)
            .unwrap()
            .verify()
            .unwrap();
    }
    world.check_all();
    world.catalog()
}

#[test]
fn a_power_cut_while_writing_leaves_the_old_catalog_or_the_new() {
    let (mut world, infos) = world_of_four(11);
    world.edit(40);
    let works: [Work<'_>; 2] = [&|world| world.try_full().map(drop), &|world| {
        world.try_incremental(&infos[3]).map(drop)
    }];
    for work in works {
        with_power_cuts(&world, work, |world, result| {
            let count = start(world).snapshots().len();
            assert!(
                count == 5 || (count == 4 && result.is_err()),
                "{count} {result:?}"
            );
            // Life goes on: with the same name, if that was not taken.
            let mut world = world.clone();
            world.full();
            assert_eq!(start(&world).snapshots().len(), count + 1);
        });
    }
}

#[test]
fn a_power_cut_in_an_empty_folder_is_harmless() {
    let mut world = World::new(12);
    world.edit(10);
    let work = |world: &mut World| world.try_full().map(drop);
    with_power_cuts(&world, work, |world, result| {
        let count = start(world).snapshots().len();
        assert!(count == 1 || (count == 0 && result.is_err()));
    });
}

fn consolidate_newest(world: &World) -> Result<(), SnapshotError> {
    let catalog = Catalog::open(world.disk.clone(), Path::new(DIR))?;
    let reader = ChainReader::open(&*world.disk, &first_chain(&catalog, Lsn::MAX), hash)?;
    consolidate(
        world.disk.clone(),
        Path::new(DIR),
        &reader,
        Compression::Lz4,
        || false,
    )
    .map(drop)
}

fn newest_is(world: &World, id: SnapshotId) {
    assert_eq!(first_chain(&world.catalog(), Lsn::MAX).newest().meta.id, id);
}

#[test]
fn a_power_cut_during_consolidation_and_removal_loses_no_state() {
    let (world, infos) = world_of_four(13);
    let newest = infos[3].meta.id;
    let work = |world: &mut World| {
        consolidate_newest(world)?;
        Catalog::open(world.disk.clone(), Path::new(DIR))?
            .retain(ONE_CHAIN)
            .map(drop)
    };
    with_power_cuts(&world, work, |world, result| {
        let mut catalog = start(world);
        newest_is(world, newest);
        assert!(result.is_err() || catalog.find(newest).unwrap().meta.is_full());
        catalog.retain(ONE_CHAIN).unwrap();
        world.disk.crash(1);
        start(world);
        newest_is(world, newest);
    });
}

#[test]
fn a_power_cut_during_removal_leaves_no_snapshot_without_its_base() {
    let (world, infos) = world_of_four(14);
    let work = |world: &mut World| {
        let mut catalog = Catalog::open(world.disk.clone(), Path::new(DIR))?;
        catalog.delete(infos[0].meta.id, Dependents::Remove).map(drop)
    };
    with_power_cuts(&world, work, |world, result| {
        // `start` loads each that is left.
        let left = start(world).snapshots().len();
        assert!(result.is_err() || left == 0);
    });
}

/// An error once, or from then on for all syncs; afterwards the disk works again.
#[test]
fn after_an_error_nothing_relies_on_what_was_written() {
    let (world, infos) = world_of_four(15);
    let base = infos.last().unwrap();
    let operations = {
        let world = copy(&world, 0);
        consolidate_newest(&world).unwrap();
        world.disk.counts().total()
    };
    for nth in 1..=operations {
        for on in [FaultOn::Any, FaultOn::Syncs] {
            for (lasting, full) in [(false, true), (false, false), (true, false)] {
                if lasting && on != FaultOn::Syncs {
                    continue;
                }
                let mut world = copy(&world, nth);
                let fault = Fault {
                    on,
                    nth,
                    kind: ErrorKind::Other,
                    lasting,
                };
                // The fault is for the writing, not for opening what is there.
                let chain = first_chain(&world.catalog(), Lsn::MAX);
                let reader = world.open(&chain);
                world.disk.inject(fault);
                let result = if full {
                    let folder = Path::new(DIR);
                    consolidate(world.disk.clone(), folder, &reader, Compression::Lz4, || false)
                } else {
                    world.edit(1);
                    world.try_incremental(base)
                };
                world.disk.clear_faults();
                let count = world.catalog().snapshots().len();
                assert_eq!(
                    count,
                    if result.is_ok() { 5 } else { 4 },
                    "{nth} {on:?} {result:?}"
                );
                let newest = result.map_or(base.meta.id, |info| info.meta.id);
                newest_is(&world, newest);
                world.catalog().retain(ONE_CHAIN).unwrap();
                world.disk.crash(nth);
                // A name that could not be made durable may have come back, of a newer state then.
                start(&world);
                assert!(world.catalog().find(newest).is_some());
            }
        }
    }
}

/// A process was killed after the rename and before the sync of the folder. The next one sees the name, and must make it
/// durable before it removes what it replaces.
#[test]
fn names_that_a_killed_process_left_are_made_durable_before_they_are_relied_upon() {
    let (world, infos) = world_of_four(16);
    let finished = copy(&world, 0);
    consolidate_newest(&finished).unwrap();
    let path = finished.catalog().find(infos[3].meta.id).unwrap().path.clone();
    for seed in 0..30 {
        let world = copy(&world, seed);
        put(&world.disk, &path, &finished.disk.read(&path).unwrap());
        world.disk.end_process();
        let mut catalog = world.catalog();
        world.disk.crash_after(seed % 10);
        let removed = catalog.retain(ONE_CHAIN);
        assert_eq!(removed.is_ok(), !world.disk.is_gone());
        world.disk.crash(seed);
        start(&world);
        newest_is(&world, infos[3].meta.id);
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_file() {
    let (mut world, _) = world_of_four(17);
    let used: u64 = world
        .disk
        .files()
        .iter()
        .map(|(_, len)| len.next_multiple_of(512))
        .sum();
    for room in [0, 512, 2048] {
        world.disk.set_capacity(Some(used + room));
        let error = world.try_full().unwrap_err();
        assert!(
            matches!(&error, SnapshotError::Io { source, .. } if source.kind() == ErrorKind::StorageFull),
            "{error}"
        );
        assert!(error.to_string().contains("fsnap.tmp"), "{error}");
        assert_eq!(world.disk.files().len(), 4);
    }
    world.disk.set_capacity(None);
    world.full();
    assert_eq!(start(&world).snapshots().len(), 5);
}

/// The wrong kind of file in the folder is nobody's business.
#[test]
fn other_files_are_left_alone() {
    let (world, _) = world_of_four(18);
    let folder = Path::new(DIR).join(crate::FOLDER);
    put(&world.disk, &folder.join("notes.txt"), b"mine");
    put(&world.disk, &folder.join("snapshot-1-2.fsnap"), b"");
    let mut catalog = world.catalog();
    assert_eq!((catalog.snapshots().len(), catalog.broken().len()), (4, 1));
    assert_eq!(catalog.broken()[0].lsn, Some(2));
    catalog.retain(ONE_CHAIN).unwrap();
    Catalog::remove_stale(&*world.disk, Path::new(DIR)).unwrap();
    assert_eq!(world.disk.files().len(), 6);
    let none: Arc<SimDisk> = Arc::new(SimDisk::new(0));
    assert!(none.open(&folder, OpenMode::Read).is_err());
    assert!(
        Catalog::open(none.clone(), Path::new(DIR))
            .unwrap()
            .snapshots()
            .is_empty()
    );
    Catalog::remove_stale(&*none, Path::new(DIR)).unwrap();
}
