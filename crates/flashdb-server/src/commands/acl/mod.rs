//! ACL: users and roles looked at (`show`) and changed (`change`), the log of refusals, passwords.
//! What rules mean is in [`crate::acl`]; here are requests and replies.

mod change;
mod show;

use crate::commands::client;
use crate::commands::command_info::{CATEGORIES, categories};
use flashdb_command::args::is;
use flashdb_command::error::ErrorReply;
use flashdb_command::{Arg, Audit, CommandResult, CommandSpec, Context, Flags, Group, help};
use std::io::Read;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&ACL];

/// What the subcommands of ACL have in common.
const ACL_SUB: CommandSpec = CommandSpec {
    container: "acl",
    since: "6.0.0",
    group: Group::Server,
    arity: 2,
    flags: ACL_ADMIN,
    ..CommandSpec::EMPTY
};

/// What those about roles have in common.
const ROLE_SUB: CommandSpec = CommandSpec {
    since: "0.1.0",
    arity: 3,
    args: &[Arg::string("rolename")],
    ..ACL_SUB
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
            complexity: "O(N) for N commands",
            arity: -2,
            flags: ACL_ANYONE,
            args: &[Arg::string("category").optional()],
            reply: "Names.",
            handler: cat,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "delrole",
            summary: "Removes a role that no user has.",
            complexity: "O(N) for N users",
            reply: "OK, or an error that names a user who has it.",
            audit: Audit::Head(3),
            handler: change::delete_role,
            ..ROLE_SUB
        },
        &CommandSpec {
            name: "deluser",
            summary: "Removes users and ends their connections.",
            complexity: "O(N) for N users and connections",
            arity: -3,
            args: &[Arg::string("username").multiple()],
            reply: "How many there were.",
            audit: Audit::Head(8),
            handler: change::delete_users,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "dryrun",
            summary: "Tells whether a user may run a command.",
            since: "7.0.0",
            complexity: "O(N) for N rules and keys",
            arity: -4,
            args: &[
                Arg::string("username"),
                Arg::string("command"),
                Arg::string("arg").optional().multiple(),
            ],
            reply: "OK, or in words what the user lacks.",
            handler: show::dry_run,
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
            name: "getrole",
            summary: "Returns the rules of a role and who has it.",
            complexity: "O(N) for N users",
            reply: "A map, or null if there is no such role.",
            handler: show::get_role,
            ..ROLE_SUB
        },
        &CommandSpec {
            name: "getuser",
            summary: "Returns the rules of a user.",
            complexity: "O(N) for N rules",
            arity: 3,
            args: &[Arg::string("username")],
            history: &[
                ("6.2.0", "Tells of channels."),
                ("7.0.0", "Tells of selectors; keys and channels as rules."),
            ],
            reply: "A map, or null if there is no such user; with roles only if the user has any.",
            handler: show::get_user,
            ..ACL_SUB
        },
        &ACL_HELP,
        &CommandSpec {
            name: "list",
            summary: "Lists users as lines of rules.",
            complexity: "O(N) for N users",
            reply: "Lines.",
            handler: show::list,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "load",
            summary: "Reads the file with the users anew, all of it or nothing.",
            complexity: "O(N) for N users and connections",
            reply: "OK, or every line that is wrong.",
            audit: Audit::Head(2),
            handler: change::load,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "log",
            summary: "Lists what was refused, newest first, or forgets it.",
            complexity: "O(N) for N entries",
            arity: -2,
            args: &[
                Arg::one_of("operation", &[Arg::integer("count"), Arg::word("reset", "RESET")]).optional(),
            ],
            history: &[("7.2.0", "Tells of times and numbers of entries.")],
            reply: "Maps; OK for RESET.",
            audit: Audit::With("RESET"),
            handler: show::log,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "roles",
            summary: "Lists the names of roles.",
            complexity: "O(N) for N roles",
            arity: 2,
            args: &[],
            reply: "Names.",
            handler: show::roles,
            ..ROLE_SUB
        },
        &CommandSpec {
            name: "save",
            summary: "Writes users and roles into the file.",
            complexity: "O(N) for N users",
            reply: "OK.",
            audit: Audit::Head(2),
            handler: change::save,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "setrole",
            summary: "Makes or changes a role, and with it all users who have it.",
            complexity: "O(N) for N rules and users",
            arity: -3,
            args: &[Arg::string("rolename"), Arg::string("rule").optional().multiple()],
            reply: "OK.",
            audit: Audit::Head(3),
            handler: change::set_role,
            ..ROLE_SUB
        },
        &CommandSpec {
            name: "setuser",
            summary: "Makes or changes a user.",
            complexity: "O(N+M) for N rules and M users",
            arity: -3,
            args: &[Arg::string("username"), Arg::string("rule").optional().multiple()],
            history: &[
                ("6.2.0", "Takes patterns of channels."),
                (
                    "7.0.0",
                    "Takes selectors and permissions to only read or write keys.",
                ),
            ],
            reply: "OK.",
            audit: Audit::Head(3),
            handler: change::set_user,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "users",
            summary: "Lists the names of users.",
            complexity: "O(N) for N users",
            reply: "Names.",
            handler: show::users,
            ..ACL_SUB
        },
        &CommandSpec {
            name: "whoami",
            summary: "Returns the user of the connection.",
            flags: ACL_ANYONE,
            reply: "The name.",
            handler: |context| {
                let user = client(context).user.clone();
                context.reply.bulk(&user.name);
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

fn cat(context: &mut Context<'_, '_>) -> CommandResult {
    at_most_one_argument(context)?;
    let Some(wanted) = context.args.get(2) else {
        context.reply.array(CATEGORIES.len());
        CATEGORIES.iter().for_each(|name| context.reply.bulk_str(name));
        return Ok(());
    };
    if !CATEGORIES.iter().any(|name| is(wanted, name)) {
        return Err(quoting("ERR Unknown category '", wanted, "'"));
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

fn at_most_one_argument(context: &Context<'_, '_>) -> CommandResult {
    if context.args.len() <= 3 {
        return Ok(());
    }
    Err(quoting(
        "ERR unknown subcommand or wrong number of arguments for '",
        context.arg(1),
        "'. Try ACL HELP.",
    ))
}

/// An error around something that a client sent.
fn quoting(before: &str, quoted: &[u8], behind: &str) -> ErrorReply {
    ErrorReply::from_bytes([before.as_bytes(), quoted, behind.as_bytes()].concat())
}

fn generate_password(context: &mut Context<'_, '_>) -> CommandResult {
    const BITS_MAX: i64 = 4096;
    at_most_one_argument(context)?;
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
