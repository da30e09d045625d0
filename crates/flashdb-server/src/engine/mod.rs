//! The way in for what runs in the same process: the HTTP interface, and whatever comes beside it.
//!
//! Commands go the way of every client. [`Engine::connect`] makes a pair of sockets and hands one end to a core loop as a new
//! connection, so that access control, slow log, statistics and limits hold by themselves. Two things differ: such a guest
//! does not count against `maxclients`, and it may begin as a user that logged in earlier over another one, by its
//! [`Identity`]. What is looked at without a command (figures, the command table, the state) changes nothing and takes no
//! lock that commands wait for.

mod clients;
mod figures;
mod files;
mod guest;
mod listening;

pub use crate::acl::AfterGone;
pub use crate::audit::{AuditEntry, AuditKind, AuditNews, AuditPage, AuditTrail};
pub use crate::durability::LoadFigures;
pub use crate::ending::EndHold;
pub use crate::hot::{
    BUCKET_S as HOT_KEY_PART_S, CutWord, DRAIN_TIME as TAP_DRAIN_TIME, HotKey, TappedCommand,
};
pub use crate::key_tree::{BranchChange, Look};
pub use crate::slowlog::{SlowEntry, SlowNews};
pub use clients::{ClientLine, Clients, LeftClient};
pub use figures::{
    CommandFigures, CommandTotals, DatabaseFigures, Durations, Figures, PART_NAMES, Resident,
    SnapshotFigures, Work,
};
pub use guest::{Aim, Guest, Identity, Seat};
pub use listening::{Heard, ListenedTo, ListeningKind, ListeningTotals};

use crate::acl::Users;
use crate::key_tree::KeyTree;
use crate::server::{Server, SettingCheck};
use flashdb_command::registry::Command;
use flashdb_command::{CommandSpec, Flags};
use flashdb_config::ConfigStore;
use flashdb_resp::OwnedArgs;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Where the server stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Data is being loaded; most commands are refused.
    Loading,
    /// In service.
    Ready,
    /// About to end; nobody new is served.
    Stopping,
}

/// See the module's head. Copies are the same engine.
#[derive(Clone)]
pub struct Engine {
    server: Arc<Server>,
    commands: Arc<HashMap<String, Command>>,
    next_loop: Arc<AtomicUsize>,
    /// The address that guests have connected to, once it is known.
    guests_address: Arc<OnceLock<String>>,
}

impl Engine {
    pub(crate) fn new(server: Arc<Server>) -> Self {
        let named = |command: &Command| (command.spec.full_name(), *command);
        Engine {
            commands: Arc::new(server.registry.all().iter().map(named).collect()),
            next_loop: Arc::default(),
            guests_address: Arc::default(),
            server,
        }
    }

    /// Whether durations of commands are counted.
    pub fn tracks_latency(&self) -> bool {
        self.server.settings().latency_tracking
    }

    /// Where the server stands.
    pub fn state(&self) -> State {
        if self.server.stopping.load(Ordering::Acquire) || self.server.is_ending.load(Ordering::Acquire) {
            State::Stopping
        } else if self.server.is_loading() {
            State::Loading
        } else {
            State::Ready
        }
    }

    /// Whether the server is to end, now or when nothing holds that up any more.
    pub fn is_to_end(&self) -> bool {
        self.state() == State::Stopping || self.server.ends_on_signal.load(Ordering::Acquire) != 0
    }

    /// Holds up an end by a signal for a moment, as long as this is kept: for what is to be tidied up before.
    pub fn hold_end(&self) -> EndHold {
        EndHold::new(self.server.clone())
    }

    /// The configuration.
    pub fn config(&self) -> &ConfigStore {
        &self.server.config
    }

    /// Has changes of settings refused for reasons that the server does not know. For one who asks; later ones are not heard.
    pub fn check_settings_by(&self, check: SettingCheck) {
        let _first_stays = self.server.setting_check.set(check);
    }

    /// Random name of this run, 40 hexadecimal digits.
    pub fn run_id(&self) -> &str {
        &self.server.run_id
    }

    /// Unix time of the start, ms.
    pub fn started_ms(&self) -> i64 {
        self.server.started_ms
    }

    /// TCP port of the clients; 0 for none.
    pub fn port(&self) -> usize {
        self.server.port.load(Ordering::Relaxed)
    }

    /// Numbered databases.
    pub fn databases_count(&self) -> usize {
        self.server.space.databases_count()
    }

    /// What is wrong with how data is kept, if anything is.
    pub fn persistence_fault(&self) -> Option<&'static str> {
        if self.server.space.log().has_failed() {
            Some("the log cannot be written")
        } else if self.server.space.log().is_full() {
            Some("the disk is full, and writes are refused")
        } else if self.server.save_failed.load(Ordering::Relaxed) {
            Some("the last snapshot failed")
        } else {
            None
        }
    }

    /// All figures as Prometheus reads them. O(commands times core loops), and locks nothing that commands wait for.
    pub fn metrics(&self) -> String {
        crate::metrics::render(&self.server)
    }

    /// The keys that are used most, hottest first.
    pub fn hot_keys(&self, count: usize) -> Vec<HotKey> {
        self.server.hot_keys.hottest(count)
    }

    /// Uses of all keys per second, of which those of the hot keys are a part.
    pub fn key_uses_per_second(&self) -> f64 {
        self.server.hot_keys.uses_per_second()
    }

    /// Has some of the commands written down as they are run, or no longer. Without it they cost nothing.
    pub fn tap_commands(&self, open: bool) {
        self.server.taps.set_open(&self.server, open);
    }

    /// Those that were written down since the last time, oldest first; to be asked for every [`TAP_DRAIN_TIME`].
    pub fn tapped_commands(&self) -> Vec<TappedCommand> {
        self.server.taps.drain(&self.server)
    }

    /// What has come into the slow log since there were `added` entries in all, the newest `max` of them. Commands that are slow
    /// wait meanwhile, for as long as it takes to copy them.
    pub fn slow_commands(&self, added: u64, max: usize) -> SlowNews {
        self.server.slowlog.lock().since(added, max)
    }

    /// Whether keys are counted by prefix when somebody asks.
    pub fn counts_prefixes(&self) -> bool {
        self.server.settings().prefix_index
    }

    /// What ends a prefix of the key tree.
    pub fn prefix_separator(&self) -> u8 {
        KeyTree::separator(&self.server)
    }

    /// Looks which branches of the key tree have changed, on the thread that counts them. What is to be told is dropped where
    /// nothing is counted.
    pub fn look_at_branches(&self, look: Look) {
        self.server.key_tree.look(look);
    }

    /// Whether the user may be told of a branch, as by PREFIX.TREE.
    pub fn shows_branch(&self, identity: &Identity, prefix: &[u8]) -> bool {
        let command = self.commands.get("prefix.tree");
        command.is_some_and(|command| identity.0.permissions.read_all_below(command, prefix))
    }

    /// Whether the user may read a key, by whatever command: SCAN tells the names of others, too.
    pub fn shows_key(&self, identity: &Identity, key: &[u8]) -> bool {
        identity.0.permissions.read_key(key)
    }

    /// How far the loading of data is; `None` while none is loaded.
    pub fn load_figures(&self) -> Option<LoadFigures> {
        LoadFigures::of(&self.server)
    }

    /// The newest events of the audit log, and where others of them are kept.
    pub fn audit(&self) -> &Arc<AuditTrail> {
        &self.server.audit
    }

    /// Notes what the interface itself keeps in memory, for the breakdown of resident memory.
    pub fn note_http_bytes(&self, bytes: usize) {
        self.server.http_bytes.store(bytes, Ordering::Relaxed);
    }

    // ---- users -------------------------------------------------------------------------------

    fn users(&self) -> Arc<Users> {
        self.server.acl.users()
    }

    /// Whether clients may run commands without logging in.
    pub fn is_open(&self) -> bool {
        self.users().is_open()
    }

    /// The user that clients are who do not log in; `None` if they have to.
    pub fn anybody(&self) -> Option<Identity> {
        let users = self.users();
        users.is_open().then(|| Identity(users.default_user().clone()))
    }

    /// The server itself, for what it has to tidy up whatever becomes of its users: keys can be removed and given an end,
    /// and nothing else.
    pub fn of_server(&self) -> Identity {
        Identity(self.server.acl.of_server.clone())
    }

    /// A number that grows whenever users change.
    pub fn users_generation(&self) -> u64 {
        self.server.acl.generation()
    }

    /// Tells the user of this name from earlier ones of the same name, until the server ends; `None` when there is none. It
    /// stays when ACL LOAD finds the user in the file again, although connections end then.
    pub fn user_id(&self, name: &[u8]) -> Option<u64> {
        self.users().get(name).map(|user| user.person)
    }

    /// Has something done whenever users have been removed, before the command that removed them answers and on its thread,
    /// which is a core loop's: what waits for the disk is done by what `act` returns, on another thread. The answer waits for
    /// that, unless it ends the connection or is a part of a transaction's. For one listener; later ones are not heard.
    pub fn on_users_gone(&self, act: impl Fn() -> Option<AfterGone> + Send + Sync + 'static) {
        let _first_stays = self.server.acl.on_gone.set(Box::new(act));
    }

    /// The user as of now. `None` when what the login relied on is gone: the user was removed, is off, or has
    /// other passwords.
    pub fn standing(&self, identity: &Identity) -> Option<Identity> {
        let users = self.users();
        let (before, now) = (&identity.0, users.same(&identity.0)?);
        let holds = now.on && now.nopass == before.nopass && now.passwords == before.passwords;
        holds.then(|| Identity(now.clone()))
    }

    /// Whether the user may run a command (`get`, `config|get`) on some keys.
    pub fn allows(&self, identity: &Identity, full_name: &str) -> bool {
        let command = self.commands.get(full_name);
        command.is_some_and(|command| identity.0.permissions.allow_command(command))
    }

    /// Whether the user may run anything that writes. O(commands).
    pub fn allows_writing(&self, identity: &Identity) -> bool {
        self.commands.values().any(|command| {
            command.spec.flags.has(Flags::WRITE) && identity.0.permissions.allow_command(command)
        })
    }

    // ---- commands ----------------------------------------------------------------------------

    /// The row of a request; `None` if there is no such command, under the names that `rename-command` left.
    pub fn row_of(&self, words: &[Vec<u8>]) -> Option<&'static CommandSpec> {
        if words.is_empty() {
            return None;
        }
        let args = OwnedArgs::from_words(words.iter().take(2).map(Vec::as_slice));
        let command = self.server.registry.resolve(&args.as_args()).ok()?;
        Some(command.spec)
    }

    /// All rows that can be asked for, subcommands included.
    pub fn rows(&self) -> impl Iterator<Item = &'static CommandSpec> {
        self.server.registry.all().iter().map(|command| command.spec)
    }
}
