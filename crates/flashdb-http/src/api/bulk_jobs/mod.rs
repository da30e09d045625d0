//! Changes of many keys as jobs of the server: removal, expiry, another prefix. A dry run says first what it is about
//! (`preview.rs`); then a walk (`walk.rs`) comes to key after key at a pace (`pace.rs`) and changes each by a command of its
//! own (`work.rs`), in the name of who asked. It can be paused and aborted, and a page that was loaded anew finds it again. The
//! same walk makes a file of many keys (`export.rs`, `lines.rs`).

mod export;
mod lines;
pub(super) mod link;
pub(super) mod pace;
mod preview;
mod streams;
mod walk;
mod wish;
pub(super) mod work;

use super::jobs::{Started, find, may_stop, shown};
use crate::App;
use crate::audit::BulkNote;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::gate::RequestId;
use crate::jobs::{JobKind, JobView, Owner};
use crate::json::JsonBody;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
pub(crate) use export::{EXPORTS_MAX, ExportWish, Piece, by_match, by_name, streamed};
use flashdb_server::engine::Aim;
pub(super) use lines::by_ttl;
pub(crate) use preview::BulkPreview;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use walk::Walk;
pub(crate) use wish::BulkWish;
use wish::{Matched, Plan, check_rate};
use work::Work;

/// What is to change about a job.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Steer {
    paused: Option<bool>,
    /// Keys per second, at most.
    #[schemars(range(min = 1, max = 1_000_000))]
    rate: Option<u64>,
}

/// Refuses who may not do it with any key, before anything begins.
fn check_rights(app: &App, caller: &Caller, plan: &Plan) -> Result<(), ApiError> {
    let walks = !matches!(plan.matched, Matched::Keys(_));
    let needed = [
        Some(plan.deed.command()),
        walks.then_some("scan"),
        plan.snapshot_first.then_some("snapshot.create"),
    ];
    for command in needed.into_iter().flatten() {
        if !app.engine.allows(&caller.identity, command) {
            return Err(ApiError::no_right(command));
        }
    }
    Ok(())
}

/// `POST /bulk/jobs`: 200 with what it would be about, or 202 with the job.
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    JsonBody(wish): JsonBody<BulkWish>,
) -> Result<Response, ApiError> {
    let dry_run = wish.dry_run;
    if !dry_run {
        caller.may_write()?;
    }
    let plan = Arc::new(wish.check(app.engine.databases_count() as u64)?);
    let mut walk = Walk::new(Aim::Look, &app, &caller.identity, caller.peer, &plan);
    if dry_run {
        // Those that wait share their places with who waits for counts of the tree.
        let place = app.tree_waits.try_acquire().ok();
        let preview = preview::look(&mut walk, &plan, place.is_some()).await?;
        return Ok(Json(preview).into_response());
    }
    let confirmed = plan.confirmed()?;
    check_rights(&app, &caller, &plan)?;
    // Whoever may not select the database learns it now.
    walk.conversation().await?;
    if let Some(confirmed) = confirmed {
        let place = app.tree_waits.try_acquire().ok();
        preview::check_confirmed(&mut walk, &plan, confirmed, place.is_some()).await?;
    }
    drop(walk);
    let told = plan.told();
    let request = serde_json::to_string(&told).unwrap_or_default();
    let owner = Owner::of(&caller.identity);
    let job = app.jobs.begin(&app.hub, JobKind::Bulk, owner, told)?;
    job.rate.store(plan.rate, Ordering::Relaxed);
    let note = BulkNote {
        trail: app.engine.audit().clone(),
        event: "bulk",
        job: job.id.clone(),
        user: String::from_utf8_lossy(owner.name).into_owned(),
        peer: caller.peer,
        request_id,
        request,
    };
    let started = Started::answer(&job);
    let work = Work {
        app: app.clone(),
        identity: caller.identity.clone(),
        peer: caller.peer,
        plan,
        note,
        hold: app.engine.hold_end(),
    };
    tokio::spawn(work.run(job));
    Ok(started.into_response())
}

/// `PATCH /jobs/:id`: pauses it, has it go on, or changes its rate. Pausing an own one needs no unlocked session, as ending it does not.
pub(crate) async fn steer(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: OriginalUri,
    JsonBody(steer): JsonBody<Steer>,
) -> Result<Json<JobView>, ApiError> {
    let job = find(&app, &caller, &uri)?;
    may_stop(&app, &caller, &job)?;
    if steer.paused != Some(true) || steer.rate.is_some() {
        caller.may_write()?;
    }
    if !matches!(job.kind, JobKind::Bulk | JobKind::Import) {
        return Err(ApiError::conflict("a job of this kind cannot be changed"));
    }
    if let Some(rate) = steer.rate {
        check_rate(rate)?;
        job.set_rate(rate);
    }
    if let Some(paused) = steer.paused
        && !job.pause(paused)
    {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "CONFLICT",
            "the job has ended",
        ));
    }
    Ok(Json(shown(&caller, &job)))
}
