//! Reckons, on paper, how core loops get in each other's way on many cores: a simulation of windows that lock shards.
//!
//! `cargo bench -p flashdb-store --bench many_cores`. Each loop again and again reads and parses (nothing held), takes the
//! locks of its window in ascending order, waiting in line for each that is held, works, and releases all. Times are
//! constants from `docs/design/0007-numa.md`. Keys are uniform, so are shards. What it leaves out makes real figures worse: threads that
//! park instead of spinning, memory bandwidth, the log's buffer, the kernel's network stack, sockets apart.

use flashdb_base::prng::Prng;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Taking a free lock, which waits for no other.
const LOCK_NS: u64 = 20;
/// A lock on its way from the loop that releases it to one that waits for it.
const HAND_OVER_NS: u64 = 80;
/// What a request costs while nothing is held (kernel, parsing, sending), and under the window's locks.
const LOADS: [(&str, u64, u64); 3] = [
    ("no pipeline", 6000, 200),
    ("pipeline 16", 400, 150),
    ("pipeline 64", 130, 130),
];
const LOOPS: [usize; 6] = [1, 2, 8, 16, 32, 64];
const SIMULATED_NS: u64 = 20_000_000;

fn main() {
    println!("Share of perfect scaling, per cent");
    for (load, free_ns, held_ns) in LOADS {
        // Without a pipeline a batch is one request.
        let windows: &[usize] = if load == "no pipeline" { &[1] } else { &[16, 4, 1] };
        for &window in windows {
            for shards in [256, 1024, 4096, 16384] {
                let per_s = LOOPS.map(|loops| {
                    let run = Run::new(loops, shards, window, free_ns, held_ns);
                    run.requests() as f64
                });
                let shares: String = (0..LOOPS.len())
                    .map(|at| format!("{:6.0}", 100.0 * per_s[at] / (per_s[0] * LOOPS[at] as f64)))
                    .collect();
                println!("{load:12} window {window:2} shards {shards:5}: {shares}");
            }
        }
    }
    println!(
        "{:38}{}",
        "loops:",
        LOOPS.map(|loops| format!("{loops:6}")).concat()
    );
}

/// One loop: the shards of its window, and how many of them it holds.
#[derive(Default)]
struct Loop {
    shards: Vec<usize>,
    held: usize,
    working: bool,
}

#[derive(Default)]
struct Lock {
    taken: bool,
    line: VecDeque<usize>,
}

struct Run {
    loops: Vec<Loop>,
    locks: Vec<Lock>,
    /// (time, loop): what it does next.
    events: BinaryHeap<Reverse<(u64, usize)>>,
    random: Prng,
    window: usize,
    free_ns: u64,
    held_ns: u64,
}

impl Run {
    fn new(loops: usize, shards: usize, window: usize, free_ns: u64, held_ns: u64) -> Run {
        Run {
            loops: (0..loops).map(|_| Loop::default()).collect(),
            locks: (0..shards).map(|_| Lock::default()).collect(),
            events: (0..loops).map(|id| Reverse((97 * id as u64, id))).collect(),
            random: Prng::from_seed(5),
            window,
            free_ns,
            held_ns,
        }
    }

    /// Requests that all loops have done when the time is over.
    fn requests(mut self) -> u64 {
        let mut done = 0;
        while let Some(Reverse((now, id))) = self.events.pop() {
            if now > SIMULATED_NS {
                break;
            }
            if self.loops[id].working {
                done += self.window as u64;
                self.release(now, id);
            } else if self.loops[id].shards.is_empty() {
                self.begin(now, id);
            } else {
                self.lock_next(now, id);
            }
        }
        done
    }

    /// Reads a window's requests; takes its first lock after that.
    fn begin(&mut self, now: u64, id: usize) {
        let count = self.locks.len() as u64;
        let mut shards: Vec<usize> = (0..self.window)
            .map(|_| self.random.below(count) as usize)
            .collect();
        shards.sort_unstable();
        shards.dedup();
        self.loops[id].shards = shards;
        self.events
            .push(Reverse((now + self.free_ns * self.window as u64, id)));
    }

    fn lock_next(&mut self, now: u64, id: usize) {
        let Some(&shard) = self.loops[id].shards.get(self.loops[id].held) else {
            self.loops[id].working = true;
            self.events
                .push(Reverse((now + self.held_ns * self.window as u64, id)));
            return;
        };
        let lock = &mut self.locks[shard];
        if lock.taken {
            lock.line.push_back(id);
            return;
        }
        lock.taken = true;
        self.loops[id].held += 1;
        self.events.push(Reverse((now + LOCK_NS, id)));
    }

    fn release(&mut self, now: u64, id: usize) {
        for shard in std::mem::take(&mut self.loops[id].shards) {
            match self.locks[shard].line.pop_front() {
                // It stays taken, by the first in line.
                Some(next) => {
                    self.loops[next].held += 1;
                    self.events.push(Reverse((now + HAND_OVER_NS, next)));
                }
                None => self.locks[shard].taken = false,
            }
        }
        self.loops[id] = Loop::default();
        self.events.push(Reverse((now, id)));
    }
}
