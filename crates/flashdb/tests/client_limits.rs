//! What clients may take: memory for their requests and replies, one by one and together.

mod support;

use std::io::Write;
use support::{Raw, Server, Value, encode};

fn named(server: &Server, name: &str) -> Raw {
    let mut client = server.connect();
    assert_eq!(client.ask(&format!("CLIENT SETNAME {name}")).text(), "OK");
    client
}

fn is_listed(client: &mut Raw, name: &str) -> bool {
    client
        .ask("CLIENT LIST")
        .text()
        .contains(&format!(" name={name} "))
}

/// Sends a request of which the last bytes are missing.
fn send_part(client: &mut Raw, bytes: usize) {
    let head = format!("*2\r\n$4\r\nECHO\r\n${}\r\n", bytes + 1);
    // A client that is dropped meanwhile cannot send all of it.
    let _ = client
        .stream
        .write_all(&[head.as_bytes(), &vec![b'x'; bytes]].concat());
}

#[test]
fn the_largest_clients_go_when_all_together_take_too_much() {
    let server = Server::start(&["--io-threads", "2"]);
    let mut control = named(&server, "control");
    control.ask("CLIENT NO-EVICT ON");
    let mut small = named(&server, "small");
    let mut large = named(&server, "large");
    let mut kept = named(&server, "kept");
    kept.ask("CLIENT NO-EVICT ON");
    send_part(&mut small, 100_000);
    send_part(&mut large, 1_000_000);
    send_part(&mut kept, 1_500_000);
    for (name, bytes) in [("small", 100_000), ("large", 1_000_000), ("kept", 1_500_000)] {
        while !control
            .ask("CLIENT LIST")
            .text()
            .lines()
            .any(|line| line.contains(&format!(" name={name} ")) && line.contains(&format!(" qbuf={bytes} ")))
        {
            std::thread::yield_now();
        }
    }
    control.ask("CONFIG SET maxmemory-clients 2000000");
    assert!(
        !is_listed(&mut control, "large"),
        "gone by the time of the answer"
    );
    assert!(is_listed(&mut control, "small") && is_listed(&mut control, "kept"));
    assert!(large.is_closed());
    assert_eq!(control.info("evicted_clients"), 1);
    // Not only when the limit is set: also as soon as a client has grown over it.
    let mut another = named(&server, "another");
    send_part(&mut another, 1_000_000);
    assert!(another.is_closed());
    assert!(is_listed(&mut control, "small"));
}

#[test]
fn a_client_over_the_hard_limit_gets_nothing_of_it() {
    let server = Server::start(&[
        "--io-threads",
        "1",
        "--client-output-buffer-limit",
        "normal 100000 0 0",
    ]);
    let mut client = server.connect();
    client.request(&["SET", "large", &"x".repeat(60_000)]);
    client.read();
    assert_eq!(client.ask("GET large").text().len(), 60_000);
    let one = encode(&["GET", "large"]);
    client.send(&[&one[..], &one].concat());
    assert!(client.is_closed());
    // A reply that would never end ends there, too.
    let mut client = server.connect();
    client.ask("SADD set a");
    client.request(&["SRANDMEMBER", "set", "-999999999"]);
    assert!(client.is_closed());
    assert_eq!(server.info("client_output_buffer_limit_disconnections"), 2);
}

#[test]
fn a_stranger_may_let_little_output_pile_up() {
    let server = Server::start(&["--requirepass", "secret"]);
    let mut stranger = server.connect();
    let refused = encode(&["SET", "x", "5"]);
    stranger.send(&refused.repeat(100));
    for _ in 0..100 {
        assert!(matches!(stranger.read(), Value::Error(text) if text.starts_with("NOAUTH")));
    }
    // More in one go than the limit has room for.
    let _ = stranger.stream.write_all(&refused.repeat(1_000));
    while stranger.try_read().is_some() {}
    assert!(stranger.is_closed());
}

#[test]
fn renamed_commands_are_found_by_their_new_name_only() {
    let server = Server::start(&[
        "--rename-command",
        "GET",
        "fetch",
        "--rename-command",
        "FLUSHALL",
        "",
    ]);
    let mut client = server.connect();
    client.ask("SET k v");
    for _ in 0..2 {
        assert_eq!(client.ask("fetch k").text(), "v");
        assert!(client.ask("get k").text().starts_with("ERR unknown command"));
    }
    assert!(client.ask("FLUSHALL").text().starts_with("ERR unknown command"));
    assert_eq!(client.ask("GET"), client.ask("GET"));
}

/// A request of about a kibibyte: the same command, and spaces.
fn padded(command: &str) -> String {
    format!("{command:<1022}\r\n")
}

#[test]
fn a_client_that_never_reads_is_dropped_before_it_takes_much() {
    let server = Server::start(&["--io-threads", "1"]);
    let mut control = server.connect();
    control.request(&["SET", "large", &"x".repeat(1_000_000)]);
    control.read();
    let before = server.resident_bytes();
    let mut client = server.connect();
    let requests = padded("GET large").repeat(1024);
    let sent = (0..2048).take_while(|_| client.stream.write_all(requests.as_bytes()).is_ok());
    assert!(sent.count() < 1024, "it may send a gibibyte");
    control.await_alone();
    assert_eq!(control.info("client_output_buffer_limit_disconnections"), 1);
    let grown = server.resident_peak_bytes() - before;
    assert!(grown < 640 << 20, "{grown} bytes");
}

#[test]
fn a_client_may_send_all_its_requests_before_it_reads() {
    let server = Server::start(&["--io-threads", "1"]);
    let mut client = server.connect();
    let value = "v".repeat(3000);
    client.request(&["SET", "value", &value]);
    client.read();
    const PAIRS: i64 = 50_000;
    let pair = padded("INCR number") + &padded("GET value");
    client.send(pair.repeat(PAIRS as usize).as_bytes());
    for number in 1..=PAIRS {
        assert_eq!(client.read(), Value::Int(number));
        assert_eq!(client.read().text(), value);
    }
}
