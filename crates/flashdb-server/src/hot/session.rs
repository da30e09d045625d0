//! HOTKEYS START to STOP: a session in which every command is looked at, for the time and the bytes that its keys cost. Without one
//! nothing is measured, and a command costs what it costs otherwise.
//!
//! Each core loop has a part of its own: sums, and for each metric the keys with most of it, by Space-Saving in a fixed number of slots.
//! What a key may owe to those who had its slot before is left out, so that no key is said to cost more than was measured. Parts are added
//! up when somebody asks. Time is that of the command; of a pipeline the mean of those that ran together.

use super::{LoopSamples, Ran};
use crate::process::{self, CpuTime, Who};
use crate::server::Server;
use flashdb_base::clock;
use flashdb_base::hash::hash_bytes;
use flashdb_base::prng::Prng;
use flashdb_resp::Args;
use flashdb_store::WINDOW;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Slots for each key that is asked for.
const SLOTS_PER_KEY: usize = 10;
/// Bytes of a key's name that are kept; longer ones are told apart by their hash.
const NAME_BYTES_KEPT: usize = 1024;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Processor time by key.
    pub cpu: bool,
    /// Bytes received and sent by key.
    pub net: bool,
    /// Keys to tell of each.
    pub count: usize,
    /// Time after which it ends by itself.
    pub duration: Option<Duration>,
    /// One of so many commands is counted by key.
    pub ratio: u32,
}

/// A key and what was measured of it.
pub type Ranked = (Vec<u8>, u64);

/// What is told of a session.
#[derive(Debug)]
pub struct Report {
    /// What was asked for.
    pub wish: Wish,
    /// Whether it goes on.
    pub is_active: bool,
    /// Unix time of its start, ms.
    pub started_ms: i64,
    /// How long it has lasted, ms.
    pub lasted_ms: u64,
    /// Of all commands with keys, ns.
    pub time_ns: u64,
    /// Of all commands with keys, both ways.
    pub net_bytes: u64,
    /// Of those that were counted by key.
    pub counted_net_bytes: u64,
    /// Processor time of the process meanwhile, ms: its own and the system's.
    pub process_ms: (u64, u64),
    /// Keys by time, ns, most first.
    pub by_time: Vec<Ranked>,
    /// Keys by bytes, most first.
    pub by_bytes: Vec<Ranked>,
}

#[derive(Clone)]
struct Slot {
    hash: u64,
    name: Vec<u8>,
    weight: u64,
    /// Of those who had the slot before.
    error: u64,
}

/// The keys with most weight.
#[derive(Clone)]
struct Top {
    slots: Vec<Slot>,
    /// By hash.
    places: HashMap<u64, usize>,
    slots_max: usize,
}

impl Top {
    fn new(slots_max: usize) -> Self {
        Top {
            slots: Vec::new(),
            places: HashMap::new(),
            slots_max,
        }
    }

    fn add(&mut self, hash: u64, key: &[u8], weight: u64) {
        if let Some(&at) = self.places.get(&hash) {
            self.slots[at].weight += weight;
            return;
        }
        let name = || key[..key.len().min(NAME_BYTES_KEPT)].to_vec();
        let slot = Slot {
            hash,
            name: name(),
            weight,
            error: 0,
        };
        if self.slots.len() < self.slots_max {
            self.places.insert(hash, self.slots.len());
            self.slots.push(slot);
            return;
        }
        let lightest = self
            .slots
            .iter_mut()
            .enumerate()
            .min_by_key(|(_, slot)| slot.weight);
        let Some((at, lightest)) = lightest else { return };
        self.places.remove(&lightest.hash);
        self.places.insert(hash, at);
        let error = lightest.weight;
        *lightest = Slot {
            weight: error + weight,
            error,
            ..slot
        };
    }
}

/// Keys of several, by the sums of their certain weights, most first.
fn ranked<'t>(tops: impl Iterator<Item = &'t Top>, count: usize) -> Vec<Ranked> {
    let mut sums: HashMap<u64, (&[u8], u64)> = HashMap::new();
    for slot in tops.flat_map(|top| &top.slots) {
        sums.entry(slot.hash).or_insert((&slot.name, 0)).1 += slot.weight - slot.error;
    }
    let mut all: Vec<(&[u8], u64)> = sums.into_values().filter(|key| key.1 > 0).collect();
    all.sort_unstable_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    all.truncate(count);
    all.into_iter()
        .map(|(name, weight)| (name.to_vec(), weight))
        .collect()
}

/// What one loop has measured.
#[derive(Clone)]
pub(super) struct Part {
    ratio: u32,
    random: Prng,
    time_ns: u64,
    net_bytes: u64,
    counted_net_bytes: u64,
    cpu: Option<Top>,
    net: Option<Top>,
}

impl Part {
    fn new(wish: &Wish) -> Self {
        let top = || Top::new(wish.count * SLOTS_PER_KEY);
        Part {
            ratio: wish.ratio,
            random: Prng::from_entropy(),
            time_ns: 0,
            net_bytes: 0,
            counted_net_bytes: 0,
            cpu: wish.cpu.then(top),
            net: wish.net.then(top),
        }
    }

    /// Adds a command, each of whose keys has the same share in it. One without keys is none of ours.
    fn add(&mut self, ran: &Ran<'_>, reply_bytes: u64) {
        let keys = ran.keys();
        if keys.is_empty() {
            return;
        }
        let time_ns = ran.elapsed_ns.unwrap_or(0);
        let net_bytes = request_bytes(&ran.args) + reply_bytes;
        self.time_ns += time_ns;
        self.net_bytes += net_bytes;
        if self.random.below(u64::from(self.ratio)) != 0 {
            return;
        }
        let of_each = |whole: u64| whole / keys.len() as u64;
        for &at in keys.iter() {
            let key = ran.args.at(at as usize);
            let hash = hash_bytes(key);
            if let Some(top) = &mut self.cpu {
                top.add(hash, key, of_each(time_ns));
            }
            if let Some(top) = &mut self.net {
                top.add(hash, key, of_each(net_bytes));
                self.counted_net_bytes += of_each(net_bytes);
            }
        }
    }
}

/// Bytes of a request as clients encode it.
fn request_bytes(args: &Args<'_>) -> u64 {
    let digits = |number: usize| u64::from(number.checked_ilog10().unwrap_or(0)) + 1;
    let words = args.iter().map(|word| 5 + digits(word.len()) + word.len() as u64);
    3 + digits(args.len()) + words.sum::<u64>()
}

thread_local! {
    /// Bytes of the last replies of this loop, newest last, as they are noted during a session.
    static REPLIES: RefCell<([u64; WINDOW], usize)> = const { RefCell::new(([0; WINDOW], 0)) };
}

/// Notes the bytes of the reply to a command that has run on this loop.
#[cold]
pub fn note_reply(bytes: usize) {
    REPLIES.with_borrow_mut(|(last, next)| {
        last[*next % WINDOW] = bytes as u64;
        *next = (*next + 1) % WINDOW;
    });
}

/// Bytes of the reply that came so many replies ago; 1 is the last.
pub(super) fn reply_bytes(ago: usize) -> u64 {
    REPLIES.with_borrow(|(last, next)| last[(next + 2 * WINDOW - ago.min(WINDOW)) % WINDOW])
}

impl LoopSamples {
    /// Adds a command to the session, if there is one.
    #[cold]
    pub fn measure(&self, ran: &Ran<'_>, reply_bytes: u64) {
        if self.in_session.load(Ordering::Relaxed)
            && let Some(part) = &mut *self.part.lock()
        {
            part.add(ran, reply_bytes);
        }
    }

    fn begin_part(&self, wish: &Wish) {
        *self.part.lock() = Some(Part::new(wish));
        self.in_session.store(true, Ordering::Release);
        self.look_at_all();
    }

    /// Has every command looked at. A busy loop may write over the second one; its next look finds the first.
    pub(super) fn look_at_all(&self) {
        self.interval.store(1, Ordering::Relaxed);
        self.left.store(1, Ordering::Relaxed);
    }

    fn end_part(&self) -> Option<Part> {
        self.in_session.store(false, Ordering::Release);
        self.part.lock().take()
    }
}

/// The session, or the last one while its results are kept.
#[derive(Default)]
pub struct Session(Mutex<Option<Run>>);

struct Run {
    wish: Wish,
    started_ms: i64,
    started: Instant,
    cpu_before: CpuTime,
    ended: Option<Ended>,
}

struct Ended {
    lasted: Duration,
    cpu: CpuTime,
    parts: Vec<Part>,
}

impl Run {
    fn is_overdue(&self) -> bool {
        let duration = self.wish.duration.filter(|_| self.ended.is_none());
        duration.is_some_and(|duration| self.started.elapsed() >= duration)
    }

    fn end(&mut self, server: &Server) {
        let loops = server.loops.iter();
        let parts = loops.filter_map(|handle| handle.samples.end_part()).collect();
        let lasted = self.started.elapsed();
        server.monitors.set_measuring(false);
        self.ended = Some(Ended {
            lasted: self.wish.duration.map_or(lasted, |most| lasted.min(most)),
            cpu: process::cpu_time(Who::Process),
            parts,
        });
    }

    fn report<'p>(&self, parts: impl Iterator<Item = &'p Part> + Clone) -> Report {
        let now = || (self.started.elapsed(), process::cpu_time(Who::Process));
        let ended = self.ended.as_ref();
        let (lasted, cpu) = ended.map_or_else(now, |ended| (ended.lasted, ended.cpu));
        let ms = |now: f64, before: f64| ((now - before) * 1000.0).max(0.0) as u64;
        let sum = |of: fn(&Part) -> u64| parts.clone().map(of).sum();
        Report {
            wish: self.wish,
            is_active: self.ended.is_none(),
            started_ms: self.started_ms,
            lasted_ms: lasted.as_millis() as u64,
            time_ns: sum(|part| part.time_ns),
            net_bytes: sum(|part| part.net_bytes),
            counted_net_bytes: sum(|part| part.counted_net_bytes),
            process_ms: (
                ms(cpu.user_seconds, self.cpu_before.user_seconds),
                ms(cpu.system_seconds, self.cpu_before.system_seconds),
            ),
            by_time: ranked(
                parts.clone().filter_map(|part| part.cpu.as_ref()),
                self.wish.count,
            ),
            by_bytes: ranked(
                parts.clone().filter_map(|part| part.net.as_ref()),
                self.wish.count,
            ),
        }
    }
}

impl Session {
    /// The present one, ended if its time is over.
    fn with<R>(&self, server: &Server, act: impl FnOnce(&mut Option<Run>) -> R) -> R {
        let mut run = self.0.lock();
        if let Some(run) = run.as_mut().filter(|run| run.is_overdue()) {
            run.end(server);
        }
        act(&mut run)
    }

    /// Ends it if its time is over.
    pub fn tick(&self, server: &Server) {
        self.with(server, |_| ());
    }

    /// Whether one goes on.
    pub fn is_active(&self, server: &Server) -> bool {
        self.with(server, |run| run.as_ref().is_some_and(|run| run.ended.is_none()))
    }

    /// Begins one; false while another goes on.
    pub fn start(&self, server: &Server, wish: Wish) -> bool {
        self.with(server, |run| {
            if run.as_ref().is_some_and(|run| run.ended.is_none()) {
                return false;
            }
            for handle in &server.loops {
                handle.samples.begin_part(&wish);
            }
            server.monitors.set_measuring(true);
            *run = Some(Run {
                wish,
                started_ms: clock::unix_ms() as i64,
                started: Instant::now(),
                cpu_before: process::cpu_time(Who::Process),
                ended: None,
            });
            true
        })
    }

    /// Ends it and keeps its results; false when none goes on.
    pub fn stop(&self, server: &Server) -> bool {
        self.with(server, |run| {
            let run = run.as_mut().filter(|run| run.ended.is_none());
            run.map(|run| run.end(server)).is_some()
        })
    }

    /// Forgets the results; false while it goes on.
    pub fn reset(&self, server: &Server) -> bool {
        self.with(server, |run| {
            let is_active = run.as_ref().is_some_and(|run| run.ended.is_none());
            if !is_active {
                *run = None;
            }
            !is_active
        })
    }

    /// What was measured; `None` before the first and after its results were forgotten.
    pub fn report(&self, server: &Server) -> Option<Report> {
        self.with(server, |run| {
            let run = run.as_ref()?;
            if let Some(ended) = &run.ended {
                return Some(run.report(ended.parts.iter()));
            }
            // Copied one by one: no loop waits for more than that.
            let part = |samples: &LoopSamples| samples.part.lock().clone();
            let parts: Vec<Part> = server
                .loops
                .iter()
                .filter_map(|handle| part(&handle.samples))
                .collect();
            Some(run.report(parts.iter()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_are_found_among_many_and_never_said_to_be_heavier() {
        let mut top = Top::new(40);
        let mut real: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut random = Prng::from_seed(3);
        for round in 0..20_000_u64 {
            let number = if round % 2 == 0 {
                round / 2 % 4
            } else {
                10 + random.below(2000)
            };
            let key = format!("key:{number}").into_bytes();
            let weight = 1 + random.below(20);
            top.add(hash_bytes(&key), &key, weight);
            *real.entry(key).or_default() += weight;
        }
        assert!(top.slots.len() == 40 && top.places.len() == 40);
        let found = ranked(std::iter::once(&top), 4);
        let mut names: Vec<&[u8]> = found.iter().map(|(name, _)| name.as_slice()).collect();
        names.sort_unstable();
        assert_eq!(names, [b"key:0", b"key:1", b"key:2", b"key:3"]);
        for (name, weight) in ranked(std::iter::once(&top), 40) {
            assert!(weight <= real[&name], "{}", String::from_utf8_lossy(&name));
        }
    }

    #[test]
    fn several_loops_are_added_up_and_names_have_a_bound() {
        let (mut one, mut other) = (Top::new(10), Top::new(10));
        one.add(1, b"a", 5);
        other.add(1, b"a", 6);
        other.add(2, &[b'x'; 5000], 10);
        other.add(3, b"nothing", 0);
        let found = ranked([&one, &other].into_iter(), 10);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], (b"a".to_vec(), 11));
        assert_eq!((found[1].0.len(), found[1].1), (NAME_BYTES_KEPT, 10));
    }

    #[test]
    fn requests_have_the_bytes_of_their_encoding() {
        for words in [&[&b"GET"[..], b"k"][..], &[b"SET", b"key", &[0; 1234], b""]] {
            let request = flashdb_resp::OwnedArgs::from_words(words.iter().copied());
            let heads: usize = words
                .iter()
                .map(|word| format!("${}\r\n\r\n", word.len()).len() + word.len())
                .sum();
            let bytes = format!("*{}\r\n", words.len()).len() + heads;
            assert_eq!(request_bytes(&request.as_args()), bytes as u64);
        }
    }

    #[test]
    fn replies_are_known_by_how_long_ago_they_came() {
        (0..WINDOW + 3).for_each(note_reply);
        assert_eq!(reply_bytes(1), WINDOW as u64 + 2);
        assert_eq!(reply_bytes(WINDOW), 3);
    }
}
