//! Hot keys from the command, over REST, and to who watches.

use crate::live::Viewer;
use crate::start;
use crate::support::Raw;
use crate::support::Value::Int;
use crate::support::http::Http;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Uses `hot` until it is said to be hot.
fn heat(server: &crate::support::Server, mut is_hot: impl FnMut() -> Option<Value>) -> Value {
    let end = Instant::now() + Duration::from_secs(30);
    let mut client = server.connect();
    loop {
        for at in 0..200 {
            client.ask("GET hot");
            client.ask(&format!("SET cold:{at} 1"));
        }
        if let Some(found) = is_hot() {
            return found;
        }
        assert!(Instant::now() < end, "the key is not noticed");
    }
}

#[test]
fn the_key_that_is_used_most_is_named() {
    let (server, http) = start(&[]);
    server.connect().ask("SET hot 1");
    let found = heat(&server, || {
        let body = http.get("/api/v1/hotkeys?limit=3").json();
        let keys = body["keys"].as_array().expect("keys").clone();
        assert!(keys.len() <= 3);
        keys.into_iter()
            .find(|key| key["key"] == "hot" && key["rate"].as_f64() > Some(20.0))
    });
    assert_eq!(found["db"], 0);
    assert!(found["reads"].as_f64() > found["writes"].as_f64());
    assert!(found["share"].as_f64() > Some(0.1) && found["share"].as_f64() <= Some(1.0));
    assert_eq!(found["history"].as_array().map(Vec::len), Some(60));
    let listed = server.connect().ask("HOTKEYS.LIST COUNT 1");
    assert_eq!(
        listed.items()[0].field("key").map(|key| key.text()).as_deref(),
        Some("hot")
    );
    assert_eq!(http.get("/api/v1/hotkeys?limit=0").code(), "BAD_REQUEST");

    let mut viewer = Viewer::open(&http, true);
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": "hotkeys"}}));
    assert_eq!(viewer.hear("hotkeys")["keys"][0]["key"], "hot");
    server.connect().ask("HOTKEYS.RESET");
    assert_eq!(http.get("/api/v1/hotkeys").json()["keys"], json!([]));
}

/// All that pages ask about the keys `looked:…`.
fn look_around(http: &Http) {
    for path in [
        "/api/v1/key/looked:1",
        "/api/v1/key/looked:1/items",
        "/api/v1/key/looked:1/raw",
        "/api/v1/key/looked:2",
        "/api/v1/key/looked:2/items",
        "/api/v1/key/looked:2/raw",
        "/api/v1/keys?match=looked:*",
        "/api/v1/tree?p=looked%3A&wait=5000",
        "/api/v1/tree/keys?p=looked:",
        "/api/v1/find?q=looked:1",
        "/api/v1/export?p=looked%3A",
    ] {
        let answer = http.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let looks = r#"{"action":"look","keys":["looked:1","looked:2"]}"#;
    assert_eq!(http.send("POST", "/api/v1/bulk", looks).status, 200);
    let preview = r#"{"action":"delete","prefix":"looked:","dry_run":true}"#;
    assert_eq!(http.send("POST", "/api/v1/bulk/jobs", preview).status, 200);
}

#[test]
fn what_pages_show_of_a_key_is_no_use_of_it() {
    // With these a use is always counted, and none is forgotten.
    let (server, http) = start(&[
        "--maxmemory-policy",
        "allkeys-lfu",
        "--lfu-log-factor",
        "0",
        "--lfu-decay-time",
        "0",
    ]);
    let mut client = server.connect();
    client.ask("SET looked:1 value");
    client.ask("RPUSH looked:2 a b c");
    let frequencies = |client: &mut Raw| {
        ["looked:1", "looked:2"].map(|key| match client.ask(&format!("OBJECT FREQ {key}")) {
            Int(count) => count,
            other => panic!("{other:?}"),
        })
    };
    let before = frequencies(&mut client);
    look_around(&http);
    assert_eq!(frequencies(&mut client), before);
    let ran = http.send("POST", "/api/v1/execute", r#"{"line":"GET looked:1"}"#);
    assert_eq!(ran.status, 200, "{ran:?}");
    let after = frequencies(&mut client);
    assert!(after[0] > before[0], "what is typed in the console is a use");
    assert_eq!(after[1], before[1]);
    client.ask("HOTKEYS.RESET");
    let names = |act: &dyn Fn()| {
        act();
        let keys = http.get("/api/v1/hotkeys").json()["keys"].clone();
        let keys = keys.as_array().expect("keys").iter();
        keys.map(|key| key["key"].clone()).collect::<Vec<_>>()
    };
    // So few commands that each is looked at.
    let until = |name: &str, act: &dyn Fn()| {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let names = names(act);
            if names.contains(&json!(name)) {
                return names;
            }
            assert!(Instant::now() < end, "{name} is not noticed");
        }
    };
    let typed = |line: &str| {
        let answer = http.send("POST", "/api/v1/execute", &json!({"line": line}).to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let looked_and_used = until("hot", &|| {
        look_around(&http);
        typed("GET hot");
    });
    assert_eq!(looked_and_used, [json!("hot")]);
    until("looked:2", &|| typed("LLEN looked:2"));
}

#[test]
fn hot_keys_need_a_right() {
    let (server, http) = start(&["--requirepass", "secret"]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +@all -hotkeys.list");
    let (page, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    assert_eq!(page.get("/api/v1/hotkeys").code(), "NOPERM");
    let mut viewer = Viewer::open(&page, true);
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": "hotkeys"}}));
    assert_eq!(viewer.hear("error")["needs"], "+hotkeys.list");
}
