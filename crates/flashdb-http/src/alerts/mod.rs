//! Alerts: once a second the newest figures are held against the rules' thresholds. A value that stands at its threshold for the rule's
//! time fires an alert, one that is below for ten seconds resolves it; each change is published to who watches and sent to webhooks. The last 256
//! alerts are kept, in memory only.

mod post;
mod rule;
mod sentence;
mod tls;
mod webhooks;

pub(crate) use rule::{Kind, RULES, Rule, named};
pub(crate) use webhooks::{Delivery, WebhookView, Webhooks, id_of};

use crate::hub::Hub;
use crate::json::Bytes;
use crate::sampler::Sample;
use crate::topic::Topic;
use flashdb_config::Settings;
use flashdb_server::engine::HotKey;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{HashMap, VecDeque};

/// Alerts that are kept.
const KEPT_MAX: usize = 256;
/// Seconds below the threshold after which an alert is over.
const CALM_S: u32 = 10;
/// Keys that are looked at; so many alerts of hot keys there are at most at a time.
pub(crate) const HOT_KEYS_MAX: usize = 8;

/// Whether `alert-webhook-ca-file` names a file with certificates, if it names one.
///
/// # Errors
/// Which file, and what is wrong with it.
pub(crate) fn check_ca_file(settings: &Settings) -> Result<(), String> {
    post::ca_file(settings).map_or(Ok(()), |file| tls::check(&file))
}

/// Whether an alert stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AlertState {
    Firing,
    Resolved,
}

/// An alert.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Alert {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Name of the rule.
    pub rule: &'static str,
    pub state: AlertState,
    /// When it began, Unix ms.
    pub since: i64,
    /// When it ended, Unix ms.
    pub until: Option<i64>,
    /// The value that is watched, in the unit of the rule: the newest while it fires.
    pub value: f64,
    /// The highest there was.
    pub worst: f64,
    pub threshold: u64,
    /// What is wrong, where that is not a number.
    pub text: Option<String>,
    /// The hot key.
    pub key: Option<Bytes>,
    pub db: Option<u16>,
    /// Commands per second on the hot key.
    pub qps: Option<f64>,
}

/// What is looked at in a second.
pub(crate) struct Facts<'a> {
    pub sample: &'a Sample,
    pub hot_keys: Vec<HotKey>,
    /// Since the start.
    pub rejected_total: u64,
    pub persistence_fault: Option<&'static str>,
}

/// See the module's head.
#[derive(Default)]
pub(crate) struct Alerts(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// Newest last.
    kept: VecDeque<Alert>,
    standing: HashMap<Subject, Standing>,
    count: u64,
    before: Option<Before>,
}

struct Before {
    t: i64,
    rejected_total: u64,
    evicted_total: u64,
}

/// What an alert is about.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Subject {
    kind: Kind,
    key: Option<(u16, usize, Vec<u8>)>,
}

#[derive(Default)]
struct Standing {
    /// Seconds in a row at or above the threshold.
    above_s: u32,
    /// Seconds in a row below it.
    below_s: u32,
    /// Of the alert that fires.
    id: Option<String>,
}

struct Reading {
    subject: Subject,
    value: f64,
    text: Option<String>,
}

impl Alerts {
    /// Holds the facts of this second against the rules, tells who watches what has changed, and answers it.
    pub fn look(&self, facts: &Facts<'_>, settings: &Settings, hub: &Hub) -> Vec<Alert> {
        let changed = self.0.lock().look(facts, settings);
        for alert in &changed {
            // Names of keys are only for who may list hot keys.
            let topic = match alert.kind {
                Kind::HotKey => Topic::HotKeyAlert,
                _ => Topic::Alert,
            };
            hub.publish(topic, Some(&alert.id), alert);
        }
        changed
    }

    /// All that are kept, newest first.
    pub fn list(&self) -> Vec<Alert> {
        self.0.lock().kept.iter().rev().cloned().collect()
    }
}

impl Held {
    fn look(&mut self, facts: &Facts<'_>, settings: &Settings) -> Vec<Alert> {
        let mut changed = Vec::new();
        let readings = self.read(facts);
        for rule in RULES {
            let threshold = (rule.threshold)(settings);
            let mut seen: Vec<&Subject> = Vec::new();
            for reading in readings
                .iter()
                .filter(|reading| reading.subject.kind == rule.kind)
            {
                seen.push(&reading.subject);
                let is_above = threshold > 0 && reading.value >= threshold as f64;
                changed.extend(self.note(rule, threshold, reading, is_above, facts.sample.t));
            }
            // What is not read any more, such as a key that went cold, is below.
            let gone: Vec<Subject> = self
                .standing
                .keys()
                .filter(|subject| subject.kind == rule.kind && !seen.contains(subject))
                .cloned()
                .collect();
            for subject in gone {
                let reading = Reading {
                    subject,
                    value: 0.0,
                    text: None,
                };
                changed.extend(self.note(rule, threshold, &reading, false, facts.sample.t));
            }
        }
        changed
    }

    fn read(&mut self, facts: &Facts<'_>) -> Vec<Reading> {
        let sample = facts.sample;
        let plain = |kind, value: f64| Reading {
            subject: Subject { kind, key: None },
            value,
            text: None,
        };
        let before = self.before.replace(Before {
            t: sample.t,
            rejected_total: facts.rejected_total,
            evicted_total: sample.evicted_total,
        });
        // Counters go back to zero by CONFIG RESETSTAT: that second has no rate.
        let rate = |now: u64, pick: fn(&Before) -> u64| {
            let before = before.as_ref().filter(|before| sample.t > before.t)?;
            let difference = now.checked_sub(pick(before))?;
            Some(difference as f64 * 1000.0 / (sample.t - before.t) as f64)
        };
        let rejected = rate(facts.rejected_total, |before| before.rejected_total);
        let evicted = rate(sample.evicted_total, |before| before.evicted_total);
        let used = (sample.maxmemory > 0).then(|| sample.mem as f64 * 100.0 / sample.maxmemory as f64);
        let mut readings = vec![
            plain(Kind::Memory, used.unwrap_or(0.0)),
            plain(Kind::Latency, sample.p99_us.unwrap_or(0.0)),
            plain(Kind::Errors, sample.errors.unwrap_or(0.0)),
            plain(Kind::Rejected, rejected.unwrap_or(0.0)),
            plain(Kind::Evictions, evicted.unwrap_or(0.0)),
            plain(Kind::Blocked, sample.blocked as f64),
            Reading {
                text: facts.persistence_fault.map(str::to_owned),
                ..plain(
                    Kind::Persistence,
                    f64::from(u8::from(facts.persistence_fault.is_some())),
                )
            },
        ];
        readings.extend(facts.hot_keys.iter().map(|key| Reading {
            subject: Subject {
                kind: Kind::HotKey,
                key: Some((key.db, key.key_bytes, key.key.clone())),
            },
            value: key.reads + key.writes,
            text: None,
        }));
        readings
    }

    /// Follows one subject; the alert if it has begun or ended.
    fn note(
        &mut self,
        rule: &Rule,
        threshold: u64,
        reading: &Reading,
        is_above: bool,
        t: i64,
    ) -> Option<Alert> {
        let is_new = !self.standing.contains_key(&reading.subject);
        if is_new && !is_above {
            return None;
        }
        let standing = self.standing.entry(reading.subject.clone()).or_default();
        (standing.above_s, standing.below_s) = match is_above {
            true => (standing.above_s + 1, 0),
            false => (0, standing.below_s + 1),
        };
        let (above_s, below_s) = (standing.above_s, standing.below_s);
        let Some(id) = standing.id.clone() else {
            if is_above && above_s >= rule.holds_s {
                return Some(self.fire(rule, threshold, reading, t));
            }
            if !is_above {
                self.standing.remove(&reading.subject);
            }
            return None;
        };
        // A rule that was switched off has nothing more to say.
        let ends = !is_above && (below_s >= CALM_S || threshold == 0);
        if ends {
            self.standing.remove(&reading.subject);
        }
        let alert = self.kept.iter_mut().rfind(|alert| alert.id == id)?;
        if is_above {
            alert.value = reading.value;
            alert.worst = alert.worst.max(reading.value);
            alert.qps = alert.qps.map(|_| reading.value.round());
        }
        if !ends {
            return None;
        }
        (alert.state, alert.until) = (AlertState::Resolved, Some(t));
        Some(alert.clone())
    }

    fn fire(&mut self, rule: &Rule, threshold: u64, reading: &Reading, t: i64) -> Alert {
        self.count += 1;
        let id = format!("a_{}", self.count);
        if let Some(standing) = self.standing.get_mut(&reading.subject) {
            standing.id = Some(id.clone());
        }
        let key = reading.subject.key.as_ref();
        let alert = Alert {
            id,
            kind: rule.kind,
            rule: rule.name,
            state: AlertState::Firing,
            since: t,
            until: None,
            value: reading.value,
            worst: reading.value,
            threshold,
            text: reading.text.clone(),
            key: key.map(|(_, key_bytes, key)| match *key_bytes > key.len() {
                true => Bytes::beginning(key, *key_bytes as u64),
                false => key.as_slice().into(),
            }),
            db: key.map(|(db, ..)| *db),
            qps: key.map(|_| reading.value.round()),
        };
        if self.kept.len() == KEPT_MAX {
            // One that still fires is kept as long as there is another to drop.
            let oldest = self
                .kept
                .iter()
                .position(|alert| alert.state == AlertState::Resolved);
            self.kept.remove(oldest.unwrap_or(0));
        }
        self.kept.push_back(alert.clone());
        alert
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::tests::sample_at;

    fn settings() -> Settings {
        Settings {
            alert_hot_key_rate: 100,
            alert_memory_percent: 90,
            alert_rejected_rate: 1,
            ..Settings::default()
        }
    }

    fn hot(key: &str, rate: f64) -> HotKey {
        HotKey {
            db: 0,
            key: key.into(),
            key_bytes: key.len(),
            reads: rate,
            writes: 0.0,
            share: 0.0,
            history: vec![],
        }
    }

    /// Looks once a second, at what `facts` says of it; what has changed in which second.
    fn play(
        held: &mut Held,
        seconds: std::ops::Range<i64>,
        settings: &Settings,
        facts: impl Fn(i64, &mut Sample) -> (Vec<HotKey>, u64, Option<&'static str>),
    ) -> Vec<(i64, Kind, AlertState)> {
        let mut changes = Vec::new();
        for second in seconds {
            let mut sample = sample_at(second * 1000);
            let (hot_keys, rejected_total, persistence_fault) = facts(second, &mut sample);
            let facts = Facts {
                sample: &sample,
                hot_keys,
                rejected_total,
                persistence_fault,
            };
            for alert in held.look(&facts, settings) {
                changes.push((second, alert.kind, alert.state));
            }
        }
        changes
    }

    #[test]
    fn an_alert_fires_once_it_has_stood_and_ends_once_it_is_calm() {
        let mut held = Held::default();
        let memory = |second: i64, sample: &mut Sample| {
            sample.maxmemory = 1000;
            // A peak of two seconds is none; from 10 to 20 it stands; one calm second changes nothing.
            sample.mem = if matches!(second, 3..=4 | 10..=14 | 16..=20) {
                950
            } else {
                500
            };
            (vec![], 0, None)
        };
        let changes = play(&mut held, 0..60, &settings(), memory);
        assert_eq!(
            changes,
            [
                (12, Kind::Memory, AlertState::Firing),
                (30, Kind::Memory, AlertState::Resolved)
            ]
        );
        let alert = &held.kept[0];
        assert_eq!(
            (alert.since, alert.until, alert.worst),
            (12_000, Some(30_000), 95.0)
        );
        assert!(held.standing.is_empty());
    }

    #[test]
    fn each_hot_key_has_an_alert_of_its_own() {
        let mut held = Held::default();
        let changes = play(&mut held, 0..40, &settings(), |second, _| {
            let mut keys = vec![hot("a", 500.0), hot("cold", 5.0)];
            if second < 10 {
                keys.push(hot("b", 200.0));
            }
            (keys, 0, None)
        });
        assert_eq!(
            changes,
            [
                (2, Kind::HotKey, AlertState::Firing),
                (2, Kind::HotKey, AlertState::Firing),
                (19, Kind::HotKey, AlertState::Resolved)
            ]
        );
        let shown = serde_json::to_value(&held.kept[0]).expect("JSON");
        assert_eq!(
            (&shown["type"], &shown["key"], &shown["qps"]),
            (&"hot_key".into(), &"a".into(), &500.0.into())
        );
    }

    #[test]
    fn rates_and_faults_are_watched() {
        let mut held = Held::default();
        let changes = play(&mut held, 0..5, &settings(), |second, _| {
            (
                vec![],
                if second < 3 { 7 } else { 9 },
                (second == 4).then_some("the last snapshot failed"),
            )
        });
        assert_eq!(
            changes,
            [
                (3, Kind::Rejected, AlertState::Firing),
                (4, Kind::Persistence, AlertState::Firing)
            ]
        );
        assert_eq!(held.kept[1].text.as_deref(), Some("the last snapshot failed"));
    }

    #[test]
    fn a_rule_that_is_switched_off_ends_its_alerts() {
        let mut held = Held::default();
        let hot_keys = |_: i64, _: &mut Sample| (vec![hot("a", 500.0)], 0, None);
        play(&mut held, 0..5, &settings(), hot_keys);
        let off = Settings {
            alert_hot_key_rate: 0,
            ..settings()
        };
        let changes = play(&mut held, 5..8, &off, hot_keys);
        assert_eq!(changes, [(5, Kind::HotKey, AlertState::Resolved)]);
    }

    #[test]
    fn history_is_bounded_and_keeps_what_fires() {
        let mut held = Held::default();
        for round in 0..400 {
            let key = format!("key:{round}");
            play(
                &mut held,
                round * 20..round * 20 + 20,
                &settings(),
                |second, _| {
                    let mut keys = vec![hot("always", 500.0)];
                    if second % 20 < 5 {
                        keys.push(hot(&key, 500.0));
                    }
                    (keys, 0, None)
                },
            );
        }
        assert_eq!(held.kept.len(), KEPT_MAX);
        assert_eq!(held.kept[0].state, AlertState::Firing);
        assert_eq!(held.standing.len(), 1);
    }
}
