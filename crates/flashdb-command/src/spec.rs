//! The row of a command. Everything that differs between commands outside of their handlers is
//! said here; dispatcher, gates, COMMAND and documentation read it and know no command by name.

use crate::context::{CommandResult, Context};
use crate::key_spec::{ChannelSpec, InvalidKeys, KeyFlags, KeyPositions, KeySpec};
use flashdb_resp::Args;
use flashdb_types::approach::Wanted;
use smallvec::SmallVec;

/// A handler: reads and changes data through the context, writes the reply, or returns an error.
pub type Handler = fn(&mut Context<'_, '_>) -> CommandResult;

/// Finds keys where key specifications cannot say it (SORT … STORE, EVAL-like); see [`CommandSpec::keys_of`].
pub type KeysOf = fn(&Args<'_>) -> Result<KeyPositions, InvalidKeys>;

/// Finds the member or field that a request is about; see [`CommandSpec::wanted`].
pub type WantedOf = fn(&Args<'_>) -> Wanted;

/// One command or subcommand.
pub struct CommandSpec {
    /// Name in lower case; of a subcommand only its own word.
    pub name: &'static str,
    /// The container's name for subcommands (`config`), else empty.
    pub container: &'static str,
    /// One sentence: what it does.
    pub summary: &'static str,
    /// Redis (or FlashDB) version that brought it.
    pub since: &'static str,
    /// Family; gives the ACL category of that family.
    pub group: Group,
    /// Cost, such as `O(N) where N is the number of keys`.
    pub complexity: &'static str,
    /// Words of a request, the name (of a subcommand both words) included; negative: at least.
    pub arity: i32,
    /// Properties that gates and the dispatcher look at.
    pub flags: Flags,
    /// ACL categories beyond those that follow from group and flags, without `@`.
    pub categories: &'static [&'static str],
    /// Where keys stand.
    pub keys: &'static [KeySpec],
    /// Finds all keys where `keys` cannot describe them.
    pub keys_of: Option<KeysOf>,
    /// Which words are channels that the command publishes to or listens on.
    pub channels: Option<ChannelSpec>,
    /// Says of which requests only that they may touch keys the row does not name (SORT with BY or GET); see
    /// [`CommandSpec::is_exclusive`].
    pub exclusive_if: Option<fn(&Args<'_>) -> bool>,
    /// Which words of a request are secrets, where only some are; see [`CommandSpec::is_secret`].
    pub secrets: Option<fn(&Args<'_>, usize) -> bool>,
    /// What the audit log shows of a request.
    pub audit: Audit,
    /// What a request does with its key, where that depends on the options (`VARIABLE`).
    pub key_flags_of: Option<fn(&Args<'_>) -> KeyFlags>,
    /// Which member or field of the collection at its key a request that fits the arity is about, the first one if there
    /// are several. A hint, for calling its memory before the handler runs: what it says has no effect on the outcome.
    pub wanted: Option<WantedOf>,
    /// Grammar behind the name, for COMMAND DOCS, completion and documentation.
    pub args: &'static [Arg],
    /// What is answered, in a few words.
    pub reply: &'static str,
    /// Since when and by what it is replaced, if it is only kept for old clients.
    pub deprecated: Option<Deprecated>,
    /// Version and change, oldest first.
    pub history: &'static [(&'static str, &'static str)],
    /// Redis's command tips for clients and proxies.
    pub tips: &'static [&'static str],
    /// Subcommands, if the command is a container; its own handler is not called then.
    pub subcommands: &'static [&'static CommandSpec],
    /// The work.
    pub handler: Handler,
}

impl CommandSpec {
    /// What a row starts from: `CommandSpec { name: …, ..CommandSpec::EMPTY }`.
    pub const EMPTY: CommandSpec = CommandSpec {
        name: "",
        container: "",
        summary: "",
        since: "1.0.0",
        group: Group::Generic,
        complexity: "O(1)",
        arity: 1,
        flags: Flags::NONE,
        categories: &[],
        keys: &[],
        keys_of: None,
        channels: None,
        exclusive_if: None,
        secrets: None,
        audit: Audit::No,
        key_flags_of: None,
        wanted: None,
        args: &[],
        reply: "",
        deprecated: None,
        history: &[],
        tips: &[],
        subcommands: &[],
        handler: no_handler,
    };

    /// Whether a request of `words` words fits the arity.
    #[inline]
    pub fn accepts(&self, words: usize) -> bool {
        if self.arity >= 0 {
            words as i32 == self.arity
        } else {
            words as i32 >= -self.arity
        }
    }

    /// Whether the request may touch any key, so that it needs the closed gate.
    #[inline]
    pub fn is_exclusive(&self, args: &Args<'_>) -> bool {
        self.flags.has(Flags::EXCLUSIVE) || self.exclusive_if.is_some_and(|applies| applies(args))
    }

    /// Whether the command walks over all shards by itself, locking one at a time (KEYS, SCAN, DBSIZE). Alone it
    /// needs no gate; together with commands that hold locks (in EXEC or a script) it needs the closed one.
    pub fn walks_shards(&self) -> bool {
        let of_data = self.flags.has(Flags::READONLY) || self.flags.has(Flags::WRITE);
        (of_data && self.keys.is_empty() && self.keys_of.is_none()) || self.flags.has(Flags::WALKS_SHARDS)
    }

    /// Whether word `index` of a request must not be shown in the slow log or to MONITOR.
    pub fn is_secret(&self, args: &Args<'_>, index: usize) -> bool {
        let name_words = if self.container.is_empty() { 1 } else { 2 };
        match self.secrets {
            _ if index < name_words => false,
            Some(is_secret) => is_secret(args, index),
            None => self.flags.has(Flags::SENSITIVE),
        }
    }

    /// `set`, or `config|get` for a subcommand.
    pub fn full_name(&self) -> String {
        if self.container.is_empty() {
            self.name.into()
        } else {
            format!("{}|{}", self.container, self.name)
        }
    }

    /// Positions of all keys in a request that fits the arity.
    #[inline]
    pub fn key_positions(&self, args: &Args<'_>) -> Result<KeyPositions, InvalidKeys> {
        if let Some(find) = self.keys_of {
            return find(args);
        }
        let mut out = KeyPositions::new();
        for spec in self.keys {
            if !spec.flags.has(crate::key_spec::KeyFlags::NOT_KEY) {
                spec.positions(args, &mut out)?;
            }
        }
        Ok(out)
    }

    /// Positions of all keys in a request that fits the arity, each with what is done with the key. O(keys).
    ///
    /// # Errors
    /// When the request does not fit the grammar; its handler refuses it then without touching a key.
    pub fn keys_with_flags(&self, args: &Args<'_>) -> Result<SmallVec<[(u32, KeyFlags); 4]>, InvalidKeys> {
        let described = || self.keys.iter().filter(|keys| !keys.flags.has(KeyFlags::NOT_KEY));
        let mut out = SmallVec::new();
        let Some(find) = self.keys_of else {
            let mut positions = KeyPositions::new();
            for keys in described() {
                positions.clear();
                keys.positions(args, &mut positions)?;
                let flags = self.key_flags_of.map_or(keys.flags, |flags_of| flags_of(args));
                out.extend(positions.iter().map(|&at| (at, flags)));
            }
            return Ok(out);
        };
        let groups: SmallVec<[(KeyPositions, KeyFlags); 3]> = described()
            .filter_map(|keys| {
                let mut positions = KeyPositions::new();
                keys.positions(args, &mut positions).ok()?;
                Some((positions, keys.flags))
            })
            .collect();
        // Keys that no specification finds belong to the one that stands for such keys.
        let unknown = self
            .keys
            .iter()
            .rfind(|keys| keys.is_unknown())
            .or(self.keys.last());
        let unknown = unknown.map_or(KeyFlags::RW, |keys| keys.flags);
        for at in find(args)? {
            let group = groups
                .iter()
                .find(|(positions, _)| positions.binary_search(&at).is_ok());
            out.push((at, group.map_or(unknown, |(_, flags)| *flags)));
        }
        Ok(out)
    }

    /// Position of the only key, for the many commands with exactly one at a fixed place.
    #[inline]
    pub fn single_key(&self) -> Option<usize> {
        use crate::key_spec::{Begin, Find, KeyFlags};
        match self.keys {
            [
                KeySpec {
                    begin: Begin::Index(at),
                    find: Find::Range { last: 0, .. },
                    flags,
                    ..
                },
            ] if self.keys_of.is_none() && !flags.has(KeyFlags::NOT_KEY) => Some(*at as usize),
            _ => None,
        }
    }
}

/// The usual [`CommandSpec::wanted`]: the member or field at word 2.
pub(crate) const WANTED_AT_2: Option<WantedOf> = Some(|words| Wanted::entry(words.at(2)));

fn no_handler(context: &mut Context<'_, '_>) -> CommandResult {
    unreachable!(
        "{} is a container; the dispatcher calls its subcommands",
        context.spec.name
    )
}

/// What the audit log shows of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// The request does not belong there.
    No,
    /// All words but the secret ones.
    Words,
    /// So many words from the first on, and how many there are behind them.
    Head(u8),
    /// The first two words, where the third is 0: the request moves one of many parts, and the first of them tells enough.
    FirstPart,
    /// As `FirstPart`; and all words where the third is one of these, with which the last part is behind: once, as it ends.
    FirstPartAnd(&'static [&'static str]),
    /// All words but the secret ones, where the last is this: without it the request only looks.
    With(&'static str),
}

/// A command that another one has replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deprecated {
    /// Version that brought the replacement.
    pub since: &'static str,
    /// What to use instead.
    pub replaced_by: &'static str,
}

impl Deprecated {
    /// Replaced since a version by what is named.
    pub const fn since(since: &'static str, replaced_by: &'static str) -> Option<Self> {
        Some(Deprecated { since, replaced_by })
    }
}

/// Family of a command; the names of Redis's documentation groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Keys of any type.
    Generic,
    /// Strings.
    String,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Hashes.
    Hash,
    /// Publish and subscribe.
    PubSub,
    /// MULTI and its kin.
    Transactions,
    /// The client's connection.
    Connection,
    /// The server.
    Server,
    /// Scripts and functions.
    Scripting,
    /// HyperLogLog.
    HyperLogLog,
    /// Cluster.
    Cluster,
    /// Geographic sets.
    Geo,
    /// Streams.
    Stream,
    /// Bitmaps.
    Bitmap,
}

impl Group {
    /// Name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::PubSub => "pubsub",
            Group::Transactions => "transactions",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Scripting => "scripting",
            Group::HyperLogLog => "hyperloglog",
            Group::Cluster => "cluster",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::Bitmap => "bitmap",
        }
    }

    /// ACL category of the family, if there is one.
    pub fn category(self) -> Option<&'static str> {
        match self {
            Group::Generic => Some("keyspace"),
            Group::SortedSet => Some("sortedset"),
            Group::Transactions => Some("transaction"),
            // `pubsub` follows from the flag: PUBSUB HELP is not in it.
            Group::Server | Group::Cluster | Group::PubSub => None,
            other => Some(other.name()),
        }
    }
}

/// Properties of a command. The first 22 are Redis's and shown by COMMAND INFO; the rest are ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:expr, $shown:expr;)*) => {
        impl Flags {
            /// No property.
            pub const NONE: Self = Self(0);
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Names as COMMAND INFO shows them.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                const ALL: &[(Flags, &str)] = &[$((Flags::$name, $shown),)*];
                ALL.iter().filter(move |(flag, shown)| self.has(*flag) && !shown.is_empty()).map(|(_, shown)| *shown)
            }
        }
    };
}

flags! {
    /// Changes data.
    WRITE = 0, "write";
    /// Only reads data.
    READONLY = 1, "readonly";
    /// Refused when memory is short.
    DENY_OOM = 2, "denyoom";
    /// For administrators.
    ADMIN = 3, "admin";
    /// Publish and subscribe; allowed while subscribed in RESP2.
    PUBSUB = 4, "pubsub";
    /// Refused in scripts.
    NO_SCRIPT = 5, "noscript";
    /// May block the client.
    BLOCKING = 6, "blocking";
    /// Allowed while data is loading.
    LOADING = 7, "loading";
    /// Allowed on a replica that lost its master.
    STALE = 8, "stale";
    /// Not shown to MONITOR.
    SKIP_MONITOR = 9, "skip_monitor";
    /// Not entered in the slow log.
    SKIP_SLOWLOG = 10, "skip_slowlog";
    /// ASKING is implied.
    ASKING = 11, "asking";
    /// Takes constant or logarithmic time.
    FAST = 12, "fast";
    /// Allowed before authentication.
    NO_AUTH = 13, "no_auth";
    /// May replicate although it only reads.
    MAY_REPLICATE = 14, "";
    /// Refused in transactions.
    NO_MULTI = 15, "no_multi";
    /// Keys do not stand at fixed places.
    MOVABLE_KEYS = 16, "movablekeys";
    /// Allowed while a script runs too long.
    ALLOW_BUSY = 17, "allow_busy";
    /// Refused while data is loaded in the background.
    NO_ASYNC_LOADING = 18, "no_async_loading";
    /// A container of subcommands without a meaning of its own.
    NO_MANDATORY_KEYS = 19, "no_mandatory_keys";
    /// Takes time in proportion to the request alone, although not `FAST` (SET): not worth a look at the clock (ours).
    BRIEF = 20, "";
    /// Leaves what CLIENT CACHING has said standing for the next command (CLIENT itself) (ours).
    KEEPS_CACHING = 21, "";
    /// Has effects that a rollback does not take back: refused in rollback transactions, as everything for
    /// administrators is (ours).
    NO_ROLLBACK = 22, "";
    /// Walks over all shards although it is no data command (INFO); see [`CommandSpec::walks_shards`] (ours).
    WALKS_SHARDS = 23, "";
    /// Any key may be touched: runs under the closed gate (ours).
    EXCLUSIVE = 24, "";
    /// Runs at once inside MULTI instead of being queued (EXEC, DISCARD, WATCH refusal …) (ours).
    IMMEDIATE = 25, "";
    /// Runs the queued commands; the gate is closed if one of them asks for it (ours).
    RUNS_QUEUE = 26, "";
    /// Allowed in RESP2 while subscribed (ours; PUBSUB commands that (un)subscribe, PING, QUIT, RESET).
    WHILE_SUBSCRIBED = 27, "";
    /// Its words are not shown in the slow log or to MONITOR (AUTH, passwords) (ours).
    SENSITIVE = 28, "";
    /// Not delayed by CLIENT PAUSE (CLIENT itself, REPLCONF …) (ours).
    IGNORES_PAUSE = 29, "";
    /// The command needs `enable-debug-command` (ours).
    NEEDS_DEBUG = 30, "";
    /// Runs a script: its flags are also those that the script names, and the gate is closed for scripts that need it (ours).
    RUNS_SCRIPT = 31, "";
}

impl Flags {
    /// Whether a command's time may be told as its share of what it ran together with.
    #[inline]
    pub const fn shares_time(self) -> bool {
        self.0 & (Self::FAST.0 | Self::BRIEF.0) != 0
    }

    /// Both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` are set.
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One argument of the grammar, as COMMAND DOCS describes it.
pub struct Arg {
    /// Name for people.
    pub name: &'static str,
    /// Type.
    pub kind: ArgKind,
    /// A word that stands before the value (`EX` before seconds).
    pub token: &'static str,
    /// May be left out.
    pub optional: bool,
    /// May be repeated.
    pub multiple: bool,
    /// The token is repeated with each repetition.
    pub multiple_token: bool,
    /// Version that brought it, if later than the command.
    pub since: &'static str,
    /// Alternatives of `OneOf`, parts of `Block`.
    pub parts: &'static [Arg],
}

/// Type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// A key; the index of its key specification.
    Key(u8),
    /// Bytes.
    String,
    /// An integer.
    Integer,
    /// A floating point number.
    Double,
    /// A glob pattern.
    Pattern,
    /// A Unix time.
    UnixTime,
    /// Only the token.
    Token,
    /// One of the parts.
    OneOf,
    /// All parts in order.
    Block,
}

impl Arg {
    /// An argument of a kind; refine with the `const` methods.
    pub const fn new(name: &'static str, kind: ArgKind) -> Self {
        Arg {
            name,
            kind,
            token: "",
            optional: false,
            multiple: false,
            multiple_token: false,
            since: "",
            parts: &[],
        }
    }

    /// A key of the first key specification.
    pub const fn key(name: &'static str) -> Self {
        Self::new(name, ArgKind::Key(0))
    }

    /// A key of key specification `spec`.
    pub const fn key_of(name: &'static str, spec: u8) -> Self {
        Self::new(name, ArgKind::Key(spec))
    }

    /// Bytes.
    pub const fn string(name: &'static str) -> Self {
        Self::new(name, ArgKind::String)
    }

    /// An integer.
    pub const fn integer(name: &'static str) -> Self {
        Self::new(name, ArgKind::Integer)
    }

    /// A floating point number.
    pub const fn double(name: &'static str) -> Self {
        Self::new(name, ArgKind::Double)
    }

    /// A glob pattern.
    pub const fn pattern(name: &'static str) -> Self {
        Self::new(name, ArgKind::Pattern)
    }

    /// A Unix time.
    pub const fn unix_time(name: &'static str) -> Self {
        Self::new(name, ArgKind::UnixTime)
    }

    /// A bare word; its name is the lower case of it.
    pub const fn word(name: &'static str, token: &'static str) -> Self {
        Self::new(name, ArgKind::Token).with_token(token)
    }

    /// One of several.
    pub const fn one_of(name: &'static str, parts: &'static [Arg]) -> Self {
        let mut arg = Self::new(name, ArgKind::OneOf);
        arg.parts = parts;
        arg
    }

    /// Several in order.
    pub const fn block(name: &'static str, parts: &'static [Arg]) -> Self {
        let mut arg = Self::new(name, ArgKind::Block);
        arg.parts = parts;
        arg
    }

    /// With a word before it.
    pub const fn with_token(mut self, token: &'static str) -> Self {
        self.token = token;
        self
    }

    /// May be left out.
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// May be repeated.
    pub const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    /// May be repeated, each time with its token.
    pub const fn multiple_with_token(mut self) -> Self {
        self.multiple = true;
        self.multiple_token = true;
        self
    }

    /// Came later than the command.
    pub const fn since(mut self, version: &'static str) -> Self {
        self.since = version;
        self
    }
}
