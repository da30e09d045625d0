//! The figures of one moment, of the server and of each command, read off counters and the newest census: no shard is locked,
//! no command runs. Rates are left to who reads twice.

use super::{Engine, LoadFigures, State};
use crate::durability::checkpoints::Running;
pub use crate::histogram::Durations;
use crate::process::{self, Who};
use crate::resident;
pub use crate::resident::{PART_NAMES, Resident};
use crate::server::Server;
pub use crate::stats::CommandTotals;
use crate::stats::{Counter, LoopStats, command_totals};
use flashdb_base::clock;
use flashdb_command::{CommandSpec, Flags};
use std::sync::atomic::Ordering;

/// What a command has done, by its place among the rows ([`Engine::rows`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Calls.
    pub calls: u64,
    /// Time in the handler, ns.
    pub time_ns: u64,
}

/// A command with all that is counted of it.
#[derive(Clone)]
pub struct CommandFigures {
    /// Its row.
    pub spec: &'static CommandSpec,
    /// Its place among the rows.
    pub place: usize,
    /// Over all core loops.
    pub totals: CommandTotals,
}

/// One database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseFigures {
    /// Its number.
    pub db: usize,
    /// Keys.
    pub keys: u64,
    /// Keys that carry an expiry.
    pub expires: u64,
}

/// See the module's head. Names that end in `total` count since the start, or since CONFIG RESETSTAT.
#[derive(Clone, Debug)]
pub struct Figures {
    /// When they were read, Unix ms.
    pub at_ms: i64,
    /// Where the server stands.
    pub state: State,
    /// Databases that hold keys.
    pub databases: Vec<DatabaseFigures>,
    /// Commands.
    pub commands_total: u64,
    /// Commands that only read data.
    pub reads_total: u64,
    /// Commands that may change data.
    pub writes_total: u64,
    /// Error replies.
    pub errors_total: u64,
    /// Commands by the time they took; those while `latency-tracking` was on.
    pub latency: Durations,
    /// Commands one by one.
    pub by_command: Vec<Work>,
    /// Memory in use.
    pub used_bytes: u64,
    /// The most there was.
    pub used_peak_bytes: u64,
    /// Resident memory and its parts.
    pub resident: Resident,
    /// `maxmemory`.
    pub maxmemory_bytes: u64,
    /// Entries, values and their tables.
    pub data_bytes: u64,
    /// Connections with their buffers.
    pub clients_bytes: u64,
    /// Connections.
    pub clients: u64,
    /// Those that wait in a command.
    pub blocked: u64,
    /// Lookups that found a key.
    pub hits_total: u64,
    /// Lookups that did not.
    pub misses_total: u64,
    /// Connections refused for want of places.
    pub rejected_total: u64,
    /// Bytes from clients.
    pub input_bytes_total: u64,
    /// Bytes to clients.
    pub output_bytes_total: u64,
    /// Keys whose time had come.
    pub expired_total: u64,
    /// Keys removed for `maxmemory`.
    pub evicted_total: u64,
    /// Processor time of the process, seconds.
    pub cpu_seconds_total: f64,
    /// Snapshots.
    pub snapshots: SnapshotFigures,
    /// How far the loading of data is; `None` while none is loaded.
    pub load: Option<LoadFigures>,
    /// When a setting was changed last in this run, Unix ms.
    pub config_changed_ms: Option<u64>,
}

/// Snapshots at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SnapshotFigures {
    /// How much of the one being taken was captured, 0 to 1; `None` while none is.
    pub captured: Option<f64>,
    /// When the newest that is complete was cut, Unix ms; `None` for none.
    pub newest_ms: Option<i64>,
    /// Taken since the start.
    pub taken_total: u64,
}

impl SnapshotFigures {
    fn of(server: &Server) -> Self {
        let Some(durability) = server.durability.get() else {
            return SnapshotFigures::default();
        };
        let checkpoints = &durability.checkpoints;
        let share = |running: Running| {
            let done = running.sink.entries() as f64;
            (done / running.keys_total.max(1) as f64).min(1.0)
        };
        let figures = checkpoints.figures();
        SnapshotFigures {
            captured: checkpoints.running().map(share),
            newest_ms: figures.newest.map(|info| info.meta.created_ms),
            taken_total: figures.taken,
        }
    }
}

impl Engine {
    /// The figures of this moment; `None` before the first census, a tenth of a second after the start. O(commands times core
    /// loops): a few loads each, and 512 for a command that the loop has run, which nobody waits for.
    pub fn figures(&self) -> Option<Figures> {
        let server = &self.server;
        let census = server.census.get()?;
        let sum = |pick: fn(&LoopStats) -> &Counter| {
            server
                .loops
                .iter()
                .map(|handle| pick(&handle.stats).get())
                .sum::<u64>()
        };
        let (mut reads_total, mut writes_total) = (0, 0);
        let mut latency = Durations::default();
        let rows = server.registry.all();
        let mut by_command = vec![Work::default(); rows.len()];
        for handle in &server.loops {
            let counted = rows.iter().zip(&handle.stats.per_command);
            for ((command, stats), work) in counted.zip(&mut by_command) {
                let calls = stats.calls.get();
                if calls == 0 {
                    continue;
                }
                if command.spec.flags.has(Flags::WRITE) {
                    writes_total += calls;
                } else if command.spec.flags.has(Flags::READONLY) {
                    reads_total += calls;
                }
                work.calls += calls;
                work.time_ns += stats.time_ns.get();
                latency.add(&stats.durations);
            }
        }
        let cpu = process::cpu_time(Who::Process);
        Some(Figures {
            at_ms: clock::unix_ms() as i64,
            state: self.state(),
            databases: census
                .databases
                .iter()
                .enumerate()
                .filter(|(_, count)| count.keys > 0)
                .map(|(db, count)| DatabaseFigures {
                    db,
                    keys: count.keys as u64,
                    expires: count.volatile as u64,
                })
                .collect(),
            commands_total: sum(|stats| &stats.commands),
            reads_total,
            writes_total,
            errors_total: server.stats.errors.load(Ordering::Relaxed),
            latency,
            by_command,
            used_bytes: census.memory.total_bytes() as u64,
            used_peak_bytes: server.memory.peak().0 as u64,
            resident: resident::measure(server, &census.memory),
            maxmemory_bytes: server.settings().maxmemory,
            data_bytes: census.memory.data_bytes as u64,
            clients_bytes: census.memory.clients_bytes as u64,
            clients: server.clients_count.load(Ordering::Relaxed) as u64,
            blocked: server.tickets.len() as u64,
            hits_total: sum(|stats| &stats.hits),
            misses_total: sum(|stats| &stats.misses),
            rejected_total: server.stats.rejected_connections.load(Ordering::Relaxed),
            input_bytes_total: sum(|stats| &stats.input_bytes),
            output_bytes_total: sum(|stats| &stats.output_bytes),
            expired_total: sum(|stats| &stats.expired_keys),
            evicted_total: sum(|stats| &stats.evicted_keys),
            cpu_seconds_total: cpu.system_seconds + cpu.user_seconds,
            snapshots: SnapshotFigures::of(server),
            load: self.load_figures(),
            config_changed_ms: server.config.changed_ms(),
        })
    }

    /// The commands that were called or refused, as the engine counts them now. O(commands times core loops).
    pub fn command_figures(&self) -> impl Iterator<Item = CommandFigures> {
        let places = 0..self.server.registry.ids_count();
        places
            .map(|place| self.figures_at(place))
            .filter(|figures| figures.totals.calls + figures.totals.rejected + figures.totals.failed > 0)
    }

    /// Those of a command (`get`, `config|get`), called or not; `None` if there is no such command.
    pub fn figures_of(&self, full_name: &str) -> Option<CommandFigures> {
        let command = self.commands.get(full_name)?;
        Some(self.figures_at(command.id as usize))
    }

    fn figures_at(&self, place: usize) -> CommandFigures {
        CommandFigures {
            spec: self.server.registry.all()[place].spec,
            place,
            totals: command_totals(&self.server, place as u32),
        }
    }
}
