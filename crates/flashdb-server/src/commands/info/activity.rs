//! INFO sections about what happens: persistence, stats, replication, keyspace.

use super::{Facts, Lines};
use crate::acl::Reason;
use crate::pubsub::Kind;
use std::sync::atomic::Ordering;

pub(super) fn stats(lines: &mut Lines, facts: &Facts<'_>) {
    let (server, stats) = (facts.server, &facts.server.stats);
    let [ops, input, output] = stats.rates.lock().per_second();
    let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    lines.field("total_connections_received", get(&stats.connections));
    lines.field("total_commands_processed", facts.sum(|stats| &stats.commands));
    lines.field("instantaneous_ops_per_sec", ops);
    lines.field("total_net_input_bytes", facts.sum(|stats| &stats.input_bytes));
    lines.field("total_net_output_bytes", facts.sum(|stats| &stats.output_bytes));
    lines.constants(&[
        ("total_net_repl_input_bytes", "0"),
        ("total_net_repl_output_bytes", "0"),
    ]);
    lines.field(
        "instantaneous_input_kbps",
        format!("{:.2}", input as f64 / 1024.0),
    );
    lines.field(
        "instantaneous_output_kbps",
        format!("{:.2}", output as f64 / 1024.0),
    );
    lines.constants(&[
        ("instantaneous_input_repl_kbps", "0.00"),
        ("instantaneous_output_repl_kbps", "0.00"),
    ]);
    lines.field("rejected_connections", get(&stats.rejected_connections));
    lines.constants(&[
        ("sync_full", "0"),
        ("sync_partial_ok", "0"),
        ("sync_partial_err", "0"),
    ]);
    lines.field("expired_subkeys", facts.sum(|stats| &stats.expired_fields));
    lines.field("expired_keys", facts.sum(|stats| &stats.expired_keys));
    lines.field("expired_stale_perc", "0.00");
    lines.field(
        "expired_time_cap_reached_count",
        facts.sum(|stats| &stats.expire_time_caps),
    );
    lines.field(
        "expire_cycle_cpu_milliseconds",
        facts.sum(|stats| &stats.expire_time_ns) / 1_000_000,
    );
    lines.field("evicted_keys", facts.sum(|stats| &stats.evicted_keys));
    lines.field("evicted_clients", get(&stats.evicted_clients));
    lines.field("evicted_scripts", server.scripts.evicted());
    lines.constants(&[
        ("total_eviction_exceeded_time", "0"),
        ("current_eviction_exceeded_time", "0"),
    ]);
    lines.field("keyspace_hits", facts.sum(|stats| &stats.hits));
    lines.field("keyspace_misses", facts.sum(|stats| &stats.misses));
    lines.field("pubsub_channels", server.pubsub.names_count(Kind::Channel));
    lines.field("pubsub_patterns", server.pubsub.names_count(Kind::Pattern));
    lines.field("pubsubshard_channels", server.pubsub.names_count(Kind::Shard));
    lines.constants(&[
        ("latest_fork_usec", "0"),
        ("total_forks", "0"),
        ("migrate_cached_sockets", "0"),
        ("slave_expires_tracked_keys", "0"),
        ("active_defrag_hits", "0"),
        ("active_defrag_misses", "0"),
        ("active_defrag_key_hits", "0"),
        ("active_defrag_key_misses", "0"),
        ("total_active_defrag_time", "0"),
        ("current_active_defrag_time", "0"),
    ]);
    lines.field("tracking_total_keys", server.space.tracked().keys());
    lines.field("tracking_total_items", server.space.tracked().items());
    lines.field("tracking_total_prefixes", server.tracking.prefixes_count());
    lines.field("unexpected_error_replies", 0);
    lines.field("total_error_replies", get(&stats.errors));
    lines.field("dump_payload_sanitizations", 0);
    lines.field("total_reads_processed", facts.sum(|stats| &stats.reads));
    lines.field("total_writes_processed", facts.sum(|stats| &stats.writes));
    lines.constants(&[
        ("io_threaded_reads_processed", "0"),
        ("io_threaded_writes_processed", "0"),
        ("reply_buffer_shrinks", "0"),
        ("reply_buffer_expands", "0"),
    ]);
    lines.field(
        "client_query_buffer_limit_disconnections",
        get(&stats.query_limit_disconnections),
    );
    lines.field(
        "client_output_buffer_limit_disconnections",
        get(&stats.output_limit_disconnections),
    );
    lines.field("eventloop_cycles", facts.sum(|stats| &stats.turns));
    lines.field(
        "eventloop_duration_sum",
        facts.sum(|stats| &stats.turn_time_ns) / 1000,
    );
    lines.field(
        "eventloop_duration_cmd_sum",
        facts.sum(|stats| &stats.command_time_ns) / 1000,
    );
    lines.constants(&[
        ("instantaneous_eventloop_cycles_per_sec", "0"),
        ("instantaneous_eventloop_duration_usec", "0"),
    ]);
    let denied = |reason: Reason| get(&stats.acl_denied[reason as usize]);
    lines.field("acl_access_denied_auth", denied(Reason::Auth));
    lines.field("acl_access_denied_cmd", denied(Reason::Command));
    lines.field("acl_access_denied_key", denied(Reason::Key));
    lines.field("acl_access_denied_channel", denied(Reason::Channel));
}

pub(super) fn replication(lines: &mut Lines, facts: &Facts<'_>) {
    let server = facts.server;
    lines.field("role", "master");
    lines.field("connected_slaves", server.feed.followers_count());
    lines.field("master_failover_state", "no-failover");
    lines.field("master_replid", server.replication_id.lock());
    lines.field("master_replid2", "0".repeat(40));
    lines.field("master_repl_offset", server.feed.offset());
    lines.field("second_repl_offset", -1);
    lines.field("repl_backlog_active", 0);
    lines.field("repl_backlog_size", facts.settings.repl_backlog_size);
    lines.field("repl_backlog_first_byte_offset", 0);
    lines.field("repl_backlog_histlen", 0);
}

pub(super) fn keyspace(lines: &mut Lines, facts: &Facts<'_>) {
    let all = facts.census.databases.iter().enumerate();
    for (db, count) in all.filter(|(_, count)| count.keys > 0) {
        lines.field(
            &format!("db{db}"),
            format!(
                "keys={},expires={},avg_ttl={},subexpiry={}",
                count.keys, count.volatile, count.mean_ttl_ms, count.volatile_hashes
            ),
        );
    }
}
