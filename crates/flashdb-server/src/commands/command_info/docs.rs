//! COMMAND DOCS: what the rows say for people.

use super::{client, find};
use flashdb_command::registry::Command;
use flashdb_command::{Arg, ArgKind, CommandResult, CommandSpec, Context};
use flashdb_resp::Reply;

pub(super) fn docs(context: &mut Context<'_, '_>) -> CommandResult {
    let server = client(context).server.clone();
    let commands: Vec<Command> = if context.args.len() == 2 {
        server.registry.commands().collect()
    } else {
        let names = context.args.iter_from(2);
        names.filter_map(|name| find(&server.registry, name)).collect()
    };
    context.reply.map(commands.len());
    for command in commands {
        context.reply.bulk_str(&command.spec.full_name());
        write(context.reply, command.spec);
    }
    Ok(())
}

fn write(reply: &mut Reply, spec: &CommandSpec) {
    let parts = [
        !spec.history.is_empty(),
        !spec.args.is_empty(),
        !spec.subcommands.is_empty(),
    ];
    let deprecated = 3 * usize::from(spec.deprecated.is_some());
    reply.map(4 + deprecated + parts.iter().filter(|part| **part).count());
    for (name, text) in [
        ("summary", spec.summary),
        ("since", spec.since),
        ("group", spec.group.name()),
        ("complexity", spec.complexity),
    ] {
        reply.bulk_str(name);
        reply.bulk_str(text);
    }
    if let Some(deprecated) = spec.deprecated {
        reply.bulk_str("doc_flags");
        reply.set(1);
        reply.simple("deprecated");
        reply.bulk_str("deprecated_since");
        reply.bulk_str(deprecated.since);
        reply.bulk_str("replaced_by");
        reply.bulk_str(deprecated.replaced_by);
    }
    if !spec.history.is_empty() {
        reply.bulk_str("history");
        reply.set(spec.history.len());
        for (version, change) in spec.history {
            reply.array(2);
            reply.bulk_str(version);
            reply.bulk_str(change);
        }
    }
    if !spec.args.is_empty() {
        reply.bulk_str("arguments");
        write_args(reply, spec.args);
    }
    if !spec.subcommands.is_empty() {
        reply.bulk_str("subcommands");
        reply.map(spec.subcommands.len());
        for sub in spec.subcommands {
            reply.bulk_str(&sub.full_name());
            write(reply, sub);
        }
    }
}

fn write_args(reply: &mut Reply, args: &[Arg]) {
    reply.array(args.len());
    args.iter().for_each(|arg| write_arg(reply, arg));
}

fn write_arg(reply: &mut Reply, arg: &Arg) {
    let (kind, key) = kind(arg.kind);
    let flags: Vec<&str> = [
        (arg.optional, "optional"),
        (arg.multiple, "multiple"),
        (arg.multiple_token, "multiple_token"),
    ]
    .into_iter()
    .filter(|(set, _)| *set)
    .map(|(_, name)| name)
    .collect();
    let has_value = !matches!(arg.kind, ArgKind::OneOf | ArgKind::Block | ArgKind::Token);
    let count = [
        key.is_some(),
        has_value,
        !arg.token.is_empty(),
        !arg.since.is_empty(),
        !flags.is_empty(),
        !arg.parts.is_empty(),
    ];
    reply.map(2 + count.iter().filter(|part| **part).count());
    let mut text = |name: &str, value: &str| {
        reply.bulk_str(name);
        reply.bulk_str(value);
    };
    text("name", arg.name);
    text("type", kind);
    if has_value {
        text("display_text", arg.name);
    }
    if !arg.token.is_empty() {
        text("token", arg.token);
    }
    if !arg.since.is_empty() {
        text("since", arg.since);
    }
    if let Some(index) = key {
        reply.bulk_str("key_spec_index");
        reply.integer(index.into());
    }
    if !flags.is_empty() {
        reply.bulk_str("flags");
        reply.set(flags.len());
        flags.iter().for_each(|flag| reply.simple(flag));
    }
    if !arg.parts.is_empty() {
        reply.bulk_str("arguments");
        write_args(reply, arg.parts);
    }
}

/// Redis's name of a type; for a key also its specification.
fn kind(kind: ArgKind) -> (&'static str, Option<u8>) {
    match kind {
        ArgKind::Key(spec) => ("key", Some(spec)),
        ArgKind::String => ("string", None),
        ArgKind::Integer => ("integer", None),
        ArgKind::Double => ("double", None),
        ArgKind::Pattern => ("pattern", None),
        ArgKind::UnixTime => ("unix-time", None),
        ArgKind::Token => ("pure-token", None),
        ArgKind::OneOf => ("oneof", None),
        ArgKind::Block => ("block", None),
    }
}
