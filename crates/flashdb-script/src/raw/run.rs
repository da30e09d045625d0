//! Compiling and running, both protected: whatever Lua raises, out of memory included, ends here.

use super::answer::{self, Answer};
use super::{CURRENT, Engine, Failure, bytes_at, push_bytes, push_error, push_field, raise_abort, sandbox};
use crate::bytecode::{self, Globals};
use crate::host::{Abort, Host};
use crate::interpreter::Invocation;
use flashdb_resp::{Protocol, Reply};
use mlua::ffi::{self, lua_Debug, lua_State};
use std::ffi::{CString, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

/// Instructions before the first look at the time, and between looks at most. One instruction may be long: a call of a library
/// function, a string that collides with thousands of others. So looks come closer when a few of them took long.
const FIRST_LOOK: c_int = 100;
const INSTRUCTIONS_MAX: c_int = 1000;
/// Time between looks that is too long, and one that is short.
const TOO_LONG: Duration = Duration::from_millis(2);
const SHORT: Duration = Duration::from_micros(200);
/// Buffers larger than this are given back after a run.
const KEPT_BYTES: usize = 64 * 1024;
/// Longest error text of a script.
const ERROR_BYTES_MAX: usize = 4096;

struct Compilation<'a> {
    code: &'a [u8],
    chunk: CString,
    refs: super::Refs,
    dump: Vec<u8>,
    function: c_int,
    error: Vec<u8>,
}

/// Compiles `code` and keeps the function in the registry; its reference, or Lua's words on what is wrong.
pub(crate) fn compile(engine: &mut Engine, code: &[u8], chunk: &str) -> Result<c_int, Vec<u8>> {
    if code.first() == Some(&0x1b) {
        return Err(b"bytecode is not accepted".to_vec());
    }
    let mut compilation = Compilation {
        code,
        chunk: CString::new(chunk).unwrap_or_default(),
        refs: engine.refs,
        dump: Vec::new(),
        function: ffi::LUA_NOREF,
        error: Vec::new(),
    };
    // SAFETY: the state is the engine's; `lua_cpcall` catches whatever is raised, and leaves the message then.
    unsafe {
        let data: *mut Compilation<'_> = &mut compilation;
        let status = ffi::lua_cpcall(engine.state, compile_protected, data.cast::<c_void>());
        if status != ffi::LUA_OK {
            compilation.error = bytes_at(engine.state, -1).unwrap_or(b"unknown error").to_vec();
            ffi::lua_settop(engine.state, -2);
        }
    }
    if compilation.error.is_empty() {
        Ok(compilation.function)
    } else {
        compilation.error.truncate(ERROR_BYTES_MAX);
        Err(compilation.error)
    }
}

unsafe extern "C-unwind" fn compile_protected(state: *mut lua_State) -> c_int {
    // SAFETY: called by `lua_cpcall` with the compilation, which lives on the caller's frame.
    unsafe {
        let compilation = &mut *ffi::lua_touserdata(state, 1).cast::<Compilation<'_>>();
        // The parser does not keep the chunk's name alive by itself.
        ffi::lua_pushstring_(state, compilation.chunk.as_ptr());
        let code = compilation.code;
        let status = ffi::luaL_loadbuffer(
            state,
            code.as_ptr().cast(),
            code.len(),
            compilation.chunk.as_ptr(),
        );
        if status == ffi::LUA_OK {
            if compilation.refs.opens {
                open_world(state, compilation);
            }
            compilation.function = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
        } else {
            compilation.error = bytes_at(state, -1).unwrap_or(b"unknown error").to_vec();
        }
        0
    }
}

/// Has the function on top read globals and libraries without a detour, if it cannot change them.
///
/// # Safety
/// Called by [`compile_protected`]; there is room for a value.
unsafe fn open_world(state: *mut lua_State, compilation: &mut Compilation<'_>) {
    // SAFETY: the caller's; the writer gets the bytes while this function waits.
    unsafe {
        let dump: *mut Vec<u8> = &mut compilation.dump;
        let status = ffi::lua_dump_(state, write_dump, dump.cast::<c_void>());
        if status != 0 {
            return;
        }
        let globals = match bytecode::globals_for(&compilation.dump, sandbox::is_library) {
            Globals::Sealed => return,
            Globals::Open => compilation.refs.globals,
            Globals::Direct => compilation.refs.direct_globals,
        };
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, globals);
        ffi::lua_setfenv(state, -2);
    }
}

unsafe extern "C-unwind" fn write_dump(
    _state: *mut lua_State,
    bytes: *const c_void,
    len: usize,
    dump: *mut c_void,
) -> c_int {
    // SAFETY: called by `lua_dump` with the bytes, and the vector that it was given.
    unsafe {
        let dump = &mut *dump.cast::<Vec<u8>>();
        dump.extend_from_slice(std::slice::from_raw_parts(bytes.cast::<u8>(), len));
    }
    0
}

/// Gives a function back to the collector.
pub(crate) fn forget(engine: &mut Engine, function: c_int) {
    // SAFETY: setting a slot of the registry that exists allocates nothing.
    unsafe { ffi::luaL_unref(engine.state, ffi::LUA_REGISTRYINDEX, function) };
}

struct Run<'a, 'r> {
    invocation: &'a Invocation<'a>,
    answer: Answer<'r>,
    failure: Option<Failure>,
    engine: *mut Engine,
}

/// Runs a function; how it failed, if it did, and why it was ended from outside, if it was.
pub(crate) fn run(
    engine: &mut Engine,
    invocation: &Invocation<'_>,
    host: &mut dyn Host,
    reply: &mut Reply,
) -> (Option<Failure>, Option<Abort>) {
    engine.limits = invocation.limits;
    engine.protocol = Protocol::Resp2;
    engine.abort = None;
    engine.looked_at = None;
    let host: NonNull<dyn Host + '_> = NonNull::from(host);
    // SAFETY: only the lifetime changes; the pointer is taken back before this function returns.
    engine.host = Some(unsafe { std::mem::transmute::<NonNull<dyn Host + '_>, NonNull<dyn Host>>(host) });
    let answer = Answer::new(reply, engine);
    let state = engine.state;
    let engine_at: *mut Engine = engine;
    let outer = CURRENT.replace(engine_at);
    let mut run = Run {
        invocation,
        answer,
        failure: None,
        engine: engine_at,
    };
    // SAFETY: `engine` is used by this pointer alone until the call is over; the run lives on this frame. Nothing before
    // `lua_pcall` allocates, and that catches whatever is raised.
    unsafe {
        ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, FIRST_LOOK);
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, (*engine_at).refs.trampoline);
        let data: *mut Run<'_, '_> = &mut run;
        ffi::lua_pushlightuserdata(state, data.cast::<c_void>());
        if ffi::lua_pcall(state, 1, 0, 0) != ffi::LUA_OK {
            // A long message of its own means that the failing script was asked for one.
            run.failure = Some(Failure {
                text: plain_error(state, -1),
                counted: false,
            });
            ffi::lua_settop(state, -2);
        }
    }
    CURRENT.set(outer);
    let failure = run.failure.take();
    end(engine);
    (failure, engine.abort.take())
}

/// Gives back what a script took beyond the usual.
fn end(engine: &mut Engine) {
    engine.host = None;
    if engine.words.capacity() > KEPT_BYTES {
        engine.words = Vec::new();
        engine.spans = Vec::new();
    }
    engine.reply.truncate(0);
    if engine.reply.capacity() > KEPT_BYTES {
        engine.reply = Reply::default();
    }
}

/// Runs the function of the [`Run`] that it is given.
pub(super) unsafe extern "C-unwind" fn trampoline(state: *mut lua_State) -> c_int {
    // SAFETY: called by [`run`], whose frame holds the run and is not left by a jump.
    unsafe {
        let run = &mut *ffi::lua_touserdata(state, 1).cast::<Run<'_, '_>>();
        let refs = (*run.engine).refs;
        ffi::lua_settop(state, 0);
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, refs.handler);
        let invocation = run.invocation;
        let arguments_at = invocation.first_key + invocation.keys_count;
        let arguments_count = invocation.request.len() - arguments_at;
        // Functions get them as arguments, and nothing of those of the script that ran before.
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, refs.globals);
        for (at, name, first, count) in [
            (0, refs.keys, invocation.first_key, invocation.keys_count),
            (1, refs.arguments, arguments_at, arguments_count),
        ] {
            ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, name);
            if invocation.as_globals {
                let last = &mut (&mut (*run.engine).last_counts)[at];
                if refill_words(state, invocation, first, count, last) {
                    continue;
                }
                push_words(state, invocation, first, count);
            } else {
                ffi::lua_pushnil(state);
            }
            set_in_both(state, refs.direct_globals);
        }
        ffi::lua_settop(state, -2);
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, invocation.function.0);
        let mut given = 0;
        if !invocation.as_globals {
            push_words(state, invocation, invocation.first_key, invocation.keys_count);
            push_words(state, invocation, arguments_at, arguments_count);
            given = 2;
        }
        if ffi::lua_pcall(state, given, 1, 1) == ffi::LUA_OK {
            run.answer.resp3 = (*run.engine).protocol == Protocol::Resp3;
            answer::write(state, &mut run.answer, &mut run.failure);
        } else {
            run.failure = Some(failure_of(state, invocation.name));
        }
        0
    }
}

/// Sets the name and value on top in the globals below them, and in the other table of globals.
///
/// # Safety
/// As [`push_words`]; there is room for three values.
unsafe fn set_in_both(state: *mut lua_State, other: c_int) {
    // SAFETY: the caller's.
    unsafe {
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, other);
        ffi::lua_pushvalue(state, -3);
        ffi::lua_pushvalue(state, -3);
        ffi::lua_rawset(state, -3);
        ffi::lua_settop(state, -2);
        ffi::lua_rawset(state, -3);
    }
}

/// Words that a table kept for the next script may have.
const KEPT_WORDS_MAX: usize = 16;

/// Puts words of the request into the table that the last script had under the name on top of the stack, below which are the
/// globals: making a table for each script, and clearing it away, takes as long as three calls of fast commands. True, and
/// the name is taken off, if the table is as one just made would be; scripts may have put anything into it.
///
/// # Safety
/// As [`push_words`]. `last` is how many words the table was given.
unsafe fn refill_words(
    state: *mut lua_State,
    invocation: &Invocation<'_>,
    first: usize,
    count: usize,
    last: &mut usize,
) -> bool {
    let before = std::mem::replace(last, count);
    if count.max(before) > KEPT_WORDS_MAX {
        return false;
    }
    // SAFETY: the caller's; a table is on top while it is filled, and the word before the end is in it when it is asked for
    // what follows.
    unsafe {
        let name = ffi::lua_gettop(state);
        ffi::lua_pushvalue(state, name);
        ffi::lua_rawget_(state, name - 1);
        let usable = ffi::lua_type(state, -1) == ffi::LUA_TTABLE && ffi::lua_getmetatable(state, -1) == 0;
        if !usable {
            ffi::lua_settop(state, name);
            return false;
        }
        for index in 0..count {
            push_bytes(state, invocation.request.at(first + index));
            ffi::lua_rawseti_(state, -2, index as c_int + 1);
        }
        for index in count..before {
            ffi::lua_pushnil(state);
            ffi::lua_rawseti_(state, -2, index as c_int + 1);
        }
        match count {
            0 => ffi::lua_pushnil(state),
            _ => ffi::lua_pushnumber(state, count as f64),
        }
        if ffi::lua_next(state, -2) != 0 {
            ffi::lua_settop(state, name);
            return false;
        }
        ffi::lua_settop(state, name - 1);
        true
    }
}

/// Pushes a table of words of the request.
///
/// # Safety
/// Called by a C function of `state`, whose frames may be left by a jump.
unsafe fn push_words(state: *mut lua_State, invocation: &Invocation<'_>, first: usize, count: usize) {
    // SAFETY: the caller's.
    unsafe {
        ffi::lua_createtable(state, c_int::try_from(count).unwrap_or(0), 0);
        for index in 0..count {
            push_bytes(state, invocation.request.at(first + index));
            ffi::lua_rawseti_(state, -2, index as c_int + 1);
        }
    }
}

/// The error on top of the stack as the reply to the client.
///
/// # Safety
/// Called by a C function of `state`. What is allocated here belongs to the caller before anything can be raised.
unsafe fn failure_of(state: *mut lua_State, name: &str) -> Failure {
    // SAFETY: the caller's; looking at fields of a table raises nothing but for want of memory for their names, which exist.
    unsafe {
        let at = ffi::lua_gettop(state);
        if ffi::lua_type(state, at) != ffi::LUA_TTABLE {
            return Failure {
                text: plain_error(state, at),
                counted: false,
            };
        }
        ffi::luaL_checkstack(state, 4, ptr::null());
        push_field(state, at, c"err");
        push_field(state, at, c"source");
        push_field(state, at, c"line");
        let counted = push_field(state, at, c"ignore_error_stats_update") == ffi::LUA_TBOOLEAN;
        let text = bytes_at(state, at + 1).unwrap_or(b"ERR unknown error");
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let mut text = text[..text.len().min(ERROR_BYTES_MAX)].to_vec();
        if name.is_empty() {
            return Failure { text, counted };
        }
        text.extend_from_slice(b" script: ");
        text.extend_from_slice(name.as_bytes());
        if let Some(source) = bytes_at(state, at + 2) {
            text.extend_from_slice(b", on ");
            text.extend_from_slice(source);
            let line = ffi::lua_tonumber(state, at + 3) as i64;
            text.extend_from_slice(format!(":{line}.").as_bytes());
        }
        Failure { text, counted }
    }
}

/// The text of an error that is no table.
///
/// # Safety
/// The value is there.
unsafe fn plain_error(state: *mut lua_State, index: c_int) -> Vec<u8> {
    // SAFETY: the caller's.
    unsafe {
        let words = bytes_at(state, index).unwrap_or(b"unknown error");
        let mut text = b"ERR ".to_vec();
        text.extend_from_slice(&words[..words.len().min(ERROR_BYTES_MAX)]);
        text
    }
}

/// Makes an error a table that knows where it came from, before the stack it was raised on is gone.
pub(super) unsafe extern "C-unwind" fn handler(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua with the error.
    unsafe {
        ffi::lua_settop(state, 1);
        if ffi::lua_type(state, 1) != ffi::LUA_TTABLE || sandbox::push_sealed(state, 1) {
            ffi::lua_settop(state, 1);
            sandbox::push_error_text(state, 1);
            ffi::lua_pushstring_(state, c"ERR ".as_ptr());
            ffi::lua_insert(state, -2);
            ffi::lua_concat(state, 2);
            ffi::lua_createtable(state, 0, 3);
            ffi::lua_insert(state, -2);
            ffi::lua_setfield(state, -2, c"err".as_ptr());
        }
        let mut debug = MaybeUninit::<lua_Debug>::zeroed();
        if locate(state, debug.as_mut_ptr()) {
            let debug = debug.assume_init_ref();
            ffi::lua_pushstring_(state, c"source".as_ptr());
            ffi::lua_pushstring_(state, debug.source);
            ffi::lua_rawset(state, -3);
            ffi::lua_pushstring_(state, c"line".as_ptr());
            ffi::lua_pushnumber(state, f64::from(debug.currentline));
            ffi::lua_rawset(state, -3);
        }
        1
    }
}

/// Finds the innermost function written in Lua at or below the one that raised.
///
/// # Safety
/// Called by the handler; `debug` may be written.
unsafe fn locate(state: *mut lua_State, debug: *mut lua_Debug) -> bool {
    // SAFETY: the caller's; `lua_getinfo` fills what the letters ask for.
    unsafe {
        for level in 1..=2 {
            if ffi::lua_getstack(state, level, debug) == 0
                || ffi::lua_getinfo(state, c"nSl".as_ptr(), debug) == 0
            {
                return false;
            }
            if *(*debug).what != b'C' as std::ffi::c_char {
                return true;
            }
        }
        false
    }
}

/// Called every so many instructions.
pub(super) unsafe extern "C-unwind" fn on_count(state: *mut lua_State, _debug: *mut lua_Debug) {
    // SAFETY: called by Lua; nothing on this frame needs dropping when it raises.
    unsafe {
        let engine = CURRENT.get();
        if engine.is_null() {
            return;
        }
        if (*engine).abort.is_some() || !goes_on(engine) {
            raise_abort(state, engine);
        }
        let count = next_span(engine, ffi::lua_gethookcount(state));
        ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, count);
    }
}

/// Instructions until the next look, by how long the last `count` took.
///
/// # Safety
/// The engine is the running one.
unsafe fn next_span(engine: *mut Engine, count: c_int) -> c_int {
    let now = Instant::now();
    // SAFETY: the caller's.
    let took = unsafe { (*engine).looked_at.replace(now) }.map_or(SHORT, |before| now - before);
    match took {
        took if took > TOO_LONG => (count / 16).max(1),
        took if took < SHORT => (count * 2).min(INSTRUCTIONS_MAX),
        _ => count.clamp(1, INSTRUCTIONS_MAX),
    }
}

/// Asks the host whether the script may go on.
///
/// # Safety
/// The engine is the running one.
pub(super) unsafe fn goes_on(engine: *mut Engine) -> bool {
    // SAFETY: the host is valid for the run; it does not know the engine.
    unsafe {
        let Some(mut host) = (*engine).host else {
            return true;
        };
        match host.as_mut().tick() {
            Ok(()) => true,
            Err(abort) => {
                (*engine).abort = Some(abort);
                false
            }
        }
    }
}

/// `pcall(f, ...)`: errors that are tables come out as their text, as in Redis, and the end of the script cannot be caught.
pub(super) unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        ffi::luaL_checkany(state, 1);
        let status = ffi::lua_pcall(state, ffi::lua_gettop(state) - 1, ffi::LUA_MULTRET, 0);
        end_if_aborted(state);
        if status == ffi::LUA_OK {
            ffi::lua_pushboolean(state, 1);
            ffi::lua_insert(state, 1);
            return ffi::lua_gettop(state);
        }
        look(state);
        ffi::luaL_checkstack(state, 4, ptr::null());
        let at = ffi::lua_gettop(state);
        ffi::lua_pushboolean(state, 0);
        match ffi::lua_type(state, at) {
            ffi::LUA_TTABLE if push_field(state, at, c"err") == ffi::LUA_TSTRING => {}
            ffi::LUA_TUSERDATA => {
                ffi::lua_settop(state, at + 1);
                sandbox::push_error_text(state, at);
            }
            _ => {
                ffi::lua_settop(state, at + 1);
                ffi::lua_pushvalue(state, at);
            }
        }
        2
    }
}

/// `xpcall(f, handler)`. The handler is called when the failed function has been left, not before: Lua would call it inside
/// of the hook that ends a script, where no other hook could end the handler.
pub(super) unsafe extern "C-unwind" fn xpcall(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        ffi::luaL_checkany(state, 2);
        ffi::lua_settop(state, 2);
        ffi::lua_pushvalue(state, 1);
        let status = ffi::lua_pcall(state, 0, ffi::LUA_MULTRET, 0);
        end_if_aborted(state);
        if status == ffi::LUA_OK {
            ffi::lua_pushboolean(state, 1);
            ffi::lua_replace(state, 2);
            return ffi::lua_gettop(state) - 1;
        }
        look(state);
        ffi::lua_pushvalue(state, 2);
        ffi::lua_insert(state, -2);
        ffi::lua_pcall(state, 1, 1, 0);
        end_if_aborted(state);
        ffi::lua_pushboolean(state, 0);
        ffi::lua_insert(state, -2);
        2
    }
}

/// Looks at the time after something failed: what fails may take long each time, and be tried for ever.
///
/// # Safety
/// Called by a C function of `state`, whose frames may be left by a jump.
unsafe fn look(state: *mut lua_State) {
    // SAFETY: the engine is the running one.
    unsafe {
        let engine = CURRENT.get();
        if !engine.is_null() && !goes_on(engine) {
            raise_abort(state, engine);
        }
    }
}

/// Goes on with ending a script that is to end.
///
/// # Safety
/// Called by a C function of `state`, whose frames may be left by a jump.
unsafe fn end_if_aborted(state: *mut lua_State) {
    // SAFETY: the engine is the running one.
    unsafe {
        let engine = CURRENT.get();
        if !engine.is_null() && (*engine).abort.is_some() {
            raise_abort(state, engine);
        }
    }
}

/// Raises an error whose text is a table's.
///
/// # Safety
/// Called by a C function of `state`, whose frames may be left by a jump.
pub(super) unsafe fn raise_text(state: *mut lua_State, text: &[u8]) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        push_error(state, text, false);
        ffi::lua_error(state)
    }
}
