//! A server started for a task: in a folder of its own, on a free port, killed when the value is dropped.

use crate::process;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(30);

/// A running server.
pub struct Server {
    child: Child,
    pub port: u16,
    folder: PathBuf,
}

/// The command of the server under test: `--server` if given, otherwise the release build, built now.
pub fn command(given: Option<String>) -> Result<String> {
    if let Some(command) = given {
        return Ok(command);
    }
    process::check(process::cargo().args(["build", "--release", "--quiet", "--package", "flashdb"]))?;
    Ok(process::target().join("release/flashdb").display().to_string())
}

impl Server {
    /// Starts `command` (words separated by blanks) with `--port` and `flags`, working in a fresh folder, its output in
    /// the file `log`. Returns when it answers PING; an error with the end of the log when it exits or takes too long.
    pub fn start(command: &str, port: u16, flags: &[&str], log: &Path) -> Result<Self> {
        let folder = fresh_folder()?;
        let mut words = command.split_whitespace();
        let program = words.next().context("empty server command")?;
        let program = if program.contains('/') {
            std::fs::canonicalize(program)?
        } else {
            PathBuf::from(program)
        };
        let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = Command::new(&program)
            .args(words)
            .args(["--port", &port.to_string()])
            .args(flags)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut server = Self { child, port, folder };
        server.wait_ready(log)?;
        Ok(server)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the process ended, when it did so by itself.
    pub fn exited(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(process::ending)
    }

    fn wait_ready(&mut self, log: &Path) -> Result<()> {
        let end = Instant::now() + START_LIMIT;
        while !answers_ping(self.port) {
            let gone = self.exited();
            if gone.is_some() || Instant::now() > end {
                let why = gone.unwrap_or_else(|| "no answer to PING".to_owned());
                let text = std::fs::read_to_string(log).unwrap_or_default();
                let tail: Vec<&str> = text.lines().rev().take(10).collect();
                let tail: Vec<&str> = tail.into_iter().rev().collect();
                bail!("server did not start ({why}); log:\n{}", tail.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed, not asked: a hanging server must not hold up the run, and its data is thrown away.
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
        let _best_effort = std::fs::remove_dir_all(&self.folder);
    }
}

fn answers_ping(port: u16) -> bool {
    let attempt = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG")
    };
    attempt().unwrap_or(false)
}

fn fresh_folder() -> Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("flashdb-task-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// A port that nobody listens on, at or above `first`. Another process can take it before the server does; the start then
/// fails visibly.
pub fn free_port(first: u16) -> Result<u16> {
    (first..u16::MAX)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .with_context(|| format!("no free port from {first} on"))
}
