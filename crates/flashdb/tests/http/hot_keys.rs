//! Hot keys from the command, over REST, and to who watches.

use crate::live::Viewer;
use crate::start;
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
