//! SYNC: a follower gets the data as an RDB file and from there on every decided effect, as a
//! replica of Redis does. Made for tools that follow a small server (`redis-cli --replica`, loaders,
//! the conformance suite): the file is made in memory under the closed gate, so it is bounded.

use super::downcast;
use flashdb_base::version::REDIS_VERSION;
use flashdb_command::error::ErrorReply;
use flashdb_command::{CommandResult, CommandSpec, Context, Flags, Group, rdb_convert};
use flashdb_rdb::FileWriter;
use flashdb_store::{Access, Entry};
use std::io;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&SYNC];

/// Largest data set that is sent: what one loop turn may encode.
const DATA_BYTES_MAX: usize = 64 * 1024 * 1024;

static SYNC: CommandSpec = CommandSpec {
    name: "sync",
    summary: "Sends all data, then every change as it happens.",
    group: Group::Server,
    complexity: "O(N) for N keys",
    arity: 1,
    flags: Flags::ADMIN
        .and(Flags::NO_SCRIPT)
        .and(Flags::NO_ASYNC_LOADING)
        .and(Flags::NO_MULTI)
        .and(Flags::EXCLUSIVE),
    reply: "An RDB file with its length before it, then requests.",
    handler: sync,
    ..CommandSpec::EMPTY
};

fn sync(context: &mut Context<'_, '_>) -> CommandResult {
    let server = downcast(context.session).server.clone();
    let file = snapshot_bounded(context)?;
    // As a replica expects it: a length line and the file, without a line end behind it.
    context.reply.raw(format!("${}\r\n", file.len()).as_bytes());
    context.reply.raw(&file);
    let client = downcast(context.session);
    client.follower = true;
    server.feed.follow(&client.info);
    Ok(())
}

/// All databases as an RDB file, made in memory. The gate is closed.
///
/// # Errors
/// When the data set is too large for that.
pub(super) fn snapshot_bounded(context: &mut Context<'_, '_>) -> Result<Vec<u8>, ErrorReply> {
    let server = downcast(context.session).server.clone();
    if crate::memory::measure(&server, context.data).data_bytes > DATA_BYTES_MAX {
        return Err(ErrorReply::fixed(
            "ERR the data set is too large for SYNC and DEBUG RELOAD in this version of FlashDB",
        ));
    }
    let limits = rdb_convert::encode_limits(context.settings);
    snapshot(context.data, &limits)
        .map_err(|error| ErrorReply::new(format!("ERR cannot make the RDB file: {error}")))
}

fn snapshot(data: &mut Access<'_>, limits: &flashdb_rdb::EncodeLimits) -> io::Result<Vec<u8>> {
    let mut file = FileWriter::new(Vec::new(), true);
    file.aux(b"redis-ver", REDIS_VERSION.as_bytes())?;
    file.aux(b"redis-bits", b"64")?;
    let now_ms = data.now_ms;
    for db in 0..data.space().databases_count() as u16 {
        let (mut keys, mut expiring) = (0, 0);
        data.held().for_each_shard(|_, shard| {
            keys += shard.database(db).len() as u64;
            expiring += shard.database(db).volatile_len() as u64;
        });
        if keys == 0 {
            continue;
        }
        file.select_db(db.into(), keys, expiring)?;
        let mut outcome = Ok(());
        data.held().for_each_shard(|_, shard| {
            for entry in shard.database(db).iter() {
                if outcome.is_ok() {
                    outcome = write_entry(&mut file, entry, limits, now_ms);
                }
            }
        });
        outcome?;
    }
    file.finish()
}

fn write_entry(
    file: &mut FileWriter<Vec<u8>>,
    entry: &Entry,
    limits: &flashdb_rdb::EncodeLimits,
    now_ms: i64,
) -> io::Result<()> {
    let expire_at_ms = entry.expire_at_ms().map(|at_ms| at_ms.max(0) as u64);
    file.entry(entry.key(), expire_at_ms, None, |out| {
        rdb_convert::write(out, entry.value(), limits, now_ms)
    })
}
