//! Cycles of load, kill, restart and verdict on one data folder.
//!
//! A cycle: some starts killed while they load; a start that is let through; the verdict on the cycle before; load from several
//! clients with snapshots and rewrites now and then; the end, mostly SIGKILL, at a moment from the seed, often right after
//! a snapshot or rewrite began; sometimes SIGTERM, after which nothing at all may be missing.

use super::client::{self, Sent, now_ms};
use super::load::{Load, database, order_log, prefix};
use super::model::Model;
use super::random::Random;
use super::verdict::{self, Allowance, Case, Survivors};
use super::victim::{Recipe, Victim, copy_folder, files_below};
use super::{Options, RunFolder, observed, small_settings};
use crate::resp::{Connection, Reply, Words, words};
use crate::server::free_port;
use anyhow::{Context, Result, anyhow, bail};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const CLIENTS: usize = 4;
const START_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(30);
const LOAD_MS_MAX: u64 = 900;
/// `everysec`: the interval, and one cycle of writing and syncing on a busy disk.
const EVERYSEC_LOSS: Duration = Duration::from_millis(1000 + 500);
const FIRST_PORT: u16 = 21_000;
/// Small segments, so that rotation is hit too.
const SETTINGS: &[(&str, &str)] = &[("wal-segment-size", "1048576")];

/// How a cycle ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Kill,
    KillAfter(&'static str),
    Orderly,
}

/// What a cycle leaves for the verdict.
struct Evidence {
    histories: Vec<Vec<Sent>>,
    /// Groups that some client saw counted.
    groups_seen: i64,
    end: Instant,
    how: End,
    cycle: u64,
}

struct Run<'a> {
    options: &'a Options,
    recipe: Recipe,
    folder: &'a RunFolder,
    random: Random,
    bases: Vec<Model>,
    last_start: Duration,
    sums: Sums,
}

#[derive(Default)]
struct Sums {
    steps: usize,
    in_flight: usize,
    in_flight_done: usize,
    lost: usize,
    killed_starts: u64,
    slowest_start: Duration,
}

/// Runs all cycles at one level of `appendfsync`.
pub fn run(options: &Options, fsync: &str) -> Result<()> {
    let mut folder = RunFolder::create(&format!("crash-{fsync}"))?;
    std::fs::create_dir_all(folder.join("data"))?;
    let mut recipe = Recipe {
        command: options.command.clone(),
        folder: folder.join("data"),
        fsync: fsync.to_owned(),
        extra: options.extra.clone(),
    };
    small_settings(&mut recipe, &folder.join("probe"), SETTINGS)?;
    println!(
        "crash: {} cycles, appendfsync {fsync}, seed {}",
        options.cycles, options.seed
    );
    let mut run = Run {
        options,
        recipe,
        folder: &folder,
        random: Random::new(options.seed),
        bases: vec![Model::new(); CLIENTS],
        last_start: Duration::from_millis(50),
        sums: Sums::default(),
    };
    let result = run.all_cycles();
    let sums = run.sums;
    match result {
        Ok(()) => {
            folder.discard();
            println!(
                "crash: {fsync}: held over {} cycles: {} steps acknowledged, {} lost; {} in flight, {} of them took effect; \
                {} starts killed, slowest start {} ms",
                options.cycles,
                sums.steps,
                sums.lost,
                sums.in_flight,
                sums.in_flight_done,
                sums.killed_starts,
                sums.slowest_start.as_millis()
            );
            Ok(())
        }
        Err(error) => Err(error.context(format!(
            "crash cycles failed (--fsync {fsync} --seed {}); data: {}, as it was at the last kill: {}",
            options.seed,
            folder.join("data").display(),
            folder.join("crashed").display()
        ))),
    }
}

impl Run<'_> {
    fn all_cycles(&mut self) -> Result<()> {
        let mut evidence = None;
        for cycle in 0..self.options.cycles {
            let left = self.one_cycle(cycle, evidence.take());
            evidence = Some(left.with_context(|| format!("cycle {cycle}"))?);
        }
        let victim = self.start()?;
        if let Some(evidence) = &evidence {
            self.judge(&victim, evidence).context("after the last cycle")?;
        }
        Ok(())
    }

    fn one_cycle(&mut self, cycle: u64, before: Option<Evidence>) -> Result<Evidence> {
        if before.is_some() && self.random.once_in(2) {
            self.kill_starts()?;
        }
        let victim = self.start()?;
        match &before {
            Some(evidence) => self.judge(&victim, evidence).context("verdict")?,
            None => self.load_ballast(&victim)?,
        }
        let evidence = self.load_and_end(victim, cycle)?;
        let copy = self.folder.join("crashed");
        if copy.exists() {
            std::fs::remove_dir_all(&copy)?;
        }
        copy_folder(&self.recipe.folder, &copy)?;
        if self.options.sabotage_bytes > 0 {
            cut_newest_log(&self.recipe.folder, self.options.sabotage_bytes)?;
        }
        Ok(evidence)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }

    fn start(&mut self) -> Result<Victim> {
        let port = free_port(FIRST_PORT)?;
        let (victim, span) = self.recipe.start(port, &self.log(), START_LIMIT)?;
        self.last_start = span;
        self.sums.slowest_start = self.sums.slowest_start.max(span);
        Ok(victim)
    }

    /// Starts the server and kills it while it loads, or shortly after.
    fn kill_starts(&mut self) -> Result<()> {
        let longest_us = 1000 + 2 * self.last_start.as_micros() as u64;
        for _ in 0..=self.random.below(3) {
            let victim = self.recipe.spawn(free_port(FIRST_PORT)?, &self.log())?;
            std::thread::sleep(Duration::from_micros(self.random.below(longest_us)));
            victim.kill().context("killed while it starts")?;
            self.sums.killed_starts += 1;
        }
        Ok(())
    }

    fn load_and_end(&mut self, victim: Victim, cycle: u64) -> Result<Evidence> {
        let how = match self.random.below(10) {
            0 | 1 => End::KillAfter("BGSAVE"),
            2 | 3 => End::KillAfter("BGREWRITEAOF"),
            4 => End::Orderly,
            _ => End::Kill,
        };
        let seed = self.random.next();
        let mut connections = Vec::new();
        for client in 0..CLIENTS {
            let mut connection = victim.connect()?;
            connection.ask(&format!("SELECT {}", database(client)))?;
            connections.push(connection);
        }
        let (mut control, mut watching) = (victim.connect()?, victim.connect()?);
        std::thread::scope(|scope| {
            let clients: Vec<_> = connections
                .iter_mut()
                .enumerate()
                .map(|(number, connection)| {
                    let mut load = Load::new(number, seed, cycle, now_ms);
                    scope.spawn(move || client::run(connection, &mut load, |_| false))
                })
                .collect();
            let watcher = scope.spawn(move || watch(&mut watching, cycle));
            let ended = self.end(victim, &mut control, how);
            let mut histories = Vec::new();
            for client in clients {
                let history = client.join().map_err(|_| anyhow!("a client thread panicked"))?;
                histories.push(history.context("a client under load")?);
            }
            let groups_seen = watcher
                .join()
                .map_err(|_| anyhow!("the watching thread panicked"))??;
            Ok(Evidence {
                histories,
                groups_seen,
                end: ended?,
                how,
                cycle,
            })
        })
    }

    /// Lets the load run for a while, then ends the server; returns when that was.
    fn end(&mut self, victim: Victim, control: &mut Connection, how: End) -> Result<Instant> {
        let span_ms = 20 + self.random.below(LOAD_MS_MAX);
        if self.random.once_in(3) {
            std::thread::sleep(Duration::from_millis(span_ms / 2));
            // A refusal is fine, as when one is under way.
            control.ask(["BGSAVE", "BGREWRITEAOF"][self.random.below(2) as usize])?;
            std::thread::sleep(Duration::from_millis(span_ms / 2));
        } else {
            std::thread::sleep(Duration::from_millis(span_ms));
        }
        if let End::KillAfter(request) = how {
            control.ask(request)?;
            std::thread::sleep(Duration::from_micros(self.random.below(40_000)));
        }
        let end = Instant::now();
        match how {
            End::Orderly => victim.terminate(END_LIMIT)?,
            _ => victim.kill()?,
        }
        Ok(end)
    }

    fn judge(&mut self, victim: &Victim, evidence: &Evidence) -> Result<()> {
        let allowance = match (self.recipe.fsync.as_str(), evidence.how) {
            ("always", _) | (_, End::Orderly) => Allowance::Nothing,
            ("everysec", _) => Allowance::Younger(EVERYSEC_LOSS),
            _ => Allowance::AnyTail,
        };
        let mut connection = victim.connect()?;
        check_ballast(&mut connection, self.options.ballast_keys)?;
        let mut seen = Vec::new();
        for client in 0..CLIENTS {
            connection.ask(&format!("SELECT {}", database(client)))?;
            let model = observed::read(&mut connection, &prefix(client))?;
            seen.push((model, now_ms()));
        }
        connection.ask("SELECT 0")?;
        let bases = std::mem::take(&mut self.bases);
        let cases: Vec<Case> = evidence
            .histories
            .iter()
            .enumerate()
            .map(|(client, history)| Case {
                client,
                base: &bases[client],
                history,
                seen: &seen[client].0,
                seen_ms: seen[client].1,
                end: evidence.end,
            })
            .collect();
        let mut judged: Vec<(&Case, Survivors)> = Vec::new();
        for case in &cases {
            judged.push((
                case,
                verdict::judge(case, allowance).map_err(|text| anyhow!(text))?,
            ));
        }
        verdict::check_common_order(&judged).map_err(|text| anyhow!(text))?;
        let groups = check_groups(&mut connection, evidence, allowance, &judged)?;
        self.report(evidence, &judged, groups);
        self.bases = seen.into_iter().map(|(model, _)| model).collect();
        Ok(())
    }

    fn report(&mut self, evidence: &Evidence, judged: &[(&Case, Survivors)], groups: usize) {
        let (mut steps, mut lost, mut in_flight, mut done) = (0, 0, 0, 0);
        for (case, survivors) in judged {
            let acknowledged = case
                .history
                .iter()
                .take_while(|sent| sent.answer.is_some())
                .count();
            steps += acknowledged;
            lost += acknowledged.saturating_sub(survivors.most);
            in_flight += case.history.len() - acknowledged;
            done += survivors.most.saturating_sub(acknowledged);
        }
        println!(
            "  cycle {:>3}: {steps:>6} steps acknowledged, {lost} lost, {in_flight} in flight ({done} took effect), \
            {groups} groups; {:?}; up in {} ms",
            evidence.cycle,
            evidence.how,
            self.last_start.as_millis()
        );
        self.sums.steps += steps;
        self.sums.lost += lost;
        self.sums.in_flight += in_flight;
        self.sums.in_flight_done += done;
    }

    /// Keys that nobody changes: they make snapshots and starts take long enough to be hit.
    fn load_ballast(&self, victim: &Victim) -> Result<()> {
        let mut connection = victim.connect()?;
        for first in (0..self.options.ballast_keys).step_by(500) {
            let mut request = words("MSET");
            for number in first..(first + 500).min(self.options.ballast_keys) {
                request.extend([ballast_key(number), ballast_value(number)]);
            }
            let reply = connection.ask_all(&[request])?.remove(0);
            if reply != Reply::Simple("OK".to_owned()) {
                bail!("MSET answered {reply:?}");
            }
        }
        if self.recipe.fsync != "always" {
            // These keys must be there from the first cycle on.
            std::thread::sleep(EVERYSEC_LOSS);
        }
        Ok(())
    }
}

fn ballast_key(number: u64) -> Vec<u8> {
    format!("ballast:{number:08}").into_bytes()
}

fn ballast_value(number: u64) -> Vec<u8> {
    format!("{:032x}", u128::from(number) * 0x9e37_79b9_7f4a_7c15).into_bytes()
}

fn check_ballast(connection: &mut Connection, keys: u64) -> Result<()> {
    for first in (0..keys).step_by(500) {
        let numbers = first..(first + 500).min(keys);
        let request: Words = words("MGET")
            .into_iter()
            .chain(numbers.clone().map(ballast_key))
            .collect();
        let values = connection.ask_all(&[request])?.remove(0);
        for (number, value) in numbers.zip(values.items()) {
            if value.bytes() != Some(&ballast_value(number)) {
                bail!("key ballast:{number:08}, written before the first cycle, is {value:?}");
            }
        }
    }
    Ok(())
}

/// The common order of groups; the number found. The lists of the cycle are removed: nobody looks at them again.
fn check_groups(
    connection: &mut Connection,
    evidence: &Evidence,
    allowance: Allowance,
    judged: &[(&Case, Survivors)],
) -> Result<usize> {
    let log = order_log(evidence.cycle);
    let counter = log.replace("log", "count");
    let found = connection.ask(&format!("LRANGE {log} 0 -1"))?;
    let found: Vec<String> = found.items().iter().map(Reply::text).collect();
    let count = connection.ask(&format!("GET {counter}"))?.number().unwrap_or(0);
    verdict::check_group_order(&found, count, judged).map_err(|text| anyhow!(text))?;
    if allowance == Allowance::Nothing && count < evidence.groups_seen {
        bail!(
            "a client read that {} groups were done; {count} are there",
            evidence.groups_seen
        );
    }
    connection.ask(&format!("DEL {log} {counter}"))?;
    Ok(found.len())
}

/// Reads what other clients write, until the connection ends: groups must look whole from outside, and what was read
/// counts as acknowledged. Returns the largest number of groups seen.
fn watch(connection: &mut Connection, cycle: u64) -> Result<i64> {
    let counter = order_log(cycle).replace("log", "count");
    let mut largest = 0;
    for round in 0_usize.. {
        let client = round % CLIENTS;
        let (own, prefix) = (database(client), prefix(client));
        let lines = [
            format!("SELECT {own}"),
            format!("MGET {prefix}mark:a {prefix}mark:b"),
            "SELECT 0".to_owned(),
            format!("GET {counter}"),
        ];
        let Ok(replies) = connection.ask_all(&lines.map(|line| words(&line))) else {
            break;
        };
        if let [a, b] = replies[1].items()
            && a != b
        {
            bail!("half of a group seen from outside: marks {a:?} and {b:?}");
        }
        largest = largest.max(replies[3].number().unwrap_or(0));
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(largest)
}

/// The log file that was written last loses its end.
fn cut_newest_log(folder: &Path, bytes: u64) -> Result<()> {
    let mut newest = None;
    for file in files_below(folder)? {
        let name = file.to_string_lossy().into_owned();
        if name.ends_with(".wal") || name.ends_with(".incr.aof") {
            let path = folder.join(file);
            newest = newest.max(Some((path.metadata()?.modified()?, path)));
        }
    }
    let (_, path) = newest.context("no log file to cut")?;
    let file = std::fs::OpenOptions::new().write(true).open(&path)?;
    file.set_len(file.metadata()?.len().saturating_sub(bytes))?;
    Ok(())
}
