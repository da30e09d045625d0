//! HOTKEYS.*: the keys that are used most. They are counted all the time; Redis's HOTKEYS (`hot_session.rs`) measures other things
//! (processor time and bytes, for a while that somebody begins), hence the name of our own.

use super::client;
use crate::hot::{BUCKET_S, HotKey};
use flashdb_command::args;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Flags, Group};
use flashdb_resp::Reply;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&LIST, &RESET];

/// Keys that are listed when it is not said how many.
const COUNT_DEFAULT: usize = 16;

const FLAGS: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);

static LIST: CommandSpec = CommandSpec {
    name: "hotkeys.list",
    summary: "Lists the keys that are used most, hottest first.",
    since: "1.0.0",
    group: Group::Server,
    complexity: "O(N) for N keys listed",
    arity: -1,
    flags: FLAGS,
    args: &[Arg::integer("count").with_token("COUNT").optional()],
    reply: "An array of maps: uses per second over some seconds, and for each ten seconds of the last ten minutes.",
    handler: list,
    ..CommandSpec::EMPTY
};

static RESET: CommandSpec = CommandSpec {
    name: "hotkeys.reset",
    summary: "Forgets which keys were used most.",
    since: "1.0.0",
    group: Group::Server,
    complexity: "O(N) for N keys followed",
    arity: 1,
    flags: FLAGS,
    reply: "OK.",
    audit: Audit::Words,
    handler: |context| {
        let server = client(context).server.clone();
        server.hot_keys.reset(&server);
        context.reply.ok();
        Ok(())
    },
    ..CommandSpec::EMPTY
};

fn list(context: &mut Context<'_, '_>) -> CommandResult {
    let count = match context.args.len() {
        1 => COUNT_DEFAULT,
        3 if context.args.at(1).eq_ignore_ascii_case(b"count") => {
            usize::try_from(args::integer(context.args.at(2))?)
                .map_err(|_| ErrorReply::fixed("ERR COUNT must not be negative"))?
        }
        _ => return Err(error::SYNTAX),
    };
    let keys = client(context).server.hot_keys.hottest(count);
    context.reply.array(keys.len());
    for key in &keys {
        write(context.reply, key);
    }
    Ok(())
}

fn write(reply: &mut Reply, key: &HotKey) {
    reply.map(8);
    reply.bulk_str("db");
    reply.integer(key.db.into());
    reply.bulk_str("key");
    reply.bulk(&key.key);
    // More than the key has here where it was cut.
    reply.bulk_str("key-bytes");
    reply.count(key.key_bytes);
    for (name, rate) in [("reads-per-s", key.reads), ("writes-per-s", key.writes)] {
        reply.bulk_str(name);
        reply.double((rate * 10.0).round() / 10.0);
    }
    reply.bulk_str("share");
    reply.double((key.share * 10_000.0).round() / 10_000.0);
    reply.bulk_str("history-part-s");
    reply.integer(BUCKET_S);
    reply.bulk_str("history");
    reply.array(key.history.len());
    for rate in &key.history {
        reply.integer(rate.round() as i64);
    }
}
