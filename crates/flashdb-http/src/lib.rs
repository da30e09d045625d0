//! The control plane: REST, WebSocket and the dashboard's pages over HTTP, on threads of its own.
//!
//! It enters the engine as a client does (`ask.rs`), so that access control, slow log and statistics need no second road;
//! `docs/design/0010-control-plane.md` says why, who may come in, and what is said over it. Reading order: `listen.rs`
//! (connections and their limits), `gate.rs` and `caller.rs` (who may come in, in which order), `sessions.rs` and
//! `attempts.rs`, `ask.rs` and `thin.rs` (what is kept of replies), then `api/`. `live.rs` is the WebSocket, `hub.rs` and
//! `topic.rs` how others publish to it, `sampler.rs` what it is fed each second, `command_rates.rs` the same by command, `tap.rs` the commands as they are run, `branches.rs` what changes in the key tree, `replay.rs` and
//! `streams.rs` what is kept for viewers whose connection broke, `alerts/` what is held against thresholds, `console.rs` what was run in the console, `runs/` commands that listen or wait, `pages.rs` the files.

mod alerts;
mod api;
mod ask;
mod attempts;
mod audit;
mod branches;
mod caller;
mod command_rates;
mod console;
mod cors;
mod error;
mod gate;
mod guests;
mod hub;
mod jobs;
mod json;
mod linger;
mod listen;
mod live;
mod pages;
mod replay;
mod request_log;
mod room;
mod runs;
mod sampler;
mod sessions;
mod settings;
mod streams;
mod tap;
mod thin;
mod topic;
mod traces;
mod weigh;

pub use api::openapi::document as openapi_document;
pub use listen::{BindError, Listeners, Running};
pub use settings::{check_setting, check_settings};

use flashdb_server::engine::Engine;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Semaphore;

/// Connections to the engine at a time; who comes later waits.
const GUESTS_MAX: usize = 64;

/// What all requests share.
pub(crate) struct App {
    pub engine: Engine,
    pub sessions: sessions::Sessions,
    pub attempts: attempts::Attempts,
    pub sampler: sampler::Sampler,
    pub command_rates: command_rates::CommandRates,
    pub viewers: live::Viewers,
    /// Clients that somebody was shown who follows them.
    pub shown_clients: api::clients::Shown,
    /// Viewers whose connection may come back.
    pub streams: streams::Streams,
    /// How much is published.
    pub pubsub: api::pubsub::Rates,
    /// Commands that listen or wait.
    pub runs: runs::Places,
    pub alerts: alerts::Alerts,
    /// Where alerts are sent to.
    pub webhooks: alerts::Webhooks,
    /// Where spans go; none unless a collector is named.
    pub traces: Option<traces::Traces>,
    /// Where to publish to who watches.
    pub hub: Arc<hub::Hub>,
    pub guests: Arc<Semaphore>,
    /// Looks at the tree that may wait for its counts at a time; each holds one of the guests.
    pub tree_waits: Semaphore,
    pub restores: Arc<api::Restores>,
    pub jobs: jobs::Jobs,
    /// What users have run in the console.
    pub console: console::Console,
    pub documents: api::openapi::Documents,
    /// Exports of keys at a time.
    pub exports: Arc<Semaphore>,
    /// Backups that are being sent at a time.
    pub backups: Arc<Semaphore>,
    /// Files that were sent to be imported.
    pub imports: Arc<api::Imports>,
    /// What large answers under way may take.
    pub answers: Arc<Semaphore>,
    /// Name of the machine.
    pub host_name: String,
    /// Name of the session's cookie: cookies do not know ports, so that of the port is in it.
    pub cookie: String,
    /// The interface ends.
    pub ending: AtomicBool,
}

impl App {
    fn new(engine: Engine, port: u16, traces: Option<traces::Traces>) -> Self {
        let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        App {
            console: console::Console::open(&engine),
            command_rates: command_rates::CommandRates::new(engine.rows().map(|spec| spec.group.name())),
            sessions: sessions::Sessions::new(engine.audit().clone()),
            engine,
            attempts: attempts::Attempts::default(),
            sampler: sampler::Sampler::default(),
            viewers: live::Viewers::default(),
            shown_clients: api::clients::Shown::default(),
            streams: streams::Streams::default(),
            pubsub: api::pubsub::Rates::default(),
            runs: runs::Places::default(),
            alerts: alerts::Alerts::default(),
            webhooks: alerts::Webhooks::default(),
            traces,
            hub: Arc::default(),
            guests: Arc::new(Semaphore::new(GUESTS_MAX)),
            tree_waits: Semaphore::new(GUESTS_MAX / 4),
            restores: Arc::default(),
            jobs: jobs::Jobs::default(),
            documents: api::openapi::Documents::default(),
            backups: Arc::new(Semaphore::new(1)),
            imports: Arc::default(),
            exports: Arc::new(Semaphore::new(api::EXPORTS_MAX)),
            answers: weigh::measure(),
            host_name: host_name.trim().to_owned(),
            cookie: format!("flashdb_session_{port}"),
            ending: AtomicBool::new(false),
        }
    }
}
