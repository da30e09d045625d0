//! The first line of a script: `#!lua name=NAME flags=no-writes,allow-oom`. A script without one behaves as scripts did
//! before flags were known: what it may do is decided command by command.

/// What a script says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScriptFlags(u8);

impl ScriptFlags {
    /// It writes nothing.
    pub const NO_WRITES: Self = Self(1);
    /// It may run although memory is short.
    pub const ALLOW_OOM: Self = Self(2);
    /// It may run on a replica that lost its master.
    pub const ALLOW_STALE: Self = Self(4);
    /// It cannot run in a cluster.
    pub const NO_CLUSTER: Self = Self(8);
    /// Its keys may be of several slots.
    pub const ALLOW_CROSS_SLOT_KEYS: Self = Self(16);

    /// All flags with their names, in the order in which Redis lists them.
    pub const NAMES: [(Self, &'static str); 5] = [
        (Self::NO_WRITES, "no-writes"),
        (Self::ALLOW_OOM, "allow-oom"),
        (Self::ALLOW_STALE, "allow-stale"),
        (Self::NO_CLUSTER, "no-cluster"),
        (Self::ALLOW_CROSS_SLOT_KEYS, "allow-cross-slot-keys"),
    ];

    /// The flag called `name`.
    pub fn named(name: &[u8]) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(_, known)| known.as_bytes() == name);
        found.map(|(flag, _)| *flag)
    }

    /// Both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A first line that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shebang<'a> {
    /// The language.
    pub engine: &'a [u8],
    /// The name of a library.
    pub name: Option<&'a [u8]>,
    /// Flags; `None` when the line names none.
    pub flags: Option<ScriptFlags>,
    /// The first option that is none of these.
    pub unknown: Option<&'a [u8]>,
    /// What follows the line, beginning with its end, so that lines keep their numbers.
    pub code: &'a [u8],
}

/// Why a first line is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShebangError {
    /// It has no end.
    Endless,
    /// A flag that does not exist.
    UnknownFlag(Vec<u8>),
}

impl<'a> Shebang<'a> {
    /// Reads the first line of `text`; `None` when it is no shebang.
    ///
    /// # Errors
    /// When the line does not end, or names a flag that does not exist.
    pub fn parse(text: &'a [u8]) -> Result<Option<Self>, ShebangError> {
        let Some(rest) = text.strip_prefix(b"#!") else {
            return Ok(None);
        };
        let end = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or(ShebangError::Endless)?;
        let (line, code) = rest.split_at(end);
        let mut words = line
            .split(|byte| byte.is_ascii_whitespace())
            .filter(|word| !word.is_empty());
        let mut shebang = Shebang {
            engine: words.next().unwrap_or_default(),
            name: None,
            flags: None,
            unknown: None,
            code,
        };
        for word in words {
            if let Some(name) = word.strip_prefix(b"name=") {
                shebang.name = Some(name);
            } else if let Some(names) = word.strip_prefix(b"flags=") {
                shebang.flags = Some(flags(names)?);
            } else if shebang.unknown.is_none() {
                shebang.unknown = Some(word);
            }
        }
        Ok(Some(shebang))
    }
}

fn flags(names: &[u8]) -> Result<ScriptFlags, ShebangError> {
    let mut flags = ScriptFlags::default();
    for name in names.split(|&byte| byte == b',').filter(|name| !name.is_empty()) {
        let flag = ScriptFlags::named(name).ok_or_else(|| ShebangError::UnknownFlag(name.into()))?;
        flags = flags.and(flag);
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_everything() {
        let shebang = Shebang::parse(b"#!lua name=lib flags=no-writes,allow-oom\nreturn 1")
            .expect("fits")
            .expect("is one");
        assert_eq!(shebang.engine, b"lua");
        assert_eq!(shebang.name, Some(b"lib".as_slice()));
        let flags = shebang.flags.expect("given");
        assert!(flags.has(ScriptFlags::NO_WRITES.and(ScriptFlags::ALLOW_OOM)));
        assert!(!flags.has(ScriptFlags::ALLOW_STALE));
        assert_eq!(shebang.code, b"\nreturn 1");
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(Shebang::parse(b"return 1"), Ok(None));
        assert_eq!(Shebang::parse(b"#!lua"), Err(ShebangError::Endless));
        assert_eq!(
            Shebang::parse(b"#!lua flags=x\n"),
            Err(ShebangError::UnknownFlag(b"x".to_vec()))
        );
        let odd = Shebang::parse(b"#!lua badger=data\n")
            .expect("fits")
            .expect("is one");
        assert_eq!(odd.unknown, Some(b"badger=data".as_slice()));
    }
}
