//! Chains, catalog, retention and consolidation against the model of `test_world`: every state that the catalog offers must
//! be the one that was cut.

use std::collections::BTreeSet;
use std::path::Path;

use flashdb_disk::Disk;

use crate::meta::test_meta;
use crate::test_disk::{content, put};
use crate::test_world::{DATABASES, DIR, World, first_chain, hash, load, world_of_four};
use crate::{
    Base, Catalog, ChainReader, Compression, Dependents, Held, HistoryId, Lsn, Rejection, Retention,
    SnapshotError, SnapshotId, SnapshotInfo, SnapshotMeta, SnapshotReader, can_build_on, consolidate,
    load_order,
};

#[test]
fn every_state_comes_back_through_edits_consolidation_and_removal() {
    for seed in 0..4 {
        let mut world = World::new(seed);
        let mut last: Option<SnapshotInfo> = None;
        for _ in 0..16 {
            let edits = world.prng.below(200);
            world.edit(edits);
            let base = match world.prng.below(8) {
                0 => None,
                // A branch: another way on from some earlier state.
                1 => {
                    let catalog = world.catalog();
                    let index = world.prng.below(catalog.snapshots().len().max(1) as u64) as usize;
                    catalog.snapshots().get(index).cloned()
                }
                _ => last.filter(|info| world.catalog().find(info.meta.id).is_some()),
            };
            last = Some(match base {
                Some(base) => world.incremental(&base),
                None => world.full(),
            });
            let catalog = world.catalog();
            let index = world.prng.below(catalog.snapshots().len() as u64) as usize;
            let some = catalog.snapshots()[index].clone();
            match world.prng.below(8) {
                0..3 => consolidate_at(&world, some.meta.lsn),
                3 => drop(world.catalog().delete(some.meta.id, Dependents::Remove).unwrap()),
                4 => {
                    let chains = world.prng.below(3) as usize;
                    let reach_back_to = (world.prng.below(2) == 0).then_some(some.meta.lsn);
                    retain(
                        &world,
                        Retention {
                            chains,
                            reach_back_to,
                        },
                    );
                }
                _ => {}
            }
            world.check_all();
        }
    }
}

fn consolidate_at(world: &World, target: Lsn) {
    let chain = first_chain(&world.catalog(), target);
    let count = world.catalog().snapshots().len();
    let reader = world.open(&chain);
    let compression = Compression::Zstd { level: 1 };
    let info = consolidate(world.disk.clone(), Path::new(DIR), &reader, compression, || false).unwrap();
    assert!(info.meta.is_full());
    assert_eq!(
        (info.meta.id, info.meta.lsn),
        (chain.newest().meta.id, chain.lsn())
    );
    let catalog = world.catalog();
    assert_eq!(catalog.find(info.meta.id).unwrap().path, info.path);
    let added = usize::from(chain.files().len() > 1);
    assert_eq!(catalog.snapshots().len(), count + added);
    world.check_chain(&first_chain(&world.catalog(), target));
    // A reader that was opened before still has the old file.
    assert_eq!(load(&reader).unwrap(), world.cuts[&info.meta.id]);
}

fn retain(world: &World, retention: Retention) {
    let before = world.catalog();
    let kept: Vec<_> = before
        .snapshots()
        .iter()
        .filter(|info| info.meta.kept)
        .map(|info| info.meta.id)
        .collect();
    let mut catalog = world.catalog();
    catalog.retain(retention).unwrap();
    let after = world.catalog();
    let ids = |catalog: &Catalog| {
        catalog
            .snapshots()
            .iter()
            .map(|info| info.meta.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&catalog), ids(&after));
    assert!(
        kept.iter().all(|&id| after.find(id).is_some()),
        "what was made by hand stays"
    );
    assert_eq!(ids(&before)[0], ids(&after)[0], "the newest stays");
    if let Some(lsn) = retention.reach_back_to {
        let reaches = |catalog: &Catalog| {
            load_order(catalog, lsn, None)
                .iter()
                .any(|candidate| candidate.chain.is_ok())
        };
        assert_eq!(reaches(&before), reaches(&after));
    }
    assert!(catalog.retain(retention).unwrap().is_empty(), "once is enough");
}

#[test]
fn retention_keeps_the_newest_chains_and_what_was_made_by_hand() {
    let mut world = World::new(77);
    let mut infos = Vec::new();
    let mut names = Vec::new();
    // F: full, i: incremental on the one before, K and k: kept.
    for kind in "FiFkiKFiFi".chars() {
        world.edit(50);
        let base = infos.last().filter(|_| kind.is_lowercase());
        let base = base.map(|info: &SnapshotInfo| Base {
            id: info.meta.id,
            lsn: info.meta.lsn,
        });
        let mut meta = world.meta(base);
        meta.kept = kind.eq_ignore_ascii_case(&'k');
        let everything = if base.is_some() {
            (0..DATABASES).collect()
        } else {
            BTreeSet::new()
        };
        infos.push(world.write(meta, &[], &everything));
        names.push(kind);
    }
    let left = |world: &World| -> Vec<usize> {
        let catalog = world.catalog();
        (0..infos.len())
            .filter(|&index| catalog.find(infos[index].meta.id).is_some())
            .collect()
    };
    let keep = |chains, reach_back_to| {
        drop(
            world
                .catalog()
                .retain(Retention {
                    chains,
                    reach_back_to,
                })
                .unwrap(),
        )
    };
    keep(4, None);
    assert_eq!(
        left(&world),
        (0..10).collect::<Vec<_>>(),
        "four chains, and one by hand that does not count"
    );
    keep(3, Some(infos[1].meta.lsn));
    assert_eq!(
        left(&world),
        (0..10).collect::<Vec<_>>(),
        "the first reaches back"
    );
    keep(3, None);
    assert_eq!(left(&world), [2, 3, 4, 5, 6, 7, 8, 9]);
    keep(0, None);
    assert_eq!(left(&world), [2, 3, 5, 8, 9], "with what the kept one builds on");
    world.check_all();
}

/// F: full, t: full and temporary; oldest first.
fn world_of_fulls(kinds: &str) -> (World, Vec<SnapshotInfo>, Held) {
    let mut world = World::new(78);
    let mut held = Held::default();
    let infos: Vec<SnapshotInfo> = kinds
        .chars()
        .map(|kind| {
            world.edit(5);
            let mut meta = world.meta(None);
            meta.kept = false;
            if kind == 't' {
                held.temporary.insert(meta.id);
            }
            world.write(meta, &[], &BTreeSet::new())
        })
        .collect();
    (world, infos, held)
}

#[test]
fn temporary_snapshots_push_out_no_others() {
    for (kinds, chains, left) in [
        ("FFt", 2, "FFt"),
        ("FFtt", 2, "FFt"),
        ("FtFt", 2, "FFt"),
        ("FtF", 2, "FtF"),
        ("FtF", 1, "F"),
        ("FtFF", 2, "FF"),
        ("tttt", 2, "t"),
    ] {
        let (world, infos, held) = world_of_fulls(kinds);
        let retention = Retention {
            chains,
            reach_back_to: None,
        };
        let mut catalog = world.catalog();
        catalog.retain_with(retention, &held).unwrap();
        let after: String = infos
            .iter()
            .zip(kinds.chars())
            .filter(|(info, _)| catalog.find(info.meta.id).is_some())
            .map(|(_, kind)| kind)
            .collect();
        assert_eq!(after, left, "{kinds}");
        let newest = infos.last().map(|info| info.path.clone());
        assert_eq!(catalog.snapshots().first().map(|info| info.path.clone()), newest);
    }
}

#[test]
fn what_is_held_stays_with_what_it_builds_on() {
    let (mut world, mut infos) = world_of_four(79);
    let mut held = Held::default();
    held.files.insert(infos[1].path.clone());
    held.ids.insert(infos[2].meta.id);
    world.edit(5);
    infos.push(world.full());
    let retention = Retention {
        chains: 1,
        reach_back_to: None,
    };
    let mut catalog = world.catalog();
    catalog.retain_with(retention, &held).unwrap();
    let stays = |info: &SnapshotInfo| catalog.find(info.meta.id).is_some();
    assert!(
        infos
            .iter()
            .enumerate()
            .all(|(index, info)| stays(info) == (index != 3) || info.meta.kept)
    );
    world.check_all();
}

#[test]
fn a_snapshot_that_others_build_on_is_not_removed_alone() {
    let (world, infos) = world_of_four(1);
    let mut catalog = world.catalog();
    let refused = catalog.delete(infos[1].meta.id, Dependents::Refuse).unwrap_err();
    assert!(
        matches!(refused, SnapshotError::InUse { dependents: 2, .. }),
        "{refused}"
    );
    let removed = catalog.delete(infos[1].meta.id, Dependents::Remove).unwrap();
    let expected: Vec<_> = infos[1..].iter().rev().map(|info| info.path.clone()).collect();
    assert_eq!(removed, expected, "newest first");
    assert_eq!(catalog.snapshots().len(), 1);
    catalog.delete(infos[0].meta.id, Dependents::Refuse).unwrap();
    assert!(world.catalog().snapshots().is_empty());
    assert!(matches!(
        catalog.delete(infos[0].meta.id, Dependents::Refuse),
        Err(SnapshotError::Unknown(_))
    ));
}

/// Two snapshots of one state are possible: retention may prefer the other to the one that the next was to build on.
#[test]
fn what_was_removed_is_nothing_to_build_on() {
    let (world, infos) = world_of_four(7);
    let history = infos[0].meta.history;
    let base = |info: &SnapshotInfo| Base {
        id: info.meta.id,
        lsn: info.meta.lsn,
    };
    for info in &infos {
        assert!(can_build_on(&world.catalog(), base(info), history));
        assert!(!can_build_on(&world.catalog(), base(info), HistoryId([0xee; 16])));
    }
    let full = infos.iter().find(|info| info.meta.is_full()).expect("a full one");
    Disk::remove(&*world.disk, &full.path).unwrap();
    for info in &infos {
        let stands = first_chain_holds(&world, info);
        assert_eq!(can_build_on(&world.catalog(), base(info), history), stands);
    }
    assert!(!can_build_on(&world.catalog(), base(full), history));
}

fn first_chain_holds(world: &World, info: &SnapshotInfo) -> bool {
    let candidates = load_order(&world.catalog(), info.meta.lsn, None);
    candidates
        .into_iter()
        .any(|candidate| candidate.path == info.path && candidate.chain.is_ok())
}

#[test]
fn labels_are_found_and_stale_files_removed() {
    let mut world = World::new(2);
    for label in ["", "a", "b", "a"] {
        world.edit(10);
        let meta = SnapshotMeta {
            label: label.to_owned(),
            ..world.meta(None)
        };
        world.write(meta, &[], &BTreeSet::new());
    }
    let catalog = world.catalog();
    assert_eq!(catalog.find_label("a").unwrap().meta.lsn, 40);
    assert_eq!(catalog.find_label("b").unwrap().meta.lsn, 30);
    assert!(catalog.find_label("").is_none() && catalog.find_label("c").is_none());
    let stale = Path::new("/d/snapshots/snapshot-1-1.fsnap.tmp");
    put(&world.disk, stale, b"half");
    assert_eq!(world.catalog().snapshots().len(), 4);
    assert_eq!(
        Catalog::remove_stale(&*world.disk, Path::new(DIR)).unwrap(),
        [stale]
    );
    assert!(
        Catalog::remove_stale(&*world.disk, Path::new(DIR))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn candidates_come_in_order_with_reasons() {
    let (world, infos) = world_of_four(3);
    let history = Some(test_meta().history);
    let good = content(&world.disk, &infos[2].path);
    let mut bad = good.clone();
    bad[20] ^= 1;
    put(&world.disk, &infos[2].path, &bad);
    let candidates = load_order(&world.catalog(), Lsn::MAX, history);
    let lengths: Vec<_> = candidates
        .iter()
        .map(|of| of.chain.as_ref().map(|chain| chain.files().len()))
        .collect();
    assert_eq!(lengths[0], Err(&Rejection::BaseMissing(infos[2].meta.id)));
    assert!(
        matches!(lengths[1], Err(Rejection::Broken(text)) if text.contains("offset 0") && text.contains("fsnap"))
    );
    assert_eq!(lengths[2..], [Ok(2), Ok(1)]);
    let lsns: Vec<_> = candidates.iter().map(|of| of.lsn).collect();
    assert_eq!(
        lsns,
        infos
            .iter()
            .rev()
            .map(|info| Some(info.meta.lsn))
            .collect::<Vec<_>>()
    );

    let until = load_order(&world.catalog(), infos[1].meta.lsn, history);
    assert_eq!(until.len(), 2);
    assert!(load_order(&world.catalog(), infos[0].meta.lsn - 1, history).is_empty());
    let other = load_order(&world.catalog(), Lsn::MAX, Some(HistoryId([1; 16])));
    let foreign = |of: &&crate::Candidate| matches!(of.chain, Err(Rejection::OtherHistory(_)));
    assert_eq!(other.iter().filter(foreign).count(), 3);
    put(&world.disk, &infos[2].path, &good);
    world.check_all();
}

/// Two files with LSNs alike that claim to build on each other: made by hand, with right checksums.
#[test]
fn a_circle_is_rejected() {
    let mut world = World::new(4);
    let (a, b) = (SnapshotId([1; 16]), SnapshotId([2; 16]));
    for (id, base) in [(a, b), (b, a)] {
        let meta = SnapshotMeta {
            id,
            ..world.meta(Some(Base { id: base, lsn: 0 }))
        };
        world.write(meta, &[], &BTreeSet::new());
    }
    let candidates = load_order(&world.catalog(), Lsn::MAX, None);
    assert_eq!(candidates.len(), 2);
    assert!(
        candidates
            .iter()
            .all(|of| matches!(of.chain, Err(Rejection::BaseMissing(_))))
    );
    assert_eq!(world.catalog().dependents(a).len(), 1);
    assert_eq!(world.catalog().delete(a, Dependents::Remove).unwrap().len(), 2);
}

#[test]
fn bases_of_another_history_or_shape_are_rejected() {
    let mut world = World::new(5);
    let full = world.full();
    let base = Some(Base {
        id: full.meta.id,
        lsn: full.meta.lsn,
    });
    for other in [
        SnapshotMeta {
            shards: 5,
            ..world.meta(base)
        },
        SnapshotMeta {
            history: HistoryId([8; 16]),
            ..world.meta(base)
        },
    ] {
        let info = world.write(other, &[], &BTreeSet::new());
        let candidates = load_order(&world.catalog(), Lsn::MAX, None);
        let found = candidates.iter().find(|of| of.path == info.path).unwrap();
        assert_eq!(
            found.chain.as_ref().unwrap_err(),
            &Rejection::BaseUnlike(full.path.clone())
        );
    }
}

/// The wrong hash, for one, would silently bring back what was deleted.
#[test]
fn entries_outside_of_the_regions_are_damage() {
    let (world, _) = world_of_four(6);
    let chain = first_chain(&world.catalog(), Lsn::MAX);
    let other_hash = |seed: &[u8], key: &[u8]| !hash(seed, key);
    let reader = ChainReader::open(&*world.disk, &chain, other_hash).unwrap();
    let error = load(&reader).unwrap_err();
    assert!(matches!(error, SnapshotError::Damaged { .. }), "{error}");
}

#[test]
fn consolidation_stops_on_request_and_leaves_nothing() {
    let (world, infos) = world_of_four(7);
    let reader = world.open(&first_chain(&world.catalog(), Lsn::MAX));
    let files = world.disk.files().len();
    let mut asked = 0;
    for stop_at in 0.. {
        asked = 0;
        let should_stop = || {
            asked += 1;
            asked > stop_at
        };
        match consolidate(
            world.disk.clone(),
            Path::new(DIR),
            &reader,
            Compression::Lz4,
            should_stop,
        ) {
            Err(SnapshotError::Stopped) => {
                assert_eq!(world.disk.files().len(), files);
                let newest = SnapshotReader::open(&*world.disk, &infos[3].path).unwrap();
                assert!(!newest.meta().is_full());
            }
            result => {
                assert!(result.unwrap().meta.is_full());
                break;
            }
        }
    }
    assert!(asked > 10, "it is asked often: {asked}");
    world.check_all();
}

#[test]
fn a_damaged_block_stops_consolidation() {
    let (world, infos) = world_of_four(8);
    let mut bad = content(&world.disk, &infos[0].path);
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    put(&world.disk, &infos[0].path, &bad);
    let reader = world.open(&first_chain(&world.catalog(), Lsn::MAX));
    let result = consolidate(
        world.disk.clone(),
        Path::new(DIR),
        &reader,
        Compression::Lz4,
        || false,
    );
    assert!(matches!(result, Err(SnapshotError::Damaged { path, .. }) if path == infos[0].path));
    assert_eq!(world.disk.files().len(), 4);
}

#[test]
fn a_file_that_was_replaced_is_noticed() {
    let (world, infos) = world_of_four(9);
    let chain = first_chain(&world.catalog(), Lsn::MAX);
    // Consolidated in the meantime: the chain is shorter, the state the same.
    consolidate_at(&world, Lsn::MAX);
    world.check_chain(&chain);
    let mut catalog = world.catalog();
    catalog.delete(infos[3].meta.id, Dependents::Refuse).unwrap();
    assert!(ChainReader::open(&*world.disk, &chain, hash).is_err());
}
