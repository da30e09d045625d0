//! Client-side caching: who tracks what, and what a client is told when keys change.
//!
//! The way of an invalidation: a read of a tracking client is remembered in the table of its key's shard, under that
//! shard's lock (`own`); `commit` takes the readers of a changed key out of the table, under the same lock, and leaves them
//! with the effects; at the end of its turn, or before the next command of a client that reads its own news, the core loop
//! makes notices of them and posts these to the loops of the clients (`notice`). A client's loop writes a notice behind
//! all replies it has written so far, so behind the reply that the notice makes stale.

mod bound;
mod broadcast;
mod notice;
mod own;

pub use bound::{is_over_bound, keep_bound};
pub use notice::{Notice, post_notices, tell_own};
pub use own::{OwnTracking, reads, remember};

use crate::client::ClientInfo;
use crate::server::Server;
use broadcast::Prefixes;
use parking_lot::RwLock;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Of which keys a client is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Those it has read.
    #[default]
    Reads,
    /// Those it has read right after CLIENT CACHING YES.
    OptIn,
    /// Those it has read, but not right after CLIENT CACHING NO.
    OptOut,
    /// Those that begin with one of its prefixes.
    Broadcast,
}

/// A tracking client as every thread may see it. Each CLIENT TRACKING ON makes a new one.
pub struct Tracker {
    /// The client.
    pub client: Arc<ClientInfo>,
    /// Who gets its notices instead.
    pub redirect: Option<Arc<ClientInfo>>,
    /// Of which keys it is told.
    pub mode: Mode,
    /// Not of its own changes.
    pub no_loop: bool,
    /// The client that was to get its notices has gone.
    broken: AtomicBool,
}

impl Tracker {
    /// One whose redirection works.
    pub fn new(
        client: Arc<ClientInfo>,
        redirect: Option<Arc<ClientInfo>>,
        mode: Mode,
        no_loop: bool,
    ) -> Self {
        Tracker {
            client,
            redirect,
            mode,
            no_loop,
            broken: AtomicBool::new(false),
        }
    }

    /// Whether the client that was to get its notices has been found gone.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Id of the client that gets its notices, 0 for itself.
    pub fn redirect_id(&self) -> u64 {
        self.redirect.as_ref().map_or(0, |client| client.id)
    }

    /// Whether it wants to know of a change that `author` made.
    fn wants(&self, author: u64) -> bool {
        !(self.no_loop && author == self.client.id)
    }
}

/// Tracking clients by id.
type Trackers = HashMap<u64, Arc<Tracker>>;

/// All tracking clients.
#[derive(Default)]
pub struct Tracking {
    count: AtomicUsize,
    trackers: RwLock<Trackers>,
    prefixes: RwLock<Prefixes>,
}

impl Tracking {
    /// Number of tracking clients.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Number of prefixes that somebody is told of.
    pub fn prefixes_count(&self) -> usize {
        self.prefixes.read().count()
    }

    /// How a client tracks; `None` if it does not.
    pub fn of(&self, client: u64) -> Option<Arc<Tracker>> {
        self.trackers.read().get(&client).cloned()
    }

    /// Adds a tracker, in place of the client's earlier one, and prefixes that it had not yet. From the return on no change
    /// is missed.
    pub fn add(&self, server: &Server, tracker: &Arc<Tracker>, added: &[Box<[u8]>]) {
        let id = tracker.client.id;
        let mut trackers = self.trackers.write();
        trackers.insert(id, tracker.clone());
        self.count.store(trackers.len(), Ordering::Relaxed);
        drop(trackers);
        if !added.is_empty() {
            self.change_prefixes(server, |prefixes| {
                added.iter().for_each(|one| prefixes.add(one, id))
            });
        }
    }

    /// Takes a client out, with its prefixes. What it has read stays in the table until it changes or the table is full.
    pub fn remove(&self, server: &Server, client: u64, prefixes: &BTreeSet<Box<[u8]>>) {
        let mut trackers = self.trackers.write();
        trackers.remove(&client);
        self.count.store(trackers.len(), Ordering::Relaxed);
        drop(trackers);
        if !prefixes.is_empty() {
            self.change_prefixes(server, |all| {
                prefixes.iter().for_each(|one| all.remove(one, client))
            });
        }
    }

    fn change_prefixes(&self, server: &Server, change: impl FnOnce(&mut Prefixes)) {
        let mut prefixes = self.prefixes.write();
        change(&mut prefixes);
        // Under the lock, so that the last change has the last word.
        server.space.tracked().set_broadcasts(prefixes.count() > 0);
    }
}
