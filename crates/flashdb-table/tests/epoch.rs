//! What snapshots rely on: the table of the cut can be rebuilt while it changes, and an epoch's changes are all found.

mod common;

use std::collections::{HashMap, HashSet};

use common::{Random, hash, rounds};
use flashdb_table::{Change, Table, scan_passed};

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
    capture: &mut impl FnMut(&Entry),
) {
    let key = random.below(keys);
    let hash = hash(&key);
    let present = table.find(hash, |e| e.key == key).is_some();
    let value = random.next();
    if !present && growing {
        table.before_change(hash, Change::Insert, entry_hash, capture);
        table.insert_unique(hash, Entry { key, value }, entry_hash);
    } else if present && (growing || random.below(4) == 0) {
        table.before_change(hash, Change::Update, entry_hash, capture);
        table.find_mut(hash, |e| e.key == key).expect("present").value = value;
    } else if present {
        table.before_change(hash, Change::Remove, entry_hash, capture);
        table.remove(hash, |e| e.key == key, entry_hash);
    }
    assert!(table.epoch() == 0 || table.bucket_changed(hash) || (!present && !growing));
}

#[test]
fn a_walk_with_captured_changes_gives_the_table_of_the_cut() {
    for seed in 0..rounds(20).max(2) {
        let mut random = Random(seed);
        let keys = [5, 20, 200, 2000, 6000][(seed % 5) as usize] / if cfg!(miri) { 20 } else { 1 } + 2;
        let mut table = Table::with_segment_buckets(33 + (seed % 31) as usize);
        table.set_epoch(seed % 3);
        for _ in 0..keys {
            change(&mut table, &mut random, keys, true, &mut |_| {});
        }
        table.set_epoch(100);
        let at_cut: HashMap<u64, Entry> = table.iter().map(|e| (e.key, *e)).collect();
        let mut snapshot = HashMap::new();
        let mut cursor = 0;
        loop {
            let growing = random.below(2) == 0;
            for _ in 0..random.below(keys / 8 + 3) {
                change(&mut table, &mut random, keys, growing, &mut |entry| {
                    if !scan_passed(cursor, entry_hash(entry)) {
                        assert_eq!(snapshot.insert(entry.key, *entry), None, "captured once");
                    }
                });
            }
            cursor = table.scan(cursor, entry_hash, |entry| {
                if !table.bucket_changed(entry_hash(entry)) {
                    assert_eq!(snapshot.insert(entry.key, *entry), None, "captured once");
                }
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(snapshot, at_cut, "seed {seed}");
        table.validate(entry_hash);
    }
}

#[test]
fn changed_regions_turn_the_last_state_into_the_present_one() {
    for seed in 0..rounds(12).max(2) {
        let mut random = Random(seed);
        let keys = [5, 50, 1000, 10_000][(seed % 4) as usize] / if cfg!(miri) { 20 } else { 1 } + 2;
        let mut table = Table::new();
        let mut replica: HashMap<u64, Entry> = HashMap::new();
        for epoch in 1..8 {
            table.set_epoch(epoch);
            let growing = epoch % 3 != 0;
            for _ in 0..if epoch % 2 == 0 { 3 } else { keys } {
                change(&mut table, &mut random, keys, growing, &mut |_| {});
            }
            if epoch == 6 && seed % 3 == 0 {
                table.clear();
            }
            let mut changed = HashSet::new();
            table.for_each_changed(entry_hash, |region, entries| {
                replica.retain(|key, _| !region.contains(hash(key)));
                for &&entry in entries {
                    assert!(region.contains(entry_hash(&entry)));
                    assert!(changed.insert(entry), "regions do not overlap");
                    replica.insert(entry.key, entry);
                }
            });
            let present: HashMap<u64, Entry> = table.iter().map(|e| (e.key, *e)).collect();
            assert_eq!(replica, present, "seed {seed}, epoch {epoch}");
            if epoch % 2 == 0 && keys > 9000 && !table.is_empty() {
                assert!(changed.len() * 4 < table.len(), "a few changes touch few buckets");
            }
        }
    }
}

#[test]
fn nothing_is_recorded_in_epoch_zero() {
    let mut table = Table::new();
    assert_eq!(table.epoch(), 0);
    table.insert_unique(hash(&1), 1u64, hash);
    assert!(!table.bucket_changed(hash(&1)));
    table.before_change(hash(&1), Change::Update, hash, |_| panic!("no epoch, no capture"));
    table.for_each_changed(hash, |_, _| panic!("no epoch, no changes"));
    table.set_epoch(1);
    assert!(!table.bucket_changed(hash(&1)));
    assert!(table.find_mut(hash(&1), |&v| v == 1).is_some());
    assert!(table.bucket_changed(hash(&1)));
    table.set_epoch(2);
    assert!(!table.bucket_changed(hash(&1)));
}
