//! Users and roles. A role is a named set of rules; a user who has it may do what it allows besides
//! what the user's own rules allow. Both are immutable once published: a change makes a new one.

use super::catalog::Catalog;
use super::check::Permissions;
use super::password::{PasswordHash, is_one_of};
use super::rules::Fault;
use super::selector::Selector;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of the user that the server itself is; others count from 1.
const SERVER_ID: u64 = 0;
/// What the server may do as a client of its own: tidy up, and nothing else.
const SERVER_RULES: [&[u8]; 6] = [b"on", b"~*", b"+select", b"+dbsize", b"+expire", b"+unlink"];
/// Name of the user that connections begin with.
pub const DEFAULT_USER: &[u8] = b"default";

/// The root selector and those in parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// What rules outside of parentheses say.
    pub root: Selector,
    /// Those in parentheses, in order.
    pub selectors: Vec<Selector>,
}

impl Grants {
    fn new(root: Selector) -> Self {
        Grants {
            root,
            selectors: Vec::new(),
        }
    }

    /// Applies a rule about permissions; `all_channels` is what new selectors begin with.
    fn apply(&mut self, rule: &[u8], catalog: &Catalog, all_channels: bool) -> Result<(), Fault> {
        if let Some(selector) = Selector::parse(rule, catalog, all_channels) {
            self.selectors.push(selector?);
            return Ok(());
        }
        if rule.eq_ignore_ascii_case(b"clearselectors") {
            self.selectors.clear();
            return Ok(());
        }
        self.root.apply(rule, catalog)
    }

    /// Root first.
    pub fn iter(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }

    fn describe(&self, catalog: &Catalog, out: &mut Vec<u8>) {
        self.root.describe(catalog, out);
        for selector in &self.selectors {
            selector.describe_enclosed(catalog, out);
        }
    }
}

/// A named set of rules that users share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: Box<[u8]>,
    /// What it allows.
    pub grants: Grants,
}

impl Role {
    /// A role that allows nothing.
    pub fn new(name: &[u8], catalog: &Catalog) -> Self {
        Role {
            name: name.into(),
            grants: Grants::new(Selector::new(catalog, false)),
        }
    }

    /// Applies one rule. Whatever concerns a person and not permissions is refused.
    pub fn apply(&mut self, rule: &[u8], catalog: &Catalog) -> Result<(), Fault> {
        match rule.to_ascii_lowercase().as_slice() {
            b"" => Ok(()),
            b"reset" => {
                *self = Role::new(&self.name, catalog);
                Ok(())
            }
            b"on" | b"off" | b"nopass" | b"resetpass" | b"sanitize-payload" | b"skip-sanitize-payload" => {
                Err(Fault::NotInRole)
            }
            [b'>' | b'<' | b'#' | b'!', ..] => Err(Fault::NotInRole),
            lower if lower.starts_with(b"role:") || lower.starts_with(b"-role:") => Err(Fault::NotInRole),
            _ => self.grants.apply(rule, catalog, false),
        }
    }

    /// `role <name> <rules>`.
    pub fn line(&self, catalog: &Catalog) -> Vec<u8> {
        let mut out = [b"role ", &*self.name].concat();
        self.grants.describe(catalog, &mut out);
        out
    }
}

/// Whether values given to RESTORE are looked at closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadChecks {
    /// As the settings say; no rule was given.
    Unset,
    /// `sanitize-payload`.
    Always,
    /// `skip-sanitize-payload`.
    Skipped,
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Tells a user from an earlier one of the same name.
    pub id: u64,
    /// As `id`, but the same also when ACL LOAD finds the user in the file again.
    pub person: u64,
    /// The name.
    pub name: Box<[u8]>,
    /// May log in.
    pub on: bool,
    /// Any password is right.
    pub nopass: bool,
    /// RESTORE.
    pub payload_checks: PayloadChecks,
    /// Passwords, any of which is right.
    pub passwords: Vec<PasswordHash>,
    /// What the user's own rules allow.
    pub grants: Grants,
    /// Roles, in the order given.
    pub roles: Vec<Arc<Role>>,
    /// All of the above that is looked at when a command runs.
    pub permissions: Permissions,
}

/// What a new user begins with.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// `acl-pubsub-default`.
    pub all_channels: bool,
}

impl User {
    /// A user who is off, has no password and may do nothing.
    pub fn new(name: &[u8], catalog: &Catalog, defaults: Defaults) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        User {
            id,
            person: id,
            name: name.into(),
            on: false,
            nopass: false,
            payload_checks: PayloadChecks::Unset,
            passwords: Vec::new(),
            grants: Grants::new(Selector::new(catalog, defaults.all_channels)),
            roles: Vec::new(),
            permissions: Permissions::default(),
        }
    }

    /// The user that a connection begins with, if nobody says otherwise: open, with all permissions.
    pub fn default_user(catalog: &Catalog) -> Self {
        let mut user = User::new(DEFAULT_USER, catalog, Defaults { all_channels: true });
        user.on = true;
        user.nopass = true;
        user.grants.root = Selector::all(catalog);
        user.settle(catalog);
        user
    }

    /// Whom the server's own connections run as. Not among the users: nobody logs in as it, changes or removes it.
    pub fn of_server(catalog: &Catalog) -> Self {
        let defaults = Defaults { all_channels: false };
        let mut user = User::new(b"(server)", catalog, defaults);
        user.id = SERVER_ID;
        for rule in SERVER_RULES {
            // A command that the configuration took away is not there for the server either.
            let _ = user.apply(rule, catalog, defaults, &|_| None);
        }
        user.settle(catalog);
        user
    }

    /// Whether this is [`User::of_server`].
    pub fn is_of_server(&self) -> bool {
        self.id == SERVER_ID
    }

    /// Brings what commands look at up to date after rules were applied.
    pub fn settle(&mut self, catalog: &Catalog) {
        let of_roles = self.roles.iter().map(|role| &role.grants);
        let grants = std::iter::once(&self.grants).chain(of_roles);
        self.permissions = Permissions::new(catalog, grants.flat_map(Grants::iter));
    }

    /// Applies one rule; `role` finds a role by name. [`User::settle`] has to follow.
    pub fn apply(
        &mut self,
        rule: &[u8],
        catalog: &Catalog,
        defaults: Defaults,
        role: &dyn Fn(&[u8]) -> Option<Arc<Role>>,
    ) -> Result<(), Fault> {
        let lower = rule.to_ascii_lowercase();
        match lower.as_slice() {
            b"" => {}
            b"on" => self.on = true,
            b"off" => self.on = false,
            b"nopass" => {
                self.nopass = true;
                self.passwords.clear();
            }
            b"resetpass" => {
                self.nopass = false;
                self.passwords.clear();
            }
            b"sanitize-payload" => self.payload_checks = PayloadChecks::Always,
            b"skip-sanitize-payload" => self.payload_checks = PayloadChecks::Skipped,
            b"reset" => self.reset(catalog, defaults),
            [b'>' | b'#', ..] => self.add_password(rule)?,
            [b'<' | b'!', ..] => self.remove_password(rule)?,
            _ if lower.starts_with(b"role:") => self.add_role(&rule[5..], role)?,
            _ if lower.starts_with(b"-role:") => self.roles.retain(|held| *held.name != rule[6..]),
            _ => self.grants.apply(rule, catalog, defaults.all_channels)?,
        }
        Ok(())
    }

    fn reset(&mut self, catalog: &Catalog, defaults: Defaults) {
        *self = User {
            id: self.id,
            person: self.person,
            payload_checks: PayloadChecks::Always,
            ..User::new(&self.name, catalog, defaults)
        };
    }

    fn add_password(&mut self, rule: &[u8]) -> Result<(), Fault> {
        let hash = hash_of(rule)?;
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
        self.nopass = false;
        Ok(())
    }

    fn remove_password(&mut self, rule: &[u8]) -> Result<(), Fault> {
        let hash = hash_of(rule)?;
        let at = self.passwords.iter().position(|known| *known == hash);
        self.passwords.remove(at.ok_or(Fault::NoSuchPassword)?);
        Ok(())
    }

    fn add_role(&mut self, name: &[u8], role: &dyn Fn(&[u8]) -> Option<Arc<Role>>) -> Result<(), Fault> {
        let role = role(name).ok_or(Fault::UnknownRole)?;
        if !self.has_role(name) {
            self.roles.push(role);
        }
        Ok(())
    }

    /// Whether the user has the role called `name`.
    pub fn has_role(&self, name: &[u8]) -> bool {
        self.roles.iter().any(|held| *held.name == *name)
    }

    /// Whether the user may log in with `password`. Takes as long for a wrong password as for a right one.
    pub fn accepts(&self, password: &[u8]) -> bool {
        let known = is_one_of(&self.passwords, password);
        self.on && (self.nopass || known)
    }

    /// Words for the state of the user, as ACL GETUSER shows them.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let checks = match self.payload_checks {
            PayloadChecks::Unset => None,
            PayloadChecks::Always => Some("sanitize-payload"),
            PayloadChecks::Skipped => Some("skip-sanitize-payload"),
        };
        let state = if self.on { "on" } else { "off" };
        [Some(state), self.nopass.then_some("nopass"), checks]
            .into_iter()
            .flatten()
    }

    /// `user <name> <rules>`; the rules lead to this user from a new one.
    pub fn line(&self, catalog: &Catalog) -> Vec<u8> {
        let mut out = [b"user ", &*self.name].concat();
        for flag in self.flags() {
            out.push(b' ');
            out.extend_from_slice(flag.as_bytes());
        }
        for password in &self.passwords {
            out.extend_from_slice(b" #");
            out.extend_from_slice(password.hex().as_bytes());
        }
        self.grants.describe(catalog, &mut out);
        for role in &self.roles {
            out.extend_from_slice(b" role:");
            out.extend_from_slice(&role.name);
        }
        out
    }
}

/// The hash that a rule about a password means: `>` and `<` give the password, `#` and `!` the hash.
fn hash_of(rule: &[u8]) -> Result<PasswordHash, Fault> {
    match rule {
        [b'>' | b'<', password @ ..] => Ok(PasswordHash::of(password)),
        [_, hex @ ..] => PasswordHash::from_hex(hex).ok_or(Fault::NoHash),
        [] => Err(Fault::Syntax),
    }
}
