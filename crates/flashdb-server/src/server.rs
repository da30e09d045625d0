//! What all core loops share: the keyspace, the command table, the configuration, the clients, and
//! the registries for publish/subscribe, blocked clients, slow log, latency and statistics.

use crate::acl::Acl;
use crate::audit::AuditTrail;
use crate::blocking::Tickets;
use crate::census;
use crate::client::ClientInfo;
use crate::core_loop::Message;
use crate::durability::Durability;
use crate::ending::EndHolds;
use crate::feed::Feed;
use crate::hot::{HotKeys, LoopSamples, Session, Taps};
use crate::key_tree::KeyTree;
use crate::latency::LatencyMonitor;
use crate::memory::MemorySample;
use crate::monitor::Monitors;
use crate::pause::Pause;
use crate::pubsub::{PubSub, Subscription};
use crate::script::Scripts;
use crate::script::functions::Functions;
use crate::slowlog::SlowLog;
use crate::stats::{LoopStats, Stats};
use crate::tracking::Tracking;
use flashdb_command::Registry;
use flashdb_config::logging::LogControl;
use flashdb_config::{ConfigStore, Settings};
use flashdb_io::mailbox::Mailbox;
use flashdb_store::Keyspace;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// One core loop as others see it.
pub struct LoopHandle {
    /// Messages for the loop.
    pub mailbox: Mailbox<Message>,
    /// Its counters.
    pub stats: LoopStats,
    /// The commands that it looked at.
    pub samples: LoopSamples,
    /// Whether replies of the loop wait for the log.
    pub awaits_durable: AtomicBool,
}

/// The server's shared state.
pub struct Server {
    /// The data.
    pub space: Keyspace,
    /// The command table.
    pub registry: Registry,
    /// The configuration with its way to change.
    pub config: Arc<ConfigStore>,
    /// Users and what they may do.
    pub acl: Acl,
    /// The log's level.
    pub log: LogControl,
    /// Core loops.
    pub loops: Vec<LoopHandle>,
    /// Connected clients by id.
    pub clients: Mutex<BTreeMap<u64, Arc<ClientInfo>>>,
    /// Number of connected clients, for the limit.
    pub clients_count: AtomicUsize,
    /// Memory of all clients.
    pub clients_bytes: AtomicUsize,
    /// Next client id.
    pub client_ids: AtomicU64,
    /// Channels and their subscribers.
    pub pubsub: PubSub,
    /// Decided effects for those who follow.
    pub feed: Feed,
    /// Memory in use at the last sample.
    pub memory: MemorySample,
    /// Counts by prefix, while somebody looks at them.
    pub key_tree: KeyTree,
    /// What the HTTP interface keeps, as it says itself.
    pub http_bytes: AtomicUsize,
    /// Keys and memory at the last count.
    pub census: census::Newest,
    /// Scripts that were run or loaded.
    pub scripts: Scripts,
    /// What the function libraries define.
    pub functions: Functions,
    /// Blocked clients.
    pub tickets: Tickets,
    /// Clients that see every command.
    pub monitors: Monitors,
    /// The keys that are used most.
    pub hot_keys: HotKeys,
    /// What HOTKEYS START has begun.
    pub hot_session: Session,
    /// The feed of recent commands.
    pub taps: Taps,
    /// Clients that cache.
    pub tracking: Tracking,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// The newest events of the audit log.
    pub audit: Arc<AuditTrail>,
    /// Slow commands.
    pub slowlog: Mutex<SlowLog>,
    /// Latency events.
    pub latency: LatencyMonitor,
    /// Counters that are not per loop.
    pub stats: Stats,
    /// Random id of this run, 40 hexadecimal digits.
    pub run_id: String,
    /// Random replication id, 40 hexadecimal digits; changed by DEBUG CHANGE-REPL-ID.
    pub replication_id: Mutex<String>,
    /// Unix time of the start, ms.
    pub started_ms: i64,
    /// Changes since the last save (INFO rdb_changes_since_last_save).
    pub dirty: AtomicU64,
    /// Unix time of the last SAVE, seconds.
    pub last_save: AtomicI64,
    /// How the data lasts; unset where the data folder cannot be used and nothing is to be kept.
    pub durability: OnceLock<Durability>,
    /// Whether data is being loaded: commands that touch data are refused meanwhile.
    pub loading: AtomicBool,
    /// Whether snapshots being taken are given up, because the server ends.
    pub aborting_saves: AtomicBool,
    /// Whether the last snapshot failed.
    pub save_failed: AtomicBool,
    /// Whether keys are looked for that have expired (DEBUG SET-ACTIVE-EXPIRE).
    pub active_expire: AtomicBool,
    /// Signal on which the server is about to end; 0 for none.
    pub ends_on_signal: AtomicI32,
    /// What holds up that end.
    pub end_holds: EndHolds,
    /// Whether it saves its data in order to end.
    pub is_ending: AtomicBool,
    /// Whether what is done from time to time rests (DEBUG PAUSE-CRON).
    pub cron_paused: AtomicBool,
    /// Whether all data is written to the RDB file once the core loops have ended.
    pub saves_at_end: AtomicBool,
    /// Whether the server ends at once, also in the middle of a script that has written (SHUTDOWN NOSAVE).
    pub ends_scripts: AtomicBool,
    /// Set once the server is to end.
    pub stopping: AtomicBool,
    /// TCP port in use.
    pub port: AtomicUsize,
    /// What others than the server have to say of settings before they count.
    pub setting_check: OnceLock<SettingCheck>,
    /// Who is told of the connections of clients as they end.
    pub on_left: OnceLock<OnLeft>,
}

/// Hears of a client whose connection has ended.
pub type OnLeft = Box<dyn Fn(&ClientInfo) + Send + Sync>;

/// Whether a setting can have the value that it has there; else why not.
pub type SettingCheck = fn(name: &str, settings: &Settings) -> Result<(), String>;

impl Server {
    /// The settings of this moment. Core loops keep them for a turn instead of asking per command.
    pub fn settings(&self) -> Arc<Settings> {
        self.config.settings()
    }

    /// Tells who has asked for it that a client's connection has ended, unless it came from within the process.
    pub fn tell_left(&self, client: &ClientInfo) {
        if let Some(tell) = self.on_left.get()
            && !client.is_guest
        {
            tell(client);
        }
    }

    /// Posts to core loop `loop_id`.
    pub fn post(&self, loop_id: usize, message: Message) {
        self.loops[loop_id].mailbox.post(message);
    }

    /// Posts a message made by `make` to every core loop.
    pub fn post_all(&self, mut make: impl FnMut() -> Message) {
        for handle in &self.loops {
            handle.mailbox.post(make());
        }
    }

    /// Sends bytes to a client, wherever it is connected; those of a subscription only if it still has that.
    pub fn deliver(&self, client: &ClientInfo, bytes: Arc<[u8]>, subscription: Option<Subscription>) {
        self.post(
            client.loop_id,
            Message::Deliver {
                client: client.id,
                bytes,
                subscription,
            },
        );
    }

    /// Whether data is being loaded.
    #[inline]
    pub fn is_loading(&self) -> bool {
        self.loading.load(Ordering::Acquire)
    }

    /// Whether snapshots being taken are given up.
    pub fn is_aborting_saves(&self) -> bool {
        self.aborting_saves.load(Ordering::Acquire)
    }

    /// Asks every loop to end, and a load or a snapshot to be given up.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.aborting_saves.store(true, Ordering::Release);
        if let Some(durability) = self.durability.get() {
            durability.progress.stop.store(true, Ordering::Release);
        }
        self.post_all(|| Message::Stop);
    }
}
