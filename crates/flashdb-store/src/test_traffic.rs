//! Random traffic for the model tests: changes and reads of every kind and type, and the state that they lead to as text.

use crate::entry::Entry;
use crate::{Access, Eviction, Expiry, Held, Keyspace, Policy, Usage, Value, ValueRef, Victim};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::prng::Prng;
use flashdb_types::hash::{FieldTtl, Hash, HashLimits};
use flashdb_types::list::{self, List};
use flashdb_types::pieces::Part;
use flashdb_types::set::{Set, SetLimits};
use flashdb_types::stream::{Stream, StreamId, StreamLimits};
use flashdb_types::zset::{self, ZSet};
use std::collections::BTreeMap;

pub(crate) const DATABASES: u16 = 4;

const STREAM_LIMITS: StreamLimits = StreamLimits {
    node_bytes_max: 4096,
    node_entries_max: 100,
};

/// Database and key, to a text that tells the whole of the value and its expiry.
pub(crate) type State = BTreeMap<(u16, Vec<u8>), String>;

pub(crate) fn describe(entry: &Entry) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut parts: Vec<String> = match entry.value() {
        ValueRef::String(value) => vec![format!("{} {}", value.len(), text(&value.to_vec()))],
        ValueRef::List(list) => list.iter().map(text).collect(),
        ValueRef::Set(set) => set
            .iter()
            .map(|member| describe_part(&Part::Member(&member.to_vec())))
            .collect(),
        ValueRef::ZSet(zset) => zset
            .iter()
            .map(|(member, score)| describe_part(&Part::Scored(member, score)))
            .collect(),
        ValueRef::Hash(hash) => hash
            .iter()
            .map(|field| describe_part(&Part::Field(field)))
            .collect(),
        ValueRef::Stream(stream) => vec![format!("{stream:?}")],
    };
    if !matches!(entry.value(), ValueRef::List(_)) {
        parts.sort();
    }
    describe_head(entry) + &parts.join(",")
}

/// What [`describe`] says before the parts.
pub(crate) fn describe_head(entry: &Entry) -> String {
    format!("{} {:?} ", entry.value().type_name(), entry.expire_at_ms())
}

/// Digits in front of the description of a list's element.
pub(crate) const INDEX_DIGITS: usize = 9;

pub(crate) fn describe_part(part: &Part<'_>) -> String {
    let text = String::from_utf8_lossy;
    match part {
        Part::Member(member) => text(member).into_owned(),
        // What comes in pieces is sorted.
        Part::Element(index, element) => format!("{index:0INDEX_DIGITS$}{}", text(element)),
        Part::Scored(member, score) => format!("{}={score}", text(member)),
        Part::Field(field) => format!(
            "{}={}@{:?}",
            text(field.name),
            text(field.value),
            field.expires_at_ms
        ),
    }
}

pub(crate) fn state(space: &Keyspace) -> State {
    state_of(&mut space.lock_as_touched())
}

pub(crate) fn state_of(held: &mut Held<'_>) -> State {
    let mut state = State::new();
    held.for_each_shard(|_, shard| {
        for db in 0..DATABASES {
            for entry in shard.database(db).iter() {
                state.insert((db, entry.key().to_vec()), describe(entry));
            }
        }
    });
    state
}

pub(crate) fn policy() -> Policy {
    Policy {
        touch: true,
        usage: Usage::Lru,
        expire: true,
    }
}

/// Random changes and reads of every kind.
pub(crate) struct Traffic<'k> {
    pub(crate) data: Access<'k>,
    pub(crate) random: Prng,
    keys: u64,
    pub(crate) growing: bool,
    /// Whether keys are drawn from the tables, whose shape depends on what has been undone.
    pub(crate) draws: bool,
    /// Whether some keys have collections so large that they are captured in pieces.
    pub(crate) large: bool,
}

impl<'k> Traffic<'k> {
    pub(crate) fn new(space: &'k Keyspace, seed: u64, keys: u64) -> Self {
        let mut data = Access::new(space, policy(), Prng::from_seed(seed));
        data.now_ms = 1_000_000;
        Traffic {
            data,
            random: Prng::from_seed(seed),
            keys,
            growing: true,
            draws: true,
            large: false,
        }
    }

    pub(crate) fn key(&mut self) -> Vec<u8> {
        if self.large && self.random.below(3) == 0 {
            return format!("large:{}", self.random.below(6)).into_bytes();
        }
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

    /// One command, or some that are done together and perhaps undone.
    pub(crate) fn run(&mut self, whole_databases: bool) {
        if whole_databases && self.random.below(100) == 0 {
            self.data.hold(Keyspace::lock_as_touched);
            self.data.begin_undo();
            (0..1 + self.random.below(12)).for_each(|_| self.step(true));
            if self.random.below(2) == 0 {
                self.data.roll_back();
            } else {
                self.data.end_undo();
            }
        } else {
            self.step(whole_databases);
        }
        self.data.effects.discard();
        self.data.release();
    }

    /// One command, under the locks that are held if all may be.
    pub(crate) fn step(&mut self, whole_databases: bool) {
        self.data.db = self.random.below(u64::from(DATABASES)) as u16;
        self.data.now_ms += self.random.below(3) as i64;
        let key = self.key();
        if whole_databases && self.random.below(400) == 0 {
            return self.run_on_databases();
        }
        let shard = self.data.space().shard_of(&key);
        self.lock(&[shard]);
        match self.random.below(10) {
            _ if key.starts_with(b"large") && self.random.below(4) > 0 => self.write_large(&key),
            0..3 if !self.growing => {
                self.data.remove(&key);
            }
            0 => self.read(&key),
            1..5 => self.write_string(&key),
            5..8 => self.write_object(&key),
            8 => self.move_entry(&key),
            _ => self.end_some(&key, shard),
        }
        self.data.changed(&key, NotifyFlags::GENERIC, "step");
    }

    fn lock(&mut self, shards: &[u16]) {
        if !self.data.held().is_lazy() {
            self.data.hold(|space| space.lock(shards.into()));
        }
    }

    fn run_on_databases(&mut self) {
        if !self.data.held().is_lazy() {
            self.data.hold(Keyspace::lock_as_touched);
        }
        if self.random.below(2) == 0 {
            let later = self.random.below(2) == 0;
            self.data.flush_database(self.data.db, later);
        } else {
            let other = self.random.below(u64::from(DATABASES)) as u16;
            self.data.swap_databases(self.data.db, other);
        }
        self.data.unchanged();
    }

    pub(crate) fn read(&mut self, key: &[u8]) {
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
        match self.random.below(6) {
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
            4 => {
                if let Ok(mut stream) = self.data.write_or_create(key, Stream::new) {
                    let id = StreamId {
                        ms: stream.last_id().ms + 1,
                        seq: 0,
                    };
                    let fields = [(member.as_slice(), value.as_slice())];
                    let _ = stream
                        .entries_mut()
                        .append(id, fields.into_iter(), &STREAM_LIMITS);
                    stream.create_group(&member, id, None);
                }
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

    /// Many members at once, or a few, or most of them out.
    fn write_large(&mut self, key: &[u8]) {
        let (random, data) = (&mut self.random, &mut self.data);
        let (count, removed) = match random.below(12) {
            0 => (2000, 0),
            1 => (10, random.below(3000) as usize),
            _ => (3, 0),
        };
        let mut members = Vec::new();
        for _ in 0..count {
            members.push(format!("member {:030}", random.below(4000)).into_bytes());
        }
        let adds = count > 10 || random.below(2) == 0;
        match random.below(4) {
            3 => {
                let limits = list::Limits::default();
                if let Ok(mut list) = data.write_or_create(key, List::new) {
                    for (member, number) in members.iter().zip(0..) {
                        let at = random.below(list.len() as u64 + 1) as usize;
                        match (adds, number % 3) {
                            (true, 0) => list.push_front(member, &limits),
                            (true, 1) if count < 10 => list.insert(at, member, &limits),
                            (true, _) => list.push_back(member, &limits),
                            (false, 0) => drop(list.pop_back()),
                            (false, 1) => drop(list.set(at, b"other", &limits)),
                            (false, _) => drop(list.remove(at)),
                        }
                    }
                    list.drop_many(list::End::Front, removed);
                }
                data.remove_if::<List>(key, List::is_empty);
            }
            0 => {
                if let Ok(mut set) = data.write_or_create(key, Set::new) {
                    for member in &members {
                        if adds {
                            set.insert(member, &SetLimits::default());
                        } else {
                            set.remove(member);
                        }
                    }
                    set.pop_random_many(removed, &SetLimits::default(), random, |_| ());
                }
                data.remove_if::<Set>(key, Set::is_empty);
            }
            1 => {
                if let Ok(mut zset) = data.write_or_create(key, ZSet::new) {
                    for member in &members {
                        if adds {
                            zset.insert(member, random.below(1000) as f64, &zset::Limits::default());
                        } else {
                            zset.remove(member);
                        }
                    }
                    zset.pop_min(removed, |_| ());
                }
                data.remove_if::<ZSet>(key, ZSet::is_empty);
            }
            _ => {
                let due_ms = data.now_ms as u64;
                if let Ok(mut hash) = data.write_or_create(key, Hash::new) {
                    for member in &members {
                        let ttl = match random.below(3) {
                            0 => FieldTtl::At(due_ms + random.below(1000)),
                            1 => FieldTtl::Clear,
                            _ => FieldTtl::Keep,
                        };
                        if adds {
                            hash.set(member, b"value", ttl, &HashLimits::default());
                        } else {
                            hash.remove(member);
                        }
                    }
                }
                data.note_field_expiries(key);
                data.expire_fields(key, 100);
                data.remove_if::<Hash>(key, Hash::is_empty);
            }
        }
    }

    fn move_entry(&mut self, key: &[u8]) {
        let to = self.key();
        let shards = [key, &to].map(|key| self.data.space().shard_of(key));
        self.lock(&shards);
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
            1 if !self.draws => self.data.remove_evicted(key),
            1 => {
                self.data.expire_due(shard, 0);
            }
            _ if !self.draws => {
                self.data.expire_fields(key, 3);
                self.data.find_quietly(key);
            }
            _ => {
                self.data.evict_one(shard, &eviction);
            }
        }
    }

    pub(crate) fn run_many(&mut self, count: u64) {
        self.growing = self.random.below(2) == 0;
        for _ in 0..count {
            self.run(true);
        }
    }
}
