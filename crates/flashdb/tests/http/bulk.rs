//! Changes of many keys as jobs: what they change and leave, how they are paused and ended, whose rights they have, and what
//! is told before, meanwhile and afterwards.

use super::support::{Raw as Client, Value as Resp};
use super::{basic, job_when, start, start_closed, unlocked};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

type Http = super::Http;

const JOBS: &str = "/api/v1/bulk/jobs";

fn begin(http: &Http, wish: &Value) -> String {
    super::begin(http, JOBS, wish)
}

fn dry_run(http: &Http, wish: &Value) -> Value {
    let mut wish = wish.clone();
    wish["dry_run"] = json!(true);
    let answer = http.send("POST", JOBS, &wish.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn ended(http: &Http, path: &str) -> Value {
    job_when(http, path, |job| {
        job["state"] != "running" && job["state"] != "paused"
    })
}

/// The whole way: dry run, sentence, job, end.
fn run(http: &Http, mut wish: Value) -> Value {
    wish["confirm"] = dry_run(http, &wish)["confirm"].clone();
    ended(http, &begin(http, &wish))
}

fn fill(client: &mut Client, prefix: &str, keys: usize) {
    for at in 0..keys {
        client.ask(&format!("SET {prefix}{at} value"));
    }
}

fn count(client: &mut Client, pattern: &str) -> usize {
    match client.ask(&format!("KEYS {pattern}")) {
        Resp::Array(keys) => keys.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_prefix_is_removed_and_nothing_else() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    fill(&mut client, "cart:", 700);
    fill(&mut client, "carton:", 50);
    client.ask("HSET cart:hash a 1");
    let wish = json!({"action": "delete", "prefix": "cart:", "rate": 100_000});
    let preview = dry_run(&http, &wish);
    assert_eq!(
        (&preview["keys"], &preview["exact"], &preview["confirm"]),
        (&json!(701), &json!(true), &json!("delete 701 keys")),
        "{preview}"
    );
    assert_eq!(preview["samples"].as_array().map(Vec::len), Some(20));
    assert!(preview["bytes"].as_u64() > Some(701 * 20));
    assert!(
        preview["samples"][0]["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("cart:"))
    );
    assert_eq!(client.ask("DBSIZE"), Resp::Int(751));
    // Without the sentence nothing begins.
    for confirm in [Value::Null, json!("delete all"), json!("expire 701 keys")] {
        let mut bad = wish.clone();
        bad["confirm"] = confirm;
        assert_eq!(http.send("POST", JOBS, &bad.to_string()).code(), "CONFLICT");
    }
    let job = run(&http, wish);
    assert_eq!(
        (
            &job["state"],
            &job["result"]["changed"],
            &job["done"],
            &job["total"],
            &job["errors"]
        ),
        (&json!("done"), &json!(701), &json!(701), &json!(701), &json!(0)),
        "{job}"
    );
    assert_eq!(client.ask("DBSIZE"), Resp::Int(50));
    assert_eq!(job["request"]["prefix"], "cart:");
    let listed = http.get("/api/v1/jobs?kind=bulk").json();
    assert_eq!(listed["jobs"][0]["id"], job["id"]);
}

#[test]
fn no_more_keys_are_changed_than_were_confirmed() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    fill(&mut client, "many:", 1500);
    // What the prefix index counts, and keys by name, are refused before the first.
    let none = json!({"action": "delete", "prefix": "many:", "confirm": "delete 0 keys", "rate": 100_000});
    let named = json!({"action": "delete", "keys": ["many:1", "many:2", "gone"], "confirm": "delete 1 key"});
    for (wish, now) in [(none, "delete 1500 keys"), (named, "delete 2 keys")] {
        let refused = http.send("POST", JOBS, &wish.to_string());
        assert_eq!(refused.code(), "CONFLICT", "{wish}");
        let message = refused.json()["error"]["message"].clone();
        assert!(
            message.as_str().is_some_and(|text| text.contains(now)),
            "{message}"
        );
    }
    assert_eq!(client.ask("DBSIZE"), Resp::Int(1500));
    // What nobody counts ends at a few more.
    for (confirm, most) in [("delete 0 keys", 10), ("delete 1200 keys", 1212)] {
        let before = count(&mut client, "*");
        let wish = json!({"action": "delete", "pattern": "m*", "confirm": confirm, "rate": 100_000});
        let job = ended(&http, &begin(&http, &wish));
        assert_eq!(
            (&job["state"], &job["error"], &job["result"]["changed"]),
            (
                &json!("failed"),
                &json!("more keys than were confirmed"),
                &json!(most)
            ),
            "{job}"
        );
        assert_eq!(before - count(&mut client, "*"), most);
    }
}

#[test]
fn patterns_types_databases_and_single_keys() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SELECT 3");
    fill(&mut client, "a:", 300);
    for at in 0..40 {
        client.ask(&format!("HSET a:h{at} f v"));
    }
    let expire = json!({"action": "expire", "ttl_ms": 500_000, "pattern": "a:*", "type": "hash", "db": 3, "rate": 100_000});
    let preview = dry_run(&http, &expire);
    assert_eq!(
        (&preview["keys"], &preview["exact"]),
        (&json!(40), &json!(true)),
        "{preview}"
    );
    assert!(
        preview["samples"]
            .as_array()
            .is_some_and(|rows| rows.iter().all(|row| row["type"] == "hash"))
    );
    assert_eq!(run(&http, expire)["result"]["changed"], 40);
    let Resp::Int(ttl_s) = client.ask("TTL a:h7") else {
        panic!("a number")
    };
    assert!((400..=500).contains(&ttl_s));
    assert_eq!(client.ask("TTL a:7"), Resp::Int(-1));
    // What has no expiry is left, and counted as such.
    let job = run(
        &http,
        json!({"action": "persist", "prefix": "", "db": 3, "rate": 100_000}),
    );
    assert_eq!(
        (&job["result"]["changed"], &job["result"]["idle"]),
        (&json!(40), &json!(300)),
        "{job}"
    );
    assert_eq!(client.ask("TTL a:h7"), Resp::Int(-1));
    let some = json!({"action": "delete", "keys": ["a:1", "a:2", "gone", {"b64": "/w=="}], "db": 3});
    let preview = dry_run(&http, &some);
    assert_eq!(
        (&preview["keys"], &preview["confirm"]),
        (&json!(2), &json!("delete 2 keys"))
    );
    let job = run(&http, some);
    assert_eq!(
        (&job["result"]["changed"], &job["result"]["idle"]),
        (&json!(2), &json!(2)),
        "{job}"
    );
    assert_eq!(job["request"]["keys_count"], 4);
    assert_eq!(client.ask("DBSIZE"), Resp::Int(338));
    for (bad, code) in [
        (json!({"action": "delete"}), "CONFLICT"),
        (
            json!({"action": "delete", "prefix": "a", "db": 99}),
            "BAD_REQUEST",
        ),
        (
            json!({"action": "delete", "prefix": "a", "rate": 0}),
            "BAD_REQUEST",
        ),
        (
            json!({"action": "delete", "prefix": "a", "type": "x"}),
            "BAD_REQUEST",
        ),
        (json!({"action": "rename-prefix", "prefix": "a"}), "CONFLICT"),
    ] {
        assert_eq!(http.send("POST", JOBS, &bad.to_string()).code(), code, "{bad}");
    }
}

#[test]
fn renaming_keeps_what_is_in_the_way_and_the_time_to_live() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    fill(&mut client, "old:", 300);
    client.ask("PEXPIRE old:5 500000");
    client.ask("SET new:7 mine");
    let wish = json!({"action": "rename-prefix", "prefix": "old:", "to": "new:", "rate": 100_000});
    let preview = dry_run(&http, &wish);
    let sample = &preview["samples"][0];
    let renamed = sample["key"].as_str().expect("a name").replace("old:", "new:");
    assert_eq!(
        (&sample["to"], &preview["confirm"]),
        (&json!(renamed), &json!("rename 300 keys"))
    );
    let job = run(&http, wish);
    assert_eq!(
        (&job["result"]["changed"], &job["errors"]),
        (&json!(299), &json!(1)),
        "{job}"
    );
    let error = &job["result"]["errors"][0];
    assert_eq!(
        (&error["key"], &error["code"]),
        (&json!("old:7"), &json!("KEY_EXISTS"))
    );
    assert_eq!(client.ask("GET new:7"), Resp::Bulk(b"mine".to_vec()));
    assert_eq!(client.ask("GET old:7"), Resp::Bulk(b"value".to_vec()));
    assert!(matches!(client.ask("TTL new:5"), Resp::Int(400..=500)));
    // Into itself: each once, though the walk may come to the new names; what had the new prefix before is counted.
    client.ask("SET new:er:mine 1");
    let into = json!({"action": "rename-prefix", "keys": ["new:er:mine", "new:5"], "prefix": "new:", "to": "new:er:"});
    let samples = dry_run(&http, &into)["samples"].clone();
    assert_eq!(
        (
            &samples[0]["to"],
            &samples[0]["left"],
            &samples[1]["to"],
            &samples[1]["left"]
        ),
        (&json!(null), &json!(true), &json!("new:er:5"), &json!(false)),
        "{samples}"
    );
    let job = run(
        &http,
        json!({"action": "rename-prefix", "prefix": "new:", "to": "new:er:", "rate": 100_000}),
    );
    assert_eq!(
        (
            &job["state"],
            &job["result"]["changed"],
            &job["result"]["skipped"]
        ),
        (&json!("done"), &json!(300), &json!(1)),
        "{job}"
    );
    assert_eq!(
        (count(&mut client, "new:er:*"), count(&mut client, "new:er:er:*")),
        (301, 0)
    );
}

#[test]
fn it_keeps_its_pace_pauses_goes_on_and_is_aborted() {
    let (server, _, page) = start_closed();
    let mut client = server.connect();
    client.ask("AUTH secret");
    fill(&mut client, "k:", 3000);
    let page = unlocked(&page);
    let wish = json!({"action": "delete", "prefix": "k:", "rate": 200, "confirm": "delete 3000 keys"});
    let began = Instant::now();
    let path = begin(&page, &wish);
    let steer = |page: &Http, body: Value| page.send("PATCH", &path, &body.to_string());
    let job = job_when(&page, &path, |job| job["done"].as_u64() >= Some(100));
    // The first batch leaves at once, and a little is made up for; never faster than asked from then on.
    let most = 200.0 * began.elapsed().as_secs_f64() + 25.0;
    assert!(
        job["done"].as_f64().is_some_and(|done| done <= most),
        "{job}: {most}"
    );
    assert_eq!(job["total"], 3000);
    // A page that was loaded anew finds it.
    assert_eq!(
        page.get("/api/v1/jobs?kind=bulk").json()["jobs"][0]["state"],
        "running"
    );

    assert_eq!(steer(&page, json!({"paused": true})).json()["state"], "paused");
    // A batch that was under way when it was asked to pause may still come.
    let settled = || {
        let before = page.get(&path).json()["done"].clone();
        std::thread::sleep(Duration::from_millis(300));
        (before == page.get(&path).json()["done"]).then_some(before)
    };
    let done = (0..20).find_map(|_| settled()).expect("it stands still");
    assert_eq!(
        client.ask("DBSIZE"),
        Resp::Int(3000 - done.as_i64().expect("a number"))
    );
    // Pausing again is no error; going on needs an unlocked session, pausing does not.
    assert_eq!(steer(&page, json!({"paused": true})).status, 200);
    let locked = page.send("DELETE", "/api/v1/session/unlock", "");
    let (page, _) = page.with_session(&locked);
    assert_eq!(steer(&page, json!({"paused": true})).status, 200);
    assert_eq!(steer(&page, json!({"paused": false})).code(), "READ_ONLY");
    assert_eq!(steer(&page, json!({"rate": 500})).code(), "READ_ONLY");
    let page = unlocked(&page);
    assert_eq!(steer(&page, json!({"rate": 0})).code(), "BAD_REQUEST");
    assert_eq!(
        steer(&page, json!({"paused": false, "rate": 400})).json()["state"],
        "running"
    );
    let job = job_when(&page, &path, |job| job["done"].as_u64() > done.as_u64());
    assert_eq!(
        (&job["state"], &job["result"]["rate"]),
        (&json!("running"), &json!(400)),
        "{job}"
    );

    assert_eq!(page.send("DELETE", &path, "").status, 200);
    let job = ended(&page, &path);
    assert_eq!(job["state"], "aborted", "{job}");
    let changed = job["result"]["changed"].as_i64().expect("a number");
    assert!(changed < 3000);
    assert_eq!(client.ask("DBSIZE"), Resp::Int(3000 - changed));
    assert_eq!(steer(&page, json!({"paused": true})).code(), "CONFLICT");

    // Ended while it is paused.
    let path = begin(&page, &wish);
    let pause = page.send("PATCH", &path, r#"{"paused":true}"#);
    assert_eq!(pause.json()["state"], "paused");
    assert_eq!(page.send("DELETE", &path, "").status, 200);
    assert_eq!(ended(&page, &path)["state"], "aborted");
}

#[test]
fn a_walk_that_finds_nothing_is_told_and_does_not_wait_for_the_rate() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    fill(&mut client, "k:", 5000);
    // Some 20 pieces; by the rate each would be two seconds.
    let began = Instant::now();
    let wish = json!({"action": "delete", "pattern": "none*", "rate": 1, "confirm": "delete 0 keys"});
    let job = ended(&http, &begin(&http, &wish));
    assert_eq!(
        (&job["state"], &job["phase"]),
        (&json!("done"), &json!("working")),
        "{job}"
    );
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    // Another rate is told at once, also while it is paused.
    let wish = json!({"action": "delete", "prefix": "k:", "rate": 1, "confirm": "delete 5000 keys"});
    let path = begin(&http, &wish);
    job_when(&http, &path, |job| job["done"].as_u64() > Some(0));
    http.send("PATCH", &path, r#"{"paused":true,"rate":77}"#);
    assert_eq!(http.get(&path).json()["result"]["rate"], 77);
    assert_eq!(http.send("DELETE", &path, "").status, 200);
}

#[test]
fn a_pause_of_all_clients_does_not_end_it() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    fill(&mut client, "k:", 100);
    let wish = json!({"action": "delete", "prefix": "k:", "rate": 20, "confirm": "delete 100 keys"});
    let path = begin(&http, &wish);
    job_when(&http, &path, |job| job["done"].as_u64() > Some(2));
    client.ask("CLIENT PAUSE 11500 WRITE");
    let job = ended(&http, &path);
    let figure = |name: &str| job["result"][name].as_u64().expect("a number");
    let errors = job["errors"].as_u64().expect("a number");
    assert_eq!(job["state"], "done", "{job}");
    assert!(figure("unknown") >= 1 && figure("unknown") == errors, "{job}");
    assert_eq!(figure("changed") + errors, 100, "{job}");
    assert_eq!(job["result"]["errors"][0]["code"], "ENGINE_TIMEOUT");
}

#[test]
fn it_has_the_rights_of_its_user_as_they_are_now() {
    let (server, http, page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    fill(&mut admin, "a:", 500);
    fill(&mut admin, "b:", 500);
    let wish = |prefix: &str, rate: u64| json!({"action": "delete", "prefix": prefix, "rate": rate, "confirm": "delete 1000 keys"});
    assert_eq!(
        page.send("POST", JOBS, &wish("a:", 5).to_string()).code(),
        "READ_ONLY"
    );
    // A look is no write.
    assert_eq!(dry_run(&page, &wish("a:", 5))["keys"], 500);

    admin.ask("ACL SETUSER ada on >pass ~a:* +scan +unlink +info +select");
    let ada = basic(&http, "ada:pass");
    let job = ended(&ada, &begin(&ada, &wish("", 100_000)));
    assert_eq!(
        (&job["state"], &job["result"]["changed"], &job["errors"]),
        (&json!("done"), &json!(500), &json!(500)),
        "{job}"
    );
    assert_eq!(job["result"]["errors"].as_array().map(Vec::len), Some(100));
    assert_eq!(job["result"]["errors_left_out"], 400);
    assert_eq!(job["result"]["errors"][0]["code"], "NOPERM");
    assert_eq!((count(&mut admin, "a:*"), count(&mut admin, "b:*")), (0, 500));
    let mut rename = wish("a:", 5);
    rename["action"] = json!("rename-prefix");
    rename["to"] = json!("c:");
    rename["confirm"] = json!("rename 1 key");
    let refused = ada.send("POST", JOBS, &rename.to_string());
    assert_eq!(refused.json()["error"]["details"]["needs"], "+renamenx");
    let mut snapshot = wish("a:", 5);
    snapshot["snapshot_first"] = json!(true);
    let refused = ada.send("POST", JOBS, &snapshot.to_string());
    assert_eq!(refused.json()["error"]["details"]["needs"], "+snapshot.create");

    // The command is taken away, the user goes.
    for loss in [
        "ACL SETUSER ada -unlink",
        "ACL SETUSER ada on >other",
        "ACL DELUSER ada",
    ] {
        admin.ask("ACL DELUSER ada");
        admin.ask("ACL SETUSER ada on >pass ~* +scan +unlink +info +select");
        fill(&mut admin, "a:", 500);
        let ada = basic(&http, "ada:pass");
        let path = begin(&ada, &wish("a:", 50));
        job_when(&page, &path, |job| job["done"].as_u64() > Some(0));
        admin.ask(loss);
        let job = ended(&page, &path);
        assert_eq!(job["state"], "failed", "{loss}: {job}");
        assert!(job["result"]["changed"].as_u64() < Some(400), "{loss}: {job}");
        assert!(job["error"].as_str().is_some_and(|text| !text.is_empty()));
    }
}

#[test]
fn jobs_are_few_and_not_for_others() {
    let (server, http, page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +scan +unlink +info");
    fill(&mut admin, "a:", 200);
    let wish = json!({"action": "delete", "prefix": "a:", "rate": 1, "confirm": "delete 200 keys"});
    let (page, ada) = (unlocked(&page), basic(&http, "ada:pass"));
    let (first, second) = (begin(&page, &wish), begin(&page, &wish));
    assert_eq!(page.send("POST", JOBS, &wish.to_string()).code(), "CONFLICT");
    let others = begin(&ada, &wish);
    for method in ["GET", "DELETE"] {
        assert_eq!(ada.send(method, &first, "").code(), "NOT_FOUND");
    }
    assert_eq!(
        ada.send("PATCH", &first, r#"{"paused":true}"#).code(),
        "NOT_FOUND"
    );
    assert_eq!(
        ada.get("/api/v1/jobs").json()["jobs"].as_array().map(Vec::len),
        Some(1)
    );
    // Who may kill connections may stop it, and is not told which keys it is about.
    let paused = page.send("PATCH", &others, r#"{"paused":true}"#).json();
    assert_eq!(paused["state"], "paused");
    let listed = page.get("/api/v1/jobs").json();
    let listed = listed["jobs"].as_array().expect("a list").iter();
    let listed: Vec<_> = listed.filter(|job| job["user"] == "ada").cloned().collect();
    assert_eq!(listed.len(), 1);
    let asked_for = json!({"action": "delete", "db": 0, "rate": 1, "snapshot_first": false});
    for job in [&paused, &page.get(&others).json(), &listed[0]] {
        assert_eq!(job["request"], asked_for);
    }
    assert_eq!(ada.get(&others).json()["request"]["prefix"], "a:");
    for path in [&first, &second, &others] {
        assert_eq!(page.send("DELETE", path, "").status, 200);
        assert_eq!(ended(&page, path)["state"], "aborted");
    }
    assert_eq!(http.send("PATCH", &first, "{}").code(), "NO_SESSION");
}

#[test]
fn a_snapshot_is_taken_before_the_first_key() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    fill(&mut client, "a:", 100);
    let job = run(
        &http,
        json!({"action": "delete", "prefix": "a:", "snapshot_first": true}),
    );
    assert_eq!(
        (&job["state"], &job["result"]["changed"]),
        (&json!("done"), &json!(100)),
        "{job}"
    );
    let snapshots = http.get("/api/v1/snapshots").json();
    let newest = &snapshots["snapshots"][0];
    assert_eq!(
        (&newest["id"], &newest["keys"]),
        (&job["result"]["snapshot"], &json!(100)),
        "{snapshots}"
    );
}

#[test]
fn the_server_ends_while_jobs_are_under_way() {
    let (mut server, http) = start(&[]);
    let mut client = server.connect();
    fill(&mut client, "a:", 200);
    let wish = json!({"action": "delete", "prefix": "a:", "rate": 1, "confirm": "delete 200 keys"});
    let (running, paused) = (begin(&http, &wish), begin(&http, &wish));
    assert_eq!(
        http.send("PATCH", &paused, r#"{"paused":true}"#).json()["state"],
        "paused"
    );
    assert_eq!(http.get(&running).json()["state"], "running");
    let began = Instant::now();
    http.send("POST", "/api/v1/execute", r#"{"line":"SHUTDOWN NOSAVE"}"#);
    server.await_end();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn the_audit_log_tells_of_its_begin_and_its_end() {
    let folder = std::env::temp_dir().join(format!("flashdb-bulk-audit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("audit.log");
    let file = file.to_str().expect("text");
    let (server, http) = start(&["--log-json", "--audit-logfile", file]);
    fill(&mut server.connect(), "a:", 30);
    let wish = json!({"action": "delete", "prefix": "a:", "confirm": "delete 30 keys"});
    let started = http.send("POST", JOBS, &wish.to_string());
    let request_id = started.header("x-request-id").expect("an id");
    let id = started.json()["id"].clone();
    ended(&http, &format!("/api/v1/jobs/{}", id.as_str().expect("an id")));
    let text = std::fs::read_to_string(file).expect("the log");
    let told: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|event: &Value| event["event"] == "bulk")
        .collect();
    let outcomes: Vec<&Value> = told.iter().map(|event| &event["outcome"]).collect();
    assert_eq!(outcomes, ["begun", "done"], "{text}");
    for event in &told {
        assert_eq!((&event["job"], &event["request_id"]), (&id, &json!(request_id)));
        assert_eq!(
            (&event["user"], &event["target"]),
            (&json!("default"), &json!("audit"))
        );
        assert!(
            event["request"]
                .as_str()
                .is_some_and(|asked| asked.contains("\"prefix\":\"a:\""))
        );
    }
    assert_eq!((&told[1]["keys"], &told[1]["errors"]), (&json!(30), &json!(0)));
    drop(server);
    std::fs::remove_dir_all(&folder).expect("an own folder");
}

#[test]
fn the_audit_log_tells_of_an_end_with_the_server() {
    for how in ["SHUTDOWN NOSAVE", "-TERM"] {
        let name = format!("flashdb-bulk-end{how}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name.replace(' ', "-"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("audit.log");
        let file = file.to_str().expect("text");
        let (mut server, http) = start(&["--log-json", "--audit-logfile", file]);
        fill(&mut server.connect(), "a:", 200);
        let wish = json!({"action": "delete", "prefix": "a:", "rate": 5, "confirm": "delete 200 keys"});
        let (running, paused) = (begin(&http, &wish), begin(&http, &wish));
        http.send("PATCH", &paused, r#"{"paused":true}"#);
        let job = job_when(&http, &running, |job| job["done"].as_u64() > Some(1));
        if how == "-TERM" {
            super::playground::kill(&mut server, how);
        } else {
            http.send("POST", "/api/v1/execute", &json!({"line": how}).to_string());
            server.await_end();
        }
        let text = std::fs::read_to_string(file).expect("the log");
        let ends: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|event: &Value| event["event"] == "bulk" && event["outcome"] != "begun")
            .collect();
        assert_eq!(ends.len(), 2, "{how}: {text}");
        for end in &ends {
            assert_eq!(end["outcome"], "aborted", "{how}: {text}");
        }
        let of_running = ends.iter().find(|end| end["job"] == job["id"]).expect("its end");
        // Not those that it is through with: some were deleted by the other one before that was paused.
        assert!(
            of_running["keys"].as_u64() >= job["result"]["changed"].as_u64(),
            "{text}"
        );
        std::fs::remove_dir_all(&folder).expect("an own folder");
    }
}

// ---- as a file -----------------------------------------------------------------------------------

/// The body of an answer that came in chunks.
fn whole(answer: &super::support::http::Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    let (mut rest, mut out) = (&answer.body[..], Vec::new());
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").expect("a length");
        let digits = std::str::from_utf8(&rest[..line]).expect("text");
        let length = usize::from_str_radix(digits, 16).expect("a length");
        if length == 0 {
            return String::from_utf8(out).expect("text");
        }
        out.extend_from_slice(&rest[line + 2..line + 2 + length]);
        rest = &rest[line + 4 + length..];
    }
}

/// Asks by a line whose words are quoted.
fn ask_inline(client: &mut Client, line: &str) -> Resp {
    client.send(format!("{line}\r\n").as_bytes());
    client.read()
}

fn fill_all_types(client: &mut Client) {
    for line in [
        r#"SET e:s "a \"b\" \xff\n""#,
        "PEXPIRE e:s 500000",
        "RPUSH e:l x y x",
        "SADD e:set m",
        r#"HSET e:h f v g """#,
        "ZADD e:z 1.5 m -inf n",
        "XADD e:x 5-1 f v",
        "XADD e:x 6-0 g w h i",
        "SET other 1",
    ] {
        assert!(!matches!(ask_inline(client, line), Resp::Error(_)), "{line}");
    }
}

#[test]
fn an_export_holds_all_types_and_can_be_read_again() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    fill_all_types(&mut client);
    let json = whole(&http.get("/api/v1/export?p=e%3A"));
    let rows: Vec<Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(rows.last(), Some(&json!({"end": true, "keys": 6, "left_out": 0})));
    let row = |key: &str| rows.iter().find(|row| row["key"] == key).expect("a row").clone();
    assert_eq!(row("e:h")["fields"], json!([["f", "v"], ["g", ""]]));
    assert!((400_000..=500_000).contains(&row("e:s")["ttl_ms"].as_i64().expect("a number")));
    let digests = |client: &mut Client| {
        [
            "GET e:s",
            "LRANGE e:l 0 -1",
            "SMEMBERS e:set",
            "HGETALL e:h",
            "ZRANGE e:z 0 -1 WITHSCORES",
            "XRANGE e:x - +",
        ]
        .map(|line| client.ask(line))
    };
    let before = digests(&mut client);
    let answer = http.get("/api/v1/export?p=e%3A&format=commands");
    assert!(
        answer
            .header("content-disposition")
            .is_some_and(|text| text.starts_with("attachment"))
    );
    let commands = whole(&answer);
    client.ask("FLUSHALL");
    // As values over HTTP ...
    for row in &rows[..rows.len() - 1] {
        let path = format!(
            "/api/v1/key/?key={}",
            row["key"].as_str().expect("text").replace(':', "%3A")
        );
        assert_eq!(http.send("PUT", &path, &row.to_string()).status, 200, "{row}");
    }
    assert_eq!(digests(&mut client), before);
    client.ask("FLUSHALL");
    // ... and as commands.
    assert!(commands.ends_with("# end: 6 keys, 0 left out\n"), "{commands}");
    for line in commands.lines().filter(|line| !line.starts_with('#')) {
        assert!(!matches!(ask_inline(&mut client, line), Resp::Error(_)), "{line}");
    }
    assert_eq!(digests(&mut client), before);
    assert!(matches!(client.ask("PTTL e:s"), Resp::Int(400_000..=500_000)));
}

#[test]
fn an_export_names_what_its_lines_cannot_say() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    for line in [
        "HSET n:h f v g w",
        "HPEXPIRE n:h 500000 FIELDS 1 f",
        "HSET n:plain f v",
        "XADD n:x 5-1 f v",
        "XGROUP CREATE n:x workers 0",
        "XREADGROUP GROUP workers one STREAMS n:x >",
        "XDEL n:x 5-1",
    ] {
        assert!(!matches!(client.ask(line), Resp::Error(_)), "{line}");
    }
    let text = whole(&http.get("/api/v1/export?p=n%3A"));
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(rows.last(), Some(&json!({"end": true, "keys": 3, "left_out": 0})));
    let row = rows.iter().find(|row| row["key"] == "n:h").expect("a row");
    assert_eq!(row["field_ttl_ms"][0][0], "f", "{row}");
    let ttl_ms = row["field_ttl_ms"][0][1].as_i64();
    assert!(matches!(ttl_ms, Some(400_000..=500_000)), "{row}");
    // Such a line is what a value is put with.
    let mut value = row.clone();
    value.as_object_mut().expect("an object").remove("key");
    assert_eq!(
        http.send("PUT", "/api/v1/key/n:copy?db=0", &value.to_string())
            .status,
        200
    );
    let Resp::Array(ttls) = client.ask("HPTTL n:copy FIELDS 2 f g") else {
        panic!("an array")
    };
    assert!(
        matches!(ttls[..], [Resp::Int(400_000..=500_000), Resp::Int(-1)]),
        "{ttls:?}"
    );
    value["field_ttl_ms"] = json!([["none", 5]]);
    assert_eq!(
        http.send("PUT", "/api/v1/key/n:copy?db=0", &value.to_string())
            .code(),
        "BAD_REQUEST"
    );
    client.ask("DEL n:copy");
    // What is pending and deleted is in a line, and no command makes it again.
    let commands = whole(&http.get("/api/v1/export?p=n%3A&format=commands"));
    assert!(
        commands.contains("HPEXPIRE n:h ")
            && commands.contains("HSET n:plain f v\n")
            && commands.contains("# left out: n:x: entries are pending that were deleted")
            && commands.ends_with("# end: 2 keys, 1 left out\n"),
        "{commands}"
    );
}

#[test]
fn a_value_of_too_many_small_parts_is_left_out_and_others_are_not() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    // Within the bounds of memory and entries; as a reply it has more elements than one may have.
    for id in 1..=2000 {
        let fields: String = (0..30).map(|field| format!(" {field} x")).collect();
        client.send(format!("XADD w:wide {id}{fields}\r\n").as_bytes());
        client.read();
    }
    client.ask("SET w:a 1");
    client.ask("RPUSH w:z 1 2");
    let text = whole(&http.get("/api/v1/export?p=w%3A"));
    let last: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).expect("JSON");
    assert_eq!(last, json!({"end": true, "keys": 2, "left_out": 1}), "{text}");
    assert!(text.contains("too large to be read at once"), "{text}");
}

#[test]
fn an_export_leaves_out_what_may_not_be_read_or_is_too_large() {
    let (server, http, page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    fill(&mut admin, "a:", 700);
    fill(&mut admin, "b:", 3);
    admin.ask(&format!("SETRANGE a:large {} x", 2 << 20));
    admin.ask("ACL SETUSER ada on >pass ~a:* +scan +type +pttl +memory|usage +get +strlen");
    let ada = basic(&http, "ada:pass");
    let text = whole(&ada.get("/api/v1/export"));
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(
        rows.last(),
        Some(&json!({"end": true, "keys": 700, "left_out": 4}))
    );
    let errors: Vec<&Value> = rows.iter().filter(|row| row["error"].is_string()).collect();
    assert_eq!(errors.len(), 4);
    assert!(errors.iter().any(|row| row["key"] == "a:large") && errors.iter().any(|row| row["key"] == "b:1"));
    // A session that may only read may export; what is missing is said before anything is sent.
    let some = json!({"keys": ["a:1", "gone", "b:1"], "format": "commands"}).to_string();
    assert_eq!(
        whole(&page.send("POST", "/api/v1/export", &some)),
        "SET a:1 value\nSET b:1 value\n# end: 2 keys, 0 left out\n"
    );
    admin.ask("ACL SETUSER ada -type");
    assert_eq!(
        ada.get("/api/v1/export").json()["error"]["details"]["needs"],
        "+type"
    );
    for (bad, code) in [
        ("format=x", "BAD_REQUEST"),
        ("type=x", "BAD_REQUEST"),
        ("p=a&match=b", "CONFLICT"),
        ("db=99", "BAD_REQUEST"),
    ] {
        assert_eq!(page.get(&format!("/api/v1/export?{bad}")).code(), code, "{bad}");
    }
    assert_eq!(http.get("/api/v1/export").code(), "NO_SESSION");
}

#[test]
fn an_export_that_nobody_reads_gives_its_place_back() {
    use std::io::{Read, Write};
    let (server, http) = start(&[]);
    let mut client = server.connect();
    for at in 0..64 {
        client.ask(&format!("SETRANGE big:{at} {} x", 900 << 10));
    }
    let request = http.bytes("GET", "/api/v1/export", b"");
    let mut readers: Vec<_> = (0..4).map(|_| http.connect()).collect();
    for reader in &mut readers {
        reader.write_all(&request).expect("it is read");
        let mut first = [0; 12];
        reader.read_exact(&mut first).expect("a status");
        assert_eq!(&first, b"HTTP/1.1 200");
    }
    assert_eq!(http.get("/api/v1/export").code(), "BUSY");
    drop(readers);
    let end = Instant::now() + Duration::from_secs(30);
    while http.get("/api/v1/export?p=none").status != 200 {
        assert!(Instant::now() < end, "the places are not given back");
        std::thread::sleep(Duration::from_millis(20));
    }
}
