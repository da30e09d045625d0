//! Alerts that fire or fired, and their rules, whose thresholds are settings.

use super::figures::may_see_figures;
use crate::App;
use crate::alerts::{self, Alert, AlertState, Facts, HOT_KEYS_MAX, Kind, RULES, Rule};
use crate::ask::{Conversation, words};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::JsonBody;
use crate::sampler::Sample;
use crate::topic::Topic;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use flashdb_config::Settings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What fires or fired, newest first, and the rules.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AlertsView {
    alerts: Vec<Alert>,
    /// How many of them fire.
    firing: usize,
    rules: Vec<RuleView>,
}

/// A rule.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RuleView {
    /// By which it is addressed.
    name: &'static str,
    #[serde(rename = "type")]
    kind: Kind,
    summary: &'static str,
    /// 0 is off.
    threshold: u64,
    default: u64,
    unit: &'static str,
    /// The setting that holds the threshold.
    setting: &'static str,
    /// Seconds that the value has to stand at the threshold.
    holds_s: u32,
}

fn view(rule: &Rule, settings: &Settings) -> RuleView {
    RuleView {
        name: rule.name,
        kind: rule.kind,
        summary: rule.summary,
        threshold: (rule.threshold)(settings),
        default: (rule.threshold)(&Settings::default()),
        unit: rule.unit,
        setting: rule.setting,
        holds_s: rule.holds_s,
    }
}

/// Holds the figures of this second against the rules.
pub(crate) fn look(app: &App, sample: &Sample, rejected_total: u64) {
    let facts = Facts {
        sample,
        hot_keys: app.engine.hot_keys(HOT_KEYS_MAX),
        rejected_total,
        persistence_fault: app.engine.persistence_fault(),
    };
    app.alerts.look(&facts, &app.engine.config().settings(), &app.hub);
}

/// `GET /alerts`.
pub(crate) async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<AlertsView>, ApiError> {
    may_see_figures(&app, &caller.identity)?;
    let names_keys = app
        .engine
        .allows(&caller.identity, Topic::HotKeyAlert.row().right);
    let mut alerts = app.alerts.list();
    alerts.retain(|alert| names_keys || alert.kind != Kind::HotKey);
    let settings = app.engine.config().settings();
    Ok(Json(AlertsView {
        firing: alerts
            .iter()
            .filter(|alert| alert.state == AlertState::Firing)
            .count(),
        alerts,
        rules: RULES.iter().map(|rule| view(rule, &settings)).collect(),
    }))
}

/// As the settings of all rules have it.
const THRESHOLD_MAX: u64 = i64::MAX as u64;

/// A rule's new threshold.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// 0 switches the rule off; of `persistence` all else switches it on.
    #[schemars(range(max = THRESHOLD_MAX))]
    threshold: u64,
}

/// `PUT /alerts/{rule}`, which is CONFIG SET.
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
    JsonBody(change): JsonBody<Change>,
) -> Result<Json<RuleView>, ApiError> {
    caller.may_write()?;
    if change.threshold > THRESHOLD_MAX {
        let message = format!("threshold has to be a number from 0 to {THRESHOLD_MAX}");
        return Err(ApiError::bad_request(message));
    }
    let rule = alerts::named(&name)
        .ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such rule"))?;
    let value = match (rule.kind, change.threshold) {
        (Kind::Persistence, 0) => "no".to_owned(),
        (Kind::Persistence, _) => "yes".to_owned(),
        (_, threshold) => threshold.to_string(),
    };
    let mut conversation = Conversation::of(&app, &caller, 0).await?;
    conversation
        .ask(&words(["CONFIG", "SET", rule.setting, &value]))
        .await?;
    Ok(Json(view(rule, &app.engine.config().settings())))
}
