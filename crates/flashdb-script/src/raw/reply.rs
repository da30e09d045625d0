//! Replies of commands as Lua values, straight from the bytes that the handler wrote: RESP2 as scripts have always seen it,
//! and RESP3 after `redis.setresp(3)`.

use super::{push_bytes, push_error};
use mlua::ffi::{self, lua_State};
use std::ffi::c_int;

/// Pushes the one value that `encoded` holds.
///
/// # Safety
/// Called by a C function of `state`, whose frames may be left by a jump. `encoded` comes from the encoder.
pub(super) unsafe fn push(state: *mut lua_State, encoded: &[u8]) {
    // SAFETY: the caller's.
    unsafe {
        push_value(state, encoded, 0);
    }
}

/// Pushes the value that begins at `at`; where it ends. Takes no more than three places on the stack, one of them for
/// good; what holds other values asks for theirs ([`make_room`]).
///
/// # Safety
/// As [`push`]; there is room for three values.
unsafe fn push_value(state: *mut lua_State, encoded: &[u8], at: usize) -> usize {
    // SAFETY: the caller's.
    unsafe {
        let (line, next) = line_at(encoded, at + 1);
        match encoded.get(at) {
            Some(b'$') => return push_bulk(state, encoded, line, next),
            Some(b':') => ffi::lua_pushnumber(state, integer(line) as f64),
            Some(b'*' | b'>') => return push_array(state, encoded, line, next),
            Some(b'+') => push_tagged(state, c"ok", line),
            Some(b'-') => push_error(state, line, true),
            Some(b'_') => ffi::lua_pushnil(state),
            Some(b'#') => ffi::lua_pushboolean(state, c_int::from(line == b"t")),
            Some(b',') => push_double(state, line),
            Some(b'(') => push_tagged(state, c"big_number", line),
            Some(b'%') => return push_map(state, encoded, line, next),
            Some(b'~') => return push_set(state, encoded, line, next),
            Some(b'=') => return push_verbatim(state, encoded, line, next),
            Some(b'|') => return skip_attributes(state, encoded, line, next),
            _ => ffi::lua_pushnil(state),
        }
        next
    }
}

/// Makes room for a table, a key, and what pushing a value takes.
///
/// # Safety
/// As [`push`].
unsafe fn make_room(state: *mut lua_State) {
    // SAFETY: the caller's.
    unsafe { ffi::luaL_checkstack(state, 6, c"reply of a command is nested too deep".as_ptr()) };
}

/// The line from `at` on without its end, and where the next one begins.
fn line_at(encoded: &[u8], at: usize) -> (&[u8], usize) {
    let rest = encoded.get(at..).unwrap_or_default();
    let len = rest.iter().position(|&byte| byte == b'\r').unwrap_or(rest.len());
    (&rest[..len], at + len + 2)
}

fn integer(digits: &[u8]) -> i64 {
    match digits {
        [digit] => i64::from(digit.wrapping_sub(b'0')),
        _ => flashdb_base::number::parse_i64(digits).unwrap_or(0),
    }
}

/// # Safety
/// As [`push`].
unsafe fn push_bulk(state: *mut lua_State, encoded: &[u8], line: &[u8], next: usize) -> usize {
    // SAFETY: the caller's.
    unsafe {
        let Ok(len) = usize::try_from(integer(line)) else {
            ffi::lua_pushboolean(state, 0);
            return next;
        };
        push_bytes(state, encoded.get(next..next + len).unwrap_or_default());
        next + len + 2
    }
}

/// # Safety
/// As [`push`].
unsafe fn push_array(state: *mut lua_State, encoded: &[u8], line: &[u8], next: usize) -> usize {
    // SAFETY: the caller's; a count of the encoder is that of the elements which follow.
    unsafe {
        let Ok(count) = c_int::try_from(integer(line)) else {
            ffi::lua_pushboolean(state, 0);
            return next;
        };
        if count < 0 {
            ffi::lua_pushboolean(state, 0);
            return next;
        }
        make_room(state);
        ffi::lua_createtable(state, count, 0);
        let mut at = next;
        for index in 1..=count {
            at = push_value(state, encoded, at);
            ffi::lua_rawseti_(state, -2, index);
        }
        at
    }
}

/// Pushes `{map={key=value}}`.
///
/// # Safety
/// As [`push`].
unsafe fn push_map(state: *mut lua_State, encoded: &[u8], line: &[u8], next: usize) -> usize {
    // SAFETY: the caller's.
    unsafe {
        make_room(state);
        let pairs = integer(line).max(0);
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_createtable(state, 0, c_int::try_from(pairs).unwrap_or(0));
        let mut at = next;
        for _ in 0..pairs {
            at = push_value(state, encoded, at);
            at = push_value(state, encoded, at);
            set_pair(state);
        }
        ffi::lua_setfield(state, -2, c"map".as_ptr());
        at
    }
}

/// Pushes `{set={member=true}}`.
///
/// # Safety
/// As [`push`].
unsafe fn push_set(state: *mut lua_State, encoded: &[u8], line: &[u8], next: usize) -> usize {
    // SAFETY: the caller's.
    unsafe {
        make_room(state);
        let count = integer(line).max(0);
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_createtable(state, 0, c_int::try_from(count).unwrap_or(0));
        let mut at = next;
        for _ in 0..count {
            at = push_value(state, encoded, at);
            ffi::lua_pushboolean(state, 1);
            set_pair(state);
        }
        ffi::lua_setfield(state, -2, c"set".as_ptr());
        at
    }
}

/// Sets the key and value on top in the table below them. What cannot be a key in Lua is left out.
///
/// # Safety
/// As [`push`].
unsafe fn set_pair(state: *mut lua_State) {
    // SAFETY: the caller's.
    unsafe {
        if ffi::lua_type(state, -2) == ffi::LUA_TNIL {
            ffi::lua_settop(state, -3);
        } else {
            ffi::lua_rawset(state, -3);
        }
    }
}

/// # Safety
/// As [`push`].
unsafe fn push_tagged(state: *mut lua_State, name: &std::ffi::CStr, text: &[u8]) {
    // SAFETY: the caller's.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        push_bytes(state, text);
        ffi::lua_setfield(state, -2, name.as_ptr());
    }
}

/// # Safety
/// As [`push`].
unsafe fn push_double(state: *mut lua_State, line: &[u8]) {
    // SAFETY: the caller's.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushnumber(state, flashdb_base::number::parse_f64(line).unwrap_or(0.0));
        ffi::lua_setfield(state, -2, c"double".as_ptr());
    }
}

/// # Safety
/// As [`push`].
unsafe fn push_verbatim(state: *mut lua_State, encoded: &[u8], line: &[u8], next: usize) -> usize {
    // SAFETY: the caller's.
    unsafe {
        let len = usize::try_from(integer(line)).unwrap_or(0);
        let text = encoded.get(next..next + len).unwrap_or_default();
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_createtable(state, 0, 2);
        push_bytes(state, text.get(..3).unwrap_or_default());
        ffi::lua_setfield(state, -2, c"format".as_ptr());
        push_bytes(state, text.get(4..).unwrap_or_default());
        ffi::lua_setfield(state, -2, c"string".as_ptr());
        ffi::lua_setfield(state, -2, c"verbatim_string".as_ptr());
        next + len + 2
    }
}

/// Scripts do not see attributes: pushes what follows them.
///
/// # Safety
/// As [`push`].
unsafe fn skip_attributes(state: *mut lua_State, encoded: &[u8], line: &[u8], next: usize) -> usize {
    // SAFETY: the caller's.
    unsafe {
        let mut at = next;
        for _ in 0..2 * integer(line).max(0) {
            at = push_value(state, encoded, at);
            ffi::lua_settop(state, -2);
        }
        push_value(state, encoded, at)
    }
}
