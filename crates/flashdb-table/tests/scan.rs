//! The guarantee of SCAN: what is there during the whole scan is visited exactly once, however the table changes.

mod common;

use std::collections::{HashMap, HashSet};

use common::{Random, hash, rounds};
use flashdb_table::{Table, scan_passed};

fn insert(table: &mut Table<u64>, value: u64) {
    table.insert_unique(hash(&value), value, hash);
}

fn remove(table: &mut Table<u64>, value: u64) {
    assert_eq!(table.remove(hash(&value), |&v| v == value, hash), Some(value));
}

/// Scans a table of `stable` values while `before_step` changes others, and checks the guarantee.
fn check(
    table: &mut Table<u64>,
    stable: &HashSet<u64>,
    mut before_step: impl FnMut(&mut Table<u64>, u64),
) -> u64 {
    let mut visits: HashMap<u64, u64> = HashMap::new();
    let mut cursor = 0;
    let mut steps = 0;
    loop {
        before_step(table, steps);
        let start = cursor;
        cursor = table.scan(cursor, hash, |&value| {
            assert!(
                !scan_passed(start, hash(&value)),
                "visits only what it has not passed"
            );
            assert!(cursor_is_past(&start, value), "in order");
            *visits.entry(value).or_default() += 1;
        });
        assert!(cursor < 1 << 40);
        assert!(cursor == 0 || cursor > start, "always forward");
        if cursor != 0 {
            for &value in stable.iter().take(50) {
                assert_eq!(scan_passed(cursor, hash(&value)), visits.contains_key(&value));
            }
        }
        steps += 1;
        if cursor == 0 {
            break;
        }
    }
    for value in stable {
        assert_eq!(visits.get(value), Some(&1), "visited exactly once");
    }
    steps
}

fn cursor_is_past(start: &u64, value: u64) -> bool {
    !scan_passed(*start, hash(&value))
}

#[test]
fn visits_a_table_at_rest_exactly_once() {
    for count in [0, 1, 4, 14, 15, 100, 800, 3000, rounds(20_000)] {
        let mut table = Table::with_segment_buckets(32 + (count % 33) as usize);
        (0..count).for_each(|value| insert(&mut table, value));
        let steps = check(&mut table, &(0..count).collect(), |_, _| {});
        assert!(steps <= count / 4 + 130, "{steps} steps for {count} entries");
    }
}

#[test]
fn misses_and_repeats_nothing_while_the_table_grows_and_shrinks() {
    for seed in 0..rounds(28).max(2) {
        let mut random = Random(seed);
        let size = [0, 3, 12, 60, 400, 2500, 6000][(seed % 7) as usize] / if cfg!(miri) { 50 } else { 1 };
        let mut table = Table::with_segment_buckets(32 + random.below(33) as usize);
        let stable: HashSet<u64> = (0..1 + size / 4).collect();
        stable.iter().for_each(|&value| insert(&mut table, value));
        let mut others: Vec<u64> = (1_000_000..1_000_000 + size).collect();
        others.iter().for_each(|&value| insert(&mut table, value));
        let mut next = 2_000_000;
        let mut growing = seed % 2 == 0;
        check(&mut table, &stable, |table, _| {
            if random.below(20) == 0 {
                growing = !growing;
            }
            // Large strides, so that a scan sees several splits or merges.
            for _ in 0..random.below(size / 10 + 5) {
                if growing && others.len() < 12_000 {
                    insert(table, next);
                    others.push(next);
                    next += 1;
                } else if !others.is_empty() {
                    let at = random.below(others.len() as u64) as usize;
                    remove(table, others.swap_remove(at));
                }
            }
        });
        table.validate(hash);
    }
}

#[test]
fn survives_growing_from_one_bucket_and_shrinking_back() {
    let mut table = Table::new();
    let stable: HashSet<u64> = (0..10).collect();
    stable.iter().for_each(|&value| insert(&mut table, value));
    let count = rounds(10_000);
    check(&mut table, &stable, |table, step| match step {
        1 => (1000..1000 + count).for_each(|value| insert(table, value)),
        40 => (1000..1000 + count).for_each(|value| remove(table, value)),
        41 => (1000..1000 + count).for_each(|value| insert(table, value)),
        _ => {}
    });
    let all: HashSet<u64> = stable.iter().copied().chain(1000..1000 + count).collect();
    let table_len = table.len();
    if table_len == all.len() {
        check(&mut table, &stable, |table, step| {
            if step == 30 {
                (1000..1000 + count).for_each(|value| remove(table, value));
            }
        });
    }
    table.validate(hash);
}

#[test]
fn made_up_cursors_do_no_harm() {
    let mut table = Table::new();
    (0..5000).for_each(|value| insert(&mut table, value));
    let mut random = Random(3);
    for _ in 0..rounds(20_000) {
        let cursor = random.next() >> random.below(64);
        let next = table.scan(cursor, hash, |_| {});
        assert!(next == 0 || next > cursor);
    }
    assert_eq!(table.scan(u64::MAX, hash, |_| panic!("nothing is there")), 0);
    assert_eq!(
        Table::<u64>::new().scan(1 << 30, hash, |_| panic!("nothing is there")),
        0
    );
}

#[test]
fn equal_hashes_are_one_step() {
    let mut table = Table::new();
    for value in 0..1000u64 {
        table.insert_unique(77 << 40, value, |_: &u64| 77 << 40);
    }
    let mut seen = HashSet::new();
    let mut cursor = 0;
    loop {
        cursor = table.scan(cursor, |_| 77 << 40, |&value| assert!(seen.insert(value)));
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(seen.len(), 1000);
}
