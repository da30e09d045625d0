//! Bounds on patterns. Lua 5.1 matches by recursion, one level for each repetition and capture in the pattern, and looks at
//! no limit: a pattern of some hundred thousand `a?` would overflow the thread's stack and end the server.

use super::bytes_at;
use mlua::ffi::{self, lua_State};
use mlua::{Lua, Table, Value};
use std::ffi::c_int;

/// Repetitions and captures in one pattern; a level takes less than 200 bytes of the stack.
const LEVELS_MAX: usize = 2000;

/// Functions of `string` whose second argument is a pattern.
const FUNCTIONS: &[&str] = &["find", "gfind", "gmatch", "gsub", "match"];

/// Puts a look at the pattern before the functions that take one.
///
/// # Errors
/// When memory is short.
pub(super) fn guard(lua: &Lua, string: &Table) -> mlua::Result<()> {
    for name in FUNCTIONS {
        let plain: Value = string.raw_get(*name)?;
        // SAFETY: runs protected, with the function as the only value on the stack.
        let guarded: Value =
            unsafe { lua.exec_raw(plain, |state| ffi::lua_pushcclosure(state, look_first, 1))? };
        string.raw_set(*name, guarded)?;
    }
    Ok(())
}

/// Calls the function that it is made of, in its own frame, so that errors tell of the same place.
unsafe extern "C-unwind" fn look_first(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the function is a C function without upvalues of its own.
    unsafe {
        let pattern = bytes_at(state, 2).unwrap_or_default();
        if pattern.len() > LEVELS_MAX && levels(pattern) > LEVELS_MAX {
            return ffi::luaL_error(state, c"pattern too complex".as_ptr());
        }
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(1)) {
            Some(plain) => plain(state),
            None => 0,
        }
    }
}

/// How deep the matching of a pattern can be, at most.
fn levels(pattern: &[u8]) -> usize {
    let deeper = |byte: &&u8| matches!(byte, b'?' | b'*' | b'+' | b'-' | b'(' | b')');
    pattern.iter().filter(deeper).count()
}
