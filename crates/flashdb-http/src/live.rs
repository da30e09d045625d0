//! The WebSocket: what happens, to whoever watches. A viewer subscribes to topics, each with the right of the command that it
//! stands for; the hub keeps what a viewer is not ready for, within bounds, so that a slow one costs no memory. Rights are
//! looked at again whenever users change, and a session that ends takes its sockets with it.

use crate::App;
use crate::api::ServerView;
use crate::caller::{self, Caller, now_ms};
use crate::error::ApiError;
use crate::hub::{BATCH_TIME, Hub, Membership};
use crate::sampler::Sample;
use crate::sessions::random_hex;
use crate::topic::{Class, Topic, Topics};
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use flashdb_server::engine::Identity;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// The version of what is said.
const PROTOCOL: &str = "flashdb.v1";
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
    /// Bytes of events that were sent, and those of them that it has acknowledged.
    events_bytes: u64,
    acknowledged_bytes: u64,
}

/// The connection is over.
struct Over;

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
            events_bytes: 0,
            acknowledged_bytes: 0,
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
                        Some(Ok(Message::Text(text))) => self.hear(app, text.as_str()).await,
                        Some(Ok(Message::Binary(_))) => {
                            return self.close(NOT_THIS_PROTOCOL, "messages are text").await;
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                    }
                }
                () = self.inbox.ready() => match self.follow_users(app, caller, &mut generation).await {
                    Ok(()) => self.show().await,
                    over => over,
                },
                _ = batch.tick(), if self.shows_events() => {
                    match self.follow_users(app, caller, &mut generation).await {
                        Ok(()) => self.show_events(generation).await,
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
        let mut topics = Topics::default();
        for topic in self.wanted.iter() {
            let awake = !self.paused || topic.row().class == Class::MustArrive;
            topics.set(topic, awake && self.allowed.has(topic));
        }
        self.inbox.set_topics(topics);
    }

    async fn show(&mut self) -> Result<(), Over> {
        let Ok(messages) = self.inbox.take() else {
            self.close(BUSY, "messages that have to arrive were not taken")
                .await;
            return Err(Over);
        };
        for message in messages {
            self.send(Message::Text(message)).await?;
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

    /// Sends what happened since the last time as one message. Its number is that of all their bytes, which the viewer says again
    /// once it has handled them. `rights` is the state of the users that was followed.
    async fn show_events(&mut self, rights: u64) -> Result<(), Over> {
        if self.plain {
            return self.show_plain_events(rights).await;
        }
        let events = self.inbox.take_events(rights);
        if events.is_empty() {
            return Ok(());
        }
        let events: Vec<&str> = events.iter().map(Utf8Bytes::as_str).collect();
        let events = events.join(",");
        self.events_bytes += events.len() as u64;
        let seq = self.events_bytes;
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

    async fn hear(&mut self, app: &App, text: &str) -> Result<(), Over> {
        let Ok(said) = serde_json::from_str::<Said>(text) else {
            self.close(NOT_THIS_PROTOCOL, "messages are JSON with type and data")
                .await;
            return Err(Over);
        };
        let id = said.data.get("id").cloned().unwrap_or(Value::Null);
        match said.r#type.as_str() {
            "hello" => self.welcome(app).await,
            kind @ ("sub" | "unsub") => {
                self.no_longer_plain();
                let name = said.data.get("topic").and_then(Value::as_str);
                match name.and_then(Topic::named) {
                    Some(topic) if kind == "sub" && !self.allowed.has(topic) => self.refuse(topic, id).await,
                    Some(topic) => {
                        for topic in [Some(topic), topic.companion()].into_iter().flatten() {
                            self.wanted.set(topic, kind == "sub");
                        }
                        self.follow_topics();
                        match kind == "sub" && topic == Topic::Keyspace && !app.engine.counts_prefixes() {
                            true => self.tell_off(id).await,
                            false => self.tell("ok", json!({"id": id})).await,
                        }
                    }
                    None => {
                        let refusal =
                            json!({"id": id, "code": "NO_TOPIC", "message": "there is no such topic"});
                        self.tell("error", refusal).await
                    }
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
                let seq = seq.and_then(|seq| seq.parse().ok()).unwrap_or(0);
                self.acknowledged_bytes = self.acknowledged_bytes.max(seq).min(self.events_bytes);
                Ok(())
            }
            _ => {
                let refusal = json!({"id": id, "code": "NO_TYPE", "message": "there is no such message"});
                self.tell("error", refusal).await
            }
        }
    }

    async fn welcome(&mut self, app: &App) -> Result<(), Over> {
        self.no_longer_plain();
        let server = serde_json::to_value(ServerView::of(app)).unwrap_or_default();
        let welcome = json!({
            "sid": random_hex(8).unwrap_or_default(),
            "resumed": false,
            "server": server,
            "limits": {"hz": 1, "message_bytes": MESSAGE_BYTES_MAX},
        });
        self.tell("welcome", welcome).await
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
