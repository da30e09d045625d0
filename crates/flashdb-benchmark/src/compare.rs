//! Comparison with a stored run: which figures got worse by more than the tolerance.
//!
//! Only runs under the same load are compared. Tests are matched by title and server; with one server on each side the
//! server's name does not matter.

use crate::record::{RoundRecord, RunRecord, TestRecord};
use std::fmt::Write;

/// A figure that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Figure {
    RequestsPerSecond,
    P50,
    P95,
    P99,
    P999,
    Cpu,
}

impl Figure {
    /// What is compared when nothing is said.
    pub const DEFAULT: &'static [Figure] = &[Figure::RequestsPerSecond, Figure::P99, Figure::Cpu];

    /// By the name that the command line uses.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "rps" => Some(Self::RequestsPerSecond),
            "p50" => Some(Self::P50),
            "p95" => Some(Self::P95),
            "p99" => Some(Self::P99),
            "p99.9" => Some(Self::P999),
            "cpu" => Some(Self::Cpu),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::RequestsPerSecond => "requests/s",
            Self::P50 => "p50 ms",
            Self::P95 => "p95 ms",
            Self::P99 => "p99 ms",
            Self::P999 => "p99.9 ms",
            Self::Cpu => "server CPU ns/req",
        }
    }

    fn of(self, round: &RoundRecord) -> Option<f64> {
        match self {
            Self::RequestsPerSecond => Some(round.requests_per_second),
            Self::P50 => Some(round.latency_ms.p50),
            Self::P95 => Some(round.latency_ms.p95),
            Self::P99 => Some(round.latency_ms.p99),
            Self::P999 => Some(round.latency_ms.p99_9),
            Self::Cpu => round.server_cpu_ns,
        }
    }

    fn is_better_when_more(self) -> bool {
        self == Self::RequestsPerSecond
    }
}

/// A figure of a test, then and now.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The test's title.
    pub test: String,
    /// The server's name, now.
    pub server: String,
    /// What.
    pub figure: Figure,
    /// In the stored run.
    pub before: f64,
    /// In this one.
    pub now: f64,
    /// Percent by which it grew; negative when it fell.
    pub change: f64,
    /// Whether it got worse by more than the tolerance.
    pub is_worse: bool,
}

/// Compares `now` with `stored`. A figure that one side does not know is left out.
///
/// # Errors
/// Why the two cannot be compared.
pub fn compare(
    stored: &RunRecord,
    now: &RunRecord,
    figures: &[Figure],
    tolerance: f64,
) -> Result<Vec<Line>, String> {
    if stored.load != now.load {
        return Err(format!(
            "it was made under another load: {:?} then, {:?} now",
            stored.load, now.load
        ));
    }
    let mut lines = Vec::new();
    for test in &now.tests {
        let Some(before) = counterpart(stored, now, test) else {
            continue;
        };
        for &figure in figures {
            let pair = figure.of(&before.median).zip(figure.of(&test.median));
            if let Some((before, now)) = pair.filter(|(before, _)| *before > 0.0) {
                let change = (now / before - 1.0) * 100.0;
                let worsening = if figure.is_better_when_more() {
                    -change
                } else {
                    change
                };
                lines.push(Line {
                    test: test.test.clone(),
                    server: test.server.clone(),
                    figure,
                    before,
                    now,
                    change,
                    is_worse: worsening > tolerance,
                });
            }
        }
    }
    if lines.is_empty() {
        return Err("it has no test in common with this run".to_owned());
    }
    Ok(lines)
}

fn servers_count(record: &RunRecord) -> usize {
    let mut names: Vec<&str> = record.tests.iter().map(|test| test.server.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}

fn counterpart<'a>(stored: &'a RunRecord, now: &RunRecord, test: &TestRecord) -> Option<&'a TestRecord> {
    let is_alone = servers_count(stored) == 1 && servers_count(now) == 1;
    stored
        .tests
        .iter()
        .find(|other| other.test == test.test && (is_alone || other.server == test.server))
}

/// The lines as a table, with a closing sentence.
pub fn table(lines: &[Line], tolerance: f64) -> String {
    let mut text = format!(
        "{:30} {:12} {:18} {:>12} {:>12} {:>9}\n",
        "test", "server", "figure", "stored", "now", "change"
    );
    for line in lines {
        let mark = if line.is_worse { "  WORSE" } else { "" };
        let _ = writeln!(
            text,
            "{:30} {:12} {:18} {:>12.3} {:>12.3} {:>+8.1}%{mark}",
            line.test,
            line.server,
            line.figure.name(),
            line.before,
            line.now,
            line.change
        );
    }
    let worse = lines.iter().filter(|line| line.is_worse).count();
    let _ = match worse {
        0 => writeln!(text, "No figure is worse by more than {tolerance} %."),
        _ => writeln!(
            text,
            "{worse} of {} figures are worse by more than {tolerance} %.",
            lines.len()
        ),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{run, test};

    fn worse(before: TestRecord, now: TestRecord, tolerance: f64) -> Vec<Figure> {
        let lines =
            compare(&run(vec![before]), &run(vec![now]), Figure::DEFAULT, tolerance).expect("comparable");
        lines
            .into_iter()
            .filter(|line| line.is_worse)
            .map(|line| line.figure)
            .collect()
    }

    #[test]
    fn only_what_is_worse_beyond_the_tolerance_fails() {
        let before = || test("GET", 1000.0, 1.0, Some(500.0));
        assert_eq!(worse(before(), test("GET", 951.0, 1.049, Some(524.0)), 5.0), []);
        assert_eq!(worse(before(), test("GET", 2000.0, 0.1, Some(5.0)), 5.0), []);
        assert_eq!(
            worse(before(), test("GET", 949.0, 1.0, Some(500.0)), 5.0),
            [Figure::RequestsPerSecond]
        );
        assert_eq!(
            worse(before(), test("GET", 1000.0, 1.06, Some(530.0)), 5.0),
            [Figure::P99, Figure::Cpu]
        );
        assert_eq!(worse(before(), test("GET", 1000.0, 1.06, Some(530.0)), 10.0), []);
        // Nobody can tell about processor time that one side does not know.
        assert_eq!(worse(before(), test("GET", 1000.0, 1.0, None), 5.0), []);
    }

    #[test]
    fn tests_are_matched_by_title_and_server() {
        let named = |server: &str, rps| TestRecord {
            server: server.to_owned(),
            ..test("GET", rps, 1.0, None)
        };
        let stored = run(vec![named("a", 100.0), named("b", 200.0)]);
        let now = run(vec![named("b", 200.0), named("a", 50.0), named("c", 1.0)]);
        let lines = compare(&stored, &now, &[Figure::RequestsPerSecond], 5.0).expect("comparable");
        let found: Vec<(&str, bool)> = lines
            .iter()
            .map(|line| (line.server.as_str(), line.is_worse))
            .collect();
        assert_eq!(found, [("b", false), ("a", true)]);
        let renamed = compare(
            &run(vec![named("x", 1.0)]),
            &run(vec![named("y", 1.0)]),
            Figure::DEFAULT,
            5.0,
        );
        assert!(renamed.is_ok());
        assert!(table(&lines, 5.0).ends_with("1 of 2 figures are worse by more than 5 %.\n"));
    }

    #[test]
    fn what_differs_is_not_compared() {
        let stored = run(vec![test("GET", 1.0, 1.0, None)]);
        let mut other = stored.clone();
        other.load.pipeline = 64;
        assert!(compare(&stored, &other, Figure::DEFAULT, 5.0).is_err());
        let foreign = run(vec![test("SET", 1.0, 1.0, None)]);
        assert!(compare(&stored, &foreign, Figure::DEFAULT, 5.0).is_err());
    }
}
