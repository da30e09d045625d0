//! The middle layer: parsed requests run by their handlers under the locks of their shards, with their effects framed and
//! appended to the log, whose buffer is emptied after each batch as its writer would. Sockets, parsing, the gates before
//! a command and the statistics after it are left to the server.

use crate::parsed::Parsed;
use crate::scenario::{Scenario, Shape};
use flashdb_base::hash::hash_bytes;
use flashdb_base::prng::Prng;
use flashdb_command::registry::Command;
use flashdb_command::{Context, Mode, Registry, Session};
use flashdb_config::Settings;
use flashdb_resp::{Args, Protocol, Reply};
use flashdb_store::{Access, Collector, Keyspace, Policy, Usage};
use std::any::Any;

const SHARDS: usize = 256;
const DATABASES: usize = 16;
const NOW_MS: i64 = 1_700_000_000_000;

/// A keyspace and what it will be asked.
pub struct ShardLayer {
    space: Keyspace,
    registry: Registry,
    settings: Settings,
    requests: Parsed,
    pipeline: usize,
    /// Takes what is too big to be freed at once; never run, so that nothing happens beside the requests.
    _collector: Collector,
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

impl ShardLayer {
    /// The keyspace as the scenario's preparation leaves it.
    ///
    /// # Errors
    /// A request's error reply.
    pub fn new(scenario: &Scenario, shape: &Shape) -> Result<Self, String> {
        let (space, collector) = Keyspace::new(SHARDS, DATABASES, 1);
        space.log().enable(true);
        let layer = ShardLayer {
            space,
            registry: Registry::new(&flashdb_command::families()),
            settings: Settings::default(),
            requests: Parsed::new(scenario.requests(shape))?,
            pipeline: scenario.pipeline,
            _collector: collector,
        };
        layer.run_all(&Parsed::new(scenario.preparation(shape))?, |_| ())?;
        Ok(layer)
    }

    /// Runs the requests; returns how many. `replies` is shown the replies of each batch.
    ///
    /// # Errors
    /// The first error reply.
    pub fn run(&self, replies: impl FnMut(&[u8])) -> Result<usize, String> {
        self.run_all(&self.requests, replies)
    }

    fn run_all(&self, requests: &Parsed, mut replies: impl FnMut(&[u8])) -> Result<usize, String> {
        let policy = Policy {
            touch: true,
            usage: Usage::Lru,
            expire: true,
        };
        let mut data = Access::new(&self.space, policy, Prng::from_seed(1));
        data.now_ms = NOW_MS;
        data.effects.recording = true;
        let mut reply = Reply::new(Protocol::Resp2);
        let mut log_buffer = Vec::new();
        let mut next = 0;
        while next < requests.len() {
            let end = requests.len().min(next + self.pipeline);
            let pass = self.space.gate().enter(0);
            for index in next..end {
                self.run_one(&mut data, &mut reply, requests.args(index))?;
            }
            next = end;
            data.release();
            drop(pass);
            replies(reply.bytes());
            reply.truncate(0);
            let taken = self.space.log().take(log_buffer);
            self.space.log().written(taken.bytes.len() as u64);
            log_buffer = taken.bytes;
            log_buffer.clear();
        }
        Ok(next)
    }

    fn run_one<'k>(&'k self, data: &mut Access<'k>, reply: &mut Reply, args: Args<'_>) -> Result<(), String> {
        let lossy = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        let command = self
            .registry
            .resolve(&args)
            .map_err(|error| lossy(error.text()))?;
        self.hold(data, &command, &args);
        let mut context = Context {
            spec: command.spec,
            args,
            data,
            reply,
            settings: &self.settings,
            session: &mut NoSession,
            mode: Mode::default(),
            block: None,
        };
        (command.spec.handler)(&mut context).map_err(|error| lossy(error.text()))?;
        data.effects.end_command(0, 0, &args);
        data.effects.settle();
        Ok(())
    }

    fn hold<'k>(&'k self, data: &mut Access<'k>, command: &Command, args: &Args<'_>) {
        if let Some(at) = command.single_key {
            let key = args.at(at as usize);
            data.hold_key(key, self.space.shard_of(key), hash_bytes(key));
        } else {
            let keys = command.spec.key_positions(args).unwrap_or_default();
            let shard = |&at: &u32| self.space.shard_of(args.at(at as usize));
            data.hold(|space| space.lock(keys.iter().map(shard).collect()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ShardLayer;
    use crate::scenario::{SCENARIOS, Shape};

    #[test]
    fn replies_are_those_that_the_scenario_names() {
        let shape = Shape {
            keys: 200,
            value_bytes: 8,
            operations: 100,
        };
        for scenario in SCENARIOS {
            let layer = ShardLayer::new(scenario, &shape).expect(scenario.name);
            let expected = scenario.reply.replace('#', "8");
            let mut replies = Vec::new();
            assert_eq!(layer.run(|batch| replies.extend_from_slice(batch)), Ok(100));
            let replies = String::from_utf8(replies).expect("text");
            let found = replies.lines().filter(|line| line.starts_with(&expected)).count();
            // Elements of arrays may begin in the same way.
            assert!(
                found >= 100,
                "{}: {found} times {expected} in {replies}",
                scenario.name
            );
        }
    }
}
