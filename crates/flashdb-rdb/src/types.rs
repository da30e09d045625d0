//! The type byte in front of every serialized value, and which versions of the format are read.

/// The type byte of a serialized value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueType(pub u8);

impl ValueType {
    pub(crate) const STRING: Self = Self(0);
    pub(crate) const LIST: Self = Self(1);
    pub(crate) const SET: Self = Self(2);
    pub(crate) const ZSET: Self = Self(3);
    pub(crate) const HASH: Self = Self(4);
    pub(crate) const ZSET_2: Self = Self(5);
    pub(crate) const MODULE_2: Self = Self(7);
    pub(crate) const HASH_ZIPMAP: Self = Self(9);
    pub(crate) const LIST_ZIPLIST: Self = Self(10);
    pub(crate) const SET_INTSET: Self = Self(11);
    pub(crate) const ZSET_ZIPLIST: Self = Self(12);
    pub(crate) const HASH_ZIPLIST: Self = Self(13);
    pub(crate) const LIST_QUICKLIST: Self = Self(14);
    pub(crate) const STREAM_LISTPACKS: Self = Self(15);
    pub(crate) const HASH_LISTPACK: Self = Self(16);
    pub(crate) const ZSET_LISTPACK: Self = Self(17);
    pub(crate) const LIST_QUICKLIST_2: Self = Self(18);
    pub(crate) const STREAM_LISTPACKS_2: Self = Self(19);
    pub(crate) const SET_LISTPACK: Self = Self(20);
    pub(crate) const STREAM_LISTPACKS_3: Self = Self(21);
    /// In RDB 12 the hash of Redis 7.4 release candidates, in RDB 80 and up Valkey's hash with expiring fields.
    pub(crate) const HASH_EXPIRY_22: Self = Self(22);
    pub(crate) const HASH_LISTPACK_EX_PRE_GA: Self = Self(23);
    pub(crate) const HASH_METADATA: Self = Self(24);
    pub(crate) const HASH_LISTPACK_EX: Self = Self(25);
    /// Redis 8.6: producers' ids for messages that are sent twice.
    pub(crate) const STREAM_LISTPACKS_4: Self = Self(26);
    /// Redis 8.8: pending entries that nobody holds.
    pub(crate) const STREAM_LISTPACKS_5: Self = Self(27);
    /// Redis 8.8, a type of its own that has no counterpart here.
    pub(crate) const ARRAY: Self = Self(28);
    pub(crate) const HASH_TEMPLATE_LISTPACK: Self = Self(30);
    pub(crate) const HASH_TEMPLATE_PLAIN: Self = Self(32);

    /// Whether the type, which Redis defined after Valkey had left, means nothing in a Valkey file.
    pub(crate) fn is_foreign_to_valkey(self) -> bool {
        self.0 > Self::HASH_EXPIRY_22.0
    }

    /// The oldest version of the format that has the type, among those that this crate writes.
    pub(crate) fn oldest_version(self) -> FileVersion {
        match self {
            ValueType(22..) => FileVersion::V12,
            Self::SET_LISTPACK | Self::STREAM_LISTPACKS_3 => FileVersion::V11,
            _ => FileVersion::V10,
        }
    }
}

/// A version of the format that can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileVersion {
    /// Redis 7.0. Of a stream's consumers, when they last got something is left out.
    V10,
    /// Redis 7.2 and all Valkey, the last that they share.
    #[default]
    V11,
    /// Redis 7.4 to 8.4: hashes may have fields that expire.
    V12,
}

impl FileVersion {
    /// The version of this number, as in a file's first bytes.
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            10 => Some(FileVersion::V10),
            11 => Some(FileVersion::V11),
            12 => Some(FileVersion::V12),
            _ => None,
        }
    }

    /// Its number.
    pub fn number(self) -> u16 {
        match self {
            FileVersion::V10 => 10,
            FileVersion::V11 => 11,
            FileVersion::V12 => 12,
        }
    }
}

/// Redis's newest known version, of Redis 8.10. Unknown types within are refused one by one.
const VERSION_REDIS_MAX: u32 = 15;
/// Valkey counts from 80 since it went its own way.
const VERSION_VALKEY_MIN: u32 = 80;
const VERSION_VALKEY_MAX: u32 = 81;

pub(crate) fn is_valkey(version: u32) -> bool {
    version >= VERSION_VALKEY_MIN
}

pub(crate) fn is_known_version(version: u32) -> bool {
    version <= VERSION_REDIS_MAX || (VERSION_VALKEY_MIN..=VERSION_VALKEY_MAX).contains(&version)
}
