//! Looking for something within a large key: by name, by pattern, by value; how far it has come; and that no answer takes long.

use super::support::Raw;
use super::support::http::Http;
use super::{start, start_closed};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Fills a key with `count` elements, many a command.
fn fill(client: &mut Raw, command: &str, count: usize, element: impl Fn(usize) -> Vec<String>) {
    for from in (0..count).step_by(500) {
        let mut words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        words.extend((from..(from + 500).min(count)).flat_map(&element));
        client.request(&words);
        client.read();
    }
}

/// All that a search finds, the pages that it takes, and the elements that they say they looked at.
fn search(http: &Http, key: &str, pattern: &str) -> (Vec<Value>, u64, u64) {
    let (mut found, mut pages, mut scanned, mut cursor) = (Vec::new(), 0, 0, String::new());
    loop {
        let began = Instant::now();
        let answer = http.get(&format!(
            "/api/v1/key/{key}/items?match={pattern}&limit=100&cursor={cursor}"
        ));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(began.elapsed() < Duration::from_secs(5));
        let page = answer.json();
        let items = page["items"].as_array().expect("items");
        // Few more than were asked for.
        assert!(items.len() <= 1200, "{}", items.len());
        found.extend(items.clone());
        pages += 1;
        scanned += page["scanned"].as_u64().expect("how far it came");
        match page["cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return (found, pages, scanned),
        }
    }
}

#[test]
fn one_field_among_many_is_found_at_once_by_name_and_soon_by_pattern() {
    const FIELDS: usize = 60_000;
    let (server, http) = start(&[]);
    let mut client = server.connect();
    fill(&mut client, "HSET h", FIELDS, |n| {
        vec![format!("f{n}"), "v".into()]
    });
    client.ask("HPEXPIRE h 500000 FIELDS 1 f59999");
    let (found, pages, _) = search(&http, "h", "f59999");
    assert_eq!((found.len(), pages), (1, 1));
    assert_eq!(found[0]["value"], "v");
    assert!(found[0]["ttl_ms"].is_number());
    assert_eq!(search(&http, "h", "absent").0, Vec::<Value>::new());
    let (found, pages, scanned) = search(&http, "h", "*59999*");
    assert_eq!(found.len(), 1);
    // Even a build without optimizations looks at thousands of elements in the time of a page.
    assert!(pages <= 60, "{pages} pages");
    assert!(
        (FIELDS as u64..=FIELDS as u64 * 2).contains(&scanned),
        "{scanned}"
    );
    // Where much matches a page still ends about where it was asked to.
    let page = http.get("/api/v1/key/h/items?match=f*&limit=10").json();
    assert!(page["items"].as_array().expect("items").len() <= 100);
    // Without a search nothing is said of one.
    assert_eq!(http.get("/api/v1/key/h/items").json()["scanned"], Value::Null);
}

#[test]
fn members_are_found_by_name_whatever_is_in_it() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    fill(&mut client, "SADD s", 3000, |n| vec![format!("m{n}")]);
    fill(&mut client, "ZADD z", 3000, |n| {
        vec![n.to_string(), format!("m{n}")]
    });
    client.request(&[&b"SADD"[..], b"s", b"a*b", b"\xff"]);
    client.read();
    assert_eq!(
        search(&http, "s", "m2999"),
        (vec![json!({"member": "m2999"})], 1, 1)
    );
    assert_eq!(search(&http, "s", "a%5C*b").0, [json!({"member": "a*b"})]);
    assert_eq!(search(&http, "s", "%FF").0, [json!({"member": {"b64": "/w=="}})]);
    assert_eq!(search(&http, "s", "m3000").0, Vec::<Value>::new());
    assert_eq!(
        search(&http, "z", "m2999").0,
        [json!({"member": "m2999", "score": 2999.0})]
    );
    assert_eq!(search(&http, "z", "m3000").0, Vec::<Value>::new());
    assert_eq!(search(&http, "z", "m?99*").0.len(), 9 + 20);
}

#[test]
fn lists_and_streams_are_searched_by_what_is_in_them() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    fill(&mut client, "RPUSH l", 20_000, |n| vec![format!("v{n}")]);
    let (found, pages, scanned) = search(&http, "l", "*19999*");
    assert_eq!(found, [json!({"index": 19_999, "value": "v19999"})]);
    assert_eq!(scanned, 20_000);
    assert!(pages <= 40, "{pages} pages");
    // A plain text is no name in a list: it may be there twice.
    client.ask("LPUSH l v7");
    let places: Vec<u64> = search(&http, "l", "v7")
        .0
        .iter()
        .filter_map(|item| item["index"].as_u64())
        .collect();
    assert_eq!(places, [0, 8]);
    assert_eq!(search(&http, "l", "v*").0.len(), 20_001);

    for n in 1..=300 {
        client.ask(&format!("XADD x {n}-0 kind k{n} odd{} v", n % 2));
    }
    let ids = |pattern: &str| -> Vec<String> {
        let found = search(&http, "x", pattern).0;
        found
            .iter()
            .filter_map(|item| item["id"].as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!(ids("k300"), ["300-0"]);
    assert_eq!(ids("odd1").len(), 150);
    assert_eq!(ids("299-*"), ["299-0"]);
    assert_eq!(ids("nothing"), Vec::<String>::new());
    let long = "a".repeat(257);
    for key in ["l", "x"] {
        let refused = http.get(&format!("/api/v1/key/{key}/items?match={long}"));
        assert_eq!(refused.code(), "BAD_REQUEST");
    }
}

#[test]
fn a_search_among_large_elements_ends_by_what_it_costs() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let value = vec![b'x'; 1 << 20];
    for n in 0..12 {
        let field = format!("f{n}");
        client.request(&[&b"HSET"[..], b"h", field.as_bytes(), &value]);
        client.read();
        client.request(&[&b"RPUSH"[..], b"l", &value]);
        client.read();
    }
    assert_eq!(search(&http, "h", "f*").0.len(), 12);
    let (found, pages, _) = search(&http, "l", "x*");
    assert_eq!(found.len(), 12);
    assert!(pages >= 3, "{pages} pages");
    assert_eq!(search(&http, "h", "f11").0[0]["value"]["bytes"], 1 << 20);
}

#[test]
fn who_may_walk_and_not_look_up_finds_by_walking() {
    let (server, _, page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("HSET h a 1 b 2");
    admin.ask("ACL SETUSER ada on >pass ~* +type +hlen +hscan");
    let (ada, _) = page.log_in(r#"{"user":"ada","password":"pass"}"#);
    let found = ada.get("/api/v1/key/h/items?match=b").json();
    assert_eq!(
        found["items"],
        json!([{"field": "b", "value": "2", "ttl_ms": null}])
    );
}
