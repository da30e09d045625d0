//! What is known of every setting apart from its value: names, flags, and how the typed field
//! is reached. The rows themselves are in `settings.rs`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::codec::{Codec, Invalid, Occurrence};
use crate::settings::{ROWS, Settings};

/// Properties of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// CONFIG SET refuses it.
    pub const IMMUTABLE: Self = Self(1);
    /// Read at start only; CONFIG SET accepts nothing but the present value.
    pub const AT_START: Self = Self(1 << 1);
    /// CONFIG SET needs `enable-protected-configs`.
    pub const PROTECTED: Self = Self(1 << 2);
    /// The value is a secret: keep it out of logs, MONITOR, SLOWLOG.
    pub const SENSITIVE: Self = Self(1 << 3);
    /// CONFIG GET shows it by its exact name only.
    pub const HIDDEN: Self = Self(1 << 4);
    /// Takes several words.
    pub const MULTI: Self = Self(1 << 5);
    /// CONFIG SET refuses it while data is being loaded.
    pub const DENY_LOADING: Self = Self(1 << 6);
    /// Names something outside that may change under the same name: setting the same value again
    /// counts as a change.
    pub const VOLATILE: Self = Self(1 << 7);
    /// Belongs to a capability that this version does not have; an operator who sets it is warned.
    pub const NO_EFFECT_YET: Self = Self(1 << 8);
    /// Steers something FlashDB does not have by design; accepted so that files of Redis work.
    pub const INERT: Self = Self(1 << 9);

    /// Both sets.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Reads words into the field of a row.
pub(crate) type ParseInto = fn(&[&[u8]], &mut Settings, Occurrence) -> Result<(), Invalid>;

/// One setting.
pub struct Row {
    /// As CONFIG GET spells it.
    pub name: &'static str,
    /// An older or other spelling, equal in every place.
    pub alias: Option<&'static str>,
    /// What it does, in a sentence or two.
    pub summary: &'static str,
    /// Its properties.
    pub flags: Flags,
    pub(crate) parse: ParseInto,
    pub(crate) format: fn(&Settings) -> Vec<u8>,
    pub(crate) lines: fn(&Settings) -> Vec<Vec<u8>>,
    pub(crate) equal: fn(&Settings, &Settings) -> bool,
    pub(crate) domain: fn() -> String,
}

impl Row {
    /// The value in `settings` as CONFIG GET answers it.
    pub fn value(&self, settings: &Settings) -> Vec<u8> {
        (self.format)(settings)
    }

    /// The accepted values in a few words.
    pub fn domain(&self) -> String {
        (self.domain)()
    }

    /// Whether all of `flags` are set.
    pub fn is(&self, flags: Flags) -> bool {
        self.flags.contains(flags)
    }

    /// The names, the main one first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.alias)
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The setting called `name`, in any case; aliases count.
pub fn find(name: &[u8]) -> Option<&'static Row> {
    position(name).map(|index| &ROWS[index])
}

/// Where in [`ROWS`] the setting called `name` is.
pub(crate) fn position(name: &[u8]) -> Option<usize> {
    static BY_NAME: LazyLock<HashMap<&'static [u8], usize>> = LazyLock::new(|| {
        let names = ROWS
            .iter()
            .enumerate()
            .flat_map(|(index, row)| row.names().map(move |name| (name, index)));
        names.map(|(name, index)| (name.as_bytes(), index)).collect()
    });
    BY_NAME.get(name.to_ascii_lowercase().as_slice()).copied()
}

/// Whether the value of the setting called `name` must not be shown anywhere.
pub fn is_sensitive(name: &[u8]) -> bool {
    find(name).is_some_and(|row| row.is(Flags::SENSITIVE))
}

// The four functions below tie a row's codec to the type of its field.

pub(crate) fn parse_into<C: Codec>(
    codec: &C,
    words: &[&[u8]],
    field: &mut C::Value,
    occurrence: Occurrence,
) -> Result<(), Invalid> {
    *field = codec.parse(words, field, occurrence)?;
    Ok(())
}

pub(crate) fn default_of<C: Codec>(codec: &C) -> C::Value {
    codec.default()
}

pub(crate) fn format_of<C: Codec>(codec: &C, field: &C::Value) -> Vec<u8> {
    codec.format(field)
}

pub(crate) fn lines_of<C: Codec>(codec: &C, field: &C::Value) -> Vec<Vec<u8>> {
    codec.lines(field)
}
