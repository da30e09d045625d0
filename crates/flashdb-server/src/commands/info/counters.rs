//! INFO sections of counters by name: commandstats, errorstats, latencystats.

use super::{Facts, Lines};
use crate::histogram::Durations;
use crate::stats::command_totals;

pub(super) fn commands(lines: &mut Lines, facts: &Facts<'_>) {
    for command in facts.server.registry.all() {
        let totals = command_totals(facts.server, command.id);
        if totals.calls == 0 && totals.rejected == 0 && totals.failed == 0 {
            continue;
        }
        let time_us = totals.time_ns as f64 / 1000.0;
        lines.field(
            &format!("cmdstat_{}", command.spec.full_name()),
            format!(
                "calls={},usec={},usec_per_call={:.2},rejected_calls={},failed_calls={}",
                totals.calls,
                totals.time_ns / 1000,
                time_us / totals.calls.max(1) as f64,
                totals.rejected,
                totals.failed
            ),
        );
    }
}

pub(super) fn errors(lines: &mut Lines, facts: &Facts<'_>) {
    for (code, count) in facts.server.stats.errors_by_code.lock().iter() {
        // Codes come from error texts; what would break the line is shown as an underscore.
        let code: String = code
            .chars()
            .map(|c| if c == ':' || c.is_control() { '_' } else { c })
            .collect();
        lines.field(&format!("errorstat_{code}"), format!("count={count}"));
    }
}

pub(super) fn latencies(lines: &mut Lines, facts: &Facts<'_>) {
    if !facts.settings.latency_tracking {
        return;
    }
    for command in facts.server.registry.all() {
        let totals = command_totals(facts.server, command.id);
        if totals.durations.calls() == 0 {
            continue;
        }
        lines.field(
            &format!("latency_percentiles_usec_{}", command.spec.full_name()),
            percentiles(
                &totals.durations,
                &facts.settings.latency_tracking_info_percentiles,
            ),
        );
    }
}

fn percentiles(durations: &Durations, wanted: &[f64]) -> String {
    let parts: Vec<String> = wanted
        .iter()
        .map(|percent| {
            let us = durations.quantile_us(percent / 100.0).unwrap_or(0.0);
            format!("p{percent}={us:.3}")
        })
        .collect();
    parts.join(",")
}
