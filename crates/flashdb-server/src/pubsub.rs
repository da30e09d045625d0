//! Channels, patterns and shard channels with their subscribers. A message is encoded once per
//! protocol version and handed to the subscribers' loops by reference.

use crate::client::{ClientInfo, flags};
use crate::server::Server;
use flashdb_base::glob;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_resp::{Protocol, Reply};
use flashdb_store::Message;
use parking_lot::RwLock;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who listens to a name.
#[derive(Default)]
struct Subscribers {
    clients: Vec<Arc<ClientInfo>>,
    /// Messages since somebody listens.
    messages: AtomicU64,
}

/// A name that is listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenedTo {
    /// What it is.
    pub kind: Kind,
    /// The channel or pattern.
    pub name: Arc<[u8]>,
    /// Clients that listen.
    pub subscribers: usize,
    /// Messages that they were sent, each counted once, since somebody listens.
    pub messages: u64,
}

/// Names are shared: who looks through them takes them along, and no loop waits meanwhile to publish or subscribe.
type Names = HashMap<Arc<[u8]>, Subscribers>;

#[derive(Default)]
struct Channels {
    channels: Names,
    patterns: Names,
    shard_channels: Names,
    /// Clients of all names together.
    subscriptions: usize,
}

/// Which of the three name spaces is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SUBSCRIBE.
    Channel,
    /// PSUBSCRIBE.
    Pattern,
    /// SSUBSCRIBE.
    Shard,
}

/// All that is listened to, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Channels with subscribers.
    pub channels: usize,
    /// Patterns with subscribers.
    pub patterns: usize,
    /// Shard channels with subscribers.
    pub shard_channels: usize,
    /// Subscriptions to all of them.
    pub subscriptions: usize,
}

/// Messages since the start, events of keys among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Those that were published, whether or not anybody listened.
    pub published: u64,
    /// Those that clients were sent.
    pub delivered: u64,
    /// Subscriptions that were begun and ended.
    pub changes: u64,
}

/// All subscriptions.
#[derive(Default)]
pub struct PubSub {
    channels: RwLock<Channels>,
    published: AtomicU64,
    delivered: AtomicU64,
    changes: AtomicU64,
}

impl Channels {
    fn of(&self, kind: Kind) -> &Names {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shard_channels,
        }
    }

    fn of_mut(&mut self, kind: Kind) -> &mut Names {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shard_channels,
        }
    }

    fn by_kind(&self) -> [(Kind, &Names); 3] {
        [
            (Kind::Channel, &self.channels),
            (Kind::Pattern, &self.patterns),
            (Kind::Shard, &self.shard_channels),
        ]
    }
}

/// By what a client gets a message. It may have ended by the time at which the message comes to the client's loop, and
/// after the confirmation of that no client expects a message.
pub type Subscription = Arc<(Kind, Vec<u8>)>;

impl PubSub {
    /// Adds a subscription; the client keeps the list of its own.
    pub fn subscribe(&self, kind: Kind, name: &[u8], client: &Arc<ClientInfo>) {
        let mut channels = self.channels.write();
        let names = channels.of_mut(kind);
        match names.get_mut(name) {
            Some(subscribers) => subscribers.clients.push(client.clone()),
            None => {
                let subscribers = names.entry(name.into()).or_default();
                subscribers.clients.push(client.clone());
            }
        }
        channels.subscriptions += 1;
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a subscription back.
    pub fn unsubscribe(&self, kind: Kind, name: &[u8], client: &Arc<ClientInfo>) {
        let mut channels = self.channels.write();
        let names = channels.of_mut(kind);
        if let Some(subscribers) = names.get_mut(name) {
            let before = subscribers.clients.len();
            subscribers
                .clients
                .retain(|subscriber| subscriber.id != client.id);
            let gone = before - subscribers.clients.len();
            self.changes.fetch_add(1, Ordering::Relaxed);
            if subscribers.clients.is_empty() {
                names.remove(name);
            }
            channels.subscriptions -= gone;
        }
    }

    /// Sends a message to a channel and to the patterns that match it; returns how many got it.
    pub fn publish(&self, server: &Server, channel: &[u8], message: &[u8]) -> usize {
        let channels = self.channels.read();
        let mut receivers = 0;
        if let Some(subscribers) = channels.channels.get(channel) {
            receivers += send(
                server,
                subscribers,
                (Kind::Channel, channel),
                &[b"message", channel, message],
            );
        }
        for (pattern, subscribers) in &channels.patterns {
            if glob::matches(pattern, channel) {
                let parts: &[&[u8]] = &[b"pmessage", pattern, channel, message];
                receivers += send(server, subscribers, (Kind::Pattern, pattern), parts);
            }
        }
        self.count(receivers);
        receivers
    }

    fn count(&self, receivers: usize) {
        self.published.fetch_add(1, Ordering::Relaxed);
        self.delivered.fetch_add(receivers as u64, Ordering::Relaxed);
    }

    /// Sends a message to a shard channel; returns how many got it.
    pub fn publish_shard(&self, server: &Server, channel: &[u8], message: &[u8]) -> usize {
        let channels = self.channels.read();
        let subscribers = channels.shard_channels.get(channel);
        let receivers = subscribers.map_or(0, |subscribers| {
            send(
                server,
                subscribers,
                (Kind::Shard, channel),
                &[b"smessage", channel, message],
            )
        });
        self.count(receivers);
        receivers
    }

    /// Sends a message that was held until its command could not be undone any more.
    pub fn publish_held(&self, server: &Server, message: &Message) {
        if message.to_shard_channel {
            self.publish_shard(server, &message.channel, &message.text);
        } else {
            self.publish(server, &message.channel, &message.text);
        }
    }

    /// How many would get a message to a channel now, patterns included.
    pub fn receivers_count(&self, channel: &[u8]) -> usize {
        let channels = self.channels.read();
        let patterns = channels.patterns.iter();
        let by_pattern = patterns
            .filter(|(pattern, _)| glob::matches(pattern, channel))
            .map(|(_, subscribers)| receivers_of(subscribers).count());
        let by_name = channels.channels.get(channel);
        by_name.map_or(0, |subscribers| receivers_of(subscribers).count()) + by_pattern.sum::<usize>()
    }

    /// How many would get a message to a shard channel now.
    pub fn shard_receivers_count(&self, channel: &[u8]) -> usize {
        let channels = self.channels.read();
        let subscribers = channels.shard_channels.get(channel);
        subscribers.map_or(0, |subscribers| receivers_of(subscribers).count())
    }

    /// Publishes a key-space event on the channel families that `enabled` names.
    pub fn key_event(&self, server: &Server, enabled: NotifyFlags, db: u16, key: &[u8], event: &str) {
        if enabled.contains(NotifyFlags::KEYSPACE) {
            let channel = [format!("__keyspace@{db}__:").as_bytes(), key].concat();
            self.publish(server, &channel, event.as_bytes());
        }
        if enabled.contains(NotifyFlags::KEYEVENT) {
            self.publish(server, format!("__keyevent@{db}__:{event}").as_bytes(), key);
        }
    }

    /// Names of `kind` that somebody subscribed to and that match `pattern`. They are compared when the lock is free again: how
    /// long that takes is up to who chose the names and the pattern.
    pub fn names(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        let mut names: Vec<_> = self.channels.read().of(kind).keys().cloned().collect();
        names.retain(|name| pattern.is_none_or(|pattern| glob::matches(pattern, name)));
        names
    }

    /// Names of all kinds for which `is_wanted`, most subscribers first and then by name, at most `limit` of them; and how many are
    /// wanted. O(names); nobody can subscribe while references to them are copied, and all else comes after that.
    pub fn listened_to(&self, is_wanted: impl Fn(&[u8]) -> bool, limit: usize) -> (Vec<ListenedTo>, usize) {
        // The last of them on top, which goes when a better one comes.
        let mut first = BinaryHeap::new();
        let mut wanted = 0;
        for (kind, name, count, messages) in self.all() {
            if !is_wanted(&name) {
                continue;
            }
            wanted += 1;
            first.push((Reverse(count), name, kind, messages));
            if first.len() > limit {
                first.pop();
            }
        }
        let found = first.into_sorted_vec().into_iter();
        let found = found.map(|(Reverse(subscribers), name, kind, messages)| ListenedTo {
            kind,
            name,
            subscribers,
            messages,
        });
        (found.collect(), wanted)
    }

    /// All names, with the numbers of their subscribers and messages.
    fn all(&self) -> Vec<(Kind, Arc<[u8]>, usize, u64)> {
        let channels = self.channels.read();
        let kinds = channels.by_kind();
        let mut all = Vec::with_capacity(kinds.iter().map(|(_, names)| names.len()).sum());
        for (kind, names) in kinds {
            all.extend(names.iter().map(|(name, subscribers)| {
                let messages = subscribers.messages.load(Ordering::Relaxed);
                (kind, name.clone(), subscribers.clients.len(), messages)
            }));
        }
        all
    }

    /// How many names of each kind there are, and all subscriptions to them.
    pub fn totals(&self) -> Totals {
        let channels = self.channels.read();
        Totals {
            channels: channels.channels.len(),
            patterns: channels.patterns.len(),
            shard_channels: channels.shard_channels.len(),
            subscriptions: channels.subscriptions,
        }
    }

    /// Messages since the start.
    pub fn heard(&self) -> Heard {
        Heard {
            published: self.published.load(Ordering::Relaxed),
            delivered: self.delivered.load(Ordering::Relaxed),
            changes: self.changes.load(Ordering::Relaxed),
        }
    }

    /// Subscribers whose subscription to a name is as `wanted` says; some may come twice. O(subscriptions).
    pub fn subscribers_where(
        &self,
        wanted: impl Fn(Kind, &[u8], &ClientInfo) -> bool,
    ) -> Vec<Arc<ClientInfo>> {
        let channels = self.channels.read();
        let mut found = Vec::new();
        for (kind, names) in channels.by_kind() {
            for (name, subscribers) in names {
                found.extend(
                    subscribers
                        .clients
                        .iter()
                        .filter(|info| wanted(kind, name, info))
                        .cloned(),
                );
            }
        }
        found
    }

    /// Subscribers of a name.
    pub fn subscribers_count(&self, kind: Kind, name: &[u8]) -> usize {
        let channels = self.channels.read();
        let subscribers = channels.of(kind).get(name);
        subscribers.map_or(0, |subscribers| subscribers.clients.len())
    }

    /// Number of names of `kind` that somebody subscribed to.
    pub fn names_count(&self, kind: Kind) -> usize {
        self.channels.read().of(kind).len()
    }
}

/// Those that are not being closed; one that is was told so already.
fn receivers_of(subscribers: &Subscribers) -> impl Iterator<Item = &Arc<ClientInfo>> {
    let is_open = |subscriber: &&Arc<ClientInfo>| !subscriber.killed.load(Ordering::Acquire);
    subscribers.clients.iter().filter(is_open)
}

fn send(server: &Server, subscribers: &Subscribers, (kind, name): (Kind, &[u8]), parts: &[&[u8]]) -> usize {
    let mut subscription: Option<Subscription> = None;
    let mut encoded: [Option<Arc<[u8]>>; 2] = [None, None];
    let mut receivers = 0;
    subscribers.messages.fetch_add(1, Ordering::Relaxed);
    for subscriber in receivers_of(subscribers) {
        receivers += 1;
        let resp3 = subscriber.flags.load(Ordering::Relaxed) & flags::RESP3 != 0;
        let bytes = encoded[usize::from(resp3)].get_or_insert_with(|| {
            let mut reply = Reply::new(if resp3 { Protocol::Resp3 } else { Protocol::Resp2 });
            reply.push(parts.len());
            for part in parts {
                reply.bulk(part);
            }
            reply.into_bytes().into()
        });
        let subscription = subscription.get_or_insert_with(|| Arc::new((kind, name.to_vec())));
        server.deliver(subscriber, bytes.clone(), Some(subscription.clone()));
    }
    receivers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_listened_to_are_told_and_all_are_counted() {
        let pubsub = PubSub::default();
        let client = |id| {
            Arc::new(ClientInfo {
                id,
                ..ClientInfo::default()
            })
        };
        let (one, other) = (client(1), client(2));
        for name in [b"c".as_slice(), b"a", b"b"] {
            pubsub.subscribe(Kind::Channel, name, &one);
        }
        pubsub.subscribe(Kind::Pattern, b"a", &one);
        pubsub.subscribe(Kind::Shard, b"x", &one);
        pubsub.subscribe(Kind::Shard, b"x", &other);
        let (found, matching) = pubsub.listened_to(|_| true, 3);
        let seen: Vec<_> = found
            .iter()
            .map(|row| (row.subscribers, row.kind, &*row.name))
            .collect();
        let wanted = [
            (2, Kind::Shard, b"x".as_slice()),
            (1, Kind::Channel, b"a"),
            (1, Kind::Pattern, b"a"),
        ];
        assert_eq!((seen.as_slice(), matching), (wanted.as_slice(), 5));
        assert_eq!(pubsub.listened_to(|name| name != b"a", 1).1, 3);
        assert_eq!(pubsub.totals().subscriptions, 6);
        pubsub.unsubscribe(Kind::Shard, b"x", &one);
        pubsub.unsubscribe(Kind::Shard, b"x", &one);
        pubsub.unsubscribe(Kind::Channel, b"c", &one);
        let totals = pubsub.totals();
        assert_eq!((totals.subscriptions, totals.channels), (4, 2));
    }

    /// What is compared may be long, and a loop that publishes must not wait for it.
    #[test]
    fn names_are_compared_while_others_subscribe() {
        let pubsub = PubSub::default();
        let client = Arc::new(ClientInfo::default());
        pubsub.subscribe(Kind::Channel, b"a", &client);
        let is_wanted = |name: &[u8]| {
            let is_free = pubsub.channels.try_write().is_some();
            assert!(is_free, "nobody could subscribe while {name:?} is compared");
            true
        };
        assert_eq!(pubsub.listened_to(is_wanted, 10).1, 1);
        let names = pubsub.names(Kind::Channel, Some(b"[ab]"));
        assert_eq!(names, [Arc::from(b"a".as_slice())]);
        // They are references to what is there, however long that is.
        let channels = pubsub.channels.read();
        assert!(channels.channels.contains_key(&names[0]) && Arc::strong_count(&names[0]) == 2);
    }
}
