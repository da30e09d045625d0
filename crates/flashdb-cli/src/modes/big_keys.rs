//! `--bigkeys` and `--memkeys`: the whole keyspace by SCAN, the largest key and the averages of each type.
//!
//! Sizes are asked for in one pipeline per page: the type's own count of elements, or MEMORY USAGE.

use super::{ModeError, Outcome, Pages, ask, average, checked, is_json, percent, quoted};
use crate::connection::{Connection, push_request};
use crate::options::Options;
use crate::say;
use serde_json::json;

/// Keys between two lines that say how far it is.
const PROGRESS_KEYS: u64 = 1_000_000;
/// Pages between two pauses of `-i`.
const PAUSE_PAGES: u64 = 100;

struct Kind {
    name: String,
    /// The command that counts elements; empty for types of modules.
    command: &'static str,
    unit: &'static str,
    keys: u64,
    size: u64,
    biggest: Option<(Vec<u8>, u64)>,
}

impl Kind {
    fn new(name: &str, command: &'static str, unit: &'static str) -> Self {
        Kind {
            name: name.to_owned(),
            command,
            unit,
            keys: 0,
            size: 0,
            biggest: None,
        }
    }
}

/// In redis-cli's order.
fn kinds() -> Vec<Kind> {
    vec![
        Kind::new("list", "LLEN", "items"),
        Kind::new("hash", "HLEN", "fields"),
        Kind::new("string", "STRLEN", "bytes"),
        Kind::new("stream", "XLEN", "entries"),
        Kind::new("set", "SCARD", "members"),
        Kind::new("zset", "ZCARD", "members"),
    ]
}

struct Survey<'a> {
    connection: &'a mut Connection,
    options: &'a Options,
    /// Set where memory is asked for; inside, the number of elements to look at.
    memory: Option<Option<u64>>,
    kinds: Vec<Kind>,
    total: u64,
    sampled: u64,
    name_bytes: u64,
}

/// Looks at all keys; `memory` asks for bytes instead of elements.
///
/// # Errors
/// When the connection breaks or the server refuses SCAN or MEMORY USAGE.
pub fn run(connection: &mut Connection, options: &Options, memory: Option<Option<u64>>) -> Outcome {
    let total = ask(connection, &["DBSIZE"])?.integer().unwrap_or(0);
    let mut survey = Survey {
        connection,
        options,
        memory,
        kinds: kinds(),
        total: total.unsigned_abs(),
        sampled: 0,
        name_bytes: 0,
    };
    if !is_json(options) {
        say!(
            "\n# Scanning the entire keyspace to find biggest keys as well as\n\
             # average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n\
             # per 100 SCAN commands (not usually needed).\n\n"
        );
    }
    let mut pages = Pages::new(options);
    let mut count = 0;
    while let Some(keys) = pages.next(survey.connection)? {
        survey.page(keys)?;
        count += 1;
        if let (Some(pause), true) = (options.interval, count % PAUSE_PAGES == 0) {
            std::thread::sleep(pause);
        }
    }
    match is_json(options) {
        true => say!("{}\n", survey.as_json()),
        false => survey.print_summary(),
    }
    Ok(())
}

impl Survey<'_> {
    fn page(&mut self, keys: Vec<Vec<u8>>) -> Outcome {
        let done = percent(self.sampled, self.total);
        let types = self.types(&keys)?;
        let mut request = Vec::new();
        let mut asked = Vec::new();
        for (key, kind) in keys.into_iter().zip(types) {
            // A key that is gone meanwhile has none.
            let Some(kind) = kind else { continue };
            let is_sized = self.memory.is_some() || !self.kinds[kind].command.is_empty();
            if is_sized {
                self.push_size_request(&mut request, kind, &key);
            }
            asked.push((key, kind, is_sized));
        }
        self.connection.send_bytes(&request)?;
        for (key, kind, is_sized) in asked {
            let mut size = 0;
            if is_sized {
                // A null, or an error about the type, is a key that was replaced meanwhile.
                let reply = self.connection.read_reply()?;
                size = match self.memory {
                    Some(_) => checked(reply)?,
                    None => reply,
                }
                .integer()
                .unwrap_or(0)
                .unsigned_abs();
            }
            self.count(key, kind, size, done);
        }
        Ok(())
    }

    fn types(&mut self, keys: &[Vec<u8>]) -> Result<Vec<Option<usize>>, ModeError> {
        let mut request = Vec::new();
        for key in keys {
            push_request(&mut request, &[b"TYPE", key.as_slice()]);
        }
        self.connection.send_bytes(&request)?;
        let mut types = Vec::with_capacity(keys.len());
        for _ in keys {
            let reply = checked(self.connection.read_reply()?)?;
            let name = String::from_utf8_lossy(reply.bytes().unwrap_or_default()).into_owned();
            types.push((name != "none").then(|| self.kind(&name)));
        }
        Ok(types)
    }

    fn kind(&mut self, name: &str) -> usize {
        let found = self.kinds.iter().position(|kind| kind.name == name);
        found.unwrap_or_else(|| {
            self.kinds.push(Kind::new(name, "", "?"));
            self.kinds.len() - 1
        })
    }

    fn push_size_request(&self, request: &mut Vec<u8>, kind: usize, key: &[u8]) {
        match self.memory {
            None => push_request(request, &[self.kinds[kind].command.as_bytes(), key]),
            Some(None) => push_request(request, &[&b"MEMORY"[..], b"USAGE", key]),
            Some(Some(samples)) => {
                let samples = samples.to_string();
                push_request(
                    request,
                    &[&b"MEMORY"[..], b"USAGE", key, b"SAMPLES", samples.as_bytes()],
                );
            }
        }
    }

    fn unit(&self, kind: &Kind) -> &'static str {
        match self.memory {
            Some(_) => "bytes",
            None => kind.unit,
        }
    }

    fn count(&mut self, key: Vec<u8>, at: usize, size: u64, done: f64) {
        let is_json = is_json(self.options);
        let unit = self.unit(&self.kinds[at]);
        let kind = &mut self.kinds[at];
        kind.keys += 1;
        kind.size += size;
        self.sampled += 1;
        self.name_bytes += key.len() as u64;
        if kind.biggest.as_ref().map_or(0, |(_, biggest)| *biggest) < size {
            if !is_json {
                let (name, key) = (&kind.name, quoted(&key));
                say!("[{done:05.2}%] Biggest {name:<6} found so far '{key}' with {size} {unit}\n");
            }
            kind.biggest = Some((key, size));
        }
        if self.sampled.is_multiple_of(PROGRESS_KEYS) && !is_json {
            say!("[{done:05.2}%] Sampled {} keys so far\n", self.sampled);
        }
    }

    fn print_summary(&self) {
        say!(
            "\n-------- summary -------\n\nSampled {} keys in the keyspace!\n\
             Total key length in bytes is {} (avg len {:.2})\n\n",
            self.sampled,
            self.name_bytes,
            average(self.name_bytes, self.sampled)
        );
        for kind in &self.kinds {
            if let Some((key, size)) = &kind.biggest {
                let (name, key, unit) = (&kind.name, quoted(key), self.unit(kind));
                say!("Biggest {name:>6} found '{key}' has {size} {unit}\n");
            }
        }
        say!("\n");
        for kind in &self.kinds {
            let share = match self.sampled {
                0 => 0.0,
                sampled => percent(kind.keys, sampled),
            };
            say!(
                "{} {}s with {} {} ({share:05.2}% of keys, avg size {:.2})\n",
                kind.keys,
                kind.name,
                kind.size,
                self.unit(kind),
                average(kind.size, kind.keys)
            );
        }
    }

    fn as_json(&self) -> serde_json::Value {
        let types = self.kinds.iter().map(|kind| {
            let biggest = kind.biggest.as_ref();
            json!({
                "type": kind.name,
                "unit": self.unit(kind),
                "keys": kind.keys,
                "size": kind.size,
                "average": average(kind.size, kind.keys),
                "biggest": biggest.map(|(key, size)| json!({"key": String::from_utf8_lossy(key), "size": size})),
            })
        });
        json!({
            "sampled": self.sampled,
            "key_bytes": self.name_bytes,
            "types": types.collect::<Vec<_>>(),
        })
    }
}
