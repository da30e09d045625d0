//! Made-up data: keys of several types under a prefix, the same for the same seed. It is written by the user's own commands,
//! in batches at a rate, each a transaction, and never over a key that is there. What would not fit is refused before, and looked at
//! meanwhile.

use super::jobs::Started;
use super::put;
use crate::App;
use crate::ask::{Conversation, about, integer, words};
use crate::audit::BulkNote;
use crate::caller::{Caller, now_ms};
use crate::error::ApiError;
use crate::gate::RequestId;
use crate::jobs::{Job, JobKind, Owner};
use crate::json::{Database, JsonBody};
use crate::room::Room;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use flashdb_base::prng::Prng;
use flashdb_server::engine::Identity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const KEYS_MAX: u64 = 5_000_000;
const VALUE_BYTES_MAX: u64 = 64 << 10;
const PREFIX_CHARS_MAX: usize = 64;
const TYPES_MAX: usize = 6;
const RATE_MAX: u64 = 1_000_000;
/// Longest that a job is to take by its rate, seconds.
const SECONDS_MAX: u64 = 3600;
const TTL_SECONDS_MAX: u64 = 365 * 24 * 3600;
/// Keys that are written together.
const BATCH_KEYS: u64 = 200;
/// Bytes that are sent together, beyond which a batch has fewer keys.
const BATCH_BYTES: u64 = 1 << 20;
/// Batches of one connection: what a connection may be answered in all is bounded.
const BATCHES_PER_CONNECTION: usize = 100;
/// Looks at a batch, whose keys others may be making.
const LOOKS_MAX: u32 = 10;
/// Time before the second look; the next ones are further apart.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// What a transaction says that others were faster than.
const CHANGED: &str = "CONFLICT";
/// Elements of a collection.
const ELEMENTS: u64 = 10;
/// What a key takes beside its value, about.
const KEY_BYTES: u64 = 160;

/// A key, and the requests that make it.
type ToMake = (Vec<u8>, Vec<Vec<Vec<u8>>>);

/// A type of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyType {
    String,
    Hash,
    List,
    Set,
    Zset,
    Stream,
}

/// What is to be made.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerateWish {
    #[serde(default)]
    db: Database,
    /// In front of each key.
    #[schemars(length(min = 1, max = PREFIX_CHARS_MAX))]
    prefix: String,
    /// Taken by turns.
    #[schemars(length(min = 1, max = TYPES_MAX))]
    types: Vec<KeyType>,
    /// Keys; with a rate not more than it makes in an hour, which would be a conflict.
    #[schemars(range(min = 1, max = KEYS_MAX))]
    keys: u64,
    /// Of a whole value, about.
    #[schemars(range(min = 1, max = VALUE_BYTES_MAX))]
    value_bytes: u64,
    /// Least and most time to live in seconds, in either order; none if absent.
    #[schemars(inner(range(min = 1, max = TTL_SECONDS_MAX)))]
    ttl_s: Option<[u64; 2]>,
    #[serde(default)]
    seed: u64,
    /// Keys per second, at most; as fast as it goes if absent.
    #[schemars(range(min = 1, max = RATE_MAX))]
    rate: Option<u64>,
}

impl GenerateWish {
    fn check(&self, databases: u64) -> Result<(), ApiError> {
        let bad = |message: &str| Err(ApiError::bad_request(message));
        if self.db.0 >= databases {
            return bad("there is no such database");
        }
        if !(1..=PREFIX_CHARS_MAX).contains(&self.prefix.chars().count()) {
            return bad("prefix has to have 1 to 64 characters");
        }
        if self.types.is_empty() || self.types.len() > TYPES_MAX {
            return bad("types has to name 1 to 6 types");
        }
        if !(1..=KEYS_MAX).contains(&self.keys) {
            return bad("keys has to be a number from 1 to 5000000");
        }
        if !(1..=VALUE_BYTES_MAX).contains(&self.value_bytes) {
            return bad("value_bytes has to be a number from 1 to 65536");
        }
        if self.rate.is_some_and(|rate| !(1..=RATE_MAX).contains(&rate)) {
            return bad("rate has to be a number from 1 to 1000000");
        }
        // Others cannot begin a job of this kind meanwhile.
        if self.rate.is_some_and(|rate| self.keys / rate > SECONDS_MAX) {
            return Err(ApiError::conflict("at this rate it would take more than an hour"));
        }
        let fits = |seconds: &u64| (1..=TTL_SECONDS_MAX).contains(seconds);
        if !self.ttl_s.is_none_or(|both| both.iter().all(fits)) {
            return bad("ttl_s has to be two numbers from 1 to 31536000");
        }
        Ok(())
    }

    /// Memory that it will take, about.
    fn bytes(&self) -> u64 {
        let kinds = self.types.iter().map(|kind| kind.bytes()).sum::<u64>();
        let each = self.value_bytes + kinds / self.types.len().max(1) as u64 + self.prefix.len() as u64;
        self.keys * each
    }

    fn batch_keys(&self) -> u64 {
        (BATCH_BYTES / (self.value_bytes + KEY_BYTES)).clamp(1, BATCH_KEYS)
    }

    /// The key number `index`, and the requests that make it.
    fn key(&self, index: u64) -> ToMake {
        let kind = self.types[(index % self.types.len() as u64) as usize];
        let mut random = Prng::from_seed(self.seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let name = format!("{}{}:{index:07}", self.prefix, kind.word());
        let key = name.into_bytes();
        let mut requests = vec![kind.request(&key, self.value_bytes, &mut random)];
        if let Some([one, other]) = self.ttl_s {
            let (least, most) = (one.min(other), one.max(other));
            let ttl_ms = 1000 * least + random.below(1000 * (most - least) + 1);
            requests.push(vec![
                b"PEXPIRE".to_vec(),
                key.clone(),
                ttl_ms.to_string().into_bytes(),
            ]);
        }
        (key, requests)
    }
}

/// Readable bytes, as many as wanted.
fn text(bytes: u64, random: &mut Prng) -> Vec<u8> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    (0..bytes).map(|_| LETTERS[random.below(32) as usize]).collect()
}

impl KeyType {
    /// What a key of the type takes besides its value, measured on an empty server and rounded up.
    fn bytes(self) -> u64 {
        match self {
            KeyType::Stream => 640,
            KeyType::Zset => 240,
            _ => KEY_BYTES,
        }
    }

    fn word(self) -> &'static str {
        match self {
            KeyType::String => "string",
            KeyType::Hash => "hash",
            KeyType::List => "list",
            KeyType::Set => "set",
            KeyType::Zset => "zset",
            KeyType::Stream => "stream",
        }
    }

    fn command(self) -> &'static str {
        match self {
            KeyType::String => "SET",
            KeyType::Hash => "HSET",
            KeyType::List => "RPUSH",
            KeyType::Set => "SADD",
            KeyType::Zset => "ZADD",
            KeyType::Stream => "XADD",
        }
    }

    /// The request that makes a key of this type.
    fn request(self, key: &[u8], value_bytes: u64, random: &mut Prng) -> Vec<Vec<u8>> {
        let mut request = vec![self.command().as_bytes().to_vec(), key.to_vec()];
        if self == KeyType::String {
            request.push(text(value_bytes, random));
            return request;
        }
        if self == KeyType::Stream {
            request.push(b"*".to_vec());
        }
        let part_bytes = (value_bytes / ELEMENTS).max(1);
        for element in 0..ELEMENTS.min(value_bytes) {
            let name = format!("field-{element}").into_bytes();
            match self {
                KeyType::Hash | KeyType::Stream => request.extend([name, text(part_bytes, random)]),
                KeyType::Zset => {
                    let score = random.below(1_000_000).to_string().into_bytes();
                    request.extend([score, [&name, &b"-"[..], &text(part_bytes, random)].concat()]);
                }
                KeyType::Set => request.push([&name, &b"-"[..], &text(part_bytes, random)].concat()),
                KeyType::List | KeyType::String => request.push(text(part_bytes, random)),
            }
        }
        request
    }
}

/// `POST /generate`.
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    JsonBody(wish): JsonBody<GenerateWish>,
) -> Result<(StatusCode, Json<Started>), ApiError> {
    caller.may_write()?;
    wish.check(app.engine.databases_count() as u64)?;
    let room = Room::now(&app);
    room.check(wish.bytes())?;
    // Whoever may not select the database learns it now.
    drop(Conversation::of(&app, &caller, wish.db.0).await?);
    let request = match serde_json::to_value(&wish) {
        Ok(Value::Object(request)) => request,
        _ => Map::new(),
    };
    let job = app.jobs.begin(
        &app.hub,
        JobKind::Generate,
        Owner::of(&caller.identity),
        request.clone(),
    )?;
    job.note(BulkNote {
        trail: app.engine.audit().clone(),
        event: "generate",
        job: job.id.clone(),
        user: String::from_utf8_lossy(caller.identity.name()).into_owned(),
        peer: caller.peer,
        request_id,
        request: Value::Object(request).to_string(),
    });
    let started = Started::answer(&job);
    let maker = Maker {
        app,
        identity: caller.identity.clone(),
        peer: caller.peer,
        wish,
        room,
    };
    tokio::spawn(maker.run(job));
    Ok(started)
}

struct Maker {
    app: Arc<App>,
    identity: Identity,
    peer: SocketAddr,
    wish: GenerateWish,
    room: Room,
}

/// What was made up to now.
#[derive(Default)]
struct Made {
    written: u64,
    /// There were such keys.
    skipped: u64,
}

impl Maker {
    async fn run(self, job: Arc<Job>) {
        let mut made = Made::default();
        let outcome = self.make(&job, &mut made).await;
        let seconds = (now_ms() - job.began_ms()) as f64 / 1000.0;
        let mut result = Map::new();
        result.insert("written".into(), made.written.into());
        result.insert("skipped".into(), made.skipped.into());
        result.insert("seconds".into(), json!(seconds));
        job.end(result, outcome.err().map(|error| error.message));
    }

    async fn make(&self, job: &Job, made: &mut Made) -> Result<(), ApiError> {
        let (total, began) = (self.wish.keys, Instant::now());
        let batch_keys = match self.wish.rate {
            // Small steps at a small rate: it is even, and an abort is quick.
            Some(rate) => self.wish.batch_keys().min((rate / 10).max(1)),
            None => self.wish.batch_keys(),
        };
        let mut next = 0;
        while next < total && !job.is_stopped() {
            let mut conversation = self.connect().await?;
            for _ in 0..BATCHES_PER_CONNECTION {
                if next >= total || job.is_stopped() {
                    break;
                }
                let end = (next + batch_keys).min(total);
                self.room.check_now(&self.app)?;
                conversation.set_time(Duration::from_secs(10));
                self.write(&mut conversation, next..end, made).await?;
                next = end;
                let seconds = began.elapsed().as_secs_f64();
                let point = json!({"written": made.written, "skipped": made.skipped, "per_second": next as f64 / seconds.max(0.001)});
                job.progress("writing", next, total, 0, point);
                if let Some(rate) = self.wish.rate {
                    self.pace(began, next as f64 / rate as f64, job).await;
                }
            }
        }
        Ok(())
    }

    async fn connect(&self) -> Result<Conversation, ApiError> {
        let mut conversation = Conversation::begin(&self.app, self.peer, Some(&self.identity)).await?;
        let select = [b"SELECT".to_vec(), self.wish.db.0.to_string().into_bytes()];
        conversation.ask(&select).await?;
        Ok(conversation)
    }

    /// Writes the keys of a batch that are not there yet, and looks again where one of them is made meanwhile.
    async fn write(
        &self,
        conversation: &mut Conversation,
        range: std::ops::Range<u64>,
        made: &mut Made,
    ) -> Result<(), ApiError> {
        let keys: Vec<_> = range.map(|index| self.wish.key(index)).collect();
        let mut looks = 1;
        loop {
            match self.write_once(conversation, &keys).await {
                Ok(written) => {
                    made.written += written;
                    made.skipped += keys.len() as u64 - written;
                    return Ok(());
                }
                Err(error) if error.code == CHANGED && looks < LOOKS_MAX => {
                    // Who makes the same keys is to get ahead.
                    tokio::time::sleep(looks * LOOK_AGAIN).await;
                    looks += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes those that are not there, all or none; how many.
    async fn write_once(&self, conversation: &mut Conversation, keys: &[ToMake]) -> Result<u64, ApiError> {
        // Others may write to what is there as often as they like: only the absent ones are watched.
        let absent = self.absent(conversation, keys.iter().collect(), false).await?;
        let absent = self.absent(conversation, absent, true).await?;
        if absent.is_empty() {
            conversation.ask(&words(["UNWATCH"])).await?;
            return Ok(0);
        }
        let (mut requests, written) = (vec![words(["MULTI", "ATOMIC"])], absent.len() as u64);
        requests.extend(absent.into_iter().flat_map(|(_, makes)| makes.iter().cloned()));
        requests.push(words(["EXEC"]));
        let replies = conversation.ask_all(&requests).await?;
        put::check(conversation, &requests, replies)?;
        Ok(written)
    }

    /// Those of `keys` that are not there; if `watches`, none of them changes unnoticed from now on.
    async fn absent<'a>(
        &self,
        conversation: &mut Conversation,
        mut keys: Vec<&'a ToMake>,
        watches: bool,
    ) -> Result<Vec<&'a ToMake>, ApiError> {
        if keys.is_empty() {
            return Ok(keys);
        }
        let mut requests: Vec<_> = keys.iter().map(|(key, _)| about("EXISTS", key, [])).collect();
        if watches {
            let mut watch = words(["WATCH"]);
            watch.extend(keys.iter().map(|(key, _)| key.clone()));
            requests.insert(0, watch);
        }
        let mut found = Vec::with_capacity(requests.len());
        for (request, reply) in requests.iter().zip(conversation.ask_all(&requests).await?) {
            found.push(integer(&conversation.checked(request, reply)?));
        }
        let mut found = found.into_iter().skip(usize::from(watches));
        keys.retain(|_| found.next().flatten() == Some(0));
        Ok(keys)
    }

    /// Waits until so many seconds after the beginning, or the end of the job.
    async fn pace(&self, began: Instant, seconds: f64, job: &Job) {
        const LOOK_TIME: Duration = Duration::from_millis(100);
        let until = began + Duration::from_secs_f64(seconds);
        while Instant::now() < until && !job.is_stopped() {
            tokio::time::sleep_until(until.min(Instant::now() + LOOK_TIME)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish() -> GenerateWish {
        let wish = json!({"prefix": "demo:", "types": ["string", "hash", "list", "set", "zset", "stream"], "keys": 12, "value_bytes": 100, "ttl_s": [5, 9], "seed": 7});
        serde_json::from_value(wish).expect("a wish")
    }

    #[test]
    fn the_same_seed_makes_the_same_keys() {
        let (a, b) = (wish(), wish());
        for index in 0..12 {
            assert_eq!(a.key(index), b.key(index));
            let (_, requests) = a.key(index);
            let ttl_ms: u64 = String::from_utf8_lossy(&requests[1][2])
                .parse()
                .expect("a number");
            assert!((5000..=9000).contains(&ttl_ms));
        }
        assert_ne!(a.key(0).1, GenerateWish { seed: 8, ..b }.key(0).1);
    }

    #[test]
    fn values_are_about_as_large_as_wanted() {
        for index in 0..6 {
            let (_, requests) = wish().key(index);
            let bytes: usize = requests[0][2..].iter().map(Vec::len).sum();
            assert!((100..=250).contains(&bytes), "{index}: {bytes}");
        }
        let small = GenerateWish {
            value_bytes: 1,
            ..wish()
        };
        assert!((0..6).all(|index| small.key(index).1[0].len() >= 3));
    }

    #[test]
    fn wishes_have_bounds() {
        assert!(wish().check(16).is_ok());
        for bad in [
            GenerateWish {
                db: Database(16),
                ..wish()
            },
            GenerateWish {
                prefix: String::new(),
                ..wish()
            },
            GenerateWish {
                prefix: "x".repeat(65),
                ..wish()
            },
            GenerateWish {
                types: vec![],
                ..wish()
            },
            GenerateWish { keys: 0, ..wish() },
            GenerateWish {
                keys: KEYS_MAX + 1,
                ..wish()
            },
            GenerateWish {
                value_bytes: VALUE_BYTES_MAX + 1,
                ..wish()
            },
            GenerateWish {
                keys: 10_000,
                rate: Some(2),
                ..wish()
            },
            GenerateWish {
                rate: Some(0),
                ..wish()
            },
            GenerateWish {
                ttl_s: Some([0, 5]),
                ..wish()
            },
        ] {
            assert!(bad.check(16).is_err());
        }
        let either = |ttl_s| GenerateWish {
            ttl_s: Some(ttl_s),
            ..wish()
        };
        assert_eq!(either([9, 5]).key(3), either([5, 9]).key(3));
        assert_eq!(
            GenerateWish {
                value_bytes: VALUE_BYTES_MAX,
                ..wish()
            }
            .batch_keys(),
            15
        );
        assert_eq!(wish().batch_keys(), BATCH_KEYS);
    }
}
