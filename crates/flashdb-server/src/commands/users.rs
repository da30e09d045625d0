//! ACL for the one user there is: what asks is answered, what changes users is refused.

use super::client;
use super::command_info::{CATEGORIES, categories};
use flashdb_command::args::is;
use flashdb_command::error::ErrorReply;
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group, help};
use std::io::Read;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&ACL];

const NO_USERS: ErrorReply =
    ErrorReply::fixed("ERR users other than the default one are not available in this version");

/// What the subcommands of ACL have in common.
const ACL_SUB: CommandSpec = CommandSpec {
    container: "acl",
    since: "6.0.0",
    group: Group::Server,
    arity: 2,
    flags: ACL_ADMIN,
    reply: "An error.",
    handler: |_| Err(NO_USERS),
    ..CommandSpec::EMPTY
};

const ACL_ANYONE: Flags = Flags::NO_SCRIPT.and(Flags::LOADING).and(Flags::STALE);
const ACL_ADMIN: Flags = ACL_ANYONE.and(Flags::ADMIN).and(Flags::SENSITIVE);

static ACL: CommandSpec = CommandSpec {
    name: "acl",
    summary: "Holds the commands about users and what they may do.",
    since: "6.0.0",
    group: Group::Server,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &CommandSpec {
            name: "cat",
            summary: "Lists the categories, or the commands of one.",
            arity: -2,
            flags: ACL_ANYONE,
            args: &[Arg::string("category").optional()],
            reply: "Names.",
            handler: acl_cat,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "deluser",
            summary: "Removes users.",
            arity: -3,
            args: &[Arg::string("username").multiple()],
            ..ACL_SUB
        },
        &CommandSpec {
            name: "dryrun",
            summary: "Tells whether a user may run a command.",
            since: "7.0.0",
            arity: -4,
            args: &[
                Arg::string("username"),
                Arg::string("command"),
                Arg::string("arg").optional().multiple(),
            ],
            ..ACL_SUB
        },
        &CommandSpec {
            name: "genpass",
            summary: "Makes a password.",
            arity: -2,
            flags: ACL_ANYONE,
            args: &[Arg::integer("bits").optional()],
            reply: "Hexadecimal digits.",
            handler: generate_password,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "getuser",
            summary: "Returns what a user may do.",
            arity: 3,
            args: &[Arg::string("username")],
            reply: "A map, or null if there is no such user.",
            handler: get_user,
            ..ACL_SUB
        },
        &ACL_HELP,
        &CommandSpec {
            name: "list",
            summary: "Lists users as rules.",
            reply: "Lines.",
            handler: |context| {
                let open = context.settings.requirepass.is_empty();
                context.reply.array(1);
                context.reply.bulk_str(if open {
                    "user default on nopass sanitize-payload ~* &* +@all"
                } else {
                    "user default on (password set) sanitize-payload ~* &* +@all"
                });
                Ok(())
            },
            ..ACL_SUB
        },
        &CommandSpec {
            name: "load",
            summary: "Reads users from the file.",
            ..ACL_SUB
        },
        &CommandSpec {
            name: "log",
            summary: "Lists what was refused.",
            arity: -2,
            args: &[Arg::string("count-or-reset").optional()],
            ..ACL_SUB
        },
        &CommandSpec {
            name: "save",
            summary: "Writes users into the file.",
            ..ACL_SUB
        },
        &CommandSpec {
            name: "setuser",
            summary: "Makes or changes a user.",
            arity: -3,
            args: &[Arg::string("username"), Arg::string("rule").optional().multiple()],
            ..ACL_SUB
        },
        &CommandSpec {
            name: "users",
            summary: "Lists the names of users.",
            reply: "Names.",
            handler: |context| {
                context.reply.array(1);
                context.reply.bulk_str("default");
                Ok(())
            },
            ..ACL_SUB
        },
        &CommandSpec {
            name: "whoami",
            summary: "Returns the user of the connection.",
            flags: ACL_ANYONE,
            reply: "The name.",
            handler: |context| {
                context.reply.bulk_str("default");
                Ok(())
            },
            ..ACL_SUB
        },
    ],
    ..CommandSpec::EMPTY
};

static ACL_HELP: CommandSpec = help::row("acl", "6.0.0", Group::Server, |context| {
    help::reply(context, &ACL)
});

fn acl_cat(context: &mut Context<'_, '_>) -> CommandResult {
    let Some(wanted) = context.args.get(2) else {
        context.reply.array(CATEGORIES.len());
        CATEGORIES.iter().for_each(|name| context.reply.bulk_str(name));
        return Ok(());
    };
    if !CATEGORIES.iter().any(|name| is(wanted, name)) {
        let mut text = b"ERR Unknown category '".to_vec();
        text.extend_from_slice(wanted);
        text.push(b'\'');
        return Err(ErrorReply::from_bytes(text));
    }
    let server = client(context).server.clone();
    let at = context.reply.deferred();
    let mut count = 0;
    for command in server.registry.all() {
        if categories(command.spec).any(|category| is(wanted, category)) {
            context.reply.bulk_str(&command.spec.full_name());
            count += 1;
        }
    }
    context.reply.finish_array(at, count);
    Ok(())
}

fn get_user(context: &mut Context<'_, '_>) -> CommandResult {
    if context.arg(2) != b"default" {
        context.reply.null();
        return Ok(());
    }
    let open = context.settings.requirepass.is_empty();
    let reply = &mut *context.reply;
    reply.map(6);
    reply.bulk_str("flags");
    let flags: &[&str] = if open { &["on", "nopass"] } else { &["on"] };
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk_str(flag));
    reply.bulk_str("passwords");
    reply.array(0);
    for (name, value) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
        reply.bulk_str(name);
        reply.bulk_str(value);
    }
    reply.bulk_str("selectors");
    reply.array(0);
    Ok(())
}

fn generate_password(context: &mut Context<'_, '_>) -> CommandResult {
    const BITS_MAX: i64 = 4096;
    let bits = match context.args.get(2) {
        None => 256,
        Some(word) => flashdb_command::args::integer(word)?,
    };
    if !(1..=BITS_MAX).contains(&bits) {
        return Err(ErrorReply::fixed(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
        ));
    }
    let digits = (bits as usize).div_ceil(4);
    let mut bytes = vec![0; digits.div_ceil(2)];
    let source = std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    source.map_err(|error| ErrorReply::new(format!("ERR no randomness: {error}")))?;
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(digits);
    context.reply.bulk_str(&text);
    Ok(())
}
