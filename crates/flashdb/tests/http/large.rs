//! The HTTP interface and what is large: elements beyond what one reply may be, names that nobody can show, answers that
//! nobody takes.

use crate::start;
use crate::support::Raw;
use crate::support::http::Http;
use serde_json::{Value, json};

const VALUE_BYTES: usize = 3 << 20;

fn say(client: &mut Raw, words: &[&[u8]]) {
    client.request(words);
    client.read();
}

/// The lengths that a page tells of its cut elements, with a walk over all of its pages.
fn lengths(http: &Http, key: &str) -> Vec<u64> {
    let (mut lengths, mut cursor) = (Vec::new(), String::new());
    loop {
        let answer = http.get(&format!("/api/v1/key/{key}/items?limit=100&cursor={cursor}"));
        assert_eq!(answer.status, 200, "{key}: {}", answer.text());
        assert!(answer.body.len() < 1 << 20, "{key}: {}", answer.body.len());
        let page = answer.json();
        for item in page["items"].as_array().expect("items") {
            let value = match page["type"].as_str() {
                Some("list" | "hash") => &item["value"],
                Some("stream") => &item["fields"][0][1],
                _ => &item["member"],
            };
            assert_eq!(value["cut"], true, "{key}");
            assert!(value["text"].as_str().is_some_and(|text| text.len() <= 16_384));
            lengths.push(value["bytes"].as_u64().expect("a length"));
        }
        match page["cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    lengths.sort_unstable();
    lengths
}

#[test]
fn keys_of_large_elements_can_be_opened() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let expected: Vec<u64> = (0..6).map(|n| (VALUE_BYTES + n) as u64).collect();
    for n in 0..6 {
        let value = format!("{n}{}", "x".repeat(VALUE_BYTES + n - 1));
        for command in [
            "RPUSH list",
            "SADD set",
            &format!("HSET hash f{n}"),
            &format!("ZADD zset {n}"),
            &format!("XADD stream {}-0 f", n + 1),
        ] {
            let mut words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
            words.push(value.as_bytes());
            say(&mut client, &words);
        }
    }
    for key in ["list", "set", "hash", "zset", "stream"] {
        let shown = http.get(&format!("/api/v1/key/{key}"));
        assert_eq!(shown.status, 200, "{key}: {}", shown.text());
        let shown = shown.json();
        assert_eq!((&shown["type"], &shown["length"]), (&json!(key), &json!(6)));
        assert!(
            !shown["page"]["items"].as_array().expect("items").is_empty(),
            "{key}"
        );
        assert_eq!(lengths(&http, key), expected, "{key}");
    }
    let matched = http.get("/api/v1/key/zset/items?match=3*").json();
    assert_eq!(matched["type"], "zset");
}

#[test]
fn a_large_element_among_small_ones_is_cut_alone() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    for n in 0..50 {
        client.ask(&format!("RPUSH list {n}"));
    }
    say(&mut client, &[b"RPUSH", b"list", &vec![b'x'; 10 << 20]]);
    client.ask("RPUSH list last");
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = http
            .get(&format!("/api/v1/key/list/items?limit=30&cursor={cursor}"))
            .json();
        items.extend(page["items"].as_array().expect("items").clone());
        match page["cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(items.len(), 52);
    assert_eq!(items[50]["value"]["bytes"], 10 << 20);
    assert_eq!(items[51], json!({"index": 51, "value": "last"}));
}

#[test]
fn what_cannot_be_had_leaves_the_rest_of_the_key() {
    let (server, http) = start(&["--requirepass", "secret"]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +type +llen +pttl");
    admin.ask("RPUSH list a");
    let (page, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    let shown = page.get("/api/v1/key/list").json();
    assert_eq!(
        (
            &shown["length"],
            &shown["page"]["items"],
            &shown["page"]["error"]["code"]
        ),
        (&json!(1), &json!([]), &json!("NOPERM"))
    );
    assert_eq!(page.get("/api/v1/key/list/items").code(), "NOPERM");
}

#[test]
fn a_huge_name_does_not_hide_the_others() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let name = [&b"huge"[..], &vec![b'x'; 9 << 20]].concat();
    say(&mut client, &[b"SET", &name, b"v"]);
    for n in 0..700 {
        client.ask(&format!("SET key:{n} v"));
    }
    let (mut seen, mut huge, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let answer = http.get(&format!("/api/v1/keys?limit=100&cursor={cursor}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        for row in page["keys"].as_array().expect("keys") {
            match row["key"].as_str() {
                Some(key) => seen.push(key.to_owned()),
                None => huge.push(row.clone()),
            }
        }
        match page["cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 700);
    let huge = huge.first().expect("the huge one");
    assert_eq!(
        (&huge["key"]["cut"], &huge["key"]["bytes"], &huge["type"]),
        (&json!(true), &json!(name.len()), &Value::Null)
    );
}
