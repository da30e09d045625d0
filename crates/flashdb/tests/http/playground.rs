//! Benchmarks and made-up data over HTTP: what they do, what they leave behind, and who may have them done.

use super::support::{Raw, Server, Value as Resp};
use super::{basic, begin, job_when, start, start_closed, unlocked};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

fn generate(keys: u64) -> Value {
    json!({"prefix": "demo:", "types": ["string", "hash", "list", "set", "zset", "stream"], "keys": keys, "value_bytes": 100, "seed": 7})
}

fn bench(duration_s: u64) -> Value {
    let mix = json!([{"command": "get", "weight": 8}, {"command": "set", "weight": 2}, {"command": "zadd", "weight": 1}]);
    json!({"mix": mix, "keys": 1200, "value_bytes": 20, "clients": 3, "pipeline": 2, "duration_s": duration_s, "fill": true})
}

fn ended(http: &super::Http, path: &str) -> Value {
    job_when(http, path, |job| job["state"] != "running")
}

#[test]
fn what_others_make_meanwhile_stays_theirs() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let keys = 20_000;
    let mut wish = generate(keys);
    wish["types"] = json!(["string"]);
    let path = begin(&http, "/api/v1/generate", &wish);
    // In the same order, as fast as it goes: they meet again and again.
    let mut own = Vec::new();
    for index in 0..keys {
        let key = format!("demo:string:{index:07}");
        if client.ask(&format!("SET {key} mine NX")) == Resp::Simple("OK".into()) {
            own.push(key);
        }
    }
    let job = ended(&http, &path);
    assert_eq!(job["state"], "done", "{job}");
    for key in &own {
        assert_eq!(
            client.ask(&format!("GET {key}")),
            Resp::Bulk(b"mine".to_vec()),
            "{key}"
        );
    }
    let (written, skipped) = (&job["result"]["written"], &job["result"]["skipped"]);
    assert_eq!(
        (written, skipped),
        (&json!(keys - own.len() as u64), &json!(own.len())),
        "{job}"
    );
    assert_eq!(client.ask("DBSIZE"), Resp::Int(keys as i64));
}

#[test]
fn writes_to_keys_that_are_there_do_not_stop_it() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SET demo:string:0000005 1");
    let mut wish = generate(2000);
    wish["types"] = json!(["string"]);
    let path = begin(&http, "/api/v1/generate", &wish);
    let job = job_when(&http, &path, |job| {
        client.ask("INCR demo:string:0000005");
        job["state"] != "running"
    });
    assert_eq!(
        (&job["state"], &job["result"]["written"]),
        (&json!("done"), &json!(1999)),
        "{job}"
    );
}

#[test]
fn made_up_data_is_the_same_again_and_never_over_what_is_there() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SET demo:hash:0000001 mine");
    let mut wish = generate(600);
    wish["ttl_s"] = json!([100, 200]);
    let path = begin(&http, "/api/v1/generate", &wish);
    let job = ended(&http, &path);
    assert_eq!(
        (
            &job["state"],
            &job["result"]["written"],
            &job["result"]["skipped"],
            &job["done"]
        ),
        (&json!("done"), &json!(599), &json!(1), &json!(600)),
        "{job}"
    );
    assert_eq!(client.ask("DBSIZE"), Resp::Int(600));
    assert_eq!(client.ask("GET demo:hash:0000001"), Resp::Bulk(b"mine".to_vec()));
    for (key, kind) in [
        ("demo:string:0000000", "string"),
        ("demo:list:0000002", "list"),
        ("demo:set:0000003", "set"),
        ("demo:zset:0000004", "zset"),
        ("demo:stream:0000005", "stream"),
        ("demo:hash:0000007", "hash"),
    ] {
        assert_eq!(client.ask(&format!("TYPE {key}")), Resp::Simple(kind.into()));
        let Resp::Int(ttl_s) = client.ask(&format!("TTL {key}")) else {
            panic!("{key}")
        };
        assert!((90..=200).contains(&ttl_s), "{key}: {ttl_s}");
    }
    let again = ended(&http, &begin(&http, "/api/v1/generate", &wish));
    assert_eq!(
        (&again["result"]["written"], &again["result"]["skipped"]),
        (&json!(0), &json!(600))
    );
    let listed = http.get("/api/v1/jobs?kind=generate").json();
    assert_eq!(listed["jobs"].as_array().map(Vec::len), Some(2));
    assert_eq!(listed["jobs"][1]["request"]["seed"], 7);
    assert_eq!(http.send("DELETE", &path, "").status, 200);
    assert_eq!(http.get(&path).code(), "NOT_FOUND");
    assert_eq!(http.get("/api/v1/jobs?kind=x").code(), "BAD_REQUEST");
}

#[test]
fn data_at_a_rate_can_be_aborted_and_too_much_is_refused() {
    let (server, http) = start(&["--maxmemory", "100mb"]);
    let mut wish = generate(100_000);
    wish["rate"] = json!(500);
    let path = begin(&http, "/api/v1/generate", &wish);
    job_when(&http, &path, |job| job["done"].as_u64() > Some(100));
    let second = http.send("POST", "/api/v1/generate", &generate(10).to_string());
    assert_eq!((second.status, second.code().as_str()), (409, "CONFLICT"));
    assert_eq!(http.send("DELETE", &path, "").status, 200);
    let job = ended(&http, &path);
    assert_eq!(job["state"], "aborted");
    let written = job["result"]["written"].as_i64().expect("a number");
    assert!((100..50_000).contains(&written), "{job}");
    assert_eq!(server.connect().ask("DBSIZE"), Resp::Int(written));
    let mut large = generate(5_000_000);
    large["value_bytes"] = json!(1000);
    let refused = http.send("POST", "/api/v1/generate", &large.to_string());
    assert_eq!((refused.status, refused.code().as_str()), (409, "CONFLICT"));
    assert!(refused.json()["error"]["details"]["free_bytes"].as_u64() < Some(100 << 20));
    for (name, value) in [
        ("keys", json!(0)),
        ("prefix", json!("")),
        ("types", json!([])),
        ("db", json!(99)),
        ("rate", json!(0)),
    ] {
        let mut bad = generate(10);
        bad[name] = value;
        assert_eq!(
            http.send("POST", "/api/v1/generate", &bad.to_string()).code(),
            "BAD_REQUEST",
            "{name}"
        );
    }
}

#[test]
fn a_benchmark_measures_and_leaves_nothing_behind() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SET bystander 1");
    let path = begin(&http, "/api/v1/bench", &bench(1));
    let job = ended(&http, &path);
    let result = &job["result"];
    assert_eq!(
        (&job["state"], &job["error"]),
        (&json!("done"), &Value::Null),
        "{job}"
    );
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!(number(&result["rps"]) > 0.0 && number(&result["all"]["requests"]) > 0.0);
    assert!(number(&result["all"]["p50_us"]) <= number(&result["all"]["p999_us"]));
    assert_eq!(result["by_command"].as_array().map(Vec::len), Some(3));
    assert!(
        result["series"]
            .as_array()
            .is_some_and(|series| series.len() >= 2),
        "{result}"
    );
    let counted: f64 = result["histogram"].as_array().map_or(0.0, |buckets| {
        buckets.iter().map(|bucket| number(&bucket["count"])).sum()
    });
    assert_eq!(counted, number(&result["all"]["requests"]));
    assert_eq!(result["errors"], json!([]));
    assert_eq!(
        client.ask("KEYS *"),
        Resp::Array(vec![Resp::Bulk(b"bystander".to_vec())])
    );

    // Aborted while it runs: its keys go all the same.
    let path = begin(&http, "/api/v1/bench", &bench(60));
    job_when(&http, &path, |job| job["phase"] == "running");
    assert_eq!(
        http.send("POST", "/api/v1/bench", &bench(1).to_string()).code(),
        "CONFLICT"
    );
    assert_eq!(http.send("DELETE", &path, "").status, 200);
    assert_eq!(ended(&http, &path)["state"], "aborted");
    assert_eq!(client.ask("DBSIZE"), Resp::Int(1));
}

#[test]
fn jobs_have_the_rights_of_their_user_and_are_not_for_others() {
    let (server, http, page) = start_closed();
    for (path, body) in [("/api/v1/bench", bench(1)), ("/api/v1/generate", generate(5))] {
        assert_eq!(
            page.send("POST", path, &body.to_string()).code(),
            "READ_ONLY",
            "{path}"
        );
    }
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~other:* +get +set +zadd +unlink +select +watch +unwatch +exists +multi +exec +info");
    let ada = basic(&http, "ada:pass");
    // The commands are hers, the keys are not: nothing is made that could not be removed.
    let job = ended(&ada, &begin(&ada, "/api/v1/bench", &bench(1)));
    assert_eq!(job["state"], "failed");
    assert!(
        job["error"]
            .as_str()
            .is_some_and(|error| error.contains("NOPERM")),
        "{job}"
    );
    let job = ended(&ada, &begin(&ada, "/api/v1/generate", &generate(5)));
    assert_eq!(
        (&job["state"], &job["result"]["written"]),
        (&json!("failed"), &json!(0)),
        "{job}"
    );
    let mut mix = bench(1);
    mix["mix"] = json!([{"command": "incr", "weight": 1}]);
    let refused = ada.send("POST", "/api/v1/bench", &mix.to_string());
    assert_eq!(refused.json()["error"]["details"]["needs"], "+incr");
    mix["mix"] = json!([{"command": "flushall", "weight": 1}]);
    assert_eq!(
        ada.send("POST", "/api/v1/bench", &mix.to_string()).code(),
        "BAD_REQUEST"
    );
    assert_eq!(admin.ask("DBSIZE"), Resp::Int(0));

    let page = unlocked(&page);
    let path = begin(&page, "/api/v1/bench", &bench(60));
    assert_eq!(ada.get(&path).code(), "NOT_FOUND");
    assert_eq!(ada.send("DELETE", &path, "").code(), "NOT_FOUND");
    let seen = |http: &super::Http| http.get("/api/v1/jobs").json()["jobs"].as_array().map(Vec::len);
    assert_eq!((seen(&ada), seen(&page)), (Some(2), Some(3)));
    // Whoever has begun it may end it, also after editing was locked.
    let locked = page.send("DELETE", "/api/v1/session/unlock", "");
    let (page, _) = page.with_session(&locked);
    assert_eq!(page.send("DELETE", &path, "").status, 200);
    assert_eq!(ended(&page, &path)["state"], "aborted");
}

/// A folder for the data of several servers, one after the other.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flashdb-playground-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn start(&self) -> (Server, super::Http) {
        start(&[
            "--dir",
            self.0.to_str().expect("a path in UTF-8"),
            "--appendonly",
            "yes",
        ])
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A long benchmark of commands whose keys can and cannot have an end of their own.
fn running(http: &super::Http) -> String {
    let mut wish = bench(60);
    wish["mix"] = json!([{"command": "set", "weight": 8}, {"command": "zadd", "weight": 1}, {"command": "incr", "weight": 1}]);
    wish["keys"] = json!(90);
    let path = begin(http, "/api/v1/bench", &wish);
    job_when(http, &path, |job| job["phase"] == "running");
    path
}

fn await_size(client: &mut Raw, size: i64) {
    let end = Instant::now() + Duration::from_secs(60);
    while client.ask("DBSIZE") != Resp::Int(size) {
        assert!(Instant::now() < end, "{:?}", client.ask("KEYS *"));
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(super) fn kill(server: &mut Server, signal: &str) {
    server.await_end_by(|server| {
        let done = Command::new("sh")
            .args(["-c", &format!("kill {signal} {}", server.pid())])
            .status();
        assert!(done.expect("a shell runs").success());
    });
}

#[test]
fn an_end_by_a_signal_waits_until_a_benchmark_has_tidied_up() {
    let folder = Folder::new("term");
    let (mut server, http) = folder.start();
    server.connect().ask("SET bystander 1");
    running(&http);
    kill(&mut server, "-TERM");
    let (next, _http) = folder.start();
    let keys = next.connect().ask("KEYS *");
    assert_eq!(keys, Resp::Array(vec![Resp::Bulk(b"bystander".to_vec())]));
}

#[test]
fn keys_of_a_benchmark_that_was_killed_end_by_themselves() {
    let folder = Folder::new("kill");
    let (mut server, http) = folder.start();
    let path = running(&http);
    let id = path.rsplit('/').next().expect("an id");
    let mut client = server.connect();
    let (end, last) = (
        Instant::now() + Duration::from_secs(30),
        format!("TTL bench:{id}:counter:000000000089"),
    );
    while !matches!(client.ask(&last), Resp::Int(1..)) {
        assert!(Instant::now() < end, "an end is given to keys as the run goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
    await_size(&mut client, 90 + 90 + 1);
    // The last second before a kill may be lost.
    let appended = client.info("wal_lsn");
    while client.info("wal_durable_lsn") < appended {
        assert!(Instant::now() < end, "all of them become durable");
        std::thread::sleep(Duration::from_millis(50));
    }
    kill(&mut server, "-KILL");
    let (next, _http) = folder.start();
    let mut client = next.connect();
    let keys = client.ask("KEYS *");
    assert_eq!(keys.items().len(), 90 + 90 + 1);
    for key in keys.items() {
        let ttl = client.ask(&format!("TTL {}", key.text()));
        assert!(matches!(ttl, Resp::Int(1..=660)), "{}: {ttl:?}", key.text());
    }
}

#[test]
fn keys_of_a_benchmark_go_when_its_user_does() {
    let (server, http, _page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +@all");
    admin.ask("SET bystander 1");
    running(&basic(&http, "ada:pass"));
    assert_eq!(admin.ask("ACL DELUSER ada"), Resp::Int(1));
    await_size(&mut admin, 1);
    let users = admin.ask("ACL USERS");
    assert_eq!(
        users,
        Resp::Array(vec![Resp::Bulk(b"default".to_vec())]),
        "the server is no user"
    );
    assert!(matches!(admin.ask("AUTH (server) x"), Resp::Error(_)));
}

#[test]
fn keys_of_a_benchmark_are_found_in_other_databases() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SET bystander 1");
    let path = running(&http);
    assert_eq!(client.ask("SWAPDB 0 3").text(), "OK");
    await_size(&mut client, 90 + 90 + 1);
    client.ask("SELECT 3");
    assert!(matches!(client.ask("DBSIZE"), Resp::Int(180..)));
    assert_eq!(http.send("DELETE", &path, "").status, 200);
    assert_eq!(ended(&http, &path)["state"], "aborted");
    assert_eq!(
        client.ask("KEYS *"),
        Resp::Array(vec![Resp::Bulk(b"bystander".to_vec())])
    );
    client.ask("SELECT 0");
    assert_eq!(client.ask("DBSIZE"), Resp::Int(0));
}
