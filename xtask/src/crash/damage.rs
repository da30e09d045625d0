//! Damaged files: a start on them gives exactly the right data, or a refusal that names the file; never anything else.
//!
//! A small data folder is built once: log, snapshot or rewrite, more of both. Each sample damages one file of a copy (a byte,
//! a sector, the end, or all of it), starts the server, and looks. Only the log's last file may cost data: there a damaged end cannot be
//! told from a write that a power cut tore, so that an earlier state of the same history is right too. Now and then a server that
//! came up is written to, killed and started again: what it cut away must not come back, nor hide what was written behind.

use super::client::{self, Sent, now_ms};
use super::load::{Load, order_log};
use super::model::Model;
use super::random::Random;
use super::verdict::{self, Allowance, Case, Survivors};
use super::victim::{Recipe, Start, Victim, copy_folder, files_below, tail};
use super::{RunFolder, observed, small_settings};
use crate::resp::Reply;
use crate::server::free_port;
use anyhow::{Context, Result, bail};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const WORKERS: u16 = 2;
const FIRST_PORT: u16 = 24_000;
/// A start must be decided within this.
const DECISION_LIMIT: Duration = Duration::from_secs(5);
/// Steps before the rewrite, before the snapshot, and after: the last are several segments.
const PHASE_STEPS: [usize; 3] = [300, 300, 1500];
const SECTOR_BYTES: u64 = 512;
const SHOWN_FAILURES: usize = 10;
/// Settings that make several files of little data, where the server has them.
const SETTINGS: &[(&str, &str)] = &[
    ("wal-segment-size", "65536"),
    ("wal-preallocate", "32768"),
    ("snapshot-incremental", "yes"),
];

/// What a run takes from the command line.
pub struct Options {
    pub command: String,
    pub seed: u64,
    pub samples: Samples,
    pub extra: Vec<String>,
}

/// Which damage is tried.
#[derive(Clone, Copy, Debug)]
pub enum Samples {
    /// So many, by chance.
    Random(u64),
    /// Each file flipped, and cut, at every Nth byte.
    Every(usize),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The byte at this place has other bits.
    Flip { offset: u64, mask: u8 },
    /// The file ends here.
    Cut { length: u64 },
    /// A sector full of zeros from here on.
    Blank { offset: u64 },
    /// No such file.
    Removed,
}

#[derive(Clone, Debug)]
struct Damage {
    file: PathBuf,
    kind: Kind,
}

/// How a start on damaged files came out, when it was one of the right ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Exact,
    Earlier,
    Refused {
        names_place: bool,
    },
    /// Refused because the file is not there, which leaves no place in it to name.
    Missed,
}

struct Built {
    folder: PathBuf,
    history: Vec<Sent>,
    end: Instant,
    /// The log's last file.
    last: Option<PathBuf>,
}

/// Builds, damages, and judges; an error when any start came out wrong.
pub fn run(options: &Options) -> Result<()> {
    let mut folder = RunFolder::create("damage")?;
    let mut random = Random::new(options.seed);
    let recipe = Recipe {
        command: options.command.clone(),
        folder: folder.join("good"),
        fsync: "always".to_owned(),
        extra: options.extra.clone(),
    };
    let (recipe, built) = build(recipe, &folder, random.next())?;
    let damages = plan(&built, options.samples, &mut random)?;
    println!(
        "damage: {} samples over {} files, {} bytes, seed {}",
        damages.len(),
        files_below(&built.folder)?.len(),
        folder_bytes(&built.folder)?,
        options.seed
    );
    let results = judge_all(&recipe, &built, &folder, &damages, options.seed);
    let failures: Vec<String> = results
        .iter()
        .zip(&damages)
        .filter_map(|(result, damage)| Some(format!("{damage:?}: {}", result.as_ref().err()?)))
        .collect();
    let count =
        |wanted: fn(&Outcome) -> bool| results.iter().flatten().filter(|outcome| wanted(outcome)).count();
    println!(
        "damage: {} right data, {} an earlier state, {} refused ({} of them without a place in the file, {} for a file that is gone), {} wrong",
        count(|outcome| *outcome == Outcome::Exact),
        count(|outcome| *outcome == Outcome::Earlier),
        count(|outcome| matches!(outcome, Outcome::Refused { .. } | Outcome::Missed)),
        count(|outcome| *outcome == Outcome::Refused { names_place: false }),
        count(|outcome| *outcome == Outcome::Missed),
        failures.len()
    );
    let nowhere = results
        .iter()
        .zip(&damages)
        .filter(|(result, _)| matches!(result, Ok(Outcome::Refused { names_place: false })));
    for (_, damage) in nowhere.take(SHOWN_FAILURES) {
        println!("  refused without a place in the file: {damage:?}");
    }
    if failures.is_empty() {
        folder.discard();
        return Ok(());
    }
    for failure in failures.iter().take(SHOWN_FAILURES) {
        println!("  {failure}");
    }
    bail!(
        "damage: {} of {} starts came out wrong (--seed {}); undamaged files: {}",
        failures.len(),
        damages.len(),
        options.seed,
        built.folder.display()
    )
}

/// Three phases of requests with a rewrite and a snapshot between them, then a kill.
fn build(mut recipe: Recipe, folder: &RunFolder, seed: u64) -> Result<(Recipe, Built)> {
    std::fs::create_dir_all(&recipe.folder)?;
    small_settings(&mut recipe, &folder.join("probe"), SETTINGS)?;
    let log = folder.join("build.log");
    let (victim, _) = recipe.start(free_port(FIRST_PORT)?, &log, Duration::from_secs(30))?;
    let mut connection = victim.connect()?;
    let mut load = Load::new(0, seed, 0, now_ms);
    let mut history = Vec::new();
    for (steps_wanted, request) in PHASE_STEPS.into_iter().zip(["BGREWRITEAOF", "BGSAVE", "PING"]) {
        history.extend(client::run(&mut connection, &mut load, |steps| {
            steps >= steps_wanted
        })?);
        connection.ask(request)?;
        await_snapshots(&victim)?;
    }
    if history.iter().any(|sent| sent.answer.is_none()) {
        bail!(
            "the server went away while the files were built:\n{}",
            tail(&log, 15)
        );
    }
    let end = Instant::now();
    victim.kill()?;
    let mut logs: Vec<PathBuf> = Vec::new();
    for file in files_below(&recipe.folder)? {
        let name = file.to_string_lossy().into_owned();
        if name.ends_with(".wal") || name.ends_with(".incr.aof") {
            logs.push(file);
        }
    }
    let built = Built {
        folder: recipe.folder.clone(),
        history,
        end,
        // Equally long names with a number: the last by name is the newest.
        last: logs.pop(),
    };
    Ok((recipe, built))
}

fn await_snapshots(victim: &Victim) -> Result<()> {
    let mut connection = victim.connect()?;
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        let text = connection.ask("INFO persistence")?.text();
        let busy = [
            "rdb_bgsave_in_progress:1",
            "aof_rewrite_in_progress:1",
            "aof_rewrite_scheduled:1",
        ];
        if !busy.iter().any(|field| text.contains(field)) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    bail!("a snapshot takes more than 30 s")
}

fn plan(built: &Built, samples: Samples, random: &mut Random) -> Result<Vec<Damage>> {
    let mut files = Vec::new();
    for file in files_below(&built.folder)? {
        let length = built.folder.join(&file).metadata()?.len();
        files.push((file, length));
    }
    files.retain(|(_, length)| *length > 0);
    let mut damages = Vec::new();
    let mut add = |file: &PathBuf, kind| {
        let file = file.clone();
        damages.push(Damage { file, kind });
    };
    match samples {
        // Every file has its turn, however small it is.
        Samples::Random(count) => {
            for (_, (file, length)) in (0..count).zip(files.iter().cycle()) {
                add(file, kind(*length, random));
            }
        }
        Samples::Every(stride) => {
            for (file, length) in &files {
                add(file, Kind::Removed);
                for offset in (0..*length).step_by(stride.max(1)) {
                    let mask = 1 << random.below(8);
                    add(file, Kind::Flip { offset, mask });
                    add(file, Kind::Cut { length: offset });
                }
            }
        }
    }
    Ok(damages)
}

fn kind(length: u64, random: &mut Random) -> Kind {
    // Heads and ends have more ways to be read wrongly than the middle.
    let near = 64.min(length);
    let offset = match random.below(4) {
        0 => random.below(near),
        1 => length - 1 - random.below(near),
        _ => random.below(length),
    };
    match random.below(20) {
        0 => Kind::Removed,
        1 | 2 => Kind::Blank {
            offset: offset / SECTOR_BYTES * SECTOR_BYTES,
        },
        3..=7 => Kind::Cut { length: offset },
        _ => Kind::Flip {
            offset,
            mask: 1 + random.below(255) as u8,
        },
    }
}

impl Damage {
    fn inflict(&self, folder: &Path) -> Result<()> {
        let path = folder.join(&self.file);
        if matches!(self.kind, Kind::Removed) {
            return Ok(std::fs::remove_file(&path)?);
        }
        let file = std::fs::OpenOptions::new().read(true).write(true).open(&path)?;
        match self.kind {
            Kind::Flip { offset, mask } => {
                let mut byte = [0];
                file.read_exact_at(&mut byte, offset)?;
                file.write_all_at(&[byte[0] ^ mask], offset)?;
            }
            Kind::Cut { length } => file.set_len(length)?,
            Kind::Blank { offset } => {
                let end = file.metadata()?.len().min(offset + SECTOR_BYTES);
                file.write_all_at(&vec![0; (end - offset) as usize], offset)?;
            }
            Kind::Removed => {}
        }
        Ok(())
    }
}

/// Judges all samples, several at a time; results in the order of the samples.
fn judge_all(
    recipe: &Recipe,
    built: &Built,
    folder: &RunFolder,
    damages: &[Damage],
    seed: u64,
) -> Vec<Result<Outcome, String>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(vec![Err("not reached".to_owned()); damages.len()]);
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (next, results) = (&next, &results);
            scope.spawn(move || {
                let place = folder.join(format!("worker-{worker}"));
                let first_port = FIRST_PORT + 500 * worker;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(damage) = damages.get(number) else { break };
                    let goes_on = Random::new(seed ^ number as u64).once_in(4);
                    let result = one_sample(recipe, built, &place, first_port, damage, goes_on);
                    let result = result.map_err(|error| format!("{error:#}"));
                    if let Ok(mut results) = results.lock() {
                        results[number] = result;
                    }
                }
            });
        }
    });
    results.into_inner().unwrap_or_default()
}

fn one_sample(
    recipe: &Recipe,
    built: &Built,
    place: &Path,
    first_port: u16,
    damage: &Damage,
    goes_on: bool,
) -> Result<Outcome> {
    if place.exists() {
        std::fs::remove_dir_all(place)?;
    }
    let recipe = Recipe {
        folder: place.join("data"),
        ..recipe.clone()
    };
    copy_folder(&built.folder, &recipe.folder)?;
    damage.inflict(&recipe.folder)?;
    let log = place.join("server.log");
    let mut victim = recipe.spawn(free_port(first_port)?, &log)?;
    match victim.await_ready(DECISION_LIMIT)? {
        Start::Late => bail!("neither ready nor refused after {} s", DECISION_LIMIT.as_secs()),
        Start::Ended(status) => return refusal(damage, status, &log),
        Start::Ready(_) => {}
    }
    let may_lose = built.last.as_ref() == Some(&damage.file);
    let survivors = inspect(&victim, built, may_lose)?;
    if goes_on {
        write_and_restart(victim, &recipe, built, first_port, &log, survivors)?;
    }
    if survivors.most == built.history.len() {
        Ok(Outcome::Exact)
    } else {
        Ok(Outcome::Earlier)
    }
}

fn refusal(damage: &Damage, status: std::process::ExitStatus, log: &Path) -> Result<Outcome> {
    let text = tail(log, 40);
    let name = damage
        .file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let problem = match status.code() {
        None => "ended by a signal",
        Some(0) => "ended with exit code 0",
        Some(_) if text.contains("panicked") => "panicked",
        Some(_) if !names_file(damage, &name, &text) => "refused without naming the file",
        Some(_) if matches!(damage.kind, Kind::Removed) => return Ok(Outcome::Missed),
        Some(_) => {
            let names_place = ["offset", "byte"].iter().any(|word| text.contains(word));
            return Ok(Outcome::Refused { names_place });
        }
    };
    bail!("{problem}: {}", tail(log, 4))
}

/// Whether a refusal says which file it is about. Of one that is gone nobody needs to know the name: then the file must be
/// named that cannot be used without it.
fn names_file(damage: &Damage, name: &str, text: &str) -> bool {
    let names_neighbour =
        || text.contains("missing") && [".wal", ".fsnap"].iter().any(|end| text.contains(end));
    text.contains(name) || matches!(damage.kind, Kind::Removed) && names_neighbour()
}

/// What the server holds, judged.
fn inspect(victim: &Victim, built: &Built, may_lose: bool) -> Result<Survivors> {
    let mut connection = victim.connect()?;
    let mut seen = observed::read(&mut connection, "").context("it serves and cannot be read")?;
    seen.remove(BEHIND);
    let case = Case {
        client: 0,
        base: &Model::new(),
        history: &built.history,
        seen: &seen,
        seen_ms: now_ms(),
        end: built.end,
    };
    let allowance = if may_lose {
        Allowance::AnyTail
    } else {
        Allowance::Nothing
    };
    let wrong = |text: String| anyhow::anyhow!("wrong data: {text}");
    let survivors = verdict::judge(&case, allowance).map_err(wrong)?;
    let log = order_log(0);
    let found = connection.ask(&format!("LRANGE {log} 0 -1"))?;
    let found: Vec<String> = found.items().iter().map(Reply::text).collect();
    let count = connection.ask(&format!("GET {}", log.replace("log", "count")))?;
    verdict::check_group_order(&found, count.number().unwrap_or(0), &[(&case, survivors)]).map_err(wrong)?;
    Ok(survivors)
}

/// A key that no client has.
const BEHIND: &[u8] = b"written:behind";

fn write_and_restart(
    victim: Victim,
    recipe: &Recipe,
    built: &Built,
    first_port: u16,
    log: &Path,
    before: Survivors,
) -> Result<()> {
    let key = BEHIND.escape_ascii();
    let reply = victim.connect()?.ask(&format!("SET {key} 1"))?;
    if reply.text() != "OK" {
        bail!("came up, and refuses a write: {reply:?}");
    }
    victim.kill()?;
    let (victim, _) = recipe
        .start(free_port(first_port)?, log, DECISION_LIMIT)
        .context("second start, after a write and a kill")?;
    let after = inspect(&victim, built, true).context("second start, after a write and a kill")?;
    let behind = victim.connect()?.ask(&format!("GET {key}"))?;
    if after != before || behind.text() != "1" {
        bail!("second start: {after:?} instead of {before:?}, and the write between is {behind:?}");
    }
    Ok(())
}

fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for file in files_below(folder)? {
        sum += folder.join(file).metadata()?.len();
    }
    Ok(sum)
}
