//! What was read goes into a running server, key by key, while its clients go on (PER-67). Each key takes the place of what the server
//! has under its name; others stay. So whatever broke a transfer off, it may be begun again.
//!
//! A server that cannot take writes for a while (a full disk or memory, loading, a long script) is waited for. `--rate` leaves time
//! to its clients.

use super::client::Client;
use super::error::ToolError;
use flashdb_base::prng::Prng;
use flashdb_command::rdb_convert;
use flashdb_config::Settings;
use flashdb_store::{Access, Entry, Keyspace, Policy, Usage, ValueRef};
use std::time::{Duration, Instant};

/// Keys, and bytes, on their way at a time.
const BATCH_KEYS: usize = 64;
const BATCH_BYTES: usize = 1 << 20;
/// Time between two words about progress.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How long, and how often, a server is waited for that takes no writes.
const REST: Duration = Duration::from_secs(1);
const RESTS_MAX: u32 = 600;
/// How errors begin that pass.
const PASSING: &[&str] = &["MISCONF", "OOM", "LOADING", "BUSY ", "NOREPLICAS"];

/// Sends all databases and function libraries; how many keys. At most `rate` keys a second, or as many as it takes with 0.
///
/// # Errors
/// When the server refuses a key, or the connection breaks. What was sent stays.
pub fn send_all(
    space: &Keyspace,
    settings: &Settings,
    client: &mut Client,
    rate: u64,
    now_ms: i64,
) -> Result<u64, ToolError> {
    let policy = Policy {
        touch: false,
        usage: Usage::Lru,
        expire: false,
    };
    let _closed = space.gate().close();
    let mut data = Access::new(space, policy, Prng::from_seed(1));
    data.now_ms = now_ms;
    data.hold(Keyspace::lock_as_touched);
    let limits = rdb_convert::encode_limits(settings);
    let mut total = 0;
    for db in 0..space.databases_count() as u16 {
        data.held()
            .for_each_shard(|_, shard| total += shard.database(db).len() as u64);
    }
    let mut sender = Sender::new(client, rate, total);
    for source in space.libraries().sources().1.values() {
        sender.ask(&[b"FUNCTION", b"LOAD", b"REPLACE", source])?;
    }
    for db in 0..space.databases_count() as u16 {
        let mut outcome = Ok(());
        let mut selected = false;
        data.held().for_each_shard(|_, shard| {
            for entry in shard.database(db).iter() {
                if outcome.is_err() || !is_live(entry, now_ms) {
                    continue;
                }
                outcome = match selected {
                    true => Ok(()),
                    false => sender.select(db),
                };
                selected = true;
                if outcome.is_ok() {
                    let payload = rdb_convert::dump(entry.value(), &limits, now_ms);
                    outcome = sender.restore(entry.key(), entry.expire_at_ms(), &payload);
                }
            }
        });
        outcome?;
        sender.flush()?;
    }
    Ok(sender.sent)
}

/// Whether a loader would take it: neither it nor all of its fields are due.
fn is_live(entry: &Entry, now_ms: i64) -> bool {
    let has_content = match entry.value() {
        ValueRef::Hash(hash) => hash.iter().any(|field| field.is_live(now_ms.max(0) as u64)),
        _ => true,
    };
    has_content && entry.expire_at_ms().is_none_or(|at_ms| at_ms > now_ms)
}

struct Sender<'c> {
    client: &'c mut Client,
    /// Requests to be sent.
    batch: Vec<Vec<u8>>,
    batch_bytes: usize,
    rate: u64,
    total: u64,
    sent: u64,
    began: Instant,
    told: Instant,
}

impl<'c> Sender<'c> {
    fn new(client: &'c mut Client, rate: u64, total: u64) -> Self {
        Sender {
            client,
            batch: Vec::new(),
            batch_bytes: 0,
            rate,
            total,
            sent: 0,
            began: Instant::now(),
            told: Instant::now(),
        }
    }

    fn select(&mut self, db: u16) -> Result<(), ToolError> {
        self.ask(&[b"SELECT", db.to_string().as_bytes()])
    }

    /// Sends one request, and again until the server takes it. No key waits to be sent.
    fn ask(&mut self, words: &[&[u8]]) -> Result<(), ToolError> {
        let mut left = vec![Client::encode(words)];
        self.retry(|sender| sender.send(&mut left))
    }

    fn restore(&mut self, key: &[u8], expire_at_ms: Option<i64>, payload: &[u8]) -> Result<(), ToolError> {
        let at_ms = expire_at_ms.unwrap_or(0).to_string();
        let words: [&[u8]; 6] = [b"RESTORE", key, at_ms.as_bytes(), payload, b"REPLACE", b"ABSTTL"];
        let request = Client::encode(&words);
        self.batch_bytes += request.len();
        self.batch.push(request);
        if self.batch.len() >= BATCH_KEYS || self.batch_bytes >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Sends what waits, and again what the server could not take, until it has.
    fn flush(&mut self) -> Result<(), ToolError> {
        let mut left = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        self.retry(|sender| {
            let count = left.len();
            let refused = sender.send(&mut left)?;
            sender.sent += (count - left.len()) as u64;
            sender.tell();
            Ok(refused)
        })?;
        self.slow_down();
        Ok(())
    }

    /// Does `send` until the server has taken all of it.
    fn retry(
        &mut self,
        mut send: impl FnMut(&mut Self) -> Result<Option<String>, ToolError>,
    ) -> Result<(), ToolError> {
        for rest in 0.. {
            match send(self)? {
                None => break,
                Some(text) if rest == RESTS_MAX => return Err(ToolError::Server(text)),
                Some(text) => {
                    eprintln!("the server takes no writes at the moment: {text}");
                    std::thread::sleep(REST);
                }
            }
        }
        Ok(())
    }

    /// Sends the requests; `left` are those that were refused and may be taken later, and why.
    fn send(&mut self, left: &mut Vec<Vec<u8>>) -> Result<Option<String>, ToolError> {
        let replies = self.client.ask_all(left)?;
        let mut refused = None;
        let mut again = Vec::new();
        for (request, reply) in std::mem::take(left).into_iter().zip(replies) {
            match reply {
                Ok(_) => {}
                Err(text) if PASSING.iter().any(|start| text.starts_with(start)) => {
                    again.push(request);
                    refused = Some(text);
                }
                Err(text) => return Err(ToolError::Server(text)),
            }
        }
        *left = again;
        Ok(refused)
    }

    fn slow_down(&self) {
        if self.rate == 0 {
            return;
        }
        let due = Duration::from_secs_f64(self.sent as f64 / self.rate as f64);
        std::thread::sleep(due.saturating_sub(self.began.elapsed()));
    }

    fn tell(&mut self) {
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            eprintln!("{} of {} keys", self.sent, self.total);
        }
    }
}
