//! A scenario that runs: started, stopped before the part that is measured, let go, stopped behind it.

use crate::process;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The running program; killed when dropped half-way.
pub struct Scene {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Scene {
    /// Starts the program of `words` and returns when the measured part can begin.
    pub fn prepare(words: &[String]) -> Result<Self> {
        let (program, rest) = words.split_first().context("no program")?;
        let mut child = Command::new(program)
            .args(rest)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{program} has no pipes");
        };
        let mut scene = Self {
            child,
            input,
            output: BufReader::new(output),
        };
        scene.expect("prepared")?;
        Ok(scene)
    }

    /// Lets it run the measured part; returns when that is over and the program waits.
    pub fn run(&mut self) -> Result<()> {
        self.input.write_all(b"\n")?;
        self.expect("ran")
    }

    /// Lets it end.
    pub fn end(mut self) -> Result<()> {
        self.input.write_all(b"\n")?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the scenario ended with {}", process::ending(status));
        }
        Ok(())
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.trim_end() != word {
            bail!("the scenario did not come to '{word}'; its error is above");
        }
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Nanoseconds of processor time that all threads of a process have had.
pub fn cpu_ns(process: u32) -> Result<u64> {
    let folder = Path::new("/proc").join(process.to_string()).join("task");
    let mut total = 0;
    let threads = std::fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?;
    for thread in threads {
        let path = thread?.path().join("schedstat");
        // A thread may end between the listing and the reading.
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let first = text.split_whitespace().next().unwrap_or_default();
        total += first
            .parse::<u64>()
            .with_context(|| format!("{}: '{first}' is not a number", path.display()))?;
    }
    Ok(total)
}

/// Waits until a process does next to nothing: what it still had to do for the preparation is done then.
pub fn wait_until_idle(process: u32) -> Result<()> {
    const LOOK: Duration = Duration::from_millis(50);
    const LOOKS_MAX: usize = 400;
    let mut before = cpu_ns(process)?;
    for _ in 0..LOOKS_MAX {
        std::thread::sleep(LOOK);
        let now = cpu_ns(process)?;
        if u128::from(now - before) < LOOK.as_nanos() / 5 {
            return Ok(());
        }
        before = now;
    }
    bail!("the server does not come to rest");
}
