//! Rust functions that Lua calls with nothing in between: arguments and results stay on Lua's own stack.
//!
//! The libraries need this rather than mlua's values for two reasons. A failure has to reach the script as
//! the string that Redis gives ("user_script:1: …"), where an error of mlua arrives as a userdata. And mlua
//! keeps one reference per string or table in a side stack of 8,000 slots that panics when it is full, which
//! a script could bring about with a long argument list.
//!
//! An error of Lua (out of memory among them) leaves by a long jump, which runs no destructors. So a function
//! owns nothing in its frames: its buffers live in a userdata of the interpreter, handed in by reference, and
//! failures carry their text inline.
//!
//! A finalizer of the script may run whenever Lua allocates, and call the library that is at work. Each call
//! in progress therefore has buffers of its own; those of calls that ended by a jump are found by where on the
//! thread's stack they were, and used again.
//!
//! Methods of [`Stack`] trust their caller with indexes and room as Lua's C interface does; they are for
//! this folder only, whose tests run all of them.

use mlua::ffi::{self, lua_State};
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::fmt::{self, Write};

/// Bytes that a result may reach: those of the longest string that Redis keeps; fewer in tests.
const RESULT_BYTES_MAX: usize = if cfg!(test) { 32 << 20 } else { 512 << 20 };

/// Buffers larger than this are given back after the call.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// What a native function answers: the number of results on top of the stack, or why it failed.
pub(super) type Outcome = Result<c_int, Failure>;

/// Why a call failed; becomes an error of Lua.
#[derive(Clone, Copy)]
pub(super) struct Failure {
    place: Place,
    text: Text,
}

#[derive(Clone, Copy)]
enum Place {
    /// The position of the calling script goes before the text.
    Caller,
    /// The text stands alone.
    Nowhere,
    /// The text says what is wrong with this argument.
    Argument(c_int),
    /// The error is on top of the stack already.
    OnTop,
}

impl Failure {
    /// A failure with the position of the script before it.
    #[cold]
    pub(super) fn new(text: fmt::Arguments<'_>) -> Failure {
        Failure {
            place: Place::Caller,
            text: Text::new(text),
        }
    }

    /// A failure with nothing before its text.
    #[cold]
    pub(super) fn bare(text: &str) -> Failure {
        Failure {
            place: Place::Nowhere,
            text: Text::new(format_args!("{text}")),
        }
    }

    /// A failure of the argument at `index`, counted from 1.
    #[cold]
    pub(super) fn argument(index: c_int, text: fmt::Arguments<'_>) -> Failure {
        Failure {
            place: Place::Argument(index),
            text: Text::new(text),
        }
    }
}

/// A short text that needs no destructor; what does not fit is cut.
#[derive(Clone, Copy)]
struct Text {
    bytes: [u8; Text::BYTES_MAX + 1],
    len: u8,
}

impl Text {
    const BYTES_MAX: usize = 111;

    fn new(text: fmt::Arguments<'_>) -> Text {
        let mut made = Text {
            bytes: [0; Text::BYTES_MAX + 1],
            len: 0,
        };
        // Cut texts are fine: the longest of ours holds a name that the script made up.
        let _ = made.write_fmt(text);
        made
    }

    /// With a zero byte behind.
    fn as_c(&self) -> *const c_char {
        self.bytes.as_ptr().cast()
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = Text::BYTES_MAX - usize::from(self.len);
        let taken = text.len().min(room);
        let start = usize::from(self.len);
        self.bytes[start..start + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken as u8;
        if taken == text.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

/// The kind of a value on the stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Behind the last argument.
    None,
    Nil,
    Boolean,
    Pointer,
    Number,
    String,
    Table,
    Function,
    Userdata,
    Thread,
}

impl Kind {
    /// As Lua names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::None => "no value",
            Kind::Nil => "nil",
            Kind::Boolean => "boolean",
            Kind::Pointer | Kind::Userdata => "userdata",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Table => "table",
            Kind::Function => "function",
            Kind::Thread => "thread",
        }
    }
}

/// The stack of the running call: arguments from 1 up, the top at -1.
#[derive(Clone, Copy)]
pub(super) struct Stack(*mut lua_State);

// Every method below calls Lua with the state of the running call, which is alive as long as the call is.
impl Stack {
    /// Number of values, which at the start is that of the arguments.
    pub(super) fn len(self) -> c_int {
        // SAFETY: the state is alive.
        unsafe { ffi::lua_gettop(self.0) }
    }

    /// Makes room for more values; false when Lua allows no more.
    pub(super) fn reserve(self, values: c_int) -> bool {
        // SAFETY: the state is alive; on lack of memory this leaves by a long jump, see the head.
        unsafe { ffi::lua_checkstack(self.0, values) != 0 }
    }

    /// Makes room for one more value, or fails as Lua does, with a reason in brackets.
    pub(super) fn reserve_or(self, values: c_int, reason: &str) -> Result<(), Failure> {
        if self.reserve(values) {
            return Ok(());
        }
        Err(Failure::new(format_args!("stack overflow ({reason})")))
    }

    /// What is at an index; any index below the top may be asked for.
    pub(super) fn kind(self, index: c_int) -> Kind {
        // SAFETY: lua_type takes any acceptable index, also behind the top.
        match unsafe { ffi::lua_type(self.0, index) } {
            ffi::LUA_TNIL => Kind::Nil,
            ffi::LUA_TBOOLEAN => Kind::Boolean,
            ffi::LUA_TLIGHTUSERDATA => Kind::Pointer,
            ffi::LUA_TNUMBER => Kind::Number,
            ffi::LUA_TSTRING => Kind::String,
            ffi::LUA_TTABLE => Kind::Table,
            ffi::LUA_TFUNCTION => Kind::Function,
            ffi::LUA_TUSERDATA => Kind::Userdata,
            ffi::LUA_TTHREAD => Kind::Thread,
            _ => Kind::None,
        }
    }

    /// Whether there is a number, or a string that reads as one.
    pub(super) fn is_number(self, index: c_int) -> bool {
        // SAFETY: takes any acceptable index.
        unsafe { ffi::lua_isnumber(self.0, index) != 0 }
    }

    /// The number at an index, or what the string there reads as; 0 otherwise.
    pub(super) fn number(self, index: c_int) -> f64 {
        // SAFETY: takes any acceptable index.
        unsafe { ffi::lua_tonumber(self.0, index) }
    }

    /// Whether the value counts as true.
    pub(super) fn boolean(self, index: c_int) -> bool {
        // SAFETY: takes any acceptable index.
        unsafe { ffi::lua_toboolean(self.0, index) != 0 }
    }

    /// Whether there is the pointer that stands for null.
    pub(super) fn is_null(self, index: c_int) -> bool {
        // SAFETY: takes any acceptable index.
        self.kind(index) == Kind::Pointer && unsafe { ffi::lua_touserdata(self.0, index).is_null() }
    }

    /// The bytes of the string at an index; a number there becomes a string in place. Valid while that value
    /// stays on the stack, which the caller sees to.
    pub(super) fn bytes<'a>(self, index: c_int) -> &'a [u8] {
        let mut len = 0;
        // SAFETY: strings of Lua do not move; the pointer is null where there is neither string nor number.
        unsafe {
            let start = ffi::lua_tolstring(self.0, index, &raw mut len);
            if start.is_null() {
                return &[];
            }
            std::slice::from_raw_parts(start.cast(), len)
        }
    }

    /// The string given as an argument; numbers count.
    pub(super) fn string_argument<'a>(self, index: c_int) -> Result<&'a [u8], Failure> {
        match self.kind(index) {
            Kind::String | Kind::Number => Ok(self.bytes(index)),
            kind => Err(type_failure(index, "string", kind)),
        }
    }

    /// The number given as an argument; strings that read as one count.
    pub(super) fn number_argument(self, index: c_int) -> Result<f64, Failure> {
        let number = self.number(index);
        // What is no number reads as 0.
        if number == 0.0 && !self.is_number(index) {
            return Err(type_failure(index, "number", self.kind(index)));
        }
        Ok(number)
    }

    /// The integer given as an argument: fractions are cut off.
    pub(super) fn integer_argument(self, index: c_int) -> Result<i64, Failure> {
        self.number_argument(index).map(|number| number as i64)
    }

    /// The same, or `default` without an argument.
    pub(super) fn integer_argument_or(self, index: c_int, default: i64) -> Result<i64, Failure> {
        match self.kind(index) {
            Kind::None | Kind::Nil => Ok(default),
            _ => self.integer_argument(index),
        }
    }

    /// Takes values off the top until `len` are left, or adds nil.
    pub(super) fn set_len(self, len: c_int) {
        // SAFETY: callers name a length that there is room for.
        unsafe { ffi::lua_settop(self.0, len) }
    }

    /// Takes values off the top.
    pub(super) fn pop(self, values: c_int) {
        // SAFETY: callers have put as many there.
        unsafe { ffi::lua_pop(self.0, values) }
    }

    pub(super) fn push_nil(self) {
        // SAFETY: callers have made room, as for every push below.
        unsafe { ffi::lua_pushnil(self.0) }
    }

    pub(super) fn push_boolean(self, value: bool) {
        // SAFETY: as above.
        unsafe { ffi::lua_pushboolean(self.0, value.into()) }
    }

    pub(super) fn push_number(self, value: f64) {
        // SAFETY: as above.
        unsafe { ffi::lua_pushnumber(self.0, value) }
    }

    /// The pointer that stands for null.
    pub(super) fn push_null(self) {
        // SAFETY: as above.
        unsafe { ffi::lua_pushlightuserdata(self.0, std::ptr::null_mut()) }
    }

    pub(super) fn push_bytes(self, bytes: &[u8]) {
        // SAFETY: as above; Lua copies the bytes.
        unsafe { ffi::lua_pushlstring_(self.0, bytes.as_ptr().cast(), bytes.len()) }
    }

    pub(super) fn push_table(self) {
        // SAFETY: as above.
        unsafe { ffi::lua_createtable(self.0, 0, 0) }
    }

    /// Copies a value to the top.
    pub(super) fn push_copy(self, index: c_int) {
        // SAFETY: as above; callers name a value.
        unsafe { ffi::lua_pushvalue(self.0, index) }
    }

    /// Moves the top value below others, to an index counted from 1.
    pub(super) fn insert(self, index: c_int) {
        // SAFETY: callers name an index not above the top.
        unsafe { ffi::lua_insert(self.0, index) }
    }

    /// Pushes the item of the table at `table` with this number, or nil.
    pub(super) fn push_item(self, table: c_int, number: c_int) {
        // SAFETY: callers name a table and have made room.
        unsafe { ffi::lua_rawgeti_(self.0, table, number) }
    }

    /// Number of items of the table at an index, as `#` counts them.
    pub(super) fn table_len(self, index: c_int) -> usize {
        // SAFETY: callers name a table.
        unsafe { ffi::lua_objlen(self.0, index) }
    }

    /// Takes the key on top away and pushes the next pair of the table at `table`; false at the end.
    pub(super) fn next(self, table: c_int) -> bool {
        // SAFETY: callers name a table, the key came from there, and there is room for one more value.
        unsafe { ffi::lua_next(self.0, table) != 0 }
    }

    /// Takes the top value away, into the table at `table`.
    pub(super) fn set_item(self, table: c_int, number: c_int) {
        // SAFETY: callers name a table.
        unsafe { ffi::lua_rawseti_(self.0, table, number) }
    }

    /// Takes key and value away, into the table at `table`. The key is neither nil nor NaN.
    pub(super) fn set_pair(self, table: c_int) {
        // SAFETY: callers name a table and have checked the key.
        unsafe { ffi::lua_rawset(self.0, table) }
    }

    /// Gives a field of the table on top.
    pub(super) fn set_text_field(self, name: &str, value: &str) {
        self.push_bytes(name.as_bytes());
        self.push_bytes(value.as_bytes());
        self.set_pair(-3);
    }

    /// Pushes bytes that are in a buffer of the call. A large one is given back before lack of memory is told.
    pub(super) fn push_buffer(self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.len() <= KEPT_BYTES_MAX {
            self.push_bytes(bytes);
            return Ok(());
        }
        let mut pointer: *const [u8] = bytes;
        // SAFETY: the second upvalue is `push_protected`; callers have made room for function and argument. The
        // pointer is used within the call only.
        let status = unsafe {
            ffi::lua_pushvalue(self.0, ffi::lua_upvalueindex(2));
            ffi::lua_pushlightuserdata(self.0, (&raw mut pointer).cast());
            ffi::lua_pcall(self.0, 1, 1, 0)
        };
        if status == ffi::LUA_OK {
            return Ok(());
        }
        Err(Failure {
            place: Place::OnTop,
            text: Text::new(format_args!("")),
        })
    }

    /// Pushes what native functions made by [`Stack::set_function`] keep between calls.
    pub(super) fn push_kept<C: Copy + 'static, W: Work>(self, settings: C) {
        const { assert!(align_of::<Kept<C, W>>() <= 8) };
        let kept = Kept::<C, W> {
            settings: Cell::new(settings),
            places: Vec::new(),
        };
        // SAFETY: Lua aligns userdata to 8 bytes; the value is written before anything can read it, and the
        // metatable that drops it is set after it is whole. Only closures made here can reach it. Should memory
        // fail before, nothing is lost: an empty vector owns none.
        unsafe {
            ffi::lua_createtable(self.0, 0, 1);
            self.push_bytes(b"__gc");
            ffi::lua_pushcclosure(self.0, drop_kept::<C, W>, 0);
            ffi::lua_rawset(self.0, -3);
            let place = ffi::lua_newuserdata(self.0, size_of::<Kept<C, W>>()).cast::<Kept<C, W>>();
            place.write(kept);
            ffi::lua_insert(self.0, -2);
            ffi::lua_setmetatable(self.0, -2);
        }
    }

    /// Gives the table at `table` a function that works with what is kept at `kept`. `entry` comes from
    /// [`native!`] with a function for those very types.
    pub(super) fn set_function(self, table: c_int, kept: c_int, name: &str, entry: mlua::lua_CFunction) {
        self.push_bytes(name.as_bytes());
        self.push_copy(kept);
        // SAFETY: the two upvalues are those that [`enter`] and [`Stack::push_buffer`] expect; callers name a
        // table.
        unsafe {
            ffi::lua_pushcclosure(self.0, push_protected, 0);
            ffi::lua_pushcclosure(self.0, entry, 2);
            ffi::lua_rawset(self.0, table);
        }
    }
}

impl Stack {
    /// Gives the table at `table` a function that needs no memory. `entry` comes from [`plain!`].
    pub(super) fn set_plain_function(self, table: c_int, name: &str, entry: mlua::lua_CFunction) {
        self.push_bytes(name.as_bytes());
        // SAFETY: callers name a table.
        unsafe {
            ffi::lua_pushcclosure(self.0, entry, 0);
            ffi::lua_rawset(self.0, table);
        }
    }
}

/// Pushes the bytes that a pointer leads to.
unsafe extern "C-unwind" fn push_protected(state: *mut lua_State) -> c_int {
    // SAFETY: called by `push_buffer`, on whose frame the pointer is.
    unsafe {
        let bytes = &**ffi::lua_touserdata(state, 1).cast::<*const [u8]>();
        ffi::lua_pushlstring_(state, bytes.as_ptr().cast(), bytes.len());
    }
    1
}

fn type_failure(index: c_int, expected: &str, kind: Kind) -> Failure {
    Failure::argument(index, format_args!("{expected} expected, got {}", kind.name()))
}

/// Working memory of a call.
pub(super) trait Work: Default + 'static {
    /// Empties it, and gives back what a call has made large.
    fn reset(&mut self);
}

/// What the functions of a library keep between calls.
struct Kept<C, W> {
    settings: Cell<C>,
    /// Boxed, since a call goes on using its own while a nested one adds another.
    places: Vec<Box<WorkPlace<W>>>,
}

struct WorkPlace<W> {
    /// Where on the thread's stack the call is that uses it; 0 for none.
    frame: usize,
    work: W,
}

impl<C, W: Work> Kept<C, W> {
    /// Working memory that no call in progress uses. The stack grows downwards: a call above `frame` is further
    /// out and may go on, one below has ended, if by a jump.
    fn free_place(&mut self, frame: usize) -> &mut WorkPlace<W> {
        let found = self.places.iter().position(|place| place.frame <= frame);
        let at = found.unwrap_or_else(|| {
            self.places.push(Box::new(WorkPlace {
                frame: 0,
                work: W::default(),
            }));
            self.places.len() - 1
        });
        let place = &mut self.places[at];
        place.frame = frame;
        place.work.reset();
        place
    }
}

/// A buffer for results, empty at the start of each call.
#[derive(Default)]
pub(super) struct Buffer(pub(super) Vec<u8>);

impl Work for Buffer {
    fn reset(&mut self) {
        self.0.clear();
        if self.0.capacity() > KEPT_BYTES_MAX {
            self.0 = Vec::new();
        }
    }
}

impl Buffer {
    /// Appends, unless the result became longer than any string of Redis.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.len() > RESULT_BYTES_MAX - self.0.len() {
            return Err(Failure::bare("not enough memory"));
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Makes the entry that Lua calls from a `fn(Stack, &Cell<Settings>, &mut Work) -> Outcome`.
macro_rules! native {
    ($function:expr) => {{
        unsafe extern "C-unwind" fn entry(state: *mut mlua::lua_State) -> std::ffi::c_int {
            // SAFETY: called by Lua alone, as a closure made by `set_function`.
            unsafe { $crate::library::stack::enter(state, $function) }
        }
        entry as mlua::lua_CFunction
    }};
}
pub(super) use native;

/// Makes the entry that Lua calls from a `fn(Stack) -> Outcome`.
macro_rules! plain {
    ($function:expr) => {{
        unsafe extern "C-unwind" fn entry(state: *mut mlua::lua_State) -> std::ffi::c_int {
            // SAFETY: called by Lua alone.
            unsafe { $crate::library::stack::enter_plain(state, $function) }
        }
        entry as mlua::lua_CFunction
    }};
}
pub(super) use plain;

/// Runs a function that needs no memory within a call by Lua.
///
/// # Safety
/// Only for the running call.
pub(super) unsafe fn enter_plain(state: *mut lua_State, function: fn(Stack) -> Outcome) -> c_int {
    match function(Stack(state)) {
        Ok(results) => results,
        // SAFETY: nothing in this frame needs a destructor.
        Err(failure) => unsafe { raise(state, &failure) },
    }
}

/// Runs a native function within a call by Lua.
///
/// # Safety
/// Only for the running call of a closure made by [`Stack::set_function`] with what [`Stack::push_kept`] pushed for
/// these types.
pub(super) unsafe fn enter<C: Copy + 'static, W: Work>(
    state: *mut lua_State,
    function: fn(Stack, &Cell<C>, &mut W) -> Outcome,
) -> c_int {
    let marker = 0_u8;
    let frame = (&raw const marker).addr();
    // SAFETY: the first upvalue is of this type. The list of places is borrowed for a moment only; the place itself is
    // in a box that no other call is given before this one ends.
    let (settings, place) = unsafe {
        let kept = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Kept<C, W>>();
        let place: *mut WorkPlace<W> = (*kept).free_place(frame);
        (&(*kept).settings, &mut *place)
    };
    let outcome = function(Stack(state), settings, &mut place.work);
    place.work.reset();
    place.frame = 0;
    match outcome {
        Ok(results) => results,
        // SAFETY: nothing in this frame needs a destructor.
        Err(failure) => unsafe { raise(state, &failure) },
    }
}

/// # Safety
/// `state` is that of the running call, and no frame up to Lua's needs a destructor.
unsafe fn raise(state: *mut lua_State, failure: &Failure) -> c_int {
    const PLAIN: &CStr = c"%s";
    // SAFETY: the text ends in a zero byte; 20 slots are free at the start of a call, and the failed function
    // is asked to leave its values behind, so drop them for room first.
    unsafe {
        if let Place::OnTop = failure.place {
            ffi::lua_error(state);
        }
        ffi::lua_settop(state, 0);
        match failure.place {
            Place::Argument(index) => ffi::luaL_argerror(state, index, failure.text.as_c()),
            Place::Caller => ffi::luaL_error(state, PLAIN.as_ptr(), failure.text.as_c()),
            Place::Nowhere | Place::OnTop => {
                ffi::lua_pushlstring_(state, failure.text.as_c(), failure.text.len.into());
                ffi::lua_error(state)
            }
        }
    }
}

unsafe extern "C-unwind" fn drop_kept<C, W>(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls a finalizer once, with the userdata that `push_kept` has filled.
    unsafe { std::ptr::drop_in_place(ffi::lua_touserdata(state, 1).cast::<Kept<C, W>>()) };
    0
}

/// Makes a table in an interpreter; `fill` runs protected, with some room on the stack, and leaves the
/// table on top.
pub(super) fn table(lua: &mlua::Lua, fill: fn(Stack)) -> mlua::Result<mlua::Table> {
    // SAFETY: `fill` keeps to the stack's rules and leaves one value more than it found.
    unsafe {
        lua.exec_raw::<mlua::Table>((), |state| {
            if ffi::lua_checkstack(state, 20) != 0 {
                fill(Stack(state));
            } else {
                ffi::lua_createtable(state, 0, 0);
            }
        })
    }
}
