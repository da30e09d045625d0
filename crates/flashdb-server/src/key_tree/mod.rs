//! The key tree: how many keys there are under each prefix, and how many bytes they take. Nothing is kept until somebody asks.
//! Then a thread of its own samples the keys, decides which branches are counted, and counts them shard by shard in small
//! steps; from then on writes keep the counts (`flashdb_store`'s `prefixes.rs`). An hour after the last question all is
//! forgotten. Questions wait for that thread, no core loop does (`docs/design/0011-prefix-index.md`).

mod answer;
mod changes;
mod worker;

pub use answer::{Rights, Sort};
pub use changes::BranchChange;

use crate::later::Later;
use crate::server::Server;
use flashdb_store::PageCursor;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// What is told of a branch.
pub struct Question {
    /// Database.
    pub db: u16,
    /// What the keys of the branch begin with; empty for all keys.
    pub prefix: Box<[u8]>,
    /// What the names of those branches below it begin with that are told; empty for all.
    pub beginning: Box<[u8]>,
    /// Order of the branches below.
    pub sort: Sort,
    /// Branches to skip.
    pub offset: usize,
    /// Branches to tell.
    pub limit: usize,
    /// Time to wait for exact counts.
    pub patience: Duration,
    /// What may be told.
    pub rights: Rights,
    /// When it was asked.
    pub since: Instant,
}

/// Which keys are told that belong to a branch and to none below it.
pub struct KeysQuestion {
    /// Database.
    pub db: u16,
    /// As in [`Question`].
    pub prefix: Box<[u8]>,
    /// Where the page before ended; 0 begins.
    pub cursor: PageCursor,
    /// Keys to tell, at most.
    pub limit: usize,
}

/// What the thread is asked.
enum Ask {
    Branch(Question, Later),
    Keys(KeysQuestion, Later),
    Forget,
    Look(Look),
}

/// A look at what has changed since the last one.
pub struct Look {
    /// It is the first: from here on changes are told.
    pub begins: bool,
    /// Whether counts are kept for who looks, as for a question.
    pub keeps: bool,
    /// Is told the changes.
    pub then: Box<dyn FnOnce(Vec<BranchChange>) + Send>,
}

/// The way to the thread. It runs from the first question on.
#[derive(Default)]
pub struct KeyTree {
    asks: Mutex<Option<Sender<Ask>>>,
    /// Memory of outlines and samples, bytes.
    bytes: AtomicUsize,
}

impl KeyTree {
    /// Memory of what is kept besides the counts, which belong to the shards.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What ends a prefix, by the settings.
    pub fn separator(server: &Server) -> u8 {
        server.settings().prefix_separator.bytes().next().unwrap_or(b':')
    }

    /// Asks about a branch.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn ask(&self, server: &Arc<Server>, question: Question, later: Later) -> io::Result<()> {
        self.send(server, Ask::Branch(question, later))
    }

    /// Asks for keys.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn ask_keys(&self, server: &Arc<Server>, question: KeysQuestion, later: Later) -> io::Result<()> {
        self.send(server, Ask::Keys(question, later))
    }

    /// Looks which branches have changed. Where nothing is counted there is nothing to tell, and the thread is not started.
    pub fn look(&self, look: Look) {
        if let Some(asks) = &*self.asks.lock() {
            // Who waits learns that the thread has ended by what is dropped.
            let _ = asks.send(Ask::Look(look));
        }
    }

    /// Forgets all counts.
    pub fn forget(&self) {
        if let Some(asks) = &*self.asks.lock() {
            // Where nobody listens nothing is kept.
            let _ = asks.send(Ask::Forget);
        }
    }

    fn send(&self, server: &Arc<Server>, ask: Ask) -> io::Result<()> {
        let mut asks = self.asks.lock();
        let ask = match &*asks {
            Some(sender) => match sender.send(ask) {
                Ok(()) => return Ok(()),
                // It has ended.
                Err(back) => back.0,
            },
            None => ask,
        };
        let (sender, inbox) = channel();
        worker::start(server, inbox)?;
        // The thread has just begun and takes at least one question.
        let _ = sender.send(ask);
        *asks = Some(sender);
        Ok(())
    }
}
