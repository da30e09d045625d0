//! A look at some of the commands as they are run: which keys are hot, and the feed of commands that viewers watch.
//!
//! Each core loop looks at one of `interval` commands, at random distances so that no rhythm of the clients can hide from it. What
//! that costs the others is one subtraction for the up to 16 commands of a window. The interval follows the loop's rate: at rest every
//! command is looked at, at full load one of 128. Hot keys are always counted (`sketch.rs`); once a second a thread of its own
//! takes the counts of all loops (`keys.rs`). A loop that finds its counts being taken leaves that command out and waits for nobody.

mod keys;
mod sketch;

pub use keys::{BUCKET_S, HotKey, HotKeys, run};

use crate::dispatch::Turn;
use flashdb_base::hash::hash_bytes;
use flashdb_base::prng::Prng;
use flashdb_command::Flags;
use flashdb_command::registry::Command;
use flashdb_resp::Args;
use parking_lot::Mutex;
use sketch::Sketch;
use std::sync::atomic::{AtomicU32, Ordering};

/// One of so many commands is looked at at full load.
const INTERVAL_MAX: u32 = 128;
/// Looks after which the interval doubles before the next collection: a burst on a loop that was at rest costs no more than these.
const LOOKS_PER_STEP: u32 = 128;
/// Keys of one command that are counted.
const KEYS_PER_COMMAND_MAX: usize = 64;

/// The samples of one core loop, which alone notes.
pub struct LoopSamples {
    /// Commands up to the next one that is looked at, that one included.
    left: AtomicU32,
    interval: AtomicU32,
    held: Mutex<Held>,
}

struct Held {
    random: Prng,
    sketch: Sketch,
    /// Keys' uses that were noted, by weight.
    uses: u64,
    /// Commands that were looked at since the last collection.
    looks: u32,
}

impl Default for LoopSamples {
    fn default() -> Self {
        LoopSamples {
            left: 1.into(),
            interval: INTERVAL_MAX.into(),
            held: Mutex::new(Held {
                random: Prng::from_entropy(),
                sketch: Sketch::default(),
                uses: 0,
                looks: 0,
            }),
        }
    }
}

/// A command that was run.
pub struct Ran<'a> {
    pub command: &'a Command,
    pub args: Args<'a>,
    pub db: u16,
}

impl LoopSamples {
    /// Counts `count` commands as run; true when one of them is to be looked at.
    #[inline]
    fn passes(&self, count: u32) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        if left > count {
            self.left.store(left - count, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// Looks at those of `count` commands whose turn has come.
    #[cold]
    fn look<'a>(&self, count: u32, ran: impl Fn(usize) -> Ran<'a>) {
        // Who takes the counts has them: these commands are left out.
        let mut held = self.held.try_lock();
        let mut interval = self.interval.load(Ordering::Relaxed);
        let (mut at, mut left) = (0, self.left.load(Ordering::Relaxed));
        while left <= count - at {
            at += left;
            let Some(held) = held.as_mut() else {
                left = interval;
                continue;
            };
            held.note(&ran(at as usize - 1), interval);
            held.looks += 1;
            if held.looks % LOOKS_PER_STEP == 0 && interval < INTERVAL_MAX {
                interval *= 2;
                self.interval.store(interval, Ordering::Relaxed);
            }
            // Between 1 and twice the interval less one: the interval in the mean.
            left = 1 + (held.random.next_u64() % u64::from(2 * interval - 1)) as u32;
        }
        self.left.store(left - (count - at), Ordering::Relaxed);
    }
}

impl Held {
    fn note(&mut self, ran: &Ran<'_>, weight: u32) {
        let spec = ran.command.spec;
        let is_write = spec.flags.has(Flags::WRITE);
        let mut note = |key: &[u8]| {
            self.sketch.note(hash_bytes(key), ran.db, key, weight, is_write);
            self.uses += u64::from(weight);
        };
        if let Some(at) = ran.command.single_key {
            if ran.args.len() > at as usize {
                note(ran.args.at(at as usize));
            }
        } else if spec.accepts(ran.args.len()) && (!spec.keys.is_empty() || spec.keys_of.is_some()) {
            // A request whose keys cannot be found was answered with an error.
            let positions = spec.key_positions(&ran.args).unwrap_or_default();
            for &at in positions.iter().take(KEYS_PER_COMMAND_MAX) {
                note(ran.args.at(at as usize));
            }
        }
    }
}

/// Counts the commands of a window, the `at`-th of which `ran` tells.
#[inline]
pub fn note_window<'a>(turn: &Turn<'_, '_>, count: usize, ran: impl Fn(usize) -> Ran<'a>) {
    let samples = &turn.server.loops[turn.lane].samples;
    if samples.passes(count as u32) {
        samples.look(count as u32, ran);
    }
}

/// Counts a command that was run by itself, on the loop with this number.
#[inline]
pub fn note_one(samples: &LoopSamples, command: &Command, args: Args<'_>, db: u16) {
    if samples.passes(1) {
        samples.look(1, |_| Ran { command, args, db });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_command::registry::Registry;
    use flashdb_resp::OwnedArgs;

    #[test]
    fn a_burst_is_thinned_out_and_still_counted_in_full() {
        let registry = crate::command_registry();
        let get = get_of(&registry);
        let samples = LoopSamples::default();
        samples.interval.store(1, Ordering::Relaxed);
        let request = OwnedArgs::from_words([b"GET".as_slice(), b"key"]);
        let commands = 200_000;
        for _ in 0..commands {
            let args = request.as_args();
            note_one(&samples, &get, args, 0);
        }
        assert_eq!(samples.interval.load(Ordering::Relaxed), INTERVAL_MAX);
        let held = samples.held.lock();
        assert!(held.looks < 3000, "{} looks", held.looks);
        let (counted, real) = (held.uses as f64, f64::from(commands));
        assert!((counted / real - 1.0).abs() < 0.15, "{counted}");
    }

    #[test]
    fn of_a_window_each_command_may_be_looked_at() {
        let registry = crate::command_registry();
        let get = get_of(&registry);
        let samples = LoopSamples::default();
        samples.interval.store(1, Ordering::Relaxed);
        let requests: Vec<OwnedArgs> = (0..16)
            .map(|at| OwnedArgs::from_words([b"GET".as_slice(), format!("key:{at}").as_bytes()]))
            .collect();
        assert!(samples.passes(16));
        samples.look(16, |at| Ran {
            command: &get,
            args: requests[at].as_args(),
            db: 0,
        });
        let mut held = samples.held.lock();
        let mut drained = Vec::new();
        held.sketch.drain(&mut drained, &mut Vec::new());
        assert_eq!((held.uses, drained.len()), (16, 16));
    }

    fn get_of(registry: &Registry) -> Command {
        registry.find(b"get").expect("GET is a command")
    }
}
