//! AUTH, ECHO, HELLO, PING, QUIT, RESET, SELECT.

use super::client;
use crate::acl::{DEFAULT_USER, Origin, Reason, Surroundings, Turn};
use crate::audit;
use crate::client::{Client, Names, ReplyMode};
use crate::commands::transaction;
use flashdb_command::args::{self, Cursor};
use flashdb_command::error::{self, ErrorReply};
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group, OnTimeout};
use flashdb_resp::{Args, Protocol};
use std::sync::atomic::Ordering;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&AUTH, &ECHO, &HELLO, &PING, &QUIT, &RESET, &SELECT];

const ANYTIME: Flags = Flags::NO_SCRIPT
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FAST)
    .and(Flags::ALLOW_BUSY);

static PING: CommandSpec = CommandSpec {
    name: "ping",
    summary: "Tells that the server is there.",
    group: Group::Connection,
    arity: -1,
    flags: Flags::FAST.and(Flags::WHILE_SUBSCRIBED),
    args: &[Arg::string("message").optional()],
    tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
    reply: "PONG, or the message.",
    handler: ping,
    ..CommandSpec::EMPTY
};

fn ping(context: &mut Context<'_, '_>) -> CommandResult {
    if context.args.len() > 2 {
        return Err(error::wrong_arity("ping"));
    }
    let message = context.args.get(1);
    let subscribed = !context.reply.is_resp3() && client(context).subscriptions() > 0;
    if subscribed {
        // A RESP2 subscriber reads arrays only.
        context.reply.array(2);
        context.reply.bulk(b"pong");
        context.reply.bulk(message.unwrap_or(b""));
    } else if let Some(message) = message {
        context.reply.bulk(message);
    } else {
        context.reply.simple("PONG");
    }
    Ok(())
}

static ECHO: CommandSpec = CommandSpec {
    name: "echo",
    summary: "Returns its argument.",
    group: Group::Connection,
    arity: 2,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
    args: &[Arg::string("message")],
    reply: "The message.",
    handler: |context| {
        context.reply.bulk(context.args.at(1));
        Ok(())
    },
    ..CommandSpec::EMPTY
};

static SELECT: CommandSpec = CommandSpec {
    name: "select",
    summary: "Chooses the database that the commands which follow work on.",
    group: Group::Connection,
    arity: 2,
    flags: Flags::LOADING.and(Flags::STALE).and(Flags::FAST),
    args: &[Arg::integer("index")],
    reply: "OK.",
    handler: select,
    ..CommandSpec::EMPTY
};

fn select(context: &mut Context<'_, '_>) -> CommandResult {
    let index = args::integer_or(context.args.at(1), error::NOT_INTEGER)?;
    let databases = context.data.space().databases_count() as i64;
    if !(0..databases).contains(&index) {
        return Err(error::DB_OUT_OF_RANGE);
    }
    let client = client(context);
    client.db = index as u16;
    // The slow log reads it, perhaps before the end of this turn.
    client.info.db.store(index as u32, Ordering::Relaxed);
    context.data.db = index as u16;
    context.reply.ok();
    Ok(())
}

static QUIT: CommandSpec = CommandSpec {
    name: "quit",
    summary: "Says goodbye: the server answers and hangs up.",
    group: Group::Connection,
    arity: -1,
    flags: ANYTIME
        .and(Flags::NO_AUTH)
        .and(Flags::IMMEDIATE)
        .and(Flags::WHILE_SUBSCRIBED)
        .and(Flags::IGNORES_PAUSE),
    reply: "OK.",
    handler: |context| {
        client(context).closing = true;
        context.reply.ok();
        Ok(())
    },
    ..CommandSpec::EMPTY
};

static RESET: CommandSpec = CommandSpec {
    name: "reset",
    summary: "Brings the connection back to the state of a fresh one.",
    since: "6.2.0",
    group: Group::Connection,
    arity: 1,
    flags: ANYTIME
        .and(Flags::NO_AUTH)
        .and(Flags::IMMEDIATE)
        .and(Flags::WHILE_SUBSCRIBED),
    reply: "RESET.",
    handler: reset,
    ..CommandSpec::EMPTY
};

fn reset(context: &mut Context<'_, '_>) -> CommandResult {
    let data = &mut *context.data;
    let client: &mut Client = super::downcast(context.session);
    client.multi = None;
    transaction::unwatch_all(client, data);
    client.unsubscribe_all();
    if client.monitor {
        client.monitor = false;
        client.server.monitors.remove(client.info.id);
    }
    client.stop_tracking();
    client.log_out();
    client.db = 0;
    client.reply_mode = ReplyMode::On;
    client.no_touch = false;
    client.no_evict = false;
    client.is_resp3 = false;
    *client.info.names.lock() = Names::default();
    context.reply.set_protocol(Protocol::Resp2);
    context.reply.simple("RESET");
    Ok(())
}

static AUTH: CommandSpec = CommandSpec {
    name: "auth",
    summary: "Authenticates the connection.",
    group: Group::Connection,
    complexity: "O(N) for the length of the password",
    arity: -2,
    flags: ANYTIME
        .and(Flags::NO_AUTH)
        .and(Flags::SENSITIVE)
        .and(Flags::NO_ROLLBACK),
    args: &[
        Arg::string("username").optional().since("6.0.0"),
        Arg::string("password"),
    ],
    history: &[("6.0.0", "Takes a user name.")],
    reply: "OK, or an error.",
    handler: auth,
    ..CommandSpec::EMPTY
};

fn auth(context: &mut Context<'_, '_>) -> CommandResult {
    let (user, password) = match context.args.len() {
        2 => (DEFAULT_USER, context.args.at(1)),
        3 => (context.args.at(1), context.args.at(2)),
        _ => return Err(error::SYNTAX),
    };
    let is_alone = context.args.len() == 2;
    if is_alone && client(context).server.acl.users().default_user().nopass {
        return Err(ErrorReply::fixed(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
             configuration is correct?",
        ));
    }
    if log_in(context, user, password)? == Login::Done {
        context.reply.ok();
    }
    Ok(())
}

/// What has become of a login.
#[derive(PartialEq, Eq)]
enum Login {
    /// The client is the user now.
    Done,
    /// The command runs again, because its address has failed too often lately.
    Waits,
}

/// Makes the client the user `name` if `password` is right.
fn log_in(context: &mut Context<'_, '_>, name: &[u8], password: &[u8]) -> Result<Login, ErrorReply> {
    let (now_ms, command) = (context.now_ms(), context.args.at(0).to_vec());
    let (server, info) = (client(context).server.clone(), client(context).info.clone());
    if !context.mode.retry {
        match server.acl.logins.turn(Origin::of(&info), now_ms) {
            Turn::Now => {}
            Turn::At(at_ms) if context.may_block() => {
                context.block([], Some(at_ms), OnTimeout::RunAgain);
                return Ok(Login::Waits);
            }
            Turn::At(_) | Turn::Refused => {
                audit::note_lockout(&server, &info, name);
                return Err(ErrorReply::fixed(
                    "ERR too many logins from this address have failed; try again in a few seconds",
                ));
            }
        }
    }
    let users = server.acl.users();
    // Who is unknown is answered after the same work as who gives a wrong password.
    let nobody = users.default_user();
    let found = users.get(name);
    let accepted = found.unwrap_or(nobody).accepts(password);
    if let (Some(user), true) = (found, accepted) {
        client(context).log_in(user.clone());
        audit::note_login(&server, &info);
        return Ok(Login::Done);
    }
    let failures = server.acl.logins.note_failure(Origin::of(&info), now_ms);
    audit::note_failed_login(&server, &info, found.map(|user| &*user.name), failures);
    let (reason, surroundings) = (Reason::Auth, surroundings(context));
    server
        .acl
        .note(&server, &info, reason, surroundings, command, name.to_vec());
    Err(ErrorReply::fixed(
        "WRONGPASS invalid username-password pair or user is disabled.",
    ))
}

fn surroundings(context: &Context<'_, '_>) -> Surroundings {
    if context.mode.in_exec {
        Surroundings::Multi
    } else {
        Surroundings::Toplevel
    }
}

static HELLO: CommandSpec = CommandSpec {
    name: "hello",
    summary: "Chooses the protocol version and tells about the server; may authenticate and name the client.",
    since: "6.0.0",
    group: Group::Connection,
    arity: -1,
    flags: ANYTIME
        .and(Flags::NO_AUTH)
        .and(Flags::SENSITIVE)
        .and(Flags::NO_ROLLBACK),
    args: &[Arg::block(
        "arguments",
        &[
            Arg::integer("protover"),
            Arg::block("auth", &[Arg::string("username"), Arg::string("password")])
                .with_token("AUTH")
                .optional(),
            Arg::string("clientname").with_token("SETNAME").optional(),
        ],
    )
    .optional()],
    history: &[("6.2.0", "The protocol version may be left out.")],
    secrets: Some(is_secret_of_hello),
    reply: "A map: server, version, proto, id, mode, role, modules.",
    handler: hello,
    ..CommandSpec::EMPTY
};

/// What AUTH has behind it, and all words from the first on that is not in its place: it may be a part of a password.
fn is_secret_of_hello(args: &Args<'_>, index: usize) -> bool {
    // Behind what a whole one has, nothing is in its place; nor is it looked through for each of a million words.
    if index > 6 {
        return true;
    }
    let is_version = |word: &[u8]| matches!(word, b"2" | b"3");
    if args.get(1).is_some_and(|word| !is_version(word)) {
        return index >= 1;
    }
    let mut at = 2;
    while at <= index {
        let (is_login, values) = match args.at(at) {
            word if args::is(word, "AUTH") => (true, 2),
            word if args::is(word, "SETNAME") => (false, 1),
            _ => return true,
        };
        if index <= at + values {
            return is_login && index > at;
        }
        at += 1 + values;
    }
    false
}

fn hello(context: &mut Context<'_, '_>) -> CommandResult {
    let mut cursor = Cursor::new(context.args, 1);
    let mut resp3 = context.reply.is_resp3();
    if cursor.remaining() > 0 {
        let version = cursor.word()?;
        let version = args::integer_or(
            version,
            ErrorReply::fixed("ERR Protocol version is not an integer or out of range"),
        )?;
        if !(2..=3).contains(&version) {
            return Err(ErrorReply::fixed("NOPROTO unsupported protocol version"));
        }
        resp3 = version == 3;
    }
    let (mut login, mut name) = (None, None);
    while cursor.remaining() > 0 {
        let word = cursor.peek().unwrap_or_default();
        if cursor.take_with("AUTH", 2) {
            login = Some((cursor.word()?, cursor.word()?));
        } else if cursor.take_with("SETNAME", 1) {
            name = Some(valid_name(cursor.word()?)?);
        } else {
            let mut text = b"ERR Syntax error in HELLO option '".to_vec();
            text.extend_from_slice(word);
            text.push(b'\'');
            return Err(ErrorReply::from_bytes(text));
        }
    }
    if let Some((user, password)) = login
        && log_in(context, user, password)? == Login::Waits
    {
        return Ok(());
    }
    if !client(context).authenticated {
        return Err(ErrorReply::fixed(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
             <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the \
             same time",
        ));
    }
    let client = client(context);
    if let Some(name) = name {
        client.info.names.lock().name = name.to_vec();
    }
    client.is_resp3 = resp3;
    let id = client.info.id;
    // Messages from other threads are encoded by this flag, so it changes with the reply.
    let flags = &client.info.flags;
    if resp3 {
        flags.fetch_or(crate::client::flags::RESP3, Ordering::Relaxed);
    } else {
        flags.fetch_and(!crate::client::flags::RESP3, Ordering::Relaxed);
    }
    write_hello(context, resp3, id);
    Ok(())
}

fn write_hello(context: &mut Context<'_, '_>, resp3: bool, id: u64) {
    use flashdb_base::version::{FLASHDB_VERSION, REDIS_VERSION};
    let reply = &mut *context.reply;
    reply.set_protocol(if resp3 { Protocol::Resp3 } else { Protocol::Resp2 });
    reply.map(8);
    for (key, value) in [
        ("server", "redis"),
        ("version", REDIS_VERSION),
        ("flashdb_version", FLASHDB_VERSION),
    ] {
        reply.bulk_str(key);
        reply.bulk_str(value);
    }
    reply.bulk_str("proto");
    reply.integer(if resp3 { 3 } else { 2 });
    reply.bulk_str("id");
    reply.integer(id as i64);
    reply.bulk_str("mode");
    reply.bulk_str("standalone");
    reply.bulk_str("role");
    reply.bulk_str("master");
    reply.bulk_str("modules");
    reply.array(0);
}

/// Names hold no spaces, line ends or other bytes that would break CLIENT LIST.
pub fn valid_name(name: &[u8]) -> Result<&[u8], ErrorReply> {
    if is_valid_name(name) {
        return Ok(name);
    }
    Err(ErrorReply::fixed(
        "ERR Client names cannot contain spaces, newlines or special characters.",
    ))
}

/// Whether a name fits into a line of CLIENT LIST.
pub fn is_valid_name(name: &[u8]) -> bool {
    name.iter().all(|byte| (b'!'..=b'~').contains(byte))
}
