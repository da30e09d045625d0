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

/// A decided effect, fit for replay: a request that does the same whenever it runs (`SREM` with the
/// members that SPOP took).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Database it works on.
    pub db: u16,
    /// The request.
    pub words: OwnedArgs,
    /// Removal of a key or field whose time had come, which no client asked for.
    pub removal: bool,
}

/// Collected over one command (or one transaction).
#[derive(Default)]
pub struct Effects {
    /// Keys touched, in order.
    pub touched: Vec<Touched>,
    /// Effects to log, in order.
    pub decided: Vec<Decided>,
    /// Whether the running command has decided its effect itself; else the request is its effect.
    pub explicit: bool,
    /// Whether `decided` is wanted by anybody.
    pub recording: bool,
    /// Event classes that are published.
    pub published: NotifyFlags,
    /// Number of changes (Redis's `dirty`).
    pub dirty: u64,
    /// Keys removed because their time had come.
    pub expired: u64,
    /// Keys removed for `maxmemory`.
    pub evicted: u64,
    /// Hash fields removed because their time had come.
    pub expired_fields: u64,
}

impl Effects {
    /// Ends one command of possibly several: where it changed something and decided nothing itself,
    /// its request is the effect.
    pub fn end_command(&mut self, db: u16, dirty_before: u64, request: impl FnOnce() -> OwnedArgs) {
        if self.recording && self.dirty > dirty_before && !self.explicit {
            self.decided.push(Decided {
                db,
                words: request(),
                removal: false,
            });
        }
        self.explicit = false;
    }

    /// Forgets what was collected, keeps the memory and the settings.
    #[inline]
    pub fn clear(&mut self) {
        self.touched.clear();
        self.decided.clear();
        self.explicit = false;
        self.dirty = 0;
        self.expired = 0;
        self.expired_fields = 0;
        self.evicted = 0;
    }
}
