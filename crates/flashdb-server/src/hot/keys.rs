//! The hot keys of the whole server: what the loops counted, added up once a second and followed for ten minutes. Bounded: of the
//! keys that are followed the coldest make room.

use super::sketch::{SLOTS, Slot};
use super::{INTERVAL_MAX, LoopSamples};
use crate::server::Server;
use flashdb_base::clock;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Time between two collections.
const COLLECT_TIME: Duration = Duration::from_secs(1);
/// Keys that are followed.
const KEYS_MAX: usize = 256;
/// Length of a part of a key's history, seconds.
pub const BUCKET_S: i64 = 10;
/// Parts of a history.
pub const BUCKETS: usize = 60;
/// Time in which a rate follows a change, seconds: what is shown is the mean of about so long.
const RATE_TIME_S: f64 = 5.0;
/// Samples of a key in a second below which they are taken for chance, where not every command is looked at.
const SAMPLES_MIN: u32 = 2;
/// Uses per second that a loop is to look at, at least.
const LOOKS_PER_SECOND: f64 = 128.0;

/// A key and how much it is used.
#[derive(Clone, Debug, PartialEq)]
pub struct HotKey {
    /// Number of the database.
    pub db: u16,
    /// The key, or its first [`super::sketch::KEY_BYTES_KEPT`] bytes.
    pub key: Vec<u8>,
    /// Length of the whole key.
    pub key_bytes: usize,
    /// Commands that only read, per second.
    pub reads: f64,
    /// Other commands, per second.
    pub writes: f64,
    /// Share of these uses among those of all keys.
    pub share: f64,
    /// Uses per second in each part of the last ten minutes, the present part last.
    pub history: Vec<f64>,
}

/// See the module's head.
#[derive(Default)]
pub struct HotKeys(Mutex<Followed>);

struct Followed {
    keys: HashMap<(u16, usize, Vec<u8>), Track>,
    taken: Taken,
    /// Uses of all keys per second.
    uses_per_s: f64,
    collected_ms: i64,
    bucket: i64,
    /// Commands of each loop when they were collected.
    commands: Vec<u64>,
}

impl Default for Followed {
    fn default() -> Self {
        Followed {
            // More than is kept comes in for a moment.
            keys: HashMap::with_capacity(2 * KEYS_MAX),
            taken: Taken::default(),
            uses_per_s: 0.0,
            collected_ms: 0,
            bucket: 0,
            commands: Vec::new(),
        }
    }
}

/// Slots on their way from the loops and back. They are there from the start and go round, so that the memory of the server does
/// not grow with its first requests.
struct Taken {
    /// With the interval that they were counted at.
    slots: Vec<(Slot, u32)>,
    of_loop: Vec<Slot>,
    spare: Vec<Slot>,
}

impl Default for Taken {
    fn default() -> Self {
        Taken {
            slots: Vec::with_capacity(SLOTS),
            of_loop: Vec::with_capacity(SLOTS),
            spare: (0..SLOTS).map(|_| Slot::default()).collect(),
        }
    }
}

#[derive(Default)]
struct Track {
    reads: f64,
    writes: f64,
    /// Uses in each part, the present one at the end.
    uses: Vec<f64>,
}

impl Track {
    fn heat(&self) -> f64 {
        self.reads + self.writes
    }

    fn add(&mut self, uses: f64) {
        if self.uses.is_empty() {
            self.uses.push(0.0);
        }
        if let Some(now) = self.uses.last_mut() {
            *now += uses;
        }
    }

    /// Begins further parts; false once nothing is left to follow.
    fn pass(&mut self, parts: usize) -> bool {
        self.uses.extend(std::iter::repeat_n(0.0, parts.min(BUCKETS)));
        let over = self.uses.len().saturating_sub(BUCKETS);
        self.uses.drain(..over);
        self.uses.iter().any(|&uses| uses > 0.0)
    }
}

impl HotKeys {
    /// Takes what the loops have counted since the last time. Of its own, so that counts of instructions can leave it out.
    #[inline(never)]
    pub fn collect(&self, server: &Server, now_ms: i64) {
        let mut followed = self.0.lock();
        let seconds = (now_ms - followed.collected_ms) as f64 / 1000.0;
        if seconds <= 0.0 && followed.collected_ms != 0 {
            // The clock was set back: begin anew from there.
            followed.collected_ms = now_ms;
            return;
        }
        followed.commands.resize(server.loops.len(), 0);
        let mut uses = 0;
        let Followed { commands, taken, .. } = &mut *followed;
        for (handle, before) in server.loops.iter().zip(commands) {
            let commands = handle.stats.commands.get();
            let rate = commands.saturating_sub(*before) as f64 / seconds;
            *before = commands;
            uses += handle.samples.take(rate, taken);
        }
        followed.add(uses, seconds, now_ms);
    }

    /// The hottest keys, hottest first.
    pub fn hottest(&self, count: usize) -> Vec<HotKey> {
        let followed = self.0.lock();
        let mut keys: Vec<_> = followed.keys.iter().collect();
        keys.sort_by(|one, other| other.1.heat().total_cmp(&one.1.heat()).then(one.0.cmp(other.0)));
        let seconds_of_last = (followed.collected_ms - followed.bucket * BUCKET_S * 1000) as f64 / 1000.0;
        keys.into_iter()
            .take(count)
            .map(|((db, key_bytes, key), track)| HotKey {
                db: *db,
                key: key.clone(),
                key_bytes: *key_bytes,
                reads: track.reads,
                writes: track.writes,
                share: if followed.uses_per_s > 0.0 {
                    (track.heat() / followed.uses_per_s).min(1.0)
                } else {
                    0.0
                },
                history: rates(&track.uses, seconds_of_last),
            })
            .collect()
    }

    /// Uses of all keys per second.
    pub fn uses_per_second(&self) -> f64 {
        self.0.lock().uses_per_s
    }

    /// Forgets all keys.
    pub fn reset(&self, server: &Server) {
        let mut followed = self.0.lock();
        followed.keys.clear();
        followed.uses_per_s = 0.0;
        for handle in &server.loops {
            handle.samples.take(0.0, &mut followed.taken);
        }
        let Taken { slots, spare, .. } = &mut followed.taken;
        spare.extend(slots.drain(..).map(|(slot, _)| slot));
    }
}

/// Uses per second by part; the last part has begun only so long ago.
fn rates(uses: &[f64], seconds_of_last: f64) -> Vec<f64> {
    let mut rates = vec![0.0; BUCKETS - uses.len().min(BUCKETS)];
    rates.extend(uses.iter().map(|uses| uses / BUCKET_S as f64));
    if let (Some(rate), Some(uses)) = (rates.last_mut(), uses.last()) {
        *rate = uses / seconds_of_last.clamp(1.0, BUCKET_S as f64);
    }
    rates
}

impl LoopSamples {
    /// Takes the counts and answers the uses, and sets the interval that fits the rate of commands.
    fn take(&self, commands_per_s: f64, taken: &mut Taken) -> u64 {
        let wanted = (commands_per_s / LOOKS_PER_SECOND).clamp(1.0, f64::from(INTERVAL_MAX));
        let mut held = self.held.lock();
        let in_session = self.in_session.load(Ordering::Relaxed);
        let next = if in_session {
            1
        } else {
            (wanted as u32).next_power_of_two()
        };
        let interval = self.interval.swap(next, Ordering::Relaxed);
        // A loop that has come to rest does not wait out a distance of its busy time. It may write over this; the next second helps.
        self.left.fetch_min(2 * next - 1, Ordering::Relaxed);
        if self.in_session.load(Ordering::Relaxed) {
            // It may have begun since the first look.
            self.look_at_all();
        }
        held.looks = 0;
        held.sketch.drain(&mut taken.of_loop, &mut taken.spare);
        let uses = std::mem::take(&mut held.uses);
        drop(held);
        taken
            .slots
            .extend(taken.of_loop.drain(..).map(|slot| (slot, interval)));
        uses
    }
}

impl Followed {
    /// What was taken, in the `seconds` that ended at `now_ms`.
    fn add(&mut self, uses: u64, seconds: f64, now_ms: i64) {
        let bucket = now_ms.div_euclid(BUCKET_S * 1000);
        let passed = usize::try_from(bucket - self.bucket).unwrap_or(0);
        if self.collected_ms != 0 && passed > 0 {
            self.keys.retain(|_, track| track.pass(passed));
        }
        (self.bucket, self.collected_ms) = (bucket, now_ms);
        let keeps = (-seconds / RATE_TIME_S).exp();
        let gains = (1.0 - keeps) / seconds;
        for track in self.keys.values_mut() {
            track.reads *= keeps;
            track.writes *= keeps;
        }
        self.uses_per_s = self.uses_per_s * keeps + uses as f64 * gains;
        let Taken { slots, spare, .. } = &mut self.taken;
        for (mut slot, interval) in slots.drain(..) {
            let (reads, writes) = (f64::from(slot.reads), f64::from(slot.writes));
            let is_chance = interval > 1 && slot.reads.saturating_add(slot.writes) < SAMPLES_MIN * interval;
            let place = (slot.db, slot.key_bytes, std::mem::take(&mut slot.key));
            let track = match self.keys.get_mut(&place) {
                Some(track) => Some(track),
                None if is_chance => None,
                None => Some(self.keys.entry(place.clone()).or_default()),
            };
            if let Some(track) = track {
                track.reads += reads * gains;
                track.writes += writes * gains;
                track.add(reads + writes);
            }
            slot.key = place.2;
            spare.push(slot);
        }
        self.bound();
    }

    fn bound(&mut self) {
        let over = self.keys.len().saturating_sub(KEYS_MAX);
        if over == 0 {
            return;
        }
        let mut heats: Vec<f64> = self.keys.values().map(Track::heat).collect();
        let (_, &mut coldest_kept, _) = heats.select_nth_unstable_by(over, f64::total_cmp);
        self.keys.retain(|_, track| track.heat() >= coldest_kept);
        // Many may be as cold as each other.
        let mut left = self.keys.len().saturating_sub(KEYS_MAX);
        self.keys.retain(|_, track| {
            let goes = left > 0 && track.heat() <= coldest_kept;
            left -= usize::from(goes);
            !goes
        });
    }
}

/// Collects once a second until the server ends.
pub fn run(server: &Arc<Server>) {
    while !server.stopping.load(Ordering::Acquire) {
        server.hot_keys.collect(server, clock::unix_ms() as i64);
        server.hot_session.tick(server);
        std::thread::sleep(COLLECT_TIME);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hot::sketch::Sketch;
    use flashdb_base::hash::hash_bytes;

    fn slots(uses: &[(&str, u32, u32)]) -> Vec<(Slot, u32)> {
        let mut sketch = Sketch::default();
        for (key, reads, writes) in uses {
            let hash = hash_bytes(key.as_bytes());
            sketch.note(hash, 0, key.as_bytes(), *reads, false);
            sketch.note(hash, 0, key.as_bytes(), *writes, true);
        }
        let mut drained = Vec::new();
        sketch.drain(&mut drained, &mut Vec::new());
        drained.into_iter().map(|slot| (slot, 1)).collect()
    }

    fn total(uses: &[(&str, u32, u32)]) -> u64 {
        uses.iter()
            .map(|(_, reads, writes)| u64::from(reads + writes))
            .sum()
    }

    fn add(followed: &mut Followed, slots: Vec<(Slot, u32)>, uses: u64, seconds: f64, now_ms: i64) {
        followed.taken.slots = slots;
        followed.add(uses, seconds, now_ms);
    }

    fn hot(followed: Followed) -> HotKeys {
        HotKeys(Mutex::new(followed))
    }

    #[test]
    fn rates_shares_and_history_follow_the_uses() {
        let mut followed = Followed::default();
        let uses = [("a", 300, 100), ("b", 100, 0)];
        for second in 1..=30 {
            add(&mut followed, slots(&uses), total(&uses), 1.0, second * 1000);
        }
        let keys = hot(followed).hottest(10);
        assert_eq!(
            keys.iter().map(|key| key.key.as_slice()).collect::<Vec<_>>(),
            [b"a", b"b"]
        );
        assert!((keys[0].reads - 300.0).abs() < 2.0 && (keys[0].writes - 100.0).abs() < 2.0);
        assert!((keys[0].share - 0.8).abs() < 0.01);
        assert_eq!(keys[0].history.len(), BUCKETS);
        // Seconds 1 to 9, 10 to 19, 20 to 29, and 30.
        assert_eq!(keys[0].history[BUCKETS - 4..], [360.0, 400.0, 400.0, 400.0]);
        assert_eq!(keys[0].history[0], 0.0);
    }

    #[test]
    fn what_is_cold_for_ten_minutes_is_forgotten() {
        let mut followed = Followed::default();
        add(&mut followed, slots(&[("a", 10, 0)]), 10, 1.0, 1000);
        add(&mut followed, vec![], 0, 590.0, 591_000);
        assert_eq!(followed.keys.len(), 1);
        add(&mut followed, vec![], 0, 20.0, 611_000);
        assert_eq!(followed.keys.len(), 0);
    }

    #[test]
    fn the_coldest_make_room_and_chance_is_left_out() {
        let mut followed = Followed::default();
        let names: Vec<String> = (0..KEYS_MAX + 50).map(|at| format!("key:{at}")).collect();
        for second in 1..=2 {
            for names in names.chunks(50) {
                let uses: Vec<_> = names.iter().map(|name| (name.as_str(), 5, 0)).collect();
                add(&mut followed, slots(&uses), 0, 1.0, second * 1000);
            }
            add(&mut followed, slots(&[("hot", 500, 0)]), 0, 1.0, second * 1000);
        }
        assert!(followed.keys.len() <= KEYS_MAX);
        let sampled = slots(&[("chance", 1, 0), ("not", 2, 0)]);
        let sampled = sampled.into_iter().map(|(mut slot, _)| {
            slot.reads *= 64;
            (slot, 64)
        });
        add(&mut followed, sampled.collect(), 0, 1.0, 3000);
        let keys = hot(followed).hottest(KEYS_MAX);
        assert_eq!(keys[0].key, b"hot");
        assert!(keys.iter().any(|key| key.key == b"not"));
        assert!(!keys.iter().any(|key| key.key == b"chance"));
    }
}
