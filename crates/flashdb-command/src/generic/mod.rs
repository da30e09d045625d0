//! Keys of any type: rows and handlers. One file per kind of work: `keys` (remove, look), `rename`
//! (rename, move, copy), `expire` and `ttl`, `walk` (SCAN, KEYS, RANDOMKEY), `databases` (whole
//! databases), `object`, `dump`, `sort`, `wait`.

mod databases;
mod dump;
mod expire;
mod keys;
mod object;
pub use object::encoding_name;
mod rename;
mod sort;
mod ttl;
mod wait;
mod walk;

use crate::args;
use crate::context::Context;
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::spec::CommandSpec;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &databases::DBSIZE,
    &databases::FLUSHALL,
    &databases::FLUSHDB,
    &databases::SWAPDB,
    &dump::DUMP,
    &dump::RESTORE,
    &dump::RESTORE_ASKING,
    &expire::EXPIRE,
    &expire::EXPIREAT,
    &expire::PERSIST,
    &expire::PEXPIRE,
    &expire::PEXPIREAT,
    &keys::DEL,
    &keys::EXISTS,
    &keys::TOUCH,
    &keys::TYPE,
    &keys::UNLINK,
    &object::OBJECT,
    &rename::COPY,
    &rename::MOVE,
    &rename::RENAME,
    &rename::RENAMENX,
    &sort::SORT,
    &sort::SORT_RO,
    &ttl::EXPIRETIME,
    &ttl::PEXPIRETIME,
    &ttl::PTTL,
    &ttl::TTL,
    &wait::WAIT,
    &wait::WAITAOF,
    &walk::KEYS,
    &walk::RANDOMKEY,
    &walk::SCAN,
];

/// One key that is changed in place.
const KEY_UPDATED: &[KeySpec] = &[KeySpec::one(1, KeyFlags::RW.and(KeyFlags::UPDATE))];

/// An integer that has to fit 32 bits, with Redis's errors.
fn integer_32(word: &[u8]) -> Result<i32, ErrorReply> {
    i32::try_from(args::integer(word)?).map_err(|_| {
        ErrorReply::fixed("ERR value is out of range, value must between -2147483648 and 2147483647")
    })
}

/// The number of a database that exists.
fn database(context: &Context<'_, '_>, word: &[u8]) -> Result<u16, ErrorReply> {
    existing_database(context, integer_32(word)?)
}

fn existing_database(context: &Context<'_, '_>, number: i32) -> Result<u16, ErrorReply> {
    u16::try_from(number)
        .ok()
        .filter(|&db| usize::from(db) < context.data.space().databases_count())
        .ok_or(error::DB_OUT_OF_RANGE)
}
