//! `cargo xtask test`: the README's test command. Runs every kind of test and ends with one line that sums them up.
//!
//! A kind that fails does not keep the others from running; a kind that cannot run at all counts as one failure.
//! `--also COMMAND` (repeatable) adds a check whose exit code counts as one test: CI adds its lints that way, so that
//! the summary stays the last line.

use crate::arguments::Arguments;
use crate::layers::counted;
use crate::{clients, conformance, crash, dashboard, generated, openapi, packages, process, tidy};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Runs everything; fails when anything failed.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    let also = arguments.options("--also")?;
    arguments.finish()?;
    packages::require(packages::FOR_TESTS)?;

    let mut sum = Sum::default();
    sum.part("house rules", house_rules);
    // Before anything that builds the server, which embeds the pages.
    sum.part("pages of the dashboard", dashboard::run_pages);
    sum.part("unit tests", unit_tests);
    sum.part("generated pages", generated::check);
    sum.part("clients", || {
        clients::run_all().map(|counts| (counts.passed, counts.failed))
    });
    sum.part("the document of the HTTP API", openapi::run_all);
    sum.part("dashboard in a browser", || dashboard::run_browser(None));
    sum.part("crashes and damaged files", crash::run_short);
    sum.part("conformance", || {
        conformance::run_all().map(|counts| (counts.passed, counts.failed))
    });
    sum.part("in place of redis-server", || {
        conformance::run_internal().map(|counts| (counts.passed, counts.failed))
    });
    instruction_counts(&mut sum);
    for command in &also {
        sum.part(command, || shell(command));
    }
    sum.print();
    match sum.failed {
        0 => Ok(()),
        // The summary must stay the last line: the error text is in it already.
        _ => std::process::exit(1),
    }
}

#[derive(Default)]
struct Sum {
    passed: usize,
    failed: usize,
    rows: Vec<String>,
}

impl Sum {
    fn part(&mut self, name: &str, run: impl FnOnce() -> Result<(usize, usize)>) {
        println!("\n== {name}");
        let begin = Instant::now();
        let (passed, failed) = run().unwrap_or_else(|error| {
            println!("{name}: {error:#}");
            (0, 1)
        });
        self.passed += passed;
        self.failed += failed;
        let seconds = begin.elapsed().as_secs();
        self.rows.push(format!(
            "{name:44} {passed:>5} passed {failed:>4} failed {seconds:>5} s"
        ));
    }

    fn print(&self) {
        println!();
        for row in &self.rows {
            println!("{row}");
        }
        println!("\n{} passed, {} failed", self.passed, self.failed);
    }
}

/// Figures of another compiler are no reason to fail, but the summary says that nothing was compared.
fn instruction_counts(sum: &mut Sum) {
    match counted::not_comparable() {
        Ok(Some(why)) => sum.rows.push(format!("instruction counts: not compared: {why}")),
        _ => sum.part("instruction counts", counted::check),
    }
}

fn house_rules() -> Result<(usize, usize)> {
    let breaches = tidy::breaches()?;
    for breach in &breaches {
        println!("{breach}");
    }
    Ok((usize::from(breaches.is_empty()), breaches.len()))
}

fn shell(command: &str) -> Result<(usize, usize)> {
    let status = Command::new("bash")
        .args(["-c", command])
        .current_dir(process::root())
        .status()?;
    if !status.success() {
        bail!("{}", process::ending(status));
    }
    Ok((1, 0))
}

/// Runs cargo's tests of the whole workspace and adds up what each test binary reports.
fn unit_tests() -> Result<(usize, usize)> {
    let mut command = process::cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast"])
        .stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start cargo test")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let (mut passed, mut failed) = (0, 0);
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some((ok, bad)) = counts_of(&line) {
            passed += ok;
            failed += bad;
        }
        // One line per passed test would bury the failures.
        if !(line.starts_with("test ") && line.ends_with("... ok")) {
            println!("{line}");
        }
    }
    if !child.wait()?.success() && failed == 0 {
        bail!("cargo test failed without a failed test: a build error, or a test binary that ended early");
    }
    Ok((passed, failed))
}

/// The counts in "test result: ok. 3 passed; 0 failed; ...".
fn counts_of(line: &str) -> Option<(usize, usize)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut numbers = counts
        .split("; ")
        .filter_map(|part| part.split(' ').next()?.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

#[cfg(test)]
mod tests {
    use super::counts_of;

    #[test]
    fn counts_of_a_test_binary() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(counts_of(line), Some((12, 3)));
        assert_eq!(counts_of("running 3 tests"), None);
    }
}
