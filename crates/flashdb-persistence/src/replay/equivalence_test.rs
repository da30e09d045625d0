//! What the log says is what happened: random requests run on one keyspace, their effects are replayed into another, and both
//! are compared again and again. The clock moves on meanwhile, keys and fields expire, and the replay takes place an hour
//! later.

use super::test_live::Live;
use super::test_requests::Requests;
use super::test_state::{State, state};
use super::{Commands, Replayer, Setup};
use flashdb_base::args::OwnedArgs;
use flashdb_base::prng::Prng;
use flashdb_command::Flags;
use flashdb_config::Settings;
use flashdb_log::effects::frames;
use flashdb_store::{Keyspace, Usage};
use std::collections::{BTreeMap, BTreeSet};

pub const DATABASES: usize = 3;
const STEPS: usize = 3000;
/// Steps between two comparisons.
const STRIDE: usize = 40;

/// One step of a client, or of the background.
pub fn step(live: &mut Live<'_>, requests: &mut Requests) {
    let prng = &mut requests.prng;
    live.data.now_ms += prng.below(12) as i64;
    requests.now_ms = live.data.now_ms;
    live.mode.in_exec = prng.below(2) == 0;
    live.mode.retry = prng.below(10) == 0;
    match prng.below(60) {
        0 => live.data.db = prng.below(DATABASES as u64) as u16,
        1 => live.expire_some(prng.below(4) as u16),
        2 => live.evict_one(prng.below(4) as u16),
        3..=8 => {
            let key = format!(
                "{}{}",
                ["s", "h", "l", "x", "z"][prng.below(5) as usize],
                prng.below(3)
            );
            let dump = live.run(&OwnedArgs::from_words([b"DUMP".as_slice(), key.as_bytes()]));
            requests.keep_payload(&dump);
        }
        9 | 10 => {
            let request_count = 1 + prng.below(4);
            live.begin_group();
            live.mode.in_exec = true;
            live.mode.retry = false;
            for _ in 0..request_count {
                run_next(live, requests);
            }
            live.end_group();
        }
        _ => {
            run_next(live, requests);
        }
    }
}

fn run_next(live: &mut Live<'_>, requests: &mut Requests) {
    let request = requests.next();
    let reply = live.run(&request);
    requests.keep_id(&request, &reply);
}

pub fn requests(seed: u64, keys: u64) -> Requests {
    Requests {
        prng: Prng::from_seed(seed),
        payloads: Vec::new(),
        ids: Default::default(),
        now_ms: 0,
        keys,
        focus: [None, Some("$x"), Some("$h"), None, Some("$z")][seed as usize % 5],
    }
}

/// Panics with what differs, and with the history of those keys.
pub fn compare(live: &Live<'_>, expected: &State, found: &State, seed: u64) {
    if expected == found {
        return;
    }
    let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    for at in keys {
        let (lived, replayed) = (expected.get(at), found.get(at));
        if lived != replayed {
            let (_, key) = at;
            let about =
                |line: &&String| line.split([' ', '|']).any(|word| word == key) || line.contains("(active");
            let history: Vec<&str> = live.history.iter().filter(about).map(String::as_str).collect();
            let recent = history[history.len().saturating_sub(25)..].join("\n");
            panic!("seed {seed}, {at:?}\n lived:    {lived:?}\n replayed: {replayed:?}\n{recent}");
        }
    }
}

/// Runs one seed; the commands that changed something.
fn check_seed(seed: u64) -> BTreeMap<String, usize> {
    let (lived, _collector) = Keyspace::new(4, DATABASES, 1);
    let (replayed, _collector) = Keyspace::new(8, DATABASES, 1);
    let mut live = Live::new(&lived, seed);
    // Few keys bring types and expiries into each other's way, more of them let values grow.
    let mut requests = requests(seed, 1 + seed % 4);
    let (commands, settings) = (Commands::new(), Settings::default());
    for at in 1..=STEPS {
        step(&mut live, &mut requests);
        if at % STRIDE != 0 {
            continue;
        }
        let bytes = live.take_frames();
        let setup = Setup {
            space: &replayed,
            commands: &commands,
            settings: &settings,
            usage: Usage::Lru,
            now_ms: live.data.now_ms + 3_600_000,
        };
        let mut replayer = Replayer::new(setup, 0);
        for frame in frames(&bytes) {
            let frame = frame.expect("just written");
            if let Err(error) = replayer.apply(&frame, 0) {
                let recent = &live.history[live.history.len() - STRIDE * 3 / 2..];
                panic!("seed {seed}: {error}\n{}", recent.join("\n"));
            }
        }
        compare(&live, &state(&lived), &state(&replayed), seed);
    }
    live.changed_by
}

/// PER-60, PER-66: what is recovered is what was there, for every command that changes data.
#[test]
fn replayed_effects_make_the_same_state() {
    let first: u64 = std::env::var("FLASHDB_SEED").map_or(0, |seed| seed.parse().expect("a number"));
    let count: u64 = std::env::var("FLASHDB_SEEDS").map_or(24, |count| count.parse().expect("a number"));
    let mut changed_by: BTreeMap<String, usize> = BTreeMap::new();
    for seed in first..first + count {
        for (name, times) in check_seed(seed) {
            *changed_by.entry(name).or_default() += times;
        }
    }
    if count < 8 {
        return;
    }
    let registry = flashdb_command::Registry::new(&flashdb_command::families());
    for command in registry.all() {
        let spec = command.spec;
        let writes = spec.flags.has(Flags::WRITE) && spec.subcommands.is_empty();
        assert!(
            !writes || changed_by.contains_key(&spec.full_name()),
            "{} changed nothing in any run",
            spec.full_name()
        );
    }
}
