//! All of a value as a file: strings as they are, elements line by line, in little memory, and never a mixture of two moments
//! that passes for a whole.

use super::support::Raw;
use super::support::http::{Answer, Http};
use super::{start, start_closed};
use serde_json::{Value, json};
use std::io::{Read, Write};

/// The lines of an answer that came in chunks, and its last one.
fn lines(answer: &Answer) -> (Vec<Value>, Value) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let (mut text, mut rest) = (Vec::new(), &answer.body[..]);
    loop {
        let end = rest
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .expect("a length");
        let digits = std::str::from_utf8(&rest[..end]).expect("digits");
        let length = usize::from_str_radix(digits, 16).expect("a length");
        if length == 0 {
            break;
        }
        text.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 2 + length + 2..];
    }
    let text = String::from_utf8(text).expect("text");
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let end = lines.pop().expect("a last line");
    (lines, end)
}

fn say(client: &mut Raw, words: &[&[u8]]) {
    client.request(words);
    client.read();
}

#[test]
fn a_string_comes_as_it_is() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let value: Vec<u8> = (0..5_000_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    say(&mut client, &[b"SET", b"a/b \xff", &value]);
    let answer = http.get("/api/v1/raw?key=a%2Fb%20%FF");
    assert_eq!(answer.status, 200);
    assert!(answer.body == value, "{} bytes", answer.body.len());
    assert_eq!(answer.header("content-length"), Some("5000000"));
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"a_b__.bin\"")
    );
    say(&mut client, &[b"SET", b"empty", b""]);
    let empty = http.get("/api/v1/key/empty/raw");
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    assert_eq!(http.get("/api/v1/key/none/raw").code(), "KEY_NOT_FOUND");
    assert_eq!(http.get("/api/v1/key/empty/raw?db=5").code(), "KEY_NOT_FOUND");
}

#[test]
fn elements_of_all_types_come_line_by_line() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    for n in 0..2500 {
        client.ask(&format!("RPUSH list v{n}"));
        client.ask(&format!("SADD set v{n}"));
        client.ask(&format!("HSET hash f{n} v{n}"));
        client.ask(&format!("ZADD zset {n} v{n}"));
        client.ask(&format!("XADD stream {}-0 f v{n}", n + 1));
    }
    client.ask("HPEXPIRE hash 500000 FIELDS 1 f7");
    for key in ["list", "set", "hash", "zset", "stream"] {
        let (items, end) = lines(&http.get(&format!("/api/v1/key/{key}/raw")));
        assert_eq!(
            end,
            json!({"end": true, "items": 2500, "cut": 0, "changed": false}),
            "{key}"
        );
        assert_eq!(items.len(), 2500, "{key}");
        let mut names: Vec<String> = items.iter().map(Value::to_string).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 2500, "{key}");
    }
    let (items, _) = lines(&http.get("/api/v1/key/list/raw"));
    assert_eq!(items[2499], json!({"index": 2499, "value": "v2499"}));
    let (items, _) = lines(&http.get("/api/v1/key/hash/raw"));
    let timed: Vec<&Value> = items.iter().filter(|item| item["ttl_ms"].is_number()).collect();
    assert_eq!(timed.len(), 1);
    assert_eq!(timed[0]["field"], "f7");
}

#[test]
fn large_elements_are_whole_up_to_a_megabyte_each_however_many() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    for n in 0..10 {
        say(&mut client, &[b"RPUSH", b"l", &vec![b'a' + n; 1_000_000]]);
    }
    say(&mut client, &[b"RPUSH", b"l", &vec![b'z'; 3_000_000]]);
    let (items, end) = lines(&http.get("/api/v1/key/l/raw"));
    assert_eq!(end, json!({"end": true, "items": 11, "cut": 1, "changed": false}));
    for item in &items[..10] {
        assert_eq!(item["value"].as_str().map(str::len), Some(1_000_000));
    }
    assert_eq!(
        (&items[10]["value"]["bytes"], &items[10]["value"]["cut"]),
        (&json!(3_000_000), &json!(true))
    );
}

/// Asks for a file and takes a little of it, so that the rest waits in the server.
fn begin(http: &Http, path: &str) -> std::net::TcpStream {
    let mut stream = http.connect();
    stream
        .write_all(&http.bytes("GET", path, b""))
        .expect("a request");
    let mut head = [0; 4096];
    stream.read_exact(&mut head).expect("the beginning of a file");
    assert!(head.starts_with(b"HTTP/1.1 200"));
    stream
}

#[test]
fn a_large_string_takes_little_memory_and_a_change_breaks_it_off() {
    const BYTES: usize = 96 << 20;
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask(&format!("SETRANGE s {} x", BYTES - 1));
    let before = server.resident_bytes();
    let mut stream = begin(&http, "/api/v1/key/s/raw");
    // Whoever reads waits, and the server has a few pieces of it.
    assert!(
        server.resident_bytes() < before + (32 << 20),
        "{} {before}",
        server.resident_bytes()
    );
    // Of the same length, and in a part that has been read long ago.
    client.ask("SETRANGE s 0 y");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(
        rest.len() < BYTES - 4096,
        "{} bytes: the last piece was not sent",
        rest.len()
    );
    let whole = http.get("/api/v1/key/s/raw");
    assert_eq!(whole.body.len(), BYTES);
    assert!(whole.body[0] == b'y' && whole.body[BYTES - 1] == b'x');
}

#[test]
fn lines_say_that_the_value_changed() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let value = vec![b'x'; 500_000];
    for _ in 0..40 {
        say(&mut client, &[b"RPUSH", b"l", &value]);
    }
    let mut stream = begin(&http, "/api/v1/key/l/raw");
    client.ask("RPUSH l more");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the rest");
    let text = String::from_utf8_lossy(&rest);
    assert!(text.contains("\"changed\":true"), "{}", &text[text.len() - 200..]);
}

#[test]
fn only_so_many_at_a_time_and_nobody_who_may_not_read() {
    let (server, http, page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    admin.ask("SETRANGE s 40000000 x");
    admin.ask("HSET h a 1");
    // A session that may only read may save what it reads.
    let held: Vec<_> = (0..4).map(|_| begin(&page, "/api/v1/key/s/raw")).collect();
    assert_eq!(page.get("/api/v1/key/s/raw").code(), "BUSY");
    drop(held);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while page.get("/api/v1/key/h/raw").status != 200 {
        assert!(std::time::Instant::now() < end, "the places came back");
    }
    assert_eq!(http.get("/api/v1/key/s/raw").code(), "NO_SESSION");
    admin.ask("ACL SETUSER ada on >pass ~* +type +strlen +hlen");
    let (ada, _) = page.log_in(r#"{"user":"ada","password":"pass"}"#);
    for (key, needs) in [("s", "+getrange"), ("h", "+hscan")] {
        let refused = ada.get(&format!("/api/v1/key/{key}/raw"));
        assert_eq!(refused.status, 403);
        assert_eq!(refused.json()["error"]["details"]["needs"], needs);
    }
    // Who may not watch may read.
    admin.ask("ACL SETUSER ada +hscan");
    let (items, end) = lines(&ada.get("/api/v1/key/h/raw"));
    assert_eq!((items.len(), &end["changed"]), (1, &json!(false)));
}
