//! The line that shows on a terminal how a run goes, and errors of the server as they come.

use crate::latency::{Latencies, percentile_ms};
use crate::record::Point;
use crate::worker::ErrorCount;
use flashdb_base::clock::monotonic_ns;
use std::io::{IsTerminal, Write};

/// Is told after each interval how a run goes.
pub trait Watch {
    /// How the interval was, and how the run is up to now.
    fn show(&mut self, point: &Point, total: &Latencies, done_share: Option<f64>, errors: &[ErrorCount]);

    /// The run is over.
    fn clear(&mut self) {}
}

/// Writes to standard error, so that standard output can go into a file.
#[derive(Debug)]
pub struct Progress {
    title: String,
    has_line: bool,
    shows_errors: bool,
    errors_shown: u64,
    errors_shown_ns: Option<u64>,
}

impl Progress {
    /// For one run, called `title`. The line is shown only on a terminal.
    pub fn new(title: String, shows_errors: bool) -> Self {
        Self {
            title,
            has_line: std::io::stderr().is_terminal(),
            shows_errors,
            errors_shown: 0,
            errors_shown_ns: None,
        }
    }

    /// At most one line per second.
    fn show_error(&mut self, errors: &[ErrorCount]) {
        let count: u64 = errors.iter().map(|kind| kind.count).sum();
        let now_ns = monotonic_ns();
        let is_due = self
            .errors_shown_ns
            .is_none_or(|shown| now_ns - shown >= 1_000_000_000);
        if let Some(latest) = errors
            .last()
            .filter(|_| self.shows_errors && is_due && count > self.errors_shown)
        {
            self.clear();
            eprintln!("Error from server: {} ({count} errors so far)", latest.text);
            self.errors_shown = count;
            self.errors_shown_ns = Some(now_ns);
        }
    }
}

impl Watch for Progress {
    fn show(&mut self, point: &Point, total: &Latencies, done_share: Option<f64>, errors: &[ErrorCount]) {
        self.show_error(errors);
        if self.has_line {
            let line = line(&self.title, point, total, done_share);
            // A terminal that has gone is no reason to end a run.
            let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        }
    }

    /// Takes the line away.
    fn clear(&mut self) {
        if self.has_line {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(title: &str, point: &Point, total: &Latencies, done_share: Option<f64>) -> String {
    let overall = total.len() as f64 / point.seconds.max(1e-9);
    let share = done_share.map_or_else(String::new, |share| format!(" {:.0}%", share * 100.0));
    format!(
        "{title}:{share} rps={:.1} (overall: {overall:.1}) p50={:.3} p99={:.3} (overall: {:.3}) msec",
        point.requests_per_second,
        point.p50_ms,
        point.p99_ms,
        percentile_ms(total, 99.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_where_it_stands() {
        let mut total = crate::latency::histogram();
        total.saturating_record_n(2_000_000, 500);
        let point = Point {
            seconds: 0.5,
            requests_per_second: 800.0,
            p50_ms: 1.0,
            p99_ms: 3.0,
            ..Point::default()
        };
        assert_eq!(
            line("GET", &point, &total, Some(0.25)),
            "GET: 25% rps=800.0 (overall: 1000.0) p50=1.000 p99=3.000 (overall: 2.001) msec"
        );
    }
}
