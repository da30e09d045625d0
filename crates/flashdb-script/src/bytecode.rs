//! Reads what `lua_dump` writes of a function that was just compiled here, for one question: can it change what all scripts
//! share? Their world is made of tables that take nothing, which costs every global, and every function of a library, a
//! detour by a metatable. Code that sets no global and only ever reads fields of libraries may have the true tables.
//!
//! The format is that of Lua 5.1 (`ldump.c`, `lopcodes.h`) on a machine with 64 bits; anything else is not trusted.

use std::ops::ControlFlow;

/// What the dump begins with: signature, version 5.1, official format, little endian, sizes of int, size_t, instruction and
/// number, and that numbers are no integers.
const HEADER: &[u8] = &[0x1b, b'L', b'u', b'a', 0x51, 0, 1, 4, 8, 4, 8, 0];

/// Numbers of instructions, in their low six bits.
const GET_GLOBAL: u32 = 5;
const GET_TABLE: u32 = 6;
const SET_GLOBAL: u32 = 7;

/// Functions within functions; Lua's parser takes 200.
const DEPTH_MAX: usize = 250;

/// What a function may be given for its globals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Globals {
    /// Tables that take nothing.
    Sealed,
    /// The true table of globals; libraries that take nothing.
    Open,
    /// The true table of globals, with the true libraries.
    Direct,
}

/// What the function, and those within, may be given. `is_library` tells the names of libraries.
pub(crate) fn globals_for(dump: &[u8], is_library: impl Fn(&[u8]) -> bool) -> Globals {
    dump.strip_prefix(HEADER)
        .and_then(|rest| {
            let mut dump = Dump { rest };
            dump.function(0, &is_library)
        })
        .unwrap_or(Globals::Sealed)
}

/// One instruction.
#[derive(Clone, Copy)]
struct Instruction(u32);

impl Instruction {
    fn of(bytes: &[u8]) -> Self {
        Instruction(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn opcode(self) -> u32 {
        self.0 & 0x3f
    }

    /// The register that it sets.
    fn a(self) -> u32 {
        (self.0 >> 6) & 0xff
    }

    /// The register of the table that it reads.
    fn b(self) -> u32 {
        self.0 >> 23
    }

    /// The constant that it names.
    fn constant(self) -> usize {
        (self.0 >> 14) as usize
    }
}

/// What code may be given. A library must not get anywhere but into the instruction behind, which puts one of its fields
/// into its place.
fn globals_for_code(code: &[u8], constants: &[&[u8]], is_library: impl Fn(&[u8]) -> bool) -> Globals {
    let mut found = Globals::Direct;
    let instructions = || code.chunks_exact(4).map(Instruction::of);
    let following = instructions().skip(1).map(Some).chain([None]);
    let looked = instructions().zip(following).try_for_each(|(this, next)| {
        match this.opcode() {
            SET_GLOBAL => return ControlFlow::Break(()),
            GET_GLOBAL if constants.get(this.constant()).is_none_or(|name| is_library(name)) => {
                let reads_field = next.is_some_and(|next| {
                    next.opcode() == GET_TABLE && next.a() == this.a() && next.b() == this.a()
                });
                if !reads_field {
                    found = Globals::Open;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    if looked.is_break() { Globals::Sealed } else { found }
}

struct Dump<'a> {
    rest: &'a [u8],
}

impl<'a> Dump<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn count(&mut self) -> Option<usize> {
        let bytes = self.bytes(4)?;
        Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    }

    /// A string without the zero byte at its end.
    fn string(&mut self) -> Option<&'a [u8]> {
        let bytes = self.bytes(8)?.try_into().ok()?;
        let bytes = self.bytes(usize::try_from(u64::from_le_bytes(bytes)).ok()?)?;
        Some(bytes.strip_suffix(b"\0").unwrap_or(bytes))
    }

    /// Reads a function, and those within; what it may be given.
    fn function(&mut self, depth: usize, is_library: &impl Fn(&[u8]) -> bool) -> Option<Globals> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.string()?;
        // Two lines, and four numbers of a byte.
        self.bytes(4 + 4 + 4)?;
        let instructions = self.count()?;
        let code = self.bytes(instructions.checked_mul(4)?)?;
        let mut constants: Vec<&[u8]> = Vec::new();
        for _ in 0..self.count()? {
            constants.push(self.constant()?);
        }
        let mut found = globals_for_code(code, &constants, is_library);
        for _ in 0..self.count()? {
            found = found.min(self.function(depth + 1, is_library)?);
        }
        let lines = self.count()?;
        self.bytes(lines.checked_mul(4)?)?;
        for _ in 0..self.count()? {
            self.string()?;
            self.bytes(4 + 4)?;
        }
        for _ in 0..self.count()? {
            self.string()?;
        }
        Some(found)
    }

    /// A constant, as far as it is a string.
    fn constant(&mut self) -> Option<&'a [u8]> {
        match self.byte()? {
            0 => Some(b""),
            1 => self.bytes(1).map(|_| b"".as_slice()),
            3 => self.bytes(8).map(|_| b"".as_slice()),
            4 => self.string(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Globals::{Direct, Open, Sealed};
    use super::globals_for;
    use mlua::Lua;

    #[test]
    fn what_code_could_change_is_found_wherever_it_stands() {
        let lua = Lua::new();
        let is_library = |name: &[u8]| [b"redis".as_slice(), b"string", b"cjson"].contains(&name);
        for (code, globals) in [
            ("", Direct),
            ("return redis.call('get', KEYS[1])", Direct),
            (
                "local call, n = redis.call, cjson.null return call(redis['c'], n)",
                Direct,
            ),
            (
                "local a, b = 1, 'x' a = 2 return function() b = string.find(a, b) end",
                Direct,
            ),
            ("local t = {} t.a = 1 t[1] = 2", Direct),
            (
                "for i = 1, 10 do local x = i end for k, v in pairs({}) do end",
                Direct,
            ),
            ("redis.call = 1", Open),
            ("local r = redis r.call = 1", Open),
            ("local function f() return {redis} end", Open),
            ("pairs(redis)", Open),
            ("return redis", Open),
            ("local n = 'all' return redis['c' .. n]", Open),
            ("return redis and redis.call", Open),
            ("return redis == nil, cjson.null", Open),
            ("a = 1", Sealed),
            ("local a a, b = 1, 2", Sealed),
            ("function f() end", Sealed),
            (
                "local function f() return function() if x then y = nil end end end",
                Sealed,
            ),
            ("return pcall(function() KEYS = 1.5 end, true, nil)", Sealed),
            ("for i = 1, 2 do redis = i end", Sealed),
        ] {
            let dump = lua.load(code).into_function().expect("it compiles").dump(false);
            assert_eq!(globals_for(&dump, is_library), globals, "{code}");
            // What is cut off is not trusted.
            for end in 0..dump.len() {
                assert_eq!(globals_for(&dump[..end], is_library), Sealed, "{code} {end}");
            }
        }
    }

    /// Damaged dumps are never read beyond their end; what they are taken for does not matter.
    #[test]
    fn damaged_dumps_do_no_harm() {
        let lua = Lua::new();
        let code =
            "local a = redis.call('get', KEYS[1]) return function(b) return a + 1.5, true, string.rep(b) end";
        let dump = lua.load(code).into_function().expect("it compiles").dump(false);
        let mut prng = flashdb_base::prng::Prng::from_seed(3);
        for _ in 0..20_000 {
            let mut damaged = dump.clone();
            for _ in 0..=prng.below(3) {
                let at = prng.below(damaged.len() as u64) as usize;
                damaged[at] = prng.below(256) as u8;
            }
            globals_for(&damaged, |name| name == b"redis");
        }
    }
}
