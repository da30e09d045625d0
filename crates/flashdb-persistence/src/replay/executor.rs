//! Executes one record whose shards are locked: the commonest kinds straight on the keyspace, the others through their
//! handlers, with the reply thrown away.

use super::commands::{Action, WordBuffer};
use super::error::Reason;
use super::libraries;
use super::{Place, ReplayError, Setup};
use flashdb_command::{CommandSpec, Context, Mode, Session};
use flashdb_config::Settings;
use flashdb_log::{FrameError, Kind, Record};
use flashdb_resp::{Protocol, Reply};
use flashdb_store::{Access, Expiry};
use std::any::Any;

/// Reply memory kept from one record to the next.
const KEPT_BYTES: usize = 1 << 20;

/// See the module's head.
pub(super) struct Executor<'k> {
    pub(super) setup: Setup<'k>,
    pub(super) data: Access<'k>,
    pub(super) words: WordBuffer,
    settings: Settings,
    reply: Reply,
}

impl<'k> Executor<'k> {
    pub(super) fn new(setup: Setup<'k>) -> Self {
        // What was logged was allowed then, whatever the limits are now.
        let settings = Settings {
            proto_max_bulk_len: u64::MAX,
            cluster_enabled: false,
            ..setup.settings.clone()
        };
        Executor {
            setup,
            data: setup.access(),
            words: WordBuffer::default(),
            settings,
            reply: Reply::new(Protocol::Resp3),
        }
    }

    /// Does what `record` says; its shards are locked, or the gate is closed. `at` is shard and hash of its key, where
    /// they are known.
    #[inline]
    pub(super) fn execute(
        &mut self,
        record: &Record<'_>,
        action: Action,
        at: Option<(u16, u64)>,
        place: Place,
    ) -> Result<(), ReplayError> {
        let done = match action {
            Action::Nothing => return Ok(()),
            _ if usize::from(record.db) >= self.setup.space.databases_count() => {
                Err(Reason::NoDatabase(record.db))
            }
            Action::Direct => self.change(record, at),
            Action::Handler(spec) => self.handle(record, spec, at),
            Action::Libraries => self
                .words
                .request(record)
                .and_then(|args| libraries::change(self.setup.space.libraries(), &args)),
        };
        done.map_err(|reason| ReplayError {
            place,
            command: name_of(record, action),
            reason,
        })
    }

    /// One key, without a handler. An absent key is none to expire or to remove.
    #[inline]
    fn change(&mut self, record: &Record<'_>, at: Option<(u16, u64)>) -> Result<(), Reason> {
        let (data, key) = (&mut self.data, record.key);
        data.db = record.db;
        match at {
            Some((shard, hash)) => data.focus(key, shard, hash),
            None => data.unfocus(),
        }
        let expire_at_ms = match record.kind {
            Kind::SetWithTtl | Kind::Expire => Some(
                record
                    .expire_at_ms
                    .ok_or(FrameError::Malformed("the expiry is missing"))?,
            ),
            _ => None,
        };
        match record.kind {
            Kind::Delete => {
                data.remove(key);
            }
            Kind::Expire | Kind::Persist => {
                data.set_expiry(key, expire_at_ms);
            }
            _ => data.set_string(key, record.value, expire_at_ms.map_or(Expiry::Clear, Expiry::At)),
        }
        data.unchanged();
        Ok(())
    }

    fn handle(
        &mut self,
        record: &Record<'_>,
        spec: &'static CommandSpec,
        at: Option<(u16, u64)>,
    ) -> Result<(), Reason> {
        let args = self.words.request(record)?;
        if !spec.accepts(args.len()) {
            return Err(Reason::UnknownCommand);
        }
        self.data.db = record.db;
        // The words of all records are put together in the same memory.
        match (at, record.kind.name()) {
            (Some((shard, hash)), Some(_)) => self.data.focus(args.at(1), shard, hash),
            _ => self.data.unfocus(),
        }
        let mut context = Context {
            spec,
            args,
            data: &mut self.data,
            reply: &mut self.reply,
            settings: &self.settings,
            session: &mut Nobody,
            // As in EXEC nothing may wait.
            mode: Mode {
                in_exec: true,
                ..Mode::default()
            },
            block: None,
        };
        let result = (spec.handler)(&mut context);
        // A request that failed after it had changed something does so again.
        let refused = result.err().filter(|_| self.data.effects.dirty == 0);
        debug_assert!(
            self.data.is_settled(),
            "{} left a write guard unsettled",
            spec.name
        );
        self.data.effects.settle();
        if self.reply.capacity() > KEPT_BYTES {
            self.reply = Reply::new(Protocol::Resp3);
        }
        self.reply.truncate(0);
        match refused {
            Some(error) => Err(Reason::Refused(
                String::from_utf8_lossy(error.code()).into_owned(),
            )),
            None => Ok(()),
        }
    }
}

/// The command of a record, for errors.
pub(super) fn name_of(record: &Record<'_>, action: Action) -> String {
    match (action, record.kind.name()) {
        (Action::Handler(spec), _) => spec.full_name(),
        (Action::Libraries, _) => "function".to_owned(),
        (_, Some(name)) => name.to_ascii_lowercase(),
        _ => String::new(),
    }
}

/// The session of commands that no client sent.
struct Nobody;

impl Session for Nobody {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn client_id(&self) -> u64 {
        0
    }
}
