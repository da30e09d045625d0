//! What concerns the server: its configuration.

use crate::App;
use crate::ask::{Conversation, items, text, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::JsonBody;
use axum::Json;
use axum::extract::State;
use flashdb_config::{Flags, Origin, ROWS, Row, Settings};
use flashdb_resp::reply::Value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub(super) fn lossy(value: Value) -> String {
    String::from_utf8_lossy(&text(value).unwrap_or_default()).into_owned()
}

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
        let sensitive = row.is(Flags::SENSITIVE);
        // Secrets are not told to who may not set them, and not shown to anybody.
        let unknown = Vec::new();
        let value = values
            .get(row.name.as_bytes())
            .or(sensitive.then_some(&unknown))?;
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
