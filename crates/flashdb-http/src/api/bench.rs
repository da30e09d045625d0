//! Benchmarks of this server from inside it: what `flashdb-benchmark` does, on a thread of its own, over connections of the
//! user who asked. The load is made on the machine that serves it, so runs compare with each other, and not with a load from elsewhere.
//!
//! Keys are under a prefix of the run. They are removed after it by the server itself, whether or not the user is still there, in
//! whichever database they are by then; an end by a signal waits a moment for that. For a process that is killed they carry an
//! end from the start: SET sets it, keys of other commands get it as the run goes on.

use super::jobs::Started;
use crate::App;
use crate::audit::BulkNote;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::gate::RequestId;
use crate::guests::{Guests, Tidier};
use crate::jobs::{Job, JobKind, Owner};
use crate::json::{Database, JsonBody};
use crate::room::Room;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use flashdb_benchmark::latency::{Latencies, percentile_ms};
use flashdb_benchmark::options::{self, Options, Request};
use flashdb_benchmark::progress::Watch;
use flashdb_benchmark::record::Point;
use flashdb_benchmark::run::{Outcome, run_over};
use flashdb_benchmark::worker::ErrorCount;
use flashdb_benchmark::workload::Workload;
use flashdb_server::engine::EndHold;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const KEYS_MAX: u64 = 1_000_000;
const VALUE_BYTES_MAX: u64 = 64 << 10;
const CLIENTS_MAX: usize = 64;
const PIPELINE_MAX: usize = 256;
const DURATION_MAX_S: u64 = 300;
const WEIGHT_MAX: f64 = 1e6;
const RATE_MAX: f64 = 10_000_000.0;
/// Points of a run that are kept.
const POINTS_MAX: u64 = 300;
const INTERVAL_MIN_MS: u64 = 250;
/// Requests of a batch while keys are made before the run.
const FILL_PIPELINE: usize = 32;
/// Keys that are removed together.
const REMOVED_TOGETHER: usize = 500;
/// Time after its run in which a key ends that nobody removes, seconds. Filling is to take less.
const OUTLASTS_S: u64 = 600;
/// Keys of one command that are given an end in an interval: few beside what is measured.
const ENDS_GIVEN_TOGETHER: u64 = 100;

/// A command of a mix: its name in `flashdb-benchmark`, its command, and where its keys are. Those whose data grows with time
/// and not with the number of keys (LPUSH) are left out: a run must not fill the memory.
struct Part {
    name: &'static str,
    command: &'static str,
    keys: Option<Keys>,
}

/// Keys of a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// One for each number, behind this.
    Many(&'static str),
    One(&'static str),
}

impl Keys {
    /// The keys of these numbers.
    fn names(self, prefix: &str, numbers: std::ops::Range<u64>) -> impl Iterator<Item = String> {
        let (name, is_many) = match self {
            Keys::Many(name) => (name, true),
            Keys::One(name) => (name, false),
        };
        let name = format!("{prefix}{name}");
        let numbers = if is_many { numbers } else { 0..1 };
        numbers.map(move |number| match is_many {
            true => format!("{name}{number:012}"),
            false => name.clone(),
        })
    }
}

const fn part(name: &'static str, command: &'static str, keys: Keys) -> Part {
    let keys = Some(keys);
    Part { name, command, keys }
}

const PARTS_COUNT: usize = PARTS.len();
const PARTS: &[Part] = &[
    Part {
        name: "ping_mbulk",
        command: "ping",
        keys: None,
    },
    part("get", "get", Keys::Many("key:")),
    part("set", "set", Keys::Many("key:")),
    part("mset", "mset", Keys::Many("key:")),
    part("incr", "incr", Keys::Many("counter:")),
    part("sadd", "sadd", Keys::One("myset")),
    part("spop", "spop", Keys::One("myset")),
    part("hset", "hset", Keys::One("myhash")),
    part("zadd", "zadd", Keys::One("myzset")),
    part("zpopmin", "zpopmin", Keys::One("myzset")),
];

/// A command and its share.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MixShare {
    #[schemars(extend("enum" = PARTS.iter().map(|part| part.name).collect::<Vec<_>>()))]
    command: String,
    /// Shares of their sum.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = WEIGHT_MAX))]
    weight: f64,
}

/// What is to be measured.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BenchWish {
    #[serde(default)]
    db: Database,
    #[schemars(length(min = 1, max = PARTS_COUNT))]
    mix: Vec<MixShare>,
    /// Different keys.
    #[schemars(range(min = 1, max = KEYS_MAX))]
    keys: u64,
    #[schemars(range(min = 1, max = VALUE_BYTES_MAX))]
    value_bytes: u64,
    /// Connections.
    #[schemars(range(min = 1, max = CLIENTS_MAX))]
    clients: usize,
    /// Requests of a connection that wait for their replies.
    #[schemars(range(min = 1, max = PIPELINE_MAX))]
    pipeline: usize,
    #[schemars(range(min = 1, max = DURATION_MAX_S))]
    duration_s: u64,
    /// Requests per second, which leave when they are due; as fast as replies come if absent.
    #[schemars(range(min = 1, max = RATE_MAX))]
    rate: Option<f64>,
    #[serde(default)]
    seed: u64,
    /// Makes all keys before, so that reads find them.
    #[serde(default)]
    fill: bool,
}

impl BenchWish {
    fn parts(&self) -> impl Iterator<Item = &'static Part> {
        let named = |name: &str| PARTS.iter().find(|part| part.name == name);
        self.mix.iter().filter_map(move |share| named(&share.command))
    }

    fn check(&self, databases: u64) -> Result<(), ApiError> {
        let bad = |message: &str| Err(ApiError::bad_request(message));
        let weighs = |share: &MixShare| share.weight > 0.0 && share.weight <= WEIGHT_MAX;
        if self.mix.is_empty() || self.mix.len() > PARTS.len() || self.parts().count() != self.mix.len() {
            return bad("mix has to name 1 to 10 of the commands that there are");
        }
        if !self.mix.iter().all(weighs) {
            return bad("each weight has to be a number above 0");
        }
        if self.db.0 >= databases {
            return bad("there is no such database");
        }
        for (name, value, most) in [
            ("keys", self.keys, KEYS_MAX),
            ("value_bytes", self.value_bytes, VALUE_BYTES_MAX),
            ("clients", self.clients as u64, CLIENTS_MAX as u64),
            ("pipeline", self.pipeline as u64, PIPELINE_MAX as u64),
            ("duration_s", self.duration_s, DURATION_MAX_S),
        ] {
            if !(1..=most).contains(&value) {
                return Err(ApiError::bad_request(format!(
                    "{name} has to be a number from 1 to {most}"
                )));
            }
        }
        if !self.rate.is_none_or(|rate| (1.0..=RATE_MAX).contains(&rate)) {
            return bad("rate has to be a number from 1 to 10000000");
        }
        Ok(())
    }

    /// Whether the run has the keys of SET.
    fn has_values(&self) -> bool {
        self.fill || self.parts().any(|part| part.keys == Some(Keys::Many("key:")))
    }

    /// Keys that the run makes, each kind once.
    fn kinds(&self) -> Vec<Keys> {
        let mut kinds: Vec<Keys> = Vec::new();
        let filled = self.fill.then_some(Keys::Many("key:"));
        for keys in self.parts().filter_map(|part| part.keys).chain(filled) {
            if !kinds.contains(&keys) {
                kinds.push(keys);
            }
        }
        kinds
    }

    /// Seconds after which a key ends.
    fn ttl_s(&self) -> u64 {
        self.duration_s + OUTLASTS_S
    }

    /// Memory that it will take, about.
    fn bytes(&self) -> u64 {
        let values = u64::from(self.has_values()) + u64::from(self.parts().any(|part| part.name == "hset"));
        let others = self.parts().count() as u64;
        self.keys * (values * (self.value_bytes + 120) + others * 120) + self.under_way_bytes()
    }

    /// What requests under way take on both sides of their connections.
    fn under_way_bytes(&self) -> u64 {
        const MSET_KEYS: u64 = 10;
        let values = if self.parts().any(|part| part.name == "mset") {
            MSET_KEYS
        } else {
            1
        };
        (self.clients * self.pipeline) as u64 * values * self.value_bytes * 2
    }

    /// As `flashdb-benchmark` reads it.
    fn options(&self) -> Result<Options, String> {
        let mix: Vec<String> = self
            .mix
            .iter()
            .map(|share| format!("{}:{}", share.command, share.weight))
            .collect();
        let interval_ms = (self.duration_s * 1000 / POINTS_MAX).max(INTERVAL_MIN_MS);
        let mut words: Vec<String> = [
            ("--mix", mix.join(",")),
            ("-r", self.keys.to_string()),
            ("-d", self.value_bytes.to_string()),
            ("-c", self.clients.to_string()),
            ("-P", self.pipeline.to_string()),
            ("--duration", self.duration_s.to_string()),
            ("--seed", self.seed.to_string()),
            ("--interval", interval_ms.to_string()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect();
        if let Some(rate) = self.rate {
            words.extend(["--rate".to_owned(), rate.to_string()]);
        }
        parse(&words)
    }

    /// Makes each key once.
    fn filling(&self) -> Result<Options, String> {
        let words = format!(
            "--mix set -r {keys} -n {keys} -d {} -c {} -P {FILL_PIPELINE} --distribution sequential",
            self.value_bytes,
            self.clients,
            keys = self.keys,
        );
        parse(&words.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }
}

fn parse(words: &[String]) -> Result<Options, String> {
    match options::parse(words, None)? {
        Request::Run(options) => Ok(*options),
        Request::Print(text) => Err(text),
    }
}

/// The workload with its keys under `prefix`, which end after `ttl_s` where the command can say so. Other words of these commands
/// do not begin as keys do.
fn under(prefix: &str, ttl_s: u64, mut workload: Workload) -> Workload {
    let is_key = |word: &[u8]| {
        PARTS.iter().any(|part| match part.keys {
            Some(Keys::Many(name)) => word.starts_with(name.as_bytes()),
            Some(Keys::One(name)) => word == name.as_bytes(),
            None => false,
        })
    };
    for word in workload
        .commands
        .iter_mut()
        .flat_map(|command| &mut command.words)
    {
        if is_key(word) {
            *word = [prefix.as_bytes(), word].concat();
        }
    }
    for command in &mut workload.commands {
        if command.words.first().is_some_and(|name| name == b"SET") {
            command
                .words
                .extend([b"EX".to_vec(), ttl_s.to_string().into_bytes()]);
        }
    }
    workload
}

/// `POST /bench`.
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    JsonBody(wish): JsonBody<BenchWish>,
) -> Result<(StatusCode, Json<Started>), ApiError> {
    caller.may_write()?;
    wish.check(app.engine.databases_count() as u64)?;
    let filling = if wish.fill { &["set"][..] } else { &[] };
    let needed = wish.parts().map(|part| part.command).chain(["unlink", "select"]);
    for command in needed.chain(filling.iter().copied()) {
        if !app.engine.allows(&caller.identity, command) {
            let text = format!("NOPERM User has no permissions to run the '{command}' command");
            return Err(ApiError::from_engine(text.as_bytes(), Some(command)));
        }
    }
    let room = Room::now(&app);
    room.check(wish.bytes())?;
    let request = match serde_json::to_value(&wish) {
        Ok(Value::Object(request)) => request,
        _ => Map::new(),
    };
    let job = app.jobs.begin(
        &app.hub,
        JobKind::Bench,
        Owner::of(&caller.identity),
        request.clone(),
    )?;
    job.note(BulkNote {
        trail: app.engine.audit().clone(),
        event: "bench",
        job: job.id.clone(),
        user: String::from_utf8_lossy(caller.identity.name()).into_owned(),
        peer: caller.peer,
        request_id,
        request: Value::Object(request).to_string(),
    });
    let started = Started::answer(&job);
    let guests = Guests::new(&app.engine, &caller.identity, caller.peer, wish.db.0);
    let tidier = Tidier::new(&app.engine, caller.peer, wish.db.0);
    let bench = Bench {
        hold: app.engine.hold_end(),
        prefix: format!("bench:{}:", job.id),
        app,
        wish,
        room,
        guests,
        tidier,
        job: job.clone(),
    };
    // Not a thread of the runtime: it works for minutes.
    let thread = std::thread::Builder::new().name("bench".into());
    if let Err(error) = thread.spawn(move || bench.run()) {
        job.end(Map::new(), Some(format!("a thread cannot be started: {error}")));
    }
    Ok(started)
}

struct Bench {
    app: Arc<App>,
    wish: BenchWish,
    room: Room,
    guests: Guests,
    tidier: Tidier,
    job: Arc<Job>,
    prefix: String,
    /// Until all is removed.
    hold: EndHold,
}

impl Bench {
    fn run(mut self) {
        let outcome = self.measure();
        let removed = self.remove_keys();
        let (result, failure) = match outcome {
            Ok(result) => (result, None),
            Err(failure) => (Map::new(), Some(failure)),
        };
        let left = removed.err().map(|error| {
            format!(
                "keys that begin with {} could not be removed: {error}",
                self.prefix
            )
        });
        let failure = match (failure, left) {
            (Some(failure), Some(left)) => Some(format!("{failure}; {left}")),
            (failure, left) => failure.or(left),
        };
        self.job.end(result, failure);
        drop(self.hold);
    }

    fn measure(&mut self) -> Result<Map<String, Value>, String> {
        // Whoever may not remove the keys must not make them.
        self.guests.unlink(&[format!("{}key:", self.prefix)])?;
        if self.wish.fill {
            let outcome = self.phase("filling", &self.wish.filling()?)?;
            if let Some(error) = outcome.errors.first() {
                return Err(format!("the keys could not be made: {}", error.text));
            }
        }
        if self.job.is_stopped() {
            return Ok(Map::new());
        }
        let outcome = self.phase("running", &self.wish.options()?)?;
        Ok(result(&outcome))
    }

    fn phase(&mut self, name: &'static str, options: &Options) -> Result<Outcome, String> {
        let sockets = self.guests.sockets(self.wish.clients)?;
        let workload = options.workloads.first().ok_or("there is no workload")?;
        let workload = under(&self.prefix, self.wish.ttl_s(), workload.clone());
        let stop = self.job.stop.clone();
        let mut watcher = Watcher {
            bench: self,
            phase: name,
            next: 0,
            failure: None,
        };
        let outcome = run_over(options, sockets, &workload, &stop, &mut watcher);
        let outcome = outcome.map_err(|error| format!("the run could not begin: {error}"))?;
        match watcher.failure.or_else(|| outcome.failure.clone()) {
            Some(failure) => Err(failure),
            None => Ok(outcome),
        }
    }

    /// Removes what the run has made, in every database that it may be in.
    fn remove_keys(&self) -> Result<(), String> {
        for db in self.tidier.databases()? {
            for keys in self.wish.kinds() {
                let names = keys.names(&self.prefix, 0..self.wish.keys);
                self.tidier.unlink(db, names, REMOVED_TOGETHER, |removed| {
                    let job = &self.job;
                    job.progress("removing keys", removed, self.wish.keys, 0, Value::Null);
                })?;
            }
        }
        Ok(())
    }
}

/// Tells the job how a phase goes, and ends it when the memory is used up.
struct Watcher<'b> {
    bench: &'b mut Bench,
    phase: &'static str,
    /// Number of the next key that is to be given an end.
    next: u64,
    failure: Option<String>,
}

impl Watcher<'_> {
    /// Gives an end to keys whose command cannot: all of those that are one, and some of those that are many.
    fn give_ends(&mut self) {
        let Bench {
            wish, prefix, tidier, ..
        } = &mut *self.bench;
        let kinds = wish
            .parts()
            .filter(|part| part.command != "set" && part.command != "get");
        let end = (self.next + ENDS_GIVEN_TOGETHER).min(wish.keys);
        let mut names = Vec::new();
        for keys in kinds.filter_map(|part| part.keys) {
            names.extend(keys.names(prefix, self.next..end));
        }
        self.next = if end == wish.keys { 0 } else { end };
        if !names.is_empty() {
            tidier.give_end(names.into_iter(), wish.ttl_s());
        }
    }
}

impl Watch for Watcher<'_> {
    fn show(&mut self, point: &Point, total: &Latencies, done_share: Option<f64>, errors: &[ErrorCount]) {
        self.give_ends();
        let bench = &*self.bench;
        let whole = bench.wish.duration_s * 1000;
        let done = (done_share.unwrap_or(0.0) * whole as f64) as u64;
        let errors = errors.iter().map(|kind| kind.count).sum();
        let mut shown = shown_point(point);
        shown["requests"] = total.len().into();
        bench.job.progress(self.phase, done, whole, errors, shown);
        if let Err(error) = bench.room.check_now(&bench.app) {
            self.failure = Some(error.message);
            bench.job.abort();
        }
        if bench.app.engine.is_to_end() {
            bench.job.abort();
        }
    }
}

fn shown_point(point: &Point) -> Value {
    json!({
        "s": point.seconds, "rps": point.requests_per_second, "p50_us": point.p50_ms * 1000.0, "p95_us": point.p95_ms * 1000.0,
        "p99_us": point.p99_ms * 1000.0, "p999_us": point.p99_9_ms * 1000.0, "max_us": point.max_ms * 1000.0,
    })
}

fn percentiles(latencies: &Latencies) -> Value {
    let us = |percent| percentile_ms(latencies, percent) * 1000.0;
    json!({
        "requests": latencies.len(), "p50_us": us(50.0), "p95_us": us(95.0), "p99_us": us(99.0), "p999_us": us(99.9),
        "max_us": latencies.max() as f64 / 1000.0, "mean_us": latencies.mean() / 1000.0,
    })
}

/// Bounds of the first bucket of the histogram, and how the bounds grow.
const FIRST_BUCKET_NS: u64 = 1000;
const BUCKET_GROWTH: f64 = 1.5;

fn result(outcome: &Outcome) -> Map<String, Value> {
    let buckets: Vec<Value> = outcome
        .latencies
        .iter_log(FIRST_BUCKET_NS, BUCKET_GROWTH)
        .map(|bucket| {
            let to_us = bucket.value_iterated_to() as f64 / 1000.0;
            json!({"to_us": to_us, "count": bucket.count_since_last_iteration()})
        })
        .collect();
    let errors: Vec<Value> = outcome
        .errors
        .iter()
        .map(|kind| json!({"text": kind.text, "count": kind.count}))
        .collect();
    let by_command: Vec<Value> = outcome.by_command.iter().map(percentiles).collect();
    let series: Vec<Value> = outcome.series.iter().map(shown_point).collect();
    let all = json!({
        "seconds": outcome.seconds, "rps": outcome.requests_per_second(), "all": percentiles(&outcome.latencies),
        "by_command": by_command, "errors": errors, "unanswered": outcome.unanswered, "late": outcome.late,
        "generator_cores": outcome.generator_cpu_ns as f64 / 1e9 / outcome.seconds.max(1e-9),
        "series": series, "histogram": buckets,
    });
    match all {
        Value::Object(all) => all,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(mix: &[&str]) -> BenchWish {
        let mix: Vec<Value> = mix
            .iter()
            .map(|name| json!({"command": name, "weight": 1.0}))
            .collect();
        let wish =
            json!({"mix": mix, "keys": 100, "value_bytes": 10, "clients": 2, "pipeline": 1, "duration_s": 1});
        serde_json::from_value(wish).expect("a wish")
    }

    #[test]
    fn every_command_can_be_run_and_its_keys_are_under_the_prefix() {
        for part in PARTS {
            let options = wish(&[part.name]).options().expect("options");
            let workload = under("bench:x:", 60, options.workloads[0].clone());
            let words = &workload.commands[0].words;
            assert_eq!(words[0], part.command.to_uppercase().as_bytes());
            let keys = words.iter().filter(|word| word.starts_with(b"bench:x:")).count();
            let expected = match (part.keys, part.name) {
                (None, _) => 0,
                (_, "mset") => 10,
                _ => 1,
            };
            assert_eq!(keys, expected, "{}", part.name);
            assert!(part.keys.is_none() || words[1].starts_with(b"bench:x:"));
            let has_end = words.ends_with(&[b"EX".to_vec(), b"60".to_vec()]);
            assert_eq!(has_end, part.name == "set");
        }
        assert!(wish(&["get"]).filling().is_ok());
    }

    #[test]
    fn wishes_have_bounds() {
        assert!(wish(&["get", "set"]).check(1).is_ok());
        let good = || wish(&["get"]);
        for bad in [
            wish(&[]),
            wish(&["lpush"]),
            wish(&["flushall"]),
            BenchWish {
                keys: KEYS_MAX + 1,
                ..good()
            },
            BenchWish { clients: 0, ..good() },
            BenchWish {
                clients: CLIENTS_MAX + 1,
                ..good()
            },
            BenchWish {
                pipeline: PIPELINE_MAX + 1,
                ..good()
            },
            BenchWish {
                duration_s: DURATION_MAX_S + 1,
                ..good()
            },
            BenchWish {
                rate: Some(f64::NAN),
                ..good()
            },
            BenchWish {
                rate: Some(0.0),
                ..good()
            },
            BenchWish {
                db: Database(1),
                ..good()
            },
        ] {
            assert!(bad.check(1).is_err());
        }
        let mut weightless = good();
        weightless.mix[0].weight = f64::INFINITY;
        assert!(weightless.check(1).is_err());
        assert!(wish(&["get"]).bytes() >= 100 * 130);
    }
}
