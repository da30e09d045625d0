//! Sends alerts to the addresses of `alert-webhooks`, when they begin and when they end. Each address has a task of its own, so that one
//! that is slow or gone holds up nothing else. What waits for it is bounded, and of an alert only its newest state; what is not taken is tried
//! again, ever more rarely, and given up after a while. How it went is shown and logged. How a post is made is in `post.rs`.

use super::post::{Terms, post};
use super::sentence::sentence;
use super::{Alert, AlertState};
use crate::App;
use crate::caller::now_ms;
use crate::sessions::random_hex;
use crate::topic::Topic;
use axum::body::Bytes;
use flashdb_config::Webhook;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Alerts that wait for an address.
const WAITING_MAX: usize = 64;
/// Attempts before a state of an alert is given up: some three minutes.
const ATTEMPTS_MAX: u32 = 8;
/// Time before the second attempt; each next one takes twice as long.
const AGAIN_TIME: Duration = Duration::from_secs(1);
const AGAIN_TIME_MAX: Duration = Duration::from_secs(60);

/// How it went to tell an address of something.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Delivery {
    /// When, Unix ms.
    t: i64,
    /// Id of the alert; `test` for none.
    alert: String,
    delivered: bool,
    /// Status of the answer, if there was one.
    status: Option<u16>,
    /// Why it was not taken.
    error: Option<String>,
    took_ms: u64,
    /// Which attempt it was, from 1 on.
    attempt: u32,
}

/// How an address does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HookState {
    /// It was told nothing yet.
    New,
    /// It has taken what it was told last.
    Good,
    /// It has not.
    Failing,
}

/// An address, without secrets.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct WebhookView {
    /// By which it is addressed.
    pub id: String,
    /// No more than scheme and host: what is behind them may be a secret.
    pub url: String,
    state: HookState,
    /// Alerts that wait to be sent.
    waiting: usize,
    /// Attempts in a row that failed; tests do not count.
    failures: u32,
    delivered_total: u64,
    /// When something was taken last, Unix ms.
    delivered_ms: Option<i64>,
    /// Alerts that were given up, or had no room.
    dropped_total: u64,
    last: Option<Delivery>,
}

/// What is to be sent.
#[derive(Clone)]
struct Item {
    alert: String,
    body: Bytes,
    attempts: u32,
    /// Tells it from one of the same alert that came later.
    number: u64,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Item>,
    count: u64,
    last: Option<Delivery>,
    /// In a row.
    failures: u32,
    delivered_total: u64,
    delivered_ms: Option<i64>,
    dropped_total: u64,
}

/// An address and what waits for it.
struct Hook {
    id: String,
    webhook: Webhook,
    queue: Mutex<Queue>,
    /// There is something to send, or it is no longer an address.
    changed: Notify,
}

/// See the module's head.
#[derive(Default)]
pub(crate) struct Webhooks {
    hooks: Mutex<Vec<Arc<Hook>>>,
    /// The setting that they were read from.
    setting: Mutex<String>,
    /// Held by who changes the setting, and by who tests: one at a time.
    pub edit: tokio::sync::Mutex<()>,
    pub test: tokio::sync::Mutex<()>,
}

/// Keeps ids from telling anything: without it, whoever sees one could try passwords until the hash fits.
static ID_KEY: LazyLock<String> = LazyLock::new(|| random_hex(16).unwrap_or_default());

/// The id of an address: the same as long as it is written the same, until the server ends.
pub(crate) fn id_of(url: &str) -> String {
    let hash = Sha256::digest(format!("{}{url}{}", *ID_KEY, *ID_KEY).as_bytes());
    hash[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The server, for people.
fn place(app: &App) -> String {
    format!("{}:{}", app.host_name, app.engine.port())
}

/// What is sent of an alert: as the API shows it, in a sentence too, with where it comes from and an id that no other server or run uses.
fn body_of(app: &App, alert: Value, text: String) -> Bytes {
    let mut body = alert;
    body["text"] = text.into();
    let run_id = app.engine.run_id();
    let alert_id = body["id"].as_str().unwrap_or_default();
    body["uid"] = format!("{}-{alert_id}", &run_id[..run_id.len().min(12)]).into();
    body["server"] = json!({"name": app.host_name, "run_id": run_id, "port": app.engine.port(), "version": env!("CARGO_PKG_VERSION")});
    body["sent_ms"] = now_ms().into();
    body.to_string().into()
}

impl Webhooks {
    /// Follows the setting: begins to serve addresses that are new, and leaves those that are gone.
    pub fn follow(app: &Arc<App>, setting: &str) {
        let webhooks = &app.webhooks;
        let mut read = webhooks.setting.lock();
        if *read == setting {
            return;
        }
        setting.clone_into(&mut read);
        let mut hooks = webhooks.hooks.lock();
        let before = std::mem::take(&mut *hooks);
        for url in setting.split_ascii_whitespace() {
            let id = id_of(url);
            if let Some(same) = before.iter().find(|hook| hook.id == id) {
                hooks.push(same.clone());
                continue;
            }
            // The setting was checked when it was set.
            let Ok(webhook) = Webhook::parse(url) else {
                continue;
            };
            let hook = Arc::new(Hook {
                id,
                webhook,
                queue: Mutex::default(),
                changed: Notify::new(),
            });
            hooks.push(hook.clone());
            tokio::spawn(serve(app.clone(), hook));
        }
        drop((hooks, read));
        before.iter().for_each(|hook| hook.changed.notify_one());
        webhooks.publish(app);
    }

    /// Has these alerts told to all addresses.
    pub fn tell(&self, app: &App, alerts: &[Alert]) {
        let hooks = self.hooks.lock().clone();
        if hooks.is_empty() {
            return;
        }
        for alert in alerts {
            let body = body_of(app, json!(alert), sentence(&place(app), alert));
            for hook in &hooks {
                hook.queue.lock().put(&alert.id, body.clone());
                hook.changed.notify_one();
            }
        }
        if !alerts.is_empty() {
            self.publish(app);
        }
    }

    /// All addresses, without secrets.
    pub fn list(&self) -> Vec<WebhookView> {
        self.hooks.lock().iter().map(|hook| hook.view()).collect()
    }

    fn publish(&self, app: &App) {
        app.hub
            .publish(Topic::Webhooks, None, &json!({"webhooks": self.list()}));
    }

    fn has(&self, hook: &Arc<Hook>) -> bool {
        self.hooks.lock().iter().any(|one| Arc::ptr_eq(one, hook))
    }

    /// Sends something to an address that says what it is, once; `None` where there is no such address.
    pub async fn try_out(&self, app: &App, id: &str) -> Option<Delivery> {
        let hook = self.hooks.lock().iter().find(|hook| hook.id == id).cloned()?;
        let now = now_ms();
        let alert = json!({
            "id": "test", "type": "test", "rule": "test", "state": AlertState::Firing, "since": now, "until": null, "value": 0.0, "worst": 0.0,
            "threshold": 0, "key": null, "db": null, "qps": null,
        });
        let text = format!("FlashDB {}: a test, sent from the dashboard", place(app));
        let delivery = send(app, &hook, "test", body_of(app, alert, text), 1).await;
        hook.queue.lock().saw(&delivery);
        self.publish(app);
        Some(delivery)
    }
}

impl Queue {
    /// Puts a state of an alert behind what waits, in place of one that waits of the same alert.
    fn put(&mut self, alert: &str, body: Bytes) {
        self.waiting.retain(|item| item.alert != alert);
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
            self.dropped_total += 1;
        }
        self.count += 1;
        self.waiting.push_back(Item {
            alert: alert.to_owned(),
            body,
            attempts: 0,
            number: self.count,
        });
    }

    /// Notes how the last post went.
    fn saw(&mut self, delivery: &Delivery) {
        self.last = Some(delivery.clone());
        if delivery.delivered {
            self.delivered_ms = Some(delivery.t);
        }
    }

    /// Notes how an attempt went. What was replaced meanwhile has gone from the queue.
    fn note(&mut self, item: &Item, delivery: &Delivery) {
        self.saw(delivery);
        let at = self.waiting.iter().position(|one| one.number == item.number);
        if delivery.delivered {
            self.failures = 0;
            self.delivered_total += 1;
            at.map(|at| self.waiting.remove(at));
            return;
        }
        self.failures += 1;
        let Some(at) = at else { return };
        self.waiting[at].attempts += 1;
        if self.waiting[at].attempts >= ATTEMPTS_MAX {
            self.waiting.remove(at);
            self.dropped_total += 1;
        }
    }

    /// Time before the next attempt.
    fn pause(&self) -> Duration {
        match self.failures {
            0 => Duration::ZERO,
            failures => AGAIN_TIME_MAX.min(AGAIN_TIME * (1 << (failures - 1).min(6))),
        }
    }
}

impl Hook {
    fn view(&self) -> WebhookView {
        let queue = self.queue.lock();
        WebhookView {
            id: self.id.clone(),
            url: self.webhook.shown.clone(),
            state: match &queue.last {
                None => HookState::New,
                Some(last) if last.delivered => HookState::Good,
                Some(_) => HookState::Failing,
            },
            waiting: queue.waiting.len(),
            failures: queue.failures,
            delivered_total: queue.delivered_total,
            delivered_ms: queue.delivered_ms,
            dropped_total: queue.dropped_total,
            last: queue.last.clone(),
        }
    }

    /// Tells the log when it begins to fail, and when it is good again.
    fn log(&self, failures_before: u32, delivery: &Delivery) {
        let (id, url) = (&*self.id, &*self.webhook.shown);
        if delivery.delivered && failures_before > 0 {
            tracing::info!(id, url, "the webhook takes alerts again");
        } else if !delivery.delivered && failures_before == 0 {
            let error = delivery.error.as_deref().unwrap_or_default();
            tracing::warn!(
                id,
                url,
                error,
                "the webhook did not take an alert; it is tried again"
            );
        }
    }
}

/// Sends what waits for an address, as long as it is one.
async fn serve(app: Arc<App>, hook: Arc<Hook>) {
    while app.webhooks.has(&hook) {
        let next = hook.queue.lock().waiting.front().cloned();
        let Some(item) = next else {
            hook.changed.notified().await;
            continue;
        };
        let attempt = item.attempts + 1;
        let body = item.body.clone();
        let delivery = send(&app, &hook, &item.alert, body, attempt).await;
        let (before, pause) = {
            let mut queue = hook.queue.lock();
            let before = queue.failures;
            queue.note(&item, &delivery);
            (before, queue.pause())
        };
        hook.log(before, &delivery);
        app.webhooks.publish(&app);
        wait(&app, &hook, pause).await;
    }
}

/// Waits before the next attempt, at most as long as it is an address: alerts that come meanwhile do not make it sooner.
async fn wait(app: &App, hook: &Arc<Hook>, pause: Duration) {
    let until = tokio::time::Instant::now() + pause;
    while app.webhooks.has(hook) {
        let Ok(()) = tokio::time::timeout_at(until, hook.changed.notified()).await else {
            return;
        };
    }
}

async fn send(app: &App, hook: &Hook, alert: &str, body: Bytes, attempt: u32) -> Delivery {
    let (t, began) = (now_ms(), Instant::now());
    let terms = Terms::of(&app.engine.config().settings());
    let outcome = post(&hook.webhook, &terms, body).await;
    let delivered = outcome.as_ref().is_ok_and(|status| status.is_success());
    let status = outcome.as_ref().ok().map(|status| status.as_u16());
    let error = match outcome {
        Ok(_) if delivered => None,
        Ok(status) => Some(format!("it answered {}", status.as_u16())),
        Err(error) => Some(error),
    };
    Delivery {
        t,
        alert: alert.to_owned(),
        delivered,
        status,
        error,
        took_ms: began.elapsed().as_millis() as u64,
        attempt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(delivered: bool) -> Delivery {
        Delivery {
            t: 0,
            alert: String::new(),
            delivered,
            status: None,
            error: None,
            took_ms: 0,
            attempt: 1,
        }
    }

    fn waiting(queue: &Queue) -> Vec<(&str, &[u8])> {
        let items = queue.waiting.iter();
        items.map(|item| (&*item.alert, &*item.body)).collect()
    }

    #[test]
    fn the_newest_state_of_an_alert_waits_and_there_is_a_limit() {
        let mut queue = Queue::default();
        queue.put("a_1", "firing".into());
        let sent = queue.waiting[0].clone();
        queue.put("a_2", "firing".into());
        queue.put("a_1", "resolved".into());
        assert_eq!(waiting(&queue), [("a_2", &b"firing"[..]), ("a_1", b"resolved")]);
        // What was on its way has been replaced: the new state is still to be told.
        queue.note(&sent, &delivery(true));
        assert_eq!((queue.waiting.len(), queue.delivered_total), (2, 1));
        for n in 0..100 {
            queue.put(&format!("b_{n}"), "firing".into());
        }
        assert_eq!((queue.waiting.len(), queue.dropped_total), (WAITING_MAX, 38));
        assert_eq!(queue.waiting[0].alert, "b_36");
    }

    #[test]
    fn what_is_not_taken_is_tried_ever_more_rarely_and_given_up() {
        let mut queue = Queue::default();
        queue.put("a_1", "firing".into());
        let mut pauses = Vec::new();
        while let Some(item) = queue.waiting.front().cloned() {
            queue.note(&item, &delivery(false));
            pauses.push(queue.pause().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!((queue.dropped_total, queue.delivered_total), (1, 0));
        queue.put("a_2", "firing".into());
        let item = queue.waiting[0].clone();
        queue.note(&item, &delivery(true));
        assert_eq!((queue.pause(), queue.waiting.len()), (Duration::ZERO, 0));
    }

    #[test]
    fn ids_tell_nothing_of_the_address() {
        assert_eq!(id_of("http://a"), id_of("http://a"));
        assert_ne!(id_of("http://a"), id_of("http://b"));
        // It cannot be made from the address alone.
        let bare = Sha256::digest(b"http://a");
        assert!(!id_of("http://a").starts_with(&format!("{:02x}{:02x}{:02x}", bare[0], bare[1], bare[2])));
    }
}
