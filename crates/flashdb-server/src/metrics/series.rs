//! Metrics that have labels: by command, kind of error, database, part of the memory, core loop. Each function writes one
//! metric's samples.

use super::Figures;
use super::page::Family;
use crate::acl::Reason;
use crate::histogram::{POWERS, power_bound_ns};
use crate::server::Server;
use crate::stats::{CommandTotals, command_totals};
use flashdb_base::version::{ALLOCATOR, FLASHDB_VERSION, GIT_SHA, REDIS_VERSION};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// A command that was called or refused.
pub(super) struct CommandRow {
    name: String,
    totals: CommandTotals,
}

/// The commands with anything to tell, summed over the loops.
pub(super) fn command_rows(server: &Server) -> Vec<CommandRow> {
    let rows = server.registry.all().iter().map(|command| CommandRow {
        name: command.spec.full_name(),
        totals: command_totals(server, command.id),
    });
    rows.filter(|row| row.totals.calls + row.totals.rejected + row.totals.failed > 0)
        .collect()
}

fn by_command<V: std::fmt::Display>(
    family: &mut Family<'_>,
    figures: &Figures<'_>,
    pick: impl Fn(&CommandTotals) -> V,
) {
    for row in &figures.commands {
        family.sample(&[("cmd", &row.name)], pick(&row.totals));
    }
}

pub(super) fn calls(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_command(family, figures, |totals| totals.calls);
}

pub(super) fn seconds(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_command(family, figures, |totals| totals.time_ns as f64 / 1e9);
}

pub(super) fn rejected(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_command(family, figures, |totals| totals.rejected);
}

pub(super) fn failed(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_command(family, figures, |totals| totals.failed);
}

pub(super) fn command_errors(family: &mut Family<'_>, figures: &Figures<'_>) {
    for row in &figures.commands {
        let cmd = ("cmd", row.name.as_str());
        family.sample(&[cmd, ("stage", "rejected")], row.totals.rejected);
        family.sample(&[cmd, ("stage", "failed")], row.totals.failed);
    }
}

pub(super) fn durations(family: &mut Family<'_>, figures: &Figures<'_>) {
    // The last power has no bound. Finer ones would be twenty times as many series.
    let bounds: Vec<String> = (0..POWERS - 1)
        .map(|power| (power_bound_ns(power) as f64 / 1e9).to_string())
        .collect();
    for row in &figures.commands {
        let calls = row.totals.durations.calls();
        if calls == 0 {
            continue;
        }
        let cmd = ("cmd", row.name.as_str());
        let mut below = 0;
        for (bound, count) in bounds.iter().zip(row.totals.durations.by_power()) {
            below += count;
            family.part("_bucket", &[cmd, ("le", bound)], below);
        }
        family.part("_bucket", &[cmd, ("le", "+Inf")], calls);
        family.part("_sum", &[cmd], row.totals.time_ns as f64 / 1e9);
        family.part("_count", &[cmd], calls);
    }
}

fn errors(family: &mut Family<'_>, figures: &Figures<'_>, label: &str) {
    // Counting waits for this lock: it is held for a copy only.
    let by_code: BTreeMap<String, u64> = figures.facts.server.stats.errors_by_code.lock().clone();
    for (code, count) in &by_code {
        family.sample(&[(label, code)], count);
    }
}

pub(super) fn errors_by_kind(family: &mut Family<'_>, figures: &Figures<'_>) {
    errors(family, figures, "kind");
}

pub(super) fn errors_by_err(family: &mut Family<'_>, figures: &Figures<'_>) {
    errors(family, figures, "err");
}

/// Databases with keys, as INFO lists them; the first one always, so that an empty server shows a zero.
fn by_database<V: std::fmt::Display>(
    family: &mut Family<'_>,
    figures: &Figures<'_>,
    prefix: &str,
    pick: impl Fn(&crate::census::DatabaseCount) -> V,
) {
    for (db, count) in figures.facts.census.databases.iter().enumerate() {
        if db == 0 || count.keys > 0 {
            family.sample(&[("db", &format!("{prefix}{db}"))], pick(count));
        }
    }
}

pub(super) fn keys(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_database(family, figures, "", |count| count.keys);
}

pub(super) fn keys_expiring(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_database(family, figures, "", |count| count.volatile);
}

pub(super) fn hashes_expiring(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_database(family, figures, "", |count| count.volatile_hashes);
}

pub(super) fn mean_ttl(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_database(family, figures, "", |count| count.mean_ttl_ms as f64 / 1e3);
}

pub(super) fn database_bytes(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_database(family, figures, "", |count| count.bytes);
}

pub(super) fn exporter_keys(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_database(family, figures, "db", |count| count.keys);
}

pub(super) fn exporter_keys_expiring(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_database(family, figures, "db", |count| count.volatile);
}

pub(super) fn exporter_mean_ttl(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_database(family, figures, "db", |count| count.mean_ttl_ms as f64 / 1e3);
}

/// The parts add up to the memory in use.
pub(super) fn memory_parts(family: &mut Family<'_>, figures: &Figures<'_>) {
    let memory = &figures.facts.census.memory;
    if memory.total_bytes() == 0 {
        return;
    }
    for (part, bytes) in [
        ("entries", memory.data_bytes.saturating_sub(memory.table_bytes)),
        ("tables", memory.table_bytes),
        ("index", memory.index_bytes),
        ("clients", memory.clients_bytes),
        ("tracking", memory.tracking_bytes),
        ("fixed", memory.fixed_bytes),
    ] {
        family.sample(&[("part", part)], bytes);
    }
}

pub(super) fn census_age(family: &mut Family<'_>, figures: &Figures<'_>) {
    let (facts, census) = (figures.facts, &figures.facts.census);
    if census.taken_ms > 0 {
        let age_ms = (facts.now_ms - census.taken_ms).max(0);
        family.sample(&[], age_ms as f64 / 1e3);
    }
}

fn by_loop<V: std::fmt::Display>(
    family: &mut Family<'_>,
    figures: &Figures<'_>,
    pick: fn(&crate::stats::LoopStats) -> V,
) {
    for (id, handle) in figures.facts.server.loops.iter().enumerate() {
        family.sample(&[("loop", &id.to_string())], pick(&handle.stats));
    }
}

pub(super) fn loop_commands(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_loop(family, figures, |stats| stats.commands.get());
}

pub(super) fn loop_turns(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_loop(family, figures, |stats| stats.turns.get());
}

pub(super) fn loop_rests(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_loop(family, figures, |stats| stats.rests.get());
}

pub(super) fn loop_busy(family: &mut Family<'_>, figures: &Figures<'_>) {
    by_loop(family, figures, |stats| stats.turn_time_ns.get() as f64 / 1e9);
}

pub(super) fn cpu_seconds(family: &mut Family<'_>, figures: &Figures<'_>) {
    family.sample(&[("mode", "user")], figures.word("used_cpu_user"));
    family.sample(&[("mode", "system")], figures.word("used_cpu_sys"));
}

pub(super) fn client_disconnections(family: &mut Family<'_>, figures: &Figures<'_>) {
    for (reason, field) in [
        ("query_buffer", "client_query_buffer_limit_disconnections"),
        ("output_buffer", "client_output_buffer_limit_disconnections"),
        ("memory", "evicted_clients"),
    ] {
        family.sample(&[("reason", reason)], figures.word(field));
    }
}

pub(super) fn acl_denied(family: &mut Family<'_>, figures: &Figures<'_>) {
    for (reason, label) in [
        (Reason::Auth, "login"),
        (Reason::Command, "command"),
        (Reason::Key, "key"),
        (Reason::Channel, "channel"),
    ] {
        let denied = figures.facts.server.stats.acl_denied[reason as usize].load(Ordering::Relaxed);
        family.sample(&[("reason", label)], denied);
    }
}

pub(super) fn pubsub_channels(family: &mut Family<'_>, figures: &Figures<'_>) {
    for (kind, field) in [
        ("channel", "pubsub_channels"),
        ("pattern", "pubsub_patterns"),
        ("shard", "pubsubshard_channels"),
    ] {
        family.sample(&[("kind", kind)], figures.word(field));
    }
}

pub(super) fn build_info(family: &mut Family<'_>, _: &Figures<'_>) {
    let labels = [
        ("version", FLASHDB_VERSION),
        ("redis_version", REDIS_VERSION),
        ("git", GIT_SHA),
        ("allocator", ALLOCATOR),
    ];
    family.sample(&labels, 1);
}

pub(super) fn instance_info(family: &mut Family<'_>, figures: &Figures<'_>) {
    const FIELDS: [&str; 10] = INSTANCE_LABELS;
    let labels = FIELDS.map(|field| (field, figures.word(field)));
    family.sample(&labels, 1);
}

pub(super) const INSTANCE_LABELS: [&str; 10] = [
    "role",
    "redis_version",
    "redis_build_id",
    "redis_mode",
    "os",
    "maxmemory_policy",
    "tcp_port",
    "run_id",
    "process_id",
    "master_replid",
];

pub(super) fn start_time(family: &mut Family<'_>, figures: &Figures<'_>) {
    family.sample(&[], figures.facts.server.started_ms as f64 / 1e3);
}

pub(super) fn up(family: &mut Family<'_>, _: &Figures<'_>) {
    family.sample(&[], 1);
}

pub(super) fn slowlog_length(family: &mut Family<'_>, figures: &Figures<'_>) {
    family.sample(&[], figures.facts.server.slowlog.lock().len());
}

pub(super) fn feed_rows(family: &mut Family<'_>, figures: &Figures<'_>) {
    let server = figures.facts.server;
    family.sample(&[], server.taps.rows_total(server));
}

pub(super) fn slowlog_entries(family: &mut Family<'_>, figures: &Figures<'_>) {
    family.sample(&[], figures.facts.server.slowlog.lock().added());
}

pub(super) fn slowlog_last_id(family: &mut Family<'_>, figures: &Figures<'_>) {
    let last = figures
        .facts
        .server
        .slowlog
        .lock()
        .iter()
        .next()
        .map(|slow| slow.id);
    family.sample(&[], last.unwrap_or(0));
}

pub(super) fn slowlog_last_seconds(family: &mut Family<'_>, figures: &Figures<'_>) {
    let slowlog = figures.facts.server.slowlog.lock();
    let last_us = slowlog.iter().next().map_or(0, |slow| slow.duration_us);
    drop(slowlog);
    family.sample(&[], last_us as f64 / 1e6);
}

pub(super) fn spike_worst(family: &mut Family<'_>, figures: &Figures<'_>) {
    for (event, spikes) in figures.facts.server.latency.all() {
        family.sample(&[("event", event)], spikes.max_ms as f64 / 1e3);
    }
}

pub(super) fn spike_last(family: &mut Family<'_>, figures: &Figures<'_>) {
    for (event, spikes) in figures.facts.server.latency.all() {
        if let Some((time, _)) = spikes.samples.back() {
            family.sample(&[("event_name", event)], time);
        }
    }
}

pub(super) fn spike_last_seconds(family: &mut Family<'_>, figures: &Figures<'_>) {
    for (event, spikes) in figures.facts.server.latency.all() {
        if let Some((_, ms)) = spikes.samples.back() {
            family.sample(&[("event_name", event)], *ms as f64 / 1e3);
        }
    }
}

pub(super) fn log_healthy(family: &mut Family<'_>, figures: &Figures<'_>) {
    let log = figures.facts.server.space.log();
    if log.is_enabled() {
        family.sample(&[], u8::from(!log.refuses_writes()));
    }
}
