//! Lists against `VecDeque<Vec<u8>>` under random operations, for settings that bound nodes by bytes and by
//! elements and for sizes around every threshold: packed or nodes, lengths of one to three bytes, big elements.

use super::*;
use flashdb_base::prng::Prng;
use std::collections::VecDeque;

/// What a run does most, so that lists grow, shrink, and stay as queues of a steady length.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Grow,
    Shrink,
    Queue,
    Middle,
}

struct Run {
    random: Prng,
    list: List,
    model: VecDeque<Vec<u8>>,
    limits: Limits,
    seed: u64,
}

impl Run {
    fn new(seed: u64, setting: i64) -> Run {
        Run {
            random: Prng::from_seed(seed),
            list: List::new(),
            model: VecDeque::new(),
            limits: Limits::from_setting(setting),
            seed,
        }
    }

    fn value(&mut self) -> Vec<u8> {
        let len = match self.random.below(40) {
            0 => 120 + self.random.below(16),
            1 => 250 + self.random.below(6),
            2 => 1000 + self.random.below(50),
            3 => 2030 + self.random.below(40),
            4 => 4000 + self.random.below(200),
            5 if self.one_in(4) => 16_370 + self.random.below(30),
            6 if self.one_in(8) => 65_500 + self.random.below(100),
            7..16 => 30 + self.random.below(30),
            _ => self.random.below(4),
        } as usize;
        // Few different bytes: equal elements must be frequent.
        vec![b'a' + self.random.below(2) as u8; len]
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.random.below(chances) == 0
    }

    fn end(&mut self) -> End {
        if self.one_in(2) { End::Front } else { End::Back }
    }

    fn index(&mut self) -> usize {
        self.random.below(self.model.len() as u64 + 1) as usize
    }

    fn push(&mut self) {
        let (end, value) = (self.end(), self.value());
        self.list.push(end, &value, &self.limits);
        match end {
            End::Front => self.model.push_front(value),
            End::Back => self.model.push_back(value),
        }
    }

    fn pop(&mut self) {
        let end = self.end();
        let expected = match end {
            End::Front => self.model.pop_front(),
            End::Back => self.model.pop_back(),
        };
        assert_eq!(self.list.peek(end), expected.as_deref());
        let popped = if self.one_in(2) {
            self.list.pop(end)
        } else {
            self.list.pop_with(end, <[u8]>::to_vec)
        };
        assert_eq!(popped, expected);
    }

    fn set_or_insert(&mut self) {
        let (index, value) = (self.index(), self.value());
        if self.one_in(2) {
            assert_eq!(
                self.list.set(index, &value, &self.limits),
                index < self.model.len()
            );
            if let Some(place) = self.model.get_mut(index) {
                *place = value;
            }
        } else if self.one_in(2) {
            self.list.insert(index, &value, &self.limits);
            self.model.insert(index, value);
        } else {
            let (pivot, side) = (self.value(), self.end());
            let found = self.model.iter().position(|element| *element == pivot);
            assert_eq!(
                self.list.insert_beside(&pivot, side, &value, &self.limits),
                found.is_some()
            );
            if let Some(index) = found {
                self.model.insert(index + usize::from(side == End::Back), value);
            }
        }
    }

    fn remove(&mut self) {
        if self.one_in(3) {
            let index = self.index();
            assert_eq!(self.list.remove(index), self.model.remove(index).is_some());
            return;
        }
        let index = self.index();
        let value = self.model.get(index).cloned().unwrap_or_default();
        let (from, max) = (self.end(), self.random.below(4) as usize);
        let max = if self.one_in(10) { usize::MAX } else { max };
        let removed = self.list.remove_equal(&value, from, max);
        let mut indexes: Vec<usize> = (0..self.model.len())
            .filter(|&i| self.model[i] == value)
            .collect();
        if from == End::Back {
            indexes.reverse();
        }
        indexes.truncate(max);
        assert_eq!(removed, indexes.len());
        indexes.sort_unstable();
        for index in indexes.into_iter().rev() {
            self.model.remove(index);
        }
    }

    fn cut(&mut self) {
        let (from, to) = (self.index(), self.index());
        match self.random.below(4) {
            0 => {
                self.list.trim(from..to);
                self.model.truncate(to.max(from.min(to)));
                self.model.drain(..from.min(self.model.len()));
            }
            1 => {
                self.list.drop_many(End::Back, from);
                self.model.truncate(self.model.len() - from);
            }
            _ => {
                self.list.drop_many(End::Front, from / 4);
                self.model.drain(..from / 4);
            }
        }
    }

    fn step(&mut self, phase: Phase) {
        match (phase, self.random.below(100)) {
            (_, 0) => self.cut(),
            (_, 1..4) => self.remove(),
            (_, 4..10) => self.set_or_insert(),
            (Phase::Grow, _) => self.push(),
            (Phase::Shrink, _) => self.pop(),
            (Phase::Queue, _) => {
                self.push();
                self.pop();
            }
            (Phase::Middle, 10..70) => self.set_or_insert(),
            (Phase::Middle, _) => self.remove(),
        }
    }

    /// Compares the whole list, and stretches of it walked from both ends.
    fn check(&mut self) {
        self.list.validate();
        assert_eq!(self.list.len(), self.model.len());
        assert!(self.list.iter().eq(self.model.iter()), "seed {}", self.seed);
        assert!(
            self.list.iter().rev().eq(self.model.iter().rev()),
            "seed {}",
            self.seed
        );
        let (a, b) = (self.index(), self.index());
        let range = a.min(b)..a.max(b);
        let mut ours = self.list.range(range.clone());
        let mut expected = self.model.range(range);
        assert_eq!(ours.len(), expected.len());
        while let Some(element) = expected.next() {
            assert_eq!(ours.next(), Some(&element[..]));
            assert_eq!(ours.next_back(), expected.next_back().map(Vec::as_slice));
        }
        assert_eq!(ours.next(), None);
        let index = self.index();
        assert_eq!(self.list.get(index), self.model.get(index).map(Vec::as_slice));
        let copy = self.list.clone();
        copy.validate();
        assert_eq!(copy, self.list);
    }
}

#[test]
fn random_operations_agree_with_a_deque() {
    let phases = [Phase::Grow, Phase::Queue, Phase::Middle, Phase::Shrink];
    for (seed, setting) in [-1, -2, -5, 1, 2, 5, 128, 0]
        .into_iter()
        .cycle()
        .take(96)
        .enumerate()
    {
        let mut run = Run::new(seed as u64, setting);
        for round in 0..12 {
            let phase = phases[round % phases.len()];
            let steps = run.random.below(300);
            for step in 0..steps {
                run.step(phase);
                if step % 16 == 0 {
                    run.check();
                }
            }
            run.check();
        }
    }
}

#[test]
fn limits_that_change_between_operations_are_harmless() {
    for seed in 100..120 {
        let mut run = Run::new(seed, -2);
        for step in 0..600 {
            if step % 20 == 0 {
                let setting = run.random.below(20) as i64 - 5;
                run.limits = Limits::from_setting(setting);
            }
            run.step(if step % 300 < 200 {
                Phase::Grow
            } else {
                Phase::Middle
            });
            if step % 8 == 0 {
                run.check();
            }
        }
    }
}

fn numbered(range: Range<usize>, limits: &Limits) -> List {
    List::from_elements(range.map(|i| format!("element:{i:08}")), limits)
}

#[test]
fn nodes_stay_within_the_configured_number_of_elements() {
    let limits = Limits::from_setting(5);
    let mut list = numbered(0..1000, &limits);
    for i in (0..1000).step_by(7) {
        list.insert(i, b"inserted", &limits);
    }
    list.validate();
    let (nodes, _) = list.node_counts().expect("a large list");
    assert!(nodes >= list.len().div_ceil(5), "{nodes} nodes");
    assert!(nodes <= list.len() / 2, "{nodes} nodes");
}

#[test]
fn memory_stays_near_the_payload() {
    let limits = Limits::default();
    let list = numbered(0..100_000, &limits);
    let payload = list.iter().map(|element| element.len() + 2).sum::<usize>();
    assert!(
        list.memory_bytes() < payload * 104 / 100,
        "{} for {payload}",
        list.memory_bytes()
    );
    let small = numbered(0..8, &limits);
    assert!(small.memory_bytes() <= 8 * 18 + 24, "{}", small.memory_bytes());
    assert_eq!(List::new().memory_bytes(), 0);
    assert_eq!(List::new().free_effort(), 0);
}

#[test]
fn insertions_into_the_middle_keep_nodes_filled() {
    let limits = Limits::default();
    let mut list = numbered(0..10_000, &limits);
    let mut random = Prng::from_seed(9);
    for i in 0..20_000u32 {
        let index = random.below(list.len() as u64) as usize;
        list.insert(index, &i.to_be_bytes(), &limits);
    }
    list.validate();
    let payload = list.iter().map(|element| element.len() + 2).sum::<usize>();
    assert!(
        list.memory_bytes() < payload * 5 / 4,
        "{} for {payload}",
        list.memory_bytes()
    );
}

#[test]
fn a_thinned_list_merges_its_nodes() {
    let limits = Limits::default();
    let mut list = List::new();
    for i in 0..20_000u32 {
        let value: &[u8] = if i % 50 == 0 { b"kept" } else { b"removed" };
        list.push_back(value, &limits);
    }
    let before = list.node_counts().expect("a large list").0;
    assert_eq!(list.remove_equal(b"removed", End::Back, usize::MAX), 19_600);
    list.validate();
    assert_eq!(list.len(), 400);
    assert!(list.node_counts().expect("a list above 1 KiB").0 < before);
    assert!(list.memory_bytes() < 8 * 1024, "{}", list.memory_bytes());
}

#[test]
fn a_drained_list_is_packed_and_then_owns_nothing() {
    let limits = Limits::default();
    let mut list = numbered(0..50_000, &limits);
    list.drop_many(End::Front, 49_990);
    list.validate();
    assert_eq!(list.node_counts(), None);
    assert_eq!(list.get(0), Some(&b"element:00049990"[..]));
    assert!(list.memory_bytes() < 512, "{}", list.memory_bytes());
    while list.pop_front().is_some() {}
    assert_eq!(list.memory_bytes(), 0);
}

#[test]
fn a_queue_of_steady_length_does_not_grow() {
    let limits = Limits::default();
    let mut list = numbered(0..300, &limits);
    for i in 0..100_000u32 {
        list.push(End::Front, format!("element:{i:08}").as_bytes(), &limits);
        list.pop_with(End::Back, |value| assert_eq!(value.len(), 16));
        assert!(
            list.memory_bytes() < 32 * 1024,
            "{} after {i}",
            list.memory_bytes()
        );
    }
    list.validate();
}

#[test]
fn big_elements_come_and_go_anywhere() {
    let limits = Limits::default();
    let big = vec![b'x'; 5_000_000];
    let mut list = numbered(0..1000, &limits);
    list.set(500, &big, &limits);
    list.insert(250, &big, &limits);
    list.push_front(&big, &limits);
    list.validate();
    assert_eq!(list.node_counts().map(|(_, big)| big), Some(3));
    assert_eq!(list.find(b"element:00000499"), Some(501));
    assert_eq!(list.get(502), Some(&big[..]));
    assert!(list.set(502, b"small", &limits));
    assert_eq!(list.get(502), Some(&b"small"[..]));
    assert_eq!(list.remove_equal(&big, End::Back, 1), 1);
    assert_eq!(list.pop_front(), Some(big));
    list.validate();
    assert!(list.memory_bytes() < 64 * 1024);
}
