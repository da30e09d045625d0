//! `string.find`, `match`, `gmatch` and `gsub` by the matcher of `matching.rs`, in place of Lua's own, which no hook can
//! stop and which looks at no limit. What they take, answer and complain of is as in Lua 5.1; `cases` in the test beside
//! compares the two.

use super::{CURRENT, push_bytes, raise_abort, run};
use crate::matching::{Captured, Fault, Matcher, has_specials};
use mlua::ffi::{self, lua_CFunction, lua_State};
use mlua::{Lua, Table};
use std::ffi::{CStr, c_int};
use std::ptr;

/// Functions of `string` that take a pattern.
pub(super) const FUNCTIONS: &[(&str, lua_CFunction)] = &[
    ("find", find),
    ("gfind", gmatch),
    ("gmatch", gmatch),
    ("gsub", gsub),
    ("match", match_),
];

/// Puts the functions in the place of Lua's.
///
/// # Errors
/// When memory is short.
pub(super) fn replace(lua: &Lua, string: &Table) -> mlua::Result<()> {
    for (name, function) in FUNCTIONS {
        // SAFETY: they keep to Lua's rules for such functions.
        string.raw_set(*name, unsafe { lua.create_c_function(*function)? })?;
    }
    Ok(())
}

/// The string, or the number as one, at `index`.
///
/// # Safety
/// Called by a C function of `state`, whose frames may be left by a jump; the value stays where it is.
unsafe fn string_at<'a>(state: *mut lua_State, index: c_int) -> &'a [u8] {
    // SAFETY: a string is not moved while it is referred to.
    unsafe {
        let mut len = 0;
        let start = ffi::luaL_checklstring(state, index, &mut len);
        std::slice::from_raw_parts(start.cast::<u8>(), len)
    }
}

/// Whether the script may go on; looked at from inside of a match.
fn goes_on() -> bool {
    let engine = CURRENT.get();
    // SAFETY: an engine that is there is the running one.
    engine.is_null() || unsafe { run::goes_on(engine) }
}

/// # Safety
/// As [`string_at`].
unsafe fn raise(state: *mut lua_State, fault: Fault) -> c_int {
    // SAFETY: the caller's; the text has its end within.
    unsafe {
        match fault {
            Fault::Interrupted => raise_abort(state, CURRENT.get()),
            Fault::Pattern(text) => {
                ffi::luaL_where(state, 1);
                push_bytes(state, text.as_bytes());
                ffi::lua_concat(state, 2);
                ffi::lua_error(state)
            }
        }
    }
}

/// What of the subject a match covers.
type Match = (usize, usize);

/// Pushes capture `index`.
///
/// # Safety
/// As [`string_at`]; there is room for a value.
unsafe fn push_capture<G: FnMut() -> bool>(
    state: *mut lua_State,
    matcher: &Matcher<'_, G>,
    subject: &[u8],
    index: usize,
    found: Match,
) {
    // SAFETY: the caller's.
    unsafe {
        match matcher.capture(index, found) {
            Ok(Captured::Text(from, to)) => push_bytes(state, &subject[from..to]),
            Ok(Captured::Position(at)) => ffi::lua_pushinteger(state, at as i64),
            Err(fault) => {
                raise(state, fault);
            }
        }
    }
}

/// Pushes all captures, or the whole match where there are none and `or_whole` is set; how many.
///
/// # Safety
/// As [`string_at`].
unsafe fn push_captures<G: FnMut() -> bool>(
    state: *mut lua_State,
    matcher: &Matcher<'_, G>,
    subject: &[u8],
    found: Match,
    or_whole: bool,
) -> c_int {
    let count = matcher.captures_count().max(usize::from(or_whole));
    // SAFETY: the caller's.
    unsafe {
        ffi::luaL_checkstack(state, count as c_int, c"too many captures".as_ptr());
        for index in 0..count {
            push_capture(state, matcher, subject, index, found);
        }
    }
    count as c_int
}

/// Where to begin, by the third argument: from 1 on, or from the end when it is negative.
///
/// # Safety
/// As [`string_at`].
unsafe fn first_byte(state: *mut lua_State, len: usize) -> usize {
    // SAFETY: the caller's.
    let at = unsafe { ffi::luaL_optinteger(state, 3, 1) };
    let at = if at < 0 {
        at.saturating_add_unsigned(len as u64 + 1).max(0)
    } else {
        at
    };
    at.saturating_sub(1).clamp(0, len as i64) as usize
}

unsafe extern "C-unwind" fn find(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        let (subject, pattern) = (string_at(state, 1), string_at(state, 2));
        let start = first_byte(state, subject.len());
        if ffi::lua_toboolean(state, 4) != 0 || !has_specials(pattern) {
            // Takes time in proportion to the lengths, whatever they hold.
            return match memchr::memmem::find(&subject[start..], pattern) {
                Some(at) => push_place(state, (start + at, start + at + pattern.len())),
                None => {
                    ffi::lua_pushnil(state);
                    1
                }
            };
        }
        let mut matcher = Matcher::new(subject, pattern, goes_on);
        let anchored = matcher.take_anchor();
        match matcher.search(start, anchored) {
            Ok(Some(found)) => {
                push_place(state, found) + push_captures(state, &matcher, subject, found, false)
            }
            Ok(None) => {
                ffi::lua_pushnil(state);
                1
            }
            Err(fault) => raise(state, fault),
        }
    }
}

/// # Safety
/// There is room for two values.
unsafe fn push_place(state: *mut lua_State, (from, to): Match) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        ffi::lua_pushinteger(state, from as i64 + 1);
        ffi::lua_pushinteger(state, to as i64);
    }
    2
}

unsafe extern "C-unwind" fn match_(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        let (subject, pattern) = (string_at(state, 1), string_at(state, 2));
        let start = first_byte(state, subject.len());
        let mut matcher = Matcher::new(subject, pattern, goes_on);
        let anchored = matcher.take_anchor();
        match matcher.search(start, anchored) {
            Ok(Some(found)) => push_captures(state, &matcher, subject, found, true),
            Ok(None) => {
                ffi::lua_pushnil(state);
                1
            }
            Err(fault) => raise(state, fault),
        }
    }
}

/// The iterator keeps subject, pattern and the place where it goes on. Here `^` stands for itself.
unsafe extern "C-unwind" fn gmatch(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        string_at(state, 1);
        string_at(state, 2);
        ffi::lua_settop(state, 2);
        ffi::lua_pushinteger(state, 0);
        ffi::lua_pushcclosure(state, next_match, 3);
        1
    }
}

unsafe extern "C-unwind" fn next_match(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; its values beside are those of `gmatch`.
    unsafe {
        let subject = string_at(state, ffi::lua_upvalueindex(1));
        let pattern = string_at(state, ffi::lua_upvalueindex(2));
        let place = ffi::lua_upvalueindex(3);
        let start = ffi::lua_tointeger(state, place) as usize;
        if start > subject.len() {
            return 0;
        }
        let mut matcher = Matcher::new(subject, pattern, goes_on);
        match matcher.search(start, false) {
            Ok(Some(found)) => {
                let next = found.1 + usize::from(found.0 == found.1);
                ffi::lua_pushinteger(state, next as i64);
                ffi::lua_replace(state, place);
                push_captures(state, &matcher, subject, found, true)
            }
            Ok(None) => 0,
            Err(fault) => raise(state, fault),
        }
    }
}

/// Bytes being put together in a value of Lua's, so that an error on the way leaves nothing behind and the script's memory
/// limit holds. Its place on the stack is fixed.
struct Text {
    state: *mut lua_State,
    slot: c_int,
    start: *mut u8,
    len: usize,
    capacity: usize,
}

const TEXT_BYTES_MIN: usize = 256;

impl Text {
    /// Pushes the value.
    ///
    /// # Safety
    /// As [`string_at`]; there is room for a value, and it stays in its place for as long as this is used.
    unsafe fn begin(state: *mut lua_State, expected: usize) -> Text {
        let capacity = expected.max(TEXT_BYTES_MIN);
        // SAFETY: the caller's.
        let start = unsafe { ffi::lua_newuserdata(state, capacity) };
        Text {
            state,
            // SAFETY: the caller's.
            slot: unsafe { ffi::lua_gettop(state) },
            start: start.cast::<u8>(),
            len: 0,
            capacity,
        }
    }

    /// # Safety
    /// As [`Text::begin`]; there is room for a value.
    unsafe fn add(&mut self, bytes: &[u8]) {
        // SAFETY: `capacity` bytes are at `start`, and the sum of two lengths of things in memory does not overflow.
        unsafe {
            let len = self.len + bytes.len();
            if len > self.capacity {
                let capacity = len.max(2 * self.capacity);
                let start = ffi::lua_newuserdata(self.state, capacity).cast::<u8>();
                ptr::copy_nonoverlapping(self.start, start, self.len);
                ffi::lua_replace(self.state, self.slot);
                (self.start, self.capacity) = (start, capacity);
            }
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.add(self.len), bytes.len());
            self.len = len;
        }
    }

    /// # Safety
    /// As [`Text::begin`].
    unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: so many were written.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

unsafe extern "C-unwind" fn gsub(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua.
    unsafe {
        let (subject, pattern) = (string_at(state, 1), string_at(state, 2));
        let kind = ffi::lua_type(state, 3);
        let most = ffi::luaL_optinteger(state, 4, subject.len() as i64 + 1);
        let takes = [
            ffi::LUA_TNUMBER,
            ffi::LUA_TSTRING,
            ffi::LUA_TFUNCTION,
            ffi::LUA_TTABLE,
        ];
        if !takes.contains(&kind) {
            return ffi::luaL_argerror(state, 3, c"string/function/table expected".as_ptr());
        }
        // Lua takes the number for a C int.
        let most = i64::from(most as c_int);
        let mut matcher = Matcher::new(subject, pattern, goes_on);
        let anchored = matcher.take_anchor();
        ffi::luaL_checkstack(state, 8, ptr::null());
        let mut text = Text::begin(state, subject.len());
        let (mut at, mut count) = (0, 0);
        while count < most {
            let end = match matcher.match_at(at) {
                Ok(end) => end,
                Err(fault) => return raise(state, fault),
            };
            if let Some(end) = end {
                count += 1;
                add_replacement(&mut text, &matcher, subject, (at, end), kind);
            }
            match end {
                Some(end) if end > at => at = end,
                _ if at < subject.len() => {
                    text.add(&subject[at..=at]);
                    at += 1;
                }
                _ => break,
            }
            if anchored {
                break;
            }
        }
        text.add(&subject[at..]);
        push_bytes(state, text.bytes());
        ffi::lua_pushnumber(state, count as f64);
        2
    }
}

/// Adds what the third argument makes of a match: false and nil leave it as it is.
///
/// # Safety
/// As [`Text::add`], in `gsub`; `kind` is the type of its third argument.
unsafe fn add_replacement<G: FnMut() -> bool>(
    text: &mut Text,
    matcher: &Matcher<'_, G>,
    subject: &[u8],
    found: Match,
    kind: c_int,
) {
    let state = text.state;
    // SAFETY: the caller's; the slice is copied before the value that it is of is removed.
    unsafe {
        match kind {
            ffi::LUA_TFUNCTION => {
                ffi::lua_pushvalue(state, 3);
                let count = push_captures(state, matcher, subject, found, true);
                ffi::lua_call(state, count, 1);
            }
            ffi::LUA_TTABLE => {
                push_capture(state, matcher, subject, 0, found);
                ffi::lua_gettable_(state, 3);
            }
            _ => return add_template(text, matcher, subject, found),
        }
        if ffi::lua_toboolean(state, -1) == 0 {
            text.add(&subject[found.0..found.1]);
        } else if ffi::lua_isstring(state, -1) == 0 {
            let format: &CStr = c"invalid replacement value (a %s)";
            ffi::luaL_error(state, format.as_ptr(), ffi::luaL_typename(state, -1));
        } else {
            add_top(text);
        }
        ffi::lua_settop(state, text.slot);
    }
}

/// Adds the string or number on top of the stack.
///
/// # Safety
/// As [`Text::add`].
unsafe fn add_top(text: &mut Text) {
    // SAFETY: the caller's; the value stays on the stack.
    unsafe {
        let mut len = 0;
        let start = ffi::lua_tolstring(text.state, -1, &mut len);
        text.add(std::slice::from_raw_parts(start.cast::<u8>(), len));
    }
}

/// Adds the third argument with captures in the place of `%0` to `%9`.
///
/// # Safety
/// As [`add_replacement`]; the argument is a string or a number.
unsafe fn add_template<G: FnMut() -> bool>(
    text: &mut Text,
    matcher: &Matcher<'_, G>,
    subject: &[u8],
    found: Match,
) {
    // SAFETY: the caller's.
    unsafe {
        let mut rest = string_at(text.state, 3);
        while let Some(at) = memchr::memchr(b'%', rest) {
            text.add(&rest[..at]);
            match rest.get(at + 1) {
                Some(b'0') => text.add(&subject[found.0..found.1]),
                Some(digit @ b'1'..=b'9') => {
                    push_capture(text.state, matcher, subject, usize::from(digit - b'1'), found);
                    add_top(text);
                    ffi::lua_settop(text.state, text.slot);
                }
                // As in Lua, which finds the zero byte behind the string.
                None => text.add(&[0]),
                Some(&byte) => text.add(&[byte]),
            }
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        text.add(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::FUNCTIONS;
    use flashdb_base::prng::Prng;
    use mlua::Lua;

    /// Everything that the functions of a table make of a subject, a pattern and a replacement, as one text.
    const SHOW: &str = r#"
        local string, subject, pattern, template, start, most = ...
        local out = {}
        local function note(...)
            for at = 1, select('#', ...) do out[#out + 1] = tostring((select(at, ...))) end
            out[#out + 1] = ';'
        end
        local function each()
            local count = 0
            for a, b, c in string.gmatch(subject, pattern) do
                note(a, b, c)
                count = count + 1
                if count > 50 then return end
            end
        end
        note(pcall(string.find, subject, pattern, start))
        note(pcall(string.find, subject, pattern, start, true))
        note(pcall(string.match, subject, pattern, start))
        note(pcall(each))
        note(pcall(string.gsub, subject, pattern, template))
        note(pcall(string.gsub, subject, pattern, template, most))
        note(pcall(string.gsub, subject, pattern, {a = 'x', ab = 7, b = false}))
        note(pcall(string.gsub, subject, pattern, {a = {}, [1] = 'one'}))
        note(pcall(string.gsub, subject, pattern, function(a, b) note(a, b) return b end))
        return table.concat(out, ' ')
    "#;

    const PATTERNS: [&str; 38] = [
        "a", "b", ".", "%a", "%D", "%s", "%w", "%p", "%x", "%z", "%q", "%.", "[ab]", "[^a]", "[]]", "[^]b]",
        "[a-c1]", "[%a-]", "[+-%%]", "[", "]", "(", ")", "()", "*", "+", "-", "?", "*", "-", "$", "^", "%",
        "%1", "%2", "%b()", "%f[%w]", "\0",
    ];
    const SUBJECTS: [&str; 9] = ["a", "b", "ab", "1", " ", "(", ")", "]", "\0"];
    const TEMPLATES: [&str; 8] = ["x", "%0", "%1", "%2", "%%", "%", "<", "\0"];

    fn some(prng: &mut Prng, parts: &[&str], most: u64) -> String {
        (0..prng.below(most + 1))
            .map(|_| parts[prng.below(parts.len() as u64) as usize])
            .collect()
    }

    #[test]
    fn answers_and_complains_as_lua_does() {
        let lua = Lua::new();
        let plain: mlua::Table = lua.globals().get("string").expect("a library");
        let ours = lua.create_table().expect("a table");
        super::replace(&lua, &ours).expect("functions");
        let show = lua.load(SHOW).into_function().expect("a function");
        let mut prng = Prng::from_seed(7);
        let (mut matched, mut complained) = (0, 0);
        for _ in 0..20_000 {
            let (subject, pattern) = (some(&mut prng, &SUBJECTS, 9), some(&mut prng, &PATTERNS, 7));
            let template = some(&mut prng, &TEMPLATES, 4);
            let start = prng.below(30) as i64 - 15;
            let most = prng.below(4) as i64 - 1;
            let run = |string: &mlua::Table| -> mlua::String {
                show.call((string, &*subject, &*pattern, &*template, start, most))
                    .expect("a text")
            };
            let (expected, got) = (run(&plain), run(&ours));
            assert_eq!(
                String::from_utf8_lossy(&got.as_bytes()),
                String::from_utf8_lossy(&expected.as_bytes()),
                "{subject:?} {pattern:?} {template:?} {start} {most}"
            );
            matched += usize::from(expected.as_bytes().starts_with(b"true 1"));
            complained += usize::from(expected.as_bytes().starts_with(b"false"));
        }
        assert!(matched > 1_500 && complained > 1_500, "{matched} {complained}");
        assert_eq!(FUNCTIONS.len(), 5);
    }

    #[test]
    fn arguments_are_looked_at_as_lua_does() {
        let lua = Lua::new();
        let plain: mlua::Table = lua.globals().get("string").expect("a library");
        let ours = lua.create_table().expect("a table");
        super::replace(&lua, &ours).expect("functions");
        for call in [
            "find()",
            "find('a')",
            "find({}, 'a')",
            "find('a', 'a', 'x')",
            "find(121, 2)",
            "find('abc', '')",
            "find('', '')",
            "find('abc', '', 10)",
            "find('abc', 'c', -1)",
            "find('abc', 'c', -1e300)",
            "find('abc', 'c', 1e300)",
            "find('a.c', '.', 2, true)",
            "match('abc')",
            "match('key=val', '(%w+)=(%w+)')",
            "gmatch('a')",
            "gmatch(12, 1)()",
            "gsub('a', 'a')",
            "gsub('a', 'a', nil)",
            "gsub('a', 'a', true)",
            "gsub('aaa', 'a', 1)",
            "gsub('aaa', 'a', 'b', 2)",
            "gsub('aaa', 'a', 'b', 4294967297)",
            "gsub('abc', '%w', '%0%0')",
            "gsub('abc', '', '-')",
            "gsub('aaa', 'a', 'b', -1)",
            "gsub('a b', '%w', function() return {} end)",
            "gsub('a', 'a', function() error('e') end)",
            "gsub('a', 'a', setmetatable({}, {__index = function(_, k) return k .. k end}))",
            "gsub(('x'):rep(1000), 'x', ('y'):rep(1000)):len()",
            "gsub('x', ('(x'):rep(40), '')",
            "gsub('hello', 'l+$', '')",
        ] {
            let run = |string: &mlua::Table| -> Vec<String> {
                let code = format!("local string = ... return pcall(function() return string.{call} end)");
                let got: mlua::MultiValue = lua.load(code).set_name("=x").call(string).expect("values");
                got.iter()
                    .map(|value| value.to_string().unwrap_or_default())
                    .collect()
            };
            assert_eq!(run(&ours), run(&plain), "{call}");
        }
    }

    #[test]
    fn a_deep_pattern_is_refused() {
        let lua = Lua::new();
        let ours = lua.create_table().expect("a table");
        super::replace(&lua, &ours).expect("functions");
        let code = "local string = ... return string.find(('a'):rep(5000), ('a?'):rep(5000))";
        let error = lua
            .load(code)
            .call::<mlua::MultiValue>(&ours)
            .expect_err("too deep");
        assert!(error.to_string().contains("pattern too complex"), "{error}");
        let code = "local string = ... return string.find(('a'):rep(900), ('a?'):rep(900))";
        assert_eq!(
            lua.load(code).call::<(i64, i64)>(&ours).expect("a match"),
            (1, 900)
        );
    }
}
