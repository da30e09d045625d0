//! Backups over HTTP (API-21): a full snapshot's file taken away from the running server, and one sent to it to be checked, and
//! restored as any other. Files go through SNAPSHOT.READ and SNAPSHOT.WRITE part by part, so that rights, pins and the names of
//! files stay the engine's, and no more than two parts are in memory. A file carries a checksum of each of its blocks; what is sent
//! here is listed only once all of them were right.

use super::{SnapshotView, find, name_of};
use crate::App;
use crate::api::bulk_jobs::{Piece, streamed};
use crate::ask::{Conversation, text, words};
use crate::audit::BulkNote;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::gate::RequestId;
use crate::json::JsonBody;
use crate::traces::of_request;
use axum::body::{Body, HttpBody};
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::{Extension, Json};
use flashdb_resp::reply::Value;
use flashdb_snapshot::{HEAD_BYTES_MAX, SnapshotMeta, meta_of};
use http_body_util::BodyExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};

/// Bytes of a part, the most that the engine takes and gives.
const PART_BYTES: usize = 1 << 20;
/// Time for a snapshot to be taken, and for one that was sent to be checked whole.
pub(super) const WORK_TIME: Duration = Duration::from_secs(3600);
/// Time for what was sent to be removed: the part that took too long comes first.
const CLEANUP_TIME: Duration = Duration::from_secs(60);
/// Time in which something has to come.
const STALL_TIME: Duration = Duration::from_secs(20);
/// Whoever sends more slowly than this, after the first minute, holds the place for nothing.
const PATIENCE: Duration = Duration::from_secs(60);
const SLOWEST_BYTES_PER_SECOND: u64 = 16 << 10;
/// What a file leaves free on the disk: the log needs room, too.
const SPARE_BYTES: u64 = 64 << 20;
/// Bytes between two looks at what is free.
const LOOK_BYTES: u64 = 16 << 20;

/// `POST /backup` takes nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {}

/// `POST /backup`: takes a full snapshot and answers with its file.
pub(crate) async fn download_now(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    JsonBody(Wish {}): JsonBody<Wish>,
) -> Result<Response, ApiError> {
    caller.may_write()?;
    if !app.engine.allows(&caller.identity, "snapshot.read") {
        return Err(ApiError::no_right("snapshot.read"));
    }
    // Before a conversation, of which there are few: it is held for as long as the snapshot takes.
    let place = place_of(&app)?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    conversation.set_time(WORK_TIME);
    let request = words(["SNAPSHOT.CREATE", "FULL", "TEMPORARY"]);
    let id = conversation
        .ask(&request)
        .await
        .map_err(ApiError::into_conflict)?;
    let id = String::from_utf8_lossy(&text(id).unwrap_or_default()).into_owned();
    conversation.renew();
    let snapshot = find(&mut conversation, &id).await?;
    Ok(send_file(
        &app,
        &caller,
        (place, conversation),
        snapshot,
        request_id,
    ))
}

/// `GET /snapshots/:id/file`: the file of a full snapshot that is there.
pub(crate) async fn download(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    uri: OriginalUri,
) -> Result<Response, ApiError> {
    let name = name_of(&uri)?;
    let place = place_of(&app)?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let snapshot = find(&mut conversation, &name).await?;
    if snapshot.base.is_some() {
        return Err(ApiError::conflict(
            "an incremental snapshot cannot be restored without those that it builds on; take a full one",
        ));
    }
    if !app.engine.allows(&caller.identity, "snapshot.read") {
        return Err(ApiError::no_right("snapshot.read"));
    }
    Ok(send_file(
        &app,
        &caller,
        (place, conversation),
        snapshot,
        request_id,
    ))
}

/// A place among exports and backups.
fn place_of(app: &App) -> Result<OwnedSemaphorePermit, ApiError> {
    app.exports.clone().try_acquire_owned().map_err(|_| {
        let message = "as many exports and backups as may are under way";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", message)
    })
}

/// Answers with the file, which is read as it is taken.
fn send_file(
    app: &App,
    caller: &Caller,
    (place, conversation): (OwnedSemaphorePermit, Conversation),
    snapshot: SnapshotView,
    request_id: String,
) -> Response {
    let request = json!({"act": "download", "file": snapshot.file, "bytes": snapshot.bytes});
    let note = note(app, caller, request, request_id);
    let (sender, receiver) = mpsc::channel(1);
    let length = HeaderValue::from(snapshot.bytes.unsigned_abs());
    let name = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", snapshot.file));
    tokio::spawn(async move {
        note.log("begun", 0, 0);
        let outcome = match read_file(conversation, &snapshot, &sender).await {
            Ok(true) => "done",
            Ok(false) => "aborted",
            Err(error) => {
                // Whoever read may have gone.
                let _ = sender.send(Err(std::io::Error::other(error.message))).await;
                "failed"
            }
        };
        note.log(outcome, snapshot.keys.unsigned_abs(), 0);
        drop(place);
    });
    let mut response = streamed(receiver);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    // Who gets fewer knows that it is not all.
    headers.insert(header::CONTENT_LENGTH, length);
    if let Ok(name) = name {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

fn note(app: &App, caller: &Caller, request: serde_json::Value, request_id: String) -> BulkNote {
    BulkNote {
        trail: app.engine.audit().clone(),
        event: "backup",
        job: String::new(),
        user: String::from_utf8_lossy(caller.identity.name()).into_owned(),
        peer: caller.peer,
        request_id,
        request: request.to_string(),
    }
}

/// Reads all of it; false if nobody takes any more.
async fn read_file(
    mut conversation: Conversation,
    snapshot: &SnapshotView,
    sender: &mpsc::Sender<Piece>,
) -> Result<bool, ApiError> {
    let whole = snapshot.bytes.unsigned_abs();
    let mut at = 0;
    while at < whole {
        let count = (whole - at).min(PART_BYTES as u64);
        let (from, count) = (at.to_string(), count.to_string());
        conversation.renew();
        let part = conversation
            .ask(&words(["SNAPSHOT.READ", &snapshot.file, &from, &count]))
            .await?;
        let part = text(part).filter(|part| !part.is_empty());
        let part = part.ok_or_else(|| ApiError::conflict("the file ends before its end"))?;
        at += part.len() as u64;
        if sender.send(Ok(part.into())).await.is_err() {
            return Ok(false);
        }
    }
    // One more byte would mean that it is another file by now; none tells the engine that the file was read.
    conversation.renew();
    let end = conversation
        .ask(&words(["SNAPSHOT.READ", &snapshot.file, &at.to_string(), "1"]))
        .await?;
    match text(end) {
        Some(rest) if rest.is_empty() => Ok(true),
        _ => Err(ApiError::conflict("the file is longer than it was")),
    }
}

/// A backup that was sent, and is whole.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Received {
    /// Restored as any other, by its `file`; removed once it is.
    snapshot: SnapshotView,
}

/// `POST /backups`: takes a file and checks all of it. The data stays as it is.
pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    request: Request,
) -> Result<(StatusCode, Json<Received>), ApiError> {
    caller.may_write()?;
    let kind = request.headers().get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/octet-stream") {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "NOT_BYTES",
            "a backup is sent with Content-Type: application/octet-stream",
        ));
    }
    for right in ["snapshot.write", "snapshot.info"] {
        if !app.engine.allows(&caller.identity, right) {
            return Err(ApiError::no_right(right));
        }
    }
    let Ok(place) = app.backups.clone().try_acquire_owned() else {
        let message = "another backup is being sent";
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", message));
    };
    check_room(&app, request.body().size_hint().lower())?;
    let conversation = Conversation::sending_file(&app, &caller).await?;
    let receiver = Receiver {
        app,
        caller,
        conversation,
        body: request.into_body(),
        part: Vec::new(),
        file: None,
        sent: 0,
        looked: 0,
        began: Instant::now(),
        ended: false,
        committing: false,
        committed: false,
    };
    // It comes to its end, whether or not somebody waits for the answer: what is not whole is removed, and noted.
    let end = tokio::spawn(of_request(async move {
        let outcome = receiver.end(request_id).await;
        drop(place);
        outcome
    }));
    let snapshot = end.await.map_err(|_| ApiError::stopping())??;
    Ok((StatusCode::CREATED, Json(Received { snapshot })))
}

fn check_room(app: &App, coming_bytes: u64) -> Result<(), ApiError> {
    let settings = app.engine.config().settings();
    // Where it cannot be looked, the engine says what is wrong with the folder.
    let Ok(all) = rustix::fs::statvfs(&settings.dir) else {
        return Ok(());
    };
    let free = all.f_bavail.saturating_mul(all.f_frsize);
    if coming_bytes.saturating_add(SPARE_BYTES) <= free {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::INSUFFICIENT_STORAGE,
        "NO_SPACE",
        "there is no room for the file in the data folder",
    ))
}

/// A file on its way to the engine.
struct Receiver {
    app: Arc<App>,
    caller: Caller,
    conversation: Conversation,
    body: Body,
    /// What has come and is not sent yet: up to a part and a frame of the body.
    part: Vec<u8>,
    /// Its name, once the engine may have some of it.
    file: Option<String>,
    sent: u64,
    looked: u64,
    began: Instant,
    ended: bool,
    /// The engine was asked to take it among the snapshots.
    committing: bool,
    /// It is among the snapshots, whatever follows.
    committed: bool,
}

impl Receiver {
    /// Receives all of it, or removes what has come.
    async fn end(mut self, request_id: String) -> Result<SnapshotView, ApiError> {
        let outcome = self.run().await;
        let (act, file) = ("upload", self.file.as_ref());
        let (request, result, keys) = match &outcome {
            Ok(snapshot) => {
                let request = json!({"act": act, "file": file, "bytes": snapshot.bytes});
                (request, "done", snapshot.keys.unsigned_abs())
            }
            Err(error) => {
                let request = json!({"act": act, "file": file, "bytes": self.sent, "error": error.message});
                let result = match (self.committing, self.committed) {
                    // Only the look at what has come in has failed.
                    (_, true) => "done",
                    // The engine may go on with it, though nobody hears of the outcome.
                    (true, false) if error.status.is_server_error() => "unknown",
                    _ => "failed",
                };
                (request, result, 0)
            }
        };
        let note = note(&self.app, &self.caller, request, request_id);
        if outcome.is_err() && !self.committed {
            self.clean_up().await;
        }
        note.log(result, keys, 0);
        outcome
    }

    /// Nobody goes on with it: its room is free again, whatever the server is at and whatever the user may still do.
    async fn clean_up(self) {
        let Receiver {
            app,
            mut conversation,
            file: Some(file),
            ..
        } = self
        else {
            return;
        };
        // A part that is on its way would bring the file back: its reply comes before this one's, unless the connection has ended.
        conversation.set_time(CLEANUP_TIME);
        let _either_way = conversation.ask_raw(&words(["PING"])).await;
        drop(conversation);
        let name = file.clone();
        let discarded = tokio::task::spawn_blocking(move || app.engine.discard_upload(&name)).await;
        let error = match discarded {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(error) => error.to_string(),
        };
        tracing::warn!(file, error, "an unfinished upload stays until the next start");
    }

    async fn run(&mut self) -> Result<SnapshotView, ApiError> {
        self.fill().await?;
        let head = &self.part[..self.part.len().min(HEAD_BYTES_MAX)];
        let meta = meta_of(head)
            .ok_or_else(|| ApiError::conflict("this is no snapshot of FlashDB, or its head is damaged"))?;
        let file = meta.file_name();
        self.refuse_another(&meta, &file).await?;
        self.file = Some(file.clone());
        self.send(&file).await
    }

    /// The engine refuses it, too, but only once all of it was sent.
    async fn refuse_another(&mut self, meta: &SnapshotMeta, file: &str) -> Result<(), ApiError> {
        self.conversation.renew();
        match find(&mut self.conversation, file).await {
            // The same is checked all the same: whoever sends it wants to know of the file.
            Ok(there) if !there.id.is_empty() && meta.id.to_string().starts_with(&there.id) => Ok(()),
            Ok(_) => Err(ApiError::conflict(format!(
                "this server has another snapshot named {file}; what was sent is not identical with it"
            ))),
            // One that cannot be read does not stand in the way.
            Err(error) if matches!(error.status, StatusCode::NOT_FOUND | StatusCode::CONFLICT) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn send(&mut self, file: &str) -> Result<SnapshotView, ApiError> {
        while !self.part.is_empty() {
            let rest = self.part.split_off(self.part.len().min(PART_BYTES));
            let part = std::mem::replace(&mut self.part, rest);
            self.conversation.renew();
            let at = self.sent.to_string();
            self.write(file, &at, &part).await?;
            self.sent += part.len() as u64;
            if self.sent - self.looked >= LOOK_BYTES {
                self.looked = self.sent;
                check_room(&self.app, 0)?;
            }
            self.fill().await?;
        }
        self.conversation.set_time(WORK_TIME);
        self.committing = true;
        self.conversation
            .ask(&words(["SNAPSHOT.WRITE", file, "COMMIT"]))
            .await
            .map_err(ApiError::into_conflict)?;
        self.committed = true;
        self.conversation.renew();
        find(&mut self.conversation, file).await
    }

    async fn write(&mut self, file: &str, at: &str, part: &[u8]) -> Result<Value, ApiError> {
        let mut request = words(["SNAPSHOT.WRITE", file, at]);
        request.push(part.to_vec());
        self.conversation
            .ask(&request)
            .await
            .map_err(ApiError::into_conflict)
    }

    /// Reads until there is a part, or no more.
    async fn fill(&mut self) -> Result<(), ApiError> {
        let too_slow = || {
            ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "TIMEOUT",
                "the file did not come in time",
            )
        };
        while !self.ended && self.part.len() < PART_BYTES {
            let patience = PATIENCE + Duration::from_secs(self.sent / SLOWEST_BYTES_PER_SECOND);
            if self.began.elapsed() > patience {
                return Err(too_slow());
            }
            let frame = timeout(STALL_TIME, self.body.frame())
                .await
                .map_err(|_| too_slow())?;
            match frame {
                None => self.ended = true,
                Some(Err(error)) => {
                    return Err(ApiError::bad_request(format!("the body cannot be read: {error}")));
                }
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        self.part.extend_from_slice(&bytes);
                    }
                }
            }
        }
        Ok(())
    }
}
