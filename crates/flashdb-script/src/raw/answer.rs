//! What a script returns, as the reply to its client. Tables are looked at without their metatables, so that no code of the
//! script runs any more.

use super::{Engine, Failure, bytes_at, push_field};
use flashdb_resp::Reply;
use mlua::ffi::{self, lua_State};
use std::ffi::c_int;

/// Tables within tables; each takes some hundred bytes of the thread's stack.
const DEPTH_MAX: usize = 1000;

/// What is written, and how much of it.
pub(super) struct Answer<'r> {
    pub(super) reply: &'r mut Reply,
    start: usize,
    bytes_max: usize,
    /// The script has asked for RESP3 itself.
    pub(super) resp3: bool,
    too_large: bool,
}

impl<'r> Answer<'r> {
    pub(super) fn new(reply: &'r mut Reply, engine: &Engine) -> Self {
        Answer {
            start: reply.len(),
            bytes_max: engine.limits.message_bytes,
            resp3: false,
            too_large: false,
            reply,
        }
    }
}

/// Writes the value on top of the stack; an error that it is, or that keeps it from being one, is returned.
///
/// # Safety
/// Called by a C function of `state`, whose frames may be left by a jump.
pub(super) unsafe fn write(state: *mut lua_State, answer: &mut Answer<'_>, failure: &mut Option<Failure>) {
    // SAFETY: the caller's.
    unsafe {
        let value = ffi::lua_gettop(state);
        if ffi::lua_type(state, value) == ffi::LUA_TTABLE
            && push_field(state, value, c"err") == ffi::LUA_TSTRING
        {
            let text = bytes_at(state, -1).unwrap_or_default();
            let text = text.strip_prefix(b"-").unwrap_or(text);
            let counted = push_field(state, value, c"ignore_error_stats_update") == ffi::LUA_TBOOLEAN;
            *failure = Some(Failure {
                text: text.to_vec(),
                counted,
            });
            return;
        }
        ffi::lua_settop(state, value);
        write_value(state, answer, 0);
        if answer.too_large {
            *failure = Some(Failure {
                text: b"ERR the reply of the script is larger than proto-max-bulk-len".to_vec(),
                counted: false,
            });
        }
    }
}

/// Writes the value on top of the stack and removes it.
///
/// # Safety
/// As [`write`].
unsafe fn write_value(state: *mut lua_State, answer: &mut Answer<'_>, depth: usize) {
    // SAFETY: the caller's.
    unsafe {
        if !answer.has_room(0) {
            return ffi::lua_settop(state, -2);
        }
        if depth > DEPTH_MAX || ffi::lua_checkstack(state, 8) == 0 {
            answer.reply.error("ERR reached lua stack limit");
            return ffi::lua_settop(state, -2);
        }
        match ffi::lua_type(state, -1) {
            ffi::LUA_TSTRING => {
                let text = bytes_at(state, -1).unwrap_or_default();
                if !answer.has_room(text.len()) {
                    return ffi::lua_settop(state, -2);
                }
                answer.reply.bulk(text);
            }
            ffi::LUA_TBOOLEAN => {
                let value = ffi::lua_toboolean(state, -1) != 0;
                match (answer.resp3, value) {
                    (true, _) => answer.reply.boolean(value),
                    (false, true) => answer.reply.integer(1),
                    (false, false) => answer.reply.null(),
                }
            }
            ffi::LUA_TNUMBER => answer.reply.integer(truncated(ffi::lua_tonumber(state, -1))),
            ffi::LUA_TTABLE => write_table(state, answer, depth),
            _ => answer.reply.null(),
        }
        ffi::lua_settop(state, -2);
    }
}

impl Answer<'_> {
    fn has_room(&mut self, bytes: usize) -> bool {
        self.too_large |= self.reply.len() - self.start + bytes > self.bytes_max;
        !self.too_large
    }
}

/// As a C cast does it: what does not fit is the smallest integer.
fn truncated(value: f64) -> i64 {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if (-BOUND..BOUND).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

/// Writes the table on top of the stack, which stays there.
///
/// # Safety
/// As [`write`].
unsafe fn write_table(state: *mut lua_State, answer: &mut Answer<'_>, depth: usize) {
    // SAFETY: the caller's; each look pushes one value, taken off again unless it is what the table stands for.
    unsafe {
        let top = ffi::lua_gettop(state);
        if push_field(state, top, c"err") == ffi::LUA_TSTRING {
            let text = bytes_at(state, -1).unwrap_or_default();
            answer.reply.error_bytes(text.strip_prefix(b"-").unwrap_or(text));
        } else if push_field(state, top, c"ok") == ffi::LUA_TSTRING {
            write_status(answer.reply, bytes_at(state, -1).unwrap_or_default());
        } else if push_field(state, top, c"double") == ffi::LUA_TNUMBER {
            answer.reply.double(ffi::lua_tonumber(state, -1));
        } else if push_field(state, top, c"map") == ffi::LUA_TTABLE {
            write_pairs(state, answer, depth, true);
        } else if push_field(state, top, c"set") == ffi::LUA_TTABLE {
            write_pairs(state, answer, depth, false);
        } else if push_field(state, top, c"big_number") == ffi::LUA_TSTRING {
            write_big_number(answer.reply, bytes_at(state, -1).unwrap_or_default());
        } else if push_field(state, top, c"verbatim_string") == ffi::LUA_TTABLE
            && write_verbatim(state, answer)
        {
        } else {
            ffi::lua_settop(state, top);
            write_array(state, answer, depth);
        }
        ffi::lua_settop(state, top);
    }
}

/// Text on one line: line ends would begin another reply.
fn write_line(reply: &mut Reply, marker: u8, text: &[u8]) {
    let buffer = reply.buffer_mut();
    buffer.push(marker);
    buffer.extend(text.iter().map(|&byte| match byte {
        b'\r' | b'\n' => b' ',
        byte => byte,
    }));
    buffer.extend_from_slice(b"\r\n");
}

fn write_status(reply: &mut Reply, text: &[u8]) {
    write_line(reply, b'+', text);
}

fn write_big_number(reply: &mut Reply, digits: &[u8]) {
    if reply.is_resp3() {
        return write_line(reply, b'(', digits);
    }
    let len = digits.len();
    let buffer = reply.buffer_mut();
    buffer.extend_from_slice(format!("${len}").as_bytes());
    buffer.extend_from_slice(b"\r\n");
    buffer.extend(digits.iter().map(|&byte| match byte {
        b'\r' | b'\n' => b' ',
        byte => byte,
    }));
    buffer.extend_from_slice(b"\r\n");
}

/// Writes `{format=,string=}` on top of the stack; false when it is not that.
///
/// # Safety
/// As [`write`].
unsafe fn write_verbatim(state: *mut lua_State, answer: &mut Answer<'_>) -> bool {
    // SAFETY: the caller's.
    unsafe {
        let table = ffi::lua_gettop(state);
        push_field(state, table, c"format");
        push_field(state, table, c"string");
        let (Some(format), Some(text)) = (bytes_at(state, -2), bytes_at(state, -1)) else {
            return false;
        };
        let format = std::str::from_utf8(format)
            .ok()
            .filter(|format| format.len() == 3);
        if answer.has_room(text.len()) {
            answer.reply.verbatim(format.unwrap_or("txt"), text);
        }
        true
    }
}

/// Writes the pairs of the table on top as a map, or its keys as a set.
///
/// # Safety
/// As [`write`].
unsafe fn write_pairs(state: *mut lua_State, answer: &mut Answer<'_>, depth: usize, map: bool) {
    // SAFETY: the caller's; `lua_next` needs its key as it was, so a copy of it is written.
    unsafe {
        let at = answer.reply.deferred();
        let mut count = 0;
        ffi::lua_pushnil(state);
        while ffi::lua_next(state, -2) != 0 {
            ffi::lua_pushvalue(state, -2);
            write_value(state, answer, depth + 1);
            if map {
                write_value(state, answer, depth + 1);
            } else {
                ffi::lua_settop(state, -2);
            }
            count += 1;
        }
        if map {
            answer.reply.finish_map(at, count);
        } else {
            answer.reply.finish_set(at, count);
        }
    }
}

/// Writes the elements of the table on top up to the first that is nil.
///
/// # Safety
/// As [`write`].
unsafe fn write_array(state: *mut lua_State, answer: &mut Answer<'_>, depth: usize) {
    // SAFETY: the caller's.
    unsafe {
        let at = answer.reply.deferred();
        let mut count: c_int = 0;
        loop {
            ffi::lua_rawgeti_(state, -1, count + 1);
            if ffi::lua_type(state, -1) == ffi::LUA_TNIL || answer.too_large {
                ffi::lua_settop(state, -2);
                break;
            }
            write_value(state, answer, depth + 1);
            count += 1;
        }
        answer.reply.finish_array(at, count as usize);
    }
}
