//! The server that is killed: started on a folder that stays, watched while it starts, ended by the signal of choice.

use crate::process;
use crate::resp::{Connection, Reply};
use anyhow::{Context, Result, bail};
use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How to start the server.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Program and first arguments, separated by blanks.
    pub command: String,
    /// Its data folder.
    pub folder: PathBuf,
    /// Value of `appendfsync`.
    pub fsync: String,
    /// Further arguments.
    pub extra: Vec<String>,
}

/// A process that was started; it is killed with the value.
pub struct Victim {
    child: Child,
    pub port: u16,
    log: PathBuf,
    started: Instant,
}

/// How a start came out.
pub enum Start {
    /// It answers; the time that took.
    Ready(Duration),
    /// It ended by itself.
    Ended(ExitStatus),
    /// It neither answered nor ended in time.
    Late,
}

impl Recipe {
    /// Starts the process, its output added to the file `log`; does not wait for it.
    pub fn spawn(&self, port: u16, log: &Path) -> Result<Victim> {
        let mut words = self.command.split_whitespace();
        let program = words.next().context("empty server command")?;
        let program = if program.contains('/') {
            std::fs::canonicalize(program).with_context(|| program.to_owned())?
        } else {
            PathBuf::from(program)
        };
        let output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let child = Command::new(&program)
            .args(words)
            .args(["--port", &port.to_string(), "--dir"])
            .arg(&self.folder)
            .args(["--appendonly", "yes", "--appendfsync", &self.fsync, "--save", ""])
            .args(&self.extra)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Victim {
            child,
            port,
            log: log.to_owned(),
            started: Instant::now(),
        })
    }

    /// Starts the process and waits until it serves; an error with the end of its log otherwise.
    pub fn start(&self, port: u16, log: &Path, limit: Duration) -> Result<(Victim, Duration)> {
        let mut victim = self.spawn(port, log)?;
        let why = match victim.await_ready(limit)? {
            Start::Ready(span) => return Ok((victim, span)),
            Start::Ended(status) => process::ending(status),
            Start::Late => format!("not ready after {} s", limit.as_secs()),
        };
        bail!(
            "the server does not come up ({why}); its log ends:\n{}",
            tail(log, 15)
        );
    }
}

impl Victim {
    /// Waits until the server answers a question about data: while it loads, it refuses.
    pub fn await_ready(&mut self, limit: Duration) -> Result<Start> {
        loop {
            if self.answers() {
                return Ok(Start::Ready(self.started.elapsed()));
            }
            if let Some(status) = self.child.try_wait()? {
                return Ok(Start::Ended(status));
            }
            if self.started.elapsed() > limit {
                return Ok(Start::Late);
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    fn answers(&self) -> bool {
        let asked =
            Connection::open(self.port, Duration::from_secs(2)).and_then(|mut one| one.ask("EXISTS ready"));
        matches!(asked, Ok(Reply::Int(_)))
    }

    pub fn connect(&self) -> Result<Connection> {
        Connection::open(self.port, Duration::from_secs(20)).context("cannot connect")
    }

    /// SIGKILL, and waits for the end. An error when the process had ended before by itself.
    pub fn kill(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!(
                "the server ended by itself ({}):\n{}",
                process::ending(status),
                tail(&self.log, 15)
            );
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits for the end, which must be an orderly one.
    pub fn terminate(mut self, limit: Duration) -> Result<()> {
        process::check(Command::new("kill").args(["-TERM", &self.child.id().to_string()]))?;
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                let signal = status
                    .signal()
                    .map_or(String::new(), |signal| format!(" by signal {signal}"));
                bail!(
                    "no orderly end{signal} ({}):\n{}",
                    process::ending(status),
                    tail(&self.log, 15)
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the server did not end within {} s of SIGTERM", limit.as_secs());
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The last lines of a file.
pub fn tail(log: &Path, lines: usize) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Copies a folder with everything in it; `to` must not exist.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target).with_context(|| entry.path().display().to_string())?;
        }
    }
    Ok(())
}

/// All files below a folder, as paths relative to it, in order.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in std::fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let list = if entry.file_type()?.is_dir() {
                &mut open
            } else {
                &mut found
            };
            list.push(path);
        }
    }
    found.sort();
    Ok(found)
}
