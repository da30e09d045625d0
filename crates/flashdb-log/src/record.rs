//! Records and frames, to the byte (`docs/formats/wal.md`). All numbers are little-endian.
//!
//! ```text
//! frame:  crc32c u32 | lsn u64 | body                     crc32c is over body, then lsn
//! body:   kind u8 | flags u8 | key_len u8 | value_len u8 | [db u16] | [expire_at_ms i64] | key | value
//! ```
//!
//! Flags say which of the parts in brackets are there, and whether the lengths take four bytes each: a short SET has a
//! header of 16 bytes, and every byte is copied and summed three times on its way to the disk.
//!
//! A frame is replayed whole or not at all. One with several effects is of kind `Group`; its value is their bodies, one
//! behind the other. The value of `Set` and `SetWithTtl` is the string; that of other kinds the request's words behind name
//! and key, each with its length before it; that of `Command` all words, the key left empty.

use crate::Lsn;
use crate::checksum;
use std::fmt;

/// Checksum and LSN.
pub const FRAME_PREFIX: usize = 12;
/// Shortest body: kind, flags, two lengths of one byte.
const BODY_MIN: usize = 4;
/// Shortest frame.
pub const FRAME_MIN: usize = FRAME_PREFIX + BODY_MIN;
/// Most before the key: prefix, kind, flags, two lengths of four bytes, database, expiry.
const HEADER_MAX: usize = FRAME_PREFIX + 2 + 8 + 2 + 8;
/// In place of a word's length: four bytes with it follow.
const LONG_WORD: u8 = 0xFF;

/// The effect expires the key: `expire_at_ms` counts.
pub const HAS_EXPIRY: u8 = 1;
/// The name of the command was written in small letters. Followers get it as it was.
pub const LOWER_CASE: u8 = 2;
/// Removal of a key or field whose time had come, or for memory; no client asked for it.
pub const REMOVAL: u8 = 4;
/// The group goes on in the next frame; it counts only with its last frame.
pub const CONTINUES: u8 = 8;
/// Both lengths take four bytes. About the layout only, and not told by [`Record`].
const WIDE: u8 = 16;
/// The database is given; else it is 0. As [`WIDE`].
const HAS_DB: u8 = 32;
const LAYOUT: u8 = WIDE | HAS_DB;
const FLAGS_KNOWN: u8 = HAS_EXPIRY | LOWER_CASE | REMOVAL | CONTINUES | LAYOUT;

macro_rules! kinds {
    ($($(#[$meta:meta])* $name:ident = $code:literal $(, $word:literal)?;)*) => {
        /// What a record does. Codes up to 0x41 are those of PER-05..10; new ones are only ever added.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Kind { $($(#[$meta])* $name = $code,)* }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Kind] = &[$(Kind::$name,)*];

            /// The kind with this code.
            pub fn of_code(code: u8) -> Option<Kind> {
                match code { $($code => Some(Kind::$name),)* _ => None }
            }

            /// The command that the record stands for; `None` for those that are not one.
            pub fn name(self) -> Option<&'static str> {
                match self { $(Kind::$name => kinds!(@word $($word)?),)* }
            }
        }
    };
    (@word $word:literal) => { Some($word) };
    (@word) => { None };
}

kinds! {
    /// SET key value.
    Set = 0x01, "SET";
    /// DEL key.
    Delete = 0x02, "DEL";
    /// SET key value PXAT ms.
    SetWithTtl = 0x03, "SET";
    /// PEXPIREAT key ms.
    Expire = 0x04, "PEXPIREAT";
    /// PERSIST key.
    Persist = 0x05, "PERSIST";
    /// ZADD key, words.
    ZAdd = 0x10, "ZADD";
    /// ZREM key, words.
    ZRem = 0x11, "ZREM";
    /// ZINCRBY key, words.
    ZIncrBy = 0x12, "ZINCRBY";
    /// ZREMRANGEBYRANK key, words.
    ZRemRangeByRank = 0x13, "ZREMRANGEBYRANK";
    /// ZREMRANGEBYSCORE key, words.
    ZRemRangeByScore = 0x14, "ZREMRANGEBYSCORE";
    /// HSET key, words.
    HSet = 0x20, "HSET";
    /// HDEL key, words.
    HDel = 0x21, "HDEL";
    /// HINCRBY key, words.
    HIncrBy = 0x22, "HINCRBY";
    /// LPUSH key, words.
    LPush = 0x30, "LPUSH";
    /// RPUSH key, words.
    RPush = 0x31, "RPUSH";
    /// LPOP key, words.
    LPop = 0x32, "LPOP";
    /// RPOP key, words.
    RPop = 0x33, "RPOP";
    /// SADD key, words.
    SAdd = 0x40, "SADD";
    /// SREM key, words.
    SRem = 0x41, "SREM";
    /// INCR key.
    Incr = 0x50, "INCR";
    /// INCRBY key, words.
    IncrBy = 0x51, "INCRBY";
    /// APPEND key, words.
    Append = 0x52, "APPEND";
    /// XADD key, words; the id is decided.
    XAdd = 0x58, "XADD";
    /// Any other command, all its words in the value.
    Command = 0x70;
    /// Several effects as one.
    Group = 0x71;
    /// What was durable when, for those who look at damage; takes no LSN of its own. See `docs/formats/wal.md`.
    Durable = 0x7D;
    /// First record of every segment: see `docs/formats/wal.md`.
    SegmentStart = 0x7E;
}

impl Kind {
    /// The kind under which a request with this name is logged, and whether the name is in small letters. Names in letters
    /// of both sizes are logged as they are. Written out, since comparing without regard to size costs more than the rest
    /// of the encoding.
    #[inline]
    fn of_name(name: &[u8]) -> Option<(Kind, u8)> {
        let kind = match name {
            b"SET" => Kind::Set,
            b"set" => return Some((Kind::Set, LOWER_CASE)),
            b"DEL" => Kind::Delete,
            b"del" => return Some((Kind::Delete, LOWER_CASE)),
            b"PEXPIREAT" => Kind::Expire,
            b"pexpireat" => return Some((Kind::Expire, LOWER_CASE)),
            b"PERSIST" => Kind::Persist,
            b"persist" => return Some((Kind::Persist, LOWER_CASE)),
            b"ZADD" => Kind::ZAdd,
            b"zadd" => return Some((Kind::ZAdd, LOWER_CASE)),
            b"ZREM" => Kind::ZRem,
            b"zrem" => return Some((Kind::ZRem, LOWER_CASE)),
            b"ZINCRBY" => Kind::ZIncrBy,
            b"zincrby" => return Some((Kind::ZIncrBy, LOWER_CASE)),
            b"ZREMRANGEBYRANK" => Kind::ZRemRangeByRank,
            b"zremrangebyrank" => return Some((Kind::ZRemRangeByRank, LOWER_CASE)),
            b"ZREMRANGEBYSCORE" => Kind::ZRemRangeByScore,
            b"zremrangebyscore" => return Some((Kind::ZRemRangeByScore, LOWER_CASE)),
            b"HSET" => Kind::HSet,
            b"hset" => return Some((Kind::HSet, LOWER_CASE)),
            b"HDEL" => Kind::HDel,
            b"hdel" => return Some((Kind::HDel, LOWER_CASE)),
            b"HINCRBY" => Kind::HIncrBy,
            b"hincrby" => return Some((Kind::HIncrBy, LOWER_CASE)),
            b"LPUSH" => Kind::LPush,
            b"lpush" => return Some((Kind::LPush, LOWER_CASE)),
            b"RPUSH" => Kind::RPush,
            b"rpush" => return Some((Kind::RPush, LOWER_CASE)),
            b"LPOP" => Kind::LPop,
            b"lpop" => return Some((Kind::LPop, LOWER_CASE)),
            b"RPOP" => Kind::RPop,
            b"rpop" => return Some((Kind::RPop, LOWER_CASE)),
            b"SADD" => Kind::SAdd,
            b"sadd" => return Some((Kind::SAdd, LOWER_CASE)),
            b"SREM" => Kind::SRem,
            b"srem" => return Some((Kind::SRem, LOWER_CASE)),
            b"INCR" => Kind::Incr,
            b"incr" => return Some((Kind::Incr, LOWER_CASE)),
            b"INCRBY" => Kind::IncrBy,
            b"incrby" => return Some((Kind::IncrBy, LOWER_CASE)),
            b"APPEND" => Kind::Append,
            b"append" => return Some((Kind::Append, LOWER_CASE)),
            b"XADD" => Kind::XAdd,
            b"xadd" => return Some((Kind::XAdd, LOWER_CASE)),
            _ => return None,
        };
        Some((kind, 0))
    }

    /// Whether it is about the log itself and replayed by nobody.
    pub fn is_internal(self) -> bool {
        matches!(self, Kind::SegmentStart | Kind::Durable)
    }

    /// Whether the value is one string as it is.
    pub fn has_plain_value(self) -> bool {
        matches!(self, Kind::Set | Kind::SetWithTtl)
    }
}

/// How a request is put into a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub kind: Kind,
    pub flags: u8,
    pub expire_at_ms: i64,
}

impl Plan {
    /// The plan for a request; `at` gives its words, of which there are `len`.
    #[inline]
    pub fn of<'w>(len: usize, at: impl Fn(usize) -> &'w [u8]) -> Plan {
        let general = Plan {
            kind: Kind::Command,
            flags: 0,
            expire_at_ms: 0,
        };
        if len < 2 {
            return general;
        }
        let Some((kind, flags)) = Kind::of_name(at(0)) else {
            return general;
        };
        let plain = |kind| Plan {
            kind,
            flags,
            expire_at_ms: 0,
        };
        let expiring = |kind, text: &[u8]| match flashdb_base::number::parse_i64(text) {
            Some(expire_at_ms) => Plan {
                kind,
                flags: flags | HAS_EXPIRY,
                expire_at_ms,
            },
            None => general,
        };
        match (kind, len) {
            (Kind::Set, 3) | (Kind::Delete | Kind::Persist | Kind::Incr, 2) => plain(kind),
            (Kind::Set, 5) if at(3) == b"PXAT" => expiring(Kind::SetWithTtl, at(4)),
            (Kind::Expire, 3) => expiring(kind, at(2)),
            (Kind::Set | Kind::Delete | Kind::Persist | Kind::Incr | Kind::Expire, _) => general,
            _ => plain(kind),
        }
    }

    /// Words that go into the value.
    pub fn value_words(self, len: usize) -> std::ops::Range<usize> {
        match self.kind {
            Kind::Command => 0..len,
            Kind::Set | Kind::SetWithTtl => 2..3,
            Kind::Delete | Kind::Persist | Kind::Incr | Kind::Expire => 0..0,
            _ => 2..len,
        }
    }
}

/// What stands before key and value of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub kind: Kind,
    pub flags: u8,
    pub db: u16,
    pub key_len: usize,
    pub value_len: usize,
    /// Counts with [`HAS_EXPIRY`].
    pub expire_at_ms: i64,
}

impl Header {
    /// Appends room for a frame's prefix, and the header; key and value will fit without growing again.
    #[inline]
    pub fn push(&self, bytes: &mut Vec<u8>) {
        bytes.reserve(HEADER_MAX + self.key_len + self.value_len);
        let is_short = self.key_len | self.value_len <= usize::from(u8::MAX);
        if is_short && self.db == 0 && self.flags & HAS_EXPIRY == 0 {
            let mut header = [0; FRAME_MIN];
            let body = [
                self.kind as u8,
                self.flags,
                self.key_len as u8,
                self.value_len as u8,
            ];
            header[FRAME_PREFIX..].copy_from_slice(&body);
            bytes.extend_from_slice(&header);
        } else {
            self.push_long(bytes, is_short);
        }
    }

    fn push_long(&self, bytes: &mut Vec<u8>, is_short: bool) {
        let mut header = [0; HEADER_MAX];
        header[FRAME_PREFIX] = self.kind as u8;
        let mut flags = self.flags;
        let mut len = FRAME_PREFIX + 2;
        let mut put = |field: &[u8]| {
            header[len..len + field.len()].copy_from_slice(field);
            len += field.len();
        };
        if is_short {
            put(&[self.key_len as u8, self.value_len as u8]);
        } else {
            assert!(
                self.key_len <= u32::MAX as usize && self.value_len <= u32::MAX as usize,
                "an effect of more than 4 GiB"
            );
            flags |= WIDE;
            put(&(self.key_len as u32).to_le_bytes());
            put(&(self.value_len as u32).to_le_bytes());
        }
        if self.db != 0 {
            flags |= HAS_DB;
            put(&self.db.to_le_bytes());
        }
        if flags & HAS_EXPIRY != 0 {
            put(&self.expire_at_ms.to_le_bytes());
        }
        header[FRAME_PREFIX + 1] = flags;
        bytes.extend_from_slice(&header[..len]);
    }
}

/// Where the parts of a body are.
#[derive(Clone, Copy)]
struct Layout {
    header_len: usize,
    key_len: usize,
    value_len: usize,
}

impl Layout {
    /// By the flags and lengths at the front of `body`; `None` when it ends before them.
    #[inline]
    fn of(body: &[u8]) -> Option<Layout> {
        let (lengths_end, key_len, value_len) = match body {
            [_, flags, key_len, value_len, ..] if flags & WIDE == 0 => {
                (4, usize::from(*key_len), usize::from(*value_len))
            }
            _ if body.len() >= 10 => (10, u32_at(body, 2) as usize, u32_at(body, 6) as usize),
            _ => return None,
        };
        let flags = body[1];
        let db_len = if flags & HAS_DB != 0 { 2 } else { 0 };
        let expiry_len = if flags & HAS_EXPIRY != 0 { 8 } else { 0 };
        Some(Layout {
            header_len: lengths_end + db_len + expiry_len,
            key_len,
            value_len,
        })
    }
}

/// Appends a word with its length before it.
#[inline]
pub(crate) fn push_word(bytes: &mut Vec<u8>, word: &[u8]) {
    match u8::try_from(word.len()) {
        Ok(len) if len < LONG_WORD => bytes.push(len),
        _ => {
            bytes.push(LONG_WORD);
            bytes.extend_from_slice(&(word.len() as u32).to_le_bytes());
        }
    }
    bytes.extend_from_slice(word);
}

/// Bytes that a word of this length takes with its length before it.
#[inline]
pub(crate) fn pushed_len(word_len: usize) -> usize {
    word_len + if word_len < usize::from(LONG_WORD) { 1 } else { 5 }
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// They end before the frame does.
    Short,
    /// The checksum is another.
    Checksum,
    /// The checksum fits, but not what is inside: written by a newer version, or by a fault.
    Malformed(&'static str),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Short => f.write_str("the record is cut short"),
            FrameError::Checksum => f.write_str("the checksum of a record is wrong"),
            FrameError::Malformed(what) => write!(f, "a record is malformed: {what}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// One record, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it does.
    pub kind: Kind,
    /// Flags, see the constants of this module.
    pub flags: u8,
    /// Database.
    pub db: u16,
    /// Absolute expiry, Unix ms, where the flags say so.
    pub expire_at_ms: Option<i64>,
    /// The key; empty for `Command` and `Group`.
    pub key: &'a [u8],
    /// The value, by kind.
    pub value: &'a [u8],
}

impl<'a> Record<'a> {
    /// Takes one body off the front of `bytes`.
    ///
    /// # Errors
    /// When the bytes are no body. Never reads outside of `bytes`.
    pub fn take(bytes: &'a [u8]) -> Result<(Record<'a>, &'a [u8]), FrameError> {
        const SHORT: FrameError = FrameError::Malformed("a body is shorter than its header");
        let layout = Layout::of(bytes).ok_or(SHORT)?;
        let (header, rest) = bytes.split_at_checked(layout.header_len).ok_or(SHORT)?;
        let (key, rest) = rest
            .split_at_checked(layout.key_len)
            .ok_or(FrameError::Malformed("the key is longer than the record"))?;
        let (value, rest) = rest
            .split_at_checked(layout.value_len)
            .ok_or(FrameError::Malformed("the value is longer than the record"))?;
        let kind = Kind::of_code(header[0]).ok_or(FrameError::Malformed("its type is unknown"))?;
        let flags = header[1];
        if flags & !FLAGS_KNOWN != 0 {
            return Err(FrameError::Malformed("its flags are unknown"));
        }
        // What comes last in the header is looked for from its end.
        let (header, expire_at_ms) = match header.split_last_chunk() {
            Some((before, at_ms)) if flags & HAS_EXPIRY != 0 => (before, Some(i64::from_le_bytes(*at_ms))),
            _ => (header, None),
        };
        let db = match header.last_chunk() {
            Some(db) if flags & HAS_DB != 0 => u16::from_le_bytes(*db),
            _ => 0,
        };
        let record = Record {
            kind,
            flags: flags & !LAYOUT,
            db,
            expire_at_ms,
            key,
            value,
        };
        Ok((record, rest))
    }

    /// The words in the value. For kinds whose value is not words there are none.
    pub fn value_words(&self) -> Words<'a> {
        let has_words = !self.kind.has_plain_value() && self.kind != Kind::Group && !self.kind.is_internal();
        Words {
            rest: if has_words { self.value } else { &[] },
        }
    }

    /// The request that does the same, word by word. `Group` has none.
    ///
    /// # Errors
    /// When the words inside are malformed.
    pub fn request(&self) -> Result<flashdb_base::args::OwnedArgs, FrameError> {
        let mut request = flashdb_base::args::OwnedArgs::default();
        if let Some(name) = self.kind.name() {
            if self.flags & LOWER_CASE != 0 {
                request.push(name.to_ascii_lowercase().as_bytes());
            } else {
                request.push(name.as_bytes());
            }
            request.push(self.key);
        }
        if self.kind.has_plain_value() {
            request.push(self.value);
        }
        if self.kind == Kind::SetWithTtl {
            request.push(b"PXAT");
        }
        if let Some(at_ms) = self.expire_at_ms {
            request.push(at_ms.to_string().as_bytes());
        }
        for word in self.value_words() {
            request.push(word?);
        }
        Ok(request)
    }
}

/// Words with their lengths before them.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Words<'a> {
    type Item = Result<&'a [u8], FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (len, behind) = match self.rest {
            [LONG_WORD, behind @ ..] if behind.len() >= 4 => (u32_at(behind, 0) as usize, &behind[4..]),
            // A long word without its length is longer than any rest.
            [LONG_WORD, ..] => (usize::MAX, &[][..]),
            [len, behind @ ..] => (usize::from(*len), behind),
            [] => return None,
        };
        let taken = behind.split_at_checked(len);
        match taken {
            Some((word, rest)) => {
                self.rest = rest;
                Some(Ok(word))
            }
            None => {
                self.rest = &[];
                Some(Err(FrameError::Malformed("a word is longer than the value")))
            }
        }
    }
}

/// One frame, borrowed and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its position in the log.
    pub lsn: Lsn,
    /// Its record; of kind `Group` when there are several.
    pub record: Record<'a>,
    /// Bytes of the frame.
    pub bytes_len: usize,
}

impl<'a> Frame<'a> {
    /// Reads the frame at the front of `bytes` and checks it.
    ///
    /// # Errors
    /// `Short` when the lengths reach beyond `bytes`, else what is wrong with it.
    pub fn read(bytes: &'a [u8]) -> Result<Frame<'a>, FrameError> {
        let len = frame_len(bytes)?;
        let frame = bytes.get(..len).ok_or(FrameError::Short)?;
        let lsn_bytes = &frame[4..FRAME_PREFIX];
        let crc = checksum::crc32c_append(checksum::crc32c(&frame[FRAME_PREFIX..]), lsn_bytes);
        if crc != u32_at(frame, 0) {
            return Err(FrameError::Checksum);
        }
        Frame::read_again(frame)
    }

    /// Reads a frame whose checksum was found right before: for those who get it from a reader on another thread.
    ///
    /// # Errors
    /// `Short` when the lengths reach beyond `bytes`, or when the record is malformed.
    pub fn read_again(bytes: &'a [u8]) -> Result<Frame<'a>, FrameError> {
        let len = frame_len(bytes)?;
        let frame = bytes.get(..len).ok_or(FrameError::Short)?;
        let (record, rest) = Record::take(&frame[FRAME_PREFIX..])?;
        debug_assert!(rest.is_empty());
        Ok(Frame {
            lsn: lsn_at(frame),
            record,
            bytes_len: len,
        })
    }

    /// Calls `visit` for each effect: the record itself, or those of the group.
    ///
    /// # Errors
    /// When a group's inside is malformed, or what `visit` returns.
    pub fn for_each<E: From<FrameError>>(
        &self,
        mut visit: impl FnMut(&Record<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.record.kind != Kind::Group {
            return visit(&self.record);
        }
        let mut rest = self.record.value;
        while !rest.is_empty() {
            let (record, behind) = Record::take(rest)?;
            if record.kind == Kind::Group {
                return Err(FrameError::Malformed("a group within a group").into());
            }
            visit(&record)?;
            rest = behind;
        }
        Ok(())
    }
}

/// Bytes that the frame at the front of `bytes` has by its lengths, which are not checked.
///
/// # Errors
/// `Short` when not even the header is there.
#[inline]
pub fn frame_len(bytes: &[u8]) -> Result<usize, FrameError> {
    let body = bytes.get(FRAME_PREFIX..).ok_or(FrameError::Short)?;
    if let [_, flags, key_len, value_len, ..] = body
        && flags & (WIDE | HAS_DB | HAS_EXPIRY) == 0
    {
        return Ok(FRAME_MIN + usize::from(*key_len) + usize::from(*value_len));
    }
    let layout = Layout::of(body).ok_or(FrameError::Short)?;
    Ok(FRAME_PREFIX + layout.header_len + layout.key_len + layout.value_len)
}

/// The LSN field of the frame at the front of `bytes`, not checked. There are 12 bytes at least.
#[inline]
pub(crate) fn lsn_at(bytes: &[u8]) -> Lsn {
    u64_at(bytes, 4)
}

#[inline]
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[inline]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
