//! How fast files are read: a million small keys as RDB and as append-only file, from memory.
//!
//! `cargo run --release -p flashdb-rdb --example read_speed [FILE]`; with a file, that RDB file is read instead. Times are of
//! the processor, not of the clock, where Linux tells them: others may use the machine too.

#![allow(clippy::unwrap_used)] // a panic is how a measurement fails

use std::io::Cursor;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use flashdb_rdb::aof::{AofFileReader, AofItem};
use flashdb_rdb::{EncodeLimits, FileItem, FileReader, FileWriter, write_string_value};

const KEYS: u32 = 1_000_000;

fn rdb() -> Vec<u8> {
    let mut writer = FileWriter::new(Vec::new(), true);
    let limits = EncodeLimits::default();
    for key in 0..KEYS {
        let value = [b'v'; 16];
        let key = format!("key:{key:012}").into_bytes();
        writer
            .entry(&key, None, None, |out| write_string_value(out, &value, &limits))
            .unwrap();
    }
    writer.finish().unwrap()
}

fn aof() -> Vec<u8> {
    (0..KEYS)
        .flat_map(|key| {
            format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{key:012}\r\n$16\r\nvvvvvvvvvvvvvvvv\r\n").into_bytes()
        })
        .collect()
}

/// Processor time of this thread.
fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanos = told.ok().and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

fn measure(name: &str, bytes: &[u8], read: impl Fn(&[u8]) -> usize) {
    let run = || {
        let start = now();
        let keys = read(bytes);
        ((now() - start).as_secs_f64(), keys)
    };
    let (mut seconds, keys) = run();
    for _ in 0..8 {
        seconds = seconds.min(run().0);
    }
    let megabytes = bytes.len() as f64 / 1e6;
    println!(
        "{name}: {keys} keys, {megabytes:.0} MB in {:.0} ms: {:.0} ns per key, {:.0} MB/s",
        seconds * 1e3,
        seconds * 1e9 / keys as f64,
        megabytes / seconds
    );
}

fn read_rdb(bytes: &[u8]) -> usize {
    FileReader::new(bytes)
        .unwrap()
        .filter(|item| matches!(item.as_ref().unwrap(), FileItem::Entry(_)))
        .count()
}

fn main() {
    if let Some(path) = std::env::args_os().nth(1) {
        return measure("file", &std::fs::read(path).unwrap(), read_rdb);
    }
    let file = rdb();
    measure("rdb", &file, read_rdb);
    measure("its checksum", &file, |bytes| {
        std::hint::black_box(flashdb_base::crc::crc64(0, bytes));
        KEYS as usize
    });
    measure("aof", &aof(), |bytes| {
        AofFileReader::new(Cursor::new(bytes), true)
            .unwrap()
            .filter(|item| matches!(item.as_ref().unwrap(), AofItem::Command(_)))
            .count()
    });
}
