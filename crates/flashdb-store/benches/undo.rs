//! What it costs that a transaction can be undone: the same writes without before-images, with them and kept, and undone;
//! and the copy of a large value that a change in place begins with.
//!
//! `cargo bench -p flashdb-store --bench undo [-- KEYS]`, 200,000 keys of each type by default, 256 shards under the closed
//! gate, best of five. Not measured: parsing, dispatch, the log's writer, which are the same for all three.

use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::prng::Prng;
use flashdb_store::{Access, Expiry, Keyspace, Policy, Usage};
use flashdb_types::hash::{FieldTtl, Hash, HashLimits};
use flashdb_types::list::{self, List};
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const TRANSACTIONS: u64 = 100_000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Plain,
    Kept,
    Undone,
}

fn key(kind: char, n: u64) -> Vec<u8> {
    format!("{kind}:{n:014}").into_bytes()
}

fn set(data: &mut Access<'_>, n: u64) {
    let key = key('s', n);
    data.set_string(&key, b"a string of thirty-two bytes, all", Expiry::Clear);
    data.changed(&key, NotifyFlags::STRING, "set");
}

fn increment(data: &mut Access<'_>, n: u64) {
    let key = key('n', n);
    if data.add_in_place(&key, 1).is_none() {
        data.set_int(&key, 1, Expiry::Keep);
    }
    data.changed(&key, NotifyFlags::STRING, "incrby");
}

fn set_field(data: &mut Access<'_>, n: u64) {
    let key = key('h', n);
    if let Ok(mut hash) = data.write_or_create(&key, Hash::new) {
        let name = [b'f', b'0' + (n % 10) as u8];
        hash.set(&name, b"value", FieldTtl::Keep, &HashLimits::default());
    }
    data.changed(&key, NotifyFlags::HASH, "hset");
}

fn push(data: &mut Access<'_>, n: u64) {
    let key = key('l', n);
    if let Ok(mut list) = data.write_or_create(&key, List::new) {
        if list.len() >= 10 {
            list.pop_back();
        }
        list.push_front(b"element", &list::Limits::default());
    }
    data.changed(&key, NotifyFlags::LIST, "lpush");
}

type Write = fn(&mut Access<'_>, u64);

/// Nanoseconds per transaction of these writes, each to a random key.
fn transactions(data: &mut Access<'_>, keys: u64, writes: &[Write], way: Way) -> f64 {
    let once = || {
        let mut random = Prng::from_seed(7);
        let began = Instant::now();
        for _ in 0..TRANSACTIONS {
            if way != Way::Plain {
                data.begin_undo();
            }
            for write in writes {
                write(data, random.below(keys));
            }
            match way {
                Way::Plain => {}
                Way::Kept => data.end_undo(),
                Way::Undone => data.roll_back(),
            }
            data.effects.discard();
        }
        began.elapsed()
    };
    best(once).as_nanos() as f64 / TRANSACTIONS as f64
}

fn best(once: impl FnMut() -> Duration) -> Duration {
    let times = std::iter::repeat_with(once).take(ROUNDS);
    times.min().expect("several rounds")
}

/// One change in place of a hash of `fields` fields.
fn large(data: &mut Access<'_>, fields: u32) {
    let mut hash = Hash::new();
    for n in 0..fields {
        let name = format!("field:{n:08}");
        hash.set(
            name.as_bytes(),
            &[b'v'; 32],
            FieldTtl::Keep,
            &HashLimits::default(),
        );
    }
    data.set_value(b"large", flashdb_store::Value::Hash(hash), Expiry::Clear);
    data.unchanged();
    data.begin_undo();
    let bytes = data.undo_cost_bytes(b"large");
    data.end_undo();
    let one = |data: &mut Access<'_>| {
        let began = Instant::now();
        data.begin_undo();
        if let Ok(Some(mut hash)) = data.write::<Hash>(b"large") {
            hash.remove(b"field:00000000");
        }
        data.unchanged();
        data.roll_back();
        began.elapsed()
    };
    let took = best(|| one(data));
    println!(
        "{fields:>9} fields {:>11} bytes  {took:>12.1?} for a change that is undone",
        bytes
    );
}

fn main() {
    let keys = std::env::args()
        .find_map(|word| word.parse().ok())
        .unwrap_or(200_000);
    let (space, collector) = Keyspace::new(256, 16, 1);
    let _pass = space.gate().close();
    let policy = Policy {
        touch: true,
        usage: Usage::Lru,
        expire: true,
    };
    let mut data = Access::new(&space, policy, Prng::from_seed(1));
    data.now_ms = 1_700_000_000_000;
    data.hold(Keyspace::lock_as_touched);
    let all: [Write; 4] = [set, increment, set_field, push];
    for n in 0..keys {
        all.iter().for_each(|write| write(&mut data, n));
        (0..9).for_each(|_| push(&mut data, n));
    }
    data.effects.discard();
    let mix: [(&str, &[Write]); 3] = [
        ("SET", &[set]),
        ("SET INCR HSET LPUSH", &all),
        ("20 SET", &[set as Write; 20]),
    ];
    println!("{keys} keys of each type; ns per transaction");
    for (name, writes) in mix {
        let [plain, kept, undone] =
            [Way::Plain, Way::Kept, Way::Undone].map(|way| transactions(&mut data, keys, writes, way));
        println!("{name:<20} plain {plain:>7.0}  kept {kept:>7.0}  undone {undone:>7.0}");
    }
    for fields in [100, 10_000, 1_000_000] {
        large(&mut data, fields);
        collector.run_pending(&space);
    }
}
