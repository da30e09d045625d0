//! SYNC: a follower gets the data as an RDB file and from there on every decided effect, as a
//! replica of Redis does. Made for tools that follow a small server (`redis-cli --replica`, loaders,
//! the conformance suite): the file is made in memory under the closed gate, so it is bounded.

use super::downcast;
use crate::rdb_file;
use flashdb_command::error::ErrorReply;
use flashdb_command::{Audit, CommandResult, CommandSpec, Context, Flags, Group};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&SYNC];

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
    audit: Audit::Words,
    handler: sync,
    ..CommandSpec::EMPTY
};

fn sync(context: &mut Context<'_, '_>) -> CommandResult {
    let server = downcast(context.session).server.clone();
    let file = rdb_file::encode(&server, context.data, context.settings)
        .map_err(|error| ErrorReply::new(format!("ERR cannot make the RDB file: {error}")))?;
    // As a replica expects it: a length line and the file, without a line end behind it.
    context.reply.raw(format!("${}\r\n", file.len()).as_bytes());
    context.reply.raw(&file);
    let client = downcast(context.session);
    client.follower = true;
    server.feed.follow(&server, &client.info);
    Ok(())
}
