//! An invocation from beginning to end: all tests, servers and rounds, then the outputs and the exit status.

use crate::compare;
use crate::control::{self, Control, Greeting, ServerError};
use crate::cpu;
use crate::csv;
use crate::idle;
use crate::options::{Options, Server};
use crate::plot;
use crate::progress::Progress;
use crate::record::{RunRecord, TestRecord};
use crate::report::{self, HostSettings};
use crate::run::{self, Found, Outcome};
use crate::workload::Workload;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit statuses, as `--help` says them.
#[allow(missing_docs, reason = "the names say it")]
pub mod status {
    pub const FINE: u8 = 0;
    pub const ERRORS: u8 = 1;
    pub const USAGE: u8 = 2;
    pub const WORSE: u8 = 3;
    pub const INTERRUPTED: u8 = 130;
}

/// Runs everything that was asked for and writes the outputs; gives the exit status. `stop` ends it early.
///
/// # Errors
/// One line: a server that cannot be reached, or a file that cannot be read or written.
pub fn run(options: &Options, stop: &Arc<AtomicBool>) -> Result<u8, String> {
    // Read first: a run of an hour should not end with a wrong file name.
    let stored = options.compare.as_deref().map(read_stored).transpose()?;
    allow_connections(options.clients);
    let mut session = Session {
        options,
        stop,
        servers: Vec::new(),
        record: RunRecord::new(options),
    };
    session.find_servers().map_err(|error| error.to_string())?;
    if options.is_idle {
        let closed = idle::hold(options, &session.servers[0].0, stop).map_err(|error| error.to_string())?;
        return Ok(if closed > 0 { status::ERRORS } else { status::FINE });
    }
    let failure = session.run_tests().err();
    session.write_outputs()?;
    if let Some(error) = failure {
        return Err(error.to_string());
    }
    session.exit_status(stored.as_ref())
}

fn read_stored(path: &Path) -> Result<RunRecord, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("--compare {name}: {error}"))?;
    RunRecord::from_json(&text).map_err(|error| format!("--compare {name}: {error}"))
}

/// Raises the limit of open files as far as is needed and allowed; connecting tells when that was not enough.
fn allow_connections(clients: usize) {
    const OTHERS: u64 = 64;
    let limit = getrlimit(Resource::Nofile);
    let needed = clients as u64 + OTHERS;
    if limit.current.is_some_and(|current| current < needed) {
        let current = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
        let raised = Rlimit {
            current: Some(current),
            maximum: limit.maximum,
        };
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

struct Session<'a> {
    options: &'a Options,
    stop: &'a Arc<AtomicBool>,
    servers: Vec<(Found, HostSettings)>,
    record: RunRecord,
}

impl Session<'_> {
    fn find_servers(&mut self) -> Result<(), ServerError> {
        let greeting = Greeting::new(self.options);
        for server in &self.options.servers {
            self.servers.push(find(server, &greeting)?);
        }
        if self.is_text() && self.servers.iter().any(|(_, host)| host.save.is_none()) {
            eprintln!("WARNING: could not fetch the server's CONFIG");
        }
        Ok(())
    }

    fn is_versus(&self) -> bool {
        self.servers.len() > 1
    }

    /// Whether reports for people go to standard output.
    fn is_text(&self) -> bool {
        !self.options.is_csv && !self.options.is_json_on_stdout()
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn run_tests(&mut self) -> Result<(), ServerError> {
        if self.options.is_csv && !self.options.is_json_on_stdout() {
            println!("{}", csv::HEADER);
        }
        loop {
            self.record.tests.clear();
            for workload in &self.options.workloads {
                let tests = self.run_test(workload)?;
                self.print(&tests);
                self.record.tests.extend(tests);
                if self.is_stopped() {
                    return Ok(());
                }
            }
            if !self.options.loops {
                return Ok(());
            }
        }
    }

    /// All rounds of a test on all servers, which take turns so that a drift of the machine meets them all.
    fn run_test(&self, workload: &Workload) -> Result<Vec<TestRecord>, ServerError> {
        let count = self.servers.len();
        let mut outcomes: Vec<Vec<Outcome>> = (0..count).map(|_| Vec::new()).collect();
        let warm_ups = usize::from(self.is_versus());
        for round in 0..self.options.rounds + warm_ups {
            for turn in 0..count {
                // Another server begins each round.
                let index = (round + turn) % count;
                let outcome = self.run_round(workload, index, round, warm_ups)?;
                if round >= warm_ups || self.is_stopped() {
                    outcomes[index].push(outcome);
                }
                if self.is_stopped() {
                    return Ok(self.records(workload, &outcomes));
                }
            }
        }
        Ok(self.records(workload, &outcomes))
    }

    fn records(&self, workload: &Workload, outcomes: &[Vec<Outcome>]) -> Vec<TestRecord> {
        let of_servers = self.servers.iter().zip(outcomes);
        of_servers
            .filter(|(_, outcomes)| !outcomes.is_empty())
            .map(|((server, _), outcomes)| TestRecord::new(workload, server, outcomes))
            .collect()
    }

    fn run_round(
        &self,
        workload: &Workload,
        index: usize,
        round: usize,
        warm_ups: usize,
    ) -> Result<Outcome, ServerError> {
        let (server, host) = &self.servers[index];
        let mut title = workload.title.clone();
        if self.is_versus() {
            title = format!("{title} on {}", server.name);
        }
        if self.options.rounds > 1 {
            title = match (round + 1).checked_sub(warm_ups + 1) {
                Some(counted) => format!("{title}, round {}", counted + 1),
                None => format!("{title}, to warm up"),
            };
        }
        let mut progress = Progress::new(title.clone(), self.options.shows_errors);
        let outcome = run::run(self.options, server, workload, self.stop, &mut progress)?;
        let is_alone = !self.is_versus() && self.options.rounds == 1;
        if self.is_text() && !self.options.is_quiet {
            let test = TestRecord::new(workload, server, std::slice::from_ref(&outcome));
            if is_alone {
                print!("{}", report::full(self.options, host, &test, &outcome));
            } else {
                print!("{}", report::short(&title, &test.median, self.options.precision));
            }
        }
        Ok(outcome)
    }

    /// What is printed when a test is done on all servers.
    fn print(&self, tests: &[TestRecord]) {
        let precision = self.options.precision;
        if self.options.is_json_on_stdout() {
            return;
        }
        if self.options.is_csv {
            for test in tests {
                println!("{}", csv::line(test, precision));
                eprint!("{}", report::complaints(test));
            }
        } else if self.is_versus() {
            print!("{}", report::versus(tests, precision));
        } else if self.options.is_quiet || self.options.rounds > 1 {
            for test in tests {
                print!("{}", report::short(&test.test, &test.median, precision));
                print!("{}", report::complaints(test));
            }
        }
    }

    fn write_outputs(&self) -> Result<(), String> {
        if let Some(path) = &self.options.json {
            if self.options.is_json_on_stdout() {
                print!("{}", self.record.to_json());
            } else {
                write_file("--json", path, &self.record.to_json())?;
            }
        }
        if let Some(path) = &self.options.plot {
            write_file("--plot", path, &plot::svg(&self.record))?;
        }
        Ok(())
    }

    fn exit_status(&self, stored: Option<&RunRecord>) -> Result<u8, String> {
        let tests = &self.record.tests;
        let mut exit_status = status::FINE;
        if let Some(stored) = stored {
            let options = self.options;
            let lines = compare::compare(stored, &self.record, &options.figures, options.tolerance)
                .map_err(|error| format!("the stored run cannot be compared: {error}"))?;
            let table = compare::table(&lines, options.tolerance);
            if self.is_text() {
                print!("{table}")
            } else {
                eprint!("{table}")
            }
            if lines.iter().any(|line| line.is_worse) {
                exit_status = status::WORSE;
            }
        }
        if !tests.iter().all(TestRecord::is_clean) {
            exit_status = status::ERRORS;
        }
        // The end that `-l` and the user agreed on is none to complain about.
        if self.is_stopped() && !self.options.loops {
            exit_status = status::INTERRUPTED;
        }
        Ok(exit_status)
    }
}

fn write_file(flag: &str, path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{flag} {}: {error}", path.display()))
}

fn find(server: &Server, greeting: &Greeting) -> Result<(Found, HostSettings), ServerError> {
    let address = server.address.to_string();
    let endpoint = server.address.resolve().map_err(|source| ServerError::Io {
        address: address.clone(),
        source,
    })?;
    let mut control = Control::open(&address, &endpoint, greeting)?;
    let host = HostSettings {
        save: control::setting(&mut control, "save")?,
        appendonly: control::setting(&mut control, "appendonly")?,
    };
    let pid = match server.pid {
        None if endpoint.is_local() => control::process(&mut control)
            .filter(|(pid, program)| cpu::runs(*pid, program))
            .map(|(pid, _)| pid),
        pid => pid,
    };
    let found = Found {
        name: server.name.clone(),
        address,
        endpoint,
        pid,
    };
    Ok((found, host))
}
