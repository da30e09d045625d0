//! Loading of function libraries, against outcomes of Redis 7.0.15 (its words before the error are the server's).

use crate::{Abort, Host, Interpreter, Invocation, LibraryError, Limits, LogLevel, Outcome, ScriptFlags};
use flashdb_base::args::Span;
use flashdb_resp::{Args, Protocol, Reply};

const LIMITS: Limits = Limits {
    memory_bytes: 64 << 20,
    message_bytes: 64 << 20,
};

/// Ends a library after so many looks at the time.
struct Patient(usize);

impl Host for Patient {
    fn call(&mut self, _: Args<'_>, reply: &mut Reply) -> Result<(), Abort> {
        reply.simple("PONG");
        Ok(())
    }

    fn may_call(&mut self, _: Args<'_>) -> Option<bool> {
        None
    }

    fn log(&mut self, _: LogLevel, _: &[u8]) {}

    fn tick(&mut self) -> Result<(), Abort> {
        self.0 -= 1;
        if self.0 > 0 {
            return Ok(());
        }
        Err(Abort::Killed("ERR FUNCTION LOAD timeout".into()))
    }
}

fn load(interpreter: &mut Interpreter, code: &str) -> Result<Vec<crate::Registered>, String> {
    // The first line is that of the library, of which only the end is left.
    let code = format!("\n{code}");
    interpreter
        .load_library(code.as_bytes(), LIMITS, &mut Patient(20))
        .map_err(|error| match error {
            LibraryError::Compile(words) | LibraryError::Run(words) => {
                String::from_utf8_lossy(&words).into_owned()
            }
            LibraryError::Empty => "empty".into(),
        })
}

fn call(interpreter: &mut Interpreter, function: crate::Function) -> String {
    let words = ["FCALL", "f", "1", "key", "argument"];
    let bytes = words.concat();
    let mut start = 0;
    let spans = words.map(|word| {
        start += word.len();
        Span {
            start: (start - word.len()) as u32,
            len: word.len() as u32,
        }
    });
    let invocation = Invocation {
        function,
        request: Args::new(bytes.as_bytes(), &spans),
        first_key: 3,
        keys_count: 1,
        as_globals: false,
        name: "f",
        limits: LIMITS,
    };
    let mut reply = Reply::new(Protocol::Resp2);
    let text = match interpreter.run(&invocation, &mut Patient(1000), &mut reply) {
        Outcome::Answered => reply.bytes().to_vec(),
        Outcome::Failed { text, .. } => text,
        Outcome::Restart => panic!("nobody asked for that"),
    };
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn what_redis_refuses_is_refused_in_its_words() {
    const BAD_NAME: &str = "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";
    let missing = |name| {
        format!("ERR user_function:2: Script attempted to access nonexistent global variable '{name}'")
    };
    let mut interpreter = Interpreter::new(false).expect("an interpreter");
    for (code, error) in [
        ("bad code", "user_function:2: '=' expected near 'code'"),
        ("return 1", "empty"),
        ("error('boom')", &missing("error")),
        ("redis.call('ping')", &missing("call")),
        ("redis.setresp(3)", &missing("setresp")),
        ("redis.math.random()", &missing("math")),
        ("local x = KEYS", &missing("KEYS")),
        ("local x = _G", &missing("_G")),
        ("local x = server", &missing("server")),
        ("a = 1", "ERR user_function:2: Attempt to modify a readonly table"),
        (
            "redis.x = 1",
            "ERR user_function:2: Attempt to modify a readonly table",
        ),
        (
            "local x = nil; x.y = 1",
            "ERR user_function:2: attempt to index local 'x' (a nil value)",
        ),
        ("while true do end", "ERR FUNCTION LOAD timeout"),
        (
            "redis.log('x')",
            "ERR redis.log() requires two arguments or more.",
        ),
        (
            "redis.register_function()",
            "ERR wrong number of arguments to redis.register_function",
        ),
        (
            "redis.register_function('a', function() end, 5)",
            "ERR wrong number of arguments to redis.register_function",
        ),
        (
            "redis.register_function('x')",
            "ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        ),
        (
            "redis.register_function(function() end, 1)",
            "ERR first argument to redis.register_function must be a string",
        ),
        (
            "redis.register_function('x', 1)",
            "ERR second argument to redis.register_function must be a function",
        ),
        ("redis.register_function('', function() end)", BAD_NAME),
        ("redis.register_function('a b', function() end)", BAD_NAME),
        ("redis.register_function('a\\0', function() end)", BAD_NAME),
        (
            "local f = function() end redis.register_function('f', f) redis.register_function('f', f)",
            "ERR Function already exists in the library",
        ),
        (
            "redis.register_function{1, 2}",
            "ERR unknown argument given to redis.register_function",
        ),
        (
            "redis.register_function{[{}] = 1}",
            "ERR named argument key given to redis.register_function is not a string",
        ),
        (
            "redis.register_function{function_name = {}, callback = function() end}",
            "ERR function_name argument given to redis.register_function must be a string",
        ),
        (
            "redis.register_function{function_name = 'f', description = {}}",
            "ERR description argument given to redis.register_function must be a string",
        ),
        (
            "redis.register_function{function_name = 'f', callback = 1}",
            "ERR callback argument given to redis.register_function must be a function",
        ),
        (
            "redis.register_function{function_name = 'f', flags = 'no-writes'}",
            "ERR flags argument to redis.register_function must be a table representing function flags",
        ),
        (
            "redis.register_function{function_name = 'f', flags = {'unknown'}}",
            "ERR unknown flag given",
        ),
        (
            "redis.register_function{function_name = 'f', flags = {5}}",
            "ERR unknown flag given",
        ),
        (
            "redis.register_function{callback = function() end}",
            "ERR redis.register_function must get a function name argument",
        ),
        (
            "redis.register_function{function_name = 'f'}",
            "ERR redis.register_function must get a callback argument",
        ),
    ] {
        let refused = load(&mut interpreter, code).expect_err(code);
        assert_eq!(refused, error, "{code}");
    }
}

#[test]
fn what_is_registered_is_told() {
    let mut interpreter = Interpreter::new(false).expect("an interpreter");
    let registered = load(
        &mut interpreter,
        "local function add(a) return a + 1 end
         redis.register_function('f1', function() return add(1) end)
         redis.register_function{FUNCTION_NAME = 5, callback = function() return 'x' end, description = 6,
             flags = {'NO-WRITES', 'allow-stale'}}",
    )
    .expect("a library");
    assert_eq!(registered.len(), 2);
    assert_eq!(registered[0].name, "f1");
    assert_eq!(registered[0].description, None);
    assert_eq!(registered[0].flags, ScriptFlags::default());
    assert_eq!(call(&mut interpreter, registered[0].function), ":2\r\n");
    assert_eq!(registered[1].name, "5");
    assert_eq!(registered[1].description.as_deref(), Some(&b"6"[..]));
    assert!(
        registered[1]
            .flags
            .has(ScriptFlags::NO_WRITES.and(ScriptFlags::ALLOW_STALE))
    );
}

/// What a function finds is what a script finds, but for keys and arguments; what it leaves is nothing.
#[test]
fn functions_see_the_world_of_scripts() {
    let mut interpreter = Interpreter::new(true).expect("an interpreter");
    let registered = load(
        &mut interpreter,
        "local lib = redis
         local count = 0
         local function register(name, f) lib.register_function(name, f) end
         register('call', function() return redis.call('PING') end)
         register('arguments', function(keys, args) return {keys[1], args[1], #keys, #args} end)
         register('count', function() count = count + 1 return count end)
         register('library', function() return cjson.encode({math.abs(-1), type(_G), type(string)}) end)
         register('keys', function() return KEYS end)
         register('global', function() x = 1 end)
         register('again', function() lib.register_function('z', function() end) end)
         register('own', function() redis.register_function('z', function() end) end)
         register('change', function() lib.redis = redis end)
         register('raw', function() rawset(getfenv(1), 'x', 1) end)
         register('boom', function() error('boom') end)",
    )
    .expect("a library");
    for (name, outcome) in [
        ("call", "+PONG\r\n"),
        ("arguments", "*4\r\n$3\r\nkey\r\n$8\r\nargument\r\n:1\r\n:1\r\n"),
        ("count", ":1\r\n"),
        ("count", ":2\r\n"),
        ("library", "$19\r\n[1,\"table\",\"table\"]\r\n"),
        (
            "keys",
            "nonexistent global variable 'KEYS' script: f, on @user_function:",
        ),
        ("global", "Attempt to modify a readonly table"),
        (
            "again",
            "ERR redis.register_function can only be called on FUNCTION LOAD command",
        ),
        ("own", "attempt to call field 'register_function' (a nil value)"),
        ("change", "Attempt to modify a readonly table"),
        ("raw", "Attempt to modify a readonly table"),
        ("boom", "boom script: f, on @user_function:15."),
    ] {
        let function = registered
            .iter()
            .find(|function| function.name == name)
            .expect("is there")
            .function;
        let answer = call(&mut interpreter, function);
        assert!(answer.contains(outcome), "{name}: {answer}");
    }
    // What was loaded may be forgotten.
    for function in registered {
        interpreter.forget(function.function);
    }
}

#[test]
fn a_library_cannot_take_all_memory() {
    let mut interpreter = Interpreter::new(false).expect("an interpreter");
    let long = "local d = 'dddddddddddddddd' for i = 1, 14 do d = d .. d end
        local f = function() end
        for i = 1, 1000 do redis.register_function{function_name = 'f' .. i, callback = f, description = d} end";
    assert_eq!(
        load(&mut interpreter, long).expect_err("too much"),
        "ERR names and descriptions of the library are too long"
    );
    let endless = "local d = 'dddddddddddddddd' while true do d = d .. d end";
    assert_eq!(
        load(&mut interpreter, endless).expect_err("too much"),
        "ERR not enough memory"
    );
    assert_eq!(load(&mut interpreter, "return 1").expect_err("nothing"), "empty");
}
