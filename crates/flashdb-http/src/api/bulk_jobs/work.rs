//! The work of a bulk job: snapshot, then piece by piece of the walk, batch by batch at its pace. Each key is changed by one
//! command of its own, as the user has rights at that moment, so what was answered is done and what was not is as it was; an
//! abort or the end of the server leaves nothing half changed.

use super::link::Link;
use super::pace::Pace;
use super::preview;
use super::walk::Walk;
use super::wish::{Deed, Left, Plan};
use crate::App;
use crate::api::keys::Name;
use crate::ask::{Conversation, about, integer, text};
use crate::audit::BulkNote;
use crate::caller::now_ms;
use crate::error::ApiError;
use crate::jobs::{Job, JobState};
use crate::json::Bytes;
use axum::http::StatusCode;
use flashdb_resp::reply::Value as Reply;
use flashdb_server::engine::{Aim, EndHold, Identity};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// Errors that are kept with their keys.
pub(in crate::api) const ERRORS_MAX: usize = 100;
/// Bytes of a name that is kept with its error.
pub(in crate::api) const NAME_BYTES_MAX: usize = 256;
/// Errors in a row after which it ends: whoever has lost the right to the keys need not be told for each of a million.
pub(in crate::api) const REFUSALS_MAX: u64 = 1000;
/// New names that are remembered, so that a key that was renamed into the old prefix is not taken for one that was there. Of more
/// than that, those that the walk comes to again are counted as skipped.
const MADE_MAX: usize = 1 << 20;
/// Longest pause. A job that nobody comes back for gives its place to others.
pub(in crate::api) const PAUSE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Time between two looks whether the server is to end.
const END_LOOK_TIME: Duration = Duration::from_millis(50);
/// What is said of a key whose change was not answered in time.
pub(in crate::api) const UNKNOWN: &str = "the server did not answer in time; the key may be changed or not";
/// Time for a snapshot.
const SNAPSHOT_TIME: Duration = Duration::from_secs(6 * 3600);
/// What the server answers while it is no longer the one that was looked at, or cannot take writes.
pub(in crate::api) const ENDING: [&str; 5] = ["LOADING", "BUSY", "MISCONF", "READONLY", "NOAUTH"];

/// A job at work.
pub(super) struct Work {
    pub app: Arc<App>,
    pub identity: Identity,
    pub peer: SocketAddr,
    pub plan: Arc<Plan>,
    pub note: BulkNote,
    /// Until its end is in the audit log.
    pub hold: EndHold,
}

/// What came of it up to now.
#[derive(Default)]
struct Tally {
    /// Keys that were come to.
    handled: u64,
    /// Keys that it will come to, about.
    total: u64,
    changed: u64,
    /// Keys that it may change.
    most: Option<u64>,
    /// There was nothing to do: gone meanwhile, no expiry, renamed already.
    idle: u64,
    /// They began with the new prefix before they were come to, and not by this job.
    skipped: u64,
    /// New names, hashed, that the walk may come to yet.
    made: HashSet<u64>,
    errors: u64,
    /// Those of them that may be changed: there was no answer.
    unknown: u64,
    /// Since when there are no answers.
    silent_since: Option<Instant>,
    refused_in_a_row: u64,
    /// The first of the errors.
    told: Vec<Value>,
    snapshot: Option<String>,
}

/// What came of one key.
enum Outcome {
    Changed,
    Idle,
    Refused { code: String, message: String },
}

impl Work {
    /// All of it. Ends the job whatever happens.
    pub async fn run(self, job: Arc<Job>) {
        self.note.log("begun", 0, 0);
        let mut tally = Tally::default();
        let outcome = until_the_end(&self.app, &job, self.work(&job, &mut tally)).await;
        // Decided once: an abort may come at any moment, and after the last key changes nothing any more.
        let (outcome, state, failure) = match outcome {
            Err(error) => ("failed", JobState::Failed, Some(error.message)),
            Ok(false) => ("aborted", JobState::Aborted, None),
            Ok(true) => ("done", JobState::Done, None),
        };
        self.note.log(outcome, tally.changed, tally.errors);
        job.end_as(state, tally.result(&job), failure);
        drop(self.hold);
    }

    /// False if it ended before the last key, by request.
    async fn work(&self, job: &Job, tally: &mut Tally) -> Result<bool, ApiError> {
        let mut walk = Walk::new(Aim::Use, &self.app, &self.identity, self.peer, &self.plan);
        if self.plan.snapshot_first {
            job.progress("taking a snapshot", 0, 0, 0, Value::Null);
            tally.snapshot = self.snapshot(job).await?;
        }
        let Some((known, all)) = self.count(job, &mut walk, tally).await? else {
            return Ok(false);
        };
        tally.most = self.plan.most()?;
        let mut pace = Pace::new(self.plan.rate);
        let mut is_done = walk.has_ended();
        while !is_done && rest(job, &mut walk.link, Instant::now()).await? {
            self.check_rights()?;
            pace.ask(job.rate.load(Ordering::Relaxed));
            let began = Instant::now();
            let names = match walk.step().await {
                Err(error) if tally.may_wait(&error) => {
                    // The same piece again, over a connection that owes no answers.
                    walk.let_go();
                    continue;
                }
                step => step?,
            };
            tally.silent_since = None;
            let mut due = pace.looked(began.elapsed(), Instant::now());
            tally.expect(known, all, walk.looked);
            tally.tell(job, &pace);
            let mut names = names.as_slice();
            while !names.is_empty() && rest(job, &mut walk.link, due).await? {
                self.check_rights()?;
                pace.ask(job.rate.load(Ordering::Relaxed));
                let (batch, left) = names.split_at(pace.batch_keys().min(names.len()).min(tally.free()));
                names = left;
                let began = Instant::now();
                self.change(&mut walk, batch, tally).await?;
                due = pace.changed(batch.len(), began.elapsed(), Instant::now());
                tally.expect(known, all, walk.looked);
                tally.tell(job, &pace);
            }
            is_done = walk.has_ended() && names.is_empty();
            if is_done || !rest(job, &mut walk.link, due).await? {
                break;
            }
        }
        if is_done {
            tally.total = tally.handled;
        }
        tally.tell(job, &pace);
        Ok(is_done)
    }

    /// How many keys there will be, if that is known, and how many the database has; none where the job is stopped before.
    async fn count(
        &self,
        job: &Job,
        walk: &mut Walk,
        tally: &mut Tally,
    ) -> Result<Option<(Option<u64>, u64)>, ApiError> {
        while rest(job, &mut walk.link, Instant::now()).await? {
            let counted = match preview::total(walk, &self.plan).await {
                Ok(known) => preview::all_keys(walk).await.map(|all| (known, all)),
                Err(error) => Err(error),
            };
            match counted {
                Err(error) if tally.may_wait(&error) => walk.let_go(),
                counted => {
                    let (known, all) = counted?;
                    return Ok(Some((known.or(self.plan.confirmed()?), all.unwrap_or(0))));
                }
            }
        }
        Ok(None)
    }

    /// Takes the snapshot, or gives up with the job; the engine goes on with it then.
    async fn snapshot(&self, job: &Job) -> Result<Option<String>, ApiError> {
        let mut conversation = Conversation::begin(&self.app, self.peer, Some(&self.identity)).await?;
        conversation.set_time(SNAPSHOT_TIME);
        let label = format!("before bulk {}", job.id);
        let request = about("SNAPSHOT.CREATE", label.as_bytes(), []);
        let taken = conversation.ask(&request);
        tokio::pin!(taken);
        loop {
            let changed = job.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if job.is_stopped() {
                return Ok(None);
            }
            tokio::select! {
                id = &mut taken => {
                    let id = id?;
                    return Ok(text(id).map(|id| String::from_utf8_lossy(&id).into_owned()));
                }
                () = changed => {}
            }
        }
    }

    /// Whether its user may still do it: rights are those of now, not of the beginning.
    fn check_rights(&self) -> Result<(), ApiError> {
        let engine = &self.app.engine;
        // That the user has gone is found when the connection is asked for.
        let Some(identity) = engine.standing(&self.identity) else {
            return Ok(());
        };
        let command = self.plan.deed.command();
        if engine.allows(&identity, command) {
            return Ok(());
        }
        Err(ApiError::no_right(command))
    }

    /// Changes the keys of a batch.
    async fn change(&self, walk: &mut Walk, batch: &[Name], tally: &mut Tally) -> Result<(), ApiError> {
        let deed = &self.plan.deed;
        let (mut names, mut requests) = (Vec::new(), Vec::new());
        for (name, whole_bytes) in batch {
            tally.handled += 1;
            match (whole_bytes, deed.leaves(name)) {
                (Some(bytes), _) => {
                    tally.refuse(name, *bytes, "NAME_TOO_LONG", "its name is longer than 8 KiB")
                }
                (None, Some(Left::IsNew)) => tally.meet(name),
                (None, Some(Left::WouldRepeat)) => {
                    let message = "its new name would begin with the old prefix";
                    tally.refuse(name, name.len() as u64, "WOULD_REPEAT", message);
                }
                (None, None) => {
                    requests.push(deed.request(name));
                    names.push(name);
                }
            }
        }
        if tally
            .most
            .is_some_and(|most| tally.changed + tally.unknown + names.len() as u64 > most)
        {
            tally.handled -= names.len() as u64;
            return Err(ApiError::conflict("more keys than were confirmed"));
        }
        let replies = match walk.conversation().await {
            Ok(conversation) => conversation.ask_all(&requests).await,
            Err(error) => Err(error),
        };
        let replies = match replies {
            Err(error) if tally.may_wait(&error) => {
                walk.let_go();
                for name in names {
                    tally.unknown += 1;
                    tally.refuse(name, name.len() as u64, error.code, UNKNOWN);
                }
                return Ok(());
            }
            replies => replies?,
        };
        tally.silent_since = None;
        for (name, reply) in names.into_iter().zip(&replies) {
            match outcome(deed, reply)? {
                Outcome::Changed => {
                    tally.changed += 1;
                    tally.refused_in_a_row = 0;
                    tally.remember(deed, name);
                }
                Outcome::Idle => tally.idle += 1,
                Outcome::Refused { code, message } => {
                    tally.refuse(name, name.len() as u64, &code, &message);
                    tally.refused_in_a_row += u64::from(code != "KEY_EXISTS");
                }
            }
        }
        if tally.refused_in_a_row >= REFUSALS_MAX {
            let last = tally
                .told
                .last()
                .and_then(|error| error["message"].as_str())
                .unwrap_or_default();
            let message = format!("{} keys in a row were refused: {last}", tally.refused_in_a_row);
            return Err(ApiError::new(StatusCode::FORBIDDEN, "NOPERM", message));
        }
        Ok(())
    }
}

/// Works, and gives up when the server is to end.
pub(in crate::api) async fn until_the_end(
    app: &App,
    job: &Job,
    work: impl Future<Output = Result<bool, ApiError>>,
) -> Result<bool, ApiError> {
    tokio::pin!(work);
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            () = sleep(END_LOOK_TIME) => if app.engine.is_to_end() {
                job.abort();
            },
        }
    };
    // Then it is the end of the server that broke its connection off.
    match outcome {
        Err(_) if app.engine.is_to_end() => Ok(false),
        outcome => outcome,
    }
}

/// Of a name; the same in one process.
fn hashed(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// What a reply means for its key; an error where it means the end of the job.
fn outcome(deed: &Deed, reply: &Reply) -> Result<Outcome, ApiError> {
    let Reply::Error(text) = reply else {
        return Ok(match (integer(reply), deed) {
            (Some(1), _) => Outcome::Changed,
            (_, Deed::Rename { .. }) => Outcome::Refused {
                code: "KEY_EXISTS".to_owned(),
                message: "there is a key of the new name".to_owned(),
            },
            _ => Outcome::Idle,
        });
    };
    // Of RENAMENX: it has gone since it was seen.
    if text == b"ERR no such key" {
        return Ok(Outcome::Idle);
    }
    let error = ApiError::from_engine(text, Some(deed.command()));
    let word = error.details["code"].as_str().unwrap_or_default().to_owned();
    if ENDING.contains(&word.as_str()) {
        return Err(error);
    }
    Ok(Outcome::Refused {
        code: word,
        message: error.message,
    })
}

/// Waits until `due`, and as long as it is paused; false if it is to end.
pub(in crate::api) async fn rest(job: &Job, link: &mut Link, due: Instant) -> Result<bool, ApiError> {
    let mut paused_until = None;
    loop {
        let changed = job.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if job.is_stopped() {
            return Ok(false);
        }
        let now = Instant::now();
        let until = if job.is_paused() {
            // Places at the engine are for those at work.
            link.let_go();
            let until = *paused_until.get_or_insert(now + PAUSE_MAX);
            if now >= until {
                return Err(ApiError::new(
                    StatusCode::CONFLICT,
                    "CONFLICT",
                    "it was paused for a day",
                ));
            }
            until
        } else if now >= due {
            return Ok(true);
        } else {
            paused_until = None;
            due
        };
        tokio::select! {
            () = sleep_until(until) => {}
            () = changed => {}
        }
    }
}

impl Tally {
    /// Keys that the next batch may have. One that there is no room for is seen to be one too many.
    fn free(&self) -> usize {
        let free = self
            .most
            .map_or(u64::MAX, |most| most.saturating_sub(self.changed + self.unknown));
        usize::try_from(free).unwrap_or(usize::MAX).max(1)
    }

    /// Whether it goes on after this: the server may be slow, or CLIENT PAUSE holds it up, but not for longer than a pause.
    fn may_wait(&mut self, error: &ApiError) -> bool {
        let since = *self.silent_since.get_or_insert_with(Instant::now);
        error.code == "ENGINE_TIMEOUT" && since.elapsed() < PAUSE_MAX
    }

    /// How many keys there will be: what is not known is taken to be spread evenly over all.
    fn expect(&mut self, known: Option<u64>, all: u64, looked: u64) {
        let part = all as f64 / looked.max(1) as f64;
        let total = known.unwrap_or((self.handled as f64 * part) as u64);
        self.total = total.max(self.handled);
    }

    /// A key was renamed: the walk may come to it again.
    fn remember(&mut self, deed: &Deed, name: &[u8]) {
        if deed.meets_its_own() && self.made.len() < MADE_MAX {
            self.made.extend(deed.new_name(name).as_deref().map(hashed));
        }
    }

    /// A key has the new prefix already.
    fn meet(&mut self, name: &[u8]) {
        if self.made.contains(&hashed(name)) {
            self.idle += 1;
        } else {
            self.skipped += 1;
        }
    }

    /// One key was refused.
    fn refuse(&mut self, name: &[u8], bytes: u64, code: &str, message: &str) {
        self.errors += 1;
        if self.told.len() < ERRORS_MAX {
            let key = if name.len() > NAME_BYTES_MAX {
                Bytes::beginning(&name[..NAME_BYTES_MAX], bytes)
            } else {
                name.into()
            };
            self.told
                .push(json!({"key": key, "code": code, "message": message}));
        }
    }

    fn tell(&self, job: &Job, pace: &Pace) {
        job.report(self.result(job));
        let point = json!({"changed": self.changed, "idle": self.idle, "rate": pace.rate()});
        job.progress("working", self.handled, self.total, self.errors, point);
    }

    fn result(&self, job: &Job) -> Map<String, Value> {
        let seconds = (now_ms() - job.began_ms()) as f64 / 1000.0;
        let result = json!({
            "changed": self.changed,
            "idle": self.idle,
            "skipped": self.skipped,
            "unknown": self.unknown,
            "errors": self.told,
            "errors_left_out": self.errors - self.told.len() as u64,
            "rate": job.rate.load(Ordering::Relaxed),
            "seconds": seconds,
            "snapshot": self.snapshot,
        });
        match result {
            Value::Object(result) => result,
            _ => Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_told_apart() {
        let rename = Deed::Rename {
            from: b"a".to_vec(),
            to: b"b".to_vec(),
        };
        let code = |deed: &Deed, reply: Reply| match outcome(deed, &reply) {
            Ok(Outcome::Changed) => "changed".to_owned(),
            Ok(Outcome::Idle) => "idle".to_owned(),
            Ok(Outcome::Refused { code, .. }) => code,
            Err(error) => format!("end {}", error.code),
        };
        let error = |text: &str| Reply::Error(text.as_bytes().to_vec());
        for (deed, reply, expected) in [
            (&Deed::Delete, Reply::Integer(1), "changed"),
            (&Deed::Delete, Reply::Integer(0), "idle"),
            (&rename, Reply::Integer(0), "KEY_EXISTS"),
            (&rename, error("ERR no such key"), "idle"),
            (&Deed::Delete, error("NOPERM no"), "NOPERM"),
            (&Deed::Delete, error("LOADING wait"), "end LOADING"),
            (&Deed::Delete, error("MISCONF disk"), "end COMMAND_FAILED"),
        ] {
            assert_eq!(code(deed, reply), expected);
        }
    }

    #[test]
    fn a_batch_goes_up_to_what_was_confirmed() {
        let free = |most, changed| {
            let tally = Tally {
                most,
                changed,
                ..Tally::default()
            };
            tally.free()
        };
        assert_eq!(
            (free(Some(11), 0), free(Some(11), 9), free(Some(11), 11)),
            (11, 2, 1)
        );
        assert_eq!(free(None, 9), usize::MAX);
    }

    #[test]
    fn silence_of_the_server_is_waited_for() {
        let mut tally = Tally {
            most: Some(11),
            ..Tally::default()
        };
        let silent = ApiError::new(StatusCode::GATEWAY_TIMEOUT, "ENGINE_TIMEOUT", "no answer");
        assert!(tally.may_wait(&silent) && tally.silent_since.is_some());
        assert!(!tally.may_wait(&ApiError::stopping()));
        // What may be changed counts towards what was confirmed.
        tally.unknown = 9;
        assert_eq!(tally.free(), 2);
    }

    #[test]
    fn errors_are_bounded() {
        let mut tally = Tally::default();
        for _ in 0..500 {
            tally.refuse(&[b'x'; 5000], 5000, "NOPERM", "no");
        }
        assert_eq!((tally.errors, tally.told.len()), (500, ERRORS_MAX));
        assert_eq!(tally.told[0]["key"]["bytes"], 5000);
    }
}
