//! The metrics under the names that redis_exporter gives them, for boards and alerts made for Redis: most are fields of INFO
//! under another name. What FlashDB has by design none of, like forks and defragmentation, is left out.

use super::Kind::{Counter, Gauge};
use super::Source::{Field, Is, Series};
use super::{Kind, Metric, Source, series};

const fn metric(name: &'static str, kind: Kind, help: &'static str, source: Source) -> Metric {
    Metric {
        name,
        kind,
        help,
        source,
    }
}

/// Declares metrics that are one field of INFO each.
macro_rules! fields {
    ($($kind:ident $name:literal = $field:literal;)*) => {
        &[$(metric($name, $kind, concat!("Field ", $field, " of INFO."), Field($field)),)*]
    };
}

/// Metrics that are one field of INFO.
pub(super) static FIELDS: &[Metric] = fields! {
    Gauge "redis_uptime_in_seconds" = "uptime_in_seconds";
    Gauge "redis_process_id" = "process_id";
    Gauge "redis_connected_clients" = "connected_clients";
    Gauge "redis_blocked_clients" = "blocked_clients";
    Gauge "redis_max_clients" = "maxclients";
    Gauge "redis_tracking_clients" = "tracking_clients";
    Gauge "redis_clients_in_timeout_table" = "clients_in_timeout_table";
    Gauge "redis_pubsub_clients" = "pubsub_clients";
    Gauge "redis_watching_clients" = "watching_clients";
    Gauge "redis_total_watched_keys" = "total_watched_keys";
    Gauge "redis_total_blocking_keys" = "total_blocking_keys";
    Gauge "redis_client_recent_max_input_buffer_bytes" = "client_recent_max_input_buffer";
    Gauge "redis_client_recent_max_output_buffer_bytes" = "client_recent_max_output_buffer";
    Gauge "redis_allocator_active_bytes" = "allocator_active";
    Gauge "redis_allocator_allocated_bytes" = "allocator_allocated";
    Gauge "redis_allocator_resident_bytes" = "allocator_resident";
    Gauge "redis_allocator_frag_ratio" = "allocator_frag_ratio";
    Gauge "redis_allocator_frag_bytes" = "allocator_frag_bytes";
    Gauge "redis_memory_used_bytes" = "used_memory";
    Gauge "redis_memory_used_rss_bytes" = "used_memory_rss";
    Gauge "redis_memory_used_peak_bytes" = "used_memory_peak";
    Gauge "redis_memory_used_lua_bytes" = "used_memory_lua";
    Gauge "redis_memory_used_scripts_bytes" = "used_memory_scripts";
    Gauge "redis_memory_used_functions_bytes" = "used_memory_functions";
    Gauge "redis_memory_used_overhead_bytes" = "used_memory_overhead";
    Gauge "redis_memory_used_startup_bytes" = "used_memory_startup";
    Gauge "redis_memory_used_dataset_bytes" = "used_memory_dataset";
    Gauge "redis_memory_max_bytes" = "maxmemory";
    Gauge "redis_config_maxmemory" = "maxmemory";
    Gauge "redis_config_maxclients" = "maxclients";
    Gauge "redis_total_system_memory_bytes" = "total_system_memory";
    Gauge "redis_mem_fragmentation_ratio" = "mem_fragmentation_ratio";
    Gauge "redis_memory_fragmentation_ratio" = "mem_fragmentation_ratio";
    Gauge "redis_mem_fragmentation_bytes" = "mem_fragmentation_bytes";
    Gauge "redis_mem_clients_normal" = "mem_clients_normal";
    Gauge "redis_number_of_cached_scripts" = "number_of_cached_scripts";
    Gauge "redis_number_of_functions" = "number_of_functions";
    Gauge "redis_number_of_libraries" = "number_of_libraries";
    Gauge "redis_lazyfree_pending_objects" = "lazyfree_pending_objects";
    Gauge "redis_lazyfreed_objects" = "lazyfreed_objects";
    Gauge "redis_loading_dump_file" = "loading";
    Gauge "redis_rdb_changes_since_last_save" = "rdb_changes_since_last_save";
    Gauge "redis_rdb_bgsave_in_progress" = "rdb_bgsave_in_progress";
    Gauge "redis_rdb_last_save_timestamp_seconds" = "rdb_last_save_time";
    Gauge "redis_rdb_last_bgsave_duration_sec" = "rdb_last_bgsave_time_sec";
    Gauge "redis_rdb_current_bgsave_duration_sec" = "rdb_current_bgsave_time_sec";
    Gauge "redis_rdb_saves_total" = "rdb_saves";
    Gauge "redis_rdb_last_cow_size_bytes" = "rdb_last_cow_size";
    Gauge "redis_rdb_last_load_loaded_keys" = "rdb_last_load_keys_loaded";
    Gauge "redis_aof_enabled" = "aof_enabled";
    Gauge "redis_aof_rewrite_in_progress" = "aof_rewrite_in_progress";
    Gauge "redis_aof_rewrite_scheduled" = "aof_rewrite_scheduled";
    Gauge "redis_aof_last_rewrite_duration_sec" = "aof_last_rewrite_time_sec";
    Gauge "redis_aof_current_size_bytes" = "aof_current_size";
    Gauge "redis_aof_base_size_bytes" = "aof_base_size";
    Gauge "redis_aof_buffer_length" = "aof_buffer_length";
    Gauge "redis_pubsub_channels" = "pubsub_channels";
    Gauge "redis_pubsub_patterns" = "pubsub_patterns";
    Gauge "redis_pubsubshard_channels" = "pubsubshard_channels";
    Gauge "redis_tracking_total_keys" = "tracking_total_keys";
    Gauge "redis_tracking_total_items" = "tracking_total_items";
    Gauge "redis_tracking_total_prefixes" = "tracking_total_prefixes";
    Gauge "redis_connected_slaves" = "connected_slaves";
    Gauge "redis_master_repl_offset" = "master_repl_offset";
    Gauge "redis_replication_backlog_bytes" = "repl_backlog_size";
    Counter "redis_connections_received_total" = "total_connections_received";
    Counter "redis_commands_processed_total" = "total_commands_processed";
    Counter "redis_rejected_connections_total" = "rejected_connections";
    Counter "redis_net_input_bytes_total" = "total_net_input_bytes";
    Counter "redis_net_output_bytes_total" = "total_net_output_bytes";
    Counter "redis_expired_subkeys_total" = "expired_subkeys";
    Counter "redis_expired_keys_total" = "expired_keys";
    Counter "redis_expired_time_cap_reached_total" = "expired_time_cap_reached_count";
    Counter "redis_expire_cycle_cpu_time_ms_total" = "expire_cycle_cpu_milliseconds";
    Counter "redis_evicted_keys_total" = "evicted_keys";
    Counter "redis_evicted_clients_total" = "evicted_clients";
    Counter "redis_evicted_scripts_total" = "evicted_scripts";
    Counter "redis_keyspace_hits_total" = "keyspace_hits";
    Counter "redis_keyspace_misses_total" = "keyspace_misses";
    Counter "redis_eventloop_cycles_total" = "eventloop_cycles";
    Counter "redis_eventloop_duration_sum_usec_total" = "eventloop_duration_sum";
    Counter "redis_eventloop_duration_cmd_sum_usec_total" = "eventloop_duration_cmd_sum";
    Counter "redis_cpu_sys_seconds_total" = "used_cpu_sys";
    Counter "redis_cpu_user_seconds_total" = "used_cpu_user";
    Counter "redis_total_error_replies" = "total_error_replies";
    Counter "redis_total_reads_processed" = "total_reads_processed";
    Counter "redis_total_writes_processed" = "total_writes_processed";
    Counter "redis_client_query_buffer_limit_disconnections_total" = "client_query_buffer_limit_disconnections";
    Counter "redis_client_output_buffer_limit_disconnections_total" = "client_output_buffer_limit_disconnections";
    Counter "redis_acl_access_denied_auth_total" = "acl_access_denied_auth";
    Counter "redis_acl_access_denied_cmd_total" = "acl_access_denied_cmd";
    Counter "redis_acl_access_denied_key_total" = "acl_access_denied_key";
    Counter "redis_acl_access_denied_channel_total" = "acl_access_denied_channel";
};

/// The others.
#[rustfmt::skip]
pub(super) static OTHERS: &[Metric] = &[
    metric("redis_up", Gauge, "Always 1: a server that does not run is not scraped.", Series(&[], series::up)),
    metric("redis_instance_info", Gauge, "What INFO says of the server in words; the value is always 1.", Series(&series::INSTANCE_LABELS, series::instance_info)),
    metric("redis_start_time_seconds", Gauge, "When the server was started, Unix time.", Series(&[], series::start_time)),
    metric("redis_rdb_last_bgsave_status", Gauge, "1 if the last snapshot succeeded.", Is("rdb_last_bgsave_status", "ok")),
    metric("redis_aof_last_write_status", Gauge, "1 if the log could be written.", Is("aof_last_write_status", "ok")),
    metric("redis_aof_last_bgrewrite_status", Gauge, "1 if the last snapshot of BGREWRITEAOF succeeded.", Is("aof_last_bgrewrite_status", "ok")),
    metric("redis_db_keys", Gauge, "Keys by database.", Series(&["db"], series::exporter_keys)),
    metric("redis_db_keys_expiring", Gauge, "Keys by database that carry an expiry.", Series(&["db"], series::exporter_keys_expiring)),
    metric("redis_db_avg_ttl_seconds", Gauge, "Mean time to live by database.", Series(&["db"], series::exporter_mean_ttl)),
    metric("redis_commands_total", Counter, "Calls by command.", Series(&["cmd"], series::calls)),
    metric("redis_commands_duration_seconds_total", Counter, "Time in the handler by command.", Series(&["cmd"], series::seconds)),
    metric("redis_commands_rejected_calls_total", Counter, "Calls by command that were rejected before they ran.", Series(&["cmd"], series::rejected)),
    metric("redis_commands_failed_calls_total", Counter, "Calls by command that failed while they ran.", Series(&["cmd"], series::failed)),
    metric("redis_errors_total", Counter, "Error replies by their first word.", Series(&["err"], series::errors_by_err)),
    metric("redis_slowlog_length", Gauge, "Entries in the slow log.", Series(&[], series::slowlog_length)),
    metric("redis_slowlog_last_id", Gauge, "Number of the newest entry of the slow log.", Series(&[], series::slowlog_last_id)),
    metric("redis_last_slow_execution_duration_seconds", Gauge, "Duration of the newest entry of the slow log.", Series(&[], series::slowlog_last_seconds)),
    metric("redis_latency_spike_last", Gauge, "When the last spike of the latency monitor was, Unix time.", Series(&["event_name"], series::spike_last)),
    metric("redis_latency_spike_duration_seconds", Gauge, "Length of the last spike of the latency monitor.", Series(&["event_name"], series::spike_last_seconds)),
];
