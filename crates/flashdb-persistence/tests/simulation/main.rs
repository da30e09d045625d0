//! Simulated crashes (PER-40..66): from a seed a server lives through several runs on a simulated disk that fails, fills up,
//! loses its power and is damaged; after each the recovered state is compared with what the oracle noted at every LSN.
//!
//! `FLASHDB_SIMULATIONS` says how many seeds are run (200), `FLASHDB_SIMULATION_FIRST` where to begin (0), and
//! `FLASHDB_SIMULATION_SEED` runs one alone, with `FLASHDB_SIMULATION_STORY` set telling what happens. `cargo xtask simulate`
//! runs many in release.
//!
//! Reading order: `life` (runs and what ends them), `run` (one process), `checkpoints` (what the server's thread for them
//! does), `rollback` (transactions that fail), `oracle` (what may be found after a crash), `damage` (files that rot).

mod checkpoints;
mod damage;
mod life;
mod oracle;
mod rollback;
mod run;
#[path = "../../src/replay/test_live.rs"]
#[expect(
    dead_code,
    reason = "the replay's tests count which commands changed something"
)]
mod test_live;
#[path = "../../src/replay/test_requests.rs"]
mod test_requests;
#[path = "../../src/replay/test_state.rs"]
mod test_state;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Seeds in every run of the tests.
const SEEDS: u64 = 200;
/// Seeds between two words about progress.
const PROGRESS_EVERY: u64 = 500;
/// Of the keys' hash function, which decides in which order tables are walked.
const HASH_SEED: u64 = 0x5eed;

thread_local! {
    static SEED: Cell<u64> = const { Cell::new(0) };
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}: '{text}' is not a number")),
    )
}

/// PER-40..66, PER-82, PER-89: whatever ends a process or cuts the power at whatever moment, what was acknowledged as durable
/// is there afterwards, in a state that there was, and stays.
#[test]
fn nothing_acknowledged_is_lost() {
    assert!(
        flashdb_base::hash::fix_seed(HASH_SEED),
        "somebody has hashed before"
    );
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        eprintln!("FLASHDB_SIMULATION_SEED={}", SEED.get());
        hook(info);
    }));
    let (first, count) = match number("FLASHDB_SIMULATION_SEED") {
        Some(seed) => (seed, 1),
        None => (
            number("FLASHDB_SIMULATION_FIRST").unwrap_or(0),
            number("FLASHDB_SIMULATIONS").unwrap_or(SEEDS),
        ),
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(first);
    let totals = Mutex::new(life::Figures::default());
    let failed = Mutex::new(Vec::new());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(count as usize) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        break;
                    }
                    SEED.set(seed);
                    match catch_unwind(AssertUnwindSafe(|| life::live(seed))) {
                        Ok(figures) => totals.lock().expect("nobody panics with it").add(&figures),
                        Err(_) => failed.lock().expect("nobody panics with it").push(seed),
                    }
                    let done = seed - first + 1;
                    if done.is_multiple_of(PROGRESS_EVERY) {
                        eprintln!("{done} of {count} seeds, {} s", began.elapsed().as_secs());
                    }
                }
            });
        }
    });
    let totals = totals.into_inner().expect("nobody panics with it");
    println!(
        "{count} seeds from {first} in {} s: {totals:?}",
        began.elapsed().as_secs()
    );
    let failed = failed.into_inner().expect("nobody panics with it");
    assert!(failed.is_empty(), "seeds that failed: {failed:?}");
}
