//! What a running script needs from the server. The interpreter knows nothing else of it.

use flashdb_resp::{Args, Reply};
use std::borrow::Cow;

/// Why a script is ended from outside; no `pcall` of it can catch that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Abort {
    /// It is to run again from its start, under other locks. Whatever it did is undone by the host.
    Restart,
    /// It is ended, and answered with this error (the code included).
    Killed(Cow<'static, str>),
}

/// How grave a line of `redis.log` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// `redis.LOG_DEBUG`.
    Debug,
    /// `redis.LOG_VERBOSE`.
    Verbose,
    /// `redis.LOG_NOTICE`.
    Notice,
    /// `redis.LOG_WARNING`.
    Warning,
}

/// The server behind a script.
pub trait Host {
    /// Runs a command and writes its reply, errors included, to `reply`, which is empty and has the protocol that
    /// the script asked for. Errors are counted by the host.
    ///
    /// # Errors
    /// When the script may not go on.
    fn call(&mut self, args: Args<'_>, reply: &mut Reply) -> Result<(), Abort>;

    /// Whether the user of the script may run a command on these keys; `None` when there is no such command.
    fn may_call(&mut self, args: Args<'_>) -> Option<bool>;

    /// A line for the server's log.
    fn log(&mut self, level: LogLevel, text: &[u8]);

    /// Called every so many instructions.
    ///
    /// # Errors
    /// When the script may not go on.
    fn tick(&mut self) -> Result<(), Abort>;
}
