//! Sets: rows and handlers.

mod algebra;
mod algebra_store;
mod members;
mod pop;
mod random;
mod scan;

use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::CommandSpec;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &algebra::SDIFF,
    &algebra::SINTER,
    &algebra::SINTERCARD,
    &algebra::SUNION,
    &algebra_store::SDIFFSTORE,
    &algebra_store::SINTERSTORE,
    &algebra_store::SUNIONSTORE,
    &members::SADD,
    &members::SCARD,
    &members::SISMEMBER,
    &members::SMEMBERS,
    &members::SMISMEMBER,
    &members::SMOVE,
    &members::SREM,
    &pop::SPOP,
    &random::SRANDMEMBER,
    &scan::SSCAN,
];

/// The key at word 1, used in this way.
const fn key(flags: KeyFlags) -> KeySpec {
    KeySpec::one(1, flags)
}

/// The key at word 1, whose data is read and answered.
const READ: &[KeySpec] = &[key(KeyFlags::RO.and(KeyFlags::ACCESS))];
/// The key at word 1, of which only existence or size is told.
const PROBE: &[KeySpec] = &[key(KeyFlags::RO)];
