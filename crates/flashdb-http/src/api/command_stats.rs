//! What each command has done and how long it took, by family as well: asked for once, and every two seconds to who watches.

use super::figures::may_see_figures;
use crate::App;
use crate::caller::{Caller, now_ms};
use crate::command_rates::{Family, Lately, PART_S, SPAN_S};
use crate::error::ApiError;
use crate::topic::Topic;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use flashdb_server::engine::CommandFigures;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;

/// Commands that who watches is told of, which bounds the message.
const TOLD_MAX: usize = 150;

/// The commands of a moment.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CommandStats {
    /// Unix time, ms.
    t: i64,
    /// Seconds that rates are of, at most.
    span_s: usize,
    /// Length of a part of the histories, seconds.
    part_s: i64,
    /// Whether durations are counted: `latency-tracking`.
    tracking: bool,
    /// Those that were called or refused, the most called lately first.
    commands: Vec<CommandCounts>,
    /// How many more there are.
    left_out: usize,
    /// Families that were called in the last ten minutes, by name.
    families: Vec<FamilyView>,
}

/// What a command has done since the start, or since CONFIG RESETSTAT.
#[derive(Serialize, JsonSchema)]
pub(crate) struct CommandCounts {
    /// `get`, `config|get`.
    name: String,
    /// Its group, as in COMMAND DOCS.
    family: &'static str,
    calls: u64,
    /// Calls per second, over the last seconds; null when that is not known yet.
    rate: Option<f64>,
    /// Mean time of a call in the last seconds, µs.
    mean_us: Option<f64>,
    /// Failed while running.
    failed: u64,
    /// Refused before running.
    rejected: u64,
    /// Time in the command, µs.
    usec: u64,
    /// Time that half of the calls stayed below, at most a sixteenth too high, µs.
    p50_us: Option<f64>,
    /// As `p50_us`, of 95 %.
    p95_us: Option<f64>,
    /// As `p50_us`, of 99 %.
    p99_us: Option<f64>,
    /// As `p50_us`, of 99.9 %.
    p999_us: Option<f64>,
}

/// A family of commands.
#[derive(Serialize, JsonSchema)]
pub(crate) struct FamilyView {
    name: &'static str,
    /// Calls per second, over the last seconds.
    rate: Option<f64>,
    /// Calls per second in each part of the last ten minutes, the present part last; null where it is not known.
    history: Vec<Option<f64>>,
}

/// A command and how its calls are spread.
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneCommand {
    /// Unix time, ms.
    t: i64,
    tracking: bool,
    #[serde(flatten)]
    counts: CommandCounts,
    /// Buckets with calls, shortest first.
    histogram: Vec<BucketView>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct BucketView {
    /// What its calls stayed below, µs; the last one of 68.7 s also has what took longer.
    to_us: f64,
    count: u64,
}

/// Three digits are as much as a rate or a mean is worth.
fn rounded(value: f64) -> f64 {
    if value >= 100.0 {
        value.round()
    } else {
        (value * 100.0).round() / 100.0
    }
}

impl CommandCounts {
    fn of(figures: &CommandFigures, lately: Lately) -> Self {
        let totals = &figures.totals;
        CommandCounts {
            name: figures.spec.full_name(),
            family: figures.spec.group.name(),
            calls: totals.calls,
            rate: lately.rate.map(rounded),
            mean_us: lately.mean_us.map(rounded),
            failed: totals.failed,
            rejected: totals.rejected,
            usec: totals.time_ns / 1000,
            p50_us: totals.durations.quantile_us(0.5),
            p95_us: totals.durations.quantile_us(0.95),
            p99_us: totals.durations.quantile_us(0.99),
            p999_us: totals.durations.quantile_us(0.999),
        }
    }
}

impl From<Family> for FamilyView {
    fn from(family: Family) -> Self {
        FamilyView {
            name: family.name,
            rate: family.rate.map(rounded),
            history: family.history.into_iter().map(|rate| rate.map(rounded)).collect(),
        }
    }
}

fn now(app: &App, most: usize) -> CommandStats {
    let rates = app.command_rates.now();
    let lately = |figures: &CommandFigures| rates.commands.get(figures.place).copied().unwrap_or_default();
    let mut called: Vec<CommandFigures> = app.engine.command_figures().collect();
    called.sort_by(|a, b| {
        let (rate_a, rate_b) = (lately(a).rate, lately(b).rate);
        let by_rate = rate_b.unwrap_or(0.0).total_cmp(&rate_a.unwrap_or(0.0));
        by_rate.then(b.totals.calls.cmp(&a.totals.calls))
    });
    CommandStats {
        t: now_ms(),
        span_s: SPAN_S,
        part_s: PART_S,
        tracking: app.engine.tracks_latency(),
        left_out: called.len().saturating_sub(most),
        commands: called
            .iter()
            .take(most)
            .map(|figures| CommandCounts::of(figures, lately(figures)))
            .collect(),
        families: rates.families.into_iter().map(Into::into).collect(),
    }
}

/// `GET /commands/stats`.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<CommandStats>, ApiError> {
    may_see_figures(&app, &caller.identity)?;
    Ok(Json(now(&app, usize::MAX)))
}

/// `GET /commands/stats/{name}`.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<OneCommand>, ApiError> {
    may_see_figures(&app, &caller.identity)?;
    let Some(figures) = app.engine.figures_of(&name) else {
        let message = "there is no such command; GET /api/v1/commands lists them";
        return Err(ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message));
    };
    let rates = app.command_rates.now();
    let lately = rates.commands.get(figures.place).copied().unwrap_or_default();
    let bucket = |(bound_ns, count): (u64, u64)| BucketView {
        to_us: bound_ns as f64 / 1000.0,
        count,
    };
    Ok(Json(OneCommand {
        t: now_ms(),
        tracking: app.engine.tracks_latency(),
        histogram: figures.totals.durations.buckets().map(bucket).collect(),
        counts: CommandCounts::of(&figures, lately),
    }))
}

/// Tells who watches, every other second.
pub(crate) fn publish(app: &App) {
    if app.hub.is_watched(Topic::CommandStats) && app.command_rates.is_told() {
        app.hub.publish(Topic::CommandStats, None, &now(app, TOLD_MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_message_is_sent() {
        let counts = || CommandCounts {
            name: "x".repeat(30),
            family: "transactions",
            calls: u64::MAX,
            rate: Some(123_456_789.0),
            mean_us: Some(123_456_789.0),
            failed: u64::MAX,
            rejected: u64::MAX,
            usec: u64::MAX,
            p50_us: Some(68_719_476.736),
            p95_us: Some(68_719_476.736),
            p99_us: Some(68_719_476.736),
            p999_us: Some(68_719_476.736),
        };
        let family = || FamilyView {
            name: "transactions",
            rate: Some(12_345_678.0),
            history: vec![Some(12_345_678.0); crate::command_rates::PARTS],
        };
        let message = CommandStats {
            t: i64::MAX,
            span_s: SPAN_S,
            part_s: PART_S,
            tracking: true,
            commands: (0..TOLD_MAX).map(|_| counts()).collect(),
            left_out: 300,
            families: (0..16).map(|_| family()).collect(),
        };
        let text = serde_json::to_string(&message).expect("JSON");
        assert!(text.len() < 63 << 10, "{}", text.len());
    }
}
