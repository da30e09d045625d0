//! What the caller has run in the console. It comes there by `POST /execute` with `remember`, so that the server sees the
//! very words that are run; a page could be wrong about what is a secret.

use crate::App;
use crate::caller::Caller;
use crate::console::Line;
use crate::error::ApiError;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// Lines, oldest first.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConsoleHistory {
    /// Whether lines are kept (`console-history`).
    enabled: bool,
    /// The file cannot be written or removed at the moment, so it may still have what was deleted.
    file_failing: bool,
    entries: Vec<Line>,
}

/// `GET /console/history`.
pub(crate) async fn show(State(app): State<Arc<App>>, caller: Caller) -> Json<ConsoleHistory> {
    let enabled = app.engine.config().settings().console_history;
    let entries = if enabled {
        app.console.lines(&caller.identity)
    } else {
        Vec::new()
    };
    Json(ConsoleHistory {
        enabled,
        file_failing: app.console.is_failing(),
        entries,
    })
}

/// `DELETE /console/history`; also read-only, since it is nobody else's. It is out of the file, too, when this is answered.
pub(crate) async fn clear(State(app): State<Arc<App>>, caller: Caller) -> Result<StatusCode, ApiError> {
    app.console.clear(&caller.identity);
    let writes = tokio::task::spawn_blocking(move || app.console.write());
    if !writes.await.unwrap_or(false) {
        let message = "it is forgotten, but its file cannot be written; that is tried again each second";
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "BUSY", message));
    }
    Ok(StatusCode::NO_CONTENT)
}
