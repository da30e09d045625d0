//! The settings whose value is one of a few names, as enums.

use crate::codec::{Choice, Invalid};

macro_rules! choices {
    ($( $(#[$doc:meta])* $type:ident { $( $(#[$variant_doc:meta])* $variant:ident = $name:literal, )* } )*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type { $( $(#[$variant_doc])* $variant, )* }

        impl Choice for $type {
            const NAMES: &'static [(&'static str, Self)] = &[ $( ($name, Self::$variant), )* ];
        }
    )* };
}

choices! {
    /// Which keys go when `maxmemory` is reached.
    MaxmemoryPolicy {
        /// Least recently used of those with an expiry.
        VolatileLru = "volatile-lru",
        /// Least frequently used of those with an expiry.
        VolatileLfu = "volatile-lfu",
        /// Any of those with an expiry.
        VolatileRandom = "volatile-random",
        /// The one that expires soonest.
        VolatileTtl = "volatile-ttl",
        /// Least recently used.
        AllkeysLru = "allkeys-lru",
        /// Least frequently used.
        AllkeysLfu = "allkeys-lfu",
        /// Any key.
        AllkeysRandom = "allkeys-random",
        /// None: writes that need memory are refused.
        NoEviction = "noeviction",
    }

    /// The least severe log line that is written.
    LogLevel {
        /// Everything.
        Debug = "debug",
        /// Connections, periodic figures.
        Verbose = "verbose",
        /// What an operator wants to know.
        Notice = "notice",
        /// What an operator must know.
        Warning = "warning",
        /// No log at all.
        Nothing = "nothing",
    }

    /// What a server is for.
    Environment {
        /// Nobody has said.
        None = "none",
        /// To try things.
        Development = "development",
        /// To rehearse.
        Staging = "staging",
        /// For real: what is lost here is missed.
        Production = "production",
    }

    /// The shape of log lines.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }

    /// When the log of writes reaches the disk.
    AppendFsync {
        /// Once a second.
        EverySecond = "everysec",
        /// Before the reply.
        Always = "always",
        /// When the kernel likes.
        No = "no",
    }

    /// How the log's files are written.
    WalMedium {
        /// Mapped, where the folder lies on persistent memory, else as files.
        Auto = "auto",
        /// As files.
        File = "file",
        /// Mapped; where the folder does not lie on persistent memory a warning says so, and files are used.
        Pmem = "pmem",
    }

    /// How snapshots are compressed.
    SnapshotCompression {
        /// LZ4: fast.
        Lz4 = "lz4",
        /// Zstandard: smaller.
        Zstd = "zstd",
        /// Not at all.
        None = "no",
    }

    /// What the start does about damage in the log.
    Recover {
        /// Ends with a message that names the place.
        Stop = "stop",
        /// Goes on with what stands before the damage; what stands behind is set aside.
        Truncate = "truncate",
        /// Goes on with what stands before and behind the damage.
        Skip = "skip",
    }

    /// Who may use a command or setting that reaches beyond the data.
    ProtectedAction {
        /// Nobody.
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Connections from this machine.
        Local = "local",
    }

    /// Who supervises the process.
    Supervised {
        /// upstart.
        Upstart = "upstart",
        /// systemd.
        Systemd = "systemd",
        /// Found out from the environment.
        Auto = "auto",
        /// Nobody.
        No = "no",
    }

    /// The facility of syslog lines.
    SyslogFacility {
        /// user
        User = "user",
        /// local0
        Local0 = "local0",
        /// local1
        Local1 = "local1",
        /// local2
        Local2 = "local2",
        /// local3
        Local3 = "local3",
        /// local4
        Local4 = "local4",
        /// local5
        Local5 = "local5",
        /// local6
        Local6 = "local6",
        /// local7
        Local7 = "local7",
    }

    /// How a replica loads what its master sends.
    ReplDisklessLoad {
        /// Through a file.
        Disabled = "disabled",
        /// Directly when it holds no data.
        OnEmptyDb = "on-empty-db",
        /// Directly, keeping the old data until done.
        SwapDb = "swapdb",
    }

    /// Whether TLS clients must show a certificate.
    TlsAuthClients {
        /// They need none.
        No = "no",
        /// They must.
        Yes = "yes",
        /// They may.
        Optional = "optional",
    }

    /// The channels of a new user.
    AclPubsubDefault {
        /// Every channel.
        AllChannels = "allchannels",
        /// No channel.
        ResetChannels = "resetchannels",
    }

    /// How deeply DUMP payloads are checked on RESTORE.
    SanitizeDumpPayload {
        /// Not.
        No = "no",
        /// Always.
        Yes = "yes",
        /// For clients without the permission to skip it.
        Clients = "clients",
    }

    /// What a cluster node calls itself towards clients.
    ClusterEndpointType {
        /// Its address.
        Ip = "ip",
        /// Its host name.
        Hostname = "hostname",
        /// Nothing: the client reuses the address it knows.
        UnknownEndpoint = "unknown-endpoint",
    }

    /// What follows from a replicated command that fails.
    PropagationErrorBehavior {
        /// Nothing.
        Ignore = "ignore",
        /// The process ends.
        Panic = "panic",
        /// A replica's process ends.
        PanicOnReplicas = "panic-on-replicas",
    }
}

/// How `oom-score-adj-values` are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OomScoreAdj {
    /// Not at all.
    No,
    /// Added to the value the process started with.
    Relative,
    /// As they are.
    Absolute,
}

impl Choice for OomScoreAdj {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("no", Self::No),
        ("yes", Self::Relative),
        ("relative", Self::Relative),
        ("absolute", Self::Absolute),
    ];
}

/// What a termination signal does, as options of SHUTDOWN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ShutdownOptions {
    /// Save even without save points.
    pub save: bool,
    /// Do not save even with save points.
    pub nosave: bool,
    /// Do not wait for replicas.
    pub now: bool,
    /// End even when saving fails.
    pub force: bool,
}

impl ShutdownOptions {
    /// Names in the order error texts list them.
    pub const NAMES: [&'static str; 5] = ["default", "save", "nosave", "now", "force"];

    /// Sets the option called `word`; `default` sets none.
    pub(crate) fn add(&mut self, word: &[u8]) -> Result<(), Invalid> {
        let known = Self::NAMES
            .into_iter()
            .find(|name| name.as_bytes().eq_ignore_ascii_case(word));
        match known {
            Some("default") => {}
            Some("save") => self.save = true,
            Some("nosave") => self.nosave = true,
            Some("now") => self.now = true,
            Some("force") => self.force = true,
            _ => return Err(crate::codec::must_be_one_of(Self::NAMES.into_iter())),
        }
        Ok(())
    }

    /// The names of the options that are set.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let set = [
            ("save", self.save),
            ("nosave", self.nosave),
            ("now", self.now),
            ("force", self.force),
        ];
        set.into_iter()
            .filter(|(_, is_set)| *is_set)
            .map(|(name, _)| name)
            .collect()
    }
}
