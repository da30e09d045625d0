//! The world that a script sees: an empty table of globals that answers from the real one and takes nothing, and the same
//! for every library. So scripts leave nothing behind for each other, and no function is replaced under another's feet.
//! Stock Lua knows no read-only tables; a sealed table here is an empty one with a metatable, and the few functions that
//! pass metatables by (`rawset`, `table.insert`, …) are replaced by such as look first.

use super::{Engine, Refs, api, library, pattern, push_bytes, random, run};
use crate::interpreter::Limits;
use flashdb_resp::{Protocol, Reply};
use mlua::ffi::{self, lua_CFunction, lua_State};
use mlua::{LightUserData, Lua, Table, Value};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;

/// Under this key the metatable of a sealed table holds the real one.
static MARK: u8 = 0;

fn mark() -> *mut c_void {
    (&raw const MARK).cast_mut().cast()
}

/// Globals of Lua that scripts may use as they are.
const KEPT: &[&str] = &[
    "_VERSION",
    "assert",
    "error",
    "gcinfo",
    "getmetatable",
    "ipairs",
    "rawequal",
    "select",
    "tonumber",
    "tostring",
    "type",
];

/// Globals that are functions of ours.
const REPLACED: &[(&str, lua_CFunction)] = &[
    ("collectgarbage", collect_garbage),
    ("loadstring", load_string),
    ("next", next),
    ("pairs", pairs),
    ("pcall", run::pcall),
    ("rawget", raw_get),
    ("rawset", raw_set),
    ("setmetatable", set_metatable),
    ("unpack", unpack),
    ("xpcall", run::xpcall),
];

/// Globals of older days, given to those who ask for them.
const DEPRECATED: &[&str] = &["getfenv", "newproxy", "setfenv"];

/// `load` by means of `loadstring`, so that one place looks at what is loaded.
const LOAD: &str = "
local loadstring, type, error, concat = ...
return function(reader, name)
    if type(reader) ~= 'function' then
        error(\"bad argument #1 to 'load' (function expected)\", 2)
    end
    local parts, count = {}, 0
    while true do
        local part = reader()
        if part == nil or part == '' then
            break
        elseif type(part) ~= 'string' then
            return nil, 'reader function must return a string'
        end
        count = count + 1
        parts[count] = part
    end
    return loadstring(concat(parts), name or '=(load)')
end";

/// Version of Redis whose behaviour scripts find.
const REDIS_VERSION: &str = flashdb_base::version::REDIS_VERSION;

/// Furnishes an interpreter; the state that goes with it.
///
/// # Errors
/// When memory is short.
pub(crate) fn open(lua: &Lua, deprecated_api: bool) -> mlua::Result<Box<Engine>> {
    let plain = lua.globals();
    let real = lua.create_table()?;
    let kept = KEPT.iter().chain(DEPRECATED.iter().filter(|_| deprecated_api));
    for name in kept {
        real.raw_set(*name, plain.raw_get::<Value>(*name)?)?;
    }
    for (name, function) in REPLACED {
        real.raw_set(*name, c_function(lua, *function)?)?;
    }
    let locked = seal(lua, &lua.create_table()?, None)?;
    fill_libraries(lua, &plain, &real, &locked)?;
    let parts = (
        real.raw_get::<Value>("loadstring")?,
        real.raw_get::<Value>("type")?,
        real.raw_get::<Value>("error")?,
        plain.raw_get::<Table>("table")?.raw_get::<Value>("concat")?,
    );
    real.raw_set("load", lua.load(LOAD).set_name("=load").call::<Value>(parts)?)?;
    let missing = lua.create_table()?;
    missing.raw_set("__index", c_function(lua, missing_global)?)?;
    real.set_metatable(Some(missing))?;
    let seen = seal(lua, &real, Some(&locked))?;
    real.raw_set("_G", &seen)?;
    lua.set_globals(seen)?;
    let direct = direct_globals(lua, &real)?;
    engine(lua, direct, real, library_api(lua, &locked)?, deprecated_api)
}

/// Names of libraries, which are tables that take nothing.
const LIBRARIES: &[&str] = &[
    "bit",
    "cjson",
    "cmsgpack",
    "coroutine",
    "math",
    "os",
    "redis",
    "server",
    "string",
    "struct",
    "table",
];

/// Whether a global is a library.
pub(super) fn is_library(name: &[u8]) -> bool {
    LIBRARIES.iter().any(|library| library.as_bytes() == name)
}

/// The globals with the libraries as they are behind what takes nothing.
fn direct_globals(lua: &Lua, real: &Table) -> mlua::Result<Table> {
    let direct = lua.create_table()?;
    for pair in real.pairs::<Value, Value>() {
        let (name, value) = pair?;
        direct.raw_set(name, value)?;
    }
    for name in LIBRARIES {
        let sealed: Table = real.raw_get(*name)?;
        let meta = sealed
            .metatable()
            .ok_or(mlua::Error::runtime("a library is not sealed"))?;
        direct.raw_set(*name, meta.raw_get::<Table>("__index")?)?;
    }
    direct.set_metatable(real.metatable())?;
    Ok(direct)
}

/// What a library finds while it is loaded: `redis` with a few fields.
fn library_api(lua: &Lua, locked: &Table) -> mlua::Result<Table> {
    let missing = lua.create_table()?;
    missing.raw_set("__index", c_function(lua, missing_global)?)?;
    let redis = redis_table(lua)?;
    let offered = lua.create_table()?;
    for pair in redis.pairs::<mlua::String, Value>() {
        let (name, value) = pair?;
        if name.to_str().is_ok_and(|name| library::is_offered(&name)) {
            offered.raw_set(name, value)?;
        }
    }
    offered.raw_set("register_function", c_function(lua, library::register_function)?)?;
    offered.set_metatable(Some(missing.clone()))?;
    let api = lua.create_table()?;
    api.raw_set("redis", seal(lua, &offered, Some(locked))?)?;
    api.set_metatable(Some(missing))?;
    Ok(api)
}

fn fill_libraries(lua: &Lua, plain: &Table, real: &Table, locked: &Table) -> mlua::Result<()> {
    let put = |name: &str, library: &Table| real.raw_set(name, seal(lua, library, Some(locked))?);
    let redis = redis_table(lua)?;
    put("redis", &redis)?;
    put("server", &redis)?;
    let os = lua.create_table()?;
    os.raw_set("clock", c_function(lua, api::clock)?)?;
    put("os", &os)?;
    let math: Table = plain.raw_get("math")?;
    math.raw_set("random", c_function(lua, random::random)?)?;
    math.raw_set("randomseed", c_function(lua, random::seed)?)?;
    put("math", &math)?;
    let table: Table = plain.raw_get("table")?;
    table.raw_set("insert", c_function(lua, insert)?)?;
    put("table", &table)?;
    put("coroutine", &plain.raw_get("coroutine")?)?;
    let string: Table = plain.raw_get("string")?;
    pattern::replace(lua, &string)?;
    put("string", &string)?;
    for (name, open) in crate::library::ALL {
        put(name, &open(lua)?)?;
    }
    // Strings have a metatable in common, by which `("x"):upper()` works.
    if let Some(strings) = lua.type_metatable::<mlua::String>() {
        let shown = lua.create_table()?;
        shown.raw_set("__index", real.raw_get::<Value>("string")?)?;
        strings.raw_set("__metatable", seal(lua, &shown, Some(locked))?)?;
    }
    Ok(())
}

fn redis_table(lua: &Lua) -> mlua::Result<Table> {
    let redis = lua.create_table()?;
    for (name, function) in api::FUNCTIONS {
        redis.raw_set(*name, c_function(lua, *function)?)?;
    }
    for (name, number) in api::NUMBERS {
        redis.raw_set(*name, *number)?;
    }
    redis.raw_set("REDIS_VERSION", REDIS_VERSION)?;
    redis.raw_set("REDIS_VERSION_NUM", version_number(REDIS_VERSION))?;
    Ok(redis)
}

/// A version as one number, a byte for each part.
fn version_number(version: &str) -> u32 {
    version
        .split('.')
        .fold(0, |number, part| (number << 8) | part.parse().unwrap_or(0))
}

fn c_function(lua: &Lua, function: lua_CFunction) -> mlua::Result<mlua::Function> {
    // SAFETY: the functions of this module keep to Lua's rules for such functions.
    unsafe { lua.create_c_function(function) }
}

/// A table that answers from `real` and takes nothing. `getmetatable` of it gives `shown`, else itself.
fn seal(lua: &Lua, real: &Table, shown: Option<&Table>) -> mlua::Result<Table> {
    let sealed = lua.create_table()?;
    let meta = lua.create_table()?;
    meta.raw_set("__index", real)?;
    meta.raw_set("__newindex", c_function(lua, refuse_change)?)?;
    meta.raw_set("__metatable", shown.unwrap_or(&sealed))?;
    meta.raw_set(LightUserData(mark()), real)?;
    sealed.set_metatable(Some(meta))?;
    Ok(sealed)
}

/// Has the metatable below the top answer from the table on top, which is removed.
///
/// # Safety
/// Called by a C function of `state`, whose frames may be left by a jump; there is room for two values.
pub(super) unsafe fn answer_from(state: *mut lua_State) {
    // SAFETY: the caller's.
    unsafe {
        ffi::lua_pushlightuserdata(state, mark());
        ffi::lua_pushvalue(state, -2);
        ffi::lua_rawset(state, -4);
        ffi::lua_setfield(state, -2, c"__index".as_ptr());
    }
}

/// Has the metatable on top refuse changes, and show nothing of itself.
///
/// # Safety
/// As [`answer_from`].
pub(super) unsafe fn refuse_changes(state: *mut lua_State) {
    // SAFETY: the caller's.
    unsafe {
        ffi::lua_pushcclosure(state, refuse_change, 0);
        ffi::lua_setfield(state, -2, c"__newindex".as_ptr());
        ffi::lua_pushboolean(state, 0);
        ffi::lua_setfield(state, -2, c"__metatable".as_ptr());
    }
}

fn engine(
    lua: &Lua,
    direct: Table,
    globals: Table,
    library_api: Table,
    deprecated_api: bool,
) -> mlua::Result<Box<Engine>> {
    let (mut refs, mut main) = (Refs::default(), ptr::null_mut());
    // SAFETY: runs protected, with the tables as the only values on the stack.
    unsafe {
        lua.exec_raw::<()>((direct, globals, library_api), |state| {
            refs.library_api = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
            refs.globals = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
            refs.direct_globals = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
            // By `getfenv` a script could change what it has for its globals.
            refs.opens = !deprecated_api;
            ffi::lua_pushstring_(state, c"KEYS".as_ptr());
            refs.keys = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
            ffi::lua_pushstring_(state, c"ARGV".as_ptr());
            refs.arguments = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
            ffi::lua_pushcclosure(state, run::trampoline, 0);
            refs.trampoline = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
            ffi::lua_pushcclosure(state, run::handler, 0);
            refs.handler = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
            main = state;
        })?;
    }
    let limits = Limits {
        memory_bytes: 0,
        message_bytes: 0,
    };
    Ok(Box::new(Engine {
        state: main,
        memory_limit: 0,
        host: None,
        words: Vec::new(),
        spans: Vec::new(),
        reply: Reply::default(),
        protocol: Protocol::Resp2,
        abort: None,
        limits,
        looked_at: None,
        random: random::Random::seeded(flashdb_base::prng::entropy_u64() as u32),
        registering: None,
        refs,
        last_counts: [0; 2],
    }))
}

// ---- functions ------------------------------------------------------------------------------------

const READ_ONLY: &[u8] = b"ERR Attempt to modify a readonly table";

/// Pushes the real table behind the sealed one at `index`; false, and nothing is pushed, when it is not sealed.
///
/// # Safety
/// There is room for three values; a value is at `index`, which is not relative to the top.
pub(super) unsafe fn push_sealed(state: *mut lua_State, index: c_int) -> bool {
    // SAFETY: the caller's.
    unsafe {
        if ffi::lua_getmetatable(state, index) == 0 {
            return false;
        }
        ffi::lua_pushlightuserdata(state, mark());
        ffi::lua_rawget_(state, -2);
        if ffi::lua_type(state, -1) == ffi::LUA_TNIL {
            ffi::lua_settop(state, -3);
            return false;
        }
        ffi::lua_remove(state, -2);
        true
    }
}

/// Pushes the words of the error at `index`: those of Rust functions come as userdata, with more in them than was said.
///
/// # Safety
/// Called by a C function of `state`, whose frames may be left by a jump.
pub(super) unsafe fn push_error_text(state: *mut lua_State, index: c_int) {
    // SAFETY: the caller's; the slice is copied before the string it is of is removed.
    unsafe {
        let mut len = 0;
        if ffi::lua_type(state, index) != ffi::LUA_TUSERDATA {
            ffi::luaL_tolstring(state, index, &mut len);
            return;
        }
        let start = ffi::luaL_tolstring(state, index, &mut len);
        let text = std::slice::from_raw_parts(start.cast::<u8>(), len);
        let text = text.strip_prefix(b"runtime error: ").unwrap_or(text);
        let end = text
            .windows(TRACE.len())
            .position(|window| window == TRACE)
            .unwrap_or(text.len());
        push_bytes(state, &text[..end]);
        ffi::lua_remove(state, -2);
    }
}

const TRACE: &[u8] = b"\nstack traceback:";

unsafe extern "C-unwind" fn refuse_change(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the text has no directives.
    unsafe { ffi::luaL_error(state, c"Attempt to modify a readonly table".as_ptr()) }
}

unsafe extern "C-unwind" fn missing_global(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua with the table and the name.
    unsafe {
        let name = match ffi::lua_type(state, 2) {
            ffi::LUA_TSTRING | ffi::LUA_TNUMBER => ffi::lua_tolstring(state, 2, ptr::null_mut()),
            _ => c"?".as_ptr(),
        };
        let format = c"Script attempted to access nonexistent global variable '%s'";
        ffi::luaL_error(state, format.as_ptr(), name)
    }
}

unsafe extern "C-unwind" fn raw_set(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::luaL_checkany(state, 2);
        ffi::luaL_checkany(state, 3);
        ffi::lua_settop(state, 3);
        if push_sealed(state, 1) {
            return run::raise_text(state, READ_ONLY);
        }
        if ffi::lua_type(state, 2) == ffi::LUA_TNIL {
            return ffi::luaL_error(state, c"table index is nil".as_ptr());
        }
        ffi::lua_rawset(state, 1);
        1
    }
}

unsafe extern "C-unwind" fn raw_get(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::luaL_checkany(state, 2);
        ffi::lua_settop(state, 2);
        if push_sealed(state, 1) {
            ffi::lua_replace(state, 1);
        }
        ffi::lua_rawget_(state, 1);
        1
    }
}

unsafe extern "C-unwind" fn set_metatable(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        let kind = ffi::lua_type(state, 2);
        if kind != ffi::LUA_TNIL && kind != ffi::LUA_TTABLE {
            return ffi::luaL_argerror(state, 2, c"nil or table expected".as_ptr());
        }
        ffi::lua_settop(state, 2);
        if push_sealed(state, 1) {
            return run::raise_text(state, READ_ONLY);
        }
        if ffi::luaL_getmetafield_(state, 1, c"__metatable".as_ptr()) != 0 {
            return ffi::luaL_error(state, c"cannot change a protected metatable".as_ptr());
        }
        ffi::lua_settop(state, 2);
        ffi::lua_setmetatable(state, 1);
        ffi::lua_settop(state, 1);
        1
    }
}

unsafe extern "C-unwind" fn next(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::lua_settop(state, 2);
        if push_sealed(state, 1) {
            ffi::lua_replace(state, 1);
        }
        if ffi::lua_next(state, 1) != 0 {
            return 2;
        }
        ffi::lua_pushnil(state);
        1
    }
}

unsafe extern "C-unwind" fn pairs(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua. A function that is called already exists, so pushing `next` again may only lack memory.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::lua_settop(state, 1);
        ffi::lua_pushcclosure(state, next, 0);
        ffi::lua_insert(state, 1);
        ffi::lua_pushnil(state);
        3
    }
}

/// `table.insert(list, [position,] value)`.
unsafe extern "C-unwind" fn insert(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        let given = ffi::lua_gettop(state);
        if push_sealed(state, 1) {
            return run::raise_text(state, READ_ONLY);
        }
        let mut end = (ffi::lua_objlen(state, 1) as c_int).wrapping_add(1);
        let position = match given {
            2 => end,
            3 => {
                let position = ffi::luaL_checkinteger(state, 2) as c_int;
                end = end.max(position);
                let mut index = end;
                while index > position {
                    ffi::lua_rawgeti_(state, 1, index - 1);
                    ffi::lua_rawseti_(state, 1, index);
                    index -= 1;
                }
                position
            }
            _ => return ffi::luaL_error(state, c"wrong number of arguments to 'insert'".as_ptr()),
        };
        ffi::lua_settop(state, given);
        ffi::lua_rawseti_(state, 1, position);
        0
    }
}

/// `unpack(list [, i [, j]])`, with the count computed where it cannot overflow.
unsafe extern "C-unwind" fn unpack(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        let first = match ffi::lua_type(state, 2) {
            ffi::LUA_TNIL | ffi::LUA_TNONE => 1,
            _ => ffi::luaL_checkinteger(state, 2) as c_int,
        };
        let last = match ffi::lua_type(state, 3) {
            ffi::LUA_TNIL | ffi::LUA_TNONE => ffi::lua_objlen(state, 1) as c_int,
            _ => ffi::luaL_checkinteger(state, 3) as c_int,
        };
        if first > last {
            return 0;
        }
        let count = i64::from(last) - i64::from(first) + 1;
        let Some(count) = c_int::try_from(count)
            .ok()
            .filter(|count| ffi::lua_checkstack(state, *count) != 0)
        else {
            return ffi::luaL_error(state, c"too many results to unpack".as_ptr());
        };
        for offset in 0..count {
            ffi::lua_rawgeti_(state, 1, first + offset);
        }
        count
    }
}

/// `loadstring(text [, name])`: text only, since bytecode can do what no text can.
unsafe extern "C-unwind" fn load_string(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; the text and the name stay on the stack while they are read.
    unsafe {
        let mut len = 0;
        let text = ffi::luaL_checklstring(state, 1, &mut len);
        let name = match ffi::lua_type(state, 2) {
            ffi::LUA_TNIL | ffi::LUA_TNONE => text,
            _ => ffi::luaL_checklstring(state, 2, ptr::null_mut()),
        };
        if len > 0 && *text == 0x1b as c_char {
            ffi::lua_pushnil(state);
            ffi::lua_pushstring_(state, c"attempt to load a binary chunk".as_ptr());
            return 2;
        }
        // The parser does not keep the chunk's name alive by itself.
        ffi::lua_pushstring_(state, name);
        if ffi::luaL_loadbuffer(state, text, len, name) == ffi::LUA_OK {
            return 1;
        }
        ffi::lua_pushnil(state);
        ffi::lua_insert(state, -2);
        2
    }
}

/// `collectgarbage`: what others would feel for longer than this script runs is not done.
unsafe extern "C-unwind" fn collect_garbage(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        let mut len = 0;
        let what = match ffi::lua_type(state, 1) {
            ffi::LUA_TNIL | ffi::LUA_TNONE => b"collect",
            _ => std::slice::from_raw_parts(ffi::luaL_checklstring(state, 1, &mut len).cast::<u8>(), len),
        };
        match what {
            b"collect" => {
                ffi::lua_gc(state, ffi::LUA_GCCOLLECT, 0);
                ffi::lua_pushnumber(state, 0.0);
            }
            b"count" => {
                let kib = f64::from(ffi::lua_gc(state, ffi::LUA_GCCOUNT, 0));
                let rest = f64::from(ffi::lua_gc(state, ffi::LUA_GCCOUNTB, 0));
                ffi::lua_pushnumber(state, kib + rest / 1024.0);
            }
            b"step" => {
                let done = ffi::lua_gc(state, ffi::LUA_GCSTEP, 0);
                ffi::lua_pushboolean(state, done);
            }
            b"stop" | b"restart" | b"setpause" | b"setstepmul" => ffi::lua_pushnumber(state, 0.0),
            _ => return ffi::luaL_argerror(state, 1, c"invalid option".as_ptr()),
        }
        1
    }
}
