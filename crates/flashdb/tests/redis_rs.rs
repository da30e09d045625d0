//! redis-rs against the server: both protocols, pipelines, transactions, pub/sub, blocking pops, streams, iteration.
//!
//! Every test starts a server of its own on a free port, unless `FLASHDB_TEST_PORT` names a running one, whose databases
//! the tests then share by number.

use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{Client, Commands, Connection, ErrorKind, ProtocolVersion, RedisResult};
use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(20);

/// A server for one test; a started one ends with the value.
struct Fixture {
    child: Option<Child>,
    folder: std::path::PathBuf,
    port: u16,
    database: u8,
}

impl Fixture {
    /// `database` keeps the tests apart that share a running server.
    fn new(database: u8) -> Self {
        let folder = std::env::temp_dir().join(format!("flashdb-redis-rs-{}-{database}", std::process::id()));
        let mut fixture = Self {
            child: None,
            folder,
            port: 0,
            database,
        };
        match std::env::var("FLASHDB_TEST_PORT") {
            Ok(port) => fixture.port = port.parse().expect("FLASHDB_TEST_PORT is a port"),
            Err(_) => fixture.start(),
        }
        fixture
            .connect(ProtocolVersion::RESP2)
            .flushdb::<()>()
            .expect("FLUSHDB");
        fixture
    }

    fn start(&mut self) {
        std::fs::create_dir_all(&self.folder).expect("a temporary folder");
        // Free at this moment; the server fails to start if another process is faster.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        self.port = listener.local_addr().expect("a bound address").port();
        drop(listener);
        let child = Command::new(env!("CARGO_BIN_EXE_flashdb"))
            .args(["--port", &self.port.to_string(), "--save", "", "--http-port", "0"])
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("the server starts");
        let child = self.child.insert(child);
        let end = Instant::now() + START_LIMIT;
        while !answers_ping(self.port) {
            let gone = child.try_wait().expect("a child can be asked");
            assert!(
                gone.is_none() && Instant::now() < end,
                "server did not start: {gone:?}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn connect(&self, protocol: ProtocolVersion) -> Connection {
        let parameter = if protocol == ProtocolVersion::RESP3 {
            "?protocol=resp3"
        } else {
            ""
        };
        let address = format!("redis://127.0.0.1:{}/{}{parameter}", self.port, self.database);
        let client = Client::open(address).expect("a valid address");
        let connection = client.get_connection().expect("a connection");
        connection
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a time limit");
        connection
    }

    /// Runs `check` over a fresh connection of each protocol, on an empty database.
    fn both(&self, check: impl Fn(&mut Connection)) {
        for protocol in [ProtocolVersion::RESP2, ProtocolVersion::RESP3] {
            let mut connection = self.connect(protocol);
            connection.flushdb::<()>().expect("FLUSHDB");
            check(&mut connection);
        }
    }

    /// Waits until a client of this database waits inside `command`.
    fn await_blocked(&self, command: &str) {
        let mut connection = self.connect(ProtocolVersion::RESP2);
        let end = Instant::now() + Duration::from_secs(5);
        let wanted = [format!(" db={} ", self.database), format!(" cmd={command} ")];
        loop {
            let list: String = redis::cmd("CLIENT")
                .arg("LIST")
                .query(&mut connection)
                .expect("CLIENT LIST");
            let is_waiting =
                |line: &str| wanted.iter().all(|part| line.contains(part)) && line.contains("flags=b");
            if list.lines().any(is_waiting) {
                return;
            }
            assert!(Instant::now() < end, "nobody waits in {command}: {list}");
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _gone_already = child.kill();
            let _reaped = child.wait();
            let _best_effort = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn answers_ping(port: u16) -> bool {
    let attempt = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"+PONG")
    };
    attempt().unwrap_or(false)
}

#[test]
fn values_of_every_type() {
    let fixture = Fixture::new(1);
    fixture.both(|c| {
        let every: Vec<u8> = (0..=255).collect();
        c.set::<_, _, ()>(&every, &every).expect("SET");
        assert_eq!(c.get::<_, Vec<u8>>(&every), Ok(every.clone()));
        assert_eq!(c.get::<_, Option<String>>("none"), Ok(None));
        assert_eq!(c.incr::<_, _, i64>("n", 5), Ok(5));
        assert_eq!(c.hset_multiple::<_, _, _, ()>("h", &[("a", 1), ("b", 2)]), Ok(()));
        assert_eq!(
            c.hgetall::<_, HashMap<String, i64>>("h"),
            Ok(HashMap::from([("a".into(), 1), ("b".into(), 2)]))
        );
        assert_eq!(c.rpush::<_, _, usize>("l", &["x", "y"]), Ok(2));
        assert_eq!(
            c.lrange::<_, Vec<String>>("l", 0, -1),
            Ok(vec!["x".into(), "y".into()])
        );
        assert_eq!(c.sadd::<_, _, usize>("s", &["x", "y", "x"]), Ok(2));
        assert_eq!(
            c.smembers::<_, HashSet<String>>("s"),
            Ok(HashSet::from(["x".into(), "y".into()]))
        );
        assert_eq!(c.zadd::<_, _, _, usize>("z", "m", 2.5), Ok(1));
        assert_eq!(c.zscore::<_, _, f64>("z", "m"), Ok(2.5));
        assert_eq!(
            c.zrange_withscores::<_, Vec<(String, f64)>>("z", 0, -1),
            Ok(vec![("m".to_owned(), 2.5)])
        );
        assert_eq!(c.exists::<_, bool>("l"), Ok(true));
    });
}

#[test]
fn pipelines() {
    let fixture = Fixture::new(2);
    fixture.both(|c| {
        let mut pipe = redis::pipe();
        for number in 0..1000 {
            pipe.set(format!("k{number}"), number).ignore();
        }
        let replies: (i64, Option<i64>) = pipe.get("k999").get("none").query(c).expect("a pipeline");
        assert_eq!(replies, (999, None));
    });
}

#[test]
fn transactions_with_watch() {
    let fixture = Fixture::new(3);
    fixture.both(|c| {
        c.set::<_, _, ()>("n", 41).expect("SET");
        let mut attempts = 0;
        let (new,): (i64,) = redis::transaction(c, &["n"], |c, pipe| {
            attempts += 1;
            let old: i64 = c.get("n")?;
            if attempts == 1 {
                fixture.connect(ProtocolVersion::RESP2).set::<_, _, ()>("n", 99)?; // Breaks the first attempt.
            }
            pipe.set("n", old + 1).ignore().get("n").query(c)
        })
        .expect("a transaction");
        assert_eq!((attempts, new), (2, 100));

        let refused: RedisResult<()> = redis::pipe().atomic().cmd("NOSUCH").incr("n", 1).query(c);
        let refused = refused.expect_err("EXECABORT");
        assert!(
            refused
                .detail()
                .is_some_and(|text| text.starts_with("unknown command 'NOSUCH'")),
            "{refused}"
        );
        assert_eq!(c.get::<_, i64>("n"), Ok(100));
    });
}

#[test]
fn publish_and_subscribe_with_patterns() {
    let fixture = Fixture::new(4);
    let mut publisher = fixture.connect(ProtocolVersion::RESP2);
    let mut connection = fixture.connect(ProtocolVersion::RESP2);
    let mut subscriber = connection.as_pubsub();
    subscriber.subscribe("rs:news").expect("SUBSCRIBE");
    subscriber.psubscribe("rs:n*").expect("PSUBSCRIBE");
    assert_eq!(publisher.publish::<_, _, i64>("rs:news", "hello"), Ok(2));
    let mut patterns = Vec::new();
    for _ in 0..2 {
        let message = subscriber.get_message().expect("a message");
        assert_eq!(message.get_channel_name(), "rs:news");
        assert_eq!(message.get_payload::<String>().expect("text"), "hello");
        patterns.push(
            message
                .get_pattern::<Option<String>>()
                .expect("a pattern or none"),
        );
    }
    assert_eq!(patterns, [None, Some("rs:n*".to_owned())]);
    subscriber.unsubscribe("rs:news").expect("UNSUBSCRIBE");
    subscriber.punsubscribe("rs:n*").expect("PUNSUBSCRIBE");
    assert_eq!(publisher.publish::<_, _, i64>("rs:news", "nobody"), Ok(0));
}

#[test]
fn blocking_pops_across_connections() {
    let fixture = Fixture::new(5);
    fixture.both(|c| {
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                fixture
                    .connect(ProtocolVersion::RESP2)
                    .blpop::<_, (String, String)>(&["q1", "q2"], 8.0)
            });
            fixture.await_blocked("blpop");
            c.rpush::<_, _, ()>("q2", "x").expect("RPUSH");
            assert_eq!(
                waiter.join().expect("no panic"),
                Ok(("q2".to_owned(), "x".to_owned()))
            );

            let waiter = scope.spawn(|| {
                fixture
                    .connect(ProtocolVersion::RESP3)
                    .bzpopmin::<_, (String, String, f64)>("z", 8.0)
            });
            fixture.await_blocked("bzpopmin");
            c.zadd::<_, _, _, ()>("z", "m", 1.5).expect("ZADD");
            assert_eq!(
                waiter.join().expect("no panic"),
                Ok(("z".to_owned(), "m".to_owned(), 1.5))
            );
        });
        assert_eq!(c.blpop::<_, Option<(String, String)>>("nothing", 0.05), Ok(None));
    });
}

#[test]
fn streams_with_groups() {
    let fixture = Fixture::new(6);
    fixture.both(|c| {
        for number in 1..=5 {
            let id = format!("{number}-0");
            assert_eq!(c.xadd::<_, _, _, _, String>("st", &id, &[("n", number)]), Ok(id));
        }
        c.xgroup_create::<_, _, _, ()>("st", "g", "0")
            .expect("XGROUP CREATE");
        let options = StreamReadOptions::default().group("g", "alice").count(2);
        let read: StreamReadReply = c.xread_options(&["st"], &[">"], &options).expect("XREADGROUP");
        let ids: Vec<&str> = read.keys[0].ids.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!((read.keys[0].key.as_str(), ids), ("st", vec!["1-0", "2-0"]));
        assert_eq!(read.keys[0].ids[0].get::<i64>("n"), Some(1));
        assert_eq!(c.xack::<_, _, _, i64>("st", "g", &["1-0"]), Ok(1));
        let pending: redis::streams::StreamPendingReply = c.xpending("st", "g").expect("XPENDING");
        assert_eq!(pending.count(), 1);
        let info: redis::streams::StreamInfoStreamReply = c.xinfo_stream("st").expect("XINFO STREAM");
        assert_eq!((info.length, info.groups), (5, 1));
    });
}

#[test]
fn iteration() {
    let fixture = Fixture::new(7);
    fixture.both(|c| {
        let mut pipe = redis::pipe();
        for number in 0..1000 {
            pipe.set(format!("key:{number}"), number)
                .ignore()
                .hset("hash", number, number)
                .ignore();
        }
        pipe.query::<()>(c).expect("a pipeline");
        let keys: HashSet<String> = c.scan_match("key:*").expect("SCAN").collect();
        assert_eq!(keys.len(), 1000);
        let fields: HashMap<i64, i64> = c.hscan::<_, (i64, i64)>("hash").expect("HSCAN").collect();
        assert_eq!(fields.len(), 1000);
    });
}

#[test]
fn error_classes() {
    let fixture = Fixture::new(8);
    fixture.both(|c| {
        c.set::<_, _, ()>("k", "v").expect("SET");
        let wrong_type = c.lpush::<_, _, ()>("k", 1).expect_err("WRONGTYPE");
        assert_eq!(wrong_type.code(), Some("WRONGTYPE"));
        let arity = redis::cmd("GET")
            .query::<()>(c)
            .expect_err("an argument is missing");
        assert_eq!(arity.kind(), ErrorKind::ResponseError);
        assert_eq!(
            arity.detail(),
            Some("wrong number of arguments for 'get' command")
        );
        let unknown = redis::cmd("NOSUCH").query::<()>(c).expect_err("no such command");
        assert!(
            unknown
                .detail()
                .is_some_and(|text| text.starts_with("unknown command 'NOSUCH'")),
            "{unknown}"
        );
        // The connection goes on after each error.
        assert_eq!(c.get::<_, String>("k"), Ok("v".to_owned()));
    });
}
