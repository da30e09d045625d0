//! Sets against `BTreeSet`, in all encodings side by side, and what Redis's suite expects of them.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NEVER_SMALL: SetLimits = SetLimits {
    intset_entries_max: 0,
    packed_entries_max: 0,
    packed_value_bytes_max: 0,
};
const TINY: SetLimits = SetLimits {
    intset_entries_max: 4,
    packed_entries_max: 6,
    packed_value_bytes_max: 5,
};

#[derive(Clone, Debug)]
enum Op {
    Insert(Vec<u8>),
    Remove(Vec<u8>),
    Pop,
    PopMany(usize),
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (-20i64..20).prop_map(|value| value.to_string().into_bytes()),
        2 => any::<i64>().prop_map(|value| value.to_string().into_bytes()),
        1 => prop::sample::select(vec!["007", "-0", "+1", "9223372036854775808", ""])
            .prop_map(|text| text.as_bytes().to_vec()),
        4 => prop::collection::vec(b'a'..b'd', 0..3),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => member().prop_map(Op::Insert),
        6 => member().prop_map(Op::Remove),
        2 => Just(Op::Pop),
        1 => (0usize..12).prop_map(Op::PopMany),
    ]
}

fn members(set: &Set) -> BTreeSet<Vec<u8>> {
    let members: Vec<_> = set.iter().map(|member| member.to_vec()).collect();
    assert_eq!(members.len(), set.len());
    members.into_iter().collect()
}

fn scanned(set: &Set) -> BTreeSet<Vec<u8>> {
    let (mut cursor, mut found) = (0, BTreeSet::new());
    loop {
        cursor = set.scan(cursor, |member| {
            found.insert(member.to_vec());
        });
        if cursor == 0 {
            return found;
        }
    }
}

fn apply(set: &mut Set, model: &mut BTreeSet<Vec<u8>>, op: &Op, limits: &SetLimits, prng: &mut Prng) {
    match op {
        Op::Insert(member) => assert_eq!(set.insert(member, limits), model.insert(member.clone())),
        Op::Remove(member) => assert_eq!(set.remove(member), model.remove(member)),
        Op::Pop => {
            let popped = set.pop_random(prng, |member| assert!(model.remove(&member.to_vec())));
            assert!(popped || model.is_empty());
        }
        Op::PopMany(count) => {
            let before = model.len();
            set.pop_random_many(*count, limits, prng, |member| {
                assert!(model.remove(&member.to_vec()))
            });
            assert_eq!(before - model.len(), before.min(*count));
        }
    }
    set.validate();
    assert_eq!(set.len(), model.len());
    assert_eq!(members(set), *model);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_encoding_behaves_like_a_btree_set(ops in prop::collection::vec(op(), 0..80), seed in any::<u64>()) {
        for limits in [SetLimits::default(), TINY, NEVER_SMALL] {
            let mut prng = Prng::from_seed(seed);
            let (mut set, mut model) = (Set::new(), BTreeSet::new());
            for op in &ops {
                apply(&mut set, &mut model, op, &limits, &mut prng);
            }
            assert_eq!(scanned(&set), model);
            assert_eq!(set.random(&mut prng).is_none(), model.is_empty());
            let mut chosen = BTreeSet::new();
            set.random_distinct(3, &mut prng, |member| assert!(chosen.insert(member.to_vec())));
            assert!(chosen.len() == model.len().min(3) && chosen.is_subset(&model));
            let copy = set.clone();
            copy.validate();
            assert!(copy == set && copy.encoding() == set.encoding());
            let again = Set::from_members(model.iter().map(Vec::as_slice), &NEVER_SMALL);
            assert_eq!(again, set);
        }
    }
}

fn ints(count: i64) -> Set {
    let mut set = Set::new();
    (0..count).for_each(|i| assert!(set.insert(i.to_string().as_bytes(), &SetLimits::default())));
    set
}

#[test]
fn encodings_change_where_redis_changes_them() {
    let limits = SetLimits::default();
    assert_eq!(
        (ints(512).encoding(), ints(513).encoding()),
        ("intset", "hashtable")
    );

    let mut mixed = ints(3);
    assert!(mixed.insert(b"a", &limits));
    assert_eq!((mixed.encoding(), mixed.len()), ("hashtable", 4));
    assert!(!mixed.insert(b"2", &limits) && mixed.contains(b"2"));

    let mut big = Set::new();
    assert!(big.insert(b"213244124402402314402033402", &limits));
    assert_eq!(big.encoding(), "hashtable");

    let mut never = Set::new();
    assert!(never.insert(
        b"1",
        &SetLimits {
            intset_entries_max: 0,
            ..limits
        }
    ));
    assert_eq!(never.encoding(), "hashtable");

    let mut shrunk = ints(513);
    (3..513).for_each(|i: i64| assert!(shrunk.remove(i.to_string().as_bytes())));
    assert_eq!(shrunk.encoding(), "hashtable");
    assert_eq!(shrunk, ints(3));
}

#[test]
fn small_strings_are_packed_up_to_the_limits() {
    let limits = SetLimits::default();
    let mut set = Set::new();
    (0..128).for_each(|i| assert!(set.insert(format!("member:{i}").as_bytes(), &limits)));
    assert!(matches!(set.repr(), Repr::Packed(_)) && set.free_effort() == 1);
    assert!(set.insert(b"one more", &limits));
    assert!(matches!(set.repr(), Repr::Table(_)) && set.free_effort() == 129);
    let mut long = Set::new();
    assert!(long.insert(&[b'x'; 64], &limits) && matches!(long.repr(), Repr::Packed(_)));
    assert!(long.insert(&[b'x'; 65], &limits) && matches!(long.repr(), Repr::Table(_)));
}

#[test]
fn eight_members_take_one_small_block() {
    let names: Vec<String> = (0..8).map(|i| format!("member:{i:02}")).collect();
    let set = Set::from_members(names.iter().map(|name| name.as_bytes()), &SetLimits::default());
    assert_eq!(set.memory_bytes(), 96);
}

/// Chi-square of the draws against an even distribution over `sides` members.
fn chi_square(draws: &BTreeMap<Vec<u8>, u32>, sides: usize) -> f64 {
    let expected = f64::from(draws.values().sum::<u32>()) / sides as f64;
    let missing = (sides - draws.len()) as f64 * expected;
    missing
        + draws
            .values()
            .map(|&hits| (f64::from(hits) - expected).powi(2) / expected)
            .sum::<f64>()
}

#[test]
fn random_members_are_fair_in_every_encoding() {
    let mut prng = Prng::from_seed(11);
    for (prefix, limits) in [
        ("", SetLimits::default()),
        ("m", SetLimits::default()),
        ("m", NEVER_SMALL),
    ] {
        let names: Vec<String> = (0..30).map(|i| format!("{prefix}{i}")).collect();
        let set = Set::from_members(names.iter().map(|name| name.as_bytes()), &limits);
        let (mut single, mut distinct) = (BTreeMap::new(), BTreeMap::new());
        for _ in 0..3000 {
            *single
                .entry(set.random(&mut prng).expect("30 members").to_vec())
                .or_insert(0) += 1;
            set.random_distinct(10, &mut prng, |member| {
                *distinct.entry(member.to_vec()).or_insert(0) += 1
            });
        }
        // 29 degrees of freedom: above 73 once in 100,000.
        assert!(chi_square(&single, 30) < 73.0 && chi_square(&distinct, 30) < 73.0);
        let mut popped = BTreeMap::new();
        for _ in 0..3000 {
            let mut copy = set.clone();
            assert!(
                copy.pop_random(&mut prng, |member| *popped.entry(member.to_vec()).or_insert(0) +=
                    1)
            );
        }
        assert!(chi_square(&popped, 30) < 73.0);
    }
}

#[test]
fn large_tables_give_distinct_members() {
    let mut prng = Prng::from_seed(5);
    let limits = SetLimits::default();
    let mut set = Set::new();
    (0..5000).for_each(|i| assert!(set.insert(format!("member:{i}").as_bytes(), &limits)));
    for count in [1, 100, 1249, 1251, 4999, 5000, 6000] {
        let mut seen = BTreeSet::new();
        set.random_distinct(count, &mut prng, |member| assert!(seen.insert(member.to_vec())));
        assert_eq!(seen.len(), count.min(5000));
        assert!(seen.iter().all(|member| set.contains(member)));
    }
}

/// Members that are there during the whole scan are found, whatever comes and goes meanwhile.
#[test]
fn scan_finds_what_stays() {
    let limits = SetLimits::default();
    let mut set = Set::new();
    (0..400).for_each(|i| assert!(set.insert(format!("stay:{i}").as_bytes(), &limits)));
    let (mut cursor, mut seen, mut round) = (0, BTreeSet::new(), 0);
    loop {
        cursor = set.scan(cursor, |member| {
            seen.insert(member.to_vec());
        });
        if cursor == 0 {
            break;
        }
        if round < 150 {
            (0..20).for_each(|i| assert!(set.insert(format!("come:{round}:{i}").as_bytes(), &limits)));
        } else if round < 300 {
            (0..20).for_each(|i| assert!(set.remove(format!("come:{}:{i}", round - 150).as_bytes())));
        }
        round += 1;
    }
    (0..400).for_each(|i| assert!(seen.contains(format!("stay:{i}").as_bytes()), "{i}"));
    set.validate();
}
