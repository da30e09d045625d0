//! Ends of the server, and what the next start finds. With the log, which is on by default, everything, however the end came.
//! Without it what was saved: by save points at an orderly end, or on request; with NOSAVE, or without save points, nothing.
//! An RDB file counts only in a folder without data of FlashDB's own, as when a server takes over from Redis.

mod support;

use std::path::PathBuf;
use std::process::Command;
use support::{Server, Value};

const NO_LOG: [&str; 2] = ["--appendonly", "no"];
const POINTS: [&str; 3] = ["--save", "3600", "1"];

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flashdb-ending-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn start(&self, args: &[&str]) -> Server {
        let folder = self.0.to_str().expect("a path in UTF-8");
        Server::start(&[&["--dir", folder], args].concat())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Sets a key, ends the server by `end`, and tells whether the next one has the key.
fn survives(name: &str, args: &[&str], end: impl Fn(&Server)) -> bool {
    let folder = Folder::new(name);
    let mut server = folder.start(args);
    assert_eq!(server.connect().ask("SET k v").text(), "OK");
    end(&server);
    server.await_end();
    let next = folder.start(args);
    has_key(&next)
}

fn has_key(server: &Server) -> bool {
    server.connect().ask("EXISTS k") == Value::Int(1)
}

fn signal(server: &Server, name: &str) {
    // The shell has it built in; the program of that name is in a package that a bare system lacks.
    let done = Command::new("sh")
        .args(["-c", &format!("kill {name} {}", server.pid())])
        .status();
    assert!(done.expect("a shell runs").success());
}

fn shutdown(server: &Server, how: &[&str]) {
    server.connect().request(&[&["SHUTDOWN"], how].concat());
}

#[test]
fn the_log_keeps_the_data_whatever_the_end() {
    assert!(survives("log-term", &[], |server| signal(server, "-TERM")));
    assert!(survives("log-int", &[], |server| signal(server, "-INT")));
    assert!(survives("log-shutdown", &[], |server| shutdown(server, &[])));
    assert!(survives("log-save", &[], |server| shutdown(server, &["SAVE"])));
    assert!(survives("log-nosave", &[], |server| shutdown(
        server,
        &["NOSAVE"]
    )));
    let always = ["--appendfsync", "always"];
    assert!(survives("log-kill", &always, |server| signal(server, "-KILL")));
}

#[test]
fn an_orderly_end_saves_without_the_log() {
    let points = [&NO_LOG[..], &POINTS].concat();
    assert!(survives("term", &points, |server| signal(server, "-TERM")));
    assert!(survives("int", &points, |server| signal(server, "-INT")));
    assert!(survives("shutdown", &points, |server| shutdown(server, &[])));
    assert!(survives("save", &NO_LOG, |server| shutdown(server, &["SAVE"])));
}

/// Six saves of one second used to have one LSN and dates ahead of the clock, and a later one was the first to be removed.
#[test]
fn without_the_log_the_last_save_is_what_a_start_finds() {
    let folder = Folder::new("six");
    let mut server = folder.start(&NO_LOG);
    let mut client = server.connect();
    for i in 1..=6 {
        assert_eq!(client.ask(&format!("SET k {i}")).text(), "OK");
        assert_eq!(client.ask("SAVE").text(), "OK");
    }
    signal(&server, "-KILL");
    server.await_end();
    let server = folder.start(&NO_LOG);
    assert_eq!(server.connect().ask("GET k").text(), "6");
}

/// Nothing else has what was in it, so that is for the operator to decide.
#[test]
fn without_the_log_a_damaged_newest_snapshot_stops_the_start() {
    let folder = Folder::new("newest");
    let mut server = folder.start(&NO_LOG);
    let mut client = server.connect();
    for i in 1..=2 {
        assert_eq!(client.ask(&format!("SET k {i}")).text(), "OK");
        assert_eq!(client.ask("SAVE").text(), "OK");
    }
    let newest = client.ask("SNAPSHOT.INFO").field("file").map(Value::text);
    signal(&server, "-KILL");
    server.await_end();
    let newest = folder.0.join("snapshots").join(newest.expect("a file"));
    let mut bytes = std::fs::read(&newest).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).expect("the file");
    let dir = folder.0.to_str().expect("a path in UTF-8");
    let output = Command::new(env!("CARGO_BIN_EXE_flashdb"))
        .args(["--dir", dir, "--appendonly", "no", "--http-port", "0"])
        .args(["--port", &support::own_port().to_string()])
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(
        !output.status.success() && said.contains("--recover skip"),
        "{said}"
    );
    let server = folder.start(&[&NO_LOG[..], &["--recover", "skip"]].concat());
    assert_eq!(server.connect().ask("GET k").text(), "1");
}

/// The second of two would push out the one from before.
#[test]
fn an_orderly_end_takes_one_snapshot() {
    for name in ["one-term", "one-shutdown"] {
        let folder = Folder::new(name);
        let args = [&NO_LOG[..], &POINTS].concat();
        for i in 1..=3 {
            let mut server = folder.start(&args);
            assert_eq!(server.connect().ask("INCR k"), Value::Int(i));
            match name {
                "one-term" => signal(&server, "-TERM"),
                _ => shutdown(&server, &["SAVE"]),
            }
            server.await_end();
            let files = std::fs::read_dir(folder.0.join("snapshots")).expect("the folder");
            assert_eq!(
                files.count() as i64,
                i.min(2),
                "{name}: by retention two are kept"
            );
        }
        // Each of the two is a state of its own.
        let server = folder.start(&args);
        let listed = server.connect().ask("SNAPSHOT.LIST");
        let lsns: Vec<_> = listed
            .items()
            .iter()
            .map(|item| item.field("lsn").cloned())
            .collect();
        assert!(lsns.len() == 2 && lsns[0] != lsns[1], "{lsns:?}");
    }
}

#[test]
fn nothing_is_kept_where_nothing_is_asked_for() {
    assert!(!survives("no-points", &NO_LOG, |server| signal(server, "-TERM")));
    let points = [&NO_LOG[..], &POINTS].concat();
    assert!(!survives("nosave", &points, |server| shutdown(
        server,
        &["NOSAVE"]
    )));
    let quiet = [&points[..], &["--shutdown-on-sigterm", "nosave"]].concat();
    assert!(!survives("quiet", &quiet, |server| signal(server, "-TERM")));
}

#[test]
fn an_rdb_file_is_imported_once() {
    for (name, args) in [("import-log", &[][..]), ("import-no-log", &NO_LOG)] {
        let folder = Folder::new(name);
        // One string in database 0; a checksum of zero stands for none.
        let content = b"REDIS0009\xfe\x00\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0";
        std::fs::write(folder.0.join("dump.rdb"), content).expect("a file");
        let mut server = folder.start(args);
        assert_eq!(server.connect().ask("GET k").text(), "v", "{name}");
        // The import lasts without any further word, and a later change counts more than the file.
        signal(&server, "-KILL");
        server.await_end();
        std::fs::rename(folder.0.join("dump.rdb"), folder.0.join("other.rdb")).expect("renamed");
        let mut server = folder.start(args);
        assert!(has_key(&server), "{name}");
        assert_eq!(server.connect().ask("DEL k"), Value::Int(1));
        shutdown(&server, &["SAVE"]);
        server.await_end();
        std::fs::rename(folder.0.join("other.rdb"), folder.0.join("dump.rdb")).expect("renamed");
        assert!(!has_key(&folder.start(args)), "{name}");
    }
}

#[test]
fn a_damaged_rdb_file_is_refused() {
    let folder = Folder::new("import-damaged");
    std::fs::write(folder.0.join("dump.rdb"), b"REDIS0009\xfe\x00\x00\x01k\x41v").expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_flashdb"))
        .args(["--port", "0", "--dir"])
        .arg(&folder.0)
        .output()
        .expect("the server runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(!output.status.success() && text.contains("dump.rdb"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn a_signal_can_be_taken_back() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    assert!(client.ask("SHUTDOWN ABORT").text().starts_with("ERR No shutdown"));
    assert_eq!(client.ask("DEBUG PAUSE-CRON 1").text(), "OK");
    signal(&server, "-TERM");
    while client.ask("SHUTDOWN ABORT").text() != "OK" {
        std::thread::yield_now();
    }
    assert_eq!(client.ask("DEBUG PAUSE-CRON 0").text(), "OK");
    assert_eq!(client.ask("PING").text(), "PONG");
}

#[test]
fn a_second_sigint_ends_at_once() {
    let mut server = Server::start(&["--enable-debug-command", "yes"]);
    assert_eq!(server.connect().ask("DEBUG PAUSE-CRON 1").text(), "OK");
    signal(&server, "-INT");
    // Two signals that are waiting are one: the first must have been seen.
    server.await_end_by(|server| signal(server, "-INT"));
}

#[test]
fn a_server_that_cannot_save_does_not_end() {
    let points = [&NO_LOG[..], &POINTS, &["--stop-writes-on-bgsave-error", "no"]].concat();
    let folder = Folder::new("cannot-save");
    let mut server = folder.start(&points);
    let mut client = server.connect();
    client.ask("SET k v");
    let place = folder.0.join("snapshots");
    std::fs::write(&place, b"in the way").expect("no folder is there before the first snapshot");
    for words in ["SHUTDOWN", "SHUTDOWN SAVE"] {
        let refused = client.ask(words).text();
        assert!(refused.starts_with("ERR Errors trying to SHUTDOWN"), "{refused}");
        assert_eq!(client.ask("GET k").text(), "v");
    }
    std::fs::remove_file(&place).expect("the file goes");
    client.request(&["SHUTDOWN"]);
    server.await_end();
    assert!(has_key(&folder.start(&points)));
}

#[test]
fn a_server_that_cannot_save_ends_when_it_must() {
    let points = [&NO_LOG[..], &POINTS].concat();
    let folder = Folder::new("must-end");
    let mut server = folder.start(&points);
    server.connect().ask("SET k v");
    std::fs::write(folder.0.join("snapshots"), b"in the way").expect("no folder is there yet");
    shutdown(&server, &["FORCE"]);
    server.await_end();
}

// ---- in the middle of scripts -----------------------------------------------------------------------

/// Appends to a list before and after working for a while.
const TWO_STEPS: &str = "redis.call('RPUSH', KEYS[1], 'first') local began = os.clock() \
                         while os.clock() - began < tonumber(ARGV[1]) do end \
                         return redis.call('RPUSH', KEYS[1], 'second')";

const DURABLE: [&str; 4] = ["--appendfsync", "always", "--busy-reply-threshold", "20"];

fn begin_two_steps(server: &Server, key: &str, seconds: &str) -> support::Raw {
    let mut client = server.connect();
    client.request(&["EVAL", TWO_STEPS, "1", key, seconds]);
    client
}

fn await_busy(client: &mut support::Raw) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !matches!(client.ask("PING"), Value::Error(text) if text.starts_with("BUSY")) {
        assert!(std::time::Instant::now() < end, "never busy");
    }
}

#[test]
fn nothing_of_a_script_lasts_that_was_ended_half_way() {
    for loops in ["1", "2"] {
        let folder = Folder::new(&format!("half-{loops}"));
        let args = [&DURABLE[..], &["--io-threads", loops]].concat();
        let mut server = folder.start(&args);
        assert_eq!(server.connect().ask("RPUSH before x"), Value::Int(1));
        let mut other = server.connect();
        let mut script = begin_two_steps(&server, "k", "1000");
        await_busy(&mut other);
        for how in ["SHUTDOWN", "SHUTDOWN SAVE", "SHUTDOWN NOW", "SHUTDOWN FORCE"] {
            let reply = other.ask(how);
            assert!(
                matches!(&reply, Value::Error(text) if text.starts_with("BUSY")),
                "{how}: {reply:?}"
            );
        }
        shutdown(&server, &["NOSAVE"]);
        server.await_end();
        assert!(script.is_closed());
        let next = folder.start(&args);
        let mut next = next.connect();
        assert_eq!(next.ask("LLEN k"), Value::Int(0), "{loops} loops");
        assert_eq!(next.ask("LLEN before"), Value::Int(1), "{loops} loops");
    }
}

#[test]
fn a_signal_waits_for_scripts_that_have_written() {
    let folder = Folder::new("whole");
    let args = [&DURABLE[..], &["--io-threads", "2"]].concat();
    let mut server = folder.start(&args);
    // Whichever loop they are on, some run on each.
    let scripts: Vec<_> = (0..6)
        .map(|number| begin_two_steps(&server, &format!("k{number}"), "0.3"))
        .collect();
    await_busy(&mut server.connect());
    signal(&server, "-TERM");
    server.await_end();
    drop(scripts);
    let next = folder.start(&args);
    let mut client = next.connect();
    let lengths: Vec<_> = (0..6)
        .map(|number| client.ask(&format!("LLEN k{number}")))
        .collect();
    assert!(!lengths.contains(&Value::Int(1)), "half a script: {lengths:?}");
    assert!(lengths.contains(&Value::Int(2)), "no script at all: {lengths:?}");
}

// ---- under a supervisor -----------------------------------------------------------------------------

#[test]
fn systemd_is_told_of_the_start_and_the_end() {
    let folder = Folder::new("supervised");
    let socket = folder.0.join("notify");
    let told = std::os::unix::net::UnixDatagram::bind(&socket).expect("a free path");
    told.set_read_timeout(Some(std::time::Duration::from_secs(20)))
        .expect("a timeout");
    let next = || {
        let mut bytes = [0; 256];
        let len = told.recv(&mut bytes).expect("a word");
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    };
    for supervised in ["systemd", "auto", "no"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flashdb"));
        command.env("NOTIFY_SOCKET", &socket);
        let mut server = Server::start_with(command, &["--supervised", supervised]);
        let info = server.connect().ask("INFO server").text();
        if supervised == "no" {
            assert!(info.contains("process_supervised:no\r"), "{info}");
        } else {
            let mut word = next();
            while word.starts_with("STATUS=Loading") {
                word = next();
            }
            assert!(word.starts_with("READY=1\n"), "{word}");
            assert!(info.contains("process_supervised:systemd\r"), "{info}");
        }
        signal(&server, "-TERM");
        server.await_end();
        if supervised != "no" {
            // Nothing of the load comes behind the word that it is over.
            let word = next();
            assert!(word.starts_with("STOPPING=1\n"), "{word}");
        }
    }
    told.set_nonblocking(true).expect("it is a socket");
    assert!(told.recv(&mut [0; 8]).is_err(), "nobody else was to be told");
}
