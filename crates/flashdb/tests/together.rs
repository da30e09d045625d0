//! Requests of many clients that a core loop reads in one turn, before the first of them runs. One client keeps the only loop
//! busy while the others send, so that all of it is there at once; each client must be answered as if it were alone.

mod support;

use std::io::Write;
use std::net::Shutdown;
use support::{Raw, Server, Value, encode};

const ONE_LOOP: [&str; 2] = ["--io-threads", "1"];

/// Has the loop busy for `seconds`, within the time that a script may take without others being told.
fn keep_busy(client: &mut Raw, seconds: f64) {
    let script = format!("local t = os.clock() while os.clock() - t < {seconds} do end return 'over'");
    client.request(&["EVAL", &script, "0"]);
}

/// Sends a part of what a client has to say.
type Act = fn(&mut Raw, usize);

fn whole(client: &mut Raw, number: usize) {
    client.request(&["SET", &format!("key{number}"), &format!("value{number}")]);
}

fn pipeline(client: &mut Raw, number: usize) {
    let key = format!("key{number}");
    let requests = [
        encode(&["SET", &key, "0"]),
        encode(&["INCR", &key]),
        encode(&["GET", &key]),
    ];
    client.send(&requests.concat());
}

fn long(client: &mut Raw, number: usize) {
    let value = vec![b'a' + (number % 20) as u8; 100_000];
    client.request(&[b"SET".as_slice(), format!("key{number}").as_bytes(), &value]);
}

fn first_half(client: &mut Raw, number: usize) {
    let request = encode(&["APPEND", &format!("key{number}"), "0123456789"]);
    client.send(&request[..request.len() / 2]);
}

fn transaction(client: &mut Raw, number: usize) {
    let key = format!("key{number}");
    let requests = [
        encode(&["MULTI"]),
        encode(&["RPUSH", &key, "a", "b"]),
        encode(&["LLEN", &key]),
        encode(&["EXEC"]),
    ];
    client.send(&requests.concat());
}

fn last_words(client: &mut Raw, number: usize) {
    client.request(&["SETNX", &format!("key{number}"), "last"]);
    client.stream.shutdown(Shutdown::Write).expect("half-closed");
}

fn nonsense(client: &mut Raw, _: usize) {
    client.send(b"*1\r\n+what\r\n");
}

const ACTS: [Act; 7] = [
    whole,
    pipeline,
    long,
    first_half,
    transaction,
    last_words,
    nonsense,
];

fn ok() -> Value {
    Value::Simple("OK".into())
}

/// Reads what the act of client `number` is answered, and looks whether the connection goes on as it should.
fn check(client: &mut Raw, number: usize) {
    let key = format!("key{number}");
    match number % ACTS.len() {
        0 => {
            assert_eq!(client.read(), ok());
            assert_eq!(client.ask(&format!("GET {key}")).text(), format!("value{number}"));
        }
        1 => {
            let replies = [client.read(), client.read(), client.read()];
            assert_eq!(replies, [ok(), Value::Int(1), Value::Bulk(b"1".to_vec())]);
        }
        2 => {
            assert_eq!(client.read(), ok());
            assert_eq!(client.ask(&format!("STRLEN {key}")), Value::Int(100_000));
        }
        3 => {
            let request = encode(&["APPEND", &key, "0123456789"]);
            client.send(&request[request.len() / 2..]);
            assert_eq!(client.read(), Value::Int(10));
        }
        4 => {
            assert_eq!(client.read(), ok());
            let queued = Value::Simple("QUEUED".into());
            assert_eq!([client.read(), client.read()], [queued.clone(), queued]);
            assert_eq!(client.read(), Value::Array(vec![Value::Int(2), Value::Int(2)]));
        }
        5 => {
            assert_eq!(client.read(), Value::Int(1));
            assert!(client.is_closed());
        }
        _ => {
            assert!(matches!(client.read(), Value::Error(text) if text.contains("Protocol error")));
            assert!(client.is_closed());
        }
    }
}

#[test]
fn each_is_answered_as_if_it_were_alone() {
    const CLIENTS: usize = 70;
    let server = Server::start(&ONE_LOOP);
    let mut busy = server.connect();
    for round in 0..4 {
        busy.ask("FLUSHALL");
        let mut clients: Vec<Raw> = (0..CLIENTS).map(|_| server.connect()).collect();
        clients
            .iter_mut()
            .for_each(|client| assert_eq!(client.ask("PING").text(), "PONG"));
        keep_busy(&mut busy, 0.2);
        let order = (0..CLIENTS).map(|at| (at * 17 + round * 5) % CLIENTS);
        order.for_each(|number| ACTS[number % ACTS.len()](&mut clients[number], number));
        assert_eq!(busy.read().text(), "over");
        for (number, client) in clients.iter_mut().enumerate() {
            check(client, number);
        }
    }
    busy.await_alone();
}

/// Each in a database of its own, so that a hint for one is not taken for the other's data.
#[test]
fn selected_databases_are_told_apart() {
    let server = Server::start(&ONE_LOOP);
    let mut busy = server.connect();
    let mut clients: Vec<Raw> = (0..16).map(|_| server.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.ask(&format!("SELECT {number}"));
        client.ask(&format!("SET key {number}"));
    }
    for _ in 0..3 {
        keep_busy(&mut busy, 0.1);
        clients
            .iter_mut()
            .for_each(|client| client.request(&["GET", "key"]));
        assert_eq!(busy.read().text(), "over");
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.read().text(), number.to_string());
        }
    }
}

/// Those whose requests were read together with a script that does not end are told so while it runs, and are served
/// once it was killed, each in its order.
#[test]
fn an_endless_script_among_them_keeps_nobody_waiting() {
    let server = Server::start(&ONE_LOOP);
    let (mut busy, mut runner) = (server.connect(), server.connect());
    let mut clients: Vec<Raw> = (0..20).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| {
        client.ask("PING");
    });
    runner.ask("PING");
    // Longer than the loop is kept busy: a setting that changed meanwhile would have the others come back in another turn.
    busy.ask("CONFIG SET busy-reply-threshold 400");
    keep_busy(&mut busy, 0.2);
    runner.request(&["EVAL", "while true do end", "0"]);
    for client in &mut clients {
        client.request(&["SET", "key", "value"]);
    }
    assert_eq!(busy.read().text(), "over");
    for client in &mut clients {
        assert!(matches!(client.read(), Value::Error(text) if text.starts_with("BUSY")));
    }
    assert_eq!(clients[3].ask("SCRIPT KILL"), ok());
    assert!(matches!(runner.read(), Value::Error(text) if text.contains("killed")));
    for client in &mut clients {
        assert_eq!(client.ask("SET key value"), ok());
        assert_eq!(client.ask("GET key").text(), "value");
    }
}

/// A client that another one of the same turn kills gets no part of its session back, nor does the one that takes its place.
#[test]
fn one_that_is_killed_among_them_is_gone() {
    let server = Server::start(&ONE_LOOP);
    let (mut busy, mut killer, mut victim) = (server.connect(), server.connect(), server.connect());
    let Value::Int(id) = victim.ask("CLIENT ID") else {
        panic!("no id");
    };
    killer.ask("PING");
    keep_busy(&mut busy, 0.2);
    killer.request(&["CLIENT", "KILL", "ID", &id.to_string()]);
    let _ = victim.stream.write_all(&encode(&["INCR", "counter"]).repeat(30));
    assert_eq!(busy.read().text(), "over");
    assert_eq!(killer.read(), Value::Int(1));
    while victim.try_read().is_some() {}
    let mut next = server.connect();
    assert_eq!(next.ask("PING").text(), "PONG");
}
