//! Developer tasks of FlashDB: everything that is more than a plain cargo command.
//!
//! `cargo xtask` without arguments prints the list. Each task lives in a file of its own and returns an error instead
//! of ending the process, so that `test` can run several of them and still print one summary. Tasks install the Debian
//! packages that they need when they run as root; otherwise they print the one line that does.

mod arguments;
mod bench;
mod clients;
mod conformance;
mod crash;
mod dashboard;
mod deploy;
mod generated;
mod layers;
mod openapi;
mod packages;
mod process;
mod resp;
mod server;
mod simulate;
mod test;
mod tidy;

use anyhow::{Result, bail};
use arguments::Arguments;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK [OPTIONS]

  test          everything: house rules, unit tests, real clients, conformance; ends with 'N passed, N failed'
  conformance   Redis's own Tcl suite against the server
                  --unit U        only this unit (repeatable)
                  --server CMD    another server, e.g. 'redis-server' (default: the release build)
                  --port P        first port to use            --jobs N     units at a time (default 2)
                  --limit S       seconds per unit (300)       --rounds N   runs of a unit that dies half-way (6)
                  --source DIR    an unpacked Redis 7.0.15     --json OUT   full result
                  --internal      in place of redis-server: the suite starts the servers itself
                  --record        with --internal: write down what Debian's redis-server passes
                  --with-known    run the known failures too   --update     raise the baseline
  clients       redis-cli, redis-benchmark, redis-py, ioredis, redis-rs against the server
                  --server CMD    --only NAME (repeatable)
  bench         perf | footprint | idle | expiry | big | persistence[-always|-cost|-recovery|-snapshot|-start|-disk] | tracking[-reads|-broadcast]   beside Debian's redis-server (all: no name)
                  --server CMD    --quick
  bench layers        the same scenarios at three layers: ns of processor time in the table, in the shards, in the server
                  --only NAME     --layer L (both repeatable)    --keys N   --operations N   --value-bytes N
                  --rounds N (3)  --server CMD    --quick
  bench instructions  instructions per request at each layer, beside bench/instructions.json; fails above 5 %
                  --only NAME     --layer L (both repeatable)    --server CMD    --update
  simulate      crashes of a simulated disk from many seeds, in release; prints the seeds that fail
                  --seeds N       how many (10000)         --first N    where to begin (0)
                  --seed N        this one, with its story
  crash         the server killed under load, cycle after cycle on one data folder; what it promised must be there
                  --cycles N (100)    --seed N    --fsync always|everysec (default: both)    --server CMD
                  --sabotage BYTES    cut the log after each kill: the run must fail      -- ARGS   for the server
  crash damage  the server started on damaged files: the right data or a refusal that names the file
                  --samples N (400)   --every N (each Nth byte of each file)   --seed N   --server CMD   -- ARGS
  dashboard     the pages of the dashboard: lint, unit tests, export, size; then Chromium against the server that embeds them
                  --server CMD
  openapi       schemathesis against the document of the HTTP API, all checks on: an open server, and one with a password
                  --seed N (1)    --cases N (10)    --server CMD
  gen           the pages of docs/ that follow from the source: commands, settings, compatibility
                  --check         change nothing, fail on a stale page
  deploy        what is in deploy/, linted by promtool, systemd-analyze, hadolint, docker-compose and helm
                  --all           fail when one of them is not installed
  tidy          house rules: dependency order, file heads, file length, leftovers, orphan files
";

fn main() -> ExitCode {
    // Many servers are started, also by scripts: none of them is to listen for HTTP, or to warn that it cannot.
    // SAFETY: there is one thread yet.
    unsafe { std::env::set_var("FLASHDB_HTTP_PORT", "0") };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let task = words.next().unwrap_or_default();
    let mut arguments = Arguments::new(words.collect());
    match task.as_str() {
        "test" => test::run(&mut arguments),
        "conformance" => conformance::run(&mut arguments),
        "clients" => clients::run(&mut arguments),
        "crash" => crash::run(&mut arguments),
        "dashboard" => dashboard::run(&mut arguments),
        "openapi" => openapi::run(&mut arguments),
        "bench" => bench::run(&mut arguments),
        "simulate" => simulate::run(&mut arguments),
        "gen" => generated::run(&mut arguments),
        "deploy" => deploy::run(&mut arguments),
        "tidy" => tidy::run(&mut arguments),
        "" | "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown task '{other}'\n\n{USAGE}"),
    }
}
