//! What `redis.*` offers beside calls: making replies, hashing, the log, choosing a protocol. Errors are tables, as
//! commands' errors are.

use super::call::take_words;
use super::{Engine, bytes_at, current, push_bytes, push_error};
use crate::host::LogLevel;
use flashdb_base::args::Args;
use flashdb_resp::Protocol;
use mlua::ffi::{self, lua_CFunction, lua_State};
use sha1::{Digest, Sha1};
use std::ffi::c_int;

/// Functions of `redis` and `server`.
pub(super) const FUNCTIONS: &[(&str, lua_CFunction)] = &[
    ("call", super::call::call),
    ("pcall", super::call::pcall),
    ("error_reply", error_reply),
    ("status_reply", status_reply),
    ("sha1hex", sha1hex),
    ("log", log),
    ("setresp", setresp),
    ("set_repl", set_repl),
    ("replicate_commands", replicate_commands),
    ("breakpoint", breakpoint),
    ("debug", debug),
    ("acl_check_cmd", acl_check_cmd),
];

/// Numbers in `redis` and `server`.
pub(super) const NUMBERS: &[(&str, i32)] = &[
    ("LOG_DEBUG", 0),
    ("LOG_VERBOSE", 1),
    ("LOG_NOTICE", 2),
    ("LOG_WARNING", 3),
    ("REPL_NONE", 0),
    ("REPL_AOF", 1),
    ("REPL_SLAVE", 2),
    ("REPL_REPLICA", 2),
    ("REPL_ALL", 3),
];

/// Raises `{err=text}`.
///
/// # Safety
/// Called by a C function of `state`, whose frames may be left by a jump.
unsafe fn raise(state: *mut lua_State, text: &[u8]) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        push_error(state, text, false);
        ffi::lua_error(state)
    }
}

/// The only argument, if there is one and it is a string.
///
/// # Safety
/// The argument stays where it is for as long as it is used.
unsafe fn only_string<'a>(state: *mut lua_State) -> Option<&'a [u8]> {
    // SAFETY: the caller's.
    unsafe {
        if ffi::lua_gettop(state) != 1 {
            return None;
        }
        bytes_at(state, 1)
    }
}

const WRONG_ARGUMENTS: &[u8] = b"ERR wrong number or type of arguments";

unsafe extern "C-unwind" fn error_reply(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the buffer is the engine's.
    unsafe {
        let engine = current(state);
        let Some(text) = only_string(state) else {
            push_error(state, WRONG_ARGUMENTS, false);
            return 1;
        };
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let buffer: &mut Vec<u8> = &mut (*engine).words;
        buffer.clear();
        if !text.contains(&b' ') {
            buffer.extend_from_slice(b"ERR ");
        }
        buffer.extend_from_slice(text);
        let end = buffer.trim_ascii_end().len();
        push_error(state, &(&(*engine).words)[..end], false);
        1
    }
}

unsafe extern "C-unwind" fn status_reply(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        if only_string(state).is_none() {
            push_error(state, WRONG_ARGUMENTS, false);
            return 1;
        }
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushvalue(state, 1);
        ffi::lua_setfield(state, -2, c"ok".as_ptr());
        1
    }
}

unsafe extern "C-unwind" fn sha1hex(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the digits are on the frame and need no dropping.
    unsafe {
        if ffi::lua_gettop(state) != 1 {
            return raise(state, b"ERR wrong number of arguments");
        }
        let mut len = 0;
        let start = ffi::lua_tolstring(state, 1, &mut len);
        let text = if start.is_null() {
            &[]
        } else {
            std::slice::from_raw_parts(start.cast::<u8>(), len)
        };
        let digits = hexadecimal(&Sha1::digest(text).into());
        push_bytes(state, &digits);
        1
    }
}

/// A hash as scripts and their users write it.
pub(crate) fn hexadecimal(hash: &[u8; 20]) -> [u8; 40] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 40];
    for (at, byte) in hash.iter().enumerate() {
        text[2 * at] = DIGITS[usize::from(byte >> 4)];
        text[2 * at + 1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

unsafe extern "C-unwind" fn log(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the buffer is the engine's, and the host calls nothing of Lua.
    unsafe {
        let engine = current(state);
        let count = ffi::lua_gettop(state);
        if count < 2 {
            return raise(state, b"ERR redis.log() requires two arguments or more.");
        }
        if ffi::lua_isnumber(state, 1) == 0 {
            return raise(state, b"ERR First argument must be a number (log level).");
        }
        let level = match ffi::lua_tonumber(state, 1) as i64 {
            0 => LogLevel::Debug,
            1 => LogLevel::Verbose,
            2 => LogLevel::Notice,
            3 => LogLevel::Warning,
            _ => return raise(state, b"ERR Invalid debug level."),
        };
        collect_text(state, engine, count);
        tell_host(engine, level);
        0
    }
}

/// # Safety
/// As [`raise`].
unsafe fn collect_text(state: *mut lua_State, engine: *mut Engine, count: c_int) {
    // SAFETY: the caller's; converting a number to a string may raise, with nothing borrowed.
    unsafe {
        (*engine).words.clear();
        for index in 2..=count {
            let mut len = 0;
            let start = ffi::lua_tolstring(state, index, &mut len);
            if start.is_null() {
                continue;
            }
            let buffer: &mut Vec<u8> = &mut (*engine).words;
            if !buffer.is_empty() {
                buffer.push(b' ');
            }
            if buffer.len() + len > LOG_BYTES_MAX {
                break;
            }
            buffer.extend_from_slice(std::slice::from_raw_parts(start.cast::<u8>(), len));
        }
    }
}

/// Longest line of the log.
const LOG_BYTES_MAX: usize = 64 * 1024;

/// # Safety
/// The engine is the running one.
unsafe fn tell_host(engine: *mut Engine, level: LogLevel) {
    // SAFETY: the host is valid for the run.
    unsafe {
        let Engine { words, host, .. } = &mut *engine;
        if let Some(host) = host {
            host.as_mut().log(level, words);
        }
    }
}

unsafe extern "C-unwind" fn setresp(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        let engine = current(state);
        if ffi::lua_gettop(state) != 1 {
            return raise(state, b"ERR redis.setresp() requires one argument.");
        }
        (*engine).protocol = match ffi::lua_tonumber(state, 1) as i64 {
            2 => Protocol::Resp2,
            3 => Protocol::Resp3,
            _ => return raise(state, b"ERR RESP version must be 2 or 3."),
        };
        0
    }
}

/// Accepted and without effect: what a script changes is always logged as effects, all of it.
unsafe extern "C-unwind" fn set_repl(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        if ffi::lua_gettop(state) != 1 {
            return raise(state, b"ERR redis.set_repl() requires two arguments.");
        }
        if !(0..=3).contains(&(ffi::lua_tonumber(state, 1) as i64)) {
            return raise(
                state,
                b"ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
            );
        }
        0
    }
}

unsafe extern "C-unwind" fn replicate_commands(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { ffi::lua_pushboolean(state, 1) };
    1
}

/// There is no debugger: nothing ever stops here.
unsafe extern "C-unwind" fn breakpoint(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { ffi::lua_pushboolean(state, 0) };
    1
}

unsafe extern "C-unwind" fn debug(_state: *mut lua_State) -> c_int {
    0
}

unsafe extern "C-unwind" fn acl_check_cmd(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the words are the engine's.
    unsafe {
        let engine = current(state);
        if let Err(text) = take_words(state, engine) {
            return raise(state, text);
        }
        match ask_whether(engine) {
            Some(allowed) => {
                ffi::lua_pushboolean(state, c_int::from(allowed));
                1
            }
            None => raise(state, b"ERR Invalid command passed to redis.acl_check_cmd()"),
        }
    }
}

/// # Safety
/// The engine is the running one.
unsafe fn ask_whether(engine: *mut Engine) -> Option<bool> {
    // SAFETY: the host is valid for the run.
    unsafe {
        let Engine {
            words, spans, host, ..
        } = &mut *engine;
        host.as_mut()?.as_mut().may_call(Args::new(words, spans))
    }
}

/// `os.clock()`: processor time of the process in seconds.
pub(super) unsafe extern "C-unwind" fn clock(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { ffi::lua_pushnumber(state, flashdb_base::clock::monotonic_us() as f64 / 1e6) };
    1
}
