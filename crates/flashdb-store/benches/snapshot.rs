//! What a snapshot costs: the cut, the walk, and what a writer pays when it comes before the walker.
//!
//! `cargo bench -p flashdb-store [-- KEYS]`, three million by default, of 16 bytes with values of 32, spread over 256 shards
//! and 16 databases, so that each of the 4,096 parts holds some. The sink copies what it gets into a buffer, about what
//! an encoder does. Best of three. Not measured: compression, writing, the wait for a lock that a step holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flashdb_base::number::NumberBuffer;
use flashdb_base::prng::Prng;
use flashdb_store::{
    Access, Coverage, Entry, Expiry, Keyspace, Mode, Piece, Policy, Progress, SnapshotJob, SnapshotSink,
    SnapshotWalk, Usage, ValueRef, WalkBudget,
};
use flashdb_types::hash::{FieldTtl, Hash, HashLimits};
use flashdb_types::pieces::Part;
use parking_lot::Mutex;

const DATABASES: u16 = 16;
const ROUNDS: usize = 3;

#[derive(Default)]
struct Copier {
    buffer: Mutex<Vec<u8>>,
    entries: AtomicUsize,
}

impl SnapshotSink for Copier {
    fn capture(&self, _shard: u16, _db: u16, entries: &[&Entry]) {
        self.entries.fetch_add(entries.len(), Ordering::Relaxed);
        let mut buffer = self.buffer.lock();
        if buffer.len() > 1 << 20 {
            buffer.clear();
        }
        entries.iter().for_each(|entry| copy(entry, &mut buffer));
    }

    fn capture_head(&self, shard: u16, db: u16, entry: &Entry, _members: usize) {
        self.capture(shard, db, &[entry]);
    }

    fn encode(&self, _part: &Part<'_>, _payload: &mut Vec<u8>) {}

    fn capture_piece(&self, _piece: &Piece<'_>) {}

    fn cover(&self, _shard: u16, _db: u16, _coverage: Coverage<'_>) {}

    fn is_congested(&self) -> bool {
        false
    }
}

fn copy(entry: &Entry, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(entry.key());
    match entry.value() {
        ValueRef::String(text) => buffer.extend_from_slice(text.as_bytes(&mut NumberBuffer::new())),
        ValueRef::Hash(hash) => hash.iter().for_each(|field| {
            buffer.extend_from_slice(field.name);
            buffer.extend_from_slice(field.value);
        }),
        _ => {}
    }
}

fn access(space: &Keyspace) -> Access<'_> {
    let policy = Policy {
        touch: true,
        usage: Usage::Lru,
        expire: true,
    };
    Access::new(space, policy, Prng::from_seed(1))
}

fn set(data: &mut Access<'_>, number: u64) {
    let key = format!("key:{number:012}");
    let shard = data.space().shard_of(key.as_bytes());
    data.hold(|space| space.lock_one(shard));
    data.db = (number % u64::from(DATABASES)) as u16;
    data.set_string(key.as_bytes(), &[b'v'; 32], Expiry::Clear);
    data.unchanged();
    data.release();
}

fn cut(space: &Keyspace, mode: Mode) -> (Duration, Arc<SnapshotJob>, Arc<Copier>) {
    let sink = Arc::new(Copier::default());
    let pass = space.gate().close();
    let start = Instant::now();
    let job = space
        .begin_snapshot(mode, true, sink.clone())
        .expect("no other runs");
    let took = start.elapsed();
    drop(pass);
    (took, job, sink)
}

/// Time of the whole walk and of its longest step.
fn walk(space: &Keyspace, job: &Arc<SnapshotJob>) -> (Duration, Duration) {
    let mut walk = SnapshotWalk::new(job.clone(), space.gate().background_lane(0));
    let budget = WalkBudget {
        entries: 200,
        bytes: 64 * 1024,
    };
    let (start, mut longest) = (Instant::now(), Duration::ZERO);
    loop {
        let step = Instant::now();
        let progress = walk.step(space, budget);
        longest = longest.max(step.elapsed());
        if progress == Progress::Done {
            return (start.elapsed(), longest);
        }
    }
}

/// Nanoseconds for each of some SETs of different keys.
fn time_sets(data: &mut Access<'_>, keys: u64, count: u64, seed: u64) -> f64 {
    let mut random = Prng::from_seed(seed);
    let start = Instant::now();
    (0..count).for_each(|_| set(data, random.below(keys)));
    start.elapsed().as_nanos() as f64 / count as f64
}

fn of_many_keys(keys: u64) {
    let (space, _collector) = Keyspace::new(256, DATABASES.into(), 1);
    let mut data = access(&space);
    (0..keys).for_each(|number| set(&mut data, number));
    let count = keys / 100;
    for round in 0..ROUNDS as u64 {
        let quiet = time_sets(&mut data, keys, count, round);
        let (full_cut, job, sink) = cut(&space, Mode::Full);
        let first = time_sets(&mut data, keys, count, round);
        let handed = sink.entries.load(Ordering::Relaxed) as f64 / count as f64;
        let again = time_sets(&mut data, keys, count, round);
        let (full, longest) = walk(&space, &job);
        println!("full: cut {full_cut:?}, walk {full:?}, longest step {longest:?}");
        println!(
            "  SET {quiet:.0} ns, first of a bucket {first:.0} ns with {handed:.1} entries, later {again:.0} ns"
        );
        time_sets(&mut data, keys, count, round + 10);
        let (cut, job, sink) = cut(&space, Mode::Incremental { since: job.epoch() });
        let (took, longest) = walk(&space, &job);
        let entries = sink.entries.load(Ordering::Relaxed);
        println!("incremental: cut {cut:?}, walk {took:?}, longest step {longest:?}, {entries} entries");
    }
}

/// A big hash is taken whole, under the lock of its shard.
fn of_a_big_value() {
    let (space, _collector) = Keyspace::new(1, 1, 1);
    let mut data = access(&space);
    data.hold(|space| space.lock_one(0));
    if let Ok(mut hash) = data.write_or_create(b"big", Hash::new) {
        for number in 0..1_000_000 {
            let name = format!("field:{number:010}");
            hash.set(
                name.as_bytes(),
                &[b'v'; 32],
                FieldTtl::Clear,
                &HashLimits::default(),
            );
        }
    }
    data.unchanged();
    let bytes = data.find(b"big").map_or(0, Entry::memory_bytes) as f64;
    data.release();
    for _ in 0..ROUNDS {
        let (_, job, _) = cut(&space, Mode::Full);
        let (_, longest) = walk(&space, &job);
        let per_mb = longest.as_micros() as f64 * 1e6 / bytes;
        println!("a hash of {:.0} MB: {longest:?}, {per_mb:.0} us/MB", bytes / 1e6);
    }
}

fn main() {
    let keys = std::env::args().find_map(|word| word.parse().ok());
    of_many_keys(keys.unwrap_or(3_000_000));
    of_a_big_value();
}
