//! Alerts are sent to webhooks: when they begin and when they end, again where they were not taken, never to where a redirect leads, and
//! only by who may change settings. Secrets of an address are shown to nobody.

use crate::support::http::Http;
use crate::{execute, start, unlocked};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

/// What came: the first line, the headers in one text, the body.
pub struct Posted {
    pub line: String,
    pub headers: String,
    pub body: Value,
}

/// Takes posts, and answers the first ones with these lines, all others with 204.
fn receiver(answers: &'static [&'static str]) -> (u16, Receiver<Posted>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut answers = answers.iter();
        for stream in listener.incoming().flatten() {
            let answer = answers.next().copied().unwrap_or("HTTP/1.1 204 No Content");
            let Some(posted) = take(stream, answer) else {
                continue;
            };
            if sender.send(posted).is_err() {
                return;
            }
        }
    });
    (port, receiver)
}

/// Takes a post and answers it.
pub fn take(stream: impl Read + Write, answer: &str) -> Option<Posted> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut headers, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut line).ok().filter(|&len| len > 0)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|&len| len > 0)?;
        if header == "\r\n" {
            break;
        }
        if let Some(bytes) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = bytes.trim().parse().ok()?;
        }
        headers.push_str(&header.to_ascii_lowercase());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = format!("{answer}\r\ncontent-length: 0\r\n\r\n");
    let stream = reader.get_mut();
    stream
        .write_all(answer.as_bytes())
        .and_then(|()| stream.flush())
        .ok()?;
    let body = serde_json::from_slice(&body).ok()?;
    Some(Posted { line, headers, body })
}

pub fn next(posts: &Receiver<Posted>) -> Posted {
    posts.recv_timeout(LIMIT).expect("a post")
}

pub fn add(page: &Http, url: &str) -> Value {
    let answer = page.send(
        "POST",
        "/api/v1/alerts/webhooks",
        &json!({ "url": url }).to_string(),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["webhooks"]
        .as_array()
        .expect("webhooks")
        .last()
        .expect("one")
        .clone()
}

/// The only webhook, once it is as wanted.
pub fn await_hook(page: &Http, wanted: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + LIMIT;
    loop {
        let hook = page.get("/api/v1/alerts").json()["webhooks"][0].clone();
        if wanted(&hook) {
            return hook;
        }
        assert!(Instant::now() < end, "{hook}");
        thread::yield_now();
    }
}

/// Without alerts that a slow machine brings about.
pub const QUIET: &[&str] = &[
    "--alert-p99-us",
    "0",
    "--maxmemory",
    "1gb",
    "--alert-memory-percent",
    "0",
];

#[test]
fn an_alert_is_posted_when_it_begins_and_when_it_ends() {
    let (server, http) = start(QUIET);
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    let (port, posts) = receiver(&["HTTP/1.1 503 Busy"]);
    let hook = add(&page, &format!("http://ada:s3cret@127.0.0.1:{port}/in?token=abc"));
    assert_eq!((&hook["state"], &hook["last"]), (&json!("new"), &json!(null)));
    assert_eq!(hook["url"], format!("http://***@127.0.0.1:{port}/***"));
    server
        .connect()
        .ask("CONFIG SET maxmemory 4mb alert-memory-percent 1");
    let first = next(&posts);
    assert!(first.line.starts_with("POST /in?token=abc "), "{}", first.line);
    assert!(
        first.headers.contains("authorization: basic ywrhonmzy3jlda=="),
        "{}",
        first.headers
    );
    assert!(first.headers.contains("content-type: application/json"));
    let alert = page.get("/api/v1/alerts").json()["alerts"][0].clone();
    assert_eq!(
        (&first.body["type"], &first.body["state"]),
        (&json!("memory"), &json!("firing"))
    );
    for name in alert.as_object().expect("an alert").keys() {
        assert!(first.body.get(name).is_some(), "{name}");
    }
    assert!(first.body["server"]["name"].is_string() && first.body["server"]["run_id"].is_string());
    // Chats show nothing else.
    let text = first.body["text"].as_str().expect("a text");
    assert!(text.contains(": Memory nears maxmemory."), "{text}");
    // It was not taken, and comes again as it was.
    let again = next(&posts);
    assert_eq!(
        (&again.body["uid"], &again.body["state"], &again.body["id"]),
        (&first.body["uid"], &json!("firing"), &alert["id"])
    );
    let taken = await_hook(&page, |hook| hook["state"] == "good");
    assert_eq!(
        (
            &taken["delivered_total"],
            &taken["last"]["attempt"],
            &taken["last"]["status"]
        ),
        (&json!(1), &json!(2), &json!(204))
    );
    server.connect().ask("CONFIG SET alert-memory-percent 0");
    let over = next(&posts);
    assert_eq!(
        (&over.body["uid"], &over.body["state"]),
        (&first.body["uid"], &json!("resolved"))
    );
    assert!(over.body["until"].is_number());
}

#[test]
fn failures_are_shown_and_no_redirect_is_followed() {
    let (_server, http) = start(QUIET);
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    let (elsewhere, strayed) = receiver(&[]);
    let location: &'static str =
        format!("HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:{elsewhere}/").leak();
    let answers: &'static [&'static str] = vec![location].leak();
    let (port, posts) = receiver(answers);
    let hook = add(&page, &format!("http://127.0.0.1:{port}/"));
    let test = format!(
        "/api/v1/alerts/webhooks/{}/test",
        hook["id"].as_str().expect("an id")
    );
    let refused = page.send("POST", &test, "{}").json();
    assert_eq!(
        (&refused["delivered"], &refused["status"], &refused["error"]),
        (&json!(false), &json!(307), &json!("it answered 307"))
    );
    let sent = next(&posts).body;
    assert_eq!((&sent["type"], &sent["id"]), (&json!("test"), &json!("test")));
    assert!(strayed.try_recv().is_err());
    assert_eq!(await_hook(&page, |_| true)["state"], "failing");
    assert_eq!(page.send("POST", &test, "{}").json()["delivered"], true);
    assert_eq!(await_hook(&page, |_| true)["state"], "good");
    // Where nobody listens.
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = gone.local_addr().expect("an address").port();
    drop(gone);
    let hook = add(&page, &format!("http://127.0.0.1:{port}/"));
    let test = format!(
        "/api/v1/alerts/webhooks/{}/test",
        hook["id"].as_str().expect("an id")
    );
    let answer = page.send("POST", &test, "{}").json();
    assert_eq!(
        (&answer["delivered"], &answer["status"]),
        (&json!(false), &json!(null))
    );
    assert!(
        answer["error"]
            .as_str()
            .is_some_and(|error| error.contains("refused")),
        "{answer}"
    );
    let path = format!("/api/v1/alerts/webhooks/{}", hook["id"].as_str().expect("an id"));
    let left = page.send("DELETE", &path, "").json();
    assert_eq!(left["webhooks"].as_array().map(Vec::len), Some(1));
    assert_eq!(page.send("DELETE", &path, "").code(), "NOT_FOUND");
    assert_eq!(page.send("POST", &test, "{}").code(), "NOT_FOUND");
}

#[test]
fn only_who_may_change_settings_says_where_alerts_go() {
    let (server, http) = start(&["--requirepass", "secret", "--alert-p99-us", "0"]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +@all -config|set");
    admin.ask("ACL SETUSER bob on >pass ~* +@all -config|get");
    let (owner, _) = http.log_in(r#"{"password":"secret"}"#);
    let (ada, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    let (bob, _) = http.log_in(r#"{"user":"bob","password":"pass"}"#);
    let path = "/api/v1/alerts/webhooks";
    let wish = r#"{"url":"http://relay:secret@127.0.0.1:9/x"}"#;
    assert_eq!(owner.send("POST", path, wish).code(), "READ_ONLY");
    assert_eq!(unlocked(&ada).send("POST", path, wish).code(), "NOPERM");
    let owner = unlocked(&owner);
    for (url, code) in [
        ("https://", "CONFLICT"),
        ("nonsense", "CONFLICT"),
        ("http://a b", "CONFLICT"),
    ] {
        let answer = owner.send("POST", path, &json!({ "url": url }).to_string());
        assert_eq!(answer.code(), code, "{url}");
    }
    assert_eq!(owner.send("POST", path, wish).status, 200);
    assert_eq!(owner.send("POST", path, wish).code(), "CONFLICT");
    for url in ["http://b", "https://c", "http://d"] {
        add(&owner, url);
    }
    assert_eq!(
        owner.send("POST", path, r#"{"url":"http://e"}"#).code(),
        "CONFLICT"
    );
    // Who may read settings sees the addresses, without their secrets; others see none.
    let seen = ada.get("/api/v1/alerts").text();
    assert!(
        seen.contains("http://***@127.0.0.1:9/***") && !seen.contains("relay"),
        "{seen}"
    );
    assert_eq!(bob.get("/api/v1/alerts").json()["webhooks"], json!(null));
    let settings = owner.get("/api/v1/config").json();
    let of = |name: &str| {
        settings["settings"]
            .as_array()
            .expect("settings")
            .iter()
            .find(|row| row["name"] == name)
            .expect("it")
            .clone()
    };
    assert_eq!(
        (&of("alert-webhooks")["value"], &of("alert-webhooks")["sensitive"]),
        (&json!(null), &json!(true))
    );
    let wrong = format!("{:?}", admin.ask("CONFIG SET alert-webhooks s3cret"));
    assert!(
        wrong.contains("a webhook is an address") && !wrong.contains("s3cret"),
        "{wrong}"
    );
}

#[test]
fn secrets_of_webhooks_are_in_no_log_and_not_in_info() {
    let (server, http) = start(&["--slowlog-log-slower-than", "0"]);
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    let mut client = server.connect();
    client.ask("CONFIG SET alert-webhooks https://hooks.invalid/s3cret alert-webhook-secret s3cret");
    // The console keeps lines.
    let line = json!({"line": "CONFIG SET alert-webhook-secret s3cret", "remember": true});
    let ran = page.send("POST", "/api/v1/execute", &line.to_string());
    assert_eq!(ran.status, 200, "{ran:?}");
    let slow = page.get("/api/v1/slowlog").text();
    assert!(
        slow.contains("alert-webhook-secret") && slow.contains("(redacted)"),
        "{slow}"
    );
    let info = client.ask("INFO everything").text();
    assert!(!info.contains("s3cret"), "{info}");
    for path in [
        "/api/v1/alerts",
        "/api/v1/config",
        "/api/v1/slowlog",
        "/api/v1/console/history",
    ] {
        let answer = page.get(path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.text().contains("s3cret"), "{path}");
    }
    // Who may run CONFIG GET sees them, as Redis has it with passwords.
    let shown = execute(&page, "CONFIG GET alert-webhooks").to_string();
    assert!(shown.contains("https://hooks.invalid/s3cret"), "{shown}");
}

#[test]
fn the_audit_log_tells_of_webhooks_without_their_secrets() {
    let folder = std::env::temp_dir().join(format!("flashdb-http-hooks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("audit.log").display().to_string();
    let (_server, http) = start(&["--log-json", "--audit-logfile", &file]);
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    let (port, _posts) = receiver(&[]);
    let hook = add(&page, &format!("http://ada:s3cret@127.0.0.1:{port}/?t0ken"));
    let path = format!("/api/v1/alerts/webhooks/{}", hook["id"].as_str().expect("an id"));
    assert_eq!(page.send("POST", &format!("{path}/test"), "{}").status, 200);
    let removed = page.send("DELETE", &path, "");
    let text = std::fs::read_to_string(&file).expect("the log");
    assert!(!text.contains("s3cret") && !text.contains("t0ken"), "{text}");
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let of = |event: &str| {
        events
            .iter()
            .filter(|one| one["event"] == event)
            .collect::<Vec<_>>()
    };
    let told = of("webhook");
    let outcomes: Vec<&Value> = told.iter().map(|event| &event["outcome"]).collect();
    assert_eq!(outcomes, ["added", "tested", "removed"]);
    assert_eq!(told[2]["request_id"].as_str(), removed.header("x-request-id"));
    assert_eq!(told[0]["url"], hook["url"]);
    let sets = of("command")
        .into_iter()
        .filter(|event| event["command"] == "config|set");
    assert_eq!(sets.count(), 2, "{text}");
    std::fs::remove_dir_all(&folder).expect("an own folder");
}
