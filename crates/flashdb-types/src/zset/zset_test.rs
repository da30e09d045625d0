//! Sorted sets against a `BTreeSet` of (score, member) beside a map by member, in either encoding, under random
//! operations; and the behaviour at the edges that clients can see.

use super::*;
use flashdb_base::prng::Prng;
use std::collections::{BTreeMap, BTreeSet};

const PACKED: Limits = Limits {
    max_listpack_entries: usize::MAX,
    max_listpack_value: usize::MAX,
};
const LARGE: Limits = Limits {
    max_listpack_entries: 0,
    max_listpack_value: 0,
};

/// A score that a `BTreeSet` can order; the sign of zero does not count.
#[derive(Clone, Copy, Debug)]
struct Score(f64);

impl PartialEq for Score {
    fn eq(&self, other: &Score) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Score) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Score) -> std::cmp::Ordering {
        self.0.partial_cmp(&other.0).expect("scores are numbers")
    }
}

#[derive(Default)]
struct Model {
    scores: BTreeMap<Vec<u8>, f64>,
    order: BTreeSet<(Score, Vec<u8>)>,
}

impl Model {
    fn insert(&mut self, member: &[u8], score: f64) -> Inserted {
        match self.scores.insert(member.to_vec(), score) {
            Some(old) if old == score => {
                self.scores.insert(member.to_vec(), old);
                Inserted::Unchanged
            }
            Some(old) => {
                self.order.remove(&(Score(old), member.to_vec()));
                self.order.insert((Score(score), member.to_vec()));
                Inserted::Updated { old_score: old }
            }
            None => {
                self.order.insert((Score(score), member.to_vec()));
                Inserted::Added
            }
        }
    }

    fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let score = self.scores.remove(member)?;
        self.order.remove(&(Score(score), member.to_vec()));
        Some(score)
    }

    fn pairs(&self) -> Vec<(Vec<u8>, f64)> {
        self.order
            .iter()
            .map(|(score, member)| (member.clone(), score.0))
            .collect()
    }

    fn remove_ranks(&mut self, ranks: Range<usize>) {
        let gone: Vec<Vec<u8>> = self
            .pairs()
            .into_iter()
            .take(ranks.end)
            .skip(ranks.start)
            .map(|pair| pair.0)
            .collect();
        for member in gone {
            self.remove(&member);
        }
    }
}

fn pairs<'a>(iter: impl Iterator<Item = (&'a [u8], f64)>) -> Vec<(Vec<u8>, f64)> {
    iter.map(|(member, score)| (member.to_vec(), score)).collect()
}

/// Scores that collide, fall between each other, and take every packed form.
fn random_score(random: &mut Prng) -> f64 {
    match random.below(10) {
        0 => [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 0.1, -1e100][random.below(6) as usize],
        1 => random.below(1 << 45) as f64,
        2 => random.below(1 << 20) as f64 / 7.0 - 60_000.0,
        3 => random.below(6000) as f64,
        _ => random.below(40) as f64 - 5.0,
    }
}

fn random_member(random: &mut Prng, space: u64) -> Vec<u8> {
    let number = random.below(space);
    match number % 19 {
        0 => vec![number as u8; 120 + (number % 200) as usize],
        1 => vec![0; (number % 7) as usize],
        _ => format!("m{number}").into_bytes(),
    }
}

fn random_ranks(random: &mut Prng, len: usize, most: u64) -> Range<usize> {
    let start = random.below(len as u64 + 2) as usize;
    start..start + random.below(most) as usize
}

fn check_queries(set: &ZSet, model: &Model, random: &mut Prng) {
    let all = model.pairs();
    let ranks = random_ranks(random, all.len(), 30);
    let expected: Vec<_> = all.iter().take(ranks.end).skip(ranks.start).cloned().collect();
    assert_eq!(set.range(ranks.clone()).len(), expected.len());
    assert_eq!(pairs(set.range(ranks.clone())), expected);
    let mut reversed = pairs(set.range(ranks.clone()).rev());
    reversed.reverse();
    assert_eq!(reversed, expected);
    check_both_ends(set.range(ranks), &expected, random);

    let range = ScoreRange {
        min: random_score(random),
        max: random_score(random),
        min_excluded: random.below(2) == 0,
        max_excluded: random.below(2) == 0,
    };
    let within: Vec<_> = all
        .iter()
        .filter(|pair| range.contains(pair.1))
        .cloned()
        .collect();
    assert_eq!(pairs(set.range(set.ranks_by_score(&range))), within, "{range:?}");

    if let Some((member, score)) = all.get(random.below(all.len().max(1) as u64) as usize) {
        let rank = all
            .iter()
            .position(|pair| pair.0 == *member)
            .expect("taken from it");
        assert_eq!(set.rank(member), Some((rank, *score)));
        assert_eq!(set.reverse_rank(member), Some((all.len() - 1 - rank, *score)));
        assert_eq!(set.get(rank), Some((&member[..], *score)));
    }
    let absent = b"never a member";
    assert_eq!(
        (set.rank(absent), set.score(absent), set.get(all.len())),
        (None, None, None)
    );
}

fn check_both_ends(mut iter: Iter<'_>, expected: &[(Vec<u8>, f64)], random: &mut Prng) {
    let (mut front, mut back) = (Vec::new(), Vec::new());
    loop {
        let from_front = random.below(2) == 0;
        let next = if from_front { iter.next() } else { iter.next_back() };
        let Some((member, score)) = next else { break };
        if from_front { &mut front } else { &mut back }.push((member.to_vec(), score));
    }
    assert!(iter.next().is_none() && iter.next_back().is_none());
    front.extend(back.into_iter().rev());
    assert_eq!(front, expected);
}

fn one_step(set: &mut ZSet, model: &mut Model, limits: &Limits, random: &mut Prng, space: u64) {
    match random.below(40) {
        0 => {
            let ranks = random_ranks(random, set.len(), 20);
            set.remove_ranks(ranks.clone());
            model.remove_ranks(ranks);
        }
        1 => {
            let count = random.below(5) as usize;
            let mut popped = Vec::new();
            set.pop_min(count, |(member, score)| popped.push((member.to_vec(), score)));
            assert_eq!(popped, model.pairs().into_iter().take(count).collect::<Vec<_>>());
            model.remove_ranks(0..count);
        }
        2 => {
            let count = random.below(5) as usize;
            let mut popped = Vec::new();
            set.pop_max(count, |(member, score)| popped.push((member.to_vec(), score)));
            assert_eq!(
                popped,
                model.pairs().into_iter().rev().take(count).collect::<Vec<_>>()
            );
            let len = model.scores.len();
            model.remove_ranks(len.saturating_sub(count)..len);
        }
        3..12 => {
            let member = random_member(random, space);
            assert_eq!(set.remove(&member), model.remove(&member));
        }
        12..16 => {
            // A small change of a score, which often keeps the place.
            let rank = random.below(set.len().max(1) as u64) as usize;
            if let Some((member, score)) = set.get(rank).map(|(member, score)| (member.to_vec(), score)) {
                let score = score + random.below(3) as f64 - 1.0;
                assert_eq!(set.insert(&member, score, limits), model.insert(&member, score));
            }
        }
        _ => {
            let (member, score) = (random_member(random, space), random_score(random));
            assert_eq!(set.insert(&member, score, limits), model.insert(&member, score));
        }
    }
}

fn run_model(seed: u64, limits: &Limits, space: u64, steps: usize) {
    let mut random = Prng::from_seed(seed);
    let mut set = ZSet::new();
    let mut model = Model::default();
    for step in 0..steps {
        one_step(&mut set, &mut model, limits, &mut random, space);
        assert_eq!(set.len(), model.scores.len());
        assert_eq!(set.validate(), Ok(()), "seed {seed}, step {step}");
        if step % 8 == 0 {
            check_queries(&set, &model, &mut random);
        }
    }
    assert_eq!(pairs(set.iter()), model.pairs());
    for (member, score) in &model.scores {
        assert_eq!(set.score(member).map(f64::to_bits), Some(score.to_bits()));
    }
    let copy = set.clone();
    assert_eq!((copy.validate(), pairs(copy.iter())), (Ok(()), pairs(set.iter())));
    let count = set.len();
    set.pop_min(count, |_| {});
    assert_eq!((set.len(), set.validate()), (0, Ok(())));
    assert_eq!(pairs(copy.iter()), model.pairs());
}

#[test]
fn packed_behaves_like_the_model() {
    for seed in 0..8 {
        run_model(seed, &PACKED, 60, 1500);
    }
}

#[test]
fn large_behaves_like_the_model() {
    for seed in 0..6 {
        run_model(seed, &LARGE, 400, 2500);
    }
}

#[test]
fn converting_sets_behave_like_the_model() {
    let limits = Limits {
        max_listpack_entries: 20,
        max_listpack_value: 64,
    };
    for seed in 0..8 {
        run_model(seed, &limits, 80, 1000);
    }
}

#[test]
fn tree_of_many_levels_grows_and_shrinks() {
    let mut random = Prng::from_seed(77);
    for order in 0..3 {
        let mut set = ZSet::new();
        for i in 0..3000u64 {
            let score = match order {
                0 => i,
                1 => 3000 - i,
                _ => random.below(100),
            };
            set.insert(&i.to_be_bytes(), score as f64, &LARGE);
            if i % 97 == 0 {
                assert_eq!(set.validate(), Ok(()));
            }
        }
        while !set.is_empty() {
            let start = random.below(set.len() as u64) as usize;
            let expected = pairs(set.range(0..start).chain(set.range(start + 100..usize::MAX)));
            set.remove_ranks(start..start + 100);
            assert_eq!(set.validate(), Ok(()));
            assert_eq!(pairs(set.iter()), expected);
        }
    }
}

#[test]
fn lex_ranges_in_both_encodings() {
    let members: [&[u8]; 8] = [
        b"",
        b"alpha",
        b"bar",
        b"cool",
        b"down",
        b"elephant",
        b"foo\0",
        b"foo\xff",
    ];
    let bounds = |random: &mut Prng| {
        let member = members[random.below(8) as usize];
        [
            LexBound::Lowest,
            LexBound::Highest,
            LexBound::Included(member),
            LexBound::Excluded(member),
        ][random.below(4) as usize]
    };
    let mut random = Prng::from_seed(4);
    for limits in [PACKED, LARGE] {
        let set = ZSet::from_pairs(members.map(|member| (member, 0.0)), &limits);
        for _ in 0..400 {
            let range = LexRange {
                min: bounds(&mut random),
                max: bounds(&mut random),
            };
            let expected: Vec<&[u8]> = members
                .into_iter()
                .filter(|member| range.contains(member))
                .collect();
            let ranks = set.ranks_by_lex(&range);
            assert_eq!(ranks.len(), expected.len());
            assert_eq!(
                set.range(ranks).map(|pair| pair.0).collect::<Vec<_>>(),
                expected,
                "{range:?}"
            );
        }
    }
}

#[test]
fn thresholds_decide_the_encoding() {
    let limits = Limits {
        max_listpack_entries: 3,
        max_listpack_value: 5,
    };
    let mut set = ZSet::new();
    assert_eq!(
        (set.encoding(), set.memory_bytes(), set.free_effort()),
        ("listpack", 0, 1)
    );
    for member in ["a", "b", "c"] {
        set.insert(member.as_bytes(), 1.0, &limits);
    }
    set.insert(b"a", 7.0, &limits);
    assert_eq!(set.encoding(), "listpack");
    let mut longer = set.clone();
    longer.insert(b"sixsix", 1.0, &limits);
    assert_eq!(longer.encoding(), "skiplist");
    set.insert(b"d", 1.0, &limits);
    assert_eq!((set.encoding(), set.len()), ("skiplist", 4));
    set.pop_min(3, |_| {});
    assert_eq!((set.encoding(), set.len()), ("skiplist", 1));
    let built = |count| ZSet::from_pairs((0..count).map(|i| ([i as u8], 0.0)), &limits).encoding();
    assert_eq!((built(3), built(4)), ("listpack", "skiplist"));
}

#[test]
fn the_sign_of_zero_stays_and_does_not_order() {
    for limits in [PACKED, LARGE] {
        let mut set = ZSet::new();
        set.insert(b"b", -0.0, &limits);
        set.insert(b"a", 0.0, &limits);
        assert_eq!(set.insert(b"b", 0.0, &limits), Inserted::Unchanged);
        assert!(set.score(b"b").is_some_and(f64::is_sign_negative));
        assert_eq!(set.iter().map(|pair| pair.0).collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(set.ranks_by_score(&ScoreRange::closed(0.0, 0.0)), 0..2);
        assert_eq!(set.ranks_by_score(&ScoreRange::half_open(-1.0, -0.0)), 0..0);
    }
}

#[test]
fn scan_shows_what_stays() {
    for limits in [PACKED, LARGE] {
        let mut set = ZSet::new();
        (0..500u32).for_each(|i| _ = set.insert(&i.to_be_bytes(), f64::from(i), &limits));
        let (mut seen, mut cursor) = (BTreeSet::new(), 0);
        let mut added = 1000u32;
        loop {
            cursor = set.scan(cursor, |member, _| _ = seen.insert(member.to_vec()));
            if cursor == 0 {
                break;
            }
            added += 1;
            set.insert(&added.to_be_bytes(), 0.0, &limits);
        }
        assert!((0..500u32).all(|i| seen.contains(&i.to_be_bytes()[..])));
    }
}

#[test]
fn builder_combines_and_forgets() {
    for limits in [PACKED, LARGE] {
        let mut builder = ZSetBuilder::new();
        assert!(builder.add(b"x", 2.0, |a, b| a + b));
        assert!(!builder.add(b"x", 3.0, |a, b| a + b));
        builder.add(b"y", 1.0, f64::min);
        builder.add(b"gone", 0.0, f64::max);
        assert_eq!(
            (builder.remove(b"gone"), builder.remove(b"gone")),
            (Some(0.0), None)
        );
        assert_eq!((builder.len(), builder.score(b"x")), (2, Some(5.0)));
        let set = builder.finish(&limits);
        assert_eq!(set.validate(), Ok(()));
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [(&b"y"[..], 1.0), (&b"x"[..], 5.0)]
        );
    }
    assert!(ZSetBuilder::new().finish(&LARGE).is_empty());
}

#[test]
fn bulk_building_fills_nodes_evenly() {
    let mut random = Prng::from_seed(9);
    for count in [1, 7, 8, 9, 50, 57, 400, 3000] {
        let scores: Vec<f64> = (0..count).map(|_| random_score(&mut random)).collect();
        let mut set = ZSet::from_pairs((0..count).map(|i: usize| (i.to_be_bytes(), scores[i])), &LARGE);
        assert_eq!((set.len(), set.validate()), (count, Ok(())));
        for i in 0..50usize {
            set.insert(&(i * 31).to_be_bytes(), random_score(&mut random), &LARGE);
            set.remove(&(i * 13).to_be_bytes());
            assert_eq!(set.validate(), Ok(()));
        }
    }
}

#[test]
fn a_set_is_one_word() {
    assert_eq!(size_of::<ZSet>(), 8);
}
