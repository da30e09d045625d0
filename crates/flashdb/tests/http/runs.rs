//! Commands that listen or wait, over the WebSocket of the console: what comes, who may, how they end, and that nothing is
//! lost without a word. Each end is seen at the engine, by a client of its own.

use crate::support::http::Http;
use crate::support::{Raw, Server, Value as Told};
use crate::{start, start_closed_with, unlocked};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

const LIMIT: Duration = Duration::from_secs(20);

struct Run(WebSocket<TcpStream>);

fn csrf(page: &Http) -> String {
    let session = page.get("/api/v1/session").json();
    session["csrf"].as_str().unwrap_or_default().to_owned()
}

impl Run {
    fn open(http: &Http) -> Self {
        let url = format!("ws://127.0.0.1:{}/api/v1/console/run", http.port);
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in &http.headers {
            let name = name.parse::<tungstenite::http::HeaderName>().expect("a name");
            request
                .headers_mut()
                .insert(name, value.parse().expect("a value"));
        }
        let protocol = "flashdb.console.v1".parse().expect("a value");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let (socket, _) = tungstenite::client(request, http.connect()).expect("an upgrade");
        Run(socket)
    }

    /// Runs a line in the session of `page`; it has begun.
    fn of(page: &Http, line: &str) -> Self {
        let mut run = Run::open(page);
        run.say(json!({"type": "run", "data": {"line": line, "csrf": csrf(page)}}));
        run.hear("began");
        run
    }

    fn say(&mut self, message: Value) {
        self.0
            .send(Message::text(message.to_string()))
            .expect("it is read");
    }

    /// The next message of this type.
    fn hear(&mut self, kind: &str) -> Value {
        let end = Instant::now() + LIMIT;
        loop {
            assert!(Instant::now() < end, "no {kind}");
            if let Message::Text(text) = self.0.read().expect("a message") {
                let message: Value = serde_json::from_str(text.as_str()).expect("JSON");
                if message["type"] == kind {
                    return message["data"].clone();
                }
                assert_ne!(message["type"], "ended", "{message}");
            }
        }
    }

    /// Rows of a kind, until there are so many.
    fn rows(&mut self, kind: &str, count: usize) -> Vec<Value> {
        let mut found = Vec::new();
        while found.len() < count {
            let rows = self.hear("rows");
            let seq = rows["seq"].clone();
            self.say(json!({"type": "ack", "data": {"seq": seq}}));
            let rows = rows["rows"].as_array().expect("rows").clone();
            found.extend(rows.into_iter().filter(|row| row["kind"] == kind));
        }
        found
    }

    /// Why a run is refused.
    fn refusal(page: &Http, wish: Value) -> Value {
        let mut run = Run::open(page);
        run.say(json!({"type": "run", "data": wish}));
        run.hear("error")
    }

    fn close_code(&mut self) -> u16 {
        loop {
            match self.0.read() {
                Ok(Message::Close(Some(frame))) => return frame.code.into(),
                Ok(_) => {}
                Err(error) => panic!("no close code: {error}"),
            }
        }
    }
}

/// Waits until the client list has so many clients of the console.
fn await_clients(client: &mut Raw, wanted: usize) {
    let end = Instant::now() + LIMIT;
    loop {
        let list = client.ask("CLIENT LIST").text();
        let found = list.matches(" name=flashdb-console").count();
        if found == wanted {
            return;
        }
        assert!(Instant::now() < end, "{found} clients, not {wanted}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn session(server: &Server, http: &Http) -> (Http, Raw) {
    (http.log_in("{}").0, server.connect())
}

#[test]
fn messages_come_while_somebody_listens_and_end_with_a_stop() {
    let (server, http) = start(&[]);
    let (page, mut client) = session(&server, &http);
    let mut run = Run::of(&page, "SUBSCRIBE news other");
    let begun = run.rows("subscribe", 2);
    assert_eq!(
        (&begun[0]["channel"], &begun[1]["count"]),
        (&json!("news"), &json!(2))
    );
    assert_eq!(client.ask("PUBLISH news hello"), Told::Int(1));
    let message = run.rows("message", 1).remove(0);
    assert_eq!(
        (&message["channel"], &message["message"]),
        (&json!("news"), &json!("hello"))
    );
    assert!(message["t"].as_i64().is_some_and(|t| t > 1_600_000_000_000));
    // More and less of it, in the same connection.
    run.say(json!({"type": "more", "data": {"line": "PSUBSCRIBE n*"}}));
    assert_eq!(run.rows("psubscribe", 1)[0]["count"], 3);
    run.say(json!({"type": "more", "data": {"line": "GET a"}}));
    assert_eq!(run.hear("error")["code"], "UNSUPPORTED_COMMAND");
    await_clients(&mut client, 1);
    run.say(json!({"type": "stop"}));
    assert_eq!(run.hear("ended")["reason"], "stopped");
    assert_eq!(run.close_code(), 1000);
    // What it says has ended has ended there, too.
    assert_eq!(client.ask("PUBSUB NUMSUB news").items()[1], Told::Int(0));
    assert_eq!(client.ask("PUBSUB NUMPAT"), Told::Int(0));
    await_clients(&mut client, 0);
}

#[test]
fn unsubscribing_from_all_is_an_end() {
    let (server, http) = start(&[]);
    let (page, _client) = session(&server, &http);
    let mut run = Run::of(&page, "SSUBSCRIBE shard");
    run.rows("ssubscribe", 1);
    run.say(json!({"type": "more", "data": {"line": "SUNSUBSCRIBE"}}));
    assert_eq!(run.hear("ended")["reason"], "done");
}

#[test]
fn a_viewer_that_goes_takes_what_it_ran_with_it() {
    let (server, http) = start(&[]);
    let (page, mut client) = session(&server, &http);
    let page = unlocked(&page);
    let listens = Run::of(&page, "SUBSCRIBE news");
    let watches = Run::of(&page, "MONITOR");
    let waits = Run::of(&page, "BLPOP queue 0");
    await_clients(&mut client, 3);
    server.await_info("blocked_clients", 1);
    drop((listens, watches, waits));
    await_clients(&mut client, 0);
    server.await_info("blocked_clients", 0);
    client.ask("RPUSH queue kept");
    assert_eq!(client.ask("LLEN queue"), Told::Int(1));
}

#[test]
fn what_waits_answers_when_it_is_served() {
    let (server, http) = start(&[]);
    let (page, mut client) = session(&server, &http);
    let page = unlocked(&page);
    let mut run = Run::open(&page);
    run.say(json!({"type": "run", "data": {"args": ["BLPOP", "queue", "0"], "db": 2, "csrf": csrf(&page)}}));
    assert_eq!(run.hear("began")["kind"], "blocking");
    server.await_info("blocked_clients", 1);
    client.ask("SELECT 2");
    client.ask("LPUSH queue one");
    let ended = run.hear("ended");
    assert_eq!(ended["reason"], "done");
    assert_eq!(
        ended["reply"]["items"],
        json!([{"type": "string", "value": "queue"}, {"type": "string", "value": "one"}])
    );
    assert!(ended["duration_us"].as_u64().is_some_and(|us| us > 0));
    let mut run = Run::of(&page, "BLPOP nothing 0.05");
    assert_eq!(run.hear("ended")["reply"], json!({"type": "null"}));
    let mut run = Run::of(&page, "WAIT 1 20");
    assert_eq!(run.hear("ended")["reply"], json!({"type": "integer", "value": 0}));
    let mut run = Run::of(&page, "BLPOP nothing soon");
    assert_eq!(run.hear("ended")["reply"]["type"], "error");
}

#[test]
fn a_stop_ends_the_wait_and_loses_no_element() {
    let (server, http) = start(&[]);
    let (page, mut client) = session(&server, &http);
    let page = unlocked(&page);
    let mut run = Run::of(&page, "BLPOP queue 0");
    server.await_info("blocked_clients", 1);
    run.say(json!({"type": "stop"}));
    let ended = run.hear("ended");
    assert_eq!(
        (&ended["reason"], &ended["reply"]),
        (&json!("stopped"), &json!({"type": "null"}))
    );
    server.await_info("blocked_clients", 0);
    client.ask("RPUSH queue one");
    assert_eq!(client.ask("LLEN queue"), Told::Int(1));
    // Whoever is quicker: an element is in the list or was shown, never neither.
    for n in 0..30 {
        client.ask("DEL queue");
        let mut run = Run::open(&page);
        run.say(json!({"type": "run", "data": {"line": "BLPOP queue 0", "csrf": csrf(&page)}}));
        if n % 2 == 0 {
            run.hear("began");
        }
        run.say(json!({"type": "stop"}));
        client.ask("RPUSH queue element");
        let shown = run.hear("ended")["reply"]["type"] == "array";
        let left = client.ask("LLEN queue") == Told::Int(1);
        assert!(shown != left, "round {n}: shown {shown}, left {left}");
    }
}

#[test]
fn all_commands_are_shown_to_who_may_see_them() {
    let (server, http) = start(&[]);
    let (page, mut client) = session(&server, &http);
    let mut run = Run::of(&page, "MONITOR");
    await_clients(&mut client, 1);
    let end = Instant::now() + LIMIT;
    // It is a client like any other, and may begin a moment later.
    loop {
        client.ask("SET shown 1");
        client.ask(&format!("SET long {}", "x".repeat(20_000)));
        let rows = run.rows("command", 2);
        let long = rows.iter().find(|row| row["message"]["cut"] == true);
        let short = rows.iter().any(|row| {
            row["message"]
                .as_str()
                .is_some_and(|line| line.ends_with("\"SET\" \"shown\" \"1\""))
        });
        if let (Some(long), true) = (long, short) {
            assert!(
                long["message"]["bytes"]
                    .as_u64()
                    .is_some_and(|bytes| bytes > 20_000)
            );
            break;
        }
        assert!(Instant::now() < end, "{rows:?}");
    }
    run.say(json!({"type": "stop"}));
    assert_eq!(run.hear("ended")["reason"], "stopped");
    await_clients(&mut client, 0);
}

#[test]
fn a_slow_viewer_is_told_how_many_it_missed() {
    let (server, http) = start(&[]);
    let (page, mut client) = session(&server, &http);
    let mut run = Run::of(&page, "SUBSCRIBE news");
    run.rows("subscribe", 1);
    // More than is sent without an acknowledgement and than waits here.
    let (count, text) = (3000, "y".repeat(1000));
    for n in 0..count {
        client.ask(&format!("PUBLISH news {n}:{text}"));
    }
    // The engine has not dropped it: the viewer holds up nobody but itself.
    await_clients(&mut client, 1);
    let (mut seen, mut lost, mut last) = (0, 0, None);
    while last != Some(count - 1) {
        let told = run.hear("rows");
        run.say(json!({"type": "ack", "data": {"seq": told["seq"]}}));
        lost += told["lost"].as_u64().expect("a count");
        let rows = told["rows"].as_array().expect("rows");
        seen += rows.len() as u64;
        let text = rows.last().and_then(|row| row["message"].as_str());
        last = text.and_then(|text| text.split(':').next()?.parse::<i64>().ok());
    }
    assert!(lost > 0, "nothing was dropped");
    assert_eq!(seen + lost, count as u64);
}

#[test]
fn rights_are_those_of_the_user() {
    let (server, http, _) = start_closed_with(&[]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pw ~* resetchannels &news:* +@all -monitor");
    let (page, _) = http.log_in(r#"{"user":"ada","password":"pw"}"#);
    let refused = |line: &str| {
        let mut run = Run::of(&page, line);
        run.hear("ended")["reply"]["message"].clone().to_string()
    };
    assert!(refused("SUBSCRIBE secret").contains("NOPERM"));
    assert!(refused("PSUBSCRIBE *").contains("NOPERM"));
    assert!(refused("MONITOR").contains("NOPERM"));
    let token = csrf(&page);
    // A read-only session listens, and takes nothing out of a list.
    let refusal = Run::refusal(&page, json!({"line": "BLPOP a 0", "csrf": token}));
    assert_eq!(refusal["code"], "READ_ONLY");
    let refusal = Run::refusal(&page, json!({"line": "SUBSCRIBE news:a", "csrf": "no"}));
    assert_eq!(refusal["code"], "BAD_CSRF");
    let refusal = Run::refusal(&page, json!({"line": "GET a", "csrf": token}));
    assert_eq!(refusal["code"], "UNSUPPORTED_COMMAND");
    let refusal = Run::refusal(&page, json!({"line": "PSYNC a 1", "csrf": token}));
    assert_eq!(refusal["code"], "UNSUPPORTED_COMMAND");
    assert_eq!(
        Run::refusal(&http.as_page(), json!({"line": "MONITOR"}))["code"],
        "NO_SESSION"
    );
    // A channel that is taken away ends the listening.
    let mut run = Run::of(&page, "SUBSCRIBE news:a");
    run.rows("subscribe", 1);
    run.say(json!({"type": "more", "data": {"line": "SUBSCRIBE secret"}}));
    let denied = run.rows("error", 1)[0]["message"].to_string();
    assert!(denied.contains("NOPERM"), "{denied}");
    admin.ask("ACL SETUSER ada resetchannels &other:*");
    assert_eq!(run.hear("ended")["reason"], "closed");
    // So does the command that is taken away, and the session that ends.
    admin.ask("ACL SETUSER ada +monitor &news:*");
    let mut run = Run::of(&page, "MONITOR");
    // It has begun for the engine, too.
    while !admin.ask("CLIENT LIST").text().contains(" flags=O") {
        std::thread::sleep(Duration::from_millis(2));
    }
    admin.ask("ACL SETUSER ada -monitor");
    assert_eq!(run.hear("ended")["reason"], "rights");
    let mut run = Run::of(&page, "SUBSCRIBE news:a");
    assert_eq!(page.send("DELETE", "/api/v1/session", "").status, 204);
    assert_eq!(run.close_code(), 4401);
}

#[test]
fn a_session_that_is_locked_again_waits_for_no_write() {
    let (server, http) = start(&[]);
    let (page, mut client) = session(&server, &http);
    let page = unlocked(&page);
    let mut writes = Run::of(&page, "BLPOP queue 0");
    let mut reads = Run::of(&page, "XREAD BLOCK 0 STREAMS s $");
    server.await_info("blocked_clients", 2);
    let locked = page.send("DELETE", "/api/v1/session/unlock", "");
    assert_eq!(locked.status, 200);
    assert_eq!(writes.hear("ended")["reason"], "locked");
    server.await_info("blocked_clients", 1);
    client.ask("XADD s 1-1 a b");
    assert_eq!(reads.hear("ended")["reason"], "done");
}

#[test]
fn there_are_so_many_at_a_time_and_requests_have_their_own_places() {
    let (_server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    let held: Vec<Run> = (0..8)
        .map(|_| Run::of(&page, "XREAD BLOCK 0 STREAMS s $"))
        .collect();
    assert_eq!(Run::open(&page).close_code(), 4429);
    assert_eq!(page.get("/api/v1/clients").status, 200);
    drop(held);
}

#[test]
fn what_was_typed_is_in_the_history_and_malformed_words_are_not() {
    let (server, http) = start(&[]);
    let (page, _client) = session(&server, &http);
    let page = unlocked(&page);
    let token = csrf(&page);
    for line in ["BLPOP queue 0.01", "XREAD BLOCK 1 secret STREAMS s $"] {
        let mut run = Run::open(&page);
        run.say(json!({"type": "run", "data": {"line": line, "remember": true, "csrf": token}}));
        run.hear("began");
        run.hear("ended");
        assert_eq!(run.close_code(), 1000);
    }
    let kept = page.get("/api/v1/console/history").json();
    let lines: Vec<&str> = kept["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|entry| entry["line"].as_str())
        .collect();
    assert_eq!(lines[0], "BLPOP queue 0.01");
    assert!(lines.len() == 2 && !lines[1].contains("secret"), "{lines:?}");
}

#[test]
fn who_listens_to_what_is_told() {
    let (server, http) = start(&[]);
    let (page, mut client) = session(&server, &http);
    let mut other = server.connect();
    other.ask("HELLO 3");
    other.ask("SUBSCRIBE news");
    let mut run = Run::of(&page, "SUBSCRIBE news sport");
    run.rows("subscribe", 2);
    let mut patterns = Run::of(&page, "PSUBSCRIBE n*");
    patterns.rows("psubscribe", 1);
    client.ask("PUBLISH news hello");
    let listening = page.get("/api/v1/pubsub").json();
    assert_eq!(
        (
            &listening["channels"],
            &listening["patterns"],
            &listening["subscriptions"]
        ),
        (&json!(2), &json!(1), &json!(4))
    );
    let row = |kind: &str, name: &str, subscribers, messages| json!({"kind": kind, "name": name, "subscribers": subscribers, "messages": messages, "messages_s": null});
    let all = [
        row("channel", "news", 2, 1),
        row("pattern", "n*", 1, 1),
        row("channel", "sport", 1, 0),
    ];
    assert_eq!(listening["names"], json!(all));
    assert_eq!(listening["published_total"], 1);
    let some = page.get("/api/v1/pubsub?match=s*&limit=5").json();
    assert_eq!(
        (&some["names"][0]["name"], &some["matching"]),
        (&json!("sport"), &json!(1))
    );
    assert_eq!(some["names"].as_array().map(Vec::len), Some(1));
    let mut viewer = crate::live::Viewer::open(&page, true);
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": "pubsub"}}));
    assert_eq!(viewer.hear("ok")["id"], 1);
    assert_eq!(viewer.hear("pubsub")["subscriptions"], 4);
    // Once there is a second to count in, each name has a rate of its own.
    let end = Instant::now() + Duration::from_secs(20);
    let rates = loop {
        client.ask("PUBLISH news hello");
        let names = page.get("/api/v1/pubsub").json()["names"].clone();
        let rates: Vec<_> = (0..3).map(|at| names[at]["messages_s"].as_f64()).collect();
        if let [Some(news), Some(pattern), Some(sport)] = rates[..] {
            break [news, pattern, sport];
        }
        assert!(Instant::now() < end, "{names}");
        viewer.hear("pubsub");
    };
    assert!(rates[0] > 0.0 && rates[1] > 0.0, "{rates:?}");
    assert_eq!(rates[2], 0.0);
}
