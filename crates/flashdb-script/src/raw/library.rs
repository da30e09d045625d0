//! Function libraries: their code runs once, in a world of its own that has little more than
//! `redis.register_function`, and what it registers is kept. Functions go on seeing that world, which then answers as
//! the one of scripts does: so a library can neither call commands while it is loaded, nor leave anything behind.

use super::run::raise_text;
use super::{Engine, bytes_at, current, sandbox};
use crate::shebang::ScriptFlags;
use flashdb_base::ascii::{eq_ignore_case, is_word};
use mlua::ffi::{self, lua_CFunction, lua_State};
use std::ffi::{c_int, c_void};

/// Characters that names consist of, in Redis's words.
const BAD_NAME: &[u8] = b"ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// Bytes of all names and descriptions of a library.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// A function that a library has registered.
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) description: Option<Vec<u8>>,
    pub(crate) flags: ScriptFlags,
    pub(crate) function: c_int,
}

impl Entry {
    fn text_bytes(&self) -> usize {
        self.name.len() + self.description.as_ref().map_or(0, Vec::len)
    }
}

/// Has a compiled library begin in a world of its own, whose reference is returned; [`finish`] takes that.
pub(crate) fn begin(engine: &mut Engine, code: c_int) -> Result<c_int, Vec<u8>> {
    engine.registering = Some(Vec::new());
    let mut world = World {
        code,
        api: engine.refs.library_api,
        metatable: ffi::LUA_NOREF,
    };
    // SAFETY: the state is the engine's.
    if let Err(words) = unsafe { protected(engine, make_world, &mut world) } {
        engine.registering = None;
        return Err(words);
    }
    Ok(world.metatable)
}

struct World {
    code: c_int,
    api: c_int,
    metatable: c_int,
}

unsafe extern "C-unwind" fn make_world(state: *mut lua_State) -> c_int {
    // SAFETY: called by `lua_cpcall` with the world, which lives on the caller's frame.
    unsafe {
        let world = &mut *ffi::lua_touserdata(state, 1).cast::<World>();
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, world.code);
        ffi::lua_createtable(state, 0, 0);
        ffi::lua_createtable(state, 0, 4);
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, world.api);
        sandbox::answer_from(state);
        sandbox::refuse_changes(state);
        ffi::lua_pushvalue(state, -1);
        world.metatable = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
        ffi::lua_setmetatable(state, -2);
        ffi::lua_setfenv(state, -2);
        0
    }
}

/// Ends the loading of a library: its world becomes that of scripts. The functions that were registered, or Lua's words on
/// why not.
pub(crate) fn finish(engine: &mut Engine, metatable: c_int) -> Result<Vec<Entry>, Vec<u8>> {
    let entries = engine.registering.take().unwrap_or_default();
    let mut world = World {
        code: ffi::LUA_NOREF,
        api: engine.refs.globals,
        metatable,
    };
    // SAFETY: as in `begin`.
    let outcome = unsafe { protected(engine, open_world, &mut world) };
    match outcome {
        Ok(()) => Ok(entries),
        Err(words) => {
            forget_all(engine, &entries);
            Err(words)
        }
    }
}

/// Gives functions back to the collector.
pub(crate) fn forget_all(engine: &mut Engine, entries: &[Entry]) {
    for entry in entries {
        super::forget(engine, entry.function);
    }
}

unsafe extern "C-unwind" fn open_world(state: *mut lua_State) -> c_int {
    // SAFETY: called by `lua_cpcall` with the world, which lives on the caller's frame.
    unsafe {
        let world = &mut *ffi::lua_touserdata(state, 1).cast::<World>();
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, world.metatable);
        ffi::luaL_unref(state, ffi::LUA_REGISTRYINDEX, world.metatable);
        ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, world.api);
        sandbox::answer_from(state);
        0
    }
}

/// Runs a C function with the world; Lua's words if it raises an error.
///
/// # Safety
/// The state is the engine's, and the function takes a world.
unsafe fn protected(engine: &mut Engine, function: lua_CFunction, world: &mut World) -> Result<(), Vec<u8>> {
    // SAFETY: `lua_cpcall` catches whatever is raised, and leaves the message then.
    unsafe {
        let data: *mut World = world;
        if ffi::lua_cpcall(engine.state, function, data.cast::<c_void>()) == ffi::LUA_OK {
            return Ok(());
        }
        let words = bytes_at(engine.state, -1).unwrap_or(b"unknown error").to_vec();
        ffi::lua_settop(engine.state, -2);
        Err(words)
    }
}

/// What one call of `redis.register_function` asks for: indexes on the stack, 0 for what is missing.
#[derive(Default)]
struct Request {
    name: c_int,
    callback: c_int,
    description: c_int,
    flags: ScriptFlags,
}

/// `redis.register_function(name, callback)` or `redis.register_function{function_name=, callback=, …}`.
pub(super) unsafe extern "C-unwind" fn register_function(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua. Nothing is owned here when an error is raised: the entry is made behind everything that
    // can raise one, and belongs to the engine at once.
    unsafe {
        let engine = current(state);
        if (*engine).registering.is_none() {
            return raise_text(
                state,
                b"ERR redis.register_function can only be called on FUNCTION LOAD command",
            );
        }
        let request = match ffi::lua_gettop(state) {
            1 => named(state),
            2 => positional(state),
            _ => Err(&b"ERR wrong number of arguments to redis.register_function"[..]),
        };
        let request = match request {
            Ok(request) => request,
            Err(text) => return raise_text(state, text),
        };
        // Numbers become strings, which takes memory, before anything is owned.
        ffi::lua_tolstring(state, request.name, std::ptr::null_mut());
        if request.description > 0 {
            ffi::lua_tolstring(state, request.description, std::ptr::null_mut());
        }
        let name = bytes_at(state, request.name).unwrap_or_default();
        if !is_word(name) {
            return raise_text(state, BAD_NAME);
        }
        let known = |entries: &Vec<Entry>| entries.iter().any(|entry| entry.name == name);
        if (*engine).registering.as_ref().is_some_and(known) {
            return raise_text(state, b"ERR Function already exists in the library");
        }
        let described = match request.description {
            0 => None,
            at => bytes_at(state, at),
        };
        let length = name.len() + described.map_or(0, <[u8]>::len);
        let kept = |entries: &Vec<Entry>| entries.iter().map(Entry::text_bytes).sum::<usize>();
        if (*engine).registering.as_ref().map_or(0, kept) + length > TEXT_BYTES_MAX {
            return raise_text(state, b"ERR names and descriptions of the library are too long");
        }
        ffi::lua_pushvalue(state, request.callback);
        let function = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
        if let Some(entries) = &mut (*engine).registering {
            entries.push(Entry {
                name: name.to_vec(),
                description: described.map(<[u8]>::to_vec),
                flags: request.flags,
                function,
            });
        }
        0
    }
}

/// # Safety
/// Called by a C function of `state` with two arguments.
unsafe fn positional(state: *mut lua_State) -> Result<Request, &'static [u8]> {
    // SAFETY: the caller's.
    unsafe {
        if ffi::lua_isstring(state, 1) == 0 {
            return Err(b"ERR first argument to redis.register_function must be a string");
        }
        if ffi::lua_type(state, 2) != ffi::LUA_TFUNCTION {
            return Err(b"ERR second argument to redis.register_function must be a function");
        }
        Ok(Request {
            name: 1,
            callback: 2,
            ..Request::default()
        })
    }
}

/// Values of the table stay on the stack for as long as they are needed: there are four of them at most, since a name
/// that comes again (in other letters) takes the place of the one before.
///
/// # Safety
/// Called by a C function of `state` with one argument.
unsafe fn named(state: *mut lua_State) -> Result<Request, &'static [u8]> {
    const NAME: c_int = 2;
    const CALLBACK: c_int = 3;
    const DESCRIPTION: c_int = 4;
    // SAFETY: the caller's; the twenty slots of a call are enough.
    unsafe {
        if ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
            return Err(
                b"ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
            );
        }
        ffi::lua_settop(state, DESCRIPTION);
        let mut request = Request::default();
        ffi::lua_pushnil(state);
        while ffi::lua_next(state, 1) != 0 {
            let key = match ffi::lua_type(state, -2) {
                ffi::LUA_TSTRING => bytes_at(state, -2).unwrap_or_default(),
                ffi::LUA_TNUMBER => b"",
                _ => {
                    return Err(b"ERR named argument key given to redis.register_function is not a string");
                }
            };
            let is_string = ffi::lua_isstring(state, -1) != 0;
            let place = if eq_ignore_case(key, b"function_name") {
                if !is_string {
                    return Err(
                        b"ERR function_name argument given to redis.register_function must be a string",
                    );
                }
                request.name = NAME;
                NAME
            } else if eq_ignore_case(key, b"description") {
                if !is_string {
                    return Err(
                        b"ERR description argument given to redis.register_function must be a string",
                    );
                }
                request.description = DESCRIPTION;
                DESCRIPTION
            } else if eq_ignore_case(key, b"callback") {
                if ffi::lua_type(state, -1) != ffi::LUA_TFUNCTION {
                    return Err(b"ERR callback argument given to redis.register_function must be a function");
                }
                request.callback = CALLBACK;
                CALLBACK
            } else if eq_ignore_case(key, b"flags") {
                request.flags = flags(state)?;
                ffi::lua_settop(state, -2);
                continue;
            } else {
                return Err(b"ERR unknown argument given to redis.register_function");
            };
            ffi::lua_replace(state, place);
        }
        if request.name == 0 {
            return Err(b"ERR redis.register_function must get a function name argument");
        }
        if request.callback == 0 {
            return Err(b"ERR redis.register_function must get a callback argument");
        }
        Ok(request)
    }
}

/// The flags listed in the table on top of the stack.
///
/// # Safety
/// Called by a C function of `state`; there is room for one more value.
unsafe fn flags(state: *mut lua_State) -> Result<ScriptFlags, &'static [u8]> {
    // SAFETY: the caller's.
    unsafe {
        if ffi::lua_type(state, -1) != ffi::LUA_TTABLE {
            return Err(
                b"ERR flags argument to redis.register_function must be a table representing function flags",
            );
        }
        let mut flags = ScriptFlags::default();
        for number in 1.. {
            ffi::lua_rawgeti_(state, -1, number);
            if ffi::lua_type(state, -1) == ffi::LUA_TNIL {
                break;
            }
            let name = bytes_at(state, -1).unwrap_or_default().to_ascii_lowercase();
            let flag = ScriptFlags::named(&name).ok_or(&b"ERR unknown flag given"[..])?;
            flags = flags.and(flag);
            ffi::lua_settop(state, -2);
        }
        ffi::lua_settop(state, -2);
        Ok(flags)
    }
}

/// Fields of `redis` that a library finds while it is loaded, beside `register_function`: those that touch no data.
pub(super) fn is_offered(name: &str) -> bool {
    name == "log" || name.starts_with("LOG_") || name.starts_with("REDIS_VERSION")
}
