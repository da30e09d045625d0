//! Hashes: rows and handlers.
//!
//! Readers pass over fields whose time is past. Writers first take such fields out ([`take_due`]) and
//! then look at no clock, so that a log replayed later does the same to the same fields.

mod expire;
mod fields;
mod get_set_ex;
mod random;
mod read;
mod scan;
mod times;
mod ttl;
mod write;

use crate::context::Context;
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::CommandSpec;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_types::hash::Hash;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &expire::HEXPIRE,
    &expire::HEXPIREAT,
    &expire::HPERSIST,
    &expire::HPEXPIRE,
    &expire::HPEXPIREAT,
    &get_set_ex::HGETDEL,
    &get_set_ex::HGETEX,
    &get_set_ex::HSETEX,
    &random::HRANDFIELD,
    &read::HEXISTS,
    &read::HGET,
    &read::HGETALL,
    &read::HKEYS,
    &read::HLEN,
    &read::HMGET,
    &read::HSTRLEN,
    &read::HVALS,
    &scan::HSCAN,
    &ttl::HEXPIRETIME,
    &ttl::HPEXPIRETIME,
    &ttl::HPTTL,
    &ttl::HTTL,
    &write::HDEL,
    &write::HINCRBY,
    &write::HINCRBYFLOAT,
    &write::HMSET,
    &write::HSET,
    &write::HSETNX,
];

/// The key at word 1, used in this way.
const fn key(flags: KeyFlags) -> KeySpec {
    KeySpec::one(1, flags)
}

/// The key at word 1, whose data is read and answered.
const READ: &[KeySpec] = &[key(KeyFlags::RO.and(KeyFlags::ACCESS))];
/// The key at word 1, of which only existence or size is told.
const PROBE: &[KeySpec] = &[key(KeyFlags::RO)];
/// The key at word 1, whose fields are overwritten.
const UPDATE: &[KeySpec] = &[key(KeyFlags::RW.and(KeyFlags::UPDATE))];

/// The time that fields are measured against.
fn now_ms(context: &Context<'_, '_>) -> u64 {
    context.now_ms().max(0) as u64
}

/// Takes out of the hash at word 1 what has expired; every writer begins with it.
fn take_due(context: &mut Context<'_, '_>) {
    context.data.expire_fields(context.args.at(1), usize::MAX);
}

/// Ends a change of the hash at word 1: tells the database about expiring fields if there were or are
/// any, and removes the key when no field is left.
fn settle(context: &mut Context<'_, '_>, volatile: bool) {
    let key = context.args.at(1);
    if volatile {
        context.data.note_field_expiries(key);
    }
    context.data.remove_if(key, Hash::is_empty);
}

/// Publishes a change of the hash at word 1.
fn changed(context: &mut Context<'_, '_>, event: &'static str) {
    let key = context.args.at(1);
    context.data.changed(key, NotifyFlags::HASH, event);
}

/// As [`changed`] for a change that counts as `count` (at least one) in INFO's changes since the last save.
fn changed_by(context: &mut Context<'_, '_>, event: &'static str, count: usize) {
    changed(context, event);
    context.data.effects.dirty += count.saturating_sub(1) as u64;
}
