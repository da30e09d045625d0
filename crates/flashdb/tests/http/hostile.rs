//! Seeded garbage on the port: requests, bodies and WebSocket frames with bytes changed, cut, doubled and put in. Whatever
//! comes, the server goes on, no answer is a failure of its own, and what one connection sent does not reach another.

use super::*;
use flashdb_base::prng::Prng;
use std::io::{ErrorKind, Read};
use std::net::Shutdown;

const SEED: u64 = 20_261_122;
const CASES: usize = 600;
/// For an answer to come before the server is told that there is no more of the request.
const PATIENCE: Duration = Duration::from_millis(50);
/// Longer than the server gives headers to come: a connection that is still open then hangs.
const CASE_LIMIT: Duration = Duration::from_secs(15);

/// A WebSocket frame as a client sends it; the mask is zero, so that a change of a byte is one of the text.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80 | opcode];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        long => {
            bytes.push(0x80 | 126);
            bytes.extend((long as u16).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

fn watched(http: &Http, ours: bool) -> Vec<u8> {
    let upgrade = http
        .with("Upgrade", "websocket")
        .with("Sec-WebSocket-Version", "13")
        .with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let upgrade = match ours {
        true => upgrade.with("Sec-WebSocket-Protocol", "flashdb.v1"),
        false => upgrade,
    };
    let head = String::from_utf8(upgrade.bytes("GET", "/ws", b"")).expect("text");
    let mut bytes = head
        .replace("Connection: close", "Connection: Upgrade")
        .into_bytes();
    for text in [
        r#"{"type":"hello","data":{"proto":1,"client":"test","resume":{"sid":"9f","seq":"1"}}}"#,
        r#"{"type":"sub","data":{"id":7,"topic":"stats","hz":1}}"#,
        r#"{"type":"ack","data":{"seq":"18446744073709551615"}}"#,
        r#"{"type":"pause","data":{}}"#,
        r#"{"type":"unsub","data":{"id":7}}"#,
    ] {
        bytes.extend(frame(1, text.as_bytes()));
    }
    bytes.extend(frame(9, b"ping"));
    bytes.extend(frame(2, &[0xff; 200]));
    bytes.extend(frame(8, &1000u16.to_be_bytes()));
    bytes
}

/// What is changed: each is understood as it stands.
fn sound(http: &Http) -> Vec<Vec<u8>> {
    let json = http.with("Content-Type", "application/json");
    vec![
        http.bytes("GET", "/api/v1/stats", b""),
        http.bytes("GET", "/api/v1/keys?match=*&limit=10&type=hash&cursor=0", b""),
        http.bytes("GET", "/api/v1/key/%00%ff?db=3", b""),
        http.bytes("GET", "/api/v1/items?key=large&cursor=0&limit=5", b""),
        http.bytes("GET", "/api/v1/tree?p=a:&sort=bytes&limit=9&cursor=0", b""),
        http.with("Accept-Encoding", "gzip")
            .bytes("GET", "/api/v1/history?limit=9", b""),
        json.bytes(
            "POST",
            "/api/v1/execute",
            br#"{"line":"SET a \"b\\x00\" EX 10","db":1}"#,
        ),
        json.bytes("POST", "/api/v1/execute", br#"{"args":["GET",{"b64":"AP8="}]}"#),
        json.bytes(
            "PUT",
            "/api/v1/key/k",
            br#"{"type":"hash","value":{"a":"1","b":{"b64":"AAA="}},"ttl_ms":1000}"#,
        ),
        json.bytes("POST", "/api/v1/session", br#"{"user":"ada","password":"x"}"#),
        json.bytes("PUT", "/api/v1/config", br#"{"slowlog-max-len":"100"}"#),
        watched(http, false),
        watched(http, true),
    ]
}

fn changed(prng: &mut Prng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..=prng.below(4) {
        let at = prng.below(bytes.len() as u64 + 1) as usize;
        let end = (at + prng.below(64) as usize).min(bytes.len());
        match prng.below(6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << prng.below(8),
            1 if at < bytes.len() => bytes[at] = prng.next_u64() as u8,
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let doubled = bytes[at..end].to_vec();
                bytes.splice(at..at, doubled);
            }
            _ => {
                let mut given = vec![0; prng.below(40) as usize];
                prng.fill(&mut given);
                bytes.splice(at..at, given);
            }
        }
    }
    bytes
}

/// Sends it; what came back, once the server has ended the connection. Where it waits for more it is told that no more comes.
fn answer_to(http: &Http, bytes: &[u8], patience: Duration) -> Vec<u8> {
    let mut stream = http.connect();
    // The server may have closed by then.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    for (limit, is_last) in [(patience, false), (CASE_LIMIT, true)] {
        stream.set_read_timeout(Some(limit)).expect("a time limit");
        match stream.read_to_end(&mut answer) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                assert!(!is_last, "still open: {:?}", String::from_utf8_lossy(bytes));
                let _ = stream.shutdown(Shutdown::Write);
            }
            // A reset is an end as well.
            _ => break,
        }
    }
    answer
}

#[test]
fn garbage_neither_ends_nor_holds_up_the_server() {
    let (server, http) = start(&["--maxmemory", "64mb"]);
    let mut client = server.connect();
    client.ask("HSET large a 1 b 2");
    let sound = sound(&http);
    for bytes in &sound {
        let answer = answer_to(&http, bytes, CASE_LIMIT);
        assert!(
            answer.starts_with(b"HTTP/1.1 "),
            "{:?}",
            String::from_utf8_lossy(bytes)
        );
    }
    let mut prng = Prng::from_seed(SEED);
    for case in 0..CASES {
        let kind = prng.below(sound.len() as u64) as usize;
        let bytes = changed(&mut prng, sound[kind].clone());
        let answer = answer_to(&http, &bytes, PATIENCE);
        assert!(
            !answer.starts_with(b"HTTP/1.1 500"),
            "seed {SEED}, case {case}: {:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_eq!(http.get("/ready").status, 200);
    assert_eq!(client.ask("PING").text(), "PONG");
}
