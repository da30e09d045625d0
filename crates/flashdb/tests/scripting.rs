//! Scripts over real sockets, with two core loops: keys that are not declared, scripts that run too long, and what a script
//! may try against the server. After everything that is tried the server answers, and the next script finds the world as
//! it was.

mod support;

use std::io::Read;
use std::time::{Duration, Instant};
use support::{Raw, Server, Value};

const LOOPS: [&str; 2] = ["--io-threads", "2"];
const MIB: u64 = 1 << 20;

/// Runs a script without keys.
fn eval(client: &mut Raw, script: &str) -> Value {
    eval_with(client, script, &[])
}

/// Runs a script with keys.
fn eval_with(client: &mut Raw, script: &str, keys: &[&str]) -> Value {
    request_script(client, script, keys);
    client.read()
}

fn request_script(client: &mut Raw, script: &str, keys: &[&str]) {
    let count = keys.len().to_string();
    let mut words = vec!["EVAL", script, &count];
    words.extend(keys);
    client.request(&words);
}

fn assert_error(reply: &Value, part: &str) {
    match reply {
        Value::Error(text) => assert!(text.contains(part), "{text:?} says nothing of {part:?}"),
        other => panic!(
            "{:.200} instead of an error that says {part:?}",
            format!("{other:?}")
        ),
    }
}

/// Asks until the answer is one that is wanted.
fn await_reply(client: &mut Raw, line: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let reply = client.ask(line);
        if wanted(&reply) {
            return reply;
        }
        assert!(Instant::now() < end, "{line}: still {reply:?}");
    }
}

fn is_busy(reply: &Value) -> bool {
    matches!(reply, Value::Error(text) if text.starts_with("BUSY"))
}

// ---- keys -----------------------------------------------------------------------------------------

#[test]
fn undeclared_keys_count_once() {
    const CLIENTS: usize = 4;
    const EACH: usize = 100;
    let server = Server::start(&LOOPS);
    // Writes what it declares, then what it does not: it has to run again, and what it did first has to be undone.
    let script = "redis.call('incr', KEYS[1]) redis.call('rpush', KEYS[2], ARGV and #ARGV or 0) \
                  redis.call('incr', 'undeclared') return redis.call('get', 'undeclared')";
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for round in 0..EACH {
                    // A text of its own now and then, so that the server does not know that the script needs more.
                    let script = format!(
                        "{script} -- {}",
                        if round % 10 == 0 { number * EACH + round } else { 0 }
                    );
                    let reply = eval_with(&mut client, &script, &["sum", "list"]);
                    assert!(matches!(reply, Value::Bulk(_)), "{reply:?}");
                }
            });
        }
    });
    let mut client = server.connect();
    let total = (CLIENTS * EACH).to_string();
    assert_eq!(client.ask("GET sum").text(), total);
    assert_eq!(client.ask("GET undeclared").text(), total);
    assert_eq!(client.ask("LLEN list"), Value::Int((CLIENTS * EACH) as i64));
}

#[test]
fn what_is_undone_was_not_seen() {
    let server = Server::start(&LOOPS);
    let (mut client, mut listener) = (server.connect(), server.connect());
    listener.ask("SUBSCRIBE news");
    let script = "redis.call('set', KEYS[1], 'new') redis.call('publish', 'news', 'once') \
                  return redis.call('exists', 'elsewhere', 'far')";
    client.ask("SET key old");
    assert_eq!(eval_with(&mut client, script, &["key"]), Value::Int(0));
    assert_eq!(client.ask("GET key").text(), "new");
    client.ask("PUBLISH news end");
    let messages: Vec<String> = (0..2).map(|_| listener.read().items()[2].text()).collect();
    assert_eq!(messages, ["once", "end"]);
    // A value too large to be copied is changed under the gate at once.
    eval_with(
        &mut client,
        "for i = 1, 2000 do redis.call('rpush', KEYS[1], 'element' .. i) end",
        &["long"],
    );
    let again = "redis.call('lpop', KEYS[1]) redis.call('lpush', KEYS[1], 'first') return redis.call('llen', KEYS[1])";
    assert_eq!(eval_with(&mut client, again, &["long"]), Value::Int(2000));
}

#[test]
fn a_failing_script_keeps_what_it_did() {
    let server = Server::start(&LOOPS);
    let mut client = server.connect();
    let reply = eval_with(
        &mut client,
        "redis.call('set', KEYS[1], 'kept') redis.call('incr', KEYS[1])",
        &["key"],
    );
    assert_error(&reply, "not an integer");
    assert_eq!(client.ask("GET key").text(), "kept");
}

#[test]
fn a_rolled_back_transaction_takes_scripts_along() {
    let server = Server::start(&LOOPS);
    let mut client = server.connect();
    client.ask("SET text abc");
    client.ask("MULTI ATOMIC");
    assert_eq!(
        eval_with(&mut client, "redis.call('set', 'other', '1') return 'ok'", &[]).text(),
        "QUEUED"
    );
    client.ask("INCR text");
    assert_error(&client.ask("EXEC"), "EXECABORT");
    assert_eq!(client.ask("EXISTS other"), Value::Int(0));
}

// ---- time -----------------------------------------------------------------------------------------

const ENDLESS: &[&str] = &[
    "while true do end",
    "while true do redis.call('ping') end",
    "local f = function() while true do redis.call('get', KEYS[1]) end end while true do pcall(f) end",
    "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()",
    "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) while true do pcall(function() return t[1] end) end",
    "while true do load(function() return ' ' end) end",
    "local f f = function(...) return f(1, ...) end f()",
    "return ('a'):rep(20000):find('a*a*a*a*a*b')",
];

#[test]
fn endless_scripts_are_killed() {
    let server = Server::start(&LOOPS);
    let mut clients: Vec<Raw> = (0..4).map(|_| server.connect()).collect();
    clients[0].ask("CONFIG SET busy-reply-threshold 10");
    for script in ENDLESS {
        let mut runner = server.connect();
        request_script(&mut runner, script, &["key"]);
        for client in &mut clients {
            await_reply(client, "GET key", is_busy);
        }
        // A new connection is taken, and may not do more than the others.
        let mut late = server.connect();
        assert!(is_busy(&late.ask("GET key")));
        assert_eq!(late.ask("HELLO 3").field("proto"), Some(&Value::Int(3)));
        assert_eq!(clients[1].ask("SCRIPT KILL").text(), "OK", "{script}");
        assert_error(&runner.read(), "killed by user");
        for client in &mut clients {
            await_reply(client, "PING", |reply| !is_busy(reply));
        }
        assert_error(&clients[0].ask("SCRIPT KILL"), "NOTBUSY");
    }
}

/// What a long script publishes to its own client comes, behind the reply.
#[test]
fn a_long_script_misses_none_of_its_own_messages() {
    let server = Server::start(&LOOPS);
    let (mut runner, mut client) = (server.connect(), server.connect());
    client.ask("CONFIG SET busy-reply-threshold 10");
    runner.ask("HELLO 3");
    runner.ask("SUBSCRIBE channel");
    // Having touched an undeclared key it runs under the gate, where messages do not wait for its end.
    request_script(
        &mut runner,
        "redis.call('incr', 'undeclared') redis.call('publish', 'channel', 'message') \
         local begun = os.clock() while os.clock() - begun < 0.3 do end return 'done'",
        &[],
    );
    await_reply(&mut client, "PING", is_busy);
    let replies = [runner.read(), runner.read()];
    assert!(replies.iter().any(|reply| reply.text() == "done"), "{replies:?}");
    let is_message = |reply: &Value| matches!(reply, Value::Array(parts) if parts.len() == 3);
    assert!(replies.iter().any(is_message), "{replies:?}");
}

#[test]
fn a_script_that_wrote_is_ended_only_with_the_server() {
    let mut server = Server::start(&LOOPS);
    let (mut runner, mut client) = (server.connect(), server.connect());
    client.ask("CONFIG SET busy-reply-threshold 10");
    request_script(
        &mut runner,
        "redis.call('set', KEYS[1], 'x') while true do end",
        &["key"],
    );
    await_reply(&mut client, "PING", is_busy);
    assert_error(&client.ask("SCRIPT KILL"), "UNKILLABLE");
    client.request(&["SHUTDOWN", "NOSAVE"]);
    server.await_end();
}

#[test]
fn transactions_and_watches_live_through_a_busy_time() {
    let server = Server::start(&LOOPS);
    let (mut runner, mut client, mut other) = (server.connect(), server.connect(), server.connect());
    other.ask("CONFIG SET busy-reply-threshold 10");
    client.ask("WATCH key");
    client.ask("MULTI");
    client.ask("SET key mine");
    // With its own key locked, and then with all of them.
    for script in [
        "while true do redis.call('get', KEYS[1]) end",
        "redis.call('get', 'far') while true do end",
    ] {
        request_script(&mut runner, script, &["key"]);
        await_reply(&mut other, "PING", is_busy);
        assert_error(&client.ask("EXEC"), "EXECABORT");
        assert!(is_busy(&client.ask("WATCH key")) || matches!(client.ask("UNWATCH"), Value::Simple(_)));
        client.ask("RESET");
        assert_eq!(other.ask("SCRIPT KILL").text(), "OK");
        assert_error(&runner.read(), "killed");
        await_reply(&mut client, "PING", |reply| !is_busy(reply));
        client.ask("WATCH key");
        client.ask("MULTI");
        client.ask("SET key mine");
    }
    assert!(matches!(client.ask("EXEC"), Value::Array(_)));
    assert_eq!(other.ask("GET key").text(), "mine");
}

// ---- bounds ---------------------------------------------------------------------------------------

#[test]
fn memory_is_bounded() {
    let server = Server::start(&["--io-threads", "1", "--lua-memory-limit", "64mb"]);
    let mut client = server.connect();
    let bombs = [
        "local t = {} for i = 1, 1e9 do t[i] = i end",
        "local s = 'x' while true do s = s .. s end",
        "return #string.rep('x', 2^31 - 8)",
        "local t = {} while true do t = {t, {}} end",
        "local t = {} for i = 1, 1e9 do t[i] = string.rep(i, 100) end",
        "local t = {} for i = 1, 1e9 do t[#t + 1] = function() return i end end",
        "return string.format(string.rep('%99d', 1e6), unpack({}, 1, 7000))",
        "local ok repeat ok = pcall(string.rep, 'x', 1e9) until ok",
    ];
    for bomb in &bombs[..7] {
        let reply = eval(&mut client, bomb);
        assert!(
            matches!(reply, Value::Error(_)),
            "{bomb}: {:.200}",
            format!("{reply:?}")
        );
        assert_eq!(eval(&mut client, "return 1 + 1"), Value::Int(2), "after {bomb}");
        let resident = server.resident_bytes();
        assert!(resident < 400 * MIB, "{resident} bytes after {bomb}");
    }
    client.ask("CONFIG SET busy-reply-threshold 10");
    request_script(&mut client, bombs[7], &[]);
    let mut other = server.connect();
    await_reply(&mut other, "PING", is_busy);
    other.ask("SCRIPT KILL");
    assert_error(&client.read(), "killed");
}

#[test]
fn depth_is_bounded() {
    let server = Server::start(&LOOPS);
    let mut client = server.connect();
    let deep = [
        "local function f() return 1 + f() end return f()",
        "local function f(s) return (s:gsub('.', f)) end return f('x')",
        "local t = setmetatable({}, {__index = function(t, k) return t[k] end}) return t.x",
        "return loadstring('return ' .. string.rep('(', 1e6))()",
        "return loadstring(string.rep('do ', 1e6))()",
        "return cjson.decode(string.rep('[', 1e6))",
        "local t = {} for i = 1, 1e5 do t = {t} end return cjson.encode(t)",
        "local function f() return coroutine.wrap(f)() end return f()",
        "return string.find(string.rep('a', 3e5), string.rep('a?', 3e5))",
    ];
    for script in deep {
        let reply = eval(&mut client, script);
        assert!(
            matches!(reply, Value::Error(_)),
            "{script}: {:.200}",
            format!("{reply:?}")
        );
        assert_eq!(eval(&mut client, "return 1 + 1"), Value::Int(2), "after {script}");
    }
    // A table in itself: as deep as is answered, then an error in its place.
    request_script(&mut client, "local t = {} t[1] = t return t", &[]);
    let mut text = Vec::new();
    while !text.ends_with(b"limit\r\n") {
        let mut bytes = [0; 4096];
        let count = client.stream.read(&mut bytes).expect("the rest of the answer");
        text.extend_from_slice(&bytes[..count]);
    }
    assert!(text.starts_with(b"*1\r\n*1\r\n") && text.len() < 10_000);
    assert_eq!(client.ask("PING").text(), "PONG");
}

#[test]
fn replies_and_requests_are_bounded() {
    let server = Server::start(&["--io-threads", "1", "--proto-max-bulk-len", "1mb"]);
    let mut client = server.connect();
    let huge = [
        "local s = string.rep('x', 1e6) return {s, s, s, s}",
        "local t = {} for i = 1, 1e6 do t[i] = i end return t",
        "local t = {} for i = 1, 20 do t = {t, t, t, t} end return t",
        "local t = {map = {}} for i = 1, 1e5 do t.map[i] = 'some text' end return t",
        "return string.rep('x', 2e6)",
    ];
    for script in huge {
        assert_error(&eval(&mut client, script), "larger than proto-max-bulk-len");
    }
    let request = "local s, t = string.rep('x', 1e5), {} for i = 1, 100 do t[i] = s end return redis.call('del', unpack(t))";
    assert_error(&eval(&mut client, request), "the request is too large");
    let error = "error(string.rep('x', 1e6))";
    assert!(eval(&mut client, error).text().len() < 10_000);
    assert_error(&eval(&mut client, "return {err = 'X\\r\\n+OK'}"), "X  +OK");
    assert_eq!(eval(&mut client, "return {ok = 'X\\r\\n-ERR'}").text(), "X  -ERR");
    assert_eq!(client.ask("PING").text(), "PONG");
}

// ---- sandbox --------------------------------------------------------------------------------------

#[test]
fn bytecode_is_refused() {
    let server = Server::start(&LOOPS);
    let mut client = server.connect();
    assert_error(&eval(&mut client, "\u{1b}Lua"), "compiling");
    for script in [
        "return loadstring(string.dump(function() return 1 end))()",
        "local s = string.dump(function() return 1 end) local i = 0 \
         return load(function() i = i + 1 if i <= #s then return s:sub(i, i) end end)()",
        "return loadstring('\\27Lua', 'x')()",
    ] {
        assert_error(&eval(&mut client, script), "attempt to call a nil value");
    }
    client.request(&[b"SCRIPT".as_slice(), b"LOAD", b"\x1bLuaQ\0\x01\x04\x08\x04\x08\0"]);
    assert_error(&client.read(), "compiling");
}

#[test]
fn the_sandbox_stays_closed() {
    let server = Server::start(&["--io-threads", "1"]);
    let mut client = server.connect();
    let attempts = [
        "a = 1",
        "_G.a = 1",
        "rawset(_G, 'a', 1)",
        "setmetatable(_G, nil)",
        "getmetatable(_G).__index = nil",
        "getmetatable(_G).__newindex = nil",
        "getmetatable('').__index = function() end",
        "getmetatable('').__metatable = nil",
        "getmetatable('').__index.upper = nil",
        "string.upper = nil",
        "rawset(string, 'upper', nil)",
        "table.insert(_G, 1)",
        "table.insert(redis, 1, 2)",
        "setmetatable(string, {})",
        "redis.call = nil",
        "cjson.null = nil",
        "math.random = nil",
        "coroutine.wrap = nil",
        "string = {}",
        "KEYS = {}",
        "for k, v in pairs(_G) do if type(v) == 'table' then v.x = 1 end end",
        "local n, t = pairs(redis) t.call = nil",
        "loadstring('a = 1')()",
        "coroutine.wrap(function() a = 1 end)()",
        "return getfenv(0)",
        "return setfenv(1, {})",
        "return newproxy(true)",
        "return require('os')",
        "return dofile('/etc/passwd')",
        "return loadfile('/etc/passwd')",
        "return io.open('/etc/passwd')",
        "return os.execute('true')",
        "return os.exit(1)",
        "return debug.getregistry()",
        "return package.loadlib('x', 'y')",
        "return module('x')",
        "print('x')",
    ];
    let healthy = "return {type(string.upper), type(redis.call), ('x'):upper(), rawget(_G, 'a') == nil and 1, #redis, \
                   type(getmetatable('').__index.upper), math.type == nil and 1}";
    let well = eval(&mut client, healthy);
    for attempt in attempts {
        let reply = eval(&mut client, attempt);
        assert!(matches!(reply, Value::Error(_)), "{attempt}: {reply:?}");
        assert_eq!(eval(&mut client, healthy), well, "after {attempt}");
    }
    // What scripts may see of each other: nothing but their own locals and the arguments of this run.
    eval_with(&mut client, "return KEYS[1]", &["secret"]);
    assert_eq!(eval(&mut client, "return #KEYS"), Value::Int(0));
    eval(
        &mut client,
        "collectgarbage('stop') collectgarbage('setpause', 1e6)",
    );
    for _ in 0..20 {
        eval(&mut client, "local s for i = 1, 1e4 do s = i .. 'x' end");
    }
    assert!(client.info("used_memory_lua") < 8 << 20);
}

#[test]
fn memory_of_an_answer_that_was_too_large_is_given_back() {
    let server = Server::start(&["--io-threads", "2", "--proto-max-bulk-len", "128mb"]);
    let mut client = server.connect();
    let before_bytes = server.resident_bytes();
    let script = "local part, all = ('x'):rep(2^20), {} for i = 1, 200 do all[i] = part end return all";
    assert_error(&eval(&mut client, script), "larger than proto-max-bulk-len");
    assert!(server.resident_peak_bytes() > before_bytes + 100 * MIB);
    let end = Instant::now() + Duration::from_secs(20);
    while server.resident_bytes() > before_bytes + 40 * MIB {
        assert!(Instant::now() < end, "still {} MB", server.resident_bytes() / MIB);
        std::thread::sleep(Duration::from_millis(50));
    }
}

// ---- the cache ------------------------------------------------------------------------------------

#[test]
fn scripts_are_kept_and_forgotten() {
    let server = Server::start(&LOOPS);
    let mut clients: Vec<Raw> = (0..6).map(|_| server.connect()).collect();
    let sha = clients[0].ask("SCRIPT LOAD return{KEYS[1]}").text();
    for client in &mut clients {
        let reply = client.ask(&format!("EVALSHA {} 1 key", sha.to_uppercase()));
        assert_eq!(reply, Value::Array(vec![Value::Bulk(b"key".to_vec())]));
    }
    assert_eq!(
        clients[1].ask(&format!("SCRIPT SHOW {sha}")).text(),
        "return{KEYS[1]}"
    );
    // EVAL keeps a bounded number, and none that was loaded goes for them.
    for number in 0..700 {
        eval(&mut clients[number % 6], &format!("return {number}"));
    }
    assert_eq!(clients[0].info("number_of_cached_scripts"), 501);
    assert_eq!(clients[0].info("evicted_scripts"), 200);
    assert_eq!(
        clients[2].ask(&format!("SCRIPT EXISTS {sha} {}", "0".repeat(40))),
        Value::Array(vec![Value::Int(1), Value::Int(0)])
    );
    clients[3].ask("SCRIPT FLUSH");
    for client in &mut clients {
        assert_error(&client.ask(&format!("EVALSHA {sha} 1 key")), "NOSCRIPT");
    }
    assert_error(&clients[0].ask("SCRIPT DEBUG YES"), "debugger");
}
