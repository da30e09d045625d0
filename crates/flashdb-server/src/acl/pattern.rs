//! Patterns of keys and channels in rules. Most are a prefix with a star behind it, or a plain name;
//! those are told apart once, so that a check is a comparison of bytes instead of a walk of the glob: of
//! eight bytes at a time, and most prefixes are not longer.

use flashdb_base::glob;

/// A glob over names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<[u8]>,
    /// The first bytes of a prefix, and which of the eight are given.
    head: u64,
    head_mask: u64,
    shape: Shape,
}

/// Bytes compared at once.
const HEAD_BYTES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Matches only itself.
    Name,
    /// Everything that begins with the text before the star at the end.
    Prefix,
    /// All else.
    Glob,
}

impl Pattern {
    /// A pattern in Redis's glob syntax.
    pub fn new(text: &[u8]) -> Self {
        let shape = match text {
            text if glob::is_literal(text) => Shape::Name,
            [prefix @ .., b'*'] if glob::is_literal(prefix) => Shape::Prefix,
            _ => Shape::Glob,
        };
        let (mut head, mut head_mask) = ([0; HEAD_BYTES], [0; HEAD_BYTES]);
        if shape == Shape::Prefix {
            let given = (text.len() - 1).min(HEAD_BYTES);
            head[..given].copy_from_slice(&text[..given]);
            head_mask[..given].fill(u8::MAX);
        }
        Pattern {
            text: text.into(),
            head: u64::from_ne_bytes(head),
            head_mask: u64::from_ne_bytes(head_mask),
            shape,
        }
    }

    #[inline]
    fn is_prefix_of(&self, name: &[u8]) -> bool {
        let prefix = &self.text[..self.text.len() - 1];
        match name.first_chunk::<HEAD_BYTES>() {
            None => name.starts_with(prefix),
            Some(first) => {
                (u64::from_ne_bytes(*first) ^ self.head) & self.head_mask == 0
                    && (prefix.len() <= HEAD_BYTES || name.starts_with(prefix))
            }
        }
    }

    /// The text before the star, where the pattern is that and nothing else.
    fn head(&self) -> Option<&[u8]> {
        (self.shape == Shape::Prefix).then(|| &self.text[..self.text.len() - 1])
    }

    /// Whether it is known to match all names that begin with `prefix`.
    pub fn covers_below(&self, prefix: &[u8]) -> bool {
        self.head().is_some_and(|head| prefix.starts_with(head))
    }

    /// Whether it is known to match all names that begin with something longer than `prefix`, or with that.
    pub fn leads_through(&self, prefix: &[u8]) -> bool {
        self.head()
            .is_some_and(|head| head.starts_with(prefix) || prefix.starts_with(head))
    }

    /// As it was given.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether it matches `name`. O(length) but for globs with stars inside.
    #[inline]
    pub fn matches(&self, name: &[u8]) -> bool {
        match self.shape {
            Shape::Prefix => self.is_prefix_of(name),
            Shape::Name => *self.text == *name,
            Shape::Glob => glob::matches(&self.text, name),
        }
    }
}

/// What is done with a key, or may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// Neither: the key is only looked at (TYPE, EXISTS).
    pub const NONE: Self = Self(0);
    /// Its data is read.
    pub const READ: Self = Self(1);
    /// Its data is changed.
    pub const WRITE: Self = Self(2);
    /// Both.
    pub const BOTH: Self = Self(3);

    /// The sum of both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// A number below [`Access::COUNT`].
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// How many there are.
    pub const COUNT: usize = 4;

    /// Those of an index.
    pub const ALL: [Self; Self::COUNT] = [Self::NONE, Self::READ, Self::WRITE, Self::BOTH];

    /// Whether all of `other` is part of it.
    #[inline]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A pattern of keys with what may be done with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    /// Which keys.
    pub pattern: Pattern,
    /// What may be done.
    pub access: Access,
}

impl KeyPattern {
    /// Whether it allows `needed` on `key`.
    #[inline]
    pub fn allows(&self, key: &[u8], needed: Access) -> bool {
        self.access.covers(needed) && self.pattern.matches(key)
    }

    /// Appends the rule: `~x`, `%R~x` or `%W~x`.
    pub fn describe(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self.access {
            Access::READ => b"%R~",
            Access::WRITE => b"%W~",
            _ => b"~",
        });
        out.extend_from_slice(self.pattern.text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    #[test]
    fn shapes_match_as_the_glob_does() {
        let mut random = Prng::from_seed(7);
        let letters = b"ab*?[]\\^-";
        let word = |random: &mut Prng, letters: &[u8]| -> Vec<u8> {
            (0..random.below(6))
                .map(|_| letters[random.below(letters.len() as u64) as usize])
                .collect()
        };
        for _ in 0..20_000 {
            let (pattern, name) = (word(&mut random, letters), word(&mut random, b"ab*"));
            assert_eq!(
                Pattern::new(&pattern).matches(&name),
                glob::matches(&pattern, &name),
                "{pattern:?} {name:?}"
            );
        }
    }

    #[test]
    fn what_a_pattern_covers_below_a_prefix() {
        let all = |pattern: &[u8], prefix: &[u8]| Pattern::new(pattern).covers_below(prefix);
        let some = |pattern: &[u8], prefix: &[u8]| Pattern::new(pattern).leads_through(prefix);
        assert!(all(b"*", b"") && all(b"a:*", b"a:") && all(b"a:*", b"a:b:"));
        assert!(!all(b"a:*", b"") && !all(b"a:*", b"a") && !all(b"a:*", b"b:"));
        assert!(!all(b"a:", b"a:") && !all(b"*a", b"ba") && !all(b"a:?*", b"a:"));
        assert!(some(b"a:b:*", b"") && some(b"a:b:*", b"a:") && some(b"a:b:*", b"a:b:c:"));
        assert!(!some(b"a:b:*", b"a:c:") && !some(b"a:b", b"a:"));
    }

    #[test]
    fn prefixes_of_every_length() {
        let text = b"abcdefghijklmnopqrst";
        for given in 0..text.len() {
            let pattern = Pattern::new(&[&text[..given], b"*"].concat());
            for len in 0..=text.len() {
                assert_eq!(pattern.matches(&text[..len]), len >= given, "{given} {len}");
            }
            for wrong in 0..text.len() {
                let mut name = *text;
                name[wrong] = b'X';
                assert_eq!(pattern.matches(&name), wrong >= given, "{given} {wrong}");
            }
        }
    }
}
