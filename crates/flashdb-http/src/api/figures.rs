//! Figures of now and of the last hour, from the sampler.

use crate::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::json::Query;
use crate::sampler::{INTERVAL_MS, Moment, POINTS_MAX, Sample, Sampler};
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use flashdb_server::engine::Identity;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Time to wait for the first figures.
const FIRST_TIME: Duration = Duration::from_secs(2);

/// The newest sample, and the databases.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Stats {
    #[serde(flatten)]
    sample: Sample,
    /// Those that hold keys.
    databases: Vec<DatabaseView>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct DatabaseView {
    db: usize,
    keys: u64,
    expires: u64,
}

/// Samples in rows.
#[derive(Serialize, JsonSchema)]
pub(crate) struct History {
    interval_ms: u64,
    /// Names of the columns.
    fields: &'static [&'static str],
    /// Numbers or null, oldest row first.
    points: Vec<Vec<Value>>,
}

/// Refuses who may not run INFO, which tells the same.
pub(crate) fn may_see_figures(app: &App, identity: &Identity) -> Result<(), ApiError> {
    if app.engine.allows(identity, "info") {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "NOPERM",
        "the figures need the right to run INFO",
    )
    .with(json!({"needs": "+info"})))
}

/// The newest moment; waits a little for the first one after the start.
async fn newest(sampler: &Sampler) -> Result<Arc<Moment>, ApiError> {
    let mut watch = sampler.watch();
    let Ok(moment) = timeout(FIRST_TIME, watch.wait_for(Option::is_some)).await else {
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "LOADING",
            "there are no figures yet",
        ));
    };
    moment
        .ok()
        .and_then(|moment| moment.clone())
        .ok_or_else(ApiError::stopping)
}

/// `GET /stats`.
pub(crate) async fn stats(State(app): State<Arc<App>>, caller: Caller) -> Result<Json<Stats>, ApiError> {
    may_see_figures(&app, &caller.identity)?;
    let moment = newest(&app.sampler).await?;
    Ok(Json(Stats {
        sample: moment.sample.clone(),
        databases: moment
            .databases
            .iter()
            .map(|database| DatabaseView {
                db: database.db,
                keys: database.keys,
                expires: database.expires,
            })
            .collect(),
    }))
}

/// `GET /history`.
pub(crate) async fn history(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<History>, ApiError> {
    may_see_figures(&app, &caller.identity)?;
    let query = Query::of(query.as_deref());
    let since_ms = query.number("since", 0, 0..=i64::MAX as u64)?;
    let limit = query.number("limit", POINTS_MAX as u64, 1..=POINTS_MAX as u64)?;
    let moments = app.sampler.history(since_ms as i64, limit as usize);
    Ok(Json(History {
        interval_ms: INTERVAL_MS,
        fields: Sample::FIELDS,
        points: moments.iter().map(|moment| moment.sample.point()).collect(),
    }))
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, ApiError> {
    may_see_figures(&app, &caller.identity)?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, app.engine.metrics()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_ever_for_the_first_figures() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let newest = runtime.expect("a runtime").block_on(newest(&Sampler::default()));
        assert_eq!(newest.err().map(|error| error.code), Some("LOADING"));
    }
}
