//! Snapshots against a model: whatever happens between cut and end, in whatever order, what reaches the sink is the state
//! at the cut, each entry once; and a chain of incremental ones adds up to the state at its last cut.

use crate::entry::Entry;
use crate::test_traffic::{
    DATABASES, INDEX_DIGITS, State, Traffic, describe, describe_head, describe_part, policy, state,
};
use crate::{
    Access, Coverage, Expiry, Keyspace, Mode, Piece, Progress, SnapshotJob, SnapshotSink, SnapshotWalk,
    WalkBudget,
};
use flashdb_base::hash::hash_bytes;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::prng::Prng;
use flashdb_table::Regions;
use flashdb_types::pieces::{Kind, Part};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shards and keys: tables of a few entries, of one segment, and of many that split and merge.
const SIZES: [(usize, u64); 4] = [(4, 8), (4, 300), (4, 5000), (1, 40_000)];

/// Head, number of members, and those that came.
type InPieces = (String, usize, Vec<String>);

#[derive(Default)]
struct Recorder {
    captured: Mutex<State>,
    /// By shard and database; `None` is all of it.
    covered: Mutex<BTreeMap<(u16, u16), Option<Regions>>>,
    in_pieces: Mutex<BTreeMap<(u16, Vec<u8>), InPieces>>,
    congested: AtomicBool,
}

impl SnapshotSink for Recorder {
    fn capture(&self, shard: u16, db: u16, entries: &[&Entry]) {
        assert!(!entries.is_empty());
        for entry in entries {
            if let Some(Some(regions)) = self.covered.lock().get(&(shard, db)) {
                assert!(regions.contains(hash_bytes(entry.key())));
            }
            let at = (db, entry.key().to_vec());
            let twice = self.captured.lock().insert(at, describe(entry));
            assert_eq!(twice, None, "each entry once");
        }
    }

    fn capture_head(&self, shard: u16, db: u16, entry: &Entry, members: usize) {
        if let Some(Some(regions)) = self.covered.lock().get(&(shard, db)) {
            assert!(regions.contains(hash_bytes(entry.key())));
        }
        let head = (describe_head(entry), members, Vec::new());
        let at = (db, entry.key().to_vec());
        assert!(self.in_pieces.lock().insert(at, head).is_none());
    }

    fn encode(&self, part: &Part<'_>, payload: &mut Vec<u8>) {
        payload.extend_from_slice(describe_part(part).as_bytes());
        payload.push(b'\n');
    }

    fn capture_piece(&self, piece: &Piece<'_>) {
        let mut in_pieces = self.in_pieces.lock();
        let at = (piece.db, piece.key.to_vec());
        let (head, total, parts) = in_pieces.get_mut(&at).expect("the head comes first");
        let before = parts.len();
        parts.extend(String::from_utf8_lossy(piece.payload).lines().map(str::to_owned));
        assert_eq!(parts.len() - before, piece.members);
        if parts.len() == *total {
            parts.sort();
            if piece.kind == Kind::List {
                parts.iter_mut().for_each(|part| drop(part.drain(..INDEX_DIGITS)));
            }
            let text = std::mem::take(head) + &parts.join(",");
            assert_eq!(self.captured.lock().insert(at, text), None, "each entry once");
        }
    }

    fn cover(&self, shard: u16, db: u16, coverage: Coverage<'_>) {
        let regions = match coverage {
            Coverage::Whole => None,
            Coverage::Regions(regions) => Some(regions.clone()),
        };
        assert!(self.covered.lock().insert((shard, db), regions).is_none());
    }

    fn is_congested(&self) -> bool {
        self.congested.load(Ordering::Relaxed)
    }
}

impl Recorder {
    /// Applies an incremental snapshot to an earlier state.
    fn apply_to(&self, space: &Keyspace, earlier: &mut State) {
        let covered = self.covered.lock();
        earlier.retain(|(db, key), _| match covered.get(&(space.shard_of(key), *db)) {
            None => true,
            Some(None) => false,
            Some(Some(regions)) => !regions.contains(hash_bytes(key)),
        });
        for (at, value) in &*self.captured.lock() {
            let (db, key) = at;
            assert!(covered.contains_key(&(space.shard_of(key), *db)));
            assert_eq!(earlier.insert(at.clone(), value.clone()), None);
        }
    }
}

fn cut(space: &Keyspace, mode: Mode, keep: bool) -> (Arc<SnapshotJob>, Arc<Recorder>, State) {
    let _pass = space.gate().close();
    let recorder = Arc::new(Recorder::default());
    let job = space
        .begin_snapshot(mode, keep, recorder.clone())
        .expect("no other runs");
    (job, recorder, state(space))
}

/// Drives several walks to the end, with changes in between.
fn drive(space: &Keyspace, job: &Arc<SnapshotJob>, traffic: &mut Traffic<'_>, changes: u64) {
    let lane = space.gate().background_lane(0);
    let walk = || SnapshotWalk::new(job.clone(), lane);
    let mut walks = [walk(), walk(), walk()];
    loop {
        let count = traffic.random.below(changes + 1);
        traffic.run_many(count);
        let chosen = traffic.random.below(3) as usize;
        let budget = WalkBudget {
            entries: 1 + traffic.random.below(60) as usize,
            bytes: 1 + traffic.random.below(10_000) as usize,
        };
        if walks[chosen].step(space, budget) == Progress::Done {
            break;
        }
        if traffic.random.below(50) == 0 {
            walks[chosen] = walk();
        }
    }
    assert!(job.is_done() && space.snapshot_job().is_none());
}

#[test]
fn a_full_snapshot_is_the_state_at_the_cut() {
    for seed in 0..12 {
        let (shards, keys) = SIZES[seed as usize % 4];
        let (space, _collector) = Keyspace::new(shards, DATABASES.into(), 1);
        let mut traffic = Traffic::new(&space, seed, keys);
        for round in 0..4 {
            traffic.run_many([keys, 3][round % 2]);
            let (job, recorder, at_cut) = cut(&space, Mode::Full, round == 2);
            assert!(round > 0 || !at_cut.is_empty());
            drive(&space, &job, &mut traffic, 6 * (seed % 5));
            assert_eq!(*recorder.captured.lock(), at_cut, "seed {seed}, round {round}");
        }
    }
}

#[test]
fn a_chain_of_incremental_snapshots_adds_up() {
    for seed in 0..12 {
        let (shards, keys) = SIZES[seed as usize % 4];
        let (space, _collector) = Keyspace::new(shards, DATABASES.into(), 1);
        let mut traffic = Traffic::new(&space, seed, keys);
        traffic.run_many(keys);
        let (job, recorder, at_cut) = cut(&space, Mode::Full, true);
        drive(&space, &job, &mut traffic, 2);
        let mut sum = std::mem::take(&mut *recorder.captured.lock());
        assert_eq!(sum, at_cut);
        let mut since = job.epoch();
        for round in 0..8 {
            traffic.run_many([3, keys][round % 2]);
            let (job, recorder, at_cut) = cut(&space, Mode::Incremental { since }, round < 7);
            if round == 4 {
                job.abandon();
            }
            drive(&space, &job, &mut traffic, 5 * (seed % 5));
            if round != 4 {
                recorder.apply_to(&space, &mut sum);
                assert_eq!(sum, at_cut, "seed {seed}, round {round}");
                since = job.epoch();
            }
        }
    }
}

#[test]
fn large_values_are_taken_as_they_were_while_they_change() {
    let (mut values, mut pieces) = (0, 0);
    for seed in 0..10 {
        let (space, _collector) = Keyspace::new([4, 1][seed as usize % 2], DATABASES.into(), 1);
        let mut traffic = Traffic::new(&space, seed, 100);
        traffic.large = true;
        traffic.run_many(1000);
        let mut since = space.begin_tracking().expect("no snapshot runs");
        let mut sum = state(&space);
        for round in 0..6 {
            traffic.run_many(100);
            let mode = match round % 2 {
                0 => Mode::Full,
                _ => Mode::Incremental { since },
            };
            let (job, recorder, at_cut) = cut(&space, mode, true);
            if round == 3 {
                job.abandon();
            }
            drive(&space, &job, &mut traffic, 4 * (seed % 3));
            if mode == Mode::Full {
                assert_eq!(*recorder.captured.lock(), at_cut, "seed {seed}, round {round}");
                sum = at_cut;
                since = job.epoch();
            } else if round != 3 {
                recorder.apply_to(&space, &mut sum);
                assert_eq!(sum, at_cut, "seed {seed}, round {round}");
            }
            let in_pieces = recorder.in_pieces.lock();
            values += in_pieces.len();
            pieces += in_pieces.values().map(|(_, total, _)| total).sum::<usize>();
        }
    }
    // Enough went that way to have been tested; how many, 87 to 156 of 170,000 to 290,000, depends on the hashes of the run.
    assert!(values > 40 && pieces > 50_000, "{values} of {pieces} members");
}

#[test]
fn an_incremental_snapshot_takes_little_after_few_changes() {
    let (space, _collector) = Keyspace::new(4, DATABASES.into(), 1);
    let mut traffic = Traffic::new(&space, 1, 20_000);
    (0..60_000).for_each(|_| traffic.run(false));
    let since = space.begin_tracking().expect("no snapshot runs");
    let mut sum = state(&space);
    let mut changed = 0;
    while changed < 10 {
        let key = traffic.key();
        let shard = space.shard_of(&key);
        traffic.data.hold(|space| space.lock_one(shard));
        // A new key may split a segment, which is a change of all that is in it.
        if traffic.data.peek(&key).is_some() {
            traffic.data.set_string(&key, b"new", Expiry::Clear);
            traffic.data.unchanged();
            changed += 1;
        }
    }
    for _ in 0..5000 {
        let key = traffic.key();
        let shard = space.shard_of(&key);
        traffic.data.hold(|space| space.lock_one(shard));
        traffic.data.now_ms = 0;
        traffic.read(&key);
    }
    traffic.data.release();
    let (job, recorder, at_cut) = cut(&space, Mode::Incremental { since }, true);
    drive(&space, &job, &mut traffic, 0);
    let captured = recorder.captured.lock().len();
    assert!((10..400).contains(&captured), "{captured} of {}", at_cut.len());
    recorder.apply_to(&space, &mut sum);
    assert_eq!(sum, at_cut);
}

#[test]
fn reading_hands_nothing_over_and_the_first_change_its_bucket() {
    let (space, _collector) = Keyspace::new(1, DATABASES.into(), 1);
    let mut data = Access::new(&space, policy(), Prng::from_seed(1));
    data.hold(|space| space.lock_one(0));
    for n in 0..2000 {
        data.set_string(format!("k{n}").as_bytes(), b"value", Expiry::Clear);
    }
    data.changed(b"k1", NotifyFlags::STRING, "set");
    data.release();
    let (job, recorder, _) = cut(&space, Mode::Full, false);
    data.hold(|space| space.lock_one(0));
    data.now_ms = 5_000;
    for n in 0..2000 {
        assert!(data.find(format!("k{n}").as_bytes()).is_some());
    }
    assert!(recorder.captured.lock().is_empty());
    data.set_string(b"k7", b"other", Expiry::Clear);
    let captured = recorder.captured.lock().len();
    assert!((1..30).contains(&captured), "{captured}");
    data.set_string(b"k7", b"again", Expiry::Clear);
    assert_eq!(recorder.captured.lock().len(), captured);
    assert!(recorder.captured.lock()[&(0, b"k7".to_vec())].ends_with("value"));
    data.unchanged();
    data.release();
    recorder.congested.store(true, Ordering::Relaxed);
    assert!(space.snapshot_is_congested());
    assert!(space.begin_snapshot(Mode::Full, false, recorder.clone()).is_err());
    assert!(space.begin_tracking().is_err());
    let mut walk = SnapshotWalk::new(job, space.gate().background_lane(0));
    let budget = WalkBudget {
        entries: 100,
        bytes: 1 << 20,
    };
    while walk.step(&space, budget) != Progress::Done {}
    assert_eq!(recorder.captured.lock().len(), 2000);
    assert!(!space.snapshot_is_congested());
}

/// Two loops move amounts between accounts while two walkers take snapshots: each must hold the same sum, and exactly what was
/// there at its cut.
#[test]
fn walkers_and_writers_on_threads_of_their_own() {
    const ACCOUNTS: u64 = 20_000;
    const START: i64 = 1000;
    let (space, _collector) = Keyspace::new(16, DATABASES.into(), 3);
    let name = |n: u64| format!("account:{n}").into_bytes();
    let mut data = Access::new(&space, policy(), Prng::from_seed(1));
    data.hold(Keyspace::lock_as_touched);
    (0..ACCOUNTS).for_each(|n| data.set_int(&name(n), START, Expiry::Clear));
    data.unchanged();
    data.release();
    let stop = AtomicBool::new(false);
    let writer = |lane: usize| {
        let mut random = Prng::from_seed(lane as u64);
        let mut data = Access::new(&space, policy(), Prng::from_seed(1));
        while !stop.load(Ordering::Relaxed) {
            let pass = space.gate().enter(lane);
            let keys = [
                name(random.below(ACCOUNTS)),
                name(random.below(ACCOUNTS)),
                name(ACCOUNTS + random.below(ACCOUNTS)),
            ];
            let shards: Vec<u16> = keys.iter().map(|key| space.shard_of(key)).collect();
            data.hold(|space| space.lock(shards.as_slice().into()));
            data.add_in_place(&keys[0], -7).expect("an integer");
            data.add_in_place(&keys[1], 7).expect("an integer");
            if random.below(2) == 0 {
                data.set_string(&keys[2], b"text", Expiry::Clear);
            } else {
                data.remove(&keys[2]);
            }
            data.unchanged();
            data.release();
            drop(pass);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| writer(0));
        scope.spawn(|| writer(1));
        for _ in 0..6 {
            let (job, recorder, at_cut) = cut(&space, Mode::Full, false);
            let budget = WalkBudget {
                entries: 50,
                bytes: 10_000,
            };
            let walk = |thread| {
                let mut walk = SnapshotWalk::new(job.clone(), space.gate().background_lane(thread));
                while walk.step(&space, budget) != Progress::Done {}
            };
            std::thread::scope(|walkers| {
                walkers.spawn(|| walk(0));
                walk(1);
            });
            let sum: i64 = at_cut
                .values()
                .filter_map(|text| text.rsplit(' ').next()?.parse::<i64>().ok())
                .sum();
            assert_eq!(sum, ACCOUNTS as i64 * START);
            assert_eq!(*recorder.captured.lock(), at_cut);
        }
        stop.store(true, Ordering::Relaxed);
    });
}
