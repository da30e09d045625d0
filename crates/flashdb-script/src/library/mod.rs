//! The libraries that Redis gives to scripts beside Lua's own: cjson, cmsgpack, struct and bit. One file
//! each; each makes a table of functions in a given interpreter and keeps no state outside of it.
