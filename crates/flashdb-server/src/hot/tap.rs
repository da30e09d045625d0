//! The feed of recent commands: of those that the loops look at some are written down, while somebody watches. It is drained a few
//! times a second. Every row says of how many commands it is one; while little happens, that is one.
//!
//! Bounded twice: a loop keeps [`ROWS_OF_LOOP`] rows, all loops together give [`ROWS_PER_DRAIN`]. Where there are more, every second one
//! goes and the others stand for twice as many, so that what remains is still a fair sample. What is shown is what MONITOR shows:
//! no administration, no secrets.

use super::Ran;
use crate::monitor;
use crate::server::Server;
use flashdb_base::clock;
use flashdb_base::prng::Prng;
use flashdb_command::{CommandSpec, Flags};
use parking_lot::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often the rows are to be drained.
pub const DRAIN_TIME: Duration = Duration::from_millis(200);
/// Rows of one drain: 50 a second.
const ROWS_PER_DRAIN: usize = 10;
/// Rows per second that the interval aims at. Half of what may come, so that the usual ups and downs need no thinning out.
const ROWS_AIM: f64 = 25.0;
/// Rows that a loop keeps between two drains.
const ROWS_OF_LOOP: usize = 16;
/// One of so many commands is written down at most: a tap that was left alone for a while still is.
const INTERVAL_MAX: u32 = 1 << 24;
/// Time in which the rate follows a change, seconds.
const RATE_TIME_S: f64 = 1.0;
/// Bytes of a key that are kept.
const KEY_BYTES_KEPT: usize = 128;
/// Words beside the key that are kept, and bytes of all of them.
const WORDS_KEPT: usize = 8;
const WORD_BYTES_KEPT: usize = 96;

/// A word of a request, or its beginning.
#[derive(Clone, Debug, PartialEq)]
pub struct CutWord {
    /// What is kept of it.
    pub head: Vec<u8>,
    /// Length of the whole word.
    pub bytes: usize,
}

impl CutWord {
    fn of(word: &[u8], kept: usize) -> Self {
        CutWord {
            head: word[..word.len().min(kept)].to_vec(),
            bytes: word.len(),
        }
    }
}

/// A command that was run.
#[derive(Clone)]
pub struct TappedCommand {
    /// Unix time of its end, µs.
    pub at_us: u64,
    /// Its row.
    pub spec: &'static CommandSpec,
    /// Its first key.
    pub key: Option<CutWord>,
    /// The first of its other words, without its name; secrets are not among them.
    pub words: Vec<CutWord>,
    /// Words that are left out.
    pub words_more: usize,
    /// Number of the database.
    pub db: u16,
    /// Who has sent it, or the script that has called it.
    pub client_id: u64,
    /// Where that client is.
    pub addr: String,
    /// Time it took; of a pipeline the mean of those that ran together; `None` of one that waits.
    pub elapsed_ns: Option<u64>,
    /// Whether its answer is an error.
    pub failed: bool,
    /// Of so many commands it is one.
    pub stands_for: u32,
}

/// The rows of one loop.
pub(super) struct Tap {
    rows: Vec<TappedCommand>,
    interval: u32,
}

impl Tap {
    pub fn new(interval: u32) -> Self {
        Tap {
            rows: Vec::with_capacity(ROWS_OF_LOOP + 1),
            interval,
        }
    }

    /// Perhaps writes a command down, which was looked at as one of `weight`; true if it did.
    pub fn note(&mut self, ran: &Ran<'_>, weight: u32, random: &mut Prng) -> bool {
        let flags = ran.command.spec.flags;
        // MONITOR shows scripts by a road of its own.
        let hidden = flags.has(Flags::SKIP_MONITOR) && !flags.has(Flags::RUNS_SCRIPT);
        if hidden || flags.has(Flags::ADMIN) {
            return false;
        }
        // Both are powers of two.
        let one_of = (self.interval / weight).max(1);
        if random.next_u64() & u64::from(one_of - 1) != 0 {
            return false;
        }
        self.rows.push(row_of(ran, weight.max(self.interval)));
        if self.rows.len() > ROWS_OF_LOOP {
            // The new one too, which was chosen at the rate so far.
            thin_out(&mut self.rows, random);
            self.interval = (self.interval.max(weight) * 2).min(INTERVAL_MAX);
        }
        true
    }

    /// The rows so far; from now on one of `interval` is written down.
    pub fn take(&mut self, interval: u32) -> Vec<TappedCommand> {
        self.interval = interval;
        std::mem::replace(&mut self.rows, Vec::with_capacity(ROWS_OF_LOOP + 1))
    }
}

/// Every second row goes; which ones, is left to chance.
fn thin_out(rows: &mut Vec<TappedCommand>, random: &mut Prng) {
    let mut keeps = random.next_u64() & 1 == 0;
    rows.retain_mut(|row| {
        row.stands_for = row.stands_for.saturating_mul(2);
        keeps = !keeps;
        keeps
    });
}

fn row_of(ran: &Ran<'_>, stands_for: u32) -> TappedCommand {
    let (spec, args) = (ran.command.spec, &ran.args);
    let key_at = first_key(ran).filter(|&at| !spec.is_secret(args, at));
    let (mut words, mut left) = (Vec::new(), WORD_BYTES_KEPT);
    let name_words = if spec.container.is_empty() { 1 } else { 2 };
    let mut words_more = 0;
    for (at, word) in args.iter().enumerate().skip(name_words) {
        if Some(at) == key_at {
            continue;
        }
        if words.len() == WORDS_KEPT || left == 0 {
            words_more = args.len() - at - usize::from(key_at.is_some_and(|key_at| key_at > at));
            break;
        }
        let word = if spec.is_secret(args, at) {
            b"(redacted)"
        } else {
            word
        };
        let word = CutWord::of(word, left);
        left -= word.head.len();
        words.push(word);
    }
    TappedCommand {
        at_us: clock::unix_us(),
        spec,
        key: key_at.map(|at| CutWord::of(args.at(at), KEY_BYTES_KEPT)),
        words,
        words_more,
        db: ran.db,
        client_id: ran.client.id,
        addr: monitor::source_of(ran.client),
        elapsed_ns: ran.elapsed_ns,
        failed: ran.failed,
        stands_for,
    }
}

/// Position of the first key, where the request has one.
fn first_key(ran: &Ran<'_>) -> Option<usize> {
    let (spec, args) = (ran.command.spec, &ran.args);
    if !spec.accepts(args.len()) || (spec.keys.is_empty() && spec.keys_of.is_none()) {
        return None;
    }
    let positions = spec.key_positions(args).ok()?;
    positions.first().map(|&at| at as usize)
}

/// The taps of all loops, for whoever drains them.
#[derive(Default)]
pub struct Taps(Mutex<Option<Flow>>);

/// How much flows.
struct Flow {
    interval: u32,
    /// Commands per second, smoothed.
    rate: f64,
    commands: u64,
    counted_at: Instant,
    random: Prng,
}

impl Flow {
    /// Follows the rate of commands. Slower down than up, so that a rate between two intervals does not change them all the time.
    fn follow(&mut self, commands: u64, now: Instant) {
        let seconds = (now - self.counted_at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let rate = commands.saturating_sub(self.commands) as f64 / seconds;
        (self.commands, self.counted_at) = (commands, now);
        let keeps = (-seconds / RATE_TIME_S).exp();
        self.rate = self.rate * keeps + rate * (1.0 - keeps);
        let wanted = (self.rate / ROWS_AIM).clamp(1.0, f64::from(INTERVAL_MAX));
        let is = f64::from(self.interval);
        if wanted > is || wanted < is / 3.0 || self.rate < ROWS_AIM / 2.0 {
            self.interval = (wanted.ceil() as u32).next_power_of_two();
        }
    }
}

impl Taps {
    /// Opens the taps of all loops, or closes them; what was written down is dropped.
    pub fn set_open(&self, server: &Server, open: bool) {
        let mut flow = self.0.lock();
        if flow.is_some() == open {
            return;
        }
        *flow = open.then(|| Flow {
            interval: 1,
            rate: 0.0,
            commands: commands_of(server),
            counted_at: Instant::now(),
            random: Prng::from_entropy(),
        });
        for handle in &server.loops {
            handle.samples.set_tap(open.then(|| Tap::new(1)));
        }
    }

    /// Rows that were ever written down.
    pub fn rows_total(&self, server: &Server) -> u64 {
        let loops = server.loops.iter();
        loops
            .map(|handle| handle.samples.tapped.load(Ordering::Relaxed))
            .sum()
    }

    /// What was written down since the last time, oldest first; nothing while the taps are closed.
    pub fn drain(&self, server: &Server) -> Vec<TappedCommand> {
        let mut flow = self.0.lock();
        let Some(flow) = flow.as_mut() else {
            return Vec::new();
        };
        flow.follow(commands_of(server), Instant::now());
        let taken = server
            .loops
            .iter()
            .map(|handle| handle.samples.drain_tap(flow.interval));
        let mut rows: Vec<TappedCommand> = taken.flatten().collect();
        rows.sort_by_key(|row| row.at_us);
        while rows.len() > ROWS_PER_DRAIN {
            thin_out(&mut rows, &mut flow.random);
        }
        rows
    }
}

fn commands_of(server: &Server) -> u64 {
    server
        .loops
        .iter()
        .map(|handle| handle.stats.commands.get())
        .sum()
}

#[cfg(test)]
#[path = "tap/tests.rs"]
mod tests;
