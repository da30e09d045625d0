//! Health, for whatever restarts and routes: no login, and nothing that helps an attacker.

use crate::App;
use crate::caller::now_ms;
use crate::sampler::Stage;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use flashdb_base::version::FLASHDB_VERSION;
use flashdb_server::engine::LoadFigures;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// One word.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Status {
    /// `ok`; of readiness `ready`, `loading` or `stopping`.
    status: &'static str,
}

/// The state of the server.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Health {
    /// `ok`, `degraded`, or the state if that is not `ready`.
    status: &'static str,
    state: Stage,
    version: &'static str,
    uptime_s: i64,
    /// How far the loading of data is; null while none is loaded.
    loading: Option<Loading>,
    checks: Checks,
}

/// A load under way.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Loading {
    /// How much of the data was read, 0 to 1; null before it is known how much there is.
    share: Option<f64>,
    /// Keys loaded from snapshots.
    keys: u64,
    /// Records of the log executed.
    records: u64,
    /// Time since it began, seconds.
    elapsed_s: f64,
    /// Time that the rest will take at the pace so far, seconds; null while that is not known.
    rest_s: Option<f64>,
}

impl From<LoadFigures> for Loading {
    fn from(load: LoadFigures) -> Self {
        Loading {
            share: load.share(),
            keys: load.keys,
            records: load.records,
            elapsed_s: load.elapsed_ms as f64 / 1000.0,
            rest_s: load.rest_s(),
        }
    }
}

/// Each `ok`, or what is wrong.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Checks {
    persistence: &'static str,
    memory: &'static str,
}

/// Whether the process answers.
pub(crate) async fn live() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Whether it serves.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    let (code, status) = match Stage::from(app.engine.state()) {
        Stage::Ready => (StatusCode::OK, "ready"),
        Stage::Loading => (StatusCode::SERVICE_UNAVAILABLE, "loading"),
        Stage::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    };
    (code, Json(Status { status })).into_response()
}

/// How it is.
pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    let state = Stage::from(app.engine.state());
    let newest = app.sampler.watch().borrow().clone();
    let full = newest.is_some_and(|moment| {
        let sample = &moment.sample;
        sample.maxmemory > 0 && sample.mem > sample.maxmemory
    });
    let checks = Checks {
        persistence: app.engine.persistence_fault().unwrap_or("ok"),
        memory: if full { "over maxmemory" } else { "ok" },
    };
    let (code, status) = match state {
        Stage::Loading => (StatusCode::SERVICE_UNAVAILABLE, "loading"),
        Stage::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        Stage::Ready if checks.persistence != "ok" || full => (StatusCode::OK, "degraded"),
        Stage::Ready => (StatusCode::OK, "ok"),
    };
    let health = Health {
        status,
        state,
        version: FLASHDB_VERSION,
        uptime_s: (now_ms() - app.engine.started_ms()).max(0) / 1000,
        loading: app.engine.load_figures().map(Loading::from),
        checks,
    };
    (code, Json(health)).into_response()
}
