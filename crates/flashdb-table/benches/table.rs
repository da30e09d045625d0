//! The table beside hashbrown's `HashTable` and std's `HashMap`: time per operation and bytes per entry.
//!
//! `cargo bench -p flashdb-table [-- ENTRIES]`, one million by default. Values are boxed 8-byte keys, so that comparing
//! or rehashing an entry costs a cache miss as it does in the store. Each figure is the best of five runs, in ns per
//! operation. With fewer than 100,000 entries one run is made and the figures mean nothing: a check that it works.
//! Not measured: what the allocator adds to a request, contention, tables that share a cache with other work.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::hint::black_box;
use std::time::Instant;

use flashdb_table::{Table, prefetch_line};
use hashbrown::HashTable;

type Key = Box<u64>;

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn hash_of(key: &Key) -> u64 {
    mix(**key)
}

/// What the three contestants have in common.
trait Contestant: Default {
    const NAME: &'static str;
    fn insert(&mut self, key: Key);
    fn find(&self, key: u64) -> bool;
    fn remove(&mut self, key: u64) -> bool;
    fn len(&self) -> usize;
    /// Finds a batch; those that can prefetch do.
    fn find_batch(&self, keys: &[u64]) -> usize {
        keys.iter().filter(|&&key| self.find(key)).count()
    }
}

#[derive(Default)]
struct Ours(Table<Key>);

impl Contestant for Ours {
    const NAME: &'static str = "flashdb_table::Table";
    fn insert(&mut self, key: Key) {
        self.0.insert_unique(hash_of(&key), key, hash_of);
    }
    fn find(&self, key: u64) -> bool {
        self.0.find(mix(key), |k| **k == key).is_some()
    }
    fn remove(&mut self, key: u64) -> bool {
        self.0.remove(mix(key), |k| **k == key, hash_of).is_some()
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn find_batch(&self, keys: &[u64]) -> usize {
        keys.iter().for_each(|&key| self.0.prefetch(mix(key)));
        for &key in keys {
            if let Some(candidate) = self.0.prefetch_candidate(mix(key)) {
                prefetch_line(&raw const **candidate);
            }
        }
        keys.iter().filter(|&&key| self.find(key)).count()
    }
}

#[derive(Default)]
struct Hashbrown(HashTable<Key>);

impl Contestant for Hashbrown {
    const NAME: &'static str = "hashbrown::HashTable";
    fn insert(&mut self, key: Key) {
        self.0.insert_unique(hash_of(&key), key, hash_of);
    }
    fn find(&self, key: u64) -> bool {
        self.0.find(mix(key), |k| **k == key).is_some()
    }
    fn remove(&mut self, key: u64) -> bool {
        self.0
            .find_entry(mix(key), |k| **k == key)
            .map(|entry| entry.remove())
            .is_ok()
    }
    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Hashes as the others do, so that std's map is compared and not its default hash function.
#[derive(Default)]
struct MixHasher(u64);

impl Hasher for MixHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are integers");
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = mix(value);
    }
}

#[derive(PartialEq, Eq)]
struct StdKey(Key);

impl Hash for StdKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(*self.0);
    }
}

impl std::borrow::Borrow<u64> for StdKey {
    fn borrow(&self) -> &u64 {
        &self.0
    }
}

#[derive(Default)]
struct Std(HashMap<StdKey, (), BuildHasherDefault<MixHasher>>);

impl Contestant for Std {
    const NAME: &'static str = "std HashMap";
    fn insert(&mut self, key: Key) {
        self.0.insert(StdKey(key), ());
    }
    fn find(&self, key: u64) -> bool {
        self.0.contains_key(&key)
    }
    fn remove(&mut self, key: u64) -> bool {
        self.0.remove(&key).is_some()
    }
    fn len(&self) -> usize {
        self.0.len()
    }
}

const NAMES: [&str; 7] = [
    "insert",
    "hit",
    "hit batch",
    "miss",
    "mixed",
    "remove",
    "worst insert",
];

/// Nanoseconds per operation, in the order of `NAMES`.
fn run<C: Contestant>(entries: u64) -> [f64; 7] {
    let mut result = [0.0; 7];
    let order: Vec<u64> = (0..entries).map(|i| mix(i ^ 0x5555) % entries).collect();
    let mut timed = |at: usize, operations: u64, work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        result[at] = start.elapsed().as_nanos() as f64 / operations as f64;
    };
    let mut table = C::default();
    // Boxes made before, in an order of their own, so that only the table is timed.
    let mut keys: Vec<Key> = (0..entries).map(Box::new).collect();
    keys.sort_by_key(|key| mix(**key ^ 0x7777));
    timed(0, entries, &mut || {
        keys.drain(..).for_each(|key| table.insert(key))
    });
    timed(1, entries, &mut || {
        assert!(order.iter().all(|&key| table.find(black_box(key))))
    });
    timed(2, entries, &mut || {
        assert!(
            order
                .chunks(64)
                .all(|batch| table.find_batch(black_box(batch)) == batch.len())
        );
    });
    timed(3, entries, &mut || {
        assert!(!order.iter().any(|&key| table.find(black_box(key + entries))))
    });
    let mut next = entries;
    timed(4, entries, &mut || {
        for (step, &key) in order.iter().enumerate() {
            match step % 4 {
                0 => {
                    table.insert(Box::new(next));
                    next += 1;
                }
                1 => {
                    black_box(table.remove(next - 1 - key % (next - entries)));
                }
                _ => {
                    black_box(table.find(key));
                }
            }
        }
    });
    let left = table.len() as u64;
    timed(5, left, &mut || {
        (0..next).for_each(|key| {
            black_box(table.remove(key));
        })
    });
    assert_eq!(table.len(), 0);
    let mut table = C::default();
    let mut worst = 0;
    for key in 0..entries {
        let key = Box::new(key);
        let start = Instant::now();
        table.insert(key);
        worst = worst.max(start.elapsed().as_nanos());
    }
    result[6] = worst as f64;
    result
}

/// Runs the contestants in turn, so that they meet the same machine, and prints the best figures of each.
fn report_times(entries: u64, runs: u32) {
    println!("{entries} entries, ns per operation, best of {runs}");
    print!("{:22}", "");
    NAMES.iter().for_each(|name| print!("{name:>14}"));
    println!();
    let mut best = [[f64::INFINITY; 7]; 3];
    for _ in 0..runs {
        let figures = [
            run::<Ours>(entries),
            run::<Hashbrown>(entries),
            run::<Std>(entries),
        ];
        for (best, figure) in best.iter_mut().flatten().zip(figures.into_iter().flatten()) {
            *best = best.min(figure);
        }
    }
    for (name, best) in [Ours::NAME, Hashbrown::NAME, Std::NAME].into_iter().zip(best) {
        print!("{name:22}");
        best.iter().for_each(|figure| print!("{figure:14.1}"));
        println!();
    }
}

/// Bytes per entry of `tables` equally loaded tables; `buckets` gives each its size of a full segment.
fn bytes_per_entry(tables: u64, entries: u64, buckets: impl Fn(u64) -> usize) -> f64 {
    let hasher = |value: &u64| mix(*value);
    let mut all: Vec<Table<u64>> = (0..tables)
        .map(|i| Table::with_segment_buckets(buckets(i)))
        .collect();
    for value in 0..entries {
        let table = (mix(value ^ 0xABCD) % tables) as usize;
        all[table].insert_unique(hasher(&value), value, hasher);
    }
    all.iter().map(Table::memory_bytes).sum::<usize>() as f64 / entries as f64
}

fn hashbrown_bytes_per_entry(entries: u64) -> f64 {
    let mut table: HashTable<u64> = HashTable::new();
    for value in 0..entries {
        table.insert_unique(mix(value), value, |v: &u64| mix(*v));
    }
    table.allocation_size() as f64 / entries as f64
}

fn report_memory(entries_max: u64) {
    println!("\nbytes per entry, values of 8 bytes (without smoothing: all tables alike)");
    println!(
        "{:>10}{:>10}{:>12}{:>12}{:>14}",
        "entries", "1 table", "256 alike", "256 mixed", "hashbrown"
    );
    let mut entries = 1000;
    while entries <= entries_max {
        println!(
            "{entries:10}{:10.2}{:12.2}{:12.2}{:14.2}",
            bytes_per_entry(1, entries, |_| 63),
            bytes_per_entry(256, entries, |_| 63),
            bytes_per_entry(256, entries, |i| [39, 47, 55, 63][i as usize % 4]),
            hashbrown_bytes_per_entry(entries),
        );
        entries = entries * 13 / 10;
    }
}

fn report_shape(entries: u64) {
    println!("\nshares in percent: buckets with overflow, entries displaced, entries stashed, slots in use");
    for steps in 0..8 {
        let count = entries * (8 + steps) / 8;
        let mut table = Table::new();
        (0..count).for_each(|value| {
            table.insert_unique(mix(value), value, |v: &u64| mix(*v));
        });
        let shape = table.shape();
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole as f64;
        println!(
            "{count:10}{:8.2}{:8.2}{:8.2}{:8.2}",
            percent(shape.overflowed_buckets, shape.buckets),
            percent(shape.displaced, table.len()),
            percent(shape.stashed, table.len()),
            percent(table.len(), shape.slots),
        );
    }
}

fn main() {
    let entries = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(1_000_000);
    let runs = if entries < 100_000 { 1 } else { 5 };
    report_times(entries, runs);
    report_memory(entries);
    report_shape(entries.min(300_000));
}
