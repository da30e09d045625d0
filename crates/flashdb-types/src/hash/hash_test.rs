//! Hashes against `BTreeMap`, packed and as a table side by side, expiring fields included.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const NEVER_PACKED: HashLimits = HashLimits {
    packed_entries_max: 0,
    packed_value_bytes_max: 0,
};
const TINY: HashLimits = HashLimits {
    packed_entries_max: 5,
    packed_value_bytes_max: 6,
};

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

#[derive(Clone, Debug)]
enum Op {
    Set(Vec<u8>, Vec<u8>, FieldTtl),
    Remove(Vec<u8>),
    SetExpiry(Vec<u8>, u64),
    Persist(Vec<u8>),
    TakeExpired(u64, usize),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        12 => (0u8..12).prop_map(|i| vec![b'f', b'a' + i]),
        1 => Just(Vec::new()),
        1 => (0u8..3).prop_map(|i| vec![i; 300]),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![12 => prop::collection::vec(any::<u8>(), 0..6), 1 => prop::collection::vec(any::<u8>(), 240..300)]
}

fn time() -> impl Strategy<Value = u64> {
    prop_oneof![12 => 0u64..40, 1 => any::<u64>()]
}

fn ttl() -> impl Strategy<Value = FieldTtl> {
    prop_oneof![3 => Just(FieldTtl::Clear), 3 => Just(FieldTtl::Keep), 2 => time().prop_map(FieldTtl::At)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => (name(), value(), ttl()).prop_map(|(name, value, ttl)| Op::Set(name, value, ttl)),
        4 => name().prop_map(Op::Remove),
        4 => (name(), time()).prop_map(|(name, at_ms)| Op::SetExpiry(name, at_ms)),
        2 => name().prop_map(Op::Persist),
        2 => (time(), 0usize..4).prop_map(|(now_ms, max)| Op::TakeExpired(now_ms, max)),
    ]
}

fn is_due(expiry: Option<u64>, now_ms: u64) -> bool {
    expiry.is_some_and(|at_ms| at_ms < now_ms)
}

fn take_expired(hash: &mut Hash, model: &mut Model, now_ms: u64, max: usize) {
    let due = model
        .values()
        .filter(|(_, expiry)| is_due(*expiry, now_ms))
        .count();
    assert_eq!(hash.live_len(now_ms), model.len() - due);
    let mut times = Vec::new();
    let taken = hash.take_expired(now_ms, max, |field| {
        let (value, expiry) = model.remove(field.name).expect("a field of the model");
        assert_eq!((field.value, field.expires_at_ms), (&value[..], expiry));
        assert!(is_due(expiry, now_ms));
        times.extend(expiry);
    });
    assert_eq!(taken, due.min(max));
    assert!(
        hash.encoding() == "listpack" || times.is_sorted(),
        "a table gives the earliest first"
    );
}

fn apply(hash: &mut Hash, model: &mut Model, op: &Op, limits: &HashLimits) {
    match op {
        Op::Set(name, value, ttl) => {
            let old = model.get(name).map(|(_, expiry)| *expiry);
            let outcome = if old.is_some() {
                SetOutcome::Updated
            } else {
                SetOutcome::Created
            };
            assert_eq!(hash.set(name, value, *ttl, limits), outcome);
            model.insert(name.clone(), (value.clone(), ttl.applied_to(old.flatten())));
        }
        Op::Remove(name) => assert_eq!(hash.remove(name), model.remove(name).is_some()),
        Op::SetExpiry(name, at_ms) => {
            let entry = model.get_mut(name);
            assert_eq!(hash.set_expiry(name, *at_ms), entry.is_some());
            entry.into_iter().for_each(|(_, expiry)| *expiry = Some(*at_ms));
        }
        Op::Persist(name) => {
            let expiry = model.get_mut(name).and_then(|(_, expiry)| expiry.take());
            assert_eq!(hash.persist(name), expiry.is_some());
        }
        Op::TakeExpired(now_ms, max) => take_expired(hash, model, *now_ms, *max),
    }
}

fn check(hash: &Hash, model: &Model) {
    hash.validate();
    assert_eq!(hash.len(), model.len());
    let fields = |field: Field<'_>| (field.name.to_vec(), (field.value.to_vec(), field.expires_at_ms));
    assert_eq!(hash.iter().map(fields).collect::<Model>(), *model);
    assert_eq!(
        hash.next_expiry_ms(),
        model.values().filter_map(|(_, expiry)| *expiry).min()
    );
    for (name, (value, expiry)) in model {
        let field = Field {
            name,
            value,
            expires_at_ms: *expiry,
        };
        assert_eq!(hash.get_any(name), Some(field));
        assert_eq!(hash.get(name, 20), Some(field).filter(|_| !is_due(*expiry, 20)));
        assert_eq!(hash.is_expired(name, 20), is_due(*expiry, 20));
    }
    assert_eq!(hash.get_any(b"absent"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_encoding_behaves_like_a_btree_map(ops in prop::collection::vec(op(), 0..80), seed in any::<u64>()) {
        let mut prng = Prng::from_seed(seed);
        let mut results = Vec::new();
        for limits in [HashLimits::default(), TINY, NEVER_PACKED] {
            let (mut hash, mut model) = (Hash::new(), Model::new());
            // Which due fields a partial reclaim takes differs between encodings: not used across them.
            for op in &ops {
                apply(&mut hash, &mut model, op, &limits);
                check(&hash, &model);
            }
            let copy = hash.clone();
            check(&copy, &model);
            assert_eq!(copy.encoding(), hash.encoding());
            check_random(&hash, &model, &mut prng);
            take_expired(&mut hash, &mut model, u64::MAX, usize::MAX);
            check(&hash, &model);
            results.push(hash);
        }
        if !ops.iter().any(|op| matches!(op, Op::TakeExpired(..))) {
            assert!(results[0] == results[1] && results[1] == results[2]);
        }
    }
}

fn check_random(hash: &Hash, model: &Model, prng: &mut Prng) {
    let live = model.values().filter(|(_, expiry)| !is_due(*expiry, 20)).count();
    match hash.random(20, prng) {
        Some(field) => assert!(field.is_live(20) && model.contains_key(field.name)),
        None => assert_eq!(live, 0),
    }
    for count in [2, 100] {
        let mut chosen = BTreeMap::new();
        hash.random_distinct(count, 20, prng, |field| {
            assert!(field.is_live(20) && chosen.insert(field.name.to_vec(), ()).is_none());
        });
        assert_eq!(chosen.len(), live.min(count));
    }
    let (mut cursor, mut found) = (0, BTreeMap::new());
    loop {
        cursor = hash.scan(cursor, |field| {
            found.insert(field.name.to_vec(), (field.value.to_vec(), field.expires_at_ms));
        });
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(found, *model);
}

fn numbered(count: usize, limits: &HashLimits) -> Hash {
    let mut hash = Hash::new();
    for i in 0..count {
        assert_eq!(
            hash.set(format!("f{i}").as_bytes(), b"v", FieldTtl::Clear, limits),
            SetOutcome::Created
        );
    }
    hash
}

#[test]
fn encodings_change_where_redis_changes_them() {
    let limits = HashLimits::default();
    assert_eq!(numbered(128, &limits).encoding(), "listpack");
    assert_eq!(numbered(129, &limits).encoding(), "hashtable");
    for (name, value, encoding) in [(64, 64, "listpack"), (65, 1, "hashtable"), (1, 65, "hashtable")] {
        let mut hash = Hash::new();
        hash.set(&vec![b'n'; name], &vec![b'v'; value], FieldTtl::Clear, &limits);
        assert_eq!(hash.encoding(), encoding);
    }
    let mut hash = numbered(129, &limits);
    (1..129).for_each(|i| assert!(hash.remove(format!("f{i}").as_bytes())));
    assert_eq!((hash.len(), hash.encoding()), (1, "hashtable"));
}

#[test]
fn eight_fields_take_one_small_block() {
    let limits = HashLimits::default();
    let mut stepwise = Hash::new();
    let sized_for = |lengths: &[usize]| {
        let mut hash = Hash::new();
        hash.reserve(lengths.iter().copied(), &limits);
        hash
    };
    let mut sized = sized_for(&[9, 3].repeat(8));
    for i in 0..8 {
        for hash in [&mut stepwise, &mut sized] {
            hash.set(
                format!("member:{i:02}").as_bytes(),
                b"val",
                FieldTtl::Clear,
                &limits,
            );
        }
    }
    assert_eq!((stepwise.memory_bytes(), sized.memory_bytes()), (112, 112));
    assert_eq!(stepwise, sized);
    let encodings = [[65, 1].to_vec(), [1; 258].to_vec(), [1; 256].to_vec()]
        .map(|lengths| sized_for(&lengths).encoding());
    assert_eq!(encodings, ["hashtable", "hashtable", "listpack"]);
}

#[test]
fn random_fields_are_fair_among_the_live() {
    let mut prng = Prng::from_seed(23);
    for limits in [HashLimits::default(), NEVER_PACKED] {
        let mut hash = numbered(40, &limits);
        (0..30).for_each(|i| assert!(hash.set_expiry(format!("f{i}").as_bytes(), 10)));
        let (mut single, mut distinct) = (BTreeMap::new(), BTreeMap::new());
        for _ in 0..2000 {
            let field = hash.random(11, &mut prng).expect("ten are live");
            *single.entry(field.name.to_vec()).or_insert(0i32) += 1;
            hash.random_distinct(5, 11, &mut prng, |field| {
                *distinct.entry(field.name.to_vec()).or_insert(0i32) += 1;
            });
        }
        assert!(
            single.len() == 10 && single.values().all(|&hits| (hits - 200).abs() < 70),
            "{single:?}"
        );
        assert!(
            distinct.len() == 10 && distinct.values().all(|&hits| (hits - 1000).abs() < 150),
            "{distinct:?}"
        );
    }
}

#[test]
fn many_due_fields_are_taken_in_order_and_in_portions() {
    let limits = HashLimits::default();
    let mut hash = Hash::new();
    for i in 0..3000u64 {
        hash.set(
            i.to_string().as_bytes(),
            b"v",
            FieldTtl::At(i * 7919 % 3001),
            &limits,
        );
    }
    let mut times = Vec::new();
    while hash.take_expired(1500, 64, |field| times.extend(field.expires_at_ms)) > 0 {
        hash.validate();
    }
    assert!(times.is_sorted() && times.len() == 3000 - hash.len());
    assert_eq!(hash.live_len(1500), hash.len());
    assert!(hash.next_expiry_ms().is_some_and(|at_ms| at_ms >= 1500));
    let sparse = hash.live_len(2990);
    let mut prng = Prng::from_seed(1);
    let mut seen = std::collections::BTreeSet::new();
    hash.random_distinct(2, 2990, &mut prng, |field| {
        assert!(field.is_live(2990) && seen.insert(field.name))
    });
    assert!(sparse < 20 && seen.len() == 2);
}

/// Fields that expire together are told apart by their whole hashes, of which the table compares but a part.
#[test]
fn many_fields_expire_at_the_same_time() {
    let limits = HashLimits::default();
    let mut hash = Hash::new();
    for at in 0..20_000 {
        let name = format!("field{at}");
        hash.set(name.as_bytes(), b"v", FieldTtl::At(5), &limits);
    }
    for at in 0..10_000 {
        assert!(hash.remove(format!("field{at}").as_bytes()));
    }
    hash.validate();
    assert_eq!(hash.take_expired(6, 4_000, |_| {}), 4_000);
    hash.validate();
    assert_eq!(hash.take_expired(6, usize::MAX, |_| {}), 6_000);
    assert!(hash.is_empty() && hash.next_expiry_ms().is_none());
}
