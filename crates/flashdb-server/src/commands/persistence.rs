//! SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF: the data as an RDB file in `dir`, read again at the next
//! start. The file is encoded in memory under the closed gate, so the size of the data is bounded;
//! nothing is saved by itself.

use super::client;
use crate::rdb_file::{self, SaveError};
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group};
use std::sync::atomic::Ordering;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&BGREWRITEAOF, &BGSAVE, &LASTSAVE, &SAVE];

const ADMIN: Flags = Flags::ADMIN.and(Flags::NO_SCRIPT);

static SAVE: CommandSpec = CommandSpec {
    name: "save",
    summary: "Writes all data into the RDB file.",
    group: Group::Server,
    complexity: "O(N) for N keys",
    arity: 1,
    flags: ADMIN
        .and(Flags::NO_ASYNC_LOADING)
        .and(Flags::NO_MULTI)
        .and(Flags::EXCLUSIVE),
    reply: "OK once the file is on disk.",
    handler: |context| {
        save_now(context).map_err(|error| ErrorReply::new(format!("ERR {error}")))?;
        context.reply.ok();
        Ok(())
    },
    ..CommandSpec::EMPTY
};

/// Writes the file and waits for it. The gate is closed.
pub(super) fn save_now(context: &mut Context<'_, '_>) -> Result<(), SaveError> {
    let server = client(context).server.clone();
    if server.saving.swap(true, Ordering::AcqRel) {
        return Err(SaveError::InProgress);
    }
    let settings = context.settings;
    let outcome = rdb_file::encode(&server, context.data, settings)
        .and_then(|file| rdb_file::write(&server, settings, &file));
    server.saving.store(false, Ordering::Release);
    outcome
}

static BGSAVE: CommandSpec = CommandSpec {
    name: "bgsave",
    summary: "Writes all data into the RDB file, in the background.",
    group: Group::Server,
    complexity: "O(N) for N keys",
    arity: -1,
    flags: ADMIN.and(Flags::NO_ASYNC_LOADING).and(Flags::EXCLUSIVE),
    args: &[Arg::word("schedule", "SCHEDULE").optional().since("3.2.2")],
    history: &[("3.2.2", "Takes SCHEDULE.")],
    reply: "A line that says that it began.",
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
    if server.saving.swap(true, Ordering::AcqRel) {
        return Err(ErrorReply::fixed("ERR Background save already in progress"));
    }
    let file = match rdb_file::encode(&server, context.data, context.settings) {
        Ok(file) => file,
        Err(error) => {
            server.saving.store(false, Ordering::Release);
            return Err(ErrorReply::new(format!("ERR {error}")));
        }
    };
    rdb_file::write_in_background(server, file);
    context.reply.simple("Background saving started");
    Ok(())
}

static BGREWRITEAOF: CommandSpec = CommandSpec {
    name: "bgrewriteaof",
    summary: "Rewrites the append-only file; there is none in this version.",
    group: Group::Server,
    complexity: "O(N) for N keys",
    arity: 1,
    flags: ADMIN.and(Flags::NO_ASYNC_LOADING),
    reply: "An error.",
    handler: |_| {
        Err(ErrorReply::fixed(
            "ERR the append-only file is not available in this version",
        ))
    },
    ..CommandSpec::EMPTY
};

static LASTSAVE: CommandSpec = CommandSpec {
    name: "lastsave",
    summary: "Returns when the RDB file was last written.",
    group: Group::Server,
    arity: 1,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
    categories: &["admin", "dangerous"],
    tips: &["nondeterministic_output"],
    reply: "Unix seconds; the start of the server if it was not written.",
    handler: |context| {
        let time = client(context).server.last_save.load(Ordering::Relaxed);
        context.reply.integer(time);
        Ok(())
    },
    ..CommandSpec::EMPTY
};
