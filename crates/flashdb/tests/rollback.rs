//! Rollback transactions over sockets: what others can see of one that failed (nothing), what it answers, and that neither a
//! kill nor a start brings anything of it back. The store's and the simulation's tests have the same against models.

mod support;

use flashdb_base::prng::Prng;
use std::path::PathBuf;
use support::{Raw, Server, Value};

const DEBUGGING: &[&str] = &["--enable-debug-command", "yes"];

fn started(args: &[&str]) -> Server {
    Server::start(&[DEBUGGING, args].concat())
}

/// Queues requests, one a line, behind `begin`; EXEC's answer.
fn transaction(client: &mut Raw, begin: &str, requests: &str) -> Value {
    assert_eq!(client.ask(begin).text(), "OK");
    for line in requests.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert_eq!(client.ask(line), Value::Simple("QUEUED".into()), "{line}");
    }
    client.ask("EXEC")
}

fn words(value: &Value) -> Vec<String> {
    value.items().iter().map(Value::text).collect()
}

#[test]
fn nobody_notices_what_is_rolled_back() {
    let server = started(&["--io-threads", "2", "--notify-keyspace-events", "KEA"]);
    let [mut client, mut watcher, mut waiter, mut listener] = [(); 4].map(|()| server.connect());
    for line in [
        "SET a 1 PXAT 99999999999999",
        "SET text t",
        "HSET h f v",
        "HEXPIRE h 100000 FIELDS 1 f",
        "RPUSH l 1 2 3",
    ] {
        client.ask(line);
    }
    for line in ["WATCH a c queue", "MULTI", "GET a"] {
        watcher.ask(line);
    }
    waiter.request(&["BLPOP", "queue", "0"]);
    server.await_info("blocked_clients", 1);
    listener.ask("PSUBSCRIBE *");
    let state = |client: &mut Raw| {
        let lines = [
            "DEBUG DIGEST",
            "PEXPIRETIME a",
            "HPEXPIRETIME h FIELDS 1 f",
            "DBSIZE",
        ];
        lines.map(|line| client.ask(line))
    };
    let (before, changes) = (state(&mut client), server.info("rdb_changes_since_last_save"));
    let answer = transaction(
        &mut client,
        "MULTI ATOMIC",
        "SET a 2 EX 100
         DEL h
         RENAME l m
         RPUSH queue x
         PUBLISH news hello
         SELECT 3
         SET c 1
         SWAPDB 0 3
         FLUSHALL
         SET text t
         LPUSH text x
         SET never 1",
    );
    assert_eq!(
        answer,
        Value::Error(
            "EXECABORT Transaction rolled back because of: 'lpush', command 11 of 12: WRONGTYPE Operation against a \
             key holding the wrong kind of value"
                .into()
        )
    );
    assert_eq!(state(&mut client), before);
    assert_eq!(
        client.ask("GET a").text(),
        "1",
        "the selected database is the old one"
    );
    assert_eq!(server.info("rdb_changes_since_last_save"), changes);
    assert_eq!(server.info("blocked_clients"), 1);
    assert_eq!(watcher.ask("EXEC"), Value::Array(vec![Value::Bulk(b"1".into())]));
    for line in ["WATCH a", "MULTI", "GET a"] {
        watcher.ask(line);
    }
    // The same without the failure: all is told, in order, once.
    let answer = transaction(
        &mut client,
        "multi atomic",
        "SET a 2\nPUBLISH news hello\nRPUSH queue x\nPUBLISH news bye",
    );
    assert_eq!(
        answer.items(),
        [
            Value::Simple("OK".into()),
            Value::Int(1),
            Value::Int(1),
            Value::Int(1)
        ]
    );
    assert_eq!(words(&waiter.read()), ["queue", "x"]);
    assert_eq!(watcher.ask("EXEC"), Value::Null);
    let told: Vec<_> = (0..6)
        .map(|_| words(&listener.read())[2..].join(" "))
        .filter(|told| !told.starts_with("__keyspace"))
        .collect();
    assert_eq!(
        told,
        [
            "__keyevent@0__:set a",
            "news hello",
            "__keyevent@0__:rpush queue",
            "news bye"
        ]
    );
}

#[test]
fn what_multi_takes_and_refuses() {
    let server = started(&[]);
    let mut client = server.connect();
    assert_eq!(client.ask("MULTI SOMETIMES").text(), "ERR syntax error");
    assert_eq!(
        client.ask("MULTI ATOMIC ATOMIC").text(),
        "ERR wrong number of arguments for 'multi' command"
    );
    assert_eq!(client.ask("EXEC").text(), "ERR EXEC without MULTI");
    for outlasting in [
        "CONFIG SET timeout 1",
        "CLIENT SETNAME me",
        "SUBSCRIBE c",
        "HELLO 3",
    ] {
        client.ask("MULTI ATOMIC");
        let refusal = client.ask(outlasting).text();
        assert!(
            refusal.starts_with("ERR Command not allowed inside a rollback transaction"),
            "{outlasting}: {refusal}"
        );
        assert_eq!(
            client.ask("EXEC").text(),
            "EXECABORT Transaction discarded because of previous errors."
        );
    }
    // A blocking command does not wait, and that there was nothing is no failure.
    let answer = transaction(
        &mut client,
        "MULTI ATOMIC",
        "SET k 1\nBLPOP l 0\nXREAD BLOCK 0 STREAMS x $",
    );
    assert_eq!(
        answer.items(),
        [Value::Simple("OK".into()), Value::Null, Value::Null]
    );
    // That nobody reads the replies does not hide the failure.
    for line in [
        "CLIENT REPLY OFF",
        "MULTI ATOMIC",
        "SET k 2",
        "LPUSH k x",
        "EXEC",
        "CLIENT REPLY ON",
    ] {
        client.request(&line.split(' ').collect::<Vec<_>>());
    }
    assert_eq!(client.read().text(), "OK");
    assert_eq!(client.ask("GET k").text(), "1");
}

#[test]
fn scripts_fail_and_publish_with_their_transaction() {
    let server = started(&[]);
    let [mut client, mut listener] = [(); 2].map(|()| server.connect());
    listener.ask("SUBSCRIBE c");
    client.ask("SET text t");
    for failure in [
        "EVAL redis.call('set','k','s')redis.call('incr','text') 2 k text",
        "EVAL redis.call('set','k','s')return{err='CAUSE'} 1 k",
        "EVAL redis.call('set','k','s')redis.call('set','undeclared','s')error('CAUSE') 1 k",
        "EVAL redis.call('flushall')redis.call('publish','c','no')error('CAUSE') 0",
    ] {
        let queue = format!("SET before 1\nPUBLISH c no\n{failure}\nSET after 1");
        let answer = transaction(&mut client, "MULTI ATOMIC", &queue).text();
        assert!(
            answer.starts_with("EXECABORT Transaction rolled back because of: 'eval', command 3 of 4: "),
            "{answer}"
        );
        assert_eq!(client.ask("KEYS *").items(), [Value::Bulk(b"text".into())]);
    }
    // An error inside of the answer, or one that the script has caught, is no failure.
    let queue =
        "EVAL redis.call('publish','c','yes')return{{err='CAUSE'},redis.pcall('incr','text')['err']} 1 text";
    let answer = transaction(&mut client, "MULTI ATOMIC", queue);
    assert!(
        matches!(answer.items()[0].items()[0], Value::Error(_)),
        "{answer:?}"
    );
    assert_eq!(words(&listener.read()), ["message", "c", "yes"]);
}

#[test]
fn the_setting_makes_every_transaction_one_that_rolls_back() {
    let server = started(&[]);
    let mut client = server.connect();
    let failing = "INCR n\nLPUSH n x\nINCR n";
    for (setting, after) in [("no", "2"), ("yes", "2"), ("no", "4")] {
        client.ask(&format!("CONFIG SET transaction-rollback {setting}"));
        assert_eq!(
            client.ask("CONFIG GET transaction-rollback").items()[1].text(),
            setting
        );
        let answer = transaction(&mut client, "MULTI", failing);
        assert_eq!(matches!(answer, Value::Error(_)), setting == "yes", "{answer:?}");
        assert_eq!(client.ask("GET n").text(), after);
    }
    // It counts what was said when the transaction began.
    client.ask("CONFIG SET transaction-rollback yes");
    client.ask("MULTI");
    server.connect().ask("CONFIG SET transaction-rollback no");
    client.ask("INCR n");
    client.ask("LPUSH n x");
    assert!(matches!(client.ask("EXEC"), Value::Error(_)));
    assert_eq!(client.ask("GET n").text(), "4");
}

/// Requests that change data or fail on another type; `?` is a key, `#` a number.
const REQUESTS: &[&str] = &[
    "SET ? # PXAT 9999999999999",
    "SET ? #",
    "INCR ?",
    "APPEND ? #",
    "GETDEL ?",
    "PEXPIREAT ? 999999999999#",
    "PERSIST ?",
    "LPUSH ? # #",
    "RPOPLPUSH ? ?",
    "LTRIM ? 0 3",
    "SADD ? # #",
    "SMOVE ? ? #",
    "SINTERSTORE ? ? ?",
    "HSET ? # # # #",
    "HPEXPIREAT ? 999999999999# FIELDS 1 #",
    "HDEL ? #",
    "ZADD ? # # # #",
    "ZINCRBY ? # #",
    "ZUNIONSTORE ? 2 ? ?",
    "DEL ? ?",
    "RENAME ? ?",
    "COPY ? ? REPLACE",
    "MOVE ? 1",
    "SORT ? STORE ?",
    "PFADD ? #",
    "SETBIT ? # 1",
    "SELECT 1",
    "SELECT 0",
    "SWAPDB 0 1",
    "FLUSHDB",
    "MSET ? # ? #",
];

fn request(prng: &mut Prng) -> String {
    let index = match prng.below(40) {
        // Data has to grow between two of these.
        0 => REQUESTS.len() - 3 + prng.below(2) as usize,
        _ => prng.below(REQUESTS.len() as u64 - 3) as usize,
    };
    let mut line = String::new();
    for letter in REQUESTS[index].chars() {
        match letter {
            '?' => line += &format!("k{}", prng.below(10)),
            '#' => line += &prng.below(10).to_string(),
            other => line.push(other),
        }
    }
    line
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

/// One server runs random transactions, another one only those that succeeded and without rollback; the first one is killed
/// and started again now and then.
#[test]
fn random_transactions_and_kills() {
    const SEED: u64 = 4;
    let name = format!("flashdb-rollback-{}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    std::fs::create_dir_all(&folder.0).expect("a temporary folder");
    let dir = folder.0.to_string_lossy().into_owned();
    let args = ["--appendfsync", "always", "--dir", &dir];
    let mut prng = Prng::from_seed(SEED);
    let twin = started(&["--appendonly", "no"]);
    let mut model = twin.connect();
    let (mut undone, mut done) = (0, 0);
    for round in 0..4 {
        let server = started(&args);
        let mut client = server.connect();
        let place = format!("seed {SEED}, round {round}");
        assert_eq!(
            client.ask("DEBUG DIGEST"),
            model.ask("DEBUG DIGEST"),
            "{place}, recovered"
        );
        model.ask("SELECT 0");
        for number in 0..150 {
            let lines: Vec<_> = (0..1 + prng.below(6)).map(|_| request(&mut prng)).collect();
            let answer = transaction(&mut client, "MULTI ATOMIC", &lines.join("\n"));
            match answer {
                Value::Error(text) => {
                    assert!(text.starts_with("EXECABORT Transaction rolled back"), "{text}");
                    undone += 1;
                }
                answer => {
                    assert_eq!(answer, transaction(&mut model, "MULTI", &lines.join("\n")));
                    done += 1;
                }
            }
            if number % 10 == 0 {
                let place = format!("{place}, transaction {number}: {lines:?}");
                assert_eq!(client.ask("DEBUG DIGEST"), model.ask("DEBUG DIGEST"), "{place}");
            }
        }
        assert_eq!(client.ask("DEBUG DIGEST"), model.ask("DEBUG DIGEST"), "{place}");
    }
    assert!(undone > 100 && done > 100, "{undone} undone, {done} done");
}
