//! Whether a user may run a request: one selector has to allow the command, all of its keys and all of
//! its channels.
//!
//! Most users may do everything, which costs one branch. For the others it is known beforehand which
//! patterns of keys a command is allowed on, so that only those are left to be compared.

use super::catalog::Catalog;
use super::pattern::{Access, Pattern};
use super::selector::Selector;
use super::user::User;
use flashdb_command::key_spec::KeyFlags;
use flashdb_command::registry::Command;
use flashdb_command::{CommandSpec, Flags};
use flashdb_resp::Args;
use smallvec::SmallVec;

/// What a user lacks, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// The command.
    Command,
    /// A key.
    Key,
    /// A channel.
    Channel,
}

/// A request that the user may not run. Where several selectors refuse it for different reasons, the
/// reason of the one that got furthest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denied {
    /// What is lacking.
    pub lack: Lack,
    /// Word of the request that is the key or channel.
    at: usize,
}

impl Denied {
    /// The name of the command, key or channel.
    pub fn object(&self, command: &Command, args: &Args<'_>) -> Vec<u8> {
        match self.lack {
            Lack::Command => command.spec.full_name().into_bytes(),
            Lack::Key | Lack::Channel => args.get(self.at).unwrap_or_default().to_vec(),
        }
    }
}

/// Selectors beyond these are left to the full check.
const INDEXED_SELECTORS: usize = 64;

/// All that a user may do, by own rules and by roles.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    /// Everything is allowed.
    unrestricted: bool,
    selectors: Box<[Selector]>,
    /// By command. Empty where everything is allowed.
    by_command: Box<[ByCommand]>,
    /// For each set of selectors that allow the same commands, by [`Access::index`]: the keys they allow that on.
    allowed_keys: Box<[[AllowedKeys; Access::COUNT]]>,
}

/// Where the keys of a command are looked up, if it has a single one.
#[derive(Clone, Copy, Debug)]
struct ByCommand {
    /// Index into `allowed_keys`.
    selectors: u16,
    /// What it does with its key; `None` if that depends on the request.
    needed: Option<Access>,
}

/// Keys that some selectors allow an access to.
#[derive(Clone, Debug, Default)]
struct AllowedKeys {
    all: bool,
    patterns: Box<[Pattern]>,
}

type Keys = SmallVec<[(u32, Access); 4]>;

impl Permissions {
    /// What `selectors` allow to the commands of `catalog`.
    pub fn new<'s>(catalog: &Catalog, selectors: impl Iterator<Item = &'s Selector>) -> Self {
        let selectors: Box<[Selector]> = selectors.cloned().collect();
        let unrestricted = selectors.iter().any(|selector| selector.is_all(catalog));
        let mut permissions = Permissions {
            unrestricted,
            selectors,
            ..Self::default()
        };
        if !unrestricted {
            permissions.index(catalog);
        }
        permissions
    }

    fn index(&mut self, catalog: &Catalog) {
        let indexed = &self.selectors[..self.selectors.len().min(INDEXED_SELECTORS)];
        let mut sets: Vec<Vec<&Selector>> = Vec::new();
        let mut by_command = Vec::with_capacity(catalog.ids_count() as usize);
        for id in 0..catalog.ids_count() {
            let allow: Vec<&Selector> = indexed.iter().filter(|one| one.commands.contains(id)).collect();
            let same = |set: &Vec<&Selector>| {
                set.len() == allow.len() && set.iter().zip(&allow).all(|(a, b)| std::ptr::eq(*a, *b))
            };
            let known = sets.iter().position(same).unwrap_or_else(|| {
                sets.push(allow);
                sets.len() - 1
            });
            by_command.push(ByCommand {
                selectors: known as u16,
                needed: catalog.single_key_flags(id).map(access_of),
            });
        }
        let allowed = sets
            .iter()
            .map(|set| Access::ALL.map(|needed| AllowedKeys::of(set, needed)));
        self.allowed_keys = allowed.collect();
        self.by_command = by_command.into();
    }

    /// Whether everything is allowed.
    #[inline]
    pub fn are_unrestricted(&self) -> bool {
        self.unrestricted
    }

    /// Whether a request of a command whose single key is `key` surely may run; where this says no,
    /// [`Permissions::check`] decides.
    #[inline]
    pub fn allow_single_key(&self, command: &Command, args: &Args<'_>, key: &[u8]) -> bool {
        self.unrestricted || self.some_selector_allows(command, args, key)
    }

    fn some_selector_allows(&self, command: &Command, args: &Args<'_>, key: &[u8]) -> bool {
        let Some(known) = self.by_command.get(command.id as usize) else {
            return false;
        };
        let needed = known
            .needed
            .unwrap_or_else(|| access_of(single_key_flags(command.spec, args)));
        let allowed = &self.allowed_keys[usize::from(known.selectors)][needed.index()];
        allowed.all || allowed.patterns.iter().any(|pattern| pattern.matches(key))
    }

    /// Whether there are requests of the command that may run. O(selectors).
    pub fn allow_command(&self, command: &Command) -> bool {
        let allows = |selector: &Selector| selector.commands.contains(command.id);
        self.unrestricted || self.selectors.iter().any(allows)
    }

    /// Whether something that the user may run may read this key.
    pub fn read_key(&self, key: &[u8]) -> bool {
        let reads = |selector: &Selector| selector.allows_key(key, Access::READ);
        self.unrestricted || self.selectors.iter().any(reads)
    }

    /// Whether the command may read whatever key begins with `prefix`. O(selectors times patterns).
    pub fn read_all_below(&self, command: &Command, prefix: &[u8]) -> bool {
        self.unrestricted
            || self
                .selectors_of(command)
                .any(|selector| selector.reads_all_below(prefix))
    }

    /// Whether there may be keys beginning with `prefix`, some of whose own prefixes the command may read all of.
    pub fn read_some_below(&self, command: &Command, prefix: &[u8]) -> bool {
        self.unrestricted
            || self
                .selectors_of(command)
                .any(|selector| selector.reads_some_below(prefix))
    }

    fn selectors_of(&self, command: &Command) -> impl Iterator<Item = &Selector> {
        let id = command.id;
        self.selectors
            .iter()
            .filter(move |selector| selector.commands.contains(id))
    }

    /// Whether the request may run. O(selectors times patterns times keys).
    ///
    /// # Errors
    /// What is lacking.
    #[inline]
    pub fn check(&self, command: &Command, args: &Args<'_>) -> Result<(), Denied> {
        if self.unrestricted {
            return Ok(());
        }
        self.check_selectors(command, args)
    }

    fn check_selectors(&self, command: &Command, args: &Args<'_>) -> Result<(), Denied> {
        let keys = keys_of(command.spec, args);
        let mut nearest: Option<Denied> = None;
        for selector in &self.selectors {
            match check_selector(selector, command, args, &keys) {
                Ok(()) => return Ok(()),
                Err(denied) => nearest = nearest.max(Some(denied)),
            }
        }
        Err(nearest.unwrap_or(Denied {
            lack: Lack::Command,
            at: 0,
        }))
    }

    /// Whether the request may run and read keys that it does not name.
    pub fn allow_reading_any_key(&self, command: &Command, args: &Args<'_>) -> bool {
        let keys = keys_of(command.spec, args);
        let allows = |selector: &Selector| {
            selector.reads_all_keys() && check_selector(selector, command, args, &keys).is_ok()
        };
        self.unrestricted || self.selectors.iter().any(allows)
    }

    /// Whether a subscription may go on.
    pub fn allow_listening(&self, name: &[u8], is_pattern: bool) -> bool {
        self.unrestricted
            || self
                .selectors
                .iter()
                .any(|selector| selector.allows_channel(name, is_pattern))
    }

    /// Whether every subscription that `before` allowed may go on, as far as can be told from the rules.
    pub fn keep_channels_of(&self, before: &Permissions) -> bool {
        let allows_all = self.selectors.iter().any(|selector| selector.all_channels);
        let mut patterns = before.selectors.iter().flat_map(|selector| &selector.channels);
        let was_all = before.selectors.iter().any(|selector| selector.all_channels);
        allows_all || (!was_all && patterns.all(|pattern| self.allow_listening(pattern.text(), true)))
    }
}

impl AllowedKeys {
    fn of(selectors: &[&Selector], needed: Access) -> Self {
        let patterns = selectors.iter().flat_map(|selector| &selector.keys);
        AllowedKeys {
            all: selectors.iter().any(|selector| selector.all_keys),
            patterns: patterns
                .filter(|known| known.access.covers(needed))
                .map(|known| known.pattern.clone())
                .collect(),
        }
    }
}

/// Whether `user` may run the request.
///
/// # Errors
/// What the user lacks.
#[inline]
pub fn check(user: &User, command: &Command, args: &Args<'_>) -> Result<(), Denied> {
    user.permissions.check(command, args)
}

fn check_selector(
    selector: &Selector,
    command: &Command,
    args: &Args<'_>,
    keys: &Keys,
) -> Result<(), Denied> {
    // Whoever is connected may log in as somebody else, and leave.
    let anybody = command.spec.flags.has(Flags::NO_AUTH);
    let deny = |lack, at| Err(Denied { lack, at });
    if !anybody && !selector.commands.allows(command.id, args) {
        return deny(Lack::Command, 0);
    }
    for &(at, needed) in keys {
        if !selector.allows_key(args.at(at as usize), needed) {
            return deny(Lack::Key, at as usize);
        }
    }
    let Some(channels) = command.spec.channels else {
        return Ok(());
    };
    for at in channels.positions(args) {
        if !selector.allows_channel(args.at(at), channels.are_patterns) {
            return deny(Lack::Channel, at);
        }
    }
    Ok(())
}

/// The keys of a request. One whose keys cannot be found is refused by its handler before it touches any.
fn keys_of(spec: &CommandSpec, args: &Args<'_>) -> Keys {
    let keys = spec.keys_with_flags(args).unwrap_or_default();
    keys.into_iter()
        .map(|(at, flags)| (at, access_of(flags)))
        .collect()
}

#[inline]
fn single_key_flags(spec: &CommandSpec, args: &Args<'_>) -> KeyFlags {
    match spec.key_flags_of {
        Some(flags_of) => flags_of(args),
        None => spec.keys.first().map_or(KeyFlags::RW, |keys| keys.flags),
    }
}

#[inline]
fn access_of(flags: KeyFlags) -> Access {
    const CHANGES: KeyFlags = KeyFlags::UPDATE.and(KeyFlags::INSERT).and(KeyFlags::DELETE);
    let read = if flags.has(KeyFlags::ACCESS) {
        Access::READ
    } else {
        Access::NONE
    };
    let write = if flags.has_any(CHANGES) {
        Access::WRITE
    } else {
        Access::NONE
    };
    read.and(write)
}
