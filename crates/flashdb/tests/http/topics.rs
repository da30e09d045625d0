//! The topics of the slow log, the clients and the memory: what comes to who watches, as it happens.

use crate::live::Viewer;
use crate::{start, start_closed};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);

/// The data of the next message of the topic that fits, out of a batch as well.
fn hear(viewer: &mut Viewer, topic: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < end, "no {topic}");
        let message = viewer.hear_any();
        let all = match message["type"].as_str() {
            Some("batch") => {
                viewer.say(json!({"type": "ack", "data": {"seq": message["seq"]}}));
                message["data"].as_array().expect("messages").clone()
            }
            _ => vec![message],
        };
        let found = all
            .into_iter()
            .find(|one| one["type"] == topic && fits(&one["data"]));
        if let Some(found) = found {
            return found["data"].clone();
        }
    }
}

fn sub(viewer: &mut Viewer, topic: &str) {
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": topic}}));
    assert_eq!(viewer.hear("ok")["id"], 1);
}

#[test]
fn slow_commands_come_as_they_are_logged() {
    let (server, http) = start(&["--slowlog-log-slower-than", "-1"]);
    let (page, _) = http.log_in("{}");
    let mut client = server.connect();
    let mut viewer = Viewer::open(&page, true);
    sub(&mut viewer, "slowlog");
    client.ask("CONFIG SET slowlog-log-slower-than 0");
    client.ask("SELECT 3");
    client.request(&[b"MSET".as_slice(), b"cart:1", b"x", &[b'k'; 300], b"y"]);
    client.read();
    client.ask("CONFIG SET slowlog-log-slower-than -1");
    let entry = hear(&mut viewer, "slowlog", |entry| entry["args"][0] == "MSET");
    assert_eq!(
        (&entry["db"], &entry["args"][1], &entry["keys"]),
        (&json!(3), &json!("cart:1"), &json!([1]))
    );
    let crate::support::Value::Int(id) = client.ask("CLIENT ID") else {
        panic!("an id is a number");
    };
    assert_eq!(entry["client_id"], id.to_string());
    let listed = page.get("/api/v1/slowlog").json();
    assert!(
        listed["entries"].as_array().expect("entries").contains(&entry),
        "{listed}"
    );
    client.ask("SLOWLOG RESET");
    assert_eq!(
        hear(&mut viewer, "slowlog", |data| data["cleared"] == true),
        json!({"cleared": true})
    );
}

#[test]
fn clients_that_come_go_and_work_are_told() {
    let (server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    let mut viewer = Viewer::open(&page, true);
    sub(&mut viewer, "clients");
    let mut client = server.connect();
    client.ask("CLIENT SETNAME ada");
    let is_ada = |row: &&Value| row["name"] == "ada";
    let ada_in = |data: &Value| {
        data["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .find(is_ada)
            .cloned()
    };
    let first = hear(&mut viewer, "clients", |data| ada_in(data).is_some());
    let row = ada_in(&first).expect("it is there");
    assert!(
        row["tot_mem"].as_i64() > Some(0) && row["laddr"].as_str().is_some_and(|laddr| laddr.contains(':'))
    );
    let end = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < end, "no rate");
        client.ask("GET a");
        let data = hear(&mut viewer, "clients", |data| ada_in(data).is_some());
        let row = ada_in(&data).expect("it is there");
        if row["cmd"] == "get" && row["in_s"].as_f64() > Some(0.0) && row["out_s"].as_f64() > Some(0.0) {
            break;
        }
    }
    // That it rests is told too, and then nothing more.
    hear(&mut viewer, "clients", |data| {
        ada_in(data).is_some_and(|row| row["in_s"] == 0.0)
    });
    let id = row["id"].clone();
    drop(client);
    let gone = hear(&mut viewer, "clients", |data| {
        data["gone"].as_array().expect("ids").contains(&id)
    });
    assert!(gone["total"].is_u64(), "{gone}");
}

#[test]
fn whoever_was_named_by_an_answer_is_told_to_have_gone() {
    let (_server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    let mut viewer = Viewer::open(&page, true);
    sub(&mut viewer, "clients");
    // It lists itself, and is over as soon as it has: no look need have seen it.
    let listed = page.get("/api/v1/clients").json();
    let rows = listed["clients"].as_array().expect("rows");
    let own = rows
        .iter()
        .find(|row| row["name"] == "flashdb-http")
        .expect("the one that asks");
    hear(&mut viewer, "clients", |data| {
        data["gone"].as_array().expect("ids").contains(&own["id"])
    });
}

#[test]
fn connections_of_the_interface_have_an_address_and_a_size() {
    let (_server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    let listed = page.get("/api/v1/clients").json();
    let rows = listed["clients"].as_array().expect("rows");
    let own = rows
        .iter()
        .find(|row| row["name"] == "flashdb-http")
        .expect("the one that asks");
    assert!(own["tot_mem"].as_i64() > Some(0), "{own}");
    assert_eq!(own["laddr"], format!("127.0.0.1:{}", http.port));
    assert!(listed["t"].as_i64() > Some(1_700_000_000_000));
}

#[test]
fn memory_comes_each_second() {
    let (_server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    let mut viewer = Viewer::open(&page, true);
    sub(&mut viewer, "memory");
    let told = hear(&mut viewer, "memory", |_| true);
    let asked = page.get("/api/v1/memory").json();
    let names = |memory: &Value| -> Vec<Value> {
        let parts = memory["parts"].as_array().expect("parts");
        parts.iter().map(|part| part["name"].clone()).collect()
    };
    assert_eq!(names(&told), names(&asked));
    let sum: u64 = told["parts"]
        .as_array()
        .expect("parts")
        .iter()
        .filter_map(|part| part["bytes"].as_u64())
        .sum();
    assert_eq!(Some(sum), told["rss"].as_u64());
}

#[test]
fn each_takes_the_right_of_its_command() {
    let (server, http, _) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +@all -slowlog|get -client|list -memory|stats");
    let (page, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    let mut viewer = Viewer::open(&page, true);
    for (topic, needs) in [
        ("slowlog", "+slowlog|get"),
        ("clients", "+client|list"),
        ("memory", "+memory|stats"),
    ] {
        viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": topic}}));
        assert_eq!(viewer.hear("error")["needs"], needs);
    }
    let refused = page.get("/api/v1/slowlog");
    assert_eq!((refused.status, refused.code().as_str()), (403, "NOPERM"));
    assert_eq!(refused.json()["error"]["details"]["needs"], "+slowlog|get");
}
