//! What snapshots rely on: the table of the cut can be rebuilt while it changes, and an epoch's changes are all found.

mod common;

use std::collections::HashMap;

use common::{Random, hash, rounds};
use flashdb_table::{Change, Region, Remainder, Table};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Entry {
    key: u64,
    value: u64,
}

fn entry_hash(entry: &Entry) -> u64 {
    hash(&entry.key)
}

/// Changes one random key, announcing it to `capture` first.
fn change(
    table: &mut Table<Entry>,
    random: &mut Random,
    keys: u64,
    growing: bool,
    rest: &Remainder,
    capture: &mut impl FnMut(&Entry),
) {
    let key = random.below(keys);
    let hash = hash(&key);
    let present = table.find(hash, |e| e.key == key).is_some();
    let value = random.next();
    if !present && growing {
        table.before_change(hash, Change::Insert, rest, entry_hash, |_| (), &mut *capture);
        table.insert_unique(hash, Entry { key, value }, entry_hash);
    } else if present && (growing || random.below(4) == 0) {
        table.before_change(hash, Change::Update, rest, entry_hash, |_| (), &mut *capture);
        table.find_mut(hash, |e| e.key == key).expect("present").value = value;
    } else if present {
        table.before_change(hash, Change::Remove, rest, entry_hash, |_| (), &mut *capture);
        table.remove(hash, |e| e.key == key, entry_hash);
    }
    assert!(table.epoch() == 0 || table.bucket_changed(hash) || (!present && !growing));
}

fn changes(table: &mut Table<Entry>, random: &mut Random, keys: u64, growing: bool, count: u64) {
    for _ in 0..count {
        change(
            table,
            random,
            keys,
            growing,
            &Remainder::everything(),
            &mut |_| {},
        );
    }
}

/// Takes what `rest` holds while the table changes: each entry once.
fn snapshot(
    table: &mut Table<Entry>,
    random: &mut Random,
    keys: u64,
    mut rest: Remainder,
) -> HashMap<u64, Entry> {
    let mut taken = HashMap::new();
    let mut take = |entry: &Entry| assert_eq!(taken.insert(entry.key, *entry), None, "taken once");
    loop {
        let growing = random.below(2) == 0;
        for _ in 0..random.below(keys / 8 + 3) {
            change(table, random, keys, growing, &rest, &mut take);
        }
        if !table.walk(&mut rest, entry_hash, |_| (), &mut take) {
            break;
        }
    }
    for _ in 0..keys {
        change(table, random, keys, true, &rest, &mut |_| {
            panic!("everything was passed")
        });
    }
    taken
}

fn contents(table: &Table<Entry>) -> HashMap<u64, Entry> {
    table.iter().map(|e| (e.key, *e)).collect()
}

#[test]
fn a_walk_with_captured_changes_gives_the_table_of_the_cut() {
    for seed in 0..rounds(20).max(2) {
        let mut random = Random(seed);
        let keys = [5, 20, 200, 2000, 6000][(seed % 5) as usize] / if cfg!(miri) { 20 } else { 1 } + 2;
        let mut table = Table::with_segment_buckets(33 + (seed % 31) as usize);
        table.set_epoch(seed % 3);
        changes(&mut table, &mut random, keys, true, keys);
        table.set_epoch(100);
        let at_cut = contents(&table);
        let taken = snapshot(&mut table, &mut random, keys, Remainder::everything());
        assert_eq!(taken, at_cut, "seed {seed}");
        table.validate(entry_hash);
    }
}

#[test]
fn a_chain_of_incremental_snapshots_gives_the_table_of_each_cut() {
    for seed in 0..rounds(16).max(2) {
        let mut random = Random(seed);
        let keys = [5, 50, 1000, 10_000][(seed % 4) as usize] / if cfg!(miri) { 20 } else { 1 } + 2;
        let mut table = Table::new();
        let mut replica: HashMap<u64, Entry> = HashMap::new();
        table.set_epoch(1);
        for epoch in 1..8 {
            let growing = epoch % 3 != 0;
            let count = if epoch % 2 == 0 { 3 } else { keys };
            changes(&mut table, &mut random, keys, growing, count);
            if epoch == 6 && seed % 3 == 0 {
                table.clear();
            }
            let at_cut = contents(&table);
            let regions = table.changed_regions(epoch);
            table.set_epoch(epoch + 1);
            let taken = snapshot(&mut table, &mut random, keys, Remainder::of(regions.clone()));
            replica.retain(|key, _| !regions.contains(hash(key)));
            for (key, entry) in taken {
                assert!(regions.contains(hash(&key)));
                assert!(replica.insert(key, entry).is_none());
            }
            assert_eq!(replica, at_cut, "seed {seed}, epoch {epoch}");
        }
    }
}

#[test]
fn regions_are_small_disjoint_and_complete() {
    let keys = if cfg!(miri) { 200 } else { 10_000 };
    let mut random = Random(5);
    let mut table = Table::new();
    table.set_epoch(1);
    changes(&mut table, &mut random, keys, true, keys);
    table.set_epoch(2);
    assert!(table.changed_regions(2).is_empty());
    changes(&mut table, &mut random, keys, true, 3);
    let regions = table.changed_regions(2);
    let listed: Vec<Region> = regions.iter().collect();
    for entry in &table {
        let count = listed
            .iter()
            .filter(|region| region.contains(entry_hash(entry)))
            .count();
        assert_eq!(count, usize::from(regions.contains(entry_hash(entry))));
        assert_eq!(
            regions.contains(entry_hash(entry)),
            table.bucket_changed(entry_hash(entry))
        );
    }
    let covered = table
        .iter()
        .filter(|entry| regions.contains(entry_hash(entry)))
        .count();
    assert!(covered > 0 && (cfg!(miri) || covered * 20 < table.len()));
    for region in listed {
        assert_eq!(Region::new(region.prefixes(), region.positions()), Some(region));
    }
}

#[test]
fn nothing_is_recorded_in_epoch_zero() {
    let mut table = Table::new();
    assert_eq!(table.epoch(), 0);
    table.insert_unique(hash(&1), 1u64, hash);
    assert!(!table.bucket_changed(hash(&1)));
    let rest = Remainder::everything();
    table.before_change(
        hash(&1),
        Change::Update,
        &rest,
        hash,
        |_| (),
        |_| panic!("no epoch, no capture"),
    );
    table.set_epoch(1);
    assert!(table.find_mut_unmarked(hash(&1), |&v| v == 1).is_some());
    assert!(!table.bucket_changed(hash(&1)));
    assert!(table.find_mut(hash(&1), |&v| v == 1).is_some());
    assert!(table.bucket_changed(hash(&1)));
    table.set_epoch(2);
    assert!(!table.bucket_changed(hash(&1)));
}
