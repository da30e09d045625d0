//! MULTI, EXEC, DISCARD, WATCH, UNWATCH. EXEC locks the shards of all queued commands' keys (and of
//! the watched ones) in ascending order and runs the queue without letting go; the effects of all
//! commands are committed together, as one group.
//!
//! After MULTI ATOMIC the first command that fails ends EXEC and everything is undone, see
//! `docs/design/0004-rollback.md`. Commands with effects that cannot be undone are refused when they are queued.

use super::{client, downcast};
use crate::acl::{self, Lack, Surroundings};
use crate::audit::Outcome;
use crate::client::{Client, Multi, ReplyMode};
use crate::core_loop::Message;
use crate::dispatch::{Turn, note_end};
use crate::hot;
use crate::output_limit;
use flashdb_command::args::is;
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::key_spec::{KeyFlags, KeySpec};
use flashdb_command::registry::Command;
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group, Mode, Session};
use flashdb_resp::{Args, OwnedArgs};
use flashdb_store::{Access, ShardSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&DISCARD, &EXEC, &MULTI, &UNWATCH, &WATCH];

const FAST_ANYWHERE: Flags = Flags::NO_SCRIPT
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FAST)
    .and(Flags::ALLOW_BUSY);

static MULTI: CommandSpec = CommandSpec {
    name: "multi",
    summary: "Starts a transaction: the commands that follow are queued until EXEC. With ATOMIC, or under \
              `transaction-rollback yes`, EXEC undoes everything when one of them fails.",
    since: "1.2.0",
    group: Group::Transactions,
    arity: -1,
    flags: FAST_ANYWHERE.and(Flags::IMMEDIATE),
    args: &[Arg::word("atomic", "ATOMIC").optional()],
    reply: "OK.",
    handler: multi,
    ..CommandSpec::EMPTY
};

fn multi(context: &mut Context<'_, '_>) -> CommandResult {
    let atomic = match (context.args.get(1), context.args.len()) {
        (None, _) => context.settings.transaction_rollback,
        (Some(word), 2) if is(word, "atomic") => true,
        (Some(_), 2) => return Err(error::SYNTAX),
        _ => return Err(error::wrong_arity("multi")),
    };
    let client = client(context);
    if client.multi.is_some() {
        return Err(ErrorReply::fixed("ERR MULTI calls can not be nested"));
    }
    client.multi = Some(Multi {
        atomic,
        ..Multi::default()
    });
    context.reply.ok();
    Ok(())
}

static DISCARD: CommandSpec = CommandSpec {
    name: "discard",
    summary: "Drops the queued commands and the watched keys.",
    since: "2.0.0",
    group: Group::Transactions,
    complexity: "O(N) for N queued commands",
    arity: 1,
    flags: FAST_ANYWHERE.and(Flags::IMMEDIATE),
    reply: "OK.",
    handler: discard,
    ..CommandSpec::EMPTY
};

fn discard(context: &mut Context<'_, '_>) -> CommandResult {
    let client = downcast(context.session);
    if client.multi.take().is_none() {
        return Err(ErrorReply::fixed("ERR DISCARD without MULTI"));
    }
    unwatch_all(client, context.data);
    context.reply.ok();
    Ok(())
}

static WATCH: CommandSpec = CommandSpec {
    name: "watch",
    summary: "Makes the next EXEC run only if none of the keys has changed by then.",
    since: "2.2.0",
    group: Group::Transactions,
    complexity: "O(1) for each key",
    arity: -2,
    flags: FAST_ANYWHERE.and(Flags::IMMEDIATE),
    keys: &[KeySpec::range(1, -1, 1, KeyFlags::RO)],
    args: &[Arg::key("key").multiple()],
    reply: "OK.",
    handler: watch,
    ..CommandSpec::EMPTY
};

fn watch(context: &mut Context<'_, '_>) -> CommandResult {
    let args = context.args;
    let client = downcast(context.session);
    if client.multi.is_some() {
        return Err(ErrorReply::fixed("ERR WATCH inside MULTI is not allowed"));
    }
    for key in args.iter_from(1) {
        let known = client
            .watched
            .iter()
            .any(|(db, watched)| *db == context.data.db && **watched == *key);
        if !known {
            context.data.watch(key, &client.watch_flag);
            client.watched.push((context.data.db, key.into()));
        }
    }
    context.reply.ok();
    Ok(())
}

static UNWATCH: CommandSpec = CommandSpec {
    name: "unwatch",
    summary: "Ends the watch over every key.",
    since: "2.2.0",
    group: Group::Transactions,
    arity: 1,
    flags: FAST_ANYWHERE,
    reply: "OK.",
    handler: unwatch,
    ..CommandSpec::EMPTY
};

fn unwatch(context: &mut Context<'_, '_>) -> CommandResult {
    let client = downcast(context.session);
    // Inside EXEC the shards of the watched keys are held, and the watch ended with EXEC's start.
    if !context.mode.in_exec {
        unwatch_all(client, context.data);
    }
    context.reply.ok();
    Ok(())
}

static EXEC: CommandSpec = CommandSpec {
    name: "exec",
    summary: "Runs the queued commands as one, unless a watched key has changed.",
    since: "1.2.0",
    group: Group::Transactions,
    complexity: "that of the queued commands",
    arity: 1,
    flags: Flags::NO_SCRIPT
        .and(Flags::LOADING)
        .and(Flags::STALE)
        .and(Flags::SKIP_SLOWLOG)
        .and(Flags::IMMEDIATE)
        .and(Flags::RUNS_QUEUE),
    reply: "One reply for each command; null if a watched key had changed; after MULTI ATOMIC the error EXECABORT with \
            the cause if one failed, and nothing has changed then.",
    handler: exec,
    ..CommandSpec::EMPTY
};

fn exec(context: &mut Context<'_, '_>) -> CommandResult {
    let client = downcast(context.session);
    let Some(multi) = client.multi.take() else {
        return Err(ErrorReply::fixed("ERR EXEC without MULTI"));
    };
    if multi.failed {
        unwatch_all(client, context.data);
        return Err(ErrorReply::fixed(
            "EXECABORT Transaction discarded because of previous errors.",
        ));
    }
    if !context.data.held().is_lazy() {
        let shards = shards_of(&multi.queue, client, context.data);
        context.data.hold(|space| space.lock(shards));
    }
    if end_watch(client, context.data) {
        context.reply.null_array();
        return Ok(());
    }
    if multi.atomic {
        return run_or_undo(context, &multi.queue);
    }
    run_queue(context, &multi.queue, |_, _| Ok(()))
}

/// Runs the queue so that either all of it succeeds or nothing of it is left.
fn run_or_undo(context: &mut Context<'_, '_>, queue: &[(Command, OwnedArgs)]) -> CommandResult {
    let db = client(context).db;
    context.data.begin_undo();
    let done = run_queue(context, queue, |nth, words| {
        let name = queue[nth].0.spec.full_name().replace('|', " ");
        let mut text = format!(
            "EXECABORT Transaction rolled back because of: '{name}', command {} of {}: ",
            nth + 1,
            queue.len()
        )
        .into_bytes();
        text.extend_from_slice(words.strip_prefix(b"ERR ").unwrap_or(words));
        Err(ErrorReply::from_bytes(text))
    });
    if done.is_ok() {
        context.data.end_undo();
    } else {
        context.data.roll_back();
        client(context).db = db;
    }
    done
}

/// Shards of all keys that the queue and the watch touch.
fn shards_of(queue: &[(Command, OwnedArgs)], client: &Client, data: &Access<'_>) -> ShardSet {
    let space = data.space();
    let mut shards: ShardSet = client
        .watched
        .iter()
        .map(|(_, key)| space.shard_of(key))
        .collect();
    for (command, request) in queue {
        let args = request.as_args();
        // Keys that cannot be found make the command fail in its own words, without touching any.
        let positions = command.spec.key_positions(&args).unwrap_or_default();
        shards.extend(positions.iter().map(|&at| space.shard_of(args.at(at as usize))));
    }
    shards
}

/// Runs the queued commands. `failed` gets the number of one that was answered with an error and its words; it says
/// whether the queue ends there.
fn run_queue(
    context: &mut Context<'_, '_>,
    queue: &[(Command, OwnedArgs)],
    failed: impl Fn(usize, &[u8]) -> CommandResult,
) -> CommandResult {
    let db = context.data.db;
    let start = context.reply.len();
    context.reply.array(queue.len());
    let mut replies = Replies::Collected;
    for (nth, (command, request)) in queue.iter().enumerate() {
        let at = context.reply.len();
        run_queued(context, command, request);
        if let Some(words) = error_at(context.reply.bytes(), at) {
            failed(nth, words)?;
        }
        if replies == Replies::Collected {
            replies = bound_replies(context, start);
        }
        if replies == Replies::Dropped {
            context.reply.truncate(start);
        }
    }
    // The effects are those of the queued commands; EXEC adds none of its own.
    context.data.effects.explicit = true;
    context.data.db = db;
    Ok(())
}

/// The words of the error that the replies from `at` on begin with, if they do. A script may answer with one without
/// having failed itself.
fn error_at(replies: &[u8], at: usize) -> Option<&[u8]> {
    let words = replies.get(at..)?.strip_prefix(b"-")?;
    let end = words.iter().position(|&byte| byte == b'\r')?;
    Some(&words[..end])
}

#[derive(PartialEq, Eq)]
enum Replies {
    Collected,
    Dropped,
}

/// Looks whether the replies from `start` on may stay. A queue of small requests can ask for any amount of
/// output, and the loop sends none of it before EXEC has ended: a client over its hard limit is
/// disconnected, as if it had sent the requests one by one, and the rest of the queue runs without replies.
/// What waited before EXEC does not count here, so that together it is at most twice the limit.
fn bound_replies(context: &mut Context<'_, '_>, start: usize) -> Replies {
    let client = downcast(context.session);
    if matches!(client.reply_mode, ReplyMode::Off | ReplyMode::SkipThis) {
        return Replies::Dropped;
    }
    let limit = output_limit::limit_of(&context.settings.client_output_buffer_limit, client);
    let bytes = (context.reply.len() - start) as u64;
    if !output_limit::is_over_hard(limit, bytes) {
        return Replies::Collected;
    }
    output_limit::note_disconnection(&client.server, client, bytes);
    // No further request runs; the loop drops the connection, unsent output and all, before it sends again.
    client.closing = true;
    let (id, loop_id) = (client.info.id, client.info.loop_id);
    client.server.post(loop_id, Message::Kill { client: id });
    Replies::Dropped
}

fn run_queued(context: &mut Context<'_, '_>, command: &Command, request: &OwnedArgs) {
    let args = request.as_args();
    let client = downcast(context.session);
    let (server, info) = (client.server.clone(), client.info.clone());
    let touches = !client.no_touch;
    context.data.db = client.db;
    let (dirty, queued_db) = (context.data.effects.dirty, client.db);
    let start = context.reply.len();
    let began = Instant::now();
    let mut queued = Context {
        spec: command.spec,
        args,
        data: context.data,
        reply: context.reply,
        settings: context.settings,
        session: context.session,
        mode: Mode {
            in_exec: true,
            ..Mode::default()
        },
        block: None,
    };
    let result = match still_permitted(queued.session, command, &args) {
        Ok(()) => (command.spec.handler)(&mut queued),
        Err(error) => Err(error),
    };
    debug_assert!(
        queued.data.is_settled(),
        "{} left a write guard unsettled",
        command.spec.name
    );
    let stats = &server.loops[info.loop_id].stats;
    let elapsed_ns = began.elapsed().as_nanos() as u64;
    stats
        .of(command)
        .record(1, elapsed_ns, context.settings.latency_tracking);
    let outcome = Outcome::of(result.is_err());
    note_end(
        &server,
        context.settings,
        &info,
        &args,
        *command,
        elapsed_ns,
        outcome,
    );
    if server.monitors.any() {
        server
            .monitors
            .feed(&server, command.spec, queued_db, &info, &args);
    }
    let samples = &server.loops[info.loop_id].samples;
    if samples.passes(1) {
        let ran = hot::Ran {
            command,
            args,
            db: queued_db,
            client: &info,
            elapsed_ns: Some(elapsed_ns),
            failed: result.is_err(),
            touches,
        };
        samples.measure(&ran, (context.reply.len() - start) as u64);
        samples.look_at(&ran);
    }
    stats.commands.add(1);
    if let Err(error) = result {
        context.reply.truncate(start);
        context.reply.error_bytes(error.text());
        server.stats.error(error.code());
        stats.of(command).failed.add(1);
    }
    context.data.effects.end_command(queued_db, dirty, &args);
    let tracking = &mut downcast(context.session).tracking;
    if tracking.is_on() {
        tracking.note_read(&server.tracking, context.data, command, &args);
    }
}

/// Whether the user may still run a command that was allowed when it was queued.
fn still_permitted(session: &mut dyn Session, command: &Command, args: &Args<'_>) -> CommandResult {
    let client = downcast(session);
    // The transaction itself may have changed its user; one who was removed goes on to the end of it.
    client.follow_acl();
    let request = (command, args);
    let permitted = acl::permit(
        &client.server,
        &client.info,
        &client.user,
        request,
        Surroundings::Multi,
    );
    let Err(denied) = permitted else {
        return Ok(());
    };
    let reason = match denied.lack {
        Lack::Command => "no permission to execute the command or subcommand",
        Lack::Key => "no permission to touch the specified keys",
        Lack::Channel => "no permission to access one of the channels used as arguments",
    };
    Err(ErrorReply::new(format!(
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command \
         is no longer allowed for the following reason: {reason}"
    )))
}

/// Ends the watch; true when a watched key has changed. The shards of the keys are held.
fn end_watch(client: &mut Client, data: &mut Access<'_>) -> bool {
    let db = data.db;
    let mut changed = client.watch_flag.is_dirty();
    for (watched_db, key) in std::mem::take(&mut client.watched) {
        data.db = watched_db;
        changed |= data.unwatch(&key, &client.watch_flag);
    }
    data.db = db;
    client.watch_flag = Arc::default();
    client.info.watched.store(0, Ordering::Relaxed);
    changed
}

/// Ends the watch when its locks can be had, which a script may hold for long. The client does not wait for it.
fn unwatch_later(client: &mut Client) {
    let watched = std::mem::take(&mut client.watched);
    let flag = std::mem::take(&mut client.watch_flag);
    client.info.watched.store(0, Ordering::Relaxed);
    let unwatch = move |turn: &mut Turn<'_, '_>| {
        turn.enter();
        for (db, key) in watched {
            let shard = turn.server.space.shard_of(&key);
            turn.data.hold(|space| space.lock_one(shard));
            turn.data.db = db;
            turn.data.unwatch(&key, &flag);
        }
        turn.leave();
    };
    let loop_id = client.info.loop_id;
    client.server.post(loop_id, Message::Run(Box::new(unwatch)));
}

/// Ends the watch of a client outside of EXEC, locking what it needs; `data` holds nothing then.
pub fn unwatch_all(client: &mut Client, data: &mut Access<'_>) {
    if client.watched.is_empty() {
        client.watch_flag = Arc::default();
        return;
    }
    if !data.held().is_lazy() {
        let space = data.space();
        if space.gate().patience().is_tried() {
            return unwatch_later(client);
        }
        let shards: ShardSet = client
            .watched
            .iter()
            .map(|(_, key)| space.shard_of(key))
            .collect();
        data.hold(|space| space.lock(shards));
    }
    end_watch(client, data);
    if !data.held().is_lazy() {
        data.release();
    }
}
