//! A page for each command, its subcommands on the same page, and an index by group.

use crate::{HEAD, cell, code};
use flashdb_command::key_spec::{Begin, Find, KeyFlags, KeySpec};
use flashdb_command::{CommandSpec, Flags, Group, help};
use std::collections::BTreeMap;
use std::fmt::Write;

/// File names with their text.
pub fn pages() -> Vec<(String, String)> {
    let registry = flashdb_server::command_registry();
    let mut rows: Vec<&'static CommandSpec> = registry.commands().map(|command| command.spec).collect();
    rows.sort_by_key(|row| row.name);
    let mut pages: Vec<_> = rows.iter().map(|row| (file_name(row), page(row))).collect();
    pages.push(("README.md".into(), index(&rows)));
    pages
}

fn file_name(row: &CommandSpec) -> String {
    format!("{}.md", row.name)
}

fn index(rows: &[&'static CommandSpec]) -> String {
    let mut groups: BTreeMap<Group, Vec<&CommandSpec>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.group).or_default().push(row);
    }
    let mut out = format!(
        "{HEAD}\n# Commands\n\nOne page per command. A word in `<>` stands for a value, what stands in `[]` may be left \
         out, `|` separates alternatives,\nand `...` repeats what stands before it.\n"
    );
    for (group, rows) in groups {
        put(
            &mut out,
            format_args!(
                "\n## {}\n\n| Command | Does | Since |\n|---|---|---|\n",
                title(group)
            ),
        );
        for row in rows {
            put(
                &mut out,
                format_args!(
                    "| [{}]({}) | {} | {} |\n",
                    upper(row.name),
                    file_name(row),
                    cell(row.summary),
                    row.since
                ),
            );
        }
    }
    out
}

fn title(group: Group) -> &'static str {
    match group {
        Group::Generic => "Keys of any type",
        Group::String => "Strings",
        Group::List => "Lists",
        Group::Set => "Sets",
        Group::SortedSet => "Sorted sets",
        Group::Hash => "Hashes",
        Group::PubSub => "Publish and subscribe",
        Group::Transactions => "Transactions",
        Group::Connection => "Connection",
        Group::Server => "Server",
        Group::Scripting => "Scripts and functions",
        Group::HyperLogLog => "HyperLogLog",
        Group::Cluster => "Cluster",
        Group::Geo => "Geographic sets",
        Group::Stream => "Streams",
        Group::Bitmap => "Bitmaps",
    }
}

fn page(row: &'static CommandSpec) -> String {
    let mut out = format!("{HEAD}\n# {}\n", upper(row.name));
    if row.subcommands.is_empty() {
        describe(&mut out, row, "##");
        return out;
    }
    put(
        &mut out,
        format_args!(
            "\n{}\n\n| Subcommand | Does | Since |\n|---|---|---|\n",
            row.summary
        ),
    );
    let mut subs: Vec<&'static CommandSpec> = row.subcommands.to_vec();
    subs.sort_by_key(|sub| sub.name);
    for sub in &subs {
        let anchor = format!("{}-{}", row.name, sub.name);
        put(
            &mut out,
            format_args!(
                "| [{}](#{anchor}) | {} | {} |\n",
                upper(sub.name),
                cell(sub.summary),
                sub.since
            ),
        );
    }
    for sub in subs {
        put(
            &mut out,
            format_args!("\n## {} {}\n", upper(row.name), upper(sub.name)),
        );
        describe(&mut out, sub, "###");
    }
    out
}

fn describe(out: &mut String, row: &'static CommandSpec, heading: &str) {
    put(
        out,
        format_args!("\n{}\n\n```text\n{}\n```\n", row.summary, grammar(row)),
    );
    put(
        out,
        format_args!("\n| | |\n|---|---|\n| Answers | {} |\n", cell(row.reply)),
    );
    put(out, format_args!("| Cost | {} |\n", cell(row.complexity)));
    put(out, format_args!("| Since | {} |\n", row.since));
    put(out, format_args!("| Group | {} |\n", row.group.name()));
    put(out, format_args!("| Words | {} |\n", words(row.arity)));
    for (number, spec) in row.keys.iter().enumerate() {
        let label = match (row.keys.len(), spec.flags.has(KeyFlags::NOT_KEY)) {
            (_, true) => "Channels".into(),
            (1, false) => "Keys".into(),
            (_, false) => format!("Keys ({})", number + 1),
        };
        put(out, format_args!("| {label} | {} |\n", keys(spec)));
    }
    list(out, "Flags", row.flags.names());
    let categories = flashdb_server::acl_categories(row).map(|category| format!("@{category}"));
    list(out, "ACL categories", categories);
    list(out, "Tips", row.tips.iter().copied());
    let remarks = remarks(row.flags);
    if !remarks.is_empty() {
        put(out, format_args!("| Runs | {} |\n", remarks.join("; ")));
    }
    if !row.history.is_empty() {
        put(
            out,
            format_args!("\n{heading} History\n\n| Version | Change |\n|---|---|\n"),
        );
        for (version, change) in row.history {
            put(out, format_args!("| {version} | {} |\n", cell(change)));
        }
    }
}

fn grammar(row: &CommandSpec) -> String {
    let mut text = match row.container {
        "" => upper(row.name),
        container => format!("{} {}", upper(container), upper(row.name)),
    };
    for arg in row.args {
        text.push(' ');
        help::write_arg(&mut text, arg);
    }
    text
}

fn words(arity: i32) -> String {
    match arity {
        0.. => format!("{arity}"),
        _ => format!("{} or more", -arity),
    }
}

/// A key specification in words.
fn keys(spec: &KeySpec) -> String {
    let begin = match spec.begin {
        Begin::Index(index) => format!("word {index}"),
        Begin::Keyword(word, _) => format!("behind {word}"),
        Begin::Unknown => "anywhere".into(),
    };
    let place = match spec.find {
        Find::Range { last: 0, .. } | Find::Unknown => begin,
        Find::Range { last, step, limit } => {
            let end = match last {
                -1 => "the last".into(),
                ..0 => format!("the {} last", -last),
                _ => format!("{last} words on"),
            };
            let every = if step > 1 {
                format!(", every {step}")
            } else {
                String::new()
            };
            let share = if limit > 1 {
                format!(", the first 1/{limit} of them")
            } else {
                String::new()
            };
            format!("{begin} to {end}{every}{share}")
        }
        Find::Counted { .. } => format!("as many as {begin} says"),
    };
    let mut text = format!("{place}: {}", spec.flags.names().collect::<Vec<_>>().join(", "));
    if !spec.notes.is_empty() {
        put(&mut text, format_args!(" ({})", spec.notes));
    }
    cell(&text)
}

fn remarks(flags: Flags) -> Vec<&'static str> {
    let all = [
        (Flags::EXCLUSIVE, "alone: no other command runs meanwhile"),
        (Flags::IMMEDIATE, "at once, also between MULTI and EXEC"),
        (Flags::NEEDS_DEBUG, "only where `enable-debug-command` allows it"),
    ];
    all.iter()
        .filter(|(flag, _)| flags.has(*flag))
        .map(|(_, text)| *text)
        .collect()
}

fn list(out: &mut String, label: &str, names: impl Iterator<Item = impl AsRef<str>>) {
    let names: Vec<String> = names.map(|name| code(name.as_ref())).collect();
    if !names.is_empty() {
        put(out, format_args!("| {label} | {} |\n", names.join(" ")));
    }
}

fn upper(name: &str) -> String {
    name.to_ascii_uppercase()
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string does not fail");
}
