//! `otlp-endpoint`: a collector gets a span for each request of the API, below the caller's, with what was asked of the engine
//! below it, and neither keys nor values. A collector that is away costs nothing but the spans.

use super::start;
use super::support::Raw;
use super::support::Value::Int;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Takes batches like an OpenTelemetry collector and hands on what they say.
fn collector() -> (u16, Receiver<(String, Value)>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            thread::spawn(move || while take(&stream).is_some_and(|batch| sender.send(batch).is_ok()) {});
        }
    });
    (port, receiver)
}

/// One request of the exporter: its first line and its body.
fn take(stream: &TcpStream) -> Option<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).ok().filter(|&len| len > 0)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|&len| len > 0)?;
        if header == "\r\n" {
            break;
        }
        if let Some(bytes) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = bytes.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    { stream }.write_all(answer).ok()?;
    Some((line, serde_json::from_slice(&body).ok()?))
}

/// All spans that came until the server ended.
fn spans(batches: &Receiver<(String, Value)>) -> Vec<Value> {
    let mut spans = Vec::new();
    while let Ok((line, batch)) = batches.recv_timeout(Duration::from_secs(1)) {
        assert!(line.starts_with("POST /v1/traces "), "{line}");
        for resource in batch["resourceSpans"].as_array().into_iter().flatten() {
            assert!(resource["resource"].to_string().contains("flashdb"), "{resource}");
            for scope in resource["scopeSpans"].as_array().into_iter().flatten() {
                spans.extend(scope["spans"].as_array().into_iter().flatten().cloned());
            }
        }
    }
    spans
}

fn end(server: &mut super::Server) {
    server.connect().request(&["SHUTDOWN", "NOSAVE"]);
    server.await_end();
}

fn attribute<'a>(span: &'a Value, name: &str) -> &'a Value {
    let found = span["attributes"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|attribute| attribute["key"] == name);
    found.map_or(&Value::Null, |attribute| &attribute["value"])
}

#[test]
fn requests_and_what_they_ask_are_told_without_keys() {
    let (port, batches) = collector();
    let endpoint = format!("http://127.0.0.1:{port}/");
    let (mut server, http) = start(&["--otlp-endpoint", &endpoint]);
    server.connect().ask("SET very-secret-key its-value");
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let traced = http.with("traceparent", parent);
    let answer = traced.get("/api/v1/key/?key=very-secret-key");
    assert_eq!(answer.status, 200, "{answer:?}");
    let request_id = answer.header("x-request-id").expect("an id").to_owned();
    assert_eq!(http.get("/api/v1/key/?key=none").status, 404);
    end(&mut server);

    let spans = spans(&batches);
    let text = Value::from(spans.clone()).to_string();
    assert!(
        !text.contains("very-secret-key") && !text.contains("its-value"),
        "{text}"
    );
    assert!(!text.contains("healthz") && !text.contains("readyz"), "{text}");
    let request = spans
        .iter()
        .find(|span| attribute(span, "flashdb.request_id")["stringValue"] == request_id.as_str())
        .unwrap_or_else(|| panic!("no span of the request in {text}"));
    assert_eq!(request["name"], "GET /api/v1/key/");
    assert_eq!(request["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(request["parentSpanId"], "b7ad6b7169203331");
    let below: Vec<&Value> = spans
        .iter()
        .filter(|span| span["parentSpanId"] == request["spanId"])
        .collect();
    assert!(!below.is_empty(), "{text}");
    assert!(below.iter().all(|span| span["traceId"] == request["traceId"]));
    // Each request came over a connection, which has a span of its own and ended before the server.
    let links = request["links"].as_array().expect("a link");
    let connection = spans
        .iter()
        .find(|span| span["spanId"] == links[0]["spanId"])
        .unwrap_or_else(|| panic!("no span of the connection in {text}"));
    assert_eq!(connection["name"], "HTTP connection");
    let carried = &attribute(connection, "flashdb.requests")["intValue"];
    assert!(*carried == "1" || *carried == 1, "{connection}");
    let of_404 = spans.iter().find(|span| {
        let code = &attribute(span, "http.response.status_code")["intValue"];
        *code == "404" || *code == 404
    });
    // Not found is no fault of the server.
    let of_404 = of_404.unwrap_or_else(|| panic!("{text}"));
    assert!(of_404["status"]["code"].as_i64().unwrap_or(0) != 2, "{of_404}");
}

/// What goes on when nobody waits for the answer is part of the request all the same.
#[test]
fn what_a_request_leaves_to_a_task_is_below_it() {
    let (port, batches) = collector();
    let endpoint = format!("http://127.0.0.1:{port}/");
    let (mut server, http) = start(&["--otlp-endpoint", &endpoint]);
    server.connect().ask("SET a 1");
    let file = http.send("POST", "/api/v1/backup", "{}").body;
    let (sent, name) = http.send_backup(&file);
    let path = format!("/api/v1/snapshots/{name}/restore");
    let done = http.send("POST", &path, r#"{"confirm":"restore 1 keys"}"#);
    assert_eq!(done.status, 200, "{done:?}");
    end(&mut server);

    let spans = spans(&batches);
    let below = |answer: &crate::support::http::Answer| -> Vec<&str> {
        let id = answer.header("x-request-id").expect("an id");
        let of = |span: &&Value| attribute(span, "flashdb.request_id")["stringValue"] == id;
        let request = spans.iter().find(of).expect("a span of the request");
        let children = spans
            .iter()
            .filter(|span| span["parentSpanId"] == request["spanId"]);
        children.filter_map(|span| span["name"].as_str()).collect()
    };
    let of_upload = below(&sent);
    assert_eq!(
        of_upload,
        [
            "snapshot.info",
            "snapshot.write",
            "snapshot.write",
            "snapshot.info"
        ]
    );
    assert!(below(&done).contains(&"snapshot.restore"), "{:?}", below(&done));
}

#[test]
fn connections_of_clients_are_told_when_that_is_asked_for() {
    let (port, batches) = collector();
    let endpoint = format!("http://127.0.0.1:{port}");
    let (mut server, http) = start(&["--otlp-endpoint", &endpoint, "--otlp-connections", "yes"]);
    let id_of = |client: &mut Raw| match client.ask("CLIENT ID") {
        Int(id) => id.to_string(),
        other => panic!("{other:?}"),
    };
    let mut gone = server.connect();
    gone.ask("HELLO 3");
    gone.ask("SET very-secret-key its-value");
    let of_gone = id_of(&mut gone);
    drop(gone);
    let mut stays = server.connect();
    let of_stays = id_of(&mut stays);
    // What it asks comes from within, and is in its own spans.
    assert_eq!(http.get("/api/v1/keys").status, 200);
    end(&mut server);
    drop(stays);

    let spans = spans(&batches);
    let text = Value::from(spans.clone()).to_string();
    assert!(
        !text.contains("very-secret-key") && !text.contains("its-value"),
        "{text}"
    );
    let number = |span: &Value, name: &str| {
        let value = &attribute(span, name)["intValue"];
        value.as_str().map_or(value.to_string(), str::to_owned)
    };
    let of = |id: &str| {
        let mut found = spans
            .iter()
            .filter(|span| span["name"] == "RESP connection" && number(span, "flashdb.client_id") == id);
        let first = found.next().unwrap_or_else(|| panic!("no {id} in {text}"));
        assert!(found.next().is_none(), "{id} twice in {text}");
        first
    };
    for (id, version) in [(&of_gone, "3"), (&of_stays, "2")] {
        let span = of(id);
        assert_eq!(
            attribute(span, "network.protocol.version")["stringValue"],
            version,
            "{span}"
        );
        assert_eq!(attribute(span, "client.address")["stringValue"], "127.0.0.1");
        assert_ne!(number(span, "flashdb.received_bytes"), "0", "{span}");
        assert_ne!(number(span, "flashdb.sent_bytes"), "0", "{span}");
        let time = |name: &str| span[name].as_str().and_then(|ns| ns.parse::<u128>().ok());
        assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"), "{span}");
        assert!(time("startTimeUnixNano") > Some(0), "{span}");
    }
    // What the API asks for a request has its address, and is no client.
    let ports = |name: &str| -> Vec<String> {
        let named = spans.iter().filter(|span| span["name"] == name);
        named.map(|span| number(span, "client.port")).collect()
    };
    let (of_http, of_clients) = (ports("HTTP connection"), ports("RESP connection"));
    assert!(!of_http.is_empty(), "{text}");
    assert!(of_http.iter().all(|port| !of_clients.contains(port)), "{text}");
}

#[test]
fn a_share_is_kept_which_no_caller_widens_and_who_is_not_let_in_is_in_none() {
    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const LEFT_OUT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let (port, batches) = collector();
    let endpoint = format!("http://127.0.0.1:{port}/v1/traces");
    let (mut server, http) = start(&["--otlp-endpoint", &endpoint, "--otlp-sample-percent", "0"]);
    http.with("traceparent", SAMPLED).get("/api/v1/stats");
    end(&mut server);
    assert_eq!(spans(&batches), [] as [Value; 0]);

    let (mut server, http) = start(&["--otlp-endpoint", &endpoint]);
    http.with("traceparent", LEFT_OUT).get("/api/v1/stats");
    http.without("Host")
        .with("Host", "evil.example")
        .get("/api/v1/keys");
    http.send("LONGWORD", "/api/v1/keys", "");
    end(&mut server);
    let names: Vec<_> = spans(&batches).iter().map(|span| span["name"].clone()).collect();
    assert_eq!(names, ["_OTHER /api/v1/keys", "HTTP connection"]);
}

#[test]
fn a_collector_that_is_away_is_in_nobodys_way() {
    // Nobody listens there any more.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("a port")
        .port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let (mut server, http) = start(&["--otlp-endpoint", &endpoint]);
    for _ in 0..100 {
        assert_eq!(http.get("/api/v1/session").status, 200);
    }
    end(&mut server);
}
