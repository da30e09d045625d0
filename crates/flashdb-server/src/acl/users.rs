//! All users and roles at one moment. Immutable once published: a change works on a copy, which shares
//! with the original all that stays the same, and takes its place as a whole or not at all. Both the
//! copy and a change of one user cost little however many users there are.

use super::catalog::Catalog;
use super::rules::{Fault, RefusedRule};
use super::tree::{Named, Tree};
use super::user::{DEFAULT_USER, Defaults, Role, User};
use std::sync::Arc;

/// Users and roles by name.
#[derive(Clone, Debug, Default)]
pub struct Users {
    users: Tree<User>,
    roles: Tree<Role>,
}

impl Named for User {
    fn name(&self) -> &[u8] {
        &self.name
    }
}

impl Named for Role {
    fn name(&self) -> &[u8] {
        &self.name
    }
}

/// Why a role is not removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleKept {
    /// There is none of this name.
    Unknown,
    /// This user has it.
    UsedBy(Box<[u8]>),
}

impl Users {
    /// Only the default user.
    pub fn new(catalog: &Catalog) -> Self {
        let mut users = Users::default();
        users.insert(User::default_user(catalog));
        users
    }

    /// The user called `name`.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// The user that connections begin with.
    pub fn default_user(&self) -> &Arc<User> {
        self.get(DEFAULT_USER).expect("the default user is never removed")
    }

    /// Whether clients may run commands without logging in.
    pub fn is_open(&self) -> bool {
        let user = self.default_user();
        user.on && user.nopass
    }

    /// What has become of `user`; `None` when the user was removed, even if there is another one of that name now.
    pub fn same<'u>(&'u self, user: &'u Arc<User>) -> Option<&'u Arc<User>> {
        if user.is_of_server() {
            return Some(user);
        }
        self.get(&user.name).filter(|now| now.id == user.id)
    }

    /// All users by name.
    pub fn users(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.users.iter()
    }

    /// Users of this moment of whom it is not certain that they are the same in `other`; all that differ are among
    /// them. A few when `other` was made by a few changes.
    pub fn perhaps_changed<'u>(&'u self, other: &'u Users) -> impl Iterator<Item = &'u Arc<User>> {
        self.users.unshared(&other.users)
    }

    /// The role called `name`.
    pub fn role(&self, name: &[u8]) -> Option<&Arc<Role>> {
        self.roles.get(name)
    }

    /// All roles by name.
    pub fn roles(&self) -> impl ExactSizeIterator<Item = &Arc<Role>> {
        self.roles.iter()
    }

    /// Puts a user in, in place of one of the same name.
    pub fn insert(&mut self, user: User) {
        self.users.insert(Arc::new(user));
    }

    /// Makes a user or changes one; nothing has changed when a rule is refused.
    pub fn set_user<'r>(
        &mut self,
        catalog: &Catalog,
        defaults: Defaults,
        name: &[u8],
        rules: impl IntoIterator<Item = &'r [u8]>,
    ) -> Result<(), RefusedRule> {
        let mut user = match self.users.get(name) {
            Some(user) => User::clone(user),
            None => User::new(name, catalog, defaults),
        };
        for rule in rules {
            let role = |name: &[u8]| self.roles.get(name).cloned();
            user.apply(rule, catalog, defaults, &role)
                .map_err(|fault| refused(rule, fault))?;
        }
        user.settle(catalog);
        self.insert(user);
        Ok(())
    }

    /// Makes a role or changes one, and with it all users who have it; nothing has changed when a rule is refused.
    pub fn set_role<'r>(
        &mut self,
        catalog: &Catalog,
        name: &[u8],
        rules: impl IntoIterator<Item = &'r [u8]>,
    ) -> Result<(), RefusedRule> {
        let mut role = match self.roles.get(name) {
            Some(role) => Role::clone(role),
            None => Role::new(name, catalog),
        };
        for rule in rules {
            role.apply(rule, catalog).map_err(|fault| refused(rule, fault))?;
        }
        let role = Arc::new(role);
        self.roles.insert(role.clone());
        let holders: Vec<Arc<User>> = self
            .users
            .iter()
            .filter(|user| user.has_role(name))
            .cloned()
            .collect();
        for user in holders {
            let mut changed = User::clone(&user);
            let held = changed.roles.iter_mut().filter(|held| *held.name == *name);
            held.for_each(|held| *held = role.clone());
            changed.settle(catalog);
            self.insert(changed);
        }
        Ok(())
    }

    /// Makes those who were there `before` the same persons again: they were read from a file anew.
    pub fn keep_persons(&mut self, before: &Users) {
        let known: Vec<(Arc<User>, u64)> = self
            .users()
            .filter_map(|user| Some((user.clone(), before.get(&user.name)?.person)))
            .filter(|(user, person)| user.person != *person)
            .collect();
        for (user, person) in known {
            let mut user = User::clone(&user);
            user.person = person;
            self.insert(user);
        }
    }

    /// Removes a user; false if there is none.
    pub fn remove_user(&mut self, name: &[u8]) -> bool {
        debug_assert!(name != DEFAULT_USER, "the default user stays");
        self.users.remove(name)
    }

    /// Names of the users who have a role.
    pub fn holders<'u>(&'u self, role: &'u [u8]) -> impl Iterator<Item = &'u [u8]> {
        let holders = self.users.iter().filter(move |user| user.has_role(role));
        holders.map(|user| &*user.name)
    }

    /// Removes a role that nobody has.
    pub fn remove_role(&mut self, name: &[u8]) -> Result<(), RoleKept> {
        if let Some(holder) = self.holders(name).next() {
            return Err(RoleKept::UsedBy(holder.into()));
        }
        self.roles.remove(name).then_some(()).ok_or(RoleKept::Unknown)
    }

    /// Everything as lines of a file, roles ahead of the users who have them.
    pub fn lines(&self, catalog: &Catalog) -> Vec<Vec<u8>> {
        let roles = self.roles.iter().map(|role| role.line(catalog));
        let users = self.users.iter().map(|user| user.line(catalog));
        roles.chain(users).collect()
    }
}

fn refused(rule: &[u8], fault: Fault) -> RefusedRule {
    RefusedRule {
        rule: rule.to_vec(),
        fault,
    }
}
