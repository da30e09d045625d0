//! `cargo xtask openapi`: schemathesis, from PyPI, against a server that it knows by its OpenAPI document only. All its checks
//! are on: no server error, each answer as its schema says, what is well formed is taken and what is not is refused, and
//! nobody comes in without a login. Once an open server, once one that asks for a password.
//!
//! A seed decides what is asked. `tests/openapi/hooks.py` keeps it from removing the user that it is itself.

use crate::arguments::Arguments;
use crate::clients;
use crate::process::{self, Ending};
use crate::server::{self, Server};
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SCHEMATHESIS: &[&str] = &["schemathesis==4.32.5"];
const SEED: u64 = 1;
/// Cases that are made up for each operation, beside those of the boundaries.
const CASES: u64 = 10;
/// No run takes so long.
const LIMIT: Duration = Duration::from_secs(600);
/// Keeps the data that is asked for small, and lets it make room.
const FLAGS: &[&str] = &[
    "--save",
    "",
    "--maxmemory",
    "256mb",
    "--maxmemory-policy",
    "allkeys-lru",
];

/// Makes a server one that asks for a login.
const CLOSE: &[u8] = b"ACL SETUSER tester on >secret ~* &* +@all\r\nACL SETUSER default off\r\n";

/// A way to run it: its name, what is sent to the server before, and what schemathesis is told.
struct Run {
    name: &'static str,
    before: &'static [u8],
    options: &'static [&'static str],
}

const RUNS: &[Run] = &[
    Run {
        name: "open",
        before: b"",
        // Made-up logins are tried on the other one.
        options: &["--generation-with-security-parameters", "false"],
    },
    Run {
        name: "with a password",
        before: CLOSE,
        options: &["--auth", "tester:secret"],
    },
];

/// Runs the task as asked for on the command line.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    let server = arguments.option("--server")?;
    let number = |given: Option<String>, default| given.map_or(Ok(default), |text| text.parse::<u64>());
    let seed = number(arguments.option("--seed")?, SEED).context("--seed")?;
    let cases = number(arguments.option("--cases")?, CASES).context("--cases")?;
    arguments.finish()?;
    let (passed, failed) = execute(server, seed, cases)?;
    println!("{passed} passed, {failed} failed");
    if failed > 0 {
        bail!("openapi: {failed} failed");
    }
    Ok(())
}

/// Runs both with the fixed seed: passed and failed.
///
/// # Errors
/// When schemathesis cannot be had.
pub fn run_all() -> Result<(usize, usize)> {
    execute(None, SEED, CASES)
}

fn execute(server: Option<String>, seed: u64, cases: u64) -> Result<(usize, usize)> {
    let server = server::command(server)?;
    let folder = process::target().join("openapi");
    std::fs::create_dir_all(&folder)?;
    let python = clients::environment(&folder, "python", SCHEMATHESIS)?;
    let (mut passed, mut failed) = (0, 0);
    for run in RUNS {
        match against(run, &server, &folder, &python, &[seed, cases]) {
            Ok(()) => passed += 1,
            Err(error) => {
                failed += 1;
                println!("[err] {}: {error:#}", run.name);
            }
        }
    }
    Ok((passed, failed))
}

fn against(run: &Run, server: &str, folder: &Path, python: &Path, numbers: &[u64; 2]) -> Result<()> {
    let http_port = server::free_port(8800)?;
    let log = folder.join("server.log");
    let port = http_port.to_string();
    let flags = [FLAGS, &["--http-port", &port]].concat();
    let mut server = Server::start(server, server::free_port(7700)?, &flags, &log)?;
    prepare(server.port, run.before)?;
    let [seed, cases] = numbers;
    let rules = process::root().join("tests/openapi");
    println!("schemathesis, {}, seed {seed}", run.name);
    let mut command = Command::new(python);
    command
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(rules.join("schemathesis.toml"))
        .arg("run")
        .arg(format!("http://127.0.0.1:{port}/api/v1/openapi.json"))
        // A restore or a snapshot is waited for as long as ten seconds.
        .args(["--checks", "all", "--no-color", "--request-timeout", "30"])
        .args(["--seed", &seed.to_string(), "--max-examples", &cases.to_string()])
        .args(run.options)
        // Where it finds `hooks`, and where it writes what it remembers.
        .env("SCHEMATHESIS_HOOKS", rules.join("hooks.py"))
        .current_dir(folder);
    let ending = process::supervise(&mut command, LIMIT, LIMIT, |line| println!("  {line}"))?;
    if let Some(end) = server.exited() {
        bail!("the server ended: {end}; see {}", log.display());
    }
    match ending {
        Ending::Exited(status) if status.success() => Ok(()),
        Ending::Exited(status) => bail!("{}", process::ending(status)),
        Ending::Stalled | Ending::OutOfTime => bail!("not done after {} s", LIMIT.as_secs()),
    }
}

/// Sends lines to the server, each of which has to be answered with OK.
fn prepare(port: u16, lines: &[u8]) -> Result<()> {
    let count = lines.iter().filter(|byte| **byte == b'\n').count();
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(lines)?;
    let mut answers = vec![0; count * b"+OK\r\n".len()];
    stream.read_exact(&mut answers)?;
    if answers != b"+OK\r\n".repeat(count) {
        bail!("the server answered {}", String::from_utf8_lossy(&answers));
    }
    Ok(())
}
