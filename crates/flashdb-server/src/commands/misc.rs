//! TIME, LOLWUT, MONITOR, SHUTDOWN.

use super::client;
use crate::ending::{self, Ending};
use crate::later::Later;
use flashdb_base::clock;
use flashdb_base::version::{FLASHDB_VERSION, REDIS_VERSION};
use flashdb_command::args::{self, Cursor};
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Flags, Group};
use std::sync::atomic::Ordering;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&LOLWUT, &MONITOR, &SHUTDOWN, &TIME];

static TIME: CommandSpec = CommandSpec {
    name: "time",
    summary: "Returns the server's time.",
    since: "2.6.0",
    group: Group::Server,
    arity: 1,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
    tips: &["nondeterministic_output"],
    reply: "Unix seconds, and µs within the second.",
    handler: |context| {
        let now_us = clock::unix_us();
        context.reply.array(2);
        context.reply.bulk_integer((now_us / 1_000_000) as i64);
        context.reply.bulk_integer((now_us % 1_000_000) as i64);
        Ok(())
    },
    ..CommandSpec::EMPTY
};

static MONITOR: CommandSpec = CommandSpec {
    name: "monitor",
    summary: "Sends every command that the server runs to the connection.",
    group: Group::Server,
    arity: 1,
    flags: Flags::ADMIN
        .and(Flags::NO_SCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE),
    reply: "OK, then a line for each command.",
    audit: Audit::Words,
    handler: monitor,
    ..CommandSpec::EMPTY
};

fn monitor(context: &mut Context<'_, '_>) -> CommandResult {
    if !context.may_block() {
        return Err(ErrorReply::fixed(
            "ERR MONITOR isn't allowed for DENY BLOCKING client",
        ));
    }
    let client = client(context);
    if !client.monitor {
        client.monitor = true;
        client.server.monitors.add(&client.info);
    }
    context.reply.ok();
    Ok(())
}

static SHUTDOWN: CommandSpec = CommandSpec {
    name: "shutdown",
    summary: "Ends the server.",
    group: Group::Server,
    complexity: "O(1); O(N) for N keys when saving",
    arity: -1,
    flags: Flags::ADMIN
        .and(Flags::NO_SCRIPT)
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::NO_MULTI)
        .and(Flags::ALLOW_BUSY)
        .and(Flags::EXCLUSIVE),
    args: &[
        Arg::one_of(
            "save-selector",
            &[Arg::word("nosave", "NOSAVE"), Arg::word("save", "SAVE")],
        )
        .optional(),
        Arg::word("now", "NOW").optional().since("7.0.0"),
        Arg::word("force", "FORCE").optional().since("7.0.0"),
        Arg::word("abort", "ABORT").optional().since("7.0.0"),
    ],
    history: &[("7.0.0", "Takes NOW, FORCE and ABORT.")],
    reply: "Nothing: the connection is closed; an error when saving fails, or a script runs for too long and NOSAVE is not said.",
    audit: Audit::Words,
    handler: shutdown,
    ..CommandSpec::EMPTY
};

fn shutdown(context: &mut Context<'_, '_>) -> CommandResult {
    let mut cursor = Cursor::new(context.args, 1);
    let (mut no_save, mut save, mut abort, mut now, mut force) = (false, false, false, false, false);
    while cursor.remaining() > 0 {
        if cursor.take("NOSAVE") {
            no_save = true;
        } else if cursor.take("SAVE") {
            save = true;
        } else if cursor.take("NOW") {
            now = true;
        } else if cursor.take("FORCE") {
            force = true;
        } else if cursor.take("ABORT") {
            abort = true;
        } else {
            return Err(error::SYNTAX);
        }
    }
    if (abort && (no_save || save || now || force)) || (no_save && save) {
        return Err(error::SYNTAX);
    }
    if abort {
        if !ending::abort(&client(context).server) {
            return Err(ErrorReply::fixed("ERR No shutdown in progress."));
        }
        tracing::warn!("Shutdown manually aborted");
        context.reply.ok();
        return Ok(());
    }
    let saves = save || (!no_save && !context.settings.save.is_empty());
    let server = client(context).server.clone();
    if !no_save && server.space.gate().patience().is_tried() {
        // The script would have to be ended half way, and what it did so far be saved.
        return Err(server.scripts.long_runs.busy_reply());
    }
    if server.is_ending.swap(true, Ordering::AcqRel) {
        return Err(ErrorReply::fixed("ERR A shutdown is in progress already."));
    }
    server.ends_scripts.store(no_save, Ordering::Release);
    // The connection ends with the server. An answer there is only when the server goes on.
    let later = Later::begin(context);
    let ending = Ending { saves, force };
    ending::begin(&server, ending, move |server| {
        later.answer_apart(server, |_| {
            Err(ErrorReply::fixed("ERR Errors trying to SHUTDOWN. Check logs."))
        });
    });
    Ok(())
}

static LOLWUT: CommandSpec = CommandSpec {
    name: "lolwut",
    summary: "Draws something, and tells the version.",
    since: "5.0.0",
    group: Group::Server,
    arity: -1,
    flags: Flags::READONLY.and(Flags::FAST),
    args: &[Arg::integer("version").with_token("VERSION").optional()],
    reply: "Text.",
    handler: lolwut,
    ..CommandSpec::EMPTY
};

fn lolwut(context: &mut Context<'_, '_>) -> CommandResult {
    let mut cursor = Cursor::new(context.args, 1);
    if cursor.take_with("VERSION", 1) {
        args::integer(cursor.word()?)?;
    }
    let mut text = String::new();
    // A directory of segments, some split deeper than others: the table the server is made of.
    for row in 0..6 {
        for _ in 0..6 {
            let filled = context.data.prng.below(9) as usize;
            text.push_str(&format!("[{}{}]", "#".repeat(filled), ".".repeat(8 - filled)));
            text.push(if row % 2 == 0 { ' ' } else { '-' });
        }
        text.push('\n');
    }
    text.push_str(&format!(
        "\nEverything in its bucket. FlashDB ver. {FLASHDB_VERSION}, redis ver. {REDIS_VERSION}\n"
    ));
    context.reply.verbatim("txt", text.as_bytes());
    Ok(())
}
