//! Editing in place over HTTP: each type, what was seen against what is there, names that are no text, and who may not.

use super::support::http::{Answer, Http};
use super::{base64, execute, start, start_closed, unlocked};
use serde_json::{Value, json};

fn patch(http: &Http, key: &str, edits: Value) -> Answer {
    let body = json!({"edits": edits}).to_string();
    http.send("PATCH", &format!("/api/v1/key/?key={key}"), &body)
}

/// What is in a key: items or value.
fn inside(http: &Http, key: &str) -> Value {
    let page = http.get(&format!("/api/v1/items?key={key}")).json();
    if page["items"].is_null() {
        page["value"].clone()
    } else {
        page["items"].clone()
    }
}

fn conflicts(answer: &Answer) -> Value {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "CONFLICT"),
        "{answer:?}"
    );
    answer.json()["error"]["details"]["conflicts"].clone()
}

#[test]
fn a_string_is_replaced_where_it_is_as_it_was_seen() {
    let (_server, http) = start(&[]);
    execute(&http, "SET s old PX 500000");
    let done = patch(&http, "s", json!([{"op": "set", "value": "new", "was": "old"}]));
    assert_eq!(
        done.json(),
        json!({"key": "s", "db": 0, "edits": 1, "exists": true}),
        "{done:?}"
    );
    let shown = http.get("/api/v1/key/?key=s").json();
    assert_eq!(shown["page"]["value"], "new");
    assert!(shown["ttl_ms"].is_number(), "the expiry stays");
    let stale = patch(&http, "s", json!([{"op": "set", "value": "x", "was": "old"}]));
    assert_eq!(conflicts(&stale), json!([{"edit": 0, "now": "new"}]));
    // As far as it goes the same, and longer: only the beginning is told.
    execute(&http, "SETRANGE s 19999 x");
    let stale = patch(&http, "s", json!([{"op": "set", "value": "x", "was": "new"}]));
    let now = &conflicts(&stale)[0]["now"];
    assert_eq!((&now["cut"], &now["bytes"]), (&json!(true), &json!(20_000)));
    assert_eq!(now["text"].as_str().map(str::len), Some(16_384));
    assert_eq!(patch(&http, "s", json!([{"op": "set", "value": ""}])).status, 200);
    assert_eq!(inside(&http, "s"), "");
    let large = "é".repeat(100_000);
    assert_eq!(
        patch(&http, "s", json!([{"op": "set", "value": large, "was": ""}])).status,
        200
    );
    let back = patch(&http, "s", json!([{"op": "set", "value": "small", "was": large}]));
    assert_eq!(back.status, 200, "{back:?}");
}

#[test]
fn fields_are_set_and_removed_together_or_not_at_all() {
    let (_server, http) = start(&[]);
    execute(&http, "HSET h a 1 b 2");
    execute(&http, "PEXPIRE h 500000");
    let edits = json!([
        {"op": "hdel", "field": "a", "was": "1"}, {"op": "hdel", "field": "b", "was": "2"},
        {"op": "hset", "field": {"b64": base64(b"\xff\x00")}, "value": {"b64": base64(b"\xfe")}, "was": null},
    ]);
    assert_eq!(patch(&http, "h", edits.clone()).status, 200);
    let bytes = |bytes: &[u8]| json!({"b64": base64(bytes)});
    assert_eq!(
        inside(&http, "h"),
        json!([{"field": bytes(b"\xff\x00"), "value": bytes(b"\xfe"), "ttl_ms": null}])
    );
    assert!(
        http.get("/api/v1/key/?key=h").json()["ttl_ms"].is_number(),
        "it never was empty"
    );
    let stale = conflicts(&patch(&http, "h", edits));
    let expected = json!([
        {"edit": 0, "now": null}, {"edit": 1, "now": null}, {"edit": 2, "now": bytes(b"\xfe")}
    ]);
    assert_eq!(stale, expected);
    let last = patch(&http, "h", json!([{"op": "hdel", "field": bytes(b"\xff\x00")}]));
    assert_eq!(last.json()["exists"], false);
    let gone = patch(&http, "h", json!([{"op": "hset", "field": "a", "value": "1"}]));
    assert_eq!((gone.status, gone.code().as_str()), (404, "KEY_NOT_FOUND"));
}

#[test]
fn a_list_is_edited_by_the_places_that_were_seen() {
    let (_server, http) = start(&[]);
    execute(&http, "RPUSH l a b c d b");
    let edits = json!([
        {"op": "lrem", "index": 1, "was": "b"}, {"op": "lset", "index": 2, "value": "C", "was": "c"},
        {"op": "lpush", "value": "first"}, {"op": "rpush", "value": "last"}, {"op": "lrem", "index": 3, "was": "d"},
    ]);
    assert_eq!(patch(&http, "l", edits.clone()).status, 200);
    let values: Vec<String> = inside(&http, "l")
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["value"].as_str().expect("text").to_owned())
        .collect();
    assert_eq!(values, ["first", "a", "C", "b", "last"]);
    let stale = conflicts(&patch(&http, "l", edits));
    assert_eq!(stale[0], json!({"edit": 0, "now": "a"}));
    let beyond = patch(
        &http,
        "l",
        json!([{"op": "lset", "index": 50, "value": "x", "was": "b"}]),
    );
    assert_eq!(conflicts(&beyond), json!([{"edit": 0, "now": null}]));
    // The last elements leave with others coming: the key and its expiry stay.
    execute(&http, "DEL l");
    execute(&http, "RPUSH l only");
    execute(&http, "PEXPIRE l 500000");
    let swap = json!([{"op": "lrem", "index": 0, "was": "only"}, {"op": "rpush", "value": "other"}]);
    assert_eq!(patch(&http, "l", swap).json()["exists"], true);
    assert!(http.get("/api/v1/key/?key=l").json()["ttl_ms"].is_number());
}

#[test]
fn members_scores_and_entries_are_edited() {
    let (_server, http) = start(&[]);
    execute(&http, "SADD s a b");
    let edits =
        json!([{"op": "sadd", "member": "c", "was": false}, {"op": "srem", "member": "a", "was": true}]);
    assert_eq!(patch(&http, "s", edits.clone()).status, 200);
    let stale = conflicts(&patch(&http, "s", edits));
    assert_eq!(
        stale,
        json!([{"edit": 0, "now": true}, {"edit": 1, "now": false}])
    );
    assert_eq!(execute(&http, "SISMEMBER s c")["value"], 1);

    // A score that a decimal number reaches only exactly.
    execute(&http, "ZADD z 0.30000000000000004 a 1 b inf c");
    let score = inside(&http, "z")[0]["score"].clone();
    let edits = json!([
        {"op": "zadd", "member": "a", "score": 5e-324, "was": score}, {"op": "zrem", "member": "c", "was": "inf"},
        {"op": "zadd", "member": "d", "score": "-inf", "was": null},
    ]);
    assert_eq!(patch(&http, "z", edits).status, 200);
    let expected = json!([
        {"member": "d", "score": "-inf"}, {"member": "a", "score": 5e-324}, {"member": "b", "score": 1.0}
    ]);
    assert_eq!(inside(&http, "z"), expected);
    let stale = patch(
        &http,
        "z",
        json!([{"op": "zadd", "member": "b", "score": 2, "was": 1.5}]),
    );
    assert_eq!(conflicts(&stale), json!([{"edit": 0, "now": 1.0}]));

    execute(&http, "XADD x 1-0 a 1");
    let edits = json!([
        {"op": "xadd", "id": "2-0", "fields": [["b", "2"], ["b", "3"]]}, {"op": "xadd", "id": "*", "fields": [["c", "4"]]},
        {"op": "xdel", "id": "1-0"},
    ]);
    assert_eq!(patch(&http, "x", edits).status, 200);
    let entries = inside(&http, "x");
    assert_eq!(
        entries[0],
        json!({"id": "2-0", "fields": [["b", "2"], ["b", "3"]]})
    );
    assert_eq!(entries.as_array().map(Vec::len), Some(2));
    // What the engine refuses undoes the rest.
    let late = json!([{"op": "xdel", "id": "2-0"}, {"op": "xadd", "id": "1-1", "fields": [["a", "b"]]}]);
    assert_eq!(patch(&http, "x", late).code(), "COMMAND_FAILED");
    assert_eq!(inside(&http, "x"), entries);
}

#[test]
fn expiry_and_name_are_edited() {
    let (_server, http) = start(&[]);
    execute(&http, "SET a 1");
    execute(&http, "SET taken 1");
    assert_eq!(
        patch(&http, "a", json!([{"op": "pexpire", "ttl_ms": 500_000}])).status,
        200
    );
    let shown = http.get("/api/v1/key/?key=a").json();
    assert!(
        shown["ttl_ms"]
            .as_i64()
            .is_some_and(|ttl_ms| (1..=500_000).contains(&ttl_ms))
    );
    let taken = patch(
        &http,
        "a",
        json!([{"op": "persist"}, {"op": "rename", "to": "taken"}]),
    );
    assert_eq!((taken.status, taken.code().as_str()), (409, "KEY_EXISTS"));
    let odd = json!({"b64": base64(b"\xff/..")});
    let moved = patch(
        &http,
        "a",
        json!([{"op": "persist"}, {"op": "rename", "to": odd}]),
    );
    assert_eq!(
        moved.json(),
        json!({"key": odd, "db": 0, "edits": 2, "exists": true})
    );
    let shown = http.get("/api/v1/key/?key=%FF%2F..").json();
    assert_eq!(
        (&shown["ttl_ms"], &shown["page"]["value"]),
        (&Value::Null, &json!("1"))
    );
    let edits = json!([{"op": "set", "value": {"b64": base64(b"\x00\x80")}, "was": "1"}]);
    assert_eq!(patch(&http, "%FF%2F..", edits).status, 200);
    assert_eq!(inside(&http, "%FF%2F.."), json!({"b64": base64(b"\x00\x80")}));
    // Another database, and the key in the path.
    execute(&http, "SET b 1");
    let body = json!({"edits": [{"op": "persist"}]}).to_string();
    assert_eq!(
        http.send("PATCH", "/api/v1/key/b?db=3", &body).code(),
        "KEY_NOT_FOUND"
    );
    assert_eq!(http.send("PATCH", "/api/v1/key/b", &body).status, 200);
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    let (_server, http) = start(&[]);
    execute(&http, "RPUSH l a");
    let many: Vec<Value> = (0..257).map(|_| json!({"op": "rpush", "value": "x"})).collect();
    for bad in [
        json!([]),
        json!(many),
        json!([{"op": "pexpire", "ttl_ms": 0}]),
        json!([{"op": "rpush", "value": {"b64": "!"}}]),
    ] {
        assert_eq!(patch(&http, "l", bad.clone()).code(), "BAD_REQUEST", "{bad}");
    }
    // Well formed, and not possible as things are.
    let twice =
        json!([{"op": "lset", "index": 0, "value": "b", "was": "a"}, {"op": "lrem", "index": 0, "was": "a"}]);
    for (bad, code) in [
        (json!([{"op": "rename", "to": "l"}]), "KEY_EXISTS"),
        (twice, "CONFLICT"),
        (json!([{"op": "hdel", "field": "a"}]), "COMMAND_FAILED"),
    ] {
        let answer = patch(&http, "l", bad.clone());
        assert_eq!((answer.status, answer.code().as_str()), (409, code), "{bad}");
    }
    // A number is no name of an edit, though serde would take it for one.
    assert_eq!(patch(&http, "l", json!([{"op": 14}])).code(), "BAD_JSON");
    for bad in [
        json!({}),
        json!([{"op": "lset", "index": -1, "value": "b", "was": "a"}]),
        json!([{"op": "del"}]),
        // A misspelt `was` is no edit without one.
        json!([{"op": "hset", "field": "a", "value": "b", "Was": "c"}]),
    ] {
        assert_eq!(patch(&http, "l", bad.clone()).code(), "BAD_JSON", "{bad}");
    }
    // What is no id could be an option of XADD.
    execute(&http, "XADD st 1 f v");
    for id in ["MAXLEN", "NOMKSTREAM", "-", "1-", "1-2-3", "+1", ""] {
        let entry = json!({"op": "xadd", "id": id, "fields": [["0", "*"], ["f", "v"]]});
        assert_eq!(patch(&http, "st", json!([entry])).code(), "BAD_REQUEST", "{id}");
    }
    assert_eq!(execute(&http, "XLEN st")["value"], 1);
    for id in ["5-*", "6-7", "7", "*"] {
        let fields = json!([["f", "v"]]);
        let entry = json!({"op": "xadd", "id": id, "fields": fields});
        assert_eq!(patch(&http, "st", json!([entry])).status, 200, "{id}");
    }
    // Another type by now.
    for other in [
        json!([{"op": "set", "value": "x"}]),
        json!([{"op": "rpush", "value": "b"}, {"op": "hset", "field": "a", "value": "b"}]),
        json!([{"op": "zrem", "member": "a", "was": 1}]),
    ] {
        let refused = patch(&http, "l", other);
        assert_eq!(refused.code(), "COMMAND_FAILED");
        let message = refused.json()["error"]["message"].to_string();
        assert!(message.contains("WRONGTYPE"), "{message}");
    }
    let large = json!([{"op": "rpush", "value": "x".repeat(4 << 20)}]);
    assert_eq!(patch(&http, "l", large).code(), "BODY_TOO_LARGE");
    assert_eq!(inside(&http, "l"), json!([{"index": 0, "value": "a"}]));
    let most: Vec<Value> = (0..256).map(|_| json!({"op": "rpush", "value": "x"})).collect();
    assert_eq!(patch(&http, "l", json!(most)).json()["edits"], 256);
}

#[test]
fn who_may_not_write_edits_nothing() {
    let (server, _, page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("HSET cart:1 a 1");
    admin.ask("HSET other a 1");
    let edits = json!([{"op": "hset", "field": "a", "value": "2", "was": "1"}]);
    assert_eq!(patch(&page, "cart:1", edits.clone()).code(), "READ_ONLY");
    let body = json!({"edits": edits}).to_string();
    let without = unlocked(&page).without("X-FlashDB-CSRF");
    assert_eq!(
        without.send("PATCH", "/api/v1/key/cart:1", &body).code(),
        "BAD_CSRF"
    );

    admin.ask("ACL SETUSER ada on >pass ~cart:* +watch +exists +multi +exec +hsetex +hget");
    let (ada, _) = page.log_in(r#"{"user":"ada","password":"pass"}"#);
    let ada = unlocked(&ada);
    assert_eq!(patch(&ada, "other", edits.clone()).code(), "NOPERM");
    assert_eq!(patch(&ada, "cart:1", edits.clone()).status, 200);
    let foreign = json!([{"op": "rename", "to": "elsewhere"}]);
    assert_eq!(patch(&ada, "cart:1", foreign).code(), "NOPERM");
    let refused = patch(&ada, "cart:1", json!([{"op": "hdel", "field": "a"}]));
    assert_eq!((refused.status, refused.code().as_str()), (403, "NOPERM"));
    assert_eq!(refused.json()["error"]["details"]["needs"], "+hdel");
    // Who may not look cannot compare.
    admin.ask("ACL SETUSER ada -hget");
    let back = json!([{"op": "hset", "field": "a", "value": "1", "was": "2"}]);
    assert_eq!(
        patch(&ada, "cart:1", back).json()["error"]["details"]["needs"],
        "+hget"
    );
    assert_eq!(
        admin.ask("HGET cart:1 a"),
        super::support::Value::Bulk("2".into())
    );
}

#[test]
fn a_key_is_removed_and_made_again_of_what_was_kept() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("ZADD z 1.5 a inf b");
    client.ask("PEXPIRE z 500000");
    let removed = http.send("DELETE", "/api/v1/key/?key=z&keep=1000", "").json();
    assert!(
        removed["ttl_ms"]
            .as_i64()
            .is_some_and(|ttl_ms| (1..=500_000).contains(&ttl_ms))
    );
    assert_eq!(http.get("/api/v1/key/?key=z").code(), "KEY_NOT_FOUND");
    let restore = json!({"args": ["RESTORE", "z", removed["ttl_ms"].to_string(), {"b64": removed["dump"]}]})
        .to_string();
    let restored = http.send("POST", "/api/v1/execute", &restore).json();
    assert_eq!(restored["reply"], json!({"type": "status", "value": "OK"}));
    let expected = json!([{"member": "a", "score": 1.5}, {"member": "b", "score": "inf"}]);
    assert_eq!(inside(&http, "z"), expected);
    let twice = http.send("POST", "/api/v1/execute", &restore).json();
    assert_eq!(twice["reply"]["code"], "BUSYKEY");
    // Too large to be kept: it stays.
    client.ask("SETRANGE s 4999 x");
    let large = http.send("DELETE", "/api/v1/key/?key=s&keep=8", "");
    assert_eq!((large.status, large.code().as_str()), (409, "REPLY_TOO_LARGE"));
    assert!(
        large.json()["error"]["details"]["bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 8)
    );
    assert_eq!(http.get("/api/v1/key/?key=s").json()["length"], 5000);
    assert_eq!(
        http.send("DELETE", "/api/v1/key/?key=none&keep=100", "").code(),
        "KEY_NOT_FOUND"
    );
    assert_eq!(
        http.send("DELETE", "/api/v1/key/?key=s&keep=2000000", "").code(),
        "BAD_REQUEST"
    );
    let plain = http.send("DELETE", "/api/v1/key/?key=s", "").json();
    assert_eq!(plain, json!({"key": "s", "db": 0, "deleted": true}));
}

#[test]
fn nothing_is_kept_for_whoever_may_not_bring_it_back_or_is_too_large_to_try() {
    let (server, http, _) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("SET s v");
    admin.ask("SETRANGE large 1999999 x");
    admin.ask("ACL SETUSER ada on >pass ~* +@all -@dangerous");
    let ada = super::basic(&http, "ada:pass");
    let refused = ada.send("DELETE", "/api/v1/key/?key=s&keep=1000", "");
    assert_eq!(refused.code(), "NOPERM");
    assert_eq!(refused.json()["error"]["details"]["needs"], "+restore");
    // By what it takes in memory: a DUMP of it was never made.
    admin.ask("CONFIG RESETSTAT");
    let default = super::basic(&http, "default:secret");
    let large = default.send("DELETE", "/api/v1/key/?key=large&keep=1000", "");
    assert_eq!(large.code(), "REPLY_TOO_LARGE");
    assert!(!admin.ask("INFO commandstats").text().contains("cmdstat_dump"));
    assert_eq!(ada.send("DELETE", "/api/v1/key/?key=s", "").status, 200);
}

#[test]
fn many_keys_have_each_an_outcome() {
    let (server, _, page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    for key in ["cart:1", "cart:2", "other"] {
        admin.ask(&format!("SET {key} 1"));
    }
    admin.ask("ACL SETUSER ada on >pass ~cart:* +unlink +exists +memory|usage +pexpire +persist");
    let (page_of_ada, _) = page.log_in(r#"{"user":"ada","password":"pass"}"#);
    let bulk = |http: &Http, body: Value| http.send("POST", "/api/v1/bulk", &body.to_string());
    let keys = json!(["cart:1", "gone", "other", {"b64": base64(b"cart:2")}]);
    let seen = bulk(&page_of_ada, json!({"keys": keys, "action": "look"})).json();
    assert!(
        seen["results"][0]["bytes"]
            .as_i64()
            .is_some_and(|bytes| bytes > 0),
        "{seen}"
    );
    assert_eq!(seen["results"][1]["error"]["code"], "NOPERM");
    let refused = bulk(&page_of_ada, json!({"keys": keys, "action": "unlink"}));
    assert_eq!(refused.code(), "READ_ONLY");
    let ada = unlocked(&page_of_ada);
    let expired = bulk(
        &ada,
        json!({"keys": ["cart:1", "cart:9"], "action": "pexpire", "ttl_ms": 500_000}),
    )
    .json();
    assert_eq!(expired["results"], json!([{"done": true}, {"done": false}]));
    let kept = bulk(&ada, json!({"keys": ["cart:1", "cart:1"], "action": "persist"})).json();
    assert_eq!(kept["results"], json!([{"done": true}, {"done": false}]));
    let removed = bulk(&ada, json!({"keys": keys, "action": "unlink"})).json();
    let done: Vec<&Value> = removed["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|one| &one["done"])
        .collect();
    assert_eq!(done, [true, false, false, true]);
    assert_eq!(removed["results"][2]["error"]["code"], "NOPERM");
    let many: Vec<String> = (0..201).map(|n| n.to_string()).collect();
    for bad in [
        json!({"keys": [], "action": "look"}),
        json!({"keys": many, "action": "look"}),
        json!({"keys": ["a"], "action": "pexpire", "ttl_ms": 0}),
    ] {
        assert_eq!(bulk(&ada, bad).code(), "BAD_REQUEST");
    }
    assert_eq!(
        bulk(&ada, json!({"keys": ["a"], "action": "flush"})).code(),
        "BAD_JSON"
    );
    assert_eq!(admin.ask("DBSIZE"), super::support::Value::Int(1));
}

/// However large the others are that are not as they were seen, one that is stays out of the conflicts.
#[test]
fn what_is_as_it_was_seen_is_no_conflict_among_large_values() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let large = vec![b'x'; 500_000];
    for n in 0..12 {
        let field = format!("f{n:02}");
        client.request(&[&b"HSET"[..], b"h", field.as_bytes(), &large]);
        client.read();
    }
    let last = "y".repeat(300_000);
    client.request(&[&b"HSET"[..], b"h", b"last", last.as_bytes()]);
    client.read();
    let mut edits: Vec<Value> = (0..12)
        .map(|n| json!({"op": "hset", "field": format!("f{n:02}"), "value": "v", "was": "old"}))
        .collect();
    edits[0]["was"] = json!("z".repeat(499_999));
    edits.push(json!({"op": "hset", "field": "last", "value": "v", "was": last}));
    let stale = conflicts(&patch(&http, "h", json!(edits)));
    let named: Vec<u64> = stale
        .as_array()
        .expect("conflicts")
        .iter()
        .filter_map(|one| one["edit"].as_u64())
        .collect();
    assert_eq!(named, (0..12).collect::<Vec<u64>>());
    assert_eq!(
        (&stale[1]["now"]["bytes"], &stale[1]["now"]["cut"]),
        (&json!(500_000), &json!(true))
    );
    // With the right ones for all it goes through.
    let edits = json!([{"op": "hset", "field": "last", "value": "v", "was": "y".repeat(300_000)}]);
    assert_eq!(patch(&http, "h", edits).status, 200);
}

#[test]
fn a_value_of_a_megabyte_is_edited_in_place_and_compared_to_its_end() {
    let (_server, http) = start(&[]);
    let long = "x".repeat(1 << 20);
    let set = json!({"args": ["HSET", "h", "f", long.as_str()[..1_000_000], "g", "1"]}).to_string();
    assert_eq!(http.send("POST", "/api/v1/execute", &set).status, 200);
    let was = base64(&long.as_bytes()[..1_000_000]);
    let value = base64(format!("{long}\u{1}").as_bytes());
    let edit = json!([{"op": "hset", "field": "f", "value": {"b64": value}, "was": {"b64": was}}]);
    assert_eq!(patch(&http, "h", edit.clone()).status, 200);
    assert_eq!(execute(&http, "HSTRLEN h f")["value"], (1 << 20) + 1);
    // What was seen is not there any more, although it begins so.
    let stale = conflicts(&patch(&http, "h", edit));
    assert_eq!(stale[0]["now"]["bytes"], (1 << 20) + 1);
    let now = json!({"args": ["HGET", "h", "f"]}).to_string();
    let whole = http.send("POST", "/api/v1/execute", &now).json();
    assert_eq!(whole["reply"]["value"], format!("{long}\u{1}"), "it comes whole");
}
