//! Lua for scripts and functions: the sandboxed interpreter, what `redis.*` offers inside, and the libraries
//! that scripts expect (cjson, cmsgpack, struct, bit). It knows no sockets and no data: commands that a
//! script calls go out by a trait that the server implements ([`Host`]).
//!
//! Reading order: `host.rs` (what the server does for a script), `interpreter.rs` (what the server may ask of
//! Lua), then `raw/`, where Lua's own interface is used because a call through mlua's typed one costs several
//! times as much as the command that is called.

mod bytecode;
mod host;
mod interpreter;
pub mod library;
#[cfg(test)]
mod library_load_test;
mod matching;
mod raw;
mod shebang;

pub use host::{Abort, Host, LogLevel};
pub use interpreter::{Function, Interpreter, Invocation, LibraryError, Limits, Outcome, Registered};
pub use shebang::{ScriptFlags, Shebang, ShebangError};
