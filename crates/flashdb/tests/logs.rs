//! The log and the audit log of a running server, as who collects them reads them: JSON objects, one a line; who did what,
//! without secrets and without data.

mod support;

use serde_json::Value;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use support::Server;
use support::http::Http;

const WAIT: Duration = Duration::from_secs(20);

/// A folder for log files, removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flashdb-logs-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

/// The events in a file so far; each line has to be an object with what collectors want.
fn events(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(Path::new(path)).expect("the log");
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let events: Vec<Value> = whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for event in &events {
        let time = event["@timestamp"].as_str().expect("a time");
        assert!(
            time.len() == "2026-11-22T08:15:30.123Z".len() && time.ends_with('Z'),
            "{time}"
        );
        assert!(
            event["level"].is_string() && event["target"].is_string(),
            "{event}"
        );
    }
    events
}

fn is(event: &Value, fields: &[(&str, &str)]) -> bool {
    fields.iter().all(|(name, value)| event[name] == *value)
}

#[test]
fn the_audit_log_says_who_did_what_without_secrets() {
    let folder = Folder::new("audit");
    let (log, audit) = (folder.file("flashdb.log"), folder.file("audit.log"));
    let server = Server::start(&[
        "--log-json",
        "--log-level",
        "warning",
        "--logfile",
        &log,
        "--audit-logfile",
        &audit,
    ]);
    let mut client = server.connect();
    client.ask("ACL SETUSER ann on >hidden1 ~* +@all -flushdb");
    client.ask("AUTH ann hidden1");
    client.ask("FLUSHDB");
    client.ask("AUTH ann hidden2");
    client.ask("CONFIG SET requirepass hidden3 maxmemory 1gb");
    client.ask("CONFIG SET maxmemory nonsense");
    client.ask("MULTI");
    client.ask("SET private-key private-value");
    client.ask("SWAPDB 0 1");
    client.ask("EXEC");
    client.ask("EVAL return(redis.call('flushall')) 0");
    client.ask("EVAL return(redis.call('swapdb',0,2)) 0");
    client.ask("GET private-key");
    let told = events(&audit);
    let find = |fields: &[(&str, &str)]| {
        let found: Vec<&Value> = told.iter().filter(|event| is(event, fields)).collect();
        assert_eq!(found.len(), 1, "{fields:?} among {told:#?}");
        found[0].clone()
    };
    let made = find(&[
        ("command", "acl|setuser"),
        ("user", "default"),
        ("outcome", "done"),
    ]);
    assert_eq!(made["request"], "\"ACL\" \"SETUSER\" \"ann\"");
    assert_eq!(made["words_hidden"], 5);
    assert!(made["client"].is_u64() && made["addr"].as_str().expect("text").starts_with("127.0.0.1:"));
    find(&[("event", "refusal"), ("command", "flushdb"), ("user", "ann")]);
    find(&[("event", "login"), ("outcome", "failed")]);
    let set = find(&[("command", "config|set"), ("outcome", "done")]);
    assert_eq!(
        set["request"],
        "\"CONFIG\" \"SET\" \"requirepass\" \"maxmemory\" \"1gb\""
    );
    find(&[("command", "config|set"), ("outcome", "failed")]);
    for other in ["1", "2"] {
        let request = format!("\"SWAPDB\" \"0\" \"{other}\"").to_uppercase();
        let swapped = |event: &&Value| {
            event["request"]
                .as_str()
                .is_some_and(|text| text.to_uppercase() == request)
        };
        assert_eq!(told.iter().filter(swapped).count(), 1, "{told:#?}");
    }
    find(&[("command", "flushall"), ("user", "ann")]);
    assert!(told.iter().all(|event| event["target"] == "audit"), "{told:#?}");
    let text =
        std::fs::read_to_string(&audit).expect("the log") + &std::fs::read_to_string(&log).expect("the log");
    assert!(
        !text.contains("hidden1") && !text.contains("hidden2") && !text.contains("hidden3"),
        "{text}"
    );
    assert!(!text.contains("private"), "{text}");
    assert!(events(&log).iter().all(|event| event["target"] != "audit"));
}

#[test]
fn slow_commands_and_walks_over_all_keys_are_warnings() {
    let folder = Folder::new("slow");
    let log = folder.file("flashdb.log");
    let server = Server::start(&[
        "--log-format",
        "json",
        "--logfile",
        &log,
        "--keys-warning-threshold",
        "3",
    ]);
    let mut client = server.connect();
    client.ask("MSET secret-a 1 secret-b 2");
    client.ask("KEYS secret*");
    let walks = |events: &[Value]| {
        let of = |event: &&Value| {
            event["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("KEYS went"))
        };
        events.iter().filter(of).cloned().collect::<Vec<_>>()
    };
    assert_eq!(walks(&events(&log)).len(), 0);
    client.ask("SET secret-c 3");
    client.ask("KEYS nothing*");
    let told = walks(&events(&log));
    assert_eq!(told.len(), 1);
    assert!(told[0]["keys"] == 3 && told[0]["level"] == "WARN", "{told:?}");

    client.ask("CONFIG SET slowlog-log-slower-than 0 slowlog-warnings-per-second 2");
    for _ in 0..200 {
        client.ask("GET secret-a");
    }
    client.ask("CONFIG SET slowlog-log-slower-than -1");
    let slow: Vec<Value> = events(&log)
        .into_iter()
        .filter(|event| event["message"] == "a slow command")
        .collect();
    assert!((1..40).contains(&slow.len()), "{} lines", slow.len());
    assert!(
        slow.iter()
            .all(|event| event["duration_us"].is_u64() && event["level"] == "WARN")
    );
    assert!(
        slow.iter()
            .any(|event| event["command"] == "get" || event["command"] == "config|set")
    );
    let text = std::fs::read_to_string(&log).expect("the log");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn a_request_of_the_api_is_a_line_with_its_id_and_without_keys() {
    let folder = Folder::new("requests");
    let log = folder.file("flashdb.log");
    let port = support::own_port();
    let _server = Server::start(&[
        "--log-format",
        "json",
        "--log-level",
        "verbose",
        "--logfile",
        &log,
        "--http-port",
        &port.to_string(),
    ]);
    let http = Http::new(port);
    http.await_ready();
    let missing = http.get("/api/v1/key/secret-key?db=3");
    assert_eq!(missing.status, 404);
    assert_eq!(http.get("/health").status, 200);
    let id = missing.header("x-request-id").expect("an id");
    let told: Vec<Value> = events(&log)
        .into_iter()
        .filter(|event| event["message"] == "a request was answered")
        .collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    let told = &told[0];
    assert_eq!(told["spans"]["request"]["request_id"], id);
    assert!(
        is(
            told,
            &[
                ("level", "DEBUG"),
                ("method", "GET"),
                ("route", "/api/v1/key/{key}"),
                ("code", "KEY_NOT_FOUND"),
            ]
        ),
        "{told}"
    );
    assert_eq!(told["status"], 404);
    assert!(told["duration_us"].is_u64() && told["peer"].as_str().expect("text").starts_with("127.0.0.1:"));
    let text = std::fs::read_to_string(&log).expect("the log");
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn systemd_is_told_how_a_long_load_goes() {
    let folder = Folder::new("notify");
    let data = folder.file("data");
    let mut filled = Server::start(&["--dir", &data]);
    let mut client = filled.connect();
    let pairs: Vec<String> = (0..1000).map(|key| format!("key:{key} value")).collect();
    client.ask(&format!("MSET {}", pairs.join(" ")));
    client.ask("SAVE");
    client.request(&["SHUTDOWN", "NOSAVE"]);
    filled.await_end();
    let socket = folder.file("notify.sock");
    let told = UnixDatagram::bind(&socket).expect("a socket");
    told.set_read_timeout(Some(WAIT)).expect("a timeout");
    let mut command = Command::new(env!("CARGO_BIN_EXE_flashdb"));
    command.env("NOTIFY_SOCKET", &socket);
    // The load takes more than a second on any number of threads up to eight.
    let slow_load = ["--key-load-delay", "9000"];
    let supervised = ["--supervised", "systemd", "--dir", &data];
    let mut server = Server::start_with(command, &[&supervised[..], &slow_load].concat());
    let mut text = String::new();
    let end = Instant::now() + WAIT;
    let mut read_until = |wanted: &str| {
        while !text.contains(wanted) {
            assert!(Instant::now() < end, "{text}");
            let mut bytes = [0; 512];
            let len = told.recv(&mut bytes).expect("a report");
            text.push_str(std::str::from_utf8(&bytes[..len]).expect("text"));
        }
    };
    read_until("READY=1\n");
    server.connect().request(&["SHUTDOWN", "NOSAVE"]);
    read_until("STOPPING=1\n");
    server.await_end();
    let (loading, ready) = text.split_once("READY=1\n").expect("it was read");
    assert!(loading.contains("STATUS=Loading the data: "), "{text}");
    assert!(loading.contains("EXTEND_TIMEOUT_USEC=30000000\n"), "{text}");
    assert!(!ready.contains("Loading"), "{text}");
}
