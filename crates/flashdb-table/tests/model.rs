//! The table against std's `HashMap` under random operations, with the whole invariant checked along the way.

mod common;

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::{Counted, Random, hash, mix, rounds};
use flashdb_table::Table;

/// A value that is not of 8 bytes, with a key and something to change.
#[derive(Clone, Debug, PartialEq)]
struct Pair {
    key: u64,
    value: Box<u64>,
    extra: u32,
}

fn pair_hash(pair: &Pair) -> u64 {
    hash(&pair.key)
}

/// Runs operations whose mix drifts between growing and shrinking; `hash_of` may be as bad as it likes. `buckets` 0 stands
/// for a table on its own, which grows in smaller steps.
fn run(seed: u64, keys: u64, operations: u64, buckets: usize, hash_of: fn(u64) -> u64) {
    let mut random = Random(seed);
    let mut table: Table<Pair> = match buckets {
        0 => Table::new(),
        _ => Table::with_segment_buckets(buckets),
    };
    let mut model: HashMap<u64, Pair> = HashMap::new();
    let hasher = |pair: &Pair| hash_of(pair.key);
    for step in 0..operations {
        let key = random.below(keys);
        let growing = (step / (operations / 6).max(1)).is_multiple_of(2);
        let choice = random.below(100);
        if choice < if growing { 60 } else { 15 } {
            let pair = Pair {
                key,
                value: Box::new(random.next()),
                extra: step as u32,
            };
            if random.below(2) == 0 {
                let was = model.get(&key).cloned();
                let make = || pair.clone();
                let found = table.find_mut_or_insert(hash_of(key), |p| p.key == key, make, hasher);
                assert_eq!(found, was.as_ref().unwrap_or(&pair));
                *found = pair.clone();
            } else {
                match table.find_mut(hash_of(key), |p| p.key == key) {
                    Some(found) => *found = pair.clone(),
                    None => assert_eq!(*table.insert_unique(hash_of(key), pair.clone(), hasher), pair),
                }
            }
            model.insert(key, pair);
        } else if choice < 80 {
            assert_eq!(
                table.remove(hash_of(key), |p| p.key == key, hasher),
                model.remove(&key)
            );
        } else {
            assert_eq!(table.find(hash_of(key), |p| p.key == key), model.get(&key));
        }
        assert_eq!(table.len(), model.len());
        if step % (operations / 40).max(1) == 0 {
            table.validate(hasher);
        }
    }
    table.validate(hasher);
    let mut seen: Vec<_> = table.iter().cloned().collect();
    seen.sort_by_key(|p| p.key);
    let mut expected: Vec<_> = model.values().cloned().collect();
    expected.sort_by_key(|p| p.key);
    assert_eq!(seen, expected);
    assert_eq!(table.iter().len(), model.len());
    for key in 0..keys {
        let removed = table.remove(hash_of(key), |p| p.key == key, hasher);
        assert_eq!(removed, model.remove(&key));
    }
    table.validate(hasher);
    assert_eq!(table.memory_bytes(), 0);
}

#[test]
fn agrees_with_the_model_at_all_sizes() {
    for (seed, keys) in [(1, 3), (2, 10), (3, 30), (4, 100), (5, 300), (6, 1000), (7, 5000)] {
        run(seed, rounds(keys).max(3), rounds(keys * 12 + 2000), 63, |key| {
            hash(&key)
        });
    }
    run(8, rounds(40_000), rounds(160_000), 32, |key| hash(&key));
    run(10, rounds(40_000), rounds(160_000), 0, |key| hash(&key));
    run(9, rounds(40_000), rounds(160_000), 64, |key| hash(&key));
}

#[test]
fn agrees_with_the_model_under_bad_hashes() {
    // All equal; equal positions; equal prefixes; two hashes only; fingerprints only.
    let hashes: [fn(u64) -> u64; 6] = [
        |_| 0,
        |_| u64::MAX,
        |key| mix(key) << 32,
        |key| mix(key) >> 24,
        |key| if key % 2 == 0 { 0 } else { u64::MAX },
        |key| (mix(key) & 0xFF) << 32,
    ];
    for (seed, hash_of) in hashes.into_iter().enumerate() {
        run(seed as u64, rounds(1500), rounds(20_000), 63, hash_of);
    }
}

#[test]
fn equal_hashes_cost_memory_in_proportion_and_no_directory() {
    let hasher = |_: &u64| 0xABCD_EF01_2345_6789;
    let mut table = Table::new();
    let count = rounds(20_000).max(1000);
    for value in 0..count {
        table.insert_unique(hasher(&value), value, hasher);
    }
    table.validate(hasher);
    let shape = table.shape();
    assert!(shape.directory_len as u64 <= 16 * (count / 441 + 1), "{shape:?}");
    assert!(
        table.memory_bytes() as u64 <= 40 * count + 20_000,
        "{} bytes, {shape:?}",
        table.memory_bytes()
    );
    for value in [0, 1, count / 2, count - 1] {
        assert_eq!(table.find(hasher(&value), |&v| v == value), Some(&value));
    }
    assert_eq!(table.find(hasher(&0), |&v| v == count), None);
    // From the end, where a long stash is cheap to take apart.
    for value in (0..count).rev() {
        assert_eq!(table.remove(hasher(&value), |&v| v == value, hasher), Some(value));
    }
    assert_eq!(table.memory_bytes(), 0);
}

#[test]
fn memory_comes_back_as_entries_leave() {
    let mut table = Table::new();
    let count = rounds(100_000);
    for value in 0..count {
        table.insert_unique(hash(&value), value, hash);
    }
    let full = table.memory_bytes();
    let mut order: Vec<u64> = (0..count).collect();
    order.sort_by_key(|&value| mix(value ^ 99));
    for (removed, &value) in order.iter().enumerate() {
        assert_eq!(table.remove(hash(&value), |&v| v == value, hash), Some(value));
        let left = count as usize - removed - 1;
        // A fill of 30 % at least, headers, the directory, and some slack for the very small.
        assert!(
            table.memory_bytes() <= left * 34 + 2000,
            "{} bytes for {left} entries",
            table.memory_bytes()
        );
    }
    assert!(full > 0);
    assert_eq!(table.memory_bytes(), 0);
    table.validate(hash);
}

#[test]
fn small_tables_are_small() {
    let mut table = Table::new();
    assert_eq!(table.memory_bytes(), 0);
    assert_eq!(table.find(hash(&1), |&v| v == 1), None);
    let limits = [(1, 112), (4, 192), (14, 320), (25, 448), (100, 1600)];
    for value in 0..100u64 {
        table.insert_unique(hash(&value), value, hash);
        for (len, bytes) in limits {
            assert!(
                table.len() > len || table.memory_bytes() <= bytes,
                "{} for {}",
                table.memory_bytes(),
                table.len()
            );
        }
        table.validate(hash);
    }
    table.clear();
    assert_eq!(
        (table.len(), table.memory_bytes(), table.allocations()),
        (0, 0, 0)
    );
    table.validate(hash);
}

#[test]
fn every_value_is_dropped_once() {
    let drops = Rc::new(Cell::new(0));
    let mut created = 0;
    let mut random = Random(17);
    for size in [0, 1, 5, 14, 15, 60, 900, rounds(5000)] {
        for way in 0..5 {
            let mut table = Table::new();
            for _ in 0..size {
                let key = random.next();
                table.insert_unique(hash(&key), Counted::new(key, &drops), Counted::hash);
                created += 1;
            }
            let half = table.len() / 2;
            match way {
                0 => drop(table),
                1 => table.clear(),
                2 => assert_eq!(table.into_iter().take(half).count(), half),
                3 => {
                    assert_eq!(table.drain().take(half).count(), half);
                    assert!(table.is_empty());
                }
                _ => {
                    let keys: Vec<u64> = table.iter().map(|v| v.key).collect();
                    for key in keys {
                        let removed = table.remove(hash(&key), |v| v.key == key, Counted::hash);
                        assert_eq!(removed.expect("present").key, key);
                    }
                }
            }
            assert_eq!(drops.get(), created, "way {way} of {size}");
        }
    }
}

#[test]
fn retain_keeps_exactly_what_it_is_told() {
    for (count, hash_of) in [
        (rounds(20_000), hash as fn(&u64) -> u64),
        (500, |_: &u64| 5),
        (3, hash),
        (0, hash),
    ] {
        for keep_one_in in [1, 2, 50, u64::MAX] {
            let drops = Rc::new(Cell::new(0));
            let hasher = |v: &Counted| hash_of(&v.key);
            let mut table = Table::new();
            for key in 0..count {
                table.insert_unique(hash_of(&key), Counted::new(key, &drops), hasher);
            }
            let mut asked = HashSet::new();
            table.retain(
                |v| {
                    assert!(asked.insert(v.key), "asked twice");
                    v.key % keep_one_in == keep_one_in - 1
                },
                hasher,
            );
            assert_eq!(asked.len() as u64, count);
            table.validate(hasher);
            let expected = (0..count)
                .filter(|key| key % keep_one_in == keep_one_in - 1)
                .count();
            assert_eq!(table.len(), expected);
            assert_eq!(drops.get(), count - expected as u64);
            assert!(table.iter().all(|v| v.key % keep_one_in == keep_one_in - 1));
        }
    }
}

#[test]
fn a_panic_of_the_caller_leaves_a_usable_table() {
    let calls = Cell::new(0u64);
    let limit = Cell::new(u64::MAX);
    let hasher = |value: &u64| {
        calls.set(calls.get() + 1);
        assert!(calls.get() < limit.get(), "the hasher gives up");
        hash(value)
    };
    let mut table = Table::new();
    let mut random = Random(5);
    let mut model = HashSet::new();
    std::panic::set_hook(Box::new(|_| {}));
    for _ in 0..rounds(20_000) {
        let value = random.below(3000);
        limit.set(calls.get() + 1 + random.below(2000));
        if model.contains(&value) {
            // Either way the value has left: at worst a panic takes it along.
            model.remove(&value);
            let _ = catch_unwind(AssertUnwindSafe(|| {
                table.remove(hash(&value), |&v| v == value, hasher)
            }));
        } else if catch_unwind(AssertUnwindSafe(|| {
            table.insert_unique(hash(&value), value, hasher);
        }))
        .is_ok()
        {
            model.insert(value);
        }
        assert_eq!(table.len(), model.len());
    }
    let _ = catch_unwind(AssertUnwindSafe(|| {
        table.retain(|&mut v| v != 2999 && v % 7 != 0 || v == 0, hash)
    }));
    let _ = std::panic::take_hook();
    model.retain(|&v| v != 2999 && v % 7 != 0 || v == 0);
    assert_eq!(table.iter().copied().collect::<HashSet<_>>(), model);
    assert!(
        model
            .iter()
            .all(|&value| table.find(hash(&value), |&v| v == value).is_some())
    );
    table.validate(hash);
}

#[test]
fn prefetch_candidate_is_what_find_would_look_at() {
    let mut table = Table::new();
    assert_eq!(table.prefetch_candidate(hash(&1)), None);
    table.prefetch(hash(&1));
    let count = rounds(10_000);
    for value in 0..count {
        table.insert_unique(hash(&value), value, hash);
    }
    let right = (0..count).filter(|value| {
        table.prefetch(hash(value));
        table.prefetch_candidate(hash(value)) == Some(value)
    });
    assert!(
        right.count() as u64 * 10 > count * 8,
        "the guess is right for most"
    );
    let guesses_on_absent =
        (count..2 * count).filter(|value| table.prefetch_candidate(hash(value)).is_some());
    assert!(
        (guesses_on_absent.count() as u64) * 10 < count,
        "and silent for most that are absent"
    );
}

#[test]
fn odd_sizes_and_alignments() {
    #[repr(align(64))]
    struct Aligned(u64);
    let mut aligned = Table::new();
    let mut bytes: Table<u8> = Table::new();
    let mut units: Table<()> = Table::new();
    for value in 0..200u64 {
        let placed = aligned.insert_unique(hash(&value), Aligned(value), |v: &Aligned| hash(&v.0));
        assert_eq!(core::ptr::from_mut(placed).addr() % 64, 0);
        bytes.insert_unique(hash(&value), value as u8, |&v: &u8| hash(&u64::from(v)));
        units.insert_unique(1, (), |_: &()| 1);
    }
    aligned.validate(|v| hash(&v.0));
    bytes.validate(|&v| hash(&u64::from(v)));
    units.validate(|()| 1);
    assert_eq!(
        (aligned.iter().count(), bytes.iter().count(), units.iter().count()),
        (200, 200, 200)
    );
    assert_eq!(
        pair_hash(&Pair {
            key: 3,
            value: Box::new(0),
            extra: 0
        }),
        hash(&3)
    );
}
