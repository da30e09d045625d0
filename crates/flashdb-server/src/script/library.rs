//! The code of one function library, and how it becomes functions in an interpreter. Every core loop loads what it calls, once.

use super::store::Script;
use flashdb_command::error::ErrorReply;
use flashdb_resp::{Args, Reply};
use flashdb_script::{Abort, Host, LibraryError, LogLevel};
use flashdb_store::libraries::LibraryHead;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a library that a client sends may take to load, as in Redis.
pub const LOAD_TIME_MAX: Duration = Duration::from_millis(500);

/// How long one may take that was loaded before; it did, so this is for a machine that is busy.
pub const RELOAD_TIME_MAX: Duration = Duration::from_secs(60);

static IDS: AtomicU64 = AtomicU64::new(1);

/// The code of a library.
pub struct LibraryCode {
    /// Tells this code from any other, also of the same name.
    pub id: u64,
    /// The library's name.
    pub name: Box<[u8]>,
    /// All of the text.
    pub source: Arc<[u8]>,
    code_at: usize,
}

impl LibraryCode {
    /// Reads the first line of a library.
    ///
    /// # Errors
    /// Redis's words on what is wrong with it.
    pub fn new(source: Arc<[u8]>) -> Result<Arc<Self>, ErrorReply> {
        let head = LibraryHead::parse(&source).map_err(|error| ErrorReply::new(format!("ERR {error}")))?;
        if !head.engine.eq_ignore_ascii_case(b"lua") {
            return Err(ErrorReply::new(format!(
                "ERR Engine '{}' not found",
                String::from_utf8_lossy(&head.engine)
            )));
        }
        Ok(Arc::new(LibraryCode {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            name: head.name.into(),
            source,
            code_at: head.code_at,
        }))
    }

    /// What is compiled.
    pub fn code(&self) -> &[u8] {
        &self.source[self.code_at..]
    }
}

/// What a library has registered.
pub struct Library {
    /// Its code.
    pub code: Arc<LibraryCode>,
    /// Its functions, in the order in which they were registered.
    pub functions: Vec<FunctionEntry>,
}

/// One function.
pub struct FunctionEntry {
    /// What the dispatcher sees of it.
    pub script: Arc<Script>,
    /// What the library says of it.
    pub description: Option<Vec<u8>>,
}

impl FunctionEntry {
    /// The function's name.
    pub fn name(&self) -> &str {
        self.script.name()
    }
}

/// Redis's words for a library that was not loaded.
pub fn refusal(error: &LibraryError) -> ErrorReply {
    let (words, reason): (&[u8], &[u8]) = match error {
        LibraryError::Compile(reason) => (b"ERR Error compiling function: ", reason),
        LibraryError::Run(reason) => (b"ERR Error registering functions: ", reason),
        _ => (b"ERR No functions registered", b""),
    };
    ErrorReply::from_bytes([words, reason].concat())
}

/// The server behind a library that is being loaded: there are no commands for it, and little time.
pub struct Loading {
    until: Instant,
}

impl Loading {
    /// With so much time.
    pub fn for_at_most(time: Duration) -> Self {
        Loading {
            until: Instant::now() + time,
        }
    }
}

impl Host for Loading {
    fn call(&mut self, _: Args<'_>, reply: &mut Reply) -> Result<(), Abort> {
        // Not within reach of a library; whoever gets here hears of it.
        reply.error("ERR no commands can be called while a library is loaded");
        Ok(())
    }

    fn may_call(&mut self, _: Args<'_>) -> Option<bool> {
        None
    }

    fn log(&mut self, level: LogLevel, text: &[u8]) {
        super::call::write_line(level, text);
    }

    fn tick(&mut self) -> Result<(), Abort> {
        if Instant::now() < self.until {
            return Ok(());
        }
        Err(Abort::Killed("ERR FUNCTION LOAD timeout".into()))
    }
}
