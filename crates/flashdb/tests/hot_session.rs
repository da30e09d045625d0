//! HOTKEYS START to RESET over sockets: what is measured of which commands, what is told of it, and what is refused. And how often
//! keys are used, by OBJECT FREQ.

mod support;

use std::time::{Duration, Instant};
use support::{Raw, Server, Value, encode};

const SET_BYTES: i64 = 32;

fn server() -> Server {
    Server::start(&["--io-threads", "2"])
}

/// What is told of the session.
fn report(client: &mut Raw) -> Value {
    client.ask("HOTKEYS GET").items()[0].clone()
}

fn number(report: &Value, name: &str) -> i64 {
    match report.field(name) {
        Some(Value::Int(number)) => *number,
        other => panic!("{name}: {other:?}"),
    }
}

/// Keys of a list with their numbers.
fn ranked(report: &Value, name: &str) -> Vec<(String, i64)> {
    let list = report.field(name).expect("a list").items();
    let key = |pair: &[Value]| match &pair[1] {
        Value::Int(number) => (pair[0].text(), *number),
        other => panic!("{other:?}"),
    };
    list.chunks(2).map(key).collect()
}

/// `SET <key> value`, so many times in one write, for a key of two letters: each has [`SET_BYTES`].
fn set(client: &mut Raw, key: &str, times: usize) {
    let request = encode(&["SET", key, "value"]);
    assert_eq!((key.len(), request.len()), (2, SET_BYTES as usize));
    client.send(&request.repeat(times));
    (0..times).for_each(|_| assert_eq!(client.read().text(), "OK"));
}

#[test]
fn keys_are_ranked_by_what_they_cost_and_bytes_are_exact() {
    let server = server();
    let (mut client, mut other) = (server.connect(), server.connect());
    assert_eq!(client.ask("HOTKEYS GET"), Value::Null);
    assert_eq!(client.ask("HOTKEYS STOP"), Value::Null);
    assert_eq!(client.ask("HOTKEYS START METRICS 2 CPU NET COUNT 2").text(), "OK");
    // Alone, and in windows of a pipeline.
    set(&mut client, "k1", 1);
    set(&mut client, "k1", 99);
    set(&mut other, "k2", 40);
    set(&mut other, "k1", 20);
    set(&mut client, "k3", 1);
    client.ask("PING");
    let told = report(&mut other);
    let each = SET_BYTES + "+OK\r\n".len() as i64;
    assert_eq!(
        ranked(&told, "by-net-bytes"),
        [("k1".to_owned(), 120 * each), ("k2".to_owned(), 40 * each)]
    );
    let by_time = ranked(&told, "by-cpu-time-us");
    assert_eq!(by_time.len(), 2);
    assert!(by_time[0].1 >= by_time[1].1 && by_time[1].1 > 0, "{by_time:?}");
    assert_eq!(number(&told, "net-bytes-all-commands-all-slots"), 161 * each);
    assert_eq!(number(&told, "total-net-bytes"), 161 * each);
    assert!(number(&told, "all-commands-all-slots-us") >= by_time[0].1 - 1);
    assert_eq!(
        (number(&told, "tracking-active"), number(&told, "sample-ratio")),
        (1, 1)
    );
    let slots = told.field("selected-slots").expect("slots").items();
    assert_eq!(slots, [Value::Array(vec![Value::Int(0), Value::Int(16_383)])]);
    assert!(number(&told, "collection-start-time-unix-ms") > 1_700_000_000_000);
    for name in [
        "collection-duration-ms",
        "total-cpu-time-user-ms",
        "total-cpu-time-sys-ms",
    ] {
        assert!(number(&told, name) >= 0, "{name}");
    }
    assert!(
        client
            .ask("HOTKEYS RESET")
            .text()
            .contains("in progress, stop tracking first")
    );

    // After the end results stay, and nothing is added.
    assert_eq!(client.ask("HOTKEYS STOP").text(), "OK");
    set(&mut client, "k3", 500);
    let told = report(&mut client);
    assert_eq!(number(&told, "tracking-active"), 0);
    assert_eq!(number(&told, "total-net-bytes"), 161 * each);
    assert_eq!(client.ask("HOTKEYS RESET").text(), "OK");
    assert_eq!(client.ask("HOTKEYS GET"), Value::Null);
    assert_eq!(client.ask("HOTKEYS RESET").text(), "OK");
}

#[test]
fn transactions_count_by_command_and_scripts_by_their_own_keys() {
    let server = server();
    let mut client = server.connect();
    client.ask("HOTKEYS START METRICS 1 NET");
    client.ask("MULTI");
    (0..3).for_each(|_| assert_eq!(client.ask("SET in value").text(), "QUEUED"));
    client.ask("EXEC");
    client.request(&[
        "EVAL",
        "return redis.call('set', KEYS[1], 'v') and redis.call('get', 'other')",
        "1",
        "of-script",
    ]);
    client.read();
    client.ask("MSET left 1 right 2");
    let told = report(&mut client);
    let found = ranked(&told, "by-net-bytes");
    let of = |name: &str| found.iter().find(|key| key.0 == name).map(|key| key.1);
    assert_eq!(of("in"), Some(3 * (SET_BYTES + 5)));
    assert!(of("of-script") > Some(100) && of("other").is_none(), "{found:?}");
    assert!(of("left").is_some() && of("left") == of("right"), "{found:?}");
    for name in [
        "by-cpu-time-us",
        "total-cpu-time-user-ms",
        "all-commands-selected-slots-us",
    ] {
        assert!(told.field(name).is_none(), "{name}");
    }
}

#[test]
fn a_session_ends_by_itself_and_samples_leave_sums_whole() {
    let server = server();
    let mut client = server.connect();
    client.ask("HELLO 3");
    assert_eq!(
        client
            .ask("HOTKEYS START METRICS 2 NET CPU DURATION 1 SAMPLE 10")
            .text(),
        "OK"
    );
    assert!(
        client
            .ask("HOTKEYS START METRICS 1 CPU")
            .text()
            .contains("already in progress")
    );
    set(&mut client, "k1", 2000);
    let end = Instant::now() + Duration::from_secs(20);
    let told = loop {
        let told = report(&mut client);
        if number(&told, "tracking-active") == 0 {
            break told;
        }
        assert!(Instant::now() < end, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(number(&told, "collection-duration-ms"), 1000);
    assert_eq!(
        number(&told, "net-bytes-all-commands-all-slots"),
        2000 * (SET_BYTES + 5)
    );
    let sampled = number(&told, "total-net-bytes");
    let expected = 200 * (SET_BYTES + 5);
    assert!(
        (expected / 2..expected * 2).contains(&sampled),
        "{sampled} of {expected}"
    );
    assert_eq!(ranked(&told, "by-net-bytes"), [("k1".to_owned(), sampled)]);
    // The next one begins from nothing.
    assert_eq!(client.ask("HOTKEYS START METRICS 1 CPU").text(), "OK");
    assert_eq!(ranked(&report(&mut client), "by-cpu-time-us"), []);
}

#[test]
fn what_is_wrong_with_a_wish_is_said() {
    let server = server();
    let mut client = server.connect();
    for (words, expected) in [
        ("", "METRICS parameter is required"),
        ("COUNT 3 METRICS 1 CPU", "METRICS parameter is required"),
        ("METRICS", "METRICS parameter is required"),
        ("METRICS 0", "METRICS count must be > 0 and <= 2"),
        ("METRICS x CPU", "METRICS count must be > 0 and <= 2"),
        ("METRICS 3 CPU NET", "METRICS count must be > 0 and <= 2"),
        (
            "METRICS 2 CPU",
            "METRICS count does not match number of metric types provided",
        ),
        ("METRICS 1 CPU NET", "syntax error"),
        (
            "METRICS 1 GPU",
            "METRICS no valid metrics passed. Supported: CPU|NET",
        ),
        ("METRICS 2 CPU CPU", "METRICS CPU defined more than once!"),
        ("METRICS 2 NET NET", "METRICS NET defined more than once!"),
        ("METRICS 1 CPU COUNT 0", "COUNT must be between 1 and 64"),
        ("METRICS 1 CPU COUNT 65", "COUNT must be between 1 and 64"),
        ("METRICS 1 CPU COUNT", "syntax error"),
        (
            "METRICS 1 CPU DURATION 1000001",
            "DURATION must be between 1 and 1000000",
        ),
        ("METRICS 1 CPU SAMPLE 0", "SAMPLE ratio must be positive"),
        (
            "METRICS 1 CPU SLOTS 2 0 5",
            "SLOTS parameter cannot be used in non-cluster mode",
        ),
    ] {
        let told = client.ask(&format!("HOTKEYS START {words}"));
        assert_eq!(told, Value::Error(format!("ERR {expected}")), "{words}");
    }
    // A metric of a later version is left out.
    assert_eq!(client.ask("HOTKEYS START METRICS 2 GPU cpu").text(), "OK");
    assert!(matches!(client.ask("HOTKEYS GET more"), Value::Error(_)));
    assert!(matches!(client.ask("HOTKEYS"), Value::Error(_)));
    assert!(client.ask("HOTKEYS HELP").items().len() > 5);
    client.ask("ACL SETUSER ada on nopass ~* +@all -@dangerous");
    client.ask("AUTH ada x");
    assert!(client.ask("HOTKEYS GET").text().starts_with("NOPERM"));
}

#[test]
fn who_monitors_sees_what_there_is_with_and_without_a_session() {
    let server = server();
    let (mut watcher, mut client) = (server.connect(), server.connect());
    client.ask("HOTKEYS START METRICS 1 NET");
    client.ask("SET before 1");
    assert_eq!(watcher.ask("MONITOR").text(), "OK");
    client.ask("SET during 1");
    assert!(watcher.read().text().contains("\"during\""));
    client.ask("HOTKEYS STOP");
    client.ask("SET after 1");
    assert!(watcher.read().text().contains("\"after\""));
}

#[test]
fn how_often_a_key_is_used_is_told_under_an_lfu_policy() {
    let server = server();
    let mut client = server.connect();
    client.ask("SET k v");
    assert!(client.ask("OBJECT FREQ k").text().contains("LFU"));
    for policy in ["allkeys-lfu", "volatile-lfu"] {
        client.ask(&format!("CONFIG SET maxmemory-policy {policy}"));
        client.ask("SET k v");
        let Value::Int(fresh) = client.ask("OBJECT FREQ k") else {
            panic!("{policy}")
        };
        client.send(&encode(&["GET", "k"]).repeat(2000));
        (0..2000).for_each(|_| drop(client.read()));
        let Value::Int(used) = client.ask("OBJECT FREQ k") else {
            panic!("{policy}")
        };
        assert!(used > fresh && used <= 255, "{policy}: {fresh}, then {used}");
        assert_eq!(client.ask("OBJECT FREQ none"), Value::Null);
    }
}
