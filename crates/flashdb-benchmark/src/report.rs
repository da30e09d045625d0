//! The text reports: a test in redis-benchmark's layout, one line per test, and the table of several servers.

use crate::latency::{Latencies, ms};
use crate::options::Options;
use crate::record::{CommandRecord, LatencyRecord, RoundRecord, TestRecord};
use crate::run::Outcome;
use std::fmt::Write;

/// What a server says about its persistence; shown because it decides what a result means.
#[derive(Clone, Debug, Default)]
pub struct HostSettings {
    /// `save`.
    pub save: Option<String>,
    /// `appendonly`.
    pub appendonly: Option<String>,
}

/// The long report of one run.
pub fn full(options: &Options, host: &HostSettings, test: &TestRecord, outcome: &Outcome) -> String {
    let mut text = format!("====== {} ======\n", test.test);
    head(&mut text, options, host, outcome);
    text.push_str("\nLatency by percentile distribution:\n");
    percentiles(&mut text, &outcome.latencies, options.precision);
    text.push_str("\nCumulative distribution of latencies:\n");
    cumulative(&mut text, &outcome.latencies, options.precision);
    summary(&mut text, options, test);
    text.push_str(&complaints(test));
    text.push('\n');
    text
}

fn head(text: &mut String, options: &Options, host: &HostSettings, outcome: &Outcome) {
    let _ = writeln!(
        text,
        "  {} requests completed in {:.2} seconds",
        outcome.requests(),
        outcome.seconds
    );
    let _ = writeln!(text, "  {} parallel clients", options.clients);
    let _ = writeln!(text, "  {} bytes payload", options.sizes_text);
    let _ = writeln!(text, "  keep alive: {}", u8::from(options.keep_alive));
    if options.pipeline > 1 {
        let _ = writeln!(text, "  pipeline: {}", options.pipeline);
    }
    if let Some(keyspace) = options.keyspace {
        let _ = writeln!(text, "  keys: {keyspace}, {}", options.distribution_text);
    }
    if let Some(rate) = options.rate {
        let _ = writeln!(
            text,
            "  open loop: {rate} requests per second; latency counts from when a request was due"
        );
    }
    for (name, value) in [("save", &host.save), ("appendonly", &host.appendonly)] {
        if let Some(value) = value {
            let _ = writeln!(text, "  host configuration \"{name}\": {value}");
        }
    }
    if options.threads > 1 {
        let _ = writeln!(text, "  multi-thread: yes\n  threads: {}", options.threads);
    } else {
        text.push_str("  multi-thread: no\n");
    }
}

/// 0, 50, 75, 87.5 and so on, up to the one that covers everything.
fn percentiles(text: &mut String, latencies: &Latencies, precision: usize) {
    let total = latencies.len();
    if total == 0 {
        return;
    }
    let mut left = 100.0;
    let mut percent = 0.0;
    loop {
        let ns = latencies.value_at_percentile(percent).min(latencies.max());
        let count = latencies.count_between(0, ns).min(total);
        percentile_line(text, percent, ns, count, precision);
        if count >= total {
            break;
        }
        left /= 2.0;
        percent = 100.0 - left;
    }
    percentile_line(text, 100.0, latencies.max(), total, precision);
}

fn percentile_line(text: &mut String, percent: f64, ns: u64, count: u64, precision: usize) {
    let _ = writeln!(
        text,
        "{percent:.3}% <= {:.precision$} milliseconds (cumulative count {count})",
        ms(ns)
    );
}

/// In steps of 0.1 ms up to 2 ms, of 1 ms up to 20 ms and so on; steps that add nothing are left out.
fn cumulative(text: &mut String, latencies: &Latencies, precision: usize) {
    let total = latencies.len();
    if total == 0 {
        return;
    }
    let (mut step_ns, mut at_ns, mut shown) = (100_000u64, 100_000u64, None);
    loop {
        let count = latencies.count_between(0, at_ns).min(total);
        if shown != Some(count) {
            let share = count as f64 / total as f64 * 100.0;
            percentile_line(text, share, at_ns, count, precision.max(1));
            shown = Some(count);
        }
        if count >= total {
            break;
        }
        if at_ns >= step_ns * 20 {
            step_ns *= 10;
        }
        at_ns += step_ns;
    }
}

fn summary(text: &mut String, options: &Options, test: &TestRecord) {
    let median = &test.median;
    text.push_str("\nSummary:\n");
    let _ = writeln!(
        text,
        "  throughput summary: {:.2} requests per second",
        median.requests_per_second
    );
    text.push_str("  latency summary (msec):\n");
    let _ = writeln!(
        text,
        "  {:>11} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "avg", "min", "p50", "p95", "p99", "p99.9", "max"
    );
    latency_line(text, &median.latency_ms, options.precision, "");
    for command in &test.commands {
        command_line(text, command, options.precision);
    }
    if let Some(ns) = median.server_cpu_ns {
        let _ = writeln!(text, "  server CPU: {ns:.0} ns per request");
    }
    let _ = writeln!(
        text,
        "  generator CPU: {:.0} ns per request",
        median.generator_cpu_ns
    );
}

fn latency_line(text: &mut String, latency: &LatencyRecord, precision: usize, tail: &str) {
    let _ = writeln!(
        text,
        "  {:>11.precision$} {:>9.precision$} {:>9.precision$} {:>9.precision$} {:>9.precision$} {:>9.precision$} {:>9.precision$}{tail}",
        latency.average, latency.min, latency.p50, latency.p95, latency.p99, latency.p99_9, latency.max
    );
}

fn command_line(text: &mut String, command: &CommandRecord, precision: usize) {
    let tail = format!("  {} ({} requests)", command.command, command.requests);
    latency_line(text, &command.latency_ms, precision, &tail);
}

/// The line that `-q` gives per test: redis-benchmark's, with more percentiles at its end.
pub fn short(title: &str, round: &RoundRecord, precision: usize) -> String {
    let latency = &round.latency_ms;
    format!(
        "{title}: {:.2} requests per second, p50={:.precision$} msec, p95={:.precision$}, p99={:.precision$}, p99.9={:.precision$}, max={:.precision$}\n",
        round.requests_per_second, latency.p50, latency.p95, latency.p99, latency.p99_9, latency.max
    )
}

/// What went wrong in a test; empty when nothing did.
pub fn complaints(test: &TestRecord) -> String {
    let mut text = String::new();
    if test.errors > 0 {
        let _ = writeln!(
            text,
            "  {} of {} replies were errors:",
            test.errors, test.requests
        );
        for kind in &test.error_kinds {
            let _ = writeln!(text, "  {:>9} x {}", kind.count, kind.text);
        }
    }
    if test.unanswered > 0 {
        let why = if test.interrupted {
            " when the run was interrupted"
        } else {
            ""
        };
        let _ = writeln!(text, "  {} requests were not answered{why}", test.unanswered);
    }
    if test.late > 0 {
        let _ = writeln!(
            text,
            "  {} requests left over 1 ms late: this program had too little processor time, which is in the latencies",
            test.late
        );
    }
    if let Some(failure) = &test.failure {
        let _ = writeln!(text, "  ended early: {failure}");
    }
    text
}

/// Several servers in one test: medians, and ratios to the last server.
pub fn versus(tests: &[TestRecord], precision: usize) -> String {
    let mut text = String::new();
    let (Some(first), Some(base)) = (tests.first(), tests.last()) else {
        return text;
    };
    let _ = writeln!(
        text,
        "{}, medians of {} rounds, ratios to {}:",
        first.test,
        first.rounds.len(),
        base.server
    );
    let _ = writeln!(
        text,
        "  {:14} {:>12} {:>11} {:>9} {:>9} {:>9} {:>9} {:>8} {:>7} {:>7}",
        "server",
        "req/s",
        "cpu ns/req",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "max ms",
        "x req/s",
        "x cpu",
        "x p99"
    );
    for test in tests {
        let (median, other) = (&test.median, &base.median);
        let ratio = |now: Option<f64>, base: Option<f64>| match now.zip(base) {
            Some((now, base)) if base > 0.0 => format!("{:.2}", now / base),
            _ => "-".to_owned(),
        };
        let cpu = median
            .server_cpu_ns
            .map_or_else(|| "-".to_owned(), |ns| format!("{ns:.0}"));
        let _ = writeln!(
            text,
            "  {:14} {:>12.0} {cpu:>11} {:>9.precision$} {:>9.precision$} {:>9.precision$} {:>9.precision$} {:>8} {:>7} {:>7}",
            test.server,
            median.requests_per_second,
            median.latency_ms.p50,
            median.latency_ms.p99,
            median.latency_ms.p99_9,
            median.latency_ms.max,
            ratio(Some(median.requests_per_second), Some(other.requests_per_second)),
            ratio(median.server_cpu_ns, other.server_cpu_ns),
            ratio(Some(median.latency_ms.p99), Some(other.latency_ms.p99)),
        );
    }
    for test in tests {
        let complaint = complaints(test);
        if !complaint.is_empty() {
            let _ = write!(text, "  {}:\n{complaint}", test.server);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency;
    use crate::record::{ErrorRecord, samples};

    #[test]
    fn percentiles_halve_the_rest_and_end_with_everything() {
        let mut latencies = latency::histogram();
        (1..=1000u64).for_each(|index| latencies.saturating_record(index * 10_000));
        let mut text = String::new();
        percentiles(&mut text, &latencies, 3);
        let starts: Vec<&str> = text.lines().filter_map(|line| line.split('%').next()).collect();
        assert_eq!(starts[..5], ["0.000", "50.000", "75.000", "87.500", "93.750"]);
        assert!(text.ends_with("(cumulative count 1000)\n"), "{text}");
        assert_eq!(starts.last(), Some(&"100.000"));
    }

    #[test]
    fn the_cumulative_list_stays_short_and_complete() {
        let mut latencies = latency::histogram();
        for ns in [50_000, 150_000, 1_950_000, 15_000_000, 3_000_000_000] {
            latencies.saturating_record(ns);
        }
        let mut text = String::new();
        cumulative(&mut text, &latencies, 3);
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(text.ends_with("(cumulative count 5)\n"));
        let mut empty = String::new();
        cumulative(&mut empty, &latency::histogram(), 3);
        percentiles(&mut empty, &latency::histogram(), 3);
        assert_eq!(empty, "");
    }

    #[test]
    fn the_short_line_begins_like_that_of_redis_benchmark() {
        let line = short("SET", &samples::test("SET", 1000.0, 1.5, None).median, 3);
        assert!(
            line.starts_with("SET: 1000.00 requests per second, p50=0.250 msec"),
            "{line}"
        );
    }

    #[test]
    fn ratios_are_to_the_last_server() {
        let named = |server: &str, rps, cpu| TestRecord {
            server: server.to_owned(),
            ..samples::test("GET", rps, 1.0, cpu)
        };
        let table = versus(
            &[named("new", 200.0, Some(300.0)), named("old", 100.0, Some(600.0))],
            3,
        );
        let rows: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[2][7..], ["2.00", "0.50", "1.00"]);
        assert_eq!(rows[3][7..], ["1.00", "1.00", "1.00"]);
        let unknown = versus(&[named("new", 200.0, None), named("old", 100.0, Some(600.0))], 3);
        assert!(unknown.contains(" - "), "{unknown}");
    }

    #[test]
    fn complaints_name_the_errors() {
        let mut test = samples::test("GET", 1.0, 1.0, None);
        assert_eq!(complaints(&test), "");
        test.errors = 3;
        test.error_kinds.push(ErrorRecord {
            text: "ERR no".to_owned(),
            count: 3,
        });
        test.late = 8;
        test.failure = Some("the server closed a connection".to_owned());
        let text = complaints(&test);
        for part in ["3 x ERR no", "8 requests left", "closed"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
