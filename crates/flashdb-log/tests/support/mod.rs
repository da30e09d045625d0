//! What the tests of the log share: appending numbered frames, reading them back, a listener that counts.

#![allow(dead_code)]

use flashdb_disk::Disk;
use flashdb_log::{
    EffectBuffer, Log, LogError, LogListener, LogWriter, Lsn, ScanEnd, ScanOptions, WriterParts,
    WriterSettings, repair, scan,
};
use parking_lot::Mutex;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const HISTORY: [u8; 16] = *b"history of tests";

#[derive(Default)]
pub struct Heard {
    pub durable: AtomicU64,
    pub health: Mutex<Vec<bool>>,
    pub drained: AtomicU64,
    pub full: Mutex<Vec<bool>>,
}

impl LogListener for Heard {
    fn durable(&self, lsn: Lsn) {
        self.durable.fetch_max(lsn, Ordering::SeqCst);
    }
    fn health_changed(&self, failed: bool) {
        self.health.lock().push(failed);
    }
    fn drained(&self) {
        self.drained.fetch_add(1, Ordering::SeqCst);
    }
    fn room_changed(&self, full: bool) {
        self.full.lock().push(full);
    }
}

/// A log with a writer, over a disk.
pub struct Rig {
    pub log: Arc<Log>,
    pub heard: Arc<Heard>,
    pub writer: LogWriter,
}

pub fn parts(disk: &Arc<dyn Disk>, dir: &Path, after: Lsn) -> (WriterParts, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let log = Arc::new(Log::new(after));
    log.enable(true);
    let parts = WriterParts {
        disk: disk.clone(),
        dir: dir.to_path_buf(),
        history: HISTORY,
        log,
        listener: heard.clone(),
    };
    (parts, heard)
}

impl Rig {
    pub fn try_new(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        settings: WriterSettings,
        after: Lsn,
        now_ms: u64,
    ) -> Result<Rig, LogError> {
        let (parts, heard) = parts(disk, dir, after);
        let log = parts.log.clone();
        let writer = LogWriter::create(parts, settings, after, now_ms)?;
        Ok(Rig { log, heard, writer })
    }

    pub fn new(disk: &Arc<dyn Disk>, dir: &Path, settings: WriterSettings, after: Lsn) -> Rig {
        Rig::try_new(disk, dir, settings, after, 1000).expect("a fresh folder")
    }

    /// Appends one frame: SET with the key `k<lsn>` and a value of `len` bytes.
    pub fn append(&self, len: usize) -> Lsn {
        append(&self.log, len)
    }
}

pub fn append(log: &Log, len: usize) -> Lsn {
    let lsn = log.appended() + 1;
    let (key, value) = content(lsn, len);
    let words: [&[u8]; 3] = [b"SET", &key, &value];
    let mut buffer = EffectBuffer::default();
    buffer.push(0, false, 3, |at| words[at]);
    buffer.end_frame();
    log.append(&mut buffer)
}

pub fn content(lsn: Lsn, len: usize) -> (Vec<u8>, Vec<u8>) {
    (format!("k{lsn}").into_bytes(), vec![(lsn % 251) as u8; len])
}

/// The LSNs and value lengths in the log; asserts that each frame is what `append` has made.
pub fn read(
    disk: &dyn Disk,
    dir: &Path,
    options: &ScanOptions,
) -> Result<(Vec<(Lsn, usize)>, ScanEnd), LogError> {
    let mut found = Vec::new();
    let end = scan(disk, dir, options, |visited| {
        let frame = visited.frame;
        let (key, value) = content(frame.lsn, frame.record.value.len());
        assert_eq!((frame.record.key, frame.record.value), (&key[..], &value[..]));
        found.push((frame.lsn, value.len()));
        ControlFlow::Continue(())
    })?;
    Ok((found, end))
}

/// What recovery does: scans from `from`, cuts the tail.
pub fn recover(disk: &dyn Disk, dir: &Path, from: Lsn) -> Result<(Vec<(Lsn, usize)>, ScanEnd), LogError> {
    let options = ScanOptions {
        from,
        ..ScanOptions::default()
    };
    let (found, end) = read(disk, dir, &options)?;
    repair::cut_tail(disk, dir, &end)?;
    Ok((found, end))
}

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A folder on the real disk, removed with this.
pub struct TestFolder(pub PathBuf);

impl TestFolder {
    pub fn new(name: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("flashdb-log-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        TestFolder(path)
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        // A folder left behind does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
