//! Throughput of sealing, writing and reading snapshots, by compression; and what a look-up among many regions costs.
//!
//! `cargo bench -p flashdb-snapshot [-- MEGABYTES]`, 128 by default, of entries whose values are text like JSON or noise. One
//! thread; MB/s of uncompressed content, the best of three runs. Where Linux tells it is the thread's time on a processor, so
//! that a busy machine disturbs little; elsewhere the time that went by. Files lie in the system's folder for temporary
//! files, in the page cache. Not measured: waiting for the disk, several threads, a cold cache, encoding the values.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use flashdb_base::prng::Prng;
use flashdb_disk::{Disk, RealDisk};
use flashdb_snapshot::{
    BlockBuffer, BlockBuilder, Compression, EntryRef, HistoryId, Portion, Region, Sealer, SnapshotId,
    SnapshotMeta, SnapshotReader, SnapshotWriter,
};

const KINDS: [(&str, Compression); 4] = [
    ("none", Compression::None),
    ("lz4", Compression::Lz4),
    ("zstd 1", Compression::Zstd { level: 1 }),
    ("zstd 3", Compression::Zstd { level: 3 }),
];

/// Seconds that this thread was on a processor.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse::<f64>().ok().map(|ns| ns / 1e9)
}

/// The best of three runs, in seconds.
fn best(mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let (start, on_processor) = (Instant::now(), processor_seconds());
        run();
        match (on_processor, processor_seconds()) {
            (Some(before), Some(after)) => after - before,
            _ => start.elapsed().as_secs_f64(),
        }
    };
    (0..3).map(time).fold(f64::MAX, f64::min)
}

fn values(json: bool) -> Vec<Vec<u8>> {
    let mut prng = Prng::from_seed(1);
    let text = |prng: &mut Prng| {
        let (id, name, score) = (prng.below(1 << 30), prng.below(5000), prng.below(100));
        format!(
            r#"{{"id":{id},"name":"user {name}","mail":"user.{name}@example.com","score":{score},"active":{},"tags":["a","b"]}}"#,
            prng.below(2) == 0
        )
        .into_bytes()
    };
    let noise = |prng: &mut Prng| {
        let mut bytes = vec![0; 32];
        prng.fill(&mut bytes);
        bytes
    };
    (0..10_000)
        .map(|_| if json { text(&mut prng) } else { noise(&mut prng) })
        .collect()
}

/// Calls `each` with entries until they make so many bytes.
fn entries(values: &[Vec<u8>], bytes: usize, mut each: impl FnMut(&EntryRef<'_>)) {
    let (mut done, mut number) = (0, 0usize);
    while done < bytes {
        let key = format!("user:{number:011}");
        let payload = &values[number % values.len()];
        each(&EntryRef {
            db: 0,
            key: key.as_bytes(),
            expire_at_ms: None,
            access: number as u32,
            raw: false,
            portion: Portion::Whole,
            value_type: 0,
            payload,
        });
        done += key.len() + payload.len() + 7;
        number += 1;
    }
}

fn meta(compression: Compression) -> SnapshotMeta {
    SnapshotMeta {
        id: SnapshotId([1; 16]),
        lsn: 1,
        base: None,
        history: HistoryId([1; 16]),
        created_ms: 1_700_000_000_000,
        label: String::new(),
        kept: false,
        databases: 16,
        shards: 256,
        hash_seed: Vec::new(),
        compression,
    }
}

/// Filling and sealing, without files.
fn seal(values: &[Vec<u8>], bytes: usize, compression: Compression) -> f64 {
    let mut sealer = Sealer::new(compression).expect("a known level");
    let mut builder = BlockBuilder::entries(0);
    best(|| {
        entries(values, bytes, |entry| {
            if !builder.push_entry(entry) {
                black_box(builder.seal(&mut sealer).expect("sealed"));
                assert!(builder.push_entry(entry));
            }
        });
    })
}

fn write(disk: &Arc<dyn Disk>, dir: &Path, values: &[Vec<u8>], bytes: usize, kind: Compression) -> f64 {
    let mut last = None;
    let seconds = best(|| {
        if let Some(path) = last.take() {
            disk.remove(path).expect("removed");
        }
        let mut writer = SnapshotWriter::create(disk.clone(), dir, meta(kind)).expect("created");
        let mut builder = BlockBuilder::entries(0);
        entries(values, bytes, |entry| {
            if !builder.push_entry(entry) {
                writer.append(&mut builder).expect("written");
                assert!(builder.push_entry(entry));
            }
        });
        writer.append(&mut builder).expect("written");
        last = Some(Box::leak(
            writer.finish().expect("finished").path.into_boxed_path(),
        ));
    });
    black_box(last);
    seconds
}

fn read(reader: &SnapshotReader) -> f64 {
    let mut buffer = BlockBuffer::new();
    best(|| {
        for index in 0..reader.blocks().len() {
            let block = reader.read_block(index, &mut buffer).expect("read");
            for entry in block.entries() {
                black_box(entry.expect("an entry").key.len());
            }
        }
    })
}

fn regions(disk: &Arc<dyn Disk>, dir: &Path) {
    const COUNT: u32 = 100_000;
    let mut prng = Prng::from_seed(2);
    let base = Some(flashdb_snapshot::Base {
        id: SnapshotId([2; 16]),
        lsn: 0,
    });
    let meta = SnapshotMeta {
        base,
        lsn: 2,
        ..meta(Compression::Lz4)
    };
    let mut writer = SnapshotWriter::create(disk.clone(), dir, meta).expect("created");
    let mut builder = BlockBuilder::regions(0);
    for _ in 0..COUNT {
        let (segment, bucket) = (prng.below(1 << 12) as u32, prng.below(60) as u32);
        let region = Region {
            prefixes: segment << 12..(segment + 1) << 12,
            positions: bucket * 1024..(bucket + 1) * 1024,
        };
        if !builder.push_region(0, &region) {
            writer.append(&mut builder).expect("written");
            assert!(builder.push_region(0, &region));
        }
    }
    writer.append(&mut builder).expect("written");
    let info = writer.finish().expect("finished");
    let reader = SnapshotReader::open(&**disk, &info.path).expect("opened");
    let load_ms = 1e3 * best(|| drop(black_box(reader.regions().expect("regions"))));
    let set = reader.regions().expect("regions");
    let mut covered = 0u32;
    let seconds = best(|| {
        covered = (0..1_000_000)
            .map(|_| u32::from(set.covers(0, 0, prng.next_u64())))
            .sum()
    });
    println!(
        "{COUNT} regions of one shard: {} bytes, {load_ms:.1} ms to read, {:.0} ns a look-up ({}% covered)",
        info.file_bytes,
        seconds * 1e3,
        covered / 10_000
    );
}

fn main() {
    let megabytes = std::env::args()
        .filter_map(|word| word.parse::<usize>().ok())
        .next()
        .unwrap_or(128);
    let bytes = megabytes << 20;
    let dir = std::env::temp_dir().join(format!("flashdb-snapshot-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder for the bench");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    for json in [true, false] {
        let values = values(json);
        println!("{} values, {megabytes} MB:", if json { "text" } else { "noise" });
        for (name, kind) in KINDS {
            let (seal, write) = (
                seal(&values, bytes, kind),
                write(&disk, &dir, &values, bytes, kind),
            );
            let path = dir.join("snapshots").join(meta(kind).file_name());
            let reader = SnapshotReader::open(&*disk, &path).expect("opened");
            let rate = |seconds: f64| bytes as f64 / 1e6 / seconds;
            println!(
                "  {name:7} fill and seal {:5.0} MB/s   write {:5.0} MB/s   read {:5.0} MB/s   {:.2} of the size",
                rate(seal),
                rate(write),
                rate(read(&reader)),
                reader.info().file_bytes as f64 / bytes as f64
            );
            std::fs::remove_file(&path).expect("removed");
        }
    }
    regions(&disk, &dir);
    std::fs::remove_dir_all(&dir).expect("removed");
}
