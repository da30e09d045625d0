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
use std::sync::atomic::Ordering;

type Subscribers = Vec<Arc<ClientInfo>>;

#[derive(Default)]
struct Channels {
    channels: HashMap<Vec<u8>, Subscribers>,
    patterns: HashMap<Vec<u8>, Subscribers>,
    shard_channels: HashMap<Vec<u8>, Subscribers>,
}

/// Which of the three name spaces is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SUBSCRIBE.
    Channel,
    /// PSUBSCRIBE.
    Pattern,
    /// SSUBSCRIBE.
    Shard,
}

/// All subscriptions.
#[derive(Default)]
pub struct PubSub(RwLock<Channels>);

impl Channels {
    fn of(&mut self, kind: Kind) -> &mut HashMap<Vec<u8>, Subscribers> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shard_channels,
        }
    }
}

/// By what a client gets a message. It may have ended by the time at which the message comes to the client's loop, and
/// after the confirmation of that no client expects a message.
pub type Subscription = Arc<(Kind, Vec<u8>)>;

impl PubSub {
    /// Adds a subscription; the client keeps the list of its own.
    pub fn subscribe(&self, kind: Kind, name: &[u8], client: &Arc<ClientInfo>) {
        self.0
            .write()
            .of(kind)
            .entry(name.to_vec())
            .or_default()
            .push(client.clone());
    }

    /// Takes a subscription back.
    pub fn unsubscribe(&self, kind: Kind, name: &[u8], client: &Arc<ClientInfo>) {
        let mut channels = self.0.write();
        let names = channels.of(kind);
        if let Some(subscribers) = names.get_mut(name) {
            subscribers.retain(|subscriber| subscriber.id != client.id);
            if subscribers.is_empty() {
                names.remove(name);
            }
        }
    }

    /// Sends a message to a channel and to the patterns that match it; returns how many got it.
    pub fn publish(&self, server: &Server, channel: &[u8], message: &[u8]) -> usize {
        let channels = self.0.read();
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
        receivers
    }

    /// Sends a message to a shard channel; returns how many got it.
    pub fn publish_shard(&self, server: &Server, channel: &[u8], message: &[u8]) -> usize {
        let channels = self.0.read();
        let subscribers = channels.shard_channels.get(channel);
        subscribers.map_or(0, |subscribers| {
            send(
                server,
                subscribers,
                (Kind::Shard, channel),
                &[b"smessage", channel, message],
            )
        })
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
        let channels = self.0.read();
        let patterns = channels.patterns.iter();
        let by_pattern = patterns
            .filter(|(pattern, _)| glob::matches(pattern, channel))
            .map(|(_, subscribers)| receivers_of(subscribers).count());
        let by_name = channels.channels.get(channel);
        by_name.map_or(0, |subscribers| receivers_of(subscribers).count()) + by_pattern.sum::<usize>()
    }

    /// How many would get a message to a shard channel now.
    pub fn shard_receivers_count(&self, channel: &[u8]) -> usize {
        let channels = self.0.read();
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
        let mut channels = self.0.write();
        let names = channels.of(kind).keys();
        names
            .filter(|name| pattern.is_none_or(|pattern| glob::matches(pattern, name)))
            .cloned()
            .collect()
    }

    /// Subscribers whose subscription to a name is as `wanted` says; some may come twice. O(subscriptions).
    pub fn subscribers_where(
        &self,
        wanted: impl Fn(Kind, &[u8], &ClientInfo) -> bool,
    ) -> Vec<Arc<ClientInfo>> {
        let channels = self.0.read();
        let mut found = Vec::new();
        for (kind, names) in [
            (Kind::Channel, &channels.channels),
            (Kind::Pattern, &channels.patterns),
            (Kind::Shard, &channels.shard_channels),
        ] {
            for (name, subscribers) in names {
                found.extend(
                    subscribers
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
        self.0.write().of(kind).get(name).map_or(0, Vec::len)
    }

    /// Number of names of `kind` that somebody subscribed to.
    pub fn names_count(&self, kind: Kind) -> usize {
        self.0.write().of(kind).len()
    }
}

/// Those that are not being closed; one that is was told so already.
fn receivers_of(subscribers: &[Arc<ClientInfo>]) -> impl Iterator<Item = &Arc<ClientInfo>> {
    let is_open = |subscriber: &&Arc<ClientInfo>| !subscriber.killed.load(Ordering::Acquire);
    subscribers.iter().filter(is_open)
}

fn send(
    server: &Server,
    subscribers: &[Arc<ClientInfo>],
    (kind, name): (Kind, &[u8]),
    parts: &[&[u8]],
) -> usize {
    let mut subscription: Option<Subscription> = None;
    let mut encoded: [Option<Arc<[u8]>>; 2] = [None, None];
    let mut receivers = 0;
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
