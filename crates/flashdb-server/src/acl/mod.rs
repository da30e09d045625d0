//! Access control: users with their permissions, roles that users share, logins, and the log of what
//! was refused.
//!
//! Reading order: `rules.rs` and `selector.rs` (what can be said), `command_set.rs` and `pattern.rs`
//! (what it means), `user.rs` (users and roles), `check.rs` (may this request run?), `users.rs`,
//! `tree.rs` and `file.rs` (all of them; files), `log.rs`, `logins.rs`.
//!
//! Users are immutable. A change makes new ones, publishes them together and raises a generation
//! number; a connection keeps the user it runs as and compares that number before it runs anything,
//! so that commands take no lock and no command that follows a change runs by the old rules.

mod catalog;
mod check;
mod command_set;
mod file;
mod log;
mod logins;
mod password;
mod pattern;
mod rules;
mod selector;

/// What the first of the rules of ACL SETUSER may be: that nothing has changed since a look at the users. The HTTP interface
/// shows users, and changes what it has shown.
const CONDITION: &[u8] = b"if-generation:";

/// A condition as it was given, with the generation that it names; and the rules behind it.
type Condition<'r> = Option<(&'r [u8], Option<u64>)>;

fn condition(rules: &[Vec<u8>]) -> (Condition<'_>, &[Vec<u8>]) {
    let found = rules
        .split_first()
        .and_then(|(first, rest)| Some((first, first.strip_prefix(CONDITION)?, rest)));
    match found {
        None => (None, rules),
        Some((first, digits, rest)) => {
            let digits = std::str::from_utf8(digits).ok();
            (Some((first, digits.and_then(|digits| digits.parse().ok()))), rest)
        }
    }
}

#[cfg(test)]
mod tests;
mod tree;
mod user;
mod users;

pub use catalog::Catalog;
pub use check::{Denied, Lack, check};
pub use log::{AclLog, Entry, Reason, Surroundings};
pub use logins::{Logins, Origin, Turn};
use rules::Fault;
pub use rules::{RefusedRule, UnclosedSelector, fits_a_line, merge_selectors};
pub use selector::Selector;
pub use user::{DEFAULT_USER, Grants, User};
pub use users::{RoleKept, Users};

use crate::client::ClientInfo;
use crate::server::Server;
use flashdb_command::registry::{Command, Registry};
use flashdb_config::{AclPubsubDefault, ConfigStore, LaunchError, Settings, replace_file};
use flashdb_resp::Args;
use parking_lot::{Mutex, RwLock};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use user::Defaults;

/// Users, roles and what was refused.
pub struct Acl {
    catalog: Catalog,
    /// Whom the server's own connections run as.
    pub of_server: Arc<User>,
    /// Raised after each publication.
    generation: AtomicU64,
    published: RwLock<Arc<Users>>,
    /// Held while a change is made, so that changes do not overlap.
    changing: Mutex<()>,
    /// What was refused.
    pub log: Mutex<AclLog>,
    /// Addresses with failed logins.
    pub logins: Logins,
    /// Who wants to know when users are gone.
    pub on_gone: OnceLock<OnGone>,
}

/// Told that users are gone, on a core loop's thread. What it has to wait for is left to what it returns.
pub type OnGone = Box<dyn Fn() -> Option<AfterGone> + Send + Sync>;

/// What is to be done before the removal of users is answered and may wait for the disk, on a thread of its own.
pub type AfterGone = Box<dyn FnOnce() + Send>;

/// Users before and after a change.
pub struct Change {
    /// Before.
    pub before: Arc<Users>,
    /// After.
    pub after: Arc<Users>,
}

/// Why users could not be set up at the start.
#[derive(Debug)]
pub enum SetupError {
    /// A line of the configuration is wrong.
    Line(LaunchError),
    /// Users stand in the configuration and in a file.
    TwoPlaces,
    /// The file cannot be used.
    File(LoadError),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetupError::Line(error) => write!(f, "{error}"),
            SetupError::TwoPlaces => f.write_str(
                "users are defined in the configuration and an aclfile is set; define them in one of both places",
            ),
            SetupError::File(error) => write!(f, "the users cannot be loaded: {error}"),
        }
    }
}

/// Why an `aclfile` was not loaded; nothing has changed then.
#[derive(Debug)]
pub enum LoadError {
    /// It cannot be read.
    Unreadable(String, std::io::Error),
    /// Lines of it are wrong.
    Wrong(file::Complaints),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Unreadable(file, error) => {
                write!(f, "Error loading ACLs, opening file '{file}': {error}")
            }
            LoadError::Wrong(complaints) => write!(
                f,
                "{complaints}. WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
            ),
        }
    }
}

impl Change {
    /// Users whose connections may have to end: they are gone, or may not listen to what they could.
    pub fn disconnects(&self) -> bool {
        let mut changed = self.before.perhaps_changed(&self.after);
        changed.any(|user| match self.after.same(user) {
            None => true,
            Some(now) => !now.permissions.keep_channels_of(&user.permissions),
        })
    }
}

impl Acl {
    /// The default user alone.
    pub fn new(registry: &Registry) -> Self {
        let catalog = Catalog::new(registry);
        Acl {
            generation: AtomicU64::new(1),
            published: RwLock::new(Arc::new(Users::new(&catalog))),
            changing: Mutex::new(()),
            log: Mutex::default(),
            logins: Logins::default(),
            on_gone: OnceLock::new(),
            of_server: Arc::new(User::of_server(&catalog)),
            catalog,
        }
    }

    /// The users that the configuration, or the file it names, asks for.
    ///
    /// # Errors
    /// What is wrong with them; a server must not start without the users it should have.
    pub fn at_start(registry: &Registry, config: &ConfigStore) -> Result<Self, SetupError> {
        let (acl, settings) = (Acl::new(registry), config.settings());
        acl.set_default_password(&settings.requirepass);
        let lines = config.acl_lines();
        if settings.aclfile.is_empty() {
            let declared =
                acl.change(|users, catalog| file::declare_all(users, lines, catalog, defaults(&settings)));
            declared.map_err(SetupError::Line)?;
        } else if lines.is_empty() {
            acl.load(&settings).map_err(SetupError::File)?;
        } else {
            return Err(SetupError::TwoPlaces);
        }
        Ok(acl)
    }

    /// The command table as rules see it.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Users and roles of this moment. Takes a shared lock.
    pub fn users(&self) -> Arc<Users> {
        self.published.read().clone()
    }

    /// A number that grows with every change.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Changes users and roles by `make`, which works on a copy; nothing has changed when it fails.
    pub fn change<E>(&self, make: impl FnOnce(&mut Users, &Catalog) -> Result<(), E>) -> Result<Change, E> {
        let _one_at_a_time = self.changing.lock();
        let before = self.users();
        let mut users = Users::clone(&before);
        make(&mut users, &self.catalog)?;
        let after = Arc::new(users);
        *self.published.write() = after.clone();
        self.generation.fetch_add(1, Ordering::Release);
        Ok(Change { before, after })
    }

    /// ACL SETUSER.
    ///
    /// # Errors
    /// The rule that is refused; nothing has changed then.
    pub fn set_user(
        &self,
        settings: &Settings,
        name: &[u8],
        rules: &[Vec<u8>],
    ) -> Result<Change, RefusedRule> {
        let (condition, rules) = condition(rules);
        let rules = rules.iter().map(Vec::as_slice);
        self.change(|users, catalog| {
            // Others wait to change anything, so what was looked at is what is changed.
            if condition.is_some_and(|(_, seen)| seen != Some(self.generation())) {
                return Err(RefusedRule {
                    rule: condition.map(|(rule, _)| rule.to_vec()).unwrap_or_default(),
                    fault: Fault::Changed,
                });
            }
            users.set_user(catalog, defaults(settings), name, rules)
        })
    }

    /// ACL SETROLE.
    ///
    /// # Errors
    /// The rule that is refused; nothing has changed then.
    pub fn set_role(&self, name: &[u8], rules: &[Vec<u8>]) -> Result<Change, RefusedRule> {
        let rules = rules.iter().map(Vec::as_slice);
        self.change(|users, catalog| users.set_role(catalog, name, rules))
    }

    /// Makes `password` the only one of the default user, or none if it is empty (`requirepass`).
    pub fn set_default_password(&self, password: &[u8]) {
        let set = |users: &mut Users, _: &Catalog| {
            let user = with_password(users.default_user(), password);
            users.insert(user);
            Ok::<(), std::convert::Infallible>(())
        };
        let Ok(_) = self.change(set);
    }

    /// Reads the `aclfile` anew. Does disk I/O.
    ///
    /// # Errors
    /// What is wrong with the file; nothing has changed then.
    pub fn load(&self, settings: &Settings) -> Result<Change, LoadError> {
        let name = &settings.aclfile;
        let text =
            std::fs::read(path(settings)).map_err(|error| LoadError::Unreadable(name.clone(), error))?;
        self.change(|users, catalog| {
            // A file without default user leaves the one that the settings ask for: a password that
            // was set must not be lost.
            let mut base = User::default_user(catalog);
            (base.id, base.person) = (users.default_user().id, users.default_user().person);
            let base = with_password(&base, &settings.requirepass);
            let mut loaded =
                file::parse(&text, name, &base, catalog, defaults(settings)).map_err(LoadError::Wrong)?;
            loaded.keep_persons(users);
            *users = loaded;
            Ok(())
        })
    }

    /// Writes the `aclfile`: after a crash there is the old or the new one. Does disk I/O.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn save(&self, settings: &Settings) -> std::io::Result<()> {
        let mut text = self.users().lines(&self.catalog).join(&b'\n');
        text.push(b'\n');
        replace_file(&path(settings), &text)
    }

    /// The `user` and `role` lines for CONFIG REWRITE. None as long as there is only a default user that the
    /// settings describe, or while users are kept in a file.
    pub fn config_lines(&self, settings: &Settings) -> Vec<Vec<u8>> {
        let users = self.users();
        let plain = with_password(&User::default_user(&self.catalog), &settings.requirepass);
        let only_plain = users.users().len() == 1
            && users.roles().len() == 0
            && users.default_user().line(&self.catalog) == plain.line(&self.catalog);
        if only_plain || !settings.aclfile.is_empty() {
            return Vec::new();
        }
        users
            .lines(&self.catalog)
            .iter()
            .map(|line| quoted(line))
            .collect()
    }

    /// Enters something refused to `username` in the log and the statistics.
    pub fn note(
        &self,
        server: &Server,
        client: &ClientInfo,
        reason: Reason,
        surroundings: Surroundings,
        object: Vec<u8>,
        username: Vec<u8>,
    ) {
        server.stats.acl_denied[reason as usize].fetch_add(1, Ordering::Relaxed);
        let now_ms = flashdb_base::clock::unix_ms() as i64;
        let entry = Entry {
            id: 0,
            count: 0,
            reason,
            surroundings,
            object,
            username,
            client_info: crate::commands::client_commands::describe(server, client, now_ms),
            created_ms: 0,
            updated_ms: now_ms,
        };
        let max_len = usize::try_from(server.settings().acllog_max_len).unwrap_or(usize::MAX);
        // Logins are logged by themselves, each of them.
        let told = (reason != Reason::Auth).then(|| entry.object.clone());
        let is_new = self.log.lock().add(entry, max_len);
        if let (Some(object), true) = (told, is_new) {
            crate::audit::note_refusal(server, client, reason, &object);
        }
    }
}

/// Whether `user`, as whom `client` runs, may run the request. A denial is entered in the log. Scripts ask by [`check`],
/// and log later: they may have to run again.
///
/// # Errors
/// What the user lacks.
#[inline]
pub fn permit(
    server: &Server,
    client: &ClientInfo,
    user: &User,
    (command, args): (&Command, &Args<'_>),
    surroundings: Surroundings,
) -> Result<(), Denied> {
    let checked = check(user, command, args);
    if let Err(denied) = checked {
        let (object, username) = (denied.object(command, args), user.name.to_vec());
        server
            .acl
            .note(server, client, denied.lack.into(), surroundings, object, username);
    }
    checked
}

fn defaults(settings: &Settings) -> Defaults {
    Defaults {
        all_channels: settings.acl_pubsub_default == AclPubsubDefault::AllChannels,
    }
}

fn path(settings: &Settings) -> PathBuf {
    settings.dir.join(&settings.aclfile)
}

/// `user` with one password, or open if that is empty.
fn with_password(user: &User, password: &[u8]) -> User {
    let mut user = user.clone();
    user.nopass = password.is_empty();
    user.passwords.clear();
    if !password.is_empty() {
        user.passwords.push(password::PasswordHash::of(password));
    }
    user
}

/// A line for the configuration, whose words may need quotes.
fn quoted(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    for (index, word) in line.split(|&byte| byte == b' ').enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        let plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
        if word.iter().all(plain) {
            out.extend_from_slice(word);
        } else {
            flashdb_base::split_args::push_quoted(&mut out, word);
        }
    }
    out
}
