//! What each command has done: over REST, one by one with its histogram, and to who watches.

use crate::live::Viewer;
use crate::{start, start_closed, unlocked};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn row<'a>(stats: &'a Value, name: &str) -> Option<&'a Value> {
    let rows = stats["commands"].as_array().expect("commands");
    rows.iter().find(|row| row["name"] == name)
}

#[test]
fn commands_are_counted_one_by_one() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    for at in 0..50 {
        client.ask(&format!("SET key:{at} 1"));
    }
    client.ask("GET key:1");
    client.ask("LPUSH key:1 1");
    client.ask("GET");
    let stats = http.get("/api/v1/commands/stats").json();
    let set = row(&stats, "set").expect("it was called");
    assert_eq!((&set["calls"], &set["family"]), (&json!(50), &json!("string")));
    let us = |name: &str| set[name].as_f64().expect("a time");
    assert!(us("p50_us") > 0.0 && us("p50_us") <= us("p95_us"));
    assert!(us("p95_us") <= us("p99_us") && us("p99_us") <= us("p999_us"));
    assert_eq!(row(&stats, "lpush").expect("a row")["failed"], 1);
    assert_eq!(row(&stats, "get").expect("a row")["rejected"], 1);
    assert!(row(&stats, "hset").is_none(), "nobody called it");
    assert_eq!(
        (&stats["left_out"], &stats["tracking"]),
        (&json!(0), &json!(true))
    );

    let one = http.get("/api/v1/commands/stats/set").json();
    let counts = one["histogram"].as_array().expect("buckets").iter();
    assert_eq!(
        counts.filter_map(|bucket| bucket["count"].as_u64()).sum::<u64>(),
        50
    );
    let never = http.get("/api/v1/commands/stats/hset").json();
    assert_eq!((&never["calls"], &never["p99_us"]), (&json!(0), &Value::Null));
    assert_eq!(never["histogram"], json!([]));
    client.ask("CONFIG GET port");
    let config = http.get("/api/v1/commands/stats/config%7Cget").json();
    assert_eq!(
        (&config["name"], &config["calls"]),
        (&json!("config|get"), &json!(1))
    );
    for unknown in ["nothing", "SET", "%00"] {
        let answer = http.get(&format!("/api/v1/commands/stats/{unknown}"));
        assert_eq!((answer.status, answer.code().as_str()), (404, "NOT_FOUND"));
    }
}

#[test]
fn who_watches_is_told_how_often_commands_are_called_now() {
    let (server, http) = start(&[]);
    let mut viewer = Viewer::open(&http, true);
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": "commandstats"}}));
    let mut client = server.connect();
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        for _ in 0..100 {
            client.ask("HSET hash field 1");
        }
        let told = viewer.hear("commandstats");
        let rate = row(&told, "hset").and_then(|row| row["rate"].as_f64());
        let families = told["families"].as_array().expect("families");
        let family = families.iter().find(|family| family["name"] == "hash");
        if let (Some(rate), Some(family)) = (rate, family)
            && rate > 0.0
        {
            assert_eq!(family["rate"].as_f64(), Some(rate), "it is the only one called");
            let history = family["history"].as_array().expect("parts");
            assert_eq!(history.len(), 60);
            break;
        }
        assert!(Instant::now() < end, "no rate: {told}");
    }
    client.ask("CONFIG RESETSTAT");
    let stats = http.get("/api/v1/commands/stats").json();
    assert!(row(&stats, "hset").is_none(), "{stats}");
}

#[test]
fn the_figures_of_commands_are_those_of_info() {
    let (server, http, page) = start_closed();
    let page = unlocked(&page);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ann on >pass ~* +@all -info");
    let (ann, _) = http.log_in(r#"{"user":"ann","password":"pass"}"#);
    for path in ["/api/v1/commands/stats", "/api/v1/commands/stats/get"] {
        let answer = ann.get(path);
        assert_eq!((answer.status, answer.code().as_str()), (403, "NOPERM"));
        assert_eq!(answer.json()["error"]["details"]["needs"], "+info");
        assert_eq!(http.get(path).status, 401);
    }
    let mut viewer = Viewer::open(&ann, true);
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": "commandstats"}}));
    assert_eq!(viewer.hear("error")["needs"], "+info");

    admin.ask("CONFIG SET latency-tracking no");
    admin.ask("CONFIG RESETSTAT");
    admin.ask("GET a");
    let stats = page.get("/api/v1/commands/stats").json();
    let get = row(&stats, "get").expect("it is counted");
    assert_eq!((&get["calls"], &get["p50_us"]), (&json!(1), &Value::Null));
    assert_eq!(stats["tracking"], false);
}
