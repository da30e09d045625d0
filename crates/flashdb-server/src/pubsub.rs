//! Channels, patterns and shard channels with their subscribers. A message is encoded once per
//! protocol version and handed to the subscribers' loops by reference.

use crate::client::{ClientInfo, flags};
use crate::server::Server;
use flashdb_base::glob;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_resp::{Protocol, Reply};
use flashdb_store::Message;
use parking_lot::RwLock;
use std::collections::HashMap;
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
    pub name: Vec<u8>,
    /// Clients that listen.
    pub subscribers: usize,
    /// Messages that they were sent, each counted once, since somebody listens.
    pub messages: u64,
}

#[derive(Default)]
struct Channels {
    channels: HashMap<Vec<u8>, Subscribers>,
    patterns: HashMap<Vec<u8>, Subscribers>,
    shard_channels: HashMap<Vec<u8>, Subscribers>,
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
    fn of(&mut self, kind: Kind) -> &mut HashMap<Vec<u8>, Subscribers> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shard_channels,
        }
    }

    fn by_kind(&self) -> [(Kind, &HashMap<Vec<u8>, Subscribers>); 3] {
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
        self.channels
            .write()
            .of(kind)
            .entry(name.to_vec())
            .or_default()
            .clients
            .push(client.clone());
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a subscription back.
    pub fn unsubscribe(&self, kind: Kind, name: &[u8], client: &Arc<ClientInfo>) {
        let mut channels = self.channels.write();
        let names = channels.of(kind);
        if let Some(subscribers) = names.get_mut(name) {
            subscribers
                .clients
                .retain(|subscriber| subscriber.id != client.id);
            self.changes.fetch_add(1, Ordering::Relaxed);
            if subscribers.clients.is_empty() {
                names.remove(name);
            }
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

    /// Names of `kind` that somebody subscribed to and that match `pattern`.
    pub fn names(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Vec<u8>> {
        let mut channels = self.channels.write();
        let names = channels.of(kind).keys();
        names
            .filter(|name| pattern.is_none_or(|pattern| glob::matches(pattern, name)))
            .cloned()
            .collect()
    }

    /// Names of all kinds that match `pattern`.
    pub fn listened_to(&self, pattern: Option<&[u8]>) -> Vec<ListenedTo> {
        let channels = self.channels.read();
        let matches = |name: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name));
        let found = channels.by_kind().into_iter().flat_map(|(kind, names)| {
            let names = names.iter().filter(|(name, _)| matches(name));
            names.map(move |(name, subscribers)| ListenedTo {
                kind,
                name: name.clone(),
                subscribers: subscribers.clients.len(),
                messages: subscribers.messages.load(Ordering::Relaxed),
            })
        });
        found.collect()
    }

    /// How many names of each kind there are, and all subscriptions to them.
    pub fn totals(&self) -> Totals {
        let channels = self.channels.read();
        let all = channels
            .by_kind()
            .into_iter()
            .flat_map(|(_, names)| names.values());
        Totals {
            channels: channels.channels.len(),
            patterns: channels.patterns.len(),
            shard_channels: channels.shard_channels.len(),
            subscriptions: all.map(|subscribers| subscribers.clients.len()).sum(),
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
        self.channels
            .write()
            .of(kind)
            .get(name)
            .map_or(0, |subscribers| subscribers.clients.len())
    }

    /// Number of names of `kind` that somebody subscribed to.
    pub fn names_count(&self, kind: Kind) -> usize {
        self.channels.write().of(kind).len()
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
