//! HELP of a container command: its reply comes from the rows of the subcommands, so that it cannot
//! fall behind them. A container adds one row made by [`row`] with a handler that calls [`reply`]:
//!
//! ```text
//! static HELP: CommandSpec = help::row("object", "6.2.0", Group::Generic, help);
//! fn help(context: &mut Context<'_, '_>) -> CommandResult { help::reply(context, &OBJECT) }
//! ```

use crate::context::{CommandResult, Context};
use crate::spec::{Arg, ArgKind, CommandSpec, Flags, Group, Handler};

/// The row of `<container> HELP`.
pub const fn row(
    container: &'static str,
    since: &'static str,
    group: Group,
    handler: Handler,
) -> CommandSpec {
    CommandSpec {
        name: "help",
        container,
        summary: "Lists the subcommands.",
        since,
        group,
        arity: 2,
        flags: Flags::LOADING.and(Flags::STALE),
        reply: "Lines of text.",
        handler,
        ..CommandSpec::EMPTY
    }
}

/// Writes the help of `container`: a heading, then for each subcommand its grammar and its summary
/// on a line of their own, HELP at the end.
pub fn reply(context: &mut Context<'_, '_>, container: &CommandSpec) -> CommandResult {
    let rows = container.subcommands.iter().filter(|row| row.name != "help");
    context.reply.array(2 * rows.clone().count() + 3);
    context.reply.simple(&format!(
        "{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        container.name.to_ascii_uppercase()
    ));
    for row in rows {
        let mut line = row.name.to_ascii_uppercase();
        for arg in row.args {
            line.push(' ');
            write_arg(&mut line, arg);
        }
        context.reply.simple(&line);
        context.reply.simple(&format!("    {}", row.summary));
    }
    context.reply.simple("HELP");
    context.reply.simple("    Lists these subcommands.");
    Ok(())
}

/// Appends the grammar of a row's arguments: `<key> [NX|XX] [GET <pattern> ...]`.
pub fn write_arg(out: &mut String, arg: &Arg) {
    if arg.optional {
        out.push('[');
    }
    write_bare(out, arg);
    if arg.multiple {
        out.push_str(" [");
        if arg.multiple_token {
            write_bare(out, arg);
            out.push(' ');
        }
        out.push_str("...]");
    }
    if arg.optional {
        out.push(']');
    }
}

fn write_bare(out: &mut String, arg: &Arg) {
    let is_word = arg.kind == ArgKind::Token;
    if !arg.token.is_empty() {
        out.push_str(arg.token);
        if !is_word {
            out.push(' ');
        }
    }
    match arg.kind {
        ArgKind::Token => {}
        ArgKind::OneOf => {
            // Within brackets of its own the choice needs no others.
            let is_bracketed = arg.optional && !arg.multiple && arg.token.is_empty();
            if !is_bracketed {
                out.push('(');
            }
            write_parts(out, arg.parts, "|");
            if !is_bracketed {
                out.push(')');
            }
        }
        ArgKind::Block => write_parts(out, arg.parts, " "),
        _ => {
            out.push('<');
            out.push_str(arg.name);
            out.push('>');
        }
    }
}

fn write_parts(out: &mut String, parts: &[Arg], between: &str) {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.push_str(between);
        }
        write_arg(out, part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar_as_text() {
        const EXPIRY: &[Arg] = &[
            Arg::integer("seconds").with_token("EX"),
            Arg::word("keepttl", "KEEPTTL"),
        ];
        const PAIR: &[Arg] = &[Arg::string("field"), Arg::string("value")];
        let cases = [
            (Arg::key("key"), "<key>"),
            (Arg::one_of("expiry", EXPIRY).optional(), "[EX <seconds>|KEEPTTL]"),
            (Arg::one_of("expiry", EXPIRY), "(EX <seconds>|KEEPTTL)"),
            (
                Arg::pattern("p")
                    .with_token("GET")
                    .optional()
                    .multiple_with_token(),
                "[GET <p> [GET <p> ...]]",
            ),
            (Arg::block("data", PAIR).multiple(), "<field> <value> [...]"),
        ];
        for (arg, expected) in cases {
            let mut text = String::new();
            write_arg(&mut text, &arg);
            assert_eq!(text, expected);
        }
    }
}
