//! Whether a user may run a request: one selector has to allow the command, all of its keys and all of
//! its channels.
//!
//! Most users may do everything, which costs one branch. For the others it is known beforehand which
//! selectors allow a command, so that only patterns of keys are left to be compared.

use super::catalog::Catalog;
use super::pattern::Access;
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
    /// By command: a bit for each of the first selectors that allows it whatever its arguments. Empty where everything
    /// is allowed.
    by_command: Box<[u64]>,
}

type Keys = SmallVec<[(u32, Access); 4]>;

impl Permissions {
    /// What `selectors` allow.
    pub fn new<'s>(catalog: &Catalog, selectors: impl Iterator<Item = &'s Selector>) -> Self {
        let selectors: Box<[Selector]> = selectors.cloned().collect();
        let unrestricted = selectors.iter().any(|selector| selector.is_all(catalog));
        let indexed = &selectors[..selectors.len().min(INDEXED_SELECTORS)];
        let ids = if unrestricted { 0 } else { catalog.ids_count() };
        let by_command = (0..ids).map(|id| {
            let allow = indexed
                .iter()
                .enumerate()
                .filter(|(_, one)| one.commands.contains(id));
            allow.fold(0, |bits, (index, _)| bits | 1 << index)
        });
        Permissions {
            unrestricted,
            by_command: by_command.collect(),
            selectors,
        }
    }

    /// Whether everything is allowed.
    #[inline]
    pub fn are_unrestricted(&self) -> bool {
        self.unrestricted
    }

    /// Whether a request of a command with a single key surely may run; where this says no, [`Permissions::check`]
    /// decides.
    #[inline]
    pub fn allow_single_key(&self, command: &Command, args: &Args<'_>) -> bool {
        self.unrestricted || self.some_selector_allows(command, args)
    }

    fn some_selector_allows(&self, command: &Command, args: &Args<'_>) -> bool {
        let Some(at) = command.single_key else {
            return false;
        };
        let key = args.at(at as usize);
        let needed = access_of(single_key_flags(command.spec, args));
        let mut allow = self.by_command.get(command.id as usize).copied().unwrap_or(0);
        while allow != 0 {
            if self.selectors[allow.trailing_zeros() as usize].allows_key(key, needed) {
                return true;
            }
            allow &= allow - 1;
        }
        false
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
