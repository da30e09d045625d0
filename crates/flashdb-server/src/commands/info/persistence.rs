//! INFO persistence: Redis's fields, told of snapshots and the log, and FlashDB's own behind them.

use super::{Facts, Lines};
use crate::durability::checkpoints::{Reason, Running};
use crate::durability::{Durability, LoadFigures};
use crate::server::Server;
use flashdb_base::clock;
use std::sync::atomic::Ordering;

pub(super) fn persistence(lines: &mut Lines, facts: &Facts<'_>) {
    let server = facts.server;
    let durability = server.durability.get();
    let running = durability.and_then(|durability| durability.checkpoints.running());
    loading(lines, server);
    snapshots(lines, server, durability, running.as_ref());
    log(lines, server, durability, running.as_ref());
}

fn loading(lines: &mut Lines, server: &Server) {
    lines.field("loading", u8::from(server.is_loading()));
    lines.constants(&[("async_loading", "0")]);
    let Some(load) = LoadFigures::of(server) else {
        return;
    };
    lines.field("loading_start_time", load.began_ms / 1000);
    lines.field("loading_total_bytes", load.total_bytes);
    lines.field("loading_rdb_used_mem", 0);
    lines.field("loading_loaded_bytes", load.done_bytes);
    lines.field(
        "loading_loaded_perc",
        format!("{:.2}", 100.0 * load.share().unwrap_or(0.0)),
    );
    // As Redis says before it knows.
    lines.field(
        "loading_eta_seconds",
        load.rest_s().map_or(1, |rest_s| rest_s.ceil() as u64),
    );
}

fn snapshots(lines: &mut Lines, server: &Server, durability: Option<&Durability>, running: Option<&Running>) {
    let figures = durability
        .map(|durability| durability.checkpoints.figures())
        .unwrap_or_default();
    let pending = running.map_or(0, |running| running.sink.pending_bytes());
    lines.field(
        "current_cow_peak",
        running.map_or(0, |running| running.sink.pending_bytes_peak()),
    );
    lines.field("current_cow_size", pending);
    lines.constants(&[("current_cow_size_age", "0")]);
    let (done, total) = running.map_or((0, 0), |running| (running.sink.entries(), running.keys_total));
    lines.field(
        "current_fork_perc",
        format!("{:.2}", 100.0 * done as f64 / total.max(1) as f64),
    );
    lines.field("current_save_keys_processed", done);
    lines.field("current_save_keys_total", total);
    lines.field(
        "rdb_changes_since_last_save",
        server.dirty.load(Ordering::Relaxed),
    );
    let busy = durability.is_some_and(|durability| durability.checkpoints.is_busy());
    let rewriting = durability.is_some_and(|durability| durability.checkpoints.is_taking(Reason::Rewrite));
    lines.field("rdb_bgsave_in_progress", u8::from(busy && !rewriting));
    lines.field("rdb_last_save_time", server.last_save.load(Ordering::Relaxed));
    let failed = server.save_failed.load(Ordering::Relaxed);
    lines.field("rdb_last_bgsave_status", if failed { "err" } else { "ok" });
    lines.field("rdb_last_bgsave_time_sec", figures.last_s.unwrap_or(-1));
    let elapsed_s = running.map(|running| (clock::unix_ms() as i64 - running.began_ms) / 1000);
    let saving = running.filter(|running| running.reason != Reason::Rewrite);
    lines.field("rdb_current_bgsave_time_sec", saving.and(elapsed_s).unwrap_or(-1));
    lines.field("rdb_saves", figures.taken);
    lines.field("rdb_last_cow_size", figures.pending_bytes_peak);
    lines.constants(&[("rdb_last_load_keys_expired", "0")]);
    let loaded = durability.map_or(0, |durability| durability.progress.keys.load(Ordering::Relaxed));
    lines.field("rdb_last_load_keys_loaded", loaded);
    let took_ms = durability.map_or(-1, |durability| durability.load_took_ms.load(Ordering::Relaxed));
    lines.field("last_load_msec", took_ms);
}

fn log(lines: &mut Lines, server: &Server, durability: Option<&Durability>, running: Option<&Running>) {
    let log = server.space.log();
    let enabled = log.is_enabled();
    let figures = durability
        .map(|durability| durability.checkpoints.figures())
        .unwrap_or_default();
    let rewriting = running.filter(|running| running.reason == Reason::Rewrite);
    let is_rewriting = durability.is_some_and(|durability| durability.checkpoints.is_taking(Reason::Rewrite));
    let scheduled = durability.is_some_and(|durability| durability.checkpoints.is_scheduled(Reason::Rewrite));
    lines.field("aof_enabled", u8::from(enabled));
    lines.field("aof_rewrite_in_progress", u8::from(is_rewriting));
    lines.field("aof_rewrite_scheduled", u8::from(scheduled));
    lines.field("aof_last_rewrite_time_sec", figures.last_rewrite_s.unwrap_or(-1));
    let elapsed_s = rewriting.map(|running| (clock::unix_ms() as i64 - running.began_ms) / 1000);
    lines.field("aof_current_rewrite_time_sec", elapsed_s.unwrap_or(-1));
    let status = |failed: bool| if failed { "err" } else { "ok" };
    lines.field("aof_last_bgrewrite_status", status(figures.rewrite_failed));
    lines.field("aof_rewrites", figures.rewrites);
    lines.constants(&[("aof_rewrites_consecutive_failures", "0")]);
    lines.field("aof_last_write_status", status(enabled && log.refuses_writes()));
    lines.field("aof_last_cow_size", figures.pending_bytes_peak);
    lines.constants(&[
        ("module_fork_in_progress", "0"),
        ("module_fork_last_cow_size", "0"),
    ]);
    let newest_bytes = figures.newest.as_ref().map_or(0, |info| info.file_bytes);
    if let (true, Some(durability)) = (enabled, durability) {
        let logged = durability.checkpoints.logged_since(server);
        lines.field("aof_current_size", newest_bytes + logged);
        lines.field("aof_base_size", newest_bytes);
        lines.constants(&[("aof_pending_rewrite", "0")]);
        lines.field("aof_buffer_length", log.backlog_bytes());
        lines.constants(&[("aof_pending_bio_fsync", "0"), ("aof_delayed_fsync", "0")]);
    }
    lines.field("wal_lsn", log.appended());
    lines.field("wal_durable_lsn", log.durable());
    lines.field("wal_bytes_appended", log.appended_bytes());
    if let Some(durability) = durability {
        let segments = durability.segments();
        lines.field("wal_segments", segments.len());
        lines.field(
            "wal_bytes",
            segments.iter().map(|segment| segment.bytes).sum::<u64>(),
        );
        let writer = durability.writer_status().unwrap_or_default();
        lines.field("wal_medium", if writer.on_pmem { "pmem" } else { "file" });
        lines.field("wal_syncs", writer.syncs);
        lines.field("wal_last_sync_usec", writer.sync_us_last);
        lines.field("wal_sync_usec_total", writer.sync_us_total);
        lines.field("wal_failure", writer.failure.unwrap_or_default());
        lines.field("wal_disk_full", u8::from(enabled && log.is_full()));
        lines.field("wal_reserve_bytes", writer.reserve_bytes);
        lines.field(
            "wal_replayed_records",
            durability.progress.records.load(Ordering::Relaxed),
        );
    }
    let newest = figures.newest;
    lines.field(
        "snapshot_last_lsn",
        newest.as_ref().map_or(0, |info| info.meta.lsn),
    );
    lines.field("snapshot_last_bytes", newest_bytes);
    lines.field("snapshot_last_cut_usec", figures.cut_us);
}
