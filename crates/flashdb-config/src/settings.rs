//! The table of settings: one row each, from which come the typed [`Settings`] that the server
//! reads and the [`ROWS`] that CONFIG, files, flags and the reference page work with.
//!
//! A row reads: summary, field and its type, name (| alias), codec with range and default, flags.
//! Names, ranges and defaults are those of Redis 7.2, save where FlashDB differs on purpose:
//! `appendonly`, `dir`, `io-threads`, and the settings Redis does not have.
//! The file is long because it is a table.

use std::path::PathBuf;

use flashdb_base::NotifyFlags;

use crate::checks::{
    are_web_origins, is_append_file_name, is_append_folder_name, is_db_file_name, is_host_name,
    is_http_origin, is_one_byte, is_power_of_two, is_title_template,
};
use crate::choices::{
    AclPubsubDefault, AppendFsync, ClusterEndpointType, Environment, LogFormat, LogLevel, MaxmemoryPolicy,
    OomScoreAdj, PropagationErrorBehavior, ProtectedAction, Recover, ReplDisklessLoad, SanitizeDumpPayload,
    ShutdownOptions, SnapshotCompression, Supervised, SyslogFacility, TlsAuthClients, WalMedium,
};
use crate::codec::{Bytes, Codec, MemoryLimit, MemoryOrPercent, Number, OneOf, Text, YesNo};
use crate::row::{Flags, Row, default_of, format_of, lines_of, parse_into};
use crate::values::{
    BindAddress, BindAddresses, BufferLimits, CpuList, Cpus, EventLetters, Folder, LoopbackAddresses, Master,
    OomScores, OutputBufferLimits, Percentiles, ReplicaOf, SavePoint, SavePoints, SignalShutdown,
};
use crate::webhook::are_webhooks;

/// Upper bounds, by the names of the C types whose ranges Redis gives its settings.
const INT_MAX: u32 = i32::MAX as u32;
const LONG_MAX: u64 = i64::MAX as u64;
const LONG_LONG_MAX: i64 = i64::MAX;
const SIZE_MAX: usize = isize::MAX as usize;
/// As many core loops as Redis takes I/O threads.
const IO_THREADS_MAX: u32 = 128;
/// A shard holds at least one of the 16384 cluster slots.
const SHARDS_MAX: u32 = 16384;

/// One core loop for each core the process may run on.
fn available_cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores).unwrap_or(IO_THREADS_MAX).min(IO_THREADS_MAX)
}

macro_rules! settings {
    ($(
        $(#[doc = $summary:literal])+
        $field:ident: $type:ty = $name:literal $(| $alias:literal)?, $codec:expr_2021 $(, [$($flag:ident),+])?;
    )*) => {
        /// The values of all settings, immutable once published by the [`ConfigStore`](crate::ConfigStore).
        #[derive(Debug, Clone)]
        pub struct Settings { $(
            $(#[doc = $summary])+
            pub $field: $type,
        )* }

        impl Default for Settings {
            fn default() -> Self {
                Self { $( $field: default_of(&$codec), )* }
            }
        }

        /// Every setting, in the order CONFIG GET answers.
        pub static ROWS: &[Row] = &[ $(
            Row {
                name: $name,
                alias: alias!($($alias)?),
                summary: concat!($($summary),+).trim_ascii(),
                flags: Flags::NONE$($(.union(Flags::$flag))+)?,
                parse: |words, settings, occurrence| parse_into(&$codec, words, &mut settings.$field, occurrence),
                format: |settings| format_of(&$codec, &settings.$field),
                lines: |settings| lines_of(&$codec, &settings.$field),
                equal: |a, b| a.$field == b.$field,
                domain: || $codec.domain(),
            },
        )* ];
    };
}

macro_rules! alias {
    () => {
        None
    };
    ($alias:literal) => {
        Some($alias)
    };
}

settings! {
    // Network
    /// Addresses to listen on; a leading `-` skips one the machine does not have, `*` and `::*` mean all.
    bind: Vec<BindAddress> = "bind", BindAddresses, [MULTI];
    /// TCP port; 0 for none.
    port: u16 = "port", Number::plain(0, 65535, 6379);
    /// Refuses clients from other machines while there is no password.
    protected_mode: bool = "protected-mode", YesNo(true);
    /// Path of a Unix socket to listen on; empty for none.
    unixsocket: String = "unixsocket", Text::new(""), [IMMUTABLE];
    /// File mode of the Unix socket, octal; 0 leaves the default.
    unixsocketperm: u32 = "unixsocketperm", Number::octal(0, 0o777, 0), [IMMUTABLE];
    /// Connections that may wait to be accepted, per listener.
    tcp_backlog: u32 = "tcp-backlog", Number::plain(0, INT_MAX, 511), [IMMUTABLE];
    /// Seconds between keep-alive probes on idle connections; 0 for none.
    tcp_keepalive: u32 = "tcp-keepalive", Number::plain(0, INT_MAX, 300);
    /// Seconds after which an idle client is disconnected; 0 for never.
    timeout: u32 = "timeout", Number::plain(0, INT_MAX, 0);
    /// Connections at a time; further ones are refused with an error.
    maxclients: u32 = "maxclients", Number::plain(1, u32::MAX, 10000);
    /// Connections accepted in one turn of a core loop.
    max_new_connections_per_cycle: u32 = "max-new-connections-per-cycle", Number::plain(1, 1000, 10), [NO_EFFECT_YET];
    /// TLS connections accepted in one turn of a core loop.
    max_new_tls_connections_per_cycle: u32 = "max-new-tls-connections-per-cycle", Number::plain(1, 1000, 1), [NO_EFFECT_YET];
    /// Mark of the listening sockets for routing and filtering; 0 for none.
    socket_mark_id: u32 = "socket-mark-id", Number::plain(0, u32::MAX, 0), [IMMUTABLE, INERT];
    /// Address that outgoing connections come from; empty for any.
    bind_source_addr: String = "bind-source-addr", Text::new(""), [NO_EFFECT_YET];
    /// TCP port of the dashboard, the HTTP API and the metrics; 0 for none. If it is taken and was not asked for, there are none.
    http_port: u16 = "http-port", Number::plain(0, 65535, 8080), [AT_START];
    /// Addresses to listen on for HTTP, written as for `bind`.
    http_bind: Vec<BindAddress> = "http-bind", LoopbackAddresses, [AT_START, MULTI];
    /// Names, apart from addresses and `localhost`, that HTTP clients may reach the server by; separated by spaces or commas.
    http_hosts: String = "http-hosts", Text::new("");
    /// Answers HTTP clients of other machines even while the default user needs no password.
    http_open: bool = "http-open", YesNo(false);
    /// Pages of other sites that may use the HTTP API, by their origins as `https://tools.example`; separated by spaces or commas. They log in by Basic auth.
    http_allow_origins: String = "http-allow-origins", Text::new("").checked(are_web_origins);
    /// Keeps sessions of the dashboard read-only: nobody can unlock editing there, whatever the user may do elsewhere.
    dashboard_readonly: bool = "dashboard-readonly", YesNo(false);
    /// Keeps what each user runs in the dashboard's console, without secrets and replies, in a file of the data folder; `no` deletes it.
    console_history: bool = "console-history", YesNo(true);
    /// What this server is for; in `production` the dashboard asks more before it destroys anything, and for the password before it unlocks editing.
    environment: Environment = "environment", OneOf::new(Environment::None);
    /// Largest file that may be sent to be imported over HTTP.
    import_max_bytes: u64 = "import-max-bytes", Number::memory(1 << 10, LONG_MAX, 1 << 30);
    /// OTLP collector for traces of HTTP requests, such as http://localhost:4318; empty for none.
    otlp_endpoint: String = "otlp-endpoint", Text::new("").checked(is_http_origin), [AT_START];
    /// Percentage of HTTP requests, and of connections, that are traced; requests that their callers leave out of a trace of their own are not.
    otlp_sample_percent: u32 = "otlp-sample-percent", Number::plain(0, 100, 100), [AT_START];
    /// Traces connections of clients, too: each is a span once it has ended.
    otlp_connections: bool = "otlp-connections", YesNo(false), [AT_START];
    /// Counts keys and bytes by prefix, for PREFIX.TREE and the dashboard, from the first question on until an hour after the last.
    prefix_index: bool = "prefix-index", YesNo(true);
    /// The character that ends a prefix.
    prefix_separator: String = "prefix-separator", Text::new(":").checked(is_one_byte);
    /// The longest string in a request, and the longest string value, in bytes.
    proto_max_bulk_len: u64 = "proto-max-bulk-len", Number::memory(1 << 20, LONG_MAX, 512 << 20);
    /// Bytes of unfinished request that a client may pile up.
    client_query_buffer_limit: usize = "client-query-buffer-limit", Number::memory(1 << 20, SIZE_MAX, 1 << 30);
    /// By class of client, how much unread output gets it disconnected: at once (hard), or after some seconds (soft).
    client_output_buffer_limit: OutputBufferLimits = "client-output-buffer-limit", BufferLimits, [MULTI];
    /// Memory of all clients together, above which the largest are disconnected; 0 for no limit.
    maxmemory_clients: MemoryLimit = "maxmemory-clients", MemoryOrPercent;

    // Process and threads
    /// Numbered databases.
    databases: u32 = "databases", Number::plain(1, INT_MAX, 16), [IMMUTABLE];
    /// Core loops, each a thread that serves its own connections; by default one for each available core.
    io_threads: u32 = "io-threads", Number::plain(1, IO_THREADS_MAX, available_cores()), [IMMUTABLE];
    /// CPUs that the core loops are pinned to, one each; if empty, each is bound to a memory node where there are several.
    server_cpulist: CpuList = "server-cpulist" | "server_cpulist", Cpus, [AT_START];
    /// Parts of the keyspace with a lock each; a power of two. About 256 for each core loop serve deep pipelines best.
    shards: u32 = "shards", Number::plain(1, SHARDS_MAX, 256).checked(is_power_of_two), [AT_START];
    /// While many clients send much, a core loop with nothing to do rests for so many microseconds before it sleeps, so that
    /// requests gather; 0 for never.
    gather_us: u32 = "gather-us", Number::plain(0, 1000, 60);
    /// Turns of the background timers per second, kept between 1 and 500.
    hz: u32 = "hz", Number::plain(0, INT_MAX, 10).kept_within(1, 500);
    /// Goes to the background after the start.
    daemonize: bool = "daemonize", YesNo(false), [IMMUTABLE, NO_EFFECT_YET];
    /// Who is told when the server is ready: systemd, if it started the server. Upstart is not told.
    supervised: Supervised = "supervised", OneOf::new(Supervised::No), [IMMUTABLE];
    /// File that holds the process id while running; empty for none.
    pidfile: String = "pidfile", Text::new(""), [IMMUTABLE];
    /// Shows the address in the process title.
    set_proc_title: bool = "set-proc-title", YesNo(true), [IMMUTABLE, INERT];
    /// What the process title shows.
    proc_title_template: String = "proc-title-template", Text::new("{title} {listen-addr} {server-mode}").checked(is_title_template), [INERT];
    /// Whether and how `oom-score-adj-values` reach the kernel.
    oom_score_adj: OomScoreAdj = "oom-score-adj", OneOf::new(OomScoreAdj::No), [NO_EFFECT_YET];
    /// How readily the kernel ends the process when memory is short: as master, as replica, as background process.
    oom_score_adj_values: [i32; 3] = "oom-score-adj-values", OomScores, [MULTI, NO_EFFECT_YET];
    /// Seconds a shutdown waits for replicas.
    shutdown_timeout: u32 = "shutdown-timeout", Number::plain(0, INT_MAX, 10), [NO_EFFECT_YET];
    /// What SIGINT does, as options of SHUTDOWN.
    shutdown_on_sigint: ShutdownOptions = "shutdown-on-sigint", SignalShutdown, [MULTI];
    /// What SIGTERM does, as options of SHUTDOWN.
    shutdown_on_sigterm: ShutdownOptions = "shutdown-on-sigterm", SignalShutdown, [MULTI];
    /// Collation of SORT ALPHA; strings are always ordered by their bytes.
    locale_collate: String = "locale-collate", Text::new(""), [INERT];
    /// Start-up warnings to leave out.
    ignore_warnings: String = "ignore-warnings", Text::new(""), [INERT];

    // Access
    /// Password of the default user; empty for none.
    requirepass: Vec<u8> = "requirepass", Bytes, [SENSITIVE];
    /// File with the users of the access control lists.
    aclfile: String = "aclfile", Text::new(""), [IMMUTABLE];
    /// Channels of a new user.
    acl_pubsub_default: AclPubsubDefault = "acl-pubsub-default", OneOf::new(AclPubsubDefault::ResetChannels);
    /// Entries of the access log.
    acllog_max_len: u64 = "acllog-max-len", Number::plain(0, LONG_MAX, 128);
    /// Who may change protected settings by CONFIG SET.
    enable_protected_configs: ProtectedAction = "enable-protected-configs", OneOf::new(ProtectedAction::No), [IMMUTABLE];
    /// Who may use DEBUG.
    enable_debug_command: ProtectedAction = "enable-debug-command", OneOf::new(ProtectedAction::No), [IMMUTABLE];
    /// Who may use MODULE; there are no modules.
    enable_module_command: ProtectedAction = "enable-module-command", OneOf::new(ProtectedAction::No), [IMMUTABLE, INERT];

    // Log
    /// The least severe line that is written.
    loglevel: LogLevel = "loglevel" | "log-level", OneOf::new(LogLevel::Notice);
    /// File of the log; empty for the standard output.
    logfile: String = "logfile", Text::new(""), [IMMUTABLE];
    /// Shape of the log lines.
    log_format: LogFormat = "log-format", OneOf::new(LogFormat::Text), [AT_START];
    /// File of the audit log, which is written whatever the level of the log; empty to have its lines in the log.
    audit_logfile: String = "audit-logfile", Text::new(""), [AT_START];
    /// Slow commands that are logged as warnings, per second; the others are counted. 0 for none.
    slowlog_warnings_per_second: u32 = "slowlog-warnings-per-second", Number::plain(0, INT_MAX, 5);
    /// Keys of a database from which KEYS on it is logged as a warning; 0 for never.
    keys_warning_threshold: u64 = "keys-warning-threshold", Number::plain(0, LONG_MAX, 100_000);
    /// Logs to syslog as well.
    syslog_enabled: bool = "syslog-enabled", YesNo(false), [IMMUTABLE, NO_EFFECT_YET];
    /// Name of the syslog lines.
    syslog_ident: String = "syslog-ident", Text::new("redis"), [IMMUTABLE, NO_EFFECT_YET];
    /// Facility of the syslog lines.
    syslog_facility: SyslogFacility = "syslog-facility", OneOf::new(SyslogFacility::Local0), [IMMUTABLE, NO_EFFECT_YET];
    /// Begins the log with port and process id, as Redis shows them beside its logo.
    always_show_logo: bool = "always-show-logo", YesNo(false), [IMMUTABLE];
    /// Writes a report when the process crashes.
    crash_log_enabled: bool = "crash-log-enabled", YesNo(true), [INERT];
    /// Tests the memory when the process crashes.
    crash_memcheck_enabled: bool = "crash-memcheck-enabled", YesNo(true), [INERT];
    /// Ends by exit instead of abort after a fatal error.
    use_exit_on_panic: bool = "use-exit-on-panic", YesNo(false), [HIDDEN, INERT];

    // Observing
    /// Microseconds from which a command is in the slow log; -1 for never, 0 for every command.
    slowlog_log_slower_than: i64 = "slowlog-log-slower-than", Number::plain(-1, LONG_LONG_MAX, 10000);
    /// Entries of the slow log.
    slowlog_max_len: u64 = "slowlog-max-len", Number::plain(0, LONG_MAX, 128);
    /// Milliseconds from which an event is in the latency history; 0 for never.
    latency_monitor_threshold: u64 = "latency-monitor-threshold", Number::plain(0, LONG_MAX, 0);
    /// Keeps the distribution of execution times of every command.
    latency_tracking: bool = "latency-tracking", YesNo(true);
    /// Percentiles that INFO latencystats shows.
    latency_tracking_info_percentiles: Vec<f64> = "latency-tracking-info-percentiles", Percentiles, [MULTI];
    /// Classes of key-space events that are published; empty for none.
    notify_keyspace_events: NotifyFlags = "notify-keyspace-events", EventLetters;
    /// Commands per second on one key from which an alert is raised; 0 for never. Alerts need the HTTP interface.
    alert_hot_key_rate: u64 = "alert-hot-key-rate", Number::plain(0, LONG_MAX, 20000);
    /// Memory in use, in percent of `maxmemory`, from which an alert is raised; 0 for never.
    alert_memory_percent: u64 = "alert-memory-percent", Number::plain(0, LONG_MAX, 90);
    /// Microseconds that one of a hundred commands takes from which an alert is raised; 0 for never.
    alert_p99_us: u64 = "alert-p99-us", Number::plain(0, LONG_MAX, 10000);
    /// Error replies per second from which an alert is raised; 0 for never.
    alert_errors_rate: u64 = "alert-errors-rate", Number::plain(0, LONG_MAX, 100);
    /// Connections refused per second from which an alert is raised; 0 for never.
    alert_rejected_rate: u64 = "alert-rejected-rate", Number::plain(0, LONG_MAX, 1);
    /// Keys evicted per second from which an alert is raised; 0 for never.
    alert_evictions_rate: u64 = "alert-evictions-rate", Number::plain(0, LONG_MAX, 1000);
    /// Clients waiting in a command from which an alert is raised; 0 for never.
    alert_blocked_clients: u64 = "alert-blocked-clients", Number::plain(0, LONG_MAX, 1000);
    /// Raises an alert while the log cannot be written, or after a snapshot failed.
    alert_persistence: bool = "alert-persistence", YesNo(true);
    /// Addresses that alerts are sent to when they begin and end, as `https://host/path` or `http://host:9000/path`, at most four, separated by spaces. Secrets: their paths are what others would need to post there.
    alert_webhooks: String = "alert-webhooks", Text::new("").checked(are_webhooks), [SENSITIVE];
    /// File with certificates (PEM) of authorities that sign for `https://` webhooks, besides those that the system trusts. A relative name is seen from `dir`; one that is no such file is refused, at the start with a warning only.
    alert_webhook_ca_file: String = "alert-webhook-ca-file", Text::new("");
    /// Key with which alerts are signed for webhooks (HMAC-SHA256, header `X-FlashDB-Signature`); empty for no signature.
    alert_webhook_secret: Vec<u8> = "alert-webhook-secret", Bytes, [SENSITIVE];
    /// Milliseconds after which a stuck command is logged.
    watchdog_period: u32 = "watchdog-period", Number::plain(0, INT_MAX, 0), [HIDDEN, INERT];

    // Types
    /// Fields up to which a hash is kept packed.
    hash_max_listpack_entries: usize = "hash-max-listpack-entries" | "hash-max-ziplist-entries", Number::plain(0, SIZE_MAX, 512);
    /// Bytes of a field or value up to which a hash is kept packed.
    hash_max_listpack_value: usize = "hash-max-listpack-value" | "hash-max-ziplist-value", Number::memory(0, SIZE_MAX, 64);
    /// Members up to which a set of integers is kept packed.
    set_max_intset_entries: usize = "set-max-intset-entries", Number::plain(0, SIZE_MAX, 512);
    /// Members up to which a set is kept packed.
    set_max_listpack_entries: usize = "set-max-listpack-entries", Number::plain(0, SIZE_MAX, 128);
    /// Bytes of a member up to which a set is kept packed.
    set_max_listpack_value: usize = "set-max-listpack-value", Number::memory(0, SIZE_MAX, 64);
    /// Members up to which a sorted set is kept packed.
    zset_max_listpack_entries: usize = "zset-max-listpack-entries" | "zset-max-ziplist-entries", Number::plain(0, SIZE_MAX, 128);
    /// Bytes of a member up to which a sorted set is kept packed.
    zset_max_listpack_value: usize = "zset-max-listpack-value" | "zset-max-ziplist-value", Number::memory(0, SIZE_MAX, 64);
    /// Elements of a packed part of a list; -1 to -5 mean 4, 8, 16, 32, 64 kb instead.
    list_max_listpack_size: i32 = "list-max-listpack-size" | "list-max-ziplist-size", Number::plain(i32::MIN, i32::MAX, -2);
    /// Parts at each end of a list that stay uncompressed.
    list_compress_depth: u32 = "list-compress-depth", Number::plain(0, INT_MAX, 0), [INERT];
    /// Bytes up to which a HyperLogLog is kept sparse.
    hll_sparse_max_bytes: usize = "hll-sparse-max-bytes", Number::memory(0, SIZE_MAX, 3000);
    /// Bytes of one node of a stream; 0 for no limit.
    stream_node_max_bytes: usize = "stream-node-max-bytes", Number::memory(0, SIZE_MAX, 4096);
    /// Entries of one node of a stream; 0 for no limit.
    stream_node_max_entries: u64 = "stream-node-max-entries", Number::plain(0, LONG_MAX, 100);
    /// How deeply RESTORE checks a payload; it always checks it fully.
    sanitize_dump_payload: SanitizeDumpPayload = "sanitize-dump-payload", OneOf::new(SanitizeDumpPayload::No), [INERT];

    // Memory
    /// Bytes of data above which keys are evicted or writes refused; 0 for no limit.
    maxmemory: u64 = "maxmemory", Number::memory(0, u64::MAX, 0);
    /// Which keys go when `maxmemory` is reached.
    maxmemory_policy: MaxmemoryPolicy = "maxmemory-policy", OneOf::new(MaxmemoryPolicy::NoEviction);
    /// Keys compared to find one to evict.
    maxmemory_samples: u32 = "maxmemory-samples", Number::plain(1, INT_MAX, 5);
    /// How much time eviction may take.
    maxmemory_eviction_tenacity: u32 = "maxmemory-eviction-tenacity", Number::plain(0, 100, 10), [NO_EFFECT_YET];
    /// How slowly the access counter of LFU saturates.
    lfu_log_factor: u32 = "lfu-log-factor", Number::plain(0, INT_MAX, 10);
    /// Minutes after which the access counter of LFU is reduced by one; 0 for never.
    lfu_decay_time: u32 = "lfu-decay-time", Number::plain(0, INT_MAX, 1);
    /// How hard expired keys are looked for: 11 less this is the share, in percent, that may be due and still there.
    active_expire_effort: u32 = "active-expire-effort", Number::plain(1, 10, 1);
    /// Frees evicted values in the background.
    lazyfree_lazy_eviction: bool = "lazyfree-lazy-eviction", YesNo(false), [NO_EFFECT_YET];
    /// Frees expired values in the background.
    lazyfree_lazy_expire: bool = "lazyfree-lazy-expire", YesNo(false);
    /// Frees overwritten values in the background; large ones always are.
    lazyfree_lazy_server_del: bool = "lazyfree-lazy-server-del", YesNo(false), [INERT];
    /// Makes DEL behave as UNLINK; DEL always frees large values in the background.
    lazyfree_lazy_user_del: bool = "lazyfree-lazy-user-del", YesNo(false), [INERT];
    /// Makes FLUSHALL and FLUSHDB asynchronous unless SYNC is given.
    lazyfree_lazy_user_flush: bool = "lazyfree-lazy-user-flush", YesNo(false);
    /// Moves values to reduce fragmentation; not available.
    activedefrag: bool = "activedefrag", YesNo(false);
    /// Bytes of fragmentation below which defragmentation rests.
    active_defrag_ignore_bytes: u64 = "active-defrag-ignore-bytes", Number::memory(1, LONG_MAX, 100 << 20), [INERT];
    /// Percent of fragmentation at which defragmentation begins.
    active_defrag_threshold_lower: u32 = "active-defrag-threshold-lower", Number::plain(0, 1000, 10), [INERT];
    /// Percent of fragmentation at which defragmentation makes its full effort.
    active_defrag_threshold_upper: u32 = "active-defrag-threshold-upper", Number::plain(0, 1000, 100), [INERT];
    /// Least percent of CPU time for defragmentation.
    active_defrag_cycle_min: u32 = "active-defrag-cycle-min", Number::plain(1, 99, 1), [INERT];
    /// Most percent of CPU time for defragmentation.
    active_defrag_cycle_max: u32 = "active-defrag-cycle-max", Number::plain(1, 99, 25), [INERT];
    /// Elements above which a value is defragmented step by step.
    active_defrag_max_scan_fields: u64 = "active-defrag-max-scan-fields", Number::plain(1, LONG_MAX, 1000), [INERT];
    /// Rehashes in idle time; tables of FlashDB grow by splitting and need none.
    activerehashing: bool = "activerehashing", YesNo(true), [INERT];
    /// Raises `hz` with the number of clients.
    dynamic_hz: bool = "dynamic-hz", YesNo(true), [INERT];
    /// Lets the allocator return memory in the background.
    jemalloc_bg_thread: bool = "jemalloc-bg-thread", YesNo(true), [INERT];
    /// Turns transparent huge pages off for the process.
    disable_thp: bool = "disable-thp", YesNo(true), [IMMUTABLE];
    /// Reads in the I/O threads; core loops always do.
    io_threads_do_reads: bool = "io-threads-do-reads", YesNo(false), [IMMUTABLE, INERT];
    /// CPUs of the background threads.
    bio_cpulist: String = "bio-cpulist" | "bio_cpulist", Text::new(""), [AT_START, INERT];
    /// CPUs of log rewriting.
    aof_rewrite_cpulist: String = "aof-rewrite-cpulist" | "aof_rewrite_cpulist", Text::new(""), [AT_START, INERT];
    /// CPUs of snapshot writing.
    bgsave_cpulist: String = "bgsave-cpulist" | "bgsave_cpulist", Text::new(""), [AT_START, INERT];

    // Transactions
    /// Every MULTI is a MULTI ATOMIC: when one of its commands fails, all that EXEC did is undone.
    transaction_rollback: bool = "transaction-rollback", YesNo(false);

    // Persistence
    /// Folder of everything that is kept on disk.
    dir: PathBuf = "dir", Folder("./data"), [PROTECTED, DENY_LOADING];
    /// Keeps a log of every write.
    appendonly: bool = "appendonly", YesNo(true), [DENY_LOADING];
    /// When the log of writes reaches the disk.
    appendfsync: AppendFsync = "appendfsync", OneOf::new(AppendFsync::EverySecond);
    /// Milliseconds between two syncs under `appendfsync everysec`: at most so much is lost in a power cut.
    appendfsync_interval: u64 = "appendfsync-interval", Number::plain(1, 3_600_000, 1000);
    /// Size at which a segment of the log ends.
    wal_segment_size: u64 = "wal-segment-size", Number::memory(64 << 10, 1 << 30, 64 << 20);
    /// Seconds after which a segment of the log ends, full or not; 0 for never.
    wal_segment_max_age: u64 = "wal-segment-max-age", Number::plain(0, LONG_MAX / 1000, 0);
    /// Under `appendfsync always`, bytes of a segment written with zeros ahead of the log, which makes each sync cheaper; 0 for none.
    wal_preallocate: u64 = "wal-preallocate", Number::memory(0, 1 << 30, 8 << 20);
    /// Seconds for which segments older than the newest snapshot are kept, compressed, for going back to a point in time.
    wal_archive_window: u64 = "wal-archive-window", Number::plain(0, LONG_MAX / 1000, 0);
    /// How the log is written: as files, or mapped where its folder lies on persistent memory.
    wal_medium: WalMedium = "wal-medium", OneOf::new(WalMedium::Auto), [AT_START];
    /// Bytes that wait to be written to the log before clients that write are held back.
    wal_buffer_limit: u64 = "wal-buffer-limit", Number::memory(1 << 20, LONG_MAX, 256 << 20);
    /// Bytes of the disk held back, so that a disk that others fill costs the log nothing: an eighth of what is free at most; 0 for none.
    wal_reserve: u64 = "wal-reserve", Number::memory(0, 1 << 30, 8 << 20);
    /// Seconds between two snapshots, whatever has changed; 0 for none by time.
    snapshot_interval: u64 = "snapshot-interval", Number::plain(0, LONG_MAX / 1000, 0);
    /// Snapshots kept; those with a label are kept until they are deleted.
    snapshot_retention: u32 = "snapshot-retention", Number::plain(1, INT_MAX, 2);
    /// Snapshots hold only what changed since the one before, and are consolidated from time to time.
    snapshot_incremental: bool = "snapshot-incremental", YesNo(false);
    /// Incremental snapshots that build on one full snapshot before they are consolidated.
    snapshot_chain_max: u32 = "snapshot-chain-max", Number::plain(1, 1000, 8);
    /// How snapshots are compressed.
    snapshot_compression: SnapshotCompression = "snapshot-compression", OneOf::new(SnapshotCompression::Lz4);
    /// Memory for the old state of what changes while a snapshot is taken, before clients that write are held back. A
    /// thirty-second of the data's memory, but not less than 4 MiB, if that is less.
    snapshot_memory_limit: u64 = "snapshot-memory-limit", Number::memory(1 << 20, LONG_MAX, 32 << 20);
    /// What the start does about damage in the log.
    recover: Recover = "recover", OneOf::new(Recover::Stop), [AT_START];
    /// The start goes back to this state: an LSN, or a time as Unix seconds or `2026-01-31T12:00:00Z`; empty for the newest.
    recover_to: String = "recover-to", Text::new(""), [AT_START];
    /// When a snapshot is due: after so many seconds with at least so many changes.
    save: Vec<SavePoint> = "save", SavePoints, [MULTI];
    /// Name of the RDB file.
    dbfilename: String = "dbfilename", Text::new("dump.rdb").checked(is_db_file_name), [PROTECTED];
    /// Name of the append-only file.
    appendfilename: String = "appendfilename", Text::new("appendonly.aof").checked(is_append_file_name), [IMMUTABLE];
    /// Folder of the append-only files.
    appenddirname: String = "appenddirname", Text::new("appendonlydir").checked(is_append_folder_name), [IMMUTABLE];
    /// Refuses writes after a snapshot failed.
    stop_writes_on_bgsave_error: bool = "stop-writes-on-bgsave-error", YesNo(true);
    /// Compresses strings in RDB files.
    rdbcompression: bool = "rdbcompression", YesNo(true);
    /// Ends RDB files with a checksum.
    rdbchecksum: bool = "rdbchecksum", YesNo(true), [IMMUTABLE, NO_EFFECT_YET];
    /// Deletes RDB files that replication wrote.
    rdb_del_sync_files: bool = "rdb-del-sync-files", YesNo(false), [NO_EFFECT_YET];
    /// Syncs RDB files while they are written.
    rdb_save_incremental_fsync: bool = "rdb-save-incremental-fsync", YesNo(true), [INERT];
    /// Microseconds of delay per key written, for tests.
    rdb_key_save_delay: i32 = "rdb-key-save-delay", Number::plain(i32::MIN, i32::MAX, 0), [HIDDEN, NO_EFFECT_YET];
    /// Microseconds of delay per key loaded from a snapshot, for tests.
    key_load_delay: i32 = "key-load-delay", Number::plain(i32::MIN, i32::MAX, 0), [HIDDEN];
    /// Bytes loaded between two looks at the clients.
    loading_process_events_interval_bytes: u32 = "loading-process-events-interval-bytes", Number::plain(1024, INT_MAX, 2 << 20), [HIDDEN, INERT];
    /// Leaves out syncs while the log is rewritten.
    no_appendfsync_on_rewrite: bool = "no-appendfsync-on-rewrite", YesNo(false), [INERT];
    /// Size of the log, in percent of what the newest snapshot holds, at which the next one is taken; 0 for never. Up to 200 it is taken sooner where data hardly compress, so that log and snapshots are three times the data at most.
    auto_aof_rewrite_percentage: u32 = "auto-aof-rewrite-percentage", Number::plain(0, INT_MAX, 200);
    /// Size of the log below which no snapshot is taken on its account.
    auto_aof_rewrite_min_size: u64 = "auto-aof-rewrite-min-size", Number::memory(0, LONG_MAX, 64 << 20);
    /// Starts with a log whose end is torn.
    aof_load_truncated: bool = "aof-load-truncated", YesNo(true);
    /// Begins a rewritten log with a snapshot.
    aof_use_rdb_preamble: bool = "aof-use-rdb-preamble", YesNo(true), [INERT];
    /// Syncs a rewritten log while it is written.
    aof_rewrite_incremental_fsync: bool = "aof-rewrite-incremental-fsync", YesNo(true), [INERT];
    /// Writes times into the log.
    aof_timestamp_enabled: bool = "aof-timestamp-enabled", YesNo(false), [INERT];
    /// Keeps old files of the log.
    aof_disable_auto_gc: bool = "aof-disable-auto-gc", YesNo(false), [INERT];

    // Scripts and client-side caching
    /// Milliseconds after which a running script makes other clients get BUSY.
    busy_reply_threshold: u64 = "busy-reply-threshold" | "lua-time-limit", Number::plain(0, LONG_MAX, 5000);
    /// Memory that an interpreter of scripts may take, of which each core loop has one; 0 for no limit.
    lua_memory_limit: usize = "lua-memory-limit", Number::memory(0, SIZE_MAX, 256 << 20);
    /// Gives scripts functions of older versions.
    lua_enable_deprecated_api: bool = "lua-enable-deprecated-api", YesNo(false), [IMMUTABLE, HIDDEN];
    /// Keys remembered for client-side caching; 0 for no limit.
    tracking_table_max_keys: u64 = "tracking-table-max-keys", Number::plain(0, LONG_MAX, 1000000);

    // Replication
    /// The master this server copies.
    replicaof: Option<ReplicaOf> = "replicaof" | "slaveof", Master, [IMMUTABLE, MULTI, NO_EFFECT_YET];
    /// Password towards the master.
    masterauth: Vec<u8> = "masterauth", Bytes, [SENSITIVE, NO_EFFECT_YET];
    /// User towards the master.
    masteruser: Vec<u8> = "masteruser", Bytes, [SENSITIVE, NO_EFFECT_YET];
    /// Answers from old data while the master is away.
    replica_serve_stale_data: bool = "replica-serve-stale-data" | "slave-serve-stale-data", YesNo(true), [NO_EFFECT_YET];
    /// Refuses writes on a replica.
    replica_read_only: bool = "replica-read-only" | "slave-read-only", YesNo(true), [NO_EFFECT_YET];
    /// Frees old data in the background before a full copy.
    replica_lazy_flush: bool = "replica-lazy-flush" | "slave-lazy-flush", YesNo(false), [NO_EFFECT_YET];
    /// Leaves eviction to the master.
    replica_ignore_maxmemory: bool = "replica-ignore-maxmemory" | "slave-ignore-maxmemory", YesNo(true), [NO_EFFECT_YET];
    /// Goes on when a replica cannot write its log.
    replica_ignore_disk_write_errors: bool = "replica-ignore-disk-write-errors", YesNo(false), [NO_EFFECT_YET];
    /// Is shown among the replicas of its master.
    replica_announced: bool = "replica-announced", YesNo(true), [NO_EFFECT_YET];
    /// Rank when a new master is chosen; lower first, 0 never.
    replica_priority: u32 = "replica-priority" | "slave-priority", Number::plain(0, INT_MAX, 100), [NO_EFFECT_YET];
    /// Address that a replica gives its master.
    replica_announce_ip: String = "replica-announce-ip" | "slave-announce-ip", Text::new(""), [NO_EFFECT_YET];
    /// Port that a replica gives its master.
    replica_announce_port: u16 = "replica-announce-port" | "slave-announce-port", Number::plain(0, 65535, 0), [NO_EFFECT_YET];
    /// Replicas in touch without which writes are refused; 0 for none.
    min_replicas_to_write: u32 = "min-replicas-to-write" | "min-slaves-to-write", Number::plain(0, INT_MAX, 0);
    /// Seconds of silence up to which a replica counts as in touch.
    min_replicas_max_lag: u32 = "min-replicas-max-lag" | "min-slaves-max-lag", Number::plain(0, INT_MAX, 10);
    /// Sends a full copy without writing it to disk.
    repl_diskless_sync: bool = "repl-diskless-sync", YesNo(true), [NO_EFFECT_YET];
    /// Seconds to wait for more replicas before a full copy.
    repl_diskless_sync_delay: u32 = "repl-diskless-sync-delay", Number::plain(0, INT_MAX, 5), [NO_EFFECT_YET];
    /// Replicas at which a full copy starts at once; 0 for no such number.
    repl_diskless_sync_max_replicas: u32 = "repl-diskless-sync-max-replicas", Number::plain(0, INT_MAX, 0), [NO_EFFECT_YET];
    /// How a replica loads a full copy.
    repl_diskless_load: ReplDisklessLoad = "repl-diskless-load", OneOf::new(ReplDisklessLoad::Disabled), [DENY_LOADING, NO_EFFECT_YET];
    /// Saves packets at the price of delay.
    repl_disable_tcp_nodelay: bool = "repl-disable-tcp-nodelay", YesNo(false), [NO_EFFECT_YET];
    /// Bytes of the backlog for replicas that come back.
    repl_backlog_size: u64 = "repl-backlog-size", Number::memory(1, LONG_MAX, 1 << 20), [NO_EFFECT_YET];
    /// Seconds after the last replica until the backlog is freed; 0 for never.
    repl_backlog_ttl: u64 = "repl-backlog-ttl", Number::plain(0, LONG_MAX, 3600), [NO_EFFECT_YET];
    /// Seconds of silence after which the link is broken.
    repl_timeout: u32 = "repl-timeout", Number::plain(1, INT_MAX, 60), [NO_EFFECT_YET];
    /// Seconds between pings to replicas.
    repl_ping_replica_period: u32 = "repl-ping-replica-period" | "repl-ping-slave-period", Number::plain(1, INT_MAX, 10), [NO_EFFECT_YET];
    /// What follows from a replicated command that fails.
    propagation_error_behavior: PropagationErrorBehavior = "propagation-error-behavior", OneOf::new(PropagationErrorBehavior::Ignore), [NO_EFFECT_YET];

    // Cluster
    /// Takes part in a cluster.
    cluster_enabled: bool = "cluster-enabled", YesNo(false), [IMMUTABLE, NO_EFFECT_YET];
    /// File with the state of the cluster.
    cluster_config_file: String = "cluster-config-file", Text::new("nodes.conf"), [IMMUTABLE, NO_EFFECT_YET];
    /// Port of the cluster bus; 0 for `port` + 10000.
    cluster_port: u16 = "cluster-port", Number::plain(0, 65535, 0), [IMMUTABLE, NO_EFFECT_YET];
    /// Milliseconds of silence after which a node counts as failing.
    cluster_node_timeout: u64 = "cluster-node-timeout", Number::plain(0, LONG_MAX, 15000), [NO_EFFECT_YET];
    /// How old the data of a replica may be for a failover.
    cluster_replica_validity_factor: u32 = "cluster-replica-validity-factor" | "cluster-slave-validity-factor", Number::plain(0, INT_MAX, 10), [NO_EFFECT_YET];
    /// Keeps a replica from taking over by itself.
    cluster_replica_no_failover: bool = "cluster-replica-no-failover" | "cluster-slave-no-failover", YesNo(false), [NO_EFFECT_YET];
    /// Replicas a master keeps before one may move to another.
    cluster_migration_barrier: u32 = "cluster-migration-barrier", Number::plain(0, INT_MAX, 1), [NO_EFFECT_YET];
    /// Lets replicas move to masters without any.
    cluster_allow_replica_migration: bool = "cluster-allow-replica-migration", YesNo(true), [NO_EFFECT_YET];
    /// Refuses commands while a slot has no owner.
    cluster_require_full_coverage: bool = "cluster-require-full-coverage", YesNo(true), [NO_EFFECT_YET];
    /// Answers reads while the cluster is down.
    cluster_allow_reads_when_down: bool = "cluster-allow-reads-when-down", YesNo(false), [NO_EFFECT_YET];
    /// Serves shard channels while the cluster is down.
    cluster_allow_pubsubshard_when_down: bool = "cluster-allow-pubsubshard-when-down", YesNo(true), [NO_EFFECT_YET];
    /// Bytes of unsent messages that break a bus link; 0 for no limit.
    cluster_link_sendbuf_limit: u64 = "cluster-link-sendbuf-limit", Number::memory(0, u64::MAX, 0), [NO_EFFECT_YET];
    /// Address that other nodes and clients use.
    cluster_announce_ip: String = "cluster-announce-ip", Text::new(""), [NO_EFFECT_YET];
    /// Port that clients use; 0 for `port`.
    cluster_announce_port: u16 = "cluster-announce-port", Number::plain(0, 65535, 0), [NO_EFFECT_YET];
    /// TLS port that clients use; 0 for `tls-port`.
    cluster_announce_tls_port: u16 = "cluster-announce-tls-port", Number::plain(0, 65535, 0), [NO_EFFECT_YET];
    /// Bus port that other nodes use; 0 for `port` + 10000.
    cluster_announce_bus_port: u16 = "cluster-announce-bus-port", Number::plain(0, 65535, 0), [NO_EFFECT_YET];
    /// Host name shown to clients.
    cluster_announce_hostname: String = "cluster-announce-hostname", Text::new("").checked(is_host_name), [NO_EFFECT_YET];
    /// Name of the node in logs.
    cluster_announce_human_nodename: String = "cluster-announce-human-nodename", Text::new("").checked(is_host_name), [NO_EFFECT_YET];
    /// What a node calls itself towards clients.
    cluster_preferred_endpoint_type: ClusterEndpointType = "cluster-preferred-endpoint-type", OneOf::new(ClusterEndpointType::Ip), [NO_EFFECT_YET];

    // TLS
    /// TCP port for TLS; 0 for none.
    tls_port: u16 = "tls-port", Number::plain(0, 65535, 0), [NO_EFFECT_YET];
    /// Whether clients must show a certificate.
    tls_auth_clients: TlsAuthClients = "tls-auth-clients", OneOf::new(TlsAuthClients::Yes), [NO_EFFECT_YET];
    /// Certificate of the server.
    tls_cert_file: String = "tls-cert-file", Text::new(""), [VOLATILE, NO_EFFECT_YET];
    /// Private key of the server.
    tls_key_file: String = "tls-key-file", Text::new(""), [VOLATILE, NO_EFFECT_YET];
    /// Password of the private key.
    tls_key_file_pass: Vec<u8> = "tls-key-file-pass", Bytes, [SENSITIVE, NO_EFFECT_YET];
    /// Certificate of outgoing connections.
    tls_client_cert_file: String = "tls-client-cert-file", Text::new(""), [VOLATILE, NO_EFFECT_YET];
    /// Private key of outgoing connections.
    tls_client_key_file: String = "tls-client-key-file", Text::new(""), [VOLATILE, NO_EFFECT_YET];
    /// Password of the private key of outgoing connections.
    tls_client_key_file_pass: Vec<u8> = "tls-client-key-file-pass", Bytes, [SENSITIVE, NO_EFFECT_YET];
    /// Parameters of the key exchange.
    tls_dh_params_file: String = "tls-dh-params-file", Text::new(""), [VOLATILE, NO_EFFECT_YET];
    /// Certificates of the authorities.
    tls_ca_cert_file: String = "tls-ca-cert-file", Text::new(""), [VOLATILE, NO_EFFECT_YET];
    /// Folder of certificates of the authorities.
    tls_ca_cert_dir: String = "tls-ca-cert-dir", Text::new(""), [VOLATILE, NO_EFFECT_YET];
    /// Accepted versions of TLS.
    tls_protocols: String = "tls-protocols", Text::new(""), [NO_EFFECT_YET];
    /// Accepted ciphers up to TLS 1.2.
    tls_ciphers: String = "tls-ciphers", Text::new(""), [NO_EFFECT_YET];
    /// Accepted ciphers of TLS 1.3.
    tls_ciphersuites: String = "tls-ciphersuites", Text::new(""), [NO_EFFECT_YET];
    /// Prefers the order of the server.
    tls_prefer_server_ciphers: bool = "tls-prefer-server-ciphers", YesNo(false), [NO_EFFECT_YET];
    /// Lets clients resume sessions.
    tls_session_caching: bool = "tls-session-caching", YesNo(true), [NO_EFFECT_YET];
    /// Sessions remembered; 0 for no limit.
    tls_session_cache_size: u32 = "tls-session-cache-size", Number::plain(0, INT_MAX, 20480), [NO_EFFECT_YET];
    /// Seconds a session is remembered.
    tls_session_cache_timeout: u32 = "tls-session-cache-timeout", Number::plain(0, INT_MAX, 300), [NO_EFFECT_YET];
    /// Uses TLS on the cluster bus.
    tls_cluster: bool = "tls-cluster", YesNo(false), [NO_EFFECT_YET];
    /// Uses TLS towards the master.
    tls_replication: bool = "tls-replication", YesNo(false), [NO_EFFECT_YET];
}
