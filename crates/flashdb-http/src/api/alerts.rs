//! Alerts that fire or fired, their rules, whose thresholds are settings, and the addresses that they are sent to.

use super::figures::may_see_figures;
use crate::App;
use crate::alerts::{
    self, Alert, AlertState, Delivery, Facts, HOT_KEYS_MAX, Kind, RULES, Rule, WebhookView, Webhooks,
};
use crate::ask::{Conversation, words};
use crate::audit;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::gate::RequestId;
use crate::json::JsonBody;
use crate::sampler::Sample;
use crate::topic::Topic;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use flashdb_config::{Settings, WEBHOOK_BYTES_MAX, WEBHOOKS_MAX, Webhook};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The setting that holds the addresses.
const SETTING: &str = "alert-webhooks";

/// What fires or fired, newest first, and the rules.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AlertsView {
    alerts: Vec<Alert>,
    /// How many of them fire.
    firing: usize,
    rules: Vec<RuleView>,
    /// Where alerts are sent to; null without the right to read settings.
    webhooks: Option<Vec<WebhookView>>,
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
pub(crate) fn look(app: &Arc<App>, sample: &Sample, rejected_total: u64) {
    let facts = Facts {
        sample,
        hot_keys: app.engine.hot_keys(HOT_KEYS_MAX),
        rejected_total,
        persistence_fault: app.engine.persistence_fault(),
    };
    let settings = app.engine.config().settings();
    Webhooks::follow(app, &settings.alert_webhooks);
    let changed = app.alerts.look(&facts, &settings, &app.hub);
    app.webhooks.tell(app, &changed);
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
        webhooks: app
            .engine
            .allows(&caller.identity, Topic::Webhooks.row().right)
            .then(|| app.webhooks.list()),
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

/// An address that alerts are to be sent to.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// `https://` or `http://`, perhaps with user and password; what it does not take is a conflict.
    #[schemars(length(max = WEBHOOK_BYTES_MAX))]
    url: String,
}

/// The addresses as they are now.
#[derive(Serialize, JsonSchema)]
pub(crate) struct WebhooksView {
    webhooks: Vec<WebhookView>,
}

fn not_there() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such webhook")
}

fn conflict(message: &str) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "CONFLICT", message)
}

/// Writes the setting, by CONFIG SET, and follows it at once.
async fn set_webhooks(
    app: &Arc<App>,
    caller: &Caller,
    urls: &[&str],
) -> Result<Json<WebhooksView>, ApiError> {
    let mut conversation = Conversation::of(app, caller, 0).await?;
    let request = words(["CONFIG", "SET", SETTING, &urls.join(" ")]);
    conversation
        .ask(&request)
        .await
        .map_err(ApiError::into_conflict)?;
    Webhooks::follow(app, &app.engine.config().settings().alert_webhooks);
    Ok(Json(WebhooksView {
        webhooks: app.webhooks.list(),
    }))
}

/// The right to change the setting, also where it need not be changed.
fn may_set(app: &App, caller: &Caller) -> Result<(), ApiError> {
    caller.may_write()?;
    match app.engine.allows(&caller.identity, "config|set") {
        true => Ok(()),
        false => Err(ApiError::no_right("config|set")),
    }
}

/// `POST /alerts/webhooks`: one more address.
pub(crate) async fn add_webhook(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    JsonBody(new): JsonBody<NewWebhook>,
) -> Result<Json<WebhooksView>, ApiError> {
    may_set(&app, &caller)?;
    let webhook = Webhook::parse(&new.url).map_err(conflict)?;
    let _alone = app.webhooks.edit.lock().await;
    let setting = app.engine.config().settings().alert_webhooks.clone();
    let mut urls: Vec<&str> = setting.split_ascii_whitespace().collect();
    if urls.contains(&new.url.as_str()) {
        return Err(conflict("alerts are sent there already"));
    }
    if urls.len() >= WEBHOOKS_MAX {
        return Err(conflict("there are four webhooks already"));
    }
    urls.push(&new.url);
    let answer = set_webhooks(&app, &caller, &urls).await?;
    audit::webhook(
        app.engine.audit(),
        "added",
        &webhook.shown,
        caller.identity.name(),
        caller.peer,
        &request_id,
    );
    Ok(answer)
}

/// `DELETE /alerts/webhooks/{id}`: one less.
pub(crate) async fn remove_webhook(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Path(id): Path<String>,
) -> Result<Json<WebhooksView>, ApiError> {
    may_set(&app, &caller)?;
    let _alone = app.webhooks.edit.lock().await;
    let setting = app.engine.config().settings().alert_webhooks.clone();
    let (gone, left): (Vec<&str>, Vec<&str>) = setting
        .split_ascii_whitespace()
        .partition(|url| alerts::id_of(url) == id);
    let shown = gone
        .first()
        .and_then(|url| Webhook::parse(url).ok())
        .ok_or_else(not_there)?;
    let answer = set_webhooks(&app, &caller, &left).await?;
    audit::webhook(
        app.engine.audit(),
        "removed",
        &shown.shown,
        caller.identity.name(),
        caller.peer,
        &request_id,
    );
    Ok(answer)
}

/// `POST /alerts/webhooks/{id}/test` takes nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {}

/// `POST /alerts/webhooks/{id}/test`: sends something that says that it is a test, once.
pub(crate) async fn test_webhook(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Path(id): Path<String>,
    JsonBody(Test {}): JsonBody<Test>,
) -> Result<Json<Delivery>, ApiError> {
    may_set(&app, &caller)?;
    let Ok(_alone) = app.webhooks.test.try_lock() else {
        return Err(conflict("a webhook is being tested"));
    };
    let listed = app.webhooks.list();
    let hook = listed.iter().find(|hook| hook.id == id).ok_or_else(not_there)?;
    audit::webhook(
        app.engine.audit(),
        "tested",
        &hook.url,
        caller.identity.name(),
        caller.peer,
        &request_id,
    );
    let delivery = app.webhooks.try_out(&app, &id).await;
    delivery.map(Json).ok_or_else(not_there)
}
