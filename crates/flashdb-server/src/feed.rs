//! The feed of decided effects: the first consumer of what handlers decide, in the order in which
//! they were committed, encoded as requests. Followers (SYNC) get it as their replication stream.
//! A group of effects that belongs together travels between MULTI and EXEC.
//!
//! Effects are appended while the shard locks are held, under the feed's own lock, so the order of
//! the feed is the order of execution for every key.

use crate::client::ClientInfo;
use crate::server::Server;
use flashdb_resp::{OwnedArgs, Protocol, Reply};
use flashdb_store::Decided;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Followers and what they were sent last.
#[derive(Default)]
pub struct Feed {
    followers_count: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    followers: Vec<Arc<ClientInfo>>,
    /// Database of the last effect sent; `None` makes the next one name its own.
    db: Option<u16>,
    /// Bytes sent since the start (INFO master_repl_offset).
    offset: u64,
}

impl Feed {
    /// Whether anybody follows; effects are recorded only then.
    #[inline]
    pub fn is_followed(&self) -> bool {
        self.followers_count.load(Ordering::Relaxed) > 0
    }

    /// Adds a follower. Called under the closed gate, so it misses nothing and gets nothing twice.
    pub fn follow(&self, client: &Arc<ClientInfo>) {
        let mut state = self.state.lock();
        state.followers.push(client.clone());
        state.db = None;
        self.followers_count
            .store(state.followers.len(), Ordering::Release);
    }

    /// Takes a follower out.
    pub fn unfollow(&self, id: u64) {
        let mut state = self.state.lock();
        state.followers.retain(|client| client.id != id);
        self.followers_count
            .store(state.followers.len(), Ordering::Release);
    }

    /// Number of followers.
    pub fn followers_count(&self) -> usize {
        self.followers_count.load(Ordering::Relaxed)
    }

    /// Bytes sent since the start.
    pub fn offset(&self) -> u64 {
        self.state.lock().offset
    }

    /// Sends the effects of one command or transaction.
    pub fn append(&self, server: &Server, decided: &[Decided]) {
        let Some(first) = decided.first() else { return };
        let mut state = self.state.lock();
        let mut encoded = Reply::new(Protocol::Resp2);
        // Removals of keys whose time had come stand for themselves; they need no group.
        let grouped = decided.len() > 1 && !decided.iter().all(|effect| effect.removal);
        state.select(&mut encoded, first.db);
        if grouped {
            encode(&mut encoded, &OwnedArgs::from_words([b"MULTI".as_slice()]));
        }
        for effect in decided {
            state.select(&mut encoded, effect.db);
            encode(&mut encoded, &effect.words);
        }
        if grouped {
            encode(&mut encoded, &OwnedArgs::from_words([b"EXEC".as_slice()]));
        }
        state.offset += encoded.len() as u64;
        let bytes: Arc<[u8]> = encoded.into_bytes().into();
        for follower in &state.followers {
            server.deliver(follower, bytes.clone());
        }
    }
}

impl State {
    fn select(&mut self, encoded: &mut Reply, db: u16) {
        if self.db != Some(db) {
            self.db = Some(db);
            encode(
                encoded,
                &OwnedArgs::from_words([b"SELECT".as_slice(), db.to_string().as_bytes()]),
            );
        }
    }
}

fn encode(out: &mut Reply, words: &OwnedArgs) {
    let args = words.as_args();
    out.array(args.len());
    args.iter().for_each(|word| out.bulk(word));
}
