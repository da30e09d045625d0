//! Collections against their state at the beginning: whatever happens in between, each member is taken once, as it was then,
//! and no write takes more than the segments that it is about to change.

use super::*;
use crate::hash::{FieldTtl, Hash, HashLimits};
use crate::list::{self, End, List};
use crate::set::{Set, SetLimits};
use crate::zset::{Limits, ZSet};
use flashdb_base::prng::Prng;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Member, to score and value, to know what it was.
type Content = BTreeMap<Vec<u8>, String>;

/// Most members of two segments of a table: what a split or a merge moves.
const RESIZE_MAX: usize = 2000;

#[derive(Default)]
struct Record {
    taken: Content,
    /// Since the last piece ended.
    open: usize,
    largest: usize,
    dropped: bool,
}

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Record>>);

fn text(part: Part<'_>) -> (Vec<u8>, String) {
    match part {
        Part::Member(member) => (member.to_vec(), String::new()),
        Part::Element(index, element) => (index.to_be_bytes().to_vec(), format!("{element:?}")),
        Part::Scored(member, score) => (member.to_vec(), score.to_string()),
        Part::Field(field) => (
            field.name.to_vec(),
            format!("{:?} {:?}", field.value, field.expires_at_ms),
        ),
    }
}

impl Taker for Recorder {
    fn take(&mut self, part: Part<'_>) {
        let mut record = self.0.lock().unwrap();
        let (member, value) = text(part);
        assert_eq!(record.taken.insert(member, value), None, "each member once");
        record.open += 1;
        record.largest = record.largest.max(record.open);
    }

    fn close(&mut self) {
        self.0.lock().unwrap().open = 0;
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.0.lock().unwrap().dropped = true;
    }
}

trait Collection: Takeable + Clone {
    fn new() -> Self;
    fn put(&mut self, member: &[u8], number: u64);
    fn cut(&mut self, member: &[u8]);
    /// A change of many members at once.
    fn sweep(&mut self, prng: &mut Prng, much: bool);
    fn content(&self) -> Content;
}

impl Collection for Set {
    fn new() -> Set {
        Set::new()
    }

    fn put(&mut self, member: &[u8], _: u64) {
        self.insert(member, &SetLimits::default());
    }

    fn cut(&mut self, member: &[u8]) {
        self.remove(member);
    }

    fn sweep(&mut self, prng: &mut Prng, much: bool) {
        let share = if much { 3 } else { 100 };
        self.pop_random_many(self.len() / share * 2, &SetLimits::default(), prng, |_| ());
    }

    fn content(&self) -> Content {
        self.iter()
            .map(|member| (member.to_vec(), String::new()))
            .collect()
    }
}

impl Collection for ZSet {
    fn new() -> ZSet {
        ZSet::new()
    }

    fn put(&mut self, member: &[u8], number: u64) {
        self.insert(member, number as f64, &Limits::default());
    }

    fn cut(&mut self, member: &[u8]) {
        self.remove(member);
    }

    fn sweep(&mut self, prng: &mut Prng, much: bool) {
        let share = if much { 2 } else { 50 };
        let start = prng.below(self.len() as u64 + 1) as usize;
        match prng.below(3) {
            0 => self.remove_ranks(start..start + self.len() / share),
            1 => self.pop_min(self.len() / share, |_| ()),
            _ => self.pop_max(5, |_| ()),
        }
    }

    fn content(&self) -> Content {
        self.iter()
            .map(|(member, score)| text(Part::Scored(member, score)))
            .collect()
    }
}

impl Collection for Hash {
    fn new() -> Hash {
        Hash::new()
    }

    fn put(&mut self, name: &[u8], number: u64) {
        let limits = HashLimits::default();
        let value = vec![b'v'; (number % 70) as usize];
        match number % 5 {
            0 => drop(self.set_expiry(name, number)),
            1 => drop(self.persist(name)),
            2 => drop(self.set(name, &value, FieldTtl::At(number), &limits)),
            _ => drop(self.set(name, &value, FieldTtl::Keep, &limits)),
        }
    }

    fn cut(&mut self, name: &[u8]) {
        self.remove(name);
    }

    fn sweep(&mut self, prng: &mut Prng, much: bool) {
        let max = if much { usize::MAX } else { 20 };
        self.take_expired(prng.below(10_000), max, |_| ());
    }

    fn content(&self) -> Content {
        self.iter().map(|field| text(Part::Field(field))).collect()
    }
}

impl Collection for List {
    fn new() -> List {
        List::new()
    }

    fn put(&mut self, element: &[u8], number: u64) {
        let limits = list::Limits::from_setting([-1, 20][(number / 100 % 2) as usize]);
        let index = number as usize * 7 % (self.len() + 1);
        let long = [b'x'; 5000];
        let element = if number.is_multiple_of(97) { &long } else { element };
        match number % 20 {
            0 => drop(self.set(index, element, &limits)),
            1 => self.insert(index, element, &limits),
            2..11 => self.push_front(element, &limits),
            _ => self.push_back(element, &limits),
        }
    }

    fn cut(&mut self, member: &[u8]) {
        match member[member.len() - 1] % 5 {
            0 => drop(self.remove(member.len() * 7 % self.len().max(1))),
            1 => drop(self.pop_with(End::Back, |_| ())),
            2 => drop(self.pop(End::Back)),
            _ => drop(self.pop_front()),
        }
    }

    fn sweep(&mut self, prng: &mut Prng, much: bool) {
        let share = if much { 2 } else { 20 };
        match prng.below(3) {
            0 => drop(self.remove_equal(b"member 7", End::Front, 2)),
            1 => self.drop_many(End::Back, self.len() / share),
            _ => self.trim(self.len() / share..self.len()),
        }
    }

    fn content(&self) -> Content {
        let parts = (0..).zip(self.iter());
        parts
            .map(|(index, element)| text(Part::Element(index, element)))
            .collect()
    }
}

/// Takes a collection while it changes; how often it was taken to the end by steps.
fn take_under_changes<C: Collection>(seed: u64) -> usize {
    let mut prng = Prng::from_seed(seed);
    let members = [300, 3000, if cfg!(miri) { 3001 } else { 20_000 }][seed as usize % 3];
    let name = |prng: &mut Prng| format!("member {}", prng.below(members)).into_bytes();
    let mut collection = C::new();
    let mut ended = 0;
    for epoch in 1..8 {
        let mut puts = 0;
        while puts < members / 2 || !collection.is_takeable() {
            let number = prng.below(10_000);
            collection.put(&name(&mut prng), number);
            puts += 1;
        }
        let recorder = Recorder::default();
        let record = recorder.0.clone();
        assert!(collection.is_takeable() && collection.taker().is_none());
        let at_start = collection.content();
        collection.begin_taking(epoch, Box::new(recorder));
        assert!(collection.clone().taker().is_none());
        let changes = prng.below(10);
        while collection.taker().is_some() {
            for _ in 0..changes {
                record.lock().unwrap().largest = 0;
                match prng.below(200) {
                    0 => collection.sweep(&mut prng, epoch == 7),
                    1..60 => collection.cut(&name(&mut prng)),
                    _ => {
                        let number = prng.below(10_000);
                        collection.put(&name(&mut prng), number);
                        assert!(record.lock().unwrap().largest < RESIZE_MAX);
                    }
                }
            }
            let most = Amount {
                members: 1 + prng.below(100) as usize,
                bytes: 1 + prng.below(5000) as usize,
            };
            let was_taken = collection.taker().is_some();
            let (taken, more) = collection.take_some(most);
            assert_eq!(more, collection.taker().is_some());
            assert!(taken.members < most.members + 2000, "{taken:?}");
            ended += usize::from(was_taken && !more);
            if prng.below(300) == 0 {
                collection = C::new();
            }
        }
        let record = record.lock().unwrap();
        assert!(record.dropped && record.open == 0);
        assert_eq!(record.taken, at_start, "seed {seed}, epoch {epoch}");
    }
    ended
}

#[test]
fn what_is_taken_is_the_state_at_the_beginning() {
    let seeds = if cfg!(miri) { 3 } else { 6 };
    for seed in 0..seeds {
        let ended = take_under_changes::<Set>(seed)
            + take_under_changes::<ZSet>(seed)
            + take_under_changes::<Hash>(seed)
            + take_under_changes::<List>(seed);
        assert!(ended > 3, "{ended} of 28");
    }
}

#[test]
fn an_ended_taking_takes_no_more() {
    let mut set = Set::new();
    (0..2000).for_each(|number: u64| set.put(format!("member {number}").as_bytes(), 0));
    let recorder = Recorder::default();
    let record = recorder.0.clone();
    set.begin_taking(1, Box::new(recorder));
    let few = Amount {
        members: 10,
        bytes: 1000,
    };
    set.take_some(few);
    set.end_taking();
    assert!(record.lock().unwrap().dropped);
    let taken = record.lock().unwrap().taken.len();
    set.cut(b"member 7");
    drop(set);
    assert_eq!(record.lock().unwrap().taken.len(), taken);
}
