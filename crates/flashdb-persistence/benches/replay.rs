//! How fast a log becomes the data again: 1.3 million records (strings, hashes, sets, sorted sets) read from a file,
//! by one thread and by several; and logs of MSET, of small counters and of commands that touch several shards.
//!
//! `cargo bench -p flashdb-persistence --bench replay [-- NAME]`

use flashdb_base::prng::Prng;
use flashdb_config::Settings;
use flashdb_log::effects::frames;
use flashdb_log::{EffectBuffer, Log};
use flashdb_persistence::replay::{Commands, ReplayError, Replayer, Setup, replay_in_parallel};
use flashdb_store::{Keyspace, Usage};
use std::io::Write;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHARDS: usize = 256;

/// A log being made.
struct Script {
    log: Log,
    buffer: EffectBuffer,
    records: usize,
}

impl Script {
    fn new() -> Self {
        let log = Log::default();
        log.enable(true);
        Script {
            log,
            buffer: EffectBuffer::default(),
            records: 0,
        }
    }

    fn add(&mut self, words: &[impl AsRef<[u8]>]) {
        self.buffer.push(0, false, words.len(), |at| words[at].as_ref());
        self.buffer.end_frame();
        self.records += 1;
        if self.records.is_multiple_of(1000) {
            self.log.append(&mut self.buffer);
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if !self.buffer.is_empty() {
            self.log.append(&mut self.buffer);
        }
        self.log.take(Vec::new()).bytes
    }
}

/// A million strings of 16 and 32 bytes; a hundred thousand hashes, sets and sorted sets of 8 members.
fn mixed() -> Vec<u8> {
    let mut script = Script::new();
    let value = "v".repeat(32);
    for at in 0..1_000_000 {
        script.add(&["SET", &format!("key:{at:012}"), &value]);
    }
    for at in 0..100_000 {
        let words = |name: &str, kind: char| vec![name.to_string(), format!("{kind}:{at:012}")];
        let (mut hset, mut sadd, mut zadd) = (words("HSET", 'h'), words("SADD", 's'), words("ZADD", 'z'));
        for member in 0..8 {
            hset.extend([format!("field{member}"), format!("value{member}")]);
            sadd.push(format!("member{member}"));
            zadd.extend([format!("{member}.5"), format!("member{member}")]);
        }
        for words in [hset, sadd, zadd] {
            script.add(&words);
        }
    }
    script.finish()
}

/// Transactions and multi-key commands.
fn generated(count: usize, mut words: impl FnMut(&mut Prng) -> String) -> Vec<u8> {
    let (mut script, mut prng) = (Script::new(), Prng::from_seed(1));
    for _ in 0..count {
        let line = words(&mut prng);
        script.add(&line.split(' ').collect::<Vec<_>>());
    }
    script.finish()
}

fn measure(name: &str, make: impl FnOnce() -> Vec<u8>) {
    let chosen = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    if chosen.is_some_and(|chosen| !name.contains(&chosen)) {
        return;
    }
    let bytes = make();
    let path = std::env::temp_dir().join(format!("flashdb-replay-{}", std::process::id()));
    std::fs::File::create(&path)
        .and_then(|mut file| file.write_all(&bytes))
        .expect("the temporary folder can be written");
    for workers in [0, 1, 2, 3] {
        let best = (0..3)
            .map(|_| run(&path, workers))
            .min_by(|a, b| a.seconds.total_cmp(&b.seconds))
            .expect("three runs");
        let Run {
            records,
            seconds,
            cpu,
        } = best;
        println!("{name}: {records} records, {workers} workers: {seconds:.3} s, of processors {cpu:.2} s");
    }
    std::fs::remove_file(&path).expect("written above");
}

/// One replay, from the mapping of the file to the last record's end.
struct Run {
    records: u64,
    seconds: f64,
    /// Processor seconds of all threads, which tell more where others use the machine, too.
    cpu: f64,
}

/// Processor seconds of this process so far, to a hundredth; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn run(path: &std::path::Path, workers: usize) -> Run {
    use flashdb_disk::Disk;
    let (space, collector) = Keyspace::new(SHARDS, 16, workers + 1);
    drop(collector);
    let (commands, settings) = (Commands::new(), Settings::default());
    let setup = Setup {
        space: &space,
        commands: &commands,
        settings: &settings,
        usage: Usage::Lru,
        now_ms: 1_700_000_000_000,
    };
    let (began, cpu_before) = (Instant::now(), cpu_seconds());
    let mapped = flashdb_disk::RealDisk.map(path).expect("written before");
    let records = if workers == 0 {
        let mut replayer = Replayer::new(setup, 0);
        let mut records = 0;
        for frame in frames(mapped.bytes()) {
            replayer.apply(&frame.expect("sound"), 0).expect("fits");
            records += 1;
        }
        records
    } else {
        replay_in_parallel(setup, 0..workers + 1, |replayer| {
            for frame in frames(mapped.bytes()) {
                replayer.apply(&frame.expect("sound"), 0)?;
            }
            Ok::<_, ReplayError>(replayer.records())
        })
        .expect("fits")
    };
    Run {
        records,
        seconds: began.elapsed().as_secs_f64(),
        cpu: cpu_seconds() - cpu_before,
    }
}

fn main() {
    measure("mixed", mixed);
    let key = |prng: &mut Prng| format!("key:{}", prng.below(100_000));
    measure("INCR", || {
        generated(1_000_000, |prng| format!("INCR {}", key(prng)))
    });
    let mset = |prng: &mut Prng| {
        let pairs: Vec<String> = (0..10).map(|_| format!("{} value", key(prng))).collect();
        format!("MSET {}", pairs.join(" "))
    };
    measure("MSET of 10", || generated(100_000, mset));
    let lmove = |prng: &mut Prng| match prng.below(2) {
        0 => format!("RPUSH {} value", key(prng)),
        _ => format!("LMOVE {} {} LEFT RIGHT", key(prng), key(prng)),
    };
    measure("LMOVE every second", || generated(300_000, lmove));
    let seldom = |prng: &mut Prng| match prng.below(1000) {
        0 => format!("LMOVE {} {} LEFT RIGHT", key(prng), key(prng)),
        _ => format!("RPUSH {} value", key(prng)),
    };
    measure("LMOVE every thousandth", || generated(1_000_000, seldom));
}
