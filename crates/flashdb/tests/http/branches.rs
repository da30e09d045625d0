//! The topic `keyspace`: what changes in the key tree is told to who watches, of what they may see, and with no number that is not true.

use crate::live::Viewer;
use crate::start;
use crate::support::Raw;
use crate::support::http::Http;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);

fn watch(page: &Http) -> Viewer {
    let mut viewer = Viewer::open(page, true);
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": "keyspace"}}));
    // Listening ends with the figures of a second.
    viewer.say(json!({"type": "sub", "data": {"id": 2, "topic": "stats"}}));
    viewer
}

/// What the tree's changes are, batch by batch, until one is as wanted.
fn until(viewer: &mut Viewer, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    let (mut changes, end) = (Vec::new(), Instant::now() + LIMIT);
    loop {
        assert!(Instant::now() < end, "{changes:?}");
        let message = viewer.hear_any();
        if message["type"] != "batch" {
            continue;
        }
        viewer.say(json!({"type": "ack", "data": {"seq": message["seq"]}}));
        for one in message["data"].as_array().expect("messages") {
            assert_eq!(one["type"], "keyspace");
            // Of what begins before the test does.
            if one["data"]["prefix"] != "" {
                changes.push(one["data"].clone());
            }
        }
        if changes.iter().any(&wanted) {
            return changes;
        }
    }
}

fn sum(changes: &[Value], prefix: &str, field: &str) -> u64 {
    let of = changes.iter().filter(|change| change["prefix"] == prefix);
    of.map(|change| change[field].as_u64().expect("a number")).sum()
}

/// Counts the tree and waits until it is watched: a change among the keys of no branch is told.
fn counted(viewer: &mut Viewer, page: &Http, client: &mut Raw) {
    let end = Instant::now() + LIMIT;
    assert_eq!(page.get("/api/v1/tree?wait=5000").json()["exact"], true);
    for n in 0.. {
        assert!(Instant::now() < end, "nothing is told");
        client.ask(&format!("SET probe{n} 1"));
        // There is one each second.
        let message = viewer.hear_any();
        if message["type"] == "batch" && message["data"][0]["data"]["prefix"] == "" {
            return;
        }
    }
}

#[test]
fn what_comes_and_goes_is_told_by_branch() {
    let (server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    let mut client = server.connect();
    for n in 0..4 {
        client.ask(&format!("MSET cart:{n} 1 session:user:{n} 1 other:{n} 1"));
    }
    let mut viewer = watch(&page);
    assert_eq!(viewer.hear("ok")["id"], 1);
    counted(&mut viewer, &page, &mut client);
    client.ask("MSET cart:a 1 cart:b 1 cart:c 1 session:user:a 1");
    client.ask("DEL cart:a");
    client.ask("SET cart:b 2");
    client.ask("SET session:user:end 1 PX 60000");
    let changes = until(&mut viewer, |change| {
        change["prefix"] == "session:user:" && change["keys"] == 6
    });
    // They may have come in one look or several.
    let cart = ["created", "deleted"].map(|field| sum(&changes, "cart:", field));
    assert_eq!(cart, [3, 1], "{changes:?}");
    assert_eq!(sum(&changes, "session:user:", "created"), 2);
    assert!(
        changes
            .iter()
            .all(|change| change["prefix"] != "other:" && change["prefix"] != "session:")
    );
    assert!(
        changes
            .iter()
            .all(|change| change["expired"].is_null() && change["db"] == 0)
    );
    // As many that go as come are a change, too; what went by its expiry is among what went.
    client.ask("PEXPIRE session:user:end 1");
    client.ask("SET session:user:next 1");
    let changes = until(&mut viewer, |change| {
        change["prefix"] == "session:user:" && change["deleted"] == 1
    });
    assert_eq!(sum(&changes, "session:user:", "deleted"), 1);
    // Of another database there is nothing to tell while nobody has looked there.
    client.ask("FLUSHDB");
    let changes = until(&mut viewer, |change| change["keys"] == 0);
    assert!(
        changes.iter().all(|change| change["created"].is_null()),
        "{changes:?}"
    );
}

#[test]
fn many_branches_are_told_by_those_above_them() {
    let (server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    let mut client = server.connect();
    let mut viewer = watch(&page);
    for branch in 0..30 {
        client.ask(&format!("MSET shop:{branch}:a 1 shop:{branch}:b 1"));
    }
    client.ask("MSET cart:a 1 cart:b 1");
    counted(&mut viewer, &page, &mut client);
    let sets: Vec<String> = (0..30).map(|branch| format!("shop:{branch}:new 1")).collect();
    client.ask(&format!("MSET {} cart:new 1", sets.join(" ")));
    let mut seen = until(&mut viewer, |change| change["prefix"] == "cart:");
    if sum(&seen, "shop:", "created") == 0 {
        seen.extend(until(&mut viewer, |change| change["prefix"] == "shop:"));
    }
    let shop = seen
        .iter()
        .find(|change| change["prefix"] == "shop:")
        .expect("shop:");
    assert_eq!((&shop["created"], &shop["below"]), (&json!(30), &json!(true)));
    assert_eq!(seen.len(), 2, "{seen:?}");
}

#[test]
fn names_are_for_who_may_read_the_keys() {
    let (server, http) = start(&["--requirepass", "secret"]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~cart:* +@all");
    admin.ask("ACL SETUSER bob on >pass ~* +@all -prefix.tree");
    for n in 0..4 {
        admin.ask(&format!("MSET cart:{n} 1 secret:{n} 1"));
    }
    let (owner, _) = http.log_in(r#"{"password":"secret"}"#);
    let (ada, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    let (bob, _) = http.log_in(r#"{"user":"bob","password":"pass"}"#);
    let refused = watch(&bob).hear("error");
    assert_eq!(
        (&refused["code"], &refused["needs"]),
        (&json!("NOPERM"), &json!("+prefix.tree"))
    );
    let (mut all, mut some) = (watch(&owner), watch(&ada));
    counted(&mut all, &owner, &mut admin);
    admin.ask("SET secret:new 1");
    let seen = until(&mut all, |change| change["prefix"] == "secret:");
    assert_eq!(sum(&seen, "secret:", "created"), 1);
    admin.ask("SET cart:new 1");
    let seen = until(&mut some, |change| change["prefix"] == "cart:");
    assert_eq!(seen.len(), 1, "neither secret: nor all keys: {seen:?}");
    assert_eq!((&seen[0]["created"], &seen[0]["keys"]), (&json!(1), &json!(5)));
}

#[test]
fn a_switched_off_index_is_said() {
    let (server, http) = start(&["--prefix-index", "no"]);
    let (page, _) = http.log_in("{}");
    let mut viewer = watch(&page);
    let off = viewer.hear("error");
    assert_eq!(
        (&off["id"], &off["topic"], &off["code"]),
        (&json!(1), &json!("keyspace"), &json!("SWITCHED_OFF"))
    );
    let mut client = server.connect();
    client.ask("MSET cart:1 1 cart:2 1");
    client.ask("CONFIG SET prefix-index yes");
    counted(&mut viewer, &page, &mut client);
    client.ask("CONFIG SET prefix-index no");
    assert_eq!(viewer.hear("error")["code"], "SWITCHED_OFF");
}

/// Names of the branches that are told in what comes until there are figures of two more seconds.
fn told_for_a_while(viewer: &mut Viewer) -> Vec<Value> {
    let (mut seconds, mut told) = (0, Vec::new());
    while seconds < 3 {
        let message = viewer.hear_any();
        seconds += usize::from(message["type"] == "stats");
        for one in message["data"].as_array().into_iter().flatten() {
            told.extend(one["data"].get("prefix").cloned());
        }
    }
    told
}

#[test]
fn no_name_is_told_once_the_right_is_gone() {
    let (server, http) = start(&["--requirepass", "secret"]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("MSET cart:1 1 cart:2 1 other:1 1 other:2 1");
    let (owner, _) = http.log_in(r#"{"password":"secret"}"#);
    let mut all = watch(&owner);
    counted(&mut all, &owner, &mut admin);
    // They look at their sessions at different times: whenever the tree is looked at, some have not looked yet.
    let mut some: Vec<Viewer> = Vec::new();
    for n in 0..8 {
        admin.ask(&format!("ACL SETUSER ada{n} on >pass ~cart:* +@all"));
        let (page, _) = http.log_in(&format!(r#"{{"user":"ada{n}","password":"pass"}}"#));
        some.push(watch(&page));
    }
    for round in 0..5 {
        for n in 0..8 {
            admin.ask(&format!("ACL SETUSER ada{n} resetkeys ~cart:*"));
        }
        admin.ask(&format!("SET cart:seen{round} 1"));
        until(&mut all, |change| change["prefix"] == "cart:");
        // At first what they are to be told is written already, later it is about to be: of that nothing tells.
        thread::sleep(Duration::from_millis(200 * round));
        for n in 0..8 {
            admin.ask(&format!("ACL SETUSER ada{n} resetkeys ~other:*"));
        }
        some.iter_mut()
            .for_each(|viewer| viewer.say(json!({"type": "ping"})));
        for viewer in &mut some {
            viewer.hear("pong");
        }
        admin.ask(&format!("SET cart:hidden{round} 1"));
        for viewer in &mut some {
            let told = told_for_a_while(viewer);
            assert!(!told.contains(&json!("cart:")), "{told:?}");
        }
    }
}
