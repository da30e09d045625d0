//! What the log costs: a window of 16 SETs from request to the shared buffer, as a core loop pays for it; then what the
//! writer's thread pays a mebibyte, and a sync; then reading.
//!
//! `cargo bench -p flashdb-log [-- FOLDER]`; files go to FOLDER, the temporary folder by default. Keys of 16 bytes, values of
//! 32. Best of five, in time of the thread's processor except for syncs. Not measured: several loops that contend for the log's lock, a disk that cannot keep up.

use flashdb_disk::{Disk, RealDisk};
use flashdb_log::{
    EffectBuffer, Log, LogListener, LogWriter, Lsn, ScanOptions, SyncPolicy, WriterParts, WriterSettings,
    scan,
};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const WINDOW: usize = 16;
const FRAMES: usize = 1 << 20;

struct Deaf;

impl LogListener for Deaf {
    fn durable(&self, _: Lsn) {}
    fn health_changed(&self, _: bool) {}
    fn drained(&self) {}
}

struct Folder(PathBuf);

impl Folder {
    fn new(base: &Path) -> Self {
        let path = base.join(format!("flashdb-log-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a writable folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind, it does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn append_windows(log: &Log, frames: usize) {
    let mut buffer = EffectBuffer::default();
    let key = [b'k'; 16];
    let value = [b'v'; 32];
    let words: [&[u8]; 3] = [b"SET", &key, &value];
    for _ in 0..frames / WINDOW {
        for _ in 0..WINDOW {
            buffer.push(0, false, 3, |at| words[at]);
            buffer.end_frame();
        }
        log.append(&mut buffer);
    }
}

fn best(mut run: impl FnMut() -> Duration) -> Duration {
    (0..ROUNDS).map(|_| run()).min().unwrap_or_default()
}

/// The thread's processor time so far: others on the machine count for little in it.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn per_frame(time: Duration) -> f64 {
    time.as_nanos() as f64 / FRAMES as f64
}

/// Without a writer's thread: the buffer is taken every 4,096 frames and used again, as the thread does.
fn appending() {
    let log = Log::new(0);
    log.enable(true);
    let time = best(|| {
        let mut spare = Vec::new();
        let begun = cpu();
        for _ in 0..FRAMES / 4096 {
            append_windows(&log, 4096);
            let mut taken = log.take(std::mem::take(&mut spare));
            log.written(taken.bytes.len() as u64);
            taken.bytes.clear();
            spare = taken.bytes;
        }
        cpu() - begun
    });
    println!("append, windows of {WINDOW}: {:.1} ns a frame", per_frame(time));
}

fn writer(folder: &Path, settings: WriterSettings) -> (Arc<Log>, LogWriter) {
    let log = Arc::new(Log::new(0));
    log.enable(true);
    let parts = WriterParts {
        disk: Arc::new(RealDisk),
        dir: folder.to_path_buf(),
        history: [1; 16],
        log: log.clone(),
        listener: Arc::new(Deaf),
    };
    let writer = LogWriter::create(parts, settings, 0, 1).expect("a writable folder");
    (log, writer)
}

/// Steps that only write (1 MiB and 64 KiB at a time), rotations at 64 MiB included.
fn stepping(base: &Path) {
    for frames in [800, 13_000] {
        let mut bytes = 0;
        let time = best(|| {
            let folder = Folder::new(base);
            let settings = WriterSettings {
                policy: SyncPolicy::Never,
                segment_bytes: 1 << 30,
                ..WriterSettings::default()
            };
            let (log, mut writer) = writer(&folder.0, settings);
            let mut time = Duration::ZERO;
            for _ in 0..FRAMES / frames {
                append_windows(&log, frames);
                let begun = cpu();
                writer.step(2);
                time += cpu() - begun;
            }
            bytes = log.appended_bytes();
            time
        });
        println!(
            "step of {} KiB without sync: {:.0} us a MiB",
            (bytes / (FRAMES / frames) as u64) >> 10,
            time.as_micros() as f64 / (bytes as f64 / f64::from(1 << 20))
        );
    }
}

/// Steps of one window under `always`, median and 99th percentile.
fn syncing(base: &Path) {
    for preallocate_bytes in [0, 8 << 20] {
        let folder = Folder::new(base);
        let settings = WriterSettings {
            policy: SyncPolicy::Always,
            preallocate_bytes,
            ..WriterSettings::default()
        };
        let (log, mut writer) = writer(&folder.0, settings);
        let mut times: Vec<Duration> = (0..4000)
            .map(|_| {
                append_windows(&log, WINDOW);
                let begun = Instant::now();
                writer.step(2);
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!(
            "step of {WINDOW} frames with sync, {} MiB preallocated: p50 {} us, p99 {} us",
            preallocate_bytes >> 20,
            times[times.len() / 2].as_micros(),
            times[times.len() * 99 / 100].as_micros()
        );
    }
}

fn reading(base: &Path) {
    let folder = Folder::new(base);
    let settings = WriterSettings {
        policy: SyncPolicy::Never,
        ..WriterSettings::default()
    };
    let (log, mut writer) = writer(&folder.0, settings);
    for _ in 0..FRAMES / 4096 {
        append_windows(&log, 4096);
        writer.step(2);
    }
    writer.close(3).expect("a writable folder");
    let disk: &dyn Disk = &RealDisk;
    let time = best(|| {
        let begun = cpu();
        let end = scan(disk, &folder.0, &ScanOptions::default(), |visited| {
            std::hint::black_box(visited.frame.record.key);
            ControlFlow::Continue(())
        })
        .expect("what was written");
        assert_eq!(end.frames, FRAMES as u64);
        cpu() - begun
    });
    println!("scan: {:.1} ns a frame", per_frame(time));
}

fn main() {
    let base = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"))
        .map_or_else(std::env::temp_dir, PathBuf::from);
    appending();
    stepping(&base);
    syncing(&base);
    reading(&base);
}
