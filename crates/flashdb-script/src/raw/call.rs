//! `redis.call` and `redis.pcall`: the words go from Lua's stack into one buffer, the reply from the handler's buffer onto
//! Lua's stack.

use super::{Engine, bytes_at, current, push_error, raise_abort, reply};
use flashdb_base::args::{Args, Span};
use flashdb_base::number;
use mlua::ffi::{self, lua_State};
use std::ffi::{c_char, c_int};
use std::io::Write;

/// `redis.call(...)`: an error of the command ends the script.
pub(super) unsafe extern "C-unwind" fn call(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { call_or_raise(state, true) }
}

/// `redis.pcall(...)`: an error of the command is returned.
pub(super) unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe { call_or_raise(state, false) }
}

/// # Safety
/// Called by a C function of `state`; no frame up to it holds what has to be dropped.
unsafe fn call_or_raise(state: *mut lua_State, raises: bool) -> c_int {
    // SAFETY: the engine is the running one; references into it do not outlive a statement.
    unsafe {
        let engine = current(state);
        if let Err(text) = take_words(state, engine) {
            push_error(state, text, false);
            return if raises { ffi::lua_error(state) } else { 1 };
        }
        ffi::lua_settop(state, 0);
        if let Err(()) = ask_host(engine) {
            return raise_abort(state, engine);
        }
        let encoded = (*engine).reply.bytes();
        match encoded {
            [b'-', text @ .., b'\r', b'\n'] => {
                push_error(state, text, true);
                if raises { ffi::lua_error(state) } else { 1 }
            }
            _ => {
                reply::push(state, encoded);
                1
            }
        }
    }
}

/// Has the host run the collected words. Calls nothing of Lua, so it may hold what has to be dropped.
///
/// # Safety
/// The engine is the running one.
unsafe fn ask_host(engine: *mut Engine) -> Result<(), ()> {
    // SAFETY: the host is valid for the run; it does not know the engine.
    unsafe {
        (*engine).reply.truncate(0);
        let protocol = (*engine).protocol;
        (*engine).reply.set_protocol(protocol);
        let Engine {
            words,
            spans,
            reply,
            host,
            ..
        } = &mut *engine;
        let Some(host) = host else {
            reply.error("ERR no commands can be called here");
            return Ok(());
        };
        match host.as_mut().call(Args::new(words, spans), reply) {
            Ok(()) => Ok(()),
            Err(abort) => {
                (*engine).abort = Some(abort);
                Err(())
            }
        }
    }
}

/// Collects the arguments on the stack as the words of a request, or says what is wrong with them.
///
/// # Safety
/// As [`call_or_raise`]. Raises nothing: numbers are not converted by Lua.
pub(super) unsafe fn take_words(state: *mut lua_State, engine: *mut Engine) -> Result<(), &'static [u8]> {
    // SAFETY: the caller's.
    unsafe {
        let count = ffi::lua_gettop(state);
        if count == 0 {
            return Err(b"ERR Please specify at least one argument for this redis lib call");
        }
        let Engine {
            words, spans, limits, ..
        } = &mut *engine;
        words.clear();
        spans.clear();
        for index in 1..=count {
            let start = words.len();
            if let Some(word) = bytes_at(state, index) {
                if start + word.len() > limits.message_bytes {
                    return Err(b"ERR the request is too large");
                }
                words.extend_from_slice(word);
            } else if ffi::lua_type(state, index) == ffi::LUA_TNUMBER {
                write_number(words, ffi::lua_tonumber(state, index));
            } else {
                return Err(b"ERR Lua redis lib command arguments must be strings or integers");
            }
            spans.push(Span {
                start: start as u32,
                len: (words.len() - start) as u32,
            });
        }
        Ok(())
    }
}

/// Numbers that have the same digits as an integer.
const PLAIN_BELOW: f64 = 1e17;

/// Writes a number as C's `%.17g` does.
fn write_number(out: &mut Vec<u8>, value: f64) {
    if value.trunc() == value && value.abs() < PLAIN_BELOW && !(value == 0.0 && value.is_sign_negative()) {
        return number::write_i64(out, value as i64);
    }
    let mut text = [0u8; 40];
    // SAFETY: the buffer is longer than any such number and its end.
    let written = unsafe { snprintf(text.as_mut_ptr().cast(), text.len(), c"%.17g".as_ptr(), value) };
    // Writing to a vector does not fail.
    let _ = out.write(&text[..usize::try_from(written).unwrap_or(0).min(text.len())]);
}

unsafe extern "C" {
    fn snprintf(text: *mut c_char, len: usize, format: *const c_char, ...) -> c_int;
}

#[cfg(test)]
mod tests {
    use super::write_number;

    #[test]
    fn numbers_as_c_prints_them() {
        for (value, text) in [
            (3.0, "3"),
            (-17.0, "-17"),
            (1.5, "1.5"),
            (0.1, "0.10000000000000001"),
            (1e17, "1e+17"),
            (123456789012345678.0, "1.2345678901234568e+17"),
            (9007199254740991.0, "9007199254740991"),
            (-0.0, "-0"),
            (f64::INFINITY, "inf"),
        ] {
            let mut out = Vec::new();
            write_number(&mut out, value);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }
}
