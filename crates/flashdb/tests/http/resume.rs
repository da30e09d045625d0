//! Viewers whose connection breaks and comes back: what they are shown of the time between, and that nobody gets what is another's.

use crate::live::Viewer;
use crate::start;
use crate::support::http::Http;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);

fn greet(page: &Http, resume: Value) -> (Viewer, Value) {
    let mut viewer = Viewer::open(page, true);
    viewer.say(json!({"type": "hello", "data": {"proto": 1, "resume": resume}}));
    let welcome = viewer.hear("welcome");
    (viewer, welcome)
}

fn sub(viewer: &mut Viewer, topic: &str) {
    viewer.say(json!({"type": "sub", "data": {"id": topic, "topic": topic}}));
    assert_eq!(viewer.hear("ok")["id"], topic);
}

/// Messages, out of batches as well, until one fits; with the number up to which all has come.
fn until(viewer: &mut Viewer, fits: impl Fn(&Value) -> bool) -> (Vec<Value>, Value) {
    let (mut all, mut seq, end) = (Vec::new(), Value::Null, Instant::now() + LIMIT);
    loop {
        assert!(Instant::now() < end, "{all:?}");
        let message = viewer.hear_any();
        if !message["seq"].is_null() {
            seq = message["seq"].clone();
        }
        match message["type"].as_str() {
            Some("batch") => all.extend(message["data"].as_array().expect("messages").iter().cloned()),
            _ => all.push(message),
        }
        if all.iter().any(&fits) {
            return (all, seq);
        }
    }
}

fn is_get(message: &Value, key: &str) -> bool {
    message["type"] == "command" && message["data"]["key"] == key
}

#[test]
fn a_connection_that_breaks_goes_on_where_it_was() {
    let (server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    let mut client = server.connect();
    let (mut viewer, welcome) = greet(&page, Value::Null);
    assert_eq!(welcome["resumed"], false);
    for topic in ["stats", "alert", "command", "clients"] {
        sub(&mut viewer, topic);
    }
    let end = Instant::now() + LIMIT;
    let mut keys = (0..).map(|n| format!("before:{n}"));
    let (before, seq) = loop {
        assert!(Instant::now() < end, "no command comes");
        let key = keys.next().expect("there is no end");
        client.ask(&format!("GET {key}"));
        let comes = |message: &Value| message["type"] == "stats" || is_get(message, &key);
        let (seen, seq) = until(&mut viewer, comes);
        if seen.iter().any(|message| is_get(message, &key)) {
            break (key, seq);
        }
    };
    viewer.break_off();
    // The feed goes on for a while though nobody is there.
    for n in 0..3 {
        client.ask(&format!("GET missed:{n}"));
    }
    let mut stats = page.get("/api/v1/stats").json();
    let first = stats["t"].as_i64().expect("a time");
    while stats["t"].as_i64() < Some(first + 1000) {
        stats = page.get("/api/v1/stats").json();
    }
    let resume = json!({"sid": welcome["sid"], "seq": seq});
    let (mut viewer, back) = greet(&page, resume.clone());
    assert_eq!((&back["resumed"], &back["seq"]), (&json!(true), &seq), "{back}");
    assert_eq!(back["topics"], json!(["stats", "command", "alert", "clients"]));
    assert_ne!(back["sid"], welcome["sid"]);
    let (missed, now) = until(&mut viewer, |message| is_get(message, "missed:2"));
    assert!(
        missed.iter().filter(|one| one["type"] == "stats").count() >= 2,
        "{missed:?}"
    );
    assert!(!missed.iter().any(|one| is_get(one, &before)), "it had that");
    // What is not kept is told as a gap, of which nobody knows how much it was.
    let gaps: Vec<&Value> = missed.iter().filter(|one| one["type"] == "gap").collect();
    assert_eq!(
        gaps,
        [&json!({"type": "gap", "data": {"topic": "clients", "lost": null}})]
    );
    let number = |seq: &Value| seq.as_str().and_then(|seq| seq.parse::<u64>().ok());
    assert!(number(&now) > number(&seq), "{now}");
    // Whoever asks for a topic hears whether it went on.
    for (topic, answer) in [
        ("command", json!({"id": "command", "resumed": true})),
        ("clients", json!({"id": "clients"})),
    ] {
        viewer.say(json!({"type": "sub", "data": {"id": topic, "topic": topic}}));
        assert_eq!(viewer.hear("ok"), answer);
    }
    client.ask("GET after");
    until(&mut viewer, |message| is_get(message, "after"));
    // It is gone on with once.
    assert_eq!(greet(&page, resume).1["resumed"], false);
}

#[test]
fn nobody_goes_on_with_the_stream_of_another() {
    let (server, http) = start(&["--requirepass", "secret"]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +@all");
    let (page, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    let (same_user, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    let (other, _) = http.log_in(r#"{"password":"secret"}"#);
    let (mut viewer, welcome) = greet(&page, Value::Null);
    sub(&mut viewer, "command");
    let resume = json!({"sid": welcome["sid"], "seq": welcome["seq"]});
    viewer.break_off();
    for stranger in [&other, &same_user] {
        let (_viewer, back) = greet(stranger, resume.clone());
        assert_eq!((&back["resumed"], &back["topics"]), (&json!(false), &json!([])));
    }
    for nonsense in [
        json!({"sid": welcome["sid"], "seq": "18446744073709551615"}),
        json!({"sid": "9f", "seq": "0"}),
        json!({"sid": 7, "seq": 7}),
        json!([]),
    ] {
        assert_eq!(greet(&page, nonsense.clone()).1["resumed"], false, "{nonsense}");
    }
    let (mut viewer, welcome) = greet(&page, Value::Null);
    sub(&mut viewer, "command");
    let resume = json!({"sid": welcome["sid"], "seq": welcome["seq"]});
    viewer.break_off();
    // By other rights it may not be the same that is to be seen.
    admin.ask("ACL SETUSER ada -monitor");
    let (mut viewer, back) = greet(&page, resume);
    assert_eq!(back["resumed"], false);
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": "command"}}));
    assert_eq!(viewer.hear("error")["needs"], "+monitor");
}

#[test]
fn a_page_that_is_left_keeps_nothing_under_way() {
    let (server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    let mut client = server.connect();
    let (mut viewer, welcome) = greet(&page, Value::Null);
    sub(&mut viewer, "command");
    viewer.leave();
    let resume = json!({"sid": welcome["sid"], "seq": welcome["seq"]});
    assert_eq!(greet(&page, resume).1["resumed"], false);
    client.ask("GET a");
}
