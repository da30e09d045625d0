//! What each route of the HTTP interface answers: keys and values of every type, commands and their replies, figures, clients,
//! the slow log, settings, snapshots and pages.

use crate::support;
use crate::{base64, execute, start};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[test]
fn unknown_paths_methods_and_bodies_are_told_apart() {
    let (_server, http) = start(&[]);
    for path in [
        "/api",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v2/stats",
        "/api/v1/key/a/b/c",
    ] {
        let answer = http.get(path);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "NOT_FOUND"),
            "{path}"
        );
    }
    for (method, path) in [
        ("PUT", "/api/v1/stats"),
        ("POST", "/live"),
        ("DELETE", "/api/v1/execute"),
        ("POST", "/"),
        ("TRACE", "/api/v1/keys"),
    ] {
        let answer = http.send(method, path, "");
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (405, "METHOD_NOT_ALLOWED"),
            "{method} {path}"
        );
        assert!(answer.header("allow").is_some(), "{method} {path}");
    }
    for body in [
        "{",
        "[]",
        "null",
        "\"x\"",
        r#"{"line":1}"#,
        r#"{"line":"PING","more":1}"#,
        "\u{1}",
    ] {
        let answer = http.send("POST", "/api/v1/execute", body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "BAD_JSON"),
            "{body}"
        );
    }
    for body in [
        r#"{}"#,
        r#"{"args":[]}"#,
        r#"{"line":"a \"b"}"#,
        r#"{"line":"PING","args":["PING"]}"#,
        r#"{"args":[{"b64":"!"}]}"#,
        r#"{"line":"PING","db":99}"#,
    ] {
        let answer = http.send("POST", "/api/v1/execute", body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "BAD_REQUEST"),
            "{body}"
        );
    }
    for query in ["limit=0", "limit=x", "limit=1001", "db=16", "db=-1", "cursor=x"] {
        assert_eq!(
            http.get(&format!("/api/v1/keys?{query}")).code(),
            "BAD_REQUEST",
            "{query}"
        );
    }
    let large = format!(r#"{{"line":"{}"}}"#, "x".repeat(2 << 20));
    let answer = http.send("POST", "/api/v1/execute", &large);
    assert_eq!((answer.status, answer.code().as_str()), (413, "BODY_TOO_LARGE"));
    let id = http
        .get("/api/v1/stats")
        .header("x-request-id")
        .map(str::to_owned)
        .expect("an id");
    assert!(id.starts_with("req_") && id.len() == 20, "{id}");
}

#[test]
fn commands_keep_their_types() {
    let (_server, http) = start(&[]);
    let run = |body: Value| http.send("POST", "/api/v1/execute", &body.to_string());
    let bytes = json!({"b64": base64(b"\xff\x00")});
    assert_eq!(
        run(json!({"args": ["SET", bytes, "v"]})).json()["reply"]["value"],
        "OK"
    );
    assert_eq!(run(json!({"args": ["GET", bytes]})).json()["reply"]["value"], "v");
    assert_eq!(
        execute(&http, "KEYS *"),
        json!({"type": "array", "items": [{"type": "string", "value": bytes}]})
    );
    execute(&http, "HSET h f 1");
    assert_eq!(execute(&http, "HGETALL h")["type"], "map");
    execute(&http, "ZADD z 1.5 m");
    assert_eq!(
        execute(&http, "ZSCORE z m"),
        json!({"type": "double", "value": 1.5})
    );
    assert_eq!(execute(&http, "SET n 9223372036854775807")["value"], "OK");
    assert_eq!(
        execute(&http, "INCRBY n -1"),
        json!({"type": "integer", "value": "9223372036854775806"})
    );
    assert_eq!(execute(&http, "GET nothing"), json!({"type": "null"}));
    assert_eq!(execute(&http, "LPUSH h x")["code"], "WRONGTYPE");
    assert_eq!(execute(&http, "NOSUCH")["code"], "ERR");
    assert_eq!(
        run(json!({"line": "SET a \"x y\"", "db": 3})).json()["command"],
        "set"
    );
    assert_eq!(
        run(json!({"line": "GET a", "db": 3})).json()["reply"]["value"],
        "x y"
    );
    assert_eq!(execute(&http, "GET a")["type"], "null");
    for (line, reason) in [
        ("BLPOP a 0", "blocking"),
        ("XREAD BLOCK 0 STREAMS a $", "blocking"),
        ("XREADGROUP GROUP streams c BLOCK 0 STREAMS s >", "blocking"),
        ("SUBSCRIBE a", "subscribe"),
        ("MONITOR", "subscribe"),
        ("SELECT 1", "connection-state"),
        ("MULTI", "connection-state"),
        ("AUTH x", "connection-state"),
        ("CLIENT REPLY OFF", "connection-state"),
    ] {
        let answer = run(json!({"line": line}));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (422, "UNSUPPORTED_COMMAND"),
            "{line}"
        );
        assert_eq!(answer.json()["error"]["details"]["reason"], reason, "{line}");
    }
    execute(&http, "SETRANGE large 9000000 x");
    assert_eq!(run(json!({"line": "GET large"})).code(), "REPLY_TOO_LARGE");
    assert_eq!(
        run(json!({"line": "EVAL 'while true do end' 0"})).code(),
        "ENGINE_TIMEOUT"
    );
}

#[test]
fn keys_come_in_pages() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    for n in 0..2500 {
        client.ask(&format!("SET key:{n} v"));
    }
    client.ask("PEXPIRE key:7 100000");
    client.ask("HSET hash f v");
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = http
            .get(&format!("/api/v1/keys?match=key:*&limit=300&cursor={cursor}"))
            .json();
        for row in page["keys"].as_array().expect("keys") {
            assert_eq!(row["type"], "string");
            assert_eq!(row["ttl_ms"].is_number(), row["key"] == "key:7", "{row}");
            assert!(row["bytes"].as_i64().is_some_and(|bytes| bytes > 0), "{row}");
            seen.push(row["key"].as_str().expect("a text").to_owned());
        }
        pages += 1;
        match page["cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 2500);
    assert!(pages > 2, "{pages}");
    let hashes = http.get("/api/v1/keys?type=hash&limit=1000").json();
    assert!(
        hashes["cursor"].is_string() || hashes["keys"][0]["key"] == "hash",
        "{hashes}"
    );
    assert_eq!(
        http.get("/api/v1/keys?db=5").json(),
        json!({"db": 5, "keys": [], "cursor": null, "scanned": 0})
    );
}

/// Keys that a page may have above its limit: what a step of SCAN gives, a bucket of 14 slots and what had no room there.
const BUCKET_KEYS_MAX: usize = 28;

#[test]
fn a_page_of_keys_keeps_to_its_limit_and_says_what_it_has_looked_at() {
    let (server, http) = start(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    client.ask("DEBUG POPULATE 20000 key 10");
    client.ask("SELECT 1");
    client.ask("MSET a 1 b 2 c 3 d 4 e 5 f 6 g 7");
    let small = http.get("/api/v1/keys?db=1").json();
    assert_eq!((&small["scanned"], &small["cursor"]), (&json!(7), &json!(null)));
    for (query, limit) in [
        ("limit=1", 1),
        ("limit=8&match=*", 8),
        ("limit=8&match=key:*", 8),
        ("limit=700&match=key:1*", 700),
    ] {
        let (mut cursor, mut keys, mut looked_at, mut pages) = (String::new(), 0, 0, 0);
        loop {
            let page = http.get(&format!("/api/v1/keys?{query}&cursor={cursor}")).json();
            let rows = page["keys"].as_array().expect("keys").len();
            let scanned = page["scanned"].as_u64().expect("a number") as usize;
            assert!(
                rows < limit + BUCKET_KEYS_MAX && rows <= scanned,
                "{rows} of {scanned} for {query}"
            );
            (keys, looked_at, pages) = (keys + rows, looked_at + scanned, pages + 1);
            match page["cursor"].as_str() {
                Some(next) if pages < 300 => cursor = next.to_owned(),
                Some(_) => break,
                None => {
                    assert_eq!(looked_at, 20_000, "{query}");
                    break;
                }
            }
        }
        assert!(keys > 0, "{query}");
    }
    // What is asked for by few commands is answered by few.
    client.ask("CONFIG RESETSTAT");
    http.get("/api/v1/keys?limit=1");
    assert!(client.info("total_commands_processed") < 100);
}

#[test]
fn values_are_written_and_read_whatever_their_type() {
    let (_server, http) = start(&[]);
    let put = |key: &str, body: Value| http.send("PUT", &format!("/api/v1/key/{key}"), &body.to_string());
    let get = |key: &str| http.get(&format!("/api/v1/key/{key}")).json();
    for (kind, body, items) in [
        (
            "list",
            json!({"type": "list", "items": ["a", {"b64": "/w=="}]}),
            json!([{"index": 0, "value": "a"}, {"index": 1, "value": {"b64": "/w=="}}]),
        ),
        (
            "set",
            json!({"type": "set", "members": ["a"]}),
            json!([{"member": "a"}]),
        ),
        (
            "hash",
            json!({"type": "hash", "fields": [["f", "v"]]}),
            json!([{"field": "f", "value": "v", "ttl_ms": null}]),
        ),
        (
            "zset",
            json!({"type": "zset", "members": [["b", 2.5], ["a", "inf"]]}),
            json!([{"member": "b", "score": 2.5}, {"member": "a", "score": "inf"}]),
        ),
        (
            "stream",
            json!({"type": "stream", "entries": [{"id": "1-1", "fields": [["f", "v"]]}]}),
            json!([{"id": "1-1", "fields": [["f", "v"]]}]),
        ),
    ] {
        // A key with a slash, a space and a byte that is no UTF-8.
        let key = format!("{kind}%2F%20%ff");
        let written = put(&key, body);
        assert_eq!(
            (written.status, &written.json()["created"]),
            (200, &json!(true)),
            "{kind}: {written:?}"
        );
        let found = get(&key);
        assert_eq!(
            (found["type"].as_str(), &found["page"]["items"]),
            (Some(kind), &items),
            "{found}"
        );
        assert_eq!(found["length"], items.as_array().map_or(0, Vec::len));
        let name = [kind.as_bytes(), b"/ \xff"].concat();
        assert_eq!(found["key"], json!({"b64": base64(&name)}));
        assert!(found["bytes"].is_number() && found["encoding"].is_string() && found["ttl_ms"].is_null());
        assert_eq!(
            http.get(&format!("/api/v1/key/{key}/items")).json()["items"],
            items
        );
        assert_eq!(
            http.send("DELETE", &format!("/api/v1/key/{key}"), "").json()["deleted"],
            true
        );
        assert_eq!(http.get(&format!("/api/v1/key/{key}")).code(), "KEY_NOT_FOUND");
        assert_eq!(
            http.send("DELETE", &format!("/api/v1/key/{key}"), "").code(),
            "KEY_NOT_FOUND"
        );
    }
    let string = json!({"type": "string", "value": "x", "ttl_ms": 50_000});
    assert_eq!(put("s", string).status, 200);
    assert!(
        get("s")["ttl_ms"]
            .as_i64()
            .is_some_and(|ttl_ms| (1..=50_000).contains(&ttl_ms))
    );
    assert_eq!(
        put("s", json!({"type": "string", "value": "y", "keep_ttl": true})).json()["created"],
        false
    );
    assert!(get("s")["ttl_ms"].is_number());
    assert_eq!(put("s", json!({"type": "string", "value": "z"})).status, 200);
    assert!(get("s")["ttl_ms"].is_null());
    assert_eq!(
        put("s", json!({"type": "string", "value": "x", "if": "absent"})).code(),
        "KEY_EXISTS"
    );
    assert_eq!(
        put("t", json!({"type": "string", "value": "x", "if": "exists"})).code(),
        "KEY_NOT_FOUND"
    );
    for bad in [
        json!({"type": "list", "items": []}),
        json!({"type": "string", "value": "x", "ttl_ms": 0}),
    ] {
        assert_eq!(put("s", bad).code(), "BAD_REQUEST");
    }
    for bad in [
        json!({"type": "tree"}),
        json!({"value": "x"}),
        // A number is no type, though serde would take it for one.
        json!({"type": 0, "value": "x"}),
        json!({"type": "zset", "members": [["a", "high"]]}),
    ] {
        assert_eq!(put("s", bad).code(), "BAD_JSON");
    }
    // Half of a value that cannot be made leaves the old one.
    for bad in [
        json!({"type": "stream", "entries": [{"id": "0-0", "fields": [["a", "b"]]}]}),
        json!({"type": "stream", "entries": [{"id": "5-5", "fields": [["a", "b"]]}, {"id": "1-1", "fields": [["a", "b"]]}]}),
    ] {
        let answer = put("s", bad);
        assert_eq!((answer.status, answer.code().as_str()), (409, "COMMAND_FAILED"));
        assert_eq!(get("s")["page"]["value"], "z");
    }
}

#[test]
fn large_values_are_never_sent_whole() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SETRANGE s 199999 x");
    let first = http.get("/api/v1/key/s").json();
    assert_eq!(
        (&first["length"], first["page"]["cursor"].as_str()),
        (&json!(200_000), Some("65536"))
    );
    let last = http.get("/api/v1/key/s/items?cursor=196608").json();
    assert_eq!(
        (last["value"].as_str().map(str::len), &last["cursor"]),
        (Some(200_000 - 196_608), &Value::Null)
    );
    for n in 0..1000 {
        client.ask(&format!("RPUSH l {n}"));
        client.ask(&format!("ZADD z {n} m{n}"));
        client.ask(&format!("XADD x {}-0 f v", n + 1));
        client.ask(&format!("HSET h f{n} {}", "v".repeat(80)));
    }
    for (key, total) in [("l", 1000), ("z", 1000), ("x", 1000), ("h", 1000)] {
        let (mut count, mut cursor) = (0, String::new());
        loop {
            let page = http
                .get(&format!("/api/v1/key/{key}/items?limit=70&cursor={cursor}"))
                .json();
            let items = page["items"].as_array().expect("items");
            assert!(items.len() <= 150, "{key}: {}", items.len());
            count += items.len();
            match page["cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(count, total, "{key}");
    }
    client.ask(&format!("HSET cut f {}", "é".repeat(20_000)));
    let cut = http.get("/api/v1/key/cut").json()["page"]["items"][0]["value"].clone();
    assert_eq!(
        (&cut["cut"], &cut["bytes"], cut["text"].as_str().map(str::len)),
        (&json!(true), &json!(40_000), Some(16_384))
    );
    let matched = http.get("/api/v1/key/z/items?match=m99*&limit=1000").json();
    assert_eq!(matched["items"].as_array().map(Vec::len), Some(11));
}

#[test]
fn the_server_can_be_seen_and_steered() {
    let (server, http) = start(&["--slowlog-log-slower-than", "0", "--maxmemory-samples", "7"]);
    let mut client = server.connect();
    client.ask("SET a 1");
    let stats = http.get("/api/v1/stats").json();
    assert!(
        stats["mem"].as_u64().is_some_and(|bytes| bytes > 0) && stats["state"] == "ready",
        "{stats}"
    );
    let end = Instant::now() + Duration::from_secs(20);
    let history = loop {
        let history = http.get("/api/v1/history?limit=3").json();
        if history["points"]
            .as_array()
            .is_some_and(|points| points.len() >= 2)
        {
            break history;
        }
        assert!(Instant::now() < end, "no second point");
        std::thread::sleep(Duration::from_millis(20));
    };
    let fields = history["fields"].as_array().expect("fields");
    let column = |name: &str| fields.iter().position(|field| field == name).expect("a column");
    let points = history["points"].as_array().expect("points");
    let newest = points.last().expect("a point");
    assert_eq!(newest.as_array().map(Vec::len), Some(fields.len()));
    assert!(
        newest[column("ops")].is_number() && newest[column("t")].as_i64() > points[0][column("t")].as_i64()
    );
    let packed = http.with("Accept-Encoding", "gzip").get("/api/v1/commands");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 4 < http.get("/api/v1/commands").body.len());
    assert_eq!(
        http.get("/api/v1/stats").json()["databases"],
        json!([{"db": 0, "keys": 1, "expires": 0}])
    );

    let slow = http.get("/api/v1/slowlog").json();
    assert_eq!(slow["threshold_us"], 0);
    let entries = slow["entries"].as_array().expect("entries");
    assert!(
        entries
            .iter()
            .any(|entry| entry["args"] == json!(["SET", "a", "1"])),
        "{slow}"
    );
    assert_eq!(http.send("DELETE", "/api/v1/slowlog", "").json()["reset"], true);

    let config = http.get("/api/v1/config").json();
    let setting = |name: &str| {
        let all = config["settings"].as_array().expect("settings");
        all.iter()
            .find(|setting| setting["name"] == name)
            .expect("a setting")
            .clone()
    };
    assert_eq!(
        (
            setting("maxmemory-samples")["source"].as_str(),
            setting("requirepass")["value"].as_str()
        ),
        (Some("command-line"), None)
    );
    assert_eq!(
        (
            setting("http-port")["changes"].as_str(),
            setting("hz")["value"].as_str()
        ),
        (Some("restart"), Some("10"))
    );
    let set = http.send("PUT", "/api/v1/config", r#"{"set":{"maxmemory":"100mb"}}"#);
    assert_eq!(set.json(), json!({"changed": ["maxmemory"], "rewritten": false}));
    assert_eq!(
        http.send("PUT", "/api/v1/config", r#"{"set":{"nonsense":"1"}}"#)
            .code(),
        "COMMAND_FAILED"
    );
    assert_eq!(
        execute(&http, "CONFIG GET maxmemory")["entries"][0][1]["value"],
        "104857600"
    );

    let id = client.ask("CLIENT ID");
    let support::Value::Int(id) = id else {
        panic!("{id:?}")
    };
    assert_eq!(
        http.send("DELETE", &format!("/api/v1/clients/{id}"), "").json()["killed"],
        true
    );
    assert!(client.is_closed());
    assert_eq!(
        http.send("DELETE", &format!("/api/v1/clients/{id}"), "").code(),
        "NOT_FOUND"
    );
    assert_eq!(http.send("DELETE", "/api/v1/clients/x", "").code(), "BAD_REQUEST");

    let taken = http.send("POST", "/api/v1/snapshot", r#"{"label":"before"}"#);
    assert_eq!(
        (taken.status, &taken.json()["state"]),
        (201, &json!("done")),
        "{taken:?}"
    );
    let snapshots = http.get("/api/v1/snapshots").json();
    assert_eq!(
        (
            &snapshots["snapshots"][0]["label"],
            &snapshots["snapshots"][0]["id"]
        ),
        (&json!("before"), &taken.json()["id"])
    );
    assert!(
        snapshots["snapshots"][0]["created_ms"]
            .as_i64()
            .is_some_and(|ms| ms > 1_000_000_000_000)
    );

    let commands = http.get("/api/v1/commands").json();
    let command = |name: &str| {
        let all = commands["commands"].as_array().expect("commands");
        all.iter()
            .find(|command| command["name"] == name)
            .expect("a command")
            .clone()
    };
    assert_eq!(
        (&command("get")["read_only"], &command("set")["read_only"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (
            &command("config|get")["allowed"],
            &command("blpop")["unsupported"]
        ),
        (&json!(true), &json!("blocking"))
    );
    assert!(
        command("set")["syntax"]
            .as_str()
            .is_some_and(|syntax| syntax.starts_with("SET <key> <value>"))
    );

    for path in ["/metrics", "/api/v1/metrics"] {
        let metrics = http.get(path);
        assert!(
            metrics
                .header("content-type")
                .is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4"))
        );
        assert!(metrics.text().contains("\n# TYPE "), "{path}");
    }
    assert_eq!(http.get("/api/v1/openapi.json").json()["openapi"], "3.1.0");
}

#[test]
fn pages_have_a_policy_and_unknown_ones_are_not_found() {
    let (_server, http) = start(&["--requirepass", "secret"]);
    let first = http.get("/");
    assert_eq!(first.status, 200);
    let policy = first.header("content-security-policy").expect("a policy");
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(first.header("x-content-type-options"), Some("nosniff"));
    assert!(first.text().contains("FlashDB"));
    assert_eq!(http.get("/no/such/page").status, 404);
}

#[test]
fn any_key_is_reached_by_the_query() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    for name in ["", ".", "..", "items", "a/b"] {
        client.request(&["RPUSH", name, name]);
        client.read();
    }
    for (word, name) in [
        ("", ""),
        (".", "."),
        ("%2E%2E", ".."),
        ("items", "items"),
        ("a%2Fb", "a/b"),
    ] {
        let found = http.get(&format!("/api/v1/key/?key={word}")).json();
        assert_eq!(
            (&found["key"], &found["page"]["items"][0]["value"]),
            (&json!(name), &json!(name))
        );
        let page = http.get(&format!("/api/v1/items?limit=5&key={word}")).json();
        assert_eq!(page["items"], json!([{"index": 0, "value": name}]));
        let path = format!("/api/v1/key/?key={word}&db=0");
        let body = json!({"type": "set", "members": [name]}).to_string();
        assert_eq!(http.send("PUT", &path, &body).json()["key"], name);
        assert_eq!(http.send("DELETE", &path, "").json()["deleted"], true, "{name}");
        assert_eq!(http.get(&path).code(), "KEY_NOT_FOUND");
    }
    assert_eq!(client.ask("DBSIZE"), support::Value::Int(0));
}

#[test]
fn a_client_over_http_is_where_it_says_and_on_no_unix_socket() {
    let (_server, http) = start(&[]);
    let about = execute(&http, "CLIENT INFO").to_string();
    assert!(
        about.contains(" addr=127.0.0.1:") && about.contains(" flags=N "),
        "{about}"
    );
}

#[test]
fn what_a_proxy_passes_on_is_not_from_this_machine() {
    let (_server, http) = start(&[]);
    for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"] {
        let answer = http.with(name, "127.0.0.1").get("/api/v1/stats");
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (403, "OPEN_SERVER"),
            "{name}"
        );
    }
    let (_server, http) = start(&["--http-open", "yes"]);
    assert_eq!(http.with("Via", "1.1 proxy").get("/api/v1/stats").status, 200);
}

#[test]
fn changes_of_the_configuration_are_told_whichever_port_they_came_by() {
    let (server, http) = start(&[]);
    assert_eq!(http.get("/api/v1/config/changes").json(), json!({"changes": []}));
    let mut client = server.connect();
    client.ask("CONFIG SET maxmemory 100mb maxclients 10000");
    let set = http.send(
        "PUT",
        "/api/v1/config",
        r#"{"set":{"maxmemory-policy":"allkeys-lru"}}"#,
    );
    assert_eq!(set.status, 200, "{set:?}");
    let told = http.get("/api/v1/config/changes").json();
    let changes = told["changes"].as_array().expect("changes");
    let names: Vec<_> = changes.iter().map(|change| change["names"].clone()).collect();
    assert_eq!(
        names,
        [json!(["maxmemory"]), json!(["maxmemory-policy"])],
        "{told}"
    );
    let newest = changes[1]["t"].as_i64();
    let end = Instant::now() + Duration::from_secs(10);
    while http.get("/api/v1/stats").json()["config_changed_ms"].as_i64() != newest {
        assert!(Instant::now() < end, "the figures do not tell of it");
        std::thread::yield_now();
    }
    client.ask("ACL SETUSER eve on nopass ~* +@all -config|get");
    let refused = crate::basic(&http, "eve:x").get("/api/v1/config/changes");
    assert_eq!(refused.code(), "NOPERM", "{refused:?}");
}
