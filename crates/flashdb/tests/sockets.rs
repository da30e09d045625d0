//! Clients that behave badly at the socket: pipelines whose replies nobody takes, halves of
//! connections, too many connections, requests in pieces, garbage. Other clients must not notice.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{Raw, Server, Value, encode};

const MIB: usize = 1024 * 1024;

/// A line of CLIENT LIST of the client `id`, as its field `name`.
fn client_field(server: &Server, id: i64, name: &str) -> u64 {
    let list = server.connect().ask("CLIENT LIST").text();
    let line = list
        .lines()
        .find(|line| line.starts_with(&format!("id={id} ")))
        .expect("the client");
    let prefix = format!("{name}=");
    let value = line.split(' ').find_map(|field| field.strip_prefix(&prefix));
    value.expect("the field").parse().expect("a number")
}

fn id_of(client: &mut Raw) -> i64 {
    match client.ask("CLIENT ID") {
        Value::Int(id) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn pipelined_replies_that_nobody_takes_do_not_pile_up() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.request(&[b"SET".as_slice(), b"big", &vec![b'x'; 4 * MIB]]);
    assert_eq!(client.read(), Value::Simple("OK".into()));
    let id = id_of(&mut client);
    const REQUESTS: usize = 500;
    client.send(&encode(&["GET", "big"]).repeat(REQUESTS));
    // Other clients are served, and see a bounded buffer instead of 2 GB.
    let mut other = server.connect();
    for _ in 0..20 {
        assert_eq!(other.ask("STRLEN big"), Value::Int(4 * MIB as i64));
        let pending = client_field(&server, id, "omem") + client_field(&server, id, "obl");
        assert!(pending < 32 * MIB as u64, "{pending} bytes of output");
    }
    assert!(server.resident_bytes() < 200 * MIB as u64);
    // All replies come once they are read, also to a client that has ended its sending half.
    client.stream.shutdown(Shutdown::Write).expect("half-closed");
    for _ in 0..REQUESTS {
        assert!(matches!(client.read(), Value::Bulk(bytes) if bytes.len() == 4 * MIB));
    }
    assert!(client.is_closed());
}

#[test]
fn all_requests_may_be_sent_before_the_first_reply_is_read() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.request(&[b"SET".as_slice(), b"k", &vec![b'x'; 16 * 1024]]);
    client.read();
    const REQUESTS: usize = 20_000;
    client.send(&encode(&["GET", "k"]).repeat(REQUESTS));
    for _ in 0..REQUESTS {
        assert!(matches!(client.read(), Value::Bulk(bytes) if bytes.len() == 16 * 1024));
    }
    assert_eq!(client.ask("PING"), Value::Simple("PONG".into()));
}

#[test]
fn a_setting_holds_for_what_comes_behind_it_in_a_pipeline() {
    let server = Server::start(&["--slowlog-log-slower-than", "-1"]);
    let mut client = server.connect();
    let pipeline = [
        encode(&["GET", "before"]),
        encode(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]),
        encode(&["SET", "logged", "1"]),
        encode(&["GET", "logged"]),
        encode(&["CONFIG", "SET", "slowlog-log-slower-than", "-1"]),
        encode(&["GET", "after"]),
        // Half a request waits meanwhile.
        b"*2\r\n$3\r\nGET".to_vec(),
    ];
    client.send(&pipeline.concat());
    let replies: Vec<Value> = (0..6).map(|_| client.read()).collect();
    assert_eq!(
        (&replies[0], &replies[3]),
        (&Value::Null, &Value::Bulk(b"1".to_vec()))
    );
    client.send(b"\r\n$6\r\nlogged\r\n");
    assert_eq!(client.read(), Value::Bulk(b"1".to_vec()));
    let Value::Array(entries) = client.ask("SLOWLOG GET 10") else {
        panic!("the slow log is a list");
    };
    let words = |entry: &Value| match entry {
        Value::Array(fields) => fields[3].clone(),
        other => panic!("{other:?}"),
    };
    let bulk = |word: &str| Value::Bulk(word.as_bytes().to_vec());
    let logged: Vec<Value> = entries.iter().map(words).collect();
    assert_eq!(logged.len(), 3, "{logged:?}");
    assert_eq!(logged[0], Value::Array(vec![bulk("GET"), bulk("logged")]));
    assert_eq!(
        logged[1],
        Value::Array(vec![bulk("SET"), bulk("logged"), bulk("1")])
    );
}

#[test]
fn the_output_limit_holds_within_one_pipeline() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 8mb 0 0"]);
    let mut client = server.connect();
    client.request(&[b"SET".as_slice(), b"big", &vec![b'x'; 6 * MIB]]);
    client.read();
    client.send(&encode(&["LRANGE", "list", "0", "-1"]));
    client.read();
    let mut batch = encode(&["MULTI"]);
    batch.extend(encode(&["GET", "big"]).repeat(40));
    batch.extend(encode(&["EXEC"]));
    client.send(&batch);
    server.await_info("client_output_buffer_limit_disconnections", 1);
    let mut rest = Vec::new();
    // Ends, with an end of file or a reset.
    let _how = client.stream.read_to_end(&mut rest);
    assert!(rest.len() < 240 * MIB);
}

#[test]
fn replies_of_one_exec_stop_at_the_limit_while_its_commands_go_on() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 8mb 0 0"]);
    let mut client = server.connect();
    client.request(&[b"SET".as_slice(), b"big", &vec![b'x'; MIB]]);
    assert_eq!(client.read(), Value::Simple("OK".into()));
    let before = server.resident_peak_bytes();
    let mut batch = encode(&["MULTI"]);
    batch.extend(encode(&["GET", "big"]).repeat(400));
    batch.extend(encode(&["INCR", "ran"]));
    batch.extend(encode(&["EXEC"]));
    batch.extend(encode(&["INCR", "behind"]));
    client.send(&batch);
    server.await_info("client_output_buffer_limit_disconnections", 1);
    server.await_info("connected_clients", 1);
    let mut other = server.connect();
    assert_eq!(other.ask("GET ran"), Value::Bulk(b"1".to_vec()));
    assert_eq!(other.ask("GET behind"), Value::Null);
    let grown = server.resident_peak_bytes() - before;
    assert!(grown < 64 * MIB as u64, "{grown} bytes for replies nobody gets");
    // The MULTI and the queueing may have been answered, EXEC was not.
    while let Some(reply) = client.try_read() {
        assert!(matches!(reply, Value::Simple(_)), "{reply:?}");
    }
}

#[test]
fn an_exec_without_replies_has_no_limit() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 8mb 0 0"]);
    let mut client = server.connect();
    client.request(&[b"SET".as_slice(), b"big", &vec![b'x'; MIB]]);
    assert_eq!(client.read(), Value::Simple("OK".into()));
    let before = server.resident_peak_bytes();
    let mut batch = encode(&["CLIENT", "REPLY", "OFF"]);
    batch.extend(encode(&["MULTI"]));
    batch.extend(encode(&["GET", "big"]).repeat(400));
    batch.extend(encode(&["INCR", "ran"]));
    batch.extend(encode(&["EXEC"]));
    batch.extend(encode(&["CLIENT", "REPLY", "ON"]));
    client.send(&batch);
    assert_eq!(client.read(), Value::Simple("OK".into()));
    assert_eq!(client.ask("GET ran"), Value::Bulk(b"1".to_vec()));
    assert!(server.resident_peak_bytes() - before < 64 * MIB as u64);
    assert_eq!(server.info("client_output_buffer_limit_disconnections"), 0);
}

#[test]
fn a_subscriber_that_takes_nothing_is_dropped_after_the_time_of_the_soft_limit() {
    let server = Server::start(&["--client-output-buffer-limit", "pubsub 0 1mb 1"]);
    let mut subscriber = server.connect();
    subscriber.request(&["SUBSCRIBE", "channel"]);
    subscriber.read();
    let mut publisher = server.connect();
    // More than the buffers of two sockets hold.
    for _ in 0..32 {
        publisher.request(&[b"PUBLISH".as_slice(), b"channel", &vec![b'x'; MIB]]);
        assert_eq!(publisher.read(), Value::Int(1));
    }
    server.await_info("client_output_buffer_limit_disconnections", 1);
    server.await_info("pubsub_channels", 0);
    assert_eq!(publisher.ask("PUBLISH channel x"), Value::Int(0));
}

/// An address of this machine that is not of the loopback interface. Asking for the way to somewhere sends
/// nothing.
fn outer_address() -> Option<IpAddr> {
    [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")]
        .into_iter()
        .find_map(|(from, to)| {
            let socket = UdpSocket::bind(from).ok()?;
            socket.connect(to).ok()?;
            Some(socket.local_addr().ok()?.ip())
        })
        .filter(|address| !address.is_loopback())
}

#[test]
fn without_a_password_other_machines_are_refused() {
    // On a machine without any network nobody can be remote; what counts as remote is tested in `flashdb-io`.
    let Some(address) = outer_address() else { return };
    let server = Server::start(&["--bind", "127.0.0.1", &address.to_string()]);
    let mut refused = server.connect_to(address);
    assert!(
        refused
            .read()
            .text()
            .starts_with("DENIED FlashDB is running in protected mode")
    );
    assert!(refused.is_closed());
    assert_eq!(server.info("rejected_connections"), 1);

    let mut local = server.connect();
    assert_eq!(
        local.ask("CONFIG SET requirepass secret"),
        Value::Simple("OK".into())
    );
    let mut stranger = server.connect_to(address);
    assert!(stranger.ask("PING").text().starts_with("NOAUTH"));
    assert_eq!(stranger.ask("AUTH secret"), Value::Simple("OK".into()));

    local.request(&["CONFIG", "SET", "requirepass", "", "protected-mode", "no"]);
    assert_eq!(local.read(), Value::Simple("OK".into()));
    assert_eq!(
        server.connect_to(address).ask("PING"),
        Value::Simple("PONG".into())
    );
    local.request(&["CONFIG", "SET", "protected-mode", "yes"]);
    assert_eq!(local.read(), Value::Simple("OK".into()));
    assert!(server.connect_to(address).read().text().starts_with("DENIED"));
}

#[test]
fn a_client_that_has_quit_is_not_heard_any_more() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    client.request(&[b"SET".as_slice(), b"big", &vec![b'x'; 16 * MIB]]);
    client.read();
    // The reply does not fit the socket, so that the connection stays open after QUIT.
    let mut bytes = encode(&["GET", "big"]);
    bytes.extend(encode(&["QUIT"]));
    bytes.extend(encode(&["SET", "late", "1"]));
    client.send(&bytes);
    let mut other = server.connect();
    other.ask("PING");
    client.request(&["SET", "later", "1"]);
    for _ in 0..10 {
        assert_eq!(other.ask("EXISTS late later"), Value::Int(0));
    }
    assert!(matches!(client.read(), Value::Bulk(_)));
    assert_eq!(client.read(), Value::Simple("OK".into()));
    assert_eq!(other.ask("EXISTS late later"), Value::Int(0));
}

#[test]
fn accepting_goes_on_after_running_out_of_files() {
    let server = Server::start(&[]);
    let mut first = server.connect();
    assert_eq!(first.ask("PING"), Value::Simple("PONG".into()));
    let limit = |count: usize| {
        let done = Command::new("prlimit")
            .args([format!("--pid={}", server.pid()), format!("--nofile={count}:")])
            .status();
        assert!(done.expect("prlimit").success());
    };
    let is_open =
        |number: &usize| std::path::Path::new(&format!("/proc/{}/fd/{number}", server.pid())).exists();
    first.await_alone();
    limit((0..).find(|number| !is_open(number)).expect("a free number"));
    let mut refused = server.connect();
    refused.request(&["PING"]);
    refused
        .stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .expect("a time limit");
    let error = refused.stream.peek(&mut [0]).expect_err("nobody can accept it");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    // While it waits the server does not spin: 300 ms of waiting took a fraction of that.
    let ticks = cpu_ticks(&server);
    let _waited = refused.stream.peek(&mut [0]);
    assert!(cpu_ticks(&server) - ticks < 15, "busy while out of files");
    assert_eq!(first.ask("PING"), Value::Simple("PONG".into()));
    limit(1000);
    refused
        .stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a time limit");
    assert_eq!(refused.read(), Value::Simple("PONG".into()));
}

/// Hundredths of a second that the server has computed.
fn cpu_ticks(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("stat");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<u64>().expect("a number");
    ticks(11) + ticks(12)
}

#[test]
fn too_many_clients_are_told_so() {
    let server = Server::start(&["--maxclients", "3"]);
    let mut first = server.connect();
    first.await_alone();
    let mut clients = vec![first, server.connect(), server.connect()];
    for client in &mut clients {
        assert_eq!(client.ask("PING"), Value::Simple("PONG".into()));
    }
    let mut refused = server.connect();
    assert_eq!(
        refused.read(),
        Value::Error("ERR max number of clients reached".into())
    );
    assert!(refused.is_closed());
    drop(clients.pop());
    loop {
        let mut client = server.connect();
        client.request(&["PING"]);
        match client.try_read() {
            Some(Value::Simple(text)) => break assert_eq!(text, "PONG"),
            other => assert!(matches!(other, None | Some(Value::Error(_)))),
        }
    }
}

#[test]
fn a_storm_of_connections_leaves_nothing_behind() {
    let server = Server::start(&[]);
    for round in 0..2000 {
        let mut client = server.connect();
        match round % 4 {
            0 => {}
            1 => client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\nab"),
            2 => client.request(&["BLPOP", "nothing", "0"]),
            _ => client.request(&["SUBSCRIBE", "channel"]),
        }
    }
    server.await_info("connected_clients", 1);
    assert_eq!(server.info("blocked_clients"), 0);
    assert_eq!(server.info("pubsub_channels"), 0);
}

#[test]
fn registries_are_empty_after_clients_were_lost() {
    let server = Server::start(&[]);
    let mut lost = Vec::new();
    for request in [
        "BLPOP a b 0",
        "BLPOP a 1000",
        "XREAD BLOCK 0 STREAMS s $",
        "SUBSCRIBE a b",
        "PSUBSCRIBE a*",
        "SSUBSCRIBE a",
        "MONITOR",
        "WATCH k",
        "MULTI",
    ] {
        let mut client = server.connect();
        let words: Vec<&str> = request.split(' ').collect();
        client.request(&words);
        lost.push(client);
    }
    server.await_info("blocked_clients", 3);
    server.await_info("watching_clients", 1);
    server.await_info("pubsub_channels", 2);
    drop(lost);
    server.await_info("connected_clients", 1);
    for field in [
        "blocked_clients",
        "clients_in_timeout_table",
        "total_blocking_keys",
        "watching_clients",
        "total_watched_keys",
        "pubsub_clients",
        "pubsub_channels",
        "pubsub_patterns",
        "pubsubshard_channels",
    ] {
        assert_eq!(server.info(field), 0, "{field}");
    }
}

#[test]
fn requests_in_pieces_are_whole_requests() {
    let server = Server::start(&[]);
    let mut script = encode(&["SET", "k", "value"]);
    script.extend_from_slice(b"PING\r\n*0\r\n*-1\r\n\r\n");
    script.extend(encode(&["RPUSH", "l", "a"]));
    script.extend(encode(&["BLPOP", "l", "0"]));
    script.extend(encode(&["SUBSCRIBE", "c"]));
    script.extend(encode(&["PING"]));
    script.extend(encode(&["RESET"]));
    script.extend(encode(&["MULTI"]));
    script.extend(encode(&["GET", "k"]));
    script.extend(encode(&["EXEC"]));
    script.extend(encode(&["HELLO", "3"]));
    script.extend(encode(&["GET", "missing"]));
    let whole: Vec<Value> = {
        let mut client = server.connect();
        client.send(&script);
        (0..12).map(|_| without_id(client.read())).collect()
    };
    let mut client = server.connect();
    for cut in 1..script.len() {
        client.send(&script[..cut]);
        // A reply of another connection: the first piece has most likely been read by then.
        server.connect().ask("PING");
        client.send(&script[cut..]);
        let pieces: Vec<Value> = (0..12).map(|_| without_id(client.read())).collect();
        assert_eq!(pieces, whole, "cut at {cut}");
        client.ask("RESET");
    }
    for byte in &script {
        client.send(&[*byte]);
    }
    let pieces: Vec<Value> = (0..12).map(|_| without_id(client.read())).collect();
    assert_eq!(pieces, whole);
}

/// HELLO's reply, the only long one, holds the client's id.
fn without_id(value: Value) -> Value {
    match value {
        Value::Array(mut items) if items.len() > 8 => {
            items.retain(|item| !matches!(item, Value::Int(_)));
            Value::Array(items)
        }
        other => other,
    }
}

#[test]
fn requests_behind_a_blocking_one_wait() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let mut bytes = encode(&["BLPOP", "q", "0"]);
    bytes.extend(encode(&["SET", "after", "1"]));
    bytes.extend(encode(&["BLPOP", "q", "0"]));
    bytes.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$5\r\naf");
    client.send(&bytes);
    server.await_info("blocked_clients", 1);
    let mut other = server.connect();
    assert_eq!(other.ask("EXISTS after"), Value::Int(0));
    client.send(b"ter\r\n");
    assert_eq!(other.ask("RPUSH q 1 2"), Value::Int(2));
    let popped = |text: &str| Value::Array(vec![Value::Bulk(b"q".to_vec()), Value::Bulk(text.into())]);
    assert_eq!(client.read(), popped("1"));
    assert_eq!(client.read(), Value::Simple("OK".into()));
    assert_eq!(client.read(), popped("2"));
    assert_eq!(client.read(), Value::Bulk(b"1".to_vec()));
}

#[test]
fn replies_switched_off_inside_a_pipeline() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let mut bytes = Vec::new();
    for line in [
        "SET k 1",
        "GET k",
        "CLIENT REPLY SKIP",
        "GET k",
        "INCR k",
        "CLIENT REPLY OFF",
        "INCR k",
        "INCR k",
        "NOSUCH",
        "MULTI",
        "INCR k",
        "EXEC",
        "CLIENT REPLY ON",
        "GET k",
    ] {
        bytes.extend(encode(&line.split(' ').collect::<Vec<_>>()));
    }
    client.send(&bytes);
    let replies: Vec<Value> = (0..5).map(|_| client.read()).collect();
    let ok = Value::Simple("OK".into());
    assert_eq!(
        replies,
        [
            ok.clone(),
            Value::Bulk(b"1".to_vec()),
            Value::Int(2),
            ok,
            Value::Bulk(b"5".to_vec())
        ]
    );
}

#[test]
fn garbage_ends_the_connection_with_one_error() {
    let server = Server::start(&[]);
    let inline = vec![b'a'; 70_000];
    let cases: [(&[u8], &str); 9] = [
        (b"*3000000000\r\n", "invalid multibulk length"),
        (b"*1048577\r\n", "invalid multibulk length"),
        (b"*99999999999999999999\r\n", "invalid multibulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
        (b"*1\r\n\xff", "expected '$', got '"),
        (b"GET \"unbalanced\r\n", "unbalanced quotes in request"),
        (&inline, "too big inline request"),
    ];
    for (bytes, text) in cases {
        let mut client = server.connect();
        client.send(&encode(&["PING"]));
        // The server may answer and close before all of it is sent.
        let _how_far = client.stream.write_all(bytes);
        assert_eq!(client.read(), Value::Simple("PONG".into()));
        match client.try_read() {
            Some(Value::Error(error)) => assert!(error.contains(text), "{error}"),
            other => panic!("{other:?} for {text}"),
        }
        assert!(client.is_closed(), "{text}");
    }
}

#[test]
fn times_to_live_of_centuries_add_up() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    for number in 0..200 {
        let reply = client.ask(&format!("SET key:{number} v PXAT 9000000000000000000"));
        assert_eq!(reply.text(), "OK");
    }
    assert!(client.ask("INFO keyspace").text().contains("db0:keys=200"));
}

/// To strangers a server does not tell whether it has loaded its data.
fn await_loaded(server: &Server, password: &str) {
    let mut client = server.connect();
    assert_eq!(client.ask(&format!("AUTH {password}")).text(), "OK");
    let end = Instant::now() + Duration::from_secs(20);
    while client.ask("PING").text() != "PONG" {
        assert!(Instant::now() < end, "it loads too long");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn strangers_may_send_little() {
    let server = Server::start(&["--requirepass", "secret"]);
    await_loaded(&server, "secret");
    for (bytes, text) in [
        (b"*11\r\n".as_slice(), "unauthenticated multibulk length"),
        (b"*1\r\n$16385\r\n", "unauthenticated bulk length"),
    ] {
        let mut client = server.connect();
        client.send(bytes);
        assert!(client.read().text().contains(text));
        assert!(client.is_closed());
    }
    // What is allowed after AUTH is allowed right behind it in the same pipeline.
    let mut client = server.connect();
    let mut bytes = encode(&["GET", "k"]);
    bytes.extend(encode(&["AUTH", "secret"]));
    bytes.extend(encode(&[b"SET".as_slice(), b"k", &vec![b'x'; 20_000]]));
    let mut many = vec!["DEL"];
    many.resize(30, "k");
    bytes.extend(encode(&many));
    client.send(&bytes);
    assert!(client.read().text().starts_with("NOAUTH"));
    assert_eq!(client.read(), Value::Simple("OK".into()));
    assert_eq!(client.read(), Value::Simple("OK".into()));
    assert_eq!(client.read(), Value::Int(1));
}

#[test]
fn an_endless_request_is_ended() {
    let server = Server::start(&["--client-query-buffer-limit", "4mb"]);
    let mut client = server.connect();
    client.send(b"*1000\r\n");
    let word = encode(&[vec![b'x'; MIB]])[4..].to_vec();
    // Ends with an error once the server has closed its side.
    while client.stream.write_all(&word).is_ok() {}
    assert!(client.is_closed());
    server.await_info("client_query_buffer_limit_disconnections", 1);
}

#[test]
fn memory_is_given_back() {
    let server = Server::start(&[]);
    let mut client = server.connect();
    let mut load = |kind: &str, count: usize, size: usize| {
        for number in 0..count {
            let key = format!("{kind}:{number}");
            client.request(&[b"SET".as_slice(), key.as_bytes(), &vec![b'x'; size]]);
            assert_eq!(client.read(), Value::Simple("OK".into()));
        }
    };
    load("few", 4, 40 * MIB);
    load("many", 2000, 40_000);
    drop(server.connect());
    assert!(server.resident_bytes() > 200 * MIB as u64);
    client.ask("FLUSHALL");
    // Nobody asks for anything any more; the server itself sees what it holds.
    let end = Instant::now() + Duration::from_secs(20);
    while server.resident_bytes() > 80 * MIB as u64 {
        let bytes = server.resident_bytes();
        assert!(Instant::now() < end, "{bytes} bytes are still resident");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn huge_pages_are_off_as_configured() {
    for (value, enabled) in [("yes", "THP_enabled:\t0"), ("no", "THP_enabled:\t1")] {
        let server = Server::start(&["--disable-thp", value]);
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("status");
        assert!(status.contains(enabled), "{value}: {status}");
    }
}

/// A loop whose reads were filled to the last byte has nothing more to read, and rests.
#[test]
fn a_read_that_was_full_leaves_no_work_behind() {
    const READ_BYTES: usize = 64 * 1024;
    let socket = std::env::temp_dir().join(format!("flashdb-sockets-{}.sock", std::process::id()));
    let path = socket.display().to_string();
    let server = Server::start(&["--io-threads", "1", "--unixsocket", &path]);
    let mut busy = server.connect();
    let mut client = UnixStream::connect(&socket).expect("a connection");
    let ping = encode(&["PING"]);
    let mut pong = [0; "+PONG\r\n".len()];
    client.write_all(&ping).expect("the socket takes it");
    client.read_exact(&mut pong).expect("a reply");
    let mut requests = ping.repeat(READ_BYTES / ping.len());
    let count = requests.len() / ping.len();
    // Empty lines are no requests.
    requests.extend(b"\r\n".repeat((READ_BYTES - requests.len()) / 2));
    assert_eq!(requests.len(), READ_BYTES);
    let ticks = cpu_ticks(&server);
    let script = "local t = os.clock() while os.clock() - t < 0.3 do end return 'over'";
    busy.request(&["EVAL", script, "0"]);
    // All of it has to be there when the loop comes to read it.
    while cpu_ticks(&server) < ticks + 3 {
        std::thread::yield_now();
    }
    client.write_all(&requests).expect("the socket takes it");
    assert_eq!(busy.read().text(), "over");
    let mut replies = vec![0; count * pong.len()];
    client.read_exact(&mut replies).expect("all replies");
    let before = busy.info("eventloop_cycles");
    const ASKED: i64 = 50;
    for _ in 0..ASKED {
        busy.ask("PING");
    }
    let turns = busy.info("eventloop_cycles") - before;
    assert!(turns < 4 * ASKED, "{turns} turns for {ASKED} requests");
    let _best_effort = std::fs::remove_file(&socket);
}
