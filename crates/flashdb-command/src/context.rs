//! What a handler gets: the request's words, the data, the reply to write, the settings, and the
//! session it runs in. Data commands use only `data` and `reply`; commands about the connection or
//! the server reach those through `session`, which the server crate implements and downcasts to.

use crate::error::ErrorReply;
use crate::spec::CommandSpec;
use flashdb_config::Settings;
use flashdb_resp::{Args, OwnedArgs, Reply};
use flashdb_store::Access;
use std::any::Any;

/// Outcome of a handler. On an error the reply written so far is dropped and the error sent instead.
pub type CommandResult = Result<(), ErrorReply>;

/// What the server lets commands reach. Implemented by the server; `as_any_mut` leads its own
/// handlers to the whole of it.
pub trait Session: Any {
    /// The concrete session.
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// Unique id of the client.
    fn client_id(&self) -> u64;
    /// Bytes of output above which the client is disconnected at once; 0 for any amount.
    fn output_bytes_max(&self, _settings: &Settings) -> u64 {
        0
    }
    /// Whether the client's user may run the request `args` and read every key there is with it, asked by commands
    /// that reach keys which their row cannot name (SORT with BY or GET).
    fn may_read_any_key(&self, _args: &Args<'_>) -> bool {
        true
    }
}

/// In what surroundings the command runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// Inside EXEC: nothing may block.
    pub in_exec: bool,
    /// Inside a script: nothing may block.
    pub in_script: bool,
    /// The client was blocked in this command and a key it waits for has changed.
    pub retry: bool,
    /// CLIENT option that forbids blocking.
    pub deny_blocking: bool,
}

/// Reply of a blocked client whose time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTimeout {
    /// `*-1` (or RESP3 null).
    NullArray,
    /// `$-1` (or RESP3 null).
    Null,
    /// An integer (WAIT answers how many replicas have it by then).
    Integer(i64),
    /// Two integers (WAITAOF).
    IntegerPair(i64, i64),
    /// None: the command runs again then (`mode.retry`), on its client's core loop. For commands without keys.
    RunAgain,
}

/// A wish to wait, left by a handler that found nothing to answer with.
#[derive(Clone, Debug)]
pub struct BlockRequest {
    /// Keys whose change wakes the client.
    pub keys: Vec<Box<[u8]>>,
    /// Absolute Unix time in ms; `None` waits for ever.
    pub deadline_ms: Option<i64>,
    /// Reply once the deadline has passed.
    pub on_timeout: OnTimeout,
    /// The request to retry if not the one that was sent (XREAD with `$` resolved).
    pub request: Option<OwnedArgs>,
    /// Whether the removal of a key wakes the client too (XREADGROUP answers with an error then).
    pub also_when_gone: bool,
}

/// Everything a handler works with.
pub struct Context<'a, 'k> {
    /// The row of the running command.
    pub spec: &'static CommandSpec,
    /// The request, command name first (for subcommands both words).
    pub args: Args<'a>,
    /// The data, with the locks of the command's keys held.
    pub data: &'a mut Access<'k>,
    /// The reply.
    pub reply: &'a mut Reply,
    /// The configuration at this moment.
    pub settings: &'a Settings,
    /// The client and server behind it.
    pub session: &'a mut dyn Session,
    /// Surroundings.
    pub mode: Mode,
    /// Set by a handler that wants to wait; see [`Context::block`].
    pub block: Option<Box<BlockRequest>>,
}

impl<'a> Context<'a, '_> {
    /// Word `index` of the request; the arity was checked.
    #[inline]
    pub fn arg(&self, index: usize) -> &'a [u8] {
        self.args.at(index)
    }

    /// Unix time in ms of the command.
    #[inline]
    pub fn now_ms(&self) -> i64 {
        self.data.now_ms
    }

    /// Whether the command may make its client wait.
    pub fn may_block(&self) -> bool {
        !(self.mode.in_exec || self.mode.in_script || self.mode.deny_blocking)
    }

    /// Asks to wait until one of `keys` changes, then to be called again (`mode.retry`). Where the
    /// client may not wait, the timeout's reply is written at once, as in Redis.
    pub fn block<'w>(
        &mut self,
        keys: impl IntoIterator<Item = &'w [u8]>,
        deadline_ms: Option<i64>,
        on_timeout: OnTimeout,
    ) {
        if !self.may_block() {
            return on_timeout.write(self.reply);
        }
        self.block = Some(Box::new(BlockRequest {
            keys: keys.into_iter().map(Box::from).collect(),
            deadline_ms,
            on_timeout,
            request: None,
            also_when_gone: false,
        }));
    }
}

impl OnTimeout {
    /// Writes the reply.
    pub fn write(self, reply: &mut Reply) {
        match self {
            OnTimeout::NullArray => reply.null_array(),
            OnTimeout::Null => reply.null(),
            OnTimeout::Integer(value) => reply.integer(value),
            // Only if the wait ends before its time.
            OnTimeout::RunAgain => reply.error("UNBLOCKED the command was given up while it waited"),
            OnTimeout::IntegerPair(first, second) => {
                reply.array(2);
                reply.integer(first);
                reply.integer(second);
            }
        }
    }
}
