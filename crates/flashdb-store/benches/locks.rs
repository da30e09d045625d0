//! What the gate, the shards' locks and a cache line on its way between two cores cost on this machine.
//!
//! `cargo bench -p flashdb-store --bench locks`. Every figure is the best of many short rounds, so that other work on the
//! machine shows as little as possible. Two threads are pinned to the first and the last CPU that may be used; with one
//! CPU only the figures of one thread are printed. Not measured: waiting for a lock that is held, which depends on for how long
//! (`many_cores` reckons with that), and cores of another socket, where the machine has none.

use flashdb_base::prng::Prng;
use flashdb_io::affinity;
use flashdb_store::{Keyspace, ShardSet};
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

const SHARDS: usize = 256;
const WINDOW: usize = 16;
const ROUNDS: usize = 400;
const REPEATS: usize = 2000;

fn main() {
    let (space, _collector) = Keyspace::new(SHARDS, 1, 2);
    let cpus = affinity::allowed_cpus().unwrap_or_default();
    pin(cpus.first());
    one_thread(&space);
    if cpus.len() > 1 {
        line_handed_over(cpus.last());
        locks_of_another_core(&space, cpus.last());
    }
}

fn pin(cpu: Option<&usize>) {
    if let Some(cpu) = cpu
        && let Err(error) = affinity::pin_thread(&[*cpu])
    {
        eprintln!("not pinned to CPU {cpu}: {error}");
    }
}

fn report(what: &str, ns: f64) {
    println!("{what:64} {ns:8.1} ns");
}

/// The best round's time for each of `per_round` things that `round` does.
fn best_ns(per_round: usize, mut round: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        round();
        best = best.min(began.elapsed().as_nanos() as f64 / per_round as f64);
    }
    best
}

fn one_thread(space: &Keyspace) {
    let gate = best_ns(REPEATS, || {
        (0..REPEATS).for_each(|_| drop(black_box(space.gate().enter(0))))
    });
    report("enter and leave the gate by a lane of one's own", gate);
    let same = best_ns(REPEATS, || {
        (0..REPEATS).for_each(|_| drop(black_box(space.lock_one(7))))
    });
    report("lock and release the same shard", same);

    let mut random = Prng::from_seed(1);
    let shards: Vec<u16> = (0..REPEATS).map(|_| random.below(SHARDS as u64) as u16).collect();
    let any = best_ns(REPEATS, || {
        shards
            .iter()
            .for_each(|&shard| drop(black_box(space.lock_one(shard))))
    });
    report("lock and release any shard", any);
    let windows = || {
        shards
            .chunks_exact(WINDOW)
            .map(|window| ShardSet::from_slice(black_box(window)))
    };
    let sorting = best_ns(REPEATS / WINDOW, || {
        windows().for_each(|mut window| {
            window.sort_unstable();
            window.dedup();
            black_box(window);
        });
    });
    let locking = best_ns(REPEATS / WINDOW, || {
        windows().for_each(|window| drop(black_box(space.lock(window))));
    });
    report("sort the shards of a window of 16", sorting);
    report("lock and release them, sorting included", locking);
}

/// Two threads write the same line in turn. They wait without the pause instruction, which alone takes 140 cycles.
fn line_handed_over(other_cpu: Option<&usize>) {
    let line = AtomicU64::new(0);
    let stops = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(other_cpu);
            while !stops.load(Ordering::Relaxed) {
                if line.load(Ordering::Acquire) % 2 == 1 {
                    line.fetch_add(1, Ordering::Release);
                }
            }
        });
        let handed_over = best_ns(2 * 100, || {
            for _ in 0..100 {
                line.fetch_add(1, Ordering::Release);
                while line.load(Ordering::Acquire) % 2 == 1 {}
            }
        });
        stops.store(true, Ordering::Relaxed);
        report(
            "a line written by the other core, read and written here",
            handed_over,
        );
    });
}

/// All shards' locks were last taken by the other core, and are free.
fn locks_of_another_core(space: &Keyspace, other_cpu: Option<&usize>) {
    let turn = AtomicU64::new(0);
    // In no order that a prefetcher knows; 167 and 256 have no common factor.
    let shuffled = |at: usize| (at * 167 % SHARDS) as u16;
    let take_all = || (0..SHARDS).for_each(|at| drop(black_box(space.lock_one(shuffled(at)))));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin(other_cpu);
            for round in 0..ROUNDS as u64 {
                while turn.load(Ordering::Acquire) != 2 * round {
                    spin_loop();
                }
                take_all();
                turn.store(2 * round + 1, Ordering::Release);
            }
        });
        let mut best = f64::INFINITY;
        for round in 0..ROUNDS as u64 {
            while turn.load(Ordering::Acquire) != 2 * round + 1 {
                spin_loop();
            }
            let began = Instant::now();
            take_all();
            best = best.min(began.elapsed().as_nanos() as f64 / SHARDS as f64);
            turn.store(2 * round + 2, Ordering::Release);
        }
        report("lock and release a shard that the other core had last", best);
    });
}
