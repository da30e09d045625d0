//! A look at some of the commands as they are run: which keys are hot, and the feed of commands that viewers watch.
//!
//! Each core loop looks at one of `interval` commands, at random distances so that no rhythm of the clients can hide from it. What
//! that costs the others is one subtraction for the up to 16 commands of a window. The interval follows the loop's rate: at rest every
//! command is looked at, at full load one of 128. Hot keys are always counted (`sketch.rs`); once a second a thread of its own
//! takes the counts of all loops (`keys.rs`). A loop that finds its counts being taken leaves that command out and waits for nobody.
//! The feed (`tap.rs`) takes some of what is looked at while somebody watches, so without a viewer it costs a command nothing.
//! During a session of HOTKEYS (`session.rs`) every command is looked at.

mod keys;
mod session;
mod sketch;
mod tap;

pub use keys::{BUCKET_S, HotKey, HotKeys, run};
pub use session::{Report, Session, Wish, note_reply};
pub use tap::{CutWord, DRAIN_TIME, TappedCommand, Taps};

use crate::client::{Client, ClientInfo};
use crate::dispatch::Turn;
use flashdb_base::hash::hash_bytes;
use flashdb_base::prng::Prng;
use flashdb_command::Flags;
use flashdb_command::key_spec::KeyPositions;
use flashdb_command::registry::Command;
use flashdb_resp::Args;
use parking_lot::Mutex;
use sketch::Sketch;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use tap::Tap;

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
    failures: Failures,
    /// Commands that were ever written down for the feed.
    tapped: AtomicU64,
    held: Mutex<Held>,
    /// Whether a session goes on, in which all commands are looked at.
    in_session: AtomicBool,
    /// What it has measured here.
    part: Mutex<Option<session::Part>>,
}

struct Held {
    random: Prng,
    sketch: Sketch,
    /// Keys' uses that were noted, by weight.
    uses: u64,
    /// Commands that were looked at since the last collection.
    looks: u32,
    /// What viewers watch, while there are any.
    tap: Option<Tap>,
}

impl Default for LoopSamples {
    fn default() -> Self {
        LoopSamples {
            left: 1.into(),
            interval: INTERVAL_MAX.into(),
            failures: Failures::default(),
            tapped: 0.into(),
            in_session: false.into(),
            part: Mutex::default(),
            held: Mutex::new(Held {
                random: Prng::from_entropy(),
                sketch: Sketch::default(),
                uses: 0,
                looks: 0,
                tap: None,
            }),
        }
    }
}

/// A command that was run.
#[derive(Clone, Copy)]
pub struct Ran<'a> {
    pub command: &'a Command,
    pub args: Args<'a>,
    pub db: u16,
    /// Who has sent it, or the script that has called it.
    pub client: &'a ClientInfo,
    /// Time it took, where that is known.
    pub elapsed_ns: Option<u64>,
    /// Whether its answer is an error.
    pub failed: bool,
    /// Whether it is a use of its keys; not of a client that only looks (CLIENT NO-TOUCH).
    pub touches: bool,
}

impl Ran<'_> {
    /// Where its keys are. A request whose keys cannot be found was answered with an error.
    fn keys(&self) -> KeyPositions {
        let spec = self.command.spec;
        let has_keys = !spec.keys.is_empty() || spec.keys_of.is_some();
        if !spec.accepts(self.args.len()) || !has_keys {
            return KeyPositions::default();
        }
        spec.key_positions(&self.args).unwrap_or_default()
    }
}

/// Which of the last 64 commands of a loop have failed, by their numbers. Written down by those that fail, so that the others need
/// not say that they have not.
#[derive(Default)]
struct Failures {
    last: AtomicU64,
    /// The lowest bit is for `last`, the next one for the command before it.
    bits: AtomicU64,
}

impl Failures {
    fn note(&self, number: u64) {
        // Numbers begin anew with CONFIG RESETSTAT.
        let since = number.wrapping_sub(self.last.swap(number, Ordering::Relaxed));
        let before = self.bits.load(Ordering::Relaxed);
        let before = if since < 64 { before << since } else { 0 };
        self.bits.store(before | 1, Ordering::Relaxed);
    }

    fn has(&self, number: u64) -> bool {
        let before = self.last.load(Ordering::Relaxed).wrapping_sub(number);
        before < 64 && self.bits.load(Ordering::Relaxed) >> before & 1 == 1
    }
}

impl LoopSamples {
    /// Counts `count` commands as run; true when one of them is to be looked at.
    #[inline]
    pub fn passes(&self, count: u32) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        if left > count {
            self.left.store(left - count, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// Notes that the command with this number, counting those of the loop from 1, has failed.
    pub fn note_failure(&self, number: u64) {
        self.failures.note(number);
    }

    /// Looks at a command whose turn has come.
    #[cold]
    pub fn look_at(&self, ran: &Ran<'_>) {
        self.look(1, |_| *ran);
    }

    /// Opens the tap of the feed with this, or closes it.
    fn set_tap(&self, tap: Option<Tap>) {
        self.held.lock().tap = tap;
    }

    /// What has gone through the tap; from now on it lets one of `interval` commands through.
    fn drain_tap(&self, interval: u32) -> Vec<TappedCommand> {
        let mut held = self.held.lock();
        held.tap
            .as_mut()
            .map(|tap| tap.take(interval))
            .unwrap_or_default()
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
            let ran = ran(at as usize - 1);
            held.note(&ran, interval);
            if held.tap_off(&ran, interval) {
                self.tapped.fetch_add(1, Ordering::Relaxed);
            }
            held.looks += 1;
            let is_step = held.looks % LOOKS_PER_STEP == 0 && interval < INTERVAL_MAX;
            if is_step && !self.in_session.load(Ordering::Relaxed) {
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
    /// Writes a command down for the feed if somebody watches and its turn has come.
    fn tap_off(&mut self, ran: &Ran<'_>, weight: u32) -> bool {
        let tap = self.tap.as_mut();
        tap.is_some_and(|tap| tap.note(ran, weight, &mut self.random))
    }

    fn note(&mut self, ran: &Ran<'_>, weight: u32) {
        if !ran.touches {
            return;
        }
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

/// Looks at a command whose turn has come, which [`crate::dispatch::run_held`] has run last on this loop. `elapsed_ns` is 0 where
/// the time is not known.
#[cold]
pub fn look_at_last(
    turn: &Turn<'_, '_>,
    client: &Client,
    command: &Command,
    args: Args<'_>,
    elapsed_ns: u64,
) {
    let handle = &turn.server.loops[turn.lane];
    let ran = Ran {
        command,
        args,
        db: client.db,
        client: &client.info,
        elapsed_ns: (elapsed_ns > 0).then_some(elapsed_ns),
        failed: handle.samples.failures.has(handle.stats.commands.get()),
        touches: !client.no_touch,
    };
    handle.samples.measure(&ran, session::reply_bytes(1));
    handle.samples.look_at(&ran);
}

/// Looks at those commands of a window whose turn has come; they were the last on this loop. `elapsed_ns` knows their times.
#[cold]
pub fn look_at_window<'a>(
    turn: &Turn<'_, '_>,
    client: &'a Client,
    commands: &'a [Command],
    args: impl Fn(usize) -> Args<'a>,
    elapsed_ns: impl Fn(&Command) -> Option<u64>,
) {
    let handle = &turn.server.loops[turn.lane];
    let before = handle.stats.commands.get().wrapping_sub(commands.len() as u64);
    let ran = |at: usize| Ran {
        command: &commands[at],
        args: args(at),
        db: client.db,
        client: &client.info,
        elapsed_ns: elapsed_ns(&commands[at]),
        failed: handle.samples.failures.has(before.wrapping_add(at as u64 + 1)),
        touches: !client.no_touch,
    };
    if handle.samples.in_session.load(Ordering::Relaxed) {
        for at in 0..commands.len() {
            let reply_bytes = session::reply_bytes(commands.len() - at);
            handle.samples.measure(&ran(at), reply_bytes);
        }
    }
    handle.samples.look(commands.len() as u32, ran);
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
        let (client, commands) = (ClientInfo::default(), 200_000);
        for _ in 0..commands {
            if samples.passes(1) {
                samples.look_at(&ran(&get, request.as_args(), &client));
            }
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
        let client = ClientInfo::default();
        samples.look(16, |at| ran(&get, requests[at].as_args(), &client));
        let mut held = samples.held.lock();
        let mut drained = Vec::new();
        held.sketch.drain(&mut drained, &mut Vec::new());
        assert_eq!((held.uses, drained.len()), (16, 16));
    }

    #[test]
    fn who_only_looks_uses_no_key() {
        let registry = crate::command_registry();
        let get = get_of(&registry);
        let samples = LoopSamples::default();
        let request = OwnedArgs::from_words([b"GET".as_slice(), b"key"]);
        let client = ClientInfo::default();
        for touches in [false, true, false] {
            let ran = ran(&get, request.as_args(), &client);
            samples.left.store(1, Ordering::Relaxed);
            samples.look_at(&Ran { touches, ..ran });
        }
        let held = samples.held.lock();
        let weight = u64::from(INTERVAL_MAX);
        assert_eq!(
            (held.looks, held.uses),
            (3, weight),
            "all are looked at, one is counted"
        );
    }

    #[test]
    fn the_last_failures_are_known_by_their_numbers() {
        let failures = Failures::default();
        for number in [3, 5, 70] {
            failures.note(number);
        }
        let known: Vec<u64> = (0..80).filter(|&number| failures.has(number)).collect();
        assert_eq!(known, [70], "5 is too long ago");
        failures.note(71);
        failures.note(133);
        assert!(failures.has(70) && failures.has(71) && failures.has(133) && !failures.has(72));
        failures.note(2);
        let known: Vec<u64> = (0..200).filter(|&number| failures.has(number)).collect();
        assert_eq!(known, [2], "numbers have begun anew");
    }

    fn ran<'a>(command: &'a Command, args: Args<'a>, client: &'a ClientInfo) -> Ran<'a> {
        Ran {
            command,
            args,
            db: 0,
            client,
            elapsed_ns: Some(700),
            failed: false,
            touches: true,
        }
    }

    fn get_of(registry: &Registry) -> Command {
        registry.find(b"get").expect("GET is a command")
    }
}
