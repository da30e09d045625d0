//! Client-side caching over real sockets: what clients are told in every mode and protocol, across core loops, at the
//! table's bound; and a model of caching clients whose caches must not be stale once everything is quiet.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use support::{Raw, Server, Value, encode};

const LOOPS: [&str; 2] = ["--io-threads", "2"];

/// A connection that speaks RESP3 and tracks with these options.
fn tracking(server: &Server, options: &str) -> Raw {
    let mut client = server.connect();
    client.ask("HELLO 3");
    let asked = format!("CLIENT TRACKING ON {options}");
    assert_eq!(client.ask(asked.trim_end()).text(), "OK");
    client
}

/// The keys of an invalidation, in a push or in a message; `None` for "all".
fn invalidated(value: &Value) -> Option<Vec<String>> {
    let items = value.items();
    assert!(
        ["invalidate", "message"].contains(&items[0].text().as_str()),
        "no invalidation: {value:?}"
    );
    match items.last() {
        Some(Value::Array(keys)) => Some(keys.iter().map(Value::text).collect()),
        Some(Value::Null) => None,
        other => panic!("no keys: {other:?}"),
    }
}

/// Checks that there is nothing more to be told: whatever was, stands before the answer to a PING.
fn assert_told_no_more(client: &mut Raw) {
    match client.ask("PING") {
        Value::Simple(text) => assert_eq!(text, "PONG"),
        // Subscribed, in RESP2.
        Value::Array(items) => assert_eq!(items[0].text(), "pong"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reader_is_told_once_and_only_of_what_it_read() {
    let server = Server::start(&LOOPS);
    let mut reader = tracking(&server, "");
    let mut writer = server.connect();
    writer.ask("MSET read 1 other 1");
    reader.ask("GET read");
    writer.ask("SET other 2");
    writer.ask("SET read 2");
    writer.ask("SET read 3");
    assert_eq!(invalidated(&reader.read()), Some(vec!["read".into()]));
    assert_told_no_more(&mut reader);
    // A key that is not there can be cached, too; so can one that another database holds.
    reader.ask("MGET absent third");
    writer.ask("DEL third");
    writer.ask("SELECT 1");
    writer.ask("SET absent 1");
    assert_eq!(invalidated(&reader.read()), Some(vec!["absent".into()]));
    assert_told_no_more(&mut reader);
}

#[test]
fn what_goes_by_itself_is_told() {
    let server = Server::start(&LOOPS);
    let mut reader = tracking(&server, "NOLOOP");
    reader.ask("SET short 1 PX 20");
    reader.ask("GET short");
    assert_eq!(invalidated(&reader.read()), Some(vec!["short".into()]));

    reader.ask("HSET hash f 1");
    reader.ask("HPEXPIRE hash 20 FIELDS 1 f");
    reader.ask("HGETALL hash");
    assert_eq!(invalidated(&reader.read()), Some(vec!["hash".into()]));

    reader.ask("SET old 1");
    reader.ask("GET old");
    reader.ask("CONFIG SET maxmemory 1 maxmemory-policy allkeys-random");
    assert_eq!(invalidated(&reader.read()), Some(vec!["old".into()]));
}

#[test]
fn everything_is_told_at_once() {
    let server = Server::start(&["--io-threads", "2", "--enable-debug-command", "yes"]);
    let mut reader = tracking(&server, "");
    let mut broadcast = tracking(&server, "BCAST PREFIX p:");
    let mut writer = server.connect();
    for words in ["FLUSHALL", "FLUSHDB ASYNC", "SWAPDB 0 1", "DEBUG RELOAD"] {
        writer.ask("SET key 1");
        reader.ask("GET key");
        assert_eq!(writer.ask(words).text(), "OK");
        assert_eq!(invalidated(&reader.read()), None, "{words}");
        assert_eq!(invalidated(&broadcast.read()), None, "{words}");
        assert_eq!(server.info("tracking_total_keys"), 0, "{words}");
    }
    reader.ask("GET key");
    for words in ["MULTI", "FLUSHDB", "GET key"] {
        reader.ask(words);
    }
    assert_eq!(reader.ask("EXEC").items().len(), 2);
    assert_eq!(invalidated(&reader.read()), None);
    assert_told_no_more(&mut reader);
}

#[test]
fn what_was_undone_is_not_told() {
    let server = Server::start(&LOOPS);
    let mut reader = tracking(&server, "");
    let mut writer = server.connect();
    writer.ask("SET key 1");
    reader.ask("GET key");
    for words in ["FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "DEL key"] {
        for line in ["MULTI ATOMIC", words, "SET text x", "INCR text"] {
            writer.ask(line);
        }
        assert!(writer.ask("EXEC").text().starts_with("EXECABORT"), "{words}");
    }
    assert_told_no_more(&mut reader);
    writer.ask("SET key 2");
    assert_eq!(invalidated(&reader.read()), Some(vec!["key".into()]));
}

#[test]
fn a_restored_snapshot_empties_all_caches() {
    let server = Server::start(&LOOPS);
    let mut reader = tracking(&server, "");
    let mut writer = server.connect();
    writer.ask("SET key 1");
    let taken = writer.ask("SNAPSHOT.CREATE before").text();
    assert!(!taken.starts_with("ERR"), "{taken}");
    writer.ask("SET key 2");
    assert_eq!(reader.ask("GET key").text(), "2");
    assert_eq!(writer.ask("SNAPSHOT.RESTORE before").text(), "OK");
    assert_eq!(invalidated(&reader.read()), None);
    assert_eq!(reader.ask("GET key").text(), "1");
}

#[test]
fn own_news_stand_where_they_arose() {
    let server = Server::start(&LOOPS);
    let mut client = tracking(&server, "");
    let mut batch = Vec::new();
    for words in [
        vec!["GET", "k"],
        vec!["SET", "k", "1"],
        vec!["GET", "k"],
        vec!["MULTI"],
        vec!["SET", "k", "2"],
        vec!["GET", "k"],
        vec!["GET", "m"],
        vec!["SET", "m", "1"],
        vec!["EXEC"],
        vec!["PING"],
    ] {
        batch.extend(encode(&words));
    }
    client.send(&batch);
    assert_eq!(client.read(), Value::Null);
    assert_eq!(client.read().text(), "OK");
    assert_eq!(invalidated(&client.read()), Some(vec!["k".into()]));
    assert_eq!(client.read().text(), "1");
    assert_eq!(client.read().text(), "OK");
    for _ in 0..4 {
        assert_eq!(client.read().text(), "QUEUED");
    }
    assert_eq!(client.read().items().len(), 4);
    // Both were read in the transaction or before it, and changed in it.
    let told: BTreeSet<_> = (0..2)
        .map(|_| invalidated(&client.read()).expect("keys"))
        .collect();
    assert_eq!(told, BTreeSet::from([vec!["k".to_owned()], vec!["m".to_owned()]]));
    assert_eq!(client.read().text(), "PONG");
}

#[test]
fn a_client_that_is_not_told_of_its_own_changes_is_told_of_those_of_others() {
    let server = Server::start(&LOOPS);
    let mut client = tracking(&server, "NOLOOP");
    let mut writer = server.connect();
    for words in ["MULTI", "INCR n", "GET n", "EXEC"] {
        client.ask(words);
    }
    writer.ask("INCR n");
    assert_eq!(invalidated(&client.read()), Some(vec!["n".into()]));
    assert_told_no_more(&mut client);
}

#[test]
fn told_by_way_of_another_connection() {
    let server = Server::start(&LOOPS);
    let mut listener = server.connect();
    let Value::Int(id) = listener.ask("CLIENT ID") else {
        panic!("an id")
    };
    let mut reader = server.connect();
    let mut writer = server.connect();
    assert_eq!(
        reader.ask(&format!("CLIENT TRACKING ON REDIRECT {id}")).text(),
        "OK"
    );
    // Nobody listens yet: RESP2 has no way to tell.
    reader.ask("GET k");
    writer.ask("SET k 1");
    assert_told_no_more(&mut listener);
    listener.ask("SUBSCRIBE __redis__:invalidate");
    reader.ask("GET k");
    writer.ask("SET k 2");
    assert_eq!(invalidated(&listener.read()), Some(vec!["k".into()]));
    writer.ask("FLUSHALL");
    assert_eq!(invalidated(&listener.read()), None);
    assert_told_no_more(&mut listener);
    let list = writer.ask("CLIENT LIST").text();
    let own = reader.ask("CLIENT ID");
    let Value::Int(own) = own else { panic!("an id") };
    let line = list
        .lines()
        .find(|line| line.starts_with(&format!("id={own} ")))
        .expect("the reader");
    assert!(
        line.contains(" flags=t ") && line.contains(&format!(" redir={id} ")),
        "{line}"
    );
}

#[test]
fn a_broken_redirection_is_told_to_the_reader() {
    let server = Server::start(&LOOPS);
    for _ in 0..20 {
        let mut listener = server.connect();
        let Value::Int(id) = listener.ask("CLIENT ID") else {
            panic!("an id")
        };
        let mut reader = tracking(&server, &format!("REDIRECT {id}"));
        let mut writer = server.connect();
        reader.ask("GET k");
        listener.ask("QUIT");
        writer.ask("SET k 1");
        let told = reader.read();
        assert_eq!(told.items()[0].text(), "tracking-redir-broken");
        assert_eq!(told.items()[1], Value::Int(id));
        let flags = reader.ask("CLIENT TRACKINGINFO");
        let flags: Vec<_> = flags
            .field("flags")
            .expect("flags")
            .items()
            .iter()
            .map(Value::text)
            .collect();
        assert_eq!(flags, ["on", "broken_redirect"]);
        assert!(writer.ask("CLIENT LIST").text().contains(" flags=tR "));
    }
}

#[test]
fn reset_and_leaving_end_tracking() {
    let server = Server::start(&LOOPS);
    let mut reader = tracking(&server, "");
    let broadcast = tracking(&server, "BCAST PREFIX a PREFIX b");
    assert_eq!(server.info("tracking_clients"), 2);
    assert_eq!(server.info("tracking_total_prefixes"), 2);
    reader.ask("MGET x y");
    assert_eq!(server.info("tracking_total_keys"), 2);
    assert_eq!(server.info("tracking_total_items"), 2);
    reader.ask("RESET");
    drop(broadcast);
    server.await_info("tracking_clients", 0);
    server.await_info("tracking_total_prefixes", 0);
    assert_eq!(reader.ask("CLIENT GETREDIR"), Value::Int(-1));
    reader.ask("MSET x 1 y 1");
    assert_eq!(server.info("tracking_total_keys"), 0);
}

#[test]
fn a_blocked_reader_remembers_what_it_was_served() {
    let server = Server::start(&LOOPS);
    let mut reader = tracking(&server, "");
    let mut writer = server.connect();
    reader.request(&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]);
    server.await_info("blocked_clients", 1);
    writer.ask("XADD s 1-1 f 1");
    assert_eq!(reader.read().items()[0].text(), "s");
    assert_told_no_more(&mut reader);
    writer.ask("XADD s 1-2 f 1");
    assert_eq!(invalidated(&reader.read()), Some(vec!["s".into()]));
}

#[test]
fn the_table_keeps_its_bound() {
    const KEYS: usize = 5_000;
    const BOUND: usize = 100;
    let server = Server::start(&["--io-threads", "2", "--tracking-table-max-keys", "100"]);
    let mut reader = tracking(&server, "");
    for first in (0..KEYS).step_by(500) {
        let mut batch = Vec::new();
        for number in first..first + 500 {
            batch.extend(encode(&["GET", &format!("key:{number}")]));
        }
        reader.send(&batch);
    }
    let (mut replies, mut forgotten) = (0, BTreeSet::new());
    while replies < KEYS || forgotten.len() < KEYS - BOUND {
        match reader.read() {
            Value::Null => replies += 1,
            push => forgotten.extend(invalidated(&push).expect("keys")),
        }
    }
    server.await_info("tracking_total_keys", BOUND as i64);
    assert_told_no_more(&mut reader);
}

// ---- a model of caching clients --------------------------------------------------------------------

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const KEYS: u64 = 60;
const ROUNDS: u64 = 1_500;

fn key(random: &mut Random) -> String {
    let number = random.below(KEYS);
    format!("{}:{number}", ["a", "b"][(number % 2) as usize])
}

type Cache = BTreeMap<String, Value>;

/// A client with a cache. Notices come by its own connection or by `listener`.
struct CachingClient {
    connection: Raw,
    listener: Option<Raw>,
    options: String,
    cache: Cache,
    told: usize,
}

impl CachingClient {
    fn connect(server: &Server, options: &str) -> Self {
        let (mut listener, mut connection) = (None, server.connect());
        let mut asked = format!("CLIENT TRACKING ON {options}").trim_end().to_owned();
        if options.contains("REDIRECT") {
            let mut other = server.connect();
            let Value::Int(id) = other.ask("CLIENT ID") else {
                panic!("an id")
            };
            other.ask("SUBSCRIBE __redis__:invalidate");
            asked.push_str(&format!(" {id}"));
            listener = Some(other);
        } else {
            connection.ask("HELLO 3");
        }
        assert_eq!(connection.ask(&asked).text(), "OK");
        CachingClient {
            connection,
            listener,
            options: options.to_owned(),
            cache: Cache::new(),
            told: 0,
        }
    }

    fn forget(&mut self, notice: &Value) {
        self.told += 1;
        match invalidated(notice) {
            None => self.cache.clear(),
            Some(keys) => keys.iter().for_each(|key| drop(self.cache.remove(key))),
        }
    }

    /// The next reply; news on the way are followed.
    fn reply(&mut self) -> Value {
        loop {
            let value = self.connection.read();
            match &value {
                Value::Array(items) if items.first() == Some(&Value::Bulk(b"invalidate".to_vec())) => {
                    self.forget(&value);
                }
                _ => return value,
            }
        }
    }

    fn act(&mut self, random: &mut Random) {
        let key = key(random);
        let opt_in = self.options.contains("OPTIN");
        match random.below(10) {
            // In one batch, so that changes by others come between the commands.
            0..7 => {
                if opt_in {
                    self.connection.request(&["CLIENT", "CACHING", "YES"]);
                }
                self.connection.request(&["GET", &key]);
                if opt_in {
                    assert_eq!(self.reply().text(), "OK");
                }
                let value = self.reply();
                // A broadcast tells of keys with its prefix only.
                if !self.options.contains("PREFIX") || key.starts_with('a') {
                    self.cache.insert(key, value);
                }
            }
            7 if !opt_in && !self.options.contains("PREFIX") => {
                // Read, changed and read again in one transaction: the last value counts.
                for words in [
                    &["MULTI"][..],
                    &["GET", &key],
                    &["INCRBY", &key, "1"],
                    &["GET", &key],
                    &["EXEC"],
                ] {
                    self.connection.request(words);
                }
                let replies: Vec<Value> = (0..5).map(|_| self.reply()).collect();
                if let Value::Array(items) = &replies[4] {
                    self.cache.insert(key, items[2].clone());
                }
            }
            _ => {
                self.connection
                    .request(&["SET", &key, &random.below(1_000).to_string()]);
                // What it writes itself, it has to forget itself.
                self.cache.remove(&key);
                assert_eq!(self.reply().text(), "OK");
                self.cache.remove(&key);
            }
        }
    }

    /// Follows all news that were sent.
    fn settle(&mut self) {
        self.connection.request(&["PING"]);
        assert_eq!(self.reply().text(), "PONG");
        if let Some(mut listener) = self.listener.take() {
            listener.request(&["PING"]);
            loop {
                let value = listener.read();
                if value.items()[0].text() == "pong" {
                    break;
                }
                self.forget(&value);
            }
            self.listener = Some(listener);
        }
    }
}

fn write(client: &mut Raw, random: &mut Random) {
    let key = key(random);
    let value = random.below(1_000);
    match random.below(100) {
        0..60 => client.ask(&format!("SET {key} {value}")),
        60..75 => client.ask(&format!("SET {key} {value} PX {}", 1 + random.below(20))),
        75..85 => client.ask(&format!("DEL {key}")),
        85..90 => client.ask(&format!("PEXPIRE {key} {}", 1 + random.below(20))),
        90..95 => client.ask(&format!("RENAME {key} {key}x")),
        95..97 => client.ask("FLUSHDB"),
        _ => client.ask(&format!("APPEND {key} 1")),
    };
}

/// The values of all keys, once none of them is about to expire.
fn truth(server: &Server) -> Cache {
    let mut client = server.connect();
    let end = Instant::now() + Duration::from_secs(20);
    let names: Vec<String> = (0..KEYS)
        .map(|number| format!("{}:{number}", ["a", "b"][(number % 2) as usize]))
        .collect();
    while names
        .iter()
        .any(|name| !matches!(client.ask(&format!("PTTL {name}")), Value::Int(-2 | -1)))
    {
        assert!(Instant::now() < end, "keys do not expire");
    }
    names
        .iter()
        .map(|name| (name.clone(), client.ask(&format!("GET {name}"))))
        .collect()
}

fn caches_are_not_stale(options: &[&str], seed: u64) {
    let server = Server::start(options);
    let modes = [
        "",
        "",
        "NOLOOP",
        "OPTIN",
        "BCAST",
        "BCAST NOLOOP PREFIX a",
        "REDIRECT",
        "NOLOOP REDIRECT",
    ];
    let mut clients: Vec<CachingClient> = modes
        .iter()
        .map(|options| CachingClient::connect(&server, options))
        .collect();
    std::thread::scope(|scope| {
        for (number, client) in clients.iter_mut().enumerate() {
            scope.spawn(move || {
                let mut random = Random(seed + number as u64);
                for _ in 0..ROUNDS {
                    client.act(&mut random);
                }
            });
        }
        for number in 0..2 {
            let server = &server;
            scope.spawn(move || {
                let (mut client, mut random) = (server.connect(), Random(seed + 100 + number));
                for _ in 0..ROUNDS {
                    write(&mut client, &mut random);
                }
            });
        }
    });
    // So that there is something in every cache, whenever it was emptied last.
    let mut random = Random(seed + 200);
    for client in &mut clients {
        (0..20).for_each(|_| client.act(&mut random));
    }
    let truth = truth(&server);
    for client in &mut clients {
        client.settle();
        for (key, cached) in &client.cache {
            assert_eq!(
                cached, &truth[key],
                "'{}' caches a stale {key}, seed {seed}",
                client.options
            );
        }
        assert!(client.told > 0, "'{}' was told nothing", client.options);
    }
    // Caches that are always empty are never stale.
    assert!(clients.iter().map(|client| client.cache.len()).sum::<usize>() >= 5);
}

#[test]
fn caches_are_not_stale_with_two_loops() {
    caches_are_not_stale(&LOOPS, 1);
}

#[test]
fn caches_are_not_stale_with_one_loop_and_a_small_table() {
    caches_are_not_stale(&["--io-threads", "1", "--tracking-table-max-keys", "15"], 2);
}
