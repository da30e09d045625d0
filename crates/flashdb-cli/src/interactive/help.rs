//! What the server says about its commands (COMMAND DOCS): for `help`, for completion and for hints. Servers that do not
//! know COMMAND DOCS give at least the names (COMMAND).

use super::grammar::{self, Argument};
use crate::connection::Connection;
use flashdb_resp::reply::Value;

/// Everything known about the commands of a server.
#[derive(Default)]
pub struct Help {
    commands: Vec<Command>,
}

/// A command, or a subcommand.
pub struct Command {
    /// Its words in capitals, parted by blanks.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    summary: String,
    since: String,
    group: String,
}

/// Whether a line asks for help and not for a command.
pub fn is_asked(words: &[Vec<u8>]) -> bool {
    words
        .first()
        .is_some_and(|word| word.eq_ignore_ascii_case(b"help") || word == b"?")
}

impl Help {
    /// Asks the server; empty when it does not say.
    pub fn fetch(connection: &mut Connection) -> Self {
        let mut help = Help::default();
        let Ok(docs) = connection.ask(&["COMMAND", "DOCS"]) else {
            return help;
        };
        match docs.pairs().filter(|_| !docs.is_error()) {
            Some(pairs) => pairs.into_iter().for_each(|(name, doc)| help.add(name, doc)),
            None => help.add_names(connection),
        }
        help.commands.sort_by(|a, b| a.name.cmp(&b.name));
        help
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    fn add(&mut self, name: &Value, doc: &Value) {
        let text = |field: &str| {
            doc.field(field)
                .and_then(Value::bytes)
                .map(grammar::shown)
                .unwrap_or_default()
        };
        let Some(name) = name.bytes() else { return };
        self.commands.push(Command {
            name: grammar::shown(name).replace('|', " ").to_uppercase(),
            arguments: doc.field("arguments").map(grammar::read).unwrap_or_default(),
            summary: text("summary"),
            since: text("since"),
            group: text("group"),
        });
        let subcommands = doc.field("subcommands").and_then(Value::pairs);
        for (name, doc) in subcommands.unwrap_or_default() {
            self.add(name, doc);
        }
    }

    fn add_names(&mut self, connection: &mut Connection) {
        let Ok(table) = connection.ask(&["COMMAND"]) else {
            return;
        };
        for row in table.items().unwrap_or_default() {
            if let Some(name) = row.items().and_then(<[Value]>::first) {
                self.add(name, &Value::Null);
            }
        }
    }

    /// The command that the words begin with, and how many of them are its name.
    pub fn find(&self, words: &[&str]) -> Option<(&Command, usize)> {
        (1..=words.len().min(2)).rev().find_map(|count| {
            let name = words[..count].join(" ").to_uppercase();
            let at = self
                .commands
                .binary_search_by(|command| command.name.as_str().cmp(&name));
            Some((&self.commands[at.ok()?], count))
        })
    }

    /// Names of commands that begin with these letters, in any case.
    pub fn names_from<'a>(&'a self, letters: &str) -> impl Iterator<Item = &'a str> {
        let letters = letters.to_uppercase();
        let names = self.commands.iter().map(|command| command.name.as_str());
        names.filter(move |name| name.starts_with(&letters))
    }

    /// Groups that begin with these letters.
    pub fn groups_from(&self, letters: &str) -> Vec<&str> {
        let letters = letters.to_lowercase();
        let groups = self.commands.iter().map(|command| command.group.as_str());
        let mut groups: Vec<&str> = groups
            .filter(|group| !group.is_empty() && group.starts_with(&letters))
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// What `help WORDS` prints.
    pub fn answer(&self, words: &[Vec<u8>]) -> String {
        let words: Vec<String> = words.iter().map(|word| grammar::shown(word)).collect();
        let Some(first) = words.first() else {
            return general();
        };
        let name = words.join(" ").to_uppercase();
        let is_meant = |command: &Command| match first.strip_prefix('@') {
            Some(group) => command.group.eq_ignore_ascii_case(group),
            None => {
                let rest = command.name.strip_prefix(&name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            }
        };
        let meant = self.commands.iter().filter(|command| is_meant(command));
        let entries: String = meant.map(Command::entry).collect();
        if self.commands.is_empty() {
            return "\r\nThe server has not told what commands it has.\r\n\r\n".to_owned();
        }
        entries + "\r\n"
    }
}

impl Command {
    fn entry(&self) -> String {
        let line = |title: &str, text: &str| match text {
            "" => String::new(),
            text => format!("  \x1b[33m{title}:\x1b[0m {text}\r\n"),
        };
        format!(
            "\r\n  \x1b[1m{}\x1b[0m \x1b[90m{}\x1b[0m\r\n{}{}{}",
            self.name,
            grammar::render(&self.arguments),
            line("summary", &self.summary),
            line("since", &self.since),
            line("group", &self.group)
        )
    }
}

fn general() -> String {
    format!(
        "flashdb-cli {}\n\
         Help comes from the server that you are connected to:\n\
         \x20     \"help <command>\"    one command, or all that begin with this word\n\
         \x20     \"help @<group>\"     all commands of a group\n\
         \x20     \"help <tab>\"        goes through the commands\n\
         \x20     \"quit\"              ends\n\n\
         Preferences, also read from ~/.redisclirc:\n\
         \x20     \":set hints\"        shows the rest of a command while you type\n\
         \x20     \":set nohints\"      does not\n",
        env!("CARGO_PKG_VERSION")
    )
}
