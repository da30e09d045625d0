//! The audit log in memory: what is told of whom, over RESP and HTTP, by which filter, to whom; and what is never told.

use super::live::Viewer;
use super::support::http::Http;
use super::{basic, execute, start, start_closed, start_closed_with, unlocked};
use serde_json::{Value, json};

fn entries(http: &Http, query: &str) -> Vec<Value> {
    let answer = http.get(&format!("/api/v1/audit{query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["entries"].as_array().expect("entries").clone()
}

fn told(http: &Http, query: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    entries(http, query)
        .iter()
        .map(|entry| (text(&entry["what"]), text(&entry["outcome"])))
        .collect()
}

fn pair(what: &str, outcome: &str) -> (String, String) {
    (what.to_owned(), outcome.to_owned())
}

#[test]
fn what_is_done_to_the_server_is_told_whichever_way_it_came() {
    let (server, http, page) = start_closed_with(&["--enable-debug-command", "yes"]);
    let page = unlocked(&page);
    let mut client = server.connect();
    for line in [
        "AUTH secret",
        "SET private-key private-value",
        "ACL SETUSER ada on >hidden1 ~* +@all",
        "CONFIG SET maxmemory 1gb",
        "CONFIG SET maxmemory nonsense",
        "CONFIG REWRITE",
        "DEBUG JMAP",
        "MULTI",
        "FLUSHDB",
        "EXEC",
        "EVAL return(redis.call('flushall')) 0",
        "SNAPSHOT.CREATE before",
        "SNAPSHOT.CREATE after FULL",
        "ACL LOG",
        "ACL LOG RESET",
    ] {
        client.ask(line);
    }
    execute(&page, "FLUSHALL");
    let hook = page.send(
        "POST",
        "/api/v1/alerts/webhooks",
        r#"{"url":"https://u:hidden2@example.net/hidden3"}"#,
    );
    assert_eq!(hook.status, 200, "{hook:?}");
    let id = page.get("/api/v1/snapshots").json()["snapshots"][1]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let gone = page.send("DELETE", &format!("/api/v1/snapshots/{id}"), "");
    assert_eq!(gone.status, 200, "{gone:?}");
    let wish = json!({"db": 0, "prefix": "demo:", "types": ["string"], "keys": 10, "value_bytes": 8, "seed": 1, "rate": 1000});
    let job = page.send("POST", "/api/v1/generate", &wish.to_string());
    assert_eq!(job.status, 202, "{job:?}");
    let job = job.json()["id"].as_str().expect("an id").to_owned();

    let all = told(&page, "?limit=500");
    for wanted in [
        pair("acl|setuser", "done"),
        pair("config|set", "done"),
        pair("config|set", "failed"),
        pair("config|rewrite", "failed"),
        pair("debug", "done"),
        pair("flushdb", "done"),
        pair("snapshot.create", "done"),
        pair("snapshot.delete", "done"),
        pair("acl|log", "done"),
        pair("https://***@example.net/***", "added"),
        pair(&job, "begun"),
    ] {
        assert!(all.contains(&wanted), "{wanted:?} in {all:#?}");
    }
    let count = |wanted: &(String, String)| all.iter().filter(|told| *told == wanted).count();
    assert_eq!(
        count(&pair("flushall", "done")),
        2,
        "by a script and over HTTP: {all:#?}"
    );
    assert_eq!(count(&pair("acl|log", "done")), 1, "looking is nothing: {all:#?}");
    let text = page.get("/api/v1/audit?limit=500").text();
    for secret in ["hidden1", "hidden2", "hidden3", "secret", "private"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let data = told(&page, "?kind=data&q=flush");
    assert_eq!(data.len(), 3, "{data:?}");
    drop(http);
}

/// Who sent which file, and what became of it: once, whichever way it came.
#[test]
fn a_file_that_is_sent_is_told_once() {
    let (server, http) = start(&[]);
    server.connect().ask("SET a 1");
    let file = http.send("POST", "/api/v1/backup", "{}").body;
    drop(server);
    let (server, http, page) = start_closed();
    let mut client = server.connect();
    client.ask("AUTH secret");
    client.ask("ACL SETUSER ada on >word ~* +@all");
    let mut ada = server.connect();
    ada.ask("AUTH ada word");
    let (_, name) = basic(&http, "ada:word").send_backup(&file);
    let page = unlocked(&page);
    let told = |outcome: &str| {
        let ends = entries(
            &page,
            &format!("?kind=backup&user=ada&q={name}&outcome={outcome}"),
        );
        let of = |entry: &Value| entry["event"].as_str().map(str::to_owned);
        ends.iter().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(told("done"), ["backup"]);
    let mut write = |last: &[&[u8]]| {
        let mut words: Vec<&[u8]> = vec![b"SNAPSHOT.WRITE", name.as_bytes()];
        words.extend(last);
        ada.request(&words);
        ada.read().text()
    };
    for (end, reply, outcomes) in [
        ("COMMIT", "OK", ["command", "backup"].as_slice()),
        ("abort", "OK", &["command", "command", "backup"]),
    ] {
        assert_eq!(write(&[b"0", &file]), "OK");
        assert_eq!(write(&[end.as_bytes()]), reply);
        assert_eq!(told("done"), outcomes, "{end}");
    }
    // Damaged.
    assert_eq!(write(&[b"0", &file[..40]]), "OK");
    assert!(write(&[b"COMMIT"]).starts_with("ERR"));
    assert_eq!(told("failed"), ["command"]);
    let last = &entries(&page, "?kind=backup&user=ada&outcome=failed")[0];
    assert_eq!(
        (&last["what"], &last["detail"]),
        (
            &json!("snapshot.write"),
            &json!(format!("\"SNAPSHOT.WRITE\" \"{name}\" \"COMMIT\""))
        )
    );
}

#[test]
fn logins_are_told_and_counted() {
    let (server, http, page) = start_closed();
    let mut client = server.connect();
    client.ask("AUTH secret");
    client.ask("AUTH hidden-wrong");
    client.ask("AUTH nobody hidden-wrong");
    client.ask("AUTH default hidden-wrong");
    let logins = entries(&page, "?kind=sign-in");
    let of = |outcome: &str| -> Vec<(&Value, &Value)> {
        let same = logins
            .iter()
            .filter(|entry| entry["event"] == "login" && entry["outcome"] == outcome);
        same.map(|entry| (&entry["what"], &entry["count"])).collect()
    };
    // The page has logged in, too.
    assert_eq!(of("done"), [(&json!(""), &json!(2))], "{logins:#?}");
    assert_eq!(
        of("failed"),
        [(&json!(""), &json!(1)), (&json!("default"), &json!(2))],
        "names of nobody are left out: {logins:#?}"
    );
    let begun = told(&page, "?kind=sign-in&outcome=begun&user=default");
    assert_eq!(begun, [pair("", "begun")]);
    for n in 0..6 {
        let body = json!({"user": "default", "password": format!("hidden-{n}")}).to_string();
        http.as_page().send("POST", "/api/v1/session", &body);
    }
    let locked = entries(&page, "?outcome=locked-out");
    assert_eq!(locked[0]["what"], "default", "{locked:#?}");
    let text = page.get("/api/v1/audit?limit=500").text();
    assert!(!text.contains("hidden") && !text.contains("nobody"), "{text}");
}

#[test]
fn pages_filters_and_bounds_are_as_they_say() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    for n in 0..5 {
        client.ask(&format!("CONFIG SET maxmemory {n}gb"));
    }
    client.ask("FLUSHALL");
    let first = http.get("/api/v1/audit?limit=2&kind=settings").json();
    assert_eq!(
        first["entries"][0]["detail"],
        "\"CONFIG\" \"SET\" \"maxmemory\" \"4gb\""
    );
    let next = first["next"].as_u64().expect("a next page");
    let rest = http
        .get(&format!("/api/v1/audit?limit=3&kind=settings&before={next}"))
        .json();
    assert_eq!(rest["entries"].as_array().map(Vec::len), Some(3));
    assert_eq!(rest["next"], Value::Null);
    let at = first["entries"][0]["t"].as_i64().expect("a time");
    assert_eq!(entries(&http, &format!("?from={}", at + 60_000)).len(), 0);
    assert_eq!(entries(&http, &format!("?to={}", at - 60_000)).len(), 0);
    assert_eq!(
        entries(&http, &format!("?from={}&kind=data", at - 60_000)).len(),
        1
    );
    for bad in ["?kind=x", "?limit=0", "?limit=501", "?from=-1", "?before=x"] {
        assert_eq!(http.get(&format!("/api/v1/audit{bad}")).status, 400, "{bad}");
    }
}

#[test]
fn only_who_may_read_of_refusals_reads_it_and_is_told_live() {
    let (server, http) = start(&["--requirepass", "secret"]);
    let mut client = server.connect();
    client.ask("AUTH secret");
    client.ask("ACL SETUSER ada on >word ~* +@all -acl|log");
    client.ask("ACL SETUSER bob on >word ~* +@read");
    let ada = basic(&http, "ada:word");
    let refused = ada.get("/api/v1/audit");
    assert_eq!((refused.status, &*refused.code()), (403, "NOPERM"));
    assert_eq!(refused.json()["error"]["details"]["needs"], "+acl|log");
    let admin = basic(&http, "default:secret");
    let mut viewer = Viewer::open(&admin, true);
    viewer.say(json!({"type": "hello", "data": {"proto": 1}}));
    viewer.hear("welcome");
    viewer.say(json!({"type": "sub", "data": {"id": 2, "topic": "audit"}}));
    viewer.hear("ok");
    client.ask("FLUSHDB");
    let batch = viewer.hear("batch");
    let messages = batch.as_array().expect("messages");
    let told = messages
        .iter()
        .find(|message| message["data"]["what"] == "flushdb");
    let told = told.unwrap_or_else(|| panic!("{batch}"));
    assert_eq!(
        (&told["type"], &told["data"]["kind"]),
        (&json!("audit"), &json!("data"))
    );
    let mut other = Viewer::open(&ada, true);
    other.say(json!({"type": "hello", "data": {"proto": 1}}));
    other.say(json!({"type": "sub", "data": {"id": 2, "topic": "audit"}}));
    assert_eq!(other.hear("error")["needs"], "+acl|log");
    // What bob may not do is told, without the key.
    let mut bob = server.connect();
    bob.ask("AUTH bob word");
    bob.ask("SET private-key private-value");
    let refusals = entries(&admin, "?kind=refused&user=bob");
    assert_eq!(refusals[0]["detail"], "set", "{refusals:#?}");
}
