//! What concerns the server: clients, slow log, configuration.

use crate::App;
use crate::ask::{Conversation, integer, items, text, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::{Bytes, JsonBody, Query};
use axum::Json;
use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::StatusCode;
use flashdb_config::{Flags, Origin, ROWS, Row, Settings};
use flashdb_resp::reply::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub(super) fn lossy(value: Value) -> String {
    String::from_utf8_lossy(&text(value).unwrap_or_default()).into_owned()
}

// ---- clients -------------------------------------------------------------------------------------

/// All clients.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Clients {
    clients: Vec<ClientView>,
}

/// A client; numbers are those of CLIENT LIST.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ClientView {
    id: String,
    addr: String,
    laddr: String,
    name: Bytes,
    user: String,
    db: i64,
    age_s: i64,
    idle_s: i64,
    flags: String,
    cmd: String,
    sub: i64,
    psub: i64,
    ssub: i64,
    /// Commands queued in a transaction; -1 outside of one.
    multi: i64,
    qbuf: i64,
    omem: i64,
    tot_mem: i64,
    resp: i64,
    lib_name: String,
    lib_ver: String,
}

fn client_of(line: &[u8]) -> Option<ClientView> {
    let fields: HashMap<&[u8], &[u8]> = line
        .split(|&byte| byte == b' ')
        .filter_map(|field| {
            let at = field.iter().position(|&byte| byte == b'=')?;
            Some((&field[..at], &field[at + 1..]))
        })
        .collect();
    let text = |name: &str| {
        let value = fields.get(name.as_bytes()).copied().unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    };
    let number = |name: &str| text(name).parse().unwrap_or(0);
    fields.contains_key(&b"id"[..]).then(|| ClientView {
        id: text("id"),
        addr: text("addr"),
        laddr: text("laddr"),
        name: fields.get(&b"name"[..]).copied().unwrap_or_default().into(),
        user: text("user"),
        db: number("db"),
        age_s: number("age"),
        idle_s: number("idle"),
        flags: text("flags"),
        cmd: text("cmd"),
        sub: number("sub"),
        psub: number("psub"),
        ssub: number("ssub"),
        multi: number("multi"),
        qbuf: number("qbuf"),
        omem: number("omem"),
        tot_mem: number("tot-mem"),
        resp: number("resp"),
        lib_name: text("lib-name"),
        lib_ver: text("lib-ver"),
    })
}

/// `GET /clients`.
pub(crate) async fn clients(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Clients>, ApiError> {
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let listed = conversation.ask(&words(["CLIENT", "LIST"])).await?;
    let listed = text(listed).unwrap_or_default();
    let clients = listed
        .split(|&byte| byte == b'\n')
        .filter_map(client_of)
        .collect();
    Ok(Json(Clients { clients }))
}

/// A client that was dropped.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Killed {
    killed: bool,
}

/// `DELETE /clients/:id`.
pub(crate) async fn kill_client(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
) -> Result<Json<Killed>, ApiError> {
    caller.may_write()?;
    let id = uri.path().rsplit('/').next().unwrap_or_default();
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::bad_request("the id of a client is a number"));
    }
    let no_such_client = || ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such client");
    // Others the engine has not, and it would not take them for ids.
    let Some(id) = id.parse::<i64>().ok().filter(|id| *id > 0) else {
        return Err(no_such_client());
    };
    let id = id.to_string();
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let killed = conversation.ask(&words(["CLIENT", "KILL", "ID", &id])).await?;
    if integer(&killed) != Some(1) {
        return Err(no_such_client());
    }
    Ok(Json(Killed { killed: true }))
}

// ---- slow log ------------------------------------------------------------------------------------

/// The slow log.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SlowLog {
    /// Time from which a command is in it; -1 for never; null without the right to ask.
    threshold_us: Option<i64>,
    max_len: Option<i64>,
    entries: Vec<SlowEntry>,
}

/// A slow command.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SlowEntry {
    id: String,
    time_ms: i64,
    duration_us: i64,
    args: Vec<Bytes>,
    addr: String,
    name: Bytes,
}

fn slow_entry(entry: Value) -> Option<SlowEntry> {
    let mut parts = items(entry).into_iter();
    Some(SlowEntry {
        id: integer(&parts.next()?)?.to_string(),
        time_ms: integer(&parts.next()?)? * 1000,
        duration_us: integer(&parts.next()?)?,
        args: items(parts.next()?)
            .into_iter()
            .filter_map(text)
            .map(Bytes::from)
            .collect(),
        addr: lossy(parts.next()?),
        name: text(parts.next()?)?.into(),
    })
}

/// `GET /slowlog`.
pub(crate) async fn slowlog(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<SlowLog>, ApiError> {
    let limit = Query::of(query.as_deref()).number("limit", 128, 1..=1000)?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let entries = conversation
        .ask(&words(["SLOWLOG", "GET", &limit.to_string()]))
        .await?;
    let asks = words(["CONFIG", "GET", "slowlog-log-slower-than", "slowlog-max-len"]);
    let settings = items(conversation.ask_raw(&asks).await?);
    let setting = |name: &[u8]| {
        let pair = settings
            .chunks_exact(2)
            .find(|pair| text(pair[0].clone()).as_deref() == Some(name))?;
        integer(&pair[1])
    };
    Ok(Json(SlowLog {
        threshold_us: setting(b"slowlog-log-slower-than"),
        max_len: setting(b"slowlog-max-len"),
        entries: items(entries).into_iter().filter_map(slow_entry).collect(),
    }))
}

/// The slow log was emptied.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Reset {
    reset: bool,
}

/// `DELETE /slowlog`.
pub(crate) async fn reset_slowlog(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Reset>, ApiError> {
    caller.may_write()?;
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    conversation.ask(&words(["SLOWLOG", "RESET"])).await?;
    Ok(Json(Reset { reset: true }))
}

// ---- configuration -------------------------------------------------------------------------------

/// All settings.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Config {
    /// What CONFIG REWRITE writes; null for none.
    file: Option<String>,
    settings: Vec<SettingView>,
}

/// A setting.
#[derive(Serialize, JsonSchema)]
pub(crate) struct SettingView {
    name: &'static str,
    /// Null if it is a secret.
    value: Option<String>,
    default: Option<String>,
    /// Values that it takes, in a few words.
    accepts: String,
    summary: &'static str,
    /// `default`, `environment`, `file`, `command-line` or `runtime`.
    source: &'static str,
    /// `now`, `restart` (not by CONFIG SET), or `protected`.
    changes: &'static str,
    /// `yes`, or `none` for what is accepted only.
    effect: &'static str,
    sensitive: bool,
}

fn source(origin: Option<Origin>) -> &'static str {
    match origin {
        None | Some(Origin::Default) => "default",
        Some(Origin::Environment) => "environment",
        Some(Origin::File) => "file",
        Some(Origin::CommandLine) => "command-line",
        Some(Origin::Runtime) => "runtime",
    }
}

/// `GET /config`.
pub(crate) async fn config(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Config>, ApiError> {
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    let found = items(conversation.ask(&words(["CONFIG", "GET", "*"])).await?);
    let values: HashMap<Vec<u8>, Vec<u8>> = found
        .chunks_exact(2)
        .filter_map(|pair| Some((text(pair[0].clone())?, text(pair[1].clone())?)))
        .collect();
    let defaults = Settings::default();
    let store = app.engine.config();
    let rows = ROWS.iter().filter_map(|row| {
        let value = values.get(row.name.as_bytes())?;
        let sensitive = row.is(Flags::SENSITIVE);
        let shown = |value: &[u8]| (!sensitive).then(|| String::from_utf8_lossy(value).into_owned());
        Some(SettingView {
            name: row.name,
            value: shown(value),
            default: shown(&row.value(&defaults)),
            accepts: row.domain(),
            summary: row.summary,
            source: source(store.origin(row.name)),
            changes: if row.is(Flags::IMMUTABLE) || row.is(Flags::AT_START) {
                "restart"
            } else if row.is(Flags::PROTECTED) {
                "protected"
            } else {
                "now"
            },
            effect: if row.is(Flags::INERT) || row.is(Flags::NO_EFFECT_YET) {
                "none"
            } else {
                "yes"
            },
            sensitive,
        })
    });
    Ok(Json(Config {
        file: store.file().map(|file| file.display().to_string()),
        settings: rows.collect(),
    }))
}

/// What was changed by CONFIG SET, over HTTP or not, oldest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConfigChanges {
    changes: Vec<ConfigChange>,
}

/// Settings that were changed together.
#[derive(Serialize, JsonSchema)]
struct ConfigChange {
    /// Unix time, ms.
    t: i64,
    names: Vec<&'static str>,
}

/// `GET /config/changes`: the last of this run.
pub(crate) async fn config_changes(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<ConfigChanges>, ApiError> {
    if !app.engine.allows(&caller.identity, "config|get") {
        let text = b"NOPERM User has no permissions to run the 'config|get' command";
        return Err(ApiError::from_engine(text, Some("config|get")));
    }
    let changes = app.engine.config().changes();
    let changes = changes.into_iter().map(|change| ConfigChange {
        t: change.at_ms as i64,
        names: change.names,
    });
    Ok(Json(ConfigChanges {
        changes: changes.collect(),
    }))
}

/// Names of the settings that can be changed.
fn changeable() -> Vec<&'static str> {
    let fixed = |row: &&Row| row.is(Flags::IMMUTABLE) || row.is(Flags::AT_START);
    ROWS.iter()
        .filter(|row| !fixed(row))
        .map(|row| row.name)
        .collect()
}

/// Settings to change, all or none.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    /// By name; `accepts` of `GET /config` says which values a setting takes. One that it does not take, now or at all, is a
    /// conflict.
    #[schemars(extend("minProperties" = 1, "propertyNames" = serde_json::json!({"enum": changeable()})))]
    set: BTreeMap<String, String>,
    /// Also writes the configuration file.
    #[serde(default)]
    rewrite: bool,
}

/// Settings that were changed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Changed {
    changed: Vec<String>,
    rewritten: bool,
}

/// A failure to write the file, which says that the settings are in force all the same.
fn half_done(error: ApiError, changes: &Changes) -> ApiError {
    let mut details = error.details;
    details["changed"] = changes.set.keys().cloned().collect();
    details["rewritten"] = false.into();
    let message = format!(
        "the settings are in force; writing them to the file failed: {}",
        error.message
    );
    ApiError::new(error.status, error.code, message).with(details)
}

/// `PUT /config`.
pub(crate) async fn set_config(
    State(app): State<Arc<App>>,
    caller: Caller,
    JsonBody(changes): JsonBody<Changes>,
) -> Result<Json<Changed>, ApiError> {
    caller.may_write()?;
    if changes.set.is_empty() {
        return Err(ApiError::bad_request("there is nothing to set"));
    }
    let mut request = words(["CONFIG", "SET"]);
    for (name, value) in &changes.set {
        request.extend([name.clone().into_bytes(), value.clone().into_bytes()]);
    }
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    conversation
        .ask(&request)
        .await
        .map_err(ApiError::into_conflict)?;
    if changes.rewrite {
        let rewritten = conversation.ask(&words(["CONFIG", "REWRITE"])).await;
        rewritten.map_err(|error| half_done(error.into_conflict(), &changes))?;
    }
    Ok(Json(Changed {
        changed: changes.set.into_keys().collect(),
        rewritten: changes.rewrite,
    }))
}
