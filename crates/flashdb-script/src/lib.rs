//! Lua for scripts and functions: the sandboxed interpreter, what `redis.*` offers inside, and the libraries
//! that scripts expect (cjson, cmsgpack, struct, bit). It knows no sockets and no data: commands that a
//! script calls go out by a trait that the server implements.

pub mod library;
