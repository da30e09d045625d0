//! How long a write of one member takes while a checkpoint takes a collection of a million members, which is in pieces; and,
//! to compare, without a checkpoint, and of a collection whose key is so long that it is captured as a whole.
//!
//! `cargo bench -p flashdb-persistence --bench large_values [-- NAME]`

use flashdb_base::prng::Prng;
use flashdb_config::Settings;
use flashdb_disk::{Disk, SimDisk};
use flashdb_persistence::checkpoint::{Checkpoint, CheckpointOptions, Step};
use flashdb_persistence::{DataFolder, offline};
use flashdb_snapshot::Compression;
use flashdb_store::{Access, Expiry, Policy, Usage, Value};
use flashdb_types::hash::{FieldTtl, Hash, HashLimits};
use flashdb_types::list::{self, List};
use flashdb_types::zset::{Limits, ZSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const MEMBERS: u64 = 1_000_000;
/// Writes between two steps of the checkpoint.
const WRITES: usize = 20;
/// Writes without a checkpoint.
const QUIET_WRITES: usize = 130_000;

fn member(number: u64) -> Vec<u8> {
    format!("member:{number:012}").into_bytes()
}

struct Case {
    name: &'static str,
    make: fn() -> Value,
    write: fn(&mut Access<'_>, &[u8], &[u8], u64),
}

const CASES: [Case; 3] = [
    Case {
        name: "zset",
        make: || {
            Value::ZSet(ZSet::from_pairs(
                (0..MEMBERS).map(|n| (member(n), n as f64)),
                &Limits::default(),
            ))
        },
        write: |data, key, member, number| {
            let mut zset = data.write::<ZSet>(key).expect("a zset").expect("present");
            zset.insert(member, number as f64, &Limits::default());
        },
    },
    Case {
        name: "hash",
        make: || {
            let mut hash = Hash::new();
            for name in (0..MEMBERS).map(member) {
                hash.set(&name, b"value", FieldTtl::Clear, &HashLimits::default());
            }
            Value::Hash(hash)
        },
        write: |data, key, member, _| {
            let mut hash = data.write::<Hash>(key).expect("a hash").expect("present");
            hash.set(member, b"other value", FieldTtl::Clear, &HashLimits::default());
        },
    },
    Case {
        name: "list",
        make: || {
            Value::List(List::from_elements(
                (0..MEMBERS).map(member),
                &list::Limits::default(),
            ))
        },
        write: |data, key, member, number| {
            let mut list = data.write::<List>(key).expect("a list").expect("present");
            match number % 3 {
                0 => list.push_back(member, &list::Limits::default()),
                1 => drop(list.pop_front()),
                _ => drop(list.set((number % 500_000) as usize, member, &list::Limits::default())),
            }
        },
    },
];

fn run(case: &Case, key: &[u8]) {
    let settings = Settings::default();
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    let folder = DataFolder::open(disk, Path::new("/data")).expect("an empty disk");
    let space = offline::keyspace(&settings);
    space.log().continue_after(1);
    let policy = Policy {
        touch: false,
        usage: Usage::Lru,
        expire: true,
    };
    let mut data = Access::new(&space, policy, Prng::from_seed(1));
    let shard = space.shard_of(key);
    data.hold(|space| space.lock_one(shard));
    data.set_value(key, (case.make)(), Expiry::Clear);
    data.unchanged();
    data.release();
    let mut prng = Prng::from_seed(2);
    let mut write = |data: &mut Access<'_>| {
        let (name, number) = (member(prng.below(2 * MEMBERS)), prng.below(1 << 20));
        let start = Instant::now();
        data.hold(|space| space.lock_one(shard));
        (case.write)(data, key, &name, number);
        data.unchanged();
        data.release();
        start.elapsed()
    };
    let quiet: Vec<Duration> = (0..QUIET_WRITES).map(|_| write(&mut data)).collect();
    tell(case.name, "quiet", quiet);
    let options = CheckpointOptions {
        label: String::new(),
        kept: false,
        since: None,
        track: false,
        memory_limit_bytes: 256 << 20,
        compression: Compression::Lz4,
    };
    let mut checkpoint = Checkpoint::begin(&space, &folder, &settings, options, 1).expect("no other runs");
    let (mut times, mut steps) = (Vec::new(), Vec::new());
    loop {
        for _ in 0..WRITES {
            times.push(write(&mut data));
        }
        let start = Instant::now();
        let step = checkpoint.step(&space, &folder);
        steps.push(start.elapsed());
        if step == Step::Done {
            break;
        }
    }
    let kind = if key.len() > 1024 { "whole" } else { "pieces" };
    tell(case.name, kind, times);
    tell(case.name, "steps", steps);
    checkpoint.finish().expect("a sound disk");
}

fn tell(name: &str, kind: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let of = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{name} {kind}: {} times, median {:?}, 99.9 % {:?}, 99.99 % {:?}, longest {:?}",
        times.len(),
        of(0.5),
        of(0.999),
        of(0.9999),
        of(1.0),
    );
}

fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    for case in &CASES {
        if chosen.is_empty() || chosen.iter().any(|name| name == case.name) {
            run(case, b"large");
            run(case, &[b'k'; 2000]);
        }
    }
}
