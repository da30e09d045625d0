//! The classes of key-space events, as `notify-keyspace-events` spells them, one letter each.
//!
//! A shared word between the configuration (which classes are published, and on which of the two
//! channel families) and the code that raises events (which class an event belongs to).

use std::fmt;

/// A set of event classes, with the two bits that choose the channel families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct NotifyFlags(u16);

impl NotifyFlags {
    /// Nothing: notifications are off.
    pub const NONE: Self = Self(0);
    /// `K`: publish on `__keyspace@<db>__:<key>`.
    pub const KEYSPACE: Self = Self(1);
    /// `E`: publish on `__keyevent@<db>__:<event>`.
    pub const KEYEVENT: Self = Self(1 << 1);
    /// `g`: commands of no particular type, like DEL, EXPIRE, RENAME.
    pub const GENERIC: Self = Self(1 << 2);
    /// `$`: string commands.
    pub const STRING: Self = Self(1 << 3);
    /// `l`: list commands.
    pub const LIST: Self = Self(1 << 4);
    /// `s`: set commands.
    pub const SET: Self = Self(1 << 5);
    /// `h`: hash commands.
    pub const HASH: Self = Self(1 << 6);
    /// `z`: sorted set commands.
    pub const ZSET: Self = Self(1 << 7);
    /// `x`: a key expired.
    pub const EXPIRED: Self = Self(1 << 8);
    /// `e`: a key was evicted for `maxmemory`.
    pub const EVICTED: Self = Self(1 << 9);
    /// `t`: stream commands.
    pub const STREAM: Self = Self(1 << 10);
    /// `d`: events of extension types.
    pub const MODULE: Self = Self(1 << 11);
    /// `m`: a key was looked up and missing; not part of `A`.
    pub const KEY_MISS: Self = Self(1 << 12);
    /// `n`: a key was created; not part of `A`.
    pub const NEW: Self = Self(1 << 13);
    /// `A`: every class but [`KEY_MISS`](Self::KEY_MISS) and [`NEW`](Self::NEW).
    pub const ALL: Self = Self(0x0ffc);

    /// Reads the letters in any order, repeats allowed; `None` when a byte is not a letter of the table.
    pub fn parse(letters: &[u8]) -> Option<Self> {
        letters.iter().try_fold(Self::NONE, |flags, &byte| {
            Some(flags.union(Self::of_letter(byte)?))
        })
    }

    /// Both sets together.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no bit is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The bits, for keeping the flags in an atomic.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The flags with these [`bits`](Self::bits).
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    fn of_letter(byte: u8) -> Option<Self> {
        if byte == b'A' {
            return Some(Self::ALL);
        }
        LETTERS
            .iter()
            .find(|(letter, _)| *letter == byte)
            .map(|(_, flag)| *flag)
    }
}

/// Letters in the order CONFIG GET writes them.
const LETTERS: [(u8, NotifyFlags); 14] = [
    (b'g', NotifyFlags::GENERIC),
    (b'$', NotifyFlags::STRING),
    (b'l', NotifyFlags::LIST),
    (b's', NotifyFlags::SET),
    (b'h', NotifyFlags::HASH),
    (b'z', NotifyFlags::ZSET),
    (b'x', NotifyFlags::EXPIRED),
    (b'e', NotifyFlags::EVICTED),
    (b't', NotifyFlags::STREAM),
    (b'd', NotifyFlags::MODULE),
    (b'n', NotifyFlags::NEW),
    (b'K', NotifyFlags::KEYSPACE),
    (b'E', NotifyFlags::KEYEVENT),
    (b'm', NotifyFlags::KEY_MISS),
];

impl fmt::Display for NotifyFlags {
    /// The shortest spelling, in the order CONFIG GET of Redis 7.0 answers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.contains(Self::ALL);
        if all {
            f.write_str("A")?;
        }
        for (letter, flag) in LETTERS {
            let covered = all && Self::ALL.contains(flag);
            if self.contains(flag) && !covered {
                write!(f, "{}", char::from(letter))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_round_trip() {
        for (letters, shown) in [
            (&b""[..], ""),
            (b"KEA", "AKE"),
            (b"AK", "AK"),
            (b"AE", "AE"),
            (b"Em", "Em"),
            (b"lK", "lK"),
            (b"g$lshzxet", "g$lshzxet"),
            (b"g$lshzxetd", "A"),
            (b"EKmng", "gnKEm"),
        ] {
            let flags = NotifyFlags::parse(letters).expect("valid letters");
            assert_eq!(flags.to_string(), shown);
            assert_eq!(NotifyFlags::parse(shown.as_bytes()), Some(flags));
            assert_eq!(NotifyFlags::from_bits(flags.bits()), flags);
        }
        assert_eq!(NotifyFlags::parse(b"Kq"), None);
    }
}
