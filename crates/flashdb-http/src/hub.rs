//! Brings what parts of the server publish to who watches it over a WebSocket.
//!
//! `app.hub.publish(topic, id, &data)` from any thread: the message `{"type":<topic>,"data":<data>}` is written once and put into the
//! inbox of each viewer who has the topic. It never waits. What an inbox holds is bounded by the topic's class (`topic.rs`): the newest
//! of a state, some events, up to 256 messages that have to arrive, of which those with the same `id` replace each other. A viewer
//! who lets the latter fill up is closed, and asks REST for what it missed. What costs something to produce asks
//! [`Hub::is_watched`] first. Viewers subscribe in `live.rs`, where their rights are looked at.

use crate::topic::{Class, TOPICS, Topic, Topics};
use axum::extract::ws::Utf8Bytes;
use flashdb_server::engine::Identity;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Messages that have to arrive and wait for a viewer.
const WAITING_MAX: usize = 256;
/// Size of a message; a larger one is not sent. With `WAITING_MAX` this bounds what a viewer may hold.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Batches of events in a second.
const BATCHES_PER_SECOND: usize = 4;
/// Time between two.
pub(crate) const BATCH_TIME: Duration = Duration::from_millis(1000 / BATCHES_PER_SECOND as u64);
/// Age of a state above which a new subscriber is not shown it.
const FRESH_TIME: Duration = Duration::from_secs(5);

/// See the module's head.
#[derive(Default)]
pub(crate) struct Hub {
    inboxes: Mutex<Vec<Arc<Inbox>>>,
    /// The last message of each state.
    newest: Mutex<[Option<(Instant, Utf8Bytes)>; TOPICS]>,
    watching: [AtomicUsize; TOPICS],
    /// Told when a topic gets its first viewer.
    wanted: [Notify; TOPICS],
}

/// What waits for a viewer.
#[derive(Default)]
pub(crate) struct Inbox {
    held: Mutex<Held>,
    /// Whose it is, for what is not the same for all.
    viewer: Mutex<Option<Identity>>,
    /// There is something other than events.
    ready: Notify,
}

#[derive(Default)]
struct Held {
    topics: Topics,
    states: [Option<Utf8Bytes>; TOPICS],
    events: VecDeque<Event>,
    lost: [u64; TOPICS],
    waiting: VecDeque<Waiting>,
    overflowed: bool,
}

/// An event that waits for a viewer.
struct Event {
    topic: Topic,
    message: Utf8Bytes,
    /// As of which state of the users it may be seen; none where the topic's right is all it takes.
    rights: Option<u64>,
}

/// Events for those who may see the same, as of a state of the users.
pub(crate) struct Share {
    pub messages: Vec<Utf8Bytes>,
    /// How many more there were.
    pub lost: u64,
    /// The engine's `users_generation` before their rights were looked at.
    pub rights: u64,
}

struct Waiting {
    topic: Topic,
    id: Option<String>,
    message: Utf8Bytes,
}

/// A viewer has taken none of what has to arrive for too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflowed;

impl Hub {
    /// Sends a message to who watches the topic. `id` names what it is about: of messages that have to arrive, only the newest of
    /// an id waits. Cost: writing the JSON once if anybody watches, and O(viewers).
    pub fn publish(&self, topic: Topic, id: Option<&str>, data: &impl Serialize) {
        let keeps = topic.row().class == Class::State;
        if !keeps && !self.is_watched(topic) {
            return;
        }
        let text = json!({"type": topic.row().kind, "data": data}).to_string();
        if text.len() > MESSAGE_BYTES_MAX {
            tracing::warn!(
                topic = topic.row().kind,
                bytes = text.len(),
                "a message for viewers is too large"
            );
            return;
        }
        let message = Utf8Bytes::from(text);
        if keeps {
            self.newest.lock()[topic as usize] = Some((Instant::now(), message.clone()));
        }
        for inbox in self.inboxes.lock().iter() {
            inbox.put(topic, id, &message);
        }
    }

    /// Who watches the topic, for what is not the same for all. Finding out what somebody may see takes a moment; others publish
    /// meanwhile.
    pub fn watchers(&self, topic: Topic) -> Vec<Arc<Inbox>> {
        let inboxes = self.inboxes.lock().clone();
        let watches = |inbox: &Arc<Inbox>| inbox.held.lock().topics.has(topic);
        inboxes.into_iter().filter(watches).collect()
    }

    /// Whether anybody has one of the topics now.
    pub fn is_any_watched(&self, topics: &[Topic]) -> bool {
        topics.iter().any(|topic| self.is_watched(*topic))
    }

    /// Waits until somebody has one of the topics. For one task only.
    pub async fn any_watched(&self, topics: [Topic; 2]) {
        let [first, second] = topics;
        tokio::select! {
            () = self.watched(first) => {}
            () = self.watched(second) => {}
        }
    }

    /// Whether anybody has the topic now.
    pub fn is_watched(&self, topic: Topic) -> bool {
        self.watching[topic as usize].load(Ordering::Relaxed) > 0
    }

    /// Waits until somebody has the topic. For one task only.
    pub async fn watched(&self, topic: Topic) {
        while !self.is_watched(topic) {
            self.wanted[topic as usize].notified().await;
        }
    }

    /// A viewer's inbox, without topics yet, until the answer is dropped.
    pub fn join(self: &Arc<Self>) -> Membership {
        let inbox = Arc::<Inbox>::default();
        self.inboxes.lock().push(inbox.clone());
        Membership {
            hub: self.clone(),
            inbox,
        }
    }
}

/// A viewer's place in the hub.
pub(crate) struct Membership {
    hub: Arc<Hub>,
    inbox: Arc<Inbox>,
}

impl Membership {
    /// From now on the viewer has these topics, and the newest of each state that was not among them. What waits of the others is
    /// dropped.
    pub fn set_topics(&self, topics: Topics) {
        let before = std::mem::replace(&mut self.inbox.held.lock().topics, topics);
        for topic in Topic::all().filter(|&topic| before.has(topic) != topics.has(topic)) {
            let watching = &self.hub.watching[topic as usize];
            if before.has(topic) {
                watching.fetch_sub(1, Ordering::Relaxed);
                self.inbox.forget(topic);
            } else {
                if watching.fetch_add(1, Ordering::Relaxed) == 0 {
                    self.hub.wanted[topic as usize].notify_one();
                }
                self.show_newest(topic);
            }
        }
    }

    fn show_newest(&self, topic: Topic) {
        let newest = self.hub.newest.lock()[topic as usize].clone();
        if let Some((at, message)) = newest
            && at.elapsed() < FRESH_TIME
        {
            self.inbox.put(topic, None, &message);
        }
    }

    /// Whose it is, as of now.
    pub fn set_viewer(&self, viewer: Option<Identity>) {
        *self.inbox.viewer.lock() = viewer;
    }

    /// Waits until there is a state, or something that has to arrive.
    pub async fn ready(&self) {
        self.inbox.ready.notified().await;
    }

    /// What has to arrive and the newest states, in this order.
    ///
    /// # Errors
    /// When too much waited.
    pub fn take(&self) -> Result<Vec<Utf8Bytes>, Overflowed> {
        let mut held = self.inbox.held.lock();
        if held.overflowed {
            return Err(Overflowed);
        }
        let mut messages: Vec<Utf8Bytes> = held.waiting.drain(..).map(|waiting| waiting.message).collect();
        messages.extend(held.states.iter_mut().filter_map(Option::take));
        Ok(messages)
    }

    /// The events of a batch alone.
    pub fn take_plain_events(&self, rights: u64) -> Vec<Utf8Bytes> {
        let mut held = self.inbox.held.lock();
        held.drop_outdated(rights);
        let taken = held.take_paced();
        held.lost = [0; TOPICS];
        taken.into_iter().map(|event| event.message).collect()
    }

    /// The events of a batch with the gaps before them; at most as many as fit the rate of their topic, and the newest of them. What was
    /// to be seen by rights that have changed meanwhile is among the gaps.
    pub fn take_events(&self, rights: u64) -> Vec<Utf8Bytes> {
        let mut held = self.inbox.held.lock();
        held.drop_outdated(rights);
        if held.events.is_empty() && held.lost.iter().all(|lost| *lost == 0) {
            return Vec::new();
        }
        let taken = held.take_paced();
        let gap = |topic: Topic, lost: u64| {
            let data = json!({"topic": topic.row().kind, "lost": lost});
            Utf8Bytes::from(json!({"type": "gap", "data": data}).to_string())
        };
        let mut messages = Vec::with_capacity(taken.len());
        for topic in Topic::all() {
            let lost = std::mem::take(&mut held.lost[topic as usize]);
            if lost > 0 {
                messages.push(gap(topic, lost));
            }
        }
        messages.extend(taken.into_iter().map(|event| event.message));
        messages
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.set_topics(Topics::default());
        self.hub
            .inboxes
            .lock()
            .retain(|inbox| !Arc::ptr_eq(inbox, &self.inbox));
    }
}

impl Inbox {
    fn put(&self, topic: Topic, id: Option<&str>, message: &Utf8Bytes) {
        let mut held = self.held.lock();
        if !held.topics.has(topic) {
            return;
        }
        match topic.row().class {
            Class::State => held.states[topic as usize] = Some(message.clone()),
            Class::Events { per_second } => return held.put_event(topic, per_second, message, None),
            Class::MustArrive => held.put_waiting(topic, id, message),
        }
        drop(held);
        self.ready.notify_one();
    }

    /// Whose it is.
    pub fn viewer(&self) -> Option<Identity> {
        self.viewer.lock().clone()
    }

    /// Puts events of a topic that is of the class.
    pub fn put_share(&self, topic: Topic, share: &Share) {
        let mut held = self.held.lock();
        let Class::Events { per_second } = topic.row().class else {
            return;
        };
        if !held.topics.has(topic) {
            return;
        }
        for message in &share.messages {
            held.put_event(topic, per_second, message, Some(share.rights));
        }
        held.lost[topic as usize] += share.lost;
    }

    fn forget(&self, topic: Topic) {
        let mut held = self.held.lock();
        held.states[topic as usize] = None;
        held.lost[topic as usize] = 0;
        held.events.retain(|event| event.topic != topic);
        held.waiting.retain(|waiting| waiting.topic != topic);
    }
}

impl Held {
    /// Drops events that may not be seen any more, perhaps: the users have changed.
    fn drop_outdated(&mut self, rights: u64) {
        let lost = &mut self.lost;
        self.events.retain(|event| {
            let holds = event.rights.is_none_or(|as_of| as_of == rights);
            lost[event.topic as usize] += u64::from(!holds);
            holds
        });
    }

    /// The newest events, as many as fit the rate of their topic; the others are lost.
    fn take_paced(&mut self) -> Vec<Event> {
        let mut taken: Vec<Event> = self.events.drain(..).collect();
        for topic in Topic::all() {
            let Class::Events { per_second } = topic.row().class else {
                continue;
            };
            let count = taken.iter().filter(|event| event.topic == topic).count();
            let over = count.saturating_sub((per_second / BATCHES_PER_SECOND).max(1));
            let mut seen = 0;
            taken.retain(|event| {
                seen += usize::from(event.topic == topic);
                event.topic != topic || seen > over
            });
            self.lost[topic as usize] += over as u64;
        }
        taken
    }

    fn put_event(&mut self, topic: Topic, per_second: usize, message: &Utf8Bytes, rights: Option<u64>) {
        let of_topic = |event: &Event| event.topic == topic;
        if self.events.iter().filter(|event| of_topic(event)).count() >= per_second
            && let Some(oldest) = self.events.iter().position(of_topic)
        {
            self.events.remove(oldest);
            self.lost[topic as usize] += 1;
        }
        self.events.push_back(Event {
            topic,
            message: message.clone(),
            rights,
        });
    }

    fn put_waiting(&mut self, topic: Topic, id: Option<&str>, message: &Utf8Bytes) {
        if id.is_some() {
            self.waiting
                .retain(|waiting| waiting.topic != topic || waiting.id.as_deref() != id);
        }
        if self.waiting.len() >= WAITING_MAX {
            self.overflowed = true;
            self.waiting.clear();
            return;
        }
        self.waiting.push_back(Waiting {
            topic,
            id: id.map(str::to_owned),
            message: message.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(of: &[Topic]) -> Topics {
        let mut topics = Topics::default();
        of.iter().for_each(|&topic| topics.set(topic, true));
        topics
    }

    fn texts(messages: &[Utf8Bytes]) -> Vec<&str> {
        messages.iter().map(Utf8Bytes::as_str).collect()
    }

    #[test]
    fn the_newest_of_a_state_replaces_the_one_before() {
        let hub = Arc::<Hub>::default();
        hub.publish(Topic::Stats, None, &0);
        let viewer = hub.join();
        hub.publish(Topic::Stats, None, &1);
        assert_eq!(viewer.take(), Ok(vec![]), "it has no topics");
        viewer.set_topics(topics(&[Topic::Stats]));
        assert_eq!(
            texts(&viewer.take().expect("room")),
            [r#"{"data":1,"type":"stats"}"#]
        );
        hub.publish(Topic::Stats, None, &2);
        hub.publish(Topic::Stats, None, &3);
        hub.publish(Topic::PlainStats, None, &4);
        assert_eq!(
            texts(&viewer.take().expect("room")),
            [r#"{"data":3,"type":"stats"}"#]
        );
        hub.publish(Topic::Stats, None, &5);
        viewer.set_topics(Topics::default());
        assert_eq!(viewer.take(), Ok(vec![]), "what waited went with the topic");
    }

    #[test]
    fn who_watches_is_counted() {
        let hub = Arc::<Hub>::default();
        let viewers = [hub.join(), hub.join()];
        for viewer in &viewers {
            viewer.set_topics(topics(&[Topic::Job, Topic::Command]));
        }
        viewers[0].set_topics(topics(&[Topic::Job]));
        assert!(hub.is_watched(Topic::Command) && hub.is_watched(Topic::Job));
        let [first, second] = viewers;
        drop(second);
        assert!(!hub.is_watched(Topic::Command) && hub.is_watched(Topic::Job));
        drop(first);
        assert!(!hub.is_watched(Topic::Job) && hub.inboxes.lock().is_empty());
    }

    #[test]
    fn events_are_dropped_from_the_oldest_on_and_counted() {
        let hub = Arc::<Hub>::default();
        let viewer = hub.join();
        viewer.set_topics(topics(&[Topic::Command]));
        for n in 0..1000 {
            hub.publish(Topic::Command, None, &n);
        }
        let batch = viewer.take_events(0);
        let mut expected = vec![r#"{"data":{"lost":975,"topic":"command"},"type":"gap"}"#.to_owned()];
        expected.extend((975..1000).map(|n| format!(r#"{{"data":{n},"type":"command"}}"#)));
        assert_eq!(texts(&batch), expected);
        assert!(viewer.take_events(0).is_empty());
        hub.publish(Topic::Command, None, &1);
        assert_eq!(viewer.take_events(0).len(), 1, "a gap is told once");
        assert_eq!(viewer.take(), Ok(vec![]));
    }

    #[test]
    fn what_was_to_be_seen_by_earlier_rights_is_not_shown() {
        let hub = Arc::<Hub>::default();
        let viewer = hub.join();
        viewer.set_topics(topics(&[Topic::Keyspace, Topic::Command]));
        let share = |rights| Share {
            messages: vec![Utf8Bytes::from_static("name")],
            lost: 0,
            rights,
        };
        let put = |rights| {
            let watchers = hub.watchers(Topic::Keyspace);
            watchers
                .iter()
                .for_each(|inbox| inbox.put_share(Topic::Keyspace, &share(rights)));
        };
        hub.publish(Topic::Command, None, &1);
        put(3);
        put(4);
        let gap = r#"{"data":{"lost":1,"topic":"keyspace"},"type":"gap"}"#;
        assert_eq!(
            texts(&viewer.take_events(4)),
            [gap, r#"{"data":1,"type":"command"}"#, "name"]
        );
        put(4);
        assert_eq!(texts(&viewer.take_plain_events(5)), Vec::<&str>::new());
        viewer.set_topics(topics(&[Topic::Command]));
        assert!(hub.watchers(Topic::Keyspace).is_empty());
    }

    #[test]
    fn what_has_to_arrive_does_or_the_viewer_is_closed() {
        let hub = Arc::<Hub>::default();
        let viewer = hub.join();
        viewer.set_topics(topics(&[Topic::Job]));
        for n in 0..1000 {
            hub.publish(Topic::Job, Some(["a", "b"][n % 2]), &n);
        }
        let messages = viewer.take().expect("room");
        assert_eq!(
            texts(&messages),
            [r#"{"data":998,"type":"job"}"#, r#"{"data":999,"type":"job"}"#]
        );
        for n in 0..WAITING_MAX {
            hub.publish(Topic::Job, None, &n);
        }
        assert_eq!(viewer.take().map(|messages| messages.len()), Ok(WAITING_MAX));
        for n in 0..=WAITING_MAX {
            hub.publish(Topic::Job, Some(&n.to_string()), &n);
        }
        assert_eq!(viewer.take(), Err(Overflowed));
        hub.publish(Topic::Job, None, &0);
        assert_eq!(viewer.take(), Err(Overflowed), "it is not forgotten");
    }

    #[test]
    fn messages_have_a_largest_size() {
        let hub = Arc::<Hub>::default();
        let viewer = hub.join();
        viewer.set_topics(topics(&[Topic::Job]));
        hub.publish(Topic::Job, None, &"x".repeat(MESSAGE_BYTES_MAX));
        assert_eq!(viewer.take(), Ok(vec![]));
    }

    #[tokio::test]
    async fn who_publishes_waits_for_the_first_viewer() {
        let hub = Arc::<Hub>::default();
        let waiting = tokio::spawn({
            let hub = hub.clone();
            async move { hub.watched(Topic::Command).await }
        });
        let viewer = hub.join();
        viewer.set_topics(topics(&[Topic::Job]));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        viewer.set_topics(topics(&[Topic::Command]));
        assert!(waiting.await.is_ok());
        // It is known to have gone, though nobody was told.
        viewer.set_topics(topics(&[]));
        assert!(!hub.is_watched(Topic::Command));
    }

    #[tokio::test]
    async fn a_viewer_who_waits_is_woken() {
        let hub = Arc::<Hub>::default();
        let viewer = hub.join();
        viewer.set_topics(topics(&[Topic::Job]));
        let publisher = hub.clone();
        let published = std::thread::spawn(move || publisher.publish(Topic::Job, None, &7));
        viewer.ready().await;
        assert_eq!(viewer.take().map(|messages| messages.len()), Ok(1));
        published.join().expect("no panic");
    }
}
