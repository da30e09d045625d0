//! Snapshots against a model: whatever happens between cut and end, in whatever order, what reaches the sink is the state
//! at the cut, each entry once; and a chain of incremental ones adds up to the state at its last cut.

use crate::entry::Entry;
use crate::{
    Access, Coverage, Eviction, Expiry, Keyspace, Mode, Policy, Progress, SnapshotJob, SnapshotSink,
    SnapshotWalk, Usage, Value, ValueRef, Victim, WalkBudget,
};
use flashdb_base::hash::hash_bytes;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::prng::Prng;
use flashdb_table::Regions;
use flashdb_types::hash::{FieldTtl, Hash, HashLimits};
use flashdb_types::list::{self, List};
use flashdb_types::set::{Set, SetLimits};
use flashdb_types::zset::{self, ZSet};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const DATABASES: u16 = 4;

/// Shards and keys: tables of a few entries, of one segment, and of many that split and merge.
const SIZES: [(usize, u64); 4] = [(4, 8), (4, 300), (4, 5000), (1, 40_000)];

/// Database and key, to a text that tells the whole of the value and its expiry.
type State = BTreeMap<(u16, Vec<u8>), String>;

fn describe(entry: &Entry) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut parts: Vec<String> = match entry.value() {
        ValueRef::String(value) => vec![format!("{} {}", value.len(), text(&value.to_vec()))],
        ValueRef::List(list) => list.iter().map(text).collect(),
        ValueRef::Set(set) => set.iter().map(|member| text(&member.to_vec())).collect(),
        ValueRef::ZSet(zset) => zset
            .iter()
            .map(|(member, score)| format!("{}={score}", text(member)))
            .collect(),
        ValueRef::Hash(hash) => hash
            .iter()
            .map(|field| {
                format!(
                    "{}={}@{:?}",
                    text(field.name),
                    text(field.value),
                    field.expires_at_ms
                )
            })
            .collect(),
        ValueRef::Stream(_) => unreachable!("the tests make none"),
    };
    if !matches!(entry.value(), ValueRef::List(_)) {
        parts.sort();
    }
    format!(
        "{} {:?} {}",
        entry.value().type_name(),
        entry.expire_at_ms(),
        parts.join(",")
    )
}

fn state(space: &Keyspace) -> State {
    let mut state = State::new();
    space.lock_as_touched().for_each_shard(|_, shard| {
        for db in 0..DATABASES {
            for entry in shard.database(db).iter() {
                state.insert((db, entry.key().to_vec()), describe(entry));
            }
        }
    });
    state
}

#[derive(Default)]
struct Recorder {
    captured: Mutex<State>,
    /// By shard and database; `None` is all of it.
    covered: Mutex<BTreeMap<(u16, u16), Option<Regions>>>,
    congested: AtomicBool,
}

impl SnapshotSink for Recorder {
    fn capture(&self, shard: u16, db: u16, entry: &Entry) {
        if let Some(Some(regions)) = self.covered.lock().get(&(shard, db)) {
            assert!(regions.contains(hash_bytes(entry.key())));
        }
        let at = (db, entry.key().to_vec());
        let twice = self.captured.lock().insert(at, describe(entry));
        assert_eq!(twice, None, "each entry once");
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

fn policy() -> Policy {
    Policy {
        touch: true,
        usage: Usage::Lru,
        expire: true,
    }
}

/// Random changes and reads of every kind.
struct Traffic<'k> {
    data: Access<'k>,
    random: Prng,
    keys: u64,
    growing: bool,
}

impl<'k> Traffic<'k> {
    fn new(space: &'k Keyspace, seed: u64, keys: u64) -> Self {
        let mut data = Access::new(space, policy(), Prng::from_seed(seed));
        data.now_ms = 1_000_000;
        Traffic {
            data,
            random: Prng::from_seed(seed),
            keys,
            growing: true,
        }
    }

    fn key(&mut self) -> Vec<u8> {
        format!("key:{}", self.random.below(self.keys)).into_bytes()
    }

    fn value(&mut self) -> Vec<u8> {
        let len = [1, 3, 30, 30, 200, 6000][self.random.below(6) as usize];
        vec![b'a' + self.random.below(26) as u8; len]
    }

    fn expiry(&mut self) -> Expiry {
        match self.random.below(4) {
            0 => Expiry::Keep,
            1 => Expiry::At(self.data.now_ms + self.random.below(5000) as i64),
            _ => Expiry::Clear,
        }
    }

    /// One command.
    fn run(&mut self, whole_databases: bool) {
        self.data.db = self.random.below(u64::from(DATABASES)) as u16;
        self.data.now_ms += self.random.below(3) as i64;
        let key = self.key();
        if whole_databases && self.random.below(400) == 0 {
            return self.run_on_databases();
        }
        let shard = self.data.space().shard_of(&key);
        self.data.hold(|space| space.lock_one(shard));
        match self.random.below(10) {
            0..3 if !self.growing => {
                self.data.remove(&key);
            }
            0 => self.read(&key),
            1..5 => self.write_string(&key),
            5..8 => self.write_object(&key),
            8 => self.move_entry(&key),
            _ => self.end_some(&key, shard),
        }
        self.data.unchanged();
        self.data.release();
        self.data.effects.discard();
    }

    fn run_on_databases(&mut self) {
        self.data.hold(Keyspace::lock_as_touched);
        if self.random.below(2) == 0 {
            let later = self.random.below(2) == 0;
            self.data.flush_database(self.data.db, later);
        } else {
            let other = self.random.below(u64::from(DATABASES)) as u16;
            self.data.swap_databases(self.data.db, other);
        }
        self.data.release();
    }

    fn read(&mut self, key: &[u8]) {
        self.data.find(key);
        self.data.observe(key);
        self.data.set_access_bits(key, 7);
    }

    fn write_string(&mut self, key: &[u8]) {
        let (value, expiry) = (self.value(), self.expiry());
        match self.random.below(6) {
            0 => {
                self.data.set_int(key, 5, expiry);
                self.data.add_in_place(key, 17);
            }
            1 => {
                let edit = |bytes: &mut Vec<u8>| bytes.extend_from_slice(&value);
                let _ = self.data.edit_string(key, true, edit);
            }
            2 => self.data.set_value(key, Value::String(value), expiry),
            3 => {
                let at_ms = self.data.now_ms + 100;
                self.data.set_expiry(key, (value.len() > 5).then_some(at_ms));
            }
            _ => self.data.set_string(key, &value, expiry),
        }
    }

    fn write_object(&mut self, key: &[u8]) {
        let (value, member) = (self.value(), self.key());
        match self.random.below(5) {
            0 => {
                if let Ok(mut list) = self.data.write_or_create(key, List::new) {
                    list.push_back(&value, &list::Limits::default());
                }
            }
            1 => {
                if let Ok(mut set) = self.data.write_or_create(key, Set::new) {
                    set.insert(&member, &SetLimits::default());
                }
            }
            2 => {
                if let Ok(mut zset) = self.data.write_or_create(key, ZSet::new) {
                    zset.insert(&member, value.len() as f64, &zset::Limits::default());
                }
            }
            3 => {
                if let Ok(Some(mut list)) = self.data.write::<List>(key) {
                    list.pop_front();
                }
                self.data.remove_if::<List>(key, List::is_empty);
            }
            _ => {
                let at_ms = self.data.now_ms as u64 + self.random.below(2000);
                if let Ok(mut hash) = self.data.write_or_create(key, Hash::new) {
                    hash.set(&member, &value, FieldTtl::At(at_ms), &HashLimits::default());
                }
                self.data.note_field_expiries(key);
                self.data.expire_fields(key, 3);
            }
        }
    }

    fn move_entry(&mut self, key: &[u8]) {
        let to = self.key();
        let shards = [key, &to].map(|key| self.data.space().shard_of(key));
        self.data.hold(|space| space.lock(shards.as_slice().into()));
        if let Some(entry) = self.data.take(key) {
            let at_ms = entry.expire_at_ms();
            if self.random.below(2) == 0 {
                self.data.set_entry(entry.clone_as(key, at_ms));
            }
            self.data.set_entry(entry.with_key(&to));
        }
    }

    fn end_some(&mut self, key: &[u8], shard: u16) {
        let eviction = Eviction {
            victim: Victim::LeastRecent,
            volatile_only: false,
            samples: 5,
        };
        match self.random.below(3) {
            0 => {
                self.data.remove(key);
            }
            1 => {
                self.data.expire_due(shard, 0);
            }
            _ => {
                self.data.evict_one(shard, &eviction);
            }
        }
    }

    fn run_many(&mut self, count: u64) {
        self.growing = self.random.below(2) == 0;
        for _ in 0..count {
            self.run(true);
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
fn an_incremental_snapshot_takes_little_after_few_changes() {
    let (space, _collector) = Keyspace::new(4, DATABASES.into(), 1);
    let mut traffic = Traffic::new(&space, 1, 20_000);
    (0..60_000).for_each(|_| traffic.run(false));
    let since = space.begin_tracking().expect("no snapshot runs");
    let mut sum = state(&space);
    for _ in 0..10 {
        let key = traffic.key();
        let shard = space.shard_of(&key);
        traffic.data.hold(|space| space.lock_one(shard));
        traffic.data.set_string(&key, b"new", Expiry::Clear);
        traffic.data.unchanged();
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
