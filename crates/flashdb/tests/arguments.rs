//! Every command of the table with hostile arguments: requests are made from the command's own
//! grammar (COMMAND DOCS) and from its arity, with numbers at the ends of their ranges, no numbers
//! at all, empty and long words in every place, on keys of every type. The server under test is a
//! debug build, so an arithmetic overflow or a broken invariant ends it; it has to answer each
//! request. The seed is fixed, and a failure names the request.

mod support;

use std::io::ErrorKind;
use std::time::{Duration, Instant};
use support::{Raw, Server, Value, encode};

/// Requests made from the grammar, and from the arity alone, per command.
const FROM_GRAMMAR: usize = 75;
const FROM_ARITY: usize = 20;

/// Their effect would end the test rather than the server: these stop it, stop its answers, or wait
/// for another machine; the self-test takes long in a debug build.
const LEFT_OUT: [&str; 15] = [
    "pfselftest",
    "shutdown",
    "quit",
    "monitor",
    "sync",
    "psync",
    "migrate",
    "replicaof",
    "slaveof",
    "client|reply",
    "client|kill",
    "client|pause",
    "config|set",
    "config|rewrite",
    "debug",
];

const KEYS: [&str; 16] = [
    "str", "int", "float", "list", "biglist", "set", "intset", "bigset", "hash", "bighash", "zset",
    "bigzset", "stream", "places", "log", "missing",
];

const NUMBERS: [&str; 30] = [
    "0",
    "1",
    "2",
    "-1",
    "-2",
    "10",
    "64",
    "100",
    "-9223372036854775808",
    "-9223372036854775807",
    "9223372036854775807",
    "9223372036854775806",
    "9223372036854775808",
    "18446744073709551615",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "4611686018427387904",
    "9223372036854775",
    "9223372036854776",
    "1000000000000",
    "0.5",
    "-0.0",
    "inf",
    "-inf",
    "nan",
    "1e400",
    "1e18",
];

const WORDS: [&str; 44] = [
    "",
    " ",
    "\0",
    "a",
    "b",
    "field",
    "*",
    "[",
    "[a",
    "(1",
    "(nan",
    "(inf",
    "+",
    "-",
    "$",
    ">",
    "=",
    "~",
    "1-1",
    "5-0",
    "18446744073709551615-18446744073709551615",
    "1-18446744073709551615",
    "0-0",
    "u64",
    "i64",
    "u0",
    "i65",
    "#1",
    "#9223372036854775807",
    "get",
    "set",
    "by",
    "limit",
    "count",
    "withscores",
    "asc",
    "m",
    "km",
    "xx",
    "nx",
    "\r\n",
    "+1e400",
    "0x10",
    "%s%n",
];

/// A small generator of its own: the sequence must never change by an update of something else.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn word(&mut self) -> Vec<u8> {
        match self.below(10) {
            0 => vec![b'x'; 300],
            1..=3 => self.of(&KEYS).into(),
            4..=6 => self.of(&NUMBERS).into(),
            _ => self.of(&WORDS).into(),
        }
    }
}

/// A leaf of the command table.
struct Row {
    words: Vec<String>,
    arity: i64,
    group: String,
    arguments: Option<Value>,
}

/// All leaves with their arity and grammar, as the server tells them.
fn table(client: &mut Raw) -> Vec<Row> {
    client.ask("HELLO 3");
    let info = client.ask("COMMAND");
    let docs = client.ask("COMMAND DOCS");
    let mut rows = Vec::new();
    for command in info.items() {
        let name = command.items()[0].text();
        let doc = docs.field(&name);
        let subcommands = command.items()[9].items();
        if subcommands.is_empty() {
            rows.push(row(command, doc));
        }
        for subcommand in subcommands {
            let doc = doc
                .and_then(|doc| doc.field("subcommands"))
                .and_then(|docs| docs.field(&subcommand.items()[0].text()));
            rows.push(row(subcommand, doc));
        }
    }
    rows
}

fn row(command: &Value, doc: Option<&Value>) -> Row {
    let Value::Int(arity) = command.items()[1] else {
        panic!("an arity in {command:?}")
    };
    Row {
        words: command.items()[0].text().split('|').map(str::to_owned).collect(),
        arity,
        group: doc
            .and_then(|doc| doc.field("group"))
            .map_or_else(String::new, Value::text),
        arguments: doc.and_then(|doc| doc.field("arguments")).cloned(),
    }
}

/// Makes requests after a grammar.
struct Maker<'r> {
    random: &'r mut Random,
    /// Keys of the command's own type.
    keys: &'static [&'static str],
    /// Of so many arguments one is hostile.
    one_in: usize,
    words: Vec<Vec<u8>>,
}

impl Maker<'_> {
    /// Appends words for a list of arguments.
    fn fill(&mut self, arguments: &[Value]) {
        for argument in arguments {
            let has = |flag: &str| {
                argument
                    .field("flags")
                    .is_some_and(|flags| flags.items().iter().any(|item| item.text() == flag))
            };
            if has("optional") && !self.random.one_in(3) {
                continue;
            }
            let again = has("multiple") && self.random.one_in(3);
            for time in 0..if again { 2 } else { 1 } {
                if let Some(token) = argument.field("token")
                    && (time == 0 || has("multiple_token"))
                {
                    self.words.push(token.text().into_bytes());
                }
                self.fill_one(argument);
            }
        }
    }

    fn fill_one(&mut self, argument: &Value) {
        let kind = argument.field("type").expect("a type").text();
        let name = argument.field("name").expect("a name").text();
        let inner = argument.field("arguments").map_or(&[][..], Value::items);
        let hostile = self.random.one_in(self.one_in);
        let word = match (kind.as_str(), name.as_str()) {
            ("pure-token", _) => return,
            ("oneof", _) => {
                let chosen = self.random.below(inner.len());
                return self.fill(&inner[chosen..=chosen]);
            }
            ("block", _) => return self.fill(inner),
            ("key", _) if hostile => self.random.of(&KEYS),
            ("key", _) => self.random.of(self.keys),
            ("integer" | "double" | "unix-time", _) if hostile => self.random.of(&NUMBERS),
            _ if hostile => return self.words.push(self.random.word()),
            ("integer", _) => self.random.of(&["1", "1", "1", "2", "0"]),
            ("double", _) => self.random.of(&["1", "0.5", "0"]),
            ("unix-time", _) => "9999999999",
            (_, "id" | "start" | "end" | "last-id" | "min" | "max" | "lastid") => self
                .random
                .of(&["-", "+", "1-1", "0", "1", "$", "5-0", "-inf", "[a", "(b"]),
            (_, "group" | "consumer") => self.random.of(&["a", "b"]),
            (_, "timeout") => "0.01",
            _ => self.random.of(&["a", "b", "field", "1", "m3", "f3"]),
        };
        self.words.push(word.into());
    }
}

/// Keys that suit a group of commands.
fn keys_of(group: &str) -> &'static [&'static str] {
    match group {
        "string" | "bitmap" => &["str", "int", "float", "missing"],
        "list" => &["list", "biglist", "missing"],
        "set" => &["set", "intset", "bigset", "missing"],
        "sorted-set" => &["zset", "bigzset", "set", "missing"],
        "geo" => &["zset", "bigzset", "places"],
        "hash" => &["hash", "bighash", "missing"],
        "stream" => &["stream", "missing"],
        "hyperloglog" => &["log", "missing"],
        _ => &KEYS,
    }
}

/// Waits while the server loads. A SNAPSHOT.RESTORE that a random word made valid goes on when its client has
/// been sent on its way by CLIENT UNBLOCK, and nothing but the server's answers tells when it is through.
fn await_loaded(client: &mut Raw) {
    let end = Instant::now() + Duration::from_secs(30);
    while let Value::Error(error) = client.ask("PING") {
        assert!(
            error.starts_with("LOADING") && Instant::now() < end,
            "{error} instead of an answer"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Fresh keys of every type and encoding.
fn prepare(client: &mut Raw) {
    await_loaded(client);
    let mut bytes = encode(&["FLUSHALL"]);
    let mut count = 1;
    let mut add = |line: &str, numbered: std::ops::Range<usize>, each: &str| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for number in numbered {
            words.extend(
                each.replace('#', &number.to_string())
                    .split(' ')
                    .map(str::to_owned),
            );
        }
        bytes.extend(encode(&words));
        count += 1;
    };
    add("SET str hello", 0..0, "");
    add("SET int 9223372036854775807", 0..0, "");
    add("SET float 1.5", 0..0, "");
    add("RPUSH list", 0..5, "#");
    add("RPUSH biglist", 0..300, "element-number-#-of-the-list");
    add("SADD set a b", 0..5, "m#");
    add("SADD intset", 0..5, "#");
    add("SADD bigset", 0..200, "m#");
    add("HSET hash field 9223372036854775807", 0..5, "f# #");
    add("HSET bighash", 0..200, "f# #");
    add("ZADD zset -inf a inf b", 0..5, "# m#");
    add("ZADD bigzset", 0..200, "# m#");
    add("GEOADD places 13.36 38.11 a 15.08 37.50 b", 0..0, "");
    add("PFADD log a b c", 0..0, "");
    add("XADD stream 1-1 f v", 0..0, "");
    add("XADD stream 5-18446744073709551615 f v", 0..0, "");
    add("XGROUP CREATE stream a 0", 0..0, "");
    add("XREADGROUP GROUP a b STREAMS stream >", 0..0, "");
    client.send(&bytes);
    for _ in 0..count {
        let reply = client.read();
        assert!(!matches!(reply, Value::Error(_)), "{reply:?}");
    }
}

/// Sends a request and reads until the server has answered it; a client that waits is woken.
fn run(client: &mut Raw, control: &mut Raw, id: i64, request: &[Vec<u8>]) {
    let mut bytes = encode(request);
    bytes.extend(encode(&["RESET"]));
    bytes.extend(encode(&["ECHO", "the end of this request"]));
    client.send(&bytes);
    let end = Instant::now() + Duration::from_secs(20);
    let shown = || {
        let words: Vec<_> = request.iter().map(|word| String::from_utf8_lossy(word)).collect();
        format!("{words:?}")
    };
    let mut probe = [0; 1];
    client
        .stream
        .set_read_timeout(Some(Duration::from_millis(5)))
        .expect("a time limit");
    // No reply so far: either it waits for a key, or it takes long.
    while let Err(error) = client.stream.peek(&mut probe) {
        assert!(
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) && Instant::now() < end,
            "no answer to {}: {error}",
            shown()
        );
        control.ask(&format!("CLIENT UNBLOCK {id}"));
    }
    client
        .stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a time limit");
    loop {
        match client.try_read() {
            None => panic!("the connection was closed by {}", shown()),
            Some(Value::Bulk(text)) if text == b"the end of this request" => return,
            Some(_) => {}
        }
    }
}

#[test]
fn every_command_answers_hostile_arguments() {
    // Strings of 1 MB at most: offsets near that limit are tried as often as those far beyond it.
    let server = Server::start(&["--proto-max-bulk-len", "1mb"]);
    let (mut client, mut control) = (server.connect(), server.connect());
    let rows = table(&mut control);
    assert!(rows.len() > 250, "only {} rows", rows.len());
    let Value::Int(id) = client.ask("CLIENT ID") else {
        panic!("an id")
    };
    let seed = std::env::var("FLASHDB_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let mut random = Random(seed.unwrap_or(0x2545_f491_4f6c_dd1d));
    for row in &rows {
        if LEFT_OUT.contains(&row.words.join("|").as_str()) || LEFT_OUT.contains(&row.words[0].as_str()) {
            continue;
        }
        let name: Vec<Vec<u8>> = row.words.iter().map(|word| word.clone().into_bytes()).collect();
        for round in 0..FROM_GRAMMAR + FROM_ARITY {
            if round % 25 == 0 {
                prepare(&mut control);
            }
            let mut request = name.clone();
            match &row.arguments {
                Some(arguments) if round < FROM_GRAMMAR => {
                    let mut maker = Maker {
                        one_in: 1 + random.below(6),
                        random: &mut random,
                        keys: keys_of(&row.group),
                        words: request,
                    };
                    maker.fill(arguments.items());
                    request = maker.words;
                }
                _ => {
                    let further = if row.arity < 0 { random.below(6) } else { 0 };
                    let least = (row.arity.unsigned_abs() as usize).saturating_sub(request.len());
                    request.extend((0..least + further).map(|_| random.word()));
                }
            }
            run(&mut client, &mut control, id, &request);
        }
    }
    // What the requests left behind can be read, written and read back.
    await_loaded(&mut control);
    assert!(!matches!(control.ask("PING"), Value::Error(_)));
}
