//! The oracle: what was found after a restart against what was sent and acknowledged before.
//!
//! The steps of one connection take effect in order. So what is found must be the model after some number of its steps,
//! each applied wholly. Under `always` that number covers every acknowledged step. Under `everysec` steps may be missing at
//! the end, if they are young enough; and over all connections the missing ones are the end of one common order: a step that
//! was acknowledged before another was sent cannot be missing when that other is there.

use super::client::Sent;
use super::effect::{self, Outcome, Timing};
use super::load::{ACCOUNTS, MSET_KEYS, database, is_flush, keys_of, prefix};
use super::model::{Model, UnixMs, Value, agrees, describe};
use crate::resp::{Reply, Words};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What the level of durability allows to be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// Nothing that was acknowledged.
    Nothing,
    /// What was acknowledged no longer than this before the end.
    Younger(Duration),
    /// Any number of steps at the end.
    AnyTail,
}

/// How many steps of a connection survived: between the least and the largest number that explain what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survivors {
    pub least: usize,
    pub most: usize,
}

/// One connection's part.
pub struct Case<'a> {
    pub client: usize,
    /// The keys before the first step.
    pub base: &'a Model,
    pub history: &'a [Sent],
    pub seen: &'a Model,
    pub seen_ms: UnixMs,
    /// When the server was killed.
    pub end: Instant,
}

/// Finds how many steps of a connection survived, or says what is wrong.
pub fn judge(case: &Case, allowance: Allowance) -> Result<Survivors, String> {
    check_groups(case.client, case.seen)?;
    let prefix = prefix(case.client);
    let acknowledged = case
        .history
        .iter()
        .take_while(|sent| sent.answer.is_some())
        .count();
    let mut model = case.base.clone();
    let mut differing = all_differing(&model, case);
    let mut matches: Option<Survivors> = None;
    let mut at_acknowledged = String::new();
    for applied in 0..=case.history.len() {
        if differing.is_empty() {
            let least = matches.map_or(applied, |found| found.least);
            matches = Some(Survivors { least, most: applied });
        }
        if applied == acknowledged {
            at_acknowledged = differences(&model, case.seen, &differing);
        }
        let Some(sent) = case.history.get(applied) else {
            break;
        };
        if !apply_step(&mut model, sent, case)? {
            break;
        }
        if sent.step.requests.iter().any(is_flush) {
            differing = all_differing(&model, case);
        }
        for key in sent
            .step
            .requests
            .iter()
            .flat_map(|request| keys_of(request, &prefix))
        {
            if agrees(model.get(key), case.seen.get(key), case.seen_ms) {
                differing.remove(key);
            } else {
                differing.insert(key.clone());
            }
        }
    }
    let survivors = matches.ok_or_else(|| {
        let client = case.client;
        format!("client {client}: what was found is not the state after any number of its {acknowledged} acknowledged steps; \
            after all of them these differ:\n{at_acknowledged}")
    })?;
    check_loss(case, survivors, acknowledged, allowance).map_err(|error| {
        format!(
            "client {}: {error}; these differ:\n{at_acknowledged}",
            case.client
        )
    })?;
    Ok(survivors)
}

fn all_differing(model: &Model, case: &Case) -> BTreeSet<Vec<u8>> {
    let keys = model.keys().chain(case.seen.keys());
    keys.filter(|key| !agrees(model.get(*key), case.seen.get(*key), case.seen_ms))
        .cloned()
        .collect()
}

/// Applies a step and checks its replies; false when a step without a reply cannot have happened.
fn apply_step(model: &mut Model, sent: &Sent, case: &Case) -> Result<bool, String> {
    let timing = Timing {
        sent_ms: sent.sent_ms,
        done_ms: sent.answer.as_ref().map_or(case.seen_ms, |answer| answer.done_ms),
    };
    for (number, request) in sent.step.requests.iter().enumerate() {
        let Some(answer) = &sent.answer else {
            if effect::apply(model, request, &Outcome::Seen(case.seen), timing).is_err() {
                return Ok(false);
            }
            continue;
        };
        let wrong = |text: String| format!("client {}: {}: {text}", case.client, spelled(request));
        let reply = answer
            .replies
            .get(number)
            .ok_or_else(|| wrong(format!("the group was answered {:?}", answer.replies)))?;
        let expected = effect::apply(model, request, &Outcome::Told(reply), timing).map_err(wrong)?;
        if expected.as_ref().is_some_and(|expected| expected != reply) {
            return Err(wrong(format!("answered {reply:?}, not {expected:?}")));
        }
        if let (None, Reply::Error(text)) = (&expected, reply) {
            return Err(wrong(format!("answered {text}")));
        }
    }
    Ok(true)
}

fn check_loss(
    case: &Case,
    survivors: Survivors,
    acknowledged: usize,
    allowance: Allowance,
) -> Result<(), String> {
    let lost = acknowledged.saturating_sub(survivors.most);
    if lost == 0 {
        return Ok(());
    }
    let oldest = case.history[survivors.most]
        .answer
        .as_ref()
        .map_or(case.end, |answer| answer.done);
    let age = case.end.saturating_duration_since(oldest);
    match allowance {
        Allowance::AnyTail => Ok(()),
        Allowance::Younger(limit) if age <= limit => Ok(()),
        _ => Err(format!(
            "{lost} acknowledged steps are lost, the oldest acknowledged {} ms before the end",
            age.as_millis()
        )),
    }
}

/// What holds for a client's keys at any moment.
fn check_groups(client: usize, seen: &Model) -> Result<(), String> {
    let prefix = prefix(client);
    let text = |name: String| match seen
        .get(format!("{prefix}{name}").as_bytes())
        .map(|entry| &entry.value)
    {
        Some(Value::Text(bytes)) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    };
    let (a, b) = (text("mark:a".to_owned()), text("mark:b".to_owned()));
    if a != b {
        return Err(format!("client {client}: half of a group: marks {a:?} and {b:?}"));
    }
    let amounts = (0..ACCOUNTS).filter_map(|number| text(format!("account:{number}"))?.parse::<i64>().ok());
    let sum: i64 = amounts.sum();
    if sum != 0 {
        return Err(format!(
            "client {client}: half of a group: the accounts add up to {sum}, not 0"
        ));
    }
    let serials: BTreeSet<Option<String>> = (0..MSET_KEYS)
        .map(|number| text(format!("mset:{number}")))
        .collect();
    if serials.len() > 1 {
        return Err(format!("client {client}: half of an MSET: {serials:?}"));
    }
    Ok(())
}

/// Nothing survived that was sent after something lost had been acknowledged, over all connections.
pub fn check_common_order(cases: &[(&Case, Survivors)]) -> Result<(), String> {
    let newest_survivor = cases
        .iter()
        .filter_map(|(case, survivors)| {
            let newest = survivors.least.checked_sub(1)?;
            Some((case.history[newest].sent, case.client))
        })
        .max();
    let first_lost = cases
        .iter()
        .filter_map(|(case, survivors)| {
            let answer = case.history.get(survivors.most)?.answer.as_ref()?;
            Some((answer.done, case.client))
        })
        .min();
    match (newest_survivor, first_lost) {
        (Some((sent, survivor)), Some((done, loser))) if done < sent => Err(format!(
            "a hole: client {loser} lost a step acknowledged {} us before client {survivor} sent one that survived",
            (sent - done).as_micros()
        )),
        _ => Ok(()),
    }
}

/// The groups of all clients in their common order, as found, against what each client knows of it.
pub fn check_group_order(found: &[String], count: i64, cases: &[(&Case, Survivors)]) -> Result<(), String> {
    if usize::try_from(count) != Ok(found.len()) {
        return Err(format!(
            "half of a group: {count} groups counted, {} listed",
            found.len()
        ));
    }
    for (case, _) in cases {
        let own = format!("{}:", case.client);
        let listed: Vec<&String> = found.iter().filter(|name| name.starts_with(&own)).collect();
        let groups = case.history.iter().filter(|sent| sent.step.is_group);
        for (number, sent) in groups.enumerate() {
            let Some(at) = sent
                .step
                .requests
                .iter()
                .position(|request| request[0] == b"RPUSH")
            else {
                continue;
            };
            let name = String::from_utf8_lossy(&sent.step.requests[at][2]).into_owned();
            if listed.get(number).is_some_and(|listed| **listed != name) {
                return Err(format!("group {name} is missing before {}", listed[number]));
            }
            let place = sent
                .answer
                .as_ref()
                .and_then(|answer| answer.replies.get(at)?.number());
            let place = place.and_then(|place| usize::try_from(place).ok()?.checked_sub(1));
            if let Some(other) = place
                .and_then(|place| found.get(place))
                .filter(|other| **other != name)
            {
                return Err(format!(
                    "group {name} was acknowledged at the place where {other} is"
                ));
            }
        }
        let mark = format!("{}mark:a", prefix(case.client));
        let mark = case.seen.get(mark.as_bytes()).map(|entry| &entry.value);
        let may_be_flushed = mark.is_none() && database(case.client) != 0;
        if let Some(last) = listed.last().filter(|_| !may_be_flushed) {
            let serial = &last.as_bytes()[own.len()..];
            if mark != Some(&Value::Text(serial.to_vec())) {
                return Err(format!(
                    "half of a group: the list ends with {last}, the mark is {mark:?}"
                ));
            }
        }
    }
    Ok(())
}

fn differences(model: &Model, seen: &Model, keys: &BTreeSet<Vec<u8>>) -> String {
    const SHOWN: usize = 6;
    let line = |key: &Vec<u8>| {
        let (wanted, found) = (describe(model.get(key)), describe(seen.get(key)));
        format!(
            "  {}\n    should be {wanted}\n    is        {found}\n",
            key.escape_ascii()
        )
    };
    let mut text: String = keys.iter().take(SHOWN).map(line).collect();
    if keys.len() > SHOWN {
        text.push_str(&format!("  and {} more\n", keys.len() - SHOWN));
    }
    text
}

fn spelled(request: &Words) -> String {
    let words: Vec<String> = request
        .iter()
        .map(|word| word.escape_ascii().to_string())
        .collect();
    let mut text = words.join(" ");
    text.truncate(120);
    text
}

#[cfg(test)]
mod tests;
