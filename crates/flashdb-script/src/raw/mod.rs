//! The part that speaks Lua's own interface. Calls that raise an error leave the C function by a jump over everything on
//! the stack between, so a function here that can raise keeps nothing on its frame that has to be dropped: what needs
//! memory lives in the [`Engine`], which outlives every run.

mod answer;
mod api;
mod call;
mod library;
mod pattern;
mod random;
mod reply;
mod run;
mod sandbox;

use crate::host::{Abort, Host};
use crate::interpreter::Limits;
use flashdb_base::args::Span;
use flashdb_resp::{Protocol, Reply};
use mlua::ffi::{self, lua_State};
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::ptr::{self, NonNull};
use std::time::Instant;

pub(crate) use library::{Entry, begin, finish, forget_all};
pub(crate) use run::{compile, forget, run};
pub(crate) use sandbox::open;

thread_local! {
    /// The engine whose script runs on this thread; null between runs.
    static CURRENT: Cell<*mut Engine> = const { Cell::new(ptr::null_mut()) };
}

/// State beside an interpreter. At a fixed address for as long as the interpreter lives.
pub(crate) struct Engine {
    /// The interpreter's main state.
    state: *mut lua_State,
    /// Memory limit in force; 0 for none.
    pub(crate) memory_limit: usize,
    /// The server behind the running script.
    host: Option<NonNull<dyn Host>>,
    /// Words of the command being called.
    words: Vec<u8>,
    spans: Vec<Span>,
    /// Its reply.
    reply: Reply,
    /// The protocol that the script asked for.
    protocol: Protocol,
    /// Set when the script has to end, whatever it catches.
    abort: Option<Abort>,
    limits: Limits,
    /// When the time was last looked at.
    looked_at: Option<Instant>,
    random: random::Random,
    /// What the library that is being loaded has registered; `None` at other times.
    registering: Option<Vec<library::Entry>>,
    /// References into the registry.
    refs: Refs,
    /// Words that KEYS and ARGV were given for the last script.
    last_counts: [usize; 2],
}

/// Registry references of what every run needs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Refs {
    globals: c_int,
    /// The same with libraries that could be changed.
    direct_globals: c_int,
    /// Whether code gets one of these two if it cannot change it: not where scripts can get hold of their environment.
    opens: bool,
    /// The names KEYS and ARGV.
    keys: c_int,
    arguments: c_int,
    library_api: c_int,
    trampoline: c_int,
    handler: c_int,
}

/// An error that a script ended with.
pub(crate) struct Failure {
    pub(crate) text: Vec<u8>,
    pub(crate) counted: bool,
}

/// The running engine, for the functions that Lua calls.
///
/// # Safety
/// To be called by a C function that `state` runs. The pointer is good until that function returns; no two references
/// made of it may be used by turns.
unsafe fn current(state: *mut lua_State) -> *mut Engine {
    let engine = CURRENT.get();
    if engine.is_null() {
        // SAFETY: the caller's; the text has no directives.
        unsafe { ffi::luaL_error(state, c"no script is running".as_ptr()) };
    }
    engine
}

/// Pushes bytes as a string.
///
/// # Safety
/// There is room on the stack, and the caller's frame may be left by a jump.
unsafe fn push_bytes(state: *mut lua_State, bytes: &[u8]) {
    // SAFETY: the bytes are copied before the call returns.
    unsafe { ffi::lua_pushlstring_(state, bytes.as_ptr().cast::<c_char>(), bytes.len()) };
}

/// The bytes of the string at `index`, without converting numbers.
///
/// # Safety
/// The value stays on the stack, unchanged, for as long as the slice is used.
unsafe fn bytes_at<'a>(state: *mut lua_State, index: c_int) -> Option<&'a [u8]> {
    // SAFETY: a string is not moved while it is referred to.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TSTRING {
            return None;
        }
        let mut len = 0;
        let start = ffi::lua_tolstring(state, index, &mut len);
        Some(std::slice::from_raw_parts(start.cast::<u8>(), len))
    }
}

/// Pushes field `name` of the table at `index`, without its metatable; the field's type.
///
/// # Safety
/// A table is there, and there is room on the stack.
unsafe fn push_field(state: *mut lua_State, index: c_int, name: &CStr) -> c_int {
    // SAFETY: the caller's; a negative index moves with the push.
    unsafe {
        ffi::lua_pushstring_(state, name.as_ptr());
        ffi::lua_rawget_(state, if index < 0 { index - 1 } else { index });
        ffi::lua_type(state, -1)
    }
}

/// Pushes the error table of a command: `{err=text}`, with a mark if the error was counted.
///
/// # Safety
/// There is room for three values on the stack.
unsafe fn push_error(state: *mut lua_State, text: &[u8], counted: bool) {
    // SAFETY: the caller's.
    unsafe {
        ffi::lua_createtable(state, 0, 4);
        push_bytes(state, text);
        ffi::lua_setfield(state, -2, c"err".as_ptr());
        if counted {
            ffi::lua_pushboolean(state, 1);
            ffi::lua_setfield(state, -2, c"ignore_error_stats_update".as_ptr());
        }
    }
}

/// Ends the script; [`Engine::abort`] says why. It cannot be caught for long: from now on every instruction ends it again.
///
/// # Safety
/// Called by a C function of `state`.
unsafe fn raise_abort(state: *mut lua_State, engine: *mut Engine) -> c_int {
    // SAFETY: the engine is the running one; the text lives in it.
    unsafe {
        ffi::lua_sethook(state, Some(run::on_count), ffi::LUA_MASKCOUNT, 1);
        let text: &[u8] = match &(*engine).abort {
            Some(Abort::Killed(text)) => text.as_bytes(),
            _ => b"ERR the script runs again",
        };
        ffi::luaL_checkstack(state, 4, ptr::null());
        push_error(state, text, false);
        ffi::lua_error(state)
    }
}
