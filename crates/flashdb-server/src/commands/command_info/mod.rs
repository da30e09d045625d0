//! COMMAND: the command table as clients, proxies and redis-cli ask for it. Everything is derived
//! from the rows; the shapes are Redis 7's.

mod categories;
mod docs;
mod keys;
mod table;

pub use categories::{CATEGORIES, categories};

use super::client;
use flashdb_base::glob;
use flashdb_command::args::{Cursor, is};
use flashdb_command::error;
use flashdb_command::registry::{Command, Registry};
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group, help};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&COMMAND];

const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);

/// What all subcommands have in common.
const SUB: CommandSpec = CommandSpec {
    container: "command",
    since: "2.8.13",
    group: Group::Server,
    arity: -2,
    flags: ANYTIME,
    categories: &["connection"],
    ..CommandSpec::EMPTY
};

static COMMAND: CommandSpec = CommandSpec {
    name: "command",
    summary: "Describes all commands.",
    since: "2.8.13",
    group: Group::Server,
    complexity: "O(N) for N commands",
    arity: -1,
    flags: ANYTIME,
    categories: &["connection"],
    tips: &["nondeterministic_output_order"],
    reply: "An array of descriptions.",
    subcommands: &[
        &CommandSpec {
            name: "count",
            summary: "Counts the commands.",
            arity: 2,
            reply: "The number of commands.",
            handler: |context| {
                let count = registry(context).commands().count();
                context.reply.count(count);
                Ok(())
            },
            ..SUB
        },
        &CommandSpec {
            name: "docs",
            summary: "Returns the documentation of commands, or of all.",
            since: "7.0.0",
            complexity: "O(N) for N commands",
            args: &[Arg::string("command-name").optional().multiple()],
            tips: &["nondeterministic_output_order"],
            reply: "A map of names and documentation.",
            handler: docs::docs,
            ..SUB
        },
        &CommandSpec {
            name: "getkeys",
            summary: "Finds the keys in a request.",
            complexity: "O(N) for N arguments",
            arity: -3,
            args: &[Arg::string("command"), Arg::string("arg").optional().multiple()],
            reply: "The keys.",
            handler: |context| keys::get_keys(context, false),
            ..SUB
        },
        &CommandSpec {
            name: "getkeysandflags",
            summary: "Finds the keys in a request and what is done with them.",
            since: "7.0.0",
            complexity: "O(N) for N arguments",
            arity: -3,
            args: &[Arg::string("command"), Arg::string("arg").optional().multiple()],
            reply: "Keys, each with its flags.",
            handler: |context| keys::get_keys(context, true),
            ..SUB
        },
        &HELP,
        &CommandSpec {
            name: "info",
            summary: "Describes commands, or all.",
            complexity: "O(N) for N commands",
            args: &[Arg::string("command-name").optional().multiple()],
            history: &[("7.0.0", "Describes all when no name is given.")],
            tips: &["nondeterministic_output_order"],
            reply: "An array of descriptions, null for unknown names.",
            handler: info,
            ..SUB
        },
        &CommandSpec {
            name: "list",
            summary: "Lists the names of commands.",
            since: "7.0.0",
            complexity: "O(N) for N commands",
            args: &[Arg::one_of(
                "filterby",
                &[
                    Arg::string("module-name").with_token("MODULE"),
                    Arg::string("category").with_token("ACLCAT"),
                    Arg::pattern("pattern").with_token("PATTERN"),
                ],
            )
            .with_token("FILTERBY")
            .optional()],
            tips: &["nondeterministic_output_order"],
            reply: "Names.",
            handler: list,
            ..SUB
        },
    ],
    handler: all,
    ..CommandSpec::EMPTY
};

static HELP: CommandSpec = CommandSpec {
    categories: &["connection"],
    ..help::row("command", "5.0.0", Group::Server, |context| {
        help::reply(context, &COMMAND)
    })
};

fn registry<'c>(context: &'c mut Context<'_, '_>) -> &'c Registry {
    &client(context).server.registry
}

fn all(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let commands: Vec<Command> = server.registry.commands().collect();
    context.reply.array(commands.len());
    for command in commands {
        table::write(context.reply, command.spec);
    }
    Ok(())
}

/// A command by `name` or `container|name`.
fn find(registry: &Registry, name: &[u8]) -> Option<Command> {
    match name.iter().position(|&byte| byte == b'|') {
        None => registry.find(name),
        Some(at) => registry.find_sub(registry.find(&name[..at])?, &name[at + 1..]),
    }
}

fn info(context: &mut Context<'_, '_>) -> CommandResult {
    if context.args.len() == 2 {
        return all(context);
    }
    let server = client(context).server.clone();
    context.reply.array(context.args.len() - 2);
    for name in context.args.iter_from(2) {
        match find(&server.registry, name) {
            Some(command) => table::write(context.reply, command.spec),
            None => context.reply.null(),
        }
    }
    Ok(())
}

enum Filter<'a> {
    None,
    /// There are no modules, so nothing belongs to one.
    Module,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl Filter<'_> {
    fn matches(&self, spec: &'static CommandSpec) -> bool {
        match self {
            Filter::None => true,
            Filter::Module => false,
            Filter::Category(name) => categories(spec).any(|category| is(name, category)),
            Filter::Pattern(pattern) => glob::matches_ignore_case(pattern, spec.full_name().as_bytes()),
        }
    }
}

fn list(context: &mut Context<'_, '_>) -> CommandResult {
    let mut cursor = Cursor::new(context.args, 2);
    let mut filter = Filter::None;
    if cursor.remaining() > 0 {
        if cursor.remaining() != 3 || !cursor.take("FILTERBY") {
            return Err(error::SYNTAX);
        }
        let (by, value) = (cursor.word()?, cursor.word()?);
        filter = match by {
            by if is(by, "MODULE") => Filter::Module,
            by if is(by, "ACLCAT") => Filter::Category(value),
            by if is(by, "PATTERN") => Filter::Pattern(value),
            _ => return Err(error::SYNTAX),
        };
    }
    let server = client(context).server.clone();
    let names: Vec<String> = server
        .registry
        .all()
        .iter()
        .filter(|command| filter.matches(command.spec))
        .map(|command| command.spec.full_name())
        .collect();
    context.reply.array(names.len());
    names.iter().for_each(|name| context.reply.bulk_str(name));
    Ok(())
}
