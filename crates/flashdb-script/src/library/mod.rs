//! The libraries that Redis gives to scripts beside Lua's own: cjson, cmsgpack, struct and bit. One file
//! each; each makes a table of functions in a given interpreter and keeps no state outside of it.

pub mod bit;
#[cfg(test)]
mod cases_test;
pub mod cjson;
pub mod cmsgpack;
mod stack;
pub mod struct_pack;

/// Makes a library's table.
pub type Open = fn(&mlua::Lua) -> mlua::Result<mlua::Table>;

/// All of them by their global names.
pub const ALL: &[(&str, Open)] = &[
    ("bit", bit::open),
    ("cjson", cjson::open),
    ("cmsgpack", cmsgpack::open),
    ("struct", struct_pack::open),
];
