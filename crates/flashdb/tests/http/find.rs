//! `GET /find`: what exists is found in whatever database it is, what was not looked at is said, and nobody is told of keys that
//! are not theirs.

use crate::support::http::Http;
use crate::{basic, execute, start, unlocked};
use serde_json::{Value, json};

/// For DEBUG POPULATE.
const DEBUG: &[&str] = &["--enable-debug-command", "yes"];

fn find(http: &Http, query: &str) -> Value {
    let answer = http.get(&format!("/api/v1/find?q={query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Database, name and rank of the keys.
fn keys(found: &Value) -> Vec<(u64, String, String)> {
    let rows = found["keys"].as_array().expect("keys");
    let text = |row: &Value, field: &str| row[field].as_str().expect("a text").to_owned();
    rows.iter()
        .map(|row| {
            let db = row["db"].as_u64().expect("a database");
            (db, text(row, "key"), text(row, "found"))
        })
        .collect()
}

fn key(db: u64, name: &str, found: &str) -> (u64, String, String) {
    (db, name.to_owned(), found.to_owned())
}

/// Database, name and keys of the prefixes, once they are counted.
fn prefixes(http: &Http, query: &str) -> Vec<(u64, String, u64)> {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let found = find(http, query);
        let rows = found["prefixes"].as_array().expect("prefixes");
        if found["prefixes_whole"] == true && rows.iter().all(|row| row["exact"] == true) {
            let parts = |row: &Value| {
                (
                    row["db"].as_u64().expect("a database"),
                    row["prefix"].as_str().expect("a prefix").to_owned(),
                    row["keys"].as_u64().expect("a number"),
                )
            };
            return rows.iter().map(parts).collect();
        }
        assert!(std::time::Instant::now() < end, "{found}");
    }
}

fn prefix(db: u64, name: &str, keys: u64) -> (u64, String, u64) {
    (db, name.to_owned(), keys)
}

#[test]
fn names_are_found_in_every_database() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("MSET cart 1 cart:1 1 cart:2 1 my:cart 1 other 1");
    client.ask("SELECT 3");
    client.ask("MSET cart 1 cart:9 1 a*b 1 aXb 1");
    client.ask("HSET hash:cart f v");
    client.ask("EXPIRE cart:9 1000");
    let all = find(&http, "cart&limit=20");
    assert_eq!(
        keys(&all),
        [
            key(0, "cart", "exact"),
            key(3, "cart", "exact"),
            key(0, "cart:1", "begins"),
            key(0, "cart:2", "begins"),
            key(3, "cart:9", "begins"),
            key(0, "my:cart", "contains"),
            key(3, "hash:cart", "contains"),
        ]
    );
    assert_eq!(
        (&all["looked_at"], &all["keys_total"], &all["cursor"]),
        (&json!(10), &json!(10), &json!(null))
    );
    assert_eq!(all["keys"][6]["type"], "hash");
    assert!(all["keys"][4]["ttl_ms"].as_i64() > Some(0), "{all}");
    // What is typed is text, and the limit is one.
    assert_eq!(keys(&find(&http, "a*")), [key(3, "a*b", "begins")]);
    assert_eq!(keys(&find(&http, "cart&limit=1")), [key(0, "cart", "exact")]);
    let none = find(&http, "nothing");
    assert_eq!((keys(&none), &none["looked_at"]), (vec![], &json!(10)));
    assert_eq!(prefixes(&http, "cart"), [prefix(0, "cart:", 2)]);
    client.request(&[&b"SET"[..], b"\xff", b"1"]);
    client.read();
    let bytes = find(&http, "%ff");
    assert_eq!(
        (&bytes["keys"][0]["db"], &bytes["keys"][0]["key"]["b64"]),
        (&json!(3), &json!("/w=="))
    );
    let long = "x".repeat(513);
    for bad in [
        "",
        "&limit=5",
        &long,
        "a&limit=0",
        "a&limit=101",
        "a&cursor=x",
        "a&cursor=0",
    ] {
        assert_eq!(
            http.get(&format!("/api/v1/find?q={bad}")).code(),
            "BAD_REQUEST",
            "{bad}"
        );
    }
    // A made-up cursor does no harm.
    for odd in [
        "99-1",
        "0-18446744073709551615",
        "0-99999999999999999999",
        "0-1.0-2.0-3",
    ] {
        find(&http, &format!("cart&cursor={odd}"));
    }
}

#[test]
fn what_was_not_looked_at_is_said_and_can_be() {
    let (_server, http) = start(DEBUG);
    execute(&http, "DEBUG POPULATE 300000 item 1");
    execute(&http, "SET xyzzy:needle:1 1");
    // The name itself needs no look at the others.
    let exact = find(&http, "item:299999");
    assert_eq!(keys(&exact)[0], key(0, "item:299999", "exact"));
    // A debug build does not come to all of them in its time.
    let (mut found, mut looked_at, mut cursor, mut pages) = (Vec::new(), 0, String::new(), 0);
    loop {
        let page = find(&http, &format!("needle&cursor={cursor}"));
        assert_eq!(page["keys_total"], 300_001);
        found.extend(keys(&page));
        looked_at += page["looked_at"].as_u64().expect("a number");
        pages += 1;
        match page["cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
        assert!(looked_at < 300_001, "{looked_at} and more to come");
        assert!(pages < 1000, "it goes on");
    }
    assert_eq!(looked_at, 300_001);
    assert_eq!(found, [key(0, "xyzzy:needle:1", "contains")]);
    // With enough of them it does not look at all.
    let enough = find(&http, "item:");
    assert_eq!(keys(&enough).len(), 8);
    assert!(
        enough["cursor"].is_string() && enough["looked_at"].as_u64() < Some(100_000),
        "{enough}"
    );
}

#[test]
fn prefixes_are_found_with_the_keys_of_those_that_have_few() {
    let (_server, http) = start(DEBUG);
    execute(&http, "DEBUG POPULATE 200000 session:user 1");
    execute(&http, "MSET settings:mail 1 settings:theme 1 settings:lang 1");
    let four = r#"{"args":["SET","session:1","v"],"db":4}"#;
    let also = r#"{"args":["SET","session:2","v"],"db":4}"#;
    for body in [four, also] {
        assert_eq!(http.send("POST", "/api/v1/execute", body).status, 200);
    }
    assert_eq!(
        prefixes(&http, "se"),
        [
            prefix(0, "session:", 200_000),
            prefix(0, "settings:", 3),
            prefix(4, "session:", 2)
        ]
    );
    assert_eq!(
        prefixes(&http, "session:"),
        [
            prefix(0, "session:", 200_000),
            prefix(0, "session:user:", 200_000),
            prefix(4, "session:", 2)
        ]
    );
    assert_eq!(
        prefixes(&http, "session:us"),
        [prefix(0, "session:user:", 200_000)]
    );
    assert_eq!(prefixes(&http, "nothing"), []);
    // Three among 200,000: the index knows where they are.
    let found = find(&http, "settings:t");
    assert_eq!(keys(&found), [key(0, "settings:theme", "begins")]);
    let found = find(&http, "settin");
    assert_eq!(keys(&found).len(), 3, "{found}");
    execute(&http, "CONFIG SET prefix-index no");
    let without = find(&http, "session:user:7");
    assert_eq!(without["prefixes"], json!(null));
    assert_eq!(keys(&without)[0], key(0, "session:user:7", "exact"));
    assert!(without["looked_at"].as_u64() > Some(0), "{without}");
}

#[test]
fn nobody_is_told_of_keys_of_others() {
    let (_server, http) = start(&["--requirepass", "secret", "--enable-debug-command", "yes"]);
    let page = unlocked(&http.log_in(r#"{"password":"secret"}"#).0);
    execute(&page, "DEBUG POPULATE 500 team:blue 1");
    execute(&page, "DEBUG POPULATE 5 team:red 1");
    execute(&page, "SET team 1");
    for rules in [
        "red on >pass ~team:red:* +@read +@connection +dbsize",
        "writer on >pass %W~team:* +@read +@connection",
        "still on >pass ~* +exists +select",
        "none on >pass ~* +get",
    ] {
        execute(&page, &format!("ACL SETUSER {rules}"));
    }
    let red = basic(&http, "red:pass");
    let own = find(&red, "team&limit=50");
    assert_eq!(keys(&own).len(), 5, "{own}");
    assert!(
        keys(&own)
            .iter()
            .all(|(_, name, _)| name.starts_with("team:red:"))
    );
    assert_eq!(prefixes_names(&own), json!([["team:", null]]));
    assert_eq!(keys(&find(&red, "team:blue:1")), []);
    assert_eq!(keys(&find(&basic(&http, "writer:pass"), "team:red:1")), []);
    // Who may only ask for a name is told of that, and that nothing else was looked at.
    let still = find(&basic(&http, "still:pass"), "team:red:1");
    assert_eq!(keys(&still), [key(0, "team:red:1", "exact")]);
    assert_eq!(
        (
            &still["looked_at"],
            &still["keys_total"],
            &still["prefixes"],
            &still["cursor"]
        ),
        (&json!(null), &json!(null), &json!(null), &json!(null))
    );
    let none = basic(&http, "none:pass").get("/api/v1/find?q=team");
    assert_eq!((none.status, none.code().as_str()), (403, "NOPERM"));
    assert_eq!(http.get("/api/v1/find?q=team").code(), "NO_SESSION");
}

/// Names and numbers of the prefixes.
fn prefixes_names(found: &Value) -> Value {
    let rows = found["prefixes"].as_array().expect("prefixes");
    rows.iter()
        .map(|row| json!([row["prefix"], row["keys"]]))
        .collect()
}
