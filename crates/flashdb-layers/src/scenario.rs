//! The scenarios, each described once for all layers: what is there before, what is asked, and what that asks of the
//! table that holds the keys.
//!
//! Keys have 16 bytes. Commands on collections come twice where it matters: on one large collection, as redis-benchmark
//! has it, and on many small ones, which are packed. Not here: blocking, scripts, transactions, publishing, streams.

use crate::stream::Stream;
use flashdb_base::prng::Prng;

/// How much data a scenario works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Keys that are there before; of scenarios with one large collection its members.
    pub keys: u64,
    /// Bytes of a value.
    pub value_bytes: usize,
    /// Requests that are measured; at most `keys`, because some scenarios use one up with each.
    pub operations: u64,
}

/// What a request does to the table, once for each of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableStep {
    /// Looks it up.
    Find,
    /// Looks it up and changes the value.
    Change,
    /// Adds it.
    Insert,
    /// Takes it out.
    Remove,
}

/// Appends one request; the number counts from 0.
type Write = fn(&mut Stream, &Shape, u64, &mut Prng);

/// One row of [`SCENARIOS`].
pub struct Scenario {
    /// As it is called on the command line and in files.
    pub name: &'static str,
    /// Requests that a client sends at once.
    pub pipeline: usize,
    /// What its requests do to the table.
    pub step: TableStep,
    /// What each reply begins with; `#` stands for the bytes of a value.
    pub reply: &'static str,
    prepare: Write,
    request: Write,
}

impl Scenario {
    /// The scenario of this name.
    pub fn named(name: &str) -> Option<&'static Scenario> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// What has to be run before, from an empty database.
    pub fn preparation(&self, shape: &Shape) -> Stream {
        write(self.prepare, shape, shape.keys)
    }

    /// What is measured.
    pub fn requests(&self, shape: &Shape) -> Stream {
        write(self.request, shape, shape.operations)
    }
}

fn write(one: Write, shape: &Shape, count: u64) -> Stream {
    let mut stream = Stream::default();
    let mut random = Prng::from_seed(shape.keys);
    (0..count).for_each(|number| one(&mut stream, shape, number, &mut random));
    stream
}

const fn row(
    name: &'static str,
    step: TableStep,
    reply: &'static str,
    prepare: Write,
    request: Write,
) -> Scenario {
    Scenario {
        name,
        pipeline: 64,
        step,
        reply,
        prepare,
        request,
    }
}

/// All scenarios.
pub static SCENARIOS: &[Scenario] = &[
    row(
        "get-hit",
        TableStep::Find,
        "$#",
        strings,
        |stream, shape, _, random| {
            stream.push(&[b"GET", &key(random.below(shape.keys))]);
        },
    ),
    row(
        "get-miss",
        TableStep::Find,
        "$-1",
        strings,
        |stream, shape, _, random| {
            stream.push(&[b"GET", &key(shape.keys + random.below(shape.keys))]);
        },
    ),
    row(
        "set-overwrite",
        TableStep::Change,
        "+OK",
        strings,
        |stream, shape, _, random| {
            stream.push(&[b"SET", &key(random.below(shape.keys)), &value(shape)]);
        },
    ),
    row(
        "set-new",
        TableStep::Insert,
        "+OK",
        strings,
        |stream, shape, number, _| {
            stream.push(&[b"SET", &key(shape.keys + number), &value(shape)]);
        },
    ),
    row(
        "set-expiry",
        TableStep::Change,
        "+OK",
        strings,
        |stream, shape, _, random| {
            stream.push(&[
                b"SET",
                &key(random.below(shape.keys)),
                &value(shape),
                b"EX",
                b"3600",
            ]);
        },
    ),
    row("del", TableStep::Remove, ":1", strings, |stream, _, number, _| {
        stream.push(&[b"DEL", &key(number)]);
    }),
    row(
        "incr",
        TableStep::Change,
        ":",
        counters,
        |stream, shape, _, random| {
            stream.push(&[b"INCR", &key(random.below(shape.keys))]);
        },
    ),
    Scenario {
        pipeline: 16,
        ..row("mset-10", TableStep::Change, "+OK", strings, mset_10)
    },
    row(
        "hset",
        TableStep::Change,
        ":0",
        one_hash,
        |stream, shape, _, random| {
            stream.push(&[b"HSET", &key(0), &member(random.below(shape.keys)), &value(shape)]);
        },
    ),
    row(
        "hset-small",
        TableStep::Change,
        ":0",
        small_hashes,
        |stream, shape, _, random| {
            let (key, field) = (key(random.below(shape.keys)), FIELDS[random.below(8) as usize]);
            stream.push(&[b"HSET", &key, field, &value(shape)]);
        },
    ),
    // Half of the members are new, here and with ZADD.
    row(
        "sadd",
        TableStep::Change,
        ":",
        one_set,
        |stream, shape, _, random| {
            stream.push(&[b"SADD", &key(0), &member(random.below(2 * shape.keys))]);
        },
    ),
    row(
        "zadd",
        TableStep::Change,
        ":",
        one_sorted_set,
        |stream, shape, _, random| {
            let score = random.below(shape.keys).to_string();
            stream.push(&[
                b"ZADD",
                &key(0),
                score.as_bytes(),
                &member(random.below(2 * shape.keys)),
            ]);
        },
    ),
    row(
        "zpopmin",
        TableStep::Change,
        "*2",
        one_sorted_set,
        |stream, _, _, _| {
            stream.push(&[b"ZPOPMIN", &key(0)]);
        },
    ),
    row(
        "lpush",
        TableStep::Change,
        ":",
        one_list,
        |stream, shape, _, _| {
            stream.push(&[b"LPUSH", &key(0), &value(shape)]);
        },
    ),
    row("rpop", TableStep::Change, "$#", one_list, |stream, _, _, _| {
        stream.push(&[b"RPOP", &key(0)]);
    }),
    Scenario {
        pipeline: 16,
        ..row(
            "lrange-100",
            TableStep::Find,
            "*100",
            one_list,
            |stream, _, _, _| {
                stream.push(&[b"LRANGE", &key(0), b"0", b"99"]);
            },
        )
    },
];

const FIELDS: [&[u8]; 8] = [
    b"field:0", b"field:1", b"field:2", b"field:3", b"field:4", b"field:5", b"field:6", b"field:7",
];

/// Bytes of every key.
pub const KEY_BYTES: usize = 16;

fn key(number: u64) -> [u8; KEY_BYTES] {
    let mut key = *b"key:000000000000";
    digits(number, &mut key[4..]);
    key
}

fn member(number: u64) -> [u8; 16] {
    let mut member = *b"element:00000000";
    digits(number, &mut member[8..]);
    member
}

fn digits(mut number: u64, target: &mut [u8]) {
    for digit in target.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn value(shape: &Shape) -> Vec<u8> {
    vec![b'v'; shape.value_bytes]
}

fn strings(stream: &mut Stream, shape: &Shape, number: u64, _: &mut Prng) {
    stream.push(&[b"SET", &key(number), &value(shape)]);
}

fn counters(stream: &mut Stream, _: &Shape, number: u64, _: &mut Prng) {
    stream.push(&[b"SET", &key(number), number.to_string().as_bytes()]);
}

fn small_hashes(stream: &mut Stream, shape: &Shape, number: u64, _: &mut Prng) {
    let (key, value) = (key(number), value(shape));
    let mut words: Vec<&[u8]> = vec![b"HSET", &key];
    FIELDS
        .iter()
        .for_each(|field| words.extend([field, value.as_slice()]));
    stream.push(&words);
}

fn one_hash(stream: &mut Stream, shape: &Shape, number: u64, _: &mut Prng) {
    stream.push(&[b"HSET", &key(0), &member(number), &value(shape)]);
}

fn one_set(stream: &mut Stream, _: &Shape, number: u64, _: &mut Prng) {
    stream.push(&[b"SADD", &key(0), &member(number)]);
}

fn one_sorted_set(stream: &mut Stream, _: &Shape, number: u64, _: &mut Prng) {
    stream.push(&[b"ZADD", &key(0), number.to_string().as_bytes(), &member(number)]);
}

fn one_list(stream: &mut Stream, shape: &Shape, _: u64, _: &mut Prng) {
    stream.push(&[b"RPUSH", &key(0), &value(shape)]);
}

fn mset_10(stream: &mut Stream, shape: &Shape, _: u64, random: &mut Prng) {
    let keys: [_; 10] = std::array::from_fn(|_| key(random.below(shape.keys)));
    let value = value(shape);
    let mut words: Vec<&[u8]> = vec![b"MSET"];
    keys.iter().for_each(|key| words.extend([key.as_slice(), &value]));
    stream.push(&words);
}
