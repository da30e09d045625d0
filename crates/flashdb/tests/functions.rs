//! Function libraries as data, with the real binary: over a kill and a restart, in snapshots and RDB files, as payloads that
//! a real redis-server takes and gives where there is one, and damaged.

mod support;

#[path = "../../flashdb-rdb/tests/redis_server/mod.rs"]
#[allow(dead_code)] // This file uses a part of it.
mod redis_server;

use flashdb_base::crc::crc64;
use flashdb_base::prng::Prng;
use redis_server::{RedisServer, Reply, program};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Raw, Server, Value};

/// A folder that is removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("flashdb-functions-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn text(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

/// A server whose data lasts in `folder`, write by write.
fn serve(folder: &Folder) -> Server {
    let dir = folder.text();
    let server = Server::start(&[
        "--dir",
        &dir,
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--enable-debug-command",
        "yes",
    ]);
    server.await_info("loading", 0);
    server
}

fn library(name: &str, function: &str, body: &str) -> String {
    format!("#!lua name={name}\nredis.register_function('{function}', function(keys, args) {body} end)")
}

fn ask<W: AsRef<[u8]>>(client: &mut Raw, words: &[W]) -> Value {
    client.request(words);
    client.read()
}

fn load(client: &mut Raw, source: &str) -> String {
    ask(client, &["FUNCTION", "LOAD", "REPLACE", source]).text()
}

fn names(client: &mut Raw) -> Vec<String> {
    let list = client.ask("FUNCTION LIST");
    let name = |library: &Value| library.field("library_name").expect("a name").text();
    list.items().iter().map(name).collect()
}

#[test]
fn libraries_outlive_a_kill() {
    let folder = Folder::new();
    let server = serve(&folder);
    let mut client = server.connect();
    assert_eq!(load(&mut client, &library("one", "f1", "return 'first'")), "one");
    assert_eq!(
        load(
            &mut client,
            &library("two", "f2", "return redis.call('INCR', keys[1])")
        ),
        "two"
    );
    assert_eq!(load(&mut client, &library("three", "f3", "return 3")), "three");
    assert_eq!(load(&mut client, &library("one", "f1", "return 'second'")), "one");
    assert_eq!(client.ask("FUNCTION DELETE three"), Value::Simple("OK".into()));
    assert_eq!(client.ask("FCALL f2 1 counter"), Value::Int(1));
    client.ask("FLUSHALL");
    assert_eq!(client.ask("FCALL f2 1 counter"), Value::Int(1));
    drop(server);

    // From the log.
    let server = serve(&folder);
    let mut client = server.connect();
    assert_eq!(names(&mut client), ["one", "two"]);
    assert_eq!(client.ask("FCALL F1 0").text(), "second");
    assert_eq!(client.ask("FCALL f2 1 counter"), Value::Int(2));
    assert_eq!(client.ask("FCALL f3 0").text(), "ERR Function not found");
    assert_eq!(server.info("number_of_functions"), 2);
    // A snapshot, back to which they go, and the log behind it.
    client.ask("SNAPSHOT.CREATE with");
    assert_eq!(client.ask("FUNCTION DELETE one"), Value::Simple("OK".into()));
    assert_eq!(load(&mut client, &library("five", "f5", "return 5")), "five");
    assert_eq!(client.ask("SNAPSHOT.RESTORE with"), Value::Simple("OK".into()));
    assert_eq!(names(&mut client), ["one", "two"]);
    assert_eq!(client.ask("FCALL f5 0").text(), "ERR Function not found");
    assert_eq!(client.ask("FCALL f1 0").text(), "second");
    assert_eq!(load(&mut client, &library("four", "f4", "return 4")), "four");
    drop(server);

    let server = serve(&folder);
    let mut client = server.connect();
    assert_eq!(names(&mut client), ["four", "one", "two"]);
    let payload = client.ask("FUNCTION DUMP");
    let Value::Bulk(payload) = payload else {
        panic!("a payload")
    };
    assert_eq!(client.ask("FUNCTION FLUSH"), Value::Simple("OK".into()));
    assert_eq!(load(&mut client, &library("five", "f5", "return 5")), "five");
    let restored = ask(
        &mut client,
        &[b"FUNCTION".as_slice(), b"RESTORE", &payload, b"FLUSH"],
    );
    assert_eq!(restored, Value::Simple("OK".into()));
    drop(server);

    let server = serve(&folder);
    let mut client = server.connect();
    assert_eq!(names(&mut client), ["four", "one", "two"]);
    assert_eq!(client.ask("FCALL f4 0"), Value::Int(4));
}

#[test]
fn libraries_outlive_flushes_and_reloads() {
    let folder = Folder::new();
    let server = serve(&folder);
    let mut client = server.connect();
    load(&mut client, &library("one", "f1", "return 1"));
    for line in ["FLUSHALL", "FLUSHDB", "DEBUG RELOAD"] {
        assert_eq!(client.ask(line), Value::Simple("OK".into()), "{line}");
        assert_eq!(names(&mut client), ["one"], "{line}");
        assert_eq!(client.ask("FCALL f1 0"), Value::Int(1), "{line}");
    }
    assert!(matches!(client.ask("DEBUG RELOAD NOFLUSH"), Value::Error(_)));
    // The file of the first reload stands for what is not saved now.
    load(&mut client, &library("two", "f2", "return 2"));
    let merged = client.ask("DEBUG RELOAD NOSAVE NOFLUSH MERGE");
    assert_eq!(merged, Value::Simple("OK".into()));
    assert_eq!(names(&mut client), ["one", "two"]);
    // Every loop has its own interpreter.
    for _ in 0..16 {
        assert_eq!(server.connect().ask("FCALL f2 0"), Value::Int(2));
    }
}

#[test]
fn a_refused_change_changes_nothing() {
    let folder = Folder::new();
    let server = serve(&folder);
    let mut client = server.connect();
    load(&mut client, &library("one", "f1", "return 1"));
    load(&mut client, &library("two", "f2", "return 2"));
    for (source, error) in [
        (
            library("three", "F1", "return 3"),
            "ERR Function F1 already exists",
        ),
        (library("one", "f2", "return 3"), "ERR Function f2 already exists"),
        (
            library("one", "f1", "return"),
            "", // Fine by itself: the rest of the table is refused.
        ),
        ("#!lua name=one\nreturn 1".into(), "ERR No functions registered"),
        (
            "#!lua name=one\nbad code".into(),
            "ERR Error compiling function: user_function:2: '=' expected near 'code'",
        ),
        (
            "#!lua name=one\nredis.call('SET', 'x', 1)".into(),
            "ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable 'call'",
        ),
        (
            "#!lua name=one\nwhile true do end".into(),
            "ERR Error registering functions: ERR FUNCTION LOAD timeout",
        ),
        ("#!js name=one\n".into(), "ERR Engine 'js' not found"),
        ("no library".into(), "ERR Missing library metadata"),
    ] {
        if !error.is_empty() {
            assert_eq!(load(&mut client, &source), error, "{source}");
        }
        assert_eq!(client.ask("FCALL f1 0"), Value::Int(1), "{source}");
        assert_eq!(client.ask("FCALL f2 0"), Value::Int(2), "{source}");
    }
    let again = ask(
        &mut client,
        &["FUNCTION", "LOAD", &library("one", "f1", "return 9")],
    );
    assert_eq!(again.text(), "ERR Library 'one' already exists");
    assert_eq!(names(&mut client), ["one", "two"]);
    drop(server);
    let server = serve(&folder);
    let mut client = server.connect();
    assert_eq!(names(&mut client), ["one", "two"]);
    assert_eq!(client.ask("FCALL f1 0"), Value::Int(1));
}

/// Where a test allows scripts all commands, they still do not run or load each other.
#[test]
fn scripts_stay_apart() {
    let folder = Folder::new();
    let server = serve(&folder);
    let mut client = server.connect();
    load(
        &mut client,
        &library("one", "f1", "return redis.call(unpack(args))"),
    );
    client.ask("DEBUG SET-DISABLE-DENY-SCRIPTS 1");
    let source = library("two", "f2", "return 2");
    let requests: [&[&str]; 5] = [
        &["EVAL", "return 1", "0"],
        &["FCALL", "f1", "0", "PING"],
        &["SCRIPT", "LOAD", "return 1"],
        &["FUNCTION", "LOAD", &source],
        &["FUNCTION", "LOAD", "REPLACE", &source],
    ];
    for request in requests {
        let words = [&["FCALL", "f1", "0"], request].concat();
        let answer = ask(&mut client, &words).text();
        assert!(
            answer.starts_with("ERR a script cannot run or load another one"),
            "{request:?}: {answer}"
        );
    }
    assert_eq!(
        client.ask("FCALL f1 0 FUNCTION FLUSH"),
        Value::Simple("OK".into())
    );
    assert!(names(&mut client).is_empty());
    assert_eq!(client.ask("FCALL f1 0 PING").text(), "ERR Function not found");
}

#[test]
fn a_transaction_changes_libraries_as_one() {
    let folder = Folder::new();
    let server = serve(&folder);
    let mut client = server.connect();
    client.ask("MULTI");
    load(
        &mut client,
        &library("one", "f1", "return redis.call('GET', keys[1])"),
    );
    client.ask("SET x value");
    client.ask("FCALL f1 1 x");
    let done = client.ask("EXEC");
    assert_eq!(done.items()[2].text(), "value");
    drop(server);
    let server = serve(&folder);
    assert_eq!(server.connect().ask("FCALL f1 1 x").text(), "value");
}

/// A payload with a body of its own and the right checksum.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut payload = [body, &10_u16.to_le_bytes()].concat();
    let checksum = crc64(0, &payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

#[test]
fn damaged_payloads_are_refused_whole() {
    let folder = Folder::new();
    let server = serve(&folder);
    let mut client = server.connect();
    for name in ["one", "two", "three"] {
        load(&mut client, &library(name, &format!("f_{name}"), "return 1"));
    }
    let Value::Bulk(payload) = client.ask("FUNCTION DUMP") else {
        panic!("a payload")
    };
    client.ask("FUNCTION FLUSH");
    load(&mut client, &library("kept", "f_kept", "return 1"));
    let mut prng = Prng::from_seed(91);
    let mut restored = 0;
    for round in 0..400 {
        let mut body = payload[..payload.len() - 10].to_vec();
        for _ in 0..=prng.below(3) {
            let at = prng.below(body.len() as u64) as usize;
            body[at] = prng.next_u64() as u8;
        }
        body.truncate(body.len() - prng.below(3) as usize * prng.below(body.len() as u64) as usize / 2);
        let damaged = match round % 4 {
            0 => body,
            _ => sealed(&body),
        };
        let answer = ask(
            &mut client,
            &[b"FUNCTION".as_slice(), b"RESTORE", &damaged, b"APPEND"],
        );
        if answer == Value::Simple("OK".into()) {
            // The damage was in a place that matters to nobody.
            restored += 1;
            client.ask("FUNCTION FLUSH");
            load(&mut client, &library("kept", "f_kept", "return 1"));
        } else {
            assert_eq!(names(&mut client), ["kept"], "{answer:?}");
        }
    }
    assert!(restored < 200, "{restored}");
    assert_eq!(client.ask("FCALL f_kept 0"), Value::Int(1));
}

#[test]
fn payloads_and_files_go_to_redis_and_back() {
    let Some(program) = program() else { return };
    let (folder, redis_folder) = (Folder::new(), Folder::new());
    let server = serve(&folder);
    let mut client = server.connect();
    load(&mut client, &library("here", "f_here", "return 'from here'"));
    let Value::Bulk(payload) = client.ask("FUNCTION DUMP") else {
        panic!("a payload")
    };
    let mut redis = RedisServer::start(&program, &redis_folder.0, &[]).expect("a server");
    redis.run(&[b"FUNCTION", b"RESTORE", &payload]);
    assert_eq!(redis.say("FCALL f_here 0"), Reply::Text(b"from here".to_vec()));
    let there = library("there", "f_there", "return 'from there'");
    redis.run(&[b"FUNCTION", b"LOAD", there.as_bytes()]);
    redis.say("SET key value");
    let Reply::Text(payload) = redis.say("FUNCTION DUMP") else {
        panic!("a payload")
    };
    let restored = ask(
        &mut client,
        &[b"FUNCTION".as_slice(), b"RESTORE", &payload, b"REPLACE"],
    );
    assert_eq!(restored, Value::Simple("OK".into()));
    assert_eq!(names(&mut client), ["here", "there"]);
    assert_eq!(client.ask("FCALL f_there 0").text(), "from there");
    redis.say("SAVE");
    drop(redis);

    // The file that it left is imported, functions and all.
    let imported = Folder::new();
    std::fs::copy(redis_folder.0.join("dump.rdb"), imported.0.join("dump.rdb")).expect("a copy");
    let server = serve(&imported);
    let mut client = server.connect();
    assert_eq!(client.ask("GET key").text(), "value");
    assert_eq!(names(&mut client), ["here", "there"]);
    assert_eq!(client.ask("FCALL f_here 0").text(), "from here");

    // And the file that this one writes is read by the other.
    client.ask("DEBUG RELOAD");
    std::fs::copy(imported.0.join("dump.rdb"), redis_folder.0.join("dump.rdb")).expect("a copy");
    let mut redis = RedisServer::start(&program, &redis_folder.0, &[]);
    if let Ok(redis) = &mut redis {
        assert_eq!(redis.say("FCALL f_there 0"), Reply::Text(b"from there".to_vec()));
    }
}
