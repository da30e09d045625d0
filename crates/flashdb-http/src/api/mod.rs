//! The routes. Each names the command that it stands for; handlers are grouped by what they are about.

/// The numbers up to 2^64-1 in digits, as a part of a pattern: a document says exactly what is read.
macro_rules! u64_pattern {
    () => {
        concat!(
            "0*(?:[0-9]{1,19}|1[0-7][0-9]{18}|18[0-3][0-9]{17}|184[0-3][0-9]{16}|1844[0-5][0-9]{15}|18446[0-6][0-9]{14}",
            "|184467[0-3][0-9]{13}|1844674[0-3][0-9]{12}|184467440[0-6][0-9]{10}|1844674407[0-2][0-9]{9}",
            "|18446744073[0-6][0-9]{8}|1844674407370[0-8][0-9]{6}|18446744073709[0-4][0-9]{5}|184467440737095[0-4][0-9]{4}",
            "|18446744073709550[0-9]{3}|18446744073709551[0-5][0-9]{2}|1844674407370955160[0-9]|1844674407370955161[0-5])"
        )
    };
}

mod acl;
pub(crate) mod alerts;
mod audit;
mod bench;
mod bulk;
mod bulk_jobs;
pub(crate) mod clients;
pub(crate) mod command_stats;
mod commands;
mod console;
pub(crate) mod execute;
mod figures;
mod find;
mod generate;
mod health;
pub(crate) mod hot_keys;
mod imports;
mod items;
mod jobs;
mod key;
mod keys;
pub(crate) mod memory;
pub(crate) mod openapi;
mod patch;
pub(crate) mod pubsub;
mod put;
mod raw;
mod server;
mod session;
mod sessions;
pub(crate) mod slow_log;
mod snapshots;
mod tree;

pub(crate) use bulk_jobs::EXPORTS_MAX;
pub(crate) use imports::{Imports, remove_leftovers};
pub(crate) use session::ServerView;
pub(crate) use snapshots::Restores;

use crate::App;
use crate::error::ApiError;
use crate::{gate, live, pages, runs, weigh};
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use std::sync::Arc;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

/// Everything under one roof.
pub(crate) fn router(app: Arc<App>) -> Router {
    let session = get(session::show).post(session::begin).delete(session::end);
    let key = get(key::show)
        .put(put::replace)
        .patch(patch::edit)
        .delete(key::remove);
    // Long, repetitive and without secrets: what a page loads first takes a tenth of the bytes.
    let long = Router::new()
        .route("/history", get(figures::history))
        .route("/commands", get(commands::list))
        .route("/commands/stats", get(command_stats::list))
        .route("/metrics", get(figures::metrics))
        .route("/openapi.json", get(openapi::show))
        // Weighed as long as it is, then compressed piece by piece.
        .layer(from_fn_with_state(app.clone(), weigh::weigh))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest));
    let user = get(acl::show).put(acl::store).delete(acl::remove);
    let v1 = Router::new()
        .merge(long)
        .route("/session", session)
        .route("/session/unlock", post(session::unlock).delete(session::lock))
        .route("/sessions", get(sessions::list))
        .route("/sessions/{id}", axum::routing::delete(sessions::revoke))
        .route("/acl/users", get(acl::list))
        .route("/acl/users/", user.clone())
        .route("/acl/users/{name}", user)
        .route("/acl/dryrun", post(acl::dry_run))
        .route("/acl/save", post(acl::save))
        .route("/audit", get(audit::list))
        .route("/stats", get(figures::stats))
        .route("/commands/stats/{name}", get(command_stats::show))
        .route("/hotkeys", get(hot_keys::list))
        .route("/alerts", get(alerts::list))
        .route("/alerts/{id}", put(alerts::change))
        .route("/alerts/webhooks", post(alerts::add_webhook))
        .route(
            "/alerts/webhooks/{id}",
            axum::routing::delete(alerts::remove_webhook),
        )
        .route("/alerts/webhooks/{id}/test", post(alerts::test_webhook))
        .route("/keys", get(keys::list))
        .route("/find", get(find::find))
        .route("/tree", get(tree::show))
        .route("/tree/keys", get(tree::keys))
        .route("/key/", key.clone())
        .route("/key/{key}", key)
        .route("/key/{key}/items", get(items::list))
        .route("/items", get(items::list))
        .route("/key/{key}/raw", get(raw::download))
        .route("/raw", get(raw::download))
        .route("/bulk", post(bulk::run))
        .route("/bulk/jobs", post(bulk_jobs::start))
        .route("/export", get(bulk_jobs::by_match).post(bulk_jobs::by_name))
        .route("/imports", post(imports::start))
        .route("/execute", post(execute::run))
        .route("/console/run", get(runs::open))
        .route("/pubsub", get(pubsub::list))
        .route("/console/history", get(console::show).delete(console::clear))
        .route("/clients", get(clients::list))
        .route("/clients/{id}", axum::routing::delete(clients::kill))
        .route("/slowlog", get(slow_log::show).delete(slow_log::reset))
        .route("/config", get(server::config).put(server::set_config))
        .route("/config/changes", get(server::config_changes))
        .route("/snapshots", get(snapshots::list))
        .route("/snapshots/{id}", axum::routing::delete(snapshots::delete))
        .route(
            "/snapshots/{id}/restore",
            get(snapshots::preview).post(snapshots::restore),
        )
        .route("/restore", post(snapshots::restore_to))
        .route("/snapshot", post(snapshots::take))
        .route("/snapshots/{id}/file", get(snapshots::backup::download))
        .route("/backup", post(snapshots::backup::download_now))
        .route("/backups", post(snapshots::backup::upload))
        .route("/bench", post(bench::start))
        .route("/generate", post(generate::start))
        .route("/jobs", get(jobs::list))
        .route(
            "/jobs/{id}",
            get(jobs::show).patch(bulk_jobs::steer).delete(jobs::end),
        )
        .route("/memory", get(memory::show))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/ws", get(live::open))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(app.clone(), weigh::weigh));
    Router::new()
        .nest("/api/v1", v1)
        .route("/health", get(health::show))
        .route("/live", get(health::live))
        .route("/ready", get(health::ready))
        .route("/metrics", get(figures::metrics))
        .route("/ws", get(live::open))
        .route("/api", any(not_found))
        .route("/api/{*rest}", any(not_found))
        .fallback(pages::show)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(app.clone(), gate::guard))
        .with_state(app)
}

async fn not_found() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "NOT_FOUND",
        "there is no such path; GET /api/v1/openapi.json lists them",
    )
}

async fn not_allowed(request: Request) -> Response {
    let message = format!("the path does not take {}", request.method());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message).into_response()
}
