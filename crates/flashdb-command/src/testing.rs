//! Runs commands without a server, for the unit tests beside the handlers: one client, one
//! keyspace, replies as readable text. Blocking shows as `(blocked)`.

use crate::context::{BlockRequest, Context, Mode, Session};
use crate::registry::Registry;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::prng::Prng;
use flashdb_base::split_args::split_args;
use flashdb_config::Settings;
use flashdb_resp::{OwnedArgs, Protocol, Reply};
use flashdb_store::{Access, Expiry, Keyspace, Policy, Usage, Value};
use std::any::Any;

/// A command runner over its own small keyspace.
pub struct Runner {
    space: Keyspace,
    registry: Registry,
    /// Settings that the commands see.
    pub settings: Settings,
    /// Protocol of the replies.
    pub protocol: Protocol,
    /// Unix time of the next command, ms.
    pub now_ms: i64,
    /// Selected database.
    pub db: u16,
    /// Seed of the randomness.
    pub seed: u64,
    /// Whether shards are locked as they are touched, as in a transaction that closes the gate.
    pub locks_as_touched: bool,
    /// Surroundings of the next command.
    pub mode: Mode,
    /// Events published by the last command, as `name key`.
    pub events: Vec<String>,
    /// Effects that the last command decided, as words joined by spaces.
    pub decided: Vec<String>,
    /// What a log would keep of the last command: `decided`, or the request itself where it changed
    /// something and decided nothing.
    pub logged: Vec<OwnedArgs>,
    /// Changes counted for the last command.
    pub dirty: u64,
    /// What the last command asked to wait for.
    pub blocked: Option<Box<BlockRequest>>,
}

struct NoSession;

impl Session for NoSession {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn client_id(&self) -> u64 {
        1
    }
}

impl Default for Runner {
    fn default() -> Self {
        let (space, _collector) = Keyspace::new(4, 16, 1);
        Runner {
            space,
            registry: Registry::new(&crate::families()),
            settings: Settings::default(),
            protocol: Protocol::Resp2,
            now_ms: 1_700_000_000_000,
            db: 0,
            seed: 1,
            locks_as_touched: false,
            mode: Mode::default(),
            events: Vec::new(),
            decided: Vec::new(),
            logged: Vec::new(),
            dirty: 0,
            blocked: None,
        }
    }
}

impl Runner {
    /// A runner whose database holds the keys named (separated by spaces), each with a string equal to its name.
    pub fn with_strings(names: &str) -> Self {
        let mut runner = Runner::default();
        for name in names.split(' ') {
            runner.put(name, Value::String(name.into()));
        }
        runner
    }

    /// Puts a value at `key`, whatever was there.
    pub fn put(&mut self, key: &str, value: Value) {
        let pass = self.space.gate().close();
        let policy = Policy {
            touch: true,
            usage: Usage::Lru,
            expire: true,
        };
        let mut data = Access::new(&self.space, policy, Prng::from_seed(0));
        (data.db, data.now_ms) = (self.db, self.now_ms);
        data.hold(Keyspace::lock_as_touched);
        data.set_value(key.as_bytes(), value, Expiry::Clear);
        data.changed_silently(key.as_bytes());
        drop(data);
        drop(pass);
    }

    /// Runs a request given as a line (quotes as in redis-cli); the reply as RESP text with `\r\n`
    /// shown as spaces.
    pub fn run(&mut self, line: &str) -> String {
        let words = split_args(line.as_bytes()).expect("balanced quotes");
        self.run_words(words.iter().map(Vec::as_slice))
    }

    /// Runs a request given as words.
    pub fn run_words<'w>(&mut self, words: impl IntoIterator<Item = &'w [u8]>) -> String {
        let reply = self.run_raw(words);
        String::from_utf8_lossy(&reply).trim_end().replace("\r\n", " ")
    }

    /// Runs a request; the reply as it would be sent.
    pub fn run_raw<'w>(&mut self, words: impl IntoIterator<Item = &'w [u8]>) -> Vec<u8> {
        let request = OwnedArgs::from_words(words);
        let args = request.as_args();
        let mut reply = Reply::new(self.protocol);
        let command = match self.registry.resolve(&args) {
            Ok(command) if command.spec.accepts(args.len()) => command,
            Ok(command) => {
                reply.error_bytes(crate::error::wrong_arity(&command.spec.full_name()).text());
                return reply.into_bytes();
            }
            Err(error) => {
                reply.error_bytes(error.text());
                return reply.into_bytes();
            }
        };
        let pass = self.space.gate().close();
        let policy = Policy {
            touch: true,
            usage: Usage::Lru,
            expire: true,
        };
        let mut data = Access::new(&self.space, policy, Prng::from_seed(self.seed));
        self.seed += 1;
        (data.db, data.now_ms) = (self.db, self.now_ms);
        data.effects.published = NotifyFlags::ALL.union(NotifyFlags::NEW);
        data.effects.recording = true;
        match command.spec.key_positions(&args) {
            // Locking what the row declares proves that the handler touches nothing else.
            Ok(keys) if !command.spec.is_exclusive(&args) && !self.locks_as_touched => {
                let space = &self.space;
                let shards = keys
                    .iter()
                    .map(|&at| space.shard_of(args.at(at as usize)))
                    .collect();
                data.hold(|space| space.lock(shards));
            }
            _ => data.hold(Keyspace::lock_as_touched),
        }
        let mut session = NoSession;
        let mut context = Context {
            spec: command.spec,
            args,
            data: &mut data,
            reply: &mut reply,
            settings: &self.settings,
            session: &mut session,
            mode: self.mode,
            block: None,
        };
        let result = (command.spec.handler)(&mut context);
        self.blocked = context.block.take();
        let blocked = self.blocked.is_some();
        if let Err(error) = result {
            reply.truncate(0);
            reply.error_bytes(error.text());
        } else if blocked {
            reply.truncate(0);
            reply.simple("(blocked)");
        }
        assert!(
            data.is_settled() || blocked,
            "{} left a write guard unsettled",
            command.spec.full_name()
        );
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let events = data
            .effects
            .touched
            .iter()
            .filter_map(|t| t.event.map(|(_, name)| (name, &t.key)));
        self.events = events
            .map(|(name, key)| format!("{name} {}", text(key)))
            .collect();
        self.dirty = data.effects.dirty;
        let join = |request: OwnedArgs| request.as_args().iter().map(text).collect::<Vec<_>>().join(" ");
        self.decided = requests(&data).into_iter().map(join).collect();
        data.effects.end_command(self.db, 0, &args);
        self.logged = requests(&data);
        data.effects.discard();
        drop(data);
        drop(pass);
        reply.into_bytes()
    }
}

/// The effects of the running command so far, as requests.
fn requests(data: &Access<'_>) -> Vec<OwnedArgs> {
    let decode = |record: flashdb_log::Record<'_>| record.request().expect("written a moment ago");
    data.effects.log.open().map(decode).collect()
}
