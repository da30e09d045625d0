//! `cargo xtask clients`: real clients and the frameworks built on them, unmodified, against one freshly started server
//! each.
//!
//! A client's script prints `[ok] NAME` or `[err] NAME: WHY` per check. What the scripts need comes from the package
//! registries into `target/clients`; redis-cli and redis-benchmark come from Debian.

use crate::arguments::Arguments;
use crate::packages;
use crate::process::{self, Ending};
use crate::server::{self, Server};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const REDIS_PY: &[&str] = &["redis==5.2.1"];
const CELERY: &[&str] = &["celery[redis]==5.7.0", "kombu==5.7.0"];
const RQ: &[&str] = &["rq==3.0.0"];
const IOREDIS: &[&str] = &["ioredis@5.4.1"];
const BULLMQ: &[&str] = &["bullmq@5.81.5"];
const SOCKET_IO: &[&str] = &[
    "ioredis@5.4.1",
    "socket.io@4.8.4",
    "socket.io-client@4.8.4",
    "@socket.io/redis-adapter@8.3.0",
];

/// A client may print nothing for so long, and take twice that in all.
const STALL: Duration = Duration::from_secs(120);

/// Checks passed and failed.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
}

struct Client {
    name: &'static str,
    /// Installs what the client needs and returns its command; the port is appended.
    prepare: fn(&Path) -> Result<Command>,
}

const CLIENTS: &[Client] = &[
    Client {
        name: "redis-cli",
        prepare: redis_cli,
    },
    Client {
        name: "redis-benchmark",
        prepare: redis_benchmark,
    },
    Client {
        name: "redis-py",
        prepare: redis_py,
    },
    Client {
        name: "ioredis",
        prepare: ioredis,
    },
    Client {
        name: "bullmq",
        prepare: bullmq,
    },
    Client {
        name: "socket.io",
        prepare: socket_io,
    },
    Client {
        name: "celery",
        prepare: celery,
    },
    Client {
        name: "rq",
        prepare: rq,
    },
    Client {
        name: "redis-rs",
        prepare: redis_rs,
    },
];

/// Runs the task as asked for on the command line.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    let only = arguments.options("--only")?;
    let server = arguments.option("--server")?;
    arguments.finish()?;
    if let Some(unknown) = only
        .iter()
        .find(|name| !CLIENTS.iter().any(|client| client.name == *name))
    {
        let names: Vec<&str> = CLIENTS.iter().map(|client| client.name).collect();
        bail!("no client '{unknown}'; there are: {}", names.join(" "));
    }
    let counts = execute(server, &only)?;
    if counts.failed > 0 {
        bail!("clients: {} failed", counts.failed);
    }
    Ok(())
}

/// Runs every client that the unit tests do not run already (redis-rs is a test of the server's crate).
pub fn run_all() -> Result<Counts> {
    let names = CLIENTS.iter().map(|client| client.name.to_owned());
    let others: Vec<String> = names.filter(|name| name != "redis-rs").collect();
    execute(None, &others)
}

fn execute(server: Option<String>, only: &[String]) -> Result<Counts> {
    let server = server::command(server)?;
    let folder = process::target().join("clients");
    std::fs::create_dir_all(&folder)?;
    let mut sum = Counts::default();
    for client in CLIENTS
        .iter()
        .filter(|client| only.is_empty() || only.iter().any(|name| name == client.name))
    {
        let counts = run_client(client, &server, &folder).unwrap_or_else(|error| {
            println!("[err] {}: {error:#}", client.name);
            Counts { passed: 0, failed: 1 }
        });
        println!(
            "{:16} {:>4} passed {:>4} failed",
            client.name, counts.passed, counts.failed
        );
        sum.passed += counts.passed;
        sum.failed += counts.failed;
    }
    Ok(sum)
}

fn run_client(client: &Client, server: &str, folder: &Path) -> Result<Counts> {
    let mut command = (client.prepare)(folder)?;
    let log = folder.join(format!("{}.server.log", client.name));
    let mut server = Server::start(server, server::free_port(7700)?, &["--save", ""], &log)?;
    command.env("FLASHDB_TEST_PORT", server.port.to_string());
    let mut counts = Counts::default();
    let ending = process::supervise(&mut command, STALL * 2, STALL, |line| {
        if line.starts_with("[ok] ") {
            counts.passed += 1;
        } else {
            counts.failed += usize::from(line.starts_with("[err] "));
            println!("  {line}");
        }
    })?;
    if let Some(end) = server.exited() {
        bail!("the server ended: {end}; see {}", log.display());
    }
    match ending {
        Ending::Exited(status) if status.success() || counts.failed > 0 => {}
        Ending::Exited(status) => bail!("the script ended early: {}", process::ending(status)),
        Ending::Stalled | Ending::OutOfTime => bail!("no answer for {} s", STALL.as_secs()),
    }
    if counts.passed == 0 && counts.failed == 0 {
        bail!("the script checked nothing");
    }
    Ok(counts)
}

fn script(name: &str) -> PathBuf {
    process::root().join("tests/clients").join(name)
}

fn redis_cli(_folder: &Path) -> Result<Command> {
    packages::require(&[packages::REDIS_TOOLS])?;
    let mut command = Command::new("bash");
    command.arg(script("redis_cli.sh"));
    Ok(command)
}

fn redis_benchmark(_folder: &Path) -> Result<Command> {
    packages::require(&[packages::REDIS_TOOLS])?;
    let mut command = Command::new("bash");
    command.arg(script("redis_benchmark.sh"));
    Ok(command)
}

fn redis_py(folder: &Path) -> Result<Command> {
    python(folder, "python", REDIS_PY, "redis_py.py")
}

fn celery(folder: &Path) -> Result<Command> {
    python(folder, "python-celery", CELERY, "celery_jobs.py")
}

fn rq(folder: &Path) -> Result<Command> {
    python(folder, "python-rq", RQ, "rq_jobs.py")
}

fn ioredis(folder: &Path) -> Result<Command> {
    node(folder, "node", IOREDIS, "ioredis.cjs")
}

fn bullmq(folder: &Path) -> Result<Command> {
    node(folder, "node-bullmq", BULLMQ, "bullmq.cjs")
}

fn socket_io(folder: &Path) -> Result<Command> {
    node(folder, "node-socket.io", SOCKET_IO, "socket_io.cjs")
}

/// A script in a virtual environment of its own, `name`, with these packages.
fn python(folder: &Path, name: &str, packages: &[&str], file: &str) -> Result<Command> {
    let mut command = Command::new(environment(folder, name, packages)?);
    command.args(["-u"]).arg(script(file));
    Ok(command)
}

/// The Python of a virtual environment `name` with these packages, which is made where there is none.
///
/// # Errors
/// When Python or the packages cannot be had.
pub fn environment(folder: &Path, name: &str, packages: &[&str]) -> Result<PathBuf> {
    packages::require(&[packages::PYTHON, packages::PYTHON_VENV])?;
    let environment = folder.join(name);
    let python = environment.join("bin/python");
    let stamp = environment.join(stamp_name(packages));
    if !stamp.exists() {
        process::capture(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&environment),
        )?;
        let mut install = Command::new(&python);
        install
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(packages);
        process::capture(&mut install).context("pip")?;
        std::fs::write(&stamp, "")?;
    }
    Ok(python)
}

/// A script with these packages in a folder of its own, `name`.
fn node(folder: &Path, name: &str, packages: &[&str], file: &str) -> Result<Command> {
    packages::require(&[packages::NODE, packages::NPM])?;
    let modules = folder.join(name);
    let stamp = modules.join(stamp_name(packages));
    if !stamp.exists() {
        std::fs::create_dir_all(&modules)?;
        std::fs::write(modules.join("package.json"), "{\"private\": true}\n")?;
        let mut install = Command::new("npm");
        install
            .args(["install", "--no-audit", "--no-fund", "--loglevel=error"])
            .args(packages)
            .current_dir(&modules);
        process::capture(&mut install).context("npm")?;
        std::fs::write(&stamp, "")?;
    }
    let mut command = Command::new("node");
    command
        .arg(script(file))
        .env("NODE_PATH", modules.join("node_modules"));
    Ok(command)
}

/// Names the packages, so that others are installed when a version changes.
fn stamp_name(packages: &[&str]) -> String {
    format!("installed-{}", packages.join("+").replace('/', "-"))
}

fn redis_rs(_folder: &Path) -> Result<Command> {
    let mut command = Command::new("bash");
    command.arg(script("redis_rs.sh")).current_dir(process::root());
    Ok(command)
}
