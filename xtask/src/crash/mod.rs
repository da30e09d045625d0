//! `cargo xtask crash`: a real server, killed in the middle of its work again and again, must keep its promises.
//!
//! One data folder lives through all cycles of load, kill, restart and verdict; see `cycle.rs` for what a cycle is, `load.rs`
//! for the requests and `verdict.rs` for the promises. `cargo xtask crash damage` is about damaged files instead (`damage.rs`).
//! A kill spares the page cache: what a power cut does to unsynced bytes is the business of the simulated disk's tests.
//! The seed fixes requests and plans; when a process dies is the scheduler's choice, so that a failure keeps the files too.

mod client;
mod cycle;
mod damage;
mod effect;
mod load;
mod model;
mod observed;
mod random;
mod sketch;
mod verdict;
mod victim;

use crate::arguments::Arguments;
use crate::server;
use anyhow::{Context, Result, bail};
use damage::Samples;
use std::path::{Path, PathBuf};

const SHORT_CYCLES: u64 = 5;
const SHORT_BALLAST_KEYS: u64 = 5_000;
const SHORT_SAMPLES: u64 = 60;
const PROBE_PORT: u16 = 20_900;

/// What a run of cycles takes from the command line.
pub struct Options {
    pub command: String,
    pub cycles: u64,
    pub seed: u64,
    /// Bytes to cut from the newest log file after each kill: a run with this must fail.
    pub sabotage_bytes: u64,
    pub ballast_keys: u64,
    pub extra: Vec<String>,
}

/// Runs the task as asked for on the command line.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    let extra = arguments.behind_dashes();
    let seed = arguments.number("--seed", random_seed())?;
    let given = arguments.option("--server")?;
    let fsync = arguments.option("--fsync")?;
    let (cycles, samples) = (
        arguments.number("--cycles", 100)?,
        arguments.number("--samples", 400)?,
    );
    let sabotage_bytes = arguments.number("--sabotage", 0)?;
    let every = arguments.option("--every")?;
    let plain = arguments.plain();
    arguments.finish()?;
    let command = server::command(given)?;
    match plain.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => {}
        ["damage"] => {
            let samples = match every {
                Some(stride) => Samples::Every(stride.parse().context("--every: not a number")?),
                None => Samples::Random(samples),
            };
            return damage::run(&damage::Options {
                command,
                seed,
                samples,
                extra,
            });
        }
        other => bail!("unknown argument '{}'", other.join(" ")),
    }
    let options = Options {
        command,
        cycles,
        seed,
        sabotage_bytes,
        ballast_keys: 20_000,
        extra,
    };
    match fsync {
        Some(level) => cycle::run(&options, &level),
        None => ["always", "everysec"]
            .iter()
            .try_for_each(|level| cycle::run(&options, level)),
    }
}

/// The short version that `cargo xtask test` runs; tests passed and failed.
pub fn run_short() -> Result<(usize, usize)> {
    let options = Options {
        command: server::command(None)?,
        cycles: SHORT_CYCLES,
        seed: random_seed(),
        sabotage_bytes: 0,
        ballast_keys: SHORT_BALLAST_KEYS,
        extra: Vec::new(),
    };
    let damaged = damage::Options {
        command: options.command.clone(),
        seed: options.seed,
        samples: Samples::Random(SHORT_SAMPLES),
        extra: Vec::new(),
    };
    let results = [
        cycle::run(&options, "always"),
        cycle::run(&options, "everysec"),
        damage::run(&damaged),
    ];
    let mut counts = (0, 0);
    for result in results {
        match result {
            Ok(()) => counts.0 += 1,
            Err(error) => {
                println!("{error:#}");
                counts.1 += 1;
            }
        }
    }
    Ok(counts)
}

/// A run differs from the last one; the seed is printed so that it can be had again.
fn random_seed() -> u64 {
    random::Random::new(client::now_ms()).next() % 1_000_000_000
}

/// Adds those of the `wanted` settings that the server knows and the recipe does not name yet. `probe` is a folder to
/// ask it in; it must not exist.
fn small_settings(recipe: &mut victim::Recipe, probe: &Path, wanted: &[(&str, &str)]) -> Result<()> {
    std::fs::create_dir_all(probe)?;
    let asked = victim::Recipe {
        folder: probe.to_owned(),
        ..recipe.clone()
    };
    let limit = std::time::Duration::from_secs(30);
    let (server, _) = asked.start(server::free_port(PROBE_PORT)?, &probe.join("server.log"), limit)?;
    let mut connection = server.connect()?;
    for (name, value) in wanted {
        let flag = format!("--{name}");
        let is_known = !connection.ask(&format!("CONFIG GET {name}"))?.items().is_empty();
        if is_known && !recipe.extra.contains(&flag) {
            recipe.extra.extend([flag, (*value).to_owned()]);
        }
    }
    Ok(())
}

/// A folder for a run, removed when the run was good and kept when it was not.
struct RunFolder {
    path: PathBuf,
    is_kept: bool,
}

impl RunFolder {
    fn create(name: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("flashdb-{name}-{}", std::process::id()));
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::create_dir_all(&path)?;
        Ok(Self { path, is_kept: true })
    }

    fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    fn discard(&mut self) {
        self.is_kept = false;
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if !self.is_kept {
            let _best_effort = std::fs::remove_dir_all(&self.path);
        }
    }
}
