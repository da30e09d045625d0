//! What a command did, noted by the write guard for `commit`: which keys changed and under which
//! event name, and the decided effects, encoded for the log as they come. Nothing is noted for which
//! nobody listens, and a plain SET on a server without watchers costs no allocation here.

use crate::tracked::Readers;
use flashdb_base::args::Args;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_log::{EffectBuffer, EffectMark};

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
    /// Client whose command changed it; 0 where the key went by itself.
    pub author: u64,
}

/// What clients that cache are to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalidation {
    /// A key changed.
    Key {
        /// The key.
        key: Box<[u8]>,
        /// Who has read it since it changed last.
        readers: Readers,
        /// See [`Touched::author`].
        author: u64,
    },
    /// Nobody will be told of a change of this key any more, so it must not be trusted.
    Forgotten {
        /// The key.
        key: Box<[u8]>,
        /// Who has read it.
        readers: Readers,
    },
    /// All data changed.
    All {
        /// Who has been told already.
        told: Readers,
    },
}

/// A message to subscribers that waits for the commit, because its command may be undone until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How many of [`Effects::touched`] come before it.
    pub touched_before: usize,
    /// The channel is a shard channel.
    pub to_shard_channel: bool,
    /// The channel.
    pub channel: Box<[u8]>,
    /// What is said.
    pub text: Box<[u8]>,
}

/// Collected over one command (or one transaction).
#[derive(Default)]
pub struct Effects {
    /// Keys touched, in order.
    pub touched: Vec<Touched>,
    /// Messages to be published, in order.
    pub messages: Vec<Message>,
    /// Decided effects, fit for replay: requests that do the same whenever they run (`SREM` with the
    /// members that SPOP took). The open frame is that of the running command or transaction; closed
    /// ones are appended to the log before the shard locks are given up.
    pub log: EffectBuffer,
    /// Whether the running command has decided its effect itself; else the request is its effect.
    pub explicit: bool,
    /// Whether decided effects are wanted by anybody.
    pub recording: bool,
    /// Client for which commands run now; 0 for nobody.
    pub author: u64,
    /// Databases were emptied or exchanged.
    pub replaced: bool,
    /// What clients that cache are to be told; kept until the server takes it, also over [`Effects::settle`].
    pub invalidations: Vec<Invalidation>,
    /// Event classes that are published.
    pub published: NotifyFlags,
    /// Number of changes (Redis's `dirty`).
    pub dirty: u64,
    /// Changes settled that the server has not counted yet; kept like the invalidations.
    pub uncounted: u64,
    /// Keys removed because their time had come.
    pub expired: u64,
    /// Keys removed for `maxmemory`.
    pub evicted: u64,
    /// Hash fields removed because their time had come.
    pub expired_fields: u64,
}

/// What had been collected at a moment, see [`Effects::mark`].
pub(crate) struct Mark {
    touched: usize,
    messages: usize,
    log: EffectMark,
    explicit: bool,
    replaced: bool,
    dirty: u64,
    expired: u64,
    evicted: u64,
    expired_fields: u64,
}

impl Effects {
    /// Keeps a message for the commit.
    pub fn publish_later(&mut self, to_shard_channel: bool, channel: &[u8], text: &[u8]) {
        self.messages.push(Message {
            touched_before: self.touched.len(),
            to_shard_channel,
            channel: channel.into(),
            text: text.into(),
        });
    }

    /// Ends one command of possibly several: where it changed something and decided nothing itself,
    /// its request is the effect.
    #[inline]
    pub fn end_command(&mut self, db: u16, dirty_before: u64, request: &Args<'_>) {
        if self.recording && self.dirty > dirty_before && !self.explicit {
            self.log.push(db, false, request.len(), |at| request.at(at));
        }
        self.explicit = false;
    }

    /// Forgets what was collected, keeps the memory and the settings. Effects become a frame, if there
    /// are any.
    #[inline]
    pub fn settle(&mut self) {
        self.log.end_frame();
        self.touched.clear();
        self.messages.clear();
        self.explicit = false;
        self.replaced = false;
        self.dirty = 0;
        self.expired = 0;
        self.expired_fields = 0;
        self.evicted = 0;
    }

    /// As [`Effects::settle`], but the effects are forgotten, too: of what only moves data in from
    /// elsewhere. That databases were emptied for it stays noted.
    pub fn discard(&mut self) {
        let replaced = self.replaced;
        self.log.drop_open();
        self.settle();
        self.replaced = replaced;
    }

    /// What has been collected so far, for [`Effects::return_to`].
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            touched: self.touched.len(),
            messages: self.messages.len(),
            log: self.log.mark(),
            explicit: self.explicit,
            replaced: self.replaced,
            dirty: self.dirty,
            expired: self.expired,
            evicted: self.evicted,
            expired_fields: self.expired_fields,
        }
    }

    /// Forgets what was collected since the mark was taken.
    pub(crate) fn return_to(&mut self, mark: &Mark) {
        self.touched.truncate(mark.touched);
        self.messages.truncate(mark.messages);
        self.log.return_to(&mark.log);
        self.explicit = mark.explicit;
        self.replaced = mark.replaced;
        self.dirty = mark.dirty;
        self.expired = mark.expired;
        self.evicted = mark.evicted;
        self.expired_fields = mark.expired_fields;
    }
}
