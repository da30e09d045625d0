//! `cargo xtask bench`: runs the scenario files of `bench/scenarios` beside Debian's redis-server.
//!
//! A scenario is a text file: `#` lines say what is measured and what is not, `script` names the program (below `bench/`,
//! or `shared/...` beside the repository), `arguments` and `quick` its arguments, and each `server NAME COMMAND` one server.
//! `{flashdb}` in a command stands for the server under test, `{port}` and `{dir}` are the script's. `layers` and `instructions`
//! are no such files: see `layers/`.

use crate::arguments::Arguments;
use crate::{layers, packages, process, server};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

/// Runs the named scenarios, or all of them.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    if arguments.leading("layers") {
        return layers::run_timed(arguments);
    }
    if arguments.leading("instructions") {
        return layers::counted::run(arguments);
    }
    let quick = arguments.switch("--quick");
    let given = arguments.option("--server")?;
    let asked = arguments.plain();
    arguments.finish()?;
    let folder = process::root().join("bench/scenarios");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        all.push(entry?.file_name().to_string_lossy().into_owned());
    }
    all.sort();
    let names = chosen(&all, &asked)?;
    packages::require(&[packages::PYTHON, packages::REDIS_TOOLS, packages::REDIS_SERVER])?;
    let server = server::command(given)?;
    for name in &names {
        let text =
            std::fs::read_to_string(folder.join(name)).with_context(|| format!("no scenario '{name}'"))?;
        let scenario = Scenario::parse(&text).with_context(|| format!("bench/scenarios/{name}"))?;
        println!("\n== {name}\n{}", scenario.notes);
        scenario.run(&server, quick)?;
    }
    Ok(())
}

/// The scenarios that were asked for: `NAME`, or all of `NAME-...`; without a name all.
fn chosen(all: &[String], asked: &[String]) -> Result<Vec<String>> {
    if asked.is_empty() {
        return Ok(all.to_vec());
    }
    let mut names = Vec::new();
    for name in asked {
        let group = format!("{name}-");
        let before = names.len();
        names.extend(
            all.iter()
                .filter(|one| *one == name || one.starts_with(&group))
                .cloned(),
        );
        if names.len() == before {
            bail!("no scenario '{name}'; there are: {}", all.join(" "));
        }
    }
    Ok(names)
}

#[derive(Debug, Default)]
struct Scenario {
    notes: String,
    script: String,
    arguments: String,
    quick: String,
    /// `NAME=COMMAND`, as the scripts take them.
    servers: Vec<String>,
}

impl Scenario {
    fn parse(text: &str) -> Result<Self> {
        let mut scenario = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "#" => scenario.notes.push_str(&format!("{rest}\n")),
                "script" => scenario.script = rest.to_owned(),
                "arguments" => scenario.arguments = rest.to_owned(),
                "quick" => scenario.quick = rest.to_owned(),
                "server" => {
                    let (name, command) = rest.split_once(' ').context("want 'server NAME COMMAND'")?;
                    scenario.servers.push(format!("{name}={command}"));
                }
                other => bail!("unknown line '{other}'"),
            }
        }
        if scenario.script.is_empty() || scenario.servers.is_empty() {
            bail!("needs a script and a server");
        }
        Ok(scenario)
    }

    fn run(&self, server: &str, quick: bool) -> Result<()> {
        let arguments = if quick { &self.quick } else { &self.arguments };
        let mut command = Command::new("python3");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
            .arg(self.script_path()?)
            .args(arguments.split_whitespace());
        command.args(self.servers.iter().map(|spec| spec.replace("{flashdb}", server)));
        process::check(&mut command)
    }

    fn script_path(&self) -> Result<PathBuf> {
        match self.script.strip_prefix("shared/") {
            Some(name) => {
                process::shared(name).with_context(|| format!("{} is not beside the repository", self.script))
            }
            None => Ok(process::root().join("bench").join(&self.script)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Scenario, chosen};

    #[test]
    fn a_name_stands_for_its_group() {
        let all = ["big", "log-cost", "log-rate"].map(str::to_owned);
        let asked = |name: &str| chosen(&all, &[name.to_owned()]);
        assert_eq!(asked("log").expect("a group"), ["log-cost", "log-rate"]);
        assert_eq!(asked("log-rate").expect("a name"), ["log-rate"]);
        assert!(asked("lo").is_err());
        assert_eq!(chosen(&all, &[]).expect("all"), all);
    }

    #[test]
    fn scenarios_parse() {
        let text = "# What.\nscript a.py\narguments --n 1\nquick --n 0\nserver x {flashdb} --port {port}\n";
        let scenario = Scenario::parse(text).expect("valid");
        assert_eq!(scenario.servers, ["x={flashdb} --port {port}"]);
        assert_eq!(
            (scenario.script.as_str(), scenario.quick.as_str()),
            ("a.py", "--n 0")
        );
        assert!(Scenario::parse("script a.py\n").is_err());
        assert!(Scenario::parse("colour blue\n").is_err());
    }
}
