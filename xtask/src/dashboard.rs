//! `cargo xtask dashboard`: the pages of `dashboard/` and their checks. First what needs no server: lint, unit tests, the
//! export and its size; then Chromium against the release build, which embeds the export.
//!
//! Node and what the pages are made of come from the npm registry, Chromium from Debian. Where the installed Node is too old
//! for the pages, one is put into `target/dashboard`.

use crate::arguments::Arguments;
use crate::process::{self, Ending};
use crate::{packages, server};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What `dashboard/package.json` asks of Node.
const NODE_AT_LEAST: (u32, u32) = (20, 9);
const NODE_PACKAGE: &str = "node@22";

/// The versions of the lock file, which stays as it is. `npm ci` lost: it stops where a registry has no builds for other
/// systems, which nobody needs here.
const INSTALL: &[&str] = &[
    "install",
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
];

/// No step takes so long, not even on a machine that does other things too.
const LIMIT: Duration = Duration::from_secs(900);

/// Nor do all tests in the browser, one after the other: some twelve minutes on two cores that are theirs.
const BROWSER_LIMIT: Duration = Duration::from_secs(2400);

/// Runs the task as asked for on the command line.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    let given = arguments.option("--server")?;
    arguments.finish()?;
    let (passed, failed) = run_pages()?;
    let (in_browser, not_in_browser) = run_browser(given)?;
    println!(
        "{} passed, {} failed",
        passed + in_browser,
        failed + not_in_browser
    );
    if failed + not_in_browser > 0 {
        bail!("dashboard: {} failed", failed + not_in_browser);
    }
    Ok(())
}

/// Builds the pages and checks them without a server: passed and failed.
///
/// # Errors
/// When Node or the packages cannot be had.
pub fn run_pages() -> Result<(usize, usize)> {
    packages::require(&[packages::NODE, packages::NPM])?;
    process::capture(&mut npm(INSTALL)?).context("npm install")?;
    let (mut passed, mut failed) = unit_tests()?;
    for script in ["lint", "build", "check"] {
        match supervised(LIMIT, &mut npm(&["run", "--silent", script])?) {
            Ok(_) => passed += 1,
            Err(error) => {
                println!("  npm run {script}: {error:#}");
                failed += 1;
            }
        }
    }
    Ok((passed, failed))
}

fn unit_tests() -> Result<(usize, usize)> {
    vitest("test", LIMIT, &mut npm(&["test", "--"])?)
}

/// What people do, in Chromium, against `given` or the release build: passed and failed. The pages are there already.
///
/// # Errors
/// When Chromium or the server cannot be had.
pub fn run_browser(given: Option<String>) -> Result<(usize, usize)> {
    packages::require(&[packages::NODE, packages::NPM, packages::CHROMIUM])?;
    let server = server::command(given)?;
    let mut command = npm(&["run", "--silent", "e2e", "--"])?;
    command
        .env("FLASHDB_BIN", server)
        .env("FLASHDB_E2E_PORT", server::free_port(23790)?.to_string());
    vitest("e2e", BROWSER_LIMIT, &mut command)
}

/// Runs vitest and reads its report: passed and failed. A suite that could not run counts as a failure.
fn vitest(name: &str, limit: Duration, command: &mut Command) -> Result<(usize, usize)> {
    let report = folder()?.join(format!("{name}.json"));
    let _ = std::fs::remove_file(&report);
    command.args(["--reporter=dot", "--reporter=json"]);
    command.arg(format!("--outputFile.json={}", report.display()));
    let outcome = supervised(limit, command);
    let text = std::fs::read_to_string(&report).with_context(|| match &outcome {
        Ok(output) => format!("vitest left no report: {output}"),
        Err(error) => format!("vitest left no report: {error:#}"),
    })?;
    let report: Value = serde_json::from_str(&text).context("vitest's report")?;
    let (passed, failed) = (count(&report, "numPassedTests"), count(&report, "numFailedTests"));
    if let Err(error) = outcome {
        println!("  {error:#}");
        let broken = usize::from(failed == 0);
        return Ok((passed, failed + broken));
    }
    if passed == 0 {
        bail!("{name}: vitest ran no test");
    }
    Ok((passed, failed))
}

/// Runs a command to its end and returns what it printed; an error with that when it fails or hangs.
fn supervised(limit: Duration, command: &mut Command) -> Result<String> {
    let mut output = String::new();
    let ending = process::supervise(command, limit, limit, |line| {
        output.push_str(line);
        output.push('\n');
    })?;
    match ending {
        Ending::Exited(status) if status.success() => Ok(output),
        Ending::Exited(status) => bail!("{}\n{output}", process::ending(status)),
        Ending::Stalled | Ending::OutOfTime => bail!("not done after {} s\n{output}", limit.as_secs()),
    }
}

fn count(report: &Value, field: &str) -> usize {
    report[field]
        .as_u64()
        .and_then(|count| count.try_into().ok())
        .unwrap_or(0)
}

/// npm in the folder of the pages, with a Node that is new enough.
fn npm(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new("npm");
    command
        .args(arguments)
        .current_dir(process::root().join("dashboard"))
        .env("NEXT_TELEMETRY_DISABLED", "1");
    if let Some(programs) = newer_node()? {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(programs).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders)?);
    }
    Ok(command)
}

/// The folder of a Node to be put in front of PATH, unless the installed one will do.
fn newer_node() -> Result<Option<PathBuf>> {
    let installed = process::capture(Command::new("node").arg("--version"))?;
    if node_version(&installed).is_some_and(|version| version >= NODE_AT_LEAST) {
        return Ok(None);
    }
    let folder = folder()?;
    let programs = folder.join("node_modules/node/bin");
    if !programs.join("node").exists() {
        std::fs::write(folder.join("package.json"), "{\"private\": true}\n")?;
        let mut install = Command::new("npm");
        install
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
                NODE_PACKAGE,
            ])
            .current_dir(&folder);
        process::capture(&mut install).context("npm install node")?;
    }
    Ok(Some(programs))
}

/// Major and minor number of `v20.20.2`.
fn node_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn folder() -> Result<PathBuf> {
    let folder: PathBuf = Path::new(&process::target()).join("dashboard");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::node_version;

    #[test]
    fn versions_of_node_are_compared_as_numbers() {
        assert_eq!(node_version("v20.20.2\n"), Some((20, 20)));
        assert!(node_version("v18.19.0") < node_version("v20.9.0"));
        assert_eq!(node_version("node"), None);
    }
}
