//! How much of a large value is captured at once, while a shard is locked: counted, not timed. What is captured is compared
//! with the state at the cut in `snapshot_test.rs`.

use crate::entry::Entry;
use crate::test_traffic::policy;
use crate::{
    Access, Coverage, Expiry, Keyspace, Mode, Piece, Progress, SnapshotJob, SnapshotSink, SnapshotWalk,
    Value, WalkBudget,
};
use flashdb_base::prng::Prng;
use flashdb_types::hash::{FieldTtl, Hash, HashLimits};
use flashdb_types::list::{self, List};
use flashdb_types::pieces::{Kind, Part};
use flashdb_types::set::{Set, SetLimits};
use flashdb_types::zset::{Limits, ZSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const MEMBERS: usize = 200_000;
const KEY: &[u8] = b"large";
/// Most members of a segment of a table, which a write takes at most, when the segment splits.
const SEGMENT_MAX: usize = 1000;
/// Most members that one step of a walk takes together: a node of a list.
const NODE_MAX: usize = 500;
const BUDGET: WalkBudget = WalkBudget {
    entries: 200,
    bytes: 64 << 10,
};

#[derive(Default)]
struct Counter {
    heads: AtomicUsize,
    members: AtomicUsize,
    /// Members since last asked.
    fresh: AtomicUsize,
}

impl Counter {
    fn take_fresh(&self) -> usize {
        self.fresh.swap(0, Ordering::Relaxed)
    }
}

impl SnapshotSink for Counter {
    fn capture(&self, _: u16, _: u16, entries: &[&Entry]) {
        panic!("{} as a whole", entries[0].key().escape_ascii());
    }

    fn capture_head(&self, _: u16, _: u16, _: &Entry, members: usize) {
        assert_eq!(members, MEMBERS);
        self.heads.fetch_add(1, Ordering::Relaxed);
    }

    fn encode(&self, _: &Part<'_>, payload: &mut Vec<u8>) {
        payload.push(0);
    }

    fn capture_piece(&self, piece: &Piece<'_>) {
        assert_eq!(piece.payload.len(), piece.members);
        self.members.fetch_add(piece.members, Ordering::Relaxed);
        self.fresh.fetch_add(piece.members, Ordering::Relaxed);
    }

    fn cover(&self, _: u16, _: u16, _: Coverage<'_>) {}

    fn is_congested(&self) -> bool {
        false
    }
}

fn member(number: usize) -> Vec<u8> {
    format!("member:{number:012}").into_bytes()
}

fn large(kind: Kind) -> Value {
    let members = (0..MEMBERS).map(member);
    match kind {
        Kind::Set => {
            let mut set = Set::new();
            for member in members {
                set.insert(&member, &SetLimits::default());
            }
            Value::Set(set)
        }
        Kind::ZSet => {
            let pairs = members.enumerate().map(|(rank, member)| (member, rank as f64));
            Value::ZSet(ZSet::from_pairs(pairs, &Limits::default()))
        }
        Kind::Hash => {
            let mut hash = Hash::new();
            for name in members {
                hash.set(&name, b"value", FieldTtl::Clear, &HashLimits::default());
            }
            Value::Hash(hash)
        }
        Kind::List => Value::List(List::from_elements(members, &list::Limits::default())),
    }
}

/// A random write of one member.
fn write(data: &mut Access<'_>, kind: Kind, random: &mut Prng) {
    let name = member(random.below(2 * MEMBERS as u64) as usize);
    let removes = random.below(3) == 0;
    match kind {
        Kind::Set => {
            let mut set = data.write::<Set>(KEY).expect("a set").expect("present");
            match (removes, random.below(4)) {
                (true, 0) => drop(set.pop_random(random, |_| ())),
                (true, _) => drop(set.remove(&name)),
                (false, _) => drop(set.insert(&name, &SetLimits::default())),
            }
        }
        Kind::ZSet => {
            let mut zset = data.write::<ZSet>(KEY).expect("a zset").expect("present");
            match (removes, random.below(4)) {
                (true, 0) => zset.pop_min(1, |_| ()),
                (true, 1) => zset.pop_max(1, |_| ()),
                (true, _) => drop(zset.remove(&name)),
                (false, _) => drop(zset.insert(&name, random.below(1000) as f64, &Limits::default())),
            }
        }
        Kind::List => {
            let mut list = data.write::<List>(KEY).expect("a list").expect("present");
            let at = random.below(list.len() as u64) as usize;
            match (removes, random.below(4)) {
                (true, 0) => drop(list.pop_back()),
                (true, 1) => drop(list.set(at, b"other", &list::Limits::default())),
                (true, _) => drop(list.pop_front()),
                (false, 0) => list.push_front(&name, &list::Limits::default()),
                (false, 1) => list.insert(at, &name, &list::Limits::default()),
                (false, _) => list.push_back(&name, &list::Limits::default()),
            }
        }
        Kind::Hash => {
            let mut hash = data.write::<Hash>(KEY).expect("a hash").expect("present");
            match (removes, random.below(4)) {
                (true, _) => drop(hash.remove(&name)),
                (false, 0) => drop(hash.set_expiry(&name, u64::MAX)),
                (false, _) => drop(hash.set(&name, b"other", FieldTtl::Clear, &HashLimits::default())),
            }
        }
    }
    data.unchanged();
}

fn begin<'k>(space: &'k Keyspace, kind: Kind) -> (Access<'k>, Arc<SnapshotJob>, Arc<Counter>) {
    let mut data = Access::new(space, policy(), Prng::from_seed(1));
    data.hold(|space| space.lock_one(0));
    data.set_value(KEY, large(kind), Expiry::Clear);
    data.unchanged();
    data.release();
    let counter = Arc::new(Counter::default());
    let pass = space.gate().close();
    let job = space
        .begin_snapshot(Mode::Full, false, counter.clone())
        .expect("no other runs");
    drop(pass);
    (data, job, counter)
}

/// Drives a walk to its end; nothing that it takes at once is much more than its budget.
fn walk(space: &Keyspace, job: &Arc<SnapshotJob>, counter: &Counter) {
    counter.take_fresh();
    let mut walk = SnapshotWalk::new(job.clone(), space.gate().background_lane(0));
    while walk.step(space, BUDGET) != Progress::Done {
        assert!(counter.take_fresh() < BUDGET.entries + NODE_MAX);
    }
    assert_eq!(counter.members.load(Ordering::Relaxed), MEMBERS);
    assert_eq!(counter.heads.load(Ordering::Relaxed), 1);
}

#[test]
fn a_write_takes_a_bucket_and_at_most_a_segment() {
    const WRITES: usize = 3000;
    for kind in [Kind::Set, Kind::ZSet, Kind::Hash, Kind::List] {
        let (space, _collector) = Keyspace::new(1, 1, 1);
        let (mut data, job, counter) = begin(&space, kind);
        let mut random = Prng::from_seed(7);
        let (mut most, mut sum) = (0, 0);
        for _ in 0..WRITES {
            data.hold(|space| space.lock_one(0));
            write(&mut data, kind, &mut random);
            data.release();
            let fresh = counter.take_fresh();
            (most, sum) = (most.max(fresh), sum + fresh);
        }
        assert!(sum > 0 && most <= SEGMENT_MAX, "{kind:?}: {most} at once");
        let of_one = if kind == Kind::List { 150 } else { 30 };
        assert!(sum / WRITES < of_one, "{kind:?}: {sum} in {WRITES} writes");
        walk(&space, &job, &counter);
    }
}

#[test]
fn a_value_that_goes_is_left_to_the_walker() {
    for (kind, replaced) in [
        (Kind::Set, false),
        (Kind::ZSet, true),
        (Kind::Hash, false),
        (Kind::List, true),
    ] {
        let (space, _collector) = Keyspace::new(1, 1, 1);
        let (mut data, job, counter) = begin(&space, kind);
        data.hold(|space| space.lock_one(0));
        if replaced {
            data.set_string(KEY, b"text", Expiry::Clear);
        } else {
            data.remove(KEY);
        }
        data.unchanged();
        data.release();
        assert_eq!(counter.take_fresh(), 0, "{kind:?}");
        assert_eq!(space.lazyfree_pending(), 0, "the walker frees it");
        walk(&space, &job, &counter);
    }
}
