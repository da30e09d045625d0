//! Counters. Those on the hot path belong to one core loop, which alone writes them (a relaxed load
//! and store, no locked instruction); readers sum over the loops.

use crate::histogram::{Durations, Histogram};
use flashdb_command::registry::Command;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A counter with one writer.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds; only the owning loop may.
    #[inline]
    pub fn add(&self, value: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(value),
            Ordering::Relaxed,
        );
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Back to zero (CONFIG RESETSTAT; a concurrent addition may survive, as a benign race).
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Counters of one command on one loop.
#[derive(Default)]
pub struct CommandStats {
    /// Calls.
    pub calls: Counter,
    /// Time in handlers.
    pub time_ns: Counter,
    /// Refused before running.
    pub rejected: Counter,
    /// Failed while running.
    pub failed: Counter,
    /// Calls by duration, while `latency-tracking` is on.
    pub durations: Histogram,
}

impl CommandStats {
    /// Counts calls of `ns` nanoseconds each.
    #[inline]
    pub fn record(&self, calls: u64, ns: u64, tracked: bool) {
        self.calls.add(calls);
        self.time_ns.add(calls * ns);
        if tracked {
            self.durations.record(calls, ns);
        }
    }

    /// Back to zero.
    pub fn reset(&self) {
        for counter in [&self.calls, &self.time_ns, &self.rejected, &self.failed] {
            counter.reset();
        }
        self.durations.reset();
    }
}

/// Counters of one core loop.
#[derive(Default)]
pub struct LoopStats {
    /// Commands executed.
    pub commands: Counter,
    /// Bytes read from clients.
    pub input_bytes: Counter,
    /// Bytes written to clients.
    pub output_bytes: Counter,
    /// Lookups that found a key.
    pub hits: Counter,
    /// Lookups that did not.
    pub misses: Counter,
    /// Keys removed because their time had come.
    pub expired_keys: Counter,
    /// Keys removed for `maxmemory`.
    pub evicted_keys: Counter,
    /// Hash fields removed likewise.
    pub expired_fields: Counter,
    /// Time spent in active expiry.
    pub expire_time_ns: Counter,
    /// Passes of active expiry that ran out of time.
    pub expire_time_caps: Counter,
    /// Turns of the loop.
    pub turns: Counter,
    /// Time of the turns without waiting.
    pub turn_time_ns: Counter,
    /// Rests before it slept, see the setting `gather-us`.
    pub rests: Counter,
    /// Time in handlers.
    pub command_time_ns: Counter,
    /// Read calls.
    pub reads: Counter,
    /// Write calls.
    pub writes: Counter,
    /// Per command and subcommand.
    pub per_command: Vec<CommandStats>,
}

impl LoopStats {
    /// Counters for a table of commands.
    pub fn new(ids_count: usize) -> Self {
        LoopStats {
            per_command: (0..ids_count).map(|_| CommandStats::default()).collect(),
            ..Default::default()
        }
    }

    /// Counters of a command.
    #[inline]
    pub fn of(&self, command: &Command) -> &CommandStats {
        &self.per_command[command.id as usize]
    }

    /// Memory of the histograms: 4 KiB for each command that the loop has run.
    pub fn histograms_bytes(&self) -> usize {
        self.per_command.iter().map(|of| of.durations.bytes()).sum()
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        let plain = [
            &self.commands,
            &self.input_bytes,
            &self.output_bytes,
            &self.hits,
            &self.misses,
            &self.expired_keys,
            &self.evicted_keys,
            &self.expired_fields,
            &self.expire_time_ns,
            &self.expire_time_caps,
            &self.turns,
            &self.turn_time_ns,
            &self.rests,
            &self.command_time_ns,
            &self.reads,
            &self.writes,
        ];
        plain.into_iter().for_each(Counter::reset);
        self.per_command.iter().for_each(CommandStats::reset);
    }
}

/// Error codes counted apart; above it clients could make names without end.
const ERROR_CODES_MAX: usize = 128;

/// Counters that are not hot.
#[derive(Default)]
pub struct Stats {
    /// Connections accepted.
    pub connections: AtomicU64,
    /// Connections refused for `maxclients`.
    pub rejected_connections: AtomicU64,
    /// Error replies.
    pub errors: AtomicU64,
    /// Error replies by code.
    pub errors_by_code: Mutex<BTreeMap<String, u64>>,
    /// Clients dropped for `maxmemory-clients`.
    pub evicted_clients: AtomicU64,
    /// Clients dropped for the output buffer limit.
    pub output_limit_disconnections: AtomicU64,
    /// Clients dropped for the query buffer limit.
    pub query_limit_disconnections: AtomicU64,
    /// Clients held back by CLIENT PAUSE.
    pub paused_clients: AtomicUsize,
    /// Blocked clients.
    pub blocked_clients: AtomicUsize,
    /// Refusals of access control: commands, keys, channels, logins (in the order of `acl::Reason`).
    pub acl_denied: [AtomicU64; 4],
    /// Samples for instantaneous rates, see [`Rates`].
    pub rates: Mutex<Rates>,
}

impl Stats {
    /// Counts an error reply by its code.
    pub fn error(&self, code: &[u8]) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let mut by_code = self.errors_by_code.lock();
        let code = String::from_utf8_lossy(code);
        if let Some(count) = by_code.get_mut(code.as_ref()) {
            *count += 1;
        } else if by_code.len() < ERROR_CODES_MAX {
            by_code.insert(code.into_owned(), 1);
        }
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        for counter in [
            &self.connections,
            &self.rejected_connections,
            &self.errors,
            &self.evicted_clients,
            &self.output_limit_disconnections,
            &self.query_limit_disconnections,
        ]
        .into_iter()
        .chain(&self.acl_denied)
        {
            counter.store(0, Ordering::Relaxed);
        }
        self.errors_by_code.lock().clear();
    }
}

/// Rates over the last 1.6 s, from samples every 100 ms.
#[derive(Default)]
pub struct Rates {
    samples: std::collections::VecDeque<[u64; 4]>,
}

impl Rates {
    /// Adds a sample: time in ms, commands, input bytes, output bytes.
    pub fn sample(&mut self, sample: [u64; 4]) {
        if self.samples.len() == 17 {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// Per second: commands, input bytes, output bytes.
    pub fn per_second(&self) -> [u64; 3] {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return [0; 3];
        };
        let ms = last[0].saturating_sub(first[0]).max(1);
        [1, 2, 3].map(|at| last[at].saturating_sub(first[at]) * 1000 / ms)
    }
}

/// Takes the sample that instantaneous rates come from.
pub fn sample_rates(server: &crate::server::Server, now_ms: i64) {
    let sum =
        |pick: fn(&LoopStats) -> &Counter| server.loops.iter().map(|l| pick(&l.stats).get()).sum::<u64>();
    let sample = [
        now_ms as u64,
        sum(|stats| &stats.commands),
        sum(|stats| &stats.input_bytes),
        sum(|s| &s.output_bytes),
    ];
    server.stats.rates.lock().sample(sample);
}

/// Counters of one command over all loops.
#[derive(Clone, Debug, Default)]
pub struct CommandTotals {
    /// Calls.
    pub calls: u64,
    /// Time in the handler.
    pub time_ns: u64,
    /// Refused before running.
    pub rejected: u64,
    /// Failed while running.
    pub failed: u64,
    /// Calls by duration, as in [`CommandStats::durations`].
    pub durations: Durations,
}

/// Sums the counters of the command with this id.
pub fn command_totals(server: &crate::server::Server, id: u32) -> CommandTotals {
    let mut totals = CommandTotals::default();
    for handle in &server.loops {
        let stats = &handle.stats.per_command[id as usize];
        totals.calls += stats.calls.get();
        totals.time_ns += stats.time_ns.get();
        totals.rejected += stats.rejected.get();
        totals.failed += stats.failed.get();
        totals.durations.add(&stats.durations);
    }
    totals
}
