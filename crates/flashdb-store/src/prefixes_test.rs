//! Counts by prefix against a model: random commands on whole databases and single keys, undone or kept, expiry, while walks
//! begin, go on in small steps and are overtaken by others; at any time the counts are those of the keys that are there.

use crate::outline::{Outline, ROOT, Sampled};
use crate::test_traffic::{DATABASES, Traffic};
use crate::{Access, Collector, Expiry, Keyspace, Mark, Tally, WalkBudget};
use flashdb_base::prng::Prng;
use std::collections::BTreeMap;
use std::sync::Arc;

const SHARDS: u16 = 4;

/// An outline of keys that the traffic uses: their digit 1 separates up to three levels.
fn outline(random: &mut Prng, keys: u64) -> Arc<Outline> {
    let mut sampled = Sampled::new(b'1');
    for _ in 0..random.below(300) {
        sampled.add(format!("key:{}", random.below(keys)).as_bytes(), 1.0, 50);
    }
    sampled.outline(usize::from(SHARDS))
}

/// Keys of each branch by looking at all of them.
fn counted(space: &Keyspace, db: u16, outline: &Outline) -> BTreeMap<u32, u64> {
    let mut counts = BTreeMap::new();
    space.lock_as_touched().for_each_shard(|_, shard| {
        for entry in shard.database(db).iter() {
            for id in outline.path(entry.key()) {
                *counts.entry(id).or_default() += 1;
            }
        }
    });
    counts
}

fn check(space: &Keyspace, lane: usize, db: u16, outline: &Arc<Outline>) -> bool {
    let ids: Vec<u32> = (0..outline.len() as u32).collect();
    let Some((all, tallies)) = space.tally_prefixes(lane, db, outline, &ids) else {
        return false;
    };
    let counts = counted(space, db, outline);
    let told: BTreeMap<u32, u64> = ids
        .iter()
        .zip(&tallies)
        .map(|(id, tally)| (*id, tally.keys))
        .filter(|(_, keys)| *keys > 0)
        .collect();
    assert_eq!(told, counts);
    assert_eq!(all.keys, tallies[ROOT as usize].keys);
    let marks = marks(space, lane, db, outline).expect("whole, as before");
    assert!(
        marks
            .iter()
            .zip(&tallies)
            .all(|(mark, tally)| mark.tally == *tally)
    );
    assert!(marks.iter().all(|mark| u64::from(mark.came) >= mark.tally.keys));
    true
}

fn marks(space: &Keyspace, lane: usize, db: u16, outline: &Arc<Outline>) -> Option<Vec<Mark>> {
    let mut marks = vec![Mark::default(); outline.watched()];
    for shard in 0..SHARDS {
        space.mark_prefixes(lane, shard, db, outline, &mut marks)?;
    }
    Some(marks)
}

fn count_all(space: &Keyspace, lane: usize, db: u16, outline: &Arc<Outline>) {
    let budget = WalkBudget {
        entries: usize::MAX,
        bytes: usize::MAX,
    };
    for shard in 0..SHARDS {
        while space.count_prefixes(lane, shard, db, outline, budget) {}
    }
}

#[test]
fn counts_are_those_of_the_keys_whatever_happens() {
    let mut seen = 0;
    for seed in 0..6 {
        let (space, collector) = Keyspace::new(usize::from(SHARDS), usize::from(DATABASES), 1);
        let lane = space.gate().background_lane(1);
        let keys = [30, 400, 3000][seed as usize % 3];
        if seed % 2 == 1 {
            // Marks of changes, for incremental snapshots, are none of the walk's business.
            let _closed = space.gate().close();
            space.begin_tracking().expect("no snapshot runs");
        }
        let mut traffic = Traffic::new(&space, seed, keys);
        let mut random = Prng::from_seed(seed + 100);
        let mut outlines: Vec<Arc<Outline>> = (0..DATABASES).map(|_| outline(&mut random, keys)).collect();
        for step in 0..12_000 {
            traffic.growing = step % 4000 < 2500;
            traffic.run(true);
            let db = random.below(u64::from(DATABASES)) as u16;
            let shard = random.below(u64::from(SHARDS)) as u16;
            let budget = WalkBudget {
                entries: 1 + random.below(40) as usize,
                bytes: usize::MAX,
            };
            space.count_prefixes(lane, shard, db, &outlines[usize::from(db)], budget);
            match random.below(400) {
                0 => outlines[usize::from(db)] = outline(&mut random, keys),
                1..3 => count_all(&space, lane, db, &outlines[usize::from(db)]),
                3..30 => seen += u64::from(check(&space, lane, db, &outlines[usize::from(db)])),
                _ => {}
            }
            if step % 500 == 0 {
                collector.run_pending(&space);
            }
        }
        for db in 0..DATABASES {
            count_all(&space, lane, db, &outlines[usize::from(db)]);
            assert!(check(&space, lane, db, &outlines[usize::from(db)]));
        }
        space.forget_prefixes(lane);
        space.lock_as_touched().for_each_shard(|_, shard| {
            assert!((0..DATABASES).all(|db| shard.database(db).prefixes_bytes() == 0));
        });
    }
    assert!(seen > 300, "whole counts were looked at {seen} times");
}

#[test]
fn what_came_is_counted_also_where_it_went_again() {
    let keys = |from: u32, to: u32| (from..to).map(|n| format!("a:{n}").into_bytes());
    let (space, _collector) = keyspace_of(keys(0, 8));
    let lane = space.gate().background_lane(1);
    let mut sampled = Sampled::new(b':');
    keys(0, 8).for_each(|key| sampled.add(&key, 1.0, 50));
    let outline = sampled.outline(usize::from(SHARDS));
    count_all(&space, lane, 0, &outline);
    let look = || marks(&space, lane, 0, &outline).expect("whole");
    let before = look();
    remove(&space, keys(0, 8));
    set(&space, keys(100, 105));
    remove(&space, keys(100, 102));
    let now = look();
    let id = outline.find(b"a:").expect("a branch");
    for id in [ROOT, id].map(|id| id as usize) {
        assert_eq!((before[id].tally.keys, now[id].tally.keys), (8, 3));
        assert_eq!(now[id].came.wrapping_sub(before[id].came), 5);
    }
    // Replacing a key is neither.
    set(&space, keys(104, 105));
    assert_eq!(look(), now);
    let mut none = [];
    let mut shard = |shard| space.mark_prefixes(lane, shard, 0, &outline, &mut none);
    let serials: Vec<u64> = (0..SHARDS)
        .map(&mut shard)
        .map(|mark| mark.expect("whole").serial)
        .collect();
    assert!(serials.iter().all(|serial| *serial > 0) && serials[0] != serials[1]);
}

#[test]
fn a_sample_stands_for_all_keys() {
    let (space, _collector) = Keyspace::new(usize::from(SHARDS), 1, 1);
    let lane = space.gate().background_lane(1);
    let mut traffic = Traffic::new(&space, 1, 1);
    for n in 0..40_000 {
        let key = format!("{}:{n}", ["big", "big", "big", "small"][n % 4]);
        let shard = space.shard_of(key.as_bytes());
        traffic.data.hold(|space| space.lock_one(shard));
        traffic.data.set_string(key.as_bytes(), b"value", Expiry::Clear);
        traffic.data.changed(
            key.as_bytes(),
            flashdb_base::notify_flags::NotifyFlags::STRING,
            "set",
        );
        traffic.data.effects.discard();
        traffic.data.release();
    }
    let mut sampled = Sampled::new(b':');
    (0..SHARDS).for_each(|shard| space.sample_prefixes(lane, shard, 0, 500, &mut sampled));
    let outline = sampled.outline(usize::from(SHARDS));
    let estimate = |name: &[u8]| outline.branch(outline.find(name).expect("a branch")).estimate;
    assert_eq!(outline.branch(ROOT).estimate, 40_000);
    assert!(
        (28_000..32_000).contains(&estimate(b"big:")),
        "{}",
        estimate(b"big:")
    );
    assert!(
        (8_000..12_000).contains(&estimate(b"small:")),
        "{}",
        estimate(b"small:")
    );
    count_all(&space, lane, 0, &outline);
    let ids = [outline.find(b"big:"), outline.find(b"small:")].map(|id| id.expect("a branch"));
    let (all, tallies) = space.tally_prefixes(lane, 0, &outline, &ids).expect("whole");
    assert_eq!([tallies[0].keys, tallies[1].keys], [30_000, 10_000]);
    // Nothing grew in place, so that the bytes are exact, too.
    let sum = tallies[0].bytes + tallies[1].bytes;
    assert_eq!(
        all,
        Tally {
            keys: 40_000,
            bytes: sum
        }
    );
}

/// A keyspace of these keys.
pub(crate) fn keyspace_of(keys: impl Iterator<Item = Vec<u8>>) -> (Keyspace, Collector) {
    let (space, collector) = Keyspace::new(usize::from(SHARDS), 1, 1);
    set(&space, keys);
    (space, collector)
}

/// Makes these keys.
pub(crate) fn set(space: &Keyspace, keys: impl Iterator<Item = Vec<u8>>) {
    change(space, keys, |data, key| {
        data.set_string(key, b"value", Expiry::Clear)
    });
}

/// Removes these keys.
pub(crate) fn remove(space: &Keyspace, keys: impl Iterator<Item = Vec<u8>>) {
    change(space, keys, |data, key| {
        data.remove(key);
    });
}

fn change(space: &Keyspace, keys: impl Iterator<Item = Vec<u8>>, act: impl Fn(&mut Access<'_>, &[u8])) {
    let mut traffic = Traffic::new(space, 1, 1);
    for key in keys {
        let shard = space.shard_of(&key);
        traffic.data.hold(|space| space.lock_one(shard));
        act(&mut traffic.data, &key);
        traffic.data.effects.discard();
        traffic.data.release();
    }
}
