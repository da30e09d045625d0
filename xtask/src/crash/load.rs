//! The requests of one client, from a seed: every type, groups with invariants, pipelines.
//!
//! A client writes only keys of its own (`c3:...`), so that its model is exact, and in each MULTI group also the two shared
//! keys that order the groups of all clients. A key belongs to a family, and requests keep to it, so that no request fails for
//! its type; keys that expire soon have a family whose requests say nothing about existence.

use super::random::Random;
use crate::resp::Words;

/// What takes effect wholly or not at all: one request, or the requests between MULTI and EXEC.
#[derive(Clone, Debug)]
pub struct Step {
    pub requests: Vec<Words>,
    pub is_group: bool,
}

/// The accounts of a client between which each group moves money: their sum stays 0.
pub const ACCOUNTS: u64 = 4;
/// The keys that each MSET sets to one serial number.
pub const MSET_KEYS: u64 = 5;

const FAMILY_KEYS: u64 = 4;
const MEMBERS: u64 = 40;
/// Later than any run ends.
const FAR_MS: u64 = 24 * 3600 * 1000;
const SOON_MS: u64 = 1500;
const BIG_VALUE_BYTES: u64 = 60_000;

/// Source of a client's requests.
pub struct Load {
    random: Random,
    prefix: String,
    client: usize,
    database: usize,
    serial: u64,
    /// Key that lists the groups of this cycle in their order.
    order_log: String,
    now_ms: fn() -> u64,
}

impl Load {
    pub fn new(client: usize, seed: u64, cycle: u64, now_ms: fn() -> u64) -> Self {
        Self {
            random: Random::new(seed ^ (client as u64 + 1).wrapping_mul(0xd1b5_4a32_d192_ed03)),
            prefix: prefix(client),
            client,
            database: database(client),
            serial: 0,
            order_log: order_log(cycle),
            now_ms,
        }
    }

    /// One to sixteen steps to be sent at once. Where a reply decides what happened, no other step of the batch touches
    /// the key: should the reply be lost, the key itself must tell.
    pub fn batch(&mut self) -> Vec<Step> {
        let wanted = if self.random.once_in(3) {
            1 + self.random.below(16)
        } else {
            1
        };
        let mut steps: Vec<Step> = Vec::new();
        while (steps.len() as u64) < wanted {
            let step = self.step();
            let clashes = steps.iter().any(|earlier| {
                (is_decided_by_server(earlier) || is_decided_by_server(&step))
                    && shares_key(earlier, &step, &self.prefix)
            });
            if !clashes {
                steps.push(step);
            }
        }
        steps
    }

    fn step(&mut self) -> Step {
        self.serial += 1;
        if self.random.once_in(8) {
            return self.group();
        }
        let is_alone = self.database != 0;
        let line = match self.random.below(11) {
            0 => self.string(),
            1 => self.short_lived(),
            2 => self.counter(),
            3 => self.list(),
            4 => self.hash(),
            5 => self.set(),
            6 => self.sorted_set(),
            7 => self.stream(),
            8 => self.bitmap(),
            9 => self.sketch(),
            _ if is_alone && self.random.once_in(40) => crate::resp::words("FLUSHDB"),
            _ => self.several_keys(),
        };
        Step {
            requests: vec![line],
            is_group: false,
        }
    }

    /// Moves money between two accounts, marks two keys, and takes the next place in the order of all groups.
    fn group(&mut self) -> Step {
        let (from, to, amount) = (
            self.random.below(ACCOUNTS),
            self.random.below(ACCOUNTS),
            self.random.below(100),
        );
        let (prefix, serial, client) = (&self.prefix, self.serial, self.client);
        let (log, database) = (&self.order_log, self.database);
        let counter = log.replace("log", "count");
        let lines = [
            format!("DECRBY {prefix}account:{from} {amount}"),
            format!("SET {prefix}mark:a {serial}"),
            "SELECT 0".to_owned(),
            format!("RPUSH {log} {client}:{serial}"),
            format!("INCRBY {counter} 1"),
            format!("SELECT {database}"),
            format!("INCRBY {prefix}account:{to} {amount}"),
            format!("SET {prefix}mark:b {serial}"),
        ];
        Step {
            requests: lines.iter().map(|line| crate::resp::words(line)).collect(),
            is_group: true,
        }
    }

    fn key(&mut self, family: &str) -> String {
        format!("{}{family}:{}", self.prefix, self.random.below(FAMILY_KEYS))
    }

    /// Two different keys of a family.
    fn key_pair(&mut self, family: &str) -> (String, String) {
        let first = self.random.below(FAMILY_KEYS);
        let second = (first + 1 + self.random.below(FAMILY_KEYS - 1)) % FAMILY_KEYS;
        (
            format!("{}{family}:{first}", self.prefix),
            format!("{}{family}:{second}", self.prefix),
        )
    }

    fn member(&mut self) -> String {
        format!("m{}", self.random.below(MEMBERS))
    }

    fn far(&mut self) -> u64 {
        (self.now_ms)() + FAR_MS + self.random.below(FAR_MS)
    }

    /// Now and then large, so that values reach over pages and segments.
    fn value(&mut self) -> Vec<u8> {
        let mut value = format!("{}:{}:", self.client, self.serial).into_bytes();
        let more = if self.random.once_in(40) {
            self.random.below(BIG_VALUE_BYTES)
        } else {
            self.random.below(60)
        };
        let first = self.random.next();
        value.extend((0..more).map(|number| (first.wrapping_mul(number * 2 + 1) >> 32) as u8));
        value
    }

    fn with_value(&mut self, line: &str) -> Words {
        let mut words = crate::resp::words(line);
        words.push(self.value());
        words
    }

    fn string(&mut self) -> Words {
        let (key, far) = (self.key("string"), self.far());
        let line = match self.random.below(10) {
            0..=3 => return self.with_value(&format!("SET {key}")),
            4 => format!("SET {key} {}:{} PXAT {far}", self.client, self.serial),
            5 => format!("SET {key} {}:{} KEEPTTL", self.client, self.serial),
            6 => format!("APPEND {key} +{}", self.serial),
            7 => format!("SETRANGE {key} {} ={}", self.random.below(90), self.serial),
            8 => format!("PEXPIRE {key} {}", FAR_MS + self.random.below(FAR_MS)),
            _ => format!("GET {key}"),
        };
        crate::resp::words(&line)
    }

    fn short_lived(&mut self) -> Words {
        let key = self.key("short");
        let (value, span) = (self.serial, 30 + self.random.below(SOON_MS));
        let line = match self.random.below(6) {
            0 | 1 => format!("SET {key} {value} PX {span}"),
            2 => format!("SET {key} {value} PXAT {}", (self.now_ms)() + span),
            3 | 4 => format!("PERSIST {key}"),
            _ => format!("DEL {key}"),
        };
        crate::resp::words(&line)
    }

    fn counter(&mut self) -> Words {
        let key = self.key("counter");
        let line = match self.random.below(8) {
            0 => format!("DECRBY {key} {}", self.random.below(1000)),
            1 => format!("PEXPIREAT {key} {}", self.far()),
            2 => format!("PERSIST {key}"),
            3 => format!("DEL {key}"),
            _ => format!("INCRBY {key} {}", 1 + self.random.below(10)),
        };
        crate::resp::words(&line)
    }

    fn list(&mut self) -> Words {
        let (key, other) = self.key_pair("list");
        let (serial, more) = (self.serial, self.random.below(1000));
        let line = match self.random.below(10) {
            0..=2 => format!("RPUSH {key} {serial} {more}"),
            3 | 4 => format!("LPUSH {key} {serial}"),
            5 => format!("LPOP {key} {}", 1 + self.random.below(3)),
            6 => format!("RPOP {key} {}", 1 + self.random.below(3)),
            7 => format!("LMOVE {key} {other} LEFT RIGHT"),
            8 => format!("SORT {key} STORE {other}"),
            _ => format!("LTRIM {key} 0 {}", 20 + self.random.below(100)),
        };
        crate::resp::words(&line)
    }

    fn hash(&mut self) -> Words {
        let key = self.key("hash");
        let (field, other) = (self.member(), self.member());
        let line = match self.random.below(8) {
            0 => return self.with_value(&format!("HSET {key} value:{field}")),
            1..=3 => format!("HSET {key} {field} {} {other} {}", self.serial, self.serial),
            4 | 5 => format!("HINCRBY {key} {field} {}", 1 + self.random.below(9)),
            6 => format!("DEL {key}"),
            _ => format!("HDEL {key} {field} {other}"),
        };
        crate::resp::words(&line)
    }

    fn set(&mut self) -> Words {
        let (key, other) = self.key_pair("set");
        let (member, second) = (self.member(), self.member());
        let line = match self.random.below(8) {
            0..=2 => format!("SADD {key} {member} s{} {second}", self.serial),
            3 => format!("SREM {key} {member} {second}"),
            4 => format!("SMOVE {key} {other} {member}"),
            5 => format!("SPOP {key} {}", 10 + self.random.below(10)),
            _ => format!("SPOP {key} {}", 1 + self.random.below(4)),
        };
        crate::resp::words(&line)
    }

    fn sorted_set(&mut self) -> Words {
        let key = self.key("sorted");
        let (member, other) = (self.member(), self.member());
        let line = match self.random.below(8) {
            0..=3 => format!(
                "ZADD {key} {} {member} {} {other}",
                self.serial,
                self.random.below(100)
            ),
            4 | 5 => format!("ZINCRBY {key} {} {member}", 1 + self.random.below(9)),
            6 => format!("ZREM {key} {member} {other}"),
            _ => format!("ZPOPMIN {key} {}", 1 + self.random.below(3)),
        };
        crate::resp::words(&line)
    }

    fn stream(&mut self) -> Words {
        let key = self.key("stream");
        let (serial, member) = (self.serial, self.member());
        let line = match self.random.below(8) {
            0..=4 => format!("XADD {key} * serial {serial} of {member}"),
            5 | 6 => format!(
                "XADD {key} MAXLEN = {} * serial {serial}",
                20 + self.random.below(50)
            ),
            _ => format!("XTRIM {key} MAXLEN = {}", self.random.below(30)),
        };
        crate::resp::words(&line)
    }

    fn bitmap(&mut self) -> Words {
        let (key, other) = self.key_pair("bits");
        let line = match self.random.below(8) {
            0 => format!("BITOP OR {other} {key} {other}"),
            1 => format!("DEL {key}"),
            _ => format!(
                "SETBIT {key} {} {}",
                self.random.below(4000),
                self.random.below(2)
            ),
        };
        crate::resp::words(&line)
    }

    fn sketch(&mut self) -> Words {
        let (key, other) = self.key_pair("sketch");
        let member = self.member();
        let line = match self.random.below(8) {
            0 => format!("PFMERGE {other} {key}"),
            1 => format!("DEL {key}"),
            _ => format!("PFADD {key} e{} {member}", self.serial),
        };
        crate::resp::words(&line)
    }

    fn several_keys(&mut self) -> Words {
        let family = *self.random.pick(&[
            "string", "counter", "list", "hash", "set", "sorted", "stream", "bits", "sketch",
        ]);
        let (key, other) = self.key_pair(family);
        let line = match self.random.below(8) {
            0..=3 => {
                let serial = self.serial;
                let pairs = (0..MSET_KEYS).map(|number| format!(" {}mset:{number} {serial}", self.prefix));
                format!("MSET{}", pairs.collect::<String>())
            }
            4 => format!("RENAME {key} {other}"),
            5 | 6 => format!("COPY {key} {other} REPLACE"),
            _ => format!("UNLINK {key} {other}"),
        };
        crate::resp::words(&line)
    }
}

/// What the names of a client's keys begin with.
pub fn prefix(client: usize) -> String {
    format!("c{client}:")
}

/// The database that a client works in. Those with one of their own flush it now and then.
pub fn database(client: usize) -> usize {
    if client.is_multiple_of(2) { 0 } else { client }
}

/// Whether a request changes keys that it does not name.
pub fn is_flush(request: &Words) -> bool {
    request[0] == b"FLUSHDB"
}

/// The shared list of a cycle's groups. The shared counter's name differs in one word.
pub fn order_log(cycle: u64) -> String {
    format!("order:log:{cycle}")
}

fn is_decided_by_server(step: &Step) -> bool {
    let names: [&[u8]; 3] = [b"SPOP", b"XADD", b"PERSIST"];
    step.requests
        .iter()
        .any(|request| names.contains(&request[0].as_slice()))
}

/// A client's keys of a request: the words that begin like one. No value does.
pub fn keys_of<'r>(request: &'r Words, prefix: &'r str) -> impl Iterator<Item = &'r Vec<u8>> {
    request[1..]
        .iter()
        .filter(move |word| word.starts_with(prefix.as_bytes()))
}

fn shares_key(a: &Step, b: &Step, prefix: &str) -> bool {
    if [a, b].iter().any(|step| step.requests.iter().any(is_flush)) {
        return true;
    }
    let theirs: Vec<&Vec<u8>> = b
        .requests
        .iter()
        .flat_map(|request| keys_of(request, prefix))
        .collect();
    a.requests
        .iter()
        .flat_map(|request| keys_of(request, prefix))
        .any(|key| theirs.contains(&key))
}
