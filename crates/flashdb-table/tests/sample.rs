//! Fairness of random samples: each entry's frequency against what equal chances would give.

mod common;

use std::collections::HashMap;

use common::{Random, hash, mix};
use flashdb_table::Table;

/// Draws `per_entry` samples for each entry, `rounds` times, and returns the mean of chi-square divided by its degrees of
/// freedom: 1 for a fair source, larger by `per_entry * relative variance` for one whose chances differ.
fn unfairness(table: &Table<u64>, per_entry: u64, rounds: u64) -> f64 {
    let mut random = Random(table.len() as u64);
    let expected = per_entry as f64;
    let mut sum = 0.0;
    for _ in 0..rounds {
        let mut counts: HashMap<u64, u64> = table.iter().map(|&value| (value, 0)).collect();
        for _ in 0..per_entry * table.len() as u64 {
            let value = *table.sample(random.next()).expect("the table has entries");
            *counts.get_mut(&value).expect("a sample is an entry") += 1;
        }
        sum += counts
            .values()
            .map(|&count| (count as f64 - expected).powi(2) / expected)
            .sum::<f64>();
    }
    sum / (table.len() as f64 - 1.0) / rounds as f64
}

/// The mean that a perfectly fair source stays below, but for a few cases in a million.
fn fair(table: &Table<u64>, rounds: u64) -> f64 {
    1.0 + 4.5 * (2.0 / (table.len() as f64 - 1.0) / rounds as f64).sqrt()
}

#[cfg_attr(miri, ignore = "statistics need many draws")]
#[test]
fn every_entry_is_about_equally_likely() {
    for (count, rounds) in [
        (2, 2000),
        (3, 1000),
        (14, 200),
        (40, 100),
        (300, 10),
        (1500, 3),
        (10_000, 1),
    ] {
        let mut table = Table::new();
        (0..count).for_each(|value| {
            table.insert_unique(hash(&value), value, hash);
        });
        // With several segments a relative deviation of 5 % between entries is accepted: 40 * 0.05^2 = 0.1.
        let limit = fair(&table, rounds) + if table.shape().segments > 1 { 0.1 } else { 0.0 };
        let unfairness = unfairness(&table, 40, rounds);
        assert!(
            unfairness < limit,
            "{unfairness} for {count} entries, limit {limit}"
        );
    }
}

#[cfg_attr(miri, ignore = "statistics need many draws")]
#[test]
fn entries_in_the_stash_are_as_likely_as_others() {
    // Only 16 positions: long stashes beside free buckets.
    let crowded = |value: &u64| hash(value) & !(0x0FFF << 16);
    let mut table = Table::new();
    (0..600).for_each(|value| {
        table.insert_unique(crowded(&value), value, crowded);
    });
    table.validate(crowded);
    assert!(table.shape().stashed > 50, "{:?}", table.shape());
    let unfairness = unfairness(&table, 40, 5);
    assert!(unfairness < fair(&table, 5), "{unfairness}");
}

#[cfg_attr(miri, ignore = "statistics need many draws")]
#[test]
fn few_entries_left_in_a_table_are_all_found() {
    let mut table = Table::new();
    (0..20_000).for_each(|value| {
        table.insert_unique(hash(&value), value, hash);
    });
    for value in 5..20_000 {
        table.remove(hash(&value), |&v| v == value, hash);
    }
    // Five entries cannot be spread evenly over segments that cover equal parts, but none may be starved.
    let mut random = Random(8);
    let mut counts = [0; 5];
    (0..10_000).for_each(|_| counts[*table.sample(random.next()).expect("five are left") as usize] += 1);
    assert!(
        counts.iter().all(|&count| count > 500),
        "{counts:?} in {:?}",
        table.shape()
    );
    assert_eq!(Table::<u64>::new().sample(1), None);
}

#[test]
fn finds_the_only_entries_of_a_lopsided_table() {
    let lopsided = |value: &u64| mix(*value) >> 20;
    let mut table = Table::new();
    (0..3000u64).for_each(|value| {
        table.insert_unique(lopsided(&value), value, lopsided);
    });
    let mut random = Random(4);
    assert!((0..500).all(|_| table.sample(random.next()).is_some()));
}
