//! SLOWLOG: reading and emptying the log of slow commands.

use super::client;
use flashdb_command::args;
use flashdb_command::error::ErrorReply;
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Flags, Group, help};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&SLOWLOG];

/// Entries that GET returns when it is not told how many.
const ENTRIES_DEFAULT: usize = 10;

/// What all subcommands have in common.
const SUB: CommandSpec = CommandSpec {
    container: "slowlog",
    since: "2.2.12",
    group: Group::Server,
    arity: 2,
    flags: Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE),
    ..CommandSpec::EMPTY
};

static SLOWLOG: CommandSpec = CommandSpec {
    name: "slowlog",
    summary: "Holds the commands about the log of slow commands.",
    since: "2.2.12",
    group: Group::Server,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &CommandSpec {
            name: "get",
            summary: "Returns entries, newest first.",
            complexity: "O(N) for N entries returned",
            arity: -2,
            args: &[Arg::integer("count").optional()],
            history: &[("4.0.0", "Entries name the client.")],
            tips: &["request_policy:all_nodes", "nondeterministic_output"],
            reply: "Entries: number, time, µs, request, address, name.",
            handler: get,
            ..SUB
        },
        &HELP,
        &CommandSpec {
            name: "len",
            summary: "Counts the entries.",
            tips: &[
                "request_policy:all_nodes",
                "response_policy:agg_sum",
                "nondeterministic_output",
            ],
            reply: "The number of entries.",
            handler: |context| {
                let count = client(context).server.slowlog.lock().len();
                context.reply.count(count);
                Ok(())
            },
            ..SUB
        },
        &CommandSpec {
            name: "reset",
            summary: "Removes all entries.",
            complexity: "O(N) for N entries",
            tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
            reply: "OK.",
            audit: Audit::Words,
            handler: |context| {
                client(context).server.slowlog.lock().clear();
                context.reply.ok();
                Ok(())
            },
            ..SUB
        },
    ],
    ..CommandSpec::EMPTY
};

static HELP: CommandSpec = help::row("slowlog", "6.2.0", Group::Server, |context| {
    help::reply(context, &SLOWLOG)
});

fn get(context: &mut Context<'_, '_>) -> CommandResult {
    if context.args.len() > 3 {
        return Err(flashdb_command::error::wrong_arity("slowlog|get"));
    }
    let wanted = match context.args.get(2) {
        None => ENTRIES_DEFAULT,
        Some(word) => match args::integer(word)? {
            -1 => usize::MAX,
            count => usize::try_from(count)
                .map_err(|_| ErrorReply::fixed("ERR count should be greater than or equal to -1"))?,
        },
    };
    let server = client(context).server.clone();
    let log = server.slowlog.lock();
    let reply = &mut *context.reply;
    reply.array(log.len().min(wanted));
    for entry in log.iter().take(wanted) {
        reply.array(6);
        reply.integer(entry.id as i64);
        reply.integer(entry.time_ms / 1000);
        reply.integer(entry.duration_us as i64);
        reply.array(entry.words.len());
        entry.words.iter().for_each(|word| reply.bulk(word));
        reply.bulk_str(&entry.addr);
        reply.bulk(&entry.name);
    }
    Ok(())
}
