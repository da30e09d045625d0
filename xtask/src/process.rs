//! Running other programs: checked, captured, or supervised line by line with a time limit.
//!
//! A supervised program gets a process group of its own, which is killed as a whole: the Tcl suite and npm start children
//! that would otherwise outlive a time-out.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The repository: the folder that holds the workspace's manifest.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default()
}

/// The build folder of the workspace, honouring `CARGO_TARGET_DIR`.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A folder or file beside the repository or beside one of the folders above it: `../shared/NAME`.
pub fn shared(name: &str) -> Option<PathBuf> {
    root()
        .ancestors()
        .map(|folder| folder.join("shared").join(name))
        .find(|path| path.exists())
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Whether a program of this name is on the path.
pub fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Runs a command with the terminal's output; an error when it fails.
pub fn check(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{} failed ({})", describe(command), ending(status));
    }
    Ok(())
}

/// Runs a command quietly and returns its standard output; an error with its error output when it fails.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} failed ({}): {}",
            describe(command),
            ending(output.status),
            errors.trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Words for how a process ended.
pub fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown end".to_owned(),
    }
}

fn describe(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    let words: Vec<_> = std::iter::once(command.get_program().to_string_lossy())
        .chain(arguments)
        .collect();
    words.join(" ")
}

/// How a supervised run came to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Ending {
    Exited(ExitStatus),
    /// No line for the stall limit.
    Stalled,
    /// The whole limit was used up.
    OutOfTime,
}

/// Runs `command` in its own process group and hands each line of its output to `line`. Kills the group when it says
/// nothing for `stall` or is not done after `limit`. Reads bytes that are not UTF-8 with replacement characters.
pub fn supervise(
    command: &mut Command,
    limit: Duration,
    stall: Duration,
    mut line: impl FnMut(&str),
) -> Result<Ending> {
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    let (sender, receiver) = mpsc::channel::<String>();
    forward_lines(child.stdout.take(), sender.clone());
    forward_lines(child.stderr.take(), sender);

    let end = Instant::now() + limit;
    let ending = loop {
        let wait = end.saturating_duration_since(Instant::now()).min(stall);
        match receiver.recv_timeout(wait) {
            Ok(text) => line(&text),
            Err(mpsc::RecvTimeoutError::Disconnected) => break Ending::Exited(child.wait()?),
            Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() >= end => break Ending::OutOfTime,
            Err(mpsc::RecvTimeoutError::Timeout) => break Ending::Stalled,
        }
    };
    kill_group(&mut child);
    Ok(ending)
}

fn forward_lines(stream: Option<impl std::io::Read + Send + 'static>, sender: mpsc::Sender<String>) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&bytes)
                .trim_end_matches(['\r', '\n'])
                .to_owned();
            bytes.clear();
            if sender.send(text).is_err() {
                return;
            }
        }
    });
}

/// Kills every process of the child's group and reaps the child. Harmless when it is gone already.
fn kill_group(child: &mut Child) {
    // Built into the shell; a bare system has no program of that name.
    let _gone_already = Command::new("sh")
        .args(["-c", &format!("kill -s KILL -- -{}", child.id())])
        .stderr(Stdio::null())
        .status();
    let _reaped = child.wait();
}
