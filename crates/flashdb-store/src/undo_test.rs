//! Undoing against a model: random changes of every kind, undone or kept on several levels, must leave what the kept ones
//! alone would have left: data, accounts, effects, watchers.

use crate::test_traffic::{DATABASES, State, Traffic, policy, state_of};
use crate::{Access, Expiry, Keyspace, Touched, ValueRef, WatchFlag};
use flashdb_base::args::OwnedArgs;
use flashdb_base::hash::hash_bytes;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::prng::Prng;
use flashdb_types::list::{self, List};
use std::sync::Arc;

/// All that has to be the same again after a rollback.
#[derive(PartialEq, Debug)]
struct Picture {
    data: State,
    /// Of each shard's part of a database: bytes of entries, keys, keys with an expiry, hashes with expiring fields.
    counts: Vec<(usize, usize, usize, usize)>,
    touched: Vec<Touched>,
    log: String,
    /// Changes; keys expired and evicted, fields expired; whether the effect was decided.
    numbers: (u64, u64, u64, u64, bool),
    watchers: Vec<bool>,
    db: u16,
}

/// Traffic with listeners to everything, by one of which it is told what it did.
struct World<'k> {
    traffic: Traffic<'k>,
    flags: Vec<Arc<WatchFlag>>,
}

impl<'k> World<'k> {
    fn new(space: &'k Keyspace, keys: u64) -> Self {
        let mut traffic = Traffic::new(space, 1, keys);
        traffic.draws = false;
        let data = &mut traffic.data;
        data.effects.recording = true;
        data.effects.published = NotifyFlags::ALL.union(NotifyFlags::NEW);
        data.hold(Keyspace::lock_as_touched);
        let mut world = World {
            traffic,
            flags: Vec::new(),
        };
        world.watch(keys);
        world
    }

    fn watch(&mut self, keys: u64) {
        self.flags.clear();
        for n in 0..keys.min(8) * u64::from(DATABASES) {
            let flag = Arc::default();
            self.traffic.data.db = (n % u64::from(DATABASES)) as u16;
            self.traffic
                .data
                .watch(format!("key:{}", n / 4).as_bytes(), &flag);
            self.flags.push(flag);
        }
    }

    /// Some changes that depend on the seed, the time, and the data alone.
    fn changes(&mut self, seed: u64, now_ms: i64) {
        let traffic = &mut self.traffic;
        traffic.random = Prng::from_seed(seed);
        traffic.data.prng = Prng::from_seed(seed);
        traffic.data.now_ms = now_ms;
        traffic.growing = seed.is_multiple_of(2);
        for _ in 0..traffic.random.below(20) {
            let dirty = traffic.data.effects.dirty;
            traffic.step(seed.is_multiple_of(3));
            let (db, request) = (traffic.data.db, OwnedArgs::from_words([b"step".as_slice()]));
            traffic.data.effects.end_command(db, dirty, &request.as_args());
        }
    }

    fn picture(&mut self) -> Picture {
        let data = &mut self.traffic.data;
        let mut counts = Vec::new();
        data.held().for_each_shard(|_, shard| {
            for db in 0..DATABASES {
                let database = shard.database(db);
                let bytes: usize = database.iter().map(|entry| entry.memory_bytes()).sum();
                assert_eq!(bytes + database.table_bytes(), database.memory_bytes());
                let volatile = database.iter().filter(|entry| entry.expire_at_ms().is_some());
                assert_eq!(volatile.count(), database.volatile_len());
                let expiring =
                    |value| matches!(value, ValueRef::Hash(hash) if hash.next_expiry_ms().is_some());
                let fields = database.iter().filter(|entry| expiring(entry.value()));
                assert_eq!(fields.count(), database.volatile_fields_len());
                for entry in database.iter() {
                    assert!(database.find(entry.key(), hash_bytes(entry.key())).is_some());
                }
                let (keys, volatile) = (database.len(), database.volatile_len());
                counts.push((bytes, keys, volatile, database.volatile_fields_len()));
            }
        });
        let state = state_of(data.held());
        let effects = &data.effects;
        Picture {
            data: state,
            counts,
            touched: effects.touched.clone(),
            log: format!("{:?}", effects.log),
            numbers: (
                effects.dirty,
                effects.expired,
                effects.evicted,
                effects.expired_fields,
                effects.explicit,
            ),
            watchers: self.flags.iter().map(|flag| flag.is_dirty()).collect(),
            db: data.db,
        }
    }

    fn settle(&mut self) {
        self.traffic.data.effects.discard();
        self.traffic.data.release();
        self.traffic.data.hold(Keyspace::lock_as_touched);
    }
}

/// A level with changes, further levels inside, and its end. What is kept is done in `twin`, too, unless an outer level is
/// going to be undone.
fn level(
    world: &mut World<'_>,
    mut twin: Option<&mut World<'_>>,
    random: &mut Prng,
    clock: &mut i64,
    depth: u32,
) {
    let keeps = random.below(2) == 0;
    if !keeps {
        twin = None;
    }
    let before = (!keeps).then(|| world.picture());
    world.traffic.data.begin_undo();
    for _ in 0..1 + random.below(3) {
        *clock += random.below(300) as i64;
        if depth > 0 && random.below(3) == 0 {
            level(world, twin.as_deref_mut(), random, clock, depth - 1);
            continue;
        }
        let seed = random.next_u64();
        world.changes(seed, *clock);
        if let Some(twin) = &mut twin {
            twin.changes(seed, *clock);
        }
    }
    match before {
        Some(before) => {
            world.traffic.data.roll_back();
            assert_eq!(world.picture(), before);
        }
        None => world.traffic.data.end_undo(),
    }
}

#[test]
fn what_is_rolled_back_never_happened() {
    for seed in 0..60 {
        let mut random = Prng::from_seed(seed);
        let keys = [4, 12, 60, 400][random.below(4) as usize];
        let spaces = [(), ()].map(|()| Keyspace::new(4, DATABASES.into(), 1).0);
        let [mut world, mut twin] = spaces.each_ref().map(|space| World::new(space, keys));
        let mut clock = 1_000_000;
        for round in 0..12 {
            level(&mut world, Some(&mut twin), &mut random, &mut clock, 3);
            assert!(!world.traffic.data.is_undoable());
            twin.traffic.data.db = world.traffic.data.db;
            let (is, should) = (world.picture(), twin.picture());
            assert_eq!(is.data, should.data, "seed {seed}, round {round}");
            assert_eq!(is.touched, should.touched, "seed {seed}, round {round}");
            assert_eq!(is.log, should.log, "seed {seed}, round {round}");
            assert_eq!(is.numbers, should.numbers, "seed {seed}, round {round}");
            assert_eq!(is.watchers, should.watchers, "seed {seed}, round {round}");
            world.settle();
            twin.settle();
            if random.below(4) == 0 {
                world.watch(keys);
                twin.watch(keys);
            }
        }
    }
}

fn access(space: &Keyspace) -> Access<'_> {
    let mut data = Access::new(space, policy(), Prng::from_seed(1));
    data.hold(Keyspace::lock_as_touched);
    data
}

/// The values themselves come back, not copies: nothing is copied for a removal or a replacement.
#[test]
fn removed_and_replaced_values_are_kept_without_a_copy() {
    let (space, _collector) = Keyspace::new(4, 2, 1);
    let mut data = access(&space);
    let address = |data: &mut Access<'_>, key: &[u8]| data.find_quietly(key).map(|entry| entry.address());
    for key in [b"a", b"b", b"c"] {
        data.set_string(key, &[b'x'; 100_000], Expiry::Clear);
    }
    let before = [b"a", b"b", b"c"].map(|key| address(&mut data, key));
    data.begin_undo();
    assert!(data.undo_cost_bytes(b"a") >= 100_000);
    assert_eq!(data.undo_cost_bytes(b"missing"), 0);
    data.remove(b"a");
    assert_eq!(data.undo_cost_bytes(b"a"), 0);
    data.set_string(b"b", b"short", Expiry::Clear);
    let _ = data.edit_string(b"c", false, |bytes| bytes.truncate(5));
    data.flush_database(0, true);
    data.set_string(b"a", b"after", Expiry::Clear);
    data.roll_back();
    assert_eq!([b"a", b"b", b"c"].map(|key| address(&mut data, key)), before);
    assert_eq!(space.lazyfree_pending(), 0);
    assert_eq!(
        data.undo_cost_bytes(b"a"),
        0,
        "nothing is kept outside of a level"
    );
}

/// An expiry alone costs no copy; a change of the value after it does, and both are undone.
#[test]
fn an_expiry_is_undone_with_and_without_the_value() {
    let (space, _collector) = Keyspace::new(4, 2, 1);
    let mut data = access(&space);
    data.write_or_create(b"list", List::new)
        .expect("absent")
        .push_back(b"one", &list::Limits::default());
    let push = |data: &mut Access<'_>| {
        if let Ok(Some(mut list)) = data.write::<List>(b"list") {
            list.push_back(b"two", &list::Limits::default());
        }
    };
    let now = |data: &mut Access<'_>| {
        let entry = data.find_quietly(b"list").expect("there");
        let ValueRef::List(list) = entry.value() else {
            unreachable!("a list was made")
        };
        (entry.expire_at_ms(), list.len())
    };
    for changes_value in [false, true] {
        data.begin_undo();
        data.set_expiry(b"list", Some(77));
        if changes_value {
            push(&mut data);
        }
        assert_eq!(now(&mut data), (Some(77), if changes_value { 2 } else { 1 }));
        data.begin_undo();
        data.set_expiry(b"list", None);
        push(&mut data);
        data.end_undo();
        data.roll_back();
        assert_eq!(now(&mut data), (None, 1));
    }
    data.unchanged();
}

/// What is kept of values that are large goes to the collector.
#[test]
fn images_of_large_values_are_freed_off_the_loop() {
    let (space, collector) = Keyspace::new(4, 2, 1);
    let mut data = access(&space);
    for n in 0..10_000 {
        let mut list = data.write_or_create(b"list", List::new).expect("a list");
        list.push_back(format!("{n:0>100}").as_bytes(), &list::Limits::default());
    }
    data.unchanged();
    data.begin_undo();
    data.remove(b"list");
    assert_eq!(space.lazyfree_pending(), 0);
    data.end_undo();
    assert_eq!(space.lazyfree_pending(), 1);
    data.unchanged();
    collector.run_pending(&space);
}

/// What is not there is neither made by looking for it nor by flushing it.
#[test]
fn databases_that_nobody_wrote_to_are_not_made() {
    let (space, _collector) = Keyspace::new(4, 10_000, 1);
    let mut data = access(&space);
    let made = |data: &mut Access<'_>| {
        let mut most = 0;
        data.held()
            .for_each_shard(|_, shard| most = most.max(shard.databases_len()));
        most
    };
    let before = made(&mut data);
    data.db = 9_999;
    assert!(data.find(b"missing").is_none());
    assert!(data.find_for_write(b"missing").is_none());
    assert!(!data.remove(b"missing"));
    assert!(!data.set_expiry(b"missing", Some(5)));
    assert!(matches!(data.write::<List>(b"missing"), Ok(None)));
    data.unchanged();
    data.begin_undo();
    for db in 0..10_000 {
        data.flush_database(db, false);
    }
    data.roll_back();
    assert_eq!(made(&mut data), before);
    data.set_string(b"k", b"v", Expiry::Clear);
    assert_eq!(made(&mut data), 10_000);
    data.flush_database(9_999, false);
    assert_eq!(made(&mut data), before, "given back");
}
