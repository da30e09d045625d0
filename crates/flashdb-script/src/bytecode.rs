//! Reads what `lua_dump` writes of a function that was just compiled here, for one question: can it set a global? The world
//! of scripts is a table that takes nothing, which costs every global that a script reads a detour by a metatable. One that
//! holds no instruction to set a global may read the true table at once.
//!
//! The format is that of Lua 5.1 (`ldump.c`, `lopcodes.h`) on a machine with 64 bits; anything else counts as "can".

/// What the dump begins with: signature, version 5.1, official format, little endian, sizes of int, size_t, instruction and
/// number, and that numbers are no integers.
const HEADER: &[u8] = &[0x1b, b'L', b'u', b'a', 0x51, 0, 1, 4, 8, 4, 8, 0];

/// Number of the instruction, in the low six bits.
const SET_GLOBAL: u32 = 7;
const OPCODE_BITS: u32 = 0x3f;

/// Functions within functions; Lua's parser takes 200.
const DEPTH_MAX: usize = 250;

/// Whether the function, or one within, may set a global.
pub(crate) fn sets_globals(dump: &[u8]) -> bool {
    dump.strip_prefix(HEADER)
        .and_then(|rest| Dump { rest }.function(0))
        .is_none_or(|sets| sets)
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

    fn skip_string(&mut self) -> Option<()> {
        let bytes = self.bytes(8)?.try_into().ok()?;
        self.bytes(usize::try_from(u64::from_le_bytes(bytes)).ok()?)?;
        Some(())
    }

    /// Reads a function; whether it sets a global.
    fn function(&mut self, depth: usize) -> Option<bool> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.skip_string()?;
        // Two lines, and four numbers of a byte.
        self.bytes(4 + 4 + 4)?;
        let instructions = self.count()?;
        let code = self.bytes(instructions.checked_mul(4)?)?;
        let mut sets = code
            .chunks_exact(4)
            .any(|instruction| u32::from(instruction[0]) & OPCODE_BITS == SET_GLOBAL);
        for _ in 0..self.count()? {
            self.skip_constant()?;
        }
        for _ in 0..self.count()? {
            sets |= self.function(depth + 1)?;
        }
        let lines = self.count()?;
        self.bytes(lines.checked_mul(4)?)?;
        for _ in 0..self.count()? {
            self.skip_string()?;
            self.bytes(4 + 4)?;
        }
        for _ in 0..self.count()? {
            self.skip_string()?;
        }
        Some(sets)
    }

    fn skip_constant(&mut self) -> Option<()> {
        match self.byte()? {
            0 => Some(()),
            1 => self.bytes(1).map(drop),
            3 => self.bytes(8).map(drop),
            4 => self.skip_string(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sets_globals;
    use mlua::Lua;

    #[test]
    fn setting_a_global_is_found_wherever_it_stands() {
        let lua = Lua::new();
        for (code, sets) in [
            ("", false),
            ("return redis.call('get', KEYS[1])", false),
            ("local a, b = 1, 'x' a = 2 return function() b = a end", false),
            ("local t = {} t.a = 1 t[1] = 2 redis.call = 1", false),
            (
                "for i = 1, 10 do local x = i end for k, v in pairs({}) do end",
                false,
            ),
            ("a = 1", true),
            ("local a a, b = 1, 2", true),
            ("function f() end", true),
            (
                "local function f() return function() if x then y = nil end end end",
                true,
            ),
            ("return pcall(function() KEYS = 1.5 end, true, nil)", true),
            ("for i = 1, 2 do redis = i end", true),
        ] {
            let dump = lua.load(code).into_function().expect("it compiles").dump(false);
            assert_eq!(sets_globals(&dump), sets, "{code}");
            // What is cut off is not trusted.
            for end in 0..dump.len() {
                assert!(sets_globals(&dump[..end]), "{code} {end}");
            }
        }
        assert!(sets_globals(b""));
    }
}
