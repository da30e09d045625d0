//! `GET /tree` and `GET /tree/keys`: counts of prefixes follow what is written, restricted users see only what is theirs, and no
//! SCAN runs for it.

use crate::{basic, execute, start, unlocked};
use serde_json::{Value, json};

/// For DEBUG POPULATE.
const DEBUG: &[&str] = &["--enable-debug-command", "yes"];

fn tree(http: &crate::support::http::Http, query: &str) -> Value {
    let answer = http.get(&format!("/api/v1/tree?wait=5000{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let tree = answer.json();
    assert_eq!(tree["exact"], true, "{tree}");
    tree
}

fn branches(tree: &Value) -> Vec<(String, u64)> {
    let rows = tree["branches"].as_array().expect("branches");
    let pair = |row: &Value| {
        (
            row["prefix"].as_str().expect("a prefix").to_owned(),
            row["keys"].as_u64().unwrap_or(u64::MAX),
        )
    };
    rows.iter().map(pair).collect()
}

fn pair(name: &str, keys: u64) -> (String, u64) {
    (name.to_owned(), keys)
}

#[test]
fn counts_follow_what_is_written() {
    let (_server, http) = start(DEBUG);
    let empty = tree(&http, "");
    assert_eq!((&empty["keys"], branches(&empty)), (&json!(0), vec![]));
    execute(&http, "DEBUG POPULATE 3000 session:user 20");
    execute(&http, "DEBUG POPULATE 1000 cart 20");
    execute(&http, "SET plain 1");
    assert_eq!(
        branches(&tree(&http, "&sort=count")),
        [pair("session:", 3000), pair("cart:", 1000)]
    );
    let session = tree(&http, "&p=session:");
    assert_eq!(branches(&session), [pair("session:user:", 3000)]);
    assert_eq!((&session["loose"], &session["cursor"]), (&json!(0), &json!(null)));
    for (line, cart) in [
        ("SET cart:1 other", 1000),
        ("DEL cart:1 cart:2 cart:2", 998),
        ("SET cart:new 1", 999),
        ("RENAME cart:new session:user:x", 998),
        ("COPY cart:3 cart:copy", 999),
        ("UNLINK cart:3", 998),
        ("EXPIRE cart:4 -1", 997),
        (
            "EVAL \"redis.call('del','cart:5') redis.call('set','cart:a','1') redis.call('set','cart:b','1')\" 3 cart:5 cart:a cart:b",
            998,
        ),
        ("MOVE cart:6 1", 997),
    ] {
        execute(&http, line);
        let all = tree(&http, "&sort=name");
        assert_eq!(branches(&all)[0], pair("cart:", cart), "{line}");
        assert_eq!(all["keys"], execute(&http, "DBSIZE")["value"], "{line}");
    }
    execute(&http, "SWAPDB 0 1");
    assert_eq!(tree(&http, "")["keys"], 1);
    execute(&http, "SWAPDB 0 1");
    execute(&http, "FLUSHDB ASYNC");
    assert_eq!(
        (tree(&http, "")["keys"].clone(), branches(&tree(&http, ""))),
        (json!(0), vec![])
    );
    execute(&http, "MSET cart:1 1 cart:2 2");
    assert_eq!(branches(&tree(&http, "")), [pair("cart:", 2)]);
    let text = execute(&http, "INFO commandstats").to_string();
    assert!(
        text.contains("prefix.tree") && !text.contains("cmdstat_scan"),
        "{text}"
    );
}

#[test]
fn loose_keys_come_page_by_page() {
    let (_server, http) = start(DEBUG);
    execute(&http, "DEBUG POPULATE 5000 a:b 10");
    (0..300).for_each(|n| {
        execute(&http, &format!("SET a:{n} v EX 1000"));
    });
    assert_eq!(tree(&http, "&p=a:")["loose"], 300);
    let (mut cursor, mut names) = (String::from("0"), Vec::new());
    loop {
        let page = http
            .get(&format!("/api/v1/tree/keys?p=a%3A&limit=50&cursor={cursor}"))
            .json();
        let rows = page["keys"].as_array().expect("keys").clone();
        assert!(rows.len() <= 50, "{}", rows.len());
        assert!(
            rows.iter()
                .all(|row| row["type"] == "string" && row["ttl_ms"].as_i64() > Some(0))
        );
        names.extend(
            rows.iter()
                .map(|row| row["key"].as_str().expect("a key").to_owned()),
        );
        match page["cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(names.len(), 300, "none twice");
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 300);
    let one = http.get("/api/v1/tree/keys?p=a%3A&limit=1").json();
    assert_eq!(one["keys"].as_array().map(Vec::len), Some(1), "{one}");
    assert!(
        names
            .iter()
            .all(|name| name.starts_with("a:") && !name.starts_with("a:b:"))
    );
    for bad in [
        "/tree?sort=x",
        "/tree?limit=0",
        "/tree?wait=9999",
        "/tree?db=99",
        "/tree/keys?cursor=x",
    ] {
        assert_eq!(http.get(&format!("/api/v1{bad}")).code(), "BAD_REQUEST", "{bad}");
    }
    execute(&http, "CONFIG SET prefix-index no");
    assert_eq!(http.get("/api/v1/tree").code(), "COMMAND_FAILED");
}

#[test]
fn restricted_users_see_what_is_theirs() {
    let (_server, http) = start(&["--requirepass", "secret", "--enable-debug-command", "yes"]);
    let page = unlocked(&http.log_in(r#"{"password":"secret"}"#).0);
    execute(&page, "DEBUG POPULATE 100 team:red:x 10");
    execute(&page, "DEBUG POPULATE 200 team:blue:x 10");
    execute(&page, "DEBUG POPULATE 300 other 10");
    execute(
        &page,
        "ACL SETUSER red on >pass ~team:red:* +prefix.tree +prefix.keys +select",
    );
    execute(&page, "ACL SETUSER none on >pass ~* +get");
    let red = basic(&http, "red:pass");
    let all = tree(&red, "");
    assert_eq!(
        (&all["keys"], &all["db_keys"], &all["loose"]),
        (&json!(null), &json!(null), &json!(null))
    );
    assert_eq!(
        all["branches"],
        json!([{"prefix":"team:","keys":null,"bytes":null,"branches":2}])
    );
    assert_eq!(branches(&tree(&red, "&p=team:")), [pair("team:red:", 100)]);
    let own = tree(&red, "&p=team:red:");
    assert_eq!(
        (&own["keys"], branches(&own)),
        (&json!(100), vec![pair("team:red:x:", 100)])
    );
    let other = tree(&red, "&p=team:blue:");
    assert_eq!((&other["keys"], branches(&other)), (&json!(null), vec![]));
    assert_eq!(red.get("/api/v1/tree/keys?p=team:").code(), "NOPERM");
    assert_eq!(red.get("/api/v1/tree/keys?p=team:red:").status, 200);
    let none = basic(&http, "none:pass").get("/api/v1/tree");
    assert_eq!(
        (none.status, none.json()["error"]["details"]["needs"].clone()),
        (403, json!("+prefix.tree"))
    );
}
