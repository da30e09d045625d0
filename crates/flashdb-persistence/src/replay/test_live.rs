//! A keyspace that clients work on, as far as the log sees it: requests run with their effects recorded, which become frames.
//! The clock is the test's.

use flashdb_base::args::OwnedArgs;
use flashdb_base::prng::Prng;
use flashdb_command::{Context, Mode, Registry, Session};
use flashdb_config::Settings;
use flashdb_resp::{Protocol, Reply};
use flashdb_store::{Access, Eviction, GatePass, Keyspace, Policy, Usage, Victim};
use std::any::Any;
use std::collections::BTreeMap;

pub struct Live<'k> {
    pub data: Access<'k>,
    pub registry: Registry,
    pub settings: Settings,
    pub mode: Mode,
    /// Held while effects make a group.
    group: Option<GatePass<'k>>,
    /// Full names of the commands that changed something, and how often.
    pub changed_by: BTreeMap<String, usize>,
    /// What ran and what was logged for it.
    pub history: Vec<String>,
}

struct Anybody;

impl Session for Anybody {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn client_id(&self) -> u64 {
        1
    }
}

impl<'k> Live<'k> {
    pub fn new(space: &'k Keyspace, seed: u64) -> Self {
        let policy = Policy {
            touch: true,
            usage: Usage::Lru,
            expire: true,
        };
        let mut data = Access::new(space, policy, Prng::from_seed(seed));
        data.now_ms = 1_700_000_000_000;
        data.effects.recording = true;
        space.log().enable(true);
        Live {
            data,
            registry: Registry::new(&flashdb_command::families()),
            settings: Settings::default(),
            mode: Mode::default(),
            group: None,
            changed_by: BTreeMap::new(),
            history: Vec::new(),
        }
    }

    /// Runs a request; its reply.
    pub fn run(&mut self, request: &OwnedArgs) -> Vec<u8> {
        let args = request.as_args();
        let shown: Vec<String> = args.iter().map(super::test_state::text).collect();
        let line = format!("{} db{}: {}", self.data.now_ms, self.data.db, shown.join(" "));
        let Ok(command) = self.registry.resolve(&args) else {
            panic!("no command: {line}");
        };
        assert!(command.spec.accepts(args.len()), "arity: {line}");
        let space = self.data.space();
        let pass = self.group.is_none().then(|| space.gate().close());
        match command.spec.key_positions(&args) {
            _ if self.group.is_some() => {}
            Ok(keys) if !command.spec.is_exclusive(&args) && !keys.is_empty() => {
                let shards = keys
                    .iter()
                    .map(|&at| space.shard_of(args.at(at as usize)))
                    .collect();
                self.data.hold(|space| space.lock(shards));
            }
            _ => self.data.hold(Keyspace::lock_as_touched),
        }
        let mut reply = Reply::new(Protocol::Resp3);
        let (db, dirty_before) = (self.data.db, self.data.effects.dirty);
        let mut session = Anybody;
        let mut context = Context {
            spec: command.spec,
            args,
            data: &mut self.data,
            reply: &mut reply,
            settings: &self.settings,
            session: &mut session,
            mode: self.mode,
            block: None,
        };
        let result = (command.spec.handler)(&mut context);
        if context.block.is_some() {
            context.data.unchanged();
        }
        let mut line = line;
        if let Err(error) = result {
            reply.truncate(0);
            reply.error_bytes(error.text());
            line += &format!(" (-{})", super::test_state::text(error.text()));
        }
        if self.data.effects.dirty > dirty_before {
            *self.changed_by.entry(command.spec.full_name()).or_default() += 1;
        }
        self.data.effects.end_command(db, dirty_before, &args);
        self.record(line);
        drop(pass);
        reply.into_bytes()
    }

    /// Has some expired keys and fields removed, as the loops do in the background.
    pub fn expire_some(&mut self, shard: u16) {
        let pass = self.data.space().gate().close();
        self.data.hold(Keyspace::lock_as_touched);
        let db = self.data.db;
        self.data.expire_due(shard, 0);
        self.data.db = db;
        self.record("(active expiry)".into());
        drop(pass);
    }

    /// Removes a key for `maxmemory`.
    pub fn evict_one(&mut self, shard: u16) {
        let pass = self.data.space().gate().close();
        self.data.hold(Keyspace::lock_as_touched);
        let eviction = Eviction {
            victim: Victim::Random,
            volatile_only: false,
            samples: 1,
        };
        self.data.evict_one(shard, &eviction);
        self.record("(eviction)".into());
        drop(pass);
    }

    /// Effects from here on make one group.
    pub fn begin_group(&mut self) {
        self.group = Some(self.data.space().gate().close());
        self.data.hold(Keyspace::lock_as_touched);
    }

    /// Ends the group.
    pub fn end_group(&mut self) {
        self.data.effects.settle();
        self.data.release();
        self.group = None;
    }

    /// Notes what was done, and unless it is part of a group logs it.
    fn record(&mut self, line: String) {
        let logged: Vec<String> = self
            .data
            .effects
            .log
            .open()
            .map(|record| {
                let words = record.request().expect("just made");
                let shown: Vec<String> = words.as_args().iter().map(super::test_state::text).collect();
                format!("db{} {}", record.db, shown.join(" "))
            })
            .collect();
        self.history.push(format!("{line}  ->  {}", logged.join(" | ")));
        if self.group.is_none() {
            self.data.effects.settle();
            self.data.release();
        }
    }

    /// The frames logged since the last call.
    pub fn take_frames(&mut self) -> Vec<u8> {
        self.data.space().log().take(Vec::new()).bytes
    }
}
