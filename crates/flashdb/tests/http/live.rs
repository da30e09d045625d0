//! The WebSocket over real sockets: who may watch, what comes, and how it ends.

use crate::start;
use crate::support::http::Http;
use serde_json::{Value, json};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Request;
use tungstenite::{Message, WebSocket};

const LIMIT: Duration = Duration::from_secs(20);

pub struct Viewer(WebSocket<TcpStream>);

fn request(http: &Http, ours: bool) -> Request {
    let url = format!("ws://127.0.0.1:{}/ws", http.port);
    let mut request = url.into_client_request().expect("a request");
    for (name, value) in &http.headers {
        let name = name.parse::<tungstenite::http::HeaderName>().expect("a name");
        request
            .headers_mut()
            .insert(name, value.parse().expect("a value"));
    }
    if ours {
        let protocol = "flashdb.v1".parse().expect("a value");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
    }
    request
}

/// The status of a refused upgrade.
fn refusal(http: &Http, ours: bool) -> u16 {
    match tungstenite::client(request(http, ours), http.connect()) {
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
            response.status().as_u16()
        }
        other => panic!("{:?}", other.map(|_| "an upgrade")),
    }
}

impl Viewer {
    pub fn open(http: &Http, ours: bool) -> Self {
        let (socket, _) = tungstenite::client(request(http, ours), http.connect()).expect("an upgrade");
        Viewer(socket)
    }

    pub fn say(&mut self, message: Value) {
        self.0
            .send(Message::text(message.to_string()))
            .expect("it is read");
    }

    /// The next message.
    pub fn hear_any(&mut self) -> Value {
        let end = Instant::now() + LIMIT;
        loop {
            // Pings come all the time.
            assert!(Instant::now() < end, "nothing is said");
            if let Message::Text(text) = self.0.read().expect("a message") {
                return serde_json::from_str(text.as_str()).expect("JSON");
            }
        }
    }

    /// The next message of this type.
    pub fn hear(&mut self, kind: &str) -> Value {
        let end = Instant::now() + LIMIT;
        loop {
            assert!(Instant::now() < end, "no {kind}");
            let message = self.hear_any();
            if message["type"] == kind {
                return message["data"].clone();
            }
        }
    }

    /// The connection breaks, without a word.
    pub fn break_off(self) {
        let _ = self.0.get_ref().shutdown(std::net::Shutdown::Both);
    }

    /// The page is left.
    pub fn leave(mut self) {
        let _ = self.0.close(None);
        let _ = self.0.flush();
        while self.0.read().is_ok() {}
    }

    pub fn close_code(&mut self) -> u16 {
        loop {
            match self.0.read() {
                Ok(Message::Close(Some(frame))) => return frame.code.into(),
                Ok(Message::Close(None)) => return 0,
                Ok(_) => {}
                Err(error) => panic!("no close code: {error}"),
            }
        }
    }
}

#[test]
fn figures_come_to_whoever_subscribes() {
    let (server, http) = start(&[]);
    let (page, _) = http.log_in("{}");
    server.connect().ask("SET a 1");
    let mut viewer = Viewer::open(&page, true);
    viewer.say(json!({"type": "hello", "data": {"proto": 1, "client": "test"}}));
    let welcome = viewer.hear("welcome");
    assert_eq!(
        (&welcome["resumed"], &welcome["server"]["state"]),
        (&json!(false), &json!("ready"))
    );
    viewer.say(json!({"type": "sub", "data": {"id": 7, "topic": "stats"}}));
    assert_eq!(viewer.hear("ok"), json!({"id": 7}));
    let times: Vec<i64> = (0..3)
        .filter_map(|_| viewer.hear("stats")["t"].as_i64())
        .collect();
    assert!(times.is_sorted() && times[2] > times[0], "{times:?}");
    assert_eq!(viewer.hear("stats")["keys"], 1);
    viewer.say(json!({"type": "ping", "data": {"n": 3}}));
    assert_eq!(viewer.hear("pong")["n"], 3);
    viewer.say(json!({"type": "sub", "data": {"id": 8, "topic": "nothing"}}));
    assert_eq!(viewer.hear("error")["code"], "NO_TOPIC");
    viewer.say(json!({"type": "dance"}));
    assert_eq!(viewer.hear("error")["code"], "NO_TYPE");
    viewer.say(json!({"type": "unsub", "data": {"id": 9, "topic": "stats"}}));
    assert_eq!(viewer.hear("ok")["id"], 9);

    let unlocked = page.send("POST", "/api/v1/session/unlock", "{}");
    assert_eq!(unlocked.status, 200);
    assert_eq!(viewer.hear("session")["state"], "unlocked");
}

#[test]
fn a_simple_client_gets_the_plain_figures() {
    let (_server, http) = start(&[]);
    let mut viewer = Viewer::open(&http, false);
    assert_eq!(names_of(&viewer.hear("stats")), ["keys", "mem", "ops"]);
}

fn names_of(message: &Value) -> Vec<&String> {
    let mut names: Vec<&String> = message.as_object().expect("an object").keys().collect();
    names.sort();
    names
}

#[test]
fn a_simple_client_is_shown_commands_and_changes_without_batches() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let mut viewer = Viewer::open(&http, false);
    // The tree is counted because somebody looks at it, not for who listens.
    for n in 0..4 {
        client.ask(&format!("SET cart:{n} 1"));
    }
    http.get("/api/v1/tree?wait=5000");
    let (mut command, mut change) = (None, None);
    let end = Instant::now() + LIMIT;
    for n in 0.. {
        assert!(Instant::now() < end, "{command:?} {change:?}");
        client.ask(&format!("SET cart:new{n} 1"));
        let message = viewer.hear_any();
        let data = message["data"].clone();
        match message["type"].as_str().expect("a type") {
            "command"
                if data["key"]
                    .as_str()
                    .is_some_and(|key| key.starts_with("cart:new")) =>
            {
                command = Some(data)
            }
            "keyspace" if data["prefix"] == "cart:" && data["created"].is_u64() => change = Some(data),
            "stats" | "command" | "keyspace" | "alert" => {}
            other => panic!("{other}"),
        }
        if command.is_some() && change.is_some() {
            break;
        }
    }
    let (command, change) = (command.expect("one"), change.expect("one"));
    assert_eq!(names_of(&command), ["cmd", "key", "latency_us"]);
    assert_eq!(command["cmd"], "SET");
    assert!(
        change["created"].as_u64() > Some(0) && change["deleted"] == 0,
        "{change}"
    );
    assert_eq!(change["expired"], json!(null));
    // Whoever speaks the protocol is shown what they ask for, and no more.
    viewer.say(json!({"type": "hello"}));
    viewer.hear("welcome");
    viewer.say(json!({"type": "sub", "data": {"id": 1, "topic": "stats"}}));
    viewer.hear("ok");
    for _ in 0..2 {
        client.ask("SET cart:x 1");
        assert_eq!(viewer.hear_any()["type"], "stats");
    }
}

#[test]
fn strangers_and_foreign_pages_are_refused() {
    let (_server, http) = start(&["--requirepass", "secret"]);
    assert_eq!(refusal(&http, false), 401);
    assert_eq!(Viewer::open(&http.as_page(), true).close_code(), 4401);
    let (page, _) = http.log_in(r#"{"password":"secret"}"#);
    for foreign in [
        page.with("Origin", "http://evil.example"),
        page.with("Sec-Fetch-Site", "cross-site"),
        page.with("Sec-Fetch-Site", "none"),
    ] {
        assert_eq!(refusal(&foreign, true), 403);
    }
    assert_eq!(http.get("/ws").code(), "BAD_REQUEST");
}

#[test]
fn what_is_not_the_protocol_ends_the_connection() {
    let (_server, http) = start(&[]);
    for message in [Message::text("x"), Message::binary(vec![1])] {
        let mut viewer = Viewer::open(&http, true);
        viewer.0.send(message).expect("it is read");
        assert_eq!(viewer.close_code(), 4409);
    }
    // Nobody knows what another version would mean.
    let mut viewer = Viewer::open(&http, true);
    viewer.say(json!({"type": "hello", "data": {"proto": 2}}));
    assert_eq!(viewer.close_code(), 4409);
    let mut viewer = Viewer::open(&http, true);
    for _ in 0..60 {
        // It may be closed before all are sent.
        let _ = viewer.0.send(Message::text(r#"{"type":"ack"}"#));
    }
    assert_eq!(viewer.close_code(), 4409);
}

#[test]
fn a_user_watches_eight_times_and_no_more() {
    let (_server, http) = start(&[]);
    let mut viewers: Vec<Viewer> = (0..8).map(|_| Viewer::open(&http, true)).collect();
    for viewer in &mut viewers {
        viewer.say(json!({"type": "hello"}));
        viewer.hear("welcome");
    }
    assert_eq!(Viewer::open(&http, true).close_code(), 4429);
    // A place that is given back is free at once, or nearly so.
    drop(viewers.pop());
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let mut next = Viewer::open(&http, true);
        // Where there is no place it may be closed before this is sent.
        let _ = next.0.send(Message::text(r#"{"type":"hello"}"#));
        match next.0.read() {
            Ok(Message::Text(text)) => break assert!(text.contains("welcome"), "{text}"),
            _ => assert!(Instant::now() < end, "no place"),
        }
    }
}

#[test]
fn rights_and_sessions_are_followed() {
    let (server, http) = start(&["--requirepass", "secret"]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +@all -info");
    let (page, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    let mut viewer = Viewer::open(&page, true);
    let subscribe = json!({"type": "sub", "data": {"id": 1, "topic": "stats"}});
    viewer.say(subscribe.clone());
    assert_eq!(viewer.hear("error")["needs"], "+info");
    admin.ask("ACL SETUSER ada +info");
    assert_eq!(viewer.hear("session")["state"], "rights");
    viewer.say(subscribe);
    assert!(viewer.hear("stats")["keys"].is_number());
    admin.ask("ACL DELUSER ada");
    assert_eq!(viewer.close_code(), 4401);
}

#[test]
fn each_topic_has_its_own_right() {
    let (server, http) = start(&["--requirepass", "secret"]);
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("ACL SETUSER ada on >pass ~* +@all");
    let (page, _) = http.log_in(r#"{"user":"ada","password":"pass"}"#);
    let mut viewer = Viewer::open(&page, true);
    for (id, topic) in ["stats", "job"].into_iter().enumerate() {
        viewer.say(json!({"type": "sub", "data": {"id": id, "topic": topic}}));
        assert_eq!(viewer.hear("ok")["id"], id);
    }
    assert!(viewer.hear("stats")["keys"].is_number());
    admin.ask("ACL SETUSER ada -info");
    let error = viewer.hear("error");
    assert_eq!(
        (&error["topic"], &error["needs"]),
        (&json!("stats"), &json!("+info"))
    );
    assert_eq!(viewer.hear("error")["topic"], "job");
    // Subscriptions outlast the loss of a right.
    admin.ask("ACL SETUSER ada +info");
    assert!(viewer.hear("stats")["keys"].is_number());
    viewer.say(json!({"type": "sub", "data": {"id": 9, "topic": 7}}));
    assert_eq!(viewer.hear("error")["code"], "NO_TOPIC");
}

#[test]
fn what_a_subscription_wishes_is_done_or_refused() {
    let (_server, http) = start(&[]);
    let mut viewer = Viewer::open(&http, true);
    let mut sub = |data: Value| {
        viewer.say(json!({"type": "sub", "data": data}));
        loop {
            let message = viewer.hear_any();
            if message["type"] == "ok" || message["type"] == "error" {
                break message["data"].clone();
            }
        }
    };
    for wish in [
        json!({"id": 1, "topic": "stats", "filter": {"ns": "acme"}}),
        json!({"id": 1, "topic": "stats", "hz": 0}),
        json!({"id": 1, "topic": "stats", "hz": "1"}),
        json!({"id": 1, "topic": "command", "hz": 1}),
    ] {
        assert_eq!(sub(wish.clone())["code"], "BAD_SUB", "{wish}");
    }
    assert_eq!(
        sub(json!({"id": 2, "topic": "stats", "hz": 4})),
        json!({"id": 2, "hz": 1.0})
    );
    assert_eq!(
        sub(json!({"id": 3, "topic": "stats", "hz": 0.4})),
        json!({"id": 3, "hz": 0.4})
    );
    let t = |viewer: &mut Viewer| viewer.hear("stats")["t"].as_i64().expect("a time");
    t(&mut viewer);
    let (first, second) = (t(&mut viewer), t(&mut viewer));
    assert!(second - first >= 2000, "{first} {second}");
}

#[test]
fn the_end_of_the_server_is_announced() {
    let (server, http) = start(&[]);
    let mut viewer = Viewer::open(&http, true);
    viewer.say(json!({"type": "hello"}));
    viewer.hear("welcome");
    server.connect().send(b"SHUTDOWN NOSAVE\r\n");
    assert_eq!(viewer.hear("bye")["reason"], "shutdown");
    assert_eq!(viewer.close_code(), 1001);
}
