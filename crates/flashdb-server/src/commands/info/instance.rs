//! INFO sections about what the server is and what it takes: server, clients, memory, cpu.

use super::{Facts, Lines};
use crate::client::flags;
use crate::process::{self, Who};
use flashdb_base::clock;
use flashdb_base::version::{ALLOCATOR, FLASHDB_VERSION, GIT_SHA, REDIS_VERSION};
use flashdb_config::Choice;
use flashdb_store::lru_seconds;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) fn server(lines: &mut Lines, facts: &Facts<'_>) {
    let (server, settings) = (facts.server, facts.settings);
    let uptime_seconds = (facts.now_ms - server.started_ms).max(0) / 1000;
    let executable =
        std::env::current_exe().map_or_else(|_| String::new(), |path| path.display().to_string());
    let file = server
        .config
        .file()
        .map_or_else(String::new, |path| path.display().to_string());
    lines.field("redis_version", REDIS_VERSION);
    lines.field("flashdb_version", FLASHDB_VERSION);
    lines.field("redis_git_sha1", GIT_SHA);
    lines.field("redis_git_dirty", 0);
    lines.field("redis_build_id", GIT_SHA);
    lines.field("redis_mode", "standalone");
    lines.field("os", process::system_name());
    lines.field("arch_bits", usize::BITS);
    lines.field("monotonic_clock", "POSIX clock_gettime");
    lines.field("multiplexing_api", "epoll");
    lines.field("atomicvar_api", "rust-std");
    lines.field("gcc_version", "0.0.0");
    lines.field("process_id", std::process::id());
    lines.field("process_supervised", crate::supervisor::name(settings));
    lines.field("run_id", &server.run_id);
    lines.field("tcp_port", server.port.load(Ordering::Relaxed));
    lines.field("server_time_usec", clock::unix_us());
    lines.field("uptime_in_seconds", uptime_seconds);
    lines.field("uptime_in_days", uptime_seconds / 86400);
    lines.field("hz", settings.hz);
    lines.field("configured_hz", settings.hz);
    lines.field("lru_clock", lru_seconds(facts.now_ms));
    lines.field("executable", executable);
    lines.field("config_file", file);
    lines.field("io_threads_active", u8::from(server.loops.len() > 1));
    lines.field("core_loops", server.loops.len());
    lines.field("shards", server.space.shards_count());
}

pub(super) fn clients(lines: &mut Lines, facts: &Facts<'_>) {
    let highest = |pick: fn(&crate::client::ClientInfo) -> &AtomicUsize| {
        let values = facts
            .clients
            .iter()
            .map(|client| pick(client).load(Ordering::Relaxed));
        values.max().unwrap_or(0)
    };
    let count = |bit: u32| {
        let set = facts
            .clients
            .iter()
            .filter(|client| client.flags.load(Ordering::Relaxed) & bit != 0);
        set.count()
    };
    let watching =
        |client: &&std::sync::Arc<crate::client::ClientInfo>| client.watched.load(Ordering::Relaxed) > 0;
    let watched: usize = facts
        .clients
        .iter()
        .map(|client| client.watched.load(Ordering::Relaxed))
        .sum();
    let waiting = facts.server.tickets.with_deadline_count();
    lines.field(
        "connected_clients",
        facts.clients.len() - facts.server.feed.followers_count().min(facts.clients.len()),
    );
    lines.field("cluster_connections", 0);
    lines.field("maxclients", facts.settings.maxclients);
    lines.field(
        "client_recent_max_input_buffer",
        highest(|client| &client.query_bytes),
    );
    lines.field(
        "client_recent_max_output_buffer",
        highest(|client| &client.output_bytes),
    );
    let paused = facts.server.stats.paused_clients.load(Ordering::Relaxed);
    lines.field("blocked_clients", facts.server.tickets.len() + paused);
    lines.field("tracking_clients", facts.server.tracking.count());
    lines.field("pubsub_clients", count(flags::SUBSCRIBED));
    lines.field("watching_clients", facts.clients.iter().filter(watching).count());
    lines.field("clients_in_timeout_table", waiting);
    lines.field("total_watched_keys", watched);
    lines.field("total_blocking_keys", facts.server.tickets.keys_count());
    lines.field("total_blocking_keys_on_nokey", 0);
}

pub(super) fn memory(lines: &mut Lines, facts: &Facts<'_>) {
    let (server, settings, memory) = (facts.server, facts.settings, &facts.census.memory);
    let (used, resident) = (memory.total_bytes(), process::resident_bytes());
    let (peak, peak_time) = server.memory.peak();
    let overhead = memory.fixed_bytes + memory.clients_bytes + memory.table_bytes;
    let dataset = used.saturating_sub(overhead);
    let (scripts, script_bytes) = server.scripts.size();
    let percent = |part: usize, whole: usize| format!("{:.2}%", part as f64 * 100.0 / whole.max(1) as f64);
    let ratio = resident as f64 / used.max(1) as f64;
    lines.bytes("used_memory", used);
    lines.bytes("used_memory_rss", resident);
    lines.bytes("used_memory_peak", peak);
    lines.field("used_memory_peak_time", peak_time);
    lines.field("used_memory_peak_perc", percent(used, peak));
    lines.field("used_memory_overhead", overhead);
    lines.field("used_memory_startup", memory.fixed_bytes);
    lines.field("used_memory_dataset", dataset);
    lines.field(
        "used_memory_dataset_perc",
        percent(dataset, used.saturating_sub(memory.fixed_bytes)),
    );
    lines.field("allocator_allocated", used);
    lines.field("allocator_active", resident);
    lines.field("allocator_resident", resident);
    lines.field("allocator_muzzy", 0);
    lines.bytes("total_system_memory", process::machine_bytes());
    let interpreters = server.scripts.interpreters_bytes();
    lines.bytes("used_memory_lua", interpreters);
    lines.field("used_memory_vm_eval", interpreters);
    lines.field("used_memory_scripts_eval", script_bytes);
    lines.field("number_of_cached_scripts", scripts);
    let functions = &facts.functions;
    let (libraries_count, functions_count) = functions.counts();
    lines.field("number_of_functions", functions_count);
    lines.field("number_of_libraries", libraries_count);
    // Functions and scripts share the interpreters.
    lines.field("used_memory_vm_functions", 0);
    lines.bytes("used_memory_vm_total", interpreters);
    lines.field("used_memory_functions", functions.source_bytes());
    lines.bytes("used_memory_scripts", script_bytes + functions.source_bytes());
    lines.bytes("maxmemory", settings.maxmemory as usize);
    lines.field("maxmemory_policy", settings.maxmemory_policy.name());
    lines.field("allocator_frag_ratio", format!("{ratio:.2}"));
    lines.field("allocator_frag_bytes", resident.saturating_sub(used));
    lines.field("allocator_rss_ratio", "1.00");
    lines.field("allocator_rss_bytes", 0);
    lines.field("rss_overhead_ratio", "1.00");
    lines.field("rss_overhead_bytes", 0);
    lines.field("mem_fragmentation_ratio", format!("{ratio:.2}"));
    lines.field("mem_fragmentation_bytes", resident as i64 - used as i64);
    lines.field("mem_not_counted_for_evict", 0);
    lines.field("mem_replication_backlog", 0);
    lines.field("mem_total_replication_buffers", 0);
    lines.field("mem_clients_slaves", 0);
    lines.field("mem_clients_normal", memory.clients_bytes);
    lines.field("mem_cluster_links", 0);
    lines.field("mem_aof_buffer", 0);
    lines.field("mem_allocator", ALLOCATOR);
    lines.field("active_defrag_running", 0);
    lines.field("lazyfree_pending_objects", server.space.lazyfree_pending());
    lines.field("lazyfreed_objects", server.space.lazyfreed());
}

pub(super) fn cpu(lines: &mut Lines, _: &Facts<'_>) {
    for (who, suffix) in [
        (Who::Process, ""),
        (Who::Children, "_children"),
        (Who::Thread, "_main_thread"),
    ] {
        let time = process::cpu_time(who);
        lines.field(
            &format!("used_cpu_sys{suffix}"),
            format!("{:.6}", time.system_seconds),
        );
        lines.field(
            &format!("used_cpu_user{suffix}"),
            format!("{:.6}", time.user_seconds),
        );
    }
}
