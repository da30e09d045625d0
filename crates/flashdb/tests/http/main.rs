//! The HTTP interface over real sockets: who may come in and who is refused, sessions, and what each route answers.

mod access;
mod alerts;
mod audit;
mod backups;
mod branches;
mod bulk;
mod command_stats;
mod console;
mod edit;
mod feed;
mod fields;
mod find;
mod hostile;
mod hot_keys;
mod imports;
mod large;
mod live;
mod loading;
mod memory;
mod playground;
mod raw;
mod resume;
mod routes;
mod runs;
mod search;
mod sessions;
mod snapshots;
#[path = "../support/mod.rs"]
mod support;
mod topics;
mod traces;
mod tree;
mod webhooks;
mod webhooks_tls;

use serde_json::{Value, json};
use std::io::Write;
use std::time::{Duration, Instant};
use support::http::{Http, read};
use support::{Server, own_port};

/// A server with HTTP.
fn start(args: &[&str]) -> (Server, Http) {
    let port = own_port();
    let text = port.to_string();
    let mut all = vec!["--http-port", text.as_str()];
    all.extend(args);
    let server = Server::start(&all);
    let http = Http::new(port);
    http.await_ready();
    (server, http)
}

/// A server that asks for a password, and a session of its default user.
fn start_closed() -> (Server, Http, Http) {
    start_closed_with(&[])
}

fn start_closed_with(args: &[&str]) -> (Server, Http, Http) {
    let mut all = vec!["--requirepass", "secret"];
    all.extend(args);
    let (server, http) = start(&all);
    let (page, _) = http.log_in(r#"{"password":"secret"}"#);
    (server, http, page)
}

fn unlocked(page: &Http) -> Http {
    let answer = page.send("POST", "/api/v1/session/unlock", "{}");
    assert_eq!(answer.status, 200, "{answer:?}");
    page.with_session(&answer).0
}

fn basic(http: &Http, pair: &str) -> Http {
    let encoded = base64(pair.as_bytes());
    http.with("Authorization", &format!("Basic {encoded}"))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let mut word = [0; 3];
        word[..group.len()].copy_from_slice(group);
        let word = u32::from_be_bytes([0, word[0], word[1], word[2]]);
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place) & 63) as usize];
            out.push(if place <= group.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    out
}

fn execute(http: &Http, line: &str) -> Value {
    let body = json!({"line": line}).to_string();
    let answer = http.send("POST", "/api/v1/execute", &body);
    assert_eq!(answer.status, 200, "{line}: {answer:?}");
    answer.json()["reply"].clone()
}

// ---- who may come in -----------------------------------------------------------------------------

#[test]
fn health_is_for_everybody() {
    let (_server, http) = start(&["--requirepass", "secret"]);
    for (path, status) in [
        ("/api/v1/healthz", "ok"),
        ("/live", "ok"),
        ("/api/v1/readyz", "ready"),
        ("/ready", "ready"),
        ("/health", "ok"),
    ] {
        let answer = http.get(path);
        assert_eq!(
            (answer.status, answer.json()["status"].as_str()),
            (200, Some(status)),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(http.get("/health").json()["checks"]["persistence"], "ok");
}

#[test]
fn foreign_hosts_and_origins_are_refused() {
    let (_server, http) = start(&["--http-hosts", "db.example other"]);
    for host in ["evil.example", "localhost.evil.example:80", ""] {
        for path in ["/", "/api/v1/stats", "/live"] {
            let answer = http.with("Host", host).get(path);
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (421, "FOREIGN_HOST"),
                "{host}{path}"
            );
        }
    }
    for host in ["localhost:1", "db.example", "OTHER:80", "[::1]:8080"] {
        assert_eq!(http.with("Host", host).get("/live").status, 200, "{host}");
    }
    for (name, value) in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:1"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        let answer = http.with(name, value).get("/api/v1/stats");
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "FOREIGN_ORIGIN"),
            "{name}: {value}"
        );
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(
            http.with(name, value)
                .send("POST", "/api/v1/session", "{}")
                .status,
            403
        );
        // A link may lead to a page from anywhere.
        assert_eq!(http.with(name, value).get("/").status, 200);
    }
}

#[test]
fn an_open_server_answers_programs_but_no_page_without_a_session() {
    let (_server, http) = start(&[]);
    assert_eq!(http.get("/api/v1/stats").status, 200);
    assert_eq!(http.with("Sec-Fetch-Site", "none").get("/metrics").status, 200);
    assert_eq!(http.as_page().get("/api/v1/stats").code(), "NO_SESSION");
    assert_eq!(
        http.as_page().send("DELETE", "/api/v1/key/a", "").code(),
        "NO_SESSION"
    );
    let session = http.as_page().get("/api/v1/session").json();
    assert_eq!(
        (&session["authenticated"], &session["open"]),
        (&json!(false), &json!(true))
    );
    let (page, session) = http.log_in("{}");
    assert_eq!(
        (session["user"].as_str(), session["mode"].as_str()),
        (Some("default"), Some("read-only"))
    );
    assert_eq!(page.get("/api/v1/stats").status, 200);
    // What a cookie once stood for is not replaced by something weaker.
    let stale = http.with("Cookie", &format!("flashdb_session_{}=00", http.port));
    assert_eq!(stale.get("/api/v1/stats").code(), "SESSION_ENDED");
}

#[test]
fn a_closed_server_wants_a_session_or_basic_auth() {
    let (_server, http, page) = start_closed();
    for path in [
        "/api/v1/stats",
        "/metrics",
        "/api/v1/keys",
        "/api/v1/commands",
        "/api/v1/history",
    ] {
        assert_eq!(http.get(path).code(), "NO_SESSION", "{path}");
        assert_eq!(page.get(path).status, 200, "{path}");
        assert_eq!(basic(&http, "default:secret").get(path).status, 200, "{path}");
    }
    assert_eq!(http.send("POST", "/api/v1/session", "{}").code(), "NO_SESSION");
    assert_eq!(
        basic(&http, "default:wrong").get("/metrics").code(),
        "WRONG_CREDENTIALS"
    );
    assert_eq!(
        http.with("Authorization", "Bearer x").get("/metrics").code(),
        "WRONG_CREDENTIALS"
    );
    assert_eq!(
        http.with("Authorization", "Basic !").get("/metrics").code(),
        "WRONG_CREDENTIALS"
    );
    assert_eq!(http.get("/api/v1/session").json()["authenticated"], false);
}

// ---- sessions ------------------------------------------------------------------------------------

#[test]
fn what_changes_something_carries_the_csrf_value_and_json() {
    let (_server, _, page) = start_closed();
    let page = unlocked(&page);
    let body = r#"{"line":"PING"}"#;
    for bad in [page.without("X-FlashDB-CSRF"), page.with("X-FlashDB-CSRF", "00")] {
        assert_eq!(bad.send("POST", "/api/v1/execute", body).code(), "BAD_CSRF");
        assert_eq!(bad.send("DELETE", "/api/v1/key/a", "").code(), "BAD_CSRF");
        assert_eq!(bad.send("DELETE", "/api/v1/session", "").code(), "BAD_CSRF");
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let answer = page
            .with("Content-Type", kind)
            .send("POST", "/api/v1/execute", body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (415, "NOT_JSON"),
            "{kind}"
        );
    }
    assert_eq!(
        page.with("Content-Type", "application/json; charset=utf-8")
            .send("POST", "/api/v1/execute", body)
            .status,
        200
    );
}

#[test]
fn read_only_holds_on_the_server() {
    let (server, http, page) = start_closed();
    let mut client = server.connect();
    client.ask("AUTH secret");
    client.ask("SET a 1");
    for line in [
        "SET a 2",
        "FLUSHALL",
        "EVAL return(1) 0",
        "CONFIG SET maxmemory 1",
        "PUBLISH a b",
        "SHUTDOWN",
        "CLIENT KILL ID 1",
        "EVAL_RO 'return redis.call(\"slowlog\", \"reset\")' 0",
        "FCALL_RO f 0",
    ] {
        let body = json!({"line": line}).to_string();
        let answer = page.send("POST", "/api/v1/execute", &body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "READ_ONLY"),
            "{line}"
        );
    }
    for (method, path, body) in [
        ("DELETE", "/api/v1/key/a", ""),
        ("PUT", "/api/v1/key/a", r#"{"type":"string","value":"2"}"#),
        (
            "PATCH",
            "/api/v1/key/a",
            r#"{"edits":[{"op":"set","value":"2"}]}"#,
        ),
        ("PUT", "/api/v1/config", r#"{"set":{"maxmemory":"1"}}"#),
        ("DELETE", "/api/v1/slowlog", ""),
        ("DELETE", "/api/v1/clients/1", ""),
        ("POST", "/api/v1/snapshot", "{}"),
    ] {
        assert_eq!(
            page.send(method, path, body).code(),
            "READ_ONLY",
            "{method} {path}"
        );
    }
    assert_eq!(execute(&page, "GET a"), json!({"type": "string", "value": "1"}));
    for line in [
        "INFO server",
        "CONFIG GET maxmemory",
        "SLOWLOG GET",
        "CLIENT LIST",
    ] {
        assert_ne!(execute(&page, line)["type"], "error", "{line}");
    }
    let page = unlocked(&page);
    assert_eq!(execute(&page, "SET a 2")["value"], "OK");
    let locked = page.send("DELETE", "/api/v1/session/unlock", "");
    let (page, session) = page.with_session(&locked);
    assert_eq!(session["mode"], "read-only");
    assert_eq!(page.send("DELETE", "/api/v1/key/a", "").code(), "READ_ONLY");
    // Scripts have the rights of their user, at once.
    assert_eq!(execute(&basic(&http, "default:secret"), "SET a 3")["value"], "OK");
}

#[test]
fn rights_follow_the_users() {
    let (server, http) = start(&["--requirepass", "secret"]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~cart:* +get +set +scan +type +info +unlink +watch +exists +pttl +multi +exec +strlen +getrange");
    let login = r#"{"user":"ada","password":"pass"}"#;
    let (page, session) = http.log_in(login);
    assert_eq!(
        (&session["can_write"], &session["capabilities"]["slowlog|get"]),
        (&json!(true), &json!(false))
    );
    let page = unlocked(&page);
    assert_eq!(execute(&page, "SET cart:1 x")["value"], "OK");
    assert_eq!(execute(&page, "SET other x")["code"], "NOPERM");
    assert_eq!(page.send("DELETE", "/api/v1/key/other", "").code(), "NOPERM");
    let refused = page.get("/api/v1/slowlog");
    assert_eq!(
        (
            refused.status,
            refused.json()["error"]["details"]["needs"].as_str()
        ),
        (403, Some("+slowlog|get"))
    );
    // Memory and encoding may not be asked for: they are not known, and the rest is there.
    let key = page.get("/api/v1/key/cart:1").json();
    assert_eq!(
        (&key["bytes"], &key["encoding"], &key["type"]),
        (&Value::Null, &Value::Null, &json!("string"))
    );

    admin.ask("ACL SETUSER ada -info");
    assert_eq!(page.get("/api/v1/stats").code(), "NOPERM");
    admin.ask("ACL SETUSER ada +info -@write");
    assert_eq!(page.get("/api/v1/session").json()["can_write"], false);
    assert_eq!(execute(&page, "SET cart:1 y")["code"], "NOPERM");
    for change in [
        "ACL SETUSER ada >another",
        "ACL SETUSER ada off",
        "ACL DELUSER ada",
    ] {
        admin.ask("ACL DELUSER ada");
        admin.ask("ACL SETUSER ada on >pass ~* +@all");
        let (page, _) = http.log_in(login);
        assert_eq!(page.get("/api/v1/stats").status, 200);
        admin.ask(change);
        assert_eq!(page.get("/api/v1/stats").code(), "SESSION_ENDED", "{change}");
    }
    admin.ask("ACL SETUSER ada on nopass ~* +@all -@write");
    let (page, _) = http.log_in(r#"{"user":"ada","password":"any"}"#);
    assert_eq!(page.send("POST", "/api/v1/session/unlock", "{}").code(), "NOPERM");
}

#[test]
fn requests_run_as_clients_that_can_be_seen() {
    let (_server, _, page) = start_closed();
    let clients = page.get("/api/v1/clients").json();
    let own = clients["clients"]
        .as_array()
        .expect("clients")
        .iter()
        // That of the login may not be gone yet.
        .find(|client| client["lib_name"] == "flashdb-http" && client["cmd"] == "client|list");
    let own = own.expect("the request itself");
    assert_eq!(
        (own["name"].as_str(), own["user"].as_str()),
        (Some("flashdb-http"), Some("default"))
    );
    assert!(
        own["addr"]
            .as_str()
            .is_some_and(|addr| addr.starts_with("127.0.0.1:")),
        "{own}"
    );
    assert_eq!(own["resp"], 3);
}

#[test]
fn guests_do_not_count_against_maxclients() {
    let (server, http) = start(&["--maxclients", "1"]);
    let mut holder = server.connect();
    // The place of the connection before may not be free yet.
    while holder.ask("PING") != support::Value::Simple("PONG".into()) {
        holder = server.connect();
    }
    holder.await_alone();
    assert_eq!(execute(&http, "PING"), json!({"type": "status", "value": "PONG"}));
}

// ---- connections, start and end ------------------------------------------------------------------

#[test]
fn half_a_request_does_not_hold_a_place_for_ever() {
    let (_server, http) = start(&[]);
    let mut slow: Vec<_> = (0..20).map(|_| http.connect()).collect();
    for stream in &mut slow {
        stream
            .write_all(b"GET /live HTTP/1.1\r\nHost: ")
            .expect("it is read");
    }
    assert_eq!(http.get("/live").status, 200);
    let began = Instant::now();
    let mut rest = Vec::new();
    for stream in &mut slow {
        // The server hangs up by itself.
        let _ = std::io::Read::read_to_end(stream, &mut rest);
    }
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
}

#[test]
fn half_a_body_is_given_up_and_a_whole_one_after_it_works() {
    let (_server, http) = start(&[]);
    let mut stream = http.connect();
    let whole =
        http.with("Content-Type", "application/json")
            .bytes("POST", "/api/v1/execute", br#"{"line":"PING"}"#);
    stream.write_all(&whole[..whole.len() - 5]).expect("it is read");
    let began = Instant::now();
    let answer = read(&mut stream);
    assert_eq!((answer.status, answer.code().as_str()), (408, "TIMEOUT"));
    assert!(began.elapsed() < Duration::from_secs(28));
    assert_eq!(execute(&http, "PING")["value"], "PONG");
}

#[test]
fn a_port_that_is_taken_is_an_error_when_it_was_asked_for() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let folder = std::env::temp_dir().join(format!("flashdb-http-taken-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_flashdb"))
        .args([
            "--port",
            &own_port().to_string(),
            "--save",
            "",
            "--http-port",
            &port,
        ])
        .current_dir(&folder)
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && text.contains("--http-port names another port"),
        "{text}"
    );
    std::fs::remove_dir_all(&folder).expect("an own folder");
}

#[test]
fn the_server_ends_while_somebody_asks() {
    let (mut server, http) = start(&[]);
    let answer = http.send("POST", "/api/v1/execute", r#"{"line":"SHUTDOWN NOSAVE"}"#);
    assert!(matches!(answer.status, 503), "{answer:?}");
    server.await_end();
}

/// Begins a job and returns its path.
fn begin(http: &Http, path: &str, body: &Value) -> String {
    let started = http.send("POST", path, &body.to_string());
    assert_eq!(started.status, 202, "{started:?}");
    format!("/api/v1/jobs/{}", started.json()["id"].as_str().expect("an id"))
}

/// The job once `is_so`.
fn job_when(http: &Http, path: &str, mut is_so: impl FnMut(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let job = http.get(path).json();
        if is_so(&job) {
            return job;
        }
        assert!(Instant::now() < end, "{job}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
