//! An interpreter with its sandbox: compiles scripts, runs them for a [`Host`], answers in RESP. One belongs to one
//! thread. All state that a script can change is inside, so that dropping it forgets everything.

use crate::host::{Abort, Host};
use crate::raw;
use flashdb_resp::{Args, Reply};
use mlua::Lua;

/// A compiled function inside of one interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function(pub(crate) i32);

/// Bounds on what one script may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory of the whole interpreter; 0 for none.
    pub memory_bytes: usize,
    /// Bytes of one request or one reply.
    pub message_bytes: usize,
}

/// One run of a function.
pub struct Invocation<'a> {
    /// What runs.
    pub function: Function,
    /// The request that holds its keys and arguments.
    pub request: Args<'a>,
    /// Word of the first key.
    pub first_key: usize,
    /// Number of keys; the words behind them are the arguments.
    pub keys_count: usize,
    /// Whether keys and arguments are the globals KEYS and ARGV, or two arguments of the function.
    pub as_globals: bool,
    /// What errors call the script.
    pub name: &'a str,
    /// Bounds.
    pub limits: Limits,
}

/// What came of a run.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The reply is written.
    Answered,
    /// The script failed, or returned an error.
    Failed {
        /// The error, its code first.
        text: Vec<u8>,
        /// Whether it is an error of a command, which was counted then.
        counted: bool,
    },
    /// The host wants it to run again.
    Restart,
}

/// A Lua interpreter in which scripts run.
pub struct Interpreter {
    lua: Lua,
    engine: Box<raw::Engine>,
}

impl Interpreter {
    /// An interpreter with everything that scripts may use. Takes about a millisecond.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(deprecated_api: bool) -> mlua::Result<Self> {
        let options = mlua::LuaOptions::new().catch_rust_panics(false);
        let libraries = mlua::StdLib::STRING | mlua::StdLib::TABLE | mlua::StdLib::MATH;
        let lua = Lua::new_with(libraries, options)?;
        let engine = raw::open(&lua, deprecated_api)?;
        Ok(Interpreter { lua, engine })
    }

    /// Compiles `code`, which errors will call `chunk` (`@user_script`).
    ///
    /// # Errors
    /// Lua's words on what is wrong with it.
    pub fn compile(&mut self, code: &[u8], chunk: &str, limits: Limits) -> Result<Function, Vec<u8>> {
        self.limit_memory(limits);
        raw::compile(&mut self.engine, code, chunk).map(Function)
    }

    /// Forgets a function.
    pub fn forget(&mut self, function: Function) {
        raw::forget(&mut self.engine, function.0);
    }

    /// Runs a function and writes its answer to `reply`. After anything but [`Outcome::Answered`] the reply may hold a part
    /// of an answer, which the caller takes back.
    pub fn run(&mut self, invocation: &Invocation<'_>, host: &mut dyn Host, reply: &mut Reply) -> Outcome {
        self.limit_memory(invocation.limits);
        let (failure, abort) = raw::run(&mut self.engine, invocation, host, reply);
        match (abort, failure) {
            (Some(Abort::Restart), _) => Outcome::Restart,
            (Some(Abort::Killed(text)), _) => Outcome::Failed {
                text: text.as_bytes().to_vec(),
                counted: false,
            },
            (None, Some(failure)) => Outcome::Failed {
                text: failure.text,
                counted: failure.counted,
            },
            (None, None) => Outcome::Answered,
        }
    }

    /// Memory in use, bytes.
    pub fn memory_bytes(&self) -> usize {
        self.lua.used_memory()
    }

    /// The interpreter itself, for those who add libraries.
    pub fn lua(&self) -> &Lua {
        &self.lua
    }

    fn limit_memory(&mut self, limits: Limits) {
        if self.engine.memory_limit != limits.memory_bytes
            && self.lua.set_memory_limit(limits.memory_bytes).is_ok()
        {
            self.engine.memory_limit = limits.memory_bytes;
        }
    }
}
