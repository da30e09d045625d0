//! Notices: what one client is told of changed keys. Made by the loop on which the keys changed, posted to the loop of the
//! client that gets them, and written there, in the protocol that this connection speaks by then.

use super::broadcast::TurnChanges;
use super::{Mode, Tracker, Tracking};
use crate::client::Client;
use crate::core_loop::Message;
use crate::dispatch::Turn;
use crate::server::Server;
use flashdb_resp::Reply;
use flashdb_store::Invalidation;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The channel by which clients of RESP2 are told.
const CHANNEL: &str = "__redis__:invalidate";

/// What there is to tell.
#[derive(Clone)]
pub enum News {
    /// These keys changed.
    Keys(Arc<[Box<[u8]>]>),
    /// Everything changed.
    All,
    /// Notices cannot be sent where they should go.
    Broken,
}

/// News for one tracker.
pub struct Notice {
    /// Whose cache it is about.
    pub tracker: Arc<Tracker>,
    /// What there is to tell.
    pub news: News,
}

impl Notice {
    /// Adds a notice, or one that says that there is nobody to get it.
    pub(super) fn push(out: &mut Vec<Notice>, tracker: &Arc<Tracker>, news: News) {
        let gone = tracker
            .redirect
            .as_ref()
            .is_some_and(|redirect| redirect.killed.load(Ordering::Acquire));
        let tracker = tracker.clone();
        out.push(if gone {
            Notice::broken(tracker)
        } else {
            Notice { tracker, news }
        });
    }

    /// Tells a client that its notices cannot be sent where they should go.
    pub fn broken(tracker: Arc<Tracker>) -> Self {
        tracker.broken.store(true, Ordering::Relaxed);
        Notice {
            tracker,
            news: News::Broken,
        }
    }

    /// Whether it goes to another client than the one it is about.
    pub fn is_redirected(&self) -> bool {
        self.tracker.redirect.is_some() && !matches!(self.news, News::Broken)
    }

    /// Id and core loop of the client that gets it.
    pub fn target(&self) -> (u64, usize) {
        let tracker = &self.tracker;
        let client = match &tracker.redirect {
            Some(redirect) if self.is_redirected() => redirect,
            _ => &tracker.client,
        };
        (client.id, client.loop_id)
    }

    /// Writes it, where the protocol has words for it: RESP2 knows no pushes, but messages to a client that is subscribed
    /// to something and gets the notices of others.
    pub fn write(&self, reply: &mut Reply, is_subscribed: bool) {
        if matches!(self.news, News::Broken) {
            if reply.is_resp3() {
                reply.push(2);
                reply.bulk_str("tracking-redir-broken");
                reply.integer(self.tracker.redirect_id() as i64);
            }
            return;
        }
        if reply.is_resp3() {
            reply.push(2);
            reply.bulk_str("invalidate");
        } else if self.is_redirected() && is_subscribed {
            reply.push(3);
            reply.bulk_str("message");
            reply.bulk_str(CHANNEL);
        } else {
            return;
        }
        match &self.news {
            News::Keys(keys) => {
                reply.array(keys.len());
                keys.iter().for_each(|key| reply.bulk(key));
            }
            News::All | News::Broken => reply.null(),
        }
    }
}

impl Tracking {
    fn notices(&self, pending: Vec<Invalidation>) -> Vec<Notice> {
        let (mut out, mut changes) = (Vec::new(), TurnChanges::default());
        let prefixes = self.prefixes.read();
        for one in pending {
            match one {
                Invalidation::Key { key, readers, author } => {
                    prefixes.note(&mut changes, &key, author);
                    self.tell_readers(&mut out, key, &readers, author);
                }
                Invalidation::Forgotten { key, readers } => self.tell_readers(&mut out, key, &readers, 0),
                Invalidation::All { told } => {
                    let trackers = self.trackers.read();
                    for tracker in trackers.values().filter(|one| !told.contains(&one.client.id)) {
                        Notice::push(&mut out, tracker, News::All);
                    }
                }
            }
        }
        prefixes.notices(changes, &self.trackers.read(), &mut out);
        out
    }

    fn tell_readers(&self, out: &mut Vec<Notice>, key: Box<[u8]>, readers: &[u64], author: u64) {
        if readers.is_empty() {
            return;
        }
        let trackers = self.trackers.read();
        let known = readers.iter().filter_map(|reader| trackers.get(reader));
        let told: SmallVec<[&Arc<Tracker>; 8]> = known
            .filter(|tracker| tracker.mode != Mode::Broadcast && tracker.wants(author))
            .collect();
        if told.is_empty() {
            return;
        }
        let news = News::Keys(Arc::new([key]));
        for tracker in told {
            Notice::push(out, tracker, news.clone());
        }
    }
}

/// Makes notices of what the commands of this loop have changed, and posts them, one message to each loop.
pub fn post_notices(turn: &mut Turn<'_, '_>) {
    let pending = std::mem::take(&mut turn.data.effects.invalidations);
    if !pending.is_empty() {
        post(turn.server, turn.server.tracking.notices(pending));
    }
}

fn post(server: &Server, notices: Vec<Notice>) {
    let mut by_loop: Vec<Vec<Notice>> = server.loops.iter().map(|_| Vec::new()).collect();
    for notice in notices {
        by_loop[notice.target().1].push(notice);
    }
    for (loop_id, notices) in by_loop.into_iter().enumerate() {
        if !notices.is_empty() {
            server.post(loop_id, Message::Tell(notices));
        }
    }
}

/// Writes what a client is to be told of keys it has read itself, before its next command runs: news then stand where they
/// arose, also between the replies to a pipeline. What goes elsewhere, and what waits for the end of the turn, stays.
pub fn tell_own(turn: &mut Turn<'_, '_>, client: &Client, reply: &mut Reply) {
    let Some(tracker) = &client.tracking.tracker else {
        return;
    };
    if tracker.redirect.is_some() || tracker.mode == Mode::Broadcast {
        return;
    }
    let id = client.info.id;
    for one in &mut turn.data.effects.invalidations {
        let (key, readers, author) = match one {
            Invalidation::Key { key, readers, author } => (key, readers, *author),
            Invalidation::Forgotten { key, readers } => (key, readers, 0),
            Invalidation::All { told } if told.contains(&id) => continue,
            Invalidation::All { told } => {
                told.push(id);
                write_own(tracker, News::All, reply);
                continue;
            }
        };
        let Ok(at) = readers.binary_search(&id) else {
            continue;
        };
        readers.remove(at);
        if tracker.wants(author) {
            write_own(tracker, News::Keys(Arc::new([key.clone()])), reply);
        }
    }
}

fn write_own(tracker: &Arc<Tracker>, news: News, reply: &mut Reply) {
    let tracker = tracker.clone();
    Notice { tracker, news }.write(reply, false);
}
