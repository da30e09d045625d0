//! The end of the log after an orderly end and at the operator's word: what somebody took away from it is noticed, and
//! going back to a point in time (PER-52) leaves a folder that is sound, from which every other point can still be reached.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Raw, Server, Value, encode, own_port};

const WAIT: Duration = Duration::from_secs(30);

/// A data folder that is removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flashdb-log-end-{}-{name}", std::process::id()));
        let _from_before = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn text(&self) -> String {
        self.0.display().to_string()
    }

    fn segment(&self, id: usize) -> PathBuf {
        self.0.join(format!("wal/flashdb-{id:08}.wal"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = fs::remove_dir_all(&self.0);
    }
}

fn serve(folder: &Folder, more: &[&str]) -> Server {
    let dir = folder.text();
    let mut args = vec![
        "--dir",
        dir.as_str(),
        "--appendonly",
        "yes",
        "--save",
        "",
        "--snapshot-retention",
        "9",
    ];
    args.extend(more);
    let server = Server::start(&args);
    server.await_info("loading", 0);
    server
}

/// Sets `a` to each number, one frame each, and ends in good order.
fn write(mut server: Server, numbers: std::ops::RangeInclusive<i64>) {
    let mut client = server.connect();
    for number in numbers {
        assert_eq!(client.ask(&format!("SET a {number}")).text(), "OK");
    }
    end(&mut server);
}

/// Whoever asks for INFO while the data is loaded has no key evicted of which the log has yet to speak.
#[test]
fn nothing_is_evicted_while_data_is_loaded() {
    const KEYS: usize = 3000;
    let folder = Folder::new("evicted");
    let mut server = serve(&folder, &[]);
    let mut client = server.connect();
    let value = "x".repeat(1000);
    let ask_all = |client: &mut Raw, requests: &dyn Fn(usize) -> Vec<u8>| {
        client.send(&(0..KEYS).flat_map(requests).collect::<Vec<u8>>());
        for _ in 0..KEYS {
            assert_eq!(client.read().text(), "OK");
        }
    };
    ask_all(&mut client, &|number| {
        encode(&["SET", &format!("old{number}"), &value])
    });
    assert_eq!(client.ask("SAVE").text(), "OK");
    ask_all(&mut client, &|number| {
        encode(&["RENAME", &format!("old{number}"), &format!("new{number}")])
    });
    end(&mut server);
    drop(server);
    // It is asked again and again until it has loaded, which takes a good part of a second.
    let limited = ["--maxmemory", "1mb", "--maxmemory-policy", "allkeys-random"];
    let mut server = serve(&folder, &[&limited[..], &["--key-load-delay", "300"]].concat());
    end(&mut server);
}

fn end(server: &mut Server) {
    server.connect().request(&["SHUTDOWN", "NOSAVE"]);
    server.await_end();
}

fn value(folder: &Folder, more: &[&str]) -> Value {
    let mut server = serve(folder, more);
    let value = server.connect().ask("GET a");
    end(&mut server);
    value
}

fn bulk(text: &str) -> Value {
    Value::Bulk(text.into())
}

/// What a start says that ends with an error.
fn refused(folder: &Folder) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_flashdb"))
        .args([
            "--dir",
            &folder.text(),
            "--http-port",
            "0",
            "--port",
            &own_port().to_string(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let began = Instant::now();
    while child.try_wait().expect("the process").is_none() {
        if began.elapsed() > WAIT {
            let _gone_already = child.kill();
            panic!("it started");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().expect("what it said");
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn check(folder: &Folder) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_flashdb"))
        .args(["check", &folder.text()])
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), said)
}

fn assert_noticed(folder: &Folder, segment: &Path) {
    let name = segment.file_name().expect("a name").to_string_lossy();
    for _ in 0..2 {
        let (sound, said) = check(folder);
        assert!(!sound && said.contains(&*name), "{name}: {said}");
        let said = refused(folder);
        assert!(said.contains(&*name) && said.contains("offset"), "{said}");
        assert!(segment.exists(), "the evidence is kept");
    }
}

#[test]
fn an_end_that_was_taken_away_is_noticed() {
    let folder = Folder::new("taken");
    write(serve(&folder, &[]), 1..=3);
    let segment = folder.segment(1);
    let bytes = fs::read(&segment).expect("the segment");
    let garbage: Vec<u8> = (0..200u8).map(|byte| byte.wrapping_mul(151) | 1).collect();
    for content in [
        &b""[..],
        &garbage,
        &[&garbage[..], &bytes[200..]].concat(),
        &bytes[..100],
    ] {
        fs::write(&segment, content).expect("the segment");
        assert_noticed(&folder, &segment);
    }
    fs::write(&segment, &bytes).expect("the segment");
    let stranger = folder.segment(99);
    fs::write(
        &stranger,
        "somebody's text, much longer than the beginning of a segment of the log may be: it is no such thing",
    )
    .expect("a file");
    assert_noticed(&folder, &stranger);
    fs::remove_file(&stranger).expect("the file");
    assert_eq!(value(&folder, &[]), bulk("3"));
    // By the operator's word the start goes on with what is left.
    fs::write(folder.segment(1), "").expect("the segment");
    fs::remove_file(folder.segment(2)).expect("the segment");
    assert_eq!(value(&folder, &["--recover", "skip"]), Value::Null);
    assert_eq!(value(&folder, &[]), Value::Null);
}

#[test]
fn a_segment_that_was_being_made_is_told_of_and_removed() {
    let folder = Folder::new("made");
    write(serve(&folder, &[]), 1..=3);
    let made = folder.segment(7);
    for content in [&b""[..], &[0; 4096], b"FLWL"] {
        fs::write(&made, content).expect("a file");
        let (sound, said) = check(&folder);
        assert!(
            sound && said.contains("flashdb-00000007.wal was being made"),
            "{said}"
        );
    }
    assert_eq!(value(&folder, &[]), bulk("3"));
    assert!(!made.exists() || fs::metadata(&made).expect("the file").len() > 4);
}

#[test]
fn every_point_can_be_reached_after_going_back() {
    let folder = Folder::new("back");
    let archive = ["--wal-archive-window", "86400"];
    write(serve(&folder, &archive), 1..=5);
    for (point, wanted) in [("3", "3"), ("5", "5"), ("2", "2"), ("4", "4")] {
        assert_eq!(
            value(&folder, &["--recover-to", point, archive[0], archive[1]]),
            bulk(wanted),
            "to {point}"
        );
        let (sound, said) = check(&folder);
        assert!(sound, "after going back to {point}: {said}");
    }
    assert_eq!(value(&folder, &archive), bulk("4"));
    let mut server = serve(&folder, &archive);
    let mut client = server.connect();
    client.ask("SNAPSHOT.CREATE kept");
    assert_eq!(client.ask("SET a 6").text(), "OK");
    assert_eq!(client.ask("SNAPSHOT.RESTORE kept").text(), "OK");
    assert_eq!(client.ask("CONFIG SET appendonly no").text(), "OK");
    assert_eq!(client.ask("SET a 7").text(), "OK");
    assert_eq!(client.ask("CONFIG SET appendonly yes").text(), "OK");
    assert_eq!(client.ask("SET a 8").text(), "OK");
    server.await_info("aof_rewrite_in_progress", 0);
    end(&mut server);
    let (sound, said) = check(&folder);
    assert!(sound, "{said}");
    assert_eq!(value(&folder, &archive), bulk("8"));
}

/// Going back to before the damage is all it takes: no later start has to be told to pass over what is missing or damaged behind it,
/// however the one that went back ended.
#[test]
fn going_back_before_damage_settles_it() {
    for (name, harm) in [
        (
            "cut",
            (|bytes| bytes.truncate(bytes.len() / 2)) as fn(&mut Vec<u8>),
        ),
        ("flip", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }),
    ] {
        for begins in [true, false] {
            let folder = Folder::new(&format!("settled-{name}-{begins}"));
            write(serve(&folder, &[]), 1..=90);
            let segment = folder.segment(1);
            let mut bytes = fs::read(&segment).expect("the segment");
            harm(&mut bytes);
            fs::write(&segment, &bytes).expect("the segment");
            assert!(!refused(&folder).is_empty());

            let back = ["--recover-to", "2"];
            let server = serve(&folder, &back);
            let mut client = server.connect();
            assert_eq!(client.ask("GET a"), bulk("2"));
            assert!(client.info("wal_lsn") > 90, "no LSN is used twice");
            assert_eq!(client.ask("SET a 100").text(), "OK");
            server.await_info("wal_durable_lsn", client.info("wal_lsn"));
            // Killed, so that nothing says how far the new log reaches; or even before that was begun.
            drop(server);
            if !begins {
                fs::remove_file(folder.segment(2)).expect("the new segment");
            }
            let wanted = bulk(if begins { "100" } else { "2" });
            for more in [&[][..], &back] {
                let server = serve(&folder, more);
                assert_eq!(server.connect().ask("GET a"), wanted, "{name} {begins} {more:?}");
            }
        }
    }
}

#[test]
fn a_shorter_window_frees_the_archive_at_once() {
    let folder = Folder::new("window");
    let mut server = serve(&folder, &["--wal-archive-window", "86400"]);
    let mut client = server.connect();
    for number in 0..3 {
        assert_eq!(client.ask(&format!("SET a {number}")).text(), "OK");
        assert_eq!(client.ask("SAVE").text(), "OK");
    }
    let archived = || fs::read_dir(folder.0.join("wal/archive")).map_or(0, Iterator::count);
    assert!(archived() > 0);
    assert_eq!(client.ask("CONFIG SET wal-archive-window 0").text(), "OK");
    let began = Instant::now();
    while archived() > 0 {
        assert!(began.elapsed() < WAIT, "{} files are there still", archived());
        std::thread::sleep(Duration::from_millis(20));
    }
    end(&mut server);
}
