//! Jobs: those of the own user, or of all for who may see the connections of all (`client|list`), who is not told which keys they are
//! about. What is started is in `generate.rs`, `bench.rs`, `bulk_jobs/` and `imports/`.

use crate::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::jobs::{Job, JobKind, JobView};
use crate::json::Query;
use axum::Json;
use axum::extract::{OriginalUri, RawQuery, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// Jobs, newest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct JobList {
    jobs: Vec<JobView>,
}

/// A job that has begun.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Started {
    id: String,
}

impl Started {
    pub fn answer(job: &Job) -> (StatusCode, Json<Self>) {
        let id = job.id.clone();
        (StatusCode::ACCEPTED, Json(Started { id }))
    }
}

fn may_see(app: &App, caller: &Caller, job: &Job) -> bool {
    job.user_id == caller.identity.user_id() || app.engine.allows(&caller.identity, "client|list")
}

/// The job as `caller`, who may see it, is shown it.
pub(super) fn shown(caller: &Caller, job: &Job) -> JobView {
    match job.user_id == caller.identity.user_id() {
        true => job.view(),
        false => job.view().for_others(),
    }
}

/// `GET /jobs`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<JobList>, ApiError> {
    let query = Query::of(query.as_deref());
    let kind = match query.given("kind") {
        None => None,
        Some(b"bench") => Some(JobKind::Bench),
        Some(b"generate") => Some(JobKind::Generate),
        Some(b"bulk") => Some(JobKind::Bulk),
        Some(b"import") => Some(JobKind::Import),
        Some(_) => {
            return Err(ApiError::bad_request(
                "kind has to be bench, generate, bulk or import",
            ));
        }
    };
    let wanted = |job: &Job| kind.is_none_or(|kind| job.kind == kind) && may_see(&app, &caller, job);
    let jobs = app.jobs.list(wanted);
    Ok(Json(JobList {
        jobs: jobs.iter().map(|job| shown(&caller, job)).collect(),
    }))
}

pub(super) fn find(app: &App, caller: &Caller, uri: &OriginalUri) -> Result<Arc<Job>, ApiError> {
    let id = uri.path().rsplit('/').next().unwrap_or_default();
    let mut found = app.jobs.list(|job| job.id == id && may_see(app, caller, job));
    found
        .pop()
        .ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such job"))
}

/// `GET /jobs/:id`.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
) -> Result<Json<JobView>, ApiError> {
    let job = find(&app, &caller, &uri)?;
    Ok(Json(shown(&caller, &job)))
}

/// Refuses who may neither end nor pause it.
pub(super) fn may_stop(app: &App, caller: &Caller, job: &Job) -> Result<(), ApiError> {
    if job.user_id == caller.identity.user_id() {
        return Ok(());
    }
    caller.may_write()?;
    if app.engine.allows(&caller.identity, "client|kill") {
        return Ok(());
    }
    Err(ApiError::no_right("client|kill"))
}

/// `DELETE /jobs/:id`: ends one that runs, forgets one that has ended. An own one is aborted read-only, too: stopping what one has
/// begun must not wait for anything.
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
) -> Result<Json<JobView>, ApiError> {
    let job = find(&app, &caller, &uri)?;
    may_stop(&app, &caller, &job)?;
    if job.is_running() {
        job.abort();
    } else {
        app.jobs.forget(&job.id);
        app.imports.forget(&job.id);
    }
    Ok(Json(shown(&caller, &job)))
}
