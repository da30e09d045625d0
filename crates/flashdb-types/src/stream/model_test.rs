//! Streams and groups against standard collections under seeded random operations, and the counter
//! rules of Redis 7.0 case by case.

use std::collections::BTreeMap;

use super::*;
use flashdb_base::prng::Prng;

type FieldList = Vec<(Vec<u8>, Vec<u8>)>;
type Model = BTreeMap<StreamId, FieldList>;

const LIMITS: StreamLimits = StreamLimits {
    node_bytes_max: 4096,
    node_entries_max: 100,
};

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

fn pairs(fields: &FieldList) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    fields
        .iter()
        .map(|(name, value)| (name.as_slice(), value.as_slice()))
}

fn owned(entry: Entry<'_>) -> (StreamId, FieldList) {
    assert_eq!(entry.fields().len(), entry.field_count());
    (
        entry.id(),
        entry
            .fields()
            .map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect(),
    )
}

fn add(stream: &mut Stream, ms: u64) {
    let fields = [(&b"f"[..], &b"v"[..])];
    stream
        .entries_mut()
        .append(id(ms, 0), fields.into_iter(), &LIMITS)
        .expect("rising id");
}

fn stream_of(range: std::ops::RangeInclusive<u64>) -> Stream {
    let mut stream = Stream::new();
    range.for_each(|ms| add(&mut stream, ms));
    stream
}

fn one_in(random: &mut Prng, chances: u64) -> bool {
    random.below(chances) == 0
}

fn random_bytes(random: &mut Prng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    bytes
}

fn random_fields(random: &mut Prng) -> FieldList {
    let names: &[&str] = match random.below(6) {
        0 => &["item", "other"],
        1 => &["x"],
        2 => &[],
        _ => &["item"],
    };
    let mut fields: FieldList = Vec::new();
    for name in names {
        let len = if one_in(random, 50) {
            random.below(6000)
        } else {
            random.below(20)
        };
        fields.push((name.as_bytes().to_vec(), random_bytes(random, len as usize)));
    }
    fields
}

fn random_next_id(random: &mut Prng, last: StreamId) -> StreamId {
    match random.below(4) {
        0 => last.next().expect("far from the end"),
        1 => id(last.ms, last.seq + 1 + random.below(1000)),
        2 => id(last.ms + 1 + random.below(5), random.below(3)),
        _ => {
            let magnitude = random.below(40);
            id(last.ms + 1 + random.below(1 << magnitude), random.next_u64() >> 1)
        }
    }
}

fn random_id(random: &mut Prng, model: &Model) -> StreamId {
    let nearby = random.below(model.len().max(1) as u64) as usize;
    match model.keys().nth(nearby) {
        Some(&id) if one_in(random, 3) => id.next().unwrap_or(id),
        Some(&id) if one_in(random, 3) => id.prev().unwrap_or(id),
        Some(&id) => id,
        None => StreamId::new(random.below(10), 0),
    }
}

fn check_ranges(random: &mut Prng, stream: &Stream, model: &Model) {
    let (start, end) = (random_id(random, model), random_id(random, model));
    let expected: Vec<_> = match start <= end {
        true => model
            .range(start..=end)
            .map(|(id, fields)| (*id, fields.clone()))
            .collect(),
        false => Vec::new(),
    };
    let forward: Vec<_> = stream.range(start, end).map(owned).collect();
    assert_eq!(forward, expected);
    let mut backward: Vec<_> = stream.range_rev(start, end).map(owned).collect();
    backward.reverse();
    assert_eq!(backward, expected);
    assert_eq!(
        stream.get(start).map(owned).map(|(_, fields)| fields),
        model.get(&start).cloned()
    );
}

fn check_whole(stream: &Stream, model: &Model) {
    stream.validate();
    assert_eq!(stream.len(), model.len() as u64);
    assert!(
        stream
            .iter()
            .map(owned)
            .eq(model.iter().map(|(id, fields)| (*id, fields.clone())))
    );
    let in_blocks = stream
        .blocks()
        .flat_map(|block| block.entries().collect::<Vec<_>>());
    assert!(in_blocks.map(|entry| entry.id()).eq(model.keys().copied()));
    assert_eq!(
        stream.blocks().map(|block| block.len()).sum::<usize>(),
        model.len()
    );
}

fn trim_both(random: &mut Prng, stream: &mut Stream, model: &mut Model) {
    let to = match one_in(random, 2) {
        true => TrimTo::MaxLen(random.below(model.len() as u64 * 5 / 4 + 2)),
        false => TrimTo::MinId(random_id(random, model)),
    };
    let approximate = one_in(random, 2);
    let limit = if approximate && one_in(random, 2) {
        1 + random.below(60)
    } else {
        0
    };
    let deleted = stream.entries_mut().trim(&Trim {
        to,
        approximate,
        limit,
    });
    let doomed = match to {
        TrimTo::MaxLen(max) => (model.len() as u64).saturating_sub(max),
        TrimTo::MinId(min) => model.range(..min).count() as u64,
    };
    assert!(if approximate {
        deleted <= doomed
    } else {
        deleted == doomed
    });
    assert!(limit == 0 || deleted <= limit);
    for _ in 0..deleted {
        model.pop_first();
    }
}

#[test]
fn entries_match_a_map_under_random_operations() {
    for seed in 0..24 {
        let mut random = Prng::from_seed(seed);
        let limits = StreamLimits {
            node_bytes_max: [0, 128, 512, 4096][random.below(4) as usize],
            node_entries_max: [0, 1, 7, 100][random.below(4) as usize],
        };
        let (mut stream, mut model) = (Stream::new(), Model::new());
        let (mut added, mut max_deleted) = (0, StreamId::MIN);
        for step in 0..400 {
            match random.below(20) {
                0 if step % 5 == 0 => trim_both(&mut random, &mut stream, &mut model),
                0..5 => {
                    let id = random_id(&mut random, &model);
                    let was_there = model.remove(&id).is_some();
                    assert_eq!(stream.entries_mut().delete(id), was_there, "seed {seed}");
                    max_deleted = if was_there {
                        max_deleted.max(id)
                    } else {
                        max_deleted
                    };
                }
                _ => {
                    let id = random_next_id(&mut random, stream.last_id());
                    let fields = random_fields(&mut random);
                    stream
                        .entries_mut()
                        .append(id, pairs(&fields), &limits)
                        .expect("rising id");
                    model.insert(id, fields);
                    added += 1;
                }
            }
            stream.validate();
            check_ranges(&mut random, &stream, &model);
        }
        check_whole(&stream, &model);
        let copy = stream.clone();
        check_whole(&copy, &model);
        assert!(copy.memory_bytes() <= stream.memory_bytes());
        assert_eq!(
            (copy.entries_added(), copy.max_deleted_id()),
            (added, max_deleted)
        );
        for id in model.keys() {
            assert!(stream.entries_mut().delete(*id));
        }
        stream.validate();
        assert_eq!(
            (stream.len(), stream.block_count(), stream.first_id()),
            (0, 0, StreamId::MIN)
        );
    }
}

#[test]
fn many_blocks_grow_and_shrink_in_any_order() {
    let limits = StreamLimits {
        node_bytes_max: 4096,
        node_entries_max: 1,
    };
    let (mut stream, mut random) = (Stream::new(), Prng::from_seed(7));
    for ms in 1..=2000 {
        stream
            .entries_mut()
            .append(id(ms, 0), [(&b"f"[..], &b"v"[..])].into_iter(), &limits)
            .expect("rising");
    }
    assert_eq!(stream.block_count(), 2000);
    stream.validate();
    let mut left: Vec<u64> = (1..=2000).collect();
    while !left.is_empty() {
        let ms = left.swap_remove(random.below(left.len() as u64) as usize);
        assert!(stream.entries_mut().delete(id(ms, 0)));
        if left.len().is_multiple_of(100) {
            stream.validate();
            assert_eq!(stream.iter().count(), left.len());
        }
    }
    assert!(stream.memory_bytes() < 400);
}

#[test]
fn append_refuses_ids_that_do_not_rise() {
    let mut stream = stream_of(1..=2);
    let append = |stream: &mut Stream, id| {
        stream
            .entries_mut()
            .append(id, [(&b"f"[..], &b"v"[..])].into_iter(), &LIMITS)
    };
    assert_eq!(append(&mut stream, id(2, 0)), Err(AppendError::NotGreater));
    assert_eq!(append(&mut stream, id(1, 9)), Err(AppendError::NotGreater));
    assert_eq!(
        append(&mut Stream::new(), StreamId::MIN),
        Err(AppendError::NotGreater)
    );
    assert_eq!(append(&mut stream, StreamId::MAX), Ok(()));
    assert_eq!(stream.range(id(3, 0), StreamId::MAX).count(), 1);
    stream.validate();
}

/// XSETID may lower the last id below a deleted entry that is still in its block.
#[test]
fn entries_below_deleted_ones_are_found() {
    let mut stream = stream_of(1..=5);
    let entries = stream.entries_mut();
    assert!(entries.delete(id(4, 0)) && entries.delete(id(5, 0)));
    entries
        .set_counters(id(3, 0), None, None)
        .expect("above the top entry");
    for ms in [4, 5] {
        entries
            .append(id(ms, 0), [(&b"f"[..], &b"v"[..])].into_iter(), &LIMITS)
            .expect("above the last id");
        assert!(entries.contains(id(ms, 0)), "{ms}");
    }
    assert_eq!(entries.len(), 5);
    entries.validate();
}

#[test]
fn small_entries_are_compact() {
    let mut stream = Stream::new();
    for ms in 1..=10_000 {
        let fields = [(&b"temperature"[..], &b"21.5"[..]), (b"humidity", b"40")];
        stream
            .entries_mut()
            .append(id(1_700_000_000_000 + ms, 0), fields.into_iter(), &LIMITS)
            .expect("rising");
    }
    let per_entry = stream.memory_bytes() / 10_000;
    assert!(per_entry <= 15, "{per_entry} bytes for values of 6");
}

#[test]
fn approximate_trims_take_whole_blocks() {
    let trim = |to, approximate, limit| Trim {
        to,
        approximate,
        limit,
    };
    let mut stream = stream_of(1..=1000);
    assert_eq!(
        stream.entries_mut().trim(&trim(TrimTo::MaxLen(666), false, 0)),
        334
    );
    assert_eq!(
        stream.entries_mut().trim(&trim(TrimTo::MaxLen(555), false, 0)),
        111
    );
    assert_eq!(stream.entries_mut().trim(&trim(TrimTo::MaxLen(444), true, 0)), 55);
    assert_eq!(stream.len(), 500);
    assert_eq!(
        stream.entries_mut().trim(&trim(TrimTo::MaxLen(400), true, 0)),
        100
    );
    assert_eq!(stream.entries_mut().trim(&trim(TrimTo::MaxLen(0), true, 99)), 0);
    assert_eq!(
        stream
            .entries_mut()
            .trim(&trim(TrimTo::MinId(id(701, 0)), true, 0)),
        100
    );
    assert_eq!(
        stream
            .entries_mut()
            .trim(&trim(TrimTo::MinId(id(801, 0)), true, 250)),
        100
    );
    assert_eq!(stream.first_id(), id(801, 0));
    stream.validate();
}

#[test]
fn counters_are_set_within_reason() {
    let mut stream = stream_of(1..=3);
    let entries = stream.entries_mut();
    assert_eq!(
        entries.set_counters(id(2, 0), None, None),
        Err(SetIdError::BelowTopEntry)
    );
    assert_eq!(
        entries.set_counters(id(9, 0), Some(2), None),
        Err(SetIdError::AddedBelowLength)
    );
    assert_eq!(entries.set_counters(id(9, 0), Some(7), Some(id(2, 0))), Ok(()));
    assert_eq!(
        (
            entries.last_id(),
            entries.entries_added(),
            entries.max_deleted_id()
        ),
        (id(9, 0), 7, id(2, 0))
    );
    assert_eq!(entries.set_counters(id(9, 0), None, Some(StreamId::MIN)), Ok(()));
    assert_eq!(entries.max_deleted_id(), id(2, 0));
}

fn read(
    stream: &mut Stream,
    group: &[u8],
    consumer: &[u8],
    count: usize,
    no_ack: bool,
    now: i64,
) -> Vec<u64> {
    let mut group = stream.group_mut(group).expect("the group exists");
    let consumer = match group.find_consumer(consumer) {
        Some(consumer) => consumer,
        None => group.create_consumer(consumer, now).expect("a free name"),
    };
    let (entries, mut got) = (group.entries(), Vec::new());
    group.read_new(entries, consumer, count, no_ack, now, |entry| {
        got.push(entry.id().ms)
    });
    got
}

fn position(stream: &Stream, group: &[u8]) -> (Option<u64>, Option<i64>) {
    let group = stream.group(group).expect("the group exists");
    (group.entries_read(), group.lag(stream))
}

#[test]
fn lag_of_an_undisturbed_stream_is_exact() {
    let mut stream = Stream::new();
    stream.create_group(b"g", StreamId::MIN, None);
    assert_eq!(position(&stream, b"g"), (None, Some(0)));
    (1..=5).for_each(|ms| add(&mut stream, ms));
    assert_eq!(position(&stream, b"g"), (None, Some(5)));
    assert_eq!(read(&mut stream, b"g", b"c", 1, false, 0), [1]);
    assert_eq!(position(&stream, b"g"), (Some(1), Some(4)));
    assert_eq!(read(&mut stream, b"g", b"d", 10, false, 0), [2, 3, 4, 5]);
    assert_eq!(position(&stream, b"g"), (Some(5), Some(0)));
    add(&mut stream, 6);
    assert_eq!(position(&stream, b"g"), (Some(5), Some(1)));
}

#[test]
fn lag_is_unknown_while_a_deletion_lies_ahead() {
    let mut stream = stream_of(1..=5);
    assert!(stream.entries_mut().delete(id(3, 0)));
    stream.create_group(b"g1", StreamId::MIN, None);
    stream.create_group(b"g2", StreamId::MIN, None);
    assert_eq!(position(&stream, b"g1"), (None, None));
    for expected in [1, 2, 4] {
        assert_eq!(read(&mut stream, b"g1", b"c", 1, false, 0), [expected]);
        assert_eq!(position(&stream, b"g1"), (None, None));
    }
    assert_eq!(read(&mut stream, b"g1", b"c", 1, false, 0), [5]);
    assert_eq!(position(&stream, b"g1"), (Some(5), Some(0)));
    add(&mut stream, 6);
    let trim = |stream: &mut Stream, ms| {
        stream.entries_mut().trim(&Trim {
            to: TrimTo::MinId(id(ms, 0)),
            approximate: false,
            limit: 0,
        })
    };
    trim(&mut stream, 3);
    assert_eq!(
        (position(&stream, b"g1"), position(&stream, b"g2")),
        ((Some(5), Some(1)), (None, Some(3)))
    );
    trim(&mut stream, 5);
    assert_eq!(
        (position(&stream, b"g1"), position(&stream, b"g2")),
        ((Some(5), Some(1)), (None, Some(2)))
    );
}

#[test]
fn lag_of_a_stream_that_ran_dry_is_zero() {
    let mut stream = stream_of(1..=1);
    stream.create_group(b"g", StreamId::MIN, None);
    stream.entries_mut().delete(id(1, 0));
    assert_eq!(position(&stream, b"g"), (None, Some(0)));
}

#[test]
fn history_shows_deleted_entries_and_counts_deliveries() {
    let mut stream = stream_of(1..=3);
    stream.create_group(b"g", StreamId::MIN, None);
    read(&mut stream, b"g", b"c", 10, false, 5);
    stream.entries_mut().delete(id(2, 0));
    let mut group = stream.group_mut(b"g").expect("exists");
    let consumer = group.find_consumer(b"c").expect("exists");
    let (entries, mut seen) = (group.entries(), Vec::new());
    group.read_history(entries, consumer, StreamId::MIN, 2, 9, |id, entry| {
        seen.push((id.ms, entry.is_some()))
    });
    assert_eq!(seen, [(1, true), (2, false)]);
    let deliveries: Vec<_> = group
        .pending_range_of(consumer, StreamId::MIN, StreamId::MAX)
        .map(|(id, pending)| (id.ms, pending.delivery_time_ms, pending.delivery_count))
        .collect();
    assert_eq!(deliveries, [(1, 9, 2), (2, 5, 1), (3, 5, 1)]);
    assert_eq!(
        group.read_history(entries, consumer, StreamId::MAX, 9, 9, |_, _| {}),
        0
    );
    drop(group);
    stream.validate();
}

#[test]
fn claims_follow_their_options() {
    let mut stream = stream_of(1..=4);
    stream.create_group(b"g", StreamId::MIN, None);
    assert_eq!(read(&mut stream, b"g", b"alice", 3, false, 100), [1, 2, 3]);
    stream.entries_mut().delete(id(2, 0));
    let mut group = stream.group_mut(b"g").expect("exists");
    let entries = group.entries();
    let bob = group.create_consumer(b"bob", 200).expect("free name");
    let plain = Claim {
        idle_ms_min: 0,
        delivery_time_ms: 150,
        delivery_count: None,
        keep_count: false,
        force: false,
    };
    let delivery = |group: &Group, ms| {
        group
            .pending(id(ms, 0))
            .map(|p| (p.consumer == bob, p.delivery_time_ms, p.delivery_count))
    };

    let too_idle = Claim {
        idle_ms_min: 101,
        ..plain
    };
    assert_eq!(group.claim(entries, id(1, 0), bob, &too_idle, 200), Claimed::Left);
    assert_eq!(
        group.claim(
            entries,
            id(1, 0),
            bob,
            &Claim {
                idle_ms_min: 100,
                ..plain
            },
            200
        ),
        Claimed::Taken
    );
    assert_eq!(delivery(&group, 1), Some((true, 150, 2)));
    assert_eq!(group.claim(entries, id(2, 0), bob, &plain, 200), Claimed::Deleted);
    assert_eq!(group.claim(entries, id(2, 0), bob, &plain, 200), Claimed::Left);
    let just_id = Claim {
        keep_count: true,
        ..plain
    };
    assert_eq!(group.claim(entries, id(3, 0), bob, &just_id, 200), Claimed::Taken);
    assert_eq!(delivery(&group, 3), Some((true, 150, 1)));
    assert_eq!(group.claim(entries, id(4, 0), bob, &plain, 200), Claimed::Left);
    let forced = Claim {
        force: true,
        delivery_count: Some(7),
        ..too_idle
    };
    assert_eq!(group.claim(entries, id(4, 0), bob, &forced, 200), Claimed::Taken);
    assert_eq!(delivery(&group, 4), Some((true, 150, 7)));
    assert_eq!(group.consumer(bob).active_time_ms(), Some(200));
    assert_eq!(group.delete_consumer(b"alice"), Some(0));
    assert_eq!(group.delete_consumer(b"bob"), Some(3));
    assert_eq!((group.delete_consumer(b"bob"), group.pending_len()), (None, 0));
    drop(group);
    stream.validate();
}

#[test]
fn auto_claim_walks_on_from_its_cursor() {
    let mut stream = stream_of(1..=3);
    stream.create_group(b"g", StreamId::MIN, None);
    read(&mut stream, b"g", b"alice", 9, false, 0);
    stream.entries_mut().delete(id(1, 0));
    stream.entries_mut().delete(id(2, 0));
    let mut group = stream.group_mut(b"g").expect("exists");
    let entries = group.entries();
    let bob = group.create_consumer(b"bob", 0).expect("free name");
    let claim = Claim {
        idle_ms_min: 0,
        delivery_time_ms: 5,
        delivery_count: None,
        keep_count: false,
        force: false,
    };
    let step = |group: &mut Group, ms| {
        let done = group.auto_claim(entries, id(ms, 0), bob, 1, &claim, 5);
        let ms = |ids: Vec<StreamId>| ids.into_iter().map(|id| id.ms).collect::<Vec<_>>();
        (done.cursor.ms, ms(done.taken), ms(done.deleted))
    };
    assert_eq!(step(&mut group, 0), (2, vec![], vec![1]));
    assert_eq!(step(&mut group, 2), (3, vec![], vec![2]));
    assert_eq!(step(&mut group, 3), (0, vec![3], vec![]));
    let idle = Claim {
        idle_ms_min: 50,
        ..claim
    };
    assert_eq!(
        group.auto_claim(entries, StreamId::MIN, bob, 9, &idle, 20),
        AutoClaim::default()
    );
}

#[test]
fn groups_are_kept_by_name() {
    let mut stream = stream_of(1..=2);
    let empty = stream.memory_bytes();
    for name in [&b"m"[..], b"a", b"z"] {
        assert!(stream.create_group(name, StreamId::MIN, None));
        assert!(!stream.create_group(name, StreamId::MIN, None));
    }
    assert!(stream.groups().map(Group::name).eq([&b"a"[..], b"m", b"z"]));
    assert!(stream.destroy_group(b"m") && !stream.destroy_group(b"m") && stream.group(b"m").is_none());
    read(&mut stream, b"z", b"c", 9, false, 0);
    stream.validate();
    assert!(stream.destroy_group(b"a") && stream.destroy_group(b"z"));
    stream.validate();
    assert_eq!(stream.memory_bytes(), empty);
}

#[test]
fn pending_entries_match_a_map_under_random_operations() {
    for seed in 0..20 {
        let mut random = Prng::from_seed(seed);
        let mut stream = stream_of(1..=300);
        stream.create_group(b"g", StreamId::MIN, None);
        let mut model: BTreeMap<StreamId, (Vec<u8>, i64, u64)> = BTreeMap::new();
        for now in 0..400 {
            let name = vec![b'a' + random.below(5) as u8];
            let target = id(1 + random.below(300), 0);
            let mut group = stream.group_mut(b"g").expect("exists");
            let entries = group.entries();
            let consumer = match group.find_consumer(&name) {
                Some(consumer) => consumer,
                None => group.create_consumer(&name, now).expect("free name"),
            };
            match random.below(10) {
                0..4 => {
                    group.read_new(entries, consumer, 3, false, now, |entry| {
                        model.insert(entry.id(), (name.clone(), now, 1));
                    });
                }
                4 => {
                    group.read_history(entries, consumer, target, 3, now, |id, entry| {
                        let pending = model.get_mut(&id).expect("own entries only");
                        assert_eq!(pending.0, name);
                        if entry.is_some() {
                            (pending.1, pending.2) = (now, pending.2 + 1);
                        }
                    });
                }
                5 => assert_eq!(group.ack(target).is_some(), model.remove(&target).is_some()),
                6 => {
                    let before = model.len();
                    model.retain(|_, pending| pending.0 != name);
                    assert_eq!(group.delete_consumer(&name), Some((before - model.len()) as u64));
                }
                7 => group.set_position(id(random.below(300), 0), None),
                _ => {
                    let force = one_in(&mut random, 2);
                    let claim = Claim {
                        idle_ms_min: random.below(50) as i64,
                        delivery_time_ms: now,
                        delivery_count: None,
                        keep_count: false,
                        force,
                    };
                    let expected = match (stream_has(entries, target), model.get(&target)) {
                        (false, Some(_)) => Claimed::Deleted,
                        (true, Some(p)) if now - p.1 >= claim.idle_ms_min => Claimed::Taken,
                        (true, None) if force => Claimed::Taken,
                        _ => Claimed::Left,
                    };
                    assert_eq!(
                        group.claim(entries, target, consumer, &claim, now),
                        expected,
                        "seed {seed}"
                    );
                    match expected {
                        Claimed::Taken => {
                            let count = model.get(&target).map_or(1, |pending| pending.2) + 1;
                            model.insert(target, (name, now, count));
                        }
                        Claimed::Deleted => drop(model.remove(&target)),
                        Claimed::Left => {}
                    }
                }
            }
            drop(group);
            if one_in(&mut random, 10) {
                stream.entries_mut().delete(target);
            }
            stream.validate();
            check_pending(&stream, &model);
        }
    }
}

fn stream_has(entries: &Entries, id: StreamId) -> bool {
    entries.iter().any(|entry| entry.id() == id)
}

fn check_pending(stream: &Stream, model: &BTreeMap<StreamId, (Vec<u8>, i64, u64)>) {
    let group = stream.group(b"g").expect("exists");
    let got = group
        .pending_range(StreamId::MIN, StreamId::MAX)
        .map(|(id, pending)| {
            let name = group.consumer(pending.consumer).name().to_vec();
            (id, (name, pending.delivery_time_ms, pending.delivery_count))
        });
    assert!(got.eq(model.iter().map(|(id, pending)| (*id, pending.clone()))));
    assert_eq!(
        group.pending_bounds(),
        model.keys().next().copied().zip(model.keys().last().copied())
    );
    assert_eq!(group.pending_range(id(9, 0), id(8, 0)).count(), 0);
}
