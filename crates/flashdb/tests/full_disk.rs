//! A disk that is full to the last block (PER-68, PER-89): reads go on, writers are told, and the server gets well as soon as it can: by
//! what it can do without, or when there is room again. So does one that is started on such a disk. Nothing acknowledged is lost.
//!
//! Each test has a tmpfs of 64 MiB to itself, which only root can mount.

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::mounted::{Mounted, is_root};
use support::{Raw, Server, Value, encode, own_port};

const LIMIT: Duration = Duration::from_secs(30);
const MIB: u32 = 64;

struct Place {
    mounted: Mounted,
    data: PathBuf,
}

impl Place {
    /// `None` where nothing can be mounted.
    fn new(name: &str) -> Option<Place> {
        let data = std::env::temp_dir().join(format!("flashdb-full-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&data).expect("a temporary folder");
        let mounted = is_root().then(|| Mounted::new(&data, MIB)).flatten();
        if mounted.is_none() {
            println!("skipped: only root can mount a small file system");
            let _best_effort = std::fs::remove_dir(&data);
        }
        Some(Place {
            mounted: mounted?,
            data,
        })
    }

    fn start(&self, level: &str, more: &[&str]) -> Server {
        let data = self.data.to_str().expect("a path in UTF-8");
        let args = ["--dir", data, "--appendonly", "yes", "--appendfsync", level];
        Server::start(&[&args, more].concat())
    }

    fn files(&self, folder: &str, ending: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.data.join(folder)) else {
            return Vec::new();
        };
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .collect()
    }
}

/// What does not compress, and tells its number.
fn value(number: u32, len: usize) -> Vec<u8> {
    let mut state = u64::from(number) * 2 + 1;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A client that notes what was acknowledged.
struct Writer<'s> {
    server: &'s Server,
    client: Raw,
    /// Numbers and lengths.
    acknowledged: Vec<(u32, usize)>,
    next: u32,
}

impl<'s> Writer<'s> {
    fn new(server: &'s Server, next: u32) -> Self {
        Writer {
            server,
            client: server.connect(),
            acknowledged: Vec::new(),
            next,
        }
    }

    /// Sets one more key; the server's error.
    fn write(&mut self, len: usize) -> Result<(), String> {
        self.next += 1;
        let (key, value) = (format!("key:{}", self.next), value(self.next, len));
        let request = [
            encode(&["SET", &key]).as_slice(),
            format!("${len}\r\n").as_bytes(),
            &value,
            b"\r\n",
        ]
        .concat();
        let request = [b"*3".as_slice(), &request[2..]].concat();
        let sent = self.client.stream.write_all(&request);
        match sent.ok().and_then(|()| self.client.try_read()) {
            Some(Value::Error(text)) => {
                assert!(text.starts_with("MISCONF"), "{text}");
                Err(text)
            }
            Some(_) => {
                self.acknowledged.push((self.next, len));
                Ok(())
            }
            None => {
                self.client = self.server.connect();
                Err(String::new())
            }
        }
    }

    fn write_until(&mut self, len: usize, works: bool) {
        let end = Instant::now() + LIMIT;
        while self.write(len).is_ok() != works {
            assert!(Instant::now() < end, "awaited that a write works: {works}");
            std::thread::sleep(Duration::from_millis(if works { 20 } else { 0 }));
        }
    }
}

fn assert_all(server: &Server, acknowledged: &[(u32, usize)]) {
    let mut client = server.connect();
    for (number, len) in acknowledged {
        let found = client.ask(&format!("GET key:{number}"));
        let is_right = found == Value::Bulk(value(*number, *len));
        assert!(is_right, "key:{number} is {:.100}", format!("{found:?}"));
    }
}

fn info(server: &Server, field: &str) -> String {
    let told = server.connect().ask("INFO persistence");
    let line = |line: &str| Some(line.strip_prefix(field)?.strip_prefix(':')?.to_owned());
    told.text().lines().find_map(line).unwrap_or_default()
}

/// Waits until all that was written is durable: a server that is killed right after it acknowledged, before its interval is over, may
/// lose it but under `always`.
fn await_durable(server: &Server) {
    let end = Instant::now() + LIMIT;
    while info(server, "wal_durable_lsn") != info(server, "wal_lsn") {
        assert!(Instant::now() < end, "awaited that all is durable");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ok(value: &Value) -> bool {
    matches!(value, Value::Simple(word) if word == "OK")
}

/// What takes a folder's room, from the outside.
fn give_back(path: &Path) {
    std::fs::remove_file(path).expect("removed");
}

/// There is far less room than a snapshot takes, before and after: none is needed.
#[test]
fn a_little_room_is_enough() {
    for level in ["always", "everysec"] {
        let Some(place) = Place::new(&format!("little-{level}")) else {
            return;
        };
        // Without a snapshot of its own accord, should it look while there is room for one still.
        let server = place.start(level, &["--auto-aof-rewrite-percentage", "0"]);
        let mut writer = Writer::new(&server, 0);
        for _ in 0..30 {
            writer.write(1 << 20).expect("room");
        }
        let filler = place.mounted.fill();
        writer.write_until(4096, false);
        let snapshots = place.files("snapshots", ".fsnap").len();
        assert_eq!(info(&server, "wal_disk_full"), "1");
        assert_eq!(info(&server, "aof_last_write_status"), "err");
        // None of it waits for the disk: it is all there, in the room that was held back.
        assert_all(&server, &writer.acknowledged);
        // What is there takes 30 MiB; four of them come free.
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(&filler)
            .expect("a file");
        let len = file.metadata().expect("a file").len();
        file.set_len(len - (4 << 20)).expect("cut");
        writer.write_until(4096, true);
        assert_eq!(info(&server, "wal_disk_full"), "0");
        let saved = place.files("snapshots", ".fsnap").len();
        assert_eq!(saved, snapshots, "nothing had to be saved anew");
        for _ in 0..50 {
            writer.write(1000).expect("room");
        }
        await_durable(&server);
        let acknowledged = std::mem::take(&mut writer.acknowledged);
        drop(writer);
        drop(server);
        assert_all(&place.start(level, &[]), &acknowledged);
    }
}

/// Old snapshots and archived segments go before a client is kept waiting for the operator.
#[test]
fn what_can_be_missed_makes_room() {
    let Some(place) = Place::new("history") else {
        return;
    };
    let more = ["--snapshot-retention", "3", "--wal-archive-window", "3600"];
    let server = place.start("always", &more);
    let mut writer = Writer::new(&server, 0);
    for _ in 0..3 {
        for _ in 0..3 {
            writer.write(1 << 20).expect("room");
        }
        assert!(ok(&server.connect().ask("SAVE")));
    }
    assert!(place.files("wal/archive", ".zst").len() >= 3);
    assert!(place.files("snapshots", "").len() >= 3);
    let _filler = place.mounted.fill();
    writer.write_until(4096, false);
    writer.write_until(4096, true);
    assert_eq!(info(&server, "wal_disk_full"), "0");
    let acknowledged = std::mem::take(&mut writer.acknowledged);
    drop(writer);
    drop(server);
    assert_all(&place.start("always", &more), &acknowledged);
}

/// The room that was held is gone with the server that held it, and not a block is free.
#[test]
fn a_start_on_a_full_disk_serves_reads() {
    for level in ["always", "everysec"] {
        let Some(place) = Place::new(&format!("start-{level}")) else {
            return;
        };
        let server = place.start(level, &[]);
        let mut writer = Writer::new(&server, 0);
        for _ in 0..10 {
            writer.write(1 << 20).expect("room");
        }
        assert!(ok(&server.connect().ask("SET volatile 1 PX 1500")));
        place.mounted.fill();
        writer.write_until(4096, false);
        await_durable(&server);
        let mut acknowledged = std::mem::take(&mut writer.acknowledged);
        let next = writer.next;
        drop(writer);
        drop(server);
        let filler = place.mounted.fill();

        for _ in 0..2 {
            let server = place.start(level, &[]);
            assert_all(&server, &acknowledged);
            let refused = server.connect().ask("SET refused 1");
            assert!(
                matches!(&refused, Value::Error(text) if text.starts_with("MISCONF") && text.contains("space")),
                "{refused:?}"
            );
            // Why, is told where not even a segment could begin: what is cut off the end of the last one may leave room for that.
            assert_eq!(info(&server, "wal_disk_full"), "1");
            assert_eq!(info(&server, "aof_last_write_status"), "err");
        }
        let server = place.start(level, &[]);
        give_back(&filler);
        let mut writer = Writer::new(&server, next);
        writer.write_until(4096, true);
        assert_eq!(info(&server, "wal_failure"), "");
        assert_eq!(info(&server, "wal_disk_full"), "0");
        for _ in 0..20 {
            writer.write(1000).expect("room");
        }
        await_durable(&server);
        acknowledged.append(&mut writer.acknowledged);
        drop(writer);
        drop(server);
        let server = place.start(level, &[]);
        assert_all(&server, &acknowledged);
        // All of it may have taken less than the key lives.
        let mut client = server.connect();
        let end = Instant::now() + LIMIT;
        while client.ask("EXISTS volatile") != Value::Int(0) {
            assert!(Instant::now() < end, "awaited that a key expires");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// What cannot do without room says how much it takes.
#[test]
fn a_start_that_needs_a_snapshot_says_so() {
    let Some(place) = Place::new("needs") else {
        return;
    };
    // Zeros behind the log's end would be cut off by the start, which makes room.
    let server = place.start("always", &["--wal-preallocate", "0"]);
    let mut writer = Writer::new(&server, 0);
    for _ in 0..3 {
        writer.write(1 << 20).expect("room");
    }
    drop(writer);
    drop(server);
    std::fs::remove_file(place.data.join("wal/reserve")).expect("it is held");
    place.mounted.fill();
    let limit = LIMIT.as_secs().to_string();
    let output = std::process::Command::new("timeout")
        .args([&limit, env!("CARGO_BIN_EXE_flashdb")])
        .args(["--port", &own_port().to_string(), "--http-port", "0", "--dir"])
        .arg(&place.data)
        .args(["--appendonly", "yes", "--recover-to", "lsn:2"])
        .current_dir(std::env::temp_dir())
        .output()
        .expect("it ends");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(!output.status.success(), "{text}");
    let bytes = text
        .split("takes up to ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let bytes: u64 = bytes
        .and_then(|bytes| bytes.parse().ok())
        .expect("a number of bytes");
    assert!((2 << 20..4 << 20).contains(&bytes), "{text}");
}

/// What is restored has to last, too: without room for its snapshot nothing is restored.
#[test]
fn a_restore_without_room_changes_nothing() {
    let Some(place) = Place::new("restore") else {
        return;
    };
    let server = place.start("always", &[]);
    let mut writer = Writer::new(&server, 0);
    for _ in 0..12 {
        writer.write(1 << 20).expect("room");
    }
    let acknowledged = std::mem::take(&mut writer.acknowledged);
    let mut client = server.connect();
    client.ask("SNAPSHOT.CREATE large FULL");
    client.ask("FLUSHALL");
    client.ask("SET a 1");
    client.ask("SAVE");
    let filler = place.mounted.fill();
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&filler)
        .expect("a file");
    let bytes = file.metadata().expect("a length").len();
    file.set_len(bytes - (6 << 20)).expect("some room");
    drop(file);
    let refused = client.ask("SNAPSHOT.RESTORE large").text();
    assert!(
        refused.contains("no room for a snapshot of the restored state"),
        "{refused}"
    );
    assert_eq!(client.ask("DBSIZE"), Value::Int(1));
    assert_eq!(client.ask("GET a").text(), "1");
    assert_eq!(client.ask("SET a 2").text(), "OK", "the log goes on");
    std::fs::remove_file(filler).expect("a file");
    assert_eq!(client.ask("SNAPSHOT.RESTORE large").text(), "OK");
    assert_all(&server, &acknowledged);
    drop(server);
    assert_all(&place.start("always", &[]), &acknowledged);
}

/// Keys expire on a disk that had no room at the start; what is read then is right, and nothing comes back.
#[test]
fn keys_expire_on_a_full_disk() {
    for level in ["always", "everysec"] {
        let Some(place) = Place::new(&format!("expire-{level}")) else {
            return;
        };
        let server = place.start(level, &[]);
        assert!(ok(&server.connect().ask("SET stays 1")));
        assert!(ok(&server.connect().ask("SET goes 1 PX 3000")));
        std::thread::sleep(Duration::from_millis(1100));
        drop(server);
        std::fs::remove_file(place.data.join("wal/reserve")).expect("it is held");
        let filler = place.mounted.fill();
        let server = place.start(level, &[]);
        std::thread::sleep(Duration::from_millis(2500));
        assert_eq!(server.connect().ask("GET goes"), Value::Null);
        assert_eq!(server.connect().ask("GET stays"), Value::Bulk(b"1".to_vec()));
        give_back(&filler);
        let end = Instant::now() + LIMIT;
        while !ok(&server.connect().ask("SET new 1")) {
            assert!(Instant::now() < end, "it does not get well");
            std::thread::sleep(Duration::from_millis(20));
        }
        await_durable(&server);
        drop(server);
        let server = place.start(level, &[]);
        for (key, found) in [("stays", 1), ("goes", 0), ("new", 1)] {
            let exists = server.connect().ask(&format!("EXISTS {key}"));
            assert_eq!(exists, Value::Int(found), "{key}");
        }
    }
}
