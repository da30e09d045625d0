//! While the server loads its data, whoever watches learns how far it is and how long it will still take.

use crate::support::http::Http;
use crate::support::{Server, own_port};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KEYS: usize = 60_000;
const LIMIT: Duration = Duration::from_secs(60);

/// A process that ends with the value.
struct Loading(Child);

impl Drop for Loading {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with a snapshot of many keys.
fn filled() -> (Server, String) {
    let mut server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    client.ask(&format!("DEBUG POPULATE {KEYS} key 10"));
    client.ask("SAVE");
    let dir = client.ask("CONFIG GET dir");
    client.request(&["SHUTDOWN", "NOSAVE"]);
    server.await_end();
    let dir = dir.items()[1].text();
    (server, dir)
}

#[test]
fn a_load_tells_how_far_it_is() {
    let (_folder, dir) = filled();
    let (port, http_port) = (own_port().to_string(), own_port());
    let child = Command::new(env!("CARGO_BIN_EXE_flashdb"))
        // 60,000 keys by two threads or more, 200 us each.
        .args([
            "--port",
            &port,
            "--http-port",
            &http_port.to_string(),
            "--dir",
            &dir,
            "--key-load-delay",
            "200",
        ])
        .stdout(Stdio::null())
        .spawn()
        .expect("the server starts");
    let _loading = Loading(child);
    let http = Http::new(http_port);
    let end = Instant::now() + LIMIT;
    let mut seen: Vec<Value> = Vec::new();
    while seen
        .iter()
        .filter(|sample| sample["load_keys"].is_number())
        .count()
        < 2
    {
        assert!(Instant::now() < end, "{seen:?}");
        if std::net::TcpStream::connect(("127.0.0.1", http_port)).is_err() {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        }
        let answer = http.get("/api/v1/stats");
        let sample = if answer.status == 200 {
            answer.json()
        } else {
            continue;
        };
        assert_eq!(sample["state"], "loading", "it was over too soon: {seen:?}");
        if seen.last().is_none_or(|last| last["t"] != sample["t"]) {
            seen.push(sample);
        }
    }
    let health = http.get("/health");
    assert_eq!(health.status, 503, "{health:?}");
    let health = health.json();
    let share = |sample: &Value| sample["load_share"].as_f64().expect("a share");
    let last = seen.last().expect("a sample");
    assert!(
        seen.is_sorted_by(|one, next| share(one) <= share(next)),
        "{seen:?}"
    );
    assert!(0.0 < share(last) && share(last) < 1.0, "{last}");
    assert!(last["load_keys"].as_f64() > Some(100.0), "{last}");
    assert!(last["load_rest_s"].as_f64() > Some(0.0), "{last}");
    let loading = &health["loading"];
    assert!(loading["share"].as_f64() >= Some(share(last)), "{health}");
    assert!(
        (1..KEYS as u64).contains(&loading["keys"].as_u64().unwrap_or(0)),
        "{health}"
    );
    assert!(loading["rest_s"].as_f64() > Some(0.0), "{health}");
    // The words of Redis say the same.
    http.await_ready();
    let ready = http.get("/health").json();
    assert_eq!(
        (&ready["state"], &ready["loading"]),
        (&"ready".into(), &Value::Null)
    );
}
