//! What one list costs per element: pushes and pops at the ends, queues, seeks, walks, insertions.
//! `cargo bench -p flashdb-types --bench list` prints nanoseconds per operation, the best of five rounds;
//! values have 16 bytes and nodes 8 KiB unless said otherwise.

use flashdb_types::list::{End, Limits, List};
use std::hint::black_box;
use std::time::Instant;

const ELEMENTS: usize = 1_000_000;

/// Prints the best time per operation; `prepare` is not measured.
fn measure<T>(name: &str, operations: usize, mut prepare: impl FnMut() -> T, mut run: impl FnMut(&mut T)) {
    let mut best = f64::MAX;
    for _ in 0..5 {
        let mut state = prepare();
        let begin = Instant::now();
        run(&mut state);
        best = best.min(begin.elapsed().as_nanos() as f64 / operations as f64);
        black_box(&state);
    }
    println!("{name:<44} {best:>9.1} ns");
}

fn filled(count: usize, len: usize, limits: &Limits) -> List {
    let value = vec![b'v'; len];
    List::from_elements((0..count).map(|_| &value), limits)
}

/// The next of a sequence of indexes that jump over the list.
fn jump(index: usize, len: usize) -> usize {
    index.wrapping_mul(0x9e37_79b9_7f4a_7c15) % len
}

fn main() {
    let limits = Limits::default();
    let value = [b'v'; 16];
    for end in [End::Front, End::Back] {
        measure(&format!("push {end:?}, 1 M"), ELEMENTS, List::new, |list| {
            (0..ELEMENTS).for_each(|_| list.push(end, black_box(&value), &limits));
        });
        measure(
            &format!("pop {end:?}, 1 M"),
            ELEMENTS,
            || filled(ELEMENTS, 16, &limits),
            |list| {
                while list.pop_with(end, |value| black_box(value.len())).is_some() {}
            },
        );
    }
    for length in [1, 10, 50, 100, 1000, 100_000] {
        let queue = |list: &mut List| {
            for _ in 0..ELEMENTS {
                list.push(End::Front, black_box(&value), &limits);
                list.pop_with(End::Back, |value| black_box(value.len()));
            }
        };
        measure(
            &format!("queue of {length}: push + pop"),
            ELEMENTS,
            || filled(length, 16, &limits),
            queue,
        );
    }
    measure(
        "create of 8 by push Back, per list",
        ELEMENTS / 10,
        || (),
        |_| {
            (0..ELEMENTS / 10).for_each(|_| drop(black_box(filled(8, 16, &limits))));
        },
    );
    measure(
        "range of 100 at random, per element",
        ELEMENTS,
        || filled(ELEMENTS, 16, &limits),
        |list| {
            for i in 0..ELEMENTS / 100 {
                let start = jump(i, ELEMENTS - 100);
                list.range(start..start + 100).for_each(|value| {
                    black_box(value);
                });
            }
        },
    );
    measure(
        "walk of 1 M, per element",
        ELEMENTS,
        || filled(ELEMENTS, 16, &limits),
        |list| {
            list.iter().for_each(|value| {
                black_box(value);
            });
        },
    );
    measure(
        "walk of 1 M backwards, per element",
        ELEMENTS,
        || filled(ELEMENTS, 16, &limits),
        |list| {
            list.iter().rev().for_each(|value| {
                black_box(value);
            });
        },
    );
    measure(
        "get at random of 1 M",
        100_000,
        || filled(ELEMENTS, 16, &limits),
        |list| {
            (0..100_000).for_each(|i| {
                black_box(list.get(jump(i, ELEMENTS)));
            });
        },
    );
    measure(
        "get at random of 1 M, a node each",
        100_000,
        || filled(ELEMENTS, 16, &Limits::from_setting(1)),
        |list| {
            (0..100_000).for_each(|i| {
                black_box(list.get(jump(i, ELEMENTS)));
            });
        },
    );
    measure(
        "insert at random into 1 M",
        100_000,
        || filled(ELEMENTS, 16, &limits),
        |list| {
            (0..100_000).for_each(|i| list.insert(jump(i, ELEMENTS), &value, &limits));
        },
    );
    measure("push Back of 10 KB", 10_000, List::new, |list| {
        let big = [b'v'; 10_000];
        (0..10_000).for_each(|_| list.push(End::Back, black_box(&big), &limits));
    });
    let list = filled(ELEMENTS, 16, &limits);
    println!(
        "{:<44} {:>9.2} bytes",
        "memory of 1 M, per element",
        list.memory_bytes() as f64 / ELEMENTS as f64
    );
}
