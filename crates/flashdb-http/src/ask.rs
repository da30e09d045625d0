//! Asking the engine: a connection for one HTTP request, as a client of the core loops, in RESP3. Bounded in number, in time
//! and in what a reply may be. Nothing outlives the request: what a command does to its connection ends with it.

use crate::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::thin::Thinner;
use axum::http::StatusCode;
use flashdb_resp::reply::{ReplyFault, ReplyLimits, ReplyParser, Value};
use flashdb_server::engine::{Aim, Identity, Seat, State};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

/// What CLIENT LIST calls these connections.
const NAME: &str = "flashdb-http";
/// Time for all that one HTTP request asks.
const TIME: Duration = Duration::from_secs(10);
/// Bytes of all replies to one HTTP request.
const REPLY_BYTES_MAX: usize = 8 << 20;
const REPLY_LIMITS: ReplyLimits = ReplyLimits {
    depth_max: 32,
    bulk_bytes_max: REPLY_BYTES_MAX,
    line_bytes_max: 64 << 10,
    elements_max: 100_000,
};
const READ_BYTES: usize = 16 << 10;

/// See the module's head.
pub(crate) struct Conversation {
    app: Arc<App>,
    seat: Seat,
    stream: UnixStream,
    parser: ReplyParser,
    received_bytes: usize,
    kept_bytes: usize,
    thinner: Option<Thinner>,
    inbox: Vec<u8>,
    deadline: Instant,
    _place: OwnedSemaphorePermit,
}

fn system_error(error: &std::io::Error) -> ApiError {
    tracing::warn!(%error, "HTTP cannot reach the engine");
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "BUSY",
        "the server cannot open a connection to itself",
    )
}

fn timed_out() -> ApiError {
    ApiError::new(
        StatusCode::GATEWAY_TIMEOUT,
        "ENGINE_TIMEOUT",
        "the command took too long; it may still be running",
    )
}

impl Conversation {
    /// A connection that runs as `identity`, or as clients do before they log in.
    ///
    /// # Errors
    /// When there is no place for ten seconds, or the server ends.
    pub async fn begin(
        app: &Arc<App>,
        peer: SocketAddr,
        identity: Option<&Identity>,
    ) -> Result<Self, ApiError> {
        Conversation::begin_to(Aim::Use, app, peer, identity).await
    }

    /// As [`Conversation::begin`], and says what its commands are to keys: what is only shown of them is a look.
    ///
    /// # Errors
    /// As [`Conversation::begin`].
    pub async fn begin_to(
        aim: Aim,
        app: &Arc<App>,
        peer: SocketAddr,
        identity: Option<&Identity>,
    ) -> Result<Self, ApiError> {
        if app.engine.state() == State::Stopping {
            return Err(ApiError::stopping());
        }
        let deadline = Instant::now() + TIME;
        let place = timeout_at(deadline, app.guests.clone().acquire_owned());
        let Ok(Ok(place)) = place.await else {
            return Err(ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "BUSY",
                "too many requests at a time",
            ));
        };
        let (stream, seat) = app
            .engine
            .connect(NAME, &peer.to_string(), identity, aim)
            .map_err(|error| system_error(&error))?;
        Ok(Conversation {
            app: app.clone(),
            seat,
            stream: UnixStream::from_std(stream).map_err(|error| system_error(&error))?,
            parser: ReplyParser::new(REPLY_LIMITS),
            received_bytes: 0,
            kept_bytes: 0,
            thinner: None,
            inbox: Vec::new(),
            deadline,
            _place: place,
        })
    }

    /// A connection for `caller`, in database `db`.
    ///
    /// # Errors
    /// As [`Conversation::begin`], or when there is no such database for the caller.
    pub async fn of(app: &Arc<App>, caller: &Caller, db: u64) -> Result<Self, ApiError> {
        Conversation::of_to(Aim::Use, app, caller, db).await
    }

    /// As [`Conversation::of`], for what shows keys: none of it is a use of them.
    ///
    /// # Errors
    /// As [`Conversation::of`].
    pub async fn look(app: &Arc<App>, caller: &Caller, db: u64) -> Result<Self, ApiError> {
        Conversation::of_to(Aim::Look, app, caller, db).await
    }

    /// As [`Conversation::of`], for who sends a file and notes in the audit log what became of it.
    ///
    /// # Errors
    /// As [`Conversation::of`].
    pub async fn sending_file(app: &Arc<App>, caller: &Caller) -> Result<Self, ApiError> {
        Conversation::of_to(Aim::SendFile, app, caller, 0).await
    }

    async fn of_to(aim: Aim, app: &Arc<App>, caller: &Caller, db: u64) -> Result<Self, ApiError> {
        let mut conversation = Conversation::begin_to(aim, app, caller.peer, Some(&caller.identity)).await?;
        if db != 0 {
            conversation.ask(&words(["SELECT", &db.to_string()])).await?;
        }
        Ok(conversation)
    }

    /// The user that it runs as, once there was a reply.
    pub fn identity(&self) -> Option<Identity> {
        self.seat.identity()
    }

    /// Gives the commands that follow until then.
    pub fn set_time(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
    }

    /// Gives what follows the time and the room of a request of its own: for who asks piece by piece, and keeps none of them.
    pub fn renew(&mut self) {
        self.set_time(TIME);
        self.kept_bytes = 0;
    }

    /// From the next reply on keeps `limit_bytes` of a string; longer ones carry their length as an attribute, which
    /// [`crate::thin::string`] reads. Only for requests whose replies are read so.
    pub fn cut_strings(&mut self, limit_bytes: usize) {
        self.thinner = Some(Thinner::new(limit_bytes));
    }

    /// Bytes that have come from the engine, kept or not.
    pub fn received_bytes(&self) -> usize {
        self.received_bytes
    }

    /// Asks, and takes an error for a failure.
    ///
    /// # Errors
    /// The engine's, and those of [`Conversation::ask_raw`].
    pub async fn ask(&mut self, request: &[Vec<u8>]) -> Result<Value, ApiError> {
        let reply = self.ask_raw(request).await?;
        self.checked(request, reply)
    }

    /// `reply`, unless it is an error: then the failure that it means.
    pub fn checked(&self, request: &[Vec<u8>], reply: Value) -> Result<Value, ApiError> {
        match reply {
            Value::Error(text) => {
                let name = self.app.engine.row_of(request).map(|row| row.full_name());
                Err(ApiError::from_engine(&text, name.as_deref()))
            }
            reply => Ok(reply),
        }
    }

    /// Asks; an error of the engine is a reply.
    ///
    /// # Errors
    /// When it takes too long, is too much, or the connection ends.
    pub async fn ask_raw(&mut self, request: &[Vec<u8>]) -> Result<Value, ApiError> {
        let mut replies = self.ask_all(std::slice::from_ref(&request)).await?;
        Ok(replies.pop().unwrap_or(Value::Null))
    }

    /// Asks several things at once; errors of the engine are replies.
    ///
    /// # Errors
    /// As [`Conversation::ask_raw`].
    pub async fn ask_all<R: AsRef<[Vec<u8>]>>(&mut self, requests: &[R]) -> Result<Vec<Value>, ApiError> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let traces = self.app.traces.as_ref();
        let mut span = traces.and_then(|traces| traces.commands(|| self.name_of(requests), requests.len()));
        let replies = self.exchange(requests).await;
        if let (Some(span), Err(error)) = (&mut span, &replies) {
            span.failed(error.code);
        }
        replies
    }

    /// The command that all these are, or that they are several.
    fn name_of<R: AsRef<[Vec<u8>]>>(&self, requests: &[R]) -> String {
        let names = requests.iter().map(|request| {
            let row = self.app.engine.row_of(request.as_ref());
            row.map_or("unknown".to_owned(), |row| row.full_name())
        });
        let same = |one: String, other: String| if one == other { one } else { "several".to_owned() };
        names.reduce(same).unwrap_or_default()
    }

    async fn exchange<R: AsRef<[Vec<u8>]>>(&mut self, requests: &[R]) -> Result<Vec<Value>, ApiError> {
        let mut bytes = Vec::new();
        for request in requests {
            encode(&mut bytes, request.as_ref());
        }
        let mut replies = Vec::with_capacity(requests.len());
        match timeout_at(self.deadline, self.stream.write_all(&bytes)).await {
            Err(_) => return Err(timed_out()),
            Ok(Err(_)) => return Err(self.lost()),
            Ok(Ok(())) => {}
        }
        while replies.len() < requests.len() {
            match self.parser.parse(&self.inbox) {
                Ok((taken, reply)) => {
                    self.inbox.drain(..taken);
                    match reply {
                        // Nothing was subscribed to, so nobody waits for it.
                        Some(Value::Push(_)) => {}
                        Some(reply) => replies.push(reply),
                        None => self.read().await?,
                    }
                }
                Err(ReplyFault::TooLarge(_)) => return Err(ApiError::reply_too_large()),
                Err(error) => {
                    tracing::error!(%error, "the engine's replies cannot be read");
                    return Err(self.lost());
                }
            }
        }
        Ok(replies)
    }

    async fn read(&mut self) -> Result<(), ApiError> {
        let mut piece = [0; READ_BYTES];
        match timeout_at(self.deadline, self.stream.read(&mut piece)).await {
            Err(_) => Err(timed_out()),
            Ok(Ok(0) | Err(_)) => Err(self.lost()),
            Ok(Ok(length)) => {
                self.received_bytes += length;
                let before = self.inbox.len();
                match &mut self.thinner {
                    Some(thinner) => thinner.feed(&piece[..length], &mut self.inbox),
                    None => self.inbox.extend_from_slice(&piece[..length]),
                }
                self.kept_bytes += self.inbox.len() - before;
                if self.kept_bytes > REPLY_BYTES_MAX {
                    return Err(ApiError::reply_too_large());
                }
                Ok(())
            }
        }
    }

    /// The engine has closed the connection.
    fn lost(&self) -> ApiError {
        if self.app.engine.state() == State::Stopping {
            return ApiError::stopping();
        }
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "CONNECTION_LOST",
            "the connection to the engine was closed: it was killed, its user was removed, or its reply was too large",
        )
    }
}

/// Appends a request as it is sent.
pub(crate) fn encode(out: &mut Vec<u8>, request: &[Vec<u8>]) {
    out.extend_from_slice(format!("*{}\r\n", request.len()).as_bytes());
    for word in request {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// A request of plain words.
pub(crate) fn words<const N: usize>(words: [&str; N]) -> Vec<Vec<u8>> {
    words.into_iter().map(|word| word.as_bytes().to_vec()).collect()
}

/// A request about a key.
pub(crate) fn about<const N: usize>(command: &str, key: &[u8], rest: [&str; N]) -> Vec<Vec<u8>> {
    let mut request = vec![command.as_bytes().to_vec(), key.to_vec()];
    request.extend(rest.into_iter().map(|word| word.as_bytes().to_vec()));
    request
}

/// Bytes of a string, of either kind; an error is none.
pub(crate) fn text(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim(_, text) => Some(text),
        _ => None,
    }
}

/// An integer, also as a string; an error is none.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    if value.is_error() { None } else { value.integer() }
}

/// The elements of an array, set or push; of a map names and values by turns.
pub(crate) fn items(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) | Value::Set(items) | Value::Push(items) => items,
        Value::Map(pairs) => pairs
            .into_iter()
            .flat_map(|(name, value)| [name, value])
            .collect(),
        _ => Vec::new(),
    }
}

/// A double as RESP3 spells it.
pub(crate) fn double(text: &[u8]) -> f64 {
    let text = std::str::from_utf8(text).unwrap_or_default();
    // The standard library knows the words for what is no number, too.
    text.parse().unwrap_or(f64::NAN)
}
