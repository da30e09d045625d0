//! `cargo xtask simulate`: the simulated crashes of `flashdb-persistence` (`tests/simulation`) over many seeds, in release and
//! on all processors. The ordinary tests run the first few hundred; this is for the ten thousand before a release, and to
//! replay a seed that failed, with the story of what happened.

use crate::arguments::Arguments;
use crate::process;
use anyhow::Result;

pub fn run(arguments: &mut Arguments) -> Result<()> {
    let seeds: u64 = arguments.number("--seeds", 10_000)?;
    let first: u64 = arguments.number("--first", 0)?;
    let seed = arguments.option("--seed")?;
    arguments.finish()?;
    let mut command = process::cargo();
    command
        .args(["test", "--release", "-p", "flashdb-persistence"])
        .args(["--test", "simulation", "--", "--nocapture"]);
    match seed {
        Some(seed) => command
            .env("FLASHDB_SIMULATION_SEED", seed)
            .env("FLASHDB_SIMULATION_STORY", "1"),
        None => command
            .env("FLASHDB_SIMULATIONS", seeds.to_string())
            .env("FLASHDB_SIMULATION_FIRST", first.to_string()),
    };
    process::check(&mut command)
}
