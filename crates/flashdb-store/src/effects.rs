//! What a command did, noted by the write guard for `commit`: which keys changed and under which
//! event name, and the decided effect to be logged. Nothing is noted for which nobody listens, so
//! a plain SET on a server without watchers and log costs no allocation here.

use flashdb_base::args::OwnedArgs;
use flashdb_base::notify_flags::NotifyFlags;

/// One key that changed, or one event to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Database of the key.
    pub db: u16,
    /// Shard of the key.
    pub shard: u16,
    /// The key.
    pub key: Box<[u8]>,
    /// Class and name of the event, if one is to be published.
    pub event: Option<(NotifyFlags, &'static str)>,
    /// Whether the value changed (an event may be published for less).
    pub changed: bool,
}

/// The decided effect of a command, fit for replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// The request as the client sent it has the same effect whenever it is replayed.
    Verbatim,
    /// A request that has the decided effect (`SREM` with the members that SPOP took).
    Command(u16, OwnedArgs),
}

/// Collected over one command (or one transaction).
#[derive(Default)]
pub struct Effects {
    /// Keys touched, in order.
    pub touched: Vec<Touched>,
    /// Effects to log, in order. Empty with `dirty > 0` means the request verbatim.
    pub decided: Vec<Decided>,
    /// How many of `decided` are removals of keys and fields whose time had come: they say nothing of the
    /// command that met them.
    pub decided_expiries: usize,
    /// Whether `decided` is wanted by anybody.
    pub recording: bool,
    /// Event classes that are published.
    pub published: NotifyFlags,
    /// Number of changes (Redis's `dirty`).
    pub dirty: u64,
    /// Keys removed because their time had come.
    pub expired: u64,
    /// Hash fields removed because their time had come.
    pub expired_fields: u64,
}

impl Effects {
    /// Effects that the command itself decided. While there are none, a change means the request verbatim.
    pub fn decided_by_command(&self) -> usize {
        self.decided.len() - self.decided_expiries
    }

    /// Forgets what was collected, keeps the memory and the settings.
    #[inline]
    pub fn clear(&mut self) {
        self.touched.clear();
        self.decided.clear();
        self.decided_expiries = 0;
        self.dirty = 0;
        self.expired = 0;
        self.expired_fields = 0;
    }
}
