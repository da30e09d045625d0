//! Alerts: rules are settings, what fires is listed and told to who watches, and names of keys only to who may list hot keys.

use crate::live::Viewer;
use crate::support::http::Http;
use crate::{start, unlocked};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn await_alert(http: &Http, kind: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let body = http.get("/api/v1/alerts").json();
        let alerts = body["alerts"].as_array().expect("alerts").clone();
        if let Some(alert) = alerts.into_iter().find(|alert| alert["type"] == kind) {
            return alert;
        }
        assert!(Instant::now() < end, "no alert");
        std::thread::yield_now();
    }
}

#[test]
fn what_passes_a_threshold_is_told_and_listed() {
    let (server, http) = start(&[
        "--maxmemory",
        "1gb",
        "--alert-memory-percent",
        "0",
        // The machine may be slow.
        "--alert-p99-us",
        "0",
    ]);
    let (page, _) = http.log_in("{}");
    let page = unlocked(&page);
    let mut viewer = Viewer::open(&page, true);
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": "alert"}}));
    viewer.hear("ok");
    assert_eq!(http.get("/api/v1/alerts").json()["alerts"], json!([]));
    server.connect().ask("SET a 1");
    server.connect().ask("CONFIG SET maxmemory 4mb");
    let rule = page
        .send("PUT", "/api/v1/alerts/memory", r#"{"threshold":1}"#)
        .json();
    assert_eq!((&rule["threshold"], &rule["default"]), (&json!(1), &json!(90)));
    let set = server.connect().ask("CONFIG GET alert-memory-percent");
    assert_eq!(set.items()[1].text(), "1");
    let alert = viewer.hear("alert");
    assert_eq!(
        (&alert["type"], &alert["state"]),
        (&json!("memory"), &json!("firing"))
    );
    let listed = await_alert(&http, "memory");
    assert_eq!(listed["id"], alert["id"]);
    page.send("PUT", "/api/v1/alerts/memory", r#"{"threshold":0}"#);
    let over = viewer.hear("alert");
    assert_eq!((&over["state"], &over["id"]), (&json!("resolved"), &alert["id"]));
    assert!(over["until"].is_number());

    assert_eq!(
        page.send("PUT", "/api/v1/alerts/dance", r#"{"threshold":1}"#)
            .code(),
        "NOT_FOUND"
    );
    let on = page.send("PUT", "/api/v1/alerts/persistence", r#"{"threshold":2}"#);
    assert_eq!(on.json()["threshold"], 1);
    let wrong = page.send(
        "PUT",
        "/api/v1/alerts/latency",
        r#"{"threshold":9223372036854775808}"#,
    );
    assert_eq!(wrong.code(), "BAD_REQUEST");
}

#[test]
fn names_of_keys_are_for_who_may_list_them() {
    let (server, http) = start(&[
        "--requirepass",
        "secret",
        "--alert-hot-key-rate",
        "1",
        "--alert-p99-us",
        "0",
    ]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +@all -hotkeys.list -config");
    let (owner, _) = http.log_in(r#"{"password":"secret"}"#);
    let (ada, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        for _ in 0..200 {
            admin.ask("GET hot");
        }
        let body = owner.get("/api/v1/alerts").json();
        if body["firing"] != 0 {
            assert_eq!(
                (&body["alerts"][0]["type"], &body["alerts"][0]["key"]),
                (&json!("hot_key"), &json!("hot"))
            );
            break;
        }
        assert!(Instant::now() < end, "no alert");
    }
    assert_eq!(ada.get("/api/v1/alerts").json()["alerts"], json!([]));
    let denied = unlocked(&ada).send("PUT", "/api/v1/alerts/latency", r#"{"threshold":1}"#);
    assert_eq!(denied.code(), "NOPERM");
    let locked = owner.send("PUT", "/api/v1/alerts/latency", r#"{"threshold":1}"#);
    assert_eq!(locked.code(), "READ_ONLY");
}
