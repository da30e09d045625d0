//! What it costs to capture an entry into a snapshot's blocks: by the walk, and by writers that come before it, each of which
//! hands a bucket over.
//!
//! `cargo bench -p flashdb-persistence --bench capture [-- KEYS]`, three million by default, of 16 bytes with values of 32, over
//! 256 shards. Full blocks are taken from the sink, and sealed, beside the clock. Best of five. What a SET costs without
//! a capture is taken off: it is measured with the same keys again, whose buckets were handed over.

use flashdb_base::prng::Prng;
use flashdb_config::Settings;
use flashdb_persistence::checkpoint::CheckpointSink;
use flashdb_persistence::offline;
use flashdb_rdb::EncodeLimits;
use flashdb_snapshot::{Compression, Sealer};
use flashdb_store::{
    Access, Expiry, Keyspace, Mode, Policy, Progress, SnapshotSink, SnapshotWalk, Usage, WalkBudget,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: u64 = 5;
/// Of the data: what the server grants a snapshot.
const LIMIT_BYTES: usize = 8 << 20;
/// SETs between two looks at the sink.
const BATCH: u64 = 500;

fn set(data: &mut Access<'_>, number: u64) {
    let key = format!("key:{number:012}");
    let shard = data.space().shard_of(key.as_bytes());
    data.hold(|space| space.lock_one(shard));
    data.set_string(key.as_bytes(), &[b'v'; 32], Expiry::Clear);
    data.unchanged();
    data.release();
}

/// Empties the sink of full blocks.
fn drain(sink: &CheckpointSink, sealer: &mut Sealer, last: bool) {
    let take = || if last { sink.take_rest() } else { sink.take() };
    while let Some(mut block) = take() {
        let memory_bytes = block.memory_bytes();
        block.seal(sealer).expect("no compression, no error");
        sink.give_back(block, memory_bytes);
    }
}

/// Time of some SETs of different keys.
fn time_sets(
    data: &mut Access<'_>,
    keys: u64,
    seed: u64,
    sink: &CheckpointSink,
    sealer: &mut Sealer,
) -> Duration {
    let mut random = Prng::from_seed(seed);
    let mut took = Duration::ZERO;
    for _ in 0..keys / 50 / BATCH {
        let start = Instant::now();
        (0..BATCH).for_each(|_| set(data, random.below(keys)));
        took += start.elapsed();
        drain(sink, sealer, false);
    }
    took
}

/// Nanoseconds for each entry: of those handed over, and of those the walk meets.
fn round(space: &Keyspace, data: &mut Access<'_>, keys: u64, seed: u64) -> (f64, f64) {
    let sink = Arc::new(CheckpointSink::new(
        space.shards_count(),
        LIMIT_BYTES,
        EncodeLimits::default(),
    ));
    let mut sealer = Sealer::new(Compression::None).expect("no compression, no error");
    let pass = space.gate().close();
    let job = space
        .begin_snapshot(Mode::Full, false, sink.clone())
        .expect("no other runs");
    drop(pass);
    let first = time_sets(data, keys, seed, &sink, &mut sealer);
    let again = time_sets(data, keys, seed, &sink, &mut sealer);
    drain(&sink, &mut sealer, true);
    let handed = sink.entries();
    let mut walk = SnapshotWalk::new(job, space.gate().background_lane(0));
    let budget = WalkBudget {
        entries: 200,
        bytes: 64 << 10,
    };
    let mut walked = Duration::ZERO;
    loop {
        let start = Instant::now();
        let progress = walk.step(space, budget);
        walked += start.elapsed();
        drain(&sink, &mut sealer, false);
        if progress == Progress::Done {
            break;
        }
    }
    drain(&sink, &mut sealer, true);
    assert_eq!(sink.entries(), keys);
    assert!(!sink.is_congested());
    let ns = |took: Duration, entries: u64| took.as_nanos() as f64 / entries as f64;
    (ns(first.saturating_sub(again), handed), ns(walked, keys - handed))
}

fn main() {
    let keys = std::env::args()
        .find_map(|word| word.parse().ok())
        .unwrap_or(3_000_000);
    let space = offline::keyspace(&Settings::default());
    space.log().continue_after(1);
    let policy = Policy {
        touch: false,
        usage: Usage::Lru,
        expire: true,
    };
    let mut data = Access::new(&space, policy, Prng::from_seed(1));
    (0..keys).for_each(|number| set(&mut data, number));
    let rounds: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|seed| round(&space, &mut data, keys, seed))
        .collect();
    let best = |of: fn(&(f64, f64)) -> f64| rounds.iter().map(of).fold(f64::INFINITY, f64::min);
    println!(
        "handed over: {:.1} ns an entry; walked: {:.1} ns an entry",
        best(|of| of.0),
        best(|of| of.1)
    );
    println!("all rounds: {rounds:.1?}");
}
