//! The libraries against outcomes of Redis 7.0.15: each case is a script and what it came to there, an error
//! included. Then damaged input from a seed, which may fail but not panic.
//!
//! `cases/*.txt` hold pairs of lines: `> ` and the script, `= ` and the outcome as `SHOW` writes it. A new
//! case is written with its outcome from `redis-cli EVAL`, wrapped the same way.

use flashdb_base::prng::Prng;
use mlua::Lua;

/// Writes a script's results in printable characters. `BODY` stands for the script.
const SHOW: &str = include_str!("cases/show.lua");

fn interpreter() -> Lua {
    let lua = Lua::new();
    let globals = lua.globals();
    for (name, open) in super::ALL {
        let library = open(&lua).expect("a library");
        globals.set(*name, library).expect("a global");
    }
    lua
}

fn run(lua: &Lua, script: &str) -> String {
    lua.load(SHOW.replace("BODY", script))
        .set_name("@user_script")
        .eval()
        .unwrap_or_else(|error| format!("did not run: {error}"))
}

fn check(cases: &str) {
    let lua = interpreter();
    let mut lines = cases.lines();
    let (mut count, mut wrong) = (0, Vec::new());
    while let Some(script) = lines.next() {
        let script = script.strip_prefix("> ").expect("a script");
        let expected = lines
            .next()
            .and_then(|line| line.strip_prefix("= "))
            .expect("an outcome");
        let outcome = run(&lua, script);
        count += 1;
        if outcome != expected {
            wrong.push(format!("{script}\n  expected {expected}\n  but got  {outcome}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count > 30, "only {count} cases");
}

#[test]
fn json_is_as_in_redis() {
    check(include_str!("cases/cjson.txt"));
}

#[test]
fn message_pack_is_as_in_redis() {
    check(include_str!("cases/cmsgpack.txt"));
}

#[test]
fn structs_are_as_in_redis() {
    check(include_str!("cases/struct.txt"));
}

#[test]
fn bits_are_as_in_redis() {
    check(include_str!("cases/bit.txt"));
}

/// Values that every decoder takes, one in each form.
const SEEDS: [&[u8]; 6] = [
    b"{\"a\":[1,2.5e3,{\"b\":null}],\"c\":\"x\\u00e9\\ud83d\\ude00\\n\",\"d\":[true,false,-0x1f]}",
    b"[[[[1,2],[3]],{}],[],\"abc\",nan,-inf,1e-7]",
    b"\x93\x01\xa3abc\x82\xa1k\x91\xc0\x02\xcb\x40\x09\x21\xfb\x54\x44\x2d\x18",
    b"\xdc\x00\x03\xd9\x03abc\xde\x00\x01\x01\xc3\xda\x00\x02hi\xcf\x00\x00\x00\x01\x00\x00\x00\x00",
    b"!4bi3>lLsdf<Bc0 xi16c4",
    b"\x05abcdefghijklmnopqrstuvwxyz\x00 0123456789",
];

fn damaged(prng: &mut Prng) -> Vec<u8> {
    let mut bytes = SEEDS[prng.below(SEEDS.len() as u64) as usize].to_vec();
    for _ in 0..prng.below(6) {
        let place = prng.below(bytes.len() as u64) as usize;
        match prng.below(4) {
            0 => bytes[place] = prng.next_u64() as u8,
            1 => bytes.truncate(place + 1),
            2 => bytes.insert(place, b"\xdd\xdf\xdb[{\"\\0-!cs"[prng.below(12) as usize]),
            _ => {
                let again = bytes[place..].to_vec();
                bytes.extend(again);
            }
        }
    }
    bytes
}

#[test]
fn damaged_input_fails_or_is_read() {
    // pcall itself trips over Lua's debug checks when it passes on more than 20 results, so they are counted
    // inside.
    const SCRIPT: &str = "
        local text, data = ...
        local function try(f, ...)
            local arguments = {...}
            return pcall(function() return select('#', f(unpack(arguments))) end)
        end
        try(cmsgpack.unpack, text)
        try(cmsgpack.unpack_one, text, #data % 7)
        try(cmsgpack.unpack_limit, text, 2, 1)
        try(struct.unpack, text, data)
        try(struct.size, text)
        try(struct.pack, text, 1, 2, data, 3, 4, 5)
        local ok, value = pcall(cjson.decode, text)
        if ok then pcall(cjson.encode, value) cmsgpack.pack(value) end
        local ok, value = pcall(function() return (cmsgpack.unpack(text)) end)
        if ok then pcall(cjson.encode, value) cmsgpack.unpack(cmsgpack.pack(value)) end";
    let lua = interpreter();
    let run = lua.load(SCRIPT).into_function().expect("the script");
    let mut prng = Prng::from_seed(0x11b5);
    for _ in 0..20_000 {
        let text = lua.create_string(damaged(&mut prng)).expect("a string");
        let data = lua.create_string(damaged(&mut prng)).expect("a string");
        run.call::<()>((text, data)).expect("errors are caught inside");
    }
}

/// A long jump out of a library leaves its buffers usable.
#[test]
fn lack_of_memory_is_an_error() {
    const SCRIPT: &str = "
        local text = string.rep('x', 1000000)
        local parts = {}
        for i = 1, 20 do parts[i] = text end
        local ok = pcall(cjson.encode, parts)
        local again = pcall(cmsgpack.pack, unpack(parts))
        return ok, again, cjson.encode({1}), cmsgpack.unpack(cmsgpack.pack('y'))";
    let lua = interpreter();
    lua.set_memory_limit(8 << 20).expect("a limit");
    let (ok, again, json, packed): (bool, bool, String, String) = lua.load(SCRIPT).eval().expect("results");
    assert_eq!((ok, again, &*json, &*packed), (false, false, "[1]", "y"));
}

/// Sharing makes a small script ask for a large text.
#[test]
fn results_are_bounded() {
    const SCRIPT: &str = "
        local text = string.rep('x', 1000000)
        local parts = {}
        for i = 1, 40 do parts[i] = text end
        return select(2, pcall(cjson.encode, parts))";
    let lua = interpreter();
    let error: String = lua.load(SCRIPT).eval().expect("a result");
    assert_eq!(error, "not enough memory");
}

/// C's printf and strtod, which Lua itself calls, are the model.
#[test]
fn numbers_are_written_and_read_as_in_c() {
    const SCRIPT: &str = "
        local value, digits, hexadecimal = ...
        local text = string.format('%.17g', value)
        return cjson.encode(value) == string.format('%.14g', value)
            and few[digits].encode(value) == string.format('%.' .. digits .. 'g', value)
            and cjson.decode(text) == tonumber(text)
            and cjson.decode(hexadecimal) == tonumber(hexadecimal)
            and cmsgpack.unpack(cmsgpack.pack(value)) == value";
    let lua = interpreter();
    lua.load("few = {} for i = 1, 14 do few[i] = cjson.new() few[i].encode_number_precision(i) end")
        .exec()
        .expect("libraries of other settings");
    let run = lua.load(SCRIPT).into_function().expect("the script");
    let mut prng = Prng::from_seed(0xf1a5);
    for _ in 0..50_000 {
        let value = match prng.below(5) {
            0 => f64::from_bits(prng.next_u64()),
            1 => prng.next_u64() as i64 as f64,
            2 => prng.below(2_000_000) as f64 - 1e6,
            3 => prng.below(1 << 40) as f64 / 1000.0,
            _ => 10_f64.powi(prng.below(40) as i32 - 20) * (1.0 + prng.below(3) as f64 * f64::EPSILON),
        };
        if !value.is_finite() {
            continue;
        }
        let hexadecimal = format!(
            "0x{:x}.{:x}p{}",
            prng.next_u64() >> prng.below(64),
            prng.next_u64() >> prng.below(64),
            prng.below(2400) as i64 - 1250,
        );
        let digits = 1 + prng.below(14);
        let same: bool = run.call((value, digits, hexadecimal.as_str())).expect("a result");
        assert!(same, "{value:e}, {digits} digits, {hexadecimal}");
    }
}

/// A finalizer runs in the middle of another call of the same library.
#[test]
fn libraries_may_be_called_by_finalizers() {
    const SCRIPT: &str = "
        local runs = 0
        local function arm()
            getmetatable(newproxy(true)).__gc = function()
                runs = runs + 1
                assert(cjson.encode({'inner', {a = 1}}) == '[\"inner\",{\"a\":1}]')
                assert(cjson.decode('[\"in\\\\tner\"]')[1] == 'in\\tner')
                assert(cmsgpack.unpack(cmsgpack.pack({'x', {'y'}}))[2][1] == 'y')
                arm()
            end
        end
        arm()
        local text = string.rep('outer\\n', 200)
        local encoded = cjson.encode({text, {text}, text})
        local packed = cmsgpack.pack({text, {text}, text})
        for i = 1, 5000 do
            local value = cjson.decode(encoded)
            assert(value[1] == text and value[2][1] == text and value[3] == text)
            assert(cjson.encode(value) == encoded)
            local value = cmsgpack.unpack(packed)
            assert(value[1] == text and value[2][1] == text and value[3] == text)
            assert(cmsgpack.pack(value) == packed)
        end
        return runs";
    let lua = interpreter();
    let runs: u32 = lua.load(SCRIPT).eval().expect("results");
    assert!(runs > 5, "{runs}");
}
