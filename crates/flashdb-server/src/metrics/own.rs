//! The metrics under names of FlashDB's own: base units, one metric for one thing, labels in place of numbered names.
//! docs/OBSERVABILITY.md lists them from this table.

use super::Kind::{Counter, Gauge, Histogram};
use super::Source::{Field, Is, Series, Times};
use super::{Kind, Metric, Source, series};

const fn metric(name: &'static str, kind: Kind, help: &'static str, source: Source) -> Metric {
    Metric {
        name,
        kind,
        help,
        source,
    }
}

/// See the module's head.
#[rustfmt::skip]
pub(super) static METRICS: &[Metric] = &[
    // The server.
    metric("flashdb_build_info", Gauge, "Versions of the server; the value is always 1.", Series(&["version", "redis_version", "git", "allocator"], series::build_info)),
    metric("flashdb_start_time_seconds", Gauge, "When the server was started, Unix time.", Series(&[], series::start_time)),
    metric("flashdb_uptime_seconds", Gauge, "Time since the start.", Field("uptime_in_seconds")),
    metric("flashdb_core_loops", Gauge, "Core loops, each a thread that serves clients.", Field("core_loops")),
    metric("flashdb_shards", Gauge, "Shards of the keyspace.", Field("shards")),
    metric("flashdb_loading", Gauge, "1 while data is being loaded.", Field("loading")),
    metric("flashdb_cpu_seconds_total", Counter, "Processor time of the process.", Series(&["mode"], series::cpu_seconds)),
    // Commands.
    metric("flashdb_commands_processed_total", Counter, "Commands executed.", Field("total_commands_processed")),
    metric("flashdb_commands_per_second", Gauge, "Commands executed per second over the last 1.6 s.", Field("instantaneous_ops_per_sec")),
    metric("flashdb_command_calls_total", Counter, "Calls by command.", Series(&["cmd"], series::calls)),
    metric("flashdb_command_duration_seconds", Histogram, "Time in the handler by command, of the calls while latency-tracking is on; the sum is of all calls.", Series(&["cmd", "le"], series::durations)),
    metric("flashdb_command_errors_total", Counter, "Calls by command that were rejected before they ran, or failed while they did.", Series(&["cmd", "stage"], series::command_errors)),
    metric("flashdb_errors_total", Counter, "Error replies by kind, which is their first word.", Series(&["kind"], series::errors_by_kind)),
    metric("flashdb_error_replies_total", Counter, "Error replies.", Field("total_error_replies")),
    metric("flashdb_slowlog_length", Gauge, "Entries in the slow log.", Series(&[], series::slowlog_length)),
    metric("flashdb_slowlog_entries_total", Counter, "Entries that were ever added to the slow log.", Series(&[], series::slowlog_entries)),
    metric("flashdb_feed_rows_total", Counter, "Commands written down for the feed of recent commands; none while nobody watches it.", Series(&[], series::feed_rows)),
    metric("flashdb_latency_spike_worst_seconds", Gauge, "The worst spike by event of the latency monitor.", Series(&["event"], series::spike_worst)),
    // Keys.
    metric("flashdb_keys_total", Gauge, "Keys by database, expired ones not yet removed included.", Series(&["db"], series::keys)),
    metric("flashdb_keys_expiring", Gauge, "Keys by database that carry an expiry.", Series(&["db"], series::keys_expiring)),
    metric("flashdb_hashes_with_expiring_fields", Gauge, "Hashes by database that have expiring fields.", Series(&["db"], series::hashes_expiring)),
    metric("flashdb_keys_mean_ttl_seconds", Gauge, "Mean time to live by database, from a sample of the keys that expire.", Series(&["db"], series::mean_ttl)),
    metric("flashdb_database_bytes", Gauge, "Entries, values and tables by database.", Series(&["db"], series::database_bytes)),
    metric("flashdb_census_age_seconds", Gauge, "How old the figures of keys and memory are; much more than 0.1 means that the first core loop is stalled.", Series(&[], series::census_age)),
    metric("flashdb_keyspace_hits_total", Counter, "Lookups that found a key.", Field("keyspace_hits")),
    metric("flashdb_keyspace_misses_total", Counter, "Lookups that found none.", Field("keyspace_misses")),
    metric("flashdb_expired_keys_total", Counter, "Keys removed because their time had come.", Field("expired_keys")),
    metric("flashdb_expired_fields_total", Counter, "Hash fields removed because their time had come.", Field("expired_subkeys")),
    metric("flashdb_expire_seconds_total", Counter, "Time spent looking for expired keys.", Times("expire_cycle_cpu_milliseconds", 1e-3)),
    metric("flashdb_expire_time_caps_total", Counter, "Passes over expired keys that ran out of time.", Field("expired_time_cap_reached_count")),
    metric("flashdb_evicted_keys_total", Counter, "Keys removed for maxmemory.", Field("evicted_keys")),
    // Memory.
    metric("flashdb_memory_used_bytes", Gauge, "Memory of data, clients and the server itself.", Field("used_memory")),
    metric("flashdb_memory_parts_bytes", Gauge, "What the used memory is for; the parts add up to it.", Series(&["part"], series::memory_parts)),
    metric("flashdb_memory_peak_bytes", Gauge, "The most memory that was in use.", Field("used_memory_peak")),
    metric("flashdb_memory_rss_bytes", Gauge, "Resident memory of the process.", Field("used_memory_rss")),
    metric("flashdb_memory_max_bytes", Gauge, "The setting maxmemory; 0 for no limit.", Field("maxmemory")),
    metric("flashdb_memory_system_bytes", Gauge, "Memory of the machine.", Field("total_system_memory")),
    metric("flashdb_memory_fragmentation_ratio", Gauge, "Resident memory by used memory.", Field("mem_fragmentation_ratio")),
    metric("flashdb_memory_scripts_bytes", Gauge, "Interpreters of scripts and functions.", Field("used_memory_vm_total")),
    metric("flashdb_lazyfree_pending_objects", Gauge, "Objects that wait to be freed off the core loops.", Field("lazyfree_pending_objects")),
    metric("flashdb_lazyfreed_objects_total", Counter, "Objects freed off the core loops.", Field("lazyfreed_objects")),
    // Clients and network.
    metric("flashdb_connected_clients", Gauge, "Connected clients.", Field("connected_clients")),
    metric("flashdb_blocked_clients", Gauge, "Clients that wait in a blocking command, or are held back by CLIENT PAUSE.", Field("blocked_clients")),
    metric("flashdb_tracking_clients", Gauge, "Clients that cache with the server's help.", Field("tracking_clients")),
    metric("flashdb_pubsub_clients", Gauge, "Clients that are subscribed to anything.", Field("pubsub_clients")),
    metric("flashdb_watching_clients", Gauge, "Clients that watch keys.", Field("watching_clients")),
    metric("flashdb_max_clients", Gauge, "The setting maxclients.", Field("maxclients")),
    metric("flashdb_connections_received_total", Counter, "Connections accepted.", Field("total_connections_received")),
    metric("flashdb_connections_rejected_total", Counter, "Connections refused for maxclients.", Field("rejected_connections")),
    metric("flashdb_client_disconnections_total", Counter, "Clients dropped for a limit of their buffers or memory.", Series(&["reason"], series::client_disconnections)),
    metric("flashdb_acl_denied_total", Counter, "What access control refused.", Series(&["reason"], series::acl_denied)),
    metric("flashdb_net_input_bytes_total", Counter, "Bytes read from clients.", Field("total_net_input_bytes")),
    metric("flashdb_net_output_bytes_total", Counter, "Bytes written to clients.", Field("total_net_output_bytes")),
    metric("flashdb_net_reads_total", Counter, "Read calls.", Field("total_reads_processed")),
    metric("flashdb_net_writes_total", Counter, "Write calls.", Field("total_writes_processed")),
    metric("flashdb_core_loop_commands_total", Counter, "Commands executed by core loop.", Series(&["loop"], series::loop_commands)),
    metric("flashdb_core_loop_turns_total", Counter, "Turns by core loop.", Series(&["loop"], series::loop_turns)),
    metric("flashdb_core_loop_rests_total", Counter, "Rests by core loop in which requests gather, see gather-us.", Series(&["loop"], series::loop_rests)),
    metric("flashdb_core_loop_busy_seconds_total", Counter, "Time by core loop in which it did not wait.", Series(&["loop"], series::loop_busy)),
    // Publish/subscribe, caching, scripts.
    metric("flashdb_pubsub_channels", Gauge, "Names that somebody is subscribed to, by kind.", Series(&["kind"], series::pubsub_channels)),
    metric("flashdb_tracking_keys", Gauge, "Keys that caching clients remember.", Field("tracking_total_keys")),
    metric("flashdb_tracking_items", Gauge, "Pairs of a key and a caching client that remembers it.", Field("tracking_total_items")),
    metric("flashdb_cached_scripts", Gauge, "Scripts that were loaded or run.", Field("number_of_cached_scripts")),
    metric("flashdb_functions", Gauge, "Functions of all libraries.", Field("number_of_functions")),
    metric("flashdb_function_libraries", Gauge, "Function libraries.", Field("number_of_libraries")),
    // Persistence.
    metric("flashdb_snapshot_last_timestamp_seconds", Gauge, "When the last snapshot succeeded, Unix time; the start counts as one.", Field("rdb_last_save_time")),
    metric("flashdb_snapshot_last_success", Gauge, "1 if the last snapshot succeeded, or there was none.", Is("rdb_last_bgsave_status", "ok")),
    metric("flashdb_snapshot_last_duration_seconds", Gauge, "How long the last snapshot took.", Field("rdb_last_bgsave_time_sec")),
    metric("flashdb_snapshot_in_progress", Gauge, "1 while a snapshot is being taken.", Field("rdb_bgsave_in_progress")),
    metric("flashdb_snapshots_total", Counter, "Snapshots taken.", Field("rdb_saves")),
    metric("flashdb_snapshot_cut_seconds", Gauge, "How long clients waited for the cut of the last snapshot.", Times("snapshot_last_cut_usec", 1e-6)),
    metric("flashdb_snapshot_last_bytes", Gauge, "Size of the newest snapshot.", Field("snapshot_last_bytes")),
    metric("flashdb_snapshot_last_lsn", Gauge, "LSN that the newest snapshot holds everything up to.", Field("snapshot_last_lsn")),
    metric("flashdb_changes_since_snapshot", Gauge, "Changes since the last snapshot.", Field("rdb_changes_since_last_save")),
    metric("flashdb_log_enabled", Gauge, "1 while writes are logged (appendonly).", Field("aof_enabled")),
    metric("flashdb_log_healthy", Gauge, "1 while the log can be written, 0 after it failed; nothing without a log.", Series(&[], series::log_healthy)),
    metric("flashdb_log_last_lsn", Gauge, "LSN of the newest write.", Field("wal_lsn")),
    metric("flashdb_log_durable_lsn", Gauge, "LSN up to which writes are safe on the disk.", Field("wal_durable_lsn")),
    metric("flashdb_log_appended_bytes_total", Counter, "Bytes appended to the log.", Field("wal_bytes_appended")),
    metric("flashdb_log_buffer_bytes", Gauge, "Bytes that wait to be written to the log.", Field("aof_buffer_length")),
    metric("flashdb_log_bytes", Gauge, "Size of the log's segments.", Field("wal_bytes")),
    metric("flashdb_log_segments", Gauge, "Segments of the log.", Field("wal_segments")),
    metric("flashdb_log_syncs_total", Counter, "Times that the log was synced.", Field("wal_syncs")),
    metric("flashdb_log_sync_seconds_total", Counter, "Time that the syncs of the log took.", Times("wal_sync_usec_total", 1e-6)),
    metric("flashdb_log_last_sync_seconds", Gauge, "How long the last sync of the log took.", Times("wal_last_sync_usec", 1e-6)),
    metric("flashdb_followers", Gauge, "Clients that follow the writes, as replicas do.", Field("connected_slaves")),
];
