//! Work that goes on when its request has ended: benchmarks, generated data, changes of many keys, imports. Each job belongs to a user
//! (not to another one who has the name later), runs with that user's rights, tells viewers how far it is (topic `job`), can be aborted, and its outcome is kept for a
//! while. One of a kind runs at a time, since two benchmarks at once would measure each other; but for changes of many keys
//! and imports, which can be paused as well.

use crate::audit::BulkNote;
use crate::caller::now_ms;
use crate::error::ApiError;
use crate::hub::Hub;
use crate::sessions::random_hex;
use crate::topic::Topic;
use axum::http::StatusCode;
use flashdb_server::engine::Identity;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Jobs that have ended and are kept, of each kind.
const KEPT_MAX: usize = 20;
/// Time between two messages about a job.
const TELL_TIME: Duration = Duration::from_millis(250);

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobKind {
    Bench,
    Generate,
    Bulk,
    Import,
}

impl JobKind {
    /// Jobs that run at a time: of all users, and of one.
    fn places(self) -> (usize, usize) {
        match self {
            JobKind::Bench | JobKind::Generate => (1, 1),
            JobKind::Bulk => (4, 2),
            JobKind::Import => (2, 2),
        }
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobState {
    Running,
    /// By request; of changes of many keys and imports.
    Paused,
    Done,
    Failed,
    /// By request.
    Aborted,
}

impl JobState {
    fn name(self) -> &'static str {
        match self {
            JobState::Running => "running",
            JobState::Paused => "paused",
            JobState::Done => "done",
            JobState::Failed => "failed",
            JobState::Aborted => "aborted",
        }
    }
}

/// A job as it is shown.
#[derive(Clone, Serialize, JsonSchema)]
pub(crate) struct JobView {
    id: String,
    kind: JobKind,
    state: JobState,
    user: String,
    began_ms: i64,
    ended_ms: Option<i64>,
    /// What it is at, in a word.
    phase: &'static str,
    /// Of `total`, in units of its kind: keys, or milliseconds.
    done: u64,
    total: u64,
    /// Replies that were errors.
    errors: u64,
    /// Why it failed or ended early.
    error: Option<String>,
    /// What was asked for.
    request: Map<String, Value>,
    /// What its kind has to say; empty while there is nothing.
    result: Map<String, Value>,
}

/// What names keys in a request: only who asked for them may know that they are there.
const NAMING: [&str; 3] = ["prefix", "pattern", "to"];

impl JobView {
    /// As those see it who do not own it: without what names keys, or quotes what they hold as errors may. How many there were is told.
    pub fn for_others(mut self) -> Self {
        self.request.retain(|name, _| !NAMING.contains(&name.as_str()));
        if !matches!(self.kind, JobKind::Bulk | JobKind::Import) {
            return self;
        }
        for list in ["samples", "errors"] {
            if let Some(told) = self.result.get_mut(list) {
                *told = Value::Array(Vec::new());
            }
        }
        if let Some(left_out) = self.result.get_mut("errors_left_out") {
            *left_out = self.errors.into();
        }
        self
    }
}

/// What viewers are told: nothing that only its owner may know, such as names of keys.
#[derive(Serialize)]
struct JobMessage<'a> {
    id: &'a str,
    kind: JobKind,
    state: JobState,
    phase: &'static str,
    done: u64,
    total: u64,
    errors: u64,
    /// The newest figures.
    point: &'a Value,
}

/// Whose a job is.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    /// Tells the user from others who have the name later.
    pub id: u64,
    pub name: &'a [u8],
}

impl<'a> Owner<'a> {
    pub fn of(identity: &'a Identity) -> Self {
        let (id, name) = (identity.user_id(), identity.name());
        Owner { id, name }
    }
}

/// A job.
pub(crate) struct Job {
    pub id: String,
    pub kind: JobKind,
    /// The user that it belongs to, as [`Identity::user_id`].
    pub user_id: u64,
    /// Set to have it end.
    pub stop: Arc<AtomicBool>,
    /// What it does each second, at most; 0 for what cannot be changed.
    pub rate: AtomicU64,
    /// Told when it is to end, pause, go on, or change its rate.
    pub changed: Notify,
    /// What its end is written into the audit log by, unless the work does that itself.
    note: Mutex<Option<BulkNote>>,
    hub: Arc<Hub>,
    state: Mutex<State>,
}

struct State {
    view: JobView,
    point: Value,
    told: Option<Instant>,
}

impl Job {
    /// What it is like now.
    pub fn view(&self) -> JobView {
        self.state.lock().view.clone()
    }

    /// When it began, Unix ms.
    pub fn began_ms(&self) -> i64 {
        self.state.lock().view.began_ms
    }

    /// Writes its beginning into the audit log, and its end when it comes.
    pub fn note(&self, note: BulkNote) {
        note.log("begun", 0, 0);
        *self.note.lock() = Some(note);
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        matches!(self.state.lock().view.state, JobState::Running | JobState::Paused)
    }

    pub fn is_paused(&self) -> bool {
        self.state.lock().view.state == JobState::Paused
    }

    /// Pauses it, or has it go on; false if it has ended.
    pub fn pause(&self, on: bool) -> bool {
        let mut state = self.state.lock();
        if !matches!(state.view.state, JobState::Running | JobState::Paused) {
            return false;
        }
        state.view.state = if on { JobState::Paused } else { JobState::Running };
        self.tell(&state);
        drop(state);
        self.changed.notify_waiters();
        true
    }

    /// Another rate from now on, which its result tells at once.
    pub fn set_rate(&self, rate: u64) {
        self.rate.store(rate, Ordering::Relaxed);
        let mut state = self.state.lock();
        if let Some(told) = state.view.result.get_mut("rate") {
            *told = rate.into();
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Whether it should end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Ends it soon.
    pub fn abort(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// What there is to say of it while it runs.
    pub fn report(&self, result: Map<String, Value>) {
        self.state.lock().view.result = result;
    }

    /// Says how far it is. `point` is the newest of its figures.
    pub fn progress(&self, phase: &'static str, done: u64, total: u64, errors: u64, point: Value) {
        let mut state = self.state.lock();
        let view = &mut state.view;
        (view.phase, view.done, view.total, view.errors) = (phase, done, total, errors);
        state.point = point;
        if state.told.is_none_or(|told| told.elapsed() >= TELL_TIME) {
            state.told = Some(Instant::now());
            self.tell(&state);
        }
    }

    /// Ends it: with a result, a failure, or by request.
    pub fn end(&self, result: Map<String, Value>, failure: Option<String>) {
        let end = match (&failure, self.is_stopped()) {
            (Some(_), _) => JobState::Failed,
            (None, true) => JobState::Aborted,
            (None, false) => JobState::Done,
        };
        self.end_as(end, result, failure);
    }

    /// Ends it in a state that was decided already.
    pub fn end_as(&self, end: JobState, result: Map<String, Value>, failure: Option<String>) {
        let note = self.note.lock().take();
        let mut state = self.state.lock();
        if let Some(note) = note {
            note.log(end.name(), state.view.done, state.view.errors);
        }
        let view = &mut state.view;
        view.state = end;
        view.ended_ms = Some(now_ms());
        view.error = failure;
        view.result = result;
        self.tell(&state);
        tracing::info!(id = self.id, kind = ?self.kind, state = ?state.view.state, "a job of the dashboard has ended");
    }

    fn tell(&self, state: &State) {
        let view = &state.view;
        let message = JobMessage {
            id: &self.id,
            kind: view.kind,
            state: view.state,
            phase: view.phase,
            done: view.done,
            total: view.total,
            errors: view.errors,
            point: &state.point,
        };
        self.hub.publish(Topic::Job, Some(&self.id), &message);
    }
}

/// All jobs, oldest first.
#[derive(Default)]
pub(crate) struct Jobs(Mutex<VecDeque<Arc<Job>>>);

impl Jobs {
    /// A job that runs from now on.
    ///
    /// # Errors
    /// `CONFLICT` while as many of its kind run as may.
    pub fn begin(
        &self,
        hub: &Arc<Hub>,
        kind: JobKind,
        owner: Owner<'_>,
        request: Map<String, Value>,
    ) -> Result<Arc<Job>, ApiError> {
        let id = random_hex(4).map_err(|_| {
            ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "BUSY",
                "the system gives no random numbers",
            )
        })?;
        let mut jobs = self.0.lock();
        check_place(&jobs, kind, owner.id)?;
        let job = Arc::new(Job {
            id: id.clone(),
            kind,
            user_id: owner.id,
            stop: Arc::default(),
            rate: AtomicU64::new(0),
            changed: Notify::new(),
            note: Mutex::default(),
            hub: hub.clone(),
            state: Mutex::new(State {
                view: JobView {
                    id,
                    kind,
                    state: JobState::Running,
                    user: String::from_utf8_lossy(owner.name).into_owned(),
                    began_ms: now_ms(),
                    ended_ms: None,
                    phase: "starting",
                    done: 0,
                    total: 0,
                    errors: 0,
                    error: None,
                    request,
                    result: Map::new(),
                },
                point: Value::Null,
                told: None,
            }),
        });
        let of_kind = jobs.iter().filter(|job| job.kind == kind).count();
        if of_kind >= KEPT_MAX
            && let Some(oldest) = jobs.iter().position(|job| job.kind == kind && !job.is_running())
        {
            jobs.remove(oldest);
        }
        jobs.push_back(job.clone());
        Ok(job)
    }

    /// Refuses what could not begin now.
    ///
    /// # Errors
    /// As [`Jobs::begin`].
    pub fn check_place(&self, kind: JobKind, user_id: u64) -> Result<(), ApiError> {
        check_place(&self.0.lock(), kind, user_id)
    }

    /// Those that `may_see`, newest first.
    pub fn list(&self, may_see: impl Fn(&Job) -> bool) -> Vec<Arc<Job>> {
        let jobs = self.0.lock();
        jobs.iter().rev().filter(|job| may_see(job)).cloned().collect()
    }

    /// Whether some of a kind have not ended.
    pub fn are_running(&self, kind: JobKind) -> bool {
        let jobs = self.0.lock();
        jobs.iter().any(|job| job.kind == kind && job.is_running())
    }

    /// Forgets one.
    pub fn forget(&self, id: &str) {
        self.0.lock().retain(|job| job.id != id);
    }
}

fn check_place(jobs: &VecDeque<Arc<Job>>, kind: JobKind, user_id: u64) -> Result<(), ApiError> {
    let (of_all, of_one) = kind.places();
    let running = || jobs.iter().filter(|job| job.kind == kind && job.is_running());
    if running().count() >= of_all || running().filter(|job| job.user_id == user_id).count() >= of_one {
        return Err(ApiError::conflict(
            "another job of this kind is running; wait for it, or abort it",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ADA: Owner<'_> = Owner { id: 1, name: b"ada" };
    const BOB: Owner<'_> = Owner { id: 2, name: b"bob" };

    fn begin(jobs: &Jobs, kind: JobKind) -> Result<Arc<Job>, ApiError> {
        jobs.begin(&Arc::default(), kind, ADA, Map::new())
    }

    #[test]
    fn one_of_a_kind_runs_and_the_last_twenty_are_kept() {
        let jobs = Jobs::default();
        let first = begin(&jobs, JobKind::Bench).expect("a job");
        assert_eq!(
            begin(&jobs, JobKind::Bench).err().map(|error| error.code),
            Some("CONFLICT")
        );
        let other = begin(&jobs, JobKind::Generate).expect("another kind");
        first.end(Map::new(), None);
        for _ in 0..KEPT_MAX {
            begin(&jobs, JobKind::Bench).expect("a job").end(Map::new(), None);
        }
        let all = jobs.list(|_| true);
        assert_eq!(all.len(), KEPT_MAX + 1);
        assert!(all.iter().all(|job| job.id != first.id) && other.is_running());
        jobs.forget(&other.id);
        assert_eq!(jobs.list(|job| job.kind == JobKind::Generate).len(), 0);
    }

    #[test]
    fn a_user_leaves_places_to_others() {
        let jobs = Jobs::default();
        let of = |user: Owner<'_>| jobs.begin(&Arc::default(), JobKind::Bulk, user, Map::new());
        let (first, second) = (of(ADA).expect("a job"), of(ADA).expect("a job"));
        assert!(of(ADA).is_err() && first.pause(true));
        // One that is paused has its place, and is not forgotten.
        assert!(of(ADA).is_err() && first.is_paused() && first.is_running());
        second.end(Map::new(), None);
        assert!(!second.pause(true) && second.view().state == JobState::Done);
        for _ in 0..KEPT_MAX {
            of(BOB).expect("a job").end(Map::new(), None);
        }
        assert!(jobs.list(|job| job.id == first.id).len() == 1);
        // Another one of the same name has places of her own.
        for user in [ADA, BOB, Owner { id: 3, ..ADA }] {
            of(user).expect("a job");
        }
        let last = Owner { id: 4, name: b"joe" };
        assert!(of(last).is_err());
    }

    #[test]
    fn others_are_not_told_which_keys_it_is_about() {
        let request = json!({
            "action": "rename-prefix", "prefix": "secret:", "pattern": "secret:*", "to": "secret2:", "db": 0, "rate": 5,
        });
        let Value::Object(request) = request else {
            unreachable!()
        };
        let jobs = Jobs::default();
        let job = jobs.begin(&Arc::default(), JobKind::Bulk, ADA, request);
        let job = job.expect("a job");
        job.progress("working", 9, 9, 3, Value::Null);
        let result = json!({
            "samples": [{"key": "secret:1"}], "errors": [{"key": "secret:2", "code": "NOPERM", "message": "secret:3"}],
            "errors_left_out": 2, "changed": 6,
        });
        let Value::Object(result) = result else {
            unreachable!()
        };
        job.end(result, None);
        let own = serde_json::to_string(&job.view()).expect("JSON");
        assert_eq!(own.matches("secret").count(), 6);
        let view = serde_json::to_value(job.view().for_others()).expect("JSON");
        assert!(!view.to_string().contains("secret"), "{view}");
        assert_eq!(
            view["request"],
            json!({"action": "rename-prefix", "db": 0, "rate": 5})
        );
        let result = json!({"samples": [], "errors": [], "errors_left_out": 3, "changed": 6});
        assert_eq!((&view["result"], &view["errors"]), (&result, &json!(3)));
        // A benchmark has its own keys.
        let bench = begin(&jobs, JobKind::Bench).expect("a job");
        let Value::Object(result) = json!({"errors": ["ERR no"]}) else {
            unreachable!()
        };
        bench.end(result, None);
        assert_eq!(bench.view().for_others().result["errors"], json!(["ERR no"]));
    }

    #[test]
    fn an_end_that_was_decided_is_not_decided_again() {
        let job = begin(&Jobs::default(), JobKind::Bulk).expect("a job");
        job.abort();
        job.end_as(JobState::Done, Map::new(), None);
        assert_eq!(job.view().state, JobState::Done);
    }

    #[test]
    fn ends_are_told_apart() {
        let jobs = Jobs::default();
        let mut states = Vec::new();
        for (abort, failure) in [(false, None), (true, None), (false, Some("no".to_owned()))] {
            let job = begin(&jobs, JobKind::Bench).expect("a job");
            job.progress("running", 1, 2, 0, json!({}));
            if abort {
                job.abort();
            }
            job.end(Map::new(), failure);
            states.push(job.view().state);
        }
        assert_eq!(states, [JobState::Done, JobState::Aborted, JobState::Failed]);
    }
}
