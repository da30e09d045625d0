//! Several core loops at once: transactions that watch, clients that are served or killed while they
//! leave, messages between loops. Each test is a sum that comes out only if nothing was lost.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::{Server, Value, encode};

const LOOPS: [&str; 2] = ["--io-threads", "2"];

#[test]
fn watched_increments_add_up() {
    const CLIENTS: i64 = 6;
    const EACH: i64 = 150;
    let server = Server::start(&LOOPS);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                let mut done = 0;
                while done < EACH {
                    // Every second client counts with INCR: it disturbs the others without EXEC.
                    if number % 2 == 0 {
                        client.ask("INCR sum");
                        done += 1;
                        continue;
                    }
                    client.ask("WATCH sum");
                    let now = match client.ask("GET sum") {
                        Value::Bulk(text) => String::from_utf8(text)
                            .expect("digits")
                            .parse()
                            .expect("a number"),
                        _ => 0_i64,
                    };
                    let mut batch = encode(&["MULTI"]);
                    batch.extend(encode(&["SET", "sum", &(now + 1).to_string()]));
                    batch.extend(encode(&["INCR", "transactions"]));
                    batch.extend(encode(&["EXEC"]));
                    client.send(&batch);
                    for _ in 0..3 {
                        client.read();
                    }
                    if matches!(client.read(), Value::Array(_)) {
                        done += 1;
                    }
                }
            });
        }
    });
    let mut client = server.connect();
    assert_eq!(client.ask("GET sum").text(), (CLIENTS * EACH).to_string());
    assert_eq!(
        client.ask("GET transactions").text(),
        (CLIENTS / 2 * EACH).to_string()
    );
}

#[test]
fn nothing_is_popped_twice_or_lost() {
    const CONSUMERS: usize = 4;
    const ELEMENTS: usize = 2000;
    let server = Server::start(&LOOPS);
    let mut taken: Vec<usize> = std::thread::scope(|scope| {
        let consumers: Vec<_> = (0..CONSUMERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = server.connect();
                    let mut taken = Vec::new();
                    loop {
                        let reply = client.ask("BLPOP a b c 0");
                        let text = reply.items()[1].text();
                        if text == "end" {
                            return taken;
                        }
                        taken.push(text.parse::<usize>().expect("a number"));
                    }
                })
            })
            .collect();
        let producers: Vec<_> = (0..2)
            .map(|half| {
                let server = &server;
                scope.spawn(move || {
                    let mut client = server.connect();
                    for number in (half..ELEMENTS).step_by(2) {
                        client.ask(&format!("RPUSH {} {number}", ["a", "b", "c"][number % 3]));
                    }
                })
            })
            .collect();
        producers
            .into_iter()
            .for_each(|thread| thread.join().expect("producer"));
        let mut client = server.connect();
        // Behind everything that is still queued: "c" is looked at last.
        for _ in 0..CONSUMERS {
            client.ask("RPUSH c end");
        }
        consumers
            .into_iter()
            .flat_map(|thread| thread.join().expect("consumer"))
            .collect()
    });
    taken.sort_unstable();
    assert_eq!(taken, (0..ELEMENTS).collect::<Vec<_>>());
    assert_eq!(server.info("blocked_clients"), 0);
}

#[test]
fn waiting_clients_that_vanish_leave_the_server_well() {
    let server = Server::start(&LOOPS);
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 0..300 {
                    let mut client = server.connect();
                    let requests = [
                        "BLPOP q 0",
                        "BLMOVE q r LEFT RIGHT 0",
                        "BLMPOP 0.01 2 q r LEFT",
                        "BZPOPMIN z 0",
                        "XREAD BLOCK 0 STREAMS s $",
                        "SUBSCRIBE c d",
                        "WATCH q r z",
                        "MONITOR",
                    ];
                    let words: Vec<&str> = requests[round % requests.len()].split(' ').collect();
                    client.request(&words);
                }
            });
        }
        scope.spawn(|| {
            let mut client = server.connect();
            while !end.load(Ordering::Relaxed) {
                for line in [
                    "RPUSH q 1",
                    "ZADD z 1 a",
                    "XADD s MAXLEN 10 * f v",
                    "PUBLISH c m",
                    "DEL r",
                    "SWAPDB 0 1",
                    "SWAPDB 0 1",
                ] {
                    client.ask(line);
                }
            }
        });
        scope.spawn(|| {
            let mut client = server.connect();
            let Value::Int(own) = client.ask("CLIENT ID") else {
                panic!("an id")
            };
            for round in 0..600 {
                let list = client.ask("CLIENT LIST TYPE normal").text();
                for line in list.lines().filter(|line| line.contains("flags=b")) {
                    let id = line[3..].split(' ').next().expect("an id");
                    let how = ["CLIENT UNBLOCK", "CLIENT KILL ID"][round % 2];
                    if id != own.to_string() {
                        client.ask(&format!("{how} {id}"));
                    }
                }
            }
            end.store(true, Ordering::Relaxed);
        });
    });
    server.await_info("connected_clients", 1);
    for field in [
        "blocked_clients",
        "watching_clients",
        "pubsub_channels",
        "total_blocking_keys",
    ] {
        assert_eq!(server.info(field), 0, "{field}");
    }
}

#[test]
fn every_subscriber_gets_every_message_in_order() {
    const MESSAGES: usize = 500;
    let server = Server::start(&LOOPS);
    let subscribers: Vec<_> = (0..6)
        .map(|number| {
            let mut client = server.connect();
            if number % 2 == 0 {
                client.ask("HELLO 3");
            }
            client.ask("SUBSCRIBE channel");
            client
        })
        .collect();
    std::thread::scope(|scope| {
        for publisher in 0..2 {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for number in 0..MESSAGES {
                    let reply = client.ask(&format!("PUBLISH channel {publisher}:{number}"));
                    assert_eq!(reply, Value::Int(6));
                }
            });
        }
        for mut subscriber in subscribers {
            scope.spawn(move || {
                let mut next = [0; 2];
                for _ in 0..2 * MESSAGES {
                    let message = subscriber.read();
                    let text = message.items()[2].text();
                    let (publisher, number) = text.split_once(':').expect("two numbers");
                    let publisher: usize = publisher.parse().expect("a number");
                    assert_eq!(number, next[publisher].to_string());
                    next[publisher] += 1;
                }
            });
        }
    });
}

/// A message under way to a loop must not come behind the confirmation that its subscription has ended: clients take it
/// for the reply to their next command.
#[test]
fn no_message_comes_after_the_end_of_its_subscription() {
    const ROUNDS: usize = 300;
    let server = Server::start(&LOOPS);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = server.connect();
                while !done.load(Ordering::Relaxed) {
                    client.ask("PUBLISH channel message");
                }
            });
        }
        // On whatever loops they are, at least one publisher is on another.
        for mut client in [server.connect(), server.connect()] {
            for round in 0..ROUNDS {
                let (begin, end, name) = match round % 2 {
                    0 => ("SUBSCRIBE", "UNSUBSCRIBE", "channel"),
                    _ => ("PSUBSCRIBE", "PUNSUBSCRIBE", "chan*"),
                };
                client.ask(&format!("{begin} {name}"));
                client.request(&[end, name]);
                while client.read().items()[0].text() != end.to_lowercase() {}
                assert_eq!(client.ask("PING"), Value::Simple("PONG".into()), "round {round}");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn clients_killed_across_loops_are_gone() {
    let server = Server::start(&LOOPS);
    let mut clients: Vec<_> = (0..20).map(|_| server.connect()).collect();
    let ids: Vec<Value> = clients.iter_mut().map(|client| client.ask("CLIENT ID")).collect();
    let mut killer = clients.pop().expect("a client");
    for id in &ids[..19] {
        let Value::Int(id) = id else { panic!("an id") };
        assert_eq!(killer.ask(&format!("CLIENT KILL ID {id}")), Value::Int(1));
    }
    for client in &mut clients {
        client
            .stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a time limit");
        assert!(client.is_closed());
    }
    server.await_info("connected_clients", 2);
}
