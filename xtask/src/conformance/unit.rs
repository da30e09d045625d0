//! Runs one unit of the suite against a fresh server, as often as it takes to reach its end.
//!
//! The suite stops a unit at the first unexpected error reply, and a server that hangs stops it too. The test that was
//! running is then counted as failed and the unit runs again, on a fresh server, without it, so that the tests behind it
//! count. The last of the allowed rounds runs with the suite's own `--durable`, which goes on after errors.

use super::ledger::Side;
use super::transcript::{Outcome, Transcript};
use super::{internal, source};
use crate::process::{self, Ending};
use crate::server::{self, Server};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const SERVER_FLAGS: &[&str] = &[
    "--save",
    "",
    "--enable-debug-command",
    "yes",
    "--enable-protected-configs",
    "yes",
];

/// No test of the suite takes as long as this without a line of output.
const STALL: Duration = Duration::from_secs(90);

/// What every run of a unit shares.
#[derive(Clone)]
pub struct Settings {
    pub source: PathBuf,
    pub folder: PathBuf,
    pub server: String,
    pub first_port: u16,
    pub limit: Duration,
    pub rounds_max: u32,
    pub side: Side,
}

/// What came of a unit over all of its rounds.
#[derive(Debug, Default)]
pub struct UnitResult {
    pub outcomes: BTreeMap<String, Outcome>,
    /// What ended rounds early, in words.
    pub incidents: Vec<String>,
    pub rounds: u32,
    pub seconds: f64,
}

impl Settings {
    /// The same with one core loop, for the units of `conformance/one-loop-units.txt`.
    pub fn with_one_core_loop(&self) -> Self {
        Self {
            server: format!("{} --io-threads 1", self.server),
            ..self.clone()
        }
    }
}

/// Starts the server once and ends it.
pub fn probe(settings: &Settings) -> Result<()> {
    if settings.side == Side::Internal {
        return Ok(());
    }
    let port = server::free_port(settings.first_port)?;
    let log = settings.folder.join("probe.server.log");
    Server::start(&settings.server, port, SERVER_FLAGS, &log).map(drop)
}

/// Runs `unit` without the tests in `skipped`. `lane` keeps the ports and folders of parallel runs apart.
pub fn run(settings: &Settings, lane: u16, unit: &str, skipped: &[String]) -> Result<UnitResult> {
    let begin = Instant::now();
    let mut result = UnitResult::default();
    let mut skipped = skipped.to_vec();
    let mut offenders = BTreeMap::new();
    let mut durable = false;
    loop {
        result.rounds += 1;
        let left = settings.limit.saturating_sub(begin.elapsed());
        let round = Round {
            settings,
            lane,
            unit,
            skipped: &skipped,
            durable,
            number: result.rounds,
        };
        let (transcript, why) = round.run(left)?;
        result.outcomes = transcript.outcomes;
        let Some(why) = why else { break };

        let running = transcript.running;
        result.incidents.push(match &running {
            Some(test) => format!("{test}: {why}"),
            None => format!("outside of a test: {why}"),
        });
        if let Some(test) = &running {
            offenders.insert(test.clone(), Outcome::Failed(why));
            skipped.push(test.clone());
        }
        if durable || result.rounds >= settings.rounds_max || begin.elapsed() >= settings.limit {
            break;
        }
        // An error between tests cannot be skipped; only the durable mode gets past it.
        durable = running.is_none() || result.rounds + 1 == settings.rounds_max;
    }
    result.outcomes.extend(offenders);
    result.seconds = begin.elapsed().as_secs_f64();
    Ok(result)
}

struct Round<'a> {
    settings: &'a Settings,
    lane: u16,
    unit: &'a str,
    skipped: &'a [String],
    durable: bool,
    number: u32,
}

impl Round<'_> {
    /// One run. The second value tells what kept it from reaching the unit's end.
    fn run(&self, limit: Duration) -> Result<(Transcript, Option<String>)> {
        let copy = self.settings.folder.join(format!("lane-{}", self.lane));
        source::copy_suite(&self.settings.source, &copy)?;
        let skip_file = copy.join("skipped-tests");
        std::fs::write(&skip_file, self.skipped.join("\n"))?;

        let logs = self.settings.folder.join("logs");
        std::fs::create_dir_all(&logs)?;
        let name = format!("{}.{}", self.unit.replace('/', "-"), self.number);
        let port = server::free_port(self.settings.first_port + self.lane * 50)?;
        let server_log = logs.join(format!("{name}.server.log"));
        let mut server = match self.settings.side {
            Side::Internal => {
                internal::put_programs(&copy, &self.settings.server)?;
                None
            }
            Side::External => Some(Server::start(
                &self.settings.server,
                port,
                SERVER_FLAGS,
                &server_log,
            )?),
        };

        let mut log = File::create(logs.join(format!("{name}.log")))?;
        let mut transcript = Transcript::default();
        let ending = process::supervise(&mut self.command(&copy, &skip_file, port), limit, STALL, |line| {
            transcript.read(line);
            // The log is a by-product; a full disk shows elsewhere.
            let _unwritten = writeln!(log, "{line}");
        });
        let ending = ending.context("the Tcl suite")?;
        let exited = server.as_mut().and_then(Server::exited);
        let why = match (exited, ending) {
            (Some(end), _) => Some(format!("the server ended: {end}")),
            (None, Ending::Stalled) => Some(format!("no answer for {} s", STALL.as_secs())),
            (None, Ending::OutOfTime) => {
                Some(format!("over the limit of {} s", self.settings.limit.as_secs()))
            }
            (None, Ending::Exited(_)) if transcript.done && transcript.exception.is_none() => None,
            (None, Ending::Exited(status)) => Some(
                transcript
                    .exception
                    .clone()
                    .unwrap_or_else(|| process::ending(status)),
            ),
        };
        Ok((transcript, why))
    }

    fn command(&self, copy: &Path, skip_file: &Path, port: u16) -> Command {
        let mut command = Command::new("tclsh");
        command
            .current_dir(copy)
            .arg(process::root().join("conformance/progress.tcl"));
        command.args(["--single", self.unit, "--verbose", "--clients", "1"]);
        // The suite's two halves talk over a port of their own, searched below this one.
        match self.settings.side {
            Side::External => command
                .args(["--host", "127.0.0.1", "--port", &port.to_string()])
                .args(["--tags", "-slow", "--baseport", &(port + 10_040).to_string()]),
            Side::Internal => command
                .args(["--baseport", &port.to_string(), "--portcount", "90"])
                .args(["--tags", internal::TAGS]),
        };
        command.arg("--skipfile").arg(skip_file);
        if self.durable {
            command.arg("--durable");
        }
        command
    }
}
