//! The same scenarios at three layers: the table, the shards with their handlers, the whole server. `cargo xtask bench layers`
//! times them (`timed.rs`), `cargo xtask bench instructions` counts instructions and compares with `bench/instructions.json`
//! (`counted.rs`, `callgrind.rs`, `figures.rs`).
//!
//! The scenarios and the loops are in `crates/flashdb-layers`, a program that runs one scenario at one layer and stops before
//! and behind the part that is measured (`scene.rs`).

mod callgrind;
pub mod counted;
mod figures;
mod scene;
mod timed;

use crate::arguments::Arguments;
use crate::process;
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::Command;

pub use timed::run as run_timed;

/// From the lowest to the uppermost.
pub const LAYERS: [&str; 3] = ["table", "shard", "server"];

/// How the server is started: one loop, the log on, nothing that happens by the clock alone.
const SERVER_FLAGS: &[&str] = &[
    // It samples by the clock, and a server under callgrind does little between two ticks.
    "--http-port",
    "0",
    "--io-threads",
    "1",
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
    "--save",
    "",
    "--loglevel",
    "warning",
    "--enable-debug-command",
    "local",
];
const FIRST_PORT: u16 = 25_500;

/// How much data a scenario works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub keys: u64,
    pub operations: u64,
    pub value_bytes: u64,
}

/// Which scenarios at which layers.
pub struct Selection {
    pub layers: Vec<&'static str>,
    pub scenarios: Vec<String>,
}

impl Selection {
    /// What `--layer` and `--only` (both repeatable) ask for; without them all.
    fn take(arguments: &mut Arguments, driver: &Driver) -> Result<Self> {
        let all = driver.scenarios()?;
        let scenarios = arguments.options("--only")?;
        if let Some(unknown) = scenarios.iter().find(|name| !all.contains(name)) {
            bail!("no scenario '{unknown}'; there are: {}", all.join(" "));
        }
        let asked = arguments.options("--layer")?;
        if let Some(unknown) = asked.iter().find(|name| !LAYERS.contains(&name.as_str())) {
            bail!("no layer '{unknown}'; there are: {}", LAYERS.join(" "));
        }
        let is_asked = |layer: &&str| asked.is_empty() || asked.iter().any(|one| one == layer);
        Ok(Self {
            layers: LAYERS.into_iter().filter(is_asked).collect(),
            scenarios: if scenarios.is_empty() { all } else { scenarios },
        })
    }
}

/// The program that runs scenarios, as a release build.
pub struct Driver(PathBuf);

impl Driver {
    /// Builds it, together with the server: alone it would ask its dependencies for fewer features, and all crates would
    /// be compiled once more for that.
    pub fn build() -> Result<Self> {
        let packages = ["--package", "flashdb", "--package", "flashdb-layers"];
        process::check(
            process::cargo()
                .args(["build", "--release", "--quiet"])
                .args(packages),
        )?;
        Ok(Self(process::target().join("release/flashdb-layers")))
    }

    fn scenarios(&self) -> Result<Vec<String>> {
        let names = process::capture(Command::new(&self.0).arg("list"))?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// The words that run a scenario; `port` is that of a running server, for the layer of that name.
    fn words(&self, layer: &str, scenario: &str, shape: &Shape, port: u16) -> Vec<String> {
        let program = self.0.display().to_string();
        let options = [
            ("--keys", shape.keys),
            ("--operations", shape.operations),
            ("--value-bytes", shape.value_bytes),
            ("--port", port.into()),
        ];
        let options = options
            .into_iter()
            .flat_map(|(name, number)| [name.to_owned(), number.to_string()]);
        [program, layer.to_owned(), scenario.to_owned()]
            .into_iter()
            .chain(options)
            .collect()
    }
}

/// A folder below `target` for what the tasks leave behind: server logs, callgrind's files.
fn folder() -> Result<PathBuf> {
    let folder = process::target().join("layers");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}
