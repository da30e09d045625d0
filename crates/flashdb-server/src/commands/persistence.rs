//! SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF: a snapshot of all data, taken while the server goes on. SAVE answers when it is on
//! disk; other clients are served meanwhile. The log is shortened by each.

use super::client;
use crate::durability::checkpoints::{Reason, Told};
use crate::durability::{Durability, Wish};
use crate::later::Later;
use crate::server::Server;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Flags, Group};
use std::sync::atomic::Ordering;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&BGREWRITEAOF, &BGSAVE, &LASTSAVE, &SAVE];

const ADMIN: Flags = Flags::ADMIN.and(Flags::NO_SCRIPT);

/// What keeps the data.
///
/// # Errors
/// When the data folder cannot be used.
pub(super) fn durability(server: &Server) -> Result<&Durability, ErrorReply> {
    server
        .durability
        .get()
        .ok_or(ErrorReply::fixed("ERR the data folder (dir) cannot be used"))
}

static SAVE: CommandSpec = CommandSpec {
    name: "save",
    summary: "Takes a snapshot of all data, and answers when it is on disk.",
    group: Group::Server,
    complexity: "O(N) for N keys",
    arity: 1,
    flags: ADMIN.and(Flags::NO_ASYNC_LOADING).and(Flags::NO_MULTI),
    reply: "OK once the snapshot is on disk.",
    audit: Audit::Words,
    handler: save,
    ..CommandSpec::EMPTY
};

fn save(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let durability = durability(&server)?;
    if durability.checkpoints.is_busy() {
        return Err(ErrorReply::fixed("ERR Background save already in progress"));
    }
    let later = Later::begin(context);
    let told: Told = {
        let server = server.clone();
        Box::new(move |outcome| {
            later.answer_apart(&server, |reply| {
                outcome.map_err(|error| ErrorReply::new(format!("ERR {error}")))?;
                reply.ok();
                Ok(())
            });
        })
    };
    durability.checkpoints.wish(Wish::new(Reason::Save, Some(told)));
    Ok(())
}

static BGSAVE: CommandSpec = CommandSpec {
    name: "bgsave",
    summary: "Takes a snapshot of all data, in the background.",
    group: Group::Server,
    complexity: "O(N) for N keys",
    arity: -1,
    flags: ADMIN.and(Flags::NO_ASYNC_LOADING),
    args: &[Arg::word("schedule", "SCHEDULE").optional().since("3.2.2")],
    history: &[("3.2.2", "Takes SCHEDULE.")],
    reply: "A line that says that it began, or that it is scheduled.",
    audit: Audit::Words,
    handler: save_later,
    ..CommandSpec::EMPTY
};

fn save_later(context: &mut Context<'_, '_>) -> CommandResult {
    let schedule = context
        .args
        .get(1)
        .map(|word| word.eq_ignore_ascii_case(b"schedule"));
    if context.args.len() > 2 || schedule == Some(false) {
        return Err(error::SYNTAX);
    }
    let server = client(context).server.clone();
    let checkpoints = &durability(&server)?.checkpoints;
    let rewriting = checkpoints.is_taking(Reason::Rewrite) || checkpoints.is_scheduled(Reason::Rewrite);
    if checkpoints.is_busy() && !rewriting {
        return Err(ErrorReply::fixed("ERR Background save already in progress"));
    }
    if rewriting && schedule.is_none() {
        return Err(ErrorReply::fixed(
            "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.",
        ));
    }
    checkpoints.wish_untold();
    context.reply.simple(if rewriting {
        "Background saving scheduled"
    } else {
        "Background saving started"
    });
    Ok(())
}

static BGREWRITEAOF: CommandSpec = CommandSpec {
    name: "bgrewriteaof",
    summary: "Takes a snapshot in the background and removes the log that it covers.",
    group: Group::Server,
    complexity: "O(N) for N keys",
    arity: 1,
    flags: ADMIN.and(Flags::NO_ASYNC_LOADING),
    reply: "A line that says that it began, or that it is scheduled.",
    audit: Audit::Words,
    handler: rewrite,
    ..CommandSpec::EMPTY
};

fn rewrite(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let checkpoints = &durability(&server)?.checkpoints;
    if checkpoints.is_taking(Reason::Rewrite) || checkpoints.is_scheduled(Reason::Rewrite) {
        return Err(ErrorReply::fixed(
            "ERR Background append only file rewriting already in progress",
        ));
    }
    let busy = checkpoints.is_busy();
    checkpoints.wish(Wish::new(Reason::Rewrite, None));
    context.reply.simple(if busy {
        "Background append only file rewriting scheduled"
    } else {
        "Background append only file rewriting started"
    });
    Ok(())
}

static LASTSAVE: CommandSpec = CommandSpec {
    name: "lastsave",
    summary: "Returns when the last snapshot was taken.",
    group: Group::Server,
    arity: 1,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
    categories: &["admin", "dangerous"],
    tips: &["nondeterministic_output"],
    reply: "Unix seconds; the start of the server if there was none.",
    handler: |context| {
        let time = client(context).server.last_save.load(Ordering::Relaxed);
        context.reply.integer(time);
        Ok(())
    },
    ..CommandSpec::EMPTY
};
