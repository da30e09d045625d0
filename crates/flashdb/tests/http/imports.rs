//! Files of keys imported over HTTP: what an export writes comes back, what is there is left, replaced or the end, a dry run
//! writes nothing, and files that are broken, hostile or foreign end with a place and leave nothing behind.

use super::support::{Raw as Client, Value as Resp, encode};
use super::{basic, job_when, start, start_closed, unlocked};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

type Http = super::Http;

/// Written by redis-server 7.0.15, with every type.
const REDIS: &[u8] = include_bytes!("../../../flashdb-rdb/tests/fixtures/redis-7.0.rdb");

fn send(http: &Http, query: &str, file: &[u8]) -> super::support::http::Answer {
    let path = format!("/api/v1/imports?{query}");
    http.with("Content-Type", "application/octet-stream")
        .raw("POST", &path, file)
}

/// The job at its end.
fn import(http: &Http, query: &str, file: &[u8]) -> Value {
    let answer = send(http, query, file);
    assert_eq!(answer.status, 202, "{query}: {answer:?}");
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    ended(http, &format!("/api/v1/jobs/{id}"))
}

fn ended(http: &Http, path: &str) -> Value {
    job_when(http, path, |job| {
        job["state"] != "running" && job["state"] != "paused"
    })
}

fn words(client: &mut Client, words: &[&[u8]]) -> Resp {
    client.send(&encode(words));
    client.read()
}

/// Keys of all types, with binary names and values.
fn fill(client: &mut Client) {
    for command in [
        &[&b"SET"[..], b"r:text", b"one \"two\"\r\n"][..],
        &[b"SET", b"r:\xff\x00", b"\x00\xfe'"],
        &[b"SET", b"r:empty", b""],
        &[b"SET", b"r:ttl", b"5", b"PX", b"5000000"],
        &[b"RPUSH", b"r:list", b"a", b"", b"\xff", b"a"],
        &[b"SADD", b"r:set", b"1", b"2", b"x\x00y"],
        &[b"SADD", b"r:ints", b"1", b"2"],
        &[b"HSET", b"r:hash", b"f", b"v", b"\xff", b"", b"n", b"7"],
        &[b"HPEXPIRE", b"r:hash", b"5000000", b"FIELDS", b"2", b"f", b"\xff"],
        &[
            b"ZADD", b"r:zset", b"0.1", b"a", b"-inf", b"b", b"1e300", b"c", b"3", b"\xfe",
        ],
        &[b"XADD", b"r:stream", b"5-1", b"f", b"v"],
        &[b"XADD", b"r:stream", b"5-2", b"f", b"\xff", b"g", b"2"],
    ] {
        assert!(!matches!(words(client, command), Resp::Error(_)));
    }
}

/// All keys, without their order and times.
fn contents(http: &Http) -> Vec<String> {
    let mut lines = Vec::new();
    for line in export(http, "jsonl").lines() {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        if line["end"] == true {
            continue;
        }
        line["ttl_ms"] = json!(!line["ttl_ms"].is_null());
        if let Some(ttls) = line["field_ttl_ms"].as_array_mut() {
            for ttl in ttls.iter_mut() {
                assert!(matches!(ttl[1].as_i64(), Some(4_000_000..=5_000_000)), "{ttl}");
                ttl[1] = Value::Null;
            }
            ttls.sort_by_key(Value::to_string);
        } else {
            line["field_ttl_ms"].take();
        }
        for name in ["members", "fields"] {
            if let Some(items) = line[name].as_array_mut() {
                items.sort_by_key(Value::to_string);
            }
        }
        lines.push(line.to_string());
    }
    lines.sort();
    lines
}

/// An export without the marks of its chunks.
fn export(http: &Http, format: &str) -> String {
    let text = http.get(&format!("/api/v1/export?format={format}")).text();
    let mut whole = String::new();
    let mut rest = text.as_str();
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("the length of a chunk");
        whole.push_str(&after[..length]);
        rest = &after[length + 2..];
        if length == 0 {
            break;
        }
    }
    whole
}

/// A folder that is removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flashdb-imports-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    fn uploads(&self) -> usize {
        let entries = std::fs::read_dir(&self.0).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names
            .filter(|name| name.to_string_lossy().starts_with("import-"))
            .count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn what_an_export_writes_comes_back() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    fill(&mut client);
    let before = contents(&http);
    assert_eq!(before.len(), 10);
    for format in ["jsonl", "commands"] {
        let file = export(&http, format);
        client.ask("FLUSHALL");
        let query = format!("format={format}&on_conflict=fail&name=keys.{format}");
        let job = import(&http, &query, file.as_bytes());
        let result = &job["result"];
        assert_eq!(
            (&job["state"], &job["errors"], &result["note"], &result["skipped"]),
            (&json!("done"), &json!(0), &Value::Null, &json!(0)),
            "{job}"
        );
        assert_eq!(contents(&http), before, "{format}");
        assert!(matches!(
            client.ask("PTTL r:ttl"),
            Resp::Int(4_000_000..=5_000_000)
        ));
        // Numbers of a stream as well.
        let told = client.ask("XINFO STREAM r:stream");
        assert_eq!(told.field("entries-added"), Some(&Resp::Int(2)));
    }
    assert_eq!(
        http.get("/api/v1/jobs?kind=import").json()["jobs"][0]["request"]["name"],
        "keys.commands"
    );
    // In another database, all of it.
    let file = export(&http, "jsonl");
    assert_eq!(
        import(&http, "format=jsonl&db=3", file.as_bytes())["result"]["keys"],
        10
    );
    client.ask("SELECT 3");
    assert_eq!(client.ask("DBSIZE"), Resp::Int(10));
}

/// All that is known of a stream besides the nodes of a tree, and of times.
fn stream_of(client: &mut Client, key: &str) -> String {
    let told = client.ask(&format!("XINFO STREAM {key} FULL COUNT 0"));
    let mut shown = String::new();
    for name in [
        "length",
        "last-generated-id",
        "max-deleted-entry-id",
        "entries-added",
        "recorded-first-entry-id",
        "entries",
    ] {
        shown.push_str(&format!("{name}: {:?}; ", told.field(name)));
    }
    let Some(Resp::Array(groups)) = told.field("groups") else {
        panic!("{told:?}")
    };
    for group in groups {
        for name in ["name", "last-delivered-id", "entries-read", "lag", "pending"] {
            shown.push_str(&format!("{name}: {:?}; ", group.field(name)));
        }
        let Some(Resp::Array(consumers)) = group.field("consumers") else {
            panic!("{group:?}")
        };
        for consumer in consumers {
            shown.push_str(&format!(
                "{:?} {:?}; ",
                consumer.field("name"),
                consumer.field("pending")
            ));
        }
    }
    shown
}

#[test]
fn streams_come_back_with_what_was_deleted_and_with_their_groups() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    for line in [
        // Deleted at both ends and in the middle.
        "XADD d 5-1 f v",
        "XADD d 5-2 f v g w",
        "XADD d 5-3 f v",
        "XADD d 5-4 f v",
        "XDEL d 5-1 5-3 5-4",
        "XADD trimmed 7-1 f v",
        "XTRIM trimmed MAXLEN 0",
        "XADD emptied 7-1 f v",
        "XDEL emptied 7-1",
        "XGROUP CREATE fresh g $ MKSTREAM",
        "XGROUP CREATE bare g $ MKSTREAM",
        "XGROUP DESTROY bare g",
        "XADD back 5-1 f v",
        "XDEL back 5-1",
        "XSETID back 1-0",
        "XADD g 1-1 f v",
        "XADD g 1-2 f v",
        "XADD g 1-3 f v",
        "XGROUP CREATE g readers 0",
        "XGROUP CREATE g late 1-2 ENTRIESREAD 2",
        "XREADGROUP GROUP readers ada COUNT 2 STREAMS g >",
        "XREADGROUP GROUP readers bob COUNT 1 STREAMS g >",
        "XCLAIM g readers ada 0 1-2 RETRYCOUNT 7 TIME 1000 JUSTID",
        "XGROUP CREATECONSUMER g late idle",
        "XACK g readers 1-1",
        "PEXPIRE g 5000000",
    ] {
        assert!(!matches!(client.ask(line), Resp::Error(_)), "{line}");
    }
    let keys = ["d", "trimmed", "emptied", "fresh", "bare", "back", "g"];
    let before = keys.map(|key| stream_of(&mut client, key));
    for format in ["jsonl", "commands"] {
        let file = export(&http, format);
        assert!(
            file.contains(" 0 left out") || file.contains("\"left_out\":0"),
            "{file}"
        );
        client.ask("FLUSHALL");
        let job = import(
            &http,
            &format!("format={format}&on_conflict=fail"),
            file.as_bytes(),
        );
        assert_eq!(
            (&job["state"], &job["errors"]),
            (&json!("done"), &json!(0)),
            "{job}"
        );
        for (key, before) in keys.iter().zip(&before) {
            assert_eq!(&stream_of(&mut client, key), before, "{format}: {key}\n{file}");
        }
        assert!(matches!(client.ask("PTTL g"), Resp::Int(4_000_000..=5_000_000)));
    }
    // A line is a value as well; groups are not.
    let line = |key: &str| {
        let file = export(&http, "jsonl");
        let line = file
            .lines()
            .find(|line| line.contains(&format!("\"key\":\"{key}\"")));
        line.expect("a line").to_owned()
    };
    let (of_d, of_g) = (line("d"), line("g"));
    client.ask("DEL d g");
    assert_eq!(http.send("PUT", "/api/v1/key/d", &of_d).status, 200);
    assert_eq!(stream_of(&mut client, "d"), before[0]);
    assert_eq!(http.send("PUT", "/api/v1/key/g", &of_g).code(), "CONFLICT");
    // Pending and deleted: a line has it, and no command makes it.
    for line in [
        "XADD p 1-1 f v",
        "XGROUP CREATE p g 0",
        "XREADGROUP GROUP g c STREAMS p >",
        "XDEL p 1-1",
    ] {
        client.ask(line);
    }
    let (before, file) = (stream_of(&mut client, "p"), export(&http, "jsonl"));
    client.ask("FLUSHALL");
    assert_eq!(
        import(&http, "format=jsonl", file.as_bytes())["errors"],
        0,
        "{file}"
    );
    assert_eq!(stream_of(&mut client, "p"), before);
}

#[test]
fn files_of_redis_come_in_with_their_databases_and_expiries() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let dry = import(&http, "format=rdb&dry_run=true", REDIS);
    assert_eq!(
        (&dry["state"], client.ask("DBSIZE")),
        (&json!("done"), Resp::Int(0)),
        "{dry}"
    );
    let found = dry["result"]["keys"].as_u64().expect("a number");
    assert!(
        found > 5
            && dry["result"]["samples"]
                .as_array()
                .is_some_and(|rows| !rows.is_empty())
    );
    let id = dry["id"].as_str().expect("an id");
    // What was looked at is what is imported, and as what it was looked at.
    for (query, body) in [("format=csv", &b""[..]), ("format=rdb", b"x")] {
        let answer = send(&http, &format!("from={id}&{query}"), body);
        assert_eq!(answer.code(), "CONFLICT", "{query}");
    }
    let job = ended(
        &http,
        &format!(
            "/api/v1/jobs/{}",
            send(&http, &format!("from={id}"), b"").json()["id"]
                .as_str()
                .expect("a job")
        ),
    );
    assert_eq!(
        (&job["state"], &job["result"]["keys"]),
        (&json!("done"), &json!(found)),
        "{job}"
    );
    // The file is used up, and the dry run put away.
    assert_eq!(http.get(&format!("/api/v1/jobs/{id}")).status, 404);
    assert_eq!(send(&http, &format!("from={id}"), b"").code(), "NOT_FOUND");
    let kept = job["result"]["kinds"].as_object().expect("types");
    assert_eq!(kept.len(), 6, "{job}");
    // By hand: two databases, a key that expires, one whose time has come.
    let mut file = b"REDIS0011\xfe\x00\xfc".to_vec();
    file.extend_from_slice(&9_999_999_999_999u64.to_le_bytes());
    file.extend_from_slice(
        b"\x00\x01t\x01v\xfc\x01\0\0\0\0\0\0\0\x00\x01o\x01v\xfe\x05\x00\x01d\x01v\xff\0\0\0\0\0\0\0\0",
    );
    client.ask("FLUSHALL");
    let job = import(&http, "format=rdb", &file);
    assert_eq!(
        (&job["result"]["keys"], &job["result"]["idle"]),
        (&json!(2), &json!(1)),
        "{job}"
    );
    assert_eq!(client.ask("PEXPIRETIME t"), Resp::Int(9_999_999_999_999));
    assert_eq!(client.ask("EXISTS o d"), Resp::Int(0));
    let job = import(&http, "format=rdb&only_db=5&db=0", &file);
    assert_eq!(job["result"]["keys"], 1, "{job}");
    assert_eq!(client.ask("GET d"), Resp::Bulk(b"v".to_vec()));
}

#[test]
fn append_only_files_are_run_and_what_is_no_data_is_refused() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SET mine 1");
    let mut file = b"REDIS0009\xfe\x00\x00\x03pre\x011\x00\x04mine\x019\xff\0\0\0\0\0\0\0\0".to_vec();
    for line in [
        "SELECT 0",
        "INCRBY pre 41",
        "INCR mine",
        "MULTI",
        "RPUSH l a",
        "RPUSH l b",
        "EXEC",
        "FLUSHALL",
        "CONFIG SET maxmemory 1",
        "EVAL return 0",
        "SHUTDOWN",
        "MIGRATE 127.0.0.1 1 pre 0 5",
        "BLPOP l 0",
        "NONSENSE",
        "LPUSH pre x",
    ] {
        file.extend(encode(&line.split(' ').collect::<Vec<_>>()));
    }
    file.extend_from_slice(b"*2\r\n$3\r\nDE");
    let job = import(&http, "format=aof", &file);
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(client.ask("GET pre"), Resp::Bulk(b"42".to_vec()));
    // What was there stays, also from commands behind it.
    assert_eq!(client.ask("GET mine"), Resp::Bulk(b"1".to_vec()));
    assert_eq!(client.ask("LLEN l"), Resp::Int(2));
    let result = &job["result"];
    assert_eq!(
        (
            &result["keys"],
            &result["commands"],
            &result["skipped"],
            &job["errors"]
        ),
        (&json!(1), &json!(3), &json!(2), &json!(8)),
        "{job}"
    );
    assert!(
        result["note"]
            .as_str()
            .is_some_and(|note| note.contains("dropped")),
        "{job}"
    );
    let job = import(&http, "format=aof&on_conflict=overwrite", &file);
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(client.ask("GET mine"), Resp::Bulk(b"10".to_vec()));
    // The list was there, and is the file's now.
    assert_eq!(client.ask("LLEN l"), Resp::Int(2));
}

#[test]
fn conflicts_are_left_replaced_or_the_end() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let file = b"key,value,ttl_ms\na,1,\nb,2,60000\nc,3,\n";
    client.ask("SET b mine");
    let dry = import(&http, "format=csv&dry_run=true&on_conflict=fail", file);
    assert_eq!(
        (&dry["state"], &dry["result"]["keys"], &dry["result"]["existing"]),
        (&json!("done"), &json!(3), &json!(1)),
        "{dry}"
    );
    assert_eq!(client.ask("DBSIZE"), Resp::Int(1));
    let job = import(&http, "format=csv&on_conflict=fail", file);
    let error = job["error"].as_str().unwrap_or_default();
    assert_eq!(job["state"], "failed", "{job}");
    assert!(
        error.contains("\"b\" (line 3) is there already") && error.contains("1 keys were written"),
        "{error}"
    );
    assert_eq!(client.ask("EXISTS a c"), Resp::Int(1));
    let job = import(&http, "format=csv&on_conflict=skip", file);
    assert_eq!(
        (&job["result"]["keys"], &job["result"]["skipped"]),
        (&json!(1), &json!(2)),
        "{job}"
    );
    assert_eq!(client.ask("GET b"), Resp::Bulk(b"mine".to_vec()));
    assert_eq!(
        import(&http, "format=csv&on_conflict=overwrite", file)["result"]["keys"],
        3
    );
    assert_eq!(client.ask("GET b"), Resp::Bulk(b"2".to_vec()));
    assert!(matches!(client.ask("PTTL b"), Resp::Int(1..=60_000)));
    // The same of commands.
    let commands = b"SET b 5\nAPPEND b 6\nSET d 7\n";
    assert_eq!(import(&http, "format=commands", commands)["result"]["skipped"], 2);
    assert_eq!(client.ask("GET b"), Resp::Bulk(b"2".to_vec()));
    client.ask("DEL d");
    assert_eq!(
        import(&http, "format=commands&on_conflict=fail", commands)["state"],
        "failed"
    );
    assert_eq!(client.ask("EXISTS d"), Resp::Int(0));
    let job = import(&http, "format=commands&on_conflict=overwrite", commands);
    assert_eq!(job["result"]["commands"], 3, "{job}");
    assert_eq!(client.ask("GET b"), Resp::Bulk(b"56".to_vec()));
    assert_eq!(client.ask("PTTL b"), Resp::Int(-1));
}

#[test]
fn rights_are_those_of_the_user() {
    let (server, http, page) = start_closed();
    let mut client = server.connect();
    client.ask("AUTH secret");
    client.ask("ACL SETUSER ada on >pass ~own:* +exists +restore +set");
    client.ask("ACL SETUSER bob on >pass ~* +@all -restore");
    let (ada, bob) = (basic(&http, "ada:pass"), basic(&http, "bob:pass"));
    let file = b"key,value\nown:a,1\nother,2\n";
    for query in ["format=csv", "format=csv&dry_run=true"] {
        let job = import(&ada, query, file);
        assert_eq!(
            (&job["result"]["keys"], &job["errors"]),
            (&json!(1), &json!(1)),
            "{job}"
        );
        let error = &job["result"]["errors"][0];
        assert_eq!(
            (&error["key"], &error["line"], &error["code"]),
            (&json!("other"), &json!(3), &json!("NOPERM"))
        );
    }
    assert_eq!(client.ask("EXISTS own:a other"), Resp::Int(1));
    let job = import(&ada, "format=commands", b"SET own:b 1\nDEL own:c\nSET other 1\n");
    assert_eq!(
        (&job["result"]["commands"], &job["errors"]),
        (&json!(1), &json!(2)),
        "{job}"
    );
    assert_eq!(send(&bob, "format=csv", file).code(), "NOPERM");
    assert_eq!(send(&ada, "format=csv&db=1", file).code(), "NOPERM");
    // Another's dry run is nobody's.
    let dry = import(&ada, "format=csv&dry_run=true", file);
    let id = dry["id"].as_str().expect("an id");
    assert_eq!(send(&bob, &format!("from={id}"), b"").code(), "NOT_FOUND");
    // A session that may only read, and a page without the CSRF value.
    assert_eq!(send(&page, "format=csv&dry_run=true", file).code(), "READ_ONLY");
    let page = unlocked(&page);
    assert_eq!(
        send(&page.without("X-FlashDB-CSRF"), "format=csv", file).code(),
        "BAD_CSRF"
    );
    assert_eq!(
        send(&page.with("Origin", "http://evil"), "format=csv", file).code(),
        "FOREIGN_ORIGIN"
    );
    assert_eq!(send(&http, "format=csv", file).code(), "NO_SESSION");
    assert_eq!(import(&page, "format=csv", file)["state"], "done");
}

#[test]
fn broken_foreign_and_oversized_files_end_with_a_place_and_leave_nothing() {
    let folder = Folder::new("broken");
    let dir = folder.0.display().to_string();
    std::fs::write(folder.0.join("import-0123456789abcdef.tmp"), "left by a crash").expect("a file");
    std::fs::write(folder.0.join("import-mine.tmp"), "somebody's own").expect("a file");
    let (server, http) = start(&["--dir", &dir, "--import-max-bytes", "100000"]);
    assert_eq!(folder.uploads(), 1, "only what an upload is called is removed");
    let mut client = server.connect();
    let cut = &REDIS[..REDIS.len() / 2];
    let mut flipped = REDIS.to_vec();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let aof = b"*1\r\n$99999999999\r\nx\r\n";
    let bomb = [
        &b"REDIS0011\x00\x01k\xc3\x80\xff\xff\xff\xff\x80\xff\xff\xff\xff"[..],
        &[0xff; 1000],
    ]
    .concat();
    for (format, file) in [
        ("rdb", cut),
        ("rdb", &flipped),
        ("rdb", b"PK\x03\x04 an archive"),
        ("rdb", &bomb),
        ("aof", aof),
        ("aof", b"GET / HTTP/1.1\r\n"),
        ("csv", b"a,b\n1,2\n"),
        ("csv", b"key,value\n\"x,1\n"),
    ] {
        for dry_run in [true, false] {
            let job = import(
                &http,
                &format!("format={format}&dry_run={dry_run}&on_conflict=overwrite"),
                file,
            );
            let error = job["error"].as_str().unwrap_or_default();
            assert_eq!(job["state"], "failed", "{format}: {job}");
            assert!(error.contains("cannot be read on at"), "{format}: {error}");
        }
    }
    // Lines are refused one by one.
    let noise: Vec<u8> = (0..60_000u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for format in ["jsonl", "commands"] {
        let job = import(&http, &format!("format={format}"), &noise);
        assert!(job["errors"].as_u64() > Some(10), "{job}");
        assert_eq!(job["result"]["changed"], 0, "{job}");
    }
    for (query, file, code) in [
        ("format=csv", vec![b'x'; 100_001], "BODY_TOO_LARGE"),
        ("format=csv", Vec::new(), "CONFLICT"),
        ("format=zip", b"x".to_vec(), "BAD_REQUEST"),
        ("", b"x".to_vec(), "BAD_REQUEST"),
        ("format=csv&db=99", b"x".to_vec(), "BAD_REQUEST"),
        ("format=csv&on_conflict=merge", b"x".to_vec(), "BAD_REQUEST"),
        ("format=csv&dry_run=maybe", b"x".to_vec(), "BAD_REQUEST"),
        ("format=csv&rate=0", b"x".to_vec(), "BAD_REQUEST"),
        ("from=00000000", Vec::new(), "NOT_FOUND"),
    ] {
        assert_eq!(send(&http, query, &file).code(), code, "{query}");
    }
    let json = http.with("Content-Type", "application/json");
    assert_eq!(
        json.raw("POST", "/api/v1/imports?format=csv", b"{}").code(),
        "NOT_BYTES"
    );
    // One that announces nothing and sends too much, and one who leaves half way.
    let mut head =
        String::from_utf8_lossy(&http.bytes("POST", "/api/v1/imports?format=csv", b"")).into_owned();
    head = head.replace(
        "Content-Length: 0",
        "Transfer-Encoding: chunked\r\nContent-Type: application/octet-stream",
    );
    let mut stream = http.connect();
    stream.write_all(head.as_bytes()).expect("a head");
    for _ in 0..30 {
        // It may be refused before all of it is there.
        let _ = stream.write_all(&[b"1000\r\n", &[b'x'; 0x1000][..], b"\r\n"].concat());
    }
    assert_eq!(super::read(&mut stream).code(), "BODY_TOO_LARGE");
    let mut stream = http.connect();
    stream.write_all(head.as_bytes()).expect("a head");
    stream.write_all(b"5\r\nkey,v\r\n").expect("a part");
    drop(stream);
    assert_eq!(folder.uploads(), 1);
    let keys = client.ask("DBSIZE");
    assert!(matches!(keys, Resp::Int(0..=100)), "{keys:?}");
    drop(server);
    assert_eq!(folder.uploads(), 1);
}

#[test]
fn a_value_that_cannot_be_held_is_named_and_the_rest_comes_in() {
    let (server, http) = start(&["--proto-max-bulk-len", "1mb"]);
    let mut client = server.connect();
    let long = "x".repeat(1 << 20);
    let file = format!(
        "{}\n{}\n{}\n",
        json!({"key": "a", "value": "1"}),
        json!({"key": "large", "value": long}),
        json!({"key": "b", "value": "2"})
    );
    let job = import(&http, "format=jsonl", file.as_bytes());
    assert_eq!(
        (&job["state"], &job["result"]["keys"], &job["errors"]),
        (&json!("done"), &json!(2), &json!(1)),
        "{job}"
    );
    let error = &job["result"]["errors"][0];
    assert_eq!(
        (&error["key"], &error["line"]),
        (&json!("large"), &json!(2)),
        "{job}"
    );
    assert_eq!(client.ask("DBSIZE"), Resp::Int(2));
}

#[test]
fn it_is_paused_aborted_and_ends_when_memory_does() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let mut file = String::from("key,value\n");
    for at in 0..5000 {
        file.push_str(&format!("k:{at},value\n"));
    }
    let begun = send(&http, "format=csv&rate=200", file.as_bytes()).json();
    let path = format!("/api/v1/jobs/{}", begun["id"].as_str().expect("an id"));
    let job = job_when(&http, &path, |job| job["done"].as_u64() >= Some(20));
    assert!(job["total"].as_u64() > Some(1000), "{job}");
    let pause = json!({"paused": true}).to_string();
    assert_eq!(http.send("PATCH", &path, &pause).json()["state"], "paused");
    assert_eq!(http.send("DELETE", &path, "").status, 200);
    let job = ended(&http, &path);
    assert_eq!(job["state"], "aborted", "{job}");
    let written = job["result"]["keys"].as_i64().expect("a number");
    assert!(written < 5000);
    assert_eq!(client.ask("DBSIZE"), Resp::Int(written));
    client.ask("FLUSHALL");
    client.ask("CONFIG SET maxmemory 1");
    let job = import(&http, "format=csv", file.as_bytes());
    let error = job["error"].as_str().unwrap_or_default();
    assert_eq!(job["state"], "failed", "{job}");
    assert!(
        error.starts_with("OOM") && error.contains("0 keys were written"),
        "{error}"
    );
}

#[test]
fn an_upload_that_stalls_gives_its_place_back() {
    let (_server, http) = start(&[]);
    let mut head = http.bytes("POST", "/api/v1/imports?format=csv", b"");
    head.truncate(head.len() - 2);
    let head = String::from_utf8_lossy(&head).replace(
        "Content-Length: 0",
        "Content-Length: 1000\r\nContent-Type: application/octet-stream",
    );
    let stalled: Vec<_> = (0..5)
        .map(|_| {
            let mut stream = http.connect();
            stream
                .write_all(&[head.as_bytes(), b"\r\nkey,value\n"].concat())
                .expect("a part");
            stream
        })
        .collect();
    let mut codes: Vec<String> = stalled
        .into_iter()
        .map(|mut stream| super::read(&mut stream).code())
        .collect();
    codes.sort();
    // Two places are one user's; others find the rest free.
    assert_eq!(codes, ["BUSY", "BUSY", "BUSY", "TIMEOUT", "TIMEOUT"]);
    let end = Instant::now() + Duration::from_secs(10);
    while send(&http, "format=csv", b"key,value\na,b\n").status != 202 {
        assert!(Instant::now() < end, "no place was given back");
    }
}

#[test]
fn commands_reach_no_other_database() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SELECT 5");
    client.ask("SET b precious");
    client.ask("SELECT 0");
    for conflict in ["skip", "overwrite", "fail"] {
        client.ask("DEL a");
        let file = b"SET a evil\nCOPY a b DB 5 REPLACE\nMOVE a 5\nSELECT 5\nAPPEND a x\n";
        let job = import(&http, &format!("format=commands&on_conflict={conflict}"), file);
        assert_eq!(job["errors"], 2, "{job}");
        client.ask("SELECT 5");
        assert_eq!(client.ask("GET b"), Resp::Bulk("precious".into()), "{conflict}");
        assert_eq!(client.ask("EXISTS a"), Resp::Int(0), "{conflict}");
        client.ask("SELECT 0");
    }
}

#[test]
fn where_it_is_to_fail_nothing_behind_the_conflict_is_written() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    let line = |key: &str| format!("{{\"key\":\"{key}\",\"type\":\"string\",\"value\":\"v\"}}\n");
    let file: String = ["a", "a", "b", "c"].map(line).concat();
    let job = import(&http, "format=jsonl&on_conflict=fail", file.as_bytes());
    assert_eq!(
        (&job["state"], &job["result"]["keys"]),
        (&json!("failed"), &json!(1)),
        "{job}"
    );
    assert_eq!(client.ask("KEYS *"), Resp::Array(vec![Resp::Bulk("a".into())]));
}

#[test]
fn commands_do_not_go_on_with_a_key_that_was_left_out() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    // An RDB head with a list of more empty elements than one command makes, and commands behind it.
    let mut file = b"REDIS0009\xfe\x00\x01\x04bigl\x80".to_vec();
    file.extend_from_slice(&2_200_000_u32.to_be_bytes());
    file.resize(file.len() + 2_200_000, 0);
    file.push(0xff);
    file.extend_from_slice(&[0; 8]);
    file.extend_from_slice(b"*3\r\n$5\r\nRPUSH\r\n$4\r\nbigl\r\n$4\r\ntail\r\n");
    for (conflict, expected) in [("skip", 0), ("overwrite", 1)] {
        if expected == 1 {
            client.ask("RPUSH bigl mine");
        }
        let job = import(&http, &format!("format=aof&on_conflict={conflict}"), &file);
        assert_eq!(
            (&job["state"], &job["errors"]),
            (&json!("done"), &json!(1)),
            "{job}"
        );
        assert_eq!(client.ask("LLEN bigl"), Resp::Int(expected), "{conflict}");
    }
    assert_eq!(client.ask("LINDEX bigl 0"), Resp::Bulk("mine".into()));
}

#[test]
fn errors_tell_nothing_of_values_and_one_user_leaves_room_for_others() {
    let (_server, http) = start(&[]);
    let file = b"{\"key\":\"sec\",\"type\":\"hash\",\"fields\":\"TOPSECRET\"}\n";
    let job = import(&http, "format=jsonl", file);
    assert_eq!(job["errors"], 1, "{job}");
    assert!(!job.to_string().contains("TOPSECRET"), "{job}");
    // Files of dry runs are kept, and those of a user give way to his next.
    for _ in 0..5 {
        let job = import(&http, "format=jsonl&dry_run=true", file);
        assert_eq!(job["state"], "done", "{job}");
    }
}

#[test]
fn who_has_the_name_of_a_user_who_is_gone_has_none_of_the_jobs_and_files() {
    let (server, http, page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    let users = ["ada", "bob", "eve", "joe"];
    let make = |user: &str| format!("ACL SETUSER {user} on >pass ~* +exists +restore");
    let (dry, file) = ("format=csv&dry_run=true", b"key,value\na,1\n");
    let mut jobs = Vec::new();
    for user in users {
        admin.ask(&make(user));
        let job = import(&basic(&http, &format!("{user}:pass")), dry, file);
        jobs.push(job["id"].as_str().expect("an id").to_owned());
    }
    // All places are taken, until a user goes.
    let page = unlocked(&page);
    assert_eq!(send(&page, dry, file).code(), "BUSY");
    assert_eq!(admin.ask("ACL DELUSER ada"), Resp::Int(1));
    assert_eq!(import(&page, dry, file)["state"], "done");

    admin.ask(&make("ada"));
    let (ada, job) = (basic(&http, "ada:pass"), &jobs[0]);
    assert_eq!(ada.get("/api/v1/jobs").json()["jobs"], json!([]));
    let path = format!("/api/v1/jobs/{job}");
    assert_eq!(ada.get(&path).code(), "NOT_FOUND");
    assert_eq!(ada.send("DELETE", &path, "").code(), "NOT_FOUND");
    assert_eq!(send(&ada, &format!("from={job}"), b"").code(), "NOT_FOUND");
    // Who is still there has it all.
    let bob = basic(&http, "bob:pass");
    let path = format!("/api/v1/jobs/{}", jobs[1]);
    assert_eq!(bob.get(&path).json()["state"], "done");
    assert_eq!(import(&bob, &format!("from={}", jobs[1]), b"")["state"], "done");
    // An administrator sees whose it was.
    assert_eq!(page.get(&format!("/api/v1/jobs/{job}")).json()["user"], "ada");
}
