//! Nanoseconds of CPU per operation of a sorted set, without server: `cargo bench -p flashdb-types --bench zset [-- MEMBERS]`.
//!
//! Members are 16 bytes in random order; scores random, ascending or all the same. Memory is what the set accounts.
//! Not measured: the allocator's own overhead.

use flashdb_base::prng::Prng;
use flashdb_types::approach::{Step, Wanted};
use flashdb_types::zset::{Limits, ScoreRange, ZSet};
use std::hint::black_box;

fn main() {
    let members = std::env::args()
        .skip(1)
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(1_000_000);
    let limits = Limits::default();
    let mut random = Prng::from_seed(1);
    let ids: Vec<[u8; 16]> = (0..members)
        .map(|_| {
            let mut id = [0; 16];
            random.fill(&mut id);
            id
        })
        .collect();
    let scores: Vec<f64> = (0..members).map(|_| random.below(1 << 40) as f64).collect();

    let build = |name: &str, score: &dyn Fn(usize) -> f64| {
        let mut set = ZSet::new();
        time(&format!("insert, {name} scores"), members, |i| {
            set.insert(&ids[i], score(i), &limits);
        });
        println!(
            "{:>34} {:6.1} bytes a member",
            "",
            set.memory_bytes() as f64 / members as f64
        );
        set
    };
    drop(build("equal", &|_| 0.0));
    drop(build("ascending", &|i| i as f64));
    let mut set = build("random", &|i| scores[i]);

    time("score", members, |i| _ = black_box(set.score(&ids[i])));
    time("rank", members, |i| _ = black_box(set.rank(&ids[i])));
    time("count by score", members, |i| {
        let range = ScoreRange::closed(scores[i], scores[i] + 1e9);
        black_box(set.ranks_by_score(&range).len());
    });
    time("range of 10 by rank", members, |i| {
        black_box(
            set.range(i..i + 10)
                .map(|(member, _)| member.len())
                .sum::<usize>(),
        );
    });
    time("insert, score + 1", members, |i| {
        _ = set.insert(&ids[i], scores[i] + 1.0, &limits)
    });
    time("insert, new random score", members, |i| {
        _ = set.insert(&ids[i], scores[members - 1 - i], &limits);
    });
    let shuffled: Vec<usize> = (0..members)
        .map(|_| random.below(members as u64) as usize)
        .collect();
    time("insert, any member", members, |i| {
        _ = set.insert(&ids[shuffled[i]], scores[i], &limits);
    });
    let shuffled: Vec<usize> = (0..members)
        .map(|_| random.below(members as u64) as usize)
        .collect();
    time("the same, 16 approached together", members, |i| {
        if i % 16 == 0 {
            let window = (i..members).take(16);
            for step in Step::ALL {
                for at in window.clone() {
                    set.prefetch(step, Wanted::place(&ids[shuffled[at]], Some(scores[at])));
                }
            }
        }
        _ = set.insert(&ids[shuffled[i]], scores[i], &limits);
    });
    time("pop the lowest", members / 4, |_| {
        set.pop_min(1, |pair| _ = black_box(pair.1))
    });
    time("remove", members, |i| _ = black_box(set.remove(&ids[i])));

    let start = cpu_ns();
    let built = ZSet::from_pairs(ids.iter().zip(scores.iter().copied()), &limits);
    report("build from pairs", members, start);
    let start = cpu_ns();
    let copy = built.clone();
    report("clone", members, start);
    black_box(copy.len());
}

fn time(name: &str, count: usize, mut operation: impl FnMut(usize)) {
    let start = cpu_ns();
    (0..count).for_each(&mut operation);
    report(name, count, start);
}

fn report(name: &str, count: usize, start: u64) {
    println!("{name:>34} {:6.0} ns", (cpu_ns() - start) as f64 / count as f64);
}

/// Time that this thread has had a processor; other processes do not count.
fn cpu_ns() -> u64 {
    let stat =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells of a thread's time");
    let first = stat.split(' ').next().and_then(|ns| ns.parse().ok());
    first.expect("it begins with a number")
}
