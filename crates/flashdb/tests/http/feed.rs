//! The feed of recent commands: what comes to who watches, what is never shown, and that nothing is written down for nobody.

use crate::live::Viewer;
use crate::support::Raw;
use crate::support::http::Http;
use crate::{start, start_closed};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);

/// Subscribes, and runs `mark` until it is shown: from then on the tap is open.
fn watch(server: &mut Raw, page: &Http) -> Viewer {
    let mut viewer = Viewer::open(page, true);
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": "command"}}));
    assert_eq!(viewer.hear("ok")["id"], 1);
    // A batch comes four times a second; figures in between, so that listening ends.
    viewer.say(json!({"type": "sub", "data": {"id": 2, "topic": "stats"}}));
    let end = Instant::now() + LIMIT;
    while !rows_until(&mut viewer, "stats")
        .iter()
        .any(|row| row["key"] == "mark")
    {
        assert!(Instant::now() < end, "no row comes");
        server.ask("GET mark");
    }
    viewer
}

/// The rows that come before the next message of this type; the rate of one is told within a second.
fn rows_until(viewer: &mut Viewer, kind: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    loop {
        let message = viewer.hear_any();
        if message["type"] == kind {
            return rows;
        }
        if message["type"] == "batch" {
            viewer.say(json!({"type": "ack", "data": {"seq": message["seq"]}}));
            let batch = message["data"].as_array().expect("messages").clone();
            let of_feed = batch.into_iter().filter(|one| one["type"] == "command");
            rows.extend(of_feed.map(|one| one["data"].clone()));
        }
    }
}

/// The rows up to that of `GET <key>`, that one left out.
fn rows_up_to(viewer: &mut Viewer, key: &str) -> Vec<Value> {
    let (mut rows, end) = (Vec::new(), Instant::now() + LIMIT);
    loop {
        assert!(Instant::now() < end, "{key} does not come: {rows:?}");
        rows.extend(rows_until(viewer, "stats"));
        if let Some(at) = rows.iter().position(|row| row["key"] == key) {
            rows.truncate(at);
            return rows.into_iter().filter(|row| row["key"] != "mark").collect();
        }
    }
}

fn written_down(http: &Http) -> u64 {
    let text = http.get("/metrics").text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("flashdb_feed_rows_total "));
    line.and_then(|value| value.parse().ok()).expect("the metric")
}

#[test]
fn commands_come_as_they_are_run() {
    let (server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    let mut client = server.connect();
    let mut viewer = watch(&mut client, &page);
    client.ask("HSET session:1 name Ada");
    client.ask("LPUSH session:1 x");
    client.ask("SELECT 3");
    client.request(&[b"SET".as_slice(), &[0xff; 300], b"1"]);
    client.read();
    client.ask("GET end");
    let rows = rows_up_to(&mut viewer, "end");
    let of = |cmd: &str| {
        rows.iter()
            .find(|row| row["cmd"] == cmd)
            .unwrap_or_else(|| panic!("{cmd} in {rows:?}"))
    };
    let hset = of("HSET");
    assert_eq!(
        (
            &hset["key"],
            &hset["args"],
            &hset["db"],
            &hset["failed"],
            &hset["sample"],
            &hset["more"]
        ),
        (
            &json!("session:1"),
            &json!(["name", "Ada"]),
            &json!(0),
            &json!(false),
            &json!(1),
            &json!(0)
        )
    );
    assert!(hset["t"].as_u64() > Some(1_700_000_000_000) && hset["latency_us"].as_f64() > Some(0.0));
    assert!(
        hset["addr"]
            .as_str()
            .is_some_and(|addr| addr.starts_with("127.0.0.1:"))
    );
    let crate::support::Value::Int(id) = client.ask("CLIENT ID") else {
        panic!("an id is a number");
    };
    assert_eq!(hset["cid"], id.to_string());
    assert_eq!(of("LPUSH")["failed"], true);
    let set = of("SET");
    assert_eq!(
        (&set["key"]["bytes"], &set["key"]["cut"], &set["db"]),
        (&json!(300), &json!(true), &json!(3))
    );
    assert!(set["key"]["b64"].is_string());
}

#[test]
fn secrets_and_administration_are_not_shown() {
    let (server, _, page) = start_closed();
    let mut client = server.connect();
    client.ask("AUTH secret");
    let mut viewer = watch(&mut client, &page);
    for line in [
        "ACL SETUSER ada on >s3cret ~* +@all",
        "AUTH ada s3cret",
        "HELLO 3 AUTH ada s3cret",
        "CONFIG SET requirepass s3cret",
        "AUTH default s3cret",
        "MIGRATE 127.0.0.1 1 key 0 10 AUTH s3cret",
        "CONFIG SET requirepass secret",
        "GET end",
    ] {
        client.ask(line);
    }
    let rows = rows_up_to(&mut viewer, "end");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["cmd"].as_str()).collect();
    assert!(names.contains(&"AUTH") && names.contains(&"HELLO"), "{names:?}");
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("CONFIG") || name.starts_with("ACL")),
        "{names:?}"
    );
    let text = json!(rows).to_string();
    assert!(text.contains("(redacted)") && !text.contains("s3cret"), "{text}");
}

#[test]
fn many_commands_make_few_rows_that_say_what_they_stand_for() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let mut viewer = watch(&mut client, &http);
    let (began, pipeline) = (Instant::now(), b"GET busy\r\n".repeat(200));
    let (mut rows, mut sent) = (Vec::new(), 0_u64);
    while began.elapsed() < Duration::from_secs(3) {
        for _ in 0..20 {
            client.send(&pipeline);
            for _ in 0..200 {
                client.read();
            }
            sent += 200;
        }
        rows.extend(rows_until(&mut viewer, "stats"));
    }
    let seconds = began.elapsed().as_secs_f64();
    assert!(
        !rows.is_empty() && rows.len() as f64 <= 50.0 * (seconds + 1.0),
        "{} rows",
        rows.len()
    );
    assert!(rows.iter().any(|row| row["sample"].as_u64() > Some(1)));
    let stood_for: u64 = rows.iter().filter_map(|row| row["sample"].as_u64()).sum();
    assert!(
        stood_for > sent / 20 && stood_for < sent * 20,
        "{stood_for} for {sent}"
    );
    assert!(server.info("total_commands_processed") >= sent as i64);
}

#[test]
fn nothing_is_written_down_for_nobody() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SET a 1");
    assert_eq!(written_down(&http), 0);
    let mut viewer = watch(&mut client, &http);
    assert!(written_down(&http) > 0);
    viewer.say(json!({"type": "unsub", "data": {"id": 9, "topic": "command"}}));
    rows_until(&mut viewer, "ok");
    await_still(&mut client, &http);
    assert_eq!(rows_until(&mut viewer, "stats"), Vec::<Value>::new());
    // A page that is hidden pauses, and one that is gone says nothing.
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": "command"}}));
    await_flow(&mut client, &http);
    viewer.say(json!({"type": "pause"}));
    await_still(&mut client, &http);
    viewer.say(json!({"type": "resume"}));
    await_flow(&mut client, &http);
    drop(viewer);
    await_still(&mut client, &http);
}

/// Runs commands until none is written down any more. Of busy loops not each is, but of so many some are.
fn await_still(client: &mut Raw, http: &Http) {
    let end = Instant::now() + LIMIT;
    loop {
        let before = written_down(http);
        for _ in 0..300 {
            client.ask("GET a");
        }
        if written_down(http) == before {
            return;
        }
        assert!(Instant::now() < end, "commands are written down for nobody");
    }
}

/// Runs commands until one is written down.
fn await_flow(client: &mut Raw, http: &Http) {
    let (end, before) = (Instant::now() + LIMIT, written_down(http));
    while written_down(http) == before {
        assert!(Instant::now() < end, "nothing is written down");
        client.ask("GET a");
    }
}

#[test]
fn the_feed_needs_the_right_to_monitor() {
    let (server, http, _) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +@all -monitor");
    let (page, session) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    assert_eq!(session["capabilities"]["monitor"], false);
    let mut viewer = Viewer::open(&page, true);
    let subscribe = json!({"type": "sub", "data": {"id": 1, "topic": "command"}});
    viewer.say(subscribe.clone());
    let error = viewer.hear("error");
    assert_eq!(
        (&error["topic"], &error["needs"]),
        (&json!("command"), &json!("+monitor"))
    );
    viewer.say(json!({"type": "sub", "data": {"id": 2, "topic": "stats"}}));
    let metrics = crate::basic(&http, "default:secret");
    await_still(&mut admin, &metrics);
    assert_eq!(written_down(&metrics), 0);
    assert!(rows_until(&mut viewer, "stats").is_empty());

    admin.ask("ACL SETUSER ada +monitor");
    viewer.hear("session");
    viewer.say(subscribe);
    viewer.hear("ok");
    await_flow(&mut admin, &metrics);
    admin.ask("ACL SETUSER ada -monitor");
    let lost = viewer.hear("error");
    assert_eq!(
        (&lost["topic"], &lost["needs"]),
        (&json!("command"), &json!("+monitor"))
    );
    await_still(&mut admin, &metrics);
    // Subscriptions outlast the loss of a right.
    admin.ask("ACL SETUSER ada +monitor");
    let end = Instant::now() + LIMIT;
    while rows_until(&mut viewer, "stats").is_empty() {
        assert!(Instant::now() < end, "no row comes");
        admin.ask("GET a");
    }
}
