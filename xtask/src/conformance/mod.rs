//! `cargo xtask conformance`: Redis 7.0.15's own Tcl suite against FlashDB, unit by unit, each with a fresh server.
//!
//! The share counts the tests that Redis itself passes the same way. A failure outside the list of known failures, or a
//! count below the committed baseline, fails the task. The server runs with its default number of core loops, but for
//! the units of `conformance/one-loop-units.txt`. A unit with a new failure runs once more, alone on the machine,
//! because some tests of the suite measure time; that run then counts in place of the first.
//!
//! `--internal` runs the units of `internal` the suite's other way: it starts its servers itself.

mod internal;
mod ledger;
mod source;
mod transcript;
mod unit;

use crate::arguments::Arguments;
use crate::{packages, process, server};
use anyhow::{Context, Result, bail};
use ledger::{Expected, KnownFailures, OneLoopUnits, Side};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use transcript::Outcome;
use unit::{Settings, UnitResult};

/// Passed and wrongly failed tests of a whole run.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub passed: usize,
    /// Failures that are not known, and a baseline that was not reached.
    pub failed: usize,
}

/// Runs the task as asked for on the command line.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    let options = Options::take(arguments)?;
    let counts = execute(options)?;
    if counts.failed > 0 {
        bail!("conformance: {} failed", counts.failed);
    }
    Ok(())
}

/// Runs the whole suite with the defaults.
pub fn run_all() -> Result<Counts> {
    execute(Options::take(&mut Arguments::new(Vec::new()))?)
}

/// Runs the units for which the suite starts its servers itself.
pub fn run_internal() -> Result<Counts> {
    execute(Options::take(&mut Arguments::new(vec!["--internal".into()]))?)
}

/// The tables of `docs/COMPATIBILITY.md`.
pub fn tables() -> Result<String> {
    let (external, internal) = (table(Side::External)?, table(Side::Internal)?);
    Ok(format!(
        "{external}\nIn place of `redis-server`, started by the suite itself with a `redis.conf` that it writes:\n\n{internal}"
    ))
}

/// One of the tables: what every run holds the server to, unit by unit, and the known failures.
fn table(side: Side) -> Result<String> {
    let (expected, known) = (side.expected()?, side.known_failures()?);
    let mut out =
        String::from("| Unit | Tests that Redis passes | of them FlashDB passes |\n|---|---|---|\n");
    let mut reasons = String::from("\n| Unit | Test | Why FlashDB does not pass it |\n|---|---|---|\n");
    let (mut total, mut passing) = (0, 0);
    for (unit, tests) in &expected {
        let failing: Vec<&String> = tests.iter().filter(|test| known.contains(unit, test)).collect();
        let passed = tests.len() - failing.len();
        out.push_str(&format!("| {unit} | {} | {passed} |\n", tests.len()));
        (total, passing) = (total + tests.len(), passing + passed);
        if let Some(reason) = known.unit_reason(unit) {
            reasons.push_str(&format!("| {unit} | all {} | {reason} |\n", tests.len()));
            continue;
        }
        for test in failing {
            let reason = known.reason(unit, test).unwrap_or_default();
            reasons.push_str(&format!("| {unit} | {} | {reason} |\n", test.replace('|', "\\|")));
        }
    }
    out.push_str(&format!("| **all** | **{total}** | **{passing}** |\n"));
    if reasons.lines().count() == 3 {
        reasons.clear();
    }
    let one_loop = side.one_loop_units()?;
    if !one_loop.is_empty() {
        reasons.push_str("\n| Unit | Why it runs with `io-threads 1` |\n|---|---|\n");
    }
    for (unit, reason) in &one_loop {
        reasons.push_str(&format!("| {unit} | {reason} |\n"));
    }
    Ok(out + &reasons)
}

struct Options {
    units: Vec<String>,
    server: Option<String>,
    source: Option<String>,
    json: Option<PathBuf>,
    port: u16,
    jobs: usize,
    limit: Duration,
    rounds: u32,
    with_known: bool,
    update: bool,
    side: Side,
    record: bool,
}

/// A first port that differs from that of other runs on the machine.
fn own_port() -> u16 {
    11_000 + (std::process::id() % 80) as u16 * 100
}

impl Options {
    fn take(arguments: &mut Arguments) -> Result<Self> {
        let options = Self {
            units: arguments.options("--unit")?,
            server: arguments.option("--server")?,
            source: arguments.option("--source")?,
            json: arguments.option("--json")?.map(PathBuf::from),
            port: arguments.number("--port", own_port())?,
            jobs: arguments.number("--jobs", 2usize)?.clamp(1, 32),
            limit: Duration::from_secs(arguments.number("--limit", 300)?),
            rounds: arguments.number("--rounds", 6u32)?.max(1),
            with_known: arguments.switch("--with-known"),
            update: arguments.switch("--update"),
            side: if arguments.switch("--internal") {
                Side::Internal
            } else {
                Side::External
            },
            record: arguments.switch("--record"),
        };
        if options.record && options.side == Side::External {
            bail!("--record is about the internal mode");
        }
        arguments.finish()?;
        if options.update && (options.server.is_some() || !options.units.is_empty()) {
            bail!("--update is about all units of this repository's own server");
        }
        Ok(options)
    }
}

fn execute(options: Options) -> Result<Counts> {
    packages::require(&[packages::TCL, packages::PROCPS])?;
    let side = options.side;
    let (expected, known) = if options.record {
        (internal::every_unit(), KnownFailures::default())
    } else {
        (side.expected()?, side.known_failures()?)
    };
    let units = select_units(&options, &expected, &known)?;
    let folder = process::target().join("conformance");
    let settings = Settings {
        source: source::locate(options.source.clone(), &folder)?,
        folder,
        server: server::command(options.server.clone())?,
        first_port: options.port,
        limit: options.limit,
        rounds_max: options.rounds,
        side,
    };
    let one_loop = side.one_loop_units()?;
    if let Some(unit) = one_loop.keys().find(|unit| !expected.contains_key(*unit)) {
        bail!("the list of units with one core loop names one that is not there: {unit}");
    }
    let run = Run {
        options,
        settings,
        expected,
        known,
        one_loop,
    };
    // A server that cannot start at all is one error, not one per unit.
    unit::probe(&run.settings)?;
    let (results, repeated) = run.all_units(&units);
    if run.options.record {
        internal::record(&results)?;
        return Ok(Counts::default());
    }
    run.conclude(&results, &repeated)
}

fn select_units(options: &Options, expected: &Expected, known: &KnownFailures) -> Result<Vec<String>> {
    if options.units.is_empty() {
        let wanted = expected
            .keys()
            .filter(|unit| options.with_known || known.unit_reason(unit).is_none());
        return Ok(wanted.cloned().collect());
    }
    for unit in &options.units {
        if !expected.contains_key(unit) {
            let names: Vec<&str> = expected.keys().map(String::as_str).collect();
            bail!("no unit '{unit}'; there are: {}", names.join(" "));
        }
    }
    Ok(options.units.clone())
}

/// Failures printed per unit; all of them are in the JSON file.
const FAILURES_SHOWN: usize = 30;

type Results = BTreeMap<String, UnitResult>;

struct Run {
    options: Options,
    settings: Settings,
    expected: Expected,
    known: KnownFailures,
    one_loop: OneLoopUnits,
}

impl Run {
    /// The results, and the units that ran twice.
    fn all_units(&self, units: &[String]) -> (Results, Vec<String>) {
        println!(
            "{:24} {:>6} {:>8} {:>6} {:>6}",
            "unit", "passed", "expected", "failed", "s"
        );
        // The units with the most tests first: the last ones to finish are then short.
        let mut queue: Vec<&String> = units.iter().collect();
        queue.sort_by_key(|unit| std::cmp::Reverse(self.expected[*unit].len()));
        let next = AtomicUsize::new(0);
        let results = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            // Tests that start servers measure time and memory: one unit at a time.
            let jobs = if self.options.side == Side::Internal {
                1
            } else {
                self.options.jobs
            };
            for lane in 0..jobs {
                let (queue, next, results) = (&queue, &next, &results);
                scope.spawn(move || {
                    while let Some(unit) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let result = self.unit(lane as u16, unit);
                        results
                            .lock()
                            .expect("no lane panics")
                            .insert((*unit).clone(), result);
                    }
                });
            }
        });
        let mut results = results.into_inner().expect("no lane panics");

        let mut repeated = Vec::new();
        for (unit, result) in &mut results {
            if !self.new_failures(unit, result).is_empty() {
                println!("once more, alone: {unit}");
                *result = self.unit(0, unit);
                repeated.push(unit.clone());
            }
        }
        (results, repeated)
    }

    fn unit(&self, lane: u16, unit: &str) -> UnitResult {
        let skipped = if self.options.with_known {
            Vec::new()
        } else {
            self.known.tests_of(unit)
        };
        let result = if self.one_loop.contains_key(unit) {
            unit::run(&self.settings.with_one_core_loop(), lane, unit, &skipped)
        } else {
            unit::run(&self.settings, lane, unit, &skipped)
        };
        // One unit that cannot run, say for a port that was taken meanwhile, leaves the others their result.
        let result = result.unwrap_or_else(|error| UnitResult {
            incidents: vec![format!("not run: {error:#}")],
            ..UnitResult::default()
        });
        self.print_row(unit, &result);
        result
    }

    fn print_row(&self, unit: &str, result: &UnitResult) {
        let (passed, expected) = (self.passed(unit, result), self.expected[unit].len());
        let mut row = format!(
            "{unit:24} {passed:>6} {expected:>8} {:>6} {:>6.1}",
            expected - passed,
            result.seconds
        );
        if result.rounds > 1 {
            row.push_str(&format!("  ({} rounds)", result.rounds));
        }
        for incident in &result.incidents {
            row.push_str(&format!("\n    ended early: {}", shortened(incident, 90)));
        }
        let failures = self.new_failures(unit, result);
        for (name, reason) in failures.iter().take(FAILURES_SHOWN) {
            row.push_str(&format!("\n    {name}: {}", shortened(reason, 200)));
        }
        if failures.len() > FAILURES_SHOWN {
            row.push_str(&format!("\n    and {} more", failures.len() - FAILURES_SHOWN));
        }
        println!("{row}");
    }

    fn passed(&self, unit: &str, result: &UnitResult) -> usize {
        let names = self.expected[unit].iter();
        names
            .filter(|name| result.outcomes.get(*name) == Some(&Outcome::Passed))
            .count()
    }

    /// Expected tests that did not pass and are not known to fail, with the reason.
    fn new_failures(&self, unit: &str, result: &UnitResult) -> Vec<(String, String)> {
        let unknown = self.expected[unit]
            .iter()
            .filter(|name| !self.known.contains(unit, name));
        unknown
            .filter_map(|name| match result.outcomes.get(name) {
                Some(Outcome::Passed) => None,
                Some(Outcome::Failed(reason)) => Some((name.clone(), reason.clone())),
                None => Some((name.clone(), "not reached".to_owned())),
            })
            .collect()
    }

    fn conclude(&self, results: &Results, repeated: &[String]) -> Result<Counts> {
        let mut counts = Counts::default();
        for (unit, result) in results {
            counts.passed += self.passed(unit, result);
            counts.failed += self.new_failures(unit, result).len();
            for name in self.known.tests_of(unit) {
                if result.outcomes.get(&name) == Some(&Outcome::Passed) {
                    println!(
                        "passes now, remove it from conformance/{}: {unit} | {name}",
                        self.options.side.known_file()
                    );
                }
            }
        }
        let total: usize = self.expected.values().map(Vec::len).sum();
        println!(
            "conformance: {} of {total} tests that Redis passes ({:.1} %), {} new failures",
            counts.passed,
            100.0 * counts.passed as f64 / total as f64,
            counts.failed
        );
        println!(
            "conformance: {} of {} units ran twice{}{}",
            repeated.len(),
            results.len(),
            if repeated.is_empty() { "" } else { ": " },
            repeated.join(" ")
        );
        if let Some(path) = &self.options.json {
            self.write_json(path, results)?;
        }
        // A part of the units says nothing about the whole.
        if self.options.units.is_empty() && self.options.side == Side::External {
            let baseline = ledger::baseline()?;
            if counts.passed < baseline {
                println!("conformance: below the baseline of {baseline}");
                counts.failed = counts.failed.max(1);
            } else if self.options.update && counts.passed > baseline {
                ledger::write_baseline(counts.passed)?;
                println!(
                    "conformance: baseline raised from {baseline} to {}",
                    counts.passed
                );
            }
        }
        Ok(counts)
    }

    fn write_json(&self, path: &PathBuf, results: &Results) -> Result<()> {
        let mut units = serde_json::Map::new();
        for (unit, result) in results {
            let of_kind = |want: &Outcome| {
                result
                    .outcomes
                    .iter()
                    .filter(|(_, outcome)| *outcome == want)
                    .count()
            };
            let failed: BTreeMap<&String, &String> = result
                .outcomes
                .iter()
                .filter_map(|(name, outcome)| match outcome {
                    Outcome::Passed => None,
                    Outcome::Failed(reason) => Some((name, reason)),
                })
                .collect();
            let missing: Vec<&String> = self.expected[unit]
                .iter()
                .filter(|name| !result.outcomes.contains_key(*name))
                .collect();
            let row = serde_json::json!({
                "expected": self.expected[unit].len(),
                "passed": self.passed(unit, result),
                "passed_with_unlisted": of_kind(&Outcome::Passed),
                "failed": failed,
                "not_reached": missing,
                "ended_early": result.incidents,
                "rounds": result.rounds,
                "seconds": result.seconds,
            });
            units.insert(unit.clone(), row);
        }
        let text = serde_json::to_string_pretty(&units)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}
