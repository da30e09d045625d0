//! Snapshots: how data is kept now, what one can go back to, taking and removing them, and going back. Whoever restores
//! is told first what is lost, and says which snapshot is meant a second time. A restore goes on when its request ends:
//! how it went is kept and told with the list.

pub(super) mod backup;

use super::server::lossy;
use crate::App;
use crate::ask::{Conversation, about, integer, items, text, words};
use crate::caller::{Caller, now_ms};
use crate::error::ApiError;
use crate::json::{Int, JsonBody};
use crate::traces::of_request;
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use flashdb_resp::reply::Value;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Time to wait for a snapshot or a restore before the answer is that it goes on.
const WAIT_TIME: Duration = Duration::from_secs(10);
/// Time after which a restore is no longer looked after; the engine goes on with it.
const RESTORE_TIME: Duration = Duration::from_secs(24 * 3600);
/// Bytes of the name of a snapshot: an id or the name of a file.
const NAME_BYTES_MAX: usize = 100;
pub(super) const NAME_PATTERN: &str = "^[A-Za-z0-9._-]{1,100}$";
const LABEL_CHARS_MAX: usize = 255;
/// Bytes of a point in time.
const POINT_BYTES_MAX: usize = 40;

/// All snapshots, newest first, and how data is kept.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Snapshots {
    snapshots: Vec<SnapshotView>,
    /// Null without the right to ask (`+info`).
    persistence: Option<Persistence>,
    /// The last restore over HTTP since the start.
    restore: Option<Restore>,
}

/// A snapshot.
#[derive(Clone, Serialize, JsonSchema)]
pub(crate) struct SnapshotView {
    id: String,
    label: String,
    lsn: Int,
    created_ms: i64,
    /// `full`, `incremental` or `upload`.
    kind: String,
    bytes: i64,
    keys: i64,
    kept: bool,
    file: String,
    /// The one that it builds on.
    base: Option<String>,
}

/// How data is kept.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Persistence {
    /// Whether each write goes to the log.
    log: bool,
    /// What is wrong with the log.
    log_failure: Option<String>,
    log_segments: Option<i64>,
    log_bytes: Option<i64>,
    /// LSN of the last write, and of the last that is on disk.
    lsn: Int,
    durable_lsn: Int,
    /// Changes since the newest snapshot.
    changes: i64,
    saving: bool,
    last_save_failed: bool,
    /// How long the last snapshot took; null before the first.
    last_took_s: Option<i64>,
    /// The last load, at the start or by a restore; null if there was none to measure.
    load: Option<Load>,
    /// Settings that decide; null without the right to ask (`+config|get`).
    settings: Option<Keeping>,
}

/// Settings of how data is kept.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Keeping {
    /// `appendfsync`.
    fsync: String,
    /// Time between two syncs under `everysec`.
    fsync_interval_ms: Option<i64>,
    /// `save`: pairs of seconds and changes; empty for none.
    save: String,
    /// `snapshot-interval`; 0 for none.
    interval_s: Option<i64>,
    /// `snapshot-retention`.
    retention: Option<i64>,
}

/// How long it took to load how many keys.
#[derive(Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Load {
    keys: i64,
    ms: i64,
}

/// A restore.
#[derive(Clone, Serialize, JsonSchema)]
pub(crate) struct Restore {
    /// Id of the snapshot, or the point in time as it was asked for.
    id: String,
    /// Label of the snapshot of the state before, if one was taken for a point in time.
    undo: Option<String>,
    user: String,
    /// `running`, `done` or `failed`.
    state: &'static str,
    began_ms: i64,
    ended_ms: Option<i64>,
    error: Option<String>,
}

/// The last restore.
#[derive(Default)]
pub(crate) struct Restores(Mutex<Option<Restore>>);

impl Restores {
    fn last(&self) -> Option<Restore> {
        self.0.lock().clone()
    }

    /// Whether this one may begin: there is none.
    fn begin(&self, id: &str, user: &[u8]) -> bool {
        let mut last = self.0.lock();
        if last.as_ref().is_some_and(|last| last.state == "running") {
            return false;
        }
        *last = Some(Restore {
            id: id.to_owned(),
            undo: None,
            user: String::from_utf8_lossy(user).into_owned(),
            state: "running",
            began_ms: now_ms(),
            ended_ms: None,
            error: None,
        });
        true
    }

    /// It was done, and can be undone by a snapshot with this label, or it failed.
    fn end(&self, outcome: Result<Option<String>, String>) -> Option<Restore> {
        let mut last = self.0.lock();
        if let Some(last) = last.as_mut() {
            last.state = if outcome.is_ok() { "done" } else { "failed" };
            last.ended_ms = Some(now_ms());
            match outcome {
                Ok(undo) => last.undo = undo,
                Err(error) => last.error = Some(error),
            }
        }
        last.clone()
    }
}

fn snapshot_of(value: Value) -> Option<SnapshotView> {
    let fields = items(value);
    let field = |name: &str| {
        let pair = fields
            .chunks_exact(2)
            .find(|pair| text(pair[0].clone()).as_deref() == Some(name.as_bytes()));
        pair.map(|pair| pair[1].clone()).unwrap_or(Value::Null)
    };
    let word = |name: &str| lossy(field(name));
    let number = |name: &str| integer(&field(name)).unwrap_or(0);
    (!fields.is_empty()).then(|| SnapshotView {
        id: word("id"),
        label: word("label"),
        lsn: Int(number("lsn")),
        created_ms: number("created") * 1000,
        kind: word("kind"),
        bytes: number("bytes"),
        keys: number("keys"),
        kept: number("kept") == 1,
        file: word("file"),
        base: text(field("base")).map(|base| String::from_utf8_lossy(&base).into_owned()),
    })
}

// ---- how data is kept ----------------------------------------------------------------------------

async fn persistence(conversation: &mut Conversation) -> Result<Option<Persistence>, ApiError> {
    let Some(info) = text(conversation.ask_raw(&words(["INFO", "persistence"])).await?) else {
        return Ok(None);
    };
    let asks = words([
        "CONFIG",
        "GET",
        "appendfsync",
        "appendfsync-interval",
        "save",
        "snapshot-interval",
        "snapshot-retention",
    ]);
    let settings: HashMap<Vec<u8>, String> = items(conversation.ask_raw(&asks).await?)
        .chunks_exact(2)
        .filter_map(|pair| Some((text(pair[0].clone())?, lossy(pair[1].clone()))))
        .collect();
    Ok(Some(Persistence::of(&info, &settings)))
}

impl Persistence {
    fn of(info: &[u8], settings: &HashMap<Vec<u8>, String>) -> Self {
        let info = String::from_utf8_lossy(info);
        let fields: HashMap<&str, &str> = info.lines().filter_map(|line| line.split_once(':')).collect();
        let number = |name: &str| fields.get(name).and_then(|text| text.trim().parse::<i64>().ok());
        let is_on = |name: &str| number(name) == Some(1);
        let fault = fields
            .get("wal_failure")
            .map(|text| text.trim())
            .unwrap_or_default();
        let load = number("rdb_last_load_keys_loaded").zip(number("last_load_msec"));
        let setting = |name: &str| settings.get(name.as_bytes()).cloned();
        let setting_number = |name: &str| setting(name).and_then(|text| text.parse().ok());
        Persistence {
            log: is_on("aof_enabled"),
            log_failure: (!fault.is_empty()).then(|| fault.to_owned()),
            log_segments: number("wal_segments"),
            log_bytes: number("wal_bytes"),
            lsn: Int(number("wal_lsn").unwrap_or(0)),
            durable_lsn: Int(number("wal_durable_lsn").unwrap_or(0)),
            changes: number("rdb_changes_since_last_save").unwrap_or(0),
            saving: is_on("rdb_bgsave_in_progress") || is_on("aof_rewrite_in_progress"),
            last_save_failed: fields.get("rdb_last_bgsave_status").map(|text| text.trim()) == Some("err"),
            last_took_s: number("rdb_last_bgsave_time_sec").filter(|seconds| *seconds >= 0),
            load: load
                .filter(|(keys, ms)| *keys > 0 && *ms >= 0)
                .map(|(keys, ms)| Load { keys, ms }),
            settings: setting("appendfsync").map(|fsync| Keeping {
                fsync,
                fsync_interval_ms: setting_number("appendfsync-interval"),
                save: setting("save").unwrap_or_default(),
                interval_s: setting_number("snapshot-interval"),
                retention: setting_number("snapshot-retention"),
            }),
        }
    }
}

/// `GET /snapshots`.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Snapshots>, ApiError> {
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let listed = conversation.ask(&words(["SNAPSHOT.LIST"])).await?;
    Ok(Json(Snapshots {
        snapshots: items(listed).into_iter().filter_map(snapshot_of).collect(),
        persistence: persistence(&mut conversation).await?,
        restore: app.restores.last(),
    }))
}

// ---- taking --------------------------------------------------------------------------------------

/// A snapshot to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSnapshot {
    /// The words FULL and TEMPORARY are none, in any case.
    #[serde(default)]
    #[schemars(length(max = LABEL_CHARS_MAX), extend("not" = json!({"pattern": "^(?:[Ff][Uu][Ll][Ll]|[Tt][Ee][Mm][Pp][Oo][Rr][Aa][Rr][Yy])$"})))]
    label: String,
    #[serde(default)]
    full: bool,
    /// May be removed when it is not needed any more.
    #[serde(default)]
    temporary: bool,
}

/// A snapshot that was asked for.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Taken {
    /// Null while it is being taken.
    id: Option<String>,
    /// `done` or `running`.
    state: &'static str,
}

/// `POST /snapshot`.
pub(crate) async fn take(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(wish): JsonBody<NewSnapshot>,
) -> Result<Response, ApiError> {
    caller.may_write()?;
    // The command would take these words for options.
    if ["full", "temporary"].contains(&wish.label.to_ascii_lowercase().as_str()) {
        return Err(ApiError::bad_request("a label cannot be FULL or TEMPORARY"));
    }
    if wish.label.chars().count() > LABEL_CHARS_MAX {
        return Err(ApiError::bad_request("a label has at most 255 characters"));
    }
    let mut request = about("SNAPSHOT.CREATE", wish.label.as_bytes(), []);
    request.extend(wish.full.then(|| b"FULL".to_vec()));
    request.extend(wish.temporary.then(|| b"TEMPORARY".to_vec()));
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    conversation.set_time(WAIT_TIME);
    let (status, taken) = match conversation.ask(&request).await {
        Ok(id) => {
            let id = Some(lossy(id));
            (StatusCode::CREATED, Taken { id, state: "done" })
        }
        Err(error) if error.code == "ENGINE_TIMEOUT" => {
            if wish.temporary {
                tokio::spawn(stay(conversation));
            }
            let state = "running";
            (StatusCode::ACCEPTED, Taken { id: None, state })
        }
        Err(error) => return Err(error.into_conflict()),
    };
    Ok((status, Json(taken)).into_response())
}

/// Waits for a temporary one that was promised: it would not be taken for somebody who is gone. The engine lets few wait.
async fn stay(mut conversation: Conversation) {
    conversation.set_time(backup::WORK_TIME);
    // The reply that comes first is that of the request before.
    let _either_way = conversation.ask_raw(&words(["PING"])).await;
}

// ---- one of them ---------------------------------------------------------------------------------

/// The name in `/snapshots/{name}` and `/snapshots/{name}/restore`.
fn name_of(uri: &OriginalUri) -> Result<String, ApiError> {
    let mut parts = uri.path().split('/').skip_while(|part| *part != "snapshots");
    let name = parts.nth(1).unwrap_or_default();
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if is_name && (1..=NAME_BYTES_MAX).contains(&name.len()) {
        return Ok(name.to_owned());
    }
    Err(ApiError::bad_request(
        "a snapshot is named by its id or its file, as GET /api/v1/snapshots tells them",
    ))
}

/// A request about the snapshot `name`, which is an id or a file: anybody may have chosen a label that looks like it.
fn about_exactly(command: &str, name: &str) -> Vec<Vec<u8>> {
    words([command, name, "EXACT"])
}

/// The snapshot `name`.
async fn find(conversation: &mut Conversation, name: &str) -> Result<SnapshotView, ApiError> {
    let not_found = || ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such snapshot");
    let found = conversation.ask(&about_exactly("SNAPSHOT.INFO", name)).await;
    let found = found.map_err(|error| match error.message.as_str() {
        "ERR no such snapshot" => not_found(),
        // Several begin so, or the catalog cannot be read.
        _ => error.into_conflict(),
    })?;
    snapshot_of(found).ok_or_else(not_found)
}

/// A snapshot that was removed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Deleted {
    deleted: bool,
}

/// `DELETE /snapshots/:id`.
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
) -> Result<Json<Deleted>, ApiError> {
    caller.may_write()?;
    let name = name_of(&uri)?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    find(&mut conversation, &name).await?;
    let deleted = conversation.ask(&about_exactly("SNAPSHOT.DELETE", &name)).await;
    // Another one builds on it, or a start relies on it.
    deleted.map_err(ApiError::into_conflict)?;
    Ok(Json(Deleted { deleted: true }))
}

/// What a restore would do.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Preview {
    snapshot: SnapshotView,
    /// Keys now, in all databases; null if not known.
    keys_now: Option<u64>,
    /// Writes since the snapshot, which would be lost; null if they were not counted: the log was off, or the snapshot is
    /// from elsewhere.
    writes_lost: Option<Int>,
    /// Time of the snapshot; what was written after it is lost.
    since_ms: i64,
    /// How long it would take, by the last load; null if there was none to measure, or the snapshot is incremental.
    estimate_ms: Option<i64>,
    /// What POST has to carry as `confirm`.
    confirm: String,
}

/// Keys below which a load says nothing about how fast loads are.
const MEASURED_KEYS_MIN: i64 = 1000;

fn estimate_ms(keys: i64, load: Option<Load>) -> Option<i64> {
    let load = load.filter(|load| load.keys >= MEASURED_KEYS_MIN)?;
    let ms = keys as f64 * load.ms.max(1) as f64 / load.keys as f64;
    Some(ms.ceil() as i64)
}

/// Writes that the log has counted since the snapshot.
fn writes_lost(snapshot: &SnapshotView, persistence: &Persistence) -> Option<Int> {
    let writes = persistence.lsn.0.checked_sub(snapshot.lsn.0)?;
    let is_counted = persistence.log && snapshot.kind != "upload" && writes >= 0;
    is_counted.then_some(Int(writes))
}

/// An incremental snapshot holds what changed: how many keys there are with those below it is not known before.
fn confirmation(snapshot: &SnapshotView) -> String {
    match snapshot.base {
        None => format!("restore {} keys", snapshot.keys),
        Some(_) => format!("restore {}", snapshot.id),
    }
}

/// `GET /snapshots/:id/restore`.
pub(crate) async fn preview(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
) -> Result<Json<Preview>, ApiError> {
    let name = name_of(&uri)?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let snapshot = find(&mut conversation, &name).await?;
    let persistence = persistence(&mut conversation).await?;
    let newest = app.sampler.watch().borrow().clone();
    Ok(Json(Preview {
        keys_now: persistence
            .is_some()
            .then(|| newest.map(|moment| moment.sample.keys))
            .flatten(),
        writes_lost: persistence.as_ref().and_then(|kept| writes_lost(&snapshot, kept)),
        since_ms: snapshot.created_ms,
        estimate_ms: match snapshot.base {
            None => estimate_ms(snapshot.keys, persistence.and_then(|kept| kept.load)),
            Some(_) => None,
        },
        confirm: confirmation(&snapshot),
        snapshot,
    }))
}

/// Which snapshot is meant, a second time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoBack {
    /// As the preview says.
    confirm: String,
    /// Takes a snapshot of the present state before.
    #[serde(default)]
    snapshot_first: bool,
}

/// `POST /snapshots/:id/restore`: 200 when it is done, 202 when it goes on.
pub(crate) async fn restore(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
    JsonBody(wish): JsonBody<GoBack>,
) -> Result<Response, ApiError> {
    caller.may_write()?;
    let name = name_of(&uri)?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let snapshot = find(&mut conversation, &name).await?;
    let confirm = confirmation(&snapshot);
    if wish.confirm != confirm {
        let refusal = ApiError::conflict(format!("confirm has to be \"{confirm}\""));
        return Err(refusal.with(json!({"confirm": confirm})));
    }
    // Before the snapshot that would be taken first.
    may_restore(&app, &caller)?;
    begin(&app, &caller, &snapshot.id)?;
    conversation.set_time(RESTORE_TIME);
    see_through(&app, async move {
        go_back(&mut conversation, &snapshot, wish.snapshot_first)
            .await
            .map(|()| None)
    })
    .await
}

fn may_restore(app: &App, caller: &Caller) -> Result<(), ApiError> {
    if app.engine.allows(&caller.identity, "snapshot.restore") {
        return Ok(());
    }
    let text = b"NOPERM User has no permissions to run the 'snapshot.restore' command";
    Err(ApiError::from_engine(text, Some("snapshot.restore")))
}

fn begin(app: &App, caller: &Caller, id: &str) -> Result<(), ApiError> {
    match app.restores.begin(id, caller.identity.name()) {
        true => Ok(()),
        false => Err(ApiError::conflict("another restore is under way")),
    }
}

/// Has a restore done on its own, so that it goes on when the request ends: 200 when it is done soon, 202 when it goes on.
async fn see_through(
    app: &App,
    restore: impl Future<Output = Result<Option<String>, ApiError>> + Send + 'static,
) -> Result<Response, ApiError> {
    let restores = app.restores.clone();
    let (told, outcome) = oneshot::channel();
    tokio::spawn(of_request(async move {
        let done = restore.await;
        let kept = done.as_ref().map(Clone::clone);
        let ended = restores.end(kept.map_err(|error| error.message.clone()));
        // Whoever asked may have gone.
        let _ = told.send(done.map(|_| ended));
    }));
    match tokio::time::timeout(WAIT_TIME, outcome).await {
        Ok(Ok(outcome)) => Ok(Json(outcome?).into_response()),
        Ok(Err(_)) => Err(ApiError::stopping()),
        Err(_) => Ok((StatusCode::ACCEPTED, Json(app.restores.last())).into_response()),
    }
}

/// A point in time to go back to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoBackTo {
    /// An LSN, Unix seconds or milliseconds, or a time like `2026-01-31T12:00:00Z`.
    #[schemars(length(min = 1, max = POINT_BYTES_MAX))]
    to: String,
    /// `restore to ` and the point, as above.
    confirm: String,
}

/// `POST /restore`: 200 when it is done, 202 when it goes on. A snapshot of the state before stays.
pub(crate) async fn restore_to(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(wish): JsonBody<GoBackTo>,
) -> Result<Response, ApiError> {
    caller.may_write()?;
    if !(1..=POINT_BYTES_MAX).contains(&wish.to.len()) {
        return Err(ApiError::bad_request("a point in time has 1 to 40 bytes"));
    }
    let confirm = format!("restore to {}", wish.to);
    if wish.confirm != confirm {
        let refusal = ApiError::conflict(format!("confirm has to be \"{confirm}\""));
        return Err(refusal.with(json!({"confirm": confirm})));
    }
    may_restore(&app, &caller)?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    begin(&app, &caller, &wish.to)?;
    conversation.set_time(RESTORE_TIME);
    see_through(&app, async move {
        let request = words(["SNAPSHOT.RESTORE", "TO", &wish.to]);
        let undo = conversation.ask(&request).await;
        undo.map(|label| Some(lossy(label)))
            .map_err(ApiError::into_conflict)
    })
    .await
}

/// Restores the snapshot that was confirmed.
async fn go_back(
    conversation: &mut Conversation,
    snapshot: &SnapshotView,
    snapshot_first: bool,
) -> Result<(), ApiError> {
    if snapshot_first {
        let label = format!("before restoring {}", snapshot.id);
        conversation
            .ask(&about("SNAPSHOT.CREATE", label.as_bytes(), []))
            .await
            .map_err(ApiError::into_conflict)?;
    }
    // By its file, which no other snapshot has, and only if it is still there.
    let request = about_exactly("SNAPSHOT.RESTORE", &snapshot.file);
    conversation
        .ask(&request)
        .await
        .map_err(ApiError::into_conflict)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_restore_at_a_time_and_its_end_is_kept() {
        let restores = Restores::default();
        assert!(restores.last().is_none());
        assert!(restores.begin("a1", b"ada") && !restores.begin("b2", b"ada"));
        restores.end(Err("ERR damaged".into()));
        let last = restores.last().expect("one");
        assert_eq!((last.state, last.id.as_str()), ("failed", "a1"));
        assert!(last.ended_ms.is_some() && restores.begin("b2", b"ada"));
        assert_eq!(restores.end(Ok(None)).map(|last| last.state), Some("done"));
    }

    #[test]
    fn what_is_not_told_is_not_known() {
        let info = b"aof_enabled:1\r\nwal_lsn:90\r\nwal_failure:\r\nrdb_last_bgsave_time_sec:-1\r\nlast_load_msec:-1\r\n";
        let kept = Persistence::of(info, &HashMap::new());
        assert!(kept.log && kept.log_failure.is_none() && kept.settings.is_none());
        assert_eq!(
            (kept.lsn, kept.last_took_s, kept.log_bytes),
            (Int(90), None, None)
        );
        assert!(kept.load.is_none());
        assert_eq!(estimate_ms(10, Some(Load { keys: 10, ms: 1 })), None);
        let measured = Some(Load { keys: 1000, ms: 50 });
        assert_eq!(
            (estimate_ms(4000, measured), estimate_ms(0, measured)),
            (Some(200), Some(0))
        );
    }

    #[test]
    fn lost_writes_are_counted_by_the_log_of_this_server_only() {
        let snapshot = |lsn, kind: &str| SnapshotView {
            id: "a1".into(),
            label: String::new(),
            lsn: Int(lsn),
            created_ms: 0,
            kind: kind.into(),
            bytes: 1,
            keys: 5,
            kept: true,
            file: "f".into(),
            base: None,
        };
        let kept = |info: &[u8]| Persistence::of(info, &HashMap::new());
        let on = kept(b"aof_enabled:1\r\nwal_lsn:90\r\n");
        assert_eq!(writes_lost(&snapshot(40, "full"), &on), Some(Int(50)));
        assert_eq!(writes_lost(&snapshot(91, "full"), &on), None);
        assert_eq!(writes_lost(&snapshot(40, "upload"), &on), None);
        let off = kept(b"aof_enabled:0\r\nwal_lsn:90\r\n");
        assert_eq!(writes_lost(&snapshot(90, "full"), &off), None);
        assert_eq!(confirmation(&snapshot(1, "full")), "restore 5 keys");
        let incremental = SnapshotView {
            base: Some("b2".into()),
            ..snapshot(1, "incremental")
        };
        assert_eq!(confirmation(&incremental), "restore a1");
    }
}
