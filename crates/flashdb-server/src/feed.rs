//! The feed: everything that is appended to the log, for those who follow (SYNC), encoded as requests.
//! A group of effects that belongs together travels between MULTI and EXEC.
//!
//! It taps the log under the log's own lock, so its order is that of the log. Without followers there
//! is no tap and nothing is encoded.

use crate::client::ClientInfo;
use crate::core_loop::Message;
use crate::server::Server;
use flashdb_log::record::REMOVAL;
use flashdb_log::{Frame, FrameError, FrameTap, Kind, Lsn, Record, effects};
use flashdb_resp::{Protocol, Reply};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

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
    /// Adds a follower. Called under the closed gate, so it misses nothing and gets nothing twice.
    pub fn follow(&self, server: &Arc<Server>, client: &Arc<ClientInfo>) {
        let mut state = self.state.lock();
        state.followers.push(client.clone());
        state.db = None;
        self.followers_count
            .store(state.followers.len(), Ordering::Release);
        drop(state);
        let tap = Tap(Arc::downgrade(server));
        server.space.log().set_tap(Some(Arc::new(tap)));
    }

    /// Takes a follower out.
    pub fn unfollow(&self, server: &Server, id: u64) {
        let mut state = self.state.lock();
        state.followers.retain(|client| client.id != id);
        let count = state.followers.len();
        self.followers_count.store(count, Ordering::Release);
        drop(state);
        if count == 0 {
            server.space.log().set_tap(None);
        }
    }

    /// Drops all followers: the data becomes another that no effects lead to. They come again and get all of it.
    pub fn drop_followers(&self, server: &Server) {
        let mut state = self.state.lock();
        let followers = std::mem::take(&mut state.followers);
        self.followers_count.store(0, Ordering::Release);
        drop(state);
        server.space.log().set_tap(None);
        for follower in followers {
            let client = follower.id;
            server.post(follower.loop_id, Message::Kill { client });
        }
    }

    /// Number of followers.
    pub fn followers_count(&self) -> usize {
        self.followers_count.load(Ordering::Relaxed)
    }

    /// Bytes sent since the start.
    pub fn offset(&self) -> u64 {
        self.state.lock().offset
    }

    fn send(&self, server: &Server, frames: &[u8]) -> Result<(), FrameError> {
        let mut state = self.state.lock();
        let mut encoded = Reply::new(Protocol::Resp2);
        for frame in effects::frames(frames) {
            state.encode(&mut encoded, &frame?)?;
        }
        state.offset += encoded.len() as u64;
        let bytes: Arc<[u8]> = encoded.into_bytes().into();
        for follower in &state.followers {
            server.deliver(follower, bytes.clone(), None);
        }
        Ok(())
    }
}

/// The feed's end at the log. It does not keep the server alive, which owns the log.
struct Tap(Weak<Server>);

impl FrameTap for Tap {
    fn frames(&self, frames: &[u8], last: Lsn) {
        let Some(server) = self.0.upgrade() else { return };
        if let Err(error) = server.feed.send(&server, frames) {
            tracing::error!(%error, lsn = last, "an effect cannot be decoded for those who follow");
        }
    }
}

impl State {
    fn encode(&mut self, out: &mut Reply, frame: &Frame<'_>) -> Result<(), FrameError> {
        // Removals of keys whose time had come stand for themselves; they need no group.
        let grouped = frame.record.kind == Kind::Group && frame.record.flags & REMOVAL == 0;
        let mut opened = false;
        frame.for_each(|record| {
            self.select(out, record.db);
            if grouped && !std::mem::replace(&mut opened, true) {
                words(out, &[b"MULTI"]);
            }
            request(out, record)
        })?;
        if opened {
            words(out, &[b"EXEC"]);
        }
        Ok(())
    }

    fn select(&mut self, out: &mut Reply, db: u16) {
        if self.db != Some(db) {
            self.db = Some(db);
            words(out, &[b"SELECT", db.to_string().as_bytes()]);
        }
    }
}

fn words(out: &mut Reply, words: &[&[u8]]) {
    out.array(words.len());
    words.iter().for_each(|word| out.bulk(word));
}

fn request(out: &mut Reply, record: &Record<'_>) -> Result<(), FrameError> {
    let request = record.request()?;
    let args = request.as_args();
    out.array(args.len());
    args.iter().for_each(|word| out.bulk(word));
    Ok(())
}
