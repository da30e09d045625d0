//! `math.random` as scripts know it from Redis: the 48-bit linear congruential generator of POSIX's `lrand48`, so that a
//! seed gives the same numbers there and here. Unlike the C library's it is not shared with anybody.

use super::{Engine, current};
use mlua::ffi::{self, lua_State};
use std::ffi::c_int;

/// Numbers are below this.
const BELOW: u64 = i32::MAX as u64;

/// The generator's 48 bits.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn seeded(seed: u32) -> Self {
        Random((u64::from(seed) << 16) | 0x330e)
    }

    fn next(&mut self) -> f64 {
        self.0 = (self.0.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb)) & ((1 << 48) - 1);
        ((self.0 >> 17) % BELOW) as f64 / BELOW as f64
    }
}

/// `math.random([m [, n]])`.
pub(super) unsafe extern "C-unwind" fn random(state: *mut lua_State) -> c_int {
    // SAFETY: called by Lua; nothing on this frame needs dropping.
    unsafe {
        let engine: *mut Engine = current(state);
        let fraction = (*engine).random.next();
        let (low, high) = match ffi::lua_gettop(state) {
            0 => {
                ffi::lua_pushnumber(state, fraction);
                return 1;
            }
            1 => (1, ffi::luaL_checkinteger(state, 1) as i32),
            2 => (
                ffi::luaL_checkinteger(state, 1) as i32,
                ffi::luaL_checkinteger(state, 2) as i32,
            ),
            _ => return ffi::luaL_error(state, c"wrong number of arguments".as_ptr()),
        };
        if low > high {
            let at = ffi::lua_gettop(state);
            return ffi::luaL_argerror(state, at, c"interval is empty".as_ptr());
        }
        let span = f64::from(high) - f64::from(low) + 1.0;
        ffi::lua_pushnumber(state, (fraction * span).floor() + f64::from(low));
        1
    }
}

/// `math.randomseed(seed)`.
pub(super) unsafe extern "C-unwind" fn seed(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        let seed = ffi::luaL_checkinteger(state, 1);
        (*current(state)).random = Random::seeded(seed as u32);
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_numbers_of_redis() {
        let mut random = Random::seeded(10);
        assert_eq!(format!("{:.14}", random.next()), "0.87885112309775");
        assert_eq!((random.next() * 100.0).floor() + 1.0, 80.0);
        assert_eq!((random.next() * 2.0).floor() + 5.0, 5.0);
    }
}
