//! Brings what parts of the server publish to who watches it over a WebSocket.
//!
//! `app.hub.publish(topic, id, &data)` from any thread: the message `{"type":<topic>,"data":<data>}` is written once and put into the
//! inbox of each viewer who has the topic. It never waits. What an inbox holds is bounded by the topic's class (`topic.rs`): the newest
//! of a state, some events, up to 256 messages that have to arrive, of which those with the same `id` replace each other. A viewer
//! who lets the latter fill up is closed, and asks REST for what it missed. What costs something to produce asks
//! [`Hub::is_watched`] first. Viewers subscribe in `live.rs`, where their rights are looked at. Events are numbered in the order in which
//! the hub takes them, and some are kept for a while (`replay.rs`), for viewers whose connection broke.

use crate::replay::{Log, Replayed};
use crate::topic::{Class, Replay, TOPICS, Topic, Topics};
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
/// Bytes of the events that wait for a viewer.
const EVENTS_BYTES_MAX: usize = 1 << 20;
/// Batches of events in a second.
const BATCHES_PER_SECOND: usize = 4;
/// Time between two.
pub(crate) const BATCH_TIME: Duration = Duration::from_millis(1000 / BATCHES_PER_SECOND as u64);
/// Age of a state above which a new subscriber is not shown it.
const FRESH_TIME: Duration = Duration::from_secs(5);

/// See the module's head.
#[derive(Default)]
pub(crate) struct Hub {
    core: Mutex<Core>,
    /// The last message of each state.
    newest: Mutex<[Option<(Instant, Utf8Bytes)>; TOPICS]>,
    watching: [AtomicUsize; TOPICS],
    /// Told when a topic gets its first viewer.
    wanted: [Notify; TOPICS],
}

/// Locked while an event is numbered and put into the inboxes, so that all have the same order.
#[derive(Default)]
struct Core {
    inboxes: Vec<Arc<Inbox>>,
    log: Log,
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
    /// At most so often the state is wanted.
    every: [Option<Duration>; TOPICS],
    shown: [Option<Instant>; TOPICS],
    events: VecDeque<Event>,
    events_bytes: usize,
    lost: [u64; TOPICS],
    waiting: VecDeque<Waiting>,
    overflowed: bool,
    /// Number of the newest event that was put here, or that the viewer need not be told of.
    last: u64,
}

/// An event that waits for a viewer.
struct Event {
    number: u64,
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
    number: u64,
    topic: Topic,
    id: Option<String>,
    message: Utf8Bytes,
}

/// A message for a viewer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub message: Utf8Bytes,
    /// Of what has to arrive: with it the viewer has all events up to this number.
    pub seq: Option<u64>,
}

/// A viewer has taken none of what has to arrive for too long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflowed;

impl Hub {
    /// Sends a message to who watches the topic. `id` names what it is about: of messages that have to arrive, only the newest of
    /// an id waits. Cost: writing the JSON once if anybody watches, and O(viewers).
    pub fn publish(&self, topic: Topic, id: Option<&str>, data: &impl Serialize) {
        let row = topic.row();
        let keeps = row.class == Class::State;
        if !keeps && row.replay != Replay::Always && !self.is_watched(topic) {
            return;
        }
        let text = json!({"type": row.kind, "data": data}).to_string();
        if text.len() > MESSAGE_BYTES_MAX {
            tracing::warn!(
                topic = row.kind,
                bytes = text.len(),
                "a message for viewers is too large"
            );
            return;
        }
        let message = Utf8Bytes::from(text);
        if keeps {
            self.newest.lock()[topic as usize] = Some((Instant::now(), message.clone()));
        }
        let mut core = self.core.lock();
        let number = match keeps {
            true => core.log.position(),
            false => core.log.note(topic, &message, Instant::now()),
        };
        for inbox in &core.inboxes {
            inbox.put(topic, id, &message, number);
        }
    }

    /// Tells a viewer what only some may see.
    pub fn put_share(&self, inbox: &Inbox, topic: Topic, share: &Share) {
        let mut core = self.core.lock();
        let number = core.log.advance();
        inbox.put_share(topic, share, number);
    }

    /// So many events of the topic were not published.
    pub fn publish_lost(&self, topic: Topic, lost: u64) {
        let mut core = self.core.lock();
        core.log.break_off(topic);
        for inbox in &core.inboxes {
            let mut held = inbox.held.lock();
            if held.topics.has(topic) {
                held.lost[topic as usize] += lost;
            }
        }
    }

    /// The number of the newest event.
    pub fn position(&self) -> u64 {
        self.core.lock().log.position()
    }

    /// Drops what is kept for longer than a viewer may be gone.
    pub fn forget_old(&self) {
        self.core.lock().log.forget_old(Instant::now());
    }

    /// Memory of what is kept, about, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.core.lock().log.bytes()
    }

    /// Has these topics written down as if somebody watched, until the answer is dropped.
    pub fn hold(self: &Arc<Self>, topics: Topics) -> Hold {
        topics.iter().for_each(|topic| self.begin_watching(topic));
        Hold {
            hub: self.clone(),
            topics,
        }
    }

    fn begin_watching(&self, topic: Topic) {
        if self.watching[topic as usize].fetch_add(1, Ordering::Relaxed) == 0 {
            self.wanted[topic as usize].notify_one();
        }
    }

    fn end_watching(&self, topic: Topic, core: &mut Core) {
        let before = self.watching[topic as usize].fetch_sub(1, Ordering::Relaxed);
        if before == 1 && topic.row().replay == Replay::WhileWatched {
            core.log.break_off(topic);
        }
    }

    /// Who watches the topic, for what is not the same for all. Finding out what somebody may see takes a moment; others publish
    /// meanwhile.
    pub fn watchers(&self, topic: Topic) -> Vec<Arc<Inbox>> {
        let inboxes = self.core.lock().inboxes.clone();
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
        self.core.lock().inboxes.push(inbox.clone());
        Membership {
            hub: self.clone(),
            inbox,
        }
    }
}

/// Keeps topics watched.
pub(crate) struct Hold {
    hub: Arc<Hub>,
    topics: Topics,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut core = self.hub.core.lock();
        for topic in self.topics.iter() {
            self.hub.end_watching(topic, &mut core);
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
        self.set_topics_in(topics, &mut self.hub.core.lock());
    }

    /// As [`Membership::set_topics`]; answers what came of each behind the number `seen`, and the number up to which the viewer has
    /// all with that. What comes later is put into the inbox.
    pub fn go_on(&self, topics: Topics, seen: u64) -> (Vec<(Topic, Replayed)>, u64) {
        let mut core = self.hub.core.lock();
        // Before anything changes about who watches: that would be a hole.
        let of = |topic: Topic| (topic, core.log.after(topic, seen));
        let replayed = topics.iter().map(of).collect();
        self.set_topics_in(topics, &mut core);
        let position = core.log.position();
        self.inbox.held.lock().last = position;
        (replayed, position)
    }

    fn set_topics_in(&self, topics: Topics, core: &mut Core) {
        let before = std::mem::replace(&mut self.inbox.held.lock().topics, topics);
        for topic in Topic::all().filter(|&topic| before.has(topic) != topics.has(topic)) {
            if before.has(topic) {
                self.hub.end_watching(topic, core);
                self.inbox.forget(topic);
            } else {
                self.hub.begin_watching(topic);
                self.show_newest(topic);
            }
        }
    }

    /// Shows the state at most so often; as often as there is one without a time.
    pub fn set_pace(&self, topic: Topic, every: Option<Duration>) {
        self.inbox.held.lock().every[topic as usize] = every;
    }

    fn show_newest(&self, topic: Topic) {
        let newest = self.hub.newest.lock()[topic as usize].clone();
        if let Some((at, message)) = newest
            && at.elapsed() < FRESH_TIME
        {
            // The number of a state is of no use to anybody.
            self.inbox.put(topic, None, &message, 0);
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

    /// What has to arrive and the newest states that are due, in this order.
    ///
    /// # Errors
    /// When too much waited.
    pub fn take(&self) -> Result<Vec<Taken>, Overflowed> {
        let mut held = self.inbox.held.lock();
        if held.overflowed {
            return Err(Overflowed);
        }
        let mut taken = Vec::new();
        while let Some(waiting) = held.waiting.pop_front() {
            taken.push(Taken {
                message: waiting.message,
                seq: Some(held.complete()),
            });
        }
        let states = Topic::all().filter_map(|topic| held.take_state(topic));
        taken.extend(states.map(|message| Taken { message, seq: None }));
        Ok(taken)
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
    ///
    /// With it the viewer has all events up to the number.
    pub fn take_events(&self, rights: u64) -> (Vec<Utf8Bytes>, u64) {
        let mut held = self.inbox.held.lock();
        held.drop_outdated(rights);
        if held.events.is_empty() && held.lost.iter().all(|lost| *lost == 0) {
            return (Vec::new(), held.complete());
        }
        let taken = held.take_paced();
        let mut messages = Vec::with_capacity(taken.len());
        for topic in Topic::all() {
            let lost = std::mem::take(&mut held.lost[topic as usize]);
            if lost > 0 {
                messages.push(gap(topic, Some(lost)));
            }
        }
        messages.extend(taken.into_iter().map(|event| event.message));
        (messages, held.complete())
    }
}

/// Tells that events of a topic are missing, and how many if that is known.
pub(crate) fn gap(topic: Topic, lost: Option<u64>) -> Utf8Bytes {
    let data = json!({"topic": topic.row().kind, "lost": lost});
    json!({"type": "gap", "data": data}).to_string().into()
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut core = self.hub.core.lock();
        self.set_topics_in(Topics::default(), &mut core);
        core.inboxes.retain(|inbox| !Arc::ptr_eq(inbox, &self.inbox));
    }
}

impl Inbox {
    fn put(&self, topic: Topic, id: Option<&str>, message: &Utf8Bytes, number: u64) {
        let mut held = self.held.lock();
        if !held.topics.has(topic) {
            return;
        }
        match topic.row().class {
            Class::State => held.states[topic as usize] = Some(message.clone()),
            Class::Events { per_second } => {
                let event = Event {
                    number,
                    topic,
                    message: message.clone(),
                    rights: None,
                };
                return held.put_event(per_second, event);
            }
            Class::MustArrive => held.put_waiting(topic, id, message, number),
        }
        drop(held);
        self.ready.notify_one();
    }

    /// Whose it is.
    pub fn viewer(&self) -> Option<Identity> {
        self.viewer.lock().clone()
    }

    /// Puts events of a topic that is of the class.
    fn put_share(&self, topic: Topic, share: &Share, number: u64) {
        let mut held = self.held.lock();
        let Class::Events { per_second } = topic.row().class else {
            return;
        };
        if !held.topics.has(topic) {
            return;
        }
        for message in &share.messages {
            let event = Event {
                number,
                topic,
                message: message.clone(),
                rights: Some(share.rights),
            };
            held.put_event(per_second, event);
        }
        held.last = number;
        held.lost[topic as usize] += share.lost;
    }

    fn forget(&self, topic: Topic) {
        let mut held = self.held.lock();
        held.states[topic as usize] = None;
        held.lost[topic as usize] = 0;
        held.events.retain(|event| event.topic != topic);
        held.events_bytes = held.events.iter().map(|event| event.message.len()).sum();
        held.waiting.retain(|waiting| waiting.topic != topic);
    }
}

impl Held {
    /// The number up to which the viewer has all, once it has what was taken.
    fn complete(&self) -> u64 {
        let event = self.events.front().map(|event| event.number);
        let waiting = self.waiting.front().map(|waiting| waiting.number);
        let pending = event.into_iter().chain(waiting).min();
        pending.map_or(self.last, |first| first.saturating_sub(1))
    }

    /// The state, if there is a new one and it is time for it.
    fn take_state(&mut self, topic: Topic) -> Option<Utf8Bytes> {
        let at = topic as usize;
        if let (Some(every), Some(shown)) = (self.every[at], self.shown[at])
            && shown.elapsed() + BATCH_TIME / 2 < every
        {
            return None;
        }
        let state = self.states[at].take()?;
        self.shown[at] = Some(Instant::now());
        Some(state)
    }

    /// Drops events that may not be seen any more, perhaps: the users have changed.
    fn drop_outdated(&mut self, rights: u64) {
        let lost = &mut self.lost;
        self.events.retain(|event| {
            let holds = event.rights.is_none_or(|as_of| as_of == rights);
            lost[event.topic as usize] += u64::from(!holds);
            holds
        });
        self.events_bytes = self.events.iter().map(|event| event.message.len()).sum();
    }

    /// The newest events, as many as fit the rate of their topic; the others are lost.
    fn take_paced(&mut self) -> Vec<Event> {
        let mut taken: Vec<Event> = self.events.drain(..).collect();
        self.events_bytes = 0;
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

    fn put_event(&mut self, per_second: usize, event: Event) {
        self.last = event.number;
        let of_topic = |other: &Event| other.topic == event.topic;
        if self.events.iter().filter(|other| of_topic(other)).count() >= per_second
            && let Some(oldest) = self.events.iter().position(of_topic)
        {
            self.drop_event(oldest);
        }
        self.events_bytes += event.message.len();
        self.events.push_back(event);
        while self.events_bytes > EVENTS_BYTES_MAX {
            self.drop_event(0);
        }
    }

    fn drop_event(&mut self, at: usize) {
        if let Some(event) = self.events.remove(at) {
            self.events_bytes -= event.message.len();
            self.lost[event.topic as usize] += 1;
        }
    }

    fn put_waiting(&mut self, topic: Topic, id: Option<&str>, message: &Utf8Bytes, number: u64) {
        self.last = number;
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
            number,
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

    fn taken(viewer: &Membership) -> Vec<String> {
        let taken = viewer.take().expect("room");
        taken.iter().map(|one| one.message.to_string()).collect()
    }

    #[test]
    fn the_newest_of_a_state_replaces_the_one_before() {
        let hub = Arc::<Hub>::default();
        hub.publish(Topic::Stats, None, &0);
        let viewer = hub.join();
        hub.publish(Topic::Stats, None, &1);
        assert_eq!(viewer.take(), Ok(vec![]), "it has no topics");
        viewer.set_topics(topics(&[Topic::Stats]));
        assert_eq!(taken(&viewer), [r#"{"data":1,"type":"stats"}"#]);
        hub.publish(Topic::Stats, None, &2);
        hub.publish(Topic::Stats, None, &3);
        hub.publish(Topic::PlainStats, None, &4);
        assert_eq!(taken(&viewer), [r#"{"data":3,"type":"stats"}"#]);
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
        assert!(!hub.is_watched(Topic::Job) && hub.core.lock().inboxes.is_empty());
    }

    #[test]
    fn events_are_dropped_from_the_oldest_on_and_counted() {
        let hub = Arc::<Hub>::default();
        let viewer = hub.join();
        viewer.set_topics(topics(&[Topic::Command]));
        for n in 0..1000 {
            hub.publish(Topic::Command, None, &n);
        }
        let (batch, seq) = viewer.take_events(0);
        assert_eq!(seq, hub.position());
        let mut expected = vec![r#"{"data":{"lost":975,"topic":"command"},"type":"gap"}"#.to_owned()];
        expected.extend((975..1000).map(|n| format!(r#"{{"data":{n},"type":"command"}}"#)));
        assert_eq!(texts(&batch), expected);
        assert!(viewer.take_events(0).0.is_empty());
        hub.publish(Topic::Command, None, &1);
        assert_eq!(viewer.take_events(0).0.len(), 1, "a gap is told once");
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
                .for_each(|inbox| hub.put_share(inbox, Topic::Keyspace, &share(rights)));
        };
        hub.publish(Topic::Command, None, &1);
        put(3);
        put(4);
        let gap = r#"{"data":{"lost":1,"topic":"keyspace"},"type":"gap"}"#;
        assert_eq!(
            texts(&viewer.take_events(4).0),
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
        assert_eq!(
            taken(&viewer),
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

    #[test]
    fn a_viewer_knows_up_to_where_it_has_all() {
        let hub = Arc::<Hub>::default();
        let viewer = hub.join();
        viewer.set_topics(topics(&[Topic::Command, Topic::Alert]));
        hub.publish(Topic::Command, None, &1);
        hub.publish(Topic::Alert, Some("a"), &2);
        hub.publish(Topic::Alert, Some("b"), &3);
        let seqs = |taken: Vec<Taken>| taken.into_iter().filter_map(|one| one.seq).collect::<Vec<_>>();
        assert_eq!(seqs(viewer.take().expect("room")), [0, 0], "the event waits");
        assert_eq!(viewer.take_events(0).1, 3);
        hub.publish(Topic::Alert, Some("a"), &4);
        hub.publish(Topic::Alert, Some("b"), &5);
        assert_eq!(seqs(viewer.take().expect("room")), [4, 5]);
    }

    #[test]
    fn a_viewer_that_comes_back_has_what_it_missed() {
        let hub = Arc::<Hub>::default();
        let all = topics(&[Topic::Command, Topic::Alert, Topic::Keyspace, Topic::Stats]);
        let viewer = hub.join();
        viewer.set_topics(all);
        hub.publish(Topic::Command, None, &1);
        let seen = viewer.take_events(0).1;
        // Its connection breaks; what it watched goes on, and alerts do anyhow.
        let hold = hub.hold(topics(&[Topic::Command]));
        drop(viewer);
        hub.publish(Topic::Command, None, &2);
        hub.publish(Topic::Alert, Some("a"), &3);
        hub.publish(Topic::Stats, None, &4);
        let next = hub.join();
        let (replayed, position) = next.go_on(all, seen);
        drop(hold);
        let of = |topic: Topic| &replayed.iter().find(|(of, _)| *of == topic).expect("it").1;
        let command = Utf8Bytes::from_static(r#"{"data":2,"type":"command"}"#);
        assert_eq!(
            (&of(Topic::Command).messages, of(Topic::Command).whole),
            (&vec![command], true)
        );
        assert_eq!(
            (of(Topic::Alert).messages.len(), of(Topic::Alert).whole),
            (1, true)
        );
        assert!(!of(Topic::Keyspace).whole, "what only some may see is not kept");
        assert_eq!(position, hub.position());
        assert_eq!(taken(&next), [r#"{"data":4,"type":"stats"}"#]);
        // Without a hold nothing is written down once the last has gone.
        drop(next);
        let (replayed, _) = hub.join().go_on(topics(&[Topic::Command]), position);
        assert!(!replayed[0].1.whole);
    }

    #[test]
    fn a_state_comes_no_more_often_than_it_is_wanted() {
        let hub = Arc::<Hub>::default();
        let viewer = hub.join();
        viewer.set_topics(topics(&[Topic::Stats]));
        viewer.set_pace(Topic::Stats, Some(Duration::from_secs(3600)));
        hub.publish(Topic::Stats, None, &1);
        assert_eq!(taken(&viewer).len(), 1);
        hub.publish(Topic::Stats, None, &2);
        assert!(taken(&viewer).is_empty());
        viewer.set_pace(Topic::Stats, None);
        assert_eq!(taken(&viewer), [r#"{"data":2,"type":"stats"}"#]);
    }

    #[test]
    fn events_that_wait_are_bounded_in_bytes() {
        let hub = Arc::<Hub>::default();
        let viewer = hub.join();
        viewer.set_topics(topics(&[Topic::SlowLog]));
        for _ in 0..40 {
            hub.publish(Topic::SlowLog, None, &"x".repeat(60 << 10));
        }
        hub.publish_lost(Topic::SlowLog, 5);
        let bytes: usize = viewer
            .inbox
            .held
            .lock()
            .events
            .iter()
            .map(|event| event.message.len())
            .sum();
        assert!(bytes <= EVENTS_BYTES_MAX, "{bytes}");
        let batch = viewer.take_events(0).0;
        assert_eq!(batch.len(), 18);
        assert!(batch[0].contains(r#""lost":28"#), "{}", batch[0]);
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
