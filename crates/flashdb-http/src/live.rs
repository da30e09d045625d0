//! The WebSocket: what happens, to whoever watches. A viewer subscribes to topics, each with the right of the command that it
//! stands for; the hub keeps what a viewer is not ready for, within bounds, so that a slow one costs no memory. Rights are
//! looked at again whenever users change, and a session that ends takes its sockets with it. A viewer whose connection broke may
//! go on where it was (`streams.rs`, `replay.rs`).

use crate::App;
use crate::api::ServerView;
use crate::caller::{self, Caller, now_ms};
use crate::error::ApiError;
use crate::hub::{BATCH_TIME, Hub, Membership, gap};
use crate::replay::Replayed;
use crate::sampler::Sample;
use crate::streams::{Owner, Watching};
use crate::topic::{Class, Replay, Topic, Topics};
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use flashdb_server::engine::Identity;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// The version of what is said.
const PROTOCOL: &str = "flashdb.v1";
const PROTO: u64 = 1;
const VIEWERS_MAX: usize = 64;
const VIEWERS_PER_USER_MAX: usize = 8;
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Read at once. The library fills its room with zeros before each read, and what viewers say is short: with the 128 KiB that
/// it has by itself that took half the time of the HTTP threads with 64 viewers.
const READ_BYTES: usize = 4 << 10;
/// Messages of a viewer in a second.
const MESSAGES_PER_SECOND_MAX: u32 = 50;
/// Bytes of events that a viewer has not acknowledged, above which it gets no more of them.
const UNACKNOWLEDGED_BYTES_MAX: u64 = 512 << 10;
/// Bytes of a batch of what was missed, about.
const BATCH_BYTES_MAX: usize = 64 << 10;
/// Figures that are shown again: a minute, and the time after which a silent connection is given up.
const SAMPLES_MAX: usize = 100;
/// The clocks of a second are not read at once.
const SAMPLES_OVERLAP_MS: i64 = 2000;
/// Time between two of a state, at most.
const PACE_MAX_S: f64 = 3600.0;
const PING_TIME: Duration = Duration::from_secs(15);
const SILENCE_MAX: Duration = Duration::from_secs(35);
/// Time for a message to leave; who takes nothing for so long is gone.
const SEND_TIME: Duration = Duration::from_secs(20);
/// Time for the peer to answer a close.
const CLOSE_TIME: Duration = Duration::from_millis(500);
/// How often it is looked whether the session lasts, and whether the server ends.
const LOOK_TIME: Duration = Duration::from_millis(500);

/// What is shown to who asks for nothing.
const PLAIN: [Topic; 5] = [
    Topic::PlainStats,
    Topic::Alert,
    Topic::HotKeyAlert,
    Topic::PlainCommand,
    Topic::PlainKeyspace,
];

/// Another connection has taken its place.
const RESUMED: u16 = 1000;
const ENDED: u16 = 4401;
const NOT_THIS_PROTOCOL: u16 = 4409;
/// There is no place: trying again at once is of no use.
const CROWDED: u16 = 4429;
const BUSY: u16 = 1013;
const GOING_AWAY: u16 = 1001;

/// How many watch, by user.
#[derive(Default)]
pub(crate) struct Viewers(Mutex<HashMap<Vec<u8>, usize>>);

impl Viewers {
    /// Whether nobody watches.
    pub fn are_gone(&self) -> bool {
        self.0.lock().is_empty()
    }
}

/// A place among the viewers.
struct Place {
    app: Arc<App>,
    user: Vec<u8>,
}

impl Place {
    /// A place, or why there is none.
    fn take(app: &Arc<App>, user: &[u8]) -> Result<Place, &'static str> {
        let mut viewers = app.viewers.0.lock();
        let all: usize = viewers.values().sum();
        let own = viewers.get(user).copied().unwrap_or(0);
        if own >= VIEWERS_PER_USER_MAX {
            return Err("the user watches 8 times already");
        }
        if all >= VIEWERS_MAX {
            return Err("64 watch already");
        }
        *viewers.entry(user.to_vec()).or_default() += 1;
        Ok(Place {
            app: app.clone(),
            user: user.to_vec(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut viewers = self.app.viewers.0.lock();
        if let Some(count) = viewers.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                viewers.remove(&self.user);
            }
        }
    }
}

/// `GET /ws`. Who has no session is told by a close code where the protocol is ours, since a page cannot see the status of a
/// refused upgrade.
pub(crate) async fn open(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &app).await {
        Ok(upgrade) => upgrade
            .read_buffer_size(READ_BYTES)
            .max_message_size(MESSAGE_BYTES_MAX)
            .max_frame_size(MESSAGE_BYTES_MAX),
        Err(_) => return ApiError::bad_request("this path takes WebSockets").into_response(),
    };
    let upgrade = upgrade.protocols([PROTOCOL]);
    let is_ours = upgrade.selected_protocol().is_some();
    let Ok(ConnectInfo(peer)) = ConnectInfo::<SocketAddr>::from_request_parts(&mut parts, &app).await else {
        return ApiError::bad_request("there is no peer").into_response();
    };
    match caller::find(&app, peer, &parts.headers, false).await {
        Ok(caller) => upgrade.on_upgrade(move |socket| serve(app, caller, socket, is_ours)),
        Err(error) if is_ours => upgrade.on_upgrade(move |socket| async move {
            View::new(&app, socket).close(ENDED, error.code).await;
        }),
        Err(error) => error.into_response(),
    }
}

/// Shows the sample of this second to who watches.
pub(crate) fn publish_sample(hub: &Hub, sample: &Sample) {
    hub.publish(Topic::Stats, None, sample);
    let plain = json!({"keys": sample.keys, "ops": sample.ops, "mem": sample.mem});
    hub.publish(Topic::PlainStats, None, &plain);
}

async fn serve(app: Arc<App>, caller: Caller, socket: WebSocket, is_ours: bool) {
    let mut view = View::new(&app, socket);
    let _place = match Place::take(&app, caller.identity.name()) {
        Ok(place) => place,
        Err(why) => return view.close(CROWDED, why).await,
    };
    // Who speaks our protocol asks for what it wants; anybody else is shown the figures.
    for topic in PLAIN {
        view.wanted.set(topic, !is_ours);
    }
    view.plain = !is_ours;
    view.follow_rights(&app, Some(&caller.identity));
    view.run(&app, &caller).await;
    view.leave(&app);
}

/// What a viewer says.
#[derive(Deserialize)]
struct Said {
    r#type: String,
    #[serde(default)]
    data: Value,
}

struct View {
    socket: WebSocket,
    inbox: Membership,
    /// It has said nothing of our protocol.
    plain: bool,
    /// What it has subscribed to.
    wanted: Topics,
    /// What its user may watch.
    allowed: Topics,
    paused: bool,
    /// It was told that the prefix index is switched off.
    told_off: bool,
    /// What its connection may come back by.
    stream: Option<String>,
    /// Topics that went on where the connection before broke, until they are asked for.
    resumed: Topics,
    heard_ms: i64,
    /// The state of the users that it went by.
    rights: u64,
    /// The connection ended as it should: nobody comes back.
    ended: bool,
    /// Bytes of events that were sent, and those of them that it has acknowledged.
    events_bytes: u64,
    acknowledged_bytes: u64,
    /// Batches that it has not acknowledged: the number of each, and the bytes of all up to it.
    batches: VecDeque<(u64, u64)>,
}

/// The connection is over.
struct Over;

/// What came while a connection was broken.
struct Missed {
    replayed: Vec<(Topic, Replayed)>,
    /// The number up to which the viewer has all, with that.
    position: u64,
    /// Since when it may have missed figures, Unix ms.
    since_ms: i64,
}

impl View {
    fn new(app: &App, socket: WebSocket) -> Self {
        View {
            socket,
            inbox: app.hub.join(),
            plain: false,
            wanted: Topics::default(),
            allowed: Topics::default(),
            paused: false,
            told_off: false,
            stream: None,
            resumed: Topics::default(),
            heard_ms: now_ms(),
            rights: 0,
            ended: false,
            events_bytes: 0,
            acknowledged_bytes: 0,
            batches: VecDeque::new(),
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), Over> {
        match timeout(SEND_TIME, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Over),
        }
    }

    async fn tell(&mut self, kind: &str, data: Value) -> Result<(), Over> {
        let text = json!({"type": kind, "data": data}).to_string();
        self.send(Message::Text(text.into())).await
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        };
        // Whom the server has too much for may come back and go on.
        self.ended |= code != BUSY;
        if self.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        // What is still on its way is read: it would reset the connection, and the peer would not hear why it ended.
        let answered = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        let _ = timeout(CLOSE_TIME, answered).await;
    }

    async fn run(&mut self, app: &Arc<App>, caller: &Caller) {
        let (mut look, mut ping) = (interval(LOOK_TIME), interval(PING_TIME));
        let mut batch = interval(BATCH_TIME);
        // What a slow viewer did not take in time is not made up for.
        batch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut heard, mut generation) = (Instant::now(), app.engine.users_generation());
        let mut unlocked = is_unlocked(caller);
        let (mut second, mut messages) = (Instant::now(), 0);
        loop {
            let outcome = tokio::select! {
                received = self.socket.recv() => {
                    heard = Instant::now();
                    self.heard_ms = now_ms();
                    if second.elapsed() >= Duration::from_secs(1) {
                        (second, messages) = (heard, 0);
                    }
                    messages += 1;
                    if let (Some((_, session)), true) = (&caller.session, shows_use(self.paused, &received)) {
                        session.touch(now_ms());
                    }
                    match received {
                        Some(Ok(_)) if messages > MESSAGES_PER_SECOND_MAX => {
                            return self.close(NOT_THIS_PROTOCOL, "too many messages").await;
                        }
                        Some(Ok(Message::Text(text))) => self.hear(app, caller, text.as_str()).await,
                        Some(Ok(Message::Binary(_))) => {
                            return self.close(NOT_THIS_PROTOCOL, "messages are text").await;
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                        Some(Ok(Message::Close(frame))) => {
                            // A page that is left says so; one that gives up a silent connection has a code of its own.
                            self.ended |= frame.is_none_or(|frame| matches!(frame.code, 1000 | 1001 | 1005));
                            return;
                        }
                        Some(Err(_)) | None => return,
                    }
                }
                () = self.inbox.ready() => match self.follow_users(app, caller, &mut generation).await {
                    Ok(()) => self.show().await,
                    over => over,
                },
                _ = batch.tick() => {
                    match self.follow_users(app, caller, &mut generation).await {
                        Ok(()) => self.show_batch(generation).await,
                        over => over,
                    }
                }
                _ = ping.tick() => {
                    if heard.elapsed() > SILENCE_MAX {
                        return;
                    }
                    self.send(Message::Ping(Bytes::new())).await
                }
                _ = look.tick() => {
                    if app.ending.load(Ordering::Acquire) {
                        let bye = json!({"reason": "shutdown", "retry_ms": 1500});
                        // What matters is the close code behind it.
                        let _ = self.tell("bye", bye).await;
                        return self.close(GOING_AWAY, "the server ends").await;
                    }
                    let lasts = match &caller.session {
                        Some((_, session)) => session.lasts(&app.engine, now_ms()),
                        None => app.engine.standing(&caller.identity).is_some(),
                    };
                    if !lasts {
                        return self.close(ENDED, "the session has ended").await;
                    }
                    if !self.note_stream(app, generation) {
                        return self.close(RESUMED, "another connection goes on with this one").await;
                    }
                    self.look(app, caller, &mut generation, &mut unlocked).await
                }
            };
            if outcome.is_err() {
                return;
            }
        }
    }

    /// Follows what has become of the user's rights, before anything is shown.
    async fn follow_users(&mut self, app: &App, caller: &Caller, generation: &mut u64) -> Result<(), Over> {
        let now = app.engine.users_generation();
        if std::mem::replace(generation, now) == now {
            return Ok(());
        }
        let before = self.allowed;
        self.follow_rights(app, app.engine.standing(&caller.identity).as_ref());
        if self.plain {
            return Ok(());
        }
        self.tell("session", json!({"state": "rights"})).await?;
        let lost = |&topic: &Topic| topic.row().listed && before.has(topic) && !self.allowed.has(topic);
        let lost: Vec<Topic> = self.wanted.iter().filter(lost).collect();
        for topic in lost {
            self.refuse(topic, Value::Null).await?;
        }
        Ok(())
    }

    /// Follows what has become of the user's rights and of the session.
    async fn look(
        &mut self,
        app: &App,
        caller: &Caller,
        generation: &mut u64,
        unlocked: &mut bool,
    ) -> Result<(), Over> {
        self.follow_users(app, caller, generation).await?;
        if !self.plain && self.wanted.has(Topic::Keyspace) && self.allowed.has(Topic::Keyspace) {
            let is_off = !app.engine.counts_prefixes();
            if !std::mem::replace(&mut self.told_off, is_off) && is_off {
                self.tell_off(Value::Null).await?;
            }
        }
        let is_unlocked = is_unlocked(caller);
        if std::mem::replace(unlocked, is_unlocked) != is_unlocked && !self.plain {
            let state = if is_unlocked { "unlocked" } else { "locked" };
            self.tell("session", json!({"state": state})).await?;
        }
        Ok(())
    }

    fn follow_rights(&mut self, app: &App, identity: Option<&Identity>) {
        for topic in Topic::all() {
            let allows = identity.is_some_and(|identity| app.engine.allows(identity, topic.row().right));
            self.allowed.set(topic, allows);
        }
        self.inbox.set_viewer(identity.cloned());
        self.follow_topics();
    }

    /// Has the hub put into the inbox what the viewer wants, may see, and is awake for. What has to arrive does while it sleeps.
    fn follow_topics(&self) {
        self.inbox.set_topics(self.shown_topics());
    }

    fn shown_topics(&self) -> Topics {
        let mut topics = Topics::default();
        for topic in self.wanted.iter() {
            let awake = !self.paused || topic.row().class == Class::MustArrive;
            topics.set(topic, awake && self.allowed.has(topic));
        }
        topics
    }

    async fn show(&mut self) -> Result<(), Over> {
        let Ok(messages) = self.inbox.take() else {
            self.close(BUSY, "messages that have to arrive were not taken")
                .await;
            return Err(Over);
        };
        for taken in messages {
            let message = match taken.seq.filter(|_| !self.plain) {
                Some(seq) => numbered(taken.message.as_str(), seq).into(),
                None => taken.message,
            };
            self.send(Message::Text(message)).await?;
        }
        Ok(())
    }

    /// What has to arrive first: a batch says up to where the viewer has all.
    async fn show_batch(&mut self, rights: u64) -> Result<(), Over> {
        self.show().await?;
        if self.shows_events() {
            self.show_events(rights).await?;
        }
        Ok(())
    }

    fn shows_events(&self) -> bool {
        self.events_bytes - self.acknowledged_bytes < UNACKNOWLEDGED_BYTES_MAX
    }

    /// Shows a simple client what happened since the last time, message by message, and nothing of what is left out.
    async fn show_plain_events(&mut self, rights: u64) -> Result<(), Over> {
        for event in self.inbox.take_plain_events(rights) {
            self.send(Message::Text(event)).await?;
        }
        Ok(())
    }

    /// Sends what happened since the last time as one message. Its number says up to where the viewer has all; it says it again once
    /// it has handled them, and when it comes back. `rights` is the state of the users that was followed.
    async fn show_events(&mut self, rights: u64) -> Result<(), Over> {
        if self.plain {
            return self.show_plain_events(rights).await;
        }
        let (events, seq) = self.inbox.take_events(rights);
        self.send_batch(&events, seq).await
    }

    async fn send_batch(&mut self, events: &[Utf8Bytes], seq: u64) -> Result<(), Over> {
        if events.is_empty() {
            return Ok(());
        }
        let events: Vec<&str> = events.iter().map(Utf8Bytes::as_str).collect();
        let events = events.join(",");
        self.events_bytes += events.len() as u64;
        self.batches.push_back((seq, self.events_bytes));
        let text = format!(r#"{{"type":"batch","data":[{events}],"seq":"{seq}"}}"#);
        self.send(Message::Text(text.into())).await
    }

    async fn refuse(&mut self, topic: Topic, id: Value) -> Result<(), Over> {
        let row = topic.row();
        let refusal = json!({
            "id": id,
            "topic": row.kind,
            "code": "NOPERM",
            "message": format!("this needs the right to run {}", row.right.to_uppercase().replace('|', " ")),
            "needs": format!("+{}", row.right),
        });
        self.tell("error", refusal).await
    }

    /// Says that there is nothing to tell of the key tree, since it is not kept. Once it is, the subscription goes on.
    async fn tell_off(&mut self, id: Value) -> Result<(), Over> {
        self.told_off = true;
        let refusal = json!({
            "id": id,
            "topic": Topic::Keyspace.row().kind,
            "code": "SWITCHED_OFF",
            "message": "the prefix index is switched off: prefix-index no",
        });
        self.tell("error", refusal).await
    }

    async fn refuse_wish(&mut self, id: Value, code: &str, message: &str) -> Result<(), Over> {
        let refusal = json!({"id": id, "code": code, "message": message});
        self.tell("error", refusal).await
    }

    async fn hear(&mut self, app: &App, caller: &Caller, text: &str) -> Result<(), Over> {
        let Ok(said) = serde_json::from_str::<Said>(text) else {
            self.close(NOT_THIS_PROTOCOL, "messages are JSON with type and data")
                .await;
            return Err(Over);
        };
        let id = said.data.get("id").cloned().unwrap_or(Value::Null);
        match said.r#type.as_str() {
            "hello" => self.greet(app, caller, &said.data).await,
            "sub" => self.subscribe(app, id, &said.data).await,
            "unsub" => {
                self.no_longer_plain();
                match named(&said.data) {
                    Some(topic) => {
                        self.want(topic, false);
                        self.tell("ok", json!({"id": id})).await
                    }
                    None => self.refuse_wish(id, "NO_TOPIC", "there is no such topic").await,
                }
            }
            kind @ ("pause" | "resume") => {
                self.paused = kind == "pause";
                self.follow_topics();
                Ok(())
            }
            "ping" => {
                let n = said.data.get("n").cloned().unwrap_or(Value::Null);
                self.tell("pong", json!({"n": n, "t": now_ms()})).await
            }
            "ack" => {
                let seq = said.data.get("seq").and_then(Value::as_str);
                self.acknowledge(seq.and_then(|seq| seq.parse().ok()).unwrap_or(0));
                Ok(())
            }
            _ => self.refuse_wish(id, "NO_TYPE", "there is no such message").await,
        }
    }

    fn acknowledge(&mut self, seq: u64) {
        while let Some(&(batch, bytes)) = self.batches.front()
            && batch <= seq
        {
            self.acknowledged_bytes = bytes;
            self.batches.pop_front();
        }
    }

    fn want(&mut self, topic: Topic, on: bool) {
        for topic in [Some(topic), topic.companion()].into_iter().flatten() {
            self.wanted.set(topic, on);
            self.resumed.set(topic, false);
        }
        self.inbox.set_pace(topic, None);
        self.follow_topics();
    }

    async fn subscribe(&mut self, app: &App, id: Value, wish: &Value) -> Result<(), Over> {
        self.no_longer_plain();
        let Some(topic) = named(wish) else {
            return self.refuse_wish(id, "NO_TOPIC", "there is no such topic").await;
        };
        if !self.allowed.has(topic) {
            return self.refuse(topic, id).await;
        }
        let pace = match pace_of(topic, wish) {
            Ok(pace) => pace,
            Err(why) => return self.refuse_wish(id, "BAD_SUB", why).await,
        };
        let mut answer = json!({"id": id});
        if self.resumed.has(topic) {
            answer["resumed"] = true.into();
        }
        self.want(topic, true);
        if let Some((every, hz)) = pace {
            self.inbox.set_pace(topic, Some(every));
            answer["hz"] = hz.into();
        }
        match topic == Topic::Keyspace && !app.engine.counts_prefixes() {
            true => self.tell_off(id).await,
            false => self.tell("ok", answer).await,
        }
    }

    async fn greet(&mut self, app: &App, caller: &Caller, hello: &Value) -> Result<(), Over> {
        if hello
            .get("proto")
            .is_some_and(|proto| proto.as_u64() != Some(PROTO))
        {
            self.close(NOT_THIS_PROTOCOL, "this server speaks proto 1").await;
            return Err(Over);
        }
        self.no_longer_plain();
        let owner = Owner::of(caller);
        let came_back = match self.stream {
            None => self.come_back(app, &owner, hello),
            Some(_) => None,
        };
        if self.stream.is_none() {
            self.stream = app.streams.begin(owner);
        }
        self.note_stream(app, app.engine.users_generation());
        let (seq, missed) = match came_back {
            Some((seq, missed)) => (seq, Some(missed)),
            None => (app.hub.position(), None),
        };
        let listed = self.wanted.iter().filter(|topic| topic.row().listed);
        let welcome = json!({
            "sid": self.stream,
            "resumed": missed.is_some(),
            "seq": seq.to_string(),
            "topics": listed.map(|topic| topic.row().kind).collect::<Vec<_>>(),
            "server": serde_json::to_value(ServerView::of(app)).unwrap_or_default(),
            "limits": {"hz": 1, "message_bytes": MESSAGE_BYTES_MAX},
        });
        self.tell("welcome", welcome).await?;
        match missed {
            Some(missed) => self.show_missed(app, seq, missed).await,
            None => Ok(()),
        }
    }

    /// Goes on where the stream that is named broke, if it was this login's and the users are as they were: with the number up to
    /// which the viewer has all, and what it missed.
    fn come_back(&mut self, app: &App, owner: &Owner, hello: &Value) -> Option<(u64, Missed)> {
        let wish = hello.get("resume")?;
        let id = wish.get("sid")?.as_str()?;
        let seen: u64 = wish.get("seq")?.as_str()?.parse().ok()?;
        let now = std::time::Instant::now();
        let (before, hold) = app.streams.go_on(id, owner, now)?;
        if seen > app.hub.position() || before.rights != app.engine.users_generation() {
            return None;
        }
        self.wanted = before.topics;
        let (replayed, position) = self.inbox.go_on(self.shown_topics(), seen);
        // What was held has a viewer again.
        drop(hold);
        let missed = Missed {
            replayed,
            position,
            since_ms: before.heard_ms - SAMPLES_OVERLAP_MS,
        };
        Some((seen, missed))
    }

    /// Shows what was missed: the figures one by one, and the events in batches, of which the last says that this is all.
    async fn show_missed(&mut self, app: &App, seen: u64, missed: Missed) -> Result<(), Over> {
        let mut events = Vec::new();
        for (topic, replayed) in missed.replayed {
            let row = topic.row();
            let is_state = row.class == Class::State;
            self.resumed.set(topic, replayed.whole || is_state);
            if !replayed.whole && !is_state {
                events.push(gap(topic, None));
            }
            events.extend(replayed.messages);
            if topic == Topic::Stats {
                for moment in app.sampler.history(missed.since_ms, SAMPLES_MAX) {
                    let sample = serde_json::to_value(&moment.sample).unwrap_or_default();
                    self.tell(row.kind, sample).await?;
                }
            }
        }
        // Both parts of the alerts, or none.
        if !self.resumed.has(Topic::HotKeyAlert)
            && self.wanted.has(Topic::HotKeyAlert)
            && self.allowed.has(Topic::HotKeyAlert)
        {
            self.resumed.set(Topic::Alert, false);
        }
        let mut from = 0;
        while from < events.len() {
            let mut bytes = 0;
            let fits = |event: &&Utf8Bytes| {
                bytes += event.len();
                bytes <= BATCH_BYTES_MAX
            };
            let count = events[from..].iter().take_while(fits).count().max(1);
            let is_last = from + count == events.len();
            let seq = if is_last { missed.position } else { seen };
            self.send_batch(&events[from..from + count], seq).await?;
            from += count;
        }
        Ok(())
    }

    /// Notes what a connection that broke comes back to; false if another one did already.
    fn note_stream(&mut self, app: &App, rights: u64) -> bool {
        self.rights = rights;
        let watching = Watching {
            topics: self.wanted,
            heard_ms: self.heard_ms,
            rights,
        };
        let stream = self.stream.as_ref();
        stream.is_none_or(|stream| app.streams.note(stream, watching))
    }

    /// The connection is over. What it watched goes on for a while where it broke, so that nothing is missing when it is back.
    fn leave(mut self, app: &App) {
        let Some(stream) = self.stream.clone() else { return };
        // By the rights that it was shown things by, not by those of now.
        let rights = self.rights;
        if self.ended || !self.note_stream(app, rights) {
            return app.streams.end(&stream);
        }
        let mut held = Topics::default();
        for topic in self.shown_topics().iter() {
            held.set(topic, topic.row().replay == Replay::WhileWatched);
        }
        app.streams
            .left(&stream, app.hub.hold(held), std::time::Instant::now());
    }

    fn no_longer_plain(&mut self) {
        if std::mem::take(&mut self.plain) {
            for topic in PLAIN {
                self.wanted.set(topic, false);
            }
            self.follow_topics();
        }
    }
}

fn is_unlocked(caller: &Caller) -> bool {
    caller.session.is_some() && !caller.is_read_only()
}

/// The topic that is meant.
fn named(wish: &Value) -> Option<Topic> {
    wish.get("topic").and_then(Value::as_str).and_then(Topic::named)
}

/// How often a state is wanted, as a time and as a rate: no more often than it comes, which nobody can change.
fn pace_of(topic: Topic, wish: &Value) -> Result<Option<(Duration, f64)>, &'static str> {
    if wish.get("filter").is_some_and(|filter| !filter.is_null()) {
        return Err("topics have no filters");
    }
    let Some(hz) = wish.get("hz").filter(|hz| !hz.is_null()) else {
        return Ok(None);
    };
    if topic.row().class != Class::State {
        return Err("this topic tells what happens: hz is for states");
    }
    match hz.as_f64() {
        Some(hz) if hz > 0.0 => {
            let seconds = (1.0 / hz).clamp(1.0, PACE_MAX_S);
            Ok(Some((Duration::from_secs_f64(seconds), 1.0 / seconds)))
        }
        _ => Err("hz is a number above zero"),
    }
}

/// A message with its number.
fn numbered(message: &str, seq: u64) -> String {
    let open = message.strip_suffix('}').unwrap_or(message);
    format!(r#"{open},"seq":"{seq}"}}"#)
}

/// Whether somebody looks: a page pings while it is seen and pauses when it is hidden. What browsers answer by themselves says
/// nothing.
fn shows_use<E>(paused: bool, received: &Option<Result<Message, E>>) -> bool {
    !paused && matches!(received, Some(Ok(Message::Text(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_page_that_is_seen_says_keeps_a_session() {
        let says = |message| Some(Ok::<_, ()>(message));
        let ping = || says(Message::Text(r#"{"type":"ping"}"#.into()));
        assert!(shows_use(false, &ping()));
        assert!(!shows_use(true, &ping()));
        for silent in [
            Message::Pong(Bytes::new()),
            Message::Ping(Bytes::new()),
            Message::Close(None),
        ] {
            assert!(!shows_use(false, &says(silent)));
        }
        assert!(!shows_use::<()>(false, &None));
    }
}
