//! `cargo xtask bench instructions`: instructions per request at each layer under callgrind, beside the stored figures;
//! fails when one has grown by more than 5 %. `cargo xtask test` does the same.
//!
//! At the lower layers callgrind collects inside the program's function `measured` only; data, seeds and hashes are the
//! same in each run. The server is the real binary with its log on. Its counters are set to zero
//! before the requests and read behind them, from outside by vgdb; what its timers do is taken out. What still differs from
//! run to run is the seed of its hashes, and how often the log's writer wakes.

use super::callgrind;
use super::figures::{Figures, GROWTH_MAX, Verdict, growth, judge};
use super::scene::{Scene, wait_until_idle};
use super::{Driver, FIRST_PORT, SERVER_FLAGS, Selection, Shape, folder};
use crate::arguments::Arguments;
use crate::resp::Connection;
use crate::server::{self, Server};
use crate::{packages, process};
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const SHAPE: Shape = Shape {
    keys: 16_384,
    operations: 8_192,
    value_bytes: 32,
};

const REPLY_LIMIT: Duration = Duration::from_secs(60);

/// How often the test command counts anew when a count has grown.
const RECOUNTS_MAX: usize = 2;

/// What the server does by the clock. How often depends on how long a scenario takes, and that on the machine: with it, a
/// server on a busy machine counts up to 14 % more.
const TIMER_WORK: &[&str] = &[
    "flashdb_server::core_loop::CoreLoop::on_timer",
    "flashdb_server::hot::keys::HotKeys::collect",
    "flashdb_server::core_loop::expiry::<impl flashdb_server::core_loop::CoreLoop>::slice_of_expiry",
];

/// Runs the task.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    let update = arguments.switch("--update");
    let given = arguments.option("--server")?;
    packages::require(&[packages::VALGRIND])?;
    let driver = Driver::build()?;
    let selection = Selection::take(arguments, &driver)?;
    arguments.finish()?;
    if !update && let Some(why) = Figures::load()?.foreign()? {
        bail!(
            "not comparable: {why}; write figures of this compiler at the commit to compare with (--update)"
        );
    }
    if update {
        let figures = count(&driver, &selection, given)?;
        let mut stored = Figures::load().ok().filter(|stored| keep(stored, &figures));
        let stored = stored.get_or_insert_with(|| figures.clone());
        stored.counts.extend(figures.counts);
        stored.store()?;
        println!("wrote {}", Figures::path().display());
        return Ok(());
    }
    let stored = Figures::load()?;
    let (_, failed) = compare(&stored, &count_against(&stored, &driver, &selection, given)?);
    if failed > 0 {
        bail!("{failed} counts grew by more than {GROWTH_MAX} %, or have no figure to compare with");
    }
    Ok(())
}

/// For the test command: counts that held, and that did not. The caller has asked [`not_comparable`].
pub fn check() -> Result<(usize, usize)> {
    let driver = Driver::build()?;
    let selection = Selection::take(&mut Arguments::new(Vec::new()), &driver)?;
    let stored = Figures::load()?;
    Ok(compare(
        &stored,
        &count_against(&stored, &driver, &selection, None)?,
    ))
}

/// Counts; and anew while one has grown. What a busy machine does to a server's count only adds to it: the smallest of a
/// few is nearest to what requests take.
fn count_against(
    stored: &Figures,
    driver: &Driver,
    selection: &Selection,
    given: Option<String>,
) -> Result<Figures> {
    let mut figures = count(driver, selection, given.clone())?;
    for _ in 0..RECOUNTS_MAX {
        let is_worse = |(at, &count): (&_, _)| judge(stored.counts.get(at).copied(), count) == Verdict::Worse;
        if !figures.counts.iter().any(is_worse) {
            break;
        }
        for (at, again) in count(driver, selection, given.clone())?.counts {
            let smallest = figures.counts.get(&at).map_or(again, |&count| again.min(count));
            figures.counts.insert(at, smallest);
        }
    }
    Ok(figures)
}

/// Why the stored figures say nothing about builds made here, if they do not.
pub fn not_comparable() -> Result<Option<String>> {
    Figures::load()?.foreign()
}

/// Whether stored figures may stand beside these in one file.
fn keep(stored: &Figures, new: &Figures) -> bool {
    (&stored.compiler, &stored.beside, stored.shape) == (&new.compiler, &new.beside, new.shape)
}

/// Prints each count beside the stored one; returns how many held and how many did not.
fn compare(stored: &Figures, new: &Figures) -> (usize, usize) {
    println!(
        "{:<8}{:<16}{:>12}{:>12}{:>9}",
        "layer", "scenario", "stored", "now", "%"
    );
    let (mut held, mut failed) = (0, 0);
    for (at, &count) in &new.counts {
        let before = stored.counts.get(at).copied();
        let verdict = judge(before, count);
        let (layer, scenario) = at;
        let before = before.unwrap_or(f64::NAN);
        let words = match verdict {
            Verdict::Same => "",
            Verdict::Worse => "  REFUSED: more than 5 %",
            Verdict::Better => "  better: keep it with 'cargo xtask bench instructions --update'",
            Verdict::New => "  REFUSED: no figure; 'cargo xtask bench instructions --update' writes one",
        };
        let percent = growth(before, count);
        println!("{layer:<8}{scenario:<16}{before:>12.1}{count:>12.1}{percent:>+9.2}{words}");
        match verdict {
            Verdict::Same | Verdict::Better => held += 1,
            Verdict::Worse | Verdict::New => failed += 1,
        }
    }
    if stored.beside != new.beside {
        println!(
            "the figures were made with {}; this is {}",
            stored.beside, new.beside
        );
    }
    (held, failed)
}

fn count(driver: &Driver, selection: &Selection, given: Option<String>) -> Result<Figures> {
    let mut figures = Figures::here(SHAPE)?;
    let folder = folder()?;
    for layer in &selection.layers {
        let counts = match *layer {
            "server" => count_server(driver, selection, &server::command(given.clone())?, &folder)?,
            layer => count_driver(driver, layer, selection, &folder)?,
        };
        let named = |(scenario, count): (String, f64)| (((*layer).to_owned(), scenario), count);
        figures.counts.extend(counts.into_iter().map(named));
    }
    Ok(figures)
}

fn count_driver(
    driver: &Driver,
    layer: &str,
    selection: &Selection,
    folder: &Path,
) -> Result<Vec<(String, f64)>> {
    let file = folder.join(format!("callgrind.{layer}"));
    let mut counts = Vec::new();
    for scenario in &selection.scenarios {
        let mut command = Command::new("valgrind");
        command
            .args([
                "--tool=callgrind",
                "--quiet",
                "--toggle-collect=*flashdb_layers*measured*",
            ])
            .arg(format!("--callgrind-out-file={}", file.display()))
            .args(driver.words(layer, scenario, &SHAPE, 0))
            .stdin(Stdio::null());
        process::capture(&mut command)?;
        counts.push((scenario.clone(), per_request(&file, &[])?));
    }
    Ok(counts)
}

fn count_server(
    driver: &Driver,
    selection: &Selection,
    server: &str,
    folder: &Path,
) -> Result<Vec<(String, f64)>> {
    let file = folder.join("callgrind.server");
    // It works in a folder of its own, where a relative path leads nowhere.
    let (program, flags) = server.split_once(' ').unwrap_or((server, ""));
    let program = std::fs::canonicalize(program).with_context(|| format!("cannot find {program}"))?;
    let command = format!(
        "valgrind --tool=callgrind --quiet --instr-atstart=no --callgrind-out-file={} {} {flags}",
        file.display(),
        program.display()
    );
    let log = folder.join("server.log");
    let server = Server::start(&command, server::free_port(FIRST_PORT)?, SERVER_FLAGS, &log)?;
    // While it looks for expired keys, which it begins by the clock, a loop takes turns that serve nobody.
    let mut client = Connection::open(server.port, REPLY_LIMIT)?;
    let reply = client.ask("DEBUG SET-ACTIVE-EXPIRE 0")?;
    ensure!(
        reply.text() == "OK",
        "DEBUG SET-ACTIVE-EXPIRE 0: {}",
        reply.text()
    );
    let mut counts = Vec::new();
    for scenario in &selection.scenarios {
        tell(&server, &["instrumentation", "off"])?;
        let mut scene = Scene::prepare(&driver.words("server", scenario, &SHAPE, server.port))?;
        wait_until_idle(server.id())?;
        tell(&server, &["instrumentation", "on"])?;
        tell(&server, &["zero"])?;
        scene.run()?;
        tell(&server, &["dump"])?;
        scene.end()?;
        let dump = PathBuf::from(format!("{}.{}", file.display(), counts.len() + 1));
        counts.push((scenario.clone(), per_request(&dump, TIMER_WORK)?));
    }
    Ok(counts)
}

/// Has callgrind do something in the running server, which asks for such wishes by itself ten times a second at least: it
/// need not be stopped by ptrace for it, which containers may forbid.
fn tell(server: &Server, words: &[&str]) -> Result<()> {
    let mut command = Command::new("vgdb");
    command
        .arg(format!("--pid={}", server.id()))
        .arg("--max-invoke-ms=0")
        .args(words);
    process::capture(&mut command).map(drop)
}

/// The instructions that a file of callgrind's counts, per request, without those of the functions named.
fn per_request(file: &Path, without: &[&str]) -> Result<f64> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("callgrind left no {}", file.display()))?;
    let count = callgrind::instructions(&text, without)
        .with_context(|| format!("{}: nothing was counted", file.display()))?;
    Ok(count as f64 / SHAPE.operations as f64)
}
