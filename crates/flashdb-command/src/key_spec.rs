//! Where the keys of a command stand: Redis 7's key specifications (where to begin, how to go on,
//! what is done with the key). The dispatcher locks by them, COMMAND INFO and GETKEYS show them.

use flashdb_resp::Args;
use smallvec::SmallVec;

/// Positions of words that are keys.
pub type KeyPositions = SmallVec<[u32; 8]>;

/// Where the first key (or the number of keys) stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At this word.
    Index(u32),
    /// Behind this word, searched from a position on (negative: backwards from the end).
    Keyword(&'static str, i32),
    /// The keys cannot be described; the row's `keys_of` finds them.
    Unknown,
}

/// Which words are keys from there on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Find {
    /// From the first to `last` (relative; negative counts from the end of the request, -1 = the
    /// last word) in steps of `step`; with `limit` > 1 only the first 1/limit of the words.
    Range {
        /// Last key.
        last: i32,
        /// Distance between keys.
        step: u32,
        /// 0, or the divisor of the words behind (2 for XREAD's keys and ids).
        limit: u32,
    },
    /// A number of keys stands `number_at` words behind the beginning, the first key `first` words behind it.
    Counted {
        /// Word of the number.
        number_at: u32,
        /// First key.
        first: u32,
        /// Distance between keys.
        step: u32,
    },
    /// The keys cannot be described.
    Unknown,
}

/// What a command does with a key: Redis's key specification flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFlags(u16);

impl KeyFlags {
    /// Only read.
    pub const RO: Self = Self(1);
    /// Read and written.
    pub const RW: Self = Self(2);
    /// Overwritten without looking at the old value.
    pub const OW: Self = Self(4);
    /// Removed.
    pub const RM: Self = Self(8);
    /// Data is returned or copied.
    pub const ACCESS: Self = Self(16);
    /// Data is changed.
    pub const UPDATE: Self = Self(32);
    /// Data is added without changing what is there.
    pub const INSERT: Self = Self(64);
    /// Data is removed.
    pub const DELETE: Self = Self(128);
    /// Not a key, but routed like one (shard channels).
    pub const NOT_KEY: Self = Self(256);
    /// The specification may miss keys.
    pub const INCOMPLETE: Self = Self(512);
    /// The flags depend on the arguments.
    pub const VARIABLE: Self = Self(1024);

    /// Both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all flags of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set.
    pub const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Names as COMMAND INFO gives them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [(KeyFlags, &str); 11] = [
            (KeyFlags::RO, "RO"),
            (KeyFlags::RW, "RW"),
            (KeyFlags::OW, "OW"),
            (KeyFlags::RM, "RM"),
            (KeyFlags::ACCESS, "access"),
            (KeyFlags::UPDATE, "update"),
            (KeyFlags::INSERT, "insert"),
            (KeyFlags::DELETE, "delete"),
            (KeyFlags::NOT_KEY, "not_key"),
            (KeyFlags::INCOMPLETE, "incomplete"),
            (KeyFlags::VARIABLE, "variable_flags"),
        ];
        NAMES
            .into_iter()
            .filter(move |(flag, _)| self.has(*flag))
            .map(|(_, name)| name)
    }
}

/// One group of keys of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// Where it begins.
    pub begin: Begin,
    /// How it goes on.
    pub find: Find,
    /// What is done with the keys.
    pub flags: KeyFlags,
    /// A remark for COMMAND INFO.
    pub notes: &'static str,
}

impl KeySpec {
    /// The single key at word `index`.
    pub const fn one(index: u32, flags: KeyFlags) -> Self {
        Self::range(index, 0, 1, flags)
    }

    /// Keys from word `index` to `last` (relative, or negative from the end) every `step` words.
    pub const fn range(index: u32, last: i32, step: u32, flags: KeyFlags) -> Self {
        KeySpec {
            begin: Begin::Index(index),
            find: Find::Range { last, step, limit: 0 },
            flags,
            notes: "",
        }
    }

    /// A count of keys at word `index`, followed by the keys.
    pub const fn counted(index: u32, flags: KeyFlags) -> Self {
        KeySpec {
            begin: Begin::Index(index),
            find: Find::Counted {
                number_at: 0,
                first: 1,
                step: 1,
            },
            flags,
            notes: "",
        }
    }

    /// The key behind `keyword`, searched from word `from` on.
    pub const fn after(keyword: &'static str, from: i32, flags: KeyFlags) -> Self {
        KeySpec {
            begin: Begin::Keyword(keyword, from),
            find: Find::Range {
                last: 0,
                step: 1,
                limit: 0,
            },
            flags,
            notes: "",
        }
    }

    /// Whether the specification cannot say where its keys stand.
    pub fn is_unknown(&self) -> bool {
        self.begin == Begin::Unknown || self.find == Find::Unknown
    }

    /// Adds the positions of this group's keys. `Err` when the request does not fit the grammar
    /// (a count that is no number or too large).
    pub fn positions(&self, args: &Args<'_>, out: &mut KeyPositions) -> Result<(), InvalidKeys> {
        let Some(begin) = self.begin_at(args) else {
            return Ok(());
        };
        match self.find {
            Find::Range { last, step, limit } => {
                let words = args.len() as i64;
                let last = match (last, limit) {
                    (last, _) if last >= 0 => begin as i64 + i64::from(last),
                    (last, 0 | 1) => words + i64::from(last),
                    (last, limit) => {
                        begin as i64 + (words - begin as i64) / i64::from(limit) + i64::from(last)
                    }
                };
                let mut at = begin as i64;
                while at <= last {
                    if at >= words {
                        return Err(InvalidKeys);
                    }
                    out.push(at as u32);
                    at += i64::from(step.max(1));
                }
                Ok(())
            }
            Find::Counted {
                number_at,
                first,
                step,
            } => {
                let number = args
                    .get(begin + number_at as usize)
                    .and_then(flashdb_base::number::parse_i64);
                let Some(number) = number.filter(|n| *n >= 0) else {
                    return Err(InvalidKeys);
                };
                let first = begin + first as usize;
                if number as usize > args.len() {
                    return Err(InvalidKeys);
                }
                for key in 0..number as usize {
                    let at = first + key * step as usize;
                    if at >= args.len() {
                        return Err(InvalidKeys);
                    }
                    out.push(at as u32);
                }
                Ok(())
            }
            Find::Unknown => Ok(()),
        }
    }

    fn begin_at(&self, args: &Args<'_>) -> Option<usize> {
        match self.begin {
            Begin::Index(index) => ((index as usize) < args.len()).then_some(index as usize),
            Begin::Keyword(word, from) if from >= 0 => (from as usize..args.len().saturating_sub(1))
                .find(|&at| args.at(at).eq_ignore_ascii_case(word.as_bytes()))
                .map(|at| at + 1),
            Begin::Keyword(word, from) => {
                let last = args.len().checked_sub(from.unsigned_abs() as usize)?;
                (1..=last)
                    .rev()
                    .find(|&at| args.at(at).eq_ignore_ascii_case(word.as_bytes()))
                    .map(|at| at + 1)
            }
            Begin::Unknown => None,
        }
    }
}

/// Which words of a request name channels, for the permissions of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelSpec {
    /// The first one.
    pub first: u32,
    /// Whether all words from there on are channels, or only that one.
    pub repeated: bool,
    /// Whether they are patterns.
    pub are_patterns: bool,
}

impl ChannelSpec {
    /// The channel at word `first`.
    pub const fn one(first: u32) -> Self {
        ChannelSpec {
            first,
            repeated: false,
            are_patterns: false,
        }
    }

    /// The channels from word `first` on.
    pub const fn from(first: u32) -> Self {
        ChannelSpec {
            repeated: true,
            ..Self::one(first)
        }
    }

    /// The patterns from word `first` on.
    pub const fn patterns_from(first: u32) -> Self {
        ChannelSpec {
            are_patterns: true,
            ..Self::from(first)
        }
    }

    /// Positions of the channels in a request that fits the arity.
    pub fn positions(&self, args: &Args<'_>) -> std::ops::Range<usize> {
        let end = if self.repeated {
            args.len()
        } else {
            self.first as usize + 1
        };
        self.first as usize..end
    }
}

/// The request's keys cannot be found, because it does not fit the command's grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKeys;
