//! Fields of hashes that expire: shown, kept when a value is edited, given and taken away, and put back.

use super::support::http::{Answer, Http};
use super::{execute, start, start_closed, unlocked};
use serde_json::{Value, json};

fn patch(http: &Http, key: &str, edits: Value) -> Answer {
    let body = json!({"edits": edits}).to_string();
    http.send("PATCH", &format!("/api/v1/key/?key={key}"), &body)
}

/// What fields have left, by their names.
fn times(http: &Http, key: &str) -> Value {
    let page = http.get(&format!("/api/v1/items?key={key}")).json();
    let items = page["items"].as_array().expect("items").iter();
    items
        .map(|item| {
            (
                item["field"].as_str().expect("a name").to_owned(),
                item["ttl_ms"].clone(),
            )
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn is_about(time: &Value, most_ms: i64) -> bool {
    time.as_i64()
        .is_some_and(|ttl_ms| (most_ms - 60_000..=most_ms).contains(&ttl_ms))
}

#[test]
fn an_edited_field_keeps_its_expiry() {
    let (_server, http) = start(&[]);
    execute(&http, "HSET h f 1 g 2");
    execute(&http, "HEXPIRE h 100 FIELDS 1 f");
    let done = patch(
        &http,
        "h",
        json!([{"op": "hset", "field": "f", "value": "9", "was": "1"}, {"op": "hset", "field": "g", "value": "8"}]),
    );
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(execute(&http, "HGET h f")["value"], "9");
    let shown = times(&http, "h");
    assert!(is_about(&shown["f"], 100_000), "{shown}");
    assert_eq!(shown["g"], Value::Null);
    // The first page of the key has them, too.
    let first = http.get("/api/v1/key/?key=h").json();
    let timed = first["page"]["items"].as_array().expect("items").iter();
    assert_eq!(timed.filter(|item| item["ttl_ms"].is_number()).count(), 1);
}

#[test]
fn expiries_of_fields_are_given_taken_away_and_put_back() {
    let (_server, http) = start(&[]);
    execute(&http, "HSET h a 1 b 2 c 3 d 4");
    execute(&http, "HEXPIRE h 100 FIELDS 2 a b");
    let edits = json!([
        {"op": "hset", "field": "a", "value": "x", "was": "1", "ttl_ms": null}, {"op": "hpersist", "field": "b"},
        {"op": "hpexpire", "field": "c", "ttl_ms": 500_000}, {"op": "hdel", "field": "d", "was": "4"},
        {"op": "hset", "field": "e", "value": "5", "was": null, "ttl_ms": 900_000},
    ]);
    assert_eq!(patch(&http, "h", edits).status, 200);
    let shown = times(&http, "h");
    assert_eq!((&shown["a"], &shown["b"]), (&Value::Null, &Value::Null));
    assert!(
        is_about(&shown["c"], 500_000) && is_about(&shown["e"], 900_000),
        "{shown}"
    );
    // A field that is not there has no expiry to be changed, and nothing else is changed then.
    let edits = json!([{"op": "hpexpire", "field": "c", "ttl_ms": 1000}, {"op": "hpexpire", "field": "d", "ttl_ms": 1000}]);
    let gone = patch(&http, "h", edits);
    assert_eq!((gone.status, gone.code().as_str()), (409, "CONFLICT"));
    assert_eq!(
        gone.json()["error"]["details"]["conflicts"],
        json!([{"edit": 1, "now": null}])
    );
    assert!(is_about(&times(&http, "h")["c"], 500_000));
    let twice = json!([{"op": "hpersist", "field": "c"}, {"op": "hset", "field": "c", "value": "1"}]);
    assert_eq!(patch(&http, "h", twice).status, 409);
    for bad in [json!(0), json!(-5), json!("9")] {
        let edit = json!([{"op": "hset", "field": "c", "value": "1", "ttl_ms": bad}]);
        assert_eq!(patch(&http, "h", edit).status, 400, "{bad}");
    }
}

#[test]
fn times_of_many_fields_come_by_page_and_odd_names_do_not_mix_them_up() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let long = "n".repeat(20_000);
    client.ask(&format!("HSET h {long} v"));
    for n in 0..700 {
        client.ask(&format!("HSET h f{n} v"));
        if n % 3 == 0 {
            client.ask(&format!("HPEXPIRE h {} FIELDS 1 f{n}", 1_000_000 + n * 1000));
        }
    }
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let page = http
            .get(&format!("/api/v1/key/h/items?limit=100&cursor={cursor}"))
            .json();
        for item in page["items"].as_array().expect("items") {
            let Some(name) = item["field"].as_str() else {
                assert_eq!(
                    (&item["field"]["cut"], &item["ttl_ms"]),
                    (&json!(true), &Value::Null)
                );
                continue;
            };
            let n: i64 = name[1..].parse().expect("a number");
            if n % 3 == 0 {
                let most_ms = 1_000_000 + n * 1000;
                assert!(is_about(&item["ttl_ms"], most_ms), "{item}");
            } else {
                assert_eq!(item["ttl_ms"], Value::Null, "{name}");
            }
            seen += 1;
        }
        match page["cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert!(seen >= 700, "{seen}");
}

#[test]
fn who_may_not_ask_for_times_sees_none_and_who_may_not_keep_them_edits_nothing() {
    let (server, _, page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("HSET cart:1 a 1");
    admin.ask("HEXPIRE cart:1 100 FIELDS 1 a");
    admin.ask("ACL SETUSER ada on >pass ~cart:* +type +hlen +hscan +hget +watch +exists +multi +exec +hset");
    let (ada, _) = page.log_in(r#"{"user":"ada","password":"pass"}"#);
    let ada = unlocked(&ada);
    let items = ada.get("/api/v1/key/cart:1/items").json()["items"].clone();
    assert_eq!(items, json!([{"field": "a", "value": "1", "ttl_ms": null}]));
    let refused = patch(
        &ada,
        "cart:1",
        json!([{"op": "hset", "field": "a", "value": "2", "was": "1"}]),
    );
    assert_eq!(refused.json()["error"]["details"]["needs"], "+hsetex");
    assert_eq!(
        admin.ask("HTTL cart:1 FIELDS 1 a").items()[0],
        super::support::Value::Int(100)
    );
}
