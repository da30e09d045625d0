//! Commands that go on: those that listen (SUBSCRIBE and its kin, MONITOR) and those that wait (BLPOP, XREAD with BLOCK, WAIT),
//! which `POST /execute` cannot run since it answers once and soon.
//!
//! Each has a WebSocket of its own, and by that a client of the engine of its own, as `ask.rs` makes them: access control,
//! channel patterns, CLIENT LIST and the engine's own gates hold by themselves. No thread waits. The command ends with the
//! socket; a stop ends a wait as CLIENT UNBLOCK does and hands on what the command was served a moment before, so that nothing
//! is taken out of a list without being shown. A second socket instead of more kinds of messages on that of `live.rs`: what
//! one viewer does not take holds up nothing else, and no state has to be told apart, ended or resumed.

mod feed;
mod places;

pub(crate) use places::Places;

use crate::App;
use crate::api::execute::{ToRemember, is_harmless, to_remember, unsupported, words_of};
use crate::ask::encode;
use crate::caller::{self, Caller, now_ms};
use crate::error::ApiError;
use crate::json::{Database, GivenBytes, Reply};
use crate::sessions::same_secret;
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use feed::{End, Feed, Kind};
use flashdb_command::CommandSpec;
use flashdb_server::engine::{Aim, Seat};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};

/// The version of what is said.
const PROTOCOL: &str = "flashdb.console.v1";
/// What CLIENT LIST calls these connections.
const NAME: &str = "flashdb-console";
const MESSAGE_BYTES_MAX: usize = 64 << 10;
const READ_BYTES: usize = 4 << 10;
/// Messages of a viewer in a second.
const MESSAGES_PER_SECOND_MAX: u32 = 50;
/// Bytes of rows that the viewer has not acknowledged, above which it gets no more of them.
const UNACKNOWLEDGED_BYTES_MAX: u64 = 512 << 10;
/// Time between two messages with rows; the first comes at once.
const BATCH_TIME: Duration = Duration::from_millis(250);
/// Time for the viewer to say what is to be run, and for the engine to take more words.
const WISH_TIME: Duration = Duration::from_secs(10);
const PING_TIME: Duration = Duration::from_secs(15);
const SILENCE_MAX: Duration = Duration::from_secs(35);
/// Time for a message to leave; who takes nothing for so long is gone.
const SEND_TIME: Duration = Duration::from_secs(20);
/// Time for the peer to answer a close.
const CLOSE_TIME: Duration = Duration::from_millis(500);
/// How often it is looked whether the session and the rights last.
const LOOK_TIME: Duration = Duration::from_millis(500);
/// How often a wait is ended that has perhaps not begun, and for how long.
const STOP_TIME: Duration = Duration::from_millis(50);
const STOP_TIME_MAX: Duration = Duration::from_secs(2);

const DONE: u16 = 1000;
const GOING_AWAY: u16 = 1001;
const ENDED: u16 = 4401;
const NOT_THIS_PROTOCOL: u16 = 4409;
const CROWDED: u16 = 4429;

/// Commands that change what is listened to, while something is.
const MORE: [&str; 6] = [
    "psubscribe",
    "punsubscribe",
    "ssubscribe",
    "subscribe",
    "sunsubscribe",
    "unsubscribe",
];

/// What a viewer says.
#[derive(Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "lowercase")]
enum Said {
    Run(Box<Wish>),
    /// Another SUBSCRIBE or UNSUBSCRIBE for the same connection.
    More(Box<Wish>),
    Ack {
        seq: String,
    },
    Stop,
}

#[derive(Deserialize)]
struct Wish {
    #[serde(default)]
    db: Database,
    args: Option<Vec<GivenBytes>>,
    line: Option<String>,
    /// Keeps it in the user's history of the console.
    #[serde(default)]
    remember: bool,
    /// That of the session, as with whatever is not GET: what waits may write.
    #[serde(default)]
    csrf: String,
}

/// `GET /console/run`, an upgrade.
pub(crate) async fn open(State(app): State<Arc<App>>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &app).await {
        Ok(upgrade) => upgrade
            .read_buffer_size(READ_BYTES)
            .max_message_size(MESSAGE_BYTES_MAX)
            .max_frame_size(MESSAGE_BYTES_MAX)
            .protocols([PROTOCOL]),
        Err(_) => return ApiError::bad_request("this path takes WebSockets").into_response(),
    };
    let Ok(ConnectInfo(peer)) = ConnectInfo::<SocketAddr>::from_request_parts(&mut parts, &app).await else {
        return ApiError::bad_request("there is no peer").into_response();
    };
    match caller::find(&app, peer, &parts.headers, false).await {
        Ok(caller) => upgrade.on_upgrade(move |socket| serve(app, caller, Viewer(socket))),
        // A page cannot see the status of a refused upgrade.
        Err(error) => upgrade.on_upgrade(move |socket| async move {
            let mut viewer = Viewer(socket);
            let _ = viewer.refuse(&error).await;
            viewer.close(ENDED, error.code).await;
        }),
    }
}

/// The connection is over.
struct Over;

struct Viewer(WebSocket);

impl Viewer {
    async fn send(&mut self, message: Message) -> Result<(), Over> {
        match timeout(SEND_TIME, self.0.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Over),
        }
    }

    async fn tell(&mut self, kind: &str, data: Value) -> Result<(), Over> {
        let text = json!({"type": kind, "data": data}).to_string();
        self.send(Message::Text(text.into())).await
    }

    async fn refuse(&mut self, error: &ApiError) -> Result<(), Over> {
        let refusal = json!({"code": error.code, "message": error.message, "details": error.details});
        self.tell("error", refusal).await
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
        let answered = async { while let Some(Ok(_)) = self.0.recv().await {} };
        let _ = timeout(CLOSE_TIME, answered).await;
    }

    /// The first message, which says what is to be run.
    async fn wish(&mut self) -> Option<Box<Wish>> {
        let said = async {
            loop {
                match self.0.recv().await {
                    Some(Ok(Message::Text(text))) => break Some(text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    _ => break None,
                }
            }
        };
        let text = timeout(WISH_TIME, said).await.ok().flatten()?;
        match serde_json::from_str(text.as_str()) {
            Ok(Said::Run(wish)) => Some(wish),
            _ => None,
        }
    }
}

async fn serve(app: Arc<App>, mut caller: Caller, mut viewer: Viewer) {
    let _place = match app.runs.take(caller.identity.name()) {
        Ok(place) => place,
        Err(why) => return viewer.close(CROWDED, why).await,
    };
    let Some(wish) = viewer.wish().await else {
        return viewer.close(NOT_THIS_PROTOCOL, "the first message is run").await;
    };
    let mut run = match Run::begin(&app, &caller, *wish).await {
        Ok(run) => run,
        Err(error) => {
            if viewer.refuse(&error).await.is_ok() {
                viewer.close(DONE, "refused").await;
            }
            return;
        }
    };
    // An end by the viewer's going is one, too: the command ends with what is dropped here.
    let _over = run.go_on(&app, &mut caller, &mut viewer).await;
}

/// What a command does that goes on.
fn kind_of(spec: &CommandSpec, words: &[Vec<u8>]) -> Option<Kind> {
    match unsupported(spec, words)? {
        "subscribe" if spec.name == "monitor" => Some(Kind::Monitor),
        "subscribe" => Some(Kind::Subscribe),
        "blocking" => Some(Kind::Blocking),
        _ => None,
    }
}

fn no_command_of_this(spec: Option<&CommandSpec>, message: &str) -> ApiError {
    let name = spec.map(CommandSpec::full_name);
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "UNSUPPORTED_COMMAND", message)
        .with(json!({"command": name, "reason": "plain"}))
}

/// The task that reads, which ends with this.
struct Reader(JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A command under way.
struct Run {
    spec: &'static CommandSpec,
    kind: Kind,
    began: Instant,
    seat: Seat,
    to_engine: OwnedWriteHalf,
    feed: Arc<Feed>,
    _reader: Reader,
    /// Bytes of rows that were sent, and those of them that the viewer has acknowledged.
    sent_bytes: u64,
    acknowledged_bytes: u64,
    next_rows: Instant,
    /// Its line on the way into the history: held until it is known not to be malformed.
    kept: Option<ToRemember>,
    /// Why it is to end, and since when.
    stopping: Option<(&'static str, Instant)>,
}

impl Run {
    async fn begin(app: &Arc<App>, caller: &Caller, wish: Wish) -> Result<Run, ApiError> {
        if let Some((_, session)) = &caller.session
            && !same_secret(&wish.csrf, &session.csrf.lock())
        {
            let message = "csrf has to be the value of GET /api/v1/session";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "BAD_CSRF", message));
        }
        let Database(db) = wish.db;
        if db >= app.engine.databases_count() as u64 {
            return Err(ApiError::bad_request("there is no such database"));
        }
        let words = words_of(wish.args, wish.line.clone())?;
        let row = app.engine.row_of(&words);
        let kept = match wish.remember {
            true => to_remember(app, caller, db, &words, wish.line.as_deref())?,
            false => None,
        };
        let Some((spec, kind)) = row.and_then(|spec| Some((spec, kind_of(spec, &words)?))) else {
            return Err(no_command_of_this(
                row,
                "this is for commands that listen or wait; POST /api/v1/execute runs others",
            ));
        };
        if caller.is_read_only() && !is_harmless(spec) {
            let name = spec.full_name();
            caller
                .may_write()
                .map_err(|refusal| refusal.with(json!({"command": name})))?;
        }
        let failed = |error: std::io::Error| {
            tracing::warn!(%error, "HTTP cannot reach the engine");
            let message = "the server cannot open a connection to itself";
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", message)
        };
        let connected = app
            .engine
            .connect(NAME, &caller.peer.to_string(), Some(&caller.identity), Aim::Use);
        let (stream, seat) = connected.map_err(failed)?;
        let (from_engine, mut to_engine) = UnixStream::from_std(stream).map_err(failed)?.into_split();
        // What is listened to knows no databases.
        let selects = kind == Kind::Blocking && db != 0;
        let mut bytes = Vec::new();
        if selects {
            encode(&mut bytes, &crate::ask::words(["SELECT", &db.to_string()]));
        }
        encode(&mut bytes, &words);
        let feed = Arc::new(Feed::default());
        let reader = tokio::spawn(feed::read(from_engine, kind, usize::from(selects), feed.clone()));
        let reader = Reader(reader);
        let written = timeout(WISH_TIME, to_engine.write_all(&bytes)).await;
        if !matches!(written, Ok(Ok(()))) {
            return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
        }
        let now = Instant::now();
        Ok(Run {
            spec,
            kind,
            began: now,
            seat,
            to_engine,
            feed,
            _reader: reader,
            sent_bytes: 0,
            acknowledged_bytes: 0,
            next_rows: now,
            kept,
            stopping: None,
        })
    }

    /// Until the command, the viewer or the session has ended.
    async fn go_on(&mut self, app: &Arc<App>, caller: &mut Caller, viewer: &mut Viewer) -> Result<(), Over> {
        let begun = json!({"command": self.spec.full_name(), "kind": self.kind, "t": now_ms()});
        viewer.tell("began", begun).await?;
        let mut look = ticks(Instant::now() + LOOK_TIME, LOOK_TIME);
        let (mut ping, mut stop) = (ticks(Instant::now(), PING_TIME), ticks(Instant::now(), STOP_TIME));
        let (mut heard, mut second, mut messages) = (Instant::now(), Instant::now(), 0);
        loop {
            let may_show = self.sent_bytes - self.acknowledged_bytes < UNACKNOWLEDGED_BYTES_MAX;
            tokio::select! {
                received = viewer.0.recv() => {
                    heard = Instant::now();
                    if second.elapsed() >= Duration::from_secs(1) {
                        (second, messages) = (heard, 0);
                    }
                    messages += 1;
                    match received {
                        Some(Ok(Message::Text(text))) if messages <= MESSAGES_PER_SECOND_MAX => {
                            self.hear(app, viewer, text.as_str()).await?;
                        }
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                            viewer.close(NOT_THIS_PROTOCOL, "messages are text, 50 a second").await;
                            return Err(Over);
                        }
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Over),
                    }
                }
                () = self.feed.ready(self.next_rows), if may_show || self.feed.has_ended() => {
                    if self.show(viewer).await? {
                        viewer.close(DONE, "the command has ended").await;
                        return Ok(());
                    }
                }
                _ = stop.tick(), if self.stopping.is_some() => self.press(app).await,
                _ = ping.tick() => {
                    if heard.elapsed() > SILENCE_MAX {
                        return Err(Over);
                    }
                    viewer.send(Message::Ping(Bytes::new())).await?;
                }
                _ = look.tick() => self.look(app, caller, viewer).await?,
            }
        }
    }

    async fn hear(&mut self, app: &Arc<App>, viewer: &mut Viewer, text: &str) -> Result<(), Over> {
        match serde_json::from_str(text) {
            Ok(Said::Stop) => self.stop("stopped").await,
            Ok(Said::Ack { seq }) => {
                let seq = seq.parse().unwrap_or(0);
                self.acknowledged_bytes = self.acknowledged_bytes.max(seq).min(self.sent_bytes);
            }
            Ok(Said::More(wish)) => {
                if let Err(error) = self.add(app, *wish).await {
                    viewer.refuse(&error).await?;
                }
            }
            Ok(Said::Run(_)) | Err(_) => {
                viewer
                    .close(NOT_THIS_PROTOCOL, "messages are stop, ack and more")
                    .await;
                return Err(Over);
            }
        }
        Ok(())
    }

    /// Has it listen to more or to less.
    async fn add(&mut self, app: &App, wish: Wish) -> Result<(), ApiError> {
        let words = words_of(wish.args, wish.line)?;
        let row = app.engine.row_of(&words);
        let fits = row.is_some_and(|row| MORE.contains(&row.full_name().as_str()));
        if self.kind != Kind::Subscribe || !fits {
            return Err(no_command_of_this(
                row,
                "while something is listened to, it takes SUBSCRIBE, UNSUBSCRIBE and their kin",
            ));
        }
        let mut bytes = Vec::new();
        encode(&mut bytes, &words);
        match timeout(WISH_TIME, self.to_engine.write_all(&bytes)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(ApiError::stopping()),
        }
    }

    /// Shows what has come; whether that is all.
    async fn show(&mut self, viewer: &mut Viewer) -> Result<bool, Over> {
        let taken = self.feed.take();
        if !taken.rows.is_empty() || taken.lost > 0 {
            let rows = serde_json::to_string(&taken.rows).unwrap_or_default();
            self.sent_bytes += rows.len() as u64;
            let (lost, seq) = (taken.lost, self.sent_bytes);
            let text = format!(r#"{{"type":"rows","data":{{"lost":{lost},"rows":{rows},"seq":"{seq}"}}}}"#);
            viewer.send(Message::Text(text.into())).await?;
        }
        self.next_rows = Instant::now() + BATCH_TIME;
        let Some(end) = taken.end else {
            return Ok(false);
        };
        if let (Some(kept), End::Reply(reply)) = (&mut self.kept, &end) {
            kept.note(reply);
        }
        // Who hears of the end finds the line in the history.
        drop(self.kept.take());
        let (reason, reply) = match end {
            End::Reply(reply) => ("done", Some(Reply::from(reply))),
            End::Unsubscribed => ("done", None),
            End::TooLarge => ("too_large", None),
            End::Closed => ("closed", None),
        };
        // What it was asked to do is why it ended; a reply that it was served meanwhile is there all the same.
        let reason = self.stopping.map_or(reason, |(why, _)| why);
        let duration_us = self.began.elapsed().as_micros() as u64;
        let ended = json!({"reason": reason, "reply": reply, "duration_us": duration_us});
        viewer.tell("ended", ended).await?;
        Ok(true)
    }

    /// Has it end; what came until then is shown.
    async fn stop(&mut self, why: &'static str) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some((why, Instant::now()));
        if self.kind != Kind::Blocking {
            self.hang_up().await;
        }
    }

    /// Ends a wait, which may begin only now: until there is an answer, or none is to be had.
    async fn press(&mut self, app: &App) {
        let since = self.stopping.map(|(_, since)| since.elapsed());
        if since.is_some_and(|since| since > STOP_TIME_MAX) {
            self.hang_up().await;
        } else if self.kind == Kind::Blocking && !self.feed.has_ended() {
            app.engine.unblock(&self.seat);
        }
    }

    /// Tells the engine that there is nothing more to come, and it closes the connection: that is the end of what is read.
    async fn hang_up(&mut self) {
        // Where that fails, it is closed already.
        let _ = self.to_engine.shutdown().await;
    }

    /// Follows what has become of the session and of the user's rights.
    async fn look(&mut self, app: &Arc<App>, caller: &mut Caller, viewer: &mut Viewer) -> Result<(), Over> {
        drop(self.kept.take());
        if app.ending.load(Ordering::Acquire) {
            viewer.close(GOING_AWAY, "the server ends").await;
            return Err(Over);
        }
        let standing = app.engine.standing(&caller.identity);
        let session_lasts = match &caller.session {
            Some((_, session)) => session.lasts(&app.engine, now_ms()),
            None => true,
        };
        let Some(identity) = standing.filter(|_| session_lasts) else {
            viewer.close(ENDED, "the session has ended").await;
            return Err(Over);
        };
        if !app.engine.allows(&identity, &self.spec.full_name()) {
            self.stop("rights").await;
        }
        caller.is_locked = app.engine.config().settings().dashboard_readonly;
        if caller.is_read_only() && !is_harmless(self.spec) {
            self.stop("locked").await;
        }
        Ok(())
    }
}

/// Ticks of which those that were missed, or not asked for, do not come all at once afterwards.
fn ticks(first: Instant, period: Duration) -> Interval {
    let mut ticks = interval_at(first, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_after_hours_is_one_tick() {
        let hours_ago = Instant::now().checked_sub(Duration::from_secs(3600));
        let mut stop = ticks(hours_ago.expect("the clock is older"), STOP_TIME);
        let began = Instant::now();
        for _ in 0..3 {
            stop.tick().await;
        }
        assert!(began.elapsed() >= 2 * STOP_TIME);
    }

    #[test]
    fn what_a_viewer_says_is_read() {
        let stop = serde_json::from_str(r#"{"type":"stop"}"#);
        assert!(matches!(stop, Ok(Said::Stop)));
        let ack = serde_json::from_str(r#"{"type":"ack","data":{"seq":"12"}}"#);
        assert!(matches!(ack, Ok(Said::Ack { seq }) if seq == "12"));
        let run = serde_json::from_str(r#"{"type":"run","data":{"line":"BLPOP a 0","db":2,"csrf":"x"}}"#);
        assert!(matches!(run, Ok(Said::Run(wish)) if wish.db.0 == 2 && wish.csrf == "x"));
        assert!(serde_json::from_str::<Said>(r#"{"type":"dance"}"#).is_err());
    }

    #[test]
    fn what_goes_on_is_told_apart_from_what_does_not() {
        let registry = flashdb_server::command_registry();
        let kind = |line: &str| {
            let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            let named = |spec: &&CommandSpec| {
                spec.full_name() == words[0].to_ascii_lowercase().escape_ascii().to_string()
            };
            let spec = registry.all().iter().map(|command| command.spec).find(named);
            kind_of(spec.expect("a command"), &words)
        };
        assert_eq!(kind("PSUBSCRIBE a*"), Some(Kind::Subscribe));
        assert_eq!(kind("MONITOR"), Some(Kind::Monitor));
        assert_eq!(kind("BZPOPMIN a 1"), Some(Kind::Blocking));
        assert_eq!(kind("XREAD BLOCK 0 STREAMS s $"), Some(Kind::Blocking));
        assert_eq!(kind("WAIT 1 100"), Some(Kind::Blocking));
        for plain in ["XREAD STREAMS s 0", "GET a", "UNSUBSCRIBE", "PSYNC a 1", "MULTI"] {
            assert_eq!(kind(plain), None, "{plain}");
        }
    }
}
