//! An interpreter with its sandbox: compiles scripts, runs them for a [`Host`], answers in RESP. One belongs to one
//! thread. All state that a script can change is inside, so that dropping it forgets everything.

use crate::host::{Abort, Host};
use crate::raw;
use crate::shebang::ScriptFlags;
use flashdb_resp::{Args, Reply};
use mlua::Lua;

/// A compiled function inside of one interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function(pub(crate) i32);

/// Bounds on what one script may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory of the whole interpreter; 0 for none.
    pub memory_bytes: usize,
    /// Bytes of one request or one reply.
    pub message_bytes: usize,
}

/// One run of a function.
pub struct Invocation<'a> {
    /// What runs.
    pub function: Function,
    /// The request that holds its keys and arguments.
    pub request: Args<'a>,
    /// Word of the first key.
    pub first_key: usize,
    /// Number of keys; the words behind them are the arguments.
    pub keys_count: usize,
    /// Whether keys and arguments are the globals KEYS and ARGV, or two arguments of the function.
    pub as_globals: bool,
    /// What errors call the script; empty for errors without it.
    pub name: &'a str,
    /// Bounds.
    pub limits: Limits,
}

/// What came of a run.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The reply is written.
    Answered,
    /// The script failed, or returned an error.
    Failed {
        /// The error, its code first.
        text: Vec<u8>,
        /// Whether it is an error of a command, which was counted then.
        counted: bool,
    },
    /// The host wants it to run again.
    Restart,
}

/// A function that a library has registered.
#[derive(Debug)]
pub struct Registered {
    /// Its name: letters, digits and underscores.
    pub name: String,
    /// What the library says of it.
    pub description: Option<Vec<u8>>,
    /// What it may do.
    pub flags: ScriptFlags,
    /// The function itself.
    pub function: Function,
}

/// Why a library was not loaded.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LibraryError {
    /// Lua's words on what is wrong with the code.
    Compile(Vec<u8>),
    /// It failed with this error, the code first.
    Run(Vec<u8>),
    /// It has registered nothing.
    Empty,
}

fn failed(words: &[u8]) -> Vec<u8> {
    [b"ERR ", words].concat()
}

/// A Lua interpreter in which scripts run.
pub struct Interpreter {
    lua: Lua,
    engine: Box<raw::Engine>,
}

impl Interpreter {
    /// An interpreter with everything that scripts may use. Takes about a millisecond.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(deprecated_api: bool) -> mlua::Result<Self> {
        let options = mlua::LuaOptions::new().catch_rust_panics(false);
        let libraries = mlua::StdLib::STRING | mlua::StdLib::TABLE | mlua::StdLib::MATH;
        let lua = Lua::new_with(libraries, options)?;
        let engine = raw::open(&lua, deprecated_api)?;
        Ok(Interpreter { lua, engine })
    }

    /// Compiles `code`, which errors will call `chunk` (`@user_script`).
    ///
    /// # Errors
    /// Lua's words on what is wrong with it.
    pub fn compile(&mut self, code: &[u8], chunk: &str, limits: Limits) -> Result<Function, Vec<u8>> {
        self.limit_memory(limits);
        raw::compile(&mut self.engine, code, chunk).map(Function)
    }

    /// Runs the code of a library, which errors will call `@user_function`, for what it registers.
    ///
    /// # Errors
    /// When it does not compile, fails, or registers nothing; then nothing of it is left.
    pub fn load_library(
        &mut self,
        code: &[u8],
        limits: Limits,
        host: &mut dyn Host,
    ) -> Result<Vec<Registered>, LibraryError> {
        let code = self
            .compile(code, "@user_function", limits)
            .map_err(LibraryError::Compile)?;
        let loaded = self.run_library(code, limits, host);
        self.forget(code);
        let entries = loaded?;
        if entries.is_empty() {
            return Err(LibraryError::Empty);
        }
        let registered = entries.into_iter().map(|entry| Registered {
            name: String::from_utf8_lossy(&entry.name).into_owned(),
            description: entry.description,
            flags: entry.flags,
            function: Function(entry.function),
        });
        Ok(registered.collect())
    }

    fn run_library(
        &mut self,
        code: Function,
        limits: Limits,
        host: &mut dyn Host,
    ) -> Result<Vec<raw::Entry>, LibraryError> {
        let world =
            raw::begin(&mut self.engine, code.0).map_err(|words| LibraryError::Run(failed(&words)))?;
        let invocation = Invocation {
            function: code,
            request: Args::new(&[], &[]),
            first_key: 0,
            keys_count: 0,
            as_globals: false,
            name: "",
            limits,
        };
        let outcome = self.run(&invocation, host, &mut Reply::default());
        let entries =
            raw::finish(&mut self.engine, world).map_err(|words| LibraryError::Run(failed(&words)))?;
        match outcome {
            Outcome::Answered => Ok(entries),
            Outcome::Failed { text, .. } => {
                raw::forget_all(&mut self.engine, &entries);
                Err(LibraryError::Run(text))
            }
            Outcome::Restart => {
                raw::forget_all(&mut self.engine, &entries);
                Err(LibraryError::Run(failed(b"the library was interrupted")))
            }
        }
    }

    /// Forgets a function.
    pub fn forget(&mut self, function: Function) {
        raw::forget(&mut self.engine, function.0);
    }

    /// Runs a function and writes its answer to `reply`. After anything but [`Outcome::Answered`] the reply may hold a part
    /// of an answer, which the caller takes back.
    pub fn run(&mut self, invocation: &Invocation<'_>, host: &mut dyn Host, reply: &mut Reply) -> Outcome {
        self.limit_memory(invocation.limits);
        let (failure, abort) = raw::run(&mut self.engine, invocation, host, reply);
        self.collect_at_need();
        match (abort, failure) {
            (Some(Abort::Restart), _) => Outcome::Restart,
            // Usually the failure says the same, and where.
            (Some(Abort::Killed(text)), failure) => Outcome::Failed {
                text: failure
                    .map(|failure| failure.text)
                    .filter(|said| said.starts_with(text.as_bytes()))
                    .unwrap_or_else(|| text.as_bytes().to_vec()),
                counted: false,
            },
            (None, Some(failure)) => Outcome::Failed {
                text: failure.text,
                counted: failure.counted,
            },
            (None, None) => Outcome::Answered,
        }
    }

    /// Memory in use, bytes.
    pub fn memory_bytes(&self) -> usize {
        self.lua.used_memory()
    }

    /// The interpreter itself, for those who add libraries.
    pub fn lua(&self) -> &Lua {
        &self.lua
    }

    /// Lua fails at the limit without having looked for garbage: what one script left must not fail the next.
    fn collect_at_need(&mut self) {
        let limit = self.engine.memory_limit;
        if limit == 0 || self.lua.used_memory() <= limit / 2 {
            return;
        }
        // Collecting may take some memory itself. Without a limit it cannot fail: the sandbox knows no finalizers.
        let lifted = self.lua.set_memory_limit(0).and_then(|_| self.lua.gc_collect());
        debug_assert!(lifted.is_ok(), "{lifted:?}");
        self.engine.memory_limit = 0;
    }

    fn limit_memory(&mut self, limits: Limits) {
        if self.engine.memory_limit != limits.memory_bytes
            && self.lua.set_memory_limit(limits.memory_bytes).is_ok()
        {
            self.engine.memory_limit = limits.memory_bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::LogLevel;
    use flashdb_resp::{OwnedArgs, Protocol};

    const LIMITS: Limits = Limits {
        memory_bytes: 32 << 20,
        message_bytes: 1 << 20,
    };

    /// Answers ECHO with its word as sent, already encoded; anything else is unknown.
    #[derive(Default)]
    struct Echo {
        ticks_left: Option<u32>,
        lines: Vec<String>,
    }

    impl Host for Echo {
        fn call(&mut self, args: Args<'_>, reply: &mut Reply) -> Result<(), Abort> {
            match args.at(0) {
                b"echo" => reply.raw(args.at(1)),
                b"words" => reply.integer(args.len() as i64),
                b"restart" => return Err(Abort::Restart),
                _ => reply.error("ERR unknown"),
            }
            Ok(())
        }

        fn may_call(&mut self, args: Args<'_>) -> Option<bool> {
            (args.at(0) != b"none").then(|| args.at(0) == b"echo")
        }

        fn log(&mut self, level: LogLevel, text: &[u8]) {
            self.lines
                .push(format!("{level:?} {}", String::from_utf8_lossy(text)));
        }

        fn tick(&mut self) -> Result<(), Abort> {
            match &mut self.ticks_left {
                Some(0) => return Err(Abort::Killed("ERR enough".into())),
                Some(left) => *left -= 1,
                None => {}
            }
            Ok(())
        }
    }

    struct Bench {
        interpreter: Interpreter,
        host: Echo,
    }

    impl Bench {
        fn new() -> Self {
            Bench {
                interpreter: Interpreter::new(false).expect("there is memory"),
                host: Echo::default(),
            }
        }

        /// Runs a script with an argument; its answer, or the error with `!` before it.
        fn run(&mut self, script: &str, argument: &str, protocol: Protocol) -> String {
            let function = match self
                .interpreter
                .compile(script.as_bytes(), "@user_script", LIMITS)
            {
                Ok(function) => function,
                Err(words) => return format!("!{}", String::from_utf8_lossy(&words)),
            };
            let request = OwnedArgs::from_words([b"eval".as_slice(), b"", b"1", b"key", argument.as_bytes()]);
            let invocation = Invocation {
                function,
                request: request.as_args(),
                first_key: 3,
                keys_count: 1,
                as_globals: true,
                name: "name",
                limits: LIMITS,
            };
            let mut reply = Reply::new(protocol);
            let outcome = self.interpreter.run(&invocation, &mut self.host, &mut reply);
            self.interpreter.forget(function);
            match outcome {
                Outcome::Answered => String::from_utf8_lossy(reply.bytes()).replace("\r\n", " "),
                Outcome::Failed { text, .. } => format!("!{}", String::from_utf8_lossy(&text)),
                Outcome::Restart => "again".into(),
            }
        }
    }

    #[test]
    fn replies_of_all_types_pass_through() {
        let mut bench = Bench::new();
        for (encoded, answer, type_name) in [
            ("$3\r\nabc\r\n", "$3 abc ", "string"),
            (":-12\r\n", ":-12 ", "number"),
            ("$-1\r\n", "_ ", "boolean"),
            ("*-1\r\n", "_ ", "boolean"),
            ("+fine\r\n", "+fine ", "table"),
            ("*2\r\n:1\r\n*1\r\n$0\r\n\r\n", "*2 :1 *1 $0  ", "table"),
            ("_\r\n", "_ ", "nil"),
            ("#t\r\n", ":1 ", "boolean"),
            (",1.5\r\n", ",1.5 ", "table"),
            ("(123\r\n", "(123 ", "table"),
            ("%1\r\n+k\r\n:1\r\n", "%1 ", "table"),
            ("%1\r\n$1\r\nk\r\n:1\r\n", "%1 $1 k :1 ", "table"),
            ("~1\r\n:7\r\n", "~1 :7 ", "table"),
            ("=7\r\ntxt:abc\r\n", "=7 txt:abc ", "table"),
            ("|1\r\n+a\r\n+b\r\n:5\r\n", ":5 ", "number"),
        ] {
            let got = bench.run("return redis.call('echo', ARGV[1])", encoded, Protocol::Resp3);
            assert!(got.starts_with(answer), "{encoded:?} became {got:?}");
            let kind = bench.run(
                "return type(redis.call('echo', ARGV[1]))",
                encoded,
                Protocol::Resp2,
            );
            assert!(
                kind.ends_with(&format!(" {type_name} ")),
                "{encoded:?} is a {kind}"
            );
        }
        // Cut or garbled replies do no harm.
        for cut in [
            "",
            "$",
            "$5\r\nab",
            "*3\r\n:1\r\n",
            "*99999\r\n",
            "%2\r\n",
            "?",
            "=2\r\nab\r\n",
            "~1\r\n_\r\n",
        ] {
            bench.run("return redis.pcall('echo', ARGV[1])", cut, Protocol::Resp3);
        }
        assert_eq!(bench.run("return 1", "", Protocol::Resp2), ":1 ");
    }

    #[test]
    fn the_end_of_a_script_cannot_be_caught() {
        let mut bench = Bench::new();
        for script in [
            "while true do end",
            "while true do pcall(function() while true do end end) end",
            "while true do xpcall(function() while true do end end, function() while true do end end) end",
            "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
            "while true do pcall(error) end",
        ] {
            bench.host.ticks_left = Some(20);
            let got = bench.run(script, "", Protocol::Resp2);
            assert!(got.starts_with("!ERR enough"), "{script}: {got}");
        }
        bench.host.ticks_left = None;
        for script in [
            "redis.call('restart')",
            "redis.pcall('restart') return 1",
            "pcall(redis.call, 'restart') return 1",
            "coroutine.resume(coroutine.create(function() redis.call('restart') end)) return 1",
        ] {
            assert_eq!(bench.run(script, "", Protocol::Resp2), "again", "{script}");
        }
        assert_eq!(bench.run("return 1", "", Protocol::Resp2), ":1 ");
    }

    #[test]
    fn a_pattern_that_goes_back_for_ever_can_be_ended() {
        let mut bench = Bench::new();
        for script in [
            "return string.find(('a'):rep(9000), 'a*a*a*a*a*b')",
            "return ('a'):rep(9000):match('.-.-.-.-b')",
            "return (('a'):rep(9000):gsub('a*a*a*a*a*b', ''))",
            "for _ in ('a'):rep(9000):gmatch('a*a*a*a*a*b') do end",
            "return ('a'):rep(9e4):find(('[' .. ('b'):rep(9000) .. ']'):rep(20, '*'))",
            "return ('('):rep(5e6):find('%b()')",
            "return pcall(string.find, ('a'):rep(9000), 'a*a*a*a*a*b')",
        ] {
            bench.host.ticks_left = Some(20);
            let got = bench.run(script, "", Protocol::Resp2);
            assert!(got.starts_with("!ERR enough"), "{script}: {got}");
        }
        bench.host.ticks_left = None;
        assert_eq!(
            bench.run("return {('k:12'):match('(%a):(%d+)')}", "", Protocol::Resp2),
            "*2 $1 k $2 12 "
        );
        // Lua's own search for plain text takes time by the product of the lengths.
        let script =
            "local long = ('a'):rep(4e6) return {long:find(('a'):rep(2e6) .. 'b', 1, true) or 'none'}";
        assert_eq!(bench.run(script, "", Protocol::Resp2), "*1 $4 none ");
    }

    /// The tables of keys and arguments are used again, the globals read without a detour: no script may notice.
    #[test]
    fn nothing_stays_of_the_script_before() {
        let mut bench = Bench::new();
        let look = "local out = {#KEYS, #ARGV, KEYS[1], ARGV[1], tostring(KEYS[2]), tostring(getmetatable(ARGV))} \
            for k in pairs(KEYS) do out[#out + 1] = tostring(k) end for k in pairs(ARGV) do out[#out + 1] = tostring(k) end \
            return out";
        let clean = bench.run(look, "a", Protocol::Resp2);
        assert_eq!(clean, "*8 :1 :1 $3 key $1 a $3 nil $3 nil $1 1 $1 1 ");
        for trace in [
            "KEYS[2] = 'x' return 1",
            "KEYS.field = 'x' ARGV.field = 'y' return 1",
            "KEYS[1] = nil ARGV[1] = nil return 1",
            "setmetatable(ARGV, {__index = function() return 'x' end}) return 1",
            "for i = 1, 100 do ARGV[i] = i end return 1",
            "ARGV[-1] = 1 KEYS[1.5] = 2 return 1",
            "for k in pairs(KEYS) do KEYS[k] = nil end return 1",
        ] {
            assert_eq!(bench.run(trace, "b", Protocol::Resp2), ":1 ", "{trace}");
            assert_eq!(bench.run(look, "a", Protocol::Resp2), clean, "after {trace}");
        }
        for refused in [
            "KEYS = {}",
            "redis = nil",
            "redis.call = nil",
            "a = 1",
            "_G.a = 1",
            "_G.redis = 1",
            "rawset(_G, 'redis', 1)",
            "setmetatable(_G, {})",
            "loadstring('redis = 1')()",
            "local f = function() string = nil end f()",
            "string.find = nil",
        ] {
            let got = bench.run(refused, "", Protocol::Resp2);
            assert!(got.contains("readonly table"), "{refused}: {got}");
        }
        let got = bench.run("return nothing", "", Protocol::Resp2);
        assert!(got.contains("nonexistent global variable 'nothing'"), "{got}");
    }

    #[test]
    fn arguments_and_calls() {
        let mut bench = Bench::new();
        assert_eq!(
            bench.run("return {KEYS[1], ARGV[1], #ARGV}", "a", Protocol::Resp2),
            "*3 $3 key $1 a :1 "
        );
        assert_eq!(
            bench.run("return redis.call('words', 1, 'b', 2.5)", "", Protocol::Resp2),
            ":4 "
        );
        assert_eq!(
            bench.run("return redis.pcall('x').err", "", Protocol::Resp2),
            "$11 ERR unknown "
        );
        assert_eq!(
            bench.run("redis.call('x')", "", Protocol::Resp2),
            "!ERR unknown script: name, on @user_script:1."
        );
        assert_eq!(
            bench.run("return redis.acl_check_cmd('echo')", "", Protocol::Resp2),
            ":1 "
        );
        bench.run("redis.log(redis.LOG_WARNING, 'a', 1)", "", Protocol::Resp2);
        assert_eq!(bench.host.lines, ["Warning a 1"]);
    }

    #[test]
    fn what_fails_for_want_of_memory_leaves_room_for_the_next() {
        let mut bench = Bench::new();
        for _ in 0..20 {
            let got = bench.run(
                "local t = {} while true do t[#t + 1] = {} end",
                "",
                Protocol::Resp2,
            );
            assert_eq!(got, "!ERR not enough memory");
            assert_eq!(
                bench.run("return #string.rep('x', 1e6)", "", Protocol::Resp2),
                ":1000000 "
            );
        }
    }
}
